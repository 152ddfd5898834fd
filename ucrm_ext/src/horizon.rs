//! Owns the moment before which audit and outbox are complete: no transaction that still runs can add a row older than it.
//! Must never name a moment too late; too early only makes a poller wait.
//! Called by ucrm.events_route() before it reads and by ucrm.seal_audit() before it seals, by the triggers of the tables
//! that are read up to it, and by `generation` at the end of transactions.

use crate::border::{Answer, Call, uuid};
use crate::shared::{Recorder, recorders};
use pgrx::pg_sys;
use std::sync::atomic::{Ordering, fence};
use std::time::{SystemTime, UNIX_EPOCH};

/// Microseconds since 1970, by the clock that ids are made from. Never 0, which is nobody's.
fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(1, |time| time.as_micros() as u64)
}

/// This backend's own place among the recorders.
fn own() -> Option<&'static Recorder> {
    // SAFETY: a plain read of backend state. Backends count from 1.
    let backend = unsafe { pg_sys::MyBackendId };
    recorders()?.get(usize::try_from(backend).ok()?.checked_sub(1)?)
}

/// Whether this transaction holds the horizon.
pub fn held() -> bool {
    own().is_some_and(|own| own.since.load(Ordering::Relaxed) != 0)
}

/// The transaction has ended, and others see what it added.
pub fn release() {
    if let Some(own) = own() {
        own.since.store(0, Ordering::Release);
    }
}

/// Before a statement adds a row to audit or outbox, and so before the row's id is drawn. What a savepoint takes back
/// holds the horizon all the same.
fn hold(_: Call) -> Answer {
    if let Some(own) = own()
        && own.since.load(Ordering::Relaxed) == 0
    {
        // SAFETY: a plain read of backend state.
        let database = unsafe { pg_sys::MyDatabaseId.to_u32() };
        own.database.store(database, Ordering::Relaxed);
        own.since.store(now(), Ordering::SeqCst);
        // Whoever has not seen this yet has read the clock before the id does.
        fence(Ordering::SeqCst);
    }
    Ok(Some(pg_sys::Datum::null()))
}

/// The lowest UUIDv7 of the millisecond in which the oldest running recorder began to record, or of this one.
///
/// Who does not record yet will draw later ids. Numbers of transactions say nothing: whoever is connected gets one.
fn settled_until(_: Call) -> Answer {
    let Some(recorders) = recorders() else {
        return Ok(Some(uuid([0; 16])));
    };
    // SAFETY: a plain read of backend state.
    let database = unsafe { pg_sys::MyDatabaseId.to_u32() };
    let own = own();
    let now = now();
    fence(Ordering::SeqCst);
    let moment = recorders
        .iter()
        .filter(|recorder| own.is_none_or(|own| !std::ptr::eq(own, *recorder)))
        .map(|recorder| (recorder.since.load(Ordering::SeqCst), recorder))
        .filter(|(since, recorder)| {
            *since != 0 && recorder.database.load(Ordering::Relaxed) == database
        })
        .map(|(since, _)| since)
        .fold(now, u64::min);
    let milliseconds = u128::from(moment / 1000);
    Ok(Some(uuid((milliseconds << 80).to_be_bytes())))
}

crate::leaf!(
    pg_finfo_ucrm_settled_until,
    ucrm_settled_until,
    settled_until
);
crate::leaf!(pg_finfo_ucrm_hold_horizon, ucrm_hold_horizon, hold);
