-- Undo: what one request did, and a record's version, by ordinary writes; all or nothing; never over somebody else's change.
\ir scene.psql

-- As Acme's owner: a statement as one request of its own, and undoing it as the next.
create temporary table requests (name text primary key, id uuid);
grant all on requests to public;
create procedure pg_temp.request(name text, statement text, who uuid default null) language plpgsql as $$
declare
    s scene;
begin
    select * into s from scene;
    perform ucrm.enter(s.acme, coalesce(who, s.owner));
    execute statement;
    insert into requests select request.name, ucrm.request_id();
    commit;
end
$$;
create procedure pg_temp.undo(name text, inout said text, who uuid default null) language plpgsql as $$
declare
    s scene;
begin
    select * into s from scene;
    perform ucrm.enter(s.acme, coalesce(who, s.owner));
    begin
        said := (select coalesce(string_agg(concat_ws(' ', u.undone, u.resource), ', ' order by u.n), 'nothing')
                 from (select x.*, row_number() over () as n from ucrm.undo_request((select r.id from requests as r where r.name = undo.name)) as x) as u);
        insert into requests select 'undo of ' || undo.name, ucrm.request_id() on conflict on constraint requests_pkey do update set id = excluded.id;
    exception when others then
        said := sqlstate || ' ' || sqlerrm;
    end;
    commit;
end
$$;
create function pg_temp.state() returns text language sql security definer as $$
    select coalesce(string_agg(concat_ws(' ', c.name, c.stage, o.name, case when c.archived_at is not null then 'archived' end), ', ' order by c.name), 'nobody')
    from crm.contacts as c
    left join crm.organizations as o on o.tenant_id = c.tenant_id and o.id = c.organization_id
    where c.tenant_id = (select acme from scene) and c.name like 'undo %'
$$;
grant select on scene to public;
select m.user_id as agent from ucrm.tenant_memberships as m join ucrm.users as u on u.id = m.user_id where m.tenant_id = :'acme' and u.email like 'alan@%' \gset
set session authorization :"backend";
\set said ''

call pg_temp.request('create', $$with o as (insert into crm.organizations (name) values ('undo org') returning id) insert into crm.contacts (name, organization_id) select 'undo ' || n, o.id from o, generate_series(1, 3) as n$$);
select is(pg_temp.state(), 'undo 1 lead undo org, undo 2 lead undo org, undo 3 lead undo org', 'three contacts of one organization');
call pg_temp.undo('create', :'said') \gset
select is(:'said'::text, 'create contacts, create contacts, create contacts, create organizations', 'creating is undone, what refers first');
select is(pg_temp.state(), 'nobody', 'they are gone');
call pg_temp.undo('create', :'said') \gset
select is(:'said'::text, 'PT409 changed_since', 'nothing is undone twice');
call pg_temp.undo('undo of create', :'said') \gset
select is(:'said'::text, 'delete organizations, delete contacts, delete contacts, delete contacts', 'but undoing is undone');
select is(pg_temp.state(), 'undo 1 lead undo org, undo 2 lead undo org, undo 3 lead undo org', 'they are there again');
reset session authorization;
select set_eq(format('select id from crm.contacts where name like %L and tenant_id = %L', 'undo %', :'acme'),
    format('select record_id::uuid from ucrm.audit_logs where tenant_id = %L and resource = %L and action = %L and request_id = %L', :'acme', 'contacts', 'create', (select id from requests where name = 'create')), 'with their ids');
set session authorization :"backend";

call pg_temp.request('update', $$update crm.contacts set stage = 'won', notes = name where name in ('undo 1', 'undo 2')$$);
call pg_temp.request('archive', $$update crm.contacts set archived_at = now() where name = 'undo 3'$$);
call pg_temp.undo('update', :'said') \gset
select is(:'said'::text, 'update contacts, update contacts', 'changing is undone');
select is(pg_temp.state(), 'undo 1 lead undo org, undo 2 lead undo org, undo 3 lead undo org archived', 'and nothing else');
call pg_temp.undo('archive', :'said') \gset
select is(:'said'::text, 'archive contacts', 'archiving is');
call pg_temp.request('remove', $$delete from crm.organizations where name = 'undo org'$$);
select is(pg_temp.state(), 'undo 1 lead, undo 2 lead, undo 3 lead', 'deleting empties what referred to it');
call pg_temp.undo('remove', :'said') \gset
select is(:'said'::text, 'update contacts, update contacts, update contacts, delete organizations', 'and undoing it fills that again, with what it refers to');
select is(pg_temp.state(), 'undo 1 lead undo org, undo 2 lead undo org, undo 3 lead undo org', 'as it was');
call pg_temp.request('many', $q$do $do$ begin
    update crm.contacts set stage = 'won' where name like 'undo %';
    update crm.contacts set stage = 'lost' where name = 'undo 1';
    delete from crm.contacts where name = 'undo 2';
    insert into crm.contacts (name) values ('undo 4');
    update crm.contacts set name = 'undo 5' where name = 'undo 4';
end $do$$q$);
select is(pg_temp.state(), 'undo 1 lost undo org, undo 3 won undo org, undo 5 lead', 'a request that does several things to the same rows');
call pg_temp.undo('many', :'said') \gset
select is(pg_temp.state(), 'undo 1 lead undo org, undo 2 lead undo org, undo 3 lead undo org', 'is undone as a whole');

-- Somebody changed it since: nothing is undone.
call pg_temp.request('first', $$update crm.contacts set stage = 'won' where name in ('undo 1', 'undo 2')$$);
call pg_temp.request('second', $$update crm.contacts set notes = 'mine' where name = 'undo 2'$$);
call pg_temp.undo('first', :'said') \gset
select is(:'said'::text, 'PT409 changed_since', 'a later change of one row');
select is(pg_temp.state(), 'undo 1 won undo org, undo 2 won undo org, undo 3 lead undo org', 'keeps the others too');
call pg_temp.undo('second', :'said') \gset
call pg_temp.undo('first', :'said') \gset
select is(:'said'::text, 'PT409 changed_since', 'even when it was undone: it was a change');
call pg_temp.request('reset', $$update crm.contacts set stage = 'lead'$$);
call pg_temp.request('parent', $$insert into crm.organizations (name) values ('undo parent')$$);
call pg_temp.request('child', $$update crm.contacts set organization_id = (select id from crm.organizations where name = 'undo parent') where name = 'undo 1'$$);
call pg_temp.undo('parent', :'said') \gset
select is(:'said'::text, 'PT409 changed_since', 'what came to hang on it is not changed along');
select is(pg_temp.state(), 'undo 1 lead undo parent, undo 2 lead undo org, undo 3 lead undo org', 'it hangs there still');
call pg_temp.request('gone', $$delete from crm.contacts where name = 'undo 3'$$);
call pg_temp.request('back', $$insert into crm.contacts (id, name) select record_id::uuid, 'undo 3' from ucrm.audit_logs where action = 'delete' and before ->> 'name' = 'undo 3' order by id desc limit 1$$);
call pg_temp.undo('gone', :'said') \gset
select is(:'said'::text, 'PT409 changed_since', 'nor is a row put over one that took its id');

-- Whose it is.
call pg_temp.request('owned', $$update crm.contacts set notes = 'x' where name = 'undo 1'$$);
call pg_temp.undo('owned', :'said', :'agent') \gset
select is(:'said'::text, 'PT403 permission_denied', 'who does not read the audit log undoes nothing');
reset session authorization;
insert into ucrm.roles (tenant_id, name) values (:'acme', 'undoer');
insert into ucrm.role_permissions (tenant_id, role, resource, action, scope) values
(:'acme', 'undoer', 'audit_logs', 'read', 'all'), (:'acme', 'undoer', 'contacts', 'read', 'all'), (:'acme', 'undoer', 'contacts', 'update', 'own');
insert into ucrm.users (email, email_verified_at) values ('undoer@y.example', now()) returning id as undoer \gset
insert into ucrm.tenant_memberships (tenant_id, user_id, role) values (:'acme', :'undoer', 'undoer');
set session authorization :"backend";
call pg_temp.undo('owned', :'said', :'undoer') \gset
select is(:'said'::text, 'PT403 permission_denied', 'nor who may only change his own rows');
call pg_temp.undo('back', :'said', :'undoer') \gset
select is(:'said'::text, 'PT403 permission_denied', 'nor who may not delete what was created');
reset session authorization;
update crm.contacts set owner_id = :'undoer' where name = 'undo 2' and tenant_id = :'acme';
set session authorization :"backend";
call pg_temp.request('his', $$update crm.contacts set notes = 'y' where name = 'undo 2'$$);
call pg_temp.undo('his', :'said', :'undoer') \gset
select is(:'said'::text, 'update contacts', 'his own he does');
call pg_temp.request('given', $$update crm.contacts set owner_id = null where name = 'undo 2'$$);
call pg_temp.undo('given', :'said', :'undoer') \gset
select is(:'said'::text, 'PT403 permission_denied', 'but takes no row that was taken from him');

-- What cannot be, and what is nobody's business.
call pg_temp.request('role', $$select ucrm.create_role('undo_role', 'contacts:read', 'Undo')$$);
call pg_temp.undo('role', :'said') \gset
select is(:'said'::text, 'PT409 not_undoable', 'what is not in a protected table is not undone');
call pg_temp.request('drop role', $$select ucrm.delete_role('undo_role')$$);
insert into requests values ('unknown', ucrm.uuid7());
call pg_temp.undo('unknown', :'said') \gset
select is(:'said'::text, 'PT404 not_found', 'an unknown request');
reset session authorization;
begin;
update crm.contacts set notes = notes || '!' where tenant_id = :'globex';
update requests set id = ucrm.request_id() where name = 'unknown';
commit;
set session authorization :"backend";
call pg_temp.undo('unknown', :'said') \gset
select is(:'said'::text, 'PT404 not_found', 'is what another tenant''s is too');
call pg_temp.undo('nothing', :'said') \gset
select is(:'said'::text, 'PT404 not_found', 'and none');
begin;
select throws_ok('select ucrm.undo_request(ucrm.uuid7())', 'PT401', 'no_context', 'no context, no undo');
rollback;
reset session authorization;
select throws_ok(format('set local role %I; select ucrm.undo_request(ucrm.uuid7())', r), '42501', null, r || ' is not granted it') from unnest(array['ucrm_reader', 'ucrm_gateway']) as r;
-- Gates hold: a workspace whose trial is over writes nothing.
update ucrm.tenants set trial_ends_at = now() - interval '1 day' where id = :'acme';
set session authorization :"backend";
call pg_temp.undo('his', :'said') \gset
select ok(:'said' in ('PT402 trial_expired', 'PT409 changed_since'), 'gates are asked');
reset session authorization;
update ucrm.tenants set trial_ends_at = null where id = :'acme';

-- One record to a version.
begin;
select ucrm.enter(:'acme', :'owner') \g /dev/null
insert into crm.contacts (name, stage, email) values ('undo record', 'lead', 'a@y.example') returning id as record \gset
update crm.contacts set stage = 'won', email = null where id = :'record';
delete from crm.contacts where id = :'record';
create temporary table versions on commit drop as select h.*, row_number() over (order by h.version) as n from ucrm.history('crm.contacts', :'record') as h;
select is(ucrm.revert('crm.contacts', :'record', (select version from versions where n = 2)), 'created', 'a deleted record comes back as it was in a version');
select is((select concat_ws(' ', name, stage, email) from crm.contacts where id = :'record'), 'undo record won', 'with its id');
select is(ucrm.revert('crm.contacts', :'record', (select version from versions where n = 1)), 'updated', 'and goes further back');
select is((select concat_ws(' ', name, stage, email) from crm.contacts where id = :'record'), 'undo record lead a@y.example', 'to how it was made');
select is((select array_agg(action order by version) from ucrm.history('crm.contacts', :'record')), array['create', 'update', 'delete', 'create', 'update'], 'which are versions too');
select throws_ok(format('select ucrm.revert(%L, %L, %L::uuid)', 'crm.contacts', :'record', (select version from versions where n = 3)), 'PT409', 'not_undoable', 'a version in which it was gone');
select throws_ok(format('select ucrm.revert(%L, %L, ucrm.uuid7())', 'crm.contacts', :'record'), 'PT404', 'not_found', 'a version of nothing');
select throws_ok(format('select ucrm.revert(%L, %L, %L::uuid)', 'crm.contacts', :'record', (select id from ucrm.audit_logs where tenant_id = :'acme' and resource = 'organizations' limit 1)), 'PT404', 'not_found', 'a version of another record');
rollback;

-- Secrets do not come back.
begin;
select ucrm.enter(:'acme', :'owner') \g /dev/null
insert into crm.channels (name, kind, token) values ('undo channel', 'telegram', '12345:a secret token') returning id as channel \gset
select ucrm.request_id() as own_request \gset
select throws_ok(format('select * from ucrm.undo_request(%L)', :'own_request'), 'PT409', 'not_undoable', 'a transaction undoes itself by ROLLBACK');
rollback;

delete from crm.contacts where tenant_id = :'acme' and name like 'undo %';
delete from crm.organizations where tenant_id = :'acme' and name like 'undo %';
delete from ucrm.users where email = 'undoer@y.example';
delete from ucrm.role_permissions where role = 'undoer';
delete from ucrm.roles where name = 'undoer';
delete from ucrm.events where request_id in (select id from requests);
select '1..' || currval('__tresults___numb_seq');
