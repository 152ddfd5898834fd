-- Hiring: who is met, by whom, and when.
create schema hiring;
comment on schema hiring is 'Hiring: interviews. Ordinary tables, protected by UCRM.';
-- Referential checks run as the tables' owner.
grant usage on schema hiring to ucrm_tables;

-- An exclusion constraint compares uuids for equality and periods for overlap in one index.
create extension if not exists btree_gist with schema hiring;

insert into ucrm.tenant_settings (name, type, description) values
('interview_minutes', 'number', 'how long an interview lasts when nobody says; 45 without it');

insert into ucrm.refusals (code, status, title, hint) values
('transition_not_allowed', 409, 'It does not go from this state to that', 'See hiring.allows_transition(was, becomes) for what follows what.');
