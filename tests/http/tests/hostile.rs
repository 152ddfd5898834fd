//! Junk of every kind: refused with a 4xx, in time, and never a 5xx, a hang or a row.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::io::{BufReader, Read, Write};
use std::thread;

use serde_json::{Value, json};
use ucrm_http_tests::client::Client;
use ucrm_http_tests::dice::Dice;
use ucrm_http_tests::reply::Reply;
use ucrm_http_tests::stage;
use ucrm_http_tests::workspace::Workspace;

const CONTACTS: &str = "/api/v1/contacts";

/// Sends these bytes and nothing more; the reply, or none if the connection was closed instead.
fn raw(bytes: &[u8]) -> Option<Reply> {
    let mut stream = stage::nobody().connect().unwrap();
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(std::net::Shutdown::Write);
    match Reply::read(&mut BufReader::new(stream), false) {
        Ok(reply) => Some(reply),
        Err(error) => {
            use std::io::ErrorKind::{TimedOut, WouldBlock};
            assert!(
                !matches!(error.kind(), TimedOut | WouldBlock),
                "it hangs: {bytes:?}"
            );
            None
        }
    }
}

/// A GET of contacts by Acme's owner with these lines between request line and end.
fn request(lines: &str) -> Vec<u8> {
    let key = stage::name("ACME_OWNER_KEY");
    format!("GET {CONTACTS} HTTP/1.1\r\nx-api-key: {key}\r\n{lines}\r\n").into_bytes()
}

#[test]
fn what_is_no_http_is_refused_or_closed() {
    let mut cases: Vec<Vec<u8>> = [
        "",
        "\r\n\r\n",
        "GET\r\n\r\n",
        "GET /\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a",
        "\0\0\0\0\r\n\r\n",
        "GET  /  HTTP/1.1\r\n\r\n",
        "G\u{e9}T / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nhost : x\r\n\r\n",
        "GET / HTTP/1.1\r\n x: y\r\n\r\n",
        "GET / HTTP/1.1\nhost: x\n\n",
        "GET / HTTP/1.1\r\nhost: x\r\nx\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "GET * HTTP/1.1\r\nhost: x\r\n\r\n",
        "CONNECT a:1 HTTP/1.1\r\nhost: a:1\r\n\r\n",
        "GET http:// HTTP/1.1\r\nhost: x\r\n\r\n",
        "GET /\0 HTTP/1.1\r\nhost: x\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nhost: x\r\n\r\n",
        "GET /a b HTTP/1.1\r\nhost: x\r\n\r\n",
    ]
    .iter()
    .map(|case| case.as_bytes().to_vec())
    .collect();
    cases.push(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec());
    cases.push(vec![b'A'; 100_000]);
    cases.push(b"GET / HTTP/1.1\r\nx: \xff\xfe\x00\r\n\r\n".to_vec());
    for case in cases {
        if let Some(reply) = raw(&case) {
            assert!(
                (400..500).contains(&reply.status),
                "{} for {:?}",
                reply.status,
                String::from_utf8_lossy(&case)
            );
        }
    }
}

#[test]
fn ambiguous_framing_is_refused() {
    let host = "host: x\r\n";
    for lines in [
        "".to_owned(),
        "host: a\r\nhost: b\r\n".to_owned(),
        "host: a@b\r\n".to_owned(),
        "host: a b\r\n".to_owned(),
        format!("{host}content-length: 1\r\ncontent-length: 2\r\n"),
        format!("{host}content-length: -1\r\n"),
        format!("{host}content-length: 1e3\r\n"),
        format!("{host}content-length: 99999999999999999999999\r\n"),
        format!("{host}transfer-encoding: gzip, chunked\r\n"),
        format!("{host}transfer-encoding: identity\r\n"),
        format!("{host}transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n"),
        format!("{host}content-type: a\r\ncontent-type: b\r\n"),
        format!("{host}x-tenant-id: acme\r\nx-tenant-id: acme\r\n"),
    ] {
        let reply = raw(&request(&lines));
        let status = reply.as_ref().map(|reply| reply.status);
        assert!(
            matches!(status, Some(400) | None),
            "{status:?} for {lines:?}"
        );
    }
    for chunk in [
        "zz\r\n\r\n",
        "-1\r\n\r\n",
        "fffffffffffffffff\r\n\r\n",
        "5\r\nabc\r\n0\r\n\r\n",
        "5;x=y\r\nab",
    ] {
        let mut bytes = request(&format!("{host}transfer-encoding: chunked\r\n"));
        bytes.splice(..3, *b"POST");
        bytes.extend_from_slice(chunk.as_bytes());
        let status = raw(&bytes).map(|reply| reply.status);
        assert!(
            matches!(status, Some(400 | 408 | 413) | None),
            "{status:?} for {chunk:?}"
        );
    }
}

#[test]
fn a_smuggled_second_request_is_not_answered() {
    let workspace = Workspace::new();
    let key = &workspace.owner.key;
    let smuggled = format!(
        "POST {CONTACTS} HTTP/1.1\r\nhost: x\r\nx-api-key: {key}\r\ncontent-length: 17\r\n\r\n{{\"name\":\"smuggled\"}}"
    );
    let bytes = format!(
        "GET {CONTACTS} HTTP/1.1\r\nhost: x\r\nx-api-key: {key}\r\ncontent-length: {}\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n{smuggled}",
        5 + smuggled.len()
    );
    let mut stream = stage::nobody().connect().unwrap();
    stream.write_all(bytes.as_bytes()).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut said = Vec::new();
    let _ = stream.read_to_end(&mut said);
    assert!(String::from_utf8_lossy(&said).matches("HTTP/1.1 ").count() <= 1);
    assert_eq!(workspace.count("crm.contacts", "true"), 0);
}

#[test]
fn what_is_too_large_is_refused() {
    let owner = stage::client("ACME_OWNER_KEY");
    for size in [8_193, 20_000, 200_000, 2_000_000] {
        let long = "a".repeat(size);
        for reply in [
            owner.attempt("GET", &format!("{CONTACTS}?q={long}"), &[], None),
            owner.attempt("GET", &format!("/api/v1/{long}"), &[], None),
            owner.attempt("GET", CONTACTS, &[("x-junk", &long)], None),
        ] {
            match reply {
                Ok(reply) => assert!(
                    reply.status < 500 && (reply.status != 200 || size < 100_000),
                    "{} for {size}",
                    reply.status
                ),
                Err(error) => assert!(size > 100_000, "{error} for {size}"),
            }
        }
    }
    let names: Vec<String> = (0..300).map(|n| format!("x-{n}")).collect();
    let headers: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "1")).collect();
    let reply = owner.attempt("GET", CONTACTS, &headers, None);
    assert!(reply.is_ok_and(|reply| reply.status == 431));
}

#[test]
fn a_body_over_a_mebibyte_is_refused_however_it_comes() {
    let workspace = Workspace::new();
    let owner = workspace.owner();
    let json_of = |size: usize| {
        let frame = r#"{"name":"Large","notes":""}"#.len();
        format!(
            r#"{{"name":"Large","notes":"{}"}}"#,
            "n".repeat(size - frame)
        )
    };
    let kind = ("content-type", "application/json");
    let (fits, over) = (json_of(1 << 20), json_of((1 << 20) + 1));
    owner
        .send("POST", CONTACTS, &[kind], Some(fits.as_bytes()))
        .refused(422, "validation_failed");
    owner
        .send("POST", CONTACTS, &[kind], Some(over.as_bytes()))
        .refused(413, "body_too_large");
    owner
        .send("GET", CONTACTS, &[kind], Some(over.as_bytes()))
        .refused(413, "body_too_large");
    let huge = [kind, ("content-length", "1099511627776")];
    owner
        .send("POST", CONTACTS, &huge, None)
        .refused(413, "body_too_large");
    let chunked = |body: &str| {
        let mut bytes = format!(
            "POST {CONTACTS} HTTP/1.1\r\nhost: x\r\nx-api-key: {}\r\ntransfer-encoding: chunked\r\n\r\n",
            workspace.owner.key
        );
        for piece in body.as_bytes().chunks(60_000) {
            bytes.push_str(&format!(
                "{:x}\r\n{}\r\n",
                piece.len(),
                std::str::from_utf8(piece).unwrap()
            ));
        }
        bytes.push_str("0\r\n\r\n");
        owner.again().exchange(bytes.as_bytes(), false).unwrap()
    };
    chunked(r#"{"name":"Small"}"#).is(201);
    chunked(&over).refused(413, "body_too_large");
    assert_eq!(workspace.count("crm.contacts", "true"), 1);
}

#[test]
fn json_that_is_none_or_too_much_is_refused() {
    let workspace = Workspace::new();
    let owner = workspace.owner();
    let deep = |open: &str, close: &str, n: usize| {
        format!(
            r#"{{"name":"D","custom":{{"a":{}1{}}}}}"#,
            open.repeat(n),
            close.repeat(n)
        )
    };
    let mut cases: Vec<Vec<u8>> = [
        "",
        " ",
        "null",
        "\"text\"",
        "1",
        "true",
        "{",
        "}",
        "{\"name\"}",
        "{\"name\":}",
        "{\"name\":\"A\",}",
        "{'name':'A'}",
        "{name:\"A\"}",
        "{\"name\":\"A\"} x",
        "{\"name\":\"A\"}{}",
        "{\"name\":\"A\",\"name\":\"B\"}",
        "{\"name\":\"A\",\"custom\":{\"a\":1,\"a\":2}}",
        "{\"name\":\"A\\u0000\"}",
        "{\"name\":\"A\",\"custom\":{\"\\u0000\":1}}",
        "{\"na\\u0000me\":1}",
        "{\"name\":\"\\ud800\"}",
        "{\"name\":\"\\udc00\\ud800\"}",
        "{\"name\":\"\\x\"}",
        "{\"name\":\"a\tb\"}",
        "{\"name\":\"A\",\"custom\":{\"a\":1e100000}}",
        "{\"name\":\"A\",\"custom\":{\"a\":-1e-100000}}",
        "{\"name\":\"A\",\"custom\":{\"a\":01}}",
        "{\"name\":\"A\",\"custom\":{\"a\":.5}}",
        "{\"name\":\"A\",\"custom\":{\"a\":NaN}}",
        "{\"name\":\"A\",\"custom\":{\"a\":Infinity}}",
        "{\"name\":\"A\",\"custom\":{\"a\":+1}}",
        "/* */{\"name\":\"A\"}",
        "{\"name\":\"A\",\"custom\":{\"$serde_json::private::Number\":\"1\"}}",
    ]
    .iter()
    .map(|case| case.as_bytes().to_vec())
    .collect();
    cases.push(b"\xef\xbb\xbf{\"name\":\"A\"}".to_vec());
    cases.push(b"{\"name\":\"\xff\xfe\"}".to_vec());
    cases.push(b"{\"name\":\"\xc0\xaf\"}".to_vec());
    cases.push(b"{\"name\":\"A\0\"}".to_vec());
    cases.push(
        "{\"name\":\"A\"}"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect(),
    );
    cases.push(deep("[", "]", 200).into_bytes());
    cases.push(deep("{\"a\":", "}", 100_000).into_bytes());
    cases.push("[".repeat(500_000).into_bytes());
    cases.push(
        format!(
            "{{\"name\":\"A\",\"custom\":{{\"a\":{}}}}}",
            "9".repeat(100_000)
        )
        .into_bytes(),
    );
    let json = [("content-type", "application/json")];
    for case in &cases {
        for (method, target) in [
            ("POST", CONTACTS.to_owned()),
            ("PATCH", format!("{CONTACTS}/{}", workspace.id)),
        ] {
            let reply = owner.send(method, &target, &json, Some(case));
            let shown: String = String::from_utf8_lossy(case).chars().take(80).collect();
            assert_eq!(reply.status, 400, "{shown}: {}", reply.text());
            reply.refused(400, "invalid_json");
        }
    }
    owner
        .send("POST", CONTACTS, &json, Some(deep("[", "]", 50).as_bytes()))
        .refused_fields(422, "validation_failed", &["custom.a"]);
    let large = br#"{"name":"N","custom":{"a":123456789012345678901234567890.123456789}}"#;
    owner
        .send("POST", CONTACTS, &json, Some(large))
        .refused_fields(422, "validation_failed", &["custom.a"]);
}

/// What is thrown at every parameter that takes text.
const INJECTIONS: [&str; 22] = [
    "'",
    "\"",
    "';select pg_sleep(9)--",
    "\\",
    "\\'",
    "1; drop table crm.contacts",
    "$1",
    "$$",
    "%s",
    "%",
    "*",
    "${7*7}",
    "{{7*7}}",
    "' or '1'='1",
    "') or true--",
    "null",
    "\u{202e}",
    "\u{0}x",
    "é\u{301}",
    "a,b",
    "(a)",
    "../../etc/passwd",
];

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02x}")).collect()
}

#[test]
fn injected_text_stays_text() {
    let (workspace, other) = (Workspace::new(), Workspace::new());
    workspace.contact("Mine");
    other.contact("Theirs");
    let owner = workspace.owner();
    let note = json!({"resource": "contacts", "name": "note", "type": "plain"});
    owner.post("/api/v1/custom_columns", &note).is(201);
    for text in INJECTIONS {
        let e = encoded(text);
        for target in [
            format!("{CONTACTS}?name=eq.{e}"),
            format!("{CONTACTS}?name=like.{e}"),
            format!("{CONTACTS}?name=in.({e})"),
            format!("{CONTACTS}?or=(name.eq.{e})"),
            format!("{CONTACTS}?q={e}"),
            format!("{CONTACTS}?sort={e}"),
            format!("{CONTACTS}?fields={e}"),
            format!("{CONTACTS}?{e}=eq.1"),
            format!("{CONTACTS}?page={e}"),
            format!("{CONTACTS}?limit={e}"),
            format!("{CONTACTS}?archived={e}"),
            format!("{CONTACTS}?custom=cs.{e}"),
            format!("{CONTACTS}?created_at=gt.{e}"),
            format!("{CONTACTS}/{e}"),
            format!("/api/v1/{e}"),
            format!("/api/v1/why?resource={e}&action={e}"),
            format!("/api/v1/audit_logs?record_id=eq.{e}"),
            format!("{CONTACTS}?name={e}.x"),
        ] {
            let reply = owner.get(&target);
            assert!(
                reply.status < 500,
                "{} for {target}: {}",
                reply.status,
                reply.text()
            );
            assert!(!reply.text().contains("Theirs"), "{target}");
            if reply.status == 200 && target.contains("name=eq") {
                assert_eq!(reply.json()["meta"]["total"], 0, "{target}");
            }
        }
        if text.contains('\0') {
            continue;
        }
        owner
            .post(CONTACTS, &json!({"name": text, "custom": {text: text}}))
            .refused(422, "validation_failed");
        let stored = owner
            .post(
                CONTACTS,
                &json!({"name": text, "notes": text, "external_id": text, "custom": {"note": text}}),
            )
            .data(201);
        assert_eq!(
            (&stored["name"], &stored["custom"]["note"]),
            (&json!(text), &json!(text))
        );
        let found = owner
            .get(&format!("{CONTACTS}?external_id=eq.{}", encoded(text)))
            .is(200)
            .json();
        assert_eq!(found["meta"]["total"], 1, "{text}");
        for header in [
            "if-match",
            "if-none-match",
            "x-tenant-id",
            "prefer",
            "accept",
            "range",
            "idempotency-key",
            "traceparent",
            "origin",
        ] {
            let reply = owner.with(header, text).get(CONTACTS);
            assert!(
                reply.status < 500 && !reply.text().contains("Theirs"),
                "{header}: {text}"
            );
        }
    }
    assert_eq!(other.count("crm.contacts", "true"), 1);
}

#[test]
fn junk_in_the_path_is_no_500() {
    let owner = stage::client("ACME_OWNER_KEY");
    for path in [
        "/%",
        "/%0",
        "/%zz",
        "/%00",
        "/api/v1/contacts/%00",
        "/api/v1/contacts/%ff",
        "/api/v1/%c0%af",
        "/api/v1/contacts/%2e%2e/contacts",
        "/api/v1/contacts/%2F",
        "/api/v1/contacts?%",
        "/api/v1/contacts?a=%00",
        "/api/v1/contacts?=&&==",
        "/api/v1/contacts?&",
        "/?",
        "/api/v1/contacts??",
        "/api/v1/contacts/%F0%9F%98%80",
        "/api//v1///contacts",
        "/api/v1/contacts/\u{7f}",
        "/api/v1/{resource}",
        "/api/v1/contacts/{id}",
        "/api/v1/contacts#x",
    ] {
        if let Ok(reply) = owner.again().attempt("GET", path, &[], None) {
            assert!(reply.status < 500, "{} for {path}", reply.status);
        }
    }
}

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
