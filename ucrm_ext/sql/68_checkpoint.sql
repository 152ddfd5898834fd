-- Checkpoints: the head of a chain, signed, for an operator to keep where nobody who owns this database can reach it. The
-- private key is sealed with the key file: a dump signs nothing.
create table ucrm.audit_keys (
    id uuid primary key default ucrm.uuid7(),
    public bytea not null check (octet_length(public) = 32),
    sealed bytea not null,
    place text not null generated always as ('audit_key/' || id::text) stored,
    created_at timestamptz not null default clock_timestamp()
);
comment on table ucrm.audit_keys is
'Ed25519 keys that checkpoints are signed with, the newest one from now on; older ones go on being believed. sealed: the seed (see ucrm.secrets). Granted to nobody.';

create function ucrm.make_audit_key(place text, out public bytea, out sealed bytea)
language c
volatile
strict
as 'MODULE_PATHNAME', 'ucrm_make_audit_key';
comment on function ucrm.make_audit_key(text) is 'A new Ed25519 key: the public half, and the seed, sealed for its place. 55000 when there is no usable key file.';

create function ucrm.audit_key_text(public bytea)
returns text
language c
immutable
strict
as 'MODULE_PATHNAME', 'ucrm_audit_key_text';
comment on function ucrm.audit_key_text(bytea) is 'A public key as C2SP''s signed-note writes it: name+id+base64.';

create function ucrm.sign_checkpoint(sealed bytea, place text, tenant_id uuid, n bigint, hash bytea, rows bigint, last_id uuid, at timestamptz)
returns text
language c
volatile
strict
as 'MODULE_PATHNAME', 'ucrm_sign_checkpoint';
comment on function ucrm.sign_checkpoint(bytea, text, uuid, bigint, bytea, bigint, uuid, timestamptz) is 'A signed note of a chain''s head. 55000 when the key''s key is not in the key file.';

create function ucrm.open_checkpoint(note text, keys text[])
returns text[]
language c
immutable
strict
as 'MODULE_PATHNAME', 'ucrm_open_checkpoint';
comment on function ucrm.open_checkpoint(text, text[]) is 'What a note says that one of the keys has signed: tenant, n, hash (hexadecimal), rows, last id, time; null: none has.';

create function ucrm.renew_audit_key()
returns text
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    name constant uuid := ucrm.uuid7();
    made record;
begin
    made := ucrm.make_audit_key('audit_key/' || name);
    insert into ucrm.audit_keys (id, public, sealed) values (name, made.public, made.sealed);
    insert into ucrm.platform_audit_logs (action, detail) values ('audit_key.made', jsonb_build_object('public_key', ucrm.audit_key_text(made.public)));
    return ucrm.audit_key_text(made.public);
end
$$;
comment on function ucrm.renew_audit_key() is 'Makes the key that signs checkpoints from now on, and returns its public half (superuser only). 55000 when there is no usable key file.';

create function ucrm.audit_public_keys()
returns setof text
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$ select ucrm.audit_key_text(k.public) from ucrm.audit_keys as k order by k.id desc $$;
comment on function ucrm.audit_public_keys() is 'Public keys of checkpoints, the newest first: keep them with the checkpoints, not here.';

create function ucrm.chain_checkpoint(chain uuid)
returns text
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    key ucrm.audit_keys;
    head ucrm.audit_seals;
    total bigint;
begin
    select k.* into key from ucrm.audit_keys as k order by k.id desc limit 1;
    if not found then
        perform ucrm.lock('audit_keys');
        if not exists (select from ucrm.audit_keys) then
            perform ucrm.renew_audit_key();
        end if;
        select k.* into key from ucrm.audit_keys as k order by k.id desc limit 1;
    end if;
    select s.n, s.hash, s.last_id into head.n, head.hash, head.last_id
    from ucrm.audit_seals as s
    where s.tenant_id = chain
    order by s.n desc
    limit 1;
    total := (select coalesce(sum(s.rows), 0) from ucrm.audit_seals as s where s.tenant_id = chain);
    return ucrm.sign_checkpoint(
        key.sealed, key.place, chain, coalesce(head.n, 0), coalesce(head.hash, decode(repeat('00', 32), 'hex')), total,
        coalesce(head.last_id, '00000000-0000-0000-0000-000000000000'), clock_timestamp());
end
$$;
comment on function ucrm.chain_checkpoint(uuid) is 'ucrm.audit_checkpoint() of a chain, whoever asks.';

create function ucrm.audit_checkpoint(tenant uuid default null)
returns text
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    chain constant uuid := ucrm.audit_chain(tenant);
begin
    return ucrm.chain_checkpoint(chain);
end
$$;
comment on function ucrm.audit_checkpoint(uuid) is
'The head of the workspace''s chain of seals (as for ucrm.audit_verify()) as a signed note (C2SP signed-note, Ed25519). Keep it, and the public key, elsewhere: against it even a chain that was made anew from the beginning is found out. 55000 when there is no usable key file; refusals as ucrm.audit_verify().';

grant execute on function
    ucrm.make_audit_key(text), ucrm.audit_key_text(bytea), ucrm.sign_checkpoint(bytea, text, uuid, bigint, bytea, bigint, uuid, timestamptz),
    ucrm.open_checkpoint(text, text[])
to ucrm_owner;
grant execute on function ucrm.audit_public_keys() to ucrm_app, ucrm_handler, ucrm_platform;
grant execute on function ucrm.audit_checkpoint(uuid) to ucrm_app, ucrm_handler, ucrm_platform;
