create table engagement.vip_tiers (
    tenant_id uuid not null references ucrm.tenants (id) on delete cascade,
    id uuid not null default ucrm.uuid7(),
    name text not null check (name <> '' and length(name) <= 100),
    level smallint not null check (level between 0 and 1000),
    points_required bigint not null default 0 check (points_required >= 0),
    cashback_percent numeric(5, 2) not null default 0 check (cashback_percent between 0 and 100),
    benefits text check (length(benefits) <= 20000),
    created_at timestamptz not null default clock_timestamp(),
    updated_at timestamptz not null default clock_timestamp(),
    archived_at timestamptz,
    primary key (tenant_id, id),
    unique (tenant_id, level)
);
comment on table engagement.vip_tiers is 'The steps of a loyalty programme, lowest level first.';
comment on column engagement.vip_tiers.points_required is 'Points a player needs to reach it.';
create index vip_tiers_newest on engagement.vip_tiers (tenant_id, created_at desc, id desc) include (archived_at);
create index vip_tiers_name on engagement.vip_tiers (tenant_id, name, id);

create trigger touch
before update on engagement.vip_tiers
for each row execute function ucrm.touch();

alter table engagement.vip_tiers owner to ucrm_tables;
select ucrm.protect('engagement.vip_tiers') \g /dev/null

insert into ucrm.constraint_fields (schema_name, constraint_name, field, code, message) values
('engagement', 'vip_tiers_level_check', 'level', 'validation_failed', 'must be between 0 and 1000'),
('engagement', 'vip_tiers_cashback_percent_check', 'cashback_percent', 'validation_failed', 'must be between 0 and 100'),
('engagement', 'vip_tiers_tenant_id_level_key', 'level', 'duplicate', 'is another tier''s');
