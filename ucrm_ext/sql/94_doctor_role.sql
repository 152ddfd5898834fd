-- Roles and logins that row security, gates or the context would not hold.
create function ucrm.role_faults()
returns setof ucrm.finding
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select 'error', format('login %I', r.rolname), 'BYPASSRLS: it sees every tenant', format('alter role %I nobypassrls;', r.rolname)
    from pg_catalog.pg_roles as r
    where r.rolcanlogin and r.rolbypassrls and not r.rolsuper and r.rolname not like 'ucrm\_%'
    union all
    select 'error', format('login %I', r.rolname), 'CREATEROLE: it may give itself roles', format('alter role %I nocreaterole;', r.rolname)
    from pg_catalog.pg_roles as r
    where r.rolcanlogin and r.rolcreaterole and not r.rolsuper and r.rolname not like 'ucrm\_%'
    union all
    select 'error', format('role %I', r.rolname), 'its attributes are not those UCRM made it with',
           format('alter role %I nosuperuser nocreaterole nocreatedb noreplication inherit %s %s;', r.rolname,
                  case when w.logs_in then 'login' else 'nologin' end, case when w.bypasses then 'bypassrls' else 'nobypassrls' end)
    from (values
        ('ucrm_owner', false, false), ('ucrm_tables', false, false), ('ucrm_handler', false, false), ('ucrm_app', false, false),
        ('ucrm_gateway', true, false), ('ucrm_reader', false, false), ('ucrm_platform', false, true),
        ('ucrm_mover', false, true)
    ) as w (name, logs_in, bypasses)
    join pg_catalog.pg_roles as r on r.rolname = w.name
    where r.rolsuper or r.rolcreaterole or r.rolcreatedb or r.rolreplication or not r.rolinherit
       or (r.rolcanlogin, r.rolbypassrls) is distinct from (w.logs_in, w.bypasses)
    union all
    select 'error', format('role %I', m.rolname), format('it is a member of %s: it may alter what the walls are made of', g.rolname),
           format('revoke %I from %I;', g.rolname, m.rolname)
    from pg_catalog.pg_auth_members as a
    join pg_catalog.pg_roles as g on g.oid = a.roleid
    join pg_catalog.pg_roles as m on m.oid = a.member
    where g.rolname in ('ucrm_owner', 'ucrm_tables', 'ucrm_handler', 'ucrm_gateway', 'ucrm_mover')
    union all
    select 'error', format('role %I', m.rolname), format('a role of UCRM''s own is a member of "%s"', g.rolname),
           format('revoke %I from %I;', g.rolname, m.rolname)
    from pg_catalog.pg_auth_members as a
    join pg_catalog.pg_roles as g on g.oid = a.roleid
    join pg_catalog.pg_roles as m on m.oid = a.member
    where m.rolname in ('ucrm_owner', 'ucrm_tables', 'ucrm_handler', 'ucrm_app', 'ucrm_gateway', 'ucrm_reader', 'ucrm_platform', 'ucrm_mover')
      and g.rolname not in ('ucrm_owner', 'ucrm_tables', 'ucrm_handler', 'ucrm_gateway', 'ucrm_mover')
      and (m.rolname, g.rolname) <> ('ucrm_handler', 'ucrm_app')
    union all
    -- Membership in the roles above is said there; this is about the way from a login to ucrm_platform.
    select 'warning', format('login %I', l.rolname), format('it may become ucrm_platform, which sees every tenant, through "%s"', g.rolname),
           format('revoke %I from %I;', g.rolname, l.rolname)
    from pg_catalog.pg_roles as l
    join pg_catalog.pg_auth_members as a on a.member = l.oid
    join pg_catalog.pg_roles as g on g.oid = a.roleid
    where l.rolcanlogin and not l.rolsuper and l.rolname not like 'ucrm\_%' and not g.rolsuper
      and pg_has_role(g.oid, 'ucrm_platform', 'member')
    union all
    select 'error', format('login %I', r.rolname), format('it owns %s tables or views: the gateway''s login owns nothing', count(*)),
           string_agg(format('alter %s %s owner to %I;', case c.relkind when 'v' then 'view' when 'm' then 'materialized view' when 'f' then 'foreign table' else 'table' end,
                             c.oid::regclass, current_user), E'\n')
    from pg_catalog.pg_class as c
    join pg_catalog.pg_roles as r on r.oid = c.relowner and r.rolname = 'ucrm_gateway'
    where c.relkind in ('r', 'p', 'v', 'm', 'f')
    group by r.rolname;
$$;
comment on function ucrm.role_faults() is 'Findings about database roles: attributes and memberships that lead around row security.';

create function ucrm.login_faults()
returns setof ucrm.finding
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select 'warning', format('bound login %I', l.login), 'there is no such role any more', format('select ucrm.unbind_login(%L);', l.login)
    from ucrm.logins as l
    where not exists (select from pg_catalog.pg_roles as r where r.rolname = l.login)
    union all
    select 'error', format('bound login %I', l.login), 'it is a superuser: it sees every tenant', format('alter role %I nosuperuser;', l.login)
    from ucrm.logins as l
    join pg_catalog.pg_roles as r on r.rolname = l.login and r.rolsuper
    union all
    select 'error', format('bound login %I', l.login), format('it may write, through "%s": a login is bound or a trusted back end, not both', g.rolname),
           format('revoke %I from %I;', g.rolname, l.login)
    from ucrm.logins as l
    join pg_catalog.pg_roles as r on r.rolname = l.login and not r.rolsuper
    join pg_catalog.pg_auth_members as a on a.member = r.oid
    join pg_catalog.pg_roles as g on g.oid = a.roleid and not g.rolsuper and pg_has_role(g.oid, 'ucrm_app', 'member')
    union all
    select 'warning', format('bound login %I', l.login), format('its role "%s" does not exist: it sees nothing', l.role),
           format('select ucrm.bind_login(%L, %L, ''reader'');', l.login, l.tenant_id)
    from ucrm.logins as l
    where not exists (select from ucrm.builtin_roles as b where b.name = l.role)
      and not exists (select from ucrm.roles as x where x.tenant_id = l.tenant_id and x.name = l.role)
    union all
    select 'warning', format('bound login %I', l.login), format('its schema of views "%s" is gone', l.report_schema),
           format('select ucrm.refresh_reports(%L);', l.login)
    from ucrm.logins as l
    where l.report_schema is not null and not exists (select from pg_catalog.pg_namespace as n where n.nspname = l.report_schema)
    union all
    select 'warning', format('tenant %s', m.tenant_id), format('%s members have the role "%s", which does not exist: they may do nothing', count(*), m.role),
           format('update ucrm.tenant_memberships set role = ''reader'' where tenant_id = %L and role = %L;', m.tenant_id, m.role)
    from ucrm.tenant_memberships as m
    where not exists (select from ucrm.builtin_roles as b where b.name = m.role)
      and not exists (select from ucrm.roles as x where x.tenant_id = m.tenant_id and x.name = m.role)
    group by m.tenant_id, m.role;
$$;
comment on function ucrm.login_faults() is 'Findings about bound logins, and about members whose role is gone.';

create function ucrm.setting_faults()
returns setof ucrm.finding
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select 'error', coalesce('role ' || quote_ident(r.rolname), 'database ' || quote_ident(d.datname), 'all roles'),
           format('%s is set for every session: a context begins inside a transaction, and triggers are not switched off', split_part(c.item, '=', 1)),
           case
               when r.rolname is null and d.datname is null then format('alter role all reset %s;', split_part(c.item, '=', 1))
               when r.rolname is null then format('alter database %I reset %s;', d.datname, split_part(c.item, '=', 1))
               when d.datname is null then format('alter role %I reset %s;', r.rolname, split_part(c.item, '=', 1))
               else format('alter role %I in database %I reset %s;', r.rolname, d.datname, split_part(c.item, '=', 1))
           end
    from pg_catalog.pg_db_role_setting as s
    left join pg_catalog.pg_roles as r on r.oid = s.setrole
    left join pg_catalog.pg_database as d on d.oid = s.setdatabase
    cross join lateral unnest(s.setconfig) as c (item)
    where lower(split_part(c.item, '=', 1)) = any (ucrm.guarded_parameters())
    union all
    select 'warning', 'role ucrm_gateway', format('%s is not 0: what the gateway sends, credentials'' digests included, may reach the server''s log', w.name),
           format('alter role ucrm_gateway set %s = 0;', w.name)
    from (values ('log_parameter_max_length'), ('log_parameter_max_length_on_error')) as w (name)
    where not exists (
        select
        from pg_catalog.pg_db_role_setting as s, unnest(s.setconfig) as c (item)
        where s.setrole = 'ucrm_gateway'::regrole and s.setdatabase = 0 and c.item = w.name || '=0'
    )
    union all
    select 'warning', format('setting %s', s.name), format('its value %s means nothing: the trial or approval of new workspaces does not work', s.value),
           format('delete from ucrm.settings where name = %L and not builtin;', s.name)
    from ucrm.settings as s
    where not s.builtin
      and not case s.name
          when 'approval' then s.value in ('"manual"', '"auto"')
          when 'trial_days' then jsonb_typeof(s.value) = 'null' or jsonb_typeof(s.value) = 'number' and (s.value #>> '{}') ~ '^[0-9]{1,5}$'
          else true
      end;
$$;
comment on function ucrm.setting_faults() is 'Findings about settings of roles and databases, and of the installation.';
