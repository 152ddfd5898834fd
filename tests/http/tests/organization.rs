//! Organizations over HTTP, and the contacts that work there.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use serde_json::{Value, json};
use ucrm_http_tests::workspace::Workspace;
use uuid::Uuid;

const ORGANIZATIONS: &str = "/api/v1/organizations";

fn path(organization: &Value) -> String {
    format!("{ORGANIZATIONS}/{}", organization["id"].as_str().unwrap())
}

#[test]
fn an_organization_lives_from_post_to_delete() {
    let workspace = Workspace::new();
    let owner = workspace.owner();
    let made = owner
        .post(
            ORGANIZATIONS,
            &json!({"name": "Org", "domain": "org.example"}),
        )
        .is(201);
    let organization = made.json()["data"].take();
    assert_eq!(made.header("location"), Some(path(&organization).as_str()));
    assert_eq!(owner.get(&path(&organization)).data(200), organization);
    let changed = owner
        .patch(&path(&organization), &json!({"domain": null}))
        .data(200);
    assert_eq!(changed["domain"], Value::Null);
    owner.delete(&path(&organization)).is(204);
    owner.get(&path(&organization)).refused(404, "not_found");
    owner.delete(&path(&organization)).refused(404, "not_found");
}

#[test]
fn an_invalid_domain_is_named() {
    let workspace = Workspace::new();
    let owner = workspace.owner();
    owner
        .post(ORGANIZATIONS, &json!({"name": "O", "domain": "no domain"}))
        .refused_fields(422, "validation_failed", &["domain"]);
    owner
        .post(ORGANIZATIONS, &json!({"domain": "o.example"}))
        .refused_fields(422, "validation_failed", &["name"]);
}

#[test]
fn its_contacts_outlive_it() {
    let workspace = Workspace::new();
    let owner = workspace.owner();
    let organization = owner.post(ORGANIZATIONS, &json!({"name": "O"})).data(201);
    let contact = json!({"name": "C", "organization_id": organization["id"]});
    let contact = owner.post("/api/v1/contacts", &contact).data(201);
    owner.delete(&path(&organization)).is(204);
    let target = format!("/api/v1/contacts/{}", contact["id"].as_str().unwrap());
    let left = owner.get(&target).data(200);
    assert_eq!(left["organization_id"], Value::Null);
    assert_eq!(left["name"], "C");
}

#[test]
fn an_external_id_is_unique_among_organizations_only() {
    let workspace = Workspace::new();
    let owner = workspace.owner();
    let body = json!({"name": "O", "external_id": "one"});
    owner.post(ORGANIZATIONS, &body).is(201);
    owner.post("/api/v1/contacts", &body).is(201);
    owner
        .post(ORGANIZATIONS, &body)
        .refused_fields(409, "duplicate", &["external_id"]);
}

#[test]
fn a_contacts_id_is_no_organization() {
    let workspace = Workspace::new();
    let contact = workspace.contact("C");
    let owner = workspace.owner();
    owner.get(&path(&contact)).refused(404, "not_found");
    let random = owner.get(&format!("{ORGANIZATIONS}/{}", Uuid::now_v7()));
    assert_eq!(random.anonymous(), owner.get(&path(&contact)).anonymous());
}
