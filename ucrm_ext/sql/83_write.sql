-- Writing a row of any protected table: create, update, delete. The table decides again who may.
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
    relations ucrm.relation[];
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
        if r.body is not null and ltrim(encode(substr(r.body, 1, 64), 'escape'), E' \t\r\n') like '[%' then
            return ucrm.create_rows(r);
        end if;
        relations := case when s.refusal ->> 'code' in ('unknown_field', 'wider') then ucrm.relations_named(r) end;
        if relations is not null then
            return ucrm.write_related(r, relations);
        end if;
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
'POST /{resource}: 201 {data} with Location and ETag; a list is left to ucrm.create_rows(). Refusals: unsupported_media_type, invalid_json, unknown_field, validation_failed, duplicate.';

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
    relations ucrm.relation[];
    item text;
begin
    if refusal.status is not null then
        return refusal;
    end if;
    s := ucrm.compile_update(r.shape, r.body, r.id);
    if s.refusal is not null then
        relations := case when s.refusal ->> 'code' in ('unknown_field', 'wider') then ucrm.relations_named(r) end;
        if relations is not null then
            return ucrm.write_related(r, relations);
        end if;
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
    ucrm.refused_body(ucrm.request), ucrm.may_name_owner(ucrm.request), ucrm.refused_owner(ucrm.request),
    ucrm.create_row(ucrm.request), ucrm.create_unseen(ucrm.request, ucrm.statement, text),
    ucrm.refused_row(ucrm.request), ucrm.refused_version(ucrm.request),
    ucrm.update_row(ucrm.request), ucrm.delete_row(ucrm.request)
to ucrm_handler, ucrm_owner;
