-- A workspace's own mail sender over HTTP, and a mail that tries it. The functions of 72_mail_sender decide.
insert into ucrm.rate_limits (name, plan, hits, seconds, builtin) values ('sender_test', null, 10, 3600, true);

create function ucrm.mail_sender_route(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    sender constant jsonb := ucrm.mail_sender();
begin
    return ucrm.json_response(200, jsonb_build_object('data', sender || jsonb_build_object('test', (
        select jsonb_build_object('id', m.id, 'recipient', m.recipient, 'status', m.status, 'created_at', m.created_at, 'sent_at', m.sent_at, 'error', m.last_error)
        from ucrm.emails as m
        where m.tenant_id = ucrm.tenant_id() and m.kind = 'sender_test'
        order by m.id desc
        limit 1))));
end
$$;
comment on function ucrm.mail_sender_route(ucrm.request) is
'GET /api/v1/settings/mail: 200 {data: {from_address, from_name, transport, host, port, tls, username, secret (the mask), works, failed_at, last_error, test, created_at, updated_at}}; data null: the platform sends. test: what became of the latest test mail, {id, recipient, status, created_at, sent_at, error}.';

create function ucrm.set_mail_sender_route(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    b record;
    port integer;
    transport text;
    fault text;
begin
    perform ucrm.demand('settings', 'update');
    perform ucrm.demand_fresh();
    select * into b from ucrm.body_of(r, array['from_address', 'from_name', 'transport', 'host', 'tls', 'username', 'secret'], array['from_address'], others => array['port']);
    if (b.refusal).status is not null then
        return b.refusal;
    end if;
    port := ucrm.whole_number(b.body -> 'port', 99999);
    if port is null and b.body ->> 'port' is not null then
        return ucrm.wrong_field(r, 'port', 'invalid_type', 'must be a number');
    end if;
    transport := coalesce(b.body ->> 'transport', 'smtp');
    fault := ucrm.mail_sender_fault(
        (select s from ucrm.mail_senders as s where s.tenant_id = ucrm.tenant_id()),
        ucrm.wanted_mail_sender(b.body ->> 'from_address', coalesce(b.body ->> 'from_name', ''), transport, b.body ->> 'host', port, b.body ->> 'tls', b.body ->> 'username'),
        b.body ->> 'secret');
    if fault is not null then
        return ucrm.wrong_field(r, case when fault like 'host, %' then 'transport' else split_part(fault, ':', 1) end,
            case when fault ~ '^[a-z_]+: required' then 'required' else 'invalid_value' end,
            regexp_replace(fault, '^[a-z_]+: ', ''));
    end if;
    perform ucrm.set_mail_sender(b.body ->> 'from_address', coalesce(b.body ->> 'from_name', ''), transport, b.body ->> 'host', port, b.body ->> 'tls', b.body ->> 'username', b.body ->> 'secret');
    return ucrm.json_response(200, jsonb_build_object('data', (select ucrm.mail_sender_json(s) from ucrm.mail_senders as s where s.tenant_id = ucrm.tenant_id())));
end
$$;
comment on function ucrm.set_mail_sender_route(ucrm.request) is
'PUT /api/v1/settings/mail {from_address, from_name, transport, host, port, tls, username, secret}: 200 {data}, the whole sender anew; without secret the one that is there stays, as long as server and username do. Refusals: validation_failed, unknown_field, step_up_required, unavailable (no key file).';

create function ucrm.remove_mail_sender_route(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform ucrm.remove_mail_sender();
    return row(204, null, null)::ucrm.response;
end
$$;
comment on function ucrm.remove_mail_sender_route(ucrm.request) is 'DELETE /api/v1/settings/mail: 204, the platform sends again; again 404. Refusals: not_found, step_up_required.';

create function ucrm.test_mail_sender_route(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    -- Only ever to whoever asks: else it would write to anybody.
    whom constant text := (select u.email from ucrm.users as u where u.id = ucrm.user_id() and u.email_verified_at is not null);
    answer ucrm.response;
    made uuid;
begin
    perform ucrm.demand('settings', 'update');
    if not exists (select from ucrm.mail_senders as s where s.tenant_id = ucrm.tenant_id()) then
        return ucrm.problem('not_found', r.request_id, 'the workspace has no sender of its own: PUT it first');
    elsif whom is null then
        return ucrm.problem('permission_denied', r.request_id, 'a test mail goes to the person who asks for it');
    end if;
    answer := ucrm.limited(r, array['sender_test'], array[ucrm.tenant_id()::text]);
    if answer.status is not null then
        return answer;
    end if;
    made := ucrm.queue_mail('sender_test', whom, ucrm.user_id(), ucrm.tenant_id());
    return ucrm.json_response(202, jsonb_build_object('data', jsonb_build_object('id', made, 'recipient', whom, 'status', 'queued')));
end
$$;
comment on function ucrm.test_mail_sender_route(ucrm.request) is
'POST /api/v1/settings/mail/test: 202 {data: {id, recipient, status}}; a mail to whoever asks, by the workspace''s own sender and once, even if that rests. GET /api/v1/settings/mail says what became of it. Refusals: not_found (no sender), permission_denied (no person with a verified address), rate_limited (10 an hour).';

insert into ucrm.routes (method, template, function, audience, resource, action, builtin) values
('GET', '/api/v1/settings/mail', 'ucrm.mail_sender_route', 'tenant', 'settings', 'read', true),
('PUT', '/api/v1/settings/mail', 'ucrm.set_mail_sender_route', 'tenant', 'settings', 'update', true),
('DELETE', '/api/v1/settings/mail', 'ucrm.remove_mail_sender_route', 'tenant', 'settings', 'delete', true),
('POST', '/api/v1/settings/mail/test', 'ucrm.test_mail_sender_route', 'tenant', 'settings', 'update', true);

grant execute on function
    ucrm.mail_sender_route(ucrm.request), ucrm.set_mail_sender_route(ucrm.request), ucrm.remove_mail_sender_route(ucrm.request), ucrm.test_mail_sender_route(ucrm.request)
to ucrm_handler;
