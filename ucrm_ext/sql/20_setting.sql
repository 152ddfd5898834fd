-- Settings of the installation are rows.
create table ucrm.settings (
    name text not null,
    value jsonb not null,
    description text not null default '',
    builtin boolean not null default false,
    primary key (name, builtin)
);
comment on table ucrm.settings is
'Installation settings: approval ("manual" or "auto"), trial_days (integer or null = no trial), beta_code (text or null), mail_days, event_days and audit_retention_days (how long they are kept; null: for ever), seal_after (seconds). The built-in rows are the defaults; ucrm.set() puts a row beside them.';

insert into ucrm.settings (name, value, description, builtin) values
('approval', '"manual"', 'manual: a platform admin approves each new workspace; auto: it is approved at once', true),
('trial_days', '14', 'length of the trial in days, from approval; null: no trial', true),
('beta_code', 'null', 'when set, creating a workspace needs this code', true),
('mail_days', '90', 'days after which a mail that was sent or given up is forgotten; null: never', true),
('event_days', 'null', 'days after which an event is forgotten; null: never', true),
('seal_after', '30', 'seconds after which an audit row is to be sealed', true),
('audit_retention_days', 'null', 'days after which sealed audit rows are pruned, at least 30; null: never. A workspace''s own setting of this name wins', true);

create trigger builtin_rows_do_not_change
before update or delete on ucrm.settings
for each row when (old.builtin) execute function ucrm.refuse_immutable();

create function ucrm.setting(name text)
returns jsonb
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    return (select s.value from ucrm.settings as s where s.name = setting.name order by s.builtin limit 1);
end
$$;
comment on function ucrm.setting(text) is 'The value of an installation setting, null when there is none.';

create function ucrm.set(name text, value jsonb)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    if not exists (select from ucrm.settings as s where s.name = "set".name) then
        raise exception 'there is no setting "%"', "set".name
            using errcode = 'undefined_object', hint = 'See ucrm.settings.';
    end if;
    insert into ucrm.settings (name, value)
    values ("set".name, "set".value)
    on conflict on constraint settings_pkey do update set value = excluded.value;
    -- Not the value: a beta code is one.
    insert into ucrm.platform_audit_logs (action, user_id, request_id, detail)
    values ('setting.changed', ucrm.user_id(), ucrm.request_id(), jsonb_build_object('name', "set".name));
end
$$;
comment on function ucrm.set(text, jsonb) is 'Sets an installation setting (superuser only). 42704 for an unknown name.';

-- How many requests a plan allows. plan null = every plan that has no row of its own.
create table ucrm.rate_limits (
    name text not null check (name ~ '^[a-z][a-z0-9_]*$'),
    plan text,
    hits integer not null check (hits >= 0),
    seconds integer not null check (seconds between 1 and 2592000),
    builtin boolean not null default false,
    unique nulls not distinct (name, plan, builtin)
);
comment on table ucrm.rate_limits is
'Windows: never more than hits in any seconds. Names api_key, user, tenant and address are UCRM''s; others are for ucrm.limit(name, key). 1000000000 hits or more: no limit. A row with a plan beats one without; a DBA''s row beats a built-in one.';

insert into ucrm.rate_limits (name, plan, hits, seconds, builtin) values
('address', null, 100, 60, true),
('api_key', null, 600, 60, true),
('user', null, 1200, 60, true),
('tenant', null, 3000, 60, true),
('register_address', null, 5, 3600, true),
('register_email', null, 5, 3600, true),
('forgot_address', null, 5, 3600, true),
('forgot_email', null, 5, 3600, true),
('resend_email', null, 10, 86400, true),
('resend_address', null, 50, 86400, true),
('resend_pause', null, 1, 60, true),
('login', null, 10, 900, true);

create trigger builtin_rows_do_not_change
before update or delete on ucrm.rate_limits
for each row when (old.builtin) execute function ucrm.refuse_immutable();

create function ucrm.rate_limit(name text, plan text, out hits integer, out seconds integer)
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    select l.hits, l.seconds into hits, seconds
    from ucrm.rate_limits as l
    where l.name = rate_limit.name
      and (l.plan = rate_limit.plan or l.plan is null)
    order by l.plan nulls last, l.builtin
    limit 1;
end
$$;
comment on function ucrm.rate_limit(text, text) is 'The window of a name on a plan: hits in seconds. Null when there is none.';

grant select on ucrm.rate_limits to ucrm_app, ucrm_reader, ucrm_platform;

create table ucrm.migrations (
    name text primary key,
    applied_at timestamptz not null default clock_timestamp()
);
comment on table ucrm.migrations is 'The ledger of the domain''s scripts: each file of sql/ is applied once.';
