-- A row that ucrm.run_row() prints is the row that PostgreSQL would print, in UTC.
begin;
select plan(6);

create temporary table every_type as
select true as yes, false as no, null::text as nothing,
       (-32768)::smallint as small, (-2147483648)::integer as middle, (-9223372036854775808)::bigint as large, 0 as zero,
       12.50::numeric as exact, 'NaN'::numeric as not_a_number, 1.5e300::float8 as far, '-Infinity'::float4 as below, -0.0::float8 as minus_zero,
       E'a "quote", a \\, a\nnew line,\ta tab,\x01\x1f and ünïcode 🎉'::text as words, 'v'::varchar(5) as short, 'c  '::char(5) as padded,
       'b6f1ab25-8d6a-4c4e-9a3e-0a1b2c3d4e5f'::uuid as id, '{"b": [1, {"a": null}], "a": "é"}'::jsonb as document,
       '{}'::jsonb as empty, '{"b" : 1, "b": 2}'::json as as_written, '127.0.0.1/8'::inet as address, '1 day 2 hours'::interval as span,
       timestamptz '2024-02-29 23:59:59.000001+00' as moment, timestamp '1999-12-31 00:00:00.5' as local_time, date '2000-03-01' as day,
       timestamptz 'infinity' as never, timestamptz '0044-03-15 12:00+00 BC' as ides, timestamptz '12024-01-01 00:00+00' as far_off, date '-infinity' as before;

set local timezone = 'UTC';
select is(ucrm.run_row('select * from every_type', null)::jsonb, to_jsonb(e), 'every type') from every_type as e;
select is(ucrm.run_rows('select * from every_type union all select * from every_type', null)::jsonb, jsonb_build_array(to_jsonb(e), to_jsonb(e)), 'many rows')
from every_type as e;

select is(
    ucrm.run_rows('select m, m::timestamp as l, m::date as d from generate_series(timestamptz ''0001-01-01 00:00:00.123456+00'', ''9999-12-31 23:59:59+00'', ''97 days 01:02:03.000400'') as m', null)::jsonb,
    (select jsonb_agg(to_jsonb(t)) from (select m, m::timestamp as l, m::date as d from generate_series(timestamptz '0001-01-01 00:00:00.123456+00', '9999-12-31 23:59:59+00', '97 days 01:02:03.000400') as m) as t),
    'times of four-digit years');

set local timezone = 'Asia/Kathmandu';
select is(ucrm.run_row('select timestamptz ''2024-06-01 00:00+00'' as at, timestamptz ''infinity'' as never', null), '{"at":"2024-06-01T00:00:00+00:00","never":"infinity"}',
    'times are UTC whatever the session says');
select is(ucrm.run_row('select 1 as a where false', null), null, 'no row is null');
select is(ucrm.run_rows('select 1 as a where false', null), '[]', 'no rows are an empty array');

select * from finish();
rollback;
