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

-- A body's rows, each with the fields that count.
create function ucrm.rest_given(r ucrm.request, w ucrm.rest_wishes, columns text[], out given json[], out refusal ucrm.response)
returns record
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    fault constant text := ucrm.json_fault(coalesce(r.body, ''), true);
    whole json;
    names text[];
    fills boolean;
begin
    if fault is not null then
        refusal := ucrm.problem('invalid_json', r.request_id, fault);
        return;
    end if;
    whole := convert_from(r.body, 'UTF8');
    fills := json_typeof(whole) = 'array' and not w.missing_default;
    whole := case json_typeof(whole) when 'array' then whole else json_build_array(whole) end;
    if exists (select from json_array_elements(whole) as e where json_typeof(e) <> 'object') then
        refusal := ucrm.problem('invalid_json', r.request_id, 'the body must be an object or a list of objects');
        return;
    elsif json_array_length(whole) > 1000 then
        refusal := ucrm.problem('validation_failed', r.request_id, 'at most 1000 rows are taken at once');
        return;
    end if;
    names := array(
        select distinct k from json_array_elements(whole) as e cross join lateral json_object_keys(e) as k
        where columns is null or k = any (columns));
    given := array(
        select (
            select coalesce(json_object_agg(n, coalesce(g.item -> n, 'null')), '{}')
            from unnest(names) as n
            where fills or g.item -> n is not null
        )
        from json_array_elements(whole) with ordinality as g (item, place)
        order by g.place);
end
$$;
comment on function ucrm.rest_given(ucrm.request, ucrm.rest_wishes, text[]) is
'The objects of a body, at most 1,000, with these columns if any are named. In a list what a row lacks and others have is null, unless missing=default asks for the default.';

create function ucrm.upsert_sql(sql text, on_conflict text[], resolution text)
returns text
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
declare
    names constant text[] := regexp_split_to_array(substring(sql from ' as r \((.*?)\) values \('), ', ');
    keys constant text[] := array(select '"' || replace(c, '"', '""') || '"' from unnest(on_conflict) as c);
    head constant text := split_part(sql, ' returning ', 1);
begin
    return head || ' on conflict (tenant_id, ' || array_to_string(keys, ', ') || ') do '
        || case resolution
            when 'ignore' then 'nothing'
            else 'update set ' || (
                select string_agg(format('%s = excluded.%1$s', n), ', ')
                from unnest(names) as n
                -- Nothing to change, and yet the row is to come back.
                where n <> all (keys) or (names <@ keys and n = names[1]))
        end
        || substr(sql, length(head) + 1);
end
$$;
comment on function ucrm.upsert_sql(text, text[], text) is
'An INSERT of the compiler''s with what becomes of a row that is there: resolution merge or ignore, by the unique key of tenant_id and these columns. All names are the catalogue''s.';

-- One row of a body, compiled: an INSERT, or an UPDATE where it names a row by its key.
create function ucrm.rest_statement_of(r ucrm.request, item json, key text, w ucrm.rest_wishes, on_conflict text[], reads boolean)
returns ucrm.statement
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    by_key constant boolean := w.resolution is not null and on_conflict is null and item ->> key is not null;
    s ucrm.statement;
    q ucrm.request := r;
    refusal ucrm.response;
    told jsonb;
begin
    q.body := convert_to(case
        when w.resolution is not null and on_conflict is null then
            (select coalesce(json_object_agg(m.key, m.value), '{}') from json_each(item) as m where m.key <> rest_statement_of.key)
        else item
    end::text, 'UTF8');
    if by_key then
        s := ucrm.compile_update(r.shape, q.body, item ->> key);
    else
        s := ucrm.compile_insert(r.shape, q.body, case when not reads then ucrm.uuid7()::text end);
    end if;
    if s.refusal is null then
        refusal := ucrm.refused_owner(q);
        if refusal.status is not null then
            told := convert_from(refusal.body, 'UTF8');
            s.refusal := jsonb_build_object('code', told -> 'code', 'detail', told -> 'detail', 'errors', told -> 'errors');
        elsif w.resolution is not null and on_conflict is not null then
            s.sql := ucrm.upsert_sql(s.sql, on_conflict, w.resolution);
        end if;
    end if;
    s.size := by_key::integer;
    return s;
end
$$;
comment on function ucrm.rest_statement_of(ucrm.request, json, text, ucrm.rest_wishes, text[], boolean) is
'The statement of one row; size 1: it changes the row of a key. Refusals: the compiler''s, and unknown_field for another''s ownership.';

create function ucrm.rest_create_route(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    w constant ucrm.rest_wishes := ucrm.read_wishes(r.headers ->> 'prefer', r.headers ->> 'accept', null);
    key constant text := split_part(split_part(r.shape, E'\n', 1), E'\t', 3);
    reads constant boolean := ucrm.has_permission(r.resource, 'read');
    refusal ucrm.response := ucrm.refused_wishes(r, w);
    s ucrm.rest_statement;
    body record;
    one ucrm.statement;
    statements ucrm.statement[] := '{}';
    item json;
    made text;
    items text[] := '{}';
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
    elsif w.resolution is not null and s.on_conflict is not null and not ucrm.is_unique_key(r.relation, s.on_conflict) then
        return ucrm.problem('invalid_filter', r.request_id, 'there is no unique key of these columns in a workspace',
            '{"rest": {"code": "42P10", "status": 400, "hint": "on_conflict names the columns of a unique constraint, without tenant_id."}}');
    end if;
    body := ucrm.rest_given(r, w, s.body_columns);
    if (body.refusal).status is not null then
        return body.refusal;
    end if;
    -- All of them are judged before the first is written.
    foreach item in array body.given loop
        one := ucrm.rest_statement_of(r, item, key, w, s.on_conflict, reads);
        if one.refusal is not null then
            return ucrm.refused(one, r.request_id);
        end if;
        statements := statements || one;
    end loop;
    foreach one in array statements loop
        continue when one.size = 1 and w.resolution = 'ignore';
        if reads then
            made := ucrm.run_row(one.sql, one.binds);
            if made is not null then
                items := items || made;
            elsif one.size = 1 then
                -- Keys are made by the server: a row that is not there, or not one's to change, is not made with this one.
                perform ucrm.refuse('unknown_field');
            end if;
        else
            perform ucrm.run(one.sql, one.binds);
        end if;
    end loop;
    return ucrm.rest_written(r, w, s, 201, '[' || array_to_string(items, ',') || ']', case when reads then cardinality(items) else cardinality(statements) end);
end
$$;
comment on function ucrm.rest_create_route(ucrm.request) is
'POST /rest/v1/{resource}: 201 for an object or a list of at most 1,000, all or nothing; upsert with Prefer: resolution and on_conflict, the columns of a unique key. Without on_conflict rows are known by their key: those that name one are changed, the others made. Refusals: PGRST102, PGRST204, 23502, 23505, 23514, 22P02, 42P10, and as reading.';

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
            return;
        end if;
    end if;
    if r.query ~ '(^|&)(limit|offset)=' and json_array_length(ucrm.run_rows(s.sql, s.binds)::json) < cardinality(keys) then
        refusal := ucrm.problem('unsupported', r.request_id, 'limit and offset leave out rows that are named: name fewer by their keys');
    end if;
end
$$;
comment on function ucrm.rest_named(ucrm.request, ucrm.rest_statement) is
'The keys of the rows a PATCH or DELETE is about: those it names and that fit its other conditions. Refusals: ids_required; permission_denied where one can be seen and not changed; unsupported where limit or offset would leave some out.';

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
    one ucrm.statement;
    key text;
    item text;
    items text[] := '{}';
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
        one := ucrm.compile_update(r.shape, r.body, s.keys[1]);
        if one.refusal is not null then
            return ucrm.refused(one, r.request_id);
        end if;
        refusal := ucrm.refused_owner(r);
        if refusal.status is not null then
            return refusal;
        end if;
        foreach key in array named.keys loop
            one := ucrm.compile_update(r.shape, r.body, key);
            item := ucrm.run_row(one.sql, one.binds);
            if item is null then
                perform ucrm.refuse('permission_denied');
            end if;
            items := items || item;
        end loop;
    end if;
    return ucrm.rest_written(r, w, s, 200, '[' || array_to_string(items, ',') || ']', cardinality(items));
end
$$;
comment on function ucrm.rest_update_route(ucrm.request) is
'PATCH /rest/v1/{resource}?id=eq.… or id=in.(…): 204, or 200 with the rows. Other conditions leave out rows that do not fit them. Refusals: 21000 (ids_required), 42501, PGRST127 for a limit below the number of rows, and as creating.';

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
    one ucrm.statement;
    key text;
    rows text;
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
    foreach key in array named.keys loop
        one := ucrm.compile_delete(r.shape, key);
        if ucrm.run(one.sql, one.binds) is null then
            perform ucrm.refuse('permission_denied');
        end if;
    end loop;
    return ucrm.rest_written(r, w, s, 200, rows, cardinality(named.keys));
end
$$;
comment on function ucrm.rest_delete_route(ucrm.request) is
'DELETE /rest/v1/{resource}?id=eq.… or id=in.(…): 204, or 200 with the rows as they were. Refusals: 21000 (ids_required), 42501, 23503, PGRST127 for a limit below the number of rows.';

insert into ucrm.routes (method, template, function, audience, resource, action, builtin) values
('POST', '/rest/v1/{resource}', 'ucrm.rest_create_route', 'tenant', null, 'create', true),
('PATCH', '/rest/v1/{resource}', 'ucrm.rest_update_route', 'tenant', null, 'update', true),
('DELETE', '/rest/v1/{resource}', 'ucrm.rest_delete_route', 'tenant', null, 'delete', true);

grant execute on function
    ucrm.keys_of(text, text), ucrm.rest_written(ucrm.request, ucrm.rest_wishes, ucrm.rest_statement, integer, text, bigint),
    ucrm.rest_given(ucrm.request, ucrm.rest_wishes, text[]), ucrm.upsert_sql(text, text[], text),
    ucrm.rest_statement_of(ucrm.request, json, text, ucrm.rest_wishes, text[], boolean),
    ucrm.rest_create_route(ucrm.request), ucrm.is_unique_key(oid, text[]),
    ucrm.rest_named(ucrm.request, ucrm.rest_statement), ucrm.rest_update_route(ucrm.request), ucrm.rest_delete_route(ucrm.request)
to ucrm_handler, ucrm_owner;
