-- What scene.sql made, also in a run that broke off.
do $$
begin
    perform ucrm.unexpose(to_regprocedure(e.signature)) from ucrm.exposed_functions as e where e.signature like 'clients\_test.%';
end
$$;
drop schema if exists clients_test cascade;
delete from ucrm.tenants where slug in ('clients-test', 'clients-other');
delete from ucrm.users where email like '%@clients.example';
