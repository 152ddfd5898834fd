//! The filter grammar and the writes: what they compile to, what they refuse, and that no input reaches SQL text.
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
#[path = "query/filter.rs"]
mod filter;
#[path = "query/injection.rs"]
mod injection;
#[path = "query/junk.rs"]
mod junk;
#[path = "query/list.rs"]
mod list;
#[path = "../src/query/compile.rs"]
mod query;
#[path = "query/write.rs"]
mod write;

use proptest::prelude::*;
use query::{
    Catalogue, Column, FieldError, List, Refusal, Statement, delete, get, insert, insert_unseen,
    key_value, list, update,
};
use serde_json::{Map, Value, json};
use std::sync::LazyLock;

const CONTACTS: &str = "crm\tcontacts\tid\towner_id\tarchived_at\tname,email\tname\n\
    id\tuuid\trnd\n\
    tenant_id\tuuid\trnd\n\
    name\ttext\trwn\n\
    email\tcharacter varying(40)\trw\n\
    stage\tcrm.stage\trwd\n\
    age\tsmallint\trw\n\
    visits\tbigint\trw\n\
    amount\tnumeric(12,2)\trw\n\
    score\tdouble precision\trw\n\
    vip\tboolean\trwnd\n\
    born\tdate\trw\n\
    met_at\ttimestamp without time zone\trw\n\
    tags\ttext[]\trw\n\
    links\tuuid[]\trw\n\
    custom\tjsonb\trwnd\n\
    limit\tinteger\trw\n\
    o\"dd\ttext\trw\n\
    secret\ttext\tw\n\
    created_at\ttimestamp with time zone\trnd\n\
    archived_at\ttimestamp with time zone\tr\n\
    owner_id\tuuid\tr";

const ID: &str = "019abcde-f012-7345-8678-9abcdef01234";

fn contacts() -> &'static Catalogue {
    static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| Catalogue::parse(CONTACTS).unwrap());
    &CATALOGUE
}

/// The conditions a query compiles to, with the standing one taken off, and the binds.
fn conditions(raw_query: &str) -> (String, Vec<String>) {
    let List {
        count_sql, binds, ..
    } = list(contacts(), raw_query).unwrap();
    let conditions = count_sql.split_once(" where ").unwrap().1;
    let conditions = conditions
        .strip_suffix("r.\"archived_at\" is null")
        .unwrap();
    (conditions.trim_end_matches(" and ").to_owned(), binds)
}

fn compiles(raw_query: &str, sql: &str, binds: &[&str]) {
    assert_eq!(
        conditions(raw_query),
        (
            sql.to_owned(),
            binds.iter().map(|bind| bind.to_string()).collect()
        ),
        "{raw_query}"
    );
}

fn refused(raw_query: &str, field: &str) -> Refusal {
    let refusal = list(contacts(), raw_query).expect_err(raw_query);
    assert_eq!(
        (refusal.code, refusal.status, refusal.field.as_deref()),
        ("invalid_filter", 400, Some(field)),
        "{raw_query}"
    );
    refusal
}

fn body(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

fn faults(refusal: &Refusal) -> Vec<(&str, &str)> {
    refusal
        .errors
        .iter()
        .map(|FieldError { field, code, .. }| (field.as_str(), *code))
        .collect()
}
