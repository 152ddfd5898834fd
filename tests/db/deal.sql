-- Deals, tasks, notes and what links them: what the tables hold to, whoever writes.
select * from no_plan();
\ir people.psql
begin;
set local role ucrm_app;
select ucrm.enter(:'acme', :'owner');
insert into crm.deals (name, value_minor, value_currency) values ('Test', 1230, 'EUR') returning id as deal \gset
insert into crm.tasks (title, deal_id) values ('Test', :'deal') returning id as task \gset
insert into crm.contact_deals (contact_id, deal_id) values (:'contact', :'deal');
insert into crm.notes (body, deal_id) values ('Test', :'deal');

insert into attempts values
('23514 deals_value_check', 'update crm.deals set value_currency = null where id = @D', 'an amount has a currency'),
('23514 deals_value_currency_check', 'update crm.deals set value_currency = ''euro'' where id = @D', 'of three letters'),
('23514 deals_value_minor_check', 'update crm.deals set value_minor = -1 where id = @D', 'and is not negative'),
('23514 deals_probability_check', 'update crm.deals set probability = 101 where id = @D', 'nothing is more than certain'),
('23514 deals_stage_check', 'update crm.deals set stage = ''maybe'' where id = @D', 'a deal is in one of the stages'),
('23505 contact_deals_tenant_id_contact_id_deal_id_key', 'insert into crm.contact_deals (contact_id, deal_id) values (@C, @D)', 'two things are linked once'),
('23503 contact_deals_tenant_id_deal_id_fkey', 'insert into crm.contact_deals (contact_id, deal_id) values (@C, @T)', 'nothing is linked to another tenant''s'),
('23503 notes_tenant_id_deal_id_fkey', 'insert into crm.notes (body, deal_id) values (''x'', @T)', 'nor written about it'),
('23514 notes_subject_check', 'insert into crm.notes (body) values (''x'')', 'a note is about something'),
('23514 notes_subject_check', 'insert into crm.notes (body, deal_id, contact_id) values (''x'', @D, @C)', 'and about one thing'),
('done', 'insert into crm.widgets (name, allowed_origins) values (''x'', array[''https://a.example'', ''http://localhost:3000''])', 'a widget stands on origins'),
('23514 widgets_allowed_origins_check', 'insert into crm.widgets (name, allowed_origins) values (''x'', array[''https://a.example/path''])', 'not on paths'),
('23514 widgets_allowed_origins_check', 'insert into crm.widgets (name, allowed_origins) values (''x'', array[''https://a.example'', ''*''])', 'nor everywhere'),
('23514 widgets_allowed_origins_check', 'insert into crm.widgets (name, allowed_origins) values (''x'', array[''https://a.example https://b.example'', null])', 'nor nowhere'),
('23514 widgets_allowed_origins_check', 'insert into crm.widgets (name, allowed_origins) values (''x'', array[''javascript:alert(1)''])', 'nor in scripts');
select is(pg_temp.refusal(replace(replace(replace(a.statement, '@D', quote_literal(:'deal')), '@C', quote_literal(:'contact')), '@T', quote_literal(:'their_deal'))), a.expected, a.about) from attempts as a;

update crm.tasks set status = 'done' where id = :'task';
select ok((select completed_at is not null from crm.tasks where id = :'task'), 'a task that is done says when');
update crm.tasks set status = 'open' where id = :'task';
select is((select completed_at from crm.tasks where id = :'task'), null, 'one that is not does not');
delete from crm.deals where id = :'deal';
select is((select count(*) from crm.contact_deals where deal_id = :'deal') + (select count(*) from crm.notes where deal_id = :'deal'), 0::bigint, 'links and notes go with what they are about');
select is((select deal_id from crm.tasks where id = :'task'), null, 'a task stays, and is about nothing');
rollback;

-- Links are resources of their own: who may not create them links nothing.
begin;
set local role ucrm_app;
select ucrm.enter(:'acme', :'reader');
select throws_ok(format('insert into crm.contact_deals (contact_id, deal_id) select %L, id from crm.deals', :'contact'), 'PT403', 'permission_denied', 'a reader links nothing');
select throws_ok('delete from crm.contact_deals', 'PT403', 'permission_denied', 'and parts nothing');
rollback;

-- Channels belong to the workspace: an agent, who writes all else, neither reads nor changes them.
begin;
set local role ucrm_app;
select ucrm.enter(:'acme', :'agent');
select is((select count(*) from crm.channels), 0::bigint, 'an agent sees no channel');
select throws_ok('insert into crm.channels (name, kind) values (''x'', ''resend'')', 'PT403', 'permission_denied', 'and makes none');
select isnt_empty('select from crm.widgets', 'but widgets');
rollback;
begin;
set local role ucrm_app;
select ucrm.enter(:'acme', :'owner');
select isnt_empty('select from crm.channels', 'an owner sees them');
select is_empty($$select from ucrm.audit_logs where resource = 'channels' and (before ->> 'token' not like '••••%' or after ->> 'token' not like '••••%')$$, 'the audit log never saw a token');
rollback;
select '1..' || currval('__tresults___numb_seq');
