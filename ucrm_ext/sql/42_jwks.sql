-- Issuers' key sets are fetched by the gateways' workers: they have the network, the database says when, and judges
-- what they bring. Several gateways share the work.
create function ucrm.want_jwks(issuer uuid)
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if pg_is_in_recovery() or current_setting('transaction_read_only')::boolean then
        return;
    end if;
    -- Whoever comes while another marks it waits for nothing and writes nothing.
    update ucrm.issuers as i
    set jwks_wanted_at = clock_timestamp()
    where i.id = (
        select x.id
        from ucrm.issuers as x
        where x.id = want_jwks.issuer
          and x.jwks_url is not null
          and coalesce(x.jwks_wanted_at < clock_timestamp() - interval '1 minute', true)
        for no key update skip locked
    );
end
$$;
comment on function ucrm.want_jwks(uuid) is 'A token names a key that the stored set has not: have it fetched. Once a minute at most, whatever tokens come.';

create function ucrm.due_jwks(out issuer uuid, out url text, out claim uuid)
returns setof record
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    return query
    -- Materialized: a plan that asked anew for each row would take more than the limit.
    with due as materialized (
        select x.id
        from ucrm.issuers as x
        where x.enabled
          and x.jwks_url is not null
          and coalesce(x.jwks_claimed_until <= clock_timestamp(), true)
          and (coalesce(x.jwks_due_at <= clock_timestamp(), true) or coalesce(x.jwks_wanted_at > x.jwks_tried_at, false))
        order by x.jwks_due_at nulls first
        limit 4
        for no key update skip locked
    )
    update ucrm.issuers as i
    set jwks_claim = ucrm.uuid7(), jwks_claimed_until = clock_timestamp() + interval '30 seconds', jwks_tried_at = clock_timestamp()
    from due
    where i.id = due.id
    returning i.id, i.jwks_url, i.jwks_claim;
end
$$;
comment on function ucrm.due_jwks() is
'Key sets to be fetched now, four at most, claimed for 30 seconds: those never fetched, older than their max age, due again after a failure, or wanted. The answer goes to ucrm.store_jwks().';

create function ucrm.store_jwks(issuer uuid, claim uuid, jwks text, max_age integer, fault text)
returns boolean
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    old_row ucrm.issuers;
    read record;
    found_fault text := fault;
    new_keys jsonb;
begin
    select i.* into old_row
    from ucrm.issuers as i
    where i.id = store_jwks.issuer and i.jwks_claim = store_jwks.claim and i.jwks_url is not null
    for no key update;
    if not found then
        return false;
    end if;
    if found_fault is null then
        select * into read from ucrm.public_jwks(coalesce(jwks, ''));
        found_fault := read.fault;
        new_keys := read.keys::jsonb;
    end if;
    if found_fault is not null then
        -- A minute, two, four … an hour.
        update ucrm.issuers as i
        set jwks_failures = i.jwks_failures + 1, last_error = left(found_fault, 500), jwks_claim = null, jwks_claimed_until = null,
            jwks_due_at = clock_timestamp() + least(interval '1 minute' * (2 ^ least(i.jwks_failures, 6)), interval '1 hour')
        where i.id = old_row.id;
        return false;
    end if;
    update ucrm.issuers as i
    set jwks_fetched_at = clock_timestamp(), jwks_failures = 0, last_error = null, jwks_claim = null, jwks_claimed_until = null,
        jwks_due_at = clock_timestamp() + interval '1 second' * least(greatest(coalesce(max_age, 3600), 600), 86400)
    where i.id = old_row.id;
    -- Only another set is written: writing it makes every server forget whom it knows.
    if new_keys is distinct from old_row.jwks then
        update ucrm.issuers as i set jwks = new_keys where i.id = old_row.id;
        insert into ucrm.platform_audit_logs (action, detail)
        values ('issuer.keys_changed', jsonb_build_object('iss', old_row.iss,
            'before', coalesce(jsonb_path_query_array(old_row.jwks, '$.keys[*].kid'), '[]'),
            'after', jsonb_path_query_array(new_keys, '$.keys[*].kid')));
    end if;
    return true;
end
$$;
comment on function ucrm.store_jwks(uuid, uuid, text, integer, text) is
'What came of fetching a key set: the set and how many seconds it may be kept (10 minutes to a day; null: an hour), or why there is none. A bad set is a failure: the old one stays, last_error says why, and it is tried again after 1, 2, 4 … 60 minutes. Only for whoever claimed it with ucrm.due_jwks(). True when it was stored.';

grant execute on function ucrm.due_jwks(), ucrm.store_jwks(uuid, uuid, text, integer, text) to ucrm_gateway;
