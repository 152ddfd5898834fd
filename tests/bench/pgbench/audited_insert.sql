\set n random(1, :tenants)
\set k random(1, :each)
insert into crm.contacts (tenant_id, name, email, phone, stage, owner_id)
values (('b0000000-0000-7000-8000-' || lpad(to_hex(:n::int), 12, '0'))::uuid, 'Created ' || :k::int, 'created-' || :k::int || '@bench.example', '+49 30 123456', 'lead', ('b1000000-0000-7000-8000-' || lpad(to_hex(:n::int), 12, '0'))::uuid);
