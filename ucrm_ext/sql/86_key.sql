-- API keys over HTTP: listed by prefix, made, rotated, revoked. A secret is in one reply and nowhere else. The functions
-- of 40_credential decide who may hold what; a change of keys needs a fresh session.
create function ucrm.keys_route(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    shape constant text := ucrm.kernel_shape('ucrm.api_keys', 'id', 'name,prefix', 'revoked_at');
begin
    return case when r.id is null then ucrm.list_kernel(r, shape) else ucrm.get_kernel(r, shape) end;
end
$$;
comment on function ucrm.keys_route(ucrm.request) is
'GET /api/v1/api_keys and /{id}: {id, user_id, name, prefix, scopes, read_only, expires_at, revoked_at, last_used_at, created_at, created_by}. Revoked keys stay out of the list unless archived=any or only. Refusals: invalid_filter, not_found.';

create function ucrm.key_reply(id uuid, secret text)
returns ucrm.response
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    item constant text := ucrm.run_row(
        'select k.id, k.user_id, k.name, k.prefix, k.scopes, k.read_only, k.expires_at, k.created_at, k.created_by, $3::text as secret
         from ucrm.api_keys as k where k.tenant_id = $1::uuid and k.id = $2::uuid', array[ucrm.tenant_id()::text, key_reply.id::text, secret]);
begin
    return row(201, jsonb_build_object('location', '/api/v1/api_keys/' || id, 'cache-control', 'no-store'), ucrm.data_body(item))::ucrm.response;
end
$$;
comment on function ucrm.key_reply(uuid, text) is '201 {data} with Location: a new key with its secret, this once; no cache may keep it.';

-- A key that ends makes none that outlives it.
create function ucrm.own_key_end()
returns timestamptz
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    return (select k.expires_at from ucrm.api_keys as k where k.tenant_id = ucrm.tenant_id() and k.id = ucrm.api_key_id());
end
$$;
comment on function ucrm.own_key_end() is 'When the key that acts ends; null: never, or no key acts.';

create function ucrm.create_key_route(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    b record;
    wanted record;
    flag text;
    service boolean;
    read_only boolean;
    ends timestamptz;
    made record;
begin
    perform ucrm.demand('api_keys', 'create');
    select * into b from ucrm.body_of(r, array['name', 'expires_at'], array['name'], others => array['scopes', 'service', 'read_only']);
    if (b.refusal).status is not null then
        return b.refusal;
    end if;
    foreach flag in array array['service', 'read_only'] loop
        if jsonb_typeof(b.body -> flag) not in ('boolean', 'null') then
            return ucrm.wrong_field(r, flag, 'invalid_type', 'must be true or false');
        end if;
    end loop;
    service := coalesce((b.body ->> 'service')::boolean, false);
    read_only := coalesce((b.body ->> 'read_only')::boolean, false);
    if length(b.body ->> 'name') > 200 then
        return ucrm.wrong_field(r, 'name', 'too_long', 'at most 200 characters');
    end if;
    select * into wanted from ucrm.permission_text(b.body -> 'scopes');
    if wanted.fault is not null then
        return ucrm.wrong_field(r, 'scopes', 'invalid_value', wanted.fault);
    end if;
    if b.body ->> 'expires_at' !~ '^[0-9]{4}-[01][0-9]-[0-3][0-9]([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,6})?)?(Z|[+-][0-9]{2}:?[0-9]{2})?)?$' then
        return ucrm.wrong_field(r, 'expires_at', 'invalid_format', 'must be a date and time, 2026-01-31T12:00:00Z');
    end if;
    ends := (b.body ->> 'expires_at')::timestamptz;
    if ends <= clock_timestamp() then
        return ucrm.wrong_field(r, 'expires_at', 'in_the_past', 'must lie in the future');
    end if;
    if ucrm.user_id() is null and not service then
        return ucrm.wrong_field(r, 'service', 'required', 'only a person owns a key: ask for a service key');
    end if;
    perform ucrm.demand_fresh();
    select k.id, k.secret into made
    from ucrm.create_api_key(b.body ->> 'name', wanted.permissions, service, least(ends, ucrm.own_key_end()), read_only) as k;
    return ucrm.key_reply(made.id, made.secret);
end
$$;
comment on function ucrm.create_key_route(ucrm.request) is
'POST /api/v1/api_keys {name, scopes, service, read_only, expires_at}: 201 {data: {…, secret}}, the secret this once. scopes: ["contacts:read", …] or one text, null = all of the owner''s. A key made by a key ends no later than it. Refusals: validation_failed, grant_ceiling, step_up_required.';

create function ucrm.rotate_key_route(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    made record;
    own_end constant timestamptz := ucrm.own_key_end();
begin
    perform ucrm.demand('api_keys', 'update');
    perform ucrm.demand_fresh();
    if own_end is not null and exists (
        select from ucrm.api_keys as k
        where k.tenant_id = ucrm.tenant_id() and k.id = ucrm.uuid_of(r.id) and coalesce(k.expires_at > own_end, true)
    ) then
        perform ucrm.refuse('grant_ceiling', 'that key outlives the one you show');
    end if;
    select k.new_id, k.secret into made from ucrm.rotate_api_key(ucrm.uuid_of(r.id)) as k;
    return ucrm.key_reply(made.new_id, made.secret);
end
$$;
comment on function ucrm.rotate_key_route(ucrm.request) is
'POST /api/v1/api_keys/{id}/rotate: 201 {data: {…, secret}}, a new key in place of one''s own or a service key, which ends at once. Refusals: not_found, grant_ceiling, permission_denied (somebody else''s), step_up_required.';

create function ucrm.revoke_key_route(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform ucrm.demand('api_keys', 'delete');
    perform ucrm.demand_fresh();
    perform ucrm.revoke_api_key(ucrm.uuid_of(r.id));
    return row(204, null, null)::ucrm.response;
end
$$;
comment on function ucrm.revoke_key_route(ucrm.request) is 'DELETE /api/v1/api_keys/{id}: 204, again 404. The key ends at once. Refusals: not_found, step_up_required.';

insert into ucrm.routes (method, template, function, audience, resource, action, builtin) values
('GET', '/api/v1/api_keys', 'ucrm.keys_route', 'tenant', 'api_keys', 'read', true),
('GET', '/api/v1/api_keys/{id}', 'ucrm.keys_route', 'tenant', 'api_keys', 'read', true),
('POST', '/api/v1/api_keys', 'ucrm.create_key_route', 'tenant', 'api_keys', 'create', true),
('POST', '/api/v1/api_keys/{id}/rotate', 'ucrm.rotate_key_route', 'tenant', 'api_keys', 'update', true),
('DELETE', '/api/v1/api_keys/{id}', 'ucrm.revoke_key_route', 'tenant', 'api_keys', 'delete', true);

grant execute on function
    ucrm.keys_route(ucrm.request), ucrm.create_key_route(ucrm.request), ucrm.rotate_key_route(ucrm.request), ucrm.revoke_key_route(ucrm.request)
to ucrm_handler;
