-- Takes away what scene.sql and the run made: nothing else is made meanwhile.
\set ON_ERROR_STOP on
\set QUIET on
set client_min_messages = warning;
begin;
create temporary table made on commit drop as
select u.id from ucrm.users as u
where u.created_at >= (select o.created_at from ucrm.users as o where o.email = 'owner@schemathesis.example');
delete from ucrm.tenants as t
using ucrm.tenant_memberships as m
join made as u on u.id = m.user_id
where m.tenant_id = t.id;
delete from ucrm.users as u using made as m where m.id = u.id;
delete from ucrm.rate_limits where not builtin and plan is null and hits = 2000000000;
commit;
