//! Sets of keys, as they are stored.

use super::*;

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
