//! Upsert in PostgREST's dialect: what is merged, left or made, and storms of writers that want the same rows.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use serde_json::{Value, json};
use ucrm_http_tests::client::Client;
use ucrm_http_tests::crowd::at_once;
use ucrm_http_tests::rest::{CONTACTS, refused};
use ucrm_http_tests::workspace::Workspace;

const WRITERS: usize = 8;
/// As many imports as the gateway takes at once.
const IMPORTS: usize = 4;
const ROUNDS: usize = 10;
const WANTED: usize = 30;

fn upserting(client: &Client, wish: &str) -> Client {
    client.with(
        "prefer",
        &format!("resolution={wish}-duplicates, return=representation"),
    )
}

fn by_external_id(more: &str) -> String {
    format!("{CONTACTS}?on_conflict=external_id{more}")
}

/// The rows by their external ids.
fn rows(client: &Client, columns: &str) -> Value {
    let list = format!("{CONTACTS}?select={columns}&order=external_id");
    client.get(&list).is(200).json()
}

#[test]
fn what_is_there_is_merged_or_left_and_the_rest_is_made() {
    let workspace = Workspace::new();
    let owner = workspace.owner();
    let (merge, ignore) = (upserting(&owner, "merge"), upserting(&owner, "ignore"));
    owner
        .post(
            CONTACTS,
            &json!({"name": "A", "external_id": "a", "phone": "1"}),
        )
        .is(201);
    let both = json!([{"name": "A2", "external_id": "a"}, {"name": "B", "external_id": "b"}]);
    let left = ignore.post(&by_external_id("&select=name"), &both).is(201);
    assert_eq!(left.json(), json!([{"name": "B"}]));
    let names = json!([{"name": "A", "phone": "1"}, {"name": "B", "phone": null}]);
    assert_eq!(rows(&owner, "name,phone"), names);
    let merged = merge.post(&by_external_id("&select=name"), &both).is(201);
    assert_eq!(merged.json(), json!([{"name": "A2"}, {"name": "B"}]));
    // What was not sent stays.
    let names = json!([{"name": "A2", "phone": "1"}, {"name": "B", "phone": null}]);
    assert_eq!(rows(&owner, "name,phone"), names);
    // A key alone: the row that is there comes back, the one that is not lacks its name.
    let known = merge.post(
        &by_external_id("&select=name"),
        &json!({"external_id": "a"}),
    );
    refused(&known, 400, "23502");
    refused(
        &merge.post(
            &by_external_id(""),
            &json!([{"name": "", "external_id": "a"}, {"name": "C", "external_id": "c"}]),
        ),
        400,
        "23514",
    );
    for key in ["phone", "name,external_id", "nothing"] {
        let reply = merge.post(&format!("{CONTACTS}?on_conflict={key}"), &both);
        refused(
            &reply,
            400,
            if key == "nothing" { "42703" } else { "42P10" },
        );
    }
    assert_eq!(workspace.count("crm.contacts", "true"), 2);
}

#[test]
fn what_a_row_lacks_is_null_or_its_default() {
    let workspace = Workspace::new();
    let owner = workspace.owner();
    let lacking = json!([{"name": "A", "external_id": "a", "stage": "won", "phone": "1"}, {"name": "B", "external_id": "b"}]);
    for wish in ["merge", "ignore"] {
        // A stage cannot be null.
        let null = upserting(&owner, wish).post(&by_external_id(""), &lacking);
        refused(&null, 400, "23502");
        assert_eq!(workspace.count("crm.contacts", "true"), 0);
    }
    let default = owner.with(
        "prefer",
        "resolution=merge-duplicates, missing=default, return=representation",
    );
    let made = default.post(&by_external_id("&select=stage,phone"), &lacking);
    let applied = made.header("preference-applied").unwrap();
    assert!(applied.contains("missing=default"), "{applied}");
    let stages = json!([{"stage": "won", "phone": "1"}, {"stage": "lead", "phone": null}]);
    assert_eq!(made.is(201).json(), stages);
    // Null is a value: of rows that are sent together, the one that lacks a field gives it up.
    let phones =
        json!([{"name": "A", "external_id": "a"}, {"name": "B", "external_id": "b", "phone": "2"}]);
    upserting(&owner, "merge")
        .post(&by_external_id(""), &phones)
        .is(201);
    assert_eq!(
        rows(&owner, "phone,stage"),
        json!([{"phone": null, "stage": "won"}, {"phone": "2", "stage": "lead"}])
    );
    // A default is for rows that are made.
    let again = json!([{"name": "A", "external_id": "a"}, {"name": "C", "external_id": "c", "stage": "lost"}]);
    default.post(&by_external_id(""), &again).is(201);
    assert_eq!(
        rows(&owner, "stage"),
        json!([{"stage": "won"}, {"stage": "lead"}, {"stage": "lost"}])
    );
}

#[test]
fn columns_say_which_fields_count() {
    let workspace = Workspace::new();
    let owner = workspace.owner();
    let merge = upserting(&owner, "merge");
    let more = "&columns=external_id,name&select=name,stage";
    let sent = json!([{"name": "A", "external_id": "a", "stage": "won", "nonsense": 1}, {"name": "B", "external_id": "b"}]);
    let made = merge.post(&by_external_id(more), &sent).is(201);
    let leads = json!([{"name": "A", "stage": "lead"}, {"name": "B", "stage": "lead"}]);
    assert_eq!(made.json(), leads);
    owner
        .patch(
            &format!("{CONTACTS}?id=in.({})", {
                let ids = rows(&owner, "id");
                let ids: Vec<&str> = ids
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|row| row["id"].as_str().unwrap())
                    .collect();
                ids.join(",")
            }),
            &json!({"stage": "won"}),
        )
        .is(204);
    let sent = json!([{"name": "A2", "external_id": "a", "stage": "lost"}, {"name": "C", "external_id": "c", "stage": "lost"}]);
    let merged = merge.post(&by_external_id(more), &sent).is(201);
    assert_eq!(
        merged.json(),
        json!([{"name": "A2", "stage": "won"}, {"name": "C", "stage": "lead"}])
    );
    refused(
        &merge.post(&by_external_id("&columns=external_id,tenant_id"), &sent),
        400,
        "PGRST204",
    );
}

/// Every writer sends every wanted row, so often; turned: each from another place on. Status, and how many rows were shown.
fn storm(client: &Client, wish: &str, turned: bool, rounds: usize) -> Vec<(u16, usize)> {
    let client = upserting(client, wish);
    let replies = at_once(WRITERS, |writer| {
        let client = client.again();
        let round = |round: usize| {
            let from = if turned { writer * 7 + round } else { 0 };
            let sent: Vec<Value> = (0..WANTED)
                .map(|n| (n + from) % WANTED)
                .map(|n| json!({"name": format!("{writer} {round}"), "external_id": format!("{n:02}")}))
                .collect();
            let reply = client.post(&by_external_id("&select=id"), &json!(sent));
            let shown = match reply.status {
                201 => reply.json().as_array().unwrap().len(),
                _ => 0,
            };
            (reply.status, shown)
        };
        (0..rounds).map(round).collect::<Vec<_>>()
    });
    replies.concat()
}

#[test]
fn a_storm_of_merges_makes_each_row_once() {
    let workspace = Workspace::new();
    let replies = storm(&workspace.owner(), "merge", false, ROUNDS);
    assert_eq!(replies, vec![(201, WANTED); WRITERS * ROUNDS]);
    assert_eq!(workspace.count("crm.contacts", "true"), WANTED as i64);
    let made = "action = 'create' and resource = 'contacts'";
    assert_eq!(workspace.count("ucrm.audit_logs", made), WANTED as i64);
    // All or nothing: the rows are one writer's.
    let names: i64 = workspace.value(
        "select count(distinct name) from crm.contacts where tenant_id = $1",
        &[&workspace.id],
    );
    assert_eq!(names, 1);
}

#[test]
fn a_storm_that_ignores_shows_each_row_to_one_writer() {
    let workspace = Workspace::new();
    let replies = storm(&workspace.owner(), "ignore", false, ROUNDS);
    assert!(replies.iter().all(|(status, _)| *status == 201));
    let shown: usize = replies.iter().map(|(_, shown)| shown).sum();
    assert_eq!(shown, WANTED);
    assert_eq!(workspace.count("crm.contacts", "true"), WANTED as i64);
}

#[test]
fn writers_who_meet_head_on_are_told_and_nothing_is_lost() {
    let workspace = Workspace::new();
    let replies = storm(&workspace.owner(), "merge", true, 2);
    // A deadlock is tried once more, and then told as a conflict.
    for (status, shown) in &replies {
        assert!(
            matches!((status, shown), (201, &WANTED) | (409, 0)),
            "{status} {shown}"
        );
    }
    assert!(replies.iter().any(|(status, _)| *status == 201));
    assert_eq!(workspace.count("crm.contacts", "true"), WANTED as i64);
    let names: i64 = workspace.value(
        "select count(distinct name) from crm.contacts where tenant_id = $1",
        &[&workspace.id],
    );
    assert_eq!(names, 1);
}

#[test]
fn a_storm_of_imports_counts_each_row_as_made_once() {
    let workspace = Workspace::new();
    let owner = workspace.owner();
    let mut file = String::from("external_id,name\n");
    for n in 0..WANTED {
        file.push_str(&format!("{n:02},Imported {n}\n"));
    }
    let csv = [("content-type", "text/csv")];
    let target = "/api/v1/contacts/import?upsert=external_id";
    let counts = at_once(IMPORTS, |_| {
        let data = owner
            .again()
            .send("POST", target, &csv, Some(file.as_bytes()))
            .data(200);
        (
            data["created"].as_i64().unwrap(),
            data["updated"].as_i64().unwrap(),
        )
    });
    let wanted = WANTED as i64;
    assert_eq!(counts.iter().map(|(made, _)| made).sum::<i64>(), wanted);
    assert_eq!(
        counts.iter().map(|(_, changed)| changed).sum::<i64>(),
        wanted * (IMPORTS as i64 - 1)
    );
    assert_eq!(workspace.count("crm.contacts", "true"), wanted);
}
