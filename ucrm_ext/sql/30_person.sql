-- People and their memberships.
create function ucrm.is_email(address text)
returns boolean
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    return length(address) <= 254
        and length(split_part(address, '@', 1)) <= 64
        and address ~* '^[a-z0-9!#$%&''*+/=?^_`{|}~-]+([.][a-z0-9!#$%&''*+/=?^_`{|}~-]+)*@([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?[.])+[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$';
end
$$;
comment on function ucrm.is_email(text) is 'Whether a text is an address that mail can go to: a dot-atom and a domain of two labels or more, both ASCII, of the lengths of RFC 5321, 4.5.3.1; a domain in other letters is written with xn--.';

create table ucrm.users (
    id uuid primary key default ucrm.uuid7(),
    email text not null check (email ~ '^[^@\s]+@[^@\s]+$' and length(email) <= 254),
    name text not null default '',
    email_verified_at timestamptz,
    created_at timestamptz not null default clock_timestamp(),
    updated_at timestamptz not null default clock_timestamp()
);
create unique index users_email_key on ucrm.users (lower(email));
comment on table ucrm.users is 'Accounts, platform-wide. Which tenants a person belongs to is in ucrm.tenant_memberships.';

create table ucrm.tenant_memberships (
    tenant_id uuid not null references ucrm.tenants (id) on delete cascade,
    user_id uuid not null references ucrm.users (id) on delete cascade,
    role text not null,
    disabled_at timestamptz,
    created_at timestamptz not null default clock_timestamp(),
    updated_at timestamptz not null default clock_timestamp(),
    primary key (tenant_id, user_id)
);
create index tenant_memberships_user on ucrm.tenant_memberships (user_id);
comment on table ucrm.tenant_memberships is
'Who belongs to which tenant, in which role (a built-in one or one of ucrm.roles). disabled_at set: the row is kept, all access is lost at once.';

create table ucrm.platform_admins (
    user_id uuid primary key references ucrm.users (id) on delete cascade,
    created_at timestamptz not null default clock_timestamp()
);
comment on table ucrm.platform_admins is 'People who may approve workspaces and provision tenants.';

-- The last active owner stays. The update of the tenant's row makes two such changes at once wait for each other,
-- or fail with 40001 under REPEATABLE READ, so that neither counts on the other.
create function ucrm.keep_last_owner()
returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if tg_op = 'UPDATE'
        and new.role = 'owner' and new.disabled_at is null
        and (new.tenant_id, new.user_id) = (old.tenant_id, old.user_id)
    then
        return new;
    end if;

    update ucrm.tenants set owners_checked_at = clock_timestamp() where id = old.tenant_id;
    if found and not exists (
        select
        from ucrm.tenant_memberships as m
        where m.tenant_id = old.tenant_id
          and m.user_id <> old.user_id
          and m.role = 'owner'
          and m.disabled_at is null
    ) then
        perform ucrm.refuse('last_owner');
    end if;
    return case tg_op when 'DELETE' then old else new end;
end
$$;
comment on function ucrm.keep_last_owner() is
'Refuses PT409 last_owner when the last active owner would leave, be demoted, disabled or removed; silent while the tenant itself is vanishing.';

create trigger keep_last_owner
before update or delete on ucrm.tenant_memberships
for each row when (old.role = 'owner' and old.disabled_at is null)
execute function ucrm.keep_last_owner();

create trigger touch
before update on ucrm.users
for each row execute function ucrm.touch();
create trigger touch
before update on ucrm.tenant_memberships
for each row execute function ucrm.touch();

grant execute on function ucrm.is_email(text) to ucrm_handler, ucrm_owner;
