//! Owns the making of keys and ids: randomness from the server's strong source, time from the system's clock.
//! Must never keep or print a secret: it is returned once.
//! Called by ucrm.uuid7(), ucrm.make_api_key() and ucrm.random_bytes().

mod key;
mod uuid7;

use crate::border::{Answer, Call, Fault, composite, uuid, varlena};
use pgrx::{PgSqlErrorCode, pg_sys};
use std::cell::RefCell;
use std::time::{SystemTime, UNIX_EPOCH};

thread_local! {
    static SEQUENCE: RefCell<uuid7::Sequence> = RefCell::new(uuid7::Sequence::default());
    static POOL: RefCell<Pool> = const { RefCell::new(Pool { bytes: [0; 512], left: 0, process: 0 }) };
}

/// Random bytes drawn ahead: a draw for each id would cost more than the id.
struct Pool {
    bytes: [u8; 512],
    left: usize,
    process: i32,
}

/// Bytes of the server's strong source.
pub fn draw<const N: usize>() -> Result<[u8; N], Fault> {
    let mut bytes = [0; N];
    // SAFETY: writes N bytes to a local array.
    if unsafe { pg_sys::pg_strong_random(bytes.as_mut_ptr().cast(), N) } {
        Ok(bytes)
    } else {
        Err(Fault::new(
            PgSqlErrorCode::ERRCODE_INTERNAL_ERROR,
            "the server has no random numbers",
        ))
    }
}

fn pooled() -> Result<[u8; 8], Fault> {
    // SAFETY: a plain read; a forked process must not repeat its parent's bytes.
    let process = unsafe { pg_sys::MyProcPid };
    POOL.with_borrow_mut(|pool| {
        if pool.left < 8 || pool.process != process {
            pool.bytes = draw()?;
            pool.left = pool.bytes.len();
            pool.process = process;
        }
        pool.left -= 8;
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&pool.bytes[pool.left..pool.left + 8]);
        Ok(bytes)
    })
}

/// A UUIDv7 of now, greater than this backend's last.
pub fn uuid7() -> Result<[u8; 16], Fault> {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |time| time.as_micros() as u64);
    let random = pooled()?;
    Ok(SEQUENCE.with_borrow_mut(|sequence| sequence.make(now, random)))
}

fn make_uuid7(_: Call) -> Answer {
    Ok(Some(uuid(uuid7()?)))
}

/// Sixteen random bytes.
fn audit_salt(_: Call) -> Answer {
    let mut salt = [0; 16];
    for half in salt.chunks_exact_mut(8) {
        half.copy_from_slice(&pooled()?);
    }
    Ok(Some(uuid(salt)))
}

fn make_api_key(call: Call) -> Answer {
    let Some(tenant) = call.uuid(0) else {
        return Ok(None);
    };
    let made = key::make(tenant, &draw::<37>()?);
    Ok(Some(composite(
        call,
        &[
            Some(varlena(made.secret.as_bytes())),
            Some(varlena(made.prefix.as_bytes())),
            Some(varlena(&key::stored(&made.digest))),
        ],
    )))
}

fn make_token(call: Call) -> Answer {
    let (Some(purpose), Some(whose)) = (call.text(0), call.uuid(1)) else {
        return Ok(None);
    };
    let (secret, digest) = key::token(purpose, whose, &draw::<32>()?);
    Ok(Some(composite(
        call,
        &[
            Some(varlena(secret.as_bytes())),
            Some(varlena(&key::stored(&digest))),
        ],
    )))
}

fn random_bytes(call: Call) -> Answer {
    let count = call.int(0).unwrap_or_default();
    if !(1..=64).contains(&count) {
        return Err(Fault::new(
            PgSqlErrorCode::ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE,
            "1 to 64 random bytes",
        ));
    }
    Ok(Some(varlena(&draw::<64>()?[..count as usize])))
}

crate::leaf!(pg_finfo_ucrm_random_bytes, ucrm_random_bytes, random_bytes);
crate::leaf!(pg_finfo_ucrm_uuid7, ucrm_uuid7, make_uuid7);
crate::leaf!(pg_finfo_ucrm_audit_salt, ucrm_audit_salt, audit_salt);
crate::leaf!(pg_finfo_ucrm_make_api_key, ucrm_make_api_key, make_api_key);
crate::leaf!(pg_finfo_ucrm_make_token, ucrm_make_token, make_token);
