-- A tenant comes back from its file: the lines are staged, every one of them is checked, and then all of it is written
-- in one transaction, or nothing. It brings its own audit and outbox, so that none is written meanwhile.

-- One statement for all tables: what refers to what is asked when it ends, so that circles and rows that refer to
-- rows of their own table come back too.
create function ucrm.insert_lines(kernel boolean, upto bigint default null)
returns bigint
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
set datestyle = 'ISO, YMD'
set intervalstyle = 'postgres'
set timezone = 'UTC'
as $$
declare
    statement text;
    inserted bigint;
begin
    select 'with ' || string_agg(format(
        'i%s as (insert into %s (%s) overriding system value '
            || 'select %s from ucrm.staged_lines as l cross join lateral jsonb_to_record(l.line -> ''row'') as x (%s) '
            || 'where l.line ->> ''table'' = %L and (l.n <= $1 or $1 is null)%s returning 1)',
        t.place, t.relation, c.names, c.casts, c.texts, t.name,
        -- An account that is here is kept as it is.
        case when t.tenant_column is null then ' on conflict (id) do nothing' else '' end), ', ' order by t.place)
        || ' select ' || string_agg(format('(select count(*) from i%s)', t.place), ' + ')
    into statement
    from ucrm.tenant_tables() as t
    cross join lateral (
        select string_agg(quote_ident(c.name), ', ') as names,
               string_agg(format('x.%I::%s', c.name, c.type), ', ') as casts,
               string_agg(format('%I text', c.name), ', ') as texts
        from ucrm.moved_columns(t.relation) as c
        where not c.generated
    ) as c
    where t.kernel = insert_lines.kernel;
    if statement is null then
        return 0;
    end if;
    execute statement into inserted using upto;
    return inserted;
end
$$;
comment on function ucrm.insert_lines(boolean, bigint) is 'Writes the staged rows, up to a line: those of UCRM''s own tables, or those of the protected ones. Returns how many.';

create function ucrm.insert_protected_lines(upto bigint default null)
returns bigint
language sql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$ select ucrm.insert_lines(false, upto) $$;
comment on function ucrm.insert_protected_lines(bigint) is 'ucrm.insert_lines() of the protected tables, as ucrm_mover, whom gates and row security do not hold.';

-- Rolled back in any case: whether the lines up to this one can be written. A missing parent may come later.
create function ucrm.lines_fit(upto bigint)
returns boolean
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    perform ucrm.insert_lines(true, upto), ucrm.insert_protected_lines(upto);
    raise exception using errcode = 'UC000';
exception
    when sqlstate 'UC000' or foreign_key_violation then
        return true;
    when data_exception or integrity_constraint_violation or raise_exception then
        return false;
end
$$;
comment on function ucrm.lines_fit(bigint) is 'Whether no line up to this one is faulty in itself; writes nothing.';

create function ucrm.faulty_line()
returns bigint
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    good bigint := 1;
    bad bigint := (select max(l.n) from ucrm.staged_lines as l);
    middle bigint;
begin
    if ucrm.lines_fit(bad) then
        return null;
    end if;
    while bad - good > 1 loop
        middle := (good + bad) / 2;
        if ucrm.lines_fit(middle) then
            good := middle;
        else
            bad := middle;
        end if;
    end loop;
    return bad;
end
$$;
comment on function ucrm.faulty_line() is 'The first staged line that cannot be written, found by halving; null when each could and they do not fit together.';

create function ucrm.restore_staged()
returns table (tenant_id uuid, rows bigint)
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    message text;
    detail text;
    faulty bigint;
begin
    analyze ucrm.staged_lines;
    tenant_id := ucrm.check_header();
    perform ucrm.check_lines(tenant_id);
    perform ucrm.check_strangers(tenant_id);
    perform ucrm.hush(tenant_id);
    begin
        rows := ucrm.insert_lines(true) + ucrm.insert_protected_lines();
    exception
        when data_exception or integrity_constraint_violation or raise_exception then
            get stacked diagnostics message = message_text, detail = pg_exception_detail;
            faulty := ucrm.faulty_line();
            perform ucrm.hush(null);
            perform ucrm.refuse_line(faulty, concat_ws('; ', message, nullif(detail, '')));
        when others then
            perform ucrm.hush(null);
            raise;
    end;
    perform ucrm.hush(null);
    delete from ucrm.staged_lines;
    insert into ucrm.platform_audit_logs (action, tenant_id, user_id, request_id, detail)
    values ('tenant.restored', restore_staged.tenant_id, ucrm.user_id(), ucrm.request_id(), jsonb_build_object('rows', rows));
    return next;
end
$$;
comment on function ucrm.restore_staged() is 'Checks the staged lines, writes them, and notes it in the platform''s audit. The rows'' own audit and outbox rows are among them.';

create function ucrm.restore_tenant(staging regclass)
returns table (tenant_id uuid, rows bigint)
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    content constant name[] := array(
        select a.attname from pg_catalog.pg_attribute as a
        where a.attrelid = staging and a.attnum > 0 and not a.attisdropped and a.atttypid = 'jsonb'::regtype
    );
    -- Where rows lie says little of the order they came in.
    counter constant name := (
        select a.attname from pg_catalog.pg_attribute as a
        where a.attrelid = staging and not a.attisdropped and a.attnum > 0 and a.atttypid in ('bigint'::regtype, 'integer'::regtype)
        order by a.attnum
        limit 1
    );
begin
    if cardinality(content) <> 1 then
        raise exception '% has not exactly one column of type jsonb', staging
            using errcode = 'invalid_parameter_value', hint = 'create temporary table staging (n bigint generated always as identity, line jsonb), then \copy the exported file into it.';
    end if;
    perform ucrm.begin_restore();
    -- Read as the caller.
    execute format(
        'select ucrm.stage_lines(min(s.n), array_agg(s.line order by s.n)) '
        'from (select %1$I as line, row_number() over (order by (%1$I ? ''format'') desc nulls last, %2$I) as n from %3$s) as s group by s.n / 1000',
        content[1], coalesce(counter, 'ctid'), staging);
    return query select * from ucrm.restore_staged();
end
$$;
comment on function ucrm.restore_tenant(regclass) is
'Restores one tenant from a table with one jsonb column that holds the lines of ucrm.export_tenant(), in one transaction; its keys work again. An integer column, if there is one, says their order. create temporary table staging (n bigint generated always as identity, line jsonb); \copy staging (line) from tenant.ndjson with (format csv, quote e''\x01'', delimiter e''\x02''). Refusals: duplicate (tenant, slug, key or an account''s address), validation_failed naming the line. A table''s own BEFORE triggers run. A bound login that is not here yet: CREATE ROLE, then ucrm.bind_login().';

create function ucrm.restore_lines(body bytea)
returns table (tenant_id uuid, rows bigint)
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    content text;
    bad record;
begin
    perform ucrm.begin_restore();
    begin
        content := convert_from(body, 'UTF8');
    exception when character_not_in_repertoire then
        select l.n, ucrm.json_fault(decode(l.line, 'escape')) as fault into bad
        from string_to_table(encode(body, 'escape'), E'\n') with ordinality as l (line, n)
        where l.line <> '' and ucrm.json_fault(decode(l.line, 'escape')) is not null
        order by l.n
        limit 1;
        perform ucrm.refuse_line(bad.n, bad.fault, 'invalid_json');
    end;
    select l.n, ucrm.json_fault(convert_to(l.line, 'UTF8')) as fault into bad
    from string_to_table(content, E'\n') with ordinality as l (line, n)
    where l.line ~ '\S' and ucrm.json_fault(convert_to(l.line, 'UTF8')) is not null
    order by l.n
    limit 1;
    if found then
        perform ucrm.refuse_line(bad.n, bad.fault, 'invalid_json');
    end if;
    insert into ucrm.staged_lines (n, line)
    select l.n, l.line::jsonb from string_to_table(content, E'\n') with ordinality as l (line, n) where l.line ~ '\S';
    return query select * from ucrm.restore_staged();
end
$$;
comment on function ucrm.restore_lines(bytea) is
'ucrm.restore_tenant() for the lines themselves, as they were exported (NDJSON). Also: invalid_json naming the line.';

create function ucrm.restore_route(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    restored record;
    state text;
    code text;
    detail text;
begin
    perform ucrm.demand_platform();
    if coalesce(r.headers ->> 'content-type', 'application/x-ndjson') !~* '^application/(x-ndjson|ndjson|jsonl|x-jsonlines|json|octet-stream)\s*(;|$)' then
        return ucrm.problem('unsupported_media_type', r.request_id, 'send the exported file as application/x-ndjson');
    end if;
    -- A restore that fails leaves nothing but the reply.
    select x.* into restored from ucrm.restore_lines(coalesce(r.body, '')) as x;
    return ucrm.json_response(201, jsonb_build_object('data', jsonb_build_object('tenant_id', restored.tenant_id, 'rows', restored.rows)),
        jsonb_build_object('location', '/api/v1/admin/workspaces/' || restored.tenant_id));
exception when others then
    get stacked diagnostics state = returned_sqlstate, code = message_text, detail = pg_exception_detail;
    if state !~ '^PT4' then
        raise;
    end if;
    return ucrm.problem(code, r.request_id, detail, case when detail like 'line %' then jsonb_build_object('errors', jsonb_build_array(jsonb_build_object(
        'field', split_part(detail, ': ', 1), 'code', code, 'message', substr(detail, strpos(detail, ': ') + 2)))) end);
end
$$;
comment on function ucrm.restore_route(ucrm.request) is
'POST /api/v1/admin/workspaces/restore, the exported lines as body: 201 {data: {tenant_id, rows}}. Refusals: invalid_json and validation_failed naming the line, duplicate, unsupported_media_type.';

grant execute on function ucrm.insert_lines(boolean, bigint) to ucrm_mover;
grant execute on function ucrm.insert_protected_lines(bigint) to ucrm_owner;
grant execute on function ucrm.restore_staged(), ucrm.restore_tenant(regclass), ucrm.restore_lines(bytea) to ucrm_platform;
grant execute on function ucrm.restore_route(ucrm.request) to ucrm_handler, ucrm_owner;
