-- Impersonation: a platform admin looks at a workspace as one of its members, for an hour, read-only, with a reason that
-- the workspace can read. The credential is a session; what makes it one of these is the row here.
create table ucrm.impersonations (
    tenant_id uuid not null references ucrm.tenants (id) on delete cascade,
    id uuid not null default ucrm.uuid7(),
    admin_id uuid not null,
    user_id uuid not null,
    session_id uuid,
    reason text not null check (length(btrim(reason)) >= 10 and length(reason) <= 500),
    created_at timestamptz not null default clock_timestamp(),
    expires_at timestamptz not null default clock_timestamp() + interval '1 hour',
    ended_at timestamptz,
    primary key (tenant_id, id)
);
create index impersonations_id on ucrm.impersonations (id);
create index impersonations_session on ucrm.impersonations (session_id);
comment on table ucrm.impersonations is
'Who of the platform acted as whom, why, and how long. Members who read the audit log read it. session_id: the session that was opened for it; it ends with this row''s expires_at or ended_at.';

create view ucrm.platform_impersonations
with (security_invoker = true)
as select i.id, i.admin_id, a.email as admin_email, i.user_id, u.email as user_email, i.tenant_id as workspace_id, t.slug as workspace_slug, i.reason,
          i.ended_at is null and i.expires_at > clock_timestamp() as live, i.created_at, i.expires_at, i.ended_at
   from ucrm.impersonations as i
   join ucrm.tenants as t on t.id = i.tenant_id
   left join ucrm.users as a on a.id = i.admin_id
   left join ucrm.users as u on u.id = i.user_id;
comment on view ucrm.platform_impersonations is 'Impersonations as platform admins see them, of all workspaces. Granted to nobody: its owner reads it for the admin routes.';

create function ucrm.impersonation_is_live(impersonation uuid)
returns boolean
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    return exists (
        select
        from ucrm.impersonations as i
        join ucrm.platform_admins as a on a.user_id = i.admin_id
        where i.id = impersonation and i.ended_at is null and i.expires_at > clock_timestamp()
          and not exists (select from ucrm.platform_admins as b where b.user_id = i.user_id)
    );
end
$$;
comment on function ucrm.impersonation_is_live(uuid) is
'Whether a session opened for it may still act: not ended, not over, its admin still one, and the account not an admin''s meanwhile.';

create function ucrm.start_impersonation("user" uuid, tenant uuid, reason text, out id uuid, out secret text)
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    i ucrm.impersonations;
    opened record;
    detail jsonb;
begin
    perform ucrm.demand_platform();
    if coalesce(length(btrim(start_impersonation.reason)), 0) < 10 or length(start_impersonation.reason) > 500 then
        perform ucrm.refuse('validation_failed', 'the reason has 10 to 500 characters');
    end if;
    if not exists (select from ucrm.tenant_memberships as m where m.tenant_id = tenant and m.user_id = "user") then
        perform ucrm.refuse('not_found');
    end if;
    if "user" = ucrm.user_id() or exists (select from ucrm.platform_admins as a where a.user_id = "user") then
        perform ucrm.refuse('permission_denied', 'nobody acts as himself or as a platform admin');
    end if;
    insert into ucrm.impersonations as x (tenant_id, admin_id, user_id, reason)
    values (tenant, ucrm.user_id(), "user", btrim(start_impersonation.reason))
    returning x.* into i;
    select s.id, s.secret into opened from ucrm.open_session("user", tenant, false, ucrm.client_address(), 'impersonation') as s;
    update ucrm.sessions as s set impersonation_id = i.id, ends_at = i.expires_at, fresh_until = null where s.id = opened.id;
    update ucrm.impersonations as x set session_id = opened.id where x.tenant_id = i.tenant_id and x.id = i.id;
    detail := jsonb_build_object('impersonation_id', i.id, 'admin_id', i.admin_id, 'user_id', i.user_id, 'reason', i.reason, 'expires_at', i.expires_at);
    perform ucrm.record_event(tenant, 'impersonation_started', 'members', "user"::text, null, detail);
    insert into ucrm.platform_audit_logs (action, tenant_id, user_id, request_id, detail)
    values ('impersonation.started', tenant, ucrm.user_id(), ucrm.request_id(), detail);
    id := i.id;
    secret := opened.secret;
end
$$;
comment on function ucrm.start_impersonation(uuid, uuid, text) is
'A session as a member of a tenant for the platform admin of this context: one hour, read-only; the secret is shown this once. Audited in the tenant and in the platform. Refusals: permission_denied (no platform admin; oneself; another platform admin), validation_failed (the reason), not_found (no member of this tenant).';

create function ucrm.end_impersonation(impersonation uuid)
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    i ucrm.impersonations;
    detail jsonb;
begin
    perform ucrm.demand_platform();
    update ucrm.impersonations as x
    set ended_at = clock_timestamp()
    where x.id = impersonation and x.ended_at is null and x.expires_at > clock_timestamp()
    returning x.* into i;
    if not found then
        perform ucrm.refuse('not_found');
    end if;
    delete from ucrm.sessions as s where s.id = i.session_id;
    detail := jsonb_build_object('impersonation_id', i.id, 'admin_id', i.admin_id, 'user_id', i.user_id);
    perform ucrm.record_event(i.tenant_id, 'impersonation_ended', 'members', i.user_id::text, null, detail);
    insert into ucrm.platform_audit_logs (action, tenant_id, user_id, request_id, detail)
    values ('impersonation.ended', i.tenant_id, ucrm.user_id(), ucrm.request_id(), detail);
end
$$;
comment on function ucrm.end_impersonation(uuid) is 'Ends it, and its session, at once; any platform admin may. Refusals: permission_denied, not_found (also when it is over).';

create function ucrm.impersonate_route(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    b record;
    tenant uuid;
    made record;
begin
    perform ucrm.demand_platform();
    select * into b from ucrm.body_of(r, array['user_id', 'tenant_id', 'reason'], array['user_id', 'tenant_id', 'reason']);
    if (b.refusal).status is not null then
        return b.refusal;
    end if;
    if length(btrim(b.body ->> 'reason')) < 10 or length(b.body ->> 'reason') > 500 then
        return ucrm.wrong_field(r, 'reason', 'invalid_value', 'must have 10 to 500 characters: the workspace reads it');
    end if;
    tenant := ucrm.find_tenant(b.body ->> 'tenant_id');
    select * into made from ucrm.start_impersonation(ucrm.uuid_of(b.body ->> 'user_id'), tenant, b.body ->> 'reason');
    return row(201,
        jsonb_build_object('location', '/api/v1/admin/impersonations/' || made.id, 'cache-control', 'no-store'),
        ucrm.data_body(ucrm.run_row('select i.*, $2::text as secret from ucrm.platform_impersonations as i where i.id = $1::uuid', array[made.id::text, made.secret])))::ucrm.response;
end
$$;
comment on function ucrm.impersonate_route(ucrm.request) is
'POST /api/v1/admin/impersonations {user_id, tenant_id, reason}: 201 {data: {id, …, expires_at, secret}}, the secret of a read-only session, this once. Refusals: validation_failed, not_found, permission_denied.';

create function ucrm.platform_impersonations_route(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    shape text;
begin
    perform ucrm.demand_platform();
    shape := ucrm.kernel_shape('ucrm.platform_impersonations', 'id', 'admin_email,user_email,workspace_slug,reason', reader => 'ucrm_owner');
    return case when r.id is null then ucrm.list_kernel(r, shape) else ucrm.get_kernel(r, shape) end;
end
$$;
comment on function ucrm.platform_impersonations_route(ucrm.request) is 'GET /api/v1/admin/impersonations and /{id}: the list dialect over all of them, newest first. Refusals: invalid_filter, not_found.';

create function ucrm.end_impersonation_route(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform ucrm.end_impersonation(ucrm.uuid_of(r.id));
    return row(204, null, null)::ucrm.response;
end
$$;
comment on function ucrm.end_impersonation_route(ucrm.request) is 'DELETE /api/v1/admin/impersonations/{id}: 204, its session ends at once; again 404. Refusals: not_found.';

create function ucrm.impersonations_route(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    return ucrm.list_kernel(r, ucrm.kernel_shape('ucrm.impersonations', 'id', 'reason'));
end
$$;
comment on function ucrm.impersonations_route(ucrm.request) is
'GET /api/v1/impersonations: who of the platform acted in this workspace, {id, admin_id, user_id, reason, created_at, expires_at, ended_at}, for whoever reads the audit log. Refusals: invalid_filter.';

insert into ucrm.routes (method, template, function, audience, resource, action, builtin) values
('POST', '/api/v1/admin/impersonations', 'ucrm.impersonate_route', 'platform', null, null, true),
('GET', '/api/v1/admin/impersonations', 'ucrm.platform_impersonations_route', 'platform', null, null, true),
('GET', '/api/v1/admin/impersonations/{id}', 'ucrm.platform_impersonations_route', 'platform', null, null, true),
('DELETE', '/api/v1/admin/impersonations/{id}', 'ucrm.end_impersonation_route', 'platform', null, null, true),
('GET', '/api/v1/impersonations', 'ucrm.impersonations_route', 'tenant', 'audit_logs', 'read', true);

grant execute on function
    ucrm.impersonate_route(ucrm.request), ucrm.platform_impersonations_route(ucrm.request), ucrm.end_impersonation_route(ucrm.request)
to ucrm_handler, ucrm_owner;
grant execute on function ucrm.impersonations_route(ucrm.request) to ucrm_handler;
