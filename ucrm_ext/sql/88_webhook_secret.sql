-- Secrets of webhooks, and what they sign: Standard Webhooks' v1, HMAC-SHA-256 over id.timestamp.body.
create function ucrm.webhook_signature(id text, at bigint, body bytea, secret bytea)
returns text
language c
immutable
strict
parallel safe
as 'MODULE_PATHNAME', 'ucrm_webhook_signature';
comment on function ucrm.webhook_signature(text, bigint, bytea, bytea) is
'The webhook-signature, v1,<base64>, of a message: its webhook-id, its webhook-timestamp (seconds since 1970) and its body, which is UTF-8. 22021 for a body that is not.';

create function ucrm.webhook_signature_fault(id text, at text, signatures text, body bytea, secret bytea)
returns text
language c
volatile
strict
as 'MODULE_PATHNAME', 'ucrm_webhook_signature_fault';
comment on function ucrm.webhook_signature_fault(text, text, text, bytea, bytea) is
'Why a message that came in is not believed: webhook-id, webhook-timestamp and webhook-signature as they came. signature: none of them is this secret''s; timestamp: more than five minutes from now, or none. Null: it is the sender''s.';

create function ucrm.webhook_secret_text(clear bytea)
returns text
language sql
immutable
strict
set search_path = pg_catalog, pg_temp
as $$ select 'whsec_' || translate(encode(clear, 'base64'), E'\n', '') $$;
comment on function ucrm.webhook_secret_text(bytea) is 'A secret as Standard Webhooks writes it: whsec_ and base64.';

create function ucrm.webhook_secrets(w ucrm.webhooks)
returns bytea[]
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    return array_remove(array[
        coalesce(ucrm.secret(w.tenant_id, 'webhook', w.id), ucrm.secret(w.tenant_id, 'webhook', w.tenant_id)),
        case when w.previous_secret_until > clock_timestamp() then ucrm.secret(w.tenant_id, 'webhook_previous', w.id) end
    ], null);
end
$$;
comment on function ucrm.webhook_secrets(ucrm.webhooks) is 'What the webhook signs with, in clear: its secret, or the workspace''s; while a rotation lasts, the one before too. 55000 when their key is not in the key file.';

create function ucrm.rotate_webhook_secret(id uuid, overlap interval default '24 hours', out webhook ucrm.webhooks, out secret text)
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    before ucrm.webhooks;
    clear constant bytea := ucrm.random_bytes(32);
begin
    perform ucrm.demand('webhooks', 'update');
    perform ucrm.demand_fresh();
    if overlap is null or overlap not between '0' and '7 days' then
        perform ucrm.refuse('validation_failed', 'overlap: 0 to 7 days');
    elsif ucrm.key_fault() is not null then
        perform ucrm.refuse('unavailable', 'this installation has no key to seal the secret with');
    end if;
    before := ucrm.webhook_for_change(id);
    if overlap > '0' then
        perform ucrm.keep_secret(before.tenant_id, 'webhook_previous', before.id, (ucrm.webhook_secrets(before))[1]);
    else
        delete from ucrm.secrets as s where s.tenant_id = before.tenant_id and s.kind = 'webhook_previous' and s.holder = before.id;
    end if;
    perform ucrm.keep_secret(before.tenant_id, 'webhook', before.id, clear);
    update ucrm.webhooks as w
    set previous_secret_until = case when overlap > '0' then clock_timestamp() + overlap end
    where w.tenant_id = before.tenant_id and w.id = before.id
    returning w.* into webhook;
    secret := ucrm.webhook_secret_text(clear);
    perform ucrm.record_event(before.tenant_id, 'secret_rotated', 'webhooks', before.id::text, null, jsonb_build_object('id', before.id, 'previous_secret_until', webhook.previous_secret_until));
end
$$;
comment on function ucrm.rotate_webhook_secret(uuid, interval) is
'A new secret for the entered workspace''s webhook; for the overlap (0 to 7 days) the one before signs too. Audited. Refusals: no_context, gates, permission_denied, step_up_required, not_found, validation_failed, unavailable (no key file).';

create function ucrm.show_webhook_secret(id uuid, out secret text, out previous_secret text, out previous_secret_until timestamptz)
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    w ucrm.webhooks;
    clear bytea[];
begin
    perform ucrm.demand('webhooks', 'update');
    perform ucrm.demand_fresh();
    select x.* into w from ucrm.webhooks as x where x.tenant_id = ucrm.tenant_id() and x.id = show_webhook_secret.id;
    if not found then
        perform ucrm.refuse('not_found');
    elsif ucrm.key_fault() is not null then
        perform ucrm.refuse('unavailable', 'this installation has no key to open the secret with');
    end if;
    clear := ucrm.webhook_secrets(w);
    secret := ucrm.webhook_secret_text(clear[1]);
    previous_secret := ucrm.webhook_secret_text(clear[2]);
    previous_secret_until := case when clear[2] is not null then w.previous_secret_until end;
    perform ucrm.record_event(w.tenant_id, 'secret_shown', 'webhooks', w.id::text, null, null);
end
$$;
comment on function ucrm.show_webhook_secret(uuid) is
'The secret of the entered workspace''s webhook, and the one before while it signs too. Audited. Refusals: no_context, gates, permission_denied, step_up_required, not_found, unavailable (no key file).';

grant execute on function ucrm.webhook_signature(text, bigint, bytea, bytea), ucrm.webhook_signature_fault(text, text, text, bytea, bytea) to ucrm_owner;
grant execute on function ucrm.rotate_webhook_secret(uuid, interval), ucrm.show_webhook_secret(uuid) to ucrm_app;
