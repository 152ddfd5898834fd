-- Relations between resources: read from the foreign keys between protected tables, so that nobody has to declare them.
create function ucrm.references_between()
returns table (constraint_name text, own text, own_relation oid, own_column text, target text)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    with entities as materialized (
        select r.name, r.key_column, ucrm.relation_of(r.table_schema, r.table_name) as relation from ucrm.resources as r where r.kind = 'entity'
    )
    select k.conname, o.name, k.conrelid, c.attname, t.name
    from pg_catalog.pg_constraint as k
    join entities as o on o.relation = k.conrelid
    join entities as t on t.relation = k.confrelid
    cross join lateral (
        select max(m.attname) filter (where m.attname <> 'tenant_id') as attname,
               count(*) filter (where m.attname = 'tenant_id' and f.attname = 'tenant_id') as tenants,
               count(*) filter (where m.attname <> 'tenant_id' and f.attname = t.key_column) as keys
        from unnest(k.conkey, k.confkey) as u (mine, theirs)
        join pg_catalog.pg_attribute as m on m.attrelid = k.conrelid and m.attnum = u.mine
        join pg_catalog.pg_attribute as f on f.attrelid = k.confrelid and f.attnum = u.theirs
    ) as c
    where k.contype = 'f' and k.conparentid = 0 and cardinality(k.conkey) = 2 and c.tenants = 1 and c.keys = 1;
$$;
comment on function ucrm.references_between() is
'Foreign keys (tenant_id, column) from one protected table to the key of another: constraint, resource, its table, column, resource referred to.';

create function ucrm.relations_of(resource text)
returns table (name text, kind text, target text, column_name text, constraint_name text, link text, link_column text)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    with refs as materialized (
        select r.*, regexp_replace(r.own_column, '_id$', '') as noun from ucrm.references_between() as r
    ), columns as materialized (
        select a.attname
        from ucrm.resources as r
        join pg_catalog.pg_attribute as a on a.attrelid = ucrm.relation_of(r.table_schema, r.table_name) and a.attnum > 0 and not a.attisdropped
        where r.name = resource
    ), found as (
        -- contacts.organization_id → organization
        select f.noun as name,
               'one' as kind, f.target, f.own_column as column_name, f.constraint_name, null as link, null as link_column
        from refs as f
        where f.own = resource
        union all
        -- contacts of an organization
        select case when count(*) over (partition by f.own) > 1 then f.own || '_by_' || f.noun else f.own end,
               'many', f.own, f.own_column, f.constraint_name, null, null
        from refs as f
        where f.target = resource
        union all
        -- contacts and deals, by way of a table with a key of each
        select case when a.target = b.target or count(*) over (partition by b.target) > 1 then b.own || '_' || b.noun else b.target end,
               'linked', b.target, a.own_column, a.constraint_name, a.own, b.own_column
        from refs as a
        join refs as b on b.own_relation = a.own_relation and b.own_column <> a.own_column
        where a.target = resource
          and exists (
              select
              from pg_catalog.pg_index as i
              where i.indrelid = a.own_relation and i.indisunique and i.indisvalid and i.indpred is null and i.indnkeyatts = 3
                and (select array_agg(x.attname::text order by x.attname::text) from pg_catalog.pg_attribute as x where x.attrelid = i.indrelid and x.attnum = any (i.indkey))
                    = (select array_agg(n order by n) from unnest(array['tenant_id', a.own_column, b.own_column]) as n)
          )
    )
    select distinct on (f.name) f.*
    from (
        -- A column comes first: contacts.notes is a text, notes_rows are what was noted of a contact.
        select x.name || case when not exists (select from columns as c where c.attname = x.name) then '' when x.kind = 'one' then '_row' else '_rows' end as name,
               x.kind, x.target, x.column_name, x.constraint_name, x.link, x.link_column
        from found as x
    ) as f
    order by f.name, array_position(array['one', 'linked', 'many'], f.kind), f.constraint_name;
$$;
comment on function ucrm.relations_of(text) is
'What a resource is related to, by foreign keys between protected tables. kind one: this table''s column_name refers to target (contacts.organization_id: organization). many: target''s column_name refers to this table (organizations: contacts). linked: rows of the resource link refer to this table by column_name and to target by link_column, each pair once (contacts: deals). A name that a column has is followed by _row or _rows.';

create type ucrm.relation as (name text, kind text, target text, column_name text, constraint_name text, link text, link_column text);
comment on type ucrm.relation is 'A row of ucrm.relations_of().';

grant execute on function ucrm.references_between(), ucrm.relations_of(text) to ucrm_handler, ucrm_owner;
