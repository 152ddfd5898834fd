//! API keys over HTTP: made within what their maker holds, shown once, listed by prefix, rotated, revoked.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::thread;

use serde_json::{Value, json};
use ucrm_http_tests::gateway::{Gateway, fresh_address};
use ucrm_http_tests::reply::Reply;
use ucrm_http_tests::workspace::Workspace;
use ucrm_http_tests::{session, stage};
use uuid::Uuid;

const KEYS: &str = "/api/v1/api_keys";
const CONTACTS: &str = "/api/v1/contacts";

fn one(key: &Value) -> String {
    format!("{KEYS}/{}", key["id"].as_str().unwrap())
}

fn secret(key: &Value) -> &str {
    key["secret"].as_str().unwrap()
}

#[test]
fn a_key_is_shown_once_and_listed_by_its_prefix() {
    let workspace = Workspace::new();
    let owner = workspace.owner();
    let reply = owner
        .post(KEYS, &json!({"name": "Form", "scopes": ["contacts:create", "contact:read"], "expires_at": "2100-01-01T00:00:00Z"}))
        .is(201);
    let made = reply.json()["data"].take();
    assert_eq!(reply.header("location"), Some(&*one(&made)));
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    assert_eq!(
        (&made["scopes"], &made["user_id"], &made["read_only"]),
        (
            &json!("contacts:create,contacts:read"),
            &json!(workspace.owner.id),
            &json!(false)
        )
    );
    assert!(secret(&made).starts_with(made["prefix"].as_str().unwrap()));
    let form = workspace.client(secret(&made));
    form.post(CONTACTS, &json!({"name": "X"})).is(201);
    form.get("/api/v1/organizations")
        .refused(403, "key_scope_denied");

    let hidden = &secret(&made)[made["prefix"].as_str().unwrap().len() + 28..];
    for target in [KEYS, &one(&made), "/api/v1/audit_logs?limit=100"] {
        let text = owner.get(target).is(200).text().to_owned();
        assert!(
            !text.contains(hidden) && !text.contains("digest"),
            "{target}"
        );
    }
    let listed = owner.get(&format!("{KEYS}?q=form")).data(200);
    assert_eq!(listed[0]["prefix"], made["prefix"]);
    assert!(listed[0]["last_used_at"].is_string(), "{listed}");
    assert!(owner.get(&one(&made)).data(200).get("secret").is_none());
    let rows: i64 = workspace.value(
        "select count(*) from ucrm.api_keys as k where k.tenant_id = $1 and strpos(k::text, $2) > 0",
        &[&workspace.id, &hidden],
    );
    assert_eq!(rows, 0);
}

#[test]
fn a_rotated_and_a_revoked_key_end_at_once() {
    let workspace = Workspace::new();
    let owner = workspace.owner();
    let gateway = Gateway::behind_proxy();
    let with = |secret: &str| gateway.from(&fresh_address()).key(secret);
    let made = owner
        .post(KEYS, &json!({"name": "Form", "scopes": "contacts:read"}))
        .data(201);
    let old = with(secret(&made));
    old.get(CONTACTS).is(200);
    let reply = owner
        .send("POST", &format!("{}/rotate", one(&made)), &[], None)
        .is(201);
    let new = reply.json()["data"].take();
    assert_eq!(reply.header("location"), Some(&*one(&new)));
    assert_eq!(
        (&new["name"], &new["scopes"]),
        (&made["name"], &made["scopes"])
    );
    assert_ne!(new["id"], made["id"]);
    old.get(CONTACTS).refused(401, "unauthenticated");
    let client = with(secret(&new));
    client.get(CONTACTS).is(200);
    owner.delete(&one(&new)).is(204);
    client.get(CONTACTS).refused(401, "unauthenticated");
    owner.delete(&one(&new)).refused(404, "not_found");
    owner
        .send("POST", &format!("{}/rotate", one(&new)), &[], None)
        .refused(404, "not_found");

    let names = |query: &str| {
        owner
            .get(&format!("{KEYS}?{query}"))
            .data(200)
            .as_array()
            .unwrap()
            .len()
    };
    assert_eq!(
        (names("name=eq.Form"), names("name=eq.Form&archived=only")),
        (0, 2)
    );
    assert!(owner.get(&one(&new)).data(200)["revoked_at"].is_string());
}

#[test]
fn a_service_key_a_read_only_one_and_one_that_ends() {
    let workspace = Workspace::new();
    let owner = workspace.owner();
    let service = owner
        .post(KEYS, &json!({"name": "Sync", "service": true}))
        .data(201);
    assert_eq!(service["user_id"], Value::Null);
    workspace
        .client(secret(&service))
        .post(CONTACTS, &json!({"name": "X"}))
        .is(201);
    workspace
        .client(secret(&service))
        .get(KEYS)
        .refused(403, "permission_denied");
    let reading = owner
        .post(KEYS, &json!({"name": "Look", "read_only": true}))
        .data(201);
    let reader = workspace.client(secret(&reading));
    reader.get(CONTACTS).is(200);
    reader
        .post(CONTACTS, &json!({"name": "X"}))
        .refused(403, "key_scope_denied");
    reader
        .post(KEYS, &json!({"name": "More"}))
        .refused(403, "key_scope_denied");
    reader
        .delete(&format!("/api/v1/members/{}", workspace.owner.id))
        .refused(403, "permission_denied");
    let ending = owner
        .post(KEYS, &json!({"name": "Soon", "expires_at": "2100-01-01"}))
        .data(201);
    workspace.change("update ucrm.api_keys set expires_at = clock_timestamp() where tenant_id = $1 and name = 'Soon'");
    Gateway::behind_proxy()
        .from(&fresh_address())
        .key(secret(&ending))
        .get(CONTACTS)
        .refused(401, "unauthenticated");
}

#[test]
fn a_wrong_key_names_the_field() {
    let workspace = Workspace::new();
    let owner = workspace.owner();
    for (body, field) in [
        (json!({}), "name"),
        (json!({"name": ""}), "name"),
        (json!({"name": "n".repeat(201)}), "name"),
        (json!({"name": "k", "service": "yes"}), "service"),
        (json!({"name": "k", "read_only": 1}), "read_only"),
        (json!({"name": "k", "scopes": 7}), "scopes"),
        (json!({"name": "k", "scopes": ["contacts:fly"]}), "scopes"),
        (json!({"name": "k", "expires_at": "tomorrow"}), "expires_at"),
        (json!({"name": "k", "expires_at": "infinity"}), "expires_at"),
        (
            json!({"name": "k", "expires_at": "2020-01-01T00:00:00Z"}),
            "expires_at",
        ),
        (
            json!({"name": "k", "expires_at": 4_000_000_000_u64}),
            "expires_at",
        ),
    ] {
        owner
            .post(KEYS, &body)
            .refused_fields(422, "validation_failed", &[field]);
    }
    owner
        .post(
            KEYS,
            &json!({"name": "k", "expires_at": "2100-13-41T00:00:00Z"}),
        )
        .refused(422, "validation_failed");
    owner
        .post(KEYS, &json!({"name": "k", "user_id": Uuid::now_v7()}))
        .refused_fields(400, "unknown_field", &["user_id"]);
    workspace
        .client(&workspace.key(None, Some("api_keys:*")))
        .post(KEYS, &json!({"name": "k"}))
        .refused_fields(422, "validation_failed", &["service"]);
    assert_eq!(workspace.count("ucrm.api_keys", "name = 'k'"), 0);
}

#[test]
fn no_key_makes_a_key_that_can_do_more_or_lasts_longer() {
    let workspace = Workspace::new();
    let scoped = workspace
        .client(&workspace.key(Some(workspace.owner.id), Some("api_keys:*,contacts:read")));
    for (body, scopes) in [
        (json!({"name": "k", "scopes": ["*:*"]}), None),
        (json!({"name": "k", "scopes": ["contacts:create"]}), None),
        (json!({"name": "k", "service": true}), None),
        (
            json!({"name": "k", "service": true, "scopes": ["entity:*"]}),
            None,
        ),
        (
            json!({"name": "k", "service": true, "scopes": ["contacts:read"]}),
            Some("contacts:read"),
        ),
        (
            json!({"name": "k", "scopes": ["contacts:read"]}),
            Some("contacts:read"),
        ),
        // All of the owner's: all that this key has.
        (json!({"name": "k"}), Some("api_keys:*,contacts:read")),
    ] {
        let reply = scoped.post(KEYS, &body);
        match scopes {
            None => drop(reply.refused(403, "grant_ceiling")),
            Some(scopes) => assert_eq!(reply.data(201)["scopes"], scopes, "{body}"),
        }
    }
    let owners: Uuid = workspace.value(
        "select id from ucrm.api_keys where tenant_id = $1 and name = 'First key'",
        &[&workspace.id],
    );
    scoped
        .send("POST", &format!("{KEYS}/{owners}/rotate"), &[], None)
        .refused(403, "grant_ceiling");

    // A key that ends makes none that outlives it.
    let owner = workspace.owner();
    let ending = owner
        .post(
            KEYS,
            &json!({"name": "ending", "expires_at": "2100-01-01T00:00:00Z"}),
        )
        .data(201);
    let client = workspace.client(secret(&ending));
    for expires_at in [Value::Null, json!("2200-01-01T00:00:00Z")] {
        let made = client
            .post(KEYS, &json!({"name": "child", "expires_at": expires_at}))
            .data(201);
        assert_eq!(made["expires_at"], ending["expires_at"]);
    }
    let sooner = client
        .post(
            KEYS,
            &json!({"name": "child", "expires_at": "2099-01-01T00:00:00Z"}),
        )
        .data(201);
    assert_ne!(sooner["expires_at"], ending["expires_at"]);
    client
        .send("POST", &format!("{KEYS}/{owners}/rotate"), &[], None)
        .refused(403, "grant_ceiling");
    let itself = client
        .send("POST", &format!("{}/rotate", one(&ending)), &[], None)
        .data(201);
    assert_eq!(itself["expires_at"], ending["expires_at"]);
}

#[test]
fn a_persons_key_is_rotated_by_that_person_and_revoked_by_whoever_manages_keys() {
    let workspace = Workspace::new();
    let admin = workspace.member("admin");
    let theirs: Uuid = workspace.value(
        "select id from ucrm.api_keys where tenant_id = $1 and user_id = $2",
        &[&workspace.id, &admin.id],
    );
    let theirs = format!("{KEYS}/{theirs}");
    let owner = workspace.owner();
    owner
        .send("POST", &format!("{theirs}/rotate"), &[], None)
        .refused(403, "permission_denied");
    owner.delete(&theirs).is(204);
    let agent = workspace.client(&workspace.member("agent").key);
    agent.get(KEYS).refused(403, "permission_denied");
    agent
        .post(KEYS, &json!({"name": "k"}))
        .refused(403, "permission_denied");
}

#[test]
fn another_workspaces_key_is_one_that_does_not_exist() {
    let (workspace, other) = (Workspace::new(), Workspace::new());
    let foreign: Uuid = other.value(
        "select id from ucrm.api_keys where tenant_id = $1",
        &[&other.id],
    );
    let owner = workspace.owner();
    let ask = |method: &str, id: &str, tail: &str| {
        let reply = owner.send(method, &format!("{KEYS}/{id}{tail}"), &[], None);
        reply.refused(404, "not_found");
        reply.anonymous()
    };
    for (method, tail) in [("GET", ""), ("DELETE", ""), ("POST", "/rotate")] {
        let theirs = ask(method, &foreign.to_string(), tail);
        assert_eq!(theirs, ask(method, &Uuid::now_v7().to_string(), tail));
        assert_eq!(theirs, ask(method, "none", tail));
    }
    assert_eq!(other.count("ucrm.api_keys", "revoked_at is null"), 1);
}

#[test]
fn eight_who_rotate_one_key_at_once_make_one() {
    let workspace = Workspace::new();
    let made = workspace
        .owner()
        .post(KEYS, &json!({"name": "Form"}))
        .data(201);
    let target = format!("{}/rotate", one(&made));
    let replies: Vec<Reply> = thread::scope(|scope| {
        let running: Vec<_> = (0..8)
            .map(|_| {
                let (client, target) = (workspace.owner(), &target);
                scope.spawn(move || client.send("POST", target, &[], None))
            })
            .collect();
        running
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    let (new, late): (Vec<_>, Vec<_>) = replies.into_iter().partition(|reply| reply.status == 201);
    assert_eq!((new.len(), late.len()), (1, 7));
    for reply in late {
        reply.refused(404, "not_found");
    }
    assert_eq!(
        workspace.count("ucrm.api_keys", "name = 'Form' and revoked_at is null"),
        1
    );
}

#[test]
fn a_signed_in_owner_makes_keys_and_the_demos_are_not_his() {
    let workspace = Workspace::new();
    let owner = session::of(&workspace, workspace.owner.id, Some(workspace.id));
    let made = owner.post(KEYS, &json!({"name": "By hand"})).data(201);
    assert_eq!(
        (&made["scopes"], &made["user_id"]),
        (&Value::Null, &json!(workspace.owner.id))
    );
    assert!(
        !owner
            .get(KEYS)
            .is(200)
            .text()
            .contains(&stage::name("ACME_ID"))
    );
}
