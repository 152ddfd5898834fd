-- Deliveries a second: :events events of as many records for each of :endpoints workspaces, one webhook each, to port :port.
-- As a superuser. Prints the number: all of them, by the time from the first claim to the last settlement.
\set ON_ERROR_STOP on
\set QUIET on
set client_min_messages = warning;
create temporary table those as select t.id as tenant from ucrm.tenants as t where t.slug like 'bench-%' order by t.id limit :endpoints;
begin;
insert into ucrm.webhooks (tenant_id, url, internal, reads)
select tenant, 'http://127.0.0.1:' || :port || '/', true, '*:read' from those;
insert into ucrm.webhook_queues (tenant_id, webhook_id) select w.tenant_id, w.id from ucrm.webhooks as w;
insert into ucrm.webhook_feeds (tenant_id, event_id) select tenant, ucrm.uuid7() from those;
select count(ucrm.keep_secret(w.tenant_id, 'webhook', w.id, ucrm.random_bytes(32))) from ucrm.webhooks as w \g /dev/null
commit;
insert into ucrm.events (tenant_id, id, type, resource, record_id, data)
select t.tenant, ucrm.uuid7(), 'contacts.created', 'contacts', e.id,
       jsonb_build_object('id', e.id, 'name', 'Ada Lovelace', 'email', 'ada@bench.example', 'stage', 'lead', 'created_at', now(), 'updated_at', now(), 'notes', repeat('x', 400))
from those as t, lateral (select gen_random_uuid() as id from generate_series(1, :events) where t.tenant is not null) as e;
-- What autovacuum would do, which the measurement's server has not: else plans know nothing of the backlog.
select pg_sleep(1) \g /dev/null
analyze ucrm.events, ucrm.webhook_deliveries, ucrm.webhook_queues;
-- Each look is a transaction: a snapshot that is kept would keep every dead row of the queue alive.
select 'select pg_sleep(0.1) where exists (select from ucrm.webhook_queues where due_at is not null) or exists (select from ucrm.webhook_deliveries where status <> ''delivered'')' from generate_series(1, 600)
\o /dev/null
\gexec
\o
select 1 / (count(*) = :endpoints * :events)::integer from ucrm.webhook_deliveries where status = 'delivered' \g /dev/null
select count(*) / extract(epoch from max(d.finished_at) - min(d.attempted_at)) from ucrm.webhook_deliveries as d;
delete from ucrm.events as e using those as t where e.tenant_id = t.tenant and e.data ->> 'email' = 'ada@bench.example';
delete from ucrm.webhooks;
delete from ucrm.webhook_feeds;
