//! What a front end asks: the session, what comes next, billing, the registry, and why not.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use serde_json::{Value, json};
use ucrm_http_tests::stage;
use ucrm_http_tests::workspace::Workspace;

#[test]
fn the_session_says_what_a_front_end_needs() {
    let workspace = Workspace::new();
    let agent = workspace.member("agent");
    let session = workspace
        .client(&agent.key)
        .get("/api/v1/session")
        .data(200);
    assert_eq!(session["user"]["id"], json!(agent.id));
    assert_eq!(session["user"]["email_verified"], true);
    assert_eq!(session["tenant"]["slug"], workspace.slug);
    assert_eq!(session["member"]["kind"], "key");
    assert_eq!(session["role"], "agent");
    assert_eq!(session["permissions"]["contacts"]["update"], "all");
    assert_eq!(
        session["permissions"]["members"],
        json!({"autocomplete": "all"})
    );
    assert_eq!(session["permissions"].get("api_keys"), None);
    assert_eq!(
        (&session["notices"], &session["next"]),
        (&json!([]), &Value::Null)
    );
    assert!(session["tenant"].get("status_note").is_none());
    let scoped = workspace.client(&workspace.key(Some(agent.id), Some("contacts:read")));
    let session = scoped.get("/api/v1/session").data(200);
    assert_eq!(session["permissions"], json!({"contacts": {"read": "all"}}));
    let service = workspace
        .client(&workspace.key(None, None))
        .get("/api/v1/session")
        .data(200);
    assert_eq!(
        (&service["user"], &service["role"]),
        (&Value::Null, &json!("service"))
    );
}

#[test]
fn next_is_the_first_that_applies() {
    let workspace = Workspace::new();
    let owner = workspace.owner();
    let next =
        |expected: Value| assert_eq!(owner.get("/api/v1/session").data(200)["next"], expected);
    next(Value::Null);
    workspace.change("update ucrm.tenants set trial_ends_at = now() where id = $1");
    next(json!("/billing"));
    workspace.change("update ucrm.tenants set status = 'pending_approval' where id = $1");
    next(json!("/pending-approval"));
    workspace.verify(workspace.owner.id, false);
    next(json!("/auth/verify-email"));
    workspace.verify(workspace.owner.id, true);
    workspace.change("update ucrm.tenants set status = 'approved' where id = $1");
    workspace.change("insert into ucrm.roles (tenant_id, name) values ($1, 'idle')");
    workspace.member("owner");
    workspace.change("update ucrm.tenant_memberships set role = 'idle' where tenant_id = $1 and user_id = (select user_id from ucrm.api_keys where tenant_id = $1 order by created_at limit 1)");
    next(json!("/auth/no-permissions"));
}

#[test]
fn billing_follows_trial_and_subscription() {
    let workspace = Workspace::new();
    let owner = workspace.owner();
    for (change, state, days) in [
        ("trial_ends_at = null", "active", json!(null)),
        (
            "trial_ends_at = now() + interval '36 hours'",
            "trial",
            json!(2),
        ),
        (
            "trial_ends_at = now() - interval '1 hour'",
            "trial_expired",
            json!(0),
        ),
        (
            "subscribed_until = now() + interval '10 days'",
            "active",
            json!(10),
        ),
        ("status = 'suspended'", "suspended", json!(null)),
        ("status = 'rejected'", "suspended", json!(null)),
        (
            "status = 'pending_approval'",
            "pending_approval",
            json!(null),
        ),
    ] {
        workspace.change(&format!("update ucrm.tenants set {change} where id = $1"));
        let billing = owner.get("/api/v1/billing/state").data(200);
        assert_eq!(
            (&billing["state"], &billing["days_left"]),
            (&json!(state), &days),
            "{change}"
        );
    }
}

#[test]
fn the_registry_lists_every_resource_with_its_actions() {
    let registry = stage::client("ACME_READER_KEY")
        .get("/api/v1/permissions")
        .data(200);
    let of = |name: &str| {
        registry
            .as_array()
            .unwrap()
            .iter()
            .find(|row| row["resource"] == name)
            .unwrap()
            .clone()
    };
    let entity = json!([
        "archive",
        "autocomplete",
        "create",
        "delete",
        "export",
        "import",
        "read",
        "restore",
        "update"
    ]);
    for name in ["contacts", "organizations"] {
        assert_eq!(
            (&of(name)["actions"], &of(name)["kind"]),
            (&entity, &json!("entity"))
        );
    }
    assert_eq!(of("audit_logs")["actions"], json!(["export", "read"]));
    assert_eq!(of("tenant")["kind"], "system");
}

#[test]
fn why_names_the_gate_that_refuses() {
    let workspace = Workspace::new();
    let reader = workspace.client(&workspace.member("reader").key);
    workspace.change("update ucrm.tenants set trial_ends_at = now() where id = $1");
    let why = reader
        .get("/api/v1/why?resource=contact&action=update")
        .data(200);
    let refusing: Vec<(&str, &str)> = why
        .as_array()
        .unwrap()
        .iter()
        .filter(|line| line["verdict"] == "refuse")
        .map(|line| {
            (
                line["gate"].as_str().unwrap(),
                line["code"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        refusing,
        [
            ("trial", "trial_expired"),
            ("permission", "permission_denied")
        ]
    );
    let read = reader
        .get("/api/v1/why?resource=contacts&action=read")
        .data(200);
    assert!(
        read.as_array()
            .unwrap()
            .iter()
            .all(|line| line["verdict"] != "refuse")
    );
}
