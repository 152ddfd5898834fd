-- The house: who may own what. Nothing below works unless the library was loaded when the server started,
-- because only then are the app.* settings guarded (PostgreSQL manual, 20.16 Customized Options).
set local search_path = pg_catalog, pg_temp;

do $$
begin
    if not exists (
        select
        from pg_catalog.regexp_split_to_table(pg_catalog.current_setting('shared_preload_libraries'), '\s*,\s*') as library
        where pg_catalog.btrim(library, ' "') in ('ucrm', '$libdir/ucrm')
    ) then
        raise exception 'ucrm must be loaded when the server starts'
            using errcode = 'object_not_in_prerequisite_state',
                  hint = 'Add ucrm to shared_preload_libraries in postgresql.conf, restart the server, then CREATE EXTENSION ucrm.';
    end if;
end
$$;

-- Cluster-wide roles. One that exists already must be exactly what we would have made: a role that somebody prepared
-- with a member or an attribute of his own would hand him everything.
do $$
declare
    wanted record;
    existing pg_catalog.pg_roles;
    stranger text;
begin
    for wanted in
        select *
        from (values
            ('ucrm_owner', false, false),
            ('ucrm_tables', false, false),
            ('ucrm_handler', false, false),
            ('ucrm_app', false, false),
            ('ucrm_gateway', true, false),
            ('ucrm_reader', false, false),
            ('ucrm_platform', false, true),
            ('ucrm_mover', false, true)
        ) as r (name, logs_in, bypasses)
    loop
        select * into existing from pg_catalog.pg_roles where rolname = wanted.name;
        if not found then
            execute pg_catalog.format(
                'create role %I nosuperuser nocreatedb nocreaterole noreplication inherit %s %s',
                wanted.name,
                case when wanted.logs_in then 'login' else 'nologin' end,
                case when wanted.bypasses then 'bypassrls' else 'nobypassrls' end
            );
            continue;
        end if;

        if (existing.rolcanlogin, existing.rolbypassrls) is distinct from (wanted.logs_in, wanted.bypasses)
            or existing.rolsuper or existing.rolcreaterole or existing.rolcreatedb or existing.rolreplication
        then
            raise exception 'role "%" exists with other attributes than UCRM''s', wanted.name
                using errcode = 'object_not_in_prerequisite_state',
                      hint = pg_catalog.format('Drop or rename it if it is not UCRM''s, or make it %s %s without SUPERUSER, CREATEROLE, CREATEDB and REPLICATION.',
                          case when wanted.logs_in then 'LOGIN' else 'NOLOGIN' end,
                          case when wanted.bypasses then 'BYPASSRLS' else 'NOBYPASSRLS' end);
        end if;
    end loop;

    select pg_catalog.format('"%s" in "%s"', member.rolname, granted.rolname) into stranger
    from pg_catalog.pg_auth_members as a
    join pg_catalog.pg_roles as granted on granted.oid = a.roleid
    join pg_catalog.pg_roles as member on member.oid = a.member
    where (granted.rolname in ('ucrm_owner', 'ucrm_tables', 'ucrm_handler', 'ucrm_gateway', 'ucrm_mover'))
       or (granted.rolname in ('ucrm_platform', 'ucrm_app', 'ucrm_reader')
           and (member.rolcreaterole or a.admin_option)
           and not member.rolsuper)
       or (member.rolname in ('ucrm_owner', 'ucrm_tables', 'ucrm_handler', 'ucrm_app', 'ucrm_gateway', 'ucrm_reader', 'ucrm_platform', 'ucrm_mover')
           and not (member.rolname = 'ucrm_handler' and granted.rolname = 'ucrm_app'))
    limit 1;
    if stranger is not null then
        raise exception 'unexpected membership: %', stranger
            using errcode = 'object_not_in_prerequisite_state',
                  hint = 'Revoke it before CREATE EXTENSION ucrm; UCRM grants the memberships it needs itself.';
    end if;
end
$$;

grant ucrm_app to ucrm_handler;

-- What the gateway sends must not reach the server's log (bind parameters carry credentials' digests and bodies).
alter role ucrm_gateway set log_parameter_max_length = 0;
alter role ucrm_gateway set log_parameter_max_length_on_error = 0;
alter role ucrm_gateway set timezone = 'UTC';
alter role ucrm_gateway set search_path = pg_catalog, pg_temp;

create schema ucrm;
comment on schema ucrm is 'UCRM: tenant context, roles, gates, windows, audit. Everything here belongs to the extension.';
grant usage on schema ucrm to ucrm_owner, ucrm_tables, ucrm_handler, ucrm_app, ucrm_gateway, ucrm_reader, ucrm_platform, ucrm_mover;

create function ucrm.uuid7()
returns uuid
language c
volatile
parallel safe
as 'MODULE_PATHNAME', 'ucrm_uuid7';
comment on function ucrm.uuid7() is
'A new UUIDv7 (RFC 9562, 5.7): millisecond time first, so that keys made later sort later. Random bits from the server''s strong source.';
grant execute on function ucrm.uuid7() to ucrm_owner, ucrm_tables, ucrm_handler, ucrm_app, ucrm_reader, ucrm_platform;

create function ucrm.bump()
returns trigger
language c
volatile
as 'MODULE_PATHNAME', 'ucrm_bump';
comment on function ucrm.bump() is
'Trigger of the tables that a remembered principal or route is made of: when the transaction commits, everything remembered is forgotten before the commit is acknowledged. It writes nothing and refuses nothing.';

create function ucrm.touch()
returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    if new is distinct from old then
        new.updated_at := pg_catalog.clock_timestamp();
    end if;
    return new;
end
$$;
comment on function ucrm.touch() is 'BEFORE UPDATE row trigger: keeps updated_at, and leaves a row that does not change as it is.';
