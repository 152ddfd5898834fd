//! Owns bodies: what is wrong with one that came in, and the envelope of one that goes out.
//! Must never take a row's JSON apart: it was made by PostgreSQL and goes out as it is.
//! Called by the generic resource, `read`, and the routes that take an object.

pub mod json;

use crate::border::{Answer, Call, varlena, whole};
use ring::digest::{SHA256, digest};
use std::fmt::Write;

fn json_fault(call: Call) -> Answer {
    let body = call.bytes(0).unwrap_or_default();
    let fault = if call.flag(1) {
        json::value(body, json::MAX_DEPTH).err()
    } else {
        json::check(body, json::MAX_DEPTH).err()
    };
    Ok(fault.map(|fault| varlena(format!("{} (at byte {})", fault.message, fault.at).as_bytes())))
}

/// What a body begins with, before its row or rows.
pub const DATA: &[u8] = b"{\"data\":";

/// What a list's body ends with, after its rows. `next`: a cursor, of letters that need no escape.
pub fn meta(
    total: Option<i64>,
    page: Option<i64>,
    limit: Option<i64>,
    next: Option<&str>,
) -> String {
    let mut meta = String::from(",\"meta\":{");
    for (name, value) in [("total", total), ("page", page), ("limit", limit)] {
        if let Some(value) = value {
            let comma = if meta.ends_with('{') { "" } else { "," };
            // Writing to a string does not fail.
            let _ = write!(meta, "{comma}\"{name}\":{value}");
        }
    }
    if let Some(next) = next {
        let comma = if meta.ends_with('{') { "" } else { "," };
        let _ = write!(meta, "{comma}\"next_cursor\":\"{next}\"");
    }
    meta.push_str("}}");
    meta
}

fn list_body(call: Call) -> Answer {
    let meta = meta(call.bigint(1), call.bigint(2), call.bigint(3), None);
    Ok(Some(whole(&[
        DATA,
        call.bytes(0).unwrap_or(b"[]"),
        meta.as_bytes(),
    ])))
}

fn data_body(call: Call) -> Answer {
    Ok(call.bytes(0).map(|item| whole(&[DATA, item, b"}"])))
}

/// The ETag of a row as it is shown.
pub fn tag(item: &[u8]) -> [u8; 26] {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let hash = digest(&SHA256, item);
    let mut tag = [b'"'; 26];
    for (pair, byte) in tag[1..25].chunks_exact_mut(2).zip(hash.as_ref()) {
        pair[0] = HEX[usize::from(byte >> 4)];
        pair[1] = HEX[usize::from(byte & 15)];
    }
    tag
}

fn etag(call: Call) -> Answer {
    Ok(Some(varlena(&tag(call.bytes(0).unwrap_or_default()))))
}

crate::leaf!(pg_finfo_ucrm_json_fault, ucrm_json_fault, json_fault);
crate::leaf!(pg_finfo_ucrm_list_body, ucrm_list_body, list_body);
crate::leaf!(pg_finfo_ucrm_data_body, ucrm_data_body, data_body);
crate::leaf!(pg_finfo_ucrm_etag, ucrm_etag, etag);
