-- Whose key is rotated by whom: the new secret is shown to whoever rotates it.
begin;
select plan(6);

insert into ucrm.tenants (slug, name, status) values ('keyring', 'Keyring', 'approved');
insert into ucrm.users (email, email_verified_at) values ('owner@keyring.example', now()), ('agent@keyring.example', now());
insert into ucrm.tenant_memberships (tenant_id, user_id, role)
select t.id, u.id, split_part(u.email, '@', 1) from ucrm.tenants as t, ucrm.users as u where t.slug = 'keyring' and u.email like '%@keyring.example';
select t.id as tenant, o.id as owner, a.id as agent
from ucrm.tenants as t, ucrm.users as o, ucrm.users as a
where t.slug = 'keyring' and o.email = 'owner@keyring.example' and a.email = 'agent@keyring.example' \gset
select k.id as agents_key from ucrm.issue_api_key(:'tenant', :'agent', 'agent''s') as k \gset
select k.id as owners_key, k.secret as shown from ucrm.issue_api_key(:'tenant', :'owner', 'owner''s') as k \gset
select k.id as service_key from ucrm.issue_api_key(:'tenant', null, 'service') as k \gset

set local role ucrm_app;
select ucrm.enter(:'tenant', :'owner') \g /dev/null
select throws_ok(format('select ucrm.rotate_api_key(%L)', :'agents_key'), 'PT403', 'permission_denied', 'an owner does not rotate an agent''s key');
select lives_ok(format('select ucrm.revoke_api_key(%L)', :'agents_key'), 'but ends it');
select lives_ok(format('select ucrm.rotate_api_key(%L)', :'owners_key'), 'one''s own key is rotated');
select lives_ok(format('select ucrm.rotate_api_key(%L)', :'service_key'), 'and a service key');
reset role;
select ok((ucrm.authenticate('key', sha256(:'shown'))).kind is null, 'the old secret ends at once');
select is((select count(*) from ucrm.api_keys as k where k.tenant_id = :'tenant' and k.revoked_at is null), 2::bigint, 'two keys are live');

select * from finish();
rollback;
