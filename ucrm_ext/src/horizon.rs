//! Owns the moment before which audit and outbox are complete: no transaction that still runs can add a row older than it.
//! Must never name a moment too late; too early only makes a poller wait.
//! Called by ucrm.events_route() before it reads, and by ucrm.seal_audit() before it seals.

use crate::border::{Answer, Call, uuid};
use pgrx::pg_sys;

/// Microseconds from 1970 to 2000, where PostgreSQL's time begins.
const EPOCH: i64 = 946_684_800_000_000;

/// The lowest UUIDv7 of the millisecond in which the oldest running writer began, or of this one.
///
/// Events take their id from the clock after their transaction has been given its number. So a transaction without a
/// number writes events later than now, and one with a number later than its own beginning.
fn settled_until(_: Call) -> Answer {
    // SAFETY: functions of PostgreSQL's own (utils/backend_status.h); the entries live until the snapshot is cleared.
    let moment = unsafe {
        let mut moment = pg_sys::GetCurrentTimestamp();
        pg_sys::pgstat_clear_backend_activity_snapshot();
        for n in 1..=pg_sys::pgstat_fetch_stat_numbackends() {
            let local = pg_sys::pgstat_fetch_stat_local_beentry(n);
            if local.is_null() || (*local).backend_xid.into_inner() == 0 {
                continue;
            }
            let backend = &(*local).backendStatus;
            if backend.st_databaseid != pg_sys::MyDatabaseId
                || backend.st_procpid == pg_sys::MyProcPid
            {
                continue;
            }
            if backend.st_state == pg_sys::BackendState::STATE_DISABLED {
                // It does not say when it began (track_activities is off).
                moment = EPOCH.wrapping_neg();
            } else if backend.st_xact_start_timestamp != 0 {
                moment = moment.min(backend.st_xact_start_timestamp);
            }
        }
        pg_sys::pgstat_clear_backend_activity_snapshot();
        moment
    };
    let milliseconds = u128::try_from((moment + EPOCH).max(0) / 1000).unwrap_or_default();
    Ok(Some(uuid((milliseconds << 80).to_be_bytes())))
}

crate::leaf!(
    pg_finfo_ucrm_settled_until,
    ucrm_settled_until,
    settled_until
);
