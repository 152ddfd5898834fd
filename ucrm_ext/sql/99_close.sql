-- Closing the house: owners, row security of the kernel's own tables, what forgets, who may execute, what a dump holds.
-- All of it goes by the catalogue, so that a new table or function cannot be forgotten.

-- Kernel tables and functions belong to ucrm_owner, who cannot log in and has no members; handle, and attend and
-- attend_rest, which handle alone calls, to ucrm_handler.
do $$
declare
    thing record;
begin
    execute 'alter schema ucrm owner to ucrm_owner';
    for thing in
        select c.oid::regclass as name, case c.relkind when 'v' then 'view' when 'S' then 'sequence' else 'table' end as kind
        from pg_catalog.pg_class as c
        where c.relnamespace = 'ucrm'::regnamespace and c.relkind in ('r', 'v', 'S')
    loop
        execute format('alter %s %s owner to ucrm_owner', thing.kind, thing.name);
    end loop;
    for thing in
        select t.oid::regtype as name
        from pg_catalog.pg_type as t
        join pg_catalog.pg_class as c on c.oid = t.typrelid
        where t.typnamespace = 'ucrm'::regnamespace and c.relkind = 'c'
    loop
        execute format('alter type %s owner to ucrm_owner', thing.name);
    end loop;
    for thing in
        select p.oid::regprocedure as name, p.proname
        from pg_catalog.pg_proc as p
        join pg_catalog.pg_language as l on l.oid = p.prolang
        where p.pronamespace = 'ucrm'::regnamespace and l.lanname <> 'c'
          -- These act for a superuser, and only superusers may: an event trigger, and what alters tables or roles.
          and p.proname not in ('on_ddl', 'on_drop')
    loop
        execute format('alter function %s owner to %I', thing.name, case
            when thing.proname in ('attend', 'attend_rest') then 'ucrm_handler'
            -- Moving a tenant: these alone reach across row security.
            when thing.proname in ('protected_lines', 'protected_count', 'insert_protected_lines') then 'ucrm_mover'
            else 'ucrm_owner'
        end);
    end loop;
end
$$;

-- In C, which looks names up by itself; where it runs SQL, it pins the search_path. It runs as its owner from now on, when
-- that is not who installs this any more.
alter function ucrm.handle(text, text, text, jsonb, bytea, text, text, bytea, inet, uuid) owner to ucrm_handler;
alter function ucrm.handle(text, text, text, jsonb, bytea, text, text, bytea, inet, uuid) security definer;
alter function ucrm.handle_stream(text, text, text, jsonb, bytea, text, text, bytea, inet, uuid) owner to ucrm_handler;
alter function ucrm.handle_stream(text, text, text, jsonb, bytea, text, text, bytea, inet, uuid) security definer;

-- Row security: every table has it on. Those with a policy below are for members to read; the others for nobody.
do $$
declare
    thing record;
begin
    for thing in
        select c.oid::regclass as name
        from pg_catalog.pg_class as c
        where c.relnamespace = 'ucrm'::regnamespace and c.relkind = 'r'
    loop
        execute format('alter table %s enable row level security', thing.name);
    end loop;

    -- The catalogue is for everybody who was granted it.
    for thing in
        select unnest(array['refusals', 'constraint_fields', 'rate_limits', 'builtin_roles', 'resources', 'resource_actions', 'gates', 'routes', 'exposed_functions', 'tenant_settings', 'file_buckets']) as name
    loop
        execute format('create policy "the catalogue is for everybody" on ucrm.%I for select using (true)', thing.name);
    end loop;

    for thing in
        select *
        from (values
            ('tenants', 'tenant', 'id', 'id, slug, name, plan, status, trial_ends_at, subscribed_until, external_id, settings, created_at, updated_at'),
            ('tenant_memberships', 'members', 'tenant_id', 'tenant_id, user_id, role, disabled_at, created_at, updated_at'),
            ('roles', 'roles', 'tenant_id', 'tenant_id, name, label, created_at'),
            ('role_permissions', 'roles', 'tenant_id', 'tenant_id, role, resource, action, scope'),
            ('api_keys', 'api_keys', 'tenant_id', 'tenant_id, id, user_id, name, prefix, scopes, read_only, expires_at, revoked_at, last_used_at, created_at, created_by'),
            ('invitations', 'invitations', 'tenant_id', 'tenant_id, id, email, role, invited_by, expires_at, accepted_at, cancelled_at, created_at'),
            ('impersonations', 'audit_logs', 'tenant_id', 'tenant_id, id, admin_id, user_id, reason, created_at, expires_at, ended_at'),
            ('audit_logs', 'audit_logs', 'tenant_id', 'id, tenant_id, at, actor_kind, user_id, impersonator_id, api_key_prefix, db_login, request_id, address, action, resource, record_id, before, after, changed, salt, images'),
            ('events', null, 'tenant_id', 'tenant_id, id, at, type, resource, record_id, data, changes, request_id'),
            ('files', 'files', 'tenant_id', 'tenant_id, id, bucket, name, content_type, size, sha256, created_by, created_at'),
            ('webhooks', 'webhooks', 'tenant_id', 'tenant_id, id, url, description, events, status, disabled_reason, previous_secret_until, created_by, created_at, updated_at'),
            ('webhook_deliveries', 'webhooks', 'tenant_id', 'tenant_id, id, webhook_id, event_id, type, record, status, attempts, next_attempt_at, response_status, error, took_ms, created_at, attempted_at, finished_at'),
            ('custom_columns', '', 'tenant_id', 'tenant_id, id, resource, name, label, type, options, required, position, created_at, updated_at')
        ) as v (name, resource, tenant_column, columns)
    loop
        execute format('create policy "members read %s of their tenant" on ucrm.%I for select using (%I = (select ucrm.tenant_id()) and %s)',
            thing.name, thing.name, thing.tenant_column,
            case
                when thing.resource is null then 'ucrm.permission_scope(resource, ''read'') = ''all'''
                when thing.resource = '' then 'ucrm.has_permission(resource, ''read'')'
                else format('(select ucrm.has_permission(%L, ''read''))', thing.resource)
            end);
        execute format('grant select (%s) on ucrm.%I to ucrm_app, ucrm_reader', thing.columns, thing.name);
        -- The audit log is append-only for the platform too, and only UCRM's functions append; so is who acted as whom.
        execute format('grant %s on ucrm.%I to ucrm_platform', case when thing.name in ('audit_logs', 'impersonations') then 'select' else 'select, insert, delete' end, thing.name);
    end loop;
end
$$;
grant select on ucrm.platform_audit_logs to ucrm_platform;

-- What a remembered principal, route, gate or document is made of.
do $$
declare
    thing record;
begin
    for thing in
        select *
        from (values
            ('tenants', ' of id, slug, plan, status, trial_ends_at, subscribed_until, settings, external_id'),
            ('users', ' of id, email_verified_at'),
            ('tenant_memberships', ' of tenant_id, user_id, role, disabled_at'),
            ('roles', ''),
            ('role_permissions', ''),
            ('api_keys', ' of tenant_id, id, user_id, digest, scopes, read_only, expires_at, revoked_at'),
            ('sessions', ' of id, user_id, active_tenant_id, digest, expires_at, ends_at, fresh_until, factor_shown_at, impersonation_id'),
            ('impersonations', ' of user_id, admin_id, session_id, expires_at, ended_at'),
            ('platform_keys', ''),
            ('platform_admins', ''),
            ('internal_secrets', ''),
            ('issuers', ' of id, iss, enabled, algorithms, audience, authorized_parties, types, subject_claim, email_claim, email_verified_claim, email_always_verified, name_claim, tenant_claim, role_claim, mfa_claim, mfa_values, fresh_claim, refused_claims, link_by_email, create_users, jwks'),
            ('issuer_secrets', ''),
            ('user_identities', ''),
            ('logins', ''),
            ('rate_limits', ''),
            ('gates', ''),
            ('resources', ''),
            ('resource_actions', ''),
            ('routes', ''),
            ('route_docs', ''),
            ('schema_docs', ''),
            ('tag_docs', ''),
            ('exposed_functions', ''),
            ('tenant_settings', ''),
            ('refusals', ''),
            ('builtin_roles', ''),
            ('custom_columns', ' of tenant_id, resource, name, type, options, required, position')
        ) as v (name, columns)
    loop
        -- Nothing is remembered of who does not exist: a new session or account makes nobody be looked up again.
        execute format('create trigger bump after ' || case when thing.name in ('sessions', 'users') then '' else 'insert or ' end || 'delete or update%s on ucrm.%I for each row execute function ucrm.bump()', thing.columns, thing.name);
        execute format('create trigger bump_all after truncate on ucrm.%I for each statement execute function ucrm.bump()', thing.name);
        execute format('alter table ucrm.%I enable always trigger bump', thing.name);
        execute format('alter table ucrm.%I enable always trigger bump_all', thing.name);
    end loop;
end
$$;

-- What is read or sealed up to a moment.
do $$
declare
    name text;
begin
    foreach name in array array['audit_logs', 'events', 'platform_audit_logs'] loop
        execute format('create trigger hold_horizon before insert on ucrm.%I for each statement execute function ucrm.hold_horizon()', name);
        execute format('alter table ucrm.%I enable always trigger hold_horizon', name);
    end loop;
end
$$;

-- What a dump of the extension holds: every row that this script did not put there.
do $$
declare
    thing record;
begin
    for thing in
        select c.oid, c.oid::regclass as name,
               exists (select from pg_catalog.pg_attribute as a where a.attrelid = c.oid and a.attname = 'builtin' and not a.attisdropped) as has_builtin
        from pg_catalog.pg_class as c
        where c.relnamespace = 'ucrm'::regnamespace and c.relkind in ('r', 'S') and c.relname <> 'builtin_roles'
    loop
        perform pg_extension_config_dump(thing.oid, case when thing.has_builtin then 'where not builtin' else '' end);
    end loop;
end
$$;

-- Nobody executes anything that is not granted beside it, except the context, which policies and defaults read.
revoke all on all functions in schema ucrm from public;
revoke all on all tables in schema ucrm from public;
grant execute on function
    ucrm.tenant_id(), ucrm.user_id(), ucrm.member_role(), ucrm.api_key_id(), ucrm.request_id(), ucrm.permissions(),
    ucrm.api_key_prefix(), ucrm.actor_kind(), ucrm.client_address(), ucrm.session_id(), ucrm.impersonator_id(),
    ucrm.has_permission(text, text), ucrm.permission_scope(text, text),
    ucrm.binding(),
    -- Triggers' conditions are evaluated as whoever writes, and so is what an index of a table is on.
    ucrm.custom_faults(uuid, text, jsonb, jsonb), ucrm.searchable(text[]),
    ucrm.uuid7()
to public;
grant execute on function ucrm.handle(text, text, text, jsonb, bytea, text, text, bytea, inet, uuid) to ucrm_owner;
