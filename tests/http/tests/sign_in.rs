//! Signing in: what is counted, where it leads, and what it leaves behind.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::thread;

use serde_json::{Value, json};
use ucrm_http_tests::database;
use ucrm_http_tests::gateway::{Gateway, fresh_address};
use ucrm_http_tests::person::Person;
use ucrm_http_tests::workspace::Workspace;

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
fn ten_failures_in_a_quarter_of_an_hour_from_anywhere_and_at_once() {
    let gateway = proxied();
    let person = Person::verified(&gateway);
    let wrong = json!({"email": person.email, "password": "not what it is"});
    let statuses: Vec<u16> = thread::scope(|scope| {
        let tries: Vec<_> = (0..8)
            .map(|_| {
                let client = gateway.from(&fresh_address());
                let wrong = &wrong;
                scope.spawn(move || {
                    (0..2)
                        .map(|_| client.post(LOGIN, wrong).status)
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        tries.into_iter().flat_map(|t| t.join().unwrap()).collect()
    });
    let count = |status: u16| statuses.iter().filter(|s| **s == status).count();
    assert_eq!((count(401), count(429)), (10, 6), "{statuses:?}");
    // Not even with the right password, and the wait is right to the second.
    let reply = person.sign_in();
    reply.refused(429, "rate_limited");
    let wait: u64 = reply.header("retry-after").unwrap().parse().unwrap();
    assert!((890..=900).contains(&wait), "{wait}");
    let age = "update ucrm.row_windows set hits = array(select h - interval '900 seconds' from unnest(hits) as h) where key = $1";
    execute(age, &[&person.email]);
    person.sign_in().is(200);
}

#[test]
fn success_counts_nothing() {
    let gateway = proxied();
    let person = Person::verified(&gateway);
    for _ in 0..12 {
        person.sign_in().is(200);
    }
    let wrong = json!({"email": person.email, "password": "not what it is"});
    for _ in 0..9 {
        person
            .post(LOGIN, &wrong)
            .refused(401, "invalid_credentials");
    }
    person.sign_in().is(200);
    person
        .post(LOGIN, &wrong)
        .refused(401, "invalid_credentials");
    person.post(LOGIN, &wrong).refused(429, "rate_limited");
}

#[test]
fn a_failure_leaves_its_trace_and_no_password() {
    let gateway = proxied();
    let person = Person::with_workspace(&gateway);
    let wrong = json!({"email": person.email, "password": "a quite distinctive mistake"});
    person
        .post(LOGIN, &wrong)
        .refused(401, "invalid_credentials");
    let mut db = database::admin();
    let traces: i64 = database::value(
        &mut db,
        "select count(*) from ucrm.audit_logs where user_id = $1 and action = 'sign_in_failed' and address is not null and request_id is not null",
        &[&person.id()],
    );
    assert_eq!(traces, 1);
    let told: i64 = database::value(
        &mut db,
        "select count(*) from ucrm.audit_logs as a where a::text like '%distinctive%' or a::text like '%argon2id%'",
        &[],
    );
    assert_eq!(told, 0);
}

#[test]
fn a_person_in_two_workspaces_chooses() {
    let gateway = proxied();
    let person = Person::with_workspace(&gateway);
    let other = Workspace::new();
    execute(
        "insert into ucrm.tenant_memberships (tenant_id, user_id, role) values ($1, $2, 'reader')",
        &[&other.id, &person.id()],
    );
    let mine = person.get("/api/v1/session").data(200)["tenant"]["slug"].clone();
    let role = |person: &Person| person.get("/api/v1/session").data(200)["role"].clone();
    assert_eq!(role(&person), "owner");
    assert_eq!(
        person
            .get("/api/v1/workspaces")
            .data(200)
            .as_array()
            .unwrap()
            .len(),
        2
    );
    // For one request.
    let cookie = format!("ucrm_session={}", person.cookie().unwrap());
    let here = gateway.from(&fresh_address()).with("cookie", &cookie);
    for name in [other.slug.clone(), other.id.to_string()] {
        let there = here.with("x-tenant-id", &name);
        there.get(CONTACTS).is(200);
        there
            .post(CONTACTS, &json!({"name": "No"}))
            .refused(403, "permission_denied");
    }
    here.post(CONTACTS, &json!({"name": "Yes"})).is(201);
    for name in [
        "acme",
        "nobody-has-this",
        "00000000-0000-7000-8000-000000000000",
    ] {
        here.with("x-tenant-id", name)
            .get(CONTACTS)
            .refused(403, "not_a_member");
    }
    // For good.
    let switch = |name: &Value| person.post("/api/v1/auth/switch-tenant", &json!({"tenant": name}));
    switch(&json!("acme")).refused(403, "not_a_member");
    switch(&json!(other.slug)).is(200);
    assert_eq!(role(&person), "reader");
    person
        .post(CONTACTS, &json!({"name": "No"}))
        .refused(403, "permission_denied");
    // A membership that ends binds the next request.
    execute(
        "delete from ucrm.tenant_memberships where tenant_id = $1 and user_id = $2",
        &[&other.id, &person.id()],
    );
    person.get(CONTACTS).refused(403, "not_a_member");
    switch(&mine).is(200);
    assert_eq!(role(&person), "owner");
}

#[test]
fn an_api_key_has_no_account() {
    let gateway = proxied();
    let workspace = Workspace::new();
    let key = gateway.client(&workspace.owner.key);
    for (method, path) in [
        ("GET", SESSIONS),
        ("POST", "/api/v1/auth/logout"),
        ("POST", "/api/v1/auth/change-email"),
        ("POST", "/api/v1/auth/step-up"),
        ("GET", "/api/v1/workspaces"),
        ("POST", "/api/v1/workspaces"),
    ] {
        key.json(method, path, &json!({}))
            .refused(403, "permission_denied");
    }
}

#[test]
fn a_workspace_may_want_a_second_factor() {
    let gateway = proxied();
    let person = Person::with_workspace(&gateway);
    let tenant = person.get("/api/v1/session").data(200)["tenant"]["id"].clone();
    let tenant: uuid::Uuid = tenant.as_str().unwrap().parse().unwrap();
    execute(
        "update ucrm.tenants set settings = '{\"mfa_required\": true}' where id = $1",
        &[&tenant],
    );
    person.get(CONTACTS).refused(403, "mfa_required");
    person
        .post(CONTACTS, &json!({"name": "No"}))
        .refused(403, "mfa_required");
    person.get("/api/v1/session").is(200);
    person.get(SESSIONS).is(200);
    execute(
        "update ucrm.sessions set factor_shown_at = clock_timestamp() where user_id = $1",
        &[&person.id()],
    );
    person.post(CONTACTS, &json!({"name": "Yes"})).is(201);
}

#[test]
fn a_verified_person_founds_workspaces() {
    let gateway = proxied();
    let found = |person: &Person, body: Value| person.post("/api/v1/workspaces", &body);
    let unverified = Person::registered(&gateway);
    unverified.sign_in().is(200);
    found(&unverified, json!({"name": "Mine"})).refused(403, "email_unverified");
    let person = Person::signed_in(&gateway);
    found(&person, json!({})).refused_fields(422, "validation_failed", &["name"]);
    found(&person, json!({"name": "x", "slug": "No Slug"})).refused_fields(
        422,
        "validation_failed",
        &["slug"],
    );
    found(&person, json!({"name": "x", "slug": "acme"})).refused(409, "slug_taken");
    found(&person, json!({"name": "One"})).is(201);
    found(&person, json!({"name": "Two"})).is(201);
}
