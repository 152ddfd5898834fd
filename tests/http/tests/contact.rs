//! Contacts over HTTP: made, read, changed, deleted, and what cannot be said about them.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use serde_json::{Value, json};
use ucrm_http_tests::stage;
use ucrm_http_tests::workspace::Workspace;
use uuid::Uuid;

const CONTACTS: &str = "/api/v1/contacts";

fn path(contact: &Value) -> String {
    format!("{CONTACTS}/{}", contact["id"].as_str().unwrap())
}

#[test]
fn a_contact_lives_from_post_to_delete() {
    let workspace = Workspace::new();
    let owner = workspace.owner();
    let made = owner
        .post(CONTACTS, &json!({"name": "Ann", "stage": "won"}))
        .is(201);
    assert_eq!(made.header("content-type"), Some("application/json"));
    let contact = made.json()["data"].take();
    assert_eq!(made.header("location"), Some(path(&contact).as_str()));
    assert_eq!(contact["name"], "Ann");
    assert_eq!(contact["owner_id"], workspace.owner.id.to_string());
    let id: Uuid = contact["id"].as_str().unwrap().parse().unwrap();
    assert_eq!(id.get_version_num(), 7);

    let read = owner.get(&path(&contact)).is(200);
    assert_eq!(read.json(), json!({"data": contact}));
    assert_eq!(read.header("etag"), made.header("etag"));
    assert!(made.header("etag").unwrap().starts_with('"'));

    let changed = owner
        .patch(&path(&contact), &json!({"stage": "lost"}))
        .is(200);
    assert_eq!(changed.json()["data"]["stage"], "lost");
    assert_eq!(changed.json()["data"]["name"], "Ann");
    assert_ne!(changed.header("etag"), made.header("etag"));
    assert!(changed.json()["data"]["updated_at"].as_str() > contact["updated_at"].as_str());

    let gone = owner.delete(&path(&contact)).is(204);
    assert!(gone.body.is_empty());
    owner.get(&path(&contact)).refused(404, "not_found");
    owner.delete(&path(&contact)).refused(404, "not_found");
    owner
        .patch(&path(&contact), &json!({"stage": "won"}))
        .refused(404, "not_found");
}

#[test]
fn every_writable_field_comes_back_as_it_was_sent() {
    let workspace = Workspace::new();
    let owner = workspace.owner();
    let organization = owner
        .post("/api/v1/organizations", &json!({"name": "Org"}))
        .data(201);
    for (name, kind) in [("note", "plain"), ("budget", "currency")] {
        let column = json!({"resource": "contacts", "name": name, "type": kind});
        owner.post("/api/v1/custom_columns", &column).is(201);
    }
    let sent = json!({
        "name": "Zoë \"Z\" O'Hara \u{1f600}\t\\", "email": "zoe@example.org", "phone": "+49 (30) 1",
        "stage": "qualified", "organization_id": organization["id"], "owner_id": workspace.owner.id,
        "notes": "line\nline", "custom": {"note": "ü \"\\", "budget": {"amount": "12.30", "currency": "EUR"}}, "external_id": "crm/1%2"
    });
    let made = owner.post(CONTACTS, &sent).data(201);
    for (field, value) in sent.as_object().unwrap() {
        assert_eq!(made[field], *value, "{field}");
    }
    assert_eq!(made["archived_at"], Value::Null);
    assert!(made.get("tenant_id").is_none());
    assert_eq!(owner.get(&path(&made)).data(200), made);
}

#[test]
fn null_clears_a_field_and_a_needed_one_refuses_it() {
    let workspace = Workspace::new();
    let owner = workspace.owner();
    let made = owner
        .post(CONTACTS, &json!({"name": "N", "email": "n@example.org"}))
        .data(201);
    let cleared = owner
        .patch(&path(&made), &json!({"email": null, "owner_id": null}))
        .data(200);
    assert_eq!(
        (&cleared["email"], &cleared["owner_id"]),
        (&Value::Null, &Value::Null)
    );
    owner
        .patch(&path(&made), &json!({"name": null, "custom": null}))
        .refused_fields(422, "validation_failed", &["custom", "name"]);
}

#[test]
fn put_is_refused_and_allow_names_the_methods() {
    let owner = stage::client("ACME_OWNER_KEY");
    let one = format!("{CONTACTS}/{}", Uuid::now_v7());
    for (target, allow) in [
        (one.as_str(), "DELETE, GET, PATCH"),
        (CONTACTS, "DELETE, GET, PATCH, POST"),
    ] {
        let refused = owner.json("PUT", target, &json!({}));
        refused.refused(405, "method_not_allowed");
        let allowed = refused.header("allow").unwrap();
        let mut allowed: Vec<&str> = allowed.split(", ").filter(|m| *m != "HEAD").collect();
        allowed.sort_unstable();
        assert_eq!(allowed.join(", "), allow);
    }
    owner.delete(CONTACTS).refused(400, "ids_required");
}

#[test]
fn head_is_get_without_the_body() {
    let workspace = Workspace::new();
    let contact = workspace.contact("Head");
    let owner = workspace.owner();
    for target in [path(&contact), CONTACTS.to_owned()] {
        let get = owner.get(&target).is(200);
        let head = owner.send("HEAD", &target, &[], None).is(200);
        assert!(head.body.is_empty());
        for name in ["content-type", "content-length", "etag"] {
            assert_eq!(head.header(name), get.header(name), "{name} of {target}");
        }
    }
    let missing = format!("{CONTACTS}/{}", Uuid::now_v7());
    owner.send("HEAD", &missing, &[], None).is(404);
}

#[test]
fn what_the_server_keeps_cannot_be_assigned() {
    let workspace = Workspace::new();
    let owner = workspace.owner();
    let contact = workspace.contact("Fixed");
    for field in [
        "tenant_id",
        "id",
        "created_at",
        "updated_at",
        "archived_at",
        "nonsense",
        "Name",
        "",
    ] {
        let body = json!({"name": "X", field: Uuid::now_v7()});
        let refused = owner
            .post(CONTACTS, &body)
            .refused_fields(400, "unknown_field", &[field]);
        assert!(
            refused["allowed"]
                .as_array()
                .unwrap()
                .contains(&json!("stage")),
            "{refused}"
        );
        owner
            .patch(&path(&contact), &body)
            .refused_fields(400, "unknown_field", &[field]);
    }
    assert_eq!(owner.get(&path(&contact)).data(200), contact);
}

#[test]
fn a_row_is_ones_own_or_nobodys() {
    let workspace = Workspace::new();
    let colleague = workspace.member("agent");
    let other = Workspace::new();
    let owner = workspace.owner();
    let contact = workspace.contact("Mine");
    for stranger in [colleague.id, other.owner.id, Uuid::now_v7()] {
        let body = json!({"name": "X", "owner_id": stranger});
        let made = owner.post(CONTACTS, &body);
        made.refused_fields(400, "unknown_field", &["owner_id"]);
        let changed = owner.patch(&path(&contact), &body);
        changed.refused_fields(400, "unknown_field", &["owner_id"]);
        assert_eq!(made.anonymous(), changed.anonymous());
    }
    owner
        .patch(&path(&contact), &json!({"owner_id": null}))
        .is(200);
    let shouted = workspace.owner.id.to_string().to_uppercase();
    let mine = owner
        .patch(&path(&contact), &json!({"owner_id": shouted}))
        .data(200);
    assert_eq!(mine["owner_id"], workspace.owner.id.to_string());
}

#[test]
fn every_invalid_field_is_named() {
    let workspace = Workspace::new();
    let owner = workspace.owner();
    let contact = workspace.contact("Valid");
    let cases = [
        (json!({}), vec!["name"]),
        (
            json!({"name": 5, "email": false, "notes": {}}),
            vec!["email", "name", "notes"],
        ),
        (json!({"name": "X", "custom": []}), vec!["custom"]),
        (
            json!({"name": "X", "organization_id": "no uuid", "owner_id": 7}),
            vec!["organization_id", "owner_id"],
        ),
        (json!({"name": ""}), vec!["name"]),
        (json!({"name": "x".repeat(201)}), vec!["name"]),
        (json!({"name": "X", "stage": "gone"}), vec!["stage"]),
        (json!({"name": "X", "email": "no address"}), vec!["email"]),
        (json!({"name": "X", "phone": "1".repeat(51)}), vec!["phone"]),
        (
            json!({"name": "X", "notes": "n".repeat(20_001)}),
            vec!["notes"],
        ),
        (json!({"name": "X", "external_id": ""}), vec!["external_id"]),
    ];
    for (body, fields) in cases {
        let refused = owner
            .post(CONTACTS, &body)
            .refused_fields(422, "validation_failed", &fields);
        for error in refused["errors"].as_array().unwrap() {
            assert!(
                error["code"].is_string() && error["message"].is_string(),
                "{refused}"
            );
        }
        if body.get("name").is_some() {
            owner
                .patch(&path(&contact), &body)
                .refused_fields(422, "validation_failed", &fields);
        }
    }
    assert_eq!(workspace.count("crm.contacts", "true"), 1);
}

#[test]
fn an_external_id_is_unique_in_its_workspace_and_free_in_another() {
    let (workspace, other) = (Workspace::new(), Workspace::new());
    let body = json!({"name": "E", "external_id": "same"});
    let owner = workspace.owner();
    let first = owner.post(CONTACTS, &body).data(201);
    owner
        .post(CONTACTS, &body)
        .refused_fields(409, "duplicate", &["external_id"]);
    let second = workspace.contact("Second");
    owner
        .patch(&path(&second), &json!({"external_id": "same"}))
        .refused_fields(409, "duplicate", &["external_id"]);
    other.owner().post(CONTACTS, &body).is(201);
    owner.delete(&path(&first)).is(204);
    owner.post(CONTACTS, &body).is(201);
}

#[test]
fn a_foreign_organization_is_one_that_does_not_exist() {
    let (workspace, other) = (Workspace::new(), Workspace::new());
    let foreign = other
        .owner()
        .post("/api/v1/organizations", &json!({"name": "F"}))
        .data(201);
    let owner = workspace.owner();
    let contact = workspace.contact("C");
    for target in [None, Some(path(&contact))] {
        let ask = |id: &Value| {
            let body = json!({"name": "C", "organization_id": id});
            let reply = match &target {
                None => owner.post(CONTACTS, &body),
                Some(target) => owner.patch(target, &body),
            };
            reply.refused_fields(422, "validation_failed", &["organization_id"]);
            reply.anonymous()
        };
        assert_eq!(ask(&foreign["id"]), ask(&json!(Uuid::now_v7())));
    }
}

#[test]
fn an_agent_of_his_own_rows_changes_no_others() {
    let workspace = Workspace::new();
    workspace.change("insert into ucrm.roles (tenant_id, name) values ($1, 'seller')");
    workspace.change(
        "insert into ucrm.role_permissions (tenant_id, role, resource, action, scope) values
         ($1, 'seller', 'contacts', 'create', 'all'), ($1, 'seller', 'contacts', 'read', 'all'),
         ($1, 'seller', 'contacts', 'update', 'own'), ($1, 'seller', 'contacts', 'delete', 'own')",
    );
    let seller = workspace.client(&workspace.member("seller").key);
    let foreign = workspace.contact("The owner's");
    seller.get(&path(&foreign)).is(200);
    seller
        .patch(&path(&foreign), &json!({"stage": "won"}))
        .refused(403, "permission_denied");
    seller
        .delete(&path(&foreign))
        .refused(403, "permission_denied");
    let own = seller.post(CONTACTS, &json!({"name": "My own"})).data(201);
    seller.patch(&path(&own), &json!({"stage": "won"})).is(200);
    seller.delete(&path(&own)).is(204);
}

#[test]
fn who_may_create_and_not_read_creates_and_sees_an_id() {
    let workspace = Workspace::new();
    let owner = workspace.owner();
    let made = owner
        .post(
            "/api/v1/api_keys",
            &json!({"name": "Form", "scopes": ["contacts:create"]}),
        )
        .data(201);
    let form = workspace.client(made["secret"].as_str().unwrap());
    let reply = form
        .post("/api/v1/contacts", &json!({"name": "Ada"}))
        .is(201);
    let id = reply.json()["data"]["id"].as_str().unwrap().to_owned();
    assert_eq!(reply.json()["data"], json!({"id": id}));
    assert_eq!(
        reply.header("location"),
        Some(format!("/api/v1/contacts/{id}").as_str())
    );
    assert_eq!(reply.header("etag"), None);
    form.get("/api/v1/contacts")
        .refused(403, "key_scope_denied");
    let row = owner.get(&format!("/api/v1/contacts/{id}")).data(200);
    assert_eq!(row["name"], "Ada");
    form.post("/api/v1/contacts", &json!({"id": id, "name": "Ada"}))
        .refused_fields(400, "unknown_field", &["id"]);
}
