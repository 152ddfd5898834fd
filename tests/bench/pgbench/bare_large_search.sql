\set k random(1, :rows)
select json_agg(row_to_json(t)), (
    select count(*)
    from crm.contacts
    where tenant_id = ('b0000000-0000-7000-8000-' || lpad(to_hex(:large::int), 12, '0'))::uuid and archived_at is null and (name ilike '%' || (100000 + :k::int) || '%' or email ilike '%' || (100000 + :k::int) || '%' or phone ilike '%' || (100000 + :k::int) || '%')
)
from (
    select id, name, email, phone, stage, organization_id, owner_id, notes, custom, external_id, created_at, updated_at, archived_at
    from crm.contacts
    where tenant_id = ('b0000000-0000-7000-8000-' || lpad(to_hex(:large::int), 12, '0'))::uuid and archived_at is null and (name ilike '%' || (100000 + :k::int) || '%' or email ilike '%' || (100000 + :k::int) || '%' or phone ilike '%' || (100000 + :k::int) || '%')
    order by created_at desc, id desc
    limit 20
) as t;
