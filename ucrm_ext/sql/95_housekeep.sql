-- Housekeeping: what nothing asks for any more goes, a batch at a time. A gateway's worker calls it every few minutes.
create function ucrm.days_kept(setting text)
returns integer
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    -- The 0 days of a mistake would empty everything.
    select greatest(1, least((s.value #>> '{}')::integer, 36500))
    from (select ucrm.setting(days_kept.setting) as value) as s
    where jsonb_typeof(s.value) = 'number';
$$;
comment on function ucrm.days_kept(text) is 'The days of such a setting, at least one; null: for ever.';

create function ucrm.housekeep(batch integer default 1000)
returns table (what text, gone bigint)
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    wanted constant integer := greatest(1, least(coalesce(batch, 1000), 100000));
begin
    -- One at a time: who comes second has nothing to do.
    if pg_is_in_recovery() or not ucrm.try_lock('housekeep') then
        return;
    end if;

    -- Materialized: a plan that asked anew for each row would take more than the batch.
    -- Whoever counts a hit at this moment holds the row: it is not waited for, and is no longer old.
    what := 'row_windows';
    with old as materialized (
        select x.name, x.key
        from ucrm.row_windows as x
        where not exists (
            select
            from unnest(x.hits) as h
            where h > clock_timestamp() - make_interval(secs => coalesce((select max(l.seconds) from ucrm.rate_limits as l where l.name = x.name), 86400)))
        limit wanted
        for update skip locked
    )
    delete from ucrm.row_windows as w
    using old
    where w.name = old.name and w.key = old.key;
    get diagnostics gone = row_count;
    return next;

    what := 'verification_tokens';
    with old as materialized (
        select x.user_id, x.purpose
        from ucrm.verification_tokens as x
        where x.expires_at <= clock_timestamp()
        limit wanted
        for update skip locked
    )
    delete from ucrm.verification_tokens as v
    using old
    where v.user_id = old.user_id and v.purpose = old.purpose;
    get diagnostics gone = row_count;
    return next;

    -- Their links open nothing any more; who was invited stays to be read.
    what := 'invitation tokens';
    with old as materialized (
        select x.tenant_id, x.id
        from ucrm.invitations as x
        where x.digest is not null and x.expires_at <= clock_timestamp()
        limit wanted
        for no key update skip locked
    )
    update ucrm.invitations as i
    set digest = null
    from old
    where i.tenant_id = old.tenant_id and i.id = old.id;
    get diagnostics gone = row_count;
    return next;

    what := 'sessions';
    with old as materialized (
        select x.id
        from ucrm.sessions as x
        where least(x.expires_at, x.ends_at) <= clock_timestamp()
        limit wanted
        for update skip locked
    )
    delete from ucrm.sessions as s
    using old
    where s.id = old.id;
    get diagnostics gone = row_count;
    return next;

    what := 'idempotency keys';
    with old as materialized (
        select x.tenant_id, x.principal, x.key
        from ucrm.idempotency_keys as x
        where x.created_at <= clock_timestamp() - interval '24 hours'
        limit wanted
        for update skip locked
    )
    delete from ucrm.idempotency_keys as k
    using old
    where k.tenant_id = old.tenant_id and k.principal = old.principal and k.key = old.key;
    get diagnostics gone = row_count;
    return next;

    what := 'mails';
    with old as materialized (
        select x.id
        from ucrm.emails as x
        where x.status in ('sent', 'failed') and x.created_at < clock_timestamp() - make_interval(days => ucrm.days_kept('mail_days'))
        limit wanted
        for update skip locked
    )
    delete from ucrm.emails as m
    using old
    where m.id = old.id;
    get diagnostics gone = row_count;
    return next;

    -- Each workspace by its own key: the oldest of one are the first of its index.
    what := 'events';
    with old as materialized (
        select x.tenant_id, x.id
        from ucrm.tenants as t
        cross join lateral (
            select e.tenant_id, e.id
            from ucrm.events as e
            where e.tenant_id = t.id and e.id < ucrm.uuid_after(clock_timestamp() - make_interval(days => ucrm.days_kept('event_days')))
            order by e.id
            limit wanted
            for update skip locked
        ) as x
        limit wanted
    )
    delete from ucrm.events as e
    using old
    where e.tenant_id = old.tenant_id and e.id = old.id;
    get diagnostics gone = row_count;
    return next;

    what := 'webhook deliveries';
    gone := ucrm.prune_deliveries(wanted);
    return next;

    what := 'webhook ids taken';
    gone := ucrm.prune_processed(wanted);
    return next;

    what := 'audit rows sealed';
    gone := ucrm.seal_audit(wanted);
    return next;
    what := 'audit rows pruned';
    gone := ucrm.prune_audit(wanted);
    return next;
end
$$;
comment on function ucrm.housekeep(integer) is
'Removes, up to batch of each, windows whose hits no longer count, tokens of mails that have run out, digests of invitations that have, sessions that are over, answers kept for Idempotency-Keys after their 24 hours, mails and events as old as the settings mail_days and event_days say, and deliveries and ids of webhooks that are 30 days old; seals audit rows (ucrm.seal_audit()) and prunes those past their time (ucrm.prune_audit()); how many of each. The gateways call it every few minutes; without one, let pg_cron: select cron.schedule(''ucrm'', ''* * * * *'', ''select ucrm.housekeep(10000)''). No row when another call is at it, or on a standby. A call that fails or is killed has removed nothing and the next one does it. What it removes counts for nothing already, or is past its time: it changes what is stored, not what anybody may.';

grant execute on function ucrm.housekeep(integer) to ucrm_gateway, ucrm_platform;
