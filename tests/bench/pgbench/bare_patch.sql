-- One statement, as handle is one: the row as it was, as it is, and what of it changed.
\set n random(1, :tenants)
\set k random(1, :each)
\set s random(1, 4)
with old as (
    select * from bench.contacts
    where tenant_id = ('b0000000-0000-7000-8000-' || lpad(to_hex(:n::int), 12, '0'))::uuid and id = ('c0000000-0000-7000-8000-' || lpad(to_hex(:n::bigint * 65536 + :k::int), 12, '0'))::uuid
    for no key update
), made as (
    update bench.contacts as c
    set stage = (array['lead', 'qualified', 'won', 'lost'])[:s::int], notes = 'Changed ' || random()
    from old
    where c.tenant_id = old.tenant_id and c.id = old.id
    returning c.*
), image as materialized (
    select tenant_id, owner_id, id::text as record_id, (select to_jsonb(old) from old) as before, to_jsonb(made) as after from made
), logged as (
    insert into ucrm.audit_logs (tenant_id, actor_kind, user_id, api_key_prefix, request_id, address, action, resource, record_id, before, after, changed)
    select tenant_id, 'key', owner_id, 'bench', '01900000-0000-7000-8000-000000000001', '127.0.0.1', 'update', 'contacts', record_id, before, after, array['notes', 'stage'] from image
)
insert into ucrm.events (tenant_id, type, resource, record_id, data, changes, request_id)
select tenant_id, 'contacts.updated', 'contacts', record_id, after,
       jsonb_build_object('notes', jsonb_build_object('previous', before -> 'notes', 'current', after -> 'notes'),
                          'stage', jsonb_build_object('previous', before -> 'stage', 'current', after -> 'stage')),
       '01900000-0000-7000-8000-000000000001'
from image;
