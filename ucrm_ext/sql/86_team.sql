-- The team over HTTP: members and invitations. The functions of 78_member and 79_invitation decide; what is read
-- goes through the grammar of lists, by row security, as whoever asks.
create function ucrm.kernel_shape(relation regclass, key name, search text default '', archived name default '', reader name default 'ucrm_app')
returns text
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    return (
        select concat_ws(E'\t', n.nspname, c.relname, key, '', archived, search, key)
            || string_agg(E'\n' || concat_ws(E'\t', a.attname, format_type(a.atttypid, null),
                case when a.attname <> 'tenant_id' and has_column_privilege(reader, c.oid, a.attnum, 'select') then 'r' else '' end), '' order by a.attnum)
        from pg_catalog.pg_class as c
        join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
        join pg_catalog.pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
        where c.oid = relation
        group by n.nspname, c.relname
    );
end
$$;
comment on function ucrm.kernel_shape(regclass, name, text, name, name) is
'A table or view of the house as the compiler of lists wants it (see ucrm.shape_of()): what the reader is granted can be shown, sorted and filtered by.';

create function ucrm.list_kernel(r ucrm.request, shape text)
returns ucrm.response
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    s constant ucrm.statement := ucrm.compile_list(shape, r.query);
begin
    if s.refusal is not null then
        return ucrm.refused(s, r.request_id);
    end if;
    return ucrm.list_answer(s, null, r.request_id);
end
$$;
comment on function ucrm.list_kernel(ucrm.request, text) is '200 {data, meta}: the list dialect over a shape, as the caller. Refusals: invalid_filter.';

create function ucrm.get_kernel(r ucrm.request, shape text)
returns ucrm.response
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    s constant ucrm.statement := ucrm.compile_get(shape, r.query, r.id, false);
    item text;
begin
    if s.refusal is not null then
        return ucrm.refused(s, r.request_id);
    end if;
    item := ucrm.run_row(s.sql, s.binds);
    if item is null then
        return ucrm.problem('not_found', r.request_id);
    end if;
    return row(200, null, ucrm.data_body(item))::ucrm.response;
end
$$;
comment on function ucrm.get_kernel(ucrm.request, text) is '200 {data}: one row of a shape by its key, as the caller. Refusals: not_found, invalid_filter.';

create function ucrm.uuid_of(given text)
returns uuid
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    return case when given ~* '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$' then given::uuid end;
end
$$;
comment on function ucrm.uuid_of(text) is 'The id that a path or body names, null when it is none: then nothing has it.';

create function ucrm.wrong_role(r ucrm.request, body jsonb)
returns ucrm.response
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if body -> 'role' = 'null' then
        return ucrm.wrong_field(r, 'role', 'required', 'must be a role');
    elsif body ? 'role'
        and not exists (select from ucrm.builtin_roles as b where b.name = body ->> 'role')
        and not exists (select from ucrm.roles as x where x.tenant_id = ucrm.tenant_id() and x.name = body ->> 'role')
    then
        return ucrm.wrong_field(r, 'role', 'not_found', 'there is no such role');
    end if;
    return null;
end
$$;
comment on function ucrm.wrong_role(ucrm.request, jsonb) is '422 validation_failed when the body names a role that the entered tenant does not have, else null.';

-- Members.
create function ucrm.members_route(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    shape constant text := ucrm.kernel_shape('ucrm.members', 'id', 'name,email');
begin
    return case when r.id is null then ucrm.list_kernel(r, shape) else ucrm.get_kernel(r, shape) end;
end
$$;
comment on function ucrm.members_route(ucrm.request) is 'GET /api/v1/members and /{id}: {id, name, email, role, disabled, created_at}. Refusals: invalid_filter, not_found.';

create function ucrm.member_labels_route(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    return ucrm.list_kernel(r, ucrm.kernel_shape('ucrm.member_labels', 'id', 'label'));
end
$$;
comment on function ucrm.member_labels_route(ucrm.request) is 'GET /api/v1/members/autocomplete?q=: {data: [{id, label}], meta}. Refusals: invalid_filter.';

create function ucrm.change_member_route(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    b record;
    refusal ucrm.response;
    member constant uuid := ucrm.uuid_of(r.id);
begin
    perform ucrm.demand('members', 'update');
    select * into b from ucrm.body_of(r, array['role'], '{}', others => array['disabled']);
    if (b.refusal).status is not null then
        return b.refusal;
    end if;
    if b.body ? 'disabled' and jsonb_typeof(b.body -> 'disabled') <> 'boolean' then
        return ucrm.wrong_field(r, 'disabled', 'invalid_type', 'must be true or false');
    end if;
    refusal := ucrm.wrong_role(r, b.body);
    if refusal.status is not null then
        return refusal;
    end if;
    if not exists (select from ucrm.tenant_memberships as m where m.tenant_id = ucrm.tenant_id() and m.user_id = member) then
        return ucrm.problem('not_found', r.request_id);
    end if;
    if b.body ? 'role' then
        perform ucrm.set_member_role(member, b.body ->> 'role');
    end if;
    if b.body ? 'disabled' then
        perform ucrm.set_member_disabled(member, (b.body -> 'disabled')::boolean);
    end if;
    return row(200, null, ucrm.data_body(coalesce(
        ucrm.run_row('select m.* from ucrm.members as m where m.id = $1::uuid', array[member::text]),
        -- Whoever may change members and not read them is shown none.
        jsonb_build_object('id', member)::text)))::ucrm.response;
end
$$;
comment on function ucrm.change_member_route(ucrm.request) is
'PATCH /api/v1/members/{id} {role, disabled}: 200 {data}. Refusals: not_found, validation_failed, unknown_field, grant_ceiling, last_owner, step_up_required (role).';

create function ucrm.remove_member_route(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    member constant uuid := ucrm.uuid_of(r.id);
begin
    if member is distinct from ucrm.user_id() or member is null then
        perform ucrm.demand('members', 'delete');
    end if;
    if not exists (select from ucrm.tenant_memberships as m where m.tenant_id = ucrm.tenant_id() and m.user_id = member) then
        return ucrm.problem('not_found', r.request_id);
    end if;
    perform ucrm.remove_member(member);
    return row(204, null, null)::ucrm.response;
end
$$;
comment on function ucrm.remove_member_route(ucrm.request) is
'DELETE /api/v1/members/{id}: 204. Oneself leaves, whatever the role and the workspace''s state. Refusals: not_found, permission_denied, grant_ceiling, last_owner.';

-- Invitations.
create function ucrm.invitation_reply(r ucrm.request, status integer, id uuid)
returns ucrm.response
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    return row(status,
        case status when 201 then jsonb_build_object('location', '/api/v1/invitations/' || id) end,
        ucrm.data_body(ucrm.run_row('select v.* from ucrm.tenant_invitations as v where v.id = $1::uuid', array[invitation_reply.id::text])))::ucrm.response;
end
$$;
comment on function ucrm.invitation_reply(ucrm.request, integer, uuid) is 'The reply that shows one invitation.';

create function ucrm.invitations_route(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    shape constant text := ucrm.kernel_shape('ucrm.tenant_invitations', 'id', 'email');
begin
    return case when r.id is null then ucrm.list_kernel(r, shape) else ucrm.get_kernel(r, shape) end;
end
$$;
comment on function ucrm.invitations_route(ucrm.request) is
'GET /api/v1/invitations and /{id}: {id, email, role, status, invited_by, expires_at, accepted_at, cancelled_at, created_at}. Refusals: invalid_filter, not_found.';

create function ucrm.invitation_problem(r ucrm.request, window_name text, code text, detail text, wait bigint)
returns ucrm.response
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if code = 'rate_limited' then
        return (
            select ucrm.rate_limited(window_name, l.hits, l.seconds, wait, r.request_id)
            from ucrm.tenants as t, ucrm.rate_limit(window_name, t.plan) as l
            where t.id = ucrm.tenant_id()
        );
    elsif code = 'validation_failed' then
        return ucrm.wrong_field(r, 'email', 'invalid_format', 'must be an e-mail address');
    end if;
    return ucrm.problem(code, r.request_id, detail);
end
$$;
comment on function ucrm.invitation_problem(ucrm.request, text, text, text, bigint) is 'The reply for what ucrm.open_invitation() or ucrm.renew_invitation() says.';

create function ucrm.invite_route(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    b record;
    made record;
    refusal ucrm.response;
begin
    perform ucrm.demand('invitations', 'create');
    select * into b from ucrm.body_of(r, array['email', 'role'], array['email', 'role']);
    if (b.refusal).status is not null then
        return b.refusal;
    end if;
    refusal := ucrm.wrong_role(r, b.body);
    if refusal.status is not null then
        return refusal;
    end if;
    select * into made from ucrm.open_invitation(b.body ->> 'email', b.body ->> 'role');
    if made.code is not null then
        return ucrm.invitation_problem(r, 'invite', made.code, made.detail, made.wait);
    end if;
    return ucrm.invitation_reply(r, 201, made.id);
end
$$;
comment on function ucrm.invite_route(ucrm.request) is
'POST /api/v1/invitations {email, role}: 201 {data} with Location; the same whether or not the address has an account. Refusals: validation_failed, disposable_email, duplicate, grant_ceiling, rate_limited.';

create function ucrm.resend_invitation_route(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    said record;
begin
    perform ucrm.demand('invitations', 'resend');
    select * into said from ucrm.renew_invitation(ucrm.uuid_of(r.id));
    if said.code is not null then
        return ucrm.invitation_problem(r, 'invitation_resend', said.code, said.detail, said.wait);
    end if;
    return ucrm.invitation_reply(r, 200, ucrm.uuid_of(r.id));
end
$$;
comment on function ucrm.resend_invitation_route(ucrm.request) is
'POST /api/v1/invitations/{id}/resend: 200 {data}, seven days anew. Refusals: not_found, invitation_closed, grant_ceiling, rate_limited.';

create function ucrm.cancel_invitation_route(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform ucrm.cancel_invitation(ucrm.uuid_of(r.id));
    return row(204, null, null)::ucrm.response;
end
$$;
comment on function ucrm.cancel_invitation_route(ucrm.request) is 'DELETE /api/v1/invitations/{id}: 204, again 404. Refusals: not_found, invitation_closed.';

create function ucrm.accept_invitation_route(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    b record;
    m ucrm.tenant_memberships;
begin
    perform ucrm.demand_person();
    select * into b from ucrm.body_of(r, array['token'], array['token']);
    if (b.refusal).status is not null then
        return b.refusal;
    end if;
    m := ucrm.accept_invitation(ucrm.shown_digest(b.body ->> 'token'));
    update ucrm.sessions as s set active_tenant_id = m.tenant_id where s.id = ucrm.session_id() and s.active_tenant_id is null;
    return ucrm.json_response(200, jsonb_build_object('data', (
        select jsonb_build_object('tenant', jsonb_build_object('id', t.id, 'slug', t.slug, 'name', t.name), 'role', m.role)
        from ucrm.tenants as t
        where t.id = m.tenant_id)));
end
$$;
comment on function ucrm.accept_invitation_route(ucrm.request) is
'POST /api/v1/invitations/accept {token}: 200 {data: {tenant: {id, slug, name}, role}} for the signed-in person. Refusals: invalid_token, grant_ceiling, email_unverified, member_disabled, validation_failed.';

-- A new route's resource and action: the permission that handle asks for. Who leaves needs none.
insert into ucrm.routes (method, template, function, audience, resource, action, builtin) values
('GET', '/api/v1/members', 'ucrm.members_route', 'tenant', 'members', 'read', true),
('GET', '/api/v1/members/{id}', 'ucrm.members_route', 'tenant', 'members', 'read', true),
('GET', '/api/v1/members/autocomplete', 'ucrm.member_labels_route', 'tenant', 'members', 'autocomplete', true),
('PATCH', '/api/v1/members/{id}', 'ucrm.change_member_route', 'tenant', 'members', 'update', true),
('DELETE', '/api/v1/members/{id}', 'ucrm.remove_member_route', 'tenant', 'session', null, true),
('GET', '/api/v1/invitations', 'ucrm.invitations_route', 'tenant', 'invitations', 'read', true),
('POST', '/api/v1/invitations', 'ucrm.invite_route', 'tenant', 'invitations', 'create', true),
('GET', '/api/v1/invitations/{id}', 'ucrm.invitations_route', 'tenant', 'invitations', 'read', true),
('POST', '/api/v1/invitations/{id}/resend', 'ucrm.resend_invitation_route', 'tenant', 'invitations', 'resend', true),
('DELETE', '/api/v1/invitations/{id}', 'ucrm.cancel_invitation_route', 'tenant', 'invitations', 'cancel', true),
('POST', '/api/v1/invitations/accept', 'ucrm.accept_invitation_route', 'user', null, null, true);

grant execute on function
    ucrm.kernel_shape(regclass, name, text, name, name), ucrm.list_kernel(ucrm.request, text), ucrm.get_kernel(ucrm.request, text),
    ucrm.members_route(ucrm.request), ucrm.member_labels_route(ucrm.request), ucrm.change_member_route(ucrm.request), ucrm.remove_member_route(ucrm.request),
    ucrm.invitations_route(ucrm.request), ucrm.invite_route(ucrm.request), ucrm.resend_invitation_route(ucrm.request),
    ucrm.cancel_invitation_route(ucrm.request), ucrm.accept_invitation_route(ucrm.request)
to ucrm_handler;
