-- Links between two resources: read, added, removed, replaced; unknown and foreign ids alike; who may.
\ir scene.psql
\ir ask.psql
create schema linking;
create table linking.things (
    tenant_id uuid not null, id uuid not null default ucrm.uuid7(), name text not null,
    created_at timestamptz not null default clock_timestamp(), primary key (tenant_id, id));
create table linking.thing_contacts (
    tenant_id uuid not null, id uuid not null default ucrm.uuid7(), thing_id uuid not null, contact_id uuid not null,
    primary key (tenant_id, id), unique (tenant_id, thing_id, contact_id),
    foreign key (tenant_id, thing_id) references linking.things (tenant_id, id) on delete cascade,
    foreign key (tenant_id, contact_id) references crm.contacts (tenant_id, id) on delete cascade);
select ucrm.protect('linking.things') \g /dev/null
select ucrm.protect('linking.thing_contacts') \g /dev/null
insert into linking.things (tenant_id, id, name) values (:'acme', '01a00000-0000-7000-8000-0000000b0001', 'thing');
insert into crm.contacts (tenant_id, id, name) values
    (:'acme', '01a00000-0000-7000-8000-0000000b000a', 'linked'), (:'acme', '01a00000-0000-7000-8000-0000000b000b', 'linked'),
    (:'globex', '01a00000-0000-7000-8000-0000000b000c', 'linked');
select pg_temp.issue();
\set path '''/api/v1/things/01a00000-0000-7000-8000-0000000b0001/contacts'''
\set row '''/api/v1/things/01a00000-0000-7000-8000-0000000b0001'''
call pg_temp.step('links are added', 'ada', 'PUT', :path, '{"ids": ["01a00000-0000-7000-8000-0000000b000a"]}', '200 |  | 1');
call pg_temp.step('what is there stays', 'ada', 'PUT', :path, '{"ids": ["01a00000-0000-7000-8000-0000000b000a", "01a00000-0000-7000-8000-0000000b000b"]}', '200 |  | 1');
call pg_temp.step('they are listed', 'ada', 'GET', :path, null, '200 |  | 2');
call pg_temp.step('another tenant''s row is nobody''s', 'ada', 'PUT', :path, '{"ids": ["01a00000-0000-7000-8000-0000000b000c"]}', '422 | validation_failed | 0 ids not_found | ');
call pg_temp.step('as is nobody''s', 'ada', 'PUT', :path, '{"ids": ["01a00000-0000-7000-8000-0000000b000d"]}', '422 | validation_failed | 0 ids not_found | ');
call pg_temp.step('another tenant finds no row', 'gina', 'PUT', :path, '{"ids": ["01a00000-0000-7000-8000-0000000b000c"]}', '404 | not_found | ');
call pg_temp.step('nor its links', 'gina', 'GET', :path, null, '404 | not_found | ');
call pg_temp.step('a reader reads', 'rita', 'GET', :path, null, '200 |  | 2');
call pg_temp.step('and links nothing', 'rita', 'PUT', :path, '{"ids": ["01a00000-0000-7000-8000-0000000b000a"]}', '403 | permission_denied | ');
call pg_temp.step('nor does a suspended workspace', 'sue', 'PUT', :path, '{"ids": []}', '403 | workspace_suspended | ');
call pg_temp.step('a link is removed', 'ada', 'DELETE', :path, '{"ids": ["01a00000-0000-7000-8000-0000000b000a", "01a00000-0000-7000-8000-0000000b000d"]}', '200 |  | 1');
call pg_temp.step('a list replaces', 'ada', 'PATCH', :row, '{"name": "renamed", "contacts": ["01a00000-0000-7000-8000-0000000b000a"]}', '200 | ');
call pg_temp.step('all of them', 'ada', 'GET', :path, null, '200 |  | 1');
call pg_temp.step('null is no list', 'ada', 'PATCH', :row, '{"contacts": null}', '422 | null_relation | contacts null_relation | ');
call pg_temp.step('a foreign id changes nothing', 'ada', 'PATCH', :row, '{"name": "lost", "contacts": ["01a00000-0000-7000-8000-0000000b000c"]}', '422 | validation_failed | 0 contacts not_found | ');
call pg_temp.step('none empties', 'ada', 'PATCH', :row, '{"contacts": []}', '200 | ');
call pg_temp.step('it', 'ada', 'GET', :path, null, '200 |  | 0');
call pg_temp.step('a new row has links at once', 'ada', 'POST', '/api/v1/things', '{"name": "second", "contacts": ["01a00000-0000-7000-8000-0000000b000b"]}', '201 | ');
call pg_temp.step('or is not made', 'ada', 'POST', '/api/v1/things', '{"name": "third", "contacts": ["01a00000-0000-7000-8000-0000000b000c"]}', '422 | validation_failed | 0 contacts not_found | ');
call pg_temp.step('what is one''s column is changed there', 'ada', 'PUT', '/api/v1/contacts/01a00000-0000-7000-8000-0000000b000a/organization', '{"ids": []}', '400 | unsupported | ');
select is(said, expected, name) from told order by n;
select is((select string_agg(name, ',' order by name) from linking.things), 'renamed,second', 'what was refused was undone');
select is((select count(*) from ucrm.audit_logs where resource = 'thing_contacts' and request_id = '01a00000-0000-7000-8000-0000000b0b01'), 7::bigint, 'each link has its audit rows');
select ucrm.unprotect('linking.thing_contacts') \g /dev/null
select ucrm.unprotect('linking.things') \g /dev/null
drop schema linking cascade;
delete from crm.contacts where name = 'linked';
call pg_temp.leave();
select '1..' || currval('__tresults___numb_seq');
