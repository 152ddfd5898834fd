-- Ways around the walls: grants that protect() did not make, views and functions that lend somebody else's eyes.
create function ucrm.grant_faults()
returns setof ucrm.finding
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    with granted as (
        select t.relation, c.relowner as owner, null::name as "column", a.grantee, a.privilege_type
        from ucrm.protected_tables() as t
        join pg_catalog.pg_class as c on c.oid = t.relation
        cross join lateral aclexplode(c.relacl) as a
        union all
        select t.relation, t.owner, x.attname, a.grantee, a.privilege_type
        from ucrm.protected_tables() as t
        join pg_catalog.pg_attribute as x on x.attrelid = t.relation and not x.attisdropped
        cross join lateral aclexplode(x.attacl) as a
    )
    select 'error', g.relation::text,
           format('PUBLIC holds %s%s on it', string_agg(g.privilege_type, ', ' order by g.privilege_type), ' (' || g."column" || ')'),
           format('revoke all%s on %s from public;', ' (' || quote_ident(g."column") || ')', g.relation)
    from granted as g
    where g.grantee = 0
    group by g.relation, g."column"
    union all
    select 'error', g.relation::text,
           format('"%s" holds %s on it, which row security does not cover', g.grantee::regrole, string_agg(g.privilege_type, ', ' order by g.privilege_type)),
           format('revoke %s%s on %s from %s;', lower(string_agg(g.privilege_type, ', ' order by g.privilege_type)),
                  ' (' || quote_ident(g."column") || ')', g.relation, g.grantee::regrole)
    from granted as g
    join pg_catalog.pg_roles as r on r.oid = g.grantee and not r.rolsuper
    where g.grantee <> g.owner and g.privilege_type in ('TRUNCATE', 'TRIGGER', 'REFERENCES')
    group by g.relation, g."column", g.grantee
    union all
    select 'warning', g.relation::text, 'ucrm_reader, which reporting logins are in, may write it',
           format('revoke insert, update, delete on %s from ucrm_reader;', g.relation)
    from granted as g
    where g.grantee = 'ucrm_reader'::regrole and g.privilege_type in ('INSERT', 'UPDATE', 'DELETE')
    group by g.relation
    union all
    select 'error', p.relid::regclass::text,
           format('"%s" may go straight to this part of %s, past its policies', string_agg(distinct coalesce(r.rolname, 'public'), '", "'), p.root::regclass),
           format('revoke all on %s from %s;', p.relid::regclass, string_agg(distinct coalesce(quote_ident(r.rolname), 'public'), ', '))
    from ucrm.parts_of_protected() as p
    join pg_catalog.pg_class as c on c.oid = p.relid
    cross join lateral aclexplode(c.relacl) as a
    left join pg_catalog.pg_roles as r on r.oid = a.grantee
    where a.grantee <> c.relowner and not coalesce(r.rolsuper, false)
    group by p.relid, p.root
    union all
    select 'error', format('parameter %s', p.parname), format('"%s" may set it, and so be any tenant', coalesce(r.rolname, 'public')),
           format('revoke set, alter system on parameter %s from %s;', p.parname, coalesce(quote_ident(r.rolname), 'public'))
    from pg_catalog.pg_parameter_acl as p
    cross join lateral aclexplode(p.paracl) as a
    left join pg_catalog.pg_roles as r on r.oid = a.grantee
    where p.parname = any (ucrm.guarded_parameters()) and not coalesce(r.rolsuper, false)
    group by p.parname, r.rolname;
$$;
comment on function ucrm.grant_faults() is 'Findings about privileges on protected tables, their partitions and the context''s parameters.';

create function ucrm.guarded_parameters()
returns text[]
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
    select array['app.tenant_id', 'app.user_id', 'app.member_role', 'app.api_key_id', 'app.request_id', 'app.permissions', 'session_replication_role'];
$$;
comment on function ucrm.guarded_parameters() is 'Settings that say who somebody is, or whether triggers fire: nobody but a superuser sets them.';

create function ucrm.parts_of_protected(out relid oid, out root oid)
returns setof record
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    with recursive part as (
        select i.inhrelid as relid, t.relation::oid as root
        from ucrm.protected_tables() as t
        join pg_catalog.pg_inherits as i on i.inhparent = t.relation
        union
        select i.inhrelid, p.root from part as p join pg_catalog.pg_inherits as i on i.inhparent = p.relid
    )
    select p.relid, p.root from part as p
    where not exists (select from ucrm.protected_tables() as t where t.relation = p.relid);
$$;
comment on function ucrm.parts_of_protected() is 'Partitions and children of protected tables that are not protected themselves.';

-- What the extension granted is what pg_init_privs remembers.
create function ucrm.kernel_faults()
returns setof ucrm.finding
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    with acl as (
        select 'pg_class'::regclass as catalogue, c.oid, 0 as part, c.oid::regclass::text as object, 'table ' || c.oid::regclass as target,
               null::name as "column", c.relowner as owner, c.relacl as acl
        from pg_catalog.pg_class as c
        where c.relnamespace = 'ucrm'::regnamespace and c.relkind in ('r', 'v')
        union all
        select 'pg_class'::regclass, c.oid, x.attnum, c.oid::regclass::text, 'table ' || c.oid::regclass, x.attname, c.relowner, x.attacl
        from pg_catalog.pg_class as c
        join pg_catalog.pg_attribute as x on x.attrelid = c.oid and x.attacl is not null
        where c.relnamespace = 'ucrm'::regnamespace
        union all
        select 'pg_proc'::regclass, p.oid, 0, p.oid::regprocedure::text, 'routine ' || p.oid::regprocedure, null, p.proowner,
               coalesce(p.proacl, acldefault('f', p.proowner))
        from pg_catalog.pg_proc as p
        where p.pronamespace = 'ucrm'::regnamespace
        union all
        select 'pg_namespace'::regclass, n.oid, 0, 'schema ucrm', 'schema ucrm', null, n.nspowner, n.nspacl
        from pg_catalog.pg_namespace as n
        where n.nspname = 'ucrm'
    )
    select case when a.grantee = 0 or k.catalogue <> 'pg_proc'::regclass then 'error' else 'warning' end,
           k.object,
           format('%s holds %s%s on it: UCRM did not grant that', coalesce('"' || r.rolname || '"', 'PUBLIC'),
                  string_agg(a.privilege_type, ', ' order by a.privilege_type), ' (' || k."column" || ')'),
           format('revoke %s%s on %s from %s;', lower(string_agg(a.privilege_type, ', ' order by a.privilege_type)),
                  ' (' || quote_ident(k."column") || ')', k.target, coalesce(quote_ident(r.rolname), 'public'))
    from acl as k
    cross join lateral aclexplode(k.acl) as a
    left join pg_catalog.pg_roles as r on r.oid = a.grantee
    left join pg_catalog.pg_init_privs as i on i.classoid = k.catalogue and i.objoid = k.oid and i.objsubid = k.part
    where a.grantee <> k.owner and not coalesce(r.rolsuper, false)
      and not exists (
          -- pg_upgrade carries over nothing where what was granted is what a new routine has anyway.
          select from aclexplode(coalesce(i.initprivs, case when exists (
              select from pg_catalog.pg_depend as d where d.classid = k.catalogue and d.objid = k.oid and d.deptype = 'e'
          ) and k.catalogue = 'pg_proc'::regclass then acldefault('f', k.owner) end)) as b
          where b.grantee = a.grantee and b.privilege_type = a.privilege_type
      )
    group by k.catalogue, k.oid, k.part, k.object, k.target, k."column", r.rolname, a.grantee
    union all
    select 'error', c.oid::regclass::text, 'row security is off on a table of UCRM''s own',
           format('alter table %s enable row level security;', c.oid::regclass)
    from pg_catalog.pg_class as c
    where c.relnamespace = 'ucrm'::regnamespace and c.relkind = 'r' and not c.relrowsecurity
    union all
    select 'error', format('policy %I on %s', p.polname, c.oid::regclass), 'a policy that UCRM did not make opens a table of its own',
           format('drop policy %I on %s;', p.polname, c.oid::regclass)
    from pg_catalog.pg_policy as p
    join pg_catalog.pg_class as c on c.oid = p.polrelid and c.relnamespace = 'ucrm'::regnamespace
    where p.polpermissive
      and p.polname not in ('the catalogue is for everybody', format('members read %s of their tenant', c.relname))
    union all
    select 'error', format('trigger %I on %s', g.tgname, g.tgrelid::regclass), 'a trigger of UCRM''s own does not fire as it should',
           format('alter table %s enable %strigger %I;', g.tgrelid::regclass, case when p.proname in ('bump', 'hold_horizon') then 'always ' else '' end, g.tgname)
    from pg_catalog.pg_trigger as g
    join pg_catalog.pg_class as c on c.oid = g.tgrelid and c.relnamespace = 'ucrm'::regnamespace
    join pg_catalog.pg_proc as p on p.oid = g.tgfoid
    where not g.tgisinternal and g.tgenabled <> case when p.proname in ('bump', 'hold_horizon') then 'A' else 'O' end;
$$;
comment on function ucrm.kernel_faults() is 'Findings about the kernel''s own tables, functions and schema: foreign grants and policies, row security and triggers switched off.';

create function ucrm.view_faults()
returns setof ucrm.finding
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    with recursive guarded as (
        select t.relation::oid as relid from ucrm.protected_tables() as t
        union
        select p.relid from ucrm.parts_of_protected() as p
        union
        select c.oid
        from pg_catalog.pg_class as c
        where c.relnamespace = 'ucrm'::regnamespace and c.relkind = 'r' and c.relrowsecurity
          and not exists (select from pg_catalog.pg_policy as p where p.polrelid = c.oid and pg_get_expr(p.polqual, p.polrelid) = 'true')
    ), reading as (
        select distinct v.oid, v.relkind, v.relowner, v.relacl, v.reloptions, d.refobjid
        from pg_catalog.pg_rewrite as r
        join pg_catalog.pg_class as v on v.oid = r.ev_class and v.relkind in ('v', 'm')
        join pg_catalog.pg_depend as d on d.classid = 'pg_catalog.pg_rewrite'::regclass and d.objid = r.oid
            and d.refclassid = 'pg_catalog.pg_class'::regclass and d.refobjid <> v.oid
        where v.relnamespace <> 'ucrm'::regnamespace
    ), beyond as (
        select r.oid, r.relkind, g.relid from reading as r join guarded as g on g.relid = r.refobjid
        union
        select r.oid, r.relkind, b.relid from reading as r join beyond as b on b.oid = r.refobjid
    )
    select 'error', v.oid::regclass::text,
           format('the view reads %s as its owner "%s", not as the one who asks', string_agg(distinct v.refobjid::regclass::text, ', '), v.relowner::regrole),
           format('alter view %s set (security_invoker = true);', v.oid::regclass)
    from reading as v
    join guarded as g on g.relid = v.refobjid
    where v.relkind = 'v'
      and not coalesce((select o.option_value::boolean from pg_options_to_table(v.reloptions) as o where o.option_name = 'security_invoker'), false)
    group by v.oid, v.relowner
    union all
    select 'error', c.oid::regclass::text,
           format('it holds rows of every tenant, has no row security, and may be read by %s', string_agg(distinct coalesce('"' || r.rolname || '"', 'PUBLIC'), ', ')),
           format('revoke all on %s from %s;', c.oid::regclass, string_agg(distinct coalesce(quote_ident(r.rolname), 'public'), ', '))
    from pg_catalog.pg_class as c
    cross join lateral aclexplode(c.relacl) as a
    left join pg_catalog.pg_roles as r on r.oid = a.grantee
    where a.grantee <> c.relowner and not coalesce(r.rolsuper, false)
      and (c.oid in (select b.oid from beyond as b where b.relkind = 'm')
           or c.relkind = 'f' and exists (select from pg_catalog.pg_attribute as x where x.attrelid = c.oid and x.attname = 'tenant_id' and not x.attisdropped))
    group by c.oid;
$$;
comment on function ucrm.view_faults() is 'Findings about views, materialized views and foreign tables that show protected rows past row security.';

create function ucrm.function_faults()
returns setof ucrm.finding
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select 'error', p.oid::regprocedure::text,
           format('it runs as its owner "%s" and looks names up where its caller says', p.proowner::regrole),
           format('alter routine %s set search_path = pg_catalog, %s;', p.oid::regprocedure, concat_ws(', ', quote_ident(n.nspname), 'pg_temp'))
    from pg_catalog.pg_proc as p
    join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
    join pg_catalog.pg_language as l on l.oid = p.prolang
    where p.prosecdef and p.prosqlbody is null
      and n.nspname <> 'information_schema' and n.nspname not like 'pg\_%'
      -- These pin the path themselves, around what they run.
      and (n.nspname, l.lanname, p.probin, p.prosrc in ('ucrm_handle', 'ucrm_handle_stream')) is distinct from ('ucrm', 'c', '$libdir/ucrm', true)
      and not exists (select from unnest(p.proconfig) as s where s like 'search_path=%')
    union all
    select 'error', p.oid::regprocedure::text,
           'it runs as ucrm_tables, the owner of protected tables: planned inside a cascade, it shows other tenants'' rows later',
           format('alter routine %s security invoker;', p.oid::regprocedure)
    from pg_catalog.pg_proc as p
    where p.prosecdef and p.proowner = 'ucrm_tables'::regrole;
$$;
comment on function ucrm.function_faults() is 'Findings about SECURITY DEFINER functions.';
