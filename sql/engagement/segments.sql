create table engagement.segments (
    tenant_id uuid not null references ucrm.tenants (id) on delete cascade,
    id uuid not null default ucrm.uuid7(),
    name text not null check (name <> '' and length(name) <= 200),
    description text check (length(description) <= 20000),
    kind text not null default 'dynamic' check (kind in ('dynamic', 'static')),
    definition jsonb not null default '{}' check (jsonb_typeof(definition) = 'object'),
    player_count bigint check (player_count >= 0),
    counted_at timestamptz,
    created_at timestamptz not null default clock_timestamp(),
    updated_at timestamptz not null default clock_timestamp(),
    archived_at timestamptz,
    primary key (tenant_id, id),
    unique (tenant_id, name)
);
comment on table engagement.segments is 'Groups of players that campaigns, journeys and bonuses are meant for.';
comment on column engagement.segments.definition is 'The conditions a player meets, as whoever evaluates them reads them.';
comment on column engagement.segments.player_count is 'How many players it had at counted_at.';
create index segments_newest on engagement.segments (tenant_id, created_at desc, id desc) include (archived_at);

create trigger touch
before update on engagement.segments
for each row execute function ucrm.touch();

alter table engagement.segments owner to ucrm_tables;
select ucrm.protect('engagement.segments', search => array['name', 'description']) \g /dev/null

insert into ucrm.constraint_fields (schema_name, constraint_name, field, code, message) values
('engagement', 'segments_kind_check', 'kind', 'validation_failed', 'must be dynamic or static'),
('engagement', 'segments_tenant_id_name_key', 'name', 'duplicate', 'is another segment''s');
