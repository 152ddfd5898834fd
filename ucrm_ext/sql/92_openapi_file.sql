-- What the routes of files and events say about themselves.
insert into ucrm.tag_docs (name, description, builtin) values
('files', 'Avatars, logos: uploaded to a bucket, which says who may, and of what type and size.', true),
('events', 'What has happened, for those who ask.', true);

insert into ucrm.schema_docs (name, schema, relation, search, builtin) values
('File', '{}', 'ucrm.files', array['name'], true),
('Event', ucrm.object_schema('{"specversion": {"const": "1.0"}, "id": {"type": "string", "format": "uuid"}, "source": {"type": "string"}, "type": {"type": "string", "description": "resource.created, .updated, .deleted, .archived or .restored."}, "subject": {"type": "string", "description": "The row''s id."}, "time": {"type": "string", "format": "date-time"}, "datacontenttype": {"type": "string"}, "tenantid": {"type": "string", "format": "uuid"}, "requestid": {"type": "string", "format": "uuid"}, "data": {"type": ["object", "null"]}, "changes": {"type": ["object", "null"]}}',
    array['specversion', 'id', 'source', 'type', 'time', 'data', 'changes']) || '{"description": "CloudEvents 1.0, structured."}', null, '{}', true);

insert into ucrm.route_docs (method, template, operation, tag, summary, listed, parameters, request, responses, refusals, builtin) values
('POST', '/api/v1/files/{id}', 'files.upload', 'files', 'Upload a file', null,
    '[{"name": "id", "in": "path", "required": true, "description": "The bucket.", "schema": {"type": "string", "minLength": 1}, "example": "memberAvatars"}, {"name": "name", "in": "query", "description": "What it is called.", "schema": {"type": "string", "minLength": 1, "maxLength": 200}}]',
    '{"required": true, "content": {"image/png": {"schema": {"type": "string", "minLength": 1, "contentMediaType": "image/png"}}, "image/jpeg": {"schema": {"type": "string", "minLength": 1, "contentMediaType": "image/jpeg"}}}}',
    jsonb_build_object('201', ucrm.json_reply('The file''s metadata.', ucrm.data_schema(ucrm.schema_ref('File')), 'location')), array['permission_denied', 'key_scope_denied'], true),
('GET', '/api/v1/files', 'files.list', 'files', 'List files', 'File', ucrm.parameter_refs('page', 'limit', 'count'), null,
    jsonb_build_object('200', ucrm.json_reply('A page of metadata.', ucrm.list_schema(ucrm.schema_ref('File')))), array['invalid_filter'], true),
('GET', '/api/v1/files/{id}', 'files.download', 'files', 'Download a file', null, ucrm.parameter_refs('id', 'if-none-match'), null,
    jsonb_build_object('200', ucrm.json_reply('The bytes.', null, 'etag') || '{"content": {"*/*": {"schema": {"type": "string", "contentMediaType": "application/octet-stream"}}}}',
        '304', ucrm.json_reply('It is the one that If-None-Match names.', null, 'etag')), array['permission_denied', 'key_scope_denied'], true),
('GET', '/api/v1/files/{id}/metadata', 'files.get', 'files', 'Read a file''s metadata', null, ucrm.parameter_refs('id', 'File.fields'), null,
    jsonb_build_object('200', ucrm.json_reply('The metadata.', ucrm.data_schema(ucrm.schema_ref('File')))), array['invalid_filter'], true),
('DELETE', '/api/v1/files/{id}', 'files.delete', 'files', 'Delete a file', null, ucrm.parameter_refs('id'), null,
    jsonb_build_object('204', ucrm.json_reply('It is gone.', null)), array['permission_denied', 'key_scope_denied'], true),
('GET', '/api/v1/events', 'events.list', 'events', 'Read what has happened since', null,
    '[{"name": "after", "in": "query", "description": "`meta.next_after` of the reply before; from the beginning without it.", "schema": {"type": "string", "format": "uuid"}}, {"name": "limit", "in": "query", "schema": {"type": "integer", "minimum": 1, "maximum": 1000}}, {"name": "type", "in": "query", "description": "Types, comma-separated.", "schema": {"type": "string"}, "example": "contacts.created"}, {"name": "resource", "in": "query", "description": "Resources, comma-separated.", "schema": {"type": "string"}}]', null,
    jsonb_build_object('200', ucrm.json_reply('Each event once, none skipped, the oldest first.', ucrm.object_schema('{"data": {"type": "array", "items": {"$ref": "#/components/schemas/Event"}}, "meta": {"type": "object"}}', array['data', 'meta']))),
    array['invalid_filter'], true);
