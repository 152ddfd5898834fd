-- Export: a list without pages, a few hundred rows at a time, as fast as its reader takes them.
create function ucrm.compile_export(shape text, query text, me text)
returns ucrm.statement
language c
stable
as 'MODULE_PATHNAME', 'ucrm_compile_export';
comment on function ucrm.compile_export(text, text, text) is
'ucrm.compile_list() without pages; format is left out of the query, page, limit and cursor are refused. me: only rows he owns. Refusal: invalid_filter.';

create function ucrm.open_rows(sql text, binds text[], name text)
returns void
language c
volatile
as 'MODULE_PATHNAME', 'ucrm_open_rows';
comment on function ucrm.open_rows(text, text[], text) is 'As ucrm.run(), but opens a cursor of this name, which ends with the transaction.';

create function ucrm.fetch_rows(name text, count integer, layout text, first boolean)
returns bytea
language c
volatile
as 'MODULE_PATHNAME', 'ucrm_fetch_rows';
comment on function ucrm.fetch_rows(text, integer, text, boolean) is
'The next rows of a cursor; null: no more. layout: json (objects, commas between), ndjson, text (the first column), csv (RFC 4180; first: with a line of names; a text that a spreadsheet would take for a formula gets a quote in front).';

create function ucrm.export_format(r ucrm.request)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    given constant text := substring(r.query from '(?:^|&)format=([^&]*)');
    accept constant text := coalesce(r.headers ->> 'accept', '*/*');
begin
    return case
        when given is not null then case when given in ('csv', 'json', 'ndjson') then given end
        when accept ~* 'text/csv' then 'csv'
        when accept ~* 'application/(x-)?nd-?json' then 'ndjson'
        when accept ~* 'application/json|application/\*|\*/\*' then 'json'
    end;
end
$$;
comment on function ucrm.export_format(ucrm.request) is 'csv, json or ndjson, by ?format= or Accept; null: none of them.';

create function ucrm.export_headers(name text, format text)
returns jsonb
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    return jsonb_build_object(
        'content-type', case format when 'csv' then 'text/csv; charset=utf-8; header=present' when 'ndjson' then 'application/x-ndjson' else 'application/json' end,
        'content-disposition', format('attachment; filename="%s.%s"', name, format),
        'x-ucrm-stream', 'export_step',
        'x-ucrm-state', jsonb_build_object('format', format, 'first', true)::text);
end
$$;
comment on function ucrm.export_headers(text, text) is 'The headers of rows that ucrm.export_step() gives, as a file of this name and format.';

create function ucrm.export_rows(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    format constant text := ucrm.export_format(r);
    -- null: all
    me constant text := case ucrm.permission_scope(r.resource, 'export') when 'own' then coalesce(ucrm.user_id()::text, '') end;
    s ucrm.statement;
begin
    if format is null then
        return ucrm.problem('not_acceptable', r.request_id, 'csv, json and ndjson are to be had');
    end if;
    perform ucrm.demand(r.resource, 'read');
    s := ucrm.compile_export(r.shape, r.query, me);
    if s.refusal ->> 'code' = 'wider' then
        s := ucrm.compile_export(ucrm.wide_shape_of(r.resource), r.query, me);
    end if;
    if s.refusal is not null then
        return ucrm.refused(s, r.request_id);
    end if;
    perform ucrm.open_rows(s.sql, s.binds, 'ucrm_export');
    return row(200,
        ucrm.export_headers(r.resource || to_char(clock_timestamp() at time zone 'UTC', '-YYYY-MM-DD'), format)
        || jsonb_build_object('x-total-count', coalesce(ucrm.recall_total(r.relation, s.count_sql, s.binds), ucrm.count_rows(r.relation, s))::text),
        null)::ucrm.response;
end
$$;
comment on function ucrm.export_rows(ucrm.request) is
'GET /{resource}/export?format=csv|json|ndjson (or Accept), with filters, sort, fields, expand, q and archived of a list: 200, the rows, streamed (ucrm.handle_stream), x-total-count and Content-Disposition. Needs read too; leaves a row in the audit log. Refusals: invalid_filter, not_acceptable, permission_denied for a relation that may not be read.';

create function ucrm.export_step(state jsonb, body bytea)
returns ucrm.piece
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    first constant boolean := (state ->> 'first')::boolean;
    format constant text := state ->> 'format';
    rows constant bytea := ucrm.fetch_rows('ucrm_export', 500, format, first);
    after constant jsonb := case when rows is not null then state || '{"first": false}' end;
begin
    if format = 'json' then
        return row(after, case
            when rows is null then case when first then '\x5b5d0a'::bytea else '\x5d0a'::bytea end
            when first then '\x5b'::bytea || rows
            else '\x2c0a'::bytea || rows
        end)::ucrm.piece;
    end if;
    return row(after, rows)::ucrm.piece;
end
$$;
comment on function ucrm.export_step(jsonb, bytea) is '500 rows of an export.';

create function ucrm.record_export(resource text, query text)
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform ucrm.record_event(ucrm.tenant_id(), 'export', resource, null, null, jsonb_build_object('query', query));
end
$$;
comment on function ucrm.record_export(text, text) is 'The audit row of an export: who, when, which rows.';

create function ucrm.call_export(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    answer ucrm.response;
begin
    -- A subtransaction that is read-only is so until it ends.
    begin
        perform ucrm.read_only();
        answer := ucrm.call(r.fn, r);
    exception when sqlstate 'UCR99' then
        raise;
    end;
    -- What was refused has not left the house.
    if answer.status < 300 then
        perform ucrm.record_export(r.resource, r.query);
    end if;
    perform ucrm.read_only();
    return answer;
end
$$;
comment on function ucrm.call_export(ucrm.request) is 'ucrm.call() for an export: it reads only, and leaves a row in the audit log if it is to be had.';

grant execute on function
    ucrm.call_export(ucrm.request), ucrm.compile_export(text, text, text), ucrm.open_rows(text, text[], text), ucrm.fetch_rows(text, integer, text, boolean),
    ucrm.export_format(ucrm.request), ucrm.export_headers(text, text), ucrm.export_rows(ucrm.request), ucrm.export_step(jsonb, bytea), ucrm.record_export(text, text)
to ucrm_handler, ucrm_owner;
