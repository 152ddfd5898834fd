-- Deliveries a second: :events events of as many records for each of :endpoints workspaces, one webhook each, to port :port.
-- As a superuser. Prints the number: all of them, by the time from the first claim to the last settlement.
\set ON_ERROR_STOP on
\set QUIET on
set client_min_messages = warning;
create temporary table those as select t.id as tenant from ucrm.tenants as t order by t.id limit :endpoints;
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
do $$
declare
    wanted constant bigint := (select count(*) from ucrm.events as e join those as t on t.tenant = e.tenant_id where e.data ->> 'email' = 'ada@bench.example');
begin
    for tries in 1..1200 loop
        exit when (select count(*) from ucrm.webhook_deliveries as d where d.status = 'delivered') = wanted;
        if tries = 1200 then
            raise exception 'not all were delivered';
        end if;
        perform pg_sleep(0.1);
    end loop;
end
$$;
select count(*) / extract(epoch from max(d.finished_at) - min(d.attempted_at)) from ucrm.webhook_deliveries as d;
delete from ucrm.events as e using those as t where e.tenant_id = t.tenant and e.data ->> 'email' = 'ada@bench.example';
delete from ucrm.webhooks;
delete from ucrm.webhook_feeds;
