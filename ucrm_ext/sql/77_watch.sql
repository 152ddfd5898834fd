-- What happens by itself when tables come, change their name, and go.
create function ucrm.watch(schema name)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    if to_regnamespace(quote_ident(schema)) is null then
        raise exception 'there is no schema "%"', schema using errcode = 'undefined_object', hint = 'CREATE SCHEMA first.';
    end if;
    insert into ucrm.watched_schemas (name) values (schema) on conflict do nothing;
end
$$;
comment on function ucrm.watch(name) is
'From now on a new table of complete shape in this schema is protected as it is made; one with a tenant_id but not the shape, or of an owner who is neither a superuser nor ucrm_tables, is closed to everybody, with a NOTICE: whoever owns a protected table is trusted with every tenant. Superuser only.';

create function ucrm.unwatch(schema name)
returns void
language sql
volatile
set search_path = pg_catalog, pg_temp
as $$ delete from ucrm.watched_schemas where name = schema $$;
comment on function ucrm.unwatch(name) is 'Undoes ucrm.watch(). Superuser only.';

create function ucrm.leave_unprotected("table" regclass, reason text default '')
returns void
language sql
volatile
set search_path = pg_catalog, pg_temp
as $$
    insert into ucrm.unprotected_tables (table_schema, table_name, reason)
    select n.nspname, c.relname, leave_unprotected.reason
    from pg_catalog.pg_class as c
    join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
    where c.oid = "table"
    on conflict on constraint unprotected_tables_pkey do update set reason = excluded.reason;
$$;
comment on function ucrm.leave_unprotected(regclass, text) is 'Says that a table with a tenant_id is deliberately not protected. Superuser only.';

create function ucrm.note_change()
returns void
language c
volatile
as 'MODULE_PATHNAME', 'ucrm_note_change';
comment on function ucrm.note_change() is 'What ucrm.bump() does, outside a trigger.';

create function ucrm.on_ddl()
returns event_trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    made record;
begin
    -- Definitions changed: what was remembered of them is forgotten. Temporary tables are nobody's concern.
    perform ucrm.note_change()
    from pg_event_trigger_ddl_commands() as c
    where c.schema_name is distinct from 'pg_temp'
    limit 1;

    if tg_tag = 'ALTER TABLE' or tg_tag = 'ALTER SCHEMA' then
        update ucrm.resources as r
        set table_schema = n.nspname, table_name = c.relname
        from pg_catalog.pg_trigger as t
        join pg_catalog.pg_class as c on c.oid = t.tgrelid
        join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
        where t.tgname = 'ucrm_gate'
          -- Anybody can name a trigger; only protect() can give it this function.
          and t.tgfoid = 'ucrm.gate_write()'::regprocedure
          and encode(t.tgargs, 'escape') = r.name || '\000'
          and not c.relispartition
          and (r.table_schema, r.table_name) is distinct from (n.nspname::text, c.relname::text);
        perform ucrm.note_columns(r.name)
        from (select distinct c.objid from pg_event_trigger_ddl_commands() as c where c.classid = 'pg_catalog.pg_class'::regclass) as c
        join pg_catalog.pg_class as k on k.oid = c.objid
        join pg_catalog.pg_namespace as n on n.oid = k.relnamespace
        join ucrm.resources as r on r.table_schema = n.nspname and r.table_name = k.relname;
        return;
    end if;

    for made in
        select c.objid::regclass as relation, o.rolsuper or o.rolname = 'ucrm_tables' as trusted
        from pg_event_trigger_ddl_commands() as c
        join pg_catalog.pg_class as k on k.oid = c.objid
        join pg_catalog.pg_roles as o on o.oid = k.relowner
        join ucrm.watched_schemas as w on w.name = c.schema_name
        where c.classid = 'pg_catalog.pg_class'::regclass
          and c.command_tag in ('CREATE TABLE', 'CREATE TABLE AS', 'SELECT INTO')
          and k.relkind in ('r', 'p') and not k.relispartition
          and exists (select from pg_catalog.pg_attribute as a where a.attrelid = c.objid and a.attname = 'tenant_id' and not a.attisdropped)
          and not exists (select from ucrm.unprotected_tables as u where u.table_schema = c.schema_name and u.table_name = k.relname)
    loop
        begin
            -- Triggers, domains and casts of a table run in requests of every tenant: whose they are is for a DBA to decide.
            if not made.trusted then
                raise exception 'its owner is neither a superuser nor ucrm_tables';
            end if;
            perform ucrm.protect(made.relation);
            raise notice 'ucrm: % is protected', made.relation;
        exception when others then
            execute format('alter table %s enable row level security', made.relation);
            execute format('alter table %s force row level security', made.relation);
            raise notice 'ucrm: % has a tenant_id and is closed until ucrm.protect() accepts it: %', made.relation, sqlerrm;
        end;
    end loop;
exception when others then
    raise warning 'ucrm: event trigger: %', sqlerrm;
end
$$;
comment on function ucrm.on_ddl() is 'Event trigger: never raises; acts in watched schemas only.';

create function ucrm.on_drop()
returns event_trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    delete from ucrm.resources as r
    using pg_event_trigger_dropped_objects() as d
    where d.object_type = 'table' and not d.is_temporary
      and r.table_schema = d.schema_name and r.table_name = d.object_name and not r.builtin;
    perform ucrm.note_columns(r.name)
    from (select distinct d.objid from pg_event_trigger_dropped_objects() as d where d.object_type = 'table column' and not d.is_temporary) as d
    join pg_catalog.pg_class as k on k.oid = d.objid
    join pg_catalog.pg_namespace as n on n.oid = k.relnamespace
    join ucrm.resources as r on r.table_schema = n.nspname and r.table_name = k.relname;
    perform ucrm.note_change()
    from pg_event_trigger_dropped_objects() as d
    where not d.is_temporary
    limit 1;
exception when others then
    raise warning 'ucrm: event trigger: %', sqlerrm;
end
$$;
comment on function ucrm.on_drop() is 'Event trigger: a dropped table''s resource goes with it. Never raises.';

create event trigger ucrm_ddl on ddl_command_end execute function ucrm.on_ddl();
create event trigger ucrm_drop on sql_drop execute function ucrm.on_drop();
