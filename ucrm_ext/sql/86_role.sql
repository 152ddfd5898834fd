-- Roles over HTTP: the built-in ones to look at, the tenant's own to make, change and delete. A change of roles needs a
-- fresh session: the functions of 78_member ask.
create function ucrm.permission_text(given jsonb, out permissions text, out fault text)
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    case coalesce(jsonb_typeof(given), 'null')
        when 'null' then
            return;
        when 'string' then
            permissions := given #>> '{}';
        when 'array' then
            if exists (select from jsonb_array_elements(given) as e where jsonb_typeof(e) <> 'string') then
                fault := 'must be a list of strings, resource:action';
                return;
            end if;
            select coalesce(string_agg(e, ','), '') into permissions from jsonb_array_elements_text(given) as e;
        else
            fault := 'must be a list of strings, resource:action';
            return;
    end case;
    begin
        permissions := ucrm.canonical_permissions(permissions);
    exception when sqlstate 'PT422' then
        get stacked diagnostics fault = pg_exception_detail;
    end;
end
$$;
comment on function ucrm.permission_text(jsonb) is
'Permissions of a body, ["contacts:read", …] or one text, in their one spelling; or what is wrong with them. Null: none were given.';

create function ucrm.roles_route(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    shape constant text := ucrm.kernel_shape('ucrm.tenant_roles', 'name', 'name,label');
begin
    return case when r.id is null then ucrm.list_kernel(r, shape) else ucrm.get_kernel(r, shape) end;
end
$$;
comment on function ucrm.roles_route(ucrm.request) is 'GET /api/v1/roles and /{name}: {name, label, permissions: ["resource:action", …], builtin, created_at}. Refusals: invalid_filter, not_found.';

create function ucrm.role_reply(status integer, name text)
returns ucrm.response
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    return (
        select row(status,
            case status when 201 then jsonb_build_object('location', '/api/v1/roles/' || x.name) end,
            ucrm.data_body(ucrm.run_row(
                'select $1::text as name, $2::text as label, to_json(string_to_array($3::text, '','')) as permissions, false as builtin, $4::text::timestamptz as created_at',
                array[x.name, x.label, ucrm.role_grants(x.tenant_id, x.name), x.created_at::text])))::ucrm.response
        from ucrm.roles as x
        where x.tenant_id = ucrm.tenant_id() and x.name = role_reply.name
    );
end
$$;
comment on function ucrm.role_reply(integer, text) is 'The reply that shows one of the tenant''s own roles.';

create function ucrm.create_role_route(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    b record;
    wanted record;
begin
    perform ucrm.demand('roles', 'create');
    select * into b from ucrm.body_of(r, array['name', 'label'], array['name'], others => array['permissions']);
    if (b.refusal).status is not null then
        return b.refusal;
    end if;
    if b.body ->> 'name' !~ '^[a-z][a-z0-9_]{0,62}$' or exists (select from ucrm.builtin_roles as x where x.name = b.body ->> 'name') then
        return ucrm.wrong_field(r, 'name', 'invalid_format', 'lower-case letters, digits and _, at most 63, and no built-in role');
    end if;
    select * into wanted from ucrm.permission_text(b.body -> 'permissions');
    if wanted.fault is not null then
        return ucrm.wrong_field(r, 'permissions', 'invalid_value', wanted.fault);
    end if;
    if exists (select from ucrm.roles as x where x.tenant_id = ucrm.tenant_id() and x.name = b.body ->> 'name') then
        return ucrm.problem('duplicate', r.request_id, null, '{"errors": [{"field": "name", "code": "duplicate", "message": "is taken"}]}');
    end if;
    perform ucrm.create_role(b.body ->> 'name', coalesce(wanted.permissions, ''), coalesce(b.body ->> 'label', ''));
    return ucrm.role_reply(201, b.body ->> 'name');
end
$$;
comment on function ucrm.create_role_route(ucrm.request) is
'POST /api/v1/roles {name, label, permissions: ["contacts:read", …]}: 201 {data} with Location. Refusals: validation_failed, duplicate, grant_ceiling, step_up_required.';

create function ucrm.change_role_route(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    b record;
    wanted record;
begin
    perform ucrm.demand('roles', 'update');
    select * into b from ucrm.body_of(r, array['label'], '{}', others => array['permissions']);
    if (b.refusal).status is not null then
        return b.refusal;
    end if;
    if exists (select from ucrm.builtin_roles as x where x.name = r.id) then
        perform ucrm.refuse('permission_denied', 'built-in roles do not change');
    end if;
    if not exists (select from ucrm.roles as x where x.tenant_id = ucrm.tenant_id() and x.name = r.id) then
        return ucrm.problem('not_found', r.request_id);
    end if;
    select * into wanted from ucrm.permission_text(b.body -> 'permissions');
    if wanted.fault is not null then
        return ucrm.wrong_field(r, 'permissions', 'invalid_value', wanted.fault);
    end if;
    if b.body ? 'label' then
        perform ucrm.set_role_label(r.id, coalesce(b.body ->> 'label', ''));
    end if;
    if b.body ? 'permissions' then
        perform ucrm.set_role_permissions(r.id, coalesce(wanted.permissions, ''));
    end if;
    return ucrm.role_reply(200, r.id);
end
$$;
comment on function ucrm.change_role_route(ucrm.request) is
'PATCH /api/v1/roles/{name} {label, permissions}: 200 {data}; permissions replaces what it granted. Refusals: not_found, validation_failed, grant_ceiling, permission_denied (built-in), step_up_required.';

create function ucrm.delete_role_route(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform ucrm.demand('roles', 'delete');
    if exists (select from ucrm.builtin_roles as x where x.name = r.id) then
        perform ucrm.refuse('permission_denied', 'built-in roles do not change');
    end if;
    perform ucrm.delete_role(r.id);
    return row(204, null, null)::ucrm.response;
end
$$;
comment on function ucrm.delete_role_route(ucrm.request) is
'DELETE /api/v1/roles/{name}: 204. Refusals: not_found, role_in_use, grant_ceiling, permission_denied (built-in), step_up_required.';

insert into ucrm.routes (method, template, function, audience, resource, action, builtin) values
('GET', '/api/v1/roles', 'ucrm.roles_route', 'tenant', 'roles', 'read', true),
('GET', '/api/v1/roles/{id}', 'ucrm.roles_route', 'tenant', 'roles', 'read', true),
('POST', '/api/v1/roles', 'ucrm.create_role_route', 'tenant', 'roles', 'create', true),
('PATCH', '/api/v1/roles/{id}', 'ucrm.change_role_route', 'tenant', 'roles', 'update', true),
('DELETE', '/api/v1/roles/{id}', 'ucrm.delete_role_route', 'tenant', 'roles', 'delete', true);

grant execute on function
    ucrm.roles_route(ucrm.request), ucrm.create_role_route(ucrm.request), ucrm.change_role_route(ucrm.request), ucrm.delete_role_route(ucrm.request)
to ucrm_handler;
