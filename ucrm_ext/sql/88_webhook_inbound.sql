-- Webhooks that others send here, signed as Standard Webhooks says. A route of a DBA's asks ucrm.verify_webhook() first.
create table ucrm.webhook_events_processed (
    tenant_id uuid not null references ucrm.tenants (id) on delete cascade,
    source text not null,
    id text not null check (length(id) between 1 and 256),
    received_at timestamptz not null default clock_timestamp(),
    primary key (tenant_id, source, id)
);
create index webhook_events_processed_age on ucrm.webhook_events_processed (received_at);
comment on table ucrm.webhook_events_processed is 'The webhook-ids of messages that were taken, by workspace and source: each counts once. Kept for 30 days.';

create function ucrm.set_inbound_secret(source text, secret text)
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    -- Some show it without its padding.
    encoded constant text := rtrim(regexp_replace(secret, '^whsec_', ''), '=');
    clear bytea;
begin
    perform ucrm.demand('webhooks', 'update');
    perform ucrm.demand_fresh();
    if source is null or source !~ '^[a-z][a-z0-9_]{0,40}$' then
        perform ucrm.refuse('validation_failed', 'source: lower-case letters, digits and _, at most 41');
    elsif secret is null then
        delete from ucrm.secrets as s where s.tenant_id = ucrm.tenant_id() and s.kind = 'inbound_' || set_inbound_secret.source and s.holder = ucrm.tenant_id();
        return;
    elsif ucrm.key_fault() is not null then
        perform ucrm.refuse('unavailable', 'this installation has no key to seal the secret with');
    end if;
    if encoded ~ '^[A-Za-z0-9+/]+$' and length(encoded) % 4 <> 1 then
        clear := decode(rpad(encoded, (length(encoded) + 3) / 4 * 4, '='), 'base64');
    end if;
    if coalesce(length(clear), 0) not between 16 and 256 then
        perform ucrm.refuse('validation_failed', 'secret: whsec_ and base64 of 16 to 256 bytes, as the sender shows it');
    end if;
    perform ucrm.keep_secret(ucrm.tenant_id(), 'inbound_' || source, ucrm.tenant_id(), clear);
    perform ucrm.record_event(ucrm.tenant_id(), 'secret_set', 'webhooks', 'inbound_' || source, null, null);
end
$$;
comment on function ucrm.set_inbound_secret(text, text) is
'The secret that messages from a source are signed with, as the sender shows it (whsec_…); null removes it. source: a name of your own, stripe or shop_2. Audited without it. Refusals: no_context, gates, permission_denied, step_up_required, validation_failed, unavailable (no key file).';

create function ucrm.verify_webhook(source text, headers jsonb, body bytea, tenant uuid default null)
returns boolean
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    whose constant uuid := coalesce(ucrm.tenant_id(), tenant);
    message constant text := coalesce(headers ->> 'webhook-id', headers ->> 'svix-id');
    at constant text := coalesce(headers ->> 'webhook-timestamp', headers ->> 'svix-timestamp');
    signatures constant text := coalesce(headers ->> 'webhook-signature', headers ->> 'svix-signature');
    clear bytea;
    fault text;
begin
    -- What was taken before is not even looked at: whoever sends it again learns nothing, and changes nothing.
    if exists (select from ucrm.webhook_events_processed as p where p.tenant_id = whose and p.source = verify_webhook.source and p.id = message) then
        return false;
    end if;
    clear := ucrm.secret(whose, 'inbound_' || source, whose);
    fault := case
        when clear is null then 'signature'
        when message is null or at is null or signatures is null or length(message) not between 1 and 256 then 'signature'
        else ucrm.webhook_signature_fault(message, at, signatures, coalesce(body, ''), clear)
    end;
    if fault is not null then
        perform ucrm.refuse('invalid_signature', case fault when 'timestamp' then 'its webhook-timestamp is more than five minutes away' else 'no webhook-signature of it is the sender''s' end);
    end if;
    -- Two at once: the second waits, and then knows.
    insert into ucrm.webhook_events_processed (tenant_id, source, id) values (whose, verify_webhook.source, message) on conflict do nothing;
    return found;
end
$$;
comment on function ucrm.verify_webhook(text, jsonb, bytea, uuid) is
'Whether a message that came in is the source''s and new: true; false when it was taken before (answer 200 and do nothing). It counts as taken with the transaction. headers: lower-case names; body: the bytes as they came. tenant: whose, where none is entered, as in a public route. The signature must be of the secret that ucrm.set_inbound_secret() keeps, the time within five minutes. Refusal: PT401 invalid_signature, also where there is no such source or workspace.';

create function ucrm.prune_processed(batch integer default 1000)
returns bigint
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    gone bigint;
begin
    with old as materialized (
        select x.tenant_id, x.source, x.id
        from ucrm.webhook_events_processed as x
        where x.received_at < clock_timestamp() - interval '30 days'
        order by x.received_at
        limit greatest(1, least(coalesce(batch, 1000), 100000))
        for update skip locked
    )
    delete from ucrm.webhook_events_processed as p
    using old
    where p.tenant_id = old.tenant_id and p.source = old.source and p.id = old.id;
    get diagnostics gone = row_count;
    return gone;
end
$$;
comment on function ucrm.prune_processed(integer) is 'Forgets, up to batch, webhook-ids taken more than 30 days ago; how many. ucrm.housekeep() calls it.';

insert into ucrm.refusals (code, status, title, hint, builtin) values
('invalid_signature', 401, 'The message is not signed by whom it should be', 'Sign it as Standard Webhooks says, with the secret of this source, and send it within five minutes.', true);

grant execute on function ucrm.set_inbound_secret(text, text), ucrm.verify_webhook(text, jsonb, bytea, uuid) to ucrm_app;
grant execute on function ucrm.prune_processed(integer) to ucrm_platform;
