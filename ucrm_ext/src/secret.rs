//! Owns secrets at rest: sealing and opening them with the keys of the file that ucrm.key_file names.
//! Must never keep a key beyond the call, print one, or read a file that others than the server may read.
//! Called by the SQL functions of secrets, which nobody but UCRM's owner may execute, by `jwt` and by `audit`.

mod seal;
mod stash;

pub use stash::forget;

use crate::border::{Answer, Call, Fault, texts, varlena};
use crate::token;
use pgrx::{PgSqlErrorCode, pg_sys};
use ring::hmac;
use std::ffi::{CStr, CString, c_char};
use std::os::unix::fs::PermissionsExt;
use std::ptr::null_mut;
use std::sync::OnceLock;

static mut FILE: *mut c_char = null_mut();

const HINT: &str = "openssl rand -hex 32 makes a key. Put it in a file outside the data folder that only the server's user may read, and name it in postgresql.conf: ucrm.key_file = '…'. Whoever restores a dump needs the file.";

/// Defines ucrm.key_file; UCRM_KEY_FILE of the server's environment is its default.
pub fn define() {
    static DEFAULT: OnceLock<CString> = OnceLock::new();
    let default = DEFAULT.get_or_init(|| {
        std::env::var("UCRM_KEY_FILE")
            .ok()
            .and_then(|path| CString::new(path).ok())
            .unwrap_or_default()
    });
    // SAFETY: called once from _PG_init; all strings are static.
    unsafe {
        pg_sys::DefineCustomStringVariable(
            c"ucrm.key_file".as_ptr(),
            c"File with the keys that UCRM seals secrets with.".as_ptr(),
            c"64 hexadecimal digits a line, the newest first.".as_ptr(),
            &raw mut FILE,
            default.as_ptr(),
            pg_sys::GucContext::PGC_SIGHUP,
            pg_sys::GUC_SUPERUSER_ONLY as i32,
            None,
            None,
            None,
        );
    }
}

fn fault(message: impl Into<String>) -> Fault {
    Fault::new(
        PgSqlErrorCode::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
        message,
    )
    .hint(HINT)
}

/// What the setting names, or why it cannot be used.
fn keys() -> Result<Vec<seal::Key>, Fault> {
    // SAFETY: PostgreSQL keeps the string valid until the setting changes.
    let path = unsafe {
        if FILE.is_null() {
            c""
        } else {
            CStr::from_ptr(FILE)
        }
    };
    let path = path.to_string_lossy();
    if path.is_empty() {
        return Err(fault(
            "there is no key to seal secrets with: ucrm.key_file is not set",
        ));
    }
    let text = std::fs::metadata(&*path)
        .and_then(|metadata| {
            if metadata.permissions().mode() & 0o027 == 0 {
                std::fs::read_to_string(&*path)
            } else {
                Err(std::io::Error::other(
                    "others than the server's user and group may read or change it",
                ))
            }
        })
        .map_err(|error| fault(format!("the file of ucrm.key_file cannot be used: {error}")))?;
    seal::keys(&text).map_err(told)
}

/// Keys derived from those of the file for signing, by the names of those, the newest first; none when it cannot be used.
pub fn signing_keys(purpose: &[u8]) -> Vec<(String, hmac::Key)> {
    keys()
        .unwrap_or_default()
        .iter()
        .filter_map(|key| Some((name(key.id()), key.signing(purpose)?)))
        .collect()
}

fn told(error: seal::Fault) -> Fault {
    match error {
        seal::Fault::Line(number) => fault(format!(
            "line {number} of the key file is not 64 hexadecimal digits"
        )),
        seal::Fault::Empty => fault("the key file holds no key"),
        seal::Fault::Unknown(id) => fault(format!(
            "the secret is sealed under key {}, which is not in the key file",
            name(id)
        )),
        seal::Fault::Broken => Fault::new(
            PgSqlErrorCode::ERRCODE_DATA_CORRUPTED,
            "the secret was changed, or is another's",
        ),
    }
}

fn name(id: [u8; 4]) -> String {
    format!("{:08x}", u32::from_be_bytes(id))
}

/// Encrypts for a place.
pub fn sealed(clear: &[u8], place: &[u8]) -> Result<Vec<u8>, Fault> {
    seal::seal(&keys()?, clear, place, token::draw()?).map_err(told)
}

/// Opens what was sealed for this place.
pub fn opened(sealed: &[u8], place: &[u8]) -> Result<Vec<u8>, Fault> {
    seal::open(&keys()?, sealed, place).map_err(told)
}

fn seal(call: Call) -> Answer {
    let (Some(clear), Some(place)) = (call.bytes(0), call.bytes(1)) else {
        return Ok(None);
    };
    Ok(Some(varlena(&sealed(clear, place)?)))
}

fn unseal(call: Call) -> Answer {
    let (Some(sealed), Some(place)) = (call.bytes(0), call.bytes(1)) else {
        return Ok(None);
    };
    Ok(Some(varlena(&opened(sealed, place)?)))
}

/// The keys' names, the newest first; none when the file cannot be used.
fn sealing_keys(_: Call) -> Answer {
    let names: Vec<Option<String>> = keys()
        .unwrap_or_default()
        .iter()
        .map(|key| Some(name(key.id())))
        .collect();
    Ok(Some(texts(&names)))
}

fn sealed_under(call: Call) -> Answer {
    Ok(call
        .bytes(0)
        .and_then(seal::id_of)
        .map(|id| varlena(name(id).as_bytes())))
}

/// Why there is no key to use, null when there is one.
fn key_fault(_: Call) -> Answer {
    Ok(keys().err().map(|fault| varlena(fault.message.as_bytes())))
}

crate::leaf!(pg_finfo_ucrm_seal, ucrm_seal, seal);
crate::leaf!(pg_finfo_ucrm_unseal, ucrm_unseal, unseal);
crate::leaf!(pg_finfo_ucrm_sealing_keys, ucrm_sealing_keys, sealing_keys);
crate::leaf!(pg_finfo_ucrm_sealed_under, ucrm_sealed_under, sealed_under);
crate::leaf!(pg_finfo_ucrm_key_fault, ucrm_key_fault, key_fault);
