//! Workspaces as platform admins see them: found, looked at, decided about once.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::thread;

use serde_json::json;
use ucrm_http_tests::client::Client;
use ucrm_http_tests::stage;
use ucrm_http_tests::workspace::Workspace;
use uuid::Uuid;

fn platform() -> Client {
    stage::client("PLATFORM_ADMIN_KEY")
}

#[test]
fn workspaces_are_found_by_state_words_and_filters() {
    let (first, second) = (Workspace::new(), Workspace::new());
    first.change(
        "update ucrm.tenants set status = 'rejected', name = name || ' ' || slug where id = $1",
    );
    let admin = platform();
    let ids = |query: &str| -> Vec<String> {
        let list = admin
            .get(&format!("/api/v1/admin/workspaces?{query}"))
            .data(200);
        let rows = list.as_array().unwrap().iter();
        rows.map(|row| row["id"].as_str().unwrap().to_owned())
            .collect()
    };
    let (one, other) = (first.id.to_string(), second.id.to_string());
    for query in [
        format!("status=rejected&q={}", first.slug),
        format!("status=eq.rejected&slug=eq.{}", first.slug),
        format!("q={}&status=in.(rejected,suspended)", &first.slug[2..20]),
    ] {
        assert_eq!(ids(&query), [one.as_str()], "{query}");
    }
    let both = format!("or=(id.eq.{one},id.eq.{other})");
    assert_eq!(ids(&both), [other.as_str(), &one], "newest first");
    assert_eq!(
        ids(&format!("{both}&sort=created_at&limit=1&page=2")),
        [other.as_str()]
    );
    let page = admin
        .get(&format!("/api/v1/admin/workspaces?{both}&page=1&limit=1"))
        .is(200)
        .json();
    assert_eq!(page["meta"], json!({"total": 2, "page": 1, "limit": 1}));
    for query in ["status=maybe.so", "digest=eq.x", "limit=1000"] {
        admin
            .get(&format!("/api/v1/admin/workspaces?{query}"))
            .refused(400, "invalid_filter");
    }
}

#[test]
fn a_workspace_is_looked_at_by_id_or_slug() {
    let workspace = Workspace::new();
    workspace.member("agent");
    for name in [workspace.id.to_string(), workspace.slug.clone()] {
        let shown = platform()
            .get(&format!("/api/v1/admin/workspaces/{name}"))
            .data(200);
        assert_eq!(
            (&shown["slug"], &shown["members"], &shown["owners"][0]["id"]),
            (
                &json!(workspace.slug),
                &json!(2),
                &json!(workspace.owner.id)
            )
        );
        assert_eq!(shown["owners"].as_array().unwrap().len(), 1);
        assert!(shown.get("status_note").is_some());
    }
    for name in [Uuid::now_v7().to_string(), "no-such".to_owned()] {
        platform()
            .get(&format!("/api/v1/admin/workspaces/{name}"))
            .refused(404, "not_found");
    }
    workspace
        .owner()
        .get(&format!("/api/v1/admin/workspaces/{}", workspace.id))
        .refused(403, "permission_denied");
}

#[test]
fn eight_who_decide_at_once_decide_once() {
    let workspace = Workspace::new();
    workspace.change("update ucrm.tenants set status = 'pending_approval' where id = $1");
    let target = format!("/api/v1/admin/workspaces/{}/approval", workspace.id);
    let decided: usize = thread::scope(|scope| {
        let running: Vec<_> = (0..8)
            .map(|_| {
                let (admin, target) = (platform(), &target);
                scope.spawn(move || {
                    let reply = admin.patch(target, &json!({"status": "approved"}));
                    if reply.status != 200 {
                        reply.refused(409, "invalid_transition");
                    }
                    usize::from(reply.status == 200)
                })
            })
            .collect();
        running.into_iter().map(|one| one.join().unwrap()).sum()
    });
    assert_eq!(decided, 1);
    let audited: i64 = workspace.value(
        "select count(*) from ucrm.platform_audit_logs where tenant_id = $1 and action = 'tenant.approved'",
        &[&workspace.id],
    );
    assert_eq!(audited, 1);
}
