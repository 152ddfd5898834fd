//! Owns the border of tokens: judging those of outside issuers, making and opening our own, reading key sets.
//! Must never trust a token's word on who signs it or how, and never keep or print one.
//! Called by ucrm.authenticate_jwt() and the functions of issuers.
//!
//! `ring` checks the signatures. The parsing is ours: jsonwebtoken 11 checks them with aws-lc or with RustCrypto's `rsa`
//! only, and lets through what has to be refused here: members given twice, headers that bring keys, any `crit`, keys
//! for another purpose, two keys of one name.

mod algorithm;
pub mod base64url;
mod claims;
mod fault;
mod key;
mod own;
mod set;
mod token;
mod verify;

use crate::border::{Answer, Call, composite, uuid, varlena};
use crate::secret::signing_keys;
use claims::Expected;
use own::Session;
use pgrx::{IntoDatum, pg_sys};
use std::time::{SystemTime, UNIX_EPOCH};
use verify::Trust;

/// PostgreSQL counts from 2000 (datatype/timestamp.h).
const EPOCH: i64 = 946_684_800;

fn now() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |time| time.as_secs() as i64)
}

fn timestamp(seconds: i64) -> Option<pg_sys::Datum> {
    ((seconds - EPOCH) * 1_000_000).into_datum()
}

fn text(text: &str) -> Option<pg_sys::Datum> {
    Some(varlena(text.as_bytes()))
}

/// Whose token it says it is, unverified.
fn jwt_says(call: Call) -> Answer {
    let token = call.bytes(0).and_then(|token| token::parse(token).ok());
    let (issuer, algorithm) = match &token {
        Some(token) => (
            token.claimed_issuer().and_then(text),
            text(&token.algorithm),
        ),
        None => (None, None),
    };
    Ok(Some(composite(call, &[issuer, algorithm])))
}

fn verify_jwt(call: Call) -> Answer {
    let lists = [1, 5, 6, 7].map(|n| call.texts(n).into_iter().flatten().collect::<Vec<&str>>());
    let [algorithms, audience, parties, kinds] = &lists;
    let trust = Trust {
        algorithms,
        keys: call.bytes(2).unwrap_or_default(),
        secret: call.bytes(3),
        kinds,
        expected: Expected {
            issuer: call.text(4).unwrap_or_default(),
            audience,
            parties,
        },
    };
    let verdict = verify::verify(call.bytes(0).unwrap_or_default(), &trust, now());
    Ok(Some(match verdict {
        Ok(verified) => composite(
            call,
            &[text(&verified.claims), timestamp(verified.expires_at), None],
        ),
        Err(fault) => composite(call, &[None, None, text(fault.name())]),
    }))
}

fn public_jwks(call: Call) -> Answer {
    let told = match set::public(call.bytes(0).unwrap_or_default()) {
        Ok(set) => [text(&set), None],
        Err(fault) => [None, text(&fault.to_string())],
    };
    Ok(Some(composite(call, &told)))
}

fn session_token(call: Call) -> Answer {
    let (Some(id), Some(user), Some(end)) = (call.uuid(0), call.uuid(1), call.bigint(2)) else {
        return Ok(None);
    };
    let session = Session {
        id,
        user,
        expires_at: end.div_euclid(1_000_000).saturating_add(EPOCH),
    };
    let token = signing_keys(own::PURPOSE)
        .first()
        .map(|(name, key)| own::make(key, name, &session, now()));
    Ok(token.as_deref().and_then(text))
}

fn open_session_token(call: Call) -> Answer {
    let keys = signing_keys(own::PURPOSE);
    let key = |kid: &str| {
        let found = keys.into_iter().find(|(name, _)| name == kid);
        found.map(|(_, key)| key)
    };
    let told = match own::open(key, call.bytes(0).unwrap_or_default(), now()) {
        Ok(session) => [
            Some(uuid(session.id)),
            Some(uuid(session.user)),
            timestamp(session.expires_at),
        ],
        Err(_) => [None, None, None],
    };
    Ok(Some(composite(call, &told)))
}

crate::leaf!(pg_finfo_ucrm_jwt_says, ucrm_jwt_says, jwt_says);
crate::leaf!(pg_finfo_ucrm_verify_jwt, ucrm_verify_jwt, verify_jwt);
crate::leaf!(pg_finfo_ucrm_public_jwks, ucrm_public_jwks, public_jwks);
crate::leaf!(
    pg_finfo_ucrm_session_token,
    ucrm_session_token,
    session_token
);
crate::leaf!(
    pg_finfo_ucrm_open_session_token,
    ucrm_open_session_token,
    open_session_token
);
