//! What a thief of logs, dumps and the audit learns: nothing that could be presented.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::process::Command;

use serde_json::{Value, json};
use ucrm_http_tests::database;
use ucrm_http_tests::gateway::Gateway;
use ucrm_http_tests::person::Person;
use ucrm_http_tests::stage::name;
use uuid::Uuid;

/// The server writes everything it can, parameters too, until this is dropped.
struct Talkative;

impl Talkative {
    fn server() -> Talkative {
        set(&[
            "alter system set log_statement = 'all'",
            "alter system set log_min_duration_statement = 0",
            "alter system set log_parameter_max_length = -1",
            "alter system set log_parameter_max_length_on_error = -1",
            "alter system set log_min_error_statement = debug5",
        ]);
        Talkative
    }
}

impl Drop for Talkative {
    fn drop(&mut self) {
        set(&[
            "alter system reset log_statement",
            "alter system reset log_min_duration_statement",
            "alter system reset log_parameter_max_length",
            "alter system reset log_parameter_max_length_on_error",
            "alter system reset log_min_error_statement",
        ]);
    }
}

fn set(statements: &[&str]) {
    let mut db = database::admin();
    for statement in statements {
        database::execute(&mut db, statement, &[]);
    }
    let _: bool = database::value(&mut db, "select pg_reload_conf()", &[]);
}

/// Where each of the secrets occurs in the text, as it is and as PostgreSQL would write its bytes.
fn found(text: &str, secrets: &[(&'static str, String)]) -> Vec<&'static str> {
    let lower = text.to_lowercase();
    secrets
        .iter()
        .filter(|(_, secret)| {
            let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
            text.contains(secret.as_str()) || lower.contains(&hex)
        })
        .map(|(what, _)| *what)
        .collect()
}

/// What an authenticator app shows now.
fn code_of(secret: &str) -> String {
    let shown = Command::new("oathtool")
        .args(["--totp", "--base32", secret])
        .output()
        .unwrap();
    String::from_utf8(shown.stdout).unwrap().trim().to_owned()
}

/// What its owner is shown: secrets of keys and of a webhook; and the token of an invitation.
fn of_a_workspace(person: &Person, workspace: Uuid) -> Vec<(&'static str, String)> {
    const KEYS: &str = "/api/v1/api_keys";
    let mut db = database::admin();
    let approve = "update ucrm.tenants set status = 'approved' where id = $1";
    database::execute(&mut db, approve, &[&workspace]);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let key = person
        .post(KEYS, &json!({"name": "Form", "scopes": ["contacts:read"]}))
        .data(201);
    let rotate = format!("{KEYS}/{}/rotate", key["id"].as_str().unwrap());
    let rotated = person.post(&rotate, &json!({})).data(201);
    let invitation = person
        .post(
            "/api/v1/invitations",
            &json!({"email": format!("invited-{}", person.email), "role": "reader"}),
        )
        .data(201);
    let id: Uuid = invitation["id"].as_str().unwrap().parse().unwrap();
    let mint = "select ucrm.mint_invitation_token($1)";
    let webhook = person
        .post(
            "/api/v1/webhooks",
            &json!({"url": "https://hooks.acme.example/"}),
        )
        .data(201);
    let path = format!("/api/v1/webhooks/{}", webhook["id"].as_str().unwrap());
    let next = person.post(&format!("{path}/rotate"), &json!({})).data(200);
    let shown = person.get(&format!("{path}/secret")).data(200);
    assert_eq!(shown["secret"], next["secret"]);
    let bare = |made: &Value| text(&made["secret"]).replacen("whsec_", "", 1);
    vec![
        ("a webhook's secret", bare(&webhook)),
        ("its next one", bare(&next)),
        ("a key", text(&key["secret"])),
        ("a rotated key", text(&rotated["secret"])),
        ("an invitation", database::value(&mut db, mint, &[&id])),
    ]
}

#[test]
fn no_secret_of_a_journey_is_in_the_log_the_dump_or_the_audit() {
    let gateway = Gateway::behind_proxy();
    let talkative = Talkative::server();
    let mut secrets: Vec<(&'static str, String)> = Vec::new();
    let text = |value: &Value| value.as_str().unwrap().to_owned();

    let person = Person::unknown(&gateway);
    secrets.push(("the password", person.password.clone()));
    person.register().is(202);
    // The token of a mail is made in a session of the worker's, whose statements carry it to nobody.
    let token = person.mailed("verify_email");
    person
        .post("/api/v1/auth/verify-email", &json!({"token": token}))
        .is(200);
    secrets.push(("the token of a mail", token));
    let session = person.sign_in().data(200);
    secrets.push(("the session's token", text(&session["token"])));
    secrets.push(("the cookie", person.cookie().unwrap()));
    person
        .post(
            "/api/v1/auth/login",
            &json!({"email": person.email, "password": "a mistaken password"}),
        )
        .refused(401, "invalid_credentials");
    secrets.push(("a wrong password", "a mistaken password".to_owned()));
    let enrolled = person.post("/api/v1/auth/totp", &json!({})).data(201);
    secrets.push(("the app's secret", text(&enrolled["secret"])));
    let code = code_of(&text(&enrolled["secret"]));
    let confirmed = person
        .post("/api/v1/auth/totp/confirm", &json!({"code": code}))
        .data(200);
    let codes = confirmed["recovery_codes"].as_array().unwrap();
    secrets.extend(codes.iter().map(|code| ("a recovery code", text(code))));
    let made = person.post("/api/v1/workspaces", &json!({"name": "Of a test"}));
    let workspace: Uuid = made.data(201)["id"].as_str().unwrap().parse().unwrap();
    secrets.push(("the next cookie", person.cookie().unwrap()));
    secrets.extend(of_a_workspace(&person, workspace));
    person
        .post(
            "/api/v1/auth/change-password",
            &json!({"current_password": person.password, "new_password": "another one entirely"}),
        )
        .is(204);
    secrets.push(("the new password", "another one entirely".to_owned()));
    secrets.push(("the last cookie", person.cookie().unwrap()));
    // Bodies that break on the way.
    for body in [
        json!({"email": person.email, "password": "a password beside \u{0}"}),
        json!({"email": "\u{0}", "password": "a password beside \u{0}"}),
    ] {
        let reply = person.post("/api/v1/auth/login", &body);
        assert!((400..500).contains(&reply.status), "{}", reply.status);
    }
    secrets.push(("a broken password", "a password beside".to_owned()));

    let mut db = database::admin();
    let log: String = database::value(
        &mut db,
        "select string_agg(convert_from(pg_read_binary_file(current_setting('log_directory') || '/' || f), 'UTF8'), '') \
         from pg_ls_logdir() as l (f) where f like 'server-%'",
        &[],
    );
    drop(talkative);
    assert!(
        log.contains("ucrm.password_work("),
        "the log has the statements"
    );
    let said = gateway.said();
    let audit: String = database::value(
        &mut db,
        "select coalesce((select string_agg(a::text, '') from ucrm.audit_logs as a), '') \
             || coalesce((select string_agg(e::text, '') from ucrm.events as e), '') \
             || coalesce((select string_agg(p::text, '') from ucrm.platform_audit_logs as p), '')",
        &[],
    );
    let dump = Command::new(format!("{}/pg_dump", name("UCRM_TEST_PGBIN")))
        .args([
            "-h",
            &name("UCRM_PGHOST"),
            "-p",
            &name("UCRM_PGPORT"),
            "-U",
            &name("ADMIN_LOGIN"),
        ])
        .arg(name("UCRM_PGDATABASE"))
        .env("PGPASSWORD", name("ADMIN_LOGIN_PASSWORD"))
        .output()
        .unwrap();
    assert!(
        dump.status.success(),
        "{}",
        String::from_utf8_lossy(&dump.stderr)
    );
    let dump = String::from_utf8(dump.stdout).unwrap();
    assert!(dump.contains(&person.email), "the dump has the account");
    for (place, text) in [
        ("the server's log", &log),
        ("the gateway's log", &said),
        ("the audit", &audit),
        ("a dump", &dump),
    ] {
        assert_eq!(found(text, &secrets), Vec::<&str>::new(), "{place}");
    }
}
