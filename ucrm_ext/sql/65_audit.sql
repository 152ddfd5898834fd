-- The audit log: one row per changed row, and one per security event. Append-only: nobody is granted UPDATE, DELETE
-- or TRUNCATE, and only UCRM's functions insert. No foreign key to tenants: see ucrm.record_vanished_tenant().
create function ucrm.audit_salt()
returns uuid
language c
volatile
as 'MODULE_PATHNAME', 'ucrm_audit_salt';
comment on function ucrm.audit_salt() is 'Sixteen random bytes: what an audit row''s images are hashed with, so that nobody guesses them once they are erased.';

create function ucrm.hold_horizon()
returns trigger
language c
volatile
as 'MODULE_PATHNAME', 'ucrm_hold_horizon';
comment on function ucrm.hold_horizon() is
'BEFORE INSERT statement trigger of what is read or sealed up to ucrm.settled_until(): until the transaction ends, that names no later moment than this. It writes nothing and refuses nothing.';

create table ucrm.audit_logs (
    id uuid not null default ucrm.uuid7(),
    tenant_id uuid not null,
    at timestamptz not null default clock_timestamp(),
    actor_kind text not null,
    user_id uuid,
    impersonator_id uuid,
    api_key_prefix text,
    db_login text not null default session_user,
    request_id uuid,
    address inet,
    action text not null,
    resource text not null,
    record_id text,
    before jsonb,
    after jsonb,
    changed text[],
    salt uuid default ucrm.audit_salt(),
    images bytea,
    primary key (tenant_id, id)
);
comment on table ucrm.audit_logs is
'Who changed what: actor_kind (see ucrm.actor_kind()), user, the platform admin who acts as him (impersonator_id: read-only, so it stands at denials), key prefix, database login, request, address; action create | update | delete | a security event; the row before and after, and the names of the columns that changed. Secret columns appear as their mask. salt: see ucrm.audit_salt(). images: where ucrm.forget() erased before, after and salt, their digest. Ids are UUIDv7: order by id is order in time.';

create index audit_logs_record on ucrm.audit_logs (tenant_id, resource, record_id, id);

create function ucrm.changed_fields(before jsonb, after jsonb)
returns text[]
language c
immutable
parallel safe
as 'MODULE_PATHNAME', 'ucrm_changed_fields';
comment on function ucrm.changed_fields(jsonb, jsonb) is 'Names of the fields whose values differ, updated_at aside, sorted.';

-- The platform's own audit is sealed like a tenant's, and tells as much of who acted.
alter table ucrm.platform_audit_logs
    add column actor_kind text default ucrm.actor_kind(),
    add column api_key_prefix text default ucrm.api_key_prefix(),
    add column address inet default ucrm.client_address();

grant execute on function ucrm.audit_salt() to ucrm_owner;
grant execute on function ucrm.changed_fields(jsonb, jsonb) to ucrm_owner, ucrm_app, ucrm_platform;
