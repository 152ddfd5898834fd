-- The house is closed: owners, row security, comments, search paths and grants, by the catalogue, so that whatever is
-- added without them fails here.
begin;
select * from no_plan();

-- Functions.
create temporary view functions as
select p.oid, p.oid::regprocedure::text as name, p.proname, p.prorettype, l.lanname, p.prosecdef, p.proconfig, p.proowner::regrole::text as owner, p.proacl, p.provolatile, p.prosqlbody is not null as bound
from pg_proc as p
join pg_language as l on l.oid = p.prolang
where p.pronamespace = 'ucrm'::regnamespace;
select ok(bound or 'search_path=pg_catalog, pg_temp' = any (proconfig), name || ' pins its search_path, or was bound when it was made') from functions where lanname in ('sql', 'plpgsql') order by name;
select is_empty('select name from functions where lanname not in (''c'', ''sql'', ''plpgsql'')', 'no other language');
select isnt(obj_description(oid, 'pg_proc'), null, name || ' says what it does') from functions order by name;
select is_empty('select name from functions where proacl is null', 'every function says who may execute it');
select is(owner, case
        when proname in ('handle', 'handle_stream', 'attend', 'attend_rest') then 'ucrm_handler'
        when lanname = 'c' or proname in ('on_ddl', 'on_drop') then (select datdba::regrole::text from pg_database where datname = current_database())
        when proname in ('insert_protected_lines', 'protected_count', 'protected_lines') then 'ucrm_mover'
        else 'ucrm_owner'
    end, format('%s belongs to %s', name, owner))
from functions where lanname <> 'c' or prosecdef order by name;
select set_eq(
    $$select f.proname from functions as f where has_function_privilege('public', f.oid, 'execute')$$,
    array['tenant_id', 'user_id', 'member_role', 'api_key_id', 'request_id', 'permissions', 'api_key_prefix', 'actor_kind', 'client_address',
          'has_permission', 'permission_scope', 'binding', 'uuid7', 'searchable', 'session_id', 'impersonator_id', 'custom_faults'],
    'PUBLIC may ask for the context, and execute nothing else');
select set_eq(
    $$select f.proname from functions as f where has_function_privilege('ucrm_gateway', f.oid, 'execute') and not has_function_privilege('public', f.oid, 'execute')$$,
    array['handle', 'handle_stream', 'refused', 'gateway_faults', 'metrics', 'password_work', 'due_jwks', 'store_jwks', 'claim_mail', 'settle_mail', 'housekeep', 'announce_events', 'seal_audit', 'fan_out_webhooks', 'claim_deliveries', 'settle_deliveries'],
    'the gateway executes its own functions');
select is_empty(
    $$select f.name, r.rolname from functions as f, pg_roles as r
      where has_function_privilege(r.oid, f.oid, 'execute') and r.rolname in ('ucrm_app', 'ucrm_reader', 'ucrm_gateway', 'ucrm_platform')
        and f.proname in ('protect', 'unprotect', 'expose', 'unexpose', 'attend_rest', 'watch', 'unwatch', 'bind_login', 'unbind_login', 'trust_backend', 'set', 'issue_api_key', 'issue_platform_key',
                          'set_internal_secret', 'latch', 'advance', 'attend', 'hush', 'remember_principal', 'remember_gates', 'remember_dispatch', 'remember_total', 'record_event',
                          'authenticate', 'principal_of', 'make_api_key', 'stored_digest', 'key_grants', 'find_tenant', 'names_tenant', 'hit', 'hit_row',
                          'queue_mail', 'mail_token', 'usable_mail_sender', 'note_mail_sender', 'note_place', 'invite_row', 'touch_key', 'touch_session', 'hold_session', 'try_address', 'memorize_principal', 'open_session', 'renew_session', 'raise_session', 'session_cookie', 'end_sessions', 'principal_of_session',
                          'make_token', 'mint_mail_token', 'redeem_token', 'ask_token', 'set_password', 'password_fits', 'peek_row', 'refund_row', 'found_tenant',
                          'seal', 'unseal', 'secret', 'keep_secret', 'random_bytes',
                          'has_factor', 'use_second_factor', 'enrol_totp', 'confirm_totp', 'disable_totp', 'renew_recovery_codes', 'replace_recovery_codes', 'totp_secret',
                          'totp_step', 'recovery_digest', 'reseal',
                          'add_member', 'mint_invitation_token', 'open_invitation', 'renew_invitation', 'start_impersonation', 'end_impersonation', 'impersonation_is_live')
         or has_function_privilege(r.oid, f.oid, 'execute') and r.rolname in ('ucrm_app', 'ucrm_reader', 'ucrm_gateway', 'ucrm_platform')
        and f.prorettype = 'ucrm.response'::regtype and f.proname not in ('handle', 'handle_stream', 'refused')$$,
    'what makes credentials, contexts and protection is for the kernel and superusers');
select is_empty(
    $$select f.name from functions as f
      where has_function_privilege('ucrm_handler', f.oid, 'execute')
        and f.proname in ('issue_api_key', 'issue_platform_key', 'remember_principal', 'remember_gates', 'remember_dispatch', 'record_event', 'hush',
                          'use_second_factor', 'enrol_totp', 'confirm_totp', 'disable_totp', 'renew_recovery_codes', 'totp_secret',
                          'add_member', 'mint_invitation_token', 'open_invitation', 'make_token', 'open_session', 'start_impersonation', 'queue_mail')$$,
    'nor is it for the owner of handle, as whom the triggers of protected tables run');
select throws_ok(format('select ucrm.%s(row(null, null, '''', ''{}'', ''{}'', %L, null, null, null, null, null, null, null, null, null, null, null)::ucrm.request)', f.proname, 'acme'),
    'PT403', 'permission_denied', f.proname || '() asks by itself for a platform admin')
from functions as f
join ucrm.routes as r on r.function = 'ucrm.' || f.proname and r.audience in ('platform', 'internal')
where f.proname <> 'restore_route';
select is((ucrm.restore_route(null::ucrm.request)).status, 403, 'restore_route() too, and replies');
select throws_ok(format('select ucrm.%s(row(''POST'', null, '''', ''{}'', ''{}'', %L, null, null, null, null, null, null, null, null, null, null, null)::ucrm.request)', f.proname, 'x'),
    'PT403', 'permission_denied', f.proname || '() asks by itself for a person about his own account')
from functions as f
join (select distinct r.function from ucrm.routes as r where r.audience = 'user') as r on r.function = 'ucrm.' || f.proname;
-- Who is granted what: a new grant is a decision to be made here.
select set_eq(
    $$select f.proname from functions as f where has_function_privilege('ucrm_reader', f.oid, 'execute') and not has_function_privilege('public', f.oid, 'execute')$$,
    array['refuse', 'is_write', 'canonical_resource', 'recall_gates', 'gate_member', 'gate_enabled', 'gate_email', 'gate_mfa', 'gate_not_rejected', 'gate_not_suspended',
          'gate_approved', 'gate_trial', 'gates_of', 'memorize_gates', 'next_gate', 'ask_gate', 'gate', 'demand', 'members_of_tenant', 'run', 'run_row', 'run_rows', 'run_page', 'json_row', 'planned_rows', 'finds', 'currency_digits', 'money', 'major', 'custom_amount', 'custom_date', 'custom_moment', 'is_open', 'permission_map', 'why',
          'own_request', 'column_map', 'audit_begins', 'value_as', 'image_as_of', 'uuid_after', 'resource_of', 'demand_history', 'moment_fault', 'demand_moment', 'masked_image', 'restated', 'images_at',
          'as_of', 'rows_as_of', 'history', 'event_channel', 'renew_event_channel', 'event_catalogue'],
    'what a reader executes');
select is_empty(
    $$select f.name from functions as f where f.prosecdef and f.owner = 'ucrm_tables'$$,
    'the owner of tables owns no function');
select is_empty(
    $$select p.oid::regprocedure from pg_proc as p where p.proowner = 'ucrm_tables'::regrole$$, 'in no schema');
select set_eq(
    $$select concat_ws(' ', f.proname, f.owner, p.prosrc, f.proconfig) from functions as f join pg_proc as p using (oid) where f.prosecdef and f.lanname = 'c'$$,
    array['handle ucrm_handler ucrm_handle', 'handle_stream ucrm_handler ucrm_handle_stream'],
    'no C function runs as somebody else but handle and handle_stream, which pins its search_path itself: see fast_after');
select set_eq(
    $$select r.rolname from pg_roles as r where has_function_privilege(r.oid, 'ucrm.attend(text, text, text, jsonb, bytea, text, bytea, inet, uuid, ucrm.request)', 'execute') and not r.rolsuper$$,
    array['ucrm_handler'], 'what handle leaves to SQL is done for it alone');
select is_empty($$select name from functions where lanname = 'sql' and provolatile = 'v' and prosecdef and owner = 'postgres'$$, 'nothing runs as a superuser but the event triggers');

-- Tables.
create temporary view relations as
select c.oid, c.oid::regclass::text as name, c.relname, c.relkind, c.relowner::regrole::text as owner, c.relrowsecurity, c.relforcerowsecurity
from pg_class as c
where c.relnamespace = 'ucrm'::regnamespace and c.relkind in ('r', 'v', 'm', 'p', 'f', 'S');
select is_empty($$select name from relations where relkind not in ('r', 'v')$$, 'the house keeps tables and views only: no sequence, no materialized view');
select is(owner, 'ucrm_owner', name || ' belongs to the house') from relations order by name;
select isnt(obj_description(oid, 'pg_class'), null, name || ' says what it is') from relations order by name;
select is(array[relrowsecurity, relforcerowsecurity], array[true, false], name || ' has row security, not forced') from relations where relkind = 'r' order by name;
select ok('security_invoker=true' = any (c.reloptions), r.name || ' reads as whoever asks') from relations as r join pg_class as c using (oid) where r.relkind = 'v';
select is_empty($$select name from relations where has_table_privilege('public', oid, 'select, insert, update, delete, truncate, references, trigger') or has_any_column_privilege('public', oid, 'select, insert, update, references')$$,
                'PUBLIC is granted no table');
select is_empty($$select n.nspname, c.relname, a.grantee::regrole, a.privilege_type from pg_class as c join pg_namespace as n on n.oid = c.relnamespace, aclexplode(c.relacl) as a
                  where (n.nspname = 'ucrm' or c.relrowsecurity) and c.relowner <> a.grantee
                    and (a.privilege_type in ('TRUNCATE', 'TRIGGER') or (a.privilege_type = 'REFERENCES' and (c.relname, a.grantee::regrole::text) not in (('tenants', 'ucrm_tables'), ('tenant_memberships', 'ucrm_tables'))))$$,
                'nobody is granted TRUNCATE or TRIGGER, and REFERENCES only where foreign keys to the house need it');
select is_empty($$select c.oid::regclass, r.rolname, v.privilege
                  from pg_class as c join pg_namespace as n on n.oid = c.relnamespace and n.nspname = 'ucrm', (values ('ucrm_app'), ('ucrm_reader'), ('ucrm_gateway')) as r (rolname), (values ('insert'), ('update'), ('delete'), ('truncate'), ('trigger')) as v (privilege)
                  where c.relkind in ('r', 'v') and has_table_privilege(r.rolname, c.oid, v.privilege)$$, 'tenants'' roles write no table of the house');
select is_empty($$select a.attrelid::regclass, a.attname, r.rolname
                  from pg_attribute as a join pg_class as c on c.oid = a.attrelid and c.relnamespace = 'ucrm'::regnamespace and c.relkind = 'r', (values ('ucrm_app'), ('ucrm_reader'), ('ucrm_gateway')) as r (rolname)
                  where a.attnum > 0 and not a.attisdropped and (a.attname in ('digest', 'secret', 'status_note') or a.attname like '%\_digest')
                    and has_column_privilege(r.rolname, a.attrelid, a.attname, 'select')$$, 'digests, secrets and private notes are shown to no tenant''s role');

-- Keys of tenants' tables begin with tenant_id.
select is_empty($$
    select i.indexrelid::regclass
    from pg_index as i
    join pg_class as c on c.oid = i.indrelid
    join pg_attribute as a on a.attrelid = i.indrelid and a.attname = 'tenant_id' and a.attnotnull and not a.attisdropped
    where i.indisunique and i.indkey[0] <> a.attnum
      and (c.relnamespace = 'ucrm'::regnamespace or exists (select from ucrm.resources as r where ucrm.relation_of(r.table_schema, r.table_name) = c.oid))
      and c.relname <> 'logins'$$, 'every key and unique index of a tenant''s table begins with tenant_id');
select is_empty($$
    select k.conrelid::regclass, k.conname
    from pg_constraint as k
    join pg_attribute as a on a.attrelid = k.conrelid and a.attname = 'tenant_id' and a.attnotnull
    join pg_class as c on c.oid = k.conrelid
    where k.contype = 'f' and k.conkey[1] <> a.attnum
      and k.confrelid not in ('ucrm.users'::regclass)
      and (c.relnamespace = 'ucrm'::regnamespace or exists (select from ucrm.resources as r where ucrm.relation_of(r.table_schema, r.table_name) = c.oid))$$, 'and every foreign key, those to people excepted');
select is_empty($$
    select k.conrelid::regclass, k.conname from pg_constraint as k join pg_class as c on c.oid = k.conrelid
    where k.contype = 'f' and k.confrelid = 'ucrm.tenants'::regclass and k.confdeltype <> 'c'$$, 'what refers to a tenant goes with it');
select is_empty($$
    select a.attrelid::regclass
    from pg_attribute as a
    join pg_class as c on c.oid = a.attrelid and c.relnamespace = 'ucrm'::regnamespace and c.relkind = 'r'
    where a.attname = 'tenant_id' and not a.attisdropped
      and not exists (select from pg_constraint as k where k.conrelid = c.oid and k.contype = 'f' and k.confdeltype = 'c' and k.conkey[1] = a.attnum)
      and c.relname not in ('audit_logs', 'audit_seals', 'events', 'platform_audit_logs', 'emails')$$, 'and every table of the house with a tenant refers to it');

-- Policies.
select set_eq(
    $$select c.relname, p.polcmd::text from pg_policy as p join pg_class as c on c.oid = p.polrelid and c.relnamespace = 'ucrm'::regnamespace$$,
    $$select v.name, 'r' from unnest(array['refusals', 'constraint_fields', 'rate_limits', 'builtin_roles', 'resources', 'resource_actions', 'gates', 'routes', 'exposed_functions', 'tenant_settings', 'file_buckets',
        'tenants', 'tenant_memberships', 'roles', 'role_permissions', 'api_keys', 'invitations', 'impersonations', 'audit_logs', 'events', 'custom_columns', 'files', 'webhooks', 'webhook_deliveries']) as v (name)$$,
    'these tables of the house can be read by members or by everybody; all others by nobody');
select ok(pg_get_expr(p.polqual, p.polrelid) ~ 'tenant_id\(\)' and pg_get_expr(p.polqual, p.polrelid) ~ '(has_permission|permission_scope)', format('%s asks for tenant and permission', p.polrelid::regclass))
from pg_policy as p join pg_class as c on c.oid = p.polrelid and c.relnamespace = 'ucrm'::regnamespace
where p.polname like 'members read %';
select results_eq(
    format($$select polcmd::text, polpermissive, count(*) from pg_policy where polrelid = %L::regclass group by 1, 2 order by 1, 2$$, ucrm.relation_of(r.table_schema, r.table_name)::regclass),
    $$values ('*', true, 1::bigint), ('a', false, 2), ('d', false, 2), ('r', false, 2), ('w', false, 2)$$,
    format('%s: two restrictive policies per command and one permissive', r.name))
from ucrm.resources as r where r.kind = 'entity';
select is(array[c.relrowsecurity, c.relforcerowsecurity], array[true, true], r.name || ': row security is forced on its owner')
from ucrm.resources as r join pg_class as c on c.oid = ucrm.relation_of(r.table_schema, r.table_name) where r.kind = 'entity';

-- Roles.
select results_eq(
    $$select rolname::text collate "C", rolcanlogin, rolbypassrls, rolsuper or rolcreaterole or rolcreatedb or rolreplication from pg_roles where rolname like 'ucrm\_%' and rolname <> 'ucrm_admin' order by 1$$,
    $$values ('ucrm_app' collate "C", false, false, false), ('ucrm_gateway', true, false, false), ('ucrm_handler', false, false, false), ('ucrm_mover', false, true, false),
             ('ucrm_owner', false, false, false), ('ucrm_platform', false, true, false), ('ucrm_reader', false, false, false), ('ucrm_tables', false, false, false)$$,
    'the house''s roles are what they should be');
select is_empty($$select roleid::regrole, member::regrole from pg_auth_members where roleid in ('ucrm_owner'::regrole, 'ucrm_tables'::regrole, 'ucrm_handler'::regrole, 'ucrm_mover'::regrole)$$,
                'the owners have no members');
select is_empty($$
    select g.rolname, x.what
    from pg_roles as g, lateral (
        select c.oid::regclass::text from pg_class as c where c.relowner = g.oid
        union all select p.oid::regprocedure::text from pg_proc as p where p.proowner = g.oid
        union all select n.nspname from pg_namespace as n where n.nspowner = g.oid
        union all select t.typname from pg_type as t where t.typowner = g.oid
    ) as x (what)
    where exists (select from pg_auth_members as m where m.roleid = g.oid) and g.rolname like 'ucrm\_%'$$, 'no role that anybody is granted owns an object');
select is_empty($$
    select c.oid::regclass, a.privilege_type
    from pg_class as c, aclexplode(c.relacl) as a
    where a.grantee = 'ucrm_mover'::regrole
      and (c.oid, a.privilege_type) not in (('ucrm.staged_lines'::regclass, 'SELECT'), ('ucrm.resources'::regclass, 'SELECT'))
      and not (a.privilege_type in ('SELECT', 'INSERT') and exists (select from ucrm.resources as r where ucrm.relation_of(r.table_schema, r.table_name) = c.oid))$$,
    'the mover reads and fills protected tables, reads the stage, and holds nothing else');
select is_empty($$
    select c.oid::regclass from pg_class as c
    where c.relnamespace = 'ucrm'::regnamespace and c.relname in ('users', 'logins', 'staged_lines') and c.relkind = 'r'
      and has_any_column_privilege('ucrm_platform', c.oid, 'select, insert, update, references')$$,
    'accounts, bound logins and the stage are not the platform''s to read or write');
select is_empty($$select rolname from pg_roles where not rolsuper and (has_schema_privilege(oid, 'ucrm', 'create')) and rolname <> 'ucrm_owner' and rolname not like 'pg\_%'$$,
                'nobody creates anything in schema ucrm');
select is_empty($$select r.rolname, v.name from pg_roles as r, pg_settings as v where v.name like 'app.%' and not r.rolsuper and r.rolname not like 'pg\_%' and has_parameter_privilege(r.oid, v.name, 'set') and r.rolname <> 'ucrm_owner'$$,
                'nobody holds SET on the context''s settings');
select is_empty($$select p.oid::regprocedure from pg_proc as p where p.oid in (select unnest(array[castfunc]) from pg_cast) and p.pronamespace = 'ucrm'::regnamespace$$, 'no cast runs a function of the house');

-- What pg_advisory_lock() takes, whoever is connected takes.
select is_empty($$select p.oid::regprocedure from pg_proc as p where p.pronamespace = 'ucrm'::regnamespace and p.prosrc ~ 'advisory'$$, 'nothing waits for a lock that any login could hold');
select is_empty($$select f.name, r.rolname from functions as f, pg_roles as r where f.proname in ('lock', 'try_lock', 'hold_custom_columns') and has_function_privilege(r.oid, f.oid, 'execute') and not r.rolsuper and r.rolname not in ('ucrm_owner', 'ucrm_handler')$$,
                'and its own locks nobody takes but its functions');

-- What remembers forgets, and what records says so, whatever the replication role.
select is(t.tgenabled, 'A', format('%s: %s fires always', t.tgrelid::regclass, t.tgname)) from pg_trigger as t
where not t.tgisinternal and (t.tgname like 'bump%' or t.tgname like 'ucrm\_bump%' or t.tgname = 'hold_horizon') and not exists (select from pg_class as c where c.oid = t.tgrelid and c.relispartition);
select is_empty($$select t.tgrelid::regclass, t.tgname from pg_trigger as t join pg_class as c on c.oid = t.tgrelid and c.relnamespace = 'ucrm'::regnamespace
                  where not t.tgisinternal and t.tgtype & 4 <> 0 and t.tgfoid not in ('ucrm.bump()'::regprocedure, 'ucrm.hold_horizon()'::regprocedure)$$, 'no trigger on a table of the house writes or refuses on INSERT: a restore would fire it');

select set_eq($$select t.tgrelid::regclass::text from pg_trigger as t where t.tgfoid = 'ucrm.hold_horizon()'::regprocedure and t.tgtype = 6$$, array['ucrm.audit_logs', 'ucrm.events', 'ucrm.platform_audit_logs'], 'whoever adds to audit or outbox says so first');

-- What is sealed.
select is_empty($$
    select a.attrelid::regclass, a.attname
    from pg_attribute as a
    join pg_class as c on c.oid = a.attrelid and c.relnamespace = 'ucrm'::regnamespace and c.relkind = 'r'
    where a.attname like '%sealed%' and not a.attisdropped and (a.attname <> 'sealed' or c.oid not in (select ucrm.sealed_tables()))$$, 'whatever is sealed says where it belongs, and a new key reaches it');

-- What a dump holds.
select set_eq(
    $$select c.oid::regclass::text from pg_extension as e, unnest(e.extconfig) as c (oid) where e.extname = 'ucrm'$$,
    $$select name from relations where relkind = 'r' and relname <> 'builtin_roles'$$,
    'every table of the house is dumped');
select * from finish();
rollback;
