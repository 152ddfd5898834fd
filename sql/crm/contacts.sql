create table crm.contacts (
    tenant_id uuid not null references ucrm.tenants (id) on delete cascade,
    id uuid not null default ucrm.uuid7(),
    name text not null check (name <> '' and length(name) <= 200),
    email text check (email ~ '^[^@\s]+@[^@\s]+$' and length(email) <= 254),
    phone text check (length(phone) <= 50),
    stage text not null default 'lead' check (stage in ('lead', 'qualified', 'won', 'lost')),
    organization_id uuid,
    owner_id uuid default ucrm.user_id(),
    notes text check (length(notes) <= 20000),
    custom jsonb not null default '{}' check (jsonb_typeof(custom) = 'object'),
    external_id text check (external_id <> '' and length(external_id) <= 200),
    created_at timestamptz not null default clock_timestamp(),
    updated_at timestamptz not null default clock_timestamp(),
    archived_at timestamptz,
    primary key (tenant_id, id),
    unique (tenant_id, external_id),
    foreign key (tenant_id, organization_id) references crm.organizations (tenant_id, id) on delete set null (organization_id),
    foreign key (tenant_id, owner_id) references ucrm.tenant_memberships (tenant_id, user_id) on delete set null (owner_id)
);
comment on table crm.contacts is 'People a workspace deals with.';
-- The policies read owner_id and lists read archived_at: with them in the index a count or a report needs no table page.
create index contacts_newest on crm.contacts (tenant_id, created_at desc, id desc) include (owner_id, archived_at);
create index contacts_name on crm.contacts (tenant_id, name, id);
create index contacts_organization on crm.contacts (tenant_id, organization_id);
create index contacts_owner on crm.contacts (tenant_id, owner_id);

create trigger touch
before update on crm.contacts
for each row execute function ucrm.touch();

alter table crm.contacts owner to ucrm_tables;
select ucrm.protect('crm.contacts', search => array['name', 'email', 'phone']) \g /dev/null

insert into ucrm.constraint_fields (schema_name, constraint_name, field, code, message) values
('crm', 'contacts_email_check', 'email', 'validation_failed', 'must be an e-mail address'),
('crm', 'contacts_stage_check', 'stage', 'validation_failed', 'must be lead, qualified, won or lost'),
('crm', 'contacts_tenant_id_external_id_key', 'external_id', 'duplicate', 'is another contact''s'),
('crm', 'contacts_tenant_id_organization_id_fkey', 'organization_id', 'validation_failed', 'names no organization of this workspace');
