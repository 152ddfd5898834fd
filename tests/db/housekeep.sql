-- Housekeeping: what has run out goes, in batches, and nothing that still counts.
\ir scene.psql
create function pg_temp.gone() returns text language sql as $$
    select coalesce(string_agg(h.what || ' ' || h.gone, ', ') filter (where h.gone > 0), 'nothing') from ucrm.housekeep(2) as h where h.what not like 'audit rows %'
$$;

begin;
do $$ begin while (select sum(gone) from ucrm.housekeep()) > 0 loop end loop; end $$;
select is(pg_temp.gone(), 'nothing', 'at first there is nothing to do');

insert into ucrm.row_windows (name, key, hits)
select 'login', 'old' || n, array[clock_timestamp() - interval '16 minutes'] from generate_series(1, 3) as n;
insert into ucrm.row_windows (name, key, hits) values
('login', 'mixed', array[clock_timestamp() - interval '16 minutes', clock_timestamp() - interval '14 minutes']),
('resend_email', 'yesterday', array[clock_timestamp() - interval '23 hours']),
('gone', 'unknown', array[clock_timestamp() - interval '23 hours']),
('login', 'refunded', '{}');
insert into ucrm.verification_tokens (user_id, purpose, address, expires_at) values
(:'owner', 'verify_email', 'x@y.example', clock_timestamp() - interval '1 second'), (:'owner', 'reset_password', 'x@y.example', clock_timestamp() + interval '1 minute');
insert into ucrm.invitations (tenant_id, email, role, invited_by, digest, expires_at) values
(:'acme', 'late@y.example', 'agent', :'owner', sha256('late'), clock_timestamp() - interval '1 second'),
(:'acme', 'open@y.example', 'agent', :'owner', sha256('open'), clock_timestamp() + interval '1 day');
select id as live from ucrm.open_session(:'owner', :'acme', false, null, null) \gset
select id as unused from ucrm.open_session(:'owner', :'acme', false, null, null) \gset
select id as ended from ucrm.open_session(:'owner', :'acme', false, null, null) \gset
update ucrm.sessions set expires_at = clock_timestamp() where id = :'unused';
update ucrm.sessions set ends_at = clock_timestamp() where id = :'ended';

select is(pg_temp.gone(), 'row_windows 2, verification_tokens 1, invitation tokens 1, sessions 2', 'a batch goes');
select is(pg_temp.gone(), 'row_windows 2', 'and the rest');
select is(pg_temp.gone(), 'nothing', 'and then nothing');
select bag_eq($$select key from ucrm.row_windows where key in ('old1', 'old2', 'old3', 'mixed', 'yesterday', 'unknown', 'refunded')$$, array['mixed', 'yesterday', 'unknown'], 'windows with a hit that counts stay');
select is((select array_agg(purpose) from ucrm.verification_tokens where user_id = :'owner'), array['reset_password'], 'and tokens that still open something');
select is((select array_agg(email || ' ' || (digest is not null) order by email) from ucrm.invitations where email like '%@y.example'), array['late@y.example false', 'open@y.example true'], 'invitations stay to be read, without what would open them');
select bag_eq(format('select id from ucrm.sessions where id in (%L, %L, %L)', :'live', :'unused', :'ended'), array[:'live']::uuid[], 'and sessions that live');
-- A limit that an operator made longer keeps its hits longer.
insert into ucrm.rate_limits (name, plan, hits, seconds) values ('login', null, 10, 3600);
insert into ucrm.row_windows (name, key, hits) values ('login', 'longer', array[clock_timestamp() - interval '50 minutes']);
select is(pg_temp.gone(), 'nothing', 'by the limit that holds');
-- Only one at a time: the other has nothing to do.
select isnt_empty('select from ucrm.housekeep(0)', 'a batch has one row at least');
rollback;

-- Answers to Idempotency-Keys, mails, events: by their age, and as the settings say.
begin;
do $$ begin while (select sum(gone) from ucrm.housekeep()) > 0 loop end loop; end $$;
insert into ucrm.idempotency_keys (tenant_id, principal, key, request, status, created_at)
select :'acme', 'member housekeep', 'k' || n, 'x', 201, clock_timestamp() - make_interval(hours => h) from (values (1, 25), (2, 26), (3, 23)) as v (n, h);
insert into ucrm.emails (kind, recipient, status, created_at) values
('password_changed', 'old@y.example', 'sent', clock_timestamp() - interval '91 days'), ('password_changed', 'failed@y.example', 'failed', clock_timestamp() - interval '91 days'),
('password_changed', 'young@y.example', 'sent', clock_timestamp() - interval '89 days');
insert into ucrm.emails (kind, recipient, created_at, next_attempt_at) values ('password_changed', 'waiting@y.example', clock_timestamp() - interval '91 days', clock_timestamp());
select is(pg_temp.gone(), 'idempotency keys 2, mails 2', 'what is a day old, and what was over 90 days ago');
select is((select array_agg(recipient order by recipient) from ucrm.emails where recipient like '%@y.example'), array['waiting@y.example', 'young@y.example'], 'a mail that waits is not old');
select is((select array_agg(key) from ucrm.idempotency_keys where principal = 'member housekeep'), array['k3'], 'an answer that may be asked for stays');
insert into ucrm.events (tenant_id, id, type, resource) select t, ucrm.uuid_after(now() - make_interval(days => d)), 'contacts.housekept', 'contacts' from unnest(array[:'acme', :'globex']::uuid[]) as t, unnest(array[31, 32, 29]) as d;
select is(pg_temp.gone(), 'nothing', 'events are kept');
select ucrm.set('event_days', '30') \g /dev/null
select is(pg_temp.gone() || ', ' || pg_temp.gone() || ', ' || pg_temp.gone(), 'events 2, events 2, nothing', 'as long as the setting says');
select is((select count(*) from ucrm.events where type = 'contacts.housekept'), 2::bigint, 'younger ones stay');
select ucrm.set('event_days', '0') \g /dev/null
select is(pg_temp.gone(), 'events 2', 'the 0 days of a mistake are one');
select ok((select count(*) from ucrm.events where id > ucrm.uuid_after(now() - interval '23 hours')) > 0, 'and leave today''s');
select ucrm.set('event_days', '"x"') \g /dev/null
select lives_ok('select ucrm.housekeep()', 'a setting that is no number keeps them');
rollback;

begin;
set local role ucrm_gateway;
select lives_ok('select * from ucrm.housekeep()', 'the gateway has it done');
set local role ucrm_platform;
select lives_ok('select * from ucrm.housekeep()', 'and the platform');
set local role ucrm_app;
select throws_ok('select * from ucrm.housekeep()', '42501', null, 'a tenant''s back end does not');
rollback;

select '1..' || currval('__tresults___numb_seq');
