create table crm.organizations (
    tenant_id uuid not null references ucrm.tenants (id) on delete cascade,
    id uuid not null default ucrm.uuid7(),
    name text not null check (name <> '' and length(name) <= 200),
    domain text check (domain ~ '^[a-z0-9.-]+\.[a-z]{2,}$' and length(domain) <= 253),
    phone text check (length(phone) <= 50),
    notes text check (length(notes) <= 20000),
    custom jsonb not null default '{}' check (jsonb_typeof(custom) = 'object'),
    owner_id uuid default ucrm.user_id(),
    external_id text check (external_id <> '' and length(external_id) <= 200),
    created_at timestamptz not null default clock_timestamp(),
    updated_at timestamptz not null default clock_timestamp(),
    archived_at timestamptz,
    primary key (tenant_id, id),
    unique (tenant_id, external_id),
    foreign key (tenant_id, owner_id) references ucrm.tenant_memberships (tenant_id, user_id) on delete set null (owner_id)
);
comment on table crm.organizations is 'Companies and other bodies that contacts belong to.';
-- The policies read owner_id and lists read archived_at: with them in the index a count or a report needs no table page.
create index organizations_newest on crm.organizations (tenant_id, created_at desc, id desc) include (owner_id, archived_at);
create index organizations_name on crm.organizations (tenant_id, name, id);
create index organizations_owner on crm.organizations (tenant_id, owner_id);

create trigger touch
before update on crm.organizations
for each row execute function ucrm.touch();

alter table crm.organizations owner to ucrm_tables;
select ucrm.protect('crm.organizations', search => array['name', 'domain']) \g /dev/null
