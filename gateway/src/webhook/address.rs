//! Where a delivery goes: its URL taken apart.
//! Must never take http where no exception was made, nor a URL with a name and password.
//! Called by sender.

use hyper::Uri;
use rustls::pki_types::ServerName;

use crate::webhook::outcome::Fault;

/// What of a URL a connection and a request are made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// For TLS; none for http.
    pub server: Option<ServerName<'static>>,
    /// Name or address, without brackets.
    pub host: String,
    /// Where it listens.
    pub port: u16,
    /// As the Host header has it.
    pub authority: String,
    /// Path and query.
    pub target: Uri,
}

impl Address {
    /// Of a URL; `internal`: http may be.
    ///
    /// # Errors
    /// `Fault::Url`.
    pub fn of(url: &str, internal: bool) -> Result<Self, Fault> {
        let uri: Uri = url.parse().map_err(|_| Fault::Url)?;
        let authority = uri.authority().ok_or(Fault::Url)?;
        let encrypted = match uri.scheme_str() {
            Some("https") => true,
            Some("http") if internal => false,
            _ => return Err(Fault::Url),
        };
        if authority.as_str().contains('@') {
            return Err(Fault::Url);
        }
        let host = authority.host();
        let port = match &authority.as_str()[host.len()..] {
            "" => {
                if encrypted {
                    443
                } else {
                    80
                }
            }
            given => given
                .strip_prefix(':')
                .and_then(|port| port.parse().ok())
                .ok_or(Fault::Url)?,
        };
        let host = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'))
            .unwrap_or(host)
            .to_owned();
        let server = ServerName::try_from(host.clone()).map_err(|_| Fault::Url)?;
        let target = uri.path_and_query().map_or("/", |target| target.as_str());
        Ok(Self {
            server: encrypted.then_some(server),
            port,
            authority: authority.as_str().to_owned(),
            target: target.parse().map_err(|_| Fault::Url)?,
            host,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_taken_apart() {
        let address = Address::of("https://hooks.acme.example/a/b?c=d", false).unwrap();
        assert_eq!(
            (
                address.host.as_str(),
                address.port,
                address.server.is_some()
            ),
            ("hooks.acme.example", 443, true)
        );
        assert_eq!(address.target, "/a/b?c=d");
        let address = Address::of("https://[2606:4700::1111]:8443", false).unwrap();
        assert_eq!(
            (
                address.host.as_str(),
                address.port,
                address.authority.as_str()
            ),
            ("2606:4700::1111", 8443, "[2606:4700::1111]:8443")
        );
        assert_eq!(address.target, "/");
        let address = Address::of("http://127.0.0.1:8000/x", true).unwrap();
        assert_eq!((address.port, address.server), (8000, None));
    }

    #[test]
    fn what_is_no_url_to_deliver_to_is_refused() {
        for url in [
            "",
            "/",
            "hooks.acme.example",
            "http://hooks.acme.example",
            "ftp://hooks.acme.example",
            "file:///etc/passwd",
            "https://user:password@hooks.acme.example",
            "https://:443/",
            "https://[::1",
            "https://hooks.acme.example:99999",
        ] {
            assert_eq!(Address::of(url, false), Err(Fault::Url), "{url}");
        }
        for url in ["ftp://127.0.0.1/", "http://a:b@127.0.0.1/"] {
            assert_eq!(Address::of(url, true), Err(Fault::Url), "{url}");
        }
    }
}
