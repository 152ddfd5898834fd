//! Where browsers see this installation, and what follows for cookies and for pages of other origins.
//! Must never set a cookie that a script or another site could use, nor take a page of another origin for one's own.
//! Called by gateway: before the database (who asks) and after (the session's cookie).

use hyper::header::{HOST, HeaderName, HeaderValue, ORIGIN};
use hyper::http::uri::Authority;
use hyper::{HeaderMap, Uri};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The public address, as configured.
pub struct Site {
    /// `https://app.example`; none: whatever the client calls it.
    pub public_url: Option<Uri>,
    /// True where browsers come by HTTPS.
    pub is_https: bool,
}

impl Site {
    /// The session cookie's name. The prefix keeps other hosts of a domain from setting it
    /// (RFC 6265bis, 4.1.3); browsers take it over HTTPS only.
    pub fn cookie(&self) -> &'static str {
        match self.is_https {
            true => "__Host-ucrm_session",
            false => "ucrm_session",
        }
    }

    /// `Set-Cookie` for so many seconds; none at all remove it.
    pub fn set_cookie(&self, value: &str, seconds: &str) -> Option<HeaderValue> {
        let secure = if self.is_https { "; Secure" } else { "" };
        let name = self.cookie();
        let text =
            format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}");
        HeaderValue::from_str(&text).ok()
    }

    /// True for a request that a page of another origin made a browser send. A client that is no browser sends neither
    /// header, and has no cookies but its own.
    pub fn is_foreign(&self, headers: &HeaderMap, allowed: &[HeaderValue]) -> bool {
        let origin = headers.get(ORIGIN);
        if origin.is_some_and(|origin| allowed.contains(origin) || self.is_own(origin, headers)) {
            return false;
        }
        let site = headers.get(SEC_FETCH_SITE).map(HeaderValue::as_bytes);
        match (site, origin) {
            // The Fetch Metadata of the page itself, or of somebody who typed the address.
            (Some(b"same-origin" | b"none"), _) => false,
            (None, None) => false,
            _ => true,
        }
    }

    fn is_own(&self, origin: &HeaderValue, headers: &HeaderMap) -> bool {
        let Some(origin) = origin
            .to_str()
            .ok()
            .and_then(|text| text.parse::<Uri>().ok())
        else {
            return false;
        };
        let (Some(scheme), Some(authority)) = (origin.scheme_str(), origin.authority()) else {
            return false;
        };
        if let Some(public) = &self.public_url {
            return public.scheme_str() == Some(scheme) && public.authority() == Some(authority);
        }
        let expected = if self.is_https { "https" } else { "http" };
        let host = headers
            .get(HOST)
            .and_then(|host| Authority::try_from(host.as_bytes()).ok());
        scheme == expected && host.as_ref() == Some(authority)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(public_url: Option<&str>, is_https: bool) -> Site {
        Site {
            public_url: public_url.map(|url| url.parse().unwrap()),
            is_https,
        }
    }

    fn foreign(site: &Site, pairs: &[(&'static str, &'static str)]) -> bool {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(*name, HeaderValue::from_static(value));
        }
        site.is_foreign(
            &headers,
            &[HeaderValue::from_static("https://friend.example")],
        )
    }

    #[test]
    fn only_pages_of_this_origin_and_of_allowed_ones_are_at_home() {
        let here = site(Some("https://app.example"), true);
        let host = ("host", "internal:8080");
        for (pairs, expected) in [
            (vec![host], false),
            (vec![host, ("origin", "https://app.example")], false),
            (
                vec![
                    host,
                    ("origin", "https://friend.example"),
                    ("sec-fetch-site", "cross-site"),
                ],
                false,
            ),
            (vec![host, ("sec-fetch-site", "same-origin")], false),
            (vec![host, ("sec-fetch-site", "none")], false),
            (vec![host, ("origin", "http://app.example")], true),
            (vec![host, ("origin", "https://app.example:444")], true),
            (vec![host, ("origin", "https://internal:8080")], true),
            (vec![host, ("origin", "null")], true),
            (vec![host, ("sec-fetch-site", "cross-site")], true),
            (vec![host, ("sec-fetch-site", "same-site")], true),
            (vec![host, ("sec-fetch-site", "nonsense")], true),
        ] {
            assert_eq!(foreign(&here, &pairs), expected, "{pairs:?}");
        }
    }

    #[test]
    fn without_a_configured_address_the_host_header_is_one_s_own() {
        let here = site(None, false);
        let host = ("host", "127.0.0.1:8080");
        assert!(!foreign(
            &here,
            &[host, ("origin", "http://127.0.0.1:8080")]
        ));
        assert!(foreign(&here, &[host, ("origin", "http://127.0.0.1:8081")]));
        assert!(foreign(
            &here,
            &[host, ("origin", "https://127.0.0.1:8080")]
        ));
    }

    #[test]
    fn a_cookie_is_for_this_host_and_no_script() {
        let secure = site(None, true).set_cookie("abc", "60").unwrap();
        assert_eq!(
            secure,
            "__Host-ucrm_session=abc; Path=/; Max-Age=60; HttpOnly; SameSite=Lax; Secure"
        );
        let gone = site(None, false).set_cookie("", "0").unwrap();
        assert_eq!(
            gone,
            "ucrm_session=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax"
        );
        assert!(site(None, false).set_cookie("a\nb", "1").is_none());
    }
}
