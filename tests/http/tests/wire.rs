//! Bytes that are no request, or two, or too many: refused or closed, in time.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::io::{BufReader, Read, Write};

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
