//! Pages by cursor, related rows, money and custom columns: what they compile to and what they refuse.
#![allow(
    dead_code,
    unused_imports,
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used
)]

#[path = "../src/body"]
mod body {
    pub mod json;
}
#[path = "page/column.rs"]
mod column;
#[path = "page/cursor.rs"]
mod cursor;
#[path = "page/million.rs"]
mod million;
#[path = "page/money.rs"]
mod money;
#[path = "../src/query/compile.rs"]
mod query;
#[path = "page/reference.rs"]
mod reference;
#[path = "page/related.rs"]
mod related;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use query::tree::{Condition, Count, Embed, Field, Operator, Order, Page, Query, Term};
use query::{Catalogue, Kind, List, PARAMETERS, Refusal, emit, get, list};

const WIDE: &str = "crm\tdeals\tid\towner_id\tarchived_at\ttitle\ttitle\n\
    id\tuuid\trnd\n\
    tenant_id\tuuid\trnd\n\
    title\ttext\trwn\n\
    rank\tinteger\trw\n\
    value_minor\tbigint\trw\n\
    value_currency\ttext\trw\n\
    token\ttext\trws\n\
    contact_id\tuuid\trw\n\
    custom\tjsonb\trwnd\n\
    created_at\ttimestamp with time zone\trnd\n\
    archived_at\ttimestamp with time zone\tr\n\
    custom.budget\tmoney\trw\n\
    custom.due\tdate\trw\n\
    custom.note\ttext\trw\n\
    contact\tone\tcontacts\tcontact_id\tdeals_contact_id_fkey\t\t\t\tr\n\
    crm\tcontacts\tid\t\tarchived_at\tname\tname\n\
    id\tuuid\trnd\n\
    name\ttext\trwn\n\
    secret\ttext\trs\n\
    archived_at\ttimestamp with time zone\tr\n\
    notes\tmany\tnotes\tdeal_id\tnotes_deal_id_fkey\t\t\t\tr\n\
    crm\tnotes\tid\t\t\ttext\ttext\n\
    id\tuuid\trnd\n\
    deal_id\tuuid\tr\n\
    text\ttext\trw\n\
    services\tlinked\tservices\tdeal_id\tfk\tcrm\tdeal_services\tservice_id\tr\n\
    crm\tservices\tid\t\t\tname\tname\n\
    id\tuuid\trnd\n\
    name\ttext\trw\n\
    salaries\tmany\tsalaries\tdeal_id\tfk\t\t\t\t\n\
    crm\tsalaries\tid\t\t\t\tid\n\
    id\tuuid\trnd";

fn wide() -> Catalogue {
    Catalogue::parse(WIDE).unwrap()
}

fn lean() -> Catalogue {
    let lines = WIDE.lines().take_while(|line| !line.starts_with("custom."));
    let lines: Vec<&str> = lines.chain(["+"]).collect();
    Catalogue::parse(&lines.join("\n")).unwrap()
}

fn compiled(raw_query: &str) -> List {
    list(&wide(), raw_query).unwrap()
}

fn refused(raw_query: &str) -> Refusal {
    list(&wide(), raw_query).expect_err(raw_query)
}

/// The cursor that follows a row with these values.
fn cursor(raw_query: &str, values: &str) -> String {
    let stamp = compiled(&format!("{raw_query}&cursor=")).stamp.unwrap();
    URL_SAFE_NO_PAD.encode(format!("{stamp}{values}"))
}

/// The condition a cursor compiles to, and its binds.
fn after(raw_query: &str, values: &str) -> (String, Vec<String>) {
    let next = cursor(raw_query, values);
    let List {
        rows_sql, binds, ..
    } = compiled(&format!("{raw_query}&cursor={next}"));
    let after = rows_sql.split_once(" where ").unwrap().1;
    let after = after
        .split_once(") as r order by")
        .or(after.split_once(" order by"));
    (after.unwrap().0.to_owned(), binds)
}

const ID: &str = "019abcde-f012-7345-8678-9abcdef01234";
