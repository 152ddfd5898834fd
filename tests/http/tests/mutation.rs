//! Requests that were right and are changed at random, by the thousand: never a 5xx.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::thread;

use serde_json::Value;
use ucrm_http_tests::client::Client;
use ucrm_http_tests::dice::Dice;
use ucrm_http_tests::workspace::Workspace;

const CONTACTS: &str = "/api/v1/contacts";

/// A request made of good and bad pieces.
fn mutated(dice: &mut Dice, key: &str) -> Vec<u8> {
    let methods = [
        "GET", "GET", "GET", "POST", "POST", "PATCH", "DELETE", "PUT", "HEAD", "X",
    ];
    let paths = [
        CONTACTS,
        CONTACTS,
        CONTACTS,
        "/api/v1/organizations",
        "/api/v1/session",
        "/api/v1/why",
        "/api/v1/audit_logs",
        "/api/v1/billing/state",
        "/api/v1",
        "/",
    ];
    let queries = [
        "",
        "page=1",
        "limit=3",
        "sort=-name",
        "stage=eq.won",
        "or=(name.eq.a,b.is.null)",
        "q=a+b",
        "fields=id,name",
        "created_at=gt.2020-01-01",
        "custom=cs.{}",
    ];
    let headers = [
        "if-match: *",
        "if-none-match: \"a\"",
        "content-type: application/json",
        "x-tenant-id: acme",
        "prefer: count=exact",
        "accept: */*",
        "expect: 100-continue",
    ];
    let bodies = [
        "",
        "{}",
        r#"{"name":"M"}"#,
        r#"{"name":1,"custom":{"a":[1e9]}}"#,
        r#"{"stage":"won","owner_id":null}"#,
    ];
    let mut target = dice.pick(&paths).to_owned();
    if dice.below(3) == 0 {
        target.push_str("/01890a5d-ac96-774b-bcce-b302099a8057");
    }
    if dice.below(2) == 0 {
        target = format!("{target}?{}&{}", dice.pick(&queries), dice.pick(&queries));
    }
    let mut target = target.into_bytes();
    let mut header = dice.pick(&headers).as_bytes().to_vec();
    let mut body = dice.pick(&bodies).as_bytes().to_vec();
    for _ in 0..dice.below(4) {
        let part = match dice.below(3) {
            0 => &mut target,
            1 => &mut header,
            _ => &mut body,
        };
        let at = dice.below(part.len() + 1);
        let junk = [
            b'%', b'\'', b'"', b'\\', b'(', b')', b'.', b',', b'=', b'&', 0, 0xff, b'{', b'[',
            b'/', b'*', b':', b'-', b'9', b'\t',
        ][dice.below(20)];
        match dice.below(3) {
            0 => part.insert(at, junk),
            1 if at < part.len() => part[at] = junk,
            _ => part.truncate(at.max(1)),
        }
    }
    // A mutation may not end the head early: framing has tests of its own.
    let mut bytes = dice.pick(&methods).as_bytes().to_vec();
    bytes.push(b' ');
    bytes.extend(target);
    bytes.extend(
        format!(
            " HTTP/1.1\r\nhost: x\r\nx-api-key: {key}\r\ncontent-length: {}\r\n",
            body.len()
        )
        .bytes(),
    );
    bytes.extend(header);
    bytes.extend(b"\r\n\r\n");
    bytes.extend(body);
    bytes
}

#[test]
fn ten_thousand_mutations_give_no_500() {
    let (workspace, other) = (Workspace::new(), Workspace::new());
    let theirs = other.contact("Theirs");
    let statuses: Vec<u16> = thread::scope(|scope| {
        let throwers: Vec<_> = (0..4)
            .map(|seed| {
                let (client, key) = (workspace.owner(), &workspace.owner.key);
                scope.spawn(move || thrown(Dice::new(seed), &client, key))
            })
            .collect();
        throwers
            .into_iter()
            .flat_map(|thrower| thrower.join().unwrap())
            .collect()
    });
    // Much of it gets as far as the table, or this would prove little.
    for (status, least) in [
        (200, 500),
        (201, 20),
        (400, 1_000),
        (403, 50),
        (404, 500),
        (422, 50),
    ] {
        let times = statuses.iter().filter(|known| **known == status).count();
        assert!(times >= least, "{status} came {times} times");
    }
    let left: Value = other
        .owner()
        .get(&format!("{CONTACTS}/{}", theirs["id"].as_str().unwrap()))
        .data(200);
    assert_eq!(left, theirs);
    workspace.owner().get(CONTACTS).is(200);
}

/// Throws 2,500 requests; the statuses that came back.
fn thrown(mut dice: Dice, client: &Client, key: &str) -> Vec<u16> {
    let mut statuses = Vec::new();
    for n in 0..2_500 {
        let bytes = mutated(&mut dice, key);
        let shown = String::from_utf8_lossy(&bytes);
        match client.exchange(&bytes, bytes.starts_with(b"HEAD ")) {
            Ok(reply) => {
                assert!(reply.status < 500, "{n}: {} for {shown:?}", reply.status);
                statuses.push(reply.status);
            }
            Err(error) => {
                use std::io::ErrorKind::{TimedOut, WouldBlock};
                assert!(
                    !matches!(error.kind(), TimedOut | WouldBlock),
                    "{n}: it hangs: {shown:?}"
                );
            }
        }
    }
    statuses
}
