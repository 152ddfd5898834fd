//! Which credential a request shows, in the form the database judges it.
//! Must never decide whether it is valid, read one from a URL, or keep a key's plain text.
//! Called by request.

use hyper::HeaderMap;
use hyper::header::{AUTHORIZATION, COOKIE, HeaderName, HeaderValue};

use crate::failure::Failure;
use crate::secret::digest_of;

const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");
const APIKEY: HeaderName = HeaderName::from_static("apikey");
const X_INTERNAL_SECRET: HeaderName = HeaderName::from_static("x-internal-secret");

const X_TENANT_ID: HeaderName = HeaderName::from_static("x-tenant-id");

const KEY_PREFIX: &[u8] = b"ucrm_live_";
const SESSION_PREFIX: &[u8] = b"ucrm_session_";
const DISPLAY: usize = 8;
const TENANT: usize = 26;
const SECRET: usize = 43;

/// What a request shows of itself.
pub enum Credential {
    /// Nothing.
    None,
    /// An API key: digest of the whole string, and the tenant it claims to be of.
    Key {
        /// SHA-256 of what was sent.
        digest: [u8; 32],
        /// The routing hint, where the key is well formed.
        hint: Option<String>,
    },
    /// The internal secret.
    Internal {
        /// SHA-256 of what was sent.
        digest: [u8; 32],
    },
    /// A session's secret, from the cookie or as a bearer token.
    Session {
        /// SHA-256 of what was sent.
        digest: [u8; 32],
        /// The workspace that the request names.
        named: Option<String>,
        /// True where a browser may have added it by itself.
        from_cookie: bool,
    },
    /// Any other bearer token; empty for a scheme that is not Bearer.
    Jwt {
        /// The token, as sent.
        token: Box<[u8]>,
        /// The workspace that the request names.
        named: Option<String>,
    },
}

impl Credential {
    /// Picks the one explicit credential, or without one the session's cookie.
    ///
    /// # Errors
    /// `ambiguous_credential` for two kinds, a repeated header or two cookies of the name. The one pair that counts as one is
    /// `apikey` beside the same text as bearer token, which is how Supabase's clients send a key.
    pub fn pick(headers: &HeaderMap, cookie: &str) -> Result<Self, Failure> {
        let key = only(headers, &X_API_KEY)?;
        let alias = only(headers, &APIKEY)?;
        let authorization = only(headers, &AUTHORIZATION)?;
        let internal = only(headers, &X_INTERNAL_SECRET)?;
        match (key, alias, authorization, internal) {
            (None, None, None, None) => Self::cookie(headers, cookie),
            (Some(key), None, None, None) | (None, Some(key), None, None) => {
                Ok(Self::key(key.as_bytes()))
            }
            (None, None, Some(value), None) => Ok(Self::bearer(value.as_bytes(), headers)),
            (None, None, None, Some(secret)) => Ok(Self::Internal {
                digest: digest_of(secret.as_bytes()),
            }),
            (None, Some(key), Some(value), None) if token(value.as_bytes()) == key.as_bytes() => {
                Ok(Self::key(key.as_bytes()))
            }
            _ => Err(Failure::AmbiguousCredential),
        }
    }

    /// The name of the kind, as `ucrm.handle` takes it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Key { .. } => "key",
            Self::Internal { .. } => "internal",
            Self::Session { .. } => "session",
            Self::Jwt { .. } => "jwt",
        }
    }

    /// The routing hint, never trusted.
    pub fn hint(&self) -> Option<&str> {
        match self {
            Self::Key { hint, .. } => hint.as_deref(),
            Self::Session { named, .. } | Self::Jwt { named, .. } => named.as_deref(),
            _ => None,
        }
    }

    /// The bytes that the database compares or verifies.
    pub fn bytes(&self) -> Option<&[u8]> {
        match self {
            Self::None => None,
            Self::Key { digest, .. } | Self::Internal { digest } | Self::Session { digest, .. } => {
                Some(digest)
            }
            Self::Jwt { token, .. } => Some(token),
        }
    }

    fn key(presented: &[u8]) -> Self {
        Self::Key {
            digest: digest_of(presented),
            hint: tenant_hint(presented).map(str::to_owned),
        }
    }

    /// True where a browser may have added it by itself, or may keep what the reply brings.
    pub fn is_ambient(&self) -> bool {
        matches!(
            self,
            Self::None
                | Self::Session {
                    from_cookie: true,
                    ..
                }
        )
    }

    fn cookie(headers: &HeaderMap, name: &str) -> Result<Self, Failure> {
        let mut found = cookies(headers, name);
        match (found.next(), found.next()) {
            (None, _) => Ok(Self::None),
            (Some(value), None) => Ok(Self::Session {
                digest: digest_of(value),
                named: named(headers),
                from_cookie: true,
            }),
            (Some(_), Some(_)) => Err(Failure::AmbiguousCredential),
        }
    }

    fn bearer(value: &[u8], headers: &HeaderMap) -> Self {
        let token = token(value);
        if token.starts_with(KEY_PREFIX) {
            return Self::key(token);
        }
        if token.starts_with(SESSION_PREFIX) {
            return Self::Session {
                digest: digest_of(token),
                named: named(headers),
                from_cookie: false,
            };
        }
        Self::Jwt {
            token: token.into(),
            named: named(headers),
        }
    }
}

/// The values of the cookies of this name. RFC 6265, 5.4: pairs parted by "; ", perhaps over several lines.
pub fn cookies<'a>(headers: &'a HeaderMap, name: &str) -> impl Iterator<Item = &'a [u8]> {
    headers
        .get_all(COOKIE)
        .iter()
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b';'))
        .filter_map(|pair| pair.trim_ascii().strip_prefix(name.as_bytes()))
        .filter_map(|rest| rest.strip_prefix(b"="))
}

/// The session's secret that is shown as bearer token, if one is.
pub fn bearer_session(headers: &HeaderMap) -> Option<&[u8]> {
    let shown = token(headers.get(AUTHORIZATION)?.as_bytes());
    shown.starts_with(SESSION_PREFIX).then_some(shown)
}

fn named(headers: &HeaderMap) -> Option<String> {
    let name = headers.get(X_TENANT_ID)?.to_str().ok()?;
    Some(name.to_owned())
}

fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a HeaderValue>, Failure> {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    match values.next() {
        Some(_) => Err(Failure::AmbiguousCredential),
        None => Ok(first),
    }
}

// RFC 9110, 11.1: the scheme is case-insensitive. Another scheme's value is not ours to read.
fn token(authorization: &[u8]) -> &[u8] {
    let Some((scheme, rest)) = authorization.split_at_checked(b"bearer".len()) else {
        return &[];
    };
    if !scheme.eq_ignore_ascii_case(b"bearer") || !rest.starts_with(b" ") {
        return &[];
    }
    rest.trim_ascii()
}

// By position, because the secret's alphabet has the underscore too.
fn tenant_hint(key: &[u8]) -> Option<&str> {
    let rest = key.strip_prefix(KEY_PREFIX)?;
    if rest.len() != DISPLAY + 1 + TENANT + 1 + SECRET {
        return None;
    }
    let tenant = &rest[DISPLAY + 1..DISPLAY + 1 + TENANT];
    let framed = rest[DISPLAY] == b'_' && rest[DISPLAY + 1 + TENANT] == b'_';
    if !framed || !tenant.iter().all(u8::is_ascii_alphanumeric) {
        return None;
    }
    std::str::from_utf8(tenant).ok()
}

#[cfg(test)]
#[path = "credential_tests.rs"]
mod tests;
