-- One statement, as handle is one: three would cost two more round trips.
\set n random(1, :tenants)
\set k random(1, :each)
with made as (
    insert into bench.contacts (tenant_id, name, email, phone, stage, owner_id)
    values (('b0000000-0000-7000-8000-' || lpad(to_hex(:n::int), 12, '0'))::uuid, 'Created ' || :k::int, 'created-' || :k::int || '@bench.example', '+49 30 123456', 'lead', ('b1000000-0000-7000-8000-' || lpad(to_hex(:n::int), 12, '0'))::uuid)
    returning *
), image as materialized (
    select tenant_id, owner_id, id::text as record_id, to_jsonb(made) as image from made
), logged as (
    insert into ucrm.audit_logs (tenant_id, actor_kind, user_id, api_key_prefix, request_id, address, action, resource, record_id, after)
    select tenant_id, 'key', owner_id, 'bench', '01900000-0000-7000-8000-000000000001', '127.0.0.1', 'create', 'contacts', record_id, image from image
)
insert into ucrm.events (tenant_id, type, resource, record_id, data, request_id)
select tenant_id, 'contacts.created', 'contacts', record_id, image, '01900000-0000-7000-8000-000000000001' from image;
