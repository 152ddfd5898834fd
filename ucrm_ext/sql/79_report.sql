-- What an analyst's tool shows: a schema of views for each bound login, named so that it tells nothing, with the
-- columns people know and without tenant_id. The views are security_invoker: they see what the login sees.
create function ucrm.report_view(resource text, schema name)
returns text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    with r as (
        select x.*, ucrm.relation_of(x.table_schema, x.table_name) as relation
        from ucrm.resources as x
        where x.name = report_view.resource
    ), columns as (
        select a.attname, a.attnum
        from r
        join pg_catalog.pg_attribute as a on a.attrelid = r.relation and a.attnum > 0 and not a.attisdropped
        where a.attname <> 'tenant_id'
    ), relations as (
        -- A composite foreign key to another protected table: its label, under the key's name without _id.
        select regexp_replace(mine.attname, '_id$', '') as alias, mine.attname as column_name, mine.attnum,
               other.table_schema, other.table_name, other.label_column, theirs.attname as key_column
        from r
        join pg_catalog.pg_constraint as k on k.conrelid = r.relation and k.contype = 'f' and cardinality(k.conkey) = 2
        join pg_catalog.pg_attribute as mine on mine.attrelid = k.conrelid and mine.attnum = any (k.conkey) and mine.attname <> 'tenant_id'
        join pg_catalog.pg_attribute as theirs on theirs.attrelid = k.confrelid and theirs.attnum = k.confkey[array_position(k.conkey, mine.attnum)]
        join ucrm.resources as other on ucrm.relation_of(other.table_schema, other.table_name) = k.confrelid
        where mine.attname like '%\_id'
          and not exists (select from columns as c where c.attname = regexp_replace(mine.attname, '_id$', ''))
    )
    select format('create view %I.%I with (security_invoker = true) as select %s from %I.%I as t%s',
        schema, r.name,
        (select string_agg(format('t.%I', c.attname), ', ' order by c.attnum) from columns as c)
            || coalesce((select string_agg(format(', %I.%I as %I', 'r' || f.attnum, f.label_column, f.alias), '' order by f.attnum) from relations as f), ''),
        r.table_schema, r.table_name,
        coalesce((
            select string_agg(format(' left join %I.%I as %I on %I.tenant_id = t.tenant_id and %I.%I = t.%I',
                f.table_schema, f.table_name, 'r' || f.attnum, 'r' || f.attnum, 'r' || f.attnum, f.key_column, f.column_name), '' order by f.attnum)
            from relations as f), ''))
    from r;
$$;
comment on function ucrm.report_view(text, name) is
'The CREATE VIEW of a resource for analysts: its columns without tenant_id, of secrets the mask, and the label of each row it refers to.';

create function ucrm.refresh_reports(login name default null)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    bound record;
    r record;
    described record;
begin
    for bound in
        select l.login, l.report_schema
        from ucrm.logins as l
        where (refresh_reports.login is null or l.login = refresh_reports.login) and l.report_schema is not null
    loop
        if to_regnamespace(quote_ident(bound.report_schema)) is null then
            execute format('create schema %I', bound.report_schema);
        end if;
        execute format('revoke all on schema %I from public', bound.report_schema);
        execute format('grant usage on schema %I to %I', bound.report_schema, bound.login);
        for r in
            select v.relname as name
            from pg_catalog.pg_class as v
            join pg_catalog.pg_namespace as n on n.oid = v.relnamespace
            where n.nspname = bound.report_schema and v.relkind = 'v'
        loop
            execute format('drop view %I.%I', bound.report_schema, r.name);
        end loop;
        for r in
            select x.name, ucrm.relation_of(x.table_schema, x.table_name) as relation, ucrm.report_view(x.name, bound.report_schema) as definition
            from ucrm.resources as x
            where x.kind = 'entity' and ucrm.relation_of(x.table_schema, x.table_name) is not null and x.name <> 'members'
        loop
            execute r.definition;
            execute format('grant select on %I.%I to %I', bound.report_schema, r.name, bound.login);
            if obj_description(r.relation, 'pg_class') is not null then
                execute format('comment on view %I.%I is %L', bound.report_schema, r.name, obj_description(r.relation, 'pg_class'));
            end if;
            for described in
                select a.attname, col_description(a.attrelid, a.attnum) as words
                from pg_catalog.pg_attribute as a
                where a.attrelid = ucrm.relation_of(bound.report_schema, r.name) and a.attnum > 0
            loop
                execute coalesce((
                    select format('comment on column %I.%I.%I is %L', bound.report_schema, r.name, described.attname, col_description(r.relation, o.attnum))
                    from pg_catalog.pg_attribute as o
                    where o.attrelid = r.relation and o.attname = described.attname and col_description(r.relation, o.attnum) is not null
                ), 'select');
            end loop;
        end loop;
        execute format('create view %I.members with (security_invoker = true) as select m.id, m.name, m.email, m.role, m.disabled from ucrm.members as m', bound.report_schema);
        execute format('grant select on %I.members to %I', bound.report_schema, bound.login);
    end loop;
end
$$;
comment on function ucrm.refresh_reports(name) is
'Makes the analysts'' views anew, of one login or all: after tables were protected or changed. Superuser only. ALTER TABLE … DROP COLUMN needs them dropped first: DROP SCHEMA … CASCADE, then this.';
