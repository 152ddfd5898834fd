-- Keys of protected tables: what makes a reference cross tenants, tell what others hold, or cost a full scan.
create function ucrm.tenant_reference_fix(reference oid)
returns text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select concat_ws(E'\n',
        case when not exists (
            select
            from pg_catalog.pg_index as i
            where i.indrelid = k.confrelid and i.indisunique and i.indisvalid and i.indpred is null and i.indexprs is null
              and (select array_agg(x order by x) from unnest(i.indkey::smallint[]) as x)
                = (select array_agg(x order by x) from unnest(k.confkey || p.attnum) as x)
        ) then format('alter table %s add unique (tenant_id, %s);', k.confrelid::regclass, c.theirs) end,
        format('alter table %s drop constraint %I, add constraint %I foreign key (tenant_id, %s) references %s (tenant_id, %s)%s%s%s%s;',
            k.conrelid::regclass, k.conname, k.conname, c.mine, k.confrelid::regclass, c.theirs,
            case k.confdeltype
                when 'c' then ' on delete cascade'
                when 'r' then ' on delete restrict'
                when 'n' then format(' on delete set null (%s)', c.mine)
                when 'd' then format(' on delete set default (%s)', c.mine)
                else ''
            end,
            case k.confupdtype when 'c' then ' on update cascade' when 'r' then ' on update restrict' else '' end,
            case when k.condeferrable then ' deferrable' else '' end,
            case when k.condeferred then ' initially deferred' else '' end))
    from pg_catalog.pg_constraint as k
    join pg_catalog.pg_attribute as p on p.attrelid = k.confrelid and p.attname = 'tenant_id' and not p.attisdropped
    cross join lateral (
        select string_agg(quote_ident(m.attname), ', ' order by u.n) as mine, string_agg(quote_ident(t.attname), ', ' order by u.n) as theirs
        from unnest(k.conkey, k.confkey) with ordinality as u (mine, theirs, n)
        join pg_catalog.pg_attribute as m on m.attrelid = k.conrelid and m.attnum = u.mine
        join pg_catalog.pg_attribute as t on t.attrelid = k.confrelid and t.attnum = u.theirs
    ) as c
    where k.oid = reference;
$$;
comment on function ucrm.tenant_reference_fix(oid) is 'SQL that makes a foreign key carry tenant_id, and the unique key it needs.';

create function ucrm.protection_fix(relation regclass)
returns text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select concat_ws(E'\n',
        (select format('alter table %s alter column tenant_id type uuid using tenant_id::uuid;', relation)
         from pg_catalog.pg_attribute as a
         where a.attrelid = relation and a.attname = 'tenant_id' and not a.attisdropped and a.atttypid <> 'uuid'::regtype),
        (select format('alter table %s alter column tenant_id set not null;', relation)
         from pg_catalog.pg_attribute as a
         where a.attrelid = relation and a.attname = 'tenant_id' and not a.attisdropped and not a.attnotnull),
        case when ucrm.protection_key(relation) is null then (
            select case
                when k.column is not null and k.referenced then format('alter table %s add unique (tenant_id, %I);', relation, k.column)
                when k.column is not null then format('alter table %s drop constraint %I, add constraint %I primary key (tenant_id, %I);', relation, k.conname, k.conname, k.column)
                when i.attname is null then format('alter table %s add column id uuid not null default ucrm.uuid7(), add unique (tenant_id, id);', relation)
                else format('alter table %s alter column id set not null, add unique (tenant_id, id);', relation)
            end
            from (values (1)) as one (row)
            left join (
                select a.attname as column, c.conname,
                       exists (select from pg_catalog.pg_constraint as f where f.contype = 'f' and f.conindid = c.conindid) as referenced
                from pg_catalog.pg_constraint as c
                join pg_catalog.pg_attribute as a on a.attrelid = c.conrelid and a.attnum = c.conkey[1]
                where c.conrelid = relation and c.contype = 'p' and cardinality(c.conkey) = 1 and a.attname <> 'tenant_id'
            ) as k on true
            left join pg_catalog.pg_attribute as i on i.attrelid = relation and i.attname = 'id' and not i.attisdropped
        ) end,
        (select string_agg(ucrm.tenant_reference_fix(k.oid), E'\n' order by k.conname) from ucrm.stray_references(relation) as k),
        (select string_agg(o.fix, E'\n')
         from ucrm.protection_obstacles(relation) as o
         where o.problem like any (array['rule %', 'trigger %', 'the default %', 'policy %'])),
        format('select ucrm.protect(%L);', relation));
$$;
comment on function ucrm.protection_fix(regclass) is 'SQL that brings a table into shape and protects it.';

create function ucrm.stray_references(relation regclass)
returns setof pg_catalog.pg_constraint
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select k.*
    from pg_catalog.pg_constraint as k
    where k.conrelid = relation and k.contype = 'f' and k.conparentid = 0
      and exists (select from pg_catalog.pg_attribute as a where a.attrelid = k.confrelid and a.attname = 'tenant_id' and not a.attisdropped)
      and not exists (
          select
          from unnest(k.conkey, k.confkey) as u (mine, theirs)
          join pg_catalog.pg_attribute as m on m.attrelid = k.conrelid and m.attnum = u.mine
          join pg_catalog.pg_attribute as t on t.attrelid = k.confrelid and t.attnum = u.theirs
          where m.attname = 'tenant_id' and t.attname = 'tenant_id'
      );
$$;
comment on function ucrm.stray_references(regclass) is 'Foreign keys to tables with a tenant_id that do not carry it: they reach other tenants'' rows.';

create function ucrm.key_faults()
returns setof ucrm.finding
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select 'error', format('constraint %I on %s', k.conname, t.relation),
           format('the foreign key does not carry tenant_id: it reaches other tenants'' rows of %s', k.confrelid::regclass),
           ucrm.tenant_reference_fix(k.oid)
    from ucrm.protected_tables() as t
    cross join lateral ucrm.stray_references(t.relation) as k
    union all
    select 'error', t.relation::text,
           'no foreign key to ucrm.tenants deletes its rows with their tenant',
           format('select ucrm.protect(%L);', t.relation)
    from ucrm.protected_tables() as t
    where not exists (
        select
        from pg_catalog.pg_constraint as k
        where k.conrelid = t.relation and k.contype = 'f' and k.confrelid = 'ucrm.tenants'::regclass and k.confdeltype = 'c'
    )
    union all
    select 'warning', t.relation::text,
           'its tenant_id is not filled with the tenant that was entered',
           format('select ucrm.protect(%L);', t.relation)
    from ucrm.protected_tables() as t
    join pg_catalog.pg_attribute as a on a.attrelid = t.relation and a.attname = 'tenant_id' and not a.attisdropped
    left join pg_catalog.pg_attrdef as d on d.adrelid = a.attrelid and d.adnum = a.attnum
    where pg_get_expr(d.adbin, d.adrelid) is distinct from 'ucrm.tenant_id()'
    union all
    select 'warning', t.relation::text,
           'its replica identity lacks tenant_id: its tenants cannot be moved by replication',
           format('select ucrm.protect(%L);', t.relation)
    from ucrm.protected_tables() as t
    where not exists (
        select
        from pg_catalog.pg_index as i
        join pg_catalog.pg_attribute as a on a.attrelid = i.indrelid and a.attnum = any (i.indkey)
        join pg_catalog.pg_class as c on c.oid = i.indrelid
        where i.indrelid = t.relation and i.indisreplident and c.relreplident = 'i' and a.attname = 'tenant_id'
    )
    union all
    select 'warning', format('constraint %I on %s', k.conname, k.relation),
           'no index begins with the columns of the foreign key: deleting a referenced row reads the whole table',
           format('create index on %s (%s);', k.relation, c.columns)
    from (
        select t.relation, x.*
        from ucrm.protected_tables() as t
        join pg_catalog.pg_constraint as x on x.conrelid = t.relation and x.contype = 'f'
        where not exists (
            select
            from pg_catalog.pg_index as i
            where i.indrelid = x.conrelid and i.indisvalid and i.indpred is null
              and (x.conkey <@ (i.indkey::smallint[])[0:cardinality(x.conkey) - 1]
                   -- Some of the columns find the row, or as much as a narrower key to the same table asks for.
                   or i.indisunique and (i.indkey::smallint[])[0:i.indnkeyatts - 1] <@ x.conkey
                   or exists (
                       select
                       from pg_catalog.pg_constraint as n
                       where n.conrelid = x.conrelid and n.contype = 'f' and n.confrelid = x.confrelid and n.oid <> x.oid
                         and n.conkey <@ x.conkey and n.conkey <@ (i.indkey::smallint[])[0:cardinality(n.conkey) - 1]
                   ))
        )
        -- First what costs little to ask, and is mostly so.
        offset 0
    ) as k
    cross join lateral (
        select string_agg(quote_ident(a.attname), ', ' order by u.n) as columns
        from unnest(k.conkey) with ordinality as u (attnum, n)
        join pg_catalog.pg_attribute as a on a.attrelid = k.conrelid and a.attnum = u.attnum
    ) as c
    where not exists (select from ucrm.stray_references(k.relation) as s where s.oid = k.oid)
    union all
    select 'warning', format('index %s', i.indexrelid::regclass),
           format('unique over all tenants of %s: it tells one tenant which values another holds', t.relation),
           case
               when k.conname is not null then format('alter table %s drop constraint %I, add constraint %I %s;',
                   t.relation, k.conname, k.conname, regexp_replace(pg_get_constraintdef(k.oid), '\(', '(tenant_id, '))
               else format('drop index %s;', i.indexrelid::regclass) || E'\n'
                   || regexp_replace(pg_get_indexdef(i.indexrelid), '( USING \w+ \()', '\1tenant_id, ') || ';'
           end
    from ucrm.protected_tables() as t
    join pg_catalog.pg_index as i on i.indrelid = t.relation and i.indisunique
    left join pg_catalog.pg_constraint as k on k.conindid = i.indexrelid and k.conrelid = t.relation and k.contype in ('p', 'u')
    where not exists (
        select from pg_catalog.pg_attribute as a where a.attrelid = t.relation and a.attname = 'tenant_id' and a.attnum = any (i.indkey)
    )
    union all
    select 'warning', format('index %s', i.indexrelid::regclass), 'it is invalid: nothing uses it, and every write pays for it',
           format('reindex index %s;', i.indexrelid::regclass)
    from ucrm.protected_tables() as t
    join pg_catalog.pg_index as i on i.indrelid = t.relation
    where not i.indisvalid
    union all
    select 'warning', format('constraint %I on %s', k.conname, t.relation), 'nobody checked that the rows of before obey it',
           format('alter table %s validate constraint %I;', t.relation, k.conname)
    from ucrm.protected_tables() as t
    join pg_catalog.pg_constraint as k on k.conrelid = t.relation and not k.convalidated;
$$;
comment on function ucrm.key_faults() is 'Findings about foreign keys, unique keys, indexes and the replica identity of protected tables.';
