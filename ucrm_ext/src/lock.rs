//! Owns the locks of names that last until the transaction ends: PostgreSQL's, in a space that pg_advisory_lock() does
//! not reach, so that no login takes what sealing or another tenant's writer waits for.
//! Must never be granted to whom a tenant's login may become.
//! Called by `custom`, and by ucrm.lock() and ucrm.try_lock().

use crate::border::{Answer, Call};
use crate::window::key;
use pgrx::pg_sys;

/// What pg_locks shows as objsubid. The functions of SQL lock 1 and 2.
const SPACE: u16 = 3;

/// How a lock is held: by one, or by all who do not take it exclusively.
#[derive(Clone, Copy)]
pub enum Mode {
    /// By one.
    Exclusive,
    /// By many.
    Shared,
}

fn acquire(parts: &[&[u8]], mode: Mode, wait: bool) -> bool {
    let key = key::key(parts, [7; 16]) as u64;
    let mode = match mode {
        Mode::Exclusive => pg_sys::ExclusiveLock,
        Mode::Shared => pg_sys::ShareLock,
    };
    // SAFETY: a tag of this database; the lock is the transaction's, and PostgreSQL lets it go with that.
    unsafe {
        let tag = pg_sys::LOCKTAG {
            locktag_field1: pg_sys::MyDatabaseId.to_u32(),
            locktag_field2: (key >> 32) as u32,
            locktag_field3: key as u32,
            locktag_field4: SPACE,
            locktag_type: pg_sys::LockTagType::LOCKTAG_ADVISORY as u8,
            locktag_lockmethodid: pg_sys::USER_LOCKMETHOD as u8,
        };
        pg_sys::LockAcquire(&tag, mode as pg_sys::LOCKMODE, false, !wait)
            != pg_sys::LockAcquireResult::LOCKACQUIRE_NOT_AVAIL
    }
}

/// Waits for the lock of what these parts name.
pub fn take(parts: &[&[u8]], mode: Mode) {
    acquire(parts, mode, true);
}

fn take_name(call: Call) -> Answer {
    if let Some(name) = call.bytes(0) {
        take(&[b"name", name], Mode::Exclusive);
    }
    Ok(Some(pg_sys::Datum::null()))
}

fn try_name(call: Call) -> Answer {
    Ok(call
        .bytes(0)
        .map(|name| pg_sys::Datum::from(acquire(&[b"name", name], Mode::Exclusive, false))))
}

crate::leaf!(pg_finfo_ucrm_lock, ucrm_lock, take_name);
crate::leaf!(pg_finfo_ucrm_try_lock, ucrm_try_lock, try_name);
