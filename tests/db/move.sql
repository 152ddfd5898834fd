-- A tenant goes out into a file, away, and comes back the same; the others do not notice.
\ir scene.psql

set client_min_messages = warning;
-- A table with one column of every kind that could lose something on the way, rows that refer to their own table,
-- and two tables that refer to each other.
create schema lab;
create type lab.mood as enum ('calm', 'on edge');
create type lab.pair as (a integer, b text);
create domain lab.small as integer check (value < 1000);
create table lab.samples (
    tenant_id uuid not null,
    id uuid not null default ucrm.uuid7(),
    counter bigint generated always as identity,
    parent_id uuid,
    box_id uuid,
    exact numeric, money_like numeric(12, 2), floating float8, single real, "Odd name" text, moment timestamptz, wall timestamp, day date,
    clock timetz, span interval, bytes bytea, numbers integer[], texts text[], doc jsonb, raw json, yes boolean, feeling lab.mood,
    two lab.pair, little lab.small, address inet, spread tstzrange, fixed char(6), short varchar(4), bits bit varying(9),
    doubled numeric generated always as (exact * 2) stored,
    created_at timestamptz not null default clock_timestamp(),
    updated_at timestamptz not null default clock_timestamp(),
    dropped text,
    primary key (tenant_id, id),
    foreign key (tenant_id, parent_id) references lab.samples (tenant_id, id)
);
alter table lab.samples drop column dropped;
create table lab.boxes (
    tenant_id uuid not null,
    id uuid not null default ucrm.uuid7(),
    favourite_id uuid,
    primary key (tenant_id, id),
    foreign key (tenant_id, favourite_id) references lab.samples (tenant_id, id)
);
alter table lab.samples add foreign key (tenant_id, box_id) references lab.boxes (tenant_id, id) on delete set null (box_id);
grant usage on schema lab to ucrm_tables;
alter table lab.samples owner to ucrm_tables;
alter table lab.boxes owner to ucrm_tables;
select ucrm.protect('lab.samples') \g /dev/null
select ucrm.protect('lab.boxes') \g /dev/null
drop table tables;
create temporary table tables as
select c.oid::regclass as relation, format('%I.%I', n.nspname, c.relname) as name, n.nspname <> 'ucrm' as protected,
       case c.oid when 'ucrm.tenants'::regclass then 'id' else 'tenant_id' end as tenant_column
from pg_class as c
join pg_namespace as n on n.oid = c.relnamespace
where c.oid <> 'ucrm.emails'::regclass and c.relkind in ('r', 'p') and not c.relispartition and n.nspname not in ('pg_catalog', 'information_schema') and n.nspname not like 'pg\_temp%'
  and (c.oid = 'ucrm.tenants'::regclass or exists (
      select from pg_attribute as a where a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped));

create function pg_temp.furnish(tenant uuid, suffix text)
returns void
language plpgsql
set timezone = 'UTC'
as $$
declare
    key record;
begin
    -- Its rows of before are sealed: by the gateway's worker, or else now.
    perform ucrm.lock('seal_audit');
    perform ucrm.seal_rows(tenant, ucrm.settled_until(), 1000);
    insert into ucrm.roles (tenant_id, name) values (tenant, 'keeper');
    insert into ucrm.event_channels (tenant_id, event_id) values (tenant, ucrm.uuid7());
    insert into ucrm.custom_columns (tenant_id, resource, name, label, type, options) values (tenant, 'contacts', 'size', 'Size', 'single_select', '["s", "m"]');
    insert into ucrm.files (tenant_id, bucket, name, content_type, size, sha256, content) values (tenant, 'memberAvatars', 'face.png', 'image/png', 4, suffix, '\x00ff895c');
    insert into ucrm.idempotency_keys (tenant_id, principal, key, request, status, body) values (tenant, 'member ' || suffix, 'order-1', sha256('order'), 201, '{}');
    perform ucrm.make_webhook_secret(tenant);
    insert into ucrm.mail_senders (tenant_id, from_address, from_name, transport, host, port, tls, username, secret_mask)
    values (tenant, 'sender@' || suffix || '.example', 'Sender', 'smtp', 'mail.example', 465, 'implicit', 'sender', '••••');
    perform ucrm.keep_secret(tenant, 'mail', tenant, 'hush');
    insert into ucrm.webhooks (tenant_id, url, events, reads) values (tenant, 'https://hooks.example/' || suffix, '{contacts.*,deals.created}', '*:read');
    insert into ucrm.webhook_queues (tenant_id, webhook_id, due_at) select w.tenant_id, w.id, w.created_at from ucrm.webhooks as w where w.tenant_id = tenant;
    insert into ucrm.webhook_feeds (tenant_id, event_id) values (tenant, ucrm.uuid7()) on conflict do nothing;
    insert into ucrm.webhook_deliveries (tenant_id, webhook_id, event_id, type, record, payload, status, next_attempt_at)
    select w.tenant_id, w.id, ucrm.uuid7(), 'contacts.created', 'contacts/' || suffix, '{"a": [1, 1.10]}', 'pending', w.created_at from ucrm.webhooks as w where w.tenant_id = tenant;
    insert into ucrm.webhook_events_processed (tenant_id, source, id) values (tenant, 'shop', suffix);
    insert into ucrm.invitations (tenant_id, email, role, digest) values (tenant, suffix || '@invited.example', 'keeper', sha256(convert_to(suffix, 'UTF8')));
    insert into ucrm.impersonations (tenant_id, admin_id, user_id, reason) values (tenant, ucrm.uuid7(), ucrm.uuid7(), 'to see it move');
    insert into ucrm.role_permissions (tenant_id, role, resource, action, scope) values (tenant, 'keeper', 'contacts', 'read', 'own');
    insert into ucrm.logins (login, tenant_id, role, report_schema) values ('report_' || suffix, tenant, 'keeper', 'report_' || substr(md5(suffix), 1, 12));
    insert into lab.boxes (tenant_id, id) values (tenant, '01a00000-0000-7000-8000-00000000000b');
    insert into lab.samples (tenant_id, id, parent_id, box_id, exact, money_like, floating, single, "Odd name", moment, wall, day, clock, span, bytes, numbers, texts, doc, raw, yes, feeling, two, little, address, spread, fixed, short, bits)
    values
        (tenant, '01a00000-0000-7000-8000-000000000001', '01a00000-0000-7000-8000-000000000002', '01a00000-0000-7000-8000-00000000000b',
         1234567890123456789012345678901234567890.1200, 12.30, 0.1::float8 + 0.2::float8, 1e-40::real, E'"quoted" \\ back\nnext\ttab é 日本 \u2028 \x01 {"table":"x"}',
         '2026-01-02 03:04:05.678901+02', 'infinity', '0044-03-15 BC', '12:00:00.5+02', '1 year 2 mons -3 days 04:05:06.000007', '\x00ff5c0a22',
         '[0:2]={1,NULL,3}', array['a,b', null, '{"x"}', ''], '{"a": [1, 1.10, 1e400, null], "\"": "\\u0000 \\n"}', '{"a":1,  "a":2}', false, 'on edge',
         row(1, E'x"),(\\')::lab.pair, 999, '10.0.0.1/8', '[2026-01-01 00:00:00.000001+00,)', 'ab', 'äöüß', '101'),
        (tenant, '01a00000-0000-7000-8000-000000000002', null, null,
         'NaN', null, '-0', '-infinity', '', '-infinity', null, 'infinity', null, null, '', '{}', '{}', 'null', 'null', true, null,
         row(null, null)::lab.pair, null, '::1', 'empty', '', '', ''),
        (tenant, '01a00000-0000-7000-8000-000000000003', '01a00000-0000-7000-8000-000000000001', null,
         0.000, null, '1.7976931348623157e308', null, null, null, null, null, null, null, null, null, null, '"text"', '[]', null, null,
         null, null, null, null, null, null, null);
    update lab.boxes set favourite_id = '01a00000-0000-7000-8000-000000000003' where tenant_id = tenant;
    update lab.samples set exact = exact where tenant_id = tenant;
end
$$;

-- Every row there is, as text, by tenant: one digest a table.
create function pg_temp.digests()
returns table (name text, tenant uuid, n bigint, digest text)
language plpgsql
set timezone = 'UTC'
as $$
declare
    t tables;
begin
    for t in select * from tables where tables.name <> 'ucrm.platform_audit_logs' loop
        return query execute format(
            'select %L, %2$I, count(*), md5(string_agg(r::text, e''\n'' order by r::text)) from %3$s as r group by %2$I', t.name, t.tenant_column, t.name);
    end loop;
    return query select 'ucrm.users', null::uuid, count(*), md5(string_agg(u::text, e'\n' order by u::text)) from ucrm.users as u;
end
$$;
create function pg_temp.left_of(tenant uuid)
returns setof text
language plpgsql
as $$
declare
    t tables;
    n bigint;
begin
    for t in select * from tables where name <> 'ucrm.platform_audit_logs' loop
        execute format('select count(*) from %s where %I = %L', t.name, t.tenant_column, tenant) into n;
        return next is(n, 0::bigint, t.name || ' is empty of the tenant');
    end loop;
end
$$;

-- Restores what a query makes of the exported lines, takes it back, and says what came of it.
create function pg_temp.restoring(query text)
returns text
language plpgsql
as $$
declare
    said text;
begin
    begin
        execute 'truncate staging; insert into staging (line) select line from (' || query || ') as q (n, line) order by n';
        select 'rows ' || r.rows into said from ucrm.restore_tenant('staging') as r;
        raise exception using errcode = 'RB000', message = said;
    exception
        when sqlstate 'RB000' then
            return sqlerrm;
        when others then
            get stacked diagnostics said = pg_exception_detail;
            return concat_ws(' ', sqlstate, sqlerrm) || ' | ' || said;
    end;
end
$$;
create temporary table staging (n bigint generated always as identity, line jsonb);
create temporary table lines (n bigint generated always as identity, line jsonb);

\echo # what there is to move
select set_eq(
    'select t.name from ucrm.tenant_tables() as t',
    'select name from tables where name <> ''ucrm.platform_audit_logs'' union all select ''ucrm.users''',
    'every table with a tenant_id moves, and the accounts');
select is_empty(
    $$select t.name, p.name
      from ucrm.tenant_tables() as t
      join pg_constraint as k on k.conrelid = t.relation and k.contype = 'f' and k.confrelid <> k.conrelid
      join ucrm.tenant_tables() as p on p.relation = k.confrelid
      where p.place > t.place
        and not (
            exists (select from pg_attribute as a where a.attrelid = k.conrelid and a.attnum = any (k.conkey) and not a.attnotnull)
            and t.relation in (
                with recursive above as (
                    select k.confrelid as relation
                    union
                    select f.confrelid from above as b join pg_constraint as f on f.conrelid = b.relation and f.contype = 'f'
                )
                select b.relation::regclass from above as b
            )
        )$$,
    'parents come before children, but in a circle by what may be left out');
select is((select provolatile from pg_proc where oid = 'ucrm.tenant_lines(uuid)'::regprocedure), 's', 'all tables are read as of one moment');

\echo # out, away and back
begin;
select pg_temp.furnish(:'acme', 'of_acme');
select pg_temp.furnish(:'globex', 'of_globex');
create temporary table before on commit drop as select * from pg_temp.digests();
select is_empty(
    format('select t.name from tables as t where t.name <> ''ucrm.platform_audit_logs'' and not exists (select from before as b where b.name = t.name and b.tenant = %L)', :'acme'),
    'every table has rows of the tenant to lose');
select ucrm.make_api_key(:'acme') as made \gset
insert into ucrm.api_keys (tenant_id, user_id, name, prefix, digest)
values (:'acme', :'owner', 'kept', 'prefix', ucrm.stored_digest(sha256('what was shown')));
truncate before;
insert into before select * from pg_temp.digests();
create temporary table moments on commit drop as select count(*) as rows from ucrm.platform_audit_logs;

insert into lines (line) select ucrm.export_tenant(:'acme');
select is((select line - 'tables' - 'exported_at' from lines where n = 1),
          jsonb_build_object('format', 'ucrm-tenant', 'version', 1, 'tenant', :'acme'), 'the first line says what this is');
select is((select sum((t ->> 'rows')::bigint) from lines, jsonb_array_elements(line -> 'tables') as t where n = 1),
          (select count(*) - 1 from lines)::numeric, 'and how many rows follow');
select is_empty(format('select n from lines where n > 1 and line ->> ''table'' not in (''ucrm.users'', ''ucrm.tenants'') and line #>> ''{row,tenant_id}'' <> %L', :'acme'),
                'all of them the tenant''s');
select is_empty(format('select line #>> ''{row,email}'' from lines where line ->> ''table'' = ''ucrm.users''
    and not exists (select from ucrm.tenant_memberships where tenant_id = %L and user_id = (line #>> ''{row,id}'')::uuid)', :'acme'), 'no account but its members''');
select is((select array_agg(distinct k) from lines, jsonb_object_keys(line -> 'row') as k where line ->> 'table' = 'ucrm.users'),
          array['created_at', 'email', 'email_verified_at', 'id', 'name', 'updated_at'], 'and of an account what names it');

select ucrm.erase_tenant(:'acme');
select * from pg_temp.left_of(:'acme');
select set_eq('select * from pg_temp.digests()', format('select * from before where tenant is distinct from %L', :'acme'), 'the others and the accounts are as they were, bit for bit');
select results_eq('select action, tenant_id from ucrm.platform_audit_logs order by id offset (select rows from moments)',
                  format('values (''tenant.exported'', %L::uuid), (''tenant.deleted'', %1$L)', :'acme'), 'one tombstone stays');

-- As on another server: its people are not there either. A login of that name was never bound here.
delete from ucrm.users where id in (select (line #>> '{row,id}')::uuid from lines where line ->> 'table' = 'ucrm.users');
insert into staging (line) select line from lines order by n;
select is((select rows from ucrm.restore_tenant('staging')), (select count(*) - 1 from lines), 'every row comes back');
select set_eq('select * from pg_temp.digests()', 'select * from before', 'the same, bit for bit, and nothing else changed: no audit, no outbox of its own');
select results_eq('select action, tenant_id, detail from ucrm.platform_audit_logs order by id offset (select rows + 2 from moments)',
                  format('values (''tenant.restored'', %L::uuid, jsonb_build_object(''rows'', %s))', :'acme', (select count(*) - 1 from lines)), 'the platform''s audit says so');
select is_empty('select from ucrm.staged_lines', 'nothing stays on the stage');
select is((ucrm.authenticate('key', sha256('what was shown'))).tenant_id, :'acme'::uuid, 'its keys work again');
select results_eq(format('select line #> ''{row}'', line ->> ''table'' from lines where n > 1 order by n'),
                  format('select line #> ''{row}'', line ->> ''table'' from ucrm.export_tenant(%L) as line where not line ? ''format''', :'acme'),
                  'exported once more it is the same file');
rollback;
alter table lines alter column n restart;

\echo # the others meanwhile: deleted by hand
begin;
select pg_temp.furnish(:'acme', 'of_acme');
select pg_temp.furnish(:'globex', 'of_globex');
create temporary table before on commit drop as select * from pg_temp.digests();
create temporary table moments on commit drop as select count(*) as rows from ucrm.platform_audit_logs;
delete from ucrm.tenants where id = :'globex';
select * from pg_temp.left_of(:'globex');
select set_eq('select * from pg_temp.digests()', format('select * from before where tenant is distinct from %L', :'globex'), 'DELETE FROM ucrm.tenants leaves the others bit for bit, audit and outbox included');
select results_eq('select action, tenant_id, detail from ucrm.platform_audit_logs order by id offset (select rows from moments)',
                  format('values (''tenant.deleted'', %L::uuid, ''{"name": "Globex", "slug": "globex"}''::jsonb)', :'globex'), 'and exactly one tombstone');
rollback;

\echo # whatever state it is in
begin;
select pg_temp.furnish(t.id, 'of_' || replace(t.slug, '-', '_')) from ucrm.tenants as t \g /dev/null
create temporary table before on commit drop as select * from pg_temp.digests();
create function pg_temp.there_and_back(tenant uuid)
returns boolean
language plpgsql
as $$
begin
    truncate staging;
    insert into staging (line) select ucrm.export_tenant(tenant);
    perform ucrm.erase_tenant(tenant);
    perform ucrm.restore_tenant('staging');
    return not exists (select * from pg_temp.digests() except select * from before) and not exists (select * from before except select * from pg_temp.digests());
end
$$;
select ok(pg_temp.there_and_back(t.id), format('a workspace that is %s moves too', t.status)) from ucrm.tenants as t order by t.slug;
rollback;

\echo # what is refused
begin;
select pg_temp.furnish(:'acme', 'of_acme');
select pg_temp.furnish(:'globex', 'of_globex');
select id as globex_key from ucrm.api_keys where tenant_id = :'globex' limit 1 \gset
select encode(digest, 'hex') as globex_digest from ucrm.api_keys where id = :'globex_key' \gset
insert into lines (line) select ucrm.export_tenant(:'acme');
select count(*) as all_lines, min(n) filter (where line ->> 'table' = 'crm.contacts') as contact, min(n) filter (where line ->> 'table' = 'ucrm.api_keys') as key,
       min(n) filter (where line ->> 'table' = 'lab.samples') as sample, min(n) filter (where line ->> 'table' = 'ucrm.users') as person,
       max(n) filter (where line ->> 'table' = 'ucrm.logins') as login, min(n) filter (where line ->> 'table' = 'ucrm.tenants') as tenant
from lines \gset
create function pg_temp.changed(n bigint, path text, value text)
returns text
language sql
as $$ select format('select n, case n when %s then jsonb_set(line, %L, %L) else line end from lines', n, path, value) $$;
create function pg_temp.with_line(line text)
returns text
language sql
as $$ select format('select n, line from lines union all select 1000000, %L::jsonb', line) $$;

select is(pg_temp.restoring('table lines'), format('PT409 duplicate | the tenant %s exists: erase it first', :'acme'), 'a tenant that is there is not restored over');
select ucrm.erase_tenant(:'acme');
create temporary table before on commit drop as select * from pg_temp.digests();
create temporary table moments on commit drop as select count(*) as rows from ucrm.platform_audit_logs;
select matches(pg_temp.restoring('table lines'), '^rows ', 'the file itself is good');
select matches(pg_temp.restoring('select n, line from lines order by n <> 1, n desc'), '^rows ', 'in any order, the header first');

select is(pg_temp.restoring(pg_temp.changed(t.first, t.path, to_jsonb(:'globex'::text)::text)),
          format('PT422 validation_failed | line %s: %s of this row is not the tenant of the file', t.first, t.tenant_column),
          format('a row of %s that names another tenant', t.name))
from (select t.name, t.tenant_column, format('{row,%s}', t.tenant_column) as path,
             (select min(l.n) from lines as l where l.line ->> 'table' = t.name) as first
      from ucrm.tenant_tables() as t where t.tenant_column is not null) as t;
select is(pg_temp.restoring(pg_temp.changed(1, '{tenant}', to_jsonb(:'globex'::text)::text)),
          format('PT422 validation_failed | line %s: id of this row is not the tenant of the file', :'tenant'), 'a header that names another tenant');

select is(pg_temp.restoring(pg_temp.with_line(jsonb_build_object('table', w.name, 'row', '{}'::jsonb)::text)),
          format('PT422 validation_failed | line %s: %s is no table of a tenant here', :'all_lines'::bigint + 1, quote_literal(w.name)), 'a row for ' || w.name)
from (
    select format('%I.%I', n.nspname, c.relname)
    from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
    where n.nspname = 'ucrm' and c.relkind in ('r', 'v') and c.oid not in (select t.relation from ucrm.tenant_tables() as t)
    union all
    values ('pg_catalog.pg_authid'), ('ucrm.contacts'), ('contacts'), ('UCRM.TENANTS'), ('"ucrm"."tenants"'), (''), ('crm.contacts; drop table crm.contacts'),
           ('crm.contacts (tenant_id) select 1; --'), ('crm.contacts as t where true --')
) as w (name);
select is(pg_temp.restoring(pg_temp.with_line(w.line)), format('PT422 validation_failed | line %s: is not {"table": …, "row": {…}}', :'all_lines'::bigint + 1), 'a line ' || w.line)
from (values ('null'), ('[]'), ('1'), ('"x"'), ('{}'), ('{"table": "crm.contacts"}'), ('{"table": 1, "row": {}}'), ('{"table": "crm.contacts", "row": []}'),
             ('{"table": "crm.contacts", "row": {}, "more": 1}')) as w (line);
select is(pg_temp.restoring(pg_temp.changed(:contact, '{row,is_admin}', '"yes"')), format('PT422 validation_failed | line %s: crm.contacts has no column ''is_admin''', :contact), 'a column too many');
select is(pg_temp.restoring(pg_temp.changed(:contact, '{row,name) values (1); --}', '"x"')),
          format('PT422 validation_failed | line %s: crm.contacts has no column ''name) values (1); --''', :contact), 'a column that is SQL');
select is(pg_temp.restoring(pg_temp.changed(:person, '{row,password}', '"x"')), format('PT422 validation_failed | line %s: ucrm.users has no column ''password''', :person), 'more of an account than names it');
select is(pg_temp.restoring(format('select n, case n when %s then line #- ''{row,phone}'' else line end from lines', :contact)),
          format('PT422 validation_failed | line %s: the column phone is missing', :contact), 'a column too few');
select is(pg_temp.restoring(pg_temp.changed(:contact, '{row,custom}', '{"a": 1}')), format('PT422 validation_failed | line %s: neither text nor null: custom', :contact), 'a value that is not text');
select matches(pg_temp.restoring(pg_temp.changed(:contact, '{row,custom}', to_jsonb('{"gone": "by"}'::text)::text)), '^rows ', 'a custom value whose column is gone stays');
select matches(pg_temp.restoring(pg_temp.changed(:sample, '{row,doubled}', '"5"')), '^rows ', 'a generated column is made anew');

select is(pg_temp.restoring(pg_temp.changed(1, '{format}', '"other"')), 'PT422 validation_failed | line 1: is not the header of an exported tenant', 'another file');
select is(pg_temp.restoring('select n, line from lines where n > 1'), 'PT422 validation_failed | line 1: is not the header of an exported tenant', 'a file without a header');
select is(pg_temp.restoring('select 1, null::jsonb where false'), 'PT422 validation_failed | line 1: is not the header of an exported tenant', 'an empty file');
select is(pg_temp.restoring(pg_temp.changed(1, '{version}', '2')), 'PT422 validation_failed | line 1: version 2 is not known here, only 1', 'a version of tomorrow');
select is(pg_temp.restoring(pg_temp.changed(1, '{tenant}', '"x"')), 'PT422 validation_failed | line 1: tenant is not a UUID', 'a tenant that is none');
select is(pg_temp.restoring('select n, case n when 1 then jsonb_set(line, ''{tables}'', line -> ''tables'' || ''[{"schema": "ucrm", "table": "settings"}]'') else line end from lines'),
          'PT422 validation_failed | line 1: no table of a tenant here: ''ucrm.settings''', 'a header with another table');
select is(pg_temp.restoring('select n, case n when 1 then jsonb_set(line, ''{tables}'', line -> ''tables'' || ''[7]'') else line end from lines'),
          'PT422 validation_failed | line 1: no table of a tenant here: ''"".""''', 'a header with no table');
select is(pg_temp.restoring('select n, case n when 1 then line #- ''{tables,2}'' else line end from lines'),
          format('PT422 validation_failed | line 1: the file does not have the table %s', (select format('%I.%I', line #>> '{tables,2,schema}', line #>> '{tables,2,table}') from lines where n = 1)),
          'a header without a table that is here');
select is(pg_temp.restoring(format('select n, line from lines where n <> %s', :contact)),
          format('PT422 validation_failed | the file is not whole: 2 rows of crm.contacts, where its header says 3'), 'a file that lost a line');
select matches(pg_temp.restoring(format('select n, line from lines union all select 1000000, line from lines where n = %s', :contact)), '^PT422 validation_failed \| the file is not whole: 4 rows', 'a line twice');

select is(pg_temp.restoring(pg_temp.changed(:contact, '{row,created_at}', '"some day"')),
          format('PT422 validation_failed | line %s: invalid input syntax for type timestamp with time zone: "some day"', :contact), 'a value that is none of its type');
select matches(pg_temp.restoring(pg_temp.changed(:contact + 1, '{row,stage}', '"led"')), format('^PT422 validation_failed \| line %s: new row for relation "contacts" violates check constraint "contacts_stage_check"', :contact + 1), 'a value that a check refuses');
select matches(pg_temp.restoring(pg_temp.changed(:contact, '{row,name}', 'null')), format('^PT422 validation_failed \| line %s: null value in column "name"', :contact), 'a null that may not be');
select matches(pg_temp.restoring(pg_temp.changed(:sample, '{row,short}', '"too long"')), format('^PT422 validation_failed \| line %s: value too long', :sample), 'nothing is cut to fit');
select matches(pg_temp.restoring(pg_temp.changed(:contact, '{row,organization_id}', '"01a00000-0000-7000-8000-000000000009"')), '^PT422 validation_failed \| insert or update on table "contacts" violates foreign key', 'a row whose parent is missing');
select matches(pg_temp.restoring(format('select n, case n when %s then (select line from lines where n = %s) else line end from lines', :contact + 1, :contact)),
          format('^PT422 validation_failed \| line %s: duplicate key', :contact + 1), 'a key twice');
select is(ucrm.hushed_tenant(), null, 'one that failed while writing silences nobody afterwards');
select is(pg_temp.restoring(pg_temp.changed(:tenant, '{row,slug}', '"globex"')), format('PT409 duplicate | line %s: the slug globex is another tenant''s', :tenant), 'another tenant''s slug');
select is(pg_temp.restoring(pg_temp.changed(:key, '{row,digest}', to_jsonb('\x' || :'globex_digest')::text)), format('PT409 duplicate | line %s: this key is already somebody''s', :key), 'another tenant''s key');
select is(pg_temp.restoring(pg_temp.changed(:login, '{row,login}', to_jsonb(w.login)::text)), format('PT422 validation_failed | line %s: the login %s is another one''s here, or none that can be bound', :login, w.login), 'binding ' || w.login)
from (values (:'backend'), ('ucrm_gateway'), ('postgres')) as w (login);
select is(pg_temp.restoring(pg_temp.changed(:login, '{row,report_schema}', to_jsonb(w.name)::text)), format('PT422 validation_failed | line %s: report_schema is another login''s, or none of a login', :login), 'a schema ' || w.name || ' to drop with a login')
from (values ('crm'), ('ucrm'), ('public'), ('report_' || substr(md5('of_globex'), 1, 12))) as w (name);
update ucrm.users set email = 'moved@elsewhere.example' where id = (select (line #>> '{row,id}')::uuid from lines where n = :person);
savepoint kept;
truncate staging;
insert into staging (line) select line from lines order by n;
select ucrm.restore_tenant('staging') \g /dev/null
select is((select email from ucrm.users where id = (select (line #>> '{row,id}')::uuid from lines where n = :person)), 'moved@elsewhere.example', 'an account that is here is kept as it is');
rollback to kept;
delete from ucrm.users where email = 'moved@elsewhere.example';
insert into ucrm.users (email) select upper(line #>> '{row,email}') from lines where n = :person;
select is(pg_temp.restoring('table lines'), format('PT409 duplicate | line %s: the address %s belongs to another account', :person, (select upper(line #>> '{row,email}') from lines where n = :person)), 'an address that became another''s');
delete from ucrm.users where email = (select upper(line #>> '{row,email}') from lines where n = :person);

-- The gateway's worker seals meanwhile.
select set_eq('select * from pg_temp.digests() where name not in (''ucrm.users'', ''ucrm.audit_seals'')', 'select * from before where name not in (''ucrm.users'', ''ucrm.audit_seals'')', 'nothing of all that stayed');
select is((select count(*) from ucrm.platform_audit_logs), (select rows from moments), 'nor a word in the platform''s audit');

select is(pg_temp.attempt('select ucrm.restore_tenant(''ucrm.users'')'), '22023', 'a staging table has one jsonb column');
rollback;

\echo # who may
begin;
select is(pg_temp.attempt(format('select ucrm.export_tenant(%L)', gen_random_uuid())), 'PT404', 'exporting nobody');
select is(pg_temp.attempt(format('select ucrm.erase_tenant(%L)', gen_random_uuid())), 'PT404', 'erasing nobody');
create temporary table movers as
select p.oid::regprocedure::text as name from pg_proc as p
where p.pronamespace = 'ucrm'::regnamespace and p.proname ~ '^(export_|erase_|restore_|stage_|begin_restore|insert_|tenant_lines|table_lines|protected_|hush)';
select cmp_ok((select count(*) from movers), '>=', 14::bigint, 'the moving functions');
select ok(not has_function_privilege(r.rolname, m.name, 'execute'), format('%s may not execute %s', r.rolname, m.name))
from movers as m, (values (:'report'), (:'backend'), ('ucrm_gateway'), ('ucrm_app'), ('ucrm_reader')) as r (rolname);
-- One who is a member of the platform's role calls them, and none of those that reach across row security by itself.
select ok(not has_function_privilege('ucrm_platform', m.name, 'execute'), format('ucrm_platform may not execute %s', m.name))
from movers as m where m.name ~ '(protected_|table_lines|insert_lines|tenant_lines)';
select ok(not has_function_privilege('ucrm_platform', 'ucrm.hush(uuid)', 'execute'), 'the platform''s people do not silence the audit');
set role ucrm_platform;
select isnt_empty(format('select ucrm.export_tenant(%L)', :'globex'), 'ucrm_platform exports');
select lives_ok(format('create temporary table mine (line jsonb); insert into mine select ucrm.export_tenant(%1$L); select ucrm.erase_tenant(%1$L); select ucrm.restore_tenant(''mine'')', :'globex'), 'erases and restores');
reset role;
select is(ucrm.hushed_tenant(), null, 'a restore that is done silences nobody');
insert into crm.contacts (tenant_id, name) values (:'globex', 'after the restore');
select is((select count(*) from ucrm.audit_logs where after ->> 'name' = 'after the restore'), 1::bigint, 'what comes after it is audited');
rollback;

set client_min_messages = warning;
drop schema lab cascade;
select '1..' || currval('__tresults___numb_seq');
