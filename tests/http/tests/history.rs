//! Time travel and undo over HTTP: who may, what is answered, and what is left alone.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use serde_json::{Value, json};
use ucrm_http_tests::gateway::{Gateway, fresh_address};
use ucrm_http_tests::reply::Reply;
use ucrm_http_tests::workspace::Workspace;

const CONTACTS: &str = "/api/v1/contacts";
const UNDO: &str = "/api/v1/audit_logs/undo";

fn request_of(reply: &Reply) -> Value {
    json!({ "request_id": reply.header("x-request-id").unwrap() })
}

/// The database's clock, as RFC 3339 has it.
fn moment(workspace: &Workspace) -> String {
    workspace.value(
        "select to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')",
        &[],
    )
}

#[test]
fn a_record_is_read_as_it_was_and_made_so_again() {
    let workspace = Workspace::new();
    let gateway = Gateway::behind_proxy();
    let owner = gateway.from(&fresh_address()).key(&workspace.owner.key);
    let made = owner
        .post(CONTACTS, &json!({"name": "Ada", "stage": "lead"}))
        .data(201);
    let target = format!("{CONTACTS}/{}", made["id"].as_str().unwrap());
    let first = moment(&workspace);
    owner
        .patch(&target, &json!({"stage": "won", "name": "Ada L."}))
        .is(200);
    let second = moment(&workspace);
    owner.delete(&target).is(204);

    let versions = owner.get(&format!("{target}/history")).data(200);
    let actions: Vec<&str> = versions
        .as_array()
        .unwrap()
        .iter()
        .map(|version| version["action"].as_str().unwrap())
        .collect();
    assert_eq!(actions, ["delete", "update", "create"], "the newest first");
    assert_eq!(versions[1]["changed"], json!(["name", "stage"]));
    assert_eq!(versions[1]["before"]["stage"], "lead");
    assert_eq!(versions[1]["user_id"], json!(workspace.owner.id));
    assert!(versions[1]["after"].get("tenant_id").is_none());
    let page = owner
        .get(&format!("{target}/history?limit=2"))
        .is(200)
        .json();
    let rest = owner
        .get(&format!(
            "{target}/history?limit=2&before={}",
            page["meta"]["next_before"].as_str().unwrap()
        ))
        .is(200)
        .json();
    assert_eq!(rest["data"][0], versions[2], "page by page");
    assert_eq!(rest["meta"], json!({}));
    for query in ["limit=null", "limit=0", "limit=101", "before=x", "after=1"] {
        owner
            .get(&format!("{target}/history?{query}"))
            .refused(400, "invalid_filter");
    }

    let as_of = |moment: &str| owner.get(&format!("{target}/as_of?moment={moment}"));
    assert_eq!(as_of(&first).data(200)["stage"], "lead");
    assert_eq!(as_of(&second).data(200)["name"], "Ada L.");
    let list = owner
        .get(&format!("{CONTACTS}/as_of?moment={first}"))
        .is(200)
        .json();
    assert_eq!(list["data"].as_array().unwrap().len(), 1);
    as_of(&moment(&workspace)).refused(404, "not_found");
    as_of("2020-01-01T00:00:00Z").refused(422, "moment_unknown");
    as_of("2099-01-01T00:00:00%2B02:00").refused(422, "moment_unknown");
    for wrong in ["yesterday", "2026-01-01", "'%3B%20drop", ""] {
        as_of(wrong).refused(400, "invalid_filter");
    }

    let back = owner
        .post(
            &format!("{target}/revert"),
            &json!({"version": versions[1]["version"]}),
        )
        .is(201);
    assert_eq!(back.json()["data"]["id"], made["id"], "with its id");
    let stale = owner.with("if-match", "\"0\"");
    stale
        .post(
            &format!("{target}/revert"),
            &json!({"version": versions[2]["version"]}),
        )
        .refused(412, "version_conflict");
    let older = owner
        .with("if-match", back.header("etag").unwrap())
        .post(
            &format!("{target}/revert"),
            &json!({"version": versions[2]["version"]}),
        )
        .data(200);
    assert_eq!(
        (&older["name"], &older["stage"]),
        (&json!("Ada"), &json!("lead"))
    );
    owner
        .post(
            &format!("{target}/revert"),
            &json!({"version": versions[0]["version"]}),
        )
        .refused(409, "not_undoable");
}

#[test]
fn a_request_is_undone_by_whoever_may_and_never_over_a_later_change() {
    let workspace = Workspace::new();
    let gateway = Gateway::behind_proxy();
    let owner = gateway.from(&fresh_address()).key(&workspace.owner.key);
    let made = owner
        .post(CONTACTS, &json!([{"name": "a"}, {"name": "b"}]))
        .is(200);
    let ids: Vec<String> = made.json()["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["id"].as_str().unwrap().to_owned())
        .collect();
    let gone = owner
        .json("DELETE", CONTACTS, &json!({ "ids": ids }))
        .is(200);
    owner
        .post(UNDO, &request_of(&made))
        .refused(409, "changed_since");

    // Who does not read the audit log, who may not create, and whoever is somebody else.
    let agent = gateway
        .from(&fresh_address())
        .key(&workspace.member("agent").key);
    agent
        .post(UNDO, &request_of(&gone))
        .refused(403, "permission_denied");
    let key = workspace.key(
        Some(workspace.owner.id),
        Some("audit_logs:read,contacts:read,contacts:delete"),
    );
    let scoped = gateway.from(&fresh_address()).key(&key);
    scoped
        .post(UNDO, &request_of(&gone))
        .refused(403, "permission_denied");
    let other = Workspace::new();
    let stranger = gateway.from(&fresh_address()).key(&other.owner.key);
    stranger
        .post(UNDO, &request_of(&gone))
        .refused(404, "not_found");
    assert_eq!(
        owner.get(CONTACTS).is(200).json()["data"],
        json!([]),
        "nothing came of all that"
    );

    let undone = owner.post(UNDO, &request_of(&gone)).is(200);
    assert_eq!(undone.json()["meta"]["total"], 2);
    for id in &ids {
        owner.get(&format!("{CONTACTS}/{id}")).is(200);
    }
    let detail = {
        owner
            .patch(&format!("{CONTACTS}/{}", ids[1]), &json!({"name": "B"}))
            .is(200);
        owner
            .post(UNDO, &request_of(&undone))
            .refused(409, "changed_since")
    };
    assert_eq!(detail["detail"], format!("contacts {}", ids[1]));
    owner.get(&format!("{CONTACTS}/{}", ids[0])).is(200);
}
