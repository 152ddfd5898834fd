create table engagement.adapter_configs (
    tenant_id uuid not null references ucrm.tenants (id) on delete cascade,
    id uuid not null default ucrm.uuid7(),
    name text not null check (name <> '' and length(name) <= 200),
    kind text not null check (kind in ('casino', 'sportsbook', 'payments', 'kyc', 'analytics')),
    base_url text check (base_url ~ '^https://[^\s]+$' and length(base_url) <= 2000),
    api_key text check (api_key <> '' and length(api_key) <= 4000),
    webhook_secret text check (webhook_secret <> '' and length(webhook_secret) <= 2000),
    settings jsonb not null default '{}' check (jsonb_typeof(settings) = 'object'),
    enabled boolean not null default true,
    created_at timestamptz not null default clock_timestamp(),
    updated_at timestamptz not null default clock_timestamp(),
    archived_at timestamptz,
    primary key (tenant_id, id),
    unique (tenant_id, name)
);
comment on table engagement.adapter_configs is 'How a workspace reaches the systems it plays, pays and checks with. Credentials are write-only.';
comment on column engagement.adapter_configs.api_key is 'Shown as a mask.';
comment on column engagement.adapter_configs.webhook_secret is 'What the other side signs its calls with; shown as a mask.';
create index adapter_configs_newest on engagement.adapter_configs (tenant_id, created_at desc, id desc) include (archived_at);

create trigger touch
before update on engagement.adapter_configs
for each row execute function ucrm.touch();

alter table engagement.adapter_configs owner to ucrm_tables;
select ucrm.protect('engagement.adapter_configs', search => array['name', 'kind'], secret => array['api_key', 'webhook_secret']) \g /dev/null

insert into ucrm.constraint_fields (schema_name, constraint_name, field, code, message) values
('engagement', 'adapter_configs_kind_check', 'kind', 'validation_failed', 'must be casino, sportsbook, payments, kyc or analytics'),
('engagement', 'adapter_configs_base_url_check', 'base_url', 'validation_failed', 'must be an address that begins with https://'),
('engagement', 'adapter_configs_tenant_id_name_key', 'name', 'duplicate', 'is another adapter''s');
