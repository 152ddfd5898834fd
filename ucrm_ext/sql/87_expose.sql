-- A DBA's own functions as part of the API: rows, so that they are there, permissioned and documented without a restart.
-- They run as the caller, inside his walls.
create table ucrm.exposed_functions (
    name text primary key check (name ~ '^[a-z_][a-z0-9_]{0,62}$'),
    schema_name text not null,
    function_name text not null,
    signature text not null unique,
    resource text not null,
    action text not null,
    method text check (method in ('GET', 'POST')),
    path text check (path ~ '^/api/v1(/([a-z0-9._-]+|\{[a-z_]+\}))+$'),
    check ((method is null) = (path is null))
);
comment on table ucrm.exposed_functions is
'Functions that ucrm.expose() made part of the API. signature: schema.function(types), as regprocedure prints it; resource and action: the permission that is asked for; method and path: the native route, if it has one. What it takes and gives: ucrm.exposed_arguments(), ucrm.exposed_result().';

-- Without to_regprocedure(), which asks for USAGE on the schema.
create function ucrm.exposed_function(e ucrm.exposed_functions)
returns oid
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select p.oid
    from pg_catalog.pg_proc as p
    join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
    where n.nspname = e.schema_name and p.proname = e.function_name and p.oid::regprocedure::text = e.signature;
$$;
comment on function ucrm.exposed_function(ucrm.exposed_functions) is 'The function that was exposed; null when it is gone.';

create function ucrm.exposed_arguments(fn oid)
returns table (n integer, name text, type text, required boolean, default_text text)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select a.n::integer, a.name, format_type(a.type, null), a.place <= p.pronargs - p.pronargdefaults,
           pg_get_function_arg_default(p.oid, a.n::integer)
    from pg_catalog.pg_proc as p
    cross join lateral (
        select u.type, u.name, u.mode, u.n, row_number() over (order by u.n) as place
        from unnest(coalesce(p.proallargtypes, p.proargtypes::oid[]), p.proargnames, p.proargmodes) with ordinality as u (type, name, mode, n)
        where coalesce(u.mode, 'i') in ('i', 'b', 'v')
    ) as a
    where p.oid = fn
    order by a.n;
$$;
comment on function ucrm.exposed_arguments(oid) is 'What a function takes: position, name, type, whether it has no default, the default''s expression.';

create function ucrm.exposed_result(fn oid, out kind text, out many boolean, out type text, out columns jsonb)
returns record
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select case
               when p.prorettype = 'void'::regtype then 'void'
               when cardinality(o.names) > 1 or p.prorettype = 'record'::regtype or t.typtype = 'c' then 'row'
               else 'value'
           end,
           p.proretset,
           format_type(p.prorettype, null),
           case
               when cardinality(o.names) > 0 then o.columns
               when t.typtype = 'c' then (
                   select jsonb_agg(jsonb_build_object('name', a.attname, 'type', format_type(a.atttypid, a.atttypmod)) order by a.attnum)
                   from pg_catalog.pg_attribute as a
                   where a.attrelid = t.typrelid and a.attnum > 0 and not a.attisdropped
               )
           end
    from pg_catalog.pg_proc as p
    join pg_catalog.pg_type as t on t.oid = p.prorettype
    cross join lateral (
        select coalesce(array_agg(u.name order by u.n), '{}') as names,
               jsonb_agg(jsonb_build_object('name', u.name, 'type', format_type(u.type, null)) order by u.n) as columns
        from unnest(p.proallargtypes, p.proargnames, p.proargmodes) with ordinality as u (type, name, mode, n)
        where u.mode in ('o', 'b', 't')
    ) as o
    where p.oid = fn;
$$;
comment on function ucrm.exposed_result(oid) is 'What a function gives: kind void, value or row; many: a set of them; type; columns of a row: [{name, type}].';

create function ucrm.exposure_obstacles(fn oid)
returns setof text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select v.what
    from pg_catalog.pg_proc as p
    join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
    cross join lateral (values
        (p.prokind <> 'f', 'it is a procedure, an aggregate or a window function'),
        (p.prosecdef, 'it is SECURITY DEFINER: it would run as its owner, outside the caller''s walls; make it SECURITY INVOKER'),
        (n.nspname in ('ucrm', 'pg_catalog', 'information_schema') or n.nspname like 'pg\_%', 'it is one of PostgreSQL''s or UCRM''s own: write a function around it'),
        (p.provariadic <> 0, 'it is VARIADIC: take an array'),
        (exists (select from unnest(p.proargtypes::oid[]) as a join pg_catalog.pg_type as t on t.oid = a where t.typtype = 'p'),
         'an argument is of a pseudo-type'),
        (exists (select from ucrm.exposed_arguments(p.oid) as a where coalesce(a.name, '') = ''), 'an argument has no name'),
        (exists (select from ucrm.exposed_arguments(p.oid) as a group by a.name having count(*) > 1), 'two arguments have one name'),
        (exists (select from pg_catalog.pg_type as t where t.oid = p.prorettype and t.typtype = 'p' and t.typname not in ('void', 'record')),
         'it returns a pseudo-type'),
        (p.prorettype = 'record'::regtype and not coalesce(p.proargmodes && '{o,b,t}'::"char"[], false), 'it returns a record without columns: say returns table (…)')
    ) as v (wrong, what)
    where p.oid = fn and v.wrong;
$$;
comment on function ucrm.exposure_obstacles(oid) is 'Why a function cannot be part of the API, a sentence each. Asked when it is exposed, at every call, and by doctor().';

create function ucrm.expose(
    function regprocedure,
    resource text,
    action text default null,
    name text default null,
    path text default null,
    method text default null
)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    p pg_catalog.pg_proc;
    noun constant text := resource;
    reads boolean;
    deed text;
    called text;
    way text := upper(method);
    wrong text;
begin
    select x.* into p from pg_catalog.pg_proc as x where x.oid = function;
    select string_agg(o, '; ') into wrong from ucrm.exposure_obstacles(function) as o;
    if wrong is not null then
        raise exception '% cannot be exposed: %', function, wrong using errcode = 'object_not_in_prerequisite_state';
    end if;
    reads := p.provolatile <> 'v';
    deed := coalesce(action, case when reads then 'read' else 'update' end);
    called := coalesce(name, p.proname);
    way := coalesce(way, case when path is not null then case when reads then 'GET' else 'POST' end end);
    if ucrm.is_write(deed) = reads then
        raise exception '% is %, and "%" is %', function, case when reads then 'STABLE or IMMUTABLE' else 'VOLATILE' end, deed, case when reads then 'a write' else 'a read' end
            using errcode = 'invalid_parameter_value',
                  hint = case when reads then 'Give action => ''read'', ''autocomplete'' or ''export'', or declare it VOLATILE.'
                              else 'Declare it STABLE if it only reads, or give the action that it does: create, update, delete, or a word of its own.' end;
    end if;
    if not exists (select from ucrm.resources as r where r.name = noun) then
        raise exception 'there is no resource "%"', noun using errcode = 'undefined_object', hint = 'Give one that is in ucrm.resources.';
    end if;
    if way = 'GET' and not reads then
        raise exception '% is VOLATILE, and GET only reads', function using errcode = 'invalid_parameter_value', hint = 'Give method => ''POST''.';
    end if;
    if exists (
        select from regexp_matches(path, '\{([^}]*)\}', 'g') as h
        where not exists (select from ucrm.exposed_arguments(function) as a where a.name = h[1])
    ) then
        raise exception '% names an argument that % does not have', path, function using errcode = 'invalid_parameter_value';
    end if;
    if exists (select from ucrm.exposed_functions as e where e.name = called and e.signature <> function::text) then
        raise exception '"%" is exposed already', called
            using errcode = 'duplicate_object', hint = 'Give another name => or ucrm.unexpose() the other function first.';
    end if;

    perform ucrm.unexpose(function);
    insert into ucrm.resource_actions (resource, action, writes) values (noun, deed, not reads) on conflict do nothing;
    insert into ucrm.exposed_functions (name, schema_name, function_name, signature, resource, action, method, path)
    values (called, (select n.nspname from pg_catalog.pg_namespace as n where n.oid = p.pronamespace), p.proname, function::text, noun, deed, case when path is not null then way end, path);
    insert into ucrm.routes (method, template, function, audience, resource, action)
    select m, '/rest/v1/rpc/' || called, 'ucrm.rpc_route', 'tenant', noun, deed
    from unnest(array['GET', 'POST']) as m
    where m = 'POST' or reads;
    if path is not null then
        insert into ucrm.routes (method, template, function, audience, resource, action)
        values (way, path, 'ucrm.exposed_route', 'tenant', noun, deed);
    end if;
    execute format('grant usage on schema %I to ucrm_app', (select n.nspname from pg_catalog.pg_namespace as n where n.oid = p.pronamespace));
    execute format('grant execute on function %s to ucrm_app', function);
end
$$;
comment on function ucrm.expose(regprocedure, text, text, text, text, text) is
'Makes a function part of the API: POST (and GET, if it is STABLE or IMMUTABLE) /rest/v1/rpc/{name}, and if asked path, /api/v1/…, where {argument} takes a segment. It runs as the caller: SECURITY DEFINER is refused. resource and action: the permission it needs; action defaults to read for what only reads, else update, and may be a new word. Idempotent; superuser only. 55000 names what is in the way.';

create function ucrm.unexpose(function regprocedure)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    e ucrm.exposed_functions;
begin
    delete from ucrm.exposed_functions as x where x.signature = function::text returning x.* into e;
    delete from ucrm.routes as r
    where not r.builtin
      and (r.template = '/rest/v1/rpc/' || e.name and r.function = 'ucrm.rpc_route'
           or r.template = e.path and r.method = e.method and r.function = 'ucrm.exposed_route');
end
$$;
comment on function ucrm.unexpose(regprocedure) is 'Undoes ucrm.expose(); what was granted on the function stays. Superuser only.';

grant select on ucrm.exposed_functions to ucrm_app, ucrm_reader, ucrm_platform;
grant execute on function ucrm.exposed_function(ucrm.exposed_functions), ucrm.exposed_arguments(oid), ucrm.exposed_result(oid), ucrm.exposure_obstacles(oid) to ucrm_owner, ucrm_handler;
