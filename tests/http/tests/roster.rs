//! Members and invitations as files: what goes out, what comes in, and that a file gives nobody more than a single invitation.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use serde_json::{Value, json};
use ucrm_http_tests::client::Client;
use ucrm_http_tests::reply::Reply;
use ucrm_http_tests::workspace::Workspace;
use uuid::Uuid;

const MEMBERS: &str = "/api/v1/members/export";
const INVITATIONS: &str = "/api/v1/invitations/export";
const IMPORT: &str = "/api/v1/members/import";

fn csv(client: &Client, target: &str, body: &str) -> Reply {
    client.send(
        "POST",
        target,
        &[("content-type", "text/csv")],
        Some(body.as_bytes()),
    )
}

fn address() -> String {
    format!("{}@files.example", Uuid::new_v4().simple())
}

/// Row, field and code of each error.
fn errors(reply: &Value) -> Vec<(u64, String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or("").to_owned();
    let errors = reply["errors"].as_array().unwrap().iter();
    errors
        .map(|error| {
            (
                error["row"].as_u64().unwrap(),
                text(&error["field"]),
                text(&error["code"]),
            )
        })
        .collect()
}

#[test]
fn members_and_invitations_leave_as_csv_json_and_lines() {
    let workspace = Workspace::new();
    let owner = workspace.owner();
    let agent = workspace.member("agent");
    workspace.execute(
        "update ucrm.users set name = '=cmd(\"a\"), b' where id = $1",
        &[&agent.id],
    );
    let invited = address();
    owner
        .post(
            "/api/v1/invitations",
            &json!({"email": invited, "role": "reader"}),
        )
        .is(201);

    let list = owner.get(MEMBERS).is(200);
    assert_eq!(list.header("content-type"), Some("application/json"));
    let list = list.json();
    assert_eq!(
        (
            list.as_array().unwrap().len(),
            &list[1]["id"],
            &list[1]["role"]
        ),
        (2, &json!(agent.id), &json!("agent"))
    );
    let lines = owner
        .with("accept", "application/x-ndjson")
        .get(MEMBERS)
        .is(200);
    assert_eq!(
        lines
            .text()
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap())
            .collect::<Vec<_>>(),
        *list.as_array().unwrap()
    );
    let file = owner.get(&format!("{MEMBERS}?format=csv")).is(200);
    assert_eq!(
        file.header("content-type"),
        Some("text/csv; charset=utf-8; header=present")
    );
    assert_eq!(
        file.header("content-disposition"),
        Some("attachment; filename=\"members.csv\"")
    );
    let rows: Vec<&str> = file.text().split("\r\n").collect();
    assert_eq!(
        (rows.len(), rows[0], rows[3]),
        (4, "id,name,email,role,disabled,created_at", "")
    );
    // What a spreadsheet would compute is text.
    assert!(
        rows[2].starts_with(&format!("{},\"'=cmd(\"\"a\"\"), b\",", agent.id)),
        "{}",
        rows[2]
    );
    let file = owner.with("accept", "text/csv").get(INVITATIONS).is(200);
    assert!(
        file.text().contains(&format!(",{invited},reader,pending,")),
        "{}",
        file.text()
    );
    for hidden in ["digest", "tenant_id"] {
        assert!(!owner.get(INVITATIONS).text().contains(hidden));
    }
    owner
        .with("accept", "image/png")
        .get(MEMBERS)
        .refused(406, "not_acceptable");
    owner
        .get(&format!("{MEMBERS}?format=xlsx"))
        .refused_fields(400, "invalid_filter", &["format"]);
    owner
        .get(&format!("{MEMBERS}?role=eq.agent"))
        .refused_fields(400, "invalid_filter", &["role"]);
}

#[test]
fn who_may_not_export_or_import_does_not_and_another_workspace_is_not_in_it() {
    let (workspace, other) = (Workspace::new(), Workspace::new());
    let body = json!([{"email": address(), "role": "agent"}]);
    for role in ["agent", "member", "reader"] {
        let client = workspace.client(&workspace.member(role).key);
        client.get(MEMBERS).refused(403, "permission_denied");
        client.get(INVITATIONS).refused(403, "permission_denied");
        client.post(IMPORT, &body).refused(403, "permission_denied");
    }
    let scoped =
        |scopes: &str| workspace.client(&workspace.key(Some(workspace.owner.id), Some(scopes)));
    scoped("members:export,members:read").get(MEMBERS).is(200);
    scoped("members:export")
        .get(MEMBERS)
        .refused(403, "permission_denied");
    scoped("members:read")
        .get(MEMBERS)
        .refused(403, "key_scope_denied");
    scoped("invitations:export")
        .get(INVITATIONS)
        .refused(403, "permission_denied");
    scoped("members:create,invitations:create")
        .post(IMPORT, &body)
        .refused(403, "key_scope_denied");
    for scopes in [
        "members:import",
        "members:import,invitations:create",
        "members:import,members:create",
    ] {
        scoped(scopes)
            .post(IMPORT, &body)
            .refused(403, "permission_denied");
    }
    assert_eq!(workspace.count("ucrm.invitations", "true"), 0);
    let seen = other.owner().get(MEMBERS).is(200);
    assert!(!seen.text().contains(&workspace.owner.id.to_string()));
}

#[test]
fn each_row_is_an_invitation_and_what_is_wrong_is_said_of_its_row() {
    let workspace = Workspace::new();
    let owner = workspace.owner();
    let (one, two, member) = (address(), address(), workspace.member("agent"));
    let taken: String =
        workspace.value("select email from ucrm.users where id = $1", &[&member.id]);
    let body = format!(
        "\u{feff}Role,email\r\nagent,{one}\r\n\"reader\",\"{two}\"\r\n\r\nagent,{one}\nagent,nobody\nclown,{}\nagent,{taken}\nagent,x@mailinator.com\nagent,\n",
        address()
    );
    let wrong = [
        (3, "email", "duplicate"),
        (4, "email", "invalid_format"),
        (5, "role", "not_found"),
        (6, "email", "duplicate"),
        (7, "email", "disposable_email"),
        (8, "email", "required"),
    ]
    .map(|(row, field, code)| (row, field.to_owned(), code.to_owned()));
    // Nothing happens in a dry run, and it says what would.
    let tried = csv(&owner, &format!("{IMPORT}?dry_run=true"), &body).data(200);
    assert_eq!(
        (&tried["rows"], &tried["invited"], &tried["dry_run"]),
        (&json!(8), &json!(2), &json!(true))
    );
    assert_eq!(errors(&tried), wrong);
    assert_eq!(
        workspace.count("ucrm.invitations", "true")
            + workspace.count("ucrm.emails", "kind = 'invitation'"),
        0
    );
    let done = csv(&owner, IMPORT, &body).data(200);
    assert_eq!(
        (&done["invited"], errors(&done)),
        (&json!(2), wrong.to_vec())
    );
    assert_eq!(
        workspace.count("ucrm.invitations", "invited_by is not null"),
        2
    );
    assert_eq!(
        workspace.count("ucrm.audit_logs", "resource = 'invitations'"),
        2
    );
    let again = csv(&owner, IMPORT, &body).data(200);
    assert_eq!(again["invited"], 0);
    let three = address();
    let done = owner.post(IMPORT, &json!({"rows": [{"email": three, "role": "agent"}, {"email": three}, 7, {"email": three, "role": "agent", "x": 1}]})).data(200);
    assert_eq!(done["invited"], 1);
    assert_eq!(
        errors(&done)
            .into_iter()
            .map(|(row, field, code)| format!("{row} {field} {code}"))
            .collect::<Vec<_>>(),
        ["2 role required", "3 row invalid_type", "4 x unknown_field"]
    );
}

#[test]
fn a_file_gives_nobody_more_than_he_holds_and_counts_like_single_invitations() {
    let workspace = Workspace::new();
    let admin = workspace.member("admin");
    let rows =
        json!([{"email": address(), "role": "owner"}, {"email": address(), "role": "admin"}]);
    let done = workspace.client(&admin.key).post(IMPORT, &rows).data(200);
    assert_eq!(
        (&done["invited"], errors(&done)),
        (
            &json!(1),
            vec![(1, "role".to_owned(), "grant_ceiling".to_owned())]
        )
    );
    let rows: Vec<Value> = (0..203)
        .map(|_| json!({"email": address(), "role": "agent"}))
        .collect();
    // A dry run counts nothing.
    workspace
        .owner()
        .post(&format!("{IMPORT}?dry_run=true"), &json!(rows))
        .is(200);
    let reply = workspace.owner().post(IMPORT, &json!(rows)).is(200);
    let wait: u64 = reply.header("retry-after").unwrap().parse().unwrap();
    assert!((86_000..=86_400).contains(&wait), "{wait}");
    let done = reply.data(200);
    assert_eq!(done["invited"], 199, "one of the day's 200 was used");
    assert_eq!(
        errors(&done)
            .into_iter()
            .map(|error| error.2)
            .collect::<Vec<_>>(),
        ["rate_limited"; 4]
    );
    assert_eq!(workspace.count("ucrm.invitations", "true"), 200);
}

#[test]
fn what_is_no_list_is_refused_whole() {
    let workspace = Workspace::new();
    let owner = workspace.owner();
    for body in [
        "",
        "\r\n",
        "email,role\n\"a\"b@x.example,agent",
        "email,role\na@x.example",
        "email,role\n\"a@x.example,agent",
    ] {
        csv(&owner, IMPORT, body).refused(400, "bad_request");
    }
    let bytes: &[u8] = b"email,role\n\xff\xfe,agent";
    owner
        .send("POST", IMPORT, &[("content-type", "text/csv")], Some(bytes))
        .refused(400, "bad_request");
    owner
        .send(
            "POST",
            IMPORT,
            &[("content-type", "text/plain")],
            Some(b"x"),
        )
        .refused(415, "unsupported_media_type");
    owner
        .send(
            "POST",
            IMPORT,
            &[("content-type", "application/json")],
            Some(b"[{"),
        )
        .refused(400, "invalid_json");
    owner
        .post(IMPORT, &json!({"people": []}))
        .refused(400, "unknown_field");
    owner
        .post(IMPORT, &json!({"rows": {}}))
        .refused_fields(422, "validation_failed", &["rows"]);
    owner
        .post(&format!("{IMPORT}?dry_run=yes"), &json!([]))
        .refused_fields(400, "invalid_filter", &["dry_run"]);
    let many: Vec<Value> = (0..1001)
        .map(|_| json!({"email": "x@y.example", "role": "agent"}))
        .collect();
    owner
        .post(IMPORT, &json!(many))
        .refused_fields(422, "validation_failed", &["rows"]);
    let many = format!("email,role\n{}", "x@y.example,agent\n".repeat(1001));
    csv(&owner, IMPORT, &many).refused_fields(422, "validation_failed", &["rows"]);
    assert_eq!(owner.post(IMPORT, &json!([])).data(200)["rows"], 0);
    assert_eq!(workspace.count("ucrm.invitations", "true"), 0);
}
