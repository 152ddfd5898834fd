//! Junk: compiled or refused, without a panic.

use super::injection::{INJECTIONS, hold, only_known_tokens};
use super::*;

fn fragments() -> impl Strategy<Value = String> {
    let mut fragments = vec![
        "name",
        "id",
        "age",
        "amount",
        "vip",
        "born",
        "tags",
        "custom",
        "created_at",
        "stage",
        "limit",
        "or",
        "and",
        "not.",
        "eq.",
        "in.",
        "is.",
        "like.",
        "between.",
        "cs.",
        "ov.",
        "in_last_days.",
        "(",
        ")",
        ",",
        ".",
        "=",
        "=",
        "&",
        "&",
        "\"",
        "\\",
        "{",
        "}",
        "1",
        "2024-01-01",
        "null",
        "true",
        "*",
        "%25",
        "+",
        "sort",
        "page",
        "q",
        "fields",
        "-",
    ];
    fragments.extend_from_slice(INJECTIONS);
    prop::collection::vec(prop::sample::select(fragments), 0..24).prop_map(|parts| parts.concat())
}

fn filters() -> impl Strategy<Value = String> {
    let column = prop::sample::select(vec![
        "name",
        "id",
        "age",
        "amount",
        "vip",
        "born",
        "tags",
        "custom",
        "created_at",
        "stage",
        "met_at",
        "score",
    ]);
    let operator = prop::sample::select(vec![
        "eq",
        "neq",
        "gt",
        "like",
        "in",
        "is",
        "between",
        "cs",
        "ov",
        "in_last_days",
        "not.eq",
        "not.in",
    ]);
    let value = prop_oneof![
        prop::sample::select(vec![
            "1",
            "x",
            "null",
            "(1,2)",
            "(a,\"b\")",
            "{a}",
            "true",
            "2024-01-01",
            "2024-01-01T00:00:00Z",
            ID,
            "{\"a\":1}",
            "\"q\""
        ])
        .prop_map(str::to_owned),
        "\\PC{0,8}",
    ];
    let term = (column, operator, value)
        .prop_map(|(column, operator, value)| format!("{column}.{operator}.{value}"));
    let group = term.prop_recursive(4, 20, 4, |inner| {
        (
            prop::sample::select(vec!["or", "and", "not.or"]),
            prop::collection::vec(inner, 1..4),
        )
            .prop_map(|(word, members)| format!("{word}({})", members.join(",")))
    });
    (
        prop::sample::select(vec!["or", "and"]),
        prop::collection::vec(group, 1..4),
    )
        .prop_map(|(word, members)| format!("{word}=({})", members.join(",")))
}

fn sent() -> impl Strategy<Value = Map<String, Value>> {
    let names: Vec<String> = contacts()
        .columns
        .iter()
        .filter(|column| column.writable)
        .map(|column| column.name.clone())
        .collect();
    let value = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(|n| json!(n)),
        any::<f64>().prop_map(|n| json!(n)),
        any::<String>().prop_map(Value::String),
        prop::sample::select(vec![ID, "2024-01-01", "1.5", "won"]).prop_map(|text| json!(text)),
        prop::collection::vec("\\PC{0,4}", 0..3).prop_map(|texts| json!(texts)),
        Just(json!({"a": {"b": "\"'"}})),
    ];
    prop::collection::btree_map(prop::sample::select(names), value, 0..5)
        .prop_map(|map| map.into_iter().collect())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 50_000, failure_persistence: None, ..Default::default() })]

    #[test]
    fn arbitrary_text_is_compiled_or_refused(text in "\\PC{0,40}|[ -~]{0,60}") {
        hold(&text);
        hold(&format!("name=eq.{text}"));
    }

    #[test]
    fn arbitrary_fragments_are_compiled_or_refused(text in fragments()) {
        hold(&text);
    }

    #[test]
    fn arbitrary_groups_are_compiled_or_refused(text in filters()) {
        hold(&text);
    }

    #[test]
    fn arbitrary_bodies_are_compiled_or_refused(sent in sent()) {
        for (write, key) in [(insert as fn(&Catalogue, &Map<String, Value>) -> _, 0), (update, 1)] {
            match write(contacts(), &sent) {
                Ok(Statement { sql, binds }) => only_known_tokens(&sql, binds.len() + key),
                Err(Refusal { code, status, .. }) => prop_assert_eq!((code, status), ("validation_failed", 422)),
            }
        }
    }
}
