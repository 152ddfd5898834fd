//! Which browser origins may read replies (the Fetch standard's CORS protocol).
//! Must never answer with a wildcard, or name an origin that is not configured.
//! Called by gateway before (preflight) and after (every reply) the database.

use bytes::Bytes;
use hyper::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_METHOD, HeaderValue, ORIGIN, VARY,
};
use hyper::http::request::Parts;
use hyper::{HeaderMap, Method, Response, StatusCode};

use crate::reply::Reply;
use crate::reply_body::ReplyBody;

const METHODS: &str = "GET, HEAD, POST, PUT, PATCH, DELETE";
const REQUEST_HEADERS: &str = "accept, accept-profile, apikey, authorization, content-profile, content-type, \
     idempotency-key, if-match, if-none-match, prefer, range, range-unit, traceparent, tracestate, \
     x-api-key, x-client-info, x-request-id, x-tenant-id";
const REPLY_HEADERS: &str = "content-disposition, content-location, content-range, etag, link, location, \
     preference-applied, ratelimit, ratelimit-policy, retry-after, set-auth-token, x-request-id";
const MAX_AGE_S: &str = "600";

/// The configured origins; empty by default.
pub struct Origins(pub Vec<HeaderValue>);

impl Origins {
    /// The reply to a preflight, which never reaches the database; none for anything else.
    /// Without the headers that `decorate` adds for an allowed origin, a browser takes it as a no.
    pub fn preflight(&self, parts: &Parts) -> Option<Reply> {
        let asks = parts.method == Method::OPTIONS
            && parts.headers.contains_key(ORIGIN)
            && parts.headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD);
        if !asks {
            return None;
        }
        let mut response = Response::new(ReplyBody::whole(Bytes::new()));
        *response.status_mut() = StatusCode::NO_CONTENT;
        if self.allowed(&parts.headers).is_some() {
            let headers = response.headers_mut();
            for (name, value) in [
                (ACCESS_CONTROL_ALLOW_METHODS, METHODS),
                (ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS),
                (ACCESS_CONTROL_MAX_AGE, MAX_AGE_S),
            ] {
                headers.insert(name, HeaderValue::from_static(value));
            }
        }
        Some(Reply {
            response,
            route: "preflight".into(),
            code: "".into(),
            session: None,
        })
    }

    /// Adds to a reply what lets an allowed origin read it.
    pub fn decorate(&self, request: &HeaderMap, reply: &mut HeaderMap) {
        if self.0.is_empty() {
            return;
        }
        reply.append(VARY, HeaderValue::from_static("origin"));
        if let Some(origin) = self.allowed(request) {
            reply.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            reply.insert(
                ACCESS_CONTROL_ALLOW_CREDENTIALS,
                HeaderValue::from_static("true"),
            );
            reply.insert(
                ACCESS_CONTROL_EXPOSE_HEADERS,
                HeaderValue::from_static(REPLY_HEADERS),
            );
        }
    }

    fn allowed(&self, request: &HeaderMap) -> Option<&HeaderValue> {
        let origin = request.get(ORIGIN)?;
        self.0.iter().find(|known| *known == origin)
    }
}

#[cfg(test)]
mod tests {
    use hyper::Request;

    use super::*;

    fn ask(origin: &'static str) -> Parts {
        let request = Request::options("/api/v1/contacts")
            .header(ORIGIN, origin)
            .header(ACCESS_CONTROL_REQUEST_METHOD, "PATCH");
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn an_allowed_origin_is_answered_by_name_and_another_is_not() {
        let origins = Origins(vec![HeaderValue::from_static("https://app.example")]);
        let parts = ask("https://app.example");
        let mut reply = origins.preflight(&parts).unwrap().response;
        origins.decorate(&parts.headers, reply.headers_mut());
        assert_eq!(
            reply.headers()[ACCESS_CONTROL_ALLOW_ORIGIN],
            "https://app.example"
        );
        assert!(reply.headers().contains_key(ACCESS_CONTROL_ALLOW_METHODS));

        let parts = ask("https://evil.example");
        let mut reply = origins.preflight(&parts).unwrap().response;
        origins.decorate(&parts.headers, reply.headers_mut());
        assert!(!reply.headers().contains_key(ACCESS_CONTROL_ALLOW_ORIGIN));
        assert!(!reply.headers().contains_key(ACCESS_CONTROL_ALLOW_METHODS));
        assert_eq!(reply.headers()[VARY], "origin");
    }

    #[test]
    fn by_default_no_origin_is_allowed_and_plain_options_is_no_preflight() {
        let origins = Origins(Vec::new());
        let parts = ask("https://app.example");
        let mut reply = origins.preflight(&parts).unwrap().response;
        origins.decorate(&parts.headers, reply.headers_mut());
        assert!(reply.headers().is_empty());
        let plain = Request::options("/").body(()).unwrap().into_parts().0;
        assert!(origins.preflight(&plain).is_none());
    }
}
