//! Keys: which one a token is verified with, and which are none.

use super::*;

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
