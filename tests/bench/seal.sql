-- How fast one tenant's :rows audit rows are sealed, and verified. Prints name, tab, rows a second.
-- As a superuser.
\set ON_ERROR_STOP on
\set QUIET on
set client_min_messages = warning;
create function pg_temp.rows_a_second(statement text, many bigint) returns double precision language plpgsql as $$
declare
    begun constant timestamptz := clock_timestamp();
begin
    execute statement;
    return many / extract(epoch from clock_timestamp() - begun);
end
$$;
insert into ucrm.tenants (slug, name, status) values ('bench-sealed', 'Bench', 'approved') returning id as tenant \gset
select ucrm.set('seal_after', '86400') \g /dev/null
insert into crm.contacts (tenant_id, name, email, phone, stage)
select :'tenant', 'Created ' || k, 'created-' || k || '@bench.example', '+49 30 123456', 'lead' from generate_series(1, :rows) as k;
analyze ucrm.audit_logs;
select 'sealed_alone', pg_temp.rows_a_second(format('do $do$ begin while ucrm.seal_rows(%L, ucrm.settled_until(), 1000) > 0 loop end loop; end $do$', :'tenant'), :rows);
select 'verified', pg_temp.rows_a_second(format('select 1 / (count(*) = 0)::integer from ucrm.audit_verify(%L, records => false)', :'tenant'), :rows);
select 'verified_records', pg_temp.rows_a_second(format('select 1 / (count(*) = 0)::integer from ucrm.audit_verify(%L)', :'tenant'), :rows);
delete from crm.contacts where tenant_id = :'tenant';
delete from ucrm.tenants where id = :'tenant';
