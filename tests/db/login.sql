-- Logins that come straight to the server: what binding one gives it, whom it refuses, and what unbinding takes away.
\ir scene.psql
create function pg_temp.told(statement text) returns text language plpgsql as $$
begin
    execute statement;
    return 'done';
exception when others then
    return sqlstate;
end
$$;
begin;
select ucrm.bind_login('fresh_report', :'acme', 'reader');
select is(array[rolcanlogin, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolreplication], array[true, false, false, false, false, false], 'a login is made') from pg_roles where rolname = 'fresh_report';
select is(rolconnlimit, 5, 'five connections') from pg_roles where rolname = 'fresh_report';
select ok(setconfig @> array['default_transaction_read_only=on', 'statement_timeout=60s', 'idle_in_transaction_session_timeout=5min'], 'read-only, a minute a statement, five in an open transaction') from pg_db_role_setting where setrole = 'fresh_report'::regrole;
select ok(not setconfig::text ~ 'tenant', 'its tenant is not written where everybody reads') from pg_db_role_setting where setrole = 'fresh_report'::regrole;
select is((select array_agg(roleid::regrole::text) from pg_auth_members where member = 'fresh_report'::regrole), array['ucrm_reader'], 'it reads');
select is((select count(*) from ucrm.platform_audit_logs where action = 'login.bound' and detail ->> 'login' = 'fresh_report'), 1::bigint, 'which is written down');
set session authorization fresh_report;
select is((select array_agg(distinct tenant_id::text) from crm.contacts), array[:'acme'], 'it sees its tenant');
select is(pg_temp.told('insert into crm.contacts (name) values (''x'')'), '42501', 'it writes nothing, whatever the transaction');
select is(pg_temp.told('select * from ucrm.logins'), '42501', 'it does not see who is bound');
select ok((select bool_and(email is not null) from ucrm.members), 'but its tenant''s members, with their addresses');
reset session authorization;
-- Its views: everything protected, nothing of the tenant.
select l.report_schema as views from ucrm.logins as l where l.login = 'fresh_report' \gset
select set_eq(format('select c.relname::text from pg_class as c where c.relnamespace = %L::regnamespace', :'views'), $$select name from ucrm.resources where kind = 'entity' union all values ('members')$$, 'a view for everything protected');
select is_empty(format('select a.attrelid::regclass from pg_attribute as a join pg_class as c on c.oid = a.attrelid where c.relnamespace = %L::regnamespace and a.attname = ''tenant_id''', :'views'), 'none says the tenant');
select is_empty(format('select c.relname from pg_class as c where c.relnamespace = %L::regnamespace and not coalesce(c.reloptions @> array[''security_invoker=true''], false)', :'views'), 'all read as whoever asks');
select throws_ok(format('update ucrm.logins set report_schema = %L where login = ''fresh_report''', v.name), v.code, null, 'what unbinding drops is never ' || v.what)
from (select 'crm' as name, '23514' as code, 'somebody''s own schema' as what
      union all select l.report_schema, '23505', 'another login''s' from ucrm.logins as l where l.login = :'report') as v;
set session authorization fresh_report;
select is(pg_temp.attempt(format('select from %I.%I', :'views', name)), 'rows ' || own, format('%s through its view', name))
from (select split_part(t.name, '.', 2) as name, (select count(*) from crm.contacts) as own from tables as t where t.name = 'crm.contacts') as v;
set session authorization :"report";
select is(pg_temp.attempt(format('select from %I.contacts', :'views')), '42501', 'another login''s views are not one''s own');
reset session authorization;

alter role fresh_report set idle_in_transaction_session_timeout = '1h';
select ucrm.bind_login('fresh_report', :'globex', 'reader');
select ok('idle_in_transaction_session_timeout=1h' = any (setconfig), 'a DBA''s own limit stays') from pg_db_role_setting where setrole = 'fresh_report'::regrole;
set session authorization fresh_report;
select is((select array_agg(distinct tenant_id::text) from crm.contacts), array[:'globex'], 'bound again, it sees the other');
reset session authorization;
select ucrm.unbind_login('fresh_report');
set session authorization fresh_report;
select is(pg_temp.told('select * from crm.contacts'), '42501', 'unbound, it sees nothing');
reset session authorization;
select throws_ok($$select ucrm.unbind_login('fresh_report')$$, '42704', null, 'once');

-- Whom row security would not hold.
create role strong_super login superuser;
create role strong_bypass login bypassrls;
create role strong_creator login createrole;
create role strong_replica login replication;
create role strong_platform login in role ucrm_platform;
create role strong_owner login;
create table public.owned (x integer);
alter table public.owned enable row level security;
alter table public.owned owner to strong_owner;
select is(pg_temp.told(format(s, l)), '22023', format('%s: %s', l, split_part(s, '(', 1)))
from unnest(array['strong_super', 'strong_bypass', 'strong_creator', 'strong_replica', 'strong_platform', 'strong_owner', 'ucrm_gateway', 'ucrm_owner', 'ucrm_app']) as l,
     unnest(array['select ucrm.trust_backend(%L)', 'select ucrm.bind_login(%L, (select acme from scene))']) as s;
select is(pg_temp.told(format('select ucrm.bind_login(%L, %L)', :'backend', :'acme')), '22023', 'a back end is not bound');
select is(pg_temp.told(format('select ucrm.trust_backend(%L)', :'report')), '22023', 'a bound login is no back end');
select is(pg_temp.told('select ucrm.trust_backend(''nobody_at_all'')'), '42704', 'nobody is no back end');
select is(pg_temp.told(format('select ucrm.bind_login(''another'', %L, ''none'')', :'acme')), '42704', 'a role that is none');
select is(pg_temp.told(format('select ucrm.bind_login(''another'', %L)', ucrm.uuid7())), '42704', 'a tenant of nobody');
set session authorization :"backend";
select is(pg_temp.told(s), '42501', 'for superusers: ' || s)
from unnest(array['select ucrm.bind_login(''x'', null)', 'select ucrm.unbind_login(''x'')', 'select ucrm.trust_backend(''x'')']) as s;
reset session authorization;
rollback;

-- Why: every gate with its verdict, for whoever asks.
begin;
select results_eq('select gate, verdict, code from ucrm.why(''contacts'', ''update'') where verdict = ''refuse''', $$values ('context', 'refuse', 'no_context'), ('permission', 'refuse', 'permission_denied')$$, 'nobody learns that he has no context');
select t.id as stark, m.user_id as eve from ucrm.tenants as t join ucrm.tenant_memberships as m on m.tenant_id = t.id where t.slug = 'stark' \gset
set session authorization :"backend";
select ucrm.enter(:'stark', :'eve');
select results_eq('select gate, verdict, code from ucrm.why(''contacts'', ''update'') where verdict not in (''pass'', ''not asked'')', $$values ('trial', 'refuse', 'trial_expired')$$, 'whose trial is over learns that');
select results_eq('select verdict from ucrm.why(''contacts'', ''fly'') where gate = ''permission''', array['unknown'], 'nobody has a permission that there is none of');
select is_empty('select gate from ucrm.why(''contact'', ''read'') where verdict not in (''pass'', ''not asked'')', 'and that he may read; the singular is understood');
select is_empty('select gate from ucrm.why(''billing'', ''update'') where verdict not in (''pass'', ''not asked'')', 'and pay');
select set_eq('select gate from ucrm.why() where gate not in (''context'', ''permission'')', 'select name from ucrm.gates', 'every gate is listed');
select is((select array_agg(w.position order by o) from ucrm.why() with ordinality as w (position, gate, verdict, code, hint, o)), (select array_agg(w.position order by w.position) from ucrm.why() as w), 'in order');
reset session authorization;
rollback;
begin;
set session authorization :"report";
select results_eq('select gate, code from ucrm.why(''contacts'', ''update'') where verdict = ''refuse''', $$values ('permission', 'permission_denied')$$, 'a bound reader learns what he may not');
reset session authorization;
rollback;

select '1..' || currval('__tresults___numb_seq');
