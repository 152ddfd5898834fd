-- Housekeeping: what has run out goes, in batches, and nothing that still counts.
\ir scene.psql
create function pg_temp.gone() returns text language sql as $$
    select string_agg(h.what || ' ' || h.gone, ', ') from ucrm.housekeep(2) as h
$$;

begin;
do $$ begin while (select sum(gone) from ucrm.housekeep()) > 0 loop end loop; end $$;
select is(pg_temp.gone(), 'row_windows 0, verification_tokens 0, invitation tokens 0, sessions 0', 'at first there is nothing to do');

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
select is(pg_temp.gone(), 'row_windows 2, verification_tokens 0, invitation tokens 0, sessions 0', 'and the rest');
select is(pg_temp.gone(), 'row_windows 0, verification_tokens 0, invitation tokens 0, sessions 0', 'and then nothing');
select bag_eq($$select key from ucrm.row_windows where key in ('old1', 'old2', 'old3', 'mixed', 'yesterday', 'unknown', 'refunded')$$, array['mixed', 'yesterday', 'unknown'], 'windows with a hit that counts stay');
select is((select array_agg(purpose) from ucrm.verification_tokens where user_id = :'owner'), array['reset_password'], 'and tokens that still open something');
select is((select array_agg(email || ' ' || (digest is not null) order by email) from ucrm.invitations where email like '%@y.example'), array['late@y.example false', 'open@y.example true'], 'invitations stay to be read, without what would open them');
select bag_eq(format('select id from ucrm.sessions where id in (%L, %L, %L)', :'live', :'unused', :'ended'), array[:'live']::uuid[], 'and sessions that live');
-- A limit that an operator made longer keeps its hits longer.
insert into ucrm.rate_limits (name, plan, hits, seconds) values ('login', null, 10, 3600);
insert into ucrm.row_windows (name, key, hits) values ('login', 'longer', array[clock_timestamp() - interval '50 minutes']);
select is(pg_temp.gone(), 'row_windows 0, verification_tokens 0, invitation tokens 0, sessions 0', 'by the limit that holds');
-- Only one at a time: the other has nothing to do.
select is((select count(*) from ucrm.housekeep(0)), 4::bigint, 'a batch has one row at least');
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
