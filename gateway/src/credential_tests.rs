use proptest::prelude::*;

use super::*;

const COOKIE: &str = "ucrm_session";

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in pairs {
        map.append(
            HeaderName::from_static(name),
            HeaderValue::from_str(value).unwrap(),
        );
    }
    map
}

fn a_key() -> String {
    format!("ucrm_live_ab12cd34_{}_{}", "a2".repeat(13), "_".repeat(43))
}

#[test]
fn a_well_formed_key_gives_digest_and_hint_on_every_header_that_takes_it() {
    let bearer = format!("bEaReR  {}", a_key());
    for (name, value) in [
        ("x-api-key", a_key()),
        ("apikey", a_key()),
        ("authorization", bearer),
    ] {
        let picked = Credential::pick(&headers(&[(name, &value)]), COOKIE).unwrap();
        assert_eq!(picked.kind(), "key", "{name}");
        assert_eq!(picked.hint(), Some("a2".repeat(13).as_str()), "{name}");
        assert_eq!(
            picked.bytes(),
            Some(&digest_of(a_key().as_bytes())[..]),
            "{name}"
        );
    }
}

#[test]
fn a_malformed_key_is_passed_on_without_a_hint() {
    let picked = Credential::pick(&headers(&[("x-api-key", "nonsense")]), COOKIE).unwrap();
    assert_eq!((picked.kind(), picked.hint()), ("key", None));
    assert_eq!(picked.bytes(), Some(&digest_of(b"nonsense")[..]));
}

#[test]
fn two_kinds_or_a_repeated_header_are_ambiguous() {
    let bearer = format!("Bearer {}", a_key());
    for pairs in [
        vec![("x-api-key", "a"), ("x-internal-secret", "b")],
        vec![("x-api-key", "a"), ("authorization", "Bearer a")],
        vec![("x-api-key", "a"), ("x-api-key", "a")],
        vec![("x-api-key", "a"), ("apikey", "a")],
        vec![("apikey", "a"), ("authorization", bearer.as_str())],
        vec![("authorization", "Bearer a"), ("authorization", "Bearer a")],
    ] {
        let picked = Credential::pick(&headers(&pairs), COOKIE);
        assert!(
            matches!(picked, Err(Failure::AmbiguousCredential)),
            "{pairs:?}"
        );
    }
}

#[test]
fn the_pair_that_supabase_clients_send_is_one_key() {
    let bearer = format!("Bearer {}", a_key());
    let pairs = [("apikey", a_key()), ("authorization", bearer)];
    let pairs: Vec<_> = pairs.iter().map(|(n, v)| (*n, v.as_str())).collect();
    assert_eq!(
        Credential::pick(&headers(&pairs), COOKIE).unwrap().kind(),
        "key"
    );
}

#[test]
fn another_bearer_is_a_jwt_and_another_scheme_an_empty_one() {
    let jwt = Credential::pick(&headers(&[("authorization", "Bearer a.b.c")]), COOKIE).unwrap();
    assert_eq!((jwt.kind(), jwt.bytes()), ("jwt", Some(&b"a.b.c"[..])));
    let basic = Credential::pick(&headers(&[("authorization", "Basic dTpw")]), COOKIE).unwrap();
    assert_eq!((basic.kind(), basic.bytes()), ("jwt", Some(&b""[..])));
}

proptest! {
    #[test]
    fn nothing_that_is_sent_breaks_the_picker(value in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(value) = HeaderValue::from_bytes(&value) {
            for name in [X_API_KEY, AUTHORIZATION, X_INTERNAL_SECRET] {
                let mut map = HeaderMap::new();
                map.insert(name, value.clone());
                prop_assert!(Credential::pick(&map, COOKIE).is_ok());
            }
        }
    }
}
