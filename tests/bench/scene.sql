-- What is measured against: tables without UCRM, a login bound to one tenant, a look-up of permissions in SQL.
-- As a superuser, after tenants.sql; :reader_password is the login's.
\set ON_ERROR_STOP on
\set QUIET on
set client_min_messages = warning;
create schema bench;

-- crm.contacts as it would be without UCRM: the same columns, checks, indexes, foreign keys and rows.
create table bench.contacts (like crm.contacts including all);
drop index bench.contacts_tenant_id_searchable_idx;
alter table bench.contacts alter column tenant_id drop default, alter column owner_id drop default;
insert into bench.contacts
select * from crm.contacts
where tenant_id <> ('b0000000-0000-7000-8000-' || lpad(to_hex(:large), 12, '0'))::uuid
order by tenant_id, id;
create index on bench.contacts using gin (tenant_id ucrm.tenant_ops, ucrm.searchable(name, email, phone) ucrm.search_ops);
alter table bench.contacts
    add foreign key (tenant_id) references ucrm.tenants (id) on delete cascade,
    add foreign key (tenant_id, organization_id) references crm.organizations (tenant_id, id),
    add foreign key (tenant_id, owner_id) references ucrm.tenant_memberships (tenant_id, user_id);
create trigger touch before update on bench.contacts for each row execute function ucrm.touch();

select ucrm.bind_login('bench_reader', ('b0000000-0000-7000-8000-' || lpad(to_hex(:tenants / 2), 12, '0'))::uuid, 'reader') \g /dev/null
alter role bench_reader password :'reader_password' connection limit -1;

-- has_permission() as people write it without UCRM: member → role → grants.
create function bench.may(tenant uuid, member uuid, resource text, action text)
returns boolean
language plpgsql
stable
as $$
begin
    return exists (
        select
        from ucrm.tenant_memberships as m
        left join ucrm.builtin_roles as b on b.name = m.role
        left join ucrm.role_permissions as p on p.tenant_id = m.tenant_id and p.role = m.role
        where m.tenant_id = may.tenant and m.user_id = may.member and m.disabled_at is null
          and (
              (p.resource in ('*', may.resource) and p.action in ('*', may.action))
              or exists (
                  select from unnest(string_to_array(b.permissions, ',')) as g
                  where split_part(g, ':', 1) in ('*', 'entity', may.resource) and split_part(g, ':', 2) in ('*', may.action)
              )
          )
    );
end
$$;

-- A thousand contacts for each of sixteen tenants: as one body of a request, and as files for COPY with their audit rows.
create table bench.bodies (body bytea not null);
alter table bench.bodies alter column body set storage external;
insert into bench.bodies
select convert_to(jsonb_agg(jsonb_build_object('name', 'Created ' || k, 'email', 'created-' || k || '@bench.example', 'phone', '+49 30 123456', 'stage', 'lead'))::text, 'UTF8')
from generate_series(1, 1000) as k;
grant usage on schema bench to ucrm_gateway;
grant select on bench.bodies to ucrm_gateway;

create function bench.file_of(what text, n integer)
returns text
language sql
as $$ select format('%s/bench-%s-%s.copy', current_setting('data_directory'), what, n) $$;

do $$
declare
    source constant text :=
        'from generate_series(1, 1000) as k
         cross join (values ((''b0000000-0000-7000-8000-'' || lpad(to_hex(%1$s), 12, ''0''))::uuid, (''b1000000-0000-7000-8000-'' || lpad(to_hex(%1$s), 12, ''0''))::uuid)) as t (tenant_id, user_id)
         cross join lateral (select t.tenant_id, ''Created '' || k as name, ''created-'' || k || ''@bench.example'' as email, ''+49 30 123456'' as phone, ''lead'' as stage, t.user_id as owner_id) as c
         cross join lateral (select gen_random_uuid()::text as id) as made';
begin
    for n in 1 .. 16 loop
        execute format('copy (select c.* ' || source || ') to %2$L', n, bench.file_of('contacts', n));
        execute format(
            'copy (select t.tenant_id, ''key'', t.user_id, ''bench'', ''01900000-0000-7000-8000-000000000001'', ''127.0.0.1'', ''create'', ''contacts'', made.id,
                          to_jsonb(c) || jsonb_build_object(''id'', made.id, ''organization_id'', null, ''notes'', null, ''custom'', ''{}''::jsonb, ''external_id'', null,
                                                           ''created_at'', now(), ''updated_at'', now(), ''archived_at'', null) '
            || source || ') to %2$L', n, bench.file_of('audit', n));
    end loop;
end
$$;

create function bench.copy_in(n integer)
returns void
language plpgsql
as $$
begin
    execute format('copy bench.contacts (tenant_id, name, email, phone, stage, owner_id) from %L', bench.file_of('contacts', n));
    execute format('copy ucrm.audit_logs (tenant_id, actor_kind, user_id, api_key_prefix, request_id, address, action, resource, record_id, after) from %L',
                   bench.file_of('audit', n));
end
$$;

vacuum (analyze);
checkpoint;
