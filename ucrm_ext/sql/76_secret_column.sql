-- Secret columns: written, never read. The row holds a mask; the value is sealed in ucrm.secrets, kind by resource and
-- column, holder the row's id. So nothing that reads the row, its audit, its events or a dump has anything to show.
create function ucrm.secret_kind(resource text, "column" text)
returns text
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$ select format('row_%s_%s_%s', length(resource), resource, "column") $$;
comment on function ucrm.secret_kind(text, text) is 'The kind in ucrm.secrets of a resource''s secret column.';

create function ucrm.secret_mask(clear text)
returns text
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$ select '••••' || case when length(clear) >= 12 then right(clear, 4) else '' end $$;
comment on function ucrm.secret_mask(text) is 'What a row shows of a secret: •••• and, of 12 characters or more, the last four.';

-- BEFORE a row is written its values go from the row into this backend's memory, and AFTER the statement from there into
-- ucrm.secrets: what a conflict or another trigger kept from being written is not sealed either.
create function ucrm.stash_secret(place text, clear text)
returns void
language c
volatile
as 'MODULE_PATHNAME', 'ucrm_stash_secret';
comment on function ucrm.stash_secret(text, text) is 'Keeps a value in this backend''s memory until the transaction ends, or forgets it (null).';

create function ucrm.stashed_secret(place text)
returns text
language c
volatile
as 'MODULE_PATHNAME', 'ucrm_stashed_secret';
comment on function ucrm.stashed_secret(text) is 'Takes a value out of this backend''s memory; null when there is none.';

create function ucrm.mask_secrets()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    image constant jsonb := to_jsonb(new);
    before constant jsonb := case tg_op when 'UPDATE' then to_jsonb(old) end;
    place constant text := concat_ws('/', new.tenant_id, '%s', image ->> tg_argv[1]);
    moved constant boolean := tg_op = 'UPDATE' and (before ->> 'tenant_id', before ->> tg_argv[1]) is distinct from (image ->> 'tenant_id', image ->> tg_argv[1]);
    masks jsonb := '{}';
    which text;
    given text;
    previous text;
    clear text;
    c text;
begin
    -- A restored tenant brings its masks and its sealed secrets.
    if new.tenant_id is not distinct from ucrm.hushed_tenant() then
        return new;
    end if;
    foreach c in array string_to_array(tg_argv[2], ',') loop
        which := ucrm.secret_kind(tg_argv[0], c);
        given := image ->> c;
        previous := before ->> c;
        clear := null;
        -- What the last row that was to be inserted had: ON CONFLICT DO UPDATE may take it from excluded, as a mask.
        if tg_op = 'INSERT' then
            perform ucrm.stash_secret(concat_ws('/', new.tenant_id, which, 'proposed'), null);
        elsif moved and previous is not null then
            clear := convert_from(ucrm.secret((before ->> 'tenant_id')::uuid, which, (before ->> tg_argv[1])::uuid), 'UTF8');
            delete from ucrm.secrets as s where s.tenant_id = (before ->> 'tenant_id')::uuid and s.kind = which and s.holder = (before ->> tg_argv[1])::uuid;
        end if;
        if given is distinct from previous then
            if given = '' then
                raise exception using errcode = 'invalid_parameter_value', message = format('%s must not be empty', c), hint = 'Write null to clear it.',
                    schema = tg_table_schema, table = tg_table_name, column = c;
            elsif given like '••••%' then
                clear := ucrm.stashed_secret(concat_ws('/', new.tenant_id, which, 'proposed'));
                if tg_op = 'INSERT' or clear is null or ucrm.secret_mask(clear) <> given then
                    raise exception using errcode = 'invalid_parameter_value', message = format('%s is a mask, not a secret', c), hint = 'Write the secret itself, or leave the column as it is.',
                        schema = tg_table_schema, table = tg_table_name, column = c;
                end if;
            else
                clear := given;
            end if;
            if given is null then
                -- An empty value says that there is none any more.
                clear := '';
            else
                masks := masks || jsonb_build_object(c, ucrm.secret_mask(clear));
                if masks ->> c = previous then
                    -- The row does not show that it changed.
                    perform ucrm.record_event(new.tenant_id, 'secret_changed', tg_argv[0], image ->> tg_argv[1], null, jsonb_build_object('column', c));
                end if;
            end if;
        end if;
        if clear is not null then
            perform ucrm.stash_secret(format(place, which), clear);
            if tg_op = 'INSERT' then
                perform ucrm.stash_secret(concat_ws('/', new.tenant_id, which, 'proposed'), clear);
            end if;
        end if;
    end loop;
    if masks <> '{}' then
        new := jsonb_populate_record(new, masks);
    end if;
    return new;
end
$$;
comment on function ucrm.mask_secrets() is
'BEFORE row trigger of tables with secret columns; arguments: resource, key column, secret columns. Puts a mask in the place of a new value. The mask that is there already changes nothing; null clears; 22023 for another mask and for an empty text.';

create function ucrm.keep_secrets()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    r record;
    which text;
    clear text;
    c text;
begin
    for r in select n.tenant_id as tenant, to_jsonb(n.*) as image from new_rows as n loop
        foreach c in array string_to_array(tg_argv[2], ',') loop
            which := ucrm.secret_kind(tg_argv[0], c);
            clear := ucrm.stashed_secret(concat_ws('/', r.tenant, which, r.image ->> tg_argv[1]));
            if clear = '' then
                delete from ucrm.secrets as s where s.tenant_id = r.tenant and s.kind = which and s.holder = (r.image ->> tg_argv[1])::uuid;
            elsif clear is not null then
                perform ucrm.keep_secret(r.tenant, which, (r.image ->> tg_argv[1])::uuid, convert_to(clear, 'UTF8'));
            end if;
        end loop;
    end loop;
    return null;
end
$$;
comment on function ucrm.keep_secrets() is 'AFTER INSERT and UPDATE statement trigger of tables with secret columns: seals what was masked. 55000 when there is no usable key file.';

create function ucrm.drop_secrets()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    kinds constant text[] := array(select ucrm.secret_kind(tg_argv[0], c) from unnest(string_to_array(tg_argv[2], ',')) as c);
begin
    if tg_op = 'TRUNCATE' then
        delete from ucrm.secrets as s where s.kind = any (kinds);
    else
        delete from ucrm.secrets as s
        using old_rows as o
        where s.tenant_id = o.tenant_id and s.kind = any (kinds) and s.holder = (to_jsonb(o) ->> tg_argv[1])::uuid;
    end if;
    return null;
end
$$;
comment on function ucrm.drop_secrets() is 'AFTER DELETE and TRUNCATE statement trigger of tables with secret columns: a row''s secrets go with it.';

create function ucrm.row_secret(resource text, id uuid, "column" text, tenant uuid default ucrm.tenant_id())
returns text
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    return convert_from(ucrm.secret(tenant, ucrm.secret_kind(resource, "column"), id), 'UTF8');
end
$$;
comment on function ucrm.row_secret(text, uuid, text, uuid) is
'The value of a row''s secret column in clear, for UCRM''s own workers inside the database; granted to nobody. Null when there is none.';

create function ucrm.secret_obstacles(relation regclass, secret text[], key_column name)
returns text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select string_agg(v.problem, '; ')
    from (
        select format('secret column %I must be text', a.attname) as problem
        from pg_catalog.pg_attribute as a
        where a.attrelid = relation and a.attname = any (secret) and a.atttypid <> 'text'::regtype
        union all
        select format('the name of secret column %I must be lower-case letters, digits and _', a.attname)
        from pg_catalog.pg_attribute as a
        where a.attrelid = relation and a.attname = any (secret) and a.attname !~ '^[a-z][a-z0-9_]*$'
        union all
        select format('a table with secret columns must have a uuid key, and %I is none', a.attname)
        from pg_catalog.pg_attribute as a
        where a.attrelid = relation and a.attname = key_column and a.atttypid <> 'uuid'::regtype and cardinality(secret) > 0
    ) as v;
$$;
comment on function ucrm.secret_obstacles(regclass, text[], name) is 'Why these columns cannot be secret ones; null when they can.';

-- What lies in clear in a column that becomes secret: sealed and masked, past every trigger, so that no audit shows it.
create function ucrm.seal_rows(relation regclass, noun text, key_column name, "column" text)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    role constant text := current_setting('session_replication_role');
begin
    execute format('select ucrm.keep_secret(t.tenant_id, %L, t.%I, convert_to(t.%I, ''UTF8'')) from %s as t where t.%3$I <> ''''', ucrm.secret_kind(noun, "column"), key_column, "column", relation);
    perform set_config('session_replication_role', 'replica', true);
    execute format('update %s as t set %I = case t.%2$I when '''' then null else ucrm.secret_mask(t.%2$I) end where t.%2$I is not null', relation, "column");
    perform set_config('session_replication_role', role, true);
end
$$;
comment on function ucrm.seal_rows(regclass, text, name, text) is 'Seals and masks the values of a column that has just become secret. Part of protect().';

create function ucrm.attach_secrets(relation regclass, noun text)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    r ucrm.resources;
    before text[];
    arguments text;
    c text;
begin
    select x.* into r from ucrm.resources as x where x.name = noun;
    select string_to_array(convert_from((string_to_array(encode(t.tgargs, 'escape'), '\000'))[3]::bytea, 'UTF8'), ',') into before
    from pg_catalog.pg_trigger as t
    where t.tgrelid = relation and t.tgname = 'ucrm_secret_mask';
    if cardinality(r.secret_columns) = 0 then
        if before is not null then
            for c in select t.tgname from pg_catalog.pg_trigger as t where t.tgrelid = relation and t.tgname like 'ucrm\_secret\_%' loop
                execute format('drop trigger %I on %s', c, relation);
            end loop;
        end if;
        return;
    end if;
    foreach c in array r.secret_columns loop
        if not c = any (coalesce(before, '{}')) then
            perform ucrm.seal_rows(relation, noun, r.key_column, c);
        end if;
    end loop;
    arguments := format('%L, %L, %L', r.name, r.key_column, array_to_string(r.secret_columns, ','));
    execute format('create or replace trigger ucrm_secret_mask before insert or update on %s for each row execute function ucrm.mask_secrets(%s)', relation, arguments);
    execute format('create or replace trigger ucrm_secret_insert after insert on %s referencing new table as new_rows for each statement execute function ucrm.keep_secrets(%s)', relation, arguments);
    execute format('create or replace trigger ucrm_secret_update after update on %s referencing new table as new_rows for each statement execute function ucrm.keep_secrets(%s)', relation, arguments);
    execute format('create or replace trigger ucrm_secret_delete after delete on %s referencing old table as old_rows for each statement execute function ucrm.drop_secrets(%s)', relation, arguments);
    execute format('create or replace trigger ucrm_secret_empty after truncate on %s for each statement execute function ucrm.drop_secrets(%s)', relation, arguments);
end
$$;
comment on function ucrm.attach_secrets(regclass, text) is 'The triggers that seal secret columns, where a table has any; what lies there in clear is sealed first. Part of protect().';

create function ucrm.rename_row_secrets(from_noun text, to_noun text, columns text[])
returns void
language sql
volatile
set search_path = pg_catalog, pg_temp
as $$
    update ucrm.secrets as s
    set kind = ucrm.secret_kind(to_noun, c),
        sealed = ucrm.seal(ucrm.unseal(s.sealed, s.place), concat_ws('/', s.tenant_id, ucrm.secret_kind(to_noun, c), s.holder))
    from unnest(columns) as c
    where s.kind = ucrm.secret_kind(from_noun, c);
$$;
comment on function ucrm.rename_row_secrets(text, text, text[]) is 'Seals a resource''s secrets again under its new name. Part of protect().';

grant execute on function ucrm.stash_secret(text, text), ucrm.stashed_secret(text) to ucrm_owner;
