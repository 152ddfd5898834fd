-- The generic resource: list, get, create, update, delete of any protected table. The table decides again who may.
create function ucrm.shape_of(resource text)
returns text
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    return (
        select concat_ws(E'\t', r.table_schema, r.table_name, r.key_column, coalesce(r.owner_column, ''), coalesce(r.archived_column, ''),
                         array_to_string(r.search_columns, ','), r.label_column)
            || string_agg(
                E'\n' || concat_ws(E'\t', a.attname, format_type(a.atttypid, a.atttypmod),
                    case when a.attname <> 'tenant_id' and not a.attname = any (r.secret_columns) then 'r' else '' end
                    || case when a.attname not in ('tenant_id', r.key_column, 'created_at', 'updated_at')
                             and a.attname is distinct from r.archived_column and a.attgenerated = '' and a.attidentity = '' then 'w' else '' end
                    || case when a.attnotnull then 'n' else '' end
                    || case when a.atthasdef or a.attidentity <> '' then 'd' else '' end),
                '' order by a.attnum)
        from ucrm.resources as r
        join pg_catalog.pg_attribute as a
            on a.attrelid = ucrm.relation_of(r.table_schema, r.table_name) and a.attnum > 0 and not a.attisdropped
        where r.name = shape_of.resource
        group by r.name
    );
end
$$;
comment on function ucrm.shape_of(text) is
'A resource''s table as the compiler wants it: a line schema, table, key, owner, archived, search columns, label; then a line per column: name, type, flags r(eadable) w(ritable) n(ot null) d(efault). Tab-separated.';

create function ucrm.refused(s ucrm.statement, request_id uuid)
returns ucrm.response
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return (select ucrm.problem(s.refusal ->> 'code', request_id, s.refusal ->> 'detail', s.refusal - 'code' - 'detail'));
end
$$;
comment on function ucrm.refused(ucrm.statement, uuid) is 'The reply for what the compiler refuses.';

create function ucrm.count_rows(relation oid, s ucrm.statement)
returns bigint
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    generation constant bigint := ucrm.total_generation(relation);
    total constant bigint := ucrm.run(s.count_sql, s.binds);
begin
    if s.countable then
        perform ucrm.remember_total(relation, s.count_sql, s.binds, generation, total);
    end if;
    return total;
end
$$;
comment on function ucrm.count_rows(oid, ucrm.statement) is 'Counts the rows of a list, and remembers the total unless it changes with the clock.';

-- What ucrm.handle() answers by itself is what list_rows() and get_row() answer, in the same bytes: see tests/db/fast.sql.
create function ucrm.list_rows(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    s constant ucrm.statement := ucrm.compile_list(r.shape, r.query);
begin
    if s.refusal is not null then
        return ucrm.refused(s, r.request_id);
    end if;
    return row(200, null, ucrm.list_body(
        ucrm.run_rows(s.sql, s.binds),
        coalesce(ucrm.recall_total(r.relation, s.count_sql, s.binds), ucrm.count_rows(r.relation, s)),
        s.page,
        s.page_limit
    ))::ucrm.response;
end
$$;
comment on function ucrm.list_rows(ucrm.request) is 'GET /{resource}: 200 {data, meta}. Refusals: invalid_filter.';

create function ucrm.get_row(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    s constant ucrm.statement := ucrm.compile_get(r.shape, r.query, r.id, false);
    item constant text := case when s.refusal is null then ucrm.run_row(s.sql, s.binds) end;
begin
    if item is null then
        return case when s.refusal is null then ucrm.problem('not_found', r.request_id) else ucrm.refused(s, r.request_id) end;
    end if;
    -- The version is the whole row's: a reply with fields= has none. Proxies weaken tags, and here a weak one will do (RFC 9110, 13.1.2).
    if r.query = '' and r.headers ? 'if-none-match'
        and ucrm.etag_matches(replace(r.headers ->> 'if-none-match', 'W/', ''), ucrm.etag(item))
    then
        return row(304, jsonb_build_object('etag', ucrm.etag(item)), null)::ucrm.response;
    end if;
    return row(200, case r.query when '' then jsonb_build_object('etag', ucrm.etag(item)) end, ucrm.data_body(item))::ucrm.response;
end
$$;
comment on function ucrm.get_row(ucrm.request) is 'GET /{resource}/{id}: 200 {data} with ETag, 304 for a matching If-None-Match. Refusals: not_found.';

create function ucrm.refused_body(r ucrm.request)
returns ucrm.response
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    if coalesce(r.headers ->> 'content-type', 'application/json') !~* '^application/(json|[a-z0-9.+-]+\+json)\s*(;|$)' then
        return ucrm.problem('unsupported_media_type', r.request_id);
    end if;
    return null;
end
$$;
comment on function ucrm.refused_body(ucrm.request) is '415 when the body is declared to be something other than JSON, else null.';

create function ucrm.may_name_owner(r ucrm.request)
returns boolean
language c
stable
as 'MODULE_PATHNAME', 'ucrm_may_name_owner';
comment on function ucrm.may_name_owner(ucrm.request) is
'Whether the body could assign the owner column: its name, or a backslash that could spell it, is in it. False is certain.';

-- Rows are one's own or nobody's: ownership is not handed to others through the API.
create function ucrm.refused_owner(r ucrm.request)
returns ucrm.response
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    owner_column constant text := nullif(split_part(split_part(r.shape, E'\n', 1), E'\t', 4), '');
    given text;
begin
    if owner_column is null then
        return null;
    end if;
    given := convert_from(r.body, 'UTF8')::jsonb ->> owner_column;
    if given is not null and lower(given) is distinct from ucrm.user_id()::text then
        return ucrm.problem('unknown_field', r.request_id, format('%s can only be set to yourself or null', owner_column),
            jsonb_build_object('errors', jsonb_build_array(jsonb_build_object('field', owner_column, 'code', 'unknown_field', 'message', 'can only be set to yourself or null'))));
    end if;
    return null;
end
$$;
comment on function ucrm.refused_owner(ucrm.request) is '400 unknown_field when the body makes somebody else the owner, else null.';

-- A key that only creates (a form on a website): RETURNING would ask for the permission to read.
create function ucrm.create_unseen(r ucrm.request, s ucrm.statement, key text)
returns ucrm.response
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    known constant boolean := s.binds[cardinality(s.binds)] is not distinct from key;
begin
    perform ucrm.run(s.sql, s.binds);
    return row(201,
        case when known then jsonb_build_object('location', r.path || '/' || key) end,
        ucrm.data_body(case when known then jsonb_build_object(split_part(split_part(r.shape, E'\n', 1), E'\t', 3), key) else 'null' end::text))::ucrm.response;
end
$$;
comment on function ucrm.create_unseen(ucrm.request, ucrm.statement, text) is
'201 for somebody who may create and not read: {data: {id}} and Location, or {data: null} where the key is no uuid.';

create function ucrm.create_row(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    unseen_key constant text := case when not ucrm.has_permission(r.resource, 'read') then ucrm.uuid7()::text end;
    s ucrm.statement;
    refusal ucrm.response;
    item text;
begin
    if r.headers ->> 'content-type' is distinct from 'application/json' then
        refusal := ucrm.refused_body(r);
        if refusal.status is not null then
            return refusal;
        end if;
    end if;
    s := ucrm.compile_insert(r.shape, r.body, unseen_key);
    if s.refusal is not null then
        return ucrm.refused(s, r.request_id);
    end if;
    if ucrm.may_name_owner(r) then
        refusal := ucrm.refused_owner(r);
        if refusal.status is not null then
            return refusal;
        end if;
    end if;
    if unseen_key is not null then
        return ucrm.create_unseen(r, s, unseen_key);
    end if;
    item := ucrm.run_row(s.sql, s.binds);
    return row(201,
        jsonb_build_object('location', r.path || '/' || (item::json ->> split_part(split_part(r.shape, E'\n', 1), E'\t', 3)), 'etag', ucrm.etag(item)),
        ucrm.data_body(item));
end
$$;
comment on function ucrm.create_row(ucrm.request) is
'POST /{resource}: 201 {data} with Location and ETag. Refusals: unsupported_media_type, invalid_json, unknown_field, validation_failed, duplicate.';

-- A row that changed hands meanwhile, or that one may see but not change.
create function ucrm.refused_row(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    s constant ucrm.statement := ucrm.compile_get(r.shape, '', r.id, false);
begin
    if s.refusal is null and ucrm.run_row(s.sql, s.binds) is not null then
        return ucrm.problem('permission_denied', r.request_id, format('this row is not yours to %s', r.action));
    end if;
    return ucrm.problem('not_found', r.request_id);
end
$$;
comment on function ucrm.refused_row(ucrm.request) is '403 permission_denied for a row that is visible but was not changed, else 404 not_found.';

create function ucrm.refused_version(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    wanted constant text := r.headers ->> 'if-match';
    s ucrm.statement;
    item text;
begin
    if wanted is null then
        return null;
    end if;
    -- FOR UPDATE asks the UPDATE policy too: whoever may only delete reads the row without locking it.
    s := ucrm.compile_get(r.shape, '', r.id, ucrm.has_permission(r.resource, 'update'));
    if s.refusal is not null then
        return ucrm.refused(s, r.request_id);
    end if;
    item := ucrm.run_row(s.sql, s.binds);
    if item is null then
        return ucrm.refused_row(r);
    end if;
    if not ucrm.etag_matches(wanted, ucrm.etag(item)) then
        return ucrm.problem('version_conflict', r.request_id, null, null, jsonb_build_object('etag', ucrm.etag(item)));
    end if;
    return null;
end
$$;
comment on function ucrm.refused_version(ucrm.request) is '412 version_conflict when If-Match names another version; locks the row, so that the answer still holds when it is changed.';

create function ucrm.update_row(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    s ucrm.statement;
    refusal ucrm.response := ucrm.refused_body(r);
    item text;
begin
    if refusal.status is not null then
        return refusal;
    end if;
    s := ucrm.compile_update(r.shape, r.body, r.id);
    if s.refusal is not null then
        return ucrm.refused(s, r.request_id);
    end if;
    refusal := ucrm.refused_owner(r);
    if refusal.status is null then
        refusal := ucrm.refused_version(r);
    end if;
    if refusal.status is not null then
        return refusal;
    end if;
    item := ucrm.run_row(s.sql, s.binds);
    if item is null then
        return ucrm.refused_row(r);
    end if;
    return row(200, jsonb_build_object('etag', ucrm.etag(item)), ucrm.data_body(item))::ucrm.response;
end
$$;
comment on function ucrm.update_row(ucrm.request) is
'PATCH /{resource}/{id}: 200 {data} with ETag; If-Match is honoured. Refusals: unsupported_media_type, invalid_json, unknown_field, validation_failed, not_found, permission_denied, version_conflict, duplicate.';

create function ucrm.delete_row(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    s constant ucrm.statement := ucrm.compile_delete(r.shape, r.id);
    refusal ucrm.response;
begin
    if s.refusal is not null then
        return ucrm.refused(s, r.request_id);
    end if;
    refusal := ucrm.refused_version(r);
    if refusal.status is not null then
        return refusal;
    end if;
    if ucrm.run(s.sql, s.binds) is null then
        return ucrm.refused_row(r);
    end if;
    return row(204, null, null)::ucrm.response;
end
$$;
comment on function ucrm.delete_row(ucrm.request) is 'DELETE /{resource}/{id}: 204; If-Match is honoured. Refusals: not_found, permission_denied, version_conflict, referenced.';

grant execute on function
    ucrm.etag_matches(text, text), ucrm.json_response(integer, jsonb, jsonb),
    ucrm.problem(text, uuid, text, jsonb, jsonb), ucrm.rate_limited(text, integer, integer, bigint, uuid),
    ucrm.refused(ucrm.statement, uuid), ucrm.count_rows(oid, ucrm.statement), ucrm.list_rows(ucrm.request), ucrm.get_row(ucrm.request), ucrm.create_row(ucrm.request), ucrm.create_unseen(ucrm.request, ucrm.statement, text),
    ucrm.update_row(ucrm.request), ucrm.delete_row(ucrm.request), ucrm.refused_body(ucrm.request), ucrm.may_name_owner(ucrm.request), ucrm.refused_owner(ucrm.request),
    ucrm.refused_row(ucrm.request), ucrm.refused_version(ucrm.request)
to ucrm_handler, ucrm_owner;
