-- Bonuses: what is wagered is counted once and never beyond what is required; what was granted does not change.
select * from no_plan();
\ir people.psql
begin;
select g.id as globex, (select b.id from engagement.bonus_grants as b where b.tenant_id = g.id limit 1) as theirs from ucrm.tenants as g where g.slug = 'globex' \gset
create function pg_temp.faults()
returns bigint
language sql
as $$
    select count(*)
    from engagement.bonus_grants as g
    left join lateral (
        select sum(e.counted_minor) as total, max(e.sequence) as last, count(*) as n from engagement.wagering_events as e where e.tenant_id = g.tenant_id and e.bonus_grant_id = g.id
    ) as e on true
    where g.wagered_minor <> coalesce(e.total, 0) or g.last_sequence is distinct from e.last or e.n <> coalesce(e.last, 0)
       or g.status = 'completed' and g.wagered_minor <> g.wagering_required_minor
$$;
select is(pg_temp.faults(), 0::bigint, 'what the demo wagered is the sum of its events');
select results_eq(format('select status, wagered_minor from engagement.bonus_grants where tenant_id = %L order by external_id', :'acme'),
    $$values ('active', 2500::bigint), ('completed', 5000)$$, 'a share of each stake counted, and the last one completed its bonus');

insert into engagement.players (tenant_id, username) values (:'acme', 'tester') returning id as player \gset
insert into engagement.players (tenant_id, username) values (:'acme', 'other') returning id as other \gset
insert into engagement.player_wallets (tenant_id, player_id, currency, kind) values (:'acme', :'player', 'EUR', 'bonus') returning id as wallet \gset
set local role ucrm_app;
select ucrm.enter(:'acme', :'owner');
insert into engagement.bonus_grants (player_id, wallet_id, currency, amount_minor, wagering_required_minor) values (:'player', :'wallet', 'EUR', 500, 1000) returning id as bonus \gset

insert into engagement.wagering_events (bonus_grant_id, stake_minor, contribution_percent, external_id) values (:'bonus', 999, 50, 'b1');
select results_eq(format('select counted_minor, sequence, wagered_minor, currency from engagement.wagering_events where bonus_grant_id = %L', :'bonus'), $$values (499::bigint, 1::bigint, 499::bigint, 'EUR')$$, 'the share that counts is rounded down');
insert into engagement.wagering_events (bonus_grant_id, stake_minor, contribution_percent) values (:'bonus', 300, 0), (:'bonus', 400, 100);
select is((select wagered_minor from engagement.bonus_grants where id = :'bonus'), 899::bigint, 'several events of one statement; what does not contribute is kept and counts nothing');

insert into attempts values
('23503 wagering_events_tenant_id_bonus_grant_id_fkey', 'insert into engagement.wagering_events (bonus_grant_id, stake_minor) values (@T, 5)', 'another tenant''s bonus does not exist'),
('23503 wagering_events_currency_fkey', 'insert into engagement.wagering_events (bonus_grant_id, stake_minor, currency) values (@B, 5, ''USD'')', 'a bonus has one currency'),
('23505 wagering_events_tenant_id_external_id_key', 'insert into engagement.wagering_events (bonus_grant_id, stake_minor, external_id) values (@B, 5, ''b1'')', 'a reference is taken once'),
('23514 wagering_events_stake_minor_check', 'insert into engagement.wagering_events (bonus_grant_id, stake_minor) values (@B, -5)', 'nothing is taken back'),
('23514 wagering_events_contribution_percent_check', 'insert into engagement.wagering_events (bonus_grant_id, stake_minor, contribution_percent) values (@B, 5, 101)', 'nor counted more than once'),
('23514 bonus_grants_wagered_check', 'insert into engagement.wagering_events (bonus_grant_id, stake_minor, counted_minor, currency, sequence, previous_sequence, wagered_before_minor, wagered_minor) values (@B, 5000, 5000, ''EUR'', 4, 3, 899, 5899)', 'nor beyond what is required'),
('23503 wagering_events_previous_fkey', 'insert into engagement.wagering_events (bonus_grant_id, stake_minor, counted_minor, currency, sequence, previous_sequence, wagered_before_minor, wagered_minor) values (@B, 5, 5, ''EUR'', 4, 3, 0, 5)', 'nor upon a sum that was not there'),
('PT403 immutable', 'update engagement.wagering_events set stake_minor = 1 where bonus_grant_id = @B', 'an event does not change'),
('PT403 immutable', 'delete from engagement.wagering_events where bonus_grant_id = @B', 'nor does it go away'),
('PT403 immutable', 'update engagement.bonus_grants set amount_minor = 1 where id = @B', 'what was granted does not change'),
('PT403 immutable', 'update engagement.bonus_grants set wagering_required_minor = 899 where id = @B', 'nor what is required'),
('PT403 immutable', 'update engagement.bonus_grants set player_id = @O where id = @B', 'nor to whom'),
('23503 bonus_grants_last_event_fkey', 'update engagement.bonus_grants set wagered_minor = 1000 where id = @B', 'what was wagered is not set'),
('23503 bonus_grants_last_event_fkey', 'update engagement.bonus_grants set wagered_minor = 499, last_sequence = 1 where id = @B', 'nor set back'),
('23514 bonus_grants_completed_check', 'update engagement.bonus_grants set status = ''completed'' where id = @B', 'a bonus is completed by wagering'),
('23503 bonus_grants_wallet_fits_fkey', 'insert into engagement.bonus_grants (player_id, wallet_id, currency, amount_minor) values (@O, @W, ''EUR'', 5)', 'it goes into the player''s own wallet'),
('23514 bonus_grants_start_check', 'insert into engagement.bonus_grants (player_id, wallet_id, currency, amount_minor, wagering_required_minor, wagered_minor) values (@P, @W, ''EUR'', 5, 10, 9)', 'and begins unwagered'),
('23514 bonus_grants_amount_minor_check', 'insert into engagement.bonus_grants (player_id, wallet_id, currency, amount_minor) values (@P, @W, ''EUR'', -5)', 'nothing is granted that takes');
select is(pg_temp.refusal(replace(replace(replace(replace(replace(a.statement, '@B', quote_literal(:'bonus')), '@T', quote_literal(:'theirs')), '@O', quote_literal(:'other')), '@W', quote_literal(:'wallet')), '@P', quote_literal(:'player'))), a.expected, a.about) from attempts as a;

insert into engagement.wagering_events (bonus_grant_id, stake_minor, external_id) values (:'bonus', 5, 'b1') on conflict (tenant_id, external_id) do nothing;
select is((select wagered_minor from engagement.bonus_grants where id = :'bonus'), 899::bigint, 'the same reference again, with ON CONFLICT DO NOTHING, counts nothing');
insert into engagement.wagering_events (bonus_grant_id, stake_minor) values (:'bonus', 5000);
select results_eq(format('select status, wagered_minor, closed_at is not null from engagement.bonus_grants where id = %L', :'bonus'), $$values ('completed', 1000::bigint, true)$$, 'the last stake counts as far as it is needed, and completes it');
select is((select counted_minor from engagement.wagering_events where bonus_grant_id = :'bonus' order by sequence desc limit 1), 101::bigint, 'which it says');
select is(pg_temp.refusal(format('insert into engagement.wagering_events (bonus_grant_id, stake_minor) values (%L, 5)', :'bonus')), 'PT409 bonus_closed', 'a completed bonus takes no more');
select is(pg_temp.refusal(format('update engagement.bonus_grants set status = ''active'' where id = %L', :'bonus')), 'PT403 immutable', 'and is not opened again');
insert into engagement.bonus_grants (player_id, wallet_id, currency, amount_minor, wagering_required_minor, granted_at, expires_at)
values (:'player', :'wallet', 'EUR', 500, 1000, now() - interval '2 days', now() - interval '1 day') returning id as stale \gset
select is(pg_temp.refusal(format('insert into engagement.wagering_events (bonus_grant_id, stake_minor) values (%L, 5)', :'stale')), 'PT409 bonus_closed', 'nor does one that has expired');
update engagement.bonus_grants set status = 'expired' where id = :'stale';
select is(pg_temp.refusal(format('update engagement.bonus_grants set status = ''cancelled'' where id = %L', :'stale')), 'PT403 immutable', 'expired is expired');
reset role;
select is(pg_temp.faults(), 0::bigint, 'what was wagered is the sum of the events');
rollback;

begin;
set local role ucrm_app;
select ucrm.enter(:'acme', :'reader');
select throws_ok('insert into engagement.wagering_events (bonus_grant_id, stake_minor) select id, 5 from engagement.bonus_grants', 'PT403', 'permission_denied', 'a reader wagers nothing');
select throws_ok('update engagement.bonus_grants set status = ''cancelled''', 'PT403', 'permission_denied', 'and cancels nothing');
rollback;
select '1..' || currval('__tresults___numb_seq');
