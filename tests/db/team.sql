-- Members, roles, keys and the workspace's own settings: what asks for a fresh session, what a scoped key may not do for
-- its owner, what may be set, and what the lists show to whom.
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
create function pg_temp.request(method text, id text, body text default null) returns ucrm.request language sql as $$
    select row(method, '/', '', '{}', convert_to(body, 'UTF8'), id, null, null, null, null, ucrm.uuid7(), null, '{}', null, null, null, null)::ucrm.request
$$;

-- What a stale session does not change.
begin;
create or replace function ucrm.demand_fresh() returns void language plpgsql as $$ begin perform ucrm.refuse('step_up_required'); end $$;
insert into ucrm.roles (tenant_id, name) values (:'acme', 'clerk');
select m.user_id as reader from ucrm.tenant_memberships as m where m.tenant_id = :'acme' and m.role = 'reader' limit 1 \gset
select ucrm.enter(:'acme', :'owner');
select is(pg_temp.told(statement), 'PT403 step_up_required', 'a stale session does not: ' || statement)
from unnest(array[
    'select ucrm.create_role(''other'', ''contacts:read'')', 'select ucrm.set_role_permissions(''clerk'', ''contacts:read'')', 'select ucrm.set_role_label(''clerk'', ''Clerk'')',
    'select ucrm.delete_role(''clerk'')', format('select ucrm.set_member_role(%L, ''agent'')', :'reader'), 'select ucrm.update_tenant(settings => ''{"mfa_required": true}'')',
    'select ucrm.create_key_route(pg_temp.request(''POST'', null, ''{"name": "k"}''))', 'select ucrm.rotate_key_route(pg_temp.request(''POST'', ucrm.uuid7()::text))',
    'select ucrm.revoke_key_route(pg_temp.request(''DELETE'', ucrm.uuid7()::text))',
    format('select ucrm.set_member_disabled(%L, true)', :'reader'), format('select ucrm.remove_member(%L)', :'reader'), 'select left(ucrm.invite(''x@elsewhere.example'', ''reader'')::text, 0)'
]) as statement;
select is(pg_temp.told($$select nullif((ucrm.update_tenant('Acme')).name, 'Acme')$$), 'done', 'but does change the name');
rollback;

-- A key that was made for less than leaving does not make its owner leave.
begin;
select m.user_id as agent from ucrm.tenant_memberships as m join ucrm.users as u on u.id = m.user_id where m.tenant_id = :'acme' and u.email like 'alan@%' \gset
select k.id as whole from ucrm.issue_api_key(:'acme', :'agent', 'whole') as k \gset
select k.id as scoped from ucrm.issue_api_key(:'acme', :'agent', 'scoped', 'contacts:read') as k \gset
select ucrm.latch(ucrm.principal_of_key(k), ucrm.uuid7(), null) from ucrm.api_keys as k where k.id = :'scoped';
select is(pg_temp.told(format('select ucrm.remove_member(%L)', :'agent')), 'PT403 permission_denied', 'a scoped key does not leave for its owner');
rollback;
begin;
select ucrm.latch(ucrm.principal_of_key(k), ucrm.uuid7(), null) from ucrm.api_keys as k where k.user_id = :'agent' and k.tenant_id = :'acme' and k.scopes is null limit 1;
select is(pg_temp.told(format('select ucrm.remove_member(%L)', :'agent')), 'done', 'a whole one does');
rollback;

-- What the lists show.
begin;
set session authorization :"backend";
select ucrm.enter(:'acme', :'owner');
select is((select count(*) from ucrm.members where email is not null and created_at is not null), 5::bigint, 'an owner sees the members, their addresses and since when');
select is((select array_agg(name order by name) from ucrm.tenant_roles where builtin), array['admin', 'agent', 'member', 'owner', 'reader'], 'and the built-in roles');
select is((select count(*) from ucrm.member_labels), 4::bigint, 'a disabled member is completed to no name');
reset session authorization;
rollback;
begin;
insert into ucrm.roles (tenant_id, name) values (:'acme', 'clerk'), (:'globex', 'keeper');
insert into ucrm.role_permissions (tenant_id, role, resource, action, scope) values (:'acme', 'clerk', 'contacts', 'update', 'own'), (:'acme', 'clerk', 'contacts', 'read', 'all');
set session authorization :"backend";
select ucrm.enter(:'acme', :'owner');
select results_eq('select name, permissions from ucrm.tenant_roles where not builtin', $$values ('clerk', array['contacts:read', 'contacts:update:own'])$$, 'the tenant''s own roles with what they grant, and nobody else''s');
reset session authorization;
rollback;
begin;
set session authorization :"backend";
select ucrm.enter(:'acme', :'agent');
select is((select count(*) from ucrm.member_labels where label like '%@%'), 0::bigint, 'an agent completes names, not addresses');
select is((select count(*) from ucrm.member_labels), 4::bigint, 'of all members');
select is((select count(*) from ucrm.tenant_roles where not builtin), 0::bigint, 'and reads no roles of the tenant''s');
reset session authorization;
rollback;
select ok(not ucrm.kernel_shape(v.relation, 'id') ~ '(digest|tenant_id|session_id|api_key_id|proves_address)\t[^\t]*\tr', v.relation || ': nothing that is not granted is shown')
from unnest(array['ucrm.api_keys', 'ucrm.invitations', 'ucrm.impersonations']::regclass[]) as v (relation);

-- The workspace's name, slug and settings.
begin;
set session authorization :"backend";
select ucrm.enter(:'acme', :'owner');
select is((ucrm.update_tenant(' Acme & Sons ', 'acme-sons', '{"mfa_required": true}')).name, 'Acme & Sons', 'an owner renames his workspace');
reset session authorization;
select results_eq(format('select slug, settings from ucrm.tenants where id = %L', :'acme'), $$values ('acme-sons', '{"mfa_required": true}'::jsonb)$$, 'moves it and sets what may be set');
select is((select changed from ucrm.audit_logs where tenant_id = :'acme' and resource = 'tenant' order by id desc limit 1), array['name', 'settings', 'slug'], 'which the audit says');
set session authorization :"backend";
select is((ucrm.update_tenant(settings => '{"mfa_required": null}')).settings, '{}', 'a setting that is given as null goes');
select is(pg_temp.told(statement), want, statement)
from (values
    ('select ucrm.update_tenant(slug => ''globex'')', 'PT409 slug_taken'), ('select ucrm.update_tenant(slug => ''A B'')', 'PT422 validation_failed'),
    (format('select ucrm.update_tenant(slug => %L)', :'globex'), 'PT422 validation_failed'),
    ('select ucrm.update_tenant('' '')', 'PT422 validation_failed'), ('select ucrm.update_tenant(repeat(''x'', 201))', 'PT422 validation_failed'),
    ('select ucrm.update_tenant(settings => ''{"colour": 1}'')', 'PT422 validation_failed'), ('select ucrm.update_tenant(settings => ''{"mfa_required": "yes"}'')', 'PT422 validation_failed'),
    ('select ucrm.update_tenant(settings => ''[]'')', 'PT422 validation_failed')
) as v (statement, want);
reset session authorization;
insert into ucrm.tenant_settings (name, type) values ('colour', 'string');
set session authorization :"backend";
select is((ucrm.update_tenant(settings => '{"colour": "red"}')).settings, '{"colour": "red"}', 'a domain adds settings by rows');
reset session authorization;
rollback;

-- Whom a decision is told.
create temporary table mails (n integer generated always as identity, kind text, recipient text, "user" uuid, tenant uuid, data jsonb);
grant all on mails to public;
begin;
create or replace function ucrm.queue_mail(kind text, recipient text, "user" uuid default null, tenant uuid default null, data jsonb default '{}')
returns uuid language plpgsql set search_path = pg_catalog, pg_temp as
'begin insert into pg_temp.mails (kind, recipient, "user", tenant, data) values (kind, recipient, "user", tenant, data); return ucrm.uuid7(); end';
insert into ucrm.users (email) values ('second@acme.example'), ('third@acme.example');
insert into ucrm.tenant_memberships (tenant_id, user_id, role, disabled_at) select :'acme', id, 'owner', case when email like 'third%' then now() end from ucrm.users where email in ('second@acme.example', 'third@acme.example');
select count(*) from ucrm.change_tenant_status(:'acme', 'suspended', 'a private note') \g /dev/null
select count(*) from ucrm.change_tenant_status(:'acme', 'approved') \g /dev/null
select results_eq('select kind, recipient from mails order by kind, recipient',
    $$values ('workspace_approved', 'ada@acme.example'), ('workspace_approved', 'second@acme.example'), ('workspace_suspended', 'ada@acme.example'), ('workspace_suspended', 'second@acme.example')$$,
    'every owner who is not disabled is told of a decision');
select is_empty('select from mails where strpos(data::text, ''private'') > 0', 'and not the note');
insert into ucrm.tenants (id, slug, name) values ('01a00000-0000-7000-8000-0000000000aa', 'waiting', 'Waiting');
insert into ucrm.tenant_memberships (tenant_id, user_id, role) values ('01a00000-0000-7000-8000-0000000000aa', :'owner', 'owner');
select count(*) from ucrm.change_tenant_status('01a00000-0000-7000-8000-0000000000aa', 'rejected') \g /dev/null
select is((select kind from mails order by n desc limit 1), 'workspace_rejected', 'of a rejection too');
delete from mails;
select ucrm.latch(jsonb_populate_record(null::ucrm.principal, '{"kind": "internal", "platform_admin": false}'), ucrm.uuid7(), null);
select is((ucrm.provision_route(pg_temp.request('POST', null, '{"slug": "wonka", "name": "Wonka", "admin_email": "willy@wonka.example"}'))).status, 201, 'a workspace is provisioned');
select is((ucrm.provision_route(pg_temp.request('POST', null, '{"slug": "wonka-two", "name": "Wonka", "admin_email": "willy@wonka.example"}'))).status, 201, 'and another');
select results_eq('select kind, recipient, "user" is not null, tenant from mails', $$values ('reset_password', 'willy@wonka.example', true, null::uuid), ('reset_password', 'willy@wonka.example', true, null)$$,
    'an admin who has not verified his address is mailed each time, so that he can set a password, and not by the tenant''s own sender');
rollback;

select '1..' || currval('__tresults___numb_seq');
