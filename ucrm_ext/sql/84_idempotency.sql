-- Idempotency-Key: a write that is sent again is not done again; its answer is given once more.
create table ucrm.idempotency_keys (
    tenant_id uuid not null references ucrm.tenants (id) on delete cascade,
    principal text not null,
    key text not null check (length(key) between 1 and 255),
    request bytea not null,
    status integer not null,
    headers jsonb,
    body bytea,
    withheld boolean not null default false,
    shown boolean not null default true,
    created_at timestamptz not null default clock_timestamp(),
    primary key (tenant_id, principal, key)
);
comment on table ucrm.idempotency_keys is
'Answers of writes that carried an Idempotency-Key, kept for 24 hours: principal (user and key), key, digest of method, path, query and body, and the answer. withheld: the answer held a secret (cache-control: no-store), or a record of which ucrm.forget() was called since, and is not kept. shown: it was given to somebody who could read the resource.';
create index idempotency_keys_age on ucrm.idempotency_keys (tenant_id, created_at);

create function ucrm.idempotency_principal()
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return concat_ws(' ', ucrm.actor_kind(), ucrm.user_id(), ucrm.api_key_id());
end
$$;
comment on function ucrm.idempotency_principal() is 'Whose keys these are: two people, and two keys of one person, may use the same word.';

create function ucrm.recalled_reply(key text, request bytea, readable boolean, request_id uuid)
returns ucrm.response
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    known ucrm.idempotency_keys;
begin
    select k.* into known
    from ucrm.idempotency_keys as k
    where k.tenant_id = ucrm.tenant_id() and k.principal = ucrm.idempotency_principal() and k.key = recalled_reply.key
      and k.created_at > clock_timestamp() - interval '24 hours';
    if not found then
        return null;
    elsif known.request <> recalled_reply.request then
        return ucrm.problem('idempotency_mismatch', request_id);
    elsif known.withheld then
        return ucrm.problem('reply_withheld', request_id);
    elsif known.shown and not readable then
        return ucrm.problem('permission_denied', request_id, 'this was done, and its answer may not be read any more');
    end if;
    return row(known.status, coalesce(known.headers, '{}') || '{"idempotency-replayed": "true"}', known.body)::ucrm.response;
end
$$;
comment on function ucrm.recalled_reply(text, bytea, boolean, uuid) is
'The kept answer of the same request, with idempotency-replayed: true; null when there is none. Refusals: idempotency_mismatch (another request), reply_withheld, permission_denied.';

create function ucrm.keep_reply(key text, request bytea, answer ucrm.response, readable boolean)
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    secret constant boolean := coalesce(answer.headers ->> 'cache-control' like '%no-store%', false);
begin
    -- Old ones go as new ones come, a few at a time.
    delete from ucrm.idempotency_keys as k
    where (k.tenant_id, k.principal, k.key) in (
        select o.tenant_id, o.principal, o.key
        from ucrm.idempotency_keys as o
        where o.tenant_id = ucrm.tenant_id() and o.created_at <= clock_timestamp() - interval '24 hours'
        order by o.created_at
        limit 10
        for update skip locked
    );
    insert into ucrm.idempotency_keys (tenant_id, principal, key, request, status, headers, body, withheld, shown)
    values (ucrm.tenant_id(), ucrm.idempotency_principal(), key, request, answer.status,
            case when not secret then answer.headers end, case when not secret then answer.body end, secret, readable)
    on conflict on constraint idempotency_keys_pkey do update
    set request = excluded.request, status = excluded.status, headers = excluded.headers, body = excluded.body,
        withheld = excluded.withheld, shown = excluded.shown, created_at = excluded.created_at;
end
$$;
comment on function ucrm.keep_reply(text, bytea, ucrm.response, boolean) is 'Keeps an answer for 24 hours, unless it forbids that by cache-control: no-store: then only that it was given.';

create function ucrm.call_once(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    key constant text := r.headers ->> 'idempotency-key';
    request constant bytea := sha256(convert_to(jsonb_build_array(r.method, r.path, coalesce(r.query, ''), encode(sha256(coalesce(r.body, '')), 'hex'))::text, 'UTF8'));
    readable constant boolean := r.relation is null or ucrm.has_permission(r.resource, 'read');
    answer ucrm.response;
begin
    if length(key) not between 1 and 255 then
        return ucrm.problem('bad_request', r.request_id, 'an Idempotency-Key has 1 to 255 characters');
    end if;
    if not ucrm.try_lock(concat_ws(' ', 'idempotency', ucrm.tenant_id(), ucrm.idempotency_principal(), key)) then
        return ucrm.problem('idempotency_in_progress', r.request_id, null, null, '{"retry-after": "1"}');
    end if;
    answer := ucrm.recalled_reply(key, request, readable, r.request_id);
    if answer.status is not null then
        return answer;
    end if;
    answer := ucrm.call(r.fn, r);
    -- What was refused changed nothing, and may be tried again.
    if answer.status < 300 then
        perform ucrm.keep_reply(key, request, answer, readable);
    end if;
    return answer;
end
$$;
comment on function ucrm.call_once(ucrm.request) is
'ucrm.call() for a write with an Idempotency-Key. One at a time: 409 idempotency_in_progress. Sent again by the same principal within 24 hours, the same request gets the same answer, if the action, and reading where the answer shows rows, are still granted; another request 422 idempotency_mismatch. A refusal is not kept.';

grant execute on function
    ucrm.idempotency_principal(), ucrm.recalled_reply(text, bytea, boolean, uuid), ucrm.keep_reply(text, bytea, ucrm.response, boolean), ucrm.call_once(ucrm.request)
to ucrm_handler, ucrm_owner;
