-- What platform admins look at: every workspace, with the note that its members do not see.
create view ucrm.platform_workspaces
with (security_invoker = true)
as select t.id, t.slug, t.name, t.plan, t.status, t.status_note, t.trial_ends_at, t.subscribed_until, t.external_id, t.settings,
          (select count(*) from ucrm.tenant_memberships as m where m.tenant_id = t.id) as members,
          t.created_at, t.updated_at
   from ucrm.tenants as t;
comment on view ucrm.platform_workspaces is 'Workspaces as platform admins see them: with the private note and the number of members. Granted to nobody: its owner reads it for the admin routes.';

create function ucrm.workspaces_route(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform ucrm.demand_platform();
    -- status=approved is short for status=eq.approved.
    return ucrm.list_kernel(
        row(r.method, r.path, regexp_replace(r.query, '(^|&)status=([a-z_]+)(?=&|$)', '\1status=eq.\2', 'g'), r.headers, r.body, r.id, r.resource, r.action,
            r.shape, r.relation, r.request_id, r.address, r.reply_headers, r.fn, r.step, r.stage, r.detail)::ucrm.request,
        ucrm.kernel_shape('ucrm.platform_workspaces', 'id', 'slug,name,external_id', reader => 'ucrm_owner'));
end
$$;
comment on function ucrm.workspaces_route(ucrm.request) is
'GET /api/v1/admin/workspaces: the list dialect (status=, q=, page, limit, sort …) over all workspaces, newest first, with the private note. Refusals: invalid_filter.';

create function ucrm.workspace_route(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    tenant uuid;
    item jsonb;
begin
    perform ucrm.demand_platform();
    tenant := ucrm.find_tenant(r.id);
    item := ucrm.run_row('select w.* from ucrm.platform_workspaces as w where w.id = $1::uuid', array[tenant::text]);
    if item is null then
        return ucrm.problem('not_found', r.request_id);
    end if;
    return ucrm.json_response(200, jsonb_build_object('data', item || jsonb_build_object('owners', (
        select coalesce(jsonb_agg(jsonb_build_object('id', u.id, 'name', u.name, 'email', u.email, 'email_verified', u.email_verified_at is not null,
                                                     'disabled', m.disabled_at is not null) order by m.created_at, u.id), '[]')
        from ucrm.tenant_memberships as m
        join ucrm.users as u on u.id = m.user_id
        where m.tenant_id = tenant and m.role = 'owner'))));
end
$$;
comment on function ucrm.workspace_route(ucrm.request) is 'GET /api/v1/admin/workspaces/{id or slug}: 200 {data: {…, owners: [{id, name, email, email_verified, disabled}]}}. Refusals: not_found.';

insert into ucrm.routes (method, template, function, audience, resource, action, builtin) values
('GET', '/api/v1/admin/workspaces', 'ucrm.workspaces_route', 'platform', null, null, true),
('GET', '/api/v1/admin/workspaces/{id}', 'ucrm.workspace_route', 'platform', null, null, true);

grant execute on function ucrm.workspaces_route(ucrm.request), ucrm.workspace_route(ucrm.request) to ucrm_handler, ucrm_owner;
