-- How a workspace begins: founded by a person, or provisioned by the platform.
create function ucrm.found_tenant(slug text, name text, plan text, approve boolean, out made ucrm.tenants, out webhook_secret text)
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    t ucrm.tenants;
    auto constant boolean := coalesce(approve, ucrm.setting('approval') = '"auto"');
    days constant jsonb := ucrm.setting('trial_days');
    wanted text := coalesce(slug, nullif(btrim(left(regexp_replace(lower(found_tenant.name), '[^a-z0-9]+', '-', 'g'), 40), '-'), ''), 'workspace');
begin
    loop
        insert into ucrm.tenants as x (slug, name, plan, status, trial_ends_at)
        values (
            wanted, found_tenant.name, coalesce(found_tenant.plan, 'free'),
            case when auto then 'approved' else 'pending_approval' end,
            case when auto and jsonb_typeof(days) = 'number' then clock_timestamp() + make_interval(days => (days #>> '{}')::integer) end
        )
        on conflict on constraint tenants_slug_key do nothing
        returning x.* into t;
        exit when found;
        if slug is not null then
            perform ucrm.refuse('slug_taken');
        end if;
        wanted := left(wanted, 40) || '-' || substr(encode(ucrm.random_bytes(4), 'hex'), 1, 6);
    end loop;
    if ucrm.key_fault() is null then
        webhook_secret := ucrm.make_webhook_secret(t.id);
    end if;
    perform ucrm.record_event(t.id, 'created', 'tenant', t.id::text, null,
        jsonb_build_object('id', t.id, 'slug', t.slug, 'name', t.name, 'plan', t.plan, 'status', t.status));
    made := t;
end
$$;
comment on function ucrm.found_tenant(text, text, text, boolean) is
'A new workspace without members: its row, its webhook secret (where there is a key file to seal it with), its event. slug null: made of the name, with an end of its own where that is taken. approve: null = the installation''s setting. Refusals: slug_taken.';

create function ucrm.create_workspace(name text, slug text default null, code text default null)
returns ucrm.tenants
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    beta constant text := ucrm.setting('beta_code') #>> '{}';
    me ucrm.users;
    t ucrm.tenants;
begin
    -- The row's lock makes two requests at once wait for each other.
    select u.* into me from ucrm.users as u where u.id = ucrm.user_id() for no key update;
    if not found then
        perform ucrm.refuse('permission_denied', 'only a person creates a workspace');
    elsif me.email_verified_at is null then
        perform ucrm.refuse('email_unverified');
    elsif beta is not null then
        if code is distinct from beta then
            perform ucrm.refuse('invite_code_required');
        elsif exists (select from ucrm.tenant_memberships as m where m.user_id = me.id and m.role = 'owner') then
            perform ucrm.refuse('workspace_limit');
        end if;
    end if;
    select (f.made).* into t from ucrm.found_tenant(slug, create_workspace.name, null, null) as f;
    insert into ucrm.tenant_memberships (tenant_id, user_id, role) values (t.id, me.id, 'owner');
    insert into ucrm.platform_audit_logs (action, tenant_id, user_id, request_id, detail)
    values ('tenant.created', t.id, me.id, ucrm.request_id(), jsonb_build_object('slug', t.slug));
    return t;
end
$$;
comment on function ucrm.create_workspace(text, text, text) is
'The signed-in person founds a workspace and owns it; it waits for approval unless that is automatic. code: the beta code, where one is set; then one workspace a person. Refusals: email_unverified, invite_code_required, workspace_limit, slug_taken, permission_denied.';

create function ucrm.create_workspace_route(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    b record;
    t ucrm.tenants;
    wrong jsonb;
begin
    perform ucrm.demand_person();
    select * into b from ucrm.body_of(r, array['name', 'slug', 'code'], array['name']);
    if (b.refusal).status is not null then
        return b.refusal;
    end if;
    wrong := ucrm.tenant_faults(b.body ->> 'name', b.body ->> 'slug', null);
    if wrong is not null then
        return ucrm.problem('validation_failed', r.request_id, null, jsonb_build_object('errors', wrong));
    end if;
    t := ucrm.create_workspace(b.body ->> 'name', b.body ->> 'slug', b.body ->> 'code');
    update ucrm.sessions as s set active_tenant_id = t.id where s.id = ucrm.session_id();
    return ucrm.json_response(201, jsonb_build_object('data', ucrm.tenant_json(t)),
        ucrm.session_cookie(ucrm.session_id()) || jsonb_build_object('location', '/api/v1/tenant'));
end
$$;
comment on function ucrm.create_workspace_route(ucrm.request) is
'POST /api/v1/workspaces {name, slug?, code?}: 201 {data}; the session goes on in it. Refusals: validation_failed, email_unverified, invite_code_required, workspace_limit, slug_taken.';

create function ucrm.my_workspaces_route(r ucrm.request)
returns ucrm.response
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform ucrm.demand_person();
    return ucrm.json_response(200, jsonb_build_object('data', ucrm.tenants_of(ucrm.user_id())));
end
$$;
comment on function ucrm.my_workspaces_route(ucrm.request) is 'GET /api/v1/workspaces: 200 {data: [{id, slug, name, status, role, disabled}]}, one''s own.';

create function ucrm.provision_tenant(
    slug text,
    name text,
    admin_email text,
    plan text default 'free',
    approve boolean default null
)
returns jsonb
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    t ucrm.tenants;
    u ucrm.users;
    k record;
    is_new boolean;
    f record;
begin
    select * into f from ucrm.found_tenant(slug, name, plan, approve);
    t := f.made;
    insert into ucrm.users as x (email) values (admin_email)
    on conflict ((lower(email))) do nothing
    returning x.* into u;
    is_new := found;
    if not is_new then
        select x.* into u from ucrm.users as x where lower(x.email) = lower(admin_email);
        if u.email_verified_at is null then
            -- Whoever registered it has not shown that the address is his.
            perform ucrm.clear_account(u.id);
        end if;
    end if;
    insert into ucrm.tenant_memberships (tenant_id, user_id, role) values (t.id, u.id, 'owner');
    select * into k from ucrm.issue_api_key(t.id, u.id, 'First key');
    insert into ucrm.platform_audit_logs (action, tenant_id, user_id, request_id, detail)
    values ('tenant.provisioned', t.id, ucrm.user_id(), ucrm.request_id(), jsonb_build_object('slug', t.slug, 'admin_email', admin_email));
    return jsonb_build_object(
        'tenant', ucrm.tenant_json(t),
        'admin', jsonb_build_object('id', u.id, 'email', u.email, 'created', is_new),
        'api_key', jsonb_build_object('id', k.id, 'prefix', k.prefix, 'secret', k.secret),
        'webhook_secret', f.webhook_secret
    );
end
$$;
comment on function ucrm.provision_tenant(text, text, text, text, boolean) is
'In one transaction: tenant, admin user (made if new), owner membership, webhook secret (where there is a key file to seal it with) and first API key, both shown once. approve: null = the installation''s setting. Refusals: slug_taken. 23514 for a slug, name or address that is none.';

create function ucrm.provision_route(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    b record;
    email text;
    made jsonb;
    wrong jsonb;
begin
    perform ucrm.demand_platform(internal => true);
    select * into b from ucrm.body_of(r, array['name', 'slug', 'admin_email', 'adminEmail', 'plan'], array['name', 'slug']);
    if (b.refusal).status is not null then
        return b.refusal;
    end if;
    email := coalesce(b.body ->> 'admin_email', b.body ->> 'adminEmail');
    wrong := coalesce(ucrm.tenant_faults(b.body ->> 'name', b.body ->> 'slug', null), '[]');
    if b.body ->> 'plan' !~ '^[a-z][a-z0-9_]{0,30}$' then
        wrong := wrong || jsonb_build_object('field', 'plan', 'code', 'invalid_format', 'message', 'lower-case letters, digits and _');
    end if;
    if not coalesce(ucrm.is_email(email), false) then
        wrong := wrong || jsonb_build_object('field', 'admin_email', 'code', case when email is null then 'required' else 'invalid_format' end, 'message', 'must be an e-mail address');
    end if;
    if wrong <> '[]' then
        return ucrm.problem('validation_failed', r.request_id, null, jsonb_build_object('errors', wrong));
    end if;
    made := ucrm.provision_tenant(b.body ->> 'slug', b.body ->> 'name', email, b.body ->> 'plan');
    if (select u.email_verified_at is null from ucrm.users as u where u.id = (made #>> '{admin,id}')::uuid) then
        -- No password until its owner sets one.
        perform ucrm.mail_token((made #>> '{admin,id}')::uuid, 'reset_password', made #>> '{admin,email}', interval '7 days', jsonb_build_object('tenant', made #>> '{tenant,name}'));
    end if;
    return ucrm.json_response(201, jsonb_build_object('data', made),
        jsonb_build_object('location', '/api/v1/admin/workspaces/' || (made #>> '{tenant,id}')));
end
$$;
comment on function ucrm.provision_route(ucrm.request) is 'POST /api/v1/internal/tenants {name, slug, admin_email, plan}: 201 {data: {tenant, admin, api_key, webhook_secret}}; an admin who has not verified his address is mailed a link to set a password. Refusals: slug_taken, validation_failed, unknown_field.';

insert into ucrm.routes (method, template, function, audience, resource, action, builtin) values
('GET', '/api/v1/workspaces', 'ucrm.my_workspaces_route', 'user', 'session', null, true),
('POST', '/api/v1/workspaces', 'ucrm.create_workspace_route', 'user', 'session', null, true),
('POST', '/api/v1/internal/tenants', 'ucrm.provision_route', 'internal', null, null, true);

grant execute on function ucrm.create_workspace(text, text, text) to ucrm_app;
grant execute on function ucrm.provision_tenant(text, text, text, text, boolean) to ucrm_platform;
grant execute on function
    ucrm.my_workspaces_route(ucrm.request), ucrm.create_workspace_route(ucrm.request), ucrm.provision_route(ucrm.request)
to ucrm_handler;
