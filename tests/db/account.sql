-- Accounts in the database: addresses, passwords, tokens, and workspaces that people found.
\ir scene.psql
create function pg_temp.told(statement text) returns text language plpgsql as $$
declare
    answer text;
begin
    execute statement into answer;
    return coalesce(answer, 'done');
exception when others then
    return sqlstate || ' ' || sqlerrm;
end
$$;
create function pg_temp.computed(letter text) returns jsonb language sql as $$
    select jsonb_build_object('argon2id', repeat(letter, 64), 'salt', repeat('0', 32), 'memory_kib', 19456, 'passes', 2, 'lanes', 1, 'weak', null)
$$;

-- Disposable addresses.
begin;
select is(ucrm.is_disposable(e), expected, e) from (values
    ('x@mailinator.com', true), ('x@MAILINATOR.com', true), ('x@sub.mailinator.com', true), ('x@mailinator.com.', true),
    ('x@notmailinator.com', false), ('x@mailinator.com.example', false), ('mailinator.com@example.com', false)
) as v (e, expected);
insert into ucrm.blocked_email_domains (domain) values ('spam.example');
select is(ucrm.is_disposable('x@spam.example'), true, 'an operator blocks more');
select throws_ok('delete from ucrm.blocked_email_domains where domain = ''yopmail.com''', '42501', null, 'and takes none of the house''s away');
rollback;

-- Passwords.
begin;
select is(ucrm.password_fits(:'owner', pg_temp.computed('a')), false, 'without a password none fits');
select ucrm.set_password(:'owner', pg_temp.computed('a')) \g /dev/null
select is(ucrm.password_fits(:'owner', pg_temp.computed('a')), true, 'the password fits');
select is(ucrm.password_fits(:'owner', pg_temp.computed('b')), false, 'another does not');
select is(ucrm.password_fits(:'owner', '{"argon2id": null}'), false, 'nor does nothing');
select is(ucrm.password_fits(:'owner', null), false, 'nor null');
select is(ucrm.password_fits(null, pg_temp.computed('a')), false, 'nobody has one');
select is(ucrm.password_fits(:'stranger', pg_temp.computed('a')), false, 'it is nobody else''s');
select is((select count(*) from ucrm.passwords as p where p::text like '%' || repeat('aa', 32) || '%'), 0::bigint, 'what is shown is not what is stored');
select ucrm.set_password(:'owner', pg_temp.computed('b')) \g /dev/null
select is(ucrm.password_fits(:'owner', pg_temp.computed('a')), false, 'an old one is over');
rollback;

-- What the gateway is to compute.
begin;
create function pg_temp.work(path text, fields text[], body jsonb) returns text language sql as $$
    select string_agg(w.field || ' ' || w.judge::text || ' ' || w.memory_kib || '/' || w.passes || '/' || w.lanes, ', ' order by w.field)
    from ucrm.password_work(path, fields, body, 'none', null, null, '192.0.2.77') as w
$$;
select is(pg_temp.work('/api/v1/auth/register', array['password'], '{"email": "x@y.example"}'), 'password true 19456/2/1', 'a new password is judged');
select is(pg_temp.work('/api/v1/auth/reset-password', array['password'], '{}'), 'password true 19456/2/1', 'also after a reset');
select is(pg_temp.work('/api/v1/auth/login', array['password'], '{"email": "x@y.example"}'), 'password false 19456/2/1', 'nobody''s costs as much as somebody''s');
select is(pg_temp.work('/api/v1/auth/login', array['password'], '{}'), null, 'without an address there is nothing to do');
select is(pg_temp.work('/api/v1/auth/change-password', array['current_password', 'new_password'], '{}'), null, 'nor without a session');
select is((select salt from ucrm.password_work('/api/v1/auth/login', array['password'], '{"email": "X@y.example"}', 'none', null, null, null)),
          (select salt from ucrm.password_work('/api/v1/auth/login', array['password'], '{"email": "x@y.example"}', 'none', null, null, null)), 'nobody''s salt is always the same');
select isnt((select salt from ucrm.password_work('/api/v1/auth/register', array['password'], '{}', 'none', null, null, null)),
            (select salt from ucrm.password_work('/api/v1/auth/register', array['password'], '{}', 'none', null, null, null)), 'a new one never is');
update ucrm.users set email = 'somebody@y.example' where id = :'owner';
delete from ucrm.passwords where user_id = :'owner';
insert into ucrm.passwords values (:'owner', '\x000102030405060708090a0b0c0d0e0f', 8192, 3, 1, sha256('x'));
select is((select w.salt::text || w.memory_kib || w.passes || w.lanes from ucrm.password_work('/api/v1/auth/login', array['password'], '{"email": "Somebody@Y.example"}', 'none', null, null, null) as w),
          '\x000102030405060708090a0b0c0d0e0f819231', 'somebody''s is computed as it was made');
select ucrm.hit_row('login', 'x@y.example', 100, 900) from generate_series(1, 10) \g /dev/null
select is(pg_temp.work('/api/v1/auth/login', array['password'], '{"email": "x@y.example"}'), null, 'what would be in vain is not computed');
rollback;

-- Tokens.
begin;
select ucrm.ask_token(:'owner', 'verify_email', 'x@y.example', interval '1 hour') \g /dev/null
select is(ucrm.mint_mail_token('verify_email', :'owner', 'other@y.example', '{}'), null, 'no token for another address than was asked for');
select is(ucrm.mint_mail_token('reset_password', :'owner', 'x@y.example', '{}'), null, 'nor for another purpose');
select is(ucrm.mint_mail_token('password_changed', :'owner', 'x@y.example', '{}'), null, 'nor for a mail without a link');
select ucrm.mint_mail_token('verify_email', :'owner', 'X@y.example', '{}') as token \gset
select matches(:'token'::text, '^ucrm_verify_[0-9a-hjkmnp-tv-z]{26}_[A-Za-z0-9_-]{43}$', 'a token says what it is for, and whose it may be');
select is((ucrm.redeem_token(sha256(:'token'), array['reset_password'])).user_id, null, 'it serves its purpose only');
select ucrm.ask_token(:'owner', 'verify_email', 'x@y.example', interval '1 hour') \g /dev/null
select is((ucrm.redeem_token(sha256(:'token'), array['verify_email'])).user_id, null, 'asking again ends it');
select ucrm.mint_mail_token('verify_email', :'owner', 'x@y.example', '{}') as token \gset
select is((select count(*) from ucrm.verification_tokens as v where v::text like '%' || encode(sha256(:'token'), 'hex') || '%'), 0::bigint, 'what is shown is not what is stored');
select is((ucrm.redeem_token(sha256(:'token'), array['verify_email', 'change_email'])).user_id, :'owner'::uuid, 'it works');
select is((ucrm.redeem_token(sha256(:'token'), array['verify_email'])).user_id, null, 'once');
select is(ucrm.shown_digest('sha256:' || repeat('ab', 32)), decode(repeat('ab', 32), 'hex'), 'a digest in a body');
select is(ucrm.shown_digest(t), null, 'no digest: ' || coalesce(t, 'null')) from unnest(array['', 'sha256:', 'sha256:' || repeat('AB', 32), 'sha256:' || repeat('a', 63), repeat('a', 64), null]) as t;
rollback;

-- Row windows.
begin;
select is(ucrm.hit_row('test', 'k', 2, 60), null, 'a first hit');
select is(ucrm.peek_row('test', 'k', 2, 60), null, 'there is room for another');
select is(ucrm.hit_row('test', 'k', 2, 60), null, 'a second');
select ok(ucrm.peek_row('test', 'k', 2, 60) between 59000 and 60000, 'and now there is none');
select ok(ucrm.hit_row('test', 'k', 2, 60) between 59000 and 60000, 'a third is refused');
select ucrm.refund_row('test', 'k') \g /dev/null
select is(ucrm.hit_row('test', 'k', 2, 60), null, 'what is given back can be used');
select ucrm.refund_row('test', 'nobody') \g /dev/null
select is(ucrm.peek_row('test', 'nobody', 2, 60), null, 'who was never counted may');
rollback;

-- Founding a workspace.
begin;
create function pg_temp.as_person("user" uuid) returns void language plpgsql as $$
declare
    made record;
begin
    select * into made from ucrm.open_session("user", null, false, null, null);
    perform ucrm.latch(jsonb_populate_record(ucrm.authenticate('session', sha256(convert_to(made.secret, 'UTF8'))), '{"kind": "person"}'), ucrm.uuid7(), null);
end
$$;
insert into ucrm.users (id, email) values ('01a00000-0000-7000-8000-00000000aaaa', 'founder@y.example');
select pg_temp.as_person('01a00000-0000-7000-8000-00000000aaaa') \g /dev/null
select is(pg_temp.told('select ucrm.create_workspace(''Mine'')'), 'PT403 email_unverified', 'not before the address is verified');
update ucrm.users set email_verified_at = now() where id = '01a00000-0000-7000-8000-00000000aaaa';
select is((ucrm.create_workspace('Ünique Näme & Co')).slug, 'nique-n-me-co', 'a slug is made of the name');
select matches((ucrm.create_workspace('Acme')).slug, '^acme-[0-9a-f]{6}$', 'a taken one gets an end of its own');
select matches((ucrm.create_workspace('日本')).slug, '^workspace(-[0-9a-f]{6})?$', 'a name without letters of ours gets one');
select is(pg_temp.told('select ucrm.create_workspace(''x'', ''acme'')'), 'PT409 slug_taken', 'a slug that is asked for is not changed');
select is(status, 'pending_approval', 'it waits for approval') from ucrm.create_workspace('Waiting');
select ucrm.set('approval', '"auto"');
select is(status, 'approved', 'or does not') from ucrm.create_workspace('At once');
select ucrm.set('beta_code', '"open sesame"');
select is(pg_temp.told('select ucrm.create_workspace(''x'')'), 'PT403 invite_code_required', 'in a closed beta a code is wanted');
select is(pg_temp.told('select ucrm.create_workspace(''x'', null, ''open'')'), 'PT403 invite_code_required', 'the right one');
select is(pg_temp.told('select ucrm.create_workspace(''x'', null, ''open sesame'')'), 'PT409 workspace_limit', 'and one workspace is enough');
delete from ucrm.tenants where slug in ('nique-n-me-co', 'waiting', 'at-once') or slug ~ '^acme-[0-9a-f]{6}$' or slug like 'workspace%';
select is((ucrm.create_workspace('First', null, 'open sesame')).slug, 'first', 'the first is welcome');
rollback;
begin;
set session authorization :"backend";
select ucrm.enter(:'acme') \g /dev/null
select is(pg_temp.told('select ucrm.create_workspace(''x'')'), 'PT403 permission_denied', 'a service founds nothing');
rollback;
reset session authorization;

select '1..' || currval('__tresults___numb_seq');
