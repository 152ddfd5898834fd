-- Many to many: a table of its own for each kind of link, which is a resource like any other. Whoever may create and
-- delete its rows may link; a link goes with either end.
create table crm.contact_deals (
    tenant_id uuid not null references ucrm.tenants (id) on delete cascade,
    id uuid not null default ucrm.uuid7(),
    contact_id uuid not null,
    deal_id uuid not null,
    role text check (role <> '' and length(role) <= 100),
    created_at timestamptz not null default clock_timestamp(),
    updated_at timestamptz not null default clock_timestamp(),
    primary key (tenant_id, id),
    unique (tenant_id, contact_id, deal_id),
    foreign key (tenant_id, contact_id) references crm.contacts (tenant_id, id) on delete cascade,
    foreign key (tenant_id, deal_id) references crm.deals (tenant_id, id) on delete cascade
);
comment on table crm.contact_deals is 'Who has a part in a deal.';
comment on column crm.contact_deals.role is 'The part: decides, pays, advises …';
create index contact_deals_newest on crm.contact_deals (tenant_id, created_at desc, id desc);
create index contact_deals_deal on crm.contact_deals (tenant_id, deal_id);

create table crm.contact_tasks (
    tenant_id uuid not null references ucrm.tenants (id) on delete cascade,
    id uuid not null default ucrm.uuid7(),
    contact_id uuid not null,
    task_id uuid not null,
    created_at timestamptz not null default clock_timestamp(),
    updated_at timestamptz not null default clock_timestamp(),
    primary key (tenant_id, id),
    unique (tenant_id, contact_id, task_id),
    foreign key (tenant_id, contact_id) references crm.contacts (tenant_id, id) on delete cascade,
    foreign key (tenant_id, task_id) references crm.tasks (tenant_id, id) on delete cascade
);
comment on table crm.contact_tasks is 'Whom a task is about.';
create index contact_tasks_newest on crm.contact_tasks (tenant_id, created_at desc, id desc);
create index contact_tasks_task on crm.contact_tasks (tenant_id, task_id);

create table crm.deal_services (
    tenant_id uuid not null references ucrm.tenants (id) on delete cascade,
    id uuid not null default ucrm.uuid7(),
    deal_id uuid not null,
    service_id uuid not null,
    quantity numeric(12, 3) not null default 1 check (quantity > 0),
    price_minor bigint check (price_minor >= 0),
    price_currency text check (price_currency ~ '^[A-Z]{3}$'),
    created_at timestamptz not null default clock_timestamp(),
    updated_at timestamptz not null default clock_timestamp(),
    primary key (tenant_id, id),
    unique (tenant_id, deal_id, service_id),
    constraint deal_services_price_check check ((price_minor is null) = (price_currency is null)),
    foreign key (tenant_id, deal_id) references crm.deals (tenant_id, id) on delete cascade,
    foreign key (tenant_id, service_id) references crm.services (tenant_id, id) on delete cascade
);
comment on table crm.deal_services is 'What a deal is about: services, how many, and at what price.';
comment on column crm.deal_services.price_minor is 'The price agreed for one unit; null: the service''s own.';
create index deal_services_newest on crm.deal_services (tenant_id, created_at desc, id desc);
create index deal_services_service on crm.deal_services (tenant_id, service_id);

create table crm.organization_services (
    tenant_id uuid not null references ucrm.tenants (id) on delete cascade,
    id uuid not null default ucrm.uuid7(),
    organization_id uuid not null,
    service_id uuid not null,
    since date,
    created_at timestamptz not null default clock_timestamp(),
    updated_at timestamptz not null default clock_timestamp(),
    primary key (tenant_id, id),
    unique (tenant_id, organization_id, service_id),
    foreign key (tenant_id, organization_id) references crm.organizations (tenant_id, id) on delete cascade,
    foreign key (tenant_id, service_id) references crm.services (tenant_id, id) on delete cascade
);
comment on table crm.organization_services is 'What an organization has bought, and since when.';
create index organization_services_newest on crm.organization_services (tenant_id, created_at desc, id desc);
create index organization_services_service on crm.organization_services (tenant_id, service_id);

select format('create trigger touch before update on crm.%I for each row execute function ucrm.touch()', name),
       format('alter table crm.%I owner to ucrm_tables', name),
       format('do $$ begin perform ucrm.protect(%L); end $$', 'crm.' || name)
from (values ('contact_deals'), ('contact_tasks'), ('deal_services'), ('organization_services')) as v (name) \gexec

insert into ucrm.constraint_fields (schema_name, constraint_name, field, code, message) values
('crm', 'contact_deals_tenant_id_contact_id_deal_id_key', 'deal_id', 'duplicate', 'is linked to this contact already'),
('crm', 'contact_deals_tenant_id_contact_id_fkey', 'contact_id', 'validation_failed', 'names no contact of this workspace'),
('crm', 'contact_deals_tenant_id_deal_id_fkey', 'deal_id', 'validation_failed', 'names no deal of this workspace'),
('crm', 'contact_tasks_tenant_id_contact_id_task_id_key', 'task_id', 'duplicate', 'is linked to this contact already'),
('crm', 'contact_tasks_tenant_id_contact_id_fkey', 'contact_id', 'validation_failed', 'names no contact of this workspace'),
('crm', 'contact_tasks_tenant_id_task_id_fkey', 'task_id', 'validation_failed', 'names no task of this workspace'),
('crm', 'deal_services_tenant_id_deal_id_service_id_key', 'service_id', 'duplicate', 'is part of this deal already'),
('crm', 'deal_services_quantity_check', 'quantity', 'validation_failed', 'must be more than 0'),
('crm', 'deal_services_price_minor_check', 'price', 'validation_failed', 'must not be negative'),
('crm', 'deal_services_price_currency_check', 'price', 'validation_failed', 'needs a currency of three letters'),
('crm', 'deal_services_price_check', 'price', 'validation_failed', 'needs both an amount and a currency'),
('crm', 'deal_services_tenant_id_deal_id_fkey', 'deal_id', 'validation_failed', 'names no deal of this workspace'),
('crm', 'deal_services_tenant_id_service_id_fkey', 'service_id', 'validation_failed', 'names no service of this workspace'),
('crm', 'organization_services_tenant_id_organization_id_service_id_key', 'service_id', 'duplicate', 'is linked to this organization already'),
('crm', 'organization_services_tenant_id_organization_id_fkey', 'organization_id', 'validation_failed', 'names no organization of this workspace'),
('crm', 'organization_services_tenant_id_service_id_fkey', 'service_id', 'validation_failed', 'names no service of this workspace');
