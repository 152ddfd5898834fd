-- The walls, tried: two tenants are made, one tries everything on the other's rows, and all of it is undone.
create type ucrm.proof as (
    "table" text,
    role text,
    attempt text,
    verdict text
);
comment on type ucrm.proof is
'verdict: held; LEAK: what got through; unproven: why it could not be tried.';

create function ucrm.prove(relation regclass default null)
returns table ("table" text, role text, attempt text, verdict text)
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    proofs ucrm.proof[] := '{}';
    scene jsonb;
    t record;
begin
    if not (select r.rolsuper from pg_catalog.pg_roles as r where r.rolname = current_user) then
        raise exception 'only a superuser can act as everybody else'
            using errcode = 'insufficient_privilege', hint = 'Run ucrm.prove() as a superuser.';
    end if;
    if ucrm.tenant_id() is not null then
        raise exception 'this transaction has entered a tenant'
            using errcode = 'object_not_in_prerequisite_state', hint = 'Run ucrm.prove() in a transaction of its own.';
    end if;
    -- A subtransaction that always rolls back: nothing of what follows remains, no row, no audit, no role.
    begin
        scene := ucrm.prove_scene(prove.relation);
        for t in select * from ucrm.protected_tables() as p where prove.relation is null or p.relation = prove.relation order by p.relation::text loop
            proofs := proofs || array(select p from ucrm.prove_table(t.relation, t.owner, scene) as p);
        end loop;
        for t in
            select c.oid::regclass as relation
            from pg_catalog.pg_class as c
            where c.relnamespace = 'ucrm'::regnamespace and c.relkind = 'r' and (prove.relation is null or c.oid = prove.relation)
            order by c.relname
        loop
            proofs := proofs || array(select p from ucrm.prove_kernel_table(t.relation, scene) as p);
        end loop;
        proofs := proofs || array(select p from ucrm.prove_erasure(scene) as p where prove.relation is null or p."table" in (prove.relation::text, 'ucrm.tenants'));
        raise exception using errcode = 'UNDO0';
    exception when sqlstate 'UNDO0' then
        null;
    end;
    return query select p."table", p.role, p.attempt, p.verdict from unnest(proofs) as p;
end
$$;
comment on function ucrm.prove(regclass) is
'For every protected and kernel table, or for the one that is given, and every kind of login: tries to read, change, delete, take over, refer to, insert for and give rows to another tenant, as a login bound to the first; then all is rolled back (sequences aside). verdict: held, LEAK: …, unproven: …. Superuser only; 55000 in a transaction that has entered a tenant.';

-- What a statement came to, as a login; rolled back.
create function ucrm.prove_attempt(login name, statement text, out affected bigint, out state text, out message text)
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    set constraints all immediate;
    execute format('set local session authorization %I', login);
    execute statement;
    get diagnostics affected = row_count;
    raise exception using errcode = 'UNDO0';
exception
    when sqlstate 'UNDO0' then
        null;
    when others then
        affected := 0;
        state := sqlstate;
        message := sqlerrm;
end
$$;
comment on function ucrm.prove_attempt(name, text) is 'Runs a statement as a login and takes it back: rows it reached, or SQLSTATE and message.';

create function ucrm.prove_verdict(login name, statement text, allowed bigint default 0, refusal text default '42501')
returns text
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    tried record;
begin
    if statement is null then
        return 'unproven: there is no row to try it with';
    end if;
    select * into tried from ucrm.prove_attempt(login, statement);
    return case
        when tried.state is null and tried.affected <= allowed then 'held'
        when tried.state is null then format('LEAK: %s rows', tried.affected - allowed)
        when tried.state in ('42501', refusal) or tried.state like 'PT4%' then 'held'
        -- The divisor of ucrm.prove_limit() reached zero.
        when tried.state = '22012' then 'LEAK: rows that are not its own'
        -- Constraints are checked when row security has let a row pass.
        when tried.state like '23%' then format('LEAK: row security let it pass, and only this stopped it: %s', tried.message)
        else format('unproven: %s %s', tried.state, tried.message)
    end;
end
$$;
comment on function ucrm.prove_verdict(name, text, bigint, text) is
'held when the statement reaches no more rows than are allowed or is refused (42501, PT4xx, or the SQLSTATE given), else LEAK or unproven, and why.';

-- A condition that names no column, so that no SELECT policy helps, and that ends the statement at the first row too many.
create function ucrm.prove_limit(own bigint)
returns text
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
    select format(
        '1 / (%s - pg_catalog.set_config(''ucrm.proof'', (coalesce(nullif(pg_catalog.current_setting(''ucrm.proof'', true), ''''), ''0'')::integer + 1)::text, true)::integer) is not null',
        own + 1);
$$;
comment on function ucrm.prove_limit(bigint) is 'SQL condition: true for so many rows, 22012 for the next one.';

create function ucrm.prove_table(relation regclass, owner oid, scene jsonb)
returns setof ucrm.proof
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    own bigint;
    actor record;
    control record;
    tried record;
begin
    execute format('select count(*) from %s where tenant_id = %L', relation, scene ->> 'a') into own;
    for actor in
        select v.role, scene #>> array['logins', v.login] as login, v.sees
        from (values
            ('ucrm_app', 'app', true), ('ucrm_reader', 'reader', true), ('ucrm_gateway', 'gateway', false), (owner::regrole::text, owner::text, true)
        ) as v (role, login, sees)
    loop
        continue when actor.login is null;
        if scene #>> array['rows', relation::oid::text, 'fault'] is not null then
            return query select relation::text, actor.role, 'try anything', 'unproven: no row could be made: ' || (scene #>> array['rows', relation::oid::text, 'fault']);
            continue;
        end if;
        -- Who cannot do it to his own rows proves nothing by not doing it to others'.
        for control in
            select c.attempt, c.statement, c.expected
            from (values
                ('read its own rows', format('select 1 from %s', relation), own, actor.sees),
                ('change its own rows', format('update %s set tenant_id = tenant_id', relation), own, has_table_privilege(actor.login, relation, 'update')),
                ('insert a row of its own', ucrm.prove_insert(relation, scene #> array['rows', relation::oid::text, 'spare_a']), 1, has_table_privilege(actor.login, relation, 'insert'))
            ) as c (attempt, statement, expected, due)
            where c.due
        loop
            select * into tried from ucrm.prove_attempt(actor.login, control.statement);
            if tried.affected < control.expected then
                return query select relation::text, actor.role, control.attempt, format('unproven: %s of %s rows %s', tried.affected, control.expected, tried.message);
            end if;
        end loop;
        return query
        select relation::text, actor.role, a.attempt,
               case when v.verdict like 'LEAK: row security let it pass%' and a.otherwise is not null then ucrm.prove_verdict(actor.login, a.otherwise, a.allowed, a.refusal) else v.verdict end
        from ucrm.prove_attempts(relation, own, scene) as a
        cross join lateral (select ucrm.prove_verdict(actor.login, a.statement, a.allowed, a.refusal) offset 0) as v (verdict);
    end loop;
    return query
    select relation::text, 'ucrm_app', a.attempt, ucrm.prove_verdict(scene #>> '{logins,idle}', a.statement)
    from (values
        ('read without permission', format('select 1 from %s limit 10', relation)),
        ('create without permission', ucrm.prove_insert(relation, scene #> array['rows', relation::oid::text, 'spare_a'])),
        ('change without permission', format('update %s set tenant_id = %L where %s', relation, scene ->> 'a', ucrm.prove_limit(0))),
        ('delete without permission', format('delete from %s where %s', relation, ucrm.prove_limit(0)))
    ) as a (attempt, statement);
    return query
    select relation::text, 'ucrm_app', 'pass by a policy that is gone or changed',
           coalesce(scene #>> array['policies', format('select ucrm.protect(%L);', relation)], 'held');
end
$$;
comment on function ucrm.prove_table(regclass, oid, jsonb) is 'Every attempt on a protected table, as each kind of login and as its owner.';

create function ucrm.prove_attempts(relation regclass, own bigint, scene jsonb)
returns table (attempt text, statement text, allowed bigint, refusal text, otherwise text)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select v.attempt, v.statement, v.allowed, v.refusal, v.otherwise
    from ucrm.protection_key(relation) as k (key)
    cross join lateral (
        select scene ->> 'a' as a, scene ->> 'b' as b,
               scene #> array['rows', relation::oid::text, 'b'] as theirs,
               scene #> array['rows', relation::oid::text, 'spare_b'] as spare,
               scene #>> array['rows', relation::oid::text, 'a', k.key] as my_id,
               scene #>> array['rows', relation::oid::text, 'b', k.key] as their_id
    ) as s
    cross join lateral (
        values
        (1, 'read all rows', format('select 1 from %s where tenant_id is distinct from %L limit 10', relation, s.a), 0::bigint, null::text, null::text),
        (2, 'read by id', format('select 1 from %s where %I = %L', relation, k.key, s.their_id), 0, null, null),
        (3, 'count', format('select 1 from (select count(*) as n from %s) as c, generate_series(1, least(c.n, %s))', relation, own + 10), own, null, null),
        (4, 'change by id', format('update %s set %I = %I where %I = %L', relation, k.key, k.key, k.key, s.their_id), 0, null, null),
        -- Its own rows are in reach of the two unseen ones, and may be referred to.
        (5, 'take over unseen', format('update %s set tenant_id = %L where %s', relation, s.a, ucrm.prove_limit(own)), own, '23503', null),
        (6, 'delete by id', format('delete from %s where %I = %L', relation, k.key, s.their_id), 0, null, null),
        (7, 'delete unseen', format('delete from %s where %s', relation, ucrm.prove_limit(own)), own, '23503', null),
        (8, 'merge by id', format('merge into %s as t using (select 1) as one on t.%I = %L when matched then delete', relation, k.key, s.their_id), 0, null, null),
        (9, 'insert for the other tenant', ucrm.prove_insert(relation, s.spare), 0, null, null),
        (10, 'upsert onto the other''s row', ucrm.prove_insert(relation, s.theirs)
            || format(' on conflict (tenant_id, %I) do update set %I = excluded.%I', k.key, k.key, k.key), 0, null, null),
        (11, 'give its row to the other tenant', format('update %s set %s where %s', relation, (
            select string_agg(format('%I = %L', c.name, s.spare ->> c.name), ', ')
            from (select 'tenant_id'::name as name union select unnest(f.columns) from ucrm.prove_references(relation) as f) as c
        ), ucrm.prove_limit(own)), 0, null, null)
        union all
        select 12, format('refer to the other''s %s by %s', f.target, f.name), format('update %s set %s where %I = %L', relation, (
            select string_agg(format('%I = %L', f.columns[i], scene #>> array['parents', f.target::oid::text, f.targets[i]]), ', ')
            from generate_subscripts(f.columns, 1) as i
            where f.columns[i] <> 'tenant_id'
        ), k.key, s.my_id), 0, '23503',
        -- A row that refers to one thing of several: to this one then, and to none of the others.
        case when not f.needed then format('update %s set %s where %I = %L', relation, (
            select string_agg(format('%I = %L', c.name, c.value), ', ')
            from (
                select f.columns[i] as name, scene #>> array['parents', f.target::oid::text, f.targets[i]] as value
                from generate_subscripts(f.columns, 1) as i
                where f.columns[i] <> 'tenant_id'
                union all
                select distinct o.name, null
                from ucrm.prove_references(relation) as x
                cross join lateral unnest(x.columns) as o (name)
                join pg_catalog.pg_attribute as m on m.attrelid = relation and m.attname = o.name and not m.attnotnull
                where o.name <> all (f.columns)
            ) as c
        ), k.key, s.my_id) end
        from ucrm.prove_references(relation) as f
        where f.columns <> array['tenant_id'::name]
    ) as v (n, attempt, statement, allowed, refusal, otherwise)
    order by v.n, v.attempt;
$$;
comment on function ucrm.prove_attempts(regclass, bigint, jsonb) is 'What is tried on a protected table; allowed: rows of its own that it may reach; refusal: the SQLSTATE, 42501 aside, that is right; otherwise: what to try when a constraint of the row was in the way.';

create function ucrm.prove_kernel_table(relation regclass, scene jsonb)
returns setof ucrm.proof
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    tenant_column constant name := case relation when 'ucrm.tenants'::regclass then 'id' else 'tenant_id' end;
    read_by text;
    own bigint;
    actor record;
    tried record;
begin
    select string_agg(pg_get_expr(p.polqual, p.polrelid), ' ') into read_by from pg_catalog.pg_policy as p where p.polrelid = relation;
    -- The catalogue is for everybody.
    if read_by = 'true' then
        return;
    end if;
    if read_by is null or strpos(read_by, 'ucrm.tenant_id()') = 0 then
        return query
        select relation::text, a.role, 'read', ucrm.prove_verdict(scene #>> array['logins', a.login], format('select 1 from %s limit 10', relation))
        from (values ('ucrm_app', 'app'), ('ucrm_reader', 'reader'), ('ucrm_gateway', 'gateway')) as a (role, login);
        return;
    end if;
    execute format('select count(*) from %s where %I = %L', relation, tenant_column, scene ->> 'a') into own;
    for actor in
        select v.role, scene #>> array['logins', v.login] as login, v.sees
        from (values ('ucrm_app', 'app', true), ('ucrm_reader', 'reader', true), ('ucrm_gateway', 'gateway', false)) as v (role, login, sees)
    loop
        if actor.sees then
            select * into tried from ucrm.prove_attempt(actor.login, format('select %I from %s', tenant_column, relation));
            if tried.affected < greatest(own, 1) then
                return query select relation::text, actor.role, 'read its own rows', format('unproven: %s of %s rows %s', tried.affected, own, tried.message);
            end if;
        end if;
        return query
        select relation::text, actor.role, a.attempt, ucrm.prove_verdict(actor.login, a.statement, a.allowed)
        from (values
            ('read all rows', format('select 1 from %s where %I is distinct from %L limit 10', relation, tenant_column, scene ->> 'a'), 0::bigint),
            ('read the other''s', format('select 1 from %s where %I = %L', relation, tenant_column, scene ->> 'b'), 0),
            ('count', format('select 1 from (select count(*) as n from %s) as c, generate_series(1, least(c.n, %s))', relation, own + 10), own),
            ('change the other''s', format('update %s set %I = %I where %I = %L', relation, tenant_column, tenant_column, tenant_column, scene ->> 'b'), 0),
            ('delete the other''s', format('delete from %s where %I = %L', relation, tenant_column, scene ->> 'b'), 0),
            ('insert for the other tenant', format('insert into %s (%I) values (%L)', relation, tenant_column, scene ->> 'b'), 0)
        ) as a (attempt, statement, allowed);
    end loop;
end
$$;
comment on function ucrm.prove_kernel_table(regclass, jsonb) is 'Every attempt on a table of the kernel''s own.';

create function ucrm.prove_erasure(scene jsonb)
returns setof ucrm.proof
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    t record;
    left_over bigint;
begin
    delete from ucrm.tenants as x where x.id = (scene ->> 'b')::uuid;
    for t in select * from ucrm.protected_tables() as p order by p.relation::text loop
        execute format('select count(*) from %s where tenant_id = %L', t.relation, scene ->> 'b') into left_over;
        return query select t.relation::text, current_user::text, 'outlive its tenant', case left_over when 0 then 'held' else format('LEAK: %s rows', left_over) end;
    end loop;
exception when others then
    return query select 'ucrm.tenants', current_user::text, 'outlive its tenant', format('unproven: %s %s', sqlstate, sqlerrm);
end
$$;
comment on function ucrm.prove_erasure(jsonb) is 'Deletes the other tenant: none of its rows stays.';
