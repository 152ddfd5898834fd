-- What single calls cost, in loops of :calls rows inside one session; prints name, tab, microseconds (less the empty loop).
-- As a superuser, in a context that was entered as a back end enters it.
\set ON_ERROR_STOP on
\set QUIET on
select ('b0000000-0000-7000-8000-' || lpad(to_hex(:tenants / 2), 12, '0')) as tenant,
       ('b1000000-0000-7000-8000-' || lpad(to_hex(:tenants / 2), 12, '0')) as member \gset

-- The expression is asked :times in a row, where one call is lost in the noise of its loop.
create function pg_temp.microseconds(expression text, calls bigint, times integer default 1)
returns double precision
language plpgsql
as $$
declare
    begun timestamptz;
begin
    begun := clock_timestamp();
    execute format('select count(*) filter (where %s) from generate_series(1, %s) as n',
                   (select string_agg(expression, ' and ') from generate_series(1, times)), calls);
    return extract(epoch from clock_timestamp() - begun) * 1e6 / calls;
end
$$;

begin;
select ucrm.enter(:'tenant', :'member') \g /dev/null
select pg_temp.microseconds('n > 0', :calls) as nothing \gset
select 'has_permission', (pg_temp.microseconds('ucrm.has_permission(''contacts'', ''read'')', :calls, 10) - :nothing) / 10;
select 'lookup_permission',
       pg_temp.microseconds(format('bench.may(%L, %L, ''contacts'', ''read'')', :'tenant', :'member'), :calls / 20) - :nothing;
select 'window_hit', (pg_temp.microseconds('ucrm.hit(''bench'', ''loop'', 2000000000, 60) is null', :calls, 10) - :nothing) / 10;
commit;
