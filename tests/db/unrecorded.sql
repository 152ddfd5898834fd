-- What is written while the triggers of a protected table sleep is found by ucrm.audit_verify(), and what is written awake
-- accuses nobody, whatever session wrote it.
\ir scene.psql
\ir meddle.psql

-- Globex's: of Acme's audit other tests take their own rows away, which is found.
select is((select count(*) from ucrm.audit_verify(:'globex') as v where v.kind = 'unrecorded'), 0::bigint, 'of the demo''s rows each is as its audit says');

select user_id as globex_owner from ucrm.tenant_memberships where tenant_id = :'globex' and role = 'owner' limit 1 \gset
-- A workspace and tables of its own: by UUIDv7, by number, and by a key of text without created_at.
begin;
insert into ucrm.tenants (slug, name, status, plan) values ('sleepers', 'Sleepers', 'approved', 'scale') returning id as tenant \gset
insert into ucrm.tenant_memberships (tenant_id, user_id, role) values (:'tenant', :'owner', 'owner');
create schema asleep;
create table asleep.things (
    tenant_id uuid not null, id uuid not null default ucrm.uuid7(), name text, amount numeric(10, 2) default 1.5,
    seen timestamptz default now(), took interval default '1 day 02:00', raw bytea default '\x00ff', weight double precision default 0.1,
    archived_at timestamptz, primary key (tenant_id, id)
);
create table asleep.numbers (tenant_id uuid not null, n integer not null, name text, created_at timestamptz not null default clock_timestamp(), primary key (tenant_id, n));
create table asleep.words (tenant_id uuid not null, word text not null, name text, primary key (tenant_id, word));
insert into asleep.things (tenant_id, name) values (:'tenant', 'was there before');
insert into asleep.numbers (tenant_id, n) values (:'tenant', 0);
select ucrm.protect('asleep.things', search => '{}') \g /dev/null
select ucrm.protect('asleep.numbers', search => '{}') \g /dev/null
select ucrm.protect('asleep.words', search => '{}') \g /dev/null
insert into asleep.things (tenant_id, id, name) select :'tenant', ('01a00000-0000-7000-8000-00000000000' || n)::uuid, 'thing ' || n from generate_series(1, 4) as n;
insert into asleep.numbers (tenant_id, n, name) select :'tenant', n, 'number ' || n from generate_series(1, 1200) as n;
insert into asleep.words (tenant_id, word, name) select :'tenant', 'word ' || n, 'said' from generate_series(1, 4) as n;

-- What a statement that nobody recorded leaves to be found; all of it is taken back.
create function pg_temp.found(statements text[]) returns text language sql as $$ select pg_temp.found_after('sleepers', statements, true) $$;
select is(pg_temp.found(array['select']), 'nothing', 'nothing was done');

select is(pg_temp.found(c.statements), c.found, array_to_string(c.statements, '; then awake '))
from (values
    (array['update asleep.things set name = ''x'', weight = 7 where name = ''thing 1'''], 'things/01a00000-0000-7000-8000-000000000001: what it holds is not what was recorded: name, weight (create)'),
    (array['delete from asleep.things where name = ''thing 1'''], 'things/01a00000-0000-7000-8000-000000000001: it is gone, and no row says so (create)'),
    (array['update asleep.things set id = ''01a00000-0000-7000-8000-000000000009'' where name = ''thing 1'''], 'things/01a00000-0000-7000-8000-000000000001: it is gone, and no row says so (create)'),
    (array['update asleep.things set name = ''x'' where name = ''thing 1''', 'update asleep.things set name = ''thing 1'' where name = ''x'''],
        'things/01a00000-0000-7000-8000-000000000001: it was changed before this, and no row says how (update)'),
    (array['delete from asleep.things where name = ''thing 1''', 'insert into asleep.things (tenant_id, id, name) select tenant_id, ''01a00000-0000-7000-8000-000000000001'', ''again'' from asleep.things limit 1'],
        'things/01a00000-0000-7000-8000-000000000001: it was changed before this, and no row says how (create)'),
    (array['select', 'delete from asleep.things where name = ''thing 1'''], 'nothing'),
    (array['select', 'update asleep.things set id = ''01a00000-0000-7000-8000-000000000009'' where name = ''thing 1'''], 'nothing'),
    (array['truncate asleep.words'], 'words/word 1: it is gone, and no row says so (create); words/word 2: it is gone, and no row says so (create); words/word 3: it is gone, and no row says so (create); words/word 4: it is gone, and no row says so (create)'),
    (array['insert into asleep.numbers (tenant_id, n) select tenant_id, 7000 from asleep.numbers limit 1'], 'numbers/7000: it is there, and no row says how it came'),
    (array['update asleep.numbers set name = ''x'' where n in (0, 1100)'], 'numbers/1100: what it holds is not what was recorded: name (create)')
) as c (statements, found);
select is(cardinality(regexp_split_to_array(pg_temp.found(array['update asleep.numbers set name = ''x'' where n <= 150; delete from asleep.numbers where n > 1190']), '; ')), 160, 'many at once are all found');
select matches(pg_temp.found(array['insert into asleep.things (tenant_id, name) select tenant_id, ''ghost'' from asleep.things limit 1']), '^things/[-0-9a-f]{36}: it is there, and no row says how it came$', 'a row of nowhere is found by the time in its key');
select is(pg_temp.found(array['insert into asleep.things (tenant_id, id, name) select tenant_id, ''01a00000-0000-4000-8000-000000000001'', ''ghost'' from asleep.things limit 1']), 'nothing', 'one without a time is not, as the documents say');
-- With the audit row too, it is the seals that tell.
select is(pg_temp.found(array['update asleep.things set name = ''x'' where name = ''thing 1''; update ucrm.audit_logs set after = jsonb_set(after, ''{name}'', ''"x"'') where record_id = ''01a00000-0000-7000-8000-000000000001''']),
    'nothing', 'what was made to fit is for the seals to find');

-- Awake, from sessions that print otherwise, through archive, migration and oblivion: nothing.
set timezone = 'Asia/Kathmandu';
set intervalstyle = 'iso_8601';
set bytea_output = 'escape';
set extra_float_digits = -3;
update asleep.things set amount = 2.25, seen = now() + interval '1 hour', weight = 1 / 3.0 where name = 'thing 2';
update asleep.things set archived_at = now() where name in ('thing 2', 'was there before');
select is((select array_agg(l.action order by l.id) from ucrm.audit_logs as l where l.tenant_id = :'tenant' and l.record_id = '01a00000-0000-7000-8000-000000000002'), array['create', 'update', 'archive'], 'the scene is set');
select is((select count(*) from ucrm.audit_logs as l where l.tenant_id = :'tenant' and l.record_id = '01a00000-0000-7000-8000-000000000002' and (l.after ->> 'seen' not like '%+00:00' or l.after ->> 'took' <> '1 day 02:00:00' or l.after ->> 'raw' <> '\x00ff')), 0::bigint, 'images print the same whoever writes');
select is(pg_temp.found(array['select']), 'nothing', 'other zones and styles');
reset timezone;
set timezone = 'America/St_Johns';
update asleep.things set archived_at = null where name = 'thing 2';
select format('drop schema %I cascade', report_schema) from ucrm.logins where report_schema is not null \gexec
alter table asleep.things add column extra text default 'filled', alter column amount type text using 'EUR ' || amount;
alter table asleep.things rename column took to lasted;
select is(pg_temp.found(array['select']), 'nothing', 'a migration');
select is(pg_temp.found(array['update asleep.things set lasted = ''3 days'' where name = ''thing 3''']), 'things/01a00000-0000-7000-8000-000000000003: what it holds is not what was recorded: lasted (create)', 'a renamed column is still compared');
update asleep.things set name = 'after' where name = 'thing 3';
select ucrm.forget('things', '01a00000-0000-7000-8000-000000000004', :'tenant') \g /dev/null
select is(pg_temp.found(array['select']), 'nothing', 'the first change after a migration, and what was forgotten');
reset timezone; reset intervalstyle; reset bytea_output; reset extra_float_digits;

-- Who does not see all of a table is not told of rows that he merely does not see.
insert into ucrm.roles (tenant_id, name) values (:'tenant', 'auditor');
insert into ucrm.role_permissions (tenant_id, role, resource, action) select :'tenant', 'auditor', r, 'read' from unnest(array['audit_logs', 'things']) as r;
insert into ucrm.tenant_memberships (tenant_id, user_id, role) values (:'tenant', :'stranger', 'auditor');
set local session_replication_role = replica;
update asleep.things set weight = 9 where name = 'thing 1';
update asleep.words set name = 'changed';
set local session_replication_role = origin;
commit;

begin;
set session authorization :"backend";
select ucrm.enter(:'tenant', :'stranger') \g /dev/null
select is((select array_agg(split_part(v.what, '/', 1)) from ucrm.audit_verify() as v where v.kind = 'unrecorded'), array['things'], 'an auditor is told of what he may read');
reset session authorization;
rollback;
begin;
set session authorization :"backend";
select ucrm.enter(:'tenant', :'owner') \g /dev/null
select is((select array_agg(distinct split_part(v.what, '/', 1)) from ucrm.audit_verify() as v where v.kind = 'unrecorded'), array['things', 'words'], 'the owner of all of it');
reset session authorization;
rollback;
begin;
set session authorization :"backend";
select ucrm.enter(:'globex', :'globex_owner') \g /dev/null
select is((select count(*) from ucrm.audit_verify() as v where v.kind = 'unrecorded'), 0::bigint, 'and another workspace of nothing');
select throws_ok(format('select * from ucrm.audit_verify(%L)', :'tenant'), 'PT403', 'not_a_member', 'nor when it asks');
select is((select count(*) from ucrm.unlike_records(:'tenant', 'things')), 0::bigint, 'nor by the parts of it');
select is((select count(*) from ucrm.unheard_records(:'tenant', 'things')), 0::bigint, 'whichever');
select is((select count(*) from ucrm.told_digests(:'tenant', 'things')), 0::bigint, 'of digests');
select is((select count(*) from ucrm.doubtful_records(:'tenant', 'things')), 0::bigint, 'or doubts');
select throws_ok(format('select * from ucrm.sealed_piece(%L, ''{"stage": "header"}'')', :'tenant'), 'PT403', 'not_a_member', 'nor by those of an export');
select is_empty(format('select * from ucrm.record_piece(%L, ''{"stage": "records", "nouns": ["things"]}'') as p where p.lines is not null', :'tenant'), 'of its records either');
reset session authorization;
rollback;

begin;
-- The platform's logins see everything once they are it.
create role desk_of_ours login in role ucrm_platform noinherit;
set session authorization desk_of_ours;
set role ucrm_platform;
select is((select array_agg(distinct split_part(v.what, '/', 1)) from ucrm.audit_verify(:'tenant') as v where v.kind = 'unrecorded'), array['things', 'words'], 'a login of the platform, as ucrm_platform');
reset role;
reset session authorization;

-- An export brings each of them, a piece at a time.
create function pg_temp.exported(tenant uuid) returns setof jsonb language sql as $$ select l::jsonb from ucrm.audit_export(tenant) as e, regexp_split_to_table(e, E'\n') as l $$;
select is((select array_agg(concat_ws(' ', l ->> 'resource', l ->> 'record_id', l ->> 'fields', (l ->> 'present')::jsonb ->> 'name') order by l ->> 'record_id') from pg_temp.exported(:'tenant') as l where l ->> 'kind' = 'record'),
    array['things 01a00000-0000-7000-8000-000000000001 ["weight"] thing 1', 'words word 1 ["name"] changed', 'words word 2 ["name"] changed', 'words word 3 ["name"] changed', 'words word 4 ["name"] changed'], 'an export has a line for each');
select is((select count(*) from pg_temp.exported(:'globex') as l where l ->> 'kind' = 'record'), 0::bigint, 'and none where nothing is');

-- What was unprotected for a while is known from its second beginning.
select ucrm.unprotect('asleep.words');
update asleep.words set name = 'in between';
select ucrm.protect('asleep.words', search => '{}') \g /dev/null
select is(pg_temp.found(array['select']), 'things/01a00000-0000-7000-8000-000000000001: what it holds is not what was recorded: weight (create)', 'what was unprotected begins anew');
rollback;

delete from ucrm.tenants where slug = 'sleepers';
drop schema asleep cascade;
delete from ucrm.events where resource in ('things', 'numbers', 'words');
select ucrm.refresh_reports() \g /dev/null
select throws_ok(format('set local session authorization %I; %s', :'report', s), '42501', null, 'a reporting login: ' || s)
from unnest(array['select * from ucrm.unrecorded(null)', 'select * from ucrm.unlike_records(null, ''contacts'')', 'select * from ucrm.unheard_records(null, ''contacts'')', 'select * from ucrm.record_piece(null, ''{}'')', 'select * from ucrm.sealed_piece(null, ''{}'')', 'select ucrm.open_audit(null)']) as s;
select '1..' || currval('__tresults___numb_seq');
