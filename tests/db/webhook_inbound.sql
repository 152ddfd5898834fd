-- Webhooks that others send here: whose they are, that each counts once, and who keeps their secrets.
\ir scene.psql
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

begin;
select ucrm.enter(:'acme', :'owner');
select is(pg_temp.told(format('select ucrm.set_inbound_secret(%s)', a)), 'PT422 validation_failed', 'no secret: ' || a) from unnest(array['''Shop'', ''whsec_MTIzNDU2Nzg5MDEyMzQ1Ng==''', '''shop'', ''whsec_short''', '''shop'', ''whsec_AAAA''', '''shop'', ''x y''']) as a;
select ucrm.set_inbound_secret('shop', 'whsec_' || encode('a secret of the shop', 'base64'));
select is_empty(format('select from ucrm.audit_logs as l where l.tenant_id = %L and l::text like ''%%'' || encode(''a secret of the shop'', ''base64'') || ''%%''', :'acme'), 'the audit does not hold it');
create function pg_temp.message(id text, body text, age integer default 0, secret text default 'a secret of the shop') returns jsonb language sql as $$
    select jsonb_build_object('webhook-id', id, 'webhook-timestamp', t.at::text, 'webhook-signature', 'v1,bm90IHRoaXM= ' || ucrm.webhook_signature(id, t.at, convert_to(body, 'UTF8'), convert_to(secret, 'UTF8')))
    from (select floor(extract(epoch from clock_timestamp()))::bigint - age as at) as t
$$;
select is(ucrm.verify_webhook('shop', pg_temp.message('m1', '{}'), '{}'), true, 'a message of the source''s is taken');
select is(ucrm.verify_webhook('shop', pg_temp.message('m1', '{}'), '{}'), false, 'once');
select is(ucrm.verify_webhook('shop', '{"webhook-id": "m1"}', 'anything'), false, 'one that was taken is not looked at again');
select is(pg_temp.told(format('select ucrm.verify_webhook(%L, %L, %L)', s, h, b)), 'PT401 invalid_signature', w)
from (values
    ('shop', pg_temp.message('m2', '{}'), '{} ', 'an altered body'),
    ('shop', pg_temp.message('m2', '{}') || '{"webhook-id": "m3"}', '{}', 'another id'),
    ('shop', pg_temp.message('m2', '{}', 301), '{}', 'older than five minutes'),
    ('shop', pg_temp.message('m2', '{}', -301), '{}', 'of the future'),
    ('shop', pg_temp.message('m2', '{}', secret => 'another secret of a shop'), '{}', 'another secret'),
    ('shop', pg_temp.message('m2', '{}') - 'webhook-signature', '{}', 'no signature'),
    ('shop', pg_temp.message('m2', '{}') - 'webhook-timestamp', '{}', 'no time'),
    ('shop', '{}', '{}', 'no headers'),
    ('store', pg_temp.message('m2', '{}'), '{}', 'another source')
) as v (s, h, b, w);
select is(ucrm.verify_webhook('shop', pg_temp.message('m2', '{}'), '{}'), true, 'none of them used the id up');
select is(ucrm.verify_webhook('shop', pg_temp.message('m4', '{}', 290), '{}'), true, 'nearly five minutes are fine');
update ucrm.webhook_events_processed set received_at = now() - interval '31 days' where id = 'm1';
select is(ucrm.prune_processed(), 1::bigint, 'after 30 days ids are forgotten');
select ucrm.set_inbound_secret('shop', null);
select is(pg_temp.told(format('select ucrm.verify_webhook(''shop'', %L, ''{}'')', pg_temp.message('m5', '{}'))), 'PT401 invalid_signature', 'without a secret nothing is taken');
rollback;
begin;
select is(pg_temp.told(format('select ucrm.verify_webhook(''shop'', ''{}'', '''', %L)', t)), 'PT401 invalid_signature', 'a workspace that has no such source, or is none, is told nothing else') from unnest(array[:'acme'::uuid, ucrm.uuid7(), null]) as t;
rollback;
begin;
select ucrm.enter(:'acme', (select id from ucrm.users where email = 'alan@acme.example'));
select is(pg_temp.told($$select ucrm.set_inbound_secret('shop', 'whsec_MTIzNDU2Nzg5MDEyMzQ1Ng==')$$), 'PT403 permission_denied', 'an agent keeps no secret');
rollback;

select '1..' || currval('__tresults___numb_seq');
