//! Import over HTTP: how far it is, line by line; what becomes of it when it is refused or left; money and custom columns.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::io::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};
use ucrm_http_tests::client::Client;
use ucrm_http_tests::holder::Holder;
use ucrm_http_tests::reply::Reply;
use ucrm_http_tests::stage;
use ucrm_http_tests::stream::Stream;
use ucrm_http_tests::wait::until;
use ucrm_http_tests::workspace::Workspace;

const IMPORT: &str = "/api/v1/contacts/import";
const LINES: &str = "accept: application/x-ndjson\r\ncontent-type: text/csv\r\n";
const CSV: (&str, &str) = ("content-type", "text/csv");

static TURN: Mutex<()> = Mutex::new(());

// The gateway has few connections for what is streamed: tests of this file take turns.
fn turn() -> MutexGuard<'static, ()> {
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A file of so many contacts, of which these have a stage that is none.
fn file(rows: usize, faulty: &[usize]) -> String {
    let mut file = String::from("External ID,name,stage\n");
    for n in 1..=rows {
        let stage = if faulty.contains(&n) { "maybe" } else { "won" };
        file.push_str(&format!("x{n},Imported {n},{stage}\n"));
    }
    file
}

fn send(client: &Client, query: &str, file: &str) -> Reply {
    let target = format!("{IMPORT}{query}");
    client.send("POST", &target, &[CSV], Some(file.as_bytes()))
}

/// Every line of an import that tells how far it is.
#[track_caller]
fn lines(client: &Client, query: &str, file: &str) -> Vec<Value> {
    let reply = send(&client.with("accept", "application/x-ndjson"), query, file).is(200);
    assert_eq!(reply.header("content-type"), Some("application/x-ndjson"));
    assert!(reply.text().ends_with('\n'));
    let lines = reply.text().lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn imported(workspace: &Workspace) -> i64 {
    workspace.count("crm.contacts", "true")
}

/// Until the gateway asks for no more pieces of anything.
fn settled(workspace: &Workspace) {
    until("no import is at work", || {
        let busy: i64 = workspace.value(
            "select count(*) from pg_stat_activity where application_name = 'ucrm-gateway' \
             and state <> 'idle' and query like '%handle_stream%'",
            &[],
        );
        (busy == 0).then_some(())
    });
}

#[test]
fn who_waits_is_told_how_far_it_is() {
    let _turn = turn();
    let workspace = Workspace::new();
    let owner = workspace.owner();
    let file = file(1200, &[]);
    let lines = lines(&owner, "", &file);
    let (last, progress) = lines.split_last().unwrap();
    let done: Vec<u64> = progress
        .iter()
        .map(|line| line["progress"]["done"].as_u64().unwrap())
        .collect();
    assert_eq!(done, [500, 1000]);
    for line in progress {
        assert_eq!(line["progress"]["of"], file.len());
        assert_eq!(line["progress"]["failed"], 0);
        assert!(line["progress"]["bytes"].as_u64().unwrap() < file.len() as u64);
    }
    let expected =
        json!({"created": 1200, "updated": 0, "failed": 0, "dry_run": false, "errors": []});
    assert_eq!(last["data"], expected);
    assert_eq!(imported(&workspace), 1200);
    // Who does not ask for lines gets the same reply whole.
    let again = send(&owner, "?upsert=external_id", &file).data(200);
    assert_eq!(
        (&again["created"], &again["updated"]),
        (&json!(0), &json!(1200))
    );
}

#[test]
fn progress_is_told_while_the_import_is_at_work() {
    let _turn = turn();
    let workspace = Workspace::new();
    let holder = Holder::of(
        "insert into crm.contacts (tenant_id, name, external_id) values ($1, 'First', 'x1100')",
        &[&workspace.id],
    );
    let file = file(1600, &[]);
    let mut stream = Stream::open(&workspace.owner.key, "POST", IMPORT, LINES, file.as_bytes());
    assert_eq!(stream.line()["progress"]["done"], 500);
    holder.awaited_by(&workspace, 1);
    // Nobody sees a part of it.
    assert_eq!(imported(&workspace), 0);
    holder.give_way();
    assert_eq!(stream.line()["progress"]["done"], 1000);
    assert_eq!(stream.line()["progress"]["done"], 1500);
    assert_eq!(stream.line()["data"]["created"], 1600);
    assert_eq!(imported(&workspace), 1600);
}

#[test]
fn what_stays_is_told_in_the_last_line() {
    let _turn = turn();
    let workspace = Workspace::new();
    let owner = workspace.owner();
    let faulty = file(1200, &[3, 700]);
    let stages = |line: &Value| -> Vec<u64> {
        let errors = line["errors"].as_array().unwrap();
        assert!(errors.iter().all(|error| error["field"] == "stage"));
        errors
            .iter()
            .map(|error| error["row"].as_u64().unwrap())
            .collect()
    };
    // All or nothing.
    let told = lines(&owner, "", &faulty);
    let last = told.last().unwrap();
    assert_eq!(told[0]["progress"]["failed"], 1);
    assert_eq!(
        (&last["status"], &last["code"]),
        (&json!(422), &json!("validation_failed"))
    );
    assert_eq!(stages(last), [3, 700]);
    assert_eq!(imported(&workspace), 0);
    send(&owner, "", &faulty).refused(422, "validation_failed");
    assert_eq!(imported(&workspace), 0);
    // A trial: everything is told, nothing stays.
    let told = lines(&owner, "?dry_run=true", &faulty);
    let data = &told.last().unwrap()["data"];
    assert_eq!(
        (&data["created"], &data["failed"], &data["dry_run"]),
        (&json!(1198), &json!(2), &json!(true))
    );
    assert_eq!(stages(data), [3, 700]);
    assert_eq!(imported(&workspace), 0);
    // What cannot be read on is refused whole, in lines as well.
    let mut cut = file(600, &[]);
    cut.insert(0, '\u{feff}');
    let half = cut.replace("External ID", "tenant_id");
    let told = lines(&owner, "", &half);
    assert_eq!(told.last().unwrap()["code"], "unknown_field");
    // More faults than a file may have.
    let all: Vec<usize> = (1..=1200).collect();
    let told = lines(&owner, "?mode=best_effort", &file(1200, &all));
    assert_eq!(told.last().unwrap()["code"], "validation_failed");
    assert_eq!(imported(&workspace), 0);
    // The best of it.
    let told = lines(&owner, "?mode=best_effort", &faulty);
    let data = &told.last().unwrap()["data"];
    assert_eq!(
        (&data["created"], &data["failed"]),
        (&json!(1198), &json!(2))
    );
    assert_eq!(stages(data), [3, 700]);
    assert_eq!(imported(&workspace), 1198);
    assert_eq!(
        workspace.count("crm.contacts", "external_id in ('x3', 'x700')"),
        0
    );
}

#[test]
fn who_may_not_is_told_before_anything_is_read() {
    let _turn = turn();
    let workspace = Workspace::new();
    let reader = workspace.client(&workspace.member("reader").key);
    let lines = reader.with("accept", "application/x-ndjson");
    send(&reader, "", &file(1, &[])).refused(403, "permission_denied");
    send(&lines, "", &file(1, &[])).refused(403, "permission_denied");
    let form = workspace.client(&workspace.key(None, Some("contacts:import,contacts:create")));
    send(&form, "?upsert=external_id", &file(1, &[])).refused(403, "permission_denied");
    send(
        &form.with("accept", "application/x-ndjson"),
        "?upsert=external_id",
        &file(1, &[]),
    )
    .refused(403, "permission_denied");
    send(&workspace.owner(), "?mode=some", &file(1, &[])).refused(400, "invalid_filter");
    stage::nobody()
        .send("POST", IMPORT, &[CSV], Some(b"name\nX\n"))
        .refused(401, "unauthenticated");
    assert_eq!(imported(&workspace), 0);
}

#[test]
fn a_client_that_hangs_up_half_way_has_imported_nothing() {
    let _turn = turn();
    let workspace = Workspace::new();
    let file = file(12_000, &[]);
    for query in ["", "?mode=best_effort"] {
        let holder = Holder::of(
            "insert into crm.contacts (tenant_id, name, external_id) values ($1, 'First', 'x700')",
            &[&workspace.id],
        );
        let target = format!("{IMPORT}{query}");
        let mut stream = Stream::open(
            &workspace.owner.key,
            "POST",
            &target,
            LINES,
            file.as_bytes(),
        );
        assert_eq!(stream.line()["progress"]["done"], 500);
        holder.awaited_by(&workspace, 1);
        drop(stream);
        holder.give_way();
        settled(&workspace);
        assert_eq!(imported(&workspace), 0, "{query}");
    }
    let logged = "resource = 'contacts' and action = 'create'";
    assert_eq!(workspace.count("ucrm.audit_logs", logged), 0);
    assert_eq!(workspace.count("ucrm.events", "resource = 'contacts'"), 0);
    send(&workspace.owner(), "", "name\nAfter\n").is(200);
}

#[test]
fn half_a_file_is_no_file() {
    let _turn = turn();
    let workspace = Workspace::new();
    let file = file(600, &[]);
    for accept in ["", "accept: application/x-ndjson\r\n"] {
        let mut stream = stage::nobody().connect().unwrap();
        let head = format!(
            "POST {IMPORT} HTTP/1.1\r\nhost: test\r\nx-api-key: {}\r\n{accept}content-type: text/csv\r\ncontent-length: {}\r\n\r\n",
            workspace.owner.key,
            file.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream
            .write_all(&file.as_bytes()[..file.len() / 2])
            .unwrap();
    }
    // Somebody else's request goes through meanwhile and afterwards.
    send(&workspace.owner(), "", "name\nWhole\n").is(200);
    settled(&workspace);
    assert_eq!(imported(&workspace), 1);
}

#[test]
fn a_reply_is_not_given_before_the_import_stands() {
    let _turn = turn();
    let workspace = Workspace::new();
    // Something of the workspace's own that is only judged when a transaction ends.
    let guard = format!("late_{}", workspace.id.simple());
    workspace.execute(
        &format!(
            "create function public.{guard}() returns trigger language plpgsql as $$ begin \
             if new.tenant_id = '{}' and new.name = 'Imported 501' then raise exception 'late' using errcode = '23514'; end if; return null; end $$",
            workspace.id
        ),
        &[],
    );
    workspace.execute(
        &format!("create constraint trigger {guard} after insert on crm.contacts deferrable initially deferred for each row execute function public.{guard}()"),
        &[],
    );
    let replies = [
        lines(&workspace.owner(), "", &file(600, &[])),
        lines(&workspace.owner(), "?mode=best_effort", &file(501, &[])),
    ];
    workspace.execute(&format!("drop trigger {guard} on crm.contacts"), &[]);
    workspace.execute(&format!("drop function public.{guard}()"), &[]);
    for told in replies {
        assert!(told.iter().all(|line| line["data"].is_null()), "{told:?}");
        assert_eq!(told.last().unwrap()["status"], 422);
    }
    assert_eq!(imported(&workspace), 0);
}

#[test]
fn money_and_custom_columns_come_from_files_and_go_to_them() {
    let _turn = turn();
    let workspace = Workspace::new();
    let owner = workspace.owner();
    let budget = json!({"resource": "deals", "name": "budget", "type": "currency"});
    owner.post("/api/v1/custom_columns", &budget).is(201);
    let file = "name,external_id,value,custom\n\
        A,a,\"{\"\"amount\"\": \"\"12.30\"\", \"\"currency\"\": \"\"EUR\"\"}\",\"{\"\"budget\"\": {\"\"amount\"\": \"\"5\"\", \"\"currency\"\": \"\"USD\"\"}}\"\n\
        B,b,,\n\
        C,c,\"{\"\"amount\"\": \"\"7\"\", \"\"currency\"\": \"\"JPY\"\"}\",{}\n";
    let target = "/api/v1/deals/import";
    let import = |query: &str, file: &str| {
        let target = format!("{target}{query}");
        owner.send("POST", &target, &[CSV], Some(file.as_bytes()))
    };
    assert_eq!(import("", file).data(200)["created"], 3);
    let shown =
        |query: &str| owner.get(&format!("/api/v1/deals?{query}")).is(200).json()["data"].clone();
    let values = shown("sort=name&fields=value");
    let expected = json!([
        {"value": {"amount": "12.30", "currency": "EUR"}}, {"value": null}, {"value": {"amount": "7", "currency": "JPY"}}
    ]);
    assert_eq!(values, expected);
    let rich = shown("custom.budget=gte.5&fields=name");
    assert_eq!(rich, json!([{"name": "A"}]));
    // Out and in again, in every form.
    let before = shown("sort=name&fields=name,value,custom");
    for (format, kind) in [
        ("csv", "text/csv"),
        ("json", "application/json"),
        ("ndjson", "application/x-ndjson"),
    ] {
        let out = owner
            .get(&format!("/api/v1/deals/export?format={format}"))
            .is(200);
        workspace.change("delete from crm.deals where tenant_id = $1");
        let kind = [("content-type", kind)];
        let back = owner.send("POST", target, &kind, Some(&out.body)).data(200);
        assert_eq!(
            (&back["created"], &back["failed"]),
            (&json!(3), &json!(0)),
            "{format}"
        );
        assert_eq!(
            shown("sort=name&fields=name,value,custom"),
            before,
            "{format}"
        );
    }
    for (cell, field) in [
        ("12.30", "value"),
        (
            "\"{\"\"amount\"\": \"\"1.234\"\", \"\"currency\"\": \"\"EUR\"\"}\"",
            "value",
        ),
        (
            "\"{\"\"amount\"\": \"\"-1\"\", \"\"currency\"\": \"\"EUR\"\"}\"",
            "value",
        ),
    ] {
        let bad = format!("name,value\nGood,\nBad,{cell}\n");
        let told = import("", &bad).refused(422, "validation_failed");
        let error = &told["errors"][0];
        assert_eq!(error["row"], 2, "{told}");
        assert!(
            error["field"].as_str().unwrap().starts_with(field),
            "{told}"
        );
    }
    let unknown = "name,custom\nX,\"{\"\"nothing\"\": 1}\"\n";
    import("", unknown).refused(422, "validation_failed");
    assert_eq!(workspace.count("crm.deals", "true"), 3);
}
