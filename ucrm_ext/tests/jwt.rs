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
#[path = "jwt/issuer.rs"]
mod issuer;
#[path = "../src/secret/seal.rs"]
mod seal;

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

// What holds.

#[test]
fn a_token_of_every_algorithm_holds_under_its_key() {
    for name in ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"] {
        let trust = Issuer::of(name, [rsa("r1")]);
        assert!(
            trust.judge(&rsa("r1").token(name, &claims())).is_ok(),
            "{name}"
        );
    }
    for name in ["ES256", "ES384"] {
        let key = ec(name, "e1");
        let trust = Issuer::of(name, [key.clone()]);
        assert!(trust.judge(&key.token(name, &claims())).is_ok(), "{name}");
    }
    let key = ed("d1");
    assert!(
        Issuer::of("EdDSA", [key.clone()])
            .judge(&key.token("EdDSA", &claims()))
            .is_ok()
    );
    let trust = Issuer::of("HS256", []).secret(&[7; 32]);
    assert!(
        trust
            .judge(&hmac(&[7; 32]).token("HS256", &claims()))
            .is_ok()
    );
}

#[test]
fn the_claims_come_back_as_they_were_signed_and_with_their_end() {
    let key = ed("d1");
    let told = with("n", json!([1.50, {"é": null}]));
    let verified = Issuer::of("EdDSA", [key.clone()])
        .judge(&key.token("EdDSA", &told))
        .unwrap();
    assert_eq!(verified.claims, told.to_string());
    assert_eq!(verified.expires_at, NOW + 300);
}

// Known vectors.

#[test]
fn the_examples_of_rfc_7515_hold() {
    let payload = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    let a1 = format!(
        "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.{payload}.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    );
    let secret = B64.decode("AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow").unwrap();
    let joe = |name: &str, keys: Value| Issuer {
        name: "joe".into(),
        audience: vec![],
        ..Issuer::keys(name, keys)
    };
    let before = 1_300_819_379;
    assert!(
        joe("HS256", json!([]))
            .secret(&secret)
            .judge_at(&a1, before)
            .is_ok()
    );
    assert_eq!(
        joe("HS256", json!([]))
            .secret(&secret)
            .judge_at(&a1, before + 1)
            .unwrap_err(),
        Fault::Expiry
    );
    let a2 = format!(
        "eyJhbGciOiJSUzI1NiJ9.{payload}.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw"
    );
    let n = "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ";
    let jwk = json!([{"kty": "RSA", "n": n, "e": "AQAB"}]);
    assert!(joe("RS256", jwk).judge_at(&a2, before).is_ok());
    let a3 = format!(
        "eyJhbGciOiJFUzI1NiJ9.{payload}.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
    );
    let jwk = json!([{"kty": "EC", "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]);
    assert!(joe("ES256", jwk).judge_at(&a3, before).is_ok());
}

#[test]
fn the_signatures_of_rfc_7520_and_rfc_8037_verify() {
    let vectors = [
        (
            "RS256",
            json!({"kty": "RSA", "n": "n4EPtAOCc9AlkeQHPzHStgAbgs7bTZLwUBZdR8_KuKPEHLd4rHVTeT-O-XV2jRojdNhxJWTDvNd7nqQ0VEiZQHz_AJmSCpMaJMRBSFKrKb2wqVwGU_NsYOYL-QtiWN2lbzcEe6XC0dApr5ydQLrHqkHHig3RBordaZ6Aj-oBHqFEHYpPe7Tpe-OfVfHd1E6cS6M1FZcD1NNLYD5lFHpPI9bTwJlsde3uhGqC0ZCuEHg8lhzwOHrtIQbS0FVbb9k3-tVTU4fg_3L_vniUFAKwuCLqKnS2BYwdq_mzSnbLY7h_qixoR7jig3__kRhuaxwUkRz5iaiQkqgc5gHdrNP5zw", "e": "AQAB"}),
            "eyJhbGciOiJSUzI1NiIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9.SXTigJlzIGEgZGFuZ2Vyb3VzIGJ1c2luZXNzLCBGcm9kbywgZ29pbmcgb3V0IHlvdXIgZG9vci4gWW91IHN0ZXAgb250byB0aGUgcm9hZCwgYW5kIGlmIHlvdSBkb24ndCBrZWVwIHlvdXIgZmVldCwgdGhlcmXigJlzIG5vIGtub3dpbmcgd2hlcmUgeW91IG1pZ2h0IGJlIHN3ZXB0IG9mZiB0by4.MRjdkly7_-oTPTS3AXP41iQIGKa80A0ZmTuV5MEaHoxnW2e5CZ5NlKtainoFmKZopdHM1O2U4mwzJdQx996ivp83xuglII7PNDi84wnB-BDkoBwA78185hX-Es4JIwmDLJK3lfWRa-XtL0RnltuYv746iYTh_qHRD68BNt1uSNCrUCTJDt5aAE6x8wW1Kt9eRo4QPocSadnHXFxnt8Is9UzpERV0ePPQdLuW3IS_de3xyIrDaLGdjluPxUAhb6L2aXic1U12podGU0KLUQSE_oI-ZnmKJ3F4uOZDnd6QZWJushZ41Axf_fcIe8u9ipH84ogoree7vjbU5y18kDquDg",
        ),
        (
            "PS384",
            json!({"kty": "RSA", "n": "n4EPtAOCc9AlkeQHPzHStgAbgs7bTZLwUBZdR8_KuKPEHLd4rHVTeT-O-XV2jRojdNhxJWTDvNd7nqQ0VEiZQHz_AJmSCpMaJMRBSFKrKb2wqVwGU_NsYOYL-QtiWN2lbzcEe6XC0dApr5ydQLrHqkHHig3RBordaZ6Aj-oBHqFEHYpPe7Tpe-OfVfHd1E6cS6M1FZcD1NNLYD5lFHpPI9bTwJlsde3uhGqC0ZCuEHg8lhzwOHrtIQbS0FVbb9k3-tVTU4fg_3L_vniUFAKwuCLqKnS2BYwdq_mzSnbLY7h_qixoR7jig3__kRhuaxwUkRz5iaiQkqgc5gHdrNP5zw", "e": "AQAB"}),
            "eyJhbGciOiJQUzM4NCIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9.SXTigJlzIGEgZGFuZ2Vyb3VzIGJ1c2luZXNzLCBGcm9kbywgZ29pbmcgb3V0IHlvdXIgZG9vci4gWW91IHN0ZXAgb250byB0aGUgcm9hZCwgYW5kIGlmIHlvdSBkb24ndCBrZWVwIHlvdXIgZmVldCwgdGhlcmXigJlzIG5vIGtub3dpbmcgd2hlcmUgeW91IG1pZ2h0IGJlIHN3ZXB0IG9mZiB0by4.cu22eBqkYDKgIlTpzDXGvaFfz6WGoz7fUDcfT0kkOy42miAh2qyBzk1xEsnk2IpN6-tPid6VrklHkqsGqDqHCdP6O8TTB5dDDItllVo6_1OLPpcbUrhiUSMxbbXUvdvWXzg-UD8biiReQFlfz28zGWVsdiNAUf8ZnyPEgVFn442ZdNqiVJRmBqrYRXe8P_ijQ7p8Vdz0TTrxUeT3lm8d9shnr2lfJT8ImUjvAA2Xez2Mlp8cBE5awDzT0qI0n6uiP1aCN_2_jLAeQTlqRHtfa64QQSUmFAAjVKPbByi7xho0uTOcbH510a6GYmJUAfmWjwZ6oD4ifKo8DYM-X72Eaw",
        ),
        (
            "EdDSA",
            json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}),
            "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
        ),
    ];
    for (name, jwk, vector) in vectors {
        let (signed, signature) = vector.rsplit_once('.').unwrap();
        let key = Key::of(jwk.as_object().unwrap()).ok().unwrap();
        let algorithm = Algorithm::named(name).unwrap();
        let mut signature = B64.decode(signature).unwrap();
        assert!(
            key.verifies(algorithm, signed.as_bytes(), &signature),
            "{name}"
        );
        signature[10] ^= 1;
        assert!(
            !key.verifies(algorithm, signed.as_bytes(), &signature),
            "{name}"
        );
    }
}

// Algorithms.

#[test]
fn an_unsigned_token_is_refused_however_it_is_spelled() {
    let trust = Issuer::of("RS256", [rsa("r1")]);
    for name in ["none", "None", "NONE", "nOnE", "", "rs256", "RS256 "] {
        let header = json!({"alg": name, "kid": "r1"}).to_string();
        for signature in ["", "AA"] {
            let token = format!(
                "{}.{}.{signature}",
                part(&header),
                part(&claims().to_string())
            );
            assert_eq!(
                trust.judge(&token).unwrap_err(),
                Fault::Algorithm,
                "{name:?}"
            );
        }
    }
    let mut trust = Issuer::of("none", [rsa("r1")]);
    trust.algorithms.push("NONE".into());
    let token = format!(
        "{}.{}.",
        part(r#"{"alg":"none"}"#),
        part(&claims().to_string())
    );
    assert_eq!(
        trust.judge(&token).unwrap_err(),
        Fault::Algorithm,
        "not even where somebody allowed it"
    );
}

#[test]
fn a_public_key_is_no_shared_secret() {
    let pem = rsa("r1").public_pem();
    let der = rsa("r1").public_der();
    let jwk = rsa("r1").jwk.to_string();
    let x = B64.decode(ed("d1").jwk["x"].as_str().unwrap()).unwrap();
    for secret in [
        pem.as_bytes(),
        pem.trim().as_bytes(),
        &der,
        jwk.as_bytes(),
        &x,
    ] {
        let token = hmac(secret).token_of(&json!({"alg": "HS256", "kid": "r1"}), &claims());
        for algorithms in [vec!["RS256"], vec!["RS256", "HS256"], vec!["HS256"]] {
            let mut trust = Issuer::of("RS256", [rsa("r1"), ed("d1")]);
            trust.algorithms = algorithms.iter().map(|&name| name.to_owned()).collect();
            assert!(
                matches!(
                    trust.judge(&token).unwrap_err(),
                    Fault::Algorithm | Fault::Key
                ),
                "without a secret of the issuer"
            );
            let trust = trust.secret(&[9; 32]);
            assert!(
                matches!(
                    trust.judge(&token).unwrap_err(),
                    Fault::Algorithm | Fault::Signature
                ),
                "nor with one"
            );
        }
    }
}

#[test]
fn the_algorithm_is_the_issuers_and_the_keys_choice() {
    let key = rsa("r1");
    let by = |name: &str| key.token(name, &claims());
    let mut trust = Issuer::of("RS256", [key.clone()]);
    assert_eq!(
        trust.judge(&by("PS256")).unwrap_err(),
        Fault::Algorithm,
        "the issuer does not sign so"
    );
    trust.algorithms.push("PS256".into());
    assert!(trust.judge(&by("PS256")).is_ok());
    let mut bound = key.clone();
    bound.jwk["alg"] = "RS256".into();
    let mut trust = Issuer::of("RS256", [bound]);
    trust.algorithms.push("PS256".into());
    assert!(trust.judge(&by("RS256")).is_ok());
    assert_eq!(
        trust.judge(&by("PS256")).unwrap_err(),
        Fault::Key,
        "the key is for another"
    );
    let lie = key.signed("PS256", &json!({"alg": "RS256", "kid": "r1"}), &claims());
    assert_eq!(
        trust.judge(&lie).unwrap_err(),
        Fault::Signature,
        "the name and the signature differ"
    );
}

#[test]
fn a_key_of_another_type_or_curve_verifies_nothing() {
    let keys = [rsa("k"), ec("ES256", "k"), ec("ES384", "k"), ed("k")];
    let names = ["RS256", "ES256", "ES384", "EdDSA"];
    for (signer, name) in keys.iter().zip(names) {
        for (other, its) in keys.iter().zip(names).filter(|(_, its)| *its != name) {
            let mut trust = Issuer::of(name, [other.clone()]);
            trust.algorithms.push(its.to_owned());
            assert_eq!(
                trust.judge(&signer.token(name, &claims())).unwrap_err(),
                Fault::Key,
                "{name} under {its}"
            );
        }
    }
}

// Keys.

#[test]
fn a_key_that_the_token_brings_is_refused() {
    let mine = ed("r1");
    let trust = Issuer::of("EdDSA", [ed("d1")]);
    for (name, value) in [
        ("jwk", mine.jwk.clone()),
        ("jku", json!("https://evil.example/jwks.json")),
        ("x5u", json!("https://evil.example/cert.pem")),
    ] {
        let token = mine.token_of(
            &json!({"alg": "EdDSA", "kid": "d1", name: value}),
            &claims(),
        );
        assert_eq!(trust.judge(&token).unwrap_err(), Fault::Header, "{name}");
        let good = ed("d1").token_of(
            &json!({"alg": "EdDSA", "kid": "d1", name: value}),
            &claims(),
        );
        assert_eq!(
            trust.judge(&good).unwrap_err(),
            Fault::Header,
            "{name}, even beside a good signature"
        );
    }
    let x5c = json!({"alg": "EdDSA", "kid": "d1", "x5c": ["MIIB"], "x5t": "AAAA"});
    assert!(
        trust.judge(&ed("d1").token_of(&x5c, &claims())).is_ok(),
        "a certificate is no source of keys"
    );
    assert_eq!(
        trust.judge(&mine.token_of(&x5c, &claims())).unwrap_err(),
        Fault::Signature
    );
}

#[test]
fn a_key_id_matches_exactly_or_not_at_all() {
    let key = ed("key-1");
    let trust = Issuer::of("EdDSA", [key.clone(), ed("other")]);
    for kid in [
        "key-2",
        "KEY-1",
        "key-1 ",
        "key-",
        "",
        "../key-1",
        "key-1' or '1'='1",
        "*",
        "key-1\u{200b}",
        "0",
    ] {
        let token = key.token_of(&json!({"alg": "EdDSA", "kid": kid}), &claims());
        assert_eq!(
            trust.judge(&token).unwrap_err(),
            Fault::UnknownKey,
            "{kid:?}"
        );
    }
    for kid in [
        json!(1),
        json!(null),
        json!(["key-1"]),
        json!({"$ne": ""}),
        json!(true),
    ] {
        let token = key.token_of(&json!({"alg": "EdDSA", "kid": kid}), &claims());
        assert_eq!(trust.judge(&token).unwrap_err(), Fault::Header, "{kid}");
    }
    let token = key.token_of(&json!({"alg": "EdDSA", "kid": "other"}), &claims());
    assert_eq!(
        trust.judge(&token).unwrap_err(),
        Fault::Signature,
        "another's name is no help"
    );
}

#[test]
fn without_a_key_id_only_a_single_fitting_key_will_do() {
    let key = ed("d1");
    let token = key.token_of(&json!({"alg": "EdDSA"}), &claims());
    assert!(Issuer::of("EdDSA", [key.clone()]).judge(&token).is_ok());
    assert!(
        Issuer::of("EdDSA", [rsa("r1"), key.clone()])
            .judge(&token)
            .is_ok(),
        "an RSA key does not fit"
    );
    assert_eq!(
        Issuer::of("EdDSA", [key.clone(), ed("d2")])
            .judge(&token)
            .unwrap_err(),
        Fault::Key
    );
    assert_eq!(
        Issuer::of("EdDSA", [rsa("r1")]).judge(&token).unwrap_err(),
        Fault::Key
    );
    assert_eq!(
        Issuer::of("EdDSA", []).judge(&token).unwrap_err(),
        Fault::UnknownKey
    );
}

#[test]
fn two_keys_of_one_name_are_told_apart_by_type_or_not_at_all() {
    let (one, other) = (ed("k"), ec("ES256", "k"));
    let mut trust = Issuer::of("EdDSA", [one.clone(), other.clone()]);
    trust.algorithms.push("ES256".into());
    assert!(trust.judge(&one.token("EdDSA", &claims())).is_ok());
    assert!(trust.judge(&other.token("ES256", &claims())).is_ok());
    let mut second = one.clone();
    second.jwk["x"] = json!(B64.encode([1; 32]));
    let trust = Issuer::of("EdDSA", [one.clone(), second]);
    assert_eq!(
        trust.judge(&one.token("EdDSA", &claims())).unwrap_err(),
        Fault::Key
    );
}

#[test]
fn a_key_that_was_removed_verifies_no_more() {
    let (old, new) = (ed("old"), ec("ES256", "new"));
    let token = old.token("EdDSA", &claims());
    let mut trust = Issuer::of("EdDSA", [old.clone(), new.clone()]);
    trust.algorithms.push("ES256".into());
    assert!(trust.judge(&token).is_ok());
    trust.jwks = set_of([new]);
    assert_eq!(trust.judge(&token).unwrap_err(), Fault::UnknownKey);
    trust.jwks = String::new();
    assert_eq!(
        trust.judge(&token).unwrap_err(),
        Fault::UnknownKey,
        "nor does it where there is no set"
    );
}

#[test]
fn a_key_for_another_purpose_verifies_nothing() {
    for (name, value) in [
        ("use", json!("enc")),
        ("use", json!("SIG")),
        ("use", json!(1)),
        ("key_ops", json!(["sign"])),
        ("key_ops", json!([])),
        ("key_ops", json!("verify")),
        ("alg", json!("ES256")),
        ("alg", json!("RSA-OAEP")),
        ("alg", json!("none")),
    ] {
        let mut key = ed("d1");
        key.jwk[name] = value.clone();
        let token = key.token("EdDSA", &claims());
        assert_eq!(
            Issuer::of("EdDSA", [key]).judge(&token).unwrap_err(),
            Fault::Key,
            "{name} {value}"
        );
    }
    for (name, value) in [
        ("use", json!("sig")),
        ("key_ops", json!(["encrypt", "verify"])),
        ("alg", json!("EdDSA")),
    ] {
        let mut key = ed("d1");
        key.jwk[name] = value;
        let token = key.token("EdDSA", &claims());
        assert!(Issuer::of("EdDSA", [key]).judge(&token).is_ok(), "{name}");
    }
}

fn unfit(jwk: Value) -> Unfit {
    Key::of(jwk.as_object().unwrap()).err().unwrap()
}

#[test]
fn weak_and_malformed_keys_are_no_keys() {
    let n = |bytes: usize, first: u8| {
        let mut n = vec![0xff; bytes];
        n[0] = first;
        B64.encode(n)
    };
    let rsa = |n: String, e: &str| json!({"kty": "RSA", "n": n, "e": e});
    assert_eq!(unfit(rsa(n(128, 0xff), "AQAB")), Unfit::Size, "1024 bits");
    assert_eq!(unfit(rsa(n(256, 0x7f), "AQAB")), Unfit::Size, "2047 bits");
    assert_eq!(unfit(rsa(n(1025, 1), "AQAB")), Unfit::Size, "8193 bits");
    assert!(Key::of(rsa(n(256, 0xff), "AQAB").as_object().unwrap()).is_ok());
    assert_eq!(
        unfit(rsa(n(257, 0), "AQAB")),
        Unfit::Malformed,
        "a zero in front"
    );
    for e in ["AQ", "AA", "", "Ag", "AAEAAQ", "AQAAAAE", "AQAB="] {
        assert_eq!(unfit(rsa(n(256, 0xff), e)), Unfit::Malformed, "e {e:?}");
    }
    let x = B64.encode([1; 32]);
    let long = B64.encode([1; 48]);
    for (jwk, why) in [
        (
            json!({"kty": "EC", "crv": "P-256", "x": x}),
            Unfit::Malformed,
        ),
        (
            json!({"kty": "EC", "crv": "P-256", "x": long, "y": long}),
            Unfit::Malformed,
        ),
        (
            json!({"kty": "EC", "crv": "P-384", "x": x, "y": x}),
            Unfit::Malformed,
        ),
        (
            json!({"kty": "EC", "crv": "P-521", "x": x, "y": x}),
            Unfit::Unsupported,
        ),
        (
            json!({"kty": "EC", "crv": "secp256k1", "x": x, "y": x}),
            Unfit::Unsupported,
        ),
        (
            json!({"kty": "EC", "crv": "Ed25519", "x": x, "y": x}),
            Unfit::Unsupported,
        ),
        (
            json!({"kty": "OKP", "crv": "X25519", "x": x}),
            Unfit::Unsupported,
        ),
        (
            json!({"kty": "OKP", "crv": "Ed448", "x": x}),
            Unfit::Unsupported,
        ),
        (
            json!({"kty": "OKP", "crv": "Ed25519", "x": long}),
            Unfit::Malformed,
        ),
        (
            json!({"kty": "OKP", "crv": "P-256", "x": x}),
            Unfit::Unsupported,
        ),
        (json!({"kty": "oct", "k": x}), Unfit::Private),
        (json!({"kty": "oct"}), Unfit::Unsupported),
        (
            json!({"kty": "OKP", "crv": "Ed25519", "x": x, "d": x}),
            Unfit::Private,
        ),
        (
            json!({"kty": "OKP", "crv": "Ed25519", "x": x, "kid": 7}),
            Unfit::Malformed,
        ),
        (
            json!({"kty": "OKP", "crv": "Ed25519", "x": x, "alg": "ES256"}),
            Unfit::Malformed,
        ),
        (json!({"kty": 5}), Unfit::Malformed),
        (json!({}), Unfit::Malformed),
    ] {
        assert_eq!(unfit(jwk.clone()), why, "{jwk}");
    }
}

#[test]
fn a_point_off_its_curve_verifies_nothing() {
    let mut key = ec("ES256", "e1");
    let token = key.token("ES256", &claims());
    key.jwk["y"] = json!(B64.encode([3; 32]));
    assert_eq!(
        Issuer::of("ES256", [key]).judge(&token).unwrap_err(),
        Fault::Signature
    );
}

// Header and form.

#[test]
fn critical_extensions_and_unencoded_payloads_are_refused() {
    let key = ed("d1");
    let trust = Issuer::of("EdDSA", [key.clone()]);
    for (name, value) in [
        ("crit", json!(["exp"])),
        ("crit", json!(["b64"])),
        ("crit", json!(["urn:example:unknown"])),
        ("crit", json!([])),
        ("crit", json!(null)),
        ("b64", json!(false)),
        ("b64", json!(true)),
        ("enc", json!("A256GCM")),
        ("zip", json!("DEF")),
    ] {
        let token = key.token_of(
            &json!({"alg": "EdDSA", "kid": "d1", name: value}),
            &claims(),
        );
        assert_eq!(
            trust.judge(&token).unwrap_err(),
            Fault::Header,
            "{name} {value}"
        );
    }
}

#[test]
fn only_the_types_of_the_issuer_are_taken() {
    let key = ed("d1");
    let mut trust = Issuer::of("EdDSA", [key.clone()]);
    let by =
        |typ: Value| key.token_of(&json!({"alg": "EdDSA", "kid": "d1", "typ": typ}), &claims());
    for typ in [
        "JWT",
        "jwt",
        "at+jwt",
        "AT+JWT",
        "application/at+jwt",
        "application/jwt",
    ] {
        assert!(trust.judge(&by(json!(typ))).is_ok(), "{typ}");
    }
    for typ in [
        "",
        "dpop+jwt",
        "secevent+jwt",
        "logout+jwt",
        "JOSE",
        "application/",
        "jwt ",
    ] {
        assert_eq!(
            trust.judge(&by(json!(typ))).unwrap_err(),
            Fault::Type,
            "{typ}"
        );
    }
    assert_eq!(trust.judge(&by(json!(1))).unwrap_err(), Fault::Header);
    trust.kinds = vec!["at+jwt".into()];
    assert_eq!(trust.judge(&by(json!("JWT"))).unwrap_err(), Fault::Type);
    assert!(
        trust
            .judge(&key.token_of(&json!({"alg": "EdDSA", "kid": "d1"}), &claims()))
            .is_ok(),
        "absent"
    );
    let nested = key.token_of(
        &json!({"alg": "EdDSA", "kid": "d1", "cty": "JWT"}),
        &claims(),
    );
    assert_eq!(trust.judge(&nested).unwrap_err(), Fault::Type);
}

#[test]
fn members_given_twice_are_refused() {
    let key = ed("d1");
    let trust = Issuer::of("EdDSA", [key.clone()]);
    let good = claims().to_string();
    for header in [
        r#"{"alg":"EdDSA","alg":"EdDSA","kid":"d1"}"#,
        r#"{"alg":"none","kid":"d1","alg":"EdDSA"}"#,
        r#"{"alg":"EdDSA","\u0061lg":"EdDSA","kid":"d1"}"#,
    ] {
        assert_eq!(
            trust.judge(&key.raw("EdDSA", header, &good)).unwrap_err(),
            Fault::Json,
            "{header}"
        );
    }
    let header = r#"{"alg":"EdDSA","kid":"d1"}"#;
    for extra in [
        r#""sub":"bob""#,
        r#""\u0073ub":"bob""#,
        r#""exp":99999999999"#,
        r#""x":{"a":1,"a":2}"#,
    ] {
        let twice = good.replacen('{', &format!("{{{extra},"), 1);
        assert_eq!(
            trust.judge(&key.raw("EdDSA", header, &twice)).unwrap_err(),
            Fault::Json,
            "{extra}"
        );
    }
}

#[test]
fn what_is_not_one_json_object_in_utf_8_is_refused() {
    let key = ed("d1");
    let trust = Issuer::of("EdDSA", [key.clone()]);
    let header = r#"{"alg":"EdDSA","kid":"d1"}"#;
    for payload in [
        "",
        "[]",
        "null",
        "\"x\"",
        "{}{}",
        "{",
        "\u{feff}{}",
        "{\"a\":\"\\u0000\"}",
        "{\"a\":\"\\ud800\"}",
        "{'a':1}",
    ] {
        assert_eq!(
            trust.judge(&key.raw("EdDSA", header, payload)).unwrap_err(),
            Fault::Json,
            "{payload:?}"
        );
        assert_eq!(
            trust
                .judge(&key.raw("EdDSA", payload, &claims().to_string()))
                .unwrap_err(),
            Fault::Json,
            "{payload:?}"
        );
    }
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(40), "]".repeat(40));
    assert_eq!(
        trust.judge(&key.raw("EdDSA", header, &deep)).unwrap_err(),
        Fault::Json
    );
    let invalid = key.raw_bytes("EdDSA", header.as_bytes(), b"{\"sub\":\"\xff\"}");
    assert_eq!(trust.judge(&invalid).unwrap_err(), Fault::Json);
    assert_eq!(
        trust.judge_bytes(b"\xff.\xff.\xff").unwrap_err(),
        Fault::Form
    );
}

#[test]
fn three_parts_of_canonical_base64url_and_nothing_else() {
    let key = ed("d1");
    let trust = Issuer::of("EdDSA", [key.clone()]);
    let token = key.token("EdDSA", &claims());
    assert!(trust.judge(&token).is_ok());
    let parts: Vec<&str> = token.split('.').collect();
    let [header, payload, signature] = parts[..] else {
        panic!()
    };
    let mut wrong = vec![
        String::new(),
        ".".into(),
        header.to_owned(),
        format!("{header}.{payload}"),
        format!("{header}.{payload}.{signature}."),
        format!("{header}.{payload}.{signature}.{signature}"),
        format!("{header}.{payload}.{signature}.."),
        format!("{token}\n"),
        format!(" {token}"),
        format!("{header}. {payload}.{signature}"),
        format!("{header}.{payload}.{signature}="),
        format!("{header}.{payload}.{signature}=="),
        format!("{header}={payload}={signature}"),
        format!("{header}.{}\n{}.{signature}", &payload[..9], &payload[9..]),
        format!("{header}.{}+{}.{signature}", &payload[..9], &payload[10..]),
        format!(
            "{header}.{payload}.{}/{}",
            &signature[..9],
            &signature[10..]
        ),
        format!("{header}.{payload}.{signature}\0"),
    ];
    // 64 bytes end in four bits that must be zero.
    let end = signature.chars().last().unwrap();
    for other in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
        .chars()
        .filter(|c| *c != end)
    {
        let spelled = format!(
            "{header}.{payload}.{}{other}",
            &signature[..signature.len() - 1]
        );
        match trust.judge(&spelled).unwrap_err() {
            Fault::Form | Fault::Signature => {}
            fault => panic!("{other}: {fault:?}"),
        }
        if !matches!(other, 'A' | 'Q' | 'g' | 'w') {
            wrong.push(spelled);
        }
    }
    for token in &wrong {
        assert_eq!(trust.judge(token).unwrap_err(), Fault::Form, "{token:?}");
    }
    for (token, fault) in [
        ("..", Fault::Json),
        (&*format!("{header}.."), Fault::Json),
        (&*format!("{header}.{payload}."), Fault::Signature),
    ] {
        assert_eq!(trust.judge(token).unwrap_err(), fault, "{token:?}");
    }
}

#[test]
fn a_token_of_16_kib_is_taken_and_a_longer_one_is_not() {
    let key = ed("d1");
    let trust = Issuer::of("EdDSA", [key.clone()]);
    let of = |length: usize| key.token("EdDSA", &with("pad", json!("x".repeat(length))));
    let base = of(0).len();
    let most = (0..)
        .find(|extra| of((16_384 - base) * 3 / 4 - extra).len() <= token::MOST)
        .unwrap();
    let length = (16_384 - base) * 3 / 4 - most;
    assert!(trust.judge(&of(length)).is_ok());
    assert_eq!(trust.judge(&of(length + 4)).unwrap_err(), Fault::Length);
    assert_eq!(
        trust.judge_bytes(&[b'A'; 1 << 20]).unwrap_err(),
        Fault::Length
    );
}

#[test]
fn an_ecdsa_signature_in_der_is_refused() {
    let key = ec("ES256", "e1");
    let trust = Issuer::of("ES256", [key.clone()]);
    let token = key.in_der(&claims());
    assert_eq!(trust.judge(&token).unwrap_err(), Fault::Signature);
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let der = B64.decode(signature).unwrap();
    assert_eq!(der[0], 0x30, "a SEQUENCE: the test made what it says");
    assert!(
        key.verifies_der(signed.as_bytes(), &der),
        "and it is a good signature otherwise"
    );
    let zero = format!("{signed}.{}", B64.encode([0; 64]));
    assert_eq!(
        trust.judge(&zero).unwrap_err(),
        Fault::Signature,
        "r = s = 0"
    );
}

// Claims.

fn fault(claims: &Value) -> Option<Fault> {
    let key = ed("d1");
    Issuer::of("EdDSA", [key.clone()])
        .judge(&key.token("EdDSA", claims))
        .err()
}

#[test]
fn the_issuer_is_exact() {
    for iss in [
        json!(null),
        json!(format!("{ISSUER}/")),
        json!(ISSUER.to_uppercase()),
        json!(""),
        json!(7),
        json!([ISSUER]),
        json!(format!(" {ISSUER}")),
    ] {
        assert_eq!(
            fault(&with("iss", iss.clone())),
            Some(Fault::Issuer),
            "{iss}"
        );
    }
}

#[test]
fn the_audience_is_named() {
    for aud in [
        json!(AUDIENCE),
        json!([AUDIENCE]),
        json!(["other", AUDIENCE]),
    ] {
        assert_eq!(fault(&with("aud", aud.clone())), None, "{aud}");
    }
    for aud in [
        json!(null),
        json!("other"),
        json!([]),
        json!(["other"]),
        json!(""),
        json!(1),
        json!({"aud": AUDIENCE}),
        json!([AUDIENCE, 1]),
        json!([[AUDIENCE]]),
        json!("API://UCRM"),
        json!(format!("{AUDIENCE} ")),
    ] {
        assert_eq!(
            fault(&with("aud", aud.clone())),
            Some(Fault::Audience),
            "{aud}"
        );
    }
    let key = ed("d1");
    let mut trust = Issuer::of("EdDSA", [key.clone()]);
    trust.audience.clear();
    assert!(
        trust
            .judge(&key.token("EdDSA", &with("aud", Value::Null)))
            .is_ok()
    );
    assert_eq!(
        trust.judge(&key.token("EdDSA", &claims())).unwrap_err(),
        Fault::Audience,
        "for somebody, and we are nobody"
    );
}

#[test]
fn the_authorized_party_is_one_of_the_issuers() {
    let key = ed("d1");
    let mut trust = Issuer::of("EdDSA", [key.clone()]);
    trust.parties = vec!["https://app.example".into()];
    let by = |azp: Value| key.token("EdDSA", &with("azp", azp));
    assert!(trust.judge(&by(json!("https://app.example"))).is_ok());
    for azp in [
        json!(null),
        json!("https://evil.example"),
        json!(["https://app.example"]),
        json!(""),
    ] {
        assert_eq!(
            trust.judge(&by(azp.clone())).unwrap_err(),
            Fault::Party,
            "{azp}"
        );
    }
}

#[test]
fn a_token_ends_and_says_when() {
    for exp in [
        json!(NOW + 1),
        json!(NOW as f64 + 1.5),
        json!(1e11),
        json!(253_402_300_799_u64),
    ] {
        assert_eq!(fault(&with("exp", exp.clone())), None, "{exp}");
    }
    for exp in [
        json!(null),
        json!(NOW),
        json!(NOW as f64 + 0.5),
        json!(NOW - 1),
        json!(0),
        json!(-1),
        json!(-NOW),
        json!("9999999999"),
        json!([NOW + 300]),
        json!({}),
        json!(true),
        json!(NOW * 1000),
        json!(253_402_300_800_u64),
        json!(u64::MAX),
        json!(1e300),
    ] {
        assert_eq!(
            fault(&with("exp", exp.clone())),
            Some(Fault::Expiry),
            "{exp}"
        );
    }
    let key = ed("d1");
    let trust = Issuer::of("EdDSA", [key.clone()]);
    for exp in ["1e999", "9".repeat(90).as_str(), "-0.0", "1e-3"] {
        let payload = claims()
            .to_string()
            .replace(&format!("\"exp\":{}", NOW + 300), &format!("\"exp\":{exp}"));
        let told = trust
            .judge(&key.raw("EdDSA", r#"{"alg":"EdDSA","kid":"d1"}"#, &payload))
            .unwrap_err();
        assert_eq!(told, Fault::Expiry, "{exp}");
    }
    let payload = claims()
        .to_string()
        .replace(&format!("\"exp\":{}", NOW + 300), "\"exp\":1e2000");
    assert_eq!(
        trust
            .judge(&key.raw("EdDSA", r#"{"alg":"EdDSA","kid":"d1"}"#, &payload))
            .unwrap_err(),
        Fault::Json
    );
}

#[test]
fn a_token_from_the_future_is_refused_beyond_a_minute() {
    for name in ["nbf", "iat"] {
        for at in [
            json!(NOW),
            json!(NOW + 60),
            json!(0),
            json!(NOW as f64 - 0.5),
            json!(null),
        ] {
            assert_eq!(fault(&with(name, at.clone())), None, "{name} {at}");
        }
        for at in [
            json!(NOW + 61),
            json!(NOW as f64 + 60.5),
            json!(NOW * 1000),
            json!("0"),
            json!([0]),
            json!(-1),
            json!(1e300),
            json!(false),
        ] {
            assert_eq!(
                fault(&with(name, at.clone())),
                Some(Fault::Future),
                "{name} {at}"
            );
        }
    }
}

#[test]
fn a_token_for_an_actor_or_for_the_holder_of_a_key_is_refused() {
    assert_eq!(
        fault(&with("act", json!({"sub": "support"}))),
        Some(Fault::Delegated)
    );
    assert_eq!(
        fault(&with("cnf", json!({"jkt": "x"}))),
        Some(Fault::Delegated)
    );
}

// Sets.

#[test]
fn a_set_is_stored_without_what_is_not_needed() {
    let mut key = rsa("r1");
    key.jwk["x5c"] = json!(["MIIB"]);
    key.jwk["note"] = json!("x");
    key.jwk["use"] = json!("sig");
    let text = json!({"keys": [key.jwk, {"kty": "oct-of-tomorrow"}, {"kty": "RSA", "n": "AQAB", "e": "AQAB"}], "more": 1}).to_string();
    let kept: Value = serde_json::from_str(&set::public(text.as_bytes()).unwrap()).unwrap();
    let mut wanted = rsa("r1").jwk;
    wanted["use"] = json!("sig");
    assert_eq!(kept, json!({"keys": [wanted]}));
}

#[test]
fn a_set_with_secrets_or_without_keys_is_not_stored() {
    let good = ed("d1").jwk;
    let mut private = ed("d2").jwk;
    private["d"] = json!("AAAA");
    let of = |value: Value| set::public(value.to_string().as_bytes()).err();
    assert_eq!(
        of(json!({"keys": [good, private]})),
        Some(SetFault::Private(2))
    );
    assert_eq!(
        of(json!({"keys": [{"kty": "oct", "k": "AAAA"}]})),
        Some(SetFault::Private(1))
    );
    assert_eq!(of(json!({"keys": []})), Some(SetFault::Nothing(None)));
    assert_eq!(
        of(json!({"keys": [{"kty": "EC", "crv": "P-521"}]})),
        Some(SetFault::Nothing(Some(Unfit::Unsupported)))
    );
    for text in [
        json!({}),
        json!([]),
        json!({"keys": {}}),
        json!({"keys": [1]}),
        json!(good),
    ] {
        assert_eq!(of(text.clone()), Some(SetFault::Form), "{text}");
    }
    assert_eq!(of(json!({"keys": vec![good; 101]})), Some(SetFault::Length));
    assert_eq!(
        set::public(&vec![b' '; set::MOST + 1]).err(),
        Some(SetFault::Length)
    );
    assert_eq!(set::public(b"<html>").err(), Some(SetFault::Form));
    assert_eq!(
        set::public(br#"{"keys":[],"keys":[]}"#).err(),
        Some(SetFault::Form)
    );
    for fault in [
        SetFault::Length,
        SetFault::Form,
        SetFault::Private(1),
        SetFault::Nothing(None),
        SetFault::Nothing(Some(Unfit::Size)),
    ] {
        assert!(fault.to_string().contains("set"), "says what is wrong");
    }
}

// Our own.

const OLD: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const NEW: &str = "ffeeddccbbaa99887766554433221100ffeeddccbbaa99887766554433221100";

fn signing(line: &str, purpose: &[u8]) -> ring::hmac::Key {
    seal::keys(line).ok().unwrap()[0].signing(purpose).unwrap()
}

fn session() -> own::Session {
    own::Session {
        id: [0xab; 16],
        user: *b"\x01\x9a\xbc\xde\xf0\x12\x73\x45\x86\x78\x9a\xbc\xde\xf0\x12\x34",
        expires_at: NOW + 900,
    }
}

fn opened(token: &str, line: &str, now: i64) -> Result<own::Session, Fault> {
    own::open(
        |kid| (kid == "k1").then(|| signing(line, own::PURPOSE)),
        token.as_bytes(),
        now,
    )
}

#[test]
fn our_own_token_names_its_session_until_it_ends() {
    let token = own::make(&signing(NEW, own::PURPOSE), "k1", &session(), NOW);
    assert_eq!(opened(&token, NEW, NOW), Ok(session()));
    assert_eq!(opened(&token, NEW, NOW + 899), Ok(session()));
    assert_eq!(opened(&token, NEW, NOW + 900), Err(Fault::Expiry));
    assert_eq!(opened(&token, NEW, NOW - 61), Err(Fault::Future));
    assert_eq!(
        opened(&token, OLD, NOW),
        Err(Fault::Signature),
        "another key"
    );
    let elsewhere = own::make(&signing(NEW, b"something else"), "k1", &session(), NOW);
    assert_eq!(
        opened(&elsewhere, NEW, NOW),
        Err(Fault::Signature),
        "a key derived for something else"
    );
    let unknown = own::make(&signing(NEW, own::PURPOSE), "k2", &session(), NOW);
    assert_eq!(opened(&unknown, NEW, NOW), Err(Fault::UnknownKey));
}

#[test]
fn an_outsiders_token_is_not_ours_and_ours_is_not_an_outsiders() {
    let key = signing(NEW, own::PURPOSE);
    let forged = |header: Value, claims: Value| {
        let signed = format!(
            "{}.{}",
            part(&header.to_string()),
            part(&claims.to_string())
        );
        format!(
            "{signed}.{}",
            B64.encode(ring::hmac::sign(&key, signed.as_bytes()))
        )
    };
    let id = "abababab-abab-abab-abab-abababababab";
    let header = json!({"alg": "HS256", "kid": "k1"});
    let good = json!({"iss": "ucrm", "aud": "ucrm", "sub": id, "sid": id, "exp": NOW + 9});
    assert!(opened(&forged(header.clone(), good.clone()), NEW, NOW).is_ok());
    for (name, value, wanted) in [
        ("iss", json!("other"), Fault::Issuer),
        ("aud", json!("other"), Fault::Audience),
        ("aud", json!(null), Fault::Audience),
        ("exp", json!(null), Fault::Expiry),
        ("sid", json!(null), Fault::Claim),
        ("sid", json!(id.to_uppercase()), Fault::Claim),
        ("sid", json!(id.replace('-', "")), Fault::Claim),
        (
            "sub",
            json!("+bababab-abab-abab-abab-abababababab"),
            Fault::Claim,
        ),
        ("sub", json!(1), Fault::Claim),
    ] {
        let mut claims = good.clone();
        match value {
            Value::Null => claims.as_object_mut().unwrap().remove(name),
            value => claims.as_object_mut().unwrap().insert(name.into(), value),
        };
        assert_eq!(
            opened(&forged(header.clone(), claims), NEW, NOW),
            Err(wanted),
            "{name}"
        );
    }
    for (header, wanted) in [
        (json!({"alg": "none", "kid": "k1"}), Fault::Algorithm),
        (json!({"alg": "HS512", "kid": "k1"}), Fault::Algorithm),
        (json!({"alg": "HS256"}), Fault::UnknownKey),
        (
            json!({"alg": "HS256", "kid": "k1", "typ": "at+jwt"}),
            Fault::Type,
        ),
        (
            json!({"alg": "HS256", "kid": "k1", "jwk": {}}),
            Fault::Header,
        ),
    ] {
        assert_eq!(opened(&forged(header, good.clone()), NEW, NOW), Err(wanted));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..Default::default() })]

    #[test]
    fn no_bytes_are_a_token(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let trust = Issuer::of("EdDSA", [ed("d1")]);
        prop_assert!(trust.judge_bytes(&bytes).is_err());
    }

    #[test]
    fn nothing_that_looks_like_a_token_is_one(header in "\\PC{0,40}", payload in "\\PC{0,40}", signature in any::<[u8; 64]>()) {
        let trust = Issuer::of("EdDSA", [ed("d1")]);
        let token = format!("{}.{}.{}", B64.encode(header), B64.encode(payload), B64.encode(signature));
        prop_assert!(trust.judge(&token).is_err());
    }

    #[test]
    fn a_changed_byte_breaks_a_token(at in any::<prop::sample::Index>(), other in any::<u8>()) {
        let key = ed("d1");
        let mut token = key.token("EdDSA", &claims()).into_bytes();
        let at = at.index(token.len());
        prop_assume!(token[at] != other);
        token[at] = other;
        prop_assert!(Issuer::of("EdDSA", [key]).judge_bytes(&token).is_err());
    }

    #[test]
    fn a_shortened_token_is_none(cut in any::<prop::sample::Index>()) {
        let key = ed("d1");
        let token = key.token("EdDSA", &claims());
        prop_assert!(Issuer::of("EdDSA", [key]).judge(&token[..cut.index(token.len())]).is_err());
    }

    #[test]
    fn our_own_tokens_come_back(id: [u8; 16], user: [u8; 16], lifetime in 1..10_000_000_i64) {
        let session = own::Session { id, user, expires_at: NOW + lifetime };
        let token = own::make(&signing(NEW, own::PURPOSE), "k1", &session, NOW);
        prop_assert_eq!(opened(&token, NEW, NOW), Ok(session));
    }

    #[test]
    fn no_set_makes_it_panic(text in "\\PC{0,200}", bytes in any::<Vec<u8>>()) {
        let _ = set::public(text.as_bytes());
        let _ = set::public(&bytes);
        let wrapped = json!({"keys": [{"kty": text, "n": text, "e": "AQAB"}]}).to_string();
        prop_assert!(set::public(wrapped.as_bytes()).is_err());
    }
}
