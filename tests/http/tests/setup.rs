//! The first start: whoever has the one-time token, and nobody else, becomes platform admin with a first workspace.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::thread;

use serde_json::json;
use ucrm_http_tests::client::Client;
use ucrm_http_tests::database;
use ucrm_http_tests::gateway::{Gateway, fresh_address};
use uuid::Uuid;

const SETUP: &str = "/api/v1/setup";

#[test]
fn the_token_works_once_however_many_come() {
    let mut db = database::admin();
    let gateway = Gateway::behind_proxy();
    let token = Uuid::new_v4().simple().to_string();
    // As ucrm.make_setup_token() would, which makes none where there is an admin.
    database::execute(
        &mut db,
        "insert into ucrm.setup_tokens (digest) values (ucrm.stored_digest(sha256(convert_to($1, 'UTF8'))))",
        &[&token],
    );
    let slug = |n: usize| format!("t-{n}-{token}");
    let replies: Vec<_> = thread::scope(|scope| {
        let founders: Vec<_> = (0..4)
            .map(|n| {
                let founder = gateway.from(&fresh_address());
                let (slug, token) = (slug(n), &token);
                scope.spawn(move || {
                    let body = json!({"token": token, "password": "a quite long one", "email": format!("{slug}@tests.example"), "name": "F", "workspace": "First", "slug": slug});
                    founder.post(SETUP, &body)
                })
            })
            .collect();
        founders
            .into_iter()
            .map(|founder| founder.join().unwrap())
            .collect()
    });
    let (made, late): (Vec<_>, Vec<_>) = replies.into_iter().partition(|reply| reply.status == 201);
    assert_eq!((made.len(), late.len()), (1, 3));
    for reply in late {
        reply.refused(401, "unauthenticated");
    }
    let made = made[0].json()["data"].take();
    assert_eq!(made["tenant"]["status"], "approved");
    let key = |secret: &serde_json::Value| Client::to(&gateway.url).key(secret.as_str().unwrap());
    let owner = key(&made["api_key"]["secret"]);
    owner
        .post("/api/v1/contacts", &json!({"name": "First"}))
        .is(201);
    key(&made["platform_key"])
        .get("/api/v1/admin/workspaces")
        .is(200);
    let pattern = format!("t-%-{token}");
    database::execute(
        &mut db,
        "delete from ucrm.tenants where slug like $1",
        &[&pattern],
    );
    database::execute(
        &mut db,
        "delete from ucrm.users where email like $1 || '@tests.example'",
        &[&pattern],
    );
}

#[test]
fn a_wrong_token_is_no_credential() {
    let gateway = Gateway::behind_proxy();
    let address = fresh_address();
    let with = |token: serde_json::Value| {
        let body = json!({"token": token, "password": "a quite long one", "email": "a@tests.example", "workspace": "W", "slug": "w"});
        gateway.from(&address).post(SETUP, &body)
    };
    for token in ["x", "\\", "\\x00", "é", "'", "' or true --"] {
        with(json!(token)).refused(401, "unauthenticated");
    }
    with(json!("")).refused_fields(422, "validation_failed", &["token"]);
    with(json!(7)).refused_fields(422, "validation_failed", &["token"]);
    gateway
        .from(&address)
        .post(SETUP, &json!([]))
        .refused(400, "invalid_json");
    gateway
        .from(&address)
        .get(SETUP)
        .refused(405, "method_not_allowed");
}

#[test]
fn guessing_tokens_counts_against_the_address() {
    let gateway = Gateway::behind_proxy();
    let guesser = gateway.from(&fresh_address());
    let body = json!({"password": "a quite long one", "token": "guess", "email": "a@tests.example", "workspace": "W", "slug": "w"});
    let tried = (0..120)
        .filter(|_| guesser.post(SETUP, &body).status == 401)
        .count();
    assert!((98..=100).contains(&tried), "{tried}");
    guesser.post(SETUP, &body).refused(429, "rate_limited");
}

#[test]
fn the_page_loads_nothing_from_elsewhere() {
    let gateway = Gateway::behind_proxy();
    let page = gateway.from(&fresh_address()).get("/setup").is(200);
    assert!(
        page.header("content-type")
            .unwrap()
            .starts_with("text/html")
    );
    assert!(
        page.header("content-security-policy")
            .unwrap()
            .contains("default-src 'none'")
    );
    assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
}
