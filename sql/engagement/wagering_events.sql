-- What counts towards a bonus, the ledger of grants: see ledger.sql.
create table engagement.wagering_events (
    tenant_id uuid not null references ucrm.tenants (id) on delete cascade,
    id uuid not null default ucrm.uuid7(),
    bonus_grant_id uuid not null,
    game text check (length(game) <= 200),
    stake_minor bigint not null check (stake_minor between 1 and 1000000000000000),
    contribution_percent numeric(5, 2) not null default 100 check (contribution_percent between 0 and 100),
    counted_minor bigint not null default 0 check (counted_minor >= 0),
    currency text not null default 'XXX',
    external_id text check (external_id <> '' and length(external_id) <= 200),
    sequence bigint not null default 0 check (sequence > 0),
    previous_sequence bigint,
    wagered_before_minor bigint not null default 0,
    wagered_minor bigint not null default 0 check (wagered_minor >= 0),
    created_at timestamptz not null default clock_timestamp(),
    primary key (tenant_id, id),
    unique (tenant_id, external_id),
    unique (tenant_id, bonus_grant_id, sequence),
    unique (tenant_id, bonus_grant_id, sequence, wagered_minor),
    constraint wagering_events_total_check check (counted_minor <= stake_minor),
    constraint wagering_events_sum_check check (wagered_minor = wagered_before_minor + counted_minor),
    constraint wagering_events_chain_check check (
        case when sequence = 1 then previous_sequence is null and wagered_before_minor = 0 else previous_sequence is not null and previous_sequence = sequence - 1 end
    ),
    constraint wagering_events_previous_fkey foreign key (tenant_id, bonus_grant_id, previous_sequence, wagered_before_minor)
        references engagement.wagering_events (tenant_id, bonus_grant_id, sequence, wagered_minor),
    foreign key (tenant_id, bonus_grant_id) references engagement.bonus_grants (tenant_id, id),
    constraint wagering_events_currency_fkey foreign key (tenant_id, bonus_grant_id, currency) references engagement.bonus_grants (tenant_id, id, currency)
);
comment on table engagement.wagering_events is
'Every stake that counts towards a bonus, append-only. Give bonus_grant_id, stake and contribution_percent: what counts is filled in, never more than remains; the last one completes the grant. An external_id is taken once.';
comment on column engagement.wagering_events.contribution_percent is 'How much of a stake at this game counts, in per cent.';
comment on column engagement.wagering_events.counted_minor is 'What of the stake counted, in minor units of currency.';
comment on column engagement.wagering_events.sequence is 'Its place among the events of the grant, from 1 on without a gap.';
comment on column engagement.wagering_events.wagered_minor is 'What was wagered after it; wagered_before_minor: before it.';
create index wagering_events_newest on engagement.wagering_events (tenant_id, created_at desc, id desc);
-- A deleted row is looked for among those that name it as the one before.
create index wagering_events_previous on engagement.wagering_events (tenant_id, bonus_grant_id, previous_sequence, wagered_before_minor);

alter table engagement.bonus_grants
add constraint bonus_grants_last_event_fkey foreign key (tenant_id, id, last_sequence, wagered_minor)
    references engagement.wagering_events (tenant_id, bonus_grant_id, sequence, wagered_minor);

create function engagement.place_wager()
returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    bonus record;
begin
    -- engagement.follow_entry() has locked it.
    select g.status, g.expires_at, g.wagering_required_minor as required into bonus
    from engagement.bonus_grants as g
    where g.tenant_id = new.tenant_id and g.id = new.bonus_grant_id;
    if bonus.status <> 'active' or bonus.expires_at <= clock_timestamp() or new.wagered_before_minor >= bonus.required then
        perform ucrm.refuse('bonus_closed');
    end if;
    new.sequence := coalesce(new.previous_sequence, 0) + 1;
    new.counted_minor := greatest(least(floor(new.stake_minor * new.contribution_percent / 100), bonus.required - new.wagered_before_minor), 0);
    new.wagered_minor := new.wagered_before_minor + new.counted_minor;
    return new;
end
$$;
comment on function engagement.place_wager() is
'BEFORE INSERT trigger of engagement.wagering_events, after engagement.follow_entry(): fills in place and what counts. Refusal: bonus_closed.';
revoke execute on function engagement.place_wager() from public;
grant execute on function engagement.place_wager() to ucrm_app, ucrm_platform, ucrm_mover;

create trigger follow_entry
before insert on engagement.wagering_events
for each row execute function engagement.follow_entry('bonus_grants', 'bonus_grant_id', 'wagered');
comment on trigger follow_entry on engagement.wagering_events is 'reviewed: reads and locks the grant as the writer';
create trigger place_wager
before insert on engagement.wagering_events
for each row when (new.sequence = 0) execute function engagement.place_wager();
comment on trigger place_wager on engagement.wagering_events is 'reviewed: reads the grant as the writer';
create trigger carry_total
after insert on engagement.wagering_events
for each row execute function engagement.carry_total('bonus_grants', 'bonus_grant_id', 'wagered');
comment on trigger carry_total on engagement.wagering_events is 'reviewed: updates the grant as the writer';
create trigger keep_change
before update on engagement.wagering_events
for each row when (old.* is distinct from new.*) execute function engagement.keep_record();
comment on trigger keep_change on engagement.wagering_events is 'reviewed: refuses';
create trigger keep_delete
before delete on engagement.wagering_events
for each row execute function engagement.keep_record();
comment on trigger keep_delete on engagement.wagering_events is 'reviewed: refuses';

alter table engagement.wagering_events owner to ucrm_tables;
select ucrm.protect('engagement.wagering_events', label => 'game', search => array['game', 'external_id']) \g /dev/null

insert into ucrm.constraint_fields (schema_name, constraint_name, field, code, message) values
('engagement', 'bonus_grants_last_event_fkey', 'wagered', 'validation_failed', 'follows the wagering events: add one'),
('engagement', 'wagering_events_stake_minor_check', 'stake', 'validation_failed', 'must be more than 0'),
('engagement', 'wagering_events_contribution_percent_check', 'contribution_percent', 'validation_failed', 'must be between 0 and 100'),
('engagement', 'wagering_events_total_check', 'counted', 'validation_failed', 'is filled in'),
('engagement', 'wagering_events_sum_check', 'wagered', 'validation_failed', 'is filled in'),
('engagement', 'wagering_events_chain_check', 'sequence', 'validation_failed', 'is filled in'),
('engagement', 'wagering_events_previous_fkey', 'sequence', 'validation_failed', 'is filled in'),
('engagement', 'wagering_events_tenant_id_external_id_key', 'external_id', 'duplicate', 'is another event''s'),
('engagement', 'wagering_events_tenant_id_bonus_grant_id_fkey', 'bonus_grant_id', 'validation_failed', 'names no grant of this workspace'),
('engagement', 'wagering_events_currency_fkey', 'currency', 'validation_failed', 'is not the grant''s');
