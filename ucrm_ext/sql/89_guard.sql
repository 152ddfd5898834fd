-- What a front end asks about itself: who am I, what may I, what stands in the way; and the audit log.
create function ucrm.permission_map()
returns jsonb
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select coalesce(jsonb_object_agg(g.resource, g.actions), '{}')
    from (
        select a.resource, jsonb_object_agg(a.action, ucrm.permission_scope(a.resource, a.action)) as actions
        from ucrm.resource_actions as a
        where ucrm.permission_scope(a.resource, a.action) is not null
        group by a.resource
    ) as g;
$$;
comment on function ucrm.permission_map() is '{resource: {action: "all" | "own"}} of the current context.';

create function ucrm.permissions_route(r ucrm.request)
returns ucrm.response
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select ucrm.json_response(200, jsonb_build_object('data', jsonb_agg(jsonb_build_object(
        'resource', x.name, 'label', x.label, 'kind', x.kind,
        'actions', (select jsonb_agg(a.action order by a.action) from ucrm.resource_actions as a where a.resource = x.name)
    ) order by x.name)))
    from ucrm.resources as x;
$$;
comment on function ucrm.permissions_route(ucrm.request) is 'GET /api/v1/permissions: the registry, {data: [{resource, label, kind, actions}]}.';

create function ucrm.session_route(r ucrm.request)
returns ucrm.response
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    t ucrm.tenants;
    u ucrm.users;
    s ucrm.sessions;
    billing record;
    notices jsonb := '[]';
begin
    select x.* into t from ucrm.tenants as x where x.id = ucrm.tenant_id();
    select x.* into u from ucrm.users as x where x.id = ucrm.user_id();
    select x.* into s from ucrm.sessions as x where x.id = ucrm.session_id();
    select * into billing from ucrm.billing_state(t);
    if billing.state in ('trial', 'trial_expired') then
        notices := jsonb_build_array(jsonb_build_object('code', case billing.state when 'trial' then 'trial_ends' else 'trial_expired' end, 'days_left', billing.days_left));
    end if;
    return ucrm.json_response(200, jsonb_build_object('data', jsonb_build_object(
        'user', case when u.id is not null then ucrm.user_json(u) end,
        'session', case when s.id is not null then jsonb_build_object('id', s.id, 'expires_at', least(s.expires_at, s.ends_at), 'fresh_until', s.fresh_until, 'second_factor', s.factor_shown_at is not null, 'impersonator_id', ucrm.impersonator_id()) end,
        'tenant', case when t.id is not null then ucrm.tenant_json(t) end,
        'tenants', case when u.id is not null then ucrm.tenants_of(u.id) else '[]' end,
        'member', case when t.id is not null then jsonb_build_object('kind', ucrm.actor_kind(), 'role', ucrm.member_role(), 'api_key_prefix', ucrm.api_key_prefix()) end,
        'role', ucrm.member_role(),
        'permissions', ucrm.permission_map(),
        'notices', notices,
        'next', case
            when u.id is null and t.id is null then '/auth/sign-in'
            when u.id is not null and u.email_verified_at is null then '/auth/verify-email'
            when t.id is null then '/auth/organization'
            when ucrm.permission_map() = '{}' and t.status not in ('rejected', 'suspended') then '/auth/no-permissions'
            when s.id is not null and u.name = '' then '/auth/profile-onboard'
            when t.status <> 'approved' then '/pending-approval'
            when billing.state = 'trial_expired' then '/billing'
        end
    )));
end
$$;
comment on function ucrm.session_route(ucrm.request) is 'GET /api/v1/session: {data: {user, session, tenant, tenants, member, role, permissions, notices, next}} for a front end''s guards; without a credential all is null or empty, and next is /auth/sign-in.';

create function ucrm.audit_logs_route(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    s constant ucrm.statement := ucrm.compile_list(ucrm.audit_shape(), r.query);
begin
    if s.refusal is not null then
        return ucrm.refused(s, r.request_id);
    end if;
    return ucrm.list_answer(s, null, r.request_id);
end
$$;
comment on function ucrm.audit_logs_route(ucrm.request) is 'GET /api/v1/audit_logs: the list dialect over ucrm.audit_logs, newest first. Refusals: invalid_filter.';

create function ucrm.audit_shape()
returns text
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select concat_ws(E'\t', 'ucrm', 'audit_logs', 'id', '', '', '', 'id')
        || string_agg(E'\n' || concat_ws(E'\t', a.attname, format_type(a.atttypid, null), case a.attname when 'tenant_id' then '' else 'r' end), '' order by a.attnum)
    from pg_catalog.pg_attribute as a
    where a.attrelid = 'ucrm.audit_logs'::regclass and a.attnum > 0 and not a.attisdropped and a.attname not in ('salt', 'images');
$$;
comment on function ucrm.audit_shape() is 'The audit log as the compiler of lists wants it.';

grant execute on function
    ucrm.permissions_route(ucrm.request), ucrm.session_route(ucrm.request), ucrm.audit_logs_route(ucrm.request), ucrm.audit_shape()
to ucrm_handler;
grant execute on function ucrm.permission_map() to ucrm_app, ucrm_reader, ucrm_handler;
