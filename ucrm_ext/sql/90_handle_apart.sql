-- Requests to routes that are not a workspace's. ucrm.attend() leaves them to these.
create function ucrm.handle_apart(kind text, credential bytea, r ucrm.request)
returns ucrm.response
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    p ucrm.principal := ucrm.authenticate(kind, credential, r.headers ->> 'x-tenant-id');
    d constant ucrm.dispatch := ucrm.find_dispatch(r.method, r.path);
    admin constant boolean := coalesce(p.platform_admin, false);
    code text;
    answer ucrm.response;
begin
    if p.kind is null then
        return ucrm.unauthenticated(kind, r);
    end if;
    case d.audience
        when 'public' then
            if not ucrm.try_address(r.address) then
                return ucrm.refused_address(r);
            end if;
            perform ucrm.latch(case p.kind when 'member' then jsonb_populate_record(p, '{"kind": "person"}') else p end, r.request_id, r.address);
            answer := ucrm.call(d.fn, r);
            if answer.status < 400 then
                perform ucrm.refund_address(r.address);
            end if;
            return ucrm.routed(answer, d.headers);
        when 'anybody' then
            -- With a workspace its gates are asked, as on any other path.
            if (p.tenant_id is null and p.kind not in ('member', 'platform'))
                or (p.kind <> 'platform' and kind not in ('session', 'jwt')
                    and not ucrm.names_tenant(p.tenant_id, coalesce(r.headers ->> 'x-tenant-id', p.tenant_id::text)))
            then
                return ucrm.problem('not_a_member', r.request_id, null, null, d.headers);
            end if;
        when 'user' then
            if p.kind <> 'member' then
                return ucrm.problem('permission_denied', r.request_id, 'this is for people who signed in', null, d.headers);
            end if;
            p := jsonb_populate_record(p, '{"kind": "person"}');
            if d.writes and p.session_id is not null and not p.read_only then
                perform ucrm.hold_session(p.session_id);
            end if;
        else
            if d.audience = 'internal' and not admin and not ucrm.has_internal_secret() then
                return ucrm.problem('not_found', r.request_id);
            elsif not (admin or (d.audience = 'internal' and p.kind = 'internal')) then
                return ucrm.problem('permission_denied', r.request_id, 'this route is for platform admins', null, d.headers);
            elsif admin then
                p := jsonb_populate_record(p, '{"kind": "platform", "tenant_id": null, "role": null, "permissions": null}');
            end if;
    end case;
    perform ucrm.latch(p, r.request_id, r.address);
    if d.audience in ('platform', 'internal') and (d.writes or r.path like '%/export') then
        -- A key says what it is for; a cookie may lie open.
        perform ucrm.demand_fresh();
    end if;
    if d.audience = 'anybody' and p.tenant_id is not null then
        code := ucrm.gate(d.resource, d.deed);
        if code is not null then
            return ucrm.denied(code, d, r.request_id);
        end if;
    end if;
    -- The platform's own reads leave their trace.
    if p.read_only or (not d.writes and d.audience in ('anybody', 'user')) then
        perform ucrm.read_only();
    end if;
    return ucrm.routed(
        ucrm.call(d.fn, row(
            r.method, r.path, r.query, r.headers, r.body,
            case when d.id_at is not null then (ucrm.path_segments(r.path))[d.id_at] end,
            d.resource, d.action, null, null, r.request_id, r.address, d.headers, d.fn, null, null, null)::ucrm.request),
        d.headers);
end
$$;
comment on function ucrm.handle_apart(text, bytea, ucrm.request) is
'A request to a route that is not a workspace''s: public, anybody, user, platform, internal.';

create function ucrm.is_public_path(path text, methods text)
returns boolean
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return (
        select exists (
            select from string_to_table(methods, ', ') as m where (ucrm.look_up_dispatch(m, path)).audience in ('public', 'anybody')
        )
    );
end
$$;
comment on function ucrm.is_public_path(text, text) is 'Whether one of these methods, ''GET, POST'', is for everybody on this path: what else there is of it is no secret.';

create function ucrm.handle_public(r ucrm.request, kind text)
returns ucrm.response
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    d constant ucrm.dispatch := ucrm.find_dispatch(r.method, r.path);
    answer ucrm.response;
    -- A cookie that is good for nothing any more goes.
    gone constant jsonb := case when kind = 'session' then ucrm.cookie_header(null, null) end;
begin
    if d.route is null and ucrm.is_public_path(r.path, d.allow) then
        return ucrm.routed(ucrm.refused_path(d, jsonb_populate_record(null::ucrm.principal, '{"kind": "public"}'), r.method, r.path, r.address, r.request_id), gone);
    elsif coalesce(d.audience, '') not in ('public', 'anybody') then
        return ucrm.routed(ucrm.refused_credential(r.request_id), gone);
    end if;
    perform ucrm.latch(jsonb_populate_record(null::ucrm.principal, '{"kind": "public"}'), r.request_id, r.address);
    answer := ucrm.call(d.fn, r);
    if answer.status < 400 then
        perform ucrm.refund_address(r.address);
    end if;
    return ucrm.routed(answer, d.headers || coalesce(gone, '{}'));
end
$$;
comment on function ucrm.handle_public(ucrm.request, text) is 'A request without a credential that counts: to a public route, else 401, or 405 where the path is public and the method is not. What is refused has counted against the address.';

create function ucrm.has_internal_secret()
returns boolean
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    return (select exists (select from ucrm.internal_secrets));
end
$$;
comment on function ucrm.has_internal_secret() is 'Whether an internal secret is set: without one the internal routes do not exist.';

grant execute on function
    ucrm.handle_apart(text, bytea, ucrm.request), ucrm.has_internal_secret(), ucrm.is_public_path(text, text),
    ucrm.look_up_dispatch(text, text), ucrm.handle_public(ucrm.request, text)
to ucrm_handler;
