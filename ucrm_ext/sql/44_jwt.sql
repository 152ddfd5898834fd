-- Tokens: who comes with one. Our own name a session, which has to be alive; those of outside issuers name a subject,
-- which has to stand for a user here. Whatever is wrong with a token, the answer is the same: nobody.
create function ucrm.session_token(session uuid, "user" uuid, expires_at timestamptz)
returns text
language c
volatile
strict
as 'MODULE_PATHNAME', 'ucrm_session_token';
comment on function ucrm.session_token(uuid, uuid, timestamptz) is
'A token for a session: HS256 with a key derived (HKDF, RFC 5869) from the key file''s newest, kid its name, iss and aud "ucrm", sub the user, sid the session. Null when there is no usable key file.';

create function ucrm.open_session_token(token bytea, out session uuid, out "user" uuid, out expires_at timestamptz)
language c
volatile
strict
as 'MODULE_PATHNAME', 'ucrm_open_session_token';
comment on function ucrm.open_session_token(bytea) is 'What one of our own tokens says, nulls for anything else. Whether the session is alive is not asked.';

create function ucrm.jwt_says(token bytea, out iss text, out alg text)
language c
immutable
strict
as 'MODULE_PATHNAME', 'ucrm_jwt_says';
comment on function ucrm.jwt_says(bytea) is 'Whose token it says it is and how it is signed. Nothing of that is verified. Nulls for what is no token.';

create function ucrm.verify_jwt(
    token bytea,
    algorithms text[],
    jwks text,
    secret bytea,
    iss text,
    audience text[],
    authorized_parties text[],
    types text[],
    out claims text,
    out expires_at timestamptz,
    out fault text
)
language c
volatile
as 'MODULE_PATHNAME', 'ucrm_verify_jwt';
comment on function ucrm.verify_jwt(bytea, text[], text, bytea, text, text[], text[], text[]) is
'Judges a compact JWS token (RFC 7515, 7519, 8725) by what is known of its issuer, now: its claims and when they end, or why not. fault: length, form, json, header, type, algorithm, unknown_key, key, signature, issuer, audience, party, expiry, future, delegated. For the kernel alone: a client is told nothing of it.';

create function ucrm.claim(claims jsonb, path text)
returns jsonb
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    return (
        select nullif(claims #> case
            when path like '/%' then (
                select array_agg(replace(replace(s.name, '~1', '/'), '~0', '~') order by s.n)
                from unnest(string_to_array(substr(path, 2), '/')) with ordinality as s (name, n)
            )
            when strpos(path, '://') > 0 then array[path]
            else string_to_array(path, '.')
        end, 'null')
    );
end
$$;
comment on function ucrm.claim(jsonb, text) is
'A claim by its path, null when it is not there or null: names with dots between (app_metadata.tenant_id, fva.1), a JSON Pointer (RFC 6901: /o/id), or one whole name that holds "://" (https://app.example/tenant).';

create function ucrm.text_claim(claims jsonb, path text)
returns text
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    return (
        select nullif(c.value #>> '{}', '')
        from ucrm.claim(claims, path) as c (value)
        where jsonb_typeof(c.value) = 'string'
    );
end
$$;
comment on function ucrm.text_claim(jsonb, text) is 'A claim that is text and not empty, else null.';

create function ucrm.shows_mfa(value jsonb, wanted text[])
returns boolean
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    return (
        select case jsonb_typeof(value)
            when 'boolean' then value = 'true'
            when 'number' then value >= '0'
            when 'string' then value #>> '{}' = any (wanted)
            when 'array' then value ?| wanted
            else false
        end
    );
end
$$;
comment on function ucrm.shows_mfa(jsonb, text[]) is
'Whether a claim says that a second factor was shown: true, a number from 0 (Clerk''s minutes since), one of the wanted words, or a list with one of them.';

create function ucrm.signed_in_at(value jsonb, issued jsonb, minutes boolean default false)
returns timestamptz
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    said numeric;
    issued_at constant numeric := case jsonb_typeof(issued) when 'number' then (issued #>> '{}')::numeric end;
begin
    said := case jsonb_typeof(value)
        when 'number' then (value #>> '{}')::numeric
        when 'array' then (
            select max((m.item ->> 'timestamp')::numeric)
            from jsonb_array_elements(value) as m (item)
            where jsonb_typeof(m.item -> 'timestamp') = 'number' and m.item ->> 'method' is distinct from 'token_refresh')
    end;
    -- Less than no minute is never.
    if minutes then
        said := case when said >= 0 then issued_at - 60 * said end;
    end if;
    -- Who was signed in tomorrow was not.
    return case when said <= extract(epoch from clock_timestamp()) + 60 and said > 0 then to_timestamp(least(said, extract(epoch from clock_timestamp()))::double precision) end;
end
$$;
comment on function ucrm.signed_in_at(jsonb, jsonb, boolean) is
'When a claim says that the person has shown who he is: a moment in seconds since 1970 (OpenID Connect''s auth_time), minutes before the token was issued (minutes: Clerk''s fva; issued: its iat), or a list of {method, timestamp}, of which the latest counts (Supabase''s amr). Null when it says nothing of it. A token that is new is no sign-in: providers renew them by themselves.';

create index tenants_external_id on ucrm.tenants (external_id) where external_id is not null;

create function ucrm.tenant_named(name text, outside boolean)
returns uuid
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    found_ids uuid[];
begin
    if tenant_named.name ~* '^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$' then
        return (select t.id from ucrm.tenants as t where t.id = tenant_named.name::uuid);
    end if;
    -- An outside name goes first: the issuer gave it, a slug its owner chose. Two tenants with one name are none.
    if outside then
        select array_agg(t.id) into found_ids from ucrm.tenants as t where t.external_id = tenant_named.name;
    end if;
    if found_ids is null then
        return (select t.id from ucrm.tenants as t where t.slug = tenant_named.name);
    end if;
    return case when cardinality(found_ids) = 1 then found_ids[1] end;
end
$$;
comment on function ucrm.tenant_named(text, boolean) is
'The tenant with this id or slug; outside: also with this external_id, which goes before a slug. Null where there is none or more than one. For kernel functions: it says who exists.';

create function ucrm.user_of_subject(i ucrm.issuers, claims jsonb)
returns uuid
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    whom constant text := ucrm.text_claim(claims, i.subject_claim);
    address constant text := ucrm.text_claim(claims, i.email_claim);
    known uuid;
begin
    if whom is null or length(whom) > 255 then
        return null;
    end if;
    select x.user_id into known from ucrm.user_identities as x where x.issuer_id = i.id and x.subject = whom;
    if known is not null then
        return known;
    end if;

    -- A stranger: his address, if the issuer has verified it, says who he is or may become.
    if not (i.link_by_email or i.create_users)
        or address is null or address !~ '^[^@\s]+@[^@\s]+$' or length(address) > 254
        or not (i.email_always_verified or coalesce(ucrm.claim(claims, i.email_verified_claim) = 'true', false))
        or pg_is_in_recovery() or current_setting('transaction_read_only')::boolean
    then
        return null;
    end if;
    -- One at a time for one subject.
    perform ucrm.lock('identity ' || i.id || whom);
    select x.user_id into known from ucrm.user_identities as x where x.issuer_id = i.id and x.subject = whom;
    if known is not null then
        return known;
    end if;
    -- An account whose address nobody verified may be somebody else's, made to be found here.
    if i.link_by_email then
        select u.id into known from ucrm.users as u where lower(u.email) = lower(address) and u.email_verified_at is not null;
    end if;
    if known is null and i.create_users then
        insert into ucrm.users (email, name, email_verified_at)
        values (address, left(coalesce(ucrm.text_claim(claims, i.name_claim), ''), 200), clock_timestamp())
        on conflict do nothing
        returning users.id into known;
    end if;
    if known is not null then
        insert into ucrm.user_identities (issuer_id, subject, user_id) values (i.id, whom, known);
        insert into ucrm.platform_audit_logs (action, user_id, detail)
        values ('identity.linked', known, jsonb_build_object('iss', i.iss, 'subject', whom));
    end if;
    return known;
end
$$;
comment on function ucrm.user_of_subject(ucrm.issuers, jsonb) is
'The user an issuer''s subject stands for. An unknown subject is linked to the account with its verified address, or gets one, if the issuer''s row says so; null otherwise. An account whose own address is not verified is not linked.';

create function ucrm.narrowing(tenant uuid, value jsonb)
returns text
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    return (
        select case jsonb_typeof(value)
            when 'string' then ucrm.role_grants(tenant, value #>> '{}')
            when 'array' then (
                select coalesce(string_agg(nullif(ucrm.role_grants(tenant, r.name), ''), ','), '')
                from jsonb_array_elements_text(value) as r (name)
            )
            else case when value is not null then '' end
        end
    );
end
$$;
comment on function ucrm.narrowing(uuid, jsonb) is
'What the role or roles of a claim grant in a tenant, as permission text: nothing for an unknown role or anything that is none; null without a claim.';

create function ucrm.wants_mfa(tenant uuid)
returns boolean
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    return (select coalesce((select t.settings -> 'mfa_required' = 'true' from ucrm.tenants as t where t.id = tenant), false));
end
$$;
comment on function ucrm.wants_mfa(uuid) is 'Whether a workspace wants its members to show a second factor.';

create function ucrm.principal_of_claims(i ucrm.issuers, claims jsonb, "user" uuid, expires_at timestamptz, named text)
returns ucrm.principal
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    asked jsonb := ucrm.claim(claims, i.tenant_claim);
    tenant uuid;
    p ucrm.principal;
begin
    if named is not null then
        tenant := ucrm.tenant_named(named, false);
    elsif coalesce(asked, '""') <> '""' then
        tenant := ucrm.tenant_named(ucrm.text_claim(claims, i.tenant_claim), true);
    else
        select (array_agg(m.tenant_id))[1] into tenant from ucrm.tenant_memberships as m where m.user_id = "user" having count(*) = 1;
    end if;

    -- What the token is about is not widened by a header.
    if named is not null and coalesce(asked, '""') <> '""'
        and tenant is distinct from ucrm.tenant_named(ucrm.text_claim(claims, i.tenant_claim), true)
    then
        tenant := null;
    end if;

    -- A tenant one is not in and a tenant that does not exist are the same: none.
    if exists (select from ucrm.tenant_memberships as m where m.tenant_id = tenant and m.user_id = "user") then
        p := ucrm.principal_of('member', tenant, "user", null, ucrm.narrowing(tenant, ucrm.claim(claims, i.role_claim)));
    else
        p := (
            select jsonb_populate_record(null::ucrm.principal, jsonb_build_object(
                'kind', 'member', 'user_id', u.id, 'permissions', '', 'member', false, 'disabled', false,
                'email_verified', u.email_verified_at is not null, 'read_only', false, 'platform_admin', false,
                'user_hits', l.hits, 'user_seconds', l.seconds))
            from ucrm.users as u
            cross join lateral ucrm.rate_limit('user', null) as l
            where u.id = "user"
        );
    end if;
    return jsonb_populate_record(p, jsonb_build_object('expires_at', expires_at, 'scopes', null,
        'fresh_until', coalesce(ucrm.signed_in_at(ucrm.claim(claims, i.fresh_claim), claims -> 'iat', i.fresh_claim like 'fva.%') + interval '10 minutes', '-infinity'),
        'mfa', ucrm.shows_mfa(ucrm.claim(claims, i.mfa_claim), i.mfa_values) or not ucrm.wants_mfa(p.tenant_id)));
end
$$;
comment on function ucrm.principal_of_claims(ucrm.issuers, jsonb, uuid, timestamptz, text) is
'The principal of a person who comes with an outside issuer''s token, fresh until ten minutes after he signed in there. Tenant: the one named (id or slug), else the claim''s (id, external_id or slug), else the only one the person is in. Not in it, or none: no tenant and member false. Permissions: the membership''s, narrowed by the role claim.';

create function ucrm.authenticate_jwt(token bytea, named text default null)
returns ucrm.principal
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    says record;
    own record;
    verdict record;
    i ucrm.issuers;
    p ucrm.principal;
    person uuid;
begin
    select * into says from ucrm.jwt_says(token);
    if says.iss is null then
        return null;
    elsif says.iss = 'ucrm' then
        select * into own from ucrm.open_session_token(token);
        if own.session is null then
            return null;
        end if;
        p := ucrm.principal_of_session(own.session, named);
        if p.user_id is distinct from own."user" then
            return null;
        end if;
        return jsonb_populate_record(p, jsonb_build_object('expires_at', least(p.expires_at, own.expires_at)));
    end if;

    select x.* into i from ucrm.issuers as x where x.iss = says.iss and x.enabled;
    if not found then
        return null;
    end if;
    select * into verdict
    from ucrm.verify_jwt(token, i.algorithms, i.jwks::text,
        case when says.alg = 'HS256' then ucrm.issuer_secret(i.id) end,
        i.iss, i.audience, i.authorized_parties, i.types);
    if verdict.fault = 'unknown_key' and coalesce(i.jwks_wanted_at < clock_timestamp() - interval '1 minute', true) then
        perform ucrm.want_jwks(i.id);
    end if;
    if verdict.fault is not null
        or exists (select from jsonb_each(i.refused_claims) as r where ucrm.claim(verdict.claims::jsonb, r.key) = r.value)
    then
        return null;
    end if;

    person := ucrm.user_of_subject(i, verdict.claims::jsonb);
    if person is null then
        return null;
    end if;
    return ucrm.principal_of_claims(i, verdict.claims::jsonb, person, verdict.expires_at, named);
end
$$;
comment on function ucrm.authenticate_jwt(bytea, text) is
'The principal a token stands for, as a member; null when it is not valid, for any reason. named: the tenant that the request names. It may write: a key set that is wanted, a new identity, a new account. expires_at: when the token ends, or its session before that.';

grant execute on function
    ucrm.session_token(uuid, uuid, timestamptz), ucrm.open_session_token(bytea), ucrm.jwt_says(bytea),
    ucrm.verify_jwt(bytea, text[], text, bytea, text, text[], text[], text[])
to ucrm_owner;
