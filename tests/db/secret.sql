-- Secrets at rest: sealed with a key that is not in the database, each in its own place, and open to nobody.
\ir scene.psql

-- Sealing.
begin;
select is(ucrm.unseal(ucrm.seal('\x00ff', 'here'), 'here'), '\x00ff'::bytea, 'what was sealed opens');
select isnt(ucrm.seal('same', 'here'), ucrm.seal('same', 'here'), 'and never looks the same twice');
select throws_ok($$select ucrm.unseal(ucrm.seal('x', 'here'), 'there')$$, 'XX001', 'the secret was changed, or is another''s', 'in another place it does not');
select throws_ok($$select ucrm.unseal(set_byte(s, length(s) - 1, get_byte(s, length(s) - 1) # 1), 'here') from (select ucrm.seal('x', 'here') as s) as x$$,
    'XX001', null, 'nor changed');
select throws_ok($$select ucrm.unseal('\x', 'here')$$, 'XX001', null, 'nothing is no secret');
select throws_ok($$select ucrm.unseal(set_byte(ucrm.seal('x', 'here'), 1, 255 - get_byte(ucrm.seal('x', 'here'), 1)), 'here')$$, '55000', null, 'a key that is not in the file is named');
select is(ucrm.sealed_under(ucrm.seal('x', 'here')), (ucrm.sealing_keys())[1], 'the newest key seals');
select is(ucrm.key_fault(), null, 'the key file is in order');
select is(length(ucrm.random_bytes(32)), 32, 'as many random bytes as were asked for');
select isnt(ucrm.random_bytes(16), ucrm.random_bytes(16), 'and others each time');
select throws_ok(format('select ucrm.random_bytes(%s)', n), '22003', null, n || ' random bytes') from unnest(array[-1, 0, 65]) as n;
rollback;

-- Keeping.
begin;
select ucrm.keep_secret(:'acme', 'test', :'acme', 'first');
select ucrm.keep_secret(:'acme', 'test', :'acme', 'second');
select is(ucrm.secret(:'acme', 'test', :'acme'), 'second'::bytea, 'a secret is kept over an older one');
select is(ucrm.secret(:'globex', 'test', :'acme'), null, 'another tenant has none');
insert into ucrm.secrets select :'globex', kind, holder, sealed from ucrm.secrets where (tenant_id, kind) = (:'acme', 'test');
select throws_ok(format('select ucrm.secret(%L, ''test'', %L)', :'globex', :'acme'), 'XX001', null, 'and cannot open one that was copied to it');
update ucrm.secrets set kind = 'stolen' where (tenant_id, kind) = (:'acme', 'test');
select throws_ok(format('select ucrm.secret(%L, ''stolen'', %L)', :'acme', :'acme'), 'XX001', null, 'nor does it open for another purpose');
select is((select count(*) from ucrm.secrets where sealed::text like '%' || encode('second', 'hex') || '%'), 0::bigint, 'nothing is stored in clear');
select is(ucrm.reseal(), 0::bigint, 'what the newest key sealed is left alone');
rollback;

-- Provisioning.
begin;
create temporary table made on commit drop as select ucrm.provision_tenant('wonka', 'Wonka', 'willy@wonka.example') as j;
select matches(j ->> 'webhook_secret', '^whsec_[A-Za-z0-9+/]{43}=$', 'a new workspace has a webhook secret, shown once') from made;
select is('whsec_' || encode(ucrm.secret((j #>> '{tenant,id}')::uuid, 'webhook', (j #>> '{tenant,id}')::uuid), 'base64'), j ->> 'webhook_secret', 'and keeps it') from made;
select is((select count(*) from ucrm.audit_logs as a, made where a.tenant_id = (j #>> '{tenant,id}')::uuid and a::text like '%whsec%'), 0::bigint, 'its audit says nothing of it');
delete from ucrm.tenants where slug = 'wonka';
select is((select count(*) from ucrm.secrets as s, made where s.tenant_id = (j #>> '{tenant,id}')::uuid), 0::bigint, 'it goes with the workspace');
rollback;

-- Who may: nobody but the house itself.
begin;
select ucrm.make_webhook_secret(:'acme') \g /dev/null
create temporary table tries (statement text);
insert into tries values
('select * from ucrm.secrets'), ('select count(*) from ucrm.secrets'), ('delete from ucrm.secrets'),
('select ucrm.seal(''x'', ''y'')'), ('select ucrm.unseal(''\x01'', ''y'')'), ('select ucrm.sealing_keys()'), ('select ucrm.key_fault()'),
('select ucrm.random_bytes(8)'), ('select ucrm.reseal()'),
(format('select ucrm.secret(%L, ''webhook'', %L)', :'acme', :'acme')), (format('select ucrm.make_webhook_secret(%L)', :'acme')),
(format('select ucrm.keep_secret(%L, ''webhook'', %L, ''x'')', :'acme', :'acme')),
('show ucrm.key_file'), ('select current_setting(''ucrm.key_file'')'), ('set ucrm.key_file = ''/dev/null'''), ('set local ucrm.key_file = ''/dev/null''');
grant select on tries to public;
create function pg_temp.denied(role text) returns setof text language plpgsql as $$
declare
    t record;
begin
    execute format('set local role %I', role);
    for t in select * from tries loop
        return next throws_matching(t.statement, 'permission denied|cannot be changed now|must be superuser', format('%s: %s', role, t.statement));
    end loop;
    reset role;
end
$$;
select pg_temp.denied(r) from unnest(array['ucrm_app', 'ucrm_reader', 'ucrm_platform', 'ucrm_gateway', 'ucrm_handler', 'ucrm_mover', 'ucrm_tables']) as r;
rollback;

-- The doctor.
begin;
select is((select count(*) from ucrm.secret_faults()), 0::bigint, 'the doctor is content');
select is((select f.level from ucrm.secret_faults(array[]::text[], 'there is none') as f where f.object = 'ucrm.key_file'), 'warning', 'he misses a key file');
select ucrm.make_webhook_secret(:'acme') \g /dev/null
select is((select f.fix from ucrm.secret_faults(array['00000000'] || ucrm.sealing_keys()) as f where f.object = 'ucrm.secrets'), 'select ucrm.reseal();', 'he knows what an older key sealed');
select is((select f.level from ucrm.secret_faults(array['00000000']) as f where f.object = 'ucrm.secrets'), 'error', 'and what nobody can open');
rollback;

select '1..' || currval('__tresults___numb_seq');
