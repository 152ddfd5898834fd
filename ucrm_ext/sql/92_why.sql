-- Why does it not work? The first thing a puzzled user or DBA runs.
create function ucrm.why(resource text default null, action text default null)
returns table ("position" integer, gate text, verdict text, code text, hint text)
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    noun constant text := ucrm.canonical_resource(resource);
    deed constant text := coalesce(action, 'update');
    applicable text[];
    g ucrm.gates;
begin
    return query
    select 0, 'context'::text,
           case when ucrm.tenant_id() is null then 'refuse' else 'pass' end,
           case when ucrm.tenant_id() is null then 'no_context' end,
           case when ucrm.tenant_id() is null then (select r.hint from ucrm.refusals as r where r.code = 'no_context') end;

    applicable := ucrm.gates_of(noun, deed);
    for g in select x.* from ucrm.gates as x order by x.position, x.name loop
        "position" := g.position;
        gate := g.name;
        code := null;
        hint := null;
        if not g.check_fn || ' ' || g.code = any (applicable) then
            verdict := 'not asked';
        elsif ucrm.tenant_id() is null then
            verdict := 'unknown';
        elsif ucrm.ask_gate(g.check_fn, noun, deed) then
            verdict := 'pass';
        else
            verdict := 'refuse';
            code := g.code;
            hint := (select r.hint from ucrm.refusals as r where r.code = g.code);
        end if;
        return next;
    end loop;

    "position" := 1000;
    gate := 'permission';
    if noun is null or action is null then
        verdict := 'not asked';
        code := null;
        hint := 'Name a resource and an action: select * from ucrm.why(''contacts'', ''update'').';
    elsif ucrm.has_permission(noun, action) then
        verdict := case ucrm.permission_scope(noun, action) when 'own' then 'pass (own rows)' else 'pass' end;
        code := null;
        hint := null;
    else
        verdict := 'refuse';
        code := 'permission_denied';
        hint := format('%s may not %s %s. Held: %s', coalesce(ucrm.member_role(), 'nobody'), action, noun, coalesce(nullif(ucrm.permissions(), ''), 'nothing'));
    end if;
    return next;
end
$$;
comment on function ucrm.why(text, text) is
'Every gate in order with its verdict (pass, refuse, not asked, unknown) for an action in the current context, then the permission. Without an action: as for a write.';

create function ucrm.why_route(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    resource constant text := substring(r.query from '(?:^|&)resource=([a-z0-9_]+)');
    action constant text := substring(r.query from '(?:^|&)action=([a-z0-9_]+)');
begin
    return ucrm.json_response(200, jsonb_build_object('data', (
        select jsonb_agg(jsonb_build_object('position', w.position, 'gate', w.gate, 'verdict', w.verdict, 'code', w.code, 'hint', w.hint) order by w.position)
        from ucrm.why(resource, action) as w)));
end
$$;
comment on function ucrm.why_route(ucrm.request) is 'GET /api/v1/why?resource=&action=: 200 {data: [{position, gate, verdict, code, hint}]}.';

grant execute on function ucrm.why(text, text) to ucrm_app, ucrm_reader, ucrm_platform, ucrm_handler;
grant execute on function ucrm.why_route(ucrm.request) to ucrm_handler;
