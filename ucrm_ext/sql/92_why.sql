-- Why does it not work? The first thing a puzzled user or DBA runs.
create type ucrm.verdict as (
    "position" integer,
    gate text,
    verdict text,
    code text,
    hint text
);
comment on type ucrm.verdict is 'What a gate says. verdict: pass, refuse, not asked, unknown; code and hint when it refuses.';

create function ucrm.why(resource text default null, action text default null)
returns setof ucrm.verdict
language sql
volatile
set search_path = pg_catalog, pg_temp
as $$
    with asked as (
        select ucrm.canonical_resource(resource) as noun,
               coalesce(action, 'update') as deed,
               ucrm.tenant_id() is not null as entered
    ), said as (
        select 0 as place, 'context' as gate, case when a.entered then 'pass' else 'refuse' end as verdict, 'no_context' as code, null as hint
        from asked as a
        union all
        select g.position, g.name,
               case
                   when not g.check_fn || ' ' || g.code = any (ucrm.gates_of(a.noun, a.deed)) then 'not asked'
                   when not a.entered then 'unknown'
                   when ucrm.ask_gate(g.check_fn, a.noun, a.deed) then 'pass'
                   else 'refuse'
               end,
               g.code, null
        from asked as a
        cross join ucrm.gates as g
        union all
        select 1000000, 'permission',
               case
                   when a.noun is null or why.action is null then 'not asked'
                   when not exists (select from ucrm.resource_actions as x where x.resource = a.noun and x.action = why.action) then 'unknown'
                   when ucrm.has_permission(a.noun, why.action) then 'pass'
                   else 'refuse'
               end,
               'permission_denied',
               case
                   when a.noun is null or why.action is null then 'Name a resource and an action: select * from ucrm.why(''contacts'', ''update'').'
                   when not exists (select from ucrm.resource_actions as x where x.resource = a.noun and x.action = why.action) then format('There is no %s of %s. See ucrm.resource_actions.', why.action, a.noun)
                   when ucrm.permission_scope(a.noun, why.action) = 'own' then 'Own rows only.'
                   when not ucrm.has_permission(a.noun, why.action)
                   then format('%s may not %s %s. Held: %s', coalesce(ucrm.member_role(), 'nobody'), why.action, a.noun, coalesce(nullif(ucrm.permissions(), ''), 'nothing'))
               end
        from asked as a
    )
    select s.place, s.gate, s.verdict,
           case when s.verdict = 'refuse' then s.code end,
           coalesce(s.hint, case when s.verdict = 'refuse' then (select r.hint from ucrm.refusals as r where r.code = s.code) end)
    from said as s
    order by s.place, s.gate;
$$;
comment on function ucrm.why(text, text) is
'Every gate in order with its verdict (pass, refuse, not asked, unknown: without a context, or no such action) for an action in the current context, then the permission. Without an action: as for a write.';

create function ucrm.why_route(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    asked constant jsonb := coalesce(ucrm.query_values(r.query), '{}');
    wrong constant text := (
        select string_agg(a.key, ', ') from jsonb_each_text(asked) as a where a.key not in ('resource', 'action') or a.value !~ '^[a-z][a-z0-9_]{0,62}$');
begin
    if wrong is not null then
        return ucrm.problem('invalid_filter', r.request_id, format('not understood: %s', left(wrong, 100)), '{"allowed": ["resource", "action"]}');
    end if;
    return ucrm.json_response(200, jsonb_build_object('data', (
        select jsonb_agg(jsonb_build_object('position', w.position, 'gate', w.gate, 'verdict', w.verdict, 'code', w.code, 'hint', w.hint) order by w.position)
        from ucrm.why(asked ->> 'resource', asked ->> 'action') as w)));
end
$$;
comment on function ucrm.why_route(ucrm.request) is 'GET /api/v1/why?resource=&action=: 200 {data: [{position, gate, verdict, code, hint}]}. Refusals: invalid_filter.';

grant execute on function ucrm.why(text, text) to ucrm_app, ucrm_reader, ucrm_platform, ucrm_handler;
grant execute on function ucrm.why_route(ucrm.request) to ucrm_handler;
