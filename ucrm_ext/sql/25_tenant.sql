-- Tenants (the API also says workspace), and the states they go through.
create table ucrm.tenants (
    id uuid primary key default ucrm.uuid7(),
    slug text not null unique check (slug ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$' and slug !~ '^[0-9a-f]{8}-[0-9a-f]{4}-'),
    name text not null check (name <> '' and length(name) <= 200),
    plan text not null default 'free' check (plan ~ '^[a-z][a-z0-9_]{0,30}$'),
    status text not null default 'pending_approval'
        check (status in ('pending_approval', 'approved', 'rejected', 'suspended')),
    status_note text,
    trial_ends_at timestamptz,
    subscribed_until timestamptz,
    external_id text,
    settings jsonb not null default '{}' check (jsonb_typeof(settings) = 'object'),
    owners_checked_at timestamptz,
    created_at timestamptz not null default clock_timestamp(),
    updated_at timestamptz not null default clock_timestamp()
);
comment on table ucrm.tenants is
'One row per tenant. status: pending_approval → approved | rejected, approved ↔ suspended, rejected → approved. status_note is the platform admins'' own. Deleting a row removes the tenant''s rows everywhere and nothing else.';

create table ucrm.platform_audit_logs (
    id uuid primary key default ucrm.uuid7(),
    at timestamptz not null default clock_timestamp(),
    db_login text not null default session_user,
    user_id uuid,
    request_id uuid,
    action text not null,
    tenant_id uuid,
    detail jsonb not null default '{}'
);
comment on table ucrm.platform_audit_logs is
'The platform''s own audit: approvals, provisioning, exports, erasures (a tombstone that outlives the tenant). Readable by ucrm_platform.';

create function ucrm.record_vanished_tenant()
returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    delete from ucrm.events where tenant_id = old.id;
    delete from ucrm.audit_logs where tenant_id = old.id;
    delete from ucrm.audit_seals where tenant_id = old.id;
    delete from ucrm.emails where tenant_id = old.id;
    insert into ucrm.platform_audit_logs (action, tenant_id, user_id, request_id, detail)
    values ('tenant.deleted', old.id, ucrm.user_id(), ucrm.request_id(),
            jsonb_build_object('slug', old.slug, 'name', old.name));
    return null;
end
$$;
comment on function ucrm.record_vanished_tenant() is
'AFTER DELETE on tenants: what has no foreign key to them (audit, seals, outbox, mails) goes too, after the cascades; one tombstone stays in the platform''s audit.';

create trigger zz_vanished
after delete on ucrm.tenants
for each row execute function ucrm.record_vanished_tenant();

create trigger touch
before update on ucrm.tenants
for each row execute function ucrm.touch();

create function ucrm.find_tenant(name text)
returns uuid
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select t.id from ucrm.tenants as t where t.slug = find_tenant.name or t.id::text = lower(find_tenant.name);
$$;
comment on function ucrm.find_tenant(text) is 'The id of the tenant with this slug or id, null when there is none. For kernel functions: it says who exists.';
