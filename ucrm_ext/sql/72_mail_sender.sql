-- A tenant's own way of sending mail. Without one, or when it does not work, the platform sends.
create table ucrm.mail_senders (
    tenant_id uuid primary key references ucrm.tenants (id) on delete cascade,
    from_address text not null check (from_address ~ '^[^@\s<>,;:"()]+@[^@\s<>,;:"()]+$' and length(from_address) <= 254),
    from_name text not null default '' check (from_name !~ '[[:cntrl:]]' and length(from_name) <= 100),
    transport text not null check (transport in ('smtp', 'resend')),
    host text,
    port integer check (port in (25, 465, 587, 2525)),
    tls text check (tls in ('implicit', 'starttls')),
    username text check (username !~ '[[:cntrl:]]' and length(username) between 1 and 320),
    secret_mask text,
    failures integer not null default 0,
    failed_at timestamptz,
    last_error text,
    created_at timestamptz not null default clock_timestamp(),
    updated_at timestamptz not null default clock_timestamp(),
    check (num_nonnulls(host, port, tls) = case transport when 'smtp' then 3 else 0 end),
    check (transport = 'smtp' or username is null)
);
comment on table ucrm.mail_senders is
'How a tenant''s own mails leave: over SMTP (tls: implicit, or starttls, which must succeed) or Resend. The password or API key is in ucrm.secrets (kind mail, holder the tenant); secret_mask shows its end. failures: how many times in a row it did not work, the last time at failed_at.';

create trigger touch
before update of from_address, from_name, transport, host, port, tls, username, secret_mask on ucrm.mail_senders
for each row execute function ucrm.touch();

-- What a name resolves to is looked at again by the gateway when it connects: this only says early what cannot work.
create function ucrm.mail_host_fault(host text)
returns text
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    if length(host) > 253 or host !~ '^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?$' then
        return 'must be the full name of a mail server, as its certificate has it; an address is not one';
    elsif host ~ '\.(localhost|localdomain|local|internal|intranet|private|corp|home|lan|arpa)$' then
        return 'is a name inside a private network';
    end if;
    return null;
end
$$;
comment on function ucrm.mail_host_fault(text) is 'Why this cannot be the name of a tenant''s mail server; null when it can. No literal address can.';

create function ucrm.mail_sender_json(s ucrm.mail_senders)
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return jsonb_build_object('from_address', s.from_address, 'from_name', s.from_name, 'transport', s.transport, 'host', s.host, 'port', s.port,
        'tls', s.tls, 'username', s.username, 'secret', s.secret_mask, 'created_at', s.created_at, 'updated_at', s.updated_at);
end
$$;
comment on function ucrm.mail_sender_json(ucrm.mail_senders) is 'A sender as its tenant sees it: of the secret only the mask.';

create function ucrm.wanted_mail_sender(from_address text, from_name text, transport text, host text, port integer, tls text, username text)
returns ucrm.mail_senders
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
declare
    wanted ucrm.mail_senders;
begin
    wanted.from_address := from_address;
    wanted.from_name := from_name;
    wanted.transport := transport;
    wanted.host := rtrim(lower(btrim(host)), '.');
    wanted.port := case when transport = 'smtp' then coalesce(port, 587) else port end;
    wanted.tls := case when transport = 'smtp' then coalesce(tls, case wanted.port when 465 then 'implicit' else 'starttls' end) else tls end;
    wanted.username := username;
    return wanted;
end
$$;
comment on function ucrm.wanted_mail_sender(text, text, text, text, integer, text, text) is 'What was asked for, with what follows from it: the port, and what the port is for.';

create function ucrm.mail_sender_fault(before ucrm.mail_senders, wanted ucrm.mail_senders, secret text)
returns text
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    return case
        when wanted.from_address is null or wanted.from_address !~ '^[^@\s<>,;:"()]+@[^@\s<>,;:"()]+$' or length(wanted.from_address) > 254 then 'from_address: must be an e-mail address'
        when wanted.from_name is null or wanted.from_name ~ '[[:cntrl:]]' or length(wanted.from_name) > 100 then 'from_name: at most 100 characters on one line'
        when wanted.transport is null or wanted.transport not in ('smtp', 'resend') then 'transport: smtp or resend'
        when wanted.transport = 'smtp' and wanted.host is null then 'host: required for smtp'
        when wanted.transport = 'smtp' and ucrm.mail_host_fault(wanted.host) is not null then 'host: ' || ucrm.mail_host_fault(wanted.host)
        when wanted.transport = 'smtp' and wanted.port not in (25, 465, 587, 2525) then 'port: 25, 465, 587 or 2525'
        when wanted.transport = 'smtp' and wanted.tls not in ('implicit', 'starttls') then 'tls: implicit or starttls'
        when wanted.transport = 'resend' and num_nonnulls(wanted.host, wanted.port, wanted.tls, wanted.username) > 0 then 'host, port, tls and username: not for resend'
        when wanted.username ~ '[[:cntrl:]]' or length(wanted.username) not between 1 and 320 then 'username: 1 to 320 characters on one line'
        when secret ~ '[[:cntrl:]]' or length(secret) not between 1 and 1000 then 'secret: 1 to 1000 characters on one line'
        when secret is not null and wanted.transport = 'smtp' and wanted.username is null then 'username: required with a secret'
        -- A secret is shown only to the server it was given for.
        when secret is null and (wanted.transport = 'resend' or wanted.username is not null)
            and (before.secret_mask is null
                 or (before.transport, before.host, before.port, before.tls, before.username)
                    is distinct from (wanted.transport, wanted.host, wanted.port, wanted.tls, wanted.username))
            then 'secret: required, also when the server or the username changes'
    end;
end
$$;
comment on function ucrm.mail_sender_fault(ucrm.mail_senders, ucrm.mail_senders, text) is
'What is wrong with a sender that is wanted instead of another (or none), "field: why"; null when nothing is. secret null: the one that is there stays.';

create function ucrm.set_mail_sender(
    from_address text,
    from_name text default '',
    transport text default 'smtp',
    host text default null,
    port integer default null,
    tls text default null,
    username text default null,
    secret text default null
)
returns jsonb
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    tenant constant uuid := ucrm.tenant_id();
    wanted constant ucrm.mail_senders := ucrm.wanted_mail_sender(from_address, from_name, transport, host, port, tls, username);
    before ucrm.mail_senders;
    after ucrm.mail_senders;
    fault text;
begin
    perform ucrm.demand('settings', 'update');
    perform ucrm.demand_fresh();
    -- Two of them at once come one after the other.
    perform from ucrm.tenants as t where t.id = tenant for no key update;
    select s.* into before from ucrm.mail_senders as s where s.tenant_id = tenant;

    fault := ucrm.mail_sender_fault(before, wanted, secret);
    if fault is not null then
        perform ucrm.refuse('validation_failed', fault);
    end if;

    if secret is not null then
        if ucrm.key_fault() is not null then
            perform ucrm.refuse('unavailable', 'this installation has no key to seal the secret with');
        end if;
        perform ucrm.keep_secret(tenant, 'mail', tenant, convert_to(secret, 'UTF8'));
    elsif transport = 'smtp' and username is null then
        delete from ucrm.secrets as x where x.tenant_id = tenant and x.kind = 'mail' and x.holder = tenant;
    end if;
    insert into ucrm.mail_senders as s (tenant_id, from_address, from_name, transport, host, port, tls, username, secret_mask)
    values (
        tenant, set_mail_sender.from_address, set_mail_sender.from_name, set_mail_sender.transport, wanted.host, wanted.port, wanted.tls, set_mail_sender.username,
        case
            when secret is not null then '••••' || case when length(secret) >= 12 then right(secret, 4) else '' end
            when set_mail_sender.transport = 'resend' or set_mail_sender.username is not null then before.secret_mask
        end
    )
    on conflict on constraint mail_senders_pkey do update
    set from_address = excluded.from_address, from_name = excluded.from_name, transport = excluded.transport, host = excluded.host, port = excluded.port,
        tls = excluded.tls, username = excluded.username, secret_mask = excluded.secret_mask, failures = 0, failed_at = null, last_error = null
    returning s.* into after;
    perform ucrm.record_event(tenant, case when before.tenant_id is null then 'created' else 'updated' end, 'settings', 'mail_sender',
        case when before.tenant_id is not null then ucrm.mail_sender_json(before) - array['created_at', 'updated_at'] end,
        ucrm.mail_sender_json(after) - array['created_at', 'updated_at']);
    return ucrm.mail_sender_json(after);
end
$$;
comment on function ucrm.set_mail_sender(text, text, text, text, integer, text, text, text) is
'The entered tenant sends by its own server: transport smtp (host, port 25, 465, 587 or 2525, tls implicit or starttls; by default 587 and what the port is for; username and secret) or resend (secret: the API key). The secret is write-only; null keeps the one that is there, as long as server and username stay. Returns the sender. Refusals: no_context, gates, permission_denied, step_up_required, validation_failed, unavailable (no key file).';

create function ucrm.mail_sender()
returns jsonb
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform ucrm.demand('settings', 'read');
    return (
        select ucrm.mail_sender_json(s) || jsonb_build_object('works', s.failures = 0, 'failed_at', s.failed_at, 'last_error', s.last_error)
        from ucrm.mail_senders as s
        where s.tenant_id = ucrm.tenant_id()
    );
end
$$;
comment on function ucrm.mail_sender() is
'The entered tenant''s own sender, and whether it works; null: the platform sends. Refusals: no_context, gates, permission_denied.';

create function ucrm.remove_mail_sender()
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    before ucrm.mail_senders;
begin
    perform ucrm.demand('settings', 'delete');
    perform ucrm.demand_fresh();
    delete from ucrm.mail_senders as s where s.tenant_id = ucrm.tenant_id() returning s.* into before;
    if not found then
        perform ucrm.refuse('not_found');
    end if;
    delete from ucrm.secrets as x where x.tenant_id = before.tenant_id and x.kind = 'mail' and x.holder = before.tenant_id;
    perform ucrm.record_event(before.tenant_id, 'deleted', 'settings', 'mail_sender', ucrm.mail_sender_json(before) - array['created_at', 'updated_at'], null);
end
$$;
comment on function ucrm.remove_mail_sender() is 'From now on the platform sends the entered tenant''s mails. Refusals: no_context, gates, permission_denied, step_up_required, not_found.';

create function ucrm.has_own_sender(tenant uuid)
returns boolean
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    return (select exists (select from ucrm.mail_senders as s where s.tenant_id = tenant));
end
$$;
comment on function ucrm.has_own_sender(uuid) is 'Whether a workspace has a sender of its own, which reads what it sends.';

-- For the worker alone: with the secret in clear.
create function ucrm.usable_mail_sender(tenant uuid, though_it_rests boolean default false)
returns jsonb
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    s ucrm.mail_senders;
    clear text;
begin
    select x.* into s from ucrm.mail_senders as x where x.tenant_id = tenant;
    -- One that has failed again and again rests for ten minutes: the mails of that time do not wait for it.
    if not found or (not though_it_rests and s.failures >= 3 and s.failed_at > clock_timestamp() - interval '10 minutes') then
        return null;
    end if;
    if s.secret_mask is not null then
        begin
            clear := convert_from(ucrm.secret(tenant, 'mail', tenant), 'UTF8');
        exception when others then
            clear := null;
        end;
        if clear is null then
            perform ucrm.note_mail_sender(tenant, 'the secret cannot be opened: save it again');
            return null;
        end if;
    end if;
    return ucrm.mail_sender_json(s) || jsonb_build_object('secret', clear);
end
$$;
comment on function ucrm.usable_mail_sender(uuid, boolean) is
'The tenant''s own sender with its secret in clear, for the gateway''s worker; null: none, or it cannot be used just now. though_it_rests: also one that has just failed again and again.';

create function ucrm.note_mail_sender(tenant uuid, error text)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    if error is null then
        update ucrm.mail_senders as s set failures = 0, failed_at = null, last_error = null where s.tenant_id = tenant and s.failures > 0;
    else
        update ucrm.mail_senders as s set failures = s.failures + 1, failed_at = clock_timestamp(), last_error = error where s.tenant_id = tenant;
    end if;
end
$$;
comment on function ucrm.note_mail_sender(uuid, text) is 'A tenant''s own sender worked (null), or why it did not.';

grant execute on function
    ucrm.set_mail_sender(text, text, text, text, integer, text, text, text), ucrm.mail_sender(), ucrm.remove_mail_sender()
to ucrm_app;
