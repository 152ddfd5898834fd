-- Outside issuers: who else may say who a person is, and how to read what they say. Their tokens (RFC 7519) are judged
-- here, against keys that are stored here. Whom they name is a row, too.
create table ucrm.issuers (
    id uuid primary key default ucrm.uuid7(),
    iss text not null unique check (iss <> '' and length(iss) <= 500 and iss <> 'ucrm'),
    label text not null default '',
    enabled boolean not null default true,
    algorithms text[] not null check (
        cardinality(algorithms) > 0
        and algorithms <@ array['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'EdDSA', 'HS256']
    ),
    audience text[] not null default '{}',
    authorized_parties text[] not null default '{}',
    types text[] not null default '{JWT,at+jwt}',
    subject_claim text not null default 'sub',
    email_claim text,
    email_verified_claim text,
    email_always_verified boolean not null default false,
    name_claim text default 'name',
    tenant_claim text,
    role_claim text,
    mfa_claim text,
    mfa_values text[] not null default '{mfa}',
    fresh_claim text default 'auth_time',
    refused_claims jsonb not null default '{}' check (jsonb_typeof(refused_claims) = 'object'),
    link_by_email boolean not null default false,
    create_users boolean not null default false,
    jwks jsonb check (jwks is null or coalesce(jsonb_typeof(jwks -> 'keys') = 'array', false)),
    jwks_url text check (jwks_url ~ '^https://[^/?#@\s\\]+(/[^#\s\\]*)?$' and length(jwks_url) <= 2000),
    jwks_fetched_at timestamptz,
    jwks_tried_at timestamptz,
    jwks_wanted_at timestamptz,
    jwks_due_at timestamptz,
    jwks_failures integer not null default 0,
    jwks_claim uuid,
    jwks_claimed_until timestamptz,
    last_error text,
    created_at timestamptz not null default clock_timestamp(),
    constraint issuers_name_an_audience check (cardinality(audience) + cardinality(authorized_parties) > 0)
);
comment on table ucrm.issuers is
'Outside issuers. A token counts when its iss is exactly one of these, enabled; its alg is one of algorithms; its key is in jwks (HS256: the secret in ucrm.issuer_secrets, and no key); aud names one of audience (none: there is no aud) and azp one of authorized_parties (none: whatever it is). *_claim: where a claim is, see ucrm.claim(). email_verified_claim must be true for an address to count, or email_always_verified set. role_claim can only narrow what the membership grants. mfa_claim: true, a number from 0, or one of mfa_values. fresh_claim: when the person has signed in, see ucrm.signed_in_at(). refused_claims: {path: value}, a token with one of them is refused. link_by_email: a verified address finds the account. create_users: a verified address makes one. jwks_url: asked by the gateway''s worker; null: the keys are set by hand. Superusers write it; granted to nobody.';

create table ucrm.issuer_secrets (
    issuer_id uuid primary key references ucrm.issuers (id) on delete cascade,
    sealed bytea not null,
    place text not null generated always as ('issuer/' || issuer_id::text) stored
);
comment on table ucrm.issuer_secrets is 'Secrets shared with issuers that sign with HS256, sealed like those of ucrm.secrets, each for its own place. Granted to nobody.';

create table ucrm.user_identities (
    issuer_id uuid not null references ucrm.issuers (id) on delete cascade,
    subject text not null check (subject <> '' and length(subject) <= 255),
    user_id uuid not null references ucrm.users (id) on delete cascade,
    created_at timestamptz not null default clock_timestamp(),
    primary key (issuer_id, subject)
);
create index user_identities_user on ucrm.user_identities (user_id);
comment on table ucrm.user_identities is 'Whom an issuer''s subject stands for. Granted to nobody.';

-- What their tokens look like unless somebody changed it, from their documentation: clerk.com/docs (session tokens,
-- version 2), better-auth.com/docs (JWT plugin), auth0.com/docs (access token profiles), supabase.com/docs (JWT claims).
create function ucrm.issuer_preset(name text)
returns jsonb
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    return (
        select p.settings
        from (values
            ('clerk', jsonb '{"label": "Clerk", "algorithms": ["RS256"], "jwks_url": "{iss}/.well-known/jwks.json",
                "email_claim": "email", "email_verified_claim": "email_verified",
                "tenant_claim": "o.id", "role_claim": "o.rol", "mfa_claim": "fva.1", "fresh_claim": "fva.0", "refused_claims": {"sts": "pending"}}'),
            ('better_auth', jsonb '{"label": "Better Auth", "algorithms": ["EdDSA"], "jwks_url": "{iss}/api/auth/jwks", "audience": ["{iss}"],
                "email_claim": "email", "email_verified_claim": "emailVerified", "tenant_claim": "activeOrganizationId"}'),
            ('auth0', jsonb '{"label": "Auth0", "algorithms": ["RS256"], "jwks_url": "{iss}/.well-known/jwks.json",
                "email_claim": "email", "email_verified_claim": "email_verified",
                "tenant_claim": "org_id", "mfa_claim": "amr", "mfa_values": ["mfa"], "refused_claims": {"gty": "client-credentials"}}'),
            ('supabase', jsonb '{"label": "Supabase", "algorithms": ["ES256", "RS256"], "jwks_url": "{iss}/.well-known/jwks.json", "audience": ["authenticated"],
                "email_claim": "email", "name_claim": "user_metadata.name",
                "tenant_claim": "app_metadata.tenant_id", "mfa_claim": "aal", "mfa_values": ["aal2"], "fresh_claim": "amr", "refused_claims": {"is_anonymous": true}}')
        ) as p (name, settings)
        where p.name = issuer_preset.name
    );
end
$$;
comment on function ucrm.issuer_preset(text) is
'Columns of ucrm.issuers for clerk, better_auth, auth0, supabase; {iss} stands for the issuer without a slash at its end. Null for another name. Clerk and Auth0 need an audience or authorized_parties beside it. Supabase''s tokens do not say whether the address is verified.';

create function ucrm.public_jwks(jwks text, out keys text, out fault text)
language c
immutable
strict
as 'MODULE_PATHNAME', 'ucrm_public_jwks';
comment on function ucrm.public_jwks(text) is
'A key set (RFC 7517) as it is stored: the keys that verify RS, PS, ES256, ES384 or EdDSA signatures, public members only. Else what is wrong: not a set, longer than 256 KiB or 100 keys, no usable key, a private key or a shared secret in it.';

create function ucrm.checked_jwks(jwks jsonb)
returns jsonb
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
declare
    read record;
begin
    if jwks is null then
        return null;
    end if;
    select * into read from ucrm.public_jwks(jwks::text);
    if read.fault is not null then
        raise exception '%', read.fault using errcode = 'invalid_parameter_value';
    end if;
    return read.keys::jsonb;
end
$$;
comment on function ucrm.checked_jwks(jsonb) is 'A key set as it is stored, see ucrm.public_jwks(). 22023 saying what is wrong with it.';

create function ucrm.keep_issuer_secret(issuer uuid, secret bytea)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    if length(secret) < 32 then
        raise exception 'a secret for HS256 has 32 bytes at least' using errcode = 'invalid_parameter_value';
    end if;
    insert into ucrm.issuer_secrets (issuer_id, sealed)
    values (issuer, ucrm.seal(secret, 'issuer/' || issuer))
    on conflict on constraint issuer_secrets_pkey do update set sealed = excluded.sealed;
end
$$;
comment on function ucrm.keep_issuer_secret(uuid, bytea) is 'Puts an issuer''s secret away, over an older one. 22023 for fewer than 32 bytes (RFC 7518, 3.2), 55000 when there is no usable key file.';

create function ucrm.issuer_secret(issuer uuid)
returns bytea
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    return (
        select ucrm.unseal(s.sealed, s.place)
        from ucrm.issuer_secrets as s
        where s.issuer_id = issuer and ucrm.sealed_under(s.sealed) = any (ucrm.sealing_keys())
    );
end
$$;
comment on function ucrm.issuer_secret(uuid) is 'An issuer''s secret in clear; null when there is none, or its key is not in the key file.';

create function ucrm.add_issuer(
    iss text,
    preset text default null,
    audience text[] default null,
    authorized_parties text[] default null,
    link_by_email boolean default null,
    create_users boolean default null,
    algorithms text[] default null,
    jwks_url text default null,
    jwks jsonb default null,
    secret bytea default null,
    label text default null,
    types text[] default null,
    subject_claim text default null,
    email_claim text default null,
    email_verified_claim text default null,
    email_always_verified boolean default null,
    name_claim text default null,
    tenant_claim text default null,
    role_claim text default null,
    mfa_claim text default null,
    mfa_values text[] default null,
    refused_claims jsonb default null,
    fresh_claim text default null
)
returns uuid
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    new_id constant uuid := ucrm.uuid7();
    settings jsonb := coalesce(ucrm.issuer_preset(preset), '{}');
begin
    if preset is not null and settings = '{}' then
        raise exception 'there is no preset "%"', preset
            using errcode = 'undefined_object', hint = 'clerk, better_auth, auth0, supabase; or none, and say the claims yourself.';
    end if;
    settings := replace(settings::text, '{iss}', rtrim(add_issuer.iss, '/'))::jsonb;
    -- Keys given by hand, or a secret, stand instead of the preset's URL.
    if (jwks is not null or secret is not null) and jwks_url is null then
        settings := settings - 'jwks_url';
    end if;
    select jsonb_build_object('types', array['JWT', 'at+jwt'], 'subject_claim', 'sub', 'name_claim', 'name', 'mfa_values', array['mfa'], 'fresh_claim', 'auth_time', 'label', '',
               'audience', '{}'::text[], 'authorized_parties', '{}'::text[], 'refused_claims', '{}'::jsonb,
               'email_always_verified', false, 'link_by_email', false, 'create_users', false)
           || settings || jsonb_strip_nulls(to_jsonb(x))
    into settings
    from (
        select add_issuer.audience, add_issuer.authorized_parties, add_issuer.link_by_email, add_issuer.create_users, add_issuer.algorithms,
               add_issuer.jwks_url, add_issuer.label, add_issuer.types, add_issuer.subject_claim, add_issuer.email_claim,
               add_issuer.email_verified_claim, add_issuer.email_always_verified, add_issuer.name_claim, add_issuer.tenant_claim,
               add_issuer.role_claim, add_issuer.mfa_claim, add_issuer.mfa_values, add_issuer.refused_claims, add_issuer.fresh_claim
    ) as x;
    insert into ucrm.issuers (id, iss, label, algorithms, audience, authorized_parties, types, subject_claim, email_claim, email_verified_claim,
        email_always_verified, name_claim, tenant_claim, role_claim, mfa_claim, mfa_values, fresh_claim, refused_claims, link_by_email, create_users,
        jwks_url, jwks)
    select new_id, add_issuer.iss, i.label, i.algorithms, i.audience, i.authorized_parties, i.types, i.subject_claim, nullif(i.email_claim, ''), nullif(i.email_verified_claim, ''),
        i.email_always_verified, nullif(i.name_claim, ''), nullif(i.tenant_claim, ''), nullif(i.role_claim, ''), nullif(i.mfa_claim, ''), i.mfa_values, nullif(i.fresh_claim, ''), i.refused_claims, i.link_by_email, i.create_users,
        i.jwks_url, ucrm.checked_jwks(add_issuer.jwks)
    from jsonb_populate_record(null::ucrm.issuers, settings) as i;
    if secret is not null then
        perform ucrm.keep_issuer_secret(new_id, secret);
    end if;
    insert into ucrm.platform_audit_logs (action, detail) values ('issuer.added', jsonb_build_object('iss', add_issuer.iss));
    return new_id;
end
$$;
comment on function ucrm.add_issuer(text, text, text[], text[], boolean, boolean, text[], text, jsonb, bytea, text, text[], text, text, text, boolean, text, text, text, text, text[], jsonb, text) is
'Trusts an outside issuer (superuser only). preset: see ucrm.issuer_preset(); what is named besides counts instead of it, a claim of '''' is none. What may be named: the columns of ucrm.issuers, which a superuser changes by UPDATE later. jwks or secret without a jwks_url: no URL is asked. 23505 where it is trusted already, 23514 without an audience or authorized party, 42704 for an unknown preset, 22023 for a bad key set or a short secret.';

create function ucrm.remove_issuer(iss text)
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    delete from ucrm.issuers as i where i.iss = remove_issuer.iss;
    if not found then
        raise exception 'there is no issuer "%"', remove_issuer.iss using errcode = 'undefined_object', hint = 'See ucrm.issuers.';
    end if;
    insert into ucrm.platform_audit_logs (action, detail) values ('issuer.removed', jsonb_build_object('iss', remove_issuer.iss));
end
$$;
comment on function ucrm.remove_issuer(text) is
'Ends the trust in an issuer, and forgets whom its subjects stood for; their accounts stay (superuser only). Its tokens are refused at once. 42704 for an unknown one.';

create function ucrm.set_issuer_jwks(iss text, jwks jsonb)
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    update ucrm.issuers as i
    set jwks = ucrm.checked_jwks(set_issuer_jwks.jwks), jwks_url = null, jwks_fetched_at = null, jwks_failures = 0, last_error = null
    where i.iss = set_issuer_jwks.iss;
    if not found then
        raise exception 'there is no issuer "%"', set_issuer_jwks.iss using errcode = 'undefined_object', hint = 'See ucrm.issuers.';
    end if;
    insert into ucrm.platform_audit_logs (action, detail) values ('issuer.keys_set', jsonb_build_object('iss', set_issuer_jwks.iss));
end
$$;
comment on function ucrm.set_issuer_jwks(text, jsonb) is
'Sets an issuer''s keys by hand; its URL is asked no more (superuser only). 42704 for an unknown issuer, 22023 for a bad key set.';

create function ucrm.set_issuer_secret(iss text, secret bytea)
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform ucrm.keep_issuer_secret(i.id, set_issuer_secret.secret) from ucrm.issuers as i where i.iss = set_issuer_secret.iss;
    if not found then
        raise exception 'there is no issuer "%"', set_issuer_secret.iss using errcode = 'undefined_object', hint = 'See ucrm.issuers.';
    end if;
    insert into ucrm.platform_audit_logs (action, detail) values ('issuer.secret_set', jsonb_build_object('iss', set_issuer_secret.iss));
end
$$;
comment on function ucrm.set_issuer_secret(text, bytea) is
'Sets the secret shared with an issuer that signs with HS256 (superuser only). Give it by pg_read_binary_file(), so that no log shows it. 42704 for an unknown issuer, 22023 for fewer than 32 bytes, 55000 when there is no usable key file.';

grant execute on function ucrm.public_jwks(text) to ucrm_owner;
