//! Owns the compact form of a signed token (RFC 7515, 3.1 and 7.1) and its header.
//! Must never take a key or an algorithm from the token: it only says which of the issuer's it names.
//! Called by `verify` and `own`, and to see whose token it says it is.

use super::base64url;
use super::fault::Fault;
use crate::body::json;
use serde_json::{Map, Value};

/// Longest token.
pub const MOST: usize = 16 * 1024;
const DEPTH: usize = 32;
/// Members by which a header brings its own key, or changes what is signed or how it is read (RFC 7515, 4.1; RFC 7797;
/// RFC 7516, 4.1).
const REFUSED: [&str; 7] = ["jwk", "jku", "x5u", "crit", "b64", "enc", "zip"];

/// A token taken apart. Nothing of it is true yet.
pub struct Token<'a> {
    /// `alg`.
    pub algorithm: String,
    /// `kid`.
    pub kid: Option<String>,
    /// `typ`.
    pub kind: Option<String>,
    /// The claims.
    pub claims: Map<String, Value>,
    /// The same as the issuer wrote them.
    pub payload: Vec<u8>,
    /// What was signed.
    pub signed: &'a [u8],
    /// The signature.
    pub signature: Vec<u8>,
}

/// Takes a token apart.
pub fn parse(token: &[u8]) -> Result<Token<'_>, Fault> {
    if token.len() > MOST {
        return Err(Fault::Length);
    }
    let mut parts = token.split(|byte| *byte == b'.');
    let (Some(header), Some(payload), Some(signature), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(Fault::Form);
    };
    let decode = |part| base64url::decode(part).ok_or(Fault::Form);
    let (header_json, payload_json, signature_bytes) =
        (decode(header)?, decode(payload)?, decode(signature)?);
    let head = json::check(&header_json, DEPTH).map_err(|_| Fault::Json)?;
    let claims = json::check(&payload_json, DEPTH).map_err(|_| Fault::Json)?;
    if REFUSED.iter().any(|name| head.contains_key(*name)) {
        return Err(Fault::Header);
    }
    let text = |name: &str| match head.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(Fault::Header),
    };
    // A token inside a token (RFC 7519, 5.2).
    if head.contains_key("cty") {
        return Err(Fault::Type);
    }
    Ok(Token {
        algorithm: text("alg")?.ok_or(Fault::Header)?,
        kid: text("kid")?,
        kind: text("typ")?,
        claims,
        payload: payload_json,
        signed: &token[..header.len() + 1 + payload.len()],
        signature: signature_bytes,
    })
}

impl Token<'_> {
    /// Whether `typ` is absent or one of these, with or without `application/`, in any case (RFC 7515, 4.1.9).
    pub fn is_of(&self, kinds: &[&str]) -> bool {
        let Some(kind) = &self.kind else { return true };
        let kind = kind.to_ascii_lowercase();
        let kind = kind.strip_prefix("application/").unwrap_or(&kind);
        kinds.iter().any(|known| kind.eq_ignore_ascii_case(known))
    }

    /// `iss`, not verified: for looking up who would have to have signed it.
    pub fn claimed_issuer(&self) -> Option<&str> {
        self.claims.get("iss")?.as_str()
    }
}
