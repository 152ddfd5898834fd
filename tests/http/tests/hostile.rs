//! Junk of every kind: refused with a 4xx, in time, and never a 5xx, a hang or a row.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use serde_json::json;
use ucrm_http_tests::stage;
use ucrm_http_tests::workspace::Workspace;

const CONTACTS: &str = "/api/v1/contacts";

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
