-- LISTEN for events: on a channel whose name only the workspace learns, with ids only. Announced behind the writers'
-- backs, because NOTIFY in a writing transaction makes all commits of the server wait for one another.
create table ucrm.event_channels (
    tenant_id uuid primary key references ucrm.tenants (id) on delete cascade,
    channel text not null default 'ucrm_events_' || encode(ucrm.random_bytes(16), 'hex'),
    event_id uuid not null,
    created_at timestamptz not null default clock_timestamp()
);
comment on table ucrm.event_channels is
'Workspaces that somebody listens to: the channel, of which nobody else can guess the name, and the last event that was announced on it.';

create function ucrm.event_channel()
returns text
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    tenant constant uuid := ucrm.tenant_id();
    named text := (select c.channel from ucrm.event_channels as c where c.tenant_id = tenant);
begin
    if tenant is null then
        perform ucrm.refuse('no_context');
    elsif named is null then
        insert into ucrm.event_channels as c (tenant_id, event_id) values (tenant, ucrm.settled_until())
        on conflict on constraint event_channels_pkey do update set tenant_id = c.tenant_id
        returning c.channel into named;
    end if;
    return named;
end
$$;
comment on function ucrm.event_channel() is
'The channel on which the entered workspace''s events are announced (LISTEN): each payload the ids of up to 200 events, comma-separated, the oldest first, and nothing else; what they are, GET /api/v1/events and ucrm.events tell to whoever may read it. Asked for the first time it makes the channel, which a read-only transaction cannot (25006). Refusal: no_context.';

create function ucrm.renew_event_channel()
returns text
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform ucrm.demand('settings', 'update');
    delete from ucrm.event_channels as c where c.tenant_id = ucrm.tenant_id();
    return ucrm.event_channel();
end
$$;
comment on function ucrm.renew_event_channel() is 'Another channel in place of the one that somebody knows who should not any more. Asks for settings:update.';

create function ucrm.announce_events(batch integer default 1000)
returns integer
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    wanted constant integer := greatest(1, least(coalesce(batch, 1000), 10000));
    until uuid;
    c ucrm.event_channels;
    ids uuid[];
    total integer := 0;
begin
    -- A snapshot that is kept would be older than the moment it is compared with.
    if current_setting('transaction_isolation') <> 'read committed' then
        raise exception 'events are read under READ COMMITTED' using errcode = 'feature_not_supported';
    end if;
    if pg_is_in_recovery() then
        return 0;
    end if;
    until := ucrm.settled_until();
    for c in
        select x.*
        from ucrm.event_channels as x
        where exists (select from ucrm.events as e where e.tenant_id = x.tenant_id and e.id > x.event_id and e.id < until)
        order by x.event_id
        limit 100
        for no key update skip locked
    loop
        ids := array(select e.id from ucrm.events as e where e.tenant_id = c.tenant_id and e.id > c.event_id and e.id < until order by e.id limit wanted);
        -- A payload has 8,000 bytes at most.
        perform pg_notify(c.channel, array_to_string(ids[n * 200 + 1 : n * 200 + 200], ','))
        from generate_series(0, (cardinality(ids) - 1) / 200) as n
        order by n;
        update ucrm.event_channels as x set event_id = ids[cardinality(ids)] where x.tenant_id = c.tenant_id;
        total := total + cardinality(ids);
    end loop;
    return total;
end
$$;
comment on function ucrm.announce_events(integer) is
'Announces what has come since on every workspace''s channel, up to batch of each of 100; how many events. Each id once, in the order of ids, none skipped (ucrm.settled_until()); who does not listen at the time asks for what he missed. Several may call it at once. 0A000 outside READ COMMITTED. For the gateways; without one, for pg_cron.';

grant execute on function ucrm.event_channel(), ucrm.renew_event_channel() to ucrm_app, ucrm_reader;
grant execute on function ucrm.announce_events(integer) to ucrm_gateway, ucrm_platform;
