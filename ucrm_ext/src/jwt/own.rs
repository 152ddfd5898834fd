//! Owns UCRM's own tokens: a session and its user, signed with a key derived from the installation's.
//! Must never say that a session holds: it says which one, and the session is looked up.
//! Called by the leaf; keys and time are arguments.

use super::base64url;
use super::claims::{self, Expected};
use super::fault::Fault;
use super::token;
use ring::hmac;
use serde_json::{Value, json};

/// `iss` and `aud` of our tokens. No outside issuer may have this name.
pub const NAME: &str = "ucrm";
/// What the signing key is derived for.
pub const PURPOSE: &[u8] = b"ucrm session token 1";
const ALGORITHM: &str = "HS256";

/// What one of our tokens says.
#[derive(Debug, PartialEq, Eq)]
pub struct Session {
    /// The session.
    pub id: [u8; 16],
    /// Its user.
    pub user: [u8; 16],
    /// When the token ends, seconds since 1970.
    pub expires_at: i64,
}

/// A token for a session.
pub fn make(key: &hmac::Key, kid: &str, session: &Session, now: i64) -> String {
    let header = json!({"alg": ALGORITHM, "kid": kid, "typ": "JWT"});
    let claims = json!({
        "iss": NAME, "aud": NAME, "sub": print(session.user), "sid": print(session.id),
        "iat": now, "exp": session.expires_at,
    });
    let signed = format!(
        "{}.{}",
        base64url::encode(header.to_string().as_bytes()),
        base64url::encode(claims.to_string().as_bytes())
    );
    let tag = hmac::sign(key, signed.as_bytes());
    format!("{signed}.{}", base64url::encode(tag.as_ref()))
}

/// Judges one of our tokens at this moment; `keys` gives the key of a name.
pub fn open(
    keys: impl FnOnce(&str) -> Option<hmac::Key>,
    token: &[u8],
    now: i64,
) -> Result<Session, Fault> {
    let token = token::parse(token)?;
    if !token.is_of(&["JWT"]) {
        return Err(Fault::Type);
    }
    if token.algorithm != ALGORITHM {
        return Err(Fault::Algorithm);
    }
    let key = token
        .kid
        .as_deref()
        .and_then(keys)
        .ok_or(Fault::UnknownKey)?;
    hmac::verify(&key, token.signed, &token.signature).map_err(|_| Fault::Signature)?;
    let expected = Expected {
        issuer: NAME,
        audience: &[NAME],
        parties: &[],
    };
    let expires_at = claims::check(&token.claims, &expected, now)?;
    let id = |name: &str| {
        let text = token.claims.get(name).and_then(Value::as_str);
        text.and_then(parse).ok_or(Fault::Claim)
    };
    Ok(Session {
        id: id("sid")?,
        user: id("sub")?,
        expires_at,
    })
}

fn print(id: [u8; 16]) -> String {
    let hex: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
    [
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..],
    ]
    .join("-")
}

fn parse(text: &str) -> Option<[u8; 16]> {
    let digits: String = text.chars().filter(|letter| *letter != '-').collect();
    let id = u128::from_str_radix(&digits, 16).ok()?.to_be_bytes();
    (print(id) == text).then_some(id)
}
