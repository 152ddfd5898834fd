-- Rows that nothing was ever recorded of: when a row came is known by its key or its created_at, and whether it has to have
-- an audit row by when its audit began.
create function ucrm.heard_of(tenant uuid, noun text, records text[])
returns setof text
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
    select r.id
    from unnest(records) as r (id)
    where (select ucrm.may_compare(tenant)) and exists (
        select from ucrm.audit_logs as l
        where l.tenant_id = tenant and l.resource = noun and l.record_id = r.id and l.at >= (select ucrm.comparable_since(tenant, noun))
          and l.action in ('create', 'update', 'delete', 'archive', 'restore')
        offset 0);
$$;
comment on function ucrm.heard_of(uuid, text, text[]) is 'Which of these records have audit rows.';

create function ucrm.created_of(alias text, noun text)
returns text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    -- One that came after the audit began holds what its rows were filled with.
    select case when exists (
        select from (select m.columns from ucrm.column_map(noun, clock_timestamp()) as m order by m.since limit 1) as first
        cross join lateral jsonb_to_recordset(first.columns) as c ("to" text, "from" text, exact boolean, type text)
        where c."to" = 'created_at' and c."from" = 'created_at' and c.exact and c.type like 'timestamp%with time zone')
    then alias || '.created_at' else 'null::timestamptz' end;
$$;
comment on function ucrm.created_of(text, text) is
'SQL for when a row of a resource came, as its created_at says; of null where it has none that was there when its audit began, or one without a zone.';

create function ucrm.moment_of_row(key text, created text, noun text)
returns text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    -- Of the future nothing can tell: a key that only looks like a UUIDv7, a date of somebody's own.
    select format('greatest(%s, case when %2$s <= clock_timestamp() then %2$s end)',
                  case when ucrm.key_type(noun) = 'uuid'
                       then format('case when %1$s::text ~ ''^.{14}7.{4}[89ab]'' and ucrm.time_of_id(%1$s) <= clock_timestamp() then ucrm.time_of_id(%1$s) end', key)
                       else 'null::timestamptz' end, created);
$$;
comment on function ucrm.moment_of_row(text, text, text) is
'SQL for when a row of a resource came: by its key, if that is a UUIDv7, or its created_at, whichever is later; from SQL for both.';

create function ucrm.type_name(noun text)
returns text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select format('%I.%I', n.nspname, t.typname)
    from ucrm.resources as r
    join pg_catalog.pg_attribute as a on a.attrelid = ucrm.relation_of(r.table_schema, r.table_name) and a.attname = r.key_column
    join pg_catalog.pg_type as t on t.oid = a.atttypid
    join pg_catalog.pg_namespace as n on n.oid = t.typnamespace
    where r.name = noun;
$$;
comment on function ucrm.type_name(text) is 'The type of a resource''s key to cast to: of any length, where ucrm.key_type() is char of one.';

create function ucrm.is_plain_key(type text)
returns boolean
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$ select coalesce(type in ('uuid', 'smallint', 'integer', 'bigint', 'text', 'character varying'), false) $$;
comment on function ucrm.is_plain_key(text) is 'Whether a key of this type is the same as text and in an image, whatever the session prints.';

create function ucrm.unheard_records(tenant uuid, noun text, since text default null, most integer default null)
returns table (key text, present jsonb, unheard boolean)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
declare
    r constant ucrm.resources := (select x from ucrm.resources as x where x.name = noun);
    relation constant oid := ucrm.relation_of(r.table_schema, r.table_name);
    plain constant boolean := ucrm.is_plain_key(ucrm.key_type(noun));
begin
    return query execute format(
    'with near as materialized (
        select "ucrm: row" as whole, %6$s as key, row_number() over (order by "ucrm: row".%1$I) as n, coalesce(%5$s > $4, false) as dated
        from %2$s as "ucrm: row"
        where "ucrm: row".tenant_id = $1 and ($3 is null or "ucrm: row".%1$I > $3::%3$s)
        order by "ucrm: row".%1$I
        limit %4$s
    ), heard as materialized (
        select h as key from ucrm.heard_of($1, $2, (select array_agg(n.key) from near as n where n.dated)) as h
    )
    select n.key, case when n.dated and h.key is null then ucrm.image(n.whole) end, n.dated and h.key is null
    from near as n
    left join heard as h on h.key = n.key
    order by n.n',
    r.key_column, relation::regclass, ucrm.type_name(noun), coalesce(most::text, 'all'),
    ucrm.moment_of_row(format('"ucrm: row".%I', r.key_column), ucrm.created_of('"ucrm: row"', noun), noun),
    format(case when plain then '"ucrm: row".%I::text' else 'ucrm.image("ucrm: row") ->> %L' end, r.key_column))
    using tenant, noun, since, ucrm.comparable_since(tenant, noun);
end
$$;
comment on function ucrm.unheard_records(uuid, text, text, integer) is
'A tenant''s rows of a resource with keys above since, in order, at most so many, and which of them (unheard, with the row) came after its audit began, by a UUIDv7 or created_at, and have no audit row. As the caller sees table and audit.';

grant execute on function
    ucrm.heard_of(uuid, text, text[]), ucrm.created_of(text, text), ucrm.moment_of_row(text, text, text), ucrm.type_name(text), ucrm.is_plain_key(text),
    ucrm.unheard_records(uuid, text, text, integer)
to ucrm_app, ucrm_handler, ucrm_platform;
