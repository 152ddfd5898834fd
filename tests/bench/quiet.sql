-- bench.contacts becomes what crm.contacts is, but for the record of its changes: what is compared next is that record.
-- As a superuser, after scene.sql.
\set ON_ERROR_STOP on
\set QUIET on
set client_min_messages = warning;
select ucrm.protect('bench.contacts', resource => 'bench_contacts', search => array['name', 'email', 'phone']) \g /dev/null
alter table bench.contacts
    disable trigger ucrm_record_insert,
    disable trigger ucrm_record_update,
    disable trigger ucrm_record_delete;
vacuum (analyze);
checkpoint;
