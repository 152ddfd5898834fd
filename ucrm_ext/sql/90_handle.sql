-- One request, one statement, one transaction. This is the story the whole house tells.
create function ucrm.handle(
    method text,
    path text,
    query text,
    headers jsonb,
    body bytea,
    kind text,
    hint text,
    credential bytea,
    address inet,
    request_id uuid
)
returns ucrm.response
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    p ucrm.principal;
    d ucrm.dispatch;
    answer ucrm.response;
    wait bigint;
    blocked text;
    code text;
    done boolean;
begin
    -- admit: an address that failed too often to authenticate waits
    wait := ucrm.address_wait(address);
    if wait is not null then
        return ucrm.refused_address(address, wait, request_id);
    end if;

    -- authenticate: credential → user, tenant, member, key
    p := ucrm.recall_principal(kind, credential);
    if p.kind is null then
        p := ucrm.memorize_principal(kind, credential, address);
        if p.kind = 'limited' then
            return ucrm.refused_address(address, coalesce(ucrm.address_wait(address), 1), request_id);
        end if;
    end if;
    if p.kind is null or p.expires_at <= clock_timestamp() then
        if kind = 'none' then
            return ucrm.handle_public(row(method, path, query, headers, body, null, null, null, null, null, request_id, address)::ucrm.request);
        end if;
        if kind = 'internal' and not ucrm.has_internal_secret() then
            return ucrm.problem('not_found', request_id);
        end if;
        return ucrm.refused_credential(request_id);
    end if;

    -- limit: key, user and tenant windows
    blocked := ucrm.hit_principal(p);
    if blocked is not null then
        return ucrm.refused_window(blocked, request_id);
    end if;
    if p.tenant_id is not null and ucrm.touch_due(p.api_key_id) then
        perform ucrm.touch_key(p.tenant_id, p.api_key_id);
    end if;

    -- where it goes
    d := ucrm.recall_dispatch(method, path);
    if d.route is null then
        d := ucrm.find_dispatch(method, path);
        if d.route is null then
            return ucrm.refused_path(d, method, request_id);
        end if;
    end if;
    if d.audience <> 'tenant' then
        return ucrm.handle_platform(p, d, row(
            method, path, query, headers, body,
            case when d.id_at is not null then (ucrm.path_segments(path))[d.id_at] end,
            null, null, null, null, request_id, address)::ucrm.request);
    end if;
    if p.tenant_id is null or (headers is not null and headers ? 'x-tenant-id' and not ucrm.names_tenant(p.tenant_id, headers ->> 'x-tenant-id')) then
        return ucrm.refused_tenant(d, request_id);
    end if;

    -- enter: app.tenant_id and the permission set, LOCAL, latched
    done := ucrm.latch(p, request_id, address);

    -- gate: e-mail → member → not disabled → approved → trial, and the DBA's own
    code := ucrm.quick_gate(d.resource, d.deed);
    if code is not null then
        if code = '?' then
            code := ucrm.gate(d.resource, d.deed);
        end if;
        if code is not null then
            return ucrm.denied(code, d, request_id);
        end if;
    end if;

    -- permit: key scope, then role permission on (resource, action)
    if d.action is not null and not ucrm.has_permission(d.resource, d.action) then
        return ucrm.denied(case
            when p.scopes is not null and not ucrm.permissions_cover(p.scopes, d.resource || ':' || d.action || ':own') then 'key_scope_denied'
            else 'permission_denied'
        end, d, request_id);
    end if;

    -- read-only from here if a read
    if p.read_only or not d.writes then
        done := ucrm.read_only();
    end if;

    -- dispatch: the route's function; the table asks again
    answer := ucrm.call(d.fn, row(
        method, path, query, headers, body,
        case when d.id_at is not null then (ucrm.path_segments(path))[d.id_at] end,
        d.resource, d.action, d.shape, d.relation, request_id, address)::ucrm.request);
    return row(answer.status, coalesce(d.headers || answer.headers, d.headers), answer.body)::ucrm.response;
end
$$;
comment on function ucrm.handle(text, text, text, jsonb, bytea, text, text, bytea, inet, uuid) is
'One HTTP request. method, raw path, raw query string; headers: lower-case names; kind: none, key, internal, jwt; hint: the tenant a credential names, for routing only; credential: its SHA-256 (a jwt: the token); address: the client''s. Refusals that must leave a trace are returned, others raised: see ucrm.refused().';

create function ucrm.read_only()
returns boolean
language c
volatile
as 'MODULE_PATHNAME', 'ucrm_read_only';
comment on function ucrm.read_only() is 'The rest of this transaction writes nothing (25006).';

create function ucrm.names_tenant(tenant uuid, name text)
returns boolean
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select exists (select from ucrm.tenants as t where t.id = tenant and (t.slug = names_tenant.name or t.id::text = lower(names_tenant.name)));
$$;
comment on function ucrm.names_tenant(uuid, text) is 'Whether this slug or id names this tenant.';

create function ucrm.memorize_principal(kind text, credential bytea, address inet)
returns ucrm.principal
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    generation constant bigint := ucrm.generation();
    allowed record;
    p ucrm.principal;
begin
    -- Reserve first, so that many tries at once are not all let through; a good credential gets its hit back.
    select l.hits, l.seconds into allowed from ucrm.rate_limit('address', null) as l;
    if ucrm.reserve_address(address, allowed.hits, allowed.seconds) is not null then
        return jsonb_populate_record(null::ucrm.principal, '{"kind": "limited"}');
    end if;
    p := ucrm.authenticate(kind, credential);
    if p.kind is not null and coalesce(p.expires_at > clock_timestamp(), true) then
        perform ucrm.refund_address(address);
        perform ucrm.remember_principal(kind, credential, generation, p);
    end if;
    return p;
end
$$;
comment on function ucrm.memorize_principal(text, bytea, inet) is 'Looks a credential up and remembers what it stands for; a failure counts against the address. kind limited: the address has to wait.';

create function ucrm.refused_address(address inet, wait_ms bigint, request_id uuid)
returns ucrm.response
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select ucrm.rate_limited('address', l.hits, l.seconds, wait_ms, request_id) from ucrm.rate_limit('address', null) as l;
$$;
comment on function ucrm.refused_address(inet, bigint, uuid) is '429 for an address with too many failures.';

create function ucrm.refused_credential(request_id uuid)
returns ucrm.response
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select ucrm.problem('unauthenticated', request_id, null, null, jsonb_build_object('www-authenticate', 'ApiKey header="x-api-key"'));
$$;
comment on function ucrm.refused_credential(uuid) is '401, the same for unknown, revoked, expired and malformed credentials.';

create function ucrm.refused_window(blocked text, request_id uuid)
returns ucrm.response
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select ucrm.rate_limited(split_part(blocked, ' ', 1), split_part(blocked, ' ', 2)::integer, split_part(blocked, ' ', 3)::integer,
                             split_part(blocked, ' ', 4)::bigint, request_id);
$$;
comment on function ucrm.refused_window(text, uuid) is '429 for what ucrm.hit_principal() says.';

create function ucrm.refused_path(d ucrm.dispatch, method text, request_id uuid)
returns ucrm.response
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select case
        when d.allow is null then ucrm.problem('not_found', request_id)
        else ucrm.problem('method_not_allowed', request_id, format('%s is not allowed here', method), null, jsonb_build_object('allow', d.allow))
    end;
$$;
comment on function ucrm.refused_path(ucrm.dispatch, text, uuid) is '404 for an unknown path, 405 with Allow for a known one.';

create function ucrm.refused_tenant(d ucrm.dispatch, request_id uuid)
returns ucrm.response
language sql
stable
set search_path = pg_catalog, pg_temp
as $$ select ucrm.problem('not_a_member', request_id, null, null, d.headers) $$;
comment on function ucrm.refused_tenant(ucrm.dispatch, uuid) is '403 for naming a tenant that is not the credential''s, unknown ones alike.';

create function ucrm.denied(code text, d ucrm.dispatch, request_id uuid)
returns ucrm.response
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform ucrm.record_event(ucrm.tenant_id(), 'denied', coalesce(d.resource, d.route), null, null,
        jsonb_build_object('code', code, 'action', d.action));
    return ucrm.problem(code, request_id,
        case code
            when 'permission_denied' then format('%s may not %s %s', ucrm.member_role(), d.action, d.resource)
            when 'key_scope_denied' then format('this key''s scopes do not hold %s:%s', d.resource, d.action)
        end,
        case when code in ('permission_denied', 'key_scope_denied') then jsonb_build_object('details', jsonb_build_object('resource', d.resource, 'action', d.action)) end,
        d.headers);
end
$$;
comment on function ucrm.denied(text, ucrm.dispatch, uuid) is 'The reply for a gate or permission that refuses, and its audit row, which the same transaction commits.';

create function ucrm.handle_platform(p ucrm.principal, d ucrm.dispatch, r ucrm.request)
returns ucrm.response
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    answer ucrm.response;
begin
    if d.audience = 'internal' and not ucrm.has_internal_secret() and not coalesce(p.platform_admin, false) then
        return ucrm.problem('not_found', r.request_id);
    end if;
    if not (coalesce(p.platform_admin, false) or (d.audience = 'internal' and p.kind = 'internal')) then
        return ucrm.problem('permission_denied', r.request_id, 'this route is for platform admins', null, d.headers);
    end if;
    perform ucrm.latch(p, r.request_id, r.address);
    answer := ucrm.call(d.fn, r);
    return row(answer.status, coalesce(d.headers || answer.headers, d.headers), answer.body)::ucrm.response;
end
$$;
comment on function ucrm.handle_platform(ucrm.principal, ucrm.dispatch, ucrm.request) is 'A request to a platform or internal route: no tenant is entered.';

create function ucrm.handle_public(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    d constant ucrm.dispatch := ucrm.find_dispatch(r.method, r.path);
    answer ucrm.response;
begin
    if d.audience is distinct from 'public' then
        return ucrm.refused_credential(r.request_id);
    end if;
    answer := ucrm.call(d.fn, r);
    return row(answer.status, coalesce(d.headers || answer.headers, d.headers), answer.body)::ucrm.response;
end
$$;
comment on function ucrm.handle_public(ucrm.request) is 'A request without a credential: to a public route, else 401. It has counted against the address.';

create function ucrm.has_internal_secret()
returns boolean
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$ select exists (select from ucrm.internal_secrets) $$;
comment on function ucrm.has_internal_secret() is 'Whether an internal secret is set: without one the internal routes do not exist.';

grant execute on function ucrm.handle(text, text, text, jsonb, bytea, text, text, bytea, inet, uuid) to ucrm_gateway;
grant execute on function
    ucrm.read_only(), ucrm.names_tenant(uuid, text), ucrm.memorize_principal(text, bytea, inet),
    ucrm.refused_address(inet, bigint, uuid), ucrm.refused_credential(uuid), ucrm.refused_window(text, uuid),
    ucrm.refused_path(ucrm.dispatch, text, uuid), ucrm.refused_tenant(ucrm.dispatch, uuid), ucrm.denied(text, ucrm.dispatch, uuid),
    ucrm.handle_platform(ucrm.principal, ucrm.dispatch, ucrm.request), ucrm.has_internal_secret(), ucrm.handle_public(ucrm.request)
to ucrm_handler;
grant execute on function
    ucrm.address_wait(inet), ucrm.reserve_address(inet, integer, integer), ucrm.refund_address(inet),
    ucrm.remember_principal(text, bytea, bigint, ucrm.principal)
to ucrm_owner;
