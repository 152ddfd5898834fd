-- /api/v1/auth/totp and /api/v1/auth/recovery-codes: a person's own second factor. A wrong code has to outlive its
-- refusal, so these are returned, not raised.
create function ucrm.factor_user()
returns uuid
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    perform ucrm.demand_person();
    return ucrm.user_id();
end
$$;
comment on function ucrm.factor_user() is 'The person who has signed in. Refusal: permission_denied, for keys and whoever is nobody.';

create function ucrm.factor_body(r ucrm.request, fields text[], out body jsonb, out refusal ucrm.response)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    b record;
begin
    if coalesce(length(r.body), 0) = 0 then
        body := '{}';
        return;
    end if;
    select * into b from ucrm.body_of(r, fields, array[]::text[]);
    body := b.body;
    refusal := b.refusal;
end
$$;
comment on function ucrm.factor_body(ucrm.request, text[]) is 'The request''s JSON object of string fields, none of them required: no body is {}. See ucrm.body_of().';

create function ucrm.totp_route(r ucrm.request)
returns ucrm.response
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    person constant uuid := ucrm.factor_user();
begin
    return (
        select ucrm.json_response(200, jsonb_build_object('data', jsonb_build_object(
            'enabled', f.user_id is not null,
            'label', f.label,
            'confirmed_at', f.confirmed_at,
            'recovery_codes_left', (select count(*) from ucrm.recovery_codes as c where c.user_id = f.user_id and c.used_at is null)
        )))
        from (values (1)) as always (one)
        left join ucrm.totp_factors as f on f.user_id = person and f.confirmed_at is not null
    );
end
$$;
comment on function ucrm.totp_route(ucrm.request) is 'GET /api/v1/auth/totp: 200 {data: {enabled, label, confirmed_at, recovery_codes_left}}.';

create function ucrm.enrol_totp_route(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    person constant uuid := ucrm.factor_user();
    b record;
    made record;
begin
    perform ucrm.demand_fresh();
    select * into b from ucrm.factor_body(r, array['label']);
    if (b.refusal).status is not null then
        return b.refusal;
    end if;
    if not exists (select from ucrm.users as u where u.id = person and u.email_verified_at is not null) then
        return ucrm.problem('email_unverified', r.request_id);
    end if;
    if length(b.body ->> 'label') > 100 then
        return ucrm.wrong_field(r, 'label', 'too_long', 'at most 100 characters');
    end if;
    select * into made from ucrm.enrol_totp(person, btrim(coalesce(b.body ->> 'label', '')));
    return ucrm.json_response(201, jsonb_build_object('data', jsonb_build_object(
        'id', made.id, 'secret', made.secret, 'uri', made.uri, 'qr_svg', ucrm.qr_svg(made.uri))));
end
$$;
comment on function ucrm.enrol_totp_route(ucrm.request) is
'POST /api/v1/auth/totp {label}: 201 {data: {id, secret (base32), uri (otpauth), qr_svg}}, shown this once, in place of one that was never confirmed. Refusals: step_up_required, email_unverified, conflict (enabled already), validation_failed, unavailable (no key file).';

create function ucrm.confirm_totp_route(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    person constant uuid := ucrm.factor_user();
    b record;
    refusal ucrm.response;
    codes text[];
begin
    perform ucrm.demand_fresh();
    select * into b from ucrm.body_of(r, array['code'], array['code']);
    if (b.refusal).status is not null then
        return b.refusal;
    end if;
    refusal := ucrm.limited(r, array['totp'], array[person::text]);
    if refusal.status is not null then
        return refusal;
    end if;
    codes := ucrm.confirm_totp(person, b.body ->> 'code');
    if codes is null then
        return ucrm.wrong_field(r, 'code', 'invalid_code', 'is not the code that the app shows now');
    end if;
    perform ucrm.refund_row('totp', person::text);
    return ucrm.json_response(200, jsonb_build_object('data', jsonb_build_object('recovery_codes', to_jsonb(codes))),
        ucrm.raise_session(ucrm.session_id()));
end
$$;
comment on function ucrm.confirm_totp_route(ucrm.request) is
'POST /api/v1/auth/totp/confirm {code}: 200 {data: {recovery_codes: [ten]}}, shown this once; the other sessions end. Refusals: step_up_required, validation_failed (code), not_found (nothing enrolled), conflict (enabled already), rate_limited, unavailable.';

create function ucrm.disable_totp_route(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    person constant uuid := ucrm.factor_user();
    b record;
    field text;
    refusal ucrm.response;
begin
    perform ucrm.demand_fresh();
    select * into b from ucrm.factor_body(r, array['code', 'recovery_code']);
    if (b.refusal).status is not null then
        return b.refusal;
    end if;
    field := case when b.body ->> 'code' is null and b.body ->> 'recovery_code' is not null then 'recovery_code' else 'code' end;
    if b.body ->> field is null or (b.body ->> 'code' is not null and b.body ->> 'recovery_code' is not null) then
        return ucrm.wrong_field(r, field, 'required', 'exactly one of code and recovery_code is needed');
    end if;
    if not ucrm.has_factor(person) then
        return ucrm.problem('not_found', r.request_id, 'two-factor sign-in is not enabled');
    end if;
    refusal := ucrm.limited(r, array['totp'], array[person::text]);
    if refusal.status is not null then
        return refusal;
    end if;
    if not ucrm.use_second_factor(person, b.body ->> 'code', ucrm.shown_digest(b.body ->> 'recovery_code')) then
        perform ucrm.record_factor(person, 'failed');
        return ucrm.wrong_field(r, field, 'invalid_code', 'is wrong or used up');
    end if;
    perform ucrm.refund_row('totp', person::text);
    perform ucrm.disable_totp(person);
    return row(204, ucrm.session_cookie(ucrm.session_id()), null)::ucrm.response;
end
$$;
comment on function ucrm.disable_totp_route(ucrm.request) is
'DELETE /api/v1/auth/totp {code} or {recovery_code}: 204, the app and the recovery codes are gone, the other sessions end. Refusals: step_up_required, validation_failed (code or recovery_code), not_found (not enabled), rate_limited, unavailable.';

create function ucrm.recovery_codes_route(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    person constant uuid := ucrm.factor_user();
    b record;
begin
    perform ucrm.demand_fresh();
    select * into b from ucrm.factor_body(r, array[]::text[]);
    if (b.refusal).status is not null then
        return b.refusal;
    end if;
    return ucrm.json_response(200, jsonb_build_object('data', jsonb_build_object(
        'recovery_codes', to_jsonb(ucrm.renew_recovery_codes(person)))));
end
$$;
comment on function ucrm.recovery_codes_route(ucrm.request) is
'POST /api/v1/auth/recovery-codes: 200 {data: {recovery_codes: [ten]}}, shown this once; the old ones die. Refusals: step_up_required, not_found (not enabled).';

insert into ucrm.routes (method, template, function, audience, resource, action, builtin) values
('GET', '/api/v1/auth/totp', 'ucrm.totp_route', 'user', null, null, true),
('POST', '/api/v1/auth/totp', 'ucrm.enrol_totp_route', 'user', null, null, true),
('DELETE', '/api/v1/auth/totp', 'ucrm.disable_totp_route', 'user', null, null, true),
('POST', '/api/v1/auth/totp/confirm', 'ucrm.confirm_totp_route', 'user', null, null, true),
('POST', '/api/v1/auth/recovery-codes', 'ucrm.recovery_codes_route', 'user', null, null, true);

grant execute on function
    ucrm.totp_route(ucrm.request), ucrm.enrol_totp_route(ucrm.request), ucrm.confirm_totp_route(ucrm.request),
    ucrm.disable_totp_route(ucrm.request), ucrm.recovery_codes_route(ucrm.request)
to ucrm_handler;
