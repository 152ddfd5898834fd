-- Webhooks over HTTP. What is read goes through the grammar of lists, by row security, as whoever asks; the functions of
-- 88_webhook decide the rest. A secret is in three replies, which nothing keeps, and nowhere else.
insert into ucrm.rate_limits (name, plan, hits, seconds, builtin) values ('webhook_test', null, 60, 3600, true);

create function ucrm.webhooks_route(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    shape constant text := ucrm.kernel_shape('ucrm.webhooks', 'id', 'url,description');
begin
    return case when r.id is null then ucrm.list_kernel(r, shape) else ucrm.get_kernel(r, shape) end;
end
$$;
comment on function ucrm.webhooks_route(ucrm.request) is
'GET /api/v1/webhooks and /{id}: {id, url, description, events, status, disabled_reason, previous_secret_until, created_by, created_at, updated_at}. Refusals: invalid_filter, not_found.';

create function ucrm.webhook_reply(status integer, w ucrm.webhooks, secret text)
returns ucrm.response
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    return ucrm.json_response(status, jsonb_build_object('data', ucrm.webhook_json(w) || case when secret is null then '{}' else jsonb_build_object('secret', secret) end),
        nullif(case status when 201 then jsonb_build_object('location', '/api/v1/webhooks/' || w.id) else '{}' end
            || case when secret is null then '{}' else '{"cache-control": "no-store"}'::jsonb end, '{}'));
end
$$;
comment on function ucrm.webhook_reply(integer, ucrm.webhooks, text) is 'The reply that shows one webhook; with its secret, no cache may keep it.';

create function ucrm.webhook_body(r ucrm.request, fields text[], required text[], others text[], out body jsonb, out events text[], out refusal ucrm.response)
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    b record;
    fault text;
    wrong record;
begin
    select * into b from ucrm.body_of(r, fields, required, others => others);
    body := b.body;
    refusal := b.refusal;
    if refusal.status is not null then
        return;
    end if;
    if body ? 'url' then
        fault := ucrm.webhook_url_fault(body ->> 'url', ucrm.internal_webhooks());
        if fault is not null then
            refusal := ucrm.wrong_field(r, 'url', 'invalid_value', fault);
            return;
        end if;
    end if;
    if length(body ->> 'description') > 500 then
        refusal := ucrm.wrong_field(r, 'description', 'too_long', 'at most 500 characters');
        return;
    end if;
    if body ? 'events' then
        if jsonb_typeof(body -> 'events') = 'array' then
            events := array(select e #>> '{}' from jsonb_array_elements(body -> 'events') as e);
        end if;
        select * into wrong from ucrm.webhook_events_fault(events, ucrm.own_reads());
        if wrong.code = 'grant_ceiling' then
            refusal := ucrm.problem('grant_ceiling', r.request_id, 'events: ' || wrong.sentence);
        elsif wrong.code is not null then
            refusal := ucrm.wrong_field(r, 'events', wrong.code, wrong.sentence);
        end if;
    end if;
end
$$;
comment on function ucrm.webhook_body(ucrm.request, text[], text[], text[]) is 'The body of a webhook, its fields of the right shape and its event filters, or the refusal.';

create function ucrm.create_webhook_route(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    b record;
    made record;
begin
    perform ucrm.demand('webhooks', 'create');
    perform ucrm.demand_fresh();
    select * into b from ucrm.webhook_body(r, array['url', 'description'], array['url'], array['events', 'workspace_secret']);
    if (b.refusal).status is not null then
        return b.refusal;
    elsif jsonb_typeof(b.body -> 'workspace_secret') not in ('boolean', 'null') then
        return ucrm.wrong_field(r, 'workspace_secret', 'invalid_type', 'must be true or false');
    end if;
    select * into made from ucrm.create_webhook(b.body ->> 'url', b.body ->> 'description', coalesce(b.events, '{*}'), (b.body ->> 'workspace_secret')::boolean);
    return ucrm.webhook_reply(201, made.webhook, made.secret);
end
$$;
comment on function ucrm.create_webhook_route(ucrm.request) is
'POST /api/v1/webhooks {url, description, events: ["contacts.*", …], workspace_secret}: 201 {data: {…, secret}} with Location. Refusals: validation_failed, grant_ceiling, webhook_limit, step_up_required, unavailable.';

create function ucrm.change_webhook_route(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    b record;
begin
    perform ucrm.demand('webhooks', 'update');
    select * into b from ucrm.webhook_body(r, array['url', 'description', 'status'], '{}', array['events']);
    if (b.refusal).status is not null then
        return b.refusal;
    elsif b.body ? 'status' and coalesce(b.body ->> 'status', '') not in ('active', 'paused') then
        return ucrm.wrong_field(r, 'status', 'invalid_value', 'active or paused');
    end if;
    return ucrm.webhook_reply(200, ucrm.change_webhook(ucrm.uuid_of(r.id), b.body ->> 'url', b.body ->> 'description', b.events, b.body ->> 'status'), null);
end
$$;
comment on function ucrm.change_webhook_route(ucrm.request) is
'PATCH /api/v1/webhooks/{id} {url, description, events, status: active | paused}: 200 {data}. Refusals: not_found, validation_failed, unknown_field, grant_ceiling, step_up_required (url).';

create function ucrm.pause_webhook_route(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    return ucrm.webhook_reply(200, ucrm.change_webhook(ucrm.uuid_of(r.id), status => case (ucrm.path_segments(r.path))[5] when 'pause' then 'paused' else 'active' end), null);
end
$$;
comment on function ucrm.pause_webhook_route(ucrm.request) is
'POST /api/v1/webhooks/{id}/pause and /resume: 200 {data}. Events wait while it is paused, up to 30 days; one that was disabled goes on with what happens from then on. Refusals: not_found.';

create function ucrm.delete_webhook_route(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform ucrm.delete_webhook(ucrm.uuid_of(r.id));
    return row(204, null, null)::ucrm.response;
end
$$;
comment on function ucrm.delete_webhook_route(ucrm.request) is 'DELETE /api/v1/webhooks/{id}: 204, again 404. Its deliveries and secrets go too. Refusals: not_found.';

create function ucrm.rotate_webhook_route(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    b record;
    made record;
begin
    perform ucrm.demand('webhooks', 'update');
    perform ucrm.demand_fresh();
    if length(coalesce(r.body, '')) = 0 then
        r.body := '{}';
    end if;
    select * into b from ucrm.body_of(r, '{}', '{}', others => array['overlap_hours']);
    if (b.refusal).status is not null then
        return b.refusal;
    elsif b.body ? 'overlap_hours' and ucrm.whole_number(b.body -> 'overlap_hours', 168) is null then
        return ucrm.wrong_field(r, 'overlap_hours', 'invalid_value', 'must be a whole number from 0 to 168');
    end if;
    select * into made from ucrm.rotate_webhook_secret(ucrm.uuid_of(r.id), make_interval(hours => coalesce(ucrm.whole_number(b.body -> 'overlap_hours', 168), 24)));
    return ucrm.webhook_reply(200, made.webhook, made.secret);
end
$$;
comment on function ucrm.rotate_webhook_route(ucrm.request) is
'POST /api/v1/webhooks/{id}/rotate {overlap_hours: 24}: 200 {data: {…, secret, previous_secret_until}}; so long both secrets sign. Refusals: not_found, validation_failed, step_up_required, unavailable.';

create function ucrm.webhook_secret_route(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    s record;
begin
    select * into s from ucrm.show_webhook_secret(ucrm.uuid_of(r.id));
    return ucrm.json_response(200, jsonb_build_object('data', to_jsonb(s)), '{"cache-control": "no-store"}');
end
$$;
comment on function ucrm.webhook_secret_route(ucrm.request) is
'GET /api/v1/webhooks/{id}/secret: 200 {data: {secret, previous_secret, previous_secret_until}}, audited (secret_shown). Needs webhooks:update. Refusals: not_found, step_up_required, unavailable.';

create function ucrm.delivery_json(d ucrm.webhook_deliveries)
returns jsonb
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
    select to_jsonb(d) - array['tenant_id', 'payload', 'claimed_by'];
$$;
comment on function ucrm.delivery_json(ucrm.webhook_deliveries) is 'A delivery as a reply shows it.';

create function ucrm.deliveries_route(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    shape constant text := ucrm.kernel_shape('ucrm.webhook_deliveries', 'id', 'type');
    webhook constant uuid := ucrm.uuid_of(r.id);
begin
    if (ucrm.path_segments(r.path))[3] = 'webhook_deliveries' then
        return ucrm.get_kernel(r, shape);
    elsif webhook is null or not exists (select from ucrm.webhooks as w where w.tenant_id = ucrm.tenant_id() and w.id = webhook) then
        return ucrm.problem('not_found', r.request_id);
    end if;
    r.query := concat_ws('&', 'webhook_id=eq.' || webhook, nullif(r.query, ''));
    return ucrm.list_kernel(r, shape);
end
$$;
comment on function ucrm.deliveries_route(ucrm.request) is
'GET /api/v1/webhooks/{id}/deliveries and /api/v1/webhook_deliveries/{id}: {id, webhook_id, event_id (the webhook-id), type, record, status: held | pending | sending | delivered | failed, attempts, next_attempt_at, response_status, error, took_ms, created_at, attempted_at, finished_at}; the latest first. Refusals: invalid_filter, not_found.';

create function ucrm.test_webhook_route(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    answer ucrm.response;
begin
    perform ucrm.demand('webhooks', 'update');
    if not exists (select from ucrm.webhooks as w where w.tenant_id = ucrm.tenant_id() and w.id = ucrm.uuid_of(r.id)) then
        return ucrm.problem('not_found', r.request_id);
    end if;
    answer := ucrm.limited(r, array['webhook_test'], array[ucrm.tenant_id()::text]);
    if answer.status is not null then
        return answer;
    end if;
    return ucrm.json_response(202, jsonb_build_object('data', ucrm.delivery_json(ucrm.test_webhook(ucrm.uuid_of(r.id)))));
end
$$;
comment on function ucrm.test_webhook_route(ucrm.request) is
'POST /api/v1/webhooks/{id}/test: 202 {data}, a delivery of type webhooks.test, tried like any other; GET /api/v1/webhook_deliveries/{id} says what became of it. Refusals: not_found, webhook_inactive, rate_limited (60 an hour).';

create function ucrm.resend_delivery_route(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    return ucrm.json_response(202, jsonb_build_object('data', ucrm.delivery_json(ucrm.resend_delivery(ucrm.uuid_of(r.id)))));
end
$$;
comment on function ucrm.resend_delivery_route(ucrm.request) is
'POST /api/v1/webhook_deliveries/{id}/resend: 202 {data}, with the same webhook-id. Refusals: not_found, webhook_inactive.';

insert into ucrm.routes (method, template, function, audience, resource, action, builtin) values
('GET', '/api/v1/webhooks', 'ucrm.webhooks_route', 'tenant', 'webhooks', 'read', true),
('POST', '/api/v1/webhooks', 'ucrm.create_webhook_route', 'tenant', 'webhooks', 'create', true),
('GET', '/api/v1/webhooks/{id}', 'ucrm.webhooks_route', 'tenant', 'webhooks', 'read', true),
('PATCH', '/api/v1/webhooks/{id}', 'ucrm.change_webhook_route', 'tenant', 'webhooks', 'update', true),
('DELETE', '/api/v1/webhooks/{id}', 'ucrm.delete_webhook_route', 'tenant', 'webhooks', 'delete', true),
('POST', '/api/v1/webhooks/{id}/pause', 'ucrm.pause_webhook_route', 'tenant', 'webhooks', 'update', true),
('POST', '/api/v1/webhooks/{id}/resume', 'ucrm.pause_webhook_route', 'tenant', 'webhooks', 'update', true),
('POST', '/api/v1/webhooks/{id}/rotate', 'ucrm.rotate_webhook_route', 'tenant', 'webhooks', 'update', true),
('POST', '/api/v1/webhooks/{id}/test', 'ucrm.test_webhook_route', 'tenant', 'webhooks', 'update', true),
('GET', '/api/v1/webhooks/{id}/secret', 'ucrm.webhook_secret_route', 'tenant', 'webhooks', 'update', true),
('GET', '/api/v1/webhooks/{id}/deliveries', 'ucrm.deliveries_route', 'tenant', 'webhooks', 'read', true),
('GET', '/api/v1/webhook_deliveries/{id}', 'ucrm.deliveries_route', 'tenant', 'webhooks', 'read', true),
('POST', '/api/v1/webhook_deliveries/{id}/resend', 'ucrm.resend_delivery_route', 'tenant', 'webhooks', 'update', true);

grant execute on function
    ucrm.webhooks_route(ucrm.request), ucrm.create_webhook_route(ucrm.request), ucrm.change_webhook_route(ucrm.request), ucrm.delete_webhook_route(ucrm.request),
    ucrm.pause_webhook_route(ucrm.request), ucrm.rotate_webhook_route(ucrm.request), ucrm.webhook_secret_route(ucrm.request),
    ucrm.deliveries_route(ucrm.request), ucrm.test_webhook_route(ucrm.request), ucrm.resend_delivery_route(ucrm.request)
to ucrm_handler;
