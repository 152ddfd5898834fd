-- Custom columns: a tenant defines them, the table itself checks their values, whatever the way in, and nobody learns of
-- another tenant's.
\ir scene.psql
-- What is wrong with a statement: SQLSTATE, column and message.
create function pg_temp.wrong(statement text)
returns text
language plpgsql
as $$
declare
    state text;
    said text;
    named text;
begin
    execute statement;
    return 'none';
exception when others then
    get stacked diagnostics state = returned_sqlstate, said = message_text, named = column_name;
    return concat_ws(' ', state, nullif(named, ''), said);
end
$$;

-- Values, typed.
begin;
set local role ucrm_app;
select ucrm.enter(:'acme', :'owner');
select lives_ok(format('select ucrm.create_custom_column(%L, %L, %L, options => %L)', 'contacts', 'c_' || t, t, case t when 'single_select' then '["red", "green"]' else '[]' end), 'an owner makes a column of type ' || t)
from unnest(array['plain', 'date', 'datetime', 'date_range', 'datetime_range', 'currency', 'single_select', 'link', 'email', 'phone']) as t;
select results_eq($$select distinct l.objsubid from pg_locks as l where l.locktype = 'advisory' and l.pid = pg_backend_pid()$$, 'values (3::smallint)', 'under a lock that pg_advisory_lock() does not reach');
create temporary table cases (name text, value jsonb, verdict text);
insert into cases values
('c_plain', '"a"', 'none'), ('c_plain', 'null', 'none'), ('c_plain', '1', '22023 custom custom.c_plain: must be a string (invalid_type)'),
('c_date', '"2024-02-29"', 'none'), ('c_date', '"2023-02-29"', '22023 custom custom.c_date: must be a date, 2026-01-31 (invalid_format)'),
('c_datetime', '"2024-02-29T10:00:00+02:00"', 'none'), ('c_datetime', '"2024-02-29"', '22023 custom custom.c_datetime: must be a date and time with offset, 2026-01-31T12:00:00Z (invalid_format)'),
('c_date_range', '{"from": "2024-02-28", "to": "2024-02-29"}', 'none'), ('c_date_range', '{"from": "2024-02-29", "to": "2024-02-28"}', '22023 custom custom.c_date_range: must not end before it begins (out_of_range)'),
('c_datetime_range', '{"from": "2024-02-28T10:00:00Z", "to": "2024-02-28T12:00:00+02:00"}', 'none'),
('c_datetime_range', '{"from": "2024-02-28T10:00:00Z", "to": "2024-02-28T11:00:00+02:00"}', '22023 custom custom.c_datetime_range: must not end before it begins (out_of_range)'),
('c_currency', '{"amount": "12.30", "currency": "EUR"}', 'none'), ('c_currency', '12.30', '22023 custom custom.c_currency: must be an object, {"amount": "12.30", "currency": "EUR"} (invalid_type)'),
('c_single_select', '"red"', 'none'), ('c_single_select', '"blue"', '22023 custom custom.c_single_select: must be one of the column''s options (invalid_value)'),
('c_link', '"https://a.example"', 'none'), ('c_link', '"javascript:alert(1)"', '22023 custom custom.c_link: must be a link, https://… (invalid_format)'),
('c_email', '"a@b.example"', 'none'), ('c_email', '"a"', '22023 custom custom.c_email: must be an e-mail address (invalid_format)'),
('c_phone', '"+49 30 12345"', 'none'), ('c_phone', '"call me"', '22023 custom custom.c_phone: must be a telephone number, +49 30 1234567 (invalid_format)'),
('unknown', '1', '22023 custom custom.unknown: is no custom column here (unknown_field)'),
('Not a name', '1', '22023 custom custom: has a name that is no custom column here (unknown_field)');
select is(pg_temp.wrong(format('insert into crm.contacts (name, custom) values (''x'', %L)', jsonb_build_object(name, value))), verdict, format('%s: %s', name, value)) from cases;
-- Whatever has been taken from the wire is what PostgreSQL reads.
select lives_ok($$select (custom ->> 'c_date')::date, (custom ->> 'c_datetime')::timestamptz, tstzrange((custom #>> '{c_datetime_range,from}')::timestamptz, (custom #>> '{c_datetime_range,to}')::timestamptz), (custom #>> '{c_currency,amount}')::numeric from crm.contacts where custom <> '{}'$$, 'stored values are of their types');
select is(pg_temp.wrong($$insert into crm.contacts (name, custom) values ('x', '{"c_plain": 1, "nope": 2}')$$),
    E'22023 custom custom.c_plain: must be a string (invalid_type)\ncustom.nope: is no custom column here (unknown_field)', 'all that is wrong is told at once');

-- Every way in.
insert into crm.contacts (name, external_id) values ('kept', 'kept');
select matches(pg_temp.wrong(s), '^22023 custom custom.nope: ', s) from unnest(array[
    $$update crm.contacts set custom = '{"nope": 1}' where external_id = 'kept'$$,
    $$merge into crm.contacts as c using (select 'kept' as e) as s on c.external_id = s.e when matched then update set custom = '{"nope": 1}'$$,
    $$merge into crm.contacts as c using (select 'new' as e) as s on c.external_id = s.e when not matched then insert (name, custom) values ('x', '{"nope": 1}')$$,
    $$insert into crm.contacts (name, external_id) values ('x', 'kept') on conflict (tenant_id, external_id) do update set custom = '{"nope": 1}'$$,
    $$insert into crm.contacts (name, external_id, custom) values ('x', 'kept', '{"nope": 1}') on conflict do nothing$$,
    $$insert into crm.contacts (name, custom) select 'x', case n when 500 then '{"nope": 1}' else '{}' end::jsonb from generate_series(1, 1000) as n$$,
    $$with w as (insert into crm.contacts (name, custom) values ('x', '{"nope": 1}') returning id) select id from w$$]) as s;
reset role;
select is(ucrm.custom_errors(E'custom.nope: is no custom column here (unknown_field)\ncustom.c_plain: must be a string (invalid_type)'),
    '[{"field": "custom.nope", "code": "unknown_field", "message": "is no custom column here"}, {"field": "custom.c_plain", "code": "invalid_type", "message": "must be a string"}]', 'as the errors of a reply');
-- A session that row security does not hold is held too, to the definitions of the row's tenant.
select matches(pg_temp.wrong(format($$insert into crm.contacts (tenant_id, name, custom) values (%L, 'x', '{"nope": 1}')$$, :'acme')), '^22023 ', 'a superuser as well');
select is(pg_temp.wrong(format($$insert into crm.contacts (tenant_id, name, custom) values (%L, 'x', '{"c_plain": "x"}')$$, :'acme')), 'none', 'by this tenant''s definitions');
select matches(pg_temp.wrong(format($$insert into crm.contacts (tenant_id, name, custom) values (%L, 'x', '{"c_plain": "x"}')$$, :'globex')), '^22023 ', 'and by no other''s');
rollback;

-- required, and what was there before.
begin;
insert into crm.contacts (tenant_id, name, external_id) values (:'acme', 'old', 'old');
set local role ucrm_app;
select ucrm.enter(:'acme', :'owner');
select (ucrm.create_custom_column('contacts', 'since', 'date', required => true)).id as since \gset
select (ucrm.create_custom_column('contacts', 'colour', 'single_select', options => '["red", "green"]')).id as colour \gset
select is(pg_temp.wrong($$insert into crm.contacts (name) values ('x')$$), '22023 custom custom.since: must be given (required)', 'a required column must be given');
select is(pg_temp.wrong($$insert into crm.contacts (name, custom) values ('x', '{"since": null}')$$), '22023 custom custom.since: must be given (required)', 'and not null');
select is(pg_temp.wrong($$update crm.contacts set name = 'still' where external_id = 'old'$$), 'none', 'an older row may change without it');
select is(pg_temp.wrong($$update crm.contacts set custom = '{"colour": "red"}' where external_id = 'old'$$), 'none', 'its other values too');
select is(pg_temp.wrong($$update crm.contacts set custom = '{"colour": "red", "since": "2024-01-01"}' where external_id = 'old'$$), 'none', 'once given');
select is(pg_temp.wrong($$update crm.contacts set custom = '{"colour": "red"}' where external_id = 'old'$$), '22023 custom custom.since: must be given (required)', 'it stays');

-- Changing definitions.
select throws_ok(format($$select ucrm.change_custom_column(%L, '{"options": ["green"]}')$$, :'colour'), 'PT409', 'choice_in_use', 'a choice in use stays');
select lives_ok(format($$select ucrm.change_custom_column(%L, '{"options": ["red"], "label": "Farbe", "position": 7}')$$, :'colour'), 'one that nobody uses goes');
select results_eq(format('select label, options, position, type from ucrm.custom_columns where id = %L', :'colour'), $$values ('Farbe', '["red"]'::jsonb, 7, 'single_select')$$, 'and the rest changes with it');
select is((ucrm.change_custom_column(:'colour', '{"type": "plain", "name": "x"}')).type, 'single_select', 'type and name do not');
select throws_ok(format($$select ucrm.change_custom_column(%L, %L)$$, :'colour', c), 'PT422', 'validation_failed', 'a definition is checked: ' || c)
from unnest(array['{"options": []}', '{"options": ["a", "a"]}', '{"options": [1]}', '{"options": "a"}', '{"label": ""}', '{"label": null}', '{"position": -1}']) as c;
select throws_ok(format('select ucrm.create_custom_column(%s)', c), 'PT422', 'validation_failed', 'a new one too: ' || c)
from unnest(array['''contacts'', ''Bad'', ''plain''', '''contacts'', ''x'', ''money''', '''contacts'', ''x'', ''single_select''', '''contacts'', ''x'', ''plain'', options => ''["a"]''', '''nothing'', ''x'', ''plain''', '''settings'', ''x'', ''plain''']) as c;
select throws_ok($$select ucrm.create_custom_column('contacts', 'since', 'date')$$, '23505', null, 'a name is taken once');
select lives_ok($$select ucrm.create_custom_column('organizations', 'since', 'date')$$, 'on each resource');
select is(ucrm.drop_custom_column(:'colour'), 1::bigint, 'a column that goes takes its values with it');
select is((select custom from crm.contacts where external_id = 'old'), '{"since": "2024-01-01"}', 'out of the rows');
select matches(pg_temp.wrong($$update crm.contacts set custom = custom || '{"colour": "red"}' where external_id = 'old'$$), '^22023 ', 'and back they do not come');
select throws_ok(format('select ucrm.drop_custom_column(%L)', :'colour'), 'PT404', 'not_found', 'it goes once');
select throws_ok($$select ucrm.drop_custom_column(null)$$, 'PT404', 'not_found', 'and is named');
reset role;
select set_eq($$select action, changed from ucrm.audit_logs where resource = 'custom_columns' and record_id = '$$ || :'colour' || $$'$$,
    $$values ('create', null::text[]), ('update', array['label', 'options', 'position']), ('delete', null)$$, 'each change is in the audit log');
select is((select count(*) from ucrm.audit_logs as a where a.resource = 'contacts' and a.action = 'update' and a.before #>> '{custom,colour}' = 'red' and not a.after -> 'custom' ? 'colour'), 1::bigint, 'and so is each row that lost a value');
rollback;

-- Who may.
select id as alan from ucrm.users where email = 'alan@acme.example' \gset
create function pg_temp.arrange(role text) returns void language plpgsql as $$
declare
    s scene;
begin
    select * into s from scene;
    insert into ucrm.roles (tenant_id, name) values (s.acme, 'designer'), (s.acme, 'half');
    insert into ucrm.role_permissions (tenant_id, role, resource, action, scope) values
        (s.acme, 'designer', 'settings', '*', 'all'), (s.acme, 'half', 'settings', '*', 'all'), (s.acme, 'half', 'contacts', 'read', 'all'), (s.acme, 'half', 'contacts', 'update', 'own');
    update ucrm.tenant_memberships set role = arrange.role where user_id = (select id from ucrm.users where email = 'alan@acme.example');
    insert into ucrm.custom_columns (tenant_id, id, resource, name, label, type) values
        (s.acme, 'c0000000-0000-7000-8000-000000000001', 'contacts', 'ours', 'Ours', 'plain'), (s.globex, 'c0000000-0000-7000-8000-000000000002', 'contacts', 'theirs', 'Theirs', 'plain');
end
$$;
\set ours c0000000-0000-7000-8000-000000000001
\set theirs c0000000-0000-7000-8000-000000000002
begin;
select pg_temp.arrange('agent');
set local role ucrm_app;
select ucrm.enter(:'acme');
select throws_ok($$select ucrm.create_custom_column('contacts', 'x', 'plain')$$, 'PT403', 'permission_denied', 'the service may not define');
select throws_ok(format('select ucrm.drop_custom_column(%L)', :'ours'), 'PT403', 'permission_denied', 'nor take away');
select throws_ok(format('select ucrm.change_custom_column(%L, ''{"label": "x"}'')', :'ours'), 'PT403', 'permission_denied', 'nor change');
select throws_ok(format('select ucrm.store_custom_column(%L, null)', :'ours'), 'PT403', 'permission_denied', 'by no piece of it');
select results_eq('select name from ucrm.custom_columns', array['ours'], 'it reads its tenant''s definitions, to write rows by');
select throws_ok($$insert into ucrm.custom_columns (tenant_id, resource, name, label, type) values (ucrm.tenant_id(), 'contacts', 'x', 'X', 'plain')$$, '42501', null, 'and writes none');
select is(ucrm.custom_faults(:'globex', 'contacts', '{"theirs": "x"}', null), null, 'of another tenant''s it is told nothing');
select is(ucrm.custom_faults(:'globex', 'contacts', '{"nothing": "x"}', null), null, 'whatever it tries');
select throws_ok(format('select ucrm.custom_definitions(%L, ''contacts'')', :'globex'), '42501', null, 'nor can it ask for them');
select is(pg_temp.attempt(format($$insert into crm.contacts (tenant_id, name, custom) values (%L, 'x', '{"theirs": 1}')$$, :'globex')), '42501', 'writing there is refused');
select is(pg_temp.attempt(format($$insert into crm.contacts (tenant_id, name, custom) values (%L, 'x', '{"nothing": 1}')$$, :'globex')), '42501', 'in the same way');
rollback;
begin;
select pg_temp.arrange('designer');
set local role ucrm_app;
select ucrm.enter(:'acme', :'alan');
select lives_ok($$select ucrm.create_custom_column('contacts', 'x', 'plain')$$, 'who may change settings defines');
select throws_ok(format('select ucrm.drop_custom_column(%L)', :'ours'), 'PT403', 'permission_denied', 'but does not touch rows that he may not change');
select throws_ok(format('select ucrm.drop_custom_column(%L)', :'theirs'), 'PT404', 'not_found', 'another tenant''s is not there');
select throws_ok(format('select ucrm.change_custom_column(%L, ''{"label": "x"}'')', :'theirs'), 'PT404', 'not_found', 'for no change');
rollback;
begin;
select pg_temp.arrange('half');
set local role ucrm_app;
select ucrm.enter(:'acme', :'alan');
select throws_ok(format('select ucrm.drop_custom_column(%L)', :'ours'), 'PT403', 'permission_denied', 'nor who may change his own rows only: others'' values would stay');
select is((select count(*) from ucrm.custom_columns where name = 'ours'), 1::bigint, 'and the column stays');
rollback;
-- The definitions of one transaction are no other's.
begin isolation level repeatable read;
select pg_temp.arrange('agent');
set local role ucrm_app;
select ucrm.enter(:'acme', :'owner');
select is(pg_temp.wrong($$insert into crm.contacts (name, custom) values ('x', '{"ours": "x"}')$$), 'none', 'under REPEATABLE READ too rows are checked');
select throws_ok(format('select ucrm.drop_custom_column(%L)', :'ours'), '0A000', null, 'but definitions do not change under it');
rollback;

-- A reporting login, and the compiler's shape.
begin;
insert into ucrm.custom_columns (tenant_id, resource, name, label, type, required, position) values
    (:'acme', 'contacts', 'budget', 'Budget', 'currency', false, 1), (:'acme', 'contacts', 'since', 'Since', 'date', true, 0), (:'acme', 'contacts', 'at', 'At', 'datetime', false, 2),
    (:'acme', 'contacts', 'stay', 'Stay', 'date_range', false, 3), (:'acme', 'contacts', 'call', 'Call', 'datetime_range', false, 4), (:'acme', 'contacts', 'mail', 'Mail', 'email', false, 5),
    (:'globex', 'contacts', 'theirs', 'Theirs', 'plain', false, 0);
savepoint before;
set session authorization :"report";
select set_eq('select name from ucrm.custom_columns', array['budget', 'since', 'at', 'stay', 'call', 'mail'], 'a reporting login reads its tenant''s definitions');
select throws_ok('delete from ucrm.custom_columns', '42501', null, 'and changes none');
select throws_ok($$select ucrm.create_custom_column('contacts', 'x', 'plain')$$, '42501', null, 'nor makes one');
reset session authorization;
rollback to before;
set local role ucrm_app;
select ucrm.enter(:'acme', :'owner');
reset role;
select is(ucrm.custom_shape('contacts'), E'custom.since\tdate\trwn\ncustom.budget\tmoney\trw\ncustom.at\ttimestamp with time zone\trw\ncustom.stay\tdaterange\trw\ncustom.call\ttstzrange\trw\ncustom.mail\ttext\trw', 'the compiler is told the tenant''s columns');
select is(ucrm.custom_shape('organizations'), null, 'of a resource that has none, nothing');
rollback;

-- Definitions are cached exactly: also under REPEATABLE READ, after ROLLBACK TO SAVEPOINT, and of one's own making.
begin;
select is(pg_temp.wrong(format($$insert into crm.contacts (tenant_id, name, custom) values (%L, 'x', '{"mine": "x"}')$$, :'acme')), '22023 custom custom.mine: is no custom column here (unknown_field)', 'not yet');
savepoint s;
insert into ucrm.custom_columns (tenant_id, resource, name, label, type) values (:'acme', 'contacts', 'mine', 'Mine', 'plain');
select is(pg_temp.wrong(format($$insert into crm.contacts (tenant_id, name, custom) values (%L, 'x', '{"mine": "x"}')$$, :'acme')), 'none', 'made, it counts');
savepoint t;
update ucrm.custom_columns set type = 'date' where name = 'mine';
select matches(pg_temp.wrong(format($$insert into crm.contacts (tenant_id, name, custom) values (%L, 'x', '{"mine": "x"}')$$, :'acme')), 'must be a date', 'changed, it counts otherwise');
rollback to t;
select is(pg_temp.wrong(format($$insert into crm.contacts (tenant_id, name, custom) values (%L, 'x', '{"mine": "x"}')$$, :'acme')), 'none', 'taken back, as before');
rollback to s;
select is(pg_temp.wrong(format($$insert into crm.contacts (tenant_id, name, custom) values (%L, 'x', '{"mine": "x"}')$$, :'acme')), '22023 custom custom.mine: is no custom column here (unknown_field)', 'and not at all');
rollback;

-- protect() and the column.
begin;
create schema shop;
create table shop.plain (tenant_id uuid not null, id uuid not null default ucrm.uuid7(), name text, primary key (tenant_id, id));
select ucrm.protect('shop.plain', 'plain_things');
select is((select count(*) from pg_trigger where tgrelid = 'shop.plain'::regclass and tgname like 'ucrm\_custom%'), 0::bigint, 'a table without custom has no check of it');
alter table shop.plain add column custom jsonb not null default '{}';
select ucrm.protect('shop.plain');
select is((select count(*) from pg_trigger where tgrelid = 'shop.plain'::regclass and tgname like 'ucrm\_custom%'), 2::bigint, 'once it has one, it has');
select matches(pg_temp.wrong(format($$insert into shop.plain (tenant_id, custom) values (%L, '{"a": 1}')$$, :'acme')), '^22023 custom custom.a', 'and refuses');
insert into ucrm.custom_columns (tenant_id, resource, name, label, type) values (:'acme', 'plain_things', 'a', 'A', 'plain');
select ucrm.protect('shop.plain', 'other_things');
select is(pg_temp.wrong(format($$insert into shop.plain (tenant_id, custom) values (%L, '{"a": "x"}')$$, :'acme')), 'none', 'definitions follow the resource''s name');
select ucrm.unprotect('shop.plain');
select is((select count(*) from pg_trigger where tgrelid = 'shop.plain'::regclass and tgname like 'ucrm\_%'), 0::bigint, 'unprotected, nothing is left');
select throws_ok($$select ucrm.protect('shop.plain', 'custom_columns')$$, 'PT409', 'resource_taken', 'the noun is the house''s');
rollback;

-- A tenant that goes takes its definitions along.
begin;
insert into ucrm.custom_columns (tenant_id, resource, name, label, type) values (:'globex', 'contacts', 'theirs', 'Theirs', 'plain');
delete from ucrm.tenants where id = :'globex';
select is((select count(*) from ucrm.custom_columns where name = 'theirs'), 0::bigint, 'with the tenant its definitions go');
rollback;

select '1..' || currval('__tresults___numb_seq');
