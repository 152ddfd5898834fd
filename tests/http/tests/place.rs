//! A mail about a sign-in from somewhere new: to whom, when, and what it never says.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use serde_json::{Value, json};
use ucrm_http_tests::database;
use ucrm_http_tests::gateway::Gateway;
use ucrm_http_tests::person::Person;
use uuid::Uuid;

const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0";
const NEWER: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:131.0) Gecko/20100101 Firefox/131.0";
const CHROME: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36";

fn mails(person: &Person) -> Vec<Value> {
    let mails: Value = database::value(
        &mut database::admin(),
        "select coalesce(jsonb_agg(data order by id), '[]') from ucrm.emails where kind = 'new_sign_in' and lower(recipient) = lower($1)",
        &[&person.email],
    );
    mails.as_array().unwrap().clone()
}

/// A network nobody else of these tests signs in from.
fn network() -> String {
    let random = Uuid::new_v4();
    let bytes = random.as_bytes();
    format!("10.{}.{}", bytes[0], bytes[1])
}

fn sign_in(gateway: &Gateway, person: &Person, address: &str, agent: &str) {
    let client = gateway.from(address).with("user-agent", agent);
    let body = json!({"email": person.email, "password": person.password});
    client.post("/api/v1/auth/login", &body).is(200);
}

#[test]
fn a_sign_in_from_somewhere_new_is_told_and_the_first_of_all_is_not() {
    let gateway = Gateway::behind_proxy();
    let person = Person::verified(&gateway);
    let (home, away) = (network(), network());
    sign_in(&gateway, &person, &format!("{home}.7"), FIREFOX);
    assert_eq!(mails(&person).len(), 0, "the first");
    // The same /24, and the browser was updated meanwhile.
    sign_in(&gateway, &person, &format!("{home}.99"), NEWER);
    assert_eq!(mails(&person).len(), 0, "the same place");
    sign_in(&gateway, &person, &format!("{home}.7"), CHROME);
    assert_eq!(
        mails(&person),
        [json!({"address": format!("{home}.7"), "device": "Chrome on Windows"})]
    );
    sign_in(&gateway, &person, &format!("{away}.7"), FIREFOX);
    assert_eq!(mails(&person).len(), 2, "another network");
    sign_in(&gateway, &person, &format!("{away}.8"), FIREFOX);
    sign_in(&gateway, &person, &format!("{home}.8"), CHROME);
    assert_eq!(mails(&person).len(), 2, "both are known now");
}

#[test]
fn nothing_is_told_of_failures_or_to_an_address_that_nobody_has_shown_to_be_his() {
    let gateway = Gateway::behind_proxy();
    let person = Person::verified(&gateway);
    sign_in(&gateway, &person, &format!("{}.1", network()), FIREFOX);
    let wrong = json!({"email": person.email, "password": "not what it is"});
    gateway
        .from(&format!("{}.1", network()))
        .post("/api/v1/auth/login", &wrong)
        .refused(401, "invalid_credentials");
    assert_eq!(mails(&person).len(), 0);
    let stranger = Person::registered(&gateway);
    sign_in(&gateway, &stranger, &format!("{}.1", network()), FIREFOX);
    sign_in(&gateway, &stranger, &format!("{}.1", network()), CHROME);
    assert_eq!(mails(&stranger).len(), 0);
}

#[test]
fn a_client_writes_no_words_of_its_own_into_the_mail_and_not_many_mails() {
    let gateway = Gateway::behind_proxy();
    let person = Person::verified(&gateway);
    let home = network();
    for n in 0..14 {
        let letter = char::from(b'a' + n);
        let agent = format!("Visit https://evil.example/{letter} now");
        sign_in(&gateway, &person, &format!("{home}.1"), &agent);
    }
    let mails = mails(&person);
    assert_eq!(mails.len(), 10, "ten a day");
    assert!(
        mails
            .iter()
            .all(|data| *data == json!({"address": format!("{home}.1")})),
        "{mails:?}"
    );
}
