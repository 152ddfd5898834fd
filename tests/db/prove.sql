-- prove() holds on a healthy installation, leaves nothing behind, and turns red when a wall has a hole.
begin;
select * from no_plan();
set local client_min_messages = warning;

create function pg_temp.census()
returns text
language plpgsql
as $$
declare
    t regclass;
    n text;
    said text := '';
begin
    for t in
        select c.oid from pg_class as c join pg_namespace as s on s.oid = c.relnamespace
        where c.relkind = 'r' and c.relname <> 'audit_seals' and s.nspname in ('ucrm', 'crm', 'engagement', 'hiring') order by c.oid
    loop
        execute format('select md5(coalesce(string_agg(md5(t::text), '''' order by md5(t::text)), '''')) from %s as t', t) into n;
        said := said || format('%s %s', t, n) || E'\n';
    end loop;
    return said || (select count(*) from pg_roles) || ' roles, ' || (select count(*) from pg_auth_members) || ' memberships';
end
$$;
create temporary table before as select pg_temp.census() as census;

select is_empty('select * from ucrm.prove() where verdict <> ''held''', 'every wall holds on a fresh installation');
select is((select census from before), pg_temp.census(), 'prove() leaves no row, no audit and no role behind');
select is(array[current_user, session_user]::text[], array['postgres', 'postgres'], 'prove() gives the caller his identity back');
select is(ucrm.tenant_id(), null, 'prove() enters nothing');
select lives_ok($$ select ucrm.set('trial_days', '14') $$, 'the caller''s transaction goes on');

create temporary table proofs as select * from ucrm.prove();
select set_eq($$ select * from proofs where "table" = 'crm.contacts' $$, $$ select * from ucrm.prove('crm.contacts') $$, 'a table by itself is tried as it is among all');
select is_empty(
    $$ select t.relation::text, r.role, a.attempt
       from ucrm.protected_tables() as t
       cross join unnest(array['ucrm_app', 'ucrm_reader', 'ucrm_gateway']) as r (role)
       cross join unnest(array['read all rows', 'read by id', 'count', 'change by id', 'take over unseen', 'delete by id', 'delete unseen', 'merge by id',
                               'insert for the other tenant', 'upsert onto the other''s row', 'give its row to the other tenant']) as a (attempt)
       except select "table", role, attempt from proofs $$,
    'everything is tried on every protected table by every kind of login');
select is_empty(
    $$ select c.oid::regclass::text from pg_class as c
       where c.relnamespace = 'ucrm'::regnamespace and c.relkind = 'r'
         and not exists (select from pg_policy as p where p.polrelid = c.oid and p.polname = 'the catalogue is for everybody')
       except select "table" from proofs $$,
    'every kernel table that is not the catalogue is tried');
select is_empty(
    $$ select format('refer to the other''s %s by %s', k.confrelid::regclass, k.conname)
       from pg_constraint as k where k.contype = 'f' and k.conrelid = 'crm.contacts'::regclass and cardinality(k.conkey) = 2
       except select attempt from proofs where "table" = 'crm.contacts' and role = 'ucrm_app' $$,
    'every composite foreign key is tried');

-- Plants a hole, asks, and takes it back: the attempts that got through by what was tried, not by what a policy is called.
create function pg_temp.leaks(plant text, relation regclass default 'crm.contacts')
returns text
language plpgsql
as $$
declare
    said text;
begin
    execute plant;
    select string_agg(distinct p.role || ': ' || p.attempt, ' | ' order by p.role || ': ' || p.attempt)
    into said
    from ucrm.prove(relation) as p
    where p.verdict like 'LEAK: %' and p.attempt not like 'pass by %';
    raise exception using errcode = 'UNDO0';
exception when sqlstate 'UNDO0' then
    return coalesce(said, 'nothing');
end
$$;

create function pg_temp.reddens(plant text, relation regclass)
returns boolean
language plpgsql
as $$
declare
    said boolean;
begin
    execute plant;
    said := exists (select from ucrm.prove(relation) as p where p.verdict <> 'held');
    raise exception using errcode = 'UNDO0';
exception when sqlstate 'UNDO0' then
    return said;
end
$$;

select ok(pg_temp.reddens(format('drop policy %I on %s', p.polname, p.polrelid::regclass), p.polrelid), format('prove() fails without the policy %I on %s', p.polname, p.polrelid::regclass))
from pg_policy as p where p.polrelid in ('crm.contacts'::regclass, 'crm.organizations'::regclass) order by p.polrelid, p.polname;

select alike(pg_temp.leaks('alter table crm.contacts disable row level security'), '%ucrm_app: read all rows%', 'prove() reads through a table without row security');
select alike(pg_temp.leaks('alter table crm.contacts disable row level security'), '%ucrm_reader: count%', 'so does a reporting login');
select alike(pg_temp.leaks('alter table crm.contacts no force row level security'), 'ucrm_tables: %', 'prove() finds that an unforced owner sees every tenant');
select alike(pg_temp.leaks('drop policy "ucrm: members read rows of their tenant" on crm.contacts'), '%ucrm_reader: read by id%', 'without the tenant policy for reading, others'' rows are read');
select alike(pg_temp.leaks('drop policy "ucrm: members create rows of their tenant" on crm.contacts'), '%ucrm_app: insert for the other tenant%', 'without the one for creating, rows are made for others');
select alike(pg_temp.leaks('drop policy "ucrm: members update rows of their tenant" on crm.contacts'), '%ucrm_app: give its row to the other tenant%ucrm_app: take over unseen%', 'without the one for changing, rows change hands unseen');
select alike(pg_temp.leaks('drop policy "ucrm: members delete rows of their tenant" on crm.contacts'), '%ucrm_app: delete unseen%', 'without the one for deleting, others'' rows are deleted unseen');
select alike(pg_temp.leaks('drop policy "ucrm: members read contacts as their role grants" on crm.contacts'), '%ucrm_app: read without permission%', 'without the permission policy, a role without permission reads');
select alike(pg_temp.leaks('alter policy "ucrm: members update rows of their tenant" on crm.contacts with check (true)'), '%ucrm_app: give its row to the other tenant%', 'a policy that lost its check lets rows go');
select alike(pg_temp.leaks('create policy open on crm.contacts using (true); drop policy "ucrm: members read rows of their tenant" on crm.contacts'), '%ucrm_app: read all rows%', 'a permissive policy in the place of a restrictive one opens the table');
select is(pg_temp.leaks('create policy open on crm.contacts using (true)'), 'nothing', 'a permissive policy beside the restrictive ones opens nothing');
select alike(pg_temp.leaks('alter table crm.contacts drop constraint contacts_tenant_id_fkey'), '%outlive its tenant%', 'without the foreign key to tenants, rows outlive their tenant');
select alike(
    pg_temp.leaks('alter table crm.organizations add unique (id); alter table crm.contacts drop constraint contacts_tenant_id_organization_id_fkey, add constraint single foreign key (organization_id) references crm.organizations (id)'),
    '%ucrm_app: refer to the other''s crm.organizations by single%', 'a foreign key without tenant_id reaches the other tenant''s row');
select alike(
    pg_temp.leaks('alter table crm.organizations add unique (id); alter table crm.contacts drop constraint contacts_tenant_id_organization_id_fkey, add constraint single foreign key (organization_id) references crm.organizations (id) deferrable initially deferred'),
    '%ucrm_app: refer to the other''s crm.organizations by single%', 'one that is checked later does too');
select alike(pg_temp.leaks('alter table ucrm.api_keys disable row level security', 'ucrm.api_keys'), '%ucrm_reader: read the other''s%', 'a kernel table without row security shows others'' keys');
select alike(pg_temp.leaks('grant insert, update, delete on ucrm.roles to ucrm_app; create policy own on ucrm.roles using (true)', 'ucrm.roles'), '%ucrm_app: change the other''s%', 'a kernel table with a policy and grants of somebody''s is open to writing');
select alike(pg_temp.leaks('grant select on ucrm.users to ucrm_reader; alter table ucrm.users disable row level security', 'ucrm.users'), '%ucrm_reader: read%', 'accounts that are granted are read');
select alike(pg_temp.leaks('alter table ucrm.tenant_memberships disable row level security', 'ucrm.tenant_memberships'), '%count%', 'memberships without row security are counted');

-- Rows are made for tables of any make, empty ones included.
create type public.mood as enum ('calm', 'wild');
create domain public.grade as integer check (value > 0);
create table public.zoo (
    tenant_id uuid not null,
    id bigint generated by default as identity,
    mood public.mood not null,
    grade public.grade not null,
    kind text not null check (kind in ('mammal', 'bird')),
    fed date not null,
    tags text[] not null,
    weight numeric(8, 2) not null,
    digest bytea not null,
    heavy boolean generated always as (weight > 100) stored,
    parent bigint,
    contact_id uuid not null,
    code text not null,
    primary key (tenant_id, id),
    unique (tenant_id, code),
    foreign key (tenant_id, parent) references public.zoo (tenant_id, id),
    foreign key (tenant_id, contact_id) references crm.contacts (tenant_id, id)
);
select ucrm.protect('public.zoo');
select is_empty('select * from ucrm.prove(''public.zoo'') where verdict <> ''held''', 'every wall holds on a table of many types that has no row yet');
select isnt_empty('select * from ucrm.prove(''public.zoo'') where "table" = ''public.zoo'' and attempt like ''refer to the other''''s crm.contacts%'' and role = ''ucrm_app''', 'and its references are tried');
alter table public.zoo add check (code = 'secret word');
select is((select count(*) from ucrm.prove('public.zoo') where "table" = 'public.zoo' and verdict like 'unproven: no row could be made: %'), 3::bigint, 'a table for which no row can be made is not said to hold');
drop table public.zoo cascade;

create table public.halves (tenant_id uuid not null, id uuid not null default ucrm.uuid7(), body text, primary key (tenant_id, id)) partition by hash (tenant_id);
create table public.half_0 partition of public.halves for values with (modulus 2, remainder 0);
create table public.half_1 partition of public.halves for values with (modulus 2, remainder 1);
select ucrm.protect('public.halves');
select is_empty('select * from ucrm.prove(''public.halves'') where verdict <> ''held''', 'every wall holds on a partitioned table');
drop table public.halves cascade;

set local role ucrm_platform;
select throws_ok('select * from ucrm.prove()', '42501', null, 'prove() is for superusers only');
reset role;
select ucrm.enter(t.id) from ucrm.tenants as t where t.slug = 'acme';
select throws_ok('select * from ucrm.prove()', '55000', 'this transaction has entered a tenant', 'prove() wants a transaction that has entered no tenant');
select * from finish();
rollback;
