-- Secrets that have to be read again, unlike a password: sealed with a key that no dump holds.
create table ucrm.secrets (
    tenant_id uuid not null references ucrm.tenants (id) on delete cascade,
    kind text not null check (kind ~ '^[a-z][a-z0-9_]*$'),
    holder uuid not null,
    sealed bytea not null,
    place text not null generated always as (tenant_id::text || '/' || kind || '/' || holder::text) stored,
    created_at timestamptz not null default clock_timestamp(),
    primary key (tenant_id, kind, holder)
);
comment on table ucrm.secrets is
'A tenant''s secrets, AES-256-GCM with a key of the file that ucrm.key_file names. kind: webhook (holder: the tenant, or an endpoint), mail (the tenant). A row opens in its own place only. Granted to nobody. Every table that holds sealed values has these two columns, sealed and place: see ucrm.sealed_tables().';

create function ucrm.seal(clear bytea, place text)
returns bytea
language c
volatile
strict
as 'MODULE_PATHNAME', 'ucrm_seal';
comment on function ucrm.seal(bytea, text) is
'Encrypts for a place, which has to be named again to open it. 55000 when there is no usable key file.';

create function ucrm.unseal(sealed bytea, place text)
returns bytea
language c
volatile
strict
as 'MODULE_PATHNAME', 'ucrm_unseal';
comment on function ucrm.unseal(bytea, text) is
'Opens what ucrm.seal() made for this place. 55000 when its key is not in the key file, XX001 for anything changed or sealed for another place.';

create function ucrm.sealing_keys()
returns text[]
language c
volatile
as 'MODULE_PATHNAME', 'ucrm_sealing_keys';
comment on function ucrm.sealing_keys() is 'The names of the keys in the key file (first 4 bytes of the SHA-256, hexadecimal), the one that seals now first; none when it cannot be used.';

create function ucrm.sealed_under(sealed bytea)
returns text
language c
immutable
strict
as 'MODULE_PATHNAME', 'ucrm_sealed_under';
comment on function ucrm.sealed_under(bytea) is 'The name of the key a secret is sealed under.';

create function ucrm.key_fault()
returns text
language c
volatile
as 'MODULE_PATHNAME', 'ucrm_key_fault';
comment on function ucrm.key_fault() is 'Why the key file cannot be used; null when it can.';

create function ucrm.random_bytes(count integer)
returns bytea
language c
volatile
strict
as 'MODULE_PATHNAME', 'ucrm_random_bytes';
comment on function ucrm.random_bytes(integer) is '1 to 64 bytes of the server''s strong random source. 22003 for another number.';

create function ucrm.keep_secret(tenant uuid, kind text, holder uuid, clear bytea)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    insert into ucrm.secrets (tenant_id, kind, holder, sealed)
    values (tenant, keep_secret.kind, keep_secret.holder, ucrm.seal(clear, concat_ws('/', tenant, kind, holder)))
    on conflict on constraint secrets_pkey do update set sealed = excluded.sealed, created_at = excluded.created_at;
end
$$;
comment on function ucrm.keep_secret(uuid, text, uuid, bytea) is 'Puts a secret away, over an older one. 55000 when there is no usable key file.';

create function ucrm.secret(tenant uuid, kind text, holder uuid)
returns bytea
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    return (
        select ucrm.unseal(s.sealed, s.place)
        from ucrm.secrets as s
        where s.tenant_id = tenant and s.kind = secret.kind and s.holder = secret.holder
    );
end
$$;
comment on function ucrm.secret(uuid, text, uuid) is 'A secret in clear, null when there is none. 55000 when its key is not in the key file.';

-- What is sealed says in its own row where it belongs, in a column that nobody can write: a table of tomorrow is found
-- by these two columns.
create function ucrm.sealed_tables()
returns setof regclass
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select c.oid::regclass
    from pg_catalog.pg_class as c
    join pg_catalog.pg_attribute as s on s.attrelid = c.oid and s.attname = 'sealed' and s.atttypid = 'bytea'::regtype and not s.attisdropped
    join pg_catalog.pg_attribute as p on p.attrelid = c.oid and p.attname = 'place' and p.atttypid = 'text'::regtype and p.attgenerated = 's' and not p.attisdropped
    where c.relnamespace = 'ucrm'::regnamespace and c.relkind = 'r'
    order by c.relname;
$$;
comment on function ucrm.sealed_tables() is 'The tables of UCRM''s that hold sealed values, in sealed, each for the place that the generated column place says.';

create function ucrm.sealing_use(out relation regclass, out key text, out many bigint)
returns setof record
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    for relation in select t from ucrm.sealed_tables() as t loop
        for key, many in execute format('select ucrm.sealed_under(s.sealed), count(*) from %s as s group by 1 order by 1', relation) loop
            return next;
        end loop;
    end loop;
end
$$;
comment on function ucrm.sealing_use() is 'How many values of which table are sealed under which key.';

create function ucrm.reseal()
returns bigint
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    newest constant text := (ucrm.sealing_keys())[1];
    relation regclass;
    changed bigint;
    total bigint := 0;
begin
    if newest is null then
        raise exception '%', ucrm.key_fault() using errcode = 'object_not_in_prerequisite_state';
    end if;
    for relation in select t from ucrm.sealed_tables() as t loop
        execute format('update %s as s set sealed = ucrm.seal(ucrm.unseal(s.sealed, s.place), s.place) where ucrm.sealed_under(s.sealed) <> $1', relation) using newest;
        get diagnostics changed = row_count;
        total := total + changed;
    end loop;
    return total;
end
$$;
comment on function ucrm.reseal() is
'Seals with the newest key whatever is sealed with an older one, in every table of ucrm.sealed_tables(), and says how many values (superuser only). After it the older lines of the key file may go.';

create function ucrm.make_webhook_secret(tenant uuid)
returns text
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    -- 32 random bytes, as Standard Webhooks wants between 24 and 64.
    clear constant bytea := ucrm.random_bytes(32);
begin
    perform ucrm.keep_secret(tenant, 'webhook', tenant, clear);
    return 'whsec_' || encode(clear, 'base64');
end
$$;
comment on function ucrm.make_webhook_secret(uuid) is
'Makes the tenant''s own webhook secret anew and shows it once, as Standard Webhooks writes it: whsec_ and base64. 55000 when there is no usable key file.';

grant execute on function
    ucrm.seal(bytea, text), ucrm.unseal(bytea, text), ucrm.sealing_keys(), ucrm.sealed_under(bytea), ucrm.key_fault(),
    ucrm.random_bytes(integer)
to ucrm_owner;
