-- What a route's function takes and returns, and how a refusal becomes a reply.
create type ucrm.request as (
    method text,
    path text,
    query text,
    headers jsonb,
    body bytea,
    id text,
    resource text,
    action text,
    shape text,
    relation oid,
    request_id uuid,
    address inet,
    reply_headers jsonb,
    fn oid,
    step text,
    stage integer,
    detail text
);
comment on type ucrm.request is
'A request as a route''s function sees it: admitted, authenticated, gated, permitted and entered. id: the {id} of the path; shape: the resource''s columns for the compiler; query: the raw query string. reply_headers, fn, step, stage and detail are ucrm.attend()''s own.';

create type ucrm.response as (
    status integer,
    headers jsonb,
    body bytea
);
comment on type ucrm.response is 'status, headers (object of strings, or null), body (UTF-8 JSON unless content-type says otherwise; null = none).';

create function ucrm.json_response(status integer, body jsonb, headers jsonb default null)
returns ucrm.response
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    return (select row(status, headers, convert_to(body::text, 'UTF8'))::ucrm.response);
end
$$;
comment on function ucrm.json_response(integer, jsonb, jsonb) is 'A reply with a JSON body.';

create function ucrm.problem(code text, request_id uuid, detail text default null, extra jsonb default null, headers jsonb default null)
returns ucrm.response
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    return (
        select ucrm.json_response(
            r.status,
            jsonb_build_object(
                'type', 'urn:ucrm:' || r.code,
                'title', r.title,
                'status', r.status,
                'detail', coalesce(problem.detail, r.title),
                'code', r.code,
                'message', coalesce(problem.detail, r.title),
                'details', null,
                'hint', r.hint,
                'request_id', problem.request_id,
                'errors', null
            ) || coalesce(extra, '{}'),
            jsonb_build_object('content-type', 'application/problem+json', 'x-ucrm-code', r.code)
                || case r.status when 401 then '{"www-authenticate": "ApiKey header=\"x-api-key\""}' else '{}' end::jsonb
                || coalesce(problem.headers, '{}')
        )
        from ucrm.refusals as r
        where r.code = problem.code
    );
end
$$;
comment on function ucrm.problem(text, uuid, text, jsonb, jsonb) is
'The reply for a refusal: application/problem+json (RFC 9457) with type, title, status, detail, code, message (= detail), details, hint, request_id, errors.';

create function ucrm.rate_limited(window_name text, hits integer, seconds integer, wait_ms bigint, request_id uuid)
returns ucrm.response
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return (
        select ucrm.problem('rate_limited', request_id,
            format('%s requests in %s seconds are allowed per %s', hits, seconds, replace(window_name, '_', ' ')),
            null,
            jsonb_build_object(
                'retry-after', ceil(wait_ms / 1000.0)::bigint::text,
                'ratelimit', format('"%s";r=0;t=%s', window_name, ceil(wait_ms / 1000.0)::bigint),
                'ratelimit-policy', format('"%s";q=%s;w=%s', window_name, hits, seconds)
            ))
    );
end
$$;
comment on function ucrm.rate_limited(text, integer, integer, bigint, uuid) is
'429 with Retry-After (RFC 9110, 10.2.3) and the RateLimit and RateLimit-Policy fields (draft-ietf-httpapi-ratelimit-headers).';

create function ucrm.etag_matches(header text, etag text)
returns boolean
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    return (
        select btrim(header) = '*'
            or exists (select from regexp_split_to_table(header, '\s*,\s*') as t where btrim(t) = etag)
    );
end
$$;
comment on function ucrm.etag_matches(text, text) is 'Whether an If-Match or If-None-Match value names this ETag (RFC 9110, 13.1), compared strongly.';
