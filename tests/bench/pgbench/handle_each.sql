-- Every tenant's turn once: what is remembered of them is then remembered.
\set i :i + 1
\set n (:i * :clients + :client_id) % :tenants + 1
select 1 / (status / 100 = 2)::int
from ucrm.handle('GET', '/api/v1/contacts', 'limit=20', '{"accept": "*/*"}', null, 'key', null, decode(lpad(to_hex(:n::int), 64, '0'), 'hex'), '127.0.0.1', '01900000-0000-7000-8000-000000000001');
