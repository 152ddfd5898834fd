-- Does the audit log still say what it said when it was sealed? Every row is hashed again; what differs is located.
create function ucrm.audit_chain(tenant uuid)
returns uuid
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    if ucrm.tenant_id() is not null then
        if tenant <> ucrm.tenant_id() then
            perform ucrm.refuse('not_a_member');
        end if;
        perform ucrm.demand('audit_logs', 'read');
        return ucrm.tenant_id();
    elsif not pg_has_role(session_user, 'ucrm_platform', 'member') then
        perform ucrm.refuse('no_context');
    end if;
    return coalesce(tenant, '00000000-0000-0000-0000-000000000000');
end
$$;
comment on function ucrm.audit_chain(uuid) is
'Whose audit the caller asks about: his workspace''s, which he has to be allowed to read; for logins of the platform, without a context, any tenant''s, or, for null, the platform''s own. Refusals: not_a_member, permission_denied, no_context.';

create function ucrm.is_pruning_on_record(chain uuid, first bigint, last bigint)
returns boolean
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select case when chain = '00000000-0000-0000-0000-000000000000'
        then exists (select from ucrm.platform_audit_logs as p where p.action = 'audit.pruned' and p.detail -> 'seals' = jsonb_build_array(first, last))
        else exists (
            select from ucrm.audit_logs as l
            where l.tenant_id = chain and l.resource = 'audit_logs' and l.record_id is null and l.action = 'pruned' and l.after -> 'seals' = jsonb_build_array(first, last))
    end;
$$;
comment on function ucrm.is_pruning_on_record(uuid, bigint, bigint) is 'Whether an audit row says that the rows of just these seals of a chain were pruned.';

create function ucrm.seal_faults(s ucrm.audit_seals, before ucrm.audit_seals, pruned bigint)
returns table (kind text, seal bigint, record_id uuid, what text)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    f record;
    listed boolean := s.ids is not null and s.leaves is not null;
    whole boolean;
begin
    seal := s.n;
    kind := 'seal';
    if num_nulls(s.n, s.last_id, s.rows, s.root, s.previous, s.pruned, s.created_at, s.hash) > 0 or least(s.rows, s.pruned) < 0 then
        what := 'has a column that is empty, or below zero';
        return next;
    end if;
    if s.n is distinct from coalesce(before.n, 0) + 1 then
        what := case when s.n <= before.n then format('comes after seal %s', before.n) else format('seals %s to %s are missing', coalesce(before.n, 0) + 1, s.n - 1) end;
        return next;
    elsif s.previous is distinct from coalesce(before.hash, decode(repeat('00', 32), 'hex')) then
        what := format('seal %s is not the one that this one follows', s.n - 1);
        return next;
    end if;
    if s.hash is distinct from ucrm.seal_digest(s.tenant_id, s.n, s.first_id, s.last_id, s.rows, s.root, s.previous, s.pruned, s.created_at) then
        what := 'was changed: its hash is another one''s';
        return next;
    end if;
    if s.pruned >= s.n or s.pruned < coalesce(before.pruned, 0) then
        what := 'says of too few or too many seals that they were pruned';
        return next;
    end if;
    if s.pruned > coalesce(before.pruned, 0) then
        -- No policy prunes what is younger.
        if (select max(ucrm.time_of_id(x.last_id)) from ucrm.audit_seals as x where x.tenant_id = s.tenant_id and x.n = s.pruned) > s.created_at - interval '720 hours' then
            what := 'claims rows pruned that were younger than 30 days';
            return next;
        end if;
        -- The row that says so comes under a later seal, and may be pruned itself.
        if s.n >= seal_faults.pruned and not ucrm.is_pruning_on_record(s.tenant_id, coalesce(before.pruned, 0) + 1, s.pruned) then
            what := 'claims rows pruned, and no row says that they were';
            return next;
        end if;
    end if;
    if s.created_at < before.created_at then
        what := 'was made before the one that it follows';
        return next;
    end if;
    if s.created_at > clock_timestamp() + interval '1 hour' or not isfinite(s.created_at) then
        what := 'is of a time to come';
        return next;
    end if;
    if (s.ids is null) <> (s.leaves is null) or listed and (
        octet_length(s.leaves) is distinct from 32 * s.rows or cardinality(s.ids) is distinct from s.rows
        or s.rows > 0 and (s.ids[1], s.ids[s.rows]) is distinct from (s.first_id, s.last_id)
        or ucrm.merkle_root(s.leaves) is distinct from s.root)
    then
        what := 'its list of rows was changed';
        listed := false;
        return next;
    end if;

    select array_agg(x.id) as ids, string_agg(x.leaf, ''::bytea) as leaves, coalesce(bool_or(x.redacted), false) as redacted into f
    from (
        select t.id, t.images is not null and t.salt is null as redacted,
               ucrm.audit_leaf(t.id, t.tenant_id, t.at, t.actor_kind, t.user_id, t.impersonator_id, t.api_key_prefix, t.db_login, t.request_id,
                               t.address, t.action, t.resource, t.record_id, t.before, t.after, t.changed, t.salt, t.images) as leaf
        from ucrm.audit_trail(s.tenant_id) as t
        where t.id > coalesce(before.last_id, '00000000-0000-0000-0000-000000000000') and t.id <= s.last_id
        order by t.id
    ) as x;
    whole := case when listed then (f.ids, f.leaves) is not distinct from (nullif(s.ids, '{}'), nullif(s.leaves, '')) else ucrm.merkle_root(coalesce(f.leaves, '')) is not distinct from s.root end;
    if whole then
        null;
    elsif f.ids is null and s.n <= pruned then
        -- Pruned, and a later seal says so.
        null;
    elsif f.ids is null then
        kind := 'removed';
        what := format('all its %s rows', s.rows);
        return next;
    elsif listed then
        return query
        select case when l.id is null then 'inserted' when r.id is null then 'removed' else 'changed' end, s.n, coalesce(l.id, r.id),
               case when l.id is null then 'was not there when its time was sealed' when r.id is null then 'is sealed and not there' else 'is not what was sealed' end
        from (select i.id, substr(s.leaves, i.n::integer * 32 - 31, 32) as leaf from unnest(s.ids) with ordinality as i (id, n)) as l
        full join (select i.id, substr(f.leaves, i.n::integer * 32 - 31, 32) as leaf from unnest(f.ids) with ordinality as i (id, n)) as r on r.id = l.id
        where l.leaf is distinct from r.leaf
        union all
        select 'inserted', s.n, d.id, 'stands there more than once' from unnest(f.ids) as d (id) group by d.id having count(*) > 1
        order by 3;
    else
        kind := 'changed';
        what := 'its rows are not those that were sealed, and nothing says any more which';
        return next;
    end if;

    if f.redacted then
        return query
        select case when forgotten.yes then 'redacted' else 'blanked' end, s.n, t.id,
               case when forgotten.yes then 'its images were erased by ucrm.forget()' else 'its images are gone, and no row says that they were to be forgotten' end
        from ucrm.audit_logs as t
        cross join lateral (
            select exists (
                select from ucrm.audit_logs as x
                where x.tenant_id = t.tenant_id and x.resource = t.resource and x.record_id = t.record_id and x.action = 'forget' and x.id > t.id
            ) as yes
        ) as forgotten
        where t.tenant_id = s.tenant_id and t.id > coalesce(before.last_id, '00000000-0000-0000-0000-000000000000') and t.id <= s.last_id and t.images is not null and t.salt is null
        order by t.id;
    end if;
end
$$;
comment on function ucrm.seal_faults(ucrm.audit_seals, ucrm.audit_seals, bigint) is
'What is wrong with one seal and the rows under it; before: the seal before it; pruned: the last seal whose rows a later one calls pruned.';

create function ucrm.chain_faults(chain uuid, checkpoint text)
returns table (kind text, seal bigint, record_id uuid, what text)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    kept constant text[] := ucrm.open_checkpoint(checkpoint, array(select k from ucrm.audit_public_keys() as k));
    pruned constant bigint := (select max(least(s.pruned, s.n - 1)) from ucrm.audit_seals as s where s.tenant_id = chain);
    before ucrm.audit_seals;
    s ucrm.audit_seals;
    seen bigint;
begin
    -- One snapshot for all of it: the function is stable.
    for s in select x.* from ucrm.audit_seals as x where x.tenant_id = chain order by x.n loop
        return query select * from ucrm.seal_faults(s, before, pruned);
        before := s;
        before.ids := null;
        before.leaves := null;
    end loop;

    if checkpoint is null then
        return;
    end if;
    kind := 'checkpoint';
    if kept is null then
        what := 'no key of this installation has signed it';
        return next;
        return;
    elsif kept[1] <> chain::text then
        what := 'is of another chain';
        return next;
        return;
    end if;
    seen := kept[2]::bigint;
    if seen > coalesce(before.n, 0) then
        kind := 'truncated';
        seal := coalesce(before.n, 0) + 1;
        what := format('the checkpoint of %s saw seal %s, and the chain ends with seal %s', kept[6], seen, coalesce(before.n, 0));
        return next;
    elsif seen > 0 and not exists (
        select from ucrm.audit_seals as x
        where x.tenant_id = chain and x.n = seen
          and encode(ucrm.seal_digest(x.tenant_id, x.n, x.first_id, x.last_id, x.rows, x.root, x.previous, x.pruned, x.created_at), 'hex') = kept[3])
    then
        seal := seen;
        what := format('is not the seal that the checkpoint of %s saw: it or one before it was made anew', kept[6]);
        return next;
    end if;
end
$$;
comment on function ucrm.chain_faults(uuid, text) is 'ucrm.audit_verify() of a chain, whoever asks.';

create function ucrm.verified_chain(tenant uuid, checkpoint text)
returns table (kind text, seal bigint, record_id uuid, what text)
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    chain constant uuid := ucrm.audit_chain(tenant);
begin
    return query select * from ucrm.chain_faults(chain, checkpoint);
end
$$;
comment on function ucrm.verified_chain(uuid, text) is 'Part of ucrm.audit_verify(): what is wrong with the seals and the rows under them.';

create function ucrm.audit_verify(tenant uuid default null, checkpoint text default null, records boolean default true)
returns table (kind text, seal bigint, record_id uuid, what text)
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    return query select * from ucrm.verified_chain(tenant, checkpoint);
    if ucrm.tenant_id() is null and tenant is null then
        raise notice 'the platform''s own audit was verified; name a tenant for that of a workspace';
    end if;
    if records then
        return query select * from ucrm.unrecorded(coalesce(ucrm.tenant_id(), tenant));
    end if;
end
$$;
comment on function ucrm.audit_verify(uuid, text, boolean) is
'What is not as it was sealed in the workspace''s audit (a platform login names the tenant; null: the platform''s own): kind changed, inserted, removed (record_id: the audit row; null: all rows of the seal), seal (the seal itself), checkpoint, truncated (against a checkpoint that was kept elsewhere), blanked (images erased with no word of it); and unrecorded: a row of a protected table is not what its audit says, of tables whose rows the caller sees all; a notice names the others (a platform login sets role ucrm_platform). records => false leaves unrecorded out: the seals and what is under them alone. redacted is no fault: ucrm.forget() did it, and says so. No row: all of it is as it was, up to what ucrm.audit_state() says is sealed. Refusals: not_a_member, permission_denied, no_context.';

create function ucrm.audit_state(
    tenant uuid default null,
    out seals bigint, out sealed_rows bigint, out proved_from timestamptz, out proved_until timestamptz, out pruned_seals bigint, out pruned_until timestamptz,
    out unsealed_rows bigint, out unsealed_since timestamptz)
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    whose constant uuid := ucrm.audit_chain(tenant);
    last uuid;
begin
    select count(*), coalesce(max(s.pruned), 0) into seals, pruned_seals from ucrm.audit_seals as s where s.tenant_id = whose;
    select coalesce(sum(s.rows), 0), ucrm.time_of_id(min(s.first_id::text)::uuid) into sealed_rows, proved_from
    from ucrm.audit_seals as s
    where s.tenant_id = whose and s.n > pruned_seals;
    pruned_until := (select ucrm.time_of_id(s.last_id) from ucrm.audit_seals as s where s.tenant_id = whose and s.n = pruned_seals);
    last := (select s.last_id from ucrm.audit_seals as s where s.tenant_id = whose order by s.n desc limit 1);
    proved_until := ucrm.time_of_id(last);
    select count(*), ucrm.time_of_id(min(t.id::text)::uuid) into unsealed_rows, unsealed_since
    from ucrm.audit_trail(whose) as t
    where t.id > coalesce(last, '00000000-0000-0000-0000-000000000000');
end
$$;
comment on function ucrm.audit_state(uuid) is
'How far the proof of the workspace''s audit reaches (as for ucrm.audit_verify()): proved_from and proved_until, the times of the first and last sealed row that is kept; pruned_until, before which rows were pruned by policy; rows behind the last seal, which nothing proves yet, and since when.';

grant execute on function ucrm.verified_chain(uuid, text), ucrm.audit_verify(uuid, text, boolean), ucrm.audit_state(uuid) to ucrm_app, ucrm_handler, ucrm_platform;
