-- One request, one statement, one transaction. This is the story the whole house tells: ucrm.attend(). ucrm.handle()
-- tells the beginning of it by itself, and the whole of it for the reads that are asked most; 99_close makes it run as
-- ucrm_handler.
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
language c
volatile
as 'MODULE_PATHNAME', 'ucrm_handle';
comment on function ucrm.handle(text, text, text, jsonb, bytea, text, text, bytea, inet, uuid) is
'One HTTP request. method, raw path, raw query string; headers: lower-case names; kind: none, key, internal, session, jwt; hint: the tenant a credential names, for routing only; credential: its SHA-256 (a jwt: the token); address: the client''s. Refusals that must leave a trace are returned, others raised: see ucrm.refused(). It takes what ucrm.advance() takes of the way; if that is all of it, it answers GET /{resource} (while the total is remembered) and GET /{resource}/{id} (of a row that is there, without If-None-Match) as ucrm.list_rows() and ucrm.get_row() would, and leaves everything else to ucrm.attend().';

create function ucrm.attend(
    method text,
    path text,
    query text,
    headers jsonb,
    body bytea,
    kind text,
    credential bytea,
    address inet,
    request_id uuid,
    r ucrm.request
)
returns ucrm.response
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    p ucrm.principal;
    d ucrm.dispatch;
    code text;
    -- What a session that slides has to say to whoever shows it, whatever the answer is.
    slid jsonb;
    exporting boolean := false;
begin
    -- As far as what is remembered goes, one leaf takes the request:
    --   admit         an address that failed too often to authenticate waits
    --   authenticate  credential → user, tenant, member, key
    --   limit         key, user and tenant windows
    --   route         path → function, resource, action
    --   enter         app.tenant_id and the permission set, LOCAL, latched
    --   gate          e-mail → member → not disabled → approved → trial
    --   permit        key scope, then role permission on (resource, action)
    --   trace         of an export
    --   read-only     from here if a read
    -- Where it stops it names the step, and SQL takes that one.
    while r.step is not null loop
        if r.step = 'principal' then
            p := ucrm.memorize_principal(kind, credential, headers ->> 'x-tenant-id', address);
            if p.kind is null then
                return ucrm.unauthenticated(kind, r);
            elsif p.kind = 'limited' then
                return ucrm.refused_address(r);
            end if;
        elsif r.step = 'credential' then
            return ucrm.unauthenticated(kind, r);
        elsif r.step = 'touch' then
            slid := ucrm.touch_credential(r.detail, kind);
        elsif r.step = 'route' then
            d := ucrm.find_dispatch(method, path);
            if d.allow is not null then
                return ucrm.routed(ucrm.refused_path(d, ucrm.authenticate(kind, credential, headers ->> 'x-tenant-id'), method, path, address, request_id), slid);
            end if;
            if d.route is null then
                return ucrm.routed(ucrm.problem('not_found', request_id), slid);
            end if;
        elsif r.step = 'apart' then
            return ucrm.routed(ucrm.handle_apart(kind, credential, r), slid);
        elsif r.step = 'tenant' then
            if not ucrm.names_tenant(r.detail::uuid, headers ->> 'x-tenant-id') then
                return ucrm.routed(ucrm.problem('not_a_member', request_id), slid);
            end if;
        elsif r.step = 'gate' then
            d := ucrm.find_dispatch(method, path);
            code := ucrm.gate(d.resource, d.deed);
            if code is not null then
                return ucrm.routed(ucrm.denied(code, d, request_id), slid);
            end if;
        elsif r.step = 'export' then
            exporting := true;
        else
            return ucrm.routed(ucrm.refused_step(r), slid);
        end if;
        r := ucrm.advance(method, path, query, headers, body, kind, credential, address, request_id, headers ->> 'x-tenant-id', p, d, r.stage);
    end loop;

    -- dispatch: the route's function, once for an Idempotency-Key; the table asks again
    if exporting then
        return ucrm.routed(ucrm.routed(ucrm.call_export(r), r.reply_headers), slid);
    end if;
    if method <> 'GET' and headers ? 'idempotency-key' then
        return ucrm.routed(ucrm.routed(ucrm.call_once(r), r.reply_headers), slid);
    end if;
    return ucrm.routed(ucrm.routed(ucrm.call(r.fn, r), r.reply_headers), slid);
end
$$;
comment on function ucrm.attend(text, text, text, jsonb, bytea, text, bytea, inet, uuid, ucrm.request) is
'The rest of a request''s way, and its answer. r: how far ucrm.handle() has come, see ucrm.advance(); no step of those is taken again.';

create function ucrm.advance(
    method text,
    path text,
    query text,
    headers jsonb,
    body bytea,
    kind text,
    credential bytea,
    address inet,
    request_id uuid,
    named_tenant text,
    p ucrm.principal,
    d ucrm.dispatch,
    stage integer
)
returns ucrm.request
language c
volatile
as 'MODULE_PATHNAME', 'ucrm_advance';
comment on function ucrm.advance(text, text, text, jsonb, bytea, text, bytea, inet, uuid, text, ucrm.principal, ucrm.dispatch, integer) is
'Takes a request through admit, authenticate, limit, route, enter, gate, permit and read-only, as far as what is remembered goes. step null: all the way. Else step says what SQL has to do before it calls again with the answer (p, d) and the stage, or what refuses; detail: about what.';

create function ucrm.routed(answer ucrm.response, reply_headers jsonb)
returns ucrm.response
language c
stable
as 'MODULE_PATHNAME', 'ucrm_routed';
comment on function ucrm.routed(ucrm.response, jsonb) is 'The answer, its headers put over these.';

create function ucrm.names_tenant(tenant uuid, name text)
returns boolean
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    return (select exists (select from ucrm.tenants as t where t.id = tenant and (t.slug = names_tenant.name or t.id::text = lower(names_tenant.name))));
end
$$;
comment on function ucrm.names_tenant(uuid, text) is 'Whether this slug or id names this tenant.';

create function ucrm.try_address(address inet)
returns boolean
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    return (
        select ucrm.reserve_address(try_address.address, l.hits, l.seconds) is null
        from ucrm.rate_limit('address', null) as l
    );
end
$$;
comment on function ucrm.try_address(inet) is 'Counts a try against the address: false when it has to wait. ucrm.refund_address() gives the hit of a try that was good back.';

create function ucrm.memorize_principal(kind text, credential bytea, named text, address inet)
returns ucrm.principal
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    generation constant bigint := ucrm.generation();
    p ucrm.principal;
begin
    -- Reserve first, so that many tries at once are not all let through; a good credential gets its hit back.
    if not ucrm.try_address(address) then
        return jsonb_populate_record(null::ucrm.principal, '{"kind": "limited"}');
    end if;
    p := ucrm.authenticate(kind, credential, named);
    if p.kind is not null and coalesce(p.expires_at > clock_timestamp(), true) then
        perform ucrm.refund_address(address);
        perform ucrm.remember_principal(kind, credential, named, generation, p);
    end if;
    return p;
end
$$;
comment on function ucrm.memorize_principal(text, bytea, text, inet) is 'Looks a credential up and remembers what it stands for; a failure counts against the address. kind limited: the address has to wait.';

create function ucrm.refused_address(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    return (
        select ucrm.rate_limited('address', l.hits, l.seconds, coalesce(r.detail::bigint, ucrm.address_wait(r.address), 1), r.request_id)
        from ucrm.rate_limit('address', null) as l
    );
end
$$;
comment on function ucrm.refused_address(ucrm.request) is '429 for an address with too many failures.';

create function ucrm.refused_credential(request_id uuid)
returns ucrm.response
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return ucrm.problem('unauthenticated', request_id);
end
$$;
comment on function ucrm.refused_credential(uuid) is '401, the same for unknown, revoked, expired and malformed credentials.';

create function ucrm.unauthenticated(kind text, r ucrm.request)
returns ucrm.response
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    if kind in ('none', 'session') then
        return ucrm.handle_public(r, kind);
    elsif kind = 'internal' and not ucrm.has_internal_secret() then
        return ucrm.problem('not_found', r.request_id);
    end if;
    return ucrm.refused_credential(r.request_id);
end
$$;
comment on function ucrm.unauthenticated(text, ucrm.request) is 'A public route for whoever shows no credential, or the cookie of a session that is over; 404 for an internal secret where none is set; else 401.';

create function ucrm.refused_step(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    d ucrm.dispatch;
begin
    case r.step
        when 'address' then
            return ucrm.refused_address(r);
        when 'window' then
            return ucrm.rate_limited(split_part(r.detail, ' ', 1), split_part(r.detail, ' ', 2)::integer, split_part(r.detail, ' ', 3)::integer,
                                     split_part(r.detail, ' ', 4)::bigint, r.request_id);
        when 'stranger' then
            return ucrm.problem('not_a_member', r.request_id);
        when 'denied' then
            d := ucrm.find_dispatch(r.method, r.path);
            return ucrm.denied(r.detail, d, r.request_id);
        else
            raise exception 'this transaction has already entered a context'
                using errcode = 'insufficient_privilege', hint = 'One request, one transaction.';
    end case;
end
$$;
comment on function ucrm.refused_step(ucrm.request) is 'The reply for a step of ucrm.advance() that refuses.';

create function ucrm.refused_path(d ucrm.dispatch, p ucrm.principal, method text, path text, address inet, request_id uuid)
returns ucrm.response
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    allow text;
begin
    perform ucrm.latch(p, request_id, address);
    allow := ucrm.allowed_methods(path, d.allow);
    if method = 'OPTIONS' then
        return row(204, jsonb_build_object('allow', concat_ws(', ', nullif(replace(allow, 'GET', 'GET, HEAD'), ''), 'OPTIONS')), null)::ucrm.response;
    end if;
    return ucrm.problem('method_not_allowed', request_id, format('%s is not allowed here', method), null, jsonb_build_object('allow', allow));
end
$$;
comment on function ucrm.refused_path(ucrm.dispatch, ucrm.principal, text, text, inet, uuid) is
'For a path without this method: 405 with Allow, 204 with Allow for OPTIONS (RFC 9110, 9.3.7). Allow names what this caller may do there, as OpenAPI does.';

create function ucrm.denied(code text, d ucrm.dispatch, request_id uuid)
returns ucrm.response
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if not exists (select from ucrm.refusals as f where f.code = denied.code) then
        raise exception 'the gate of % was taken away while it was asked', code
            using errcode = 'serialization_failure', hint = 'Try again.';
    end if;
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
comment on function ucrm.denied(text, ucrm.dispatch, uuid) is 'The reply for a gate or permission that refuses, and its audit row, which the same transaction commits. 40001 for a gate that was dropped, with its refusal, meanwhile: the gateway asks once more.';

grant execute on function ucrm.handle(text, text, text, jsonb, bytea, text, text, bytea, inet, uuid) to ucrm_gateway;
grant execute on function
    ucrm.advance(text, text, text, jsonb, bytea, text, bytea, inet, uuid, text, ucrm.principal, ucrm.dispatch, integer),
    ucrm.routed(ucrm.response, jsonb), ucrm.names_tenant(uuid, text), ucrm.try_address(inet), ucrm.memorize_principal(text, bytea, text, inet),
    ucrm.refused_address(ucrm.request), ucrm.refused_credential(uuid), ucrm.unauthenticated(text, ucrm.request), ucrm.refused_step(ucrm.request),
    ucrm.refused_path(ucrm.dispatch, ucrm.principal, text, text, inet, uuid), ucrm.denied(text, ucrm.dispatch, uuid),
    ucrm.cookie_header(text, timestamptz), ucrm.demand_fresh(), ucrm.touch_credential(text, text)
to ucrm_handler;
grant execute on function
    ucrm.address_wait(inet), ucrm.reserve_address(inet, integer, integer), ucrm.refund_address(inet)
to ucrm_owner;
