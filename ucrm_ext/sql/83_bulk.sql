-- Many rows in one request, all or nothing: what the compiler makes of a body, and how it is run.
create type ucrm.bulk as (
    rows integer,
    sqls text[],
    widths text[],
    positions text[],
    binds text[],
    keys text[],
    refusal jsonb
);
comment on type ucrm.bulk is
'Rows compiled: a statement for each set of columns (sqls), how many binds each has (widths), which rows it is about, counted from 0 ("0,2,3"), the binds of all, one after the other; keys: of the rows that are named by them. Or a refusal and nothing else. The first two binds of a statement are the first and last of its rows that it takes.';

create function ucrm.compile_bulk_insert(
    shape text,
    body bytea,
    most integer,
    me text,
    on_conflict text[],
    resolution text,
    columns text[],
    missing_default boolean,
    returned text
)
returns ucrm.bulk
language c
stable
as 'MODULE_PATHNAME', 'ucrm_compile_bulk_insert';
comment on function ucrm.compile_bulk_insert(text, bytea, integer, text, text[], text, text[], boolean, text) is
'JSON array of objects (or one object) → INSERTs. most: rows, null = any; me: who may be put into the owner column; on_conflict: the columns of a unique key beside tenant_id, with resolution merge or ignore (null: a conflict is an error); columns: take these fields and leave others (null: refuse unknown ones); missing_default: what a row lacks is its default, else null; returned: rows | nothing | count ("made changed"). Refusals: invalid_json, unknown_field, validation_failed; errors name row, from 0, and field.';

create function ucrm.compile_bulk_update(shape text, body bytea, most integer, me text)
returns ucrm.bulk
language c
stable
as 'MODULE_PATHNAME', 'ucrm_compile_bulk_update';
comment on function ucrm.compile_bulk_update(text, bytea, integer, text) is
'[{id, …}, …] or {"ids": […], "data": {…}} → UPDATEs that return the rows. Refusals as of ucrm.compile_bulk_insert().';

create function ucrm.compile_bulk_delete(shape text, body bytea, most integer)
returns ucrm.bulk
language c
stable
as 'MODULE_PATHNAME', 'ucrm_compile_bulk_delete';
comment on function ucrm.compile_bulk_delete(text, bytea, integer) is '{"ids": […]} → a DELETE that returns the keys. Refusals: invalid_json, validation_failed.';

create function ucrm.compile_bulk_seen(shape text, body bytea)
returns ucrm.bulk
language c
stable
as 'MODULE_PATHNAME', 'ucrm_compile_bulk_seen';
comment on function ucrm.compile_bulk_seen(text, bytea) is '{"ids": […]} → a SELECT of those keys whose rows can be seen.';

create function ucrm.run_part(b ucrm.bulk, part integer, first bigint, last bigint)
returns text
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    width constant integer := b.widths[part];
    start integer := 0;
begin
    for n in 1 .. part - 1 loop
        start := start + b.widths[n]::integer;
    end loop;
    return ucrm.run_rows(b.sqls[part], array[first::text, last::text] || b.binds[start + 3 : start + width]);
end
$$;
comment on function ucrm.run_part(ucrm.bulk, integer, bigint, bigint) is 'Runs one statement of a bulk for some of its rows, from 1, and gives what it returns as a JSON array.';

-- Rows come back in the order in which they were sent, whatever statements they came by.
create function ucrm.run_bulk(b ucrm.bulk)
returns text
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    whole text[] := '{}';
begin
    for part in 1 .. coalesce(cardinality(b.sqls), 0) loop
        whole := whole || ucrm.run_part(b, part, 1, cardinality(string_to_array(b.positions[part], ',')));
    end loop;
    if cardinality(whole) <= 1 then
        return coalesce(whole[1], '[]');
    end if;
    return (
        select '[' || coalesce(string_agg(i.item::text, ',' order by (string_to_array(b.positions[w.part], ','))[i.n]::integer), '') || ']'
        from unnest(whole) with ordinality as w (items, part)
        cross join lateral json_array_elements(w.items::json) with ordinality as i (item, n)
    );
end
$$;
comment on function ucrm.run_bulk(ucrm.bulk) is 'Runs all statements of a bulk and gives what they return as one JSON array.';

-- A statement of many rows fails as a whole. Halves of what is left, again and again, find the first row that fails
-- after those before it: the work of about one more statement. Those before it are in when this returns.
create function ucrm.failing_row(
    b ucrm.bulk,
    part integer,
    first bigint,
    out n bigint,
    out state text,
    out message text,
    out schema_name text,
    out table_name text,
    out column_name text,
    out constraint_name text,
    out said text[]
)
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    low bigint := first - 1;
    high bigint := cardinality(string_to_array(b.positions[part], ','));
    middle bigint := high;
begin
    said := '{}';
    -- Rows up to low are in; from there to high one is not.
    while high - low > 1 or state is null loop
        begin
            said := said || ucrm.run_part(b, part, low + 1, middle);
            low := middle;
            exit when low >= high;
        exception when data_exception or integrity_constraint_violation or insufficient_privilege then
            get stacked diagnostics state = returned_sqlstate, message = message_text, schema_name = schema_name, table_name = table_name,
                column_name = column_name, constraint_name = constraint_name;
            high := middle;
        end;
        middle := (low + high) / 2;
    end loop;
    if state is not null then
        n := high;
    end if;
end
$$;
comment on function ucrm.failing_row(ucrm.bulk, integer, bigint) is
'Runs one statement of a bulk for its rows from first, from 1, up to the one that breaks a constraint or does not fit: n, and what it broke; null when all are in. said: what the statements returned.';

create function ucrm.refused_bulk(b ucrm.bulk, request_id uuid)
returns ucrm.response
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return (select ucrm.problem(b.refusal ->> 'code', request_id, b.refusal ->> 'detail', b.refusal - 'code' - 'detail'));
end
$$;
comment on function ucrm.refused_bulk(ucrm.bulk, uuid) is 'The reply for what the compiler refuses.';

-- What a broken constraint means, with the number of the row.
create function ucrm.refused_constraint(
    sqlstate text,
    message text,
    schema_name text,
    table_name text,
    column_name text,
    constraint_name text,
    method text,
    request_id uuid,
    broken_row integer
)
returns ucrm.response
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    answer ucrm.response;
    body jsonb;
begin
    if sqlstate = '22023' and column_name = 'custom' and ucrm.custom_errors(message) is not null then
        answer := ucrm.problem('validation_failed', request_id, null, jsonb_build_object('errors', ucrm.custom_errors(message)));
    elsif sqlstate like '22%' then
        answer := ucrm.problem('validation_failed', request_id, 'a value does not fit its column', jsonb_build_object('errors', jsonb_build_array(
            jsonb_build_object('field', coalesce(nullif(column_name, ''), ''), 'code', 'invalid_value', 'message', 'does not fit the column'))));
    elsif sqlstate = '42501' then
        answer := ucrm.problem('permission_denied', request_id, null, jsonb_build_object('errors', jsonb_build_array(
            jsonb_build_object('field', '', 'code', 'permission_denied', 'message', 'is not yours to write'))));
    else
        answer := ucrm.constraint_problem(sqlstate, schema_name, table_name, nullif(column_name, ''), constraint_name, method, request_id);
    end if;
    body := convert_from(answer.body, 'UTF8')::jsonb;
    if broken_row is not null and jsonb_typeof(body -> 'errors') = 'array' then
        body := body || jsonb_build_object('errors', case
            when body -> 'errors' = '[]' then jsonb_build_array(jsonb_build_object('row', broken_row, 'field', '', 'code', 'invalid_value', 'message', body ->> 'detail'))
            else (select jsonb_agg(jsonb_build_object('row', broken_row) || e) from jsonb_array_elements(body -> 'errors') as e)
        end);
    end if;
    return row(answer.status, answer.headers, convert_to(body::text, 'UTF8'))::ucrm.response;
end
$$;
comment on function ucrm.refused_constraint(text, text, text, text, text, text, text, uuid, integer) is '409, 422 or 403 for what a statement of many rows broke, naming row and field.';

-- Ids that were sent and are not among the rows that came back: rows that cannot be seen, else rows that are not one's own.
create function ucrm.refused_ids(r ucrm.request, b ucrm.bulk, items text)
returns ucrm.response
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    key constant text := split_part(split_part(r.shape, E'\n', 1), E'\t', 3);
    visible text;
    code text := 'not_found';
    missing jsonb;
begin
    visible := ucrm.run_bulk(ucrm.compile_bulk_seen(r.shape, convert_to(jsonb_build_object('ids', b.keys)::text, 'UTF8')));
    select jsonb_agg(jsonb_build_object('row', k.n - 1, 'field', key, 'code', 'not_found', 'message', k.id || ' is not there') order by k.n) into missing
    from unnest(b.keys) with ordinality as k (id, n)
    where not exists (select from json_array_elements(visible::json) as v where v ->> key = k.id);
    if missing is null then
        code := 'permission_denied';
        select jsonb_agg(jsonb_build_object('row', k.n - 1, 'field', key, 'code', 'permission_denied', 'message', k.id || format(' is not yours to %s', r.action)) order by k.n) into missing
        from unnest(b.keys) with ordinality as k (id, n)
        where not exists (select from json_array_elements(items::json) as v where v ->> key = k.id);
    end if;
    return ucrm.problem(code, r.request_id, format('%s of the rows: nothing was changed', coalesce(jsonb_array_length(missing), 0)),
        jsonb_build_object('errors', coalesce(missing, '[]')));
end
$$;
comment on function ucrm.refused_ids(ucrm.request, ucrm.bulk, text) is '404 not_found naming the ids of rows that cannot be seen, else 403 permission_denied naming those that were not changed.';

create function ucrm.bulk_reply(r ucrm.request, b ucrm.bulk)
returns ucrm.response
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    items text;
    total bigint := b.rows;
    broken record;
    broken_row integer;
begin
    if b.refusal is not null then
        return ucrm.refused_bulk(b, r.request_id);
    end if;
    -- Whatever is refused here is undone first: a refusal that is returned commits.
    begin
        items := ucrm.run_bulk(b);
        if b.keys <> '{}' and json_array_length(items::json) < b.rows then
            raise exception using errcode = 'UCR01';
        end if;
        return row(200, null, ucrm.list_body(case when b.keys = '{}' and items = '[]' and total > 0 then 'null' else items end, total, null, null))::ucrm.response;
    exception
        when sqlstate 'UCR01' then
            return ucrm.refused_ids(r, b, items);
        when data_exception or integrity_constraint_violation or insufficient_privilege then
            null;
    end;
    begin
        for part in 1 .. cardinality(b.sqls) loop
            broken := ucrm.failing_row(b, part, 1);
            if broken.n is not null then
                broken_row := (string_to_array(b.positions[part], ','))[broken.n];
                exit;
            end if;
        end loop;
        raise exception using errcode = 'UCR02';
    exception when sqlstate 'UCR02' then
        if broken.state is null then
            return ucrm.problem('conflict', r.request_id);
        end if;
        return ucrm.refused_constraint(broken.state, broken.message, broken.schema_name, broken.table_name, broken.column_name, broken.constraint_name, r.method, r.request_id, broken_row);
    end;
end
$$;
comment on function ucrm.bulk_reply(ucrm.request, ucrm.bulk) is
'Runs a bulk, all or nothing: 200 {data: [rows], meta: {total}}; data null where the rows may not be read. Refusals: what the compiler refuses, duplicate, referenced, validation_failed, each naming the row; not_found, permission_denied.';

create function ucrm.create_rows(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    return ucrm.bulk_reply(r, ucrm.compile_bulk_insert(r.shape, r.body, 1000, ucrm.user_id()::text, null, null, null, true,
        case when ucrm.has_permission(r.resource, 'read') then 'rows' else 'nothing' end));
end
$$;
comment on function ucrm.create_rows(ucrm.request) is
'POST /{resource} with a list of at most 1,000 objects: 200 {data, meta: {total}}, in the order sent; all or nothing. Refusals: as ucrm.create_row(), naming row and field.';

create function ucrm.refused_filter(r ucrm.request)
returns ucrm.response
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    if coalesce(r.query, '') <> '' or coalesce(length(r.body), 0) = 0 then
        return ucrm.problem('ids_required', r.request_id);
    end if;
    return ucrm.refused_body(r);
end
$$;
comment on function ucrm.refused_filter(ucrm.request) is '400 ids_required where rows are named by a filter or not at all; 415; else null.';

create function ucrm.update_rows(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    refusal constant ucrm.response := ucrm.refused_filter(r);
begin
    if refusal.status is not null then
        return refusal;
    end if;
    return ucrm.bulk_reply(r, ucrm.compile_bulk_update(r.shape, r.body, 1000, ucrm.user_id()::text));
end
$$;
comment on function ucrm.update_rows(ucrm.request) is
'PATCH /{resource} with [{id, …}, …] or {"ids": […], "data": {…}}, at most 1,000: 200 {data, meta: {total}}, in the order sent; all or nothing. Refusals: ids_required (a filter), not_found, permission_denied, and as ucrm.update_row(), naming row and field.';

create function ucrm.delete_rows(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    refusal constant ucrm.response := ucrm.refused_filter(r);
begin
    if refusal.status is not null then
        return refusal;
    end if;
    return ucrm.bulk_reply(r, ucrm.compile_bulk_delete(r.shape, r.body, 1000));
end
$$;
comment on function ucrm.delete_rows(ucrm.request) is
'DELETE /{resource} with {"ids": […]}, at most 1,000: 200 {data: [{id}], meta: {total}}; all or nothing. Refusals: ids_required (a filter), not_found, permission_denied, referenced.';

grant execute on function
    ucrm.compile_bulk_insert(text, bytea, integer, text, text[], text, text[], boolean, text),
    ucrm.compile_bulk_update(text, bytea, integer, text), ucrm.compile_bulk_delete(text, bytea, integer), ucrm.compile_bulk_seen(text, bytea),
    ucrm.run_part(ucrm.bulk, integer, bigint, bigint), ucrm.run_bulk(ucrm.bulk), ucrm.failing_row(ucrm.bulk, integer, bigint),
    ucrm.refused_bulk(ucrm.bulk, uuid),
    ucrm.refused_constraint(text, text, text, text, text, text, text, uuid, integer), ucrm.refused_ids(ucrm.request, ucrm.bulk, text),
    ucrm.bulk_reply(ucrm.request, ucrm.bulk), ucrm.create_rows(ucrm.request), ucrm.refused_filter(ucrm.request),
    ucrm.update_rows(ucrm.request), ucrm.delete_rows(ucrm.request)
to ucrm_handler, ucrm_owner;
