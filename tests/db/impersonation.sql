-- A platform admin acts as a member: with a reason, for an hour, only to read, and never unseen.
\ir scene.psql
create function pg_temp.told(statement text) returns text language plpgsql as $$
declare
    answer text;
begin
    begin
        execute statement into answer;
        raise exception using errcode = 'RB000';
    exception when sqlstate 'RB000' then
        return coalesce(nullif(answer, ''), 'done');
    end;
exception when others then
    return sqlstate || ' ' || sqlerrm;
end
$$;
create function pg_temp.act_as_platform(admin uuid) returns void language sql as $$
    select ucrm.latch(jsonb_populate_record(null::ucrm.principal, jsonb_build_object('kind', 'platform', 'user_id', admin, 'platform_admin', true)), ucrm.uuid7(), null)
$$;
select user_id as root from ucrm.platform_admins limit 1 \gset
select m.user_id as agent from ucrm.tenant_memberships as m join ucrm.users as u on u.id = m.user_id where m.tenant_id = :'acme' and u.email like 'alan@%' \gset

begin;
select ucrm.uuid7() as since \gset
insert into ucrm.users (email) values ('second@ucrm.example') returning id as second \gset
insert into ucrm.platform_admins (user_id) values (:'second');
insert into ucrm.tenant_memberships (tenant_id, user_id, role) values (:'acme', :'root', 'reader'), (:'acme', :'second', 'reader');
select pg_temp.act_as_platform(:'root');
select is(pg_temp.told(statement), want, statement)
from (values
    (format('select ucrm.start_impersonation(%L, %L, ''too short'')', :'agent', :'acme'), 'PT422 validation_failed'),
    (format('select ucrm.start_impersonation(%L, %L, ''   short    '')', :'agent', :'acme'), 'PT422 validation_failed'),
    (format('select ucrm.start_impersonation(%L, %L, null)', :'agent', :'acme'), 'PT422 validation_failed'),
    (format('select ucrm.start_impersonation(%L, %L, ''looking into a ticket'')', :'stranger', :'acme'), 'PT404 not_found'),
    (format('select ucrm.start_impersonation(%L, %L, ''looking into a ticket'')', :'agent', :'globex'), 'PT404 not_found'),
    (format('select ucrm.start_impersonation(null, %L, ''looking into a ticket'')', :'acme'), 'PT404 not_found'),
    (format('select ucrm.start_impersonation(%L, %L, ''looking into a ticket'')', :'root', :'acme'), 'PT403 permission_denied'),
    (format('select ucrm.start_impersonation(%L, %L, ''looking into a ticket'')', :'second', :'acme'), 'PT403 permission_denied')
) as v (statement, want);
create temporary table started on commit drop as select * from ucrm.start_impersonation(:'agent', :'acme', ' looking into a ticket ');
select results_eq('select i.admin_id::text, i.user_id::text, i.reason, i.ended_at, i.session_id is not null from ucrm.impersonations as i join started using (id)',
    format('values (%L, %L, ''looking into a ticket'', null::timestamptz, true)', :'root', :'agent'), 'it is a row: who, as whom, why');
select ok(expires_at between clock_timestamp() + interval '59 minutes' and clock_timestamp() + interval '1 hour', 'for an hour') from ucrm.impersonations join started using (id);
select results_eq(format('select action, user_id::text, record_id, after ->> ''reason'' from ucrm.audit_logs where tenant_id = %L and id > %L and action like ''impersonation%%''', :'acme', :'since'),
    format('values (''impersonation_started'', %L, %L, ''looking into a ticket'')', :'root', :'agent'), 'the tenant''s audit says so');
select is((select count(*) from ucrm.platform_audit_logs where id > :'since' and action = 'impersonation.started' and tenant_id = :'acme' and user_id = :'root'), 1::bigint, 'and the platform''s');
select is_empty('select from ucrm.audit_logs as l, started as s where strpos(l::text, s.secret) > 0 union all select from ucrm.platform_audit_logs as l, started as s where strpos(l::text, s.secret) > 0', 'the secret is in neither');
select ok(ucrm.impersonation_is_live(id), 'it is live') from started;
savepoint s;
delete from ucrm.platform_admins where user_id = :'root';
select ok(not ucrm.impersonation_is_live(id), 'not when its admin is one no more') from started;
rollback to s;
insert into ucrm.platform_admins (user_id) values (:'agent');
select ok(not ucrm.impersonation_is_live(id), 'nor when the member has become one') from started;
rollback to s;
update ucrm.impersonations set expires_at = clock_timestamp() where id = (select id from started);
select ok(not ucrm.impersonation_is_live(id), 'nor when the hour is over') from started;
select is(pg_temp.told(format('select ucrm.end_impersonation(%L)', id)), 'PT404 not_found', 'and then there is nothing to end') from started;
rollback to s;
select ucrm.end_impersonation(id) from started;
select ok(not ucrm.impersonation_is_live(id), 'nor when it was ended') from started;
select is(pg_temp.told(format('select ucrm.end_impersonation(%L)', id)), 'PT404 not_found', 'which is done once') from started;
select results_eq(format('select action from ucrm.audit_logs where tenant_id = %L and id > %L and action like ''impersonation%%'' order by id', :'acme', :'since'), array['impersonation_started', 'impersonation_ended'], 'and audited');
select is((select count(*) from ucrm.platform_audit_logs where id > :'since' and action = 'impersonation.ended' and tenant_id = :'acme'), 1::bigint, 'twice');
rollback;

-- Nobody else.
begin;
select ucrm.enter(:'acme', :'owner');
select is(pg_temp.told(format('select ucrm.start_impersonation(%L, %L, ''looking into a ticket'')', :'agent', :'acme')), 'PT403 permission_denied', 'an owner acts as nobody');
select is(pg_temp.told('select ucrm.end_impersonation(ucrm.uuid7())'), 'PT403 permission_denied', 'and ends nothing');
rollback;
begin;
select ucrm.latch(jsonb_populate_record(null::ucrm.principal, '{"kind": "internal", "platform_admin": false}'), ucrm.uuid7(), null);
select is(pg_temp.told(format('select ucrm.start_impersonation(%L, %L, ''looking into a ticket'')', :'agent', :'acme')), 'PT403 permission_denied', 'nor does the internal secret');
rollback;

-- Whoever reads the audit log sees it.
begin;
insert into ucrm.impersonations (tenant_id, admin_id, user_id, session_id, reason) values (:'acme', :'root', :'agent', ucrm.uuid7(), 'looking into a ticket'), (:'globex', :'root', :'stranger', ucrm.uuid7(), 'looking into another');
set session authorization :"backend";
select ucrm.enter(:'acme', :'owner');
select results_eq('select reason, admin_id::text from ucrm.impersonations', format('values (''looking into a ticket'', %L)', :'root'), 'an owner sees who acted in his workspace, and nobody else''s');
select throws_ok('select session_id from ucrm.impersonations', '42501', null, 'and not by which session');
reset session authorization;
rollback;
begin;
insert into ucrm.impersonations (tenant_id, admin_id, user_id, reason) values (:'acme', :'root', :'agent', 'looking into a ticket');
set session authorization :"backend";
select ucrm.enter(:'acme', :'agent');
select is((select count(*) from ucrm.impersonations), 0::bigint, 'an agent does not');
reset session authorization;
rollback;
-- What is denied to the impersonator stands under both names.
begin;
insert into ucrm.impersonations (tenant_id, admin_id, user_id, reason) values (:'acme', :'root', :'agent', 'looking into a ticket') returning id as impersonation \gset
select id as session, secret from ucrm.open_session(:'agent', :'acme', false, null, 'impersonation') \gset
update ucrm.sessions set impersonation_id = :'impersonation' where id = :'session';
select is((p.read_only, p.impersonator_id, p.platform_admin, p.mfa)::text, format('(t,%s,f,t)', :'root'), 'the session only reads, and knows who looks') from ucrm.authenticate('session', sha256(:'secret')) as p;
select is((ucrm.authenticate('session', sha256(:'secret'))).permissions ~ 'update|create|delete|\*:\*', false, 'what writes is not in its permissions');
select ucrm.latch(ucrm.authenticate('session', sha256(:'secret')), ucrm.uuid7(), null) \g /dev/null
select ucrm.record_event(:'acme', 'denied', 'contacts', null, null, '{}');
select results_eq(format('select user_id::text, impersonator_id::text from ucrm.audit_logs where tenant_id = %L and action = ''denied'' order by id desc limit 1', :'acme'),
    format('values (%L, %L)', :'agent', :'root'), 'an audit row of an impersonation names the member and the platform admin');
update ucrm.impersonations set ended_at = clock_timestamp() where id = :'impersonation';
select is((ucrm.authenticate('session', sha256(:'secret'))).kind, null, 'and is over when it was ended');
rollback;

select '1..' || currval('__tresults___numb_seq');
