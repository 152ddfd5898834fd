-- /rest/v1/{resource}, reading: a list, in PostgREST's words. Both dialects compile to one query.
create type ucrm.rest_statement as (
    sql text,
    binds text[],
    count_sql text,
    plan_sql text,
    counting text,
    countable boolean,
    skip bigint,
    columns text[],
    keys text[],
    whole boolean,
    on_conflict text[],
    body_columns text[],
    refusal jsonb
);
comment on type ucrm.rest_statement is
'A compiled question. sql and its binds; count_sql, plan_sql, counting (exact, planned, estimated, or null) and countable as in ucrm.statement; skip: rows before the first; columns: what the reply''s are called; keys: those that id=eq. or id=in. names; whole: select is *; on_conflict and body_columns: what an upsert and a body go by. Or refusal, and nothing else.';

create function ucrm.compile_rest(shape text, query text, mode text, keys text[], first bigint, last bigint, count text)
returns ucrm.rest_statement
language c
stable
as 'MODULE_PATHNAME', 'ucrm_compile_rest';
comment on function ucrm.compile_rest(text, text, text, text[], bigint, bigint, text) is
'A query string in PostgREST''s dialect. mode list: the rows; keys: the rows of these keys, as select shows them; found and locked: the keys of the rows that the conditions are about, locked so that nobody changes them meanwhile. first and last: a Range header; count: exact, planned, estimated. Refusals: invalid_filter, unsupported, permission_denied; wider (not for clients).';

create function ucrm.read_question(r ucrm.request, mode text, keys text[], first bigint, last bigint, count text)
returns ucrm.rest_statement
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    s ucrm.rest_statement := ucrm.compile_rest(r.shape, r.query, mode, keys, first, last, count);
begin
    if s.refusal ->> 'code' = 'wider' then
        s := ucrm.compile_rest(ucrm.wide_shape_of(r.resource), r.query, mode, keys, first, last, count);
    end if;
    return s;
end
$$;
comment on function ucrm.read_question(ucrm.request, text, text[], bigint, bigint, text) is 'Compiles a request''s query string, against the wide shape if it has to be.';

create function ucrm.refused_wishes(r ucrm.request, w ucrm.rest_wishes)
returns ucrm.response
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    profile constant text := r.headers ->> case r.method when 'GET' then 'accept-profile' else 'content-profile' end;
begin
    if w.refusal is not null then
        return ucrm.rest_refused(w.refusal, r.request_id);
    elsif profile <> 'public' then
        return ucrm.problem('not_acceptable', r.request_id, 'there is one schema here: public', '{"rest": {"code": "PGRST106", "status": 406, "hint": "Leave the profile header out."}}');
    end if;
    return null;
end
$$;
comment on function ucrm.refused_wishes(ucrm.request, ucrm.rest_wishes) is 'The reply for headers that cannot be followed, else null.';

create function ucrm.rest_list_route(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    w constant ucrm.rest_wishes := ucrm.read_wishes(r.headers ->> 'prefer', r.headers ->> 'accept', r.headers ->> 'range');
    refusal constant ucrm.response := ucrm.refused_wishes(r, w);
    s ucrm.rest_statement;
    items text;
    number bigint;
    total bigint;
begin
    if refusal.status is not null then
        return refusal;
    end if;
    s := ucrm.read_question(r, 'list', null, w.first, w.last, w.count);
    if s.refusal is not null then
        return ucrm.rest_refused(s.refusal, r.request_id);
    end if;
    if w.count is not null then
        total := ucrm.rest_total(r.relation, s);
    end if;
    if s.skip > total then
        return ucrm.problem('range_not_satisfiable', r.request_id,
            format('an offset of %s was asked for, and there are only %s rows', s.skip, total), null,
            jsonb_build_object('content-range', '*/' || total));
    end if;
    items := ucrm.run_rows(s.sql, s.binds);
    number := json_array_length(items::json);
    if w.form = 'object' and number <> 1 then
        return ucrm.problem('not_one_row', r.request_id, null, jsonb_build_object('rest', jsonb_build_object('details', format('The result contains %s rows', number))));
    end if;
    return ucrm.rest_rows(w, case when number < total then 206 else 200 end, items, s.columns,
        jsonb_build_object('content-range', ucrm.content_range(s.skip, number, total)));
end
$$;
comment on function ucrm.rest_list_route(ucrm.request) is
'GET /rest/v1/{resource}: 200, or 206 where the rows are counted and not all given; an array, an object (application/vnd.pgrst.object+json) or CSV, with Content-Range. Refusals: PGRST100, PGRST103, PGRST106 to PGRST108, PGRST116, PGRST127, PGRST200, PGRST201, 42703, 22P02.';

create function ucrm.rest_total(relation oid, s ucrm.rest_statement)
returns bigint
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    return ucrm.total_rows(relation, jsonb_populate_record(null::ucrm.statement, jsonb_build_object(
        'binds', to_jsonb(s.binds), 'count_sql', s.count_sql, 'plan_sql', s.plan_sql, 'counting', s.counting, 'countable', s.countable)));
end
$$;
comment on function ucrm.rest_total(oid, ucrm.rest_statement) is 'How many rows a question has, counted as it asks.';

insert into ucrm.routes (method, template, function, audience, resource, action, builtin) values
('GET', '/rest/v1/{resource}', 'ucrm.rest_list_route', 'tenant', null, 'read', true);

grant execute on function
    ucrm.compile_rest(text, text, text, text[], bigint, bigint, text), ucrm.read_question(ucrm.request, text, text[], bigint, bigint, text),
    ucrm.refused_wishes(ucrm.request, ucrm.rest_wishes), ucrm.rest_list_route(ucrm.request), ucrm.rest_total(oid, ucrm.rest_statement)
to ucrm_handler, ucrm_owner;
