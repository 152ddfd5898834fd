-- What a route says about itself, as rows beside the routes: OpenAPI's own objects, put together by ucrm.openapi().
create table ucrm.route_docs (
    method text not null,
    template text not null,
    operation text not null check (operation ~ '^(\{resource\}|[a-z][a-z0-9_]*)(\.([a-z0-9_]+|\{relation\}))*$'),
    tag text,
    summary text not null check (summary <> ''),
    description text,
    parameters jsonb not null default '[]' check (jsonb_typeof(parameters) = 'array'),
    listed text,
    request jsonb check (jsonb_typeof(request) = 'object'),
    responses jsonb not null check (jsonb_typeof(responses) = 'object' and responses <> '{}'),
    refusals text[] not null default '{}',
    builtin boolean not null default false,
    primary key (method, template),
    foreign key (method, template) references ucrm.routes (method, template) on update cascade on delete cascade
);
comment on table ucrm.route_docs is
'How a route is described in /api/v1/openapi.json. operation: the operationId; tag: null = the resource. parameters, request and responses are Parameter Objects, a Request Body Object and Response Objects by status (OpenAPI 3.1, 4.8); {resource} in them is the resource''s name, so that #/components/schemas/{resource} is its row; so are {relation}, and {target}, the resource it leads to. Path parameters, credentials, and what every route of its kind refuses come by themselves. listed: the schema whose fields the query filters and sorts by. refusals: codes of ucrm.refusals that this route gives beside those. A route without a row is shown with what ucrm.routes knows.';

create table ucrm.schema_docs (
    name text primary key check (name ~ '^[A-Z][A-Za-z0-9]*$'),
    schema jsonb not null default '{}' check (jsonb_typeof(schema) = 'object'),
    relation text check (relation ~ '^[a-z_][a-z0-9_]*\.[a-z_][a-z0-9_]*$'),
    reader text not null default 'ucrm_app',
    search text[] not null default '{}',
    archived text not null default '',
    builtin boolean not null default false
);
comment on table ucrm.schema_docs is
'Schemas that route_docs refer to as #/components/schemas/<name>. Resources have theirs by themselves, named like them, in lower case. relation: a table or view whose columns, as far as the reader is granted them, are the schema''s properties; schema is laid over it. search, archived: what q= looks into and archived= goes by.';

create table ucrm.tag_docs (
    name text primary key check (name <> ''),
    description text not null check (description <> ''),
    builtin boolean not null default false
);
comment on table ucrm.tag_docs is 'What a tag of route_docs is about. Resources are their own tags.';

create trigger builtin_rows_do_not_change
before update or delete on ucrm.route_docs
for each row when (old.builtin) execute function ucrm.refuse_immutable();
create trigger builtin_rows_do_not_change
before update or delete on ucrm.schema_docs
for each row when (old.builtin) execute function ucrm.refuse_immutable();

create trigger builtin_rows_do_not_change
before update or delete on ucrm.tag_docs
for each row when (old.builtin) execute function ucrm.refuse_immutable();

-- Short ways to write the objects of such rows.
create function ucrm.schema_ref(name text)
returns jsonb
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
    select jsonb_build_object('$ref', '#/components/schemas/' || name);
$$;
comment on function ucrm.schema_ref(text) is 'A Reference Object to a schema.';

create function ucrm.parameter_refs(variadic names text[])
returns jsonb
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
    select coalesce(jsonb_agg(jsonb_build_object('$ref', '#/components/parameters/' || n) order by i), '[]') from unnest(names) with ordinality as u (n, i);
$$;
comment on function ucrm.parameter_refs(text[]) is 'Reference Objects to parameters of ucrm.openapi_parameters().';

create function ucrm.object_schema(properties jsonb, required text[] default '{}')
returns jsonb
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
    select jsonb_build_object('type', 'object', 'properties', properties)
        || case when required = '{}' then '{}' else jsonb_build_object('required', to_jsonb(required)) end;
$$;
comment on function ucrm.object_schema(jsonb, text[]) is 'The schema of an object with these properties, of which some are required.';

create function ucrm.data_schema(item jsonb)
returns jsonb
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
    select ucrm.object_schema(jsonb_build_object('data', item), array['data']);
$$;
comment on function ucrm.data_schema(jsonb) is '{data}.';

create function ucrm.list_schema(item jsonb)
returns jsonb
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
    select ucrm.object_schema(
        jsonb_build_object('data', jsonb_build_object('type', 'array', 'items', item), 'meta', ucrm.schema_ref('ListMeta')),
        array['data', 'meta']);
$$;
comment on function ucrm.list_schema(jsonb) is '{data: […], meta}.';

create function ucrm.json_request(properties jsonb, required text[] default '{}', example jsonb default null, body_required boolean default true)
returns jsonb
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
    select jsonb_build_object('required', body_required, 'content', jsonb_build_object('application/json',
        jsonb_build_object('schema', ucrm.object_schema(properties, required) || '{"additionalProperties": false}')
        || case when example is null then '{}' else jsonb_build_object('example', example) end));
$$;
comment on function ucrm.json_request(jsonb, text[], jsonb, boolean) is 'A Request Body Object: a JSON object of these fields and no others.';

create function ucrm.json_reply(description text, schema jsonb, variadic headers text[] default '{}')
returns jsonb
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
    select jsonb_build_object('description', description, 'headers', (
            select jsonb_object_agg(h, jsonb_build_object('$ref', '#/components/headers/' || h)) from unnest(headers || array['x-request-id']) as h))
        || case when schema is null then '{}' else jsonb_build_object('content', jsonb_build_object('application/json', jsonb_build_object('schema', schema))) end;
$$;
comment on function ucrm.json_reply(text, jsonb, text[]) is 'A Response Object: what it means, the schema of its JSON body (null: none), and headers of ucrm.openapi_headers().';
