-- Import: a file becomes rows, five hundred at a time, with what is wrong told row by row. All or nothing, or the best of it.
create type ucrm.import_part as (
    rows integer,
    sqls text[],
    widths text[],
    positions text[],
    binds text[],
    next bigint,
    faults jsonb,
    refusal jsonb
);
comment on type ucrm.import_part is
'Some rows of a file: how many, the statements as in ucrm.bulk (positions count from 0 in this part), where in the body the next ones begin (null: at the end), {failed, errors} of those that are not valid; or a refusal and nothing else.';

create function ucrm.compile_import(shape text, body bytea, format text, at bigint, most integer, me text, upsert text)
returns ucrm.import_part
language c
stable
as 'MODULE_PATHNAME', 'ucrm_compile_import';
comment on function ucrm.compile_import(text, bytea, text, bigint, integer, text, text) is
'The next rows of a file. format: csv | json | ndjson; at: 0, then next of the call before; upsert: the column that says which row is there. Refusals: invalid_csv, invalid_json, unknown_field.';

-- What an import is asked to be, from the query string: {format, mode, dry_run, upsert}, or what is wrong with that.
create function ucrm.import_plan(r ucrm.request, out plan jsonb, out refusal ucrm.response)
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    type constant text := lower(coalesce(r.headers ->> 'content-type', ''));
    pair text;
    word text;
    value text;
begin
    plan := jsonb_build_object('mode', 'all', 'dry_run', false, 'done', 0, 'created', 0, 'updated', 0, 'failed', 0, 'errors', '[]'::jsonb, 'at', 0,
        'of', coalesce(length(r.body), 0), 'resource', r.resource, 'method', r.method, 'request_id', r.request_id,
        'format', case
            when type ~ '^(text/csv|application/csv)' then 'csv'
            when type ~ '^application/(x-)?nd-?json|^application/jsonl' then 'ndjson'
            when type ~ '^application/json' then 'json'
        end);
    foreach pair in array string_to_array(coalesce(r.query, ''), '&') loop
        word := split_part(pair, '=', 1);
        value := split_part(pair, '=', 2);
        if word = '' then
            continue;
        elsif word = 'dry_run' and value in ('true', 'false') then
            plan := plan || jsonb_build_object('dry_run', value::boolean);
        elsif word = 'mode' and value in ('all', 'best_effort') then
            plan := plan || jsonb_build_object('mode', value);
        elsif word = 'format' and value in ('csv', 'json', 'ndjson') then
            plan := plan || jsonb_build_object('format', value);
        elsif word = 'upsert' and value = 'external_id' and ucrm.is_unique(r.relation, array[value]) then
            plan := plan || jsonb_build_object('upsert', value);
        else
            refusal := ucrm.problem('invalid_filter', r.request_id, format('not understood here: %s', left(word, 63)),
                jsonb_build_object('errors', jsonb_build_array(jsonb_build_object('field', left(word, 63), 'code', 'invalid_filter', 'message', 'is not understood here')),
                                   'allowed', jsonb_build_array('dry_run=true', 'mode=all', 'mode=best_effort', 'format=csv', 'format=json', 'format=ndjson', 'upsert=external_id')));
            return;
        end if;
    end loop;
    if plan ->> 'format' is null then
        refusal := ucrm.problem('unsupported_media_type', r.request_id, 'send text/csv, application/json or application/x-ndjson');
    end if;
end
$$;
comment on function ucrm.import_plan(ucrm.request) is 'What an import is asked to do. Refusals: invalid_filter, unsupported_media_type.';

create function ucrm.is_unique(relation oid, columns text[])
returns boolean
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return (
        select exists (
            select
            from pg_catalog.pg_index as i
            where i.indrelid = relation and i.indisunique and i.indisvalid and i.indimmediate and i.indpred is null and i.indexprs is null
              and (select array_agg(a.attname::text order by a.attname::text) from pg_catalog.pg_attribute as a
                   where a.attrelid = relation and a.attnum = any ((i.indkey::smallint[])[0 : i.indnkeyatts - 1]))
                  = (select array_agg(c order by c) from unnest(array['tenant_id'] || columns) as c)
        )
    );
end
$$;
comment on function ucrm.is_unique(oid, text[]) is 'Whether these columns and tenant_id are a unique key of the table, so that they can say which row is there.';

-- One part of a file. What goes in stays in; whoever wants nothing of it rolls back.
create function ucrm.import_some(shape text, body bytea, plan jsonb)
returns jsonb
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    upsert constant text := plan ->> 'upsert';
    p constant ucrm.import_part := ucrm.compile_import(shape, body, plan ->> 'format', (plan ->> 'at')::bigint, 500, ucrm.user_id()::text, upsert);
    b constant ucrm.bulk := row(p.rows, p.sqls, p.widths, p.positions, p.binds, '{}', null)::ucrm.bulk;
    first constant bigint := (plan ->> 'done')::bigint + 1;
    errors jsonb;
    created bigint := (plan ->> 'created')::bigint;
    updated bigint := (plan ->> 'updated')::bigint;
    failed bigint := (plan ->> 'failed')::bigint;
    start bigint;
    f record;
    numbers text[];
    said text;
    told jsonb;
begin
    if p.refusal is not null then
        return plan || jsonb_build_object('refusal', p.refusal);
    end if;
    failed := failed + (p.faults ->> 'failed')::bigint;
    select coalesce(jsonb_agg(e || jsonb_build_object('row', (e ->> 'row')::bigint + first)), '[]') into errors
    from jsonb_array_elements(p.faults -> 'errors') as e;
    for part in 1 .. cardinality(p.sqls) loop
        numbers := string_to_array(p.positions[part], ',');
        start := 1;
        loop
            f := ucrm.failing_row(b, part, start);
            if upsert is null then
                created := created + coalesce(f.n - 1, cardinality(numbers)) - start + 1;
            else
                foreach said in array f.said loop
                    created := created + split_part(said::json -> 0 ->> 'counted', ' ', 1)::bigint;
                    updated := updated + split_part(said::json -> 0 ->> 'counted', ' ', 2)::bigint;
                end loop;
            end if;
            exit when f.n is null;
            failed := failed + 1;
            told := convert_from((ucrm.refused_constraint(f.state, f.message, f.schema_name, f.table_name, f.column_name, f.constraint_name, 'POST', null, numbers[f.n]::integer)).body, 'UTF8')::jsonb;
            errors := errors || (select jsonb_agg(e || jsonb_build_object('row', (e ->> 'row')::bigint + first)) from jsonb_array_elements(told -> 'errors') as e);
            start := f.n + 1;
            exit when start > cardinality(numbers) or failed > 1000;
        end loop;
        exit when failed > 1000;
    end loop;
    return plan || jsonb_build_object('at', p.next, 'done', first - 1 + p.rows, 'created', created, 'updated', updated, 'failed', failed,
        'errors', (select coalesce(jsonb_agg(e order by (e ->> 'row')::bigint) filter (where n <= 100), '[]')
                   from jsonb_array_elements((plan -> 'errors') || errors) with ordinality as v (e, n)));
end
$$;
comment on function ucrm.import_some(text, bytea, jsonb) is
'Imports the next 500 rows of a file and gives the plan with its counts, its first 100 errors, and where to go on (at null: the end). refusal: the file cannot be read on.';

create function ucrm.import_answer(plan jsonb)
returns ucrm.response
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    request_id constant uuid := (plan ->> 'request_id')::uuid;
    counts jsonb := jsonb_build_object('created', plan -> 'created', 'updated', plan -> 'updated', 'failed', plan -> 'failed');
begin
    if plan ? 'refusal' then
        return ucrm.problem(plan -> 'refusal' ->> 'code', request_id, plan -> 'refusal' ->> 'detail', (plan -> 'refusal') - 'code' - 'detail');
    elsif (plan ->> 'failed')::bigint > 1000 then
        return ucrm.problem('validation_failed', request_id, 'more than 1000 rows are not valid: nothing was imported', jsonb_build_object('errors', plan -> 'errors'));
    elsif plan ->> 'mode' = 'all' and (plan ->> 'failed')::bigint > 0 and not (plan ->> 'dry_run')::boolean then
        return ucrm.problem('validation_failed', request_id, format('%s rows are not valid: nothing was imported', plan ->> 'failed'), jsonb_build_object('errors', plan -> 'errors'));
    end if;
    return ucrm.json_response(200, jsonb_build_object('data', counts || jsonb_build_object('dry_run', plan -> 'dry_run', 'errors', plan -> 'errors')));
end
$$;
comment on function ucrm.import_answer(jsonb) is 'The reply of an import: 200 {data: {created, updated, failed, dry_run, errors}}, or why nothing was imported.';

create function ucrm.import_rows(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    asked record;
    plan jsonb;
begin
    asked := ucrm.import_plan(r);
    if (asked.refusal).status is not null then
        return asked.refusal;
    end if;
    plan := asked.plan;
    perform ucrm.demand(r.resource, 'create');
    if plan ? 'upsert' then
        perform ucrm.demand(r.resource, 'update');
    end if;
    -- Lines would not be there to be given once more: with an Idempotency-Key the reply is one piece.
    if r.headers ->> 'accept' ~* 'application/x-ndjson' and not r.headers ? 'idempotency-key' then
        return row(200, jsonb_build_object('content-type', 'application/x-ndjson', 'x-ucrm-stream', 'import_step',
            'x-ucrm-state', (plan || jsonb_build_object('shape', r.shape))::text), null)::ucrm.response;
    end if;
    begin
        loop
            plan := ucrm.import_some(r.shape, r.body, plan);
            exit when plan ->> 'at' is null or plan ? 'refusal' or (plan ->> 'failed')::bigint > 1000;
        end loop;
        if ucrm.import_is_void(plan) then
            raise exception using errcode = 'UCR04';
        end if;
    exception when sqlstate 'UCR04' then
        null;
    end;
    return ucrm.import_answer(plan);
end
$$;
comment on function ucrm.import_rows(ucrm.request) is
'POST /{resource}/import, text/csv (its first line names the fields), application/json (a list) or application/x-ndjson: 200 {data: {created, updated, failed, dry_run, errors: [{row, field, code, message}]}}, rows counted from 1. ?dry_run=true, ?mode=all|best_effort, ?upsert=external_id. With accept: application/x-ndjson progress is streamed, unless there is an Idempotency-Key. Needs create, and update to upsert. Refusals: validation_failed (mode all: a row is not valid, nothing was imported), invalid_csv, invalid_json, unknown_field, invalid_filter, unsupported_media_type.';

create function ucrm.import_is_void(plan jsonb)
returns boolean
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    return plan ? 'refusal' or (plan ->> 'dry_run')::boolean or (plan ->> 'failed')::bigint > 1000
        or (plan ->> 'mode' = 'all' and (plan ->> 'failed')::bigint > 0);
end
$$;
comment on function ucrm.import_is_void(jsonb) is 'Whether nothing of an import stays.';

create type ucrm.piece as (state jsonb, body bytea);
comment on type ucrm.piece is 'A piece of a body, and what the next one is made from; null: it was the last.';

-- What has to be undone ends in an error whose hint is the answer: the gateway asks ucrm.refused() for its last line.
create function ucrm.import_step(plan jsonb, body bytea)
returns ucrm.piece
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    after jsonb := ucrm.import_some(plan ->> 'shape', body, plan);
    answer ucrm.response;
begin
    if after ->> 'at' is not null and not after ? 'refusal' and (after ->> 'failed')::bigint <= 1000 then
        return row(after, convert_to(jsonb_build_object('progress', jsonb_build_object(
            'done', after -> 'done', 'bytes', after -> 'at', 'of', after -> 'of', 'failed', after -> 'failed'))::text || E'\n', 'UTF8'))::ucrm.piece;
    end if;
    answer := ucrm.import_answer(after);
    if ucrm.import_is_void(after) then
        raise exception using errcode = 'UCR04', message = 'nothing of this import stays', hint = convert_from(answer.body, 'UTF8');
    end if;
    return row(null, answer.body || convert_to(E'\n', 'UTF8'))::ucrm.piece;
end
$$;
comment on function ucrm.import_step(jsonb, bytea) is
'500 rows of an import whose progress is streamed: {"progress": {done, bytes, of, failed}}, and at the end the reply. UCR04, with the reply as its hint, where nothing of it stays.';

grant execute on function
    ucrm.compile_import(text, bytea, text, bigint, integer, text, text), ucrm.import_plan(ucrm.request), ucrm.is_unique(oid, text[]),
    ucrm.import_some(text, bytea, jsonb), ucrm.import_answer(jsonb), ucrm.import_rows(ucrm.request), ucrm.import_is_void(jsonb), ucrm.import_step(jsonb, bytea)
to ucrm_handler, ucrm_owner;
