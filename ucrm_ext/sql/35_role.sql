-- Roles are sets of permissions (resource:action, or resource:action:own). entity stands for every protected table,
-- those of tomorrow included; * for every action. Built-in roles are the same in every tenant.
create table ucrm.builtin_roles (
    name text primary key,
    label text not null,
    permissions text not null
);
comment on table ucrm.builtin_roles is 'owner, admin, agent, member, reader: immutable, in every tenant.';

insert into ucrm.builtin_roles (name, label, permissions) values
('owner', 'Owner', '*:*'),
('admin', 'Admin', 'entity:*,tenant:read,tenant:update,members:*,invitations:*,roles:*,api_keys:*,webhooks:*,channels:*,files:*,settings:*,audit_logs:*'),
('agent', 'Agent', 'entity:*,members:autocomplete'),
('member', 'Member', 'entity:*,members:autocomplete'),
('reader', 'Reader', 'entity:read,entity:autocomplete,entity:export');

create trigger builtin_rows_do_not_change
before update or delete on ucrm.builtin_roles
for each row execute function ucrm.refuse_immutable();

create table ucrm.roles (
    tenant_id uuid not null references ucrm.tenants (id) on delete cascade,
    name text not null check (name ~ '^[a-z][a-z0-9_]{0,62}$' and name not in ('owner', 'admin', 'agent', 'member', 'reader')),
    label text not null default '',
    created_at timestamptz not null default clock_timestamp(),
    primary key (tenant_id, name)
);
comment on table ucrm.roles is 'A tenant''s own roles. What they grant is in ucrm.role_permissions.';

create table ucrm.role_permissions (
    tenant_id uuid not null,
    role text not null,
    resource text not null check (resource ~ '^(\*|[a-z][a-z0-9_]*)$'),
    action text not null check (action ~ '^(\*|[a-z][a-z0-9_]*)$'),
    scope text not null default 'all' check (scope in ('all', 'own')),
    primary key (tenant_id, role, resource, action),
    foreign key (tenant_id, role) references ucrm.roles (tenant_id, name) on delete cascade on update cascade
);
comment on table ucrm.role_permissions is 'One grant of a tenant''s own role: resource:action, scope all or own (rows whose owner column is the member).';

create function ucrm.role_grants(tenant uuid, role text)
returns text
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    return (
        select coalesce(
            (select b.permissions from ucrm.builtin_roles as b where b.name = role_grants.role),
            (
                select string_agg(p.resource || ':' || p.action || case p.scope when 'own' then ':own' else '' end, ',' order by p.resource, p.action)
                from ucrm.role_permissions as p
                where p.tenant_id = tenant and p.role = role_grants.role
            ),
            ''
        )
    );
end
$$;
comment on function ucrm.role_grants(uuid, text) is 'What a role grants in a tenant, as permission text. Empty for an unknown role.';

create function ucrm.keep_used_role()
returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    -- The tenant's row is locked by whoever assigns roles, so that nobody gets this one meanwhile.
    perform from ucrm.tenants where id = old.tenant_id for no key update;
    if found and (
        exists (select from ucrm.tenant_memberships as m where m.tenant_id = old.tenant_id and m.role = old.name)
        or exists (select from ucrm.logins as l where l.tenant_id = old.tenant_id and l.role = old.name)
    ) then
        perform ucrm.refuse('role_in_use');
    end if;
    return old;
end
$$;
comment on function ucrm.keep_used_role() is 'Refuses PT409 role_in_use when a role is deleted that a member or login has; silent while the tenant is vanishing.';

create trigger keep_used_role
before delete on ucrm.roles
for each row execute function ucrm.keep_used_role();

-- The registry of permissions.
create table ucrm.resources (
    name text primary key check (name ~ '^[a-z][a-z0-9_]{0,62}$' and name not in ('entity', 'rest', 'admin', 'internal', 'auth')),
    label text not null,
    kind text not null check (kind in ('system', 'entity')),
    table_schema text,
    table_name text,
    key_column text,
    owner_column text,
    archived_column text,
    label_column text,
    search_columns text[] not null default '{}',
    secret_columns text[] not null default '{}',
    builtin boolean not null default false,
    unique (table_schema, table_name),
    check ((kind = 'entity') = (table_name is not null))
);
comment on table ucrm.resources is
'Every resource: table = URL segment = permission resource = event prefix. Entity rows are made by ucrm.protect(); system ones are UCRM''s.';

create table ucrm.resource_actions (
    resource text not null references ucrm.resources (name) on delete cascade on update cascade,
    action text not null check (action ~ '^[a-z][a-z0-9_]*$'),
    writes boolean not null,
    ungated boolean not null default false,
    builtin boolean not null default false,
    primary key (resource, action)
);
comment on table ucrm.resource_actions is
'The permission registry. writes: any action but read, autocomplete, export. ungated: the e-mail, approval and trial gates pass over it.';

insert into ucrm.resources (name, label, kind, builtin) values
('tenant', 'Workspace', 'system', true),
('members', 'Members', 'system', true),
('invitations', 'Invitations', 'system', true),
('roles', 'Roles', 'system', true),
('api_keys', 'API keys', 'system', true),
('webhooks', 'Webhooks', 'system', true),
('files', 'Files', 'system', true),
('settings', 'Settings', 'system', true),
('audit_logs', 'Audit log', 'system', true),
('billing', 'Billing', 'system', true),
('session', 'Session', 'system', true);

insert into ucrm.resource_actions (resource, action, writes, ungated, builtin)
select g.resource, a.action,
       a.action not in ('read', 'autocomplete', 'export'),
       g.resource in ('billing', 'session') or (g.resource, a.action) = ('tenant', 'delete'),
       true
from (values
    ('tenant', array['read', 'update', 'delete']),
    ('members', array['create', 'read', 'update', 'delete', 'autocomplete', 'import', 'export']),
    ('invitations', array['create', 'read', 'resend', 'cancel', 'export']),
    ('roles', array['create', 'read', 'update', 'delete']),
    ('api_keys', array['create', 'read', 'update', 'delete']),
    ('webhooks', array['create', 'read', 'update', 'delete']),
    ('files', array['create', 'read', 'update', 'delete']),
    ('settings', array['create', 'read', 'update', 'delete']),
    ('audit_logs', array['read', 'export']),
    ('billing', array['read', 'update']),
    ('session', array['read', 'update'])
) as g (resource, actions)
cross join unnest(g.actions) as a (action);

create trigger builtin_rows_do_not_change
before update or delete on ucrm.resources
for each row when (old.builtin) execute function ucrm.refuse_immutable();
create trigger builtin_rows_do_not_change
before update or delete on ucrm.resource_actions
for each row when (old.builtin) execute function ucrm.refuse_immutable();

create function ucrm.is_write(action text)
returns boolean
language plpgsql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
    return (select action not in ('read', 'autocomplete', 'export'));
end
$$;
comment on function ucrm.is_write(text) is 'Any action but read, autocomplete and export is a write, whatever the HTTP method.';

create function ucrm.canonical_resource(name text)
returns text
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    return (
        select coalesce(
            (select r.name from ucrm.resources as r where r.name = canonical_resource.name),
            (select r.name from ucrm.resources as r
             where r.name in (canonical_resource.name || 's', canonical_resource.name || 'es', regexp_replace(canonical_resource.name, 'y$', 'ies'))
             limit 1),
            canonical_resource.name
        )
    );
end
$$;
comment on function ucrm.canonical_resource(text) is 'The registered name for a resource; the singular is accepted as an alias (interview → interviews).';

create function ucrm.relation_of(table_schema text, table_name text)
returns oid
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return (
        select c.oid
        from pg_catalog.pg_class as c
        join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
        where n.nspname = table_schema and c.relname = table_name
    );
end
$$;
comment on function ucrm.relation_of(text, text) is 'A table''s oid by the catalogue: it needs no USAGE on the schema, unlike to_regclass(). Null when there is none.';

create function ucrm.key_type(noun text)
returns text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select format_type(a.atttypid, null)
    from ucrm.resources as r
    join pg_catalog.pg_attribute as a on a.attrelid = ucrm.relation_of(r.table_schema, r.table_name) and a.attname = r.key_column
    where r.name = noun;
$$;
comment on function ucrm.key_type(text) is 'The type of the column that names a resource''s rows.';

grant select on ucrm.builtin_roles, ucrm.resources, ucrm.resource_actions to ucrm_app, ucrm_reader, ucrm_platform, ucrm_handler;
grant select on ucrm.resources to ucrm_mover;
grant execute on function ucrm.is_write(text), ucrm.canonical_resource(text) to ucrm_app, ucrm_reader, ucrm_handler, ucrm_platform;
