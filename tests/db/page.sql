-- Pages by cursor and what is related: every row once, in order, and nothing that the asker may not see.
\ir fast.psql

create function pg_temp.asked(key_name text, path text, query text default '')
returns jsonb
language plpgsql
as $$
declare
    a constant replies := pg_temp.reply(true, key_name, path, query);
begin
    return case when a.raised is null then convert_from(a.body, 'UTF8')::jsonb else to_jsonb(a.raised) end;
end
$$;

-- All pages of a list, one after the other; null when they do not end.
create function pg_temp.walked(key_name text, path text, query text, size integer)
returns text[]
language plpgsql
as $$
declare
    cursor text := '';
    page jsonb;
    seen text[] := '{}';
begin
    for i in 1 .. 200 loop
        page := pg_temp.asked(key_name, path, concat_ws('&', nullif(query, ''), 'limit=' || size, 'cursor=' || cursor));
        if page -> 'data' is null then
            raise exception '% %', query, page;
        end if;
        seen := seen || array(select v ->> 'id' from jsonb_array_elements(page -> 'data') as v);
        cursor := page -> 'meta' ->> 'next_cursor';
        if cursor is null then
            return seen;
        end if;
    end loop;
    return null;
end
$$;
create function pg_temp.meta(query text) returns jsonb language sql as $$ select pg_temp.asked('owner', '/api/v1/contacts', query) -> 'meta' $$;
create function pg_temp.row_of(key_name text, path text, query text) returns jsonb language sql as $$ select pg_temp.asked(key_name, '/api/v1/' || path, query) -> 'data' $$;
create function pg_temp.labels(key_name text, query text, path text default 'contacts') returns text language sql as $$
    select coalesce((select string_agg(v ->> 'label', '|' order by n) from jsonb_array_elements(a -> 'data') with ordinality as w (v, n)), a ->> 'code', a::text)
    from pg_temp.asked(key_name, format('/api/v1/%s/autocomplete', path), query) as a
$$;

create temporary table walks (path text, query text, ordering text, filter text default 'true');
insert into walks (path, query, ordering, filter) values
('contacts', 'archived=any', 'created_at desc, id desc', 'true'),
('contacts', '', 'created_at desc, id desc', 'archived_at is null'),
('contacts', 'archived=any&sort=created_at', 'created_at, id', 'true'),
('contacts', 'archived=any&sort=name', 'name, id', 'true'),
('contacts', 'archived=any&sort=-name', 'name desc, id desc', 'true'),
('contacts', 'archived=any&sort=email', 'email, id', 'true'),
('contacts', 'archived=any&sort=-email', 'email desc, id desc', 'true'),
('contacts', 'archived=any&sort=stage,-email', 'stage, email desc, id desc', 'true'),
('contacts', 'archived=any&sort=-stage,email', 'stage desc, email, id', 'true'),
('contacts', 'archived=any&sort=owner_id,-created_at', 'owner_id, created_at desc, id desc', 'true'),
('contacts', 'archived=any&sort=-owner_id,external_id', 'owner_id desc, external_id, id', 'true'),
('contacts', 'archived=any&sort=external_id,-owner_id,name', 'external_id, owner_id desc, name, id', 'true'),
('contacts', 'archived=any&sort=archived_at', 'archived_at, id', 'true'),
('contacts', 'archived=any&sort=-archived_at,-stage', 'archived_at desc, stage desc, id desc', 'true'),
('contacts', 'archived=any&sort=-id', 'id desc', 'true'),
('contacts', 'sort=external_id&stage=in.(won,lost)&q=contact', 'external_id, id', 'archived_at is null and stage in (''won'', ''lost'')'),
('kinds', 'sort=n', 'n, id', 'true'),
('kinds', 'sort=at', 'at, id', 'true'), ('kinds', 'sort=-at', 'at desc, id desc', 'true'),
('kinds', 'sort=local', 'local, id', 'true'), ('kinds', 'sort=-local', 'local desc, id desc', 'true'),
('kinds', 'sort=day', 'day, id', 'true'), ('kinds', 'sort=-day', 'day desc, id desc', 'true'),
('kinds', 'sort=exact', 'exact, id', 'true'), ('kinds', 'sort=-exact', 'exact desc, id desc', 'true'),
('kinds', 'sort=near', 'near, id', 'true'), ('kinds', 'sort=-near', 'near desc, id desc', 'true'),
('kinds', 'sort=below', 'below, id', 'true'), ('kinds', 'sort=-below', 'below desc, id desc', 'true'),
('kinds', 'sort=large', 'large, id', 'true'), ('kinds', 'sort=-small', 'small desc, id desc', 'true'),
('kinds', 'sort=yes', 'yes, id', 'true'), ('kinds', 'sort=-yes,n', 'yes desc, n, id', 'true'),
('kinds', 'sort=mood', 'mood::text, id', 'true'), ('kinds', 'sort=-grade', 'grade::text desc, id desc', 'true'),
('kinds', 'sort=address', 'address::text, id', 'true'), ('kinds', 'sort=padded', 'padded, id', 'true'), ('kinds', 'sort=-twice', 'twice desc, id desc', 'true');

create temporary table wanted (path text, query text, ids text[]);
do $$
declare
    w walks;
begin
    for w in select * from walks loop
        execute format('insert into wanted select %L, %L, array_agg(id::text order by %s) from %s where tenant_id = ''fa000000-0000-7000-8000-000000000001'' and %s',
            w.path, w.query, w.ordering, case w.path when 'contacts' then 'crm.contacts' else 'fast.kinds' end, w.filter);
    end loop;
end
$$;
create temporary table own as select id::text as mine from crm.contacts where owner_id = 'fb000000-0000-7000-8000-000000000002';
grant select on wanted, walks, own to public;
begin;
set local role ucrm_gateway;
select is(pg_temp.walked('owner', '/api/v1/' || path, query, 1), ids, format('%s?%s, one by one', path, query)) from wanted;
rollback;
begin;
set local role ucrm_gateway;
select is(pg_temp.walked('owner', '/api/v1/' || path, query, 7), ids, format('%s?%s, seven by seven', path, query)) from wanted;
rollback;
-- What is told about a page.
begin;
set local role ucrm_gateway;
select is(pg_temp.meta('cursor=&limit=100'), '{"limit": 100}', 'the last page has no next one, and no total');
select is(pg_temp.meta('cursor=&limit=100&count=exact'), '{"limit": 100, "total": 50}', 'the total, when it is asked for');
select is(pg_temp.meta('cursor=&limit=50') ? 'next_cursor', false, 'a full page that is the last');
select is(pg_temp.meta('cursor=&limit=49') ? 'next_cursor', true, 'a page before it');
select is(pg_temp.meta('count=estimated'), '{"total": 50}', 'an estimate of few rows is exact');
select is(pg_temp.meta('stage=eq.nothing&cursor='), '{}', 'nothing, and nothing follows');
select is(pg_temp.asked('owner', '/api/v1/kinds', 'sort=name&cursor=&limit=3') ->> 'code', 'invalid_cursor', 'values too long for a cursor are refused, not cut');
select is(pg_temp.asked('owner', '/api/v1/contacts', 'sort=name&cursor=' || (pg_temp.meta('cursor=&limit=5') ->> 'next_cursor')) ->> 'code', 'invalid_cursor', 'a cursor of another order');
select is(pg_temp.asked('owner', '/api/v1/kinds', 'cursor=' || (pg_temp.meta('cursor=&limit=5') ->> 'next_cursor')) ->> 'code', 'invalid_cursor', 'a cursor of another resource');
select is(pg_temp.asked('owner', '/api/v1/audit_logs', 'cursor=&limit=1') -> 'meta' -> 'limit', '1', 'lists of the house have cursors too');
select is((select count(*) from jsonb_object_keys(pg_temp.asked('owner', '/api/v1/members', 'cursor=&limit=1&fields=id') -> 'data' -> 0)), 1::bigint, 'and show what was asked for');
rollback;

-- Rows that come and go between two pages.
begin;
create temporary table walk (step integer, page jsonb) on commit drop;
grant all on walk to public;
set local role ucrm_gateway;
insert into walk values (1, pg_temp.asked('owner', '/api/v1/contacts', 'limit=10&archived=any&cursor='));
reset role;
insert into crm.contacts (tenant_id, id, name, created_at) values
('fa000000-0000-7000-8000-000000000001', 'fc000000-0000-7000-8000-0000000000f1', 'Newer', '2030-01-01'),
('fa000000-0000-7000-8000-000000000001', 'fc000000-0000-7000-8000-0000000000f2', 'Older', '2000-01-01');
delete from crm.contacts where tenant_id = 'fa000000-0000-7000-8000-000000000001' and id = (select (page -> 'data' -> 9 ->> 'id')::uuid from walk);
set local role ucrm_gateway;
insert into walk values (2, pg_temp.asked('owner', '/api/v1/contacts', 'limit=100&archived=any&cursor=' || (select page -> 'meta' ->> 'next_cursor' from walk)));
select is((select count(*) from walk, jsonb_array_elements(page -> 'data') as v), 61::bigint, 'nothing is missed: sixty that were there, and one that came behind');
select is((select count(distinct v ->> 'id') from walk, jsonb_array_elements(page -> 'data') as v), 61::bigint, 'and nothing is shown twice');
rollback;

-- What is related, and labels for whoever may autocomplete and not read. Each asker has a transaction of his own.
begin;
set local session_replication_role = replica;
insert into crm.organizations (tenant_id, id, name) values
('fa000000-0000-7000-8000-000000000001', 'fd000000-0000-7000-8000-0000000000a1', 'Acme "quoted"'),
('fa000000-0000-7000-8000-000000000001', 'fd000000-0000-7000-8000-0000000000a2', 'Empty');
update crm.contacts set organization_id = 'fd000000-0000-7000-8000-0000000000a1' where tenant_id = 'fa000000-0000-7000-8000-000000000001' and name in ('Contact 1', 'Contact 6', 'Contact 7');
update crm.contacts set owner_id = 'fb000000-0000-7000-8000-000000000005' where tenant_id = 'fa000000-0000-7000-8000-000000000001' and name in ('Contact 11', 'Contact 12', 'Contact 21');
commit;
insert into ucrm.role_permissions (tenant_id, role, resource, action, scope) values
('fa000000-0000-7000-8000-000000000001', 'blind', 'contacts', 'autocomplete', 'own'), ('fa000000-0000-7000-8000-000000000001', 'blind', 'kinds', 'autocomplete', 'all');

begin;
set local role ucrm_gateway;
select is(pg_temp.row_of('owner', 'contacts', 'name=eq.Contact%201&fields=name&expand=organization,owner')::text,
    '[{"name": "Contact 1", "owner": {"id": "fb000000-0000-7000-8000-000000000002", "name": "max"}, "organization": ' || pg_temp.row_of('owner', 'organizations/fd000000-0000-7000-8000-0000000000a1', '')::text || '}]',
    'a related row is what its own resource shows of it');
select is(pg_temp.row_of('owner', 'contacts', 'name=eq.Contact%202&fields=name&expand=organization,owner') -> 0 -> 'organization', 'null', 'none is null');
select is(jsonb_path_query_array(pg_temp.row_of('owner', 'organizations', 'sort=name&fields=name&expand=contacts'), '$[*].contacts[*].name'), '["Contact 7", "Contact 1"]', 'many are an array, newest first, without archived ones');
select is(pg_temp.row_of('owner', 'organizations', 'name=eq.Empty&fields=id&expand=contacts') -> 0 -> 'contacts', '[]', 'none of many is an empty array');
select is(pg_temp.row_of('owner', 'contacts/fc000000-0000-7000-8000-000000000001', 'fields=id&expand=organization') -> 'organization' ->> 'name', 'Acme "quoted"', 'a row by its id can be expanded, too');
select is(pg_temp.row_of('owner', 'contacts', 'name=eq.Contact%201&expand=organization&cursor=') -> 0 -> 'organization' ->> 'name', 'Acme "quoted"', 'and a page by cursor');
select ok((pg_temp.asked('owner', '/api/v1/contacts', 'expand=nothing') -> 'allowed') @> '["organization", "owner"]', 'a relation that is none is told which there are');
select is(pg_temp.asked('owner', '/api/v1/contacts', 'organization.name=eq.x') ->> 'code', 'invalid_filter', 'there is no condition on what is related');
select is(pg_temp.labels('owner', 'q=contact%201&limit=3'), 'Contact 1|Contact 10|Contact 11', 'labels that begin with what was typed, by label');
select is(pg_temp.labels('owner', 'q=ACT%204'), 'Contact 4|Contact 40|Contact 41|Contact 43|Contact 44|Contact 45|Contact 46|Contact 47|Contact 49', 'and those that contain it; archived ones stay out');
select is(pg_temp.labels('owner', 'q=c&limit=1'), 'Contact 1', 'one letter finds beginnings');
select is(pg_temp.labels('owner', 'q=ta'), '{"data": []}', 'two letters within do not');
select is(pg_temp.labels('owner', '&limit=2'), 'Contact 1|Contact 10', 'without q, the first');
select is(pg_temp.labels('owner', 'q=fast.example'), '{"data": []}', 'only the label is looked into');
select is(pg_temp.labels('owner', 'q=%25'), '{"data": []}', 'and there are no wildcards');
select is(pg_temp.labels('owner', q), 'invalid_filter', q) from unnest(array['limit=26', 'limit=0', 'q=a&q=b', 'stage=eq.won', 'sort=name', 'fields=email', 'q=' || repeat('x', 201)]) as q;
rollback;
begin;
set local role ucrm_gateway;
select is(pg_temp.asked('own rows', '/api/v1/contacts', 'expand=organization') ->> 'code', 'permission_denied', 'who may not read organizations hears so');
select is(pg_temp.asked('own rows', '/api/v1/contacts', 'expand=organization') -> 'details', '{"action": "read", "resource": "organizations"}', 'which resource, and what of it');
select is(pg_temp.asked('own rows', '/api/v1/contacts', 'expand=owner') ->> 'code', 'permission_denied', 'members are not shown to whoever may not even autocomplete them');
select is(pg_temp.asked('own rows', '/api/v1/contacts/fc000000-0000-7000-8000-000000000001', 'expand=organization') ->> 'code', 'permission_denied', 'nor by way of one row');
select is(pg_temp.labels('own rows', 'q=contact'), 'permission_denied', 'reading is not enough to autocomplete');
select is(pg_temp.walked('own rows', '/api/v1/contacts', 'archived=any', 3),
    array(select i from wanted, unnest(ids) with ordinality as w (i, n) where query = 'archived=any' and i in (select mine from own) order by n), 'pages of whoever sees only his own');
rollback;
begin;
set local role ucrm_gateway;
select is(pg_temp.asked('scoped', '/api/v1/contacts', 'expand=organization') ->> 'code', 'permission_denied', 'a key without the scope hears so, too');
rollback;
begin;
set local role ucrm_gateway;
select is(pg_temp.labels('creator', 'q=contact'), 'Contact 11|Contact 21', 'the scope is that of autocomplete');
select is(pg_temp.labels('creator', 'q=all', 'kinds'), 'all', 'for all rows where it is for all');
select is(pg_temp.asked('creator', '/api/v1/contacts') ->> 'code', 'permission_denied', 'reading is still refused');
select is((select count(*) from jsonb_object_keys(pg_temp.asked('creator', '/api/v1/contacts/autocomplete', 'q=contact') -> 'data' -> 0)), 2::bigint, 'nothing but id and label comes out');
reset role;
set local role ucrm_app;
select is((select count(*) from crm.contacts), 0::bigint, 'and the permission is over when the labels are read');
rollback;
begin;
set local role ucrm_gateway;
select is(pg_temp.labels('few', 'q=some'), 'Somebody else''s', 'another workspace sees its own');
rollback;
begin;
set local role ucrm_app;
select throws_ok($$select ucrm.run_labels('select 1', '{}', 'contacts')$$, '42501', null, 'nobody else runs as if he read labels');
rollback;

begin;
set local session_replication_role = replica;
delete from crm.organizations where tenant_id = 'fa000000-0000-7000-8000-000000000001';
commit;
call pg_temp.sweep();
select '1..' || currval('__tresults___numb_seq');
