-- Deliveries: which event is to reach which webhook, and how far that has come. Events become deliveries behind the
-- writers' backs (ucrm.fan_out_webhooks), gateways' workers lease them (ucrm.claim_deliveries) and say how each ended
-- (ucrm.settle_deliveries). Whatever changes an endpoint's deliveries holds its row of ucrm.webhook_queues first.
create table ucrm.webhook_deliveries (
    tenant_id uuid not null,
    id uuid not null default ucrm.uuid7(),
    webhook_id uuid not null,
    event_id uuid not null,
    type text not null,
    record text,
    payload jsonb,
    status text not null default 'pending' check (status in ('held', 'pending', 'sending', 'delivered', 'failed')),
    attempts integer not null default 0,
    next_attempt_at timestamptz,
    claimed_by text,
    response_status integer,
    error text,
    took_ms integer,
    created_at timestamptz not null default clock_timestamp(),
    attempted_at timestamptz,
    finished_at timestamptz,
    primary key (tenant_id, id),
    constraint webhook_deliveries_event_key unique (tenant_id, webhook_id, event_id),
    foreign key (tenant_id, webhook_id) references ucrm.webhooks (tenant_id, id) on delete cascade,
    check ((status = 'sending') = (claimed_by is not null)),
    check ((status in ('pending', 'sending')) = (next_attempt_at is not null))
)
with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.1);
create index webhook_deliveries_due on ucrm.webhook_deliveries (tenant_id, webhook_id, status, next_attempt_at, event_id) where status in ('pending', 'sending');
create index webhook_deliveries_record on ucrm.webhook_deliveries (tenant_id, webhook_id, record, event_id) where status in ('held', 'pending', 'sending') and record is not null;
create index webhook_deliveries_age on ucrm.webhook_deliveries using brin (created_at);
comment on table ucrm.webhook_deliveries is
'One event for one webhook. event_id is the message''s webhook-id, the same at every attempt. record: resource/id, of which one delivery is under way at a time, the others are held: so a record''s events arrive in order. payload: only of test messages; all others are made of the event when they are sent. next_attempt_at: of one that is being sent, when its lease is over. response_status, error, took_ms: of the latest attempt; what a receiver answers is not kept. Kept for 30 days (ucrm.prune_deliveries()).';

create function ucrm.delivery_delay(attempts integer)
returns interval
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$ select (array['5 s', '5 min', '30 min', '2 h', '5 h', '10 h', '10 h']::interval[])[attempts] $$;
comment on function ucrm.delivery_delay(integer) is 'How long to wait after so many failed attempts: 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 10 h; null after the eighth.';

create function ucrm.release_deliveries(tenant uuid, webhook uuid, records text[])
returns void
language sql
volatile
set search_path = pg_catalog, pg_temp
as $$
    update ucrm.webhook_deliveries as d
    set status = 'pending', next_attempt_at = clock_timestamp()
    from (select distinct r from unnest(records) as r where r is not null) as finished
    cross join lateral (
        select n.id, n.status
        from ucrm.webhook_deliveries as n
        where n.tenant_id = tenant and n.webhook_id = webhook and n.record = finished.r and n.status in ('held', 'pending', 'sending')
        order by n.event_id
        limit 1
    ) as next
    where d.tenant_id = tenant and d.id = next.id and next.status = 'held';
$$;
comment on function ucrm.release_deliveries(uuid, uuid, text[]) is 'Lets the next held delivery of each of these records go, unless one before it is under way. The endpoint''s queue is held.';

-- Plans are kept, and made when there may be nothing yet: by an index each, they are good for any number of deliveries.
create function ucrm.fan_out_webhooks(batch integer default 500)
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
    until uuid;
    feeds ucrm.webhook_feeds[];
    f ucrm.webhook_feeds;
    wanted constant integer := greatest(1, least(coalesce(batch, 500), 5000));
    moment timestamptz;
    many integer;
    last uuid;
    total integer := 0;
begin
    -- A snapshot that is kept would be older than the moment it is compared with.
    if current_setting('transaction_isolation') <> 'read committed' then
        raise exception 'events are read under READ COMMITTED' using errcode = 'feature_not_supported';
    end if;
    until := ucrm.settled_until();
    -- Who lags most comes first. Another worker's workspaces are left to it.
    select array_agg(s.feed) into feeds
    from (
        select row(x.tenant_id, greatest(x.event_id, w.since))::ucrm.webhook_feeds as feed
        from ucrm.webhook_feeds as x
        cross join lateral (
            select (array_agg(y.since order by y.since))[1] as since from ucrm.webhooks as y where y.tenant_id = x.tenant_id and y.status <> 'disabled'
        ) as w
        where exists (select from ucrm.events as e where e.tenant_id = x.tenant_id and e.id > greatest(x.event_id, w.since) and e.id < until)
          and w.since is not null
        order by x.event_id
        limit 20
        for no key update of x skip locked
    ) as s;
    -- Always in the same order: nobody waits in a circle.
    for f in select * from unnest(feeds) as u order by u.tenant_id loop
        perform from ucrm.webhook_queues as q where q.tenant_id = f.tenant_id order by q.webhook_id for no key update;
        moment := clock_timestamp();
        with batch as materialized (
            select e.id, e.type, e.resource, e.record_id
            from ucrm.events as e
            where e.tenant_id = f.tenant_id and e.id > f.event_id and e.id < until
            order by e.id
            limit wanted
        ), addressed as materialized (
            select w.id as webhook_id, w.status, b.id as event_id, b.type, b.resource || '/' || b.record_id as record,
                   row_number() over (partition by w.id, b.resource, b.record_id order by b.id) as place
            from batch as b
            join ucrm.webhooks as w on w.tenant_id = f.tenant_id and w.status <> 'disabled' and b.id > w.since
                and w.events && array['*', b.type, b.resource || '.*', '*.' || split_part(b.type, '.', 2)]
            where ucrm.permissions_cover(w.reads, b.resource || ':read')
        ), made as (
            insert into ucrm.webhook_deliveries (tenant_id, webhook_id, event_id, type, record, status, next_attempt_at)
            select f.tenant_id, a.webhook_id, a.event_id, a.type, a.record, case when a.waits then 'held' else 'pending' end, case when not a.waits then moment end
            from (
                select x.*, x.record is not null and (x.place > 1 or exists (
                    select
                    from ucrm.webhook_deliveries as d
                    where d.tenant_id = f.tenant_id and d.webhook_id = x.webhook_id and d.record = x.record and d.status in ('held', 'pending', 'sending')
                )) as waits
                from addressed as x
            ) as a
            order by a.event_id
            on conflict on constraint webhook_deliveries_event_key do nothing
        ), woken as (
            update ucrm.webhook_queues as q
            set due_at = greatest(moment, q.rests_until)
            from (select distinct a.webhook_id from addressed as a where a.status = 'active') as w
            where q.tenant_id = f.tenant_id and q.webhook_id = w.webhook_id and coalesce(q.due_at > moment, true)
        )
        select count(*), (array_agg(b.id order by b.id desc))[1] into many, last from batch as b;
        if many > 0 then
            update ucrm.webhook_feeds as x set event_id = last where x.tenant_id = f.tenant_id;
        end if;
        total := total + many;
    end loop;
    return total;
end
$$;
comment on function ucrm.fan_out_webhooks(integer) is
'Makes deliveries of events that have come since, up to batch (500) of each of 20 workspaces; how many events were looked at. Each event once, none skipped: it goes by ucrm.settled_until(). Several may call it at once. 0A000 outside READ COMMITTED. For the gateways.';

create function ucrm.claim_deliveries(worker text, room integer)
returns table (tenant uuid, id uuid, url text, internal boolean, headers jsonb, body text)
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
    moment constant timestamptz := clock_timestamp();
    stamp constant bigint := floor(extract(epoch from moment));
    lease constant timestamptz := moment + interval '30 seconds';
    free integer := greatest(0, least(room, 1000));
    under_way integer[];
    level integer;
    share integer;
    given integer;
    chosen ucrm.webhook_queues[];
    q ucrm.webhook_queues;
    w ucrm.webhooks;
    secrets bytea[];
    lost text[];
begin
    -- Another worker's endpoints are left to it. Whoever has waited longest comes first.
    select array_agg(row(u.*)::ucrm.webhook_queues order by u.due_at) into chosen
    from (
        select x.*
        from ucrm.webhook_queues as x
        join ucrm.webhooks as y on y.tenant_id = x.tenant_id and y.id = x.webhook_id and y.status = 'active' and (not y.internal or ucrm.internal_webhooks())
        join ucrm.tenants as t on t.id = x.tenant_id and t.status not in ('suspended', 'rejected')
        where x.due_at <= moment and free > 0
        order by x.due_at
        limit 200
        for no key update of x skip locked
    ) as u;
    -- Room goes to those that have least under way: whoever answers slowly, or not at all, takes no more than its share.
    select array_agg(c.many order by c.n), ceil((free + sum(c.many)) / nullif(count(*), 0)) into under_way, level
    from (
        select n, (
            select count(*)
            from ucrm.webhook_deliveries as d
            where d.tenant_id = (chosen[n]).tenant_id and d.webhook_id = (chosen[n]).webhook_id and d.status = 'sending' and d.next_attempt_at > moment
        ) as many
        from generate_series(1, cardinality(chosen)) as n
    ) as c;
    for i in 1 .. coalesce(cardinality(chosen), 0) loop
        exit when free <= 0;
        q := chosen[i];
        select x.* into w from ucrm.webhooks as x where x.tenant_id = q.tenant_id and x.id = q.webhook_id;
        lost := '{}';
        given := 0;
        -- Its worker did not come back: the attempt counts.
        with back as (
            update ucrm.webhook_deliveries as d
            set status = case when d.attempts >= 8 then 'failed' else 'pending' end,
                next_attempt_at = case when d.attempts < 8 then d.next_attempt_at end,
                claimed_by = null, error = 'no worker came back from it', response_status = null, took_ms = null,
                finished_at = case when d.attempts >= 8 then moment end
            where d.tenant_id = q.tenant_id and d.webhook_id = q.webhook_id and d.status = 'sending' and d.next_attempt_at <= moment
            returning d.status, d.record
        )
        select coalesce(array_agg(b.record) filter (where b.status = 'failed'), '{}') into lost from back as b;
        share := least(free, q.width - under_way[i], level - under_way[i]);
        begin
            secrets := ucrm.webhook_secrets(w);
        exception when others then
            secrets := null;
        end;
        if secrets[1] is null then
            -- Nothing can be signed: asked again in a minute, and ucrm.doctor() says why.
            update ucrm.webhook_queues as x set due_at = moment + interval '1 minute' where x.tenant_id = q.tenant_id and x.webhook_id = q.webhook_id;
            continue;
        end if;
        if share > 0 then
            return query
            with due as materialized (
                select d.id, d.event_id, d.type, d.payload
                from ucrm.webhook_deliveries as d
                where d.tenant_id = q.tenant_id and d.webhook_id = q.webhook_id and d.status = 'pending' and d.next_attempt_at <= moment
                order by d.next_attempt_at, d.event_id
                limit share
                for update skip locked
            ), ready as materialized (
                select u.id, coalesce(u.payload, ucrm.cloud_event(e))::text as body,
                       u.payload is not null or ucrm.permissions_cover(w.reads, split_part(u.type, '.', 1) || ':read') as may
                from due as u
                left join ucrm.events as e on e.tenant_id = q.tenant_id and e.id = u.event_id
            ), claimed as (
                update ucrm.webhook_deliveries as d
                set status = 'sending', attempts = d.attempts + 1, claimed_by = worker, next_attempt_at = lease, attempted_at = moment
                from ready as y
                where d.tenant_id = q.tenant_id and d.id = y.id and y.may and y.body is not null
                returning d.id, d.event_id, d.type, y.body
            )
            select q.tenant_id, c.id, w.url, w.internal,
                   jsonb_build_object(
                       'content-type', 'application/cloudevents+json; charset=utf-8',
                       'webhook-id', c.event_id,
                       'webhook-timestamp', stamp::text,
                       'webhook-signature', concat_ws(' ',
                           ucrm.webhook_signature(c.event_id::text, stamp, convert_to(c.body, 'UTF8'), secrets[1]),
                           ucrm.webhook_signature(c.event_id::text, stamp, convert_to(c.body, 'UTF8'), secrets[2])),
                       'ce-id', c.event_id,
                       'ce-type', c.type,
                       'ce-source', '/tenants/' || q.tenant_id,
                       'ce-tenantid', q.tenant_id),
                   c.body
            from claimed as c;
            get diagnostics given = row_count;
            free := free - given;
        end if;
        if share > given then
            -- What is left is of events that are gone, or of what whoever changed the webhook since may not read.
            with hopeless as (
                update ucrm.webhook_deliveries as d
                set status = 'failed', next_attempt_at = null, finished_at = moment,
                    error = case
                        when ucrm.permissions_cover(w.reads, split_part(d.type, '.', 1) || ':read') then 'the event is no longer kept'
                        else 'whoever changed the webhook may not read it'
                    end
                where d.tenant_id = q.tenant_id and d.id in (
                    select x.id
                    from ucrm.webhook_deliveries as x
                    where x.tenant_id = q.tenant_id and x.webhook_id = q.webhook_id and x.status = 'pending' and x.next_attempt_at <= moment
                    order by x.next_attempt_at, x.event_id
                    limit share - given
                ) and d.payload is null and not (
                    ucrm.permissions_cover(w.reads, split_part(d.type, '.', 1) || ':read')
                    and exists (select from ucrm.events as e where e.tenant_id = d.tenant_id and e.id = d.event_id)
                )
                returning d.record
            )
            select lost || coalesce(array_agg(h.record), '{}') into lost from hopeless as h;
        end if;
        if lost <> '{}' then
            perform ucrm.release_deliveries(q.tenant_id, q.webhook_id, lost);
        end if;
        -- At the end of the line if there is more, a moment later if it has as much as it may.
        update ucrm.webhook_queues as x
        set due_at = case when n.next_at is not null then
            greatest(case when share <= 0 then moment + interval '200 ms' else clock_timestamp() end, x.rests_until, n.next_at) end
        from (
            select least(
                (select d.next_attempt_at from ucrm.webhook_deliveries as d where d.tenant_id = q.tenant_id and d.webhook_id = q.webhook_id and d.status = 'pending' order by d.next_attempt_at limit 1),
                (select d.next_attempt_at from ucrm.webhook_deliveries as d where d.tenant_id = q.tenant_id and d.webhook_id = q.webhook_id and d.status = 'sending' order by d.next_attempt_at limit 1)) as next_at
        ) as n
        where x.tenant_id = q.tenant_id and x.webhook_id = q.webhook_id;
    end loop;
end
$$;
comment on function ucrm.claim_deliveries(text, integer) is
'Up to room deliveries that are due, leased to this worker for 30 seconds, signed: name a worker anew for each call. headers: {name: value}; body: the CloudEvent. A workspace that is suspended or rejected is told nothing. Endpoints take turns; of one at most 64 are under way, 4 at first, 2 while it fails. internal: it may be http or lead into a network that UCRM_WEBHOOK_NETWORKS names. For the gateways.';
