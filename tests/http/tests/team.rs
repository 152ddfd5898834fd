//! Members: who sees them, who changes them, who leaves, and that a workspace keeps an owner whoever comes at once.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::thread;

use serde_json::json;
use ucrm_http_tests::client::Client;
use ucrm_http_tests::reply::Reply;
use ucrm_http_tests::workspace::Workspace;
use uuid::Uuid;

const MEMBERS: &str = "/api/v1/members";
const CONTACTS: &str = "/api/v1/contacts";

fn one(id: Uuid) -> String {
    format!("{MEMBERS}/{id}")
}

#[test]
fn members_are_listed_in_the_dialect_of_lists() {
    let workspace = Workspace::new();
    let agent = workspace.member("agent");
    workspace.member("reader");
    workspace.execute(
        "update ucrm.users set name = 'Grace Hopper' where id = $1",
        &[&agent.id],
    );
    let owner = workspace.owner();
    let list = owner
        .get(&format!("{MEMBERS}?sort=role&page=1&limit=2"))
        .is(200)
        .json();
    assert_eq!(list["meta"], json!({"total": 3, "page": 1, "limit": 2}));
    let roles: Vec<&str> = list["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["role"].as_str().unwrap())
        .collect();
    assert_eq!(roles, ["agent", "owner"]);
    let mut fields: Vec<&String> = list["data"][0].as_object().unwrap().keys().collect();
    fields.sort();
    assert_eq!(
        fields,
        ["created_at", "disabled", "email", "id", "name", "role"]
    );
    for query in [
        "q=hopper",
        "role=eq.agent",
        "name=ilike.grace*",
        &format!("id=eq.{}", agent.id),
    ] {
        let found = owner.get(&format!("{MEMBERS}?{query}")).data(200);
        assert_eq!(
            (found.as_array().unwrap().len(), &found[0]["id"]),
            (1, &json!(agent.id)),
            "{query}"
        );
    }
    owner
        .get(&format!("{MEMBERS}?digest=eq.x"))
        .refused(400, "invalid_filter");
    assert_eq!(owner.get(&one(agent.id)).data(200)["name"], "Grace Hopper");
}

#[test]
fn who_may_not_read_members_completes_their_names() {
    let workspace = Workspace::new();
    let (agent, reader) = (workspace.member("agent"), workspace.member("reader"));
    workspace.execute(
        "update ucrm.users set name = 'Alan Turing' where id = $1",
        &[&agent.id],
    );
    let client = workspace.client(&agent.key);
    client.get(MEMBERS).refused(403, "permission_denied");
    client.get(&one(agent.id)).refused(403, "permission_denied");
    let all = client
        .get(&format!("{MEMBERS}/autocomplete?q=turing"))
        .is(200);
    assert_eq!(
        all.json()["data"],
        json!([{"id": agent.id, "label": "Alan Turing"}])
    );
    // Nobody else's address stands in for a name that is missing.
    let labels = client.get(&format!("{MEMBERS}/autocomplete")).is(200);
    assert!(!labels.text().contains('@'), "{}", labels.text());
    workspace.change(&format!(
        "update ucrm.tenant_memberships set disabled_at = now() where tenant_id = $1 and user_id = '{}'",
        reader.id
    ));
    let labels = client.get(&format!("{MEMBERS}/autocomplete")).data(200);
    assert_eq!(labels.as_array().unwrap().len(), 2);
    workspace
        .client(&workspace.member("reader").key)
        .get(&format!("{MEMBERS}/autocomplete"))
        .refused(403, "permission_denied");
}

#[test]
fn a_change_of_role_or_state_binds_the_next_request() {
    let workspace = Workspace::new();
    let agent = workspace.member("agent");
    let (owner, client) = (workspace.owner(), workspace.client(&agent.key));
    client.post(CONTACTS, &json!({"name": "X"})).is(201);
    let changed = owner
        .patch(&one(agent.id), &json!({"role": "reader"}))
        .data(200);
    assert_eq!(
        (&changed["role"], &changed["disabled"]),
        (&json!("reader"), &json!(false))
    );
    client
        .post(CONTACTS, &json!({"name": "X"}))
        .refused(403, "permission_denied");
    let changed = owner
        .patch(&one(agent.id), &json!({"role": "agent", "disabled": true}))
        .data(200);
    assert_eq!(
        (&changed["role"], &changed["disabled"]),
        (&json!("agent"), &json!(true))
    );
    client.get(CONTACTS).refused(403, "member_disabled");
    owner
        .patch(&one(agent.id), &json!({"disabled": false}))
        .is(200);
    client.post(CONTACTS, &json!({"name": "X"})).is(201);
    owner.delete(&one(agent.id)).is(204);
    owner.delete(&one(agent.id)).refused(404, "not_found");
    assert_eq!(
        workspace.count("ucrm.api_keys", &format!("user_id = '{}'", agent.id)),
        0
    );
    let audited: Vec<String> = workspace.value(
        "select array_agg(action order by id) from ucrm.audit_logs where tenant_id = $1 and resource = 'members'",
        &[&workspace.id],
    );
    assert_eq!(audited, ["update", "update", "update", "update", "delete"]);
}

#[test]
fn a_wrong_change_names_the_field_and_changes_nothing() {
    let workspace = Workspace::new();
    let agent = workspace.member("agent");
    let owner = workspace.owner();
    for (body, field) in [
        (json!({"role": "king"}), "role"),
        (json!({"role": null}), "role"),
        (json!({"role": 1}), "role"),
        (json!({"disabled": "yes"}), "disabled"),
        (json!({"disabled": null}), "disabled"),
    ] {
        owner
            .patch(&one(agent.id), &body)
            .refused_fields(422, "validation_failed", &[field]);
    }
    owner
        .patch(&one(agent.id), &json!({"email": "other@tests.example"}))
        .refused_fields(400, "unknown_field", &["email"]);
    owner
        .send(
            "PATCH",
            &one(agent.id),
            &[("content-type", "text/plain")],
            Some(b"{}"),
        )
        .refused(415, "unsupported_media_type");
    assert_eq!(owner.get(&one(agent.id)).data(200)["role"], "agent");
    assert_eq!(
        workspace.count("ucrm.audit_logs", "resource = 'members'"),
        0
    );
}

#[test]
fn another_workspaces_member_is_one_that_does_not_exist() {
    let (workspace, other) = (Workspace::new(), Workspace::new());
    let owner = workspace.owner();
    let ask = |method: &str, id: &str| {
        let body = (method == "PATCH").then_some(&br#"{"role": "reader"}"#[..]);
        let reply = owner.send(
            method,
            &format!("{MEMBERS}/{id}"),
            &[("content-type", "application/json")],
            body,
        );
        reply.refused(404, "not_found");
        reply.anonymous()
    };
    for method in ["GET", "PATCH", "DELETE"] {
        let foreign = ask(method, &other.owner.id.to_string());
        assert_eq!(
            foreign,
            ask(method, &Uuid::now_v7().to_string()),
            "{method}"
        );
        assert_eq!(foreign, ask(method, "none"), "{method}");
    }
    assert_eq!(other.count("ucrm.tenant_memberships", "role = 'owner'"), 1);
}

#[test]
fn anybody_leaves_whatever_state_the_workspace_is_in_but_not_by_a_scoped_key() {
    let workspace = Workspace::new();
    let agent = workspace.member("agent");
    let scoped = workspace.client(&workspace.key(Some(agent.id), Some("contacts:*")));
    scoped
        .delete(&one(agent.id))
        .refused(403, "permission_denied");
    workspace
        .client(&agent.key)
        .delete(&one(workspace.owner.id))
        .refused(403, "permission_denied");
    workspace.change("update ucrm.tenants set status = 'suspended' where id = $1");
    workspace.client(&agent.key).delete(&one(agent.id)).is(204);
    assert_eq!(workspace.count("ucrm.tenant_memberships", "true"), 1);
    workspace.change("update ucrm.tenants set status = 'approved' where id = $1");
    workspace
        .owner()
        .delete(&one(workspace.owner.id))
        .refused(409, "last_owner");
}

#[test]
fn nobody_changes_whoever_holds_more_than_he_does() {
    let workspace = Workspace::new();
    let (admin, agent) = (workspace.member("admin"), workspace.member("agent"));
    let client = workspace.client(&admin.key);
    let owner = one(workspace.owner.id);
    client
        .patch(&owner, &json!({"role": "agent"}))
        .refused(403, "grant_ceiling");
    client
        .patch(&owner, &json!({"disabled": true}))
        .refused(403, "grant_ceiling");
    client.delete(&owner).refused(403, "grant_ceiling");
    client
        .patch(&one(admin.id), &json!({"role": "owner"}))
        .refused(403, "grant_ceiling");
    client
        .patch(&one(agent.id), &json!({"role": "owner"}))
        .refused(403, "grant_ceiling");
    client
        .patch(&one(agent.id), &json!({"role": "admin"}))
        .is(200);
    // A key that may manage members is held to its scopes: it gives nothing else.
    let scoped = workspace.client(&workspace.key(Some(workspace.owner.id), Some("members:*")));
    scoped
        .patch(&one(agent.id), &json!({"role": "reader"}))
        .refused(403, "grant_ceiling");
    assert_eq!(
        workspace.count("ucrm.tenant_memberships", "role = 'owner'"),
        1
    );
    assert_eq!(
        workspace.count(
            "ucrm.audit_logs",
            "action = 'denied' and after ->> 'code' = 'grant_ceiling'"
        ),
        6
    );
}

/// Eight at once, four for each of two owners, who act on each other; whoever is first wins. Returns the refusals.
#[track_caller]
fn contest(act: fn(&Client, &str) -> Reply) {
    const LOST: [(u16, &str); 5] = [
        (409, "last_owner"),
        (403, "permission_denied"),
        (403, "member_disabled"),
        (403, "not_a_member"),
        (404, "not_found"),
    ];
    for _ in 0..6 {
        let workspace = Workspace::new();
        let second = workspace.member("owner");
        let sides = [
            (&workspace.owner.key, one(second.id)),
            (&second.key, one(workspace.owner.id)),
        ];
        let replies: Vec<(usize, Reply)> = thread::scope(|scope| {
            let running: Vec<_> = (0..8)
                .map(|n| {
                    let (key, target) = &sides[n % 2];
                    let client = workspace.client(key);
                    scope.spawn(move || (n % 2, act(&client, target)))
                })
                .collect();
            running
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .collect()
        });
        assert_eq!(
            workspace.count(
                "ucrm.tenant_memberships",
                "role = 'owner' and disabled_at is null"
            ),
            1
        );
        let won = |side: usize| {
            replies
                .iter()
                .any(|(n, reply)| *n == side && reply.status < 300)
        };
        assert!(won(0) != won(1), "one side wins");
        for (_, reply) in replies.iter().filter(|(_, reply)| reply.status >= 300) {
            let code = reply.json()["code"].as_str().unwrap().to_owned();
            // The key of whoever was removed is gone.
            assert!(
                LOST.contains(&(reply.status, &code))
                    || (reply.status, &*code) == (401, "unauthenticated"),
                "{}",
                reply.text()
            );
        }
    }
}

#[test]
fn two_owners_who_demote_each_other_at_once_leave_one() {
    contest(|client, target| client.patch(target, &json!({"role": "agent"})));
}

#[test]
fn two_owners_who_disable_each_other_at_once_leave_one() {
    contest(|client, target| client.patch(target, &json!({"disabled": true})));
}

#[test]
fn two_owners_who_remove_each_other_at_once_leave_one() {
    contest(|client, target| client.delete(target));
}

#[test]
fn owners_who_all_leave_at_once_leave_one() {
    let workspace = Workspace::new();
    let mut owners: Vec<_> = (0..7).map(|_| workspace.member("owner")).collect();
    let leaving: Vec<_> = owners
        .drain(..)
        .map(|owner| (owner.id, owner.key))
        .chain([(workspace.owner.id, workspace.owner.key.clone())])
        .map(|(id, key)| (workspace.client(&key), one(id)))
        .collect();
    let replies: Vec<Reply> = thread::scope(|scope| {
        let running: Vec<_> = leaving
            .iter()
            .map(|(client, target)| scope.spawn(move || client.delete(target)))
            .collect();
        running
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    let (gone, kept): (Vec<_>, Vec<_>) = replies.into_iter().partition(|reply| reply.status == 204);
    assert_eq!((gone.len(), kept.len()), (7, 1));
    kept[0].refused(409, "last_owner");
    assert_eq!(workspace.count("ucrm.tenant_memberships", "true"), 1);
}
