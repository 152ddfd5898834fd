-- protect() makes a table a tenant table: isolation, permission, gate, audit and outbox sit on the table itself.
create table ucrm.watched_schemas (
    name name primary key
);
comment on table ucrm.watched_schemas is 'Schemas whose new tables are protected as they are made: see ucrm.watch().';

create table ucrm.unprotected_tables (
    table_schema text not null,
    table_name text not null,
    reason text not null default '',
    primary key (table_schema, table_name)
);
comment on table ucrm.unprotected_tables is 'Tables with a tenant_id that are deliberately not protected: the event trigger and doctor() leave them alone.';

create function ucrm.protect(
    "table" regclass,
    resource text default null,
    label text default null,
    search text[] default null,
    secret text[] default null,
    owner text default null,
    archived text default null
)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    relation constant regclass := "table";
    noun text;
begin
    perform ucrm.check_protectable(relation);
    noun := ucrm.register_resource(relation, resource, label, search, secret, owner, archived);

    execute format('alter table %s alter column tenant_id set default ucrm.tenant_id()', relation);
    execute format('alter table %s enable row level security', relation);
    execute format('alter table %s force row level security', relation);
    perform ucrm.attach_tenant_key(relation);
    perform ucrm.attach_policies(relation, noun);
    perform ucrm.attach_triggers(relation, noun);
    perform ucrm.note_columns(noun, not exists (select from ucrm.column_history as h where h.resource = noun));

    execute format('grant usage on schema %I to ucrm_app, ucrm_reader, ucrm_platform, ucrm_mover',
                   (select n.nspname from pg_catalog.pg_class as c join pg_catalog.pg_namespace as n on n.oid = c.relnamespace where c.oid = relation));
    execute format('revoke all on %s from public', relation);
    execute format('grant select, insert, update, delete on %s to ucrm_app, ucrm_platform', relation);
    execute format('grant select on %s to ucrm_reader', relation);
    execute format('grant select, insert on %s to ucrm_mover', relation);
    perform ucrm.refresh_reports();
end
$$;
comment on function ucrm.protect(regclass, text, text, text[], text[], text, text) is
'Makes a table tenant-safe, permissioned, gated and audited; idempotent; changes no owner; superuser only. resource: its noun (default: the table''s name); label: the column people know a row by; search: columns of q=; secret: text columns whose values are sealed, the row holding a mask (see ucrm.mask_secrets()); owner: uuid column for scope own (default owner_id if there is one); archived: timestamptz column (default archived_at). 55000 names every obstacle with its fix; PT409 resource_taken.';

create function ucrm.first_column(relation regclass, names text[], type regtype)
returns name
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select a.attname
    from pg_catalog.pg_attribute as a
    where a.attrelid = relation and a.attnum > 0 and not a.attisdropped
      and a.attname = any (names)
      and (type is null or a.atttypid = type)
    order by array_position(names, a.attname::text)
    limit 1;
$$;
comment on function ucrm.first_column(regclass, text[], regtype) is 'The first of these columns that the table has, with this type if one is given.';

create function ucrm.register_resource(
    relation regclass,
    resource text,
    label text,
    search text[],
    secret text[],
    owner text,
    archived text
)
returns text
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    in_schema constant text := (select n.nspname from pg_catalog.pg_class as c join pg_catalog.pg_namespace as n on n.oid = c.relnamespace where c.oid = relation);
    in_table constant text := (select c.relname from pg_catalog.pg_class as c where c.oid = relation);
    known ucrm.resources;
    noun text;
    key_name constant text := ucrm.protection_key(relation);
    label_name text;
    search_names text[];
    secret_names text[];
    owner_name text;
    archived_name text;
    wrong text;
begin
    select r.* into known from ucrm.resources as r where r.table_schema = in_schema and r.table_name = in_table;
    noun := coalesce(resource, known.name, in_table);
    label_name := coalesce(label, known.label_column, ucrm.first_column(relation, array['name', 'title', 'label', 'email', 'subject'], null), key_name);
    search_names := coalesce(search, known.search_columns, array(select label_name where label_name <> key_name));
    secret_names := coalesce(secret, known.secret_columns, '{}');
    owner_name := coalesce(nullif(owner, ''), known.owner_column, ucrm.first_column(relation, array['owner_id'], 'uuid'));
    archived_name := coalesce(nullif(archived, ''), known.archived_column, ucrm.first_column(relation, array['archived_at'], 'timestamptz'));
    if noun !~ '^[a-z][a-z0-9_]{0,62}$' then
        raise exception '"%" cannot name a resource', noun
            using errcode = 'invalid_parameter_value', hint = 'Give a plural snake_case noun: ucrm.protect(table, resource => ''contacts'').';
    end if;

    select string_agg(format('"%s"', c), ', ') into wrong
    from unnest(search_names || secret_names || array[label_name, owner_name, archived_name]) as c
    where c is not null
      and not exists (select from pg_catalog.pg_attribute as a where a.attrelid = relation and a.attname = c and a.attnum > 0 and not a.attisdropped);
    if wrong is not null then
        raise exception '% has no column %', relation, wrong
            using errcode = 'undefined_column', hint = 'label, search, secret, owner and archived name columns of the table.';
    end if;

    wrong := ucrm.secret_obstacles(relation, secret_names, key_name);
    if wrong is not null then
        raise exception '%: %', relation, wrong
            using errcode = 'invalid_parameter_value', hint = 'Its row holds a mask instead of the secret: see ucrm.mask_secrets().';
    end if;
    if label_name = any (secret_names) or search_names && secret_names then
        raise exception '%: neither label nor search can be a secret column', relation using errcode = 'invalid_parameter_value';
    end if;

    if noun in ('entity', 'rest', 'admin', 'internal', 'auth', 'why', 'permissions', 'session', 'events', 'docs', 'mcp', 'workspaces', 'impersonations', 'custom_columns')
        or exists (select from ucrm.resources as r where r.name = noun and (r.table_schema, r.table_name) is distinct from (in_schema, in_table))
    then
        perform ucrm.refuse('resource_taken', format('"%s" is taken or reserved: give another noun with resource =>', noun));
    end if;

    if known.name is not null then
        update ucrm.resources as r
        set name = noun, key_column = key_name, owner_column = owner_name, archived_column = archived_name,
            label_column = label_name, search_columns = search_names, secret_columns = secret_names
        where r.name = known.name;
        if noun <> known.name then
            update ucrm.custom_columns as c set resource = noun where c.resource = known.name;
            perform ucrm.rename_row_secrets(known.name, noun, known.secret_columns);
            -- What the audit has under the other name is another resource's.
            delete from ucrm.column_history as h where h.resource = noun;
        end if;
    else
        insert into ucrm.resources (name, label, kind, table_schema, table_name, key_column, owner_column, archived_column, label_column, search_columns, secret_columns)
        values (noun, initcap(replace(noun, '_', ' ')), 'entity', in_schema, in_table, key_name,
                owner_name, archived_name, label_name, search_names, secret_names);
    end if;
    insert into ucrm.resource_actions (resource, action, writes)
    select noun, a, ucrm.is_write(a)
    from unnest(array['import', 'create', 'read', 'autocomplete', 'update', 'delete', 'archive', 'restore', 'export']) as a
    on conflict do nothing;
    return noun;
end
$$;
comment on function ucrm.register_resource(regclass, text, text, text[], text[], text, text) is 'The resource row of a table and its nine actions; returns the noun. Part of protect().';

create function ucrm.attach_tenant_key(relation regclass)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    if not exists (
        select
        from pg_catalog.pg_constraint as k
        where k.conrelid = relation and k.contype = 'f' and k.confrelid = 'ucrm.tenants'::regclass and k.confdeltype = 'c'
    ) then
        execute format('alter table %s add constraint ucrm_tenant foreign key (tenant_id) references ucrm.tenants (id) on delete cascade', relation);
    end if;
    -- Row filters of logical replication need tenant_id in the identity of what is updated or deleted.
    execute format('alter table %s replica identity using index %I', relation, (
        select c.relname
        from pg_catalog.pg_index as i
        join pg_catalog.pg_class as c on c.oid = i.indexrelid
        join pg_catalog.pg_attribute as t on t.attrelid = i.indrelid and t.attnum = i.indkey[0]
        join pg_catalog.pg_attribute as k on k.attrelid = i.indrelid and k.attnum = i.indkey[1]
        where i.indrelid = relation and i.indisunique and i.indnkeyatts = 2 and i.indpred is null and i.indisvalid and i.indimmediate
          and t.attname = 'tenant_id' and k.attname = ucrm.protection_key(relation)
        order by i.indisprimary desc
        limit 1
    ));
end
$$;
comment on function ucrm.attach_tenant_key(regclass) is 'Foreign key to tenants (ON DELETE CASCADE) and a replica identity that begins with tenant_id. Part of protect().';

create function ucrm.attach_policies(relation regclass, noun text)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    owner_column constant text := (select r.owner_column from ucrm.resources as r where r.name = noun);
    stale record;
    rule record;
    allowed text;
begin
    for stale in select p.polname from pg_catalog.pg_policy as p where p.polrelid = relation and p.polname like 'ucrm: %' loop
        execute format('drop policy %I on %s', stale.polname, relation);
    end loop;

    execute format('create policy "ucrm: whatever the restrictions leave" on %s as permissive for all using (true) with check (true)', relation);
    -- Each question is a sub-select that answers yes or no: asked once a statement, and to the planner an even chance.
    -- A comparison outside it would be guessed to pass few rows, and lists would be sorted instead of read in order.
    for rule in
        select * from (values
            ('select', 'read', 'members read', true, false),
            ('insert', 'create', 'members create', false, true),
            ('update', 'update', 'members update', true, true),
            ('delete', 'delete', 'members delete', true, false)
        ) as v (command, action, sentence, has_using, has_check)
    loop
        execute format('create policy %I on %s as restrictive for %s %s %s',
            format('ucrm: %s rows of their tenant', rule.sentence), relation, rule.command,
            case when rule.has_using then 'using (tenant_id = (select ucrm.tenant_id()))' else '' end,
            case when rule.has_check then 'with check (tenant_id = (select ucrm.tenant_id()))' else '' end);
        allowed := case
            when owner_column is null then format('(select ucrm.permission_scope(%L, %L) = ''all'')', noun, rule.action)
            else format('((select ucrm.permission_scope(%1$L, %2$L) = ''all'') or ((select ucrm.permission_scope(%1$L, %2$L) = ''own'') and %3$I = (select ucrm.user_id())))', noun, rule.action, owner_column)
        end;
        execute format('create policy %I on %s as restrictive for %s %s %s',
            format('ucrm: %s %s as their role grants', rule.sentence, noun), relation, rule.command,
            case when rule.has_using then format('using (%s)', allowed) else '' end,
            case when rule.has_check then format('with check (%s)', allowed) else '' end);
    end loop;
end
$$;
comment on function ucrm.attach_policies(regclass, text) is
'Two RESTRICTIVE policies per command (tenant, permission) and one PERMISSIVE true. Part of protect().';

create function ucrm.attach_triggers(relation regclass, noun text)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    r ucrm.resources;
    arguments text;
begin
    select x.* into r from ucrm.resources as x where x.name = noun;
    arguments := format('%L, %L, %L', r.name, r.key_column, coalesce(r.archived_column, ''));
    execute format('create or replace trigger ucrm_gate before insert or update or delete on %s for each statement execute function ucrm.gate_write(%L)', relation, noun);
    execute format('create or replace trigger ucrm_record_insert after insert on %s referencing new table as new_rows for each statement execute function ucrm.record_insert(%s)', relation, arguments);
    execute format('create or replace trigger ucrm_record_update after update on %s referencing old table as old_rows new table as new_rows for each statement execute function ucrm.record_update(%s)', relation, arguments);
    execute format('create or replace trigger ucrm_record_delete after delete on %s referencing old table as old_rows for each statement execute function ucrm.record_delete(%s)', relation, arguments);
    perform ucrm.attach_custom(relation, noun);
    perform ucrm.attach_secrets(relation, noun);
    execute format('create or replace trigger ucrm_bump_rows after insert or update or delete on %s for each row execute function ucrm.bump_rows()', relation);
    execute format('create or replace trigger ucrm_bump_all after truncate on %s for each statement execute function ucrm.bump_rows()', relation);
    execute format('alter table %s enable always trigger ucrm_bump_rows', relation);
    execute format('alter table %s enable always trigger ucrm_bump_all', relation);
end
$$;
comment on function ucrm.attach_triggers(regclass, text) is 'Gate, the check of custom values and the sealing of secrets before, audit and outbox after, and the forgetting of remembered counts. Part of protect().';

create function ucrm.unprotect("table" regclass)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    relation constant regclass := "table";
    part record;
begin
    for part in
        select distinct v.oid::regclass as name
        from pg_catalog.pg_depend as d
        join pg_catalog.pg_rewrite as w on w.oid = d.objid
        join pg_catalog.pg_class as v on v.oid = w.ev_class
        join pg_catalog.pg_namespace as n on n.oid = v.relnamespace
        join ucrm.logins as l on l.report_schema = n.nspname
        where d.classid = 'pg_catalog.pg_rewrite'::regclass and d.refobjid = relation
    loop
        execute format('drop view %s', part.name);
    end loop;
    for part in select p.polname from pg_catalog.pg_policy as p where p.polrelid = relation and p.polname like 'ucrm: %' loop
        execute format('drop policy %I on %s', part.polname, relation);
    end loop;
    for part in
        select t.tgname
        from pg_catalog.pg_trigger as t
        join pg_catalog.pg_proc as p on p.oid = t.tgfoid
        where t.tgrelid = relation and not t.tgisinternal and p.pronamespace = 'ucrm'::regnamespace and t.tgname like 'ucrm\_%'
    loop
        execute format('drop trigger %I on %s', part.tgname, relation);
    end loop;
    execute format('alter table %s no force row level security', relation);
    execute format('alter table %s disable row level security', relation);
    execute format('alter table %s alter column tenant_id drop default', relation);
    execute format('alter table %s drop constraint if exists ucrm_tenant', relation);
    execute format('alter table %s replica identity default', relation);
    execute format('revoke all on %s from ucrm_app, ucrm_reader, ucrm_platform, ucrm_mover', relation);
    delete from ucrm.resources as r
    using pg_catalog.pg_class as c
    join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
    where c.oid = relation and r.table_schema = n.nspname and r.table_name = c.relname;
    perform ucrm.refresh_reports();
end
$$;
comment on function ucrm.unprotect(regclass) is
'Undoes protect(): policies, triggers, row security, grants, registration. The rows stay; only the owner and superusers reach them. Superuser only.';
