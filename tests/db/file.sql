-- File buckets: who may upload what where, who reads it, and that no browser runs it.
\ir scene.psql
select id as alan from ucrm.users where email = 'alan@acme.example' \gset
select id as rita from ucrm.users where email = 'rita@acme.example' \gset
select k.secret as owner_key from ucrm.issue_api_key(:'acme', :'owner', 'Files', null) as k \gset
select k.secret as agent_key from ucrm.issue_api_key(:'acme', :'alan', 'Files', null) as k \gset
select k.secret as reader_key from ucrm.issue_api_key(:'acme', :'rita', 'Files', null) as k \gset
select k.secret as scoped_key from ucrm.issue_api_key(:'acme', :'owner', 'Files', 'contacts:read') as k \gset
select k.secret as files_key from ucrm.issue_api_key(:'acme', :'owner', 'Files', 'files:create,files:read') as k \gset
select k.secret as service_key from ucrm.issue_api_key(:'acme', null, 'Files', null) as k \gset
select k.secret as globex_key from ucrm.issue_api_key(:'globex', :'stranger', 'Files', null) as k \gset
create temporary table answers (name text, status integer, headers jsonb, body bytea);
grant select, insert on answers to public;
create function pg_temp.ask(name text, method text, path text, query text, type text, body bytea, key text) returns void language plpgsql as $$
begin
    insert into answers
    select ask.name, h.status, h.headers, h.body
    from ucrm.handle(method, path, query, jsonb_strip_nulls(jsonb_build_object('content-type', type)), body, 'key', null, sha256(convert_to(key, 'UTF8')), '192.0.2.81', ucrm.uuid7()) as h;
exception when others then
    insert into answers values (ask.name, substr(sqlstate, 3)::integer, jsonb_build_object('x-ucrm-code', sqlerrm), null);
end
$$;
create function pg_temp.answered(name text) returns text language sql as $$ select concat_ws(' ', a.status, a.headers ->> 'x-ucrm-code') from answers as a where a.name = $1 $$;

\set png '\\x89504e470d0a1a0a0000000d49484452'
select pg_temp.ask('agent avatar', 'POST', '/api/v1/files/memberAvatars', 'name=caf%C3%A9%20%22a%22.png', 'image/png', :'png', :'agent_key');
select pg_temp.ask('owner logo', 'POST', '/api/v1/files/organizationLogos', '', 'image/png', :'png', :'owner_key');
select pg_temp.ask('files key', 'POST', '/api/v1/files/organizationLogos', '', 'image/png', :'png', :'files_key');
select pg_temp.ask('agent logo', 'POST', '/api/v1/files/organizationLogos', '', 'image/png', :'png', :'agent_key');
select pg_temp.ask('reader', 'POST', '/api/v1/files/memberAvatars', '', 'image/png', :'png', :'reader_key');
select pg_temp.ask('scoped', 'POST', '/api/v1/files/memberAvatars', '', 'image/png', :'png', :'scoped_key');
select pg_temp.ask('service', 'POST', '/api/v1/files/memberAvatars', '', 'image/png', :'png', :'service_key');
select pg_temp.ask('no bucket', 'POST', '/api/v1/files/nothing', '', 'image/png', :'png', :'owner_key');
select pg_temp.ask('svg', 'POST', '/api/v1/files/memberAvatars', '', 'image/svg+xml', '<svg onload="alert(1)"/>', :'owner_key');
select pg_temp.ask('html as png', 'POST', '/api/v1/files/memberAvatars', '', 'image/png', '<script>alert(1)</script>', :'owner_key');
select pg_temp.ask('gif as png', 'POST', '/api/v1/files/memberAvatars', '', 'image/png', 'GIF89a..', :'owner_key');
select pg_temp.ask('no type', 'POST', '/api/v1/files/memberAvatars', '', null, :'png', :'owner_key');
select pg_temp.ask('empty', 'POST', '/api/v1/files/memberAvatars', '', 'image/png', '', :'owner_key');
select pg_temp.ask('large', 'POST', '/api/v1/files/memberAvatars', '', 'image/png', :'png'::bytea || decode(repeat('00', 2097152), 'hex'), :'owner_key');
select pg_temp.ask('path as name', 'POST', '/api/v1/files/memberAvatars', 'name=..%2F..%2Fetc%2Fpasswd', 'image/png', :'png', :'owner_key');
select pg_temp.ask('header as name', 'POST', '/api/v1/files/memberAvatars', 'name=a%0D%0Aset-cookie%3Ax', 'image/png', :'png', :'owner_key');
select is(pg_temp.answered(n), v, n) from (values
    ('agent avatar', '201'), ('owner logo', '201'), ('files key', '201'), ('agent logo', '403 permission_denied'), ('reader', '403 permission_denied'), ('scoped', '403 permission_denied'),
    ('service', '403 permission_denied'), ('no bucket', '404 not_found'), ('svg', '415 unsupported_media_type'), ('html as png', '422 validation_failed'), ('gif as png', '422 validation_failed'),
    ('no type', '415 unsupported_media_type'), ('empty', '422 validation_failed'), ('large', '413 body_too_large'), ('path as name', '422 validation_failed'), ('header as name', '422 validation_failed')
) as x (n, v);
select (convert_from(body, 'UTF8')::jsonb #>> '{data,id}') as avatar from answers where name = 'agent avatar' \gset
select (convert_from(body, 'UTF8')::jsonb #>> '{data,id}') as logo from answers where name = 'owner logo' \gset
select is(headers ->> 'location', '/api/v1/files/' || :'avatar', 'the reply says where it is') from answers where name = 'agent avatar';

select pg_temp.ask('read', 'GET', '/api/v1/files/' || :'avatar', '', null, null, :'reader_key');
select pg_temp.ask('read by scoped', 'GET', '/api/v1/files/' || :'avatar', '', null, null, :'scoped_key');
select pg_temp.ask('read by globex', 'GET', '/api/v1/files/' || :'avatar', '', null, null, :'globex_key');
select pg_temp.ask('read of nothing', 'GET', '/api/v1/files/x', '', null, null, :'owner_key');
select pg_temp.ask('metadata', 'GET', '/api/v1/files/' || :'avatar' || '/metadata', '', null, null, :'owner_key');
select pg_temp.ask('metadata by globex', 'GET', '/api/v1/files/' || :'avatar' || '/metadata', '', null, null, :'globex_key');
select pg_temp.ask('list', 'GET', '/api/v1/files', 'bucket=eq.memberAvatars', null, null, :'owner_key');
select pg_temp.ask('list by agent', 'GET', '/api/v1/files', '', null, null, :'agent_key');
select pg_temp.ask('list by globex', 'GET', '/api/v1/files', '', null, null, :'globex_key');
select pg_temp.ask('content', 'GET', '/api/v1/files', 'content=is.null', null, null, :'owner_key');
select pg_temp.ask('delete by reader', 'DELETE', '/api/v1/files/' || :'avatar', '', null, null, :'reader_key');
select pg_temp.ask('delete by globex', 'DELETE', '/api/v1/files/' || :'avatar', '', null, null, :'globex_key');
select pg_temp.ask('delete of logo by agent', 'DELETE', '/api/v1/files/' || :'logo', '', null, null, :'agent_key');
select pg_temp.ask('delete of own', 'DELETE', '/api/v1/files/' || :'avatar', '', null, null, :'agent_key');
select pg_temp.ask('delete again', 'DELETE', '/api/v1/files/' || :'avatar', '', null, null, :'agent_key');
select is(pg_temp.answered(n), v, n) from (values
    ('read', '200'), ('read by scoped', '403 permission_denied'), ('read by globex', '404 not_found'), ('read of nothing', '404 not_found'), ('metadata', '200'), ('metadata by globex', '404 not_found'),
    ('list', '200'), ('list by agent', '403 permission_denied'), ('list by globex', '200'), ('content', '400 invalid_filter'), ('delete by reader', '403 permission_denied'),
    ('delete by globex', '404 not_found'), ('delete of logo by agent', '403 permission_denied'), ('delete of own', '204'), ('delete again', '404 not_found')
) as x (n, v);
select is(body, :'png'::bytea, 'the bytes come back as they were') from answers where name = 'read';
select is(headers ->> h, v, h) from answers, (values
    ('content-type', 'image/png'), ('content-security-policy', 'default-src ''none''; sandbox'), ('content-disposition', 'inline; filename*=UTF-8''''caf%C3%A9%20%22a%22.png'), ('cache-control', 'private, no-cache')) as x (h, v)
where name = 'read';
select is(convert_from(body, 'UTF8')::jsonb #>> '{meta,total}', '0', 'another tenant lists none') from answers where name = 'list by globex';
select is(convert_from(body, 'UTF8')::jsonb #>> '{data,0,name}', 'café "a".png', 'the list has its name') from answers where name = 'list';
select ok(not convert_from(body, 'UTF8')::jsonb #> '{data,0}' ? 'content', 'and not its bytes') from answers where name = 'list';
select set_eq(format('select action from ucrm.audit_logs where resource = ''files'' and record_id = %L', :'avatar'), array['create', 'delete'], 'both are audited');
select is((select count(*) from ucrm.audit_logs where resource = 'files' and coalesce(after, before) ? 'content'), 0::bigint, 'without the bytes');

-- Psql: the catalogue and the metadata, no bytes and no other tenant's.
begin;
set local role ucrm_app;
select ucrm.enter(:'acme', :'owner');
select throws_ok('select content from ucrm.files', '42501', null, 'SQL gives no bytes out');
select throws_ok('delete from ucrm.files', '42501', null, 'nor is a file deleted by it');
select is((select count(*) from ucrm.files where tenant_id <> :'acme'), 0::bigint, 'nor another tenant''s seen');
select throws_ok($$insert into ucrm.file_buckets (name, roles, content_types, max_bytes) values ('mine', '{}', '{text/html}', 1)$$, '42501', null, 'buckets are the DBA''s');
rollback;
select throws_ok($$update ucrm.file_buckets set max_bytes = 1 where name = 'memberAvatars'$$, '42501', null, 'a built-in bucket does not change');
delete from ucrm.files where bucket in ('memberAvatars', 'organizationLogos') and tenant_id = :'acme';
delete from ucrm.api_keys where name = 'Files';
select '1..' || currval('__tresults___numb_seq');
