-- One HTTP request, one statement: what comes back for whom, by status and code. As the gateway's login, which asks
-- ucrm.refused() when ucrm.handle() raises.
\ir scene.psql
\ir gateway.psql

-- Requests, each in a transaction of its own.
create temporary table requests (
    n integer generated always as identity, name text, key_name text, method text, path text, body text, status integer, code text,
    query text default '', headers jsonb, done text
);
insert into requests (name, key_name, method, path, body, status, code)
select 'a credential that is ' || k, k, 'GET', '/api/v1/contacts', null, 401, 'unauthenticated'
from unnest(array['unknown', 'malformed', 'a token', 'none', 'revoked', 'expired', 'secret as key']) as k;
insert into requests (name, key_name, method, path, body, status, code) values
('no credential does not learn which paths exist', 'none', 'GET', '/api/v1/nothing', null, 401, 'unauthenticated'),
('an owner lists', 'ada', 'GET', '/api/v1/contacts', null, 200, null),
('an agent lists', 'alan', 'GET', '/api/v1/contacts', null, 200, null),
('a reader lists', 'rita', 'GET', '/api/v1/contacts', null, 200, null),
('a reader creates', 'rita', 'POST', '/api/v1/contacts', '{"name": "x"}', 403, 'permission_denied'),
('a service key lists', 'service', 'GET', '/api/v1/contacts', null, 200, null),
('a service key creates', 'service', 'POST', '/api/v1/contacts', '{"name": "x"}', 201, null),
('a service key reads no audit log', 'service', 'GET', '/api/v1/audit_logs', null, 403, 'permission_denied'),
('an agent reads no audit log', 'alan', 'GET', '/api/v1/audit_logs', null, 403, 'permission_denied'),
('an owner reads the audit log', 'ada', 'GET', '/api/v1/audit_logs', null, 200, null),
('a scoped key reads', 'scoped', 'GET', '/api/v1/contacts', null, 200, null),
('and reads nothing else', 'scoped', 'GET', '/api/v1/organizations', null, 403, 'key_scope_denied'),
('and does not create', 'scoped', 'POST', '/api/v1/contacts', '{"name": "x"}', 403, 'key_scope_denied'),
('a scoped service key reads', 'scoped service', 'GET', '/api/v1/contacts', null, 200, null),
('and does not create', 'scoped service', 'POST', '/api/v1/contacts', '{"name": "x"}', 403, 'key_scope_denied'),
('scopes give nothing that the owner has not', 'beyond', 'POST', '/api/v1/contacts', '{"name": "x"}', 403, 'permission_denied'),
('a read-only key reads', 'read only', 'GET', '/api/v1/contacts', null, 200, null),
('and does not create', 'read only', 'POST', '/api/v1/contacts', '{"name": "x"}', 403, 'key_scope_denied'),
('and does not delete the workspace', 'read only', 'DELETE', '/api/v1/tenant', null, 403, 'key_scope_denied'),
('a key of somebody who is no member', 'stranger', 'GET', '/api/v1/contacts', null, 403, 'not_a_member'),
('a disabled member', 'dora', 'GET', '/api/v1/contacts', null, 403, 'member_disabled'),
('an unverified member reads', 'una', 'GET', '/api/v1/contacts', null, 200, null),
('an unverified member writes', 'una', 'POST', '/api/v1/contacts', '{"name": "x"}', 403, 'email_unverified'),
('a waiting workspace reads', 'penny', 'GET', '/api/v1/contacts', null, 200, null),
('a waiting workspace writes', 'penny', 'POST', '/api/v1/contacts', '{"name": "x"}', 403, 'workspace_pending_approval'),
('a rejected workspace reads', 'rex', 'GET', '/api/v1/contacts', null, 403, 'workspace_rejected'),
('a suspended workspace reads', 'sue', 'GET', '/api/v1/contacts', null, 403, 'workspace_suspended'),
('a suspended workspace writes', 'sue', 'POST', '/api/v1/contacts', '{"name": "x"}', 403, 'workspace_suspended'),
('a suspended workspace sees its bill', 'sue', 'GET', '/api/v1/billing/state', null, 200, null),
('and can leave', 'sue', 'DELETE', '/api/v1/tenant', null, 204, null),
('and asks why', 'sue', 'GET', '/api/v1/why', null, 200, null),
('an expired workspace reads', 'eve', 'GET', '/api/v1/contacts', null, 200, null),
('an expired workspace creates', 'eve', 'POST', '/api/v1/contacts', '{"name": "x"}', 402, 'trial_expired'),
('an expired workspace updates', 'eve', 'PATCH', '/api/v1/contacts/01a00000-0000-7000-8000-000000000000', '{"name": "x"}', 402, 'trial_expired'),
('an expired workspace deletes', 'eve', 'DELETE', '/api/v1/contacts/01a00000-0000-7000-8000-000000000000', null, 402, 'trial_expired'),
('the service of an expired workspace creates', 'service of stark', 'POST', '/api/v1/contacts', '{"name": "x"}', 402, 'trial_expired'),
('who cannot create is told so before his body is read', 'rita', 'POST', '/api/v1/contacts', 'no json', 403, 'permission_denied'),
('an unknown path', 'ada', 'GET', '/api/v2/contacts', null, 404, 'not_found'),
('an unknown resource', 'ada', 'GET', '/api/v1/nothings', null, 404, 'not_found'),
('a table of the house is no resource', 'ada', 'GET', '/api/v1/tenant_memberships', null, 404, 'not_found'),
('nor is people', 'ada', 'GET', '/api/v1/users', null, 404, 'not_found'),
('a path that ends in a slash', 'ada', 'GET', '/api/v1/contacts/', null, 404, 'not_found'),
('a percent-encoded path', 'ada', 'GET', '/api/v1/%63ontacts', null, 200, null),
('a malformed path', 'ada', 'GET', '/api/v1/%zz', null, 404, 'not_found'),
('a NUL in a path', 'ada', 'GET', '/api/v1/contacts/%00', null, 404, 'not_found'),
('an id that is none', 'ada', 'GET', '/api/v1/contacts/1', null, 404, 'not_found'),
('an id of nobody', 'ada', 'GET', '/api/v1/contacts/01a00000-0000-7000-8000-000000000000', null, 404, 'not_found'),
('an id of nobody, changed', 'ada', 'PATCH', '/api/v1/contacts/01a00000-0000-7000-8000-000000000000', '{"name": "x"}', 404, 'not_found'),
('an id of nobody, deleted', 'ada', 'DELETE', '/api/v1/contacts/01a00000-0000-7000-8000-000000000000', null, 404, 'not_found'),
('PUT on a list', 'ada', 'PUT', '/api/v1/contacts', '{}', 405, 'method_not_allowed'),
('PUT on a row', 'ada', 'PUT', '/api/v1/contacts/01a00000-0000-7000-8000-000000000000', '{}', 405, 'method_not_allowed'),
('PUT on a list', 'ada', 'PUT', '/api/v1/contacts', null, 405, 'method_not_allowed'),
('DELETE on a list names ids', 'ada', 'DELETE', '/api/v1/contacts', null, 400, 'ids_required'),
('PATCH on a list names ids', 'ada', 'PATCH', '/api/v1/contacts', null, 400, 'ids_required'),
('a history of nobody', 'ada', 'GET', '/api/v1/contacts/01a00000-0000-7000-8000-00000000ffff/history', null, 404, 'not_found'),
('an agent reads no history', 'alan', 'GET', '/api/v1/contacts/01a00000-0000-7000-8000-00000000ffff/history', null, 403, 'permission_denied'),
('a past without a moment', 'ada', 'GET', '/api/v1/contacts/01a00000-0000-7000-8000-00000000ffff/as_of', null, 400, 'invalid_filter'),
('pasts without a moment', 'ada', 'GET', '/api/v1/contacts/as_of', null, 400, 'invalid_filter'),
('a version of nobody', 'ada', 'POST', '/api/v1/contacts/01a00000-0000-7000-8000-00000000ffff/revert', '{"version": "01a00000-0000-7000-8000-00000000ffff"}', 404, 'not_found'),
('no version', 'ada', 'POST', '/api/v1/contacts/01a00000-0000-7000-8000-00000000ffff/revert', '{}', 422, 'validation_failed'),
('a reader reverts nothing', 'rita', 'POST', '/api/v1/contacts/01a00000-0000-7000-8000-00000000ffff/revert', '{"version": "01a00000-0000-7000-8000-00000000ffff"}', 403, 'permission_denied'),
('a request of nobody is not undone', 'ada', 'POST', '/api/v1/audit_logs/undo', '{"request_id": "01a00000-0000-7000-8000-00000000ffff"}', 404, 'not_found'),
('nor none', 'ada', 'POST', '/api/v1/audit_logs/undo', '{"request_id": "x"}', 422, 'validation_failed'),
('an agent undoes nothing', 'alan', 'POST', '/api/v1/audit_logs/undo', '{"request_id": "01a00000-0000-7000-8000-00000000ffff"}', 403, 'permission_denied'),
('nobody archives what is not there', 'ada', 'POST', '/api/v1/contacts/01a00000-0000-7000-8000-00000000ffff/archive', null, 404, 'not_found'),
('nor restores it', 'ada', 'POST', '/api/v1/contacts/01a00000-0000-7000-8000-00000000ffff/restore', null, 404, 'not_found'),
('a relation that is not there', 'ada', 'GET', '/api/v1/contacts/01a00000-0000-7000-8000-00000000ffff/friends', null, 404, 'not_found'),
('nor is it added to', 'ada', 'PUT', '/api/v1/contacts/01a00000-0000-7000-8000-00000000ffff/friends', '{"ids": []}', 404, 'not_found'),
('nor taken from', 'ada', 'DELETE', '/api/v1/contacts/01a00000-0000-7000-8000-00000000ffff/friends', '{"ids": []}', 404, 'not_found'),
('a relation that is a column', 'ada', 'PUT', '/api/v1/contacts/01a00000-0000-7000-8000-00000000ffff/organization', '{"ids": []}', 400, 'unsupported'),
('an import of nothing in particular', 'ada', 'POST', '/api/v1/contacts/import', 'name', 415, 'unsupported_media_type'),
('a reader imports nothing', 'rita', 'POST', '/api/v1/contacts/import', 'name', 403, 'permission_denied'),
('an export', 'ada', 'GET', '/api/v1/contacts/export', null, 200, null),
('a scoped key exports nothing', 'scoped', 'GET', '/api/v1/contacts/export', null, 403, 'key_scope_denied'),
('a method of nobody''s', 'ada', 'BREW', '/api/v1/contacts', null, 405, 'method_not_allowed'),
('no body', 'ada', 'POST', '/api/v1/contacts', null, 400, 'invalid_json'),
('a body that is no JSON', 'ada', 'POST', '/api/v1/contacts', '{', 400, 'invalid_json'),
('a body that is no object', 'ada', 'POST', '/api/v1/contacts', '"x"', 400, 'invalid_json'),
('a body that says something twice', 'ada', 'POST', '/api/v1/contacts', '{"name": "x", "name": "y"}', 400, 'invalid_json'),
('a body with a NUL', 'ada', 'POST', '/api/v1/contacts', '{"name": "\u0000"}', 400, 'invalid_json'),
('an unknown field', 'ada', 'POST', '/api/v1/contacts', '{"name": "x", "nothing": 1}', 400, 'unknown_field'),
('a field that is not assignable: tenant_id', 'ada', 'POST', '/api/v1/contacts', '{"name": "x", "tenant_id": "01a00000-0000-7000-8000-000000000000"}', 400, 'unknown_field'),
('a field that is not assignable: id', 'ada', 'POST', '/api/v1/contacts', '{"name": "x", "id": "01a00000-0000-7000-8000-000000000000"}', 400, 'unknown_field'),
('a field that is not assignable: created_at', 'ada', 'POST', '/api/v1/contacts', '{"name": "x", "created_at": "2020-01-01T00:00:00Z"}', 400, 'unknown_field'),
('somebody else''s ownership', 'ada', 'POST', '/api/v1/contacts', '{"name": "x", "owner_id": "01a00000-0000-7000-8000-000000000000"}', 400, 'unknown_field'),
('a missing name', 'ada', 'POST', '/api/v1/contacts', '{"email": "x@y.example"}', 422, 'validation_failed'),
('an impossible stage', 'ada', 'POST', '/api/v1/contacts', '{"name": "x", "stage": "maybe"}', 422, 'validation_failed'),
('an organization of nobody', 'ada', 'POST', '/api/v1/contacts', '{"name": "x", "organization_id": "01a00000-0000-7000-8000-000000000000"}', 422, 'validation_failed'),
('a wrong type', 'ada', 'POST', '/api/v1/contacts', '{"name": 1}', 422, 'validation_failed'),
('a platform admin lists workspaces', 'platform', 'GET', '/api/v1/admin/workspaces', null, 200, null),
('a platform admin has no contacts', 'platform', 'GET', '/api/v1/contacts', null, 403, 'not_a_member'),
('an owner is no platform admin', 'ada', 'GET', '/api/v1/admin/workspaces', null, 403, 'permission_denied'),
('nor is a service key', 'service', 'GET', '/api/v1/admin/workspaces', null, 403, 'permission_denied'),
('without an internal secret the internal routes do not exist', 'ada', 'POST', '/api/v1/internal/tenants', '{}', 404, 'not_found'),
('a platform admin may provision', 'platform', 'POST', '/api/v1/internal/tenants', '{"slug": "wonka", "name": "Wonka", "adminEmail": "willy@wonka.example"}', 201, null),
('a slug that is taken', 'platform', 'POST', '/api/v1/internal/tenants', '{"slug": "acme", "name": "Wonka", "admin_email": "willy@wonka.example"}', 409, 'slug_taken'),
('an internal secret while none is set', 'internal', 'POST', '/api/v1/internal/tenants', '{}', 404, 'not_found'),
('why', 'ada', 'GET', '/api/v1/why', null, 200, null),
('the session', 'rita', 'GET', '/api/v1/session', null, 200, null),
('the registry', 'rita', 'GET', '/api/v1/permissions', null, 200, null);
-- The team.
insert into requests (name, key_name, method, path, body, status, code) values
('an owner reads the members', 'ada', 'GET', '/api/v1/members', null, 200, null),
('a reader does not', 'rita', 'GET', '/api/v1/members', null, 403, 'permission_denied'),
('an agent completes names', 'alan', 'GET', '/api/v1/members/autocomplete', null, 200, null),
('a reader does not complete names', 'rita', 'GET', '/api/v1/members/autocomplete', null, 403, 'permission_denied'),
('a member who is none', 'ada', 'GET', '/api/v1/members/01a00000-0000-7000-8000-000000000000', null, 404, 'not_found'),
('a member who is none, changed', 'ada', 'PATCH', '/api/v1/members/01a00000-0000-7000-8000-000000000000', '{"role": "reader"}', 404, 'not_found'),
('an agent changes no member', 'alan', 'PATCH', '/api/v1/members/01a00000-0000-7000-8000-000000000000', '{"role": "reader"}', 403, 'permission_denied'),
('a member who is none, removed', 'ada', 'DELETE', '/api/v1/members/01a00000-0000-7000-8000-000000000000', null, 404, 'not_found'),
('an agent removes nobody', 'alan', 'DELETE', '/api/v1/members/01a00000-0000-7000-8000-000000000000', null, 403, 'permission_denied'),
('an owner reads the invitations', 'ada', 'GET', '/api/v1/invitations', null, 200, null),
('an agent does not', 'alan', 'GET', '/api/v1/invitations', null, 403, 'permission_denied'),
('an owner invites', 'ada', 'POST', '/api/v1/invitations', '{"email": "new@acme.example", "role": "agent"}', 201, null),
('an agent does not invite', 'alan', 'POST', '/api/v1/invitations', '{"email": "new@acme.example", "role": "agent"}', 403, 'permission_denied'),
('a service key does not invite', 'service', 'POST', '/api/v1/invitations', '{"email": "new@acme.example", "role": "agent"}', 403, 'permission_denied'),
('a waiting workspace does not invite', 'penny', 'POST', '/api/v1/invitations', '{"email": "new@acme.example", "role": "agent"}', 403, 'workspace_pending_approval'),
('an invitation to a throw-away address', 'ada', 'POST', '/api/v1/invitations', '{"email": "x@mailinator.com", "role": "agent"}', 400, 'disposable_email'),
('an invitation to no role', 'ada', 'POST', '/api/v1/invitations', '{"email": "new@acme.example", "role": "king"}', 422, 'validation_failed'),
('an invitation to no address', 'ada', 'POST', '/api/v1/invitations', '{"email": "new", "role": "agent"}', 422, 'validation_failed'),
('an invitation of a member', 'ada', 'POST', '/api/v1/invitations', '{"email": "ALAN@acme.example", "role": "agent"}', 409, 'duplicate'),
('an invitation that is none', 'ada', 'GET', '/api/v1/invitations/01a00000-0000-7000-8000-000000000000', null, 404, 'not_found'),
('an invitation that is none, sent again', 'ada', 'POST', '/api/v1/invitations/01a00000-0000-7000-8000-000000000000/resend', null, 404, 'not_found'),
('an invitation that is none, cancelled', 'ada', 'DELETE', '/api/v1/invitations/01a00000-0000-7000-8000-000000000000', null, 404, 'not_found'),
('an owner reads the roles', 'ada', 'GET', '/api/v1/roles', null, 200, null),
('one of them', 'ada', 'GET', '/api/v1/roles/agent', null, 200, null),
('an agent reads no roles', 'alan', 'GET', '/api/v1/roles', null, 403, 'permission_denied'),
('a role that is none', 'ada', 'GET', '/api/v1/roles/king', null, 404, 'not_found'),
('an owner makes a role', 'ada', 'POST', '/api/v1/roles', '{"name": "clerk", "permissions": ["contacts:read"]}', 201, null),
('a role of permissions that are none', 'ada', 'POST', '/api/v1/roles', '{"name": "clerk", "permissions": ["contacts:fly"]}', 422, 'validation_failed'),
('a built-in role is not made', 'ada', 'POST', '/api/v1/roles', '{"name": "owner"}', 422, 'validation_failed'),
('nor changed', 'ada', 'PATCH', '/api/v1/roles/agent', '{"permissions": []}', 403, 'permission_denied'),
('nor deleted', 'ada', 'DELETE', '/api/v1/roles/agent', null, 403, 'permission_denied'),
('a role that is none, changed', 'ada', 'PATCH', '/api/v1/roles/king', '{"permissions": []}', 404, 'not_found'),
('a role that is none, deleted', 'ada', 'DELETE', '/api/v1/roles/king', null, 404, 'not_found'),
('an owner reads the keys', 'ada', 'GET', '/api/v1/api_keys', null, 200, null),
('an agent reads no keys', 'alan', 'GET', '/api/v1/api_keys', null, 403, 'permission_denied'),
('an owner makes a key', 'ada', 'POST', '/api/v1/api_keys', '{"name": "k", "scopes": ["contacts:read"]}', 201, null),
('a read-only key makes none', 'read only', 'POST', '/api/v1/api_keys', '{"name": "k"}', 403, 'key_scope_denied'),
('a key that is none', 'ada', 'GET', '/api/v1/api_keys/01a00000-0000-7000-8000-000000000000', null, 404, 'not_found'),
('a key that is none, rotated', 'ada', 'POST', '/api/v1/api_keys/01a00000-0000-7000-8000-000000000000/rotate', null, 404, 'not_found'),
('a key that is none, revoked', 'ada', 'DELETE', '/api/v1/api_keys/01a00000-0000-7000-8000-000000000000', null, 404, 'not_found'),
('an owner reads webhooks', 'ada', 'GET', '/api/v1/webhooks', null, 200, null),
('an agent reads no webhooks', 'alan', 'GET', '/api/v1/webhooks', null, 403, 'permission_denied'),
('an owner makes a webhook', 'ada', 'POST', '/api/v1/webhooks', '{"url": "https://hooks.acme.example/"}', 201, null),
('a read-only key makes no webhook', 'read only', 'POST', '/api/v1/webhooks', '{"url": "https://hooks.acme.example/"}', 403, 'key_scope_denied'),
('a webhook into a private network', 'ada', 'POST', '/api/v1/webhooks', '{"url": "https://10.0.0.1/"}', 422, 'validation_failed'),
('a webhook that is none, read', 'ada', 'GET', '/api/v1/webhooks/01a00000-0000-7000-8000-000000000000', null, 404, 'not_found'),
('a webhook that is none, changed', 'ada', 'PATCH', '/api/v1/webhooks/01a00000-0000-7000-8000-000000000000', '{"description": "x"}', 404, 'not_found'),
('a webhook that is none, deleted', 'ada', 'DELETE', '/api/v1/webhooks/01a00000-0000-7000-8000-000000000000', null, 404, 'not_found'),
('a webhook that is none, paused', 'ada', 'POST', '/api/v1/webhooks/01a00000-0000-7000-8000-000000000000/pause', null, 404, 'not_found'),
('a webhook that is none, resumed', 'ada', 'POST', '/api/v1/webhooks/01a00000-0000-7000-8000-000000000000/resume', null, 404, 'not_found'),
('a webhook that is none, rotated', 'ada', 'POST', '/api/v1/webhooks/01a00000-0000-7000-8000-000000000000/rotate', '{}', 404, 'not_found'),
('a webhook that is none, tried', 'ada', 'POST', '/api/v1/webhooks/01a00000-0000-7000-8000-000000000000/test', null, 404, 'not_found'),
('a webhook that is none, whose secret is asked for', 'ada', 'GET', '/api/v1/webhooks/01a00000-0000-7000-8000-000000000000/secret', null, 404, 'not_found'),
('a webhook that is none, whose deliveries are asked for', 'ada', 'GET', '/api/v1/webhooks/01a00000-0000-7000-8000-000000000000/deliveries', null, 404, 'not_found'),
('a delivery that is none', 'ada', 'GET', '/api/v1/webhook_deliveries/01a00000-0000-7000-8000-000000000000', null, 404, 'not_found'),
('a delivery that is none, sent again', 'ada', 'POST', '/api/v1/webhook_deliveries/01a00000-0000-7000-8000-000000000000/resend', null, 404, 'not_found'),
('an owner reads custom columns', 'ada', 'GET', '/api/v1/custom_columns', null, 200, null),
('an agent reads no definitions', 'alan', 'GET', '/api/v1/custom_columns', null, 403, 'permission_denied'),
('an owner makes a custom column', 'ada', 'POST', '/api/v1/custom_columns', '{"resource": "contacts", "name": "size", "type": "plain"}', 201, null),
('a read-only key makes no custom column', 'read only', 'POST', '/api/v1/custom_columns', '{"resource": "contacts", "name": "size", "type": "plain"}', 403, 'key_scope_denied'),
('a custom column of a type that is none', 'ada', 'POST', '/api/v1/custom_columns', '{"resource": "contacts", "name": "size", "type": "number"}', 422, 'validation_failed'),
('a custom column that is none', 'ada', 'GET', '/api/v1/custom_columns/01a00000-0000-7000-8000-000000000000', null, 404, 'not_found'),
('a custom column that is none, changed', 'ada', 'PATCH', '/api/v1/custom_columns/01a00000-0000-7000-8000-000000000000', '{"label": "x"}', 404, 'not_found'),
('a custom column that is none, deleted', 'ada', 'DELETE', '/api/v1/custom_columns/01a00000-0000-7000-8000-000000000000', null, 404, 'not_found'),
('an agent changes no definition', 'alan', 'PATCH', '/api/v1/custom_columns/01a00000-0000-7000-8000-000000000000', '{"label": "x"}', 403, 'permission_denied'),
('an agent deletes no definition', 'alan', 'DELETE', '/api/v1/custom_columns/01a00000-0000-7000-8000-000000000000', null, 403, 'permission_denied'),
('a value that fits no custom column', 'ada', 'POST', '/api/v1/contacts', '{"name": "x", "custom": {"nothing": 1}}', 422, 'validation_failed'),
('an owner looks for labels', 'ada', 'GET', '/api/v1/contacts/autocomplete', null, 200, null),
('an owner polls events', 'ada', 'GET', '/api/v1/events', null, 200, null),
('an agent polls events', 'alan', 'GET', '/api/v1/events', null, 200, null),
('an owner lists files', 'ada', 'GET', '/api/v1/files', null, 200, null),
('an agent lists no files', 'alan', 'GET', '/api/v1/files', null, 403, 'permission_denied'),
('a file that is none', 'ada', 'GET', '/api/v1/files/01a00000-0000-7000-8000-000000000000', null, 404, 'not_found'),
('the metadata of a file that is none', 'ada', 'GET', '/api/v1/files/01a00000-0000-7000-8000-000000000000/metadata', null, 404, 'not_found'),
('a file that is none, deleted', 'ada', 'DELETE', '/api/v1/files/01a00000-0000-7000-8000-000000000000', null, 404, 'not_found'),
('a file that is JSON', 'ada', 'POST', '/api/v1/files/memberAvatars', '{}', 415, 'unsupported_media_type'),
('an owner reads how his mail leaves', 'ada', 'GET', '/api/v1/settings/mail', null, 200, null),
('an agent does not read how mail leaves', 'alan', 'GET', '/api/v1/settings/mail', null, 403, 'permission_denied'),
('a mail server that is nowhere', 'ada', 'PUT', '/api/v1/settings/mail', '{"from_address": "x"}', 422, 'validation_failed'),
('an agent sets no mail server', 'alan', 'PUT', '/api/v1/settings/mail', '{}', 403, 'permission_denied'),
('a mail server that is none, removed', 'ada', 'DELETE', '/api/v1/settings/mail', null, 404, 'not_found'),
('an agent removes no mail server', 'alan', 'DELETE', '/api/v1/settings/mail', null, 403, 'permission_denied'),
('a mail server that is none, tried', 'ada', 'POST', '/api/v1/settings/mail/test', null, 404, 'not_found'),
('an agent tries no mail server', 'alan', 'POST', '/api/v1/settings/mail/test', null, 403, 'permission_denied'),
('an owner takes the members out', 'ada', 'GET', '/api/v1/members/export', null, 200, null),
('an agent does not take the members out', 'alan', 'GET', '/api/v1/members/export', null, 403, 'permission_denied'),
('an owner takes the invitations out', 'ada', 'GET', '/api/v1/invitations/export', null, 200, null),
('an agent takes no invitations out', 'alan', 'GET', '/api/v1/invitations/export', null, 403, 'permission_denied'),
('an owner takes the audit out', 'ada', 'GET', '/api/v1/audit_logs/export', null, 200, null),
('an agent takes no audit out', 'alan', 'GET', '/api/v1/audit_logs/export', null, 403, 'permission_denied'),
('an agent gets no checkpoint', 'alan', 'GET', '/api/v1/audit_logs/checkpoint', null, 403, 'permission_denied'),
('an agent brings no members in', 'alan', 'POST', '/api/v1/members/import', '[]', 403, 'permission_denied'),
('a scoped key completes none', 'scoped', 'GET', '/api/v1/contacts/autocomplete', null, 403, 'key_scope_denied'),
('an owner lists in the other dialect', 'ada', 'GET', '/rest/v1/contacts', null, 200, null),
('an owner creates in the other dialect', 'ada', 'POST', '/rest/v1/contacts', '{"name": "Rest"}', 201, null),
('who names no row changes none', 'ada', 'PATCH', '/rest/v1/contacts', '{"name": "x"}', 400, '21000'),
('nor deletes one', 'ada', 'DELETE', '/rest/v1/contacts', null, 400, '21000'),
('an owner reads his workspace', 'ada', 'GET', '/api/v1/tenant', null, 200, null),
('an agent does not read the workspace', 'alan', 'GET', '/api/v1/tenant', null, 403, 'permission_denied'),
('an owner renames his workspace', 'ada', 'PATCH', '/api/v1/tenant', '{"name": "Acme & Sons"}', 200, null),
('to a slug that is taken', 'ada', 'PATCH', '/api/v1/tenant', '{"slug": "globex"}', 409, 'slug_taken'),
('a setting that is none', 'ada', 'PATCH', '/api/v1/tenant', '{"settings": {"colour": "red"}}', 422, 'validation_failed'),
('an owner reads who acted as his members', 'ada', 'GET', '/api/v1/impersonations', null, 200, null),
('an agent does not read who acted', 'alan', 'GET', '/api/v1/impersonations', null, 403, 'permission_denied'),
('an owner acts as nobody', 'ada', 'POST', '/api/v1/admin/impersonations', '{}', 403, 'permission_denied'),
('a platform admin says why', 'platform', 'POST', '/api/v1/admin/impersonations', '{"user_id": "x", "tenant_id": "acme", "reason": "short"}', 422, 'validation_failed'),
('a platform admin acts as nobody unknown', 'platform', 'POST', '/api/v1/admin/impersonations', '{"user_id": "x", "tenant_id": "acme", "reason": "looking into a ticket"}', 404, 'not_found'),
('a platform admin reads who acted', 'platform', 'GET', '/api/v1/admin/impersonations', null, 200, null),
('a platform admin reads a workspace', 'platform', 'GET', '/api/v1/admin/workspaces/acme', null, 200, null),
('a workspace that is none', 'platform', 'GET', '/api/v1/admin/workspaces/nobodys', null, 404, 'not_found'),
('an owner reads no other workspace', 'ada', 'GET', '/api/v1/admin/workspaces/globex', null, 403, 'permission_denied'),
('a key joins no workspace', 'ada', 'POST', '/api/v1/invitations/accept', '{"token": "x"}', 403, 'permission_denied');
select ucrm.renew_audit_key() where not exists (select from ucrm.audit_keys) \g /dev/null
insert into requests (name, key_name, method, path, body, status, code) values
('an owner gets a checkpoint', 'ada', 'GET', '/api/v1/audit_logs/checkpoint', null, 200, null);
insert into requests (name, key_name, method, path, body, status, code)
select k.who || ' and ' || v.path, k.who, v.method, '/api/v1/' || v.path, '[]', case k.who when 'ada' then v.status else 403 end, case k.who when 'ada' then v.code else 'permission_denied' end
from (values ('GET', 'members/export', 200, null), ('GET', 'invitations/export', 200, null), ('POST', 'members/import', 200, null), ('GET', 'settings/mail', 200, null),
    ('PUT', 'settings/mail', 400, 'invalid_json'), ('DELETE', 'settings/mail', 404, 'not_found'), ('POST', 'settings/mail/test', 404, 'not_found')) as v (method, path, status, code), (values ('ada'), ('alan')) as k (who);
insert into requests (name, key_name, method, path, body, status, code, query) values
('an export by nobody', 'ada', 'GET', '/api/v1/audit_logs/export', null, 400, 'invalid_filter', 'user_id='),
('an export by no id', 'ada', 'GET', '/api/v1/audit_logs/export', null, 400, 'invalid_filter', 'user_id=x'),
('no page of a history of nobody', 'ada', 'GET', '/api/v1/contacts/01a00000-0000-7000-8000-00000000ffff/history', null, 404, 'not_found', 'before=01a00000-0000-7000-8000-00000000ffff'),
('a filter that is none', 'ada', 'GET', '/api/v1/contacts', null, 400, 'invalid_filter', 'stage=maybe.so'),
('a column that is none', 'ada', 'GET', '/api/v1/contacts', null, 400, 'invalid_filter', 'nothing=eq.1'),
('the tenant''s column is none', 'ada', 'GET', '/api/v1/contacts', null, 400, 'invalid_filter', 'tenant_id=eq.01a00000-0000-7000-8000-000000000000'),
('a page that is none', 'ada', 'GET', '/api/v1/contacts', null, 400, 'invalid_filter', 'page=x'),
('SQL in a filter is a value', 'ada', 'GET', '/api/v1/contacts', null, 200, null, 'name=eq.%27%3B%20drop%20table%20crm.contacts%3B%20--'),
('a credential in a query is not read', 'none', 'GET', '/api/v1/contacts', null, 401, 'unauthenticated', 'apikey=x');
insert into requests (name, key_name, method, path, body, status, code, headers)
select v.name, 'ada', v.method, '/api/v1/contacts', v.body, v.status, v.code, v.headers
from scene as s, lateral (values
    ('naming the key''s own tenant by id', 'GET', null, 200, null, jsonb_build_object('x-tenant-id', s.acme)),
    ('by slug', 'GET', null, 200, null, '{"x-tenant-id": "acme"}'),
    ('naming another', 'GET', null, 403, 'not_a_member', jsonb_build_object('x-tenant-id', s.globex)),
    ('naming another by slug', 'GET', null, 403, 'not_a_member', '{"x-tenant-id": "globex"}'),
    ('naming nobody''s', 'GET', null, 403, 'not_a_member', '{"x-tenant-id": "nobodys"}'),
    ('a body of another type', 'POST', '{"name": "x"}', 415, 'unsupported_media_type', '{"content-type": "text/plain"}'),
    ('JSON by another name', 'POST', '{"name": "x"}', 201, null, '{"content-type": "application/json; charset=utf-8"}')
) as v (name, method, body, status, code, headers);
insert into requests (name, key_name, method, path, body, status, code, done)
select v.*, 'select ucrm.set_internal_secret(sha256(''the secret''))' from (values
    ('the internal secret provisions', 'internal', 'POST', '/api/v1/internal/tenants', '{"slug": "wonka", "name": "Wonka", "admin_email": "willy@wonka.example"}', 201, null),
    ('another secret does not', 'not the secret', 'POST', '/api/v1/internal/tenants', '{}', 401, 'unauthenticated'),
    ('and what it sends is checked', 'internal', 'POST', '/api/v1/internal/tenants', '{}', 422, 'validation_failed'),
    ('and is no platform admin', 'internal', 'GET', '/api/v1/admin/workspaces', null, 403, 'permission_denied'),
    ('and has no contacts', 'internal', 'GET', '/api/v1/contacts', null, 403, 'not_a_member'),
    ('an owner''s key is no internal secret', 'ada', 'POST', '/api/v1/internal/tenants', '{}', 403, 'permission_denied')
) as v;
-- Rows of Globex's, asked for by Acme.
insert into requests (name, key_name, method, path, body, status, code)
select format('%s of another tenant''s %s', v.method, split_part(r.path, '/', 4)), 'ada', v.method, r.path, v.body, 404, 'not_found'
from (
    select '/api/v1/contacts/' || c.id from crm.contacts as c join scene as s on c.tenant_id = s.globex
    union all
    select '/api/v1/organizations/' || o.id from crm.organizations as o join scene as s on o.tenant_id = s.globex
) as r (path), (values ('GET', null), ('PATCH', '{"name": "x"}'), ('DELETE', null)) as v (method, body);

create temporary table outcomes (n integer, a answers, denied bigint);
create procedure pg_temp.play()
language plpgsql
as $$
declare
    r requests;
    a answers;
    denied bigint;
begin
    foreach r in array (select array_agg(x order by x.n) from requests as x) loop
        perform pg_temp.issue();
        if r.done is not null then
            execute r.done;
        end if;
        set local role ucrm_gateway;
        a := pg_temp.ask(r.key_name, r.method, r.path, r.body, r.query, r.headers);
        reset role;
        select count(*) into denied from ucrm.audit_logs as l
        where l.action = 'denied' and l.request_id = '01a00000-0000-7000-8000-00000000ffff' and l.after ->> 'code' = r.code;
        rollback;
        insert into outcomes values (r.n, a, denied);
        commit;
    end loop;
end
$$;
call pg_temp.play();
select is(concat_ws(' ', (o.a).status, (o.a).body ->> 'code'), concat_ws(' ', r.status, r.code), format('%s: %s %s', r.name, r.method, r.path))
from requests as r join outcomes as o using (n)
order by n;

select is(count(distinct (o.a).body || (o.a).headers), 1::bigint, 'every bad credential gets the same reply')
from requests as r join outcomes as o using (n) where r.code = 'unauthenticated';
select is(count(distinct (o.a).body), 1::bigint, 'another tenant''s rows and rows that do not exist get the same reply')
from requests as r join outcomes as o using (n) where r.code = 'not_found' and r.path ~ '^/api/v1/(contacts|organizations)/[0-9a-f-]{36}$';
select is(count(distinct (o.a).body), 1::bigint, 'naming another tenant and naming nobody''s get the same reply')
from requests as r join outcomes as o using (n) where r.name like 'naming %' and r.code = 'not_a_member';
select ok((o.a).headers ->> 'www-authenticate' is not null, 'a 401 says how to authenticate')
from requests as r join outcomes as o using (n) where r.name = 'a credential that is none';
select ok((o.a).headers ->> 'allow' is not null, format('a 405 says what is allowed: %s %s', r.method, r.path))
from requests as r join outcomes as o using (n) where r.status = 405;
select is((o.a).headers ->> 'content-type', 'application/problem+json', 'a refusal is problem+json: ' || r.name)
from requests as r join outcomes as o using (n) where r.code is not null and r.path not like '/rest/%';
select ok((o.a).body ?& array['type', 'title', 'status', 'detail', 'code', 'message', 'details', 'hint', 'request_id', 'errors'], 'a refusal has one body: ' || r.name)
from requests as r join outcomes as o using (n) where r.code is not null;
select is(o.denied, 1::bigint, 'a denial is in the audit log, once: ' || r.name)
from requests as r join outcomes as o using (n)
where r.status in (402, 403) and r.path not like '/api/v1/admin/%' and r.path not like '/api/v1/internal/%' and r.path <> '/api/v1/invitations/accept' and r.key_name not in ('platform', 'internal') and r.headers is null;
select is((o.a).body #>> '{errors,0,field}', v.field, 'the field is named: ' || r.name)
from requests as r join outcomes as o using (n)
join (values ('a missing name', 'name'), ('an impossible stage', 'stage'), ('an organization of nobody', 'organization_id'), ('a wrong type', 'name'), ('an unknown field', 'nothing')) as v (name, field) using (name);
select is_empty('select method, template from ucrm.routes where builtin and audience = ''tenant'' except select method, (ucrm.look_up_dispatch(method, path)).route from requests',
                'every route of a tenant''s is asked');
drop table requests cascade;

select '1..' || currval('__tresults___numb_seq');
