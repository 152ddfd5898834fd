-- Functions that ucrm.expose() let in, and that have changed since.
create function ucrm.exposure_faults()
returns setof ucrm.finding
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select 'error', format('exposed function %s', e.name), coalesce(o, format('there is no function %s any more', e.signature)),
           format('delete from ucrm.routes where template in (%L, %L); delete from ucrm.exposed_functions where name = %L;', '/rest/v1/rpc/' || e.name, e.path, e.name)
    from ucrm.exposed_functions as e
    left join lateral ucrm.exposure_obstacles(ucrm.exposed_function(e)) as o on true
    where o is not null or ucrm.exposed_function(e) is null
    union all
    select 'error', format('exposed function %s', e.name), format('it is exposed as %s and is %s now', case when ucrm.is_write(e.action) then 'a write' else 'a read' end,
           case p.provolatile when 'v' then 'VOLATILE' else 'STABLE or IMMUTABLE' end),
           format('select ucrm.expose(%L, resource => %L);', e.signature, e.resource)
    from ucrm.exposed_functions as e
    join pg_catalog.pg_proc as p on p.oid = ucrm.exposed_function(e)
    where ucrm.is_write(e.action) <> (p.provolatile = 'v');
$$;
comment on function ucrm.exposure_faults() is 'Findings about exposed functions: gone, SECURITY DEFINER by now, or another volatility.';
