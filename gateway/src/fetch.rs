//! One GET over HTTPS to an address out of the database.
//! Must never reach a private network unless it was told to, follow a redirect, read without a limit or wait without one.
//! Called by jwks.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1;
use hyper::header::{ACCEPT, CACHE_CONTROL, CONNECTION, HOST, USER_AGENT};
use hyper::http::uri::Authority;
use hyper::{HeaderMap, Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use ipnet::IpNet;
use rustls::pki_types::ServerName;
use thiserror::Error;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::destination::{self, Refused};
use crate::trust;

/// Longest answer.
pub const MOST: usize = 256 * 1024;
const LIMIT: Duration = Duration::from_secs(10);
const HTTPS: u16 = 443;
const AGENT: &str = concat!("ucrm-gateway/", env!("CARGO_PKG_VERSION"));

/// Fetches.
pub struct Fetcher {
    tls: Option<TlsConnector>,
    networks: Vec<IpNet>,
}

/// What came.
#[derive(Debug, PartialEq, Eq)]
pub struct Fetched {
    /// The body.
    pub text: String,
    /// How many seconds it may be kept, where the server says.
    pub max_age: Option<i32>,
}

/// Why nothing came. It says nothing of what the other side sent.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum FetchFault {
    /// Not a URL to be fetched.
    #[error("the URL is not https://host/path")]
    Url,
    /// The name is not known.
    #[error("the name of the host cannot be resolved")]
    Name,
    /// One of its addresses is private, and in none of the networks.
    #[error("the host's address is private, loopback or link-local: see UCRM_JWKS_NETWORKS")]
    Private,
    /// Nobody there.
    #[error("the host cannot be reached")]
    Unreachable,
    /// No trust.
    #[error("the host's certificate is not trusted, or it does not speak TLS 1.2 or 1.3")]
    Tls,
    /// This machine trusts nobody.
    #[error("this gateway's system has no root certificates")]
    NoRoots,
    /// Not HTTP.
    #[error("the answer is not HTTP/1.1, or was cut off")]
    Http,
    /// Not 200; redirects are not followed.
    #[error("the answer's status is {0}")]
    Status(u16),
    /// Beyond `MOST`.
    #[error("the answer is longer than 256 KiB")]
    Long,
    /// Not UTF-8.
    #[error("the answer is not UTF-8")]
    Text,
    /// Not within ten seconds.
    #[error("no answer in 10 seconds")]
    Slow,
}

impl Fetcher {
    /// Trusts the system's roots and those of a file; of private networks it reaches these.
    ///
    /// # Errors
    /// A sentence saying what is wrong with the file.
    pub fn new(ca_file: Option<&Path>, networks: &[IpNet]) -> Result<Self, String> {
        Ok(Self {
            tls: trust::connector(ca_file)?,
            networks: networks.to_vec(),
        })
    }

    /// GET, within ten seconds.
    ///
    /// # Errors
    /// Why nothing came.
    pub async fn get(&self, url: &str) -> Result<Fetched, FetchFault> {
        timeout(LIMIT, self.exchange(url))
            .await
            .unwrap_or(Err(FetchFault::Slow))
    }

    async fn exchange(&self, url: &str) -> Result<Fetched, FetchFault> {
        let uri: Uri = url.parse().map_err(|_| FetchFault::Url)?;
        let authority = uri.authority().ok_or(FetchFault::Url)?;
        if uri.scheme_str() != Some("https") || authority.as_str().contains('@') {
            return Err(FetchFault::Url);
        }
        let stream = self.connect(authority).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|_| FetchFault::Http)?;
        // Ends with the sender, at the latest when the time is up.
        tokio::spawn(connection);
        let request = Request::get(uri.path_and_query().map_or("/", |target| target.as_str()))
            .header(HOST, authority.as_str())
            .header(USER_AGENT, AGENT)
            .header(ACCEPT, "application/jwk-set+json, application/json")
            .header(CONNECTION, "close")
            .body(Empty::<Bytes>::new())
            .map_err(|_| FetchFault::Url)?;
        let answer = sender
            .send_request(request)
            .await
            .map_err(|_| FetchFault::Http)?;
        if answer.status() != StatusCode::OK {
            return Err(FetchFault::Status(answer.status().as_u16()));
        }
        let max_age = max_age(answer.headers());
        let body = Limited::new(answer.into_body(), MOST).collect().await;
        let bytes = body.map_err(
            |error| match error.is::<http_body_util::LengthLimitError>() {
                true => FetchFault::Long,
                false => FetchFault::Http,
            },
        )?;
        let text = String::from_utf8(bytes.to_bytes().into()).map_err(|_| FetchFault::Text)?;
        Ok(Fetched { text, max_age })
    }

    async fn connect(&self, authority: &Authority) -> Result<TlsStream<TcpStream>, FetchFault> {
        let tls = self.tls.as_ref().ok_or(FetchFault::NoRoots)?;
        let host = authority.host();
        let host = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'))
            .unwrap_or(host);
        let name = ServerName::try_from(host.to_owned()).map_err(|_| FetchFault::Url)?;
        let port = authority.port_u16().unwrap_or(HTTPS);
        let stream = destination::connect(host, port, &self.networks).await?;
        tls.connect(name, stream).await.map_err(|_| FetchFault::Tls)
    }
}

impl From<Refused> for FetchFault {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Unknown => Self::Name,
            Refused::NotPublic => Self::Private,
            Refused::Unreachable => Self::Unreachable,
        }
    }
}

// RFC 9111, 5.2.2.
fn max_age(headers: &HeaderMap) -> Option<i32> {
    let values = headers.get_all(CACHE_CONTROL).iter();
    let directives = values.filter_map(|value| value.to_str().ok());
    let mut age = None;
    for directive in directives.flat_map(|value| value.split(',')) {
        let directive = directive.trim().to_ascii_lowercase();
        if matches!(&*directive, "no-store" | "no-cache") {
            return Some(0);
        }
        if let Some(seconds) = directive.strip_prefix("max-age=") {
            age = seconds.trim_matches('"').parse().ok();
        }
    }
    age
}

#[cfg(test)]
#[path = "fetch_tests.rs"]
mod tests;
