//! Owns the registered claims (RFC 7519, 4.1): who made the token, for whom, and when it holds.
//! Must never take a claim of the wrong type for one that is not there.
//! Called by `verify` and `own`, after the signature.

use super::fault::Fault;
use serde_json::{Map, Value};

/// How far a clock elsewhere may be ahead.
const LEEWAY: i64 = 60;
/// The last second of the year 9999: later ones are milliseconds, or nonsense.
const LAST: f64 = 253_402_300_799.0;

/// What the claims have to say.
pub struct Expected<'a> {
    /// Exactly this `iss`.
    pub issuer: &'a str,
    /// One of these in `aud`; none: no `aud` (RFC 7519, 4.1.3).
    pub audience: &'a [&'a str],
    /// One of these as `azp`; none: whatever it is.
    pub parties: &'a [&'a str],
}

/// Checks the claims at this moment (seconds since 1970), and says when they end.
pub fn check(claims: &Map<String, Value>, expected: &Expected<'_>, now: i64) -> Result<i64, Fault> {
    if claims.get("iss").and_then(Value::as_str) != Some(expected.issuer) {
        return Err(Fault::Issuer);
    }
    if !is_for(claims.get("aud"), expected.audience) {
        return Err(Fault::Audience);
    }
    let party = claims.get("azp").and_then(Value::as_str);
    if !expected.parties.is_empty() && party.is_none_or(|party| !expected.parties.contains(&party))
    {
        return Err(Fault::Party);
    }
    // RFC 8693, 4.1: somebody else in the subject's place. RFC 7800: of use only with a key that we are not shown.
    if claims.contains_key("act") || claims.contains_key("cnf") {
        return Err(Fault::Delegated);
    }
    let end = claims.get("exp").and_then(moment).ok_or(Fault::Expiry)?;
    if end.floor() as i64 <= now {
        return Err(Fault::Expiry);
    }
    for name in ["nbf", "iat"] {
        if let Some(value) = claims.get(name) {
            let start = moment(value).ok_or(Fault::Future)?;
            if start.ceil() as i64 > now + LEEWAY {
                return Err(Fault::Future);
            }
        }
    }
    Ok(end.floor() as i64)
}

fn is_for(claim: Option<&Value>, audience: &[&str]) -> bool {
    let named = |value: &Value| value.as_str().is_some_and(|text| audience.contains(&text));
    match claim {
        None => audience.is_empty(),
        Some(Value::Array(values)) => {
            values.iter().all(Value::is_string) && values.iter().any(named)
        }
        Some(value) => named(value),
    }
}

/// A NumericDate (RFC 7519, 2): seconds, with a fraction if need be.
fn moment(value: &Value) -> Option<f64> {
    let Value::Number(number) = value else {
        return None;
    };
    number
        .as_f64()
        .filter(|seconds| (0.0..=LAST).contains(seconds))
}
