-- What a field offers while somebody types: ids and labels, for whoever may autocomplete a resource, even without reading it.
create function ucrm.autocomplete_rows(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    s constant ucrm.statement := ucrm.compile_labels(r.shape, r.query);
begin
    if s.refusal is not null then
        return ucrm.refused(s, r.request_id);
    end if;
    return row(200, null, ucrm.data_body(ucrm.run_labels(s.sql, s.binds, r.resource)))::ucrm.response;
end
$$;
comment on function ucrm.autocomplete_rows(ucrm.request) is
'GET /{resource}/autocomplete?q=: 200 {data: [{id, label}]}, labels that begin with q before those that contain it; limit 10, at most 25. Needs autocomplete, in its scope, and not read. Refusal: invalid_filter.';

grant execute on function ucrm.autocomplete_rows(ucrm.request) to ucrm_handler, ucrm_owner;
