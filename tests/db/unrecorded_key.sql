-- Whatever names a record, and whatever its columns are called: what is honest accuses nobody, and what was written while
-- triggers slept is found. Across migrations and new ids too.
\ir scene.psql
\ir meddle.psql

begin;
insert into ucrm.tenants (slug, name, status, plan) values ('keyed', 'Keyed', 'approved', 'scale') returning id as tenant \gset
insert into ucrm.tenant_memberships (tenant_id, user_id, role) values (:'tenant', :'owner', 'owner');
create schema keyed;
create table keyed.days (tenant_id uuid not null, day date not null, name text, span daterange, slot tstzrange, created_at timestamptz default clock_timestamp(), primary key (tenant_id, day));
create table keyed.instants (tenant_id uuid not null, instant timestamptz not null, name text, created_at timestamptz default clock_timestamp(), primary key (tenant_id, instant));
create table keyed.codes (tenant_id uuid not null, code char(6) not null, name text, created_at timestamptz default clock_timestamp(), primary key (tenant_id, code));
create table keyed.longs (tenant_id uuid not null, n bigint not null, name text, primary key (tenant_id, n));
create table keyed.tokens (tenant_id uuid not null, id uuid not null, name text, primary key (tenant_id, id));
create table keyed.dated (tenant_id uuid not null, id uuid not null, name text, created_at timestamptz default clock_timestamp(), primary key (tenant_id, id));
create table keyed.zoneless (tenant_id uuid not null, n integer not null, name text, created_at timestamp default localtimestamp, primary key (tenant_id, n));
create type keyed.mood as enum ('fine', 'bad');
create table keyed.moods (tenant_id uuid not null, n integer not null, mood keyed.mood default 'fine', primary key (tenant_id, n));
create table keyed.letters (tenant_id uuid not null, id uuid not null default ucrm.uuid7(), t text default 't', x text default 'x', n text default 'n', l text default 'l', i text default 'i', p text default 'p', primary key (tenant_id, id));
-- There before: by keys that only look like a time, and a date to come.
insert into keyed.tokens (tenant_id, id) select :'tenant', i::uuid from unnest(array['eb8ba9b2-79d9-7000-0c05-000000000001', 'fb8ba9b2-79d9-7000-8c05-000000000001', '01a00000-0000-4000-8000-000000000001']) as i;
insert into keyed.dated (tenant_id, id, created_at) values (:'tenant', '01a00000-0000-4000-8000-000000000001', now() + interval '1 year');
set local timezone = 'Pacific/Kiritimati';
insert into keyed.zoneless (tenant_id, n) values (:'tenant', 0);
reset timezone;
select ucrm.protect(format('keyed.%s', t)::regclass, search => '{}') from unnest(array['days', 'instants', 'codes', 'longs', 'tokens', 'dated', 'zoneless', 'moods', 'letters']) as t \g /dev/null

create function pg_temp.found(statements text[]) returns text language sql as $$ select pg_temp.found_after('keyed', statements) $$;

set datestyle = 'German';
set timezone = 'Asia/Kathmandu';
insert into keyed.days (tenant_id, day, name, span, slot) select :'tenant', date '2026-11-01' + n, 'day ' || n, daterange(date '2026-01-31', date '2026-02-01' + n), tstzrange(now(), now() + n * interval '1 hour') from generate_series(1, 3) as n;
insert into keyed.instants (tenant_id, instant, name) select :'tenant', timestamptz '2026-11-01 12:00:00+00' + n * interval '1 day', 'instant ' || n from generate_series(1, 3) as n;
reset datestyle; reset timezone;
insert into keyed.codes (tenant_id, code, name) select :'tenant', 'c' || n, 'code ' || n from generate_series(1, 3) as n;
insert into keyed.longs (tenant_id, n, name) select :'tenant', n, 'long' from unnest(array[9223372036854775807, -9223372036854775808, 1000000000000000000, 999999999999999999, 0]) as n;
insert into keyed.letters (tenant_id) select :'tenant' from generate_series(1, 3);
insert into keyed.tokens (tenant_id, id, name) select :'tenant', gen_random_uuid(), 'new' from generate_series(1, 3);
select is(pg_temp.found(array['select']), 'nothing', 'days, moments, padded codes, long numbers, short names: each is as its audit says');
select is((select array_agg(distinct l.after ->> 'span' order by l.after ->> 'span') from ucrm.audit_logs as l where l.tenant_id = :'tenant' and l.resource = 'days'), array['[2026-01-31,2026-02-02)', '[2026-01-31,2026-02-03)', '[2026-01-31,2026-02-04)'], 'images print dates the same whoever writes');
select is(pg_temp.found(array[format('set local datestyle = %L; set local timezone = %L', d, z)]), 'nothing', format('whoever asks: %s, %s', d, z))
from unnest(array['German', 'SQL, DMY', 'Postgres, YMD']) as d, unnest(array['UTC', 'America/St_Johns']) as z;
select is(pg_temp.found(array['select', 'set local datestyle = ''German''; set local timezone = ''Asia/Kathmandu''; update keyed.days set name = ''x''; update keyed.instants set name = ''x''; update keyed.codes set name = ''x''; update keyed.longs set name = ''x''; update keyed.letters set t = ''x''']), 'nothing', 'nor does the next change accuse');

select is(pg_temp.found(array['set local datestyle = ''German''; ' || c.statement]), c.found, c.statement)
from (values
    ('update keyed.days set name = ''silent'' where name = ''day 1''', 'days/2026-11-02: what it holds is not what was recorded: name'),
    ('delete from keyed.days where name = ''day 1''', 'days/2026-11-02: it is gone, and no row says so'),
    ('insert into keyed.days (tenant_id, day) select tenant_id, date ''2026-12-31'' from keyed.days limit 1', 'days/2026-12-31: it is there, and no row says how it came'),
    ('update keyed.instants set name = ''silent'' where name in (''instant 1'', ''instant 2'')', 'instants/2026-11-02T12:00:00+00:00: what it holds is not what was recorded: name; instants/2026-11-03T12:00:00+00:00: what it holds is not what was recorded: name'),
    ('insert into keyed.instants (tenant_id, instant) select tenant_id, ''2026-12-31 00:00:00+02'' from keyed.days limit 1', 'instants/2026-12-30T22:00:00+00:00: it is there, and no row says how it came'),
    ('update keyed.codes set name = ''silent'' where name = ''code 1''', 'codes/c1    : what it holds is not what was recorded: name'),
    ('insert into keyed.codes (tenant_id, code) select tenant_id, ''zz'' from keyed.days limit 1', 'codes/zz    : it is there, and no row says how it came'),
    ('delete from keyed.longs where n > 99999999999999999', 'longs/1000000000000000000: it is gone, and no row says so; longs/9223372036854775807: it is gone, and no row says so; longs/999999999999999999: it is gone, and no row says so'),
    ('update keyed.longs set name = ''silent'' where n < 0', 'longs/-9223372036854775808: what it holds is not what was recorded: name')
) as c (statement, found);
select matches(pg_temp.found(array['update keyed.letters set x = ''silent'' where id = (select id from keyed.letters limit 1)']), '^letters/[-0-9a-f]{36}: what it holds is not what was recorded: x$', 'a column of any name is compared');
select matches(pg_temp.found(array['insert into keyed.letters (tenant_id) select tenant_id from keyed.days limit 1']), '^letters/[-0-9a-f]{36}: it is there, and no row says how it came$', 'and a row among them');
-- A key of long ago with a true date, and the other way round.
select is(pg_temp.found(array['insert into keyed.dated (tenant_id, id) select tenant_id, ''01600000-0000-7000-8000-000000000001'' from keyed.days limit 1']), 'dated/01600000-0000-7000-8000-000000000001: it is there, and no row says how it came', 'a key of long ago does not hide a row that says when it came');
select matches(pg_temp.found(array['insert into keyed.dated (tenant_id, id, created_at) select tenant_id, ucrm.uuid7(), ''2020-01-01'' from keyed.days limit 1']), '^dated/[-0-9a-f]{36}: it is there, and no row says how it came$', 'nor a date of long ago one whose key does');

-- Pieces of an export reach the end whatever the key is.
insert into keyed.codes (tenant_id, code) select :'tenant', lpad(n::text, 6, '0') from generate_series(1, 1005) as n;
insert into keyed.instants (tenant_id, instant) select :'tenant', now() + n * interval '1.001 second' from generate_series(1, 1005) as n;
set datestyle = 'SQL, DMY';
select is((select count(*) from ucrm.audit_export(:'tenant') as e, regexp_split_to_table(e, E'\n') as l where l::jsonb ->> 'kind' = 'record'), 0::bigint, 'an export of a thousand such records ends, and accuses none');
reset datestyle;

-- Across a migration: by the columns that both have.
select format('drop schema %I cascade', report_schema) from ucrm.logins where report_schema is not null \gexec
insert into keyed.letters (tenant_id, t) select :'tenant', 'm' || n from generate_series(1, 3) as n;
alter table keyed.letters add column extra text default 'filled';
select is(pg_temp.found(array['select', 'update keyed.letters set t = t || ''!''']), 'nothing', 'a change after a migration is honest');
select matches(pg_temp.found(array['update keyed.letters set x = ''silent'' where t = ''m1''', 'update keyed.letters set x = ''x'' where t = ''m1''']), '^letters/[-0-9a-f]{36}: it was changed before this, and no row says how$', 'what was written between a migration and the next change is found');
select is(pg_temp.found(array['select', 'alter table keyed.letters rename column x to y; alter table keyed.letters drop column n; alter table keyed.letters alter column l drop default, alter column l type integer using 1; update keyed.letters set y = ''now''']), 'nothing', 'renamed, dropped and of another type');
select matches(pg_temp.found(array['select', 'alter table keyed.letters rename column x to y', 'update keyed.letters set y = ''silent'' where t = ''m1''', 'update keyed.letters set y = ''x'' where t = ''m1''']), '^letters/[-0-9a-f]{36}: it was changed before this, and no row says how$', 'by its new name too');

-- A record that gets another id.
select is(pg_temp.found(array['select', 'update keyed.longs set n = 7 where n = 0; update keyed.longs set name = ''x'' where n = 7; insert into keyed.longs (tenant_id, n) select tenant_id, 0 from keyed.days limit 1; delete from keyed.longs where n = 7; update keyed.longs set n = 7 where n = 0']), 'nothing', 'is the same one');
select is(pg_temp.found(array['select', 'insert into keyed.longs (tenant_id, n, name) select d.tenant_id, n, ''s'' || n from keyed.days as d, generate_series(11, 13) as n where d.name = ''day 1''; update keyed.longs set n = n + 20 where n in (11, 12, 13); update keyed.longs set n = n + 1 where n = 33; update keyed.longs set n = n + 1 where n = 32; update keyed.longs set name = ''x'' where n between 30 and 40']), 'nothing', 'and so are several that move along');
select is(pg_temp.found(array['update keyed.longs set name = ''silent'' where n = 0', 'update keyed.longs set n = 7 where n = 0']), 'longs/7: it was changed before this, and no row says how', 'what was written before it got it is found');
select is(pg_temp.found(array['delete from keyed.longs where n = 999999999999999999', 'update keyed.longs set n = 999999999999999999 where n = 0']), 'longs/999999999999999999: it was changed before this, and no row says how', 'and that it took the place of one that was deleted unseen');

-- As the document says: what a trigger of one's own writes to a row that was just written is told before that row, and a label
-- that is renamed is another value.
select matches(pg_temp.found(array['select', 'create function keyed.after_row() returns trigger language plpgsql as $f$ begin update keyed.letters set x = ''by a trigger'' where id = new.id; return null; end $f$; create trigger own after insert on keyed.letters for each row execute function keyed.after_row(); insert into keyed.letters (tenant_id) select tenant_id from keyed.days limit 1']),
    '^letters/[-0-9a-f]{36}: it was changed before this, and no row says how; letters/[-0-9a-f]{36}: what it holds is not what was recorded: x$', 'an AFTER ROW trigger that writes its own row accuses it');
select is(pg_temp.found(array['select', 'create function keyed.before_row() returns trigger language plpgsql as $f$ begin new.x := ''by a trigger''; return new; end $f$; create trigger own before insert on keyed.letters for each row execute function keyed.before_row(); insert into keyed.letters (tenant_id) select tenant_id from keyed.days limit 1']), 'nothing', 'a BEFORE ROW trigger does not');
select is(pg_temp.found(array['select', 'insert into keyed.moods (tenant_id, n) select tenant_id, 1 from keyed.days limit 1', 'select', 'alter type keyed.mood rename value ''fine'' to ''well''']), 'moods/1: what it holds is not what was recorded: mood', 'and a label that was renamed');
-- A record that was forgotten and stands there is compared again from the next write on.
select is(pg_temp.found(array['select', format('select ucrm.forget(''codes'', ''c1    '', %L)', :'tenant'), 'update keyed.codes set name = ''silent'' where code = ''c1''']), 'nothing', 'what was forgotten and is there is not compared');
select is(pg_temp.found(array['select', format('select ucrm.forget(''codes'', ''c1    '', %L); update keyed.codes set name = ''x'' where code = ''c1''', :'tenant'), 'update keyed.codes set name = ''silent'' where code = ''c1''']), 'codes/c1    : what it holds is not what was recorded: name', 'until it is written again');

-- A table that cannot be compared any more is left out, and named; the others are compared.
select is(pg_temp.found(array['update keyed.codes set name = ''silent'' where name = ''code 1''', 'alter table keyed.days rename column day to morning']), 'codes/c1    : what it holds is not what was recorded: name', 'a table whose key was renamed stands in nobody''s way');
savepoint renamed;
alter table keyed.days rename column day to morning;
select lives_ok(format('select ucrm.audit_export(%L)', :'tenant'), 'nor in that of an export');
rollback to renamed;
rollback;
select '1..' || currval('__tresults___numb_seq');
