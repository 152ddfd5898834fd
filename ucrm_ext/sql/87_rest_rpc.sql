-- /rest/v1/rpc/{name}: exposed functions as PostgREST calls them.
create function ucrm.rpc_route(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
as $$
declare
    w constant ucrm.rest_wishes := ucrm.read_wishes(r.headers ->> 'prefer', r.headers ->> 'accept', r.headers ->> 'range');
    fault constant text := case when r.method <> 'GET' and octet_length(r.body) > 0 then ucrm.json_fault(r.body) end;
    c ucrm.exposed_call;
    ran record;
    refusal ucrm.response;
    answer text;
    number bigint;
    headers jsonb;
begin
    refusal := case
        when w.refusal is not null then ucrm.rest_refused(w.refusal, r.request_id)
        when fault is not null then ucrm.problem('invalid_json', r.request_id, fault)
        when r.method <> 'GET' then ucrm.refused_body(r)
    end;
    if refusal.status is null then
        c := ucrm.read_call((ucrm.path_segments(r.path))[4], null, r);
        c.skip := coalesce(c.skip, w.first);
        c.take := coalesce(c.take, w.last - w.first + 1);
        refusal := ucrm.refused_call(c, r);
    end if;
    if refusal.status is null then
        ran := ucrm.run_call(c, r.request_id);
        answer := ran.answer;
        refusal := ran.refusal;
    end if;
    if refusal.status is not null then
        return refusal;
    end if;
    if c.result = 'void' then
        return ucrm.rest_nothing(w, 204, null);
    elsif not c.many then
        if w.form = 'csv' and c.result = 'row' then
            return ucrm.rest_rows(w, 200, '[' || coalesce(answer, 'null') || ']', array(select x ->> 'name' from jsonb_array_elements((ucrm.exposed_result(c.fn)).columns) as x), null);
        elsif w.form = 'csv' then
            return ucrm.problem('not_acceptable', r.request_id);
        end if;
        return row(200, jsonb_strip_nulls(jsonb_build_object('preference-applied', w.applied)),
            convert_to(case when w.strip_nulls then json_strip_nulls(answer::json)::text else coalesce(answer, 'null') end, 'UTF8'))::ucrm.response;
    end if;
    number := split_part(answer, E'\n', 1);
    answer := substr(answer, strpos(answer, E'\n') + 1);
    headers := jsonb_build_object('content-range', ucrm.content_range(coalesce(c.skip, 0), number, case when w.count is not null and c.take is null then coalesce(c.skip, 0) + number end));
    if w.form = 'csv' and c.result <> 'row' then
        return ucrm.problem('not_acceptable', r.request_id);
    elsif w.returns = 'minimal' and (r.headers ->> 'prefer') ~ 'return=minimal' then
        return ucrm.rest_nothing(w, 204, headers);
    end if;
    return ucrm.rest_rows(w, 200, answer, array(select x ->> 'name' from jsonb_array_elements((ucrm.exposed_result(c.fn)).columns) as x), headers);
end
$$;
comment on function ucrm.rpc_route(ucrm.request) is
'GET, POST /rest/v1/rpc/{name}: 200 with what the function returns (a value, an object, an array), 204 for nothing. Arguments by name: members of the body, or parameters; limit and offset cut a set. Refusals: PGRST202 for arguments that do not fit, PGRST102.';

grant execute on function ucrm.rpc_route(ucrm.request) to ucrm_handler, ucrm_owner;
