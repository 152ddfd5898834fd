-- Who is in the workspace and who is invited, as a file: CSV, JSON or a line of JSON each.
create function ucrm.roster_parameters(r ucrm.request, allowed jsonb, out given jsonb, out refusal ucrm.response)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    wrong jsonb;
begin
    select coalesce(jsonb_object_agg(split_part(p.part, '=', 1), substr(p.part, strpos(p.part || '=', '=') + 1)), '{}'),
           jsonb_agg(jsonb_build_object('field', left(split_part(p.part, '=', 1), 100), 'code', 'invalid_filter', 'message', 'is not understood here'))
               filter (where not coalesce(allowed -> split_part(p.part, '=', 1) ? substr(p.part, strpos(p.part || '=', '=') + 1), false))
    into given, wrong
    from regexp_split_to_table(coalesce(r.query, ''), '&') as p (part)
    where p.part <> '';
    if wrong is not null then
        refusal := ucrm.problem('invalid_filter', r.request_id, null, jsonb_build_object('errors', wrong, 'allowed', allowed));
    end if;
end
$$;
comment on function ucrm.roster_parameters(ucrm.request, jsonb) is 'The query string of a route with few parameters, {name: value}; or 400 invalid_filter, naming what is allowed ({name: [values]}).';

create function ucrm.roster_cell(value text)
returns text
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
declare
    -- A spreadsheet takes such a text for a formula, and people choose their names.
    safe constant text := case when value ~ '^[=+@\t\r-]' then '''' else '' end || coalesce(value, '');
begin
    return case when safe ~ '[",\r\n]' then '"' || replace(safe, '"', '""') || '"' else safe end;
end
$$;
comment on function ucrm.roster_cell(text) is 'A value in CSV (RFC 4180); one that a spreadsheet would compute has an apostrophe before it.';

create function ucrm.roster_reply(r ucrm.request, sql text, columns text[])
returns ucrm.response
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    p record;
    accept constant text := coalesce(nullif(r.headers ->> 'accept', ''), '*/*');
    form text;
    items text;
    body text;
begin
    select * into p from ucrm.roster_parameters(r, '{"format": ["csv", "json", "ndjson"]}');
    if (p.refusal).status is not null then
        return p.refusal;
    end if;
    form := coalesce(p.given ->> 'format', case
        when accept ~* '(^|[, ])text/csv' then 'csv'
        when accept ~* '(^|[, ])application/(x-)?ndjson' then 'ndjson'
        when accept ~* '(^|[, ])(application/json|application/\*|\*/\*)' then 'json'
        when accept ~* '(^|[, ])text/\*' then 'csv'
    end);
    if form is null then
        return ucrm.problem('not_acceptable', r.request_id, 'text/csv, application/json or application/x-ndjson');
    end if;
    items := ucrm.run_rows(sql, '{}');
    body := case form
        when 'json' then items
        when 'ndjson' then (select coalesce(string_agg(i.item::text || E'\n', '' order by i.n), '') from json_array_elements(items::json) with ordinality as i (item, n))
        else array_to_string(columns, ',') || E'\r\n' || (
            select coalesce(string_agg(l.line || E'\r\n', '' order by l.n), '')
            from (
                select i.n, string_agg(ucrm.roster_cell(i.item ->> c.name), ',' order by c.n) as line
                from json_array_elements(items::json) with ordinality as i (item, n)
                cross join unnest(columns) with ordinality as c (name, n)
                group by i.n
            ) as l)
    end;
    return row(200,
        jsonb_build_object(
            'content-type', case form when 'csv' then 'text/csv; charset=utf-8; header=present' when 'json' then 'application/json' else 'application/x-ndjson' end,
            'content-disposition', format('attachment; filename="%s.%s"', r.resource, form),
            'vary', 'accept'),
        convert_to(body, 'UTF8'))::ucrm.response;
end
$$;
comment on function ucrm.roster_reply(ucrm.request, text, text[]) is
'200 with all rows of a statement, as the caller, in the form that ?format= or Accept names: csv, json (an array; the default) or ndjson. Refusals: invalid_filter, not_acceptable.';

create function ucrm.export_members_route(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    perform ucrm.demand('members', 'read');
    return ucrm.roster_reply(r, 'select m.id, m.name, m.email, m.role, m.disabled, m.created_at from ucrm.members as m order by m.created_at, m.id',
        array['id', 'name', 'email', 'role', 'disabled', 'created_at']);
end
$$;
comment on function ucrm.export_members_route(ucrm.request) is
'GET /api/v1/members/export?format=: 200, all members as csv, json or ndjson. It needs members:read too. Refusals: permission_denied, invalid_filter, not_acceptable.';

create function ucrm.export_invitations_route(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    perform ucrm.demand('invitations', 'read');
    return ucrm.roster_reply(r, 'select i.id, i.email, i.role, i.status, i.invited_by, i.expires_at, i.accepted_at, i.cancelled_at, i.created_at from ucrm.tenant_invitations as i order by i.created_at, i.id',
        array['id', 'email', 'role', 'status', 'invited_by', 'expires_at', 'accepted_at', 'cancelled_at', 'created_at']);
end
$$;
comment on function ucrm.export_invitations_route(ucrm.request) is
'GET /api/v1/invitations/export?format=: 200, all invitations as csv, json or ndjson. It needs invitations:read too. Refusals: permission_denied, invalid_filter, not_acceptable.';

insert into ucrm.routes (method, template, function, audience, resource, action, builtin) values
('GET', '/api/v1/members/export', 'ucrm.export_members_route', 'tenant', 'members', 'export', true),
('GET', '/api/v1/invitations/export', 'ucrm.export_invitations_route', 'tenant', 'invitations', 'export', true);

grant execute on function ucrm.roster_parameters(ucrm.request, jsonb), ucrm.roster_cell(text), ucrm.roster_reply(ucrm.request, text, text[]) to ucrm_handler, ucrm_owner;
grant execute on function ucrm.export_members_route(ucrm.request), ucrm.export_invitations_route(ucrm.request) to ucrm_handler;
