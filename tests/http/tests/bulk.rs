//! Many rows at once over HTTP: money among them, faults by row, and what meets a deletion.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use serde_json::{Value, json};
use ucrm_http_tests::crowd::at_once;
use ucrm_http_tests::reply::Reply;
use ucrm_http_tests::workspace::Workspace;

const CONTACTS: &str = "/api/v1/contacts";
const DEALS: &str = "/api/v1/deals";

fn euros(amount: &str) -> Value {
    json!({"amount": amount, "currency": "EUR"})
}

/// The ids of rows, in their order.
fn ids(rows: &Value) -> Vec<Value> {
    let rows = rows.as_array().unwrap();
    rows.iter().map(|row| row["id"].clone()).collect()
}

/// Row and field of each fault.
#[track_caller]
fn faults(reply: &Reply, status: u16, code: &str) -> Vec<(u64, String)> {
    let body = reply.refused(status, code);
    let errors = body["errors"].as_array().unwrap();
    errors
        .iter()
        .map(|error| {
            let field = error["field"].as_str().unwrap();
            (error["row"].as_u64().unwrap(), field.to_owned())
        })
        .collect()
}

#[test]
fn money_is_written_and_read_in_bulk() {
    let workspace = Workspace::new();
    let owner = workspace.owner();
    let sent = json!([
        {"name": "A", "value": euros("12.30")},
        {"name": "B", "value": {"amount": "1200", "currency": "JPY"}},
        {"name": "C", "value": {"amount": "1.234", "currency": "KWD"}},
        {"name": "D", "value": null},
        {"name": "E"},
    ]);
    let made = owner.post(DEALS, &sent).is(200).json();
    assert_eq!(made["meta"]["total"], 5);
    let values = |rows: &Value| -> Vec<Value> {
        let rows = rows.as_array().unwrap();
        rows.iter().map(|row| row["value"].clone()).collect()
    };
    let expected = [
        euros("12.30"),
        json!({"amount": "1200", "currency": "JPY"}),
        json!({"amount": "1.234", "currency": "KWD"}),
        Value::Null,
        Value::Null,
    ];
    assert_eq!(values(&made["data"]), expected);
    let minor: Vec<Option<i64>> = workspace.value(
        "select array_agg(value_minor order by name) from crm.deals where tenant_id = $1",
        &[&workspace.id],
    );
    assert_eq!(minor, [Some(1230), Some(1200), Some(1234), None, None]);
    let ids = ids(&made["data"]);
    let changed = owner
        .patch(
            DEALS,
            &json!([{"id": ids[1], "value": euros("0.05")}, {"id": ids[0], "value": null}, {"id": ids[4], "name": "E2"}]),
        )
        .data(200);
    assert_eq!(values(&changed), [euros("0.05"), Value::Null, Value::Null]);
    let same = json!({"ids": ids, "data": {"value": euros("7.00")}});
    let changed = owner.patch(DEALS, &same).data(200);
    assert_eq!(values(&changed), vec![euros("7.00"); 5]);
}

#[test]
fn money_that_is_none_is_told_by_row_and_nothing_is_written() {
    let workspace = Workspace::new();
    let owner = workspace.owner();
    let bad = [
        json!({"amount": "12.345", "currency": "EUR"}),
        json!({"amount": "12.5", "currency": "JPY"}),
        json!({"amount": "12", "currency": "ZZZ"}),
        json!({"amount": "12"}),
        json!({"currency": "EUR"}),
        json!({"amount": "1", "currency": "EUR", "more": 1}),
        json!({"amount": "99999999999999999999", "currency": "EUR"}),
        json!({"amount": "-1", "currency": "EUR"}),
        json!("12.30 EUR"),
        json!(1230),
        json!([]),
    ];
    let made = owner.post(DEALS, &json!({"name": "D"})).data(201);
    for value in bad {
        let rows = json!([{"name": "A", "value": euros("1.00")}, {"name": "B", "value": value}]);
        let told = faults(&owner.post(DEALS, &rows), 422, "validation_failed");
        assert_eq!(told.len(), 1, "{value}: {told:?}");
        assert_eq!(told[0].0, 1, "{value}");
        assert!(told[0].1.starts_with("value"), "{value}: {told:?}");
        let rows = json!([{"id": made["id"], "value": value}]);
        let told = faults(&owner.patch(DEALS, &rows), 422, "validation_failed");
        assert_eq!((told.len(), told[0].0), (1, 0), "{value}: {told:?}");
    }
    for field in ["value_minor", "value_currency"] {
        let rows = json!([{"name": "A", field: 1}]);
        let told = faults(&owner.post(DEALS, &rows), 400, "unknown_field");
        assert_eq!(told, [(0, field.to_owned())]);
    }
    assert_eq!(workspace.count("crm.deals", "true"), 1);
}

#[test]
fn a_change_of_many_and_their_deletion_meet() {
    let workspace = Workspace::new();
    let owner = workspace.owner();
    for round in 0..6 {
        let rows: Vec<Value> = (0..40)
            .map(|n| json!({"name": format!("{round} {n}")}))
            .collect();
        let ids = ids(&owner.post(CONTACTS, &json!(rows)).data(200));
        let backwards: Vec<&Value> = ids.iter().rev().collect();
        let (change, deletion) = (
            json!({"ids": ids, "data": {"stage": "won"}}),
            json!({"ids": backwards}),
        );
        let replies = at_once(4, |n| {
            let client = owner.again();
            match n % 2 {
                0 => client.patch(CONTACTS, &change),
                _ => client.json("DELETE", CONTACTS, &deletion),
            }
        });
        // One deletion happens, whole. What comes after it finds nothing, and changes nothing.
        let deleted: Vec<&Reply> = [1, 3]
            .map(|n| &replies[n])
            .into_iter()
            .filter(|reply| reply.status == 200)
            .collect();
        let left = workspace.count("crm.contacts", "true");
        for reply in &replies {
            assert!(matches!(reply.status, 200 | 404 | 409), "{}", reply.text());
        }
        assert!(deleted.len() <= 1);
        assert_eq!(left, if deleted.is_empty() { 40 } else { 0 });
        if deleted.is_empty() {
            // Both were victims of a deadlock, twice.
            owner.json("DELETE", CONTACTS, &deletion).is(200);
        }
    }
    let gone = "action = 'delete' and resource = 'contacts'";
    assert_eq!(workspace.count("ucrm.audit_logs", gone), 6 * 40);
}

#[test]
fn of_many_bulk_deletions_of_the_same_rows_one_is_done() {
    let workspace = Workspace::new();
    let owner = workspace.owner();
    let rows: Vec<Value> = (0..20).map(|n| json!({"name": format!("{n}")})).collect();
    let ids = ids(&owner.post(CONTACTS, &json!(rows)).data(200));
    let extra = workspace.contact("Extra")["id"].clone();
    let replies = at_once(8, |n| {
        let mut ids = ids.clone();
        if n == 7 {
            ids.push(extra.clone());
        }
        owner.again().json("DELETE", CONTACTS, &json!({"ids": ids}))
    });
    let done: Vec<usize> = (0..8).filter(|n| replies[*n].status == 200).collect();
    assert_eq!(done.len(), 1, "{done:?}");
    for reply in replies.iter().filter(|reply| reply.status != 200) {
        faults(reply, 404, "not_found");
    }
    assert_eq!(
        workspace.count("crm.contacts", "true"),
        i64::from(done != [7])
    );
}
