-- A row's life through requests, what a read leaves behind, and what the gateway's login may do besides.
\ir scene.psql
\ir gateway.psql

begin;
select pg_temp.issue();
set local role ucrm_gateway;
create temporary table life on commit drop as select * from pg_temp.ask('ada', 'POST', '/api/v1/contacts', '{"name": "Harvey Dent", "email": "harvey@dent.example"}');
select is(status, 201, 'created') from life;
select is(body #>> '{data,name}', 'Harvey Dent', 'as sent') from life;
select is(body #>> '{data,owner_id}', :'owner', 'owned by whoever made it') from life;
select is(headers ->> 'location', '/api/v1/contacts/' || (body #>> '{data,id}'), 'with its place') from life;
select ok(not body -> 'data' ? 'tenant_id', 'the tenant is not said') from life;
select is((pg_temp.ask('ada', 'PATCH', headers ->> 'location', '{"stage": "won"}', headers => '{"if-match": "\"old\""}')).status, 412, 'an old version is refused') from life;
create temporary table later on commit drop as
select p.* from life, pg_temp.ask('ada', 'PATCH', life.headers ->> 'location', '{"stage": "won"}', headers => jsonb_build_object('if-match', life.headers ->> 'etag')) as p;
select is(status, 200, 'the current one is not') from later;
select is(body #>> '{data,stage}', 'won', 'changed') from later;
select isnt(later.headers ->> 'etag', life.headers ->> 'etag', 'to another version') from later, life;
select is((pg_temp.ask('ada', 'DELETE', life.headers ->> 'location', headers => jsonb_build_object('if-match', life.headers ->> 'etag'))).status, 412, 'DELETE honours If-Match') from life;
select is((pg_temp.ask('ada', 'DELETE', life.headers ->> 'location')).status, 204, 'deleted') from life;
select is((pg_temp.ask('ada', 'DELETE', life.headers ->> 'location')).status, 404, 'once') from life;
select is((pg_temp.ask('ada', 'GET', '/api/v1/contacts')).body #>> '{meta,total}', '3', 'and gone');
-- Without the block that catches errors, which is a transaction of its own.
select is(h.status, 200, 'a GET') from keys as k, ucrm.handle('GET', '/api/v1/contacts', '', null, null, 'key', null, k.shown, '192.0.2.2', '01a00000-0000-7000-8000-00000000ffff') as h where k.name = 'ada';
select is(current_setting('transaction_read_only'), 'on', 'a GET makes its transaction read-only');
reset role;
select results_eq(
    $$select action from ucrm.audit_logs where request_id = '01a00000-0000-7000-8000-00000000ffff' order by id$$,
    array['create', 'update', 'delete'], 'each change has its audit row, under the request''s id');
select results_eq(
    $$select distinct actor_kind, api_key_prefix is not null, address from ucrm.audit_logs where request_id = '01a00000-0000-7000-8000-00000000ffff'$$,
    $$values ('key', true, '192.0.2.2'::inet)$$, 'saying by which key and from where');
rollback;

-- A GET that would write, and a read-only key on a route that asks no permission.
begin;
create function crm.mischief(r ucrm.request) returns ucrm.response language plpgsql as $$
begin
    insert into crm.contacts (name) values ('mischief');
    return row(200, null, null)::ucrm.response;
end
$$;
insert into ucrm.routes (method, template, function, resource) values ('GET', '/api/v1/mischief', 'crm.mischief', 'session'), ('POST', '/api/v1/mischief', 'crm.mischief', 'session');
select pg_temp.issue();
savepoint s;
set local role ucrm_gateway;
select is((pg_temp.ask('ada', 'GET', '/api/v1/mischief')).raised, '25006', 'a GET that writes is stopped by the database');
rollback to s;
set local role ucrm_gateway;
select is((pg_temp.ask('ada', 'POST', '/api/v1/mischief')).status, 200, 'a DBA''s route is served without a restart');
rollback;
begin;
create function crm.mischief(r ucrm.request) returns ucrm.response language plpgsql as $$
begin
    insert into crm.contacts (name) values ('mischief');
    return row(200, null, null)::ucrm.response;
end
$$;
insert into ucrm.routes (method, template, function, resource) values ('POST', '/api/v1/mischief', 'crm.mischief', 'session');
select pg_temp.issue();
set local role ucrm_gateway;
create temporary table mischief on commit drop as select * from pg_temp.ask('read only', 'POST', '/api/v1/mischief');
select is(raised, '25006', 'a read-only key writes nothing, whatever the route') from mischief;
select is(concat_ws(' ', status, body ->> 'code'), '403 permission_denied', 'and is told so') from mischief;
rollback;

-- What the gateway's login may do besides.
begin;
set session authorization ucrm_gateway;
select is(ucrm.gateway_faults(), '{}', 'the gateway''s login is fit to be it');
select cmp_ok(count(*), '>=', 6::bigint, 'and reads its gauges') from ucrm.metrics();
reset session authorization;
select isnt(ucrm.gateway_faults(), '{}', 'a superuser is not');
rollback;

select '1..' || currval('__tresults___numb_seq');
