-- The reply for an error that handle raised: the gateway asks once more, in a transaction of its own, so that a denial
-- can leave its trace although the work was rolled back.
create function ucrm.constraint_problem(
    sqlstate text,
    schema_name text,
    table_name text,
    column_name text,
    constraint_name text,
    method text,
    request_id uuid
)
returns ucrm.response
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    known ucrm.constraint_fields;
    fields text[];
    code text;
    status_code text;
begin
    if sqlstate = '23503' and method = 'DELETE' then
        return ucrm.problem('referenced', request_id);
    end if;
    select f.* into known
    from ucrm.constraint_fields as f
    where f.schema_name = constraint_problem.schema_name and f.constraint_name = constraint_problem.constraint_name;
    if found then
        fields := array[known.field];
        code := known.code;
    else
        select array_agg(a.attname order by a.attnum) into fields
        from pg_catalog.pg_constraint as k
        join pg_catalog.pg_attribute as a on a.attrelid = k.conrelid and a.attnum = any (k.conkey)
        where k.conname = constraint_problem.constraint_name
          and k.conrelid = ucrm.relation_of(constraint_problem.schema_name, constraint_problem.table_name)
          and a.attname <> 'tenant_id';
        if fields is null and constraint_problem.constraint_name is not null then
            select array_agg(a.attname order by a.attnum) into fields
            from pg_catalog.pg_index as i
            join pg_catalog.pg_class as c on c.oid = i.indexrelid
            join pg_catalog.pg_attribute as a on a.attrelid = i.indrelid and a.attnum = any (i.indkey)
            where c.relname = constraint_problem.constraint_name
              and i.indrelid = ucrm.relation_of(constraint_problem.schema_name, constraint_problem.table_name)
              and a.attname <> 'tenant_id';
        end if;
        fields := coalesce(fields, array[column_name], '{}');
        code := case sqlstate when '23505' then 'duplicate' else 'validation_failed' end;
    end if;
    return ucrm.problem(code, request_id, null, jsonb_build_object('errors', coalesce((
        select jsonb_agg(jsonb_build_object(
            'field', f,
            'code', case sqlstate when '23502' then 'required' when '23503' then 'not_found' when '23505' then 'duplicate' else 'invalid_value' end,
            'message', coalesce(known.message, case sqlstate
                when '23502' then 'must be given'
                when '23503' then 'names a row that does not exist'
                when '23505' then 'is taken'
                else 'is not an allowed value'
            end)))
        from unnest(fields) as f where f is not null
    ), '[]')));
end
$$;
comment on function ucrm.constraint_problem(text, text, text, text, text, text, uuid) is
'23502, 23503, 23505, 23514 → validation_failed, referenced or duplicate, naming the fields.';

create function ucrm.refused(
    method text,
    path text,
    kind text,
    hint text,
    credential bytea,
    address inet,
    request_id uuid,
    sqlstate text,
    message text,
    hint_text text,
    schema_name text,
    table_name text,
    column_name text,
    constraint_name text
)
returns ucrm.response
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    d ucrm.dispatch;
    p ucrm.principal;
    answer ucrm.response;
begin
    d := ucrm.find_dispatch(method, path);
    if sqlstate ~ '^PT[45][0-9][0-9]$' then
        answer := ucrm.problem(message, request_id);
        if answer.status is null then
            -- A code raised by somebody's own function and missing from the catalogue: its status counts, its text does not.
            answer := ucrm.json_response(substr(sqlstate, 3)::integer,
                jsonb_build_object('type', 'about:blank', 'title', 'Refused', 'status', substr(sqlstate, 3)::integer, 'detail', 'Refused',
                    'code', case when message ~ '^[a-z][a-z0-9_]{1,62}$' then message else 'refused' end,
                    'message', 'Refused', 'details', null, 'hint', null, 'request_id', request_id, 'errors', null),
                jsonb_build_object('content-type', 'application/problem+json'));
        end if;
        if answer.status = 403 then
            p := ucrm.authenticate(kind, credential, case when kind in ('session', 'jwt') then hint end);
            if p.tenant_id is not null then
                perform ucrm.latch(p, request_id, address);
                perform ucrm.record_event(p.tenant_id, 'denied', coalesce(d.resource, d.route, ''), null, null,
                    jsonb_build_object('code', message, 'action', d.action));
            end if;
        end if;
    elsif sqlstate = 'UCR04' then
        -- An import that was streamed, and of which nothing stays: its reply is the hint.
        answer := row(200, '{}', convert_to(hint_text || E'\n', 'UTF8'))::ucrm.response;
    elsif sqlstate = 'UCR05' then
        -- An export that its reader left half-way: the row it had in the audit log went with its transaction.
        p := ucrm.authenticate(kind, credential, case when kind in ('session', 'jwt') then hint end);
        if p.tenant_id is not null and d.action = 'export' then
            perform ucrm.latch(p, request_id, address);
            perform ucrm.record_event(p.tenant_id, 'export', d.resource, null, null, jsonb_build_object('query', message, 'cut', true));
        end if;
        answer := row(200, '{}', null)::ucrm.response;
    elsif sqlstate in ('23502', '23503', '23505', '23514', '23P01') then
        answer := ucrm.constraint_problem(sqlstate, schema_name, table_name, column_name, constraint_name, method, request_id);
    elsif sqlstate = '22023' and column_name = 'custom' and ucrm.custom_errors(message) is not null then
        answer := ucrm.problem('validation_failed', request_id, null, jsonb_build_object('errors', ucrm.custom_errors(message)));
    elsif sqlstate like '22%' then
        answer := ucrm.problem('validation_failed', request_id, 'a value does not fit its column',
            jsonb_build_object('errors', case when column_name is null then '[]' else jsonb_build_array(jsonb_build_object('field', column_name, 'code', 'invalid_value', 'message', 'does not fit the column')) end));
    elsif sqlstate = '42501' or (sqlstate = '25006' and method <> 'GET') then
        -- 25006: a read-only key, which writes nothing whatever the route.
        answer := ucrm.problem('permission_denied', request_id);
    elsif sqlstate in ('40001', '40P01', '55P03') then
        answer := ucrm.problem('conflict', request_id);
    elsif sqlstate in ('57014', '53300', '53200', '57P01', '57P02', '57P03') then
        answer := ucrm.problem('unavailable', request_id, null, null, '{"retry-after": "1"}');
    elsif sqlstate = 'P0001' and (ucrm.is_exposed_route(method, d.route) or exists (select from ucrm.resources as r where r.name = d.resource and r.kind = 'entity')) then
        -- What the author of an exposed function, or of a table's own trigger, says is for the caller.
        answer := ucrm.problem('refused', request_id, message, jsonb_build_object('hint', nullif(hint_text, '')));
    else
        answer := ucrm.problem('internal', request_id);
    end if;
    answer := row(answer.status, coalesce(d.headers, '{}') || answer.headers, answer.body);
    if path like '/rest/%' then
        return ucrm.rest_error(answer, path, case when sqlstate ~ '^(22|23|P0001)' then sqlstate end, hint_text);
    end if;
    return answer;
end
$$;
comment on function ucrm.refused(text, text, text, text, bytea, inet, uuid, text, text, text, text, text, text, text) is
'The reply for an error that ucrm.handle raised: SQLSTATE PT<status> by its code, constraints by the fields they are about, everything unknown as a fixed 500. A 403 leaves a denied row in the audit log; UCR05, an export that was left half-way, whose query is the message, a row export.';

create function ucrm.handle_stream(
    method text,
    path text,
    query text,
    headers jsonb,
    body bytea,
    kind text,
    hint text,
    credential bytea,
    address inet,
    request_id uuid
)
returns setof ucrm.response
language c
volatile
as 'MODULE_PATHNAME', 'ucrm_handle_stream';
comment on function ucrm.handle_stream(text, text, text, jsonb, bytea, text, text, bytea, inet, uuid) is
'ucrm.handle() for replies too long for one row: the first row carries status and headers, the following ones pieces of the body, each made when it is asked for; so it belongs into a select list. The last piece has a status too: it is given to the client when the transaction has committed. A reply with pieces names ucrm.<x-ucrm-stream>(state jsonb, body bytea) → ucrm.piece and the first state, x-ucrm-state.';

create function ucrm.gateway_faults()
returns text[]
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select array_remove(array[
        case when r.rolsuper then 'is a superuser' end,
        case when r.rolbypassrls then 'has BYPASSRLS' end,
        case when r.rolcreaterole then 'has CREATEROLE' end,
        case when r.rolreplication then 'has REPLICATION' end,
        case when exists (select from pg_catalog.pg_class as c where c.relowner = r.oid and c.relkind in ('r', 'p', 'v', 'm', 'f')) then 'owns tables' end,
        case when exists (select from pg_catalog.pg_auth_members as m where m.member = r.oid) then 'is a member of other roles' end,
        case when not has_function_privilege(r.oid, 'ucrm.handle(text, text, text, jsonb, bytea, text, text, bytea, inet, uuid)', 'execute') then 'may not execute ucrm.handle' end
    ], null)
    from pg_catalog.pg_roles as r
    where r.rolname = session_user;
$$;
comment on function ucrm.gateway_faults() is 'Why this login must not serve as the gateway''s: what a stolen connection could do beyond presenting credentials.';

create function ucrm.metrics()
returns table (name text, labels jsonb, value double precision)
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select 'ucrm_window_entries', jsonb_build_object('segment', w.segment), w.live::double precision from ucrm.window_occupancy() as w
    union all
    select 'ucrm_window_capacity', jsonb_build_object('segment', w.segment), w.capacity::double precision from ucrm.window_occupancy() as w
    union all
    select 'ucrm_window_refused_full', jsonb_build_object('segment', w.segment), w.refused_full::double precision from ucrm.window_occupancy() as w
    union all
    select g.name, g.labels, g.value from ucrm.mail_gauges() as g
    union all
    select g.name, g.labels, g.value from ucrm.delivery_gauges() as g;
$$;
comment on function ucrm.metrics() is 'Gauges for /metrics: entries, capacity and refusals of the windows, by segment; mails and webhook deliveries that wait, and for how long.';

grant execute on function
    ucrm.refused(text, text, text, text, bytea, inet, uuid, text, text, text, text, text, text, text),
    ucrm.handle_stream(text, text, text, jsonb, bytea, text, text, bytea, inet, uuid),
    ucrm.gateway_faults(),
    ucrm.metrics()
to ucrm_gateway;
grant execute on function ucrm.constraint_problem(text, text, text, text, text, text, uuid) to ucrm_handler;
