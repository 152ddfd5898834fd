//! The mail worker: files, the log, sharing the work, dying in the middle of it, and stopping in order.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde_json::json;
use ucrm_http_tests::client::Client;
use ucrm_http_tests::database;
use ucrm_http_tests::gateway::Gateway;
use ucrm_http_tests::outbox::Outbox;
use ucrm_http_tests::smtp::Smtp;
use ucrm_http_tests::stage::name;
use ucrm_http_tests::wait::until;
use uuid::Uuid;

/// A folder that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        let path = env::temp_dir().join(format!("ucrm-test-mail-{}", Uuid::new_v4().simple()));
        fs::create_dir(&path).unwrap();
        Folder(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn mails_in(folder: &Path) -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "eml"))
        .collect();
    all.sort();
    all
}

#[test]
fn every_kind_of_mail_becomes_a_file_that_says_it() {
    let (outbox, folder) = (Outbox::new(), Folder::new());
    let tenant = outbox.tenant("acme");
    let user: Uuid = outbox.value(
        "insert into ucrm.users (email, name, email_verified_at) values ('ada@acme.example', 'Ada <b>', now()) returning id",
        &[],
    );
    // Filled in with everything that may be there, and with nothing that need not be. A test of a workspace's own sender
    // leaves by that alone: see settings_mail.
    outbox.execute(
        "select ucrm.queue_mail(t.kind, t.kind || '.full@y.example', $1, $2, '{\"inviter\": \"Eve & Co\", \"address\": \"192.0.2.1\", \"device\": \"Firefox\"}')
         from ucrm.mail_templates as t where t.kind not in ('layout', 'sender_test') and ucrm.mail_path(t.kind) is null or t.kind = 'invitation'",
        &[&user, &tenant],
    );
    outbox.execute(
        "select ucrm.queue_mail(t.kind, t.kind || '.bare@y.example', null, $1) from ucrm.mail_templates as t where t.kind not in ('layout', 'sender_test') and ucrm.mail_path(t.kind) is null",
        &[&tenant],
    );
    let queued: i64 = outbox.value("select count(*) from ucrm.emails", &[]);
    let gateway = outbox.gateway(&[("UCRM_MAIL_DIR", folder.path())]);
    until("all are sent", || {
        let sent: i64 = outbox.value(
            "select count(*) from ucrm.emails where status = 'sent'",
            &[],
        );
        (sent == queued).then_some(())
    });
    let files = mails_in(&folder.0);
    assert_eq!(files.len(), usize::try_from(queued).unwrap());
    for file in &files {
        let name = file.file_name().unwrap().to_str().unwrap();
        let (kind, _) = name.split_once('-').unwrap().1.split_once('-').unwrap();
        assert!(
            name.ends_with("@y.example.eml") && name.contains(&format!("Z-{kind}-{kind}.")),
            "{name}"
        );
        let mode = fs::metadata(file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
        let mail = fs::read_to_string(file).unwrap();
        for part in [
            "\r\nSubject: ",
            "From: Tests <no-reply@app.example>\r\n",
            "text/plain",
            "text/html",
            "https://app.example",
            "Auto-Submitted: auto-generated",
        ] {
            assert!(mail.contains(part), "{name} lacks {part}: {mail}");
        }
        assert!(
            !mail.contains("{{") && !mail.contains("{%"),
            "{name}: {mail}"
        );
        let (_, html) = mail.split_once("text/html").unwrap();
        for markup in ["Ada <b>", "Eve & Co"] {
            assert!(!html.contains(markup), "{name} has {markup}: {html}");
        }
        if name.contains(".full@") && kind != "account_exists" && kind != "invitation" {
            assert!(html.contains("Ada &lt;b&gt;"), "{name}: {html}");
        }
    }
    let invitation = files
        .iter()
        .find(|file| file.to_str().unwrap().contains("-invitation-"));
    let invitation = fs::read_to_string(invitation.unwrap()).unwrap();
    assert!(
        invitation.contains("Subject: Eve & Co invites you to Acme\r\n"),
        "{invitation}"
    );
    let link = invitation
        .lines()
        .find(|line| line.starts_with("https://app.example/auth/invitation#token=ucrm_"));
    let token = link.unwrap().rsplit_once('=').unwrap().1;
    // Neither the log nor the database knows the link.
    assert!(!gateway.said().contains("y.example") && !gateway.said().contains(token));
    let known: i64 = outbox.value(
        "select count(*) from ucrm.emails as e where strpos(e::text, $1) > 0",
        &[&token],
    );
    assert_eq!(known, 0);
}

#[test]
fn mails_of_the_stage_go_where_it_says() {
    let folder = PathBuf::from(name("MAIL_DIR"));
    let recipient = format!("{}@tests.example", Uuid::new_v4().simple());
    let mut db = database::admin();
    let sql = "select ucrm.queue_mail('password_changed', $1)";
    let id: Uuid = database::value(&mut db, sql, &[&recipient]);
    let file = until("the mail is in the folder", || {
        mails_in(&folder)
            .into_iter()
            .find(|file| file.to_str().unwrap().contains(&recipient))
    });
    let mail = fs::read_to_string(&file).unwrap();
    assert!(mail.contains(&name("UCRM_URL")), "{mail}");
    fs::remove_file(file).unwrap();
    until("the row says so", || {
        let status: String = database::value(
            &mut db,
            "select status from ucrm.emails where id = $1",
            &[&id],
        );
        (status == "sent").then_some(())
    });
    database::execute(&mut db, "delete from ucrm.emails where id = $1", &[&id]);
}

#[test]
fn without_a_way_to_send_a_mail_is_a_line_that_names_nobody() {
    let outbox = Outbox::new();
    let gateway = outbox.gateway(&[]);
    let tenant = outbox.tenant("acme");
    let id = outbox.invite(tenant, "ada.lovelace@acme.example", &json!({}));
    outbox.until(id, "sent", 1);
    let line = gateway
        .log()
        .into_iter()
        .find(|line| line["kind"] == "invitation")
        .unwrap();
    assert_eq!(
        (line["id"].as_str(), line["domain"].as_str()),
        (Some(&*id.to_string()), Some("acme.example"))
    );
    for secret in ["ada.lovelace", "token", "#"] {
        assert!(!gateway.said().contains(secret), "{secret}");
    }
}

#[test]
fn a_template_that_is_broken_waits_for_its_operator() {
    let (outbox, folder) = (Outbox::new(), Folder::new());
    let _gateway = outbox.gateway(&[("UCRM_MAIL_DIR", folder.path())]);
    outbox.execute(
        "insert into ucrm.mail_templates (kind, subject, text, html) values ('password_changed', 'Ours', E'Hello\n{{ nobody }}', '<p>x</p>')",
        &[],
    );
    let id = outbox.queue("password_changed", "ada@acme.example");
    let mail = outbox.until(id, "queued", 1);
    assert!(
        mail.last_error.contains("text, line 2"),
        "{}",
        mail.last_error
    );
    outbox.execute(
        "update ucrm.mail_templates set text = 'Hello' where not builtin",
        &[],
    );
    outbox.hurry();
    outbox.until(id, "sent", 2);
    let mail = fs::read_to_string(&mails_in(&folder.0)[0]).unwrap();
    assert!(
        mail.contains("Subject: Ours\r\n") && mail.contains("\r\nHello\r\n"),
        "{mail}"
    );
}

#[test]
fn several_gateways_send_each_mail_once() {
    let (outbox, server) = (Outbox::new(), Smtp::start(json!({})));
    let url = server.url("", "?tls=none");
    let gateways: Vec<Gateway> = (0..3)
        .map(|_| outbox.gateway(&[("UCRM_SMTP_URL", url.as_str())]))
        .collect();
    outbox.execute(
        "select ucrm.queue_mail('password_changed', format('n%s@y.example', n)) from generate_series(1, 60) as n",
        &[],
    );
    let recipients: Vec<String> = (0..60)
        .map(|_| server.next()["to"][0].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(recipients.iter().collect::<BTreeSet<_>>().len(), 60);
    until("all are settled", || {
        let sent: i64 = outbox.value(
            "select count(*) from ucrm.emails where status = 'sent' and attempts = 1",
            &[],
        );
        (sent == 60).then_some(())
    });
    assert!(server.is_silent());
    let sent = gateways.iter().map(|gateway| {
        metric(
            gateway,
            r#"ucrm_gateway_mails_total{outcome="sent",sender="platform"}"#,
        )
    });
    assert_eq!(sent.sum::<f64>(), 60.0);
    assert_eq!(metric(&gateways[0], "ucrm_mail_waiting"), 0.0);
}

fn metric(gateway: &Gateway, line: &str) -> f64 {
    let text = Client::to(&gateway.admin_url)
        .get("/metrics")
        .is(200)
        .text()
        .to_owned();
    let value = text.lines().find_map(|known| known.strip_prefix(line));
    value
        .unwrap_or_else(|| panic!("{line} in {text}"))
        .trim()
        .parse()
        .unwrap()
}

#[test]
fn what_a_killed_gateway_held_is_sent_by_another_when_its_lease_is_over() {
    let outbox = Outbox::new();
    let (hanging, working) = (Smtp::start(json!({})), Smtp::start(json!({})));
    let mut first = outbox.gateway(&[("UCRM_SMTP_URL", &hanging.url("", "?tls=none"))]);
    let id = outbox.queue("password_changed", "slow@y.example");
    assert_eq!(hanging.next()["began"][0], "slow@y.example");
    first.kill();
    assert_eq!(outbox.mail(id).status, "sending");
    outbox.execute("update ucrm.emails set recipient = 'fast@y.example'", &[]);
    let _second = outbox.gateway(&[("UCRM_SMTP_URL", &working.url("", "?tls=none"))]);
    let other = outbox.queue("password_changed", "other@y.example");
    assert_eq!(working.next()["to"][0], "other@y.example");
    outbox.until(other, "sent", 1);
    assert_eq!(outbox.mail(id).status, "sending", "the lease holds");
    outbox.expire();
    assert_eq!(working.next()["to"][0], "fast@y.example");
    outbox.until(id, "sent", 2);
}

#[test]
fn a_gateway_that_is_stopped_finishes_what_it_sends_and_begins_nothing() {
    let (outbox, server) = (Outbox::new(), Smtp::start(json!({"wait": 1.5})));
    let mut gateway = outbox.gateway(&[
        ("UCRM_SMTP_URL", &server.url("", "?tls=none")),
        ("UCRM_MAIL_WORKERS", "1"),
    ]);
    let first = outbox.queue("password_changed", "slow@y.example");
    server.next();
    let second = outbox.queue("password_changed", "late@y.example");
    gateway.terminate();
    assert!(gateway.end().success());
    assert_eq!(server.next()["reply"], "250 OK");
    assert_eq!(
        (outbox.mail(first).status, outbox.mail(second).status),
        ("sent".into(), "queued".into())
    );
    assert!(server.is_silent());
}

#[test]
fn a_gateway_that_was_told_to_sends_none() {
    let (outbox, folder) = (Outbox::new(), Folder::new());
    let idle = outbox.gateway(&[("UCRM_MAIL_DIR", folder.path()), ("UCRM_MAIL_WORKERS", "0")]);
    assert!(!idle.said().contains("sending mail"));
    let id = outbox.queue("password_changed", "ada@acme.example");
    let busy = outbox.gateway(&[("UCRM_MAIL_DIR", folder.path())]);
    outbox.until(id, "sent", 1);
    assert_eq!(
        metric(
            &idle,
            r#"ucrm_gateway_mails_total{outcome="sent",sender="platform"}"#
        ),
        0.0
    );
    assert_eq!(
        metric(
            &busy,
            r#"ucrm_gateway_mails_total{outcome="sent",sender="platform"}"#
        ),
        1.0
    );
}

#[test]
fn settings_that_cannot_work_are_refused_before_anything_is_bound() {
    for (settings, named) in [
        (vec![("UCRM_MAIL_DIR", "/nowhere")], "UCRM_MAIL_DIR"),
        (
            vec![
                ("UCRM_MAIL_DIR", "/tmp"),
                ("UCRM_RESEND_API_KEY", "re_hush"),
            ],
            "set one of them",
        ),
        (
            vec![("UCRM_SMTP_URL", "smtp://u:hush@mail.example")],
            "UCRM_MAIL_FROM",
        ),
        (
            vec![("UCRM_SMTP_URL", "smtp://u:hush@:587")],
            "UCRM_SMTP_URL",
        ),
        (
            vec![("UCRM_MAIL_CA_FILE", "/nowhere.pem")],
            "UCRM_MAIL_CA_FILE",
        ),
        (vec![("UCRM_MAIL_WORKERS", "many")], "mail-workers"),
        (vec![("UCRM_PUBLIC_URL", "app.example")], "UCRM_PUBLIC_URL"),
    ] {
        let said = Gateway::attempt(&settings)
            .err()
            .unwrap_or_else(|| panic!("{settings:?}"));
        assert!(said.contains(named) && !said.contains("hush"), "{said}");
    }
}
