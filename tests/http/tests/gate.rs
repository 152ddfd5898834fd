//! The gates over HTTP: which answers, in which order, and that a DBA's own holds at once.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use serde_json::json;
use ucrm_http_tests::client::Client;
use ucrm_http_tests::own_gate::{OwnGate, posted_while};
use ucrm_http_tests::reply::Reply;
use ucrm_http_tests::stage;
use ucrm_http_tests::workspace::Workspace;
use uuid::Uuid;

const CONTACTS: &str = "/api/v1/contacts";

type Refusal = Option<(u16, &'static str)>;

/// POST, PATCH and DELETE of a contact; what must answer, or success.
#[track_caller]
fn writes(client: &Client, refusals: [Refusal; 3]) {
    let made = client.post(CONTACTS, &json!({"name": "Gate"}));
    let id = match refusals[0] {
        None => made.data(201)["id"].as_str().unwrap().to_owned(),
        Some((status, code)) => {
            made.refused(status, code);
            Uuid::now_v7().to_string()
        }
    };
    let target = format!("{CONTACTS}/{id}");
    let outcome = |reply: Reply, success: u16, refusal: Refusal| match refusal {
        None => drop(reply.is(success)),
        Some((status, code)) => drop(reply.refused(status, code)),
    };
    outcome(
        client.patch(&target, &json!({"stage": "won"})),
        200,
        refusals[1],
    );
    outcome(client.delete(&target), 204, refusals[2]);
}

#[test]
fn every_demo_key_meets_its_gate() {
    let denied = Some((403, "permission_denied"));
    let scoped = Some((403, "key_scope_denied"));
    let matrix: [(&str, Refusal, Refusal); 13] = [
        ("ACME_OWNER_KEY", None, None),
        ("ACME_AGENT_KEY", None, None),
        ("ACME_READER_KEY", None, denied),
        ("ACME_SCOPED_KEY", None, scoped),
        ("ACME_SERVICE_KEY", None, None),
        ("GLOBEX_OWNER_KEY", None, None),
        (
            "PENDING_KEY",
            None,
            Some((403, "workspace_pending_approval")),
        ),
        (
            "REJECTED_KEY",
            Some((403, "workspace_rejected")),
            Some((403, "workspace_rejected")),
        ),
        (
            "SUSPENDED_KEY",
            Some((403, "workspace_suspended")),
            Some((403, "workspace_suspended")),
        ),
        ("EXPIRED_KEY", None, Some((402, "trial_expired"))),
        ("UNVERIFIED_KEY", None, Some((403, "email_unverified"))),
        (
            "DISABLED_KEY",
            Some((403, "member_disabled")),
            Some((403, "member_disabled")),
        ),
        (
            "PLATFORM_ADMIN_KEY",
            Some((403, "not_a_member")),
            Some((403, "not_a_member")),
        ),
    ];
    for (key, read, write) in matrix {
        let client = stage::client(key);
        for target in [
            CONTACTS.to_owned(),
            format!("{CONTACTS}/{}", Uuid::now_v7()),
        ] {
            let reply = client.get(&target);
            match (read, target.as_str()) {
                (Some((status, code)), _) => drop(reply.refused(status, code)),
                (None, CONTACTS) => drop(reply.is(200)),
                (None, _) => drop(reply.refused(404, "not_found")),
            }
        }
        writes(&client, [write, write, write]);
    }
}

#[test]
fn a_pending_or_expired_workspace_reads_on() {
    for key in ["PENDING_KEY", "EXPIRED_KEY"] {
        let list = stage::client(key).get(CONTACTS).is(200).json();
        assert_eq!(list["meta"]["total"], 1, "{key}");
    }
}

#[test]
fn a_scope_is_asked_before_the_role() {
    let workspace = Workspace::new();
    let reader = workspace.member("reader");
    let scoped = workspace.client(&workspace.key(Some(reader.id), Some("contacts:create")));
    // The scope allows it and the role does not.
    writes(
        &scoped,
        [
            Some((403, "permission_denied")),
            Some((403, "key_scope_denied")),
            Some((403, "key_scope_denied")),
        ],
    );
    scoped.get(CONTACTS).refused(403, "key_scope_denied");
    let refused = scoped
        .post(CONTACTS, &json!({"name": "X"}))
        .refused(403, "permission_denied");
    assert_eq!(
        refused["details"],
        json!({"resource": "contacts", "action": "create"})
    );
}

#[test]
fn the_first_gate_that_refuses_answers() {
    let workspace = Workspace::new();
    let member = workspace.member("reader");
    let client = workspace.client(&workspace.key(Some(member.id), Some("organizations:read")));
    workspace.verify(member.id, false);
    workspace.change(
        "update ucrm.tenant_memberships set disabled_at = now() where tenant_id = $1 and role = 'reader'",
    );
    workspace.change(
        "update ucrm.tenants set status = 'suspended', trial_ends_at = now() where id = $1",
    );
    let write = |status: u16, code: &str| {
        client
            .post(CONTACTS, &json!({"name": "X"}))
            .refused(status, code);
    };
    let read = |status: u16, code: &str| {
        client.get(CONTACTS).refused(status, code);
    };

    write(403, "email_unverified");
    read(403, "member_disabled");
    workspace.verify(member.id, true);
    write(403, "member_disabled");
    workspace.change("update ucrm.tenant_memberships set disabled_at = null where tenant_id = $1");
    write(403, "workspace_suspended");
    read(403, "workspace_suspended");
    workspace.change("update ucrm.tenants set status = 'rejected' where id = $1");
    write(403, "workspace_rejected");
    read(403, "workspace_rejected");
    workspace.change("update ucrm.tenants set status = 'pending_approval' where id = $1");
    write(403, "workspace_pending_approval");
    read(403, "key_scope_denied");
    workspace.change("update ucrm.tenants set status = 'approved' where id = $1");
    write(402, "trial_expired");
    workspace.change(
        "update ucrm.tenants set subscribed_until = now() + interval '1 day' where id = $1",
    );
    write(403, "key_scope_denied");
    workspace.change("update ucrm.api_keys set scopes = null where tenant_id = $1");
    write(403, "permission_denied");
    read_allowed(&client);
    workspace.change("update ucrm.tenant_memberships set role = 'agent' where tenant_id = $1 and role = 'reader'");
    client.post(CONTACTS, &json!({"name": "X"})).is(201);
}

fn read_allowed(client: &Client) {
    client.get(CONTACTS).is(200);
}

#[test]
fn who_is_no_member_any_more_is_told_so() {
    let workspace = Workspace::new();
    let member = workspace.member("agent");
    let client = workspace.client(&member.key);
    client.get(CONTACTS).is(200);
    workspace.execute(
        "delete from ucrm.tenant_memberships where tenant_id = $1 and user_id = $2",
        &[&workspace.id, &member.id],
    );
    client.get(CONTACTS).refused(403, "not_a_member");
    client
        .post(CONTACTS, &json!({"name": "X"}))
        .refused(403, "not_a_member");
}

#[test]
fn a_service_is_asked_for_approval_and_trial_but_not_for_an_address() {
    let workspace = Workspace::new();
    workspace.verify(workspace.owner.id, false);
    let service = workspace.client(&workspace.key(None, None));
    writes(&service, [None, None, None]);
    for target in ["/api/v1/audit_logs", "/api/v1/billing/state"] {
        service.get(target).refused(403, "permission_denied");
    }
    let late = Some((402, "trial_expired"));
    workspace.change("update ucrm.tenants set trial_ends_at = now() where id = $1");
    writes(&service, [late, late, late]);
    let shut = Some((403, "workspace_suspended"));
    workspace.change("update ucrm.tenants set status = 'suspended' where id = $1");
    writes(&service, [shut, shut, shut]);
    service.get(CONTACTS).refused(403, "workspace_suspended");
}

#[test]
fn what_is_ungated_stays_open() {
    let workspace = Workspace::new();
    let owner = workspace.owner();
    workspace.verify(workspace.owner.id, false);
    for status in ["pending_approval", "rejected", "suspended", "approved"] {
        workspace.execute(
            "update ucrm.tenants set status = $2, trial_ends_at = now() where id = $1",
            &[&workspace.id, &status],
        );
        for target in [
            "/api/v1/session",
            "/api/v1/billing/state",
            "/api/v1/permissions",
            "/api/v1/why",
        ] {
            let reply = owner.get(target);
            assert_eq!(reply.status, 200, "{status} {target}: {}", reply.text());
        }
    }
}

#[test]
fn a_dbas_own_gate_holds_at_once_and_is_gone_at_once() {
    let (workspace, other) = (Workspace::new(), Workspace::new());
    let owner = workspace.owner();
    owner.post(CONTACTS, &json!({"name": "Before"})).is(201);
    let body = format!(
        "select ucrm.tenant_id() <> '{}' or action = 'delete'",
        workspace.id
    );
    let gate = OwnGate::install(&workspace, "write", 450, &body);
    let refused = owner.post(CONTACTS, &json!({"name": "X"}));
    let shown = refused.refused(451, &gate.code);
    assert_eq!(
        (&shown["title"], &shown["hint"]),
        (&json!("Not today"), &json!("Come back"))
    );
    owner.get(CONTACTS).is(200);
    other
        .owner()
        .post(CONTACTS, &json!({"name": "Other"}))
        .is(201);
    // By its position: after the state of the workspace, before its trial.
    workspace.change("update ucrm.tenants set trial_ends_at = now() where id = $1");
    owner
        .post(CONTACTS, &json!({"name": "X"}))
        .refused(451, &gate.code);
    workspace.change("update ucrm.tenants set status = 'suspended' where id = $1");
    owner
        .post(CONTACTS, &json!({"name": "X"}))
        .refused(403, "workspace_suspended");
    workspace
        .change("update ucrm.tenants set status = 'approved', trial_ends_at = null where id = $1");
    let why = owner
        .get("/api/v1/why?resource=contacts&action=create")
        .data(200);
    let said = why
        .as_array()
        .unwrap()
        .iter()
        .find(|line| line["gate"] == gate.code.as_str())
        .unwrap();
    assert_eq!(
        (&said["verdict"], &said["code"]),
        (&json!("refuse"), &json!(gate.code))
    );
    drop(gate);
    owner.post(CONTACTS, &json!({"name": "After"})).is(201);
}

#[test]
fn a_gate_that_fails_refuses() {
    let workspace = Workspace::new();
    let owner = workspace.owner();
    let body = format!(
        "select ucrm.tenant_id() <> '{}' or 1 / length(left(action, 0)) > 0",
        workspace.id
    );
    let gate = OwnGate::install(&workspace, "always", 50, &body);
    owner.get(CONTACTS).refused(451, &gate.code);
    owner
        .post(CONTACTS, &json!({"name": "X"}))
        .refused(451, &gate.code);
    drop(gate);
    owner.get(CONTACTS).is(200);
}

#[test]
fn a_gate_that_is_taken_away_while_it_is_asked_refuses_nothing() {
    let workspace = Workspace::new();
    let client = workspace.client(&workspace.member("agent").key);
    posted_while(&workspace, &client, false, |gate| {
        workspace.execute("delete from ucrm.gates where name = $1", &[&gate.code]);
    })
    .0
    .is(201);
}

#[test]
fn a_gate_that_says_no_after_waiting_refuses() {
    let workspace = Workspace::new();
    let client = workspace.client(&workspace.member("agent").key);
    let (reply, gate) = posted_while(&workspace, &client, false, |_| ());
    reply.refused(451, &gate.code);
}

#[test]
fn a_change_while_a_gate_is_asked_binds_the_next_request() {
    let workspace = Workspace::new();
    let member = workspace.member("agent");
    let client = workspace.client(&member.key);
    let (reply, gate) = posted_while(&workspace, &client, true, |_| {
        workspace.change("update ucrm.tenant_memberships set role = 'reader' where tenant_id = $1 and role = 'agent'");
    });
    reply.is(201);
    client
        .post(CONTACTS, &json!({"name": "Next"}))
        .refused(403, "permission_denied");
    drop(gate);
}
