-- Permissions: resource + action, arithmetic on the set the context carries.
create function ucrm.has_permission(resource text, action text)
returns boolean
language c
stable
parallel safe
as 'MODULE_PATHNAME', 'ucrm_has_permission';
comment on function ucrm.has_permission(text, text) is
'Whether the context may do the action on the resource, on all rows or on its own. False without a context. In policies write (select ucrm.has_permission(…)), so that it is asked once per statement.';

create function ucrm.permission_scope(resource text, action text)
returns text
language c
stable
parallel safe
as 'MODULE_PATHNAME', 'ucrm_permission_scope';
comment on function ucrm.permission_scope(text, text) is '"all", "own" (rows whose owner column is the member), or null when the action is not granted.';

create function ucrm.is_open(resource text, action text)
returns boolean
language c
volatile
as 'MODULE_PATHNAME', 'ucrm_is_open';
comment on function ucrm.is_open(text, text) is
'True when ucrm.demand() would surely not raise: a tenant is entered, this backend remembers the gates, all are UCRM''s own and pass, and the action is granted. False proves nothing.';

create function ucrm.demand(resource text, action text)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    code text;
begin
    if ucrm.is_open(resource, action) then
        return;
    end if;
    if ucrm.tenant_id() is null then
        perform ucrm.refuse('no_context');
    end if;
    code := ucrm.gate(resource, action);
    if code is not null then
        perform ucrm.refuse(code);
    end if;
    if not ucrm.has_permission(resource, action) then
        perform ucrm.refuse('permission_denied', format('%s may not %s %s', ucrm.member_role(), action, resource));
    end if;
end
$$;
comment on function ucrm.demand(text, text) is
'Raises unless the context may do the action now: no_context, the code of the first gate that refuses, permission_denied. For authors of SQL functions and for UCRM''s own.';

create function ucrm.gate_write()
returns trigger
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    -- False for whoever bypasses row security, and for referential actions: those are not asked.
    if not row_security_active(tg_relid) then
        return null;
    end if;
    if not ucrm.is_open(tg_argv[0], case tg_op when 'INSERT' then 'create' when 'UPDATE' then 'update' else 'delete' end) then
        perform ucrm.demand(tg_argv[0], case tg_op when 'INSERT' then 'create' when 'UPDATE' then 'update' else 'delete' end);
    end if;
    return null;
end
$$;
comment on function ucrm.gate_write() is
'BEFORE statement trigger of protected tables; runs as the writer. Argument: the resource. Row security alone would change zero rows in silence; this says why.';

grant execute on function ucrm.demand(text, text), ucrm.is_open(text, text) to ucrm_owner, ucrm_app, ucrm_reader, ucrm_handler, ucrm_platform;
