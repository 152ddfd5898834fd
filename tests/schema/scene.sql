-- A workspace for schemathesis: an owner, an agent and a reader with keys, a session of the owner's, and no limits.
-- psql -AtX -f tests/schema/scene.sql, as a superuser: prints NAME=value lines. leave.sql takes it all away again.
\set ON_ERROR_STOP on
\set QUIET on
set client_min_messages = warning;
begin;
insert into ucrm.rate_limits (name, plan, hits, seconds)
select distinct l.name, null, 2000000000, 60 from ucrm.rate_limits as l where l.builtin;
select (made #>> '{tenant,id}')::uuid as tenant, (made #>> '{admin,id}')::uuid as owner, made #>> '{api_key,secret}' as owner_key
from ucrm.provision_tenant('schemathesis', 'Schemathesis', 'owner@schemathesis.example', 'scale', true) as made \gset
insert into ucrm.users (email, name, email_verified_at)
select v || '@schemathesis.example', v, clock_timestamp() from unnest(array['agent', 'reader']) as v;
update ucrm.users set email_verified_at = clock_timestamp(), name = 'owner' where id = :'owner';
update ucrm.tenants set trial_ends_at = null where id = :'tenant';
insert into ucrm.tenant_memberships (tenant_id, user_id, role)
select :'tenant', u.id, u.name from ucrm.users as u where u.email in ('agent@schemathesis.example', 'reader@schemathesis.example');
select s.id as session, s.secret from ucrm.open_session(:'owner', :'tenant', false, '127.0.0.1', 'schemathesis') as s \gset
update ucrm.sessions set fresh_until = clock_timestamp() + interval '1 day' where id = :'session';
\echo SCHEMA_OWNER_KEY=:owner_key
\echo SCHEMA_SESSION=:secret
select 'SCHEMA_' || upper(u.name) || '_KEY=' || k.secret
from ucrm.users as u
cross join lateral ucrm.issue_api_key(:'tenant', u.id, u.name) as k
where u.email in ('agent@schemathesis.example', 'reader@schemathesis.example');
commit;
