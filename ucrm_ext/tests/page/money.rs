//! Amounts of money.

use super::*;

#[test]
fn money_is_one_field_in_major_units() {
    let List {
        rows_sql, binds, ..
    } = compiled("value=gte.100.50&sort=-value&fields=value&archived=any");
    assert_eq!(
        rows_sql,
        "select ucrm.money(r.\"value_minor\", r.\"value_currency\") as \"value\" from \"crm\".\"deals\" as r \
         where ucrm.major(r.\"value_minor\", r.\"value_currency\") >= $1::text::numeric \
         order by ucrm.major(r.\"value_minor\", r.\"value_currency\") desc, r.\"id\" desc limit 25"
    );
    assert_eq!(binds, ["100.50"]);
    assert_eq!(refused("value_minor=eq.1").code, "invalid_filter");
    assert_eq!(refused("value_currency=eq.EUR").code, "invalid_filter");
    assert!(
        compiled("value=is.null")
            .rows_sql
            .contains("r.\"value_minor\" is null")
    );
}

#[test]
fn an_amount_has_the_digits_of_its_currency() {
    use query::currency::{Amiss, digits, major, minor};
    for (code, wanted) in [
        ("EUR", Some(2)),
        ("JPY", Some(0)),
        ("KWD", Some(3)),
        ("CLF", Some(4)),
        ("eur", None),
        ("EU", None),
        ("ABC", None),
        ("", None),
        ("EUR USD", None),
    ] {
        assert_eq!(digits(code), wanted, "{code}");
    }
    for (text, digits, units) in [
        ("12.30", 2, 1230),
        ("-0.05", 2, -5),
        ("7", 0, 7),
        ("7.000", 0, 7),
        ("1.5", 3, 1500),
        ("92233720368547758.07", 2, i64::MAX),
        ("-92233720368547758.08", 2, i64::MIN),
    ] {
        assert_eq!(minor(text, digits), Ok(units), "{text}");
        assert_eq!(minor(&major(units, digits), digits), Ok(units), "{text}");
    }
    for (text, amiss) in [
        ("1.005", Amiss::Precise),
        ("", Amiss::Malformed),
        ("1.", Amiss::Malformed),
        (".5", Amiss::Malformed),
        ("1e3", Amiss::Malformed),
        ("+1", Amiss::Malformed),
        ("--1", Amiss::Malformed),
        ("1,5", Amiss::Malformed),
        ("92233720368547758.08", Amiss::Large),
    ] {
        assert_eq!(minor(text, 2), Err(amiss), "{text}");
    }
    assert_eq!(major(-5, 2), "-0.05");
}

#[test]
fn an_amount_is_assigned_as_units_and_currency() {
    use query::{insert, update};
    use serde_json::json;
    let assigned = |value: serde_json::Value| update(&wide(), &body_of(json!({"value": value})));
    let statement = assigned(json!({"amount": "12.30", "currency": "EUR"})).unwrap();
    assert!(
        statement.sql.contains(
            "set \"value_minor\" = $2::text::bigint, \"value_currency\" = $3::text where"
        ),
        "{}",
        statement.sql
    );
    assert_eq!(statement.binds, [Some("1230".into()), Some("EUR".into())]);
    assert_eq!(assigned(json!(null)).unwrap().binds, [None, None]);
    for value in [
        json!("12.30"),
        json!(12),
        json!({"amount": "1"}),
        json!({"amount": "1", "currency": "EUR", "x": 1}),
        json!({"amount": "1.005", "currency": "EUR"}),
        json!({"amount": "1", "currency": "eur"}),
        json!([]),
        json!({"amount": true, "currency": "EUR"}),
        json!({"amount": "1.5", "currency": "JPY"}),
    ] {
        let refusal = assigned(value.clone()).unwrap_err();
        assert_eq!(
            (refusal.code, refusal.errors[0].field.as_str()),
            ("validation_failed", "value"),
            "{value}"
        );
    }
    for name in ["value_minor", "value_currency", "custom.budget"] {
        assert_eq!(
            update(&wide(), &body_of(json!({name: 1})))
                .unwrap_err()
                .code,
            "unknown_field",
            "{name}"
        );
    }
    let shared = Catalogue::parse("crm\tdeals\tid\t\t\t\tid\nid\tuuid\trnd\nnet_minor\tbigint\trwn\ntax_minor\tbigint\trw\ncurrency\ttext\trwn").unwrap();
    let statement = insert(&shared, &body_of(json!({"net": "1.5", "currency": "KWD"}))).unwrap();
    assert!(
        statement.sql.contains("(\"currency\", \"net_minor\")"),
        "{}",
        statement.sql
    );
    assert_eq!(statement.binds, [Some("KWD".into()), Some("1500".into())]);
    let brought = insert(
        &shared,
        &body_of(json!({"net": {"amount": "1.5", "currency": "EUR"}})),
    )
    .unwrap();
    assert_eq!(brought.binds, [Some("150".into()), Some("EUR".into())]);
    let both = json!({"net": {"amount": 1, "currency": "EUR"}, "tax": {"amount": "0.19", "currency": "EUR"}, "currency": "EUR"});
    assert!(insert(&shared, &body_of(both)).is_ok());
    for body in [
        json!({"net": {"amount": 1, "currency": "EUR"}, "currency": "USD"}),
        json!({"net": null, "currency": "EUR"}),
        json!({"net": 1.005, "currency": "EUR"}),
    ] {
        assert_eq!(
            insert(&shared, &body_of(body.clone())).unwrap_err().code,
            "validation_failed",
            "{body}"
        );
    }
    assert_eq!(
        update(&shared, &body_of(json!({"net": 1})))
            .unwrap_err()
            .errors[0]
            .code,
        "required"
    );
    assert_eq!(update(&shared, &body_of(json!({"net": {"amount": 1, "currency": "EUR"}, "tax": {"amount": 1, "currency": "USD"}}))).unwrap_err().code, "validation_failed");
}

fn body_of(value: serde_json::Value) -> serde_json::Map<String, serde_json::Value> {
    value.as_object().unwrap().clone()
}
