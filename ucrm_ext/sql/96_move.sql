-- Moving a tenant: out into a file, and away. What belongs to a tenant goes by the catalogue, so that no table of
-- tomorrow is forgotten; every value travels as the text PostgreSQL writes for it, so that nothing is rounded.
create function ucrm.tenant_tables(out place integer, out relation regclass, out name text, out tenant_column name, out kernel boolean)
returns setof record
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    placed oid[] := '{}';
    chosen record;
begin
    place := 0;
    loop
        -- The next table is one whose parents are all placed.
        with candidate as (
            select c.oid, n.nspname, c.relname, n.nspname = 'ucrm' as is_kernel,
                   exists (select from pg_catalog.pg_constraint as k where k.conrelid = c.oid and k.contype = 'f') as has_parent
            from pg_catalog.pg_class as c
            join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
            where c.oid <> all (placed)
              and case
                  when n.nspname = 'ucrm' then c.relkind = 'r'
                      -- The platform's own audit outlives a tenant; its mails go with it, and are not sent again elsewhere.
                      and c.relname not in ('platform_audit_logs', 'emails')
                      and (c.relname in ('tenants', 'users') or exists (
                          select from pg_catalog.pg_attribute as a
                          where a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped
                      ))
                  else exists (
                      select from ucrm.resources as r
                      where r.kind = 'entity' and r.table_schema = n.nspname and r.table_name = c.relname
                  )
              end
        )
        select * into chosen
        from candidate as c
        order by
            exists (
                select
                from pg_catalog.pg_constraint as k
                join candidate as parent on parent.oid = k.confrelid
                where k.conrelid = c.oid and k.contype = 'f' and k.confrelid <> k.conrelid
            ),
            -- in a circle, the one that can be without the others
            exists (
                select
                from pg_catalog.pg_constraint as k
                join candidate as parent on parent.oid = k.confrelid
                where k.conrelid = c.oid and k.contype = 'f' and k.confrelid <> k.conrelid
                  and not exists (
                      select from pg_catalog.pg_attribute as a
                      where a.attrelid = k.conrelid and a.attnum = any (k.conkey) and not a.attnotnull
                  )
            ),
            -- tenants, people, what hangs on them; then the tenant's own tables; audit and outbox last
            case when c.is_kernel and c.relname in ('tenants', 'users') then 0
                 when c.is_kernel and c.has_parent then 1
                 when not c.is_kernel then 2
                 else 3 end,
            c.nspname, c.relname
        limit 1;
        exit when not found;
        placed := placed || chosen.oid;
        place := place + 1;
        relation := chosen.oid;
        name := format('%I.%I', chosen.nspname, chosen.relname);
        tenant_column := case when chosen.is_kernel and chosen.relname = 'tenants' then 'id' when chosen.is_kernel and chosen.relname = 'users' then null else 'tenant_id' end;
        kernel := chosen.is_kernel;
        return next;
    end loop;
end
$$;
comment on function ucrm.tenant_tables() is
'The tables a tenant consists of, parents first: every table of UCRM''s with a tenant_id but the platform''s audit and the mails, every protected table, and the accounts (tenant_column null).';

create function ucrm.moved_columns(relation regclass, out name name, out type text, out generated boolean)
returns setof record
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select a.attname, format_type(a.atttypid, -1), a.attgenerated <> ''
    from pg_catalog.pg_attribute as a
    where a.attrelid = relation and a.attnum > 0 and not a.attisdropped
      -- Of an account no more than names it.
      and (relation <> 'ucrm.users'::regclass or a.attname in ('id', 'email', 'name', 'email_verified_at', 'created_at', 'updated_at'))
    order by a.attnum;
$$;
comment on function ucrm.moved_columns(regclass) is 'The columns of a table that travel, with their types; a generated one is made anew where it arrives.';

-- Accounts belong to nobody: those go along that a row of the tenant refers to.
create function ucrm.tenant_condition(relation regclass, tenant_column name)
returns text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select case
        when tenant_column is not null then format('t.%I = $1', tenant_column)
        else (
            select format('t.id in (%s)', string_agg(format('select p.%I from %s as p where p.tenant_id = $1', a.attname, k.conrelid::regclass), ' union ' order by k.conrelid::regclass::text, a.attname))
            from pg_catalog.pg_constraint as k
            join pg_catalog.pg_attribute as a on a.attrelid = k.conrelid and a.attnum = k.conkey[1]
            join pg_catalog.pg_attribute as t on t.attrelid = k.conrelid and t.attname = 'tenant_id' and not t.attisdropped
            join pg_catalog.pg_class as c on c.oid = k.conrelid
            where k.contype = 'f' and k.confrelid = relation and cardinality(k.conkey) = 1 and c.relnamespace = 'ucrm'::regnamespace
        )
    end;
$$;
comment on function ucrm.tenant_condition(regclass, name) is 'Which rows of the table, called t, belong to tenant $1.';

create function ucrm.table_lines(relation regclass, name text, tenant_column name, tenant uuid)
returns setof jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
set datestyle = 'ISO, YMD'
set intervalstyle = 'postgres'
set timezone = 'UTC'
set extra_float_digits = 1
set bytea_output = 'hex'
as $$
declare
    columns record;
    sorted constant text := (
        select string_agg(format('t.%I', a.attname), ', ' order by k.n)
        from (select i.indkey::int2[] as keys from pg_catalog.pg_index as i where i.indrelid = relation and i.indisprimary) as i
        cross join lateral unnest(i.keys) with ordinality as k (attnum, n)
        join pg_catalog.pg_attribute as a on a.attrelid = relation and a.attnum = k.attnum
    );
begin
    select string_agg(quote_literal(c.name), ', ') as names, string_agg(format('t.%I::text', c.name), ', ') as images into columns
    from ucrm.moved_columns(relation) as c
    where not c.generated;
    return query execute format(
        'select jsonb_build_object(''table'', %L, ''row'', jsonb_object(array[%s]::text[], array[%s]::text[])) from %s as t where %s%s',
        name, columns.names, columns.images, relation, ucrm.tenant_condition(relation, tenant_column), coalesce(' order by ' || sorted, ''))
    using tenant;
end
$$;
comment on function ucrm.table_lines(regclass, text, name, uuid) is 'A tenant''s rows of one table, each {table, row: {column: text or null}}, by primary key.';

create function ucrm.table_count(relation regclass, tenant_column name, tenant uuid)
returns bigint
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    counted bigint;
begin
    execute format('select count(*) from %s as t where %s', relation, ucrm.tenant_condition(relation, tenant_column)) into counted using tenant;
    return counted;
end
$$;
comment on function ucrm.table_count(regclass, name, uuid) is 'How many rows of a table are a tenant''s.';

-- UCRM's own tables are read by their owner; protected ones by ucrm_mover, whom row security does not hold and who has
-- no members: people may become ucrm_platform, and would own what runs as somebody else.
create function ucrm.protected_lines(relation regclass, name text, tenant uuid)
returns setof jsonb
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$ select ucrm.table_lines(relation, name, 'tenant_id', tenant) $$;
comment on function ucrm.protected_lines(regclass, text, uuid) is 'ucrm.table_lines() of a protected table.';

create function ucrm.protected_count(relation regclass, tenant uuid)
returns bigint
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$ select ucrm.table_count(relation, 'tenant_id', tenant) $$;
comment on function ucrm.protected_count(regclass, uuid) is 'ucrm.table_count() of a protected table.';

-- Stable: every query in it sees what the statement that calls it sees, one moment of all tables.
create function ucrm.tenant_lines(tenant uuid)
returns setof jsonb
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
as $$
declare
    t record;
begin
    if not exists (select from ucrm.tenants as x where x.id = tenant) then
        perform ucrm.refuse('not_found');
    end if;
    return query
    select jsonb_build_object('format', 'ucrm-tenant', 'version', 1, 'tenant', tenant, 'exported_at', now(),
        'tables', jsonb_agg(jsonb_build_object(
            'schema', n.nspname, 'table', c.relname,
            'rows', case when x.kernel then ucrm.table_count(x.relation, x.tenant_column, tenant) else ucrm.protected_count(x.relation, tenant) end
        ) order by x.place))
    from ucrm.tenant_tables() as x
    join pg_catalog.pg_class as c on c.oid = x.relation
    join pg_catalog.pg_namespace as n on n.oid = c.relnamespace;
    for t in select * from ucrm.tenant_tables() loop
        if t.kernel then
            return query select ucrm.table_lines(t.relation, t.name, t.tenant_column, tenant);
        else
            return query select ucrm.protected_lines(t.relation, t.name, tenant);
        end if;
    end loop;
end
$$;
comment on function ucrm.tenant_lines(uuid) is 'The lines of ucrm.export_tenant(), unaudited. PT404 not_found.';

create function ucrm.export_tenant(tenant uuid)
returns setof jsonb
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    left_out constant text := (
        select string_agg(k.conrelid::regclass::text, ', ' order by k.conrelid::regclass::text)
        from pg_catalog.pg_constraint as k
        where k.contype = 'f' and k.confrelid = 'ucrm.tenants'::regclass and k.conparentid = 0
          and k.conrelid not in (select x.relation from ucrm.tenant_tables() as x)
    );
begin
    insert into ucrm.platform_audit_logs (action, tenant_id, user_id, request_id, detail)
    values ('tenant.exported', tenant, ucrm.user_id(), ucrm.request_id(), '{}');
    if left_out is not null then
        raise warning 'not exported, because they are not protected: %', left_out
            using hint = 'select ucrm.protect(''…'') each: erasing the tenant empties them too.';
    end if;
    return query select ucrm.tenant_lines(tenant);
    -- The workspace learns of it; the file is what there was before.
    perform ucrm.record_event(tenant, 'export', 'tenant', tenant::text, null, '{"by": "platform"}');
end
$$;
comment on function ucrm.export_tenant(uuid) is
'One tenant, whole, as of one moment. First line {format: "ucrm-tenant", version: 1, tenant, exported_at, tables: [{schema, table, rows}]}, then {table: "schema.name", row: {column: text or null}}, parents before children: tenant, accounts of its people, memberships, roles, keys (digests: they go on working), bound logins, protected tables, audit, outbox. Audited. To a file: psql -XAtq -c "select ucrm.export_tenant(''…'')" > tenant.ndjson. PT404 not_found.';

create function ucrm.erase_tenant(tenant uuid)
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    delete from ucrm.tenants as t where t.id = tenant;
    if not found then
        perform ucrm.refuse('not_found');
    end if;
end
$$;
comment on function ucrm.erase_tenant(uuid) is
'Deletes a tenant with every row of it; accounts stay; a tombstone (tenant.deleted) stays in the platform''s audit. PT404 not_found.';

create function ucrm.export_route(r ucrm.request)
returns ucrm.response
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    t ucrm.tenants;
begin
    perform ucrm.demand_platform();
    select x.* into t from ucrm.tenants as x where x.id = ucrm.find_tenant(r.id);
    if not found then
        return ucrm.problem('not_found', r.request_id);
    end if;
    return row(200, jsonb_build_object(
        'content-type', 'application/x-ndjson',
        'content-disposition', format('attachment; filename="%s-%s.ndjson"', t.slug, to_char(clock_timestamp() at time zone 'UTC', 'YYYYMMDD"T"HH24MISS"Z"')),
        'x-ucrm-stream', 'tenant_step',
        'x-ucrm-state', jsonb_build_object('tenant', t.id)::text
    ), null)::ucrm.response;
end
$$;
comment on function ucrm.export_route(ucrm.request) is
'GET /api/v1/admin/workspaces/{id}/export: 200, application/x-ndjson; the lines of ucrm.export_tenant() follow (ucrm.handle_stream). Refusals: not_found.';

create function ucrm.tenant_step(state jsonb, body bytea)
returns ucrm.piece
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    lines bytea;
begin
    perform ucrm.demand_platform();
    if not state ? 'open' then
        perform ucrm.open_rows('select l::text from ucrm.export_tenant($1::uuid) as l', array[state ->> 'tenant'], 'ucrm_tenant');
    end if;
    lines := ucrm.fetch_rows('ucrm_tenant', 100, 'text', false);
    return row(case when lines is not null then state || '{"open": true}' end, lines)::ucrm.piece;
end
$$;
comment on function ucrm.tenant_step(jsonb, bytea) is '100 lines of ucrm.export_tenant().';

create function ucrm.erase_route(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    tenant constant uuid := ucrm.find_tenant(r.id);
begin
    perform ucrm.demand_platform();
    if tenant is null then
        return ucrm.problem('not_found', r.request_id);
    end if;
    perform ucrm.erase_tenant(tenant);
    return row(204, null, null)::ucrm.response;
end
$$;
comment on function ucrm.erase_route(ucrm.request) is 'DELETE /api/v1/admin/workspaces/{id}: 204, the whole workspace is gone. Refusals: not_found.';

grant execute on function ucrm.tenant_tables(), ucrm.moved_columns(regclass), ucrm.tenant_condition(regclass, name),
    ucrm.table_lines(regclass, text, name, uuid), ucrm.table_count(regclass, name, uuid)
to ucrm_mover;
grant execute on function ucrm.protected_lines(regclass, text, uuid), ucrm.protected_count(regclass, uuid) to ucrm_owner;
grant execute on function ucrm.export_tenant(uuid), ucrm.erase_tenant(uuid) to ucrm_platform;
grant execute on function ucrm.export_route(ucrm.request), ucrm.erase_route(ucrm.request) to ucrm_handler, ucrm_owner;
grant execute on function ucrm.tenant_step(jsonb, bytea) to ucrm_handler;
