//! Owns the border of the sliding windows in shared memory: which key, which limit, which clock.
//! Must never count a request twice or keep one that another window refused.
//! Called by handle and by ucrm.limit(). The counting itself is in `table`.

pub mod key;
mod ring;
pub mod table;

use crate::border::{Answer, Call, Fault, bytes_of, varlena};
use crate::principal::{Row, column};
use crate::shared::{Shared, TOUCH_SLOTS, shared};
use pgrx::{PgSqlErrorCode, pg_sys};
use std::cell::RefCell;
use std::sync::atomic::Ordering::Relaxed;
use table::{Place, Reservation, Verdict};

/// How long to wait when the table of windows is full.
const FULL_WAIT_MS: i64 = 1000;

/// A window of so many hits binds nobody and is not kept.
const UNLIMITED: i32 = 1_000_000_000;

thread_local! {
    static RESERVED: RefCell<Option<Reservation>> = const { RefCell::new(None) };
}

/// Microseconds of a clock that every process of this server shares and nobody sets.
fn now_us() -> u64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: writes to a local.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut time) };
    time.tv_sec as u64 * 1_000_000 + time.tv_nsec as u64 / 1000
}

fn region() -> Result<&'static Shared, Fault> {
    shared().ok_or_else(|| {
        Fault::new(
            PgSqlErrorCode::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
            "ucrm was not loaded when the server started",
        )
        .hint("Add ucrm to shared_preload_libraries and restart the server.")
    })
}

fn wait_ms(verdict: Verdict) -> Option<i64> {
    match verdict {
        Verdict::Allowed { .. } => None,
        Verdict::Refused { retry_us } => Some(retry_us.div_ceil(1000).max(1) as i64),
        Verdict::Full => Some(FULL_WAIT_MS),
    }
}

fn answer_wait(wait: Option<i64>) -> Answer {
    Ok(wait.map(pg_sys::Datum::from))
}

/// An address's key: all of an IPv4 address, the /64 of an IPv6 one, an IPv4-mapped one as IPv4.
fn address_key(region: &Shared, address: Option<pg_sys::Datum>) -> u128 {
    let bytes = address.map(bytes_of).unwrap_or_default();
    // inet: family, prefix length, then the address (utils/inet.h).
    let address = bytes.get(2..).unwrap_or_default();
    let address = match address.len() {
        16 if address.starts_with(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]) => &address[12..],
        16 => &address[..8],
        _ => address,
    };
    key::key(&[b"address", address], region.seed)
}

/// Milliseconds that this inet has to wait; counts nothing.
pub fn address_wait_ms(address: Option<pg_sys::Datum>) -> Option<i64> {
    let region = shared()?;
    let window = region.address_window_us.load(Relaxed);
    if window == 0 {
        return None;
    }
    let hits = region.address_hits.load(Relaxed) as u32;
    wait_ms(region.windows.peek(
        Place::Address,
        address_key(region, address),
        hits,
        window,
        now_us(),
    ))
}

fn address_wait(call: Call) -> Answer {
    region()?;
    answer_wait(address_wait_ms(call.datum(0)))
}

fn window_us(seconds: i32) -> u64 {
    seconds.max(0) as u64 * 1_000_000
}

fn reserve_address(call: Call) -> Answer {
    let region = region()?;
    let (Some(hits), Some(seconds)) = (call.int(1), call.int(2)) else {
        return Ok(None);
    };
    let hits = hits.max(0) as u32;
    region.address_hits.store(hits.into(), Relaxed);
    region.address_window_us.store(window_us(seconds), Relaxed);
    RESERVED.set(None);
    match region.windows.reserve(
        Place::Address,
        address_key(region, call.datum(0)),
        hits,
        window_us(seconds),
        now_us(),
    ) {
        Ok(reservation) => {
            RESERVED.set(Some(reservation));
            Ok(None)
        }
        Err(verdict) => answer_wait(wait_ms(verdict)),
    }
}

fn refund_address(_: Call) -> Answer {
    if let Some(reservation) = RESERVED.take() {
        region()?.windows.refund(&reservation);
    }
    Ok(Some(pg_sys::Datum::null()))
}

/// Counts a request against the windows of key, user and tenant; all or none. `Some` when one refuses:
/// `window hits seconds wait_ms`.
pub fn refusal_of(row: &Row) -> Option<String> {
    let region = shared()?;
    let now = now_us();
    let mut passed: [Option<Reservation>; 3] = [None; 3];
    for (number, (name, id, hits)) in [
        ("api_key", column::KEY, column::KEY_HITS),
        ("user", column::USER, column::USER_HITS),
        ("tenant", column::TENANT, column::TENANT_HITS),
    ]
    .into_iter()
    .enumerate()
    {
        let (Some(id), Some(hits), Some(seconds)) =
            (row.uuid(id), row.int(hits), row.int(hits + 1))
        else {
            continue;
        };
        if hits >= UNLIMITED {
            continue;
        }
        let key = key::key(&[name.as_bytes(), &id], region.seed);
        match region.windows.reserve(
            Place::Account,
            key,
            hits.max(0) as u32,
            window_us(seconds),
            now,
        ) {
            Ok(reservation) => passed[number] = Some(reservation),
            Err(verdict) => {
                for reservation in passed.iter().flatten() {
                    region.windows.refund(reservation);
                }
                let wait = wait_ms(verdict).unwrap_or(FULL_WAIT_MS);
                return Some(format!("{name} {hits} {seconds} {wait}"));
            }
        }
    }
    None
}

/// True once a minute for a key: its last_used_at is due. Never on a standby, which cannot write it.
pub fn touch_is_due(id: [u8; 16]) -> bool {
    // SAFETY: a plain read of backend state.
    if unsafe { pg_sys::RecoveryInProgress() } {
        return false;
    }
    shared().is_some_and(|region| {
        let hash = key::key(&[b"touch", &id], region.seed);
        let slot = &region.touched[hash as usize % TOUCH_SLOTS];
        let mark = (hash >> 96 << 32) as u64 | (now_us() / 60_000_000) & 0xffff_ffff;
        let seen = slot.load(Relaxed);
        seen != mark && slot.compare_exchange(seen, mark, Relaxed, Relaxed).is_ok()
    })
}

fn hit(call: Call) -> Answer {
    let region = region()?;
    let (Some(name), Some(key), Some(hits), Some(seconds)) =
        (call.bytes(0), call.bytes(1), call.int(2), call.int(3))
    else {
        return Err(Fault::new(
            PgSqlErrorCode::ERRCODE_NULL_VALUE_NOT_ALLOWED,
            "a window needs a name, a key, hits and seconds",
        ));
    };
    let key = key::key(&[b"hit", name, key], region.seed);
    answer_wait(wait_ms(region.windows.hit(
        Place::Account,
        key,
        hits.max(0) as u32,
        window_us(seconds),
        now_us(),
    )))
}

fn occupancy(call: Call) -> Answer {
    let region = region()?;
    // SAFETY: a set-returning function in materialize mode (funcapi.h); the tuplestore is PostgreSQL's.
    unsafe {
        pg_sys::InitMaterializedSRF(call.0, 0);
        let result = (*call.0).resultinfo.cast::<pg_sys::ReturnSetInfo>();
        for (name, place) in [("address", Place::Address), ("account", Place::Account)] {
            let seen = region.windows.occupancy(place, now_us());
            let mut values = [
                varlena(name.as_bytes()),
                pg_sys::Datum::from(i64::from(seen.live)),
                pg_sys::Datum::from(i64::from(seen.capacity)),
                pg_sys::Datum::from(seen.full as i64),
            ];
            let mut nulls = [false; 4];
            pg_sys::tuplestore_putvalues(
                (*result).setResult,
                (*result).setDesc,
                values.as_mut_ptr(),
                nulls.as_mut_ptr(),
            );
        }
    }
    Ok(None)
}

crate::leaf!(pg_finfo_ucrm_address_wait, ucrm_address_wait, address_wait);
crate::leaf!(
    pg_finfo_ucrm_reserve_address,
    ucrm_reserve_address,
    reserve_address
);
crate::leaf!(
    pg_finfo_ucrm_refund_address,
    ucrm_refund_address,
    refund_address
);
crate::leaf!(pg_finfo_ucrm_hit, ucrm_hit, hit);
crate::leaf!(
    pg_finfo_ucrm_window_occupancy,
    ucrm_window_occupancy,
    occupancy
);
