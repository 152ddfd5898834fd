-- The ledger of wallets: see ledger.sql.
create table engagement.wallet_entries (
    tenant_id uuid not null references ucrm.tenants (id) on delete cascade,
    id uuid not null default ucrm.uuid7(),
    wallet_id uuid not null,
    kind text not null check (kind in ('deposit', 'withdrawal', 'stake', 'win', 'bonus', 'bonus_forfeit', 'adjustment')),
    amount_minor bigint not null check (amount_minor between -1000000000000000 and 1000000000000000),
    currency text not null default 'XXX',
    bonus_grant_id uuid,
    reason text check (length(reason) <= 2000),
    external_id text check (external_id <> '' and length(external_id) <= 200),
    sequence bigint not null default 0 check (sequence > 0),
    previous_sequence bigint,
    balance_before_minor bigint not null default 0,
    balance_minor bigint not null default 0,
    created_at timestamptz not null default clock_timestamp(),
    primary key (tenant_id, id),
    unique (tenant_id, external_id),
    unique (tenant_id, bonus_grant_id),
    unique (tenant_id, wallet_id, sequence),
    unique (tenant_id, wallet_id, sequence, balance_minor),
    constraint wallet_entries_sign_check check (case
        when kind in ('deposit', 'win', 'bonus') then amount_minor > 0
        when kind in ('withdrawal', 'stake', 'bonus_forfeit') then amount_minor < 0
        else amount_minor <> 0
    end),
    constraint wallet_entries_sufficient_check check (balance_minor >= 0),
    constraint wallet_entries_sum_check check (balance_minor = balance_before_minor + amount_minor),
    constraint wallet_entries_chain_check check (
        case when sequence = 1 then previous_sequence is null and balance_before_minor = 0 else previous_sequence is not null and previous_sequence = sequence - 1 end
    ),
    constraint wallet_entries_bonus_check check ((kind = 'bonus') = (bonus_grant_id is not null)),
    constraint wallet_entries_previous_fkey foreign key (tenant_id, wallet_id, previous_sequence, balance_before_minor)
        references engagement.wallet_entries (tenant_id, wallet_id, sequence, balance_minor),
    foreign key (tenant_id, wallet_id) references engagement.player_wallets (tenant_id, id),
    constraint wallet_entries_currency_fkey foreign key (tenant_id, wallet_id, currency) references engagement.player_wallets (tenant_id, id, currency),
    foreign key (tenant_id, bonus_grant_id) references engagement.bonus_grants (tenant_id, id),
    constraint wallet_entries_bonus_fits_fkey foreign key (tenant_id, bonus_grant_id, wallet_id, amount_minor)
        references engagement.bonus_grants (tenant_id, id, wallet_id, amount_minor)
);
comment on table engagement.wallet_entries is
'Every movement of a wallet, append-only. Give wallet_id, kind and amount, negative for what goes out: place and balances are filled in. An entry that would make the balance negative is refused; an external_id is taken once.';
comment on column engagement.wallet_entries.external_id is 'Your name for the movement: sent twice, it is one entry.';
comment on column engagement.wallet_entries.bonus_grant_id is 'For kind bonus: the grant that is paid, once, in full, into its own wallet.';
comment on column engagement.wallet_entries.sequence is 'Its place among the entries of the wallet, from 1 on without a gap.';
comment on column engagement.wallet_entries.balance_minor is 'The balance after it; balance_before_minor: before it.';
create index wallet_entries_newest on engagement.wallet_entries (tenant_id, created_at desc, id desc);
-- A deleted row is looked for among those that name it as the one before.
create index wallet_entries_previous on engagement.wallet_entries (tenant_id, wallet_id, previous_sequence, balance_before_minor);

alter table engagement.player_wallets
add constraint player_wallets_last_entry_fkey foreign key (tenant_id, id, last_sequence, balance_minor)
    references engagement.wallet_entries (tenant_id, wallet_id, sequence, balance_minor);

create function engagement.place_entry()
returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    -- engagement.follow_entry() has locked it.
    if exists (select from engagement.player_wallets as w where w.tenant_id = new.tenant_id and w.id = new.wallet_id and w.status <> 'active') then
        perform ucrm.refuse('wallet_frozen');
    end if;
    new.sequence := coalesce(new.previous_sequence, 0) + 1;
    new.balance_minor := new.balance_before_minor + new.amount_minor;
    return new;
end
$$;
comment on function engagement.place_entry() is
'BEFORE INSERT trigger of engagement.wallet_entries, after engagement.follow_entry(): fills in place and balance. Refusal: wallet_frozen.';
revoke execute on function engagement.place_entry() from public;
grant execute on function engagement.place_entry() to ucrm_app, ucrm_platform, ucrm_mover;

create trigger follow_entry
before insert on engagement.wallet_entries
for each row execute function engagement.follow_entry('player_wallets', 'wallet_id', 'balance');
comment on trigger follow_entry on engagement.wallet_entries is 'reviewed: reads and locks the wallet as the writer';
create trigger place_entry
before insert on engagement.wallet_entries
for each row when (new.sequence = 0) execute function engagement.place_entry();
comment on trigger place_entry on engagement.wallet_entries is 'reviewed: reads the wallet as the writer';
create trigger carry_total
after insert on engagement.wallet_entries
for each row execute function engagement.carry_total('player_wallets', 'wallet_id', 'balance');
comment on trigger carry_total on engagement.wallet_entries is 'reviewed: updates the wallet as the writer';
create trigger keep_change
before update on engagement.wallet_entries
for each row when (old.* is distinct from new.*) execute function engagement.keep_record();
comment on trigger keep_change on engagement.wallet_entries is 'reviewed: refuses';
create trigger keep_delete
before delete on engagement.wallet_entries
for each row execute function engagement.keep_record();
comment on trigger keep_delete on engagement.wallet_entries is 'reviewed: refuses';

alter table engagement.wallet_entries owner to ucrm_tables;
select ucrm.protect('engagement.wallet_entries', label => 'kind', search => array['kind', 'external_id']) \g /dev/null

insert into ucrm.constraint_fields (schema_name, constraint_name, field, code, message) values
('engagement', 'player_wallets_last_entry_fkey', 'balance', 'validation_failed', 'follows the wallet''s entries: add one'),
('engagement', 'wallet_entries_kind_check', 'kind', 'validation_failed', 'must be deposit, withdrawal, stake, win, bonus, bonus_forfeit or adjustment'),
('engagement', 'wallet_entries_amount_minor_check', 'amount', 'validation_failed', 'is too large'),
('engagement', 'wallet_entries_sign_check', 'amount', 'validation_failed', 'must be positive for deposit, win and bonus, negative for withdrawal, stake and bonus_forfeit, and never 0'),
('engagement', 'wallet_entries_sufficient_check', 'amount', 'validation_failed', 'is more than the wallet holds'),
('engagement', 'wallet_entries_sum_check', 'balance', 'validation_failed', 'is filled in'),
('engagement', 'wallet_entries_chain_check', 'sequence', 'validation_failed', 'is filled in'),
('engagement', 'wallet_entries_previous_fkey', 'sequence', 'validation_failed', 'is filled in'),
('engagement', 'wallet_entries_bonus_check', 'bonus_grant_id', 'validation_failed', 'must be given for kind bonus, and only then'),
('engagement', 'wallet_entries_tenant_id_external_id_key', 'external_id', 'duplicate', 'is another entry''s'),
('engagement', 'wallet_entries_tenant_id_bonus_grant_id_key', 'bonus_grant_id', 'duplicate', 'was paid already'),
('engagement', 'wallet_entries_tenant_id_wallet_id_fkey', 'wallet_id', 'validation_failed', 'names no wallet of this workspace'),
('engagement', 'wallet_entries_currency_fkey', 'currency', 'validation_failed', 'is not the wallet''s'),
('engagement', 'wallet_entries_tenant_id_bonus_grant_id_fkey', 'bonus_grant_id', 'validation_failed', 'names no grant of this workspace'),
('engagement', 'wallet_entries_bonus_fits_fkey', 'amount', 'validation_failed', 'must be the amount of the grant, into its wallet');
