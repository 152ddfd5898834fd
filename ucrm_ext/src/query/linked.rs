//! Owns the compilation of links: rows that a row is linked to by way of a table of links, and the removal of links.
//! Must never find links by anything but the key of the row they start from, which is always `$1`.
//! Called by the query leaf.

use super::bulk::{RowError, error};
use super::bulk_change::keys;
use super::catalogue::Catalogue;
use super::column::Column;
use super::emit::select_list;
use super::kind::Kind;
use super::list;
use super::parameter::pairs;
use super::refusal::{Refusal, shown};
use super::statement::{array, placeholder, quoted};
use serde_json::Value;

const PARAMETERS: [&str; 4] = ["page", "limit", "fields", "archived"];
const DEFAULT_LIMIT: u64 = 25;
const MAX_LIMIT: u64 = 100;

/// A table of links, seen from one of its ends.
pub struct Link<'a> {
    /// The table.
    pub catalogue: &'a Catalogue,
    /// The column that names the row the links start from.
    pub own: &'a str,
    /// The column that names the row they lead to.
    pub other: &'a str,
}

/// Rows that links lead to.
#[derive(Debug)]
pub struct Linked {
    /// The page.
    pub rows_sql: String,
    /// How many there are on all pages.
    pub count_sql: String,
    /// `page`, if sent.
    pub page: Option<u64>,
    /// `limit`, if sent.
    pub limit: Option<u64>,
}

impl Link<'_> {
    fn other_column(&self) -> Option<&Column> {
        self.catalogue.column(self.other)
    }

    /// `l."contact_id" = $1::text::uuid`.
    fn starts(&self, alias: &str) -> String {
        let kind = self
            .catalogue
            .column(self.own)
            .map(|column| column.kind.cast());
        format!(
            "{alias}.{} = {}",
            quoted(self.own),
            placeholder(1, kind.unwrap_or("text"))
        )
    }
}

fn number(name: &str, value: Option<&String>, most: u64) -> Result<Option<u64>, Refusal> {
    let Some(value) = value else { return Ok(None) };
    match value.parse() {
        Ok(number) if (1..=most).contains(&number) => Ok(Some(number)),
        _ => Err(Refusal::filter(
            name,
            format!("{name} must be a number from 1 to {most}"),
        )),
    }
}

/// The rows that the links of one row lead to, the last linked first.
pub fn linked(catalogue: &Catalogue, link: &Link, raw_query: &str) -> Result<Linked, Refusal> {
    let mut sent: Vec<(String, String)> = Vec::new();
    for (name, value) in pairs(raw_query)? {
        if !PARAMETERS.contains(&name.as_str()) || sent.iter().any(|(known, _)| *known == name) {
            let message = format!("not understood here, or sent twice: {}", shown(&name));
            return Err(Refusal::filter(&name, message).allowing(PARAMETERS));
        }
        sent.push((name, value));
    }
    let get = |name: &str| {
        sent.iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value)
    };
    let limit = number("limit", get("limit"), MAX_LIMIT)?;
    let size = limit.unwrap_or(DEFAULT_LIMIT);
    let page = number("page", get("page"), list::MAX_PAGE)?;
    let offset = (page.unwrap_or(1) - 1) * size;
    let archived = match (&catalogue.archived, get("archived").map(String::as_str)) {
        (Some(_), Some("any")) | (None, None) => String::new(),
        (Some(column), Some("only")) => format!(" and r.{} is not null", quoted(column)),
        (Some(column), None) => format!(" and r.{} is null", quoted(column)),
        _ => {
            return Err(Refusal::filter(
                "archived",
                "archived takes any or only, where rows can be archived",
            ));
        }
    };
    let fields = get("fields").map(|names| list::fields(names));
    let columns = select_list(catalogue, fields.as_deref())?;
    let from = format!(
        "from {} as l join {} as r on r.{} = l.{} where {}{archived}",
        link.catalogue.target(),
        catalogue.target(),
        quoted(&catalogue.key),
        quoted(link.other),
        link.starts("l")
    );
    let latest = quoted(&link.catalogue.key);
    Ok(Linked {
        rows_sql: format!(
            "select {columns} {from} order by l.{latest} desc limit {size} offset {offset}"
        ),
        count_sql: format!("select count(*)::text {from}"),
        page,
        limit,
    })
}

/// The keys that the links of one row lead to, as a JSON array.
pub fn links(link: &Link) -> String {
    format!(
        "select coalesce(json_agg(l.{}), '[]')::text from {} as l where {}",
        quoted(link.other),
        link.catalogue.target(),
        link.starts("l")
    )
}

/// Removes the links of one row to those of `{"ids": […]}`, which become `$2`, and says how many there were.
pub fn unlink(link: &Link, body: Value) -> Result<(String, String), Vec<RowError>> {
    let Some(column) = link.other_column() else {
        return Err(vec![error(
            0,
            link.other,
            "unknown_field",
            "there is no such link",
        )]);
    };
    let keys = keys(column, body)?;
    let (kind, subject) = match &column.kind {
        Kind::Other => ("text[]", format!("l.{}::text", quoted(link.other))),
        kind => (kind.array_cast(), format!("l.{}", quoted(link.other))),
    };
    let sql = format!(
        "with c as (delete from {} as l where {} and {subject} = any ({}) returning 1) select count(*)::text from c",
        link.catalogue.target(),
        link.starts("l"),
        placeholder(2, kind)
    );
    Ok((sql, array(&keys)))
}
