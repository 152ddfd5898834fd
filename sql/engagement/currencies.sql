create table engagement.currencies (
    tenant_id uuid not null references ucrm.tenants (id) on delete cascade,
    id uuid not null default ucrm.uuid7(),
    code text not null check (code ~ '^[A-Z]{3}$'),
    name text not null check (name <> '' and length(name) <= 100),
    symbol text check (symbol <> '' and length(symbol) <= 8),
    digits smallint not null default 2 check (digits between 0 and 4),
    enabled boolean not null default true,
    created_at timestamptz not null default clock_timestamp(),
    updated_at timestamptz not null default clock_timestamp(),
    primary key (tenant_id, id),
    unique (tenant_id, code)
);
comment on table engagement.currencies is 'The currencies that a workspace keeps wallets in.';
comment on column engagement.currencies.code is 'ISO 4217.';
comment on column engagement.currencies.digits is 'Decimal places of an amount: a minor unit is 10^-digits.';
create index currencies_newest on engagement.currencies (tenant_id, created_at desc, id desc);
create index currencies_name on engagement.currencies (tenant_id, name, id);

create trigger touch
before update on engagement.currencies
for each row execute function ucrm.touch();

alter table engagement.currencies owner to ucrm_tables;
select ucrm.protect('engagement.currencies', label => 'code', search => array['code', 'name']) \g /dev/null

insert into ucrm.constraint_fields (schema_name, constraint_name, field, code, message) values
('engagement', 'currencies_code_check', 'code', 'validation_failed', 'must be a code of three capital letters'),
('engagement', 'currencies_digits_check', 'digits', 'validation_failed', 'must be between 0 and 4'),
('engagement', 'currencies_tenant_id_code_key', 'code', 'duplicate', 'is here already');
