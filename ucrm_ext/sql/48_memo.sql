-- What is remembered between requests, and when it is forgotten. Every change of a table below raises the generation
-- when its transaction has become visible and before its commit is acknowledged; what was remembered under an older
-- generation counts for nothing. A standby, a REPEATABLE READ transaction and one that has itself changed such a table
-- remember and recall nothing.
create function ucrm.generation()
returns bigint
language c
volatile
as 'MODULE_PATHNAME', 'ucrm_generation';
comment on function ucrm.generation() is 'To be read before the look-up whose result is to be remembered.';

create function ucrm.remember_principal(kind text, credential bytea, named text, generation bigint, p ucrm.principal)
returns void
language c
volatile
as 'MODULE_PATHNAME', 'ucrm_remember_principal';
comment on function ucrm.remember_principal(text, bytea, text, bigint, ucrm.principal) is 'Remembers it in shared memory, for every backend. named: the workspace that a session or token named.';

create function ucrm.recall_gates(resource text, action text)
returns text[]
language c
volatile
as 'MODULE_PATHNAME', 'ucrm_recall_gates';
comment on function ucrm.recall_gates(text, text) is 'The gates of a resource and action as ucrm.gates_of() gave them to this backend, or null.';

create function ucrm.remember_gates(resource text, action text, generation bigint, gates text[])
returns void
language c
volatile
as 'MODULE_PATHNAME', 'ucrm_remember_gates';
comment on function ucrm.remember_gates(text, text, bigint, text[]) is 'Remembers them in this backend.';

create function ucrm.recall_text(what text[])
returns text
language c
volatile
as 'MODULE_PATHNAME', 'ucrm_recall_text';
comment on function ucrm.recall_text(text[]) is 'A text that this backend remembers, or null. what: everything it depends on that raises no generation.';

create function ucrm.remember_text(what text[], generation bigint, value text)
returns void
language c
volatile
as 'MODULE_PATHNAME', 'ucrm_remember_text';
comment on function ucrm.remember_text(text[], bigint, text) is 'Remembers it in this backend, which keeps no more than a few megabytes.';

create function ucrm.recall_total(relation oid, statement text, binds text[])
returns bigint
language c
volatile
as 'MODULE_PATHNAME', 'ucrm_recall_total';
comment on function ucrm.recall_total(oid, text, text[]) is
'How many rows a count gave in this context, if nothing was written to the relation for this tenant since; else null.';

create function ucrm.total_generation(relation oid)
returns bigint
language c
volatile
as 'MODULE_PATHNAME', 'ucrm_total_generation';
comment on function ucrm.total_generation(oid) is 'To be read before the count that is to be remembered.';

create function ucrm.remember_total(relation oid, statement text, binds text[], generation bigint, total bigint)
returns void
language c
volatile
as 'MODULE_PATHNAME', 'ucrm_remember_total';
comment on function ucrm.remember_total(oid, text, text[], bigint, bigint) is 'Remembers a count in shared memory.';

create function ucrm.bump_rows()
returns trigger
language c
volatile
as 'MODULE_PATHNAME', 'ucrm_bump_rows';
comment on function ucrm.bump_rows() is
'Trigger of protected tables: when the transaction commits, remembered counts of the table''s changed tenants are forgotten. It writes nothing and refuses nothing.';

-- Not to ucrm_handler: triggers and domains of protected tables run as it, and whoever remembers a principal makes one.
grant execute on function
    ucrm.generation(),
    ucrm.remember_gates(text, text, bigint, text[]),
    ucrm.recall_text(text[]),
    ucrm.remember_text(text[], bigint, text),
    ucrm.remember_principal(text, bytea, text, bigint, ucrm.principal)
to ucrm_owner;
grant execute on function
    ucrm.recall_gates(text, text),
    ucrm.recall_total(oid, text, text[]),
    ucrm.total_generation(oid),
    ucrm.remember_total(oid, text, text[], bigint, bigint)
to ucrm_handler;
grant execute on function ucrm.recall_gates(text, text) to ucrm_owner, ucrm_app, ucrm_reader, ucrm_platform;
