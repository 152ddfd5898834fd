-- Webhooks: what an operator allowed for a while, and what does not get out.
create function ucrm.webhook_faults()
returns setof ucrm.finding
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select 'info', 'setting webhook_internal', 'webhooks may lead to http and into private networks: for tests and development',
           $fix$select ucrm.set('webhook_internal', 'false');$fix$
    where ucrm.internal_webhooks()
    union all
    select 'warning', format('webhooks of %s', t.slug), format('%s of them lead to http or into a private network, and get nothing while webhook_internal is false', count(*)),
           format('delete from ucrm.webhooks where tenant_id = %L and internal;', t.id)
    from ucrm.webhooks as w
    join ucrm.tenants as t on t.id = w.tenant_id
    where w.internal and not ucrm.internal_webhooks()
    group by t.id, t.slug
    union all
    select 'warning', 'webhook deliveries', format('one has been due since %s: no gateway delivers', min(q.due_at)),
           '-- start a gateway with UCRM_WEBHOOK_WORKERS above 0, or see its log'
    from ucrm.webhook_queues as q
    join ucrm.webhooks as w on w.tenant_id = q.tenant_id and w.id = q.webhook_id and w.status = 'active' and not w.internal
    where q.due_at is not null
    having min(q.due_at) < clock_timestamp() - interval '10 minutes'
    union all
    select 'warning', format('webhook %s', w.id), 'it has no secret, nor has its workspace: nothing of it can be signed',
           format('delete from ucrm.webhooks where (tenant_id, id) = (%L, %L); -- or rotate its secret: POST /api/v1/webhooks/%s/rotate', w.tenant_id, w.id, w.id)
    from ucrm.webhooks as w
    where not exists (select from ucrm.secrets as s where s.tenant_id = w.tenant_id and s.kind = 'webhook' and s.holder in (w.id, w.tenant_id));
$$;
comment on function ucrm.webhook_faults() is 'Findings about webhooks: exceptions that are in force, deliveries that nobody makes, secrets that are missing.';
