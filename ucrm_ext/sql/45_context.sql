-- The context: which tenant, which member, which permissions this transaction acts with. It is set once per transaction,
-- by UCRM's own functions only, for a credential that the database verified, and it ends with the transaction.
create function ucrm.tenant_id()
returns uuid
language c
stable
parallel safe
as 'MODULE_PATHNAME', 'ucrm_tenant_id';
comment on function ucrm.tenant_id() is
'The tenant this transaction has entered, or the one this login is bound to; else null, and then no row is visible.';

create function ucrm.user_id()
returns uuid
language c
stable
parallel safe
as 'MODULE_PATHNAME', 'ucrm_user_id';
comment on function ucrm.user_id() is 'The member who acts; null for a service key, a service context and a bound login.';

create function ucrm.member_role()
returns text
language c
stable
parallel safe
as 'MODULE_PATHNAME', 'ucrm_member_role';
comment on function ucrm.member_role() is 'The role that acts: a built-in one, one of the tenant''s own, or "service".';

create function ucrm.api_key_id()
returns uuid
language c
stable
parallel safe
as 'MODULE_PATHNAME', 'ucrm_api_key_id';
comment on function ucrm.api_key_id() is 'The API key this request came with, else null.';

create function ucrm.session_id()
returns uuid
language c
stable
parallel restricted
as 'MODULE_PATHNAME', 'ucrm_session_id';
comment on function ucrm.session_id() is 'The session of the person who acts; null for keys, services, bound logins and back ends.';

create function ucrm.fresh_until()
returns timestamptz
language c
stable
parallel restricted
as 'MODULE_PATHNAME', 'ucrm_fresh_until';
comment on function ucrm.fresh_until() is 'Of who came with another issuer''s token: ten minutes after he signed in there, -infinity where the token does not say. Of a session: what it was when it was looked up. Null for everybody else.';

create function ucrm.impersonator_id()
returns uuid
language c
stable
parallel restricted
as 'MODULE_PATHNAME', 'ucrm_impersonator_id';
comment on function ucrm.impersonator_id() is 'The platform admin who looks through the member''s eyes, else null.';

create function ucrm.request_id()
returns uuid
language c
stable
parallel safe
as 'MODULE_PATHNAME', 'ucrm_request_id';
comment on function ucrm.request_id() is 'The request this transaction serves: the gateway''s id, or one made by ucrm.enter(); of a transaction without a context, one of its own.';

create function ucrm.own_request()
returns uuid
language c
stable
parallel restricted
as 'MODULE_PATHNAME', 'ucrm_own_request';
comment on function ucrm.own_request() is 'The id of its own that this transaction had before it entered a context; null when it had none.';

create function ucrm.permissions()
returns text
language c
stable
parallel safe
as 'MODULE_PATHNAME', 'ucrm_permissions';
comment on function ucrm.permissions() is 'The permission text that this context carries: role ∩ key scopes, read once when it was entered.';

create function ucrm.api_key_prefix()
returns text
language c
stable
parallel restricted
as 'MODULE_PATHNAME', 'ucrm_api_key_prefix';
comment on function ucrm.api_key_prefix() is 'Display prefix of the API key this request came with, else null.';

create function ucrm.actor_kind()
returns text
language c
stable
parallel restricted
as 'MODULE_PATHNAME', 'ucrm_actor_kind';
comment on function ucrm.actor_kind() is
'Who acts: key, service, member (signed in, or entered by a back end), login (bound), person (signed in, about his own account), platform, internal, public (without a credential); "database" without a context.';

create function ucrm.client_address()
returns inet
language c
stable
parallel restricted
as 'MODULE_PATHNAME', 'ucrm_client_address';
comment on function ucrm.client_address() is 'Address of the HTTP client, else of the database client, else null.';

create function ucrm.latch(p ucrm.principal, request uuid, address inet)
returns boolean
language c
volatile
as 'MODULE_PATHNAME', 'ucrm_latch';
comment on function ucrm.latch(ucrm.principal, uuid, inet) is
'Sets the context of this transaction. Once only: another principal in the same transaction is refused, 42501, also after ROLLBACK TO SAVEPOINT. Returns true.';

create function ucrm.read_only()
returns boolean
language c
volatile
as 'MODULE_PATHNAME', 'ucrm_read_only';
comment on function ucrm.read_only() is 'From here the transaction writes nothing. Returns true.';

create function ucrm.enter(tenant uuid, "user" uuid default null)
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    p ucrm.principal;
begin
    if exists (select from ucrm.logins as l where l.login = session_user) then
        raise exception 'login "%" is bound to one tenant and enters none', session_user
            using errcode = 'insufficient_privilege', hint = 'Use a login that ucrm.trust_backend() was called for.';
    end if;
    p := ucrm.principal_of(case when "user" is null then 'service' else 'member' end, tenant, "user");
    if p.tenant_id is null or not p.member then
        perform ucrm.refuse('not_a_member');
    end if;
    if p.disabled then
        perform ucrm.refuse('member_disabled');
    end if;
    perform ucrm.latch(p, ucrm.uuid7(), inet_client_addr());
end
$$;
comment on function ucrm.enter(uuid, uuid) is
'Enters a tenant as one of its members, or without a user as the tenant''s service, until the transaction ends. Once per transaction; another one is refused with 42501. Refusals: not_a_member, member_disabled. For logins of ucrm.trust_backend().';

grant execute on function ucrm.latch(ucrm.principal, uuid, inet), ucrm.read_only() to ucrm_owner, ucrm_handler;
grant execute on function ucrm.fresh_until() to ucrm_owner;
grant execute on function ucrm.enter(uuid, uuid) to ucrm_app;
grant execute on function ucrm.own_request() to ucrm_app, ucrm_reader, ucrm_platform;
