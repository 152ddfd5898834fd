create table engagement.messaging_providers (
    tenant_id uuid not null references ucrm.tenants (id) on delete cascade,
    id uuid not null default ucrm.uuid7(),
    name text not null check (name <> '' and length(name) <= 200),
    kind text not null check (kind in ('smtp', 'resend', 'twilio', 'whatsapp', 'telegram', 'firebase')),
    channel text not null check (channel in ('email', 'sms', 'push', 'whatsapp', 'telegram')),
    sender text check (sender <> '' and length(sender) <= 254),
    api_key text check (api_key <> '' and length(api_key) <= 4000),
    settings jsonb not null default '{}' check (jsonb_typeof(settings) = 'object'),
    priority smallint not null default 100 check (priority between 0 and 1000),
    enabled boolean not null default true,
    created_at timestamptz not null default clock_timestamp(),
    updated_at timestamptz not null default clock_timestamp(),
    archived_at timestamptz,
    primary key (tenant_id, id)
);
comment on table engagement.messaging_providers is 'Who carries a workspace''s messages to its players. Credentials are write-only.';
comment on column engagement.messaging_providers.api_key is 'Key or password; shown as a mask.';
comment on column engagement.messaging_providers.priority is 'The lowest one of a channel is tried first.';
create index messaging_providers_newest on engagement.messaging_providers (tenant_id, created_at desc, id desc) include (archived_at);
create index messaging_providers_name on engagement.messaging_providers (tenant_id, name, id);

create table engagement.message_templates (
    tenant_id uuid not null references ucrm.tenants (id) on delete cascade,
    id uuid not null default ucrm.uuid7(),
    name text not null check (name <> '' and length(name) <= 200),
    channel text not null check (channel in ('email', 'sms', 'push', 'whatsapp', 'telegram')),
    language text not null default 'en' check (language ~ '^[a-z]{2}(-[A-Z]{2})?$'),
    subject text check (length(subject) <= 500),
    body text not null check (body <> '' and length(body) <= 100000),
    variables text[] not null default '{}' check (array_position(variables, null) is null and cardinality(variables) <= 100),
    created_at timestamptz not null default clock_timestamp(),
    updated_at timestamptz not null default clock_timestamp(),
    archived_at timestamptz,
    primary key (tenant_id, id),
    unique (tenant_id, name, language),
    constraint message_templates_subject_needed check (channel <> 'email' or subject is not null)
);
comment on table engagement.message_templates is 'What messages say, in each language.';
comment on column engagement.message_templates.variables is 'Names that stand in subject and body as {{name}}.';
create index message_templates_newest on engagement.message_templates (tenant_id, created_at desc, id desc) include (archived_at);

create trigger touch
before update on engagement.messaging_providers
for each row execute function ucrm.touch();
create trigger touch
before update on engagement.message_templates
for each row execute function ucrm.touch();

alter table engagement.messaging_providers owner to ucrm_tables;
alter table engagement.message_templates owner to ucrm_tables;
select ucrm.protect('engagement.messaging_providers', search => array['name', 'sender'], secret => array['api_key']) \g /dev/null
select ucrm.protect('engagement.message_templates', search => array['name', 'subject']) \g /dev/null

insert into ucrm.constraint_fields (schema_name, constraint_name, field, code, message) values
('engagement', 'messaging_providers_kind_check', 'kind', 'validation_failed', 'must be smtp, resend, twilio, whatsapp, telegram or firebase'),
('engagement', 'messaging_providers_channel_check', 'channel', 'validation_failed', 'must be email, sms, push, whatsapp or telegram'),
('engagement', 'message_templates_channel_check', 'channel', 'validation_failed', 'must be email, sms, push, whatsapp or telegram'),
('engagement', 'message_templates_language_check', 'language', 'validation_failed', 'must be a language like en or pt-BR'),
('engagement', 'message_templates_subject_needed', 'subject', 'validation_failed', 'must be given for an e-mail'),
('engagement', 'message_templates_tenant_id_name_language_key', 'name', 'duplicate', 'is another template''s in this language');
