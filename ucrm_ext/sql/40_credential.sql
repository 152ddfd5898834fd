-- Credentials. What the gateway passes is SHA-256 of the secret, what is stored is SHA-256 of that: neither this
-- table, nor a dump of it, nor a log of the calls holds anything that could be presented.
create table ucrm.api_keys (
    tenant_id uuid not null references ucrm.tenants (id) on delete cascade,
    id uuid not null default ucrm.uuid7(),
    user_id uuid references ucrm.users (id) on delete cascade,
    name text not null default '' check (length(name) <= 200),
    prefix text not null,
    digest bytea not null check (length(digest) = 32),
    scopes text,
    read_only boolean not null default false,
    expires_at timestamptz,
    revoked_at timestamptz,
    last_used_at timestamptz,
    created_at timestamptz not null default clock_timestamp(),
    created_by uuid,
    primary key (tenant_id, id),
    unique (tenant_id, digest)
);
create index api_keys_digest on ucrm.api_keys (digest);
create index api_keys_user on ucrm.api_keys (user_id);
comment on table ucrm.api_keys is
'API keys. user_id null: a service key, bound to the tenant itself. scopes null: what its owner may; else permission text, never more than the owner''s. digest: SHA-256 of what the gateway passes, which is SHA-256 of the key.';

create table ucrm.platform_keys (
    id uuid primary key default ucrm.uuid7(),
    user_id uuid not null references ucrm.platform_admins (user_id) on delete cascade,
    name text not null default '',
    prefix text not null,
    digest bytea not null unique check (length(digest) = 32),
    expires_at timestamptz,
    revoked_at timestamptz,
    created_at timestamptz not null default clock_timestamp()
);
comment on table ucrm.platform_keys is 'Keys of platform admins, for the admin routes; bound to no tenant.';

create table ucrm.internal_secrets (
    digest bytea primary key check (length(digest) = 32),
    created_at timestamptz not null default clock_timestamp()
);
comment on table ucrm.internal_secrets is 'Digests of the internal secret, two live ones at most. None: the internal routes do not exist.';

create function ucrm.make_api_key(tenant uuid, out secret text, out prefix text, out digest bytea)
language c
volatile
strict
as 'MODULE_PATHNAME', 'ucrm_make_api_key';
comment on function ucrm.make_api_key(uuid) is
'A new key ucrm_live_<8 display>_<tenant, 26 base32>_<43 secret> (256 random bits), its display prefix, and the digest to store.';
grant execute on function ucrm.make_api_key(uuid) to ucrm_owner;

create function ucrm.stored_digest(shown bytea)
returns bytea
language plpgsql
immutable
strict
parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
    return (select sha256(shown));
end
$$;
comment on function ucrm.stored_digest(bytea) is 'What is stored for a credential whose SHA-256 is shown.';

create function ucrm.issue_api_key(
    tenant uuid,
    owner uuid,
    name text,
    scopes text default null,
    expires_at timestamptz default null,
    read_only boolean default false,
    out id uuid,
    out prefix text,
    out secret text
)
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    made record;
begin
    select * into made from ucrm.make_api_key(tenant);
    insert into ucrm.api_keys (tenant_id, user_id, name, prefix, digest, scopes, expires_at, read_only, created_by)
    values (tenant, owner, issue_api_key.name, made.prefix, made.digest, ucrm.canonical_permissions(issue_api_key.scopes),
            issue_api_key.expires_at, issue_api_key.read_only, ucrm.user_id())
    returning api_keys.id into id;
    prefix := made.prefix;
    secret := made.secret;
    perform ucrm.record_event(tenant, 'created', 'api_keys', id::text, null,
        jsonb_build_object('id', id, 'name', issue_api_key.name, 'prefix', prefix, 'user_id', owner, 'scopes', scopes, 'expires_at', expires_at, 'read_only', read_only));
end
$$;
comment on function ucrm.issue_api_key(uuid, uuid, text, text, timestamptz, boolean) is
'Makes a key without asking anybody''s permission: for provisioning and superusers. The secret is shown this once. Tenants use ucrm.create_api_key().';

create function ucrm.issue_platform_key(admin uuid, name text, out id uuid, out secret text)
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    made record;
begin
    select * into made from ucrm.make_api_key('00000000-0000-0000-0000-000000000000');
    insert into ucrm.platform_keys (user_id, name, prefix, digest)
    values (admin, issue_platform_key.name, made.prefix, made.digest)
    returning platform_keys.id into id;
    secret := made.secret;
    insert into ucrm.platform_audit_logs (action, user_id, request_id, detail)
    values ('platform_key.issued', ucrm.user_id(), ucrm.request_id(), jsonb_build_object('admin_id', admin, 'name', issue_platform_key.name, 'prefix', made.prefix));
end
$$;
comment on function ucrm.issue_platform_key(uuid, text) is 'Makes a platform admin''s key (superuser only). The secret is shown this once. 23503 when the user is no platform admin.';

create function ucrm.set_internal_secret(shown bytea)
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if length(shown) is distinct from 32 then
        raise exception 'the internal secret is given as its SHA-256 digest, 32 bytes'
            using errcode = 'invalid_parameter_value', hint = 'select ucrm.set_internal_secret(sha256(''…'')): better computed outside the server.';
    end if;
    insert into ucrm.internal_secrets (digest) values (ucrm.stored_digest(shown))
    on conflict (digest) do update set created_at = clock_timestamp();
    delete from ucrm.internal_secrets as s
    where s.digest not in (select r.digest from ucrm.internal_secrets as r order by r.created_at desc limit 2);
    insert into ucrm.platform_audit_logs (action, user_id, request_id) values ('internal_secret.set', ucrm.user_id(), ucrm.request_id());
end
$$;
comment on function ucrm.set_internal_secret(bytea) is
'Adds an internal secret by its SHA-256 digest; the newest two stay live, so that it can be rotated (superuser only).';

-- What members do with keys. All of them ask for the permission first.
create function ucrm.create_api_key(
    name text,
    scopes text default null,
    service boolean default false,
    expires_at timestamptz default null,
    read_only boolean default false,
    out id uuid,
    out prefix text,
    out secret text
)
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    wanted text := ucrm.canonical_permissions(scopes);
begin
    perform ucrm.demand('api_keys', 'create');
    if expires_at <= clock_timestamp() then
        perform ucrm.refuse('validation_failed', 'expires_at lies in the past');
    end if;
    if not service and ucrm.user_id() is null then
        perform ucrm.refuse('validation_failed', 'only a person can own a key: ask for a service key');
    end if;
    -- A user's key follows its owner's role by itself; what is promised beyond that is refused now.
    if not ucrm.permissions_cover(ucrm.permissions(), coalesce(wanted, case when service then 'entity:*' else '' end)) then
        perform ucrm.refuse('grant_ceiling');
    end if;
    -- A scoped key makes no key that could do more than itself.
    if wanted is null and not service then
        wanted := nullif(ucrm.permissions(), ucrm.role_grants(ucrm.tenant_id(), ucrm.member_role()));
    end if;
    select k.id, k.prefix, k.secret into id, prefix, secret
    from ucrm.issue_api_key(ucrm.tenant_id(), case when service then null else ucrm.user_id() end,
                            create_api_key.name, wanted, create_api_key.expires_at, create_api_key.read_only) as k;
end
$$;
comment on function ucrm.create_api_key(text, text, boolean, timestamptz, boolean) is
'A key of the entered member, or of the tenant itself (service). scopes: permission text, null = all of the owner''s. The secret is shown this once. Refusals: no_context, permission_denied, grant_ceiling, validation_failed, the gates'' codes.';

create function ucrm.revoke_api_key(id uuid)
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    old_key ucrm.api_keys;
begin
    perform ucrm.demand('api_keys', 'delete');
    update ucrm.api_keys as k set revoked_at = clock_timestamp()
    where k.tenant_id = ucrm.tenant_id() and k.id = revoke_api_key.id and k.revoked_at is null
    returning k.* into old_key;
    if not found then
        perform ucrm.refuse('not_found');
    end if;
    perform ucrm.record_event(ucrm.tenant_id(), 'deleted', 'api_keys', id::text,
        jsonb_build_object('id', id, 'name', old_key.name, 'prefix', old_key.prefix), null);
end
$$;
comment on function ucrm.revoke_api_key(uuid) is 'Ends a key at once. Refusals: no_context, permission_denied, not_found, the gates'' codes.';

create function ucrm.rotate_api_key(id uuid, out new_id uuid, out prefix text, out secret text)
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    old_key ucrm.api_keys;
begin
    perform ucrm.demand('api_keys', 'update');
    select k.* into old_key
    from ucrm.api_keys as k
    where k.tenant_id = ucrm.tenant_id() and k.id = rotate_api_key.id and k.revoked_at is null
    for update;
    if not found then
        perform ucrm.refuse('not_found');
    end if;
    -- The new secret is shown to the caller: it must not be able to do what he cannot.
    if not ucrm.permissions_cover(ucrm.permissions(), ucrm.key_grants(old_key)) then
        perform ucrm.refuse('grant_ceiling');
    end if;
    -- Whoever is shown a person's new secret acts as that person.
    if old_key.user_id is not null and old_key.user_id is distinct from ucrm.user_id() then
        perform ucrm.refuse('permission_denied', 'a person''s key is rotated by that person: revoke it instead');
    end if;
    update ucrm.api_keys as k set revoked_at = clock_timestamp() where k.tenant_id = old_key.tenant_id and k.id = old_key.id;
    select k.id, k.prefix, k.secret into new_id, prefix, secret
    from ucrm.issue_api_key(old_key.tenant_id, old_key.user_id, old_key.name, old_key.scopes, old_key.expires_at, old_key.read_only) as k;
end
$$;
comment on function ucrm.rotate_api_key(uuid) is
'A new secret for one''s own key or a service key; the old one ends at once. Refusals: no_context, permission_denied, grant_ceiling, not_found, the gates'' codes.';

create function ucrm.key_grants(k ucrm.api_keys)
returns text
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select case
        when k.user_id is null then coalesce(k.scopes, 'entity:*')
        else ucrm.intersect_permissions(
            coalesce((select ucrm.role_grants(m.tenant_id, m.role) from ucrm.tenant_memberships as m
                      where m.tenant_id = k.tenant_id and m.user_id = k.user_id), ''),
            k.scopes)
    end;
$$;
comment on function ucrm.key_grants(ucrm.api_keys) is 'What a key can do: its owner''s role ∩ its scopes, also while he is disabled, for he may be enabled again; a service key''s scopes, or all entity actions.';

grant execute on function
    ucrm.create_api_key(text, text, boolean, timestamptz, boolean),
    ucrm.revoke_api_key(uuid),
    ucrm.rotate_api_key(uuid)
to ucrm_app;
