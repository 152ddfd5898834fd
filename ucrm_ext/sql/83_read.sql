-- Reading any protected table: a list, a row. The table decides again who may.
create function ucrm.count_rows(relation oid, s ucrm.statement)
returns bigint
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    generation constant bigint := ucrm.total_generation(relation);
    total constant bigint := ucrm.run(s.count_sql, s.binds);
begin
    if s.countable then
        perform ucrm.remember_total(relation, s.count_sql, s.binds, generation, total);
    end if;
    return total;
end
$$;
comment on function ucrm.count_rows(oid, ucrm.statement) is 'Counts the rows of a list, and remembers the total unless it changes with the clock.';

-- What ucrm.handle() answers by itself is what list_rows() and get_row() answer, in the same bytes: see tests/db/fast.sql.
create function ucrm.list_page(r ucrm.request, s ucrm.statement)
returns ucrm.response
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    total constant bigint := case when s.counting is not null then coalesce(ucrm.recall_total(r.relation, s.count_sql, s.binds), ucrm.count_rows(r.relation, s)) end;
    body constant bytea := ucrm.run_page(s.sql, s.binds, s.size, s.keys, s.stamp, total, s.page_limit);
begin
    if body is null then
        return ucrm.problem('invalid_cursor', r.request_id, 'these rows cannot be followed by a cursor: the values they are sorted by are too long');
    end if;
    return row(200, null, body)::ucrm.response;
end
$$;
comment on function ucrm.list_page(ucrm.request, ucrm.statement) is 'The answer to a list with a cursor.';

create function ucrm.list_rows(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    s constant ucrm.statement := ucrm.compile_list(r.shape, r.query);
begin
    if s.refusal is not null then
        return ucrm.refused(s, r.request_id);
    elsif s.stamp is not null then
        return ucrm.list_page(r, s);
    end if;
    return row(200, null, ucrm.list_body(
        ucrm.run_rows(s.sql, s.binds),
        coalesce(ucrm.recall_total(r.relation, s.count_sql, s.binds), ucrm.count_rows(r.relation, s)),
        s.page,
        s.page_limit
    ))::ucrm.response;
end
$$;
comment on function ucrm.list_rows(ucrm.request) is 'GET /{resource}: 200 {data, meta}. Refusals: invalid_filter.';

create function ucrm.get_row(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    s constant ucrm.statement := ucrm.compile_get(r.shape, r.query, r.id, false);
    item constant text := case when s.refusal is null then ucrm.run_row(s.sql, s.binds) end;
begin
    if item is null then
        return case when s.refusal is null then ucrm.problem('not_found', r.request_id) else ucrm.refused(s, r.request_id) end;
    end if;
    -- The version is the whole row's: a reply with fields= has none. Proxies weaken tags, and here a weak one will do (RFC 9110, 13.1.2).
    if r.query = '' and r.headers ? 'if-none-match'
        and ucrm.etag_matches(replace(r.headers ->> 'if-none-match', 'W/', ''), ucrm.etag(item))
    then
        return row(304, jsonb_build_object('etag', ucrm.etag(item)), null)::ucrm.response;
    end if;
    return row(200, case r.query when '' then jsonb_build_object('etag', ucrm.etag(item)) end, ucrm.data_body(item))::ucrm.response;
end
$$;
comment on function ucrm.get_row(ucrm.request) is 'GET /{resource}/{id}: 200 {data} with ETag, 304 for a matching If-None-Match. Refusals: not_found.';

grant execute on function ucrm.count_rows(oid, ucrm.statement), ucrm.list_page(ucrm.request, ucrm.statement), ucrm.list_rows(ucrm.request), ucrm.get_row(ucrm.request)
to ucrm_handler, ucrm_owner;
