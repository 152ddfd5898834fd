-- Leaving a workspace: it needs no permission, and no open workspace.
begin;
select plan(4);

insert into ucrm.tenants (slug, name, status) values ('leaving', 'Leaving', 'suspended');
insert into ucrm.users (email, email_verified_at) values ('stays@leaving.example', now()), ('leaves@leaving.example', now());
insert into ucrm.tenant_memberships (tenant_id, user_id, role)
select t.id, u.id, case when u.email like 'stays%' then 'owner' else 'agent' end
from ucrm.tenants as t, ucrm.users as u
where t.slug = 'leaving' and u.email like '%@leaving.example';

select t.id as tenant, u.id as leaver, o.id as owner
from ucrm.tenants as t, ucrm.users as u, ucrm.users as o
where t.slug = 'leaving' and u.email = 'leaves@leaving.example' and o.email = 'stays@leaving.example' \gset

set local role ucrm_app;
select ucrm.enter(:'tenant', :'leaver') \g /dev/null
select throws_ok(format('select ucrm.remove_member(%L)', :'owner'), 'PT403', 'workspace_suspended', 'nobody removes others from a suspended workspace');
select lives_ok(format('select ucrm.remove_member(%L)', :'leaver'), 'an agent leaves a suspended workspace');
reset role;
select is_empty(format('select from ucrm.tenant_memberships where user_id = %L', :'leaver'), 'and is a member no more');
select is((select a.action from ucrm.audit_logs as a where a.tenant_id = :'tenant' and a.resource = 'members' order by a.id desc limit 1), 'delete', 'which the audit says');

select * from finish();
rollback;
