create table crm.services (
    tenant_id uuid not null references ucrm.tenants (id) on delete cascade,
    id uuid not null default ucrm.uuid7(),
    name text not null check (name <> '' and length(name) <= 200),
    description text check (length(description) <= 20000),
    price_minor bigint check (price_minor >= 0),
    price_currency text check (price_currency ~ '^[A-Z]{3}$'),
    unit text not null default 'piece' check (unit in ('piece', 'hour', 'day', 'month', 'year')),
    active boolean not null default true,
    owner_id uuid default ucrm.user_id(),
    custom jsonb not null default '{}' check (jsonb_typeof(custom) = 'object'),
    external_id text check (external_id <> '' and length(external_id) <= 200),
    created_at timestamptz not null default clock_timestamp(),
    updated_at timestamptz not null default clock_timestamp(),
    archived_at timestamptz,
    primary key (tenant_id, id),
    unique (tenant_id, external_id),
    constraint services_price_check check ((price_minor is null) = (price_currency is null)),
    foreign key (tenant_id, owner_id) references ucrm.tenant_memberships (tenant_id, user_id) on delete set null (owner_id)
);
comment on table crm.services is 'What a workspace sells: its price list.';
comment on column crm.services.price_minor is 'The price of one unit, in minor units of price_currency.';
comment on column crm.services.active is 'Whether it is on offer; what was sold stays as it was.';
create index services_newest on crm.services (tenant_id, created_at desc, id desc) include (owner_id, archived_at);
create index services_name on crm.services (tenant_id, name, id);
create index services_owner on crm.services (tenant_id, owner_id);

create trigger touch
before update on crm.services
for each row execute function ucrm.touch();

alter table crm.services owner to ucrm_tables;
select ucrm.protect('crm.services', search => array['name', 'description']) \g /dev/null

insert into ucrm.constraint_fields (schema_name, constraint_name, field, code, message) values
('crm', 'services_price_minor_check', 'price', 'validation_failed', 'must not be negative'),
('crm', 'services_price_currency_check', 'price', 'validation_failed', 'needs a currency of three letters'),
('crm', 'services_price_check', 'price', 'validation_failed', 'needs both an amount and a currency'),
('crm', 'services_unit_check', 'unit', 'validation_failed', 'must be piece, hour, day, month or year'),
('crm', 'services_tenant_id_external_id_key', 'external_id', 'duplicate', 'is another service''s');
