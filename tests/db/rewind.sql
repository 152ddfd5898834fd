-- A workspace goes back to a moment: every protected table is what it was, nobody else's row moves, and history goes on.
\ir scene.psql
create temporary table before (name text, tenant text, image jsonb);
create procedure pg_temp.copy_all(place text) language plpgsql as $$
declare
    t record;
begin
    for t in select r.name, format('%I.%I', r.table_schema, r.table_name) as relation from ucrm.resources as r where r.kind = 'entity' loop
        execute format('insert into before select %L, %L || (case x.tenant_id when (select acme from scene) then %L else %L end), to_jsonb(x) from %s as x', t.name, place, ' acme', ' others', t.relation);
    end loop;
end
$$;
create function pg_temp.differences(one text, other text) returns setof text language sql as $$
    select distinct v.name
    from (
        (select b.name, b.image from before as b where b.tenant = one except all select b.name, b.image from before as b where b.tenant = other)
        union all
        (select b.name, b.image from before as b where b.tenant = other except all select b.name, b.image from before as b where b.tenant = one)
    ) as v
$$;
create function pg_temp.told(statement text) returns text language plpgsql as $$
begin
    execute statement;
    return 'done';
exception when others then
    return sqlstate || ' ' || sqlerrm;
end
$$;

begin;
update crm.contacts set external_id = 'one' where id = (select id from crm.contacts where tenant_id = :'acme' order by id limit 1);
update crm.contacts set external_id = 'two' where id = (select id from crm.contacts where tenant_id = :'acme' order by id desc limit 1);
insert into crm.channels (tenant_id, name, kind, token) values (:'acme', 'kept', 'telegram', '12345:the first secret'), (:'acme', 'dropped', 'telegram', '12345:the first secret');
call pg_temp.copy_all('then');
select clock_timestamp() as moment \gset

-- Everything that can happen to rows: also two that exchange a value, which a statement row by row could not undo.
delete from crm.organizations where tenant_id = :'acme' and id in (select id from crm.organizations where tenant_id = :'acme' order by id limit 1);
update crm.contacts set external_id = null where tenant_id = :'acme' and external_id = 'two';
update crm.contacts set external_id = 'two' where tenant_id = :'acme' and external_id = 'one';
insert into crm.contacts (tenant_id, name, external_id) values (:'acme', 'came later', 'one');
update crm.deals set name = name || '!' where tenant_id = :'acme';
delete from crm.tasks where tenant_id = :'acme';
update engagement.players set external_id = external_id || '!' where tenant_id = :'acme';
insert into crm.organizations (tenant_id, name) values (:'acme', 'came later');
insert into crm.notes (tenant_id, organization_id, body) select :'acme', id, 'came later' from crm.organizations where tenant_id = :'acme' and name = 'came later';
update crm.channels set token = '12345:another secret' where tenant_id = :'acme' and name = 'kept';
delete from crm.channels where tenant_id = :'acme' and name = 'dropped';
update crm.contacts set name = 'somebody else''s' where tenant_id = :'globex';
alter table crm.deals add column grown text not null default 'grown';
call pg_temp.copy_all('changed');
select clock_timestamp() as between \gset
select ok((select count(*) from pg_temp.differences('then acme', 'changed acme')) > 5, 'several tables changed');

create temporary table rewound on commit drop as select * from ucrm.rewind_tenant(:'acme', :'moment');
alter table crm.deals drop column grown cascade;
call pg_temp.copy_all('now');
select set_eq($$select * from pg_temp.differences('then acme', 'now acme')$$, array['channels'], 'every table is as it was');
select is((select array_agg(concat_ws(' ', name, token) order by name) from crm.channels where tenant_id = :'acme' and name in ('kept', 'dropped')), array['dropped', 'kept ••••cret'], 'but for secrets');
select is(convert_from(ucrm.secret(:'acme', ucrm.secret_kind('channels', 'token'), (select id from crm.channels where tenant_id = :'acme' and name = 'kept')), 'UTF8'), '12345:another secret', 'a changed one stays as it is now');
select set_eq($$select * from pg_temp.differences('changed others', 'now others')$$, $$select 'deals' where exists (select from crm.deals as d, scene as s where d.tenant_id <> s.acme)$$, 'nobody else''s row moved');
select is((select array[created, updated, deleted] from rewound where resource = 'organizations'), array[1, 0, 1]::bigint[], 'how many came, changed and went');
select is((select detail ->> 'deleted' from ucrm.platform_audit_logs where action = 'tenant.rewound' and tenant_id = :'acme'), (select sum(deleted)::text from rewound), 'the platform''s audit says so');

-- Time travel goes through it.
select is((select count(*) from ucrm.audit_logs as l where l.id > ucrm.uuid_after(:'between') and l.tenant_id = :'acme' and l.action in ('create', 'update', 'delete')), (select sum(created + updated + deleted)::bigint from rewound), 'each changed row left an audit row');
select is((select count(*) from ucrm.events as e where e.id > ucrm.uuid_after(:'between') and e.tenant_id = :'acme'), (select sum(created + updated + deleted)::bigint from rewound), 'and an event');
select ucrm.enter(:'acme', :'owner') \g /dev/null
select set_eq(format($$select a - 'token' from ucrm.as_of(%L, %L) as a$$, v.relation, :'between'), format($$select image - 'token' from before where tenant = 'changed acme' and name = %L$$, v.name), v.name || ': before the rewind it was as it was')
from (values ('contacts', 'crm.contacts'), ('organizations', 'crm.organizations'), ('deals', 'crm.deals'), ('channels', 'crm.channels')) as v (name, relation);
select set_eq(format($$select a - 'token' from ucrm.as_of(%L, clock_timestamp()) as a$$, v.relation), format($$select image - 'token' from before where tenant = 'now acme' and name = %L$$, v.name), v.name || ': and after it')
from (values ('contacts', 'crm.contacts'), ('organizations', 'crm.organizations'), ('channels', 'crm.channels')) as v (name, relation);
rollback;

-- A member who has left.
begin;
select m.user_id as agent from ucrm.tenant_memberships as m join ucrm.users as u on u.id = m.user_id where m.tenant_id = :'acme' and u.email like 'alan@%' \gset
insert into crm.contacts (tenant_id, name, owner_id) values (:'acme', 'left', :'agent');
select clock_timestamp() as moment \gset
delete from crm.contacts where tenant_id = :'acme' and name = 'left';
delete from ucrm.tenant_memberships where tenant_id = :'acme' and user_id = :'agent';
select lives_ok(format('select ucrm.rewind_tenant(%L, %L)', :'acme', :'moment'), 'rows of a member who has left come back');
select is((select owner_id from crm.contacts where tenant_id = :'acme' and name = 'left'), null, 'as nobody''s');
rollback;

-- Nothing changed, nothing is written; refusals; who may.
begin;
select clock_timestamp() as moment \gset
select is_empty(format('select * from ucrm.rewind_tenant(%L, %L)', :'acme', :'moment'), 'where nothing changed nothing does');
rollback;
select is(pg_temp.told('select ucrm.rewind_tenant(ucrm.uuid7(), now())'), 'PT404 not_found', 'an unknown workspace');
select is(pg_temp.told(format('select ucrm.rewind_tenant(%L, now() + interval ''1 hour'')', :'acme')), 'PT422 moment_unknown', 'a moment to come');
select is(pg_temp.told(format('select ucrm.rewind_tenant(%L, null)', :'acme')), 'PT422 moment_unknown', 'none');
select is(pg_temp.told(format('set local role %I; select ucrm.rewind_tenant(%L, now())', r, :'acme')), '42501 permission denied for function rewind_tenant', r || ' rewinds nothing')
from unnest(array['ucrm_app', 'ucrm_reader', 'ucrm_gateway', 'ucrm_handler', 'ucrm_platform', 'ucrm_mover']) as r;

select '1..' || currval('__tresults___numb_seq');
