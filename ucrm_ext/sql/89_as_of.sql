-- Time travel: a table as it was at a moment, from its rows of now and the images in the audit log. A transaction counts
-- whole, at the instant of its last audited write; the one that asks counts write by write.
create index audit_logs_request on ucrm.audit_logs (tenant_id, request_id);
-- Rows that got another key, by which a row's history goes on under its older names.
create index audit_logs_rekeyed on ucrm.audit_logs (tenant_id, resource) where changed @> '{id}';

create function ucrm.uuid_after(moment timestamptz)
returns uuid
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
    select (lpad(to_hex(u.us / 1000), 12, '0') || '7' || lpad(to_hex(u.us % 1000 * 4096 / 1000), 3, '0') || '8000000000000000')::uuid
    from (select (extract(epoch from moment) * 1000000)::bigint + 1 as us) as u;
$$;
comment on function ucrm.uuid_after(timestamptz) is 'The lowest UUIDv7 that ucrm.uuid7() makes after this microsecond.';

create function ucrm.resource_of(relation regclass)
returns text
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    noun constant text := (select r.name from ucrm.resources as r where r.kind = 'entity' and ucrm.relation_of(r.table_schema, r.table_name) = relation);
begin
    if noun is null then
        raise exception '% is not a protected table', coalesce(relation::text, 'null')
            using errcode = 'undefined_object', hint = 'The audit log knows tables that ucrm.protect() was called for.';
    end if;
    return noun;
end
$$;
comment on function ucrm.resource_of(regclass) is 'The resource of a protected table; 42704 when it is none.';

create function ucrm.demand_history(noun text)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    perform ucrm.demand(noun, 'read');
    perform ucrm.demand('audit_logs', 'read');
end
$$;
comment on function ucrm.demand_history(text) is 'Raises unless the context may read the resource and the audit log.';

create function ucrm.moment_fault(noun text, tenant uuid, moment timestamptz)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    start timestamptz := ucrm.audit_begins(noun);
    pruned constant timestamptz := (
        select max(l.at)
        from ucrm.audit_logs as l
        where l.tenant_id = tenant and l.resource = 'audit_logs' and l.action = 'pruned' and (l.after ->> 'last_id')::uuid >= ucrm.uuid_after(moment));
begin
    if moment is null or moment > clock_timestamp() or not isfinite(moment) then
        return 'the moment must be in the past';
    elsif start is null or moment < start then
        return format('the audit of %s begins at %s', noun, to_char(start at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'));
    elsif pruned is not null then
        return format('audit rows of later moments were pruned at %s', to_char(pruned at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'));
    end if;
    return null;
end
$$;
comment on function ucrm.moment_fault(text, uuid, timestamptz) is 'Why a resource of a tenant is not known as of a moment: it is to come, before its audit begins, or before what retention has left of it; null when it is.';

create function ucrm.demand_moment(noun text, moment timestamptz)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    fault constant text := ucrm.moment_fault(noun, ucrm.tenant_id(), moment);
begin
    if fault is not null then
        perform ucrm.refuse('moment_unknown', fault);
    end if;
end
$$;
comment on function ucrm.demand_moment(text, timestamptz) is 'Raises moment_unknown with what ucrm.moment_fault() says.';

create function ucrm.masked_image(noun text, image jsonb)
returns jsonb
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select case when cardinality(r.secret_columns) = 0 or image is null then image
        else image || coalesce((
            select jsonb_object_agg(c, ucrm.secret_mask(image ->> c))
            from unnest(r.secret_columns) as c
            where image ->> c not like '••••%'
        ), '{}')
    end
    from ucrm.resources as r
    where r.name = noun;
$$;
comment on function ucrm.masked_image(text, jsonb) is 'An image without what lay in clear in a column before it became a secret one.';

-- What a type prints depends on the session that wrote the image; of these it is said again as this one prints it.
create function ucrm.restated(columns jsonb, image text)
returns text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select case when t.columns is null then image else format('%1$s || (select to_jsonb(z) from jsonb_to_record(%1$s) as z (%2$s))', image, t.columns) end
    from (
        select string_agg(format('%I %s', c."to", c.type), ', ') as columns
        from jsonb_to_recordset(restated.columns) as c ("to" text, type text)
        where c.type ~ '^(timestamp.* with time zone|interval|bytea|real|double precision)'
    ) as t;
$$;
comment on function ucrm.restated(jsonb, text) is 'SQL for an image whose times, intervals, bytes and floats are printed as this session prints them.';

create function ucrm.images_at(noun text, tenant uuid, moment timestamptz, one text default null)
returns table (key text, image jsonb)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    r constant ucrm.resources := (select x from ucrm.resources as x where x.name = noun);
    bound constant uuid := ucrm.uuid_after(moment);
    own constant boolean := coalesce(tenant = ucrm.tenant_id() and ucrm.permission_scope(noun, 'read') = 'own', false);
    map constant jsonb := (select jsonb_agg(to_jsonb(m)) from ucrm.column_map(noun, moment) as m);
begin
    return query execute
    'with eras as materialized (
        select * from jsonb_to_recordset($6) as m (since timestamptz, until timestamptz, same boolean, exact boolean, key_name text, owner_name text, columns jsonb)
    ), straddling as materialized (
        -- A request that wrote before the moment and after it. Its id was made when it began.
        select distinct l.request_id
        from ucrm.audit_logs as l
        where l.tenant_id = $2 and l.request_id is distinct from ucrm.request_id() and l.request_id is distinct from ucrm.own_request()' || case
            when one is null then ' and l.id >= $4 and l.request_id < ucrm.uuid_after($3 + interval ''1 minute'')'
            else ' and l.resource = $1 and l.record_id = $5 and l.id < $4
                   and exists (select from ucrm.audit_logs as x where x.tenant_id = $2 and x.request_id = l.request_id and x.id >= $4)'
        end || '
    ), late as materialized (
        select l.id, l.at, l.record_id, l.before, l.after
        from ucrm.audit_logs as l
        where l.tenant_id = $2 and l.resource = $1 and l.action in (''create'', ''update'', ''delete'', ''archive'', ''restore'')' || case
            when one is null then ' and l.id >= $4'
            else ' and l.id >= $4 and l.record_id = $5
        union all
        select l.id, l.at, l.record_id, l.before, l.after
        from ucrm.audit_logs as l
        where l.tenant_id = $2 and l.resource = $1 and l.id >= $4 and l.record_id <> $5 and l.changed @> ' || quote_literal(array[r.key_column])
        end || '
        union all
        select l.id, l.at, l.record_id, l.before, l.after
        from ucrm.audit_logs as l
        where l.tenant_id = $2 and l.resource = $1 and l.action in (''create'', ''update'', ''delete'', ''archive'', ''restore'') and l.id < $4
          and l.request_id in (select s.request_id from straddling as s)' || case when one is null then '' else ' and l.record_id = $5' end || '
    ), mentions as materialized (
        select l.id, 0 as side, l.before ->> e.key_name as key, l.before as image, e.columns, e.same, e.exact, l.before ->> e.owner_name as owner,
               coalesce(case when l.after ->> e.key_name = l.before ->> e.key_name then l.after end, l.before) ->> e.owner_name as owner_left
        from late as l
        join eras as e on l.at >= e.since and (e.until is null or l.at < e.until)
        where l.before is not null
        union all
        select l.id, 1, l.after ->> e.key_name, null, e.columns, e.same, e.exact, null, l.after ->> e.owner_name
        from late as l
        join eras as e on l.at >= e.since and (e.until is null or l.at < e.until)
        where l.after is not null and l.after ->> e.key_name is distinct from l.before ->> e.key_name
        union all
        -- Of a record that was forgotten nothing is known.
        select l.id, 1, l.record_id, null, null, null, null, null, null
        from late as l
        where l.before is null and l.after is null
    ), first as materialized (
        select distinct on (m.key) m.* from mentions as m order by m.key, m.id, m.side
    ), found as (
        select f.key, f.image, f.columns, f.same, f.exact
        from first as f
        where f.image is not null' || case when one is null then '' else ' and f.key = $5' end || case when not own then '' else '
          and f.owner = ucrm.user_id()::text
          -- and is the member''s still, or was when it went
          and (select m.owner_left from mentions as m where m.key = f.key order by m.id desc, m.side desc limit 1) = ucrm.user_id()::text' end || format('
        union all
        select t.%1$I::text, to_jsonb(t.*), e.columns, e.same, e.exact
        from %2$I.%3$I as t
        cross join (select * from eras as e where e.until is null) as e
        where t.tenant_id = $2 and t.%1$I::text not in (select f.key from first as f)', r.key_column, r.table_schema, r.table_name)
        || case when one is null then '' else format(' and t.%I::text = $5', r.key_column) end || '
    ), read as (
        select f.key, case when f.same then f.image else ucrm.image_as_of(f.image, f.columns, p.after, p.columns) end as image
        from found as f
        left join lateral (
            select l.after, e.columns
            from ucrm.audit_logs as l
            join eras as e on l.at >= e.since and (e.until is null or l.at < e.until)
            where not f.exact
              and l.tenant_id = $2 and l.resource = $1 and l.record_id = f.key and l.id < $4
              and l.action in (''create'', ''update'', ''archive'', ''restore'')
              and (l.request_id is null or l.request_id not in (select s.request_id from straddling as s where s.request_id is not null))
            order by l.id desc
            limit 1
        ) as p on true
    )
    select r.key, ' || format(case when r.secret_columns = '{}' then '%s' else 'ucrm.masked_image($1, %s)' end, ucrm.restated(map -> 0 -> 'columns', 'r.image')) || ' from read as r'
    using noun, tenant, moment, bound, one, map;
end
$$;
comment on function ucrm.images_at(text, uuid, timestamptz, text) is
'A tenant''s rows of a resource as they were at a moment, or one of them, each with its key: what the caller may see of the table and of the audit log. Asks for no permission: ucrm.as_of() does.';

create function ucrm.as_of("table" regclass, moment timestamptz)
returns setof jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    noun constant text := ucrm.resource_of("table");
begin
    perform ucrm.demand_history(noun);
    perform ucrm.demand_moment(noun, moment);
    return query select i.image from ucrm.images_at(noun, ucrm.tenant_id(), moment) as i;
end
$$;
comment on function ucrm.as_of(regclass, timestamptz) is
'The entered tenant''s rows of a protected table as they were at a moment, each as to_jsonb() of it was, with the columns, names and types of then; secret columns masked. A transaction counts whole, at the instant of its last audited write (this one: write by write); the answer is final once every transaction that wrote before the moment has ended. Asks for read on the resource and on audit_logs; with read:own, rows that were the member''s then and are not somebody else''s now. Refusals: no_context, permission_denied, a gate''s code, moment_unknown.';

create function ucrm.rows_as_of(like_table anyelement, moment timestamptz)
returns setof anyelement
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    relation constant oid := (select t.typrelid from pg_catalog.pg_type as t where t.oid = pg_typeof(like_table));
    noun constant text := ucrm.resource_of(relation::regclass);
    names jsonb;
begin
    perform ucrm.demand_history(noun);
    perform ucrm.demand_moment(noun, moment);
    -- As the columns are called today.
    select jsonb_object_agg(c."to", c."from") into names
    from (select m.columns from ucrm.column_map(noun, moment) as m where m.until is null) as m
    cross join lateral jsonb_to_recordset(m.columns) as c ("to" text, "from" text)
    where c."from" is not null;
    return query execute format(
        'select (jsonb_populate_record(null::%s, (select jsonb_object_agg(n.value, i.image -> n.key) from jsonb_each_text($4) as n))).* from ucrm.images_at($1, $2, $3) as i',
        relation::regclass)
    using noun, ucrm.tenant_id(), moment, names;
end
$$;
comment on function ucrm.rows_as_of(anyelement, timestamptz) is
'As ucrm.as_of(), as rows of the table as it is now: select * from ucrm.rows_as_of(null::crm.contacts, now() - interval ''1 day''). Columns are those of today, under today''s names; what came since is null, what went is not shown, and a value that does not fit today''s type raises as its cast does. Refusals as of ucrm.as_of().';

grant execute on function
    ucrm.uuid_after(timestamptz), ucrm.resource_of(regclass), ucrm.demand_history(text),
    ucrm.moment_fault(text, uuid, timestamptz), ucrm.demand_moment(text, timestamptz),
    ucrm.masked_image(text, jsonb), ucrm.restated(jsonb, text), ucrm.images_at(text, uuid, timestamptz, text),
    ucrm.as_of(regclass, timestamptz), ucrm.rows_as_of(anyelement, timestamptz)
to ucrm_app, ucrm_reader, ucrm_platform;
