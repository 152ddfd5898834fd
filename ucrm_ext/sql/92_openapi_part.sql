-- What the whole document shares: schemas of the house, parameters, headers, credentials, and the replies for refusals.
insert into ucrm.schema_docs (name, schema, builtin)
select v.name, d.schema::jsonb, true
from (values
    ('Problem', '{
        "type": "object",
        "description": "Every refusal, as application/problem+json (RFC 9457). `code` is what a program goes by; `errors` names fields.",
        "required": ["type", "title", "status", "detail", "code", "message", "details", "hint", "request_id", "errors"],
        "properties": {
            "type": {"type": "string", "description": "`urn:ucrm:` and the code."},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string"},
            "code": {"type": "string"},
            "message": {"type": "string", "description": "The same as `detail`."},
            "details": {"type": ["object", "string", "null"]},
            "hint": {"type": ["string", "null"], "description": "What to do."},
            "request_id": {"type": "string", "format": "uuid", "description": "The same as the header x-request-id; the audit log has it too."},
            "errors": {"type": ["array", "null"], "items": {"$ref": "#/components/schemas/FieldError"}},
            "allowed": {"type": "array", "items": {"type": "string"}, "description": "For `invalid_filter`: what could have been sent."}
        }
    }'),
    ('FieldError', '{
        "type": "object",
        "required": ["field", "code", "message"],
        "properties": {
            "field": {"type": ["string", "null"]},
            "code": {"type": "string"},
            "message": {"type": "string"}
        }
    }'),
    ('ListMeta', '{
        "type": "object",
        "description": "`total` is exact, and absent where a cursor was sent without `count=exact`; `page` and `limit` are there if they were sent; `next_cursor` if there are more rows.",
        "properties": {
            "total": {"type": "integer", "minimum": 0},
            "page": {"type": "integer", "minimum": 1},
            "limit": {"type": "integer", "minimum": 1},
            "next_cursor": {"type": "string"}
        }
    }'),
    ('Money', '{
        "type": "object",
        "description": "An amount in the currency''s own units, with as many decimals as ISO 4217 gives it.",
        "required": ["amount", "currency"],
        "additionalProperties": false,
        "properties": {
            "amount": {"type": "string", "pattern": "^-?[0-9]{1,15}([.][0-9]{1,4})?$"},
            "currency": {"type": "string", "pattern": "^[A-Z]{3}$"}
        },
        "examples": [{"amount": "12.30", "currency": "EUR"}]
    }'),
    ('TextFilter', '{
        "type": "string",
        "description": "operator.value: eq, neq, gt, gte, lt, lte, like and ilike (`*` stands for any text), in, between, is.null, is.not_null; `not.` before it denies it.",
        "pattern": "^(not[.])?((eq|neq|gt|gte|lt|lte|like|ilike)[.].*|in[.][(][^\",(){}]+(,[^\",(){}]+){0,20}[)]|in[.][(]\"[^\"\\\\]*\"(,\"[^\"\\\\]*\"){0,20}[)]|between[.][(][^\",(){}]+,[^\",(){}]+[)]|is[.](null|not_null))$",
        "examples": ["eq.Ada", "ilike.ada*", "in.(Ada,Grace)"]
    }'),
    ('UuidFilter', '{
        "type": "string",
        "description": "operator.value: eq, neq, gt, gte, lt, lte, in, between, is.null, is.not_null; `not.` before it denies it.",
        "pattern": "^(not[.])?((eq|neq|gt|gte|lt|lte)[.][0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|in[.][(][0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}(,[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}){0,50}[)]|between[.][(][0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12},[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}[)]|is[.](null|not_null))$",
        "examples": ["eq.019a0000-0000-7000-8000-000000000000", "is.null"]
    }'),
    ('IntegerFilter', '{
        "type": "string",
        "description": "operator.value: eq, neq, gt, gte, lt, lte, in, between, is.null, is.not_null; `not.` before it denies it.",
        "pattern": "^(not[.])?((eq|neq|gt|gte|lt|lte)[.]-?[0-9]{1,18}|in[.][(]-?[0-9]{1,18}(,-?[0-9]{1,18}){0,50}[)]|between[.][(]-?[0-9]{1,18},-?[0-9]{1,18}[)]|is[.](null|not_null))$",
        "examples": ["gte.100", "between.(1,9)"]
    }'),
    ('NumberFilter', '{
        "type": "string",
        "description": "operator.value: eq, neq, gt, gte, lt, lte, in, between, is.null, is.not_null; `not.` before it denies it.",
        "pattern": "^(not[.])?((eq|neq|gt|gte|lt|lte)[.]-?[0-9]{1,9}([.][0-9]{1,9})?|in[.][(]-?[0-9]{1,9}([.][0-9]{1,9})?(,-?[0-9]{1,9}([.][0-9]{1,9})?){0,50}[)]|between[.][(]-?[0-9]{1,9}([.][0-9]{1,9})?,-?[0-9]{1,9}([.][0-9]{1,9})?[)]|is[.](null|not_null))$",
        "examples": ["gte.99.50", "between.(1,9)"]
    }'),
    ('BooleanFilter', '{
        "type": "string",
        "description": "operator.value: eq, neq, in, is.true, is.false, is.null, is.not_null; `not.` before it denies it.",
        "pattern": "^(not[.])?((eq|neq)[.](true|false)|in[.][(](true|false)(,(true|false)){0,1}[)]|is[.](true|false|null|not_null))$",
        "examples": ["is.true"]
    }'),
    ('TimeFilter', '{
        "type": "string",
        "description": "operator.value: eq, neq, gt, gte, lt, lte, in, between, in_last_days, is.null, is.not_null; `not.` before it denies it. A value is a date, or a time with its offset (`+` is written %2B).",
        "pattern": "^(not[.])?((eq|neq|gt|gte|lt|lte)[.]@T@|in[.][(]@T@(,@T@){0,20}[)]|between[.][(]@T@,@T@[)]|in_last_days[.](0|[1-9][0-9]{0,3})|is[.](null|not_null))$",
        "examples": ["gte.2026-01-31T12:00:00Z", "in_last_days.30"]
    }'),
    ('LocalTimeFilter', '{
        "type": "string",
        "description": "operator.value: eq, neq, gt, gte, lt, lte, in, between, in_last_days, is.null, is.not_null; `not.` before it denies it. A value is a time without offset.",
        "pattern": "^(not[.])?((eq|neq|gt|gte|lt|lte)[.]@D@T@H@|in[.][(]@D@T@H@(,@D@T@H@){0,20}[)]|between[.][(]@D@T@H@,@D@T@H@[)]|in_last_days[.](0|[1-9][0-9]{0,3})|is[.](null|not_null))$",
        "examples": ["gte.2026-01-31T12:00:00"]
    }'),
    ('DateFilter', '{
        "type": "string",
        "description": "operator.value: eq, neq, gt, gte, lt, lte, in, between, in_last_days, is.null, is.not_null; `not.` before it denies it.",
        "pattern": "^(not[.])?((eq|neq|gt|gte|lt|lte)[.]@D@|in[.][(]@D@(,@D@){0,20}[)]|between[.][(]@D@,@D@[)]|in_last_days[.](0|[1-9][0-9]{0,3})|is[.](null|not_null))$",
        "examples": ["gte.2026-01-31"]
    }'),
    ('JsonFilter', '{
        "type": "string",
        "description": "cs. and JSON that it contains; is.null, is.not_null; `not.` before it denies it.",
        "pattern": "^(not[.])?(cs[.]([{][}]|[{]\"[a-z_]+\":(\"[^\"\\\\\\x00-\\x1f]*\"|-?[1-9][0-9]{0,8}|true|false|null)[}])|is[.](null|not_null))$",
        "examples": ["cs.{\"vip\":true}"]
    }'),
    ('ArrayFilter', '{
        "type": "string",
        "description": "cs. (contains all of) and ov. (has one of) a list; is.null, is.not_null; `not.` before it denies it.",
        "pattern": "^(not[.])?((cs|ov)[.][(]([^\",(){}]+(,[^\",(){}]+){0,20})?[)]|is[.](null|not_null))$",
        "examples": ["ov.(red,blue)"]
    }'),
    ('OtherFilter', '{
        "type": "string",
        "description": "operator.value: eq, neq, in, is.null, is.not_null, compared as text; `not.` before it denies it.",
        "pattern": "^(not[.])?((eq|neq)[.].*|in[.][(][^\",(){}]+(,[^\",(){}]+){0,20}[)]|is[.](null|not_null))$",
        "examples": ["is.null"]
    }')
) as v (name, schema_text)
cross join lateral (
    -- Dates are days of the calendar, 29 February those of leap years.
    select replace(replace(replace(v.schema_text,
        '@D@T@H@', '@D@T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]'),
        '@T@', '@D@(T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]([.][0-9]{1,6})?(Z|[+-](0[0-9]|1[0-4]):[0-5][0-9]))?'),
        '@D@', '([12][0-9]{3}-((0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])|(0[13-9]|1[0-2])-(29|30)|(0[13578]|1[02])-31)|[12][0-9](0[48]|[2468][048]|[13579][26])-02-29)') as schema
) as d;

create function ucrm.openapi_parameters()
returns jsonb
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
    select '{
        "id": {"name": "id", "in": "path", "required": true, "schema": {"type": "string", "format": "uuid"}},
        "workspace": {"name": "id", "in": "path", "required": true, "description": "Its id or slug.", "schema": {"type": "string", "minLength": 1}},
        "page": {"name": "page", "in": "query", "description": "The page, from 1. `meta.total` is exact.", "schema": {"type": "integer", "minimum": 1, "maximum": 2147483647}, "example": 1},
        "limit": {"name": "limit", "in": "query", "description": "Rows on a page: 25 unless given.", "schema": {"type": "integer", "minimum": 1, "maximum": 100}, "example": 25},
        "cursor": {"name": "cursor", "in": "query", "description": "Instead of `page`: nothing for the first page, then `meta.next_cursor` as it came, with the same filters and sort.", "allowEmptyValue": true, "schema": {"type": "string", "pattern": "^[A-Za-z0-9_-]*$"}, "example": ""},
        "count": {"name": "count", "in": "query", "description": "With a cursor rows are counted only if asked for: `exact`, or `estimated` by the planner.", "schema": {"type": "string", "enum": ["exact", "estimated"]}},
        "archived": {"name": "archived", "in": "query", "description": "Archived rows stay out unless asked for: `any`, or `only` them.", "schema": {"type": "string", "enum": ["any", "only"]}},
        "idempotency-key": {"name": "Idempotency-Key", "in": "header", "description": "A name for this request, of up to 255 characters: sent again within 24 hours, it is answered as the first time and done once.", "schema": {"type": "string", "minLength": 1, "maxLength": 255}},
        "if-match": {"name": "If-Match", "in": "header", "description": "The ETag of the version the change is based on: 412 if the row has changed since.", "schema": {"type": "string", "pattern": "^[\\t -~]*$"}},
        "if-none-match": {"name": "If-None-Match", "in": "header", "description": "The ETag of the version one has: 304 if that is still the one.", "schema": {"type": "string", "pattern": "^[\\t -~]*$"}}
    }'::jsonb;
$$;
comment on function ucrm.openapi_parameters() is 'Parameters that operations share, by their name among the document''s components.';

create function ucrm.openapi_headers()
returns jsonb
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
    select '{
        "x-request-id": {"description": "The request''s id; the audit log and the operator''s log have it too.", "required": true, "schema": {"type": "string", "format": "uuid"}},
        "etag": {"description": "The version of the row, for If-Match and If-None-Match.", "schema": {"type": "string"}},
        "location": {"description": "Where it is now.", "schema": {"type": "string"}},
        "retry-after": {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 0}},
        "ratelimit": {"description": "The window that is full (draft-ietf-httpapi-ratelimit-headers).", "schema": {"type": "string"}},
        "ratelimit-policy": {"description": "What that window allows.", "schema": {"type": "string"}},
        "www-authenticate": {"description": "How to authenticate.", "schema": {"type": "string"}},
        "set-cookie": {"description": "The session''s cookie, new, longer or gone.", "schema": {"type": "string"}}
    }'::jsonb;
$$;
comment on function ucrm.openapi_headers() is 'Headers of replies, by name.';

create function ucrm.openapi_security()
returns jsonb
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
    select '{
        "key": {"type": "apiKey", "in": "header", "name": "x-api-key", "description": "A key of a member, of the workspace itself (a service key), or of a platform admin."},
        "bearer": {"type": "http", "scheme": "bearer", "description": "The token that signing in gives, a token of an issuer the installation trusts, or an API key."},
        "cookie": {"type": "apiKey", "in": "cookie", "name": "ucrm_session", "description": "The cookie that signing in sets; over HTTPS it is named __Host-ucrm_session."},
        "internal": {"type": "apiKey", "in": "header", "name": "x-internal-secret", "description": "The installation''s internal secret."}
    }'::jsonb;
$$;
comment on function ucrm.openapi_security() is 'Security schemes, by name.';

create function ucrm.refusal_reply(status integer, codes text[])
returns jsonb
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select jsonb_build_object(
        'description', string_agg(format('`%s`: %s.', f.code, f.title), ' ' order by f.code),
        'headers', (
            select jsonb_object_agg(h, jsonb_build_object('$ref', '#/components/headers/' || h))
            from unnest(array['x-request-id'] || case refusal_reply.status when 401 then array['www-authenticate'] when 429 then array['retry-after', 'ratelimit', 'ratelimit-policy'] when 503 then array['retry-after'] when 412 then array['etag'] else '{}' end) as h),
        'content', jsonb_build_object('application/problem+json', jsonb_build_object(
            'schema', jsonb_build_object('allOf', jsonb_build_array(ucrm.schema_ref('Problem'), jsonb_build_object('type', 'object', 'properties', jsonb_build_object(
                'status', jsonb_build_object('const', refusal_reply.status), 'code', jsonb_build_object('enum', jsonb_agg(f.code order by f.code)))))),
            'example', (
                select jsonb_build_object('type', 'urn:ucrm:' || e.code, 'title', e.title, 'status', e.status, 'detail', e.title, 'code', e.code, 'message', e.title,
                    'details', null, 'hint', e.hint, 'request_id', '019a0000-0000-7000-8000-000000000000', 'errors', null)
                from ucrm.refusals as e
                where e.code = min(f.code)))))
    from ucrm.refusals as f
    where f.code = any (codes) and f.status = refusal_reply.status;
$$;
comment on function ucrm.refusal_reply(integer, text[]) is 'A Response Object for refusals of one status.';
