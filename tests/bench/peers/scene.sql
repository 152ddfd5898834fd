-- What the peers find: a database of their own on the same server, with tables like crm.contacts, ucrm.audit_logs and
-- ucrm.events under row security of their own, and keys. The rows come from UCRM's database afterwards.
-- As a superuser in that database; :peer_password is the login's. The keys are those of tenants.sql: 'bench-key-n'.
\set ON_ERROR_STOP on
\set QUIET on
set client_min_messages = warning;
create schema peer;
create schema peer_auth;

-- peer_app owns nothing; peer_member is who PostGraphile becomes for a request, peer_nobody when its key is none.
create role peer_member;
create role peer_nobody;
create role peer_app login password :'peer_password' nobypassrls;
grant peer_member, peer_nobody to peer_app;

create table peer_auth.tenants (
    id uuid primary key,
    name text not null
);
create table peer_auth.members (
    tenant_id uuid not null references peer_auth.tenants (id) on delete cascade,
    user_id uuid not null,
    role text not null,
    primary key (tenant_id, user_id)
);
create table peer_auth.organizations (
    tenant_id uuid not null references peer_auth.tenants (id) on delete cascade,
    id uuid not null,
    name text not null,
    primary key (tenant_id, id)
);

create table peer.contacts (
    tenant_id uuid not null default nullif(current_setting('peer.tenant_id', true), '')::uuid references peer_auth.tenants (id) on delete cascade,
    id uuid not null default gen_random_uuid(),
    name text not null check (name <> '' and length(name) <= 200),
    email text check (email ~ '^[^@\s]+@[^@\s]+$' and length(email) <= 254),
    phone text check (length(phone) <= 50),
    stage text not null default 'lead' check (stage in ('lead', 'qualified', 'won', 'lost')),
    organization_id uuid,
    owner_id uuid default nullif(current_setting('peer.user_id', true), '')::uuid,
    notes text check (length(notes) <= 20000),
    custom jsonb not null default '{}' check (jsonb_typeof(custom) = 'object'),
    external_id text check (external_id <> '' and length(external_id) <= 200),
    created_at timestamptz not null default clock_timestamp(),
    updated_at timestamptz not null default clock_timestamp(),
    archived_at timestamptz,
    primary key (tenant_id, id),
    unique (tenant_id, external_id),
    foreign key (tenant_id, organization_id) references peer_auth.organizations (tenant_id, id),
    foreign key (tenant_id, owner_id) references peer_auth.members (tenant_id, user_id)
);
create index on peer.contacts (tenant_id, created_at desc, id desc) include (owner_id, archived_at);
create index on peer.contacts (tenant_id, name, id);
create index on peer.contacts (tenant_id, organization_id);
create index on peer.contacts (tenant_id, owner_id);
alter table peer.contacts enable row level security, force row level security;
create policy tenant on peer.contacts
    using (tenant_id = (select nullif(current_setting('peer.tenant_id', true), '')::uuid))
    with check (tenant_id = (select nullif(current_setting('peer.tenant_id', true), '')::uuid));

-- Who changed what, and an event of it: as UCRM writes them, by the cheapest means there is.
create table peer_auth.audit_logs (
    tenant_id uuid not null,
    id uuid not null default gen_random_uuid(),
    at timestamptz not null default clock_timestamp(),
    user_id uuid,
    action text not null,
    resource text not null,
    record_id text,
    after jsonb,
    primary key (tenant_id, id)
);
create index on peer_auth.audit_logs (tenant_id, resource, record_id, id);
create table peer_auth.events (
    tenant_id uuid not null,
    id uuid not null default gen_random_uuid(),
    at timestamptz not null default clock_timestamp(),
    type text not null,
    resource text not null,
    record_id text,
    data jsonb,
    primary key (tenant_id, id)
);
create function peer_auth.record()
returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    image constant jsonb := to_jsonb(new);
begin
    insert into peer_auth.audit_logs (tenant_id, user_id, action, resource, record_id, after)
    values (new.tenant_id, new.owner_id, 'create', 'contacts', new.id, image);
    insert into peer_auth.events (tenant_id, type, resource, record_id, data)
    values (new.tenant_id, 'contacts.created', 'contacts', new.id, image);
    return null;
end
$$;
create trigger record after insert on peer.contacts for each row execute function peer_auth.record();
-- Rows that are loaded leave none.
alter table peer.contacts disable trigger record;

-- The tables better-auth asks for, and its API keys'.
create table peer_auth."user" (
    id text primary key,
    name text not null,
    email text not null unique,
    "emailVerified" boolean not null default false,
    image text,
    "createdAt" timestamp(3) not null default now(),
    "updatedAt" timestamp(3) not null default now()
);
create table peer_auth.session (
    id text primary key,
    "expiresAt" timestamp(3) not null,
    token text not null unique,
    "createdAt" timestamp(3) not null default now(),
    "updatedAt" timestamp(3) not null default now(),
    "ipAddress" text,
    "userAgent" text,
    "userId" text not null references peer_auth."user" (id) on delete cascade
);
create table peer_auth.account (
    id text primary key,
    "accountId" text not null,
    "providerId" text not null,
    "userId" text not null references peer_auth."user" (id) on delete cascade,
    "accessToken" text,
    "refreshToken" text,
    "idToken" text,
    "accessTokenExpiresAt" timestamp(3),
    "refreshTokenExpiresAt" timestamp(3),
    scope text,
    password text,
    "createdAt" timestamp(3) not null default now(),
    "updatedAt" timestamp(3) not null default now()
);
create table peer_auth.verification (
    id text primary key,
    identifier text not null,
    value text not null,
    "expiresAt" timestamp(3) not null,
    "createdAt" timestamp(3) not null default now(),
    "updatedAt" timestamp(3) not null default now()
);
create table peer_auth.apikey (
    id text primary key,
    name text,
    start text,
    prefix text,
    key text not null,
    "userId" text not null references peer_auth."user" (id) on delete cascade,
    "refillInterval" integer,
    "refillAmount" integer,
    "lastRefillAt" timestamp(3),
    enabled boolean default true,
    "rateLimitEnabled" boolean default true,
    "rateLimitTimeWindow" integer,
    "rateLimitMax" integer,
    "requestCount" integer default 0,
    remaining integer,
    "lastRequest" timestamp(3),
    "expiresAt" timestamp(3),
    "createdAt" timestamp(3) not null,
    "updatedAt" timestamp(3) not null,
    permissions text,
    metadata text
);
create index on peer_auth.session ("userId");
create index on peer_auth.account ("userId");
create index on peer_auth.verification (identifier);
create index on peer_auth.apikey (key);
create index on peer_auth.apikey ("userId");

insert into peer_auth."user" (id, name, email, "emailVerified")
select user_id, 'Owner', 'owner-' || n || '@bench.example', true
from (select n, ('b1000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0')) as user_id from generate_series(1, :tenants) as n) as made;

-- As the plugin stores them: SHA-256 in base64url without padding.
insert into peer_auth.apikey
    (id, name, key, "userId", "rateLimitTimeWindow", "rateLimitMax", "createdAt", "updatedAt", permissions, metadata)
select 'key-' || n, 'Bench', rtrim(translate(encode(sha256(convert_to('bench-key-' || n, 'UTF8')), 'base64'), '+/', '-_'), '='),
       'b1000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'), 60000, 2000000000, now(), now(),
       '{"contacts": ["create", "read"]}',
       json_build_object('tenantId', 'b0000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))
from generate_series(1, :tenants) as n;

grant usage on schema peer to peer_app, peer_member, peer_nobody;
grant usage on schema peer_auth to peer_app;
grant select, insert, update, delete on peer.contacts to peer_app, peer_member;
grant select, insert, update, delete on peer_auth."user", peer_auth.session, peer_auth.account, peer_auth.verification, peer_auth.apikey to peer_app;
