-- Every kind of security event leaves its row, with all that is known of who did it: each is provoked here, over HTTP or in
-- SQL, and looked for.
\ir scene.psql
\ir ask.psql
set client_min_messages = warning;
create function pg_temp.computed(password text) returns jsonb language sql as $$
    select jsonb_build_object('argon2id', encode(sha256(convert_to(password, 'UTF8')), 'hex'), 'salt', repeat('ab', 16), 'memory_kib', 19456, 'passes', 2, 'lanes', 1)
$$;
select pg_temp.issue();
create temporary table asked (n integer generated always as identity, kind text, request uuid, status integer, answer jsonb);
create procedure pg_temp.ask(kind text, method text, path text, body jsonb default null, credential_kind text default 'none', credential bytea default null, query text default '') language plpgsql as $$
declare
    request constant uuid := ucrm.uuid7();
    a record;
    state text;
    message text;
begin
    begin
        select h.status, h.body into a from ucrm.handle(method, path, query, '{"content-type": "application/json", "sec-fetch-site": "same-origin"}', convert_to(body::text, 'UTF8'), credential_kind, null, credential, '192.0.2.77', request) as h;
    exception when others then
        get stacked diagnostics state = returned_sqlstate, message = message_text;
        select h.status, h.body into a from ucrm.refused(method, path, credential_kind, null, credential, '192.0.2.77', request, state, message, '', null, null, null, null) as h;
    end;
    insert into asked (kind, request, status, answer) values (ask.kind, request, a.status, convert_from(a.body, 'UTF8')::jsonb);
    commit;
end
$$;
create function pg_temp.trace(kind text) returns setof text language sql as $$
    select concat_ws(' ', l.action, l.resource, l.actor_kind,
                     case when l.user_id is not null then 'user' end, case when l.impersonator_id is not null then 'impersonator' end,
                     case when l.api_key_prefix is not null then 'key' end, l.db_login, host(l.address), case when l.request_id = a.request then 'request' end)
    from asked as a
    join ucrm.audit_logs as l on l.request_id = a.request and l.tenant_id = (select acme from scene)
    where a.kind = trace.kind
    order by l.id
$$;
create function pg_temp.platform_trace(kind text) returns setof text language sql as $$
    select concat_ws(' ', l.action, case when l.user_id is not null then 'user' end, l.db_login)
    from asked as a
    join ucrm.platform_audit_logs as l on l.request_id = a.request
    where a.kind = platform_trace.kind
    order by l.id
$$;
select current_user as me, (select shown from keys where name = 'ada') as ada, (select shown from keys where name = 'rita') as rita, u.email as address
from ucrm.users as u where u.id = :'owner' \gset
select ucrm.set_password(:'owner', pg_temp.computed('a good one')) \g /dev/null
select user_id as root from ucrm.platform_admins limit 1 \gset
select sha256(convert_to(k.secret, 'UTF8')) as platform from ucrm.issue_platform_key(:'root', 'Sweep') as k \gset

-- Accounts.
call pg_temp.ask('sign-in', 'POST', '/api/v1/auth/login', jsonb_build_object('email', :'address', 'password', pg_temp.computed('a good one')));
call pg_temp.ask('failed sign-in', 'POST', '/api/v1/auth/login', jsonb_build_object('email', :'address', 'password', pg_temp.computed('another')));
select s.secret as session from ucrm.open_session(:'owner', :'acme', false, null, null) as s \gset
select sha256(convert_to(:'session', 'UTF8')) as session \gset
call pg_temp.ask('sign-out', 'POST', '/api/v1/auth/logout', null, 'session', :'session');
-- Denials: by role, and by a key's scope.
call pg_temp.ask('denial', 'POST', '/api/v1/contacts', '{"name": "no"}', 'key', :'rita');
call pg_temp.ask('denied export', 'GET', '/api/v1/audit_logs', null, 'key', :'rita');
-- Keys, roles, members, invitations.
call pg_temp.ask('key', 'POST', '/api/v1/api_keys', '{"name": "Swept"}', 'key', :'ada');
select '/api/v1/api_keys/' || (answer #>> '{data,id}') as path from asked where kind = 'key' \gset
call pg_temp.ask('revoked key', 'DELETE', :'path', null, 'key', :'ada');
call pg_temp.ask('role', 'POST', '/api/v1/roles', '{"name": "swept", "permissions": "contacts:read"}', 'key', :'ada');
call pg_temp.ask('deleted role', 'DELETE', '/api/v1/roles/swept', null, 'key', :'ada');
call pg_temp.ask('invitation', 'POST', '/api/v1/invitations', '{"email": "swept@y.example", "role": "agent"}', 'key', :'ada');
select '/api/v1/invitations/' || (answer #>> '{data,id}') as path from asked where kind = 'invitation' \gset
call pg_temp.ask('cancelled invitation', 'DELETE', :'path', null, 'key', :'ada');
-- Export.
call pg_temp.ask('export', 'GET', '/api/v1/contacts/export', null, 'key', :'ada');
-- Platform access.
call pg_temp.ask('workspace suspended', 'PATCH', '/api/v1/admin/workspaces/acme/approval', '{"status": "suspended", "note": "sweep"}', 'key', :'platform');
call pg_temp.ask('workspace approved', 'PATCH', '/api/v1/admin/workspaces/acme/approval', '{"status": "approved", "note": "sweep"}', 'key', :'platform');
call pg_temp.ask('impersonation', 'POST', '/api/v1/admin/impersonations', jsonb_build_object('user_id', :'owner', 'tenant_id', :'acme', 'reason', 'sweeping the audit log'), 'key', :'platform');
select sha256(convert_to(answer #>> '{data,secret}', 'UTF8')) as eyes from asked where kind = 'impersonation' \gset
call pg_temp.ask('impersonated denial', 'POST', '/api/v1/contacts', '{"name": "no"}', 'session', :'eyes');
select '/api/v1/admin/impersonations/' || (answer #>> '{data,id}') as path from asked where kind = 'impersonation' \gset
call pg_temp.ask('impersonation ended', 'DELETE', :'path', null, 'key', :'platform');

select is(array(select pg_temp.trace(kind)), wanted, format('%s (%s)', kind, (select a.status from asked as a where a.kind = v.kind)))
from (values
    ('sign-in', array['signed_in session person user postgres 192.0.2.77 request']),
    ('failed sign-in', array['sign_in_failed session person user postgres 192.0.2.77 request']),
    ('sign-out', array['signed_out session person user postgres 192.0.2.77 request']),
    ('denial', array['denied contacts key user key postgres 192.0.2.77 request']),
    ('denied export', array['denied audit_logs key user key postgres 192.0.2.77 request']),
    ('key', array['create api_keys key user key postgres 192.0.2.77 request']),
    ('revoked key', array['delete api_keys key user key postgres 192.0.2.77 request']),
    ('role', array['create roles key user key postgres 192.0.2.77 request']),
    ('deleted role', array['delete roles key user key postgres 192.0.2.77 request']),
    ('invitation', array['create invitations key user key postgres 192.0.2.77 request']),
    ('cancelled invitation', array['delete invitations key user key postgres 192.0.2.77 request']),
    ('export', array['export contacts key user key postgres 192.0.2.77 request']),
    ('workspace suspended', array['update tenant platform user key postgres 192.0.2.77 request']),
    ('workspace approved', array['update tenant platform user key postgres 192.0.2.77 request']),
    ('impersonation', array['impersonation_started members platform user key postgres 192.0.2.77 request']),
    ('impersonated denial', array['denied contacts member user impersonator postgres 192.0.2.77 request']),
    ('impersonation ended', array['impersonation_ended members platform user key postgres 192.0.2.77 request'])
) as v (kind, wanted);
select is(array(select pg_temp.platform_trace(kind)), wanted, kind || ', in the platform''s audit')
from (values
    ('sign-in', array['signed_in user postgres']),
    ('failed sign-in', array['sign_in_failed user postgres']),
    ('workspace suspended', array['tenant.suspended user postgres']),
    ('impersonation', array['impersonation.started user postgres'])
) as v (kind, wanted);

-- What superusers and back ends do in SQL.
create function pg_temp.leaves(statement text) returns text[] language plpgsql as $$
declare
    since constant uuid := ucrm.uuid7();
begin
    execute statement;
    return array(
        select v.said
        from (
            select l.id, concat_ws(' ', l.action, l.resource, l.db_login) as said from ucrm.audit_logs as l where l.id > since
            union all
            select l.id, concat_ws(' ', l.action, l.db_login) from ucrm.platform_audit_logs as l where l.id > since
        ) as v
        order by v.said);
end
$$;
begin;
insert into ucrm.users (email) values ('sweep@y.example') returning id as sweep \gset
insert into ucrm.platform_admins (user_id) values (:'sweep');
insert into ucrm.tenant_memberships (tenant_id, user_id, role) values (:'acme', :'sweep', 'agent');
select is(pg_temp.leaves(statement), wanted, what)
from (values
    (1, format('select ucrm.issue_platform_key(%L, %L)', :'sweep', 'Swept'), array['platform_key.issued postgres'], 'a platform key'),
    (2, format('delete from ucrm.platform_admins where user_id = %L', :'sweep'), array['platform_admin.removed postgres', 'platform_key.revoked postgres'], 'a platform admin who is none any more'),
    (3, format('select ucrm.set_internal_secret(sha256(%L))', 'sweep'), array['internal_secret.set postgres'], 'the internal secret'),
    (4, format('select ucrm.set(%L, %L)', 'trial_days', '15'), array['setting.changed postgres'], 'a setting of the installation'),
    (5, format('update ucrm.tenants set plan = %L, subscribed_until = now() where id = %L', 'swept', :'acme'), array['update billing postgres'], 'billing'),
    (6, format('update ucrm.tenants set name = name where id = %L', :'acme'), '{}', 'not when nothing changes'),
    (7, format('select ucrm.bind_login(%L, %L)', 'report_swept', :'acme'), array['login.bound postgres', 'login_bound members postgres'], 'a bound login'),
    (8, format('select ucrm.unbind_login(%L)', 'report_swept'), array['login.unbound postgres', 'login_unbound members postgres'], 'one that is not any more'),
    (9, format('select ucrm.trust_backend(%L)', 'report_swept'), array['backend.trusted postgres'], 'a trusted back end'),
    (10, format('select count(*) from ucrm.export_tenant(%L)', :'acme'), array['export tenant postgres', 'tenant.exported postgres'], 'the export of a workspace'),
    (11, format('select ucrm.rewind_tenant(%L, clock_timestamp())', :'acme'), array['rewound tenant postgres', 'tenant.rewound postgres'], 'its rewind'),
    (12, format('select ucrm.enter(%L, %L), ucrm.record_factor(%2$L, %L)', :'acme', :'owner', 'enabled'), array['mfa.enabled postgres', 'mfa_enabled members postgres'], 'a second factor')
) as v (n, statement, wanted, what)
order by n;
rollback;

delete from ucrm.passwords where user_id = :'owner';
delete from ucrm.sessions where user_id = :'owner';
delete from ucrm.sign_in_places where user_id = :'owner';
delete from ucrm.row_windows where name = 'login';
delete from ucrm.impersonations where reason = 'sweeping the audit log';
delete from ucrm.invitations where email = 'swept@y.example';
delete from ucrm.emails where recipient = 'swept@y.example' or tenant_id = :'acme';
delete from ucrm.api_keys where name = 'Swept';
delete from ucrm.platform_keys where name = 'Sweep';
delete from ucrm.events where request_id in (select request from asked);
call pg_temp.leave();
select '1..' || currval('__tresults___numb_seq');
