//! A reply of the database as an HTTP response; its body passes through untouched.
//! Must never add to, or interpret, what the database said; strips what is internal.
//! Called by call and export with a row; completed by gateway.

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;
use hyper::header::{
    CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue, TRANSFER_ENCODING,
};
use hyper::{HeaderMap, Response, StatusCode};
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use tokio_postgres::Row;

use crate::failure::Failure;
use crate::jsonb::Jsonb;
use crate::reply_body::ReplyBody;

const ROUTE: &str = "x-ucrm-route";
const CODE: &str = "x-ucrm-code";
const SESSION: &str = "x-ucrm-session";
const INTERNAL: &str = "x-ucrm-";

/// What goes back, and what the metrics call it.
pub struct Reply {
    /// Status, headers, body.
    pub response: Response<ReplyBody>,
    /// The route's template; bounded, unlike the path.
    pub route: Cow<'static, str>,
    /// The refusal's code, or empty.
    pub code: Cow<'static, str>,
    /// What the session's cookie is to hold from now on.
    pub session: Option<String>,
}

impl Reply {
    /// Reads `(status int, headers jsonb, body bytea)`.
    ///
    /// # Errors
    /// `internal` if the row has another shape.
    pub fn from_row(row: &Row) -> Result<Self, Failure> {
        let broken = |error| {
            tracing::error!(%error, "the database's answer has another shape");
            Failure::Internal
        };
        let status: i32 = row.try_get(0).map_err(broken)?;
        let head: Option<Jsonb<'_>> = row.try_get(1).map_err(broken)?;
        let body: Option<&[u8]> = row.try_get(2).map_err(broken)?;
        let body = body.map(Bytes::copy_from_slice).unwrap_or_default();
        Self::of(status, head.map_or(b"{}", |head| head.0), body)
    }

    fn of(status: i32, head: &[u8], body: Bytes) -> Result<Self, Failure> {
        let status = u16::try_from(status)
            .ok()
            .and_then(|status| StatusCode::from_u16(status).ok())
            .filter(|status| !status.is_informational())
            .ok_or_else(|| {
                tracing::error!("the database's answer has no status of HTTP");
                Failure::Internal
            })?;
        let Head {
            mut headers,
            route,
            code,
            session,
        } = serde_json::from_slice(head).map_err(|error| {
            tracing::error!(%error, "the database's answer has no head");
            Failure::Internal
        })?;
        if !body.is_empty() && !headers.contains_key(CONTENT_TYPE) {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        let mut response = Response::new(ReplyBody::whole(body));
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        Ok(Self {
            response,
            route: route.map_or("none".into(), Cow::Owned),
            code: code.map_or("".into(), Cow::Owned),
            session,
        })
    }
}

#[derive(Default)]
struct Head {
    headers: HeaderMap,
    route: Option<String>,
    code: Option<String>,
    session: Option<String>,
}

// The text stays where it is: no map of strings is built only to be walked once.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de> Deserialize<'de> for Head {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Head;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("an object of header names and texts")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Head, A::Error> {
                let mut head = Head::default();
                while let Some((name, value)) = map.next_entry::<Text<'de>, Text<'de>>()? {
                    head.member(&name.0, value.0);
                }
                Ok(head)
            }
        }
        deserializer.deserialize_map(Members)
    }
}

impl Head {
    fn member(&mut self, name: &str, value: Cow<'_, str>) {
        match name {
            ROUTE => self.route = Some(value.into_owned()),
            CODE => self.code = Some(value.into_owned()),
            SESSION => self.session = Some(value.into_owned()),
            _ if name.starts_with(INTERNAL) => {}
            _ => {
                let name = HeaderName::from_bytes(name.as_bytes());
                let value = HeaderValue::from_str(&value);
                match (name, value) {
                    // Framing is the connection's own affair.
                    (Ok(CONTENT_LENGTH | TRANSFER_ENCODING | CONNECTION), _) => {}
                    (Ok(name), Ok(value)) => {
                        self.headers.insert(name, value);
                    }
                    _ => tracing::warn!("the database sent a header that HTTP cannot carry"),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn internal_headers_become_labels_and_framing_is_dropped() {
        let head =
            br#"{"x-ucrm-route":"/api/v1/{resource}","x-ucrm-code":"not_found","x-ucrm-new":"1",
            "content-length":"5","ETag":"\"a\u0031\"","bad header":"x","bad":"a\nb"}"#;
        let reply = Reply::of(404, head, Bytes::from_static(b"{}")).unwrap();
        assert_eq!(
            (&*reply.route, &*reply.code),
            ("/api/v1/{resource}", "not_found")
        );
        let headers = reply.response.headers();
        assert_eq!(headers["etag"], "\"a1\"");
        assert_eq!(headers["content-type"], "application/json");
        assert_eq!(headers.len(), 2);
    }

    #[test]
    fn an_empty_body_has_no_type_and_nonsense_is_internal() {
        let reply = Reply::of(204, b"{}", Bytes::new()).unwrap();
        assert!(reply.response.headers().is_empty());
        for (status, head) in [(99, "{}"), (101, "{}"), (200, "[]"), (200, "{\"a\":1}")] {
            let broken = Reply::of(status, head.as_bytes(), Bytes::new()).err();
            assert_eq!(broken, Some(Failure::Internal));
        }
    }
}
