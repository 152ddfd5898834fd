-- Anything but success is a division by zero: a refusal is not a measurement.
\set n random(1, :tenants)
\set k random(1, :each)
\set s random(1, 4)
select 1 / (status / 100 = 2)::int, headers, convert_from(body, 'UTF8')
from ucrm.handle('PATCH', '/api/v1/contacts/' || ('c0000000-0000-7000-8000-' || lpad(to_hex(:n::bigint * 65536 + :k::int), 12, '0')), '', '{"accept": "*/*", "content-type": "application/json"}', convert_to('{"stage": "' || (array['lead', 'qualified', 'won', 'lost'])[:s::int] || '", "notes": "Changed ' || random() || '"}', 'UTF8'), 'key', null, decode(lpad(to_hex(:n::int), 64, '0'), 'hex'), '127.0.0.1', '01900000-0000-7000-8000-000000000001');
