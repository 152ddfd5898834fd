-- Second factors: a person's authenticator app (RFC 6238), and recovery codes for the day it is lost.
create table ucrm.totp_factors (
    user_id uuid not null references ucrm.users (id) on delete cascade,
    id uuid not null default ucrm.uuid7(),
    label text not null default '' check (length(label) <= 100),
    sealed bytea not null,
    place text not null generated always as ('totp/' || user_id::text || '/' || id::text) stored,
    confirmed_at timestamptz,
    last_step bigint not null default 0,
    created_at timestamptz not null default clock_timestamp(),
    primary key (user_id, id)
);
create unique index totp_factors_confirmed on ucrm.totp_factors (user_id) where confirmed_at is not null;
create unique index totp_factors_unconfirmed on ucrm.totp_factors (user_id) where confirmed_at is null;
comment on table ucrm.totp_factors is
'Authenticator apps, at most one confirmed and one unconfirmed per person. sealed: the secret, see ucrm.seal(). last_step: the last 30-second step whose code was accepted; it and all before it are used up. Granted to nobody.';

create table ucrm.recovery_codes (
    user_id uuid not null references ucrm.users (id) on delete cascade,
    digest bytea not null check (length(digest) = 32),
    used_at timestamptz,
    created_at timestamptz not null default clock_timestamp(),
    primary key (user_id, digest)
);
comment on table ucrm.recovery_codes is
'A person''s recovery codes, each good once. digest: see ucrm.recovery_digest(). Granted to nobody.';

insert into ucrm.rate_limits (name, plan, hits, seconds, builtin) values
('totp', null, 10, 900, true);

insert into ucrm.settings (name, value, description, builtin) values
('totp_issuer', '"UCRM"', 'the name under which authenticator apps list an account, at most 50 characters', true);

create function ucrm.totp_step(secret bytea, code text, at timestamptz, after bigint)
returns bigint
language c
immutable
parallel safe
as 'MODULE_PATHNAME', 'ucrm_totp_step';
comment on function ucrm.totp_step(bytea, text, timestamptz, bigint) is
'The 30-second step since 1970 that a code of six digits fits (RFC 6238, SHA-1), of the one at this moment and its two neighbours; only one later than after, the latest if there are several. Null: none. Spaces in the code do not count; a secret of less than 16 bytes has no codes.';

create function ucrm.totp_base32(secret bytea)
returns text
language c
immutable
parallel safe
as 'MODULE_PATHNAME', 'ucrm_totp_base32';
comment on function ucrm.totp_base32(bytea) is 'A secret as it is typed into an authenticator app: base32 without padding (RFC 4648, 6).';

create function ucrm.totp_uri(secret bytea, account text, issuer text)
returns text
language c
immutable
parallel safe
as 'MODULE_PATHNAME', 'ucrm_totp_uri';
comment on function ucrm.totp_uri(bytea, text, text) is
'otpauth://totp/issuer:account?secret=…, as authenticator apps read it (Key URI Format), percent-encoded; a colon in a name becomes a space.';

create function ucrm.qr_svg(content text)
returns text
language c
immutable
parallel safe
as 'MODULE_PATHNAME', 'ucrm_qr_svg';
comment on function ucrm.qr_svg(text) is
'A QR code as an SVG element, black on white, with its quiet zone and a viewBox; it holds neither text nor script. 22001 above 2331 bytes.';

create function ucrm.make_recovery_codes()
returns text[]
language c
volatile
as 'MODULE_PATHNAME', 'ucrm_make_recovery_codes';
comment on function ucrm.make_recovery_codes() is
'Ten codes xxxxx-xxxxx of 50 random bits each, in letters and digits that nobody confuses (no i, l, o, u).';

create function ucrm.recovery_digest("user" uuid, shown bytea)
returns bytea
language plpgsql
immutable
strict
set search_path = pg_catalog, pg_temp
as $$
begin
    return ucrm.stored_digest(uuid_send("user") || shown);
end
$$;
comment on function ucrm.recovery_digest(uuid, bytea) is
'What is stored for a recovery code whose normal form (lower case, without hyphen and spaces) has this SHA-256: each person''s own, so that no guess is tried against everybody''s at once.';

create function ucrm.has_factor("user" uuid)
returns boolean
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    return (select exists (select from ucrm.totp_factors as f where f.user_id = "user" and f.confirmed_at is not null));
end
$$;
comment on function ucrm.has_factor(uuid) is 'Whether the person has a confirmed second factor.';

create function ucrm.totp_secret(f ucrm.totp_factors)
returns bytea
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    if ucrm.sealed_under(f.sealed) = any (ucrm.sealing_keys()) then
        return ucrm.unseal(f.sealed, f.place);
    end if;
    perform ucrm.refuse('unavailable', 'codes of authenticator apps cannot be checked right now; recovery codes can');
end
$$;
comment on function ucrm.totp_secret(ucrm.totp_factors) is 'The secret in clear. Refusal: unavailable, without the key file that it was sealed under.';

-- Codes are used up by one statement each, so that of two who come at once with the same one only one gets in.
create function ucrm.use_second_factor("user" uuid, totp text, recovery_digest bytea)
returns boolean
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    f ucrm.totp_factors;
    step bigint;
begin
    select x.* into f from ucrm.totp_factors as x where x.user_id = "user" and x.confirmed_at is not null;
    if not found then
        return false;
    end if;
    if totp is not null then
        step := ucrm.totp_step(ucrm.totp_secret(f), totp, clock_timestamp(), f.last_step);
        update ucrm.totp_factors as x set last_step = step
        where x.user_id = f.user_id and x.id = f.id and x.last_step < step;
        return found;
    end if;
    update ucrm.recovery_codes as c set used_at = clock_timestamp()
    where c.user_id = "user" and c.digest = ucrm.recovery_digest("user", use_second_factor.recovery_digest) and c.used_at is null;
    if not found then
        return false;
    end if;
    perform ucrm.record_factor("user", 'recovery_code_used');
    return true;
end
$$;
comment on function ucrm.use_second_factor(uuid, text, bytea) is
'Whether this is the person''s second factor: a code of the app when one is given, else the SHA-256 of a recovery code''s normal form. True once: what was accepted is used up in the caller''s transaction. The caller counts failures against the window totp. Refusal: unavailable.';

create function ucrm.record_factor("user" uuid, event text)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    insert into ucrm.platform_audit_logs (action, user_id, request_id, detail)
    values ('mfa.' || event, "user", ucrm.request_id(), jsonb_build_object('address', host(ucrm.client_address()), 'by', ucrm.user_id()));
    if ucrm.tenant_id() is not null then
        perform ucrm.record_event(ucrm.tenant_id(), 'mfa_' || event, 'members', "user"::text, null, null);
    end if;
end
$$;
comment on function ucrm.record_factor(uuid, text) is
'The audit rows of a second factor''s event (enabled, disabled, recovery_codes_renewed, recovery_code_used, failed): the platform''s own, and that of the workspace it happened in.';

-- Whoever changes a person's factors waits for others who do: a confirmation meets no second enrolment halfway.
create function ucrm.lock_factors("user" uuid)
returns ucrm.users
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    u ucrm.users;
begin
    select x.* into u from ucrm.users as x where x.id = "user" for no key update;
    if not found then
        perform ucrm.refuse('not_found');
    end if;
    return u;
end
$$;
comment on function ucrm.lock_factors(uuid) is 'The person''s row, locked. Refusal: not_found.';

create function ucrm.announce_factor(u ucrm.users, change text, others_end boolean)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    perform ucrm.record_factor(u.id, change);
    perform ucrm.queue_mail('mfa_changed', u.email, u.id, null, jsonb_build_object('change', change));
    if others_end then
        perform ucrm.end_sessions(u.id, ucrm.session_id());
    end if;
end
$$;
comment on function ucrm.announce_factor(ucrm.users, text, boolean) is
'What a change of somebody''s factors leads to: audit rows, a mail to the person, and the end of all sessions but the one it was made in.';

create function ucrm.enrol_totp("user" uuid, label text default '', out id uuid, out secret text, out uri text)
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    u constant ucrm.users := ucrm.lock_factors("user");
    -- As long as the hash, as RFC 4226, 4 recommends.
    clear constant bytea := ucrm.random_bytes(20);
begin
    if ucrm.key_fault() is not null then
        perform ucrm.refuse('unavailable', 'two-factor sign-in is not set up on this installation: its operator has to provide a key file');
    end if;
    if ucrm.has_factor("user") then
        perform ucrm.refuse('conflict', 'two-factor sign-in is enabled already: disable it first');
    end if;
    id := ucrm.uuid7();
    delete from ucrm.totp_factors as f where f.user_id = "user" and f.confirmed_at is null;
    insert into ucrm.totp_factors (user_id, id, label, sealed)
    values ("user", enrol_totp.id, coalesce(enrol_totp.label, ''), ucrm.seal(clear, concat_ws('/', 'totp', "user", enrol_totp.id)));
    secret := ucrm.totp_base32(clear);
    uri := ucrm.totp_uri(clear, left(u.email, 100), left(ucrm.setting('totp_issuer') #>> '{}', 50));
end
$$;
comment on function ucrm.enrol_totp(uuid, text) is
'Begins to enrol an authenticator app, in place of one that was never confirmed; the secret is shown this once. It counts from ucrm.confirm_totp() on. Refusals: not_found, conflict (there is a confirmed one), unavailable (no key file). 23514 for a label of more than 100 characters.';

create function ucrm.confirm_totp("user" uuid, code text)
returns text[]
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    u constant ucrm.users := ucrm.lock_factors("user");
    f ucrm.totp_factors;
    step bigint;
    codes text[];
begin
    if ucrm.has_factor("user") then
        perform ucrm.refuse('conflict', 'two-factor sign-in is enabled already');
    end if;
    select x.* into f from ucrm.totp_factors as x where x.user_id = "user" and x.confirmed_at is null;
    if not found then
        perform ucrm.refuse('not_found', 'there is no authenticator app to confirm: enrol one first');
    end if;
    step := ucrm.totp_step(ucrm.totp_secret(f), code, clock_timestamp(), f.last_step);
    if step is null then
        return null;
    end if;
    update ucrm.totp_factors as x set confirmed_at = clock_timestamp(), last_step = step
    where x.user_id = f.user_id and x.id = f.id;
    codes := ucrm.replace_recovery_codes("user");
    perform ucrm.announce_factor(u, 'enabled', true);
    return codes;
end
$$;
comment on function ucrm.confirm_totp(uuid, text) is
'Confirms the app by a code of it, which is used up by that: the recovery codes, shown this once, or null when the code is wrong. The other sessions end, a mail goes out. Refusals: not_found, conflict, unavailable.';

create function ucrm.replace_recovery_codes("user" uuid)
returns text[]
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    codes constant text[] := ucrm.make_recovery_codes();
begin
    delete from ucrm.recovery_codes as c where c.user_id = "user";
    insert into ucrm.recovery_codes (user_id, digest)
    select "user", ucrm.recovery_digest("user", sha256(convert_to(replace(c, '-', ''), 'UTF8')))
    from unnest(codes) as c;
    return codes;
end
$$;
comment on function ucrm.replace_recovery_codes(uuid) is 'Ten new recovery codes; the old ones are gone.';

create function ucrm.renew_recovery_codes("user" uuid)
returns text[]
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    u constant ucrm.users := ucrm.lock_factors("user");
    codes text[];
begin
    if not ucrm.has_factor("user") then
        perform ucrm.refuse('not_found', 'two-factor sign-in is not enabled');
    end if;
    codes := ucrm.replace_recovery_codes("user");
    perform ucrm.announce_factor(u, 'recovery_codes_renewed', false);
    return codes;
end
$$;
comment on function ucrm.renew_recovery_codes(uuid) is 'Ten new recovery codes, shown this once; the old ones die. A mail goes out. Refusal: not_found (no second factor).';

create function ucrm.disable_totp("user" uuid)
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    u constant ucrm.users := ucrm.lock_factors("user");
begin
    if not ucrm.has_factor("user") then
        perform ucrm.refuse('not_found', 'two-factor sign-in is not enabled');
    end if;
    delete from ucrm.totp_factors as f where f.user_id = "user";
    delete from ucrm.recovery_codes as c where c.user_id = "user";
    update ucrm.sessions as s set factor_shown_at = null where s.user_id = "user";
    perform ucrm.announce_factor(u, 'disabled', true);
end
$$;
comment on function ucrm.disable_totp(uuid) is
'Takes a person''s second factor and recovery codes away without asking for a code: for the route, which has asked, and for superusers helping somebody who lost both. The other sessions end, a mail goes out. Refusal: not_found.';

grant execute on function
    ucrm.totp_step(bytea, text, timestamptz, bigint), ucrm.totp_base32(bytea), ucrm.totp_uri(bytea, text, text), ucrm.qr_svg(text),
    ucrm.make_recovery_codes()
to ucrm_owner;
