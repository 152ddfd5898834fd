//! Accepting an invitation: once, by whom it names, and for no more than the inviter holds at that moment.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::thread;

use serde_json::{Value, json};
use ucrm_http_tests::reply::Reply;
use ucrm_http_tests::session;
use ucrm_http_tests::stage;
use ucrm_http_tests::workspace::Workspace;
use uuid::Uuid;

const INVITATIONS: &str = "/api/v1/invitations";
const ACCEPT: &str = "/api/v1/invitations/accept";

fn address() -> String {
    format!("{}@tests.example", Uuid::new_v4().simple())
}

fn one(invitation: &Value) -> String {
    format!("{INVITATIONS}/{}", invitation["id"].as_str().unwrap())
}

#[track_caller]
fn invite(workspace: &Workspace, email: &str, role: &str) -> Value {
    workspace
        .owner()
        .post(INVITATIONS, &json!({"email": email, "role": role}))
        .data(201)
}

#[test]
fn an_invited_person_joins_in_the_role_he_was_given() {
    let workspace = Workspace::new();
    let owner = workspace.owner();
    let email = address();
    let reply = owner
        .post(INVITATIONS, &json!({"email": email, "role": "agent"}))
        .is(201);
    let invitation = reply.json()["data"].take();
    assert_eq!(reply.header("location"), Some(&*one(&invitation)));
    assert_eq!(
        (
            &invitation["email"],
            &invitation["role"],
            &invitation["status"],
            &invitation["invited_by"]
        ),
        (
            &json!(email),
            &json!("agent"),
            &json!("pending"),
            &json!(workspace.owner.id)
        )
    );
    assert!(invitation.get("digest").is_none());
    assert_eq!(owner.get(&one(&invitation)).data(200), invitation);

    // The address in other letters is the same address.
    let person = workspace.person(&email.to_uppercase());
    let newcomer = session::of(&workspace, person, None);
    let token = workspace.token_of(&invitation);
    let joined = newcomer.post(ACCEPT, &json!({"token": token})).data(200);
    assert_eq!(
        joined,
        json!({"tenant": {"id": workspace.id, "slug": workspace.slug, "name": "Workspace of a test"}, "role": "agent"})
    );
    newcomer
        .post(ACCEPT, &json!({"token": token}))
        .refused(400, "invalid_token");
    assert_eq!(owner.get(&one(&invitation)).data(200)["status"], "accepted");
    let member = owner.get(&format!("/api/v1/members/{person}")).data(200);
    assert_eq!(
        (&member["role"], &member["disabled"]),
        (&json!("agent"), &json!(false))
    );
    // His address is proved: he writes.
    session::of(&workspace, person, Some(workspace.id))
        .post("/api/v1/contacts", &json!({"name": "First"}))
        .is(201);
    let found = owner
        .get(&format!(
            "{INVITATIONS}?status=eq.accepted&q={}",
            &email[..8]
        ))
        .data(200);
    assert_eq!(found.as_array().unwrap().len(), 1);
}

#[test]
fn eight_who_use_one_token_at_once_use_it_once() {
    let workspace = Workspace::new();
    for _ in 0..5 {
        let email = address();
        let invitation = invite(&workspace, &email, "agent");
        let token = json!({"token": workspace.token_of(&invitation)});
        let person = workspace.person(&email);
        let newcomer = session::of(&workspace, person, None);
        let replies: Vec<Reply> = thread::scope(|scope| {
            let running: Vec<_> = (0..8)
                .map(|_| {
                    let (client, token) = (newcomer.again(), &token);
                    scope.spawn(move || client.post(ACCEPT, token))
                })
                .collect();
            running
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .collect()
        });
        let (first, late): (Vec<_>, Vec<_>) =
            replies.into_iter().partition(|reply| reply.status == 200);
        assert_eq!((first.len(), late.len()), (1, 7), "{late:?}");
        for reply in late {
            reply.refused(400, "invalid_token");
        }
        let mine = format!("user_id = '{person}'");
        assert_eq!(workspace.count("ucrm.tenant_memberships", &mine), 1);
        assert_eq!(
            workspace.count("ucrm.audit_logs", &format!("{mine} and action = 'create'")),
            1
        );
    }
}

#[test]
fn whatever_is_wrong_with_a_token_the_reply_is_the_same() {
    let workspace = Workspace::new();
    let email = address();
    let newcomer = session::of(&workspace, workspace.person(&email), None);
    let other = workspace.person(&address());
    let theirs = invite(&workspace, &address(), "agent");
    let replaced = invite(&workspace, &email, "agent");
    let old = workspace.token_of(&replaced);
    workspace.token_of(&replaced);
    let mut tokens = vec![
        old,
        workspace.token_of(&theirs),
        "ucrm_invitation_nobody".to_owned(),
        format!("sha256:{}", "0".repeat(64)),
    ];
    let resent = workspace.token_of(&replaced);
    workspace
        .owner()
        .send("POST", &format!("{}/resend", one(&replaced)), &[], None)
        .is(200);
    tokens.push(resent);
    tokens.push(workspace.token_of(&replaced));
    workspace
        .change("update ucrm.invitations set expires_at = clock_timestamp() where tenant_id = $1");
    let mut bodies: Vec<Value> = Vec::new();
    for token in &tokens {
        let reply = newcomer.post(ACCEPT, &json!({"token": token}));
        reply.refused(400, "invalid_token");
        bodies.push(reply.anonymous());
    }
    // Cancelled, asked by its own person and by another.
    workspace.change("update ucrm.invitations set expires_at = clock_timestamp() + interval '1 day' where tenant_id = $1");
    let token = workspace.token_of(&replaced);
    let stranger = session::of(&workspace, other, None).post(ACCEPT, &json!({"token": token}));
    workspace.owner().delete(&one(&replaced)).is(204);
    for reply in [stranger, newcomer.post(ACCEPT, &json!({"token": token}))] {
        reply.refused(400, "invalid_token");
        bodies.push(reply.anonymous());
    }
    bodies.dedup();
    assert_eq!(bodies.len(), 1, "{bodies:?}");
    newcomer
        .post(ACCEPT, &json!({}))
        .refused_fields(422, "validation_failed", &["token"]);
    assert_eq!(workspace.count("ucrm.tenant_memberships", "true"), 1);
}

#[test]
fn a_person_accepts_and_no_key_does() {
    let workspace = Workspace::new();
    let invitation = invite(&workspace, &address(), "agent");
    let token = json!({"token": workspace.token_of(&invitation)});
    for key in [workspace.owner.key.clone(), workspace.key(None, None)] {
        workspace
            .client(&key)
            .post(ACCEPT, &token)
            .refused(403, "permission_denied");
    }
    stage::client("PLATFORM_ADMIN_KEY")
        .post(ACCEPT, &token)
        .refused(403, "permission_denied");
    workspace
        .owner()
        .get(ACCEPT)
        .refused(405, "method_not_allowed");
}

#[test]
fn a_role_that_grew_after_the_invitation_is_not_given() {
    let workspace = Workspace::new();
    workspace.change("insert into ucrm.roles (tenant_id, name) values ($1, 'clerk')");
    let admin = workspace.member("admin");
    let email = address();
    let invitation = workspace
        .client(&admin.key)
        .post(INVITATIONS, &json!({"email": email, "role": "clerk"}))
        .data(201);
    let newcomer = session::of(&workspace, workspace.person(&email), None);
    let token = json!({"token": workspace.token_of(&invitation)});
    let role = "/api/v1/roles/clerk";
    workspace
        .owner()
        .patch(role, &json!({"permissions": ["*:*"]}))
        .is(200);
    newcomer.post(ACCEPT, &token).refused(403, "grant_ceiling");
    assert_eq!(
        workspace.count("ucrm.tenant_memberships", "role = 'clerk'"),
        0
    );
    // Nor is it sent again by whoever does not hold it now.
    let resend = format!("{}/resend", one(&invitation));
    workspace
        .client(&admin.key)
        .send("POST", &resend, &[], None)
        .refused(403, "grant_ceiling");
    workspace
        .owner()
        .patch(role, &json!({"permissions": ["contacts:read"]}))
        .is(200);
    newcomer.post(ACCEPT, &token).is(200);
}

#[test]
fn an_inviter_who_has_lost_his_role_gives_nothing() {
    let workspace = Workspace::new();
    for (change, mended) in [
        (json!({"role": "agent"}), json!({"role": "admin"})),
        (json!({"disabled": true}), json!({"disabled": false})),
    ] {
        let admin = workspace.member("admin");
        let email = address();
        let invitation = workspace
            .client(&admin.key)
            .post(INVITATIONS, &json!({"email": email, "role": "agent"}))
            .data(201);
        let newcomer = session::of(&workspace, workspace.person(&email), None);
        let token = json!({"token": workspace.token_of(&invitation)});
        let member = format!("/api/v1/members/{}", admin.id);
        workspace.owner().patch(&member, &change).is(200);
        newcomer.post(ACCEPT, &token).refused(403, "grant_ceiling");
        workspace.owner().patch(&member, &mended).is(200);
        newcomer.post(ACCEPT, &token).is(200);
    }
}

#[test]
fn an_invitation_accepted_while_its_inviter_is_demoted_is_one_or_the_other() {
    let workspace = Workspace::new();
    for _ in 0..20 {
        let admin = workspace.member("admin");
        let email = address();
        let invitation = workspace
            .client(&admin.key)
            .post(INVITATIONS, &json!({"email": email, "role": "agent"}))
            .data(201);
        let person = workspace.person(&email);
        let newcomer = session::of(&workspace, person, None);
        let token = json!({"token": workspace.token_of(&invitation)});
        let (owner, member) = (workspace.owner(), format!("/api/v1/members/{}", admin.id));
        let (accepted, demoted, removed) = thread::scope(|scope| {
            let accepting = scope.spawn(|| newcomer.post(ACCEPT, &token));
            let demoting = scope.spawn(|| owner.patch(&member, &json!({"role": "reader"})));
            let again = owner.again();
            let (accepted, demoted) = (accepting.join().unwrap(), demoting.join().unwrap());
            (accepted, demoted, again.delete(&member))
        });
        demoted.is(200);
        removed.is(204);
        let joined = workspace.count("ucrm.tenant_memberships", &format!("user_id = '{person}'"));
        let used = workspace.count("ucrm.invitations", &format!("accepted_by = '{person}'"));
        match accepted.status {
            200 => assert_eq!((joined, used), (1, 1)),
            _ => {
                accepted.refused(403, "grant_ceiling");
                assert_eq!((joined, used), (0, 0));
            }
        }
        // The inviter is gone: from here on it is refused for certain.
        if joined == 0 {
            newcomer.post(ACCEPT, &token).refused(403, "grant_ceiling");
        }
    }
}

#[test]
fn an_invitation_cancelled_while_it_is_accepted_is_one_or_the_other() {
    let workspace = Workspace::new();
    for _ in 0..20 {
        let email = address();
        let invitation = invite(&workspace, &email, "agent");
        let person = workspace.person(&email);
        let newcomer = session::of(&workspace, person, None);
        let token = json!({"token": workspace.token_of(&invitation)});
        let owner = workspace.owner();
        let (accepted, cancelled) = thread::scope(|scope| {
            let accepting = scope.spawn(|| newcomer.post(ACCEPT, &token));
            let cancelling = scope.spawn(|| owner.delete(&one(&invitation)));
            (accepting.join().unwrap(), cancelling.join().unwrap())
        });
        let joined = workspace.count("ucrm.tenant_memberships", &format!("user_id = '{person}'"));
        match accepted.status {
            200 => {
                cancelled.refused(409, "invitation_closed");
                assert_eq!(joined, 1);
            }
            _ => {
                accepted.refused(400, "invalid_token");
                cancelled.is(204);
                assert_eq!(joined, 0);
            }
        }
    }
}

#[test]
fn a_disabled_member_is_not_enabled_by_an_invitation() {
    let workspace = Workspace::new();
    let email = address();
    let invitation = invite(&workspace, &email, "admin");
    let person = workspace.person(&email);
    workspace.execute(
        "insert into ucrm.tenant_memberships (tenant_id, user_id, role, disabled_at) values ($1, $2, 'reader', now())",
        &[&workspace.id, &person],
    );
    session::of(&workspace, person, None)
        .post(ACCEPT, &json!({"token": workspace.token_of(&invitation)}))
        .refused(403, "member_disabled");
    assert_eq!(
        workspace.count(
            "ucrm.tenant_memberships",
            "role = 'reader' and disabled_at is not null"
        ),
        1
    );
}
