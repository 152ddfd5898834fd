-- Registering over HTTP: accounts, verified addresses, forgotten passwords. No reply, status or time tells
-- whether an address has an account; whoever failed has been counted, so these functions answer and do not raise.
create function ucrm.limited(r ucrm.request, names text[], keys text[])
returns ucrm.response
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    allowed record;
    wait bigint;
begin
    for i in 1 .. cardinality(names) loop
        select l.hits, l.seconds into allowed from ucrm.rate_limit(names[i], null) as l;
        wait := ucrm.hit_row(names[i], keys[i], allowed.hits, allowed.seconds);
        if wait is not null then
            -- What one window refuses does not count in the others.
            for j in 1 .. i - 1 loop
                perform ucrm.refund_row(names[j], keys[j]);
            end loop;
            return ucrm.rate_limited(names[i], allowed.hits, allowed.seconds, wait, r.request_id);
        end if;
    end loop;
    return null;
end
$$;
comment on function ucrm.limited(ucrm.request, text[], text[]) is 'Counts a hit in each of these row windows, or in none and gives the 429.';

create function ucrm.network_of(address inet)
returns text
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    return (select host(case family(address) when 6 then network(set_masklen(address, 64))::inet else address end));
end
$$;
comment on function ucrm.network_of(inet) is 'What an address counts as: itself, IPv6 by its /64.';

create function ucrm.wrong_field(r ucrm.request, field text, code text, message text)
returns ucrm.response
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return ucrm.problem('validation_failed', r.request_id, null,
        jsonb_build_object('errors', jsonb_build_array(jsonb_build_object('field', field, 'code', code, 'message', message))));
end
$$;
comment on function ucrm.wrong_field(ucrm.request, text, text, text) is '422 validation_failed about one field.';

create function ucrm.whole_number(value jsonb, most integer)
returns integer
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
    select case when jsonb_typeof(value) = 'number' and value #>> '{}' ~ '^[0-9]{1,7}([.]0+)?$' and (value #>> '{}')::numeric <= most
                then (value #>> '{}')::numeric::integer end;
$$;
comment on function ucrm.whole_number(jsonb, integer) is 'A member of a body that is a number from 0 to most without a fraction (2.0 is one, as in JSON Schema); null: it is none.';

create function ucrm.refused_email(r ucrm.request, email text, field text)
returns ucrm.response
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    if not ucrm.is_email(email) then
        return ucrm.wrong_field(r, field, 'invalid_format', 'must be an e-mail address');
    elsif ucrm.is_disposable(email) then
        return ucrm.problem('disposable_email', r.request_id);
    end if;
    return null;
end
$$;
comment on function ucrm.refused_email(ucrm.request, text, text) is '422 for what is no address, 400 for a disposable one, else null.';

create function ucrm.refused_resend(r ucrm.request, email text)
returns ucrm.response
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    answer ucrm.response := ucrm.refused_email(r, email, 'email');
begin
    if answer.status is null then
        answer := ucrm.limited(r, array['resend_address', 'resend_email', 'resend_pause'], array[ucrm.network_of(r.address), lower(email), lower(email)]);
    end if;
    return answer;
end
$$;
comment on function ucrm.refused_resend(ucrm.request, text) is 'What ucrm.refused_email() refuses, and 429 for an address that was mailed a link too often; else one of no status.';

create function ucrm.record_account("user" uuid, action text, detail jsonb default '{}')
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    insert into ucrm.platform_audit_logs (action, user_id, request_id, detail)
    values (record_account.action, "user", ucrm.request_id(), detail);
    insert into ucrm.audit_logs (tenant_id, actor_kind, user_id, impersonator_id, request_id, address, action, resource, record_id, after)
    select m.tenant_id, 'person', "user", ucrm.impersonator_id(), ucrm.request_id(), (detail ->> 'address')::inet, record_account.action, 'session', "user"::text, detail - 'address'
    from ucrm.tenant_memberships as m
    where m.user_id = "user";
end
$$;
comment on function ucrm.record_account(uuid, text, jsonb) is 'One row in the platform''s audit, and one in each workspace the person belongs to: sign-in, failure, password, factor, address.';

create function ucrm.register_route(r ucrm.request)
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
    made uuid;
    address text;
begin
    select * into b from ucrm.body_of(r, array['email', 'name'], array['email'], array['password']);
    if (b.refusal).status is not null then
        return b.refusal;
    end if;
    address := btrim(b.body ->> 'email');
    answer := ucrm.refused_email(r, address, 'email');
    if answer.status is not null then
        return answer;
    end if;
    wrong := ucrm.weak_password(b.body -> 'password', 'password');
    if wrong is null and length(b.body ->> 'name') > 200 then
        wrong := '{"field": "name", "code": "too_long", "message": "at most 200 characters"}';
    end if;
    if wrong is not null then
        return ucrm.problem('validation_failed', r.request_id, null, jsonb_build_object('errors', jsonb_build_array(wrong)));
    end if;
    answer := ucrm.limited(r, array['register_address', 'register_email'], array[ucrm.network_of(r.address), lower(address)]);
    if answer.status is not null then
        return answer;
    end if;
    insert into ucrm.users as u (email, name) values (address, coalesce(b.body ->> 'name', ''))
    on conflict ((lower(email))) do nothing
    returning u.id into made;
    if made is null then
        perform ucrm.queue_mail('account_exists', address);
    else
        perform ucrm.set_password(made, b.body -> 'password');
        perform ucrm.mail_token(made, 'verify_email', address, interval '24 hours');
        perform ucrm.record_account(made, 'registered', jsonb_build_object('address', r.address));
    end if;
    return ucrm.json_response(202, jsonb_build_object('data', jsonb_build_object('email', address)));
end
$$;
comment on function ucrm.register_route(ucrm.request) is
'POST /api/v1/auth/register {email, password, name}: 202 {data: {email}}, the same whether the address is new or known; a mail says which. Refusals: validation_failed, disposable_email, rate_limited.';

create function ucrm.verify_email_route(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    b record;
    v ucrm.verification_tokens;
    before ucrm.users;
begin
    select * into b from ucrm.body_of(r, array['token'], array['token']);
    if (b.refusal).status is not null then
        return b.refusal;
    end if;
    v := ucrm.redeem_token(ucrm.shown_digest(b.body ->> 'token'), array['verify_email', 'change_email']);
    select u.* into before from ucrm.users as u where u.id = v.user_id for update;
    if v.purpose is null
        or (v.purpose = 'verify_email' and lower(before.email) <> lower(v.address))
        or exists (select from ucrm.users as u where lower(u.email) = lower(v.address) and u.id <> v.user_id)
    then
        return ucrm.problem('invalid_token', r.request_id);
    end if;
    update ucrm.users as u set email = v.address, email_verified_at = coalesce(case v.purpose when 'verify_email' then u.email_verified_at end, clock_timestamp())
    where u.id = v.user_id;
    if v.purpose = 'change_email' then
        delete from ucrm.verification_tokens as t where t.user_id = v.user_id;
        perform ucrm.end_sessions(v.user_id, ucrm.session_id());
        perform ucrm.queue_mail('email_changed', before.email, v.user_id, null, jsonb_build_object('new_email', v.address));
    end if;
    perform ucrm.record_account(v.user_id, case v.purpose when 'change_email' then 'email_changed' else 'email_verified' end, jsonb_build_object('address', r.address));
    return ucrm.json_response(200, jsonb_build_object('data', jsonb_build_object('email', v.address, 'verified', true)));
end
$$;
comment on function ucrm.verify_email_route(ucrm.request) is
'POST /api/v1/auth/verify-email {token}: 200 {data: {email, verified}}; also for the mail that a changed address gets. Refusals: invalid_token.';

create function ucrm.resend_verification_route(r ucrm.request)
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
    address text;
begin
    select * into b from ucrm.body_of(r, array['email'], array['email']);
    if (b.refusal).status is not null then
        return b.refusal;
    end if;
    address := btrim(b.body ->> 'email');
    answer := ucrm.refused_resend(r, address);
    if answer.status is not null then
        return answer;
    end if;
    select x.* into u from ucrm.users as x where lower(x.email) = lower(address) and x.email_verified_at is null;
    if found then
        perform ucrm.mail_token(u.id, 'verify_email', u.email, interval '24 hours');
    end if;
    return ucrm.json_response(202, jsonb_build_object('data', jsonb_build_object('email', address)));
end
$$;
comment on function ucrm.resend_verification_route(ucrm.request) is
'POST /api/v1/auth/resend-verification {email}: 202 {data: {email}}, always alike. Refusals: validation_failed, disposable_email, rate_limited.';

create function ucrm.forgot_password_route(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    b record;
    answer ucrm.response;
    throttled boolean;
    u ucrm.users;
    address text;
begin
    select * into b from ucrm.body_of(r, array['email'], array['email']);
    if (b.refusal).status is not null then
        return b.refusal;
    end if;
    address := btrim(b.body ->> 'email');
    answer := ucrm.refused_email(r, address, 'email');
    if answer.status is null then
        answer := ucrm.limited(r, array['forgot_address'], array[ucrm.network_of(r.address)]);
    end if;
    if answer.status is not null then
        return answer;
    end if;
    answer := ucrm.limited(r, array['forgot_email'], array[lower(address)]);
    throttled := answer.status is not null;
    select x.* into u from ucrm.users as x where lower(x.email) = lower(address) and not throttled;
    if found then
        perform ucrm.mail_token(u.id, 'reset_password', u.email, interval '1 hour');
        perform ucrm.record_account(u.id, 'password_reset_asked', jsonb_build_object('address', r.address));
    end if;
    return ucrm.json_response(200, jsonb_build_object('data', jsonb_build_object('throttled', throttled), 'throttled', throttled));
end
$$;
comment on function ucrm.forgot_password_route(ucrm.request) is
'POST /api/v1/auth/forgot-password {email}: 200 {data: {throttled}, throttled}, whether there is such an account or not. Refusals: validation_failed, disposable_email, rate_limited (by address of the client).';

create function ucrm.reset_password_route(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    b record;
    wrong jsonb;
    v ucrm.verification_tokens;
begin
    select * into b from ucrm.body_of(r, array['token'], array['token'], array['password']);
    if (b.refusal).status is not null then
        return b.refusal;
    end if;
    wrong := ucrm.weak_password(b.body -> 'password', 'password');
    if wrong is not null then
        return ucrm.problem('validation_failed', r.request_id, null, jsonb_build_object('errors', jsonb_build_array(wrong)));
    end if;
    v := ucrm.redeem_token(ucrm.shown_digest(b.body ->> 'token'), array['reset_password']);
    if v.purpose is null or not exists (select from ucrm.users as u where u.id = v.user_id and lower(u.email) = lower(v.address)) then
        return ucrm.problem('invalid_token', r.request_id);
    end if;
    -- Whoever got the mail has the address. What was set up before that, somebody else may have.
    if exists (select from ucrm.users as u where u.id = v.user_id and u.email_verified_at is null) then
        perform ucrm.clear_account(v.user_id);
    end if;
    perform ucrm.set_password(v.user_id, b.body -> 'password');
    update ucrm.users as u set email_verified_at = clock_timestamp() where u.id = v.user_id and u.email_verified_at is null;
    perform ucrm.end_sessions(v.user_id);
    perform ucrm.queue_mail('password_changed', v.address, v.user_id);
    perform ucrm.record_account(v.user_id, 'password_changed', jsonb_build_object('address', r.address, 'by', 'reset'));
    return ucrm.json_response(200, jsonb_build_object('data', jsonb_build_object('email', v.address)));
end
$$;
comment on function ucrm.reset_password_route(ucrm.request) is
'POST /api/v1/auth/reset-password {token, password}: 200 {data: {email}}; all sessions end. Refusals: validation_failed, invalid_token.';

insert into ucrm.routes (method, template, function, audience, resource, action, builtin) values
('POST', '/api/v1/auth/register', 'ucrm.register_route', 'public', 'session', null, true),
('POST', '/api/v1/auth/verify-email', 'ucrm.verify_email_route', 'public', 'session', null, true),
('POST', '/api/v1/auth/resend-verification', 'ucrm.resend_verification_route', 'public', 'session', null, true),
('POST', '/api/v1/auth/forgot-password', 'ucrm.forgot_password_route', 'public', 'session', null, true),
('POST', '/api/v1/auth/reset-password', 'ucrm.reset_password_route', 'public', 'session', null, true);

grant execute on function
    ucrm.register_route(ucrm.request), ucrm.verify_email_route(ucrm.request), ucrm.resend_verification_route(ucrm.request),
    ucrm.forgot_password_route(ucrm.request), ucrm.reset_password_route(ucrm.request), ucrm.whole_number(jsonb, integer)
to ucrm_handler;
