//! One workspace out, away and back, over HTTP: exported as NDJSON, erased, restored, and the same again.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use serde_json::{Value, json};
use ucrm_http_tests::client::Client;
use ucrm_http_tests::reply::Reply;
use ucrm_http_tests::stage;
use ucrm_http_tests::wait::until;
use ucrm_http_tests::workspace::Workspace;
use uuid::Uuid;

const RESTORE: &str = "/api/v1/admin/workspaces/restore";

fn platform() -> Client {
    stage::client("PLATFORM_ADMIN_KEY")
}

fn workspace_path(workspace: &Workspace) -> String {
    format!("/api/v1/admin/workspaces/{}", workspace.id)
}

fn export(workspace: &Workspace) -> Reply {
    platform()
        .get(&format!("{}/export", workspace_path(workspace)))
        .is(200)
}

/// The gateway restores one at a time and asks the others to come again.
fn restore_as(client: &Client, lines: &[u8]) -> Reply {
    let kind = [("content-type", "application/x-ndjson")];
    until("no other restore is under way", || {
        let reply = client.send("POST", RESTORE, &kind, Some(lines));
        (reply.status != 503).then_some(reply)
    })
}

fn restore(lines: &[u8]) -> Reply {
    restore_as(&platform(), lines)
}

/// A workspace with a bit of everything.
fn furnished() -> Workspace {
    let workspace = Workspace::new();
    let owner = workspace.owner();
    let organization = owner
        .post("/api/v1/organizations", &json!({"name": "Org"}))
        .data(201);
    let column = json!({"resource": "contacts", "name": "n", "type": "plain"});
    owner.post("/api/v1/custom_columns", &column).is(201);
    for n in 0..30 {
        let contact = json!({"name": format!("C{n} \"é\"\n\\"), "organization_id": organization["id"], "custom": {"n": n.to_string()}, "external_id": format!("e{n}")});
        owner.post("/api/v1/contacts", &contact).is(201);
    }
    workspace.member("agent");
    workspace
}

/// Every row of it in the tables that matter, as one text.
fn rows(workspace: &Workspace) -> String {
    let tables = [
        "crm.contacts",
        "crm.organizations",
        "ucrm.audit_logs",
        "ucrm.events",
        "ucrm.tenant_memberships",
        "ucrm.api_keys",
    ];
    tables
        .map(|table| -> String {
            let sql = format!("select coalesce(string_agg(to_jsonb(r)::text, E'\\n' order by to_jsonb(r)::text), '') from {table} as r where tenant_id = $1");
            workspace.value(&sql, &[&workspace.id])
        })
        .join("\n")
}

#[test]
fn an_export_is_ndjson_with_everything_and_nothing_foreign() {
    let (workspace, other) = (furnished(), Workspace::new());
    other.contact("Theirs");
    let exported = export(&workspace);
    assert_eq!(
        exported.header("content-type"),
        Some("application/x-ndjson")
    );
    assert!(
        exported
            .header("content-disposition")
            .unwrap()
            .contains(&workspace.slug)
    );
    assert!(exported.header("x-request-id").is_some());
    let lines: Vec<Value> = exported
        .text()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(
        (&lines[0]["format"], &lines[0]["tenant"]),
        (&json!("ucrm-tenant"), &json!(workspace.id))
    );
    let contacts = lines
        .iter()
        .filter(|line| line["table"] == "crm.contacts")
        .count();
    assert_eq!(contacts, 30);
    assert!(
        !exported.text().contains("Theirs") && !exported.text().contains(&other.id.to_string())
    );
    let secret = workspace.owner.secret();
    assert!(!exported.text().contains(secret));
    let head = platform()
        .send(
            "HEAD",
            &format!("{}/export", workspace_path(&workspace)),
            &[],
            None,
        )
        .is(200);
    assert!(head.body.is_empty());
}

#[test]
fn export_erase_restore_gives_the_same_workspace() {
    let (workspace, other) = (furnished(), Workspace::new());
    other.contact("Stays");
    ucrm_http_tests::verifier::seal(&workspace);
    let before = rows(&workspace);
    let untouched = rows(&other);
    let exported = export(&workspace);
    let gateway = ucrm_http_tests::gateway::Gateway::behind_proxy();
    let owner = gateway
        .from(&ucrm_http_tests::gateway::fresh_address())
        .key(&workspace.owner.key);
    platform().delete(&workspace_path(&workspace)).is(204);
    owner
        .get("/api/v1/contacts")
        .refused(401, "unauthenticated");
    assert!(rows(&workspace).trim().is_empty());
    platform()
        .delete(&workspace_path(&workspace))
        .refused(404, "not_found");
    let restored = restore(&exported.body);
    assert!((200..300).contains(&restored.status), "{}", restored.text());
    assert_eq!(rows(&workspace), before);
    assert_eq!(rows(&other), untouched);
    // Its chain came along, and proves the rows that did.
    let faults: i64 = workspace.value(
        "select count(*) from ucrm.audit_verify($1)",
        &[&workspace.id],
    );
    let sealed: i64 = workspace.value(
        "select sealed_rows from ucrm.audit_state($1)",
        &[&workspace.id],
    );
    assert!(faults == 0 && sealed > 30, "{faults} {sealed}");
    assert_eq!(
        owner.get("/api/v1/contacts").is(200).json()["meta"]["total"],
        30
    );
}

#[test]
fn a_restore_over_what_is_there_is_refused_and_changes_nothing() {
    let workspace = furnished();
    // The workspace's audit log tells of the export.
    let exported = export(&workspace);
    let before = rows(&workspace);
    restore(&exported.body).refused(409, "duplicate");
    assert_eq!(rows(&workspace), before);
}

#[test]
fn a_file_that_is_none_is_refused() {
    let workspace = furnished();
    let exported = export(&workspace).text().to_owned();
    platform().delete(&workspace_path(&workspace)).is(204);
    let first = exported.lines().next().unwrap();
    let cut: String = exported
        .lines()
        .take(5)
        .map(|line| format!("{line}\n"))
        .collect();
    let foreign = exported.replacen(&workspace.id.to_string(), &Uuid::now_v7().to_string(), 3);
    for (lines, status) in [
        (String::new(), 4),
        ("null".into(), 4),
        ("{}".into(), 4),
        ("{\"a\":1,\"a\":2}".into(), 4),
        (format!("{first}\nnot json"), 4),
        (cut, 4),
        (foreign, 4),
        (exported.replace("crm.contacts", "ucrm.settings"), 4),
        ("[".repeat(100_000), 4),
        ("\u{0}".into(), 4),
    ] {
        let reply = restore(lines.as_bytes());
        let shown: String = lines.chars().take(60).collect();
        assert_eq!(reply.status / 100, status, "{shown}: {}", reply.text());
        assert!(rows(&workspace).trim().is_empty(), "{shown}");
    }
    let reply = restore(b"\xff\xfe\n");
    assert_eq!(reply.status / 100, 4, "{}", reply.text());
    platform()
        .send(
            "POST",
            RESTORE,
            &[("content-type", "text/plain")],
            Some(exported.as_bytes()),
        )
        .refused(415, "unsupported_media_type");
}

#[test]
fn only_a_platform_admin_moves_a_workspace() {
    let workspace = Workspace::new();
    let owner = workspace.owner();
    let internal = stage::nobody().with("x-internal-secret", &stage::name("INTERNAL_SECRET"));
    for client in [owner, internal] {
        client
            .get(&format!("{}/export", workspace_path(&workspace)))
            .refused(403, "permission_denied");
        client
            .delete(&workspace_path(&workspace))
            .refused(403, "permission_denied");
        restore_as(&client, b"{}").refused(403, "permission_denied");
    }
    let unknown = format!("/api/v1/admin/workspaces/{}/export", Uuid::now_v7());
    platform().get(&unknown).refused(404, "not_found");
}

#[test]
fn moves_leave_tombstones_in_the_platforms_own_log() {
    let workspace = Workspace::new();
    let exported = export(&workspace);
    platform().delete(&workspace_path(&workspace)).is(204);
    restore(&exported.body).is(201);
    let actions: Vec<String> = workspace.value(
        "select array_agg(action order by id) from ucrm.platform_audit_logs where tenant_id = $1 and user_id is not null",
        &[&workspace.id],
    );
    assert_eq!(
        actions,
        ["tenant.exported", "tenant.deleted", "tenant.restored"]
    );
}
