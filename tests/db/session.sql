-- Sessions in the database: what a principal of one holds, what ends it, what a second factor opens, who may touch them.
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
grant execute on function pg_temp.told(text) to public;

-- What a session's secret stands for.
begin;
select id as session, secret from ucrm.open_session(:'owner', :'acme', false, '192.0.2.1', repeat('x', 500)) \gset
select sha256(:'secret') as shown \gset
select is(p.kind || ' ' || p.role || ' ' || p.member::text, 'member owner true', 'a session is its person') from ucrm.authenticate('session', :'shown') as p;
select is((ucrm.authenticate('session', :'shown')).tenant_id, :'acme'::uuid, 'in the workspace it is in');
select is((ucrm.authenticate('session', :'shown', 'globex')).tenant_id, null, 'a workspace one is no member of is none');
select is((ucrm.authenticate('session', :'shown', 'nothing')).tenant_id, null, 'nor is one that does not exist');
select is((ucrm.authenticate('session', :'shown', 'acme')).tenant_id, :'acme'::uuid, 'one''s own is, by its slug');
select is((ucrm.authenticate('session', :'shown', :'acme')).tenant_id, :'acme'::uuid, 'and by its id');
select is((ucrm.authenticate('key', :'shown')).kind, null, 'a session is no key');
select is((ucrm.authenticate('session', sha256(:'shown'))).kind, null, 'what is stored cannot be shown');
select is((ucrm.authenticate('session', null)).kind, null, 'nothing stands for nobody');
select is(length(user_agent), 400, 'what a browser says of itself is cut') from ucrm.sessions where id = :'session';
select secret as renewed from ucrm.renew_session(:'session') \gset
select is((ucrm.authenticate('session', :'shown')).kind, null, 'a renewed session has a new secret');
select is((ucrm.authenticate('session', sha256(:'renewed'))).session_id, :'session'::uuid, 'and is the same session');
update ucrm.sessions set expires_at = clock_timestamp() where id = :'session';
select is((ucrm.authenticate('session', sha256(:'renewed'))).kind, null, 'unused for a week it is over');
update ucrm.sessions set expires_at = clock_timestamp() + interval '1 day', ends_at = clock_timestamp() where id = :'session';
select is((ucrm.authenticate('session', sha256(:'renewed'))).kind, null, 'and after a month in any case');
select is((select count(*) from ucrm.sessions where id = :'session'), 1::bigint, 'a session that is over stays until its person signs in again');
select ucrm.open_session(:'owner', :'acme', false, null, null) \g /dev/null
select is((select count(*) from ucrm.sessions where id = :'session'), 0::bigint, 'and is gone then');
rollback;

-- Sliding.
begin;
select id as session from ucrm.open_session(:'owner', :'acme', false, null, null) \gset
update ucrm.sessions set last_seen_at = clock_timestamp() - interval '1 hour' where id = :'session';
select expires_at as before from ucrm.sessions where id = :'session' \gset
select is(ucrm.touch_session(:'session'), null, 'today there is nothing to say');
select is(expires_at, :'before', 'a session of today does not slide') from ucrm.sessions where id = :'session';
select ok(last_seen_at > clock_timestamp() - interval '1 minute', 'but is seen') from ucrm.sessions where id = :'session';
update ucrm.sessions set expires_at = clock_timestamp() + interval '5 days' where id = :'session';
select matches(ucrm.touch_session(:'session') ->> 'x-ucrm-session', '^= 6047[0-9][0-9]$|^= 604800$', 'the browser is told how long its cookie lives');
select ok(expires_at > clock_timestamp() + interval '6 days 23 hours', 'one of the day before yesterday does') from ucrm.sessions where id = :'session';
update ucrm.sessions set expires_at = clock_timestamp() + interval '5 days' where id = :'session';
select is((ucrm.open_session_token(convert_to(ucrm.touch_session(:'session', 'jwt') ->> 'set-auth-token', 'UTF8'))).session, :'session'::uuid, 'and whoever shows a token gets the next one');
update ucrm.sessions set expires_at = clock_timestamp() + interval '1 day', ends_at = clock_timestamp() + interval '2 days' where id = :'session';
select matches(ucrm.touch_session(:'session') ->> 'x-ucrm-session', '^= 1727[0-9][0-9]$|^= 172800$', 'never beyond the session''s end');
rollback;

-- A second factor that the workspace wants, on every path.
begin;
update ucrm.tenants set settings = '{"mfa_required": true}' where id = :'acme';
select id as session, secret from ucrm.open_session(:'owner', :'acme', false, null, null) \gset
select ucrm.latch(ucrm.authenticate('session', sha256(:'secret')), ucrm.uuid7(), null) \g /dev/null
set local role ucrm_app;
select is(ucrm.session_id(), :'session'::uuid, 'the context knows the session');
select is(pg_temp.told('insert into crm.contacts (name) values (''x'')'), 'PT403 mfa_required', 'a table refuses who has not shown one');
select is(pg_temp.told('update crm.contacts set name = name'), 'PT403 mfa_required', 'also to change');
rollback;
begin;
update ucrm.tenants set settings = '{"mfa_required": true}' where id = :'acme';
select secret from ucrm.open_session(:'owner', :'acme', true, null, null) \gset
select ucrm.latch(ucrm.authenticate('session', sha256(:'secret')), ucrm.uuid7(), null) \g /dev/null
set local role ucrm_app;
select is(pg_temp.told('insert into crm.contacts (name) values (''x'') returning name'), 'x', 'who has shown it writes');
rollback;
begin;
update ucrm.tenants set settings = '{"mfa_required": true}' where id = :'acme';
set session authorization :"backend";
select ucrm.enter(:'acme', :'owner') \g /dev/null
select is(pg_temp.told('insert into crm.contacts (name) values (''x'') returning name'), 'x', 'a back end answers for its people');
select is(ucrm.session_id(), null, 'it has no session');
select is(pg_temp.told('select ucrm.demand_fresh()'), '', 'and shows no password');
rollback;
reset session authorization;

-- Fresh.
begin;
select id as session, secret from ucrm.open_session(:'owner', :'acme', false, null, null) \gset
select ucrm.latch(ucrm.authenticate('session', sha256(:'secret')), ucrm.uuid7(), null) \g /dev/null
select lives_ok('select ucrm.demand_fresh()', 'who has just signed in need not step up');
update ucrm.sessions set fresh_until = clock_timestamp() where id = :'session';
select throws_ok('select ucrm.demand_fresh()', 'PT403', 'step_up_required', 'ten minutes later he must');
select ucrm.raise_session(:'session', false) \g /dev/null
select lives_ok('select ucrm.demand_fresh()', 'and then not again');
select is(factor_shown_at, null, 'a password is no second factor') from ucrm.sessions where id = :'session';
select throws_ok('select ucrm.demand_person()', 'PT403', 'permission_denied', 'in a request to a table his account is nobody''s');
rollback;

-- Who may.
begin;
select ucrm.open_session(:'owner', :'acme', false, null, null) \g /dev/null
create temporary table tries (statement text);
insert into tries values
('select * from ucrm.sessions'), ('select id from ucrm.sessions'), ('delete from ucrm.sessions'), ('update ucrm.sessions set fresh_until = ''infinity'''),
('select * from ucrm.passwords'), ('select * from ucrm.verification_tokens'), ('select * from ucrm.blocked_email_domains'),
(format('select ucrm.open_session(%L, %L, true, null, null)', :'owner', :'acme')), (format('select ucrm.renew_session(%L)', :'owner')),
(format('select ucrm.raise_session(%L, true)', :'owner')), (format('select ucrm.end_sessions(%L)', :'owner')),
(format('select ucrm.set_password(%L, ''{}'')', :'owner')), (format('select ucrm.password_fits(%L, ''{}'')', :'owner')),
(format('select ucrm.mint_mail_token(''reset_password'', %L, ''x'', ''{}'')', :'owner')), ('select ucrm.redeem_token(''\x00'', array[''reset_password''])');
grant select on tries to public;
create function pg_temp.denied(role text) returns setof text language plpgsql as $$
declare
    t record;
begin
    execute format('set local role %I', role);
    for t in select * from tries loop
        return next throws_ok(t.statement, '42501', null, format('%s: %s', role, t.statement));
    end loop;
    reset role;
end
$$;
select pg_temp.denied(r) from unnest(array['ucrm_app', 'ucrm_reader', 'ucrm_platform', 'ucrm_gateway', 'ucrm_tables', 'ucrm_mover', 'ucrm_handler']) as r;
rollback;

select '1..' || currval('__tresults___numb_seq');
