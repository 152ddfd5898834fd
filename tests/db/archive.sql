-- Archive and restore: a row leaves the lists and comes back; who may, and whose rows.
\ir scene.psql
\ir ask.psql
select pg_temp.issue();
call pg_temp.step('a row of ada''s', 'ada', 'POST', '/api/v1/contacts', '{"name": "archive test"}', '201 | ');
select body::jsonb #>> '{data,id}' as ada from told order by n desc limit 1 \gset
call pg_temp.step('a row of alan''s', 'alan', 'POST', '/api/v1/contacts', '{"name": "archive test"}', '201 | ');
select body::jsonb #>> '{data,id}' as alan from told order by n desc limit 1 \gset
select '/api/v1/contacts/' || :'ada' || '/archive' as archive, '/api/v1/contacts/' || :'ada' || '/restore' as restore, '/api/v1/contacts/' || :'alan' || '/archive' as archive_alan \gset
call pg_temp.step('a reader archives nothing', 'rita', 'POST', :'archive', null, '403 | permission_denied | ');
call pg_temp.step('another tenant finds nothing', 'gina', 'POST', :'archive', null, '404 | not_found | ');
call pg_temp.step('a suspended workspace archives nothing', 'sue', 'POST', :'archive', null, '403 | workspace_suspended | ');
call pg_temp.step('nor does one archive another''s row who may his own', 'own', 'POST', :'archive', null, '403 | permission_denied | ');
call pg_temp.step('a row is archived', 'ada', 'POST', :'archive', null, '200 | ');
call pg_temp.step('again too', 'ada', 'POST', :'archive', null, '200 | ');
call pg_temp.step('it is out of lists', 'ada', 'GET', '/api/v1/contacts', null, '200 |  | 1', 'name=eq.archive%20test');
call pg_temp.step('unless they ask for it', 'ada', 'GET', '/api/v1/contacts', null, '200 |  | 2', 'name=eq.archive%20test&archived=any');
call pg_temp.step('or for nothing else', 'ada', 'GET', '/api/v1/contacts', null, '200 |  | 1', 'name=eq.archive%20test&archived=only');
call pg_temp.step('it is restored', 'ada', 'POST', :'restore', null, '200 | ');
call pg_temp.step('and listed', 'ada', 'GET', '/api/v1/contacts', null, '200 |  | 2', 'name=eq.archive%20test');
call pg_temp.step('who may archive his own does', 'own', 'POST', :'archive_alan', null, '200 | ');
call pg_temp.step('another version is not archived', 'ada', 'POST', :'archive', null, '412 | version_conflict | ', '', '{"if-match": "\"0\""}');
select is(said, expected, name) from told order by n;
select is((select array_agg(l.action order by l.id) from ucrm.audit_logs as l where l.record_id = :'ada'), array['create', 'archive', 'restore'], 'each change once in the audit log');
delete from crm.contacts where name = 'archive test';
call pg_temp.leave();
select '1..' || currval('__tresults___numb_seq');
