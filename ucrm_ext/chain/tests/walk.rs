//! What rows say of each other, and seals of time, is believed only where it fits together.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use ucrm_chain::row::Row;
use ucrm_chain::seal::{ORIGIN, Seal};
use ucrm_chain::walk::{Finding, Walk};
use ucrm_chain::{Digest, hex, moment, tree};

const TENANT: &str = "01a00000-0000-7000-8000-00000000000a";
const DAY: i64 = 86_400_000_000;
/// 2026-11-29T00:15:00Z
const NOW: i64 = 1_795_911_300_000_000;

fn header() -> String {
    format!(
        r#"{{"kind": "header", "format": "ucrm-audit", "version": 1, "tenant_id": "{TENANT}", "filter": null, "keys": []}}"#
    )
}

fn end(rows: usize, seals: usize) -> String {
    format!(r#"{{"kind": "end", "rows": {rows}, "seals": {seals}, "records": 0}}"#)
}

fn walked(lines: &[String]) -> Vec<Finding> {
    let mut walk = Walk::new(Vec::new(), Vec::new()).at(NOW);
    for (number, line) in (1..).zip(lines) {
        walk.line(number, line);
    }
    walk.finish().findings
}

/// Kinds and rows, or seals where it is no row's.
fn found(lines: &[String]) -> Vec<String> {
    let name = |finding: Finding| {
        let seal = finding.seal.map(|seal| seal.to_string());
        format!(
            "{} {}",
            finding.kind,
            finding.row.or(seal).unwrap_or_default()
        )
    };
    walked(lines).into_iter().map(name).collect()
}

/// An audit row of a thing: its id, the record's, what was done, the thing before and after as number and name.
type Told = (
    &'static str,
    &'static str,
    &'static str,
    Option<(u32, &'static str)>,
    Option<(u32, &'static str)>,
);

/// What is found of rows that no seal covers yet.
fn told(rows: &[Told]) -> Vec<String> {
    let image = |thing: Option<(u32, &str)>| {
        thing.map(|(n, name)| format!(r#"{{"n": {n}, "name": "{name}", "tenant_id": "t"}}"#))
    };
    let mut lines = vec![header()];
    for (id, record, action, before, after) in rows {
        let (old, new) = (image(*before), image(*after));
        let moved = before
            .zip(*after)
            .is_some_and(|(before, after)| before.0 != after.0);
        let row = Row {
            id,
            tenant_id: Some(TENANT),
            at: "2026-11-29T00:15:00.000000Z",
            action,
            resource: Some("things"),
            record_id: Some(record),
            before: old.as_deref(),
            after: new.as_deref(),
            changed: Some(vec![Some(if moved { "n" } else { "name" })]),
            salt: Some("s"),
            ..Row::default()
        };
        lines.push(row.line());
    }
    lines.push(end(rows.len(), 0));
    found(&lines)
}

#[test]
fn what_was_there_is_not_created_and_what_was_deleted_not_changed() {
    let (a, b) = (Some((1, "a")), Some((1, "b")));
    let create = ("01", "1", "create", None, a);
    let delete = ("02", "1", "delete", a, None);
    assert!(told(&[create, delete, ("03", "1", "create", None, b)]).is_empty());
    assert_eq!(
        told(&[create, ("03", "1", "create", None, b)]),
        ["unrecorded 03"]
    );
    assert_eq!(
        told(&[create, delete, ("03", "1", "update", a, b)]),
        ["unrecorded 03"]
    );
    assert_eq!(
        told(&[create, delete, ("03", "1", "delete", a, None)]),
        ["unrecorded 03"]
    );
    // Of what came before the first row nothing is known.
    assert!(told(&[("03", "1", "update", a, b)]).is_empty());
}

#[test]
fn a_record_is_followed_to_its_new_id() {
    let thing = |n| Some((n, "a"));
    let created = |id, record, n| (id, record, "create", None, thing(n));
    let moved = |id, record, from, to| (id, record, "update", thing(from), thing(to));
    let (first, second) = (created("01", "1", 1), created("02", "2", 2));
    assert!(
        told(&[
            first,
            moved("03", "7", 1, 7),
            created("04", "1", 1),
            moved("05", "8", 7, 8)
        ])
        .is_empty()
    );
    assert_eq!(
        told(&[first, ("03", "7", "update", Some((1, "x")), thing(7))]),
        ["unrecorded 03"]
    );
    assert_eq!(
        told(&[first, moved("03", "7", 1, 7), moved("04", "8", 1, 8)]),
        ["unrecorded 04"]
    );
    // Several in one statement, whichever row comes first; two change places.
    assert!(
        told(&[
            first,
            second,
            moved("03", "2", 1, 2),
            moved("04", "3", 2, 3)
        ])
        .is_empty()
    );
    assert!(
        told(&[
            first,
            second,
            moved("03", "3", 2, 3),
            moved("04", "2", 1, 2)
        ])
        .is_empty()
    );
    assert!(
        told(&[
            first,
            second,
            moved("03", "2", 1, 2),
            moved("04", "1", 2, 1)
        ])
        .is_empty()
    );
    assert_eq!(
        told(&[first, second, moved("03", "2", 1, 2)]),
        ["unrecorded 03"]
    );
}

fn id(days_ago: i64, n: u64) -> String {
    let milliseconds = format!("{:012x}", (NOW - days_ago * DAY) / 1000);
    format!(
        "{}-{}-7000-8000-{n:012}",
        &milliseconds[..8],
        &milliseconds[8..]
    )
}

/// A seal of one row of so many days ago, or of none, made so many days ago, that claims so many pruned.
type Made = (Option<i64>, i64, u64);

/// Seals as an export has them; rows of those that any claims are not there.
fn sealed(made: &[Made], recorded: Option<(u64, u64)>) -> Vec<String> {
    let mut lines = vec![header()];
    let (mut previous, mut last) = (ORIGIN, String::new());
    let pruned = made.iter().map(|(.., pruned)| *pruned).max().unwrap();
    let mut rows = 0;
    for (n, (written, created, pruned_by)) in (1..).zip(made) {
        let own = written.map(|days| id(days, n));
        let row = own.as_deref().map(|id| Row {
            id,
            tenant_id: Some(TENANT),
            at: "2026-11-29T00:15:00.000000Z",
            action: "login",
            salt: Some("s"),
            ..Row::default()
        });
        let leaves: Vec<Digest> = row.iter().map(Row::leaf).collect();
        last = own.clone().unwrap_or(last);
        let seal = Seal {
            tenant: TENANT.into(),
            n,
            first: own.clone(),
            last: last.clone(),
            rows: leaves.len() as u64,
            root: tree::root(&leaves),
            previous,
            pruned: *pruned_by,
            created_at: moment::text(NOW - created * DAY),
        };
        lines.push(serde_json::json!({
            "kind": "seal", "tenant_id": TENANT, "n": n, "first_id": seal.first, "last_id": seal.last, "rows": seal.rows,
            "root": hex(&seal.root), "previous": hex(&previous), "pruned": pruned_by, "created_at": seal.created_at,
            "hash": hex(&seal.digest()), "ids": null, "leaves": null,
        }).to_string());
        previous = seal.digest();
        if n > pruned
            && let Some(row) = row
        {
            lines.push(row.line());
            rows += 1;
        }
    }
    if let Some((first, last)) = recorded {
        let after = format!(r#"{{"seals": [{first}, {last}]}}"#);
        let id = id(0, 99);
        let row = Row {
            id: &id,
            tenant_id: Some(TENANT),
            at: "2026-11-29T00:15:00.000000Z",
            action: "pruned",
            resource: Some("audit_logs"),
            after: Some(&after),
            ..Row::default()
        };
        lines.push(row.line());
        rows += 1;
    }
    lines.push(end(rows, made.len()));
    lines
}

#[test]
fn only_what_is_old_was_pruned_by_a_policy() {
    let (old, young) = ((Some(40), 39, 0), (Some(20), 19, 0));
    let claims = |pruned| (None, 0, pruned);
    assert_eq!(
        found(&sealed(&[old, young, claims(1)], Some((1, 1)))),
        [""; 0]
    );
    assert_eq!(
        found(&sealed(&[old, young, claims(2)], Some((1, 2)))),
        ["seal 3"]
    );
    assert_eq!(found(&sealed(&[old, young, claims(1)], None)), ["seal 3"]);
    assert_eq!(
        found(&sealed(&[old, young, claims(1)], Some((1, 2)))),
        ["seal 3"]
    );
    // The row that said so may have been pruned since.
    let later = [
        (Some(90), 89, 0),
        (None, 50, 1),
        (Some(50), 49, 1),
        (None, 0, 3),
    ];
    assert_eq!(found(&sealed(&later, Some((2, 3)))), [""; 0]);
    // A seal of next month would make anything old.
    assert_eq!(
        found(&sealed(&[young, (None, -31, 1)], Some((1, 1)))),
        ["seal 2"]
    );
    assert_eq!(
        found(&sealed(&[(Some(40), 30, 0), (Some(20), 31, 0)], None)),
        ["seal 2"]
    );
}

#[test]
fn what_is_no_digest_is_found_where_it_stands() {
    let good = sealed(&[(Some(3), 2, 0), (Some(2), 1, 0)], None);
    assert_eq!(found(&good), [""; 0]);
    let at = |n: usize, from: &str, to: &str| {
        let mut lines = good.clone();
        let (before, rest) = lines[n].split_once(from).unwrap();
        let value = rest.split_once([',', '}']).unwrap().0;
        lines[n] = format!("{before}{from}{}", rest.replacen(value, to, 1));
        found(&lines)
    };
    for (column, also) in [
        ("root", "changed 1"),
        ("pruned", ""),
        ("created_at", ""),
        ("hash", "seal 2"),
        ("previous", ""),
    ] {
        let said = at(1, &format!("\"{column}\":"), "null");
        assert!(said.contains(&"seal 1".to_owned()), "{column}: {said:?}");
        assert!(
            also.is_empty() || said.contains(&also.to_owned()),
            "{column}: {said:?}"
        );
        assert!(
            !said.iter().any(|said| said.starts_with("file")),
            "{column}: {said:?}"
        );
    }
    assert!(at(1, "\"root\":", "\"0102\"").contains(&"seal 1".to_owned()));
    assert!(at(1, "\"leaves\":", "\"AQI=\"").contains(&"seal 1".to_owned()));
    assert_eq!(at(2, "\"images\": ", "\"0102\""), ["changed 1".to_owned()]);
    assert_eq!(at(2, "\"images\": ", "null"), [""; 0]);
}

#[test]
fn a_row_that_stands_twice_is_found() {
    let mut lines = sealed(&[(Some(3), 2, 0)], None);
    lines.insert(2, lines[2].clone());
    lines[4] = end(2, 1);
    // Without a list of its rows a seal says no more.
    assert_eq!(found(&lines), ["changed 1"]);
}

#[test]
fn a_row_is_forgotten_by_one_that_comes_later() {
    let row = |id: &'static str, action: &'static str, images: Option<Digest>| {
        Row {
            id,
            tenant_id: Some(TENANT),
            at: "2026-11-29T00:15:00.000000Z",
            action,
            resource: Some("things"),
            record_id: Some("1"),
            images,
            ..Row::default()
        }
        .line()
    };
    let forget = row("02", "forget", None);
    let lines = [
        header(),
        row("01", "create", Some([7; 32])),
        forget,
        row("03", "create", Some([7; 32])),
        end(3, 0),
    ];
    assert_eq!(found(&lines), ["redacted 01", "blanked 03"]);
}

#[test]
fn records_are_counted() {
    let record = r#"{"kind": "record", "resource": "things", "record_id": "1", "audit_id": null, "fields": null, "present": "{}"}"#;
    let end = r#"{"kind": "end", "rows": 0, "seals": 0, "records": 1}"#.to_owned();
    assert_eq!(
        found(&[header(), record.to_owned(), end.clone()]),
        ["unrecorded "]
    );
    assert_eq!(found(&[header(), end]), ["file "]);
    let older = r#"{"kind": "end", "rows": 0, "seals": 0}"#.to_owned();
    assert_eq!(found(&[header(), older]), [""; 0]);
}
