-- How deliveries end: told by the workers, tried again by people, and in time forgotten.
create function ucrm.settle_endpoint(tenant uuid, webhook uuid, told jsonb)
returns integer
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    moment constant timestamptz := clock_timestamp();
    q ucrm.webhook_queues;
    before ucrm.webhooks;
    after ucrm.webhooks;
    s record;
begin
    select x.* into q from ucrm.webhook_queues as x where x.tenant_id = tenant and x.webhook_id = webhook for no key update;
    if not found then
        return 0;
    end if;
    with ended as materialized (
        select d.id, d.attempts, d.record, t.status, t.error, t.took,
               coalesce(t.status between 200 and 299, false) as good,
               -- What a receiver asks for counts when it is longer, up to a day.
               greatest(ucrm.delivery_delay(d.attempts) * (1 + random() * 0.1), case when t.wait > 0 then make_interval(secs => least(t.wait, 86400)) end) as delay
        from jsonb_to_recordset(told) as t (id uuid, worker text, status integer, error text, took integer, wait integer)
        join ucrm.webhook_deliveries as d on d.tenant_id = tenant and d.id = t.id and d.webhook_id = webhook and d.status = 'sending' and d.claimed_by = t.worker
    ), settled as (
        update ucrm.webhook_deliveries as d
        set status = case when e.good then 'delivered' when ucrm.delivery_delay(e.attempts) is null or e.status = 410 then 'failed' else 'pending' end,
            next_attempt_at = case when not e.good and ucrm.delivery_delay(e.attempts) is not null and e.status is distinct from 410 then moment + e.delay end,
            finished_at = case when e.good or ucrm.delivery_delay(e.attempts) is null or e.status = 410 then moment end,
            claimed_by = null, response_status = e.status, error = case when not e.good then left(e.error, 200) end, took_ms = e.took
        from ended as e
        where d.tenant_id = tenant and d.id = e.id
        returning d.status, d.record, d.next_attempt_at, e.good, e.status as answer
    )
    select count(*) as many, count(*) filter (where x.good) as good, count(*) filter (where x.answer = 410) as gone,
           min(x.next_attempt_at) as next_at,
           array_agg(x.record) filter (where x.record is not null and x.next_attempt_at is null) as finished
    into s
    from settled as x;
    if s.many = 0 then
        return 0;
    end if;
    if s.finished is not null then
        perform ucrm.release_deliveries(tenant, webhook, s.finished);
    end if;
    if s.good > 0 then
        q.width := case when s.good = s.many then least(64, q.width + s.good) else greatest(2, q.width / 2) end;
        q.failures := 0;
        q.failing_since := null;
        q.rests_until := null;
    else
        q.width := 2;
        q.failures := q.failures + s.many;
        q.failing_since := coalesce(q.failing_since, moment);
        -- From its fourth failure in a row on it is left alone for a while, up to a minute.
        q.rests_until := case when q.failures > 3 then moment + make_interval(secs => least(60, 2 ^ least(q.failures - 3, 10))) end;
    end if;
    update ucrm.webhook_queues as x
    set width = q.width, failures = q.failures, failing_since = q.failing_since, rests_until = q.rests_until,
        -- Room was made, and perhaps somebody let go.
        due_at = case when x.due_at is not null or s.next_at is not null or s.finished is not null then greatest(moment, q.rests_until) end
    where x.tenant_id = tenant and x.webhook_id = webhook;
    if s.gone > 0 or q.failing_since <= moment - interval '5 days' then
        select w.* into before from ucrm.webhooks as w where w.tenant_id = tenant and w.id = webhook and w.status <> 'disabled' for no key update;
        if found then
            update ucrm.webhooks as w
            set status = 'disabled', disabled_reason = case when s.gone > 0 then 'gone' else 'failing' end
            where w.tenant_id = tenant and w.id = webhook
            returning w.* into after;
            update ucrm.webhook_queues as x set due_at = null where x.tenant_id = tenant and x.webhook_id = webhook;
            perform ucrm.record_event(tenant, 'updated', 'webhooks', webhook::text, ucrm.webhook_json(before), ucrm.webhook_json(after));
        end if;
    elsif not exists (select from ucrm.webhooks as w where w.tenant_id = tenant and w.id = webhook and w.status = 'active') then
        update ucrm.webhook_queues as x set due_at = null where x.tenant_id = tenant and x.webhook_id = webhook;
    end if;
    return s.many;
end
$$;
comment on function ucrm.settle_endpoint(uuid, uuid, jsonb) is 'ucrm.settle_deliveries() for one endpoint.';

-- Plans are kept, and made when there may be nothing yet: by an index each, they are good for any number of deliveries.
create function ucrm.settle_deliveries(told jsonb)
returns integer
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
declare
    endpoint record;
    total integer := 0;
begin
    -- Always in the same order: nobody waits in a circle.
    for endpoint in
        select d.tenant_id, d.webhook_id, jsonb_agg(t.value) as told
        from jsonb_array_elements(settle_deliveries.told) as t
        join ucrm.webhook_deliveries as d on d.tenant_id = (t.value ->> 'tenant')::uuid and d.id = (t.value ->> 'id')::uuid
        where d.status = 'sending'
        group by d.tenant_id, d.webhook_id
        order by d.tenant_id, d.webhook_id
    loop
        total := total + ucrm.settle_endpoint(endpoint.tenant_id, endpoint.webhook_id, endpoint.told);
    end loop;
    return total;
end
$$;
comment on function ucrm.settle_deliveries(jsonb) is
'How claimed deliveries ended: [{tenant, id, worker, status (of the response; null: there was none), error (a sentence, for none), took (ms), wait (seconds, of Retry-After)}]. 2xx is delivered; everything else is tried again after 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 10 h, each up to a tenth more, or what the receiver asked for if that is longer (at most a day), and has failed after the eighth; 410 has failed, and disables the webhook at once, five days without a success do. Only the worker that holds the lease settles; how many were. For the gateways.';

create function ucrm.test_webhook(id uuid)
returns ucrm.webhook_deliveries
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    w ucrm.webhooks;
    d ucrm.webhook_deliveries;
    message constant uuid := ucrm.uuid7();
begin
    perform ucrm.demand('webhooks', 'update');
    w := ucrm.webhook_for_change(id);
    if w.status <> 'active' then
        perform ucrm.refuse('webhook_inactive');
    end if;
    insert into ucrm.webhook_deliveries as x (tenant_id, webhook_id, event_id, type, payload, next_attempt_at)
    values (w.tenant_id, w.id, message, 'webhooks.test',
            ucrm.cloud_event(jsonb_populate_record(null::ucrm.events, jsonb_build_object(
                'tenant_id', w.tenant_id, 'id', message, 'at', clock_timestamp(), 'type', 'webhooks.test', 'resource', 'webhooks', 'record_id', w.id,
                'data', jsonb_build_object('message', 'It works.'), 'request_id', ucrm.request_id()))),
            clock_timestamp())
    returning x.* into d;
    update ucrm.webhook_queues as q set due_at = clock_timestamp() where q.tenant_id = w.tenant_id and q.webhook_id = w.id;
    return d;
end
$$;
comment on function ucrm.test_webhook(uuid) is 'Queues a message of type webhooks.test for the entered workspace''s webhook. Refusals: no_context, gates, permission_denied, not_found, webhook_inactive.';

create function ucrm.resend_delivery(id uuid)
returns ucrm.webhook_deliveries
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    w ucrm.webhooks;
    d ucrm.webhook_deliveries;
begin
    perform ucrm.demand('webhooks', 'update');
    select x.* into d from ucrm.webhook_deliveries as x where x.tenant_id = ucrm.tenant_id() and x.id = resend_delivery.id;
    if not found then
        perform ucrm.refuse('not_found');
    end if;
    w := ucrm.webhook_for_change(d.webhook_id);
    if w.status <> 'active' then
        perform ucrm.refuse('webhook_inactive');
    elsif d.payload is null and not exists (select from ucrm.events as e where e.tenant_id = d.tenant_id and e.id = d.event_id) then
        perform ucrm.refuse('not_found', 'the event is no longer kept');
    end if;
    update ucrm.webhook_deliveries as x
    set status = 'pending', attempts = case x.status when 'pending' then x.attempts else 0 end, next_attempt_at = clock_timestamp(), finished_at = null
    where x.tenant_id = d.tenant_id and x.id = d.id and x.status in ('pending', 'delivered', 'failed');
    select x.* into d from ucrm.webhook_deliveries as x where x.tenant_id = d.tenant_id and x.id = d.id;
    update ucrm.webhook_queues as q set due_at = clock_timestamp(), rests_until = null where q.tenant_id = w.tenant_id and q.webhook_id = w.id;
    return d;
end
$$;
comment on function ucrm.resend_delivery(uuid) is
'Sends a delivery of the entered workspace''s again, or at once what waits for its next attempt; what is being sent, or held for one before it, stays as it is. The webhook-id is the same. Refusals: no_context, gates, permission_denied, not_found, webhook_inactive.';

create function ucrm.prune_deliveries(batch integer default 1000)
returns bigint
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    gone bigint;
begin
    -- Also what has waited that long: its webhook is paused or disabled.
    with old as materialized (
        select x.tenant_id, x.id
        from ucrm.webhook_deliveries as x
        where x.created_at < clock_timestamp() - interval '30 days' and x.status <> 'sending'
        limit greatest(1, least(coalesce(batch, 1000), 100000))
        for update skip locked
    )
    delete from ucrm.webhook_deliveries as d
    using old
    where d.tenant_id = old.tenant_id and d.id = old.id;
    get diagnostics gone = row_count;
    delete from ucrm.secrets as s
    using ucrm.webhooks as w
    where s.kind = 'webhook_previous' and w.tenant_id = s.tenant_id and w.id = s.holder and w.previous_secret_until <= clock_timestamp();
    return gone;
end
$$;
comment on function ucrm.prune_deliveries(integer) is 'Forgets, up to batch, deliveries made more than 30 days ago, how many; and secrets whose rotation is over. ucrm.housekeep() calls it.';

create function ucrm.delivery_gauges()
returns table (name text, labels jsonb, value double precision)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select 'ucrm_webhook_waiting', '{}'::jsonb, count(*)::double precision from ucrm.webhook_deliveries as d where d.status in ('pending', 'sending')
    union all
    select 'ucrm_webhook_late_seconds', '{}'::jsonb, greatest(0, coalesce(extract(epoch from clock_timestamp() - min(q.due_at)), 0))::double precision from ucrm.webhook_queues as q where q.due_at is not null
    union all
    select 'ucrm_webhook_failing', '{}'::jsonb, count(*)::double precision from ucrm.webhook_queues as q where q.failing_since is not null;
$$;
comment on function ucrm.delivery_gauges() is 'Gauges for ucrm.metrics(): deliveries not yet made or given up, for how long the one that is due longest has waited for a worker, and endpoints that fail.';

grant execute on function ucrm.fan_out_webhooks(integer), ucrm.claim_deliveries(text, integer), ucrm.settle_deliveries(jsonb) to ucrm_gateway;
grant execute on function ucrm.test_webhook(uuid), ucrm.resend_delivery(uuid) to ucrm_app;
grant execute on function ucrm.prune_deliveries(integer) to ucrm_platform;
