//! Owns the border of the audit's proof: rows, seals and checkpoints in, digests, lines and notes out. What they are as
//! bytes is ucrm-chain's.
//! Must never read a table, nor let a private key out.
//! Called by the SQL functions that seal, verify, export and erase.

use crate::border::{Answer, Call, Fault, composite, texts, varlena};
use crate::{secret, token, uuid_text};
use pgrx::{PgSqlErrorCode, pg_sys};
use std::ffi::CStr;
use std::ptr::null_mut;
use ucrm_chain::note::{self, Checkpoint, PublicKey, SIGNER};
use ucrm_chain::row::Row;
use ucrm_chain::seal::Seal;
use ucrm_chain::{Digest, digest, moment, tree};

/// Microseconds from 1970 to 2000, where PostgreSQL's time begins.
const EPOCH: i64 = 946_684_800_000_000;

fn uuid(call: Call, n: usize) -> Option<String> {
    call.uuid(n).map(uuid_text::text)
}

fn time(call: Call, n: usize) -> Option<String> {
    Some(match call.bigint(n)? {
        i64::MIN => "-infinity".into(),
        i64::MAX => "infinity".into(),
        microseconds => moment::text(microseconds.saturating_add(EPOCH)),
    })
}

fn address(call: Call, n: usize) -> Option<String> {
    // SAFETY: the argument is an inet; its output function makes a terminated text.
    unsafe {
        let text = pgrx::direct_function_call_as_datum(pg_sys::inet_out, &[Some(call.datum(n)?)]);
        let text = CStr::from_ptr(text?.cast_mut_ptr());
        Some(text.to_string_lossy().into_owned())
    }
}

/// jsonb as it is printed. JSON's null is none: a line cannot tell them apart.
fn json<'a>(call: Call, n: usize) -> Option<&'a str> {
    let datum = call.datum(n)?;
    // SAFETY: the argument is a jsonb; what is printed is UTF-8 and lives as long as the call.
    let text = unsafe {
        let jsonb: *mut pg_sys::Jsonb = pg_sys::pg_detoast_datum(datum.cast_mut_ptr()).cast();
        let size = pgrx::varlena::varsize_any(jsonb.cast()) as i32;
        let text = pg_sys::JsonbToCString(null_mut(), &raw mut (*jsonb).root, size);
        std::str::from_utf8_unchecked(CStr::from_ptr(text).to_bytes())
    };
    (text != "null").then_some(text)
}

/// Calls `with` with the row that the first eighteen arguments are, in the order of sql/66_seal.sql. A digest that is none
/// stands as one that nothing has: what was changed is to be found, and not to end the search.
fn row<T>(call: Call, with: impl FnOnce(&Row) -> T) -> T {
    let (id, tenant_id, at) = (uuid(call, 0), uuid(call, 1), time(call, 2));
    let (user_id, impersonator_id, request_id) = (uuid(call, 4), uuid(call, 5), uuid(call, 8));
    let (address, salt) = (address(call, 9), uuid(call, 16));
    with(&Row {
        id: id.as_deref().unwrap_or_default(),
        tenant_id: tenant_id.as_deref(),
        at: at.as_deref().unwrap_or_default(),
        actor_kind: call.text(3),
        user_id: user_id.as_deref(),
        impersonator_id: impersonator_id.as_deref(),
        api_key_prefix: call.text(6),
        db_login: call.text(7),
        request_id: request_id.as_deref(),
        address: address.as_deref(),
        action: call.text(10).unwrap_or_default(),
        resource: call.text(11),
        record_id: call.text(12),
        before: json(call, 13),
        after: json(call, 14),
        changed: call.datum(15).map(|_| call.texts(15)),
        salt: salt.as_deref(),
        images: call.bytes(17).map(digest),
    })
}

fn audit_leaf(call: Call) -> Answer {
    let leaf = row(call, |row| row.leaf());
    Ok(Some(varlena(&leaf)))
}

fn audit_line(call: Call) -> Answer {
    let line = row(call, |row| row.line());
    Ok(Some(varlena(line.as_bytes())))
}

fn images_digest(call: Call) -> Answer {
    let salt = uuid(call, 0);
    let row = Row {
        salt: salt.as_deref(),
        before: json(call, 1),
        after: json(call, 2),
        ..Row::default()
    };
    Ok(Some(varlena(&row.images_digest())))
}

/// Null: of something that is not leaves.
fn merkle_root(call: Call) -> Answer {
    let leaves = call.bytes(0).unwrap_or_default().chunks_exact(32);
    if !leaves.remainder().is_empty() {
        return Ok(None);
    }
    let leaves: Vec<Digest> = leaves.map(digest).collect();
    Ok(Some(varlena(&tree::root(&leaves))))
}

fn seal_digest(call: Call) -> Answer {
    let whole = |n| call.bigint(n).and_then(|n| u64::try_from(n).ok());
    let seal = Seal {
        tenant: uuid(call, 0).unwrap_or_default(),
        n: whole(1).unwrap_or_default(),
        first: uuid(call, 2),
        last: uuid(call, 3).unwrap_or_default(),
        rows: whole(4).unwrap_or_default(),
        root: digest(call.bytes(5).unwrap_or_default()),
        previous: digest(call.bytes(6).unwrap_or_default()),
        pruned: whole(7).unwrap_or_default(),
        created_at: time(call, 8).unwrap_or_default(),
    };
    Ok(Some(varlena(&seal.digest())))
}

fn no_key() -> Fault {
    Fault::new(
        PgSqlErrorCode::ERRCODE_DATA_CORRUPTED,
        "the audit's key is no Ed25519 key",
    )
}

/// A new key: its public half, and its seed, sealed for its place.
fn make_audit_key(call: Call) -> Answer {
    let seed = token::draw::<32>()?;
    let public = note::public_of(&seed).ok_or_else(no_key)?;
    let sealed = secret::sealed(&seed, call.bytes(0).unwrap_or_default())?;
    Ok(Some(composite(
        call,
        &[Some(varlena(&public)), Some(varlena(&sealed))],
    )))
}

fn audit_key_text(call: Call) -> Answer {
    let public = digest(call.bytes(0).unwrap_or_default());
    Ok(Some(varlena(
        PublicKey::new(SIGNER, public).text().as_bytes(),
    )))
}

/// A checkpoint, signed: sealed seed, its place, then what the checkpoint says.
fn sign_checkpoint(call: Call) -> Answer {
    let (Some(sealed), Some(place)) = (call.bytes(0), call.bytes(1)) else {
        return Ok(None);
    };
    let whole = |n| call.bigint(n).and_then(|n| u64::try_from(n).ok());
    let checkpoint = Checkpoint {
        tenant: uuid(call, 2).unwrap_or_default(),
        n: whole(3).unwrap_or_default(),
        hash: digest(call.bytes(4).unwrap_or_default()),
        rows: whole(5).unwrap_or_default(),
        last: uuid(call, 6).unwrap_or_default(),
        at: time(call, 7).unwrap_or_default(),
    };
    let seed = secret::opened(sealed, place)?;
    let signed = note::sign(&seed, &checkpoint.text()).ok_or_else(no_key)?;
    Ok(Some(varlena(signed.as_bytes())))
}

/// What a note says that one of the keys has signed: tenant, n, hash, rows, last, at; null when none has.
fn open_checkpoint(call: Call) -> Answer {
    let keys: Vec<PublicKey> = call
        .texts(1)
        .into_iter()
        .flatten()
        .filter_map(PublicKey::read)
        .collect();
    let checkpoint = call.text(0).and_then(|text| note::checkpoint(text, &keys));
    Ok(checkpoint.map(|checkpoint| {
        texts(&[
            Some(checkpoint.tenant),
            Some(checkpoint.n.to_string()),
            Some(ucrm_chain::hex(&checkpoint.hash)),
            Some(checkpoint.rows.to_string()),
            Some(checkpoint.last),
            Some(checkpoint.at),
        ])
    }))
}

crate::leaf!(pg_finfo_ucrm_audit_leaf, ucrm_audit_leaf, audit_leaf);
crate::leaf!(pg_finfo_ucrm_audit_line, ucrm_audit_line, audit_line);
crate::leaf!(
    pg_finfo_ucrm_images_digest,
    ucrm_images_digest,
    images_digest
);
crate::leaf!(pg_finfo_ucrm_merkle_root, ucrm_merkle_root, merkle_root);
crate::leaf!(pg_finfo_ucrm_seal_digest, ucrm_seal_digest, seal_digest);
crate::leaf!(
    pg_finfo_ucrm_make_audit_key,
    ucrm_make_audit_key,
    make_audit_key
);
crate::leaf!(
    pg_finfo_ucrm_audit_key_text,
    ucrm_audit_key_text,
    audit_key_text
);
crate::leaf!(
    pg_finfo_ucrm_sign_checkpoint,
    ucrm_sign_checkpoint,
    sign_checkpoint
);
crate::leaf!(
    pg_finfo_ucrm_open_checkpoint,
    ucrm_open_checkpoint,
    open_checkpoint
);
