//! Owns bodies: what is wrong with one that came in, and the envelope of one that goes out.
//! Must never take a row's JSON apart: it was made by PostgreSQL and goes out as it is.
//! Called by the generic resource and the routes that take an object.

pub mod json;

use crate::border::{Answer, Call, varlena, whole};
use ring::digest::{SHA256, digest};

fn json_fault(call: Call) -> Answer {
    let fault = json::check(call.bytes(0).unwrap_or_default(), json::MAX_DEPTH).err();
    Ok(fault.map(|fault| varlena(format!("{} (at byte {})", fault.message, fault.at).as_bytes())))
}

fn list_body(call: Call) -> Answer {
    let mut meta = String::from(",\"meta\":{");
    for (name, value) in [
        ("total", call.bigint(1)),
        ("page", call.bigint(2)),
        ("limit", call.bigint(3)),
    ] {
        if let Some(value) = value {
            let comma = if meta.ends_with('{') { "" } else { "," };
            meta.push_str(&format!("{comma}\"{name}\":{value}"));
        }
    }
    meta.push_str("}}");
    Ok(Some(whole(&[
        b"{\"data\":",
        call.bytes(0).unwrap_or(b"[]"),
        meta.as_bytes(),
    ])))
}

fn data_body(call: Call) -> Answer {
    Ok(call
        .bytes(0)
        .map(|item| whole(&[b"{\"data\":", item, b"}"])))
}

fn etag(call: Call) -> Answer {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let hash = digest(&SHA256, call.bytes(0).unwrap_or_default());
    let mut tag = vec![b'"'];
    for byte in &hash.as_ref()[..12] {
        tag.push(HEX[usize::from(byte >> 4)]);
        tag.push(HEX[usize::from(byte & 15)]);
    }
    tag.push(b'"');
    Ok(Some(varlena(&tag)))
}

crate::leaf!(pg_finfo_ucrm_json_fault, ucrm_json_fault, json_fault);
crate::leaf!(pg_finfo_ucrm_list_body, ucrm_list_body, list_body);
crate::leaf!(pg_finfo_ucrm_data_body, ucrm_data_body, data_body);
crate::leaf!(pg_finfo_ucrm_etag, ucrm_etag, etag);
