create table engagement.message_sends (
    tenant_id uuid not null references ucrm.tenants (id) on delete cascade,
    id uuid not null default ucrm.uuid7(),
    player_id uuid not null,
    campaign_id uuid,
    campaign_variant_id uuid,
    messaging_provider_id uuid,
    channel text not null check (channel in ('email', 'sms', 'push', 'whatsapp', 'telegram')),
    recipient text not null check (recipient <> '' and length(recipient) <= 254),
    status text not null default 'queued' check (status in ('queued', 'sent', 'delivered', 'opened', 'clicked', 'bounced', 'failed')),
    error text check (length(error) <= 2000),
    sent_at timestamptz,
    delivered_at timestamptz,
    opened_at timestamptz,
    external_id text check (external_id <> '' and length(external_id) <= 200),
    created_at timestamptz not null default clock_timestamp(),
    updated_at timestamptz not null default clock_timestamp(),
    primary key (tenant_id, id),
    unique (tenant_id, external_id),
    constraint message_sends_sent_check check (status = 'queued' or status = 'failed' or sent_at is not null),
    foreign key (tenant_id, player_id) references engagement.players (tenant_id, id) on delete cascade,
    foreign key (tenant_id, campaign_id) references engagement.campaigns (tenant_id, id) on delete set null (campaign_id),
    foreign key (tenant_id, campaign_variant_id) references engagement.campaign_variants (tenant_id, id) on delete set null (campaign_variant_id),
    foreign key (tenant_id, messaging_provider_id) references engagement.messaging_providers (tenant_id, id) on delete set null (messaging_provider_id)
);
comment on table engagement.message_sends is 'A message to a player, and how far it came. Whoever sends it keeps this row; UCRM sends nothing here.';
comment on column engagement.message_sends.external_id is 'What the provider calls the message.';
create index message_sends_newest on engagement.message_sends (tenant_id, created_at desc, id desc);
create index message_sends_player on engagement.message_sends (tenant_id, player_id, created_at desc);
create index message_sends_campaign on engagement.message_sends (tenant_id, campaign_id, status);
create index message_sends_variant on engagement.message_sends (tenant_id, campaign_variant_id);
create index message_sends_provider on engagement.message_sends (tenant_id, messaging_provider_id);

create trigger touch
before update on engagement.message_sends
for each row execute function ucrm.touch();

alter table engagement.message_sends owner to ucrm_tables;
select ucrm.protect('engagement.message_sends', label => 'recipient', search => array['recipient']) \g /dev/null

insert into ucrm.constraint_fields (schema_name, constraint_name, field, code, message) values
('engagement', 'message_sends_channel_check', 'channel', 'validation_failed', 'must be email, sms, push, whatsapp or telegram'),
('engagement', 'message_sends_status_check', 'status', 'validation_failed', 'must be queued, sent, delivered, opened, clicked, bounced or failed'),
('engagement', 'message_sends_sent_check', 'sent_at', 'validation_failed', 'must be given for a message that was sent'),
('engagement', 'message_sends_tenant_id_external_id_key', 'external_id', 'duplicate', 'is another message''s'),
('engagement', 'message_sends_tenant_id_player_id_fkey', 'player_id', 'validation_failed', 'names no player of this workspace'),
('engagement', 'message_sends_tenant_id_campaign_id_fkey', 'campaign_id', 'validation_failed', 'names no campaign of this workspace'),
('engagement', 'message_sends_tenant_id_campaign_variant_id_fkey', 'campaign_variant_id', 'validation_failed', 'names no variant of this workspace'),
('engagement', 'message_sends_tenant_id_messaging_provider_id_fkey', 'messaging_provider_id', 'validation_failed', 'names no provider of this workspace');
