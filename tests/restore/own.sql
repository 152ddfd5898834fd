-- What a DBA adds to an installation: every kind of row and object that a dump must carry and the demo does not have.
set client_min_messages = warning;
create schema lab;
select ucrm.watch('lab') \g /dev/null
-- Protected as it is made: the schema is watched.
create table lab.things (
    tenant_id uuid not null references ucrm.tenants (id) on delete cascade,
    id bigint generated always as identity,
    name text not null,
    code text,
    weight numeric(10, 3),
    doubled numeric generated always as (weight * 2) stored,
    primary key (tenant_id, id)
);
comment on table lab.things is 'Things.';
comment on column lab.things.weight is 'In kilograms.';
select ucrm.protect('lab.things', search => array['name']) \g /dev/null
create table lab.wires (
    tenant_id uuid not null references ucrm.tenants (id) on delete cascade,
    id uuid not null default ucrm.uuid7(),
    name text not null,
    token text,
    custom jsonb not null default '{}',
    primary key (tenant_id, id)
);
select ucrm.protect('lab.wires', secret => array['token']) \g /dev/null
-- Closed, because its shape is incomplete; and left alone on purpose.
create table lab.unshaped (tenant_id uuid, name text);
create table lab.journal (tenant_id uuid, at timestamptz);
select ucrm.leave_unprotected('lab.journal', 'filled by a job') \g /dev/null
alter table lab.journal disable row level security, no force row level security;
create sequence lab.tickets start 7 increment 3;
select nextval('lab.tickets'), nextval('lab.tickets') \g /dev/null
create index things_name on lab.things (tenant_id, name);

insert into lab.things (tenant_id, name, code, weight) select id, 'Thing of ' || name, 'secret', 1.5 from ucrm.tenants;
insert into ucrm.custom_columns (tenant_id, resource, name, label, type, options) select id, 'wires', 'size', 'Size', 'single_select', '["s", "m"]' from ucrm.tenants;
insert into lab.wires (tenant_id, name, token, custom) select id, 'Wire of ' || name, 'token of ' || name || ' 1234', '{"size": "s"}' from ucrm.tenants;
insert into ucrm.file_buckets (name, roles, content_types, max_bytes) values ('contracts', array['admin'], array['application/pdf'], 1000);
insert into ucrm.files (tenant_id, bucket, name, content_type, size, sha256, content) select id, 'contracts', 'a.pdf', 'application/pdf', 5, 'x', '%PDF-' from ucrm.tenants;
update lab.things set weight = 2.25 where tenant_id = (select id from ucrm.tenants where slug = 'acme');
create materialized view lab.weights as select sum(weight) from lab.things;
insert into lab.unshaped select id, name from ucrm.tenants;

insert into ucrm.refusals (code, status, title) values ('closed_on_sundays', 403, 'Closed on Sundays');
create function lab.is_open(resource text, action text) returns boolean language sql stable set search_path = pg_catalog, pg_temp as 'select true';
insert into ucrm.gates (name, position, applies, check_fn, code) values ('open', 600, 'write', 'lab.is_open', 'closed_on_sundays');
select ucrm.set('approval', '"auto"') \g /dev/null
insert into ucrm.rate_limits (name, plan, hits, seconds) values ('reports', 'free', 3, 3600), ('api_key', null, 500, 60);
insert into ucrm.constraint_fields (schema_name, constraint_name, field, code) values ('lab', 'things_pkey', 'id', 'duplicate');
insert into ucrm.resource_actions (resource, action, writes) values ('things', 'weigh', true);
insert into ucrm.routes (method, template, function, audience, resource, action) values ('GET', '/api/v1/lab/{id}', 'ucrm.get_row', 'tenant', 'things', 'read');
insert into ucrm.roles (tenant_id, name, label) select id, 'keeper', 'Keeper' from ucrm.tenants;
insert into ucrm.role_permissions (tenant_id, role, resource, action, scope) select id, 'keeper', 'things', 'read', 'own' from ucrm.tenants;
select ucrm.hit_row('login', 'somebody', 10, 900) \g /dev/null
select ucrm.add_issuer('https://id.lab.example', 'clerk', audience => '{lab}',
    jwks => '{"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "d1", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}') \g /dev/null
insert into ucrm.user_identities (issuer_id, subject, user_id)
select i.id, 'somebody', u.id from ucrm.issuers as i, (select id from ucrm.users order by id limit 1) as u where i.iss = 'https://id.lab.example';
