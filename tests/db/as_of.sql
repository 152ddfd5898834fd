-- Time travel: over random histories, with changes of the table itself among them, as_of() equals the copy that was taken
-- at the moment. The seed is printed; psql -v seed=… -f as_of.sql walks the same way again. Then: who may, and who may not.
\ir scene.psql
\if :{?seed}
\else
select (extract(epoch from clock_timestamp()) * 1000)::bigint % 1000000 as seed \gset
\endif
\echo # seed :seed

-- A workspace and a table of its own: every step is a transaction that commits.
insert into ucrm.tenants (slug, name, status, plan) values ('traveller', 'Traveller', 'approved', 'scale') returning id as traveller \gset
insert into ucrm.users (email, email_verified_at) values ('traveller@y.example', now()) returning id as traveller_owner \gset
insert into ucrm.users (email, email_verified_at) values ('companion@y.example', now()) returning id as companion \gset
insert into ucrm.tenant_memberships (tenant_id, user_id, role) values (:'traveller', :'traveller_owner', 'owner'), (:'traveller', :'companion', 'owner');
create schema travel;
create table travel.things (
    tenant_id uuid not null,
    id uuid not null default ucrm.uuid7(),
    name text,
    amount integer,
    price numeric(10, 2) default 1.5,
    seen timestamptz default clock_timestamp(),
    took interval default '1 day 02:00',
    raw bytea default '\x00ff',
    tags text[] default '{a,b}',
    primary key (tenant_id, id)
);
select ucrm.protect('travel.things', label => 'id', search => '{}') \g /dev/null
insert into travel.things (tenant_id, name) values (:'globex', '77');
create temporary table copies (step integer, moment timestamptz, key text, image jsonb);
create temporary table moments (step integer, moment timestamptz, did text);
grant select on copies, moments to public;
select setseed(:seed / 1000000.0) \g /dev/null
create temporary table walk as select 0 as columns_made, :'traveller'::uuid as tenant, :'traveller_owner'::uuid as owner;

create function pg_temp.dice(n integer) returns integer language sql volatile as $$ select floor(random() * n)::integer $$;
-- A column that may be changed, dropped or renamed; null when there is none.
create function pg_temp.any_column(of_types text[] default null) returns name language sql volatile as $$
    select a.attname from pg_attribute as a
    where a.attrelid = 'travel.things'::regclass and a.attnum > 0 and not a.attisdropped and a.attname not in ('tenant_id', 'id')
      and (of_types is null or format_type(a.atttypid, null) = any (of_types))
    order by random() limit 1
$$;
create function pg_temp.some_value(type text) returns text language sql volatile as $$
    select case
        when pg_temp.dice(6) = 0 then 'null'
        when type in ('integer', 'bigint') then pg_temp.dice(1000)::text
        when type like 'numeric%' then (pg_temp.dice(100000) / 100.0)::text
        when type like 'timestamp%' then quote_literal(timestamptz '2026-01-01Z' + make_interval(secs => pg_temp.dice(10000000)))
        when type = 'interval' then quote_literal(make_interval(mins => pg_temp.dice(100000)))
        when type = 'bytea' then quote_literal('\x' || md5(random()::text))
        when type = 'text[]' then quote_literal(array[md5(random()::text), 'x y', ''])
        when type = 'boolean' then (pg_temp.dice(2) = 0)::text
        -- Figures, so that they can become numbers.
        else quote_literal(pg_temp.dice(1000))
    end
$$;
create function pg_temp.write() returns text language plpgsql as $$
declare
    did text;
    c name;
begin
    case pg_temp.dice(9)
        when 0, 1 then
            did := format('insert into travel.things (tenant_id) select %L from generate_series(1, %s)', (select tenant from walk), 1 + pg_temp.dice(4));
        when 2, 3, 4 then
            select a.attname into c from pg_attribute as a where a.attrelid = 'travel.things'::regclass and a.attnum > 0 and not a.attisdropped and a.attname not in ('tenant_id', 'id') order by random() limit 1;
            if c is null then return 'nothing'; end if;
            did := format('update travel.things set %I = %s where tenant_id = %L and id in (select id from travel.things order by random() limit %s)', c,
                pg_temp.some_value((select format_type(a.atttypid, null) from pg_attribute as a where a.attrelid = 'travel.things'::regclass and a.attname = c)), (select tenant from walk), 1 + pg_temp.dice(5));
        when 5 then
            did := format('delete from travel.things where tenant_id = %L and id in (select id from travel.things order by random() limit %s)', (select tenant from walk), 1 + pg_temp.dice(2));
        when 6 then
            did := format('update travel.things set id = ucrm.uuid7() where tenant_id = %L and id in (select id from travel.things order by random() limit 1)', (select tenant from walk));
        when 7 then
            -- A key that somebody else had.
            did := format('insert into travel.things (tenant_id, id) select tenant_id, (before ->> %L)::uuid from ucrm.audit_logs where tenant_id = %L and resource = %L and action = %L order by random() limit 1 on conflict do nothing',
                (select key_column from ucrm.resources where name = 'things'), (select tenant from walk), 'things', 'delete');
        else
            did := format('update travel.things set id = id where tenant_id = %L', (select tenant from walk));
    end case;
    execute did;
    return did;
end
$$;
-- Analysts' views hold on to the columns they show.
create function pg_temp.let_go() returns void language plpgsql as $$
declare
    part regnamespace;
begin
    for part in select c.relnamespace from pg_class as c where c.relname = 'things' and c.relkind = 'v' loop
        execute format('drop view %s.things', part);
    end loop;
end
$$;
create function pg_temp.alter_table() returns text language plpgsql as $$
declare
    did text;
    c name;
begin
    perform pg_temp.let_go();
    case pg_temp.dice(6)
        when 0, 1 then
            update walk set columns_made = columns_made + 1;
            did := format('alter table travel.things add column %I %s', 'c' || (select columns_made from walk),
                (array['integer', 'text', 'text default ''77''', 'integer default 7', 'numeric(10, 2) default 2.25', 'timestamptz default ''2026-02-03Z''', 'boolean default true'])[1 + pg_temp.dice(7)]);
        when 2 then
            c := pg_temp.any_column();
            did := 'alter table travel.things drop column ' || quote_ident(c);
        when 3 then
            update walk set columns_made = columns_made + 1;
            c := pg_temp.any_column();
            did := format('alter table travel.things rename column %I to %I', c, 'r' || (select columns_made from walk));
        else
            c := pg_temp.any_column(array['integer', 'bigint', 'numeric', 'text']);
            if c is not null then
                did := (select format('alter table travel.things alter column %1$I drop default, alter column %1$I type %2$s using %1$I::%2$s', c,
                            case when format_type(a.atttypid, null) = 'text' then 'numeric(10,2)' else (array['integer', 'bigint', 'numeric(10,2)', 'text'])[1 + pg_temp.dice(4)] end)
                        from pg_attribute as a
                        where a.attrelid = 'travel.things'::regclass and a.attname = c);
            end if;
    end case;
    if did is null then
        return 'nothing';
    end if;
    execute did;
    return did;
end
$$;
create procedure pg_temp.wander(steps integer) language plpgsql as $$
declare
    did text;
    moment timestamptz;
begin
    for step in 1 .. steps loop
        -- Images are printed as the writer's session prints.
        perform set_config('timezone', (array['UTC', 'Asia/Kathmandu', 'America/St_Johns'])[1 + pg_temp.dice(3)], false), set_config('intervalstyle', (array['postgres', 'iso_8601'])[1 + pg_temp.dice(2)], false);
        case pg_temp.dice(20)
            when 0 then
                did := pg_temp.alter_table();
            when 2 then
                did := concat_ws('; ', pg_temp.write(), pg_temp.write(), pg_temp.write());
            when 3 then
                -- What is rolled back was never there.
                begin
                    perform pg_temp.write(), pg_temp.write();
                    raise exception using errcode = 'RB000';
                exception when sqlstate 'RB000' then
                    did := 'rolled back';
                end;
            when 1 then
                did := concat_ws('; ', pg_temp.write(), pg_temp.alter_table(), pg_temp.write());
            else
                did := pg_temp.write();
        end case;
        commit;
        perform set_config('timezone', 'UTC', false), set_config('intervalstyle', 'postgres', false);
        moment := clock_timestamp();
        insert into moments values (step, moment, did);
        insert into copies select step, moment, t.id::text, to_jsonb(t) from travel.things as t where t.tenant_id = (select tenant from walk);
        commit;
    end loop;
end
$$;
call pg_temp.wander(300);
create function pg_temp.differs(step integer) returns boolean language sql as $$
    select (select jsonb_agg(a order by a) from ucrm.as_of('travel.things', m.moment) as a) is distinct from (select jsonb_agg(c.image order by c.image) from copies as c where c.step = m.step)
    from moments as m
    where m.step = differs.step
$$;
begin;
select ucrm.enter(:'traveller', :'traveller_owner') \g /dev/null
select is((select count(*) from moments), 300::bigint, 'three hundred steps');
select ok((select count(*) from ucrm.column_history where resource = 'things') > 10, 'with changes of the table among them');
select ok((select count(*) from copies) > 300, 'and rows to look at');
select is_empty('select m.step, m.did from moments as m where pg_temp.differs(m.step)', 'as_of() equals the copy at every moment (seed ' || :'seed' || ')');
-- As rows of the table as it is now.
select is((select count(*) from ucrm.rows_as_of(null::travel.things, (select moment from moments where step = 300)) as a where to_jsonb(a) not in (select image from copies where step = 300)), 0::bigint, 'rows_as_of() gives the rows themselves');
select is((select count(*) from ucrm.rows_as_of(null::travel.things, (select moment from moments where step = 300))), (select count(*) from copies where step = 300), 'all of them');
select is_empty($$
    select m.step
    from moments as m
    cross join lateral (select c.key, c.image from copies as c where c.step = m.step order by c.key limit 1) as c
    where m.step % 10 = 0 and c.image is distinct from (select i.image from ucrm.images_at('things', ucrm.tenant_id(), m.moment, c.key) as i)
$$, 'one row at a time too');
-- The transaction that asks counts write by write.
create temporary table own_copy on commit drop as select clock_timestamp() as moment, array(select to_jsonb(t) from travel.things as t where t.tenant_id = :'traveller' order by t.id) as images;
insert into travel.things (tenant_id) values (:'traveller');
select is(array(select a from ucrm.as_of('travel.things', (select moment from own_copy)) as a order by a ->> 'id'), (select images from own_copy), 'before its last write');
rollback;

-- Who may.
grant usage on schema travel to ucrm_app, ucrm_reader;
create function pg_temp.seen(statement text) returns text language plpgsql as $$
declare
    n bigint;
begin
    execute statement into n;
    return n::text;
exception when others then
    return sqlstate || ' ' || sqlerrm;
end
$$;
select (select moment from moments where step = 250) as moment \gset
select format($$select count(*) from ucrm.as_of('travel.things', %L)$$, :'moment') as asked \gset
select is(pg_temp.seen(:'asked'), 'PT401 no_context', 'a superuser without a context is told to enter one');
begin;
set session authorization :"backend";
select is(pg_temp.seen(:'asked'), 'PT401 no_context', 'a back end too');
select ucrm.enter(:'globex', :'stranger') \g /dev/null
select is(pg_temp.seen(:'asked'), '1', 'another tenant sees its own rows alone');
select is((select a ->> 'tenant_id' from ucrm.as_of('travel.things', :'moment') as a), :'globex', 'its own');
select is(pg_temp.seen(format($$select count(*) from ucrm.images_at('things', %L, %L)$$, :'traveller', :'moment')), '0', 'and nothing of others by the function underneath');
select is(pg_temp.seen(format($$select count(*) from ucrm.history('travel.things', %L)$$, (select min(key) from copies))), '0', 'nor their history');
rollback;
reset session authorization;
begin;
select m.user_id as agent from ucrm.tenant_memberships as m join ucrm.users as u on u.id = m.user_id where m.tenant_id = :'acme' and u.email like 'alan@%' \gset
set session authorization :"backend";
select ucrm.enter(:'acme', :'agent') \g /dev/null
select is(pg_temp.seen(:'asked'), 'PT403 permission_denied', 'an agent, who does not read the audit log, travels nowhere');
select is(pg_temp.seen($$select count(*) from ucrm.history('crm.contacts', ucrm.uuid7())$$), 'PT403 permission_denied', 'nor reads a history');
select is(pg_temp.seen(format($$select count(*) from ucrm.rows_as_of(null::travel.things, %L)$$, :'moment')), 'PT403 permission_denied', 'in no form');
rollback;
reset session authorization;
begin;
set session authorization :"report";
select is(pg_temp.seen(:'asked'), 'PT403 permission_denied', 'a reporting login neither');
reset session authorization;
update ucrm.logins set role = 'admin' where login = :'report';
update ucrm.logins set tenant_id = :'traveller' where login = :'report';
set session authorization :"report";
select is(pg_temp.seen(:'asked'), (select count(*) from copies where step = 250)::text, 'unless its role reads the audit log');
reset session authorization;
rollback;
begin;
insert into ucrm.roles (tenant_id, name) values (:'traveller', 'blind');
insert into ucrm.role_permissions (tenant_id, role, resource, action) values (:'traveller', 'blind', 'audit_logs', 'read');
update ucrm.tenant_memberships set role = 'blind' where user_id = :'traveller_owner';
set session authorization :"backend";
select ucrm.enter(:'traveller', :'traveller_owner') \g /dev/null
select is(pg_temp.seen(:'asked'), 'PT403 permission_denied', 'nor does who reads the audit log and not the table');
rollback;
reset session authorization;
begin;
select ucrm.enter(:'traveller', :'traveller_owner') \g /dev/null
select is(pg_temp.seen($$select count(*) from ucrm.as_of('travel.things', clock_timestamp() + interval '1 hour')$$), 'PT422 moment_unknown', 'not into the future');
select is(pg_temp.seen($$select count(*) from ucrm.as_of('travel.things', 'infinity')$$), 'PT422 moment_unknown', 'nor for ever');
select is(pg_temp.seen($$select count(*) from ucrm.as_of('travel.things', '2020-01-01Z')$$), 'PT422 moment_unknown', 'nor to before the audit began');
select is(pg_temp.seen($$select count(*) from ucrm.as_of('pg_catalog.pg_class', now())$$), '42704 pg_class is not a protected table', 'nor where nothing is known');
rollback;

-- Own rows: what was the member's then, and is nobody else's now.
begin;
alter table travel.things add column owner_id uuid;
select ucrm.protect('travel.things', owner => 'owner_id') \g /dev/null
delete from travel.things where tenant_id = :'traveller';
insert into ucrm.roles (tenant_id, name) values (:'traveller', 'own');
insert into ucrm.role_permissions (tenant_id, role, resource, action, scope) values (:'traveller', 'own', 'audit_logs', 'read', 'all'), (:'traveller', 'own', 'things', 'read', 'own');
update ucrm.tenant_memberships set role = 'own' where user_id = :'traveller_owner';
insert into travel.things (tenant_id, id, owner_id) values
(:'traveller', '01a00000-0000-7000-8000-000000000001', :'traveller_owner'), (:'traveller', '01a00000-0000-7000-8000-000000000002', :'traveller_owner'),
(:'traveller', '01a00000-0000-7000-8000-000000000003', :'traveller_owner'), (:'traveller', '01a00000-0000-7000-8000-000000000004', :'stranger');
select clock_timestamp() as moment \gset
update travel.things set owner_id = :'stranger' where id = '01a00000-0000-7000-8000-000000000002';
delete from travel.things where id = '01a00000-0000-7000-8000-000000000003';
update travel.things set owner_id = :'traveller_owner' where id = '01a00000-0000-7000-8000-000000000004';
set session authorization :"backend";
select ucrm.enter(:'traveller', :'traveller_owner') \g /dev/null
select set_eq(format($$select right(a ->> 'id', 1) from ucrm.as_of('travel.things', %L) as a$$, :'moment'), array['1', '3'],
    'what is his, and what was when it went; not what he gave away, nor what he got later');
select is((select count(*) from ucrm.history('travel.things', '01a00000-0000-7000-8000-000000000002')), 0::bigint, 'what he gave away has no history for him');
select is((select array_agg(action order by version) from ucrm.history('travel.things', '01a00000-0000-7000-8000-000000000003')), array['create', 'delete'], 'what went has');
select is((select count(*) from ucrm.history('travel.things', '01a00000-0000-7000-8000-000000000004')), 0::bigint, 'of what he got, nothing from before: the change of hands shows how it was');
rollback;
reset session authorization;

-- What became a secret later lies in clear in older images, and is masked on the way out.
begin;
insert into travel.things (tenant_id, id) values (:'traveller', '01a00000-0000-7000-8000-000000000009');
alter table travel.things add column token text;
update travel.things set token = 'a secret of old days' where id = '01a00000-0000-7000-8000-000000000009';
select clock_timestamp() as moment \gset
delete from travel.things where id = '01a00000-0000-7000-8000-000000000009';
select ucrm.protect('travel.things', secret => array['token']) \g /dev/null
select ucrm.enter(:'traveller', :'traveller_owner') \g /dev/null
select is((select a ->> 'token' from ucrm.as_of('travel.things', :'moment') as a where a ->> 'id' = '01a00000-0000-7000-8000-000000000009'), '••••days', 'by as_of()');
select is((select count(*) from ucrm.history('travel.things', '01a00000-0000-7000-8000-000000000009') as h where h::text like '%a secret of%'), 0::bigint, 'and by history()');
rollback;

-- What retention has pruned, and what was forgotten, is not made up.
begin;
insert into ucrm.audit_logs (tenant_id, actor_kind, action, resource, after) select :'traveller', 'database', 'pruned', 'audit_logs', jsonb_build_object('last_id', ucrm.uuid_after((select moment from moments where step = 260)));
select ucrm.enter(:'traveller', :'traveller_owner') \g /dev/null
select is(pg_temp.seen(:'asked'), 'PT422 moment_unknown', 'a moment before what was pruned');
select is(pg_temp.seen(format($$select count(*) from ucrm.as_of('travel.things', %L)$$, (select moment from moments where step = 270))), (select count(*)::text from copies where step = 270), 'after it, all is known');
rollback;
begin;
insert into travel.things (tenant_id, id) values (:'traveller', '01a00000-0000-7000-8000-00000000000c'), (:'traveller', '01a00000-0000-7000-8000-00000000000d');
select clock_timestamp() as moment \gset
delete from travel.things where id in ('01a00000-0000-7000-8000-00000000000c', '01a00000-0000-7000-8000-00000000000d');
update ucrm.audit_logs set before = null, after = null where tenant_id = :'traveller' and record_id = '01a00000-0000-7000-8000-00000000000c';
select ucrm.enter(:'traveller', :'traveller_owner') \g /dev/null
select set_eq(format($$select a ->> 'id' from ucrm.as_of('travel.things', %L) as a where a ->> 'id' like '%%-00000000000_'$$, :'moment'), array['01a00000-0000-7000-8000-00000000000d'], 'a record that was forgotten is not there any more');
rollback;

select is((select count(*) from ucrm.audit_verify(:'traveller') as v where v.kind = 'unrecorded'), 0::bigint, 'and at the end each row is as its audit says');

-- History: versions of one record, under its older keys too.
begin;
select ucrm.enter(:'traveller', :'traveller_owner') \g /dev/null
insert into travel.things (tenant_id, id) values (:'traveller', '01a00000-0000-7000-8000-00000000000a');
alter table travel.things add column said text;
update travel.things set said = 'a' where id = '01a00000-0000-7000-8000-00000000000a';
update travel.things set said = 'a' where id = '01a00000-0000-7000-8000-00000000000a';
update travel.things set id = '01a00000-0000-7000-8000-00000000000b' where id = '01a00000-0000-7000-8000-00000000000a';
delete from travel.things where id = '01a00000-0000-7000-8000-00000000000b';
select is((select array_agg(concat_ws(' ', action, array_to_string(changed, ',')) order by version) from ucrm.history('travel.things', '01a00000-0000-7000-8000-00000000000b')),
    array['create', 'update said', 'update id', 'delete'], 'each change once, under the older key too, a no-op not');
select is((select array_agg(distinct concat_ws(' ', user_id, actor_kind)) from ucrm.history('travel.things', '01a00000-0000-7000-8000-00000000000b')), array[:'traveller_owner' || ' member'], 'with who did it');
select is((select array_agg(action order by version) from ucrm.history('travel.things', '01a00000-0000-7000-8000-00000000000a')), array['create', 'update', 'update'], 'the older key''s ends where it was changed');
rollback;

-- A table that is protected anew begins anew.
begin;
select ucrm.unprotect('travel.things');
select ucrm.protect('travel.things', label => 'id') \g /dev/null
select ucrm.enter(:'traveller', :'traveller_owner') \g /dev/null
select is(pg_temp.seen(:'asked'), 'PT422 moment_unknown', 'what happened in between nobody knows');
rollback;

delete from ucrm.tenants where slug = 'traveller';
delete from ucrm.users where email in ('traveller@y.example', 'companion@y.example');
drop schema travel cascade;
delete from ucrm.events where resource = 'things';
select '1..' || currval('__tresults___numb_seq');
