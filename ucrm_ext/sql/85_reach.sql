-- Which routes a caller may call: what Allow names, and what OpenAPI describes. The way of a request decides for itself.
create function ucrm.asker(out entered boolean, out person boolean, out reads_only boolean, out admin boolean)
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select ucrm.tenant_id() is not null,
           coalesce(ucrm.actor_kind() in ('member', 'person'), false),
           ucrm.impersonator_id() is not null
               or exists (select from ucrm.api_keys as k where k.tenant_id = ucrm.tenant_id() and k.id = ucrm.api_key_id() and k.read_only),
           coalesce(ucrm.actor_kind() in ('member', 'person', 'platform') and ucrm.impersonator_id() is null
               and exists (select from ucrm.platform_admins as a where a.user_id = ucrm.user_id()), false);
$$;
comment on function ucrm.asker() is 'What of the current context decides which routes it may call, beside its permissions: whether a tenant is entered, a person acts, only reads are possible, a platform admin acts.';

create function ucrm.is_open(audience text, noun text, action text, writes boolean, entered boolean, person boolean, reads_only boolean, admin boolean)
returns boolean
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    return not (writes and reads_only and audience <> 'public')
        and case audience
                when 'tenant' then entered and (action is null or ucrm.has_permission(noun, action))
                when 'user' then person
                when 'platform' then admin
                when 'internal' then admin and ucrm.has_internal_secret()
                else true
            end;
end
$$;
comment on function ucrm.is_open(text, text, text, boolean, boolean, boolean, boolean, boolean) is 'Whether a route of this audience, resource and action is there for the current context, of which ucrm.asker() says the rest. Gates are not asked: what they refuse may be possible tomorrow.';

create function ucrm.allowed_methods(path text, methods text)
returns text
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    return (
        select coalesce(string_agg(m, ', ' order by m), '')
        from ucrm.asker() as a, string_to_table(methods, ', ') as m
        cross join lateral ucrm.look_up_dispatch(m, path) as d
        where ucrm.is_open(d.audience, d.resource, d.action, d.writes, a.entered, a.person, a.reads_only, a.admin)
    );
end
$$;
comment on function ucrm.allowed_methods(text, text) is 'Those of these methods, ''GET, POST'', that the current context may use on this path.';

grant execute on function ucrm.allowed_methods(text, text) to ucrm_handler;
