-- The outbox for those who ask: GET /api/v1/events?after=… gives what has happened since, each event once and none
-- skipped, although transactions commit in another order than they began in.
create function ucrm.settled_until()
returns uuid
language c
volatile
as 'MODULE_PATHNAME', 'ucrm_settled_until';
comment on function ucrm.settled_until() is
'No event and no audit row with a lower id can still be added: a UUIDv7 of the moment the oldest transaction that adds some began to, or of now. Who adds none, whatever else it does, holds nobody up. Take it before the snapshot that reads.';

create function ucrm.query_values(query text)
returns jsonb
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    return (
        select jsonb_object_agg(split_part(p, '=', 1), coalesce((ucrm.path_segments('/' || replace(substr(p, strpos(p, '=') + 1), '/', '%2F')))[1], ''))
        from string_to_table(query, '&') as p
        where p <> ''
    );
end
$$;
comment on function ucrm.query_values(text) is 'A raw query string as {name: value}, values percent-decoded; of a name that comes twice the last.';

create function ucrm.cloud_event(e ucrm.events)
returns jsonb
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select jsonb_strip_nulls(jsonb_build_object(
        'specversion', '1.0',
        'id', e.id,
        'source', '/tenants/' || e.tenant_id,
        'type', e.type,
        'subject', e.record_id,
        'time', to_char(e.at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        'datacontenttype', 'application/json',
        'tenantid', e.tenant_id,
        'requestid', e.request_id
    )) || jsonb_build_object('data', e.data, 'changes', e.changes);
$$;
comment on function ucrm.cloud_event(ucrm.events) is
'An event as CloudEvents 1.0 (structured JSON) has it: type contacts.updated, subject the row''s id, tenantid and requestid as extensions; data: the row (of a deleted one, as it was); changes, of an update: {field: {previous, current}}.';

create function ucrm.events_route(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    asked constant jsonb := coalesce(ucrm.query_values(r.query), '{}');
    wrong constant text := (select k from jsonb_object_keys(asked) as k where k not in ('after', 'limit', 'type', 'resource') limit 1);
    most integer := 100;
    start constant uuid := coalesce(ucrm.uuid_of(asked ->> 'after'), '00000000-0000-0000-0000-000000000000');
    until uuid;
    found_events jsonb;
    last uuid;
    many integer;
begin
    if wrong is not null then
        return ucrm.problem('invalid_filter', r.request_id, format('%s is no parameter here', left(wrong, 63)), '{"allowed": ["after", "limit", "type", "resource"]}');
    elsif asked ? 'after' and ucrm.uuid_of(asked ->> 'after') is null then
        return ucrm.problem('invalid_filter', r.request_id, 'after must be the id of an event, or next_after of a reply');
    elsif asked ? 'limit' then
        if asked ->> 'limit' !~ '^[0-9]{1,4}$' or (asked ->> 'limit')::integer not between 1 and 1000 then
            return ucrm.problem('invalid_filter', r.request_id, 'limit must be a whole number from 1 to 1000');
        end if;
        most := (asked ->> 'limit')::integer;
    end if;
    -- A snapshot that is kept would be older than the moment it is compared with.
    if current_setting('transaction_isolation') <> 'read committed' then
        raise exception 'events are read under READ COMMITTED' using errcode = 'feature_not_supported';
    end if;
    until := ucrm.settled_until();
    select jsonb_agg(ucrm.cloud_event(row(e.tenant_id, e.id, e.at, e.type, e.resource, e.record_id, e.data, e.changes, e.request_id)::ucrm.events) order by e.id), (array_agg(e.id order by e.id desc))[1], count(*)
    into found_events, last, many
    from (
        select x.tenant_id, x.id, x.at, x.type, x.resource, x.record_id, x.data, x.changes, x.request_id
        from ucrm.events as x
        where x.tenant_id = ucrm.tenant_id() and x.id > start and x.id < until
          and (asked ->> 'type' is null or x.type = any (string_to_array(asked ->> 'type', ',')))
          and (asked ->> 'resource' is null or x.resource = any (string_to_array(asked ->> 'resource', ',')))
        order by x.id
        limit most
    ) as e;
    return ucrm.json_response(200, jsonb_build_object(
        'data', coalesce(found_events, '[]'),
        'meta', jsonb_build_object('next_after', case when many = most then last else greatest(start, until) end)));
end
$$;
comment on function ucrm.events_route(ucrm.request) is
'GET /api/v1/events?after=&limit=&type=&resource=: 200 {data: [event], meta: {next_after}}, oldest first, events of resources that the caller may read whole. Send next_after with the next request; after none: from the beginning. limit 1 to 1000 (100); type and resource: several with commas. Refusals: invalid_filter.';

insert into ucrm.routes (method, template, function, audience, resource, action, builtin) values
('GET', '/api/v1/events', 'ucrm.events_route', 'tenant', 'session', null, true);

grant execute on function
    ucrm.settled_until(), ucrm.query_values(text), ucrm.cloud_event(ucrm.events), ucrm.events_route(ucrm.request)
to ucrm_handler, ucrm_owner;
