-- Customers: who they are, where they work, what they buy, and what is to be done.
create schema crm;
comment on schema crm is 'Customer relations: organizations, contacts, deals, services, tasks, notes, channels, widgets. Ordinary tables, protected by UCRM.';
-- Referential checks run as the tables' owner.
grant usage on schema crm to ucrm_tables;
