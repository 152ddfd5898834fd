-- Mails: queued in the transaction that causes them, sent by the gateways' workers. A row says who is to get what kind of
-- mail; the link and its token are made when a worker claims it, so that nothing at rest opens anything.
create table ucrm.emails (
    id uuid primary key default ucrm.uuid7(),
    tenant_id uuid,
    kind text not null check (kind ~ '^[a-z][a-z0-9_]{1,62}$'),
    recipient text not null check (recipient ~ '^[^@\s]+@[^@\s]+$' and length(recipient) <= 254),
    user_id uuid,
    data jsonb not null default '{}' check (jsonb_typeof(data) = 'object'),
    status text not null default 'queued' check (status in ('queued', 'sending', 'sent', 'failed')),
    attempts integer not null default 0,
    next_attempt_at timestamptz not null default clock_timestamp(),
    claimed_by text,
    claimed_until timestamptz,
    sender text check (sender in ('tenant', 'platform')),
    sent_at timestamptz,
    last_error text,
    created_at timestamptz not null default clock_timestamp(),
    constraint no_token check (data::text !~ 'ucrm_[a-z]+_[a-z2-7]{26}_'),
    check ((status = 'sending') = (claimed_by is not null and claimed_until is not null))
);
create index emails_due on ucrm.emails (next_attempt_at, id) where status in ('queued', 'sending');
create index emails_tenant on ucrm.emails (tenant_id) where tenant_id is not null;
create index emails_done on ucrm.emails (created_at) where status in ('sent', 'failed');
comment on table ucrm.emails is
'The mail outbox, and its history until ucrm.prune_mail(). tenant_id null: the platform''s mail. data: fields for the template, never a token. sender: who sends or sent it. No foreign keys: mails go with their tenant (ucrm.record_vanished_tenant()), and do not travel with it (ucrm.tenant_tables()), for a restored tenant must not send its old mails again.';

create function ucrm.queue_mail(kind text, recipient text, "user" uuid default null, tenant uuid default null, data jsonb default '{}')
returns uuid
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    made uuid;
begin
    if kind = 'layout' or not exists (select from ucrm.mail_templates as t where t.kind = queue_mail.kind) then
        raise exception 'there is no mail of the kind "%"', kind
            using errcode = 'undefined_object', hint = 'See ucrm.mail_templates.';
    end if;
    insert into ucrm.emails (kind, recipient, user_id, tenant_id, data)
    values (queue_mail.kind, queue_mail.recipient, "user", tenant, coalesce(queue_mail.data, '{}'))
    returning id into made;
    return made;
end
$$;
comment on function ucrm.queue_mail(text, text, uuid, uuid, jsonb) is
'Queues a mail in the transaction that causes it, and returns its id: rolled back, it was never there. user: whom it is for, if he has an account; tenant: the workspace it is about; data: fields for the template, what ucrm.mint_mail_token() needs, and language (en, de-CH …), if it is not English. 42704 for an unknown kind, 23514 for no address.';

create function ucrm.mail_token("user" uuid, purpose text, address text, lifetime interval, data jsonb default '{}')
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    perform ucrm.ask_token("user", purpose, address, lifetime);
    perform ucrm.queue_mail(purpose, address, "user", null, data);
end
$$;
comment on function ucrm.mail_token(uuid, text, text, interval, jsonb) is 'Asks for a token, and queues the mail of the same name that brings it: by the platform''s sender, never a tenant''s, who would read it.';

create function ucrm.mail_path(kind text)
returns text
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    return case kind
        when 'verify_email' then '/auth/verify-email'
        when 'reset_password' then '/auth/reset-password'
        when 'change_email' then '/auth/change-email'
        when 'invitation' then '/auth/invitation'
    end;
end
$$;
comment on function ucrm.mail_path(text) is 'The page that the link of a mail opens; null for mails without one.';

-- Of its own kind only what a workspace sends to others: a tenant's mail server must never see a link to an account.
create function ucrm.is_tenants_mail(kind text)
returns boolean
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    return kind in ('invitation', 'sender_test');
end
$$;
comment on function ucrm.is_tenants_mail(text) is 'Whether a mail of this kind may leave by the tenant''s own sender.';

-- After the sixteenth attempt a day is over.
create function ucrm.mail_delay(attempts integer)
returns interval
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    return case when attempts < 16 then (array['5 s', '30 s', '5 min', '30 min', '2 h']::interval[])[least(attempts, 5)] end;
end
$$;
comment on function ucrm.mail_delay(integer) is 'How long to wait after so many failed attempts: 5 s, 30 s, 5 min, 30 min, then 2 h each; null when 24 hours are over.';

create function ucrm.mail_facts(e ucrm.emails, home text, token text)
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return e.data || jsonb_strip_nulls(jsonb_build_object(
        'recipient', e.recipient,
        -- Whoever registers somebody else's address does not get to write to it.
        'name', (select nullif(u.name, '') from ucrm.users as u where u.id = e.user_id and u.email_verified_at is not null),
        'workspace', (select t.name from ucrm.tenants as t where t.id = e.tenant_id),
        'home', home,
        'site', substring(home from '^[a-z]+://([^/]+)'),
        'link', home || ucrm.mail_path(e.kind) || '#token=' || token
    ));
end
$$;
comment on function ucrm.mail_facts(ucrm.emails, text, text) is 'What a mail''s template is filled with. The token is in the fragment: browsers send that to nobody.';

create function ucrm.claim_mail(worker text, batch integer, public_url text)
returns table (id uuid, kind text, attempt integer, recipient text, sender jsonb, template jsonb, layout jsonb, data jsonb)
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    moment constant timestamptz := clock_timestamp();
    lease constant timestamptz := moment + interval '2 minutes';
    home constant text := rtrim(public_url, '/');
    e ucrm.emails;
    token text;
    state text;
    said text;
begin
    for e in
        with due as materialized (
            select m.id, m.attempts
            from ucrm.emails as m
            where m.status in ('queued', 'sending') and m.next_attempt_at <= moment
            order by m.next_attempt_at, m.id
            limit greatest(0, least(batch, 100))
            for update skip locked
        )
        update ucrm.emails as m
        set status = 'sending', attempts = m.attempts + 1, claimed_by = worker, claimed_until = lease, next_attempt_at = lease, sender = 'platform'
        from due
        where m.id = due.id
        returning m.*
    loop
        -- Its workers have died with it a whole day long.
        if ucrm.mail_delay(e.attempts - 1) is null and e.attempts > 1 then
            perform ucrm.settle_mail(e.id, worker, 'failed', coalesce(e.last_error, 'no worker came back from it'));
            continue;
        end if;

        token := null;
        if ucrm.mail_path(e.kind) is not null then
            -- One mail that cannot be made does not hold up the others.
            begin
                token := ucrm.mint_mail_token(e.kind, e.user_id, e.recipient, e.data);
                state := case when token is null then 'failed' end;
                said := 'there is nothing left for it to open';
            exception when others then
                state := 'retry';
                said := 'no token: ' || sqlstate;
            end;
            if state is not null then
                perform ucrm.settle_mail(e.id, worker, state, said);
                continue;
            end if;
        end if;

        sender := null;
        if e.tenant_id is not null and e.attempts <= 2 and ucrm.is_tenants_mail(e.kind) then
            sender := ucrm.usable_mail_sender(e.tenant_id, e.kind = 'sender_test');
            if sender is not null then
                update ucrm.emails as m set sender = 'tenant' where m.id = e.id;
            elsif e.kind = 'sender_test' then
                -- The platform's success would say nothing about the tenant's.
                perform ucrm.settle_mail(e.id, worker, 'failed',
                    coalesce((select s.last_error from ucrm.mail_senders as s where s.tenant_id = e.tenant_id), 'the workspace has no sender of its own'));
                continue;
            end if;
        end if;
        id := e.id;
        kind := e.kind;
        attempt := e.attempts;
        recipient := e.recipient;
        template := ucrm.mail_template(e.kind, coalesce(e.data ->> 'language', 'en'));
        layout := ucrm.mail_template('layout', coalesce(e.data ->> 'language', 'en'));
        data := ucrm.mail_facts(e, home, token);
        return next;
    end loop;
end
$$;
comment on function ucrm.claim_mail(text, integer, text) is
'Up to batch mails that are due, leased to this worker for two minutes: name a worker anew for each call. public_url: where the links lead. sender: the tenant''s own with its secret in clear (its first two attempts), or null for the platform''s; template and layout: {subject, text, html} to be filled with data, which holds the link. Its token is made here and now, and kills the one of an earlier attempt. For the gateways.';

create function ucrm.settle_mail(id uuid, worker text, outcome text, error text default null)
returns boolean
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    e ucrm.emails;
    -- Servers quote what they were sent.
    said constant text := left(regexp_replace(regexp_replace(error, 'token=\S*', 'token=…', 'g'), '[[:cntrl:]]+', ' ', 'g'), 300);
    -- Both attempts of a tenant's own sender are over when it refuses for good: that may be its fault and not the mail's.
    tried integer;
    delay interval;
begin
    if outcome is null or outcome not in ('sent', 'retry', 'failed') then
        raise exception 'an outcome is sent, retry or failed, not "%"', outcome using errcode = 'invalid_parameter_value';
    end if;
    select m.* into e from ucrm.emails as m where m.id = settle_mail.id for update;
    if not found or e.status <> 'sending' or e.claimed_by is distinct from worker then
        return false;
    end if;
    tried := case when outcome = 'failed' and e.sender = 'tenant' then greatest(e.attempts, 2) else e.attempts end;
    -- A test is tried once: whoever waits for it is told at once.
    delay := case when e.kind <> 'sender_test' and (outcome = 'retry' or (outcome = 'failed' and e.sender = 'tenant')) then ucrm.mail_delay(tried) end;
    update ucrm.emails as m
    set status = case when outcome = 'sent' then 'sent' when delay is not null then 'queued' else 'failed' end,
        attempts = tried,
        next_attempt_at = clock_timestamp() + coalesce(delay, '0'),
        claimed_by = null,
        claimed_until = null,
        sent_at = case when outcome = 'sent' then clock_timestamp() end,
        last_error = case when outcome <> 'sent' then coalesce(said, 'no reason given') end
    where m.id = e.id;
    if e.sender = 'tenant' then
        perform ucrm.note_mail_sender(e.tenant_id, case when outcome <> 'sent' then coalesce(said, 'no reason given') end);
    end if;
    return true;
end
$$;
comment on function ucrm.settle_mail(uuid, text, text, text) is
'How a claimed mail ended: sent; retry (again after 5 s, 30 s, 5 min, 30 min, 2 h …, failed after 24 hours); failed (refused for good; if it was the tenant''s own sender who refused, the platform''s tries next). Only the worker that holds the lease settles: false for any other. 22023 for another outcome. For the gateways.';

create function ucrm.prune_mail(days integer)
returns bigint
language plpgsql
volatile
strict
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    -- The 0 days of a mistake would empty the history.
    before constant timestamptz := clock_timestamp() - make_interval(days => greatest(days, 1));
    gone bigint;
begin
    delete from ucrm.emails as m where m.status in ('sent', 'failed') and m.created_at < before;
    get diagnostics gone = row_count;
    return gone;
end
$$;
comment on function ucrm.prune_mail(integer) is 'Forgets mails that were sent or given up, and queued more than so many days ago (at least 1); how many.';

create function ucrm.mail_gauges()
returns table (name text, labels jsonb, value double precision)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    moment constant timestamptz := clock_timestamp();
begin
    return query
    select g.name, '{}'::jsonb, g.value
    from (
        select count(*) as waiting, coalesce(extract(epoch from moment - min(m.created_at)), 0) as age
        from ucrm.emails as m
        where m.status in ('queued', 'sending')
    ) as q
    cross join lateral (values
        ('ucrm_mail_waiting', q.waiting::double precision),
        ('ucrm_mail_oldest_seconds', greatest(0, q.age)::double precision)
    ) as g (name, value);
end
$$;
comment on function ucrm.mail_gauges() is 'Gauges for ucrm.metrics(): mails not yet sent or given up, and for how long the oldest has waited.';

grant execute on function ucrm.claim_mail(text, integer, text), ucrm.settle_mail(uuid, text, text, text) to ucrm_gateway;
grant execute on function ucrm.prune_mail(integer) to ucrm_platform;
