-- Logins that come straight to the server: reporting logins, bound to one tenant, and trusted back ends.
create table ucrm.logins (
    login name primary key,
    tenant_id uuid not null references ucrm.tenants (id) on delete cascade,
    role text not null,
    -- Dropped, with all that is in it, when the binding ends: one login's, and named as bind_login() names it.
    report_schema name unique check (report_schema ~ '^report_[0-9a-f]{12}$'),
    created_at timestamptz not null default clock_timestamp()
);
create index logins_tenant on ucrm.logins (tenant_id);
comment on table ucrm.logins is
'Bound logins: whoever logs in as this role sees this tenant, with this role''s permissions. Looked up by session_user for every statement, so that a change binds the next one. report_schema: its views, see ucrm.refresh_reports().';

create function ucrm.binding()
returns ucrm.principal
language plpgsql
stable
parallel safe
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    return (
        select ucrm.principal_of('login', l.tenant_id, null, l.role)
        from ucrm.logins as l
        where l.login = session_user
    );
end
$$;
comment on function ucrm.binding() is 'The principal the session''s own login is bound to, else null. It tells nobody anything about another login.';

create function ucrm.refuse_unless_plain_login(login name)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    r pg_catalog.pg_roles;
    power text;
begin
    select x.* into r from pg_catalog.pg_roles as x where x.rolname = login;
    if not found then
        raise exception 'there is no login "%"', login
            using errcode = 'undefined_object', hint = 'CREATE ROLE … LOGIN first.';
    end if;
    power := case
        when r.rolname like 'ucrm\_%' then 'is a role of UCRM''s own'
        when r.rolsuper then 'is a superuser'
        when r.rolbypassrls then 'has BYPASSRLS'
        when r.rolcreaterole then 'has CREATEROLE'
        when r.rolreplication then 'has REPLICATION'
        when pg_has_role(r.oid, 'ucrm_platform', 'member') then 'is a member of ucrm_platform'
        when exists (select from pg_catalog.pg_class as c where c.relowner = r.oid and c.relrowsecurity) then 'owns tables with row security'
    end;
    if power is not null then
        raise exception 'login "%" %: row security would not hold it', login, power
            using errcode = 'invalid_parameter_value', hint = 'Use a plain login without these.';
    end if;
end
$$;
comment on function ucrm.refuse_unless_plain_login(name) is 'Raises 22023 when row-level security would not hold this login, 42704 when there is no such login.';

create function ucrm.bind_login(login name, tenant uuid, role text default 'reader')
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    if not exists (select from ucrm.tenants as t where t.id = tenant) then
        raise exception 'there is no tenant %', tenant using errcode = 'undefined_object', hint = 'See ucrm.tenants.';
    end if;
    if ucrm.role_grants(tenant, bind_login.role) = '' then
        raise exception 'there is no role "%" with a permission in this tenant', bind_login.role
            using errcode = 'undefined_object', hint = 'owner, admin, agent, member, reader, or one of the tenant''s own.';
    end if;
    if not exists (select from pg_catalog.pg_roles as r where r.rolname = bind_login.login) then
        execute format('create role %I login', bind_login.login);
    end if;
    perform ucrm.refuse_unless_plain_login(bind_login.login);
    if pg_has_role(bind_login.login, 'ucrm_app', 'member') then
        raise exception 'login "%" is a trusted back end', bind_login.login
            using errcode = 'invalid_parameter_value', hint = 'A bound login can enter no tenant: use another login.';
    end if;
    execute format('alter role %I login connection limit 5', bind_login.login);
    execute format('alter role %I set statement_timeout = ''60s''', bind_login.login);
    -- An open transaction keeps vacuum from what it may still look at.
    if not exists (
        select
        from pg_catalog.pg_db_role_setting as s
        cross join unnest(s.setconfig) as c
        where s.setrole = (select r.oid from pg_catalog.pg_roles as r where r.rolname = bind_login.login)
          and starts_with(c, 'idle_in_transaction_session_timeout=')
    ) then
        execute format('alter role %I set idle_in_transaction_session_timeout = ''5min''', bind_login.login);
    end if;
    execute format('alter role %I set default_transaction_read_only = on', bind_login.login);
    execute format('grant ucrm_reader to %I', bind_login.login);
    insert into ucrm.logins as l (login, tenant_id, role, report_schema)
    values (bind_login.login, tenant, bind_login.role, 'report_' || substr(replace(gen_random_uuid()::text, '-', ''), 1, 12))
    on conflict on constraint logins_pkey do update set tenant_id = excluded.tenant_id, role = excluded.role;
    perform ucrm.refresh_reports(bind_login.login);
    execute format('alter role %I set search_path = %I', bind_login.login,
                   (select l.report_schema from ucrm.logins as l where l.login = bind_login.login));
    insert into ucrm.platform_audit_logs (action, tenant_id, detail)
    values ('login.bound', tenant, jsonb_build_object('login', bind_login.login, 'role', bind_login.role));
    perform ucrm.record_event(tenant, 'login_bound', 'members', bind_login.login, null, jsonb_build_object('role', bind_login.role));
end
$$;
comment on function ucrm.bind_login(name, uuid, text) is
'Makes or adopts a login that sees exactly one tenant, read-only: SELECT through ucrm_reader, 60 s per statement, 5 min idle in a transaction unless it has another setting (both defaults: a session may set others), 5 connections, and a schema of views to look at. Superuser only. Set its password with ALTER ROLE … PASSWORD or \password.';

create function ucrm.unbind_login(login name)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    views name;
    tenant uuid;
begin
    delete from ucrm.logins as l where l.login = unbind_login.login returning l.report_schema, l.tenant_id into views, tenant;
    if not found then
        raise exception 'login "%" is not bound', unbind_login.login using errcode = 'undefined_object', hint = 'See ucrm.logins.';
    end if;
    insert into ucrm.platform_audit_logs (action, tenant_id, detail) values ('login.unbound', tenant, jsonb_build_object('login', unbind_login.login));
    perform ucrm.record_event(tenant, 'login_unbound', 'members', unbind_login.login, null, null);
    if exists (select from pg_catalog.pg_roles as r where r.rolname = unbind_login.login) then
        execute format('revoke ucrm_reader from %I', unbind_login.login);
    end if;
    if views is not null then
        execute format('drop schema if exists %I cascade', views);
    end if;
end
$$;
comment on function ucrm.unbind_login(name) is 'Ends a binding: the login''s next statement sees nothing of the tenant, and its grant and views are gone. Superuser only. 42704 when it is not bound.';

create function ucrm.trust_backend(login name)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    perform ucrm.refuse_unless_plain_login(trust_backend.login);
    if exists (select from ucrm.logins as l where l.login = trust_backend.login) then
        raise exception 'login "%" is bound to a tenant', trust_backend.login
            using errcode = 'invalid_parameter_value', hint = 'select ucrm.unbind_login(…) first, or use another login.';
    end if;
    execute format('grant ucrm_app to %I', trust_backend.login);
    insert into ucrm.platform_audit_logs (action, detail)
    values ('backend.trusted', jsonb_build_object('login', trust_backend.login));
end
$$;
comment on function ucrm.trust_backend(name) is
'Lets a back end''s login call ucrm.enter(). It is trusted with every tenant: SQL injected into it may COMMIT and enter another. Superuser only.';
