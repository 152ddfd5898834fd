//! Header and form of a token.

use super::*;

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
