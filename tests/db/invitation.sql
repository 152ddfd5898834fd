-- Invitations: one address, one role, once, for seven days; what is stored opens nothing; nobody invites beyond himself,
-- neither when he invites nor when it is accepted.
\ir scene.psql

create temporary table mails (n integer generated always as identity, kind text, recipient text, "user" uuid, tenant uuid, data jsonb);
grant all on mails to public;
-- Mails are looked at here, whatever sends them.
create function pg_temp.watch_mail() returns void language plpgsql as $$
begin
    execute $sql$
        create or replace function ucrm.queue_mail(kind text, recipient text, "user" uuid default null, tenant uuid default null, data jsonb default '{}')
        returns uuid language plpgsql set search_path = pg_catalog, pg_temp as
        'begin insert into pg_temp.mails (kind, recipient, "user", tenant, data) values (kind, recipient, "user", tenant, data); return ucrm.uuid7(); end'
    $sql$;
end
$$;
create function pg_temp.told(statement text) returns text language plpgsql as $$
declare
    answer text;
begin
    execute statement into answer;
    return coalesce(nullif(answer, ''), 'done');
exception when others then
    return sqlstate || ' ' || sqlerrm;
end
$$;

-- Inviting.
begin;
select pg_temp.watch_mail();
insert into ucrm.users (email) values ('known@elsewhere.example');
set session authorization :"backend";
select ucrm.enter(:'acme', :'owner');
select ucrm.invite('New.Person@elsewhere.example', 'agent') as invited \gset
reset session authorization;
select results_eq(format('select email, role, invited_by::text, api_key_id, digest, accepted_at, cancelled_at from ucrm.invitations where id = %L', :'invited'),
    format('values (''New.Person@elsewhere.example'', ''agent'', %L, null::uuid, null::bytea, null::timestamptz, null::timestamptz)', :'owner'), 'an invitation has an address, a role and an inviter, and no token yet');
select ok(expires_at between clock_timestamp() + interval '6 days 23 hours' and clock_timestamp() + interval '7 days', 'it runs for seven days') from ucrm.invitations where id = :'invited';
select results_eq('select kind, recipient, "user", tenant::text, data ->> ''invitation_id'' from mails',
    format('values (''invitation'', ''New.Person@elsewhere.example'', null::uuid, %L, %L)', :'acme', :'invited'), 'one mail is queued, for the address and for no account');
select is((select count(*) from ucrm.audit_logs as l where l.resource = 'invitations' and l.record_id = :'invited' and l.action = 'create' and not l.after ? 'digest'), 1::bigint, 'it is audited');
select is((select count(*) from ucrm.events as e where e.type = 'invitations.created' and e.record_id = :'invited'), 1::bigint, 'and told to whoever listens');
set session authorization :"backend";
select ucrm.invite('known@elsewhere.example', 'agent') as known \gset
select ucrm.invite('unknown@elsewhere.example', 'agent') as unknown \gset
reset session authorization;
select is(count(distinct (m.kind, m."user", m.tenant, m.data - 'invitation_id')), 1::bigint, 'whether the address has an account changes nothing in the mail') from mails as m where m.n > 1;
select is(count(distinct to_jsonb(i) - array['id', 'email', 'created_at', 'expires_at']), 1::bigint, 'nor in the row') from ucrm.invitations as i where i.id in (:'known', :'unknown');
set session authorization :"backend";
select is(pg_temp.told(statement), want, statement)
from (values
    ('select ucrm.invite(''KNOWN@elsewhere.example'', ''reader'')', 'PT409 duplicate'),
    ('select ucrm.invite(''Alan@ACME.example'', ''agent'')', 'PT409 duplicate'),
    ('select ucrm.invite(''dora@acme.example'', ''agent'')', 'PT409 duplicate'),
    ('select ucrm.invite(''x@mailinator.com'', ''agent'')', 'PT400 disposable_email'),
    ('select ucrm.invite(''x@MAILINATOR.com'', ''agent'')', 'PT400 disposable_email'),
    ('select ucrm.invite(''nobody'', ''agent'')', 'PT422 validation_failed'), ('select ucrm.invite(null, ''agent'')', 'PT422 validation_failed'),
    ('select ucrm.invite(''a b@c.example'', ''agent'')', 'PT422 validation_failed'), ('select ucrm.invite(repeat(''x'', 250) || ''@c.example'', ''agent'')', 'PT422 validation_failed'),
    ('select ucrm.invite(''x@c.example'', ''king'')', 'PT422 validation_failed'), ('select ucrm.invite(''x@c.example'', null)', 'PT422 validation_failed'),
    (format('select ucrm.cancel_invitation(%L)', :'known'), 'done'),
    (format('select ucrm.cancel_invitation(%L)', :'known'), 'PT404 not_found'),
    (format('select ucrm.resend_invitation(%L)', :'known'), 'PT409 invitation_closed')
) as v (statement, want);
select isnt(ucrm.invite('known@elsewhere.example', 'reader'), null, 'a cancelled invitation makes room for another');
reset session authorization;
update ucrm.invitations set expires_at = clock_timestamp() where id = :'unknown';
set session authorization :"backend";
select is((select status from ucrm.tenant_invitations where id = :'unknown'), 'expired', 'an invitation ends by the clock');
select isnt(ucrm.invite('unknown@elsewhere.example', 'reader'), null, 'and one that has run out makes room too');
select results_eq('select status, count(*) from ucrm.tenant_invitations group by 1 order by 1', $$values ('cancelled', 2::bigint), ('pending', 3)$$, 'members see what became of each');
select throws_ok('select digest from ucrm.invitations', '42501', null, 'and no digest');
reset session authorization;
rollback;

-- Who may.
begin;
select m.user_id as agent from ucrm.tenant_memberships as m join ucrm.users as u on u.id = m.user_id where m.tenant_id = :'acme' and u.email like 'alan@%' \gset
set session authorization :"backend";
select ucrm.enter(:'acme', :'agent');
select is((select count(*) from ucrm.tenant_invitations), 0::bigint, 'an agent reads no invitation');
reset session authorization;
rollback;
begin;
set session authorization :"backend";
select ucrm.enter(:'acme');
select is(pg_temp.told('select ucrm.invite(''x@y.example'', ''reader'')'), 'PT403 permission_denied', 'the service of a tenant invites nobody');
reset session authorization;
rollback;

-- Windows.
begin;
delete from ucrm.row_windows where name in ('invite', 'invitation_resend');
insert into ucrm.rate_limits (name, plan, hits, seconds) values ('invite', 'scale', 2, 86400), ('invitation_resend', 'scale', 2, 86400);
set session authorization :"backend";
select ucrm.enter(:'acme', :'owner');
select ucrm.invite('one@elsewhere.example', 'agent') as one \gset
select is(pg_temp.told('select ucrm.cancel_invitation(''' || :'one' || ''')'), 'done', 'cancelling gives no invitation back');
select isnt(ucrm.invite('two@elsewhere.example', 'agent') , null, 'as many as the limit says');
select is(pg_temp.told('select ucrm.invite(''three@elsewhere.example'', ''agent'')'), 'PT429 rate_limited', 'and no more');
select id as two from ucrm.tenant_invitations where email like 'two@%' \gset
select is(pg_temp.told('select ucrm.resend_invitation(''' || :'two' || ''')'), 'done', 'sent again ' || n) from generate_series(1, 2) as n;
select is(pg_temp.told('select ucrm.resend_invitation(''' || :'two' || ''')'), 'PT429 rate_limited', 'and no more, for one invitation');
reset session authorization;
select is((select hits from ucrm.rate_limit('invite', 'free')), 200, 'a tenant invites 200 a day where nothing else is said');
select is((select hits from ucrm.rate_limit('invitation_resend', 'free')), 10, 'and sends each 10 times');
rollback;

-- Tokens.
create function pg_temp.invited(address text, role text, inviter uuid default null) returns uuid language sql as $$
    insert into ucrm.invitations (tenant_id, email, role, invited_by)
    select s.acme, address, invited.role, coalesce(inviter, s.owner) from scene as s
    returning id
$$;
begin;
select pg_temp.invited('one@elsewhere.example', 'agent') as one \gset
create temporary table minted on commit drop as select n, ucrm.mint_invitation_token(:'one') as token from generate_series(1, 2) as n;
select matches(token, '^ucrm_invitation_[0-9a-z]+_[A-Za-z0-9_-]{43,}$', 'a token has its shape') from minted;
select is((select digest from ucrm.invitations where id = :'one'), sha256(sha256(convert_to(m.token, 'UTF8'))), 'what is stored is the digest of what the gateway shows, of the latest token') from minted as m where m.n = 2;
select isnt((select digest from ucrm.invitations where id = :'one'), sha256(sha256(convert_to(m.token, 'UTF8'))), 'and the one before has ended') from minted as m where m.n = 1;
select is(ucrm.mint_invitation_token(ucrm.uuid7()), null, 'no token for an invitation that is none');
select pg_temp.invited(what || '@elsewhere.example', 'agent') from unnest(array['cancelled', 'accepted', 'over']) as what \g /dev/null
update ucrm.invitations set cancelled_at = now() where email = 'cancelled@elsewhere.example';
update ucrm.invitations set accepted_at = now() where email = 'accepted@elsewhere.example';
update ucrm.invitations set expires_at = clock_timestamp() where email = 'over@elsewhere.example';
select is(ucrm.mint_invitation_token(i.id), null, 'nor for one that is ' || split_part(i.email, '@', 1)) from ucrm.invitations as i where i.email not like 'one@%' and i.email like '%@elsewhere.example';
rollback;
begin;
select pg_temp.invited('one@elsewhere.example', 'agent') as one \gset
select isnt(ucrm.mint_invitation_token(:'one'), null, 'a mail leaves');
set session authorization :"backend";
select ucrm.enter(:'acme', :'owner');
select ucrm.resend_invitation(:'one');
reset session authorization;
select is((select digest from ucrm.invitations where id = :'one'), null, 'when it is sent again, the older link ends before the next mail leaves');
rollback;

-- Accepting. One newcomer, and what came of his token after something was done; each is taken back.
create function pg_temp.outcome(prepare text default '', address text default 'newcomer@elsewhere.example', role text default 'agent', inviter uuid default null, show text default 'token')
returns text language plpgsql as $$
declare
    s scene;
    newcomer constant uuid := (select u.id from ucrm.users as u where u.email = 'newcomer@elsewhere.example');
    invitation uuid;
    token text;
    m ucrm.tenant_memberships;
    said text;
begin
    select * into s from scene;
    invitation := pg_temp.invited(address, role, inviter);
    token := ucrm.mint_invitation_token(invitation);
    if prepare <> '' then
        execute replace(replace(prepare, '@INVITATION', quote_literal(invitation)), '@NEWCOMER', quote_literal(newcomer));
    end if;
    begin
        m := ucrm.accept_invitation(case show when 'token' then sha256(convert_to(token, 'UTF8')) when 'stored' then (select i.digest from ucrm.invitations as i where i.id = invitation) else sha256('nobody''s') end);
        said := concat_ws(' ', m.role, case when m.disabled_at is not null then 'disabled' end,
            (select i.status from ucrm.tenant_invitations as i where i.id = invitation),
            case when (select u.email_verified_at from ucrm.users as u where u.id = newcomer) is not null then 'verified' end,
            case when m.tenant_id = s.acme and m.user_id = newcomer then 'joined' end);
    exception when others then
        said := sqlstate || ' ' || sqlerrm;
    end;
    raise exception using errcode = 'RB000', message = said;
exception when sqlstate 'RB000' then
    return sqlerrm;
end
$$;
create function pg_temp.sign_in(person text) returns void language sql as $$
    select ucrm.latch(jsonb_populate_record(null::ucrm.principal, jsonb_build_object('kind', 'member', 'user_id', u.id, 'platform_admin', false)), ucrm.uuid7(), null)
    from ucrm.users as u where u.email = person
$$;
begin;
insert into ucrm.users (email) values ('newcomer@elsewhere.example'), ('other@elsewhere.example');
insert into ucrm.users (email, email_verified_at) values ('admin@acme.example', now()) returning id as admin \gset
insert into ucrm.tenant_memberships (tenant_id, user_id, role) values (:'acme', :'admin', 'admin');
insert into ucrm.roles (tenant_id, name) values (:'acme', 'clerk'), (:'acme', 'empty');
insert into ucrm.role_permissions (tenant_id, role, resource, action) values (:'acme', 'clerk', 'contacts', 'read');
select k.id as service_key from ucrm.issue_api_key(:'acme', null, 'inviting', 'entity:*,members:autocomplete,invitations:*') as k \gset
select pg_temp.sign_in('newcomer@elsewhere.example');
select is(pg_temp.outcome(), 'agent accepted verified joined', 'the person of the address joins in the role he was invited to, and his address is proved');
select is(pg_temp.outcome(address => 'NewComer@Elsewhere.example'), 'agent accepted verified joined', 'upper case is the same address');
select is(pg_temp.outcome(show => 'stored'), 'PT400 invalid_token', 'what is stored opens nothing');
select is(pg_temp.outcome(show => 'nothing'), 'PT400 invalid_token', 'nor does an unknown token');
select is(pg_temp.outcome(address => 'other@elsewhere.example'), 'PT400 invalid_token', 'nor somebody else''s, in the same words');
select is(pg_temp.outcome('update ucrm.invitations set expires_at = clock_timestamp() where id = @INVITATION'), 'PT400 invalid_token', 'nor one that has run out');
select is(pg_temp.outcome('update ucrm.invitations set cancelled_at = now(), digest = null where id = @INVITATION'), 'PT400 invalid_token', 'nor one that was cancelled');
select is(pg_temp.outcome('select ucrm.mint_invitation_token(@INVITATION)'), 'PT400 invalid_token', 'nor one that a later mail replaced');
select is(pg_temp.outcome('update ucrm.users set email = ''moved@elsewhere.example'' where id = @NEWCOMER'), 'PT400 invalid_token', 'nor one whose address the account has left');
-- The inviter.
select is(pg_temp.outcome(inviter => :'admin'), 'agent accepted verified joined', 'an admin invites an agent');
select is(pg_temp.outcome(inviter => :'admin', role => 'owner'), 'PT403 grant_ceiling', 'an admin gives no ownership, whatever the row says');
select is(pg_temp.outcome(format('update ucrm.tenant_memberships set role = ''agent'' where user_id = %L', :'admin'), inviter => :'admin'), 'PT403 grant_ceiling', 'an inviter who may no longer invite gives nothing');
select is(pg_temp.outcome(format('update ucrm.tenant_memberships set disabled_at = now() where user_id = %L', :'admin'), inviter => :'admin'), 'PT403 grant_ceiling', 'nor one who is disabled');
select is(pg_temp.outcome(format('delete from ucrm.tenant_memberships where user_id = %L', :'admin'), inviter => :'admin'), 'PT403 grant_ceiling', 'nor one who has left');
select is(pg_temp.outcome(format('delete from ucrm.tenant_memberships where user_id = %L', :'admin'), inviter => :'admin', role => 'empty'), 'PT403 grant_ceiling', 'not even a role that grants nothing');
select is(pg_temp.outcome(format('delete from ucrm.users where id = %L', :'admin'), inviter => :'admin'), 'PT403 grant_ceiling', 'nor one whose account is gone');
select is(pg_temp.outcome('insert into ucrm.role_permissions (tenant_id, role, resource, action) select acme, ''clerk'', ''billing'', ''read'' from scene', inviter => :'admin', role => 'clerk'), 'PT403 grant_ceiling',
    'a role that has grown beyond the inviter since is not given');
select is(pg_temp.outcome('insert into ucrm.role_permissions (tenant_id, role, resource, action) select acme, ''clerk'', ''billing'', ''read'' from scene', role => 'clerk'), 'clerk accepted verified joined', 'but by an owner it is');
select is(pg_temp.outcome('delete from ucrm.roles where name = ''clerk''', role => 'clerk'), 'PT403 grant_ceiling', 'a role that is gone is not given');
select is(pg_temp.outcome(format('update ucrm.invitations set invited_by = null, api_key_id = %L where id = @INVITATION', :'service_key')), 'agent accepted verified joined', 'a service key invites within its scopes');
select is(pg_temp.outcome(format('update ucrm.invitations set invited_by = null, api_key_id = %L where id = @INVITATION', :'service_key'), role => 'admin'), 'PT403 grant_ceiling', 'and not beyond them');
select is(pg_temp.outcome(format('update ucrm.invitations set invited_by = null, api_key_id = %L where id = @INVITATION; update ucrm.api_keys set %s where id = %L', :'service_key', what, :'service_key')), 'PT403 grant_ceiling', 'nor when it is over: ' || what)
from unnest(array['revoked_at = now()', 'expires_at = clock_timestamp()', 'scopes = ''entity:*''']) as what;
select is(pg_temp.outcome('update ucrm.invitations set invited_by = null where id = @INVITATION'), 'PT403 grant_ceiling', 'an invitation of nobody''s gives nothing');
-- The acceptor.
select is(pg_temp.outcome('insert into ucrm.tenant_memberships (tenant_id, user_id, role, disabled_at) select acme, @NEWCOMER, ''reader'', now() from scene'), 'PT403 member_disabled', 'a disabled member stays disabled');
select is(pg_temp.outcome('insert into ucrm.tenant_memberships (tenant_id, user_id, role) select acme, @NEWCOMER, ''reader'' from scene'), 'reader accepted verified joined', 'a member already keeps his role');
select is(pg_temp.outcome('insert into ucrm.tenant_memberships (tenant_id, user_id, role) select acme, @NEWCOMER, ''reader'' from scene', role => 'owner'), 'reader accepted verified joined', 'and does not rise by an invitation');
-- A tenant that sends its own mail reads its tokens: then they prove no address.
create or replace function ucrm.has_own_sender(tenant uuid) returns boolean language plpgsql stable set search_path = pg_catalog, pg_temp as 'begin return true; end';
select is(pg_temp.outcome(), 'PT403 email_unverified', 'a token that the tenant itself sent proves no address');
select is(pg_temp.outcome('update ucrm.users set email_verified_at = now() where id = @NEWCOMER'), 'agent accepted verified joined', 'but who has proved it already joins');
rollback;

-- Once, and what it leaves behind.
begin;
insert into ucrm.users (email) values ('newcomer@elsewhere.example') returning id as newcomer \gset
select pg_temp.invited('newcomer@elsewhere.example', 'agent') as invitation \gset
select ucrm.mint_invitation_token(:'invitation') as token \gset
insert into ucrm.api_keys (tenant_id, user_id, prefix, digest) values (:'acme', :'newcomer', 'of before', sha256('of before'));
select pg_temp.sign_in('newcomer@elsewhere.example');
select is((ucrm.accept_invitation(sha256(:'token'))).role, 'agent', 'a token is used');
select is((select count(*) from ucrm.api_keys where user_id = :'newcomer'), 0::bigint, 'who comes back has no key of before');
select is(pg_temp.told(format('select ucrm.accept_invitation(sha256(%L))', :'token')), 'PT400 invalid_token', 'once');
select is(ucrm.mint_invitation_token(:'invitation'), null, 'and no other is made');
select results_eq(format('select digest, accepted_by::text from ucrm.invitations where id = %L', :'invitation'), format('values (null::bytea, %L)', :'newcomer'), 'the row says who, and keeps no digest');
select results_eq(format('select resource, action, user_id::text from ucrm.audit_logs where tenant_id = %L and user_id = %L order by id', :'acme', :'newcomer'),
    format($$values ('members', 'create', %1$L), ('invitations', 'update', %1$L)$$, :'newcomer'), 'the tenant''s audit says who joined, and by which invitation');
select is_empty(format('select from ucrm.audit_logs as l where strpos(l::text, %L) > 0', :'token'), 'the token is in no audit row');
select set_eq(format('select e.type from ucrm.events as e where e.tenant_id = %L and e.data ->> ''email'' = ''newcomer@elsewhere.example'' or e.type = ''members.created'' and e.record_id = %L', :'acme', :'newcomer'),
    array['members.created', 'invitations.updated'], 'the outbox tells both');
rollback;
begin;
insert into ucrm.users (email) values ('newcomer@elsewhere.example') returning id as newcomer \gset
select pg_temp.invited('newcomer@elsewhere.example', 'agent') as invitation \gset
select ucrm.mint_invitation_token(:'invitation') as token \gset
select is(pg_temp.told(format('select ucrm.accept_invitation(sha256(%L))', :'token')), 'PT403 permission_denied', 'nobody accepts nothing');
select ucrm.latch(jsonb_populate_record(null::ucrm.principal, jsonb_build_object('kind', 'key', 'user_id', :'newcomer', 'platform_admin', false)), ucrm.uuid7(), null);
select is(pg_temp.told(format('select ucrm.accept_invitation(sha256(%L))', :'token')), 'PT403 permission_denied', 'a key joins no workspace for its owner');
rollback;
begin;
select pg_temp.invited('gina@globex.example', 'agent') as invitation \gset
select ucrm.mint_invitation_token(:'invitation') as token \gset
set session authorization :"backend";
select ucrm.enter(:'globex', :'stranger');
select is((ucrm.accept_invitation(sha256(:'token'))).tenant_id::text, :'acme', 'a back end accepts for the member it entered as, who stays where he is');
select is((select count(*) from ucrm.tenant_memberships where tenant_id = :'acme'), 0::bigint, 'and sees nothing of where he joined');
reset session authorization;
rollback;

select '1..' || currval('__tresults___numb_seq');
