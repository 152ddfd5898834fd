-- One session that updates 20 tenants' rows at once, and one row before or after, or inserts as many into one tenant.
-- Prints name, tab, seconds.
-- As a superuser. :block tells the rows of one session from another's, so that each finds them as they were loaded;
-- :one_first is whether the session begins with one row.
\set ON_ERROR_STOP on
\set QUIET on
create function pg_temp.inserted(relation text, tenant integer)
returns double precision
language plpgsql
as $$
declare
    begun constant timestamptz := clock_timestamp();
begin
    execute format(
        'insert into %s (tenant_id, name, email, stage, owner_id) select %L, ''Made '' || n, ''made-'' || n || ''@bench.example'', ''lead'', null from generate_series(1, 20000) as n',
        relation, 'b0000000-0000-7000-8000-' || lpad(to_hex(tenant), 12, '0'));
    return extract(epoch from clock_timestamp() - begun);
end
$$;
create function pg_temp.updated(relation text, first integer, last integer, only_one boolean default false)
returns double precision
language plpgsql
as $$
declare
    begun constant timestamptz := clock_timestamp();
begin
    execute format('update %s set notes = ''changed'' where tenant_id between %L and %L', relation,
            'b0000000-0000-7000-8000-' || lpad(to_hex(first), 12, '0'), 'b0000000-0000-7000-8000-' || lpad(to_hex(last), 12, '0'))
        || case when only_one then format(' and id = %L', 'c0000000-0000-7000-8000-' || lpad(to_hex(first * 65536::bigint + 1), 12, '0')) else '' end;
    return extract(epoch from clock_timestamp() - begun);
end
$$;
select :block * 60 + 1 as a, :block * 60 + 20 as b, :block * 60 + 21 as c, :block * 60 + 40 as d, :block * 60 + 41 as e, :block * 60 + 60 as f \gset
\if :one_first
select pg_temp.updated(:'relation', :a, :a, true) \g /dev/null
select 'after_one', pg_temp.updated(:'relation', :a, :b);
select pg_temp.updated(:'relation', :c, :c, true) \g /dev/null
select 'after_one', pg_temp.updated(:'relation', :c, :d);
\else
select 'cold', pg_temp.updated(:'relation', :a, :b);
select pg_temp.updated(:'relation', :c, :c, true) \g /dev/null
select 'after_one', pg_temp.updated(:'relation', :c, :d);
select 'after_many', pg_temp.updated(:'relation', :e, :f);
select 'bulk', pg_temp.inserted(:'relation', :f);
\endif
