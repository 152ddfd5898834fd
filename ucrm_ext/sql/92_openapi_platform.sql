-- What the platform admins' routes say about themselves.
insert into ucrm.tag_docs (name, description, builtin) values
('platform', 'For platform admins: every workspace, and whom they act as.', true);

insert into ucrm.schema_docs (name, schema, relation, reader, search, builtin) values
('PlatformWorkspace', '{"properties": {"status_note": {"type": ["string", "null"], "description": "Private to the platform."}, "owners": {"type": "array", "items": {"type": "object", "required": ["id", "name", "email", "email_verified", "disabled"], "properties": {"id": {"type": "string", "format": "uuid"}, "name": {"type": "string"}, "email": {"type": "string"}, "email_verified": {"type": "boolean"}, "disabled": {"type": "boolean"}}}}}}',
    'ucrm.platform_workspaces', 'ucrm_owner', array['slug', 'name', 'external_id'], true),
('PlatformImpersonation', '{}', 'ucrm.platform_impersonations', 'ucrm_owner', array['admin_email', 'user_email', 'workspace_slug', 'reason'], true);

insert into ucrm.route_docs (method, template, operation, tag, summary, listed, parameters, request, responses, refusals, builtin) values
('GET', '/api/v1/admin/workspaces', 'admin.workspaces', 'platform', 'List all workspaces', 'PlatformWorkspace', ucrm.parameter_refs('page', 'limit', 'count'), null,
    jsonb_build_object('200', ucrm.json_reply('A page of them, the newest first.', ucrm.list_schema(ucrm.schema_ref('PlatformWorkspace')))), array['invalid_filter'], true),
('GET', '/api/v1/admin/workspaces/{id}', 'admin.workspace', 'platform', 'Read a workspace', null, ucrm.parameter_refs('workspace'), null,
    jsonb_build_object('200', ucrm.json_reply('The workspace and its owners.', ucrm.data_schema(ucrm.schema_ref('PlatformWorkspace')))), '{}', true),
('PATCH', '/api/v1/admin/workspaces/{id}/approval', 'admin.approve', 'platform', 'Approve, reject or suspend a workspace', null, ucrm.parameter_refs('workspace'),
    ucrm.json_request('{"status": {"type": "string", "enum": ["approved", "rejected", "suspended"]}, "note": {"type": ["string", "null"], "description": "Private to the platform."}}', array['status'], '{"status": "approved", "note": "checked"}'),
    jsonb_build_object('200', ucrm.json_reply('The workspace as it is now.', ucrm.data_schema(ucrm.schema_ref('Workspace')))), array['invalid_transition'], true),
('GET', '/api/v1/admin/workspaces/{id}/export', 'admin.export', 'platform', 'Export a workspace', null, ucrm.parameter_refs('workspace'), null,
    jsonb_build_object('200', ucrm.json_reply('Every row of it, a line each.', null) || '{"content": {"application/x-ndjson": {"schema": {"type": "string"}}}}'), '{}', true),
('DELETE', '/api/v1/admin/workspaces/{id}', 'admin.erase', 'platform', 'Erase a workspace', null, ucrm.parameter_refs('workspace'), null,
    jsonb_build_object('204', ucrm.json_reply('It is gone, with every row of it.', null)), '{}', true),
('POST', '/api/v1/admin/workspaces/restore', 'admin.restore', 'platform', 'Restore a workspace from its export', null, '[]',
    '{"required": true, "content": {"application/x-ndjson": {"schema": {"type": "string"}}}}',
    jsonb_build_object('201', ucrm.json_reply('It is there again.', ucrm.data_schema(ucrm.object_schema('{"tenant_id": {"type": "string", "format": "uuid"}, "rows": {"type": "integer"}}', array['tenant_id', 'rows'])), 'location')), array['duplicate'], true),
('GET', '/api/v1/admin/impersonations', 'admin.impersonations', 'platform', 'List impersonations', 'PlatformImpersonation', ucrm.parameter_refs('page', 'limit', 'count'), null,
    jsonb_build_object('200', ucrm.json_reply('A page of them, the newest first.', ucrm.list_schema(ucrm.schema_ref('PlatformImpersonation')))), array['invalid_filter'], true),
('GET', '/api/v1/admin/impersonations/{id}', 'admin.impersonation', 'platform', 'Read an impersonation', null, ucrm.parameter_refs('id', 'PlatformImpersonation.fields'), null,
    jsonb_build_object('200', ucrm.json_reply('The impersonation.', ucrm.data_schema(ucrm.schema_ref('PlatformImpersonation')))), array['invalid_filter'], true),
('POST', '/api/v1/admin/impersonations', 'admin.impersonate', 'platform', 'Look at a workspace as one of its members', null, '[]',
    ucrm.json_request('{"user_id": {"type": "string", "format": "uuid"}, "tenant_id": {"type": "string", "minLength": 1, "description": "Id or slug."}, "reason": {"type": "string", "minLength": 10, "maxLength": 500, "description": "The workspace reads it."}}', array['user_id', 'tenant_id', 'reason']),
    jsonb_build_object('201', ucrm.json_reply('A session''s secret, shown this once: an hour, read-only.', ucrm.data_schema(
        '{"allOf": [{"$ref": "#/components/schemas/PlatformImpersonation"}, {"type": "object", "required": ["id", "secret"], "properties": {"secret": {"type": "string"}}}]}'), 'location')), array['not_found'], true),
('DELETE', '/api/v1/admin/impersonations/{id}', 'admin.end_impersonation', 'platform', 'End an impersonation', null, ucrm.parameter_refs('id'), null,
    jsonb_build_object('204', ucrm.json_reply('It is over at once.', null)), '{}', true),
('POST', '/api/v1/internal/tenants', 'internal.provision', 'platform', 'Provision a workspace', null, '[]',
    ucrm.json_request('{"name": {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "[^ ]"}, "slug": {"type": "string", "pattern": "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"}, "admin_email": {"$ref": "#/components/schemas/Email"}, "adminEmail": {"type": "string", "deprecated": true}, "plan": {"type": ["string", "null"], "pattern": "^[a-z][a-z0-9_]{0,30}$"}}', array['name', 'slug', 'admin_email'],
        '{"name": "Soylent", "slug": "soylent", "admin_email": "boss@soylent.example", "plan": "free"}'),
    jsonb_build_object('201', ucrm.json_reply('The first key is shown this once.', ucrm.data_schema(ucrm.object_schema(
        '{"tenant": {"$ref": "#/components/schemas/Workspace"}, "admin": {"type": "object", "required": ["id", "email", "created"], "properties": {"id": {"type": "string", "format": "uuid"}, "email": {"type": "string"}, "created": {"type": "boolean"}}}, "api_key": {"type": "object", "required": ["id", "prefix", "secret"], "properties": {"id": {"type": "string", "format": "uuid"}, "prefix": {"type": "string"}, "secret": {"type": "string"}}}, "webhook_secret": {"type": ["string", "null"]}}', array['tenant', 'admin', 'api_key', 'webhook_secret'])), 'location')), array['slug_taken'], true);
