-- The questions that books.py asks, each under a line with its name. :tenant is Acme's id.

-- wallets
select w.id
from engagement.player_wallets as w
where w.tenant_id = :tenant and w.currency = 'EUR' and w.kind = 'cash';

-- owner
select m.user_id
from ucrm.tenant_memberships as m
where m.tenant_id = :tenant and m.role = 'owner';

-- at work
select count(*)
from pg_catalog.pg_stat_activity as a
where a.datname = current_database() and a.backend_type = 'client backend' and a.state <> 'idle' and a.xact_start <= :begun;

-- last event
select e.id from ucrm.events as e where e.tenant_id = :tenant order by e.id desc limit 1;

-- events in order
select e.id from ucrm.events as e where e.tenant_id = :tenant order by e.id;

-- events of contacts
select e.id from ucrm.events as e where e.tenant_id = :tenant and e.resource = 'contacts' order by e.id;

-- audit rows by mark
select m.resource, m.action, m.mark, count(*)
from (
    select a.resource, a.action,
           case when a.action = 'delete' then a.record_id else coalesce(a.after ->> 'external_id', a.after ->> 'name') end as mark
    from ucrm.audit_logs as a
    where a.tenant_id = :tenant and a.resource in ('contacts', 'wallet_entries', 'api_keys') and a.action in ('create', 'update', 'delete')
) as m
where m.mark is not null
group by m.resource, m.action, m.mark;

-- events by mark
select m.resource, m.action, m.mark, count(*)
from (
    select e.resource, v.action,
           case when v.action = 'delete' then e.record_id else coalesce(e.data ->> 'external_id', e.data ->> 'name') end as mark
    from ucrm.events as e
    cross join lateral (select left(split_part(e.type, '.', 2), -1) as action) as v
    where e.tenant_id = :tenant and e.resource in ('contacts', 'wallet_entries', 'api_keys') and v.action in ('create', 'update', 'delete')
) as m
where m.mark is not null
group by m.resource, m.action, m.mark;

-- changes in one book only
with audit as (
    select a.tenant_id, a.resource, a.record_id, a.action || 'd' as verb,
           coalesce(a.after, a.before) as image, count(*) as many
    from ucrm.audit_logs as a
    where a.action in ('create', 'update', 'delete', 'archive', 'restore')
    group by 1, 2, 3, 4, 5
), outbox as (
    select e.tenant_id, e.resource, e.record_id, split_part(e.type, '.', 2) as verb, e.data as image, count(*) as many
    from ucrm.events as e
    group by 1, 2, 3, 4, 5
)
select resource, record_id, verb, a.many as audited, o.many as told
from audit as a
full join outbox as o using (tenant_id, resource, record_id, verb, image)
where a.many is distinct from o.many;

-- broken histories
select h.record_id, h.id
from (
    select a.record_id, a.id, a.before, lag(a.after) over (partition by a.record_id order by a.id) as ended
    from ucrm.audit_logs as a
    where a.tenant_id = :tenant and a.resource = 'contacts' and a.action in ('create', 'update', 'delete')
) as h
where h.before is distinct from h.ended;

-- rows of contacts
select coalesce(l.record_id, r.record_id), l.action
from (
    select distinct on (a.record_id) a.record_id, a.action, a.after
    from ucrm.audit_logs as a
    where a.tenant_id = :tenant and a.resource = 'contacts' and a.action in ('create', 'update', 'delete')
    order by a.record_id, a.id desc
) as l
full join (select c.id::text as record_id, to_jsonb(c) as image from crm.contacts as c where c.tenant_id = :tenant) as r using (record_id)
where r.image is distinct from l.after;

-- rows of wallet_entries
select coalesce(a.record_id, r.record_id), a.action
from (select * from ucrm.audit_logs as x where x.tenant_id = :tenant and x.resource = 'wallet_entries' and x.action in ('create', 'update', 'delete')) as a
full join (select e.id::text as record_id, to_jsonb(e) as image from engagement.wallet_entries as e where e.tenant_id = :tenant) as r using (record_id)
where r.image is distinct from a.after;

-- rows of player_wallets
select coalesce(l.record_id, r.record_id), l.action
from (
    select distinct on (a.record_id) a.record_id, a.action, a.after
    from ucrm.audit_logs as a
    where a.tenant_id = :tenant and a.resource = 'player_wallets' and a.action in ('create', 'update', 'delete')
    order by a.record_id, coalesce((a.after ->> 'last_sequence')::bigint, 0) desc, a.id desc
) as l
full join (select w.id::text as record_id, to_jsonb(w) as image from engagement.player_wallets as w where w.tenant_id = :tenant) as r using (record_id)
where r.image is distinct from l.after;

-- wallets that do not add up
select w.id, w.balance_minor, w.last_sequence, s.total, s.many
from engagement.player_wallets as w
left join lateral (
    select sum(e.amount_minor) as total, count(*) as many, min(e.sequence) as first, max(e.sequence) as last
    from engagement.wallet_entries as e
    where e.tenant_id = w.tenant_id and e.wallet_id = w.id
) as s on true
where w.balance_minor <> coalesce(s.total, 0) or coalesce(w.last_sequence, 0) <> s.many or s.last <> s.many or s.first <> 1;

-- wallets that moved otherwise
select w.id, m.moves, e.entries
from engagement.player_wallets as w
cross join lateral (
    select count(*) as moves
    from ucrm.audit_logs as a
    where a.tenant_id = w.tenant_id and a.resource = 'player_wallets' and a.record_id = w.id::text and a.action = 'update'
      and a.before -> 'last_sequence' is distinct from a.after -> 'last_sequence'
) as m
cross join lateral (
    select count(*) as entries from engagement.wallet_entries as e where e.tenant_id = w.tenant_id and e.wallet_id = w.id
) as e
where m.moves <> e.entries;

-- deliveries to come
select (
    select count(*) from ucrm.webhook_deliveries as d where d.tenant_id = :tenant and d.status in ('held', 'pending', 'sending')
) + (
    select count(*)
    from ucrm.events as e
    join ucrm.webhook_feeds as f on f.tenant_id = e.tenant_id
    where e.tenant_id = :tenant and e.id > f.event_id
);

-- events for the webhook
select e.id
from ucrm.events as e
join ucrm.webhooks as w on w.tenant_id = e.tenant_id and e.id > w.since
where e.tenant_id = :tenant
order by e.id;

-- rows without a seal
select s.unsealed_rows from ucrm.audit_state(:tenant) as s;

-- seals
select count(*) from ucrm.audit_seals as s where s.tenant_id = :tenant;

-- what the seals do not prove
select v.* from ucrm.audit_verify(:tenant) as v
union all
select v.* from ucrm.audit_verify(null) as v;

-- the audit as a file
select ucrm.audit_export(:tenant);
