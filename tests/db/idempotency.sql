-- Idempotency-Key: a write is done once, whoever sends it again gets the same answer, and nobody gets another's.
\ir scene.psql
\ir ask.psql
select pg_temp.issue();
\set key '''{"idempotency-key": "k1", "content-type": "application/json"}'''
call pg_temp.step('a write with a key', 'ada', 'POST', '/api/v1/contacts', '{"name": "once"}', '201 | ', '', :key);
call pg_temp.step('the same again', 'ada', 'POST', '/api/v1/contacts', '{"name": "once"}', '201 | ', '', :key);
select is((select count(*) from crm.contacts where name = 'once'), 1::bigint, 'is done once');
select is((select count(distinct body) from told), 1::bigint, 'and answered the same');
select is((select array_agg(headers ->> 'idempotency-replayed' order by n) from told), array[null, 'true'], 'which says that it is a replay');
call pg_temp.step('another body under the key', 'ada', 'POST', '/api/v1/contacts', '{"name": "other"}', '422 | idempotency_mismatch | ', '', :key);
call pg_temp.step('another path', 'ada', 'POST', '/api/v1/organizations', '{"name": "once"}', '422 | idempotency_mismatch | ', '', :key);
call pg_temp.step('another query', 'ada', 'POST', '/api/v1/contacts', '{"name": "once"}', '422 | idempotency_mismatch | ', 'a=b', :key);
call pg_temp.step('somebody else''s key of the same name is his own', 'alan', 'POST', '/api/v1/contacts', '{"name": "alan once"}', '201 | ', '', :key);
call pg_temp.step('another tenant''s too', 'gina', 'POST', '/api/v1/contacts', '{"name": "gina once"}', '201 | ', '', :key);
call pg_temp.step('a refusal', 'ada', 'POST', '/api/v1/contacts', '{"nam": "x"}', '400 | unknown_field | nam unknown_field | ', '', '{"idempotency-key": "k2"}');
call pg_temp.step('is not kept', 'ada', 'POST', '/api/v1/contacts', '{"name": "second try"}', '201 | ', '', '{"idempotency-key": "k2"}');
call pg_temp.step('a reader is refused before anything is recalled', 'rita', 'POST', '/api/v1/contacts', '{"name": "once"}', '403 | permission_denied | ', '', :key);
call pg_temp.step('a key that is too long', 'ada', 'POST', '/api/v1/contacts', '{"name": "x"}', '400 | bad_request | ', '', jsonb_build_object('idempotency-key', repeat('k', 256)));
call pg_temp.step('a secret', 'ada', 'POST', '/api/v1/api_keys', '{"name": "asked by idempotency", "scopes": ["contacts:read"]}', '201 | ', '', '{"idempotency-key": "k3", "content-type": "application/json"}');
call pg_temp.step('is not shown twice', 'ada', 'POST', '/api/v1/api_keys', '{"name": "asked by idempotency", "scopes": ["contacts:read"]}', '409 | reply_withheld | ', '', '{"idempotency-key": "k3", "content-type": "application/json"}');
select is(said, expected, name) from told order by n;
select is((select count(*) from ucrm.api_keys where name = 'asked by idempotency'), 1::bigint, 'and made once');
select is_empty($$select from ucrm.idempotency_keys where withheld and (body is not null or headers is not null)$$, 'no secret is kept');
-- What is forgotten is forgotten here too, by whatever id, and of one tenant.
select id as once from crm.contacts where name = 'gina once' \gset
begin;
insert into ucrm.idempotency_keys (tenant_id, principal, key, request, status, body)
select t, 'somebody', 'k' || n, '', 200, convert_to(b, 'UTF8')
from unnest(array[:'acme', :'globex']::uuid[]) as t,
     unnest(array['{"data": [{"id": "' || :'once' || '"}]}', '{"id": 71, "name": "x"}', '{"name":"x","id":71}', '{"id": 710, "name": "71 x"}', null]) with ordinality as v (b, n);
select ucrm.forget('contacts', :'once', :'globex') \g /dev/null
select is((select array_agg(key order by key) from ucrm.idempotency_keys where withheld and principal = 'somebody'), array['k1'], 'an answer that names what is forgotten is not kept');
select ucrm.forget('contacts', '71', :'globex') \g /dev/null
select is((select array_agg(key order by key) from ucrm.idempotency_keys where withheld and principal = 'somebody'), array['k1', 'k2', 'k3'], 'nor one that names a number');
select is((select count(*) from ucrm.idempotency_keys where withheld and principal = 'somebody' and tenant_id = :'acme'), 0::bigint, 'another tenant''s is');
select is_empty($$select from ucrm.idempotency_keys where withheld and (body is not null or headers is not null)$$, 'nothing of it stays');
commit;
call pg_temp.step('what was forgotten', 'gina', 'POST', '/api/v1/contacts', '{"name": "gina once"}', '409 | reply_withheld | ', '', :key);
select is(said, expected, name) from told order by n desc limit 1;
select is((select count(*) from crm.contacts where name = 'gina once'), 1::bigint, 'and not done again either');
delete from ucrm.idempotency_keys where principal = 'somebody';
-- A day later.
update ucrm.idempotency_keys set created_at = created_at - interval '25 hours' where key = 'k1';
call pg_temp.step('after a day a key is new', 'ada', 'POST', '/api/v1/contacts', '{"name": "other"}', '201 | ', '', :key);
select is(said, expected, name) from told order by n desc limit 1;
delete from crm.contacts where name in ('once', 'other', 'alan once', 'gina once', 'second try');
call pg_temp.leave();
select '1..' || currval('__tresults___numb_seq');
