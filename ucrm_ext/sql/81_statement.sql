-- Statements: what the grammar makes of a request, the text and binds of one query, how it is run, and the body and
-- version its rows become.
create type ucrm.statement as (
    sql text,
    binds text[],
    count_sql text,
    page bigint,
    page_limit bigint,
    countable boolean,
    refusal jsonb,
    counting text,
    plan_sql text,
    size bigint,
    keys integer,
    stamp text
);
comment on type ucrm.statement is 'A compiled query: sql and text binds; or refusal {code, detail, errors, …} and nothing else. Of a list: how it is counted (exact, estimated, planned, or null), the statement of the total and of all rows without columns; with a cursor, the size of a page, how many columns sql gives behind those that are shown, and the stamp of the next cursor.';

create function ucrm.compile_list(shape text, query text)
returns ucrm.statement
language c
stable
as 'MODULE_PATHNAME', 'ucrm_compile_list';
comment on function ucrm.compile_list(text, text) is 'Query string → one statement for the page of rows and one for the total. Refusals: invalid_filter, invalid_cursor, permission_denied; wider (not for clients): ask again with ucrm.wide_shape_of().';

create function ucrm.compile_labels(shape text, query text)
returns ucrm.statement
language c
stable
as 'MODULE_PATHNAME', 'ucrm_compile_labels';
comment on function ucrm.compile_labels(text, text) is 'Query string (q, limit) → ids and labels of rows, and nothing else of them. Refusal: invalid_filter.';

create function ucrm.compile_get(shape text, query text, id text, lock boolean)
returns ucrm.statement
language c
stable
as 'MODULE_PATHNAME', 'ucrm_compile_get';
comment on function ucrm.compile_get(text, text, text, boolean) is 'One row by id; lock: FOR UPDATE. Refusals: not_found for an id that cannot be one, invalid_filter.';

create function ucrm.compile_insert(shape text, body bytea, unseen_key text)
returns ucrm.statement
language c
stable
as 'MODULE_PATHNAME', 'ucrm_compile_insert';
comment on function ucrm.compile_insert(text, bytea, text) is 'JSON object → INSERT that returns the row; unseen_key, for somebody who may not read it: the key it gets if that is a uuid, as the last bind, and nothing is returned. Refusals: invalid_json, unknown_field, validation_failed.';

create function ucrm.compile_update(shape text, body bytea, id text)
returns ucrm.statement
language c
stable
as 'MODULE_PATHNAME', 'ucrm_compile_update';
comment on function ucrm.compile_update(text, bytea, text) is 'JSON object → UPDATE by id. Refusals: invalid_json, unknown_field, validation_failed, not_found.';

create function ucrm.compile_delete(shape text, id text)
returns ucrm.statement
language c
stable
as 'MODULE_PATHNAME', 'ucrm_compile_delete';
comment on function ucrm.compile_delete(text, text) is 'DELETE by id. Refusal: not_found for an id that cannot be one.';

create function ucrm.run(sql text, binds text[])
returns text
language c
volatile
as 'MODULE_PATHNAME', 'ucrm_run';
comment on function ucrm.run(text, text[]) is
'Executes exactly one SELECT, INSERT, UPDATE, DELETE or MERGE with text binds as the caller, and returns the first column of its first row as text. The plan is kept per session and role. Several statements or a utility command: 42601. Errors keep SQLSTATE, hint and constraint.';

create function ucrm.run_rows(sql text, binds text[])
returns text
language c
volatile
as 'MODULE_PATHNAME', 'ucrm_run_rows';
comment on function ucrm.run_rows(text, text[]) is
'As ucrm.run(), but gives all rows: a JSON array of objects, times in UTC.';

create function ucrm.run_row(sql text, binds text[])
returns text
language c
volatile
as 'MODULE_PATHNAME', 'ucrm_run_row';
comment on function ucrm.run_row(text, text[]) is
'As ucrm.run(), but gives the first row as a JSON object, times in UTC; null when there is none.';

create function ucrm.run_page(sql text, binds text[], size bigint, keys integer, stamp text, total bigint, page_limit bigint)
returns bytea
language c
volatile
as 'MODULE_PATHNAME', 'ucrm_run_page';
comment on function ucrm.run_page(text, text[], bigint, integer, text, bigint, bigint) is
'As ucrm.run_rows(), but gives the body of a page: {"data":[…],"meta":{…}}. sql gives one row more than size if there are more, and keys columns more than are shown; by those of the last row the next cursor is made, behind stamp. Null when such a cursor is too long for a query string.';

create function ucrm.run_labels(sql text, binds text[], resource text)
returns text
language c
volatile
strict
as 'MODULE_PATHNAME', 'ucrm_run_labels';
comment on function ucrm.run_labels(text, text[], text) is
'As ucrm.run_rows(), for a statement of ucrm.compile_labels(): while it runs, the permission to autocomplete the resource, in its scope, counts as that to read it. For ucrm_handler alone.';

create function ucrm.planned_rows(sql text, binds text[])
returns bigint
language c
volatile
as 'MODULE_PATHNAME', 'ucrm_planned_rows';
comment on function ucrm.planned_rows(text, text[]) is 'How many rows the planner takes a statement to give, which is what EXPLAIN tells: an average over all tenants and values, not these.';

create function ucrm.json_row(item record)
returns json
language c
stable
strict
parallel safe
as 'MODULE_PATHNAME', 'ucrm_json_row';
comment on function ucrm.json_row(record) is 'A row as a JSON object, printed as ucrm.run_rows() prints it: times in UTC.';

create function ucrm.list_body(items text, total bigint, page bigint, page_limit bigint)
returns bytea
language c
immutable
as 'MODULE_PATHNAME', 'ucrm_list_body';
comment on function ucrm.list_body(text, bigint, bigint, bigint) is '{"data":[…],"meta":{"total":…}}; page and limit only if they were sent.';

create function ucrm.data_body(item text)
returns bytea
language c
immutable
strict
as 'MODULE_PATHNAME', 'ucrm_data_body';
comment on function ucrm.data_body(text) is '{"data":…}';

create function ucrm.etag(item text)
returns text
language c
immutable
strict
as 'MODULE_PATHNAME', 'ucrm_etag';
comment on function ucrm.etag(text) is 'A strong ETag (RFC 9110, 8.8.3) of a row as it is shown.';

grant execute on function
    ucrm.compile_list(text, text), ucrm.compile_labels(text, text), ucrm.compile_get(text, text, text, boolean), ucrm.compile_insert(text, bytea, text),
    ucrm.compile_update(text, bytea, text), ucrm.compile_delete(text, text),
    ucrm.list_body(text, bigint, bigint, bigint), ucrm.data_body(text), ucrm.etag(text)
to ucrm_handler, ucrm_owner;
grant execute on function ucrm.run(text, text[]), ucrm.run_rows(text, text[]), ucrm.run_row(text, text[]),
    ucrm.run_page(text, text[], bigint, integer, text, bigint, bigint), ucrm.json_row(record), ucrm.planned_rows(text, text[]) to ucrm_app, ucrm_reader, ucrm_owner, ucrm_platform;
grant execute on function ucrm.run_labels(text, text[], text) to ucrm_handler;
