//! A back end with its own driver: begin, enter, work, commit, and the same walls without the gateway.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use postgres::{Client, Transaction};
use ucrm_http_tests::database::{self, refusal};
use ucrm_http_tests::workspace::Workspace;
use uuid::Uuid;

const INSERT: &str = "insert into crm.contacts (name) values ('From a back end')";

fn backend() -> Client {
    database::login("BACKEND_LOGIN", "BACKEND_PASSWORD").unwrap()
}

/// The SQLSTATE and code that a statement is refused with, in a transaction of its own as this member.
fn refused(
    db: &mut Client,
    workspace: &Workspace,
    user: Option<Uuid>,
    sql: &str,
) -> (String, String) {
    let mut work = db.transaction().unwrap();
    if let Err(error) = work.execute("select ucrm.enter($1, $2)", &[&workspace.id, &user]) {
        return refusal::<()>(Err(error));
    }
    refusal(work.execute(sql, &[]))
}

fn pair(sqlstate: &str, code: &str) -> (String, String) {
    (sqlstate.to_owned(), code.to_owned())
}

fn enter<'a>(db: &'a mut Client, workspace: &Workspace, user: Option<Uuid>) -> Transaction<'a> {
    let mut work = db.transaction().unwrap();
    work.execute("select ucrm.enter($1, $2)", &[&workspace.id, &user])
        .unwrap();
    work
}

#[test]
fn what_it_commits_the_api_shows_with_its_trace() {
    let workspace = Workspace::new();
    let mut db = backend();
    let mut work = enter(&mut db, &workspace, Some(workspace.owner.id));
    let row = work
        .query_one(&format!("{INSERT} returning tenant_id, owner_id, id"), &[])
        .unwrap();
    assert_eq!(
        (row.get::<_, Uuid>(0), row.get::<_, Uuid>(1)),
        (workspace.id, workspace.owner.id)
    );
    work.commit().unwrap();
    let id: Uuid = row.get(2);
    let shown = workspace
        .owner()
        .get(&format!("/api/v1/contacts/{id}"))
        .data(200);
    assert_eq!(shown["name"], "From a back end");
    let login = ucrm_http_tests::stage::name("BACKEND_LOGIN");
    let trace = format!(
        "record_id = '{id}' and actor_kind = 'member' and db_login = '{login}' and user_id = '{}' and request_id is not null",
        workspace.owner.id
    );
    assert_eq!(workspace.count("ucrm.audit_logs", &trace), 1);
    assert_eq!(
        workspace.count(
            "ucrm.events",
            &format!("record_id = '{id}' and type = 'contacts.created'")
        ),
        1
    );
}

#[test]
fn what_it_rolls_back_leaves_nothing() {
    let workspace = Workspace::new();
    let mut db = backend();
    let mut work = enter(&mut db, &workspace, None);
    work.execute(INSERT, &[]).unwrap();
    work.rollback().unwrap();
    assert_eq!(workspace.count("crm.contacts", "true"), 0);
    assert_eq!(workspace.count("ucrm.events", "resource = 'contacts'"), 0);
}

#[test]
fn without_a_context_it_sees_nothing_and_writes_nothing() {
    let workspace = Workspace::new();
    workspace.contact("Hidden");
    let mut db = backend();
    for table in [
        "crm.contacts",
        "crm.organizations",
        "ucrm.tenants",
        "ucrm.audit_logs",
        "ucrm.members",
    ] {
        let rows: i64 = database::value(&mut db, &format!("select count(*) from {table}"), &[]);
        assert_eq!(rows, 0, "{table}");
    }
    for sql in [
        INSERT,
        "update crm.contacts set name = 'x'",
        "delete from crm.contacts",
    ] {
        assert_eq!(
            refusal(db.execute(sql, &[])),
            pair("PT401", "no_context"),
            "{sql}"
        );
    }
    // The context ends with its transaction.
    enter(&mut db, &workspace, None).commit().unwrap();
    let rows: i64 = database::value(&mut db, "select count(*) from crm.contacts", &[]);
    assert_eq!(rows, 0);
    assert_eq!(
        refusal(db.execute(INSERT, &[])),
        pair("PT401", "no_context")
    );
}

#[test]
fn it_meets_the_same_refusals_as_the_api() {
    let workspace = Workspace::new();
    let (agent, reader) = (workspace.member("agent"), workspace.member("reader"));
    let mut db = backend();
    let tenant =
        |what: &str| workspace.change(&format!("update ucrm.tenants set {what} where id = $1"));
    let writes = [
        INSERT,
        "update crm.contacts set name = 'x'",
        "delete from crm.contacts",
    ];
    let mut all = |user: Option<Uuid>, sqlstate: &str, code: &str| {
        for sql in writes {
            assert_eq!(
                refused(&mut db, &workspace, user, sql),
                pair(sqlstate, code),
                "{sql}"
            );
        }
    };
    all(Some(reader.id), "PT403", "permission_denied");
    all(Some(Uuid::now_v7()), "PT403", "not_a_member");
    workspace.verify(agent.id, false);
    all(Some(agent.id), "PT403", "email_unverified");
    workspace.verify(agent.id, true);
    tenant("trial_ends_at = now()");
    all(Some(agent.id), "PT402", "trial_expired");
    all(None, "PT402", "trial_expired");
    for (status, code) in [
        ("pending_approval", "workspace_pending_approval"),
        ("suspended", "workspace_suspended"),
        ("rejected", "workspace_rejected"),
    ] {
        tenant(&format!("status = '{status}'"));
        all(Some(agent.id), "PT403", code);
        all(None, "PT403", code);
    }
    tenant("status = 'approved', trial_ends_at = null");
    workspace.change("update ucrm.tenant_memberships set disabled_at = now() where tenant_id = $1 and role = 'agent'");
    all(Some(agent.id), "PT403", "member_disabled");
}

#[test]
fn a_closed_workspace_is_entered_and_shows_nothing() {
    let workspace = Workspace::new();
    workspace.contact("Closed");
    let mut db = backend();
    for (status, rows) in [("suspended", 0), ("rejected", 0), ("pending_approval", 1)] {
        workspace.execute(
            "update ucrm.tenants set status = $2 where id = $1",
            &[&workspace.id, &status],
        );
        let mut work = enter(&mut db, &workspace, Some(workspace.owner.id));
        let seen: i64 = work
            .query_one("select count(*) from crm.contacts", &[])
            .unwrap()
            .get(0);
        assert_eq!(seen, rows, "{status}");
    }
}

#[test]
fn a_transaction_enters_once() {
    let (workspace, other) = (Workspace::new(), Workspace::new());
    let mut db = backend();
    let mut work = enter(&mut db, &workspace, Some(workspace.owner.id));
    let again = work.execute("select ucrm.enter($1, $2)", &[&other.id, &other.owner.id]);
    assert_eq!(refusal(again).0, "42501");
    drop(work);
    let mut work = enter(&mut db, &workspace, None);
    work.batch_execute("savepoint s").unwrap();
    let forged = work.batch_execute(&format!("set local app.tenant_id = '{}'", other.id));
    assert_eq!(refusal(forged).0, "42501");
    work.batch_execute("rollback to savepoint s").unwrap();
    assert_eq!(
        refusal(work.execute("select ucrm.enter($1)", &[&other.id])).0,
        "42501"
    );
}

#[test]
fn a_change_binds_its_next_transaction() {
    let workspace = Workspace::new();
    let agent = workspace.member("agent");
    let mut db = backend();
    let prepared = db
        .prepare("insert into crm.contacts (name) values ($1)")
        .unwrap();
    let mut work = enter(&mut db, &workspace, Some(agent.id));
    work.execute(&prepared, &[&"first"]).unwrap();
    workspace.change("update ucrm.tenant_memberships set role = 'reader' where tenant_id = $1 and role = 'agent'");
    work.execute(&prepared, &[&"second"]).unwrap();
    work.commit().unwrap();
    let mut work = enter(&mut db, &workspace, Some(agent.id));
    assert_eq!(
        refusal(work.execute(&prepared, &[&"third"])),
        pair("PT403", "permission_denied")
    );
}

#[test]
fn foreign_rows_are_neither_seen_nor_changed_nor_referred_to() {
    let (workspace, other) = (Workspace::new(), Workspace::new());
    let theirs = other
        .owner()
        .post("/api/v1/organizations", &serde_json::json!({"name": "T"}))
        .data(201);
    other.contact("Theirs");
    let mut db = backend();
    let mut work = enter(&mut db, &workspace, Some(workspace.owner.id));
    for sql in [
        "update crm.contacts set name = 'x'",
        "delete from crm.contacts",
    ] {
        assert_eq!(work.execute(sql, &[]).unwrap(), 0);
    }
    work.batch_execute("savepoint s").unwrap();
    let foreign = work.execute(
        "insert into crm.contacts (tenant_id, name) values ($1, 'x')",
        &[&other.id],
    );
    assert_eq!(refusal(foreign).0, "42501");
    work.batch_execute("rollback to savepoint s").unwrap();
    let organization: Uuid = theirs["id"].as_str().unwrap().parse().unwrap();
    let referring = work.execute(
        "insert into crm.contacts (name, organization_id) values ('x', $1)",
        &[&organization],
    );
    assert_eq!(refusal(referring).0, "23503");
}

#[test]
fn it_cannot_do_what_the_kernel_does() {
    let mut db = backend();
    for sql in [
        "select * from ucrm.users",
        "select digest from ucrm.api_keys",
        "update ucrm.tenants set plan = 'x'",
        "insert into ucrm.gates (name, position, applies, check_fn, code) values ('x', 1, 'write', 'a.b', 'internal')",
        "truncate crm.contacts",
        "alter table crm.contacts disable row level security",
        "set role ucrm_platform",
        "select ucrm.latch(null, null, null)",
        "select ucrm.issue_api_key(null, null, '')",
        "delete from ucrm.audit_logs",
        "select ucrm.bind_login('x', null)",
        "create table crm.mine (id int)",
    ] {
        let (sqlstate, _) = refusal(db.execute(sql, &[]));
        assert!(
            ["42501", "42883"].contains(&sqlstate.as_str()),
            "{sql}: {sqlstate}"
        );
    }
}
