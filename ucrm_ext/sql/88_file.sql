-- File buckets: small files of a tenant's, their bytes in the database, so that a backup, an erased tenant and a
-- transaction mean for them what they mean for rows.
create table ucrm.file_buckets (
    name text primary key check (name ~ '^[a-z][A-Za-z0-9_]{0,62}$'),
    roles text[] not null,
    content_types text[] not null check (cardinality(content_types) > 0),
    max_bytes integer not null check (max_bytes between 1 and 104857600),
    builtin boolean not null default false
);
comment on table ucrm.file_buckets is
'What may be uploaded where. roles: built-in roles that may upload (an owner may whatever an admin may, an agent whatever a member may); content_types: what is taken, e.g. image/png; max_bytes: of one file. A DBA adds buckets with SQL; built-in rows do not change.';

insert into ucrm.file_buckets (name, roles, content_types, max_bytes, builtin) values
('memberAvatars', array['admin', 'member'], array['image/png', 'image/jpeg', 'image/gif', 'image/webp'], 2097152, true),
('organizationLogos', array['admin'], array['image/png', 'image/jpeg', 'image/gif', 'image/webp'], 2097152, true);

create trigger builtin_rows_do_not_change
before update or delete on ucrm.file_buckets
for each row when (old.builtin) execute function ucrm.refuse_immutable();

create table ucrm.files (
    tenant_id uuid not null references ucrm.tenants (id) on delete cascade,
    id uuid not null default ucrm.uuid7(),
    bucket text not null,
    name text not null check (name <> '' and length(name) <= 200),
    content_type text not null,
    size integer not null,
    sha256 text not null,
    content bytea not null,
    created_by uuid,
    created_at timestamptz not null default clock_timestamp(),
    primary key (tenant_id, id)
);
comment on table ucrm.files is 'Uploaded files. size in bytes; sha256: SHA-256, hexadecimal; content: the bytes, which only the API gives out.';
alter table ucrm.files alter column content set storage external;

grant select on ucrm.file_buckets to ucrm_app, ucrm_reader, ucrm_platform;

create function ucrm.image_type(content bytea)
returns text
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
    select case
        when substr(content, 1, 8) = '\x89504e470d0a1a0a' then 'image/png'
        when substr(content, 1, 3) = '\xffd8ff' then 'image/jpeg'
        when substr(content, 1, 6) in ('GIF87a'::bytea, 'GIF89a'::bytea) then 'image/gif'
        when substr(content, 1, 4) = 'RIFF'::bytea and substr(content, 9, 4) = 'WEBP'::bytea then 'image/webp'
        when substr(content, 1, 5) = '%PDF-'::bytea then 'application/pdf'
    end;
$$;
comment on function ucrm.image_type(bytea) is 'What the first bytes say a file is: PNG, JPEG, GIF, WebP or PDF; null for everything else.';

-- A key with scopes has what they say and no more; the role alone does not speak for it.
create function ucrm.acts_unscoped()
returns boolean
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    return not exists (
        select from ucrm.api_keys as k
        where k.tenant_id = ucrm.tenant_id() and k.id = ucrm.api_key_id() and (k.scopes is not null or k.user_id is null)
    ) and ucrm.user_id() is not null;
end
$$;
comment on function ucrm.acts_unscoped() is 'Whether a person acts with all that his role grants.';

create function ucrm.may_upload(bucket ucrm.file_buckets)
returns boolean
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    role constant text := case ucrm.member_role() when 'owner' then 'admin' when 'agent' then 'member' else ucrm.member_role() end;
    builtin constant boolean := exists (select from ucrm.builtin_roles as b where b.name = ucrm.member_role());
begin
    return case
        when builtin and ucrm.acts_unscoped() then role = any (bucket.roles)
        when builtin then role = any (bucket.roles) and ucrm.has_permission('files', 'create')
        -- A role of the tenant's own, or a service.
        else ucrm.has_permission('files', 'create')
    end;
end
$$;
comment on function ucrm.may_upload(ucrm.file_buckets) is
'Whether the context may upload here: a built-in role that the bucket names; a role of the tenant''s own that grants files:create; a key with scopes only if they hold files:create too.';

create function ucrm.file_json(f ucrm.files)
returns jsonb
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
    select jsonb_build_object('id', f.id, 'bucket', f.bucket, 'name', f.name, 'content_type', f.content_type, 'size', f.size,
        'sha256', f.sha256, 'created_by', f.created_by, 'created_at', f.created_at);
$$;
comment on function ucrm.file_json(ucrm.files) is 'What a reply, the audit and an event say of a file: all but its bytes.';

create function ucrm.demand_file(action text)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    code text;
begin
    if ucrm.tenant_id() is null then
        perform ucrm.refuse('no_context');
    end if;
    code := ucrm.gate('files', action);
    if code is not null then
        perform ucrm.refuse(code);
    end if;
end
$$;
comment on function ucrm.demand_file(text) is 'ucrm.demand() without the permission, which buckets grant too.';

create function ucrm.upload_route(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    asked constant jsonb := coalesce(ucrm.query_values(r.query), '{}');
    declared constant text := lower(btrim(split_part(r.headers ->> 'content-type', ';', 1)));
    content constant bytea := coalesce(r.body, '');
    shown constant text := ucrm.image_type(content);
    bucket ucrm.file_buckets;
    f ucrm.files;
begin
    perform ucrm.demand_file('create');
    select b.* into bucket from ucrm.file_buckets as b where b.name = r.id;
    if not found then
        return ucrm.problem('not_found', r.request_id);
    elsif not ucrm.may_upload(bucket) then
        perform ucrm.refuse('permission_denied', format('%s may not upload to %s', coalesce(ucrm.member_role(), 'this key'), bucket.name));
    elsif not coalesce(declared = any (bucket.content_types), false) then
        return ucrm.problem('unsupported_media_type', r.request_id, format('%s takes %s', bucket.name, array_to_string(bucket.content_types, ', ')));
    elsif length(content) > bucket.max_bytes then
        return ucrm.problem('body_too_large', r.request_id, format('%s takes files of at most %s bytes', bucket.name, bucket.max_bytes));
    elsif length(content) = 0 then
        return ucrm.wrong_field(r, 'body', 'required', 'must be the file''s bytes');
    elsif (declared in ('image/png', 'image/jpeg', 'image/gif', 'image/webp', 'application/pdf') or shown is not null) and shown is distinct from declared then
        return ucrm.wrong_field(r, 'content-type', 'invalid_value', 'is not what the bytes are');
    end if;
    f.name := coalesce(nullif(asked ->> 'name', ''), bucket.name || '.' || regexp_replace(declared, '^.*/', ''));
    if length(f.name) > 200 or f.name ~ '[[:cntrl:]/\\]' then
        return ucrm.wrong_field(r, 'name', 'invalid_value', 'must be a file''s name of at most 200 characters, without / and \');
    end if;
    f := row(ucrm.tenant_id(), ucrm.uuid7(), bucket.name, f.name, declared, length(content), encode(sha256(content), 'hex'), content, ucrm.user_id(), clock_timestamp());
    insert into ucrm.files select f.*;
    perform ucrm.record_event(f.tenant_id, 'created', 'files', f.id::text, null, ucrm.file_json(f));
    return ucrm.json_response(201, jsonb_build_object('data', ucrm.file_json(f)), jsonb_build_object('location', '/api/v1/files/' || f.id));
end
$$;
comment on function ucrm.upload_route(ucrm.request) is
'POST /api/v1/files/{bucket}?name=, the bytes as body with their content-type: 201 {data: {id, bucket, name, content_type, size, sha256, created_by, created_at}} with Location. Refusals: not_found, permission_denied, unsupported_media_type, body_too_large, validation_failed (a type that the bytes belie).';

create function ucrm.files_route(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    return ucrm.list_kernel(r, ucrm.kernel_shape('ucrm.files', 'id', 'name'));
end
$$;
comment on function ucrm.files_route(ucrm.request) is 'GET /api/v1/files: 200 {data, meta}, metadata only. Refusals: invalid_filter.';

create function ucrm.file_metadata_route(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    return ucrm.get_kernel(r, ucrm.kernel_shape('ucrm.files', 'id', 'name'));
end
$$;
comment on function ucrm.file_metadata_route(ucrm.request) is 'GET /api/v1/files/{id}/metadata: 200 {data}. Refusals: not_found.';

create function ucrm.download_route(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    f ucrm.files;
    etag text;
    headers jsonb;
begin
    perform ucrm.demand_file('read');
    if not ucrm.has_permission('files', 'read') and not ucrm.acts_unscoped() then
        perform ucrm.refuse('permission_denied', 'this key''s scopes do not hold files:read');
    end if;
    select x.* into f from ucrm.files as x where x.tenant_id = ucrm.tenant_id() and x.id = ucrm.uuid_of(r.id);
    if not found then
        return ucrm.problem('not_found', r.request_id);
    end if;
    etag := format('"%s"', left(f.sha256, 32));
    headers := jsonb_build_object(
        'etag', etag,
        'cache-control', 'private, no-cache',
        'content-type', f.content_type,
        -- Whatever it is, a browser neither runs it nor takes it for part of the application.
        'content-security-policy', 'default-src ''none''; sandbox',
        'cross-origin-resource-policy', 'same-site',
        'content-disposition', format('%s; filename*=UTF-8''''%s',
            case when f.content_type in ('image/png', 'image/jpeg', 'image/gif', 'image/webp') then 'inline' else 'attachment' end,
            -- RFC 8187
            (select string_agg(case when b between 48 and 57 or b between 65 and 90 or b between 97 and 122 or b in (45, 46, 95) then chr(b) else '%' || upper(lpad(to_hex(b), 2, '0')) end, '' order by n)
             from generate_series(0, length(convert_to(f.name, 'UTF8')) - 1) as n, get_byte(convert_to(f.name, 'UTF8'), n) as b)));
    if ucrm.etag_matches(replace(coalesce(r.headers ->> 'if-none-match', ''), 'W/', ''), etag) then
        return row(304, headers - 'content-type', null)::ucrm.response;
    end if;
    return row(200, headers, f.content)::ucrm.response;
end
$$;
comment on function ucrm.download_route(ucrm.request) is
'GET /api/v1/files/{id}: the bytes, with ETag; 304 for a matching If-None-Match. Every member of the workspace may: avatars and logos are for all to see; a key with scopes needs files:read. Refusals: not_found, permission_denied.';

create function ucrm.delete_file_route(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    f ucrm.files;
begin
    perform ucrm.demand_file('delete');
    select x.tenant_id, x.id, x.bucket, x.name, x.content_type, x.size, x.sha256, null, x.created_by, x.created_at into f
    from ucrm.files as x
    where x.tenant_id = ucrm.tenant_id() and x.id = ucrm.uuid_of(r.id)
    for update;
    if not found then
        return ucrm.problem('not_found', r.request_id);
    elsif not ucrm.has_permission('files', 'delete') and not (f.created_by is not distinct from ucrm.user_id() and ucrm.acts_unscoped()) then
        perform ucrm.refuse('permission_denied', 'this file is not yours to delete');
    end if;
    delete from ucrm.files as x where x.tenant_id = f.tenant_id and x.id = f.id;
    perform ucrm.record_event(f.tenant_id, 'deleted', 'files', f.id::text, ucrm.file_json(f), null);
    return row(204, null, null)::ucrm.response;
end
$$;
comment on function ucrm.delete_file_route(ucrm.request) is 'DELETE /api/v1/files/{id}: 204, for files:delete, and for one''s own upload. Refusals: not_found, permission_denied.';

insert into ucrm.routes (method, template, function, audience, resource, action, builtin) values
('POST', '/api/v1/files/{id}', 'ucrm.upload_route', 'tenant', 'files', null, true),
('GET', '/api/v1/files', 'ucrm.files_route', 'tenant', 'files', 'read', true),
('GET', '/api/v1/files/{id}', 'ucrm.download_route', 'tenant', 'files', null, true),
('GET', '/api/v1/files/{id}/metadata', 'ucrm.file_metadata_route', 'tenant', 'files', 'read', true),
('DELETE', '/api/v1/files/{id}', 'ucrm.delete_file_route', 'tenant', 'files', null, true);

grant execute on function
    ucrm.upload_route(ucrm.request), ucrm.files_route(ucrm.request), ucrm.file_metadata_route(ucrm.request), ucrm.download_route(ucrm.request), ucrm.delete_file_route(ucrm.request)
to ucrm_handler, ucrm_owner;
