-- What is measured against: tables without UCRM, a login bound to one tenant, a look-up of permissions in SQL.
-- As a superuser, after tenants.sql; :reader_password is the login's.
\set ON_ERROR_STOP on
\set QUIET on
set client_min_messages = warning;
create schema bench;

-- crm.contacts as it would be without UCRM: the same columns, checks, indexes, foreign keys and rows.
create table bench.contacts (like crm.contacts including all);
alter table bench.contacts alter column tenant_id drop default, alter column owner_id drop default;
insert into bench.contacts select * from crm.contacts order by tenant_id, id;
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

vacuum (analyze);
checkpoint;
