-- What a DBA's exposed functions say about themselves: their arguments, result and comment, read from PostgreSQL's catalogue.
create function ucrm.argument_schema(type text, in_query boolean)
returns jsonb
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
    select case
        when not in_query then ucrm.nullable_schema(ucrm.type_schema(type))
        when type ~ '\[\]$' then '{"type": "string", "pattern": "^[{].*[}]$"}'
        when type in ('json', 'jsonb') then '{"type": "string"}'
        else ucrm.type_schema(type)
    end;
$$;
comment on function ucrm.argument_schema(text, boolean) is 'An argument of this type: in the query string as PostgreSQL reads it, an array as {a,b}; in a body as JSON.';

create function ucrm.result_schema(fn oid)
returns jsonb
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select case when x.many then jsonb_build_object('type', 'array', 'items', x.one) else x.one end
    from (
        select r.many, case r.kind
            when 'value' then ucrm.nullable_schema(ucrm.type_schema(r.type))
            when 'row' then jsonb_build_object('type', case when r.many then '"object"' else '["object", "null"]' end::jsonb,
                'properties', (
                    select coalesce(jsonb_object_agg(c ->> 'name', ucrm.nullable_schema(ucrm.type_schema(c ->> 'type'))), '{}')
                    from jsonb_array_elements(r.columns) as c))
        end as one
        from ucrm.exposed_result(fn) as r
    ) as x;
$$;
comment on function ucrm.result_schema(oid) is 'The schema of what a function gives, as JSON; null for one that gives nothing.';

create function ucrm.placed_arguments(e ucrm.exposed_functions)
returns table (n integer, name text, type text, required boolean, place text)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select a.n, a.name, a.type, a.required,
           case when e.path ~ ('\{' || a.name || '\}') then 'path' when e.method = 'GET' then 'query' else 'body' end
    from ucrm.exposed_arguments(ucrm.exposed_function(e)) as a;
$$;
comment on function ucrm.placed_arguments(ucrm.exposed_functions) is 'What an exposed function takes, and where its native route has it: path, query or body.';

create function ucrm.exposed_docs()
returns table (method text, path text, operation text, summary text, description text, parameters jsonb, request jsonb, responses jsonb, refusals text[])
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select e.method, e.path, 'rpc.' || e.name, coalesce(substring(d.words from '^[^.\n]{1,100}'), 'Call ' || e.name), d.words,
           coalesce((
               select jsonb_agg(jsonb_build_object('name', a.name, 'in', a.place, 'required', a.required or a.place = 'path', 'schema', ucrm.argument_schema(a.type, true)) order by a.n)
               from ucrm.placed_arguments(e) as a
               where a.place <> 'body'), '[]')
           || coalesce((
               select jsonb_agg(jsonb_build_object('name', p.name, 'in', 'query', 'description', p.words, 'schema', '{"type": "integer", "minimum": 0, "maximum": 999999999999999}'::jsonb))
               from (values ('limit', 'At most so many rows; all without it.'), ('offset', 'Rows to leave out.')) as p (name, words)
               where r.many and not exists (select from ucrm.placed_arguments(e) as a where a.name = p.name)), '[]'),
           (
               select jsonb_build_object('required', coalesce(bool_or(a.required), false), 'content', jsonb_build_object('application/json', jsonb_build_object('schema',
                   jsonb_build_object('type', 'object', 'additionalProperties', false, 'properties', jsonb_object_agg(a.name, ucrm.argument_schema(a.type, false)))
                   || case when bool_or(a.required) then jsonb_build_object('required', jsonb_agg(a.name order by a.n) filter (where a.required)) else '{}' end)))
               from ucrm.placed_arguments(e) as a
               where a.place = 'body'
               having count(*) > 0
           ),
           case when r.kind = 'void' then '{"204": {"description": "It is done."}}'
                else jsonb_build_object('200', ucrm.json_reply('What it gives.', ucrm.data_schema(ucrm.result_schema(f.fn)))) end,
           array['invalid_filter', 'unknown_field', 'validation_failed']
    from ucrm.exposed_functions as e
    cross join lateral (select ucrm.exposed_function(e) as fn) as f
    cross join lateral ucrm.exposed_result(f.fn) as r
    cross join lateral (select obj_description(f.fn, 'pg_proc') as words) as d
    where e.path is not null and f.fn is not null;
$$;
comment on function ucrm.exposed_docs() is 'How the native routes of exposed functions are described, as rows of ucrm.route_docs would: summary and description are the function''s comment.';
