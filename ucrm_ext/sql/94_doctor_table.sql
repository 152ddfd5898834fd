-- Protected tables against what protect() makes of them, and tables that should be protected.
create function ucrm.table_faults()
returns setof ucrm.finding
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select 'error', c.oid::regclass::text, 'it has a tenant_id and is not protected',
           ucrm.protection_fix(c.oid) || format(E'\n-- or, if that is meant: select ucrm.leave_unprotected(%L, ''why'');', c.oid::regclass)
    from pg_catalog.pg_class as c
    join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p') and not c.relispartition and c.relpersistence <> 't'
      and n.nspname not in ('ucrm', 'information_schema') and n.nspname not like 'pg\_%'
      and exists (select from pg_catalog.pg_attribute as a where a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped)
      and not exists (select from ucrm.resources as r where r.table_schema = n.nspname and r.table_name = c.relname)
      and not exists (select from ucrm.unprotected_tables as u where u.table_schema = n.nspname and u.table_name = c.relname)
    union all
    select 'error', t.relation::text, 'row security is off: everybody who was granted the table sees every tenant',
           format('alter table %s enable row level security;', t.relation)
    from ucrm.protected_tables() as t
    join pg_catalog.pg_class as c on c.oid = t.relation
    where not c.relrowsecurity
    union all
    select 'error', t.relation::text, format('row security is not forced: its owner "%s" sees every tenant', t.owner::regrole),
           format('alter table %s force row level security;', t.relation)
    from ucrm.protected_tables() as t
    join pg_catalog.pg_class as c on c.oid = t.relation
    where not c.relforcerowsecurity
    union all
    select 'error', t.relation::text, o.problem, o.fix
    from ucrm.protected_tables() as t
    cross join lateral ucrm.protection_obstacles(t.relation) as o
    where o.problem like any (array['rule %', 'trigger %', 'the default %', 'policy %'])
    union all
    select 'error', t.relation::text, 'its tenant_id may be null, or its unique key (tenant_id, key) is gone', ucrm.protection_fix(t.relation)
    from ucrm.protected_tables() as t
    left join pg_catalog.pg_attribute as a on a.attrelid = t.relation and a.attname = 'tenant_id' and not a.attisdropped
    where not coalesce(a.attnotnull, false) or ucrm.protection_key(t.relation) is null
    union all
    select 'warning', t.relation::text,
           format('its owner "%s" can be logged in as, and may switch row security off', r.rolname),
           format(E'grant usage on schema %I to ucrm_tables;\nalter table %s owner to ucrm_tables;', n.nspname, t.relation)
    from ucrm.protected_tables() as t
    join pg_catalog.pg_roles as r on r.oid = t.owner and not r.rolsuper and r.rolname not like 'ucrm\_%'
    join pg_catalog.pg_class as c on c.oid = t.relation
    join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
    where r.rolcanlogin
       or exists (
           select from pg_catalog.pg_roles as l
           where l.rolcanlogin and not l.rolsuper and pg_has_role(l.oid, r.oid, 'member')
       )
    union all
    -- Cascades run as the owner with row security off, and a definer function of his keeps the plan it made then.
    select 'error', t.relation::text,
           format('its owner "%s" also owns SECURITY DEFINER functions, such as %s: planned inside a cascade, they show other tenants'' rows later', t.owner::regrole, f.example),
           format(E'grant usage on schema %I to ucrm_tables;\nalter table %s owner to ucrm_tables;', n.nspname, t.relation)
    from ucrm.protected_tables() as t
    join pg_catalog.pg_roles as r on r.oid = t.owner and not r.rolsuper and r.rolname <> 'ucrm_tables'
    join pg_catalog.pg_class as c on c.oid = t.relation
    join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
    cross join lateral (
        select min(p.oid::regprocedure::text) as example from pg_catalog.pg_proc as p where p.proowner = t.owner and p.prosecdef
    ) as f
    where f.example is not null;
$$;
comment on function ucrm.table_faults() is 'Findings about tables: unprotected ones, and row security, shape and owner of protected ones.';

-- The policies of ucrm.attach_policies(), as PostgreSQL prints them.
create function ucrm.expected_policies(noun text)
returns table (name text, command "char", permissive boolean, using_text text, check_text text)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select 'ucrm: whatever the restrictions leave', '*'::"char", true, 'true', 'true'
    union all
    select p.name, c.command::"char", false, case when c.has_using then p.text end, case when c.has_check then p.text end
    from ucrm.resources as r
    cross join (values
        ('r', 'read', true, false), ('a', 'create', false, true), ('w', 'update', true, true), ('d', 'delete', true, false)
    ) as c (command, action, has_using, has_check)
    cross join lateral (
        select format('( SELECT (ucrm.permission_scope(%L::text, %L::text) = %%L::text))', r.name, c.action) as scope
    ) as s
    cross join lateral (values
        (format('ucrm: members %s rows of their tenant', c.action), '(tenant_id = ( SELECT ucrm.tenant_id() AS tenant_id))'),
        (format('ucrm: members %s %s as their role grants', c.action, r.name),
         case
             when r.owner_column is null then format(s.scope, 'all')
             else format('(%s OR (%s AND (%I = ( SELECT ucrm.user_id() AS user_id))))', format(s.scope, 'all'), format(s.scope, 'own'), r.owner_column)
         end)
    ) as p (name, text)
    where r.name = expected_policies.noun;
$$;
comment on function ucrm.expected_policies(text) is 'What ucrm.attach_policies() makes for a resource, as the catalogue shows it.';

create function ucrm.policy_faults()
returns setof ucrm.finding
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select 'error', format('policy %I on %s', coalesce(e.name, p.polname), coalesce(e.relation, p.relation)),
           case
               when p.polname is null then 'it is gone'
               when e.name is null then 'it calls itself UCRM''s and is not'
               else 'it says something else than ucrm.protect() made it say'
           end,
           format('select ucrm.protect(%L);', coalesce(e.relation, p.relation))
    from (
        select t.relation, x.*
        from ucrm.protected_tables() as t
        join pg_catalog.pg_policy as x on x.polrelid = t.relation and x.polname like 'ucrm: %'
    ) as p
    full join (
        select t.relation, x.* from ucrm.protected_tables() as t cross join lateral ucrm.expected_policies(t.noun) as x
    ) as e on e.relation = p.relation and e.name = p.polname
    where e.name is null or p.polname is null
       or (p.polcmd, p.polpermissive, p.polroles) is distinct from (e.command, e.permissive, '{0}'::oid[])
       or pg_get_expr(p.polqual, p.polrelid) is distinct from e.using_text
       or pg_get_expr(p.polwithcheck, p.polrelid) is distinct from e.check_text;
$$;
comment on function ucrm.policy_faults() is 'Findings about UCRM''s policies on protected tables: gone, changed, or pretended.';

create function ucrm.trigger_faults()
returns setof ucrm.finding
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select 'error', format('trigger %I on %s', e.name, t.relation),
           case
               when g.tgname is null then 'it is gone'
               when g.tgenabled <> e.enabled then 'it does not fire as it should'
               else 'it does something else than ucrm.protect() made it do'
           end || format(': %s', e.duty),
           format('select ucrm.protect(%L);', t.relation)
    from ucrm.protected_tables() as t
    join ucrm.resources as r on r.name = t.noun
    cross join lateral (
        select array[r.name] as noun, array[r.name, r.key_column, coalesce(r.archived_column, '')] as record,
               array[r.name, r.key_column, array_to_string(r.secret_columns, ',')] as secret
    ) as a
    -- type: the bits of pg_trigger.tgtype (catalog/pg_trigger.h).
    cross join lateral (values
        ('ucrm_gate', 'gate_write', 30, 'O', a.noun, 'writes are not gated'),
        ('ucrm_record_insert', 'record_insert', 4, 'O', a.record, 'no audit and outbox rows as they should be'),
        ('ucrm_record_update', 'record_update', 16, 'O', a.record, 'no audit and outbox rows as they should be'),
        ('ucrm_record_delete', 'record_delete', 8, 'O', a.record, 'no audit and outbox rows as they should be'),
        ('ucrm_custom_insert', 'refuse_custom', 7, 'O', a.noun, 'custom values are not checked'),
        ('ucrm_custom_update', 'refuse_custom', 19, 'O', a.noun, 'custom values are not checked'),
        ('ucrm_secret_mask', 'mask_secrets', 23, 'O', a.secret, 'secrets are stored in clear'),
        ('ucrm_secret_insert', 'keep_secrets', 4, 'O', a.secret, 'secrets are lost'),
        ('ucrm_secret_update', 'keep_secrets', 16, 'O', a.secret, 'secrets are lost'),
        ('ucrm_secret_delete', 'drop_secrets', 8, 'O', a.secret, 'secrets outlive their rows'),
        ('ucrm_secret_empty', 'drop_secrets', 32, 'O', a.secret, 'secrets outlive their rows'),
        ('ucrm_bump_rows', 'bump_rows', 29, 'A', '{}'::text[], 'remembered counts are not forgotten'),
        ('ucrm_bump_all', 'bump_rows', 32, 'A', '{}'::text[], 'remembered counts are not forgotten')
    ) as e (name, function, type, enabled, arguments, duty)
    left join pg_catalog.pg_trigger as g on g.tgrelid = t.relation and g.tgname = e.name and not g.tgisinternal
    left join pg_catalog.pg_proc as p on p.oid = g.tgfoid and p.pronamespace = 'ucrm'::regnamespace
    where case when e.function = 'refuse_custom' then ucrm.has_custom(t.relation) when e.name like 'ucrm\_secret\_%' then cardinality(r.secret_columns) > 0 else true end
      and (g.tgname is null
       or (p.proname::text, g.tgtype::integer, g.tgenabled::text) is distinct from (e.function, e.type, e.enabled)
       or g.tgargs is distinct from (
           select coalesce(string_agg(convert_to(x.text, getdatabaseencoding()) || '\x00'::bytea, ''::bytea order by x.n), '')
           from unnest(e.arguments) with ordinality as x (text, n)
       ))
    union all
    select 'info', format('trigger %I on %s', g.tgname, t.relation),
           format('a trigger of your own runs here, with the writer''s tenant and permissions: %s', g.tgfoid::regprocedure),
           format('comment on trigger %I on %s is ''reviewed''; -- once you have read it', g.tgname, t.relation)
    from ucrm.protected_tables() as t
    join pg_catalog.pg_trigger as g on g.tgrelid = t.relation and not g.tgisinternal and g.tgenabled <> 'D'
    join pg_catalog.pg_proc as p on p.oid = g.tgfoid and p.pronamespace <> 'ucrm'::regnamespace and not p.prosecdef
    where coalesce(obj_description(g.oid, 'pg_trigger'), '') not like 'reviewed%';
$$;
comment on function ucrm.trigger_faults() is 'Findings about triggers of protected tables: UCRM''s gone, disabled or changed; others'' to be looked at.';
