-- A column may have any name, those that our own SQL uses for rows included.
\ir scene.psql
begin;
create schema letters;
select format('create table letters.pixels (tenant_id uuid not null, id uuid not null default ucrm.uuid7(), created_at timestamptz not null default now(), token text, %s, primary key (tenant_id, id))',
    string_agg(format('%I %s', c, case when c in ('n', 'r', 'x') then 'integer' else 'text' end), ', ')) as made
from (select chr(97 + n) as c from generate_series(0, 25) as n
      union select unnest(array['row', 'rows', 'new', 'old', 'value', 'image', 'key', 'images', 'found', 'told', 'ucrm', 'eras', 'new_rows', 'old_rows'])) as v \gset
:made;
select ucrm.protect('letters.pixels', secret => array['token'], search => '{}') \g /dev/null
select ucrm.enter(:'acme', :'owner') \g /dev/null
insert into letters.pixels (id, r, n, x, t, token) values ('01a00000-0000-7000-8000-0000000c0101', 1, 2, 3, 'a text', '1234567890:abcdefghmnop'), ('01a00000-0000-7000-8000-0000000c0102', null, null, null, null, null);
select pg_sleep(0.01), clock_timestamp() as moment \gset
update letters.pixels set g = 'green';
update letters.pixels set r = 7, token = 'another secret:xyz9' where id = '01a00000-0000-7000-8000-0000000c0101';
delete from letters.pixels where id = '01a00000-0000-7000-8000-0000000c0102';
select results_eq(
    $$select action, record_id, coalesce(before, after) ? 'tenant_id', coalesce(after, before) ->> 'g', changed from ucrm.audit_logs where resource = 'pixels' order by action, record_id, changed$$,
    $$values ('create', '01a00000-0000-7000-8000-0000000c0101', true, null, null::text[]), ('create', '01a00000-0000-7000-8000-0000000c0102', true, null, null),
        ('delete', '01a00000-0000-7000-8000-0000000c0102', true, 'green', null),
        ('update', '01a00000-0000-7000-8000-0000000c0101', true, 'green', array['g']), ('update', '01a00000-0000-7000-8000-0000000c0101', true, 'green', array['r', 'token']),
        ('update', '01a00000-0000-7000-8000-0000000c0102', true, 'green', array['g'])$$, 'every write is on record');
select is((select count(*) from ucrm.events where resource = 'pixels' and data ? 'tenant_id' is not null and record_id like '01a00000-0000-7000-8000-0000000c010_'), 6::bigint, 'and announced');
select is(ucrm.row_secret('pixels', '01a00000-0000-7000-8000-0000000c0101', 'token'), 'another secret:xyz9', 'a secret is kept');
select is((select count(*) from ucrm.as_of('letters.pixels', :'moment') as a where a ->> 'g' is null and (a ->> 'n' = '2' or a -> 'n' = 'null')), 2::bigint, 'the past is told');
select is((select count(*) from ucrm.audit_verify() as v where v.kind = 'unrecorded' and v.what like 'pixels/%'), 0::bigint, 'and nobody is accused');
rollback;
select '1..' || currval('__tresults___numb_seq');
