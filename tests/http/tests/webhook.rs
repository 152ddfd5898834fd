//! Webhooks arrive: signed, over TLS, at the internet alone, and no answer holds a worker.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use ucrm_http_tests::certificate::Certificate;
use ucrm_http_tests::hooks::{Hooks, SECRET};
use ucrm_http_tests::receiver::Receiver;
use ucrm_http_tests::wait::until;
use uuid::Uuid;

fn here() -> Certificate {
    Certificate::of("IP:127.0.0.1,DNS:localhost")
}

#[test]
fn an_event_arrives_over_tls_with_its_tenant_and_is_signed() {
    let (hooks, certificate) = (Hooks::new(), here());
    let receiver = Receiver::tls(&certificate);
    let webhook = hooks.webhook(&format!("https://127.0.0.1:{}/ok?a=b", receiver.port));
    let gateway = hooks.gateway(&certificate, &[]);
    hooks.happen(&["c1".to_owned()]);
    let request = receiver.until(1).remove(0);
    let headers = &request["headers"];
    assert_eq!(request["path"], "/ok?a=b");
    assert_eq!(
        headers["content-type"],
        "application/cloudevents+json; charset=utf-8"
    );
    let tenant = hooks.tenant.to_string();
    assert_eq!(headers["ce-tenantid"], tenant);
    assert_eq!(headers["ce-type"], "contacts.updated");
    assert_eq!(headers["host"], format!("127.0.0.1:{}", receiver.port));
    let body: Value = serde_json::from_str(request["body"].as_str().unwrap()).unwrap();
    assert_eq!(
        (&body["specversion"], &body["type"], &body["subject"]),
        (&json!("1.0"), &json!("contacts.updated"), &json!("c1"))
    );
    assert_eq!(
        (&body["tenantid"], &body["id"], &body["data"]["record"]),
        (&json!(tenant), &headers["webhook-id"], &json!("c1"))
    );
    assert_eq!(hooks.fault(&request, SECRET), None);
    assert_eq!(
        hooks.fault(&request, b"another secret").as_deref(),
        Some("signature")
    );
    let delivery = hooks.until(webhook, 1, "delivered").remove(0);
    assert_eq!(
        (&delivery["attempts"], &delivery["response_status"]),
        (&json!(1), &json!(204))
    );
    // Nothing of it is said in the log.
    let secret = STANDARD.encode(SECRET);
    for hidden in ["127.0.0.1:", "v1,", "/ok", secret.as_str()] {
        let said: Vec<String> = gateway
            .log()
            .into_iter()
            .filter(|line| {
                line["message"] != "serving"
                    && line["message"]
                        != "webhooks may lead into these networks: UCRM_WEBHOOK_NETWORKS"
            })
            .map(|line| line.to_string())
            .filter(|line| line.contains(hidden))
            .collect();
        assert_eq!(said, Vec::<String>::new(), "{hidden}");
    }
}

#[test]
fn a_connection_is_used_again() {
    let (hooks, certificate) = (Hooks::new(), here());
    let receiver = Receiver::tls(&certificate);
    let webhook = hooks.webhook(&format!("https://127.0.0.1:{}/ok", receiver.port));
    let _gateway = hooks.gateway(&certificate, &[]);
    for round in 1..=5 {
        hooks.happen(&[format!("c{round}")]);
        hooks.until(webhook, round, "delivered");
    }
    let connections: Vec<Value> = receiver
        .taken()
        .iter()
        .map(|request| request["connection"].clone())
        .collect();
    assert_eq!(connections, vec![json!(1); 5]);
}

#[test]
fn what_fails_is_tried_again_under_the_same_id_and_signed_anew() {
    let (hooks, certificate) = (Hooks::new(), here());
    let receiver = Receiver::tls(&certificate);
    let webhook = hooks.webhook(&format!(
        "https://127.0.0.1:{}/first/503/200",
        receiver.port
    ));
    let _gateway = hooks.gateway(&certificate, &[]);
    hooks.happen_to(1);
    let failed = hooks.tried(webhook, 1);
    assert_eq!(
        (
            &failed["status"],
            &failed["response_status"],
            &failed["error"]
        ),
        (&json!("pending"), &json!(503), &json!("it answered 503"))
    );
    hooks.hurry();
    let delivered = hooks.until(webhook, 1, "delivered").remove(0);
    assert_eq!(
        (&delivered["attempts"], &delivered["error"]),
        (&json!(2), &Value::Null)
    );
    let requests = receiver.until(2);
    let id = |n: usize| requests[n]["headers"]["webhook-id"].as_str().unwrap();
    assert_eq!(id(0), id(1));
    for request in &requests {
        assert_eq!(hooks.fault(request, SECRET), None);
    }
}

#[test]
fn no_answer_holds_a_worker_and_none_is_followed() {
    let (hooks, certificate) = (Hooks::new(), here());
    let (hostile, healthy) = (Receiver::tls(&certificate), Receiver::tls(&certificate));
    let expected = [
        (
            format!("/redirect/{}", healthy.port),
            json!(307),
            "it redirects, which is not followed",
        ),
        ("/status/500".to_owned(), json!(500), "it answered 500"),
        ("/hang".to_owned(), Value::Null, "no answer in time"),
        ("/drip".to_owned(), Value::Null, "no answer in time"),
        (
            "/huge-headers".to_owned(),
            Value::Null,
            "the answer is not HTTP/1.1, or was cut off",
        ),
        (
            "/garbage".to_owned(),
            Value::Null,
            "the answer is not HTTP/1.1, or was cut off",
        ),
        (
            "/close".to_owned(),
            Value::Null,
            "the answer is not HTTP/1.1, or was cut off",
        ),
    ];
    // Whose status was good has taken it, whatever follows.
    let endless: Vec<Uuid> = ["endless", "slow-body"]
        .iter()
        .map(|path| hooks.webhook(&format!("https://127.0.0.1:{}/{path}", hostile.port)))
        .collect();
    let webhooks: Vec<Uuid> = expected
        .iter()
        .map(|(path, ..)| hooks.webhook(&format!("https://127.0.0.1:{}{path}", hostile.port)))
        .collect();
    let good = hooks.webhook(&format!("https://127.0.0.1:{}/ok", healthy.port));
    let begun = Instant::now();
    let _gateway = hooks.gateway(&certificate, &[("UCRM_WEBHOOK_TIMEOUT_MS", "1500")]);
    hooks.happen_to(3);
    hooks.until(good, 3, "delivered");
    for webhook in endless {
        hooks.until(webhook, 3, "delivered");
    }
    for ((path, status, error), webhook) in expected.iter().zip(webhooks) {
        let first = hooks.tried(webhook, 1);
        assert_eq!(
            (&first["status"], &first["response_status"], &first["error"]),
            (&json!("pending"), status, &json!(error)),
            "{path}"
        );
    }
    assert!(
        begun.elapsed() < Duration::from_secs(25),
        "{:?}",
        begun.elapsed()
    );
    // Where the redirect led nobody was sent.
    let sent: Vec<Value> = healthy.taken().iter().map(|r| r["path"].clone()).collect();
    assert_eq!(sent, vec![json!("/ok"); 3]);
}

#[test]
fn a_private_address_is_reached_only_where_the_operator_says_so() {
    let (hooks, certificate) = (Hooks::new(), here());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let connected = Arc::new(AtomicUsize::new(0));
    let count = connected.clone();
    thread::spawn(move || {
        for _ in listener.incoming() {
            count.fetch_add(1, Ordering::SeqCst);
        }
    });
    let urls = [
        format!("https://127.0.0.1:{port}/"),
        format!("http://127.0.0.1:{port}/"),
        format!("https://localhost:{port}/"),
        format!("https://[::1]:{port}/"),
        format!("https://[::ffff:127.0.0.1]:{port}/"),
        format!("https://0.0.0.0:{port}/"),
        "https://169.254.169.254/latest/meta-data/".to_owned(),
        "https://10.0.0.1/".to_owned(),
        "https://[fd00:ec2::254]/".to_owned(),
    ];
    let webhooks: Vec<Uuid> = urls.iter().map(|url| hooks.webhook(url)).collect();
    // This gateway was told nothing of this machine.
    let gateway = hooks.gateway(&certificate, &[("UCRM_WEBHOOK_NETWORKS", "192.0.2.0/24")]);
    hooks.happen_to(1);
    for (url, webhook) in urls.iter().zip(webhooks) {
        let first = hooks.tried(webhook, 1);
        assert_eq!(
            (&first["response_status"], &first["error"]),
            (
                &Value::Null,
                &json!("the server's address is not a public one")
            ),
            "{url}"
        );
    }
    let metrics = ucrm_http_tests::client::Client::to(&gateway.admin_url)
        .get("/metrics")
        .is(200);
    let refused: usize = metrics
        .text()
        .lines()
        .find_map(|line| line.strip_prefix("ucrm_gateway_deliveries_total{outcome=\"refused\"} "))
        .unwrap()
        .parse()
        .unwrap();
    assert!(refused >= urls.len(), "{refused}");
    assert_eq!(connected.load(Ordering::SeqCst), 0);
}

#[test]
fn http_is_an_exception_too_and_a_stranger_s_certificate_is_none() {
    let (hooks, certificate) = (Hooks::new(), here());
    let (clear, stranger) = (Receiver::clear(), Receiver::tls(&here()));
    let plain = hooks.webhook(&format!("http://127.0.0.1:{}/ok", clear.port));
    let strange = hooks.webhook(&format!("https://127.0.0.1:{}/ok", stranger.port));
    let gateway = hooks.gateway(&certificate, &[]);
    hooks.happen_to(1);
    hooks.until(plain, 1, "delivered");
    let first = hooks.tried(strange, 1);
    assert_eq!(
        first["error"],
        "the server's certificate is not trusted, or it does not speak TLS 1.2 or 1.3"
    );
    assert_eq!(stranger.taken(), Vec::<Value>::new());
    until("the gateway warns of the exception", || {
        let said = gateway.said();
        said.contains("UCRM_WEBHOOK_NETWORKS").then_some(())
    });
    // The setting off, nothing goes there any more.
    hooks.outbox.execute(
        "delete from ucrm.settings where name = 'webhook_internal' and not builtin",
        &[],
    );
    hooks.happen_to(1);
    let late = hooks.webhook("https://hooks.acme.example/");
    hooks.outbox.execute(
        "update ucrm.webhooks set internal = false where id = $1",
        &[&late],
    );
    until("what came since became deliveries", || {
        (hooks.deliveries(plain).len() == 2).then_some(())
    });
    hooks.happen_to(1);
    until("a later one was tried", || {
        (hooks.deliveries(late).first()?["attempts"] == 1).then_some(())
    });
    assert_eq!(clear.taken().len(), 1);
}

#[test]
fn gone_disables_at_once_and_retry_after_is_heard() {
    let (hooks, certificate) = (Hooks::new(), here());
    let receiver = Receiver::tls(&certificate);
    let gone = hooks.webhook(&format!("https://127.0.0.1:{}/status/410", receiver.port));
    let busy = hooks.webhook(&format!(
        "https://127.0.0.1:{}/status/429/7200",
        receiver.port
    ));
    let _gateway = hooks.gateway(&certificate, &[]);
    hooks.happen_to(1);
    assert_eq!(hooks.tried(gone, 1)["status"], "failed");
    hooks.tried(busy, 1);
    let row = |webhook: Uuid| -> Value {
        hooks.outbox.value(
            "select jsonb_build_object('status', w.status, 'reason', w.disabled_reason,
                 'waits', (select round(extract(epoch from d.next_attempt_at - d.attempted_at)) from ucrm.webhook_deliveries as d where d.webhook_id = w.id))
             from ucrm.webhooks as w where w.id = $1",
            &[&webhook],
        )
    };
    assert_eq!(
        row(gone),
        json!({"status": "disabled", "reason": "gone", "waits": null})
    );
    let waits = row(busy)["waits"].as_u64().unwrap();
    assert!((7199..=7205).contains(&waits), "{waits}");
}
