-- ucrm.expose(): what may become part of the API, what it is then, and that doctor() sees what has changed since.
\ir scene.psql
begin;
create schema shop;
create function shop.add(a integer, b integer default 1) returns integer language sql immutable as 'select a + b';
create function shop.change(id uuid) returns void language sql volatile as 'select';
create function shop.both(one text, out x integer, out y text) language sql stable as 'select 1, one';
create function shop.many() returns table (name text, n bigint) language sql stable as 'select null::text, 1::bigint';
create function shop.contacts() returns setof crm.contacts language sql stable as 'select * from crm.contacts';
create function shop.definer() returns integer language sql stable security definer as 'select 1';
create function shop.nameless(integer) returns integer language sql stable as 'select 1';
create function shop.twice(a anyelement) returns integer language sql stable as 'select 1';
create function shop.open(variadic a integer[]) returns integer language sql stable as 'select 1';
create function shop.loose() returns record language sql stable as 'select 1, 2';
create function shop.triggered() returns trigger language plpgsql as 'begin return null; end';
create procedure shop.proceed() language sql as 'select';
create aggregate shop.summed(integer) (sfunc = int4pl, stype = integer);

select throws_ok(format('select ucrm.expose(%L, ''contacts'')', f), '55000', null, 'refused: ' || f)
from unnest(array['shop.definer()', 'shop.nameless(integer)', 'shop.twice(anyelement)', 'shop.open(integer[])', 'shop.loose()', 'shop.triggered()', 'shop.proceed()', 'shop.summed(integer)',
    'pg_catalog.set_config(text, text, boolean)', 'pg_catalog.pg_sleep(double precision)', 'ucrm.enter(uuid, uuid)', 'ucrm.expose(regprocedure, text, text, text, text, text)']) as f;
select throws_ok($$select ucrm.expose('shop.add(integer, integer)', 'contacts', 'update')$$, '22023', null, 'a read under the permission of a write');
select throws_ok($$select ucrm.expose('shop.change(uuid)', 'contacts', 'read')$$, '22023', null, 'a write under the permission of a read');
select throws_ok($$select ucrm.expose('shop.change(uuid)', 'contacts', path => '/api/v1/change', method => 'GET')$$, '22023', null, 'a write by GET');
select throws_ok($$select ucrm.expose('shop.add(integer, integer)', 'nothings')$$, '42704', null, 'a resource that is none');
select throws_ok($$select ucrm.expose('shop.add(integer, integer)', 'contacts', path => '/api/v1/add/{c}')$$, '22023', null, 'a path with an argument of nobody''s');
select throws_ok($$select ucrm.expose('shop.add(integer, integer)', 'contacts', path => '/auth/add')$$, '23514', null, 'a path outside the API');
select throws_ok($$select ucrm.expose('shop.add(integer, integer)', 'contacts', path => '/api/v1/session', method => 'GET')$$, '23505', null, 'a path of the house');
select throws_ok($$select ucrm.expose('shop.add(integer, integer)', 'contacts', name => 'Not a name')$$, '23514', null, 'a name that is none');
select is(count(*), 0::bigint, 'what was refused is not there') from ucrm.exposed_functions where signature like 'shop.%';

select ucrm.expose('shop.add(integer, integer)', 'contacts', path => '/api/v1/add/{a}');
select ucrm.expose('shop.change(uuid)', 'contacts', 'approve');
select ucrm.expose('shop.both(text)', 'contacts');
select results_eq($$select method || ' ' || template || ' ' || function || ' ' || resource || ' ' || action from ucrm.routes where not builtin order by 1$$,
    array['GET /api/v1/add/{a} ucrm.exposed_route contacts read', 'GET /rest/v1/rpc/add ucrm.rpc_route contacts read', 'GET /rest/v1/rpc/both ucrm.rpc_route contacts read',
        'POST /rest/v1/rpc/add ucrm.rpc_route contacts read', 'POST /rest/v1/rpc/both ucrm.rpc_route contacts read', 'POST /rest/v1/rpc/change ucrm.rpc_route contacts approve'],
    'routes are rows: GET only for what only reads');
select ok(exists (select from ucrm.resource_actions where resource = 'contacts' and action = 'approve' and writes), 'a word of its own is a permission');
select throws_ok($$select ucrm.expose('shop.many()', 'contacts', name => 'add')$$, '42710', null, 'a name that is taken');
select lives_ok($$select ucrm.expose('shop.add(integer, integer)', 'contacts', name => 'plus')$$, 'exposed again, under another name');
select is(array_agg(template order by template), array['/rest/v1/rpc/plus', '/rest/v1/rpc/plus'], 'the old routes are gone') from ucrm.routes where template like '%plus' or template like '%/add%';

select results_eq($$select name || ' ' || type || ' ' || required || ' ' || coalesce(default_text, '-') from ucrm.exposed_arguments('shop.add(integer, integer)'::regprocedure)$$,
    array['a integer true -', 'b integer false 1'], 'its arguments are told');
select results_eq($$select concat_ws(' ', kind, many, type, columns) from unnest(array['shop.add(integer, integer)', 'shop.change(uuid)', 'shop.both(text)', 'shop.many()']) as f, ucrm.exposed_result(f::regprocedure)$$,
    array['value f integer', 'void f void', 'row f record [{"name": "x", "type": "integer"}, {"name": "y", "type": "text"}]',
        'row t record [{"name": "name", "type": "text"}, {"name": "n", "type": "bigint"}]'], 'and what it gives');
select is(jsonb_array_length(columns) > 5 and many and kind = 'row', true, 'a table''s rows have its columns') from ucrm.exposed_result('shop.contacts()'::regprocedure);

-- Who may do it, and what is seen.
set session authorization :"backend";
select throws_ok($$select ucrm.expose('shop.many()', 'contacts')$$, '42501', null, 'a back end exposes nothing');
select throws_ok($$select ucrm.unexpose('shop.both(text)')$$, '42501', null, 'nor takes away');
select throws_ok($$insert into ucrm.exposed_functions (name, signature, resource, action) values ('x', 'x', 'contacts', 'read')$$, '42501', null, 'nor writes the rows');
select is(count(*), 3::bigint, 'it reads them') from ucrm.exposed_functions;
reset session authorization;

select is(count(*), 0::bigint, 'all is well') from ucrm.exposure_faults() where object like '%plus' or object like '%change' or object like '%both';
alter function shop.add(integer, integer) security definer;
alter function shop.change(uuid) stable;
drop function shop.both(text);
select results_eq($$select distinct object from ucrm.exposure_faults() order by 1$$, array['exposed function both', 'exposed function change', 'exposed function plus'],
    'altered or gone since: doctor() tells');
select lives_ok($$select ucrm.unexpose('shop.add(integer, integer)')$$, 'taken away');
select is(count(*), 0::bigint, 'with its routes') from ucrm.routes where template like '%plus';
rollback;

-- Refusals in PostgREST's words.
begin;
select is(concat_ws(' ', a.status, a.headers ->> 'content-type', convert_from(a.body, 'UTF8')::jsonb ->> 'code'), v.told, v.code || ' on ' || v.path)
from (values
    ('permission_denied', '/rest/v1/contacts', '403 application/json 42501'),
    ('unauthenticated', '/rest/v1/contacts', '401 application/json PGRST301'),
    ('not_found', '/rest/v1/nothings', '404 application/json PGRST205'),
    ('not_found', '/rest/v1/rpc/nothing', '404 application/json PGRST202'),
    ('not_found', '/rest/v2', '404 application/json PGRST125'),
    ('method_not_allowed', '/rest/v1/contacts', '405 application/json PGRST117'),
    ('duplicate', '/rest/v1/contacts', '409 application/json 23505'),
    ('ids_required', '/rest/v1/contacts', '400 application/json 21000'),
    ('trial_expired', '/rest/v1/contacts', '402 application/json PT402'),
    ('internal', '/rest/v1/contacts', '500 application/json PGRSTX00')
) as v (code, path, told)
cross join lateral ucrm.rest_error(ucrm.problem(v.code, '01a00000-0000-7000-8000-00000000ffff'), v.path) as a;
select is(count(*), 0::bigint, 'every code of PostgREST''s is a refusal of ours')
from (select substring(x from '''([a-z_]+)'', (?:null|''[a-z_]+''), ') as code from regexp_split_to_table(pg_get_functiondef('ucrm.rest_code(text, text, text)'::regprocedure), E'\n') as x) as c
where c.code is not null and not exists (select from ucrm.refusals as r where r.code = c.code);
select is(ucrm.content_range(0, 25, 573), '0-24/573', 'some of many');
select is(ucrm.content_range(0, 3, null), '0-2/*', 'not counted');
select is(ucrm.content_range(0, 0, 0), '*/0', 'none');
select is(ucrm.content_range(600, 0, 573), '*/573', 'beyond the end');
select is(concat_ws(' ', w.returns, w.count, w.resolution, w.form, w.first, w.last, w.applied), 'representation exact merge object 0 9 return=representation, count=exact, resolution=merge-duplicates', 'what the headers ask for')
from ucrm.read_wishes('return=representation,count=exact, resolution=merge-duplicates', 'application/vnd.pgrst.object+json', '0-9') as w;
select is(ucrm.query_pairs('a=1&b=%C3%A9+x&c'), array['a', '1', 'b', 'é x', 'c', ''], 'a query string, decoded');
select is(ucrm.query_pairs('a=%zz'), null, 'a malformed one');
select is(ucrm.is_unique_key('crm.contacts'::regclass, array['external_id']), true, 'a unique key of a workspace');
select is(ucrm.is_unique_key('crm.contacts'::regclass, c), false, 'not one: ' || c::text) from (values (array['name']), (array['external_id', 'name']), (array['tenant_id']), ('{}'::text[])) as v (c);
rollback;

select '1..' || currval('__tresults___numb_seq');
