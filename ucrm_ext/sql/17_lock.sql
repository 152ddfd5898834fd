-- Locks of names, until the transaction ends: where one at a time is enough, and nobody else may hold anybody up.
create function ucrm.lock(name text)
returns void
language c
volatile
strict
as 'MODULE_PATHNAME', 'ucrm_lock';
comment on function ucrm.lock(text) is
'Waits for the lock of this name and keeps it until the transaction ends. pg_locks shows it as advisory with objsubid 3, which pg_advisory_lock() does not reach: that one is for whoever is connected.';

create function ucrm.try_lock(name text)
returns boolean
language c
volatile
strict
as 'MODULE_PATHNAME', 'ucrm_try_lock';
comment on function ucrm.try_lock(text) is 'ucrm.lock() if it is free; false, at once, if it is not.';

grant execute on function ucrm.lock(text), ucrm.try_lock(text) to ucrm_owner, ucrm_handler;
