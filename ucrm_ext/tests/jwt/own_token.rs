//! Our own tokens, and that no bytes make any of it panic.

use super::*;

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
