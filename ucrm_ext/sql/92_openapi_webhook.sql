-- What the routes of webhooks say about themselves.
insert into ucrm.tag_docs (name, description, builtin) values
('webhooks', 'Where the workspace is told of what happens in it: Standard Webhooks, CloudEvents inside.', true);

insert into ucrm.schema_docs (name, schema, relation, reader, search, archived, builtin) values
('Webhook', '{"properties": {"status": {"type": "string", "enum": ["active", "paused", "disabled"]}, "disabled_reason": {"type": ["string", "null"], "enum": ["gone", "failing", null], "description": "It answered 410, or nothing good for five days."}, "events": {"$ref": "#/components/schemas/EventFilters"}}}', 'ucrm.webhooks', 'ucrm_app', array['url', 'description'], '', true),
('EventFilters', '{"type": "array", "minItems": 1, "maxItems": 50, "items": {"type": "string", "pattern": "^(\\*|(\\*|[a-z][a-z0-9_]*)\\.(\\*|[a-z][a-z0-9_]*))$"}, "description": "*, contacts.*, *.deleted or contacts.created.", "examples": [["contacts.*", "deals.created"]]}', null, 'ucrm_app', '{}', '', true),
('WebhookWithSecret', '{"allOf": [{"$ref": "#/components/schemas/Webhook"}, {"type": "object", "required": ["id", "secret"], "properties": {"secret": {"type": "string", "pattern": "^whsec_"}}}]}', null, 'ucrm_app', '{}', '', true),
('Delivery', '{"properties": {"status": {"type": "string", "enum": ["held", "pending", "sending", "delivered", "failed"], "description": "held: another delivery of the same record is before it."}, "event_id": {"type": "string", "format": "uuid", "description": "The message''s webhook-id."}}}', 'ucrm.webhook_deliveries', 'ucrm_app', array['type'], '', true);

insert into ucrm.route_docs (method, template, operation, tag, summary, listed, parameters, request, responses, refusals, builtin) values
('GET', '/api/v1/webhooks', 'webhooks.list', 'webhooks', 'List webhooks', 'Webhook', ucrm.parameter_refs('page', 'limit', 'count'), null,
    jsonb_build_object('200', ucrm.json_reply('A page of webhooks.', ucrm.list_schema(ucrm.schema_ref('Webhook')))), array['invalid_filter'], true),
('GET', '/api/v1/webhooks/{id}', 'webhooks.get', 'webhooks', 'Read a webhook', null, ucrm.parameter_refs('id', 'Webhook.fields'), null,
    jsonb_build_object('200', ucrm.json_reply('The webhook.', ucrm.data_schema(ucrm.schema_ref('Webhook')))), array['invalid_filter'], true),
('POST', '/api/v1/webhooks', 'webhooks.create', 'webhooks', 'Make a webhook', null, '[]',
    ucrm.json_request('{"url": {"type": "string", "minLength": 1, "maxLength": 2000, "pattern": "^https://", "description": "https, to the internet."}, "description": {"type": ["string", "null"], "maxLength": 500}, "events": {"$ref": "#/components/schemas/EventFilters"}, "workspace_secret": {"type": ["boolean", "null"], "description": "Sign with the workspace''s own secret, which provisioning showed, instead of a new one."}}', array['url'],
        '{"url": "https://hooks.acme.example/ucrm", "description": "To the warehouse", "events": ["contacts.*"]}'),
    jsonb_build_object('201', ucrm.json_reply('The webhook and its secret.', ucrm.data_schema(ucrm.schema_ref('WebhookWithSecret')), 'location')), array['grant_ceiling', 'webhook_limit', 'step_up_required', 'unavailable'], true),
('PATCH', '/api/v1/webhooks/{id}', 'webhooks.update', 'webhooks', 'Change a webhook', null, ucrm.parameter_refs('id'),
    ucrm.json_request('{"url": {"type": "string", "minLength": 1, "maxLength": 2000, "pattern": "^https://"}, "description": {"type": ["string", "null"], "maxLength": 500}, "events": {"$ref": "#/components/schemas/EventFilters"}, "status": {"type": "string", "enum": ["active", "paused"]}}', example => '{"events": ["contacts.*", "deals.created"]}'),
    jsonb_build_object('200', ucrm.json_reply('The webhook as it is now.', ucrm.data_schema(ucrm.schema_ref('Webhook')))), array['grant_ceiling', 'step_up_required'], true),
('DELETE', '/api/v1/webhooks/{id}', 'webhooks.delete', 'webhooks', 'Delete a webhook', null, ucrm.parameter_refs('id'), null,
    jsonb_build_object('204', ucrm.json_reply('It is gone, with its deliveries.', null)), '{}', true),
('POST', '/api/v1/webhooks/{id}/pause', 'webhooks.pause', 'webhooks', 'Let events wait', null, ucrm.parameter_refs('id'), null,
    jsonb_build_object('200', ucrm.json_reply('The webhook as it is now.', ucrm.data_schema(ucrm.schema_ref('Webhook')))), '{}', true),
('POST', '/api/v1/webhooks/{id}/resume', 'webhooks.resume', 'webhooks', 'Go on', null, ucrm.parameter_refs('id'), null,
    jsonb_build_object('200', ucrm.json_reply('The webhook as it is now.', ucrm.data_schema(ucrm.schema_ref('Webhook')))), '{}', true),
('POST', '/api/v1/webhooks/{id}/rotate', 'webhooks.rotate', 'webhooks', 'Replace its secret', null, ucrm.parameter_refs('id'),
    ucrm.json_request('{"overlap_hours": {"type": "integer", "minimum": 0, "maximum": 168, "default": 24, "description": "So long both secrets sign."}}', example => '{"overlap_hours": 24}', body_required => false),
    jsonb_build_object('200', ucrm.json_reply('The webhook and its new secret.', ucrm.data_schema(ucrm.schema_ref('WebhookWithSecret')))), array['step_up_required', 'unavailable'], true),
('GET', '/api/v1/webhooks/{id}/secret', 'webhooks.secret', 'webhooks', 'Show its secret', null, ucrm.parameter_refs('id'), null,
    jsonb_build_object('200', ucrm.json_reply('The secret, and the one before while it signs too.', ucrm.data_schema(ucrm.object_schema(
        '{"secret": {"type": "string"}, "previous_secret": {"type": ["string", "null"]}, "previous_secret_until": {"type": ["string", "null"], "format": "date-time"}}', array['secret', 'previous_secret', 'previous_secret_until'])))),
    array['step_up_required', 'unavailable'], true),
('POST', '/api/v1/webhooks/{id}/test', 'webhooks.test', 'webhooks', 'Send a test message', null, ucrm.parameter_refs('id'), null,
    jsonb_build_object('202', ucrm.json_reply('It is on its way.', ucrm.data_schema(ucrm.schema_ref('Delivery')))), array['webhook_inactive'], true),
('GET', '/api/v1/webhooks/{id}/deliveries', 'webhooks.deliveries.list', 'webhooks', 'List its deliveries', 'Delivery', ucrm.parameter_refs('id', 'page', 'limit', 'count'), null,
    jsonb_build_object('200', ucrm.json_reply('A page of deliveries, the latest first.', ucrm.list_schema(ucrm.schema_ref('Delivery')))), array['invalid_filter'], true),
('GET', '/api/v1/webhook_deliveries/{id}', 'webhooks.deliveries.get', 'webhooks', 'Read a delivery', null, ucrm.parameter_refs('id', 'Delivery.fields'), null,
    jsonb_build_object('200', ucrm.json_reply('The delivery.', ucrm.data_schema(ucrm.schema_ref('Delivery')))), array['invalid_filter'], true),
('POST', '/api/v1/webhook_deliveries/{id}/resend', 'webhooks.deliveries.resend', 'webhooks', 'Send it again', null, ucrm.parameter_refs('id'), null,
    jsonb_build_object('202', ucrm.json_reply('It is on its way, with the same webhook-id.', ucrm.data_schema(ucrm.schema_ref('Delivery')))), array['webhook_inactive'], true);
