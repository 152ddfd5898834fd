//! Signing in and out: what is counted, what a session may, how it ends, and what a cookie does not do.
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
fn a_page_of_another_origin_writes_nothing_with_the_cookie() {
    let gateway = Gateway::start(&[
        ("UCRM_TRUSTED_PROXIES", "127.0.0.0/8"),
        ("UCRM_ALLOWED_ORIGINS", "https://friend.example"),
    ]);
    let person = Person::with_workspace(&gateway);
    let cookie = format!("ucrm_session={}", person.cookie().unwrap());
    let host = gateway.url.strip_prefix("http://").unwrap();
    let own = format!("http://{host}");
    let browser = gateway.from(&fresh_address()).with("cookie", &cookie);
    let send = |origin: Option<&str>, site: Option<&str>, kind: &str| {
        let mut headers = vec![("content-type", kind)];
        headers.extend(origin.map(|origin| ("origin", origin)));
        headers.extend(site.map(|site| ("sec-fetch-site", site)));
        browser.send("POST", CONTACTS, &headers, Some(br#"{"name": "Forged"}"#))
    };
    for kind in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json",
    ] {
        for (origin, site) in [
            (Some("https://evil.example"), None),
            (Some("https://evil.example"), Some("cross-site")),
            (Some("null"), Some("cross-site")),
            (None, Some("cross-site")),
            (None, Some("same-site")),
        ] {
            send(origin, site, kind).refused(403, "csrf_rejected");
        }
    }
    assert_eq!(browser.get(CONTACTS).json()["meta"]["total"], 0);
    for (origin, site) in [
        (None, None),
        (Some(own.as_str()), Some("same-origin")),
        (Some("https://friend.example"), Some("cross-site")),
        (None, Some("none")),
    ] {
        send(origin, site, "application/json").is(201);
    }
    // Nor does it sign anybody in, who would then work in the attacker's account.
    gateway
        .from(&fresh_address())
        .with("origin", "https://evil.example")
        .post(
            LOGIN,
            &json!({"email": person.email, "password": person.password}),
        )
        .refused(403, "csrf_rejected");
}

#[test]
fn two_cookies_of_the_name_are_no_choice_and_an_explicit_credential_beats_one() {
    let gateway = proxied();
    let person = Person::with_workspace(&gateway);
    let value = person.cookie().unwrap();
    let here = gateway.from(&fresh_address());
    for cookies in [
        format!("ucrm_session={value}; ucrm_session=planted"),
        format!("ucrm_session={value}; theme=dark; ucrm_session={value}"),
    ] {
        here.with("cookie", &cookies)
            .get(CONTACTS)
            .refused(400, "ambiguous_credential");
    }
    let beside = format!("theme=dark; ucrm_session={value}; xucrm_session=no; ucrm_sessionx=no");
    here.with("cookie", &beside).get(CONTACTS).is(200);
    let workspace = Workspace::new();
    let both = here.with("cookie", &beside).key(&workspace.owner.key);
    assert_eq!(
        both.get("/api/v1/session").data(200)["tenant"]["slug"],
        json!(workspace.slug)
    );
    here.with("cookie", &beside)
        .key("ucrm_live_nonsense")
        .get(CONTACTS)
        .refused(401, "unauthenticated");
}

#[test]
fn over_https_the_cookie_is_secure_and_bound_to_the_host() {
    let gateway = Gateway::start(&[
        ("UCRM_TRUSTED_PROXIES", "127.0.0.0/8"),
        ("UCRM_PUBLIC_URL", "https://app.example"),
    ]);
    let plain = proxied();
    let person = Person::verified(&plain);
    let browser = gateway.from(&fresh_address());
    let reply = browser
        .post(
            LOGIN,
            &json!({"email": person.email, "password": person.password}),
        )
        .is(200);
    let set = reply.header("set-cookie").unwrap();
    assert!(set.starts_with("__Host-ucrm_session="), "{set}");
    for flag in ["; Path=/;", "; HttpOnly", "; SameSite=Lax", "; Secure"] {
        assert!(set.contains(flag), "{flag}: {set}");
    }
    assert!(!set.to_lowercase().contains("domain="), "{set}");
    let value = set.split_once('=').unwrap().1.split(';').next().unwrap();
    browser
        .with("cookie", &format!("ucrm_session={value}"))
        .get(SESSIONS)
        .refused(401, "unauthenticated");
    browser
        .with("cookie", &format!("__Host-ucrm_session={value}"))
        .get(SESSIONS)
        .is(200);
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
