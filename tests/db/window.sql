-- Windows in SQL: never more than N in a window, hits that survive a rollback, unknown names, plans and tenants apart.
-- Keys are random: windows in shared memory outlive the test.
\ir scene.psql
create function pg_temp.taken(name text, key text, tries integer) returns integer language plpgsql as $$
declare
    n integer := 0;
begin
    for i in 1 .. tries loop
        begin
            perform ucrm."limit"(name, key);
            n := n + 1;
        exception when sqlstate 'PT429' then
            null;
        end;
    end loop;
    return n;
end
$$;
create function pg_temp.get(shown bytea, address inet) returns text language sql as $$
    select concat_ws(' ', h.status, h.headers ->> 'ratelimit-policy', case when h.headers ? 'retry-after' then 'wait' end)
    from ucrm.handle('GET', '/api/v1/contacts', '', null, null, 'key', null, shown, address, gen_random_uuid()) as h
$$;
begin;
insert into ucrm.rate_limits (name, plan, hits, seconds) values ('exports', null, 3, 3600), ('exports', 'scale', 5, 3600), ('never', null, 0, 60);
select gen_random_uuid()::text as key \gset
set session authorization :"backend";
select ucrm.enter(:'acme');
select is(pg_temp.taken('exports', :'key', 10), 5, 'a plan''s own row beats the one for all; never one too many');
select throws_ok(format('select ucrm."limit"(''exports'', %L)', :'key'), 'PT429', 'rate_limited', 'a full window refuses');
select is(pg_temp.taken('exports', :'key' || 'x', 10), 5, 'another key has a window of its own');
select is(pg_temp.taken('never', :'key', 3), 0, 'a limit of none lets nothing through');
select throws_ok(format('select ucrm."limit"(''nothing'', %L)', :'key'), '42704', null, 'an unknown name says so');
savepoint s;
select ucrm."limit"('exports', :'key' || 'y') from generate_series(1, 4);
rollback to savepoint s;
select is(pg_temp.taken('exports', :'key' || 'y', 10), 1, 'hits survive a rollback');
reset session authorization;
rollback;
begin;
insert into ucrm.rate_limits (name, plan, hits, seconds) values ('exports', null, 3, 3600);
set session authorization :"backend";
select ucrm.enter(:'globex');
select is(pg_temp.taken('exports', :'key', 10), 3, 'another tenant''s hits are its own, and so is its plan');
reset session authorization;
rollback;
begin;
set session authorization :"report";
select throws_ok($$select ucrm."limit"('exports', 'x')$$, '42501', null, 'a bound login counts nothing');
select throws_ok($$select ucrm.hit('exports', 'x', 1, 1)$$, '42501', null, 'and makes no window of its own');
select throws_ok($$select ucrm.hit_row('exports', 'x', 1, 1)$$, '42501', null, 'in rows neither');
reset session authorization;

-- Which limit counts.
select is((select array[hits, seconds] from ucrm.rate_limit('api_key', 'free')), array[600, 60], 'the built-in row');
insert into ucrm.rate_limits (name, plan, hits, seconds) values ('api_key', null, 7, 60);
select is((select hits from ucrm.rate_limit('api_key', 'free')), 7, 'a DBA''s row beats it');
insert into ucrm.rate_limits (name, plan, hits, seconds) values ('api_key', 'free', 8, 60);
select is((select hits from ucrm.rate_limit('api_key', 'free')), 8, 'one with the plan beats both');
select is((select hits from ucrm.rate_limit('api_key', 'other')), 7, 'on that plan');
select throws_ok($$insert into ucrm.rate_limits (name, plan, hits, seconds) values ('api_key', null, 9, 60)$$, '23505', null, 'one row per name and plan');
select is((select count(*) from ucrm.window_occupancy()), 2::bigint, 'occupancy is told for both segments');
select ok(live <= capacity, segment || ' holds no more than it can') from ucrm.window_occupancy();

-- Rows.
select is(array(select ucrm.hit_row('test', 'a', 2, 3600) is null from generate_series(1, 4)), array[true, true, false, false], 'a row window lets N through');
select cmp_ok(ucrm.hit_row('test', 'a', 2, 3600), '>', 3500000::bigint, 'and says how long to wait, in milliseconds');
select is(ucrm.hit_row('test', 'b', 0, 60), 60000::bigint, 'a limit of none lets nothing through');
update ucrm.row_windows set hits = array[clock_timestamp() - interval '2 hours', clock_timestamp()] where name = 'test' and key = 'a';
select is(array(select ucrm.hit_row('test', 'a', 2, 3600) is null from generate_series(1, 2)), array[true, false], 'what is too old counts no longer');
select is((select cardinality(hits) from ucrm.row_windows where name = 'test' and key = 'a'), 2, 'and is not kept');
rollback;

-- Through handle: a key's window, and the address's.
begin;
update ucrm.tenants set plan = 'tiny' where id = :'acme';
insert into ucrm.rate_limits (name, plan, hits, seconds) values ('api_key', 'tiny', 3, 3600), ('tenant', 'tiny', 5, 3600);
create temporary table keys on commit drop as select n, sha256(convert_to(k.secret, 'UTF8')) as shown from generate_series(1, 2) as n, ucrm.issue_api_key(:'acme', null, 'k') as k;
grant select on keys to public;
set local role ucrm_gateway;
select is(array(select pg_temp.get(shown, '192.0.2.9') from keys, generate_series(1, 4) where n = 1),
    array['200', '200', '200', '429 "api_key";q=3;w=3600 wait'], 'a key''s window');
reset role;
rollback;
begin;
insert into ucrm.rate_limits (name, plan, hits, seconds) values ('address', null, 3, 3600);
select format('2001:db8:%s:%s::1', to_hex((random() * 65535)::integer), to_hex((random() * 65535)::integer))::inet as address \gset
set local role ucrm_gateway;
select is(array(select pg_temp.get(sha256('guess'), :'address') from generate_series(1, 5)), array['401', '401', '401', '429 "address";q=3;w=3600 wait', '429 "address";q=3;w=3600 wait'], 'an address that fails too often waits');
select is(pg_temp.get(sha256('guess'), host(:'address'::inet + 1)::inet), '429 "address";q=3;w=3600 wait', 'its /64 with it');
reset role;
rollback;

select '1..' || currval('__tresults___numb_seq');
