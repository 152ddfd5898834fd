-- Undo: a record as one of its versions says, or all that one request did, taken back by ordinary writes. So the caller's
-- permissions, the gates, constraints and triggers hold, and what is done is itself in the audit log and can be undone.
create function ucrm.changed_since(tenant uuid, ids uuid[], request uuid, start uuid)
returns text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select format('%s %s', l.resource, l.record_id)
    from ucrm.audit_logs as l
    join ucrm.audit_logs as x on x.tenant_id = l.tenant_id and x.resource = l.resource and x.record_id = l.record_id and x.id > l.id
    where l.tenant_id = tenant and l.id = any (ids)
      and x.action in ('create', 'update', 'delete', 'archive', 'restore', 'secret_changed')
      and x.request_id is distinct from request
      and (x.id < start or x.request_id is distinct from ucrm.request_id())
    limit 1;
$$;
comment on function ucrm.changed_since(uuid, uuid[], uuid, uuid) is
'A record, as "resource key", that somebody else changed after what these audit rows tell; start: what this transaction has written since is not somebody else''s. Null when there is none.';

create function ucrm.writable_columns(noun text)
returns name[]
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select array_agg(a.attname order by a.attnum)
    from ucrm.resources as r
    join pg_catalog.pg_attribute as a on a.attrelid = ucrm.relation_of(r.table_schema, r.table_name)
    where r.name = noun and a.attnum > 0 and not a.attisdropped and a.attgenerated = '' and a.attname <> all (r.secret_columns);
$$;
comment on function ucrm.writable_columns(text) is 'The columns of a resource that come back: all but generated and secret ones.';

-- A referential action is written down after what it follows from, and a request may touch a row more than once. So what
-- is undone is the difference that the whole request made, record by record.
create function ucrm.undo_plan(request uuid)
returns table (noun text, record text, kind text, undone text, last uuid, columns text[], image jsonb)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    with told as materialized (
        select l.id, l.at, l.resource, l.action, l.before, l.after
        from ucrm.audit_logs as l
        where l.tenant_id = ucrm.tenant_id() and l.request_id = request and l.action in ('create', 'update', 'delete', 'archive', 'restore')
    ), eras as materialized (
        select n.resource, m.since, m.until, m.key_name, m.columns
        from (select distinct t.resource from told as t) as n
        cross join lateral ucrm.column_map(n.resource, 'infinity') as m
    ), mentions as materialized (
        select t.id, t.resource, t.action, e.columns, v.key, v.was, v.becomes
        from told as t
        join eras as e on e.resource = t.resource and t.at >= e.since and (e.until is null or t.at < e.until)
        -- Of a row that got another key: one that went, and one that came.
        cross join lateral (
            select t.before ->> e.key_name as key, t.before as was, case when t.after ->> e.key_name = t.before ->> e.key_name then t.after end as becomes
            where t.before is not null
            union all
            select t.after ->> e.key_name, null, t.after
            where t.after is not null and t.after ->> e.key_name is distinct from t.before ->> e.key_name
        ) as v
    ), net as (
        select m.resource, m.key, min(m.id::text) as first, max(m.id::text) as last, array_agg(m.action) as actions
        from mentions as m
        group by m.resource, m.key
    ), images as materialized (
        select n.resource, n.key, n.last::uuid as last, n.actions, f.columns,
               case when f.was is not null then ucrm.image_as_of(f.was, f.columns, null, null) end as was,
               case when l.becomes is not null then ucrm.image_as_of(l.becomes, l.columns, null, null) end as becomes
        from net as n
        join mentions as f on f.id = n.first::uuid and f.resource = n.resource and f.key = n.key
        join mentions as l on l.id = n.last::uuid and l.resource = n.resource and l.key = n.key
    )
    select i.resource, i.key,
           case when i.was is null then 'delete' when i.becomes is null then 'insert' else 'update' end,
           case when i.was is null then 'create' when i.becomes is null then 'delete'
                when 'archive' = any (i.actions) then 'archive' when 'restore' = any (i.actions) then 'restore' else 'update' end,
           i.last,
           array(
               select c."to"
               from jsonb_to_recordset(i.columns) as c ("to" text, "from" text)
               where c."from" is not null and (i.becomes is null or c."to" <> 'updated_at' and i.was -> c."to" is distinct from i.becomes -> c."to")
           ),
           i.was
    from images as i
    where i.was is not null and i.becomes is not null and i.was <> i.becomes or (i.was is null) <> (i.becomes is null);
$$;
comment on function ucrm.undo_plan(uuid) is
'What undoing a request of the entered tenant takes, record by record: insert, delete or update, what was done, the columns to write, and the row as it was before, in the columns of today.';

create function ucrm.undo_statement(plan jsonb)
returns text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    with parts as materialized (
        select format('%s%s', left(g.kind, 1), row_number() over (order by g.noun)) as name, g.kind, g.noun,
               format('%I.%I', r.table_schema, r.table_name) as relation, quote_ident(r.key_column) as key,
               (select string_agg(quote_ident(w), ', ') from unnest(ucrm.writable_columns(g.noun)) as w where w = any (g.columns)) as columns,
               (select string_agg('v.' || quote_ident(w), ', ') from unnest(ucrm.writable_columns(g.noun)) as w where w = any (g.columns)) as values
        from (
            select p.noun, p.kind, array_agg(distinct c) as columns
            from jsonb_to_recordset(plan) as p (noun text, kind text, columns text[])
            left join lateral unnest(p.columns) as c on true
            group by p.noun, p.kind
        ) as g
        join ucrm.resources as r on r.name = g.noun
    )
    select 'with plan as materialized (select * from jsonb_to_recordset($1) as p (noun text, kind text, record text, image jsonb)), ' || string_agg(
        p.name || ' as (' || case p.kind
            when 'delete' then format('delete from %s as t using plan as p where t.tenant_id = ucrm.tenant_id() and t.%s::text = p.record', p.relation, p.key)
            when 'insert' then format('insert into %s (%s) overriding system value select %s from plan as p cross join lateral jsonb_populate_record(null::%1$s, p.image) as v where true', p.relation, p.columns, p.values)
            else format('update %s as t set (%s) = (select %s from jsonb_populate_record(t, p.image) as v) from plan as p where t.tenant_id = ucrm.tenant_id() and t.%s::text = p.record', p.relation, p.columns, p.values, p.key)
        end || format(' and p.noun = %L and p.kind = %L returning 1)', p.noun, p.kind), ', ')
        -- What is asked first is done first: a value that only one row may have is free before another takes it.
        || ' select ' || string_agg(format('(select count(*) from %s)', p.name), ' + ' order by array_position(array['delete', 'update', 'insert'], p.kind), p.noun)
    from parts as p
    where p.kind = 'delete' or p.columns is not null;
$$;
comment on function ucrm.undo_statement(jsonb) is
'One statement for all tables of a plan: what refers to what is asked when it ends. It returns how many rows it wrote: the tables decide which the caller may.';

create function ucrm.undo_request(request uuid)
returns table (resource text, record_id text, undone text)
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    -- What this transaction writes from here on is the undoing.
    start constant uuid := ucrm.uuid7();
    tenant constant uuid := ucrm.tenant_id();
    ids uuid[];
    plan jsonb;
    wrote bigint;
    bad text;
    d record;
begin
    perform ucrm.demand('audit_logs', 'read');
    if request is null or not exists (select from ucrm.audit_logs as l where l.tenant_id = tenant and l.request_id = request) then
        perform ucrm.refuse('not_found');
    elsif request = ucrm.request_id() then
        perform ucrm.refuse('not_undoable', 'a request cannot undo itself: roll it back');
    end if;
    select format('%s of %s', l.action, l.resource) into bad
    from ucrm.audit_logs as l
    left join ucrm.resources as x on x.name = l.resource and x.kind = 'entity'
    where l.tenant_id = tenant and l.request_id = request
      and (l.action = 'secret_changed'
           or l.action in ('create', 'update', 'delete', 'archive', 'restore')
              and (x.name is null or l.before is null and l.after is null or l.action = 'update' and l.changed && x.secret_columns
                   or ucrm.audit_begins(l.resource) is null or l.at < ucrm.audit_begins(l.resource)))
    limit 1;
    if bad is not null then
        perform ucrm.refuse('not_undoable', bad);
    end if;
    ids := array(select l.id from ucrm.audit_logs as l where l.tenant_id = tenant and l.request_id = request and l.action in ('create', 'update', 'delete', 'archive', 'restore'));
    bad := ucrm.changed_since(tenant, ids, request, start);
    if bad is not null then
        perform ucrm.refuse('changed_since', bad);
    end if;
    select jsonb_agg(to_jsonb(p)) into plan from ucrm.undo_plan(request) as p;
    if plan is null then
        perform ucrm.refuse('not_undoable', 'it left nothing changed');
    end if;
    -- Archiving and restoring are permissions of their own, which the table does not ask for.
    for d in select distinct p.noun, p.undone from jsonb_to_recordset(plan) as p (noun text, undone text) where p.undone in ('archive', 'restore') loop
        perform ucrm.demand(d.noun, case d.undone when 'archive' then 'restore' else 'archive' end);
    end loop;

    execute ucrm.undo_statement(plan) into wrote using plan;
    -- The rows are this transaction's now: who was faster is seen, and nobody comes between.
    bad := ucrm.changed_since(tenant, ids, request, start);
    if bad is not null then
        perform ucrm.refuse('changed_since', bad);
    elsif wrote <> jsonb_array_length(plan) then
        perform ucrm.refuse('permission_denied', 'not every row is yours to change back');
    end if;
    -- Rows that hang on those, and came later, are not taken along.
    select format('%s %s', l.resource, l.record_id) into bad
    from ucrm.audit_logs as l
    where l.tenant_id = tenant and l.request_id = ucrm.request_id() and l.id > start and l.action in ('create', 'update', 'delete', 'archive', 'restore')
      and not exists (select from jsonb_to_recordset(plan) as p (noun text, record text) where p.noun = l.resource and p.record = l.record_id)
    limit 1;
    if bad is not null then
        perform ucrm.refuse('changed_since', bad);
    end if;
    return query
    select p.noun, p.record, p.undone
    from jsonb_to_recordset(plan) as p (noun text, record text, undone text, last text)
    order by p.last desc, p.record;
end
$$;
comment on function ucrm.undo_request(uuid) is
'Takes back all the difference that one request made in the entered tenant''s protected tables, by ordinary writes under the caller''s permissions; all or nothing; itself audited, and undone by its own request id. Deleted rows come back with their ids; a secret that was deleted does not. Asks for read on audit_logs. Refusals: no_context, permission_denied, a gate''s code, not_found, changed_since naming a record that somebody changed after it (or that would be changed along), not_undoable (it changed what is not in a protected table, a secret, a record that was forgotten since, or nothing), and what the tables refuse.';

create function ucrm.revert("table" regclass, record text, version uuid)
returns text
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    noun constant text := ucrm.resource_of("table");
    r constant ucrm.resources := (select x from ucrm.resources as x where x.name = noun);
    columns jsonb;
    image jsonb;
    names text;
    valued text;
    wrote bigint;
begin
    -- What the caller may not read of its history he cannot bring back.
    select h.after, m.columns into image, columns
    from ucrm.history("table", record) as h
    join ucrm.column_map(noun, 'infinity') as m on h.at >= m.since and (m.until is null or h.at < m.until)
    where h.version = revert.version;
    if columns is null then
        perform ucrm.refuse('not_found');
    elsif image is null then
        perform ucrm.refuse('not_undoable', 'the record was deleted in this version');
    end if;
    select string_agg(format('%I', c."to"), ', '), string_agg(format('v.%I', c."to"), ', ') into names, valued
    from jsonb_to_recordset(columns) as c ("to" text, "from" text)
    join pg_catalog.pg_attribute as a on a.attrelid = "table" and a.attname = c."to"
    where c."from" is not null and c."to" = any (ucrm.writable_columns(noun))
      and c."to" not in ('tenant_id', 'updated_at', r.key_column) and a.attidentity <> 'a';
    image := ucrm.image_as_of(image, columns, null, null);
    execute format(
        'update %s as t set (%s) = row(%s) from jsonb_populate_record(null::%1$s, $1) as v where t.tenant_id = ucrm.tenant_id() and t.%4$I::text = $2',
        "table", names, valued, r.key_column)
    using image, record;
    get diagnostics wrote = row_count;
    if wrote > 0 then
        return 'updated';
    elsif exists (select from ucrm.history("table", record) as h where h.action = 'delete' and h.version = (select max(x.version::text)::uuid from ucrm.history("table", record) as x)) then
        execute format('insert into %s (tenant_id, %I, %s) overriding system value select ucrm.tenant_id(), v.%2$I, %s from jsonb_populate_record(null::%1$s, $1) as v',
            "table", r.key_column, names, valued)
        using image;
        return 'created';
    end if;
    perform ucrm.refuse('permission_denied', format('this row is not yours to %s', 'update'));
end
$$;
comment on function ucrm.revert(regclass, text, uuid) is
'Makes a record what it was after one of its versions (see ucrm.history()), by an ordinary write under the caller''s permissions: updated, or created again with its id where it was deleted. Columns that came since keep their value; secret ones too. Refusals: as ucrm.history(), not_found for a version that is not the record''s, not_undoable for a deletion, permission_denied, and what the table refuses.';

create function ucrm.revert("table" regclass, record uuid, version uuid)
returns text
language sql
volatile
set search_path = pg_catalog, pg_temp
as $$ select ucrm.revert("table", record::text, version) $$;
comment on function ucrm.revert(regclass, uuid, uuid) is 'ucrm.revert() of a record whose key is a uuid.';

create function ucrm.body_id(r ucrm.request, field text)
returns uuid
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    body jsonb;
begin
    if ucrm.json_fault(r.body) is not null then
        return null;
    end if;
    body := convert_from(r.body, 'UTF8')::jsonb;
    return case when jsonb_typeof(body) = 'object' and body - field = '{}' then ucrm.uuid_of(body ->> field) end;
end
$$;
comment on function ucrm.body_id(ucrm.request, text) is 'The UUID of a body that is {field: UUID} and nothing else; null for every other.';

create function ucrm.undo_route(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    request constant uuid := ucrm.body_id(r, 'request_id');
    refusal ucrm.response := ucrm.refused_body(r);
    undone jsonb;
    code text;
    detail text;
begin
    if refusal.status is not null then
        return refusal;
    elsif request is null then
        return ucrm.problem('validation_failed', r.request_id, null,
            '{"errors": [{"field": "request_id", "code": "invalid_value", "message": "send {\"request_id\": \"…\"} and nothing else"}]}');
    end if;
    -- A refusal that is returned commits: what was written before it is taken back first.
    begin
        select jsonb_agg(to_jsonb(u)) into undone from ucrm.undo_request(request) as u;
    exception
        when sqlstate 'PT409' or sqlstate 'PT404' then
            get stacked diagnostics code = message_text, detail = pg_exception_detail;
            return ucrm.problem(code, r.request_id, detail);
        when foreign_key_violation then
            return ucrm.problem('changed_since', r.request_id, 'other rows hang on these');
    end;
    return ucrm.json_response(200, jsonb_build_object('data', undone, 'meta', jsonb_build_object('total', jsonb_array_length(undone))));
end
$$;
comment on function ucrm.undo_route(ucrm.request) is
'POST /api/v1/audit_logs/undo {request_id}: 200 {data: [{resource, record_id, undone}], meta: {total}}, by ucrm.undo_request(). Refusals: permission_denied, not_found, changed_since, not_undoable, duplicate, validation_failed.';

create function ucrm.revert_route(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    version constant uuid := ucrm.body_id(r, 'version');
    refusal ucrm.response := ucrm.refused_body(r);
    found ucrm.statement;
    outcome text;
    item text;
    code text;
    detail text;
begin
    if refusal.status is null and version is null then
        refusal := ucrm.problem('validation_failed', r.request_id, null,
            '{"errors": [{"field": "version", "code": "invalid_value", "message": "send {\"version\": \"…\"} and nothing else"}]}');
    end if;
    if refusal.status is null then
        refusal := ucrm.refused_version(r);
    end if;
    if refusal.status is not null then
        return refusal;
    end if;
    begin
        outcome := ucrm.revert(r.relation, r.id, version);
    exception when sqlstate 'PT409' or sqlstate 'PT404' then
        get stacked diagnostics code = message_text, detail = pg_exception_detail;
        return ucrm.problem(code, r.request_id, detail);
    end;
    found := ucrm.compile_get(r.shape, '', r.id, false);
    item := ucrm.run_row(found.sql, found.binds);
    return row(case outcome when 'created' then 201 else 200 end, jsonb_build_object('etag', ucrm.etag(item)), ucrm.data_body(item))::ucrm.response;
end
$$;
comment on function ucrm.revert_route(ucrm.request) is
'POST /{resource}/{id}/revert {version}: 200 {data} with ETag, 201 where the record was deleted; If-Match is honoured. Refusals: as ucrm.revert(), version_conflict, validation_failed, duplicate.';

insert into ucrm.routes (method, template, function, audience, resource, action, builtin) values
('POST', '/api/v1/audit_logs/undo', 'ucrm.undo_route', 'tenant', 'audit_logs', null, true),
('POST', '/api/v1/{resource}/{id}/revert', 'ucrm.revert_route', 'tenant', null, 'update', true);

grant execute on function
    ucrm.changed_since(uuid, uuid[], uuid, uuid), ucrm.writable_columns(text), ucrm.undo_plan(uuid), ucrm.undo_statement(jsonb), ucrm.undo_request(uuid), ucrm.revert(regclass, text, uuid), ucrm.revert(regclass, uuid, uuid)
to ucrm_app, ucrm_platform;
grant execute on function ucrm.body_id(ucrm.request, text), ucrm.undo_route(ucrm.request), ucrm.revert_route(ucrm.request) to ucrm_handler, ucrm_owner;
