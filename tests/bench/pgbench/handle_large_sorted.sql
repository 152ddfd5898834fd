-- Anything but success is a division by zero: a refusal is not a measurement.
select 1 / (status / 100 = 2)::int, headers, convert_from(body, 'UTF8')
from ucrm.handle('GET', '/api/v1/contacts', 'limit=20&sort=name', '{"accept": "*/*"}', null, 'key', null, decode(lpad(to_hex(:large::int), 64, '0'), 'hex'), '127.0.0.1', '01900000-0000-7000-8000-000000000001');
