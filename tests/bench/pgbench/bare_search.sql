-- With the number of rows on all pages, which is never known before: each asks for another word.
\set n random(1, :tenants)
\set k random(1, :each)
select json_agg(row_to_json(t)), (
    select count(*)
    from crm.contacts
    where tenant_id = ('b0000000-0000-7000-8000-' || lpad(to_hex(:n::int), 12, '0'))::uuid and archived_at is null and ucrm.searchable(name, email, phone) operator(ucrm.~@) (100000 + :k::int)::text
)
from (
    select id, name, email, phone, stage, organization_id, owner_id, notes, custom, external_id, created_at, updated_at, archived_at
    from crm.contacts
    where tenant_id = ('b0000000-0000-7000-8000-' || lpad(to_hex(:n::int), 12, '0'))::uuid and archived_at is null and ucrm.searchable(name, email, phone) operator(ucrm.~@) (100000 + :k::int)::text
    order by created_at desc, id desc
    limit 20
) as t;
