-- protect() makes a table a tenant table, twice if asked twice; refuses what it could not hold, saying what to do;
-- unprotect() takes all of it back.
begin;
select * from no_plan();
create schema shop;
create table shop.orders (
    tenant_id uuid not null, id uuid not null default ucrm.uuid7(), title text not null, secret_code text, owner_id uuid, archived_at timestamptz, total bigint default 0,
    primary key (tenant_id, id)
);
-- Everything that the catalogue says about the table.
create function pg_temp.picture() returns jsonb language sql as $$
    select jsonb_build_object(
        'class', (select to_jsonb(c) - 'relhastriggers' - 'relacl' - 'relfrozenxid' - 'relminmxid' - 'relchecks' - 'relhasindex' from pg_class as c where c.oid = 'shop.orders'::regclass),
        'acl', (select jsonb_agg(a::text order by a::text) from pg_class as c, unnest(c.relacl) as a where c.oid = 'shop.orders'::regclass and a::text not like 'postgres=%'),
        'columns', (select jsonb_agg(to_jsonb(a) order by a.attnum) from pg_attribute as a where a.attrelid = 'shop.orders'::regclass),
        'defaults', (select jsonb_agg(pg_get_expr(d.adbin, d.adrelid) order by d.adnum) from pg_attrdef as d where d.adrelid = 'shop.orders'::regclass),
        'constraints', (select jsonb_agg(pg_get_constraintdef(k.oid) order by k.conname) from pg_constraint as k where k.conrelid = 'shop.orders'::regclass),
        'indexes', (select jsonb_agg(to_jsonb(i) order by i.indexrelid) from pg_index as i where i.indrelid = 'shop.orders'::regclass),
        'triggers', (select jsonb_agg(pg_get_triggerdef(t.oid) || t.tgenabled::text order by t.tgname) from pg_trigger as t where t.tgrelid = 'shop.orders'::regclass and not t.tgisinternal),
        'policies', (select jsonb_agg(jsonb_build_array(p.polname, p.polcmd, p.polpermissive, pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)) order by p.polname) from pg_policy as p where p.polrelid = 'shop.orders'::regclass),
        'resources', (select jsonb_agg(to_jsonb(r) order by r.name) from ucrm.resources as r), 'actions', (select jsonb_agg(to_jsonb(a) order by a.resource, a.action) from ucrm.resource_actions as a))
$$;
create temporary table pictures as select 'before' as "when", pg_temp.picture() as what;
select lives_ok($$select ucrm.protect('shop.orders', secret => array['secret_code'])$$, 'a table of complete shape is protected');
insert into pictures select 'once', pg_temp.picture();
select lives_ok($$select ucrm.protect('shop.orders')$$, 'and again');
select is(pg_temp.picture() #- '{class,relnatts}', what #- '{class,relnatts}', 'which changes nothing, what was said the first time included') from pictures where "when" = 'once';

select is((select to_jsonb(r) - 'search_columns' from ucrm.resources as r where r.name = 'orders'),
    '{"name": "orders", "label": "Orders", "kind": "entity", "table_schema": "shop", "table_name": "orders", "key_column": "id", "owner_column": "owner_id", "archived_column": "archived_at", "label_column": "title", "secret_columns": ["secret_code"], "builtin": false}',
    'it is a resource of its name');
select set_eq($$select action from ucrm.resource_actions where resource = 'orders'$$, array['import', 'create', 'read', 'autocomplete', 'update', 'delete', 'archive', 'restore', 'export'], 'with nine actions');
select is(relowner::regrole::text, 'postgres', 'it belongs to whom it belonged to') from pg_class where oid = 'shop.orders'::regclass;
select is(relreplident, 'i', 'replication knows its rows by tenant and key') from pg_class where oid = 'shop.orders'::regclass;
select is((select pg_get_expr(adbin, adrelid) from pg_attrdef where adrelid = 'shop.orders'::regclass and adnum = 1), 'ucrm.tenant_id()', 'tenant_id is filled in');
select is((select confdeltype from pg_constraint where conrelid = 'shop.orders'::regclass and confrelid = 'ucrm.tenants'::regclass), 'c', 'and goes with its tenant');
select ok(not has_table_privilege('ucrm_app', 'shop.orders', 'truncate') and not has_table_privilege('ucrm_app', 'shop.orders', 'references') and not has_table_privilege('ucrm_app', 'shop.orders', 'trigger'), 'tenants get rows, not the table');
select ok(not has_table_privilege('ucrm_reader', 'shop.orders', 'insert, update, delete'), 'readers read');

-- The roles of yesterday cover it.
select id as acme from ucrm.tenants where slug = 'acme' \gset
select user_id as owner from ucrm.tenant_memberships where tenant_id = :'acme' and role = 'owner' \gset
insert into shop.orders (tenant_id, title) select id, 'foreign' from ucrm.tenants where slug = 'globex';
set local role ucrm_app;
select ucrm.enter(:'acme', :'owner');
select lives_ok($$insert into shop.orders (title, secret_code) values ('one', 'hush')$$, 'an owner writes it');
select results_eq('select title, tenant_id from shop.orders', format($$values ('one', %L::uuid)$$, :'acme'), 'and reads his own');
select is_empty($$select from ucrm.audit_logs where resource = 'orders' and after::text like '%hush%'$$, 'its secret is in no audit row');
select is_empty($$select from ucrm.events where resource = 'orders' and data::text like '%hush%'$$, 'nor in an event');
reset role;
select is(ucrm.shape_of('orders') ~ E'\nsecret_code\ttext\trws', true, 'and the API knows it for a secret');
-- The table's owner, no superuser, is held too.
create role shopkeeper;
grant usage on schema shop, ucrm to shopkeeper;
alter table shop.orders owner to shopkeeper;
set local role shopkeeper;
select is((select count(*) from shop.orders where tenant_id <> :'acme'), 0::bigint, 'the owner of the table sees one tenant like everybody');
reset role;
alter table shop.orders owner to postgres;

select lives_ok($$select ucrm.unprotect('shop.orders')$$, 'it can be unprotected');
delete from shop.orders;
select is(pg_temp.picture() -> key, what -> key, 'as it was before: ' || key) from pictures, jsonb_object_keys(what) as key where "when" = 'before' order by key;

-- What stands in the way, each with a fix that works when pasted.
create table shop.plain (id uuid primary key default gen_random_uuid(), title text);
create function pg_temp.obstacles(relation regclass) returns text language plpgsql as $$
declare
    fix text;
begin
    perform ucrm.protect(relation);
    return 'protected';
exception when object_not_in_prerequisite_state then
    get stacked diagnostics fix = pg_exception_hint;
    return sqlstate || ': ' || fix;
end
$$;
create function pg_temp.heal(relation regclass) returns text language plpgsql as $$
declare
    o record;
begin
    for o in select * from ucrm.protection_obstacles(relation) loop
        execute o.fix;
    end loop;
    return pg_temp.obstacles(relation);
end
$$;
select matches(pg_temp.obstacles('shop.plain'), '^55000: .*add column tenant_id uuid not null', 'a table without tenant_id is told to add it');
alter table shop.plain add column tenant_id uuid;
select matches(pg_temp.obstacles('shop.plain'), '^55000: ', 'a nullable one is not enough');
alter table shop.plain drop column tenant_id, drop constraint plain_pkey;
select is(pg_temp.heal('shop.plain'), 'protected', 'the fixes, pasted, are enough');

create table shop.parents (tenant_id uuid not null, id uuid not null, primary key (tenant_id, id), unique (id));
create table shop.children (tenant_id uuid not null, id uuid not null, parent_id uuid references shop.parents (id) on delete set null, primary key (tenant_id, id));
select matches(pg_temp.obstacles('shop.children'), 'FOREIGN KEY \(tenant_id', 'a foreign key without tenant_id is refused');
select is(pg_temp.heal('shop.children'), 'protected', 'until it carries it');
create table shop.ruled (tenant_id uuid not null, id uuid not null, primary key (tenant_id, id));
create rule twice as on insert to shop.ruled do also select 1;
select matches(pg_temp.obstacles('shop.ruled'), 'drop rule', 'a rule is refused');
select is(pg_temp.heal('shop.ruled'), 'protected', 'until it is dropped');
create table shop.triggered (tenant_id uuid not null, id uuid not null, primary key (tenant_id, id));
create function shop.as_owner() returns trigger language plpgsql security definer as 'begin return new; end';
create trigger as_owner before insert on shop.triggered for each row execute function shop.as_owner();
select matches(pg_temp.obstacles('shop.triggered'), 'security invoker', 'a trigger that runs as somebody else is refused');
select is(pg_temp.heal('shop.triggered'), 'protected', 'until it runs as the writer');
create function shop.next_number() returns bigint language sql security definer as 'select 1::bigint';
create table shop.defaulted (tenant_id uuid not null, id uuid not null, number bigint default shop.next_number(), primary key (tenant_id, id));
select matches(pg_temp.obstacles('shop.defaulted'), 'drop default', 'a default that runs as somebody else is refused');
select is(pg_temp.heal('shop.defaulted'), 'protected', 'until it is dropped');
create table shop.opened (tenant_id uuid not null, id uuid not null, primary key (tenant_id, id));
create policy everybody on shop.opened using (true);
select matches(pg_temp.obstacles('shop.opened'), 'drop policy', 'a permissive policy of somebody''s is refused');
select is(pg_temp.heal('shop.opened'), 'protected', 'until it is dropped');
create table shop.grouped (tenant_id uuid not null, id uuid not null, primary key (tenant_id, id)) partition by hash (tenant_id);
create table shop.grouped_0 partition of shop.grouped for values with (modulus 1, remainder 0);
select matches(pg_temp.obstacles('shop.grouped_0'), 'partitioned table', 'a partition is protected by its table');
create view shop.viewed as select * from shop.opened;
select matches(pg_temp.obstacles('shop.viewed'), 'view', 'a view is not a table');
select matches(pg_temp.obstacles('ucrm.roles'), 'your own', 'the house''s tables are its own');
select matches(pg_temp.obstacles('pg_catalog.pg_class'), 'your own', 'and so is the catalogue');
create temporary table fleeting (tenant_id uuid not null, id uuid not null, primary key (tenant_id, id));
select matches(pg_temp.obstacles('fleeting'), '^55000', 'a temporary table is nobody''s');
create table shop.partial (tenant_id uuid not null, id uuid not null);
create unique index on shop.partial (tenant_id, id) where id is not null;
select matches(pg_temp.obstacles('shop.partial'), 'primary key', 'a partial index is no key');

-- Names.
create table shop.contacts (tenant_id uuid not null, id uuid not null, primary key (tenant_id, id));
select throws_ok($$select ucrm.protect('shop.contacts')$$, 'PT409', 'resource_taken', 'a taken noun is refused');
select throws_ok(format('select ucrm.protect(%L, %L)', 'shop.contacts', n), 'PT409', 'resource_taken', 'a reserved noun is refused: ' || n) from unnest(array['members', 'tenant', 'entity', 'admin', 'auth', 'session', 'why']) as n;
select throws_ok(format('select ucrm.protect(%L, %L)', 'shop.contacts', n), '22023', null, 'what is no noun is refused: ' || n) from unnest(array['Contacts', 'my contacts', '1st', 'x; drop table crm.contacts']) as n;
select lives_ok($$select ucrm.protect('shop.contacts', 'shoppers')$$, 'another noun is not');
select throws_ok($$select ucrm.protect('shop.contacts', label => 'nothing')$$, '42703', null, 'a column that is none is refused');
create table shop."Odd ""name"" 'of' a\table" (tenant_id uuid not null, "the id" uuid not null, "na'me" text, primary key (tenant_id, "the id"));
select lives_ok(format('select ucrm.protect(%L::regclass, %L, label => %L)', 'shop."Odd ""name"" ''of'' a\table"', 'oddities', 'na''me'), 'odd names are quoted');
select lives_ok(format('select ucrm.unprotect(%L::regclass)', 'shop."Odd ""name"" ''of'' a\table"'), 'both ways');
set local role ucrm_app;
select throws_ok($$select ucrm.protect('crm.contacts')$$, '42501', null, 'protecting is for superusers');
select throws_ok($$select ucrm.unprotect('crm.contacts')$$, '42501', null, 'and so is unprotecting');
reset role;
select * from finish();
rollback;
