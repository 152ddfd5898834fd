create table crm.deals (
    tenant_id uuid not null references ucrm.tenants (id) on delete cascade,
    id uuid not null default ucrm.uuid7(),
    name text not null check (name <> '' and length(name) <= 200),
    stage text not null default 'lead' check (stage in ('lead', 'qualified', 'proposal', 'negotiation', 'won', 'lost')),
    value_minor bigint check (value_minor >= 0),
    value_currency text check (value_currency ~ '^[A-Z]{3}$'),
    probability smallint check (probability between 0 and 100),
    close_date date,
    source text check (length(source) <= 100),
    organization_id uuid,
    owner_id uuid default ucrm.user_id(),
    custom jsonb not null default '{}' check (jsonb_typeof(custom) = 'object'),
    external_id text check (external_id <> '' and length(external_id) <= 200),
    created_at timestamptz not null default clock_timestamp(),
    updated_at timestamptz not null default clock_timestamp(),
    archived_at timestamptz,
    primary key (tenant_id, id),
    unique (tenant_id, external_id),
    constraint deals_value_check check ((value_minor is null) = (value_currency is null)),
    foreign key (tenant_id, organization_id) references crm.organizations (tenant_id, id) on delete set null (organization_id),
    foreign key (tenant_id, owner_id) references ucrm.tenant_memberships (tenant_id, user_id) on delete set null (owner_id)
);
comment on table crm.deals is 'What a workspace hopes to sell: lead → qualified → proposal → negotiation → won or lost.';
comment on column crm.deals.value_minor is 'What it is worth, in minor units of value_currency.';
comment on column crm.deals.probability is 'How likely it is won, in per cent.';
comment on column crm.deals.close_date is 'The day it is expected to be won or lost, or was.';
-- The policies read owner_id and lists read archived_at: with them in the index a count or a report needs no table page.
create index deals_newest on crm.deals (tenant_id, created_at desc, id desc) include (owner_id, archived_at);
create index deals_name on crm.deals (tenant_id, name, id);
create index deals_stage on crm.deals (tenant_id, stage, close_date, id);
create index deals_organization on crm.deals (tenant_id, organization_id);
create index deals_owner on crm.deals (tenant_id, owner_id);

create trigger touch
before update on crm.deals
for each row execute function ucrm.touch();

alter table crm.deals owner to ucrm_tables;
select ucrm.protect('crm.deals', search => array['name', 'source']) \g /dev/null

insert into ucrm.constraint_fields (schema_name, constraint_name, field, code, message) values
('crm', 'deals_stage_check', 'stage', 'validation_failed', 'must be lead, qualified, proposal, negotiation, won or lost'),
('crm', 'deals_value_minor_check', 'value', 'validation_failed', 'must not be negative'),
('crm', 'deals_value_currency_check', 'value', 'validation_failed', 'needs a currency of three letters'),
('crm', 'deals_value_check', 'value', 'validation_failed', 'needs both an amount and a currency'),
('crm', 'deals_probability_check', 'probability', 'validation_failed', 'must be between 0 and 100'),
('crm', 'deals_tenant_id_external_id_key', 'external_id', 'duplicate', 'is another deal''s'),
('crm', 'deals_tenant_id_organization_id_fkey', 'organization_id', 'validation_failed', 'names no organization of this workspace');
