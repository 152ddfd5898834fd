-- Ledgers. An account (a wallet, a bonus) has entries, each of which names the one before and carries the total after it,
-- so that they are a chain: no two have the same place, none is missing, and the sum is right, whoever wrote them and
-- however many at once. Constraints of the tables hold that; these triggers fill it in. In their names entries have
-- sequence, previous_sequence, currency, <total>_before_minor and <total>_minor; accounts have currency, last_sequence
-- and <total>_minor.
create function engagement.follow_entry()
returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    accounts constant text := tg_argv[0];
    names_account constant text := tg_argv[1];
    total constant text := tg_argv[2];
    account constant uuid := (to_jsonb(new) ->> names_account)::uuid;
    known_currency text;
    last_sequence bigint;
    last_total bigint;
begin
    -- A row that comes back from a file brings its place, and the constraints judge it.
    if new.sequence <> 0 then
        return new;
    end if;
    if row_security_active(tg_relid) then
        -- Another tenant's: row security refuses it.
        if new.tenant_id is distinct from ucrm.tenant_id() then
            return new;
        end if;
        -- Without these the account and the entry before would not be seen.
        perform ucrm.demand(accounts, 'update'), ucrm.demand(accounts, 'read'), ucrm.demand(tg_table_name, 'read');
    end if;
    -- One writer at a time, until the transaction ends.
    execute format('select a.currency from engagement.%I as a where a.tenant_id = $1 and a.id = $2 for update', accounts)
    into known_currency
    using new.tenant_id, account;
    if known_currency is null then
        raise exception 'there is no such account'
            using errcode = 'foreign_key_violation', schema = tg_table_schema, table = tg_table_name, constraint = format('%s_tenant_id_%s_fkey', tg_table_name, names_account);
    end if;
    -- Not from the account: earlier rows of this statement are in the ledger, and not yet carried over.
    execute format('select e.sequence, e.%I from %I.%I as e where e.tenant_id = $1 and e.%I = $2 order by e.sequence desc limit 1',
        total || '_minor', tg_table_schema, tg_table_name, names_account)
    into last_sequence, last_total
    using new.tenant_id, account;
    return jsonb_populate_record(new, jsonb_build_object(
        'currency', case when new.currency = 'XXX' then known_currency else new.currency end,
        'previous_sequence', last_sequence,
        total || '_before_minor', coalesce(last_total, 0)));
end
$$;
comment on function engagement.follow_entry() is
'BEFORE INSERT trigger of a ledger, (accounts, the column that names one, the word for its total): locks the account and fills in the entry before and the total it left. What the new one comes to, and its place, says a trigger of the ledger''s own, which follows by name. Refusal: permission_denied (an entry needs update on the accounts).';

create function engagement.carry_total()
returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    accounts constant text := tg_argv[0];
    account constant uuid := (to_jsonb(new) ->> tg_argv[1])::uuid;
    total constant text := tg_argv[2] || '_minor';
    is_carried boolean;
    moved bigint;
begin
    -- An account that comes back from a file knows its last entry, and whoever brings it may change none.
    execute format('select exists (select from engagement.%I as a where a.tenant_id = $1 and a.id = $2 and a.last_sequence >= $3)', accounts)
    into is_carried
    using new.tenant_id, account, new.sequence;
    if is_carried then
        return null;
    end if;
    execute format('update engagement.%I as a set last_sequence = $3, %I = $4 where a.tenant_id = $1 and a.id = $2', accounts, total)
    using new.tenant_id, account, new.sequence, (to_jsonb(new) ->> total)::bigint;
    get diagnostics moved = row_count;
    if moved = 0 then
        raise exception 'the account cannot be reached' using errcode = 'serialization_failure';
    end if;
    return null;
end
$$;
comment on function engagement.carry_total() is
'AFTER INSERT trigger of a ledger, arguments as of engagement.follow_entry(): the account''s total becomes that of the entry. After, so that a row that ON CONFLICT leaves out moves nothing.';

create function engagement.keep_total()
returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    -- A foreign key holds the total to that of an entry. This holds it to the next one.
    if new.tenant_id = old.tenant_id and new.last_sequence is distinct from coalesce(old.last_sequence, 0) + 1 then
        raise exception 'the total of an account follows its entries'
            using errcode = 'foreign_key_violation', schema = tg_table_schema, table = tg_table_name, constraint = tg_argv[0], hint = format('Insert into engagement.%s.', tg_argv[1]);
    end if;
    return new;
end
$$;
comment on function engagement.keep_total() is
'BEFORE UPDATE trigger of accounts, (the foreign key to the last entry, the ledger): the total goes on from entry to entry, and not back.';

revoke execute on function engagement.follow_entry(), engagement.carry_total(), engagement.keep_total() from public;
grant execute on function engagement.follow_entry(), engagement.carry_total(), engagement.keep_total() to ucrm_app, ucrm_platform, ucrm_mover;
