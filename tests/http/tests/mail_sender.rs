//! A tenant's own sender: used where it may be and works, and never to reach what is behind the gateway's back.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::net::TcpListener;

use serde_json::json;
use ucrm_http_tests::api::Api;
use ucrm_http_tests::certificate::Certificate;
use ucrm_http_tests::gateway::Gateway;
use ucrm_http_tests::outbox::Outbox;
use ucrm_http_tests::smtp::Smtp;
use uuid::Uuid;

/// A loopback address of the test's own: tenants' ports are few.
fn own_address() -> String {
    let random = Uuid::new_v4();
    let [a, b, c, ..] = random.as_bytes();
    format!("127.{}.{}.{}", a % 250 + 1, b, c % 250 + 2)
}

/// Past what set_mail_sender() refuses: what resolves to such an address looks the same to the gateway.
fn sends_by(outbox: &Outbox, tenant: Uuid, host: &str, login: bool) {
    outbox.execute(
        "insert into ucrm.mail_senders (tenant_id, from_address, from_name, transport, host, port, tls, username, secret_mask)
         values ($1, 'hello@acme.example', 'Acme', 'smtp', $2, 2525, 'starttls', $3, $4)",
        &[&tenant, &host, &login.then_some("acme"), &login.then_some("••••")],
    );
    outbox.execute(
        "select ucrm.keep_secret($1, 'mail', $1, 'own-secret')",
        &[&tenant],
    );
}

fn reasons(gateway: &Gateway) -> Vec<String> {
    let lines = gateway
        .log()
        .into_iter()
        .filter(|line| line["message"] == "mail not sent");
    lines
        .map(|line| {
            format!(
                "{} {}",
                line["sender"].as_str().unwrap(),
                line["reason"].as_str().unwrap()
            )
        })
        .collect()
}

#[test]
fn an_invitation_leaves_by_the_tenants_own_server() {
    let host = own_address();
    let names = Certificate::of(&format!("IP:{host}"));
    let wishes = json!({"tls": "starttls", "cert": names.certificate(), "key": names.key(), "login": ["acme", "own-secret"]});
    let (own, platform) = (Smtp::at(&host, 2525, wishes), Smtp::start(json!({})));
    let outbox = Outbox::new();
    let tenant = outbox.tenant("acme");
    sends_by(&outbox, tenant, &host, true);
    let gateway = outbox.gateway(&[
        ("UCRM_SMTP_URL", &platform.url("", "?tls=none")),
        ("UCRM_MAIL_NETWORKS", "127.0.0.0/8"),
        ("UCRM_MAIL_CA_FILE", &names.authority()),
    ]);
    let id = outbox.invite(tenant, "ada@y.example", &json!({"inviter": "Eve"}));
    let mail = own.next();
    assert_eq!(
        (&mail["from"], &mail["login"], &mail["encrypted"]),
        (&json!("hello@acme.example"), &json!("acme"), &json!(true))
    );
    let message = mail["message"].as_str().unwrap();
    assert!(
        message.contains("From: Acme <hello@acme.example>"),
        "{message}"
    );
    assert!(message.contains("Eve invites you to work in"), "{message}");
    assert_eq!(
        outbox.until(id, "sent", 1).sender.as_deref(),
        Some("tenant")
    );
    assert!(platform.is_silent() && !gateway.said().contains("own-secret"));
    // What is between the platform and its users does not pass through a tenant's hands.
    let sql = "select ucrm.queue_mail('password_changed', 'ada@y.example', null, $1)";
    let id: Uuid = outbox.value(sql, &[&tenant]);
    assert_eq!(platform.next()["from"], "no-reply@app.example");
    outbox.until(id, "sent", 1);
    assert!(own.is_silent());
}

#[test]
fn the_platform_sends_when_the_tenants_own_server_does_not() {
    let host = own_address();
    let names = Certificate::of(&format!("IP:{host}"));
    let wishes = json!({"tls": "starttls", "cert": names.certificate(), "key": names.key(), "login": ["acme", "another"]});
    let (_own, platform) = (Smtp::at(&host, 2525, wishes), Smtp::start(json!({})));
    let outbox = Outbox::new();
    let tenant = outbox.tenant("acme");
    sends_by(&outbox, tenant, &host, true);
    let gateway = outbox.gateway(&[
        ("UCRM_SMTP_URL", &platform.url("", "?tls=none")),
        ("UCRM_MAIL_NETWORKS", "127.0.0.0/8"),
        ("UCRM_MAIL_CA_FILE", &names.authority()),
    ]);
    let id = outbox.invite(tenant, "ada@y.example", &json!({}));
    assert!(outbox.until(id, "queued", 1).last_error.contains("535"));
    outbox.hurry();
    outbox.until(id, "queued", 2);
    outbox.hurry();
    let mail = platform.next();
    assert_eq!(mail["from"], "no-reply@app.example");
    assert_eq!(
        outbox.until(id, "sent", 3).sender.as_deref(),
        Some("platform")
    );
    assert_eq!(reasons(&gateway), ["tenant refused before the mail"; 2]);
    let failures: i32 = outbox.value(
        "select failures from ucrm.mail_senders where tenant_id = $1",
        &[&tenant],
    );
    assert_eq!(failures, 2);
}

#[test]
fn a_tenants_server_that_is_not_on_the_internet_is_not_even_connected_to() {
    for host in [
        "127.0.0.1",
        "localhost",
        "::1",
        "::ffff:127.0.0.1",
        "0.0.0.0",
        "169.254.169.254",
        "10.0.0.1",
    ] {
        // Whoever connects is heard.
        let listener =
            ["127.0.0.1:2525", "[::1]:2525"].map(|address| TcpListener::bind(address).ok());
        let platform = Smtp::start(json!({}));
        let outbox = Outbox::new();
        let tenant = outbox.tenant("acme");
        sends_by(&outbox, tenant, host, false);
        let gateway = outbox.gateway(&[
            ("UCRM_SMTP_URL", &platform.url("", "?tls=none")),
            ("UCRM_MAIL_NETWORKS", "192.0.2.0/24"),
        ]);
        let id = outbox.invite(tenant, "ada@y.example", &json!({}));
        let mail = outbox.until(id, "queued", 1);
        assert_eq!(
            mail.last_error, "the server's address is not a public one",
            "{host}"
        );
        assert_eq!(reasons(&gateway), ["tenant destination"], "{host}");
        for listener in listener.iter().flatten() {
            listener.set_nonblocking(true).unwrap();
            assert!(listener.accept().is_err(), "{host} was connected to");
        }
    }
}

#[test]
fn where_mails_become_files_a_tenants_own_server_gets_none() {
    let folder = std::env::temp_dir().join(format!("ucrm-test-mail-{}", Uuid::new_v4().simple()));
    std::fs::create_dir(&folder).unwrap();
    let outbox = Outbox::new();
    let tenant = outbox.tenant("acme");
    sends_by(&outbox, tenant, "mail.acme.example", true);
    let _gateway = outbox.gateway(&[("UCRM_MAIL_DIR", folder.to_str().unwrap())]);
    let id = outbox.invite(tenant, "ada@y.example", &json!({}));
    outbox.until(id, "sent", 1);
    let file = std::fs::read_dir(&folder)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let mail = std::fs::read_to_string(file).unwrap();
    assert!(mail.contains("From: Acme <hello@acme.example>"), "{mail}");
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn resend_is_given_the_mail_and_the_key_and_its_answers_are_understood() {
    let api = Api::start(&[
        (200, r#"{"id": "49a3999c-0ce1-4ea6-ab68-afcd6dc2e794"}"#),
        (
            429,
            r#"{"name": "rate_limit_exceeded", "message": "Too many requests"}"#,
        ),
        (200, r#"{"id": "x"}"#),
        (
            422,
            r#"{"name": "validation_error", "message": "Invalid `to` field"}"#,
        ),
        (
            401,
            r#"{"name": "missing_api_key", "message": "Missing API Key"}"#,
        ),
    ]);
    let outbox = Outbox::new();
    let gateway = outbox.gateway(&[
        ("UCRM_RESEND_API_KEY", "re_own-key"),
        ("UCRM_RESEND_URL", &api.url),
    ]);
    let id = outbox.queue("password_changed", "ada@acme.example");
    let asked = api.next();
    assert!(
        asked.head.starts_with("POST /emails HTTP/1.1\n"),
        "{}",
        asked.head
    );
    assert!(
        asked.head.contains("authorization: Bearer re_own-key\n"),
        "{}",
        asked.head
    );
    assert!(!asked.head.to_lowercase().contains("idempotency"));
    assert_eq!(asked.body["from"], "Tests <no-reply@app.example>");
    assert_eq!(asked.body["to"], json!(["ada@acme.example"]));
    assert_eq!(asked.body["subject"], "Your password was changed");
    for part in ["text", "html"] {
        assert!(
            asked.body[part].as_str().unwrap().contains("app.example"),
            "{part}"
        );
    }
    outbox.until(id, "sent", 1);
    // Too many at a time: later.
    let id = outbox.queue("password_changed", "ada@acme.example");
    api.next();
    assert_eq!(
        outbox.until(id, "queued", 1).last_error,
        "429 rate_limit_exceeded Too many requests"
    );
    outbox.hurry();
    api.next();
    outbox.until(id, "sent", 2);
    // Never.
    let id = outbox.queue("password_changed", "ada@acme.example");
    api.next();
    outbox.until(id, "failed", 1);
    // An operator may mend it.
    let id = outbox.queue("password_changed", "ada@acme.example");
    api.next();
    outbox.until(id, "queued", 1);
    assert_eq!(
        reasons(&gateway),
        [
            "platform refused for now",
            "platform refused",
            "platform authentication"
        ]
    );
    assert!(!gateway.said().contains("re_own-key") && !gateway.said().contains("acme.example"));
    assert!(api.is_silent());
}

#[test]
fn a_tenant_may_send_by_resend_too() {
    let api = Api::start(&[(200, r#"{"id": "x"}"#)]);
    let outbox = Outbox::new();
    let tenant = outbox.tenant("acme");
    outbox.execute(
        "insert into ucrm.mail_senders (tenant_id, from_address, transport, secret_mask) values ($1, 'hello@acme.example', 'resend', '••••')",
        &[&tenant],
    );
    outbox.execute(
        "select ucrm.keep_secret($1, 'mail', $1, 're_tenants')",
        &[&tenant],
    );
    let _gateway = outbox.gateway(&[("UCRM_RESEND_URL", &api.url)]);
    let id = outbox.invite(tenant, "ada@y.example", &json!({}));
    let asked = api.next();
    assert!(asked.head.contains("authorization: Bearer re_tenants\n"));
    assert_eq!(asked.body["from"], "hello@acme.example");
    assert_eq!(
        outbox.until(id, "sent", 1).sender.as_deref(),
        Some("tenant")
    );
}
