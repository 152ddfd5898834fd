//! JSON from outside: what is refused, and that what is accepted is what serde_json reads.
#![allow(dead_code, missing_docs, clippy::unwrap_used)]

#[path = "../src/body"]
mod body {
    pub mod json;
}

use body::json::{MAX_DEPTH, check, value};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

fn message(text: &str) -> &'static str {
    let fault = check(text.as_bytes(), MAX_DEPTH).unwrap_err();
    assert_eq!(fault.code, "invalid_json");
    assert!(fault.at <= text.len());
    fault.message
}

fn accepted(text: &str) -> bool {
    check(text.as_bytes(), MAX_DEPTH).is_ok()
}

#[test]
fn an_object_is_read() {
    let object = check(br#" {"a": [1, -2.50, 1e3, true, false, null], "b\u00e9": {"c": "\"\\\/\b\f\n\r\t\ud83d\ude00"}} "#, 64);
    let expected = json!({"a": [1, null, null, true, false, null], "b\u{e9}": {"c": "\"\\/\u{8}\u{c}\n\r\t\u{1f600}"}});
    let object = object.unwrap();
    assert_eq!(object["b\u{e9}"], expected["b\u{e9}"]);
    assert_eq!(object["a"][0], expected["a"][0]);
    assert_eq!(object["a"][1].to_string(), "-2.50");
}

#[test]
fn anything_but_one_object_is_refused() {
    for text in [
        "",
        " ",
        "[]",
        "1",
        "\"a\"",
        "null",
        "{} {}",
        "{}x",
        "{",
        "{]",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{,}",
        "{a:1}",
        "{'a':1}",
    ] {
        message(text);
    }
    assert!(value(b"[1]", 64).is_ok());
}

#[test]
fn an_ambiguous_object_is_refused() {
    assert!(message(r#"{"a":1,"a":1}"#).contains("twice"));
    assert!(message(r#"{"a":1,"\u0061":1}"#).contains("twice"));
    assert!(message(r#"{"x":[{"a":1,"b":2,"a":3}]}"#).contains("twice"));
    assert!(accepted(r#"{"a":{"a":1},"b":{"a":1}}"#));
}

#[test]
fn text_that_cannot_be_stored_is_refused() {
    for text in [
        r#"{"a":"\u0000"}"#,
        r#"{"\u0000":1}"#,
        r#"{"a":"\ud800"}"#,
        r#"{"a":"\ud800x"}"#,
        r#"{"a":"\udc00\ud800"}"#,
        r#"{"a":"\ud800\u0041"}"#,
        r#"{"a":"\u12"}"#,
        r#"{"a":"\u+123"}"#,
        r#"{"a":"\x41"}"#,
        "{\"a\":\"\n\"}",
        "{\"a\":\"\0\"}",
        "\u{feff}{}",
        r#"{"$serde_json::private::Number":"1"}"#,
    ] {
        message(text);
    }
    assert!(accepted(r#"{"a":"\\u0000"}"#));
    assert_eq!(check(b"{\"a\":\"\xff\"}", 64).unwrap_err().at, 6);
    assert!(check(b"{\"a\":\"\xed\xa0\x80\"}", 64).is_err());
}

#[test]
fn numbers_keep_every_digit() {
    for number in [
        "0",
        "-0",
        "12345678901234567890123456789.000",
        "0.1000",
        "1e1000",
        "-1.5E-7",
        "1e+5",
        "1E5",
    ] {
        let object = check(format!("{{\"a\":{number}}}").as_bytes(), 64).unwrap();
        let (read, given) = (
            object["a"].to_string().to_lowercase(),
            number.to_lowercase(),
        );
        assert_eq!(read.replace('+', ""), given.replace('+', ""));
    }
    for number in [
        "01",
        "+1",
        ".5",
        "1.",
        "1e",
        "1e+",
        "--1",
        "-",
        "0x1",
        "NaN",
        "Infinity",
        "1e1001",
        "1e-1001",
        "1e99999999999999999999",
    ] {
        message(&format!("{{\"a\":{number}}}"));
    }
    assert!(accepted(&format!("{{\"a\":{}}}", "1".repeat(100))));
    assert!(!accepted(&format!("{{\"a\":{}}}", "1".repeat(101))));
}

#[test]
fn nesting_is_bounded() {
    let nested = |depth: usize| format!("{}{}{}", "{\"a\":".repeat(depth), 1, "}".repeat(depth));
    assert!(accepted(&nested(64)));
    assert!(!accepted(&nested(65)));
    assert!(!accepted(&format!("{{\"a\":{}", "[".repeat(1_000_000))));
    assert!(accepted(&format!("{{\"a\":[{}1]}}", "[1],".repeat(1000))));
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(|n| json!(n)),
        any::<f64>()
            .prop_filter("JSON has no such number", |n| n.is_finite())
            .prop_map(|n| json!(n)),
        any::<String>().prop_map(|text| Value::String(text.replace('\0', ""))),
    ];
    leaf.prop_recursive(6, 60, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Value::Array),
            prop::collection::btree_map("[^\0]{0,6}", inner, 0..8)
                .prop_map(|map| Value::Object(map.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..Default::default() })]

    #[test]
    fn what_serde_json_writes_is_read_back(written in values(), pretty in any::<bool>()) {
        let text = if pretty { serde_json::to_vec_pretty(&written) } else { serde_json::to_vec(&written) }.unwrap();
        prop_assert_eq!(value(&text, 64).unwrap(), written);
    }

    #[test]
    fn what_is_accepted_serde_json_reads_alike(bytes in prop::collection::vec(prop::sample::select(br#"{}[]",:\u01dae+-. tfn"#.to_vec()), 0..24)) {
        if let Ok(read) = value(&bytes, 64) {
            prop_assert_eq!(serde_json::from_slice::<Value>(&bytes).unwrap(), read);
        }
    }

    #[test]
    fn a_damaged_text_never_panics(written in values(), cut in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut text = serde_json::to_vec(&written).unwrap();
        let at = cut.index(text.len());
        text[at] = byte;
        match (value(&text, 64), serde_json::from_slice::<Value>(&text)) {
            (Ok(read), Ok(expected)) => prop_assert_eq!(read, expected),
            (Ok(_), Err(error)) => prop_assert!(false, "accepted what serde_json refuses: {}", error),
            (Err(fault), _) => prop_assert!(fault.at <= text.len()),
        }
        let _ = value(&text[..at], 64);
    }
}
