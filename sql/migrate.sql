-- Applies the script :migration.sql unless the ledger has it.
select not exists (select from ucrm.migrations where name = :'migration') as pending \gset
\set script :migration .sql
\if :pending
begin;
\ir :script
insert into ucrm.migrations (name) values (:'migration');
commit;
\endif
