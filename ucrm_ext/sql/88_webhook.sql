-- Webhooks: where a workspace wants to be told of what happens in it, in the form of Standard Webhooks
-- (https://www.standardwebhooks.com). An endpoint's secret is sealed in ucrm.secrets; signing happens in the database.
insert into ucrm.settings (name, value, description, builtin) values
('webhook_internal', 'false', 'true: webhooks may lead to http and to addresses that are not public, for tests and development; the gateway needs UCRM_WEBHOOK_NETWORKS too', true),
('webhooks_per_tenant', '50', 'how many webhooks a workspace may have', true);

insert into ucrm.refusals (code, status, title, hint, builtin) values
('webhook_limit', 409, 'The workspace has as many webhooks as it may', 'Delete one that nobody needs.', true),
('webhook_inactive', 409, 'The webhook is not active', 'Resume it first.', true);

create table ucrm.webhooks (
    tenant_id uuid not null references ucrm.tenants (id) on delete cascade,
    id uuid not null default ucrm.uuid7(),
    url text not null,
    description text not null default '' check (length(description) <= 500),
    events text[] not null default '{*}' check (cardinality(events) between 1 and 50),
    status text not null default 'active' check (status in ('active', 'paused', 'disabled')),
    disabled_reason text check (disabled_reason in ('gone', 'failing')),
    internal boolean not null default false,
    reads text not null,
    since uuid not null default ucrm.uuid7(),
    previous_secret_until timestamptz,
    created_by uuid,
    created_at timestamptz not null default clock_timestamp(),
    updated_at timestamptz not null default clock_timestamp(),
    primary key (tenant_id, id),
    constraint webhooks_url_check check (ucrm.webhook_url_fault(url, internal) is null),
    check ((status = 'disabled') = (disabled_reason is not null))
);
comment on table ucrm.webhooks is
'Endpoints. events: *, contacts.*, *.deleted or contacts.created; reads: permission text, what whoever set url or events may read: nothing else is sent; since: only events later than this one''s moment. status: paused, events wait; disabled, by itself: disabled_reason gone (410) or failing (five days), and events pass by. internal: saved while webhook_internal was set, and sent only while it is. previous_secret_until: until then the secret before signs too. Secrets are in ucrm.secrets: kind webhook and webhook_previous, holder the endpoint; without one of its own it signs with the workspace''s (holder the tenant).';

create trigger touch
before update on ucrm.webhooks
for each row execute function ucrm.touch();

-- What the workers keep of an endpoint. Whoever changes its deliveries holds this row: so they take turns, endpoint by endpoint.
create table ucrm.webhook_queues (
    tenant_id uuid not null,
    webhook_id uuid not null,
    due_at timestamptz,
    width integer not null default 4 check (width between 1 and 64),
    failures integer not null default 0,
    failing_since timestamptz,
    rests_until timestamptz,
    primary key (tenant_id, webhook_id),
    foreign key (tenant_id, webhook_id) references ucrm.webhooks (tenant_id, id) on delete cascade
)
with (fillfactor = 50);
create index webhook_queues_due on ucrm.webhook_queues (due_at) where due_at is not null;
comment on table ucrm.webhook_queues is
'One row per endpoint: when the next of its deliveries is due (null: none, or it is not active); how many may be under way at a time (width: more with each success, 2 after a failure); failures in a row, since when, and until when it rests after several.';

-- How far a workspace's events have been looked at.
create table ucrm.webhook_feeds (
    tenant_id uuid primary key references ucrm.tenants (id) on delete cascade,
    event_id uuid not null
);
comment on table ucrm.webhook_feeds is 'The last event of a workspace that became deliveries, or was nobody''s.';

create function ucrm.webhook_json(w ucrm.webhooks)
returns jsonb
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
    select jsonb_build_object('id', w.id, 'url', w.url, 'description', w.description, 'events', w.events, 'status', w.status, 'disabled_reason', w.disabled_reason,
        'previous_secret_until', w.previous_secret_until, 'created_by', w.created_by, 'created_at', w.created_at, 'updated_at', w.updated_at);
$$;
comment on function ucrm.webhook_json(ucrm.webhooks) is 'What a reply, the audit and an event say of a webhook: no secret.';

-- Nobody has sent to himself what he may not read.
create function ucrm.own_reads()
returns text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select coalesce(string_agg(split_part(p, ':', 1) || ':read', ',' order by p), '')
    from string_to_table(ucrm.permissions(), ',') as p
    where p ~ '^[^:]+:(read|\*)$';
$$;
comment on function ucrm.own_reads() is 'Permission text: what the context may read whole.';

create function ucrm.webhook_events_fault(events text[], reads text, out code text, out sentence text)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    pattern text;
begin
    code := 'invalid_value';
    if events is null or cardinality(events) not between 1 and 50 then
        sentence := 'must be a list of 1 to 50 filters';
        return;
    end if;
    foreach pattern in array events loop
        if pattern is null or pattern !~ '^(\*|(\*|[a-z][a-z0-9_]*)\.(\*|[a-z][a-z0-9_]*))$' then
            sentence := 'filters are *, contacts.*, *.deleted, or contacts.created';
            return;
        elsif pattern !~ '^\*' and not exists (select from ucrm.resources as r where r.name = split_part(pattern, '.', 1)) then
            sentence := format('there is no resource "%s"', split_part(pattern, '.', 1));
            return;
        elsif pattern !~ '^\*' and not ucrm.permissions_cover(reads, split_part(pattern, '.', 1) || ':read') then
            code := 'grant_ceiling';
            sentence := format('you may not read %s whole yourself', split_part(pattern, '.', 1));
            return;
        end if;
    end loop;
    code := null;
end
$$;
comment on function ucrm.webhook_events_fault(text[], text) is 'What is wrong with event filters for whoever may read this; null when nothing is.';

create function ucrm.internal_webhooks()
returns boolean
language sql
stable
set search_path = pg_catalog, pg_temp
as $$ select coalesce(ucrm.setting('webhook_internal') = 'true', false) $$;
comment on function ucrm.internal_webhooks() is 'Whether the installation lets webhooks lead to http and into private networks (setting webhook_internal).';

create function ucrm.webhook_for_change(id uuid)
returns ucrm.webhooks
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    w ucrm.webhooks;
begin
    -- The queue first, as the workers do.
    perform from ucrm.webhook_queues as q where q.tenant_id = ucrm.tenant_id() and q.webhook_id = webhook_for_change.id for no key update;
    select x.* into w from ucrm.webhooks as x where x.tenant_id = ucrm.tenant_id() and x.id = webhook_for_change.id for no key update;
    if not found then
        perform ucrm.refuse('not_found');
    end if;
    return w;
end
$$;
comment on function ucrm.webhook_for_change(uuid) is 'The entered workspace''s webhook, it and its queue locked. PT404 not_found.';

create function ucrm.create_webhook(url text, description text default '', events text[] default '{*}', workspace_secret boolean default false, out webhook ucrm.webhooks, out secret text)
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    tenant constant uuid := ucrm.tenant_id();
    readable constant text := ucrm.own_reads();
    exempt constant boolean := ucrm.webhook_url_fault(url) is not null and ucrm.internal_webhooks();
    fault text := ucrm.webhook_url_fault(url, exempt);
    wrong record;
    clear bytea;
begin
    perform ucrm.demand('webhooks', 'create');
    perform ucrm.demand_fresh();
    select * into wrong from ucrm.webhook_events_fault(events, readable);
    if fault is not null then
        perform ucrm.refuse('validation_failed', 'url: ' || fault);
    elsif wrong.code is not null then
        perform ucrm.refuse(case wrong.code when 'grant_ceiling' then wrong.code else 'validation_failed' end, 'events: ' || wrong.sentence);
    elsif ucrm.key_fault() is not null then
        perform ucrm.refuse('unavailable', 'this installation has no key to seal the secret with');
    end if;
    -- Two at once come one after the other.
    perform from ucrm.tenants as t where t.id = tenant for no key update;
    if (select count(*) from ucrm.webhooks as w where w.tenant_id = tenant) >= (ucrm.setting('webhooks_per_tenant') #>> '{}')::integer then
        perform ucrm.refuse('webhook_limit');
    end if;
    insert into ucrm.webhooks as w (tenant_id, url, description, events, internal, reads, created_by)
    values (tenant, create_webhook.url, coalesce(create_webhook.description, ''), create_webhook.events, exempt, readable, ucrm.user_id())
    returning w.* into webhook;
    insert into ucrm.webhook_queues (tenant_id, webhook_id) values (tenant, webhook.id);
    insert into ucrm.webhook_feeds (tenant_id, event_id) values (tenant, webhook.since) on conflict do nothing;
    if not coalesce(workspace_secret, false) then
        -- 32 random bytes, as Standard Webhooks wants between 24 and 64.
        clear := ucrm.random_bytes(32);
        perform ucrm.keep_secret(tenant, 'webhook', webhook.id, clear);
    else
        clear := ucrm.secret(tenant, 'webhook', tenant);
        if clear is null then
            perform ucrm.make_webhook_secret(tenant);
            clear := ucrm.secret(tenant, 'webhook', tenant);
        end if;
    end if;
    secret := ucrm.webhook_secret_text(clear);
    perform ucrm.record_event(tenant, 'created', 'webhooks', webhook.id::text, null, ucrm.webhook_json(webhook));
end
$$;
comment on function ucrm.create_webhook(text, text, text[], boolean) is
'A webhook of the entered workspace, and its secret. events: *, contacts.*, *.deleted, contacts.created; only events of what the context may read whole are ever sent. workspace_secret: it signs with the workspace''s own secret, the one that provisioning showed, instead of one of its own. Refusals: no_context, gates, permission_denied, step_up_required, validation_failed, grant_ceiling, webhook_limit, unavailable (no key file).';

create function ucrm.change_webhook(id uuid, url text default null, description text default null, events text[] default null, status text default null)
returns ucrm.webhooks
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    before ucrm.webhooks;
    after ucrm.webhooks;
    fault text;
    wrong record;
begin
    perform ucrm.demand('webhooks', 'update');
    if url is not null then
        perform ucrm.demand_fresh();
    end if;
    before := ucrm.webhook_for_change(id);
    after := before;
    after.description := coalesce(change_webhook.description, before.description);
    after.status := coalesce(change_webhook.status, before.status);
    if change_webhook.status is not null then
        if change_webhook.status not in ('active', 'paused') then
            perform ucrm.refuse('validation_failed', 'status: active or paused');
        end if;
        after.disabled_reason := null;
    end if;
    if url is not null or events is not null then
        after.url := coalesce(change_webhook.url, before.url);
        after.events := coalesce(change_webhook.events, before.events);
        after.reads := ucrm.own_reads();
        after.internal := ucrm.webhook_url_fault(after.url) is not null and ucrm.internal_webhooks();
        fault := ucrm.webhook_url_fault(after.url, after.internal);
        select * into wrong from ucrm.webhook_events_fault(after.events, after.reads);
        if fault is not null then
            perform ucrm.refuse('validation_failed', 'url: ' || fault);
        elsif wrong.code is not null then
            perform ucrm.refuse(case wrong.code when 'grant_ceiling' then wrong.code else 'validation_failed' end, 'events: ' || wrong.sentence);
        end if;
    end if;
    if before.status = 'disabled' and after.status <> 'disabled' then
        -- What happened while it was disabled passed it by.
        after.since := ucrm.uuid7();
    end if;
    update ucrm.webhooks as w
    set url = after.url, description = after.description, events = after.events, status = after.status, disabled_reason = after.disabled_reason,
        reads = after.reads, internal = after.internal, since = after.since
    where w.tenant_id = before.tenant_id and w.id = before.id
    returning w.* into after;
    if before.status <> after.status then
        update ucrm.webhook_queues as q
        set due_at = case after.status when 'active' then clock_timestamp() end, width = 4, failures = 0, failing_since = null, rests_until = null
        where q.tenant_id = after.tenant_id and q.webhook_id = after.id;
    end if;
    if ucrm.webhook_json(before) - 'updated_at' <> ucrm.webhook_json(after) - 'updated_at' then
        perform ucrm.record_event(after.tenant_id, 'updated', 'webhooks', after.id::text, ucrm.webhook_json(before), ucrm.webhook_json(after));
    end if;
    return after;
end
$$;
comment on function ucrm.change_webhook(uuid, text, text, text[], text) is
'Changes the entered workspace''s webhook; null leaves a value as it is. status: active or paused; one that was disabled goes on with what happens from then on. Whoever sets url or events has sent there what he may read himself. Refusals: no_context, gates, permission_denied, step_up_required (url), not_found, validation_failed, grant_ceiling.';

create function ucrm.delete_webhook(id uuid)
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    w ucrm.webhooks;
begin
    perform ucrm.demand('webhooks', 'delete');
    w := ucrm.webhook_for_change(id);
    delete from ucrm.webhooks as x where x.tenant_id = w.tenant_id and x.id = w.id;
    delete from ucrm.secrets as s where s.tenant_id = w.tenant_id and s.kind in ('webhook', 'webhook_previous') and s.holder = w.id;
    perform ucrm.record_event(w.tenant_id, 'deleted', 'webhooks', w.id::text, ucrm.webhook_json(w), null);
end
$$;
comment on function ucrm.delete_webhook(uuid) is 'Deletes the entered workspace''s webhook with its deliveries and secrets. Refusals: no_context, gates, permission_denied, not_found.';

grant execute on function
    ucrm.create_webhook(text, text, text[], boolean), ucrm.change_webhook(uuid, text, text, text[], text), ucrm.delete_webhook(uuid)
to ucrm_app;
