-- What events there are, from the registry: those of every protected table, of tomorrow's too, and UCRM's own.
create table ucrm.system_events (
    resource text not null,
    verb text not null check (verb in ('created', 'updated', 'deleted')),
    occurs text not null check (occurs <> ''),
    builtin boolean not null default false,
    primary key (resource, verb)
);
comment on table ucrm.system_events is 'The events of what is not in a protected table, and when they occur. Who calls ucrm.record_event() for something of his own adds a row.';

insert into ucrm.system_events (resource, verb, occurs, builtin) values
('tenant', 'created', 'The workspace is founded.', true),
('tenant', 'updated', 'Its name, settings or state change: approval and suspension are among them.', true),
('billing', 'updated', 'Its plan, subscription or trial change.', true),
('members', 'created', 'Somebody joins.', true),
('members', 'updated', 'A member gets another role, is disabled or enabled.', true),
('members', 'deleted', 'A member leaves or is removed.', true),
('invitations', 'created', 'Somebody is invited.', true),
('invitations', 'updated', 'An invitation is sent again or accepted.', true),
('invitations', 'deleted', 'An invitation is cancelled.', true),
('roles', 'created', 'A role of the workspace''s own is made.', true),
('roles', 'updated', 'What a role grants changes.', true),
('roles', 'deleted', 'A role is deleted.', true),
('api_keys', 'created', 'A key is made, or another takes its place.', true),
('api_keys', 'deleted', 'A key is revoked.', true),
('custom_columns', 'created', 'A custom column is added.', true),
('custom_columns', 'updated', 'A custom column changes.', true),
('custom_columns', 'deleted', 'A custom column is removed.', true),
('files', 'created', 'A file is uploaded.', true),
('files', 'deleted', 'A file is deleted.', true),
('settings', 'created', 'The workspace gets a mail sender of its own.', true),
('settings', 'updated', 'The mail sender changes.', true),
('settings', 'deleted', 'The mail sender is removed.', true),
('webhooks', 'created', 'A webhook is added.', true),
('webhooks', 'updated', 'A webhook changes, is paused or resumed, or disabled by itself.', true),
('webhooks', 'deleted', 'A webhook is removed.', true);

create trigger builtin_rows_do_not_change
before update or delete on ucrm.system_events
for each row when (old.builtin) execute function ucrm.refuse_immutable();

create function ucrm.sample_value(name text, schema jsonb)
returns jsonb
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
    select case
        when schema ? 'enum' then schema -> 'enum' -> 0
        when schema ->> 'format' = 'uuid' then '"01a1fd6e-d21b-765d-a19d-d035994ecaf3"'
        when schema ->> 'format' = 'date-time' then '"2026-11-28T17:00:00+00:00"'
        when schema ->> 'format' = 'date' then '"2026-11-28"'
        when schema ->> 'type' = 'integer' then '1'
        when schema ->> 'type' = 'number' then '1.5'
        when schema ->> 'type' = 'boolean' then 'true'
        when schema ->> 'type' = 'array' then '[]'
        when schema ->> 'type' = 'string' then to_jsonb(name)
        else '{}'
    end::jsonb;
$$;
comment on function ucrm.sample_value(text, jsonb) is 'A value for an example.';

create function ucrm.event_catalogue()
returns table (type text, resource text, occurs text, permission text, schema jsonb, example jsonb)
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    with said as (
        select x.name as resource, v.verb, v.occurs, ucrm.relation_of(x.table_schema, x.table_name) as relation
        from ucrm.resources as x
        cross join lateral (values
            ('created', 'A row is created, or a deleted one comes back.'),
            ('updated', 'A row changes.'),
            ('deleted', 'A row is deleted.'),
            ('archived', 'A row is archived.'),
            ('restored', 'An archived row is restored.')
        ) as v (verb, occurs)
        where x.kind = 'entity' and (x.archived_column is not null or v.verb not in ('archived', 'restored'))
        union all
        select s.resource, s.verb, s.occurs, null from ucrm.system_events as s
    ), shaped as (
        select s.*, c.schema, c.sample
        from said as s
        left join lateral (
            select jsonb_build_object('type', 'object', 'properties', jsonb_object_agg(a.attname, ucrm.type_schema(format_type(a.atttypid, a.atttypmod)) order by a.attnum)) as schema,
                   jsonb_object_agg(a.attname, ucrm.sample_value(a.attname, coalesce(k.schema, ucrm.type_schema(format_type(a.atttypid, a.atttypmod))))) as sample
            from pg_catalog.pg_attribute as a
            left join ucrm.column_schemas(s.relation) as k on k.name = a.attname
            where a.attrelid = s.relation and a.attnum > 0 and not a.attisdropped
        ) as c on true
    )
    select s.resource || '.' || s.verb, s.resource, s.occurs, s.resource || ':read', s.schema,
        ucrm.cloud_event(row(
            '01a1fd6e-0000-7000-8000-000000000001', '01a1fd6e-d21b-765d-a19d-d035994ecaf4', '2026-11-28T17:00:00Z', s.resource || '.' || s.verb, s.resource,
            '01a1fd6e-d21b-765d-a19d-d035994ecaf3', coalesce(s.sample, '{}'), null, '01a1fd6e-d21b-765d-a19d-d035994ecaf5')::ucrm.events)
        || case when s.verb in ('updated', 'archived', 'restored') then '{"changes": {"name": {"previous": "before", "current": "after"}}}'::jsonb else '{}' end
    from shaped as s
    order by s.resource, array_position(array['created', 'updated', 'archived', 'restored', 'deleted'], s.verb);
$$;
comment on function ucrm.event_catalogue() is
'Every type of event: its resource, when it occurs, who may read it (a permission on all rows), the JSON Schema of data (null for UCRM''s own), and an example as a CloudEvent. From the registry: a table that is protected tomorrow is in it.';

grant execute on function ucrm.event_catalogue() to ucrm_app, ucrm_reader, ucrm_handler, ucrm_platform;
