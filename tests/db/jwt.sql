-- Tokens: who comes with one, as whom, where, and with what; and that everything else is nobody.
\ir scene.psql
\set secret 'a secret of forty bytes, or a few more than that'
\set id 'https://id.example'

create function pg_temp.base64url(bytes bytea) returns text language sql as $$
    select translate(encode(bytes, 'base64'), E'+/=\n', '-_');
$$;
-- RFC 2104, for keys of 64 bytes at most.
create function pg_temp.hmac(key bytea, message bytea) returns bytea language plpgsql as $$
declare
    inner_pad bytea := decode(repeat('36', 64), 'hex');
    outer_pad bytea := decode(repeat('5c', 64), 'hex');
begin
    for n in 0 .. length(key) - 1 loop
        inner_pad := set_byte(inner_pad, n, get_byte(key, n) # 54);
        outer_pad := set_byte(outer_pad, n, get_byte(key, n) # 92);
    end loop;
    return sha256(outer_pad || sha256(inner_pad || message));
end
$$;
create function pg_temp.signed(key bytea, header text, claims text) returns bytea language sql as $$
    select (x.signed || '.' || pg_temp.base64url(pg_temp.hmac(key, x.signed::bytea)))::bytea
    from (select pg_temp.base64url(header::bytea) || '.' || pg_temp.base64url(claims::bytea) as signed) as x;
$$;
create function pg_temp.now() returns bigint language sql as $$ select extract(epoch from clock_timestamp())::bigint $$;
-- A token of id.example for alice, with these claims beside or instead; null takes one away.
create function pg_temp.token(claims jsonb default '{}', header jsonb default '{"alg": "HS256", "typ": "JWT"}') returns bytea language sql as $$
    select pg_temp.signed('a secret of forty bytes, or a few more than that', header::text,
        jsonb_strip_nulls(jsonb_build_object('iss', 'https://id.example', 'aud', 'api', 'sub', 'alice', 'iat', pg_temp.now(), 'exp', pg_temp.now() + 300) || claims)::text);
$$;
-- What comes of a token, in a few words: role@tenant, or what else it is.
create function pg_temp.told(token bytea, named text default null) returns text language plpgsql as $$
declare
    p ucrm.principal := ucrm.authenticate_jwt(token, named);
begin
    return case
        when p.kind is null then 'nobody'
        when p.tenant_id is null then format('%s without a workspace', p.kind)
        else format('%s %s@%s%s', p.kind, p.role, (select t.slug from ucrm.tenants as t where t.id = p.tenant_id), case when not p.member then ', no member' when p.disabled then ', disabled' end)
    end;
end
$$;
create function pg_temp.trust(claims text default '{}') returns void language plpgsql as $$
begin
    perform ucrm.add_issuer('https://id.example', audience => '{api}', algorithms => '{HS256}', secret => 'a secret of forty bytes, or a few more than that',
        email_claim => 'email', email_verified_claim => 'email_verified', tenant_claim => 'org', role_claim => 'roles', mfa_claim => 'mfa', refused_claims => '{"sts": "pending", "o.frozen": true}');
    insert into ucrm.user_identities (issuer_id, subject, user_id) select i.id, 'alice', s.owner from ucrm.issuers as i, scene as s;
end
$$;

-- Whom a subject stands for.
begin;
select pg_temp.trust();
select is(pg_temp.told(pg_temp.token()), 'member owner@acme', 'a subject stands for a user, in his only workspace');
select is((p.user_id, p.tenant_id, p.member, p.disabled, p.scopes, p.read_only, p.platform_admin)::text, (:'owner'::uuid, :'acme'::uuid, true, false, null::text, false, false)::text, 'who acts as a member, like one of a session')
from ucrm.authenticate_jwt(pg_temp.token(), null) as p;
select is(p.permissions, (ucrm.principal_of('member', :'acme', :'owner')).permissions, 'with what his membership grants') from ucrm.authenticate_jwt(pg_temp.token(), null) as p;
select is(p.expires_at, to_timestamp(2000000000), 'until the token ends') from ucrm.authenticate_jwt(pg_temp.token('{"exp": 2000000000}'), null) as p;
select is(pg_temp.told(pg_temp.token(j::jsonb)), 'nobody', 'nobody comes of ' || j)
from unnest(array['{"sub": "bob"}', '{"sub": "Alice"}', '{"sub": "alice "}', '{"sub": ""}', '{"sub": null}', '{"sub": 7}', '{"sub": ["alice"]}', '{"sub": {"sub": "alice"}}']) as j;
select is(pg_temp.told(pg_temp.token(jsonb_build_object('sub', repeat('x', 300)))), 'nobody', 'nor of a subject without end');
update ucrm.issuers set subject_claim = 'user.id';
select is(pg_temp.told(pg_temp.token('{"sub": "x", "user": {"id": "alice"}}')), 'member owner@acme', 'the subject may be elsewhere');
select is(pg_temp.told(pg_temp.token()), 'nobody', 'and is then nowhere else');
rollback;

-- Another issuer's alice.
begin;
select pg_temp.trust();
select ucrm.add_issuer('https://evil.example', audience => '{api}', algorithms => '{HS256}', secret => 'a secret of forty bytes, or a few more than this') \g /dev/null
select is(pg_temp.told(pg_temp.signed('a secret of forty bytes, or a few more than this', '{"alg": "HS256"}', jsonb_build_object('iss', 'https://evil.example', 'aud', 'api', 'sub', 'alice', 'exp', pg_temp.now() + 9)::text)), 'nobody', 'another issuer''s alice is somebody else');
select is(pg_temp.told(pg_temp.signed('a secret of forty bytes, or a few more than this', '{"alg": "HS256"}', jsonb_build_object('iss', 'https://id.example', 'aud', 'api', 'sub', 'alice', 'exp', pg_temp.now() + 9)::text)), 'nobody', 'and nobody signs in another''s name');
update ucrm.issuers set enabled = false where iss = :'id';
select is(pg_temp.told(pg_temp.token()), 'nobody', 'an issuer that is off says nothing');
update ucrm.issuers set enabled = true;
select is(pg_temp.told(pg_temp.token()), 'member owner@acme', 'until it is on again');
select ucrm.set_issuer_secret(:'id', repeat('y', 40)::bytea);
select is(pg_temp.told(pg_temp.token()), 'nobody', 'a secret that was changed signs no more');
select ucrm.set_issuer_secret(:'id', :'secret'::bytea);
update ucrm.issuer_secrets set sealed = set_byte(sealed, 1, 255 - get_byte(sealed, 1));
select is(pg_temp.told(pg_temp.token()), 'nobody', 'nor one whose key is not in the key file');
select ucrm.remove_issuer(:'id');
select is(pg_temp.told(pg_temp.token()), 'nobody', 'an issuer that was removed says nothing');
rollback;

-- Everything else is nobody (the whole list of what a token must not be is in ucrm_ext/tests/jwt.rs).
begin;
select pg_temp.trust();
select is(pg_temp.told(t), 'nobody', 'not a token: ' || encode(t, 'escape'))
from unnest(array[null, '', '.', '..', '...', 'x', 'x.y.z', '{"iss": "https://id.example"}', '\x00', '\xff2e2e']::bytea[]) as t;
select is(pg_temp.told(pg_temp.token(claims::jsonb, header::jsonb)), 'nobody', format('%s: %s %s', why, header, claims))
from (values
    ('algorithm', '{"alg": "none"}', '{}'), ('algorithm', '{"alg": "HS512"}', '{}'), ('algorithm', '{"alg": "RS256"}', '{}'), ('algorithm', '{}', '{}'),
    ('header', '{"alg": "HS256", "crit": ["exp"]}', '{}'), ('header', '{"alg": "HS256", "jku": "https://evil.example"}', '{}'), ('header', '{"alg": "HS256", "b64": false}', '{}'),
    ('type', '{"alg": "HS256", "typ": "logout+jwt"}', '{}'),
    ('expiry', '{"alg": "HS256"}', '{"exp": null}'), ('expiry', '{"alg": "HS256"}', '{"exp": 1700000000}'), ('expiry', '{"alg": "HS256"}', '{"exp": "2000000000"}'), ('expiry', '{"alg": "HS256"}', '{"exp": 1e300}'),
    ('future', '{"alg": "HS256"}', '{"nbf": 2000000000}'), ('future', '{"alg": "HS256"}', '{"iat": 2000000000}'),
    ('audience', '{"alg": "HS256"}', '{"aud": null}'), ('audience', '{"alg": "HS256"}', '{"aud": "other"}'), ('audience', '{"alg": "HS256"}', '{"aud": ["other"]}'),
    ('issuer', '{"alg": "HS256"}', '{"iss": "https://id.example/"}'), ('issuer', '{"alg": "HS256"}', '{"iss": null}'), ('issuer', '{"alg": "HS256"}', '{"iss": ["https://id.example"]}'),
    ('delegated', '{"alg": "HS256"}', '{"act": {"sub": "support"}}'),
    ('refused', '{"alg": "HS256"}', '{"sts": "pending"}'), ('refused', '{"alg": "HS256"}', '{"o": {"frozen": true}}')
) as v (why, header, claims);
select is(pg_temp.told(pg_temp.token('{"sts": "active", "o": {"frozen": false}}')), 'member owner@acme', 'what is not refused is taken');
select is(pg_temp.told(pg_temp.token('{"aud": ["x", "api"]}')), 'member owner@acme', 'one audience of several is enough');
select is(pg_temp.told(pg_temp.signed(:'secret', '{"alg": "HS256"}', format('{"sub": "bob", "iss": "https://id.example", "aud": "api", "sub": "alice", "exp": %s}', pg_temp.now() + 9))), 'nobody', 'a claim given twice');
select is(pg_temp.told(pg_temp.token(jsonb_build_object('pad', repeat('x', 17000)))), 'nobody', 'more than 16 KiB');
rollback;

-- Strangers: linked by address, or given an account, only where the issuer's row says so and the address is verified.
begin;
select pg_temp.trust();
select u.email as address from ucrm.users as u where u.id = :'stranger' \gset
select jsonb_build_object('sub', 'bob', 'email', :'address', 'email_verified', true) as bob \gset
select is(pg_temp.told(pg_temp.token(:'bob')), 'nobody', 'an address links nobody by itself');
update ucrm.issuers set link_by_email = true;
select is(pg_temp.told(pg_temp.token(:'bob'::jsonb || j::jsonb)), 'nobody', 'nor unverified: ' || j)
from unnest(array['{"email_verified": false}', '{"email_verified": null}', '{"email_verified": "true"}', '{"email_verified": 1}', '{"email_verified": [true]}', '{"email": null}', '{"email": ["x@y.example"]}', '{"email": "nobody@nowhere.example"}', '{"email": " "}']) as j;
update ucrm.users set email_verified_at = null where id = :'stranger';
select is(pg_temp.told(pg_temp.token(:'bob')), 'nobody', 'nor with an account whose own address nobody verified');
update ucrm.users set email_verified_at = clock_timestamp() where id = :'stranger';
select is(pg_temp.told(pg_temp.token(jsonb_set(:'bob', '{email}', to_jsonb(upper(:'address'))))), 'member owner@globex', 'a verified address finds its account, in any case');
select is(pg_temp.told(pg_temp.token('{"sub": "bob"}')), 'member owner@globex', 'which is remembered: the address is not asked again');
select is((select user_id from ucrm.platform_audit_logs where action = 'identity.linked'), :'stranger', 'the platform''s audit knows');
delete from ucrm.user_identities where subject = 'bob';
update ucrm.issuers set email_verified_claim = null;
select is(pg_temp.told(pg_temp.token(:'bob')), 'nobody', 'an issuer that does not say whether it verified is not believed');
update ucrm.issuers set email_always_verified = true;
select is(pg_temp.told(pg_temp.token(:'bob')), 'member owner@globex', 'unless its row says that it always does');
rollback;

begin;
select pg_temp.trust();
select jsonb_build_object('sub', 'carol', 'email', 'Carol@new.example', 'email_verified', true, 'name', 'Carol') as carol \gset
select is(pg_temp.told(pg_temp.token(:'carol')), 'nobody', 'nobody is given an account by itself');
update ucrm.issuers set create_users = true;
select is(pg_temp.told(pg_temp.token(:'carol'::jsonb || '{"email_verified": false}')), 'nobody', 'nor for an address that is not verified');
select is(pg_temp.told(pg_temp.token(:'carol'::jsonb || jsonb_build_object('email', e))), 'nobody', 'nor for what is no address: ' || e) from unnest(array['carol', 'a b@new.example', 'a@b@c', repeat('x', 300) || '@new.example']) as e;
select is(pg_temp.told(pg_temp.token(:'carol')), 'member without a workspace', 'a new person has no workspace');
select is((u.email, u.name, u.email_verified_at is not null)::text, '(Carol@new.example,Carol,t)', 'but an account with the verified address') from ucrm.users as u where lower(u.email) = 'carol@new.example';
select is((p.user_id is not null, p.member, p.permissions, p.email_verified, p.platform_admin, p.user_hits)::text, (true, false, '', true, false, (ucrm.rate_limit('user', null)).hits)::text, 'is nobody''s member, and counts as a person') from ucrm.authenticate_jwt(pg_temp.token(:'carol'), null) as p;
select is(pg_temp.told(pg_temp.token('{"sub": "carol", "email": "other@new.example", "email_verified": true}')), 'member without a workspace', 'a known subject makes no second one');
select is((select count(*) from ucrm.users where email like '%@new.example'), 1::bigint, 'whatever its address is now');
select is(pg_temp.told(pg_temp.token('{"sub": "mallory", "email": "carol@NEW.example", "email_verified": true}')), 'nobody', 'an address that has an account makes no second one, nor opens the first');
select is(pg_temp.told(pg_temp.token(jsonb_build_object('sub', 'mallory', 'email_verified', true, 'email', (select email from ucrm.users where id = :'owner')))), 'nobody', 'nor anybody else''s');
delete from ucrm.users where email = 'Carol@new.example';
select is((select count(*) from ucrm.user_identities where subject = 'carol'), 0::bigint, 'an account that goes takes its identities along');
set local transaction_read_only = on;
select is(pg_temp.told(pg_temp.token(:'carol')), 'nobody', 'where nothing can be written nobody is made');
select is(pg_temp.told(pg_temp.token()), 'member owner@acme', 'and who is known is known');
rollback;

-- Which workspace.
begin;
select pg_temp.trust();
update ucrm.tenants set external_id = 'org_acme' where id = :'acme';
update ucrm.tenants set external_id = 'org_globex' where id = :'globex';
select is(pg_temp.told(pg_temp.token(), n), 'member owner@acme', 'named: ' || n) from unnest(array['acme', :'acme', upper(:'acme')]) as n;
select is(pg_temp.told(pg_temp.token(), n), 'member without a workspace', 'not his, or none: ' || n) from unnest(array['globex', :'globex', 'nowhere', :'owner', '', 'ACME', 'org_acme', 'acme''--']) as n;
select is(pg_temp.told(pg_temp.token(jsonb_build_object('org', n))), 'member owner@acme', 'claimed: ' || n) from unnest(array['acme', :'acme', 'org_acme']) as n;
select is(pg_temp.told(pg_temp.token(jsonb_build_object('org', j::jsonb))), 'member without a workspace', 'claimed, not his or none: ' || j) from unnest(array['"globex"', format('"%s"', :'globex'), '"org_globex"', '"nowhere"', '7', '["acme"]', '{"slug": "acme"}', 'true']) as j;
select is(pg_temp.told(pg_temp.token(j::jsonb)), 'member owner@acme', 'no claim: ' || j) from unnest(array['{}', '{"org": ""}', '{"org": null}']) as j;
select is((select p from ucrm.authenticate_jwt(pg_temp.token('{"exp": 2000000000}'), 'globex') as p)::text, (select p from ucrm.authenticate_jwt(pg_temp.token('{"exp": 2000000000}'), 'nowhere') as p)::text, 'another''s workspace and none are the same');
select is(pg_temp.told(pg_temp.token('{"org": "globex"}'), 'acme'), 'member without a workspace', 'a header does not widen what the token is about');
insert into ucrm.tenant_memberships (tenant_id, user_id, role) values (:'globex', :'owner', 'reader');
select is(pg_temp.told(pg_temp.token()), 'member without a workspace', 'of two workspaces none is meant');
select is(pg_temp.told(pg_temp.token('{"org": "org_globex"}')), 'member reader@globex', 'the claim says which');
select is(pg_temp.told(pg_temp.token('{"org": "org_globex"}'), 'acme'), 'member without a workspace', 'and a request that says another has none');
update ucrm.tenants set external_id = 'acme' where id = :'globex';
select is(pg_temp.told(pg_temp.token('{"org": "acme"}')), 'member reader@globex', 'a name that the issuer gave goes before a slug that an owner chose');
update ucrm.tenants set external_id = 'org_1' where id in (:'acme', :'globex');
select is(pg_temp.told(pg_temp.token('{"org": "org_1"}')), 'member without a workspace', 'a name that two have is nobody''s');
update ucrm.tenant_memberships set disabled_at = clock_timestamp() where user_id = :'owner' and tenant_id = :'globex';
select is(pg_temp.told(pg_temp.token(), 'globex'), 'member reader@globex, disabled', 'a disabled member is one, disabled');
select is((p).permissions, '', 'who holds nothing') from ucrm.authenticate_jwt(pg_temp.token(), 'globex') as p;
update ucrm.tenants set status = 'suspended' where id = :'acme';
select is((p.status, ucrm.permissions_cover(p.permissions, 'contacts:read'))::text, '(suspended,f)', 'a closed workspace is closed') from ucrm.authenticate_jwt(pg_temp.token(), 'acme') as p;
rollback;

-- The role a token names narrows, and never widens.
begin;
select pg_temp.trust();
insert into ucrm.roles (tenant_id, name) values (:'acme', 'sales');
insert into ucrm.role_permissions (tenant_id, role, resource, action, scope) values (:'acme', 'sales', 'contacts', 'read', 'all'), (:'acme', 'sales', 'contacts', 'update', 'own');
create function pg_temp.may(roles jsonb) returns text language sql as $$
    select string_agg(x, ' ' order by x) from unnest(array['billing:update', 'contacts:delete', 'contacts:read', 'contacts:update', 'members:delete']) as x
    where ucrm.permissions_cover((ucrm.authenticate_jwt(pg_temp.token(jsonb_build_object('roles', roles)), 'acme')).permissions, x);
$$;
select is(pg_temp.may(null), 'billing:update contacts:delete contacts:read contacts:update members:delete', 'without one an owner is an owner');
select is(pg_temp.may('"admin"'), 'contacts:delete contacts:read contacts:update members:delete', 'as an admin he is an admin');
select is(pg_temp.may('"reader"'), 'contacts:read', 'as a reader he reads');
select is(pg_temp.may('"sales"'), 'contacts:read', 'the workspace''s own roles count too');
select is(pg_temp.may('["sales", "reader", "unknown"]'), 'contacts:read', 'of several each counts');
select is(pg_temp.may('["admin", "reader"]'), 'contacts:delete contacts:read contacts:update members:delete', 'together');
select is(pg_temp.may(j::jsonb), null, 'nothing is granted by ' || j) from unnest(array['"unknown"', '"*:*"', '"contacts:read"', '""', '[]', '["unknown"]', '[["owner"]]', '{"role": "owner"}', '7', 'true', '"OWNER"', '" owner"']) as j;
update ucrm.tenant_memberships set role = 'admin' where user_id = :'owner' and tenant_id = :'globex';
insert into ucrm.users (email) values ('second@owner.example') returning id as second \gset
insert into ucrm.tenant_memberships (tenant_id, user_id, role) values (:'acme', :'second', 'owner');
update ucrm.tenant_memberships set role = 'reader' where user_id = :'owner' and tenant_id = :'acme';
select is(pg_temp.may('"owner"'), 'contacts:read', 'a reader who is called an owner is a reader');
select is((p).role, 'reader', 'his role is his membership''s') from ucrm.authenticate_jwt(pg_temp.token('{"roles": "owner"}'), 'acme') as p;
rollback;

-- Paths, and the second factor.
select is(ucrm.claim('{"o": {"id": "x", "": 1}, "a": [1, "y"], "https://a.example/b": "z", "a/b": 1, "m~n": 2, "n": null, "f": false}', path), wanted::jsonb, 'the claim at ' || path)
from (values
    ('o.id', '"x"'), ('/o/id', '"x"'), ('a.1', '"y"'), ('/a/1', '"y"'), ('https://a.example/b', '"z"'), ('/a~1b', '1'), ('/m~0n', '2'), ('/o/', '1'),
    ('o', '{"id": "x", "": 1}'), ('n', null), ('f', 'false'), ('missing', null), ('o.missing', null), ('o.id.more', null), ('a.7', null)
) as v (path, wanted);
select is(ucrm.claim('{"a": 1}', null), null, 'no path, no claim');
select is(ucrm.shows_mfa(v.value::jsonb, '{mfa,aal2}'), v.wanted, format('a second factor in %s: %s', v.value, v.wanted))
from (values
    ('true', true), ('false', false), ('"mfa"', true), ('"aal2"', true), ('"aal1"', false), ('"MFA"', false), ('["pwd", "mfa"]', true), ('["pwd"]', false), ('[]', false),
    ('0', true), ('12', true), ('-1', false), ('-0.5', false), ('null', false), ('{"mfa": true}', false), ('"true"', false), (null, false)
) as v (value, wanted);

-- What the four presets' tokens come to, as their documentation shows them.
begin;
select ucrm.add_issuer('https://clerk.acme.example', 'clerk', authorized_parties => '{https://app.acme.example}', algorithms => '{HS256}', secret => :'secret'::bytea) as clerk \gset
select ucrm.add_issuer('https://app.acme.example', 'better_auth', algorithms => '{HS256}', secret => :'secret'::bytea, link_by_email => true) as better \gset
select ucrm.add_issuer('https://acme.eu.auth0.com/', 'auth0', audience => '{https://api.acme.example}', algorithms => '{HS256}', secret => :'secret'::bytea) as auth0 \gset
select ucrm.add_issuer('https://abcdefghijklmnopqrst.supabase.co/auth/v1', 'supabase', algorithms => '{HS256}', secret => :'secret'::bytea) as supabase \gset
insert into ucrm.user_identities (issuer_id, subject, user_id)
values (:'clerk', 'user_123', :'owner'), (:'auth0', 'auth0|6553da60a54af58e29493993', :'owner'), (:'supabase', '123e4567-e89b-12d3-a456-426614174000', :'owner');
update ucrm.tenants set external_id = 'org_123' where id = :'acme';
select u.email as address from ucrm.users as u where u.id = :'owner' \gset
create function pg_temp.of(claims jsonb, header jsonb default '{"alg": "HS256", "kid": "k", "typ": "JWT"}') returns bytea language sql as $$
    select pg_temp.signed('a secret of forty bytes, or a few more than that', header::text, (jsonb_build_object('iat', pg_temp.now(), 'exp', pg_temp.now() + 60) || claims)::text);
$$;
\set clerk_token '{"azp": "https://app.acme.example", "fva": [7, -1], "iss": "https://clerk.acme.example", "jti": "1234567890", "nbf": 1713158400, "sid": "sess_123", "sub": "user_123", "v": 2, "pla": "u:free,o:pro", "fea": "o:dashboard", "sts": "active", "o": {"id": "org_123", "slg": "other", "rol": "admin", "per": "read,manage", "fpm": "3"}}'
select is(pg_temp.told(pg_temp.of(:'clerk_token', '{"alg": "HS256", "cat": "cl_B7d4PD111AAA", "kid": "ins_3", "typ": "JWT"}')), 'member owner@acme', 'Clerk: the organization''s id is the workspace''s outside name');
select is(ucrm.permissions_cover((ucrm.authenticate_jwt(pg_temp.of(:'clerk_token'), null)).permissions, 'billing:update'), false, 'Clerk: the organization''s admin is no owner');
select is(ucrm.shows_mfa(ucrm.claim(x.j, i.mfa_claim), i.mfa_values), x.wanted, 'Clerk: a second factor ' || (x.j ->> 'fva')) from ucrm.issuers as i, (values (:'clerk_token'::jsonb, false), (:'clerk_token'::jsonb || '{"fva": [7, 3]}', true)) as x (j, wanted) where i.id = :'clerk';
select is(pg_temp.told(pg_temp.of(:'clerk_token'::jsonb || j::jsonb)), 'nobody', 'Clerk: ' || j) from unnest(array['{"sts": "pending"}', '{"azp": "https://evil.example"}', '{"azp": null}', '{"act": {"iss": "https://dashboard.clerk.com", "sid": "sess_456", "sub": "user_456"}}', '{"aud": "other"}']) as j;
select jsonb_build_object('iss', 'https://app.acme.example', 'aud', 'https://app.acme.example', 'sub', 'kJ3n', 'id', 'kJ3n', 'email', :'address', 'emailVerified', true, 'name', 'Ada', 'createdAt', '2026-01-01T00:00:00.000Z') as better_token \gset
select is(pg_temp.told(pg_temp.of(:'better_token', '{"alg": "HS256", "kid": "k"}')), 'member owner@acme', 'Better Auth: linked by the verified address');
select is(pg_temp.told(pg_temp.of(:'better_token'::jsonb || '{"sub": "other", "emailVerified": false}')), 'nobody', 'Better Auth: not by another');
\set auth0_token '{"iss": "https://acme.eu.auth0.com/", "sub": "auth0|6553da60a54af58e29493993", "aud": ["https://api.acme.example", "https://acme.eu.auth0.com/userinfo"], "azp": "my_client_id", "scope": "openid profile", "org_id": "org_123", "permissions": ["read:bar"]}'
select is(pg_temp.told(pg_temp.of(:'auth0_token')), 'member owner@acme', 'Auth0: its own profile');
select is(pg_temp.told(pg_temp.of(:'auth0_token'::jsonb - 'azp' || '{"client_id": "my_client_id", "jti": "73Wa"}', '{"alg": "HS256", "kid": "k", "typ": "at+jwt"}')), 'member owner@acme', 'Auth0: the profile of RFC 9068');
select is(pg_temp.told(pg_temp.of(:'auth0_token'::jsonb || j::jsonb)), 'nobody', 'Auth0: ' || j) from unnest(array['{"gty": "client-credentials"}', '{"aud": "my_client_id"}', '{"aud": "https://acme.eu.auth0.com/userinfo"}']) as j;
\set supabase_token '{"aal": "aal2", "amr": [{"method": "password", "timestamp": 1640991600}], "app_metadata": {"provider": "email"}, "aud": "authenticated", "email": "user@example.com", "iss": "https://abcdefghijklmnopqrst.supabase.co/auth/v1", "phone": "", "role": "authenticated", "session_id": "123e4567-e89b-12d3-a456-426614174000", "sub": "123e4567-e89b-12d3-a456-426614174000", "user_metadata": {"name": "John Doe", "email_verified": true}, "is_anonymous": false}'
select is(pg_temp.told(pg_temp.of(:'supabase_token')), 'member owner@acme', 'Supabase: a signed-in user');
select is(pg_temp.told(pg_temp.of(jsonb_set(:'supabase_token', '{app_metadata,tenant_id}', '"globex"'))), 'member without a workspace', 'Supabase: the workspace of its metadata');
select is(pg_temp.told(pg_temp.of(:'supabase_token'::jsonb || j::jsonb)), 'nobody', 'Supabase: ' || j) from unnest(array['{"is_anonymous": true}', '{"aud": "anon"}', '{"iss": "supabase", "role": "service_role"}']) as j;
update ucrm.issuers set link_by_email = true, create_users = true where id = :'supabase';
select is(pg_temp.told(pg_temp.of(:'supabase_token'::jsonb || '{"sub": "new"}')), 'nobody', 'Supabase: what users write of themselves verifies no address');
rollback;

-- Keys of an issuer's own, made here.
\set folder `mktemp -d`
\set made `for kind in rsa ec ec384 ed; do tests/db/token.sh key $kind :'folder'/$kind; done; tests/db/token.sh key ed :'folder'/old`
\set jwks `tests/db/token.sh jwks :'folder'/rsa :'folder'/ec :'folder'/ec384 :'folder'/ed :'folder'/old`
select jsonb_build_object('iss', 'https://id.example', 'aud', 'api', 'sub', 'alice', 'exp', pg_temp.now() + 600) as claims \gset
\set rs256 `tests/db/token.sh sign RS256 :'folder'/rsa '{"alg":"RS256","kid":"rsa"}' :'claims'`
\set ps256 `tests/db/token.sh sign PS256 :'folder'/rsa '{"alg":"PS256","kid":"rsa"}' :'claims'`
\set es256 `tests/db/token.sh sign ES256 :'folder'/ec '{"alg":"ES256","kid":"ec"}' :'claims'`
\set es384 `tests/db/token.sh sign ES384 :'folder'/ec384 '{"alg":"ES384","kid":"ec384"}' :'claims'`
\set eddsa `tests/db/token.sh sign EdDSA :'folder'/ed '{"alg":"EdDSA","kid":"ed"}' :'claims'`
\set old `tests/db/token.sh sign EdDSA :'folder'/old '{"alg":"EdDSA","kid":"old"}' :'claims'`
\set unknown `tests/db/token.sh sign EdDSA :'folder'/ed '{"alg":"EdDSA","kid":"new"}' :'claims'`
\set unnamed `tests/db/token.sh sign ES384 :'folder'/ec384 '{"alg":"ES384"}' :'claims'`
\set two `tests/db/token.sh sign EdDSA :'folder'/ed '{"alg":"EdDSA"}' :'claims'`
\set other `tests/db/token.sh sign EdDSA :'folder'/old '{"alg":"EdDSA","kid":"ed"}' :'claims'`
\set der `tests/db/token.sh sign ES256-DER :'folder'/ec '{"alg":"ES256","kid":"ec"}' :'claims'`
\set pem `tests/db/token.sh sign HS256-PEM :'folder'/rsa '{"alg":"HS256","kid":"rsa"}' :'claims'`
\set none `tests/db/token.sh sign none :'folder'/rsa '{"alg":"none","kid":"rsa"}' :'claims'`
\set stripped `tests/db/token.sh sign none :'folder'/rsa '{"alg":"RS256","kid":"rsa"}' :'claims'`
\set jwk `tests/db/token.sh jwks :'folder'/old`
select jsonb_build_object('alg', 'EdDSA', 'kid', 'old', 'jwk', :'jwk'::jsonb #> '{keys,0}')::text as header \gset
\set embedded `tests/db/token.sh sign EdDSA :'folder'/old :'header' :'claims'`
begin;
select ucrm.add_issuer(:'id', audience => '{api}', algorithms => '{RS256,PS256,ES256,ES384,EdDSA}', jwks => :'jwks', jwks_url => 'https://id.example/jwks') as issuer \gset
insert into ucrm.user_identities (issuer_id, subject, user_id) values (:'issuer', 'alice', :'owner');
select is(jsonb_path_query_array(jwks, '$.keys[*].kid'), '["rsa", "ec", "ec384", "ed", "old"]', 'five keys of four types') from ucrm.issuers where id = :'issuer';
select is(pg_temp.told(token::bytea), 'member owner@acme', name || ' holds')
from (values ('RS256', :'rs256'), ('PS256', :'ps256'), ('ES256', :'es256'), ('ES384', :'es384'), ('EdDSA', :'eddsa'), ('another key of the set', :'old'), ('no kid, and one fitting key', :'unnamed')) as v (name, token);
select is(pg_temp.told(token::bytea), 'nobody', name || ' does not hold')
from (values ('another''s signature', :'other'), ('a signature in DER', :'der'), ('a public key as secret', :'pem'), ('none', :'none'), ('no signature', :'stripped'), ('a key in the header', :'embedded'),
             ('no kid, and two fitting keys', :'two')) as v (name, token);
select is((select jwks_wanted_at from ucrm.issuers where id = :'issuer'), null, 'none of that asks for other keys');
update ucrm.issuers set algorithms = '{RS256,PS256,ES256,ES384,EdDSA,HS256}' where id = :'issuer';
select is(pg_temp.told(:'pem'::bytea), 'nobody', 'a public key is no secret where the issuer has none');
select ucrm.set_issuer_secret(:'id', :'secret');
select is(pg_temp.told(:'pem'::bytea), 'nobody', 'a public key is no secret even where the issuer has one');
update ucrm.issuers set algorithms = '{ES256}' where id = :'issuer';
select is(pg_temp.told(:'rs256'::bytea), 'nobody', 'an algorithm that the issuer does not use');
select is(pg_temp.told(:'es256'::bytea), 'member owner@acme', 'beside the one it uses');
update ucrm.issuers set algorithms = '{EdDSA}' where id = :'issuer';

-- A key that went, a key that is new.
update ucrm.issuers set jwks = jsonb_build_object('keys', jsonb_path_query_array(jwks, '$.keys[*] ? (@.kid == "ed")')) where id = :'issuer';
select is(pg_temp.told(:'eddsa'::bytea), 'member owner@acme', 'a key that stayed');
select is(pg_temp.told(:'old'::bytea), 'nobody', 'a key that was removed signs no more');
select ok(jwks_wanted_at > clock_timestamp() - interval '5 seconds', 'an unknown key has the set fetched') from ucrm.issuers where id = :'issuer';
select ctid as place from ucrm.issuers where id = :'issuer' \gset
select is(pg_temp.told(:'unknown'::bytea), 'nobody', 'a key nobody knows') from generate_series(1, 5);
select is(ctid, :'place'::tid, 'asks no more for a minute, and writes nothing') from ucrm.issuers where id = :'issuer';
update ucrm.issuers set jwks_wanted_at = clock_timestamp() - interval '61 seconds' where id = :'issuer';
select is(pg_temp.told(:'unknown'::bytea), 'nobody', 'and then again');
select ok(jwks_wanted_at > clock_timestamp() - interval '5 seconds', 'it is asked for') from ucrm.issuers where id = :'issuer';
select claim from ucrm.due_jwks() \gset
select is(ucrm.store_jwks(:'issuer', :'claim', :'jwks', 600, null), true, 'the gateway brings the new set');
select is(pg_temp.told(:'old'::bytea), 'member owner@acme', 'and the key signs');
update ucrm.issuers set jwks = null where id = :'issuer';
select is(pg_temp.told(:'eddsa'::bytea), 'nobody', 'without a set nobody signs');
rollback;
\set made `rm -r :'folder'`

-- Our own.
begin;
create or replace function ucrm.principal_of_session(id uuid, named text) returns ucrm.principal language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
begin
    return (select jsonb_populate_record(ucrm.principal_of('member', s.acme, s.owner), '{"expires_at": "2100-01-01 00:00:00+00"}') from pg_temp.scene as s where principal_of_session.id = '11111111-1111-7111-8111-111111111111' and coalesce(named, 'acme') = 'acme');
end
$$;
grant select on scene to ucrm_owner;
select ucrm.session_token('11111111-1111-7111-8111-111111111111', :'owner', clock_timestamp() + interval '5 minutes') as own \gset
select is(pg_temp.told(:'own'::bytea), 'member owner@acme', 'our own token is its session''s');
select ok(p.expires_at between clock_timestamp() + interval '4 minutes' and clock_timestamp() + interval '5 minutes', 'until the token ends') from ucrm.authenticate_jwt(:'own', null) as p;
select is(p.expires_at, '2100-01-01 00:00:00+00', 'or the session, whichever is first')
from ucrm.authenticate_jwt(ucrm.session_token('11111111-1111-7111-8111-111111111111', :'owner', '2200-01-01')::bytea, null) as p;
select is(pg_temp.told(:'own'::bytea, 'globex'), 'nobody', 'the session says which workspace it may have');
select is(pg_temp.told(ucrm.session_token(ucrm.uuid7(), :'owner', clock_timestamp() + interval '5 minutes')::bytea), 'nobody', 'a session that is over');
select is(pg_temp.told(ucrm.session_token('11111111-1111-7111-8111-111111111111', :'stranger', clock_timestamp() + interval '5 minutes')::bytea), 'nobody', 'a session of somebody else');
select is(pg_temp.told(ucrm.session_token('11111111-1111-7111-8111-111111111111', :'owner', clock_timestamp())::bytea), 'nobody', 'a token that is over');
select is((o.session, o."user")::text, ('11111111-1111-7111-8111-111111111111', :'owner')::text, 'it says which session') from ucrm.open_session_token(:'own') as o;
select is((ucrm.open_session_token('x.y.z')).session, null, 'and nothing else does');
select is(convert_from(decode(rpad(translate(split_part(:'own', '.', 1), '-_', '+/'), (length(split_part(:'own', '.', 1)) + 3) / 4 * 4, '='), 'base64'), 'utf8')::jsonb,
          jsonb_build_object('alg', 'HS256', 'kid', (ucrm.sealing_keys())[1], 'typ', 'JWT'), 'the newest key signs');
select jsonb_build_object('iss', 'ucrm', 'aud', 'ucrm', 'sub', :'owner', 'sid', '11111111-1111-7111-8111-111111111111', 'exp', pg_temp.now() + 60) as forged \gset
select is(pg_temp.told(pg_temp.signed(:'secret', jsonb_build_object('alg', 'HS256', 'kid', (ucrm.sealing_keys())[1])::text, :'forged')), 'nobody', 'nobody else signs in our name');
select is(pg_temp.told((pg_temp.base64url('{"alg":"none"}') || '.' || pg_temp.base64url(:'forged'::bytea) || '.')::bytea), 'nobody', 'nor signs nothing');
select is(ucrm.session_token(null, :'owner', now()), null, 'no session, no token');
rollback;

select '1..' || currval('__tresults___numb_seq');
