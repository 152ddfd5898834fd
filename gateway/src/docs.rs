//! The page at /docs: Swagger UI over `/api/v1/openapi.json`, out of the binary.
//! Must never let a browser load anything from elsewhere, or know what the document says: the page asks for it.
//! Called by gateway before the database is asked.

use bytes::Bytes;
use hyper::header::{
    ACCEPT_ENCODING, ALLOW, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE,
    HeaderValue, REFERRER_POLICY, VARY,
};
use hyper::http::request::Parts;
use hyper::{HeaderMap, Method, Response, StatusCode};

use crate::failure::Failure;
use crate::problem::{self, Dialect};
use crate::reply::Reply;
use crate::reply_body::ReplyBody;
use uuid::Uuid;

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
     connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/// Files change with the binary only.
const FRESH: &str = "public, max-age=3600";

struct File {
    path: &'static str,
    kind: &'static str,
    plain: &'static [u8],
    packed: Option<&'static [u8]>,
}

const FILES: [File; 5] = [
    File {
        path: "/docs",
        kind: "text/html; charset=utf-8",
        plain: include_bytes!("../docs/page.html"),
        packed: None,
    },
    File {
        path: "/docs/page.css",
        kind: "text/css; charset=utf-8",
        plain: include_bytes!("../docs/page.css"),
        packed: None,
    },
    File {
        path: "/docs/page.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("../docs/page.js"),
        packed: None,
    },
    File {
        path: "/docs/swagger-ui.css",
        kind: "text/css; charset=utf-8",
        plain: include_bytes!(concat!(env!("OUT_DIR"), "/swagger-ui.css")),
        packed: Some(include_bytes!(concat!(
            env!("OUT_DIR"),
            "/swagger-ui.css.gz"
        ))),
    },
    File {
        path: "/docs/swagger-ui-bundle.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!(concat!(env!("OUT_DIR"), "/swagger-ui-bundle.js")),
        packed: Some(include_bytes!(concat!(
            env!("OUT_DIR"),
            "/swagger-ui-bundle.js.gz"
        ))),
    },
];

/// The page or one of its files; none for any other path.
pub fn page(parts: &Parts, request_id: Uuid) -> Option<Reply> {
    let asked = parts.uri.path();
    let asked = asked.strip_suffix('/').unwrap_or(asked);
    let file = FILES.iter().find(|file| file.path == asked)?;
    if !matches!(parts.method, Method::GET | Method::HEAD) {
        let mut reply = problem::reply(Failure::MethodNotAllowed, Dialect::Native, request_id);
        let allowed = HeaderValue::from_static("GET, HEAD");
        reply.response.headers_mut().insert(ALLOW, allowed);
        return Some(reply);
    }
    let packed = file.packed.filter(|_| takes_gzip(&parts.headers));
    let body = Bytes::from_static(packed.unwrap_or(file.plain));
    let mut response = Response::new(ReplyBody::whole(body));
    *response.status_mut() = StatusCode::OK;
    let headers = response.headers_mut();
    for (name, value) in [
        (CONTENT_TYPE, file.kind),
        (CONTENT_SECURITY_POLICY, POLICY),
        (REFERRER_POLICY, "no-referrer"),
        (CACHE_CONTROL, FRESH),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if file.packed.is_some() {
        headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    }
    if packed.is_some() {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    Some(Reply {
        response,
        route: "docs".into(),
        code: "".into(),
        session: None,
    })
}

// RFC 9110, 12.5.3: named, and not with a weight of nothing.
fn takes_gzip(headers: &HeaderMap) -> bool {
    headers.get_all(ACCEPT_ENCODING).iter().any(|value| {
        value.to_str().unwrap_or_default().split(',').any(|coding| {
            let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
            let weight = weight.trim().trim_start_matches("q=");
            name.trim().eq_ignore_ascii_case("gzip")
                && !matches!(weight, "0" | "0." | "0.0" | "0.00" | "0.000")
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::Request;

    fn asked(method: Method, path: &str, coding: &str) -> Option<Reply> {
        let request = Request::builder().method(method).uri(path);
        let request = request.header(ACCEPT_ENCODING, coding).body(()).unwrap();
        page(&request.into_parts().0, Uuid::nil())
    }

    #[test]
    fn the_page_and_its_files_are_served_and_nothing_else_is() {
        for file in &FILES {
            let reply = asked(Method::GET, file.path, "").unwrap();
            let headers = reply.response.headers();
            assert_eq!(reply.response.status(), StatusCode::OK);
            assert_eq!(headers[CONTENT_TYPE], file.kind);
            assert!(!headers.contains_key(CONTENT_ENCODING) && !file.plain.is_empty());
        }
        assert!(asked(Method::GET, "/docs/", "").is_some());
        for path in [
            "/",
            "/doc",
            "/docs/x",
            "/docs/../docs",
            "/api/v1/openapi.json",
        ] {
            assert!(asked(Method::GET, path, "").is_none(), "{path}");
        }
        let refused = asked(Method::POST, "/docs", "").unwrap();
        assert_eq!(refused.response.status(), StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(refused.response.headers()[ALLOW], "GET, HEAD");
    }

    #[test]
    fn a_browser_loads_nothing_from_elsewhere() {
        let reply = asked(Method::GET, "/docs", "").unwrap();
        let policy = reply.response.headers()[CONTENT_SECURITY_POLICY].to_str();
        let policy = policy.unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'self';"));
        assert!(
            !policy.contains("http") && !policy.contains('*') && !policy.contains("unsafe-eval")
        );
        let html = std::str::from_utf8(FILES[0].plain).unwrap();
        assert!(!html.contains("//") && !html.contains("<style") && !html.contains(" on"));
    }

    #[test]
    fn large_files_are_packed_for_who_takes_them_so() {
        for (coding, expected) in [
            ("gzip, br", true),
            ("br;q=1, GZIP;q=0.5", true),
            ("gzip;q=0", false),
            ("br", false),
        ] {
            let reply = asked(Method::GET, "/docs/swagger-ui-bundle.js", coding).unwrap();
            let headers = reply.response.headers();
            assert_eq!(headers.contains_key(CONTENT_ENCODING), expected, "{coding}");
            assert_eq!(headers[VARY], "accept-encoding");
        }
        let page = asked(Method::GET, "/docs", "gzip").unwrap();
        assert!(!page.response.headers().contains_key(CONTENT_ENCODING));
    }
}
