-- What a player holds. The balance is that of the wallet's last entry: see wallet_entries.
create table engagement.player_wallets (
    tenant_id uuid not null references ucrm.tenants (id) on delete cascade,
    id uuid not null default ucrm.uuid7(),
    player_id uuid not null,
    kind text not null default 'cash' check (kind in ('cash', 'bonus')),
    currency text not null,
    balance_minor bigint not null default 0 check (balance_minor >= 0),
    last_sequence bigint check (last_sequence > 0),
    status text not null default 'active' check (status in ('active', 'frozen', 'closed')),
    created_at timestamptz not null default clock_timestamp(),
    updated_at timestamptz not null default clock_timestamp(),
    primary key (tenant_id, id),
    unique (tenant_id, player_id, currency, kind),
    unique (tenant_id, id, currency),
    unique (tenant_id, id, player_id, currency),
    constraint player_wallets_start_check check (last_sequence is not null or balance_minor = 0),
    foreign key (tenant_id, player_id) references engagement.players (tenant_id, id),
    foreign key (tenant_id, currency) references engagement.currencies (tenant_id, code)
);
comment on table engagement.player_wallets is
'What a player holds, in one currency. Nobody sets the balance: add a row to wallet_entries, and it follows.';
comment on column engagement.player_wallets.balance_minor is 'The balance after the last entry, in minor units of currency.';
comment on column engagement.player_wallets.last_sequence is 'The number of the last entry; null before the first.';
create index player_wallets_newest on engagement.player_wallets (tenant_id, created_at desc, id desc);
create index player_wallets_currency on engagement.player_wallets (tenant_id, currency);

create trigger keep_balance
before update on engagement.player_wallets
for each row when ((old.balance_minor, old.last_sequence) is distinct from (new.balance_minor, new.last_sequence))
execute function engagement.keep_total('player_wallets_last_entry_fkey', 'wallet_entries');
comment on trigger keep_balance on engagement.player_wallets is 'reviewed: refuses, and reads nothing but the row';
create trigger touch
before update on engagement.player_wallets
for each row execute function ucrm.touch();

alter table engagement.player_wallets owner to ucrm_tables;
select ucrm.protect('engagement.player_wallets', label => 'kind', search => array['kind', 'currency']) \g /dev/null

insert into ucrm.constraint_fields (schema_name, constraint_name, field, code, message) values
('engagement', 'player_wallets_kind_check', 'kind', 'validation_failed', 'must be cash or bonus'),
('engagement', 'player_wallets_status_check', 'status', 'validation_failed', 'must be active, frozen or closed'),
('engagement', 'player_wallets_balance_minor_check', 'balance', 'validation_failed', 'must not be negative'),
('engagement', 'player_wallets_start_check', 'balance', 'validation_failed', 'follows the wallet''s entries: add one'),
('engagement', 'player_wallets_tenant_id_player_id_currency_kind_key', 'currency', 'duplicate', 'has a wallet of this kind already'),
('engagement', 'player_wallets_tenant_id_player_id_fkey', 'player_id', 'validation_failed', 'names no player of this workspace'),
('engagement', 'player_wallets_tenant_id_currency_fkey', 'currency', 'validation_failed', 'is no currency of this workspace');
