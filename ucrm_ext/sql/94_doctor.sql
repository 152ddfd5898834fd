-- What is wrong with this installation, and what to paste into psql about it. Silence means that all is well.
create type ucrm.finding as (
    level text,
    object text,
    what text,
    fix text
);
comment on type ucrm.finding is
'level: error (a wall has a hole), warning (it will hurt one day), info (for you to look at). fix: SQL that ends the finding when a superuser runs it.';

-- Tables under protect(), by what the registry says.
create function ucrm.protected_tables(out relation regclass, out noun text, out owner oid)
returns setof record
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select c.oid::regclass, r.name, c.relowner
    from ucrm.resources as r
    join pg_catalog.pg_class as c on c.oid = ucrm.relation_of(r.table_schema, r.table_name)
    where r.kind = 'entity';
$$;
comment on function ucrm.protected_tables() is 'Every table that is registered as protected and exists: table, noun, owner.';

create function ucrm.doctor()
returns table (level text, object text, what text, fix text)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return query
    select f.level, f.object, f.what, f.fix
    from (
        select * from ucrm.server_faults()
        union all select * from ucrm.table_faults()
        union all select * from ucrm.policy_faults()
        union all select * from ucrm.trigger_faults()
        union all select * from ucrm.key_faults()
        union all select * from ucrm.grant_faults()
        union all select * from ucrm.kernel_faults()
        union all select * from ucrm.view_faults()
        union all select * from ucrm.function_faults()
        union all select * from ucrm.role_faults()
        union all select * from ucrm.login_faults()
        union all select * from ucrm.setting_faults()
        union all select * from ucrm.gate_faults()
        union all select * from ucrm.route_faults()
        union all select * from ucrm.resource_faults()
        union all select * from ucrm.window_faults()
        union all select * from ucrm.secret_faults()
        union all select * from ucrm.issuer_faults()
        union all select * from ucrm.row_faults()
        union all select * from ucrm.exposure_faults()
        union all select * from ucrm.webhook_faults()
    ) as f
    order by array_position(array['error', 'warning', 'info'], f.level), f.object, f.what;
end
$$;
comment on function ucrm.doctor() is
'One row per finding: level (error, warning, info), object, what, fix (SQL to paste). No row: all is well. Reads only. Superuser only.';

-- Minors before these answered queries with row security that no longer held (CVE-2026-14666; postgresql.org/support/security).
create function ucrm.server_faults(version integer default null, libraries text default null)
returns setof ucrm.finding
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select 'warning', 'server',
           format('PostgreSQL %s.%s lacks fixes of row security that %s.%s has', s.major, s.minor, s.major, f.minor),
           format('-- install PostgreSQL %s.%s or later from your packages, then restart the server', s.major, f.minor)
    from (
        select v / 10000 as major, v % 10000 as minor
        from coalesce(version, current_setting('server_version_num')::integer) as v
    ) as s
    join (values (15, 19), (16, 15), (17, 11), (18, 6)) as f (major, minor) on f.major = s.major
    where s.minor < f.minor
    union all
    select 'error', 'shared_preload_libraries',
           'ucrm is not loaded when the server starts: anybody may set app.* before it is, and there are no windows',
           format('alter system set shared_preload_libraries = %s; -- then restart the server', concat_ws(', ', nullif(l, ''), 'ucrm'))
    from coalesce(libraries, current_setting('shared_preload_libraries')) as l
    where not exists (select from regexp_split_to_table(l, '\s*,\s*') as x where btrim(x, ' "') in ('ucrm', '$libdir/ucrm'))
    union all
    select 'error', format('event trigger %s', t.evtname),
           'it is disabled: new tables of watched schemas stay open, and what was remembered of changed ones lives on',
           format('alter event trigger %I enable;', t.evtname)
    from pg_catalog.pg_event_trigger as t
    where t.evtname in ('ucrm_ddl', 'ucrm_drop') and t.evtenabled in ('D', 'R');
$$;
comment on function ucrm.server_faults(integer, text) is 'Findings about the server; version and libraries as the server''s own settings show them, unless given.';
