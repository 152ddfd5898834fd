-- A workspace with an owner, a reader and an organization, another one to be kept out of, and a DBA's functions.
-- Prints NAME=value.
create temporary table made as
select ucrm.provision_tenant(slug, slug, slug || '@clients.example', 'scale', true) as of
from (values ('clients-test'), ('clients-other')) as v (slug);
update ucrm.tenants set trial_ends_at = null where slug like 'clients-%';
update ucrm.users set email_verified_at = now() where email like '%@clients.example';

insert into ucrm.users (name, email, email_verified_at) values ('Reader', 'reader@clients.example', now()), ('Agent', 'agent@clients.example', now());
insert into ucrm.tenant_memberships (tenant_id, user_id, role)
select t.id, u.id, split_part(u.email, '@', 1) from ucrm.tenants as t, ucrm.users as u
where t.slug = 'clients-test' and u.email in ('reader@clients.example', 'agent@clients.example');

insert into crm.organizations (tenant_id, name)
select t.id, v.name from ucrm.tenants as t, (values ('clients-test', 'Analytical Engines'), ('clients-test', 'Bletchley'), ('clients-other', 'Elsewhere')) as v (slug, name)
where t.slug = v.slug;
insert into crm.contacts (tenant_id, name, external_id)
select t.id, 'Stranger', 'stranger' from ucrm.tenants as t where t.slug = 'clients-other';

create schema clients_test;
create function clients_test.add(a integer, b integer default 1) returns integer language sql immutable as 'select a + b';
create function clients_test.contacts_at(wanted text) returns setof crm.contacts language sql stable
as 'select * from crm.contacts where stage = wanted order by name';
create function clients_test.rename(contact uuid, to_name text) returns void language sql volatile
as 'update crm.contacts set name = to_name where id = contact';
create function clients_test.backwards(list text[]) returns setof text language sql immutable
as 'select x from unnest(list) with ordinality as u (x, n) order by n desc';
create function clients_test.totals(out contacts bigint, out won bigint) language sql stable
as 'select count(*), count(*) filter (where stage = ''won'') from crm.contacts';
create function clients_test.refuse_it(why text) returns integer language plpgsql stable
as 'begin raise exception ''%'', why using hint = ''Do not ask.''; end';
select ucrm.expose('clients_test.add(integer, integer)', 'contacts') \g /dev/null
select ucrm.expose('clients_test.contacts_at(text)', 'contacts') \g /dev/null
select ucrm.expose('clients_test.rename(uuid, text)', 'contacts', 'update') \g /dev/null
select ucrm.expose('clients_test.backwards(text[])', 'contacts') \g /dev/null
select ucrm.expose('clients_test.totals()', 'contacts') \g /dev/null
select ucrm.expose('clients_test.refuse_it(text)', 'contacts') \g /dev/null

select case of -> 'tenant' ->> 'slug' when 'clients-test' then 'OWNER_KEY' else 'OTHER_KEY' end || '=' || (of -> 'api_key' ->> 'secret') from made;
select upper(u.name) || '_KEY=' || k.secret
from ucrm.tenants as t, ucrm.users as u, ucrm.issue_api_key(t.id, u.id, 'Test') as k
where t.slug = 'clients-test' and u.email in ('reader@clients.example', 'agent@clients.example');
select 'STRANGER_ID=' || c.id from crm.contacts as c join ucrm.tenants as t on t.id = c.tenant_id where t.slug = 'clients-other';
