-- Audit logs to be exchanged for the one there is: ucrm.audit_many, of :rows rows of :tenants tenants, and ucrm.audit_few.
-- As a superuser.
\set ON_ERROR_STOP on
\set QUIET on
set client_min_messages = warning;
create table ucrm.audit_many (like ucrm.audit_logs including defaults including storage);
insert into ucrm.audit_many (id, tenant_id, actor_kind, action, resource, record_id, after)
select ucrm.uuid7(), ('b0000000-0000-7000-8000-' || lpad(to_hex(1 + n % :tenants), 12, '0'))::uuid, 'login', 'create', 'contacts', ucrm.uuid7()::text, i.image
from generate_series(1, :rows) as n
cross join (select to_jsonb(c) as image from crm.contacts as c limit 1) as i;
create table ucrm.audit_few (like ucrm.audit_logs including defaults including storage);
insert into ucrm.audit_few select * from ucrm.audit_many limit 1000;
select replace(replace(pg_get_indexdef(c.oid), ' ucrm.audit_logs ', format(' ucrm.%I ', t)), ' ' || c.relname || ' ', format(' %I ', c.relname || '_of_' || t))
from pg_index as i
join pg_class as c on c.oid = i.indexrelid
cross join unnest(array['audit_few', 'audit_many']) as t
where i.indrelid = 'ucrm.audit_logs'::regclass
\gexec
alter table ucrm.audit_few owner to ucrm_owner;
alter table ucrm.audit_many owner to ucrm_owner;
vacuum (analyze) ucrm.audit_many, ucrm.audit_few;
checkpoint;
