-- The gates, each against every way of writing: exact SQLSTATE and code, on every protected table; what stays readable;
-- which one answers when several refuse; gates of a DBA's own.
\ir scene.psql

-- A case: who enters where, after what was done, and what every write then says.
create temporary table cases (n integer generated always as identity, name text, slug text, person text, done text, state text, code text, reads boolean);
insert into cases (name, slug, person, done, state, code, reads) values
('an unverified member', 'acme', 'una', null, 'PT403', 'email_unverified', true),
('a workspace that waits for approval', 'initech', 'penny', null, 'PT403', 'workspace_pending_approval', true),
('a rejected workspace', 'hooli', 'rex', null, 'PT403', 'workspace_rejected', false),
('a suspended workspace', 'umbrella', 'sue', null, 'PT403', 'workspace_suspended', false),
('a workspace whose trial is over', 'stark', 'eve', null, 'PT402', 'trial_expired', true),
('the service of a workspace whose trial is over', 'stark', null, null, 'PT402', 'trial_expired', true),
('the service of a workspace that waits', 'initech', null, null, 'PT403', 'workspace_pending_approval', true),
('the service of a suspended workspace', 'umbrella', null, null, 'PT403', 'workspace_suspended', false),
('a reader', 'acme', 'rita', null, 'PT403', 'permission_denied', true),
('nobody', null, null, null, 'PT401', 'no_context', false),
('a member who was disabled', 'acme', 'dora', null, 'PT403', 'member_disabled', false),
('a stranger', 'acme', 'gina', null, 'PT403', 'not_a_member', false),
('a subscription that ran out', 'acme', 'ada', 'update ucrm.tenants set trial_ends_at = now() - interval ''2 days'', subscribed_until = now() - interval ''1 s'' where slug = ''acme''', 'PT402', 'trial_expired', true),
('an owner', 'acme', 'ada', null, 'done', null, true),
('the service', 'acme', null, null, 'done', null, true),
('a subscriber after the trial', 'stark', 'eve', 'update ucrm.tenants set subscribed_until = now() + interval ''1 day'' where slug = ''stark''', 'done', null, true),
-- Everything at once, and one after the other put right.
('unverified, waiting, over and powerless', 'stark', 'eve',
 $$update ucrm.users set email_verified_at = null where email like 'eve@%'; update ucrm.tenants set status = 'pending_approval' where slug = 'stark'; alter table ucrm.tenant_memberships disable trigger keep_last_owner; update ucrm.tenant_memberships set role = 'reader' where user_id = (select id from ucrm.users where email like 'eve@%')$$,
 'PT403', 'email_unverified', true),
('waiting, over and powerless', 'stark', 'eve',
 $$update ucrm.tenants set status = 'pending_approval' where slug = 'stark'; alter table ucrm.tenant_memberships disable trigger keep_last_owner; update ucrm.tenant_memberships set role = 'reader' where user_id = (select id from ucrm.users where email like 'eve@%')$$,
 'PT403', 'workspace_pending_approval', true),
('over and powerless', 'stark', 'eve',
 $$alter table ucrm.tenant_memberships disable trigger keep_last_owner; update ucrm.tenant_memberships set role = 'reader' where user_id = (select id from ucrm.users where email like 'eve@%')$$,
 'PT402', 'trial_expired', true),
('suspended and over', 'stark', 'eve', 'update ucrm.tenants set status = ''suspended'' where slug = ''stark''', 'PT403', 'workspace_suspended', false),
('unverified and rejected', 'hooli', 'rex', 'update ucrm.users set email_verified_at = null where email like ''rex@%''', 'PT403', 'email_unverified', false),
('disabled and unverified', 'acme', 'dora', 'update ucrm.users set email_verified_at = null where email like ''dora@%''', 'PT403', 'member_disabled', false);

create temporary table ways (name text, statement text);
insert into ways values
('INSERT', 'insert into @T default values'),
('INSERT of a value', 'insert into @T (@C) values (@X)'),
('INSERT … RETURNING', 'insert into @T (@C) values (@X) returning *'),
('INSERT … SELECT', 'insert into @T (@C) select @X from generate_series(1, 3)'),
('INSERT … SELECT of nothing', 'insert into @T (@C) select @X where false'),
('ON CONFLICT DO NOTHING', 'insert into @T (@C) values (@X) on conflict do nothing'),
('ON CONFLICT DO UPDATE', 'insert into @T (@C) values (@X) on conflict (tenant_id, id) do update set @C = excluded.@C'),
('UPDATE', 'update @T set @C = @C'),
('UPDATE of no row', 'update @T set @C = @C where false'),
('UPDATE … RETURNING', 'update @T set @C = @C returning *'),
('DELETE', 'delete from @T'),
('DELETE of no row', 'delete from @T where false'),
('MERGE that inserts', 'merge into @T as t using (select) as s on false when not matched then insert (@C) values (@X)'),
('MERGE that updates', 'merge into @T as t using (select) as s on true when matched then update set @C = t.@C'),
('MERGE that deletes', 'merge into @T as t using (select) as s on t.id is not null when matched then delete'),
('a writing CTE', 'with made as (insert into @T (@C) values (@X) returning 1) select from made'),
('a writing function', $$select pg_temp.write('insert into @T (@C) values (@X)')$$),
('a view', 'insert into pg_temp.@V (@C) values (@X)'),
('ucrm.run()', 'select ucrm.run(''insert into @T (@C) values (@X)'', null)');

create function pg_temp.write(statement text) returns void language plpgsql as $$
begin
    execute statement;
end
$$;
-- A column of each table that is not its key, and a value for it. What else a row needs, the table says when the gates are passed.
create temporary table targets as
select t.name, r.name as noun, quote_ident(c.attname) as column_name, case c.atttypid when 'text'::regtype then '$x$x$x$' else 'now()' end as value
from tables as t
join ucrm.resources as r on r.kind = 'entity' and ucrm.relation_of(r.table_schema, r.table_name) = t.relation
cross join lateral (
    select a.attname, a.atttypid
    from pg_attribute as a
    where a.attrelid = t.relation and a.attnum > 0 and not a.attisdropped and a.attgenerated = '' and a.atttypid in ('text'::regtype, 'timestamptz'::regtype)
    order by a.attname = r.label_column desc, a.atttypid = 'text'::regtype desc, a.attnum
    limit 1
) as c
where t.protected;
create function pg_temp.aimed(statement text, at text)
returns text
language sql
as $$
    select replace(replace(replace(replace(aimed.statement, '@T', x.name), '@V', replace(x.name, '.', '_')), '@C', x.column_name), '@X', x.value)
    from targets as x where x.name = aimed.at
$$;
select format('create temporary view %I with (security_invoker = true) as select * from %s', replace(name, '.', '_'), name) from tables where protected \gexec
select format('grant all on %I to public', replace(name, '.', '_')) from tables where protected \gexec

create temporary table outcomes (n integer, relation text, way text, got text, granted boolean);
create procedure pg_temp.play()
language plpgsql
as $$
declare
    c cases;
    t targets;
    w ways;
    got text;
    entry text;
    granted boolean;
    lines outcomes[];
begin
    foreach c in array (select array_agg(x order by x.n) from cases as x) loop
        if c.done is not null then
            execute c.done;
        end if;
        lines := '{}';
        entry := 'done';
        set local role ucrm_app;
        begin
            if c.slug is not null then
                perform ucrm.enter((select a.id from pg_temp.tenant_ids as a where a.slug = c.slug), (select p.id from pg_temp.people_ids as p where p.email like c.person || '@%'));
            end if;
        exception when others then
            entry := sqlstate || ' ' || sqlerrm;
        end;
        foreach t in array (select array_agg(x order by x.name) from targets as x) loop
            execute format('select count(*)::text from %s', t.name) into got;
            granted := coalesce(ucrm.has_permission(t.noun, 'create'), false);
            lines := lines || row(c.n, t.name, 'reads', got, granted)::outcomes;
            foreach w in array (select array_agg(row(x.name, pg_temp.aimed(x.statement, t.name))::ways) from ways as x) loop
                if entry = 'done' then
                    begin
                        execute w.statement;
                        got := 'done ';
                        raise exception using errcode = 'RB000';
                    exception
                        when sqlstate 'RB000' then null;
                        when others then got := sqlstate || ' ' || sqlerrm;
                    end;
                else
                    got := entry;
                end if;
                -- Where the gates let it through, the table judges the row: its constraints, or that it is kept for good.
                lines := lines || row(c.n, t.name, w.name, case when got ~ '^(23|PT403 immutable$)' then 'done ' else got end, granted)::outcomes;
            end loop;
        end loop;
        rollback;
        insert into outcomes select * from unnest(lines);
        commit;
    end loop;
end
$$;
create temporary table tenant_ids as select id, slug from ucrm.tenants;
create temporary table people_ids as select id, email from ucrm.users;
grant select on tenant_ids, people_ids, cases, ways, outcomes, targets to public;
call pg_temp.play();

-- A case is one test for each table: the ways that were answered otherwise, and how.
select is(string_agg(format('%s: %s', o.way, o.got), '; ' order by o.way) filter (where o.got <> case when c.state = 'done' and not o.granted then 'PT403 permission_denied' else concat(c.state, ' ', c.code) end),
          null, format('%s writes: %s', c.name, o.relation))
from outcomes as o join cases as c using (n)
where o.way <> 'reads'
group by o.n, c.name, o.relation
order by o.n, o.relation;
select is((select array_agg(distinct o.way) from outcomes as o join cases as c using (n) where c.name = 'an owner' and o.relation in ('crm.contacts', 'crm.organizations') and o.way <> 'reads' and o.got <> 'done '),
          null, 'what needs no more than a value is written in every way');
select is((select array_agg(distinct o.relation) from outcomes as o join cases as c using (n) where c.name = 'the service' and not o.granted),
          array['crm.channels'], 'the service writes all but what belongs to the workspace itself');
select is(o.got <> '0', c.reads, format('%s %s: %s', c.name, case when c.reads then 'reads on' else 'reads nothing' end, o.relation))
from outcomes as o join cases as c using (n)
where o.way = 'reads' and o.relation = 'crm.contacts'
order by o.n;
select is_empty('select relation from outcomes join cases as c using (n) where way = ''reads'' and not c.reads and got <> ''0''', 'who reads nothing reads nothing of any table');
-- Those who came by a session alone are asked for a second factor: see session.sql.
select is_empty('select code from ucrm.gates where builtin and code <> ''mfa_required'' except select code from cases', 'every gate of the house has its case');
select is_empty('select name from tables where protected except select relation from outcomes', 'every protected table had its turn');

-- Ungated: what nobody could otherwise verify, pay or leave with.
create function pg_temp.demanded(resource text, action text) returns text language plpgsql as $$
begin
    perform ucrm.demand(resource, action);
    return 'done';
exception when others then
    return sqlstate || ' ' || sqlerrm;
end
$$;
begin;
select id as stark, (select m.user_id from ucrm.tenant_memberships as m where m.tenant_id = t.id) as eve from ucrm.tenants as t where slug = 'stark' \gset
set session authorization :"backend";
select ucrm.enter(:'stark', :'eve');
select is(pg_temp.demanded('billing', 'update'), 'done', 'whose trial is over can pay');
select is(pg_temp.demanded('tenant', 'delete'), 'done', 'or leave');
select is(pg_temp.demanded('tenant', 'update'), 'PT402 trial_expired', 'and nothing else');
select is(pg_temp.demanded('contacts', r.action), case when r.writes then 'PT402 trial_expired' else 'done' end, 'contacts: ' || r.action) from ucrm.resource_actions as r where r.resource = 'contacts';
reset session authorization;
rollback;
begin;
select id as umbrella, (select m.user_id from ucrm.tenant_memberships as m where m.tenant_id = t.id) as sue from ucrm.tenants as t where slug = 'umbrella' \gset
set session authorization :"backend";
select ucrm.enter(:'umbrella', :'sue');
select is(pg_temp.demanded('tenant', 'delete'), 'done', 'the owner of a suspended workspace can delete it');
select is(pg_temp.demanded('billing', 'read'), 'done', 'and see the bill');
select is(pg_temp.demanded('contacts', 'read'), 'PT403 workspace_suspended', 'and read nothing');
select is(pg_temp.demanded('tenant', 'read'), 'PT403 workspace_suspended', 'its name neither');
reset session authorization;
rollback;

-- Whoever bypasses row security is not gated.
begin;
set role ucrm_platform;
select lives_ok(format('insert into crm.contacts (tenant_id, name) values (%L, ''x'')', :'stark'), 'the platform writes past the gates');
reset role;
select lives_ok(format('insert into crm.contacts (tenant_id, name) values (%L, ''x'')', :'stark'), 'and so does a superuser');
rollback;

-- A gate of a DBA's own: rows, and it holds on every path.
create or replace function crm.office_is_open(resource text, action text) returns boolean language sql stable as 'select false';
create or replace function crm.office_burns(resource text, action text) returns boolean language plpgsql stable as 'begin raise exception ''fire''; end';
create or replace function crm.office_is_unsure(resource text, action text) returns boolean language sql stable as 'select null::boolean';
grant execute on all functions in schema crm to public;
-- What an HTTP request says: status and code. Runs as the gateway.
create function pg_temp.asked(key_of text, method text, path text, body text default null) returns text language plpgsql as $$
declare
    answer record;
    credential constant bytea := (select k.shown from pg_temp.shown_keys as k where k.name = key_of);
begin
    set local role ucrm_gateway;
    begin
        select * into answer from ucrm.handle(method, path, '', '{}', convert_to(body, 'UTF8'), 'key', null, credential, '192.0.2.1', gen_random_uuid());
    exception when others then
        reset role;
        return sqlstate || ' ' || sqlerrm;
    end;
    reset role;
    return concat_ws(' ', answer.status, convert_from(answer.body, 'UTF8')::jsonb ->> 'code');
end
$$;
create temporary table shown_keys (name text, shown bytea);
grant select on shown_keys to public;
create procedure pg_temp.open_gate(check_fn text, applies text, place integer default 50, resource text default null)
language sql
as $$
    insert into ucrm.refusals (code, status, title) values ('office_closed', 403, 'The office is closed');
    insert into ucrm.gates (name, position, applies, resource, check_fn, code) values ('office', place, applies, resource, check_fn, 'office_closed');
    insert into pg_temp.shown_keys
    select t.slug, sha256(convert_to(k.secret, 'UTF8'))
    from ucrm.tenants as t
    join ucrm.tenant_memberships as m on m.tenant_id = t.id and m.role = 'owner'
    cross join lateral ucrm.issue_api_key(t.id, m.user_id, 'for the gate') as k
    where t.slug in ('acme', 'stark');
$$;

begin;
call pg_temp.open_gate('crm.office_is_open', 'write');
select is(pg_temp.asked('acme', 'POST', '/api/v1/contacts', '{"name": "x"}'), '403 office_closed', 'a DBA''s gate refuses an HTTP write');
rollback;
begin;
call pg_temp.open_gate('crm.office_is_open', 'write');
select is(pg_temp.asked('acme', 'GET', '/api/v1/contacts'), '200', 'and lets reads pass, when it is for writes');
rollback;
begin;
call pg_temp.open_gate('crm.office_is_open', 'write');
set session authorization :"backend";
select ucrm.enter(:'acme', :'owner');
select throws_ok(pg_temp.aimed(w.statement, 'crm.contacts'), 'PT403', 'office_closed', 'it refuses ' || w.name) from ways as w where w.statement not like '%@V%' and w.name <> 'INSERT';
select is((select count(*) from crm.contacts), 3::bigint, 'and reads go on');
reset session authorization;
rollback;
begin;
call pg_temp.open_gate('crm.office_burns', 'write');
set session authorization :"backend";
select ucrm.enter(:'acme', :'owner');
select throws_ok('insert into crm.contacts (name) values (''x'')', 'PT403', 'office_closed', 'a gate that fails refuses');
reset session authorization;
rollback;
begin;
call pg_temp.open_gate('crm.office_is_unsure', 'write');
set session authorization :"backend";
select ucrm.enter(:'acme', :'owner');
select throws_ok('insert into crm.contacts (name) values (''x'')', 'PT403', 'office_closed', 'a gate that cannot say yes refuses');
reset session authorization;
rollback;
begin;
call pg_temp.open_gate('crm.nothing_of_this_name', 'write');
set session authorization :"backend";
select ucrm.enter(:'acme', :'owner');
select throws_ok('insert into crm.contacts (name) values (''x'')', 'PT403', 'office_closed', 'a gate whose function does not exist refuses');
reset session authorization;
rollback;
begin;
call pg_temp.open_gate('crm.office_is_open', 'write', 50, 'organizations');
set session authorization :"backend";
select ucrm.enter(:'acme', :'owner');
select lives_ok('insert into crm.contacts (name) values (''x'')', 'a gate for one resource leaves the others alone');
select throws_ok('insert into crm.organizations (name) values (''x'')', 'PT403', 'office_closed', 'and refuses that one');
reset session authorization;
rollback;
begin;
call pg_temp.open_gate('crm.office_is_open', 'write', 450);
set session authorization :"backend";
select ucrm.enter(:'stark', :'eve');
select throws_ok('insert into crm.contacts (name) values (''x'')', 'PT403', 'office_closed', 'a gate in an earlier position answers first');
reset session authorization;
rollback;
begin;
call pg_temp.open_gate('crm.office_is_open', 'write', 550);
set session authorization :"backend";
select ucrm.enter(:'stark', :'eve');
select throws_ok('insert into crm.contacts (name) values (''x'')', 'PT402', 'trial_expired', 'in a later one the house''s own does');
reset session authorization;
rollback;
begin;
call pg_temp.open_gate('crm.office_is_open', 'always');
select is(pg_temp.asked('acme', 'GET', '/api/v1/contacts'), '403 office_closed', 'a gate that always applies refuses an HTTP read');
rollback;
begin;
call pg_temp.open_gate('crm.office_is_open', 'always');
set session authorization :"backend";
select ucrm.enter(:'acme', :'owner');
select throws_ok('insert into crm.contacts (name) values (''x'')', 'PT403', 'office_closed', 'and an SQL write');
select isnt_empty('select from crm.contacts', 'but no SQL read: row security asks for the state and the permission, not for gates');
reset session authorization;
rollback;
begin;
call pg_temp.open_gate('crm.office_is_open', 'write');
delete from ucrm.gates where name = 'office';
set session authorization :"backend";
select ucrm.enter(:'acme', :'owner');
select lives_ok('insert into crm.contacts (name) values (''x'')', 'a gate that is taken away is gone');
reset session authorization;
rollback;
select throws_ok('insert into ucrm.gates (name, position, applies, check_fn, code) values (''x'', 1, ''write'', ''crm.office_is_open'', ''no_such_code'')', '23503', null, 'a gate''s code is in the catalogue');
select throws_ok('select ucrm.denied(''no_such_code'', null, ucrm.uuid7())', '40001', null, 'a gate that is taken away, with its refusal, while it is asked: the request is done once more');
drop function crm.office_is_open(text, text), crm.office_burns(text, text), crm.office_is_unsure(text, text);

-- Built-in rows are immutable, for superusers too.
select throws_ok(format('update %s set %I = %I where %s', t.name, a.attname, a.attname, w.condition), '42501', null, format('%s: a built-in row is not changed', t.name))
from tables as t
join pg_attribute as a on a.attrelid = t.relation and a.attnum = 1
cross join lateral (select case when t.name = 'ucrm.builtin_roles' then 'true' else 'builtin' end as condition) as w
where t.name = 'ucrm.builtin_roles' or t.relkind = 'r' and exists (select from pg_attribute as b where b.attrelid = t.relation and b.attname = 'builtin');
select throws_ok(format('delete from %s where %s', t.name, case when t.name = 'ucrm.builtin_roles' then 'true' else 'builtin' end), '42501', null, format('%s: nor deleted', t.name))
from tables as t
where t.name = 'ucrm.builtin_roles' or t.relkind = 'r' and exists (select from pg_attribute as b where b.attrelid = t.relation and b.attname = 'builtin');

select '1..' || currval('__tresults___numb_seq');
