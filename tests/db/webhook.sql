-- Webhooks: where they may lead, who may have them, what becomes a delivery, in which order, and how it ends.
\ir scene.psql
select id as alan from ucrm.users where email = 'alan@acme.example' \gset
select k.secret as owner_key from ucrm.issue_api_key(:'acme', :'owner', 'Webhooks', null) as k \gset
select k.secret as agent_key from ucrm.issue_api_key(:'acme', :'alan', 'Webhooks', null) as k \gset
select k.secret as scoped_key from ucrm.issue_api_key(:'acme', :'owner', 'Webhooks', 'webhooks:*,contacts:read') as k \gset
select k.secret as reading_key from ucrm.issue_api_key(:'acme', :'owner', 'Webhooks', 'webhooks:read') as k \gset
select k.secret as globex_key from ucrm.issue_api_key(:'globex', :'stranger', 'Webhooks', null) as k \gset
create temporary table answers (name text, status integer, headers jsonb, body jsonb);
create function pg_temp.ask(name text, method text, path text, body text, key text) returns void language plpgsql as $$
begin
    insert into answers
    select ask.name, h.status, h.headers, convert_from(nullif(h.body, ''), 'UTF8')::jsonb
    from ucrm.handle(method, path, '', '{"content-type": "application/json"}', convert_to(body, 'UTF8'), 'key', null, sha256(convert_to(key, 'UTF8')), '192.0.2.88', ucrm.uuid7()) as h;
exception when others then
    insert into answers values (ask.name, case when sqlstate like 'PT%' then substr(sqlstate, 3)::integer end, jsonb_build_object('x-ucrm-code', sqlerrm), null);
end
$$;
create function pg_temp.answered(name text) returns text language sql as $$ select concat_ws(' ', a.status, a.headers ->> 'x-ucrm-code') from answers as a where a.name = $1 $$;
create function pg_temp.told(statement text) returns text language plpgsql as $$
declare
    answer text;
begin
    execute statement into answer;
    return coalesce(answer, 'done');
exception when others then
    return sqlstate || ' ' || sqlerrm;
end
$$;
-- What waits is due, leases and rests are over.
create function pg_temp.later() returns void language sql as $$
    update ucrm.webhook_deliveries set next_attempt_at = now() - interval '1 s' where status in ('pending', 'sending');
    update ucrm.webhook_queues as q set due_at = now() - interval '1 s', rests_until = null
    where exists (select from ucrm.webhooks as w where w.tenant_id = q.tenant_id and w.id = q.webhook_id and w.status = 'active');
$$;
create function pg_temp.settle(delivery uuid, worker text, status integer, wait integer default null) returns integer language sql as $$
    select ucrm.settle_deliveries(jsonb_build_array(jsonb_build_object('tenant', d.tenant_id, 'id', d.id, 'worker', worker, 'status', settle.status, 'took', 3, 'wait', wait, 'error', case when settle.status is null then 'nobody answers' end)))
    from ucrm.webhook_deliveries as d where d.id = delivery
$$;
-- Events of this transaction count as settled: what holds them up elsewhere is other transactions.
create function pg_temp.fan_out() returns integer language plpgsql as $$
declare
    now constant uuid := ucrm.uuid7();
begin
    while ucrm.settled_until() <= now loop
        perform pg_sleep(0.001);
    end loop;
    return ucrm.fan_out_webhooks();
end
$$;
-- A webhook, and events of these contacts.
create function pg_temp.plan_webhook(tenant uuid, host text, records text[], out hook uuid) language plpgsql as $$
begin
    insert into ucrm.webhooks (tenant_id, url, reads) values (plan_webhook.tenant, 'https://' || host || '/', '*:read') returning id into hook;
    perform ucrm.keep_secret(plan_webhook.tenant, 'webhook', hook, convert_to('secret of ' || host, 'UTF8'));
    insert into ucrm.webhook_queues (tenant_id, webhook_id) values (plan_webhook.tenant, hook);
    insert into ucrm.webhook_feeds (tenant_id, event_id) values (plan_webhook.tenant, ucrm.uuid7()) on conflict do nothing;
    insert into ucrm.events (tenant_id, id, type, resource, record_id, data)
    select plan_webhook.tenant, ucrm.uuid7(), 'contacts.updated', 'contacts', r, jsonb_build_object('record', r, 'n', n) from unnest(records) with ordinality as u (r, n) order by n;
end
$$;

-- Where they may lead.
select is(ucrm.webhook_url_fault(u), null, u)
from unnest(array['https://hooks.acme.example/ucrm', 'HTTPS://Hooks.Acme.Example/A?b=c', 'https://hooks.acme.example', 'https://hooks.acme.example:8443/', 'https://hooks.acme.example:443/',
    'https://8.8.8.8/', 'https://[2606:4700::1111]/x', 'https://xn--bcher-kva.example/', 'https://a.b.c.d.example/%20', 'https://1.1.1.1:8443/']) as u;
select isnt(ucrm.webhook_url_fault(u), null, 'refused: ' || coalesce(u, 'null'))
from unnest(array[null, '', ' ', 'hooks.acme.example', '//hooks.acme.example', 'http://hooks.acme.example/', 'ftp://hooks.acme.example/', 'file:///etc/passwd', 'gopher://hooks.acme.example/', 'javascript:alert(1)', 'data:text/plain,x',
    'https:/hooks.acme.example', 'https:hooks.acme.example', 'https://', 'https:///x', 'https://?x', 'https://:443/', ' https://hooks.acme.example', 'https://hooks.acme.example/ x', E'https://hooks.acme.example/\n', E'https://hooks.acme.example/\r\nhost: x',
    E'https://hooks.acme.example\t/', 'https://hooks.acme.example/#a', 'https://hooks.acme.example#@127.0.0.1/', 'https://user@hooks.acme.example/', 'https://user:password@hooks.acme.example/', 'https://hooks.acme.example@127.0.0.1/', 'https://127.0.0.1\@hooks.acme.example/',
    'https://hooks.acme.example\@127.0.0.1/', 'https://bücher.example/', 'https://①②⑦.⓪.⓪.①/', 'https://hooks。acme。example/', 'https://%31%32%37.0.0.1/', 'https://hooks.acme.example%00.evil.example/', 'https://hooks.acme.example./', 'https://127.0.0.1./', 'https://localhost/',
    'https://localhost./', 'https://localhost.localdomain/', 'https://a.localhost/', 'https://printer.local/', 'https://metadata/', 'https://metadata.google.internal/', 'https://intranet/', 'https://1.0.0.127.in-addr.arpa/', 'https://box.lan/', 'https://db.corp/',
    'https://127.0.0.1/', 'https://127.1/', 'https://127.0.1/', 'https://127.255.255.254/', 'https://2130706433/', 'https://0x7f000001/', 'https://0x7f.0.0.1/', 'https://0x7f.1/', 'https://127.0.0.0x1/', 'https://0177.0.0.1/', 'https://017700000001/', 'https://0127.0.0.1/', 'https://0/', 'https://0.0.0.0/',
    'https://10.0.0.1/', 'https://10.255.255.255/', 'https://100.64.0.1/', 'https://100.127.255.255/', 'https://169.254.169.254/latest/meta-data/', 'https://169.254.170.2/', 'https://168.63.129.16/', 'https://172.16.0.1/', 'https://172.31.255.255/', 'https://192.0.0.192/', 'https://192.0.2.1/', 'https://192.88.99.1/',
    'https://192.168.0.1/', 'https://198.18.0.1/', 'https://198.19.255.255/', 'https://198.51.100.1/', 'https://203.0.113.1/', 'https://224.0.0.1/', 'https://239.255.255.255/', 'https://240.0.0.1/', 'https://255.255.255.255/', 'https://256.0.0.1/', 'https://1.2.3.4.5/', 'https://1.2.3/',
    'https://[::]/', 'https://[::1]/', 'https://[0:0:0:0:0:0:0:1]/', 'https://[::ffff:127.0.0.1]/', 'https://[::ffff:7f00:1]/', 'https://[::ffff:169.254.169.254]/', 'https://[::127.0.0.1]/', 'https://[64:ff9b::7f00:1]/', 'https://[64:ff9b:1::1]/', 'https://[100::1]/', 'https://[2001::1]/',
    'https://[2001:db8::1]/', 'https://[2002:7f00:1::]/', 'https://[2002:a9fe:a9fe::1]/', 'https://[3fff::1]/', 'https://[5f00::1]/', 'https://[fc00::1]/', 'https://[fd00:ec2::254]/', 'https://[fe80::1]/', 'https://[fe80::1%25eth0]/', 'https://[fec0::1]/', 'https://[ff02::1]/', 'https://[1.1.1.1]/', 'https://[::1/', 'https://::1/', 'https://[]/', 'https://[zz::1]/',
    'https://hooks.acme.example:0/', 'https://hooks.acme.example:22/', 'https://hooks.acme.example:80/', 'https://hooks.acme.example:1023/', 'https://hooks.acme.example:65536/', 'https://hooks.acme.example:99999/', 'https://hooks.acme.example:/', 'https://hooks.acme.example:https/', 'https://hooks.acme.example:443:443/', 'https://hooks.acme.example:0443/',
    'https://-x.example/', 'https://x-.example/', 'https://a..example/', 'https://.example/', 'https://a_b.example/', 'https://x.example/"', 'https://x.example/<a>', 'https://x.example/{a}', 'https://' || repeat('a', 64) || '.example/', 'https://x.example/' || repeat('a', 2000)]) as u;
select is(ucrm.webhook_url_fault(u, true), null, 'an operator''s exception: ' || u) from unnest(array['http://127.0.0.1:8000/x', 'http://localhost:3000/', 'https://[::1]:8443/', 'https://10.0.0.1/']) as u;
select isnt(ucrm.webhook_url_fault(u, true), null, 'but not ' || u) from unnest(array['ftp://127.0.0.1/', 'http://a:b@127.0.0.1/', 'http://127.0.0.1:0/', 'http://0x7f.1/']) as u;

-- The table refuses it too, and whoever writes it with psql.
begin;
select throws_ok(format('insert into ucrm.webhooks (tenant_id, url, reads) values (%L, %L, '''')', :'acme', u), '23514', null, 'the table refuses ' || u)
from unnest(array['http://hooks.acme.example/', 'https://127.0.0.1/', 'https://localhost/', 'https://[::1]/']) as u;
insert into ucrm.webhooks (tenant_id, url, reads) values (:'acme', 'https://hooks.acme.example/', '') returning id as w \gset
select throws_ok(format('update ucrm.webhooks set url = ''https://10.0.0.1/'' where id = %L', :'w'), '23514', null, 'and a change to it');
set local role ucrm_app;
select throws_ok('insert into ucrm.webhooks (tenant_id, url, reads) values (ucrm.uuid7(), ''https://x.example/'', '''')', '42501', null, 'members write it by its functions alone');
rollback;

-- Over HTTP. Each request is a transaction of its own; what they made goes at the end.
select pg_temp.ask('made', 'POST', '/api/v1/webhooks', '{"url": "https://hooks.acme.example/ucrm", "description": "To the warehouse", "events": ["contacts.*", "deals.created"]}', :'owner_key');
select is(pg_temp.answered('made'), '201', 'an owner makes one');
select body #>> '{data,id}' as hook, body #>> '{data,secret}' as secret, headers ->> 'location' as location, headers ->> 'cache-control' as cache from answers where name = 'made' \gset
select is(concat(:'location', ' ', :'cache'), '/api/v1/webhooks/'::text || :'hook' || ' no-store', 'is told where it is, and that nothing keeps the reply');
select matches(:'secret'::text, '^whsec_[A-Za-z0-9+/]{43}=$', 'with its secret, as Standard Webhooks writes it');
select is((body -> 'data') - array['id', 'secret', 'created_at', 'updated_at', 'created_by'], '{"url": "https://hooks.acme.example/ucrm", "description": "To the warehouse", "events": ["contacts.*", "deals.created"], "status": "active", "disabled_reason": null, "previous_secret_until": null}', 'and how it is') from answers where name = 'made';
select pg_temp.ask('list', 'GET', '/api/v1/webhooks', '', :'owner_key');
select pg_temp.ask('get', 'GET', '/api/v1/webhooks/' || :'hook', '', :'owner_key');
select pg_temp.ask('secret', 'GET', '/api/v1/webhooks/' || :'hook' || '/secret', '', :'owner_key');
select is(body #>> '{data,0,id}', :'hook', 'it is in the list') from answers where name = 'list';
select is(pg_temp.answered('get'), '200', 'and by itself');
select ok(position(substr(:'secret', 7) in body::text) = 0 and body::text !~ 'secret"', 'without the secret') from answers where name in ('get', 'list');
select is(body -> 'data', jsonb_build_object('secret', :'secret', 'previous_secret', null, 'previous_secret_until', null), 'the secret is shown to whoever may change it') from answers where name = 'secret';
select is(headers ->> 'cache-control', 'no-store', 'and kept by nobody') from answers where name = 'secret';
select is((select array_agg(l.action order by l.id) from ucrm.audit_logs as l where l.tenant_id = :'acme' and l.resource = 'webhooks' and l.record_id = :'hook'), array['create', 'secret_shown'], 'the audit knows both');
select is_empty(format('select from ucrm.audit_logs as l where l.tenant_id = %L and position(%L in l::text) > 0', :'acme', substr(:'secret', 7)), 'but not the secret');
select is_empty(format('select from ucrm.events as e where e.tenant_id = %L and position(%L in e::text) > 0', :'acme', substr(:'secret', 7)), 'nor do the events');
select is_empty(format('select from ucrm.secrets as s where s.tenant_id = %L and position(substr(%L, 7) in encode(s.sealed, ''base64'')) > 0', :'acme', :'secret'), 'and at rest it is sealed');
-- Who may not.
select format('select pg_temp.ask(%L, %L, %L, %L, %L)', n || ' ' || m || ' ' || p, m, '/api/v1/webhook' || replace(p, ':id', :'hook'), b, k)
from (values ('agent', :'agent_key'), ('stranger', :'globex_key'), ('reader', :'reading_key')) as who (n, k)
cross join (values ('GET', 's/:id', ''), ('PATCH', 's/:id', '{"description": "x"}'), ('DELETE', 's/:id', ''), ('POST', 's/:id/pause', ''), ('POST', 's/:id/resume', ''), ('POST', 's/:id/rotate', '{}'),
    ('POST', 's/:id/test', ''), ('GET', 's/:id/secret', ''), ('GET', 's/:id/deliveries', ''), ('POST', '_deliveries/:id/resend', ''), ('GET', '_deliveries/:id', '')) as what (m, p, b)
\gexec
select is(left(pg_temp.answered(a.name), 21), '403 permission_denied', a.name) from answers as a where a.name like 'agent %';
select is(pg_temp.answered(a.name), '404 not_found', a.name) from answers as a where a.name like 'stranger %';
select is(pg_temp.answered(a.name), case when a.name ~ ' GET .*(deliveries|:id)$' then case when a.name like '%_deliveries/:id' then '404 not_found' else '200' end else '403 key_scope_denied' end, a.name) from answers as a where a.name like 'reader %';
select pg_temp.ask('agent makes', 'POST', '/api/v1/webhooks', '{"url": "https://x.example/"}', :'agent_key');
select is(pg_temp.answered('agent makes'), '403 permission_denied', 'an agent makes none');
-- What a body may be.
select pg_temp.ask('bad ' || b, 'POST', '/api/v1/webhooks', b, :'owner_key')
from unnest(array['{}', '{"url": 1}', '{"url": "http://x.example/"}', '{"url": "https://127.0.0.1/"}', '{"url": "https://x.example/", "events": []}', '{"url": "https://x.example/", "events": "*"}', '{"url": "https://x.example/", "events": ["contacts"]}',
    '{"url": "https://x.example/", "events": ["nothing.created"]}', '{"url": "https://x.example/", "events": [null]}', '{"url": "https://x.example/", "workspace_secret": "yes"}']) as b;
select is(pg_temp.answered(a.name), '422 validation_failed', a.name) from answers as a where a.name like 'bad %';
select pg_temp.ask('unknown', 'POST', '/api/v1/webhooks', '{"url": "https://x.example/", "secret": "whsec_mine"}', :'owner_key');
select is(pg_temp.answered('unknown'), '400 unknown_field', 'a secret is not chosen');
-- Nobody has sent to himself what he may not read.
select pg_temp.ask('ceiling', 'POST', '/api/v1/webhooks', '{"url": "https://x.example/", "events": ["deals.*"]}', :'scoped_key');
select is(pg_temp.answered('ceiling'), '403 grant_ceiling', 'a key that reads contacts has no deals sent');
select pg_temp.ask('scoped', 'POST', '/api/v1/webhooks', '{"url": "https://x.example/"}', :'scoped_key');
select is(pg_temp.answered('scoped'), '201', 'it may ask for everything');
select is(reads, 'contacts:read,webhooks:read', 'and gets what it may read') from ucrm.webhooks where id = (select (body #>> '{data,id}')::uuid from answers where name = 'scoped');
select pg_temp.ask('turned', 'PATCH', '/api/v1/webhooks/' || :'hook', '{"url": "https://x.example/"}', :'scoped_key');
select is(pg_temp.answered('turned'), '403 grant_ceiling', 'nor does it turn another''s webhook to itself');
-- Changing.
select pg_temp.ask('paused', 'POST', '/api/v1/webhooks/' || :'hook' || '/pause', '', :'owner_key');
select pg_temp.ask('test of a paused one', 'POST', '/api/v1/webhooks/' || :'hook' || '/test', '', :'owner_key');
select pg_temp.ask('resumed', 'POST', '/api/v1/webhooks/' || :'hook' || '/resume', '', :'owner_key');
select pg_temp.ask('patched', 'PATCH', '/api/v1/webhooks/' || :'hook', '{"events": ["*"], "description": ""}', :'owner_key');
select pg_temp.ask('nonsense', 'PATCH', '/api/v1/webhooks/' || :'hook', '{"status": "disabled"}', :'owner_key');
select is((select array_agg(body #>> '{data,status}' order by name) from answers where name in ('paused', 'resumed')), array['paused', 'active'], 'it pauses and goes on');
select is(pg_temp.answered('test of a paused one'), '409 webhook_inactive', 'paused it is not tried');
select is(body #> '{data,events}', '["*"]', 'its filters change') from answers where name = 'patched';
select is(pg_temp.answered('nonsense'), '422 validation_failed', 'nobody disables it but itself');
select is((select array_agg(e.type order by e.id) from ucrm.events as e where e.tenant_id = :'acme' and e.record_id = :'hook'), array['webhooks.created', 'webhooks.updated', 'webhooks.updated', 'webhooks.updated'], 'each is an event');
-- Rotation.
select pg_temp.ask('rotated', 'POST', '/api/v1/webhooks/' || :'hook' || '/rotate', '{"overlap_hours": 2.0}', :'owner_key');
select pg_temp.ask('secrets', 'GET', '/api/v1/webhooks/' || :'hook' || '/secret', '', :'owner_key');
select is(body #>> '{data,secret}', (select body #>> '{data,secret}' from answers where name = 'rotated'), 'a new secret') from answers where name = 'secrets';
select is(body #>> '{data,previous_secret}', :'secret', 'beside the one before') from answers where name = 'secrets';
select ok((body #>> '{data,previous_secret_until}')::timestamptz between now() + interval '119 min' and now() + interval '121 min', 'for as long as was asked') from answers where name = 'secrets';
select pg_temp.ask('bare rotation', 'POST', '/api/v1/webhooks/' || :'hook' || '/rotate', '', :'owner_key');
select is(pg_temp.answered('bare rotation'), '200', 'without a body: a day');
select pg_temp.ask('too long', 'POST', '/api/v1/webhooks/' || :'hook' || '/rotate', '{"overlap_hours": 169}', :'owner_key');
select is(pg_temp.answered('too long'), '422 validation_failed', 'a week at most');
select pg_temp.ask('at once', 'POST', '/api/v1/webhooks/' || :'hook' || '/rotate', '{"overlap_hours": 0}', :'owner_key');
select is_empty(format('select from ucrm.secrets where kind = ''webhook_previous'' and holder = %L', :'hook'), 'or at once');
-- The workspace's own secret.
select ucrm.make_webhook_secret(:'acme') as own \gset
select pg_temp.ask('own', 'POST', '/api/v1/webhooks', '{"url": "https://x.example/", "workspace_secret": true}', :'owner_key');
select is(body #>> '{data,secret}', :'own', 'one may sign with the workspace''s') from answers where name = 'own';
select pg_temp.ask('own rotated', 'POST', format('/api/v1/webhooks/%s/rotate', body #>> '{data,id}'), '{}', :'owner_key') from answers where name = 'own' \g /dev/null
select is(ucrm.webhook_secret_text((ucrm.webhook_secrets(w))[2]), :'own', 'rotated it has one of its own, beside that for a while') from ucrm.webhooks as w where w.id = (select (body #>> '{data,id}')::uuid from answers where name = 'own');
-- Deleting, and the limit.
select pg_temp.ask('gone', 'DELETE', '/api/v1/webhooks/' || :'hook', '', :'owner_key');
select pg_temp.ask('gone again', 'DELETE', '/api/v1/webhooks/' || :'hook', '', :'owner_key');
select is(pg_temp.answered('gone') || ', ' || pg_temp.answered('gone again'), '204, 404 not_found', 'deleted it is gone');
select is_empty(format('select from ucrm.secrets where holder = %L union all select from ucrm.webhook_queues where webhook_id = %1$L', :'hook'), 'with all it had');
select ucrm.set('webhooks_per_tenant', '2');
select pg_temp.ask('third', 'POST', '/api/v1/webhooks', '{"url": "https://x.example/"}', :'owner_key');
select is(pg_temp.answered('third'), '409 webhook_limit', 'there is a limit');
delete from ucrm.settings where name = 'webhooks_per_tenant' and not builtin;
-- An operator's exception.
select pg_temp.ask('refused', 'POST', '/api/v1/webhooks', '{"url": "http://127.0.0.1:9/"}', :'owner_key');
select ucrm.set('webhook_internal', 'true');
select pg_temp.ask('allowed', 'POST', '/api/v1/webhooks', '{"url": "http://127.0.0.1:9/"}', :'owner_key');
select is(pg_temp.answered('refused') || ', ' || pg_temp.answered('allowed'), '422 validation_failed, 201', 'http and private addresses are an operator''s exception');
select set_eq('select level || '' '' || object from ucrm.webhook_faults()', array['info setting webhook_internal'], 'which doctor() notes');
delete from ucrm.settings where name = 'webhook_internal' and not builtin;
select matches((select string_agg(what, '; ') from ucrm.webhook_faults()), 'get nothing while webhook_internal is false', 'and of what is left of it warns');
delete from ucrm.webhooks where tenant_id = :'acme';
delete from ucrm.webhook_feeds where tenant_id = :'acme';
delete from ucrm.secrets where tenant_id = :'acme' and kind like 'webhook%';
delete from ucrm.api_keys where name = 'Webhooks';
-- What becomes a delivery. The rest happens in transactions that nobody else sees.
begin;
insert into ucrm.webhooks (tenant_id, url, events, reads) values (:'acme', 'https://all.example/', '{*}', '*:read') returning id as all \gset
insert into ucrm.webhooks (tenant_id, url, events, reads) values (:'acme', 'https://contacts.example/', '{contacts.*}', '*:read') returning id as contacts \gset
insert into ucrm.webhooks (tenant_id, url, events, reads) values (:'acme', 'https://deleted.example/', '{*.deleted,deals.created}', '*:read') returning id as deleted \gset
insert into ucrm.webhooks (tenant_id, url, events, reads) values (:'acme', 'https://narrow.example/', '{*}', 'deals:read') returning id as narrow \gset
insert into ucrm.webhooks (tenant_id, url, events, reads, status) values (:'acme', 'https://paused.example/', '{contacts.created}', '*:read', 'paused') returning id as paused \gset
insert into ucrm.webhooks (tenant_id, url, events, reads, status, disabled_reason) values (:'acme', 'https://disabled.example/', '{*}', '*:read', 'disabled', 'gone') returning id as disabled \gset
insert into ucrm.webhooks (tenant_id, url, reads) values (:'globex', 'https://globex.example/', '*:read') returning id as foreign \gset
insert into ucrm.webhook_queues (tenant_id, webhook_id) select tenant_id, id from ucrm.webhooks;
insert into ucrm.webhook_feeds (tenant_id, event_id) values (:'acme', ucrm.uuid7()), (:'globex', ucrm.uuid7()) on conflict (tenant_id) do update set event_id = excluded.event_id;
insert into ucrm.webhooks (tenant_id, url, since, reads) values (:'acme', 'https://later.example/', ucrm.uuid7(), '*:read') \g /dev/null
insert into ucrm.events (tenant_id, id, type, resource, record_id, data) values
(:'acme', '00000000-0000-7000-8000-000000000001', 'contacts.created', 'contacts', 'old', '{}'),
(:'acme', ucrm.uuid7(), 'contacts.created', 'contacts', 'c1', '{"name": "Ada"}'),
(:'acme', ucrm.uuid7(), 'contacts.updated', 'contacts', 'c1', '{"name": "Ada L"}'),
(:'acme', ucrm.uuid7(), 'deals.created', 'deals', 'd1', '{}'),
(:'acme', ucrm.uuid7(), 'contacts.deleted', 'contacts', 'c2', '{}'),
(:'globex', ucrm.uuid7(), 'contacts.created', 'contacts', 'g1', '{}');
update ucrm.webhooks set since = ucrm.uuid7() where url = 'https://later.example/';
select ok(pg_temp.fan_out() >= 5, 'events are looked at');
select results_eq(
    $$select substring(w.url from '//([a-z]*)'), string_agg(d.type || ' ' || d.record, ', ' order by d.event_id) from ucrm.webhook_deliveries as d join ucrm.webhooks as w on w.id = d.webhook_id group by w.url order by w.url collate "C"$$,
    $$values ('all', 'contacts.created contacts/c1, contacts.updated contacts/c1, deals.created deals/d1, contacts.deleted contacts/c2'),
             ('contacts', 'contacts.created contacts/c1, contacts.updated contacts/c1, contacts.deleted contacts/c2'),
             ('deleted', 'deals.created deals/d1, contacts.deleted contacts/c2'),
             ('globex', 'contacts.created contacts/g1'),
             ('narrow', 'deals.created deals/d1'),
             ('paused', 'contacts.created contacts/c1')$$,
    'each webhook has what its filters name, what may be read, and what came later than itself; one that is paused too, one that is disabled nothing');
select results_eq(format($$select record, type, status from ucrm.webhook_deliveries where webhook_id = %L order by event_id$$, :'all'),
    $$values ('contacts/c1', 'contacts.created', 'pending'), ('contacts/c1', 'contacts.updated', 'held'), ('deals/d1', 'deals.created', 'pending'), ('contacts/c2', 'contacts.deleted', 'pending')$$,
    'of a record one is under way at a time');
select is(pg_temp.fan_out(), 0, 'each event once');
select set_eq($$select substring(w.url from '//([a-z]*)') from ucrm.webhook_queues as q join ucrm.webhooks as w on w.id = q.webhook_id where q.due_at is not null$$, array['all', 'contacts', 'deleted', 'globex', 'narrow'], 'and those that wait are due, but for the paused');
rollback;
-- Claiming.
begin;
select pg_temp.plan_webhook(:'acme', 'one.example', array['a', 'b', 'a']) as one \gset
select ok(pg_temp.fan_out() >= 3, 'there is something to do');
create temporary table claims on commit drop as select * from ucrm.claim_deliveries('w1', 10);
select results_eq('select url, internal, body::jsonb #>> ''{data,record}'' from claims order by 3', $$values ('https://one.example/', false, 'a'), ('https://one.example/', false, 'b')$$, 'a worker gets what is due, the first of each record');
select results_eq(format($$select headers - array['webhook-signature', 'webhook-timestamp', 'webhook-id', 'ce-id'] from claims limit 1$$),
    format($$values ('{"content-type": "application/cloudevents+json; charset=utf-8", "ce-type": "contacts.updated", "ce-source": "/tenants/%1$s", "ce-tenantid": "%1$s"}'::jsonb)$$, :'acme'), 'with the tenant in the headers');
select is(body::jsonb, ucrm.cloud_event(e), 'the body is the CloudEvent') from claims as c join ucrm.events as e on e.tenant_id = :'acme' and e.id = (c.headers ->> 'webhook-id')::uuid;
select is(ucrm.webhook_signature_fault(headers ->> 'webhook-id', headers ->> 'webhook-timestamp', headers ->> 'webhook-signature', convert_to(body, 'UTF8'), 'secret of one.example'), null, 'signed as Standard Webhooks says') from claims;
select is(ucrm.webhook_signature_fault(headers ->> 'webhook-id', headers ->> 'webhook-timestamp', headers ->> 'webhook-signature', convert_to(body || ' ', 'UTF8'), 'secret of one.example'), 'signature', 'altered it is not believed') from claims;
select ok(abs((headers ->> 'webhook-timestamp')::bigint - extract(epoch from now())) < 60, 'and of now') from claims limit 1;
select is_empty('select * from ucrm.claim_deliveries(''w2'', 10)', 'another worker gets nothing');
update ucrm.tenants set status = 'suspended' where id = :'acme';
select pg_temp.later();
select is_empty('select * from ucrm.claim_deliveries(''w2'', 10)', 'a suspended workspace is told nothing');
update ucrm.tenants set status = 'approved' where id = :'acme';
update ucrm.webhook_deliveries set next_attempt_at = now() + interval '20 s' where webhook_id = :'one' and status = 'sending';
select id as a from claims where body::jsonb #>> '{data,record}' = 'a' \gset
select id as b from claims where body::jsonb #>> '{data,record}' = 'b' \gset
select is(pg_temp.settle(:'a', 'w2', 200), 0, 'nobody settles another''s');
select is(pg_temp.settle(:'a', 'w1', 204), 1, 'the worker itself does');
select is(pg_temp.settle(:'a', 'w1', 500), 0, 'once');
select results_eq(format('select status, attempts, response_status, error, took_ms, next_attempt_at, finished_at is not null from ucrm.webhook_deliveries where id = %L', :'a'), $$values ('delivered', 1, 204, null::text, 3, null::timestamptz, true)$$, 'what is answered with 2xx is delivered');
select is((select body::jsonb #>> '{data,n}' from ucrm.claim_deliveries('w3', 10)), '3', 'then the record''s next one goes');
-- A worker dies.
select pg_temp.later();
select is((select array_agg(headers ->> 'webhook-id' order by headers ->> 'webhook-id') from ucrm.claim_deliveries('w4', 10)),
    (select array_agg(d.event_id::text order by d.event_id) from ucrm.webhook_deliveries as d where d.webhook_id = :'one' and d.id <> :'a'), 'when leases are over, others go on, under the same ids');
select is(pg_temp.settle(:'b', 'w1', 200), 0, 'and the one who comes back late is not asked');
select is(attempts, 2, 'an attempt that nobody told of counts') from ucrm.webhook_deliveries where id = :'b';
-- Rotation: two signatures.
select ucrm.keep_secret(:'acme', 'webhook_previous', :'one', convert_to('secret before', 'UTF8'));
update ucrm.webhooks set previous_secret_until = now() + interval '1 hour' where id = :'one';
select pg_temp.later();
create temporary table rotated on commit drop as select * from ucrm.claim_deliveries('w5', 10);
select is(ucrm.webhook_signature_fault(headers ->> 'webhook-id', headers ->> 'webhook-timestamp', headers ->> 'webhook-signature', convert_to(body, 'UTF8'), s), null, 'while a rotation lasts both secrets sign') from rotated, unnest(array['secret of one.example', 'secret before']::bytea[]) as s;
update ucrm.webhooks set previous_secret_until = now() - interval '1 s' where id = :'one';
select pg_temp.later();
select is(ucrm.webhook_signature_fault(headers ->> 'webhook-id', headers ->> 'webhook-timestamp', headers ->> 'webhook-signature', convert_to(body, 'UTF8'), 'secret before'), 'signature', 'and then one') from ucrm.claim_deliveries('w6', 10);
select ucrm.prune_deliveries() \g /dev/null
select is_empty(format('select from ucrm.secrets where kind = ''webhook_previous'' and holder = %L', :'one'), 'whose predecessor is forgotten');
-- What cannot be sent.
update ucrm.webhooks set reads = 'deals:read' where id = :'one';
select pg_temp.later();
select is_empty('select * from ucrm.claim_deliveries(''w7'', 10)', 'what whoever changed the webhook may not read is not sent');
select set_eq(format('select status, error from ucrm.webhook_deliveries where webhook_id = %L and id <> %L', :'one', :'a'), $$values ('failed', 'whoever changed the webhook may not read it')$$, 'it has failed');
rollback;
-- How it ends.
begin;
select pg_temp.plan_webhook(:'acme', 'two.example', array['a', 'a']) as two \gset
select pg_temp.fan_out() \g /dev/null
create temporary table waits on commit drop as select 0 as n, null::interval as waited, ''::text as status, null::interval as rest where false;
do $$
declare
    delivery uuid;
begin
    for n in 1..9 loop
        perform pg_temp.later();
        select id into delivery from ucrm.claim_deliveries('w' || n, 1);
        exit when delivery is null or n > 8 and delivery <> (select d.id from ucrm.webhook_deliveries as d order by d.event_id limit 1);
        perform pg_temp.settle(delivery, 'w' || n, case when n = 2 then null else 500 end);
        insert into waits select n, d.next_attempt_at - clock_timestamp(), d.status, q.rests_until - clock_timestamp() from ucrm.webhook_deliveries as d, ucrm.webhook_queues as q where d.id = delivery and q.webhook_id = d.webhook_id;
    end loop;
end
$$;
select ok(waited between w.least - interval '1 s' and w.least * 1.1, format('after attempt %s it waits %s, and up to a tenth more', n, w.least))
from waits join unnest(array['5 s', '5 min', '30 min', '2 h', '5 h', '10 h', '10 h']::interval[]) with ordinality as w (least, at) on w.at = n;
select results_eq('select n, status from waits where waited is null', $$values (8, 'failed')$$, 'after the eighth it has failed');
select is((select string_agg(status, ', ' order by event_id) from ucrm.webhook_deliveries where webhook_id = :'two'), 'failed, sending', 'and the record''s next one goes');
select is((select failures from ucrm.webhook_queues where webhook_id = :'two'), 8, 'failures are counted');
select results_eq('select n, round(extract(epoch from rest)) from waits order by n', $$values (1, null::numeric), (2, null), (3, null), (4, 2), (5, 4), (6, 8), (7, 16), (8, 32)$$, 'and after several the endpoint rests for longer and longer');
select pg_temp.later();
select id as last from ucrm.claim_deliveries('x', 1) \gset
select pg_temp.settle(:'last', 'x', 200) \g /dev/null
select results_eq(format('select failures, failing_since, rests_until from ucrm.webhook_queues where webhook_id = %L', :'two'), $$values (0, null::timestamptz, null::timestamptz)$$, 'one success forgives all');
rollback;
-- What a receiver asks for.
begin;
select pg_temp.plan_webhook(:'acme', 'three.example', array['a']) as three \gset
select pg_temp.fan_out() \g /dev/null
select id as d from ucrm.claim_deliveries('w', 1) \gset
select pg_temp.settle(:'d', 'w', 429, 3600) \g /dev/null
select ok(next_attempt_at - clock_timestamp() between interval '59 min' and interval '60 min', 'Retry-After is honoured') from ucrm.webhook_deliveries where id = :'d';
select pg_temp.later();
select id as d from ucrm.claim_deliveries('w', 1) \gset
select pg_temp.settle(:'d', 'w', 503, 1) \g /dev/null
select ok(next_attempt_at - clock_timestamp() > interval '4 min', 'unless it is shorter') from ucrm.webhook_deliveries where id = :'d';
select pg_temp.later();
select id as d from ucrm.claim_deliveries('w', 1) \gset
select pg_temp.settle(:'d', 'w', 503, 2000000000) \g /dev/null
select ok(next_attempt_at - clock_timestamp() <= interval '24 h', 'up to a day') from ucrm.webhook_deliveries where id = :'d';
-- Gone.
select pg_temp.later();
select id as d from ucrm.claim_deliveries('w', 1) \gset
select pg_temp.settle(:'d', 'w', 410) \g /dev/null
select results_eq(format('select status, disabled_reason from ucrm.webhooks where id = %L', :'three'), $$values ('disabled', 'gone')$$, '410 disables at once');
select results_eq(format($$select l.actor_kind is not null, l.changed from ucrm.audit_logs as l where l.tenant_id = %L and l.record_id = %L$$, :'acme', :'three'), $$values (true, array['disabled_reason', 'status'])$$, 'the audit says so');
select is((select changes #>> '{status,current}' from ucrm.events where tenant_id = :'acme' and record_id = :'three'), 'disabled', 'and an event');
select is((select due_at from ucrm.webhook_queues where webhook_id = :'three'), null, 'nothing of it is due');
rollback;
begin;
select pg_temp.plan_webhook(:'acme', 'four.example', array['a', 'b']) as four \gset
select pg_temp.fan_out() \g /dev/null
update ucrm.webhook_queues set failures = 1, failing_since = clock_timestamp() - interval '4 days 23 hours' where webhook_id = :'four';
select id as d from ucrm.claim_deliveries('w', 1) \gset
select pg_temp.settle(:'d', 'w', 500) \g /dev/null
select is((select status from ucrm.webhooks where id = :'four'), 'active', 'not quite five days are not five days');
update ucrm.webhook_queues set failing_since = clock_timestamp() - interval '5 days' where webhook_id = :'four';
select pg_temp.later();
select id as d from ucrm.claim_deliveries('w', 1) \gset
select pg_temp.settle(:'d', 'w', 500) \g /dev/null
select results_eq(format('select status, disabled_reason from ucrm.webhooks where id = %L', :'four'), $$values ('disabled', 'failing')$$, 'five days of failure disable');
select ucrm.enter(:'acme', :'owner');
select is((ucrm.change_webhook(:'four', status => 'active')).status, 'active', 'who mended it resumes');
select results_eq(format('select failures, failing_since, due_at is not null from ucrm.webhook_queues where webhook_id = %L', :'four'), $$values (0, null::timestamptz, true)$$, 'and what waited goes on');
rollback;
-- Fairness.
begin;
select pg_temp.plan_webhook(:'acme', 'busy.example', array(select 'r' || n from generate_series(1, 300) as n)) as busy \gset
select pg_temp.plan_webhook(:'globex', 'quiet.example', array['a', 'b', 'c']) as quiet \gset
select pg_temp.fan_out() + pg_temp.fan_out() \g /dev/null
select is((select count(*) from ucrm.claim_deliveries('w0', 1000) where url like '%busy%'), 4::bigint, 'of an endpoint that nobody knows four are under way');
select is_empty('select * from ucrm.claim_deliveries(''w3'', 1000)', 'however much waits');
update ucrm.webhook_queues set width = 64, due_at = now() where webhook_id = :'busy';
select is((select count(*) from ucrm.claim_deliveries('w2', 1000)), 60::bigint, 'of one that answers up to 64');
select pg_temp.later();
select results_eq($$select url, count(*) from ucrm.claim_deliveries('w1', 4) group by 1 order by 1 desc$$, $$values ('https://quiet.example/', 2::bigint), ('https://busy.example/', 2)$$, 'each endpoint gets its share');
create function pg_temp.settled(status integer) returns integer language sql as $$
    select ucrm.settle_deliveries((select jsonb_agg(jsonb_build_object('tenant', tenant_id, 'id', id, 'worker', claimed_by, 'status', settled.status)) from ucrm.webhook_deliveries where status = 'sending' and webhook_id = (select w.id from ucrm.webhooks as w where w.url like '%busy%')))
$$;
select is(pg_temp.settled(500), 2, 'all of them fail');
select results_eq(format('select width, failures from ucrm.webhook_queues where webhook_id = %L', :'busy'), 'values (2, 2)', 'then two at a time are enough');
update ucrm.webhook_queues set due_at = now(), rests_until = null where webhook_id = :'busy';
select is((select count(*) from ucrm.claim_deliveries('w5', 1000) where url like '%busy%'), 2::bigint, 'to see');
select is(pg_temp.settled(200), 2, 'whether it has come back');
select results_eq(format('select width, failures from ucrm.webhook_queues where webhook_id = %L', :'busy'), 'values (4, 0)', 'with each success there are more');
rollback;
-- Resending and testing.
begin;
select pg_temp.plan_webhook(:'acme', 'five.example', array['a']) as five \gset
select pg_temp.fan_out() \g /dev/null
select id as d, headers ->> 'webhook-id' as message from ucrm.claim_deliveries('w', 1) \gset
select pg_temp.settle(:'d', 'w', 200) \g /dev/null
select ucrm.enter(:'acme', :'owner');
select is((ucrm.resend_delivery(:'d')).status, 'pending', 'what was delivered is sent again');
select results_eq($$select headers ->> 'webhook-id' from ucrm.claim_deliveries('w2', 10)$$, format('values (%L)', :'message'), 'under the same id');
select is((ucrm.resend_delivery(:'d')).status, 'sending', 'what is being sent stays as it is');
select pg_temp.settle(:'d', 'w2', 200) \g /dev/null
select is((ucrm.test_webhook(:'five')).type, 'webhooks.test', 'a test is a message');
select results_eq($$select body::jsonb #>> '{data,message}', body::jsonb ->> 'type', headers ->> 'ce-type' from ucrm.claim_deliveries('w3', 10)$$, $$values ('It works.', 'webhooks.test', 'webhooks.test')$$, 'that says what it is');
delete from ucrm.events where tenant_id = :'acme' and id = :'message';
select is(pg_temp.told(format('select ucrm.resend_delivery(%L)', :'d')), 'PT404 not_found', 'an event that is no longer kept is not sent again');
rollback;
-- Keeping and moving.
begin;
select pg_temp.plan_webhook(:'acme', 'six.example', array['a', 'b', 'c']) as six \gset
select pg_temp.fan_out() \g /dev/null
select count(*) from ucrm.claim_deliveries('w', 1) \g /dev/null
update ucrm.webhook_deliveries set created_at = now() - interval '31 days' where webhook_id = :'six' and record <> 'contacts/c';
select is(ucrm.prune_deliveries(), 1::bigint, 'after 30 days deliveries go, but what is being sent');
select set_eq(format('select status from ucrm.webhook_deliveries where webhook_id = %L', :'six'), array['sending', 'pending'], 'the rest stay');
delete from ucrm.webhook_deliveries where webhook_id = :'six' and status = 'sending';
delete from ucrm.secrets where tenant_id = :'acme' and kind = 'webhook';
select pg_temp.later();
select is_empty('select * from ucrm.claim_deliveries(''w'', 10)', 'without a secret nothing is sent');
select matches((select string_agg(what, '; ') from ucrm.webhook_faults()), 'it has no secret', 'and doctor() says why');
update ucrm.webhook_queues set due_at = now() - interval '11 minutes' where webhook_id = :'six';
select matches((select string_agg(what, '; ') from ucrm.webhook_faults()), 'no gateway delivers', 'it sees too when nobody works');
rollback;
-- Who may do none of it.
select throws_ok(c, '42501', null, 'not for members: ' || c)
from (select set_config('role', 'ucrm_app', false)) as r, unnest(array['select ucrm.fan_out_webhooks()', 'select * from ucrm.claim_deliveries(''w'', 1)', 'select ucrm.settle_deliveries(''[]'')',
    'select ucrm.webhook_signature(''a'', 1, ''b'', ''c'')', 'select * from ucrm.webhook_queues', 'select reads from ucrm.webhooks', 'select payload from ucrm.webhook_deliveries', 'select * from ucrm.webhook_events_processed']) as c;
reset role;
select '1..' || currval('__tresults___numb_seq');
