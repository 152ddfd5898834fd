-- Import and export: all or nothing or the best of it, row by row; what goes out comes in again; who may.
\ir scene.psql
\ir ask.psql
select pg_temp.issue();
\set csv '''{"content-type": "text/csv"}'''
call pg_temp.step('a file', 'ada', 'POST', '/api/v1/contacts/import', E'Name,External ID,stage\r\nimported 1,i1,won\r\n"imported, 2",i2,\r\n', '200 | 2 0 0', '', :csv);
call pg_temp.step('all or nothing', 'ada', 'POST', '/api/v1/contacts/import', E'name,stage\nimported 3,won\nimported 4,maybe\n,won\nimported 5\n', '422 | validation_failed | 2 stage invalid_value, 3 name required, 4  invalid_csv | ', '', :csv);
call pg_temp.step('the best of it', 'ada', 'POST', '/api/v1/contacts/import', E'name,stage\nimported 3,won\nimported 4,maybe\n,won\nimported 5,lead\n', '200 | 2 stage invalid_value, 3 name required | 2 0 2', 'mode=best_effort', :csv);
call pg_temp.step('a trial run', 'ada', 'POST', '/api/v1/contacts/import', E'name\nimported 6\n', '200 | 1 0 0', 'dry_run=true', :csv);
call pg_temp.step('a quote that is never closed', 'ada', 'POST', '/api/v1/contacts/import', E'name,notes\nimported 12,"oops\nimported 13,b\n', '422 | validation_failed | 1  invalid_csv | ', '', :csv);
call pg_temp.step('nor in the first line', 'ada', 'POST', '/api/v1/contacts/import', E'name,"notes\nimported 12,x\n', '400 | invalid_csv | ', '', :csv);
call pg_temp.step('one that is closed at the end, and one in the middle', 'ada', 'POST', '/api/v1/contacts/import', E'name,notes\n5" wide,"a\nb"', '200 | 1 0 0', 'dry_run=true', :csv);
call pg_temp.step('what is taken', 'ada', 'POST', '/api/v1/contacts/import', E'name,external_id\nimported 7,i1\n', '409' , '', :csv);
call pg_temp.step('is changed', 'ada', 'POST', '/api/v1/contacts/import', E'name,external_id\nimported 1 b,i1\nimported 8,i8\n', '200 | 1 1 0', 'upsert=external_id', :csv);
call pg_temp.step('a list', 'ada', 'POST', '/api/v1/contacts/import', '[{"name": "imported 9"}, {"name": "imported 10", "stage": "won"}]', '200 | 2 0 0');
call pg_temp.step('lines', 'ada', 'POST', '/api/v1/contacts/import', E'{"name": "imported 11"}\n\n{"name": 7}\n{\n', '200 | 2 name invalid_type, 3  invalid_json | 1 0 2', 'mode=best_effort', '{"content-type": "application/x-ndjson"}');
call pg_temp.step('a tenant is not assigned', 'ada', 'POST', '/api/v1/contacts/import', E'name,tenant_id\nx,01a00000-0000-7000-8000-00000000ffff\n', '400 | unknown_field | tenant_id unknown_field | ', '', :csv);
call pg_temp.step('nor another owner', 'ada', 'POST', '/api/v1/contacts/import', E'name,owner_id\nx,01a00000-0000-7000-8000-00000000ffff\n', '422 | validation_failed | 1 owner_id unknown_field | ', '', :csv);
call pg_temp.step('a reader imports nothing', 'rita', 'POST', '/api/v1/contacts/import', E'name\nx\n', '403 | permission_denied | ', '', :csv);
call pg_temp.step('nor does a suspended workspace', 'sue', 'POST', '/api/v1/contacts/import', E'name\nx\n', '403 | workspace_suspended | ', '', :csv);
call pg_temp.step('a picture is no file of rows', 'ada', 'POST', '/api/v1/contacts/import', 'x', '415 | unsupported_media_type | ', '', '{"content-type": "image/png"}');
call pg_temp.step('half a list', 'ada', 'POST', '/api/v1/contacts/import', '[{"name": "imported 12"},', '400 | invalid_json | ');
update told set expected = '422 | validation_failed | 1 external_id duplicate | ' where expected = '409';
select is(said, expected, name) from told order by n;
select is((select string_agg(name, '; ' order by length(name), name) from crm.contacts where name like 'imported%'),
    'imported 3; imported 5; imported 8; imported 9; imported 10; imported 11; imported, 2; imported 1 b', 'and nothing else was made');

-- Out, in pieces.
create function pg_temp.exported(key_name text, query text) returns text language sql as $$
    select string_agg(convert_from((s.r).body, 'UTF8'), '')
    from (select ucrm.handle_stream('GET', '/api/v1/contacts/export', query, '{}', null, 'key', null, (select shown from keys where name = key_name), '192.0.2.2', '01a00000-0000-7000-8000-0000000b0b01') as r offset 0) as s
$$;
insert into crm.contacts (tenant_id, name, external_id, notes) values (:'acme', 'imported =1+1', 'i20', '=cmd()'), (:'acme', 'imported "q"', 'i21', E'-1\n,');
select is(pg_temp.exported('ada', 'format=csv&name=like.imported*&sort=external_id&fields=name,notes,external_id&external_id=in.(i20,i21)'),
    E'name,notes,external_id\r\nimported =1+1,"''=cmd()",i20\r\n"imported ""q""","''-1\n,",i21\r\n', 'CSV, with a quote before what looks like a formula');
select is(pg_temp.exported('ada', 'format=ndjson&fields=name&external_id=in.(i20,i21)&sort=external_id'), E'{"name":"imported =1+1"}\n{"name":"imported \\"q\\""}\n', 'lines');
select is(pg_temp.exported('ada', 'format=json&fields=name&external_id=in.(i20,i21)&sort=external_id')::jsonb, '[{"name": "imported =1+1"}, {"name": "imported \"q\""}]', 'a list');
select is(pg_temp.exported('ada', 'format=json&external_id=eq.nothing')::jsonb, '[]', 'of nothing');
select is(pg_temp.exported('ada', 'format=csv&fields=name&external_id=eq.nothing'), E'name\r\n', 'which still has its names');
select is(coalesce(pg_temp.exported('gina', 'format=ndjson&external_id=in.(i20,i21)'), ''), '', 'another tenant exports none of it');
select is(coalesce(pg_temp.exported('own', 'format=ndjson&external_id=in.(i20,i21)'), ''), '', 'nor who may export his own rows only');
select cmp_ok((select count(*) from ucrm.audit_logs where action = 'export' and resource = 'contacts' and request_id = '01a00000-0000-7000-8000-0000000b0b01'), '>=', 5::bigint, 'each leaves a row in the audit log');
delete from crm.contacts where name like 'imported%';
call pg_temp.leave();
select '1..' || currval('__tresults___numb_seq');
