//! Idempotency-Key when requests meet: one effect, one answer, and who comes too early is told so.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::HashSet;
use std::thread;

use serde_json::{Value, json};
use ucrm_http_tests::client::Client;
use ucrm_http_tests::crowd::at_once;
use ucrm_http_tests::holder::Holder;
use ucrm_http_tests::reply::Reply;
use ucrm_http_tests::rest;
use ucrm_http_tests::workspace::Workspace;

const CONTACTS: &str = "/api/v1/contacts";
const MANY: usize = 20;

fn keyed(client: &Client, key: &str) -> Client {
    client.with("idempotency-key", key)
}

fn replayed(reply: &Reply) -> bool {
    reply.header("idempotency-replayed") == Some("true")
}

/// Asserts that one of a crowd did it, and that the others got its answer or were told to wait.
#[track_caller]
fn one_did_it(replies: &[Reply], status: u16) {
    let (done, early): (Vec<&Reply>, Vec<&Reply>) =
        replies.iter().partition(|reply| reply.status == status);
    assert_eq!(done.iter().filter(|reply| !replayed(reply)).count(), 1);
    let answers: HashSet<&[u8]> = done.iter().map(|reply| &reply.body[..]).collect();
    assert_eq!(answers.len(), 1);
    for reply in early {
        reply.refused(409, "idempotency_in_progress");
        assert_eq!(reply.header("retry-after"), Some("1"));
    }
}

fn row(name: &str) -> Value {
    json!({"name": name})
}

#[test]
fn twenty_at_once_make_one_row() {
    let workspace = Workspace::new();
    let owner = workspace.owner();
    for round in 0..10 {
        let client = keyed(&owner, &format!("create {round}"));
        let body = row(&format!("Once {round}"));
        let replies = at_once(MANY, |_| client.again().post(CONTACTS, &body));
        one_did_it(&replies, 201);
        let later = client.post(CONTACTS, &body).is(201);
        let made = replies.iter().find(|reply| reply.status == 201).unwrap();
        assert!(replayed(&later));
        assert_eq!(later.body, made.body);
        for header in ["location", "etag", "content-type"] {
            assert_eq!(later.header(header), made.header(header), "{header}");
        }
    }
    assert_eq!(workspace.count("crm.contacts", "true"), 10);
    let audited = "action = 'create' and resource = 'contacts'";
    assert_eq!(workspace.count("ucrm.audit_logs", audited), 10);
    let told = "type = 'contacts.created'";
    assert_eq!(workspace.count("ucrm.events", told), 10);
}

#[test]
fn twenty_at_once_are_one_change_one_bulk_and_one_import() {
    let workspace = Workspace::new();
    let owner = workspace.owner();
    let target = format!(
        "{CONTACTS}/{}",
        workspace.contact("Kept")["id"].as_str().unwrap()
    );
    let gone = format!(
        "{CONTACTS}/{}",
        workspace.contact("Gone")["id"].as_str().unwrap()
    );
    let client = keyed(&owner, "change");
    one_did_it(
        &at_once(MANY, |_| {
            client.again().patch(&target, &json!({"notes": "x"}))
        }),
        200,
    );
    let client = keyed(&owner, "bulk");
    let rows = json!([row("B1"), row("B2"), row("B3")]);
    one_did_it(
        &at_once(MANY, |_| client.again().post(CONTACTS, &rows)),
        200,
    );
    let client = keyed(&owner, "import");
    let csv = [("content-type", "text/csv")];
    let import = format!("{CONTACTS}/import");
    one_did_it(
        // The gateway takes no more imports at once.
        &at_once(4, |_| {
            let file = Some(&b"name\nI1\nI2\n"[..]);
            client.again().send("POST", &import, &csv, file)
        }),
        200,
    );
    let client = keyed(&owner, "delete");
    let replies = at_once(MANY, |_| client.again().delete(&gone));
    one_did_it(&replies, 204);
    // Without the key the row is gone; with it, it was this request that deleted it.
    owner.delete(&gone).refused(404, "not_found");
    assert!(replayed(&client.delete(&gone).is(204)));
    assert_eq!(workspace.count("crm.contacts", "true"), 1 + 3 + 2);
    assert_eq!(
        workspace.count(
            "ucrm.audit_logs",
            "action = 'update' and resource = 'contacts'"
        ),
        1
    );
}

#[test]
fn the_other_dialect_keeps_the_same_word() {
    let workspace = Workspace::new();
    let client =
        keyed(&workspace.owner(), "rest").with(rest::REPRESENTATION.0, rest::REPRESENTATION.1);
    let replies = at_once(MANY, |_| client.again().post(rest::CONTACTS, &row("Once")));
    let done: Vec<&Reply> = replies.iter().filter(|reply| reply.status == 201).collect();
    assert_eq!(done.iter().filter(|reply| !replayed(reply)).count(), 1);
    for reply in replies.iter().filter(|reply| reply.status != 201) {
        let told = rest::refused(reply, 409, "PT409");
        assert_eq!(told["type"], "urn:ucrm:idempotency_in_progress");
    }
    assert_eq!(workspace.count("crm.contacts", "true"), 1);
    // The same word, and another request.
    let other = keyed(&workspace.owner(), "rest");
    other
        .post(CONTACTS, &row("Once"))
        .refused(422, "idempotency_mismatch");
}

#[test]
fn while_the_first_is_at_work_the_second_is_told() {
    let workspace = Workspace::new();
    let id = workspace.contact("Locked")["id"].clone();
    let target = format!("{CONTACTS}/{}", id.as_str().unwrap());
    let client = keyed(&workspace.owner(), "slow");
    let change = json!({"stage": "won"});
    let holder = Holder::of(
        "select from crm.contacts where tenant_id = $1 for update",
        &[&workspace.id],
    );
    thread::scope(|scope| {
        let first = scope.spawn(|| client.again().patch(&target, &change));
        holder.awaited_by(&workspace, 1);
        let second = client.again().patch(&target, &change);
        second.refused(409, "idempotency_in_progress");
        assert_eq!(second.header("retry-after"), Some("1"));
        // Another request under the key is not told what the first one is.
        client
            .again()
            .post(CONTACTS, &row("Other"))
            .refused(409, "idempotency_in_progress");
        // A colleague's key of the same name is his own.
        let colleague = workspace.client(&workspace.member("agent").key);
        keyed(&colleague, "slow")
            .post(CONTACTS, &row("His own"))
            .is(201);
        holder.give_way();
        let first = first.join().unwrap().is(200);
        assert!(!replayed(&first));
        let later = client.patch(&target, &change).is(200);
        assert!(replayed(&later));
        assert_eq!(later.body, first.body);
    });
    assert_eq!(workspace.count("crm.contacts", "stage = 'won'"), 1);
}

#[test]
fn a_first_that_is_refused_leaves_the_key_to_another_try() {
    let workspace = Workspace::new();
    let client = keyed(&workspace.owner(), "taken");
    let body = json!({"name": "Second", "external_id": "one"});
    let holder = Holder::of(
        "insert into crm.contacts (tenant_id, name, external_id) values ($1, 'First', 'one')",
        &[&workspace.id],
    );
    thread::scope(|scope| {
        let first = scope.spawn(|| client.again().post(CONTACTS, &body));
        holder.awaited_by(&workspace, 1);
        client
            .again()
            .post(CONTACTS, &body)
            .refused(409, "idempotency_in_progress");
        holder.finish();
        first
            .join()
            .unwrap()
            .refused_fields(409, "duplicate", &["external_id"]);
    });
    let corrected = json!({"name": "Second", "external_id": "two"});
    assert!(!replayed(&client.post(CONTACTS, &corrected).is(201)));
    assert!(replayed(&client.post(CONTACTS, &corrected).is(201)));
    assert_eq!(workspace.count("crm.contacts", "true"), 2);
}

#[test]
fn an_import_that_asks_for_lines_is_done_once_too() {
    let workspace = Workspace::new();
    let client = keyed(&workspace.owner(), "lines").with("accept", "application/x-ndjson");
    let csv = [("content-type", "text/csv")];
    let file = Some(&b"name\nI1\nI2\n"[..]);
    let first = client
        .send("POST", "/api/v1/contacts/import", &csv, file)
        .is(200);
    assert_eq!(first.json()["data"]["created"], 2);
    let second = client
        .send("POST", "/api/v1/contacts/import", &csv, file)
        .is(200);
    assert!(replayed(&second));
    assert_eq!(second.body, first.body);
    assert_eq!(workspace.count("crm.contacts", "true"), 2);
}
