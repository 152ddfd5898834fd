-- The scene of ucrm.prove(): two tenants with a row each in every table, and a login of every kind bound to the first.
create function ucrm.prove_scene(relation regclass default null)
returns jsonb
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    mark constant text := substr(md5(ucrm.uuid7()::text), 1, 12);
    a constant uuid := ucrm.uuid7();
    b constant uuid := ucrm.uuid7();
    logins jsonb := '{"gateway": "ucrm_gateway"}';
    made jsonb;
    tenant record;
    login record;
begin
    for tenant in select v.id, v.side from (values (a, 'a'), (b, 'b')) as v (id, side) loop
        insert into ucrm.tenants (id, slug, name, status) values (tenant.id, format('prove-%s-%s', tenant.side, mark), 'Prove', 'approved');
        insert into ucrm.users (id, email, email_verified_at)
        values (tenant.id, format('prove-%s-%s@ucrm.invalid', tenant.side, mark), clock_timestamp());
        insert into ucrm.tenant_memberships (tenant_id, user_id, role) values (tenant.id, tenant.id, 'owner');
        insert into ucrm.roles (tenant_id, name) values (tenant.id, 'idle');
        insert into ucrm.role_permissions (tenant_id, role, resource, action) values (tenant.id, 'idle', 'members', 'autocomplete');
        perform ucrm.issue_api_key(tenant.id, tenant.id, 'Prove');
        insert into ucrm.invitations (tenant_id, email, role) values (tenant.id, format('prove-%s-%s@ucrm.invalid', tenant.side, mark), 'idle');
        insert into ucrm.custom_columns (tenant_id, resource, name, label, type) values (tenant.id, 'contacts', 'prove', 'Prove', 'plain');
        insert into ucrm.files (tenant_id, bucket, name, content_type, size, sha256, content) values (tenant.id, 'memberAvatars', 'prove.png', 'image/png', 1, tenant.side, 'x');
        insert into ucrm.impersonations (tenant_id, admin_id, user_id, reason) values (tenant.id, tenant.id, tenant.id, 'to prove its walls');
        insert into ucrm.webhooks (tenant_id, id, url, reads) values (tenant.id, tenant.id, 'https://prove.example/' || tenant.side, '');
        insert into ucrm.webhook_deliveries (tenant_id, webhook_id, event_id, type, status) values (tenant.id, tenant.id, tenant.id, 'prove.' || tenant.side, 'failed');
    end loop;

    for login in
        select v.name, format('prove_%s_%s', v.name, mark) as role, v.groups, v.bound
        from (
            values ('app', array['ucrm_app'], 'owner'), ('reader', array['ucrm_reader'], 'owner'), ('idle', array['ucrm_app'], 'idle')
            union
            select t.owner::text, array['ucrm_app', r.rolname::text], 'owner'
            from ucrm.protected_tables() as t
            join pg_catalog.pg_roles as r on r.oid = t.owner and not r.rolsuper and not r.rolbypassrls
        ) as v (name, groups, bound)
    loop
        execute format('create role %I nologin', login.role);
        execute format('grant %s to %I', (select string_agg(quote_ident(g), ', ') from unnest(login.groups) as g), login.role);
        insert into ucrm.logins (login, tenant_id, role) values (login.role, a, login.bound);
        logins := logins || jsonb_build_object(login.name, login.role);
    end loop;

    made := ucrm.prove_rows(a, b, ucrm.prove_wanted(relation));
    return jsonb_build_object('a', a, 'b', b, 'logins', logins, 'rows', made, 'policies', (
        select jsonb_object_agg(f.fix, f.verdict) from (select p.fix, min('LEAK: ' || p.object || ': ' || p.what) as verdict from ucrm.policy_faults() as p group by p.fix) as f
    ), 'parents', (
        select jsonb_object_agg(p.target::oid::text, ucrm.prove_any_row(p.target, b))
        from (
            select distinct f.target from unnest(ucrm.prove_wanted(relation)) as t (relation) cross join lateral ucrm.prove_references(t.relation) as f
        ) as p
    ));
end
$$;
comment on function ucrm.prove_scene(regclass) is
'Makes tenants a and b and their rows (in one table and those it refers to, when one is given), and the logins app, reader and idle (no permission) and one per owner of protected tables; as JSON: a, b, logins, rows (by table: a, b, spare_a, spare_b, or fault), policies (what is wrong with them, by the fix), parents (b''s row of each table that others refer to).';

create function ucrm.prove_references(relation regclass)
returns table (name name, target regclass, columns name[], targets name[], needed boolean)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select k.conname, k.confrelid::regclass, array_agg(m.attname order by u.n), array_agg(t.attname order by u.n), bool_and(m.attnotnull)
    from pg_catalog.pg_constraint as k
    cross join lateral unnest(k.conkey, k.confkey) with ordinality as u (mine, theirs, n)
    join pg_catalog.pg_attribute as m on m.attrelid = k.conrelid and m.attnum = u.mine
    join pg_catalog.pg_attribute as t on t.attrelid = k.confrelid and t.attnum = u.theirs
    where k.conrelid = relation and k.contype = 'f' and k.conparentid = 0
      and (k.confrelid = 'ucrm.tenants'::regclass
           or exists (select from pg_catalog.pg_attribute as x where x.attrelid = k.confrelid and x.attname = 'tenant_id' and not x.attisdropped))
    group by k.oid;
$$;
comment on function ucrm.prove_references(regclass) is 'Foreign keys of a table to tables of tenants; needed: a row cannot be without it.';

create function ucrm.prove_any_row(relation regclass, tenant uuid)
returns jsonb
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    found_row jsonb;
begin
    execute format('select to_jsonb(t.*) from %s as t where t.%I = $1 order by random() limit 1', relation, case relation when 'ucrm.tenants'::regclass then 'id' else 'tenant_id' end)
    into found_row using tenant;
    return found_row;
end
$$;
comment on function ucrm.prove_any_row(regclass, uuid) is 'Some row of a tenant, or null.';

create function ucrm.prove_wanted(relation regclass)
returns regclass[]
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    with recursive wanted as (
        select t.relation from ucrm.protected_tables() as t where prove_wanted.relation is null or t.relation = prove_wanted.relation
        union
        select t.relation
        from wanted as w
        cross join lateral ucrm.prove_references(w.relation) as f
        join ucrm.protected_tables() as t on t.relation = f.target
    )
    select coalesce(array_agg(w.relation order by w.relation::text), '{}') from wanted as w;
$$;
comment on function ucrm.prove_wanted(regclass) is 'The protected tables, or one of them and what that refers to, by whatever way.';

-- Tables that others must refer to come first, as far as that is possible.
create function ucrm.prove_rows(a uuid, b uuid, wanted regclass[])
returns jsonb
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    pending regclass[] := wanted;
    made jsonb := '{}';
    rows jsonb;
    next_one regclass;
begin
    while cardinality(pending) > 0 loop
        next_one := (
            select p
            from unnest(pending) with ordinality as u (p, n)
            order by exists (select from ucrm.prove_references(p) as f where f.target = any (pending) and f.target <> p and f.needed), n
            limit 1
        );
        pending := array_remove(pending, next_one);
        begin
            -- Two of each, so that what links two things can link others.
            perform ucrm.prove_row(next_one, a), ucrm.prove_row(next_one, b);
            rows := jsonb_build_object('a', ucrm.prove_row(next_one, a), 'b', ucrm.prove_row(next_one, b));
            begin
                rows := rows || jsonb_build_object('spare_a', ucrm.prove_row(next_one, a), 'spare_b', ucrm.prove_row(next_one, b));
                raise exception using errcode = 'UNDO0';
            exception when sqlstate 'UNDO0' then
                null;
            end;
        exception when others then
            rows := jsonb_build_object('fault', sqlerrm);
        end;
        made := made || jsonb_build_object(next_one::oid::text, rows);
    end loop;
    return made;
end
$$;
comment on function ucrm.prove_rows(uuid, uuid, regclass[]) is 'A row of each of these tables for both tenants, and one each that could be inserted.';

-- Like one of the rows that are there, else one made up that refers to all it may, to as little as it must, or to one thing.
create function ucrm.prove_row(relation regclass, tenant uuid)
returns jsonb
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    models jsonb[];
    variant record;
    made jsonb;
    fault text;
begin
    execute format('select array_agg(to_jsonb(t.*)) from (select * from %s limit 5) as t', relation) into models;
    for variant in
        -- Again and again, because keys and parents are drawn.
        select v.*, t
        from (
            select m.model, null::name as lone, m.n, 0 as place from unnest(models) with ordinality as m (model, n)
            union all
            select null, null, 10, 0
            union all
            select null, '', 10, 1
            union all
            select null, f.name, 10, 2 from ucrm.prove_references(relation) as f where not f.needed
        ) as v
        cross join generate_series(1, 8) as t
        order by t, n, place, lone
    loop
        begin
            execute ucrm.prove_insert(relation, ucrm.prove_draft(relation, tenant, variant.model, variant.lone)) || ' returning to_jsonb(t.*)' into made;
            return made;
        exception when others then
            fault := coalesce(fault, sqlerrm);
        end;
    end loop;
    raise exception '%', fault;
end
$$;
comment on function ucrm.prove_row(regclass, uuid) is 'Inserts a row for a tenant and returns it.';

create function ucrm.prove_draft(relation regclass, tenant uuid, model jsonb, lone name)
returns jsonb
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    made jsonb := '{}';
    parent jsonb;
    c record;
    f record;
begin
    for c in
        select a.attname, a.attnum, a.atttypid, a.attnotnull,
               a.atthasdef or a.attidentity <> '' as has_default,
               exists (select from pg_catalog.pg_index as i where i.indrelid = relation and i.indisunique and a.attnum = any (i.indkey)) as is_key
        from pg_catalog.pg_attribute as a
        where a.attrelid = relation and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
        order by a.attnum
    loop
        if not c.is_key and model is not null then
            made := made || jsonb_build_object(c.attname, model -> c.attname);
        elsif c.attnotnull and not c.has_default then
            made := made || jsonb_build_object(c.attname, coalesce(ucrm.prove_like(model -> c.attname::text), ucrm.prove_value(relation, c.attnum, c.atttypid)));
        end if;
    end loop;
    for f in select * from ucrm.prove_references(relation) as x order by x.needed, x.name loop
        parent := ucrm.prove_any_row(f.target, tenant);
        if parent is null or not f.needed and (
            model is not null and exists (select from unnest(f.columns) as m where model -> m::text = 'null')
            or model is null and lone <> f.name
            -- What refers to this very row comes after it.
            or ucrm.protection_key(relation) = any (f.columns)
        ) then
            made := made - array(
                select m::text
                from unnest(f.columns) as m
                join pg_catalog.pg_attribute as a on a.attrelid = relation and a.attname = m
                where not a.attnotnull or a.atthasdef
            );
        else
            made := made || (select jsonb_object_agg(u.mine, parent -> u.theirs::text) from unnest(f.columns, f.targets) as u (mine, theirs));
        end if;
    end loop;
    return made || jsonb_build_object('tenant_id', tenant);
end
$$;
comment on function ucrm.prove_draft(regclass, uuid, jsonb, name) is
'A row for a tenant, with keys of its own and references into its own tenant: a copy of the model, referring to what that refers to; without a model made up, referring to all it may or, of what it may be without, to that one alone (none, when it is empty).';

create function ucrm.prove_like(sample jsonb)
returns jsonb
language sql
volatile
set search_path = pg_catalog, pg_temp
as $$
    select case
        when drawn.text !~ '[a-zA-Z0-9]' or sample #>> '{}' ~ '^[0-9a-f]{8}-[0-9a-f]{4}-' then null
        when jsonb_typeof(sample) = 'number' then to_jsonb(drawn.text::numeric)
        when jsonb_typeof(sample) = 'string' then to_jsonb(drawn.text)
    end
    from (
        select string_agg(case
            when ascii(c) between 65 and 90 then chr(65 + floor(random() * 26)::integer)
            when ascii(c) between 97 and 122 then chr(97 + floor(random() * 26)::integer)
            when ascii(c) between 48 and 57 then chr(48 + floor(random() * 10)::integer)
            else c
        end, '' order by n) as text
        from regexp_split_to_table(sample #>> '{}', '') with ordinality as u (c, n)
    ) as drawn;
$$;
comment on function ucrm.prove_like(jsonb) is 'A text or number of the same make, each letter and digit another one; null for anything else.';

create function ucrm.prove_value(relation regclass, attnum smallint, type oid)
returns jsonb
language sql
volatile
set search_path = pg_catalog, pg_temp
as $$
    select case
        when base.typtype = 'e' then to_jsonb((select e.enumlabel from pg_catalog.pg_enum as e where e.enumtypid = base.oid order by e.enumsortorder limit 1)::text)
        when base.typname = 'uuid' then to_jsonb(gen_random_uuid())
        when base.typcategory = 'A' then to_jsonb('{}'::text)
        when base.typcategory = 'B' then to_jsonb(true)
        when base.typcategory = 'N' then to_jsonb((random() * 30000)::integer + 1)
        when base.typcategory = 'D' then to_jsonb(clock_timestamp())
        when base.typcategory = 'T' then to_jsonb('1 day'::text)
        when base.typcategory = 'I' then to_jsonb('127.0.0.1'::text)
        when base.typcategory = 'R' then to_jsonb('empty'::text)
        when base.typname in ('json', 'jsonb') then '{}'
        when base.typname = 'bytea' then to_jsonb('\x00'::text)
        else to_jsonb(coalesce(
            -- One of a list that a check allows.
            (select substring(pg_get_constraintdef(k.oid) from 'ARRAY\[''([^'']*)''')
             from pg_catalog.pg_constraint as k
             where k.conrelid = relation and k.contype = 'c' and k.conkey = array[attnum] and pg_get_constraintdef(k.oid) like '%= ANY (ARRAY[%'
             limit 1),
            substr(md5(random()::text), 1, 12)))
    end
    from pg_catalog.pg_type as t
    join pg_catalog.pg_type as base on base.oid = case t.typtype when 'd' then t.typbasetype else t.oid end
    where t.oid = type;
$$;
comment on function ucrm.prove_value(regclass, smallint, oid) is 'Some value for a column, by its type and the lists its checks allow.';

create function ucrm.prove_insert(relation regclass, wanted jsonb)
returns text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select format('insert into %s as t (%s) select %s from jsonb_populate_record(null::%s, %L) as r',
        relation, string_agg(quote_ident(a.attname), ', ' order by a.attnum), string_agg('r.' || quote_ident(a.attname), ', ' order by a.attnum), relation, replace(wanted::text, '••••', 'secret '))
    from pg_catalog.pg_attribute as a
    where a.attrelid = relation and a.attnum > 0 and not a.attisdropped and a.attgenerated = '' and a.attidentity <> 'a' and wanted ? a.attname;
$$;
comment on function ucrm.prove_insert(regclass, jsonb) is 'The INSERT of a row given as JSON; null when there is none. For a mask, which is no secret, it writes one.';
