-- What the routes of time travel and undo say about themselves.
insert into ucrm.schema_docs (name, schema, relation, builtin) values
('RowVersion', ucrm.object_schema('{"version": {"type": "string", "format": "uuid", "description": "Names what the row was after it."}, "at": {"type": "string", "format": "date-time"}, "action": {"enum": ["create", "update", "delete", "archive", "restore"]}, "actor_kind": {"type": "string"}, "user_id": {"type": ["string", "null"], "format": "uuid"}, "impersonator_id": {"type": ["string", "null"], "format": "uuid"}, "api_key_prefix": {"type": ["string", "null"]}, "db_login": {"type": "string"}, "request_id": {"type": ["string", "null"], "format": "uuid"}, "changed": {"type": ["array", "null"], "items": {"type": "string"}}, "before": {"type": ["object", "null"]}, "after": {"type": ["object", "null"]}}',
    array['version', 'at', 'action', 'actor_kind', 'before', 'after']) || '{"description": "One change of a row: who, when, what, and the row before and after, by the columns the table had."}', null, true);

insert into ucrm.route_docs (method, template, operation, tag, summary, listed, parameters, request, responses, refusals, builtin) values
('GET', '/api/v1/{resource}/{id}/history', '{resource}.history', null, 'Read the versions of one of {resource}', null,
    ucrm.parameter_refs('{resource}.id') || '[{"name": "limit", "in": "query", "description": "25 unless given.", "schema": {"type": "integer", "minimum": 1, "maximum": 100}}, {"name": "before", "in": "query", "description": "`meta.next_before` of the reply before; from the newest without it.", "schema": {"type": "string", "format": "uuid"}}]', null,
    jsonb_build_object('200', ucrm.json_reply('Its versions, the newest first; of a deleted row too.', ucrm.object_schema('{"data": {"type": "array", "items": {"$ref": "#/components/schemas/RowVersion"}}, "meta": {"type": "object", "properties": {"next_before": {"type": "string", "format": "uuid"}}}}', array['data', 'meta']))),
    array['invalid_filter', 'permission_denied', 'key_scope_denied', 'not_found'], true),
('GET', '/api/v1/{resource}/{id}/as_of', '{resource}.get_as_of', null, 'Read one of {resource} as it was at a moment', null,
    ucrm.parameter_refs('{resource}.id') || '[{"name": "moment", "in": "query", "required": true, "description": "RFC 3339, with its offset.", "schema": {"type": "string", "format": "date-time"}}]', null,
    jsonb_build_object('200', ucrm.json_reply('The row as it was, by the columns its table had.', ucrm.data_schema('{"type": "object"}'))),
    array['invalid_filter', 'permission_denied', 'key_scope_denied', 'not_found', 'moment_unknown'], true),
('GET', '/api/v1/{resource}/as_of', '{resource}.list_as_of', null, 'List {resource} as they were at a moment', null,
    '[{"name": "moment", "in": "query", "required": true, "description": "RFC 3339, with its offset.", "schema": {"type": "string", "format": "date-time"}}, {"name": "limit", "in": "query", "description": "25 unless given.", "schema": {"type": "integer", "minimum": 1, "maximum": 100}}, {"name": "after", "in": "query", "description": "`meta.next_after` of the reply before.", "schema": {"type": "string"}}]', null,
    jsonb_build_object('200', ucrm.json_reply('Rows as they were, by the columns their table had, in the order of their keys.', ucrm.object_schema('{"data": {"type": "array", "items": {"type": "object"}}, "meta": {"type": "object", "properties": {"next_after": {"type": "string"}}}}', array['data', 'meta']))),
    array['invalid_filter', 'permission_denied', 'key_scope_denied', 'moment_unknown'], true),
('POST', '/api/v1/{resource}/{id}/revert', '{resource}.revert', null, 'Make one of {resource} what it was in one of its versions', null,
    ucrm.parameter_refs('{resource}.id', 'if-match', 'idempotency-key'),
    ucrm.json_request('{"version": {"type": "string", "format": "uuid", "description": "Of its history."}}', array['version']),
    jsonb_build_object('200', ucrm.json_reply('The row as it is now.', ucrm.data_schema(ucrm.schema_ref('{resource}')), 'etag'),
        '201', ucrm.json_reply('It was deleted, and is there again, with its id.', ucrm.data_schema(ucrm.schema_ref('{resource}')), 'etag')),
    array['permission_denied', 'key_scope_denied', 'not_found', 'not_undoable', 'version_conflict', 'duplicate', 'idempotency_in_progress', 'idempotency_mismatch'], true),
('POST', '/api/v1/audit_logs/undo', 'audit_logs.undo', 'audit_logs', 'Undo everything that one request did', null,
    ucrm.parameter_refs('idempotency-key'),
    ucrm.json_request('{"request_id": {"type": "string", "format": "uuid", "description": "`x-request-id` of its reply, or `request_id` of its audit rows."}}', array['request_id']),
    jsonb_build_object('200', ucrm.json_reply('What was undone, the last change first; all of it. It is a request of its own, and can be undone.', ucrm.object_schema('{"data": {"type": "array", "items": {"type": "object", "required": ["resource", "record_id", "undone"], "properties": {"resource": {"type": "string"}, "record_id": {"type": "string"}, "undone": {"enum": ["create", "update", "delete", "archive", "restore"]}}}}, "meta": {"type": "object", "properties": {"total": {"type": "integer"}}}}', array['data', 'meta']))),
    array['permission_denied', 'key_scope_denied', 'not_found', 'changed_since', 'not_undoable', 'duplicate', 'idempotency_in_progress', 'idempotency_mismatch'], true);
