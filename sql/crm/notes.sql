create table crm.notes (
    tenant_id uuid not null references ucrm.tenants (id) on delete cascade,
    id uuid not null default ucrm.uuid7(),
    body text not null check (body <> '' and length(body) <= 20000),
    contact_id uuid,
    organization_id uuid,
    deal_id uuid,
    task_id uuid,
    pinned boolean not null default false,
    owner_id uuid default ucrm.user_id(),
    external_id text check (external_id <> '' and length(external_id) <= 200),
    created_at timestamptz not null default clock_timestamp(),
    updated_at timestamptz not null default clock_timestamp(),
    primary key (tenant_id, id),
    unique (tenant_id, external_id),
    constraint notes_subject_check check (num_nonnulls(contact_id, organization_id, deal_id, task_id) = 1),
    foreign key (tenant_id, contact_id) references crm.contacts (tenant_id, id) on delete cascade,
    foreign key (tenant_id, organization_id) references crm.organizations (tenant_id, id) on delete cascade,
    foreign key (tenant_id, deal_id) references crm.deals (tenant_id, id) on delete cascade,
    foreign key (tenant_id, task_id) references crm.tasks (tenant_id, id) on delete cascade,
    foreign key (tenant_id, owner_id) references ucrm.tenant_memberships (tenant_id, user_id) on delete set null (owner_id)
);
comment on table crm.notes is 'What somebody wrote down about one contact, organization, deal or task; it goes with that.';
comment on column crm.notes.owner_id is 'Who wrote it.';
create index notes_newest on crm.notes (tenant_id, created_at desc, id desc) include (owner_id);
create index notes_contact on crm.notes (tenant_id, contact_id);
create index notes_organization on crm.notes (tenant_id, organization_id);
create index notes_deal on crm.notes (tenant_id, deal_id);
create index notes_task on crm.notes (tenant_id, task_id);
create index notes_owner on crm.notes (tenant_id, owner_id);

create trigger touch
before update on crm.notes
for each row execute function ucrm.touch();

alter table crm.notes owner to ucrm_tables;
select ucrm.protect('crm.notes', label => 'body', search => array['body']) \g /dev/null

insert into ucrm.constraint_fields (schema_name, constraint_name, field, code, message) values
('crm', 'notes_subject_check', 'contact_id', 'validation_failed', 'a note is about exactly one of contact_id, organization_id, deal_id and task_id'),
('crm', 'notes_tenant_id_external_id_key', 'external_id', 'duplicate', 'is another note''s'),
('crm', 'notes_tenant_id_contact_id_fkey', 'contact_id', 'validation_failed', 'names no contact of this workspace'),
('crm', 'notes_tenant_id_organization_id_fkey', 'organization_id', 'validation_failed', 'names no organization of this workspace'),
('crm', 'notes_tenant_id_deal_id_fkey', 'deal_id', 'validation_failed', 'names no deal of this workspace'),
('crm', 'notes_tenant_id_task_id_fkey', 'task_id', 'validation_failed', 'names no task of this workspace');
