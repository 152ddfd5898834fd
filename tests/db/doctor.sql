-- The doctor is silent on a healthy installation, finds what is planted and nothing else, and its fixes heal.
begin;
select * from no_plan();

create temporary table ills (n integer generated always as identity, kind text, plant text, object text, findings integer, rounds integer, found text, remains text);
insert into ills (kind, object, plant, findings, rounds)
select kind, object, plant, coalesce(findings, 1), coalesce(rounds, 1)
from (values
    -- tables
    ('an unprotected table', 'public.memo', 'create table public.memo (tenant_id uuid not null, id uuid not null, primary key (tenant_id, id))', null::integer, null::integer),
    ('an unprotected table of another shape', 'public.memo', 'create table public.memo (id bigint primary key, tenant_id uuid, body text)', null, null),
    ('an unprotected table that refers past tenants', 'public.memo',
     'create table public.shelf (tenant_id uuid not null, id uuid not null, code text, primary key (tenant_id, id)); select ucrm.leave_unprotected(''public.shelf'');
      alter table public.shelf add unique (code); create table public.memo (tenant_id uuid not null, id uuid not null, code text references public.shelf (code) on delete set null, primary key (tenant_id, id))', null, 2),
    ('row security off', 'crm.contacts', 'alter table crm.contacts disable row level security', null, null),
    ('row security not forced', 'crm.contacts', 'alter table crm.contacts no force row level security', null, null),
    ('a permissive policy of somebody''s', 'crm.contacts', 'create policy "open sesame" on crm.contacts using (true)', null, null),
    ('a policy of UCRM''s dropped', 'policy "ucrm: members update rows of their tenant" on crm.contacts', 'drop policy "ucrm: members update rows of their tenant" on crm.contacts', null, null),
    ('the permissive partner dropped', 'policy "ucrm: whatever the restrictions leave" on crm.contacts', 'drop policy "ucrm: whatever the restrictions leave" on crm.contacts', null, null),
    ('a policy of UCRM''s altered', 'policy "ucrm: members read rows of their tenant" on crm.contacts', 'alter policy "ucrm: members read rows of their tenant" on crm.contacts using (true)', null, null),
    ('a policy of UCRM''s for some roles only', 'policy "ucrm: members read rows of their tenant" on crm.contacts', 'alter policy "ucrm: members read rows of their tenant" on crm.contacts to ucrm_reader', null, null),
    ('a policy that pretends to be UCRM''s', 'policy "ucrm: and friends" on crm.contacts', 'create policy "ucrm: and friends" on crm.contacts using (true)', null, null),
    ('the gate dropped', 'trigger ucrm_gate on crm.contacts', 'drop trigger ucrm_gate on crm.contacts', null, null),
    ('the audit switched off', 'trigger ucrm_record_update on crm.contacts', 'alter table crm.contacts disable trigger ucrm_record_update', null, null),
    ('a trigger that forgets no count under replication', 'trigger ucrm_bump_rows on crm.contacts', 'alter table crm.contacts enable trigger ucrm_bump_rows', null, null),
    ('secret columns that nothing seals', 'trigger ucrm_secret_% on crm.contacts', 'update ucrm.resources set secret_columns = array[''notes''] where name = ''contacts''', 5, null),
    ('custom values that nothing checks', 'trigger ucrm_custom_insert on crm.contacts', 'drop trigger ucrm_custom_insert on crm.contacts', null, null),
    ('a trigger of somebody''s', 'trigger stamp on crm.contacts',
     'create function public.stamp() returns trigger language plpgsql as ''begin return new; end''; create trigger stamp before insert on crm.contacts for each row execute function public.stamp()', null, null),
    ('a trigger that runs as another', 'crm.contacts',
     'create function public.stamp() returns trigger language plpgsql security definer set search_path = pg_catalog, pg_temp as ''begin return new; end''; create trigger stamp before insert on crm.contacts for each row execute function public.stamp()', null, 2),
    ('a rule', 'crm.contacts', 'create rule shout as on delete to crm.contacts do also notify deleted', null, null),
    ('a protected table owned by a login', 'crm.contacts', 'create role landlord login; alter table crm.contacts owner to landlord', null, null),
    ('a protected table owned by a login''s role', 'crm.contacts', 'create role landlord; create role tenant_of_his login in role landlord; alter table crm.contacts owner to landlord', null, null),
    ('an owner with functions of his own', 'crm.contacts',
     'create role landlord; create function public.peek() returns bigint language sql security definer set search_path = pg_catalog, pg_temp as ''select count(*) from crm.contacts'';
      alter function public.peek() owner to landlord; alter table crm.contacts owner to landlord', null, null),
    -- keys
    ('a foreign key without tenant_id', 'constraint contacts_tenant_id_organization_id_fkey on crm.contacts',
     'alter table crm.organizations add unique (id); alter table crm.contacts drop constraint contacts_tenant_id_organization_id_fkey, add constraint contacts_tenant_id_organization_id_fkey foreign key (organization_id) references crm.organizations (id) on delete set null', 2, null),
    ('rows that outlive their tenant', 'crm.contacts', 'alter table crm.contacts drop constraint contacts_tenant_id_fkey', null, null),
    ('a tenant_id that nobody fills in', 'crm.contacts', 'alter table crm.contacts alter column tenant_id drop default', null, null),
    ('a replica identity without tenant_id', 'crm.contacts', 'alter table crm.contacts replica identity full', null, null),
    ('a foreign key without index', 'constraint contacts_tenant_id_organization_id_fkey on crm.contacts', 'drop index crm.contacts_organization', null, null),
    ('a unique key over all tenants', 'index crm.contacts_phone_key', 'alter table crm.contacts add unique (phone)', null, null),
    ('a unique index over all tenants', 'index crm.contacts_address', 'create unique index contacts_address on crm.contacts (lower(email), phone) where email is not null', null, null),
    ('an invalid index', 'index crm.contacts_name', 'update pg_index set indisvalid = false where indexrelid = ''crm.contacts_name''::regclass', null, null),
    ('a constraint that old rows were not checked for', 'constraint named on crm.contacts', 'alter table crm.contacts add constraint named check (name <> ''nobody'') not valid', null, null),
    -- grants
    ('a protected table granted to PUBLIC', 'crm.contacts', 'grant select on crm.contacts to public', null, null),
    ('a column granted to PUBLIC', 'crm.contacts', 'grant select (name) on crm.contacts to public', null, null),
    ('TRUNCATE granted', 'crm.contacts', 'grant truncate, trigger on crm.contacts to ucrm_app', null, null),
    ('REFERENCES granted on a column', 'crm.contacts', 'grant references (id) on crm.contacts to ucrm_app', null, null),
    ('reporting logins that may write', 'crm.contacts', 'grant insert, update on crm.contacts to ucrm_reader', null, null),
    ('a partition granted', 'public.part',
     'create table public.whole (tenant_id uuid not null, id uuid not null, primary key (tenant_id, id)) partition by hash (tenant_id);
      create table public.part partition of public.whole for values with (modulus 1, remainder 0); select ucrm.protect(''public.whole''); grant select on public.part to ucrm_reader', null, null),
    ('SET ON PARAMETER granted', 'parameter app.tenant_id', 'create role forger login; grant set on parameter app.tenant_id to forger', null, null),
    ('the switch of all triggers granted', 'parameter session_replication_role', 'create role forger login; grant set, alter system on parameter session_replication_role to forger', null, null),
    ('a view that asks as its owner', 'public.peek', 'create view public.peek as select name from crm.contacts', null, null),
    ('a view of the audit log', 'public.peek', 'create view public.peek as select action from ucrm.audit_logs', null, null),
    ('a materialized view granted', 'public.hoard', 'create materialized view public.hoard as select name from crm.contacts; grant select on public.hoard to ucrm_reader', null, null),
    ('a materialized view of a view granted', 'public.hoard',
     'create view public.peek with (security_invoker) as select name from crm.contacts; create materialized view public.hoard as select name from public.peek; grant select on public.hoard to public', null, null),
    -- functions
    ('a definer function that looks where it is told', 'public.peek()', 'create function public.peek() returns bigint language sql security definer as ''select count(*) from pg_class''', null, null),
    ('one in C too', 'public.peek()', 'create function public.peek() returns uuid language c security definer as ''$libdir/ucrm'', ''ucrm_tenant_id''', null, null),
    ('even one that is called as handle is', 'public.peek()', 'create function public.peek() returns ucrm.response language c security definer as ''$libdir/ucrm'', ''ucrm_handle''', null, null),
    ('a definer function of ucrm_tables', 'public.peek()',
     'create function public.peek() returns bigint language sql security definer set search_path = pg_catalog, pg_temp as ''select count(*) from crm.contacts''; alter function public.peek() owner to ucrm_tables', null, null),
    -- the kernel
    ('a kernel function granted to PUBLIC', 'ucrm.hush(uuid)', 'grant execute on function ucrm.hush(uuid) to public', null, null),
    ('a kernel function granted to a login', 'ucrm.doctor()', 'create role nurse login; grant execute on function ucrm.doctor() to nurse', null, null),
    ('a kernel table granted', 'ucrm.users', 'grant select, update on ucrm.users to ucrm_app', null, null),
    ('a kernel column granted', 'ucrm.api_keys', 'grant select (digest) on ucrm.api_keys to ucrm_app', null, null),
    ('the kernel''s schema open', 'schema ucrm', 'create role squatter login; grant create on schema ucrm to squatter', null, null),
    ('row security off in the kernel', 'ucrm.users', 'alter table ucrm.users disable row level security', null, null),
    ('a policy of somebody''s in the kernel', 'policy everything on ucrm.events', 'create policy everything on ucrm.events using (true)', null, null),
    ('revocation that is not noticed', 'trigger bump on ucrm.api_keys', 'alter table ucrm.api_keys disable trigger bump', null, null),
    ('an outbox that is not waited for', 'trigger hold_horizon on ucrm.events', 'alter table ucrm.events disable trigger hold_horizon', null, null),
    ('a last owner who may leave', 'trigger keep_last_owner on ucrm.tenant_memberships', 'alter table ucrm.tenant_memberships disable trigger keep_last_owner', null, null),
    ('an event trigger switched off', 'event trigger ucrm_drop', 'alter event trigger ucrm_drop disable', null, null),
    -- roles and logins
    ('a login with BYPASSRLS', 'login x_ray', 'create role x_ray login bypassrls', null, null),
    ('a login with CREATEROLE', 'login maker', 'create role maker login createrole', null, null),
    ('a member of ucrm_owner', 'role lodger', 'create role lodger login; grant ucrm_owner to lodger', null, null),
    ('a member of ucrm_tables', 'role lodger', 'create role lodger; grant ucrm_tables to lodger', null, null),
    ('a member of ucrm_handler', 'role lodger', 'create role lodger; grant ucrm_handler to lodger', null, null),
    ('a member of ucrm_mover', 'role lodger', 'create role lodger; grant ucrm_mover to lodger', null, null),
    ('a login that may become ucrm_platform', 'login lodger', 'create role lodger login; grant ucrm_platform to lodger', null, null),
    ('ucrm_app past row security', 'role ucrm_app', 'alter role ucrm_app bypassrls', null, null),
    ('a gateway with authority', 'role ucrm_gateway', 'create role lodger; grant lodger to ucrm_gateway', null, null),
    ('a gateway with tables', 'login ucrm_gateway', 'create table public.memo (id integer); alter table public.memo owner to ucrm_gateway', null, null),
    ('a bound login that is gone', 'bound login ghost', 'insert into ucrm.logins (login, tenant_id, role) select ''ghost'', id, ''reader'' from ucrm.tenants where slug = ''acme''', null, null),
    ('a bound superuser', 'bound login %', 'select ucrm.bind_login(''report_test'', id) from ucrm.tenants where slug = ''acme''; alter role report_test superuser', null, null),
    ('a bound back end', 'bound login %', 'select ucrm.bind_login(''report_test'', id) from ucrm.tenants where slug = ''acme''; grant ucrm_app to report_test', null, null),
    ('a bound login with an unknown role', 'bound login %', 'update ucrm.logins set role = ''gone''', null, null),
    ('a bound login without its views', 'bound login %', 'do $do$ begin execute (select format(''drop schema %I cascade'', report_schema) from ucrm.logins); end $do$', null, null),
    ('members with an unknown role', 'tenant %', 'update ucrm.tenant_memberships set role = ''gone'' where role = ''agent''', null, null),
    -- settings
    ('a context from a role''s settings', 'role report_test',
     'create role report_test login; insert into pg_db_role_setting values (0, ''report_test''::regrole, array[''app.tenant_id=00000000-0000-7000-8000-000000000000''])', null, null),
    ('triggers off by a database''s settings', 'database %', 'do $do$ begin execute format(''alter database %I set session_replication_role = replica'', current_database()); end $do$', null, null),
    ('a gateway that is logged', 'role ucrm_gateway', 'alter role ucrm_gateway reset log_parameter_max_length', null, null),
    ('an approval that means nothing', 'setting approval', 'select ucrm.set(''approval'', ''"perhaps"'')', null, null),
    ('a trial of nonsense', 'setting trial_days', 'select ucrm.set(''trial_days'', ''"soon"'')', null, null),
    -- rows
    ('a gate without function', 'gate curfew', 'insert into ucrm.gates (name, position, applies, check_fn, code) values (''curfew'', 900, ''write'', ''public.curfew'', ''permission_denied'')', null, null),
    ('a gate with another function', 'gate curfew',
     'create function public.curfew(text) returns boolean language sql as ''select true''; insert into ucrm.gates (name, position, applies, check_fn, code) values (''curfew'', 900, ''write'', ''public.curfew'', ''permission_denied'')', null, null),
    ('a gate that may not be asked', 'gate curfew',
     'create function public.curfew(text, text) returns boolean language sql as ''select true''; revoke all on function public.curfew(text, text) from public;
      insert into ucrm.gates (name, position, applies, check_fn, code) values (''curfew'', 900, ''write'', ''public.curfew'', ''permission_denied'')', null, null),
    ('a gate with an unknown code', 'gate curfew',
     'create function public.curfew(text, text) returns boolean language sql as ''select true''; alter table ucrm.gates drop constraint gates_code_fkey;
      insert into ucrm.gates (name, position, applies, check_fn, code) values (''curfew'', 900, ''write'', ''public.curfew'', ''after_hours'')', null, null),
    ('a route without function', 'route GET /hello', 'insert into ucrm.routes (method, template, function) values (''GET'', ''/hello'', ''public.hello'')', null, null),
    ('a route that nobody may take', 'route GET /hello',
     'insert into ucrm.routes (method, template, function, resource, action) values (''GET'', ''/hello'', ''ucrm.list_rows'', ''greetings'', ''read'')', null, null),
    ('a route that the handler may not call', 'route GET /hello',
     'create function public.hello(r ucrm.request) returns ucrm.response language sql as ''select null::ucrm.response''; revoke all on function public.hello(ucrm.request) from public;
      insert into ucrm.routes (method, template, function) values (''GET'', ''/hello'', ''public.hello'')', null, null),
    ('a resource without table', 'resource ghosts', 'insert into ucrm.resources (name, label, kind, table_schema, table_name, key_column, label_column) values (''ghosts'', ''Ghosts'', ''entity'', ''crm'', ''ghosts'', ''id'', ''id'')', null, null),
    ('a resource without its columns', 'resource memos',
     'create table public.memos (tenant_id uuid not null, id uuid not null, title text, writer uuid, primary key (tenant_id, id)); select ucrm.protect(''public.memos'', search => array[''title''], owner => ''writer''); alter table public.memos drop column title cascade', null, null),
    ('a limit of nothing', 'rate limit api_key of plan free', 'insert into ucrm.rate_limits (name, plan, hits, seconds) values (''api_key'', ''free'', 0, 60)', null, null),
    ('a watched schema that is gone', 'watched schema gone', 'insert into ucrm.watched_schemas values (''gone'')', null, null),
    ('an unprotected table that is gone', 'unprotected table public.gone', 'insert into ucrm.unprotected_tables values (''public'', ''gone'')', null, null),
    ('an old internal secret', 'internal secret %', 'insert into ucrm.internal_secrets values (sha256(''old''), clock_timestamp() - interval ''400 days'')', null, null),
    ('a field of a constraint that is gone', 'constraint field crm.gone', 'insert into ucrm.constraint_fields values (''crm'', ''gone'', ''name'', ''duplicate'')', null, null)
) as v (kind, object, plant, findings, rounds);

-- Plants an ill, asks, runs the fixes as they were printed, asks again, and takes it all back.
create function pg_temp.treat(ill ills)
returns ills
language plpgsql
as $$
declare
    fixes text[];
begin
    execute ill.plant;
    select string_agg(d.object, ' | ') || case when count(*) = ill.findings and bool_or(d.object like ill.object) then '' else ' instead of ' || ill.object end,
           array_agg(d.fix)
    into ill.found, fixes
    from ucrm.doctor() as d;
    for round in 1..ill.rounds loop
        for i in 1..coalesce(cardinality(fixes), 0) loop
            execute fixes[i];
        end loop;
        select array_agg(d.fix), string_agg(d.object || ': ' || d.what, ' | ') into fixes, ill.remains from ucrm.doctor() as d;
    end loop;
    raise exception using errcode = 'UNDO0';
exception
    when sqlstate 'UNDO0' then
        return ill;
    when others then
        ill.remains := sqlerrm;
        return ill;
end
$$;

set local client_min_messages = warning;
select is_empty('select * from ucrm.doctor()', 'the doctor is silent on a fresh installation');

update ills set (found, remains) = (select t.found, t.remains from pg_temp.treat(ills) as t);
select ok(found not like '% instead of %', 'the doctor finds ' || kind || ', and nothing else: ' || coalesce(found, 'nothing')) from ills order by n;
select is(remains, null, 'the fix heals ' || kind) from ills order by n;

select is((select count(*) from ucrm.server_faults(version => 150018)), 1::bigint, 'the doctor finds a server that lacks fixes of row security');
select is((select count(*) from ucrm.server_faults(version => 180006)), 0::bigint, 'the doctor is content with a server that has them');
select is((select f.level from ucrm.server_faults(libraries => 'auto_explain, pg_stat_statements') as f), 'error', 'the doctor finds a library that was not loaded with the server');
select is((select count(*) from ucrm.server_faults(libraries => 'auto_explain,"ucrm"')), 0::bigint, 'the doctor knows the library among others');
select is((select count(*) from ucrm.window_faults(occupied => -1) as f where f.what like '%are in use%'), 2::bigint, 'the doctor finds windows that fill up');
select is_empty('select * from ucrm.doctor() where fix is null or object is null or what is null or level not in (''error'', ''warning'', ''info'')', 'every finding is whole');
select is_empty('select * from ucrm.doctor()', 'the doctor is silent afterwards');

set local role ucrm_platform;
select throws_ok('select * from ucrm.doctor()', '42501', null, 'the doctor is asked by superusers only');
reset role;
select * from finish();
rollback;
