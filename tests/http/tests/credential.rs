//! Credentials: one at a time, judged by the database, and every change binding the next request.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;

use serde_json::{Value, json};
use ucrm_http_tests::client::Client;
use ucrm_http_tests::gateway::{Gateway, fresh_address};
use ucrm_http_tests::reply::Reply;
use ucrm_http_tests::stage;
use ucrm_http_tests::workspace::Workspace;
use uuid::Uuid;

const CONTACTS: &str = "/api/v1/contacts";

#[test]
fn two_credentials_are_one_too_many() {
    let key = stage::name("ACME_OWNER_KEY");
    let bearer = format!("Bearer {key}");
    let secret = stage::name("INTERNAL_SECRET");
    let nobody = stage::nobody();
    for headers in [
        [("x-api-key", &*key), ("authorization", &*bearer)],
        [("x-api-key", &key), ("x-internal-secret", &secret)],
        [("authorization", &bearer), ("x-internal-secret", &secret)],
        [("x-api-key", &key), ("apikey", &key)],
        [("x-api-key", &key), ("x-api-key", &key)],
        [("authorization", &bearer), ("authorization", &bearer)],
        [("apikey", &key), ("authorization", "Bearer another")],
    ] {
        let reply = nobody.send("GET", CONTACTS, &headers, None);
        reply.refused(400, "ambiguous_credential");
    }
}

#[test]
fn a_key_has_three_spellings() {
    let workspace = Workspace::new();
    let key = &workspace.owner.key;
    let nobody = stage::nobody();
    let bearer = format!("Bearer {key}");
    for headers in [
        vec![("X-API-KEY", &**key)],
        vec![("apikey", key)],
        vec![("authorization", &bearer)],
        // What supabase's clients send.
        vec![("apikey", key), ("authorization", &bearer)],
    ] {
        nobody.send("GET", CONTACTS, &headers, None).is(200);
    }
}

#[test]
fn whatever_is_wrong_with_a_key_the_reply_is_the_same() {
    let workspace = Workspace::new();
    let gateway = Gateway::behind_proxy();
    let address = fresh_address();
    let revoked = workspace.key(Some(workspace.owner.id), None);
    workspace.change(
        "update ucrm.api_keys set revoked_at = now() where tenant_id = $1 and name = 'Test'",
    );
    let expired = workspace.key(Some(workspace.owner.id), None);
    workspace.change(
        "update ucrm.api_keys set expires_at = now() where tenant_id = $1 and name = 'Test' and revoked_at is null",
    );
    let good = &workspace.owner.key;
    let other = if good.ends_with('A') { 'E' } else { 'A' };
    let unknown = format!("{}{other}", &good[..good.len() - 1]);
    let mut keys = vec![
        revoked,
        expired,
        unknown,
        "none".into(),
        "ucrm_live_".into(),
        "x".repeat(8_000),
        good.to_uppercase(),
    ];
    keys.push(good[..good.len() - 1].to_owned());
    let mut replies: Vec<Reply> = keys
        .iter()
        .map(|key| gateway.from(&address).key(key).get(CONTACTS))
        .collect();
    replies.push(gateway.from(&address).get(CONTACTS));
    for authorization in ["Bearer a.b.c", "Bearer", "Basic dTpw", "bearer ucrm_live_x"] {
        replies.push(
            gateway
                .from(&address)
                .with("authorization", authorization)
                .get(CONTACTS),
        );
    }
    for target in [
        "/api/v1/nothing",
        "/",
        "/api/v1/contacts/1/2",
        "/api/v1/admin/workspaces",
    ] {
        replies.push(gateway.from(&address).key("wrong").get(target));
    }
    let shape = |reply: &Reply| {
        reply.refused(401, "unauthenticated");
        let names: Vec<String> = reply.headers.iter().map(|(name, _)| name.clone()).collect();
        (
            reply.anonymous(),
            names,
            reply.header("www-authenticate").map(str::to_owned),
        )
    };
    for reply in &replies {
        assert_eq!(shape(reply), shape(&replies[0]));
    }
    assert!(replies[0].header("www-authenticate").is_some());
}

#[test]
fn a_secret_in_the_url_is_not_read() {
    let gateway = Gateway::behind_proxy();
    let key = stage::name("ACME_OWNER_KEY");
    for query in [
        "x-api-key",
        "apikey",
        "api_key",
        "access_token",
        "key",
        "token",
    ] {
        let target = format!("{CONTACTS}?{query}={key}");
        gateway
            .from(&fresh_address())
            .get(&target)
            .refused(401, "unauthenticated");
    }
    let cookie = format!("ucrm_session={key}; x-api-key={key}");
    gateway
        .from(&fresh_address())
        .with("cookie", &cookie)
        .get(CONTACTS)
        .refused(401, "unauthenticated");
}

/// What a change in SQL does to the next request on a connection that stays open.
#[track_caller]
fn binds(workspace: &Workspace, client: &Client, sql: &str, refusal: Option<(u16, &str)>) {
    client.get(CONTACTS).is(200);
    workspace.change(sql);
    let reply = client.post(CONTACTS, &json!({"name": "Next"}));
    match refusal {
        None => drop(reply.is(201)),
        Some((status, code)) => drop(reply.refused(status, code)),
    }
}

#[test]
fn a_change_of_the_key_binds_the_next_request() {
    let workspace = Workspace::new();
    let gateway = Gateway::behind_proxy();
    let client = gateway
        .from(&fresh_address())
        .key(&workspace.key(Some(workspace.owner.id), None));
    let key = "update ucrm.api_keys set {} where tenant_id = $1 and name = 'Test'";
    let set = |what: &str| key.replace("{}", what);
    binds(
        &workspace,
        &client,
        &set("scopes = 'contacts:read'"),
        Some((403, "key_scope_denied")),
    );
    binds(&workspace, &client, &set("scopes = null"), None);
    binds(
        &workspace,
        &client,
        &set("read_only = true"),
        Some((403, "key_scope_denied")),
    );
    binds(&workspace, &client, &set("read_only = false"), None);
    binds(
        &workspace,
        &client,
        &set("revoked_at = now()"),
        Some((401, "unauthenticated")),
    );
    workspace.change(&set("revoked_at = null"));
    binds(
        &workspace,
        &client,
        &set("expires_at = now()"),
        Some((401, "unauthenticated")),
    );
    workspace.change(&set("expires_at = null"));
    binds(
        &workspace,
        &client,
        "delete from ucrm.api_keys where tenant_id = $1 and name = 'Test'",
        Some((401, "unauthenticated")),
    );
}

#[test]
fn a_change_of_role_membership_person_or_workspace_binds_the_next_request() {
    let workspace = Workspace::new();
    let member = workspace.member("agent");
    let client = workspace.client(&member.key);
    let membership = |what: &str| {
        format!(
            "update ucrm.tenant_memberships set {what} where tenant_id = $1 and user_id = '{}'",
            member.id
        )
    };
    let tenant = |what: &str| format!("update ucrm.tenants set {what} where id = $1");
    binds(
        &workspace,
        &client,
        &membership("role = 'reader'"),
        Some((403, "permission_denied")),
    );
    binds(&workspace, &client, &membership("role = 'admin'"), None);
    binds(
        &workspace,
        &client,
        &membership("disabled_at = now()"),
        Some((403, "member_disabled")),
    );
    workspace.change(&membership("disabled_at = null"));
    binds(
        &workspace,
        &client,
        &tenant("status = 'suspended'"),
        Some((403, "workspace_suspended")),
    );
    workspace.change(&tenant("status = 'approved'"));
    binds(
        &workspace,
        &client,
        &tenant("trial_ends_at = now()"),
        Some((402, "trial_expired")),
    );
    binds(&workspace, &client, &tenant("trial_ends_at = null"), None);
    client.get(CONTACTS).is(200);
    workspace.verify(member.id, false);
    client
        .post(CONTACTS, &json!({"name": "X"}))
        .refused(403, "email_unverified");
    workspace.verify(member.id, true);

    workspace.change("insert into ucrm.roles (tenant_id, name) values ($1, 'own')");
    let grant = "insert into ucrm.role_permissions (tenant_id, role, resource, action) values ($1, 'own', 'contacts', ";
    workspace.change(&format!("{grant} 'read')"));
    binds(
        &workspace,
        &client,
        &membership("role = 'own'"),
        Some((403, "permission_denied")),
    );
    binds(&workspace, &client, &format!("{grant} 'create')"), None);
    binds(
        &workspace,
        &client,
        "delete from ucrm.role_permissions where tenant_id = $1 and role = 'own' and action = 'create'",
        Some((403, "permission_denied")),
    );
}

#[test]
fn a_rolled_back_change_binds_nothing() {
    let workspace = Workspace::new();
    let client = workspace.owner();
    client.get(CONTACTS).is(200);
    workspace.execute("begin", &[]);
    workspace.change("update ucrm.api_keys set revoked_at = now() where tenant_id = $1");
    client.get(CONTACTS).is(200);
    workspace.execute("rollback", &[]);
    client.get(CONTACTS).is(200);
}

#[test]
fn a_rotated_key_ends_and_its_successor_works() {
    let workspace = Workspace::new();
    let gateway = Gateway::behind_proxy();
    let old = workspace.key(Some(workspace.owner.id), Some("contacts:*"));
    let old_client = gateway.from(&fresh_address()).key(&old);
    old_client.get(CONTACTS).is(200);
    workspace.execute("begin", &[]);
    workspace.execute(
        "select ucrm.enter($1, $2)",
        &[&workspace.id, &workspace.owner.id],
    );
    let new: String = workspace.value(
        "select r.secret from ucrm.api_keys as k, ucrm.rotate_api_key(k.id) as r where k.tenant_id = $1 and k.name = 'Test'",
        &[&workspace.id],
    );
    workspace.execute("commit", &[]);
    old_client.get(CONTACTS).refused(401, "unauthenticated");
    let new_client = workspace.client(&new);
    new_client.get(CONTACTS).is(200);
    new_client
        .get("/api/v1/organizations")
        .refused(403, "key_scope_denied");
}

#[test]
fn the_internal_secret_opens_internal_routes_only() {
    let internal = stage::nobody().with("x-internal-secret", &stage::name("INTERNAL_SECRET"));
    for target in [CONTACTS, "/api/v1/session", "/api/v1/audit_logs"] {
        internal.get(target).refused(403, "not_a_member");
    }
    internal
        .get("/api/v1/admin/workspaces")
        .refused(403, "permission_denied");
    let named = internal.with("x-tenant-id", &stage::name("ACME_ID"));
    named.get(CONTACTS).refused(403, "not_a_member");
    internal
        .post("/api/v1/internal/tenants", &json!({}))
        .refused(422, "validation_failed");
}

#[test]
fn a_workspaces_key_opens_no_platform_route() {
    let workspace = Workspace::new();
    let owner = workspace.owner();
    let target = format!("/api/v1/admin/workspaces/{}/approval", workspace.id);
    owner
        .patch(&target, &json!({"status": "suspended"}))
        .refused(403, "permission_denied");
    owner
        .get("/api/v1/admin/workspaces")
        .refused(403, "permission_denied");
    owner
        .delete(&format!("/api/v1/admin/workspaces/{}", workspace.id))
        .refused(403, "permission_denied");
    let provision = json!({"name": "X", "slug": format!("t-{}", Uuid::new_v4().simple()), "admin_email": "x@tests.example"});
    owner
        .post("/api/v1/internal/tenants", &provision)
        .refused(403, "permission_denied");
    owner.get(CONTACTS).is(200);
}

#[test]
fn no_reply_shows_a_secret_or_a_digest() {
    let workspace = Workspace::new();
    let owner = workspace.owner();
    workspace.contact("Quiet");
    let secret = workspace.owner.secret();
    for target in [
        "/api/v1/session",
        "/api/v1/audit_logs",
        CONTACTS,
        "/api/v1/permissions",
    ] {
        let text = owner.get(target).is(200).text().to_owned();
        assert!(
            !text.contains(secret) && !text.contains("digest"),
            "{target}"
        );
    }
    let session: Value = owner.get("/api/v1/session").data(200);
    assert_eq!(
        session["member"]["api_key_prefix"],
        workspace.owner.key[..18]
    );
}

#[test]
fn changes_under_way_break_no_request() {
    let workspace = Workspace::new();
    let member = workspace.member("agent");
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..4 {
            let (client, done) = (workspace.client(&member.key), &done);
            scope.spawn(move || {
                for _ in 0..2_000 {
                    if done.load(Relaxed) {
                        break;
                    }
                    client.get(CONTACTS).is(200);
                    client.post(CONTACTS, &json!({"name": "Churn"})).is(201);
                }
            });
        }
        for n in 0..300 {
            let role = ["admin", "agent"][n % 2];
            workspace.execute(
                "update ucrm.tenant_memberships set role = $3 where tenant_id = $1 and user_id = $2",
                &[&workspace.id, &member.id, &role],
            );
        }
        done.store(true, Relaxed);
    });
}
