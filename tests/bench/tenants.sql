-- Tenants :from to :to, each with an owner, a key and :each contacts; as a superuser, triggers asleep.
-- Everything of tenant n is computed from n, so that both sides of a comparison find it at the same cost: its id, its
-- owner's, its contacts' (in order of time, like UUIDv7), and what its two keys are shown as: n in 32 bytes for those
-- who call ucrm.handle() themselves, the digest of 'bench-key-n' for those who come through the gateway.
\set ON_ERROR_STOP on
\set QUIET on
begin;
set local session_replication_role = replica;

create temporary table made on commit drop as
select n,
       ('b0000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid as tenant_id,
       ('b1000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid as user_id
from generate_series(:from, :to) as n;

insert into ucrm.tenants (id, slug, name, plan, status)
select tenant_id, 'bench-' || n, 'Bench ' || n, 'scale', 'approved' from made;

insert into ucrm.users (id, email, name, email_verified_at)
select user_id, 'owner-' || n || '@bench.example', 'Owner ' || n, clock_timestamp() from made;

insert into ucrm.tenant_memberships (tenant_id, user_id, role)
select tenant_id, user_id, 'owner' from made;

insert into ucrm.api_keys (tenant_id, user_id, name, prefix, digest)
select m.tenant_id, m.user_id, 'Bench', 'bench' || m.n, ucrm.stored_digest(k.shown)
from made as m
cross join lateral (values (decode(lpad(to_hex(m.n), 64, '0'), 'hex')), (sha256(convert_to('bench-key-' || m.n, 'UTF8')))) as k (shown);

-- Two years of contacts, one tenant's after another's: the order that favours the bare statement.
insert into crm.contacts (tenant_id, id, name, email, phone, stage, owner_id, custom, created_at, updated_at)
select m.tenant_id,
       ('c0000000-0000-7000-8000-' || lpad(to_hex(m.n * 65536::bigint + k), 12, '0'))::uuid,
       'Contact ' || k || ' of ' || m.n,
       'contact-' || k || '@tenant-' || m.n || '.example',
       '+49 30 ' || 100000 + k,
       (array['lead', 'qualified', 'won', 'lost'])[1 + k % 4],
       case when k % 2 = 0 then m.user_id end,
       '{}',
       t.at, t.at
from made as m
cross join generate_series(1, :each) as k
cross join lateral (select timestamptz '2024-01-01 00:00+00' + k * (interval '730 days' / :each) + m.n * interval '1 millisecond' as at) as t
order by m.n, k;
commit;
