-- What happens by itself in a watched schema, and nowhere else: never an error, never more than was asked for.
begin;
select * from no_plan();
create schema shop;
create schema elsewhere;
create function pg_temp.resource_of(relation text) returns text language sql as $$
    select r.name from ucrm.resources as r where ucrm.relation_of(r.table_schema, r.table_name) = relation::regclass
$$;
create function pg_temp.security_of(relation text) returns boolean[] language sql as $$
    select array[c.relrowsecurity, c.relforcerowsecurity] from pg_class as c where c.oid = relation::regclass
$$;
select throws_ok($$select ucrm.watch('nowhere')$$, '42704', null, 'a schema that is not there is not watched');
create table shop.before_watching (tenant_id uuid not null, id uuid not null, primary key (tenant_id, id));
select is(pg_temp.resource_of('shop.before_watching'), null, 'nothing is watched at first');
select lives_ok($$select ucrm.watch('shop')$$, 'a schema is watched');
select lives_ok($$select ucrm.watch('shop')$$, 'twice is once');

create table shop.orders (tenant_id uuid not null, id uuid not null default ucrm.uuid7(), title text, primary key (tenant_id, id));
select is(pg_temp.resource_of('shop.orders'), 'orders', 'a table of complete shape is protected as it is made');
select is((select count(*) from pg_policy where polrelid = 'shop.orders'::regclass), 9::bigint, 'with its policies');
create table shop.copied as select gen_random_uuid() as tenant_id, 1 as id where false;
select is(pg_temp.resource_of('shop.copied'), null, 'one without a key is not');
select is(pg_temp.security_of('shop.copied'), array[true, true], 'but closed to everybody');
create table shop.incomplete (tenant_id uuid, id uuid primary key);
select is(pg_temp.security_of('shop.incomplete'), array[true, true], 'one with a tenant_id of incomplete shape too');
insert into shop.incomplete values ((select id from ucrm.tenants where slug = 'acme'), gen_random_uuid());
grant select, insert on shop.incomplete to ucrm_app;
grant usage on schema shop to ucrm_app;
set local role ucrm_app;
select is((select count(*) from shop.incomplete), 0::bigint, 'nobody sees it');
select throws_ok('insert into shop.incomplete values (null, gen_random_uuid())', '42501', null, 'or writes it');
reset role;
create table shop.free (id uuid primary key, title text);
select is(pg_temp.security_of('shop.free'), array[false, false], 'a table without a tenant_id is left alone');
create table elsewhere.others (tenant_id uuid not null, id uuid not null, primary key (tenant_id, id));
select is(pg_temp.security_of('elsewhere.others'), array[false, false], 'and so is every other schema');
create table shop.grouped (tenant_id uuid not null, id uuid not null, primary key (tenant_id, id)) partition by hash (tenant_id);
select is(pg_temp.resource_of('shop.grouped'), 'grouped', 'a partitioned table is protected');
create table shop.grouped_0 partition of shop.grouped for values with (modulus 1, remainder 0);
select is(pg_temp.resource_of('shop.grouped_0'), null, 'its partitions are no resources');

-- Deliberately not.
insert into ucrm.unprotected_tables (table_schema, table_name) values ('shop', 'statistics');
create table shop.statistics (tenant_id uuid not null, id uuid not null, primary key (tenant_id, id));
select is(pg_temp.security_of('shop.statistics'), array[false, false], 'a table that is deliberately not protected is not');
select lives_ok($$select ucrm.leave_unprotected('shop.free', 'no tenant''s')$$, 'one can say so');

-- Temporary tables are nobody's concern.
create temporary table orders (tenant_id uuid not null, id uuid not null, primary key (tenant_id, id));
select is(pg_temp.security_of('pg_temp.orders'), array[false, false], 'temporary tables are left alone');
drop table pg_temp.orders;
select is(pg_temp.resource_of('shop.orders'), 'orders', 'also when they go');

-- Names and ends.
alter table shop.orders rename to purchases;
select is(pg_temp.resource_of('shop.purchases'), 'orders', 'a renamed table keeps its resource');
alter table shop.purchases set schema elsewhere;
select is(pg_temp.resource_of('elsewhere.purchases'), 'orders', 'one that moves too');
alter schema elsewhere rename to away;
select is(pg_temp.resource_of('away.purchases'), 'orders', 'also with its schema');
alter table away.purchases add column note text;
alter table away.purchases rename column title to heading;
select is(pg_temp.resource_of('away.purchases'), 'orders', 'other changes leave it');
create table away.orders_2 (like away.purchases including all);
drop table away.orders_2;
select is(pg_temp.resource_of('away.purchases'), 'orders', 'a likeness of it is another table');
drop table away.purchases cascade;
select is_empty($$select name from ucrm.resources where name = 'orders'$$, 'a dropped table''s resource goes with it');
select is_empty($$select action from ucrm.resource_actions where resource = 'orders'$$, 'and its actions');
drop schema shop cascade;
select is_empty($$select name from ucrm.resources where table_schema = 'shop'$$, 'also with the whole schema');

-- What pg_restore does: tables first, row security and keys by ALTER TABLE afterwards.
create schema shop;
create table shop.restored (tenant_id uuid not null, id uuid not null);
select is(pg_temp.security_of('shop.restored'), array[true, true], 'a table that is being restored is closed at first');
select lives_ok($$alter table only shop.restored add constraint restored_pkey primary key (tenant_id, id)$$, 'its key comes later');
select lives_ok($$alter table shop.restored enable row level security; alter table only shop.restored force row level security; create policy mine on shop.restored using (true)$$, 'and its policies');
select is_empty($$select name from ucrm.resources where name = 'restored'$$, 'ALTER TABLE protects nothing by itself');

-- It never raises, whoever makes what.
create role somebody login;
grant create, usage on schema shop to somebody;
set local role somebody;
select lives_ok('create table shop.somebodys (tenant_id uuid not null, id uuid not null, primary key (tenant_id, id))', 'somebody makes a table');
select lives_ok('create table shop.strange (tenant_id text, "weird ""name" integer)', 'a strange one');
select lives_ok('create temporary table t (tenant_id uuid)', 'a temporary one');
select lives_ok('create view shop.v as select 1 as tenant_id', 'a view');
select lives_ok('create index on t (tenant_id)', 'an index');
select lives_ok('drop table t', 'and takes it away');
reset role;
select is(pg_temp.resource_of('shop.somebodys'), null, 'somebody''s table is not protected by itself: his code would run in everybody''s requests');
select ok(relrowsecurity and relforcerowsecurity, 'but closed') from pg_class where oid = 'shop.somebodys'::regclass;
select lives_ok($$select ucrm.protect('shop.somebodys')$$, 'and protected when a DBA says so');
select is(relowner::regrole::text, 'somebody', 'and stays his') from pg_class where oid = 'shop.somebodys'::regclass;

-- A trigger's name gives nobody a resource.
set local role somebody;
create temporary table t (x integer);
create trigger ucrm_gate before insert on t for each statement execute function suppress_redundant_updates_trigger('contacts');
alter table t add column y integer;
create table shop.mine (x integer);
create trigger ucrm_gate before insert on shop.mine for each statement execute function suppress_redundant_updates_trigger('contacts');
alter table shop.mine add column y integer;
select throws_ok($$create trigger ucrm_gate before insert on shop.mine for each statement execute function ucrm.gate_write('contacts')$$, '42501', null, 'the gate''s function is not for others');
reset role;
select is(pg_temp.resource_of('crm.contacts'), 'contacts', 'a trigger called ucrm_gate takes over no resource');

select lives_ok($$select ucrm.unwatch('shop')$$, 'a schema is watched no longer');
create table shop.later (tenant_id uuid not null, id uuid not null, primary key (tenant_id, id));
select is(pg_temp.resource_of('shop.later'), null, 'and its new tables are left alone');
set local role ucrm_app;
select throws_ok($$select ucrm.watch('shop')$$, '42501', null, 'watching is for superusers');
select throws_ok($$select ucrm.unwatch('shop')$$, '42501', null, 'and so is not watching');
reset role;
select * from finish();
rollback;
