create table crm.channels (
    tenant_id uuid not null references ucrm.tenants (id) on delete cascade,
    id uuid not null default ucrm.uuid7(),
    name text not null check (name <> '' and length(name) <= 200),
    kind text not null check (kind in ('telegram', 'whatsapp', 'resend')),
    address text check (address <> '' and length(address) <= 254),
    token text check (token <> '' and length(token) <= 2000),
    signing_secret text check (signing_secret <> '' and length(signing_secret) <= 2000),
    settings jsonb not null default '{}' check (jsonb_typeof(settings) = 'object'),
    enabled boolean not null default true,
    external_id text check (external_id <> '' and length(external_id) <= 200),
    created_at timestamptz not null default clock_timestamp(),
    updated_at timestamptz not null default clock_timestamp(),
    archived_at timestamptz,
    primary key (tenant_id, id),
    unique (tenant_id, external_id)
);
comment on table crm.channels is 'Where a workspace talks to people: a Telegram bot, a WhatsApp number, a sender at Resend. Credentials are write-only.';
comment on column crm.channels.address is 'The bot''s name, the telephone number or the address of the sender.';
comment on column crm.channels.token is 'Bot token, access token or API key; shown as a mask.';
comment on column crm.channels.signing_secret is 'What the other side signs its calls with; shown as a mask.';
create index channels_newest on crm.channels (tenant_id, created_at desc, id desc) include (archived_at);
create index channels_name on crm.channels (tenant_id, name, id);

create trigger touch
before update on crm.channels
for each row execute function ucrm.touch();

alter table crm.channels owner to ucrm_tables;
-- A system resource: entity permissions do not cover it.
select ucrm.protect('crm.channels', search => array['name', 'address'], secret => array['token', 'signing_secret']) \g /dev/null

insert into ucrm.constraint_fields (schema_name, constraint_name, field, code, message) values
('crm', 'channels_kind_check', 'kind', 'validation_failed', 'must be telegram, whatsapp or resend'),
('crm', 'channels_tenant_id_external_id_key', 'external_id', 'duplicate', 'is another channel''s');
