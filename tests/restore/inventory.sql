-- Everything a database consists of, one line a thing: kind, name, what there is to say. Two databases with the same
-- lines are the same. psql -XAtq -f inventory.sql
\set ON_ERROR_STOP on
set timezone = 'UTC';
set search_path = pg_catalog, pg_temp;
set extra_float_digits = 1;

create temporary table house as
select c.oid::regclass::text as name, c.*
from pg_class as c
join pg_namespace as n on n.oid = c.relnamespace
where n.nspname not in ('pg_catalog', 'information_schema', 'tap') and n.nspname not like 'pg\_t%';
create function pg_temp.acl(acl aclitem[], kind "char", owner oid)
returns text
language sql
as $$
    select string_agg(format('%s=%s%s/%s', case a.grantee when 0 then 'public' else a.grantee::regrole::text end, a.privilege_type,
                             case when a.is_grantable then '*' end, a.grantor::regrole), ' ' order by a.grantee::regrole::text, a.privilege_type)
    from aclexplode(coalesce(acl, acldefault(kind, owner))) as a;
$$;

-- Where a column is in its table is the server's own.
select format('select %L, count(*), md5(string_agg(t::text, e''\n'' order by t::text)) from %s as t', 'rows ' || name, case name
    when 'ucrm.column_history' then '(select h.resource, h.at, h.begins, (select jsonb_agg(c - ''place'') from jsonb_array_elements(h.columns) as c) from ucrm.column_history as h)'
    else name end)
from house where relkind in ('r', 'm') order by name \gexec
select 'sequences ' || h.name, s.last_value, s.start_value, s.increment_by, s.max_value, s.cycle
from house as h join pg_sequences as s on h.oid = format('%I.%I', s.schemaname, s.sequencename)::regclass order by 1;
select 'columns ' || h.name, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity, a.attgenerated,
       pg_get_expr(d.adbin, d.adrelid), pg_temp.acl(a.attacl, 'c', h.relowner), a.attstorage
from house as h join pg_attribute as a on a.attrelid = h.oid and a.attnum > 0 and not a.attisdropped
left join pg_attrdef as d on d.adrelid = h.oid and d.adnum = a.attnum
where h.relkind in ('r', 'p', 'v', 'm', 'c') order by 1, a.attname;
select 'constraints ' || coalesce(h.name, k.contypid::regtype::text), k.conname, k.convalidated, pg_get_constraintdef(k.oid)
from pg_constraint as k left join house as h on h.oid = k.conrelid
where h.oid is not null or k.connamespace in (select relnamespace from house) order by 1, 2;
select 'indexes ' || h.name, pg_get_indexdef(i.indexrelid), i.indisvalid, i.indisreplident, i.indisprimary
from house as h join pg_index as i on i.indexrelid = h.oid order by 1;
select 'row security ' || name, relrowsecurity, relforcerowsecurity from house where relkind in ('r', 'p') order by 1;
select 'policies ' || h.name, p.polname, p.polcmd, p.polpermissive, p.polroles::regrole[], pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)
from house as h join pg_policy as p on p.polrelid = h.oid order by 1, 2;
select 'triggers ' || h.name, t.tgname, t.tgenabled, pg_get_triggerdef(t.oid)
from house as h join pg_trigger as t on t.tgrelid = h.oid and not t.tgisinternal order by 1, 2;
select 'tables ' || name, relkind, relpersistence, relreplident, relowner::regrole, reloptions,
       pg_temp.acl(relacl, case relkind when 'S' then 's'::"char" else 'r' end, relowner)
from house where relkind in ('r', 'p', 'v', 'm', 'S') order by 1;
select 'views ' || name, md5(pg_get_viewdef(oid)) from house where relkind in ('v', 'm') order by 1;
select 'functions ' || p.oid::regprocedure, p.proowner::regrole, p.prosecdef, p.provolatile, p.proparallel, p.proisstrict, p.proconfig, l.lanname,
       md5(p.prosrc), pg_temp.acl(p.proacl, 'f', p.proowner)
from pg_proc as p join pg_language as l on l.oid = p.prolang join pg_namespace as n on n.oid = p.pronamespace
where n.nspname not in ('pg_catalog', 'information_schema', 'tap') and n.nspname not like 'pg\_t%' order by 1;
select 'types ' || t.oid::regtype, t.typtype, t.typowner::regrole, pg_temp.acl(t.typacl, 'T', t.typowner)
from pg_type as t join pg_namespace as n on n.oid = t.typnamespace
where n.nspname not in ('pg_catalog', 'information_schema', 'tap') and n.nspname not like 'pg\_t%' and t.typtype <> 'b' order by 1;
select 'schemas ' || nspname, nspowner::regrole, pg_temp.acl(nspacl, 'n', nspowner) from pg_namespace
where nspname not in ('tap') and nspname not like 'pg\_t%' order by 1;
select 'default privileges', d.defaclrole::regrole, d.defaclnamespace::regnamespace, d.defaclobjtype, d.defaclacl from pg_default_acl as d order by d.defaclrole::regrole::text, d.defaclnamespace::regnamespace::text, 4;
select 'comments ' || i.type, i.identity, replace(d.description, e'\n', ' ')
from pg_description as d, pg_identify_object(d.classoid, d.objoid, d.objsubid) as i
where i.schema in (select n.nspname from pg_namespace as n where n.nspname not in ('pg_catalog', 'information_schema', 'tap') and n.nspname not like 'pg\_t%')
   or i.type in ('schema', 'extension', 'event trigger') order by 1, 2;
select 'extension ' || e.extname, e.extversion, e.extowner::regrole,
       (select string_agg(c.table::regclass || ' ' || coalesce(c.condition, ''), ', ' order by c.table::regclass::text) from unnest(e.extconfig, e.extcondition) as c ("table", condition))
from pg_extension as e where e.extname <> 'pgtap' order by 1;
select 'extension members', i.type, i.identity
from pg_depend as d join pg_extension as e on e.oid = d.refobjid and d.refclassid = 'pg_extension'::regclass, pg_identify_object(d.classid, d.objid, d.objsubid) as i
where d.deptype = 'e' and e.extname = 'ucrm' order by 2, 3;
select 'event triggers', evtname, evtevent, evtenabled, evttags, evtfoid::regproc, evtowner::regrole from pg_event_trigger order by 2;
select 'roles ' || rolname, rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin, rolreplication, rolbypassrls, rolconnlimit, md5(rolpassword) from pg_authid
where rolname not like 'pg\_%' order by 1;
select 'memberships', roleid::regrole, member::regrole, admin_option from pg_auth_members where roleid::regrole::text not like 'pg\_%' order by roleid::regrole::text, member::regrole::text;
select 'role settings', setrole::regrole, setconfig from pg_db_role_setting where setdatabase = 0 order by setrole::regrole::text;
select 'parameters', parname, paracl from pg_parameter_acl order by 2;
