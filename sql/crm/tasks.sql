create table crm.tasks (
    tenant_id uuid not null references ucrm.tenants (id) on delete cascade,
    id uuid not null default ucrm.uuid7(),
    title text not null check (title <> '' and length(title) <= 200),
    description text check (length(description) <= 20000),
    status text not null default 'open' check (status in ('open', 'in_progress', 'done', 'cancelled')),
    priority text not null default 'normal' check (priority in ('low', 'normal', 'high', 'urgent')),
    due_at timestamptz,
    completed_at timestamptz,
    assignee_id uuid,
    organization_id uuid,
    deal_id uuid,
    owner_id uuid default ucrm.user_id(),
    custom jsonb not null default '{}' check (jsonb_typeof(custom) = 'object'),
    external_id text check (external_id <> '' and length(external_id) <= 200),
    created_at timestamptz not null default clock_timestamp(),
    updated_at timestamptz not null default clock_timestamp(),
    archived_at timestamptz,
    primary key (tenant_id, id),
    unique (tenant_id, external_id),
    foreign key (tenant_id, assignee_id) references ucrm.tenant_memberships (tenant_id, user_id) on delete set null (assignee_id),
    foreign key (tenant_id, organization_id) references crm.organizations (tenant_id, id) on delete set null (organization_id),
    foreign key (tenant_id, deal_id) references crm.deals (tenant_id, id) on delete set null (deal_id),
    foreign key (tenant_id, owner_id) references ucrm.tenant_memberships (tenant_id, user_id) on delete set null (owner_id)
);
comment on table crm.tasks is 'What somebody has to do, for whom it is done, and until when.';
comment on column crm.tasks.assignee_id is 'The member who does it; owner_id is who asked for it.';
comment on column crm.tasks.completed_at is 'Set when status becomes done, and emptied when it is anything else.';
create index tasks_newest on crm.tasks (tenant_id, created_at desc, id desc) include (owner_id, archived_at);
create index tasks_title on crm.tasks (tenant_id, title, id);
create index tasks_due on crm.tasks (tenant_id, due_at, id);
create index tasks_assignee on crm.tasks (tenant_id, assignee_id, due_at);
create index tasks_organization on crm.tasks (tenant_id, organization_id);
create index tasks_deal on crm.tasks (tenant_id, deal_id);
create index tasks_owner on crm.tasks (tenant_id, owner_id);

create function crm.complete_task()
returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    new.completed_at := case when new.status = 'done' then coalesce(new.completed_at, clock_timestamp()) end;
    return new;
end
$$;
comment on function crm.complete_task() is 'BEFORE trigger of crm.tasks: completed_at follows status.';
revoke execute on function crm.complete_task() from public;
grant execute on function crm.complete_task() to ucrm_app, ucrm_platform;

create trigger complete
before insert or update on crm.tasks
for each row execute function crm.complete_task();
comment on trigger complete on crm.tasks is 'reviewed: reads and changes nothing but the row';
create trigger touch
before update on crm.tasks
for each row execute function ucrm.touch();

alter table crm.tasks owner to ucrm_tables;
select ucrm.protect('crm.tasks', search => array['title', 'description']) \g /dev/null

insert into ucrm.constraint_fields (schema_name, constraint_name, field, code, message) values
('crm', 'tasks_status_check', 'status', 'validation_failed', 'must be open, in_progress, done or cancelled'),
('crm', 'tasks_priority_check', 'priority', 'validation_failed', 'must be low, normal, high or urgent'),
('crm', 'tasks_tenant_id_external_id_key', 'external_id', 'duplicate', 'is another task''s'),
('crm', 'tasks_tenant_id_assignee_id_fkey', 'assignee_id', 'validation_failed', 'names no member of this workspace'),
('crm', 'tasks_tenant_id_organization_id_fkey', 'organization_id', 'validation_failed', 'names no organization of this workspace'),
('crm', 'tasks_tenant_id_deal_id_fkey', 'deal_id', 'validation_failed', 'names no deal of this workspace');
