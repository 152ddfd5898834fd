-- Secrets that have to be read again, unlike a password: sealed with a key that no dump holds.
create table ucrm.secrets (
    tenant_id uuid not null references ucrm.tenants (id) on delete cascade,
    kind text not null check (kind ~ '^[a-z][a-z0-9_]*$'),
    holder uuid not null,
    sealed bytea not null,
    created_at timestamptz not null default clock_timestamp(),
    primary key (tenant_id, kind, holder)
);
comment on table ucrm.secrets is
'A tenant''s secrets, AES-256-GCM with a key of the file that ucrm.key_file names. kind: webhook (holder: the tenant, or an endpoint). A row opens in its own place only. Granted to nobody.';

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

create function ucrm.secret_place(tenant uuid, kind text, holder uuid)
returns text
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    return concat_ws('/', tenant, kind, holder);
end
$$;
comment on function ucrm.secret_place(uuid, text, uuid) is 'The place of a row of ucrm.secrets.';

create function ucrm.keep_secret(tenant uuid, kind text, holder uuid, clear bytea)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    insert into ucrm.secrets (tenant_id, kind, holder, sealed)
    values (tenant, keep_secret.kind, keep_secret.holder, ucrm.seal(clear, ucrm.secret_place(tenant, kind, holder)))
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
        select ucrm.unseal(s.sealed, ucrm.secret_place(s.tenant_id, s.kind, s.holder))
        from ucrm.secrets as s
        where s.tenant_id = tenant and s.kind = secret.kind and s.holder = secret.holder
    );
end
$$;
comment on function ucrm.secret(uuid, text, uuid) is 'A secret in clear, null when there is none. 55000 when its key is not in the key file.';

create function ucrm.reseal()
returns bigint
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    newest constant text := (ucrm.sealing_keys())[1];
    changed bigint;
begin
    if newest is null then
        raise exception '%', ucrm.key_fault() using errcode = 'object_not_in_prerequisite_state';
    end if;
    update ucrm.secrets as s
    set sealed = ucrm.seal(ucrm.unseal(s.sealed, p.place), p.place)
    from (
        select o.tenant_id, o.kind, o.holder, ucrm.secret_place(o.tenant_id, o.kind, o.holder) as place
        from ucrm.secrets as o
    ) as p
    where (p.tenant_id, p.kind, p.holder) = (s.tenant_id, s.kind, s.holder) and ucrm.sealed_under(s.sealed) <> newest;
    get diagnostics changed = row_count;
    return changed;
end
$$;
comment on function ucrm.reseal() is
'Seals with the newest key whatever is sealed with an older one, and says how many (superuser only). After it the older lines of the key file may go.';

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
