-- Retention: audit rows that are older than a policy says go, a seal at a time; the seal stays, and a later one of the same
-- chain says that its rows were pruned. So a gap that a policy made is told from one that somebody else made.
create function ucrm.retention_days(tenant uuid)
returns integer
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    own constant numeric := (select (t.settings ->> 'audit_retention_days')::numeric from ucrm.tenants as t where t.id = tenant and jsonb_typeof(t.settings -> 'audit_retention_days') = 'number');
    ours constant numeric := (ucrm.setting('audit_retention_days') #>> '{}')::numeric;
begin
    -- No less than a month is kept: whoever took a workspace over could else have his traces removed, and of what is younger
    -- nobody could tell whether a policy pruned it.
    return case when coalesce(own, ours) is not null then least(greatest(coalesce(own, ours), 30), 100000) end;
end
$$;
comment on function ucrm.retention_days(uuid) is 'After how many days a tenant''s sealed audit rows are pruned, by its own setting or the installation''s; null: never.';

create function ucrm.prune_chain(chain uuid, days integer, batch integer)
returns bigint
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    old constant uuid := ucrm.lowest_id(clock_timestamp() - make_interval(hours => 24 * days));
    head record;
    upto record;
    gone bigint;
begin
    select s.n, s.pruned into head
    from ucrm.audit_seals as s
    where s.tenant_id = chain
    order by s.n desc
    limit 1;
    -- Whole seals, as many as make up a batch, at least one. The newest one stays, to be followed.
    select x.n, x.last_id, x.total into upto
    from (
        select s.n, s.last_id, sum(s.rows) over (order by s.n) as total, sum(s.rows) over (order by s.n) - s.rows as others
        from ucrm.audit_seals as s
        where s.tenant_id = chain and s.n > head.pruned and s.n < head.n and s.last_id < old
    ) as x
    where x.others < batch
    order by x.n desc
    limit 1;
    if upto.n is null then
        return 0;
    end if;
    if chain = '00000000-0000-0000-0000-000000000000' then
        delete from ucrm.platform_audit_logs as l where l.id <= upto.last_id;
        get diagnostics gone = row_count;
        insert into ucrm.platform_audit_logs (action, detail)
        values ('audit.pruned', jsonb_build_object('seals', array[head.pruned + 1, upto.n], 'rows', gone, 'days', days, 'last_id', upto.last_id));
    else
        delete from ucrm.audit_logs as l where l.tenant_id = chain and l.id <= upto.last_id;
        get diagnostics gone = row_count;
        perform ucrm.record_event(chain, 'pruned', 'audit_logs', null, null,
            jsonb_build_object('seals', array[head.pruned + 1, upto.n], 'rows', gone, 'days', days, 'last_id', upto.last_id));
    end if;
    update ucrm.audit_seals as s
    set ids = null, leaves = null
    where s.tenant_id = chain and s.n > head.pruned and s.n <= upto.n;
    perform ucrm.seal_rows(chain, '00000000-0000-0000-0000-000000000000', 0, upto.n);
    return gone;
end
$$;
comment on function ucrm.prune_chain(uuid, integer, integer) is
'Deletes the rows of a chain''s oldest seals that are older than so many days, a batch or one seal more, leaves an audit row that says so, and makes a seal of no rows that says up to which seal rows were pruned. Returns how many. The caller holds the tenant, and no one else seals.';

create function ucrm.prune_audit(batch integer default 10000)
returns bigint
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    wanted constant integer := greatest(1, least(coalesce(batch, 10000), 1000000));
    c record;
    total bigint := 0;
begin
    if pg_is_in_recovery() or not ucrm.try_lock('seal_audit') then
        return 0;
    end if;
    for c in
        select x.id, x.days
        from (
            select t.id, ucrm.retention_days(t.id) as days from ucrm.tenants as t
            union all
            select '00000000-0000-0000-0000-000000000000', ucrm.retention_days(null)
        ) as x
        cross join lateral (
            select s.pruned from ucrm.audit_seals as s where s.tenant_id = x.id order by s.n desc limit 1
        ) as head
        join ucrm.audit_seals as oldest on oldest.tenant_id = x.id and oldest.n = head.pruned + 1
        where x.days is not null
          -- A day's worth at a time: each leaves an audit row and a seal.
          and oldest.last_id < ucrm.lowest_id(clock_timestamp() - make_interval(days => x.days + 1))
        order by oldest.last_id
    loop
        continue when not ucrm.hold_chain(c.id);
        total := total + ucrm.prune_chain(c.id, c.days, (wanted - total)::integer);
        exit when total >= wanted;
    end loop;
    return total;
end
$$;
comment on function ucrm.prune_audit(integer) is
'Prunes sealed audit rows by the setting audit_retention_days, the installation''s or a workspace''s own, about batch rows a call; returns how many. What is not sealed is never pruned. 0 when a call of it or of ucrm.seal_audit() is at work, and on a standby.';

grant execute on function ucrm.prune_audit(integer) to ucrm_platform;
