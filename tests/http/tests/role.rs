//! Roles over HTTP: made, changed and deleted by whoever holds what they grant, and by nobody else.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::thread;

use serde_json::json;
use ucrm_http_tests::reply::Reply;
use ucrm_http_tests::workspace::Workspace;
use uuid::Uuid;

const ROLES: &str = "/api/v1/roles";
const CONTACTS: &str = "/api/v1/contacts";

fn one(name: &str) -> String {
    format!("{ROLES}/{name}")
}

#[test]
fn a_role_is_made_given_changed_and_deleted() {
    let workspace = Workspace::new();
    let owner = workspace.owner();
    let clerk = json!({"name": "clerk", "label": "Clerk", "permissions": ["contacts:read", "contact:update:own"]});
    let reply = owner.post(ROLES, &clerk).is(201);
    assert_eq!(reply.header("location"), Some(&*one("clerk")));
    let made = reply.json()["data"].take();
    assert_eq!(
        (
            &made["name"],
            &made["label"],
            &made["permissions"],
            &made["builtin"]
        ),
        (
            &json!("clerk"),
            &json!("Clerk"),
            &json!(["contacts:read", "contacts:update:own"]),
            &json!(false)
        )
    );
    assert_eq!(owner.get(&one("clerk")).data(200), made);
    owner
        .post(ROLES, &clerk)
        .refused_fields(409, "duplicate", &["name"]);

    let member = workspace.member("agent");
    let (client, target) = (
        workspace.client(&member.key),
        format!("/api/v1/members/{}", member.id),
    );
    owner.patch(&target, &json!({"role": "clerk"})).is(200);
    client.get(CONTACTS).is(200);
    client
        .post(CONTACTS, &json!({"name": "X"}))
        .refused(403, "permission_denied");
    let changed = owner
        .patch(
            &one("clerk"),
            &json!({"permissions": "contacts:create,contacts:read"}),
        )
        .data(200);
    assert_eq!(
        changed["permissions"],
        json!(["contacts:create", "contacts:read"])
    );
    assert_eq!(changed["label"], "Clerk");
    client.post(CONTACTS, &json!({"name": "X"})).is(201);
    let renamed = owner
        .patch(&one("clerk"), &json!({"label": "Front desk"}))
        .data(200);
    assert_eq!(
        (&renamed["label"], &renamed["permissions"]),
        (&json!("Front desk"), &changed["permissions"])
    );
    owner
        .patch(&one("clerk"), &json!({"permissions": []}))
        .is(200);
    client.get(CONTACTS).refused(403, "permission_denied");

    owner.delete(&one("clerk")).refused(409, "role_in_use");
    owner.patch(&target, &json!({"role": "agent"})).is(200);
    owner.delete(&one("clerk")).is(204);
    owner.delete(&one("clerk")).refused(404, "not_found");
    owner.get(&one("clerk")).refused(404, "not_found");
}

#[test]
fn the_list_has_the_built_in_roles_and_the_workspaces_own() {
    let (workspace, other) = (Workspace::new(), Workspace::new());
    workspace
        .change("insert into ucrm.roles (tenant_id, name, label) values ($1, 'clerk', 'Clerk')");
    other.change("insert into ucrm.roles (tenant_id, name) values ($1, 'keeper')");
    let owner = workspace.owner();
    let names = |query: &str| -> Vec<String> {
        let list = owner.get(&format!("{ROLES}?{query}")).data(200);
        let rows = list.as_array().unwrap().iter();
        rows.map(|row| row["name"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(
        names("sort=name"),
        ["admin", "agent", "clerk", "member", "owner", "reader"]
    );
    assert_eq!(names("builtin=is.false"), ["clerk"]);
    assert_eq!(names("permissions=cs.(*:*)"), ["owner"]);
    assert_eq!(names("q=cler"), ["clerk"]);
    assert_eq!(
        owner.get(&one("owner")).data(200)["permissions"],
        json!(["*:*"])
    );
    owner.get(&one("keeper")).refused(404, "not_found");
    workspace
        .client(&workspace.member("agent").key)
        .get(ROLES)
        .refused(403, "permission_denied");
}

#[test]
fn built_in_roles_do_not_change() {
    let workspace = Workspace::new();
    let owner = workspace.owner();
    for name in ["owner", "admin", "agent", "member", "reader"] {
        owner
            .patch(&one(name), &json!({"permissions": ["contacts:read"]}))
            .refused(403, "permission_denied");
        owner
            .patch(&one(name), &json!({"label": "X"}))
            .refused(403, "permission_denied");
        owner.delete(&one(name)).refused(403, "permission_denied");
        owner.post(ROLES, &json!({"name": name})).refused_fields(
            422,
            "validation_failed",
            &["name"],
        );
    }
    assert_eq!(workspace.count("ucrm.roles", "true"), 0);
}

#[test]
fn a_wrong_role_names_the_field_and_leaves_nothing() {
    let workspace = Workspace::new();
    let owner = workspace.owner();
    for (body, field) in [
        (json!({"permissions": []}), "name"),
        (json!({"name": "Front desk"}), "name"),
        (json!({"name": "a".repeat(64)}), "name"),
        (json!({"name": "clerk", "label": 7}), "label"),
        (json!({"name": "clerk", "permissions": {}}), "permissions"),
        (json!({"name": "clerk", "permissions": [1]}), "permissions"),
        (
            json!({"name": "clerk", "permissions": ["contacts:fly"]}),
            "permissions",
        ),
        (
            json!({"name": "clerk", "permissions": ["contacts"]}),
            "permissions",
        ),
        (
            json!({"name": "clerk", "permissions": "nothing:read"}),
            "permissions",
        ),
        (
            json!({"name": "clerk", "permissions": ["contacts:read:all"]}),
            "permissions",
        ),
    ] {
        owner
            .post(ROLES, &body)
            .refused_fields(422, "validation_failed", &[field]);
    }
    owner
        .post(ROLES, &json!({"name": "clerk", "builtin": true}))
        .refused_fields(400, "unknown_field", &["builtin"]);
    assert_eq!(workspace.count("ucrm.roles", "true"), 0);
    owner.post(ROLES, &json!({"name": "clerk"})).is(201);
    owner
        .patch(&one("clerk"), &json!({"name": "other"}))
        .refused_fields(400, "unknown_field", &["name"]);
    owner
        .patch(
            &one("clerk"),
            &json!({"permissions": ["contacts:fly"], "label": "X"}),
        )
        .refused_fields(422, "validation_failed", &["permissions"]);
    assert_eq!(owner.get(&one("clerk")).data(200)["label"], "");
}

/// A workspace with a registrar, who manages members, roles, keys and invitations, and holds contacts besides.
fn with_registrar() -> (Workspace, String) {
    let workspace = Workspace::new();
    workspace.change("insert into ucrm.roles (tenant_id, name) values ($1, 'registrar'), ($1, 'clerk'), ($1, 'much')");
    workspace.change(
        "insert into ucrm.role_permissions (tenant_id, role, resource, action)
         select $1, v.* from (values ('registrar', 'contacts', '*'), ('registrar', 'members', '*'), ('registrar', 'roles', '*'), ('registrar', 'api_keys', '*'),
             ('registrar', 'invitations', '*'), ('clerk', 'contacts', 'read'), ('much', 'organizations', 'read')) as v",
    );
    let key = workspace.member("registrar").key;
    (workspace, key)
}

#[test]
fn nobody_makes_grows_shrinks_or_deletes_what_he_does_not_hold() {
    let (workspace, key) = with_registrar();
    let registrar = workspace.client(&key);
    let beyond = [
        "*:*",
        "entity:read",
        "organizations:read",
        "contacts:read,billing:update",
        "tenant:delete",
    ];
    for permissions in beyond {
        registrar
            .post(ROLES, &json!({"name": "mine", "permissions": permissions}))
            .refused(403, "grant_ceiling");
        for role in ["clerk", "registrar"] {
            registrar
                .patch(&one(role), &json!({"permissions": permissions}))
                .refused(403, "grant_ceiling");
        }
    }
    registrar
        .patch(&one("much"), &json!({"permissions": []}))
        .refused(403, "grant_ceiling");
    registrar.delete(&one("much")).refused(403, "grant_ceiling");
    registrar
        .patch(&one("clerk"), &json!({"permissions": ["contacts:*"]}))
        .is(200);
    assert_eq!(workspace.count("ucrm.roles", "name = 'mine'"), 0);
    let granted: String =
        workspace.value("select ucrm.role_grants($1, 'registrar')", &[&workspace.id]);
    assert!(
        !granted.contains("entity") && !granted.contains("*:*"),
        "{granted}"
    );
    // Whoever is held to a key's scopes makes no role with more.
    let scoped =
        workspace.client(&workspace.key(Some(workspace.owner.id), Some("roles:*,contacts:read")));
    scoped
        .post(
            ROLES,
            &json!({"name": "mine", "permissions": ["contacts:update"]}),
        )
        .refused(403, "grant_ceiling");
    scoped
        .post(
            ROLES,
            &json!({"name": "mine", "permissions": ["contacts:read"]}),
        )
        .is(201);
}

#[test]
fn a_role_that_grows_takes_the_keys_and_members_of_its_holders_along_and_nobody_elses() {
    let (workspace, key) = with_registrar();
    let registrar = workspace.client(&key);
    let member = workspace.member("clerk");
    // What the registrar gave was little; that an owner makes it much does not make the registrar able to give it on.
    workspace
        .owner()
        .patch(&one("clerk"), &json!({"permissions": ["*:*"]}))
        .is(200);
    let target = format!("/api/v1/members/{}", member.id);
    registrar
        .patch(&target, &json!({"role": "registrar"}))
        .refused(403, "grant_ceiling");
    registrar
        .patch(&target, &json!({"disabled": true}))
        .refused(403, "grant_ceiling");
    registrar.delete(&target).refused(403, "grant_ceiling");
    registrar
        .patch(&one("clerk"), &json!({"permissions": []}))
        .refused(403, "grant_ceiling");
    let own: Uuid = workspace.value(
        "select user_id from ucrm.tenant_memberships where tenant_id = $1 and role = 'registrar'",
        &[&workspace.id],
    );
    registrar
        .patch(&format!("/api/v1/members/{own}"), &json!({"role": "clerk"}))
        .refused(403, "grant_ceiling");
    registrar
        .post(
            "/api/v1/api_keys",
            &json!({"name": "k", "scopes": ["organizations:read"]}),
        )
        .refused(403, "grant_ceiling");
    workspace
        .client(&member.key)
        .get("/api/v1/organizations")
        .is(200);
    registrar
        .get("/api/v1/organizations")
        .refused(403, "permission_denied");
}

#[test]
fn a_role_that_is_given_while_it_grows_is_given_by_nobody_who_does_not_hold_it() {
    let (workspace, key) = with_registrar();
    for _ in 0..15 {
        let member = workspace.member("clerk");
        let target = format!("/api/v1/members/{}", member.id);
        workspace
            .owner()
            .patch(&target, &json!({"role": "registrar"}))
            .is(200);
        let (registrar, owner) = (workspace.client(&key), workspace.owner());
        let (given, grown) = thread::scope(|scope| {
            let giving = scope.spawn(|| registrar.patch(&target, &json!({"role": "clerk"})));
            let growing =
                scope.spawn(|| owner.patch(&one("clerk"), &json!({"permissions": ["*:*"]})));
            (giving.join().unwrap(), growing.join().unwrap())
        });
        grown.is(200);
        if given.status != 200 {
            given.refused(403, "grant_ceiling");
        }
        registrar
            .patch(&target, &json!({"role": "clerk"}))
            .refused(403, "grant_ceiling");
        workspace
            .owner()
            .patch(&one("clerk"), &json!({"permissions": ["contacts:read"]}))
            .is(200);
    }
}

#[test]
fn eight_who_make_one_role_at_once_make_it_once() {
    let workspace = Workspace::new();
    let replies: Vec<Reply> = thread::scope(|scope| {
        let running: Vec<_> = (0..8)
            .map(|_| {
                let client = workspace.owner();
                scope.spawn(move || {
                    client.post(
                        ROLES,
                        &json!({"name": "clerk", "permissions": ["contacts:read"]}),
                    )
                })
            })
            .collect();
        running
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    let (made, late): (Vec<_>, Vec<_>) = replies.into_iter().partition(|reply| reply.status == 201);
    assert_eq!((made.len(), late.len()), (1, 7));
    for reply in late {
        reply.refused(409, "duplicate");
    }
    assert_eq!(workspace.count("ucrm.audit_logs", "resource = 'roles'"), 1);
}
