-- The stage of a restore: the lines of an exported tenant wait here, and every one of them is checked before any is written.
create unlogged table ucrm.staged_lines (
    n bigint not null,
    line jsonb not null
);
create index staged_lines_table on ucrm.staged_lines ((line ->> 'table'), n);
comment on table ucrm.staged_lines is 'The lines of the restore that is running, n from 1; always empty when none is.';
grant select on ucrm.staged_lines to ucrm_mover;

create function ucrm.begin_restore()
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    -- One at a time; a dump may be taken meanwhile.
    lock table ucrm.staged_lines in exclusive mode;
    delete from ucrm.staged_lines;
end
$$;
comment on function ucrm.begin_restore() is 'Waits for a running restore and empties the stage.';

create function ucrm.stage_lines(start bigint, lines jsonb[])
returns void
language sql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
    insert into ucrm.staged_lines (n, line)
    select start + l.i - 1, coalesce(l.line, 'null') from unnest(lines) with ordinality as l (line, i);
$$;
comment on function ucrm.stage_lines(bigint, jsonb[]) is 'Stages lines; the first has number start.';

create function ucrm.refuse_line(n bigint, message text, code text default 'validation_failed')
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    perform ucrm.refuse(code, concat_ws(': ', 'line ' || n, message));
end
$$;
comment on function ucrm.refuse_line(bigint, text, text) is 'Raises the refusal with "line n: message" as DETAIL.';

create function ucrm.check_header(out tenant uuid)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    header constant jsonb := (select l.line from ucrm.staged_lines as l where l.n = 1);
    known constant text[] := array(select t.name from ucrm.tenant_tables() as t);
    named text[];
    wrong text;
begin
    if header ->> 'format' is distinct from 'ucrm-tenant' or jsonb_typeof(header -> 'tables') is distinct from 'array' then
        perform ucrm.refuse_line(1, 'is not the header of an exported tenant');
    end if;
    if header -> 'version' is distinct from '1' then
        perform ucrm.refuse_line(1, format('version %s is not known here, only 1', coalesce(header ->> 'version', 'null')));
    end if;
    if coalesce(header ->> 'tenant', '') !~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then
        perform ucrm.refuse_line(1, 'tenant is not a UUID');
    end if;
    tenant := (header ->> 'tenant')::uuid;
    named := array(select format('%I.%I', coalesce(t ->> 'schema', ''), coalesce(t ->> 'table', '')) from jsonb_array_elements(header -> 'tables') as t);

    select string_agg(quote_literal(n), ', ') into wrong from unnest(named) as n where n <> all (known);
    if wrong is not null then
        perform ucrm.refuse_line(1, 'no table of a tenant here: ' || wrong);
    end if;
    select string_agg(n, ', ') into wrong from unnest(known) as n where n <> all (named);
    if wrong is not null then
        perform ucrm.refuse_line(1, 'the file does not have the table ' || wrong);
    end if;
    if cardinality(named) <> cardinality(known) then
        perform ucrm.refuse_line(1, 'names a table twice');
    end if;
end
$$;
comment on function ucrm.check_header() is 'The tenant that the first staged line names. PT422 validation_failed: no header, another version, unknown and missing tables by name.';

create function ucrm.check_lines(tenant uuid)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    t record;
    wanted text[];
    bad record;
    counted bigint;
    promised bigint;
begin
    select min(l.n) as n into bad
    from ucrm.staged_lines as l
    where l.n > 1
      and case jsonb_typeof(l.line)
          when 'object' then jsonb_typeof(l.line -> 'table') is distinct from 'string'
              or jsonb_typeof(l.line -> 'row') is distinct from 'object'
              or l.line - 'table' - 'row' <> '{}'
          else true
      end;
    if bad.n is not null then
        perform ucrm.refuse_line(bad.n, 'is not {"table": …, "row": {…}}');
    end if;
    select l.n, l.line ->> 'table' as name into bad
    from ucrm.staged_lines as l
    where l.n > 1 and l.line ->> 'table' <> all (array(select x.name from ucrm.tenant_tables() as x))
    order by l.n
    limit 1;
    if found then
        perform ucrm.refuse_line(bad.n, format('%s is no table of a tenant here', quote_literal(bad.name)));
    end if;

    for t in select * from ucrm.tenant_tables() loop
        if t.tenant_column is not null then
            select min(l.n) as n into bad
            from ucrm.staged_lines as l
            where l.line ->> 'table' = t.name and l.line -> 'row' ->> t.tenant_column is distinct from tenant::text;
            if bad.n is not null then
                perform ucrm.refuse_line(bad.n, format('%s of this row is not the tenant of the file', t.tenant_column));
            end if;
        end if;

        wanted := array(select c.name from ucrm.moved_columns(t.relation) as c where not c.generated);
        select l.n, m.columns as missing, x.columns as extra, x.odd into bad
        from ucrm.staged_lines as l
        cross join lateral (select string_agg(c, ', ') as columns from unnest(wanted) as c where not l.line -> 'row' ? c) as m
        cross join lateral (
            select string_agg(quote_literal(f.key), ', ') filter (where f.key <> all (wanted)
                       and not exists (select from ucrm.moved_columns(t.relation) as g where g.generated and g.name = f.key)) as columns,
                   string_agg(f.key, ', ') filter (where jsonb_typeof(f.value) not in ('string', 'null')) as odd
            from jsonb_each(l.line -> 'row') as f
        ) as x
        where l.line ->> 'table' = t.name and (m.columns is not null or x.columns is not null or x.odd is not null)
        order by l.n
        limit 1;
        if found then
            perform ucrm.refuse_line(bad.n, concat_ws('; ',
                t.name || ' has no column ' || bad.extra,
                'the column ' || bad.missing || ' is missing',
                'neither text nor null: ' || bad.odd));
        end if;

        select count(*) into counted from ucrm.staged_lines as l where l.line ->> 'table' = t.name;
        select (h ->> 'rows')::bigint into promised
        from ucrm.staged_lines as l, jsonb_array_elements(l.line -> 'tables') as h
        where l.n = 1 and format('%I.%I', coalesce(h ->> 'schema', ''), coalesce(h ->> 'table', '')) = t.name and jsonb_typeof(h -> 'rows') = 'number';
        if counted <> promised or (t.tenant_column = 'id' and counted <> 1) then
            perform ucrm.refuse('validation_failed', format('the file is not whole: %s rows of %s, where its header says %s', counted, t.name, coalesce(promised, 1)));
        end if;
    end loop;
end
$$;
comment on function ucrm.check_lines(uuid) is
'Every staged line is a row of this tenant in a table and with the columns that are here, and as many as the header says. PT422 validation_failed with the line''s number.';

-- What the tables cannot know: that a key, an address or a login is already somebody else's.
create function ucrm.check_strangers(tenant uuid)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    bad record;
begin
    if exists (select from ucrm.tenants as t where t.id = tenant) then
        perform ucrm.refuse('duplicate', format('the tenant %s exists: erase it first', tenant));
    end if;
    select l.n, t.slug into bad
    from ucrm.staged_lines as l
    join ucrm.tenants as t on t.slug = l.line #>> '{row,slug}'
    where l.line ->> 'table' = 'ucrm.tenants';
    if found then
        perform ucrm.refuse_line(bad.n, format('the slug %s is another tenant''s', bad.slug), 'duplicate');
    end if;
    select l.n, u.email into bad
    from ucrm.staged_lines as l
    join ucrm.users as u on lower(u.email) = lower(l.line #>> '{row,email}') and u.id::text <> l.line #>> '{row,id}'
    where l.line ->> 'table' = 'ucrm.users'
      and not exists (select from ucrm.users as x where x.id::text = l.line #>> '{row,id}')
    order by l.n
    limit 1;
    if found then
        perform ucrm.refuse_line(bad.n, format('the address %s belongs to another account', bad.email), 'duplicate');
    end if;
    select l.n into bad
    from ucrm.staged_lines as l
    where l.line ->> 'table' = 'ucrm.api_keys'
      and exists (
          select from ucrm.api_keys as k where '\x' || encode(k.digest, 'hex') = lower(l.line #>> '{row,digest}')
          union all
          select from ucrm.platform_keys as k where '\x' || encode(k.digest, 'hex') = lower(l.line #>> '{row,digest}')
      )
    order by l.n
    limit 1;
    if found then
        perform ucrm.refuse_line(bad.n, 'this key is already somebody''s', 'duplicate');
    end if;
    -- A login that is here must have been bound before, and be nobody's now.
    select l.n, r.rolname into bad
    from ucrm.staged_lines as l
    join pg_catalog.pg_roles as r on r.rolname = l.line #>> '{row,login}'
    where l.line ->> 'table' = 'ucrm.logins'
      and (r.rolsuper or r.rolbypassrls or r.rolcreaterole or r.rolreplication or not r.rolcanlogin or r.rolname like 'ucrm\_%'
           or pg_has_role(r.oid, 'ucrm_app', 'member') or pg_has_role(r.oid, 'ucrm_platform', 'member') or not pg_has_role(r.oid, 'ucrm_reader', 'member')
           or exists (select from ucrm.logins as b where b.login = r.rolname))
    order by l.n
    limit 1;
    if found then
        perform ucrm.refuse_line(bad.n, format('the login %s is another one''s here, or none that can be bound', bad.rolname));
    end if;
    -- Its schema of views is dropped with the binding: it must be one of those that bind_login() makes.
    select l.n into bad
    from ucrm.staged_lines as l
    where l.line ->> 'table' = 'ucrm.logins'
      and (l.line #>> '{row,report_schema}' !~ '^report_[0-9a-f]{12}$'
           or exists (select from ucrm.logins as b where b.report_schema = l.line #>> '{row,report_schema}'))
    order by l.n
    limit 1;
    if found then
        perform ucrm.refuse_line(bad.n, 'report_schema is another login''s, or none of a login');
    end if;
end
$$;
comment on function ucrm.check_strangers(uuid) is
'The tenant and its slug are free, no address belongs to another account, no key and no login to somebody else. PT409 duplicate, PT422 validation_failed.';

grant execute on function ucrm.begin_restore(), ucrm.stage_lines(bigint, jsonb[]) to ucrm_platform;
