-- What was decided about a player, and when. Append-only.
create table engagement.player_tier_history (
    tenant_id uuid not null references ucrm.tenants (id) on delete cascade,
    id uuid not null default ucrm.uuid7(),
    player_id uuid not null,
    from_tier_id uuid,
    to_tier_id uuid,
    reason text not null default 'points' check (reason in ('points', 'manual', 'decay', 'import')),
    note text check (length(note) <= 2000),
    at timestamptz not null default clock_timestamp(),
    created_at timestamptz not null default clock_timestamp(),
    primary key (tenant_id, id),
    constraint player_tier_history_tiers_check check (from_tier_id is distinct from to_tier_id or from_tier_id is null),
    foreign key (tenant_id, player_id) references engagement.players (tenant_id, id) on delete cascade,
    foreign key (tenant_id, from_tier_id) references engagement.vip_tiers (tenant_id, id) on delete set null (from_tier_id),
    foreign key (tenant_id, to_tier_id) references engagement.vip_tiers (tenant_id, id) on delete set null (to_tier_id)
);
comment on table engagement.player_tier_history is 'When a player went from one tier to another; append-only. It goes with the player.';
create index player_tier_history_newest on engagement.player_tier_history (tenant_id, created_at desc, id desc);
create index player_tier_history_player on engagement.player_tier_history (tenant_id, player_id, at desc);
create index player_tier_history_from on engagement.player_tier_history (tenant_id, from_tier_id);
create index player_tier_history_to on engagement.player_tier_history (tenant_id, to_tier_id);

create table engagement.kyc_history (
    tenant_id uuid not null references ucrm.tenants (id) on delete cascade,
    id uuid not null default ucrm.uuid7(),
    player_id uuid not null,
    status text not null check (status in ('pending', 'verified', 'rejected')),
    document text check (document in ('passport', 'identity_card', 'driving_licence', 'utility_bill', 'bank_statement')),
    provider text check (length(provider) <= 100),
    note text check (length(note) <= 2000),
    reviewer_id uuid,
    at timestamptz not null default clock_timestamp(),
    created_at timestamptz not null default clock_timestamp(),
    primary key (tenant_id, id),
    foreign key (tenant_id, player_id) references engagement.players (tenant_id, id) on delete cascade,
    foreign key (tenant_id, reviewer_id) references ucrm.tenant_memberships (tenant_id, user_id) on delete set null (reviewer_id)
);
comment on table engagement.kyc_history is 'Who checked a player''s identity, with which document, and what came of it; append-only. It goes with the player.';
create index kyc_history_newest on engagement.kyc_history (tenant_id, created_at desc, id desc);
create index kyc_history_player on engagement.kyc_history (tenant_id, player_id, at desc);
create index kyc_history_reviewer on engagement.kyc_history (tenant_id, reviewer_id);

create trigger keep_change
before update on engagement.player_tier_history
for each row when (old.* is distinct from new.*) execute function engagement.keep_record();
create trigger keep_delete
before delete on engagement.player_tier_history
for each row execute function engagement.keep_record();
create trigger keep_change
before update on engagement.kyc_history
for each row when (old.* is distinct from new.*) execute function engagement.keep_record();
create trigger keep_delete
before delete on engagement.kyc_history
for each row execute function engagement.keep_record();
comment on trigger keep_change on engagement.player_tier_history is 'reviewed: refuses';
comment on trigger keep_delete on engagement.player_tier_history is 'reviewed: refuses';
comment on trigger keep_change on engagement.kyc_history is 'reviewed: refuses';
comment on trigger keep_delete on engagement.kyc_history is 'reviewed: refuses';

alter table engagement.player_tier_history owner to ucrm_tables;
alter table engagement.kyc_history owner to ucrm_tables;
select ucrm.protect('engagement.player_tier_history', label => 'reason') \g /dev/null
select ucrm.protect('engagement.kyc_history', label => 'status', search => array['status', 'provider']) \g /dev/null

insert into ucrm.constraint_fields (schema_name, constraint_name, field, code, message) values
('engagement', 'player_tier_history_reason_check', 'reason', 'validation_failed', 'must be points, manual, decay or import'),
('engagement', 'player_tier_history_tiers_check', 'to_tier_id', 'validation_failed', 'must be another tier than from_tier_id'),
('engagement', 'player_tier_history_tenant_id_player_id_fkey', 'player_id', 'validation_failed', 'names no player of this workspace'),
('engagement', 'player_tier_history_tenant_id_from_tier_id_fkey', 'from_tier_id', 'validation_failed', 'names no tier of this workspace'),
('engagement', 'player_tier_history_tenant_id_to_tier_id_fkey', 'to_tier_id', 'validation_failed', 'names no tier of this workspace'),
('engagement', 'kyc_history_status_check', 'status', 'validation_failed', 'must be pending, verified or rejected'),
('engagement', 'kyc_history_document_check', 'document', 'validation_failed', 'must be passport, identity_card, driving_licence, utility_bill or bank_statement'),
('engagement', 'kyc_history_tenant_id_player_id_fkey', 'player_id', 'validation_failed', 'names no player of this workspace'),
('engagement', 'kyc_history_tenant_id_reviewer_id_fkey', 'reviewer_id', 'validation_failed', 'names no member of this workspace');
