//! Mail by SMTP, against a real server in all its moods.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::io::Write;
use std::net::TcpListener;
use std::thread;

use serde_json::{Value, json};
use ucrm_http_tests::certificate::Certificate;
use ucrm_http_tests::gateway::Gateway;
use ucrm_http_tests::outbox::Outbox;
use ucrm_http_tests::smtp::Smtp;

fn by(outbox: &Outbox, url: &str) -> Gateway {
    outbox.gateway(&[("UCRM_SMTP_URL", url)])
}

fn header<'a>(mail: &'a Value, name: &str) -> &'a str {
    let message = mail["message"].as_str().unwrap();
    let line = message
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    line.unwrap_or_else(|| panic!("{name} in {message}"))
}

fn why(gateway: &Gateway) -> String {
    let line = gateway
        .log()
        .into_iter()
        .rfind(|line| line["message"] == "mail not sent")
        .unwrap();
    line["reason"].as_str().unwrap().to_owned()
}

#[test]
fn a_plain_server_takes_a_mail() {
    let (outbox, server) = (Outbox::new(), Smtp::start(json!({})));
    let gateway = by(&outbox, &server.url("", "?tls=none"));
    let id = outbox.queue("password_changed", "ada@acme.example");
    let mail = server.next();
    assert_eq!(
        (&mail["from"], &mail["to"]),
        (&json!("no-reply@app.example"), &json!(["ada@acme.example"]))
    );
    assert_eq!(
        (&mail["encrypted"], &mail["hello"]),
        (&json!(false), &json!("app.example"))
    );
    assert_eq!(header(&mail, "From"), "Tests <no-reply@app.example>");
    assert_eq!(header(&mail, "To"), "ada@acme.example");
    assert_eq!(header(&mail, "Subject"), "Your password was changed");
    assert_eq!(header(&mail, "Message-ID"), format!("<{id}.1@app.example>"));
    assert!(
        mail["message"]
            .as_str()
            .unwrap()
            .contains("https://app.example/auth/forgot-password")
    );
    assert_eq!(
        outbox.until(id, "sent", 1).sender.as_deref(),
        Some("platform")
    );
    assert!(!gateway.said().contains("acme.example"));
}

#[test]
fn starttls_and_a_login() {
    let names = Certificate::of("IP:127.0.0.1");
    let wishes = json!({"tls": "starttls", "cert": names.certificate(), "key": names.key(), "login": ["ada", "geheim: ä/"]});
    let (outbox, server) = (Outbox::new(), Smtp::start(wishes));
    let gateway = outbox.gateway(&[
        (
            "UCRM_SMTP_URL",
            &server.url("ada:geheim%3A%20%C3%A4%2F@", ""),
        ),
        ("UCRM_MAIL_CA_FILE", &names.authority()),
    ]);
    let id = outbox.queue("password_changed", "ada@acme.example");
    let mail = server.next();
    assert_eq!(
        (&mail["encrypted"], &mail["login"]),
        (&json!(true), &json!("ada"))
    );
    outbox.until(id, "sent", 1);
    assert!(!gateway.said().contains("geheim"));
}

#[test]
fn encryption_from_the_first_byte() {
    let names = Certificate::of("IP:127.0.0.1");
    let wishes = json!({"tls": "implicit", "cert": names.certificate(), "key": names.key()});
    let (outbox, server) = (Outbox::new(), Smtp::start(wishes));
    let _gateway = outbox.gateway(&[
        (
            "UCRM_SMTP_URL",
            &server.url("", "").replace("smtp://", "smtps://"),
        ),
        ("UCRM_MAIL_CA_FILE", &names.authority()),
    ]);
    let id = outbox.queue("password_changed", "ada@acme.example");
    assert_eq!(server.next()["encrypted"], true);
    outbox.until(id, "sent", 1);
}

#[test]
fn a_wrong_password_waits_for_the_operator() {
    let (outbox, server) = (
        Outbox::new(),
        Smtp::start(json!({"login": ["ada", "right"]})),
    );
    let gateway = by(&outbox, &server.url("ada:wrong@", "?tls=none"));
    let id = outbox.queue("password_changed", "ada@acme.example");
    let mail = outbox.until(id, "queued", 1);
    assert!(mail.last_error.contains("535"), "{}", mail.last_error);
    assert_eq!(why(&gateway), "refused before the mail");
    assert!(!gateway.said().contains("wrong") && server.is_silent());
}

#[test]
fn nothing_is_sent_in_clear_or_to_somebody_else() {
    let outbox = Outbox::new();
    // A server that offers no encryption.
    let server = Smtp::start(json!({}));
    let gateway = by(&outbox, &server.url("", ""));
    let id = outbox.queue("password_changed", "one@acme.example");
    outbox.until(id, "queued", 1);
    assert_eq!(why(&gateway), "not offered by the server");
    assert!(server.is_silent());
    drop(gateway);
    // One whose certificate nobody vouches for.
    let names = Certificate::of("IP:127.0.0.1");
    let wishes = |names: &Certificate| json!({"tls": "starttls", "cert": names.certificate(), "key": names.key(), "login": ["ada", "hush"]});
    let server = Smtp::start(wishes(&names));
    let gateway = by(&outbox, &server.url("ada:hush@", ""));
    let id = outbox.queue("password_changed", "two@acme.example");
    let mail = outbox.until(id, "queued", 1);
    assert!(
        mail.last_error.contains("certificate"),
        "{}",
        mail.last_error
    );
    assert!(server.is_silent());
    drop(gateway);
    // One that is another's.
    let others = Certificate::of("DNS:mail.example");
    let server = Smtp::start(wishes(&others));
    let gateway = outbox.gateway(&[
        ("UCRM_SMTP_URL", &server.url("ada:hush@", "")),
        ("UCRM_MAIL_CA_FILE", &others.authority()),
    ]);
    let id = outbox.queue("password_changed", "three@acme.example");
    let mail = outbox.until(id, "queued", 1);
    assert!(
        mail.last_error.contains("certificate"),
        "{}",
        mail.last_error
    );
    assert!(server.is_silent() && !gateway.said().contains("hush"));
}

#[test]
fn what_is_refused_for_now_is_sent_later_with_another_link() {
    let (outbox, server) = (
        Outbox::new(),
        Smtp::start(json!({"message": ["451 try later", "250 OK"]})),
    );
    let gateway = by(&outbox, &server.url("", "?tls=none"));
    let tenant = outbox.tenant("acme");
    let id = outbox.invite(tenant, "ada@acme.example", &json!({}));
    let first = server.next();
    let mail = outbox.until(id, "queued", 1);
    assert!(
        mail.last_error.contains("451") || mail.last_error.contains("try later"),
        "{}",
        mail.last_error
    );
    assert_eq!(why(&gateway), "refused for now");
    outbox.hurry();
    let second = server.next();
    outbox.until(id, "sent", 2);
    let link = |mail: &Value| {
        let message = mail["message"].as_str().unwrap().to_owned();
        message
            .lines()
            .find(|line| line.contains("/auth/invitation#token="))
            .unwrap()
            .to_owned()
    };
    assert_ne!(link(&first), link(&second));
    assert_ne!(header(&first, "Message-ID"), header(&second, "Message-ID"));
}

#[test]
fn what_is_refused_for_good_has_failed() {
    for (wishes, step) in [
        (json!({"recipient": ["550 no such user"]}), "recipient"),
        (json!({"mail": ["553 not from you"]}), "sender"),
        (json!({"message": ["554 spam"]}), "message"),
    ] {
        let (outbox, server) = (Outbox::new(), Smtp::start(wishes));
        let gateway = by(&outbox, &server.url("", "?tls=none"));
        let id = outbox.queue("password_changed", "ada@acme.example");
        let mail = outbox.until(id, "failed", 1);
        assert!(mail.last_error.contains('5'), "{step}: {}", mail.last_error);
        assert_eq!(why(&gateway), "refused", "{step}");
    }
}

#[test]
fn a_server_that_hangs_holds_up_nobody_else() {
    // One that takes the connection and says nothing, ever.
    let mute = TcpListener::bind("127.0.0.1:0").unwrap();
    let outbox = Outbox::new();
    let url = format!("smtp://{}?tls=none", mute.local_addr().unwrap());
    let gateway = outbox.gateway(&[("UCRM_SMTP_URL", &url), ("UCRM_MAIL_TIMEOUT_MS", "300")]);
    let id = outbox.queue("password_changed", "ada@acme.example");
    outbox.until(id, "queued", 1);
    assert_eq!(why(&gateway), "timeout");
    drop(gateway);
    // One that hangs over one mail.
    let server = Smtp::start(json!({}));
    let gateway = outbox.gateway(&[
        ("UCRM_SMTP_URL", &server.url("", "?tls=none")),
        ("UCRM_MAIL_TIMEOUT_MS", "4000"),
    ]);
    let slow = outbox.queue("password_changed", "slow@acme.example");
    assert_eq!(server.next()["began"][0], "slow@acme.example");
    let others: Vec<_> = (0..6)
        .map(|n| outbox.queue("password_changed", &format!("n{n}@acme.example")))
        .collect();
    for _ in &others {
        assert_eq!(server.next()["reply"], "250 OK");
    }
    assert_eq!(
        outbox.mail(slow).status,
        "sending",
        "the others did not wait"
    );
    outbox.until(slow, "queued", 1);
    assert_eq!(why(&gateway), "timeout");
}

#[test]
fn nobody_listening_is_trouble_that_may_pass() {
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let outbox = Outbox::new();
    let gateway = by(&outbox, &format!("smtp://127.0.0.1:{port}?tls=none"));
    let id = outbox.queue("password_changed", "ada@acme.example");
    outbox.until(id, "queued", 1);
    assert_eq!(why(&gateway), "connection");
}

#[test]
fn a_server_that_never_ends_its_line_is_left() {
    let endless = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("smtp://{}?tls=none", endless.local_addr().unwrap());
    thread::spawn(move || {
        let (mut stream, _) = endless.accept().unwrap();
        while stream.write_all(&[b'x'; 4096]).is_ok() {}
    });
    let outbox = Outbox::new();
    let gateway = by(&outbox, &url);
    let id = outbox.queue("password_changed", "ada@acme.example");
    let mail = outbox.until(id, "queued", 1);
    assert!(
        mail.last_error.contains("says too much"),
        "{}",
        mail.last_error
    );
    assert!(!gateway.said().contains("xxx"));
}
