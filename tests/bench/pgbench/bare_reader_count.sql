select count(*)
from crm.contacts
where tenant_id = ('b0000000-0000-7000-8000-' || lpad(to_hex(:tenants::int / 2), 12, '0'))::uuid;
