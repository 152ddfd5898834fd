-- How an exposed function is called: arguments by name, each cast by PostgreSQL to its type, none of them ever in the text.
create function ucrm.query_pairs(query text)
returns text[]
language c
immutable
as 'MODULE_PATHNAME', 'ucrm_query_pairs';
comment on function ucrm.query_pairs(text) is 'Names and values of a query string by turns, decoded; null when it is malformed.';

create type ucrm.exposed_call as (
    exposed ucrm.exposed_functions,
    fn oid,
    result text,
    many boolean,
    given text[],
    texts text[],
    body text,
    skip bigint,
    take bigint,
    fault text,
    fields text[]
);
comment on type ucrm.exposed_call is
'A call of an exposed function: what it is and gives; given: the arguments named; texts: their values, or body: the object that has them; skip and take: of a set. fault: malformed, unknown (fields), missing (fields), or null.';

create function ucrm.read_call(called text, template text, r ucrm.request)
returns ucrm.exposed_call
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    c ucrm.exposed_call;
    pairs text[];
    segments text[];
    value text;
begin
    select e, p.oid, x.kind, x.many
    into c.exposed, c.fn, c.result, c.many
    from ucrm.exposed_functions as e
    join pg_catalog.pg_proc as p on p.oid = ucrm.exposed_function(e)
    cross join lateral ucrm.exposed_result(p.oid) as x
    -- It may have been altered since.
    where (e.name = called or e.path = template and e.method = r.method) and not exists (select from ucrm.exposure_obstacles(p.oid));
    if c.fn is null then
        return c;
    end if;
    c.given := '{}';
    pairs := ucrm.query_pairs(r.query);
    if pairs is null then
        c.fault := 'malformed';
        return c;
    end if;
    -- Segments of the path are arguments too, and come first.
    select array_agg(o.x order by s.n, o.k) into segments
    from unnest(string_to_array(template, '/')) with ordinality as s (part, n)
    cross join lateral (values (1, substr(s.part, 2, length(s.part) - 2)), (2, (ucrm.path_segments(r.path))[s.n - 1])) as o (k, x)
    where s.part like '{%}';
    pairs := coalesce(segments, '{}') || pairs;
    c.texts := '{}';
    for at in 1 .. cardinality(pairs) by 2 loop
        value := pairs[at + 1];
        if pairs[at] in ('limit', 'offset') and c.many
            and not exists (select from ucrm.exposed_arguments(c.fn) as a where a.name = pairs[at])
        then
            if value !~ '^[0-9]{1,15}$' then
                c.fault := 'malformed';
                return c;
            elsif pairs[at] = 'limit' then
                c.take := value;
            else
                c.skip := value;
            end if;
        else
            c.given := c.given || pairs[at];
            c.texts := c.texts || value;
        end if;
    end loop;
    if r.method <> 'GET' and octet_length(r.body) > 0 then
        c.body := convert_from(r.body, 'UTF8');
        c.given := c.given || array(select k from json_object_keys(c.body::json) as k);
    end if;
    select array_agg(g) into c.fields
    from unnest(c.given) with ordinality as u (g, n)
    where not exists (select from ucrm.exposed_arguments(c.fn) as a where a.name = g)
       or exists (select from unnest(c.given) with ordinality as o (g, n) where o.g = u.g and o.n < u.n);
    if c.fields is not null then
        c.fault := 'unknown';
        return c;
    end if;
    select array_agg(a.name order by a.n) into c.fields
    from ucrm.exposed_arguments(c.fn) as a
    where a.required and not a.name = any (c.given);
    if c.fields is not null then
        c.fault := 'missing';
    end if;
    return c;
end
$$;
comment on function ucrm.read_call(text, text, ucrm.request) is
'The call that a request makes of an exposed function, found by its name or by its native route. fn null: there is none, or it cannot be called any more. The body must have been found to be an object.';

create function ucrm.call_statement(c ucrm.exposed_call, out sql text, out binds text[])
returns record
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    texts constant integer := coalesce(cardinality(c.texts), 0);
    arguments text;
    members text;
    call text;
    source text;
begin
    select string_agg(format('%I => %s', g.name, case when g.n <= texts then format('$%s::text::%s', g.n, a.type) else format('a.%I', g.name) end), ', ' order by g.n),
           string_agg(format('%I %s', g.name, a.type), ', ' order by g.n) filter (where g.n > texts)
    into arguments, members
    from unnest(c.given) with ordinality as g (name, n)
    join ucrm.exposed_arguments(c.fn) as a on a.name = g.name;
    select format('%I.%I(%s)', n.nspname, p.proname, arguments) into call
    from pg_catalog.pg_proc as p
    join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
    where p.oid = c.fn;
    binds := c.texts;
    source := '(select) as a';
    if members is not null then
        binds := coalesce(binds, '{}') || c.body;
        source := format('json_to_record($%s::text::json) as a (%s)', cardinality(binds), members);
    end if;
    if c.result = 'void' then
        sql := format('select ''''::text from %s cross join lateral %s as f', source, call);
    elsif c.many then
        binds := coalesce(binds, '{}') || c.skip::text || c.take::text;
        sql := format('select count(*)::text || E''\n'' || coalesce(json_agg(%s)::text, ''[]'') from (select f.* from %s cross join lateral %s as f%s offset $%s::text::bigint limit $%s::text::bigint) as x',
            case c.result when 'row' then 'x.*' else 'x.v' end, source, call, case c.result when 'row' then '' else ' (v)' end,
            cardinality(binds) - 1, cardinality(binds));
    else
        sql := format('select to_json(%s)::text from %s', call, source);
    end if;
end
$$;
comment on function ucrm.call_statement(ucrm.exposed_call) is
'A call as one statement and its binds. Names and types are the catalogue''s. A set''s text: the number of rows, a line feed, a JSON array.';

create function ucrm.bad_arguments(c ucrm.exposed_call)
returns jsonb
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
as $$
declare
    texts constant integer := coalesce(cardinality(c.texts), 0);
    g record;
    bad jsonb;
begin
    for g in
        select u.name, u.n, a.type from unnest(c.given) with ordinality as u (name, n) join ucrm.exposed_arguments(c.fn) as a on a.name = u.name
    loop
        begin
            if g.n <= texts then
                execute format('select $1::%s', g.type) using c.texts[g.n];
            else
                execute format('select a.%I from json_to_record($1::json) as a (%1$I %s)', g.name, g.type) using c.body;
            end if;
        exception when data_exception then
            bad := coalesce(bad, '[]') || jsonb_build_object('field', g.name, 'code', 'invalid_value', 'message', format('is no %s', g.type));
        end;
    end loop;
    return bad;
end
$$;
comment on function ucrm.bad_arguments(ucrm.exposed_call) is 'Which arguments of a call that failed are no values of their types, as the errors of a reply; null: none.';

create function ucrm.run_call(c ucrm.exposed_call, request_id uuid, out answer text, out refusal ucrm.response)
returns record
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    s constant record := ucrm.call_statement(c);
    bad jsonb;
begin
    answer := ucrm.run(s.sql, s.binds);
exception when data_exception then
    bad := ucrm.bad_arguments(c);
    if bad is null then
        raise;
    end if;
    refusal := ucrm.problem('validation_failed', request_id, format('%s does not take these values', (c.exposed).name),
        jsonb_build_object('errors', bad, 'rest', jsonb_build_object('code', sqlstate, 'status', 400)));
end
$$;
comment on function ucrm.run_call(ucrm.exposed_call, uuid) is 'What a call gives, or its refusal when an argument is no value of its type. What the function itself raises goes on.';

create function ucrm.refused_call(c ucrm.exposed_call, r ucrm.request)
returns ucrm.response
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    takes constant text := (select string_agg(a.name || case when a.required then '' else '?' end, ', ' order by a.n) from ucrm.exposed_arguments(c.fn) as a);
begin
    if c.fn is null then
        return ucrm.problem('not_found', r.request_id);
    elsif c.fault = 'malformed' then
        return ucrm.problem('invalid_filter', r.request_id, 'the query string cannot be read');
    elsif c.fault is null then
        return null;
    end if;
    return ucrm.problem(case c.fault when 'unknown' then 'unknown_field' else 'validation_failed' end, r.request_id,
        format('%s takes (%s)', (c.exposed).name, takes),
        jsonb_build_object(
            'errors', (
                select jsonb_agg(jsonb_build_object('field', f,
                    'code', case c.fault when 'unknown' then 'unknown_field' else 'required' end,
                    'message', case c.fault when 'unknown' then 'is no argument of this function, or was given twice' else 'must be given' end))
                from unnest(c.fields) as f
            ),
            'rest', jsonb_build_object('code', 'PGRST202', 'status', 404, 'hint', format('Call %s(%s).', (c.exposed).name, takes))));
end
$$;
comment on function ucrm.refused_call(ucrm.exposed_call, ucrm.request) is '404, 400 or 422 for a call that cannot be made, else null. Below /rest/v1 404 PGRST202.';

create function ucrm.exposed_route(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
as $$
declare
    fault constant text := case when r.method <> 'GET' and octet_length(r.body) > 0 then ucrm.json_fault(r.body) end;
    c ucrm.exposed_call;
    ran record;
    refusal ucrm.response;
    answer text;
begin
    refusal := case when fault is not null then ucrm.problem('invalid_json', r.request_id, fault) when r.method <> 'GET' then ucrm.refused_body(r) end;
    if refusal.status is null then
        c := ucrm.read_call(null, r.reply_headers ->> 'x-ucrm-route', r);
        refusal := ucrm.refused_call(c, r);
    end if;
    if refusal.status is null then
        ran := ucrm.run_call(c, r.request_id);
        answer := ran.answer;
        refusal := ran.refusal;
    end if;
    if refusal.status is not null then
        return row(refusal.status, refusal.headers, convert_to((convert_from(refusal.body, 'UTF8')::jsonb - 'rest')::text, 'UTF8'))::ucrm.response;
    end if;
    if c.result = 'void' then
        return row(204, null, null)::ucrm.response;
    end if;
    return row(200, null, ucrm.data_body(case when c.many then substr(answer, strpos(answer, E'\n') + 1) else coalesce(answer, 'null') end))::ucrm.response;
end
$$;
comment on function ucrm.exposed_route(ucrm.request) is
'The native route of an exposed function: 200 {data}, 204 for one that returns nothing. Refusals: invalid_json, unknown_field, validation_failed.';

create function ucrm.is_exposed_route(method text, template text)
returns boolean
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    return (
        select exists (
            select from ucrm.routes as r
            where r.method = is_exposed_route.method and r.template = is_exposed_route.template
              and r.function in ('ucrm.rpc_route', 'ucrm.exposed_route')
        )
    );
end
$$;
comment on function ucrm.is_exposed_route(text, text) is 'Whether a route leads to an exposed function.';

grant execute on function
    ucrm.query_pairs(text), ucrm.is_exposed_route(text, text), ucrm.read_call(text, text, ucrm.request), ucrm.call_statement(ucrm.exposed_call), ucrm.bad_arguments(ucrm.exposed_call), ucrm.run_call(ucrm.exposed_call, uuid),
    ucrm.refused_call(ucrm.exposed_call, ucrm.request), ucrm.exposed_route(ucrm.request)
to ucrm_handler, ucrm_owner;
