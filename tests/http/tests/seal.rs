//! The audit log as a file, and checked without a database: it proves itself.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use serde_json::{Value, json};
use ucrm_http_tests::database;
use ucrm_http_tests::gateway::Gateway;
use ucrm_http_tests::stage;
use ucrm_http_tests::verifier::{CHECKPOINT, EXPORT, exported, kinds, seal, sealed, verified};
use ucrm_http_tests::wait::until;
use ucrm_http_tests::workspace::Workspace;

#[test]
fn an_export_proves_itself() {
    let workspace = sealed();
    let export = exported(&workspace);
    let (code, found, said) = verified(&export, &[]);
    assert_eq!((code, found.len()), (0, 0), "{said}");
    let lines: Vec<Value> = export
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let kinds: Vec<&str> = lines
        .iter()
        .map(|line| line["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds[..3], ["header", "seal", "row"]);
    assert_eq!(kinds[kinds.len() - 2..], ["checkpoint", "end"]);
    let contacts = lines
        .iter()
        .filter(|line| line["resource"] == "contacts" && line["action"] == "create")
        .count();
    assert_eq!(contacts, 10);

    // The same as JSON, and by the owner of the database.
    let json = workspace
        .owner()
        .get("/api/v1/audit_logs/export?format=json")
        .is(200);
    assert_eq!(json.header("content-type"), Some("application/json"));
    let array: Vec<Value> = serde_json::from_slice(&json.body).unwrap();
    assert_eq!(array.len(), lines.len() + 1, "the first export left a row");
    let (code, _, said) = verified(std::str::from_utf8(&json.body).unwrap(), &[]);
    assert_eq!(code, 0, "{said}");
}

#[test]
fn an_export_leaves_a_row() {
    let workspace = sealed();
    workspace.owner().get(EXPORT).is(200);
    assert_eq!(
        workspace.count(
            "ucrm.audit_logs",
            "action = 'export' and resource = 'audit_logs' and api_key_prefix is not null"
        ),
        1
    );
}

#[test]
fn a_filtered_export_proves_what_it_has() {
    let workspace = sealed();
    let contact = workspace.contact("the one");
    let id = contact["id"].as_str().unwrap();
    let target = format!("/api/v1/contacts/{id}");
    workspace
        .owner()
        .patch(&target, &json!({"stage": "won"}))
        .is(200);
    seal(&workspace);
    let path = format!("{EXPORT}&resource=eq.contacts&record_id={id}&at=gte.2020-01-01T00:00:00Z");
    let export = String::from_utf8(workspace.owner().get(&path).is(200).body).unwrap();
    let rows: Vec<&str> = export
        .lines()
        .filter(|line| line.contains(r#""kind": "row""#))
        .collect();
    assert_eq!(rows.len(), 2);
    let (code, found, said) = verified(&export, &[]);
    assert_eq!((code, found.len()), (0, 0), "{said}");
    let (code, found, _) = verified(&export.replace("\"won\"", "\"lost\""), &[]);
    assert_eq!((code, kinds(&found)), (1, vec!["changed"]));
    for query in [
        "nonsense=1",
        "at=yesterdayish",
        "at=gte.2020-13-01",
        "page=2",
    ] {
        workspace
            .owner()
            .get(&format!("{EXPORT}&{query}"))
            .refused(400, "invalid_filter");
    }
    workspace
        .owner()
        .get("/api/v1/audit_logs/export?format=csv")
        .refused(406, "not_acceptable");
}

#[test]
fn a_forgotten_record_is_redacted_in_the_file() {
    let workspace = Workspace::new();
    let contact = workspace.contact("Somebody to be forgotten");
    let id = contact["id"].as_str().unwrap();
    workspace
        .owner()
        .delete(&format!("/api/v1/contacts/{id}"))
        .is(204);
    seal(&workspace);
    workspace.execute(
        "select ucrm.forget('contacts', $1, $2)",
        &[&id, &workspace.id],
    );
    seal(&workspace);
    let export = exported(&workspace);
    assert!(!export.contains("Somebody to be forgotten"));
    let (code, found, said) = verified(&export, &[]);
    assert_eq!(
        (code, kinds(&found)),
        (0, vec!["redacted", "redacted"]),
        "{said}"
    );
}

#[test]
fn the_gateway_has_rows_sealed_by_itself() {
    let workspace = Workspace::new();
    workspace.contact("C");
    let gateway = Gateway::start(&[("UCRM_SEALING_MS", "100")]);
    // Rows of this age are due at once.
    workspace.change("update ucrm.audit_logs set id = overlay(id::text placing '0190' from 1)::uuid where tenant_id = $1");
    until("a seal is made", || {
        (workspace.count("ucrm.audit_seals", "true") > 0).then_some(())
    });
    drop(gateway);
    let left: i64 = workspace.value(
        "select count(*) from ucrm.audit_verify($1)",
        &[&workspace.id],
    );
    assert_eq!(left, 0);
}

#[test]
fn only_who_may_takes_the_log_along() {
    let workspace = sealed();
    let agent = workspace.client(&workspace.member("agent").key);
    agent.get(EXPORT).refused(403, "permission_denied");
    agent.get(CHECKPOINT).refused(403, "permission_denied");
    let scoped =
        workspace.client(&workspace.key(Some(workspace.owner.id), Some("audit_logs:read")));
    scoped.get(EXPORT).refused(403, "key_scope_denied");
    scoped.get(CHECKPOINT).is(200);
    stage::nobody().get(EXPORT).refused(401, "unauthenticated");
    let other = Workspace::new();
    assert!(!exported(&other).contains(&workspace.id.to_string()));
}

#[test]
fn whoever_names_no_tenant_is_told_whose_audit_it_was() {
    let workspace = sealed();
    let (mut db, notices) = database::admin_and_notices();
    let told = |notices: &[String]| {
        notices
            .iter()
            .any(|notice| notice.starts_with("the platform's own audit was verified"))
    };
    db.execute("select * from ucrm.audit_verify($1)", &[&workspace.id])
        .unwrap();
    assert!(!told(&notices.lock().unwrap()));
    db.execute("select * from ucrm.audit_verify()", &[])
        .unwrap();
    assert!(told(&notices.lock().unwrap()));
}
