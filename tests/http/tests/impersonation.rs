//! Impersonation: a platform admin sees what a member sees, for an hour, changes nothing, and is seen doing it.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use serde_json::{Value, json};
use ucrm_http_tests::client::Client;
use ucrm_http_tests::gateway::{Gateway, fresh_address};
use ucrm_http_tests::workspace::Workspace;
use ucrm_http_tests::{session, stage};
use uuid::Uuid;

const IMPERSONATIONS: &str = "/api/v1/admin/impersonations";
const CONTACTS: &str = "/api/v1/contacts";
const REASON: &str = "looking into ticket 4711";

fn platform() -> Client {
    stage::client("PLATFORM_ADMIN_KEY")
}

fn asked(workspace: &Workspace, user: Uuid) -> Value {
    json!({"user_id": user, "tenant_id": workspace.id, "reason": REASON})
}

fn one(impersonation: &Value) -> String {
    format!("{IMPERSONATIONS}/{}", impersonation["id"].as_str().unwrap())
}

#[test]
fn an_admin_sees_what_the_member_sees_and_changes_nothing() {
    let workspace = Workspace::new();
    let contact = workspace.contact("Seen");
    let agent = workspace.member("agent");
    let reply = platform()
        .post(IMPERSONATIONS, &asked(&workspace, agent.id))
        .is(201);
    let made = reply.json()["data"].take();
    assert_eq!(reply.header("location"), Some(&*one(&made)));
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    assert_eq!(
        (
            &made["user_id"],
            &made["workspace_id"],
            &made["reason"],
            &made["live"]
        ),
        (
            &json!(agent.id),
            &json!(workspace.id),
            &json!(REASON),
            &json!(true)
        )
    );
    let acting = session::with(made["secret"].as_str().unwrap());
    assert_eq!(acting.get(CONTACTS).data(200)[0]["id"], contact["id"]);
    assert_eq!(
        acting.get("/api/v1/session").data(200)["user"]["id"],
        json!(agent.id)
    );
    acting
        .get("/api/v1/audit_logs")
        .refused(403, "permission_denied");
    let contact = format!("{CONTACTS}/{}", contact["id"].as_str().unwrap());
    let mine = format!("/api/v1/members/{}", agent.id);
    for reply in [
        acting.post(CONTACTS, &json!({"name": "X"})),
        acting.patch(&contact, &json!({"name": "X"})),
        acting.delete(&contact),
        acting.delete(&mine),
        acting.post("/api/v1/invitations/accept", &json!({"token": "x"})),
    ] {
        let code = reply.json()["code"].as_str().unwrap().to_owned();
        assert!(
            reply.status == 403 && ["permission_denied", "key_scope_denied"].contains(&&*code),
            "{}",
            reply.text()
        );
    }
    assert_eq!(workspace.count("crm.contacts", "name = 'Seen'"), 1);
    let agents = format!("user_id = '{}'", agent.id);
    assert_eq!(workspace.count("ucrm.tenant_memberships", &agents), 1);

    // Also where the member himself might do more than read.
    let owner = platform()
        .post(IMPERSONATIONS, &asked(&workspace, workspace.owner.id))
        .data(201);
    let acting = session::with(owner["secret"].as_str().unwrap());
    acting.get("/api/v1/audit_logs").is(200);
    for reply in [
        acting.delete("/api/v1/tenant"),
        acting.post("/api/v1/api_keys", &json!({"name": "k"})),
        acting.post("/api/v1/roles", &json!({"name": "mine"})),
        acting.patch("/api/v1/tenant", &json!({"name": "Mine"})),
        acting.post(
            "/api/v1/invitations",
            &json!({"email": "x@tests.example", "role": "owner"}),
        ),
    ] {
        assert_eq!(reply.status, 403, "{}", reply.text());
    }
    assert_eq!(
        workspace.count("ucrm.api_keys", "name = 'k'")
            + workspace.count("ucrm.invitations", "true"),
        0
    );
}

#[test]
fn the_workspace_sees_who_acted_and_why() {
    let workspace = Workspace::new();
    let agent = workspace.member("agent");
    let made = platform()
        .post(IMPERSONATIONS, &asked(&workspace, agent.id))
        .data(201);
    let acting = session::with(made["secret"].as_str().unwrap());
    assert_eq!(acting.post(CONTACTS, &json!({"name": "X"})).status, 403);
    platform().delete(&one(&made)).is(204);
    let owner = workspace.owner();
    let log = owner.get("/api/v1/audit_logs?sort=id").data(200);
    let lines: Vec<(&str, &Value, &Value)> = log
        .as_array()
        .unwrap()
        .iter()
        .filter(|line| {
            ["impersonation_started", "denied", "impersonation_ended"]
                .contains(&line["action"].as_str().unwrap())
        })
        .map(|line| {
            (
                line["action"].as_str().unwrap(),
                &line["user_id"],
                &line["impersonator_id"],
            )
        })
        .collect();
    let admin = &made["admin_id"];
    assert_eq!(
        lines,
        [
            ("impersonation_started", admin, &Value::Null),
            ("denied", &json!(agent.id), admin),
            ("impersonation_ended", admin, &Value::Null),
        ]
    );
    let seen = owner.get("/api/v1/impersonations").is(200);
    let row = seen.json()["data"][0].take();
    assert_eq!(
        (&row["reason"], &row["admin_id"], &row["user_id"]),
        (&json!(REASON), admin, &json!(agent.id))
    );
    assert!(row["ended_at"].is_string() && row.get("session_id").is_none());
    workspace
        .client(&agent.key)
        .get("/api/v1/impersonations")
        .refused(403, "permission_denied");
    let platforms: i64 = workspace.value(
        "select count(*) from ucrm.platform_audit_logs where tenant_id = $1 and action like 'impersonation.%' and detail ->> 'user_id' = $2::uuid::text",
        &[&workspace.id, &agent.id],
    );
    assert_eq!(platforms, 2);
    let secret = made["secret"].as_str().unwrap();
    assert!(
        !log.to_string().contains(secret)
            && !platform()
                .get(&one(&made))
                .is(200)
                .text()
                .contains("secret")
    );
}

#[test]
fn it_ends_when_it_is_ended_when_the_hour_is_over_and_with_its_admin() {
    let workspace = Workspace::new();
    let gateway = Gateway::behind_proxy();
    let start = |admin: &Client| {
        let made = admin
            .post(IMPERSONATIONS, &asked(&workspace, workspace.owner.id))
            .data(201);
        let client = gateway.from(&fresh_address()).with(
            "authorization",
            &format!("Bearer {}", made["secret"].as_str().unwrap()),
        );
        client.get(CONTACTS).is(200);
        (made, client)
    };
    let (made, client) = start(&platform());
    platform().delete(&one(&made)).is(204);
    client.get(CONTACTS).refused(401, "unauthenticated");
    platform().delete(&one(&made)).refused(404, "not_found");
    assert_eq!(platform().get(&one(&made)).data(200)["live"], false);

    let (made, client) = start(&platform());
    workspace.change("update ucrm.impersonations set expires_at = clock_timestamp() where tenant_id = $1 and ended_at is null");
    client.get(CONTACTS).refused(401, "unauthenticated");
    platform().delete(&one(&made)).refused(404, "not_found");

    let admin = workspace.person(&format!("{}@tests.example", Uuid::new_v4().simple()));
    workspace.execute(
        "insert into ucrm.platform_admins (user_id) values ($1)",
        &[&admin],
    );
    let key: String = workspace.value(
        "select k.secret from ucrm.issue_platform_key($1, 'Test') as k",
        &[&admin],
    );
    let (_, client) = start(&stage::nobody().key(&key));
    workspace.execute(
        "delete from ucrm.platform_admins where user_id = $1",
        &[&admin],
    );
    client.get(CONTACTS).refused(401, "unauthenticated");
}

#[test]
fn it_asks_for_a_reason_and_a_member_and_spares_platform_admins() {
    let workspace = Workspace::new();
    let admin = platform();
    let ask = |field: &str, value: Value| {
        let mut body = asked(&workspace, workspace.owner.id);
        body[field] = value;
        admin.post(IMPERSONATIONS, &body)
    };
    for reason in [
        json!("short"),
        json!("   short     "),
        json!("x".repeat(501)),
        json!(""),
        json!(null),
        json!(7),
    ] {
        ask("reason", reason).refused_fields(422, "validation_failed", &["reason"]);
    }
    for user in [
        json!(Uuid::now_v7()),
        json!("none"),
        json!(stage::name("ACME_ID")),
    ] {
        ask("user_id", user).refused(404, "not_found");
    }
    ask("tenant_id", json!(stage::name("ACME_ID"))).refused(404, "not_found");
    ask("tenant_id", json!("no-such")).refused(404, "not_found");
    ask("minutes", json!("600")).refused_fields(400, "unknown_field", &["minutes"]);
    workspace.change(
        "insert into ucrm.tenant_memberships (tenant_id, user_id, role) select $1, user_id, 'reader' from ucrm.platform_admins",
    );
    let other = workspace.member("reader");
    workspace.execute(
        "insert into ucrm.platform_admins (user_id) values ($1)",
        &[&other.id],
    );
    let own: Uuid = workspace.value(
        "select user_id from ucrm.platform_admins where user_id <> $1 limit 1",
        &[&other.id],
    );
    for user in [own, other.id] {
        admin
            .post(IMPERSONATIONS, &asked(&workspace, user))
            .refused(403, "permission_denied");
    }
    assert_eq!(workspace.count("ucrm.impersonations", "true"), 0);
}

#[test]
fn nobody_else_impersonates() {
    let workspace = Workspace::new();
    let body = asked(&workspace, workspace.owner.id);
    let internal = stage::nobody().with("x-internal-secret", &stage::name("INTERNAL_SECRET"));
    for client in [
        workspace.owner(),
        workspace.client(&workspace.key(None, None)),
        internal,
    ] {
        client
            .post(IMPERSONATIONS, &body)
            .refused(403, "permission_denied");
        client.get(IMPERSONATIONS).refused(403, "permission_denied");
        client
            .delete(&format!("{IMPERSONATIONS}/{}", Uuid::now_v7()))
            .refused(403, "permission_denied");
    }
    let made = platform().post(IMPERSONATIONS, &body).data(201);
    let acting = session::with(made["secret"].as_str().unwrap());
    acting
        .post(IMPERSONATIONS, &body)
        .refused(403, "permission_denied");
    let found = platform()
        .get(&format!(
            "{IMPERSONATIONS}?live=is.true&q={}",
            workspace.slug
        ))
        .data(200);
    assert_eq!(found.as_array().unwrap().len(), 1);
}
