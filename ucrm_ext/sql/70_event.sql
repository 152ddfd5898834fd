-- The outbox: {resource}.{created|updated|deleted|archived|restored}, written in the transaction of the change.
create table ucrm.events (
    tenant_id uuid not null,
    id uuid not null default ucrm.uuid7(),
    at timestamptz not null default clock_timestamp(),
    type text not null,
    resource text not null,
    record_id text,
    data jsonb,
    changes jsonb,
    request_id uuid,
    primary key (tenant_id, id)
);
comment on table ucrm.events is
'Outbox rows. data: the row (for deleted, as it was); changes (updates): {field: {previous, current}}. Ids are UUIDv7.';

create function ucrm.changes_of(before jsonb, after jsonb, changed text[])
returns jsonb
language c
immutable
parallel safe
as 'MODULE_PATHNAME', 'ucrm_changes_of';
comment on function ucrm.changes_of(jsonb, jsonb, text[]) is '{field: {previous, current}} of the changed fields.';
grant execute on function ucrm.changes_of(jsonb, jsonb, text[]) to ucrm_owner;

-- Kernel functions write their own audit and outbox rows with this one: a trigger on a kernel table would fire
-- while a dump is restored.
create function ucrm.record_event(tenant uuid, verb text, resource text, record_id text, before jsonb, after jsonb)
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    changed constant text[] := case when before is not null and after is not null then ucrm.changed_fields(before, after) end;
begin
    insert into ucrm.audit_logs (tenant_id, actor_kind, user_id, impersonator_id, api_key_prefix, request_id, address, action, resource, record_id, before, after, changed)
    values (tenant, ucrm.actor_kind(), ucrm.user_id(), ucrm.impersonator_id(), ucrm.api_key_prefix(), ucrm.request_id(), ucrm.client_address(),
            case verb when 'created' then 'create' when 'updated' then 'update' when 'deleted' then 'delete' else verb end,
            record_event.resource, record_event.record_id, before, after, changed);
    if verb in ('created', 'updated', 'deleted') then
        insert into ucrm.events (tenant_id, type, resource, record_id, data, changes, request_id)
        values (tenant, record_event.resource || '.' || verb, record_event.resource, record_event.record_id,
                coalesce(after, before), ucrm.changes_of(before, after, changed), ucrm.request_id());
    end if;
end
$$;
comment on function ucrm.record_event(uuid, text, text, text, jsonb, jsonb) is
'One audit row, and for created, updated and deleted one outbox row. Other verbs (denied, …) are security events: audit only.';

-- What nobody has a function for, a superuser does in SQL: it is written down all the same. A restore only inserts.
create function ucrm.record_billing()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if new.id is distinct from ucrm.hushed_tenant() then
        perform ucrm.record_event(new.id, 'updated', 'billing', new.id::text,
            jsonb_build_object('plan', old.plan, 'subscribed_until', old.subscribed_until, 'trial_ends_at', old.trial_ends_at),
            jsonb_build_object('plan', new.plan, 'subscribed_until', new.subscribed_until, 'trial_ends_at', new.trial_ends_at));
    end if;
    return null;
end
$$;
comment on function ucrm.record_billing() is 'AFTER UPDATE trigger of tenants: an audit and an outbox row when plan, subscription or trial change by themselves; the start of a trial is told with the approval.';

create trigger record_billing
after update on ucrm.tenants
for each row when (old.status = new.status and (old.plan is distinct from new.plan or old.subscribed_until is distinct from new.subscribed_until or old.trial_ends_at is distinct from new.trial_ends_at))
execute function ucrm.record_billing();

create function ucrm.record_platform_access()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    insert into ucrm.platform_audit_logs (action, user_id, request_id, detail)
    values (tg_argv[0], ucrm.user_id(), ucrm.request_id(), jsonb_strip_nulls(jsonb_build_object('admin_id', old.user_id, 'prefix', to_jsonb(old) ->> 'prefix')));
    return null;
end
$$;
comment on function ucrm.record_platform_access() is 'AFTER DELETE trigger of platform_admins and platform_keys: a row in the platform''s audit. Argument: its action.';

create trigger record_platform_access
after delete on ucrm.platform_admins
for each row execute function ucrm.record_platform_access('platform_admin.removed');
create trigger record_platform_access
after delete on ucrm.platform_keys
for each row execute function ucrm.record_platform_access('platform_key.revoked');

create function ucrm.hush(tenant uuid)
returns void
language c
volatile
as 'MODULE_PATHNAME', 'ucrm_hush';
comment on function ucrm.hush(uuid) is
'No audit or outbox rows of this tenant until hush(null) or the end of the transaction: a restored tenant brings its own. Others'' are written as ever. Owner only.';

create function ucrm.hushed_tenant()
returns uuid
language c
stable
as 'MODULE_PATHNAME', 'ucrm_hushed_tenant';
comment on function ucrm.hushed_tenant() is 'The tenant that ucrm.hush() silenced in this transaction; null: none.';

create function ucrm.image("row" anyelement)
returns jsonb
language c
stable
strict
as 'MODULE_PATHNAME', 'ucrm_image';
comment on function ucrm.image(anyelement) is
'to_jsonb() of a row with times in UTC, and intervals, bytes and floats as PostgreSQL prints them unless told otherwise: the same whoever writes, so that two images can be compared as text.';

create function ucrm.image_digest(image jsonb)
returns bytea
language c
immutable
strict
as 'MODULE_PATHNAME', 'ucrm_image_digest';
comment on function ucrm.image_digest(jsonb) is 'SHA-256 of an image as it is stored. Where two are equal the images are.';
grant execute on function ucrm.image(anyelement), ucrm.image_digest(jsonb) to ucrm_owner, ucrm_app, ucrm_handler, ucrm_platform;

-- Arguments: resource, key column, archived column or ''. Of secret columns a row holds the mask only.
create function ucrm.record_insert()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    hushed constant uuid := ucrm.hushed_tenant();
begin
    with logged as (
        insert into ucrm.audit_logs (id, tenant_id, actor_kind, user_id, api_key_prefix, request_id, address, action, resource, record_id, after)
        select ucrm.uuid7(), c.tenant_id, ucrm.actor_kind(), ucrm.user_id(), ucrm.api_key_prefix(), ucrm.request_id(), ucrm.client_address(),
               'create', tg_argv[0], c.image ->> tg_argv[1], c.image
        from (
            select r.tenant_id, ucrm.image(r.*) as image
            from new_rows as r
            where r.tenant_id is distinct from hushed
            offset 0
        ) as c
        returning id, tenant_id, record_id, after, request_id
    )
    insert into ucrm.events (id, tenant_id, type, resource, record_id, data, request_id)
    select l.id, l.tenant_id, tg_argv[0] || '.created', tg_argv[0], l.record_id, l.after, l.request_id
    from logged as l;
    return null;
end
$$;
comment on function ucrm.record_insert() is 'AFTER INSERT statement trigger of protected tables: an audit and an outbox row per new row; they share their id.';

create function ucrm.record_delete()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    hushed constant uuid := ucrm.hushed_tenant();
begin
    -- Nothing is written for a tenant that is itself being deleted.
    with changed as materialized (
        select ucrm.uuid7() as id, r.tenant_id, ucrm.image(r.*) as image
        from old_rows as r
        where exists (select from ucrm.tenants as t where t.id = r.tenant_id)
          and r.tenant_id is distinct from hushed
    ), logged as (
        insert into ucrm.audit_logs (id, tenant_id, actor_kind, user_id, api_key_prefix, request_id, address, action, resource, record_id, before)
        select c.id, c.tenant_id, ucrm.actor_kind(), ucrm.user_id(), ucrm.api_key_prefix(), ucrm.request_id(), ucrm.client_address(),
               'delete', tg_argv[0], c.image ->> tg_argv[1], c.image
        from changed as c
    )
    insert into ucrm.events (id, tenant_id, type, resource, record_id, data, request_id)
    select c.id, c.tenant_id, tg_argv[0] || '.deleted', tg_argv[0], c.image ->> tg_argv[1], c.image, ucrm.request_id()
    from changed as c;
    return null;
end
$$;
comment on function ucrm.record_delete() is 'AFTER DELETE statement trigger of protected tables: an audit and an outbox row per row that is gone.';

-- The n-th old row and the n-th new row of a statement are the same row: PostgreSQL keeps them in step. Joining them by
-- position is exact when a key changes too; enable_nestloop is off because the plan is kept, and a plan made for one row
-- must not be a disaster for twenty thousand; jit is off because compiling the plan costs more than running it.
create function ucrm.record_update()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set enable_nestloop = off
set jit = off
as $$
declare
    hushed constant uuid := ucrm.hushed_tenant();
begin
    with before as materialized (
        select row_number() over () as n, ucrm.image(r.*) as image from old_rows as r
    ), after as materialized (
        select row_number() over () as n, r.tenant_id, ucrm.image(r.*) as image from new_rows as r
    ), logged as (
        insert into ucrm.audit_logs (id, tenant_id, actor_kind, user_id, api_key_prefix, request_id, address, action, resource, record_id, before, after, changed)
        select ucrm.uuid7(), a.tenant_id, ucrm.actor_kind(), ucrm.user_id(), ucrm.api_key_prefix(), ucrm.request_id(), ucrm.client_address(),
               case
                   when tg_argv[2] <> '' and b.image ->> tg_argv[2] is null and a.image ->> tg_argv[2] is not null then 'archive'
                   when tg_argv[2] <> '' and b.image ->> tg_argv[2] is not null and a.image ->> tg_argv[2] is null then 'restore'
                   else 'update'
               end,
               tg_argv[0], a.image ->> tg_argv[1], b.image, a.image, ucrm.changed_fields(b.image, a.image)
        from before as b
        join after as a on a.n = b.n
        where b.image is distinct from a.image
          and a.tenant_id in (select t.id from ucrm.tenants as t)
          and a.tenant_id is distinct from hushed
        returning id, tenant_id, action, record_id, before, after, changed, request_id
    )
    insert into ucrm.events (id, tenant_id, type, resource, record_id, data, changes, request_id)
    select l.id, l.tenant_id,
           tg_argv[0] || case l.action when 'archive' then '.archived' when 'restore' then '.restored' else '.updated' end,
           tg_argv[0], l.record_id, l.after, ucrm.changes_of(l.before, l.after, l.changed), l.request_id
    from logged as l;
    return null;
end
$$;
comment on function ucrm.record_update() is
'AFTER UPDATE statement trigger of protected tables: an audit and an outbox row per row that changed; a no-op writes none.';

grant execute on function ucrm.hush(uuid) to ucrm_owner;
grant execute on function ucrm.hushed_tenant() to ucrm_owner;
