-- Does every row of a protected table stand as its audit left it? What was written while its triggers slept is found by
-- comparing: row with last image, each image with the one before.
create function ucrm.unlike_columns(image jsonb, recorded jsonb, columns jsonb)
returns text[]
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select array_agg(c."to" order by c."to" collate "C")
    from jsonb_to_recordset(columns) as c ("to" text, "from" text, exact boolean)
    where c.exact and c."from" is not null and image -> c."to" is distinct from recorded -> c."from";
$$;
comment on function ucrm.unlike_columns(jsonb, jsonb, jsonb) is
'The columns in which a row is not what was recorded of it; columns: ucrm.column_map()''s, of the time it was recorded. Null: none. What changed its type since, or came since, is not compared.';

create function ucrm.may_compare(tenant uuid)
returns boolean
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select case when ucrm.tenant_id() is null then pg_has_role(session_user, 'ucrm_platform', 'member')
                else tenant = ucrm.tenant_id() and coalesce(ucrm.permission_scope('audit_logs', 'read') = 'all', false) end;
$$;
comment on function ucrm.may_compare(uuid) is 'Whether the caller may ask about a tenant''s audit: its own, if he may read that, or any as a login of the platform that has entered none.';

create function ucrm.comparable_since(tenant uuid, noun text)
returns timestamptz
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select greatest(
        ucrm.audit_begins(noun),
        (select ucrm.time_of_id(s.last_id) from ucrm.audit_seals as s
         where (select ucrm.may_compare(tenant)) and s.tenant_id = tenant and s.n = (select max(least(x.pruned, x.n - 1)) from ucrm.audit_seals as x where x.tenant_id = tenant)));
$$;
comment on function ucrm.comparable_since(uuid, text) is 'Since when each row of a resource''s table must have an audit row: protect() was called, and nothing was pruned. Null: never.';

-- What the audit says is read by its owner, for whom may: under row security a text is compared only after the policy, and so
-- without the index. Straight from the indexes: what is known of how many rows there are may be old.
create function ucrm.told_records(tenant uuid, noun text, since text, upto text, itself boolean default false)
returns table (
    id uuid, at timestamptz, record_id text, before jsonb, after jsonb, blank boolean, last boolean,
    left_by uuid, left_at timestamptz, left_as jsonb, left_blank boolean)
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
    select l.id, l.at, l.record_id, l.before, l.after, l.images is not null and l.salt is null, lead(l.id) over w is null,
           lag(l.id) over w, lag(l.at) over w, lag(l.after) over w, coalesce(lag(l.images is not null and l.salt is null) over w, false)
    from ucrm.audit_logs as l
    where (select ucrm.may_compare(tenant)) and l.tenant_id = tenant and l.resource = noun and l.record_id >= since and (itself or l.record_id > since) and (upto is null or l.record_id <= upto)
      and l.at >= (select ucrm.comparable_since(tenant, noun)) and l.action in ('create', 'update', 'delete', 'archive', 'restore')
    window w as (partition by l.record_id order by l.id);
$$;
comment on function ucrm.told_records(uuid, text, text, text, boolean) is
'The audit rows of a tenant''s records of a resource with ids above since (itself: or since itself) up to upto, each with what the one before it left; blank: its images were erased; last: none comes after it. Nothing for whom may not ask.';

create function ucrm.told_upto(tenant uuid, noun text, since text)
returns text
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set enable_bitmapscan = off
as $$
    select l.record_id
    from ucrm.audit_logs as l
    where (select ucrm.may_compare(tenant)) and l.tenant_id = tenant and l.resource = noun and l.record_id > since
    order by l.record_id
    offset 999
    limit 1;
$$;
comment on function ucrm.told_upto(uuid, text, text) is 'Up to which record the next thousand audit rows reach; null: to the last.';

create function ucrm.key_names(noun text)
returns text[]
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$ select array_agg(distinct m.key_name) from ucrm.column_map(noun, clock_timestamp()) as m where m.key_name is not null $$;
comment on function ucrm.key_names(text) is 'What the key of a resource''s table was ever called since its audit began.';

create function ucrm.rekeyed_records(tenant uuid, noun text)
returns table (id uuid, record_id text, left_by uuid, left_at timestamptz, left_as jsonb, left_blank boolean)
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    begun constant timestamptz := ucrm.comparable_since(tenant, noun);
    names constant text[] := ucrm.key_names(noun);
begin
    if not ucrm.may_compare(tenant) then
        return;
    end if;
    return query
    with rekeyed as materialized (
        select l.id, l.before ->> m.key_name as record_id, l.before
        from ucrm.audit_logs as l
        join ucrm.column_map(noun, clock_timestamp()) as m on l.at >= m.since and (m.until is null or l.at < m.until)
        where l.tenant_id = tenant and l.resource = noun and l.changed && names and l.at >= begun and l.before ->> m.key_name <> l.record_id
    )
    select k.id, k.record_id, p.id, p.at, p.after, coalesce(p.blank, false)
    from rekeyed as k
    left join lateral (
        -- Where one statement moved records along, another may have taken this id just before: then the row before that one.
        select l.id, l.at, l.after, l.images is not null and l.salt is null as blank
        from ucrm.audit_logs as l
        where l.tenant_id = tenant and l.resource = noun and l.record_id = k.record_id and l.id < k.id and l.at >= begun
          and l.action in ('create', 'update', 'delete', 'archive', 'restore')
          and not exists (
              select from ucrm.audit_logs as x
              where x.tenant_id = tenant and x.resource = noun and x.record_id = k.record_id and x.id > l.id and x.id < k.id
                and x.action in ('create', 'update', 'delete', 'archive', 'restore') and not (coalesce(x.changed, '{}') && names))
        order by l.after is not distinct from k.before desc, l.id desc
        limit 1
    ) as p on true;
end
$$;
comment on function ucrm.rekeyed_records(uuid, text) is
'Audit rows by which records got another id, and the one that each had: there the history of the old one ends, and how its last row left it.';

create function ucrm.unlike_images(one jsonb, one_columns jsonb, other jsonb, other_columns jsonb)
returns boolean
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select case when one is null or other is null then (one is null) <> (other is null)
        else exists (
            select from jsonb_to_recordset(one_columns) as c ("to" text, "from" text, exact boolean)
            join jsonb_to_recordset(other_columns) as d ("to" text, "from" text, exact boolean) on d."to" = c."to"
            where c.exact and d.exact and c."from" is not null and d."from" is not null and one -> c."from" is distinct from other -> d."from")
    end;
$$;
comment on function ucrm.unlike_images(jsonb, jsonb, jsonb, jsonb) is
'Whether two images tell of different rows, by the columns that both have and that kept their type; columns: ucrm.column_map()''s, each of its time.';

create function ucrm.unlike_records(tenant uuid, noun text, since text default '', upto text default null, itself boolean default false)
returns table (key text, audit_id uuid, past boolean, fields text[], present jsonb, what text)
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
    type constant text := ucrm.key_type(noun);
    plain constant boolean := ucrm.is_plain_key(type);
    map constant jsonb := (select jsonb_agg(to_jsonb(m)) from ucrm.column_map(noun, clock_timestamp()) as m);
begin
    return query execute format(
    'with eras as materialized (
        select * from jsonb_to_recordset($5) as m (since timestamptz, until timestamptz, columns jsonb)
    ), rekeyed as materialized (
        select * from ucrm.rekeyed_records($1, $2)
    ), told as materialized (
        select l.*, %3$s as key from ucrm.told_records($1, $2, $3, $4, $6) as l
    )%2$s
    -- One row does not begin where the one before it ended; or a record got an id that another one had.
    select t.record_id, t.id, true, null::text[], null::jsonb, ''it was changed before this, and no row says how''
    from told as t
    join eras as e on t.at >= e.since and (e.until is null or t.at < e.until)
    left join rekeyed as k on k.id = t.id
    cross join lateral (
        select case when k.id is null then t.left_by else k.left_by end as id, case when k.id is null then t.left_at else k.left_at end as at,
               case when k.id is null then t.left_as else k.left_as end as image, case when k.id is null then t.left_blank else k.left_blank end as blank
    ) as f
    left join eras as o on f.at >= o.since and (o.until is null or f.at < o.until)
    where not t.blank and (
        f.id is not null and not f.blank
        and case when o.since = e.since and t.before is not null and f.image is not null then %7$s <> %8$s
                 else ucrm.unlike_images(%7$s, e.columns, %8$s, o.columns) end
        and (t.before is not null or not exists (select from rekeyed as x where x.record_id = t.record_id and x.id > t.left_by and x.id < t.id))
        or k.id is not null and t.left_as is not null and not exists (select from rekeyed as x where x.record_id = t.record_id and x.id > t.left_by))
    union all
    select t.record_id, t.id, false, d.fields, n.image,
           case when n.image is null then ''it is gone, and no row says so''
                when t.after is null then ''it is there, and its last row says that it was deleted''
                else ''what it holds is not what was recorded: '' || array_to_string(d.fields, '', '') end
    from told as t
    join eras as e on t.at >= e.since and (e.until is null or t.at < e.until)
    left join %4$s
    cross join lateral (select case when n.image is not null and t.after is not null and n.image <> t.after
                                    then ucrm.unlike_columns(%5$s, %6$s, e.columns) end as fields offset 0) as d
    where t.last and not t.blank
      and case when n.image is null then t.after is not null and not exists (select from rekeyed as k where k.record_id = t.record_id and k.id > t.id)
               when t.after is null then true
               else d.fields is not null end',
    r.key_column,
    case when not plain then format(', present as materialized (select ucrm.image("ucrm: row") as image from %s as "ucrm: row" where "ucrm: row".tenant_id = $1)', relation::regclass) end,
    case
        when type = 'uuid' then 'case when l.record_id ~* ''^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'' then l.record_id::uuid end'
        when type in ('smallint', 'integer', 'bigint') then 'case when l.record_id ~ ''^(0|-?[1-9][0-9]{0,18})$'' then case when l.record_id::numeric between -9223372036854775808 and 9223372036854775807 then l.record_id::bigint end end'
        else 'l.record_id' end,
    case when plain then format('lateral (select ucrm.image("ucrm: row") as image from %s as "ucrm: row" where "ucrm: row".tenant_id = $1 and "ucrm: row".%I = t.key offset 0) as n on true', relation::regclass, r.key_column)
         else format('(select p.image from present as p) as n on n.image ->> %L = t.key', r.key_column) end,
    case when r.secret_columns = '{}' then 'n.image' else 'ucrm.masked_image($2, n.image)' end,
    case when r.secret_columns = '{}' then 't.after' else 'ucrm.masked_image($2, t.after)' end,
    case when r.secret_columns = '{}' then 't.before' else 'ucrm.masked_image($2, t.before)' end,
    case when r.secret_columns = '{}' then 'f.image' else 'ucrm.masked_image($2, f.image)' end)
    using tenant, noun, since, upto, map, itself;
end
$$;
comment on function ucrm.unlike_records(uuid, text, text, text, boolean) is
'What of a tenant''s records of a resource is not as the audit says, of those that it tells of, with ids above since (itself: or since itself) up to upto (null: all): id, the audit row that is contradicted, past: by what came before it, else by the row as it is now, with the columns and that row; what. As the caller sees table and audit.';

create function ucrm.compared_resources(tenant uuid)
returns setof text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    r record;
    left_out text[];
    nameless text[];
begin
    for r in
        select x.name, t.relation,
               exists (select from pg_catalog.pg_policy as p where p.polrelid = t.relation and p.polname not like 'ucrm: %') as narrowed,
               (select count(*) from pg_catalog.pg_attribute as a where a.attrelid = t.relation and a.attname in (x.key_column, 'tenant_id') and not a.attisdropped) = 2 as named
        from ucrm.resources as x
        cross join lateral (select ucrm.relation_of(x.table_schema, x.table_name) as relation) as t
        where x.kind = 'entity' and t.relation is not null and ucrm.comparable_since(tenant, x.name) is not null
        order by x.name
    loop
        -- Who does not see all of a table's rows would miss some.
        if not r.named then
            nameless := nameless || r.name;
        elsif not has_table_privilege(r.relation, 'select') or (row_security_active(r.relation) and (
            r.narrowed or tenant is distinct from ucrm.tenant_id() or ucrm.permission_scope(r.name, 'read') is distinct from 'all'))
        then
            left_out := left_out || r.name;
        else
            return next r.name;
        end if;
    end loop;
    if left_out is not null then
        raise notice 'rows of % are not compared with their audit: you do not see all of them', array_to_string(left_out[:5], ', ') || case when cardinality(left_out) > 5 then format(' and %s others', cardinality(left_out) - 5) else '' end;
    end if;
    if nameless is not null then
        raise notice 'rows of % are not compared with their audit: the column of their key, or tenant_id, is not there', array_to_string(nameless, ', ');
    end if;
end
$$;
comment on function ucrm.compared_resources(uuid) is 'The resources whose rows of a tenant the caller sees all, whose audit knows them, and whose key is there. A notice names the others.';

create function ucrm.seal_of(tenant uuid, audit_id uuid)
returns bigint
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$ select min(s.n) from ucrm.audit_seals as s where s.tenant_id = tenant and s.last_id >= audit_id and ucrm.may_compare(tenant) $$;
comment on function ucrm.seal_of(uuid, uuid) is 'Under which of a tenant''s seals an audit row is; null: under none yet, or the caller may not ask.';

create function ucrm.told_digests(tenant uuid, noun text)
returns table (record_id text, digest bytea, broken boolean)
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
    select t.record_id, t.left_digest, t.broken
    from (
        select l.record_id, d.left_digest, lead(l.id) over w is null as last,
               -- Which record it was before a key changed is for ucrm.unlike_records() to see.
               (lag(l.id) over w is not null and d.found_digest is distinct from lag(d.left_digest) over w) or coalesce(l.changed && (select ucrm.key_names(noun)), false) as broken
        from ucrm.audit_logs as l
        cross join lateral (select ucrm.image_digest(l.before) as found_digest, ucrm.image_digest(l.after) as left_digest offset 0) as d
        where (select ucrm.may_compare(tenant)) and l.tenant_id = tenant and l.resource = noun
          and l.at >= (select ucrm.comparable_since(tenant, noun)) and l.action in ('create', 'update', 'delete', 'archive', 'restore')
        window w as (partition by l.record_id order by l.id)
    ) as t
    where t.last or t.broken;
$$;
comment on function ucrm.told_digests(uuid, text) is
'What the last audit row of each record of a tenant''s resource left, as a digest (null: nothing), and, broken, each audit row that does not begin where the one before it ended. Nothing for whom may not ask.';

create function ucrm.doubtful_records(tenant uuid, noun text)
returns table (key text, unheard boolean)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set enable_bitmapscan = off
set enable_mergejoin = off
set work_mem = '32MB'
set jit = off
as $$
declare
    r constant ucrm.resources := (select x from ucrm.resources as x where x.name = noun);
    relation constant oid := ucrm.relation_of(r.table_schema, r.table_name);
begin
    return query execute format(
    'select coalesce(l.record_id, n.key), l.record_id is null
    from ucrm.told_digests($1, $2) as l
    full join (
        select "ucrm: row".%1$I as raw, %5$s as key, ucrm.image_digest(i.image) as digest, %3$s as created_at
        from %2$s as "ucrm: row"
        cross join lateral (select ucrm.image("ucrm: row") as image offset 0) as i
        where "ucrm: row".tenant_id = $1 offset 0
    ) as n on n.key = l.record_id
    where case when l.record_id is null then coalesce(%4$s > $3, false) else l.broken or l.digest is distinct from n.digest end',
    r.key_column, relation::regclass, ucrm.created_of('"ucrm: row"', noun), ucrm.moment_of_row('n.raw', 'n.created_at', noun),
    format(case when ucrm.is_plain_key(ucrm.key_type(noun)) then '"ucrm: row".%I::text' else 'i.image ->> %L' end, r.key_column))
    using tenant, noun, ucrm.comparable_since(tenant, noun);
end
$$;
comment on function ucrm.doubtful_records(uuid, text) is
'Ids of a tenant''s records of a resource that may not be as the audit says: what is equal byte by byte is out of the question. unheard: it came after its audit began, and has no audit row.';

create function ucrm.unrecorded(tenant uuid)
returns table (kind text, seal bigint, record_id uuid, what text)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    noun text;
    doubtful text[];
    unheard text[];
begin
    kind := 'unrecorded';
    foreach noun in array array(select n from ucrm.compared_resources(tenant) as n) loop
        select array_agg(distinct d.key) filter (where not d.unheard), array_agg(d.key) filter (where d.unheard) into doubtful, unheard
        from ucrm.doubtful_records(tenant, noun) as d;
        -- One by one as long as they are few, and found by an index.
        return query
        select 'unrecorded', case when u.past then ucrm.seal_of(tenant, u.audit_id) end, u.audit_id, format('%s/%s: %s', noun, u.key, u.what)
        from unnest(case when cardinality(doubtful) > case when ucrm.is_plain_key(ucrm.key_type(noun)) then 100 else 1 end then array[null::text] else doubtful end) as d (key)
        cross join lateral ucrm.unlike_records(tenant, noun, coalesce(d.key, ''), d.key, true) as u;
        return query
        select 'unrecorded', null::bigint, null::uuid, format('%s/%s: it is there, and no row says how it came', noun, d.key) from unnest(unheard) as d (key);
    end loop;
end
$$;
comment on function ucrm.unrecorded(uuid) is
'Part of ucrm.audit_verify(): rows of a tenant''s protected tables that are not what the audit says of them, as rows are that were written while triggers slept. record_id: the audit row that is contradicted; null: there is none. A record that was there before ucrm.protect() or came before what was pruned, and has not been written since, is not known; nor is one with neither a UUIDv7 for a key nor created_at that nothing was recorded of.';

grant execute on function
    ucrm.unlike_columns(jsonb, jsonb, jsonb), ucrm.unlike_images(jsonb, jsonb, jsonb, jsonb), ucrm.key_names(text), ucrm.may_compare(uuid), ucrm.comparable_since(uuid, text),
    ucrm.told_records(uuid, text, text, text, boolean), ucrm.told_upto(uuid, text, text), ucrm.rekeyed_records(uuid, text),
    ucrm.unlike_records(uuid, text, text, text, boolean), ucrm.told_digests(uuid, text), ucrm.doubtful_records(uuid, text),
    ucrm.compared_resources(uuid), ucrm.seal_of(uuid, uuid), ucrm.unrecorded(uuid), ucrm.relation_of(text, text), ucrm.key_type(text), ucrm.time_of_id(uuid)
to ucrm_app, ucrm_handler, ucrm_platform;
