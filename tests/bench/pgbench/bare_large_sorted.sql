select id, name, email, phone, stage, organization_id, owner_id, notes, custom, external_id, created_at, updated_at, archived_at
from crm.contacts
where tenant_id = ('b0000000-0000-7000-8000-' || lpad(to_hex(:large::int), 12, '0'))::uuid and archived_at is null
order by name, id
limit 20;
