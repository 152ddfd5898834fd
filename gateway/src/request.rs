//! One HTTP request in the terms of `ucrm.handle`, and the rules of HTTP it has to keep.
//! Must never interpret a path, a query or a body: the database does.
//! Called by gateway; read by call and export.

use std::net::IpAddr;

use bytes::Bytes;
use hyper::header::{ACCEPT, HOST, HeaderName, HeaderValue, TRANSFER_ENCODING};
use hyper::http::request::Parts;
use hyper::http::uri::Authority;
use hyper::{Method, Uri, Version};
use uuid::Uuid;

use crate::address::TrustedProxies;
use crate::credential::Credential;
use crate::failure::Failure;
use crate::headers;

/// The value of `Allow` where the gateway itself refuses a method.
pub const ALLOWED_METHODS: &str = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";

/// Bytes of path and query together.
const TARGET_LIMIT: usize = 16 * 1024;

/// Bytes of header names and values together; hyper itself takes no more than a hundred of them.
const HEADERS_LIMIT: usize = 32 * 1024;

/// What `ucrm.handle` is told.
pub struct Call {
    /// Upper case; GET for HEAD.
    pub method: &'static str,
    /// True for HEAD.
    pub head_only: bool,
    /// True for a client that takes a reply line by line.
    pub wants_lines: bool,
    /// The target as sent.
    pub uri: Uri,
    /// JSON object of the allowed headers.
    pub headers: Vec<u8>,
    /// Filled in when it has been read; none when empty.
    pub body: Option<Bytes>,
    /// What the client shows of itself.
    pub credential: Credential,
    /// Whom the address window counts.
    pub address: IpAddr,
    /// Made here, returned as `x-request-id`.
    pub request_id: Uuid,
}

impl Call {
    /// Reads the head of a request.
    ///
    /// # Errors
    /// Whatever breaks a rule of HTTP, as a 4xx.
    pub fn of(
        parts: &Parts,
        peer: IpAddr,
        proxies: &TrustedProxies,
        cookie: &str,
        request_id: Uuid,
    ) -> Result<Self, Failure> {
        let (method, head_only) = method(&parts.method)?;
        keep_the_rules(parts)?;
        Ok(Self {
            method,
            head_only,
            wants_lines: headers::has(&parts.headers, &ACCEPT, "application/x-ndjson"),
            uri: parts.uri.clone(),
            headers: headers::to_json(&parts.headers)?,
            body: None,
            credential: Credential::pick(&parts.headers, cookie)?,
            address: proxies.client(peer, &parts.headers),
            request_id,
        })
    }

    /// The raw path, still percent-encoded.
    pub fn path(&self) -> &str {
        self.uri.path()
    }

    /// The raw query without its question mark; empty if there is none.
    pub fn query(&self) -> &str {
        self.uri.query().unwrap_or_default()
    }

    /// True where doing it twice is as good as once (RFC 9110, 9.2.1).
    pub fn is_safe(&self) -> bool {
        matches!(self.method, "GET" | "OPTIONS")
    }

    /// True for what is streamed piece by piece.
    pub fn is_streamed(&self) -> bool {
        let export = self.method == "GET" && self.path().ends_with("/export");
        export || self.is_import() && self.wants_lines
    }

    /// True where a body is a file of rows.
    pub fn is_import(&self) -> bool {
        self.method == "POST" && self.path().ends_with("/import")
    }

    /// True for the routes whose body is a file.
    pub fn is_upload(&self) -> bool {
        self.method == "POST" && self.path().starts_with("/api/v1/files/")
    }

    /// True for the one route whose body may be large.
    pub fn is_restore(&self) -> bool {
        self.method == "POST" && self.path() == "/api/v1/admin/workspaces/restore"
    }
}

/// True for the methods in `ALLOWED_METHODS`.
pub fn is_known(asked: &Method) -> bool {
    method(asked).is_ok()
}

fn method(method: &Method) -> Result<(&'static str, bool), Failure> {
    Ok(match *method {
        Method::GET => ("GET", false),
        Method::HEAD => ("GET", true),
        Method::POST => ("POST", false),
        Method::PUT => ("PUT", false),
        Method::PATCH => ("PATCH", false),
        Method::DELETE => ("DELETE", false),
        Method::OPTIONS => ("OPTIONS", false),
        _ => return Err(Failure::MethodNotAllowed),
    })
}

fn keep_the_rules(parts: &Parts) -> Result<(), Failure> {
    let query = parts.uri.query().map_or(0, str::len);
    if parts.uri.path().len() + query > TARGET_LIMIT {
        return Err(Failure::UriTooLong);
    }
    if !parts.uri.path().starts_with('/') {
        return Err(Failure::Malformed("the request target is not a path"));
    }
    let size = |(name, value): (&HeaderName, &HeaderValue)| name.as_str().len() + value.len();
    if parts.headers.iter().map(size).sum::<usize>() > HEADERS_LIMIT {
        return Err(Failure::HeadersTooLarge);
    }
    one_host(parts)?;
    let coded = parts.headers.get_all(TRANSFER_ENCODING);
    let mut coded = coded.iter();
    // RFC 9112, 6.3: hyper obeys chunked over a content-length, closes, and refuses a coding that does
    // not end in chunked; a second coding under it would reach the database still encoded.
    let plain = |coding: &HeaderValue| coding.as_bytes().eq_ignore_ascii_case(b"chunked");
    if coded.next().is_some_and(|coding| !plain(coding)) || coded.next().is_some() {
        return Err(Failure::Malformed(
            "the only transfer-encoding taken is chunked",
        ));
    }
    Ok(())
}

// RFC 9112, 3.2; hyper itself lets all of these pass.
fn one_host(parts: &Parts) -> Result<(), Failure> {
    let mut hosts = parts.headers.get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(host), None) => match Authority::try_from(host.as_bytes()) {
            Ok(authority) if !authority.as_str().contains('@') => Ok(()),
            _ => Err(Failure::Malformed("the Host header is not a host")),
        },
        (None, None) if parts.version == Version::HTTP_10 => Ok(()),
        (None, _) => Err(Failure::Malformed("the Host header is missing")),
        (Some(_), Some(_)) => Err(Failure::Malformed("there is more than one Host header")),
    }
}

#[cfg(test)]
#[path = "request_tests.rs"]
mod tests;
