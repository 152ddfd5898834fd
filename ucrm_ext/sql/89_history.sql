-- One record's versions, and the routes of time travel.
create function ucrm.history("table" regclass, record text)
returns table (
    version uuid,
    at timestamptz,
    action text,
    actor_kind text,
    user_id uuid,
    impersonator_id uuid,
    api_key_prefix text,
    db_login text,
    request_id uuid,
    changed text[],
    before jsonb,
    after jsonb
)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    noun constant text := ucrm.resource_of("table");
    key_column constant text := (select r.key_column from ucrm.resources as r where r.name = noun);
begin
    perform ucrm.demand_history(noun);
    return query execute
    'with recursive eras as materialized (
        select * from ucrm.column_map($1, ''infinity'')
    ), rekeyed as materialized (
        select l.id, l.before ->> e.key_name as old, l.after ->> e.key_name as new
        from ucrm.audit_logs as l
        join eras as e on l.at >= e.since and (e.until is null or l.at < e.until)
        where l.tenant_id = $2 and l.resource = $1 and l.changed @> ' || quote_literal(array[key_column]) || '
    ), names (name) as (
        select $3
        union
        select r.old from names as n join rekeyed as r on r.new = n.name
    ), chosen as (
        select l.*, e.owner_name
        from ucrm.audit_logs as l
        join eras as e on l.at >= e.since and (e.until is null or l.at < e.until)
        where l.tenant_id = $2 and l.resource = $1 and l.action in (''create'', ''update'', ''delete'', ''archive'', ''restore'')
          and (l.record_id in (select n.name from names as n) or l.id in (select r.id from rekeyed as r where r.old = $3))
    )
    select c.id, c.at, c.action, c.actor_kind, c.user_id, c.impersonator_id, c.api_key_prefix, c.db_login::text, c.request_id, c.changed,
           ucrm.masked_image($1, c.before), ucrm.masked_image($1, c.after)
    from chosen as c' || case when ucrm.permission_scope(noun, 'read') = 'own' then '
    where (c.before is null or c.before ->> c.owner_name = ucrm.user_id()::text)
      and (c.after is null or c.after ->> c.owner_name = ucrm.user_id()::text)
      and (select coalesce(x.after, x.before) ->> x.owner_name from chosen as x order by x.id desc limit 1) = ucrm.user_id()::text' else '' end || '
    order by c.id'
    using noun, ucrm.tenant_id(), record;
end
$$;
comment on function ucrm.history(regclass, text) is
'The versions of one record, the oldest first, from where its table''s audit begins: who, when, what he did, which columns changed, the row before and after with the columns of then, secret ones masked. Goes on under older keys where the key was changed. version names what the row was after it. Asks for read on the resource and on audit_logs; with read:own, versions that were the member''s, of a record that is not somebody else''s now. Refusals: no_context, permission_denied, a gate''s code.';

create function ucrm.history("table" regclass, record uuid)
returns table (version uuid, at timestamptz, action text, actor_kind text, user_id uuid, impersonator_id uuid, api_key_prefix text, db_login text, request_id uuid, changed text[], before jsonb, after jsonb)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$ select * from ucrm.history("table", record::text) $$;
comment on function ucrm.history(regclass, uuid) is 'ucrm.history() of a record whose key is a uuid.';

create function ucrm.wrong_parameter(r ucrm.request, variadic allowed text[])
returns ucrm.response
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    wrong constant text := (select k from jsonb_object_keys(coalesce(ucrm.query_values(r.query), '{}')) as k where k <> all (allowed) limit 1);
    most constant text := ucrm.query_values(r.query) ->> 'limit';
begin
    if wrong is not null then
        return ucrm.problem('invalid_filter', r.request_id, format('%s is no parameter here', left(wrong, 63)), jsonb_build_object('allowed', allowed));
    elsif most !~ '^[0-9]{1,3}$' or most::integer not between 1 and 100 then
        return ucrm.problem('invalid_filter', r.request_id, 'limit must be a whole number from 1 to 100');
    end if;
    return null;
end
$$;
comment on function ucrm.wrong_parameter(ucrm.request, text[]) is '400 invalid_filter for a parameter that is not among these, and for a limit that is not 1 to 100; else null.';

create function ucrm.history_route(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    asked constant jsonb := coalesce(ucrm.query_values(r.query), '{}');
    most integer;
    refusal ucrm.response := ucrm.wrong_parameter(r, 'limit', 'before');
    versions jsonb;
    many integer;
begin
    if refusal.status is null and asked ? 'before' and ucrm.uuid_of(asked ->> 'before') is null then
        refusal := ucrm.problem('invalid_filter', r.request_id, 'before must be a version, as next_before of a reply');
    end if;
    if refusal.status is not null then
        return refusal;
    end if;
    most := coalesce(asked ->> 'limit', '25');
    select jsonb_agg(to_jsonb(h) || jsonb_build_object('before', h.before - 'tenant_id', 'after', h.after - 'tenant_id') order by h.version desc), count(*)
    into versions, many
    from (
        select x.*
        from ucrm.history(r.relation, r.id) as x
        where not asked ? 'before' or x.version < (asked ->> 'before')::uuid
        order by x.version desc
        limit most
    ) as h;
    if many = 0 and not (asked ? 'before' and exists (select from ucrm.history(r.relation, r.id))) then
        return ucrm.problem('not_found', r.request_id);
    end if;
    return ucrm.json_response(200, jsonb_build_object('data', coalesce(versions, '[]'),
        'meta', case when many = most then jsonb_build_object('next_before', versions -> -1 -> 'version') else '{}' end));
end
$$;
comment on function ucrm.history_route(ucrm.request) is
'GET /{resource}/{id}/history?limit=&before=: 200 {data: [version], meta: {next_before}}, the newest first; of a deleted record too. limit 1 to 100 (25). Refusals: permission_denied without read on audit_logs, not_found, invalid_filter.';

create function ucrm.asked_moment(r ucrm.request)
returns timestamptz
language plpgsql
stable
set search_path = pg_catalog, pg_temp
set datestyle = 'ISO, YMD'
set timezone = 'UTC'
as $$
declare
    given constant text := ucrm.query_values(r.query) ->> 'moment';
begin
    -- RFC 3339; a + that was not encoded arrives as a space.
    if given ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?([zZ]|[+ -][0-9]{2}:?[0-9]{2})$' then
        return regexp_replace(given, ' ([0-9]{2}:?[0-9]{2})$', '+\1')::timestamptz;
    end if;
    return null;
exception when data_exception then
    return null;
end
$$;
comment on function ucrm.asked_moment(ucrm.request) is 'The parameter moment of a request, a time with its offset (RFC 3339); null when it is none.';

create function ucrm.as_of_route(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    asked constant jsonb := coalesce(ucrm.query_values(r.query), '{}');
    moment constant timestamptz := ucrm.asked_moment(r);
    most constant integer := case when asked ->> 'limit' ~ '^[0-9]{1,3}$' then asked ->> 'limit' else '25' end;
    refusal ucrm.response := case when r.id is null then ucrm.wrong_parameter(r, 'moment', 'limit', 'after') else ucrm.wrong_parameter(r, 'moment') end;
    fault text;
    images jsonb;
    last text;
    many integer;
begin
    if refusal.status is null and moment is null then
        refusal := ucrm.problem('invalid_filter', r.request_id, 'moment must be a time with its offset, as 2026-11-28T17:00:00Z');
    end if;
    if refusal.status is not null then
        return refusal;
    end if;
    perform ucrm.demand_history(r.resource);
    fault := ucrm.moment_fault(r.resource, ucrm.tenant_id(), moment);
    if fault is not null then
        return ucrm.problem('moment_unknown', r.request_id, fault);
    end if;
    select jsonb_agg(i.image - 'tenant_id' order by i.key), max(i.key), count(*) into images, last, many
    from (
        select x.key collate "C" as key, x.image
        from ucrm.images_at(r.resource, ucrm.tenant_id(), moment, r.id) as x
        where not asked ? 'after' or x.key collate "C" > asked ->> 'after'
        order by 1
        limit most
    ) as i;
    if r.id is not null then
        if many = 0 then
            return ucrm.problem('not_found', r.request_id);
        end if;
        return ucrm.json_response(200, jsonb_build_object('data', images -> 0));
    end if;
    return ucrm.json_response(200, jsonb_build_object('data', coalesce(images, '[]'),
        'meta', case when many = most then jsonb_build_object('next_after', last) else '{}' end));
end
$$;
comment on function ucrm.as_of_route(ucrm.request) is
'GET /{resource}/as_of?moment=&limit=&after= and GET /{resource}/{id}/as_of?moment=: 200, rows as they were, the columns as the table had them, by key; meta.next_after if more may follow. Refusals: permission_denied without read on audit_logs, moment_unknown, not_found, invalid_filter.';

insert into ucrm.routes (method, template, function, audience, resource, action, builtin) values
('GET', '/api/v1/{resource}/as_of', 'ucrm.as_of_route', 'tenant', null, 'read', true),
('GET', '/api/v1/{resource}/{id}/as_of', 'ucrm.as_of_route', 'tenant', null, 'read', true),
('GET', '/api/v1/{resource}/{id}/history', 'ucrm.history_route', 'tenant', null, 'read', true);

grant execute on function ucrm.history(regclass, text), ucrm.history(regclass, uuid) to ucrm_app, ucrm_reader, ucrm_platform;
grant execute on function
    ucrm.wrong_parameter(ucrm.request, text[]), ucrm.history_route(ucrm.request), ucrm.asked_moment(ucrm.request), ucrm.as_of_route(ucrm.request)
to ucrm_handler, ucrm_owner;
