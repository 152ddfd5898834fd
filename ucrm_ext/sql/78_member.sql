-- Members and the tenant's own roles. Nobody gives, assigns or takes away what he does not hold himself.
create function ucrm.require_ceiling(wanted text)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    if not ucrm.permissions_cover(ucrm.permissions(), wanted) then
        perform ucrm.refuse('grant_ceiling');
    end if;
end
$$;
comment on function ucrm.require_ceiling(text) is 'Raises PT403 grant_ceiling unless the context holds all of this permission text.';

create function ucrm.require_role(role text)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    -- Whoever assigns roles and whoever deletes one wait for each other on the tenant's row.
    perform from ucrm.tenants as t where t.id = ucrm.tenant_id() for no key update;
    if not exists (select from ucrm.builtin_roles as b where b.name = role)
        and not exists (select from ucrm.roles as r where r.tenant_id = ucrm.tenant_id() and r.name = role)
    then
        perform ucrm.refuse('validation_failed', format('there is no role "%s"', role));
    end if;
    perform ucrm.require_ceiling(ucrm.role_grants(ucrm.tenant_id(), role));
end
$$;
comment on function ucrm.require_role(text) is 'Raises unless the role exists in the entered tenant and grants nothing beyond what the context holds.';

create function ucrm.member_for_change("user" uuid)
returns ucrm.tenant_memberships
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    m ucrm.tenant_memberships;
begin
    -- The tenant's row first, as everybody does who gives or takes roles: nobody waits in a circle.
    perform from ucrm.tenants as t where t.id = ucrm.tenant_id() for no key update;
    select x.* into m from ucrm.tenant_memberships as x where x.tenant_id = ucrm.tenant_id() and x.user_id = "user" for update;
    if not found then
        perform ucrm.refuse('not_found');
    end if;
    -- An admin does not demote an owner: whoever changes a member holds at least what the member holds.
    perform ucrm.require_ceiling(ucrm.role_grants(m.tenant_id, m.role));
    return m;
end
$$;
comment on function ucrm.member_for_change(uuid) is 'The member''s row, locked; PT404 not_found, PT403 grant_ceiling when he holds more than the context.';

create function ucrm.record_member(verb text, before ucrm.tenant_memberships, after ucrm.tenant_memberships)
returns void
language sql
volatile
set search_path = pg_catalog, pg_temp
as $$
    select ucrm.record_event(coalesce(after.tenant_id, before.tenant_id), verb, 'members', coalesce(after.user_id, before.user_id)::text,
        case when before.user_id is not null then to_jsonb(before) end,
        case when after.user_id is not null then to_jsonb(after) end);
$$;
comment on function ucrm.record_member(text, ucrm.tenant_memberships, ucrm.tenant_memberships) is 'Audit and outbox row of a membership''s change.';

create function ucrm.join_tenant(tenant uuid, "user" uuid, role text)
returns ucrm.tenant_memberships
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    m ucrm.tenant_memberships;
begin
    insert into ucrm.tenant_memberships as x (tenant_id, user_id, role)
    values (tenant, "user", join_tenant.role)
    on conflict do nothing
    returning x.* into m;
    if not found then
        return null;
    end if;
    -- Who comes back makes new keys.
    delete from ucrm.api_keys as k where k.tenant_id = tenant and k.user_id = "user";
    perform ucrm.record_member('created', null, m);
    return m;
end
$$;
comment on function ucrm.join_tenant(uuid, uuid, text) is 'Makes an account a member, and asks nobody; null when it is one already.';

create function ucrm.add_member("user" uuid, role text)
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    m ucrm.tenant_memberships;
begin
    perform ucrm.demand('members', 'create');
    perform ucrm.require_role(role);
    if not exists (select from ucrm.users as u where u.id = "user") then
        perform ucrm.refuse('not_found');
    end if;
    m := ucrm.join_tenant(ucrm.tenant_id(), "user", add_member.role);
    if m.user_id is null then
        perform ucrm.refuse('duplicate', 'already a member');
    end if;
end
$$;
comment on function ucrm.add_member(uuid, text) is 'Makes an account a member of the entered tenant without asking its owner: for superusers; a tenant invites (ucrm.invite). Refusals: no_context, gates, permission_denied, grant_ceiling, validation_failed, not_found, duplicate.';

create function ucrm.set_member_role("user" uuid, role text)
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    before ucrm.tenant_memberships;
    after ucrm.tenant_memberships;
begin
    perform ucrm.demand('members', 'update');
    perform ucrm.demand_fresh();
    perform ucrm.require_role(role);
    before := ucrm.member_for_change("user");
    update ucrm.tenant_memberships as x set role = set_member_role.role
    where x.tenant_id = before.tenant_id and x.user_id = before.user_id
    returning x.* into after;
    perform ucrm.record_member('updated', before, after);
end
$$;
comment on function ucrm.set_member_role(uuid, text) is 'Gives a member another role. Refusals: no_context, gates, permission_denied, step_up_required, grant_ceiling, validation_failed, not_found, last_owner.';

create function ucrm.set_member_disabled("user" uuid, disabled boolean)
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    before ucrm.tenant_memberships;
    after ucrm.tenant_memberships;
begin
    perform ucrm.demand('members', 'update');
    perform ucrm.demand_fresh();
    before := ucrm.member_for_change("user");
    update ucrm.tenant_memberships as x set disabled_at = case when disabled then coalesce(x.disabled_at, clock_timestamp()) end
    where x.tenant_id = before.tenant_id and x.user_id = before.user_id
    returning x.* into after;
    perform ucrm.record_member('updated', before, after);
end
$$;
comment on function ucrm.set_member_disabled(uuid, boolean) is 'Disables a member (the row is kept, all access is lost at once) or enables him. Refusals: no_context, gates, permission_denied, grant_ceiling, not_found, last_owner.';

create function ucrm.is_scoped_key()
returns boolean
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    return exists (
        select from ucrm.api_keys as k
        where k.tenant_id = ucrm.tenant_id() and k.id = ucrm.api_key_id() and (k.scopes is not null or k.read_only)
    );
end
$$;
comment on function ucrm.is_scoped_key() is 'Whether a key acts that may less than its owner.';

create function ucrm.remove_member("user" uuid)
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    before ucrm.tenant_memberships;
begin
    -- Leaving needs no permission; removing somebody else does, and a key that was made for less than leaving.
    if "user" is distinct from ucrm.user_id() or ucrm.is_scoped_key() then
        perform ucrm.demand('members', 'delete');
        perform ucrm.demand_fresh();
        before := ucrm.member_for_change("user");
    else
        perform from ucrm.tenants as t where t.id = ucrm.tenant_id() for no key update;
        select m.* into before from ucrm.tenant_memberships as m where m.tenant_id = ucrm.tenant_id() and m.user_id = "user" for update;
        if not found then
            perform ucrm.refuse('no_context');
        end if;
    end if;
    -- A key that serves a request at this moment is not waited for, because that request may wait for this one. It can do
    -- nothing without the membership, and is deleted before there is another.
    delete from ucrm.api_keys as k
    where (k.tenant_id, k.id) in (
        select y.tenant_id, y.id
        from ucrm.api_keys as y
        where y.tenant_id = before.tenant_id and y.user_id = before.user_id
        for update skip locked
    );
    delete from ucrm.tenant_memberships as x where x.tenant_id = before.tenant_id and x.user_id = before.user_id;
    perform ucrm.record_member('deleted', before, null);
end
$$;
comment on function ucrm.remove_member(uuid) is 'Removes a member and his keys in this tenant; oneself: leaves it. Refusals: no_context, gates, permission_denied, grant_ceiling, not_found, last_owner.';

create function ucrm.create_role(name text, permissions text, label text default '')
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform ucrm.demand('roles', 'create');
    perform ucrm.demand_fresh();
    if name !~ '^[a-z][a-z0-9_]{0,62}$' or exists (select from ucrm.builtin_roles as b where b.name = create_role.name) then
        perform ucrm.refuse('validation_failed', format('"%s" cannot name a role: lower-case letters, digits and _, and not a built-in one', name));
    end if;
    insert into ucrm.roles (tenant_id, name, label) values (ucrm.tenant_id(), create_role.name, create_role.label)
    on conflict do nothing;
    if not found then
        perform ucrm.refuse('duplicate', format('there is a role "%s"', name));
    end if;
    perform ucrm.write_role_grants(name, permissions);
    perform ucrm.record_event(ucrm.tenant_id(), 'created', 'roles', name, null,
        jsonb_build_object('name', name, 'label', label, 'permissions', ucrm.role_grants(ucrm.tenant_id(), name)));
end
$$;
comment on function ucrm.create_role(text, text, text) is
'A role of the tenant''s own; permissions: "contacts:read,contacts:update:own,…". Refusals: no_context, gates, permission_denied, step_up_required, grant_ceiling, validation_failed, duplicate.';

create function ucrm.set_role_permissions(name text, permissions text)
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    before constant text := ucrm.role_grants(ucrm.tenant_id(), name);
begin
    perform ucrm.demand('roles', 'update');
    perform ucrm.demand_fresh();
    perform from ucrm.roles as r where r.tenant_id = ucrm.tenant_id() and r.name = set_role_permissions.name for update;
    if not found then
        perform ucrm.refuse('not_found');
    end if;
    -- Taking away needs as much as giving.
    perform ucrm.require_ceiling(before);
    delete from ucrm.role_permissions as p where p.tenant_id = ucrm.tenant_id() and p.role = set_role_permissions.name;
    perform ucrm.write_role_grants(name, permissions);
    perform ucrm.record_event(ucrm.tenant_id(), 'updated', 'roles', name,
        jsonb_build_object('name', name, 'permissions', before),
        jsonb_build_object('name', name, 'permissions', ucrm.role_grants(ucrm.tenant_id(), name)));
end
$$;
comment on function ucrm.set_role_permissions(text, text) is 'Replaces what one of the tenant''s own roles grants. Refusals: no_context, gates, permission_denied, step_up_required, grant_ceiling, validation_failed, not_found.';

create function ucrm.set_role_label(name text, label text)
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    before text;
begin
    perform ucrm.demand('roles', 'update');
    perform ucrm.demand_fresh();
    select r.label into before from ucrm.roles as r where r.tenant_id = ucrm.tenant_id() and r.name = set_role_label.name for update;
    if not found then
        perform ucrm.refuse('not_found');
    end if;
    update ucrm.roles as r set label = set_role_label.label where r.tenant_id = ucrm.tenant_id() and r.name = set_role_label.name;
    perform ucrm.record_event(ucrm.tenant_id(), 'updated', 'roles', name,
        jsonb_build_object('name', name, 'label', before), jsonb_build_object('name', name, 'label', label));
end
$$;
comment on function ucrm.set_role_label(text, text) is 'Names one of the tenant''s own roles for people. Refusals: no_context, gates, permission_denied, step_up_required, not_found.';

create function ucrm.write_role_grants(name text, permissions text)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    wanted constant text := coalesce(ucrm.canonical_permissions(permissions), '');
begin
    perform ucrm.require_ceiling(wanted);
    insert into ucrm.role_permissions (tenant_id, role, resource, action, scope)
    select ucrm.tenant_id(), write_role_grants.name, split_part(item, ':', 1), split_part(item, ':', 2), coalesce(nullif(split_part(item, ':', 3), ''), 'all')
    from unnest(string_to_array(wanted, ',')) as item
    where item <> '';
end
$$;
comment on function ucrm.write_role_grants(text, text) is 'Writes the grants of a role, under the ceiling.';

create function ucrm.delete_role(name text)
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    before constant text := ucrm.role_grants(ucrm.tenant_id(), name);
begin
    perform ucrm.demand('roles', 'delete');
    perform ucrm.demand_fresh();
    perform ucrm.require_ceiling(before);
    delete from ucrm.roles as r where r.tenant_id = ucrm.tenant_id() and r.name = delete_role.name;
    if not found then
        perform ucrm.refuse('not_found');
    end if;
    perform ucrm.record_event(ucrm.tenant_id(), 'deleted', 'roles', name, jsonb_build_object('name', name, 'permissions', before), null);
end
$$;
comment on function ucrm.delete_role(text) is 'Deletes one of the tenant''s own roles. Refusals: no_context, gates, permission_denied, step_up_required, grant_ceiling, not_found, role_in_use.';

create function ucrm.members_of_tenant()
returns table (id uuid, name text, email text, role text, disabled boolean, created_at timestamptz)
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select u.id, u.name,
           case when ucrm.has_permission('members', 'read') or ucrm.actor_kind() = 'login' or u.id = ucrm.user_id() then u.email end,
           m.role, m.disabled_at is not null, m.created_at
    from ucrm.tenant_memberships as m
    join ucrm.users as u on u.id = m.user_id
    where m.tenant_id = ucrm.tenant_id()
      and (ucrm.has_permission('members', 'read') or ucrm.has_permission('members', 'autocomplete')
           or ucrm.actor_kind() = 'login' or u.id = ucrm.user_id());
$$;
comment on function ucrm.members_of_tenant() is 'The entered tenant''s members; addresses for those who may read members, for bound logins, and one''s own.';

create view ucrm.members
with (security_invoker = true)
as select m.id, m.name, m.email, m.role, m.disabled, m.created_at from ucrm.members_of_tenant() as m;
comment on view ucrm.members is 'Members of the entered or bound tenant: id, name, email, role, disabled, created_at (since when).';

create view ucrm.member_labels
with (security_invoker = true)
as select m.id, coalesce(nullif(m.name, ''), m.email, m.id::text) as label from ucrm.members_of_tenant() as m where not m.disabled;
comment on view ucrm.member_labels is 'What an autocomplete shows of the members who are not disabled: id and label.';

create view ucrm.tenant_roles
with (security_invoker = true)
as select b.name, b.label, string_to_array(b.permissions, ',') as permissions, true as builtin, null::timestamptz as created_at
   from ucrm.builtin_roles as b
   union all
   select r.name, r.label,
          array(
              select p.resource || ':' || p.action || case p.scope when 'own' then ':own' else '' end
              from ucrm.role_permissions as p
              where p.tenant_id = r.tenant_id and p.role = r.name
              order by p.resource, p.action
          ),
          false, r.created_at
   from ucrm.roles as r;
comment on view ucrm.tenant_roles is 'The roles that a member of the entered tenant can have: the built-in ones, and for those who read roles the tenant''s own.';

grant select on ucrm.members to ucrm_app, ucrm_reader;
grant select on ucrm.member_labels, ucrm.tenant_roles to ucrm_app;
grant execute on function ucrm.members_of_tenant() to ucrm_app, ucrm_reader;
grant execute on function
    ucrm.set_member_role(uuid, text), ucrm.set_member_disabled(uuid, boolean), ucrm.remove_member(uuid),
    ucrm.create_role(text, text, text), ucrm.set_role_permissions(text, text), ucrm.set_role_label(text, text), ucrm.delete_role(text)
to ucrm_app;
