-- Signing in. A try is counted before it is judged, so that many at once do not all get one; a good one gets its hit back.
create function ucrm.login_route(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    b record;
    answer ucrm.response;
    u ucrm.users;
    who text;
    has_factor boolean;
    tenant uuid;
    made record;
begin
    select * into b from ucrm.body_of(r, array['email', 'totp', 'recovery_code'], array['email'], array['password']);
    if (b.refusal).status is not null then
        return b.refusal;
    end if;
    who := lower(btrim(b.body ->> 'email'));
    if length(who) > 254 then
        return ucrm.problem('invalid_credentials', r.request_id);
    end if;
    answer := ucrm.limited(r, array['login'], array[who]);
    if answer.status is not null then
        return answer;
    end if;
    select x.* into u from ucrm.users as x where lower(x.email) = who;
    if not ucrm.password_fits(u.id, b.body -> 'password') then
        if u.id is not null then
            perform ucrm.record_account(u.id, 'sign_in_failed', jsonb_build_object('address', r.address));
        end if;
        return ucrm.problem('invalid_credentials', r.request_id);
    end if;
    perform ucrm.refund_row('login', who);
    has_factor := ucrm.has_factor(u.id);
    if has_factor then
        if b.body ->> 'totp' is null and b.body ->> 'recovery_code' is null then
            return ucrm.problem('totp_required', r.request_id);
        end if;
        answer := ucrm.refused_factor(r, u.id, b.body);
        if answer.status is not null then
            return answer;
        end if;
    end if;
    select m.tenant_id into tenant
    from ucrm.tenant_memberships as m
    where m.user_id = u.id
    order by m.disabled_at is not null, m.created_at
    limit 1;
    select * into made from ucrm.open_session(u.id, tenant, has_factor, r.address, r.headers ->> 'user-agent');
    perform ucrm.note_place(u, r.address, r.headers ->> 'user-agent');
    perform ucrm.record_account(u.id, 'signed_in', jsonb_build_object('address', r.address, 'session_id', made.id, 'second_factor', has_factor));
    return ucrm.json_response(200,
        jsonb_build_object('data', jsonb_build_object(
            'token', coalesce(ucrm.session_token(made.id, u.id, made.expires_at), made.secret),
            'expires_at', made.expires_at,
            'user', ucrm.user_json(u),
            'tenants', ucrm.tenants_of(u.id))),
        ucrm.cookie_header(made.secret, made.expires_at));
end
$$;
comment on function ucrm.login_route(ucrm.request) is
'POST /api/v1/auth/login {email, password, totp? | recovery_code?}: 200 {data: {token, expires_at, user, tenants}} and the session''s cookie; a mail when it is from a place that is new (see ucrm.note_place()). Refusals: invalid_credentials (unknown address, wrong password or code, all alike), totp_required (the password was right), rate_limited (10 failures in 15 minutes per account and factor).';

create function ucrm.refused_factor(r ucrm.request, "user" uuid, body jsonb)
returns ucrm.response
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    answer constant ucrm.response := ucrm.limited(r, array['totp'], array["user"::text]);
begin
    if answer.status is not null then
        return answer;
    elsif ucrm.use_second_factor("user", body ->> 'totp', ucrm.shown_digest(body ->> 'recovery_code')) then
        perform ucrm.refund_row('totp', "user"::text);
        return null;
    end if;
    perform ucrm.record_account("user", 'second_factor_failed', jsonb_build_object('address', r.address));
    return ucrm.problem('invalid_credentials', r.request_id, 'the code is wrong, or was used before');
end
$$;
comment on function ucrm.refused_factor(ucrm.request, uuid, jsonb) is 'Takes the second factor in a body (totp or recovery_code); null when it was good, else the refusal, which has been counted.';

create function ucrm.user_json(u ucrm.users)
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return (select jsonb_build_object('id', u.id, 'email', u.email, 'name', u.name, 'email_verified', u.email_verified_at is not null));
end
$$;
comment on function ucrm.user_json(ucrm.users) is 'A person as he sees himself: {id, email, name, email_verified}.';

create function ucrm.tenants_of("user" uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    return (
        select coalesce(jsonb_agg(jsonb_build_object('id', t.id, 'slug', t.slug, 'name', t.name, 'status', t.status, 'role', m.role, 'disabled', m.disabled_at is not null)
                                  order by m.created_at, t.id), '[]')
        from ucrm.tenant_memberships as m
        join ucrm.tenants as t on t.id = m.tenant_id
        where m.user_id = "user"
    );
end
$$;
comment on function ucrm.tenants_of(uuid) is 'The workspaces of a person: [{id, slug, name, status, role, disabled}], the oldest membership first.';

create function ucrm.logout_route(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform ucrm.demand_person();
    perform ucrm.record_account(ucrm.user_id(), 'signed_out', jsonb_build_object('address', r.address, 'session_id', ucrm.session_id()));
    delete from ucrm.sessions as s where s.id = ucrm.session_id();
    return row(204, ucrm.cookie_header(null, null), null)::ucrm.response;
end
$$;
comment on function ucrm.logout_route(ucrm.request) is 'POST /api/v1/auth/logout: 204; the session is over on the server.';

create function ucrm.step_up_route(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    b record;
    answer ucrm.response;
    me constant uuid := ucrm.user_id();
    has_factor constant boolean := ucrm.has_factor(me);
begin
    perform ucrm.demand_person();
    select * into b from ucrm.body_of(r, array['totp', 'recovery_code'], '{}', array['password']);
    if (b.refusal).status is not null then
        return b.refusal;
    end if;
    if has_factor and b.body ->> 'totp' is null and b.body ->> 'recovery_code' is null then
        return ucrm.problem('totp_required', r.request_id);
    elsif has_factor then
        answer := ucrm.refused_factor(r, me, b.body);
    else
        answer := ucrm.refused_password(r, me, b.body -> 'password');
    end if;
    if answer.status is not null then
        return answer;
    end if;
    return ucrm.json_response(200,
        jsonb_build_object('data', jsonb_build_object('fresh_until', clock_timestamp() + interval '10 minutes')),
        ucrm.raise_session(ucrm.session_id(), has_factor));
end
$$;
comment on function ucrm.step_up_route(ucrm.request) is
'POST /api/v1/auth/step-up {password | totp | recovery_code}: 200 {data: {fresh_until}}; who has a second factor shows that. Refusals: invalid_credentials, totp_required, rate_limited.';

create function ucrm.refused_password(r ucrm.request, "user" uuid, given jsonb)
returns ucrm.response
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    who constant text := (select lower(u.email) from ucrm.users as u where u.id = "user");
    answer constant ucrm.response := ucrm.limited(r, array['login'], array[who]);
begin
    if answer.status is not null then
        return answer;
    elsif ucrm.password_fits("user", given) then
        perform ucrm.refund_row('login', who);
        return null;
    end if;
    perform ucrm.record_account("user", 'password_failed', jsonb_build_object('address', r.address));
    return ucrm.problem('invalid_credentials', r.request_id);
end
$$;
comment on function ucrm.refused_password(ucrm.request, uuid, jsonb) is 'Null when this is the person''s password, else the refusal, which has been counted with the failed sign-ins.';

create function ucrm.change_password_route(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    b record;
    answer ucrm.response;
    wrong jsonb;
    me constant uuid := ucrm.user_id();
    has_password constant boolean := exists (select from ucrm.passwords as p where p.user_id = me);
begin
    perform ucrm.demand_person();
    select * into b from ucrm.body_of(r, '{}', '{}', array['current_password', 'new_password']);
    if (b.refusal).status is not null then
        return b.refusal;
    end if;
    wrong := ucrm.weak_password(b.body -> 'new_password', 'new_password');
    if wrong is not null then
        return ucrm.problem('validation_failed', r.request_id, null, jsonb_build_object('errors', jsonb_build_array(wrong)));
    end if;
    if has_password then
        answer := ucrm.refused_password(r, me, b.body -> 'current_password');
        if answer.status is not null then
            return answer;
        end if;
    end if;
    if not has_password or ucrm.has_factor(me) then
        perform ucrm.demand_fresh();
    end if;
    perform ucrm.set_password(me, b.body -> 'new_password');
    perform ucrm.end_sessions(me, ucrm.session_id());
    perform ucrm.queue_mail('password_changed', (select u.email from ucrm.users as u where u.id = me), me);
    perform ucrm.record_account(me, 'password_changed', jsonb_build_object('address', r.address));
    return row(204, ucrm.session_cookie(ucrm.session_id()), null)::ucrm.response;
end
$$;
comment on function ucrm.change_password_route(ucrm.request) is
'POST /api/v1/auth/change-password {current_password, new_password}: 204; the other sessions end. Refusals: validation_failed, invalid_credentials, step_up_required (who has a second factor, or no password yet), rate_limited.';

create function ucrm.change_email_route(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    b record;
    answer ucrm.response;
    me constant uuid := ucrm.user_id();
    address text;
begin
    perform ucrm.demand_person();
    perform ucrm.demand_fresh();
    select * into b from ucrm.body_of(r, array['email'], array['email']);
    if (b.refusal).status is not null then
        return b.refusal;
    end if;
    address := btrim(b.body ->> 'email');
    answer := ucrm.refused_resend(r, address);
    if answer.status is not null then
        return answer;
    end if;
    if exists (select from ucrm.users as u where lower(u.email) = lower(address) and u.id <> me) then
        perform ucrm.queue_mail('account_exists', address);
    else
        perform ucrm.mail_token(me, 'change_email', address, interval '24 hours');
    end if;
    return ucrm.json_response(202, jsonb_build_object('data', jsonb_build_object('email', address)));
end
$$;
comment on function ucrm.change_email_route(ucrm.request) is
'POST /api/v1/auth/change-email {email}: 202 {data: {email}}; the address changes when the link in the mail to it is used. Refusals: step_up_required, validation_failed, disposable_email, rate_limited.';

create function ucrm.sessions_route(r ucrm.request)
returns ucrm.response
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform ucrm.demand_person();
    return ucrm.json_response(200, jsonb_build_object('data', coalesce((
        select jsonb_agg(jsonb_build_object(
            'id', s.id, 'current', s.id = ucrm.session_id(), 'created_at', s.created_at, 'last_seen_at', s.last_seen_at, 'expires_at', least(s.expires_at, s.ends_at),
            'address', host(s.address), 'user_agent', s.user_agent, 'second_factor', s.factor_shown_at is not null) order by s.last_seen_at desc, s.id)
        from ucrm.sessions as s
        where s.user_id = ucrm.user_id() and s.impersonation_id is null and least(s.expires_at, s.ends_at) > clock_timestamp()
    ), '[]')));
end
$$;
comment on function ucrm.sessions_route(ucrm.request) is
'GET /api/v1/auth/sessions: 200 {data: [{id, current, created_at, last_seen_at, expires_at, address, user_agent, second_factor}]}.';

create function ucrm.end_sessions_route(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    others constant boolean := r.query ~ '(^|&)others=true(&|$)';
begin
    perform ucrm.demand_person();
    if r.id is not null then
        delete from ucrm.sessions as s where s.id::text = lower(r.id) and s.user_id = ucrm.user_id();
        if not found then
            return ucrm.problem('not_found', r.request_id);
        end if;
    else
        perform ucrm.end_sessions(ucrm.user_id(), case when others then ucrm.session_id() end);
    end if;
    perform ucrm.record_account(ucrm.user_id(), 'sessions_ended', jsonb_build_object('address', r.address, 'session_id', r.id));
    return row(204,
        case when not others and coalesce(lower(r.id) = ucrm.session_id()::text, true) then ucrm.cookie_header(null, null) end,
        null)::ucrm.response;
end
$$;
comment on function ucrm.end_sessions_route(ucrm.request) is
'DELETE /api/v1/auth/sessions/{id}, /api/v1/auth/sessions?others=true, /api/v1/auth/sessions: 204; one, the others, all. Refusals: not_found.';

create function ucrm.switch_tenant_route(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    b record;
    tenant uuid;
begin
    perform ucrm.demand_person();
    select * into b from ucrm.body_of(r, array['tenant'], array['tenant']);
    if (b.refusal).status is not null then
        return b.refusal;
    end if;
    tenant := ucrm.find_tenant(b.body ->> 'tenant');
    if not exists (select from ucrm.tenant_memberships as m where m.tenant_id = tenant and m.user_id = ucrm.user_id()) then
        return ucrm.problem('not_a_member', r.request_id);
    end if;
    update ucrm.sessions as s set active_tenant_id = tenant where s.id = ucrm.session_id();
    return ucrm.json_response(200,
        (select jsonb_build_object('data', jsonb_build_object('tenant', ucrm.tenant_json(t))) from ucrm.tenants as t where t.id = tenant),
        ucrm.session_cookie(ucrm.session_id()));
end
$$;
comment on function ucrm.switch_tenant_route(ucrm.request) is 'POST /api/v1/auth/switch-tenant {tenant}: 200 {data: {tenant}}; id or slug. Refusals: not_a_member.';

insert into ucrm.routes (method, template, function, audience, resource, action, builtin) values
('POST', '/api/v1/auth/login', 'ucrm.login_route', 'public', 'session', null, true),
('POST', '/api/v1/auth/logout', 'ucrm.logout_route', 'user', 'session', null, true),
('POST', '/api/v1/auth/step-up', 'ucrm.step_up_route', 'user', 'session', null, true),
('POST', '/api/v1/auth/change-password', 'ucrm.change_password_route', 'user', 'session', null, true),
('POST', '/api/v1/auth/change-email', 'ucrm.change_email_route', 'user', 'session', null, true),
('GET', '/api/v1/auth/sessions', 'ucrm.sessions_route', 'user', 'session', null, true),
('DELETE', '/api/v1/auth/sessions', 'ucrm.end_sessions_route', 'user', 'session', null, true),
('DELETE', '/api/v1/auth/sessions/{id}', 'ucrm.end_sessions_route', 'user', 'session', null, true),
('POST', '/api/v1/auth/switch-tenant', 'ucrm.switch_tenant_route', 'user', 'session', null, true);

grant execute on function
    ucrm.login_route(ucrm.request), ucrm.logout_route(ucrm.request), ucrm.step_up_route(ucrm.request), ucrm.change_password_route(ucrm.request),
    ucrm.change_email_route(ucrm.request), ucrm.sessions_route(ucrm.request), ucrm.end_sessions_route(ucrm.request), ucrm.switch_tenant_route(ucrm.request)
to ucrm_handler;
