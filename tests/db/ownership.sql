-- What is not yours you do not alter, shadow, or run as somebody else.
\ir scene.psql

create temporary table attacks (name text, statement text);
grant select on attacks to public;
insert into attacks
select format('%s: %s', p.oid::regprocedure, v.name), format(v.statement, p.oid::regprocedure)
from pg_proc as p, (values
    ('its search_path', 'alter function %s set search_path = public'), ('whom it runs as', 'alter function %s security invoker'), ('its owner', 'alter function %s owner to current_user'),
    ('its name', 'alter function %s rename to mine'), ('who may execute it', 'revoke execute on function %s from public cascade'), ('whether it is there', 'drop function %s cascade'),
    ('its cost', 'alter function %s cost 1000000')
) as v (name, statement)
where p.pronamespace = 'ucrm'::regnamespace and v.name <> 'who may execute it';
insert into attacks
select format('%s: %s', t.name, v.name), replace(v.statement, '@T', t.name)
from tables as t, (values
    ('truncate', 'truncate @T'), ('trigger', 'create trigger mine before insert on @T for each row execute function suppress_redundant_updates_trigger()'),
    ('row security', 'alter table @T disable row level security'), ('no force', 'alter table @T no force row level security'),
    ('policy', 'create policy mine on @T using (true)'), ('rule', 'create rule mine as on insert to @T do instead nothing'),
    ('owner', 'alter table @T owner to current_user'), ('index', 'create index on @T ((true))'), ('column', 'alter table @T add column mine text'),
    ('triggers off', 'alter table @T disable trigger all'), ('drop', 'drop table @T cascade'), ('comment', 'comment on table @T is ''mine'''),
    ('inheritance', 'create temporary table mine () inherits (@T)'), ('cluster', 'alter table @T replica identity full')
) as v (name, statement)
where t.relkind = 'r';
insert into attacks
select format('%s in schema %s', v.name, s.name), replace(v.statement, '@S', s.name)
from (select 'ucrm' union select distinct table_schema from ucrm.resources where table_schema is not null) as s (name), (values
    ('a table', 'create table @S.mine (x integer)'), ('a function', 'create function @S.mine() returns integer language sql as ''select 1'''),
    ('an overloaded function', 'create function @S.tenant_id(x integer) returns uuid language sql as ''select null::uuid'''),
    ('an operator', 'create operator @S.= (function = texteq, leftarg = text, rightarg = text)'), ('a type', 'create type @S.mine as (x integer)'),
    ('a view', 'create view @S.mine as select 1'), ('another owner', 'alter schema @S owner to current_user'), ('its end', 'drop schema @S cascade')
) as v (name, statement);
insert into attacks values
('role ucrm_owner', 'set role ucrm_owner'), ('role ucrm_tables', 'set role ucrm_tables'), ('role ucrm_handler', 'set role ucrm_handler'),
('role ucrm_mover', 'set role ucrm_mover'), ('role ucrm_platform', 'set role ucrm_platform'), ('role ucrm_gateway', 'set role ucrm_gateway'), ('a superuser''s role', 'set role postgres'),
('membership', 'grant ucrm_platform to current_user'), ('a role of one''s own', 'create role mine'), ('an attribute', 'alter role current_user bypassrls'),
('an event trigger', 'create event trigger mine on ddl_command_end execute function ucrm.on_ddl()'), ('the extension', 'drop extension ucrm cascade'),
('the extension''s update', 'alter extension ucrm drop function ucrm.tenant_id()'), ('replication role', 'set session_replication_role = replica'),
('row security off', 'set local row_security = off; select count(*) from crm.contacts'), ('a publication', 'create publication mine for all tables'),
('the server''s files', 'copy (select 1) to ''/tmp/mine'''), ('a program', 'copy (select 1) to program ''true'''), ('a language', 'create language plperlu'), ('a C function', 'create function pg_temp.mine() returns uuid language c as ''$libdir/ucrm'', ''ucrm_tenant_id''');

create function pg_temp.successes() returns setof text language sql as $$
    select a.name || ' → ' || x.got
    from attacks as a, lateral (select pg_temp.attempt(a.statement) as got) as x
    where x.got not in ('42501', '2BP01', '42809', '0A000', '42704') or x.got = '42704' and a.name <> 'a language'
$$;
begin;
create role member_of_platform login in role ucrm_platform;
grant usage on schema crm to member_of_platform;
set session authorization :"report";
select is_empty('select * from pg_temp.successes()', 'a bound login alters nothing');
select is((select count(*) from crm.contacts), 3::bigint, 'it reads its tenant');
set role ucrm_reader;
select is((select count(*) from crm.contacts), 3::bigint, 'and no other by SET ROLE');
reset role;
set session authorization :"backend";
select is_empty('select * from pg_temp.successes()', 'a back end alters nothing');
reset session authorization;
delete from attacks where name = 'role ucrm_gateway';
set session authorization ucrm_gateway;
select is_empty('select * from pg_temp.successes()', 'the gateway alters nothing');
set session authorization member_of_platform;
reset session authorization;
delete from attacks where name = 'role ucrm_platform' or name = 'row security off';
set session authorization member_of_platform;
select is_empty('select * from pg_temp.successes()', 'a member of the platform''s role alters nothing');
reset session authorization;
rollback;

-- Shadowing: what a login puts into its temporary schema, in front of everything, is not what the house uses.
begin;
set session authorization :"backend";
set local search_path = pg_temp, crm, ucrm, pg_catalog, tap, public;
create temporary table tenants as select s.globex as id, 'globex'::text as slug, 'approved'::text as status from scene as s;
create temporary table logins (login name, tenant_id uuid, role text);
create temporary table tenant_memberships as select s.globex as tenant_id, s.owner as user_id, 'owner'::text as role, null::timestamptz as disabled_at from scene as s;
create temporary table gates (name text, position integer, applies text, resource text, check_fn text, code text, skips_ungated boolean);
create temporary table refusals (code text, status integer, title text, hint text);
create temporary table api_keys (x integer);
create temporary table new_rows (tenant_id uuid, id uuid, name text);
create temporary table old_rows (tenant_id uuid, id uuid, name text);
create temporary table contacts (tenant_id uuid, id uuid, name text);
create function pg_temp.tenant_id() returns uuid language sql as 'select globex from scene';
create function pg_temp.has_permission(text, text) returns boolean language sql as 'select true';
create function pg_temp.row_security_active(regclass) returns boolean language sql as 'select false';
create function pg_temp.sha256(bytea) returns bytea language sql as 'select ''''::bytea';
create function pg_temp.clock_timestamp() returns timestamptz language sql as 'select now() - interval ''100 years''';
create function pg_temp.uuid_is(uuid, uuid) returns boolean language sql as 'select true';
create operator pg_temp.= (function = pg_temp.uuid_is, leftarg = uuid, rightarg = uuid);
select is(pg_temp.attempt(format('select ucrm.enter(%L, %L)', :'globex', :'owner')), 'PT403', 'a membership of one''s own making admits nobody');
select ucrm.enter(:'acme', :'owner');
select is((select array_agg(distinct c.tenant_id::text) from crm.contacts as c), array[:'acme'], 'the policies ask the house''s functions and operators');
select lives_ok('insert into crm.contacts (name) values (''shadow'')', 'a write finds the house''s tables');
select is((select count(*) from ucrm.audit_logs as l where l.after ->> 'name' = 'shadow'), 1::bigint, 'and is audited');
select is((select l.tenant_id::text from ucrm.audit_logs as l where l.after ->> 'name' = 'shadow'), :'acme', 'under the tenant it belongs to');
select lives_ok($$update crm.contacts set name = 'shadow of a shadow' where name = 'shadow'$$, 'a change too');
select is((select count(*) from ucrm.audit_logs as l where l.after ->> 'name' = 'shadow of a shadow'), 1::bigint, 'and is audited');
select is((select count(*) from pg_temp.new_rows) + (select count(*) from pg_temp.contacts), 0::bigint, 'nothing went astray');
select is((select count(*) from ucrm.members where email like '%globex%'), 0::bigint, 'members are the tenant''s own');
reset session authorization;
rollback;
begin;
set session authorization :"backend";
set local search_path = pg_temp, crm, ucrm, pg_catalog, tap, public;
create function pg_temp.gate(text, text) returns text language sql as 'select null::text';
create function pg_temp.demand(text, text) returns void language sql as 'select';
create temporary table gates (name text, position integer);
reset session authorization;
select t.id as stark, m.user_id as eve from ucrm.tenants as t join ucrm.tenant_memberships as m on m.tenant_id = t.id where t.slug = 'stark' \gset
set session authorization :"backend";
select ucrm.enter(:'stark', :'eve');
select is(pg_temp.attempt('insert into crm.contacts (name) values (''x'')'), 'PT402', 'a gate of one''s own making opens nothing');
reset session authorization;
rollback;

-- Plans made inside a referential action, which runs as the tables' owner with row security off, serve nobody else.
begin;
create table pg_temp.counted (what text, n bigint);
grant all on pg_temp.counted to public;
create function crm.count_contacts() returns trigger language plpgsql as $$
begin
    insert into pg_temp.counted select 'static', count(*) from crm.contacts;
    insert into pg_temp.counted values ('run', ucrm.run('select count(*)::text from crm.contacts', '{}')::bigint);
    return null;
end
$$;
grant execute on function crm.count_contacts() to public;
grant execute on function ucrm.run(text, text[]) to ucrm_tables;
create trigger count_contacts before update on crm.contacts for each statement execute function crm.count_contacts();
set session authorization :"backend";
select ucrm.enter(:'acme', :'owner');
delete from crm.organizations;
reset session authorization;
select is((select bool_and(n > 3) from pg_temp.counted) and (select count(*) from pg_temp.counted) = 2, true, 'a referential action runs without row security');
truncate pg_temp.counted;
set session authorization :"backend";
update crm.contacts set notes = 'changed';
reset session authorization;
select results_eq('select what, n from pg_temp.counted order by what', $$values ('run', 3::bigint), ('static', 3)$$, 'what was planned in it is planned again for the writer');
select is((select count(*) from ucrm.audit_logs as l where l.tenant_id <> :'acme' and l.at >= now()), 0::bigint, 'and nothing of another tenant''s was touched');
rollback;

select '1..' || currval('__tresults___numb_seq');
