//! Export over HTTP: the same rows in three forms, streamed, and what is left of one whose client hangs up.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use serde_json::{Value, json};
use ucrm_http_tests::stream::Stream;
use ucrm_http_tests::wait::until_within;
use ucrm_http_tests::workspace::Workspace;

use std::time::Duration;

const EXPORT: &str = "/api/v1/contacts/export";

fn stage(n: i32) -> &'static str {
    if n % 2 == 0 { "won" } else { "lead" }
}

/// A workspace with so many contacts, past the gateway.
fn filled(rows: i32, notes: i32) -> Workspace {
    let workspace = Workspace::new();
    workspace.execute(
        "insert into crm.contacts (tenant_id, name, external_id, notes, stage) \
         select $1, 'Exported ' || n, lpad(n::text, 6, '0'), nullif(repeat('n', $3), ''), (array['won', 'lead'])[1 + n % 2] from generate_series(1, $2) as n",
        &[&workspace.id, &rows, &notes],
    );
    workspace
}

fn values(lines: &str) -> Vec<Value> {
    lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn three_forms_have_the_same_rows() {
    let workspace = filled(1250, 0);
    let owner = workspace.owner();
    let query = "sort=external_id&fields=external_id,name,stage";
    let json = owner.get(&format!("{EXPORT}?{query}&format=json")).is(200);
    assert_eq!(json.header("content-type"), Some("application/json"));
    assert_eq!(json.header("transfer-encoding"), Some("chunked"));
    assert_eq!(json.header("x-total-count"), Some("1250"));
    let rows = json.json();
    let rows = rows.as_array().unwrap();
    let expected: Vec<Value> = (1..=1250)
        .map(|n| json!({"external_id": format!("{n:06}"), "name": format!("Exported {n}"), "stage": stage(n)}))
        .collect();
    assert_eq!(*rows, expected);
    let lines = owner
        .with("accept", "application/x-ndjson")
        .get(&format!("{EXPORT}?{query}"))
        .is(200);
    assert_eq!(lines.header("content-type"), Some("application/x-ndjson"));
    assert_eq!(values(lines.text()), expected);
    let csv = owner
        .with("accept", "text/csv")
        .get(&format!("{EXPORT}?{query}"))
        .is(200);
    assert_eq!(
        csv.header("content-type"),
        Some("text/csv; charset=utf-8; header=present")
    );
    let disposition = csv.header("content-disposition").unwrap();
    assert!(disposition.starts_with("attachment; filename=\"contacts-"));
    assert!(disposition.ends_with(".csv\""));
    let mut cells = String::from("external_id,name,stage\r\n");
    for row in rows {
        let cell = |name: &str| row[name].as_str().unwrap().to_owned();
        cells.push_str(&format!(
            "{},{},{}\r\n",
            cell("external_id"),
            cell("name"),
            cell("stage")
        ));
    }
    assert_eq!(csv.text(), cells);
    // The filters of a list count; its pages are refused.
    let won = owner
        .get(&format!("{EXPORT}?format=ndjson&stage=eq.won"))
        .is(200);
    assert_eq!(won.header("x-total-count"), Some("625"));
    assert_eq!(values(won.text()).len(), 625);
    for query in ["page=2", "limit=5", "cursor="] {
        owner
            .get(&format!("{EXPORT}?{query}"))
            .refused(400, "invalid_filter");
    }
    owner
        .get(&format!("{EXPORT}?format=xml"))
        .refused(406, "not_acceptable");
    let head = owner.send("HEAD", &format!("{EXPORT}?format=csv"), &[], None);
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(head.header("x-total-count"), Some("1250"));
}

#[test]
fn an_export_takes_its_own_permission_and_leaves_its_trace() {
    let workspace = filled(3, 0);
    let agentless = workspace.client(&workspace.key(None, Some("contacts:read")));
    agentless
        .get(&format!("{EXPORT}?format=csv"))
        .refused(403, "key_scope_denied");
    let blind = workspace.client(&workspace.key(None, Some("contacts:export")));
    blind
        .get(&format!("{EXPORT}?format=csv"))
        .refused(403, "permission_denied");
    let exported = "action = 'export' and resource = 'contacts'";
    for refused in ["format=xml", "format=csv&nope=eq.1", "format=csv&limit=3"] {
        let owner = workspace.owner();
        assert!(owner.get(&format!("{EXPORT}?{refused}")).status >= 400);
    }
    assert_eq!(
        workspace.count("ucrm.audit_logs", exported),
        0,
        "what was refused has not left the house"
    );
    let reader = workspace.client(&workspace.member("reader").key);
    let out = reader
        .get(&format!("{EXPORT}?format=ndjson&stage=eq.won"))
        .is(200);
    assert_eq!(values(out.text()).len(), 1);
    let query: String = workspace.value(
        "select after ->> 'query' from ucrm.audit_logs where tenant_id = $1 and action = 'export'",
        &[&workspace.id],
    );
    assert_eq!(query, "format=ndjson&stage=eq.won");
    let other = Workspace::new();
    let none = other.owner().get(&format!("{EXPORT}?format=json")).is(200);
    assert_eq!(none.json(), json!([]));
}

#[test]
fn a_client_that_hangs_up_leaves_nothing_at_work() {
    // More than the buffers between server and client hold.
    let workspace = filled(4000, 8000);
    let target = format!("{EXPORT}?format=ndjson");
    // More of them than there are connections for exports.
    for _ in 0..6 {
        let mut stream = Stream::open(&workspace.owner.key, "GET", &target, "", b"");
        stream.skip(20_000);
        drop(stream);
    }
    until_within(Duration::from_secs(20), "no export is at work", || {
        let busy: i64 = workspace.value(
            "select count(*) from pg_stat_activity where application_name = 'ucrm-gateway' \
             and state <> 'idle' and query like '%handle_stream%'",
            &[],
        );
        (busy == 0).then_some(())
    });
    // What was taken is in the audit log, though the transaction is not.
    let cut = "action = 'export' and resource = 'contacts' and (after -> 'cut')::boolean and after ->> 'query' = 'format=ndjson'";
    until_within(Duration::from_secs(20), "each is in the audit log", || {
        (workspace.count("ucrm.audit_logs", cut) == 6).then_some(())
    });
    let whole = workspace
        .owner()
        .get(&format!("{target}&fields=id"))
        .is(200);
    assert_eq!(whole.text().lines().count(), 4000);
}
