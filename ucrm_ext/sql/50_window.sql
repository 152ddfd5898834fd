-- Sliding windows: never more than N hits in any window of length W, over however many connections. Those of the API live
-- in shared memory and survive a rollback; a restart clears them. Those of accounts are rows, committed by handle.
create function ucrm.address_wait(address inet)
returns bigint
language c
volatile
as 'MODULE_PATHNAME', 'ucrm_address_wait';
comment on function ucrm.address_wait(inet) is
'Milliseconds until this address may try again, null when it may now. Counts nothing. IPv6 counts by /64.';

create function ucrm.reserve_address(address inet, hits integer, seconds integer)
returns bigint
language c
volatile
as 'MODULE_PATHNAME', 'ucrm_reserve_address';
comment on function ucrm.reserve_address(inet, integer, integer) is
'Counts a hit against an address before its credential is looked at; milliseconds to wait when there is none left, else null.';

create function ucrm.refund_address(address inet)
returns void
language c
volatile
as 'MODULE_PATHNAME', 'ucrm_refund_address';
comment on function ucrm.refund_address(inet) is 'Gives the reserved hit back: the credential was good.';

create function ucrm.touch_key(tenant uuid, id uuid)
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    update ucrm.api_keys as k set last_used_at = clock_timestamp()
    where k.tenant_id = tenant and k.id = touch_key.id;
end
$$;
comment on function ucrm.touch_key(uuid, uuid) is 'Notes that a key was used, to the minute.';

create function ucrm.touch_credential(detail text, kind text)
returns jsonb
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    if detail like 'session %' then
        return ucrm.touch_session(split_part(detail, ' ', 2)::uuid, kind);
    end if;
    perform ucrm.touch_key(split_part(detail, ' ', 1)::uuid, split_part(detail, ' ', 2)::uuid);
    return null;
end
$$;
comment on function ucrm.touch_credential(text, text) is 'Notes that a credential of this kind was used: "session <id>", or "<tenant> <id>" of a key. The headers that a session which slides wants in the reply, else null.';

create function ucrm.hit(name text, key text, hits integer, seconds integer)
returns bigint
language c
volatile
as 'MODULE_PATHNAME', 'ucrm_hit';
comment on function ucrm.hit(text, text, integer, integer) is
'Counts a hit in a shared-memory window; milliseconds to wait when it is full (or the table of windows is), else null.';

create function ucrm.window_occupancy(out segment text, out live bigint, out capacity bigint, out refused_full bigint)
returns setof record
language c
volatile
as 'MODULE_PATHNAME', 'ucrm_window_occupancy';
comment on function ucrm.window_occupancy() is
'Entries of the shared-memory windows by segment (address, account), and how often a full table refused.';

create function ucrm."limit"(name text, key text)
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    plan text := (select t.plan from ucrm.tenants as t where t.id = ucrm.tenant_id());
    allowed record;
    wait bigint;
begin
    select * into allowed from ucrm.rate_limit("limit".name, plan);
    if allowed.hits is null then
        raise exception 'there is no limit "%"', "limit".name
            using errcode = 'undefined_object', hint = 'Insert it into ucrm.rate_limits.';
    end if;
    wait := ucrm.hit('sql:' || "limit".name || ':' || coalesce(ucrm.tenant_id()::text, ''), key, allowed.hits, allowed.seconds);
    if wait is not null then
        perform ucrm.refuse('rate_limited', format('%s allows %s in %s s; retry after %s s', "limit".name, allowed.hits, allowed.seconds, ceil(wait / 1000.0)));
    end if;
end
$$;
comment on function ucrm."limit"(text, text) is
'For SQL authors: counts a hit of this tenant against the limit of that name in ucrm.rate_limits. Raises PT429 rate_limited; the hit outlives the rollback. 42704 for an unknown name.';

create table ucrm.row_windows (
    name text not null,
    key text not null,
    hits timestamptz[] not null,
    primary key (name, key)
);
comment on table ucrm.row_windows is 'Windows that survive restart and failover: the moments of the hits that still count. For accounts.';

create function ucrm.hit_row(name text, key text, hits integer, seconds integer)
returns bigint
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    done timestamptz[];
    oldest timestamptz;
begin
    if hits < 1 then
        return seconds * 1000::bigint;
    end if;
    -- One statement: the row's lock makes those who come at once wait for each other, and the clock is read under it.
    insert into ucrm.row_windows as w (name, key, hits)
    values (hit_row.name, hit_row.key, array[clock_timestamp()])
    on conflict on constraint row_windows_pkey do update
    set hits = array(
        select h from unnest(w.hits) as h
        where h > clock_timestamp() - make_interval(secs => seconds)
        order by h
    ) || clock_timestamp()
    where (
        select count(*) from unnest(w.hits) as h
        where h > clock_timestamp() - make_interval(secs => seconds)
    ) < hit_row.hits
    returning w.hits into done;
    if found then
        return null;
    end if;
    select h into oldest
    from ucrm.row_windows as w, unnest(w.hits) as h
    where w.name = hit_row.name and w.key = hit_row.key
    order by h desc
    offset hit_row.hits - 1
    limit 1;
    return greatest(1, ceil(extract(epoch from oldest + make_interval(secs => seconds) - clock_timestamp()) * 1000));
end
$$;
comment on function ucrm.hit_row(text, text, integer, integer) is
'Counts a hit in a row window; milliseconds to wait when it is full, else null. The caller commits it: what must outlive a refusal does not share its transaction.';

create function ucrm.refund_row(name text, key text)
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    update ucrm.row_windows as w set hits = w.hits[:cardinality(w.hits) - 1]
    where w.name = refund_row.name and w.key = refund_row.key;
end
$$;
comment on function ucrm.refund_row(text, text) is 'Gives back the hit that this transaction has counted in a row window: its lock is still held, so it is the last one.';

create function ucrm.peek_row(name text, key text, hits integer, seconds integer)
returns bigint
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    return (
        select greatest(1, ceil(extract(epoch from h + make_interval(secs => seconds) - clock_timestamp()) * 1000))::bigint
        from ucrm.row_windows as w, unnest(w.hits) as h
        where w.name = peek_row.name and w.key = peek_row.key and h > clock_timestamp() - make_interval(secs => seconds)
        order by h desc
        offset greatest(peek_row.hits, 1) - 1
        limit 1
    );
end
$$;
comment on function ucrm.peek_row(text, text, integer, integer) is 'Milliseconds until a hit would pass in a row window, null when one passes now. Counts nothing.';

grant execute on function
    ucrm.address_wait(inet),
    ucrm.reserve_address(inet, integer, integer),
    ucrm.refund_address(inet),
    ucrm.touch_key(uuid, uuid)
to ucrm_handler;
grant execute on function ucrm.hit(text, text, integer, integer), ucrm.window_occupancy() to ucrm_owner;
grant execute on function ucrm."limit"(text, text) to ucrm_app, ucrm_handler;
