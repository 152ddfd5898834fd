-- A bonus that a player was given. What was wagered is what its last wagering event says: see wagering_events.
create table engagement.bonus_grants (
    tenant_id uuid not null references ucrm.tenants (id) on delete cascade,
    id uuid not null default ucrm.uuid7(),
    player_id uuid not null,
    wallet_id uuid not null,
    bonus_template_id uuid,
    bonus_campaign_id uuid,
    currency text not null,
    amount_minor bigint not null check (amount_minor > 0),
    wagering_required_minor bigint not null default 0 check (wagering_required_minor >= 0),
    wagered_minor bigint not null default 0 check (wagered_minor >= 0),
    last_sequence bigint check (last_sequence > 0),
    status text not null default 'active' check (status in ('active', 'completed', 'expired', 'forfeited', 'cancelled')),
    granted_at timestamptz not null default clock_timestamp(),
    expires_at timestamptz,
    closed_at timestamptz,
    external_id text check (external_id <> '' and length(external_id) <= 200),
    created_at timestamptz not null default clock_timestamp(),
    updated_at timestamptz not null default clock_timestamp(),
    primary key (tenant_id, id),
    unique (tenant_id, external_id),
    unique (tenant_id, id, wallet_id, amount_minor),
    unique (tenant_id, id, currency),
    constraint bonus_grants_start_check check (last_sequence is not null or wagered_minor = 0),
    constraint bonus_grants_wagered_check check (wagered_minor <= wagering_required_minor),
    constraint bonus_grants_completed_check check (status <> 'completed' or wagered_minor = wagering_required_minor),
    constraint bonus_grants_expiry_check check (expires_at > granted_at),
    foreign key (tenant_id, player_id) references engagement.players (tenant_id, id),
    foreign key (tenant_id, wallet_id) references engagement.player_wallets (tenant_id, id),
    constraint bonus_grants_wallet_fits_fkey foreign key (tenant_id, wallet_id, player_id, currency) references engagement.player_wallets (tenant_id, id, player_id, currency),
    foreign key (tenant_id, bonus_template_id) references engagement.bonus_templates (tenant_id, id) on delete set null (bonus_template_id),
    foreign key (tenant_id, bonus_campaign_id) references engagement.bonus_campaigns (tenant_id, id) on delete set null (bonus_campaign_id)
);
comment on table engagement.bonus_grants is
'A bonus that a player was given: active → completed by wagering, or expired, forfeited, cancelled. Its amounts do not change; the wallet gets it by one entry of kind bonus.';
comment on column engagement.bonus_grants.wagering_required_minor is 'How much is to be wagered before it is the player''s, in minor units of currency.';
comment on column engagement.bonus_grants.wagered_minor is 'How much of that was, after the last wagering event.';
comment on column engagement.bonus_grants.last_sequence is 'The number of the last wagering event; null before the first.';
comment on column engagement.bonus_grants.closed_at is 'When it stopped being active.';
create index bonus_grants_newest on engagement.bonus_grants (tenant_id, created_at desc, id desc);
create index bonus_grants_player on engagement.bonus_grants (tenant_id, player_id, status);
create index bonus_grants_wallet on engagement.bonus_grants (tenant_id, wallet_id, player_id, currency);
create index bonus_grants_template on engagement.bonus_grants (tenant_id, bonus_template_id);
create index bonus_grants_campaign on engagement.bonus_grants (tenant_id, bonus_campaign_id);

create function engagement.keep_grant()
returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    if tg_op = 'UPDATE' and new.tenant_id = old.tenant_id then
        if (new.player_id, new.wallet_id, new.currency, new.amount_minor, new.wagering_required_minor)
            is distinct from (old.player_id, old.wallet_id, old.currency, old.amount_minor, old.wagering_required_minor)
        then
            perform ucrm.refuse('immutable', 'player, wallet, currency and amounts of a bonus do not change: cancel it and grant another');
        end if;
        if old.status <> 'active' and new.status <> old.status then
            perform ucrm.refuse('immutable', format('a bonus that is %s stays so', old.status));
        end if;
    end if;
    -- All that is required completes it.
    if tg_op = 'UPDATE' and new.wagered_minor > old.wagered_minor and new.wagered_minor = new.wagering_required_minor and new.status = 'active' then
        new.status := 'completed';
    end if;
    new.closed_at := case when new.status <> 'active' then coalesce(new.closed_at, clock_timestamp()) end;
    return new;
end
$$;
comment on function engagement.keep_grant() is
'BEFORE trigger of engagement.bonus_grants: what was granted does not change, what is closed stays closed, and what is wagered to the end is completed.';
revoke execute on function engagement.keep_grant() from public;
grant execute on function engagement.keep_grant() to ucrm_app, ucrm_platform, ucrm_mover;

create trigger keep_grant
before insert or update on engagement.bonus_grants
for each row execute function engagement.keep_grant();
comment on trigger keep_grant on engagement.bonus_grants is 'reviewed: refuses, and reads and changes nothing but the row';
create trigger keep_wagered
before update on engagement.bonus_grants
for each row when ((old.wagered_minor, old.last_sequence) is distinct from (new.wagered_minor, new.last_sequence))
execute function engagement.keep_total('bonus_grants_last_event_fkey', 'wagering_events');
comment on trigger keep_wagered on engagement.bonus_grants is 'reviewed: refuses, and reads nothing but the row';
create trigger touch
before update on engagement.bonus_grants
for each row execute function ucrm.touch();

alter table engagement.bonus_grants owner to ucrm_tables;
select ucrm.protect('engagement.bonus_grants', label => 'status', search => array['status', 'external_id']) \g /dev/null

insert into ucrm.constraint_fields (schema_name, constraint_name, field, code, message) values
('engagement', 'bonus_grants_status_check', 'status', 'validation_failed', 'must be active, completed, expired, forfeited or cancelled'),
('engagement', 'bonus_grants_amount_minor_check', 'amount', 'validation_failed', 'must be more than 0'),
('engagement', 'bonus_grants_wagering_required_minor_check', 'wagering_required', 'validation_failed', 'must not be negative'),
('engagement', 'bonus_grants_start_check', 'wagered', 'validation_failed', 'follows the wagering events: add one'),
('engagement', 'bonus_grants_wagered_check', 'wagered', 'validation_failed', 'must not be more than wagering_required'),
('engagement', 'bonus_grants_completed_check', 'status', 'validation_failed', 'is completed by wagering all that is required'),
('engagement', 'bonus_grants_expiry_check', 'expires_at', 'validation_failed', 'must be later than granted_at'),
('engagement', 'bonus_grants_tenant_id_external_id_key', 'external_id', 'duplicate', 'is another grant''s'),
('engagement', 'bonus_grants_tenant_id_player_id_fkey', 'player_id', 'validation_failed', 'names no player of this workspace'),
('engagement', 'bonus_grants_tenant_id_wallet_id_fkey', 'wallet_id', 'validation_failed', 'names no wallet of this workspace'),
('engagement', 'bonus_grants_wallet_fits_fkey', 'wallet_id', 'validation_failed', 'is not this player''s wallet in this currency'),
('engagement', 'bonus_grants_tenant_id_bonus_template_id_fkey', 'bonus_template_id', 'validation_failed', 'names no template of this workspace'),
('engagement', 'bonus_grants_tenant_id_bonus_campaign_id_fkey', 'bonus_campaign_id', 'validation_failed', 'names no campaign of this workspace');
