//! Lines and leaves: what a line shows is what its leaf is made of, and no two rows have the same.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use proptest::prelude::*;
use ucrm_chain::note::PublicKey;
use ucrm_chain::row::{Line, Row};
use ucrm_chain::walk::{Finding, Walk};
use ucrm_chain::{hex, tree};

const TENANT: &str = "01a00000-0000-7000-8000-00000000000a";

type Texts = (
    String,
    Option<String>,
    Option<String>,
    Option<Vec<Option<String>>>,
    Option<String>,
);

fn row((action, resource, record, changed, salt): &Texts) -> Row<'_> {
    Row {
        id: "01a00000-0000-7000-8000-000000000001",
        tenant_id: Some(TENANT),
        at: "2026-11-29T00:15:00.000000Z",
        action,
        resource: resource.as_deref(),
        record_id: record.as_deref(),
        changed: changed
            .as_ref()
            .map(|names| names.iter().map(Option::as_deref).collect()),
        salt: salt.as_deref(),
        before: Some(r#"{"a": 1.10, "b": "\u0001\"é"}"#),
        ..Row::default()
    }
}

fn texts() -> impl Strategy<Value = Texts> {
    let text = || proptest::option::of(any::<String>());
    (
        any::<String>(),
        text(),
        text(),
        proptest::option::of(proptest::collection::vec(text(), 0..3)),
        text(),
    )
}

proptest! {
    #[test]
    fn a_line_is_read_as_the_row_it_shows(given in texts()) {
        let row = row(&given);
        let text = row.line();
        prop_assert!(!text.contains('\n'));
        let line = Line::read(&text).unwrap();
        prop_assert_eq!(line.row(), row.clone());
        prop_assert_eq!(line.row().leaf(), row.leaf());
    }

    #[test]
    fn different_rows_have_different_leaves(one in texts(), other in texts()) {
        prop_assert_eq!(row(&one).leaf() == row(&other).leaf(), one == other);
    }
}

#[test]
fn what_moves_from_one_field_to_the_next_changes_the_leaf() {
    let a = Row {
        action: "ab",
        resource: Some("c"),
        ..Row::default()
    };
    let b = Row {
        action: "a",
        resource: Some("bc"),
        ..Row::default()
    };
    let absent = Row {
        resource: None,
        ..a.clone()
    };
    let empty = Row {
        resource: Some(""),
        ..a.clone()
    };
    assert_ne!(a.leaf(), b.leaf());
    assert_ne!(absent.leaf(), empty.leaf());
}

#[test]
fn erased_images_leave_the_leaf_as_it_was() {
    let whole = Row {
        before: Some("{}"),
        after: Some("[1]"),
        salt: Some("s"),
        ..Row::default()
    };
    let erased = Row {
        before: None,
        after: None,
        salt: None,
        images: Some(whole.images_digest()),
        ..whole.clone()
    };
    assert!(erased.is_redacted());
    assert_eq!(erased.leaf(), whole.leaf());
    for half in [
        Row {
            after: Some("[2]"),
            ..erased.clone()
        },
        Row {
            salt: Some("s"),
            ..erased.clone()
        },
        Row {
            images: Some([1; 32]),
            ..erased.clone()
        },
        Row {
            images: None,
            ..erased.clone()
        },
        Row {
            images: erased.images,
            ..whole.clone()
        },
    ] {
        assert_ne!(half.leaf(), whole.leaf());
    }
}

/// Rows as an export has them, under one seal that fits.
fn export(rows: &[Row]) -> Vec<String> {
    let leaves: Vec<_> = rows.iter().map(Row::leaf).collect();
    let seal = ucrm_chain::seal::Seal {
        tenant: TENANT.into(),
        n: 1,
        first: rows.first().map(|row| row.id.into()),
        last: rows.last().unwrap().id.into(),
        rows: rows.len() as u64,
        root: tree::root(&leaves),
        previous: ucrm_chain::seal::ORIGIN,
        pruned: 0,
        created_at: "2026-11-29T00:15:30.000000Z".into(),
    };
    let mut lines = vec![
        format!(
            r#"{{"kind": "header", "format": "ucrm-audit", "version": 1, "tenant_id": "{TENANT}", "filter": null, "keys": []}}"#
        ),
        format!(
            r#"{{"kind": "seal", "tenant_id": "{TENANT}", "n": 1, "first_id": "{}", "last_id": "{}", "rows": {}, "root": "{}", "previous": "{}", "pruned": 0, "created_at": "{}", "hash": "{}", "ids": null, "leaves": null}}"#,
            rows[0].id,
            seal.last,
            rows.len(),
            hex(&seal.root),
            hex(&seal.previous),
            seal.created_at,
            hex(&seal.digest())
        ),
    ];
    lines.extend(rows.iter().map(Row::line));
    lines.push(format!(
        r#"{{"kind": "end", "rows": {}, "seals": 1}}"#,
        rows.len()
    ));
    lines
}

fn walked(lines: &[String]) -> Vec<Finding> {
    let mut walk = Walk::new(Vec::<PublicKey>::new(), Vec::new());
    for (number, line) in (1..).zip(lines) {
        walk.line(number, line);
    }
    walk.finish().findings
}

fn image(
    id: &'static str,
    before: Option<&'static str>,
    after: Option<&'static str>,
) -> Row<'static> {
    Row {
        id,
        tenant_id: Some(TENANT),
        at: "2026-11-29T00:15:00.000000Z",
        action: "update",
        resource: Some("contacts"),
        record_id: Some("r"),
        before,
        after,
        salt: Some("s"),
        ..Row::default()
    }
}

#[test]
fn a_seal_without_a_list_still_proves_its_rows() {
    let rows = [image("01", None, Some("{}")), image("02", None, Some("{}"))];
    assert_eq!(walked(&export(&rows)), []);
    let mut lines = export(&rows);
    lines[2] = lines[2].replace("update", "create");
    assert_eq!(walked(&lines)[0].kind, "changed");
}

#[test]
fn a_change_that_left_no_row_is_found_at_the_next_one() {
    let (first, second, third) = (
        r#"{"tenant_id": 1, "name": "a"}"#,
        r#"{"tenant_id": 1, "name": "b"}"#,
        r#"{"tenant_id": 1, "name": "c"}"#,
    );
    let whole = [
        image("01", None, Some(first)),
        image("02", Some(first), Some(second)),
        image("03", Some(second), Some(third)),
    ];
    assert_eq!(walked(&export(&whole)), []);
    let torn = [
        image("01", None, Some(first)),
        image("02", Some(third), Some(second)),
    ];
    let found = walked(&export(&torn));
    assert_eq!(
        (found[0].kind, found[0].row.as_deref()),
        ("unrecorded", Some("02"))
    );
    // A column more is a migration, and no row's change.
    let wider = r#"{"tenant_id": 1, "name": "a", "new": null}"#;
    assert_eq!(
        walked(&export(&[
            image("01", None, Some(first)),
            image("02", Some(wider), Some(wider))
        ])),
        []
    );
}

#[test]
fn a_type_that_changed_in_between_accuses_nobody() {
    let text = r#"{"tenant_id": 1, "age": "41"}"#;
    let number = r#"{"tenant_id": 1, "age": 41}"#;
    let rows = [
        image("01", None, Some(text)),
        Row {
            at: "2026-11-29T00:15:09.000000Z",
            ..image("02", Some(number), Some(number))
        },
    ];
    let mut lines = export(&rows);
    assert_eq!(walked(&lines)[0].kind, "unrecorded");
    lines[0] = lines[0].replace(
        r#""filter""#,
        r#""columns_changed": {"contacts": ["2026-11-29T00:15:05.000000Z"]}, "filter""#,
    );
    assert_eq!(walked(&lines), []);
}

#[test]
fn a_record_that_is_not_as_its_rows_left_it_is_found() {
    let (old, new) = (
        r#"{"tenant_id": 1, "name": "a"}"#,
        r#"{"tenant_id": 1, "name": "b"}"#,
    );
    let present = |id: &str, row: &str, present: Option<&str>| {
        let line = serde_json::json!({
            "kind": "record", "resource": "contacts", "record_id": id, "audit_id": row, "fields": ["name"], "present": present,
        });
        let mut lines = export(&[image("01", None, Some(old))]);
        lines.insert(lines.len() - 1, line.to_string());
        let found = walked(&lines);
        found
            .first()
            .map(|found| (found.kind, found.row.clone(), found.what.clone()))
    };
    assert_eq!(
        present("r", "01", Some(new)),
        Some((
            "unrecorded",
            Some("01".into()),
            "contacts/r is not what was recorded: name".into()
        ))
    );
    assert_eq!(
        present("r", "01", None).unwrap().2,
        "contacts/r is gone, and no row says so"
    );
    assert!(present("another", "01", Some(new)).is_some());
    // What the rows say too is no finding, whoever claims it.
    assert_eq!(present("r", "01", Some(old)), None);
    assert_eq!(present("another", "01", None), None);
}
