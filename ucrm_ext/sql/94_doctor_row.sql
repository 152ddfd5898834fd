-- Rows of the kernel's own tables that point at nothing, or say what nobody can mean.
create function ucrm.gate_faults()
returns setof ucrm.finding
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select 'error', format('gate %s', g.name),
           case
               when f.fn is null then format('there is no function %s(text, text) that returns boolean: it refuses everybody', g.check_fn)
               else format('its refusal %s is not in ucrm.refusals', g.code)
           end,
           format('delete from ucrm.gates where name = %L; -- or make what it needs', g.name)
    from ucrm.gates as g
    left join lateral (
        select p.oid as fn
        from pg_catalog.pg_proc as p
        join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
        where n.nspname = split_part(g.check_fn, '.', 1) and p.proname = split_part(g.check_fn, '.', 2)
          and oidvectortypes(p.proargtypes) = 'text, text' and p.prorettype = 'boolean'::regtype and not p.proretset
    ) as f on true
    where f.fn is null or not exists (select from ucrm.refusals as r where r.code = g.code)
    union all
    select 'error', format('gate %s', g.name), format('ucrm_app may not execute %s: it refuses everybody', p.oid::regprocedure),
           format(E'grant usage on schema %I to ucrm_app, ucrm_reader, ucrm_platform;\ngrant execute on function %s to ucrm_app, ucrm_reader, ucrm_platform;', n.nspname, p.oid::regprocedure)
    from ucrm.gates as g
    join pg_catalog.pg_namespace as n on n.nspname = split_part(g.check_fn, '.', 1)
    join pg_catalog.pg_proc as p on p.pronamespace = n.oid and p.proname = split_part(g.check_fn, '.', 2)
        and oidvectortypes(p.proargtypes) = 'text, text' and p.prorettype = 'boolean'::regtype and not p.proretset
    where not has_function_privilege('ucrm_app', p.oid, 'execute') or not has_schema_privilege('ucrm_app', n.oid, 'usage');
$$;
comment on function ucrm.gate_faults() is 'Findings about gates that cannot answer.';

create function ucrm.route_faults()
returns setof ucrm.finding
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select case when f.fn is null then 'error' else 'warning' end, format('route %s %s', r.method, r.template),
           case
               when f.fn is null then format('there is no function %s(ucrm.request) that returns ucrm.response', r.function)
               else format('there is no resource "%s": nobody has a permission on it', r.resource)
           end,
           format('delete from ucrm.routes where (method, template) = (%L, %L); -- or make what it needs', r.method, r.template)
    from ucrm.routes as r
    left join lateral (
        select p.oid as fn
        from pg_catalog.pg_proc as p
        join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
        where n.nspname = split_part(r.function, '.', 1) and p.proname = split_part(r.function, '.', 2)
          and p.pronargs = 1 and p.proargtypes[0] = 'ucrm.request'::regtype and p.prorettype = 'ucrm.response'::regtype and not p.proretset
    ) as f on true
    where f.fn is null
       or r.resource is not null and not exists (select from ucrm.resources as x where x.name = r.resource)
    union all
    select 'error', format('route %s %s', r.method, r.template), format('ucrm_handler may not execute %s', p.oid::regprocedure),
           format(E'grant usage on schema %I to ucrm_handler;\ngrant execute on function %s to ucrm_handler;', n.nspname, p.oid::regprocedure)
    from ucrm.routes as r
    join pg_catalog.pg_namespace as n on n.nspname = split_part(r.function, '.', 1)
    join pg_catalog.pg_proc as p on p.pronamespace = n.oid and p.proname = split_part(r.function, '.', 2)
        and p.pronargs = 1 and p.proargtypes[0] = 'ucrm.request'::regtype and p.prorettype = 'ucrm.response'::regtype and not p.proretset
    where not has_function_privilege('ucrm_handler', p.oid, 'execute') or not has_schema_privilege('ucrm_handler', n.oid, 'usage');
$$;
comment on function ucrm.route_faults() is 'Findings about routes that lead nowhere.';

create function ucrm.resource_faults()
returns setof ucrm.finding
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select 'error', format('resource %s', r.name), format('its table %I.%I is gone', r.table_schema, r.table_name),
           format('delete from ucrm.resources where name = %L;', r.name)
    from ucrm.resources as r
    where r.kind = 'entity' and ucrm.relation_of(r.table_schema, r.table_name) is null
    union all
    select 'error', format('resource %s', r.name), format('its columns %s are gone from %I.%I', c.gone, r.table_schema, r.table_name),
           format(E'update ucrm.resources set label_column = case when label_column = any (%1$L::text[]) then key_column else label_column end, '
               || 'search_columns = array(select c from unnest(search_columns) as c where c <> all (%1$L::text[])), '
               || 'secret_columns = array(select c from unnest(secret_columns) as c where c <> all (%1$L::text[])), '
               || 'owner_column = nullif(owner_column, all_gone.owner), archived_column = nullif(archived_column, all_gone.archived) '
               || 'from (select %2$L::text as owner, %3$L::text as archived) as all_gone where name = %4$L;'
               || E'\nselect ucrm.protect(%5$L);',
               c.names, case when r.owner_column = any (c.names) then r.owner_column end,
               case when r.archived_column = any (c.names) then r.archived_column end,
               r.name, ucrm.relation_of(r.table_schema, r.table_name)::regclass)
    from ucrm.resources as r
    cross join lateral (
        select string_agg(distinct format('"%s"', x), ', ') as gone, array_agg(distinct x) as names
        from unnest(r.search_columns || r.secret_columns || array[r.key_column, r.label_column, r.owner_column, r.archived_column]) as x
        where x is not null
          and not exists (
              select from pg_catalog.pg_attribute as a
              where a.attrelid = ucrm.relation_of(r.table_schema, r.table_name) and a.attname = x and a.attnum > 0 and not a.attisdropped
          )
    ) as c
    where r.kind = 'entity' and c.gone is not null and ucrm.relation_of(r.table_schema, r.table_name) is not null;
$$;
comment on function ucrm.resource_faults() is 'Findings about resources whose table or columns are gone.';

create function ucrm.window_faults(occupied numeric default 0.8)
returns setof ucrm.finding
language sql
volatile
set search_path = pg_catalog, pg_temp
as $$
    select case when w.live >= w.capacity then 'error' else 'warning' end, format('%s windows', w.segment),
           format('%s of %s are in use: a full table refuses everybody new', w.live, w.capacity),
           '-- entries leave by themselves when their seconds have passed; look who sends so much: select ucrm.window_occupancy();'
    from ucrm.window_occupancy() as w
    where w.live > w.capacity * occupied
    union all
    select 'warning', format('rate limit %s%s', l.name, ' of plan ' || l.plan), 'it allows 0 hits: everybody is refused',
           format('delete from ucrm.rate_limits where name = %L and plan is not distinct from %L and not builtin;', l.name, l.plan)
    from ucrm.rate_limits as l
    where l.hits = 0 and not l.builtin;
$$;
comment on function ucrm.window_faults(numeric) is 'Findings about windows: tables more than 80 % full, limits that allow nothing.';

create function ucrm.row_faults()
returns setof ucrm.finding
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select 'info', format('watched schema %I', w.name), 'it is gone', format('select ucrm.unwatch(%L);', w.name)
    from ucrm.watched_schemas as w
    where not exists (select from pg_catalog.pg_namespace as n where n.nspname = w.name)
    union all
    select 'info', format('unprotected table %I.%I', u.table_schema, u.table_name), 'it is gone, and a new one of this name would not be watched',
           format('delete from ucrm.unprotected_tables where (table_schema, table_name) = (%L, %L);', u.table_schema, u.table_name)
    from ucrm.unprotected_tables as u
    where ucrm.relation_of(u.table_schema, u.table_name) is null
    union all
    select 'info', format('internal secret of %s', s.created_at::date), 'it is older than a year',
           format('delete from ucrm.internal_secrets where digest = %L; -- once everybody uses a new one: ucrm.set_internal_secret()', s.digest)
    from ucrm.internal_secrets as s
    where s.created_at < clock_timestamp() - interval '1 year'
    union all
    select 'info', format('constraint field %s.%s', f.schema_name, f.constraint_name), 'there is no such constraint or index',
           format('delete from ucrm.constraint_fields where (schema_name, constraint_name) = (%L, %L);', f.schema_name, f.constraint_name)
    from ucrm.constraint_fields as f
    where not exists (
        select from pg_catalog.pg_constraint as k join pg_catalog.pg_namespace as n on n.oid = k.connamespace
        where n.nspname = f.schema_name and k.conname = f.constraint_name
    ) and not exists (
        select from pg_catalog.pg_class as c join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
        where n.nspname = f.schema_name and c.relname = f.constraint_name and c.relkind in ('i', 'I')
    );
$$;
comment on function ucrm.row_faults() is 'Findings about rows of the kernel''s tables that point at nothing or have grown old.';

create function ucrm.secret_faults(keys text[] default ucrm.sealing_keys(), fault text default ucrm.key_fault())
returns setof ucrm.finding
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select 'warning', 'ucrm.key_file', format('%s: new workspaces get no webhook secret, and nobody can enrol an authenticator app', fault),
           E'-- openssl rand -hex 32 > a file outside the data folder, readable by the server''s user alone, then\n'
           '-- alter system set ucrm.key_file = ''that file''; select pg_reload_conf();'
    where fault is not null
    union all
    select case when x.known then 'info' else 'error' end, x.relation::text,
           format(case when x.known then '%s sealed under the older key %s' else '%s sealed under key %s, which is not in the key file: nobody can open them' end, x.many, x.key),
           case when x.known then 'select ucrm.reseal();' else format('-- put key %s back into the file of ucrm.key_file, below the others', x.key) end
    from (
        select u.relation, u.key, u.many, u.key = any (keys) as known
        from ucrm.sealing_use() as u
    ) as x
    where x.key is distinct from keys[1];
$$;
comment on function ucrm.secret_faults(text[], text) is 'Findings about sealed secrets; the key file''s keys and what is wrong with it as the server sees them, unless given.';
