-- supa_audit's way of keeping an audit, for bench.contacts, asleep: a row trigger in PL/pgSQL that asks for the key's columns,
-- makes a UUIDv5 of table and key, and writes the row as jsonb.
-- As a superuser, after quiet.sql.
\set ON_ERROR_STOP on
\set QUIET on
set client_min_messages = warning;
create extension "uuid-ossp" schema bench;
create table bench.record_version (
    id bigserial primary key,
    record_id uuid,
    old_record_id uuid,
    op text not null,
    ts timestamptz not null default now(),
    table_oid oid not null,
    table_schema name not null,
    table_name name not null,
    record jsonb,
    old_record jsonb,
    check (coalesce(record_id, old_record_id) is not null or op = 'TRUNCATE')
);
create index on bench.record_version (record_id) where record_id is not null;
create index on bench.record_version (old_record_id) where old_record_id is not null;
create index on bench.record_version using brin (ts);
create index on bench.record_version (table_oid);
create function bench.key_columns(relation oid) returns text[] language sql stable security definer set search_path = '' as $$
    select coalesce(array_agg(a.attname::text order by a.attnum), '{}')
    from pg_catalog.pg_index as i
    join pg_catalog.pg_attribute as a on a.attrelid = i.indrelid and a.attnum = any (i.indkey)
    where i.indrelid = relation and i.indisprimary
$$;
create function bench.record_id(relation oid, key text[], image jsonb) returns uuid language sql stable as $$
    select case when image is null then null when key = '{}' then bench.uuid_generate_v4()
        else bench.uuid_generate_v5('fd62bc3d-8d6e-43c2-919c-802ba3762271', (
            select jsonb_build_array(relation::bigint)::text || coalesce(string_agg((image ->> k), ',' order by n), '') from unnest(key) with ordinality as x (k, n)))
    end
$$;
create function bench.record_version() returns trigger language plpgsql security definer set search_path = '' as $$
declare
    key constant text[] := bench.key_columns(tg_relid);
    record_jsonb constant jsonb := to_jsonb(new);
    old_record_jsonb constant jsonb := to_jsonb(old);
begin
    insert into bench.record_version (record_id, old_record_id, op, table_oid, table_schema, table_name, record, old_record)
    select bench.record_id(tg_relid, key, record_jsonb), bench.record_id(tg_relid, key, old_record_jsonb), tg_op, tg_relid, tg_table_schema, tg_table_name, record_jsonb, old_record_jsonb;
    return coalesce(new, old);
end
$$;
create trigger record_version after insert or update or delete on bench.contacts for each row execute function bench.record_version();
alter table bench.contacts disable trigger record_version;
