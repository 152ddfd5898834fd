//! Owns an issuer's key set (RFC 7517, 5): reading it, and choosing the one key that a token is checked with.
//! Must never let a token choose a key that the set does not have, or take one of two.
//! Called by `verify`, and when a set is stored.

use super::algorithm::Algorithm;
use super::fault::Fault;
use super::key::{Key, Unfit};
use crate::body::json;
use serde_json::{Map, Value};

/// Longest key set.
pub const MOST: usize = 256 * 1024;
const MOST_KEYS: usize = 100;
const DEPTH: usize = 8;
/// What is kept of a key: its public half, and what it is for.
const KEPT: [&str; 10] = [
    "kty", "kid", "use", "key_ops", "alg", "crv", "x", "y", "n", "e",
];

/// Why a key set is not stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetFault {
    /// Longer than `MOST`, or more than a hundred keys.
    Length,
    /// Not a JSON object with an array `keys` of objects.
    Form,
    /// The n-th key has private or shared parts.
    Private(usize),
    /// No key of it verifies anything here; why the last does not.
    Nothing(Option<Unfit>),
}

impl std::fmt::Display for SetFault {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            SetFault::Length => to.write_str("the key set is longer than 256 KiB or 100 keys"),
            SetFault::Form => {
                to.write_str("the key set is not a JSON object with an array \"keys\" of objects")
            }
            SetFault::Private(n) => write!(to, "key {n} of the set is private or a shared secret"),
            SetFault::Nothing(why) => {
                let why = match why {
                    None => "it is empty",
                    Some(Unfit::Size) => "RSA keys need 2048 to 8192 bits",
                    Some(Unfit::Purpose) => "the keys are not for verifying signatures",
                    Some(Unfit::Unsupported) => {
                        "the types are RSA, EC (P-256, P-384) and OKP (Ed25519)"
                    }
                    Some(Unfit::Malformed | Unfit::Private) => "the keys are malformed",
                };
                write!(to, "no key of the set can be used: {why}")
            }
        }
    }
}

fn members(text: &[u8]) -> Result<Vec<Map<String, Value>>, SetFault> {
    if text.len() > MOST {
        return Err(SetFault::Length);
    }
    let mut set = json::check(text, DEPTH).map_err(|_| SetFault::Form)?;
    let Some(Value::Array(keys)) = set.remove("keys") else {
        return Err(SetFault::Form);
    };
    if keys.len() > MOST_KEYS {
        return Err(SetFault::Length);
    }
    keys.into_iter()
        .map(|key| match key {
            Value::Object(key) => Ok(key),
            _ => Err(SetFault::Form),
        })
        .collect()
}

/// The set as it is stored: the keys that verify something, without anything that is not needed for it.
/// Keys of other kinds are left out (RFC 7517, 5).
pub fn public(text: &[u8]) -> Result<String, SetFault> {
    let mut kept = Vec::new();
    let mut last = None;
    for (n, mut key) in members(text)?.into_iter().enumerate() {
        match Key::of(&key) {
            Ok(_) => {
                key.retain(|name, _| KEPT.contains(&name.as_str()));
                kept.push(Value::Object(key));
            }
            Err(Unfit::Private) => return Err(SetFault::Private(n + 1)),
            Err(unfit) => last = Some(unfit),
        }
    }
    if kept.is_empty() {
        return Err(SetFault::Nothing(last));
    }
    let mut set = Map::new();
    set.insert("keys".to_owned(), Value::Array(kept));
    Ok(Value::Object(set).to_string())
}

/// The key of a set that a token names, or the only one for its algorithm.
pub fn choose(text: &[u8], kid: Option<&str>, algorithm: Algorithm) -> Result<Key, Fault> {
    let named: Vec<Map<String, Value>> = members(text)
        .map_err(|_| Fault::UnknownKey)?
        .into_iter()
        .filter(|key| kid.is_none_or(|kid| key.get("kid").is_some_and(|name| name == kid)))
        .collect();
    let none = match (named.is_empty(), kid) {
        (true, _) => Fault::UnknownKey,
        (false, _) => Fault::Key,
    };
    let mut fit = named
        .iter()
        .filter_map(|key| Key::of(key).ok())
        .filter(|key| key.fits(algorithm));
    match (fit.next(), fit.next()) {
        (Some(key), None) => Ok(key),
        _ => Err(none),
    }
}
