//! Algorithms: the issuer's and the key's choice, never the token's.

use super::*;

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
