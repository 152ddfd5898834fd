-- Errors in PostgREST's words: all members of a problem stay, code becomes PostgREST's or the SQLSTATE, and the status
-- is the one that its clients expect with it. https://docs.postgrest.org/en/stable/references/errors.html
create function ucrm.rest_code(code text, first_error text, path text, out told text, out status integer)
returns record
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
    select v.told, v.status
    from (values
        ('unauthenticated', null, 'PGRST301', 401),
        ('permission_denied', null, '42501', 403),
        ('key_scope_denied', null, '42501', 403),
        ('not_found', null, case when path like '/rest/v1/rpc/%' then 'PGRST202' when path like '/rest/v1/_%' then 'PGRST205' else 'PGRST125' end, 404),
        ('method_not_allowed', null, case when path like '/rest/v1/rpc/%' then 'PGRST101' else 'PGRST117' end, 405),
        ('invalid_json', null, 'PGRST102', 400),
        ('invalid_filter', null, 'PGRST100', 400),
        ('unknown_field', null, 'PGRST204', 400),
        ('ids_required', null, '21000', 400),
        ('unsupported', null, 'PGRST127', 400),
        ('not_acceptable', null, 'PGRST107', 406),
        ('unsupported_media_type', null, 'PGRST107', 415),
        ('range_not_satisfiable', null, 'PGRST103', 416),
        ('not_one_row', null, 'PGRST116', 406),
        ('too_many_affected', null, 'PGRST124', 400),
        ('duplicate', null, '23505', 409),
        ('referenced', null, '23503', 409),
        ('conflict', null, '40001', 409),
        ('validation_failed', 'required', '23502', 400),
        ('validation_failed', 'null_not_allowed', '23502', 400),
        ('validation_failed', 'not_found', '23503', 409),
        ('validation_failed', 'out_of_range', '22003', 400),
        ('validation_failed', 'too_long', '22001', 400),
        ('validation_failed', 'invalid_value', '23514', 400),
        ('validation_failed', null, '22P02', 400),
        ('unavailable', null, 'PGRST000', 503),
        ('internal', null, 'PGRSTX00', 500)
    ) as v (code, first_error, told, status)
    where v.code = rest_code.code and (v.first_error is null or v.first_error = rest_code.first_error)
    order by v.first_error is null
    limit 1;
$$;
comment on function ucrm.rest_code(text, text, text) is
'What PostgREST calls a refusal, and its status there. first_error: the code of the first field of errors. No row for codes of UCRM''s own: PT and the status.';

create function ucrm.rest_error(answer ucrm.response, path text, raised text default null, number text default null)
returns ucrm.response
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    body jsonb := convert_from(answer.body, 'UTF8');
    -- What the dialect's own reader has said.
    own constant jsonb := coalesce(body -> 'rest', '{}');
    known record;
    state integer;
begin
    select k.* into known from ucrm.rest_code(body ->> 'code', body #>> '{errors,0,code}', path) as k;
    state := coalesce((own ->> 'status')::integer, known.status, answer.status);
    body := (body - 'rest') || jsonb_build_object(
        'status', state,
        'code', coalesce(own ->> 'code', raised, known.told, 'PT' || answer.status),
        'details', coalesce(nullif(own -> 'details', 'null'), case
            when body ->> 'code' in ('not_one_row', 'too_many_affected') then to_jsonb(format('The result contains %s rows', number))
        end, case jsonb_typeof(body -> 'errors')
            when 'array' then (
                select to_jsonb(string_agg(format('%s: %s', e ->> 'field', e ->> 'message'), '; '))
                from jsonb_array_elements(body -> 'errors') as e
            )
            else case jsonb_typeof(body -> 'details')
                when 'object' then to_jsonb(concat_ws(':', body #>> '{details,resource}', body #>> '{details,action}'))
                else body -> 'details'
            end
        end),
        'hint', coalesce(nullif(own -> 'hint', 'null'), body -> 'hint'));
    return row(state, answer.headers || '{"content-type": "application/json"}', convert_to(body::text, 'UTF8'))::ucrm.response;
end
$$;
comment on function ucrm.rest_error(ucrm.response, text, text, text) is
'A problem as /rest/v1 answers it: application/json, code by ucrm.rest_code() or the raised SQLSTATE, status to match. number: the rows there were, where that is what is wrong.';

-- The rest of a request's way for /rest/: the story is ucrm.attend()'s, only what is refused is told in other words.
create function ucrm.attend_rest(
    method text,
    path text,
    query text,
    headers jsonb,
    body bytea,
    kind text,
    credential bytea,
    address inet,
    request_id uuid,
    r ucrm.request
)
returns ucrm.response
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    answer constant ucrm.response := ucrm.attend(method, path, query, headers, body, kind, credential, address, request_id, r);
begin
    if answer.headers ->> 'content-type' = 'application/problem+json' then
        return ucrm.rest_error(answer, path);
    end if;
    return answer;
end
$$;
comment on function ucrm.attend_rest(text, text, text, jsonb, bytea, text, bytea, inet, uuid, ucrm.request) is
'ucrm.attend() for paths below /rest/: refusals in PostgREST''s words.';

grant execute on function ucrm.rest_code(text, text, text), ucrm.rest_error(ucrm.response, text, text, text) to ucrm_handler, ucrm_owner;
