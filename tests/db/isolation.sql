-- Nobody of Acme's sees, changes or makes a row of Globex's, whatever the table, the verb or the way in.
-- Driven by the catalogue: a new table without a row to hide, or without an expectation, fails here.
\ir scene.psql

-- Tables that everybody who was granted them may read, because they say nothing about any tenant.
create temporary table catalogue as
select unnest(array[
    'ucrm.refusals', 'ucrm.constraint_fields', 'ucrm.rate_limits', 'ucrm.builtin_roles', 'ucrm.resources',
    'ucrm.resource_actions', 'ucrm.gates', 'ucrm.routes', 'ucrm.exposed_functions', 'ucrm.tenant_settings', 'ucrm.file_buckets'
]) as name;
grant select on catalogue to public;

-- Statements that must find nothing of Globex's, or be refused.
create temporary table attempts (verb text, statement text);
grant select on attempts to public;

create function pg_temp.prepare_attempts()
returns void
language plpgsql
as $$
declare
    t tables;
    s scene;
    row_text text;
    key text;
    columns text;
begin
    select * into s from scene;
    for t in select * from tables where tenant_column is not null loop
        select string_agg(quote_ident(a.attname), ', ' order by a.attnum) into columns
        from pg_attribute as a where a.attrelid = t.relation and a.attnum > 0 and not a.attisdropped and a.attgenerated = '';
        -- A mask is no secret: another one is written in its place.
        execute format('select replace(to_jsonb(r)::text, ''••••'', ''secret'') from %s as r where %I = %L limit 1', t.name, t.tenant_column, s.globex) into row_text;
        select string_agg(quote_ident(a.attname), ', ') into key
        from pg_index as i join pg_attribute as a on a.attrelid = i.indrelid and a.attnum = any (i.indkey)
        where i.indrelid = t.relation and i.indisprimary;
        insert into attempts
        select t.name || ': ' || v.verb, replace(replace(replace(replace(replace(v.statement, '@T', t.name),
            '@F', format('t.%I is distinct from %L', t.tenant_column, s.acme)),
            '@ROW', format('%s from jsonb_populate_record(null::%s, %L) as r', columns, t.name, row_text)),
            '@SET', format('%1$I = t.%1$I', t.tenant_column)),
            '@COLUMNS', columns)
        from (values
            ('select', 'select from @T as t where @F'),
            ('select of whole rows', 'select to_jsonb(t) from @T as t where @F'),
            ('select in a sample', 'select from @T as t tablesample bernoulli (100) where @F'),
            ('select for update', 'select from @T as t where @F for update'),
            ('select for share', 'select from @T as t where @F for share'),
            ('select of system columns', 'select t.ctid, t.xmin from @T as t where @F'),
            ('insert', 'insert into @T (@COLUMNS) select @ROW'),
            ('insert returning', 'insert into @T as t (@COLUMNS) select @ROW returning *'),
            ('insert on conflict do nothing', 'insert into @T (@COLUMNS) select @ROW on conflict do nothing'),
            ('insert on conflict do update', format('insert into @T as t (@COLUMNS) select @ROW on conflict (%1$s) do update set %2$I = excluded.%2$I', key, t.tenant_column)),
            ('insert on conflict do update returning', format('insert into @T as t (@COLUMNS) select @ROW on conflict (%1$s) do update set %2$I = excluded.%2$I returning *', key, t.tenant_column)),
            ('update', 'update @T as t set @SET where @F'),
            ('update returning', 'update @T as t set @SET where @F returning *'),
            ('update from', 'update @T as t set @SET from scene as s where @F'),
            ('delete', 'delete from @T as t where @F'),
            ('delete returning', 'delete from @T as t where @F returning *'),
            ('delete using', 'delete from @T as t using scene as s where @F'),
            ('merge update', 'merge into @T as t using scene as s on @F when matched then update set @SET'),
            ('merge delete', 'merge into @T as t using scene as s on @F when matched then delete'),
            ('merge of every row', 'merge into @T as t using (select) as s on true when matched then delete'),
            ('merge insert', 'merge into @T as t using (select @ROW) as s on false when not matched then insert (@COLUMNS) values (@COLUMNS)'),
            ('with delete', 'with gone as (delete from @T as t where @F returning t.*) select from gone'),
            ('handing rows to another tenant', format('update @T as t set %I = %L', t.tenant_column, s.globex)),
            ('truncate', 'truncate @T'),
            ('truncate cascade', 'truncate @T cascade')
        ) as v (verb, statement);
    end loop;
end
$$;

-- One line per attempt. free: SQLSTATEs that count as a refusal.
create function pg_temp.sweep(who text)
returns setof text
language plpgsql
as $$
declare
    a attempts;
    t tables;
    got text;
begin
    for a in select * from attempts order by verb loop
        got := pg_temp.attempt(a.statement);
        return next ok(
            case
                when a.verb ~ 'insert|handing|truncate' then got ~ '^(42501|PT40[123])$'
                else got ~ '^(rows 0|42501|PT40[123])$'
            end, format('%s: %s', who, a.verb));
        if got !~ '^(rows 0|42501|PT40[123])$' then
            return next diag(got);
        end if;
    end loop;
    for t in select * from tables loop
        if t.tenant_column is not null then
            got := pg_temp.attempt(format('update %s as t set %2$I = t.%2$I', t.name, t.tenant_column));
            return next ok(got ~ '^(42501|PT40[123])$' or got = 'rows ' || t.own, format('%s: %s: update of everything there is', who, t.name));
            got := pg_temp.attempt(format('delete from %s', t.name));
            -- What others refer to stays.
            return next ok(got ~ '^(42501|PT40[123])$' or got = 'rows ' || t.own
                           or got = '23503' and exists (select from pg_constraint as k where k.confrelid = t.relation and k.contype = 'f' and k.confdeltype in ('a', 'r')),
                           format('%s: %s: delete of everything there is', who, t.name));
            got := pg_temp.fetched(format('select %1$I from %2$s as t where %1$I is distinct from %3$L', t.tenant_column, t.name, (select acme from scene)));
            return next ok(got ~ '^(rows 0|42501)$', format('%s: %s: cursor', who, t.name));
        elsif t.relkind = 'v' then
            got := pg_temp.attempt(format('select from %s as t, words as w where strpos(to_jsonb(t)::text, w.word) > 0', t.name));
            return next ok(got ~ '^(rows 0|42501)$', format('%s: %s: no word of another tenant', who, t.name));
        elsif t.name in (select c.name from catalogue as c) then
            got := pg_temp.attempt(format('select from %s as t, words as w where strpos(to_jsonb(t)::text, w.word) > 0', t.name));
            return next ok(got ~ '^(rows 0|42501)$', format('%s: %s: a catalogue says nothing of any tenant', who, t.name));
            return next ok(pg_temp.attempt(format('insert into %s default values', t.name)) = '42501', format('%s: %s: insert', who, t.name));
            return next ok(pg_temp.attempt(format('delete from %s', t.name)) = '42501', format('%s: %s: delete', who, t.name));
            return next ok(pg_temp.attempt(format('truncate %s', t.name)) = '42501', format('%s: %s: truncate', who, t.name));
        else
            return next ok(pg_temp.attempt(format('select from %s', t.name)) = '42501', format('%s: %s: closed', who, t.name));
            return next ok(pg_temp.attempt(format('insert into %s default values', t.name)) = '42501', format('%s: %s: closed to insert', who, t.name));
            return next ok(pg_temp.attempt(format('delete from %s', t.name)) = '42501', format('%s: %s: closed to delete', who, t.name));
            return next ok(pg_temp.attempt(format('truncate %s', t.name)) = '42501', format('%s: %s: closed to truncate', who, t.name));
        end if;
    end loop;
end
$$;

-- COPY (query) TO is a read like any other: the line that it copies out is the test's own.
create temporary view copies as
select relation, format('copy (select tap.ok(count(*) = 0, %L) from %s where %I is distinct from %L) to stdout',
              name || ': copy to', name, tenant_column, (select acme from scene)) as statement
from tables
where tenant_column is not null;
grant select on copies to public;

\echo # a reporting login, bound to Acme
begin;
select pg_temp.plant();
select pg_temp.prepare_attempts();
set session authorization :"report";
select is((select count(*) from crm.contacts), 3::bigint, 'a bound login reads its tenant''s rows');
select is((select count(distinct tenant_id) from crm.contacts), 1::bigint, 'of one tenant');
select pg_temp.sweep('report');
select statement from copies where has_any_column_privilege(relation, 'select') \gexec
reset session authorization;
rollback;

\echo # a back end that entered Acme as its owner
begin;
select pg_temp.plant();
select pg_temp.prepare_attempts();
set session authorization :"backend";
select ucrm.enter(:'acme', :'owner');
select is((select count(*) from crm.contacts), 3::bigint, 'an owner reads the tenant''s rows');
select pg_temp.sweep('owner');
select statement from copies where has_any_column_privilege(relation, 'select') \gexec
reset session authorization;
rollback;

\echo # a back end that entered Acme as its service
begin;
select pg_temp.plant();
select pg_temp.prepare_attempts();
set session authorization :"backend";
select ucrm.enter(:'acme');
select is((select count(*) from crm.contacts), 3::bigint, 'the service reads the tenant''s rows');
select pg_temp.sweep('service');
reset session authorization;
rollback;

\echo # a back end that entered nobody
begin;
select pg_temp.plant();
update scene set acme = null;
select pg_temp.prepare_attempts();
set session authorization :"backend";
select is((select count(*) from crm.contacts), 0::bigint, 'without a context no row is visible');
select pg_temp.sweep('nobody');
reset session authorization;
rollback;

\echo # the login of the gateway
begin;
select pg_temp.plant();
select pg_temp.prepare_attempts();
set session authorization ucrm_gateway;
select pg_temp.sweep('gateway');
select ok(not exists (select from tables where name not in (select name from catalogue) and has_any_column_privilege(relation, 'select, insert, update, references')),
          'the gateway is granted no table that holds anything of a tenant');
reset session authorization;
rollback;

\echo # a login that nobody granted anything
begin;
create role nobody_in_particular login;
select pg_temp.plant();
select pg_temp.prepare_attempts();
set session authorization nobody_in_particular;
select pg_temp.sweep('stranger');
reset session authorization;
rollback;

select '1..' || currval('__tresults___numb_seq');
