-- ucrm.run(): one statement of text and binds, as the caller; errors arrive as they were raised, and break nothing.
\ir scene.psql
begin;
create function pg_temp.kept() returns bigint language sql security definer as $$ select sum(used_bytes)::bigint from pg_backend_memory_contexts where name like 'CachedPlan%' $$;
create procedure pg_temp.nothing() language sql as 'select';
set session authorization :"backend";
select ucrm.enter(:'acme', :'owner');

select is(ucrm.run('select $1 || $2', array['a', 'b']), 'ab', 'binds are text');
select is(ucrm.run('select coalesce($1, ''none'')', array[null]), 'none', 'a bind may be null');
select is(ucrm.run('select null::text', '{}'), null, 'a null is a null');
select is(ucrm.run('select ''x''::text where false', '{}'), null, 'no row is a null');
select is(ucrm.run('select ''x''::text', null), 'x', 'no binds are none');
select is(ucrm.run('insert into crm.contacts (name) values ($1) returning name', array['run']), 'run', 'INSERT … RETURNING');
select is(ucrm.run('with u as (update crm.contacts set stage = ''won'' where name = $1 returning name) select name from u', array['run']), 'run', 'a writing CTE');
select is(ucrm.run('delete from crm.contacts where name = $1 returning stage', array['run']), 'won', 'DELETE … RETURNING');
select is(ucrm.run('merge into crm.contacts as t using (select) as s on t.name = $1 when matched then delete', array['nobody']), null, 'MERGE');
select is(ucrm.run('select count(*)::text from crm.contacts', '{}'), '3', 'as the caller, under row security');
select is(ucrm.run('select current_user::text', '{}'), :'backend', 'as nobody else');

-- Exactly one, and no command of another kind.
select throws_ok(format('select ucrm.run(%L, %L)', s, '{}'), '42601', null, 'refused: ' || s)
from unnest(array['', ';', 'select ''a''::text; select ''b''::text', 'select ''a''::text; drop table crm.contacts', 'drop table crm.contacts', 'set role postgres', 'reset all', 'begin', 'commit',
    'truncate crm.contacts', 'create temporary table x (y integer)', 'listen x', 'prepare p as select 1', 'do $$begin end$$', 'copy crm.contacts to stdout', 'explain select 1', 'lock table crm.contacts', 'call pg_temp.nothing()',
    'vacuum', 'alter function ucrm.tenant_id() volatile', 'discard all', 'set local app.tenant_id = ''x''', '-- nothing']) as s;
select throws_ok('select ucrm.run(null, null)', '22004', null, 'no statement');
select throws_ok('select ucrm.run(''select 1'', null)', '42804', null, 'a first column that is no text');

-- What is bound is a value.
select is(ucrm.run('select $1', array[v]), v, 'a value: ' || v)
from unnest(array['''; drop table crm.contacts; --', '$1', '$$', 'x'' or ''1''=''1', E'\\', E'\\''', '%s', '%I', E'a\nb\tc', '/* */', '"', 'ﬁ ünïcode 🜲', repeat('x', 100000), '', ' ', 'NULL', '{}', '{"a","b"}', '{null}', '(1,2)', 'ucrm.tenant_id()']) as v;
select is(ucrm.run('select count(*)::text from crm.contacts where name = $1', array['x'' or true --']), '0', 'in a filter too');
select is(ucrm.run('select count(*)::text from crm.contacts where name like $1', array['%']), '3', 'a pattern is a pattern');

-- Errors.
create function pg_temp.error_of(statement text, binds text[]) returns text language plpgsql as $$
declare
    state text; hint text; c text; t text;
begin
    perform ucrm.run(statement, binds);
    return 'done';
exception when others then
    get stacked diagnostics state = returned_sqlstate, hint = pg_exception_hint, c = constraint_name, t = table_name;
    return concat_ws(' ', state, nullif(c, ''), nullif(t, ''), nullif(hint, ''));
end
$$;
select is(pg_temp.error_of('select ($1::integer / 0)::text', array['1']), '22012', 'SQLSTATE survives');
select is(pg_temp.error_of('insert into crm.contacts (name, stage) values ($1, ''maybe'')', array['x']), '23514 contacts_stage_check contacts', 'constraint and table survive');
select is(pg_temp.error_of('select ucrm.refuse($1)::text', array['trial_expired']), 'PT402 Reading goes on. Subscribe to write again.', 'a refusal and its hint survive');
select is(pg_temp.error_of('select nothing($1)', array['x']), '42883 No function matches the given name and argument types. You might need to add explicit type casts.', 'what does not parse says so');
select is(pg_temp.error_of('select $2', array['x']), '42P02', 'a bind that was not given');
select is(ucrm.run('select $1 || $2 || $3', array['a', 'b', 'c']), 'abc', 'a plan is kept with the number of its binds');
select is(pg_temp.error_of('select $1 || $2 || $3', b), '42P02', 'and not used with fewer') from (values (array['a']), ('{}'::text[]), (null::text[])) as v (b);
select is(pg_temp.error_of('select $1::uuid::text', array['x']), '22P02', 'a value that does not fit');
select is(ucrm.run('select $1', array['still']), 'still', 'an error breaks no later call');
do $$
begin
    for i in 1 .. 2000 loop
        begin
            perform ucrm.run('select ($1::integer / 0)::text', array['1']);
        exception when division_by_zero then
            null;
        end;
    end loop;
end
$$;
select is(ucrm.run('select $1', array['still']), 'still', 'nor do two thousand');
select is(ucrm.run('select ucrm.run(''select ucrm.run(''''select $1'''', array[$1])'', array[$1])', array['deep']), 'deep', 'it may be called from within itself');
select is(pg_temp.error_of('select ucrm.run(''select ($1::integer / 0)::text'', array[$1])', array['1']), '22012', 'errors within, too');

-- Plans are kept, and not for ever.
do $$ begin for i in 1 .. 600 loop perform ucrm.run(format('select %L::text', i), '{}'); end loop; end $$;
create temporary table memory on commit drop as select pg_temp.kept() as bytes;
do $$ begin for i in 601 .. 5000 loop perform ucrm.run(format('select %L::text', i), '{}'); end loop; end $$;
select cmp_ok(pg_temp.kept(), '<', (select 2 * bytes + 1000000 from memory), 'five thousand different statements keep no more memory than some hundreds');
select is(ucrm.run('select $1', array['still']), 'still', 'and nothing is lost');

-- A plan follows what it was made of.
reset session authorization;
create table crm.changing (x text);
insert into crm.changing values ('old');
grant select on crm.changing to ucrm_app;
set session authorization :"backend";
select is(ucrm.run('select x from crm.changing', '{}'), 'old', 'a table');
reset session authorization;
alter table crm.changing alter column x type integer using 7;
set session authorization :"backend";
select is(pg_temp.error_of('select x from crm.changing', '{}'), '42804 Cast it: select (…)::text.', 'that changed');
reset session authorization;
revoke select on crm.changing from ucrm_app;
set session authorization :"backend";
select is(pg_temp.error_of('select x from crm.changing', '{}'), '42501', 'or is no longer granted');

-- Rows.
select is(ucrm.run_rows('select * from (values (1, ''a''), (2, null)) as v (n, t)', '{}')::jsonb, '[{"n": 1, "t": "a"}, {"n": 2, "t": null}]', 'run_rows() gives all rows');
select is(ucrm.run_rows('select 1 where false', '{}')::jsonb, '[]', 'none are none');
select is(ucrm.run_row('select $1 as t', array['"a"\'])::jsonb, jsonb_build_object('t', '"a"\'), 'run_row() gives one');
select is(ucrm.run_row('select 1 where false', '{}'), null, 'or null');
select throws_ok('select ucrm.run_rows(''select 1; select 2'', null)', '42601', null, 'both take one statement');
select throws_ok('select ucrm.run_row(''drop table crm.contacts'', null)', '42601', null, 'and no command');
reset session authorization;
rollback;

-- A read-only transaction stays one.
begin;
set session authorization :"backend";
select ucrm.enter(:'acme', :'owner');
set transaction read only;
select throws_ok($$select ucrm.run('insert into crm.contacts (name) values (''x'')', '{}')$$, '25006', null, 'read-only is read-only');
reset session authorization;
rollback;

select '1..' || currval('__tresults___numb_seq');
