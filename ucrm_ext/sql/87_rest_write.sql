-- /rest/v1/{resource}, writing: rows that are sent, or named by their keys. All or nothing: what is refused after a write
-- is raised, not returned.
create function ucrm.keys_of(items text, key text)
returns text[]
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    return (select coalesce(array_agg(i.item ->> key order by i.n), '{}') from json_array_elements(items::json) with ordinality as i (item, n));
end
$$;
comment on function ucrm.keys_of(text, text) is 'The keys of rows in a JSON array.';

-- What a write answers, once it is done.
create function ucrm.rest_written(r ucrm.request, w ucrm.rest_wishes, s ucrm.rest_statement, status integer, items text, number bigint)
returns ucrm.response
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    key constant text := split_part(split_part(r.shape, E'\n', 1), E'\t', 3);
    counted constant bigint := case when w.count is not null then number end;
    headers jsonb := jsonb_build_object('content-range', case r.method when 'PATCH' then ucrm.content_range(0, number, counted) else ucrm.content_range(1, 0, counted) end);
    shown ucrm.rest_statement;
    rows text := items;
begin
    if number > w.max_affected then
        perform ucrm.refuse_rows('too_many_affected', number);
    elsif w.form = 'object' and number <> 1 then
        perform ucrm.refuse_rows('not_one_row', number);
    end if;
    if w.returns = 'headers-only' and r.method = 'POST' and number = 1 then
        headers := headers || jsonb_build_object('location', r.path || '?' || key || '=eq.' || (items::json -> 0 ->> key));
    end if;
    if w.returns <> 'representation' then
        return ucrm.rest_nothing(w, case r.method when 'POST' then status else 204 end, headers);
    end if;
    if not s.whole and r.method <> 'DELETE' then
        shown := ucrm.read_question(r, 'keys', ucrm.keys_of(items, key), null, null, null);
        rows := ucrm.run_rows(shown.sql, shown.binds);
    end if;
    return ucrm.rest_rows(w, status, rows, s.columns, headers);
end
$$;
comment on function ucrm.rest_written(ucrm.request, ucrm.rest_wishes, ucrm.rest_statement, integer, text, bigint) is
'The reply to a write: nothing, where the row is, or the rows as select shows them. items: the rows written; of a DELETE, as they are shown. Raises not_one_row, too_many_affected.';

create function ucrm.rest_create_route(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    w constant ucrm.rest_wishes := ucrm.read_wishes(r.headers ->> 'prefer', r.headers ->> 'accept', null);
    reads constant boolean := ucrm.has_permission(r.resource, 'read');
    refusal ucrm.response := ucrm.refused_wishes(r, w);
    s ucrm.rest_statement;
    b ucrm.bulk;
    items text;
begin
    if refusal.status is null then
        refusal := ucrm.refused_body(r);
    end if;
    if refusal.status is not null then
        return refusal;
    end if;
    s := ucrm.read_question(r, 'list', null, null, null, null);
    if s.refusal is not null then
        return ucrm.rest_refused(s.refusal, r.request_id);
    elsif w.returns <> 'minimal' and not reads then
        return ucrm.problem('permission_denied', r.request_id, format('%s may not read %s: send Prefer: return=minimal', ucrm.member_role(), r.resource));
    elsif w.resolution is not null and s.on_conflict is null then
        return ucrm.rest_upsert_by_key(r, w, s);
    elsif w.resolution is not null and not ucrm.is_unique_key(r.relation, s.on_conflict) then
        return ucrm.problem('invalid_filter', r.request_id, 'there is no unique key of these columns in a workspace',
            '{"rest": {"code": "42P10", "status": 400, "hint": "on_conflict names the columns of a unique constraint, without tenant_id."}}');
    end if;
    b := ucrm.compile_bulk_insert(r.shape, r.body, 1000, ucrm.user_id()::text, case when w.resolution is not null then s.on_conflict end, w.resolution, s.body_columns,
        w.missing_default, case when reads then 'rows' else 'nothing' end);
    if b.refusal is not null then
        return ucrm.refused_bulk(b, r.request_id);
    end if;
    items := ucrm.run_bulk(b);
    return ucrm.rest_written(r, w, s, 201, items, case when reads then json_array_length(items::json) else b.rows end);
end
$$;
comment on function ucrm.rest_create_route(ucrm.request) is
'POST /rest/v1/{resource}: 201 for an object or a list of at most 1,000; upsert with Prefer: resolution and on_conflict, the columns of a unique key. Refusals: PGRST102, PGRST204, 23502, 23505, 23514, 22P02, 42P10, and as reading.';

create function ucrm.is_unique_key(relation oid, columns text[])
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
                   where a.attrelid = relation and a.attnum = any ((i.indkey::smallint[])[0:i.indnkeyatts - 1]))
                  = (select array_agg(c order by c) from unnest(array['tenant_id'] || columns) as c)
        )
    );
end
$$;
comment on function ucrm.is_unique_key(oid, text[]) is 'Whether a table has a unique key of tenant_id and exactly these columns.';

-- Rows with the key of one that is there are changed, those without a key are made. A key that is not there is not made.
create function ucrm.rest_upsert_by_key(r ucrm.request, w ucrm.rest_wishes, s ucrm.rest_statement)
returns ucrm.response
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    key constant text := split_part(split_part(r.shape, E'\n', 1), E'\t', 3);
    fault constant text := ucrm.json_fault(convert_to('{"rows":' || coalesce(convert_from(r.body, 'UTF8'), '') || '}', 'UTF8'));
    given json;
    known ucrm.bulk;
    fresh ucrm.bulk;
    changed text := '[]';
    made text := '[]';
begin
    if fault is not null then
        return ucrm.problem('invalid_json', r.request_id, fault);
    end if;
    given := convert_from(r.body, 'UTF8');
    given := case json_typeof(given) when 'array' then given else json_build_array(given) end;
    if exists (select from json_array_elements(given) as g where json_typeof(g) <> 'object') then
        return ucrm.problem('invalid_json', r.request_id, 'the body must be an object or a list of objects');
    end if;
    if s.body_columns is not null then
        given := (
            select coalesce(json_agg((select coalesce(json_object_agg(m.key, m.value), '{}') from json_each(g.item) as m where m.key = any (s.body_columns)) order by g.n), '[]')
            from json_array_elements(given) with ordinality as g (item, n)
        );
    end if;
    fresh := ucrm.compile_bulk_insert(r.shape,
        convert_to((select coalesce(json_agg(g.item order by g.n), '[]') from json_array_elements(given) with ordinality as g (item, n) where g.item -> key is null)::text, 'UTF8'),
        1000, ucrm.user_id()::text, null, null, null, w.missing_default, 'rows');
    known := ucrm.compile_bulk_update(r.shape,
        convert_to((select coalesce(json_agg(g.item order by g.n), '[]') from json_array_elements(given) with ordinality as g (item, n) where g.item -> key is not null)::text, 'UTF8'),
        1000, ucrm.user_id()::text);
    if coalesce(fresh.refusal, known.refusal) is not null then
        return ucrm.refused_bulk(case when fresh.refusal is not null then fresh else known end, r.request_id);
    end if;
    if w.resolution = 'merge' and known.rows > 0 then
        changed := ucrm.run_bulk(known);
        if json_array_length(changed::json) < known.rows then
            perform ucrm.refuse('unknown_field');
        end if;
    end if;
    if fresh.rows > 0 then
        made := ucrm.run_bulk(fresh);
    end if;
    made := (select coalesce(json_agg(x), '[]') from (select json_array_elements(changed::json) union all select json_array_elements(made::json)) as u (x));
    return ucrm.rest_written(r, w, s, 201, made, json_array_length(made::json));
end
$$;
comment on function ucrm.rest_upsert_by_key(ucrm.request, ucrm.rest_wishes, ucrm.rest_statement) is
'POST with Prefer: resolution and no on_conflict: rows are known by their key. With ignore, those that have one are left alone. Raises unknown_field for a key that is not there or not one''s to change: keys are made by the server.';

-- The keys of the rows that a PATCH or DELETE is about, locked; null, and the reply, where it names none by key.
create function ucrm.rest_named(r ucrm.request, s ucrm.rest_statement, out keys text[], out refusal ucrm.response)
returns record
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    key constant text := split_part(split_part(r.shape, E'\n', 1), E'\t', 3);
    q ucrm.rest_statement;
    visible text[];
begin
    if s.refusal is not null then
        refusal := ucrm.rest_refused(s.refusal, r.request_id);
        return;
    elsif s.keys is null then
        refusal := ucrm.problem('ids_required', r.request_id, format('name the rows: %s=eq.… or %1$s=in.(…)', key));
        return;
    end if;
    -- FOR UPDATE asks the UPDATE policy too: whoever may only delete finds the rows without locking them.
    q := ucrm.read_question(r, case when ucrm.has_permission(r.resource, 'update') then 'locked' else 'found' end, null, null, null, null);
    keys := ucrm.keys_of(ucrm.run_rows(q.sql, q.binds), key);
    if cardinality(keys) < cardinality(s.keys) then
        q := ucrm.read_question(r, 'found', null, null, null, null);
        visible := ucrm.keys_of(ucrm.run_rows(q.sql, q.binds), key);
        if not visible <@ keys then
            refusal := ucrm.problem('permission_denied', r.request_id, format('a row is not yours to %s', r.action));
        end if;
    end if;
end
$$;
comment on function ucrm.rest_named(ucrm.request, ucrm.rest_statement) is
'The keys of the rows a PATCH or DELETE is about: those it names and that fit its other conditions. Refusals: ids_required; permission_denied where one can be seen and not changed.';

create function ucrm.rest_update_route(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    w constant ucrm.rest_wishes := ucrm.read_wishes(r.headers ->> 'prefer', r.headers ->> 'accept', null);
    fault constant text := ucrm.json_fault(coalesce(r.body, ''));
    refusal ucrm.response := ucrm.refused_wishes(r, w);
    s ucrm.rest_statement;
    named record;
    b ucrm.bulk;
    items text := '[]';
begin
    if refusal.status is null then
        refusal := ucrm.refused_body(r);
    end if;
    if refusal.status is not null then
        return refusal;
    elsif fault is not null then
        return ucrm.problem('invalid_json', r.request_id, fault);
    end if;
    s := ucrm.read_question(r, 'list', null, null, null, null);
    named := ucrm.rest_named(r, s);
    if (named.refusal).status is not null then
        return named.refusal;
    end if;
    if s.keys <> '{}' and convert_from(r.body, 'UTF8')::jsonb <> '{}' then
        -- The body is judged though there may be no row to change.
        b := ucrm.compile_bulk_update(r.shape,
            convert_to(format('{"ids":%s,"data":%s}', to_json(case named.keys when '{}' then s.keys[1:1] else named.keys end), convert_from(r.body, 'UTF8')), 'UTF8'),
            1000, ucrm.user_id()::text);
        if b.refusal is not null then
            return ucrm.refused_bulk(b, r.request_id);
        elsif named.keys <> '{}' then
            items := ucrm.run_bulk(b);
            if json_array_length(items::json) < cardinality(named.keys) then
                perform ucrm.refuse('permission_denied');
            end if;
        end if;
    end if;
    return ucrm.rest_written(r, w, s, 200, items, json_array_length(items::json));
end
$$;
comment on function ucrm.rest_update_route(ucrm.request) is
'PATCH /rest/v1/{resource}?id=eq.… or id=in.(…): 204, or 200 with the rows. Other conditions leave out rows that do not fit them. Refusals: 21000 (ids_required), 42501, and as creating.';

create function ucrm.rest_delete_route(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    w constant ucrm.rest_wishes := ucrm.read_wishes(r.headers ->> 'prefer', r.headers ->> 'accept', null);
    refusal ucrm.response := ucrm.refused_wishes(r, w);
    s ucrm.rest_statement;
    shown ucrm.rest_statement;
    named record;
    b ucrm.bulk;
    rows text;
    number bigint := 0;
begin
    if refusal.status is not null then
        return refusal;
    end if;
    s := ucrm.read_question(r, 'list', null, null, null, null);
    named := ucrm.rest_named(r, s);
    if (named.refusal).status is not null then
        return named.refusal;
    end if;
    if w.returns = 'representation' then
        shown := ucrm.read_question(r, 'keys', named.keys, null, null, null);
        rows := ucrm.run_rows(shown.sql, shown.binds);
    end if;
    if named.keys <> '{}' then
        b := ucrm.compile_bulk_delete(r.shape, convert_to(json_build_object('ids', named.keys)::text, 'UTF8'), 1000);
        if b.refusal is not null then
            return ucrm.refused_bulk(b, r.request_id);
        end if;
        number := json_array_length(ucrm.run_bulk(b)::json);
        if number < cardinality(named.keys) then
            perform ucrm.refuse('permission_denied');
        end if;
    end if;
    return ucrm.rest_written(r, w, s, 200, rows, number);
end
$$;
comment on function ucrm.rest_delete_route(ucrm.request) is
'DELETE /rest/v1/{resource}?id=eq.… or id=in.(…): 204, or 200 with the rows as they were. Refusals: 21000 (ids_required), 42501, 23503.';

insert into ucrm.routes (method, template, function, audience, resource, action, builtin) values
('POST', '/rest/v1/{resource}', 'ucrm.rest_create_route', 'tenant', null, 'create', true),
('PATCH', '/rest/v1/{resource}', 'ucrm.rest_update_route', 'tenant', null, 'update', true),
('DELETE', '/rest/v1/{resource}', 'ucrm.rest_delete_route', 'tenant', null, 'delete', true);

grant execute on function
    ucrm.keys_of(text, text), ucrm.rest_written(ucrm.request, ucrm.rest_wishes, ucrm.rest_statement, integer, text, bigint),
    ucrm.rest_create_route(ucrm.request), ucrm.is_unique_key(oid, text[]), ucrm.rest_upsert_by_key(ucrm.request, ucrm.rest_wishes, ucrm.rest_statement),
    ucrm.rest_named(ucrm.request, ucrm.rest_statement), ucrm.rest_update_route(ucrm.request), ucrm.rest_delete_route(ucrm.request)
to ucrm_handler, ucrm_owner;
