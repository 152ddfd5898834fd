-- A team from a file: each row, an address and a role, becomes an invitation, by the rules of a single one.
create function ucrm.roster_csv(given text, out rows jsonb, out fault text)
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
declare
    -- A spreadsheet writes a byte order mark before UTF-8.
    csv constant text := ltrim(given, E'\ufeff');
    piece text[];
    cells text[] := '{}';
    header text[];
    read integer := 0;
begin
    rows := '[]';
    for piece in select m from regexp_matches(csv, E'("(?:[^"]|"")*"|[^",\r\n]*)(,|\r\n|\n|\r|$)', 'g') as m loop
        read := read + length(piece[1]) + length(piece[2]);
        cells := cells || case when piece[1] like '"%' then replace(substr(piece[1], 2, length(piece[1]) - 2), '""', '"') else piece[1] end;
        continue when piece[2] = ',';
        if cells <> array[''] then
            if header is null then
                header := array(select lower(btrim(c)) from unnest(cells) as c);
            elsif cardinality(cells) <> cardinality(header) then
                fault := format('row %s has %s cells, the header %s', jsonb_array_length(rows) + 1, cardinality(cells), cardinality(header));
                return;
            else
                rows := rows || (select jsonb_object_agg(h.name, nullif(btrim(cells[h.n]), '')) from unnest(header) with ordinality as h (name, n));
                -- More than anybody takes.
                if jsonb_array_length(rows) > 1000 then
                    return;
                end if;
            end if;
        end if;
        cells := '{}';
        exit when piece[2] = '';
    end loop;
    if read <> length(csv) then
        fault := format('a quotation mark is out of place after row %s', jsonb_array_length(rows));
    elsif header is null then
        fault := 'the first line names the columns: email,role';
    end if;
end
$$;
comment on function ucrm.roster_csv(text) is 'CSV with a header (RFC 4180) as an array of objects of text, empty cells null; or what is wrong with it.';

create function ucrm.roster_rows(r ucrm.request, out rows jsonb, out refusal ucrm.response)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    body bytea := r.body;
    csv text;
    fault text;
begin
    if r.headers ->> 'content-type' ~* '^text/csv\s*(;|$)' then
        begin
            csv := convert_from(coalesce(body, ''), 'UTF8');
        exception when others then
            refusal := ucrm.problem('bad_request', r.request_id, 'the body is not UTF-8');
            return;
        end;
        select c.rows, c.fault into rows, fault from ucrm.roster_csv(csv) as c;
        if fault is not null then
            refusal := ucrm.problem('bad_request', r.request_id, fault);
        end if;
        return;
    end if;
    refusal := ucrm.refused_body(r);
    if refusal.status is not null then
        return;
    end if;
    -- A bare list is taken for its rows.
    if encode(body, 'escape') ~ '^\s*\[' then
        body := '{"rows": '::bytea || body || '}'::bytea;
    end if;
    fault := ucrm.json_fault(body);
    if fault is not null then
        refusal := ucrm.problem('invalid_json', r.request_id, fault);
        return;
    end if;
    rows := convert_from(body, 'UTF8')::jsonb;
    if rows - 'rows' <> '{}' then
        refusal := ucrm.problem('unknown_field', r.request_id, 'a list of {email, role}, or one as rows');
    elsif coalesce(jsonb_typeof(rows -> 'rows'), '') <> 'array' then
        refusal := ucrm.wrong_field(r, 'rows', 'required', 'must be a list of {email, role}');
    end if;
    rows := rows -> 'rows';
end
$$;
comment on function ucrm.roster_rows(ucrm.request) is 'The rows of a body: text/csv with a header, or JSON, a list or {rows: list}; or the refusal: unsupported_media_type, bad_request, invalid_json, unknown_field, validation_failed.';

create function ucrm.invite_row(item jsonb, out field text, out code text, out message text, out wait bigint)
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    tenant constant uuid := ucrm.tenant_id();
    role constant text := item ->> 'role';
    made record;
begin
    perform ucrm.demand('invitations', 'create');
    if jsonb_typeof(item) <> 'object' then
        select 'row', 'invalid_type', 'must be {email, role}' into field, code, message;
        return;
    end if;
    select k.name, 'unknown_field', 'is none of email, role' into field, code, message
    from jsonb_object_keys(item) as k (name) where k.name not in ('email', 'role') limit 1;
    if found then
        return;
    end if;
    select f.name, case when coalesce(item -> f.name, 'null') = 'null' then 'required' else 'invalid_type' end, 'must be a non-empty string' into field, code, message
    from unnest(array['email', 'role']) as f (name)
    where coalesce(jsonb_typeof(item -> f.name), '') <> 'string' or btrim(item ->> f.name) = '' limit 1;
    if found then
        return;
    end if;
    field := 'role';
    if not exists (select from ucrm.builtin_roles as b where b.name = role)
        and not exists (select from ucrm.roles as x where x.tenant_id = tenant and x.name = role)
    then
        code := 'not_found';
        message := 'there is no such role';
        return;
    elsif not ucrm.permissions_cover(ucrm.permissions(), ucrm.role_grants(tenant, role)) then
        code := 'grant_ceiling';
        message := 'grants more than you hold';
        return;
    end if;
    select * into made from ucrm.open_invitation(item ->> 'email', role);
    field := case when made.code is not null then 'email' end;
    code := case made.code when 'validation_failed' then 'invalid_format' else made.code end;
    message := coalesce(made.detail, (select f.title from ucrm.refusals as f where f.code = made.code));
    wait := made.wait;
end
$$;
comment on function ucrm.invite_row(jsonb) is 'Invites by one row {email, role}; code null: invited, else what is wrong with which field. Refusals: no_context, gates, permission_denied, step_up_required.';

create function ucrm.import_members_route(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    p record;
    given record;
    item jsonb;
    number bigint;
    said record;
    invited integer := 0;
    errors jsonb := '[]';
    longest bigint;
    dry_run boolean;
begin
    perform ucrm.demand('members', 'import');
    perform ucrm.demand('members', 'create');
    perform ucrm.demand('invitations', 'create');
    perform ucrm.demand_fresh();
    select * into p from ucrm.roster_parameters(r, '{"dry_run": ["true", "false"]}');
    if (p.refusal).status is not null then
        return p.refusal;
    end if;
    dry_run := coalesce((p.given ->> 'dry_run')::boolean, false);
    select * into given from ucrm.roster_rows(r);
    if (given.refusal).status is not null then
        return given.refusal;
    elsif jsonb_array_length(given.rows) > 1000 then
        return ucrm.wrong_field(r, 'rows', 'too_long', 'at most 1000 rows at once');
    end if;
    begin
        for item, number in select e.item, e.n from jsonb_array_elements(given.rows) with ordinality as e (item, n) loop
            select * into said from ucrm.invite_row(item);
            if said.code is null then
                invited := invited + 1;
            else
                errors := errors || jsonb_build_object('row', number, 'field', said.field, 'code', said.code, 'message', said.message);
                longest := greatest(longest, said.wait);
            end if;
        end loop;
        -- Tried to the end and taken back: mails, counted hits and all.
        if dry_run then
            raise exception using errcode = 'UCDRY';
        end if;
    exception when sqlstate 'UCDRY' then
        null;
    end;
    return ucrm.json_response(200,
        jsonb_build_object('data', jsonb_build_object('rows', jsonb_array_length(given.rows), 'invited', invited, 'dry_run', dry_run, 'errors', errors)),
        case when longest is not null then jsonb_build_object('retry-after', ceil(longest / 1000.0)::bigint::text) end);
end
$$;
comment on function ucrm.import_members_route(ucrm.request) is
'POST /api/v1/members/import?dry_run=: rows of email and role, as text/csv with a header or as JSON ([…] or {rows: […]}, 1000 at most) become invitations, each by the rules of a single one: 200 {data: {rows, invited, dry_run, errors: [{row, field, code, message}]}}, rows counted from 1; the good ones are invited, whatever becomes of the others. dry_run=true says what would happen. It needs members:create and invitations:create too. Refusals: permission_denied, step_up_required, invalid_filter, bad_request, invalid_json, validation_failed.';

insert into ucrm.routes (method, template, function, audience, resource, action, builtin) values
('POST', '/api/v1/members/import', 'ucrm.import_members_route', 'tenant', 'members', 'import', true);

grant execute on function ucrm.import_members_route(ucrm.request) to ucrm_handler;
