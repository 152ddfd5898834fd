-- What a request learns only of the wide shape: relations, and the tenant's custom columns. It is looked up once and
-- forgotten when anything changes that it was made of; what a caller may not read stays his own matter.
\ir scene.psql
\ir ask.psql
set client_min_messages = warning;
select pg_temp.issue();
create function pg_temp.exported(key_name text, path text, query text) returns text language sql as $$
    select string_agg(convert_from((s.r).body, 'UTF8'), '')
    from (select ucrm.handle_stream('GET', path, query, '{}', null, 'key', null, (select shown from keys where name = key_name), '192.0.2.2', '01a00000-0000-7000-8000-0000000b0b01') as r offset 0) as s
$$;
-- Where psql alone is needed to enter, a function of the test's own says what a caller would be told.
create function pg_temp.wide_as(who uuid, resource text) returns text language plpgsql as $$
begin
    perform ucrm.enter((select acme from scene), who);
    return ucrm.wide_shape_of(resource);
end
$$;
begin;
select ucrm.enter(:'acme', :'owner');
select ucrm.create_custom_column('contacts', 'budget', 'currency'), ucrm.create_custom_column('contacts', 'since', 'date') \g /dev/null
commit;

-- Import and export.
\set csv '''{"content-type": "text/csv"}'''
call pg_temp.step('cells become members of the document', 'ada', 'POST', '/api/v1/contacts/import',
    E'Name,External ID,custom.since,custom.budget\nwide 1,w1,2024-02-29,"{""amount"": ""12.30"", ""currency"": ""EUR""}"\nwide 2,w2,,\n', '200 | 2 0 0', '', :csv);
call pg_temp.step('each is checked, and named', 'ada', 'POST', '/api/v1/contacts/import', E'name,custom.since,custom.nope\nwide 3,2023-02-29,x\n',
    '422 | validation_failed | 1 custom.nope unknown_field, 1 custom.since invalid_format | ', '', :csv);
call pg_temp.step('whole or in parts, not both', 'ada', 'POST', '/api/v1/contacts/import', E'name,custom,custom.since\nwide 3,{},2024-01-01\n', '400 | unknown_field | custom unknown_field | ', '', :csv);
call pg_temp.step('where there is a document', 'ada', 'POST', '/api/v1/notes/import', E'body,custom.since\nwide,2024-01-01\n', '400 | unknown_field | custom.since unknown_field | ', '', :csv);
call pg_temp.step('rows are found by them', 'ada', 'GET', '/api/v1/contacts', null, '200 |  | 1', 'custom.budget=gte.12.3&custom.since=eq.2024-02-29');
select is(said, expected, name) from told order by n;
select results_eq($$select external_id, custom from crm.contacts where external_id in ('w1', 'w2') order by 1$$,
    $$values ('w1', '{"since": "2024-02-29", "budget": {"amount": "12.30", "currency": "EUR"}}'::jsonb), ('w2', '{}')$$, 'an empty cell is no value');
select is(pg_temp.exported('ada', '/api/v1/contacts/export', 'format=csv&fields=external_id,custom.since&custom.since=is.not_null&sort=custom.since'), E'external_id,custom.since\r\nw1,2024-02-29\r\n', 'an export shows, filters and sorts by them');
insert into crm.organizations (tenant_id, name) values (:'acme', 'wide works') returning id as works \gset
update crm.contacts set organization_id = :'works' where external_id = 'w1';
select is(pg_temp.exported('ada', '/api/v1/contacts/export', 'format=ndjson&fields=external_id&external_id=in.(w1,w2)&sort=external_id&expand=organization')::text ~ '"organization":\{[^\n]*"name":"wide works"[^\n]*\}\}\n\{"external_id":"w2","organization":null\}\n$', true, 'and what is related to its rows');
select is((ucrm.handle_stream('GET', '/api/v1/contacts/export', 'expand=nothing', '{}', null, 'key', null, (select shown from keys where name = 'ada'), '192.0.2.2', '01a00000-0000-7000-8000-0000000b0b01')).status, 400, 'if it is related');
delete from told;

-- The memory of it.
select is(pg_temp.wide_as(:'owner', 'contacts'), pg_temp.wide_as(:'owner', 'contacts'), 'it is the same twice');
begin;
create table crm.wide_marks (id uuid default ucrm.uuid7() primary key, tenant_id uuid not null default ucrm.tenant_id(), contact_id uuid, name text,
    created_at timestamptz not null default now(), updated_at timestamptz not null default now(), unique (tenant_id, id),
    foreign key (tenant_id, contact_id) references crm.contacts (tenant_id, id));
select ucrm.protect('crm.wide_marks', 'wide_marks');
commit;
call pg_temp.step('a table made since is related', 'ada', 'GET', '/api/v1/contacts', null, '200 |  | 1', 'external_id=eq.w1&expand=wide_marks&fields=name');
alter table crm.wide_marks add column colour text default 'red';
insert into crm.wide_marks (tenant_id, contact_id, name) select :'acme', id, 'mark' from crm.contacts where external_id = 'w1';
call pg_temp.step('with its newest columns', 'ada', 'GET', '/api/v1/contacts', null, '200 |  | 1', 'external_id=eq.w1&expand=wide_marks&fields=name');
select ok((select body from told order by n desc limit 1) ~ '"colour":"red"', 'which are shown');
-- Remembered for all, decided for each.
insert into ucrm.roles (tenant_id, name) values (:'acme', 'narrow');
insert into ucrm.role_permissions (tenant_id, role, resource, action, scope) values (:'acme', 'narrow', 'contacts', 'read', 'all');
update ucrm.tenant_memberships set role = 'narrow' where tenant_id = :'acme' and user_id = (select id from ucrm.users where email = 'rita@acme.example');
call pg_temp.step('who may not read the other table is refused', 'rita', 'GET', '/api/v1/contacts', null, '403 | permission_denied | ', 'external_id=eq.w1&expand=wide_marks');
call pg_temp.step('who may is not', 'ada', 'GET', '/api/v1/contacts', null, '200 |  | 1', 'external_id=eq.w1&expand=wide_marks');
update ucrm.tenant_memberships set role = 'reader' where tenant_id = :'acme' and user_id = (select id from ucrm.users where email = 'rita@acme.example');
delete from ucrm.roles where tenant_id = :'acme' and name = 'narrow';
call pg_temp.step('another tenant''s custom columns are not known', 'gina', 'GET', '/api/v1/contacts', null, '400 | invalid_filter | custom.budget invalid_filter | ', 'custom.budget=gte.1');
-- contacts have a column notes, and there are notes of contacts.
call pg_temp.step('a column comes before a relation of its name', 'ada', 'GET', '/api/v1/contacts', null, '400 | invalid_filter | notes invalid_filter | ', 'expand=notes');
call pg_temp.step('which is called otherwise', 'ada', 'GET', '/api/v1/contacts', null, '200 |  | 1', 'external_id=eq.w1&expand=notes_rows');
call pg_temp.step('PostgREST''s dialect asks for a name', 'ada', 'GET', '/rest/v1/contacts', null, '400 | PGRST100 | ', 'external_id=eq.w1&select=*,notes(*)');
call pg_temp.step('and takes it', 'ada', 'GET', '/rest/v1/contacts', null, '200 | ', 'external_id=eq.w1&select=*,noted:notes(*)');
drop table crm.wide_marks cascade;
call pg_temp.step('what is gone is forgotten', 'ada', 'GET', '/api/v1/contacts', null, '400 | invalid_filter | wide_marks invalid_filter | ', 'expand=wide_marks');
select is(said, expected, name) from told order by n;

delete from crm.contacts where external_id in ('w1', 'w2');
delete from crm.organizations where id = :'works';
delete from ucrm.custom_columns where tenant_id = :'acme' and name in ('budget', 'since');
call pg_temp.leave();
select '1..' || currval('__tresults___numb_seq');
