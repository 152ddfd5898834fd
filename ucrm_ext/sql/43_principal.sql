-- A principal: everything a request needs to know about whoever makes it, in one value. It is made of five tables,
-- remembered in shared memory, and forgotten when one of them changes (see bump in 10_schema.sql and 48_memo.sql).
create type ucrm.principal as (
    kind text,
    tenant_id uuid,
    user_id uuid,
    role text,
    api_key_id uuid,
    api_key_prefix text,
    scopes text,
    permissions text,
    member boolean,
    disabled boolean,
    email_verified boolean,
    status text,
    trial_ends_at timestamptz,
    subscribed_until timestamptz,
    expires_at timestamptz,
    read_only boolean,
    platform_admin boolean,
    key_hits integer,
    key_seconds integer,
    user_hits integer,
    user_seconds integer,
    tenant_hits integer,
    tenant_seconds integer,
    session_id uuid,
    fresh_until timestamptz,
    mfa boolean,
    impersonator_id uuid
);
comment on type ucrm.principal is
'Whoever acts. kind: key, service, member, login, platform, internal. session_id, fresh_until: of a person who signed in; fresh_until without a session: at another issuer, -infinity where that does not say when. mfa: whether the workspace''s wish for a second factor is met. impersonator_id: the platform admin behind a member. permissions: what the role grants ∩ scopes, empty where the workspace is closed to it.';

create function ucrm.intersect_permissions(granted text, scopes text)
returns text
language c
immutable
parallel safe
as 'MODULE_PATHNAME', 'ucrm_intersect_permissions';
comment on function ucrm.intersect_permissions(text, text) is 'What both permission texts grant, patterns understood; scopes null = no restriction.';

create function ucrm.permissions_cover(holder text, wanted text)
returns boolean
language c
immutable
parallel safe
as 'MODULE_PATHNAME', 'ucrm_permissions_cover';
comment on function ucrm.permissions_cover(text, text) is 'Whether everything wanted is held: the grant ceiling. Null counts as nothing.';

create function ucrm.canonical_permissions(permissions text)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    item text;
    parts text[];
    made text[] := '{}';
begin
    if permissions is null then
        return null;
    end if;
    foreach item in array string_to_array(replace(permissions, ' ', ''), ',') loop
        continue when item = '';
        parts := string_to_array(item, ':');
        if cardinality(parts) not in (2, 3)
            or parts[1] !~ '^(\*|[a-z][a-z0-9_]*)$'
            or parts[2] !~ '^(\*|[a-z][a-z0-9_]*)$'
            or coalesce(parts[3], 'own') <> 'own'
        then
            perform ucrm.refuse('validation_failed', format('"%s" is not a permission: write resource:action or resource:action:own', item));
        end if;
        parts[1] := ucrm.canonical_resource(parts[1]);
        if parts[1] not in ('*', 'entity')
            and not exists (select from ucrm.resources as r where r.name = parts[1])
        then
            perform ucrm.refuse('validation_failed', format('"%s" is no resource', parts[1]));
        end if;
        if parts[2] <> '*' and parts[1] not in ('*', 'entity')
            and not exists (select from ucrm.resource_actions as a where a.resource = parts[1] and a.action = parts[2])
        then
            perform ucrm.refuse('validation_failed', format('"%s" has no action "%s"', parts[1], parts[2]));
        end if;
        made := made || array_to_string(parts, ':');
    end loop;
    return ucrm.intersect_permissions('*:*', array_to_string(made, ','));
end
$$;
comment on function ucrm.canonical_permissions(text) is
'Permission text checked against the registry and put into its one spelling. Refusal: validation_failed, naming the item.';

-- What remains of the permissions in a workspace that is closed: what nobody could otherwise pay, leave or ask with.
create function ucrm.open_permissions(permissions text, status text, shut boolean)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return (
        select case
            when shut then ''
            when status in ('rejected', 'suspended') then ucrm.intersect_permissions(permissions, 'billing:*,tenant:delete')
            else coalesce(permissions, '')
        end
    );
end
$$;
comment on function ucrm.open_permissions(text, text, boolean) is
'Permissions after the workspace''s state: none for a disabled member or no member, only the ungated ones in a rejected or suspended workspace.';

create function ucrm.principal_of(
    kind text,
    tenant uuid,
    "user" uuid,
    role text default null,
    scopes text default null
)
returns ucrm.principal
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    return (
        select row(
            principal_of.kind,
            t.id,
            "user",
            who.role,
            null,
            null,
            principal_of.scopes,
            ucrm.open_permissions(who.permissions, t.status, who.disabled or not who.member),
            who.member,
            who.disabled,
            who.email_verified,
            t.status,
            t.trial_ends_at,
            t.subscribed_until,
            null,
            false,
            false,
            per_key.hits,
            per_key.seconds,
            per_user.hits,
            per_user.seconds,
            per_tenant.hits,
            per_tenant.seconds,
            null,
            null,
            true,
            null
        )::ucrm.principal
        from ucrm.tenants as t
        left join ucrm.users as u on u.id = "user"
        left join ucrm.tenant_memberships as m on m.tenant_id = t.id and m.user_id = "user"
        cross join lateral (
            select
                case when "user" is null then coalesce(principal_of.role, 'service') else m.role end as role,
                case
                    when "user" is not null then ucrm.intersect_permissions(ucrm.role_grants(t.id, m.role), principal_of.scopes)
                    when principal_of.role is not null then ucrm.role_grants(t.id, principal_of.role)
                    else coalesce(principal_of.scopes, 'entity:*')
                end as permissions,
                "user" is null or m.user_id is not null as member,
                m.disabled_at is not null as disabled,
                "user" is null or u.email_verified_at is not null as email_verified
        ) as who
        cross join lateral ucrm.rate_limit('api_key', t.plan) as per_key
        cross join lateral ucrm.rate_limit('user', t.plan) as per_user
        cross join lateral ucrm.rate_limit('tenant', t.plan) as per_tenant
        where t.id = tenant
    );
end
$$;
comment on function ucrm.principal_of(text, uuid, uuid, text, text) is
'The principal for a tenant and a member; without a user the service member, or with a role a login bound to that role. Null when there is no such tenant.';

create function ucrm.principal_of_key(k ucrm.api_keys)
returns ucrm.principal
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    return (
        select row(
            p.kind, p.tenant_id, p.user_id, p.role,
            k.id,
            k.prefix,
            scope.scopes,
            case when k.read_only then ucrm.intersect_permissions(p.permissions, scope.scopes) else p.permissions end,
            p.member, p.disabled, p.email_verified, p.status, p.trial_ends_at, p.subscribed_until,
            k.expires_at,
            k.read_only,
            p.platform_admin, p.key_hits, p.key_seconds, p.user_hits, p.user_seconds, p.tenant_hits, p.tenant_seconds,
            null, null, p.mfa, null
        )::ucrm.principal
        from ucrm.principal_of(case when k.user_id is null then 'service' else 'key' end, k.tenant_id, k.user_id, null, k.scopes) as p
        cross join lateral (
            select case when k.read_only then ucrm.intersect_permissions(coalesce(k.scopes, '*:*'), '*:read,*:autocomplete,*:export') else k.scopes end as scopes
        ) as scope
    );
end
$$;
comment on function ucrm.principal_of_key(ucrm.api_keys) is 'The principal of an API key: its owner, within its scopes; a read-only key holds only what reads.';

create function ucrm.authenticate(kind text, credential bytea, named text default null)
returns ucrm.principal
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    k ucrm.api_keys;
    a ucrm.platform_keys;
    stored constant bytea := ucrm.stored_digest(credential);
begin
    if kind = 'session' then
        return ucrm.principal_of_session((select s.id from ucrm.sessions as s where s.digest = stored), named);
    elsif kind = 'jwt' then
        return ucrm.authenticate_jwt(credential, named);
    end if;
    if kind = 'internal' then
        if exists (select from ucrm.internal_secrets as s where s.digest = stored) then
            return jsonb_populate_record(null::ucrm.principal, '{"kind": "internal", "platform_admin": false}');
        end if;
        return null;
    end if;
    if kind is distinct from 'key' or length(credential) is distinct from 32 then
        return null;
    end if;

    select x.* into k from ucrm.api_keys as x where x.digest = stored and x.revoked_at is null;
    if found then
        return ucrm.principal_of_key(k);
    end if;

    select x.* into a
    from ucrm.platform_keys as x
    join ucrm.platform_admins as y on y.user_id = x.user_id
    where x.digest = stored and x.revoked_at is null;
    if found then
        return jsonb_populate_record(null::ucrm.principal, jsonb_build_object(
            'kind', 'platform', 'user_id', a.user_id, 'api_key_id', a.id, 'api_key_prefix', a.prefix,
            'expires_at', a.expires_at, 'platform_admin', true));
    end if;
    return null;
end
$$;
comment on function ucrm.authenticate(text, bytea, text) is
'The principal a credential stands for; null when it is unknown, revoked or malformed, all alike. named: the workspace (id or slug) that a session or token is to act in. expires_at is the caller''s to compare with the clock.';

grant execute on function ucrm.authenticate(text, bytea, text) to ucrm_handler;
grant execute on function ucrm.intersect_permissions(text, text), ucrm.permissions_cover(text, text) to ucrm_owner, ucrm_handler;
