-- What stands in the way of protecting a table, and its key.
create function ucrm.protection_obstacles(relation regclass)
returns table (problem text, fix text)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select 'it is not an ordinary or partitioned table', 'Protect the table that a view or foreign table reads.'
    from pg_catalog.pg_class as c
    where c.oid = relation and (c.relkind not in ('r', 'p') or c.relpersistence = 't')
    union all
    select 'it is a system or UCRM table', 'Only your own tables are protected.'
    from pg_catalog.pg_class as c
    join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
    where c.oid = relation and (n.nspname in ('ucrm', 'pg_catalog', 'information_schema') or n.nspname like 'pg\_%')
    union all
    select 'it has no column tenant_id uuid not null',
           format('alter table %s add column tenant_id uuid not null default ucrm.tenant_id();', relation)
    where not exists (
        select from pg_catalog.pg_attribute as a
        where a.attrelid = relation and a.attname = 'tenant_id' and a.atttypid = 'uuid'::regtype and a.attnotnull and not a.attisdropped
    )
    union all
    select 'it has no unique index that begins (tenant_id, key)',
           format('alter table %s add primary key (tenant_id, id);', relation)
    where ucrm.protection_key(relation) is null
    union all
    select format('foreign key %s does not carry tenant_id', k.conname),
           format('alter table %s drop constraint %I, add constraint %I %s;', relation, k.conname, k.conname, regexp_replace(
               regexp_replace(pg_get_constraintdef(k.oid), '\((.*?)\) REFERENCES (.*?)\((.*?)\)', '(tenant_id, \1) REFERENCES \2(tenant_id, \3)'),
               -- The tenant's column is never emptied.
               'ON DELETE SET (NULL|DEFAULT)(?! \()', 'ON DELETE SET \1 (' || (
                   select string_agg(quote_ident(a.attname), ', ')
                   from pg_catalog.pg_attribute as a
                   where a.attrelid = k.conrelid and a.attnum = any (k.conkey)
               ) || ')'))
    from pg_catalog.pg_constraint as k
    where k.conrelid = relation and k.contype = 'f' and k.conparentid = 0
      and exists (
          select from pg_catalog.pg_attribute as a
          where a.attrelid = k.confrelid and a.attname = 'tenant_id' and not a.attisdropped
      )
      and not exists (
          select
          from unnest(k.conkey, k.confkey) as u (mine, theirs)
          join pg_catalog.pg_attribute as m on m.attrelid = k.conrelid and m.attnum = u.mine
          join pg_catalog.pg_attribute as t on t.attrelid = k.confrelid and t.attnum = u.theirs
          where m.attname = 'tenant_id' and t.attname = 'tenant_id'
      )
    union all
    select format('rule %s rewrites its statements', r.rulename), format('drop rule %I on %s;', r.rulename, relation)
    from pg_catalog.pg_rewrite as r
    where r.ev_class = relation and r.rulename <> '_RETURN'
    union all
    select format('trigger %s runs the SECURITY DEFINER function %s', t.tgname, t.tgfoid::regprocedure),
           format('alter function %s security invoker;', t.tgfoid::regprocedure)
    from pg_catalog.pg_trigger as t
    join pg_catalog.pg_proc as p on p.oid = t.tgfoid
    join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
    where t.tgrelid = relation and not t.tgisinternal and p.prosecdef and n.nspname <> 'ucrm'
    union all
    select format('the default of column %s calls the SECURITY DEFINER function %s', a.attname, p.oid::regprocedure),
           format('alter table %s alter column %I drop default;', relation, a.attname)
    from pg_catalog.pg_attrdef as d
    join pg_catalog.pg_attribute as a on a.attrelid = d.adrelid and a.attnum = d.adnum
    join pg_catalog.pg_depend as x on x.classid = 'pg_catalog.pg_attrdef'::regclass and x.objid = d.oid and x.refclassid = 'pg_catalog.pg_proc'::regclass
    join pg_catalog.pg_proc as p on p.oid = x.refobjid
    join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
    where d.adrelid = relation and p.prosecdef and n.nspname <> 'ucrm'
    union all
    select format('policy %s is not UCRM''s', p.polname), format('drop policy %I on %s;', p.polname, relation)
    from pg_catalog.pg_policy as p
    where p.polrelid = relation and p.polpermissive and p.polname not like 'ucrm: %'
    union all
    select format('the name of column %s has control characters', quote_ident(a.attname)), format('alter table %s rename column %I to %I;', relation, a.attname, regexp_replace(a.attname, '[[:cntrl:]]+', '_', 'g'))
    from pg_catalog.pg_attribute as a
    where a.attrelid = relation and a.attnum > 0 and not a.attisdropped and a.attname ~ '[[:cntrl:]]'
    union all
    select 'it is a partition', 'Protect the partitioned table; grant nobody its partitions.'
    from pg_catalog.pg_class as c
    where c.oid = relation and c.relispartition;
$$;
comment on function ucrm.protection_obstacles(regclass) is 'What must change before ucrm.protect(table) accepts it: problem and the statement that fixes it. No row: nothing.';

create function ucrm.protection_key(relation regclass)
returns name
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select k.attname
    from pg_catalog.pg_index as i
    join pg_catalog.pg_attribute as t on t.attrelid = i.indrelid and t.attnum = i.indkey[0]
    join pg_catalog.pg_attribute as k on k.attrelid = i.indrelid and k.attnum = i.indkey[1]
    where i.indrelid = relation and i.indisunique and i.indnkeyatts = 2 and i.indpred is null and i.indisvalid and i.indimmediate
      and t.attname = 'tenant_id' and k.attnotnull
    order by i.indisprimary desc, k.attname = 'id' desc
    limit 1;
$$;
comment on function ucrm.protection_key(regclass) is 'The key of a tenant table: the second column of its unique index (tenant_id, key); null when it has none.';

create function ucrm.check_protectable(relation regclass)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    obstacles text;
    fixes text;
begin
    select string_agg(o.problem, '; '), string_agg(o.fix, E'\n')
    into obstacles, fixes
    from ucrm.protection_obstacles(relation) as o;
    if obstacles is not null then
        raise exception '% cannot be protected yet: %', relation, obstacles
            using errcode = 'object_not_in_prerequisite_state', hint = fixes;
    end if;
end
$$;
comment on function ucrm.check_protectable(regclass) is 'Raises 55000 with every obstacle in the message and every fix in the hint.';
