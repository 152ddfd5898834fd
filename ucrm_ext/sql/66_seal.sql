-- Seals: the audit log's rows, hashed in the background, tenant by tenant, into a chain that nothing can be taken out of or
-- put into unseen. Writers wait for none of it. What is hashed is said in gateway/AUDIT.md; ucrm-chain does it.
create table ucrm.audit_seals (
    tenant_id uuid not null,
    n bigint not null check (n > 0),
    first_id uuid,
    last_id uuid not null,
    rows integer not null check (rows >= 0),
    root bytea not null,
    previous bytea not null,
    pruned bigint not null,
    created_at timestamptz not null,
    hash bytea not null,
    ids uuid[],
    leaves bytea,
    primary key (tenant_id, n)
);
alter table ucrm.audit_seals alter column ids set storage external, alter column leaves set storage external;
comment on table ucrm.audit_seals is
'A tenant''s chain of seals, n from 1; the platform''s own under the tenant of zeros. A seal covers the audit rows with ids above last_id of the seal before, up to its own; root: of their tree (RFC 6962); previous: hash of the seal before; pruned: the rows of every seal up to this one had been pruned when it was made; hash: of all that. ids and leaves (32 bytes each) locate what was changed; they go with the rows that are pruned. Granted to nobody.';

create function ucrm.audit_leaf(
    id uuid, tenant_id uuid, at timestamptz, actor_kind text, user_id uuid, impersonator_id uuid, api_key_prefix text, db_login text, request_id uuid,
    address inet, action text, resource text, record_id text, before jsonb, after jsonb, changed text[], salt uuid, images bytea)
returns bytea
language c
stable
as 'MODULE_PATHNAME', 'ucrm_audit_leaf';
comment on function ucrm.audit_leaf(uuid, uuid, timestamptz, text, uuid, uuid, text, text, uuid, inet, text, text, text, jsonb, jsonb, text[], uuid, bytea) is
'The leaf of an audit row: SHA-256 over all of its columns as an export shows them.';

create function ucrm.audit_line(
    id uuid, tenant_id uuid, at timestamptz, actor_kind text, user_id uuid, impersonator_id uuid, api_key_prefix text, db_login text, request_id uuid,
    address inet, action text, resource text, record_id text, before jsonb, after jsonb, changed text[], salt uuid, images bytea)
returns text
language c
stable
as 'MODULE_PATHNAME', 'ucrm_audit_line';
comment on function ucrm.audit_line(uuid, uuid, timestamptz, text, uuid, uuid, text, text, uuid, inet, text, text, text, jsonb, jsonb, text[], uuid, bytea) is
'An audit row as a line of an export: what ucrm.audit_leaf() hashes, and nothing else.';

create function ucrm.images_digest(salt uuid, before jsonb, after jsonb)
returns bytea
language c
stable
as 'MODULE_PATHNAME', 'ucrm_images_digest';
comment on function ucrm.images_digest(uuid, jsonb, jsonb) is 'What stands for the images of a row in its leaf.';

create function ucrm.merkle_root(leaves bytea)
returns bytea
language c
immutable
strict
as 'MODULE_PATHNAME', 'ucrm_merkle_root';
comment on function ucrm.merkle_root(bytea) is 'The root of the tree over leaves of 32 bytes each (RFC 6962, 2.1); null for anything else.';

create function ucrm.seal_digest(tenant_id uuid, n bigint, first_id uuid, last_id uuid, rows bigint, root bytea, previous bytea, pruned bigint, created_at timestamptz)
returns bytea
language c
stable
as 'MODULE_PATHNAME', 'ucrm_seal_digest';
comment on function ucrm.seal_digest(uuid, bigint, uuid, uuid, bigint, bytea, bytea, bigint, timestamptz) is 'What ucrm.audit_seals.hash has to be.';

create function ucrm.lowest_id(moment timestamptz)
returns uuid
language sql
stable
set search_path = pg_catalog, pg_temp
as $$ select rpad(lpad(to_hex((extract(epoch from moment) * 1000)::bigint), 12, '0'), 32, '0')::uuid $$;
comment on function ucrm.lowest_id(timestamptz) is 'The lowest UUIDv7 of a moment''s millisecond.';

create function ucrm.time_of_id(id uuid)
returns timestamptz
language sql
stable
set search_path = pg_catalog, pg_temp
as $$ select to_timestamp(('x' || left(replace(id::text, '-', ''), 12))::bit(48)::bigint / 1000.0) $$;
comment on function ucrm.time_of_id(uuid) is 'When a UUIDv7 was made, to the millisecond.';

-- Bound when it is made, so that it can be inlined where it is called.
create function ucrm.audit_trail(chain uuid)
returns table (
    id uuid, tenant_id uuid, at timestamptz, actor_kind text, user_id uuid, impersonator_id uuid, api_key_prefix text, db_login text, request_id uuid,
    address inet, action text, resource text, record_id text, before jsonb, after jsonb, changed text[], salt uuid, images bytea)
language sql
stable
begin atomic
    select l.id, l.tenant_id, l.at, l.actor_kind, l.user_id, l.impersonator_id, l.api_key_prefix, l.db_login, l.request_id,
           l.address, l.action, l.resource, l.record_id, l.before, l.after, l.changed, l.salt, l.images
    from ucrm.audit_logs as l
    where l.tenant_id = audit_trail.chain
    union all
    select p.id, p.tenant_id, p.at, p.actor_kind, p.user_id, null, p.api_key_prefix, p.db_login, p.request_id,
           p.address, p.action, 'platform', p.tenant_id::text, null, p.detail, null, null, null
    from ucrm.platform_audit_logs as p
    where audit_trail.chain = '00000000-0000-0000-0000-000000000000';
end;
comment on function ucrm.audit_trail(uuid) is 'The audit rows that are sealed in a chain: a tenant''s, or for zeros the platform''s own.';

-- Straight from the index: the trail of two tables would be sorted as a whole for the first thousand.
create function ucrm.audit_ids(chain uuid, since uuid, until uuid, most integer)
returns uuid[]
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    if chain = '00000000-0000-0000-0000-000000000000' then
        return array(select p.id from ucrm.platform_audit_logs as p where p.id > since and p.id < until order by p.id limit most);
    end if;
    return array(select l.id from ucrm.audit_logs as l where l.tenant_id = chain and l.id > since and l.id < until order by l.id limit most);
end
$$;
comment on function ucrm.audit_ids(uuid, uuid, uuid, integer) is 'The ids of a chain''s next rows above since, below until, in order.';

create function ucrm.seal_rows(chain uuid, until uuid, most integer, pruned bigint default null)
returns integer
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    head record;
    s ucrm.audit_seals;
begin
    select x.n, x.last_id, x.hash, x.pruned, x.created_at into head
    from ucrm.audit_seals as x
    where x.tenant_id = chain
    order by x.n desc
    limit 1;
    s.ids := ucrm.audit_ids(chain, coalesce(head.last_id, '00000000-0000-0000-0000-000000000000'), until, most);
    s.rows := cardinality(s.ids);
    if s.rows = 0 and pruned is null then
        return 0;
    end if;
    select coalesce(string_agg(x.leaf, ''::bytea), '') into s.leaves
    from (
        select t.id,
               ucrm.audit_leaf(t.id, t.tenant_id, t.at, t.actor_kind, t.user_id, t.impersonator_id, t.api_key_prefix, t.db_login, t.request_id,
                               t.address, t.action, t.resource, t.record_id, t.before, t.after, t.changed, t.salt, t.images) as leaf
        from ucrm.audit_trail(chain) as t
        where t.id >= s.ids[1] and t.id <= s.ids[s.rows]
        order by t.id
    ) as x;
    s.tenant_id := chain;
    s.n := coalesce(head.n, 0) + 1;
    s.first_id := s.ids[1];
    s.last_id := coalesce(s.ids[s.rows], head.last_id, '00000000-0000-0000-0000-000000000000');
    s.root := ucrm.merkle_root(s.leaves);
    s.previous := coalesce(head.hash, decode(repeat('00', 32), 'hex'));
    s.pruned := coalesce(seal_rows.pruned, head.pruned, 0);
    -- A clock that steps back does not have a seal made before the one that it follows.
    s.created_at := greatest(clock_timestamp(), head.created_at);
    s.hash := ucrm.seal_digest(s.tenant_id, s.n, s.first_id, s.last_id, s.rows, s.root, s.previous, s.pruned, s.created_at);
    insert into ucrm.audit_seals select s.*;
    return s.rows;
end
$$;
comment on function ucrm.seal_rows(uuid, uuid, integer, bigint) is
'Makes the next seal of a chain, of at most so many rows with ids below until, and returns of how many; none of no rows, unless it is to say up to which seal rows were pruned. The caller sees to it that no row below until is still to come, and holds the tenant.';

create function ucrm.hold_chain(chain uuid)
returns boolean
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    -- Who deletes the tenant deletes its seals after its rows, and must not meet a new one.
    perform from ucrm.tenants as t where t.id = chain for key share skip locked;
    return found or chain = '00000000-0000-0000-0000-000000000000';
end
$$;
comment on function ucrm.hold_chain(uuid) is 'Keeps the tenant of a chain until the end of the transaction; false when it is gone or going.';

create function ucrm.sealable_until()
returns uuid
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    -- A snapshot that is kept would be older than the moment it is compared with.
    if current_setting('transaction_isolation') <> 'read committed' then
        raise exception 'the audit is sealed under READ COMMITTED' using errcode = 'feature_not_supported';
    end if;
    return ucrm.settled_until();
end
$$;
comment on function ucrm.sealable_until() is 'No audit row with a lower id can still be added. 0A000 but under READ COMMITTED.';

-- Plans are kept, and made when there may be nothing yet: by an index each, they are good for any number of rows.
create function ucrm.seal_audit(batch integer default 10000)
returns bigint
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set plan_cache_mode = force_generic_plan
set jit = off
as $$
declare
    wanted constant bigint := greatest(1, least(coalesce(batch, 10000), 1000000));
    settled uuid;
    due uuid;
    c record;
    most integer;
    made integer;
    total bigint := 0;
begin
    -- One at a time: who comes second has nothing to do.
    if pg_is_in_recovery() or not ucrm.try_lock('seal_audit') then
        return 0;
    end if;
    if not exists (select from ucrm.audit_keys) and ucrm.key_fault() is null then
        perform ucrm.renew_audit_key();
    end if;
    settled := ucrm.sealable_until();
    due := least(settled, ucrm.lowest_id(clock_timestamp() - make_interval(secs => (ucrm.setting('seal_after') #>> '{}')::double precision)));
    for c in
        select x.id
        from (select t.id from ucrm.tenants as t union all select '00000000-0000-0000-0000-000000000000') as x
        cross join lateral (
            select coalesce((select s.last_id from ucrm.audit_seals as s where s.tenant_id = x.id order by s.n desc limit 1), '00000000-0000-0000-0000-000000000000') as last_id
        ) as sealed
        cross join lateral (select (ucrm.audit_ids(x.id, sealed.last_id, due, 1))[1] as id) as oldest
        where oldest.id is not null
        order by oldest.id
    loop
        continue when not ucrm.hold_chain(c.id);
        loop
            most := least(1000, wanted - total);
            made := ucrm.seal_rows(c.id, settled, most);
            total := total + made;
            exit when made < most or total >= wanted;
        end loop;
        exit when total >= wanted;
    end loop;
    return total;
end
$$;
comment on function ucrm.seal_audit(integer) is
'Seals audit rows that are older than the setting seal_after, with those behind them, up to batch rows, 1000 at most under a seal, the longest waiting tenant first; returns how many. The first call makes the key of checkpoints, if there is a key file. A gateway''s worker calls it every few seconds; where none runs, pg_cron may. 0 when another call is at it, and on a standby. 0A000 but under READ COMMITTED.';

grant execute on function
    ucrm.audit_leaf(uuid, uuid, timestamptz, text, uuid, uuid, text, text, uuid, inet, text, text, text, jsonb, jsonb, text[], uuid, bytea),
    ucrm.audit_line(uuid, uuid, timestamptz, text, uuid, uuid, text, text, uuid, inet, text, text, text, jsonb, jsonb, text[], uuid, bytea),
    ucrm.images_digest(uuid, jsonb, jsonb), ucrm.merkle_root(bytea),
    ucrm.seal_digest(uuid, bigint, uuid, uuid, bigint, bytea, bytea, bigint, timestamptz)
to ucrm_owner;
grant execute on function ucrm.seal_audit(integer) to ucrm_gateway, ucrm_platform;
