-- Whatever ucrm.handle() answers by itself is, byte for byte, what ucrm.attend() would have answered, by whoever and about
-- whatever it is asked.
\ir fast.psql

-- Lists of every shape, rows of every kind, refusals of all sorts.
insert into cases (path, query, short)
select '/api/v1/contacts', q, true from unnest(array['', 'limit=20', 'limit=1', 'limit=100', 'page=1', 'page=2&limit=7', 'page=9&limit=100', 'limit=7&page=3', 'count=exact', 'archived=any', 'archived=only', 'archived=any&limit=100',
    'fields=name', 'fields=id,name,custom', 'fields=created_at,stage&limit=3', 'sort=name', 'sort=-name,id', 'sort=-created_at,name&page=2&limit=10', 'q=contact', 'q=contact%201', 'q=%25', 'q=_', 'q=nobody', 'q=',
    'stage=eq.won', 'stage=neq.won', 'stage=in.(lead,won)', 'stage=not.in.(lead)', 'name=like.Contact*', 'name=ilike.*CONTACT%202*', 'name=eq.Contact%201', 'name=gt.Contact%205&limit=5', 'owner_id=is.null', 'owner_id=is.not_null',
    'owner_id=eq.fb000000-0000-7000-8000-000000000002', 'or=(stage.eq.won,name.ilike.contact%202*)', 'and=(stage.eq.won,or(name.like.*1,name.like.*5))', 'created_at=gte.2024-01-10', 'created_at=between.(2024-01-02,2024-01-05)',
    'updated_at=lt.2024-02-01T00:00:00Z', 'archived_at=is.null', 'external_id=eq.x7', 'custom=cs.%7B%22n%22%3A1%7D', 'id=eq.fc000000-0000-7000-8000-000000000003', 'id=in.(fc000000-0000-7000-8000-000000000003,fd000000-0000-7000-8000-000000000001)',
    'name=eq.%27%3B%20drop%20table%20crm.contacts%3B%20--', 'name=eq.%2441', 'name=eq.' || repeat('x', 5000)]) as q;
insert into cases (path, query, short)
select '/api/v1/kinds', q, true from unnest(array['', 'fields=n,name,exact,near,below', 'fields=words,numbers,spot,mood,grade', 'n=lte.3&sort=n', 'exact=gt.1', 'yes=is.true', 'yes=eq.false', 'at=gt.2000-01-01', 'day=lt.2001-01-01', 'local=lt.2001-01-01T00:00:00',
    'words=cs.(a)', 'words=ov.(a,z)', 'numbers=ov.(1,2)', 'grade=eq.3', 'mood=eq.glad', 'large=eq.9223372036854775807', 'document=cs.%7B%7D', 'address=eq.127.0.0.1%2F8', 'and=(limit.eq.1)', 'name=is.null', 'twice=eq.2', 'span=eq.1', 'padded=eq.ab']) as q;
insert into cases (path, query, short)
select '/api/v1/plain', q, true from unnest(array['', 'done=is.true', 'number=gt.10&limit=5', 'sort=number&page=2', 'fields=number']) as q;
insert into cases (path, query, short)
select p, '', true from unnest(array['/api/v1/%63ontacts', '/api/v1/organizations', '/api/v1/contacts/fc000000-0000-7000-8000-000000000001', '/api/v1/contacts/FC000000-0000-7000-8000-000000000001',
    '/api/v1/contacts/fc000000%2D0000-7000-8000-000000000002', '/api/v1/contacts/fc000000-0000-7000-8000-000000000015', '/api/v1/contacts/fc000000-0000-7000-8000-000000000006', '/api/v1/plain/7']) as p;
insert into cases (path, query, short)
select '/api/v1/kinds/fe000000-0000-7000-8000-00000000000' || n, q, true from generate_series(1, 4) as n, unnest(array['', 'fields=n', 'fields=name,words,at', 'fields=%22Odd']) as q where q not like '%Odd';
insert into cases (path, query, headers, short)
select '/api/v1/contacts', '', h::jsonb, true from unnest(array['{"accept": "*/*"}', '{"x-tenant-id": "fa000000-0000-7000-8000-000000000001"}', '{"if-none-match": "\"x\""}', '{"x-tenant-id": null}', '[]']) as h;
insert into cases (path, query, headers, short)
select '/api/v1/contacts/fc000000-0000-7000-8000-000000000001', '', h::jsonb, s
from (values ('{"accept": "*/*"}', true), ('{"if-none-match": "*"}', false), ('{"if-none-match": "\"x\""}', false), ('{"if-none-match": null}', true), ('[]', true)) as v (h, s);
-- What is not plain sailing is told by the story.
insert into cases (path, query, short)
select '/api/v1/contacts', q, false from unnest(array['stage=maybe.so', 'nothing=eq.1', 'tenant_id=eq.fa000000-0000-7000-8000-000000000001', 'page=x', 'page=0', 'page=18446744073709551615', 'limit=101', 'limit=0', 'limit=-1', 'page=1&page=2', 'fields=nothing',
    'fields=', 'fields=name,name', 'sort=nothing', 'q=' || repeat('a+', 9), 'stage=eq.won&nothing=1', 'or=(', 'or=()', 'archived=yes', 'count=planned', 'cursor=x', 'expand=organization', 'id=eq.1', 'created_at=gt.yesterday', '%zz', '=', '&', 'name=eq.%00', 'limit']) as q
where q <> '&';
insert into cases (path, query) values ('/api/v1/contacts', '&'), ('/api/v1/contacts', 'created_at=in_last_days.30'), ('/api/v1/kinds', 'fields=secret'), ('/api/v1/plain', 'archived=any');
insert into cases (path, query, short)
select '/api/v1/kinds', q, false from unnest(array['secret=eq.hush', 'spot=eq.x', 'n=eq.99999999999', 'exact=eq.x', 'yes=eq.maybe', 'limit=x']) as q where q not like 'spot%';
insert into cases (path, query, short)
select p, q, false
from unnest(array['/api/v1/contacts/fd000000-0000-7000-8000-000000000001', '/api/v1/contacts/fc000000-0000-7000-8000-000000000099', '/api/v1/contacts/1', '/api/v1/contacts/x', '/api/v1/contacts/', '/api/v1/plain/31', '/api/v1/plain/x',
    '/api/v1/plain/99999999999999999999', '/api/v1/nothings', '/api/v1/%zz', '/api/v1/contacts/%00', '/api/v1/why', '/api/v1/session', '/api/v1/permissions', '/api/v1/audit_logs', '/api/v1/contacts/fc000000-0000-7000-8000-000000000001/notes']) as p,
    unnest(array['', 'fields=name']) as q;
insert into cases (path, query, short)
select '/api/v1/contacts/fc000000-0000-7000-8000-000000000001', q, q like 'fields=%' and q <> 'fields=nothing'
from unnest(array['fields=name', 'fields=id,custom', 'fields=nothing', 'limit=1', 'name=eq.x', 'fields=name&fields=id', 'x']) as q
where q <> 'fields=name&fields=id';
insert into cases (path, query, headers, short)
select '/api/v1/contacts', '', h::jsonb, false from unnest(array['{"x-tenant-id": "fast"}', '{"x-tenant-id": "slow"}', '{"x-tenant-id": "acme"}', '{"x-tenant-id": ""}', '{"x-tenant-id": "FA000000-0000-7000-8000-000000000001"}']) as h;
insert into cases (path, query, headers, short) values ('/api/v1/contacts', null, '{}', false), ('/api/v1/contacts', '', null, true), (null, '', '{}', false);

call pg_temp.play(array['owner']);
select cmp_ok(count(*), '>=', 180::bigint, 'requests of many shapes are asked') from outcomes;
select pg_temp.same('an owner');
select pg_temp.way('an owner');
delete from outcomes;

call pg_temp.play(array['own rows', 'reader', 'read only', 'scoped', 'scoped to own', 'service', 'scoped service', 'disabled', 'creator', 'unknown', 'malformed', 'none']);
select pg_temp.same('others');
select cmp_ok(count(distinct (a).body), '>=', 4::bigint, 'who asks makes a difference') from outcomes where path = '/api/v1/contacts' and query = '';
select is(count(*) filter (where (a).status = 200 and key_name in ('disabled', 'creator', 'unknown', 'malformed', 'none')), 0::bigint, 'whoever may not read is shown nothing') from outcomes
where path not in ('/api/v1/why', '/api/v1/session', '/api/v1/permissions');
select is_empty($$select key_name, path from outcomes where convert_from((a).body, 'UTF8') ~ 'Somebody else|hush'$$, 'nobody is shown another tenant''s row or a secret column');
select is((a).attended, 0::bigint, 'at once for ' || key_name) from outcomes where path = '/api/v1/contacts' and query = 'limit=20' and key_name in ('own rows', 'reader', 'read only', 'scoped', 'scoped to own', 'service');
delete from outcomes;

call pg_temp.sweep();
select is_empty($$select name from ucrm.resources where name in ('kinds', 'plain')$$, 'nothing is left');

select '1..' || currval('__tresults___numb_seq');
