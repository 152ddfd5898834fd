-- Permission text as a set; scope own on the table; the ceiling under which roles, members and keys are given.
\ir scene.psql

-- The set.
select is(ucrm.intersect_permissions(a, b), want, format('%s ∩ %s', a, coalesce(b, 'all')))
from (values
    ('contacts:read', null, 'contacts:read'), ('*:*', 'contacts:read', 'contacts:read'), ('contacts:*', 'contacts:read', 'contacts:read'),
    ('contacts:read', 'contacts:*', 'contacts:read'), ('contacts:read', 'organizations:read', ''), ('contacts:read', '', ''), ('', 'contacts:read', ''),
    ('contacts:read', 'contacts:read:own', 'contacts:read:own'), ('contacts:read:own', 'contacts:read', 'contacts:read:own'),
    ('entity:*', 'members:read', ''), ('*:*', 'members:read', 'members:read'), ('*:*', '*:*', '*:*')
) as v (a, b, want);
select is(ucrm.permissions_cover(holder, wanted), want, format('%s %s %s', holder, case when want then 'covers' else 'does not cover' end, wanted))
from (values
    ('*:*', 'contacts:read', true), ('*:*', '*:*', true), ('contacts:*', '*:*', false), ('contacts:read', 'contacts:read', true), ('contacts:read', 'contacts:update', false),
    ('contacts:read', 'contacts:read:own', true), ('contacts:read:own', 'contacts:read', false), ('entity:*', 'members:read', false), ('contacts:read', '', true), ('', 'contacts:read', false),
    ('contacts:read,contacts:update', 'contacts:update,contacts:read', true), ('entity:*', 'entity:*', true), ('entity:read', 'entity:*', false), (null, 'contacts:read', false)
) as v (holder, wanted, want);
select is(ucrm.canonical_permissions(' contact:read , organization:update:own '), ucrm.canonical_permissions('organizations:update:own,contacts:read'), 'the singular, spaces and order do not matter');
select is(ucrm.canonical_permissions(null), null, 'null is no restriction');
select throws_ok(format('select ucrm.canonical_permissions(%L)', p), 'PT422', 'validation_failed', 'no permission: ' || p)
from unnest(array['contacts', 'contacts:', ':read', 'contacts:read:all', 'contacts:read:own:own', 'nothing:read', 'contacts:fly', 'Contacts:read', 'contacts:re ad;', 'contacts:read'',x']) as p;

-- The built-in roles.
select is(array(select a.resource || ':' || a.action from ucrm.resource_actions as a where a.resource in ('tenant', 'billing') and ucrm.permissions_cover(ucrm.role_grants(:'acme', 'admin'), a.resource || ':' || a.action) order by 1),
    array['tenant:read', 'tenant:update'], 'an admin has all but billing and deleting the tenant');
select is(ucrm.role_grants(:'acme', 'agent'), ucrm.role_grants(:'acme', 'member'), 'agent and member are equal');
select is(array(select distinct a.action from ucrm.resource_actions as a where a.resource = 'contacts' and ucrm.permissions_cover(ucrm.role_grants(:'acme', 'reader'), 'entity:' || a.action) order by 1), array['autocomplete', 'export', 'read'], 'a reader reads');
select is(ucrm.role_grants(:'acme', 'nobody'), '', 'a role that is none grants nothing');

-- Scope own, on the table.
begin;
insert into ucrm.users (email, email_verified_at) values ('own@acme.example', now()) returning id as own \gset
insert into ucrm.roles (tenant_id, name) values (:'acme', 'own_rows');
insert into ucrm.role_permissions (tenant_id, role, resource, action, scope) values
    (:'acme', 'own_rows', 'contacts', 'read', 'all'), (:'acme', 'own_rows', 'contacts', 'create', 'own'), (:'acme', 'own_rows', 'contacts', 'update', 'own'), (:'acme', 'own_rows', 'contacts', 'delete', 'own'),
    (:'acme', 'own_rows', 'organizations', 'read', 'own'), (:'acme', 'own_rows', 'audit_logs', 'read', 'own'), (:'acme', 'own_rows', 'roles', '*', 'own');
insert into ucrm.tenant_memberships (tenant_id, user_id, role) values (:'acme', :'own', 'own_rows');
insert into crm.contacts (tenant_id, name, owner_id) values (:'acme', 'mine', :'own');
set session authorization :"backend";
select ucrm.enter(:'acme', :'own');
select is(ucrm.permission_scope('contacts', 'update'), 'own', 'scope own');
select is(ucrm.permission_scope('contacts', 'read'), 'all', 'scope all');
select is(ucrm.permission_scope('contacts', 'archive'), null, 'not granted');
select ok(ucrm.has_permission('contacts', 'update') and not ucrm.has_permission('contacts', 'export'), 'has_permission() says yes to both scopes');
select is((select count(*) from crm.contacts), 4::bigint, 'all are read');
select is((select count(*) from crm.organizations), 0::bigint, 'where only own are granted, own are read');
select is(concat_ws(' ', ucrm.has_permission('audit_logs', 'read'), ucrm.permission_scope('roles', 'create'), (select count(*) from ucrm.audit_logs), ucrm.permission_map() ? 'audit_logs'), 'f 0 f', 'own is nothing where no row has an owner');
select throws_ok('select ucrm.create_role(''mine'', ''contacts:read:own'')', 'PT403', 'permission_denied', 'nor may anything be made');
select is(pg_temp.attempt($$update crm.contacts set stage = 'lost'$$), 'rows 1', 'UPDATE reaches own rows');
select is(pg_temp.attempt($$delete from crm.contacts$$), 'rows 1', 'and DELETE');
select is(pg_temp.attempt($$update crm.contacts set name = 'x' where name <> 'mine'$$), 'rows 0', 'no other''s');
select is(pg_temp.attempt($$insert into crm.contacts (name) values ('x')$$), 'rows 1', 'one creates for oneself');
select is(pg_temp.attempt(format('insert into crm.contacts (name, owner_id) values (''x'', %L)', :'owner')), '42501', 'and for nobody else');
select is(pg_temp.attempt(format('update crm.contacts set owner_id = %L where name = ''mine''', :'owner')), '42501', 'one does not give away what one owns');
select is(pg_temp.attempt('update crm.contacts set owner_id = null where name = ''mine'''), '42501', 'nor abandons it');
select is(pg_temp.attempt('insert into crm.organizations (name) values (''x'')'), 'PT403', 'what is not granted says so');
reset session authorization;
rollback;
begin;
set session authorization :"backend";
select ucrm.enter(:'acme');
select is(ucrm.has_permission('contacts', a.action), true, 'the service: contacts ' || a.action) from ucrm.resource_actions as a where a.resource = 'contacts';
select is(ucrm.has_permission(a.resource, a.action), false, format('the service: not %s %s', a.resource, a.action)) from ucrm.resource_actions as a join ucrm.resources as r on r.name = a.resource where r.kind = 'system';
reset session authorization;
rollback;
select is(ucrm.has_permission('contacts', 'read'), false, 'without a context nothing is permitted');

-- The ceiling. A registrar holds contacts and may manage members, roles and keys.
create function pg_temp.told(statement text) returns text language plpgsql as $$
begin
    begin
        execute statement;
        raise exception using errcode = 'RB000';
    exception when sqlstate 'RB000' then
        return 'done';
    end;
exception when others then
    return sqlstate || ' ' || sqlerrm;
end
$$;
begin;
insert into ucrm.users (email, email_verified_at) values ('registrar@acme.example', now()) returning id as registrar \gset
insert into ucrm.users (email, email_verified_at) values ('fresh@acme.example', now()) returning id as fresh \gset
insert into ucrm.roles (tenant_id, name) values (:'acme', 'registrar'), (:'acme', 'little'), (:'acme', 'much');
insert into ucrm.role_permissions (tenant_id, role, resource, action) values
    (:'acme', 'registrar', 'contacts', '*'), (:'acme', 'registrar', 'members', '*'), (:'acme', 'registrar', 'roles', '*'), (:'acme', 'registrar', 'api_keys', '*'), (:'acme', 'registrar', 'invitations', '*'),
    (:'acme', 'little', 'contacts', 'read'), (:'acme', 'much', 'organizations', 'read');
insert into ucrm.tenant_memberships (tenant_id, user_id, role) values (:'acme', :'registrar', 'registrar');
select m.user_id as reader from ucrm.tenant_memberships as m where m.tenant_id = :'acme' and m.role = 'reader' limit 1 \gset
select k.id as owners_key from ucrm.api_keys as k where k.tenant_id = :'acme' and k.user_id = :'owner' and k.scopes is null limit 1 \gset
set session authorization :"backend";
select ucrm.enter(:'acme', :'registrar');
select is(pg_temp.told(statement), want, statement)
from (values
    ('select ucrm.invite(''fresh@acme.example'', ''little'')', 'done'), ('select ucrm.invite(''fresh@acme.example'', ''registrar'')', 'done'),
    ('select ucrm.invite(''fresh@acme.example'', ''much'')', 'PT403 grant_ceiling'), ('select ucrm.invite(''fresh@acme.example'', ''owner'')', 'PT403 grant_ceiling'),
    ('select ucrm.invite(''fresh@acme.example'', ''reader'')', 'PT403 grant_ceiling'), ('select ucrm.invite(''fresh@acme.example'', ''none'')', 'PT422 validation_failed'),
    ('select ucrm.invite(''RITA@acme.example'', ''little'')', 'PT409 duplicate'),
    (format('select ucrm.add_member(%L, ''little'')', :'fresh'), '42501 permission denied for function add_member'),
    (format('select ucrm.set_member_role(%L, ''owner'')', :'registrar'), 'PT403 grant_ceiling'), (format('select ucrm.set_member_role(%L, ''little'')', :'owner'), 'PT403 grant_ceiling'),
    (format('select ucrm.set_member_role(%L, ''little'')', :'registrar'), 'done'),
    (format('select ucrm.set_member_disabled(%L, true)', :'owner'), 'PT403 grant_ceiling'), (format('select ucrm.remove_member(%L)', :'owner'), 'PT403 grant_ceiling'),
    (format('select ucrm.remove_member(%L)', :'registrar'), 'done'),
    ('select ucrm.create_role(''mine'', ''contacts:read'')', 'done'), ('select ucrm.create_role(''mine'', ''contacts:*,members:read'')', 'done'),
    ('select ucrm.create_role(''mine'', ''organizations:read'')', 'PT403 grant_ceiling'), ('select ucrm.create_role(''mine'', ''*:*'')', 'PT403 grant_ceiling'), ('select ucrm.create_role(''mine'', ''entity:read'')', 'PT403 grant_ceiling'),
    ('select ucrm.create_role(''owner'', ''contacts:read'')', 'PT422 validation_failed'), ('select ucrm.create_role(''little'', ''contacts:read'')', 'PT409 duplicate'), ('select ucrm.create_role(''My role'', ''contacts:read'')', 'PT422 validation_failed'),
    ('select ucrm.set_role_permissions(''little'', ''contacts:update'')', 'done'), ('select ucrm.set_role_permissions(''little'', ''organizations:read'')', 'PT403 grant_ceiling'),
    ('select ucrm.set_role_permissions(''much'', ''contacts:read'')', 'PT403 grant_ceiling'), ('select ucrm.set_role_permissions(''owner'', ''contacts:read'')', 'PT404 not_found'),
    ('select ucrm.set_role_permissions(''registrar'', ''*:*'')', 'PT403 grant_ceiling'),
    ('select ucrm.delete_role(''little'')', 'done'), ('select ucrm.delete_role(''much'')', 'PT403 grant_ceiling'), ('select ucrm.delete_role(''registrar'')', 'PT409 role_in_use'), ('select ucrm.delete_role(''none'')', 'PT404 not_found'),
    ('select ucrm.create_api_key(''k'')', 'done'), ('select ucrm.create_api_key(''k'', ''contacts:read'')', 'done'), ('select ucrm.create_api_key(''k'', ''organizations:read'')', 'PT403 grant_ceiling'),
    ('select ucrm.create_api_key(''k'', null, true)', 'PT403 grant_ceiling'), ('select ucrm.create_api_key(''k'', ''contacts:read'', true)', 'done'), ('select ucrm.create_api_key(''k'', ''nothing:read'')', 'PT422 validation_failed'),
    ('select ucrm.create_api_key(''k'', expires_at => now() - interval ''1 s'')', 'PT422 validation_failed'),
    (format('select ucrm.rotate_api_key(%L)', :'owners_key'), 'PT403 grant_ceiling'), ('select ucrm.revoke_api_key(ucrm.uuid7())', 'PT404 not_found'),
    ('select ucrm.delete_tenant()', 'PT403 permission_denied')
) as v (statement, want);
reset session authorization;
insert into ucrm.tenant_memberships (tenant_id, user_id, role) values (:'acme', :'fresh', 'owner');
update ucrm.tenant_memberships set disabled_at = now() where tenant_id = :'acme' and user_id = :'owner';
set session authorization :"backend";
select is(pg_temp.told(format('select ucrm.rotate_api_key(%L)', :'owners_key')), 'PT403 grant_ceiling', 'nor is a disabled owner''s key rotated: he may be enabled again');
reset session authorization;
rollback;
begin;
select m.user_id as agent from ucrm.tenant_memberships as m join ucrm.users as u on u.id = m.user_id where m.tenant_id = :'acme' and u.email like 'alan@%' \gset
set session authorization :"backend";
select ucrm.enter(:'acme', :'agent');
select is(pg_temp.told(statement), 'PT403 permission_denied', 'an agent: ' || statement)
from unnest(array['select ucrm.invite(''x@y.example'', ''reader'')', 'select ucrm.resend_invitation(ucrm.uuid7())', 'select ucrm.cancel_invitation(ucrm.uuid7())', 'select ucrm.update_tenant(''x'')', 'select ucrm.set_role_label(''mine'', ''x'')', 'select ucrm.set_member_role(ucrm.uuid7(), ''reader'')', 'select ucrm.set_member_disabled(ucrm.uuid7(), true)', 'select ucrm.remove_member(ucrm.uuid7())',
    'select ucrm.create_role(''mine'', ''contacts:read'')', 'select ucrm.set_role_permissions(''mine'', ''contacts:read'')', 'select ucrm.delete_role(''mine'')', 'select ucrm.create_api_key(''k'')',
    'select ucrm.revoke_api_key(ucrm.uuid7())', 'select ucrm.rotate_api_key(ucrm.uuid7())', 'select ucrm.delete_tenant()']) as statement;
select is(pg_temp.told(format('select ucrm.remove_member(%L)', :'agent')), 'done', 'but leaves when he wants to');
select is((select count(*) from ucrm.members where email is not null), 1::bigint, 'and sees the others'' names, not their addresses');
reset session authorization;
rollback;
begin;
set session authorization :"backend";
select is(pg_temp.told(statement), 'PT401 no_context', 'nobody: ' || statement)
from unnest(array['select ucrm.invite(''x@y.example'', ''reader'')', 'select ucrm.remove_member(ucrm.uuid7())', 'select ucrm.create_role(''mine'', ''contacts:read'')', 'select ucrm.create_api_key(''k'')', 'select ucrm.delete_tenant()', 'select ucrm.demand(''contacts'', ''read'')']) as statement;
reset session authorization;
rollback;
begin;
set session authorization :"backend";
select ucrm.enter(:'acme', :'owner');
select is(pg_temp.told(format('select ucrm.set_member_role(%L, ''admin'')', :'owner')), 'PT409 last_owner', 'the last owner is not demoted');
select is(pg_temp.told(format('select ucrm.set_member_disabled(%L, true)', :'owner')), 'PT409 last_owner', 'nor disabled');
select is(pg_temp.told(format('select ucrm.remove_member(%L)', :'owner')), 'PT409 last_owner', 'nor leaves');
select is(pg_temp.told('select ucrm.delete_tenant()'), 'done', 'but deletes the workspace');
reset session authorization;
rollback;
-- Whoever administers the server makes members without an invitation, under the ceiling of the context he enters.
begin;
insert into ucrm.users (email, email_verified_at) values ('fresh@acme.example', now()) returning id as fresh \gset
select m.user_id as reader from ucrm.tenant_memberships as m where m.tenant_id = :'acme' and m.role = 'reader' limit 1 \gset
select ucrm.enter(:'acme', :'owner');
select is(pg_temp.told(statement), want, statement)
from (values
    (format('select ucrm.add_member(%L, ''admin'')', :'fresh'), 'done'), (format('select ucrm.add_member(%L, ''none'')', :'fresh'), 'PT422 validation_failed'),
    (format('select ucrm.add_member(%L, ''agent'')', :'reader'), 'PT409 duplicate'), ('select ucrm.add_member(ucrm.uuid7(), ''agent'')', 'PT404 not_found')
) as v (statement, want);
rollback;
-- A key: shown once, stored as a digest of a digest.
begin;
set session authorization :"backend";
select ucrm.enter(:'acme', :'owner');
create temporary table made on commit drop as select * from ucrm.create_api_key('mine', 'contacts:read');
select matches(secret, '^ucrm_live_[a-z0-9]{8}_[0-9a-z]{26}_[A-Za-z0-9_-]{43}$', 'a key has its shape') from made;
select ok(strpos(secret, prefix) > 0, 'and its display prefix') from made;
reset session authorization;
select is(k.digest, sha256(sha256(convert_to(m.secret, 'UTF8'))), 'what is stored is the digest of what the gateway shows') from made as m join ucrm.api_keys as k on k.id = m.id;
select is_empty($$select from ucrm.audit_logs as l, made as m where strpos(l::text, right(m.secret, 43)) > 0$$, 'the secret is in no audit row');
select is((ucrm.authenticate('key', sha256(convert_to(secret, 'UTF8')))).permissions, 'contacts:read', 'shown, it is its owner ∩ its scopes') from made;
select is((ucrm.authenticate('key', k.digest)).kind, null, 'what is stored, shown, is nothing') from made as m join ucrm.api_keys as k on k.id = m.id;
rollback;

select '1..' || currval('__tresults___numb_seq');
