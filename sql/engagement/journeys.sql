create table engagement.journeys (
    tenant_id uuid not null references ucrm.tenants (id) on delete cascade,
    id uuid not null default ucrm.uuid7(),
    name text not null check (name <> '' and length(name) <= 200),
    description text check (length(description) <= 20000),
    status text not null default 'draft' check (status in ('draft', 'active', 'paused', 'retired')),
    version integer not null default 1 check (version > 0),
    graph jsonb not null default '{"nodes": [], "edges": []}' check (jsonb_typeof(graph) = 'object'),
    segment_id uuid,
    owner_id uuid default ucrm.user_id(),
    created_at timestamptz not null default clock_timestamp(),
    updated_at timestamptz not null default clock_timestamp(),
    archived_at timestamptz,
    primary key (tenant_id, id),
    unique (tenant_id, name, version),
    foreign key (tenant_id, segment_id) references engagement.segments (tenant_id, id) on delete set null (segment_id),
    foreign key (tenant_id, owner_id) references ucrm.tenant_memberships (tenant_id, user_id) on delete set null (owner_id)
);
comment on table engagement.journeys is 'Ways that players are led along, step by step. UCRM keeps them and what happened; an engine of your own walks them.';
comment on column engagement.journeys.graph is 'Nodes and edges, as the engine reads them.';
create index journeys_newest on engagement.journeys (tenant_id, created_at desc, id desc) include (owner_id, archived_at);
create index journeys_segment on engagement.journeys (tenant_id, segment_id);
create index journeys_owner on engagement.journeys (tenant_id, owner_id);

create table engagement.journey_runs (
    tenant_id uuid not null references ucrm.tenants (id) on delete cascade,
    id uuid not null default ucrm.uuid7(),
    journey_id uuid not null,
    player_id uuid not null,
    status text not null default 'running' check (status in ('running', 'waiting', 'completed', 'exited', 'failed')),
    node text check (length(node) <= 100),
    started_at timestamptz not null default clock_timestamp(),
    resumes_at timestamptz,
    finished_at timestamptz,
    error text check (length(error) <= 2000),
    created_at timestamptz not null default clock_timestamp(),
    updated_at timestamptz not null default clock_timestamp(),
    primary key (tenant_id, id),
    constraint journey_runs_finished_check check ((status in ('running', 'waiting')) = (finished_at is null)),
    foreign key (tenant_id, journey_id) references engagement.journeys (tenant_id, id) on delete cascade,
    foreign key (tenant_id, player_id) references engagement.players (tenant_id, id) on delete cascade
);
comment on table engagement.journey_runs is 'A player on a journey: where he is, and since when. Once at a time on each.';
comment on column engagement.journey_runs.node is 'The node he is at.';
create index journey_runs_newest on engagement.journey_runs (tenant_id, created_at desc, id desc);
create unique index journey_runs_once on engagement.journey_runs (tenant_id, journey_id, player_id) where finished_at is null;
create index journey_runs_journey on engagement.journey_runs (tenant_id, journey_id, status);
create index journey_runs_player on engagement.journey_runs (tenant_id, player_id);
create index journey_runs_due on engagement.journey_runs (tenant_id, resumes_at) where status = 'waiting';

create table engagement.journey_node_runs (
    tenant_id uuid not null references ucrm.tenants (id) on delete cascade,
    id uuid not null default ucrm.uuid7(),
    journey_run_id uuid not null,
    node text not null check (node <> '' and length(node) <= 100),
    kind text not null check (kind in ('trigger', 'condition', 'wait', 'message', 'bonus', 'split', 'webhook', 'exit')),
    attempt integer not null default 1 check (attempt > 0),
    status text not null default 'running' check (status in ('running', 'completed', 'skipped', 'failed')),
    result jsonb not null default '{}' check (jsonb_typeof(result) = 'object'),
    error text check (length(error) <= 2000),
    started_at timestamptz not null default clock_timestamp(),
    finished_at timestamptz,
    created_at timestamptz not null default clock_timestamp(),
    updated_at timestamptz not null default clock_timestamp(),
    primary key (tenant_id, id),
    unique (tenant_id, journey_run_id, node, attempt),
    constraint journey_node_runs_finished_check check ((status = 'running') = (finished_at is null)),
    foreign key (tenant_id, journey_run_id) references engagement.journey_runs (tenant_id, id) on delete cascade
);
comment on table engagement.journey_node_runs is 'What happened at a node of a run; an attempt at a time, each once.';
create index journey_node_runs_newest on engagement.journey_node_runs (tenant_id, created_at desc, id desc);

create trigger touch
before update on engagement.journeys
for each row execute function ucrm.touch();
create trigger touch
before update on engagement.journey_runs
for each row execute function ucrm.touch();
create trigger touch
before update on engagement.journey_node_runs
for each row execute function ucrm.touch();

alter table engagement.journeys owner to ucrm_tables;
alter table engagement.journey_runs owner to ucrm_tables;
alter table engagement.journey_node_runs owner to ucrm_tables;
select ucrm.protect('engagement.journeys', search => array['name', 'description']) \g /dev/null
select ucrm.protect('engagement.journey_runs', label => 'status', search => array['status', 'node']) \g /dev/null
select ucrm.protect('engagement.journey_node_runs', label => 'node', search => array['node']) \g /dev/null

insert into ucrm.constraint_fields (schema_name, constraint_name, field, code, message) values
('engagement', 'journeys_status_check', 'status', 'validation_failed', 'must be draft, active, paused or retired'),
('engagement', 'journeys_graph_check', 'graph', 'validation_failed', 'must be an object'),
('engagement', 'journeys_tenant_id_name_version_key', 'version', 'duplicate', 'is there already under this name'),
('engagement', 'journeys_tenant_id_segment_id_fkey', 'segment_id', 'validation_failed', 'names no segment of this workspace'),
('engagement', 'journey_runs_status_check', 'status', 'validation_failed', 'must be running, waiting, completed, exited or failed'),
('engagement', 'journey_runs_finished_check', 'finished_at', 'validation_failed', 'must be given when the run is over, and only then'),
('engagement', 'journey_runs_once', 'player_id', 'duplicate', 'is on this journey already'),
('engagement', 'journey_runs_tenant_id_journey_id_fkey', 'journey_id', 'validation_failed', 'names no journey of this workspace'),
('engagement', 'journey_runs_tenant_id_player_id_fkey', 'player_id', 'validation_failed', 'names no player of this workspace'),
('engagement', 'journey_node_runs_kind_check', 'kind', 'validation_failed', 'must be trigger, condition, wait, message, bonus, split, webhook or exit'),
('engagement', 'journey_node_runs_status_check', 'status', 'validation_failed', 'must be running, completed, skipped or failed'),
('engagement', 'journey_node_runs_finished_check', 'finished_at', 'validation_failed', 'must be given when the node is done, and only then'),
('engagement', 'journey_node_runs_tenant_id_journey_run_id_node_attempt_key', 'attempt', 'duplicate', 'was made already'),
('engagement', 'journey_node_runs_tenant_id_journey_run_id_fkey', 'journey_run_id', 'validation_failed', 'names no run of this workspace');
