use hyper::Request;

use super::*;

fn call(method: &str, target: &str, pairs: &[(&str, &str)]) -> Result<Call, Failure> {
    let mut request = Request::builder().method(method).uri(target);
    for (name, value) in pairs {
        request = request.header(*name, HeaderValue::from_str(value).unwrap());
    }
    let (parts, ()) = request.body(()).unwrap().into_parts();
    let peer = "192.0.2.1".parse().unwrap();
    Call::of(
        &parts,
        peer,
        &TrustedProxies(Vec::new()),
        "ucrm_session",
        Uuid::nil(),
    )
}

const HOSTED: (&str, &str) = ("host", "api.example:8080");

#[test]
fn path_and_query_pass_raw_and_head_is_a_get() {
    let call = call("HEAD", "/api/v1/a%2Fb//c?x=%00&y", &[HOSTED]).unwrap();
    assert_eq!(
        (call.method, call.path(), call.query()),
        ("GET", "/api/v1/a%2Fb//c", "x=%00&y")
    );
    assert!(call.head_only && call.is_safe() && !call.is_streamed());
}

#[test]
fn host_is_sent_exactly_once_and_is_a_host() {
    let refused =
        |pairs: &[(&str, &str)]| matches!(call("GET", "/", pairs), Err(Failure::Malformed(_)));
    assert!(refused(&[]));
    assert!(refused(&[HOSTED, HOSTED]));
    assert!(refused(&[("host", "a b")]));
    assert!(refused(&[("host", "user@host")]));
    assert!(refused(&[("host", "")]));
    assert!(!refused(&[("host", "[::1]:8080")]));
}

#[test]
fn unknown_methods_and_long_targets_have_their_own_status() {
    for method in ["TRACE", "CONNECT", "BREW"] {
        let refused = call(method, "/", &[HOSTED]).err();
        assert_eq!(refused, Some(Failure::MethodNotAllowed));
    }
    let long = format!("/{}", "a".repeat(TARGET_LIMIT));
    assert_eq!(
        call("GET", &long, &[HOSTED]).err(),
        Some(Failure::UriTooLong)
    );
}

#[test]
fn a_coding_beside_chunked_and_headers_beyond_the_limit_are_refused() {
    let coded = [HOSTED, ("transfer-encoding", "gzip, chunked")];
    assert!(matches!(
        call("POST", "/", &coded),
        Err(Failure::Malformed(_))
    ));
    let twice = ("transfer-encoding", "chunked");
    assert!(call("POST", "/", &[HOSTED, twice]).is_ok());
    assert!(call("POST", "/", &[HOSTED, twice, twice]).is_err());
    let large = "a".repeat(HEADERS_LIMIT);
    assert_eq!(
        call("GET", "/", &[HOSTED, ("x-large", &large)]).err(),
        Some(Failure::HeadersTooLarge)
    );
}

#[test]
fn only_get_of_an_export_path_streams_and_only_one_path_may_be_large() {
    let get = call("GET", "/api/v1/contacts/export?format=csv", &[HOSTED]).unwrap();
    let post = call("POST", "/api/v1/contacts/export", &[HOSTED]).unwrap();
    assert!(get.is_streamed() && !post.is_streamed());
    let restore = call("POST", "/api/v1/admin/workspaces/restore", &[HOSTED]).unwrap();
    assert!(restore.is_restore() && !get.is_restore());
}
