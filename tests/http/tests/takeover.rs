//! Ways to take somebody's account or workspace over, each of which ends at a wall.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use serde_json::json;
use ucrm_http_tests::database;
use ucrm_http_tests::gateway::{Gateway, fresh_address};
use ucrm_http_tests::person::Person;
use ucrm_http_tests::stage;

const SESSIONS: &str = "/api/v1/auth/sessions";
const CHANGE_EMAIL: &str = "/api/v1/auth/change-email";

#[test]
fn an_account_registered_before_its_holder_came_gives_nothing_to_who_registered_it() {
    let gateway = Gateway::behind_proxy();
    let squatter = Person::registered(&gateway);
    squatter.sign_in().is(200);
    let slug = format!("t-{}", uuid::Uuid::new_v4().simple());
    let platform = stage::client("PLATFORM_ADMIN_KEY");
    let made = platform
        .post(
            "/api/v1/internal/tenants",
            &json!({"name": "Victim", "slug": slug, "admin_email": squatter.email}),
        )
        .data(201);
    assert_eq!(made["admin"]["created"], false);
    assert_eq!(made["admin"]["id"], squatter.id().to_string());
    squatter.get(SESSIONS).refused(401, "unauthenticated");
    squatter.sign_in().refused(401, "invalid_credentials");
}

#[test]
fn a_factor_is_enrolled_when_the_address_is_verified_and_not_before() {
    let gateway = Gateway::behind_proxy();
    let squatter = Person::registered(&gateway);
    squatter.sign_in().is(200);
    squatter
        .post("/api/v1/auth/totp", &json!({}))
        .refused(403, "email_unverified");
}

#[test]
fn a_reset_ends_what_was_set_up_before_the_address_was_verified() {
    let gateway = Gateway::behind_proxy();
    let mut person = Person::registered(&gateway);
    let sealed = "insert into ucrm.totp_factors (user_id, id, label, sealed, confirmed_at) \
         select $1::uuid, f, '', ucrm.seal('12345678901234567890', concat_ws('/', 'totp', $1::uuid, f)), clock_timestamp() from gen_random_uuid() as f";
    database::execute(&mut database::admin(), sealed, &[&person.id()]);
    person.sign_in().refused(401, "totp_required");
    person
        .post(
            "/api/v1/auth/forgot-password",
            &json!({"email": person.email}),
        )
        .is(200);
    let token = person.mailed("reset_password");
    let new = "an entirely different one";
    person
        .post(
            "/api/v1/auth/reset-password",
            &json!({"token": token, "password": new}),
        )
        .is(200);
    person.password = new.to_owned();
    person.sign_in().is(200);
}

#[test]
fn a_new_password_ends_the_links_that_somebody_asked_for() {
    let gateway = Gateway::behind_proxy();
    let person = Person::signed_in(&gateway);
    let elsewhere = format!("taken-{}", person.email);
    person
        .post(CHANGE_EMAIL, &json!({"email": elsewhere}))
        .is(202);
    let token = person.mailed_to("change_email", &elsewhere);
    person
        .post(
            "/api/v1/auth/change-password",
            &json!({"current_password": person.password, "new_password": "an entirely different one"}),
        )
        .is(204);
    gateway
        .from(&fresh_address())
        .post("/api/v1/auth/verify-email", &json!({"token": token}))
        .refused(400, "invalid_token");
}

#[test]
fn a_client_says_nothing_of_how_a_password_is_computed() {
    let gateway = Gateway::behind_proxy();
    let person = Person::unknown(&gateway);
    let own = json!({"argon2id": "a".repeat(64), "salt": "0".repeat(32), "memory_kib": 262_144, "passes": 16, "lanes": 1, "weak": null});
    for path in [
        "/api/v1/auth/register",
        "/api/v1/%61uth/register",
        "/api/v1/auth/%72egister",
    ] {
        person
            .post(path, &json!({"email": person.email, "password": own}))
            .refused_fields(422, "validation_failed", &["password"]);
        person
            .post(path, &json!({"email": person.email, "password": "short"}))
            .refused_fields(422, "validation_failed", &["password"]);
    }
    person
        .post(
            "/api/v1/%61uth/register",
            &json!({"email": person.email, "password": person.password}),
        )
        .is(202);
    person.sign_in().is(200);
}

#[test]
fn a_good_cookie_does_not_open_the_address_window() {
    let gateway = Gateway::behind_proxy();
    let person = Person::signed_in(&gateway);
    let mut statuses = Vec::new();
    for number in 0..101 {
        let body = json!({"email": format!("{number}-{}", person.email), "password": 7});
        statuses.push(person.post("/api/v1/auth/login", &body).status);
    }
    assert_eq!(statuses.last(), Some(&429), "{statuses:?}");
    assert_eq!(
        statuses.iter().filter(|status| **status == 401).count(),
        100
    );
}

#[test]
fn an_impersonation_stays_in_its_workspace() {
    let gateway = Gateway::behind_proxy();
    let person = Person::with_workspace(&gateway);
    let other = ucrm_http_tests::workspace::Workspace::new();
    database::execute(
        &mut database::admin(),
        "insert into ucrm.tenant_memberships (tenant_id, user_id, role) values ($1, $2, 'admin')",
        &[&other.id, &person.id()],
    );
    let tenant = person.get("/api/v1/session").data(200)["tenant"]["id"].clone();
    let made = stage::client("PLATFORM_ADMIN_KEY")
        .post(
            "/api/v1/admin/impersonations",
            &json!({"user_id": person.id(), "tenant_id": tenant, "reason": "looking into a ticket"}),
        )
        .data(201);
    let looking = gateway.from(&fresh_address()).with(
        "authorization",
        &format!("Bearer {}", made["secret"].as_str().unwrap()),
    );
    looking.get("/api/v1/contacts").is(200);
    looking
        .with("x-tenant-id", &other.slug)
        .get("/api/v1/contacts")
        .refused(403, "not_a_member");
}

#[test]
fn an_admin_who_came_by_cookie_decides_when_he_is_fresh() {
    let gateway = Gateway::behind_proxy();
    let admin = Person::signed_in(&gateway);
    let mut db = database::admin();
    database::execute(
        &mut db,
        "insert into ucrm.platform_admins (user_id) values ($1)",
        &[&admin.id()],
    );
    let workspace = ucrm_http_tests::workspace::Workspace::new();
    let approval = format!("/api/v1/admin/workspaces/{}/approval", workspace.id);
    database::execute(
        &mut db,
        "update ucrm.sessions set fresh_until = clock_timestamp() where user_id = $1",
        &[&admin.id()],
    );
    admin.get("/api/v1/admin/workspaces").is(200);
    let body = json!({"status": "suspended"});
    admin
        .send("PATCH", &approval, Some(&body))
        .refused(403, "step_up_required");
    admin
        .post("/api/v1/auth/step-up", &json!({"password": admin.password}))
        .is(200);
    admin.send("PATCH", &approval, Some(&body)).is(200);
}

#[test]
fn an_address_longer_than_any_is_nobody_s() {
    let gateway = Gateway::behind_proxy();
    let body = json!({"email": format!("{}@people.example", "x".repeat(5000)), "password": "whatever it is"});
    gateway
        .from(&fresh_address())
        .post("/api/v1/auth/login", &body)
        .refused(401, "invalid_credentials");
}
