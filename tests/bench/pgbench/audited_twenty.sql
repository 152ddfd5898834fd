\set n random(1, :tenants)
insert into crm.contacts (tenant_id, name, email, phone, stage)
select ('b0000000-0000-7000-8000-' || lpad(to_hex(:n::int), 12, '0'))::uuid, 'Created ' || k, 'created-' || k || '@bench.example', '+49 30 123456', 'lead' from generate_series(1, 20) as k;
