//! Events on their way out: announced by the gateway's worker to who listens, and catalogued for who reads.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use postgres::Client;
use postgres::fallible_iterator::FallibleIterator;
use serde_json::{Value, json};
use ucrm_http_tests::database;
use ucrm_http_tests::gateway::{Gateway, fresh_address};
use ucrm_http_tests::workspace::Workspace;
use uuid::Uuid;

/// The channel of a workspace, asked for by a back end that entered it, and listened to.
fn listener(workspace: &Workspace) -> Client {
    let mut db = database::login("BACKEND_LOGIN", "BACKEND_PASSWORD").unwrap();
    let mut work = db.transaction().unwrap();
    work.execute("select ucrm.enter($1)", &[&workspace.id])
        .unwrap();
    let channel: String = work
        .query_one("select ucrm.event_channel()", &[])
        .unwrap()
        .get(0);
    work.commit().unwrap();
    db.batch_execute(&format!("listen {channel}")).unwrap();
    db
}

/// What is heard until so many ids are, or for so long.
fn heard(db: &mut Client, many: usize, patience: Duration) -> Vec<String> {
    let mut ids = Vec::new();
    let mut notifications = db.notifications();
    let mut announced = notifications.timeout_iter(patience);
    while ids.len() < many {
        let Some(notification) = announced.next().unwrap() else {
            break;
        };
        ids.extend(notification.payload().split(',').map(str::to_owned));
    }
    ids
}

#[test]
fn who_listens_hears_the_ids_of_his_workspaces_events_and_of_no_others() {
    let (own, other) = (Workspace::new(), Workspace::new());
    let mut ears = listener(&own);
    let mut others_ears = listener(&other);
    let gateway = Gateway::behind_proxy();
    let owner = gateway.from(&fresh_address()).key(&own.owner.key);
    for name in ["a", "b", "c"] {
        owner
            .post("/api/v1/contacts", &json!({ "name": name }))
            .is(201);
    }
    let ids = heard(&mut ears, 3, Duration::from_secs(20));
    let wanted: Vec<Uuid> = own
        .value::<Value>(
            "select jsonb_agg(id order by id) from ucrm.events where tenant_id = $1 and type = 'contacts.created'",
            &[&own.id],
        )
        .as_array()
        .unwrap()
        .iter()
        .map(|id| id.as_str().unwrap().parse().unwrap())
        .collect();
    let got: Vec<Uuid> = ids.iter().map(|id| id.parse().unwrap()).collect();
    assert_eq!(got, wanted, "ids, in order, each once, and nothing else");
    assert_eq!(
        heard(&mut others_ears, 1, Duration::from_secs(2)),
        Vec::<String>::new()
    );
}

/// The part of EVENTS.md that the registry writes: columns of the demo's tables, as they are installed.
fn catalogue() -> String {
    let mut db = database::admin();
    let rows = db
        .query(
            "select c.resource, c.type, c.occurs,
                    (select string_agg(format('`%s` %s', a.attname, format_type(a.atttypid, a.atttypmod)), ', ' order by a.attnum)
                     from ucrm.resources as r
                     join pg_attribute as a on a.attrelid = format('%I.%I', r.table_schema, r.table_name)::regclass and a.attnum > 0 and not a.attisdropped
                     where r.name = c.resource and r.kind = 'entity')
             from ucrm.event_catalogue() as c
             left join ucrm.resources as x on x.name = c.resource
             where x.table_schema is null or x.table_schema in ('crm', 'engagement', 'hiring')
             order by x.table_schema nulls first, c.resource, array_position(array['created', 'updated', 'archived', 'restored', 'deleted'], split_part(c.type, '.', 2))",
            &[],
        )
        .unwrap();
    let mut text = String::from("| type | when |\n|---|---|\n");
    let mut tables: BTreeMap<String, (String, String)> = BTreeMap::new();
    for row in rows {
        let (resource, kind, occurs): (String, String, String) =
            (row.get(0), row.get(1), row.get(2));
        match row.get::<_, Option<String>>(3) {
            None => writeln!(text, "| `{kind}` | {occurs} |").unwrap(),
            Some(fields) => {
                let verb = kind.rsplit('.').next().unwrap().to_owned();
                let entry = tables
                    .entry(resource)
                    .or_insert_with(|| (String::new(), fields));
                if !entry.0.is_empty() {
                    entry.0.push_str(", ");
                }
                write!(entry.0, "`{verb}`").unwrap();
            }
        }
    }
    text.push_str("\n| table | its events | `data` |\n|---|---|---|\n");
    for (resource, (verbs, fields)) in tables {
        writeln!(text, "| `{resource}` | {verbs} | {fields} |").unwrap();
    }
    text
}

#[test]
fn the_event_catalogue_in_the_guide_is_what_the_registry_says() {
    const BEGIN: &str = "<!-- by UCRM_WRITE_REFERENCE=1, from ucrm.event_catalogue() -->\n";
    const END: &str = "<!-- until here -->\n";
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../gateway/EVENTS.md");
    let guide = std::fs::read_to_string(path).unwrap();
    let (before, rest) = guide.split_once(BEGIN).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    let wanted = format!("{before}{BEGIN}{}{END}{after}", catalogue());
    if std::env::var_os("UCRM_WRITE_REFERENCE").is_some() {
        std::fs::write(path, &wanted).unwrap();
        return;
    }
    assert!(
        guide == wanted,
        "gateway/EVENTS.md is stale: run this test with UCRM_WRITE_REFERENCE=1"
    );
}
