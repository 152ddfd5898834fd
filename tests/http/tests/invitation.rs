//! Invitations: sent to an address, within what the inviter holds and as many as the plan says; sent again, cancelled.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::thread;

use serde_json::{Value, json};
use ucrm_http_tests::reply::Reply;
use ucrm_http_tests::workspace::Workspace;
use ucrm_http_tests::{database, session};
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
fn eight_who_invite_one_address_at_once_invite_it_once() {
    let workspace = Workspace::new();
    let email = address();
    let replies: Vec<Reply> = thread::scope(|scope| {
        let running: Vec<_> = (0..8)
            .map(|n| {
                let client = workspace.owner();
                // Each spells it in his own way.
                let spelt = if n % 2 == 0 {
                    email.clone()
                } else {
                    email.to_uppercase()
                };
                scope.spawn(move || {
                    client.post(INVITATIONS, &json!({"email": spelt, "role": "agent"}))
                })
            })
            .collect();
        running
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    let (sent, late): (Vec<_>, Vec<_>) = replies.into_iter().partition(|reply| reply.status == 201);
    assert_eq!((sent.len(), late.len()), (1, 7));
    for reply in late {
        reply.refused(409, "duplicate");
    }
    assert_eq!(workspace.count("ucrm.invitations", "true"), 1);
}

#[test]
fn an_invitation_tells_nothing_of_whether_the_address_has_an_account() {
    let workspace = Workspace::new();
    let (known, unknown) = (address(), address());
    workspace.person(&known);
    let shape = |email: &str| {
        let reply = workspace
            .owner()
            .post(INVITATIONS, &json!({"email": email, "role": "reader"}))
            .is(201);
        let headers: Vec<String> = reply.headers.iter().map(|(name, _)| name.clone()).collect();
        let mut body = reply.json()["data"].take();
        for field in ["id", "email", "created_at", "expires_at"] {
            assert!(body.as_object_mut().unwrap().remove(field).is_some());
        }
        (headers, body)
    };
    assert_eq!(shape(&known), shape(&unknown));
}

#[test]
fn an_invitation_is_sent_again_cancelled_and_then_closed() {
    let workspace = Workspace::new();
    let owner = workspace.owner();
    let email = address();
    let invitation = invite(&workspace, &email, "reader");
    let resend = format!("{}/resend", one(&invitation));
    workspace
        .change("update ucrm.invitations set expires_at = clock_timestamp() where tenant_id = $1");
    assert_eq!(owner.get(&one(&invitation)).data(200)["status"], "expired");
    assert_eq!(
        owner.send("POST", &resend, &[], None).data(200)["status"],
        "pending"
    );
    owner
        .post(
            INVITATIONS,
            &json!({"email": email.to_uppercase(), "role": "agent"}),
        )
        .refused(409, "duplicate");
    owner.delete(&one(&invitation)).is(204);
    owner.delete(&one(&invitation)).refused(404, "not_found");
    owner
        .send("POST", &resend, &[], None)
        .refused(409, "invitation_closed");
    assert_eq!(
        owner.get(&one(&invitation)).data(200)["status"],
        "cancelled"
    );

    let accepted = invite(&workspace, &email, "reader");
    let person = workspace.person(&email);
    session::of(&workspace, person, None)
        .post(ACCEPT, &json!({"token": workspace.token_of(&accepted)}))
        .is(200);
    owner
        .delete(&one(&accepted))
        .refused(409, "invitation_closed");
    owner
        .send("POST", &format!("{}/resend", one(&accepted)), &[], None)
        .refused(409, "invitation_closed");
    owner
        .post(INVITATIONS, &json!({"email": email, "role": "agent"}))
        .refused(409, "duplicate");
    for id in [Uuid::now_v7().to_string(), "none".to_owned()] {
        owner
            .get(&format!("{INVITATIONS}/{id}"))
            .refused(404, "not_found");
        owner
            .delete(&format!("{INVITATIONS}/{id}"))
            .refused(404, "not_found");
        owner
            .send("POST", &format!("{INVITATIONS}/{id}/resend"), &[], None)
            .refused(404, "not_found");
    }
}

#[test]
fn a_wrong_invitation_names_the_field() {
    let workspace = Workspace::new();
    let owner = workspace.owner();
    for (body, fields) in [
        (json!({}), &["email", "role"][..]),
        (json!({"email": "none", "role": "agent"}), &["email"]),
        (
            json!({"email": "a b@c.example", "role": "agent"}),
            &["email"],
        ),
        (json!({"email": 7, "role": "agent"}), &["email"]),
        (
            json!({"email": "x@tests.example", "role": "king"}),
            &["role"],
        ),
        (json!({"email": "x@tests.example", "role": ""}), &["role"]),
    ] {
        owner
            .post(INVITATIONS, &body)
            .refused_fields(422, "validation_failed", fields);
    }
    owner
        .post(
            INVITATIONS,
            &json!({"email": "x@mailinator.com", "role": "agent"}),
        )
        .refused(400, "disposable_email");
    owner
        .post(
            INVITATIONS,
            &json!({"email": "x@tests.example", "role": "agent", "name": "X"}),
        )
        .refused_fields(400, "unknown_field", &["name"]);
    assert_eq!(workspace.count("ucrm.invitations", "true"), 0);
}

#[test]
fn nobody_invites_to_what_he_does_not_hold() {
    let workspace = Workspace::new();
    workspace
        .change("insert into ucrm.roles (tenant_id, name) values ($1, 'registrar'), ($1, 'clerk')");
    workspace.change(
        "insert into ucrm.role_permissions (tenant_id, role, resource, action)
         values ($1, 'registrar', 'invitations', '*'), ($1, 'registrar', 'contacts', 'read'), ($1, 'clerk', 'contacts', 'read')",
    );
    let admin = workspace.client(&workspace.member("admin").key);
    let registrar = workspace.member("registrar");
    let scoped = workspace.client(&workspace.key(
        Some(workspace.owner.id),
        Some("invitations:*,contacts:read"),
    ));
    let service = workspace.client(&workspace.key(None, Some("invitations:*,contacts:read")));
    for (client, role, given) in [
        (&admin, "owner", false),
        (&admin, "admin", true),
        (&workspace.client(&registrar.key), "agent", false),
        (&workspace.client(&registrar.key), "clerk", true),
        (&scoped, "owner", false),
        (&scoped, "reader", false),
        (&scoped, "clerk", true),
        (&service, "agent", false),
        (&service, "clerk", true),
    ] {
        let reply = client.post(INVITATIONS, &json!({"email": address(), "role": role}));
        if given {
            reply.is(201);
        } else {
            reply.refused(403, "grant_ceiling");
        }
    }
    let agent = workspace.client(&workspace.member("agent").key);
    agent
        .post(INVITATIONS, &json!({"email": address(), "role": "reader"}))
        .refused(403, "permission_denied");
    assert_eq!(workspace.count("ucrm.invitations", "true"), 4);
}

/// A plan on which a limit is this low, until it is dropped.
struct Plan(String);

impl Plan {
    fn new(limit: &str, hits: i32) -> Plan {
        let plan = format!("p{}", &Uuid::new_v4().simple().to_string()[..20]);
        let mut db = database::admin();
        database::execute(
            &mut db,
            "insert into ucrm.rate_limits (name, plan, hits, seconds)
             select name, $2, case name when $1 then $3::integer else 2000000000 end, case name when $1 then 86400 else 60 end
             from unnest(array[$1, 'api_key', 'user', 'tenant']) as name",
            &[&limit, &plan, &hits],
        );
        Plan(plan)
    }
}

impl Drop for Plan {
    fn drop(&mut self) {
        let mut db = database::admin();
        database::execute(
            &mut db,
            "delete from ucrm.rate_limits where plan = $1",
            &[&self.0],
        );
    }
}

#[track_caller]
fn limited(reply: &Reply, within: std::ops::RangeInclusive<u64>) {
    reply.refused(429, "rate_limited");
    let wait: u64 = reply.header("retry-after").unwrap().parse().unwrap();
    assert!(within.contains(&wait), "{wait}");
}

#[test]
fn a_workspace_invites_as_many_as_its_plan_says_however_many_come() {
    let plan = Plan::new("invite", 5);
    let workspace = Workspace::on(&plan.0);
    let replies: Vec<Reply> = thread::scope(|scope| {
        let running: Vec<_> = (0..8)
            .map(|_| {
                let client = workspace.owner();
                scope.spawn(move || {
                    [(); 2].map(|()| {
                        client.post(INVITATIONS, &json!({"email": address(), "role": "reader"}))
                    })
                })
            })
            .collect();
        running
            .into_iter()
            .flat_map(|thread| thread.join().unwrap())
            .collect()
    });
    assert_eq!(
        replies.iter().filter(|reply| reply.status == 201).count(),
        5
    );
    for reply in replies.iter().filter(|reply| reply.status != 201) {
        limited(reply, 86_390..=86_400);
    }
    assert_eq!(workspace.count("ucrm.invitations", "true"), 5);
    // A refused one counts nothing; the oldest that counts decides.
    workspace.change(
        "update ucrm.row_windows set hits = array(select h - interval '86395 seconds' from unnest(hits) as h) where name = 'invite' and key = $1::uuid::text",
    );
    limited(
        &workspace
            .owner()
            .post(INVITATIONS, &json!({"email": address(), "role": "reader"})),
        1..=5,
    );
    workspace.change("update ucrm.row_windows set hits = array(select h - interval '5 seconds' from unnest(hits) as h) where name = 'invite' and key = $1::uuid::text");
    invite(&workspace, &address(), "reader");
}

#[test]
fn an_invitation_is_sent_again_as_often_as_the_plan_says() {
    let plan = Plan::new("invitation_resend", 2);
    let workspace = Workspace::on(&plan.0);
    let (first, second) = (
        invite(&workspace, &address(), "reader"),
        invite(&workspace, &address(), "reader"),
    );
    let resend = |invitation: &Value| {
        workspace
            .owner()
            .send("POST", &format!("{}/resend", one(invitation)), &[], None)
    };
    resend(&first).is(200);
    resend(&first).is(200);
    limited(&resend(&first), 86_390..=86_400);
    resend(&second).is(200);
}
