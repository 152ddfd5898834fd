-- Issuers: whom a superuser trusts, what is checked before it is stored, when key sets are fetched, and who may do none
-- of it.
\ir scene.psql
\set jwk '{"kty": "OKP", "crv": "Ed25519", "kid": "d1", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}'
\set other '{"kty": "OKP", "crv": "Ed25519", "kid": "d2", "x": "MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI"}'
\set secret 'a secret of forty bytes, or a few more than that'

-- Adding.
begin;
select ucrm.add_issuer('https://id.example', audience => '{api}', algorithms => '{EdDSA}', jwks => format('{"keys": [%s, {"kty": "EC", "crv": "P-521"}], "more": 1}', :'jwk')::jsonb) as id \gset
select is(jwks, format('{"keys": [%s]}', :'jwk')::jsonb, 'only keys that can be used are stored') from ucrm.issuers where id = :'id';
select is((label, enabled, types, subject_claim, link_by_email, create_users, jwks_url)::text, '("",t,"{JWT,at+jwt}",sub,f,f,)', 'nothing is trusted that was not said') from ucrm.issuers where id = :'id';
select is((select detail ->> 'iss' from ucrm.platform_audit_logs order by id desc limit 1), 'https://id.example', 'the platform''s audit knows');
select throws_ok(format('select ucrm.add_issuer(%L, audience => ''{api}'', algorithms => ''{RS256}'')', 'https://id.example'), '23505', null, 'once');
select throws_ok(format('select ucrm.add_issuer(%L, %s)', 'https://x.example', v.arguments), v.state, null, v.arguments)
from (values
    ('algorithms => ''{RS256}''', '23514'), ('audience => ''{api}'', algorithms => ''{}''', '23514'), ('audience => ''{api}''', '23502'),
    ('audience => ''{api}'', algorithms => ''{none}''', '23514'), ('audience => ''{api}'', algorithms => ''{RS256,none}''', '23514'),
    ('audience => ''{api}'', algorithms => ''{HS512}''', '23514'), ('audience => ''{api}'', algorithms => ''{rs256}''', '23514'),
    ('audience => ''{api}'', algorithms => ''{HS256}'', secret => ''too short''', '22023'),
    ('preset => ''okta'', audience => ''{api}''', '42704'), ('preset => ''clerk''', '23514'), ('preset => ''auth0''', '23514'),
    ('preset => ''clerk'', audience => ''{api}'', jwks => ''{"keys": []}''', '22023'),
    ('preset => ''clerk'', audience => ''{api}'', jwks => ''{"keys": [{"kty": "oct", "k": "AAAA"}]}''', '22023'),
    ('preset => ''clerk'', audience => ''{api}'', jwks => ''{"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", "d": "AA"}]}''', '22023'),
    ('preset => ''clerk'', audience => ''{api}'', jwks => ''[]''', '22023')
) as v (arguments, state);
select throws_ok(format('select ucrm.add_issuer(%L, audience => ''{api}'', algorithms => ''{RS256}'')', iss), '23514', null, format('"%s" is nobody''s name', iss)) from unnest(array['', 'ucrm', repeat('x', 501)]) as iss;
select throws_ok(format('select ucrm.add_issuer(''https://u.example'', audience => ''{api}'', algorithms => ''{RS256}'', jwks_url => %L)', url), '23514', null, format('keys are not fetched from %s', url))
from unnest(array['http://id.example/jwks', 'http://127.0.0.1/jwks', 'ftp://id.example/', 'file:///etc/passwd', 'id.example/jwks', 'https://', 'https:///jwks', 'https://user:pw@id.example/jwks',
                  'https://id.example/a b', 'https://id.example/#f', e'https://id.example\\@evil.example/', 'HTTPS://id.example/', ' https://id.example/']) as url;
rollback;

-- Presets.
begin;
select ucrm.add_issuer('https://clerk.acme.example', 'clerk', authorized_parties => '{https://app.acme.example}') \g /dev/null
select ucrm.add_issuer('https://app.acme.example', 'better_auth') \g /dev/null
select ucrm.add_issuer('https://acme.eu.auth0.com/', 'auth0', audience => '{https://api.acme.example}', email_claim => 'https://acme.example/email', tenant_claim => '') \g /dev/null
select ucrm.add_issuer('https://abcdefghijklmnopqrst.supabase.co/auth/v1', 'supabase') \g /dev/null
select ucrm.add_issuer('https://legacy.supabase.co/auth/v1', 'supabase', algorithms => '{HS256}', secret => :'secret'::bytea, link_by_email => true) \g /dev/null
select results_eq(
    $$select iss, algorithms::text, jwks_url, audience::text, authorized_parties::text from ucrm.issuers order by iss collate "C"$$,
    $$values ('https://abcdefghijklmnopqrst.supabase.co/auth/v1', '{ES256,RS256}', 'https://abcdefghijklmnopqrst.supabase.co/auth/v1/.well-known/jwks.json', '{authenticated}', '{}'),
             ('https://acme.eu.auth0.com/', '{RS256}', 'https://acme.eu.auth0.com/.well-known/jwks.json', '{https://api.acme.example}', '{}'),
             ('https://app.acme.example', '{EdDSA}', 'https://app.acme.example/api/auth/jwks', '{https://app.acme.example}', '{}'),
             ('https://clerk.acme.example', '{RS256}', 'https://clerk.acme.example/.well-known/jwks.json', '{}', '{https://app.acme.example}'),
             ('https://legacy.supabase.co/auth/v1', '{HS256}', null, '{authenticated}', '{}')$$,
    'a preset knows the algorithms, where the keys are and who is addressed');
select results_eq(
    $$select label, email_claim, email_verified_claim, tenant_claim, role_claim, mfa_claim, refused_claims::text, link_by_email from ucrm.issuers order by iss collate "C"$$,
    $$values ('Supabase', 'email', null, 'app_metadata.tenant_id', null, 'aal', '{"is_anonymous": true}', false),
             ('Auth0', 'https://acme.example/email', 'email_verified', null, null, 'amr', '{"gty": "client-credentials"}', false),
             ('Better Auth', 'email', 'emailVerified', 'activeOrganizationId', null, null, '{}', false),
             ('Clerk', 'email', 'email_verified', 'o.id', 'o.rol', 'fva.1', '{"sts": "pending"}', false),
             ('Supabase', 'email', null, 'app_metadata.tenant_id', null, 'aal', '{"is_anonymous": true}', true)$$,
    'and where the claims are; what was named besides counts instead');
select is(ucrm.issuer_preset('nobody'), null, 'of nobody there is none');
rollback;

-- Secrets.
begin;
select ucrm.add_issuer('https://hs.example', audience => '{api}', algorithms => '{HS256}', secret => :'secret'::bytea) as id \gset
select is((select count(*) from ucrm.issuer_secrets as i where to_jsonb(i)::text like '%' || encode(:'secret'::bytea, 'hex') || '%'), 0::bigint, 'a shared secret is not stored in clear');
select is((select count(*) from ucrm.platform_audit_logs as l where l::text like '%a secret of%' or l::text like '%' || encode(:'secret'::bytea, 'hex') || '%'), 0::bigint, 'nor said in the audit');
select is(ucrm.issuer_secret(:'id'), :'secret'::bytea, 'it is sealed for its issuer');
select is(place, 'issuer/' || :'id', 'at its own place') from ucrm.issuer_secrets where issuer_id = :'id';
select throws_ok(format('select ucrm.unseal(sealed, ''issuer/%s'') from ucrm.issuer_secrets', :'acme'), 'XX001', null, 'and opens at no other');
select ucrm.set_issuer_secret('https://hs.example', 'another secret of forty bytes, or a few more');
select is(ucrm.issuer_secret(:'id'), 'another secret of forty bytes, or a few more'::bytea, 'it can be changed');
select throws_ok($$select ucrm.set_issuer_secret('https://hs.example', 'x')$$, '22023', null, 'not to a short one');
select throws_ok($$select ucrm.set_issuer_secret('https://nobody.example', repeat('x', 32)::bytea)$$, '42704', null, 'of nobody there is none');
update ucrm.issuer_secrets set sealed = set_byte(sealed, 1, 255 - get_byte(sealed, 1));
select is(ucrm.issuer_secret(:'id'), null, 'one whose key is not in the key file is none');
delete from ucrm.issuer_secrets;
select is((select f.level || ': ' || f.what from ucrm.issuer_faults() as f), 'warning: it signs with HS256 and shares no secret: such tokens are all refused', 'the doctor misses it');
rollback;

-- Changing and removing.
begin;
select ucrm.add_issuer('https://id.example', 'clerk', audience => '{api}') as id \gset
select ucrm.set_issuer_jwks('https://id.example', format('{"keys": [%s]}', :'jwk')::jsonb);
select is((jwks #>> '{keys,0,kid}', jwks_url)::text, '(d1,)', 'keys set by hand stay: the URL is asked no more') from ucrm.issuers where id = :'id';
select throws_ok($$select ucrm.set_issuer_jwks('https://id.example', '{}')$$, '22023', 'the key set is not a JSON object with an array "keys" of objects', 'a bad set is not stored');
select throws_ok($$select ucrm.set_issuer_jwks('https://nobody.example', null)$$, '42704', null, 'an unknown issuer has no keys');
insert into ucrm.user_identities values (:'id', 'alice', :'owner');
select ucrm.remove_issuer('https://id.example');
select is((select count(*) from ucrm.issuers) + (select count(*) from ucrm.user_identities), 0::bigint, 'an issuer leaves with its subjects');
select is((select count(*) from ucrm.users where id = :'owner'), 1::bigint, 'and without the accounts');
select is((select array_agg(action order by id) from ucrm.platform_audit_logs where detail ->> 'iss' = 'https://id.example'), '{issuer.added,issuer.keys_set,issuer.removed}'::text[], 'all of it is in the platform''s audit');
select throws_ok($$select ucrm.remove_issuer('https://id.example')$$, '42704', null, 'once');
rollback;

-- Fetching.
begin;
select ucrm.add_issuer('https://one.example', 'clerk', audience => '{api}') as one \gset
select ucrm.add_issuer('https://two.example', audience => '{api}', algorithms => '{EdDSA}', jwks => format('{"keys": [%s]}', :'jwk')::jsonb) as two \gset
select ucrm.add_issuer('https://off.example', 'clerk', audience => '{api}') as off \gset
update ucrm.issuers set enabled = false where id = :'off';
select issuer, url, claim from ucrm.due_jwks() \gset first_
select is((:'first_issuer', :'first_url')::text, (:'one', 'https://one.example/.well-known/jwks.json')::text, 'a set that was never fetched is due, one set by hand or of an issuer that is off is not');
select is_empty('select * from ucrm.due_jwks()', 'nobody else fetches it meanwhile');
select ok(jwks_claimed_until between clock_timestamp() + interval '25 seconds' and clock_timestamp() + interval '30 seconds', 'for half a minute') from ucrm.issuers where id = :'one';
select is(ucrm.store_jwks(:'one', ucrm.uuid7(), format('{"keys": [%s]}', :'jwk'), 60, null), false, 'only who claimed it brings it');
select is(ucrm.store_jwks(:'two', :'first_claim', format('{"keys": [%s]}', :'other'), 60, null), false, 'and to nobody else''s place');
select is(ucrm.store_jwks(:'one', :'first_claim', format('{"keys": [%s]}', :'jwk'), 60, null), true, 'a set is stored');
select is(ucrm.store_jwks(:'one', :'first_claim', format('{"keys": [%s]}', :'other'), 60, null), false, 'once');
select is(jwks #>> '{keys,0,kid}', 'd1', 'as it was brought') from ucrm.issuers where id = :'one';
select ok(jwks_due_at between clock_timestamp() + interval '9 minutes 55 seconds' and clock_timestamp() + interval '10 minutes' and jwks_fetched_at > clock_timestamp() - interval '5 seconds', 'and kept for ten minutes at least') from ucrm.issuers where id = :'one';
select is((select detail - 'iss' from ucrm.platform_audit_logs where action = 'issuer.keys_changed'), '{"before": [], "after": ["d1"]}', 'the platform''s audit knows which keys came and went');
select is_empty('select * from ucrm.due_jwks()', 'until then it is not due');
update ucrm.issuers set jwks_due_at = clock_timestamp() where id = :'one';
select claim as second from ucrm.due_jwks() \gset
select xmin as before from ucrm.issuers where id = :'one' \gset
select is(ucrm.store_jwks(:'one', :'second', format('{"keys": [%s]}', :'jwk'), 100000, null), true, 'the same set again');
select ok(jwks_due_at between clock_timestamp() + interval '23 hours 59 minutes' and clock_timestamp() + interval '1 day', 'a day at most') from ucrm.issuers where id = :'one';
select is((select count(*) from ucrm.platform_audit_logs where action = 'issuer.keys_changed'), 1::bigint, 'changes nothing');

-- Failing.
create function pg_temp.brought(jwks text, fault text default null) returns text language plpgsql as $$
declare
    due record;
begin
    update ucrm.issuers set jwks_due_at = clock_timestamp() where iss = 'https://one.example';
    select * into due from ucrm.due_jwks();
    if ucrm.store_jwks(due.issuer, due.claim, jwks, null, fault) then
        return 'stored';
    end if;
    return (select format('%s after %s, keeps %s', i.last_error, date_trunc('second', i.jwks_due_at - clock_timestamp() + interval '0.9 seconds'), i.jwks #>> '{keys,0,kid}') from ucrm.issuers as i where i.iss = 'https://one.example');
end
$$;
select is(pg_temp.brought(null, 'status 404'), 'status 404 after 00:01:00, keeps d1', 'a failure keeps the old set');
select is(pg_temp.brought(null, repeat('x', 9000)), repeat('x', 500) || ' after 00:02:00, keeps d1', 'and is tried again later and later');
select is(pg_temp.brought('<html>'), 'the key set is not a JSON object with an array "keys" of objects after 00:04:00, keeps d1', 'what is no key set is a failure');
select is(pg_temp.brought('{"keys": []}'), 'no key of the set can be used: it is empty after 00:08:00, keeps d1', 'an empty one too');
select is(pg_temp.brought('{"keys": [{"kty": "oct", "k": "AA"}]}'), 'key 1 of the set is private or a shared secret after 00:16:00, keeps d1', 'and one with secrets');
select is(pg_temp.brought(null), 'the key set is not a JSON object with an array "keys" of objects after 00:32:00, keeps d1', 'and nothing at all');
select is(pg_temp.brought(null, 'x'), 'x after 01:00:00, keeps d1', 'after an hour at most');
select is(pg_temp.brought(null, 'x'), 'x after 01:00:00, keeps d1', 'and so on');
select is((select f.what from ucrm.issuer_faults() as f where f.object = 'issuer https://one.example'), '8 tries to fetch its keys failed, the last with: x', 'the doctor says so');
select is(pg_temp.brought(format('{"keys": [%s]}', :'other')), 'stored', 'until it comes');
select is((jwks_failures, last_error, jwks #>> '{keys,0,kid}')::text, '(0,,d2)', 'then all is well') from ucrm.issuers where id = :'one';
select ok(jwks_due_at between clock_timestamp() + interval '59 minutes' and clock_timestamp() + interval '1 hour', 'for an hour, where nobody says how long') from ucrm.issuers where id = :'one';

-- Wanting.
select ucrm.want_jwks(:'one');
select is((select count(*) from ucrm.due_jwks()), 1::bigint, 'a set that is wanted is due at once');
update ucrm.issuers set jwks_claimed_until = null where id = :'one';
select ucrm.want_jwks(:'one');
select is_empty('select * from ucrm.due_jwks()', 'but once a minute at most');
update ucrm.issuers set jwks_wanted_at = jwks_wanted_at - interval '61 seconds', jwks_tried_at = jwks_tried_at - interval '61 seconds' where id = :'one';
select ucrm.want_jwks(:'one'), ucrm.want_jwks(:'two');
select is((select array_agg(issuer) from ucrm.due_jwks()), array[:'one']::uuid[], 'the next minute again; a set made by hand is not to be had');
update ucrm.issuers set jwks_claimed_until = clock_timestamp(), jwks_due_at = clock_timestamp() where id = :'one';
select is((select count(*) from ucrm.due_jwks()), 1::bigint, 'what a worker claimed and never brought is another''s after half a minute');
select ucrm.add_issuer(format('https://%s.example', n), 'clerk', audience => '{api}') from generate_series(1, 6) as n \g /dev/null
select is((select count(*) from ucrm.due_jwks()), 4::bigint, 'four at a time');
select is((select count(*) from ucrm.due_jwks()), 2::bigint, 'and then the others');
update ucrm.issuers set jwks_wanted_at = null;
set local transaction_read_only = on;
select lives_ok(format('select ucrm.want_jwks(%L)', :'one'), 'where nothing can be written nothing is wanted');
rollback;

-- When somebody has signed in.
select is(ucrm.signed_in_at(v::jsonb, '1700000000', w ~ 'minute|just|never'), t::timestamptz, concat_ws(' ', v, w))
from (values
    ('1699999000', to_timestamp(1699999000), 'a moment'), ('5', to_timestamp(1699999700), 'minutes before the token'), ('0', to_timestamp(1700000000), 'just then'),
    ('-1', null, 'never'), ('1e300', null, 'a monster'), ('99999999999', null, 'tomorrow'), ('"1699999000"', null, 'text'), ('true', null, 'no moment'), (null, null, 'nothing'),
    ('[{"method": "password", "timestamp": 1699999000}, {"method": "totp", "timestamp": 1699999500}, {"method": "token_refresh", "timestamp": 1699999900}]', to_timestamp(1699999500), 'the latest method'),
    ('["pwd"]', null, 'methods without a moment'), ('[]', null, 'no method'), ('[{"timestamp": "x"}]', null, 'a method with text'), ('{}', null, 'an object')
) as v (v, t, w);
select is(ucrm.signed_in_at('0', '1700000000'), null, 'the first of January 1970 is not now');
select is(ucrm.signed_in_at('5', i::jsonb, true), null, 'minutes before a token of no time') from unnest(array['null', '"x"', null]) as i;

-- The doctor.
begin;
select is((select count(*) from ucrm.issuer_faults()), 0::bigint, 'the doctor is content');
select ucrm.add_issuer('https://keyless.example', audience => '{api}', algorithms => '{EdDSA}') \g /dev/null
select is((select f.level || ': ' || f.what from ucrm.issuer_faults() as f), 'warning: it has no keys and no URL to fetch them from: its tokens are all refused', 'he misses keys');
update ucrm.issuers set enabled = false;
select is((select count(*) from ucrm.issuer_faults()), 0::bigint, 'of issuers that count');
select ucrm.add_issuer('https://twin.example', 'clerk', audience => '{api}') \g /dev/null
update ucrm.tenants set external_id = 'org_1';
select is((select f.level || ': ' || f.what from ucrm.issuer_faults() as f), format('warning: %s workspaces have it: a token that names it is taken to none of them', (select count(*) from ucrm.tenants)), 'and outside names that two workspaces have') where (select count(*) from ucrm.tenants) > 1;
rollback;

-- What is remembered of whoever came with a token is forgotten when an issuer or an identity changes.
create function pg_temp.raised(statement text) returns boolean language plpgsql as $$
begin
    perform set_config('test.generation', ucrm.generation()::text, false);
    execute statement;
    return null;
end
$$;
create function pg_temp.rose() returns boolean language sql as $$ select ucrm.generation() > current_setting('test.generation')::bigint $$;
select pg_temp.raised(format('select ucrm.add_issuer(''https://bump.example'', ''clerk'', audience => ''{api}'', jwks => ''{"keys": [%s]}'')', :'jwk')) \g /dev/null
select ok(pg_temp.rose(), 'a new issuer');
select pg_temp.raised(format('insert into ucrm.user_identities select id, ''alice'', %L from ucrm.issuers where iss = ''https://bump.example''', :'owner')) \g /dev/null
select ok(pg_temp.rose(), 'a new identity');
select pg_temp.raised('update ucrm.user_identities set subject = ''bob'' where subject = ''alice''') \g /dev/null
select ok(pg_temp.rose(), 'a changed identity');
select pg_temp.raised('update ucrm.issuers set link_by_email = true where iss = ''https://bump.example''') \g /dev/null
select ok(pg_temp.rose(), 'a changed issuer');
-- In one transaction, so that no gateway comes between.
create function pg_temp.bring(jwks text) returns void language plpgsql as $$
begin
    update ucrm.issuers set jwks_url = 'https://bump.example/jwks', jwks_due_at = null, jwks_claimed_until = null where iss = 'https://bump.example';
    perform ucrm.store_jwks(d.issuer, d.claim, bring.jwks, 600, null), ucrm.want_jwks(d.issuer) from ucrm.due_jwks() as d;
    update ucrm.issuers set jwks_url = null where iss = 'https://bump.example';
end
$$;
select pg_temp.raised(format('select pg_temp.bring(''{"keys": [%s]}'')', :'jwk')) \g /dev/null
select ok(not pg_temp.rose() and (select jwks_fetched_at is not null and jwks_wanted_at is not null from ucrm.issuers where iss = 'https://bump.example'), 'fetching the same keys forgets nobody');
select pg_temp.raised(format('select pg_temp.bring(''{"keys": [%s]}'')', :'other')) \g /dev/null
select ok(pg_temp.rose() and (select jwks #>> '{keys,0,kid}' = 'd2' from ucrm.issuers where iss = 'https://bump.example'), 'fetching others does');
select pg_temp.raised('delete from ucrm.user_identities where subject = ''bob''') \g /dev/null
select ok(pg_temp.rose(), 'a removed identity');
select pg_temp.raised('select ucrm.remove_issuer(''https://bump.example'')') \g /dev/null
select ok(pg_temp.rose(), 'a removed issuer');
select is_empty($$
    select a.attname from pg_attribute as a
    where a.attrelid = 'ucrm.issuers'::regclass and a.attnum > 0 and not a.attisdropped
      and a.attname not in ('label', 'created_at', 'last_error') and a.attname !~ '^jwks_'
      and not exists (select from pg_trigger as t where t.tgrelid = a.attrelid and t.tgname = 'bump' and a.attnum = any (t.tgattr::smallint[]))$$,
    'every column that judges a token');

-- Who may: nobody but a superuser, and the gateway's worker what it needs.
begin;
create temporary table tries (statement text);
insert into tries values
('select * from ucrm.issuers'), ('select iss from ucrm.issuers'), ('update ucrm.issuers set enabled = true'), ('delete from ucrm.issuers'),
('select * from ucrm.user_identities'), (format('insert into ucrm.user_identities values (%L, ''x'', %L)', :'acme', :'owner')),
('select ucrm.add_issuer(''https://x.example'', ''clerk'', audience => ''{api}'')'), ('select ucrm.remove_issuer(''x'')'), ('select ucrm.set_issuer_jwks(''x'', ''{}'')'),
('select ucrm.set_issuer_secret(''x'', ''x'')'), ('select ucrm.issuer_preset(''clerk'')'), ('select ucrm.want_jwks(null)'), ('select * from ucrm.issuer_secrets'),
('select ucrm.keep_issuer_secret(null, ''x'')'), ('select ucrm.issuer_secret(null)'), ('select ucrm.issuer_faults()'),
('select ucrm.authenticate_jwt(''x'', null)'), ('select ucrm.verify_jwt(''x'', null, null, null, null, null, null, null)'), ('select ucrm.jwt_says(''x'')'),
(format('select ucrm.session_token(%L, %L, now())', :'acme', :'owner')), ('select ucrm.open_session_token(''x'')'), ('select ucrm.tenant_named(''acme'', true)'),
('select ucrm.user_of_subject(null, null)'), ('select ucrm.principal_of_claims(null, null, null, null, null)'), ('select ucrm.narrowing(null, null)'),
('select * from ucrm.due_jwks()'), ('select ucrm.store_jwks(null, null, null, null, null)');
grant select on tries to public;
create function pg_temp.denied(role text) returns setof text language plpgsql as $$
declare
    t record;
begin
    execute format('set local role %I', role);
    for t in select * from tries where role <> 'ucrm_gateway' or statement !~ 'due_jwks|store_jwks' loop
        return next throws_ok(t.statement, '42501', null, format('%s: %s', role, t.statement));
    end loop;
    reset role;
end
$$;
select pg_temp.denied(r) from unnest(array['ucrm_app', 'ucrm_reader', 'ucrm_platform', 'ucrm_gateway', 'ucrm_handler', 'ucrm_mover', 'ucrm_tables']) as r;
set local role ucrm_gateway;
select lives_ok('select * from ucrm.due_jwks()', 'the gateway asks what is due');
select lives_ok('select ucrm.store_jwks(null, null, null, null, null)', 'and brings it');
reset role;
rollback;

select '1..' || currval('__tresults___numb_seq');
