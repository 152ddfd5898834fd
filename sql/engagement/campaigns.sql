create table engagement.campaigns (
    tenant_id uuid not null references ucrm.tenants (id) on delete cascade,
    id uuid not null default ucrm.uuid7(),
    name text not null check (name <> '' and length(name) <= 200),
    description text check (length(description) <= 20000),
    channel text not null check (channel in ('email', 'sms', 'push', 'whatsapp', 'telegram')),
    status text not null default 'draft' check (status in ('draft', 'scheduled', 'running', 'paused', 'completed', 'cancelled')),
    segment_id uuid,
    messaging_provider_id uuid,
    starts_at timestamptz,
    ends_at timestamptz,
    owner_id uuid default ucrm.user_id(),
    created_at timestamptz not null default clock_timestamp(),
    updated_at timestamptz not null default clock_timestamp(),
    archived_at timestamptz,
    primary key (tenant_id, id),
    constraint campaigns_period_check check (ends_at > starts_at),
    constraint campaigns_schedule_check check (status <> 'scheduled' or starts_at is not null),
    foreign key (tenant_id, segment_id) references engagement.segments (tenant_id, id) on delete set null (segment_id),
    foreign key (tenant_id, messaging_provider_id) references engagement.messaging_providers (tenant_id, id) on delete set null (messaging_provider_id),
    foreign key (tenant_id, owner_id) references ucrm.tenant_memberships (tenant_id, user_id) on delete set null (owner_id)
);
comment on table engagement.campaigns is 'Messages to a segment of the players, in one variant or several.';
create index campaigns_newest on engagement.campaigns (tenant_id, created_at desc, id desc) include (owner_id, archived_at);
create index campaigns_name on engagement.campaigns (tenant_id, name, id);
create index campaigns_segment on engagement.campaigns (tenant_id, segment_id);
create index campaigns_provider on engagement.campaigns (tenant_id, messaging_provider_id);
create index campaigns_owner on engagement.campaigns (tenant_id, owner_id);

create table engagement.campaign_variants (
    tenant_id uuid not null references ucrm.tenants (id) on delete cascade,
    id uuid not null default ucrm.uuid7(),
    campaign_id uuid not null,
    name text not null check (name <> '' and length(name) <= 100),
    message_template_id uuid,
    weight smallint not null default 50 check (weight between 0 and 100),
    control boolean not null default false,
    created_at timestamptz not null default clock_timestamp(),
    updated_at timestamptz not null default clock_timestamp(),
    primary key (tenant_id, id),
    unique (tenant_id, campaign_id, name),
    constraint campaign_variants_template_needed check (control or message_template_id is not null),
    foreign key (tenant_id, campaign_id) references engagement.campaigns (tenant_id, id) on delete cascade,
    foreign key (tenant_id, message_template_id) references engagement.message_templates (tenant_id, id)
);
comment on table engagement.campaign_variants is 'The versions a campaign compares, and how large a part of the players gets each.';
comment on column engagement.campaign_variants.weight is 'Its part, against the weights of the others.';
comment on column engagement.campaign_variants.control is 'A control group: it gets nothing.';
create index campaign_variants_newest on engagement.campaign_variants (tenant_id, created_at desc, id desc);
create index campaign_variants_template on engagement.campaign_variants (tenant_id, message_template_id);

create trigger touch
before update on engagement.campaigns
for each row execute function ucrm.touch();
create trigger touch
before update on engagement.campaign_variants
for each row execute function ucrm.touch();

alter table engagement.campaigns owner to ucrm_tables;
alter table engagement.campaign_variants owner to ucrm_tables;
select ucrm.protect('engagement.campaigns', search => array['name', 'description']) \g /dev/null
select ucrm.protect('engagement.campaign_variants') \g /dev/null

insert into ucrm.constraint_fields (schema_name, constraint_name, field, code, message) values
('engagement', 'campaigns_channel_check', 'channel', 'validation_failed', 'must be email, sms, push, whatsapp or telegram'),
('engagement', 'campaigns_status_check', 'status', 'validation_failed', 'must be draft, scheduled, running, paused, completed or cancelled'),
('engagement', 'campaigns_period_check', 'ends_at', 'validation_failed', 'must be later than starts_at'),
('engagement', 'campaigns_schedule_check', 'starts_at', 'validation_failed', 'must be given for a scheduled campaign'),
('engagement', 'campaigns_tenant_id_segment_id_fkey', 'segment_id', 'validation_failed', 'names no segment of this workspace'),
('engagement', 'campaigns_tenant_id_messaging_provider_id_fkey', 'messaging_provider_id', 'validation_failed', 'names no provider of this workspace'),
('engagement', 'campaign_variants_weight_check', 'weight', 'validation_failed', 'must be between 0 and 100'),
('engagement', 'campaign_variants_template_needed', 'message_template_id', 'validation_failed', 'must be given, unless this is the control group'),
('engagement', 'campaign_variants_tenant_id_campaign_id_name_key', 'name', 'duplicate', 'is another variant''s of this campaign'),
('engagement', 'campaign_variants_tenant_id_campaign_id_fkey', 'campaign_id', 'validation_failed', 'names no campaign of this workspace'),
('engagement', 'campaign_variants_tenant_id_message_template_id_fkey', 'message_template_id', 'validation_failed', 'names no template of this workspace');
