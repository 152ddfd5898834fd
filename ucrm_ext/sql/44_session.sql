-- Sessions of people who signed in. The cookie's value, or the token that carries the session's id, is judged here.
create table ucrm.sessions (
    id uuid primary key default ucrm.uuid7(),
    user_id uuid not null references ucrm.users (id) on delete cascade,
    active_tenant_id uuid,
    digest bytea not null unique check (length(digest) = 32),
    created_at timestamptz not null default clock_timestamp(),
    last_seen_at timestamptz not null default clock_timestamp(),
    expires_at timestamptz not null,
    ends_at timestamptz not null,
    fresh_until timestamptz,
    factor_shown_at timestamptz,
    address inet,
    user_agent text check (length(user_agent) <= 400),
    impersonation_id uuid
);
create index sessions_user on ucrm.sessions (user_id);
comment on table ucrm.sessions is
'A row is a live session: ended ones are deleted. expires_at slides, 7 days after the last day of use; ends_at is 30 days after sign-in. active_tenant_id: the workspace it is in; accounts and tenants share no constraint. fresh_until: 10 minutes after a password or second factor. digest: SHA-256 of what the gateway passes. impersonation_id: opened by a platform admin who looks through this person''s eyes (see ucrm.impersonations), and changes nothing.';

create function ucrm.principal_of_session(id uuid, named text)
returns ucrm.principal
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    s ucrm.sessions;
    tenant uuid;
    p ucrm.principal;
    looking constant text := '*:read,*:autocomplete,*:export';
    impersonator uuid;
    there uuid;
begin
    select x.* into s from ucrm.sessions as x where x.id = principal_of_session.id and least(x.expires_at, x.ends_at) > clock_timestamp();
    if not found or (s.impersonation_id is not null and not ucrm.impersonation_is_live(s.impersonation_id)) then
        return null;
    end if;
    if s.impersonation_id is not null then
        select i.admin_id, i.tenant_id into impersonator, there from ucrm.impersonations as i where i.id = s.impersonation_id;
    end if;
    tenant := case when named is null then s.active_tenant_id else ucrm.find_tenant(named) end;
    -- An impersonation is of one workspace, whatever is named.
    if (there is null or there = tenant)
        and exists (select from ucrm.tenant_memberships as m where m.tenant_id = tenant and m.user_id = s.user_id)
    then
        p := ucrm.principal_of('member', tenant, s.user_id);
    end if;
    return (
        select row(
            'member', p.tenant_id, s.user_id, p.role, p.api_key_id, p.api_key_prefix,
            case when impersonator is not null then looking end,
            case when impersonator is not null then ucrm.intersect_permissions(p.permissions, looking) else p.permissions end,
            coalesce(p.member, false), coalesce(p.disabled, false), u.email_verified_at is not null,
            p.status, p.trial_ends_at, p.subscribed_until,
            least(s.expires_at, s.ends_at),
            impersonator is not null,
            impersonator is null and exists (select from ucrm.platform_admins as a where a.user_id = s.user_id),
            p.key_hits, p.key_seconds, coalesce(p.user_hits, l.hits), coalesce(p.user_seconds, l.seconds), p.tenant_hits, p.tenant_seconds,
            s.id, s.fresh_until,
            s.factor_shown_at is not null or impersonator is not null or not ucrm.wants_mfa(p.tenant_id),
            impersonator
        )::ucrm.principal
        from ucrm.users as u
        cross join lateral ucrm.rate_limit('user', null) as l
        where u.id = s.user_id
    );
end
$$;
comment on function ucrm.principal_of_session(uuid, text) is
'The principal of a live session in the workspace it is in, or in the named one (id or slug); without a tenant when the person is no member of it. Null when the session is over.';

create function ucrm.demand_fresh()
returns void
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if (case
        when ucrm.session_id() is not null or ucrm.actor_kind() = 'person'
        then not exists (select from ucrm.sessions as s where s.id = ucrm.session_id() and s.fresh_until > clock_timestamp())
        else coalesce(ucrm.fresh_until() <= clock_timestamp(), false)
    end) then
        perform ucrm.refuse('step_up_required');
    end if;
end
$$;
comment on function ucrm.demand_fresh() is
'Raises PT403 step_up_required in a session whose password or second factor was not shown in the last 10 minutes. Keys and back ends have no session, and pass. Who came with another issuer''s token passes while that says that he has signed in within the last 10 minutes (ucrm.signed_in_at()); about his account here he never does.';

create function ucrm.open_session("user" uuid, tenant uuid, factor_shown boolean, address inet, user_agent text, out id uuid, out secret text, out expires_at timestamptz)
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    made record;
begin
    select * into made from ucrm.make_token('session', "user");
    secret := made.secret;
    delete from ucrm.sessions as s where s.user_id = "user" and least(s.expires_at, s.ends_at) <= clock_timestamp();
    insert into ucrm.sessions as s (user_id, active_tenant_id, digest, expires_at, ends_at, fresh_until, factor_shown_at, address, user_agent)
    values ("user", tenant, made.digest, clock_timestamp() + interval '7 days', clock_timestamp() + interval '30 days', clock_timestamp() + interval '10 minutes',
            case when factor_shown then clock_timestamp() end, open_session.address, left(open_session.user_agent, 400))
    returning s.id, s.expires_at into id, expires_at;
end
$$;
comment on function ucrm.open_session(uuid, uuid, boolean, inet, text) is 'A new session; its secret is shown this once.';

create function ucrm.renew_session(id uuid, out secret text, out expires_at timestamptz)
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    made record;
begin
    select * into made from ucrm.make_token('session', (select s.user_id from ucrm.sessions as s where s.id = renew_session.id));
    update ucrm.sessions as s
    set digest = made.digest, last_seen_at = clock_timestamp(), expires_at = least(clock_timestamp() + interval '7 days', s.ends_at)
    where s.id = renew_session.id
    returning s.expires_at into expires_at;
    if found then
        secret := made.secret;
    end if;
end
$$;
comment on function ucrm.renew_session(uuid) is 'A new secret for a session; the old one ends at once (no fixation).';

create function ucrm.raise_session(session uuid, factor_shown boolean default true)
returns jsonb
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    update ucrm.sessions as s
    set fresh_until = clock_timestamp() + interval '10 minutes',
        factor_shown_at = case when factor_shown then clock_timestamp() else s.factor_shown_at end
    where s.id = session;
    return ucrm.session_cookie(session);
end
$$;
comment on function ucrm.raise_session(uuid, boolean) is 'Notes that the person has just shown password or second factor, and renews the session''s secret: the headers that carry it.';

create function ucrm.session_cookie(session uuid)
returns jsonb
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    made record;
begin
    select * into made from ucrm.renew_session(session);
    return ucrm.cookie_header(made.secret, made.expires_at);
end
$$;
comment on function ucrm.session_cookie(uuid) is 'Renews a session''s secret: the reply headers that carry it.';

create function ucrm.cookie_header(secret text, expires_at timestamptz)
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return (select jsonb_build_object('x-ucrm-session', case when secret is null then '' else secret || ' ' || greatest(0, floor(extract(epoch from expires_at - clock_timestamp())))::bigint end));
end
$$;
comment on function ucrm.cookie_header(text, timestamptz) is
'The internal header by which the gateway is told to set the session''s cookie: its value and how many seconds it lives; with nothing to remove it; "=" for the value that the browser has shown. How a cookie is written is the gateway''s.';

create function ucrm.end_sessions("user" uuid, except_id uuid default null)
returns bigint
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    ended bigint;
begin
    delete from ucrm.sessions as s where s.user_id = "user" and s.id is distinct from except_id;
    get diagnostics ended = row_count;
    return ended;
end
$$;
comment on function ucrm.end_sessions(uuid, uuid) is 'Ends a person''s sessions, all or all but one; how many.';

create function ucrm.hold_session(id uuid)
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform from ucrm.sessions as s where s.id = hold_session.id for no key update;
end
$$;
comment on function ucrm.hold_session(uuid) is
'Locks a session before anything else: a request that was noted at its session holds that row already, and two of one session would else wait for each other.';

create function ucrm.touch_session(id uuid, kind text default 'session')
returns jsonb
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    slid ucrm.sessions;
begin
    update ucrm.sessions as s set last_seen_at = clock_timestamp() where s.id = touch_session.id;
    -- Only once a day: a changed expiry makes every remembered principal be looked up again.
    update ucrm.sessions as s set expires_at = least(clock_timestamp() + interval '7 days', s.ends_at)
    where s.id = touch_session.id and s.expires_at < least(clock_timestamp() + interval '6 days', s.ends_at)
    returning s.* into slid;
    return case
        when slid.id is null then null
        -- Whoever shows a token of ours needs another; the old one goes on until its own end.
        when kind = 'jwt' then jsonb_strip_nulls(jsonb_build_object('set-auth-token', ucrm.session_token(slid.id, slid.user_id, slid.expires_at)))
        else ucrm.cookie_header('=', slid.expires_at)
    end;
end
$$;
comment on function ucrm.touch_session(uuid, text) is
'Notes that a session was used, to the minute, and lets its expiry slide, by the day: then the headers by which whoever showed it (kind: session, or jwt, a token of ours) can go on as long.';

create function ucrm.demand_person()
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    if ucrm.actor_kind() <> 'person' then
        perform ucrm.refuse('permission_denied', 'this is for people who signed in');
    end if;
end
$$;
comment on function ucrm.demand_person() is
'Raises PT403 permission_denied unless the request is about the account of the person who signed in. Code of tables'' owners runs as the owner of handle, in requests to tables: there the actor is a member, and his account is not theirs.';

grant execute on function ucrm.demand_fresh() to ucrm_app, ucrm_handler;
grant execute on function ucrm.touch_session(uuid, text), ucrm.hold_session(uuid) to ucrm_handler;
