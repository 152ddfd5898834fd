create table crm.widgets (
    tenant_id uuid not null references ucrm.tenants (id) on delete cascade,
    id uuid not null default ucrm.uuid7(),
    name text not null check (name <> '' and length(name) <= 200),
    kind text not null default 'form' check (kind in ('form', 'chat')),
    public_key text not null default 'wgt_' || replace(gen_random_uuid()::text, '-', '') check (public_key ~ '^wgt_[0-9a-f]{32}$'),
    allowed_origins text[] not null default '{}' check (
        array_position(allowed_origins, null) is null
        and array_to_string(allowed_origins, ' ') ~ '^(https?://[a-z0-9.-]+(:[0-9]{1,5})?( (?=h)|$))*$'
        and cardinality(allowed_origins) <= 50
    ),
    channel_id uuid,
    settings jsonb not null default '{}' check (jsonb_typeof(settings) = 'object'),
    enabled boolean not null default true,
    external_id text check (external_id <> '' and length(external_id) <= 200),
    created_at timestamptz not null default clock_timestamp(),
    updated_at timestamptz not null default clock_timestamp(),
    archived_at timestamptz,
    primary key (tenant_id, id),
    unique (tenant_id, public_key),
    unique (tenant_id, external_id),
    foreign key (tenant_id, channel_id) references crm.channels (tenant_id, id) on delete set null (channel_id)
);
comment on table crm.widgets is 'Forms and chats on a workspace''s own web sites.';
comment on column crm.widgets.public_key is 'What the page names the widget by. No secret: anybody can read it in the page.';
comment on column crm.widgets.allowed_origins is 'Pages it may stand on: scheme, host and port, without a path. Empty: none.';
comment on column crm.widgets.channel_id is 'Where what people write goes on to.';
create index widgets_newest on crm.widgets (tenant_id, created_at desc, id desc) include (archived_at);
create index widgets_name on crm.widgets (tenant_id, name, id);
create index widgets_channel on crm.widgets (tenant_id, channel_id);

create trigger touch
before update on crm.widgets
for each row execute function ucrm.touch();

alter table crm.widgets owner to ucrm_tables;
select ucrm.protect('crm.widgets', search => array['name']) \g /dev/null

insert into ucrm.constraint_fields (schema_name, constraint_name, field, code, message) values
('crm', 'widgets_kind_check', 'kind', 'validation_failed', 'must be form or chat'),
('crm', 'widgets_public_key_check', 'public_key', 'validation_failed', 'must be wgt_ and 32 hexadecimal digits'),
('crm', 'widgets_allowed_origins_check', 'allowed_origins', 'validation_failed', 'must be origins like https://www.example.com'),
('crm', 'widgets_tenant_id_external_id_key', 'external_id', 'duplicate', 'is another widget''s'),
('crm', 'widgets_tenant_id_channel_id_fkey', 'channel_id', 'validation_failed', 'names no channel of this workspace');
