-- A plan outlives a transaction, a worker and a cursor; what it shows follows the context of whoever runs it.
\ir scene.psql

-- Prepared once, executed in one tenant, another, none, and as another login, with custom and with generic plans.
create function pg_temp.seen_by_prepared(name text)
returns uuid[]
language plpgsql
as $$
declare
    r record;
    seen uuid[] := '{}';
begin
    for r in execute format('execute %I', name) loop
        seen := seen || r.tenant;
    end loop;
    return seen;
end
$$;
set session authorization :"backend";
select format('prepare %I as select distinct %I as tenant from %s', 'all ' || name, tenant_column, name)
from tables
where tenant_column is not null and has_any_column_privilege(relation, 'select') \gexec
reset session authorization;
create temporary table prepared as select name from tables where tenant_column is not null and has_any_column_privilege(:'backend', relation, 'select');
grant select on prepared to public;
select cmp_ok(count(*), '>=', 9::bigint, 'the tables that a back end reads are prepared') from prepared;

-- Ten executions let PostgreSQL choose a generic plan for good.
set session authorization :"backend";
begin;
select ucrm.enter(:'acme', :'owner');
select is(pg_temp.seen_by_prepared('all crm.contacts'), array[:'acme'::uuid], format('the first tenant, execution %s', n)) from generate_series(1, 10) as n;
select ok(pg_temp.seen_by_prepared('all ' || name) <@ array[:'acme'::uuid], name || ': prepared, in the first tenant') from prepared;
commit;
begin;
select ucrm.enter(:'globex', :'stranger');
select is(pg_temp.seen_by_prepared('all crm.contacts'), array[:'globex'::uuid], 'the same plan in another tenant shows that one''s rows');
select ok(pg_temp.seen_by_prepared('all ' || name) <@ array[:'globex'::uuid], name || ': prepared, in another tenant') from prepared;
commit;
begin;
set local plan_cache_mode = force_generic_plan;
select ucrm.enter(:'acme');
select ok(pg_temp.seen_by_prepared('all ' || name) <@ array[:'acme'::uuid], name || ': a generic plan, in the first tenant again') from prepared;
commit;
begin;
set local plan_cache_mode = force_generic_plan;
select ucrm.enter(:'globex');
select ok(pg_temp.seen_by_prepared('all ' || name) <@ array[:'globex'::uuid], name || ': a generic plan, in the other again') from prepared;
commit;
begin;
select is(pg_temp.seen_by_prepared('all ' || name), '{}'::uuid[], name || ': the same plan without a context shows nothing') from prepared;
commit;
set session authorization :"report";
begin;
select ok(pg_temp.seen_by_prepared('all ' || name) <@ array[:'acme'::uuid], name || ': the same plan run by a bound login') from prepared;
commit;
reset session authorization;

-- Planned first by a superuser, for whom row security is off.
prepare planned_by_superuser as select distinct tenant_id as tenant from crm.contacts;
begin;
select cmp_ok(cardinality(pg_temp.seen_by_prepared('planned_by_superuser')), '>', 1, 'a superuser sees all tenants');
set session authorization :"backend";
select ucrm.enter(:'acme');
select is(pg_temp.seen_by_prepared('planned_by_superuser'), array[:'acme'::uuid], 'his plan does not serve somebody else');
reset session authorization;
rollback;

-- Parallel plans: the workers know what the leader knows.
create temporary table nouns as select p.relation, p.noun from ucrm.protected_tables() as p;
grant select on nouns to public;
analyze crm.contacts, crm.organizations, ucrm.events;
create function pg_temp.seen_in_parallel(relation text, tenant_column text)
returns uuid[]
language plpgsql
as $$
declare
    line text;
    workers boolean := false;
    seen uuid[];
begin
    for line in execute format('explain (analyze, costs off) select %I from %s', tenant_column, relation) loop
        workers := workers or line ~ 'Workers Launched: [1-9]';
    end loop;
    execute format('select array_agg(distinct %I) from %s', tenant_column, relation) into seen;
    return case when workers then coalesce(seen, '{}') end;
end
$$;
create function pg_temp.parallel()
returns void
language sql
as $$
    select set_config(name, value, true)
    from (values ('force_parallel_mode', 'on'), ('debug_parallel_query', 'on'), ('parallel_setup_cost', '0'), ('parallel_tuple_cost', '0'),
                 ('min_parallel_table_scan_size', '0'), ('min_parallel_index_scan_size', '0'), ('max_parallel_workers_per_gather', '2'),
                 ('enable_indexscan', 'off'), ('enable_indexonlyscan', 'off'), ('enable_bitmapscan', 'off'), ('seq_page_cost', '0')) as v (name, value)
    where exists (select from pg_settings as s where s.name = v.name)
$$;
begin;
select from pg_temp.parallel();
set session authorization :"backend";
select ucrm.enter(:'acme', :'owner');
select is(pg_temp.seen_in_parallel(name, tenant_column), array[:'acme'::uuid], name || ': parallel workers of an entered context')
from tables where protected;
select is(pg_temp.seen_in_parallel('ucrm.events', 'tenant_id'), array[:'acme'::uuid], 'ucrm.events: permissions asked per row, in workers');
select is((select array_agg(distinct x order by x) from (select ucrm.tenant_id()::text as x from crm.contacts union all select ucrm.user_id()::text from crm.contacts
    union all select ucrm.member_role() from crm.contacts union all select ucrm.permissions() from crm.contacts) as v),
    (select array_agg(x order by x) from unnest(array[:'acme', :'owner', 'owner', '*:*']) as x), 'workers answer for tenant, user, role and permissions');
reset session authorization;
rollback;
begin;
select from pg_temp.parallel();
set session authorization :"report";
select is(pg_temp.seen_in_parallel(t.name, t.tenant_column), case when ucrm.has_permission(r.noun, 'read') then array[:'acme'::uuid] else '{}' end, t.name || ': parallel workers of a bound login')
from tables as t join nouns as r on r.relation = t.relation where t.protected;
select is((select count(*) from crm.contacts where ucrm.tenant_id() = :'acme'), 3::bigint, 'the binding, asked in workers');
reset session authorization;
rollback;
begin;
select from pg_temp.parallel();
set session authorization :"backend";
select is(pg_temp.seen_in_parallel(name, tenant_column), '{}'::uuid[], name || ': parallel workers without a context')
from tables where protected;
reset session authorization;
rollback;

-- A cursor: what it shows is settled when it is opened, in the context of whoever opened it.
set session authorization :"backend";
begin;
select ucrm.enter(:'acme', :'owner');
declare held cursor with hold for select tenant_id from crm.contacts;
commit;
begin;
select ucrm.enter(:'globex');
create temporary table fetched (tenant_id uuid) on commit drop;
select is((select array_agg(distinct tenant_id) from crm.contacts), array[:'globex'::uuid], 'a held cursor changes nothing for the next transaction');
commit;
begin;
declare early cursor for select tenant_id from crm.contacts;
select ucrm.enter(:'acme');
fetch all from early;
commit;
close held;
reset session authorization;

-- COPY FROM into a protected table is refused before a row is read.
\set ON_ERROR_STOP off
begin;
set session authorization :"backend";
select ucrm.enter(:'acme', :'owner');
savepoint s;
copy crm.contacts (name) from stdin;
Somebody
\.
\set state :SQLSTATE
rollback to s;
reset session authorization;
select is(:'state'::text, '0A000', 'COPY FROM is refused for a back end');
set session authorization :"report";
savepoint s;
copy crm.contacts (name) from stdin;
Somebody
\.
\set state :SQLSTATE
rollback to s;
reset session authorization;
select is(:'state'::text, '42501', 'and for a login that only reads');
rollback;
\set ON_ERROR_STOP on

select '1..' || currval('__tresults___numb_seq');
