-- Routes are rows: method and path template → function. {resource} stands for any protected table, {id} for one segment.
create table ucrm.routes (
    method text not null check (method in ('GET', 'POST', 'PUT', 'PATCH', 'DELETE')),
    template text not null check (template ~ '^(/([a-z0-9._-]+|\{[a-z_]+\}))+$'),
    function text not null check (function ~ '^[a-z_][a-z0-9_]*\.[a-z_][a-z0-9_]*$'),
    audience text not null default 'tenant' check (audience in ('tenant', 'user', 'anybody', 'platform', 'internal', 'public')),
    resource text,
    action text,
    builtin boolean not null default false,
    segments text[] not null generated always as (string_to_array(substr(template, 2), '/')) stored,
    primary key (method, template)
);
comment on table ucrm.routes is
'function takes ucrm.request and returns ucrm.response. audience: tenant (a member or service of a workspace), user (a person who signed in, with or without a workspace), anybody (with any credential or none), platform (a platform admin), internal (the internal secret, or a platform admin), public (anybody without a credential). resource and action: the permission that is asked for, null = any member; resource null with {resource} in the template = that segment.';

create type ucrm.dispatch as (
    route text,
    fn oid,
    audience text,
    resource text,
    action text,
    deed text,
    writes boolean,
    shape text,
    relation oid,
    id_at integer,
    allow text,
    headers jsonb
);
comment on type ucrm.dispatch is
'Where a request goes: the route''s template and function, the permission it needs (action null: none; deed is what the gates are asked about), the resource''s shape and table, the position of {id} among the segments. route null: no such path, or with allow: no such method there.';

create function ucrm.remember_dispatch(method text, path text, generation bigint, d ucrm.dispatch)
returns void
language c
volatile
as 'MODULE_PATHNAME', 'ucrm_remember_dispatch';
comment on function ucrm.remember_dispatch(text, text, bigint, ucrm.dispatch) is 'Remembers it in this backend.';

create function ucrm.path_segments(path text)
returns text[]
language c
immutable
strict
as 'MODULE_PATHNAME', 'ucrm_path_segments';
comment on function ucrm.path_segments(text) is 'The percent-decoded segments of a path (RFC 3986, 3.3); null when it is malformed.';

create function ucrm.look_up_dispatch(method text, path text)
returns ucrm.dispatch
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    return (
        with segments as materialized (
            select ucrm.path_segments(path) as given
        ), candidates as materialized (
            select r.method, r.template, r.function, r.audience, r.action, m.id_at, m.holes,
                   coalesce(r.resource, x.name) as resource, x.name as entity, x.table_schema, x.table_name
            from segments as s
            join ucrm.routes as r on cardinality(r.segments) = cardinality(s.given) and (r.segments[3] = s.given[3] or r.segments[3] like '{%' or cardinality(r.segments) < 3)
            cross join lateral (
                select bool_and(w.part = s.given[w.n] or w.part like '{%') as fits,
                       count(*) filter (where w.part like '{%') as holes,
                       max(w.n) filter (where w.part = '{id}') as id_at,
                       max(w.n) filter (where w.part = '{resource}') as resource_at
                from unnest(r.segments) with ordinality as w (part, n)
            ) as m
            left join ucrm.resources as x on x.name = s.given[m.resource_at] and x.kind = 'entity'
            where m.fits and (m.resource_at is null or x.name is not null)
        ), best as (
            -- The template with the most literal segments, whatever its methods are: /why is not a resource.
            select c.* from candidates as c where c.holes = (select min(y.holes) from candidates as y)
        ), chosen as (
            select b.* from best as b where b.method = look_up_dispatch.method limit 1
        )
        select row(
            c.template,
            (
                select f.oid
                from pg_catalog.pg_proc as f
                join pg_catalog.pg_namespace as n on n.oid = f.pronamespace
                where n.nspname = split_part(c.function, '.', 1) and f.proname = split_part(c.function, '.', 2)
                  and f.pronargs = 1 and f.proargtypes[0] = 'ucrm.request'::regtype and f.prorettype = 'ucrm.response'::regtype and not f.proretset
            ),
            c.audience,
            c.resource,
            c.action,
            coalesce(c.action, case c.method when 'GET' then 'read' else 'update' end),
            case when c.action is null then c.method <> 'GET' else ucrm.is_write(c.action) end,
            ucrm.shape_of(c.entity),
            ucrm.relation_of(c.table_schema, c.table_name),
            c.id_at,
            case when c.template is null then (select string_agg(b.method, ', ' order by b.method) from best as b) end,
            jsonb_build_object('x-ucrm-route', c.template)
        )::ucrm.dispatch
        from (values (1)) as always (one)
        left join chosen as c on true
    );
end
$$;
comment on function ucrm.look_up_dispatch(text, text) is 'Where a path leads by ucrm.routes: the most literal template that fits.';

create function ucrm.find_dispatch(method text, path text)
returns ucrm.dispatch
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    generation constant bigint := ucrm.generation();
    d constant ucrm.dispatch := ucrm.look_up_dispatch(method, path);
begin
    if d.route is not null then
        perform ucrm.remember_dispatch(method, path, generation, d);
    end if;
    return d;
end
$$;
comment on function ucrm.find_dispatch(text, text) is 'Looks a path up and remembers what it finds.';

create function ucrm.call(fn oid, r ucrm.request)
returns ucrm.response
language c
volatile
as 'MODULE_PATHNAME', 'ucrm_call';
comment on function ucrm.call(oid, ucrm.request) is 'Calls a route''s function as the caller, who needs EXECUTE on it; errors keep SQLSTATE, hint and constraint.';

insert into ucrm.routes (method, template, function, audience, resource, action, builtin) values
('GET', '/api/v1/{resource}', 'ucrm.list_rows', 'tenant', null, 'read', true),
('POST', '/api/v1/{resource}', 'ucrm.create_row', 'tenant', null, 'create', true),
('GET', '/api/v1/{resource}/autocomplete', 'ucrm.autocomplete_rows', 'tenant', null, 'autocomplete', true),
('PATCH', '/api/v1/{resource}', 'ucrm.update_rows', 'tenant', null, 'update', true),
('DELETE', '/api/v1/{resource}', 'ucrm.delete_rows', 'tenant', null, 'delete', true),
('GET', '/api/v1/{resource}/{id}', 'ucrm.get_row', 'tenant', null, 'read', true),
('PATCH', '/api/v1/{resource}/{id}', 'ucrm.update_row', 'tenant', null, 'update', true),
('DELETE', '/api/v1/{resource}/{id}', 'ucrm.delete_row', 'tenant', null, 'delete', true),
('POST', '/api/v1/{resource}/import', 'ucrm.import_rows', 'tenant', null, 'import', true),
('GET', '/api/v1/{resource}/export', 'ucrm.export_rows', 'tenant', null, 'export', true),
('POST', '/api/v1/{resource}/{id}/archive', 'ucrm.archive_row', 'tenant', null, 'archive', true),
('POST', '/api/v1/{resource}/{id}/restore', 'ucrm.archive_row', 'tenant', null, 'restore', true),
('GET', '/api/v1/{resource}/{id}/{relation}', 'ucrm.list_links', 'tenant', null, 'read', true),
('PUT', '/api/v1/{resource}/{id}/{relation}', 'ucrm.change_links', 'tenant', null, 'update', true),
('DELETE', '/api/v1/{resource}/{id}/{relation}', 'ucrm.change_links', 'tenant', null, 'update', true),
('GET', '/api/v1/why', 'ucrm.why_route', 'tenant', 'session', null, true),
('GET', '/api/v1/permissions', 'ucrm.permissions_route', 'tenant', 'session', null, true),
('GET', '/api/v1/session', 'ucrm.session_route', 'anybody', 'session', null, true),
('GET', '/api/v1/billing/state', 'ucrm.billing_state_route', 'tenant', 'billing', 'read', true),
('DELETE', '/api/v1/tenant', 'ucrm.delete_tenant_route', 'tenant', 'tenant', 'delete', true),
('GET', '/api/v1/audit_logs', 'ucrm.audit_logs_route', 'tenant', 'audit_logs', 'read', true),
('PATCH', '/api/v1/admin/workspaces/{id}/approval', 'ucrm.approval_route', 'platform', null, null, true),
('GET', '/api/v1/admin/workspaces/{id}/export', 'ucrm.export_route', 'platform', null, null, true),
('DELETE', '/api/v1/admin/workspaces/{id}', 'ucrm.erase_route', 'platform', null, null, true),
('POST', '/api/v1/admin/workspaces/restore', 'ucrm.restore_route', 'platform', null, null, true);

create trigger builtin_rows_do_not_change
before update or delete on ucrm.routes
for each row when (old.builtin) execute function ucrm.refuse_immutable();

grant select on ucrm.routes to ucrm_app, ucrm_reader, ucrm_platform;
grant execute on function
    ucrm.path_segments(text), ucrm.find_dispatch(text, text), ucrm.call(oid, ucrm.request)
to ucrm_handler;
grant execute on function ucrm.remember_dispatch(text, text, bigint, ucrm.dispatch), ucrm.path_segments(text) to ucrm_owner;
