-- A refusal is data: one catalogue feeds SQL errors, HTTP replies, OpenAPI and the docs.
create table ucrm.refusals (
    code text primary key check (code ~ '^[a-z][a-z0-9_]{1,62}$'),
    status integer not null check (status between 400 and 599),
    title text not null,
    hint text,
    builtin boolean not null default false
);
comment on table ucrm.refusals is
'Every code UCRM refuses with. In SQL it is SQLSTATE PT<status>, MESSAGE = code, HINT = hint (the PostgREST convention); over HTTP an application/problem+json body (RFC 9457). A DBA adds rows for gates of his own; built-in rows do not change.';

insert into ucrm.refusals (code, status, title, hint, builtin) values
('unauthenticated', 401, 'No valid credential', 'Sign in, or send a live API key in the x-api-key header.', true),
('invalid_credentials', 401, 'The address or the password is wrong', 'Check both; after several failures wait, or reset the password.', true),
('totp_required', 401, 'A second factor is needed', 'Send totp (the code of the authenticator app) or recovery_code with the same request.', true),
('no_context', 401, 'No tenant is entered', 'Begin a transaction and call ucrm.enter(tenant, user) first.', true),
('ambiguous_credential', 400, 'More than one credential', 'Send exactly one of x-api-key, Authorization, X-Internal-Secret.', true),
('trial_expired', 402, 'The trial is over', 'Reading goes on. Subscribe to write again.', true),
('email_unverified', 403, 'The e-mail address is not verified', 'Open the link in the verification mail, or ask for a new one.', true),
('not_a_member', 403, 'Not a member of this workspace', 'Check the workspace you named; ask its owner for an invitation.', true),
('member_disabled', 403, 'This membership is disabled', 'Ask an owner or admin of the workspace to enable it.', true),
('workspace_pending_approval', 403, 'The workspace waits for approval', 'Reading works. Writing starts when a platform admin approves the workspace.', true),
('workspace_rejected', 403, 'The workspace was rejected', 'Contact support.', true),
('workspace_suspended', 403, 'The workspace is suspended', 'Contact support.', true),
('key_scope_denied', 403, 'The key''s scopes do not allow this', 'Use a key whose scopes name this resource and action.', true),
('permission_denied', 403, 'The role does not allow this', 'Ask an owner or admin for a role that grants it.', true),
('mfa_required', 403, 'The workspace asks for a second factor', 'Turn it on for your account (POST /api/v1/auth/totp), or sign in again with it.', true),
('step_up_required', 403, 'Show your password or second factor again', 'POST /api/v1/auth/step-up, or sign in again where your token is from; then repeat this within 10 minutes.', true),
('csrf_rejected', 403, 'The request came from a page of another origin', 'Add the origin to UCRM_ALLOWED_ORIGINS, or send a token instead of the cookie.', true),
('invite_code_required', 403, 'A beta code is needed', 'Send the code you were given.', true),
('disposable_email', 400, 'Addresses of this domain cannot be used', 'Use an address that you keep.', true),
('invalid_token', 400, 'The token is not valid any more', 'It may have been used, replaced or run out, or be somebody else''s: ask for a new mail.', true),
('workspace_limit', 409, 'One workspace a person', 'Use the workspace you have.', true),
('grant_ceiling', 403, 'Nobody can give what he does not hold', 'Grant only permissions that you hold yourself.', true),
('invalid_json', 400, 'The body is not valid JSON', 'Send one JSON object: UTF-8, no duplicate keys, no \u0000.', true),
('invalid_csv', 400, 'The body is not valid CSV', 'Send UTF-8 with the names of the fields in the first line, and as many cells in every line.', true),
('invalid_filter', 400, 'The query string is not understood', 'See errors and allowed in this reply.', true),
('unknown_field', 400, 'A field is unknown or cannot be set', 'Remove the fields named in errors.', true),
('invalid_cursor', 400, 'The cursor does not fit this list', 'Send the next_cursor of a page with the same filters and sort, or begin without one.', true),
('too_many_affected', 400, 'More rows would change than max-affected allows', 'Nothing was changed. Name fewer rows, or allow more.', true),
('ids_required', 400, 'Rows are changed and deleted by their ids', 'Name the ids; list them first if you have a filter.', true),
('unsupported', 400, 'This is not supported here', 'See the API guide for what is.', true),
('refused', 400, 'A rule of this database refused', 'See detail.', true),
('bad_request', 400, 'The request is malformed', null, true),
('not_found', 404, 'Nothing here', 'Check the path and the id.', true),
('method_not_allowed', 405, 'The method is not allowed here', 'See the Allow header.', true),
('duplicate', 409, 'A row with this value exists', 'Change the field named in errors, or update the existing row.', true),
('idempotency_in_progress', 409, 'A request with this Idempotency-Key is at work', 'Wait for its answer, or repeat this one in a moment.', true),
('reply_withheld', 409, 'This was done, and its answer is not given twice', 'The answer held a secret that is shown once, or a record that was forgotten since. Read what was made, or make a new one with a new Idempotency-Key.', true),
('referenced', 409, 'Other rows refer to this one', 'Remove or change them first.', true),
('slug_taken', 409, 'The slug is taken', 'Choose another slug.', true),
('resource_taken', 409, 'The resource name is taken or reserved', 'Choose another resource name.', true),
('last_owner', 409, 'The workspace needs an owner', 'Make somebody else an owner first.', true),
('role_in_use', 409, 'The role is in use', 'Give its members and keys another role first.', true),
('choice_in_use', 409, 'The choice is in use', 'Give the rows that have it another value first.', true),
('invitation_closed', 409, 'The invitation is closed', 'It was accepted or cancelled: invite again.', true),
('invalid_transition', 409, 'The workspace cannot change to this state', 'Allowed: pending_approval to approved or rejected, approved to suspended and back, rejected to approved.', true),
('conflict', 409, 'Another request changed the same rows', 'Read again and retry.', true),
('changed_since', 409, 'It was changed since', 'See detail. Undo the later change first, or change the record by hand.', true),
('not_undoable', 409, 'This cannot be undone', 'See detail.', true),
('not_acceptable', 406, 'The answer cannot be given in this form', 'Send another Accept header.', true),
('not_one_row', 406, 'Exactly one row was asked for, and there is another number', 'Ask for a list, or name the row by its id.', true),
('version_conflict', 412, 'The row has changed', 'Read it again and retry with the new ETag.', true),
('request_timeout', 408, 'The request took too long to arrive', 'Send it again.', true),
('body_too_large', 413, 'The body is too large', 'Send less at once.', true),
('uri_too_long', 414, 'The target is too long', 'Use fewer or shorter parameters.', true),
('headers_too_large', 431, 'The headers are too large', 'Send fewer or shorter headers.', true),
('unsupported_media_type', 415, 'A body of this type is not taken here', 'Send content-type: application/json, or one that the detail names.', true),
('range_not_satisfiable', 416, 'The list has no such range', 'Ask for a range that begins within the list.', true),
('validation_failed', 422, 'Some fields are not valid', 'See errors; where there are none, detail.', true),
('null_relation', 422, 'A relation is a list', 'Send [] to empty it, or leave the field out.', true),
('moment_unknown', 422, 'Nothing is known of this moment', 'Ask for a moment that is over, and that the audit reaches: see detail.', true),
('idempotency_mismatch', 422, 'This Idempotency-Key was used for another request', 'Make a new key for a new request.', true),
('rate_limited', 429, 'Too many requests', 'Wait for the seconds named in Retry-After.', true),
('internal', 500, 'Something went wrong here', 'Tell the operator the request id.', true),
('unavailable', 503, 'Not available right now', 'Try again in a moment.', true);

-- Which field a constraint is about, and what to say: read when a statement of the API breaks it.
create table ucrm.constraint_fields (
    schema_name text not null,
    constraint_name text not null,
    field text not null,
    code text not null references ucrm.refusals (code),
    message text,
    builtin boolean not null default false,
    primary key (schema_name, constraint_name)
);
comment on table ucrm.constraint_fields is
'Constraint → field and refusal code, for replies to HTTP clients. A DBA adds a row for a constraint of his own; without one the columns are read from the catalogue.';

create function ucrm.refuse(code text, detail text default null)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    known ucrm.refusals;
begin
    select r.* into known from ucrm.refusals as r where r.code = refuse.code;
    if not found then
        raise exception 'unknown refusal code "%"', code
            using errcode = 'undefined_object', hint = 'Insert it into ucrm.refusals first.';
    end if;
    raise exception using
        errcode = 'PT' || known.status,
        message = known.code,
        detail = coalesce(detail, known.title),
        hint = coalesce(known.hint, '');
end
$$;
comment on function ucrm.refuse(text, text) is
'Raises the refusal: SQLSTATE PT<status>, MESSAGE = code, DETAIL = detail or the catalogue''s title, HINT from the catalogue. 42704 for an unknown code.';

create function ucrm.refuse_immutable()
returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    raise exception 'built-in rows of % do not change', tg_relid::regclass
        using errcode = 'insufficient_privilege', hint = 'Insert a row of your own beside it.';
end
$$;
comment on function ucrm.refuse_immutable() is 'Trigger of the catalogues: a built-in row is neither changed nor deleted.';

create trigger builtin_rows_do_not_change
before update or delete on ucrm.refusals
for each row when (old.builtin) execute function ucrm.refuse_immutable();
create trigger builtin_rows_do_not_change
before update or delete on ucrm.constraint_fields
for each row when (old.builtin) execute function ucrm.refuse_immutable();

grant select on ucrm.refusals, ucrm.constraint_fields to ucrm_app, ucrm_reader, ucrm_gateway, ucrm_platform, ucrm_handler;
grant execute on function ucrm.refuse(text, text) to ucrm_app, ucrm_reader, ucrm_handler, ucrm_platform;
