-- What the routes of a team's files and of the workspace's own mail sender say about themselves.
insert into ucrm.tag_docs (name, description, builtin) values
('settings', 'What the workspace sets for itself.', true);

insert into ucrm.schema_docs (name, schema, builtin) values
('MailSender', ucrm.object_schema('{"from_address": {"type": "string"}, "from_name": {"type": "string"}, "transport": {"type": "string", "enum": ["smtp", "resend"]}, "host": {"type": ["string", "null"]}, "port": {"type": ["integer", "null"]}, "tls": {"type": ["string", "null"], "enum": ["implicit", "starttls", null]}, "username": {"type": ["string", "null"]}, "secret": {"type": ["string", "null"], "description": "Its end, masked."}, "created_at": {"type": "string", "format": "date-time"}, "updated_at": {"type": "string", "format": "date-time"}, "works": {"type": "boolean"}, "failed_at": {"type": ["string", "null"], "format": "date-time"}, "last_error": {"type": ["string", "null"]}, "test": {"type": ["object", "null"], "description": "What became of the latest test mail."}}',
    array['from_address', 'from_name', 'transport', 'secret']), true),
('ImportReport', ucrm.object_schema('{"rows": {"type": "integer"}, "invited": {"type": "integer"}, "dry_run": {"type": "boolean"}, "errors": {"type": "array", "items": {"type": "object", "required": ["row", "field", "code", "message"], "properties": {"row": {"type": "integer", "description": "Counted from 1."}, "field": {"type": "string"}, "code": {"type": "string"}, "message": {"type": ["string", "null"]}}}}}',
    array['rows', 'invited', 'dry_run', 'errors']), true);

insert into ucrm.route_docs (method, template, operation, tag, summary, parameters, request, responses, refusals, builtin) values
('GET', '/api/v1/members/export', 'members.export', 'members', 'Export members', '[{"name": "format", "in": "query", "description": "Else by Accept.", "schema": {"type": "string", "enum": ["csv", "json", "ndjson"]}}]', null,
    jsonb_build_object('200', ucrm.json_reply('All of them.', '{"type": "array", "items": {"$ref": "#/components/schemas/Member"}}')
        || '{"content": {"application/json": {"schema": {"type": "array", "items": {"$ref": "#/components/schemas/Member"}}}, "text/csv": {"schema": {"type": "string"}}, "application/x-ndjson": {"schema": {"type": "string"}}}}'),
    array['invalid_filter', 'not_acceptable', 'permission_denied'], true),
('POST', '/api/v1/members/import', 'members.import', 'members', 'Invite a whole list', '[{"name": "dry_run", "in": "query", "description": "Only say what would happen.", "schema": {"type": "boolean"}}]',
    '{"required": true, "content": {"application/json": {"schema": {"type": "array", "maxItems": 1000, "items": {"type": "object", "required": ["email", "role"], "properties": {"email": {"$ref": "#/components/schemas/Email"}, "role": {"$ref": "#/components/schemas/Text"}}}}, "example": []}, "text/csv": {"schema": {"type": "string", "description": "With a header: email,role"}}}}',
    jsonb_build_object('200', ucrm.json_reply('Who was invited, and what is wrong with which row.', ucrm.data_schema(ucrm.schema_ref('ImportReport')))),
    array['invalid_filter', 'step_up_required', 'permission_denied'], true),
('GET', '/api/v1/invitations/export', 'invitations.export', 'invitations', 'Export invitations', '[{"name": "format", "in": "query", "description": "Else by Accept.", "schema": {"type": "string", "enum": ["csv", "json", "ndjson"]}}]', null,
    jsonb_build_object('200', ucrm.json_reply('All of them.', null)
        || '{"content": {"application/json": {"schema": {"type": "array", "items": {"$ref": "#/components/schemas/Invitation"}}}, "text/csv": {"schema": {"type": "string"}}, "application/x-ndjson": {"schema": {"type": "string"}}}}'),
    array['invalid_filter', 'not_acceptable', 'permission_denied'], true),
('GET', '/api/v1/settings/mail', 'settings.mail.get', 'settings', 'Read the workspace''s own mail sender', '[]', null,
    jsonb_build_object('200', ucrm.json_reply('The sender; null: the platform sends.', ucrm.data_schema('{"anyOf": [{"$ref": "#/components/schemas/MailSender"}, {"type": "null"}]}'))), '{}', true),
('PUT', '/api/v1/settings/mail', 'settings.mail.set', 'settings', 'Set the workspace''s own mail sender', '[]',
    ucrm.json_request('{"from_address": {"$ref": "#/components/schemas/Text"}, "from_name": {"type": ["string", "null"], "maxLength": 100}, "transport": {"type": ["string", "null"], "enum": ["smtp", "resend", null], "description": "smtp unless given."}, "host": {"type": ["string", "null"]}, "port": {"type": ["integer", "null"], "enum": [25, 465, 587, 2525, null]}, "tls": {"type": ["string", "null"], "enum": ["implicit", "starttls", null]}, "username": {"type": ["string", "null"]}, "secret": {"type": ["string", "null"], "description": "Password or API key. Without it the one that is there stays, as long as server and username do."}}', array['from_address'],
        '{"from_address": "hello@acme.example", "host": "smtp.acme.example"}'),
    jsonb_build_object('200', ucrm.json_reply('The sender as it is now.', ucrm.data_schema(ucrm.schema_ref('MailSender')))), array['step_up_required', 'unavailable'], true),
('DELETE', '/api/v1/settings/mail', 'settings.mail.remove', 'settings', 'Let the platform send again', '[]', null,
    jsonb_build_object('204', ucrm.json_reply('It is gone, with its secret.', null)), array['not_found', 'step_up_required'], true),
('POST', '/api/v1/settings/mail/test', 'settings.mail.test', 'settings', 'Send a test mail to oneself', '[]', null,
    jsonb_build_object('202', ucrm.json_reply('It is on its way, by that sender alone; reading the sender says what became of it.', ucrm.data_schema(ucrm.object_schema('{"id": {"type": "string", "format": "uuid"}, "recipient": {"type": "string"}, "status": {"type": "string"}}', array['id', 'recipient', 'status'])))),
    array['not_found', 'permission_denied', 'rate_limited'], true);
