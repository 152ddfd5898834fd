//! The document and the page that shows it: whoever asks is told what he may do, and a browser loads nothing from elsewhere.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use serde_json::{Value, json};
use ucrm_http_tests::client::Client;
use ucrm_http_tests::stage::{client, name, nobody};
use ucrm_http_tests::workspace::Workspace;

const DOCUMENT: &str = "/api/v1/openapi.json";

fn document(client: &Client) -> Value {
    let reply = client.get(DOCUMENT).is(200);
    assert_eq!(reply.header("content-type"), Some("application/json"));
    assert_eq!(reply.header("cache-control"), Some("private, no-cache"));
    reply.json()
}

fn has(document: &Value, method: &str, path: &str) -> bool {
    document["paths"][path][method].is_object()
}

#[test]
fn each_is_told_what_he_may_do() {
    let workspace = Workspace::new();
    let reader = workspace.member("reader");
    let scoped = workspace.key(Some(workspace.owner.id), Some("contacts:read"));
    let service = workspace.key(None, None);
    let (list, one) = ("/api/v1/contacts", "/api/v1/contacts/{id}");
    // Who, reads contacts, writes contacts, reads organizations, manages roles.
    for (key, expected) in [
        (&workspace.owner.key, [true, true, true, true]),
        (&reader.key, [true, false, true, false]),
        (&scoped, [true, false, false, false]),
        (&service, [true, true, true, false]),
    ] {
        let told = document(&workspace.client(key));
        assert_eq!(told["openapi"], "3.1.0");
        let found = [
            has(&told, "get", list) && has(&told, "get", one),
            has(&told, "post", list) && has(&told, "patch", one) && has(&told, "delete", one),
            has(&told, "get", "/api/v1/organizations"),
            has(&told, "post", "/api/v1/roles"),
        ];
        assert_eq!(found, expected);
        assert!(!has(&told, "get", "/api/v1/admin/workspaces"));
        // A key is no person: his account is not described to it.
        assert!(!has(&told, "post", "/api/v1/auth/logout"));
    }
    let told = document(&workspace.client(&scoped)).to_string();
    assert!(!told.contains("\"organizations") && !told.contains("`organizations`"));
}

#[test]
fn without_a_credential_only_what_needs_none_is_told() {
    let told = document(&nobody());
    assert!(has(&told, "post", "/api/v1/auth/login") && has(&told, "get", "/api/v1/session"));
    for (path, item) in told["paths"].as_object().unwrap() {
        for operation in item.as_object().unwrap().values() {
            let security = operation["security"].as_array().unwrap();
            assert!(
                security.is_empty() || security.contains(&json!({})),
                "{path}"
            );
        }
    }
    assert!(told["components"]["schemas"]["contacts"].is_null());
    nobody()
        .key("ucrm_live_00000000_none_none")
        .get(DOCUMENT)
        .refused(401, "unauthenticated");
}

#[test]
fn a_platform_admin_is_told_of_the_platform_and_of_no_workspace() {
    let told = document(&client("PLATFORM_ADMIN_KEY"));
    assert!(has(&told, "get", "/api/v1/admin/workspaces"));
    assert!(!has(&told, "get", "/api/v1/contacts"));
}

#[test]
fn what_changes_is_told_at_once() {
    let workspace = Workspace::new();
    let member = workspace.member("reader");
    let client = workspace.client(&member.key);
    let first = client.get(DOCUMENT).is(200);
    let etag = first.header("etag").unwrap().to_owned();
    let same = client.with("if-none-match", &etag).get(DOCUMENT).is(304);
    assert!(same.body.is_empty());
    assert_eq!(client.get(DOCUMENT).is(200).body, first.body);
    workspace.execute(
        "update ucrm.tenant_memberships set role = 'agent' where tenant_id = $1 and user_id = $2",
        &[&workspace.id, &member.id],
    );
    let fresh = client.with("if-none-match", &etag).get(DOCUMENT).is(200);
    assert!(has(&fresh.json(), "post", "/api/v1/contacts"));
    workspace.change("update ucrm.tenants set status = 'suspended' where id = $1");
    let shut = document(&workspace.owner());
    assert!(!has(&shut, "get", "/api/v1/contacts"));
}

#[test]
fn a_key_that_only_reads_is_told_of_no_write() {
    let workspace = Workspace::new();
    let made = json!({"name": "Report", "read_only": true});
    let made = workspace.owner().post("/api/v1/api_keys", &made).data(201);
    let told = document(&workspace.client(made["secret"].as_str().unwrap()));
    assert!(has(&told, "get", "/api/v1/contacts") && !has(&told, "post", "/api/v1/contacts"));
}

#[test]
fn the_page_is_served_from_here_alone() {
    let page = Client::to(&name("UCRM_URL")).get("/docs").is(200);
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'; script-src 'self';"));
    assert!(!policy.contains("http") && !policy.contains("unsafe-eval"));
    let html = page.text().to_owned();
    for source in html
        .split(['"', '\''])
        .filter(|text| text.starts_with("/docs/"))
    {
        let file = nobody().get(source).is(200);
        assert!(
            !file.body.is_empty() && file.header("cache-control") == Some("public, max-age=3600")
        );
    }
    assert!(!html.contains("http:") && !html.contains("https:"));
    nobody()
        .post("/docs", &json!({}))
        .refused(405, "method_not_allowed");
    nobody().get("/docs/other").is(401);
}
