-- The audit as a file that proves itself: a header, each seal with its rows behind it, the rows that no seal covers yet, a
-- checkpoint, an end. `ucrm-gateway verify-audit` checks it without a database; gateway/AUDIT.md says how.
create function ucrm.seal_line(s ucrm.audit_seals, listed boolean)
returns text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select jsonb_build_object(
        'kind', 'seal', 'tenant_id', s.tenant_id, 'n', s.n, 'first_id', s.first_id, 'last_id', s.last_id, 'rows', s.rows,
        'root', encode(s.root, 'hex'), 'previous', encode(s.previous, 'hex'), 'pruned', s.pruned,
        'created_at', to_char(s.created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), 'hash', encode(s.hash, 'hex'),
        'ids', case when listed then to_jsonb(s.ids) end, 'leaves', case when listed then translate(encode(s.leaves, 'base64'), E'\n', '') end)::text;
$$;
comment on function ucrm.seal_line(ucrm.audit_seals, boolean) is 'A seal as a line of an export, with or without the list of its rows.';

create function ucrm.audit_filter(query text, out filter jsonb, out wrong text)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    part text;
    name text;
    value text;
begin
    foreach part in array string_to_array(coalesce(query, ''), '&') loop
        name := split_part(part, '=', 1);
        continue when part = '' or name = 'format';
        wrong := name;
        value := (ucrm.path_segments('/' || replace(replace(substr(part, strpos(part || '=', '=') + 1), '/', '%2F'), '+', ' ')))[1];
        if name in ('user_id', 'actor_kind', 'impersonator_id', 'api_key_prefix', 'db_login', 'request_id', 'action', 'resource', 'record_id') then
            value := regexp_replace(value, '^eq\.', '');
        elsif name = 'at' and value ~ '^(gte|gt|lte|lt)\.' then
            name := 'at.' || split_part(value, '.', 1);
            value := substr(value, strpos(value, '.') + 1);
            perform value::timestamptz;
        else
            return;
        end if;
        if value is null or (name in ('user_id', 'impersonator_id', 'request_id') and ucrm.uuid_of(value) is null) then
            return;
        end if;
        filter := coalesce(filter, '{}') || jsonb_build_object(name, value);
    end loop;
    wrong := null;
exception when data_exception then
    return;
end
$$;
comment on function ucrm.audit_filter(text) is
'The rows that an export is to have, {field: value} with at.gte, at.gt, at.lte, at.lt for moments; null: all. wrong: the parameter that is not understood.';

create function ucrm.audit_piece(chain uuid, state jsonb, out after jsonb, out lines text)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    filter constant jsonb := nullif(state -> 'filter', 'null');
    stage constant text := state ->> 'stage';
    last constant uuid := state ->> 'last';
    seals constant bigint := (state ->> 'seals')::bigint;
    ids uuid[];
    part record;
begin
    if stage = 'header' then
        lines := jsonb_build_object(
            'kind', 'header', 'format', 'ucrm-audit', 'version', 1, 'tenant_id', chain,
            'exported_at', to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
            'filter', state -> 'query',
            'columns_changed', ucrm.column_changes(),
            'keys', (select coalesce(jsonb_agg(k), '[]') from ucrm.audit_public_keys() as k))::text;
        after := state || '{"stage": "seals"}';
    elsif stage = 'seals' then
        with near as (
            select x.*, coalesce(lag(x.last_id) over (order by x.n), last) as since, sum(coalesce(x.rows, 0)) over (order by x.n) - coalesce(x.rows, 0) as others
            from (select s.* from ucrm.audit_seals as s where s.tenant_id = chain and s.n > (state ->> 'n')::bigint order by s.n limit 200) as x
        )
        select string_agg(ucrm.seal_line(row(c.tenant_id, c.n, c.first_id, c.last_id, c.rows, c.root, c.previous, c.pruned, c.created_at, c.hash, c.ids, c.leaves)::ucrm.audit_seals, filter is null or r.many > 0)
                          || coalesce(E'\n' || r.lines, ''), E'\n' order by c.n) as lines,
               max(c.n) as n, max(c.last_id::text) as last, count(*) as seals, sum(r.many) as rows
        into part
        from near as c
        cross join lateral (select * from ucrm.audit_lines(chain, c.since, c.last_id, filter)) as r
        where c.others < 1000;
        after := state || jsonb_build_object('stage', 'tail');
        if part.n is not null then
            lines := part.lines;
            after := state || jsonb_build_object('n', part.n, 'last', part.last, 'seals', seals + part.seals, 'rows', (state ->> 'rows')::bigint + part.rows);
        end if;
    elsif stage = 'tail' then
        ids := ucrm.audit_ids(chain, last, (state ->> 'until')::uuid, 1000);
        select r.lines, r.many into part from ucrm.audit_lines(chain, last, coalesce(ids[cardinality(ids)], last), filter) as r;
        lines := part.lines;
        after := state || jsonb_build_object('rows', (state ->> 'rows')::bigint + part.many)
            || case when cardinality(ids) = 1000 then jsonb_build_object('last', ids[1000]) when filter is null then '{"stage": "records"}' else '{"stage": "end"}' end;
    elsif stage = 'end' then
        lines := (
            select string_agg(l.line, E'\n' order by l.n)
            from (
                select 1 as n, jsonb_build_object('kind', 'checkpoint', 'note', ucrm.chain_checkpoint(chain))::text as line
                where state -> 'signed' = 'true' and filter is null
                union all
                select 2, jsonb_build_object('kind', 'end', 'rows', state -> 'rows', 'seals', seals, 'records', coalesce(state -> 'records', '0'))::text
            ) as l
        );
    end if;
end
$$;
comment on function ucrm.audit_piece(uuid, jsonb) is 'The next lines of an export, about a thousand rows, and what the ones after them are made from; null: they were the last.';

create function ucrm.audit_lines(chain uuid, since uuid, upto uuid, filter jsonb, out lines text, out many bigint)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select string_agg(x.line, E'\n'), count(*)
    from (
        select t.id,
               ucrm.audit_line(t.id, t.tenant_id, t.at, t.actor_kind, t.user_id, t.impersonator_id, t.api_key_prefix, t.db_login, t.request_id,
                               t.address, t.action, t.resource, t.record_id, t.before, t.after, t.changed, t.salt, t.images) as line
        from ucrm.audit_trail(chain) as t
        where t.id > since and t.id <= upto
          and (filter is null or (
              (filter ->> 'user_id' is null or t.user_id::text = lower(filter ->> 'user_id'))
              and (filter ->> 'impersonator_id' is null or t.impersonator_id::text = lower(filter ->> 'impersonator_id'))
              and (filter ->> 'request_id' is null or t.request_id::text = lower(filter ->> 'request_id'))
              and (filter ->> 'actor_kind' is null or t.actor_kind = filter ->> 'actor_kind')
              and (filter ->> 'api_key_prefix' is null or t.api_key_prefix = filter ->> 'api_key_prefix')
              and (filter ->> 'db_login' is null or t.db_login = filter ->> 'db_login')
              and (filter ->> 'action' is null or t.action = filter ->> 'action')
              and (filter ->> 'resource' is null or t.resource = filter ->> 'resource')
              and (filter ->> 'record_id' is null or t.record_id = filter ->> 'record_id')
              and (filter ->> 'at.gte' is null or t.at >= (filter ->> 'at.gte')::timestamptz)
              and (filter ->> 'at.gt' is null or t.at > (filter ->> 'at.gt')::timestamptz)
              and (filter ->> 'at.lte' is null or t.at <= (filter ->> 'at.lte')::timestamptz)
              and (filter ->> 'at.lt' is null or t.at < (filter ->> 'at.lt')::timestamptz)))
        order by t.id
    ) as x;
$$;
comment on function ucrm.audit_lines(uuid, uuid, uuid, jsonb) is 'The rows of a chain with ids above since, up to upto, as lines of an export, in order.';

create function ucrm.begin_audit(query text, filter jsonb)
returns jsonb
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    return jsonb_build_object(
        'stage', 'header', 'n', 0, 'last', '00000000-0000-0000-0000-000000000000', 'until', ucrm.uuid7(), 'rows', 0, 'seals', 0,
        'filter', filter, 'query', case when filter is not null then query end,
        'signed', exists (select from ucrm.audit_keys) and ucrm.key_fault() is null);
end
$$;
comment on function ucrm.begin_audit(text, jsonb) is 'What the first lines of an export are made from.';

create function ucrm.open_audit(tenant uuid)
returns jsonb
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform ucrm.audit_chain(tenant);
    if ucrm.tenant_id() is not null then
        perform ucrm.demand('audit_logs', 'export');
        perform ucrm.record_export('audit_logs', null);
    else
        insert into ucrm.platform_audit_logs (action, tenant_id, detail) values ('audit.exported', tenant, '{}');
    end if;
    return ucrm.begin_audit(null, null);
end
$$;
comment on function ucrm.open_audit(uuid) is 'What the first lines of a whole export are made from. Leaves an audit row. Refusals as ucrm.audit_verify().';

create function ucrm.sealed_piece(tenant uuid, state jsonb, out after jsonb, out lines text)
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    chain constant uuid := ucrm.audit_chain(tenant);
begin
    -- Whatever the state says: of the workspace that was entered, for whom may.
    if ucrm.tenant_id() is not null then
        perform ucrm.demand('audit_logs', 'export');
    end if;
    select p.after, p.lines into sealed_piece.after, sealed_piece.lines from ucrm.audit_piece(chain, state) as p;
end
$$;
comment on function ucrm.sealed_piece(uuid, jsonb) is 'ucrm.audit_piece() of a chain that the caller may export. Refusals as ucrm.audit_verify().';

create function ucrm.record_line(noun text, key text, audit_id uuid, fields text[], present jsonb)
returns text
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$ select jsonb_build_object('kind', 'record', 'resource', noun, 'record_id', key, 'audit_id', audit_id, 'fields', fields, 'present', present::text)::text $$;
comment on function ucrm.record_line(text, text, uuid, text[], jsonb) is
'A record that is not what its audit says, as a line of an export; present: the row as it is now, as text; null: there is none.';

-- As the caller sees the tables: about a thousand records a piece.
create function ucrm.record_piece(tenant uuid, state jsonb, out after jsonb, out lines text)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    nouns constant text[] := case
        when state ? 'nouns' then array(select jsonb_array_elements_text(state -> 'nouns'))
        when tenant is not null then array(select ucrm.compared_resources(tenant))
        else '{}' end;
    told constant boolean := state -> 'heard' is null;
    since constant text := state ->> 'since';
    reached text;
    many bigint;
begin
    if nouns = '{}' then
        after := state || '{"stage": "end"}';
        return;
    end if;
    if told then
        -- A record's rows stay together.
        reached := ucrm.told_upto(tenant, nouns[1], coalesce(since, ''));
        select string_agg(ucrm.record_line(nouns[1], u.key, u.audit_id, u.fields, u.present), E'\n'), count(*)
        into lines, many
        from ucrm.unlike_records(tenant, nouns[1], coalesce(since, ''), reached) as u
        where not u.past;
        after := state || jsonb_build_object('nouns', nouns, 'since', reached) || case when reached is null then '{"heard": true}' else '{}' end::jsonb;
    else
        select string_agg(ucrm.record_line(nouns[1], u.key, null, null, u.present), E'\n') filter (where u.unheard), count(*) filter (where u.unheard),
               case when count(*) = 1000 then (array_agg(u.key order by u.n desc))[1] end
        into lines, many, reached
        from ucrm.unheard_records(tenant, nouns[1], since, 1000) with ordinality as u (key, present, unheard, n);
        after := case when reached is not null then state || jsonb_build_object('since', reached)
                      else state - 'heard' || jsonb_build_object('nouns', nouns[2:], 'since', null) end;
    end if;
    after := after || jsonb_build_object('records', coalesce((state ->> 'records')::bigint, 0) + many);
end
$$;
comment on function ucrm.record_piece(uuid, jsonb) is 'The next lines of an export, of about a thousand records: those that are not what their audit says (ucrm.unrecorded()).';

create function ucrm.audit_export_piece(tenant uuid, state jsonb, out after jsonb, out lines text)
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    if state ->> 'stage' = 'records' then
        select p.after, p.lines into audit_export_piece.after, audit_export_piece.lines from ucrm.record_piece(tenant, state) as p;
    else
        select p.after, p.lines into audit_export_piece.after, audit_export_piece.lines from ucrm.sealed_piece(tenant, state) as p;
    end if;
end
$$;
comment on function ucrm.audit_export_piece(uuid, jsonb) is 'The next lines of an export, and what the ones after them are made from; null: they were the last. Refusals as ucrm.audit_verify().';

create function ucrm.audit_export(tenant uuid default null)
returns setof text
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    state jsonb := ucrm.open_audit(tenant);
    lines text;
begin
    while state is not null loop
        select p.after, p.lines into state, lines from ucrm.audit_export_piece(coalesce(ucrm.tenant_id(), tenant), state) as p;
        if lines is not null then
            return next lines;
        end if;
    end loop;
end
$$;
comment on function ucrm.audit_export(uuid) is
'The workspace''s audit (as for ucrm.audit_verify()) with its seals, the records that are not what it says of them, and a checkpoint, as lines of JSON, several to a row: psql -XAtq -c "select ucrm.audit_export()" > audit.ndjson, then ucrm-gateway verify-audit audit.ndjson. Audited. Refusals as ucrm.audit_verify().';

create function ucrm.audit_export_route(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    format constant text := ucrm.export_format(r);
    asked record;
begin
    if format is null or format = 'csv' then
        return ucrm.problem('not_acceptable', r.request_id, 'json and ndjson are to be had');
    end if;
    perform ucrm.demand('audit_logs', 'export'), ucrm.demand('audit_logs', 'read');
    asked := ucrm.audit_filter(r.query);
    if asked.wrong is not null then
        return ucrm.problem('invalid_filter', r.request_id, format('%s is not understood', left(asked.wrong, 63)), jsonb_build_object('allowed',
            array['format', 'user_id', 'actor_kind', 'impersonator_id', 'api_key_prefix', 'db_login', 'request_id', 'action', 'resource', 'record_id', 'at']));
    end if;
    return row(200, jsonb_build_object(
        'content-type', case format when 'ndjson' then 'application/x-ndjson' else 'application/json' end,
        'content-disposition', format('attachment; filename="audit_logs-%s.%s"', to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD'), format),
        'x-ucrm-stream', 'audit_step',
        'x-ucrm-state', (ucrm.begin_audit(r.query, asked.filter) || jsonb_build_object('format', format))::text), null)::ucrm.response;
end
$$;
comment on function ucrm.audit_export_route(ucrm.request) is
'GET /api/v1/audit_logs/export?format=json|ndjson&resource=&record_id=&user_id=&actor_kind=&impersonator_id=&api_key_prefix=&db_login=&request_id=&action=&at=gte.…&at=lt.…: 200, the rows and the seals that prove them, streamed; without a filter a checkpoint too. Leaves an audit row. Refusals: invalid_filter, not_acceptable, permission_denied.';

create function ucrm.audit_step(state jsonb, body bytea)
returns ucrm.piece
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    p record;
    text text;
begin
    p := ucrm.audit_export_piece(ucrm.tenant_id(), state);
    text := p.lines || E'\n';
    if state ->> 'format' = 'json' then
        text := case when state ->> 'stage' = 'header' then '[' when p.lines is not null then ',' else '' end
            || coalesce(replace(p.lines, E'\n', E'\n,') || E'\n', '') || case when p.after is null then E']\n' else '' end;
    end if;
    return row(p.after, convert_to(coalesce(text, ''), 'UTF8'))::ucrm.piece;
end
$$;
comment on function ucrm.audit_step(jsonb, bytea) is 'About a thousand rows of an audit''s export.';

create function ucrm.audit_checkpoint_route(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform ucrm.demand('audit_logs', 'read');
    if ucrm.key_fault() is not null or not exists (select from ucrm.audit_keys) then
        return ucrm.problem('unavailable', r.request_id, 'there is no key to sign with yet');
    end if;
    return ucrm.json_response(200, jsonb_build_object('data', jsonb_build_object(
        'checkpoint', ucrm.chain_checkpoint(ucrm.tenant_id()),
        'public_keys', (select jsonb_agg(k) from ucrm.audit_public_keys() as k),
        'state', to_jsonb(ucrm.audit_state()))));
end
$$;
comment on function ucrm.audit_checkpoint_route(ucrm.request) is
'GET /api/v1/audit_logs/checkpoint: 200 {data: {checkpoint, public_keys, state}}: see ucrm.audit_checkpoint() and ucrm.audit_state(). Refusals: permission_denied, unavailable where no key file is.';

insert into ucrm.routes (method, template, function, audience, resource, action, builtin) values
('GET', '/api/v1/audit_logs/export', 'ucrm.audit_export_route', 'tenant', 'audit_logs', 'export', true),
('GET', '/api/v1/audit_logs/checkpoint', 'ucrm.audit_checkpoint_route', 'tenant', 'audit_logs', 'read', true);

grant execute on function ucrm.audit_export_route(ucrm.request), ucrm.audit_step(jsonb, bytea), ucrm.audit_checkpoint_route(ucrm.request) to ucrm_handler;
grant execute on function
    ucrm.open_audit(uuid), ucrm.sealed_piece(uuid, jsonb), ucrm.record_line(text, text, uuid, text[], jsonb), ucrm.record_piece(uuid, jsonb), ucrm.audit_export_piece(uuid, jsonb)
to ucrm_app, ucrm_handler, ucrm_platform;
grant execute on function ucrm.audit_export(uuid) to ucrm_app, ucrm_platform;
