create table engagement.fx_rates (
    tenant_id uuid not null references ucrm.tenants (id) on delete cascade,
    id uuid not null default ucrm.uuid7(),
    base text not null,
    quote text not null,
    rate numeric(20, 10) not null check (rate > 0),
    valid_from timestamptz not null default clock_timestamp(),
    source text check (length(source) <= 100),
    created_at timestamptz not null default clock_timestamp(),
    updated_at timestamptz not null default clock_timestamp(),
    primary key (tenant_id, id),
    unique (tenant_id, base, quote, valid_from),
    constraint fx_rates_pair_check check (base <> quote),
    foreign key (tenant_id, base) references engagement.currencies (tenant_id, code) on delete cascade,
    foreign key (tenant_id, quote) references engagement.currencies (tenant_id, code) on delete cascade
);
comment on table engagement.fx_rates is 'What one unit of base was worth in quote, from a moment on until the next rate of the pair.';
create index fx_rates_newest on engagement.fx_rates (tenant_id, created_at desc, id desc);
create index fx_rates_quote on engagement.fx_rates (tenant_id, quote);

create trigger touch
before update on engagement.fx_rates
for each row execute function ucrm.touch();

alter table engagement.fx_rates owner to ucrm_tables;
select ucrm.protect('engagement.fx_rates', label => 'base', search => array['base', 'quote']) \g /dev/null

insert into ucrm.constraint_fields (schema_name, constraint_name, field, code, message) values
('engagement', 'fx_rates_rate_check', 'rate', 'validation_failed', 'must be more than 0'),
('engagement', 'fx_rates_pair_check', 'quote', 'validation_failed', 'must be another currency than base'),
('engagement', 'fx_rates_tenant_id_base_quote_valid_from_key', 'valid_from', 'duplicate', 'has a rate for this pair already'),
('engagement', 'fx_rates_tenant_id_base_fkey', 'base', 'validation_failed', 'is no currency of this workspace'),
('engagement', 'fx_rates_tenant_id_quote_fkey', 'quote', 'validation_failed', 'is no currency of this workspace');
