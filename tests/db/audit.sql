-- Every changed row leaves one audit row and one event, whatever the statement; a no-op leaves none; nobody takes any
-- back. As a back end that entered Acme as its owner.
\ir scene.psql

-- What a statement left: action, record, changed columns; and of the outbox: type and changes.
create table pg_temp.marks (audit uuid, event uuid);
grant all on marks to public;
create function pg_temp.mark() returns void language sql security definer as $$
    delete from pg_temp.marks;
    insert into pg_temp.marks select coalesce((select max(id::text)::uuid from ucrm.audit_logs), '00000000-0000-0000-0000-000000000000'), coalesce((select max(id::text)::uuid from ucrm.events), '00000000-0000-0000-0000-000000000000');
$$;
create function pg_temp.logged() returns text language sql security definer as $$
    select coalesce(string_agg(concat_ws(' ', l.action, l.resource, coalesce(l.after, l.before) ->> 'name', nullif(array_to_string(l.changed, ','), '')), '; ' order by l.action, l.resource, coalesce(l.after, l.before) ->> 'name'), 'nothing')
    from ucrm.audit_logs as l, pg_temp.marks as m where l.id > m.audit
$$;
create function pg_temp.announced() returns text language sql security definer as $$
    select coalesce(string_agg(concat_ws(' ', e.type, e.data ->> 'name'), '; ' order by e.type, e.data ->> 'name'), 'nothing')
    from ucrm.events as e, pg_temp.marks as m where e.id > m.event
$$;
create function pg_temp.leaves(statement text) returns text language plpgsql as $$
begin
    perform pg_temp.mark();
    execute statement;
    return pg_temp.logged() || ' | ' || pg_temp.announced();
end
$$;

begin;
delete from crm.contacts where tenant_id = :'acme';
delete from crm.organizations where tenant_id = :'acme';
set session authorization :"backend";
select ucrm.enter(:'acme', :'owner');
select is(pg_temp.leaves($$insert into crm.contacts (name) values ('a')$$), 'create contacts a | contacts.created a', 'INSERT');
select is(pg_temp.leaves($$insert into crm.contacts (name) select unnest(array['b', 'c', 'd'])$$), 'create contacts b; create contacts c; create contacts d | contacts.created b; contacts.created c; contacts.created d', 'INSERT … SELECT of three');
select is(pg_temp.leaves($$insert into crm.contacts (name) select 'x' where false$$), 'nothing | nothing', 'of none');
select is(pg_temp.leaves($$update crm.contacts set stage = 'won' where name = 'a'$$), 'update contacts a stage | contacts.updated a', 'UPDATE');
select is(pg_temp.leaves($$update crm.contacts set stage = 'won' where name = 'a'$$), 'nothing | nothing', 'UPDATE that changes nothing');
select is(pg_temp.leaves($$update crm.contacts set notes = name where name in ('b', 'c', 'd')$$), 'update contacts b notes; update contacts c notes; update contacts d notes | contacts.updated b; contacts.updated c; contacts.updated d', 'UPDATE of three');
select is(pg_temp.leaves($$update crm.contacts set notes = case name when 'b' then 'new' else notes end where name in ('b', 'c', 'd')$$), 'update contacts b notes | contacts.updated b', 'UPDATE of three that changes one');
select is(pg_temp.leaves($$update crm.contacts set archived_at = now() where name = 'b'$$), 'archive contacts b archived_at | contacts.archived b', 'archiving');
select is(pg_temp.leaves($$update crm.contacts set archived_at = null where name = 'b'$$), 'restore contacts b archived_at | contacts.restored b', 'restoring');
select is(pg_temp.leaves($$update crm.contacts set id = '01a00000-0000-7000-8000-000000000001' where name = 'b'$$), 'update contacts b id | contacts.updated b', 'UPDATE of a key');
select is(pg_temp.leaves($$update crm.contacts set id = ucrm.uuid7(), stage = 'lost' where name in ('b', 'c')$$), 'update contacts b id,stage; update contacts c id,stage | contacts.updated b; contacts.updated c', 'of several');
select is((select count(*) from ucrm.audit_logs as l where l.action = 'update' and l.before ->> 'name' is distinct from l.after ->> 'name' and l.resource = 'contacts' and l.at >= now()), 0::bigint, 'before and after are of the same row');
select is(pg_temp.leaves($$insert into crm.contacts (name, external_id) values ('e', '1') on conflict (tenant_id, external_id) do nothing$$), 'create contacts e | contacts.created e', 'ON CONFLICT without a conflict');
select is(pg_temp.leaves($$insert into crm.contacts (name, external_id) values ('f', '1') on conflict (tenant_id, external_id) do nothing$$), 'nothing | nothing', 'DO NOTHING');
select is(pg_temp.leaves($$insert into crm.contacts (name, external_id) values ('f', '1') on conflict (tenant_id, external_id) do update set name = excluded.name$$), 'update contacts f name | contacts.updated f', 'DO UPDATE');
select is(pg_temp.leaves($$insert into crm.contacts (name, external_id) values ('f', '1'), ('g', '2') on conflict (tenant_id, external_id) do update set name = excluded.name || '2'$$), 'create contacts g; update contacts f2 name | contacts.created g; contacts.updated f2', 'DO UPDATE and INSERT in one');
select is(pg_temp.leaves($$merge into crm.contacts as t using (values ('1', 'm'), ('2', null), ('3', 'n')) as s (external_id, name) on t.external_id = s.external_id
    when matched and s.name is null then delete when matched then update set name = s.name when not matched then insert (name, external_id) values (s.name, s.external_id)$$),
    'create contacts n; delete contacts g; update contacts m name | contacts.created n; contacts.deleted g; contacts.updated m', 'MERGE with all three');
select is(pg_temp.leaves($$with gone as (delete from crm.contacts where name = 'n' returning *) insert into crm.contacts (name) select 'o' from gone$$), 'create contacts o; delete contacts n | contacts.created o; contacts.deleted n', 'a writing CTE');
select is(pg_temp.leaves($$delete from crm.contacts where name in ('c', 'd')$$), 'delete contacts c; delete contacts d | contacts.deleted c; contacts.deleted d', 'DELETE of two');
select is(pg_temp.leaves($$delete from crm.contacts where false$$), 'nothing | nothing', 'of none');
select is(pg_temp.leaves($$insert into crm.organizations (name) values ('org')$$), 'create organizations org | organizations.created org', 'another table');
select is(pg_temp.leaves($$update crm.contacts set organization_id = (select id from crm.organizations) where name in ('a', 'b')$$), 'update contacts a organization_id; update contacts b organization_id | contacts.updated a; contacts.updated b', 'a link');
select is(pg_temp.leaves($$delete from crm.organizations$$),
    'delete organizations org; update contacts a organization_id; update contacts b organization_id | contacts.updated a; contacts.updated b; organizations.deleted org', 'what a referential action changes is written down too');
select is(pg_temp.leaves($q$do $do$ begin insert into crm.contacts (name) values ('gone'); raise exception using errcode = 'RB000'; exception when sqlstate 'RB000' then null; end $do$$q$), 'nothing | nothing', 'what was rolled back leaves nothing');

-- Who, what, when.
select is((select count(*) from ucrm.audit_logs as l where l.request_id = ucrm.request_id()
    and (l.tenant_id, l.actor_kind, l.user_id, l.db_login) is distinct from (:'acme'::uuid, 'member', :'owner'::uuid, :'backend')), 0::bigint, 'every row says which tenant, whom and by which login');
select is((select count(*) from ucrm.audit_logs as l join ucrm.events as e on e.tenant_id = l.tenant_id and e.id = l.id where l.request_id = ucrm.request_id() and l.request_id = e.request_id and l.record_id = e.record_id),
    (select count(*) from ucrm.audit_logs as l where l.request_id = ucrm.request_id()), 'and has its event under the same id');
select is((select e.changes from ucrm.events as e where e.type = 'contacts.updated' and e.changes ? 'stage' and e.data ->> 'name' = 'a'), '{"stage": {"previous": "lead", "current": "won"}}', 'an event says what changed, from what to what');
select is((select l.before -> 'stage' from ucrm.audit_logs as l where l.changed = '{stage}' and l.after ->> 'name' = 'a'), '"lead"', 'and the audit how it was');
select results_eq($$select action from ucrm.audit_logs where request_id = ucrm.request_id() and after ->> 'name' = 'a' or before ->> 'name' = 'a' and request_id = ucrm.request_id() order by id$$,
    array['create', 'update', 'update', 'update'], 'ids are in the order of time');
reset session authorization;
rollback;

-- A context without a user, a superuser, and the platform.
begin;
set session authorization :"backend";
select ucrm.enter(:'acme');
insert into crm.contacts (name) values ('by the service');
reset session authorization;
select is((select array[actor_kind, user_id::text] from ucrm.audit_logs where after ->> 'name' = 'by the service'), array['service', null], 'the service is written down as such');
insert into crm.contacts (tenant_id, name) values (:'globex', 'by a superuser');
rollback;
begin;
insert into crm.contacts (tenant_id, name) values (:'globex', 'by a superuser');
select is((select array[tenant_id::text, actor_kind, user_id::text, db_login] from ucrm.audit_logs where after ->> 'name' = 'by a superuser'), array[:'globex', 'database', null, session_user::text], 'a superuser''s write is audited under the row''s tenant');
set role ucrm_platform;
insert into crm.contacts (tenant_id, name) values (:'globex', 'by the platform');
select is((select count(*) from ucrm.audit_logs where after ->> 'name' = 'by the platform'), 1::bigint, 'and so is the platform''s');
reset role;
rollback;

-- A tenant that is being restored brings its own audit and outbox: it alone is silenced.
begin;
create temporary table heard as select 0 as step, null::uuid as tenant_id, null::text as trail, null::text as action limit 0;
create function pg_temp.listen(step integer) returns void language plpgsql as $$
begin
    insert into crm.contacts (tenant_id, name) select t, 'hushed ' || step from (select acme as t from scene union all select globex from scene) as x;
    update crm.contacts set email = 'hushed@loud.example' where name = 'hushed ' || step;
    delete from crm.contacts where name = 'hushed ' || step;
    insert into heard
    select step, a.tenant_id, 'audit', a.action from ucrm.audit_logs as a where 'hushed ' || step in (a.after ->> 'name', a.before ->> 'name')
    union all
    select step, e.tenant_id, 'outbox', split_part(e.type, '.', 2) from ucrm.events as e where e.data ->> 'name' = 'hushed ' || step;
end
$$;
select pg_temp.listen(1) \g /dev/null
select ucrm.hush(:'acme') \g /dev/null
select pg_temp.listen(2) \g /dev/null
select ucrm.hush(null) \g /dev/null
select pg_temp.listen(3) \g /dev/null
select is((select count(*) from heard where step = n), c::bigint, format('%s: %s rows', what, c))
from (values (1, 12, 'nobody is silenced: six statements'' rows, audit and outbox'), (2, 6, 'one tenant is'), (3, 12, 'nobody again')) as v (n, c, what);
select is((select array_agg(distinct tenant_id::text) from heard where step = 2), array[:'globex'], 'the other is heard');
select ucrm.hush(:'acme') \g /dev/null
rollback;
select is(ucrm.hushed_tenant(), null, 'the transaction''s end lifts it');

-- Append-only.
select throws_ok(format('set local role %I; %s', r, s), '42501', null, format('%s: %s', r, s))
from unnest(array['ucrm_app', 'ucrm_reader', 'ucrm_gateway', 'ucrm_handler', 'ucrm_tables', 'ucrm_mover']) as r,
     unnest(array['update ucrm.audit_logs set action = action', 'delete from ucrm.audit_logs', 'truncate ucrm.audit_logs', 'insert into ucrm.audit_logs (tenant_id) values (null)',
                  'update ucrm.events set type = type', 'delete from ucrm.events', 'insert into ucrm.events (tenant_id) values (null)',
                  'update ucrm.platform_audit_logs set action = action', 'delete from ucrm.platform_audit_logs']) as s;
select throws_ok(format('set local role ucrm_platform; %s', s), '42501', null, 'ucrm_platform: ' || s)
from unnest(array['update ucrm.audit_logs set action = action', 'truncate ucrm.audit_logs', 'delete from ucrm.audit_logs', 'update ucrm.events set type = type', 'update ucrm.platform_audit_logs set action = action', 'delete from ucrm.platform_audit_logs']) as s;

-- Who may read it.
begin;
select m.user_id as agent from ucrm.tenant_memberships as m join ucrm.users as u on u.id = m.user_id where m.tenant_id = :'acme' and u.email like 'alan@%' \gset
set session authorization :"backend";
select ucrm.enter(:'acme', :'agent');
select is((select count(*) from ucrm.audit_logs), 0::bigint, 'an agent does not read the audit log');
select ok((select count(*) from ucrm.events where resource = 'contacts') > 0, 'but events of what he may read');
select is((select count(*) from ucrm.events where resource in ('api_keys', 'members', 'tenant')), 0::bigint, 'and of nothing else');
reset session authorization;
rollback;
begin;
set session authorization :"report";
select is((select count(*) from ucrm.audit_logs), 0::bigint, 'nor does a bound reader');
reset session authorization;
rollback;
-- Read-only roles in an erased tenant: nothing is written for a tenant that is vanishing.
begin;
delete from ucrm.tenants where id = :'globex';
select is((select count(*) from ucrm.audit_logs where tenant_id = :'globex') + (select count(*) from ucrm.events where tenant_id = :'globex'), 0::bigint, 'a tenant that is deleted leaves neither audit nor event');
select is((select count(*) from ucrm.platform_audit_logs where tenant_id = :'globex' and action = 'tenant.deleted'), 1::bigint, 'but one tombstone');
rollback;

select '1..' || currval('__tresults___numb_seq');
