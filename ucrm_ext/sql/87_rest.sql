-- PostgREST's dialect of the data API: what the headers ask for, and the forms that rows are given in.
create type ucrm.rest_wishes as (
    returns text,
    count text,
    resolution text,
    missing_default boolean,
    max_affected bigint,
    form text,
    strip_nulls boolean,
    first bigint,
    last bigint,
    applied text,
    refusal jsonb
);
comment on type ucrm.rest_wishes is
'What Prefer, Accept and Range ask for. returns: minimal, headers-only, representation; count: exact, planned, estimated; resolution: merge, ignore; form: array, object, csv; first and last: the rows of Range; applied: for Preference-Applied; or refusal, as the compiler''s.';

create function ucrm.read_wishes(prefer text, accept text, range text)
returns ucrm.rest_wishes
language c
immutable
as 'MODULE_PATHNAME', 'ucrm_read_wishes';
comment on function ucrm.read_wishes(text, text, text) is 'Reads the three headers. Refusals: bad_request (handling=strict), not_acceptable, range_not_satisfiable.';

create function ucrm.rest_csv(columns text[], items text)
returns text
language c
immutable
as 'MODULE_PATHNAME', 'ucrm_rest_csv';
comment on function ucrm.rest_csv(text[], text) is 'A JSON array of objects as comma-separated values, with a header (RFC 4180).';

create function ucrm.rest_refused(refusal jsonb, request_id uuid)
returns ucrm.response
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return (select ucrm.problem(refusal ->> 'code', request_id, refusal ->> 'detail', refusal - 'code' - 'detail'));
end
$$;
comment on function ucrm.rest_refused(jsonb, uuid) is 'The reply for what the dialect''s reader or the compiler refuses.';

-- Raised, not returned, so that what was written is taken back; ucrm.refused() puts it into words.
create function ucrm.refuse_rows(code text, number bigint)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    raise exception using
        errcode = 'PT' || (select r.status from ucrm.refusals as r where r.code = refuse_rows.code),
        message = code,
        hint = number::text;
end
$$;
comment on function ucrm.refuse_rows(text, bigint) is 'Raises not_one_row or too_many_affected, saying how many rows there were.';

-- 0-24/573: https://docs.postgrest.org/en/stable/references/api/pagination_count.html
create function ucrm.content_range(first bigint, number bigint, total bigint)
returns text
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    return (case when number > 0 and total is distinct from 0 then first || '-' || first + number - 1 else '*' end) || '/' || coalesce(total::text, '*');
end
$$;
comment on function ucrm.content_range(bigint, bigint, bigint) is 'The value of Content-Range: the rows given, and all there are if they were counted.';

create function ucrm.rest_rows(w ucrm.rest_wishes, status integer, items text, columns text[], headers jsonb)
returns ucrm.response
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    body text := items;
    type text := 'application/json';
begin
    if w.form = 'csv' then
        body := ucrm.rest_csv(columns, items);
        type := 'text/csv; charset=utf-8';
    else
        if w.form = 'object' then
            if json_array_length(items::json) <> 1 then
                perform ucrm.refuse_rows('not_one_row', json_array_length(items::json));
            end if;
            body := items::json -> 0;
            type := 'application/vnd.pgrst.object+json';
        end if;
        if w.strip_nulls then
            body := json_strip_nulls(body::json);
        end if;
    end if;
    return row(status,
        jsonb_strip_nulls(jsonb_build_object('content-type', type, 'preference-applied', w.applied)) || coalesce(headers, '{}'),
        convert_to(body, 'UTF8'))::ucrm.response;
end
$$;
comment on function ucrm.rest_rows(ucrm.rest_wishes, integer, text, text[], jsonb) is
'A JSON array of rows in the form that was asked for. Raises not_one_row, so that what was written is taken back.';

create function ucrm.rest_nothing(w ucrm.rest_wishes, status integer, headers jsonb)
returns ucrm.response
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    return row(status, jsonb_strip_nulls(jsonb_build_object('preference-applied', w.applied)) || coalesce(headers, '{}'), null)::ucrm.response;
end
$$;
comment on function ucrm.rest_nothing(ucrm.rest_wishes, integer, jsonb) is 'A reply without a body.';

grant execute on function
    ucrm.read_wishes(text, text, text), ucrm.rest_csv(text[], text), ucrm.rest_refused(jsonb, uuid), ucrm.refuse_rows(text, bigint),
    ucrm.content_range(bigint, bigint, bigint), ucrm.rest_rows(ucrm.rest_wishes, integer, text, text[], jsonb),
    ucrm.rest_nothing(ucrm.rest_wishes, integer, jsonb)
to ucrm_handler, ucrm_owner;
