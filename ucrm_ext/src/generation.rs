//! Owns the knowledge of when something remembered has become old, exactly: a change counts when its transaction is
//! visible to others and before its commit is acknowledged.
//! Must never write to a table or refuse a statement.
//! Called by the bump triggers, by every memo, and by PostgreSQL at the end of transactions.

use crate::border::{Answer, Call, uuid_of};
use crate::shared::{ROW_SLOTS, shared};
use crate::window::key;
use crate::{context, horizon, run, secret};
use pgrx::PgSqlErrorCode;
use pgrx::pg_sys;
use std::cell::{Cell, RefCell};
use std::sync::atomic::Ordering;

/// More distinct (table, tenant) pairs than this in one transaction count as all of them.
const MOST_SLOTS: usize = 256;

#[derive(Default)]
struct Pending {
    definitions: bool,
    all_rows: bool,
    slots: Vec<usize>,
}

thread_local! {
    static PENDING: RefCell<Pending> = const { RefCell::new(Pending { definitions: false, all_rows: false, slots: Vec::new() }) };
    static OWN_CHANGES: Cell<u64> = const { Cell::new(0) };
}

/// Hooks into the end of transactions.
pub fn follow_transactions() {
    // SAFETY: registered once per process tree, before any transaction.
    unsafe { pg_sys::RegisterXactCallback(Some(at_end), std::ptr::null_mut()) };
}

/// Whether nothing may be remembered or recalled here: a standby hears of no commits, a snapshot that is kept for the
/// whole transaction is older than the generation, and one's own uncommitted changes are nobody else's.
pub fn bypassed() -> bool {
    // SAFETY: plain reads of backend state.
    let unfit = unsafe {
        pg_sys::XactIsoLevel > pg_sys::XACT_READ_COMMITTED as i32
            || pg_sys::ParallelWorkerNumber >= 0
            || pg_sys::RecoveryInProgress()
    };
    unfit || pending_definitions()
}

/// Whether this transaction itself has changed what principals, gates or routes are made of.
pub fn pending_definitions() -> bool {
    PENDING.with_borrow(|pending| pending.definitions)
}

/// A number that grows with every change of definitions that this backend makes, taken back or not.
pub fn own_changes() -> u64 {
    OWN_CHANGES.get()
}

/// Whether this transaction itself has changed protected rows.
pub fn rows_pending() -> bool {
    PENDING.with_borrow(|pending| pending.all_rows || !pending.slots.is_empty())
}

/// The generation of definitions. To be read before the look-up whose result is remembered under it.
pub fn definitions() -> u64 {
    // Acquire: what was committed before the number was raised is visible to a snapshot taken after it was read.
    shared().map_or(0, |region| region.generation.load(Ordering::Acquire))
}

fn slot(relation: u32, tenant: &[u8]) -> usize {
    // SAFETY: a plain read of backend state.
    let database = unsafe { pg_sys::MyDatabaseId.to_u32() };
    let seed = shared().map_or([0; 16], |region| region.seed);
    key::key(
        &[
            b"rows",
            &database.to_ne_bytes(),
            &relation.to_ne_bytes(),
            tenant,
        ],
        seed,
    ) as usize
        % ROW_SLOTS
}

/// The generation of one tenant's rows in one table.
pub fn rows(relation: u32, tenant: &[u8]) -> u64 {
    shared().map_or(0, |region| {
        region.rows[slot(relation, tenant)]
            .load(Ordering::Acquire)
            .wrapping_add(region.rows_generation.load(Ordering::Acquire) << 32)
    })
}

#[pgrx::pg_guard]
unsafe extern "C-unwind" fn at_end(
    event: pg_sys::XactEvent::Type,
    _argument: *mut std::ffi::c_void,
) {
    match event {
        pg_sys::XactEvent::XACT_EVENT_COMMIT => {
            publish();
            forget();
        }
        pg_sys::XactEvent::XACT_EVENT_ABORT
        | pg_sys::XactEvent::XACT_EVENT_PREPARE
        | pg_sys::XactEvent::XACT_EVENT_PARALLEL_COMMIT
        | pg_sys::XactEvent::XACT_EVENT_PARALLEL_ABORT => forget(),
        // Whoever commits it later would have to know what it changed.
        pg_sys::XactEvent::XACT_EVENT_PRE_PREPARE
            if pending_definitions() || rows_pending() || horizon::held() =>
        {
            crate::border::Fault::new(
                PgSqlErrorCode::ERRCODE_FEATURE_NOT_SUPPORTED,
                "a transaction that changed tables of UCRM cannot be prepared",
            )
            .hint("Use COMMIT.")
            .raise();
        }
        _ => {}
    }
}

fn publish() {
    let Some(region) = shared() else { return };
    PENDING.with_borrow(|pending| {
        if pending.definitions {
            region.generation.fetch_add(1, Ordering::Release);
        }
        if pending.all_rows {
            region.rows_generation.fetch_add(1, Ordering::Release);
        }
        for &slot in &pending.slots {
            region.rows[slot].fetch_add(1, Ordering::Release);
        }
    });
}

fn forget() {
    PENDING.with_borrow_mut(|pending| {
        pending.definitions = false;
        pending.all_rows = false;
        pending.slots.clear();
    });
    horizon::release();
    context::leave();
    run::rest();
    secret::forget();
}

fn note_definitions(_: Call) -> Answer {
    PENDING.with_borrow_mut(|pending| pending.definitions = true);
    OWN_CHANGES.set(OWN_CHANGES.get() + 1);
    Ok(Some(pg_sys::Datum::null()))
}

fn note_rows(call: Call) -> Answer {
    // SAFETY: the context of a function called as a trigger is its TriggerData (manual, 39.3 Writing Trigger Functions in C).
    unsafe {
        let data = (*call.0).context.cast::<pg_sys::TriggerData>();
        if data.is_null() || (*data).type_ != pg_sys::NodeTag::T_TriggerData {
            return Ok(None);
        }
        let tuples = [(*data).tg_trigtuple, (*data).tg_newtuple];
        let row = (*data).tg_event & pg_sys::TRIGGER_EVENT_ROW != 0;
        if !row || tuples[0].is_null() {
            PENDING.with_borrow_mut(|pending| pending.all_rows = true);
            return Ok(Some(pg_sys::Datum::null()));
        }
        let descriptor = (*(*data).tg_relation).rd_att;
        let relation = (*(*data).tg_relation).rd_id.to_u32();
        let column = pg_sys::SPI_fnumber(descriptor, c"tenant_id".as_ptr());
        for tuple in tuples.into_iter().filter(|tuple| !tuple.is_null()) {
            let mut null = false;
            let tenant = if column > 0 {
                pg_sys::SPI_getbinval(tuple, descriptor, column, &mut null)
            } else {
                null = true;
                pg_sys::Datum::null()
            };
            PENDING.with_borrow_mut(|pending| {
                if null || pending.slots.len() >= MOST_SLOTS {
                    pending.all_rows = true;
                    return;
                }
                let slot = slot(relation, &uuid_of(tenant));
                if pending.slots.last() != Some(&slot) && !pending.slots.contains(&slot) {
                    pending.slots.push(slot);
                }
            });
        }
        Ok(Some(pg_sys::Datum::null()))
    }
}

crate::leaf!(pg_finfo_ucrm_bump, ucrm_bump, note_definitions);
crate::leaf!(
    pg_finfo_ucrm_note_change,
    ucrm_note_change,
    note_definitions
);
crate::leaf!(pg_finfo_ucrm_bump_rows, ucrm_bump_rows, note_rows);
crate::leaf!(
    pg_finfo_ucrm_generation,
    ucrm_generation,
    |_: Call| -> Answer { Ok(Some(pg_sys::Datum::from(definitions() as i64))) }
);
