//! Sessions: what they may, how they are listed, and how they end.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use serde_json::json;
use ucrm_http_tests::database;
use ucrm_http_tests::gateway::{Gateway, fresh_address};
use ucrm_http_tests::person::Person;

const LOGIN: &str = "/api/v1/auth/login";
const SESSIONS: &str = "/api/v1/auth/sessions";
const CONTACTS: &str = "/api/v1/contacts";

fn proxied() -> Gateway {
    Gateway::behind_proxy()
}

fn execute(sql: &str, binds: &[&(dyn postgres::types::ToSql + Sync)]) -> u64 {
    database::execute(&mut database::admin(), sql, binds)
}

#[test]
fn a_session_writes_as_its_person_and_ends_on_the_server() {
    let gateway = proxied();
    let person = Person::with_workspace(&gateway);
    let made = person.post(CONTACTS, &json!({"name": "Ada"})).data(201);
    assert_eq!(made["owner_id"], json!(person.id()));
    let old = person.cookie().unwrap();
    person.post("/api/v1/auth/logout", &json!({})).is(204);
    assert_eq!(person.cookie(), None);
    person.get(CONTACTS).refused(401, "unauthenticated");
    let replayed = gateway
        .from(&fresh_address())
        .with("cookie", &format!("ucrm_session={old}"));
    let reply = replayed.get(CONTACTS);
    reply.refused(401, "unauthenticated");
    assert!(reply.header("set-cookie").unwrap().contains("Max-Age=0"));
}

#[test]
fn the_token_of_a_login_is_a_bearer_token() {
    let gateway = proxied();
    let person = Person::with_workspace(&gateway);
    let token = person.sign_in().data(200)["token"]
        .as_str()
        .unwrap()
        .to_owned();
    let api = gateway
        .from(&fresh_address())
        .with("authorization", &format!("Bearer {token}"));
    api.post(CONTACTS, &json!({"name": "Ada"})).is(201);
    // No browser sends it by itself: the page it comes from does not matter.
    api.with("origin", "https://elsewhere.example")
        .post(CONTACTS, &json!({"name": "Ada"}))
        .is(201);
    api.post("/api/v1/auth/logout", &json!({})).is(204);
    api.get(CONTACTS).refused(401, "unauthenticated");
}

#[test]
fn sessions_are_listed_and_ended_one_the_others_and_all() {
    let gateway = proxied();
    let person = Person::signed_in(&gateway);
    let (second, third) = (person.elsewhere(&gateway), person.elsewhere(&gateway));
    second.sign_in().is(200);
    third.sign_in().is(200);
    let listed = person.get(SESSIONS).data(200);
    let listed = listed.as_array().unwrap();
    assert_eq!(listed.len(), 3);
    assert_eq!(listed.iter().filter(|s| s["current"] == true).count(), 1);
    assert!(
        listed
            .iter()
            .all(|s| s.get("digest").is_none() && s["address"].is_string())
    );
    let mine = second.send("GET", SESSIONS, None).data(200);
    let current = mine
        .as_array()
        .unwrap()
        .iter()
        .find(|s| s["current"] == true)
        .unwrap();
    let one = format!("{SESSIONS}/{}", current["id"].as_str().unwrap());
    person.delete(&one).is(204);
    second
        .send("GET", SESSIONS, None)
        .refused(401, "unauthenticated");
    person.delete(&one).refused(404, "not_found");
    person.delete(&format!("{SESSIONS}?others=true")).is(204);
    third
        .send("GET", SESSIONS, None)
        .refused(401, "unauthenticated");
    person.get(SESSIONS).is(200);
    person.delete(SESSIONS).is(204);
    person.get(SESSIONS).refused(401, "unauthenticated");
}

#[test]
fn nobody_ends_another_person_s_session() {
    let gateway = proxied();
    let (person, other) = (Person::signed_in(&gateway), Person::signed_in(&gateway));
    let listed = other.get(SESSIONS).data(200);
    let id = listed[0]["id"].as_str().unwrap();
    person
        .delete(&format!("{SESSIONS}/{id}"))
        .refused(404, "not_found");
    other.get(SESSIONS).is(200);
}

#[test]
fn a_session_ends_after_a_week_unused_and_after_a_month_at_all_events() {
    let gateway = proxied();
    let person = Person::signed_in(&gateway);
    let id = person.id();
    execute(
        "update ucrm.sessions set expires_at = clock_timestamp() where user_id = $1",
        &[&id],
    );
    person.get(SESSIONS).refused(401, "unauthenticated");
    person.sign_in().is(200);
    execute(
        "update ucrm.sessions set ends_at = clock_timestamp() where user_id = $1",
        &[&id],
    );
    person.get(SESSIONS).refused(401, "unauthenticated");
    // Use lets it slide, but not beyond its end.
    person.sign_in().is(200);
    execute(
        "update ucrm.sessions set expires_at = clock_timestamp() + interval '2 days', ends_at = clock_timestamp() + interval '5 days' where user_id = $1",
        &[&id],
    );
    person.get(SESSIONS).is(200);
    let days: i32 = database::value(
        &mut database::admin(),
        "select round(extract(epoch from expires_at - clock_timestamp()) / 86400)::int from ucrm.sessions where user_id = $1",
        &[&id],
    );
    assert_eq!(days, 5);
}

#[test]
fn every_sign_in_and_every_change_of_rights_has_a_new_secret() {
    let gateway = proxied();
    let person = Person::signed_in(&gateway);
    let mut seen = vec![person.cookie().unwrap()];
    person.sign_in().is(200);
    seen.push(person.cookie().unwrap());
    person
        .post("/api/v1/workspaces", &json!({"name": "Mine"}))
        .is(201);
    seen.push(person.cookie().unwrap());
    let step = json!({"password": person.password});
    person.post("/api/v1/auth/step-up", &step).is(200);
    seen.push(person.cookie().unwrap());
    let mut distinct = seen.clone();
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct.len(), seen.len());
    for old in &seen[1..seen.len() - 1] {
        gateway
            .from(&fresh_address())
            .with("cookie", &format!("ucrm_session={old}"))
            .get(SESSIONS)
            .refused(401, "unauthenticated");
    }
    // A cookie that somebody planted is not taken over.
    let planted = gateway
        .from(&fresh_address())
        .with("cookie", "ucrm_session=planted");
    let reply = planted.post(
        LOGIN,
        &json!({"email": person.email, "password": person.password}),
    );
    assert!(!reply.header("set-cookie").unwrap().contains("planted"));
}

#[test]
fn what_is_sensitive_wants_the_password_again_after_ten_minutes() {
    let gateway = proxied();
    let person = Person::signed_in(&gateway);
    let new = json!({"email": format!("new-{}", person.email)});
    execute(
        "update ucrm.sessions set fresh_until = clock_timestamp() where user_id = $1",
        &[&person.id()],
    );
    person
        .post("/api/v1/auth/change-email", &new)
        .refused(403, "step_up_required");
    let step = |password: &str| person.post("/api/v1/auth/step-up", &json!({"password": password}));
    step("not what it is").refused(401, "invalid_credentials");
    person
        .post("/api/v1/auth/change-email", &new)
        .refused(403, "step_up_required");
    step(&person.password).is(200);
    person.post("/api/v1/auth/change-email", &new).is(202);
}

#[test]
fn a_password_changes_for_who_knows_it_and_ends_the_other_sessions() {
    let gateway = proxied();
    let mut person = Person::signed_in(&gateway);
    let elsewhere = person.elsewhere(&gateway);
    elsewhere.sign_in().is(200);
    let change = |person: &Person, current: &str, new: &str| {
        let body = json!({"current_password": current, "new_password": new});
        person.post("/api/v1/auth/change-password", &body)
    };
    let new = "an entirely different one";
    change(&person, "not what it is", new).refused(401, "invalid_credentials");
    change(&person, &person.password, "short").refused_fields(
        422,
        "validation_failed",
        &["new_password"],
    );
    elsewhere.send("GET", SESSIONS, None).is(200);
    change(&person, &person.password, new).is(204);
    elsewhere
        .send("GET", SESSIONS, None)
        .refused(401, "unauthenticated");
    person.get(SESSIONS).is(200);
    person.sign_in().refused(401, "invalid_credentials");
    person.password = new.to_owned();
    person.sign_in().is(200);
}
