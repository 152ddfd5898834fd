use super::*;
use proptest::prelude::*;
use serde_json::json;

const COLUMNS: &str = "budget\tcurrency\tf\t[]\ncolour\tsingle_select\tf\t[\"red\",\"dark\\tgreen\"]\nsince\tdate\tt\t[]";

fn faults(given: Value, previous: Value) -> Vec<String> {
    let given = given.as_object().cloned().unwrap_or_default();
    Definitions::parse(COLUMNS).faults(&given, previous.as_object())
}

#[test]
fn values_that_fit_pass() {
    let row = json!({"budget": {"amount": "12.30", "currency": "EUR"}, "colour": "dark\tgreen", "since": "2026-02-28"});
    assert!(faults(row, Value::Null).is_empty());
    assert!(faults(json!({"since": "2026-02-28", "colour": null}), Value::Null).is_empty());
}

#[test]
fn each_value_that_does_not_fit_is_named() {
    let lines = faults(
        json!({"budget": 5, "colour": "blue", "x y\n": 1, "size": 1}),
        Value::Null,
    );
    assert_eq!(
        lines,
        [
            "custom.since: must be given (required)",
            "custom.budget: must be an object, {\"amount\": \"12.30\", \"currency\": \"EUR\"} (invalid_type)",
            "custom.colour: must be one of the column's options (invalid_value)",
            "custom.size: is no custom column here (unknown_field)",
            "custom: has a name that is no custom column here (unknown_field)",
        ]
    );
}

#[test]
fn what_was_there_before_may_stay_and_go() {
    let before = json!({"old": 1, "colour": "blue"});
    assert!(faults(before.clone(), before.clone()).is_empty());
    assert!(faults(json!({"colour": "red"}), before.clone()).is_empty());
    assert!(faults(json!({"colour": "red"}), json!({})).is_empty());
    assert_eq!(
        faults(json!({"old": 2}), before),
        ["custom.old: is no custom column here (unknown_field)"]
    );
    let dated = json!({"since": "2026-01-01"});
    assert_eq!(
        faults(json!({}), dated.clone()),
        ["custom.since: must be given (required)"]
    );
    assert_eq!(
        faults(json!({"since": null}), dated),
        ["custom.since: must be given (required)"]
    );
}

proptest! {
    #[test]
    fn no_definitions_and_no_row_make_it_panic(text in any::<String>(), name in any::<String>(), value in any::<String>()) {
        let row = json!({name: value});
        let row = row.as_object().unwrap();
        let _ = Definitions::parse(&text).faults(row, None);
    }
}
