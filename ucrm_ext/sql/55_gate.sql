-- Gates: rows, asked in order; the first that refuses answers. A DBA inserts one with SQL and it holds on every path.
create table ucrm.gates (
    name text primary key check (name ~ '^[a-z][a-z0-9_]*$'),
    position integer not null,
    applies text not null check (applies in ('write', 'always')),
    resource text,
    check_fn text not null check (check_fn ~ '^[a-z_][a-z0-9_]*\.[a-z_][a-z0-9_]*$'),
    code text not null references ucrm.refusals (code),
    skips_ungated boolean not null default true,
    builtin boolean not null default false
);
comment on table ucrm.gates is
'A gate: check_fn(resource text, action text) returns boolean, STABLE, runs as the caller in his context; false, null or an error refuses with code. applies: write (any action but read, autocomplete, export) or always. resource null: all. skips_ungated: passes over resource_actions.ungated.';

create function ucrm.gate_member(resource text, action text)
returns boolean
language c
stable
as 'MODULE_PATHNAME', 'ucrm_gate_member';
comment on function ucrm.gate_member(text, text) is 'Whether the principal belongs to the workspace.';

create function ucrm.gate_enabled(resource text, action text)
returns boolean
language c
stable
as 'MODULE_PATHNAME', 'ucrm_gate_enabled';
comment on function ucrm.gate_enabled(text, text) is 'Whether the membership is enabled.';

create function ucrm.gate_mfa(resource text, action text)
returns boolean
language c
stable
as 'MODULE_PATHNAME', 'ucrm_gate_mfa';
comment on function ucrm.gate_mfa(text, text) is 'Whether the person has shown a second factor, where the workspace wants one; true for keys and services.';

create function ucrm.gate_email(resource text, action text)
returns boolean
language c
stable
as 'MODULE_PATHNAME', 'ucrm_gate_email';
comment on function ucrm.gate_email(text, text) is 'Whether the member''s e-mail address is verified; true for the service.';

create function ucrm.gate_not_rejected(resource text, action text)
returns boolean
language c
stable
as 'MODULE_PATHNAME', 'ucrm_gate_not_rejected';
comment on function ucrm.gate_not_rejected(text, text) is 'Whether the workspace is not rejected.';

create function ucrm.gate_not_suspended(resource text, action text)
returns boolean
language c
stable
as 'MODULE_PATHNAME', 'ucrm_gate_not_suspended';
comment on function ucrm.gate_not_suspended(text, text) is 'Whether the workspace is not suspended.';

create function ucrm.gate_approved(resource text, action text)
returns boolean
language c
stable
as 'MODULE_PATHNAME', 'ucrm_gate_approved';
comment on function ucrm.gate_approved(text, text) is 'Whether the workspace is not waiting for approval.';

create function ucrm.gate_trial(resource text, action text)
returns boolean
language c
stable
as 'MODULE_PATHNAME', 'ucrm_gate_trial';
comment on function ucrm.gate_trial(text, text) is 'Whether the workspace has subscribed, or its trial (if it has one) is not over, by the clock.';

insert into ucrm.gates (name, position, applies, check_fn, code, skips_ungated, builtin) values
('email_verified', 100, 'write', 'ucrm.gate_email', 'email_unverified', true, true),
('member', 200, 'always', 'ucrm.gate_member', 'not_a_member', false, true),
('member_enabled', 300, 'always', 'ucrm.gate_enabled', 'member_disabled', false, true),
('mfa', 350, 'always', 'ucrm.gate_mfa', 'mfa_required', true, true),
('workspace_approved', 400, 'write', 'ucrm.gate_approved', 'workspace_pending_approval', true, true),
('workspace_not_rejected', 410, 'always', 'ucrm.gate_not_rejected', 'workspace_rejected', true, true),
('workspace_not_suspended', 420, 'always', 'ucrm.gate_not_suspended', 'workspace_suspended', true, true),
('trial', 500, 'write', 'ucrm.gate_trial', 'trial_expired', true, true);

create trigger builtin_rows_do_not_change
before update or delete on ucrm.gates
for each row when (old.builtin) execute function ucrm.refuse_immutable();

create function ucrm.gates_of(resource text, action text)
returns text[]
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    return (
        select coalesce(array_agg(g.check_fn || ' ' || g.code order by g.position, g.name), '{}')
        from ucrm.gates as g
        where (g.resource is null or g.resource = gates_of.resource)
          and (g.applies = 'always' or ucrm.is_write(action))
          and not (g.skips_ungated and exists (
              select from ucrm.resource_actions as a
              where a.resource = gates_of.resource and a.action = gates_of.action and a.ungated
          ))
    );
end
$$;
comment on function ucrm.gates_of(text, text) is 'The gates an action passes, in order, each as "check_fn code".';

create function ucrm.memorize_gates(resource text, action text)
returns text[]
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    generation constant bigint := ucrm.generation();
    gates constant text[] := ucrm.gates_of(resource, action);
begin
    perform ucrm.remember_gates(resource, action, generation, gates);
    return gates;
end
$$;
comment on function ucrm.memorize_gates(text, text) is 'Looks the gates of an action up and remembers them in this backend.';

create function ucrm.next_gate(gates text[], start integer)
returns integer
language c
stable
as 'MODULE_PATHNAME', 'ucrm_next_gate';
comment on function ucrm.next_gate(text[], integer) is
'Asks UCRM''s own gates from start on: null when all pass; -i when the i-th, one of UCRM''s own, refuses; i when the i-th is somebody else''s, for SQL to ask.';

create function ucrm.ask_gate(check_fn text, resource text, action text)
returns boolean
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    return coalesce(
        ucrm.run(format('select %I.%I($1, $2)::text', split_part(check_fn, '.', 1), split_part(check_fn, '.', 2)), array[resource, action])::boolean,
        false);
exception when others then
    -- A gate that cannot say yes says no.
    return false;
end
$$;
comment on function ucrm.ask_gate(text, text, text) is 'Calls a gate''s function as the caller; an error is a no.';

create function ucrm.gate(resource text, action text)
returns text
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    gates text[] := ucrm.recall_gates(resource, action);
    i integer := 1;
begin
    if gates is null then
        gates := ucrm.memorize_gates(resource, action);
    end if;
    loop
        i := ucrm.next_gate(gates, i);
        if i is null then
            return null;
        elsif i < 0 then
            return split_part(gates[-i], ' ', 2);
        elsif not ucrm.ask_gate(split_part(gates[i], ' ', 1), resource, action) then
            -- A gate that was taken away meanwhile, maybe with its function, refuses nothing. A statement of its own sees that.
            if gates[i] = any (ucrm.gates_of(resource, action)) then
                return split_part(gates[i], ' ', 2);
            end if;
        end if;
        i := i + 1;
    end loop;
end
$$;
comment on function ucrm.gate(text, text) is 'The code of the first gate that refuses this action in the current context, null when all pass.';

grant select on ucrm.gates to ucrm_app, ucrm_reader, ucrm_platform, ucrm_handler;
grant execute on function
    ucrm.gate_member(text, text), ucrm.gate_enabled(text, text), ucrm.gate_email(text, text), ucrm.gate_mfa(text, text),
    ucrm.gate_not_rejected(text, text), ucrm.gate_not_suspended(text, text), ucrm.gate_approved(text, text), ucrm.gate_trial(text, text),
    ucrm.gates_of(text, text), ucrm.memorize_gates(text, text), ucrm.next_gate(text[], integer),
    ucrm.ask_gate(text, text, text), ucrm.gate(text, text)
to ucrm_owner, ucrm_app, ucrm_reader, ucrm_platform;
