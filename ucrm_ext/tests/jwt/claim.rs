//! What a token claims: for whom, by whom, and until when.

use super::*;

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
