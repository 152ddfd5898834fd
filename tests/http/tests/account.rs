//! Accounts: registered, verified, forgotten, changed; and that nobody learns who has one.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::thread;

use serde_json::json;
use ucrm_http_tests::database;
use ucrm_http_tests::gateway::{Gateway, fresh_address};
use ucrm_http_tests::person::Person;
use ucrm_http_tests::reply::Reply;

const REGISTER: &str = "/api/v1/auth/register";
const VERIFY: &str = "/api/v1/auth/verify-email";
const RESEND: &str = "/api/v1/auth/resend-verification";
const FORGOT: &str = "/api/v1/auth/forgot-password";
const RESET: &str = "/api/v1/auth/reset-password";
const LOGIN: &str = "/api/v1/auth/login";

fn proxied() -> Gateway {
    Gateway::behind_proxy()
}

#[test]
fn a_new_person_registers_verifies_and_signs_in() {
    let gateway = proxied();
    let person = Person::unknown(&gateway);
    assert_eq!(person.register().data(202)["email"], person.email);
    let session = person.sign_in().data(200);
    assert_eq!(session["user"]["email_verified"], false);
    assert_eq!(session["tenants"], json!([]));
    let next = |person: &Person| person.get("/api/v1/session").data(200)["next"].clone();
    assert_eq!(next(&person), "/auth/verify-email");
    let token = person.mailed("verify_email");
    person.post(VERIFY, &json!({"token": token})).is(200);
    assert_eq!(next(&person), "/auth/organization");
    person
        .post("/api/v1/workspaces", &json!({"name": "Mine"}))
        .is(201);
    assert_eq!(next(&person), "/pending-approval");
}

#[test]
fn a_name_is_optional_and_every_other_field_is_judged() {
    let gateway = proxied();
    let person = Person::unknown(&gateway);
    for (body, fields) in [
        (json!({"password": "a long enough one"}), &["email"][..]),
        (
            json!({"email": "no address", "password": "a long enough one"}),
            &["email"],
        ),
        (json!({"email": person.email}), &["password"]),
        (
            json!({"email": person.email, "password": "short"}),
            &["password"],
        ),
        (
            json!({"email": person.email, "password": "x".repeat(257)}),
            &["password"],
        ),
        (
            json!({"email": person.email, "password": "password1"}),
            &["password"],
        ),
        (
            json!({"email": person.email, "password": 12345678}),
            &["password"],
        ),
        (
            json!({"email": person.email, "password": "a long enough one", "name": "n".repeat(201)}),
            &["name"],
        ),
    ] {
        person
            .post(REGISTER, &body)
            .refused_fields(422, "validation_failed", fields);
    }
    person
        .post(
            REGISTER,
            &json!({"email": person.email, "password": person.password, "admin": "yes"}),
        )
        .refused_fields(400, "unknown_field", &["admin"]);
    person
        .post(
            REGISTER,
            &json!({"email": "x@sub.Mailinator.com", "password": person.password}),
        )
        .refused(400, "disposable_email");
    person
        .post(
            REGISTER,
            &json!({"email": person.email, "password": person.password}),
        )
        .is(202);
}

#[test]
fn the_hash_that_another_client_sends_as_an_object_is_no_password() {
    let gateway = proxied();
    let person = Person::registered(&gateway);
    let stored = json!({"argon2id": "0".repeat(64), "salt": "0".repeat(32)});
    person
        .post(LOGIN, &json!({"email": person.email, "password": stored}))
        .refused(401, "invalid_credentials");
}

/// Replies without what differs from one to the next.
fn shape(reply: &Reply, email: &str) -> (u16, String) {
    let mut body = reply.json();
    if let Some(body) = body.as_object_mut() {
        body.remove("request_id");
    }
    (reply.status, body.to_string().replace(email, "EMAIL"))
}

#[test]
fn no_reply_tells_whether_an_address_has_an_account() {
    let gateway = proxied();
    let known = Person::verified(&gateway);
    let unknown = Person::unknown(&gateway);
    let ask = |path: &str, email: &str| {
        let body = match path {
            REGISTER | LOGIN => json!({"email": email, "password": "another password of mine"}),
            _ => json!({"email": email}),
        };
        let reply = gateway.from(&fresh_address()).post(path, &body);
        shape(&reply, email)
    };
    for path in [LOGIN, FORGOT, RESEND, REGISTER] {
        assert_eq!(ask(path, &known.email), ask(path, &unknown.email), "{path}");
    }
    let twice = |path: &str| (ask(path, &known.email), ask(path, &unknown.email));
    let (a, b) = twice(RESEND);
    assert_eq!((a.0, b.0), (429, 429), "both are throttled alike");
}

#[test]
fn a_link_works_once_and_only_the_newest() {
    let gateway = proxied();
    let person = Person::registered(&gateway);
    let first = person.mailed("verify_email");
    let second = person.mailed("verify_email");
    assert_ne!(first, second);
    for (token, expected) in [(&first, 400), (&second, 200), (&second, 400)] {
        person.post(VERIFY, &json!({"token": token})).is(expected);
    }
    for token in [
        json!(""),
        json!("x"),
        json!("sha256:00"),
        json!(first.to_uppercase()),
    ] {
        let reply = person.post(VERIFY, &json!({"token": token}));
        assert!(
            matches!(reply.status, 400 | 422),
            "{token}: {}",
            reply.status
        );
    }
}

#[test]
fn a_link_is_redeemed_once_by_many_at_once() {
    let gateway = proxied();
    let person = Person::registered(&gateway);
    let body = json!({"token": person.mailed("verify_email")});
    let won = thread::scope(|scope| {
        let tries: Vec<_> = (0..8)
            .map(|_| {
                let client = gateway.from(&fresh_address());
                let body = &body;
                scope.spawn(move || client.post(VERIFY, body).status)
            })
            .collect();
        let statuses: Vec<u16> = tries.into_iter().map(|t| t.join().unwrap()).collect();
        assert!(
            statuses.iter().all(|status| matches!(status, 200 | 400)),
            "{statuses:?}"
        );
        statuses.iter().filter(|status| **status == 200).count()
    });
    assert_eq!(won, 1);
}

#[test]
fn a_link_serves_one_purpose_one_person_and_one_address() {
    let gateway = proxied();
    let person = Person::registered(&gateway);
    let other = Person::registered(&gateway);
    person.post(FORGOT, &json!({"email": person.email})).is(200);
    let verify = person.mailed("verify_email");
    let reset = person.mailed("reset_password");
    let new = "an entirely different one";
    person
        .post(RESET, &json!({"token": verify, "password": new}))
        .refused(400, "invalid_token");
    person
        .post(VERIFY, &json!({"token": reset}))
        .refused(400, "invalid_token");
    // The address it was mailed to is not the account's any more.
    let id = person.id();
    let moved = format!("moved-{}", person.email);
    let move_to = |email: &str| {
        let update = "update ucrm.users set email = $2 where id = $1";
        database::execute(&mut database::admin(), update, &[&id, &email]);
    };
    move_to(&moved);
    person
        .post(VERIFY, &json!({"token": verify}))
        .refused(400, "invalid_token");
    person
        .post(RESET, &json!({"token": reset, "password": new}))
        .refused(400, "invalid_token");
    move_to(&person.email);
    let session = other.sign_in().data(200);
    assert_eq!(session["user"]["email_verified"], false);
}

#[test]
fn an_expired_link_is_none() {
    let gateway = proxied();
    let person = Person::registered(&gateway);
    let token = person.mailed("verify_email");
    database::execute(
        &mut database::admin(),
        "update ucrm.verification_tokens set expires_at = clock_timestamp() where user_id = $1",
        &[&person.id()],
    );
    person
        .post(VERIFY, &json!({"token": token}))
        .refused(400, "invalid_token");
}

#[test]
fn a_forgotten_password_is_reset_and_every_session_ends() {
    let gateway = proxied();
    let mut person = Person::signed_in(&gateway);
    let elsewhere = person.elsewhere(&gateway);
    elsewhere.sign_in().is(200);
    elsewhere.send("GET", "/api/v1/auth/sessions", None).is(200);
    person
        .post(FORGOT, &json!({"email": person.email.to_uppercase()}))
        .is(200);
    let token = person.mailed("reset_password");
    person
        .post(RESET, &json!({"token": token, "password": "short"}))
        .refused_fields(422, "validation_failed", &["password"]);
    let new = "an entirely different one";
    person
        .post(RESET, &json!({"token": token, "password": new}))
        .is(200);
    person
        .post(RESET, &json!({"token": token, "password": new}))
        .refused(400, "invalid_token");
    elsewhere
        .send("GET", "/api/v1/auth/sessions", None)
        .refused(401, "unauthenticated");
    person
        .get("/api/v1/auth/sessions")
        .refused(401, "unauthenticated");
    person.sign_in().refused(401, "invalid_credentials");
    person.password = new.to_owned();
    person.sign_in().is(200);
}

#[test]
fn a_reset_link_verifies_the_address_it_was_mailed_to() {
    let gateway = proxied();
    let person = Person::registered(&gateway);
    person.post(FORGOT, &json!({"email": person.email})).is(200);
    let token = person.mailed("reset_password");
    person
        .post(RESET, &json!({"token": token, "password": person.password}))
        .is(200);
    assert_eq!(person.sign_in().data(200)["user"]["email_verified"], true);
}

#[test]
fn an_address_changes_when_its_new_mailbox_answers() {
    let gateway = proxied();
    let mut person = Person::signed_in(&gateway);
    let elsewhere = person.elsewhere(&gateway);
    elsewhere.sign_in().is(200);
    let new = format!("new-{}", person.email);
    person
        .post("/api/v1/auth/change-email", &json!({"email": new}))
        .is(202);
    assert_eq!(
        person.get("/api/v1/session").data(200)["user"]["email"],
        person.email
    );
    let token = person.mailed_to("change_email", &new);
    person.post(VERIFY, &json!({"token": token})).is(200);
    assert_eq!(
        person.get("/api/v1/session").data(200)["user"]["email"],
        json!(new)
    );
    elsewhere
        .send("GET", "/api/v1/auth/sessions", None)
        .refused(401, "unauthenticated");
    person.email = new;
    person.sign_in().is(200);
}

#[test]
fn an_address_that_somebody_has_is_not_taken_and_not_told() {
    let gateway = proxied();
    let person = Person::signed_in(&gateway);
    let other = Person::verified(&gateway);
    let free = Person::unknown(&gateway);
    let ask = |email: &str| {
        let reply = person.post("/api/v1/auth/change-email", &json!({"email": email}));
        shape(&reply, email)
    };
    assert_eq!(ask(&other.email), ask(&free.email));
    let waiting: i64 = database::value(
        &mut database::admin(),
        "select count(*) from ucrm.verification_tokens where user_id = $1 and address = $2",
        &[&person.id(), &other.email],
    );
    assert_eq!(waiting, 0);
}
