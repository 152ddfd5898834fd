//! A mail server in one line: smtp://user:password@host:587?tls=required.
//! Must never quote the line in a message: it holds a password.
//! Called by settings.

use std::net::IpAddr;

use percent_encoding::percent_decode_str;
use url::{Host, Url};

use crate::mail::queue::Begin;
use crate::mail::smtp::Server;
use crate::secret::Secret;

const HELP: &str = "write it as smtp://user:password@host:587 (STARTTLS), smtps://user:password@host (TLS from the \
first byte), or smtp://host:25?tls=none, and percent-encode special characters of the password";

/// Reads the line. smtps: TLS from the first byte; smtp: STARTTLS, which must succeed, or with `tls=none` nothing.
///
/// # Errors
/// A sentence naming the variable and the fix.
pub fn server(text: &str) -> Result<Server, String> {
    let refused = || format!("UCRM_SMTP_URL is not understood: {HELP}");
    let url = Url::parse(text).map_err(|_| refused())?;
    let host = url
        .host_str()
        .filter(|host| !host.is_empty())
        .ok_or_else(refused)?;
    let bare = matches!(url.path(), "" | "/") && url.fragment().is_none();
    let mut wanted = "required".to_owned();
    for (name, value) in url.query_pairs() {
        match &*name {
            "tls" => wanted = value.into_owned(),
            _ => return Err(refused()),
        }
    }
    let (default, tls) = match (url.scheme(), &*wanted) {
        ("smtps", "required") => (465, Some(Begin::Implicit)),
        ("smtp", "required" | "starttls") => (587, Some(Begin::Starttls)),
        ("smtp", "none") => (25, None),
        _ => return Err(refused()),
    };
    let port = url.port().unwrap_or(default);
    // RFC 8314, 3.3: this port speaks TLS from the first byte.
    let tls = tls.map(|begin| if port == 465 { Begin::Implicit } else { begin });
    let decoded = |text: &str| {
        let text = percent_decode_str(text).decode_utf8().ok()?.into_owned();
        (!text.chars().any(char::is_control)).then_some(text)
    };
    let login = match (url.username(), url.password()) {
        ("", None) => None,
        ("", Some(_)) | (_, None) => return Err(refused()),
        (name, Some(password)) => Some((
            decoded(name).ok_or_else(refused)?,
            Secret::new(decoded(password).ok_or_else(refused)?),
        )),
    };
    match bare {
        true => Ok(Server {
            host: host.trim_matches(['[', ']']).to_owned(),
            port,
            tls,
            login,
        }),
        false => Err(refused()),
    }
}

/// True for a name or address of this machine.
pub fn is_here(host: &str) -> bool {
    match Host::parse(host) {
        Ok(Host::Domain(name)) => name == "localhost",
        Ok(Host::Ipv4(address)) => address.is_loopback(),
        Ok(Host::Ipv6(address)) => address.is_loopback(),
        Err(_) => host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback()),
    }
}

#[cfg(test)]
#[path = "smtp_url_tests.rs"]
mod tests;
