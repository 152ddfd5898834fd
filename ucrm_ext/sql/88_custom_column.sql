-- Custom columns over HTTP: the functions of 76_custom_column decide.
create function ucrm.custom_columns_route(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    shape constant text := ucrm.kernel_shape('ucrm.custom_columns', 'id', 'name,label');
begin
    return case when r.id is null then ucrm.list_kernel(r, shape) else ucrm.get_kernel(r, shape) end;
end
$$;
comment on function ucrm.custom_columns_route(ucrm.request) is
'GET /api/v1/custom_columns and /{id}: {id, resource, name, label, type, options, required, position, created_at, updated_at}; ?resource=eq.contacts&sort=position. Refusals: invalid_filter, not_found.';

create function ucrm.custom_column_body(r ucrm.request, fields text[], required text[], out body jsonb, out refusal ucrm.response)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    b record;
begin
    select * into b from ucrm.body_of(r, fields, required, others => array['options', 'required', 'position']);
    body := b.body;
    refusal := b.refusal;
    if refusal.status is not null then
        return;
    end if;
    if coalesce(jsonb_typeof(body -> 'required'), 'boolean') <> 'boolean' then
        refusal := ucrm.wrong_field(r, 'required', 'invalid_type', 'must be true or false');
    elsif coalesce(jsonb_typeof(body -> 'options'), 'array') <> 'array' then
        refusal := ucrm.wrong_field(r, 'options', 'invalid_type', 'must be a list of strings');
    elsif body ? 'position' and ucrm.whole_number(body -> 'position', 1000000) is null then
        refusal := ucrm.wrong_field(r, 'position', 'invalid_type', 'must be a whole number from 0 to 1000000');
    elsif body ? 'label' and coalesce(length(body ->> 'label'), 0) not between 1 and 200 then
        refusal := ucrm.wrong_field(r, 'label', 'invalid_value', 'must have 1 to 200 characters');
    end if;
end
$$;
comment on function ucrm.custom_column_body(ucrm.request, text[], text[]) is 'The body of a custom column, its fields of the right JSON types, or the refusal.';

create function ucrm.create_custom_column_route(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    b record;
    wrong record;
    c ucrm.custom_columns;
begin
    select * into b from ucrm.custom_column_body(r, array['resource', 'name', 'label', 'type'], array['resource', 'name', 'type']);
    if (b.refusal).status is not null then
        return b.refusal;
    end if;
    c.resource := b.body ->> 'resource';
    c.name := b.body ->> 'name';
    c.type := b.body ->> 'type';
    c.label := coalesce(b.body ->> 'label', c.name);
    c.options := coalesce(b.body -> 'options', '[]');
    c.position := coalesce(ucrm.whole_number(b.body -> 'position', 1000000), 0);
    select * into wrong from ucrm.custom_column_fault(c);
    if wrong.code is not null then
        return ucrm.wrong_field(r, wrong.field, wrong.code, wrong.sentence);
    end if;
    c := ucrm.create_custom_column(c.resource, c.name, c.type, b.body ->> 'label', c.options, (b.body ->> 'required')::boolean, ucrm.whole_number(b.body -> 'position', 1000000));
    return ucrm.json_response(201, jsonb_build_object('data', to_jsonb(c) - 'tenant_id'), jsonb_build_object('location', '/api/v1/custom_columns/' || c.id));
end
$$;
comment on function ucrm.create_custom_column_route(ucrm.request) is
'POST /api/v1/custom_columns {resource, name, type, label, options, required, position}: 201 {data} with Location. Refusals: validation_failed, duplicate.';

create function ucrm.change_custom_column_route(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    b record;
    wrong record;
    c ucrm.custom_columns;
begin
    select * into b from ucrm.custom_column_body(r, array['label'], '{}');
    if (b.refusal).status is not null then
        return b.refusal;
    end if;
    c := ucrm.custom_column_for_change(ucrm.uuid_of(r.id), 'update');
    c.options := coalesce(b.body -> 'options', c.options);
    select * into wrong from ucrm.custom_column_fault(c);
    if wrong.field = 'options' then
        return ucrm.wrong_field(r, wrong.field, wrong.code, wrong.sentence);
    end if;
    c := ucrm.change_custom_column(c.id, b.body);
    return ucrm.json_response(200, jsonb_build_object('data', to_jsonb(c) - 'tenant_id'));
end
$$;
comment on function ucrm.change_custom_column_route(ucrm.request) is
'PATCH /api/v1/custom_columns/{id} {label, options, required, position}: 200 {data}. resource, name and type do not change. Refusals: not_found, unknown_field, validation_failed, choice_in_use.';

create function ucrm.delete_custom_column_route(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    perform ucrm.drop_custom_column(ucrm.uuid_of(r.id));
    return row(204, null, null)::ucrm.response;
end
$$;
comment on function ucrm.delete_custom_column_route(ucrm.request) is
'DELETE /api/v1/custom_columns/{id}: 204; its values go out of the workspace''s rows in the same transaction. Needs update on all rows of the resource too. Refusals: not_found, permission_denied.';

insert into ucrm.routes (method, template, function, audience, resource, action, builtin) values
('GET', '/api/v1/custom_columns', 'ucrm.custom_columns_route', 'tenant', 'settings', 'read', true),
('GET', '/api/v1/custom_columns/{id}', 'ucrm.custom_columns_route', 'tenant', 'settings', 'read', true),
('POST', '/api/v1/custom_columns', 'ucrm.create_custom_column_route', 'tenant', 'settings', 'create', true),
('PATCH', '/api/v1/custom_columns/{id}', 'ucrm.change_custom_column_route', 'tenant', 'settings', 'update', true),
('DELETE', '/api/v1/custom_columns/{id}', 'ucrm.delete_custom_column_route', 'tenant', 'settings', 'delete', true);

grant execute on function
    ucrm.custom_columns_route(ucrm.request), ucrm.custom_column_body(ucrm.request, text[], text[]), ucrm.create_custom_column_route(ucrm.request),
    ucrm.change_custom_column_route(ucrm.request), ucrm.delete_custom_column_route(ucrm.request)
to ucrm_handler, ucrm_owner;
-- Pure functions over the request.
grant execute on function
    ucrm.body_of(ucrm.request, text[], text[], text[]), ucrm.wrong_field(ucrm.request, text, text, text), ucrm.uuid_of(text), ucrm.json_fault(bytea, boolean)
to ucrm_handler;
