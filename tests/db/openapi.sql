-- /api/v1/openapi.json: everything that can be called is described, what may not be called is not named, and the same
-- catalogue gives the same document.
\ir scene.psql

create function pg_temp.as_role(granted text) returns uuid language plpgsql as $$
declare
    made uuid;
    s scene;
begin
    select * into s from scene;
    insert into ucrm.users (email, email_verified_at) values (ucrm.uuid7() || '@acme.example', now()) returning id into made;
    insert into ucrm.roles (tenant_id, name) values (s.acme, 'told');
    insert into ucrm.role_permissions (tenant_id, role, resource, action, scope)
    select s.acme, 'told', split_part(g, ':', 1), split_part(g, ':', 2), coalesce(nullif(split_part(g, ':', 3), ''), 'all') from unnest(string_to_array(granted, ',')) as g;
    insert into ucrm.tenant_memberships (tenant_id, user_id, role) values (s.acme, made, 'told');
    return made;
end
$$;
create function pg_temp.operations(document jsonb) returns table (path text, method text, operation jsonb) language sql as $$
    select p.key, o.key, o.value from jsonb_each(document -> 'paths') as p, jsonb_each(p.value) as o
$$;
create function pg_temp.references_of(document jsonb) returns setof text language sql as $$
    select distinct m[1] from regexp_matches(document::text, '"\$ref": "#/components/([^"]+)"', 'g') as m
$$;
create function pg_temp.components_of(document jsonb) returns setof text language sql as $$
    select k.key || '/' || c.key from jsonb_each(document -> 'components') as k, jsonb_each(k.value) as c where k.key <> 'securitySchemes'
$$;

-- Rows beside the routes.
select is_empty(
    $$select r.method, r.template from ucrm.routes as r where r.template like '/api/v1/%' and r.builtin
      and not exists (select from ucrm.route_docs as d where d.method = r.method and d.template = r.template)$$,
    'every built-in route says what it does');
select is_empty(
    $$select d.method, d.template, c from ucrm.route_docs as d, unnest(d.refusals) as c where not exists (select from ucrm.refusals as f where f.code = c)$$,
    'and refuses with codes that there are');
select is_empty($$select d.operation from ucrm.route_docs as d group by 1 having count(*) > 1$$, 'operations have names of their own');
select is_empty(
    $$select p ->> 'name', o, v from ucrm.route_docs as d, jsonb_array_elements(d.parameters) as p, unnest(array['', 'eq.', 'neq.']) as o, unnest(array['019a0000-0000-7000-8000-000000000000', 'x']) as v
      where d.operation = 'audit_logs.export' and p ->> 'name' not in ('format', 'at')
        and ((ucrm.audit_filter(concat(p ->> 'name', '=', o, v))).wrong is null) <> (o || v ~ coalesce(p #>> '{schema,pattern}', ''))$$,
    'the audit''s export takes what its parameters say, with eq. and without');
select throws_ok(statement, '42501', null, 'does not change: ' || statement)
from unnest(array['update ucrm.route_docs set summary = ''x''', 'delete from ucrm.schema_docs', 'update ucrm.tag_docs set description = ''x''']) as statement;

-- The owner's document.
begin;
select ucrm.enter(:'acme', :'owner');
select ucrm.openapi() as document \gset
create temporary table told on commit drop as select :'document'::jsonb as document;
select is(ucrm.openapi(), document, 'the same twice') from told;
select set_eq('select pg_temp.references_of(document) from told', 'select pg_temp.components_of(document) from told', 'every reference leads somewhere, and nothing is there that none leads to');
select is_empty('select operation ->> ''operationId'' from told, pg_temp.operations(document) group by 1 having count(*) > 1', 'every operation has an id of its own');
select is_empty(
    $$select x.name, v.path from ucrm.resources as x
      cross join lateral (values ('/api/v1/' || x.name, 'get'), ('/api/v1/' || x.name, 'post'), ('/api/v1/' || x.name || '/{id}', 'get'), ('/api/v1/' || x.name || '/{id}', 'patch'), ('/api/v1/' || x.name || '/{id}', 'delete')) as v (path, method)
      where x.kind = 'entity' and not exists (select from told as t where t.document #> array['paths', v.path, v.method] is not null)$$,
    'every protected table is listed, created, read, changed and deleted');
select is_empty(
    $$select x.name, c.attname from ucrm.resources as x
      join pg_attribute as c on c.attrelid = ucrm.relation_of(x.table_schema, x.table_name) and c.attnum > 0 and not c.attisdropped and c.attname <> 'tenant_id' and c.attname !~ '_(minor|currency)$'
      where x.kind = 'entity' and not exists (select from told as t where t.document #> array['components', 'schemas', x.name, 'properties', c.attname::text] is not null)$$,
    'with every column');
select is_empty(
    $$select o.path, o.method from told, pg_temp.operations(document) as o
      where not exists (select from jsonb_object_keys(o.operation -> 'responses') as s where s ~ '^2') or not o.operation -> 'responses' ?& array['400', '429', '500', '503']
         or not o.operation ?& array['operationId', 'summary', 'tags', 'security']$$,
    'every operation has a summary, a tag, a reply and its refusals');
select is_empty($$select document #> array['components', 'schemas', x.name, 'properties', 'tenant_id'] from told, ucrm.resources as x where document #> array['components', 'schemas', x.name, 'properties', 'tenant_id'] is not null$$,
    'no tenant_id');
select ok(document::text !~ 'ucrm_(owner|handler|app)|crm\.|pg_|_route', 'no role, schema or function of the database is named') from told;
select is_empty($$select w.word from told, words as w where strpos(document::text, w.word) > 0$$, 'nor anything of another tenant''s');
select is(document #> '{components,schemas,contacts.new,required}', '["name"]', 'what POST needs') from told;
select is(document #> '{components,schemas,contacts.new,properties,stage}', '{"type": "string", "enum": ["lead", "qualified", "won", "lost"]}', 'a CHECK becomes an enum') from told;
select is(document #> '{components,schemas,contacts.new,properties,email}', '{"type": ["string", "null"], "pattern": "^[^@\\s]+@[^@\\s]+$", "maxLength": 254}', 'a pattern and a length') from told;
select is(document #> '{components,schemas,contacts.new,additionalProperties}', 'false', 'and no other field') from told;
select ok(not document #> '{components,schemas,contacts.new,properties}' ?| array['id', 'tenant_id', 'created_at', 'updated_at', 'archived_at'], 'nor what is not assignable') from told;
select is(document #>> '{components,schemas,contacts,properties,organization_id,x-references}', 'organizations', 'a key of another resource says whose') from told;
select ok(not document -> 'paths' ?| array['/api/v1/admin/workspaces', '/api/v1/internal/tenants'], 'an owner is no platform admin') from told;
rollback;

-- What may not be called is not named.
begin;
select pg_temp.as_role('contacts:read') as told \gset
select ucrm.enter(:'acme', :'told');
select ucrm.openapi() as document \gset
create temporary table told on commit drop as select :'document'::jsonb as document;
select set_eq($$select path || ' ' || method from told, pg_temp.operations(document) where path like '/api/v1/contacts%'$$,
    $$select replace(r.template, '{resource}', 'contacts') || ' ' || lower(r.method) from ucrm.routes as r where r.template like '/api/v1/{resource}%' and r.action = 'read' and r.template not like '%{relation}%'$$,
    'who may read reads');
select ok(strpos(document::text, '"organizations') = 0 and strpos(document::text, '`organizations`') = 0, 'a resource that may not be read is not named, not even by what refers to it') from told;
select ok(not document #> '{components,schemas}' ?| array['contacts.new', 'contacts.change', 'Member', 'ApiKey', 'AuditLog'], 'nor what only others are shown') from told;
rollback;
begin;
select pg_temp.as_role('contacts:create:own') as told \gset
select ucrm.enter(:'acme', :'told');
select is(ucrm.openapi() #> '{components,schemas,contacts.made,type}', '["object", "null"]', 'who may create and not read is shown no row');
select ok(not ucrm.openapi() -> 'paths' -> '/api/v1/contacts' ? 'get', 'and no list');
rollback;
begin;
select ucrm.enter(:'acme', (select m.user_id from ucrm.tenant_memberships as m where m.tenant_id = :'acme' and m.role = 'reader'));
select is_empty($$select path, method from pg_temp.operations(ucrm.openapi()) as o where o.method <> 'get' and not exists (
        select from ucrm.routes as r where r.template = o.path and r.audience <> 'tenant' or r.template = o.path and r.action is null)$$,
    'a reader writes no row');
select is_empty($$select path, method from pg_temp.operations(ucrm.openapi()) as o where o.method <> 'get' and o.path ~ '^/api/v1/(files|audit_logs)/'$$, 'uploads nothing and undoes nothing');
rollback;
begin;
update ucrm.tenants set status = 'suspended' where id = :'acme';
select ucrm.enter(:'acme', :'owner');
select is_empty($$select path from pg_temp.operations(ucrm.openapi()) as o, ucrm.resources as x where x.kind = 'entity' and o.path like '/api/v1/' || x.name || '%'$$,
    'in a suspended workspace no resource is named');
rollback;
select is_empty($$select o.path, o.method from pg_temp.operations(ucrm.openapi()) as o
      left join ucrm.routes as r on r.template = o.path and lower(r.method) = o.method
      where coalesce(r.audience, '') not in ('public', 'anybody')$$,
    'without a credential only what needs none is named');

-- A DBA's own.
begin;
create schema shop;
create type shop.size as enum ('small', 'large');
create domain shop.percent as integer check (value between 0 and 100);
create table shop.invoices (
    tenant_id uuid not null,
    id uuid not null default ucrm.uuid7(),
    number text not null check (length(number) between 3 and 20),
    amount_cents bigint not null check (amount_cents > 0 and amount_cents < 1000000),
    size shop.size,
    discount shop.percent,
    color varchar(7) not null default '#000000' check (color ~ '^#[0-9a-f]{6}$'),
    secret text,
    either text check (either = 'a' or length(either) > 5),
    rate numeric(5, 2),
    tags text[] check (cardinality(tags) <= 3),
    on_day date,
    "Odd Name" text,
    primary key (tenant_id, id)
);
comment on column shop.invoices.number is 'As it is printed.';
select ucrm.protect('shop.invoices', secret => array['secret']);
create function shop.totals(r ucrm.request) returns ucrm.response language sql as $$ select ucrm.json_response(200, '{}') $$;
insert into ucrm.routes (method, template, function, resource, action) values
    ('GET', '/api/v1/invoices/totals', 'shop.totals', 'invoices', 'read'), ('POST', '/api/v1/invoices/{id}/pay/{part}', 'shop.totals', 'invoices', 'update'), ('GET', '/api/v1/invoices', 'shop.totals', 'invoices', 'read');
insert into ucrm.route_docs (method, template, operation, summary, responses)
values ('GET', '/api/v1/invoices/totals', 'invoices.totals', 'Add up all invoices', jsonb_build_object('200', ucrm.json_reply('The sums.', ucrm.data_schema('{"type": "object"}'))));
insert into ucrm.refusals (code, status, title) values ('people_only', 403, 'Only a person may do this');
create function shop.is_person(resource text, action text) returns boolean language sql stable as 'select true';
insert into ucrm.gates (name, position, applies, resource, check_fn, code) values ('invoices_by_people', 600, 'write', 'invoices', 'shop.is_person', 'people_only');
select ucrm.enter(:'acme', :'owner');
select ucrm.openapi() as document \gset
create temporary table told on commit drop as select :'document'::jsonb as document;
select is(document #> array['components', 'schemas', 'invoices', 'properties', name], want, 'column ' || name)
from told, (values
    ('number', '{"type": "string", "minLength": 3, "maxLength": 20, "description": "As it is printed."}'::jsonb),
    ('amount_cents', '{"type": "integer", "format": "int64", "exclusiveMinimum": 0, "exclusiveMaximum": 1000000}'),
    ('size', '{"type": ["string", "null"], "enum": ["small", "large", null]}'), ('color', '{"type": "string", "maxLength": 7, "pattern": "^#[0-9a-f]{6}$"}'),
    ('discount', '{"type": ["integer", "null"], "format": "int32", "minimum": 0, "maximum": 100}'), ('either', '{"type": ["string", "null"]}'),
    ('rate', '{"type": ["number", "null"], "exclusiveMinimum": -1000, "exclusiveMaximum": 1000}'), ('tags', '{"type": ["array", "null"], "items": {"type": "string"}, "maxItems": 3}'),
    ('on_day', '{"type": ["string", "null"], "format": "date"}'), ('Odd Name', '{"type": ["string", "null"]}')
) as v (name, want);
select ok(not exists (select from jsonb_each(document #> '{components,parameters}') as p where p.key not like '%.fields' and p.value::text ~ '"-?secret"'), 'a secret column is no filter and no order') from told;
select is(document #>> '{paths,/api/v1/invoices/totals,get,summary}', 'Add up all invoices', 'a DBA''s route says what its row says') from told;
select is(document #> array['paths', '/api/v1/invoices/{id}/pay/{part}', 'post', 'responses', '2XX'], '{"description": "What its function gives."}', 'and without a row what is known of it') from told;
select is((select array_agg(p ->> 'name' order by 1) from jsonb_array_elements(document #> array['paths', '/api/v1/invoices/{id}/pay/{part}', 'post', 'parameters']) as p), array['id', 'part'], 'its path''s parameters among it') from told;
select is(document #>> '{paths,/api/v1/invoices,get,summary}', 'Get /api/v1/invoices', 'a literal path beats a template, as in ucrm.routes') from told;
select ok((document #> array['components', 'responses', replace(document #>> array['paths', '/api/v1/invoices/{id}', 'patch', 'responses', '403', '$ref'], '#/components/responses/', '')])::text ~ 'people_only', 'a gate''s refusal is told') from told;
select ok((document #> array['components', 'responses', replace(document #>> '{paths,/api/v1/contacts,post,responses,403,$ref}', '#/components/responses/', '')])::text !~ 'people_only', 'where it is asked, and nowhere else') from told;
select set_eq('select pg_temp.references_of(document) from told', 'select pg_temp.components_of(document) from told', 'every reference still leads somewhere');
rollback;

-- What a workspace and a DBA add: custom columns, relations, exposed functions.
begin;
create function crm.wide_sum(days integer, names text[] default '{}', note jsonb default null) returns table (name text, amount numeric) language sql stable as 'select ''x'', 1.5';
comment on function crm.wide_sum(integer, text[], jsonb) is 'What it adds up. And how.';
create function crm.wide_touch(kind text, amount numeric default 1) returns void language sql volatile as 'select';
select ucrm.expose('crm.wide_sum(integer, text[], jsonb)', 'contacts', path => '/api/v1/contacts/{days}/sum');
select ucrm.expose('crm.wide_touch(text, numeric)', 'contacts', path => '/api/v1/contacts-touch');
select ucrm.enter(:'acme', :'owner');
select ucrm.create_custom_column('contacts', 'budget', 'currency') \g /dev/null
create temporary table told on commit drop as select ucrm.openapi() as document;
select is(document #> array['components', 'parameters', 'contacts.by.custom.budget', 'schema', '$ref'], '"#/components/schemas/NumberFilter"', 'a custom column is a filter') from told;
select ok(document #> '{components,parameters,contacts.sort,schema,items,enum}' ? '-custom.budget', 'and an order') from told;
select ok(document #> '{components,parameters,contacts.fields,schema,items,enum}' ? 'custom.budget', 'and a field') from told;
select ok(document #> '{components,parameters,contacts.expand,schema,items,enum}' ?& array['organization', 'deals', 'owner'], 'relations are named') from told;
select is(document #> '{components,schemas,contacts,properties,organization,anyOf,0,$ref}', '"#/components/schemas/organizations"', 'and described') from told;
select set_eq(format($$select p ->> '$ref' from told, jsonb_array_elements(document #> array['paths', %L, 'get', 'parameters']) as p where p ->> '$ref' like '%%.expand'$$, path), array['#/components/parameters/contacts.expand'], 'in ' || path)
from unnest(array['/api/v1/contacts', '/api/v1/contacts/{id}']) as path;
select is(document #>> array['paths', '/api/v1/contacts/{days}/sum', 'get', 'summary'], 'What it adds up', 'a function is described by its comment') from told;
select results_eq($$select p ->> 'name', p ->> 'in', (p ->> 'required')::boolean, p #>> '{schema,type}' from told, jsonb_array_elements(document #> array['paths', '/api/v1/contacts/{days}/sum', 'get', 'parameters']) as p order by 1$$,
    $$values ('days', 'path', true, 'integer'), ('limit', 'query', null, 'integer'), ('names', 'query', false, 'string'), ('note', 'query', false, 'string'), ('offset', 'query', null, 'integer')$$, 'its arguments are parameters');
select is(document #> array['paths', '/api/v1/contacts/{days}/sum', 'get', 'responses', '200', 'content', 'application/json', 'schema', 'properties', 'data'],
    '{"type": "array", "items": {"type": "object", "properties": {"name": {"type": ["string", "null"]}, "amount": {"type": ["number", "null"]}}}}', 'its columns the result') from told;
select is(document #> '{paths,/api/v1/contacts-touch,post,requestBody}',
    '{"required": true, "content": {"application/json": {"schema": {"type": "object", "required": ["kind"], "properties": {"kind": {"type": ["string", "null"]}, "amount": {"type": ["number", "null"]}}, "additionalProperties": false}}}}', 'or members of the body') from told;
select is(document #> '{paths,/api/v1/contacts-touch,post,responses,204,description}', '"It is done."', 'and nothing is 204') from told;
select set_eq('select pg_temp.references_of(document) from told', 'select pg_temp.components_of(document) from told', 'every reference leads somewhere here too');
rollback;

-- The text is remembered, and forgotten with whatever it was made of.
create function pg_temp.text_as(who uuid) returns text language plpgsql as $$
begin
    perform ucrm.enter((select acme from scene), who);
    return ucrm.openapi_text();
end
$$;
select md5(pg_temp.text_as(:'owner')) as before \gset
select is(md5(pg_temp.text_as(:'owner')), :'before', 'the same text twice');
comment on table crm.contacts is 'Documented anew.';
select ok(pg_temp.text_as(:'owner') ~ 'Documented anew', 'a comment counts');
comment on table crm.contacts is 'People a workspace deals with.';
insert into ucrm.routes (method, template, function, audience, resource, action) values ('GET', '/api/v1/told', 'ucrm.session_route', 'tenant', 'contacts', 'read');
insert into ucrm.route_docs (method, template, operation, summary, responses) values ('GET', '/api/v1/told', 'told.get', 'Told once', '{"200": {"description": "x"}}');
select ok(pg_temp.text_as(:'owner') ~ 'Told once', 'rows beside the routes');
update ucrm.route_docs set summary = 'Told twice' where operation = 'told.get';
select ok(pg_temp.text_as(:'owner') ~ 'Told twice', 'and what changes of them');
delete from ucrm.routes where template = '/api/v1/told';
select is(md5(pg_temp.text_as(:'owner')), :'before', 'as it was');

-- What a CHECK says.
select is(ucrm.check_schema(expression, 'a'), want::jsonb, expression)
from (values
    ('CHECK ((a = ANY (ARRAY[''x''::text, ''it''''s''::text])))', '{"enum": ["x", "it''s"]}'),
    ('CHECK (((a)::text = ANY ((ARRAY[''x''::character varying, ''y''::character varying])::text[])))', '{"enum": ["x", "y"]}'),
    ('CHECK (((a <> ''''::text) AND (length(a) <= 200)))', '{"minLength": 1, "maxLength": 200}'),
    ('CHECK ((btrim(a) <> ''''::text))', '{"minLength": 1, "pattern": "[^ ]"}'), ('CHECK ((char_length(a) > 2))', '{"minLength": 3}'),
    ('CHECK ((a ~ ''^[a-z]+$''::text))', '{"pattern": "^[a-z]+$"}'), ('CHECK ((a ~ ''\mword''::text))', '{}'), ('CHECK ((a ~* ''^x''::text))', '{}'),
    ('CHECK ((a ~ ''^[[:alpha:]]$''::text))', '{}'), ('CHECK (((a >= 0) AND (a < 10)))', '{"minimum": 0, "exclusiveMaximum": 10}'),
    ('CHECK ((a >= ''-0.5''::numeric))', '{"minimum": -0.5}'), ('CHECK ((a > (0)::numeric))', '{"exclusiveMinimum": 0}'),
    ('CHECK ((jsonb_typeof(a) = ''object''::text))', '{"type": "object"}'), ('CHECK (((a IS NULL) OR (length(a) < 3)))', '{}'), ('CHECK ((b ~ ''^x''::text))', '{}')
) as v (expression, want);

select '1..' || currval('__tresults___numb_seq');
