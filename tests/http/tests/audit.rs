//! What a request leaves behind: one audit row and one event for each change, one row for a denial, none for a no-op.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use serde_json::{Value, json};
use ucrm_http_tests::gateway::{Gateway, fresh_address};
use ucrm_http_tests::workspace::Workspace;
use uuid::Uuid;

const CONTACTS: &str = "/api/v1/contacts";

/// Everything of one request, as JSON arrays.
fn trace(workspace: &Workspace, table: &str, request: &str) -> Vec<Value> {
    let request: Uuid = request.parse().unwrap();
    let sql = format!(
        "select coalesce(jsonb_agg(to_jsonb(r) order by r.id), '[]') from {table} as r where tenant_id = $1 and request_id = $2"
    );
    let rows: Value = workspace.value(&sql, &[&workspace.id, &request]);
    rows.as_array().unwrap().clone()
}

/// The only audit row and the only event of one request.
#[track_caller]
fn one(workspace: &Workspace, request: Option<&str>) -> (Value, Value) {
    let request = request.unwrap();
    let (audit, events) = (
        trace(workspace, "ucrm.audit_logs", request),
        trace(workspace, "ucrm.events", request),
    );
    assert_eq!((audit.len(), events.len()), (1, 1), "{audit:?} {events:?}");
    (audit[0].clone(), events[0].clone())
}

#[test]
fn every_write_leaves_one_row_and_one_event() {
    let workspace = Workspace::new();
    let gateway = Gateway::behind_proxy();
    let address = fresh_address();
    let owner = gateway.from(&address).key(&workspace.owner.key);
    let made = owner
        .post(CONTACTS, &json!({"name": "A", "stage": "won"}))
        .is(201);
    let (audit, event) = one(&workspace, made.header("x-request-id"));
    let contact = made.json()["data"].take();
    let target = format!("{CONTACTS}/{}", contact["id"].as_str().unwrap());
    for (field, expected) in [
        ("actor_kind", json!("key")),
        ("user_id", json!(workspace.owner.id)),
        ("api_key_prefix", json!(workspace.owner.key[..18])),
        ("db_login", json!("ucrm_gateway")),
        ("address", json!(address)),
        ("action", json!("create")),
        ("resource", json!("contacts")),
        ("record_id", contact["id"].clone()),
        ("before", Value::Null),
        ("changed", Value::Null),
    ] {
        assert_eq!(audit[field], expected, "{field}");
    }
    assert_eq!(
        (&audit["after"]["name"], &audit["after"]["stage"]),
        (&json!("A"), &json!("won"))
    );
    for (field, expected) in [
        ("type", json!("contacts.created")),
        ("resource", json!("contacts")),
        ("record_id", contact["id"].clone()),
        ("changes", Value::Null),
    ] {
        assert_eq!(event[field], expected, "{field}");
    }
    assert_eq!(event["data"]["name"], "A");

    let changed = owner
        .patch(&target, &json!({"name": "B", "stage": "won", "notes": "n"}))
        .is(200);
    let (audit, event) = one(&workspace, changed.header("x-request-id"));
    assert_eq!(
        (&audit["action"], &audit["changed"]),
        (&json!("update"), &json!(["name", "notes"]))
    );
    assert_eq!(
        (&audit["before"]["name"], &audit["after"]["name"]),
        (&json!("A"), &json!("B"))
    );
    assert_eq!(event["type"], "contacts.updated");
    assert_eq!(
        event["changes"],
        json!({"name": {"previous": "A", "current": "B"}, "notes": {"previous": null, "current": "n"}})
    );

    let gone = owner.delete(&target).is(204);
    let (audit, event) = one(&workspace, gone.header("x-request-id"));
    assert_eq!(
        (&audit["action"], &audit["after"], &audit["before"]["name"]),
        (&json!("delete"), &Value::Null, &json!("B"))
    );
    assert_eq!(
        (&event["type"], &event["data"]["name"]),
        (&json!("contacts.deleted"), &json!("B"))
    );
}

#[test]
fn what_changes_nothing_leaves_nothing() {
    let workspace = Workspace::new();
    let owner = workspace.owner();
    let contact = workspace.contact("Same");
    let target = format!("{CONTACTS}/{}", contact["id"].as_str().unwrap());
    let same = owner
        .patch(&target, &json!({"name": "Same", "stage": "lead"}))
        .is(200);
    assert_eq!(same.json()["data"], contact);
    let quiet = [
        same,
        owner.get(&target).is(200),
        owner.get(CONTACTS).is(200),
        owner.post(CONTACTS, &json!({"stage": "x"})).is(422),
        owner
            .post(CONTACTS, &json!({"name": "N", "stage": "none"}))
            .is(422),
        owner
            .delete(&format!("{CONTACTS}/{}", Uuid::now_v7()))
            .is(404),
    ];
    for reply in quiet {
        let request = reply.header("x-request-id").unwrap();
        assert!(trace(&workspace, "ucrm.audit_logs", request).is_empty());
        assert!(trace(&workspace, "ucrm.events", request).is_empty());
    }
}

#[test]
fn a_denial_leaves_a_row_although_its_work_is_undone() {
    let workspace = Workspace::new();
    let reader = workspace.member("reader");
    let client = workspace.client(&reader.key);
    let denied = client.post(CONTACTS, &json!({"name": "X"}));
    denied.refused(403, "permission_denied");
    workspace.change("update ucrm.tenants set trial_ends_at = now() where id = $1");
    let expired = workspace.owner().post(CONTACTS, &json!({"name": "X"}));
    expired.refused(402, "trial_expired");
    for (reply, code, user) in [
        (denied, "permission_denied", reader.id),
        (expired, "trial_expired", workspace.owner.id),
    ] {
        let request = reply.header("x-request-id").unwrap();
        let rows = trace(&workspace, "ucrm.audit_logs", request);
        assert_eq!(rows.len(), 1);
        assert_eq!(
            (&rows[0]["action"], &rows[0]["resource"]),
            (&json!("denied"), &json!("contacts"))
        );
        assert_eq!(
            (&rows[0]["after"]["code"], &rows[0]["user_id"]),
            (&json!(code), &json!(user))
        );
        assert!(trace(&workspace, "ucrm.events", request).is_empty());
    }
    assert_eq!(workspace.count("crm.contacts", "true"), 0);
}

#[test]
fn the_log_is_the_owners_to_read_and_not_an_agents() {
    let workspace = Workspace::new();
    let contact = workspace.contact("Logged");
    for role in ["agent", "member", "reader"] {
        workspace
            .client(&workspace.member(role).key)
            .get("/api/v1/audit_logs")
            .refused(403, "permission_denied");
    }
    for client in [
        workspace.owner(),
        workspace.client(&workspace.member("admin").key),
    ] {
        let target = format!(
            "/api/v1/audit_logs?resource=eq.contacts&record_id=eq.{}",
            contact["id"].as_str().unwrap()
        );
        let list = client.get(&target).is(200).json();
        assert_eq!(list["meta"]["total"], 1);
        assert_eq!(list["data"][0]["after"]["name"], "Logged");
        assert_eq!(list["data"][0].get("tenant_id"), None);
    }
    workspace
        .owner()
        .get("/api/v1/audit_logs?nonsense=eq.1")
        .refused(400, "invalid_filter");
}

#[test]
fn the_log_shows_ones_own_workspace_only() {
    let (workspace, other) = (Workspace::new(), Workspace::new());
    let theirs = other.contact("Theirs");
    let list = workspace
        .owner()
        .get("/api/v1/audit_logs?resource=eq.contacts")
        .is(200)
        .json();
    assert_eq!(list, json!({"data": [], "meta": {"total": 0}}));
    let id = theirs["id"].as_str().unwrap();
    let list = workspace
        .owner()
        .get(&format!("/api/v1/audit_logs?record_id=eq.{id}"))
        .is(200)
        .json();
    assert_eq!(list["meta"]["total"], 0);
}

#[test]
fn nobody_changes_the_log_over_http() {
    let workspace = Workspace::new();
    workspace.contact("Kept");
    let owner = workspace.owner();
    for (method, target) in [
        ("POST", "/api/v1/audit_logs".to_owned()),
        ("DELETE", "/api/v1/audit_logs".to_owned()),
        ("PATCH", "/api/v1/audit_logs".to_owned()),
    ] {
        owner
            .json(method, &target, &json!({}))
            .refused(405, "method_not_allowed");
    }
    owner
        .delete(&format!("/api/v1/audit_logs/{}", Uuid::now_v7()))
        .refused(404, "not_found");
}

#[test]
fn an_archived_row_says_archived_and_restored() {
    let workspace = Workspace::new();
    workspace.contact("Old");
    for (value, verb) in [("now()", "archived"), ("null", "restored")] {
        workspace.change(&format!(
            "update crm.contacts set archived_at = {value} where tenant_id = $1"
        ));
        assert_eq!(
            workspace.count("ucrm.events", &format!("type = 'contacts.{verb}'")),
            1
        );
    }
    assert_eq!(
        workspace.count(
            "ucrm.audit_logs",
            "actor_kind = 'database' and action in ('archive', 'restore')"
        ),
        2
    );
}

#[test]
fn last_used_is_noted() {
    let workspace = Workspace::new();
    assert_eq!(workspace.count("ucrm.api_keys", "last_used_at is null"), 1);
    workspace.owner().get(CONTACTS).is(200);
    assert_eq!(
        workspace.count(
            "ucrm.api_keys",
            "last_used_at > now() - interval '1 minute'"
        ),
        1
    );
}
