-- Invitations: one address, one role, once, within seven days. A token is minted when the mail that carries it leaves,
-- so that nothing at rest can be presented; whoever invites gives no more than he holds when the invitation is accepted.
create table ucrm.invitations (
    tenant_id uuid not null references ucrm.tenants (id) on delete cascade,
    id uuid not null default ucrm.uuid7(),
    email text not null check (email ~ '^[^@\s]+@[^@\s]+$' and length(email) <= 254),
    role text not null,
    invited_by uuid,
    api_key_id uuid,
    digest bytea check (length(digest) = 32),
    proves_address boolean not null default false,
    expires_at timestamptz not null default clock_timestamp() + interval '7 days',
    accepted_at timestamptz,
    accepted_by uuid,
    cancelled_at timestamptz,
    created_at timestamptz not null default clock_timestamp(),
    primary key (tenant_id, id),
    check (accepted_at is null or cancelled_at is null)
);
create unique index invitations_open on ucrm.invitations (tenant_id, lower(email)) where accepted_at is null and cancelled_at is null;
create index invitations_id on ucrm.invitations (id);
create index invitations_digest on ucrm.invitations (digest) where digest is not null;
comment on table ucrm.invitations is
'Who is invited to which role. invited_by: the member who answers for it, or api_key_id: the service key. digest: of the token in the latest mail, null before the mail leaves and after the token was used. proves_address: that mail went through the platform''s own sender, so that only its reader can know the token. One open invitation per address and tenant.';

create view ucrm.tenant_invitations
with (security_invoker = true)
as select i.id, i.email, i.role,
          case
              when i.accepted_at is not null then 'accepted'
              when i.cancelled_at is not null then 'cancelled'
              when i.expires_at <= clock_timestamp() then 'expired'
              else 'pending'
          end as status,
          i.invited_by, i.expires_at, i.accepted_at, i.cancelled_at, i.created_at
   from ucrm.invitations as i;
comment on view ucrm.tenant_invitations is 'Invitations as the API shows them. status: pending, accepted, cancelled or expired, by the clock.';

insert into ucrm.rate_limits (name, plan, hits, seconds, builtin) values
('invite', null, 200, 86400, true),
('invitation_resend', null, 10, 86400, true);

create function ucrm.invitation_json(i ucrm.invitations)
returns jsonb
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    return to_jsonb(i) - array['tenant_id', 'digest', 'proves_address'];
end
$$;
comment on function ucrm.invitation_json(ucrm.invitations) is 'An invitation as audit and outbox rows hold it.';

create function ucrm.mail_invitation(i ucrm.invitations)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    -- Not a word about whether the address has an account: the mail is the same.
    perform ucrm.queue_mail('invitation', i.email, null, i.tenant_id, jsonb_build_object(
        'invitation_id', i.id,
        'role', i.role,
        'tenant', (select t.name from ucrm.tenants as t where t.id = i.tenant_id),
        'inviter', (select u.name from ucrm.users as u where u.id = i.invited_by)));
end
$$;
comment on function ucrm.mail_invitation(ucrm.invitations) is 'Queues the mail of an invitation in the caller''s transaction.';

create function ucrm.open_invitation(email text, role text, out id uuid, out code text, out detail text, out wait bigint)
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    tenant constant uuid := ucrm.tenant_id();
    address constant text := btrim(open_invitation.email);
    allowed record;
    i ucrm.invitations;
begin
    perform ucrm.demand('invitations', 'create');
    perform ucrm.demand_fresh();
    if not coalesce(ucrm.is_email(address), false) then
        code := 'validation_failed';
        detail := 'email must be an e-mail address';
        return;
    end if;
    if ucrm.is_disposable(address) then
        code := 'disposable_email';
        return;
    end if;
    -- Locks the tenant's row: invitations of one tenant are made and accepted one after the other.
    perform ucrm.require_role(open_invitation.role);
    if exists (
        select
        from ucrm.users as u
        join ucrm.tenant_memberships as m on m.user_id = u.id and m.tenant_id = tenant
        where lower(u.email) = lower(address)
    ) then
        code := 'duplicate';
        detail := 'this address belongs to a member';
        return;
    end if;
    if exists (
        select
        from ucrm.invitations as x
        where x.tenant_id = tenant and lower(x.email) = lower(address)
          and x.accepted_at is null and x.cancelled_at is null and x.expires_at > clock_timestamp()
    ) then
        code := 'duplicate';
        detail := 'this address has an open invitation: resend or cancel it';
        return;
    end if;
    select l.hits, l.seconds into allowed
    from ucrm.tenants as t, ucrm.rate_limit('invite', t.plan) as l
    where t.id = tenant;
    wait := ucrm.hit_row('invite', tenant::text, allowed.hits, allowed.seconds);
    if wait is not null then
        code := 'rate_limited';
        detail := format('%s invitations in %s s are allowed; retry after %s s', allowed.hits, allowed.seconds, ceil(wait / 1000.0));
        return;
    end if;
    -- One that has run out makes room.
    update ucrm.invitations as x
    set cancelled_at = clock_timestamp(), digest = null
    where x.tenant_id = tenant and lower(x.email) = lower(address) and x.accepted_at is null and x.cancelled_at is null;
    insert into ucrm.invitations as x (tenant_id, email, role, invited_by, api_key_id)
    values (tenant, address, open_invitation.role, ucrm.user_id(), case when ucrm.user_id() is null then ucrm.api_key_id() end)
    returning x.* into i;
    id := i.id;
    perform ucrm.record_event(tenant, 'created', 'invitations', i.id::text, null, ucrm.invitation_json(i));
    perform ucrm.mail_invitation(i);
end
$$;
comment on function ucrm.open_invitation(text, text) is
'ucrm.invite() for a route: code, detail and wait (milliseconds) instead of the refusals that a caller can mend, so that they can be shown whole. The others are raised.';

create function ucrm.invite(email text, role text)
returns uuid
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    made record;
begin
    perform ucrm.demand('invitations', 'create');
    select * into made from ucrm.open_invitation(invite.email, invite.role);
    if made.code is not null then
        perform ucrm.refuse(made.code, made.detail);
    end if;
    return made.id;
end
$$;
comment on function ucrm.invite(text, text) is
'Invites an address to a role of the entered tenant and queues the mail; returns the invitation''s id. It tells nothing of whether the address has an account. Refusals: no_context, gates, permission_denied, grant_ceiling, validation_failed, disposable_email, duplicate (a member, or an open invitation), rate_limited (limit "invite", per tenant).';

create function ucrm.renew_invitation(id uuid, out code text, out detail text, out wait bigint)
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    tenant constant uuid := ucrm.tenant_id();
    allowed record;
    before ucrm.invitations;
    after ucrm.invitations;
begin
    perform ucrm.demand('invitations', 'resend');
    perform from ucrm.tenants as t where t.id = tenant for no key update;
    select i.* into before from ucrm.invitations as i where i.tenant_id = tenant and i.id = renew_invitation.id for update;
    if not found then
        code := 'not_found';
        return;
    elsif before.accepted_at is not null or before.cancelled_at is not null then
        code := 'invitation_closed';
        return;
    end if;
    -- Whoever sends it again answers for it from now on.
    perform ucrm.require_role(before.role);
    select l.hits, l.seconds into allowed
    from ucrm.tenants as t, ucrm.rate_limit('invitation_resend', t.plan) as l
    where t.id = tenant;
    wait := ucrm.hit_row('invitation_resend', before.id::text, allowed.hits, allowed.seconds);
    if wait is not null then
        code := 'rate_limited';
        detail := format('an invitation is sent again %s times in %s s; retry after %s s', allowed.hits, allowed.seconds, ceil(wait / 1000.0));
        return;
    end if;
    update ucrm.invitations as i
    set invited_by = ucrm.user_id(),
        api_key_id = case when ucrm.user_id() is null then ucrm.api_key_id() end,
        -- The link of the last mail ends here, not when the next mail leaves.
        digest = null,
        expires_at = clock_timestamp() + interval '7 days'
    where i.tenant_id = tenant and i.id = before.id
    returning i.* into after;
    perform ucrm.record_event(tenant, 'updated', 'invitations', after.id::text, ucrm.invitation_json(before), ucrm.invitation_json(after));
    perform ucrm.mail_invitation(after);
end
$$;
comment on function ucrm.renew_invitation(uuid) is 'ucrm.resend_invitation() for a route: code, detail and wait (milliseconds) instead of the refusals that a caller can mend.';

create function ucrm.resend_invitation(id uuid)
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    said record;
begin
    perform ucrm.demand('invitations', 'resend');
    select * into said from ucrm.renew_invitation(resend_invitation.id);
    if said.code is not null then
        perform ucrm.refuse(said.code, said.detail);
    end if;
end
$$;
comment on function ucrm.resend_invitation(uuid) is
'Sends an open or expired invitation once more, for seven days from now; the older link ends at once, and the sender answers for the role. Refusals: no_context, gates, permission_denied, grant_ceiling, not_found, invitation_closed, validation_failed (the role is gone), rate_limited (limit "invitation_resend", per invitation).';

create function ucrm.cancel_invitation(id uuid)
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    i ucrm.invitations;
begin
    perform ucrm.demand('invitations', 'cancel');
    update ucrm.invitations as x
    set cancelled_at = clock_timestamp(), digest = null
    where x.tenant_id = ucrm.tenant_id() and x.id = cancel_invitation.id and x.accepted_at is null and x.cancelled_at is null
    returning x.* into i;
    if not found then
        perform ucrm.refuse(case
            when exists (select from ucrm.invitations as x where x.tenant_id = ucrm.tenant_id() and x.id = cancel_invitation.id and x.accepted_at is not null)
            then 'invitation_closed' else 'not_found' end);
    end if;
    perform ucrm.record_event(i.tenant_id, 'deleted', 'invitations', i.id::text, ucrm.invitation_json(i), null);
end
$$;
comment on function ucrm.cancel_invitation(uuid) is
'Ends an invitation and its link at once. Refusals: no_context, gates, permission_denied, not_found (also when it is cancelled already), invitation_closed (it was accepted).';

create function ucrm.mint_invitation_token(invitation uuid)
returns text
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    tenant uuid;
    made record;
begin
    select i.tenant_id into tenant
    from ucrm.invitations as i
    where i.id = invitation and i.accepted_at is null and i.cancelled_at is null and i.expires_at > clock_timestamp()
    for update;
    if not found then
        return null;
    end if;
    select m.secret, m.digest into made from ucrm.make_token('invitation', tenant) as m;
    update ucrm.invitations as i
    set digest = made.digest, proves_address = not ucrm.has_own_sender(tenant)
    where i.tenant_id = tenant and i.id = invitation;
    return made.secret;
end
$$;
comment on function ucrm.mint_invitation_token(uuid) is
'A new token for the mail that is about to leave; the one before ends. Null when the invitation was cancelled or accepted, has run out, or is none.';

-- Accepting.
create function ucrm.inviter_grants(i ucrm.invitations)
returns text
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    m ucrm.tenant_memberships;
    k ucrm.api_keys;
begin
    if i.invited_by is not null then
        -- FOR SHARE: whoever demotes or removes him at this moment is waited for, or waits.
        select x.* into m from ucrm.tenant_memberships as x
        where x.tenant_id = i.tenant_id and x.user_id = i.invited_by and x.disabled_at is null
        for share;
        return case when found then ucrm.role_grants(m.tenant_id, m.role) end;
    end if;
    select x.* into k from ucrm.api_keys as x
    where x.tenant_id = i.tenant_id and x.id = i.api_key_id
      and x.revoked_at is null and coalesce(x.expires_at > clock_timestamp(), true);
    return case when found then ucrm.key_grants(k) end;
end
$$;
comment on function ucrm.inviter_grants(ucrm.invitations) is 'What the inviter holds now; null when he is no member any more, is disabled, or the key is over.';

create function ucrm.demand_inviter(i ucrm.invitations)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    held constant text := ucrm.inviter_grants(i);
begin
    if not exists (select from ucrm.builtin_roles as b where b.name = i.role)
        and not exists (select from ucrm.roles as r where r.tenant_id = i.tenant_id and r.name = i.role)
    then
        perform ucrm.refuse('grant_ceiling', format('there is no role "%s" any more', i.role));
    end if;
    if held is null
        or not (ucrm.permissions_cover(held, 'invitations:create') or ucrm.permissions_cover(held, 'invitations:resend'))
        or not ucrm.permissions_cover(held, ucrm.role_grants(i.tenant_id, i.role))
    then
        perform ucrm.refuse('grant_ceiling', 'whoever invited you can no longer give this role');
    end if;
end
$$;
comment on function ucrm.demand_inviter(ucrm.invitations) is 'Raises PT403 grant_ceiling unless the inviter may still invite and holds all that the role grants now.';

create function ucrm.accept_invitation(shown bytea)
returns ucrm.tenant_memberships
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    stored constant bytea := ucrm.stored_digest(shown);
    acceptor ucrm.users;
    i ucrm.invitations;
    after ucrm.invitations;
    m ucrm.tenant_memberships;
begin
    -- A key stands for its owner in one workspace, and an impersonator looks; joining is the person's own act.
    if ucrm.user_id() is null or ucrm.actor_kind() not in ('member', 'person') or ucrm.impersonator_id() is not null then
        perform ucrm.refuse('permission_denied', 'a signed-in person accepts an invitation');
    end if;
    -- An unknown token and somebody else's take the same way and get the same answer.
    select u.* into acceptor from ucrm.users as u where u.id = ucrm.user_id();
    select x.* into i
    from ucrm.invitations as x
    where x.digest = stored and lower(x.email) = lower(acceptor.email)
    limit 1;
    if not found then
        perform ucrm.refuse('invalid_token');
    end if;
    -- First the tenant, as everybody who assigns roles does.
    perform from ucrm.tenants as t where t.id = i.tenant_id for no key update;
    select u.* into acceptor from ucrm.users as u where u.id = ucrm.user_id() for no key update;
    perform ucrm.demand_inviter(i);
    -- Taking the token is using it: of several at once, one finds it.
    update ucrm.invitations as x
    set accepted_at = clock_timestamp(), accepted_by = acceptor.id, digest = null
    where x.tenant_id = i.tenant_id and x.id = i.id and x.digest = stored
      and x.role = i.role and x.invited_by is not distinct from i.invited_by
      and lower(x.email) = lower(acceptor.email)
      and x.accepted_at is null and x.cancelled_at is null and x.expires_at > clock_timestamp()
    returning x.* into after;
    if not found then
        perform ucrm.refuse('invalid_token');
    end if;
    if acceptor.email_verified_at is null then
        -- A tenant's own sender reads the tokens it sends: then the token proves nothing.
        if not after.proves_address then
            perform ucrm.refuse('email_unverified');
        end if;
        update ucrm.users as u set email_verified_at = clock_timestamp() where u.id = acceptor.id;
    end if;
    m := ucrm.join_tenant(after.tenant_id, acceptor.id, after.role);
    if m.user_id is null then
        -- A member already: neither his role changes, nor is he enabled.
        select x.* into m from ucrm.tenant_memberships as x where x.tenant_id = after.tenant_id and x.user_id = acceptor.id;
        if m.disabled_at is not null then
            perform ucrm.refuse('member_disabled');
        end if;
    end if;
    perform ucrm.record_event(after.tenant_id, 'updated', 'invitations', after.id::text, ucrm.invitation_json(i), ucrm.invitation_json(after));
    return m;
end
$$;
comment on function ucrm.accept_invitation(bytea) is
'The person of this context joins the tenant of the invitation whose token''s SHA-256 is shown; returns the membership. Only the account of the invited address can; the address counts as verified when the mail went through the platform''s sender. Once. Refusals: invalid_token (unknown, used, cancelled, over, or another address''s: all alike), grant_ceiling (the inviter holds the role no more, or it is gone), email_unverified, member_disabled, permission_denied (no person).';

grant select on ucrm.tenant_invitations to ucrm_app;
grant execute on function
    ucrm.invite(text, text), ucrm.resend_invitation(uuid), ucrm.cancel_invitation(uuid), ucrm.accept_invitation(bytea)
to ucrm_app;
