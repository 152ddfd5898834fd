//! Inserts and updates.

use super::*;

#[test]
fn an_insert_assigns_what_was_sent() {
    let sent = body(
        json!({"name": "Ann", "age": 5, "custom": {"a": [1]}, "tags": ["a", "b\"\\"], "email": null, "stage": "won", "vip": true, "amount": "10.50"}),
    );
    let Statement { sql, binds } = insert(contacts(), &sent).unwrap();
    let (assigned, returned) = sql.split_once(" returning ").unwrap();
    assert_eq!(
        assigned,
        "insert into \"crm\".\"contacts\" as r (\"name\", \"email\", \"stage\", \"age\", \"amount\", \"vip\", \"tags\", \"custom\") values \
         ($1::text, $2::text, $3::text::crm.stage, $4::text::smallint, $5::text::numeric, $6::text::boolean, $7::text::text[], $8::text::jsonb)"
    );
    assert!(returned.starts_with("r.\"id\", r.\"name\""), "{returned}");
    assert!(!returned.contains("secret") && !returned.contains("tenant_id"));
    let binds: Vec<Option<&str>> = binds.iter().map(Option::as_deref).collect();
    assert_eq!(
        binds,
        [
            Some("Ann"),
            None,
            Some("won"),
            Some("5"),
            Some("10.50"),
            Some("true"),
            Some(r#"{"a","b\"\\"}"#),
            Some("{\"a\":[1]}")
        ]
    );
    let nothing_required = Catalogue::parse("s\tt\tid\t\t\t\tid\nid\tbigint\trnd").unwrap();
    assert!(
        insert(&nothing_required, &Map::new())
            .unwrap()
            .sql
            .starts_with("insert into \"s\".\"t\" as r default values returning ")
    );
}

#[test]
fn an_insert_by_somebody_who_may_not_read_returns_nothing_and_has_a_known_key() {
    let sent = body(json!({"name": "Ada"}));
    let Statement { sql, binds } = insert_unseen(contacts(), &sent, Some(ID)).unwrap();
    assert!(!sql.contains("returning"), "{sql}");
    assert!(sql.contains("\"id\""), "{sql}");
    assert_eq!(binds.last().unwrap().as_deref(), Some(ID));
    let numbered = Catalogue::parse("a\tb\tid\t\t\t\tid\nid\tbigint\trnd\nname\ttext\trw").unwrap();
    let Statement { sql, binds } = insert_unseen(&numbered, &sent, Some(ID)).unwrap();
    assert!(!sql.contains("\"id\""), "{sql}");
    assert_eq!(binds, [Some("Ada".to_owned())]);
}

#[test]
fn an_update_changes_what_was_sent() {
    let Statement { sql, binds } =
        update(contacts(), &body(json!({"email": "a@b", "age": null}))).unwrap();
    assert!(sql.starts_with("update \"crm\".\"contacts\" as r set \"email\" = $2::text, \"age\" = $3::text::smallint where r.\"id\" = $1::text::uuid returning r."), "{sql}");
    assert_eq!(binds, [Some("a@b".to_owned()), None]);
    let refusal = update(contacts(), &Map::new()).unwrap_err();
    assert_eq!((refusal.code, refusal.status), ("validation_failed", 422));
}

#[test]
fn a_field_that_cannot_be_assigned_is_named() {
    for write in [insert, update] {
        let refusal = write(
            contacts(),
            &body(json!({"name": "x", "id": ID, "tenant_id": ID, "nope": 1, "created_at": null})),
        )
        .unwrap_err();
        assert_eq!((refusal.code, refusal.status), ("unknown_field", 400));
        assert_eq!(
            faults(&refusal),
            ["created_at", "id", "nope", "tenant_id"].map(|field| (field, "unknown_field"))
        );
        assert!(
            refusal.allowed.contains(&"name".to_owned())
                && !refusal.allowed.contains(&"id".to_owned())
        );
    }
}

#[test]
fn every_invalid_field_is_told_at_once() {
    let sent = json!({"email": "x".repeat(41), "age": 40000, "visits": 1.5, "amount": "12345678901", "score": "1", "vip": null, "born": "2023-02-29", "tags": ["a", null], "links": ["x"], "stage": {}});
    let refusal = insert(contacts(), &body(sent)).unwrap_err();
    assert_eq!((refusal.code, refusal.status), ("validation_failed", 422));
    assert_eq!(
        faults(&refusal),
        [
            ("name", "required"),
            ("email", "too_long"),
            ("stage", "invalid_type"),
            ("age", "out_of_range"),
            ("visits", "invalid_type"),
            ("amount", "out_of_range"),
            ("score", "invalid_type"),
            ("vip", "null_not_allowed"),
            ("born", "invalid_format"),
            ("tags", "null_not_allowed"),
            ("links", "invalid_format")
        ]
    );
    assert_eq!(
        faults(&update(contacts(), &body(json!({"name": "a\u{0}b"}))).unwrap_err()),
        [("name", "invalid_format")]
    );
    for (number, bind) in [
        ("5.0", Some("5")),
        ("1e3", Some("1000")),
        ("-0", Some("0")),
        ("0.5", None),
        ("1e300", None),
        ("9223372036854775808", None),
    ] {
        let sent = body::json::check(format!("{{\"visits\":{number}}}").as_bytes(), 64).unwrap();
        assert_eq!(
            update(contacts(), &sent).ok().map(|update| update.binds),
            bind.map(|bind| vec![Some(bind.to_owned())]),
            "{number}"
        );
    }
    let exact = body::json::check(
        br#"{"amount":1234567890.10,"custom":{"n":0.10000000000000000000001}}"#,
        64,
    )
    .unwrap();
    assert_eq!(
        update(contacts(), &exact).unwrap().binds,
        [
            Some("1234567890.10".into()),
            Some("{\"n\":0.10000000000000000000001}".into())
        ]
    );
}
