-- The workspace's life: approved, suspended, paid, deleted. State changes are a platform admin's.
create function ucrm.change_tenant_status(tenant uuid, status text, note text default null)
returns ucrm.tenants
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    before ucrm.tenants;
    after ucrm.tenants;
    days constant jsonb := ucrm.setting('trial_days');
begin
    select t.* into before from ucrm.tenants as t where t.id = tenant for update;
    if not found then
        perform ucrm.refuse('not_found');
    end if;
    if ucrm.user_id() is not null
        and exists (select from ucrm.tenant_memberships as m where m.tenant_id = tenant and m.user_id = ucrm.user_id())
    then
        perform ucrm.refuse('permission_denied', 'nobody decides about a workspace of his own');
    end if;
    if (before.status, change_tenant_status.status) not in (
        ('pending_approval', 'approved'), ('pending_approval', 'rejected'), ('approved', 'suspended'), ('suspended', 'approved'), ('rejected', 'approved')
    ) then
        perform ucrm.refuse('invalid_transition', format('%s → %s', before.status, change_tenant_status.status));
    end if;
    update ucrm.tenants as t
    set status = change_tenant_status.status,
        status_note = coalesce(note, t.status_note),
        -- The trial starts at the first approval.
        trial_ends_at = case
            when change_tenant_status.status = 'approved' and t.trial_ends_at is null and before.status <> 'suspended' and jsonb_typeof(days) = 'number'
            then clock_timestamp() + make_interval(days => (days #>> '{}')::integer)
            else t.trial_ends_at
        end
    where t.id = tenant
    returning t.* into after;
    perform ucrm.record_event(tenant, 'updated', 'tenant', tenant::text,
        jsonb_build_object('status', before.status, 'trial_ends_at', before.trial_ends_at),
        jsonb_build_object('status', after.status, 'trial_ends_at', after.trial_ends_at));
    insert into ucrm.platform_audit_logs (action, tenant_id, user_id, request_id, detail)
    values ('tenant.' || after.status, tenant, ucrm.user_id(), ucrm.request_id(),
            jsonb_build_object('from', before.status, 'to', after.status, 'note', note));
    perform ucrm.queue_mail('workspace_' || after.status, u.email, u.id, tenant, jsonb_build_object('tenant', after.name, 'trial_ends_at', after.trial_ends_at))
    from ucrm.tenant_memberships as m
    join ucrm.users as u on u.id = m.user_id
    where m.tenant_id = tenant and m.role = 'owner' and m.disabled_at is null;
    return after;
end
$$;
comment on function ucrm.change_tenant_status(uuid, text, text) is
'pending_approval → approved | rejected, approved ↔ suspended, rejected → approved. The note is private to the platform; the owners are told by mail, without it. The trial starts at the first approval. Refusals: not_found, invalid_transition, permission_denied (one''s own workspace).';

create function ucrm.tenant_json(t ucrm.tenants)
returns jsonb
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select jsonb_build_object('id', t.id, 'slug', t.slug, 'name', t.name, 'plan', t.plan, 'status', t.status, 'trial_ends_at', t.trial_ends_at,
        'subscribed_until', t.subscribed_until, 'external_id', t.external_id, 'settings', t.settings, 'created_at', t.created_at, 'updated_at', t.updated_at);
$$;
comment on function ucrm.tenant_json(ucrm.tenants) is 'A tenant as the API shows it: without the private note.';

create function ucrm.billing_state(t ucrm.tenants, out state text, out days_left integer)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select case
            when t.status = 'pending_approval' then 'pending_approval'
            when t.status in ('suspended', 'rejected') then 'suspended'
            when t.subscribed_until > clock_timestamp() or t.trial_ends_at is null then 'active'
            when t.trial_ends_at > clock_timestamp() then 'trial'
            else 'trial_expired'
        end,
        case
            when t.status = 'approved' and t.subscribed_until > clock_timestamp() then ceil(extract(epoch from t.subscribed_until - clock_timestamp()) / 86400)::integer
            when t.status = 'approved' and t.trial_ends_at is not null then greatest(0, ceil(extract(epoch from t.trial_ends_at - clock_timestamp()) / 86400)::integer)
        end;
$$;
comment on function ucrm.billing_state(ucrm.tenants) is 'pending_approval | trial | trial_expired | active | suspended, and the days left of the trial or subscription.';

create function ucrm.delete_tenant()
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform ucrm.demand('tenant', 'delete');
    perform ucrm.demand_fresh();
    delete from ucrm.tenants as t where t.id = ucrm.tenant_id();
end
$$;
comment on function ucrm.delete_tenant() is 'The owner deletes the entered tenant, with every row of it. Refusals: no_context, permission_denied, member gates.';

-- Bodies of the routes below: one JSON object, its fields checked by name.
create function ucrm.body_of(r ucrm.request, fields text[], required text[], others text[] default '{}', out body jsonb, out refusal ucrm.response)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    fault constant text := ucrm.json_fault(r.body);
    wrong jsonb;
begin
    refusal := ucrm.refused_body(r);
    if refusal.status is not null then
        return;
    end if;
    if fault is not null then
        refusal := ucrm.problem('invalid_json', r.request_id, fault);
        return;
    end if;
    body := convert_from(r.body, 'UTF8')::jsonb;
    select jsonb_agg(jsonb_build_object('field', k, 'code', 'unknown_field', 'message', format('is none of %s', array_to_string(fields || others, ', ')))) into wrong
    from jsonb_object_keys(body) as k where k <> all (fields || others);
    if wrong is not null then
        refusal := ucrm.problem('unknown_field', r.request_id, null, jsonb_build_object('errors', wrong));
        return;
    end if;
    select jsonb_agg(jsonb_build_object('field', f, 'code', case when body -> f is null or body -> f = 'null' then 'required' else 'invalid_type' end, 'message', 'must be a non-empty string')) into wrong
    from unnest(fields) as f
    where case when f = any (required)
        then coalesce(jsonb_typeof(body -> f), '') <> 'string' or btrim(body ->> f) = ''
        else jsonb_typeof(body -> f) not in ('string', 'null')
    end;
    if wrong is not null then
        refusal := ucrm.problem('validation_failed', r.request_id, null, jsonb_build_object('errors', wrong));
    end if;
end
$$;
comment on function ucrm.body_of(ucrm.request, text[], text[], text[]) is 'The request''s JSON object of string fields (others: of any type, for the caller to judge), or the refusal: unsupported_media_type, invalid_json, unknown_field, validation_failed.';

create function ucrm.json_fault(body bytea, "any" boolean default false)
returns text
language c
immutable
as 'MODULE_PATHNAME', 'ucrm_json_fault';
comment on function ucrm.json_fault(bytea, boolean) is 'What is wrong with a body that should be one JSON object, or any JSON: bad UTF-8, duplicate keys, \u0000, depth, monstrous numbers; null when nothing is.';

-- Code of tables' owners runs as the owner of handle, who may execute the routes below: each asks by itself who acts.
create function ucrm.demand_platform(internal boolean default false)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    if ucrm.actor_kind() = 'platform' or (internal and ucrm.actor_kind() = 'internal') then
        return;
    end if;
    perform ucrm.refuse('permission_denied', 'this is for platform admins');
end
$$;
comment on function ucrm.demand_platform(boolean) is 'Raises PT403 permission_denied unless a platform admin acts, or (internal) whoever shows the internal secret.';

create function ucrm.approval_route(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    b record;
    tenant uuid;
begin
    perform ucrm.demand_platform();
    select * into b from ucrm.body_of(r, array['status', 'note'], array['status']);
    if (b.refusal).status is not null then
        return b.refusal;
    end if;
    if b.body ->> 'status' not in ('approved', 'rejected', 'suspended') then
        return ucrm.problem('validation_failed', r.request_id, null,
            '{"errors": [{"field": "status", "code": "invalid_value", "message": "approved, rejected or suspended"}]}');
    end if;
    tenant := ucrm.find_tenant(r.id);
    if tenant is null then
        return ucrm.problem('not_found', r.request_id);
    end if;
    return ucrm.json_response(200, jsonb_build_object('data', ucrm.tenant_json(ucrm.change_tenant_status(tenant, b.body ->> 'status', b.body ->> 'note'))));
end
$$;
comment on function ucrm.approval_route(ucrm.request) is 'PATCH /api/v1/admin/workspaces/{id}/approval {status, note}: 200 {data}. Refusals: not_found, invalid_transition, permission_denied, validation_failed.';

create function ucrm.billing_state_route(r ucrm.request)
returns ucrm.response
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select ucrm.json_response(200, jsonb_build_object('data', jsonb_build_object(
        'state', s.state, 'days_left', s.days_left, 'plan', t.plan, 'trial_ends_at', t.trial_ends_at, 'subscribed_until', t.subscribed_until)))
    from ucrm.tenants as t, ucrm.billing_state(t) as s
    where t.id = ucrm.tenant_id();
$$;
comment on function ucrm.billing_state_route(ucrm.request) is 'GET /api/v1/billing/state: 200 {data: {state, days_left, plan, trial_ends_at, subscribed_until}}.';

create function ucrm.delete_tenant_route(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform ucrm.delete_tenant();
    return row(204, null, null)::ucrm.response;
end
$$;
comment on function ucrm.delete_tenant_route(ucrm.request) is 'DELETE /api/v1/tenant: 204, the whole workspace is gone. Refusals: permission_denied.';

grant execute on function ucrm.delete_tenant() to ucrm_app;
grant execute on function ucrm.change_tenant_status(uuid, text, text) to ucrm_platform;
grant execute on function
    ucrm.approval_route(ucrm.request),
    ucrm.billing_state_route(ucrm.request), ucrm.delete_tenant_route(ucrm.request), ucrm.json_fault(bytea, boolean)
to ucrm_handler, ucrm_owner;
