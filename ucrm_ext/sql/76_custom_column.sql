-- Custom columns: each tenant gives its tables columns of its own. Definitions are rows here; values lie in the column
-- `custom jsonb` of the table, and the table itself checks them, whatever the way in.
create table ucrm.custom_columns (
    tenant_id uuid not null references ucrm.tenants (id) on delete cascade,
    id uuid not null default ucrm.uuid7(),
    resource text not null check (resource ~ '^[a-z][a-z0-9_]{0,62}$'),
    name text not null check (name ~ '^[a-z][a-z0-9_]{0,62}$'),
    label text not null check (label <> '' and length(label) <= 200),
    type text not null check (type in ('plain', 'date', 'datetime', 'date_range', 'datetime_range', 'currency', 'single_select', 'link', 'email', 'phone')),
    options jsonb not null default '[]' check (jsonb_typeof(options) = 'array'),
    required boolean not null default false,
    position integer not null default 0 check (position between 0 and 1000000),
    created_at timestamptz not null default clock_timestamp(),
    updated_at timestamptz not null default clock_timestamp(),
    primary key (tenant_id, id),
    constraint custom_columns_name_key unique (tenant_id, resource, name)
);
comment on table ucrm.custom_columns is
'A tenant''s own columns of a resource. type: plain (text), date (2026-01-31), datetime (RFC 3339 with offset), date_range and datetime_range ({from, to}), currency ({amount: "12.30", currency: "EUR"}), single_select (one of options), link, email, phone. options: the choices of a single_select, strings; else []. required: rows made or changed from now on must have a value. Values are in the table''s column custom.';

insert into ucrm.constraint_fields (schema_name, constraint_name, field, code, message, builtin) values
('ucrm', 'custom_columns_name_key', 'name', 'duplicate', 'is a custom column of this resource already', true);

-- A line each, as the leaf reads it: name, type, required, choices.
create function ucrm.custom_definitions(tenant uuid, resource text)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return (
        select string_agg(concat_ws(E'\t', c.name, c.type, c.required::text::"char", c.options::text), E'\n' order by c.position, c.name)
        from ucrm.custom_columns as c
        where c.tenant_id = tenant and c.resource = custom_definitions.resource
    );
end
$$;
comment on function ucrm.custom_definitions(uuid, text) is 'A tenant''s custom columns of a resource for the leaf that checks rows: name, type, t or f (required), options; tab-separated lines.';

create function ucrm.custom_faults(tenant uuid, resource text, given jsonb, previous jsonb)
returns text
language c
volatile
as 'MODULE_PATHNAME', 'ucrm_custom_faults';
comment on function ucrm.custom_faults(uuid, text, jsonb, jsonb) is
'What is wrong with a row''s custom values, a line each: custom.name: sentence (code). Null: nothing, or the row is another tenant''s, which row security refuses. What was so before and did not change is not judged. Definitions in use stay as they are until the transaction ends.';

create function ucrm.hold_custom_columns(tenant uuid, resource text)
returns void
language c
volatile
as 'MODULE_PATHNAME', 'ucrm_hold_custom_columns';
comment on function ucrm.hold_custom_columns(uuid, text) is 'Waits for every transaction that writes custom values of this resource, and keeps others from it until this one ends.';

-- Its trigger asks before it calls: a row that fits costs one call of a leaf.
create function ucrm.refuse_custom()
returns trigger
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    previous constant jsonb := case tg_op when 'UPDATE' then to_jsonb(old) -> 'custom' end;
begin
    raise exception using
        errcode = 'invalid_parameter_value',
        message = ucrm.custom_faults(new.tenant_id, tg_argv[0], new.custom, previous),
        hint = 'select * from ucrm.custom_columns shows what there is.',
        schema = tg_table_schema,
        table = tg_table_name,
        column = 'custom';
end
$$;
comment on function ucrm.refuse_custom() is
'BEFORE row trigger of protected tables with a column custom jsonb, for rows that ucrm.custom_faults() is not content with. Argument: the resource. Raises 22023; MESSAGE: a line for every custom column at fault.';

create function ucrm.has_custom(relation regclass)
returns boolean
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select exists (
        select from pg_catalog.pg_attribute as a
        where a.attrelid = relation and a.attname = 'custom' and a.atttypid = 'jsonb'::regtype and a.attgenerated = '' and not a.attisdropped
    );
$$;
comment on function ucrm.has_custom(regclass) is 'Whether a table has a column custom jsonb.';

create function ucrm.attach_custom(relation regclass, noun text)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    if not ucrm.has_custom(relation) then
        return;
    end if;
    execute format('create or replace trigger ucrm_custom_insert before insert on %s for each row when (ucrm.custom_faults(new.tenant_id, %L, new.custom, null) is not null) execute function ucrm.refuse_custom(%L)', relation, noun, noun);
    execute format('create or replace trigger ucrm_custom_update before update on %s for each row when (new.custom is distinct from old.custom and ucrm.custom_faults(new.tenant_id, %L, new.custom, old.custom) is not null) execute function ucrm.refuse_custom(%L)', relation, noun, noun);
end
$$;
comment on function ucrm.attach_custom(regclass, text) is 'The triggers that check custom values, where the table has a column custom jsonb. Part of protect().';

create function ucrm.custom_errors(message text)
returns jsonb
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
    select jsonb_agg(jsonb_build_object('field', m.parts[1], 'code', m.parts[3], 'message', m.parts[2]) order by l.n)
    from string_to_table(message, E'\n') with ordinality as l (line, n)
    cross join lateral (select regexp_match(l.line, '^(custom(?:\.[a-z][a-z0-9_]*)?): (.*) \(([a-z_]+)\)$') as parts) as m
    where m.parts is not null;
$$;
comment on function ucrm.custom_errors(text) is 'The MESSAGE of ucrm.refuse_custom() as the errors of a reply: [{field, code, message}]; null for any other message.';

create function ucrm.custom_shape(resource text)
returns text
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    return (
        select string_agg(concat_ws(E'\t', 'custom.' || c.name,
            case c.type
                when 'date' then 'date'
                when 'datetime' then 'timestamp with time zone'
                when 'currency' then 'money'
                when 'date_range' then 'daterange'
                when 'datetime_range' then 'tstzrange'
                else 'text'
            end,
            'rw' || case when c.required then 'n' else '' end), E'\n' order by c.position, c.name)
        from ucrm.custom_columns as c
        where c.tenant_id = ucrm.tenant_id() and c.resource = custom_shape.resource
    );
end
$$;
comment on function ucrm.custom_shape(text) is
'The entered tenant''s custom columns of a resource as the compiler wants them: custom.name, type (text, date, timestamp with time zone, money, daterange, tstzrange), flags r(eadable) w(ritable) n(ot null); tab-separated lines, null when there are none.';

create function ucrm.custom_column_fault(c ucrm.custom_columns, out field text, out code text, out sentence text)
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    code := 'invalid_value';
    if not exists (
        select from ucrm.resources as r
        where r.kind = 'entity' and r.name = c.resource and ucrm.has_custom(ucrm.relation_of(r.table_schema, r.table_name))
    ) then
        field := 'resource';
        sentence := 'must be a resource whose table has a column custom jsonb';
    elsif coalesce(c.name, '') !~ '^[a-z][a-z0-9_]{0,62}$' then
        field := 'name';
        sentence := 'must be lower-case letters, digits and _, a letter first, at most 63';
    elsif coalesce(length(c.label), 0) not between 1 and 200 then
        field := 'label';
        sentence := 'must have 1 to 200 characters';
    elsif coalesce(c.type, '') not in ('plain', 'date', 'datetime', 'date_range', 'datetime_range', 'currency', 'single_select', 'link', 'email', 'phone') then
        field := 'type';
        sentence := 'must be plain, date, datetime, date_range, datetime_range, currency, single_select, link, email or phone';
    elsif coalesce(c.position, -1) not between 0 and 1000000 then
        field := 'position';
        sentence := 'must be a whole number from 0 to 1000000';
    elsif jsonb_typeof(c.options) is distinct from 'array' or (case
        when c.type <> 'single_select' then c.options <> '[]'
        else jsonb_array_length(c.options) not between 1 and 500
            or exists (select from jsonb_array_elements(c.options) as o where jsonb_typeof(o) <> 'string' or length(o #>> '{}') not between 1 and 200)
            or (select count(distinct o) from jsonb_array_elements(c.options) as o) <> jsonb_array_length(c.options)
    end) then
        field := 'options';
        sentence := 'must be the choices of a single_select: 1 to 500 different strings of at most 200 characters; [] for other types';
    else
        code := null;
    end if;
end
$$;
comment on function ucrm.custom_column_fault(ucrm.custom_columns) is 'What is wrong with a definition: field, code, sentence; nulls when nothing is.';

create function ucrm.create_custom_column(
    resource text,
    name text,
    type text,
    label text default null,
    options jsonb default '[]',
    required boolean default false,
    "position" integer default null
)
returns ucrm.custom_columns
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    c ucrm.custom_columns;
    wrong record;
    most constant integer := 200;
begin
    perform ucrm.demand('settings', 'create');
    c := row(ucrm.tenant_id(), ucrm.uuid7(), create_custom_column.resource, create_custom_column.name,
             coalesce(create_custom_column.label, initcap(replace(create_custom_column.name, '_', ' '))), create_custom_column.type,
             coalesce(create_custom_column.options, '[]'), coalesce(create_custom_column.required, false),
             coalesce(create_custom_column."position", 0), clock_timestamp(), clock_timestamp());
    select * into wrong from ucrm.custom_column_fault(c);
    if wrong.code is not null then
        perform ucrm.refuse('validation_failed', format('%s %s', wrong.field, wrong.sentence));
    end if;
    perform ucrm.hold_custom_columns(c.tenant_id, c.resource);
    if create_custom_column."position" is null then
        c.position := coalesce((select max(x.position) + 1 from ucrm.custom_columns as x where x.tenant_id = c.tenant_id and x.resource = c.resource), 0);
    end if;
    if (select count(*) from ucrm.custom_columns as x where x.tenant_id = c.tenant_id and x.resource = c.resource) >= most then
        perform ucrm.refuse('validation_failed', format('a resource has at most %s custom columns', most));
    end if;
    insert into ucrm.custom_columns select c.*;
    perform ucrm.record_event(c.tenant_id, 'created', 'custom_columns', c.id::text, null, to_jsonb(c));
    return c;
end
$$;
comment on function ucrm.create_custom_column(text, text, text, text, jsonb, boolean, integer) is
'Gives the entered tenant''s resource a column. Asks for settings:create. PT422 validation_failed; 23505 for a name that is taken.';

create function ucrm.custom_column_for_change(id uuid, action text)
returns ucrm.custom_columns
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    c ucrm.custom_columns;
begin
    perform ucrm.demand('settings', action);
    -- What is looked at afterwards must see what those have written who were waited for.
    if current_setting('transaction_isolation') <> 'read committed' then
        raise exception 'custom columns are changed under READ COMMITTED'
            using errcode = 'feature_not_supported', hint = 'begin isolation level read committed';
    end if;
    select x.* into c from ucrm.custom_columns as x where x.tenant_id = ucrm.tenant_id() and x.id = custom_column_for_change.id;
    if not found then
        perform ucrm.refuse('not_found');
    end if;
    perform ucrm.hold_custom_columns(c.tenant_id, c.resource);
    select x.* into c from ucrm.custom_columns as x where x.tenant_id = ucrm.tenant_id() and x.id = custom_column_for_change.id for update;
    if not found then
        perform ucrm.refuse('not_found');
    end if;
    return c;
end
$$;
comment on function ucrm.custom_column_for_change(uuid, text) is 'The definition, nobody else writing values or definitions of its resource. Asks for settings:action. PT404 not_found.';

create function ucrm.store_custom_column(id uuid, changes jsonb)
returns ucrm.custom_columns
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    before constant ucrm.custom_columns := ucrm.custom_column_for_change(id, case when changes is null then 'delete' else 'update' end);
    c ucrm.custom_columns := before;
    wrong record;
begin
    if changes is null then
        delete from ucrm.custom_columns as x where x.tenant_id = before.tenant_id and x.id = before.id;
        perform ucrm.record_event(before.tenant_id, 'deleted', 'custom_columns', before.id::text, to_jsonb(before), null);
        return before;
    end if;
    c.label := case when changes ? 'label' then changes ->> 'label' else c.label end;
    c.options := case when changes ? 'options' then changes -> 'options' else c.options end;
    c.required := case when changes ? 'required' then (changes ->> 'required')::boolean else c.required end;
    c.position := case when changes ? 'position' then (changes ->> 'position')::numeric::integer else c.position end;
    select * into wrong from ucrm.custom_column_fault(c);
    if wrong.code is not null then
        perform ucrm.refuse('validation_failed', format('%s %s', wrong.field, wrong.sentence));
    end if;
    if c is distinct from before then
        c.updated_at := clock_timestamp();
        update ucrm.custom_columns as x
        set label = c.label, options = c.options, required = c.required, position = c.position, updated_at = c.updated_at
        where x.tenant_id = c.tenant_id and x.id = c.id;
        perform ucrm.record_event(c.tenant_id, 'updated', 'custom_columns', c.id::text, to_jsonb(before), to_jsonb(c));
    end if;
    return c;
end
$$;
comment on function ucrm.store_custom_column(uuid, jsonb) is 'Changes a definition, or without changes deletes it; rows are the caller''s affair. Asks for settings:update or settings:delete.';

-- The two below touch rows: as the caller, whom row security holds. Somebody who may change only some rows would leave
-- the others behind.
create function ucrm.demand_all_rows(resource text, actions text[])
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    action text;
begin
    foreach action in array actions loop
        perform ucrm.demand(resource, action);
        if ucrm.permission_scope(resource, action) is distinct from 'all' then
            perform ucrm.refuse('permission_denied', format('this asks for %s:%s on all rows', resource, action));
        end if;
    end loop;
end
$$;
comment on function ucrm.demand_all_rows(text, text[]) is 'ucrm.demand() for each action, and not on one''s own rows only.';

create function ucrm.change_custom_column(id uuid, changes jsonb)
returns ucrm.custom_columns
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    before constant ucrm.custom_columns := ucrm.custom_column_for_change(id, 'update');
    c constant ucrm.custom_columns := ucrm.store_custom_column(id, coalesce(changes, '{}'));
    gone constant text[] := array(select o from jsonb_array_elements_text(before.options) as o where not c.options ? o);
    r ucrm.resources;
    used boolean := false;
begin
    if cardinality(gone) > 0 then
        select x.* into r from ucrm.resources as x where x.kind = 'entity' and x.name = c.resource;
        if found then
            perform ucrm.demand_all_rows(c.resource, array['read']);
            execute format('select exists (select from %I.%I as t where t.tenant_id = $1 and t.custom ->> $2 = any ($3))', r.table_schema, r.table_name)
            into used using c.tenant_id, c.name, gone;
        end if;
    end if;
    if used then
        perform ucrm.refuse('choice_in_use');
    end if;
    return c;
end
$$;
comment on function ucrm.change_custom_column(uuid, jsonb) is
'Changes label, options, required, position ({field: value}). Asks for settings:update, and to take a choice away for read on all rows of the resource. PT404 not_found, PT409 choice_in_use, PT422 validation_failed.';

create function ucrm.drop_custom_column(id uuid)
returns bigint
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    c constant ucrm.custom_columns := ucrm.store_custom_column(id, null);
    r ucrm.resources;
    changed bigint := 0;
begin
    select x.* into r from ucrm.resources as x where x.kind = 'entity' and x.name = c.resource;
    if found then
        perform ucrm.demand_all_rows(c.resource, array['read', 'update']);
        execute format('update %I.%I as t set custom = t.custom - $2 where t.tenant_id = $1 and t.custom ? $2', r.table_schema, r.table_name)
        using c.tenant_id, c.name;
        get diagnostics changed = row_count;
    end if;
    return changed;
end
$$;
comment on function ucrm.drop_custom_column(uuid) is
'Deletes a custom column and takes its values out of the tenant''s rows, audited like any change; returns how many rows had one. Asks for settings:delete, and for read and update on all rows of the resource. PT404 not_found.';

grant execute on function ucrm.hold_custom_columns(uuid, text), ucrm.custom_faults(uuid, text, jsonb, jsonb) to ucrm_owner;
grant execute on function ucrm.custom_shape(text) to ucrm_handler, ucrm_owner;
grant execute on function ucrm.custom_column_fault(ucrm.custom_columns), ucrm.custom_errors(text) to ucrm_handler, ucrm_owner;
grant execute on function
    ucrm.create_custom_column(text, text, text, text, jsonb, boolean, integer), ucrm.custom_column_for_change(uuid, text),
    ucrm.store_custom_column(uuid, jsonb), ucrm.demand_all_rows(text, text[]), ucrm.change_custom_column(uuid, jsonb), ucrm.drop_custom_column(uuid)
to ucrm_app, ucrm_owner;
