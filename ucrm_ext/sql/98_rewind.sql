-- One tenant back to a moment: its protected tables become what ucrm.as_of() says they were, in one transaction, or
-- nothing does. Every row that changes leaves an audit row and an event, so that history goes on through it.
create function ucrm.rewind_table(noun text, tenant uuid, moment timestamptz)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    r constant ucrm.resources := (select x from ucrm.resources as x where x.name = noun);
    relation constant text := format('%I.%I', r.table_schema, r.table_name);
    every constant text := (
        select string_agg(quote_ident(a.attname), ', ' order by a.attnum)
        from pg_catalog.pg_attribute as a
        where a.attrelid = relation::regclass and a.attnum > 0 and not a.attisdropped and a.attgenerated = '');
    -- What has come since gets its default in a row that comes back, and stays in one that is there.
    known constant text := (
        select string_agg(quote_ident(c."to"), ', ')
        from ucrm.column_map(noun, 'infinity') as m
        cross join lateral jsonb_to_recordset(m.columns) as c ("to" text, "from" text)
        where m.since = (select max(x.since) from ucrm.column_map(noun, 'infinity') as x where x.since <= moment)
          and c."from" is not null and c."to" = any (ucrm.writable_columns(noun)));
begin
    execute format(
        'with gone as ('
        '    delete from %1$s as t '
        '    where t.tenant_id = $2 and not exists ('
        '        select from pg_temp.ucrm_wanted as w '
        '        where w.noun = $1 and w.key = t.%2$I::text and to_jsonb(jsonb_populate_record(t.*, w.image)) = to_jsonb(t.*)) '
        '    returning t.%2$I::text as key, to_jsonb(t.*) as image'
        ') insert into pg_temp.ucrm_rewound (noun, key, before) select $1, g.key, g.image from gone as g',
        relation, r.key_column) using noun, tenant;
    execute format(
        'insert into %1$s (%2$s) overriding system value select %3$s '
        'from pg_temp.ucrm_rewound as g join pg_temp.ucrm_wanted as w on w.noun = g.noun and w.key = g.key '
        'cross join lateral jsonb_populate_record(null::%1$s, g.before || w.image) as v where g.noun = $1',
        relation, every, (select string_agg('v.' || btrim(c), ', ') from unnest(string_to_array(every, ',')) as c)) using noun;
    execute format(
        'with back as ('
        '    insert into %1$s as t (%2$s) overriding system value select %3$s '
        '    from pg_temp.ucrm_wanted as w cross join lateral jsonb_populate_record(null::%1$s, w.image) as v '
        '    where w.noun = $1 and not exists (select from %1$s as x where x.tenant_id = $2 and x.%4$I = v.%4$I) '
        '    returning t.%4$I::text as key'
        ') insert into pg_temp.ucrm_rewound (noun, key) select $1, b.key from back as b',
        relation, known, (select string_agg('v.' || btrim(c), ', ') from unnest(string_to_array(known, ',')) as c), r.key_column) using noun, tenant;
    delete from ucrm.secrets as s
    using unnest(r.secret_columns) as c, pg_temp.ucrm_rewound as g
    where g.noun = rewind_table.noun and s.tenant_id = tenant and s.kind = ucrm.secret_kind(g.noun, c) and s.holder::text = g.key
      and not exists (select from pg_temp.ucrm_wanted as w where w.noun = g.noun and w.key = g.key);
end
$$;
comment on function ucrm.rewind_table(text, uuid, timestamptz) is 'Makes a tenant''s rows of one table what pg_temp.ucrm_wanted says, past triggers, and notes in pg_temp.ucrm_rewound what there was. Part of ucrm.rewind_tenant().';

create function ucrm.missing_parents(tenant uuid, mend boolean)
returns text
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    k record;
    missing text;
    broken boolean;
begin
    for k in
        select c.oid, c.conname, c.conrelid::regclass as child, c.confrelid::regclass as parent, c.confdeltype, c.conkey, c.confkey,
               coalesce(nullif(c.confdelsetcols, '{}'), c.conkey) as emptied
        from pg_catalog.pg_constraint as c
        join ucrm.resources as r on ucrm.relation_of(r.table_schema, r.table_name) = c.conrelid
        where c.contype = 'f' and c.conparentid = 0
    loop
        select format('t.tenant_id = $1 and %s and not exists (select from %s as p where %s)',
            string_agg(format('t.%I is not null', a.attname), ' and '), k.parent, string_agg(format('p.%I = t.%I', b.attname, a.attname), ' and '))
        into missing
        from unnest(k.conkey, k.confkey) as u (mine, theirs)
        join pg_catalog.pg_attribute as a on a.attrelid = k.child and a.attnum = u.mine
        join pg_catalog.pg_attribute as b on b.attrelid = k.parent and b.attnum = u.theirs;
        if mend then
            -- What refers to a member who has left: his leaving would have emptied it.
            if k.confdeltype = 'n' then
                execute (
                    select format('update %s as t set %s where %s', k.child, string_agg(format('%I = null', a.attname), ', '), missing)
                    from pg_catalog.pg_attribute as a
                    where a.attrelid = k.child and a.attnum = any (k.emptied) and a.attname <> 'tenant_id')
                using tenant;
            end if;
        else
            execute format('select exists (select from %s as t where %s)', k.child, missing) into broken using tenant;
            if broken then
                return format('%s of %s', k.conname, k.child);
            end if;
        end if;
    end loop;
    return null;
end
$$;
comment on function ucrm.missing_parents(uuid, boolean) is
'A foreign key of a protected table that rows of this tenant break, else null; mend: empties instead what ON DELETE SET NULL would have. Part of ucrm.rewind_tenant(), which writes past the triggers that ask.';

create function ucrm.rewind_tenant(tenant uuid, moment timestamptz)
returns table (resource text, created bigint, updated bigint, deleted bigint)
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    role constant text := current_setting('session_replication_role');
    r record;
    since timestamptz;
    images jsonb;
    broken text;
begin
    if not exists (select from ucrm.tenants as t where t.id = tenant) then
        perform ucrm.refuse('not_found');
    elsif moment is null or moment > clock_timestamp() then
        perform ucrm.refuse('moment_unknown', 'the moment must be in the past');
    end if;
    -- One at a time of each tenant.
    perform ucrm.lock('rewind_tenant ' || tenant);
    create temporary table ucrm_wanted (noun text, key text, image jsonb, primary key (noun, key)) on commit drop;
    create temporary table ucrm_rewound (noun text, key text, before jsonb, after jsonb, primary key (noun, key)) on commit drop;

    for r in select x.* from ucrm.resources as x where x.kind = 'entity' order by x.name loop
        since := ucrm.audit_begins(r.name);
        if since is null or since > moment then
            raise notice '% stays as it is: its audit begins at %', r.name, since;
            continue;
        elsif ucrm.moment_fault(r.name, tenant, moment) is not null then
            perform ucrm.refuse('moment_unknown', ucrm.moment_fault(r.name, tenant, moment));
        end if;
        insert into pg_temp.ucrm_wanted (noun, key, image)
        select r.name, i.key, (
            select jsonb_object_agg(c."from", i.image -> c."to")
            from jsonb_to_recordset(m.columns) as c ("to" text, "from" text)
            where c."from" is not null and c."from" <> all (r.secret_columns))
        from ucrm.images_at(r.name, tenant, moment) as i
        cross join (select x.columns from ucrm.column_map(r.name, moment) as x where x.until is null) as m;
    end loop;
    analyze pg_temp.ucrm_wanted;

    -- Triggers of tables would do again what they did then, and keep what is to go; what UCRM's own would do is done here.
    perform set_config('session_replication_role', 'replica', true);
    for r in select distinct x.noun from pg_temp.ucrm_wanted as x
        union
        select x.name from ucrm.resources as x
        where x.kind = 'entity' and ucrm.audit_begins(x.name) <= moment
    loop
        perform ucrm.rewind_table(r.noun, tenant, moment);
    end loop;
    perform ucrm.missing_parents(tenant, true);
    perform set_config('session_replication_role', role, true);
    broken := ucrm.missing_parents(tenant, false);
    if broken is not null then
        raise exception 'rows of this moment refer to rows that are not there any more: %', broken
            using errcode = 'foreign_key_violation', hint = 'Nothing was changed. Make what they refer to again, or choose a later moment.';
    end if;

    for r in select x.* from ucrm.resources as x where exists (select from pg_temp.ucrm_rewound as g where g.noun = x.name) order by x.name loop
        execute format(
            'update pg_temp.ucrm_rewound as g set after = to_jsonb(t.*) from %I.%I as t where g.noun = $1 and t.tenant_id = $2 and t.%I::text = g.key',
            r.table_schema, r.table_name, r.key_column) using r.name, tenant;
        perform ucrm.record_event(tenant, case when g.before is null then 'created' when g.after is null then 'deleted' else 'updated' end, r.name, g.key, g.before, g.after)
        from pg_temp.ucrm_rewound as g
        where g.noun = r.name and g.before is distinct from g.after
        order by g.key;
        return query
        select r.name, count(*) filter (where g.before is null), count(*) filter (where g.before is not null and g.after is not null), count(*) filter (where g.after is null)
        from pg_temp.ucrm_rewound as g
        where g.noun = r.name;
    end loop;
    perform ucrm.record_event(tenant, 'rewound', 'tenant', tenant::text, null, jsonb_build_object('moment', moment));
    insert into ucrm.platform_audit_logs (action, tenant_id, user_id, request_id, detail)
    select 'tenant.rewound', tenant, ucrm.user_id(), ucrm.request_id(),
           jsonb_build_object('moment', moment, 'created', count(*) filter (where g.before is null), 'deleted', count(*) filter (where g.after is null),
                              'updated', count(*) filter (where g.before is not null and g.after is not null))
    from pg_temp.ucrm_rewound as g;
    drop table pg_temp.ucrm_wanted, pg_temp.ucrm_rewound;
end
$$;
comment on function ucrm.rewind_tenant(uuid, timestamptz) is
'Makes a tenant''s protected tables what they were at a moment (see ucrm.as_of()), in one transaction, all or nothing; how many rows of each resource came, changed and went. Each leaves an audit row and an event, the whole a row tenant.rewound in the platform''s audit. Triggers of the tables do not run. Not taken back: UCRM''s own tables (members, roles, keys, custom columns, files, settings) and tables whose audit begins later; a secret that was changed or deleted since; what referred to a member who has left is emptied. Suspend the workspace first, else what its people write meanwhile stays. Superuser only. Refusals: not_found, moment_unknown; 23503 naming the foreign key.';
