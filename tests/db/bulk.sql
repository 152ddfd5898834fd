-- Many rows in one request: all or nothing, each fault with its row, and the walls of a single row's.
\ir scene.psql

create temporary table keys (name text, shown bytea);
grant select on keys to public;
create function pg_temp.issue() returns void language sql as $$
    insert into keys
    select v.name, sha256(convert_to(k.secret, 'UTF8'))
    from (values ('ada', 'acme', 'ada', null), ('alan', 'acme', 'alan', null), ('rita', 'acme', 'rita', null), ('gina', 'globex', 'gina', null),
                 ('sue', 'umbrella', 'sue', null), ('creator', 'acme', 'ada', 'contacts:create'),
                 ('own', 'acme', 'alan', 'contacts:read,contacts:create,contacts:update:own,contacts:delete:own')) as v (name, slug, person, scopes)
    join ucrm.tenants as t on t.slug = v.slug
    join ucrm.users as u on u.email like v.person || '@%'
    cross join lateral ucrm.issue_api_key(t.id, u.id, v.name, v.scopes) as k;
$$;
create function pg_temp.ask(key_name text, method text, path text, body text default null, query text default '', out status integer, out body_ jsonb)
language plpgsql as $$
declare
    k keys;
    r record;
    state text; message text; hint text; s text; t text; c text; n text;
begin
    select * into k from keys where name = key_name;
    begin
        select * into r from ucrm.handle(method, path, query, null, convert_to(body, 'UTF8'), 'key', null, k.shown, '192.0.2.2', '01a00000-0000-7000-8000-0000000b0b00');
    exception when others then
        get stacked diagnostics state = returned_sqlstate, message = message_text, hint = pg_exception_hint,
            s = schema_name, t = table_name, c = column_name, n = constraint_name;
        select * into r from ucrm.refused(method, path, 'key', null, k.shown, '192.0.2.2', '01a00000-0000-7000-8000-0000000b0b00',
            state, message, hint, nullif(s, ''), nullif(t, ''), nullif(c, ''), nullif(n, ''));
    end;
    status := r.status;
    body_ := convert_from(r.body, 'UTF8')::jsonb;
end
$$;
create temporary table answers (status integer, body jsonb);
grant all on answers to public;

-- What is asked, of which rows are left: one transaction each.
create temporary table cases (n integer generated always as identity, name text, key_name text, method text, body text, query text default '', status integer, code text, errors text, contacts bigint);
insert into cases (name, key_name, method, body, status, code, errors, contacts) values
('a list makes rows', 'ada', 'POST', '[{"name": "one"}, {"name": "two", "stage": "won"}, {"name": "three"}]', 200, null, null, 3),
('an empty list makes none', 'ada', 'POST', '[]', 200, null, null, 0),
('a change names a row', 'ada', 'PATCH', '{"ids": [], "data": {"stage": "won"}}', 422, 'validation_failed', '0 ids required', 0),
('deleting none deletes none', 'ada', 'DELETE', '{"ids": []}', 200, null, null, 0),
('space before the list is space', 'ada', 'POST', E' \n\t[{"name": "one"}]', 200, null, null, 1),
('a row with an unknown field is named, and nothing is made', 'ada', 'POST', '[{"name": "one"}, {"name": "two", "nam": 1}]', 400, 'unknown_field', '1 nam unknown_field', 0),
('nobody assigns a tenant', 'ada', 'POST', '[{"name": "one", "tenant_id": "01a00000-0000-7000-8000-00000000ffff"}]', 400, 'unknown_field', '0 tenant_id unknown_field', 0),
('nor an id', 'ada', 'POST', '[{"name": "one", "id": "01a00000-0000-7000-8000-00000000ffff"}]', 400, 'unknown_field', '0 id unknown_field', 0),
('nor a time', 'ada', 'POST', '[{"name": "one", "created_at": "2020-01-01T00:00:00Z"}]', 400, 'unknown_field', '0 created_at unknown_field', 0),
('nor another owner', 'ada', 'POST', '[{"name": "one"}, {"name": "two", "owner_id": "01a00000-0000-7000-8000-00000000ffff"}]', 400, 'unknown_field', '1 owner_id unknown_field', 0),
('a row that lacks a field is named', 'ada', 'POST', '[{"name": "one"}, {"stage": "won"}, {"name": null}]', 422, 'validation_failed', '1 name required, 2 name null_not_allowed', 0),
('a row of a wrong type is named', 'ada', 'POST', '[{"name": "one"}, {"name": 7}]', 422, 'validation_failed', '1 name invalid_type', 0),
('what is no object is named', 'ada', 'POST', '[{"name": "one"}, 7, null]', 422, 'validation_failed', '1  invalid_type, 2  invalid_type', 0),
('a row that breaks a check is named', 'ada', 'POST', '[{"name": "one"}, {"name": "two"}, {"name": "three", "stage": "maybe"}, {"name": "four"}]', 422, 'validation_failed', '2 stage invalid_value', 0),
('the first of several', 'ada', 'POST', '[{"name": "one"}, {"name": "two", "email": "none"}, {"name": "three", "stage": "maybe"}]', 422, 'validation_failed', '1 email invalid_value', 0),
('a row that refers to nothing is named', 'ada', 'POST', '[{"name": "one"}, {"name": "two", "organization_id": "01a00000-0000-7000-8000-00000000ffff"}]', 422, 'validation_failed', '1 organization_id not_found', 0),
('a value that is taken is named with its row', 'ada', 'POST', '[{"name": "one", "external_id": "a"}, {"name": "two", "external_id": "b"}, {"name": "three", "external_id": "a"}]', 409, 'duplicate', '2 external_id duplicate', 0),
('an over-long text is named', 'ada', 'POST', format('[{"name": "one"}, {"name": "%s"}]', repeat('x', 201)), 422, 'validation_failed', '1 name invalid_value', 0),
('NUL is refused', 'ada', 'POST', '[{"name": "a\u0000b"}]', 400, 'invalid_json', null, 0),
('a key twice is refused', 'ada', 'POST', '[{"name": "a", "name": "b"}]', 400, 'invalid_json', null, 0),
('a huge number is refused', 'ada', 'POST', '[{"name": 1e100000}]', 400, 'invalid_json', null, 0),
('half a list is refused', 'ada', 'POST', '[{"name": "a"}', 400, 'invalid_json', null, 0),
('a reader makes none', 'rita', 'POST', '[{"name": "one"}]', 403, 'permission_denied', null, 0),
('a suspended workspace makes none', 'sue', 'POST', '[{"name": "one"}]', 403, 'workspace_suspended', null, 0),
('who may only create sees nothing of what he made', 'creator', 'POST', '[{"name": "one"}, {"name": "two"}]', 200, null, null, 2),
('a filter names no rows to change', 'ada', 'PATCH', '{"stage": "won"}', 422, 'validation_failed', '0 stage unknown_field', 0),
('a change needs a body', 'ada', 'PATCH', null, 400, 'ids_required', null, 0),
('a deletion needs a body', 'ada', 'DELETE', null, 400, 'ids_required', null, 0),
('a row without an id is named', 'ada', 'PATCH', '[{"name": "x"}]', 422, 'validation_failed', '0 id required', 0),
('an id that is none is named', 'ada', 'DELETE', '{"ids": ["x"]}', 422, 'validation_failed', '0 id invalid_format', 0),
('an id that is not there is named', 'ada', 'PATCH', '[{"id": "01a00000-0000-7000-8000-00000000ffff", "name": "x"}]', 404, 'not_found', '0 id not_found', 0),
('no ids are no rows', 'ada', 'DELETE', '{"ids": []}', 200, null, null, 0);
update cases set code = 'unknown_field', status = 400 where body = '{"stage": "won"}';
insert into cases (name, key_name, method, body, query, status, code, contacts) values
('a filter deletes nothing', 'ada', 'DELETE', '{"ids": []}', 'stage=eq.lead', 400, 'ids_required', 0),
('nor changes anything', 'ada', 'PATCH', '[]', 'stage=eq.lead', 400, 'ids_required', 0);

create procedure pg_temp.every_case() language plpgsql as $$
declare
    c cases;
    a record;
    before bigint;
begin
    for c in select * from cases order by n loop
        begin
            perform pg_temp.issue();
            select count(*) into before from crm.contacts;
            a := pg_temp.ask(c.key_name, c.method, '/api/v1/contacts', c.body, c.query);
            raise exception using errcode = 'RB000', message = jsonb_build_object('status', a.status, 'body', a.body_, 'made', (select count(*) from crm.contacts) - before)::text;
        exception when sqlstate 'RB000' then
            insert into results select c.n, sqlerrm::jsonb;
        end;
        commit;
    end loop;
end
$$;
create temporary table results (n integer, said jsonb);
call pg_temp.every_case();
select is(
    concat_ws(' | ', r.said ->> 'status', r.said -> 'body' ->> 'code',
        (select string_agg(concat_ws(' ', e ->> 'row', e ->> 'field', e ->> 'code'), ', ' order by o) from jsonb_array_elements(nullif(r.said -> 'body' -> 'errors', 'null')) with ordinality as v (e, o)),
        r.said ->> 'made'),
    concat_ws(' | ', c.status, c.code, c.errors, c.contacts), c.name)
from cases as c left join results as r on r.n = c.n order by c.n;

-- Own rows, others' rows, another tenant's rows.
begin;
select pg_temp.issue();
create temporary table known on commit drop as select (pg_temp.ask('alan', 'POST', '/api/v1/contacts', '[{"name": "alan 1", "external_id": "e1"}, {"name": "alan 2"}, {"name": "alan 3", "stage": "won"}, {"name": "alan 4"}]')).body_ as body;
select is((select string_agg(i ->> 'name', ',' order by n) from known, jsonb_array_elements(body -> 'data') with ordinality as v (i, n)), 'alan 1,alan 2,alan 3,alan 4', 'rows come back in the order sent, whatever their columns');
select is((select count(*) from ucrm.audit_logs as l, known where l.record_id in (select i ->> 'id' from jsonb_array_elements(body -> 'data') as i) and l.action = 'create'), 4::bigint, 'each row has its audit row');
rollback;

create procedure pg_temp.step(key_name text, method text, body text, expected text, said text) language plpgsql as $$
declare
    a record;
begin
    a := pg_temp.ask(key_name, method, '/api/v1/contacts', body);
    insert into told (said, expected, name) select concat_ws(' | ', a.status, a.body_ ->> 'code', a.body_ -> 'meta' ->> 'total',
        (select string_agg(concat_ws(' ', e ->> 'row', e ->> 'code'), ', ' order by o) from jsonb_array_elements(nullif(a.body_ -> 'errors', 'null')) with ordinality as v (e, o))), expected, said;
end
$$;
create temporary table told (n integer generated always as identity, said text, expected text, name text);
select pg_temp.issue();
create temporary table ids as
select v.person, (pg_temp.ask(v.person, 'POST', '/api/v1/contacts', '{"name": "bulk test"}')).body_ #>> '{data,id}' as id
from (values ('ada'), ('alan'), ('gina')) as v (person) where false;
insert into ids select 'ada', (pg_temp.ask('ada', 'POST', '/api/v1/contacts', '{"name": "bulk test"}')).body_ #>> '{data,id}';
insert into ids select 'alan', (pg_temp.ask('alan', 'POST', '/api/v1/contacts', '{"name": "bulk test"}')).body_ #>> '{data,id}';
insert into ids select 'gina', (pg_temp.ask('gina', 'POST', '/api/v1/contacts', '{"name": "bulk test"}')).body_ #>> '{data,id}';
select id as ada from ids where person = 'ada' \gset
select id as alan from ids where person = 'alan' \gset
select id as gina from ids where person = 'gina' \gset
call pg_temp.step('own', 'PATCH', format('{"ids": ["%s", "%s"], "data": {"stage": "won"}}', :'alan', :'ada'), '403 | permission_denied | 1 permission_denied', 'a row that is not yours among those to change: 403, naming it');
call pg_temp.step('own', 'DELETE', format('{"ids": ["%s", "%s"]}', :'alan', :'ada'), '403 | permission_denied | 1 permission_denied', 'or to delete');
call pg_temp.step('ada', 'PATCH', format('[{"id": "%s", "stage": "won"}, {"id": "%s", "stage": "won"}]', :'ada', :'gina'), '404 | not_found | 1 not_found', 'another tenant''s row is not there');
call pg_temp.step('ada', 'DELETE', format('{"ids": ["%s", "%s"]}', :'ada', :'gina'), '404 | not_found | 1 not_found', 'and not there to delete');
call pg_temp.step('rita', 'PATCH', format('[{"id": "%s", "stage": "won"}]', :'ada'), '403 | permission_denied', 'a reader changes none');
call pg_temp.step('rita', 'DELETE', format('{"ids": ["%s"]}', :'ada'), '403 | permission_denied', 'and deletes none');
call pg_temp.step('sue', 'DELETE', format('{"ids": ["%s"]}', :'ada'), '403 | workspace_suspended', 'nor does a suspended workspace');
call pg_temp.step('ada', 'PATCH', format('[{"id": "%s", "owner_id": "%s"}]', :'ada', :'gina'), '400 | unknown_field | 0 unknown_field', 'nobody gives rows to others');
call pg_temp.step('ada', 'PATCH', format('[{"id": "%s", "stage": "won"}, {"id": "%s", "stage": "maybe"}]', :'ada', :'alan'), '422 | validation_failed | 1 invalid_value', 'a change that breaks a check is named');
call pg_temp.step('ada', 'PATCH', format('[{"id": "%s", "stage": "won"}, {"id": "%s", "stage": "won"}]', :'ada', upper(:'ada')), '422 | validation_failed | 1 duplicate', 'no row is changed twice, in whatever case it is named');
select is(said, expected, name) from told order by n;
select is((select count(*) from crm.contacts where name = 'bulk test' and stage = 'lead'), 3::bigint, 'and none of those changed anything');
truncate told;
call pg_temp.step('ada', 'PATCH', format('[{"id": "%s", "stage": "won"}, {"id": "%s", "name": "renamed"}]', :'ada', :'alan'), '200 | 2', 'each row gets what is said of it');
call pg_temp.step('own', 'DELETE', format('{"ids": ["%s"]}', :'alan'), '200 | 1', 'one''s own are deleted');
call pg_temp.step('ada', 'DELETE', format('{"ids": ["%s"]}', :'ada'), '200 | 1', 'an owner deletes any');
call pg_temp.step('ada', 'DELETE', format('{"ids": ["%s"]}', :'ada'), '404 | not_found | 0 not_found', 'once');
call pg_temp.step('gina', 'DELETE', format('{"ids": ["%s"]}', :'gina'), '200 | 1', 'each tenant its own');
select is(said, expected, name) from told order by n;
delete from ucrm.api_keys where name in (select name from keys) and created_at > now() - interval '1 hour';
delete from ucrm.events where request_id = '01a00000-0000-7000-8000-0000000b0b00';

select '1..' || currval('__tresults___numb_seq');
