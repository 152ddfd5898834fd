-- The context is set by UCRM's own functions, once per transaction, and ends with it.
\ir scene.psql

-- Settings: every one that makes up the context, every way of setting one, every login.
create temporary table parts as select name from pg_settings where short_desc like 'Part of the tenant context%';
grant select on parts to public;
select set_eq('select name from parts', array['app.tenant_id', 'app.user_id', 'app.member_role', 'app.api_key_id', 'app.request_id', 'app.permissions'],
              'the context is made of these settings');
select is((select count(*) from pg_settings where name in (select name from parts) and context <> 'superuser'), 0::bigint, 'an ordinary login sets none of them');

create function pg_temp.forge(who text, by_superuser boolean default false)
returns setof text
language plpgsql
as $$
declare
    w record;
begin
    for w in
        select p.name, v.way, replace(replace(v.statement, '@P', p.name), '@V', quote_literal((select globex from scene))) as statement
        from parts as p, (values
            ('set', 'set @P = @V'), ('set session', 'set session @P = @V'), ('set local', 'set local @P = @V'),
            ('set_config', 'select set_config(''@P'', @V, false)'), ('set_config local', 'select set_config(''@P'', @V, true)'),
            ('an update of pg_settings', 'update pg_settings set setting = @V where name = ''@P'''),
            ('emptying it', 'set local @P = '''''), ('reset', 'reset @P'), ('set to default', 'set @P to default'),
            ('a function''s set clause', 'create function pg_temp.forged() returns void language sql set @P = @V as ''select'''),
            ('alter role', 'alter role current_user set @P = @V'), ('alter role in database', 'alter role current_user in database ucrm set @P = @V'),
            ('alter database', 'alter database ucrm set @P = @V'), ('alter system', 'alter system set @P = @V'),
            ('granting it to oneself', 'grant set on parameter @P to current_user')
        ) as v (way, statement)
    loop
        return next ok(pg_temp.attempt(w.statement) in ('42501', '25001'), format('%s: %s by %s', who, w.name, w.way));
    end loop;
    return next is(ucrm.tenant_id() is distinct from (select globex from scene), true, who || ' is not in the forged tenant');
end
$$;
begin;
create role nobody_in_particular login in role ucrm_reader;
set session authorization :"report";
select pg_temp.forge('a bound login');
set session authorization :"backend";
select pg_temp.forge('a back end');
select ucrm.enter(:'acme');
select pg_temp.forge('a back end that has entered');
select is(ucrm.tenant_id(), :'acme'::uuid, 'and is still where it was');
set session authorization ucrm_gateway;
select pg_temp.forge('the gateway');
set session authorization nobody_in_particular;
select pg_temp.forge('a login that nobody granted anything');
reset session authorization;
rollback;

-- A superuser, and whoever holds SET ON PARAMETER, may set it, for one transaction and nowhere that would last.
begin;
select is(pg_temp.attempt(format('alter role %I set app.tenant_id = %L', :'report', :'globex')), '42501', 'even a superuser gives no login a tenant by ALTER ROLE');
select is(pg_temp.attempt(format('alter database %I set app.tenant_id = %L', current_database(), :'globex')), '42501', 'nor by ALTER DATABASE');
set local app.tenant_id = :'globex';
select is(ucrm.tenant_id(), :'globex'::uuid, 'a superuser''s own SET LOCAL counts');
select is(pg_temp.attempt(format('set local app.tenant_id = %L', :'acme')), '42501', 'once');
select is(pg_temp.attempt(format('select ucrm.enter(%L)', :'acme')), '42501', 'and nobody enters another tenant over it');
select is(ucrm.has_permission('contacts', 'read'), false, 'it grants nothing');
set role ucrm_app;
select is((select count(*) from crm.contacts), 0::bigint, 'and so shows nothing');
select is(pg_temp.attempt('insert into crm.contacts (name) values (''x'')'), 'PT403', 'a tenant without a principal passes no gate');
reset role;
rollback;
begin;
set app.tenant_id = :'globex';
select is(ucrm.tenant_id(), :'globex'::uuid, 'set for the session, it counts in its transaction');
commit;
select is(current_setting('app.tenant_id'), :'globex'::text, 'after it the setting still says so');
select is(ucrm.tenant_id(), null, 'and counts for nothing');
begin;
select is(ucrm.tenant_id(), null, 'in the next transaction too');
set role ucrm_app;
select ucrm.enter(:'acme');
select is(ucrm.tenant_id(), :'acme'::uuid, 'where another tenant can be entered');
reset role;
commit;
reset app.tenant_id;

create role holder login in role ucrm_reader;
grant set on parameter app.tenant_id to holder;
set session authorization holder;
select is(pg_temp.attempt(format('alter role current_user set app.tenant_id = %L', :'globex')), '42501', 'a holder of SET ON PARAMETER does not keep it for his later sessions');
set app.tenant_id = :'globex';
select is(ucrm.tenant_id(), null, 'a holder''s SET ends with its statement');
begin;
set local app.tenant_id = :'globex';
select is(ucrm.tenant_id(), :'globex'::uuid, 'or with its transaction');
select is(pg_temp.attempt(format('set local app.tenant_id = %L', :'acme')), '42501', 'which serves one tenant');
commit;
select is(ucrm.tenant_id(), null, 'and no longer');
reset session authorization;
reset app.tenant_id;
revoke set on parameter app.tenant_id from holder;
drop role holder;

-- Entering.
set session authorization :"backend";
begin;
select is(ucrm.tenant_id(), null, 'nobody is entered at first');
select is(ucrm.actor_kind(), 'database', 'and the actor is the database''s own');
select ucrm.enter(:'acme', :'owner');
select is(array[ucrm.tenant_id(), ucrm.user_id()], array[:'acme', :'owner']::uuid[], 'entered as a member');
select is(array[ucrm.member_role(), ucrm.permissions(), ucrm.actor_kind()], array['owner', '*:*', 'member'], 'with his role and what it grants');
select isnt(ucrm.request_id(), null, 'under a request id of its own');
select lives_ok(format('select ucrm.enter(%L, %L)', :'acme', :'owner'), 'entering the same again changes nothing');
select is(pg_temp.attempt(format('select ucrm.enter(%L)', :'globex')), '42501', 'another tenant is refused');
select is(pg_temp.attempt(format('select ucrm.enter(%L, %L)', :'globex', :'stranger')), '42501', 'with a member of its too');
select is(pg_temp.attempt(format('select ucrm.enter(%L)', :'acme')), '42501', 'the service after a member');
select is(pg_temp.attempt(format('select ucrm.enter(%L, m.user_id) from ucrm.tenant_memberships as m where m.tenant_id = %L and m.role = ''reader''', :'acme', :'acme')), '42501', 'another member');
reset all;
select is(ucrm.tenant_id(), :'acme'::uuid, 'RESET ALL leaves the context');
discard plans;
discard sequences;
select is(ucrm.tenant_id(), :'acme'::uuid, 'and so do DISCARD PLANS and SEQUENCES');
set local role ucrm_app;
select is(ucrm.tenant_id(), :'acme'::uuid, 'SET ROLE leaves it');
reset role;
savepoint s;
release savepoint s;
select is(ucrm.tenant_id(), :'acme'::uuid, 'and RELEASE SAVEPOINT');
commit;
select is(ucrm.tenant_id(), null, 'COMMIT ends it');
select is(current_setting('app.tenant_id'), '', 'the setting is empty afterwards, not null');
select is((select count(*) from crm.contacts), 0::bigint, 'which is no error and no tenant');
begin;
select ucrm.enter(:'globex', :'stranger');
select is(ucrm.tenant_id(), :'globex'::uuid, 'the next transaction serves another tenant');
rollback;
select is(ucrm.tenant_id(), null, 'ROLLBACK ends it too');
reset session authorization;

-- ROLLBACK TO SAVEPOINT, and a block with EXCEPTION, which is one.
set session authorization :"backend";
begin;
savepoint s;
select ucrm.enter(:'acme', :'owner');
rollback to savepoint s;
select is(ucrm.tenant_id(), null, 'rolled back to before it was entered, there is no context');
select is(ucrm.permissions(), null, 'no permission');
select is(ucrm.actor_kind(), 'database', 'no actor');
select is((select count(*) from crm.contacts), 0::bigint, 'no row');
select is(pg_temp.attempt('insert into crm.contacts (name) values (''x'')'), 'PT401', 'no write');
select is(pg_temp.attempt(format('select ucrm.enter(%L)', :'globex')), '42501', 'another tenant is still refused');
select lives_ok(format('select ucrm.enter(%L, %L)', :'acme', :'owner'), 'the same one can be entered again');
select is(ucrm.tenant_id(), :'acme'::uuid, 'and is');
select is((select count(*) from crm.contacts), 3::bigint, 'with its rows');
select lives_ok('insert into crm.contacts (name) values (''x'')', 'and its writes');
rollback;
begin;
do $$
begin
    perform ucrm.enter((select acme from scene));
    raise exception using errcode = 'RB000';
exception when sqlstate 'RB000' then
    null;
end
$$;
select is(ucrm.tenant_id(), null, 'entered inside a block that failed is not entered');
select is(pg_temp.attempt(format('select ucrm.enter(%L)', :'globex')), '42501', 'and holds the transaction to that tenant');
rollback;
begin;
select is(pg_temp.attempt(format('select ucrm.enter(%L)', '01a00000-0000-7000-8000-000000000000')), 'PT403', 'an unknown tenant');
select is(pg_temp.attempt('select ucrm.enter(null)'), 'PT403', 'none at all');
select is(pg_temp.attempt(format('select ucrm.enter(%L, %L)', :'acme', :'stranger')), 'PT403', 'a tenant one is no member of');
select throws_ok(format('select ucrm.enter(%L, %L)', :'acme', '01a00000-0000-7000-8000-000000000000'), 'PT403', 'not_a_member', 'an unknown user');
reset session authorization;
select m.user_id as disabled from ucrm.tenant_memberships as m where m.tenant_id = :'acme' and m.disabled_at is not null limit 1 \gset
set session authorization :"backend";
select throws_ok(format('select ucrm.enter(%L, %L)', :'acme', :'disabled'), 'PT403', 'member_disabled', 'a disabled member');
select ucrm.enter(:'globex');
select is(ucrm.tenant_id(), :'globex'::uuid, 'a refused entry holds the transaction to nothing');
select is(array[ucrm.user_id()::text, ucrm.member_role(), ucrm.actor_kind()], array[null, 'service', 'service'], 'without a user it is the tenant''s service');
rollback;
create temporary table left_behind (tenant uuid);
do $$
begin
    perform ucrm.enter((select acme from scene));
    commit;
    insert into left_behind values (ucrm.tenant_id());
    perform ucrm.enter((select globex from scene));
    insert into left_behind values (ucrm.tenant_id());
end
$$;
select results_eq('select tenant from left_behind', array[null, :'globex']::uuid[], 'COMMIT inside a procedure ends the context');
reset session authorization;

-- Isolation levels.
set session authorization :"backend";
begin isolation level repeatable read;
select ucrm.enter(:'acme');
select is((select count(*) from crm.contacts), 3::bigint, 'REPEATABLE READ');
rollback;
begin isolation level serializable;
select ucrm.enter(:'acme');
select is((select count(*) from crm.contacts), 3::bigint, 'SERIALIZABLE');
rollback;
begin read only;
select ucrm.enter(:'acme');
select is((select count(*) from crm.contacts), 3::bigint, 'READ ONLY');
rollback;
reset session authorization;

-- Who may enter, and who is bound.
begin;
create role nobody_in_particular login in role ucrm_reader;
set session authorization :"report";
select is(array[ucrm.tenant_id()::text, ucrm.user_id()::text, ucrm.member_role(), ucrm.actor_kind()], array[:'acme', null, 'reader', 'login'], 'a bound login needs not enter');
select is(pg_temp.attempt(format('select ucrm.enter(%L)', :'globex')), '42501', 'and enters nowhere');
set session authorization ucrm_gateway;
select is(pg_temp.attempt(format('select ucrm.enter(%L)', :'globex')), '42501', 'nor does the gateway');
set session authorization nobody_in_particular;
select is(pg_temp.attempt(format('select ucrm.enter(%L)', :'globex')), '42501', 'nor somebody');
select is_empty($$
    select r.rolname, p.oid::regprocedure
    from pg_proc as p, unnest(array['nobody_in_particular', 'ucrm_app', 'ucrm_reader', 'ucrm_gateway', 'ucrm_platform']) as r (rolname)
    where p.pronamespace = 'ucrm'::regnamespace and p.proname in ('latch', 'advance', 'hush', 'read_only') and has_function_privilege(r.rolname, p.oid, 'execute')$$,
    'nobody latches a context of his own making');
select is((ucrm.binding()).kind, null, 'nobody is bound who was not bound');
reset session authorization;
grant ucrm_app to :"report";
set session authorization :"report";
select is(pg_temp.attempt(format('select ucrm.enter(%L)', :'globex')), '42501', 'a bound login enters nowhere, whatever it is granted');
select is(pg_temp.attempt(format('select ucrm.enter(%L)', :'acme')), '42501', 'not even where it is bound');
reset session authorization;
rollback;

-- Startup options: the connection is refused, a superuser's too.
\setenv PGHOST :HOST
\setenv PGPORT :PORT
\setenv PGUSER :USER
\setenv PGDATABASE :DBNAME
\setenv PGOPTIONS '-c app.tenant_id=01a00000-0000-7000-8000-000000000000'
\set said `psql -XAtq -c 'select ucrm.tenant_id()' 2>&1`
select alike(:'said'::text, '%FATAL:%the context is set inside a transaction%', 'a startup option sets no tenant');

select '1..' || currval('__tresults___numb_seq');
