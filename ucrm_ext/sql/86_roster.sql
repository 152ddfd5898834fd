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
        refusal := ucrm.problem('invalid_filter', r.request_id, null, jsonb_build_object('errors', wrong,
            'allowed', (select jsonb_agg(a.key || '=' || v order by a.key, v) from jsonb_each(allowed) as a, jsonb_array_elements_text(a.value) as v)));
    end if;
end
$$;
comment on function ucrm.roster_parameters(ucrm.request, jsonb) is 'The query string of a route with few parameters, {name: value}; or 400 invalid_filter, naming what is allowed. allowed: {name: [values]}.';

create function ucrm.roster_reply(r ucrm.request, sql text)
returns ucrm.response
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    format constant text := ucrm.export_format(r);
    p record;
begin
    select * into p from ucrm.roster_parameters(r, '{"format": ["csv", "json", "ndjson"]}');
    if (p.refusal).status is not null then
        return p.refusal;
    elsif format is null then
        return ucrm.problem('not_acceptable', r.request_id, 'csv, json and ndjson are to be had');
    end if;
    perform ucrm.open_rows(sql, '{}', 'ucrm_export');
    return row(200, ucrm.export_headers(r.resource, format) || '{"vary": "accept"}', null)::ucrm.response;
end
$$;
comment on function ucrm.roster_reply(ucrm.request, text) is
'200 with all rows of a statement, as the caller, streamed as an export is, in the form that ?format= or Accept names: csv, json (an array; the default) or ndjson. Refusals: invalid_filter, not_acceptable.';

create function ucrm.export_members_route(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    perform ucrm.demand('members', 'read');
    return ucrm.roster_reply(r, 'select m.id, m.name, m.email, m.role, m.disabled, m.created_at from ucrm.members as m order by m.created_at, m.id');
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
    return ucrm.roster_reply(r, 'select i.id, i.email, i.role, i.status, i.invited_by, i.expires_at, i.accepted_at, i.cancelled_at, i.created_at from ucrm.tenant_invitations as i order by i.created_at, i.id');
end
$$;
comment on function ucrm.export_invitations_route(ucrm.request) is
'GET /api/v1/invitations/export?format=: 200, all invitations as csv, json or ndjson. It needs invitations:read too. Refusals: permission_denied, invalid_filter, not_acceptable.';

insert into ucrm.routes (method, template, function, audience, resource, action, builtin) values
('GET', '/api/v1/members/export', 'ucrm.export_members_route', 'tenant', 'members', 'export', true),
('GET', '/api/v1/invitations/export', 'ucrm.export_invitations_route', 'tenant', 'invitations', 'export', true);

grant execute on function ucrm.roster_parameters(ucrm.request, jsonb), ucrm.roster_reply(ucrm.request, text) to ucrm_handler, ucrm_owner;
grant execute on function ucrm.export_members_route(ucrm.request), ucrm.export_invitations_route(ucrm.request) to ucrm_handler;
