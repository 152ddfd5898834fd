-- The outbox over HTTP: what the caller may read, in order, from where it was.
\ir scene.psql
select k.secret as owner_key from ucrm.issue_api_key(:'acme', :'owner', 'Events', null) as k \gset
select k.secret as scoped_key from ucrm.issue_api_key(:'acme', :'owner', 'Events', 'organizations:read') as k \gset
select k.secret as own_key from ucrm.issue_api_key(:'acme', :'owner', 'Events', 'contacts:read:own') as k \gset
create temporary table asked (n integer generated always as identity, name text, query text, key text);
create temporary table answers (name text, status integer, answer jsonb);
grant select, insert on answers to public;
call pg_temp.settle();
select ucrm.settled_until() as before \gset
insert into crm.contacts (tenant_id, name) select :'acme', 'event ' || n from generate_series(1, 5) as n;
insert into crm.contacts (tenant_id, name) values (:'globex', 'event of globex');
update crm.contacts set name = 'event 1 changed' where name = 'event 1';
delete from crm.contacts where name = 'event 2';
insert into crm.organizations (tenant_id, name) values (:'acme', 'event organization');

create procedure pg_temp.ask(name text, query text, key text) language plpgsql as $$
begin
    insert into answers
    select ask.name, h.status, convert_from(h.body, 'UTF8')::jsonb
    from ucrm.handle('GET', '/api/v1/events', query, '{}', null, 'key', null, sha256(convert_to(key, 'UTF8')), '192.0.2.80', ucrm.uuid7()) as h;
    commit;
end
$$;
call pg_temp.settle();
call pg_temp.ask('all', 'limit=1000&after=' || :'before', :'owner_key');
call pg_temp.ask('page', 'limit=2&after=' || :'before', :'owner_key');
call pg_temp.ask('typed', 'type=contacts.deleted&after=' || :'before', :'owner_key');
call pg_temp.ask('resource', 'resource=organizations%2Cdeals&after=' || :'before', :'owner_key');
call pg_temp.ask('scoped', 'after=' || :'before', :'scoped_key');
call pg_temp.ask('own', 'after=' || :'before', :'own_key');
call pg_temp.ask('unknown', 'page=2', :'owner_key');
call pg_temp.ask('after', 'after=x', :'owner_key');
call pg_temp.ask('limit', 'limit=0', :'owner_key');
call pg_temp.ask('injected', 'type=%27%3B%20drop%20table%20x%3B--&after=' || :'before', :'owner_key');
select (answer #>> '{meta,next_after}') as next from answers where name = 'all' \gset
call pg_temp.ask('nothing more', 'after=' || :'next', :'owner_key');
select (answer #>> '{meta,next_after}') as next from answers where name = 'page' \gset
call pg_temp.ask('next page', 'limit=1000&after=' || :'next', :'owner_key');

select results_eq($$select e ->> 'type', e #>> '{data,name}' from answers, jsonb_array_elements(answer -> 'data') with ordinality as x (e, n) where name = 'all' order by n$$,
    $$values ('contacts.created', 'event 1'), ('contacts.created', 'event 2'), ('contacts.created', 'event 3'), ('contacts.created', 'event 4'), ('contacts.created', 'event 5'),
             ('contacts.updated', 'event 1 changed'), ('contacts.deleted', 'event 2'), ('organizations.created', 'event organization')$$,
    'the tenant''s events, oldest first, and no other tenant''s');
select is(e -> 'changes', '{"name": {"current": "event 1 changed", "previous": "event 1"}}', 'an update says what changed')
from answers, jsonb_array_elements(answer -> 'data') as e where name = 'all' and e ->> 'type' = 'contacts.updated';
select ok(e @> jsonb_build_object('specversion', '1.0', 'tenantid', :'acme', 'source', '/tenants/' || :'acme', 'datacontenttype', 'application/json')
          and e ->> 'time' ~ '^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$' and e ->> 'subject' = e #>> '{data,id}', 'each is a CloudEvent')
from answers, jsonb_array_elements(answer -> 'data') as e where name = 'typed';
select is((select jsonb_array_length(answer -> 'data') from answers where name = 'page'), 2, 'limit holds');
select is((select jsonb_array_length(answer -> 'data') from answers where name = 'next page'), 6, 'and next_after goes on from there');
select is((select answer -> 'data' from answers where name = 'nothing more'), '[]', 'until there is nothing more');
select is((select jsonb_array_length(answer -> 'data') from answers where name = 'typed'), 1, 'type chooses');
select is((select jsonb_array_length(answer -> 'data') from answers where name = 'resource'), 1, 'resource too');
select is((select array_agg(distinct e ->> 'type') from answers, jsonb_array_elements(answer -> 'data') as e where name = 'scoped'), array['organizations.created'], 'a key sees what it may read');
select is((select answer -> 'data' from answers where name = 'own'), '[]', 'and nothing of resources of which it may read its own rows only');
select is((select answer -> 'data' from answers where name = 'injected'), '[]', 'a value stays a value');
select is((select array_agg(distinct status) from answers where name in ('unknown', 'after', 'limit')), array[400], 'what is none is refused');
delete from ucrm.api_keys where name = 'Events';
delete from crm.contacts where name like 'event %';
delete from crm.organizations where name like 'event %';
select '1..' || currval('__tresults___numb_seq');
