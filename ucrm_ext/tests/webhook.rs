//! Signatures of webhooks: the specification's own example, and what is not believed.
#![allow(dead_code, missing_docs, clippy::unwrap_used, clippy::expect_used)]

#[path = "../src/webhook/signature.rs"]
mod signature;

use proptest::prelude::*;
use signature::{Fault, fault, sign};
use std::time::{SystemTime, UNIX_EPOCH};

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_secs()).unwrap()
}

#[test]
fn the_example_of_the_specification_is_signed_as_it_says() {
    // https://github.com/standard-webhooks/standard-webhooks, the libraries' common test
    let secret = [
        11, 97, 85, 176, 20, 8, 134, 187, 28, 10, 25, 80, 32, 197, 126, 111, 155, 18, 98, 202, 104,
        111, 186, 3,
    ];
    assert_eq!(
        sign(
            "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk",
            1_649_367_553,
            br#"{"email":"test@example.com","username":"test_user"}"#,
            &secret
        )
        .unwrap(),
        "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw="
    );
}

#[test]
fn a_message_is_believed_for_five_minutes_before_and_after() {
    let at = |away: i64| {
        let at = now() + away;
        let signed = sign("m", at, b"{}", b"secret").unwrap();
        fault("m", &at.to_string(), &signed, b"{}", b"secret")
    };
    for away in [0, -290, 290] {
        assert_eq!(at(away), None, "{away}");
    }
    for away in [-310, 310, -86_400] {
        assert_eq!(at(away), Some(Fault::Timestamp), "{away}");
    }
}

#[test]
fn one_signature_of_several_is_enough_and_other_versions_are_passed_over() {
    let at = now();
    let (old, new) = (
        sign("m", at, b"{}", b"old").unwrap(),
        sign("m", at, b"{}", b"new").unwrap(),
    );
    let at = at.to_string();
    for (signatures, expected) in [
        (format!("{old} {new}"), None),
        (format!("v1a,xyz {new}"), None),
        (old.clone(), Some(Fault::Signature)),
        (new.replace("v1,", "v2,"), Some(Fault::Signature)),
        (new.replace("v1,", ""), Some(Fault::Signature)),
        ("v1,".to_owned(), Some(Fault::Signature)),
        (String::new(), Some(Fault::Signature)),
    ] {
        assert_eq!(
            fault("m", &at, &signatures, b"{}", b"new"),
            expected,
            "{signatures}"
        );
    }
    assert_eq!(
        fault("m", "yesterday", &new, b"{}", b"new"),
        Some(Fault::Timestamp)
    );
    let empty = sign("m", now(), b"{}", b"").unwrap();
    assert_eq!(
        fault("m", &now().to_string(), &empty, b"{}", b""),
        Some(Fault::Signature)
    );
}

proptest! {
    #[test]
    fn whatever_is_altered_is_not_believed(id in "[a-z0-9_]{1,40}", body in ".{0,200}", secret in prop::collection::vec(any::<u8>(), 16..64), other in "[a-z0-9_]{1,40}") {
        let at = now();
        let signed = sign(&id, at, body.as_bytes(), &secret).unwrap();
        let stamp = at.to_string();
        prop_assert_eq!(fault(&id, &stamp, &signed, body.as_bytes(), &secret), None);
        let longer = format!("{body} ");
        prop_assert_eq!(fault(&id, &stamp, &signed, longer.as_bytes(), &secret), Some(Fault::Signature));
        prop_assert_eq!(fault(&id, &(at - 1).to_string(), &signed, body.as_bytes(), &secret), Some(Fault::Signature));
        if other != id {
            prop_assert_eq!(fault(&other, &stamp, &signed, body.as_bytes(), &secret), Some(Fault::Signature));
        }
        let mut wrong = secret.clone();
        wrong[0] ^= 1;
        prop_assert_eq!(fault(&id, &stamp, &signed, body.as_bytes(), &wrong), Some(Fault::Signature));
    }
}
