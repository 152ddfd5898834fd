-- The audit log proves itself: whatever a superuser does to sealed rows, or to seals, is found, and where.
\ir scene.psql

-- Twelve rows of Acme's audit under three seals, and two rows that are not sealed yet.
create temporary table places (n bigint, id uuid);
create function pg_temp.sealable() returns uuid language plpgsql as $$
declare
    newest constant uuid := (select max(l.id::text)::uuid from ucrm.audit_logs as l);
    settled uuid := ucrm.settled_until();
begin
    while settled <= newest loop
        settled := ucrm.settled_until();
    end loop;
    return settled;
end
$$;
create function pg_temp.write(first integer, last integer) returns void language plpgsql as $$
begin
    for n in first .. last loop
        insert into crm.contacts (tenant_id, name) select acme, 'sealed ' || n from scene;
    end loop;
    insert into places select first - 1 + row_number() over (order by l.id), l.id from ucrm.audit_logs as l, scene as s where l.tenant_id = s.acme and l.id > coalesce((select max(id::text)::uuid from places), '00000000-0000-0000-0000-000000000000');
end
$$;
-- What a statement leaves to be found: kind, seal, and which row; all of it is taken back. What records say beside it is
-- left to unrecorded.sql.
create function pg_temp.found(statement text, checkpoint text default null) returns text language plpgsql as $$
declare
    said text;
begin
    begin
        execute statement;
        select coalesce(string_agg(concat_ws(' ', v.kind, v.seal, case when v.record_id is not null then coalesce('row ' || p.n, 'a row') end), '; ' order by v.seal, v.kind, p.n), 'nothing')
        into said
        from scene as s, ucrm.audit_verify(s.acme, checkpoint) as v
        left join places as p on p.id = v.record_id
        where v.kind <> 'unrecorded';
        raise exception using errcode = 'RB000', message = said;
    exception when sqlstate 'RB000' then
        return sqlerrm;
    end;
end
$$;
-- The n-th row, as a condition.
create function pg_temp.row(n integer) returns text language sql as $$ select format('tenant_id = %L and id = %L', s.acme, p.id) from scene as s, places as p where p.n = $1 $$;
-- A seal made to fit itself again, as ucrm.seal_rows() would have.
create function pg_temp.refit(seal bigint) returns void language sql as $$
    update ucrm.audit_seals as s
    set root = ucrm.merkle_root(s.leaves),
        hash = ucrm.seal_digest(s.tenant_id, s.n, s.first_id, s.last_id, s.rows, ucrm.merkle_root(s.leaves), s.previous, s.pruned, s.created_at)
    where s.tenant_id = (select acme from scene) and s.n = seal
$$;
create function pg_temp.reseal(first bigint) returns void language plpgsql as $$
declare
    acme constant uuid := (select acme from scene);
    last constant bigint := (select max(n) from ucrm.audit_seals where tenant_id = acme);
begin
    delete from ucrm.audit_seals where tenant_id = acme and n >= first;
    for n in first .. last loop
        perform ucrm.seal_rows(acme, pg_temp.sealable(), 4);
    end loop;
end
$$;

begin;
select ucrm.lock('seal_audit') \g /dev/null
delete from ucrm.audit_logs where tenant_id = :'acme';
delete from ucrm.audit_seals where tenant_id = :'acme';
select pg_temp.write(1, 12) \g /dev/null
select is(array[ucrm.seal_rows(:'acme', pg_temp.sealable(), 4), ucrm.seal_rows(:'acme', pg_temp.sealable(), 4), ucrm.seal_rows(:'acme', pg_temp.sealable(), 4), ucrm.seal_rows(:'acme', pg_temp.sealable(), 4)], array[4, 4, 4, 0], 'twelve rows make three seals of four');
select pg_temp.write(13, 14) \g /dev/null
select is(pg_temp.found('select'), 'nothing', 'what nobody touched is as it was');
select results_eq(format('select seals, sealed_rows, unsealed_rows, pruned_seals, proved_from is not null, proved_until < unsealed_since from ucrm.audit_state(%L)', :'acme'),
    'values (3::bigint, 12::bigint, 2::bigint, 0::bigint, true, true)', 'and it is said how far that reaches');
select ucrm.renew_audit_key() as key \gset
select ucrm.audit_checkpoint(:'acme') as kept \gset
select is(pg_temp.found('select', :'kept'), 'nothing', 'nor does the checkpoint say otherwise');

-- An own reckoning, in SQL, of what the leaves are: gateway/AUDIT.md says it in words.
create function pg_temp.f(value text) returns bytea language sql as $$
    select case when value is null then '\x00'::bytea else '\x01'::bytea || int4send(octet_length(value)) || convert_to(value, 'UTF8') end
$$;
create function pg_temp.leaf(l ucrm.audit_logs) returns bytea language sql as $$
    select sha256('\x00'::bytea || pg_temp.f('ucrm-audit-row/1') || pg_temp.f(l.id::text) || pg_temp.f(l.tenant_id::text)
        || pg_temp.f(to_char(l.at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')) || pg_temp.f(l.actor_kind) || pg_temp.f(l.user_id::text)
        || pg_temp.f(l.impersonator_id::text) || pg_temp.f(l.api_key_prefix) || pg_temp.f(l.db_login) || pg_temp.f(l.request_id::text)
        || pg_temp.f(to_json(l.address) #>> '{}') || pg_temp.f(l.action) || pg_temp.f(l.resource) || pg_temp.f(l.record_id)
        || case when l.changed is null then '\x00'::bytea
           else '\x02'::bytea || int4send(cardinality(l.changed)) || (select string_agg(pg_temp.f(c), '' order by n) from unnest(l.changed) with ordinality as x (c, n)) end
        || '\x0100000020'::bytea || sha256('\x04'::bytea || pg_temp.f('ucrm-audit-images/1') || pg_temp.f(l.salt::text) || pg_temp.f(l.before::text) || pg_temp.f(l.after::text)))
$$;
update crm.contacts set notes = E'a "quoted" note, \\ and ☃' where name = 'sealed 1' and tenant_id = :'acme';
select is((select count(*) from ucrm.audit_logs as l
    where ucrm.audit_leaf(l.id, l.tenant_id, l.at, l.actor_kind, l.user_id, l.impersonator_id, l.api_key_prefix, l.db_login, l.request_id, l.address, l.action, l.resource, l.record_id, l.before, l.after, l.changed, l.salt, l.images)
          is distinct from pg_temp.leaf(l) and l.images is null), 0::bigint, 'leaves are what the document says, of every row there is');
select is((select count(*) from (select * from ucrm.audit_logs limit 200) as l, lateral (select ucrm.audit_line(l.id, l.tenant_id, l.at, l.actor_kind, l.user_id, l.impersonator_id, l.api_key_prefix, l.db_login, l.request_id, l.address, l.action, l.resource, l.record_id, l.before, l.after, l.changed, l.salt, l.images)::jsonb as line) as x
    where (x.line ->> 'id', x.line ->> 'action', x.line -> 'after', (x.line ->> 'at')::timestamptz, x.line ->> 'record_id') is distinct from (l.id::text, l.action, coalesce(l.after, 'null'), l.at, l.record_id)), 0::bigint, 'and a line shows the row');

-- Rows.
select is(pg_temp.found('update ucrm.audit_logs set ' || c.set || ' where ' || pg_temp.row(6)), 'changed 2 row 6', 'an edit is found: ' || c.set)
from (
    select format('%I = %s', a.attname, case
        when a.attname = 'after' then 'jsonb_set(after, ''{name}'', ''"other"'')'
        when a.atttypid = 'uuid'::regtype then 'ucrm.uuid7()'
        when a.atttypid = 'timestamptz'::regtype then 'at + interval ''1 microsecond'''
        when a.atttypid = 'inet'::regtype then '''192.0.2.1'''
        when a.atttypid = 'jsonb'::regtype then '''{"other": 1}'''
        when a.atttypid = 'text[]'::regtype then 'array[''other'']'
        when a.atttypid = 'bytea'::regtype then 'sha256(''other'')'
        else quote_literal('other') end) as set
    from pg_attribute as a
    where a.attrelid = 'ucrm.audit_logs'::regclass and a.attnum > 0 and not a.attisdropped and a.attname not in ('id', 'tenant_id')
) as c;
select is(pg_temp.found('delete from ucrm.audit_logs where ' || pg_temp.row(7)), 'removed 2 row 7', 'a deletion is found');
select is(pg_temp.found(format('insert into ucrm.audit_logs select (jsonb_populate_record(l, jsonb_build_object(''id'', %L))).* from ucrm.audit_logs as l where %s',
    (select left(id::text, -1) || translate(right(id::text, 1), '0123456789abcdef', '123456789abcdef0') from places where n = 2), pg_temp.row(11))), 'inserted 1 a row', 'an insertion is found');
select is(pg_temp.found('insert into ucrm.audit_logs (id, tenant_id, actor_kind, action, resource) select ''00000000-0000-7000-8000-000000000001'', acme, ''database'', ''create'', ''contacts'' from scene'), 'inserted 1 a row', 'before the first one too');
select is(pg_temp.found(format('update ucrm.audit_logs set id = ''ffffffff-0000-7000-8000-000000000000'' where %s; update ucrm.audit_logs set id = %L where %s; update ucrm.audit_logs set id = %L where id = ''ffffffff-0000-7000-8000-000000000000''',
    pg_temp.row(2), (select id from places where n = 2), pg_temp.row(3), (select id from places where n = 3))), 'changed 1 row 2; changed 1 row 3', 'two rows that changed places are found');
select is(pg_temp.found(format('update ucrm.audit_logs set tenant_id = %L where %s', :'globex', pg_temp.row(3))), 'removed 1 row 3', 'a row handed to another tenant is found');
select is(pg_temp.found(format('delete from ucrm.audit_logs where tenant_id = %L and id >= %L', :'acme', (select id from places where n = 9))), 'removed 3', 'a tail that was cut off is found');
select is(pg_temp.found(format('delete from ucrm.audit_logs where tenant_id = %L and id >= %L', :'acme', (select id from places where n = 7))), 'removed 2 row 7; removed 2 row 8; removed 3', 'wherever it begins');
select is(pg_temp.found(format('delete from ucrm.audit_logs where tenant_id = %L', :'acme')), 'removed 1; removed 2; removed 3', 'and all of it');
select is(pg_temp.found('set local session_replication_role = replica; update ucrm.audit_logs set actor_kind = ''key'' where ' || pg_temp.row(1)), 'changed 1 row 1', 'triggers asleep are no help');

select is(pg_temp.found('update ucrm.audit_logs set images = ''\x0102'' where ' || pg_temp.row(6)), 'changed 2 row 6', 'what is no digest is no right one');
select is(pg_temp.found('alter table ucrm.audit_logs drop constraint audit_logs_pkey; insert into ucrm.audit_logs select * from ucrm.audit_logs where ' || pg_temp.row(6)), 'inserted 2 row 6', 'a row that stands twice is found');
select is(pg_temp.found(format('alter table ucrm.audit_logs drop constraint audit_logs_pkey; insert into ucrm.audit_logs select (jsonb_populate_record(l, ''{"action": "other"}'')).* from ucrm.audit_logs as l where %s', replace(pg_temp.row(6), 'tenant_id', 'l.tenant_id'))), 'changed 2 row 6; inserted 2 row 6', 'and that they differ');

-- Seals.
select is(pg_temp.found(format('update ucrm.audit_seals set %s where tenant_id = %L and n = 2', c.set, :'acme')), c.found, 'a changed seal is found: ' || c.set)
from (values
    ('root = sha256(''other'')', 'changed 2; seal 2; seal 2'), ('previous = sha256(''other'')', 'seal 2; seal 2'), ('created_at = now() - interval ''1 year''', 'seal 2; seal 2'), ('rows = 3', 'seal 2; seal 2'),
    ('first_id = ucrm.uuid7()', 'seal 2; seal 2'), ('pruned = 1', 'seal 2; seal 2; seal 2; seal 3'), ('hash = sha256(''other'')', 'seal 2; seal 3'), ('leaves = leaves || sha256(''other'')', 'seal 2'), ('ids = ids[2:]', 'seal 2'), ('n = 5', 'inserted 3 row 5; inserted 3 row 6; inserted 3 row 7; inserted 3 row 8; seal 3; removed 5; seal 5; seal 5; seal 5')
) as c (set, found);
select is(pg_temp.found(format('alter table ucrm.audit_seals alter column %I drop not null; update ucrm.audit_seals set %1$I = null where tenant_id = %L and n = 2; update ucrm.audit_seals as s set hash = %s where tenant_id = %2$L and n = 2', c.name, :'acme',
    case c.name when 'hash' then 'null' else 'ucrm.seal_digest(s.tenant_id, s.n, s.first_id, s.last_id, s.rows, s.root, s.previous, s.pruned, s.created_at)' end)), c.found, 'an empty column is found, however it was made to fit: ' || c.name)
from (values ('root', 'changed 2; seal 2; seal 2; seal 3'), ('previous', 'seal 2; seal 2; seal 3'), ('pruned', 'seal 2'), ('created_at', 'seal 2; seal 3'), ('rows', 'seal 2; seal 2; seal 3'), ('hash', 'seal 2; seal 2; seal 3')) as c (name, found);
select is(pg_temp.found(format('update ucrm.audit_seals set %s where tenant_id = %L and n = 2', c.set, :'acme')), c.found, 'so is what is no digest: ' || c.set)
from (values ('root = ''\x0102''', 'changed 2; seal 2; seal 2'), ('previous = ''\x0102''', 'seal 2; seal 2'), ('hash = ''\x0102''', 'seal 2; seal 3'), ('leaves = ''\x0102''', 'seal 2'), ('leaves = null', 'seal 2'), ('ids = null', 'seal 2')) as c (set, found);
select is(pg_temp.found(format('update ucrm.audit_seals set created_at = %s where tenant_id = %L and n = 3; select pg_temp.refit(3)', c.at, :'acme')), c.found, 'when a seal was made has to fit: ' || c.at)
from (values ('created_at + interval ''1 second''', 'nothing'), ('created_at - interval ''1 hour''', 'seal 3'), ('now() + interval ''2 hours''', 'seal 3'), ('''infinity''', 'seal 3')) as c (at, found);
select is(pg_temp.found(format('update ucrm.audit_seals set created_at = created_at + interval ''30 minutes'' where tenant_id = %L and n = 3; select pg_temp.refit(3); select ucrm.seal_rows(%1$L, pg_temp.sealable(), 4)', :'acme')), 'nothing', 'a clock that steps back accuses nobody');
-- What is young was pruned by nobody's policy, whatever a seal says.
select is(pg_temp.found(format('delete from ucrm.audit_logs where tenant_id = %L and id <= (select last_id from ucrm.audit_seals where tenant_id = %1$L and n = 2); update ucrm.audit_seals set ids = null, leaves = null where tenant_id = %1$L and n <= 2; %s; select ucrm.seal_rows(%1$L, ''00000000-0000-0000-0000-000000000000'', 0, 2)', :'acme', c.also), :'kept'), c.found, c.what)
from (values
    ('select', 'seal 4; seal 4', 'a claim of pruning is found, though the chain is whole'),
    ('select ucrm.record_event((select acme from scene), ''pruned'', ''audit_logs'', null, null, ''{"seals": [1, 2]}'')', 'seal 4', 'with a row that bears it out too')
) as c (also, found, what);
select is(pg_temp.found(format('delete from ucrm.audit_seals where tenant_id = %L and n = 2', :'acme')), 'inserted 3 row 5; inserted 3 row 6; inserted 3 row 7; inserted 3 row 8; seal 3', 'a seal that is gone is found');
select is(pg_temp.found(format('update ucrm.audit_logs set action = ''other'' where %s; update ucrm.audit_seals set leaves = overlay(leaves placing sha256(''other'') from 33) where tenant_id = %L and n = 2; select pg_temp.refit(2)', pg_temp.row(6), :'acme')),
    'changed 2 row 6; seal 3', 'a seal that was made to fit is found by the next one');
-- Made anew from there on, it fits: what was kept elsewhere says otherwise.
select is(pg_temp.found(format('update ucrm.audit_logs set action = ''other'' where %s; select pg_temp.reseal(2)', pg_temp.row(6))), 'nothing', 'a chain made anew proves nothing by itself');
select is(pg_temp.found(format('update ucrm.audit_logs set action = ''other'' where %s; select pg_temp.reseal(2)', pg_temp.row(6)), :'kept'), 'checkpoint 3', 'the checkpoint finds it');
select is(pg_temp.found(format('delete from ucrm.audit_seals where tenant_id = %L and n = 3; delete from ucrm.audit_logs where tenant_id = %1$L and id >= %L', :'acme', (select id from places where n = 9))), 'nothing', 'an older copy is whole in itself');
select is(pg_temp.found(format('delete from ucrm.audit_seals where tenant_id = %L and n = 3; delete from ucrm.audit_logs where tenant_id = %1$L and id >= %L', :'acme', (select id from places where n = 9)), :'kept'), 'truncated 3', 'the checkpoint finds it');
select is(pg_temp.found(format('delete from ucrm.audit_seals where tenant_id = %L; delete from ucrm.audit_logs where tenant_id = %1$L', :'acme'), :'kept'), 'truncated 1', 'and that there is nothing left');
select is(pg_temp.found('select', replace(:'kept', E'\n3\n', E'\n2\n')), 'checkpoint', 'a changed checkpoint is found');
select is(pg_temp.found('delete from ucrm.audit_keys; select ucrm.renew_audit_key()', :'kept'), 'checkpoint', 'and one that a new key would have to have signed');
select is(pg_temp.found(format('update ucrm.audit_keys set public = sha256(''other'')'), :'kept'), 'checkpoint', 'or another');
select is((select array_agg(v.kind) from ucrm.audit_verify(:'globex', :'kept') as v where v.kind = 'checkpoint'), array['checkpoint'], 'a checkpoint is of one chain');

-- Forgetting.
select record_id as contact from ucrm.audit_logs where tenant_id = :'acme' and id = (select id from places where n = 6) \gset
create temporary table forgotten as select * from ucrm.audit_logs where tenant_id = :'acme' and record_id = :'contact';
select is(pg_temp.found(format('update ucrm.audit_logs set images = ucrm.images_digest(salt, before, after), before = null, after = null, salt = null where %s', pg_temp.row(6))), 'blanked 2 row 6', 'who erases images without a word is found');
select results_eq(format('select * from ucrm.forget(''contacts'', %L, %L)', :'contact', :'acme'), 'values (1::bigint, 1::bigint)', 'a record is forgotten');
select is(pg_temp.found('select', :'kept'), 'redacted 2 row 6', 'and its rows are redacted, under a seal that is still true');
select is((select count(*) from ucrm.audit_logs as l where l.tenant_id = :'acme' and l.record_id = :'contact' and (l.before is not null or l.after is not null or l.salt is not null) and l.action <> 'forget'), 0::bigint, 'without images, nor what they were hashed with');
select is((select count(*) from ucrm.events as e where e.tenant_id = :'acme' and e.record_id = :'contact' and (e.data is not null or e.changes is not null)), 0::bigint, 'nor do its events tell');
select is((select l.after from ucrm.audit_logs as l where l.tenant_id = :'acme' and l.record_id = :'contact' and l.action = 'forget'), '{"audit_rows": 1, "events": 1}', 'that it was forgotten is on record');
select is(pg_temp.found('update ucrm.audit_logs set ' || c.set || ' where ' || pg_temp.row(6)), c.found, 'a redacted row cannot be edited either: ' || c.set)
from (values ('images = sha256(''other'')', 'changed 2 row 6; redacted 2 row 6'), ('images = null', 'changed 2 row 6'), ('after = ''{"other": 1}''', 'changed 2 row 6; redacted 2 row 6'), ('salt = ucrm.audit_salt()', 'changed 2 row 6'), ('user_id = ucrm.uuid7()', 'changed 2 row 6; redacted 2 row 6')) as c (set, found);
select is(pg_temp.found(format('update crm.contacts set notes = ''came later'' where id = %L; select ucrm.seal_rows(%L, pg_temp.sealable(), 1000); update ucrm.audit_logs set images = ucrm.images_digest(salt, before, after), before = null, after = null, salt = null where tenant_id = %2$L and record_id = %1$L and action = ''update''', :'contact', :'acme')),
    'redacted 2 row 6; blanked 4 a row', 'but what was written after it was not to be forgotten');
select is(pg_temp.found(format('update crm.contacts set notes = ''came later'' where id = %L; select ucrm.seal_rows(%L, pg_temp.sealable(), 1000); select ucrm.forget(''contacts'', %1$L, %2$L)', :'contact', :'acme')), 'redacted 2 row 6; redacted 4 a row', 'unless it was said again');
select is(pg_temp.found(format('update ucrm.audit_logs as l set before = f.before, after = f.after, salt = f.salt, images = null from forgotten as f where l.tenant_id = f.tenant_id and l.id = f.id')), 'nothing', 'whoever kept the images can show that they are the ones');
rollback;

-- Who may forget.
begin;
insert into crm.contacts (tenant_id, name) values (:'acme', 'to be forgotten');
select id as contact from crm.contacts where tenant_id = :'acme' and name = 'to be forgotten' \gset
insert into ucrm.tenant_memberships (tenant_id, user_id, role) select :'acme', id, 'admin' from ucrm.users where email like 'alan@%' on conflict on constraint tenant_memberships_pkey do update set role = 'admin';
select id as admin from ucrm.users where email like 'alan@%' \gset
savepoint nobody;
set session authorization :"backend";
select throws_ok(format('select ucrm.forget(''contacts'', %L)', :'contact'), 'PT401', 'no_context', 'nobody forgets without a context');
select throws_ok(format('select ucrm.forget(''contacts'', %L, %L)', :'contact', :'acme'), 'PT401', 'no_context', 'nor by naming a tenant');
select ucrm.enter(:'acme', :'owner');
select throws_ok(format('select ucrm.forget(''contacts'', %L, %L)', :'contact', :'globex'), 'PT403', 'not_a_member', 'an owner does not forget for others');
select throws_ok('select ucrm.forget(''contcats'', ''x'')', 'PT422', 'validation_failed', 'nor what there is none of');
select is((select audit_rows from ucrm.forget('contacts', :'contact')), 1::bigint, 'but for his own workspace');
select is((select audit_rows from ucrm.forget('contacts', :'contact')), 0::bigint, 'once');
reset session authorization;
rollback;
begin;
insert into ucrm.tenant_memberships (tenant_id, user_id, role) select :'acme', id, 'admin' from ucrm.users where email like 'alan@%' on conflict on constraint tenant_memberships_pkey do update set role = 'admin';
set session authorization :"backend";
select ucrm.enter(:'acme', :'admin');
select throws_ok('select ucrm.forget(''contacts'', ''x'')', 'PT403', 'permission_denied', 'an admin does not');
select lives_ok('select * from ucrm.audit_verify()', 'though he may verify');
select lives_ok('select * from ucrm.audit_state()', 'and ask how far the proof reaches');
select throws_ok(format('select * from ucrm.audit_verify(%L)', :'globex'), 'PT403', 'not_a_member', 'his own workspace');
select throws_ok(format('select ucrm.audit_export(%L)', :'globex'), 'PT403', 'not_a_member', 'and take it along');
select throws_ok(format('select ucrm.audit_checkpoint(%L)', :'globex'), 'PT403', 'not_a_member', 'nobody else''s');
select throws_ok('select from ucrm.audit_seals', '42501', null, 'the seals themselves are for nobody');
select throws_ok('select from ucrm.audit_keys', '42501', null, 'nor are the keys');
select throws_ok('select ucrm.audit_trail(null)', '42501', null, 'nor the trail of all');
reset session authorization;
rollback;
begin;
set session authorization :"backend";
select throws_ok('select * from ucrm.audit_verify()', 'PT401', 'no_context', 'without a context a back end verifies nothing');
select throws_ok(format('select * from ucrm.audit_verify(%L)', :'acme'), 'PT401', 'no_context', 'and nobody''s');
select ucrm.enter(:'acme');
select throws_ok('select * from ucrm.audit_verify()', 'PT403', 'permission_denied', 'the service may not read the audit');
select throws_ok('select ucrm.audit_export()', 'PT403', 'permission_denied', 'nor take it along');
reset session authorization;
rollback;
select throws_ok(format('set local session authorization %I; %s', :'report', s), '42501', null, 'a reporting login: ' || s)
from unnest(array['select * from ucrm.audit_verify()', 'select ucrm.audit_export()', 'select ucrm.audit_checkpoint()', 'select ucrm.forget(''contacts'', ''x'')', 'select from ucrm.audit_seals', 'select ucrm.seal_audit()', 'select ucrm.prune_audit()',
    'select ucrm.audit_step(''{"stage": "seals", "n": 0, "seals": 0, "rows": 0, "last": "00000000-0000-0000-0000-000000000000"}'', '''')']) as s;
select throws_ok(format('set local role %I; %s', r, s), '42501', null, format('%s: %s', r, s))
from unnest(array['ucrm_app', 'ucrm_reader', 'ucrm_gateway', 'ucrm_handler', 'ucrm_platform']) as r,
     unnest(array['select from ucrm.audit_seals', 'insert into ucrm.audit_seals (tenant_id) values (null)', 'update ucrm.audit_seals set n = n', 'delete from ucrm.audit_seals', 'truncate ucrm.audit_seals', 'delete from ucrm.audit_keys',
                  'select ucrm.seal_rows(null, null, 1)', 'select ucrm.prune_chain(null, 1, 1)', 'select ucrm.chain_checkpoint(null)', 'select ucrm.renew_audit_key()']) as s;

-- Sealing by itself.
begin;
select ucrm.lock('seal_audit') \g /dev/null
select ucrm.set('seal_after', '3600') \g /dev/null
insert into crm.contacts (tenant_id, name) values (:'acme', 'young');
do $$ begin perform pg_temp.sealable(); while ucrm.seal_audit() > 0 loop end loop; end $$;
select isnt((select unsealed_rows from ucrm.audit_state(:'acme')), 0::bigint, 'young rows wait');
select ucrm.set('seal_after', '0') \g /dev/null
do $$ begin perform pg_temp.sealable(); while ucrm.seal_audit() > 0 loop end loop; end $$;
select is((select unsealed_rows from ucrm.audit_state(:'acme')), 0::bigint, 'old ones are sealed');
select is((select count(*) from ucrm.tenants as t, ucrm.audit_verify(t.id) as v where v.kind <> 'redacted'), 0::bigint, 'of every tenant, and true');
select is((select count(*) from ucrm.audit_verify()), 0::bigint, 'and of the platform');
select is(pg_temp.found('update ucrm.platform_audit_logs set detail = ''{"other": 1}'''), 'nothing', 'whose rows are no tenant''s');
update ucrm.platform_audit_logs set detail = '{"other": 1}' where id = (select min(id::text)::uuid from ucrm.platform_audit_logs);
select is((select array_agg(v.kind || ' ' || (v.record_id = (select min(id::text)::uuid from ucrm.platform_audit_logs))) from ucrm.audit_verify() as v), array['changed true'], 'but are sealed as well');
delete from ucrm.tenants where id = :'globex';
select is((select count(*) from ucrm.audit_seals where tenant_id = :'globex'), 0::bigint, 'a tenant that is deleted takes its seals along');
select is((select count(*) from ucrm.audit_verify(:'acme')), 0::bigint, 'and the others'' stay true');
rollback;
begin isolation level repeatable read;
select throws_ok('select ucrm.seal_audit()', '0A000', null, 'sealing wants to see what is committed meanwhile');
rollback;

-- Retention.
begin;
select ucrm.lock('seal_audit') \g /dev/null
delete from ucrm.audit_logs where tenant_id = :'acme';
delete from ucrm.audit_seals where tenant_id = :'acme';
insert into ucrm.audit_logs (id, tenant_id, actor_kind, action, resource, record_id, at)
select overlay(ucrm.lowest_id(now() - n * interval '1 day')::text placing lpad(n::text, 12, '0') from 25)::uuid, :'acme', 'database', 'create', 'contacts', n, now() - n * interval '1 day' from generate_series(1, 100) as n;
do $$ begin while ucrm.seal_rows((select acme from scene), pg_temp.sealable(), 10) > 0 loop end loop; end $$;
select ucrm.audit_checkpoint(:'acme') as kept \gset
select is(ucrm.prune_audit(), 0::bigint, 'without a policy nothing is pruned');
update ucrm.tenants set settings = settings || '{"audit_retention_days": 45}' where id = :'acme';
select is(ucrm.retention_days(:'acme'), 45, 'a workspace has a policy of its own');
select is(ucrm.prune_audit(1), 10::bigint, 'pruned is a seal at a time');
select is(ucrm.prune_audit(), 40::bigint, 'and whatever seal is past its time as a whole');
select is(ucrm.prune_audit(), 0::bigint, 'once');
select is((select count(*) from ucrm.audit_logs where tenant_id = :'acme' and resource = 'contacts'), 50::bigint, 'the others stay');
select is((select array_agg(l.after - 'last_id' order by l.id) from ucrm.audit_logs as l where l.tenant_id = :'acme' and l.action = 'pruned'), array['{"days": 45, "rows": 10, "seals": [1, 1]}', '{"days": 45, "rows": 40, "seals": [2, 5]}']::jsonb[], 'that it was pruned is on record');
select is(pg_temp.found('select', :'kept'), 'nothing', 'a gap that the policy made is none');
select is((select array[seals, sealed_rows, pruned_seals] from ucrm.audit_state(:'acme')), array[12, 50, 5]::bigint[], 'and it is said how far back the proof reaches');
select is(pg_temp.found(format('delete from ucrm.audit_logs where tenant_id = %L and id <= (select last_id from ucrm.audit_seals where tenant_id = %1$L and n = 7)', :'acme')), 'removed 6; removed 7', 'a gap that somebody else made is one');
select is(pg_temp.found(format('delete from ucrm.audit_logs where tenant_id = %L and id <= (select last_id from ucrm.audit_seals where tenant_id = %1$L and n = 6); update ucrm.audit_seals set ids = null, leaves = null where tenant_id = %1$L and n = 6', :'acme')), 'removed 6', 'though it looks alike');
select is(pg_temp.found(format('update ucrm.audit_seals set pruned = 6 where tenant_id = %L and pruned > 0', :'acme')), 'seal 11; seal 11; seal 12', 'and nobody widens it');
select is(pg_temp.found(format('insert into ucrm.audit_logs (id, tenant_id, actor_kind, action, resource) select overlay(ucrm.lowest_id(now() - interval ''90 days'')::text placing ''1'' from 36)::uuid, %L, ''database'', ''create'', ''contacts''', :'acme')), 'changed 2', 'nor fills it');
update ucrm.tenants set settings = settings || '{"audit_retention_days": 1}' where id = :'acme';
select is(ucrm.retention_days(:'acme'), 30, 'a workspace keeps a month');
update ucrm.tenants set settings = settings - 'audit_retention_days' where id = :'acme';
select is(ucrm.retention_days(:'acme'), null, 'for ever, unless it says otherwise');
select ucrm.set('audit_retention_days', '7') \g /dev/null
select is(array[ucrm.retention_days(:'acme'), ucrm.retention_days(null)], array[30, 30], 'or the installation, which keeps no less');
-- The platform's own chain is pruned as well.
delete from ucrm.platform_audit_logs;
delete from ucrm.audit_seals where tenant_id = '00000000-0000-0000-0000-000000000000';
insert into ucrm.platform_audit_logs (id, action, detail) select overlay(ucrm.lowest_id(now() - n * interval '1 day')::text placing lpad(n::text, 12, '0') from 25)::uuid, 'long ago', '{}' from generate_series(1, 60) as n;
do $$ begin while ucrm.seal_rows('00000000-0000-0000-0000-000000000000', ucrm.lowest_id(now()), 10) > 0 loop end loop; end $$;
select is(ucrm.prune_audit(), 50::bigint, 'what is a month old goes, of a workspace and of the platform');
select is(array[pruned_seals, sealed_rows], array[3, 30]::bigint[], 'seal by seal') from ucrm.audit_state();
select is((select count(*) from ucrm.audit_verify()), 0::bigint, 'a gap that the policy made is none there either');
delete from ucrm.platform_audit_logs where action = 'audit.pruned';
select is((select string_agg(concat_ws(' ', v.kind, v.seal), '; ') from ucrm.audit_verify() as v), 'seal 7', 'unless nothing says so');
rollback;

select '1..' || currval('__tresults___numb_seq');
