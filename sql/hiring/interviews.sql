create function hiring.allows_transition(was text, becomes text)
returns boolean
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select (was, becomes) in (
        ('proposed', 'scheduled'), ('proposed', 'cancelled'),
        ('scheduled', 'confirmed'), ('scheduled', 'proposed'), ('scheduled', 'cancelled'), ('scheduled', 'no_show'), ('scheduled', 'completed'),
        ('confirmed', 'scheduled'), ('confirmed', 'cancelled'), ('confirmed', 'no_show'), ('confirmed', 'completed'),
        ('completed', 'decided'),
        ('cancelled', 'proposed'), ('no_show', 'proposed')
    );
$$;
comment on function hiring.allows_transition(text, text) is
'Whether an interview goes from one workflow_state to another: proposed → scheduled → confirmed → completed → decided; scheduled and confirmed ones are put off, cancelled or not attended; what was cancelled or not attended is proposed again.';
revoke execute on function hiring.allows_transition(text, text) from public;
grant execute on function hiring.allows_transition(text, text) to ucrm_app, ucrm_reader, ucrm_platform;

create table hiring.interviews (
    tenant_id uuid not null references ucrm.tenants (id) on delete cascade,
    id uuid not null default ucrm.uuid7(),
    title text not null check (title <> '' and length(title) <= 200),
    workflow_state text not null default 'proposed'
        check (workflow_state in ('proposed', 'scheduled', 'confirmed', 'completed', 'decided', 'cancelled', 'no_show')),
    candidate_id uuid not null,
    interviewer_id uuid,
    starts_at timestamptz,
    duration_minutes integer not null default 0 check (duration_minutes between 5 and 480),
    ends_at timestamptz,
    place text check (length(place) <= 500),
    rating smallint check (rating between 1 and 5),
    decision text check (decision in ('hire', 'reject', 'next_round')),
    feedback text check (length(feedback) <= 20000),
    owner_id uuid default ucrm.user_id(),
    external_id text check (external_id <> '' and length(external_id) <= 200),
    created_at timestamptz not null default clock_timestamp(),
    updated_at timestamptz not null default clock_timestamp(),
    archived_at timestamptz,
    primary key (tenant_id, id),
    unique (tenant_id, external_id),
    constraint interviews_schedule_check check (
        workflow_state in ('proposed', 'cancelled') or starts_at is not null
    ),
    constraint interviews_end_check check (ends_at is not distinct from starts_at + make_interval(mins => duration_minutes)),
    constraint interviews_decided_check check ((workflow_state = 'decided') = (decision is not null)),
    constraint interviews_overlap_excl exclude using gist (
        tenant_id with =,
        interviewer_id with =,
        tstzrange(starts_at, ends_at) with &&
    ) where (workflow_state in ('scheduled', 'confirmed')),
    foreign key (tenant_id, candidate_id) references crm.contacts (tenant_id, id) on delete cascade,
    foreign key (tenant_id, interviewer_id) references ucrm.tenant_memberships (tenant_id, user_id) on delete set null (interviewer_id),
    foreign key (tenant_id, owner_id) references ucrm.tenant_memberships (tenant_id, user_id) on delete set null (owner_id)
);
comment on table hiring.interviews is 'Interviews with candidates, who are contacts, from the proposal to the decision. An interviewer has one at a time.';
comment on column hiring.interviews.workflow_state is 'proposed → scheduled → confirmed → completed → decided; see hiring.allows_transition(). A scheduled one has a time.';
comment on column hiring.interviews.duration_minutes is 'Filled in, when nobody says, from the workspace''s setting interview_minutes, else 45.';
comment on column hiring.interviews.ends_at is 'Filled in: starts_at and the duration.';
create index interviews_newest on hiring.interviews (tenant_id, created_at desc, id desc) include (owner_id, archived_at);
create index interviews_title on hiring.interviews (tenant_id, title, id);
create index interviews_starts on hiring.interviews (tenant_id, starts_at, id);
create index interviews_candidate on hiring.interviews (tenant_id, candidate_id);
create index interviews_interviewer on hiring.interviews (tenant_id, interviewer_id, starts_at);
create index interviews_owner on hiring.interviews (tenant_id, owner_id);

create function hiring.keep_interview()
returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    if tg_op = 'UPDATE' and new.workflow_state <> old.workflow_state and new.tenant_id = old.tenant_id
        and not hiring.allows_transition(old.workflow_state, new.workflow_state)
    then
        perform ucrm.refuse('transition_not_allowed', format('an interview that is %s does not become %s', old.workflow_state, new.workflow_state));
    end if;
    if new.duration_minutes = 0 then
        new.duration_minutes := coalesce((ucrm.tenant_setting('interview_minutes') #>> '{}')::numeric::integer, 45);
    end if;
    new.ends_at := new.starts_at + make_interval(mins => new.duration_minutes);
    return new;
end
$$;
comment on function hiring.keep_interview() is
'BEFORE trigger of hiring.interviews: fills in duration and end, and refuses a transition that is not allowed (transition_not_allowed).';
revoke execute on function hiring.keep_interview() from public;
grant execute on function hiring.keep_interview() to ucrm_app, ucrm_platform, ucrm_mover;
grant execute on function hiring.allows_transition(text, text) to ucrm_mover;

create trigger keep_interview
before insert or update on hiring.interviews
for each row execute function hiring.keep_interview();
comment on trigger keep_interview on hiring.interviews is 'reviewed: refuses, and changes nothing but the row';
create trigger touch
before update on hiring.interviews
for each row execute function ucrm.touch();

alter table hiring.interviews owner to ucrm_tables;
select ucrm.protect('hiring.interviews', search => array['title', 'place']) \g /dev/null

insert into ucrm.constraint_fields (schema_name, constraint_name, field, code, message) values
('hiring', 'interviews_workflow_state_check', 'workflow_state', 'validation_failed', 'must be proposed, scheduled, confirmed, completed, decided, cancelled or no_show'),
('hiring', 'interviews_duration_minutes_check', 'duration_minutes', 'validation_failed', 'must be between 5 and 480'),
('hiring', 'interviews_schedule_check', 'starts_at', 'validation_failed', 'must be given before an interview is scheduled'),
('hiring', 'interviews_decision_check', 'decision', 'validation_failed', 'must be hire, reject or next_round'),
('hiring', 'interviews_decided_check', 'decision', 'validation_failed', 'must be given when it is decided, and only then'),
('hiring', 'interviews_overlap_excl', 'starts_at', 'validation_failed', 'is when the interviewer has another interview'),
('hiring', 'interviews_tenant_id_external_id_key', 'external_id', 'duplicate', 'is another interview''s'),
('hiring', 'interviews_tenant_id_candidate_id_fkey', 'candidate_id', 'validation_failed', 'names no contact of this workspace'),
('hiring', 'interviews_tenant_id_interviewer_id_fkey', 'interviewer_id', 'validation_failed', 'names no member of this workspace');
