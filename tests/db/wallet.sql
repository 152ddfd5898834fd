-- The ledger of a wallet: what it takes and refuses, and that the balance is the sum of the entries, whoever writes them.
select * from no_plan();
\ir people.psql
begin;
select g.id as globex, (select w.id from engagement.player_wallets as w where w.tenant_id = g.id order by w.id limit 1) as theirs from ucrm.tenants as g where g.slug = 'globex' \gset

create function pg_temp.faults()
returns bigint
language sql
as $$
    select count(*)
    from engagement.player_wallets as w
    left join lateral (
        select sum(e.amount_minor) as total, max(e.sequence) as last, count(*) as n from engagement.wallet_entries as e where e.tenant_id = w.tenant_id and e.wallet_id = w.id
    ) as e on true
    where w.balance_minor <> coalesce(e.total, 0) or w.last_sequence is distinct from e.last or e.n <> coalesce(e.last, 0)
$$;
select is(pg_temp.faults(), 0::bigint, 'every balance of the demo is the sum of its entries');

insert into engagement.players (tenant_id, username) values (:'acme', 'tester') returning id as player \gset
insert into engagement.player_wallets (tenant_id, player_id, currency) values (:'acme', :'player', 'EUR') returning id as wallet \gset
insert into engagement.player_wallets (tenant_id, player_id, currency, kind) values (:'acme', :'player', 'EUR', 'bonus') returning id as bonus_wallet \gset

set local role ucrm_app;
select ucrm.enter(:'acme', :'owner');
create function pg_temp.balance(wallet uuid) returns bigint language sql as $$ select w.balance_minor from engagement.player_wallets as w where w.id = wallet $$;

insert into engagement.wallet_entries (wallet_id, kind, amount_minor, external_id) values (:'wallet', 'deposit', 1000, 't1');
select is(pg_temp.balance(:'wallet'), 1000::bigint, 'a deposit is in the balance');
insert into engagement.wallet_entries (wallet_id, kind, amount_minor) values (:'wallet', 'stake', -300), (:'wallet', 'win', 50), (:'wallet', 'stake', -750);
select is(pg_temp.balance(:'wallet'), 0::bigint, 'several entries of one statement, down to nothing');
select results_eq(format('select sequence, balance_before_minor, balance_minor, currency from engagement.wallet_entries where wallet_id = %L order by sequence', :'wallet'),
    $$values (1::bigint, 0::bigint, 1000::bigint, 'EUR'), (2, 1000, 700, 'EUR'), (3, 700, 750, 'EUR'), (4, 750, 0, 'EUR')$$, 'each has its place, and the balances before and after it');

insert into attempts values
('23514 wallet_entries_sufficient_check', 'insert into engagement.wallet_entries (wallet_id, kind, amount_minor) values (@W, ''stake'', -1)', 'a wallet is never overdrawn'),
('23514 wallet_entries_sufficient_check', 'insert into engagement.wallet_entries (wallet_id, kind, amount_minor) values (@W, ''deposit'', 10), (@W, ''stake'', -11)', 'nor by the last row of many'),
('23514 wallet_entries_sign_check', 'insert into engagement.wallet_entries (wallet_id, kind, amount_minor) values (@W, ''deposit'', -5)', 'a deposit comes in'),
('23514 wallet_entries_sign_check', 'insert into engagement.wallet_entries (wallet_id, kind, amount_minor) values (@W, ''withdrawal'', 5)', 'a withdrawal goes out'),
('23514 wallet_entries_sign_check', 'insert into engagement.wallet_entries (wallet_id, kind, amount_minor) values (@W, ''adjustment'', 0)', 'nothing is no movement'),
('23514 wallet_entries_amount_minor_check', 'insert into engagement.wallet_entries (wallet_id, kind, amount_minor) values (@W, ''deposit'', 9223372036854775)', 'nothing overflows'),
('23505 wallet_entries_tenant_id_external_id_key', 'insert into engagement.wallet_entries (wallet_id, kind, amount_minor, external_id) values (@W, ''deposit'', 1000, ''t1'')', 'a reference is taken once'),
('23503 wallet_entries_currency_fkey', 'insert into engagement.wallet_entries (wallet_id, kind, amount_minor, currency) values (@W, ''deposit'', 5, ''USD'')', 'a wallet has one currency'),
('23503 wallet_entries_tenant_id_wallet_id_fkey', 'insert into engagement.wallet_entries (wallet_id, kind, amount_minor) values (@T, ''deposit'', 5)', 'another tenant''s wallet does not exist'),
('23503 wallet_entries_tenant_id_wallet_id_fkey', 'insert into engagement.wallet_entries (wallet_id, kind, amount_minor) values (@T, ''stake'', -5)', 'nor for what goes out'),
('23505 wallet_entries_tenant_id_wallet_id_sequence_key', 'insert into engagement.wallet_entries (wallet_id, kind, amount_minor, currency, sequence, balance_minor) values (@W, ''deposit'', 7, ''EUR'', 1, 7)', 'no entry is written in the place of another'),
('23503 wallet_entries_previous_fkey', 'insert into engagement.wallet_entries (wallet_id, kind, amount_minor, currency, sequence, previous_sequence, balance_before_minor, balance_minor) values (@W, ''deposit'', 7, ''EUR'', 9, 8, 0, 7)', 'nor beyond the end'),
('23503 wallet_entries_previous_fkey', 'insert into engagement.wallet_entries (wallet_id, kind, amount_minor, currency, sequence, previous_sequence, balance_before_minor, balance_minor) values (@W, ''deposit'', 7, ''EUR'', 5, 4, 100, 107)', 'nor upon a balance that was not there'),
('23514 wallet_entries_sum_check', 'insert into engagement.wallet_entries (wallet_id, kind, amount_minor, currency, sequence, previous_sequence, balance_before_minor, balance_minor) values (@W, ''deposit'', 7, ''EUR'', 5, 4, 0, 70)', 'nor with a sum that is none'),
('PT403 immutable', 'update engagement.wallet_entries set amount_minor = 5000 where wallet_id = @W', 'an entry does not change'),
('PT403 immutable', 'delete from engagement.wallet_entries where wallet_id = @W', 'nor does it go away'),
('PT403 immutable', 'insert into engagement.wallet_entries (wallet_id, kind, amount_minor, external_id) values (@W, ''deposit'', 2000, ''t1'') on conflict (tenant_id, external_id) do update set amount_minor = excluded.amount_minor', 'nor by ON CONFLICT'),
('23503 player_wallets_last_entry_fkey', 'update engagement.player_wallets set balance_minor = 100000 where id = @W', 'a balance is not set'),
('23503 player_wallets_last_entry_fkey', 'update engagement.player_wallets set balance_minor = 1000, last_sequence = 1 where id = @W', 'nor set back'),
('23503 player_wallets_last_entry_fkey', 'update engagement.player_wallets set balance_minor = 1000, last_sequence = 5 where id = @W', 'nor set ahead'),
('23503 player_wallets_last_entry_fkey', 'update engagement.player_wallets set balance_minor = 0, last_sequence = null where id = @W', 'nor forgotten'),
('23514 player_wallets_start_check', 'insert into engagement.player_wallets (player_id, currency, balance_minor) values (@P, ''USD'', 500)', 'a wallet begins with nothing'),
('23503 player_wallets_last_entry_fkey', 'insert into engagement.player_wallets (player_id, currency, balance_minor, last_sequence) values (@P, ''USD'', 500, 1)', 'whatever it says'),
('23505 player_wallets_tenant_id_player_id_currency_kind_key', 'insert into engagement.player_wallets (player_id, currency) values (@P, ''EUR'')', 'a player has one of a kind and currency'),
('23503 wallet_entries_tenant_id_wallet_id_fkey', 'delete from engagement.player_wallets where id = @W', 'a wallet with entries stays'),
('23503 player_wallets_tenant_id_player_id_fkey', 'delete from engagement.players where id = @P', 'and so does its player');
select is(pg_temp.refusal(replace(replace(replace(a.statement, '@W', quote_literal(:'wallet')), '@P', quote_literal(:'player')), '@T', quote_literal(:'theirs'))), a.expected, a.about) from attempts as a;
select is(pg_temp.balance(:'wallet'), 0::bigint, 'none of which moved anything');

-- What is left out moves nothing: the balance is carried over after the row is there.
insert into engagement.wallet_entries (wallet_id, kind, amount_minor, external_id) values (:'wallet', 'deposit', 1000, 't1') on conflict (tenant_id, external_id) do nothing;
select is(pg_temp.balance(:'wallet'), 0::bigint, 'the same reference again, with ON CONFLICT DO NOTHING, moves nothing');
insert into engagement.wallet_entries (wallet_id, kind, amount_minor, external_id) values (:'wallet', 'deposit', 1000, 't1'), (:'wallet', 'deposit', 40, 't2') on conflict (tenant_id, external_id) do nothing;
select is(pg_temp.balance(:'wallet'), 40::bigint, 'and what is new beside it is counted');
select lives_ok(format('update engagement.wallet_entries set kind = kind where wallet_id = %L', :'wallet'), 'an update that changes nothing is none');

update engagement.player_wallets set status = 'frozen' where id = :'wallet';
select is(pg_temp.refusal(format('insert into engagement.wallet_entries (wallet_id, kind, amount_minor) values (%L, ''deposit'', 5)', :'wallet')), 'PT409 wallet_frozen', 'a frozen wallet takes nothing');
update engagement.player_wallets set status = 'active' where id = :'wallet';

-- A bonus is paid once, in full, into its own wallet.
insert into engagement.bonus_grants (player_id, wallet_id, currency, amount_minor, wagering_required_minor) values (:'player', :'bonus_wallet', 'EUR', 500, 1000) returning id as bonus \gset
select is(pg_temp.refusal(format('insert into engagement.wallet_entries (wallet_id, kind, amount_minor, bonus_grant_id) values (%L, ''bonus'', 501, %L)', :'bonus_wallet', :'bonus')), '23503 wallet_entries_bonus_fits_fkey', 'not more than was granted');
select is(pg_temp.refusal(format('insert into engagement.wallet_entries (wallet_id, kind, amount_minor, bonus_grant_id) values (%L, ''bonus'', 500, %L)', :'wallet', :'bonus')), '23503 wallet_entries_bonus_fits_fkey', 'not into another wallet');
select is(pg_temp.refusal(format('insert into engagement.wallet_entries (wallet_id, kind, amount_minor) values (%L, ''bonus'', 500)', :'bonus_wallet')), '23514 wallet_entries_bonus_check', 'not without a grant');
insert into engagement.wallet_entries (wallet_id, kind, amount_minor, bonus_grant_id) values (:'bonus_wallet', 'bonus', 500, :'bonus');
select is(pg_temp.refusal(format('insert into engagement.wallet_entries (wallet_id, kind, amount_minor, bonus_grant_id) values (%L, ''bonus'', 500, %L)', :'bonus_wallet', :'bonus')), '23505 wallet_entries_tenant_id_bonus_grant_id_key', 'not twice');
select is(pg_temp.balance(:'bonus_wallet'), 500::bigint, 'once, it is there');
reset role;
select is(pg_temp.faults(), 0::bigint, 'every balance is the sum of its entries');

-- A superuser is held by the constraints as well.
select is(pg_temp.refusal(format('update engagement.player_wallets set balance_minor = 7 where id = %L', :'wallet')), '23503 player_wallets_last_entry_fkey', 'a superuser sets no balance');
insert into engagement.wallet_entries (tenant_id, wallet_id, kind, amount_minor) values (:'acme', :'wallet', 'adjustment', 2);
select is(pg_temp.balance(:'wallet'), 42::bigint, 'and writes entries like everybody');
select is_empty(format('select from ucrm.audit_logs where tenant_id = %L and resource = ''player_wallets'' and record_id = %L and not (''balance_minor'' = any (changed) or changed is null or ''status'' = any (changed))', :'acme', :'wallet'), 'the audit log says what each did to the balance');
rollback;

-- Who may not change wallets posts nothing.
begin;
select user_id as clerk from ucrm.tenant_memberships where tenant_id = :'acme' and role = 'agent' and disabled_at is null limit 1 \gset
insert into ucrm.roles (tenant_id, name) values (:'acme', 'clerk');
insert into ucrm.role_permissions (tenant_id, role, resource, action)
values (:'acme', 'clerk', 'wallet_entries', 'create'), (:'acme', 'clerk', 'wallet_entries', 'read'), (:'acme', 'clerk', 'player_wallets', 'read');
update ucrm.tenant_memberships set role = 'clerk' where tenant_id = :'acme' and user_id = :'clerk';
update ucrm.users set email_verified_at = now() where id = :'clerk';
select id as wallet from engagement.player_wallets where tenant_id = :'acme' and balance_minor > 0 limit 1 \gset
set local role ucrm_app;
select ucrm.enter(:'acme', :'clerk');
select throws_ok(format('insert into engagement.wallet_entries (wallet_id, kind, amount_minor) values (%L, ''deposit'', 5)', :'wallet'), 'PT403', 'permission_denied', 'an entry needs the permission to change wallets');
rollback;
begin;
set local role ucrm_app;
select ucrm.enter(:'acme', :'reader');
select throws_ok(format('insert into engagement.wallet_entries (wallet_id, kind, amount_minor) values (%L, ''deposit'', 5)', :'wallet'), 'PT403', 'permission_denied', 'a reader posts nothing');
select throws_ok('update engagement.player_wallets set balance_minor = 0', 'PT403', 'permission_denied', 'and sets nothing');
rollback;
select '1..' || currval('__tresults___numb_seq');
