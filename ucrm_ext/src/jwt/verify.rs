//! Owns the verdict on a token of an outside issuer.
//! Must never look anything up or read a clock: token, trust and time are arguments.
//! Called by the leaf.

use super::algorithm::{Algorithm, is_hs256};
use super::claims::{self, Expected};
use super::fault::Fault;
use super::set;
use super::token;

/// What is known of the issuer that a token names.
pub struct Trust<'a> {
    /// The algorithms it signs with.
    pub algorithms: &'a [&'a str],
    /// Its key set, for all of them but HS256.
    pub keys: &'a [u8],
    /// The secret shared with it, for HS256 alone.
    pub secret: Option<&'a [u8]>,
    /// Values of `typ` it may use.
    pub kinds: &'a [&'a str],
    /// What its claims have to say.
    pub expected: Expected<'a>,
}

/// A token that holds.
#[derive(Debug)]
pub struct Verified {
    /// Its claims, a JSON object.
    pub claims: String,
    /// When it ends, seconds since 1970.
    pub expires_at: i64,
}

/// Judges a token at this moment (seconds since 1970).
pub fn verify(token: &[u8], trust: &Trust<'_>, now: i64) -> Result<Verified, Fault> {
    let token = token::parse(token)?;
    if !token.is_of(trust.kinds) {
        return Err(Fault::Type);
    }
    let algorithm = Algorithm::named(&token.algorithm)
        .filter(|_| trust.algorithms.contains(&token.algorithm.as_str()))
        .ok_or(Fault::Algorithm)?;
    let signed = match algorithm {
        Algorithm::Hs256 => {
            let secret = trust.secret.ok_or(Fault::Key)?;
            is_hs256(secret, token.signed, &token.signature)
        }
        _ => set::choose(trust.keys, token.kid.as_deref(), algorithm)?.verifies(
            algorithm,
            token.signed,
            &token.signature,
        ),
    };
    if !signed {
        return Err(Fault::Signature);
    }
    let expires_at = claims::check(&token.claims, &trust.expected, now)?;
    Ok(Verified {
        claims: String::from_utf8(token.payload).map_err(|_| Fault::Json)?,
        expires_at,
    })
}
