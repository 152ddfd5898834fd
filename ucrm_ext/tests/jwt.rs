//! Tokens from outside: what holds, and everything else that does not.
#![allow(dead_code, missing_docs, clippy::unwrap_used)]

#[path = "../src/body"]
mod body {
    pub mod json;
}
#[path = "../src/jwt"]
mod jwt {
    pub mod algorithm;
    pub mod base64url;
    pub mod claims;
    pub mod fault;
    pub mod key;
    pub mod own;
    pub mod set;
    pub mod token;
    pub mod verify;
}
#[path = "jwt/algorithm.rs"]
mod algorithm;
#[path = "jwt/claim.rs"]
mod claim;
#[path = "jwt/form.rs"]
mod form;
#[path = "jwt/issuer.rs"]
mod issuer;
#[path = "jwt/key.rs"]
mod key;
#[path = "jwt/key_set.rs"]
mod key_set;
#[path = "jwt/own_token.rs"]
mod own_token;
#[path = "../src/secret/seal.rs"]
mod seal;
#[path = "jwt/vector.rs"]
mod vector;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as B64;
use issuer::{AUDIENCE, ISSUER, Issuer, NOW, ec, ed, hmac, rsa, set_of};
use jwt::algorithm::Algorithm;
use jwt::fault::Fault;
use jwt::key::{Key, Unfit};
use jwt::set::{self, SetFault};
use jwt::{own, token};
use proptest::prelude::*;
use serde_json::{Value, json};

fn claims() -> Value {
    json!({"iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "iat": NOW - 10, "exp": NOW + 300})
}

/// The claims with one changed, or taken away by null.
fn with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    match value {
        Value::Null => claims.as_object_mut().unwrap().remove(name),
        value => claims.as_object_mut().unwrap().insert(name.into(), value),
    };
    claims
}

fn part(text: &str) -> String {
    B64.encode(text)
}
