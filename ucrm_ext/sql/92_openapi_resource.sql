-- A protected table as the document shows it: what its rows look like, what may be written, what a list is asked by.
create function ucrm.shape_columns(shape text)
returns table (n bigint, name text, type text, flags text)
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
    with lines as materialized (
        select u.n, string_to_array(u.line, E'\t') as part
        from unnest(string_to_array(shape, E'\n')) with ordinality as u (line, n)
        where u.n > 1
    ), own as materialized (
        -- A relation's line has nine parts; what follows it is the target's.
        select l.n, l.part[1] as name, l.part[2] as type, l.part[3] as flags, regexp_replace(l.part[1], '_minor$', '') as noun
        from lines as l
        where cardinality(l.part) = 3 and not exists (select from lines as r where cardinality(r.part) = 9 and r.n < l.n)
    ), money as materialized (
        -- Two columns, one field: see src/query/column.rs.
        select m.n, m.noun, m.name as minor, c.name as currency, m.flags
        from own as m
        left join own as c on c.name = m.noun || '_currency' and c.type ~ '^(text|character)'
        where m.noun <> m.name and m.type = 'bigint' and not exists (select from own as o where o.name = m.noun)
          and (c.name is not null or exists (select from own as o where o.name = 'currency' and o.type ~ '^(text|character)'))
    )
    select o.n, o.name, o.type, o.flags from own as o where not exists (select from money as m where o.name in (m.minor, m.currency))
    union all
    select m.n, m.noun, case when m.currency is null then 'amount' else 'money' end, m.flags from money as m
    order by 1;
$$;
comment on function ucrm.shape_columns(text) is 'The fields of a shape: place, name, type as format_type prints it, flags. money: an amount and its currency in one; amount: the same, with the row''s currency.';

create function ucrm.custom_schema(resource text)
returns jsonb
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select jsonb_build_object('type', 'object', 'additionalProperties', false,
            'properties', coalesce(jsonb_object_agg(c.name, case when c.required then d.schema else ucrm.nullable_schema(d.schema) end), '{}'))
        || case when bool_or(c.required) then jsonb_build_object('required', jsonb_agg(c.name order by c.name) filter (where c.required)) else '{}' end
    from ucrm.custom_columns as c
    cross join lateral (
        select case c.type
                when 'date' then '{"type": "string", "format": "date"}'
                when 'datetime' then '{"type": "string", "format": "date-time"}'
                when 'date_range' then '{"type": "object", "additionalProperties": false, "required": ["from", "to"], "properties": {"from": {"type": "string", "format": "date"}, "to": {"type": "string", "format": "date"}}}'
                when 'datetime_range' then '{"type": "object", "additionalProperties": false, "required": ["from", "to"], "properties": {"from": {"type": "string", "format": "date-time"}, "to": {"type": "string", "format": "date-time"}}}'
                when 'currency' then '{"$ref": "#/components/schemas/Money"}'
                when 'link' then '{"type": "string", "format": "uri", "maxLength": 2048}'
                when 'email' then '{"type": "string", "format": "email", "maxLength": 254}'
                when 'phone' then '{"type": "string", "maxLength": 50}'
                else '{"type": "string", "maxLength": 20000}'
            end::jsonb
            || case when c.type = 'single_select' then jsonb_build_object('enum', c.options) else '{}' end
            || jsonb_build_object('title', c.label) as schema
    ) as d
    where c.tenant_id = ucrm.tenant_id() and c.resource = custom_schema.resource;
$$;
comment on function ucrm.custom_schema(text) is 'The document "custom" of a resource''s rows: the entered tenant''s custom columns, and no others.';

create type ucrm.field as (
    n bigint,
    name text,
    type text,
    flags text,
    schema jsonb
);
comment on type ucrm.field is 'A field of a resource as clients know it: place, name, type, flags of ucrm.shape_of(), and the schema of what is not null.';

create function ucrm.resource_fields(resource text)
returns setof ucrm.field
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    with about as materialized (
        select r.owner_column, ucrm.relation_of(r.table_schema, r.table_name) as relation from ucrm.resources as r where r.name = resource
    ), keys as materialized (
        select distinct on (a.attname) a.attname as name, t.name as target
        from about as b
        join pg_catalog.pg_constraint as k on k.conrelid = b.relation and k.contype = 'f' and cardinality(k.conkey) = 2
        join pg_catalog.pg_attribute as a on a.attrelid = k.conrelid and a.attnum = any (k.conkey) and a.attname <> 'tenant_id'
        join pg_catalog.pg_class as f on f.oid = k.confrelid
        join pg_catalog.pg_namespace as m on m.oid = f.relnamespace
        join ucrm.resources as t on t.table_schema = m.nspname and t.table_name = f.relname
        where ucrm.has_permission(t.name, 'read')
        order by a.attname, k.conname
    ), named as materialized (
        select c.name, c.schema from about as b cross join lateral ucrm.column_schemas(b.relation) as c
    )
    select f.n, f.name, f.type, f.flags,
           case when f.type in ('money', 'amount') then ucrm.schema_ref('Money')
               when f.name = 'custom' and f.type = 'jsonb' then ucrm.custom_schema(resource)
               else s.schema
               || case when x.target is null then '{}' else jsonb_build_object('x-references', x.target) end
               || case when f.name = b.owner_column then '{"x-owner": true}'::jsonb else '{}' end
               || case when s.schema ? 'description' then '{}'
                       when x.target is not null then jsonb_build_object('description', format('The id of one of `%s`.', x.target))
                       when f.name = b.owner_column then '{"description": "Whose row it is. It can be set to oneself or to null."}'
                       else '{}'
                  end
           end
    from about as b
    cross join ucrm.shape_columns(concat_ws(E'\n', ucrm.table_shape_of(resource), ucrm.custom_shape(resource))) as f
    left join named as s on s.name = f.name
    left join keys as x on x.name = f.name
    where s.name is not null or f.type in ('money', 'amount') or f.name like 'custom.%'
    order by f.n;
$$;
comment on function ucrm.resource_fields(text) is 'The fields of a resource, the tenant''s custom columns as custom.name among them. A key of a resource that the caller may not read is not said to be one.';

create function ucrm.readable_relations(resource text)
returns table (name text, schema jsonb)
language sql
volatile
set search_path = pg_catalog, pg_temp
as $$
    select x ->> 'name',
           case split_part(x ->> 'line', E'\t', 2)
               when 'one' then ucrm.nullable_schema(ucrm.schema_ref(x ->> 'target'))
               else jsonb_build_object('type', 'array', 'items', ucrm.schema_ref(x ->> 'target'))
           end
    from jsonb_array_elements(ucrm.relation_shapes(resource)) as x
    where ucrm.has_permission(x ->> 'target', 'read') and (x ->> 'link' is null or ucrm.has_permission(x ->> 'link', 'read'))
    union all
    select 'owner', '{"type": ["object", "null"], "required": ["id", "name"], "properties": {"id": {"type": "string", "format": "uuid"}, "name": {"type": ["string", "null"]}}}'
    from ucrm.resources as r
    where r.name = resource and r.owner_column is not null
      and (ucrm.has_permission('members', 'read') or ucrm.has_permission('members', 'autocomplete'))
      and not exists (select from jsonb_array_elements(ucrm.relation_shapes(resource)) as x where x ->> 'name' = 'owner');
$$;
comment on function ucrm.readable_relations(text) is 'What expand= may name, as far as the caller may read it, and the schema of what a row then holds under that name.';

create function ucrm.expand_parameter(resource text)
returns jsonb
language sql
volatile
set search_path = pg_catalog, pg_temp
as $$
    select case when count(*) = 0 then '{}' else jsonb_build_object(resource || '.expand', jsonb_build_object('name', 'expand', 'in', 'query',
        'description', 'Related rows to show within each row, under these names: up to 8.', 'style', 'form', 'explode', false,
        'schema', jsonb_build_object('type', 'array', 'minItems', 1, 'maxItems', 8, 'uniqueItems', true, 'items', jsonb_build_object('type', 'string', 'enum', jsonb_agg(x.name order by x.name))),
        'example', jsonb_build_array(min(x.name)))) end
    from ucrm.readable_relations(resource) as x;
$$;
comment on function ucrm.expand_parameter(text) is 'The parameter <resource>.expand; {} for a resource without relations.';

create function ucrm.resource_schemas(resource text, fields ucrm.field[])
returns jsonb
language sql
volatile
set search_path = pg_catalog, pg_temp
as $$
    with given_fields as materialized (
        select f.*,
               case when f.flags ~ 'n' then f.schema else ucrm.nullable_schema(f.schema) end as shown,
               -- What it takes beside what it gives: decimal numbers as text too.
               case when f.type = 'amount' then jsonb_build_object('anyOf', jsonb_build_array(f.schema, '{"type": ["number", "string"], "pattern": "^-?[0-9]{1,15}([.][0-9]{1,4})?$"}'::jsonb))
                    when f.schema ->> 'type' = 'number' and f.type ~ '^numeric' then f.schema || '{"type": ["number", "string"], "pattern": "^[-+]?[0-9]{1,15}([.][0-9]{1,15})?$"}' else f.schema end as taken
        from unnest(resource_schemas.fields) as f
        where f.name not like 'custom.%'
    ), about as (
        select r.label, obj_description(ucrm.relation_of(r.table_schema, r.table_name), 'pg_class') as comment,
               r.key_column, (select f.schema from given_fields as f where f.name = r.key_column) as key
        from ucrm.resources as r
        where r.name = resource
    ), given as (
        select coalesce(jsonb_object_agg(f.name, case when f.flags ~ 'n' then f.taken else ucrm.nullable_schema(f.taken) end) filter (where f.flags ~ 'w'), '{}') as properties,
               coalesce(jsonb_agg(f.name order by f.n) filter (where f.flags ~ 'w' and f.flags ~ 'n' and f.flags !~ 'd'), '[]') as required
        from given_fields as f
    )
    select jsonb_build_object(
        resource, jsonb_strip_nulls(jsonb_build_object('type', 'object', 'title', a.label, 'description', a.comment,
            'properties', (
                -- A column comes before a relation of its name.
                select coalesce(jsonb_object_agg(x.name, x.schema || '{"description": "Only with `expand`.", "readOnly": true}'), '{}') from ucrm.readable_relations(resource) as x)
                || (select coalesce(jsonb_object_agg(f.name, f.shown) filter (where f.flags ~ 'r'), '{}') from given_fields as f))),
        -- Whoever may not read what he makes is told its key at most.
        resource || '.made', case when ucrm.has_permission(resource, 'read')
            then jsonb_build_object('type', 'object', 'allOf', jsonb_build_array(ucrm.schema_ref(resource)), 'required', (select jsonb_agg(f.name order by f.n) from given_fields as f where f.flags ~ 'r'))
            else '{"type": ["object", "null"], "description": "The key of the new row, where it is a uuid; null else."}' end,
        resource || '.new', jsonb_build_object('type', 'object', 'additionalProperties', false, 'properties', g.properties)
            || case when g.required = '[]' then '{}' else jsonb_build_object('required', g.required) end,
        resource || '.change', jsonb_build_object('type', 'object', 'additionalProperties', false, 'minProperties', 1, 'properties', g.properties),
        resource || '.patch', jsonb_build_object('type', 'object', 'additionalProperties', false, 'minProperties', 2, 'required', jsonb_build_array(a.key_column),
            'properties', g.properties || jsonb_build_object(a.key_column, a.key)),
        resource || '.ids', jsonb_build_object('type', 'array', 'maxItems', 1000, 'uniqueItems', true, 'items', a.key),
        resource || '.many', ucrm.list_schema(ucrm.schema_ref(resource || '.made')))
    from about as a, given as g;
$$;
comment on function ucrm.resource_schemas(text, ucrm.field[]) is 'Schemas of a resource by name: <resource>, a row as it is shown; <resource>.made, a whole one; <resource>.new, what POST takes; <resource>.change, what PATCH takes; <resource>.patch, the same with the key; <resource>.ids, keys; <resource>.many, rows.';

-- Every condition as a regular expression, so that a client can check what it sends: groups within groups are understood too.
create function ucrm.condition_pattern(names text[], kinds text[])
returns text
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
    with ways as (
        select string_agg('(' || g.names || ')[.](not[.])?(' || g.way || ')', '|' order by g.way) as one
        from (
            select string_agg(replace(n.name, '.', '[.]'), '|' order by n.name) as names,
                   case n.kind
                       when 'TextFilter' then '(eq|neq|gt|gte|lt|lte|like|ilike)[.][^",()\\]*|(eq|neq|gt|gte|lt|lte|like|ilike)[.]"[^"\\]*"|is[.](null|not_null)'
                       when 'UuidFilter' then '(eq|neq)[.][0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|is[.](null|not_null)'
                       when 'IntegerFilter' then '(eq|neq|gt|gte|lt|lte)[.]-?[0-9]{1,4}|is[.](null|not_null)'
                       when 'NumberFilter' then '(eq|neq|gt|gte|lt|lte)[.]-?[0-9]{1,9}([.][0-9]{1,6})?|is[.](null|not_null)'
                       when 'BooleanFilter' then 'is[.](true|false|null|not_null)'
                       else 'is[.](null|not_null)'
                   end as way
            from unnest(names, kinds) as n (name, kind)
            group by 2
        ) as g
    )
    select '^[(](' || w.one || '|(not[.])?(and|or)[(](' || w.one || ')(,(' || w.one || ')){0,5}[)])(,(' || w.one || ')){0,5}[)]$' from ways as w;
$$;
comment on function ucrm.condition_pattern(text[], text[]) is 'The regular expression of and=() and or=() over these columns, by the names of their filters'' schemas.';

create function ucrm.list_parameters(scope text, names text[], types text[], secret boolean[], search text[], archived text)
returns jsonb
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    with columns as materialized (
        select c.n, c.name, ucrm.filter_schema(c.type) as kind,
               scope || '.by.' || case when c.name ~ '^[a-z0-9_.-]+$' then c.name else 'column_' || c.n end as key
        from unnest(names, types, secret) with ordinality as c (name, type, secret, n)
        where not c.secret
    ), addressed as materialized (
        select * from columns as c
        where c.name <> all (array['page', 'limit', 'sort', 'fields', 'q', 'archived', 'or', 'and', 'count', 'cursor', 'expand'])
    ), sorted as (
        select jsonb_agg(d.sign || c.name order by c.n, d.sign) as names
        from columns as c, (values (''), ('-')) as d (sign)
        where c.kind not in ('JsonFilter', 'ArrayFilter')
    )
    select jsonb_build_object(
        scope || '.fields', jsonb_build_object('name', 'fields', 'in', 'query', 'description', 'The fields to show; all of them without it.', 'style', 'form', 'explode', false,
            'schema', jsonb_build_object('type', 'array', 'minItems', 1, 'uniqueItems', true, 'items', jsonb_build_object('type', 'string', 'enum', (select jsonb_agg(u.name order by u.n) from unnest(names) with ordinality as u (name, n)))),
            'example', (select jsonb_agg(u.name order by u.n) from unnest(names[:2]) with ordinality as u (name, n))),
        scope || '.sort', jsonb_build_object('name', 'sort', 'in', 'query', 'description', 'Up to 5 fields to sort by, each once, `-` for descending; ties are broken by the key. Newest first without it.', 'style', 'form', 'explode', false,
            'schema', jsonb_build_object('type', 'array', 'minItems', 1, 'maxItems', 5, 'uniqueItems', true, 'items', jsonb_build_object('type', 'string', 'enum', (select s.names from sorted as s))),
            'example', (select jsonb_build_array(s.names -> 1) from sorted as s)),
        scope || '.and', jsonb_build_object('name', 'and', 'in', 'query', 'description', 'Conditions that all hold: `(field.operator.value,…)`. A field named like a parameter is reached in here.', 'schema', ucrm.schema_ref(scope || '.condition')),
        scope || '.or', jsonb_build_object('name', 'or', 'in', 'query', 'description', 'Conditions of which one holds: `(field.operator.value,…)`.', 'schema', ucrm.schema_ref(scope || '.condition')))
        || case when archived = '' then '{}' else jsonb_build_object(scope || '.archived', jsonb_build_object('$ref', '#/components/parameters/archived')) end
        || case when search = '{}' then '{}' else jsonb_build_object(scope || '.q', jsonb_build_object('name', 'q', 'in', 'query',
            'description', format('Up to 8 words; each is in one of %s.', (select string_agg('`' || u.name || '`', ', ') from unnest(search) as u (name))),
            'schema', '{"type": "string", "pattern": "^\\s*(\\S+\\s+){0,7}\\S*$"}'::jsonb, 'example', 'ada')) end
        || coalesce((
            select jsonb_object_agg(a.key, jsonb_build_object('name', a.name, 'in', 'query', 'schema', ucrm.schema_ref(a.kind))) from addressed as a), '{}');
$$;
comment on function ucrm.list_parameters(text, text[], text[], boolean[], text[], text) is
'What a list is asked by, as parameters by name: <scope>.fields, .sort, .and, .or, .q, .archived, and .by.<column> for each column that is not secret.';

create function ucrm.condition_schema(names text[], types text[], secret boolean[])
returns jsonb
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select jsonb_build_object('type', 'string', 'pattern', ucrm.condition_pattern(array_agg(c.name order by c.n), array_agg(ucrm.filter_schema(c.type) order by c.n)),
        'examples', jsonb_build_array('(' || min(c.name) || '.is.not_null)'))
    from unnest(names, types, secret) with ordinality as c (name, type, secret, n)
    where not c.secret;
$$;
comment on function ucrm.condition_schema(text[], text[], boolean[]) is 'The schema of and=() and or=() over these columns.';
