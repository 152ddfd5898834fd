\set n random(1, :tenants)
\set s random(1, 4)
select json_agg(row_to_json(t))
from (
    select id, name, email, phone, stage, organization_id, owner_id, notes, custom, external_id, created_at, updated_at, archived_at
    from crm.contacts
    where tenant_id = ('b0000000-0000-7000-8000-' || lpad(to_hex(:n::int), 12, '0'))::uuid and archived_at is null and stage = (array['lead', 'qualified', 'won', 'lost'])[:s::int]
    order by created_at desc, id desc
    limit 20
) as t;
