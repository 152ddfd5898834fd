//! How often an account may be made, forgotten or mailed, by address and by mailbox.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use serde_json::{Value, json};
use ucrm_http_tests::database;
use ucrm_http_tests::gateway::{Gateway, fresh_address};
use ucrm_http_tests::person::Person;
use ucrm_http_tests::reply::Reply;

const REGISTER: &str = "/api/v1/auth/register";
const RESEND: &str = "/api/v1/auth/resend-verification";
const FORGOT: &str = "/api/v1/auth/forgot-password";

fn proxied() -> Gateway {
    Gateway::behind_proxy()
}

#[track_caller]
fn waits(reply: &Reply, window: &str, within: std::ops::RangeInclusive<u64>) {
    reply.refused(429, "rate_limited");
    let wait: u64 = reply.header("retry-after").unwrap().parse().unwrap();
    assert!(within.contains(&wait), "{window}: {wait}");
    let policy = reply.header("ratelimit-policy").unwrap();
    assert!(policy.starts_with(&format!("\"{window}\"")), "{policy}");
}

#[test]
fn five_registrations_an_hour_for_an_address_and_five_for_a_mailbox() {
    let gateway = proxied();
    let here = gateway.from(&fresh_address());
    let people: Vec<Person> = (0..6).map(|_| Person::unknown(&gateway)).collect();
    let body = |person: &Person| json!({"email": person.email, "password": person.password});
    for person in &people[..5] {
        here.post(REGISTER, &body(person)).is(202);
    }
    waits(
        &here.post(REGISTER, &body(&people[5])),
        "register_address",
        3590..=3600,
    );
    // What was refused did not count for the mailbox.
    for _ in 0..5 {
        gateway
            .from(&fresh_address())
            .post(REGISTER, &body(&people[5]))
            .is(202);
    }
    let elsewhere = gateway.from(&fresh_address());
    waits(
        &elsewhere.post(REGISTER, &body(&people[5])),
        "register_email",
        3590..=3600,
    );
    // And there the mailbox's refusal did not count for the address.
    for _ in 0..5 {
        elsewhere
            .post(REGISTER, &body(&people[5]))
            .refused(429, "rate_limited");
    }
    let fresh: Vec<Person> = (0..5).map(|_| Person::unknown(&gateway)).collect();
    for person in &fresh {
        elsewhere.post(REGISTER, &body(person)).is(202);
    }
}

#[test]
fn a_disposable_address_is_refused_before_anything_is_counted() {
    let gateway = proxied();
    let here = gateway.from(&fresh_address());
    for _ in 0..8 {
        here.post(
            REGISTER,
            &json!({"email": "x@yopmail.com", "password": "a long enough one"}),
        )
        .refused(400, "disposable_email");
    }
    let person = Person::unknown(&gateway);
    here.post(
        REGISTER,
        &json!({"email": person.email, "password": person.password}),
    )
    .is(202);
}

#[test]
fn five_forgotten_passwords_an_hour_and_a_mailbox_is_throttled_in_silence() {
    let gateway = proxied();
    let person = Person::verified(&gateway);
    let ask = |body: &Value| gateway.from(&fresh_address()).post(FORGOT, body);
    let body = json!({"email": person.email});
    for _ in 0..5 {
        assert_eq!(ask(&body).is(200).json()["throttled"], false);
    }
    assert_eq!(ask(&body).is(200).json()["throttled"], true);
    let here = gateway.from(&fresh_address());
    for number in 0..5 {
        here.post(
            FORGOT,
            &json!({"email": format!("{number}-{}", person.email)}),
        )
        .is(200);
    }
    waits(&here.post(FORGOT, &body), "forgot_address", 3590..=3600);
}

#[test]
fn a_verification_is_sent_again_after_a_minute_and_ten_times_a_day() {
    let gateway = proxied();
    let person = Person::registered(&gateway);
    let body = json!({"email": person.email});
    let ask = || gateway.from(&fresh_address()).post(RESEND, &body);
    let mut db = database::admin();
    let mut later = || {
        let pass = "update ucrm.row_windows set hits = array(select h - interval '61 seconds' from unnest(hits) as h) \
             where key = $1";
        database::execute(&mut db, pass, &[&person.email]);
    };
    ask().is(202);
    waits(&ask(), "resend_pause", 55..=60);
    for _ in 1..10 {
        later();
        ask().is(202);
    }
    later();
    waits(&ask(), "resend_email", 80_000..=86_400);
}
