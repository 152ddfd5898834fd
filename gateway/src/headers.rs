//! The request headers that the database may see, as one JSON object.
//! Must never pass a credential or a header outside the list.
//! Called by request.

use hyper::HeaderMap;
use hyper::header::HeaderName;

use crate::failure::Failure;

// RFC 9110, 5.3: a repeated field may be joined only if it is defined as a list.
const LISTS: [HeaderName; 4] = [
    hyper::header::ACCEPT,
    hyper::header::IF_MATCH,
    hyper::header::IF_NONE_MATCH,
    HeaderName::from_static("prefer"),
];
const SINGLES: [HeaderName; 15] = [
    hyper::header::USER_AGENT,
    hyper::header::CONTENT_TYPE,
    hyper::header::RANGE,
    HeaderName::from_static("x-tenant-id"),
    HeaderName::from_static("idempotency-key"),
    hyper::header::ORIGIN,
    HeaderName::from_static("traceparent"),
    HeaderName::from_static("accept-profile"),
    HeaderName::from_static("content-profile"),
    // Of webhooks that others send, for ucrm.verify_webhook().
    HeaderName::from_static("webhook-id"),
    HeaderName::from_static("webhook-timestamp"),
    HeaderName::from_static("webhook-signature"),
    HeaderName::from_static("svix-id"),
    HeaderName::from_static("svix-timestamp"),
    HeaderName::from_static("svix-signature"),
];

/// The allowed headers as JSON text: lower-case name to value.
///
/// # Errors
/// `bad_request` for a single-valued header sent twice and for a value that is not UTF-8.
pub fn to_json(headers: &HeaderMap) -> Result<Vec<u8>, Failure> {
    let mut json = Vec::with_capacity(192);
    json.push(b'{');
    for name in &SINGLES {
        let mut values = headers.get_all(name).iter();
        if let Some(value) = values.next() {
            if values.next().is_some() {
                return Err(Failure::Malformed(
                    "a header that has one value was sent twice",
                ));
            }
            member(&mut json, name, text(value.as_bytes())?)?;
        }
    }
    for name in &LISTS {
        let mut values = headers.get_all(name).iter();
        let Some(first) = values.next() else { continue };
        let first = text(first.as_bytes())?;
        match values.next() {
            None => member(&mut json, name, first)?,
            Some(second) => {
                let mut joined = first.to_owned();
                for value in std::iter::once(second).chain(values) {
                    joined.push_str(", ");
                    joined.push_str(text(value.as_bytes())?);
                }
                member(&mut json, name, &joined)?;
            }
        }
    }
    json.push(b'}');
    Ok(json)
}

/// Whether a header names this media type, with or without parameters.
pub fn has(headers: &HeaderMap, name: &HeaderName, wanted: &str) -> bool {
    let values = headers.get_all(name).iter();
    let mut types = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    types.any(|item| {
        let name = item.split(';').next().unwrap_or_default();
        name.trim().eq_ignore_ascii_case(wanted)
    })
}

fn text(value: &[u8]) -> Result<&str, Failure> {
    std::str::from_utf8(value).map_err(|_| Failure::Malformed("a header is not UTF-8"))
}

fn member(json: &mut Vec<u8>, name: &HeaderName, value: &str) -> Result<(), Failure> {
    if json.len() > 1 {
        json.push(b',');
    }
    json.push(b'"');
    json.extend_from_slice(name.as_str().as_bytes());
    json.extend_from_slice(b"\":");
    serde_json::to_writer(json, value).map_err(|_| Failure::Internal)
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn parsed(map: &HeaderMap) -> serde_json::Value {
        serde_json::from_slice(&to_json(map).unwrap()).unwrap()
    }

    #[test]
    fn only_the_list_passes_and_no_credential_does() {
        let mut map = HeaderMap::new();
        for name in ["accept", "x-api-key", "authorization", "cookie", "origin"] {
            map.insert(HeaderName::from_static(name), HeaderValue::from_static("v"));
        }
        assert_eq!(
            parsed(&map),
            serde_json::json!({"accept": "v", "origin": "v"})
        );
    }

    #[test]
    fn list_headers_join_and_single_ones_refuse_a_second() {
        let mut map = HeaderMap::new();
        map.append("prefer", HeaderValue::from_static("count=exact"));
        map.append("prefer", HeaderValue::from_static("return=minimal"));
        assert_eq!(
            parsed(&map),
            serde_json::json!({"prefer": "count=exact, return=minimal"})
        );
        map.append("x-tenant-id", HeaderValue::from_static("a"));
        map.append("x-tenant-id", HeaderValue::from_static("a"));
        assert!(to_json(&map).is_err());
    }

    proptest! {
        #[test]
        fn any_value_is_json_or_refused(value in proptest::collection::vec(any::<u8>(), 0..60)) {
            if let Ok(header) = HeaderValue::from_bytes(&value) {
                let mut map = HeaderMap::new();
                map.insert("if-match", header);
                match to_json(&map) {
                    Ok(json) => {
                        let back: serde_json::Value = serde_json::from_slice(&json).unwrap();
                        prop_assert_eq!(back["if-match"].as_str().unwrap().as_bytes(), &value[..]);
                    }
                    Err(_) => prop_assert!(std::str::from_utf8(&value).is_err()),
                }
            }
        }
    }
}
