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

-- As many as are counted for an estimate before the planner is asked.
create function ucrm.estimate_rows(s ucrm.statement)
returns bigint
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    bound constant bigint := 10000;
    counted constant bigint := case when s.counting = 'estimated' then ucrm.run(format('select count(*)::text from (%s limit %s) as counted', s.plan_sql, bound + 1), s.binds)::bigint end;
begin
    if counted <= bound then
        return counted;
    end if;
    return greatest(counted, ucrm.planned_rows(s.plan_sql, s.binds));
end
$$;
comment on function ucrm.estimate_rows(ucrm.statement) is
'estimated: the exact number up to 10,000, beyond that at least so many, or what the planner takes them for; planned: the planner''s number alone. That is what EXPLAIN tells every login: an average over tenants.';

create function ucrm.total_rows(relation oid, s ucrm.statement)
returns bigint
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    if s.counting = 'exact' and relation is null then
        return ucrm.run(s.count_sql, s.binds);
    elsif s.counting = 'exact' then
        return coalesce(ucrm.recall_total(relation, s.count_sql, s.binds), ucrm.count_rows(relation, s));
    elsif s.counting is not null then
        return ucrm.estimate_rows(s);
    end if;
    return null;
end
$$;
comment on function ucrm.total_rows(oid, ucrm.statement) is 'meta.total of a list, counted as it asks for; null when it does not. relation: the table, if its totals are remembered.';

create function ucrm.list_answer(s ucrm.statement, relation oid, request_id uuid)
returns ucrm.response
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    body bytea;
begin
    if s.stamp is null then
        return row(200, null, ucrm.list_body(ucrm.run_rows(s.sql, s.binds), ucrm.total_rows(relation, s), s.page, s.page_limit))::ucrm.response;
    end if;
    body := ucrm.run_page(s.sql, s.binds, s.size, s.keys, s.stamp, ucrm.total_rows(relation, s), s.page_limit);
    if body is null then
        return ucrm.problem('invalid_cursor', request_id, 'no cursor can follow these rows: the values they are sorted by are too long');
    end if;
    return row(200, null, body)::ucrm.response;
end
$$;
comment on function ucrm.list_answer(ucrm.statement, oid, uuid) is '200 {data, meta} for a compiled list, by page or by cursor. Refusal: invalid_cursor where the next cursor would be too long.';

-- What ucrm.handle() answers by itself is what list_rows() and get_row() answer, in the same bytes: see tests/db/fast.sql.
create function ucrm.list_rows(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    s ucrm.statement := ucrm.compile_list(r.shape, r.query);
begin
    if s.refusal is not null then
        if s.refusal ->> 'code' = 'wider' then
            s := ucrm.compile_list(ucrm.wide_shape_of(r.resource), r.query);
        end if;
        if s.refusal is not null then
            return ucrm.refused(s, r.request_id);
        end if;
    end if;
    return ucrm.list_answer(s, r.relation, r.request_id);
end
$$;
comment on function ucrm.list_rows(ucrm.request) is 'GET /{resource}: 200 {data, meta}. Refusals: invalid_filter, invalid_cursor, permission_denied for a relation that may not be read.';

create function ucrm.get_row(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    s ucrm.statement := ucrm.compile_get(r.shape, r.query, r.id, false);
    item text;
begin
    if s.refusal is not null and s.refusal ->> 'code' = 'wider' then
        s := ucrm.compile_get(ucrm.wide_shape_of(r.resource), r.query, r.id, false);
    end if;
    if s.refusal is not null then
        return ucrm.refused(s, r.request_id);
    end if;
    item := ucrm.run_row(s.sql, s.binds);
    if item is null then
        return ucrm.problem('not_found', r.request_id);
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
comment on function ucrm.get_row(ucrm.request) is 'GET /{resource}/{id}: 200 {data} with ETag, 304 for a matching If-None-Match. Refusals: not_found, invalid_filter, permission_denied for a relation that may not be read.';

grant execute on function
    ucrm.count_rows(oid, ucrm.statement), ucrm.estimate_rows(ucrm.statement), ucrm.total_rows(oid, ucrm.statement),
    ucrm.list_answer(ucrm.statement, oid, uuid), ucrm.list_rows(ucrm.request), ucrm.get_row(ucrm.request)
to ucrm_handler, ucrm_owner;
