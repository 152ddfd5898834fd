//! The analyst's login: one workspace's rows, whatever it sends, and no write.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use postgres::Client;
use ucrm_http_tests::database::{self, refusal, value};
use ucrm_http_tests::stage::name;
use ucrm_http_tests::workspace::Workspace;
use uuid::Uuid;

fn report() -> Client {
    database::login("REPORT_LOGIN", "REPORT_PASSWORD").unwrap()
}

#[test]
fn it_reads_exactly_its_own_workspace() {
    let other = Workspace::new();
    other.contact("Not Acme's");
    let acme: Uuid = name("ACME_ID").parse().unwrap();
    let (mut db, mut admin) = (report(), database::admin());
    for table in ["crm.contacts", "crm.organizations"] {
        let ids =
            format!("select coalesce(string_agg(id::text, ',' order by id), '') from {table}");
        let seen: String = value(&mut db, &ids, &[]);
        let own: String = value(&mut admin, &format!("{ids} where tenant_id = $1"), &[&acme]);
        assert_eq!(seen, own, "{table}");
        assert!(!seen.is_empty());
    }
    let tenants: i64 = value(
        &mut db,
        "select count(*) from ucrm.tenants where id <> $1",
        &[&acme],
    );
    assert_eq!(tenants, 0);
    let members: i64 = value(&mut db, "select count(*) from ucrm.members", &[]);
    let own: i64 = value(
        &mut admin,
        "select count(*) from ucrm.tenant_memberships where tenant_id = $1",
        &[&acme],
    );
    assert_eq!(members, own);
}

#[test]
fn it_writes_nothing_read_only_or_not() {
    let mut db = report();
    for mode in ["on", "off"] {
        db.batch_execute(&format!("set default_transaction_read_only = {mode}"))
            .unwrap();
        for sql in [
            "insert into crm.contacts (name) values ('x')",
            "update crm.contacts set name = 'x'",
            "delete from crm.contacts",
            "merge into crm.contacts c using (select 1) s on true when matched then delete",
            "truncate crm.contacts",
            "insert into crm.contacts (name) values ('x') on conflict do nothing",
            "create table public.mine (id int)",
        ] {
            let (sqlstate, _) = refusal(db.execute(sql, &[]));
            assert!(
                ["42501", "25006", "PT403"].contains(&sqlstate.as_str()),
                "{mode} {sql}: {sqlstate}"
            );
        }
    }
}

#[test]
fn it_cannot_become_somebody_else() {
    let mut db = report();
    db.batch_execute("set default_transaction_read_only = off")
        .unwrap();
    let globex = name("GLOBEX_ID");
    for sql in [
        format!("select ucrm.enter('{globex}')"),
        format!("set app.tenant_id = '{globex}'"),
        format!("select set_config('app.tenant_id', '{globex}', false)"),
        "set role ucrm_app".to_owned(),
        "set role ucrm_platform".to_owned(),
        "set session authorization postgres".to_owned(),
        format!("select ucrm.bind_login(session_user, '{globex}')"),
        "select ucrm.handle('GET', '/', '', null, null, null, null, null, null, null)".to_owned(),
        format!(
            "alter role \"{}\" set app.tenant_id = '{globex}'",
            name("REPORT_LOGIN")
        ),
    ] {
        assert_eq!(refusal(db.execute(&sql, &[])).0, "42501", "{sql}");
        let rows: i64 = value(
            &mut db,
            "select count(*) from crm.contacts where tenant_id::text = $1",
            &[&globex],
        );
        assert_eq!(rows, 0);
    }
    db.batch_execute("reset all").unwrap();
    db.batch_execute("discard all").unwrap();
    let acme: String = value(&mut db, "select ucrm.tenant_id()::text", &[]);
    assert_eq!(acme, name("ACME_ID"));
}

#[test]
fn a_binding_that_changes_binds_the_next_statement() {
    let (workspace, other) = (Workspace::new(), Workspace::new());
    workspace.contact("One");
    other.contact("Two");
    other.contact("Three");
    let login = format!("report_{}", &Uuid::new_v4().simple().to_string()[..12]);
    let password = Uuid::new_v4().simple().to_string();
    workspace.execute(
        "select ucrm.bind_login($1::text::name, $2)",
        &[&login, &workspace.id],
    );
    workspace.execute(&format!("alter role {login} password '{password}'"), &[]);
    let mut db = database::connect(&login, &password).unwrap();
    let mut reading = db.transaction().unwrap();
    let count = reading
        .prepare("select count(*) from crm.contacts")
        .unwrap();
    let mut rows = |expected: i64| {
        let seen: i64 = reading.query_one(&count, &[]).unwrap().get(0);
        assert_eq!(seen, expected);
    };
    rows(1);
    workspace.execute(
        "select ucrm.bind_login($1::text::name, $2)",
        &[&login, &other.id],
    );
    rows(2);
    other.change("update ucrm.tenants set status = 'suspended' where id = $1");
    rows(0);
    other.change("update ucrm.tenants set status = 'approved' where id = $1");
    rows(2);
    workspace.execute(
        "delete from ucrm.logins where login = $1::text::name",
        &[&login],
    );
    rows(0);
    drop(reading);
    drop(db);
    workspace.execute(
        "select ucrm.bind_login($1::text::name, $2)",
        &[&login, &workspace.id],
    );
    workspace.execute("select ucrm.unbind_login($1::text::name)", &[&login]);
    workspace.execute(&format!("drop owned by {login}"), &[]);
    workspace.execute(&format!("drop role {login}"), &[]);
}

#[test]
fn the_gateways_login_reaches_no_table() {
    let url = std::fs::read_to_string(name("UCRM_TEST_DATABASE_URL_FILE")).unwrap();
    let mut db = Client::connect(url.trim(), postgres::NoTls).unwrap();
    for table in [
        "crm.contacts",
        "ucrm.tenants",
        "ucrm.users",
        "ucrm.api_keys",
        "ucrm.audit_logs",
        "ucrm.settings",
        "ucrm.internal_secrets",
    ] {
        for sql in [
            format!("select count(*) from {table}"),
            format!("delete from {table}"),
            format!("copy {table} to stdout"),
        ] {
            assert_eq!(refusal(db.batch_execute(&sql)).0, "42501", "{sql}");
        }
    }
    for call in [
        "ucrm.enter(null)",
        "ucrm.latch(null, null, null)",
        "ucrm.provision_tenant('a', 'b', 'c@d')",
        "ucrm.authenticate('key', null)",
        "ucrm.set('approval', '1')",
        "ucrm.run('select 1', null)",
        "ucrm.export_tenant(null)",
        "ucrm.erase_tenant(null)",
    ] {
        assert_eq!(
            refusal(db.execute(&format!("select {call}"), &[])).0,
            "42501",
            "{call}"
        );
    }
    for role in [
        "ucrm_app",
        "ucrm_handler",
        "ucrm_mover",
        "ucrm_owner",
        "ucrm_platform",
        "ucrm_tables",
        "ucrm_reader",
    ] {
        assert_eq!(
            refusal(db.batch_execute(&format!("set role {role}"))).0,
            "42501",
            "{role}"
        );
    }
}

#[test]
fn an_unknown_login_learns_nothing_from_functions() {
    let mut admin = database::admin();
    let login = format!("plain_{}", &Uuid::new_v4().simple().to_string()[..12]);
    let password = Uuid::new_v4().simple().to_string();
    database::execute(
        &mut admin,
        &format!("create role {login} login password '{password}'"),
        &[],
    );
    let mut db = database::connect(&login, &password).unwrap();
    for sql in [
        "select count(*) from crm.contacts",
        "select * from ucrm.why()",
        "select ucrm.setting('approval')",
        "select * from ucrm.tenants",
    ] {
        assert_eq!(refusal(db.execute(sql, &[])).0, "42501", "{sql}");
    }
    drop(db);
    database::execute(&mut admin, &format!("drop role {login}"), &[]);
}
