//! PostgREST's dialect: what it compiles to, what it refuses, and that no input reaches SQL text.
#![allow(dead_code, missing_docs, clippy::unwrap_used, clippy::expect_used)]

#[path = "../src/body"]
mod body {
    pub mod json;
}
#[path = "../src/jwt"]
mod jwt {
    pub mod base64url;
}
#[path = "rest/condition.rs"]
mod condition;
#[path = "rest/header.rs"]
mod header;
#[path = "rest/injection.rs"]
mod injection;
#[path = "rest/junk.rs"]
mod junk;
#[path = "../src/query/compile.rs"]
mod query;
#[path = "rest/shown.rs"]
mod shown;

use proptest::prelude::*;
use query::rest::{self, Fault, Form, No, Resolution, Return, Wishes};
use query::tree::Count;
use query::{Catalogue, List, emit};
use std::sync::LazyLock;

const CONTACTS: &str = "crm\tcontacts\tid\towner_id\tarchived_at\tname,email\tname\n\
    id\tuuid\trnd\n\
    tenant_id\tuuid\tnd\n\
    name\ttext\trwn\n\
    stage\tcrm.stage\trwd\n\
    age\tsmallint\trw\n\
    vip\tboolean\trwnd\n\
    born\tdate\trw\n\
    tags\ttext[]\trw\n\
    custom\tjsonb\trwnd\n\
    organization_id\tuuid\trw\n\
    token\ttext\trws\n\
    hidden\ttext\tw\n\
    created_at\ttimestamp with time zone\trnd\n\
    archived_at\ttimestamp with time zone\tr\n\
    custom.budget\ttext\tr\n\
    custom.due\tdate\tr\n\
    organization\tone\torganizations\torganization_id\tcontacts_organization_fkey\t\t\t\tr\n\
    crm\torganizations\tid\towner_id\tarchived_at\tname\tname\n\
    id\tuuid\trnd\n\
    name\ttext\trwn\n\
    archived_at\ttimestamp with time zone\tr\n\
    deals\tlinked\tdeals\tcontact_id\tcontact_deals_contact_fkey\tcrm\tcontact_deals\tdeal_id\tr\n\
    crm\tdeals\tid\t\t\ttitle\ttitle\n\
    id\tuuid\trnd\n\
    title\ttext\trwn\n\
    parent\tone\tcontacts\tparent_id\tcontacts_parent_fkey\t\t\t\tr\n\
    crm\tcontacts\tid\t\t\tname\tname\n\
    id\tuuid\trnd\n\
    name\ttext\trwn\n\
    contacts\tmany\tcontacts\tparent_id\tcontacts_parent_fkey\t\t\t\tr\n\
    crm\tcontacts\tid\t\t\tname\tname\n\
    id\tuuid\trnd\n\
    name\ttext\trwn\n\
    secrets\tmany\tsecrets\tcontact_id\tsecrets_contact_fkey\t\t\t\t\n\
    crm\tsecrets\tid\t\t\tid\tid\n\
    id\tuuid\trnd";

const ID: &str = "019abcde-f012-7345-8678-9abcdef01234";

fn contacts() -> &'static Catalogue {
    static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| Catalogue::parse(CONTACTS).unwrap());
    &CATALOGUE
}

fn lowered(query: &str) -> Result<rest::Lowered, Option<Box<Fault>>> {
    let question = rest::question(query).map_err(|fault| Some(Box::new(fault)))?;
    rest::lower(contacts(), question, None, Count::None).map_err(told)
}

fn told(no: No) -> Option<Box<Fault>> {
    match no {
        No::Fault(fault) => Some(fault),
        No::Wider => None,
    }
}

fn compiled(query: &str) -> Result<List, Option<Box<Fault>>> {
    emit(contacts(), &lowered(query)?.query).map_err(|refusal| told(refusal.into()))
}

/// The conditions a query compiles to, with the standing one taken off.
#[track_caller]
fn compiles(query: &str, sql: &str, binds: &[&str]) {
    let list = compiled(query).unwrap_or_else(|fault| panic!("{query}: {fault:?}"));
    let conditions = list
        .count_sql
        .split_once(" where ")
        .map_or("", |(_, rest)| rest);
    let conditions = conditions
        .strip_prefix("r.\"archived_at\" is null and ")
        .unwrap_or(conditions);
    let conditions = conditions
        .strip_suffix("r.\"archived_at\" is null")
        .unwrap_or(conditions);
    assert_eq!(
        conditions.strip_suffix(" and ").unwrap_or(conditions),
        sql,
        "{query}"
    );
    assert_eq!(list.binds, binds, "{query}");
}

#[track_caller]
fn refused(query: &str, code: &str) -> Fault {
    match compiled(query) {
        Err(Some(fault)) => {
            assert_eq!(fault.code, code, "{query}: {fault:?}");
            *fault
        }
        other => panic!("{query}: {other:?}"),
    }
}
