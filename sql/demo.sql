-- Demo data. psql -AtX -f sql/demo.sql, once, as a superuser: prints NAME=value lines with the ids, keys and logins it made.
\set ON_ERROR_STOP on
\set QUIET on
set client_min_messages = warning;
-- Passwords are set below: none of it reaches the server's log.
set log_statement = none;
set log_min_error_statement = panic;
set log_min_duration_statement = -1;
begin;

insert into ucrm.rate_limits (name, plan, hits, seconds)
select name, plan, hits, 60
from (values
    ('api_key', 'scale', 2000000000), ('user', 'scale', 2000000000), ('tenant', 'scale', 2000000000),
    ('api_key', 'team', 600), ('user', 'team', 600), ('tenant', 'team', 600)
) as v (name, plan, hits);

create temporary table people on commit drop as
select *
from (values
    ('ada', 'ada@acme.example', true), ('alan', 'alan@acme.example', true), ('rita', 'rita@acme.example', true),
    ('dora', 'dora@acme.example', true), ('una', 'una@acme.example', false), ('gina', 'gina@globex.example', true),
    ('penny', 'penny@initech.example', true), ('rex', 'rex@hooli.example', true), ('sue', 'sue@umbrella.example', true),
    ('eve', 'eve@stark.example', true), ('root', 'root@ucrm.example', true)
) as v (name, email, verified);
insert into ucrm.users (name, email, email_verified_at)
select initcap(name), email, case when verified then clock_timestamp() end from people;

insert into ucrm.tenants (slug, name, plan, status, trial_ends_at)
values
    ('acme', 'Acme', 'scale', 'approved', null),
    ('globex', 'Globex', 'team', 'approved', clock_timestamp() + interval '14 days'),
    ('initech', 'Initech', 'free', 'pending_approval', null),
    ('hooli', 'Hooli', 'free', 'rejected', null),
    ('umbrella', 'Umbrella', 'free', 'suspended', null),
    ('stark', 'Stark', 'free', 'approved', clock_timestamp() - interval '1 day');

insert into ucrm.tenant_memberships (tenant_id, user_id, role, disabled_at)
select t.id, u.id, v.role, case when v.disabled then clock_timestamp() end
from (values
    ('acme', 'ada', 'owner', false), ('acme', 'alan', 'agent', false), ('acme', 'rita', 'reader', false),
    ('acme', 'dora', 'agent', true), ('acme', 'una', 'agent', false), ('globex', 'gina', 'owner', false),
    ('initech', 'penny', 'owner', false), ('hooli', 'rex', 'owner', false), ('umbrella', 'sue', 'owner', false),
    ('stark', 'eve', 'owner', false)
) as v (slug, person, role, disabled)
join ucrm.tenants as t on t.slug = v.slug
join people as p on p.name = v.person
join ucrm.users as u on u.email = p.email;

insert into ucrm.platform_admins (user_id) select id from ucrm.users where email = 'root@ucrm.example';

-- What `ucrm-gateway --hash-password` printed; without it nobody signs in, and keys work.
\if :{?admin_password}
select ucrm.set_password(id, :'admin_password') from ucrm.users where email = 'root@ucrm.example' \g /dev/null
select ucrm.set_password(id, :'owner_password') from ucrm.users where email = 'ada@acme.example' \g /dev/null
\echo ADMIN_EMAIL=root@ucrm.example
\echo ACME_OWNER_EMAIL=ada@acme.example
\endif

-- One organization and a few contacts each for Acme and Globex, as their owners would make them.
insert into crm.organizations (tenant_id, name, domain, owner_id)
select t.id, v.name, v.domain, m.user_id
from (values ('acme', 'Wayne Enterprises', 'wayne.example'), ('globex', 'Tyrell Corporation', 'tyrell.example')) as v (slug, name, domain)
join ucrm.tenants as t on t.slug = v.slug
join ucrm.tenant_memberships as m on m.tenant_id = t.id and m.role = 'owner';

insert into crm.contacts (tenant_id, name, email, stage, organization_id, owner_id)
select t.id, v.name, v.email, v.stage, o.id, m.user_id
from (values
    ('acme', 'Bruce Wayne', 'bruce@wayne.example', 'won'), ('acme', 'Lucius Fox', 'lucius@wayne.example', 'qualified'),
    ('acme', 'Selina Kyle', 'selina@kyle.example', 'lead'), ('globex', 'Eldon Tyrell', 'eldon@tyrell.example', 'won'),
    ('globex', 'Rachael', 'rachael@tyrell.example', 'lead')
) as v (slug, name, email, stage)
join ucrm.tenants as t on t.slug = v.slug
join ucrm.tenant_memberships as m on m.tenant_id = t.id and m.role = 'owner'
join crm.organizations as o on o.tenant_id = t.id;

-- And something of everything else.
create temporary table workspaces on commit drop as
select t.slug, t.id as tenant, o.user_id as owner, coalesce(a.user_id, o.user_id) as agent
from ucrm.tenants as t
join ucrm.tenant_memberships as o on o.tenant_id = t.id and o.role = 'owner'
left join people as p on p.name = 'alan'
left join ucrm.users as u on u.email = p.email
left join ucrm.tenant_memberships as a on a.tenant_id = t.id and a.user_id = u.id
where t.slug in ('acme', 'globex');
\ir demo/crm.sql
\ir demo/engagement.sql
\ir demo/wallet.sql
\ir demo/hiring.sql

-- A few in the other workspaces too, so that there is something not to see.
insert into crm.contacts (tenant_id, name)
select t.id, 'Contact of ' || t.name from ucrm.tenants as t where t.slug in ('initech', 'hooli', 'umbrella', 'stark');

select 'ACME_ID=' || id from ucrm.tenants where slug = 'acme';
select 'GLOBEX_ID=' || id from ucrm.tenants where slug = 'globex';

select v.variable || '=' || k.secret
from (values
    (1, 'ACME_OWNER_KEY', 'acme', 'ada', null), (2, 'ACME_AGENT_KEY', 'acme', 'alan', null), (3, 'ACME_READER_KEY', 'acme', 'rita', null),
    (4, 'ACME_SCOPED_KEY', 'acme', 'ada', 'contacts:read'), (5, 'ACME_SERVICE_KEY', 'acme', null, null),
    (6, 'GLOBEX_OWNER_KEY', 'globex', 'gina', null), (7, 'PENDING_KEY', 'initech', 'penny', null), (8, 'REJECTED_KEY', 'hooli', 'rex', null),
    (9, 'SUSPENDED_KEY', 'umbrella', 'sue', null), (10, 'EXPIRED_KEY', 'stark', 'eve', null), (11, 'UNVERIFIED_KEY', 'acme', 'una', null),
    (12, 'DISABLED_KEY', 'acme', 'dora', null)
) as v (n, variable, slug, person, scopes)
join ucrm.tenants as t on t.slug = v.slug
left join people as p on p.name = v.person
left join ucrm.users as u on u.email = p.email
cross join lateral ucrm.issue_api_key(t.id, u.id, initcap(v.variable), v.scopes) as k
order by v.n;

select 'PLATFORM_ADMIN_KEY=' || k.secret
from ucrm.users as u, ucrm.issue_platform_key(u.id, 'Demo') as k
where u.email = 'root@ucrm.example';

-- Opaque login names: everybody can read pg_roles.
select 'report_' || substr(gen_random_uuid()::text, 1, 8) as report_login,
       encode(sha256((gen_random_uuid()::text || gen_random_uuid()::text)::bytea), 'hex') as report_password,
       'backend_' || substr(gen_random_uuid()::text, 1, 8) as backend_login,
       encode(sha256((gen_random_uuid()::text || gen_random_uuid()::text)::bytea), 'hex') as backend_password \gset
select ucrm.bind_login(:'report_login', id, 'reader') from ucrm.tenants where slug = 'acme' \g /dev/null
alter role :"report_login" password :'report_password';
create role :"backend_login" login password :'backend_password';
select ucrm.trust_backend(:'backend_login') \g /dev/null
commit;

\echo REPORT_LOGIN=:report_login
\echo REPORT_PASSWORD=:report_password
\echo BACKEND_LOGIN=:backend_login
\echo BACKEND_PASSWORD=:backend_password
