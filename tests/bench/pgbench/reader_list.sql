select id, name, email, phone, stage, organization_id, owner_id, notes, custom, external_id, created_at, updated_at, archived_at
from crm.contacts
order by created_at desc, id desc
limit 20;
