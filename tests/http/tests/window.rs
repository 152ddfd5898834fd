//! The window of an address: only requests that fail to authenticate count, and then nobody there gets in.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::thread;

use ucrm_http_tests::database;
use ucrm_http_tests::gateway::{Gateway, fresh_address};
use ucrm_http_tests::stage;
use ucrm_http_tests::wait::until;

const CONTACTS: &str = "/api/v1/contacts?limit=1";
const LIMIT: usize = 100;

/// Fails until the address is shut; how many failures were let through.
fn exhaust(gateway: &Gateway, address: &str) -> usize {
    let client = gateway.from(address).key("wrong");
    (0..LIMIT + 20)
        .filter(|_| client.get(CONTACTS).status == 401)
        .count()
}

#[test]
fn after_too_many_failures_an_address_waits_with_a_good_key_too() {
    let gateway = Gateway::behind_proxy();
    let address = fresh_address();
    let passed = exhaust(&gateway, &address);
    assert!((LIMIT * 63 / 64..=LIMIT).contains(&passed), "{passed}");
    let good = stage::name("ACME_OWNER_KEY");
    for client in [
        gateway.from(&address).key("wrong"),
        gateway.from(&address).key(&good),
        gateway.from(&address),
    ] {
        let reply = client.get(CONTACTS);
        reply.refused(429, "rate_limited");
        let wait: u64 = reply.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=60).contains(&wait));
        assert_eq!(
            reply.header("ratelimit"),
            Some(format!("\"address\";r=0;t={wait}").as_str())
        );
        assert_eq!(
            reply.header("ratelimit-policy"),
            Some("\"address\";q=100;w=60")
        );
    }
    gateway
        .from(&fresh_address())
        .key(&good)
        .get(CONTACTS)
        .is(200);
    stage::client("ACME_OWNER_KEY").get(CONTACTS).is(200);
}

#[test]
fn what_has_run_out_is_removed_by_a_gateway_now_and_then() {
    let key = fresh_address();
    let age = "insert into ucrm.row_windows (name, key, hits) values ('login', $1, array[clock_timestamp() - interval '16 minutes']), ('login', $2, array[clock_timestamp()])";
    let live = fresh_address();
    database::execute(&mut database::admin(), age, &[&key, &live]);
    let _gateway = Gateway::start(&[("UCRM_HOUSEKEEPING_MS", "100")]);
    let left = |key: &String| -> i64 {
        let sql = "select count(*) from ucrm.row_windows where key = $1";
        database::value(&mut database::admin(), sql, &[key])
    };
    until("the old window is gone", || (left(&key) == 0).then_some(()));
    assert_eq!(left(&live), 1);
    database::execute(
        &mut database::admin(),
        "delete from ucrm.row_windows where key = $1",
        &[&live],
    );
}

#[test]
fn eight_connections_fail_no_more_often_than_one() {
    let gateway = Gateway::behind_proxy();
    let address = fresh_address();
    let passed: usize = thread::scope(|scope| {
        let hammers: Vec<_> = (0..8)
            .map(|_| {
                let client = gateway.from(&address).key("wrong");
                scope.spawn(move || {
                    (0..20)
                        .filter(|_| client.get(CONTACTS).status == 401)
                        .count()
                })
            })
            .collect();
        hammers
            .into_iter()
            .map(|hammer| hammer.join().unwrap())
            .sum()
    });
    assert!((LIMIT * 63 / 64..=LIMIT).contains(&passed), "{passed}");
}

#[test]
fn good_requests_do_not_count() {
    let gateway = Gateway::behind_proxy();
    let address = fresh_address();
    let good = gateway.from(&address).key(&stage::name("ACME_OWNER_KEY"));
    for _ in 0..LIMIT + 20 {
        good.get(CONTACTS).is(200);
    }
    // Not even those that come first: a good credential gets its hit back.
    gateway
        .from(&address)
        .key("wrong")
        .get(CONTACTS)
        .refused(401, "unauthenticated");
}

#[test]
fn an_ipv6_network_counts_as_one_address() {
    let gateway = Gateway::behind_proxy();
    let address = fresh_address();
    exhaust(&gateway, &address);
    let neighbour = address.replace("::1", ":dead:beef:0:2");
    gateway
        .from(&neighbour)
        .get(CONTACTS)
        .refused(429, "rate_limited");
}

#[test]
fn an_untrusted_peer_cannot_choose_its_address() {
    let gateway = Gateway::start(&[("UCRM_TRUSTED_PROXIES", "10.0.0.0/8")]);
    let proxy = Gateway::behind_proxy();
    let address = fresh_address();
    exhaust(&proxy, &address);
    let good = stage::name("ACME_OWNER_KEY");
    // The first believes the peer, which is this machine; the second believes the header.
    gateway.from(&address).key(&good).get(CONTACTS).is(200);
    proxy
        .from(&address)
        .key(&good)
        .get(CONTACTS)
        .refused(429, "rate_limited");
}

#[test]
fn the_rightmost_untrusted_address_counts() {
    let gateway = Gateway::behind_proxy();
    let address = fresh_address();
    exhaust(&gateway, &address);
    let good = stage::name("ACME_OWNER_KEY");
    for (chain, status) in [
        (format!("198.51.100.1, {address}"), 429),
        (format!("{address}, 127.0.0.9"), 429),
        (format!("[{address}]:4711"), 429),
        (format!("{address}, {}", fresh_address()), 200),
    ] {
        gateway.from(&chain).key(&good).get(CONTACTS).is(status);
    }
}
