-- The short way after whatever may have happened: a change, an error, another request, another path, another statement.
\ir fast.psql

-- What changes is heard of at once: each change is committed, and asked about before and after.
create temporary table changes (n integer, about text, key_name text, path text, statement text, expected text);
insert into changes values
(1, 'a new row is counted and shown', 'owner', '/api/v1/plain', 'insert into fast.plain values (''fa000000-0000-7000-8000-000000000001'', 31, ''new'', true)', '200 31'),
(2, 'a row that goes is neither', 'owner', '/api/v1/plain', 'delete from fast.plain where number = 31', '200 30'),
(3, 'a changed row is another', 'owner', '/api/v1/plain/7', 'update fast.plain set note = ''changed'' where number = 7', '200 changed'),
(4, 'a new column is shown', 'owner', '/api/v1/plain/7', 'alter table fast.plain add column added text default ''added''', '200 changed'),
(5, 'a column of another type is too', 'owner', '/api/v1/plain/7', 'do $do$ declare v record; begin for v in select l.report_schema from ucrm.logins as l loop execute format(''drop view if exists %I.plain'', v.report_schema); end loop; alter table fast.plain alter column done type text using ''so''; end $do$', '200 changed'),
(6, 'and one that is dropped is not', 'owner', '/api/v1/plain/7', 'alter table fast.plain drop column added', '200 changed'),
(7, 'an index more changes nothing', 'owner', '/api/v1/plain/7', 'create index on fast.plain (tenant_id, note)', '200 changed'),
(8, 'a role that loses its grant reads nothing', 'own rows', '/api/v1/contacts', 'delete from ucrm.role_permissions where tenant_id = ''fa000000-0000-7000-8000-000000000001'' and resource = ''contacts'' and role = ''mine''', '403'),
(9, 'a role that gets it back does', 'own rows', '/api/v1/contacts', 'insert into ucrm.role_permissions (tenant_id, role, resource, action, scope) values (''fa000000-0000-7000-8000-000000000001'', ''mine'', ''contacts'', ''read'', ''own'')', '200 20'),
(10, 'a scope that widens shows more', 'own rows', '/api/v1/contacts', 'update ucrm.role_permissions set scope = ''all'' where tenant_id = ''fa000000-0000-7000-8000-000000000001'' and resource = ''contacts'' and role = ''mine''', '200 50'),
(11, 'a key that expires is over', 'stale', '/api/v1/contacts', 'update ucrm.api_keys set expires_at = clock_timestamp() where name = ''stale''', '401'),
(12, 'one that is let live again lives', 'stale', '/api/v1/contacts', 'update ucrm.api_keys set expires_at = null where name = ''stale''', '200 50'),
(13, 'one that is revoked is not', 'stale', '/api/v1/contacts', 'update ucrm.api_keys set revoked_at = clock_timestamp() where name = ''stale''', '401'),
(14, 'a suspended workspace reads nothing', 'owner', '/api/v1/contacts', 'update ucrm.tenants set status = ''suspended'' where slug = ''fast''', '403'),
(15, 'an approved one does', 'owner', '/api/v1/contacts', 'update ucrm.tenants set status = ''approved'' where slug = ''fast''', '200 50'),
(16, 'a gate on reading is asked', 'owner', '/api/v1/plain', 'create function fast.shut(resource text, action text) returns boolean language sql stable as ''select false''; insert into ucrm.gates (name, position, applies, resource, check_fn, code) values (''fast'', 900, ''always'', ''plain'', ''fast.shut'', ''conflict'')', '409'),
(17, 'and no more when it is gone', 'owner', '/api/v1/plain', 'delete from ucrm.gates where name = ''fast''', '200 30'),
(18, 'a policy of a DBA''s holds', 'owner', '/api/v1/plain/7', 'create policy hide on fast.plain as restrictive for select using (number <> 7)', '404'),
(19, 'until it is dropped', 'owner', '/api/v1/plain/7', 'drop policy hide on fast.plain', '200 changed'),
(20, 'a column that becomes secret shows its mask', 'owner', '/api/v1/kinds/fe000000-0000-7000-8000-000000000001', 'select ucrm.protect(''fast.kinds'', ''kinds'', secret => array[''secret'', ''pin''])', '200'),
(21, 'a privilege that is revoked is missed', 'owner', '/api/v1/plain/7', 'revoke select on fast.plain from ucrm_app', '42501'),
(22, 'and granted again is not', 'owner', '/api/v1/plain/7', 'grant select on fast.plain to ucrm_app', '200 changed'),
(23, 'the route''s function, revoked, closes the short way too', 'owner', '/api/v1/plain/7', 'revoke execute on function ucrm.get_row(ucrm.request) from ucrm_handler', '42501'),
(24, 'and opens it again', 'owner', '/api/v1/plain/7', 'grant execute on function ucrm.get_row(ucrm.request) to ucrm_handler', '200 changed'),
(25, 'a more literal route takes the path', 'owner', '/api/v1/plain', 'create function fast.route(r ucrm.request) returns ucrm.response language sql stable as ''select row(218, null, null)::ucrm.response''; insert into ucrm.routes (method, template, function, resource) values (''GET'', ''/api/v1/plain'', ''fast.route'', ''session'')', '218'),
(26, 'and gives it back', 'owner', '/api/v1/plain', 'delete from ucrm.routes where template = ''/api/v1/plain''', '200 30'),
(27, 'a resource that is no more is not found', 'owner', '/api/v1/plain', 'select ucrm.unprotect(''fast.plain'')', '404'),
(28, 'nor is its table read', 'owner', '/api/v1/plain/7', 'select 1', '404');
create procedure pg_temp.play_changes()
language plpgsql
as $$
declare
    c changes;
    a replies;
    b replies;
begin
    foreach c in array (select array_agg(x order by x.n) from changes as x) loop
        for i in 1 .. 2 loop
            set local role ucrm_gateway;
            perform pg_temp.reply(true, c.key_name, c.path);
            rollback;
        end loop;
        execute c.statement;
        commit;
        -- At once, and when the change is old and what it made is remembered.
        set local role ucrm_gateway;
        b := pg_temp.reply(true, c.key_name, c.path);
        rollback;
        for i in 1 .. 3 loop
            set local role ucrm_gateway;
            a := pg_temp.reply(true, c.key_name, c.path);
            rollback;
        end loop;
        insert into outcomes values (c.n, c.key_name, c.path, c.about, a, b);
        commit;
    end loop;
end
$$;
call pg_temp.play_changes();
select is(
    concat_ws(' ', (o.a).status, split_part((o.a).raised, ' ', 1),
        case when (o.a).status = 200 then coalesce(convert_from((o.a).body, 'UTF8')::jsonb #>> '{meta,total}', convert_from((o.a).body, 'UTF8')::jsonb #>> '{data,note}') end),
    c.expected, c.about)
from outcomes as o join changes as c using (n) order by n;
select pg_temp.same('after a change, at once and later');
select is((a).attended, 0::bigint, 'on the short way at last: ' || query) from outcomes where (a).status = 200 order by n;
select is(count(*), 28::bigint, 'every change is asked about') from outcomes;
select ok(convert_from((a).body, 'UTF8') ~ 'added', 'the new column is in the reply') from outcomes where n = 4;
select ok(convert_from((a).body, 'UTF8') ~ '"pin":"••••1234"' and convert_from((a).body, 'UTF8') !~ 'sesame', 'of a secret the mask is') from outcomes where n = 20;
delete from outcomes;

-- Errors within: they say what they say on the long way, and break nothing.
create function fast.guard(n integer)
returns boolean
language plpgsql
stable
as $$
begin
    case n
        when 1 then return 1 / (n - 1) = 0;
        when 2 then perform ucrm.refuse('trial_expired', 'because');
        when 3 then return (n + 5)::fast.grade is null;
        when 4 then return 'x'::text::integer = 1;
    end case;
    return true;
end
$$;
grant execute on function fast.guard(integer) to public;
create policy guarded on fast.kinds as restrictive for select using (fast.guard(n));
insert into cases (path, query) select '/api/v1/kinds/fe000000-0000-7000-8000-00000000000' || n, '' from generate_series(1, 4) as n;
insert into cases (path, query) values ('/api/v1/kinds', ''), ('/api/v1/kinds', 'fields=id');
call pg_temp.play(array['owner', 'own rows']);
select pg_temp.same('an error');
select is(split_part((a).raised, ' | ', 1), v.state, 'with its SQLSTATE: ' || path)
from outcomes join (values (1, '22012'), (2, 'PT402'), (3, '23514'), (4, '22P02')) as v (n, state) on path = '/api/v1/kinds/fe000000-0000-7000-8000-00000000000' || v.n
where key_name = 'owner';
delete from outcomes;
truncate cases;

create temporary table tally (good bigint, bad bigint);
create procedure pg_temp.stumble(times integer)
language plpgsql
as $$
declare
    good bigint := 0;
    bad bigint := 0;
    wanted replies;
    a replies;
begin
    set local role ucrm_gateway;
    perform pg_temp.reply(true, 'owner', '/api/v1/contacts', 'limit=20');
    wanted := pg_temp.reply(true, 'owner', '/api/v1/contacts', 'limit=20');
    for i in 1 .. times loop
        a := pg_temp.reply(true, 'owner', '/api/v1/kinds/fe000000-0000-7000-8000-00000000000' || 1 + i % 4);
        bad := bad + (a.raised is not null and a.status is null)::integer;
        a := pg_temp.reply(true, 'owner', '/api/v1/contacts', 'limit=20');
        good := good + (a.raised is null and a.body = wanted.body and a.headers = wanted.headers)::integer;
        if i % 100 = 0 then
            rollback;
            set local role ucrm_gateway;
        end if;
    end loop;
    rollback;
    insert into tally values (good, bad);
    commit;
end
$$;
call pg_temp.stumble(5000);
select results_eq('select good, bad from tally', 'values (5000::bigint, 5000::bigint)', 'ten thousand requests, every other of which fails, and none suffers from another''s error');
truncate tally;

-- Within one transaction: after an error, after a savepoint, and never as somebody else.
drop policy guarded on fast.kinds;
begin;
set local role ucrm_gateway;
create temporary table first on commit drop as select * from pg_temp.reply(true, 'owner', '/api/v1/contacts', 'limit=20');
savepoint s;
create temporary table second on commit drop as select * from pg_temp.reply(true, 'owner', '/api/v1/contacts', 'limit=20');
select is((select body from second), (select body from first), 'asked twice in one transaction');
rollback to savepoint s;
select is((r).body, f.body, 'and after ROLLBACK TO SAVEPOINT') from first as f, lateral (select pg_temp.reply(true, 'owner', '/api/v1/contacts', 'limit=20') as r) as x;
select is(split_part((pg_temp.reply(true, k, '/api/v1/contacts')).raised, ' ', 1), '42501', 'a second one in the transaction is refused: ' || k) from unnest(array['reader', 'service', 'own rows']) as k;
-- Without the block that catches errors, which is a transaction of its own.
select is(h.status, 200, 'a GET') from ucrm.handle('GET', '/api/v1/contacts', 'limit=20', '{}', null, 'key', null, :'shown', '192.0.2.7', null) as h;
select is(current_setting('transaction_read_only'), 'on', 'makes its transaction read-only');
select is(current_setting('app.tenant_id'), 'fa000000-0000-7000-8000-000000000001', 'and enters its tenant');
rollback;
select is(current_setting('app.tenant_id'), '', 'until it ends');

-- Snapshots: whoever repeats his reads is answered as of his snapshot.
begin isolation level repeatable read;
set local role ucrm_gateway;
select is((r).status, 200, 'REPEATABLE READ is answered') from (select pg_temp.reply(true, 'owner', '/api/v1/contacts', 'limit=20') as r) as x;
select is((r).attended, 1::bigint, 'by the story: nothing is remembered there') from (select pg_temp.reply(true, 'owner', '/api/v1/contacts', 'limit=20') as r) as x;
rollback;

-- Names are not looked up where the session says.
create schema evil;
grant usage on schema evil to public;
create function evil.same(a uuid, b uuid) returns boolean language plpgsql immutable as $$ begin raise exception 'evil.same' using errcode = 'RB001'; end $$;
create operator evil.= (leftarg = uuid, rightarg = uuid, function = evil.same);
create function evil.same(a text, b text) returns boolean language plpgsql immutable as $$ begin raise exception 'evil.same' using errcode = 'RB001'; end $$;
create operator evil.= (leftarg = text, rightarg = text, function = evil.same);
create function evil.to_json(v anyelement) returns json language plpgsql stable as $$ begin raise exception 'evil.to_json' using errcode = 'RB001'; end $$;
create domain evil.uuid as text;
create function evil.attend(a text, b text, c text, d jsonb, e bytea, f text, g bytea, h inet, i uuid, j ucrm.request) returns ucrm.response language plpgsql as $$ begin raise exception 'evil.attend' using errcode = 'RB001'; end $$;
create table fast.seen (number bigint);
insert into fast.seen select generate_series(1, 60);
grant select on fast.seen to public;
create function fast.has_seen() returns boolean language plpgsql stable set search_path = fast as $$ begin return exists (select from seen); end $$;
grant execute on function fast.has_seen() to public;
create policy seen on fast.kinds as restrictive for select using ((select fast.has_seen()));
create temporary table lost (about text, status integer, wanted integer);
grant all on lost to public;
begin;
set local role ucrm_gateway;
set local search_path = evil, pg_catalog;
insert into lost
select 'a list: ' operator(pg_catalog.||) q, h.status, 200
from pg_catalog.generate_series(1, 3) as n,
    pg_catalog.unnest(array['limit=11', 'stage=eq.won&limit=12', 'id=eq.fc000000-0000-7000-8000-000000000001&limit=13']) as q,
    lateral ucrm.handle('GET', '/api/v1/contacts', q, '{}', null, 'key', null, :'shown', '192.0.2.7', null) as h;
insert into lost
select 'arrays, and a policy''s function that has a path of its own', h.status, 200
from pg_catalog.generate_series(1, 3) as n, lateral ucrm.handle('GET', '/api/v1/kinds', 'fields=words&limit=14', '{}', null, 'key', null, :'shown', '192.0.2.7', null) as h;
insert into lost
select 'a row', h.status, 200 from pg_catalog.generate_series(1, 3) as n, lateral ucrm.handle('GET', '/api/v1/contacts/fc000000-0000-7000-8000-000000000001', 'fields=email', '{}', null, 'key', null, :'shown', '192.0.2.7', null) as h;
insert into lost
select 'no row', h.status, 404 from pg_catalog.generate_series(1, 3) as n, lateral ucrm.handle('GET', '/api/v1/contacts/fc000000-0000-7000-8000-000000000099', 'fields=email', '{}', null, 'key', null, :'shown', '192.0.2.7', null) as h;
select pg_catalog.current_setting('search_path') as path \gset
set local search_path = public, tap;
select is(status, wanted, 'the session''s search_path is not asked: ' || about) from lost;
select is(:'path'::text, 'evil, pg_catalog', 'and is the session''s again');
rollback;
create policy guarded on fast.kinds as restrictive for select using (fast.guard(n));
create function pg_temp.failing(shown bytea)
returns text
language plpgsql
as $$
declare
    told text;
begin
    perform ucrm.handle('GET', '/api/v1/kinds/fe000000-0000-7000-8000-000000000001', '', '{}', null, 'key', null, shown, '192.0.2.7', null);
    return null;
exception when division_by_zero then
    get stacked diagnostics told = pg_exception_context;
    return told;
end
$$;
begin;
set local role ucrm_gateway;
set local search_path = evil, pg_catalog;
insert into lost
select 'no row of this table', h.status, 404
from pg_catalog.generate_series(1, 2) as n, lateral ucrm.handle('GET', '/api/v1/kinds/fe000000-0000-7000-8000-000000000099', '', '{}', null, 'key', null, :'shown', '192.0.2.7', null) as h;
select pg_temp.failing(:'shown') as told \gset
select pg_catalog.current_setting('search_path') as path \gset
set local search_path = public, tap;
select unalike(:'told'::text, '%ucrm.attend(%', 'an error on the short way');
select alike(:'told'::text, '%fast.guard(%', 'is the error it is');
select is(:'path'::text, 'evil, pg_catalog', 'and gives it back too');
rollback;
select is(current_setting('search_path'), 'public,tap', 'the session''s own path was never touched');

-- More statements than plans are kept, twice over.
create procedure pg_temp.crowd(times integer)
language plpgsql
as $$
declare
    good bigint := 0;
    bad bigint := 0;
    a replies;
    b replies;
begin
    for round in 1 .. 2 loop
        for i in 1 .. times loop
            set local role ucrm_gateway;
            perform pg_temp.reply(true, 'owner', '/api/v1/contacts', 'limit=' || 1 + i % 100 || '&page=' || 1 + i / 100);
            a := pg_temp.reply(true, 'owner', '/api/v1/contacts', 'limit=' || 1 + i % 100 || '&page=' || 1 + i / 100);
            if a.attended > 0 then
                -- A key is touched once a minute, and that is told by the story.
                a := pg_temp.reply(true, 'owner', '/api/v1/contacts', 'limit=' || 1 + i % 100 || '&page=' || 1 + i / 100);
            end if;
            good := good + (a.attended = 0)::integer;
            if i % 10 = 0 then
                set local role ucrm_handler;
                b := pg_temp.reply(false, 'owner', '/api/v1/contacts', 'limit=' || 1 + i % 100 || '&page=' || 1 + i / 100);
                bad := bad + (a.body is distinct from b.body)::integer;
            end if;
            rollback;
        end loop;
    end loop;
    insert into tally values (good, bad);
    commit;
end
$$;
call pg_temp.crowd(700);
select results_eq('select good, bad from tally', 'values (1400::bigint, 0::bigint)', 'seven hundred different lists, twice: each at once, and none with another''s plan');

-- The plan of a list that is asked again was let go meanwhile, by statements of another sort.
create procedure pg_temp.displace()
language plpgsql
as $$
declare
    a replies;
    b replies;
begin
    for round in 1 .. 3 loop
        for i in 1 .. 2 loop
            set local role ucrm_gateway;
            b := pg_temp.reply(true, 'owner', '/api/v1/contacts', 'limit=5');
            rollback;
        end loop;
        for i in 1 .. 600 loop
            perform ucrm.run(format('select %L::text', round * 1000 + i), '{}');
        end loop;
        set local role ucrm_gateway;
        a := pg_temp.reply(true, 'owner', '/api/v1/contacts', 'limit=5');
        rollback;
        insert into outcomes values (round, 'owner', '/api/v1/contacts', 'limit=5', a, b);
        commit;
    end loop;
end
$$;
call pg_temp.displace();
select pg_temp.same('a plan let go');
delete from outcomes;

-- Windows: a request is counted once, whichever way it goes.
create procedure pg_temp.spend()
language plpgsql
as $$
declare
    a replies;
begin
    for i in 1 .. 9 loop
        set local role ucrm_gateway;
        a := pg_temp.reply(true, 'few', case i % 3 when 0 then '/api/v1/contacts' when 1 then '/api/v1/contacts/fd000000-0000-7000-8000-000000000001' else '/api/v1/session' end);
        rollback;
        insert into outcomes values (i, 'few', '', '', a, a);
        commit;
    end loop;
end
$$;
call pg_temp.spend();
select is((a).status, case when n <= 7 then 200 else 429 end, format('request %s of 7', n)) from outcomes order by n;
select cmp_ok(count(*) filter (where (a).attended = 0), '>=', 1::bigint, 'short ways among them') from outcomes;

-- Who may call what.
begin;
create temporary table denials on commit drop as
select r.role, f.oid::regprocedure as function
from (values ('ucrm_gateway'), ('ucrm_app'), ('ucrm_reader'), ('ucrm_platform'), ('ucrm_tables'), ('ucrm_owner'), (:'report'), (:'backend')) as r (role), pg_proc as f
where f.pronamespace = 'ucrm'::regnamespace and f.proname in ('attend', 'advance');
select ok(not has_function_privilege(role, function::oid, 'execute'), format('%s may not call %s', role, split_part(function::text, '(', 1))) from denials;
select ok(not has_function_privilege(r, 'ucrm.handle(text, text, text, jsonb, bytea, text, text, bytea, inet, uuid)', 'execute'), format('%s may not call ucrm.handle', r))
from unnest(array['ucrm_app', 'ucrm_reader', 'ucrm_platform', 'ucrm_tables', :'report', :'backend']) as r;
set session authorization :"report";
select throws_ok($$select ucrm.handle('GET', '/api/v1/contacts', '', '{}', null, 'none', null, null, '192.0.2.7', null)$$, '42501', null, 'a bound login does not call handle');
set session authorization :"backend";
select throws_ok($$select ucrm.handle('GET', '/api/v1/contacts', '', '{}', null, 'none', null, null, '192.0.2.7', null)$$, '42501', null, 'nor does a back end');
reset session authorization;
set session authorization ucrm_gateway;
select throws_ok($$select ucrm.attend('GET', '/api/v1/contacts', '', '{}', null, 'none', null, '192.0.2.7', null, null)$$, '42501', null, 'the gateway does not call attend');
select throws_ok($$select ucrm.advance('GET', '/api/v1/contacts', '', '{}', null, 'none', null, '192.0.2.7', null, null, null, null, 0)$$, '42501', null, 'nor advance');
reset session authorization;
rollback;

drop schema evil cascade;
call pg_temp.sweep();
select is_empty($$select name from ucrm.resources where name in ('kinds', 'plain')$$, 'nothing is left');

select '1..' || currval('__tresults___numb_seq');
