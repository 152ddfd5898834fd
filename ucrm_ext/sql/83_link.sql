-- Relations by way of a table of links: what a row is linked to, read, added, removed, replaced. The tables decide who may.
create function ucrm.compile_linked(shape text, link_shape text, own_column text, link_column text, query text, id text)
returns ucrm.statement
language c
stable
as 'MODULE_PATHNAME', 'ucrm_compile_linked';
comment on function ucrm.compile_linked(text, text, text, text, text, text) is
'Rows of a resource (shape) that links (link_shape) of one row, by id, lead to: page, limit, fields, archived. Refusal: invalid_filter.';

create function ucrm.compile_unlink(link_shape text, own_column text, link_column text, id text, body bytea)
returns ucrm.bulk
language c
stable
as 'MODULE_PATHNAME', 'ucrm_compile_unlink';
comment on function ucrm.compile_unlink(text, text, text, text, bytea) is
'DELETE of the links of one row, by id, to the rows of {"ids": […]}, which returns how many; body null: a SELECT of the ids it is linked to, a JSON array. Refusals: invalid_json, validation_failed.';

create function ucrm.relation_named(resource text, name text)
returns ucrm.relation
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    return (select x::ucrm.relation from ucrm.relations_of(resource) as x where x.name = relation_named.name);
end
$$;
comment on function ucrm.relation_named(text, text) is 'The relation of a resource that has this name.';

create function ucrm.refused_relation(r ucrm.request, x ucrm.relation)
returns ucrm.response
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    if x.name is null then
        return ucrm.problem('not_found', r.request_id);
    elsif x.kind = 'one' then
        return ucrm.problem('unsupported', r.request_id, format('%s has one %s: change %s of the row', r.resource, x.name, x.column_name));
    elsif x.kind = 'many' then
        return ucrm.problem('unsupported', r.request_id, format('%s belong to one row of %s: change %s of theirs', x.target, r.resource, x.column_name));
    end if;
    return null;
end
$$;
comment on function ucrm.refused_relation(ucrm.request, ucrm.relation) is '404 for a relation that is not there, 400 unsupported for one that is a column, else null.';

-- The ids of a body that name no row that can be seen.
create function ucrm.refused_targets(r ucrm.request, x ucrm.relation, ids text[], field text)
returns ucrm.response
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    shape constant text := ucrm.shape_of(x.target);
    key constant text := split_part(split_part(shape, E'\n', 1), E'\t', 3);
    visible constant json := ucrm.run_bulk(ucrm.compile_bulk_seen(shape, convert_to(jsonb_build_object('ids', ids)::text, 'UTF8')));
    missing jsonb;
begin
    select jsonb_agg(jsonb_build_object('row', k.n - 1, 'field', field, 'code', 'not_found', 'message', k.id || ' names no row of ' || x.target) order by k.n) into missing
    from unnest(ids) with ordinality as k (id, n)
    where not exists (select from json_array_elements(visible) as v where v ->> key = k.id);
    if missing is not null then
        return ucrm.problem('validation_failed', r.request_id, format('some ids name no row of %s', x.target), jsonb_build_object('errors', missing));
    end if;
    return null;
end
$$;
comment on function ucrm.refused_targets(ucrm.request, ucrm.relation, text[], text) is
'422 validation_failed naming the ids that name no row that can be seen: they may be another tenant''s or nobody''s, the reply is the same; else null.';

create function ucrm.add_links(x ucrm.relation, id text, ids text[])
returns bigint
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    shape constant text := ucrm.shape_of(x.link);
    links jsonb;
    b ucrm.bulk;
    said text;
begin
    if ids = '{}' then
        return 0;
    end if;
    links := (select jsonb_agg(jsonb_build_object(x.column_name, id, x.link_column, i)) from unnest(ids) as i);
    b := ucrm.compile_bulk_insert(shape, convert_to(links::text, 'UTF8'), null, ucrm.user_id()::text,
        array[x.column_name, x.link_column], 'ignore', null, true, 'count');
    if b.refusal is not null then
        raise exception 'links of % cannot be made: %', x.link, b.refusal ->> 'detail'
            using errcode = 'invalid_table_definition', hint = 'A table of links needs defaults for its other columns.';
    end if;
    said := ucrm.run(b.sqls[1], b.binds);
    return split_part(said, ' ', 1)::bigint;
end
$$;
comment on function ucrm.add_links(ucrm.relation, text, text[]) is 'Links a row to others; what is linked already stays. How many are new.';

-- The row that is linked: whoever may change it may change its links.
create function ucrm.refused_link_owner(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    s constant ucrm.statement := ucrm.compile_get(r.shape, '', r.id, true);
begin
    if s.refusal is not null then
        return ucrm.refused(s, r.request_id);
    elsif ucrm.run_row(s.sql, s.binds) is null then
        return ucrm.refused_row(r);
    end if;
    return ucrm.refused_version(r);
end
$$;
comment on function ucrm.refused_link_owner(ucrm.request) is '404, 403 or 412 for a row whose links may not be changed, else null; locks the row.';

create function ucrm.change_links(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    x constant ucrm.relation := ucrm.relation_named(r.resource, (ucrm.path_segments(r.path))[5]);
    refusal ucrm.response := ucrm.refused_relation(r, x);
    b ucrm.bulk;
    n bigint;
begin
    if refusal.status is null then
        refusal := ucrm.refused_body(r);
    end if;
    if refusal.status is null then
        b := ucrm.compile_bulk_seen(ucrm.shape_of(x.target), r.body);
        if b.refusal is not null then
            return ucrm.refused_bulk(b, r.request_id);
        elsif cardinality(b.keys) > 1000 then
            return ucrm.problem('validation_failed', r.request_id, 'at most 1000 ids are taken at once');
        end if;
        refusal := ucrm.refused_link_owner(r);
    end if;
    if refusal.status is null and r.method = 'PUT' then
        refusal := ucrm.refused_targets(r, x, b.keys, 'ids');
    end if;
    if refusal.status is not null then
        return refusal;
    end if;
    if r.method = 'PUT' then
        n := ucrm.add_links(x, r.id, b.keys);
    else
        b := ucrm.compile_unlink(ucrm.shape_of(x.link), x.column_name, x.link_column, r.id, r.body);
        n := ucrm.run(b.sqls[1], b.binds);
    end if;
    return ucrm.json_response(200, jsonb_build_object('data', jsonb_build_object(case r.method when 'PUT' then 'added' else 'removed' end, n)));
end
$$;
comment on function ucrm.change_links(ucrm.request) is
'PUT and DELETE /{resource}/{id}/{relation} {"ids": […]}: 200 {data: {added}} or {data: {removed}}; what is linked already, or not linked, is left. Needs update on the resource, and create or delete on the resource of the links. Refusals: not_found, unsupported (a relation that is a column), validation_failed naming ids, permission_denied, version_conflict.';

create function ucrm.list_links(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    x constant ucrm.relation := ucrm.relation_named(r.resource, (ucrm.path_segments(r.path))[5]);
    refusal constant ucrm.response := ucrm.refused_relation(r, x);
    s ucrm.statement := ucrm.compile_get(r.shape, '', r.id, false);
begin
    if refusal.status is not null then
        return refusal;
    elsif s.refusal is not null then
        return ucrm.refused(s, r.request_id);
    elsif ucrm.run_row(s.sql, s.binds) is null then
        return ucrm.problem('not_found', r.request_id);
    end if;
    perform ucrm.demand(x.target, 'read');
    perform ucrm.demand(x.link, 'read');
    s := ucrm.compile_linked(ucrm.shape_of(x.target), ucrm.shape_of(x.link), x.column_name, x.link_column, r.query, r.id);
    if s.refusal is not null then
        return ucrm.refused(s, r.request_id);
    end if;
    return row(200, null, ucrm.list_body(ucrm.run_rows(s.sql, s.binds), ucrm.run(s.count_sql, s.binds)::bigint, s.page, s.page_limit))::ucrm.response;
end
$$;
comment on function ucrm.list_links(ucrm.request) is
'GET /{resource}/{id}/{relation}: 200 {data, meta}: the linked rows, last linked first; page, limit, fields, archived. Refusals: not_found, unsupported, permission_denied, invalid_filter.';

-- A body that names relations: {"name": "…", "deals": ["…"]}. The lists leave the body before the row is written.
create function ucrm.relations_named(r ucrm.request)
returns ucrm.relation[]
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    return (
        select array_agg(x::ucrm.relation)
        from ucrm.relations_of(r.resource) as x
        where x.kind = 'linked' and convert_from(r.body, 'UTF8')::jsonb ? x.name
          and position(E'\n' || x.name || E'\t' in r.shape) = 0
    );
end
$$;
comment on function ucrm.relations_named(ucrm.request) is 'The linked relations among the fields of a body; null when there is none.';

create function ucrm.write_related(r ucrm.request, relations ucrm.relation[])
returns ucrm.response
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    body constant jsonb := convert_from(r.body, 'UTF8');
    rest constant jsonb := body - (select array_agg(x.name) from unnest(relations) as x);
    x ucrm.relation;
    b ucrm.bulk;
    answer ucrm.response;
begin
    foreach x in array relations loop
        if body -> x.name = 'null' then
            return ucrm.problem('null_relation', r.request_id, null, jsonb_build_object('errors', jsonb_build_array(jsonb_build_object('field', x.name, 'code', 'null_relation', 'message', 'must be a list'))));
        elsif jsonb_typeof(body -> x.name) <> 'array' then
            return ucrm.problem('validation_failed', r.request_id, null, jsonb_build_object('errors', jsonb_build_array(jsonb_build_object('field', x.name, 'code', 'invalid_type', 'message', 'must be a list of ids'))));
        end if;
    end loop;
    -- A refusal half-way undoes what was done before it.
    begin
        if r.method = 'POST' then
            r.body := convert_to(rest::text, 'UTF8');
            answer := ucrm.create_row(r);
            r.id := convert_from(answer.body, 'UTF8')::json -> 'data' ->> split_part(split_part(r.shape, E'\n', 1), E'\t', 3);
        else
            answer := ucrm.refused_link_owner(r);
            if answer.status is null and rest <> '{}' then
                r.body := convert_to(rest::text, 'UTF8');
                answer := ucrm.update_row(r);
            end if;
        end if;
        if answer.status >= 300 or (r.method = 'POST' and r.id is null) then
            raise exception using errcode = 'UCR03';
        end if;
        foreach x in array relations loop
            b := ucrm.compile_bulk_seen(ucrm.shape_of(x.target), convert_to(jsonb_build_object('ids', body -> x.name)::text, 'UTF8'));
            if b.refusal is not null then
                answer := ucrm.refused_bulk(b, r.request_id);
                raise exception using errcode = 'UCR03';
            end if;
            answer := coalesce(nullif(ucrm.refused_targets(r, x, b.keys, x.name), null), answer);
            if answer.status >= 300 then
                raise exception using errcode = 'UCR03';
            end if;
            perform ucrm.replace_links(x, r.id, b.keys);
        end loop;
    exception when sqlstate 'UCR03' then
        if answer.status < 300 then
            return ucrm.problem('permission_denied', r.request_id, 'links are set by those who may read the row');
        end if;
        return answer;
    end;
    if answer.status is null then
        r.query := '';
        return ucrm.get_row(r);
    end if;
    return answer;
end
$$;
comment on function ucrm.write_related(ucrm.request, ucrm.relation[]) is
'Creates or changes a row and replaces its links by the lists that the body has for these relations. Refusals: null_relation, validation_failed naming ids, and those of ucrm.create_row() and ucrm.update_row().';

create function ucrm.replace_links(x ucrm.relation, id text, ids text[])
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    shape constant text := ucrm.shape_of(x.link);
    b ucrm.bulk := ucrm.compile_unlink(shape, x.column_name, x.link_column, id, null);
    now_linked text[];
    gone text[];
begin
    now_linked := array(select jsonb_array_elements_text(ucrm.run(b.sqls[1], b.binds)::jsonb));
    gone := array(select l from unnest(now_linked) as l where l <> all (ids));
    if gone <> '{}' then
        b := ucrm.compile_unlink(shape, x.column_name, x.link_column, id, convert_to(jsonb_build_object('ids', gone)::text, 'UTF8'));
        perform ucrm.run(b.sqls[1], b.binds);
    end if;
    perform ucrm.add_links(x, id, array(select i from unnest(ids) as i where i <> all (now_linked)));
end
$$;
comment on function ucrm.replace_links(ucrm.relation, text, text[]) is 'Makes these the rows that a row is linked to: takes away and adds what differs.';

grant execute on function
    ucrm.compile_linked(text, text, text, text, text, text), ucrm.compile_unlink(text, text, text, text, bytea),
    ucrm.relation_named(text, text), ucrm.refused_relation(ucrm.request, ucrm.relation), ucrm.refused_targets(ucrm.request, ucrm.relation, text[], text),
    ucrm.add_links(ucrm.relation, text, text[]), ucrm.refused_link_owner(ucrm.request), ucrm.change_links(ucrm.request), ucrm.list_links(ucrm.request),
    ucrm.relations_named(ucrm.request), ucrm.write_related(ucrm.request, ucrm.relation[]), ucrm.replace_links(ucrm.relation, text, text[])
to ucrm_handler, ucrm_owner;
