use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::mail::outcome::Ending;
use crate::mail::queue::{Template, Way};

fn template(subject: &str, text: &str, html: &str) -> Template {
    Template {
        subject: subject.to_owned(),
        text: text.to_owned(),
        html: html.to_owned(),
    }
}

fn mail(recipient: &str, name: &str) -> Claimed {
    Claimed {
        recipient: recipient.to_owned(),
        template: template("For {{ name }}", "Hello {{ name }}", "<p>{{ name }}</p>"),
        layout: template("layout", "{{ body }}", "<html>{{ body }}</html>"),
        data: serde_json::from_value(json!({ "name": name })).unwrap(),
        ..Claimed::example()
    }
}

fn platform() -> Mailbox {
    "UCRM <no-reply@ucrm.example>".parse().unwrap()
}

fn head(letter: &Letter) -> String {
    let bytes = String::from_utf8(letter.bytes.clone()).unwrap();
    bytes.split_once("\r\n\r\n").unwrap().0.to_owned()
}

#[test]
fn a_letter_has_its_headers_and_both_parts() {
    let letter = Letter::of(&mail("ada@acme.example", "Ada"), &platform()).unwrap();
    let head = head(&letter);
    for line in [
        "From: UCRM <no-reply@ucrm.example>",
        "To: ada@acme.example",
        "Subject: For Ada",
        "Auto-Submitted: auto-generated",
        "MIME-Version: 1.0",
        "Content-Type: multipart/alternative;",
        "Date: ",
    ] {
        assert!(
            head.lines().any(|known| known.starts_with(line)),
            "{line} in {head}"
        );
    }
    let bytes = String::from_utf8(letter.bytes).unwrap();
    assert!(bytes.contains("Hello Ada") && bytes.contains("<p>Ada</p>"));
    assert!(
        bytes.contains("text/plain; charset=utf-8") && bytes.contains("text/html; charset=utf-8")
    );
}

#[test]
fn a_long_link_is_one_piece_and_what_is_not_ascii_is_encoded() {
    let link = format!(
        "https://app.example/auth/verify-email#token={}",
        "x=".repeat(60)
    );
    let with = |name: &str| {
        let mail = Claimed {
            template: template("x", "{{ name }}\r\n{{ link }}", "x"),
            data: serde_json::from_value(json!({"name": name, "link": link})).unwrap(),
            ..mail("a@b.example", "")
        };
        let letter = Letter::of(&mail, &platform()).unwrap();
        assert!(
            letter.bytes.is_ascii()
                && letter
                    .bytes
                    .split(|b| *b == b'\n')
                    .all(|line| line.len() <= 999)
        );
        String::from_utf8(letter.bytes).unwrap()
    };
    let plain = with("Ada");
    assert!(plain.contains(&format!("\r\nAda\r\n{link}\r\n")), "{plain}");
    let encoded = with("Zo\u{eb}");
    assert!(
        encoded.contains("Zo=C3=AB") && !encoded.contains(&link),
        "{encoded}"
    );
    let longest = with(&"x".repeat(3));
    assert!(longest.contains("Content-Transfer-Encoding: 7bit"));
}

#[test]
fn every_attempt_has_its_own_message_id() {
    let first = mail("ada@acme.example", "Ada");
    let second = Claimed {
        attempt: 2,
        ..mail("ada@acme.example", "Ada")
    };
    let id = |mail: &Claimed| {
        let letter = Letter::of(mail, &platform()).unwrap();
        let head = head(&letter);
        head.lines()
            .find(|line| line.starts_with("Message-ID:"))
            .unwrap()
            .to_owned()
    };
    assert_ne!(id(&first), id(&second));
    assert!(id(&first).ends_with(".1@ucrm.example>"), "{}", id(&first));
}

#[test]
fn a_tenants_own_mail_is_from_the_tenant() {
    let own = TenantSender {
        from_address: "hello@acme.example".to_owned(),
        from_name: "Acme\r\nBcc: x@y.example".to_owned(),
        transport: Way::Resend,
        host: None,
        port: None,
        tls: None,
        username: None,
        secret: None,
    };
    let mail = Claimed {
        sender: Some(own),
        ..mail("ada@acme.example", "Ada")
    };
    let letter = Letter::of(&mail, &platform()).unwrap();
    assert!(!head(&letter).contains("\nBcc:"), "{}", head(&letter));
    assert_eq!(
        letter.envelope.from().unwrap().to_string(),
        "hello@acme.example"
    );
    assert_eq!(letter.envelope.to().len(), 1);
}

#[test]
fn an_address_that_is_none_fails_for_good_and_a_template_waits_for_its_operator() {
    let outcome = Letter::of(&mail("a@b@c.example", "Ada"), &platform())
        .err()
        .unwrap();
    assert_eq!((outcome.ending, outcome.class), (Ending::Failed, "address"));
    assert!(!outcome.told.contains("c.example"));
    let broken = Claimed {
        template: template("x", "{{ nothing }}", "x"),
        ..mail("a@b.example", "Ada")
    };
    let outcome = Letter::of(&broken, &platform()).err().unwrap();
    assert_eq!((outcome.ending, outcome.class), (Ending::Retry, "template"));
}

proptest! {
    #[test]
    fn nothing_in_a_name_or_an_address_makes_another_header_or_recipient(name in any::<String>(), recipient in "\\PC{1,20}@\\PC{1,20}") {
        if let Ok(letter) = Letter::of(&mail(&recipient, &name), &platform()) {
            let head = head(&letter);
            let names: Vec<&str> = head
                .split("\r\n")
                .filter(|line| !line.starts_with([' ', '\t']))
                .filter_map(|line| line.split(':').next())
                .collect();
            prop_assert_eq!(names.len(), 8, "{}", head);
            prop_assert!(!head.replace("\r\n", "").contains(['\r', '\n']));
            prop_assert_eq!(letter.envelope.to().len(), 1);
        }
    }
}
