//! How a session goes on: a cookie that lives as long as it, a secret and a token that programs can read.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use serde_json::json;
use ucrm_http_tests::client::Client;
use ucrm_http_tests::database;
use ucrm_http_tests::gateway::{Gateway, fresh_address};
use ucrm_http_tests::person::Person;
use uuid::Uuid;

const SESSIONS: &str = "/api/v1/auth/sessions";
const SESSION: &str = "/api/v1/session";
const CONTACTS: &str = "/api/v1/contacts";
const STEP_UP: &str = "/api/v1/auth/step-up";

/// As if he had last come the day before yesterday.
fn age(user: Uuid) {
    database::execute(
        &mut database::admin(),
        "update ucrm.sessions set expires_at = clock_timestamp() + interval '5 days' where user_id = $1",
        &[&user],
    );
}

/// As if a minute had gone by: what was touched is due again.
fn another(gateway: &Gateway, person: &Person) -> (Client, String) {
    person.sign_in().is(200);
    let value = person.cookie().unwrap();
    let cookie = format!("ucrm_session={value}");
    (
        gateway.from(&fresh_address()).with("cookie", &cookie),
        value,
    )
}

#[test]
fn a_cookie_lives_on_with_its_session_and_keeps_its_value() {
    let gateway = Gateway::behind_proxy();
    let person = Person::with_workspace(&gateway);
    for path in [
        CONTACTS,
        SESSION,
        SESSIONS,
        "/api/v1/nothing",
        "/api/v1/audit_logs?nonsense=eq.1",
    ] {
        let (browser, value) = another(&gateway, &person);
        age(person.id());
        let reply = browser.get(path);
        let cookie = reply
            .header("set-cookie")
            .unwrap_or_else(|| panic!("{path}: no cookie"));
        assert!(
            cookie.starts_with(&format!("ucrm_session={value}; Path=/; Max-Age=6047"))
                || cookie.starts_with(&format!("ucrm_session={value}; Path=/; Max-Age=604800")),
            "{path}: {cookie}"
        );
        assert!(cookie.ends_with("; HttpOnly; SameSite=Lax"), "{cookie}");
        assert_eq!(reply.header("cache-control"), Some("no-store"));
        // Once a day, and not with each request.
        let again = browser.get(path);
        assert_eq!(again.header("set-cookie"), None, "{path}");
    }
}

#[test]
fn a_session_that_does_not_slide_says_nothing() {
    let gateway = Gateway::behind_proxy();
    let person = Person::with_workspace(&gateway);
    let (browser, _) = another(&gateway, &person);
    let reply = browser.get(CONTACTS).is(200);
    assert_eq!(
        (reply.header("set-cookie"), reply.header("set-auth-token")),
        (None, None)
    );
}

#[test]
fn whoever_sends_the_secret_as_bearer_reads_the_next_one_in_a_header() {
    let gateway = Gateway::behind_proxy();
    let person = Person::with_workspace(&gateway);
    let (_, secret) = another(&gateway, &person);
    let bearer = |secret: &str| {
        gateway
            .from(&fresh_address())
            .with("authorization", &format!("Bearer {secret}"))
    };
    let reply = bearer(&secret)
        .post(STEP_UP, &json!({"password": person.password}))
        .is(200);
    let renewed = reply.header("set-auth-token").unwrap().to_owned();
    assert!(renewed.starts_with("ucrm_session_") && renewed != secret);
    bearer(&secret)
        .get(SESSIONS)
        .refused(401, "unauthenticated");
    bearer(&renewed).get(SESSIONS).is(200);
    // A page's script reads no secret that only the browser knows.
    let cookie = gateway
        .from(&fresh_address())
        .with("cookie", &format!("ucrm_session={renewed}"));
    let reply = cookie
        .post(STEP_UP, &json!({"password": person.password}))
        .is(200);
    assert_eq!(reply.header("set-auth-token"), None);
    assert!(!reply.text().contains("ucrm_session_"));
}

#[test]
fn a_token_of_ours_is_followed_by_one_that_lives_as_long_as_the_session() {
    let gateway = Gateway::behind_proxy();
    let person = Person::with_workspace(&gateway);
    let token = person.sign_in().data(200)["token"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(token.starts_with("eyJ"));
    // It slides to its end, which is not where the first token ends.
    database::execute(
        &mut database::admin(),
        "update ucrm.sessions set expires_at = clock_timestamp() + interval '5 days', ends_at = clock_timestamp() + interval '6 days 12 hours' where user_id = $1",
        &[&person.id()],
    );
    let api = |token: &str| {
        gateway
            .from(&fresh_address())
            .with("authorization", &format!("Bearer {token}"))
    };
    let reply = api(&token).get(CONTACTS).is(200);
    let next = reply.header("set-auth-token").unwrap().to_owned();
    assert!(next.starts_with("eyJ") && next != token);
    assert_eq!(reply.header("set-cookie"), None);
    api(&next).get(CONTACTS).is(200);
    api(&token).get(CONTACTS).is(200);
    // Both are of one session, and end with it.
    api(&next).post("/api/v1/auth/logout", &json!({})).is(204);
    for token in [&token, &next] {
        api(token).get(CONTACTS).refused(401, "unauthenticated");
    }
}
