//! What platform admins and the internal secret do: provision, approve, suspend, look.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use serde_json::{Value, json};
use ucrm_http_tests::client::Client;
use ucrm_http_tests::database;
use ucrm_http_tests::stage;
use ucrm_http_tests::workspace::Workspace;
use uuid::Uuid;

const PROVISION: &str = "/api/v1/internal/tenants";

fn internal() -> Client {
    stage::nobody().with("x-internal-secret", &stage::name("INTERNAL_SECRET"))
}

fn platform() -> Client {
    stage::client("PLATFORM_ADMIN_KEY")
}

fn slug() -> String {
    format!("t-{}", Uuid::new_v4().simple())
}

fn remove(slug: &str) {
    let mut db = database::admin();
    database::execute(
        &mut db,
        "delete from ucrm.tenants where slug = $1",
        &[&slug],
    );
    database::execute(
        &mut db,
        "delete from ucrm.users where email = $1 || '@tests.example'",
        &[&slug],
    );
}

#[test]
fn a_provisioned_workspace_works_at_once() {
    for (client, alias) in [(internal(), "adminEmail"), (platform(), "admin_email")] {
        let slug = slug();
        let email = format!("{slug}@tests.example");
        let body = json!({"name": "New", "slug": slug, alias: email, "plan": "team"});
        let reply = client.post(PROVISION, &body).is(201);
        let made = reply.json()["data"].take();
        let tenant = &made["tenant"];
        let location = format!(
            "/api/v1/admin/workspaces/{}",
            tenant["id"].as_str().unwrap()
        );
        assert_eq!(reply.header("location"), Some(location.as_str()));
        assert_eq!(
            (&tenant["slug"], &tenant["plan"], &tenant["status"]),
            (&json!(slug), &json!("team"), &json!("pending_approval"))
        );
        assert_eq!(
            (&made["admin"]["email"], &made["admin"]["created"]),
            (&json!(email), &json!(true))
        );
        assert!(
            made["webhook_secret"]
                .as_str()
                .unwrap()
                .starts_with("whsec_")
        );
        let owner = stage::nobody().key(made["api_key"]["secret"].as_str().unwrap());
        let session = owner.get("/api/v1/session").data(200);
        assert_eq!(
            (&session["role"], &session["next"]),
            (&json!("owner"), &json!("/auth/verify-email"))
        );
        assert_eq!(
            owner.get("/api/v1/billing/state").data(200)["state"],
            "pending_approval"
        );
        owner.get("/api/v1/contacts").is(200);
        remove(&slug);
    }
}

#[test]
fn a_taken_slug_is_refused_and_changes_nothing() {
    let workspace = Workspace::new();
    let email = format!("{}@tests.example", slug());
    let body = json!({"name": "Twice", "slug": workspace.slug, "admin_email": email});
    internal().post(PROVISION, &body).refused(409, "slug_taken");
    let people: i64 = workspace.value(
        "select count(*) from ucrm.users where email = $1",
        &[&email],
    );
    assert_eq!(people, 0);
}

#[test]
fn a_known_person_becomes_owner_of_one_more() {
    let workspace = Workspace::new();
    let slug = slug();
    let email = format!("{}@TESTS.example", workspace.slug);
    let body = json!({"name": "Second", "slug": slug, "admin_email": email});
    let made = internal().post(PROVISION, &body).data(201);
    assert_eq!(made["admin"]["created"], false);
    assert_eq!(made["admin"]["id"], json!(workspace.owner.id));
    remove(&slug);
}

#[test]
fn provisioning_names_every_field_that_is_wrong() {
    let client = internal();
    let good = |field: &str, value: Value| {
        let mut body = json!({"name": "N", "slug": slug(), "admin_email": "n@tests.example"});
        body[field] = value;
        body
    };
    for (field, value) in [
        ("slug", json!("Upper")),
        ("slug", json!("-a")),
        ("slug", json!("a".repeat(64))),
        ("slug", json!("")),
        ("slug", json!(7)),
        ("slug", json!(Uuid::now_v7())),
        ("name", json!("")),
        ("name", json!("n".repeat(201))),
        ("name", json!(null)),
        ("admin_email", json!("none")),
        ("admin_email", json!("a b@c")),
        ("plan", json!("Bad plan")),
        ("plan", json!([])),
    ] {
        client.post(PROVISION, &good(field, value)).refused_fields(
            422,
            "validation_failed",
            &[field],
        );
    }
    client
        .post(PROVISION, &good("status", json!("approved")))
        .refused_fields(400, "unknown_field", &["status"]);
    client
        .post(PROVISION, &json!({"slug": "A B", "name": "N"}))
        .refused_fields(422, "validation_failed", &["admin_email", "slug"]);
}

#[test]
fn only_the_allowed_transitions_happen() {
    const STATES: [&str; 4] = ["pending_approval", "approved", "rejected", "suspended"];
    const ALLOWED: [(&str, &str); 5] = [
        ("pending_approval", "approved"),
        ("pending_approval", "rejected"),
        ("approved", "suspended"),
        ("suspended", "approved"),
        ("rejected", "approved"),
    ];
    let workspace = Workspace::new();
    let admin = platform();
    let target = format!("/api/v1/admin/workspaces/{}/approval", workspace.id);
    for from in STATES {
        for to in STATES {
            workspace.execute(
                "update ucrm.tenants set status = $2 where id = $1",
                &[&workspace.id, &from],
            );
            let reply = admin.patch(&target, &json!({"status": to}));
            if to == "pending_approval" {
                reply.refused_fields(422, "validation_failed", &["status"]);
            } else if ALLOWED.contains(&(from, to)) {
                assert_eq!(reply.data(200)["status"], to);
            } else {
                reply.refused(409, "invalid_transition");
                let status: String = workspace.value(
                    "select status from ucrm.tenants where id = $1",
                    &[&workspace.id],
                );
                assert_eq!(status, from);
            }
        }
    }
}

#[test]
fn the_trial_starts_at_the_first_approval_and_the_note_stays_private() {
    let workspace = Workspace::new();
    workspace.change("update ucrm.tenants set status = 'pending_approval' where id = $1");
    let admin = platform();
    let target = format!("/api/v1/admin/workspaces/{}/approval", workspace.slug);
    let note = "looks fine to me";
    let shown = admin
        .patch(&target, &json!({"status": "approved", "note": note}))
        .is(200);
    assert!(!shown.text().contains(note));
    let trial = shown.json()["data"]["trial_ends_at"].clone();
    assert!(trial.is_string());
    let owner = workspace.owner();
    let billing = owner.get("/api/v1/billing/state").data(200);
    assert_eq!(
        (&billing["state"], &billing["days_left"]),
        (&json!("trial"), &json!(14))
    );
    let session = owner.get("/api/v1/session").is(200);
    assert!(!session.text().contains(note));
    assert_eq!(
        session.json()["data"]["notices"],
        json!([{"code": "trial_ends", "days_left": 14}])
    );
    assert!(
        !owner
            .get("/api/v1/audit_logs")
            .is(200)
            .text()
            .contains(note)
    );
    for status in ["suspended", "approved"] {
        let again = admin.patch(&target, &json!({"status": status})).data(200);
        assert_eq!(again["trial_ends_at"], trial);
    }
    let listed = admin
        .get("/api/v1/admin/workspaces?status=approved&limit=100")
        .data(200);
    let own = listed
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["id"] == json!(workspace.id))
        .unwrap();
    assert_eq!(own["status_note"], note);
    let audited: i64 = workspace.value(
        "select count(*) from ucrm.platform_audit_logs where tenant_id = $1 and action like 'tenant.%' and detail ->> 'to' is not null",
        &[&workspace.id],
    );
    assert_eq!(audited, 3);
}

#[test]
fn nobody_decides_about_a_workspace_of_his_own() {
    let workspace = Workspace::new();
    workspace.change("update ucrm.tenants set status = 'pending_approval' where id = $1");
    workspace.change(
        "insert into ucrm.tenant_memberships (tenant_id, user_id, role)
         select $1, user_id, 'reader' from ucrm.platform_admins",
    );
    let target = format!("/api/v1/admin/workspaces/{}/approval", workspace.id);
    platform()
        .patch(&target, &json!({"status": "approved"}))
        .refused(403, "permission_denied");
    assert_eq!(
        workspace.owner().get("/api/v1/billing/state").data(200)["state"],
        "pending_approval"
    );
}

#[test]
fn approval_asks_for_a_workspace_and_a_state() {
    let admin = platform();
    for id in [Uuid::now_v7().to_string(), "no-such".to_owned()] {
        admin
            .patch(
                &format!("/api/v1/admin/workspaces/{id}/approval"),
                &json!({"status": "approved"}),
            )
            .refused(404, "not_found");
    }
    let target = format!(
        "/api/v1/admin/workspaces/{}/approval",
        stage::name("GLOBEX_ID")
    );
    admin
        .patch(&target, &json!({}))
        .refused_fields(422, "validation_failed", &["status"]);
    admin
        .patch(&target, &json!({"status": "approved", "plan": "x"}))
        .refused_fields(400, "unknown_field", &["plan"]);
    admin.get(&target).refused(405, "method_not_allowed");
}

#[test]
fn a_revoked_platform_key_ends_at_once() {
    let mut db = database::admin();
    let key: String = database::value(
        &mut db,
        "select k.secret from ucrm.platform_admins as a, ucrm.issue_platform_key(a.user_id, 'Test') as k limit 1",
        &[],
    );
    let gateway = ucrm_http_tests::gateway::Gateway::behind_proxy();
    let admin = gateway
        .from(&ucrm_http_tests::gateway::fresh_address())
        .key(&key);
    admin.get("/api/v1/admin/workspaces").is(200);
    database::execute(
        &mut db,
        "update ucrm.platform_keys set revoked_at = now() where name = 'Test'",
        &[],
    );
    admin
        .get("/api/v1/admin/workspaces")
        .refused(401, "unauthenticated");
    database::execute(
        &mut db,
        "delete from ucrm.platform_keys where name = 'Test'",
        &[],
    );
}
