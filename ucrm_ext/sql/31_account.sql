-- Accounts: passwords, the tokens that travel by mail, and the addresses nobody may use. What could be presented is
-- never here: of a password the digest of its argon2id hash, of a token the digest of its digest.
create table ucrm.passwords (
    user_id uuid primary key references ucrm.users (id) on delete cascade,
    salt bytea not null check (length(salt) >= 16),
    memory_kib integer not null check (memory_kib between 8192 and 65536),
    passes integer not null check (passes between 1 and 4),
    lanes integer not null check (lanes between 1 and 4),
    digest bytea not null check (length(digest) = 32),
    changed_at timestamptz not null default clock_timestamp()
);
comment on table ucrm.passwords is
'argon2id (RFC 9106) is computed by the gateway with salt and parameters from here; digest is SHA-256 of what it computes.';

create table ucrm.verification_tokens (
    user_id uuid not null references ucrm.users (id) on delete cascade,
    purpose text not null check (purpose in ('verify_email', 'reset_password', 'change_email')),
    address text not null,
    digest bytea unique check (length(digest) = 32),
    expires_at timestamptz not null,
    created_at timestamptz not null default clock_timestamp(),
    primary key (user_id, purpose)
);
comment on table ucrm.verification_tokens is
'What a mail''s link proves: one live token per person and purpose, for one address. digest null: asked for, and not yet mailed.';

create table ucrm.blocked_email_domains (
    domain text not null check (domain = lower(domain)),
    builtin boolean not null default false,
    primary key (domain, builtin)
);
comment on table ucrm.blocked_email_domains is 'Domains (and everything below them) whose addresses make no account: disposable mail. An operator adds rows.';

insert into ucrm.blocked_email_domains (domain, builtin)
select d, true
from unnest(array[
    'mailinator.com', 'guerrillamail.com', 'guerrillamail.info', 'sharklasers.com', 'tempmail.com', '10minutemail.com', 'yopmail.com', 'trashmail.com',
    'throwawaymail.com', 'getairmail.com', 'dispostable.com', 'mintemail.com', 'maildrop.cc', 'tempr.email', 'fakeinbox.com'
]) as d;

create trigger builtin_rows_do_not_change
before update or delete on ucrm.blocked_email_domains
for each row when (old.builtin) execute function ucrm.refuse_immutable();

create function ucrm.is_disposable(email text)
returns boolean
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    host constant text := lower(rtrim(split_part(email, '@', 2), '.'));
begin
    return (select exists (select from ucrm.blocked_email_domains as b where host = b.domain or host like '%.' || b.domain));
end
$$;
comment on function ucrm.is_disposable(text) is 'Whether an address is of a blocked domain or of one below it.';

create function ucrm.make_token(purpose text, hint uuid, out secret text, out digest bytea)
language c
volatile
strict
as 'MODULE_PATHNAME', 'ucrm_make_token';
comment on function ucrm.make_token(text, uuid) is
'A new token ucrm_<purpose>_<hint, 26 base32>_<43 secret> (256 random bits) and the digest to store. The hint says whose it is and is never trusted.';

create function ucrm.shown_digest(shown text)
returns bytea
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    return (select case when shown ~ '^sha256:[0-9a-f]{64}$' then decode(substr(shown, 8), 'hex') end);
end
$$;
comment on function ucrm.shown_digest(text) is 'A token in a body as the gateway hands it on, sha256:<64 hex>, as bytes; null for anything else.';

-- Passwords come as {argon2id, salt, memory_kib, passes, lanes, weak}: what the gateway computed of them.
create function ucrm.set_password("user" uuid, given jsonb)
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    insert into ucrm.passwords as p (user_id, salt, memory_kib, passes, lanes, digest)
    values ("user", decode(given ->> 'salt', 'hex'), (given ->> 'memory_kib')::integer, (given ->> 'passes')::integer, (given ->> 'lanes')::integer,
            ucrm.stored_digest(decode(given ->> 'argon2id', 'hex')))
    on conflict on constraint passwords_pkey do update
    set salt = excluded.salt, memory_kib = excluded.memory_kib, passes = excluded.passes, lanes = excluded.lanes,
        digest = excluded.digest, changed_at = excluded.changed_at;
    -- Links that somebody else may have asked for end with the old password.
    delete from ucrm.verification_tokens as v where v.user_id = "user" and v.purpose in ('change_email', 'reset_password');
end
$$;
comment on function ucrm.set_password(uuid, jsonb) is 'Keeps what the gateway computed of a new password: {argon2id, salt, memory_kib, passes, lanes}.';

create function ucrm.clear_account("user" uuid)
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    delete from ucrm.passwords as x where x.user_id = "user";
    delete from ucrm.sessions as x where x.user_id = "user";
    delete from ucrm.totp_factors as x where x.user_id = "user";
    delete from ucrm.recovery_codes as x where x.user_id = "user";
    delete from ucrm.verification_tokens as x where x.user_id = "user";
    delete from ucrm.user_identities as x where x.user_id = "user";
end
$$;
comment on function ucrm.clear_account(uuid) is
'Takes every way in from an account: for one that was registered with an address before its holder came.';

create function ucrm.password_fits("user" uuid, given jsonb)
returns boolean
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    return (
        select coalesce(bool_or(p.digest = ucrm.stored_digest(decode(given ->> 'argon2id', 'hex'))), false)
        from ucrm.passwords as p
        where p.user_id = "user"
    );
end
$$;
comment on function ucrm.password_fits(uuid, jsonb) is 'Whether this is the person''s password. False for nobody and for a person without one.';

create function ucrm.weak_password(given jsonb, field text)
returns jsonb
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    return (
        select case
            when jsonb_typeof(given) is distinct from 'object' or given ->> 'weak' is not null or coalesce(length(given ->> 'argon2id'), 0) <> 64
            then jsonb_build_object('field', field,
                'code', coalesce(given ->> 'weak', 'required'),
                'message', case given ->> 'weak'
                    when 'too_short' then 'must have at least 8 characters'
                    when 'too_long' then 'must have at most 256 characters'
                    when 'too_common' then 'is too easy to guess: choose a longer or less usual one'
                    else 'must be a password'
                end)
        end
    );
end
$$;
comment on function ucrm.weak_password(jsonb, text) is 'What is wrong with a new password, {field, code, message}; null when nothing is.';

create function ucrm.ask_token("user" uuid, purpose text, address text, lifetime interval)
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    insert into ucrm.verification_tokens as v (user_id, purpose, address, expires_at)
    values ("user", ask_token.purpose, ask_token.address, clock_timestamp() + lifetime)
    on conflict on constraint verification_tokens_pkey do update
    set address = excluded.address, digest = null, expires_at = excluded.expires_at, created_at = clock_timestamp();
end
$$;
comment on function ucrm.ask_token(uuid, text, text, interval) is 'Asks for a token that the next mail of this purpose brings; an older one ends now.';

create function ucrm.mint_mail_token(kind text, "user" uuid, recipient text, data jsonb)
returns text
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    made record;
begin
    if kind = 'invitation' then
        return ucrm.mint_invitation_token((data ->> 'invitation_id')::uuid);
    elsif kind not in ('verify_email', 'reset_password', 'change_email') then
        return null;
    end if;
    select * into made from ucrm.make_token(split_part(kind, '_', 1), "user");
    update ucrm.verification_tokens as v set digest = made.digest
    where v.user_id = "user" and v.purpose = kind and lower(v.address) = lower(recipient) and v.expires_at > clock_timestamp();
    return case when found then made.secret end;
end
$$;
comment on function ucrm.mint_mail_token(text, uuid, text, jsonb) is
'Makes the token of a mail at the moment it leaves, so that nothing presentable is ever kept; the one of an earlier mail ends. Null when nothing is asked for any more.';

create function ucrm.redeem_token(shown bytea, purposes text[])
returns ucrm.verification_tokens
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    done ucrm.verification_tokens;
begin
    delete from ucrm.verification_tokens as v
    where v.digest = ucrm.stored_digest(shown) and v.purpose = any (purposes) and v.expires_at > clock_timestamp()
    returning v.* into done;
    return done;
end
$$;
comment on function ucrm.redeem_token(bytea, text[]) is 'Takes a token of one of these purposes, once; null when there is none that still counts.';

grant execute on function ucrm.make_token(text, uuid) to ucrm_owner;
