create table engagement.bonus_templates (
    tenant_id uuid not null references ucrm.tenants (id) on delete cascade,
    id uuid not null default ucrm.uuid7(),
    name text not null check (name <> '' and length(name) <= 200),
    kind text not null check (kind in ('deposit_match', 'fixed', 'free_bet', 'cashback')),
    percent numeric(6, 2) check (percent > 0 and percent <= 1000),
    amount_minor bigint check (amount_minor > 0),
    max_amount_minor bigint check (max_amount_minor > 0),
    currency text not null,
    wagering_multiplier numeric(6, 2) not null default 0 check (wagering_multiplier between 0 and 1000),
    valid_days smallint not null default 30 check (valid_days between 1 and 3650),
    terms text check (length(terms) <= 20000),
    enabled boolean not null default true,
    created_at timestamptz not null default clock_timestamp(),
    updated_at timestamptz not null default clock_timestamp(),
    archived_at timestamptz,
    primary key (tenant_id, id),
    unique (tenant_id, name),
    constraint bonus_templates_amount_needed check (case when kind in ('fixed', 'free_bet') then amount_minor is not null else percent is not null end),
    foreign key (tenant_id, currency) references engagement.currencies (tenant_id, code)
);
comment on table engagement.bonus_templates is 'Kinds of bonuses: how much, and how often it is to be wagered.';
comment on column engagement.bonus_templates.percent is 'Of a deposit or a loss, for deposit_match and cashback.';
comment on column engagement.bonus_templates.wagering_multiplier is 'How many times its amount is to be wagered before it is the player''s.';
create index bonus_templates_newest on engagement.bonus_templates (tenant_id, created_at desc, id desc) include (archived_at);
create index bonus_templates_currency on engagement.bonus_templates (tenant_id, currency);

create table engagement.bonus_campaigns (
    tenant_id uuid not null references ucrm.tenants (id) on delete cascade,
    id uuid not null default ucrm.uuid7(),
    name text not null check (name <> '' and length(name) <= 200),
    bonus_template_id uuid not null,
    segment_id uuid,
    code text check (code ~ '^[A-Z0-9]{3,32}$'),
    status text not null default 'draft' check (status in ('draft', 'running', 'paused', 'ended')),
    starts_at timestamptz,
    ends_at timestamptz,
    created_at timestamptz not null default clock_timestamp(),
    updated_at timestamptz not null default clock_timestamp(),
    archived_at timestamptz,
    primary key (tenant_id, id),
    unique (tenant_id, code),
    constraint bonus_campaigns_period_check check (ends_at > starts_at),
    foreign key (tenant_id, bonus_template_id) references engagement.bonus_templates (tenant_id, id),
    foreign key (tenant_id, segment_id) references engagement.segments (tenant_id, id) on delete set null (segment_id)
);
comment on table engagement.bonus_campaigns is 'A bonus on offer: to whom, from when until when, and by which code.';
create index bonus_campaigns_newest on engagement.bonus_campaigns (tenant_id, created_at desc, id desc) include (archived_at);
create index bonus_campaigns_name on engagement.bonus_campaigns (tenant_id, name, id);
create index bonus_campaigns_template on engagement.bonus_campaigns (tenant_id, bonus_template_id);
create index bonus_campaigns_segment on engagement.bonus_campaigns (tenant_id, segment_id);

create trigger touch
before update on engagement.bonus_templates
for each row execute function ucrm.touch();
create trigger touch
before update on engagement.bonus_campaigns
for each row execute function ucrm.touch();

alter table engagement.bonus_templates owner to ucrm_tables;
alter table engagement.bonus_campaigns owner to ucrm_tables;
select ucrm.protect('engagement.bonus_templates') \g /dev/null
select ucrm.protect('engagement.bonus_campaigns', search => array['name', 'code']) \g /dev/null

insert into ucrm.constraint_fields (schema_name, constraint_name, field, code, message) values
('engagement', 'bonus_templates_kind_check', 'kind', 'validation_failed', 'must be deposit_match, fixed, free_bet or cashback'),
('engagement', 'bonus_templates_amount_needed', 'amount', 'validation_failed', 'fixed and free_bet need an amount, deposit_match and cashback a percent'),
('engagement', 'bonus_templates_tenant_id_name_key', 'name', 'duplicate', 'is another template''s'),
('engagement', 'bonus_templates_tenant_id_currency_fkey', 'currency', 'validation_failed', 'is no currency of this workspace'),
('engagement', 'bonus_campaigns_code_check', 'code', 'validation_failed', 'must be 3 to 32 capital letters and digits'),
('engagement', 'bonus_campaigns_status_check', 'status', 'validation_failed', 'must be draft, running, paused or ended'),
('engagement', 'bonus_campaigns_period_check', 'ends_at', 'validation_failed', 'must be later than starts_at'),
('engagement', 'bonus_campaigns_tenant_id_code_key', 'code', 'duplicate', 'is another campaign''s'),
('engagement', 'bonus_campaigns_tenant_id_bonus_template_id_fkey', 'bonus_template_id', 'validation_failed', 'names no template of this workspace'),
('engagement', 'bonus_campaigns_tenant_id_segment_id_fkey', 'segment_id', 'validation_failed', 'names no segment of this workspace');
