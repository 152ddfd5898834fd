-- /api/v1/openapi.json: the routes, resources and refusals of the catalogue as one OpenAPI 3.1 document, as far as the
-- caller may use them. What he may not use is not named: neither its path, nor its fields, nor a relation to it.
create function ucrm.reachable_routes()
returns table (method text, template text, path text, audience text, noun text, action text, writes boolean, entity text, relation text, target text)
language sql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
    with actor as materialized (
        select * from ucrm.asker()
    ), places as materialized (
        -- What {resource} and {relation} stand for.
        select '' as entity, '' as relation, '' as target
        union all
        select x.name, '', '' from ucrm.resources as x where x.kind = 'entity'
        union all
        select x.name, l ->> 'name', l ->> 'target'
        from ucrm.resources as x
        cross join lateral jsonb_array_elements(ucrm.relation_shapes(x.name)) as l
        where x.kind = 'entity' and l ->> 'link' is not null and ucrm.has_permission(l ->> 'target', 'read') and ucrm.has_permission(l ->> 'link', 'read')
          and exists (select from ucrm.routes as r where r.template like '%{relation}%')
    ), given as materialized (
        select r.method, r.template, q.path, r.audience, coalesce(r.resource, x.entity) as noun, r.action,
               case when r.action is null then r.method <> 'GET' else ucrm.is_write(r.action) end as writes, x.entity, x.relation, x.target,
               -- Where a literal path and a template lead to the same, the literal one is taken: see ucrm.look_up_dispatch().
               rank() over (partition by q.path order by regexp_count(r.template, '\{')) as place
        from ucrm.routes as r
        join places as x on (x.entity = '') = (r.template not like '%{resource}%') and (x.relation = '') = (r.template not like '%{relation}%')
        cross join lateral (select replace(replace(r.template, '{resource}', x.entity), '{relation}', x.relation) as path) as q
        where r.template like '/api/v1/%'
    )
    select g.method, g.template, g.path, g.audience, nullif(g.noun, ''), g.action, g.writes, nullif(g.entity, ''), nullif(g.relation, ''), nullif(g.target, '')
    from given as g, actor as a
    where g.place = 1
      and ucrm.is_open(g.audience, g.noun, g.action, g.writes, a.entered, a.person, a.reads_only, a.admin)
      -- Routes that ask by themselves, for one of several grants.
      and case g.method || ' ' || g.template
              when 'POST /api/v1/audit_logs/undo' then exists (
                  select from ucrm.resources as x, unnest(array['create', 'update', 'delete', 'archive', 'restore']) as deed
                  where x.kind = 'entity' and ucrm.has_permission(x.name, deed))
              when 'POST /api/v1/files/{id}' then exists (select from ucrm.file_buckets as b where ucrm.may_upload(b))
              when 'DELETE /api/v1/files/{id}' then ucrm.has_permission('files', 'delete') or exists (select from ucrm.file_buckets as b where ucrm.may_upload(b))
              else true
          end;
$$;
comment on function ucrm.reachable_routes() is 'The routes of /api/v1 that the current context may call, {resource} and {relation} put in: method, template, path, audience, the resource and action that are asked for, whether that is a write, the protected table''s noun, the relation and where it leads.';

create function ucrm.route_refusals(method text, path text, audience text, noun text, action text, writes boolean, takes_body boolean)
returns text[]
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select array['bad_request', 'ambiguous_credential', 'unauthenticated', 'rate_limited', 'uri_too_long', 'headers_too_large', 'internal', 'unavailable']
        || case when method = 'GET' then '{}' else array['csrf_rejected', 'conflict'] end
        || case when path ~ '\{' then array['not_found'] else '{}' end
        || case when takes_body then array['invalid_json', 'unsupported_media_type', 'unknown_field', 'validation_failed', 'request_timeout', 'body_too_large'] else '{}' end
        || case when writes then array['permission_denied'] else '{}' end
        || case audience
               when 'tenant' then array['not_a_member'] || case when action is null then '{}' else array['permission_denied', 'key_scope_denied'] end
               when 'anybody' then array['not_a_member']
               when 'user' then array['permission_denied', 'not_a_member']
               when 'platform' then array['permission_denied', 'not_a_member'] || case when writes or path ~ '/export$' then array['step_up_required'] else '{}' end
               when 'internal' then array['permission_denied', 'not_a_member', 'step_up_required', 'not_found']
               else '{}'
           end
        || case when audience in ('tenant', 'anybody') then (
               select coalesce(array_agg(split_part(g, ' ', 2)), '{}')
               from unnest(ucrm.gates_of(noun, coalesce(action, case method when 'GET' then 'read' else 'update' end))) as g) else '{}' end;
$$;
comment on function ucrm.route_refusals(text, text, text, text, text, boolean, boolean) is 'What every route of this kind may refuse with, the gates'' codes included.';

create function ucrm.route_security(audience text)
returns jsonb
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
    select case audience
        when 'public' then '[]'
        when 'anybody' then '[{}, {"key": []}, {"bearer": []}, {"cookie": []}]'
        when 'user' then '[{"bearer": []}, {"cookie": []}]'
        when 'internal' then '[{"internal": []}, {"key": []}, {"bearer": []}, {"cookie": []}]'
        else '[{"key": []}, {"bearer": []}, {"cookie": []}]'
    end::jsonb;
$$;
comment on function ucrm.route_security(text) is 'The Security Requirement Objects of an audience.';

create function ucrm.openapi_scope(scope text)
returns table (schemas jsonb, parameters jsonb)
language sql
volatile
set search_path = pg_catalog, pg_temp
as $$
    -- A protected table.
    select ucrm.resource_schemas(r.name, f.fields) || jsonb_build_object(r.name || '.condition', ucrm.condition_schema(f.names, f.types, f.secret)),
           ucrm.list_parameters(r.name, f.names, f.types, f.secret, r.search_columns, coalesce(r.archived_column, ''))
           || ucrm.expand_parameter(r.name)
           || jsonb_build_object(r.name || '.id', jsonb_build_object('name', 'id', 'in', 'path', 'required', true, 'schema', f.key))
    from ucrm.resources as r
    cross join lateral (
        select array_agg(x order by x.n) as fields,
               array_agg(x.name order by x.n) filter (where x.flags ~ 'r') as names, array_agg(x.type order by x.n) filter (where x.flags ~ 'r') as types,
               array_agg(x.flags ~ 's' order by x.n) filter (where x.flags ~ 'r') as secret,
               jsonb_path_query_first(jsonb_agg(x.schema - 'description') filter (where x.name = r.key_column), '$[0]') as key
        from ucrm.resource_fields(r.name) as x
    ) as f
    where r.name = scope and r.kind = 'entity'
    union all
    -- A table or view of the house, or a schema that is written out.
    select jsonb_build_object(d.name, case when d.relation is null then d.schema || case when d.name = 'WorkspaceSettings' then s.properties else '{}' end else
               jsonb_build_object('type', 'object') || d.schema || jsonb_build_object('properties', f.properties || coalesce(d.schema -> 'properties', '{}')) end)
           || case when d.relation is null then '{}' else jsonb_build_object(d.name || '.condition', ucrm.condition_schema(f.names, f.types, f.secret)) end,
           case when d.relation is null then '{}' else ucrm.list_parameters(d.name, f.names, f.types, f.secret, d.search, d.archived) end
    from ucrm.schema_docs as d
    left join lateral (
        select array_agg(c.name order by a.attnum) as names, array_agg(c.type order by a.attnum) as types, array_agg(false) as secret,
               jsonb_object_agg(c.name, case when a.attnotnull then c.schema else ucrm.nullable_schema(c.schema) end) as properties
        from pg_catalog.pg_attribute as a
        join ucrm.column_schemas(ucrm.relation_of(split_part(d.relation, '.', 1), split_part(d.relation, '.', 2))) as c on c.name = a.attname
        where a.attrelid = ucrm.relation_of(split_part(d.relation, '.', 1), split_part(d.relation, '.', 2))
          and a.attname <> 'tenant_id' and has_column_privilege(d.reader, a.attrelid, a.attnum, 'select')
    ) as f on d.relation is not null
    cross join (
        select jsonb_build_object('properties', jsonb_object_agg(t.name, jsonb_build_object('type', jsonb_build_array(t.type, 'null'), 'description', t.description))) as properties
        from ucrm.tenant_settings as t
    ) as s
    where d.name = scope;
$$;
comment on function ucrm.openapi_scope(text) is 'Schemas and parameters, by name, of a protected table or of a row of ucrm.schema_docs.';

create function ucrm.placed(part jsonb, entity text, relation text, target text)
returns jsonb
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
    select case when entity is null then part
        else replace(replace(replace(part::text, '{resource}', entity), '{relation}', coalesce(relation, '{relation}')), '{target}', coalesce(target, '{target}'))::jsonb
    end;
$$;
comment on function ucrm.placed(jsonb, text, text, text) is 'A part of the document, {resource}, {relation} and {target} put in.';

-- Its estimates are far above what there is: compiling it would take twenty times as long as running it.
create function ucrm.openapi()
returns jsonb
language sql
volatile
security definer
set search_path = pg_catalog, pg_temp
set jit = off
as $$
    with recursive described as materialized (
        select r.method, r.path, r.audience, r.noun, r.entity, r.writes, r.action, coalesce(d.request, e.request) is not null as takes_body,
               coalesce(d.tag, r.noun, 'other') as tag, d.listed, coalesce(d.refusals, e.refusals) as refusals,
               -- {resource} stands in names and references alike.
               ucrm.placed(jsonb_strip_nulls(jsonb_build_object(
                   'operationId', coalesce(d.operation, e.operation, lower(r.method) || replace(regexp_replace(r.path, '^/api/v1|[{}]', '', 'g'), '/', '.')),
                   'summary', coalesce(d.summary, e.summary, initcap(r.method) || ' ' || r.path),
                   'description', coalesce(d.description, e.description),
                   'parameters', coalesce(d.parameters, e.parameters, '[]'),
                   'requestBody', coalesce(d.request, e.request))), r.entity, r.relation, r.target) as operation,
               ucrm.placed(coalesce(d.responses, e.responses, '{"2XX": {"description": "What its function gives."}}'), r.entity, r.relation, r.target) as responses,
               array(select h[1] from regexp_matches(r.path, '\{([a-z_]+)\}', 'g') as h) as holes
        from ucrm.reachable_routes() as r
        left join ucrm.route_docs as d on d.method = r.method and d.template = r.template
        left join ucrm.exposed_docs() as e on e.method = r.method and e.path = r.template
    ), refused as materialized (
        select d.method, d.path, f.status, array_agg(f.code order by f.code) as codes
        from described as d
        cross join lateral (
            select distinct x as code
            from unnest(ucrm.route_refusals(d.method, d.path, d.audience, d.noun, d.action, d.writes, d.takes_body) || coalesce(d.refusals, '{}')) as x
        ) as c
        join ucrm.refusals as f on f.code = c.code
        group by 1, 2, 3
    ), replies as materialized (
        select r.codes, min(r.status) as status, case cardinality(r.codes) when 1 then r.codes[1] else min(r.status) || '_' || substr(md5(r.codes::text), 1, 8) end as name
        from refused as r
        group by r.codes
    ), scopes as materialized (
        select n.name, s.schemas, s.parameters
        from (
            select distinct d.entity as name from described as d where d.entity is not null
            union
            select x.name from ucrm.schema_docs as x
        ) as n
        cross join lateral ucrm.openapi_scope(n.name) as s
    ), operations as materialized (
        select d.path, lower(d.method) as method, d.tag, d.operation || jsonb_build_object(
            'tags', jsonb_build_array(d.tag),
            'security', ucrm.route_security(d.audience),
            -- Not every resource has relations.
            'parameters', (
                select coalesce(jsonb_agg(p.given order by p.n), '[]')
                from jsonb_array_elements(d.operation -> 'parameters') with ordinality as p (given, n)
                where p.given ->> '$ref' is distinct from concat('#/components/parameters/', d.entity, '.expand')
                   or exists (select from scopes as s where s.name = d.entity and s.parameters ? (d.entity || '.expand'))
            ) || coalesce((
                select jsonb_agg(case
                        when d.entity is not null and h = 'id' then jsonb_build_object('$ref', '#/components/parameters/' || d.entity || '.id')
                        else jsonb_build_object('name', h, 'in', 'path', 'required', true, 'schema', '{"type": "string", "minLength": 1}'::jsonb)
                    end)
                from unnest(d.holes) as h
                where not d.operation -> 'parameters' @> jsonb_build_array(jsonb_build_object('name', h))
                  and not exists (select from jsonb_array_elements(d.operation -> 'parameters') as g where g ->> '$ref' ~ ('/(' || case h when 'id' then '(.+[.])?id|workspace' else h end || ')$'))
            ), '[]') || coalesce((
                select jsonb_agg(jsonb_build_object('$ref', '#/components/parameters/' || k) order by k ~ '[.]by[.]', k)
                from scopes as s, jsonb_object_keys(s.parameters) as k
                where s.name = replace(d.listed, '{resource}', d.entity) and k not like '%.id'
            ), '[]'),
            'responses', d.responses || (
                select jsonb_object_agg(r.status, jsonb_build_object('$ref', '#/components/responses/' || n.name))
                from refused as r
                join replies as n on n.codes = r.codes
                where r.method = d.method and r.path = d.path)) as operation
        from described as d
    ), paths as materialized (
        select jsonb_object_agg(p.path, p.item) as item
        from (select o.path, jsonb_object_agg(o.method, o.operation) as item from operations as o group by o.path) as p
    ), parts as materialized (
        select 'responses' as kind, r.name, ucrm.refusal_reply(r.status, r.codes) as body from replies as r
        union all
        select 'schemas', e.key, e.value from scopes as s, jsonb_each(s.schemas) as e
        union all
        select 'parameters', e.key, e.value from scopes as s, jsonb_each(s.parameters) as e
        union all
        select 'parameters', e.key, e.value from jsonb_each(ucrm.openapi_parameters()) as e
        union all
        select 'headers', e.key, e.value from jsonb_each(ucrm.openapi_headers()) as e
    ), used (kind, name) as (
        -- Nothing that no path leads to.
        select m[1], m[2] from paths as p, regexp_matches(p.item::text, '"\$ref": "#/components/([a-z]+)/([^"]+)"', 'g') as m
        union
        select m[1], m[2]
        from used as u
        join parts as p on p.kind = u.kind and p.name = u.name
        cross join lateral regexp_matches(p.body::text, '"\$ref": "#/components/([a-z]+)/([^"]+)"', 'g') as m
    )
    select jsonb_build_object(
        'openapi', '3.1.0',
        'info', jsonb_build_object('title', 'UCRM', 'version', (select x.extversion from pg_catalog.pg_extension as x where x.extname = 'ucrm'),
            'description', 'What this credential may do here. Ask again with another one to see what that may do. `/rest/v1` speaks the PostgREST dialect over the same resources.',
            'license', '{"name": "Apache-2.0", "identifier": "Apache-2.0"}'::jsonb),
        'servers', '[{"url": "/"}]'::jsonb,
        'tags', (
            select jsonb_agg(jsonb_build_object('name', t.tag, 'description', coalesce(g.description, obj_description(ucrm.relation_of(x.table_schema, x.table_name), 'pg_class'), x.label, t.tag)) order by x.name is not null, t.tag)
            from (select distinct o.tag from operations as o) as t
            left join ucrm.tag_docs as g on g.name = t.tag
            left join ucrm.resources as x on x.name = t.tag and x.kind = 'entity'),
        'paths', (select p.item from paths as p),
        'components', (
            select jsonb_object_agg(k.kind, k.items)
            from (
                select p.kind, jsonb_object_agg(p.name, p.body) as items
                from parts as p
                join (select distinct u.kind, u.name from used as u) as u on u.kind = p.kind and u.name = p.name
                group by p.kind
                union all
                select 'securitySchemes', jsonb_object_agg(e.key, e.value)
                from jsonb_each(ucrm.openapi_security()) as e
                where exists (select from operations as o where jsonb_path_exists(o.operation, '$.security[*].keyvalue().key ? (@ == $name)', jsonb_build_object('name', e.key)))
            ) as k
            where k.items is not null));
$$;
comment on function ucrm.openapi() is 'The OpenAPI 3.1 document of what the current context may call. The same context and catalogue give the same document.';

create function ucrm.openapi_text()
returns text
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    what constant text[] := array['openapi', ucrm.tenant_id()::text, (select a::text from ucrm.asker() as a), ucrm.permissions()::text, ucrm.has_internal_secret()::text];
    generation constant bigint := ucrm.generation();
    document text := ucrm.recall_text(what);
begin
    if document is null then
        document := ucrm.openapi();
        perform ucrm.remember_text(what, generation, document);
    end if;
    return document;
end
$$;
comment on function ucrm.openapi_text() is 'ucrm.openapi() as text, remembered for all who may do the same in the same workspace.';

create function ucrm.openapi_route(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    document constant text := ucrm.openapi_text();
    etag constant text := ucrm.etag(document);
begin
    if ucrm.etag_matches(replace(coalesce(r.headers ->> 'if-none-match', ''), 'W/', ''), etag) then
        return row(304, jsonb_build_object('etag', etag), null)::ucrm.response;
    end if;
    return row(200, jsonb_build_object('etag', etag, 'cache-control', 'private, no-cache', 'vary', 'x-api-key, authorization, cookie'), convert_to(document, 'UTF8'))::ucrm.response;
end
$$;
comment on function ucrm.openapi_route(ucrm.request) is 'GET /api/v1/openapi.json: 200, the document with ETag; 304 for a matching If-None-Match. Without a credential it holds what needs none.';

insert into ucrm.routes (method, template, function, audience, resource, action, builtin) values
('GET', '/api/v1/openapi.json', 'ucrm.openapi_route', 'anybody', 'session', null, true);

grant execute on function ucrm.openapi_route(ucrm.request) to ucrm_handler;
