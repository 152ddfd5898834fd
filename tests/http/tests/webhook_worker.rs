//! The webhook worker: one dead endpoint starves nobody, a killed worker's deliveries go on, several gateways share.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use serde_json::Value;
use ucrm_http_tests::certificate::Certificate;
use ucrm_http_tests::client::Client;
use ucrm_http_tests::gateway::Gateway;
use ucrm_http_tests::hooks::{Hooks, SECRET};
use ucrm_http_tests::receiver::Receiver;
use ucrm_http_tests::wait::until;

fn here() -> Certificate {
    Certificate::of("IP:127.0.0.1")
}

fn ids(requests: &[Value]) -> Vec<String> {
    let id = |request: &Value| {
        request["headers"]["webhook-id"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    requests.iter().map(id).collect()
}

fn delivered(gateway: &Gateway) -> u64 {
    let text = Client::to(&gateway.admin_url).get("/metrics").is(200);
    let line = text.text().lines().find_map(|line| {
        line.strip_prefix("ucrm_gateway_deliveries_total{outcome=\"delivered\"} ")
    });
    line.unwrap().parse().unwrap()
}

#[test]
fn endpoints_that_are_dead_starve_nobody() {
    let (hooks, certificate) = (Hooks::new(), here());
    let (dead, alive) = (Receiver::tls(&certificate), Receiver::tls(&certificate));
    let hanging: Vec<_> = (0..5)
        .map(|n| hooks.webhook(&format!("https://127.0.0.1:{}/hang/{n}", dead.port)))
        .collect();
    let good = hooks.webhook(&format!("https://127.0.0.1:{}/ok", alive.port));
    // Fewer places than the dead would take.
    let _gateway = hooks.gateway(&certificate, &[("UCRM_WEBHOOK_WORKERS", "24")]);
    hooks.happen_to(200);
    let begun = Instant::now();
    hooks.until(good, 200, "delivered");
    let took = begun.elapsed();
    // The dead answer nothing for 15 seconds: the others did not wait for that.
    assert!(took < Duration::from_secs(14), "{took:?}");
    for webhook in hanging {
        let under_way = hooks
            .deliveries(webhook)
            .iter()
            .filter(|delivery| delivery["status"] == "sending")
            .count();
        assert!((1..=24).contains(&under_way), "{under_way}");
    }
}

#[test]
fn a_killed_worker_s_deliveries_go_on_elsewhere_under_the_same_ids() {
    let (hooks, certificate) = (Hooks::new(), here());
    let receiver = Receiver::tls(&certificate);
    let webhook = hooks.webhook(&format!("https://127.0.0.1:{}/late/2000", receiver.port));
    hooks
        .outbox
        .execute("update ucrm.webhook_queues set width = 64", &[]);
    let mut first = hooks.gateway(&certificate, &[]);
    hooks.happen_to(10);
    let sent = receiver.until(10);
    first.kill();
    let claimed: i64 = hooks.outbox.value(
        "select count(*) from ucrm.webhook_deliveries where status = 'sending' and next_attempt_at between now() and now() + interval '30 s'",
        &[],
    );
    assert_eq!(claimed, 10);
    let second = hooks.gateway(&certificate, &[]);
    // A lease of half a minute would be over by then.
    hooks.expire();
    let all = hooks.until(webhook, 10, "delivered");
    assert!(all.iter().all(|delivery| delivery["attempts"] == 2));
    let again = receiver.until(20);
    let unique: BTreeSet<String> = ids(&again).into_iter().collect();
    assert_eq!(unique, ids(&sent).into_iter().collect());
    assert!(again.iter().all(|r| hooks.fault(r, SECRET).is_none()));
    assert_eq!(delivered(&second), 10);
}

#[test]
fn two_gateways_share_the_work_and_nothing_is_sent_twice() {
    let (hooks, certificate) = (Hooks::new(), here());
    let receiver = Receiver::tls(&certificate);
    let webhooks: Vec<_> = (0..4)
        .map(|n| hooks.webhook(&format!("https://127.0.0.1:{}/late/200/{n}", receiver.port)))
        .collect();
    let gateways = [
        hooks.gateway(&certificate, &[("UCRM_WEBHOOK_WORKERS", "16")]),
        hooks.gateway(&certificate, &[("UCRM_WEBHOOK_WORKERS", "16")]),
    ];
    hooks.happen_to(100);
    for webhook in webhooks {
        let all = hooks.until(webhook, 100, "delivered");
        assert!(all.iter().all(|delivery| delivery["attempts"] == 1));
    }
    assert_eq!(receiver.taken().len(), 400);
    let shares = [delivered(&gateways[0]), delivered(&gateways[1])];
    assert_eq!(shares[0] + shares[1], 400);
    assert!(shares.iter().all(|share| *share >= 40), "{shares:?}");
}

#[test]
fn a_record_s_events_arrive_in_their_order() {
    let (hooks, certificate) = (Hooks::new(), here());
    let receiver = Receiver::tls(&certificate);
    let webhook = hooks.webhook(&format!("https://127.0.0.1:{}/late/5", receiver.port));
    let _gateways = [
        hooks.gateway(&certificate, &[]),
        hooks.gateway(&certificate, &[]),
    ];
    let records: Vec<String> = (0..120).map(|n| format!("c{}", n % 6)).collect();
    hooks.happen(&records);
    hooks.until(webhook, 120, "delivered");
    let mut heard: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for request in receiver.until(120) {
        let body: Value = serde_json::from_str(request["body"].as_str().unwrap()).unwrap();
        let record = body["data"]["record"].as_str().unwrap().to_owned();
        let n = body["data"]["n"].as_i64().unwrap();
        heard.entry(record).or_default().push(n);
    }
    assert_eq!(heard.len(), 6);
    for (record, order) in heard {
        assert!(order.is_sorted(), "{record}: {order:?}");
    }
}

#[test]
fn an_event_whose_transaction_is_open_is_waited_for_and_none_is_lost() {
    let (hooks, certificate) = (Hooks::new(), here());
    let receiver = Receiver::tls(&certificate);
    let webhook = hooks.webhook(&format!("https://127.0.0.1:{}/ok", receiver.port));
    let _gateway = hooks.gateway(&certificate, &[]);
    let database: String = hooks.outbox.value("select current_database()", &[]);
    let mut other = ucrm_http_tests::database::admin_of(&database);
    let mut open = other.transaction().unwrap();
    let event = "insert into ucrm.events (tenant_id, id, type, resource, record_id, data) values ($1, ucrm.uuid7(), 'contacts.created', 'contacts', $2, '{}')";
    open.execute(event, &[&hooks.tenant, &"early"]).unwrap();
    hooks.happen_to(1);
    // The later one has committed, and may not overtake the earlier.
    let waits: bool = hooks.outbox.value(
        "select ucrm.settled_until() < (select e.id from ucrm.events as e order by e.id limit 1)",
        &[],
    );
    assert!(waits && receiver.taken().is_empty());
    open.commit().unwrap();
    let all = hooks.until(webhook, 2, "delivered");
    assert_eq!(all[0]["record"], "contacts/early");
}

#[test]
fn a_gateway_that_is_told_to_stop_finishes_what_it_has_begun() {
    let (hooks, certificate) = (Hooks::new(), here());
    let receiver = Receiver::tls(&certificate);
    let webhook = hooks.webhook(&format!("https://127.0.0.1:{}/late/1000", receiver.port));
    let mut gateway = hooks.gateway(&certificate, &[]);
    hooks.happen_to(5);
    receiver.until(5);
    gateway.terminate();
    assert!(gateway.end().success());
    let all = hooks.deliveries(webhook);
    assert!(all.iter().all(|delivery| delivery["status"] == "delivered"));
}

#[test]
fn a_database_that_goes_away_loses_nothing() {
    let (hooks, certificate) = (Hooks::new(), here());
    let receiver = Receiver::tls(&certificate);
    let webhook = hooks.webhook(&format!("https://127.0.0.1:{}/late/500", receiver.port));
    let _gateway = hooks.gateway(&certificate, &[]);
    hooks.happen_to(20);
    receiver.until(20);
    // Its connections are cut while deliveries are under way.
    let cut = "select count(pg_terminate_backend(pid)) from pg_stat_activity where datname = current_database() and application_name = 'ucrm-gateway'";
    until("a connection was cut", || {
        let many: i64 = hooks.outbox.value(cut, &[]);
        (many > 0).then_some(())
    });
    let all = hooks.until(webhook, 20, "delivered");
    assert!(all.iter().all(|delivery| delivery["attempts"] == 1));
}
