create table engagement.players (
    tenant_id uuid not null references ucrm.tenants (id) on delete cascade,
    id uuid not null default ucrm.uuid7(),
    username text not null check (username <> '' and length(username) <= 100),
    name text check (name <> '' and length(name) <= 200),
    email text check (email ~ '^[^@\s]+@[^@\s]+$' and length(email) <= 254),
    phone text check (length(phone) <= 50),
    country text check (country ~ '^[A-Z]{2}$'),
    language text check (language ~ '^[a-z]{2}(-[A-Z]{2})?$'),
    birth_date date check (birth_date > '1900-01-01'),
    status text not null default 'active' check (status in ('active', 'suspended', 'self_excluded', 'closed')),
    kyc_status text not null default 'none' check (kyc_status in ('none', 'pending', 'verified', 'rejected')),
    vip_tier_id uuid,
    points bigint not null default 0 check (points >= 0),
    marketing_consent boolean not null default false,
    registered_at timestamptz not null default clock_timestamp(),
    last_seen_at timestamptz,
    custom jsonb not null default '{}' check (jsonb_typeof(custom) = 'object'),
    external_id text check (external_id <> '' and length(external_id) <= 200),
    created_at timestamptz not null default clock_timestamp(),
    updated_at timestamptz not null default clock_timestamp(),
    archived_at timestamptz,
    primary key (tenant_id, id),
    unique (tenant_id, username),
    unique (tenant_id, external_id),
    foreign key (tenant_id, vip_tier_id) references engagement.vip_tiers (tenant_id, id) on delete set null (vip_tier_id)
);
comment on table engagement.players is 'People who play. One with wallet entries or bonuses is archived, not deleted.';
comment on column engagement.players.country is 'ISO 3166-1, two letters.';
comment on column engagement.players.kyc_status is 'What kyc_history says last.';
create index players_newest on engagement.players (tenant_id, created_at desc, id desc) include (archived_at);
create index players_name on engagement.players (tenant_id, name, id);
create index players_tier on engagement.players (tenant_id, vip_tier_id);

create trigger touch
before update on engagement.players
for each row execute function ucrm.touch();

alter table engagement.players owner to ucrm_tables;
select ucrm.protect('engagement.players', label => 'username', search => array['username', 'name', 'email']) \g /dev/null

insert into ucrm.constraint_fields (schema_name, constraint_name, field, code, message) values
('engagement', 'players_email_check', 'email', 'validation_failed', 'must be an e-mail address'),
('engagement', 'players_country_check', 'country', 'validation_failed', 'must be a country code of two capital letters'),
('engagement', 'players_language_check', 'language', 'validation_failed', 'must be a language like en or pt-BR'),
('engagement', 'players_status_check', 'status', 'validation_failed', 'must be active, suspended, self_excluded or closed'),
('engagement', 'players_kyc_status_check', 'kyc_status', 'validation_failed', 'must be none, pending, verified or rejected'),
('engagement', 'players_tenant_id_username_key', 'username', 'duplicate', 'is another player''s'),
('engagement', 'players_tenant_id_external_id_key', 'external_id', 'duplicate', 'is another player''s'),
('engagement', 'players_tenant_id_vip_tier_id_fkey', 'vip_tier_id', 'validation_failed', 'names no tier of this workspace');
