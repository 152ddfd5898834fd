//! What breaks: a killed gateway, a server restarted or crashed under load, a full pool, clients that do not finish.
//!
//! Tests of this file take turns: some take the server away from everybody. Cargo runs the files one after the other.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::io::{BufReader, ErrorKind, Read, Write};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;
use ucrm_http_tests::client::Client;
use ucrm_http_tests::database;
use ucrm_http_tests::gateway::Gateway;
use ucrm_http_tests::reply::Reply;
use ucrm_http_tests::stage;
use ucrm_http_tests::wait::{until, until_within};
use ucrm_http_tests::workspace::Workspace;
use uuid::Uuid;

const CONTACTS: &str = "/api/v1/contacts";

static TURN: Mutex<()> = Mutex::new(());

fn turn() -> MutexGuard<'static, ()> {
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn path(workspace: &Workspace) -> String {
    let contact = workspace.contact("Locked");
    format!("{CONTACTS}/{}", contact["id"].as_str().unwrap())
}

/// A connection that holds the workspace's contacts locked.
fn locked(workspace: &Workspace) -> postgres::Client {
    let mut db = database::admin();
    db.batch_execute("begin").unwrap();
    db.query(
        "select from crm.contacts where tenant_id = $1 for update",
        &[&workspace.id],
    )
    .unwrap();
    db
}

/// How many backends wait for what this connection holds.
fn waiting(workspace: &Workspace, holder: i32) -> i64 {
    workspace.value(
        "select count(*) from pg_stat_activity where $1 = any (pg_blocking_pids(pid)) and application_name = 'ucrm-gateway'",
        &[&holder],
    )
}

#[test]
fn a_killed_gateway_leaves_no_open_transaction() {
    let _turn = turn();
    let workspace = Workspace::new();
    let target = path(&workspace);
    let mut gateway = Gateway::start(&[]);
    let client = gateway.client(&workspace.owner.key);
    let mut holder = locked(&workspace);
    let pid: i32 = database::value(&mut holder, "select pg_backend_pid()", &[]);
    thread::scope(|scope| {
        let cut = scope.spawn(|| {
            let json = [("content-type", "application/json")];
            client.attempt("PATCH", &target, &json, Some(br#"{"name": "Never"}"#))
        });
        until("the request waits for the row", || {
            (waiting(&workspace, pid) == 1).then_some(())
        });
        gateway.kill();
        assert!(cut.join().unwrap().is_err());
    });
    // Although the row is still locked, the server notices that nobody listens.
    until("the statement is given up", || {
        (waiting(&workspace, pid) == 0).then_some(())
    });
    holder.batch_execute("rollback").unwrap();
    assert_eq!(workspace.count("crm.contacts", "name = 'Locked'"), 1);
    assert_eq!(
        workspace.count("ucrm.events", "type = 'contacts.updated'"),
        0
    );
}

#[test]
fn a_client_that_hangs_up_ends_its_statement() {
    let _turn = turn();
    let workspace = Workspace::new();
    let target = path(&workspace);
    let mut holder = locked(&workspace);
    let pid: i32 = database::value(&mut holder, "select pg_backend_pid()", &[]);
    let mut stream = workspace.owner().connect().unwrap();
    let body = r#"{"name": "Never"}"#;
    let head = format!(
        "PATCH {target} HTTP/1.1\r\nhost: x\r\nx-api-key: {}\r\ncontent-length: {}\r\n\r\n{body}",
        workspace.owner.key,
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    until("the request waits for the row", || {
        (waiting(&workspace, pid) == 1).then_some(())
    });
    drop(stream);
    until("the statement is cancelled", || {
        (waiting(&workspace, pid) == 0).then_some(())
    });
    holder.batch_execute("rollback").unwrap();
    assert_eq!(workspace.count("crm.contacts", "name = 'Never'"), 0);
}

#[test]
fn a_full_pool_answers_503_within_its_patience() {
    let _turn = turn();
    let workspace = Workspace::new();
    let target = path(&workspace);
    let gateway = Gateway::start(&[("UCRM_POOL_SIZE", "1"), ("UCRM_POOL_WAIT_MS", "200")]);
    let client = gateway.client(&workspace.owner.key);
    client.get(CONTACTS).is(200);
    let mut holder = locked(&workspace);
    let pid: i32 = database::value(&mut holder, "select pg_backend_pid()", &[]);
    thread::scope(|scope| {
        let slow = scope.spawn(|| client.again().patch(&target, &json!({"name": "At last"})));
        until("the request waits for the row", || {
            (waiting(&workspace, pid) == 1).then_some(())
        });
        for _ in 0..3 {
            let asked = Instant::now();
            let refused = client.get(CONTACTS);
            refused.refused(503, "unavailable");
            assert_eq!(refused.header("retry-after"), Some("1"));
            assert!(
                asked.elapsed() >= Duration::from_millis(190)
                    && asked.elapsed() < Duration::from_secs(5)
            );
        }
        holder.batch_execute("rollback").unwrap();
        slow.join().unwrap().is(200);
    });
    client.get(CONTACTS).is(200);
}

#[test]
fn a_statement_that_takes_too_long_is_cancelled() {
    let _turn = turn();
    let workspace = Workspace::new();
    let target = path(&workspace);
    let gateway = Gateway::start(&[("UCRM_REQUEST_TIMEOUT_MS", "300")]);
    let client = gateway.client(&workspace.owner.key);
    let mut holder = locked(&workspace);
    let pid: i32 = database::value(&mut holder, "select pg_backend_pid()", &[]);
    client
        .patch(&target, &json!({"name": "Never"}))
        .refused(503, "unavailable");
    until("nothing waits any more", || {
        (waiting(&workspace, pid) == 0).then_some(())
    });
    holder.batch_execute("rollback").unwrap();
    assert_eq!(workspace.count("crm.contacts", "name = 'Never'"), 0);
    client.get(CONTACTS).is(200);
}

#[test]
fn a_slow_client_is_cut() {
    let _turn = turn();
    let key = stage::name("ACME_OWNER_KEY");
    let gateway = Gateway::start(&[
        ("UCRM_HEADER_TIMEOUT_MS", "300"),
        ("UCRM_BODY_TIMEOUT_MS", "300"),
    ]);
    let client = gateway.client(&key);
    let head = format!(
        "POST {CONTACTS} HTTP/1.1\r\nhost: x\r\nx-api-key: {key}\r\ncontent-length: 100\r\n"
    );
    for (bytes, status) in [
        ("", None),
        ("GE", None),
        (head.as_str(), None),
        (&format!("{head}\r\n{{\"na"), Some(408)),
    ] {
        let mut stream = client.connect().unwrap();
        stream.write_all(bytes.as_bytes()).unwrap();
        let mut stream = BufReader::new(stream);
        let reply = Reply::read(&mut stream, false);
        match (reply, status) {
            (Ok(reply), Some(status)) => drop(reply.refused(status, "request_timeout")),
            (Ok(reply), None) => drop(reply.is(408)),
            (Err(error), _) => assert!(
                !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
                "it hangs"
            ),
        }
        assert!(
            matches!(stream.read(&mut [0]), Ok(0) | Err(_)),
            "it stays open"
        );
    }
    // One who sends byte after byte gets no more time than one who sends nothing.
    let mut stream = client.connect().unwrap();
    let begun = Instant::now();
    until("a trickling head is cut", || {
        let gone = stream.write_all(b"G").is_err();
        (gone || begun.elapsed() > Duration::from_secs(8)).then_some(())
    });
    assert!(begun.elapsed() < Duration::from_secs(5));
}

#[test]
fn sigterm_finishes_what_has_begun_and_takes_nothing_new() {
    let _turn = turn();
    let workspace = Workspace::new();
    let target = path(&workspace);
    let mut gateway = Gateway::start(&[]);
    let client = gateway.client(&workspace.owner.key);
    client.get(CONTACTS).is(200);
    let mut holder = locked(&workspace);
    let pid: i32 = database::value(&mut holder, "select pg_backend_pid()", &[]);
    thread::scope(|scope| {
        let begun = scope.spawn(|| client.again().patch(&target, &json!({"name": "Finished"})));
        until("the request waits for the row", || {
            (waiting(&workspace, pid) == 1).then_some(())
        });
        gateway.terminate();
        until("nobody new is let in", || {
            client
                .again()
                .attempt("GET", CONTACTS, &[], None)
                .is_err()
                .then_some(())
        });
        Client::to(&gateway.admin_url).get("/readyz").is(503);
        Client::to(&gateway.admin_url).get("/livez").is(200);
        holder.batch_execute("rollback").unwrap();
        begun.join().unwrap().is(200);
    });
    assert!(gateway.end().success());
    assert_eq!(workspace.count("crm.contacts", "name = 'Finished'"), 1);
}

#[test]
fn a_drain_ends_even_if_a_request_does_not() {
    let _turn = turn();
    let workspace = Workspace::new();
    let target = path(&workspace);
    let mut gateway = Gateway::start(&[("UCRM_DRAIN_MS", "200")]);
    let client = gateway.client(&workspace.owner.key);
    let mut holder = locked(&workspace);
    let pid: i32 = database::value(&mut holder, "select pg_backend_pid()", &[]);
    thread::scope(|scope| {
        let cut = scope.spawn(|| {
            let json = [("content-type", "application/json")];
            client.attempt("PATCH", &target, &json, Some(br#"{"name": "Never"}"#))
        });
        until("the request waits for the row", || {
            (waiting(&workspace, pid) == 1).then_some(())
        });
        gateway.terminate();
        gateway.end();
        assert!(cut.join().unwrap().is_err());
    });
    until("its statement is gone", || {
        (waiting(&workspace, pid) == 0).then_some(())
    });
    holder.batch_execute("rollback").unwrap();
}

/// Takes the server away with `verbs` while four clients write; the names that were acknowledged.
fn write_while(workspace: &Workspace, gateway: &Gateway, verbs: &[&str]) -> Vec<String> {
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let writers: Vec<_> = (0..4)
            .map(|_| {
                let (client, done) = (gateway.client(&workspace.owner.key), &done);
                scope.spawn(move || {
                    let mut acknowledged = Vec::new();
                    let mut last = 0;
                    while !done.load(Relaxed) || last != 201 {
                        let name = Uuid::new_v4().to_string();
                        let reply = client.post(CONTACTS, &json!({"name": name}));
                        last = reply.status;
                        match last {
                            201 => acknowledged.push(name),
                            503 => {
                                reply.refused(503, "unavailable");
                                thread::sleep(Duration::from_millis(20));
                            }
                            _ => panic!("{last}: {}", reply.text()),
                        }
                    }
                    acknowledged
                })
            })
            .collect();
        let written = || workspace.count("crm.contacts", "true");
        until("some are written", || (written() > 20).then_some(()));
        for verb in verbs {
            stage::server(verb);
        }
        done.store(true, Relaxed);
        writers
            .into_iter()
            .flat_map(|writer| writer.join().unwrap())
            .collect()
    })
}

/// Every acknowledged contact is there, once, with one audit row and one event; so is what was written unacknowledged.
fn assert_whole(workspace: &Workspace, acknowledged: &[String]) {
    let mut db = until("the server answers", || {
        database::login("ADMIN_LOGIN", "ADMIN_LOGIN_PASSWORD").ok()
    });
    let row = db
        .query_one(
            "select count(*) filter (where c.name = any ($2)), count(distinct c.name), count(*),
                    count(*) filter (where a.n is distinct from 1 or e.n is distinct from 1)
             from crm.contacts as c
             left join (select record_id, count(*) as n from ucrm.audit_logs where tenant_id = $1 and resource = 'contacts' and action = 'create' group by 1) as a on a.record_id = c.id::text
             left join (select record_id, count(*) as n from ucrm.events where tenant_id = $1 and type = 'contacts.created' group by 1) as e on e.record_id = c.id::text
             where c.tenant_id = $1",
            &[&workspace.id, &acknowledged],
        )
        .unwrap();
    let (found, names, all, odd): (i64, i64, i64, i64) =
        (row.get(0), row.get(1), row.get(2), row.get(3));
    assert_eq!((found, odd), (acknowledged.len() as i64, 0));
    assert_eq!(names, all);
    let traced: i64 = database::value(
        &mut db,
        "select count(*) from ucrm.audit_logs where tenant_id = $1 and resource = 'contacts' and action = 'create'",
        &[&workspace.id],
    );
    assert_eq!(traced, all);
}

/// The stage's gateway is as ready as before.
fn everybody_again() {
    let admin = Client::to(&stage::name("UCRM_ADMIN_URL"));
    until_within(Duration::from_secs(30), "the stage is ready again", || {
        (admin.get("/readyz").status == 200).then_some(())
    });
    stage::client("ACME_OWNER_KEY").get(CONTACTS).is(200);
}

#[test]
fn a_restarted_server_costs_503s_and_nothing_else() {
    let _turn = turn();
    let workspace = Workspace::new();
    let gateway = Gateway::start(&[("UCRM_POOL_WAIT_MS", "500")]);
    // Otherwise the fast shutdown ends the connection that counts.
    let acknowledged = write_while(&workspace, &gateway, &["restart"]);
    assert_whole(&workspace, &acknowledged);
    gateway.client(&workspace.owner.key).get(CONTACTS).is(200);
    everybody_again();
}

#[test]
fn a_crash_loses_nothing_that_was_acknowledged() {
    let _turn = turn();
    let workspace = Workspace::new();
    let gateway = Gateway::start(&[("UCRM_POOL_WAIT_MS", "500")]);
    let acknowledged = write_while(&workspace, &gateway, &["crash", "start"]);
    assert_whole(&workspace, &acknowledged);
    gateway.client(&workspace.owner.key).get(CONTACTS).is(200);
    everybody_again();
}

#[test]
fn a_gateway_started_without_a_server_serves_when_it_is_there() {
    let _turn = turn();
    stage::server("stop");
    let gateway = Gateway::start(&[("UCRM_POOL_WAIT_MS", "500")]);
    let client = gateway.client(&stage::name("ACME_OWNER_KEY"));
    let admin = Client::to(&gateway.admin_url);
    client.get(CONTACTS).refused(503, "unavailable");
    admin.get("/readyz").is(503);
    admin.get("/livez").is(200);
    admin.get("/metrics").is(200);
    stage::server("start");
    until("it serves", || {
        (client.get(CONTACTS).status == 200).then_some(())
    });
    until("it is ready", || {
        (admin.get("/readyz").status == 200).then_some(())
    });
    everybody_again();
}
