//! Owns paths: their segments, and the form they have when ids are left out.
//! Must never decide where a path leads: that is ucrm.routes.
//! Called by `advance`, and by SQL where memory ends.

use crate::border::{Answer, Call, composite, texts};
use crate::memo;
use crate::row::Columns;
use pgrx::pg_sys;

/// Longest path that is looked at.
const MOST_BYTES: usize = 2048;

fn decode(segment: &str) -> Option<String> {
    let bytes = segment.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        if byte == b'%' {
            let pair = bytes
                .get(at + 1..at + 3)
                .filter(|pair| pair.iter().all(u8::is_ascii_hexdigit))?;
            decoded.push(u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?);
            at += 3;
        } else {
            decoded.push(byte);
            at += 1;
        }
    }
    String::from_utf8(decoded)
        .ok()
        .filter(|text| !text.contains('\0'))
}

/// The decoded segments of an absolute path (RFC 3986, 3.3).
pub fn segments(path: &str) -> Option<Vec<Option<String>>> {
    if path.len() > MOST_BYTES {
        return None;
    }
    path.strip_prefix('/')?
        .split('/')
        .map(|segment| decode(segment).map(Some))
        .collect()
}

fn is_id(segment: &str) -> bool {
    let hyphens = [8, 13, 18, 23];
    let uuid = segment.len() == 36
        && segment.bytes().enumerate().all(|(at, byte)| {
            if hyphens.contains(&at) {
                byte == b'-'
            } else {
                byte.is_ascii_hexdigit()
            }
        });
    uuid || (!segment.is_empty() && segment.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The path with `{}` for whatever looks like an id: the same for all rows of a resource.
fn form(path: &str) -> String {
    let mut form = String::with_capacity(path.len());
    for (at, segment) in path.split('/').enumerate() {
        if at > 0 {
            form.push('/');
        }
        form.push_str(if is_id(segment) { "{}" } else { segment });
    }
    form
}

/// The remembered ucrm.dispatch of a path of this form.
pub fn recalled(method: &[u8], path: &str) -> Option<pg_sys::Datum> {
    memo::recall_local(&[b"route", method, form(path).as_bytes()])
        .ok()
        .flatten()
}

fn remember(call: Call) -> Answer {
    let (Some(method), Some(path)) = (call.bytes(0), call.text(1)) else {
        return Ok(None);
    };
    memo::remember_local(
        &[b"route", method, form(path).as_bytes()],
        call.bigint(2),
        call.datum(3),
    )
}

/// Headers put over a route's, both jsonb.
pub fn over(under: Option<pg_sys::Datum>, over: Option<pg_sys::Datum>) -> Option<pg_sys::Datum> {
    match (under, over) {
        // SAFETY: both are jsonb, and jsonb_concat() is strict and immutable.
        (Some(_), Some(_)) => unsafe {
            pgrx::direct_function_call_as_datum(pg_sys::jsonb_concat, &[under, over])
        },
        (under, over) => over.or(under),
    }
}

/// The response with its headers put over the route's.
fn routed(call: Call) -> Answer {
    let Some(answer) = call.datum(0) else {
        return Ok(None);
    };
    let Some(columns) = Columns::<3>::of(answer) else {
        return Ok(Some(answer));
    };
    let headers = over(call.datum(1), columns.datum(1));
    Ok(Some(composite(
        call,
        &[columns.datum(0), headers, columns.datum(2)],
    )))
}

crate::leaf!(pg_finfo_ucrm_routed, ucrm_routed, routed);
crate::leaf!(
    pg_finfo_ucrm_remember_dispatch,
    ucrm_remember_dispatch,
    remember
);
crate::leaf!(
    pg_finfo_ucrm_path_segments,
    ucrm_path_segments,
    |call: Call| -> Answer {
        Ok(call
            .text(0)
            .and_then(segments)
            .map(|segments| -> pg_sys::Datum { texts(&segments) }))
    }
);
