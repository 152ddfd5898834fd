-- Customers: who they are, and where they work.
create schema crm;
comment on schema crm is 'Customer relations: organizations and contacts. Ordinary tables, protected by UCRM.';
-- Referential checks run as the tables' owner.
grant usage on schema crm to ucrm_tables;
