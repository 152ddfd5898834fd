-- Interviews go the way that is allowed, last as long as the workspace says, and an interviewer has one at a time.
select * from no_plan();
\ir people.psql
begin;
-- As an agent, who may not read the workspace's settings.
set local role ucrm_app;
select ucrm.enter(:'acme', :'agent');
select is(ucrm.has_permission('tenant', 'read'), false, 'an agent does not read the workspace');
insert into hiring.interviews (title, candidate_id, interviewer_id, workflow_state, starts_at) values ('One', :'contact', :'agent', 'scheduled', '2027-03-01 10:00+00') returning id as one \gset
select results_eq(format('select duration_minutes, ends_at from hiring.interviews where id = %L', :'one'), $$values (45, timestamptz '2027-03-01 10:45+00')$$, 'an interview lasts 45 minutes');
rollback;

begin;
update ucrm.tenants set settings = settings || '{"interview_minutes": 20}' where id = :'acme';
set local role ucrm_app;
select ucrm.enter(:'acme', :'agent');
insert into hiring.interviews (title, candidate_id, interviewer_id, workflow_state, starts_at) values ('One', :'contact', :'agent', 'scheduled', '2027-03-01 10:00+00') returning id as one \gset
select is((select duration_minutes from hiring.interviews where id = :'one'), 20, 'or as long as the workspace says');
insert into hiring.interviews (title, candidate_id, interviewer_id, workflow_state, starts_at, duration_minutes) values ('Two', :'contact', :'agent', 'scheduled', '2027-03-01 10:20+00', 30) returning id as two \gset
select is((select ends_at from hiring.interviews where id = :'two'), '2027-03-01 10:50+00'::timestamptz, 'or as whoever plans it says');

insert into attempts values
('23P01 interviews_overlap_excl', 'insert into hiring.interviews (title, candidate_id, interviewer_id, workflow_state, starts_at) values (''x'', @C, @A, ''scheduled'', ''2027-03-01 10:10+00'')', 'an interviewer has one interview at a time'),
('23P01 interviews_overlap_excl', 'update hiring.interviews set starts_at = ''2027-03-01 10:19+00'' where id = @2', 'also when one is moved'),
('23P01 interviews_overlap_excl', 'update hiring.interviews set duration_minutes = 25 where id = @1', 'or made longer'),
('done', 'insert into hiring.interviews (title, candidate_id, interviewer_id, starts_at) values (''x'', @C, @A, ''2027-03-01 10:10+00'')', 'what is only proposed takes no time'),
('done', 'insert into hiring.interviews (title, candidate_id, interviewer_id, workflow_state, starts_at) values (''x'', @C, @O, ''scheduled'', ''2027-03-01 10:10+00'')', 'nor does somebody else''s'),
('done', 'insert into hiring.interviews (title, candidate_id, interviewer_id, workflow_state, starts_at) values (''x'', @C, @A, ''scheduled'', ''2027-03-01 10:50+00'')', 'one may follow upon another'),
('23514 interviews_schedule_check', 'insert into hiring.interviews (title, candidate_id, workflow_state) values (''x'', @C, ''scheduled'')', 'a scheduled one has a time'),
('23514 interviews_duration_minutes_check', 'update hiring.interviews set duration_minutes = 4 where id = @1', 'none is shorter than five minutes'),
('23514 interviews_decided_check', 'update hiring.interviews set decision = ''hire'' where id = @1', 'nothing is decided before it took place'),
('23503 interviews_tenant_id_candidate_id_fkey', 'insert into hiring.interviews (title, candidate_id) values (''x'', @T)', 'another tenant''s contact is no candidate');
select is(pg_temp.refusal(replace(replace(replace(replace(replace(replace(a.statement, '@C', quote_literal(:'contact')), '@A', quote_literal(:'agent')), '@O', quote_literal(:'owner')), '@T', quote_literal(:'their_contact')), '@1', quote_literal(:'one')), '@2', quote_literal(:'two'))), a.expected, a.about) from attempts as a;

-- Every step that is not allowed is refused, every other is taken.
create temporary table steps as
select was.state as was, becomes.state as becomes, hiring.allows_transition(was.state, becomes.state) as allowed
from unnest(array['proposed', 'scheduled', 'confirmed', 'completed', 'decided', 'cancelled', 'no_show']) as was (state),
     unnest(array['proposed', 'scheduled', 'confirmed', 'completed', 'decided', 'cancelled', 'no_show']) as becomes (state)
where was.state <> becomes.state;
create function pg_temp.step(was text, becomes text, candidate uuid)
returns text
language plpgsql
as $$
declare
    made uuid;
begin
    insert into hiring.interviews (title, candidate_id, workflow_state, starts_at, decision)
    values ('step', candidate, was, '2028-01-01 10:00+00', case was when 'decided' then 'hire' end) returning id into made;
    return pg_temp.refusal(format('update hiring.interviews set workflow_state = %L, decision = %L where id = %L', becomes, case becomes when 'decided' then 'hire' end, made));
end
$$;
select is(pg_temp.step(was, becomes, :'contact'), case when allowed then 'done' else 'PT409 transition_not_allowed' end, format('from %s to %s', was, becomes)) from steps;
select set_eq('select was, becomes from steps where allowed', $$values ('proposed', 'scheduled'), ('proposed', 'cancelled'), ('scheduled', 'confirmed'), ('scheduled', 'proposed'), ('scheduled', 'cancelled'),
    ('scheduled', 'no_show'), ('scheduled', 'completed'), ('confirmed', 'scheduled'), ('confirmed', 'cancelled'), ('confirmed', 'no_show'), ('confirmed', 'completed'), ('completed', 'decided'), ('cancelled', 'proposed'), ('no_show', 'proposed')$$,
    'these are the steps');
rollback;

begin;
set local role ucrm_app;
select ucrm.enter(:'acme', :'reader');
select throws_ok('update hiring.interviews set workflow_state = ''cancelled''', 'PT403', 'permission_denied', 'a reader moves nothing');
rollback;
select '1..' || currval('__tresults___numb_seq');
