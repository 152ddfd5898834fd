-- A workspace of a million rows: lists, filters, sorts, search and deep pages are read from an index under row security,
-- by the plans that ucrm.run() keeps.
\ir scene.psql
create schema million;
create table million.things (
    tenant_id uuid not null,
    id uuid not null default ucrm.uuid7(),
    name text not null,
    email text,
    stage text not null,
    owner_id uuid,
    created_at timestamptz not null,
    archived_at timestamptz,
    primary key (tenant_id, id)
);
alter table million.things owner to ucrm_tables;
grant usage on schema million to ucrm_tables;
select ucrm.protect('million.things', 'things', search => array['name', 'email']) \g /dev/null
begin;
set local session_replication_role = replica;
set local synchronous_commit = off;
insert into million.things (tenant_id, id, name, email, stage, created_at)
select case when n % 11 = 0 then :'globex'::uuid else :'acme'::uuid end, md5('id' || n)::uuid, initcap(translate(left(md5(n::text), 9), '0123456789', 'ghijklmnop')),
       case when n % 3 > 0 then translate(left(md5('mail' || n), 8), '0123456789', 'qrstuvwxyz') || '@example.org' end,
       (array['lead', 'qualified', 'won', 'lost'])[1 + n % 4], timestamptz '2020-01-01 00:00+00' + n * interval '1 minute'
from generate_series(1, 1100000) as n;
commit;
set maintenance_work_mem = '512MB';
create index things_newest on million.things (tenant_id, created_at desc, id desc) include (owner_id, archived_at);
create index things_name on million.things (tenant_id, name, id);
create index things_email on million.things (tenant_id, email, id);
select is(ucrm.index_search('million.things'), 'things_search', 'the index that is searched');
select is(ucrm.index_search('million.things'), 'things_search', 'is made once');
vacuum (analyze) million.things;

create temporary table statements (name text, sql text, binds text[], plan jsonb, rows bigint, buffers bigint, took numeric);
grant all on statements to public;
create function pg_temp.compiled(name text, query text) returns void language sql as $$
    insert into statements select name, s.sql, s.binds from ucrm.compile_list(ucrm.shape_of('things'), query) as s
$$;
-- The plan that is kept, executed as a back end that has entered.
create function pg_temp.explained(statement text, binds text[])
returns jsonb
language plpgsql
as $$
declare
    plan json;
    types constant text := (select string_agg('text', ', ') from unnest(binds));
begin
    execute format('prepare million%s as %s', '(' || types || ')', statement);
    execute format('explain (analyze, buffers, format json) execute million%s', (select '(' || string_agg(quote_literal(b), ', ') || ')' from unnest(binds) as b)) into plan;
    execute 'deallocate million';
    return plan -> 0;
end
$$;
create function pg_temp.explain_all() returns void language plpgsql as $$
declare
    s record;
begin
    for s in select * from statements where plan is null loop
        perform pg_temp.explained(s.sql, s.binds);
        update statements set plan = pg_temp.explained(s.sql, s.binds) where name = s.name;
    end loop;
    update statements set rows = (plan -> 'Plan' ->> 'Actual Rows')::numeric, took = (plan ->> 'Execution Time')::numeric,
        buffers = (plan -> 'Plan' ->> 'Shared Hit Blocks')::bigint + (plan -> 'Plan' ->> 'Shared Read Blocks')::bigint;
end
$$;
select pg_temp.compiled(name, query) from (values
    ('newest', ''), ('filtered', 'stage=eq.won'), ('by name', 'sort=name'), ('by name, backwards', 'sort=-name'), ('by a column with nulls', 'sort=email'),
    ('newest, then name', 'sort=-created_at,name'), ('equal', 'name=eq.Ada'), ('search', 'q=abcd'), ('search, two words', 'q=abcd%20example.org'), ('search for nothing', 'q=zzzzzzzz'), ('search, sorted', 'q=abcd&sort=name'),
    ('first page', 'cursor='), ('first page by name', 'sort=name&cursor='), ('first page by email', 'sort=email&cursor='), ('first page, mixed', 'sort=-created_at,name&cursor=')
) as v (name, query) \g /dev/null
-- The cursor after row 900,000, as the page before it would give it.
create function pg_temp.deep(name text, query text, ordering text, keys text) returns void language plpgsql as $$
declare
    row_values text;
begin
    execute format('select %s from million.things where tenant_id = %L order by %s offset 899999 limit 1', keys, (select acme from scene), ordering) into row_values;
    perform pg_temp.compiled(name, query || '&cursor=' || translate(encode(convert_to((ucrm.compile_list(ucrm.shape_of('things'), query || '&cursor=')).stamp || row_values, 'UTF8'), 'base64'), E'+/=\n', '-_'));
end
$$;
select pg_temp.deep('deep page', 'limit=25', 'created_at desc, id desc', 'json_build_array(to_char(created_at at time zone ''UTC'', ''YYYY-MM-DD"T"HH24:MI:SS.US+00:00''), id)'),
       pg_temp.deep('deep page by name', 'sort=name', 'name, id', 'json_build_array(name, id)'),
       pg_temp.deep('deep page by email', 'sort=email', 'email, id', 'json_build_array(email, id)'),
       pg_temp.deep('deep page, mixed', 'sort=-created_at,name', 'created_at desc, name, id', 'json_build_array(to_char(created_at at time zone ''UTC'', ''YYYY-MM-DD"T"HH24:MI:SS.US+00:00''), name, id)') \g /dev/null
insert into statements select 'autocomplete', s.sql, s.binds from ucrm.compile_labels(ucrm.shape_of('things'), 'q=abc') as s;
insert into statements select 'autocomplete, one letter', s.sql, s.binds from ucrm.compile_labels(ucrm.shape_of('things'), 'q=a') as s;

set session authorization :"backend";
begin;
set local plan_cache_mode = force_generic_plan;
select ucrm.enter(:'acme', :'owner') \g /dev/null
select pg_temp.explain_all() \g /dev/null
commit;
reset session authorization;

select diag(format('%s: %s ms, %s buffers, %s rows', name, round(took, 2), buffers, rows)) from statements;
select ok(not (plan::text ~ '"Node Type": "(Seq Scan|Parallel Seq Scan)"[^}]*"things"' or plan @? '$.** ? (@."Node Type" == "Seq Scan" && @."Relation Name" == "things")'), name || ' reads no whole table') from statements;
select ok(plan @? '$.** ? (@."Index Name" == "things_search")', name || ' asks the index of what is searched') from statements where name like 'search%' or name like 'autocomplete%';
select ok(not plan @? '$.** ? (@."Node Type" == "Sort")', name || ' sorts nothing') from statements where name in ('newest', 'filtered', 'by name', 'by name, backwards', 'by a column with nulls', 'first page', 'first page by name', 'first page by email', 'deep page', 'deep page by name', 'deep page by email');
select cmp_ok(buffers, '<', 200::bigint, name || ' touches few pages') from statements where name !~ 'search|autocomplete';
select cmp_ok(buffers, '<', 20000::bigint, name || ' does not touch the rows of the workspace') from statements where name ~ '^search|^autocomplete$';
select cmp_ok(d.buffers, '<=', f.buffers * 13 / 10 + 3, d.name || ' costs what the first one does')
from statements as d join statements as f on f.name = replace(d.name, 'deep', 'first') where d.name like 'deep%';
select is(rows, 26::bigint, name || ' is full') from statements where name ~ 'page';

select ucrm.unprotect('million.things') \g /dev/null
drop schema million cascade;
select '1..' || currval('__tresults___numb_seq');
