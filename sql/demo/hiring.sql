-- Interviews of Acme and Globex. Part of demo.sql.
insert into hiring.interviews (tenant_id, title, workflow_state, candidate_id, interviewer_id, starts_at, duration_minutes, place, owner_id)
select w.tenant, v.title, v.state, c.id, w.owner, v.starts, v.minutes, v.place, w.owner
from (values
    ('acme', 'First talk with Selina Kyle', 'proposed', 'Selina Kyle', null::timestamptz, 45, null),
    ('acme', 'Lucius Fox: technical round', 'confirmed', 'Lucius Fox', '2026-02-03 10:00+00', 60, 'Room 4'),
    ('acme', 'Lucius Fox: meeting the team', 'scheduled', 'Lucius Fox', '2026-02-03 11:00+00', 30, 'Canteen'),
    ('globex', 'Rachael: second round', 'proposed', 'Rachael', '2026-02-10 15:00+00', 90, 'Video'),
    ('globex', 'Rachael: first round', 'completed', 'Rachael', '2026-01-20 15:00+00', 90, 'Video')
) as v (slug, title, state, candidate, starts, minutes, place)
join workspaces as w using (slug)
join crm.contacts as c on c.tenant_id = w.tenant and c.name = v.candidate;
