-- The workspace's own name, slug and settings over HTTP and as a function.
create table ucrm.tenant_settings (
    name text primary key check (name ~ '^[a-z][a-z0-9_]{0,62}$'),
    type text not null check (type in ('boolean', 'number', 'string')),
    description text not null default '',
    builtin boolean not null default false
);
comment on table ucrm.tenant_settings is
'What ucrm.tenants.settings may hold: a name and the type of its JSON value. A domain or DBA adds rows; a setting that is not named here is refused.';

insert into ucrm.tenant_settings (name, type, description, builtin) values
('mfa_required', 'boolean', 'members need a second factor', true),
('audit_retention_days', 'number', 'days after which sealed audit rows are pruned, at least 30; null: as the installation has it', true);

create trigger builtin_rows_do_not_change
before update or delete on ucrm.tenant_settings
for each row when (old.builtin) execute function ucrm.refuse_immutable();

create function ucrm.tenant_setting(name text)
returns jsonb
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select t.settings -> s.name
    from ucrm.tenants as t
    join ucrm.tenant_settings as s on s.name = tenant_setting.name
    where t.id = ucrm.tenant_id();
$$;
comment on function ucrm.tenant_setting(text) is
'A setting of the current workspace, for functions of a domain, whoever calls them: the JSON value; null when it is not set, not named in ucrm.tenant_settings, or there is no context.';
grant execute on function ucrm.tenant_setting(text) to ucrm_app, ucrm_platform;

create function ucrm.tenant_faults(name text, slug text, settings jsonb)
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return (
        select jsonb_agg(jsonb_build_object('field', f.field, 'code', f.code, 'message', f.message))
        from (
            select 'name' as field, 'invalid_value' as code, 'must have 1 to 200 characters' as message
            where btrim(tenant_faults.name) = '' or length(tenant_faults.name) > 200
            union all
            select 'slug', 'invalid_format', 'lower-case letters, digits and hyphens, at most 63, and no UUID'
            where tenant_faults.slug !~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$' or tenant_faults.slug ~ '^[0-9a-f]{8}-[0-9a-f]{4}-'
            union all
            select 'settings', 'invalid_type', 'must be an object'
            where jsonb_typeof(tenant_faults.settings) <> 'object'
            union all
            select 'settings.' || given.key, case when s.name is null then 'unknown_field' else 'invalid_type' end,
                   case when s.name is null then 'is no setting' else 'must be null or of type ' || s.type end
            from jsonb_each(case jsonb_typeof(tenant_faults.settings) when 'object' then tenant_faults.settings else '{}' end) as given
            left join ucrm.tenant_settings as s on s.name = given.key
            where s.name is null or jsonb_typeof(given.value) not in (s.type, 'null')
        ) as f
    );
end
$$;
comment on function ucrm.tenant_faults(text, text, jsonb) is 'What is wrong with a workspace''s name, slug and settings, [{field, code, message}]; null: nothing.';

create function ucrm.update_tenant(name text default null, slug text default null, settings jsonb default null)
returns ucrm.tenants
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    before ucrm.tenants;
    after ucrm.tenants;
begin
    perform ucrm.demand('tenant', 'update');
    if ucrm.tenant_faults(update_tenant.name, update_tenant.slug, update_tenant.settings) is not null then
        perform ucrm.refuse('validation_failed', ucrm.tenant_faults(update_tenant.name, update_tenant.slug, update_tenant.settings) #>> '{0,message}');
    end if;
    if update_tenant.settings ? 'mfa_required' then
        perform ucrm.demand_fresh();
    end if;
    select t.* into before from ucrm.tenants as t where t.id = ucrm.tenant_id() for update;
    begin
        update ucrm.tenants as t
        set name = coalesce(btrim(update_tenant.name), t.name),
            slug = coalesce(update_tenant.slug, t.slug),
            settings = (t.settings || coalesce(update_tenant.settings, '{}'))
                - array(select g.key from jsonb_each(coalesce(update_tenant.settings, '{}')) as g where g.value = 'null')
        where t.id = before.id
        returning t.* into after;
    exception when unique_violation then
        perform ucrm.refuse('slug_taken');
    end;
    if (before.name, before.slug, before.settings) is distinct from (after.name, after.slug, after.settings) then
        perform ucrm.record_event(after.id, 'updated', 'tenant', after.id::text,
            jsonb_build_object('name', before.name, 'slug', before.slug, 'settings', before.settings),
            jsonb_build_object('name', after.name, 'slug', after.slug, 'settings', after.settings));
    end if;
    return after;
end
$$;
comment on function ucrm.update_tenant(text, text, jsonb) is
'Changes the entered tenant; null leaves a value as it is, settings are merged, and a setting that is given as null goes. Refusals: no_context, gates, permission_denied, validation_failed, slug_taken, step_up_required (mfa_required).';

create function ucrm.tenant_route(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform ucrm.demand('tenant', 'read');
    return ucrm.json_response(200, jsonb_build_object('data', (select ucrm.tenant_json(t) from ucrm.tenants as t where t.id = ucrm.tenant_id())));
end
$$;
comment on function ucrm.tenant_route(ucrm.request) is 'GET /api/v1/tenant: 200 {data}.';

create function ucrm.change_tenant_route(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    b record;
    wrong jsonb;
begin
    perform ucrm.demand('tenant', 'update');
    select * into b from ucrm.body_of(r, array['name', 'slug'], '{}', others => array['settings']);
    if (b.refusal).status is not null then
        return b.refusal;
    end if;
    wrong := ucrm.tenant_faults(b.body ->> 'name', b.body ->> 'slug', nullif(b.body -> 'settings', 'null'));
    if wrong is not null then
        return ucrm.problem('validation_failed', r.request_id, null, jsonb_build_object('errors', wrong));
    end if;
    return ucrm.json_response(200, jsonb_build_object('data',
        ucrm.tenant_json(ucrm.update_tenant(b.body ->> 'name', b.body ->> 'slug', nullif(b.body -> 'settings', 'null')))));
end
$$;
comment on function ucrm.change_tenant_route(ucrm.request) is
'PATCH /api/v1/tenant {name, slug, settings}: 200 {data}. Refusals: validation_failed, slug_taken, unknown_field, step_up_required (mfa_required).';

insert into ucrm.routes (method, template, function, audience, resource, action, builtin) values
('GET', '/api/v1/tenant', 'ucrm.tenant_route', 'tenant', 'tenant', 'read', true),
('PATCH', '/api/v1/tenant', 'ucrm.change_tenant_route', 'tenant', 'tenant', 'update', true);

grant select on ucrm.tenant_settings to ucrm_app, ucrm_reader, ucrm_platform;
grant execute on function ucrm.update_tenant(text, text, jsonb) to ucrm_app;
grant execute on function ucrm.tenant_route(ucrm.request), ucrm.change_tenant_route(ucrm.request) to ucrm_handler;
