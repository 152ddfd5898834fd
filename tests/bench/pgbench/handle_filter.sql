-- Anything but success is a division by zero: a refusal is not a measurement.
\set n random(1, :tenants)
\set s random(1, 4)
select 1 / (status / 100 = 2)::int, headers, convert_from(body, 'UTF8')
from ucrm.handle('GET', '/api/v1/contacts', 'limit=20&stage=eq.' || (array['lead', 'qualified', 'won', 'lost'])[:s::int], '{"accept": "*/*"}', null, 'key', null, decode(lpad(to_hex(:n::int), 64, '0'), 'hex'), '127.0.0.1', '01900000-0000-7000-8000-000000000001');
