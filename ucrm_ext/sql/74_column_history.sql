-- What columns a protected table had, and since when: by it the images in the audit log are read. A column keeps its
-- number when it is renamed, and has a new version when its type changes.
create table ucrm.column_history (
    resource text not null references ucrm.resources (name) on delete cascade on update cascade,
    at timestamptz not null default clock_timestamp(),
    begins boolean not null default false,
    place text not null,
    columns jsonb not null check (jsonb_typeof(columns) = 'array'),
    primary key (resource, at)
);
comment on table ucrm.column_history is
'The columns of each protected table from that moment on: [{n, name, type, version, place, fill}]. begins: protect() was called, and from here on the audit knows every row. n: the same for a column whatever its name; version: one more for every change of its type; fill: {value} that rows which were there got when it was added, if that is known; place: server, table and column number, by which a renamed column is known again.';

create function ucrm.column_fill(relation oid, "column" smallint)
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    added record;
    fill jsonb;
begin
    select a.attmissingval::text as missing, format_type(a.atttypid, null) as type, a.atthasdef or a.attidentity <> '' or t.typdefault is not null as filled into added
    from pg_catalog.pg_attribute as a
    join pg_catalog.pg_type as t on t.oid = a.atttypid
    where a.attrelid = relation and a.attnum = "column";
    if added.missing is not null then
        execute format('select jsonb_build_object(''value'', ($1::%s[])[1])', added.type) into fill using added.missing;
    elsif not added.filled then
        fill := '{"value": null}';
    end if;
    return fill;
exception when others then
    return null;
end
$$;
comment on function ucrm.column_fill(oid, smallint) is '{value} that the rows which were there got when a column was added: of its constant default, or null where it has none; null when that is not known.';

create function ucrm.note_columns(noun text, begins boolean default false)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    relation constant oid := (select ucrm.relation_of(r.table_schema, r.table_name) from ucrm.resources as r where r.name = noun);
    here constant text := (select concat_ws('/', c.system_identifier, relation) from pg_control_system() as c);
    last ucrm.column_history;
    top integer;
    found_columns jsonb;
begin
    select h.* into last from ucrm.column_history as h where h.resource = noun order by h.at desc limit 1;
    if relation is null or (last.resource is null and not begins) then
        return;
    end if;
    select coalesce(max((c ->> 'n')::integer), 0) into top
    from ucrm.column_history as h, jsonb_array_elements(h.columns) as c
    where h.resource = noun;
    -- In the table it was noted of, a column is known by its number there; in one that a dump made, by its name.
    select jsonb_agg(jsonb_build_object(
        'n', coalesce((k.known ->> 'n')::integer, top + k.fresh),
        'name', k.attname,
        'type', k.type,
        'version', coalesce((k.known ->> 'version')::integer + (k.known ->> 'type' <> k.type)::integer, 1),
        'place', k.attnum,
        'fill', case when k.known is not null then k.known -> 'fill' when not begins then ucrm.column_fill(relation, k.attnum) end
    ) order by k.attnum) into found_columns
    from (
        select a.attname, a.attnum, format_type(a.atttypid, a.atttypmod) as type, l.known,
               count(*) filter (where l.known is null) over (order by a.attnum) as fresh
        from pg_catalog.pg_attribute as a
        left join lateral (
            select c as known
            from jsonb_array_elements(last.columns) as c
            where case when last.place = here then (c ->> 'place')::integer = a.attnum else c ->> 'name' = a.attname end
        ) as l on true
        where a.attrelid = relation and a.attnum > 0 and not a.attisdropped
    ) as k;

    if begins or (select jsonb_agg(c - 'place') from jsonb_array_elements(found_columns) as c)
        is distinct from (select jsonb_agg(c - 'place') from jsonb_array_elements(last.columns) as c)
    then
        insert into ucrm.column_history (resource, begins, place, columns) values (noun, note_columns.begins, here, found_columns);
    elsif (last.place, last.columns) is distinct from (here, found_columns) then
        update ucrm.column_history as h set place = here, columns = found_columns where h.resource = noun and h.at = last.at;
    end if;
end
$$;
comment on function ucrm.note_columns(text, boolean) is
'Notes the columns a resource''s table has now, if they are others than before; begins: its audit begins here. Part of protect() and of the event triggers.';

create function ucrm.audit_begins(noun text)
returns timestamptz
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$ select max(h.at) from ucrm.column_history as h where h.resource = noun and h.begins $$;
comment on function ucrm.audit_begins(text) is 'Since when the audit knows every row of a resource; null when it does not.';

create function ucrm.column_changes()
returns jsonb
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select coalesce(jsonb_object_agg(h.resource, h.moments), '{}')
    from (
        select x.resource, jsonb_agg(to_char(x.at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') order by x.at) as moments
        from ucrm.column_history as x
        group by x.resource
    ) as h;
$$;
comment on function ucrm.column_changes() is '{resource: [moment]}: when the columns of protected tables changed, or their audit began anew: images from before are not compared with images from after.';

create function ucrm.column_map(noun text, moment timestamptz)
returns table (since timestamptz, until timestamptz, same boolean, exact boolean, key_name text, owner_name text, columns jsonb)
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    with eras as materialized (
        select h.at as since, lead(h.at) over (order by h.at) as until, h.columns, jsonb_array_length(h.columns) as width
        from ucrm.column_history as h
        where h.resource = noun
          and h.at >= (select max(b.at) from ucrm.column_history as b where b.resource = noun and b.begins)
    ), had as materialized (
        select e.since, e.until, c.*, x.position
        from eras as e
        cross join lateral jsonb_array_elements(e.columns) with ordinality as x (item, position)
        cross join lateral jsonb_to_record(x.item) as c (n integer, name text, type text, version integer, fill jsonb)
    ), wanted as materialized (
        select h.* from had as h where h.since = (select max(e.since) from eras as e where e.since <= moment)
    ), named as materialized (
        -- Key and owner as they are called now, and so known by their numbers.
        select (select h.n from had as h where h.name = r.key_column and h.until is null) as key_n,
               (select h.n from had as h where h.name = r.owner_column and h.until is null) as owner_n
        from ucrm.resources as r
        where r.name = noun
    )
    select e.since, e.until,
           bool_and(coalesce(h.name = w.name and h.version = w.version, false)) and count(*) = e.width,
           bool_and(coalesce(h.version = w.version, false)),
           max(h.name) filter (where h.n = k.key_n),
           max(h.name) filter (where h.n = k.owner_n),
           jsonb_agg(jsonb_build_object(
               'to', w.name, 'type', w.type, 'from', h.name, 'exact', coalesce(h.version = w.version, false), 'fill', nullif(w.fill, 'null'),
               -- Forward a value went through every type in between, from the first if it was there before the column;
               -- back there is but the one way.
               'path', case
                   when h.version > w.version then jsonb_build_array(h.type, w.type)
                   when h.version = w.version or w.version = 1 then jsonb_build_array(w.type)
                   else (
                       select jsonb_agg(p.type order by p.version)
                       from (select distinct x.version, x.type from had as x where x.n = w.n and x.version between coalesce(h.version, 1) and w.version) as p)
               end
           ) order by w.position)
    from eras as e
    cross join wanted as w
    cross join named as k
    left join had as h on h.since = e.since and h.n = w.n
    group by e.since, e.until, e.width
    order by e.since;
$$;
comment on function ucrm.column_map(text, timestamptz) is
'How images of each era of a resource''s table are read as of a moment: one row per era since its audit began, none when the moment is before that. same: such images have just the columns of the moment; exact: they have all of them, with the types of the moment; key_name, owner_name: how key and owner were called; columns: {to, type, from, exact, fill, path} for each column of the moment; from null: there was none; path: the types its value went through from then to the moment.';

create function ucrm.value_as(value jsonb, path jsonb)
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    cast_value jsonb;
begin
    if value is null or jsonb_typeof(value) = 'null' then
        return 'null';
    end if;
    execute format('select to_jsonb(($1 #>> ''{}'')::%s)', (select string_agg(p, '::' order by n) from jsonb_array_elements_text(path) with ordinality as x (p, n)))
    into cast_value using value;
    return cast_value;
exception when others then
    return value;
end
$$;
comment on function ucrm.value_as(jsonb, jsonb) is 'A value cast from the first of these types to each that follows; as it is where that does not work.';

create function ucrm.image_as_of(image jsonb, columns jsonb, earlier jsonb, earlier_columns jsonb)
returns jsonb
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select jsonb_object_agg(c."to", coalesce(case
        when c.exact then image -> c."from"
        when e.exact then earlier -> e."from"
        when e."from" is not null then ucrm.value_as(earlier -> e."from", e.path)
        when e."to" is not null and e.fill is not null then ucrm.value_as(e.fill -> 'value', e.path)
        when c."from" is not null then ucrm.value_as(image -> c."from", c.path)
    end, 'null'))
    from jsonb_to_recordset(columns) as c ("to" text, "from" text, exact boolean, path jsonb)
    left join jsonb_to_recordset(case when earlier is not null then earlier_columns end) as e ("to" text, "from" text, exact boolean, fill jsonb, path jsonb) on e."to" = c."to";
$$;
comment on function ucrm.image_as_of(jsonb, jsonb, jsonb, jsonb) is
'The image of a row as its table''s columns were at a moment. image: the row when it was first changed after it; earlier: as it was left before it, or null; each with ucrm.column_map()''s columns of its era. What has kept its type since is taken as it is; else what had it before; else it is converted, rather forward than back; a column that came after earlier has what it was filled with then.';

grant execute on function ucrm.audit_begins(text), ucrm.column_map(text, timestamptz), ucrm.value_as(jsonb, jsonb), ucrm.image_as_of(jsonb, jsonb, jsonb, jsonb) to ucrm_app, ucrm_reader, ucrm_platform;
