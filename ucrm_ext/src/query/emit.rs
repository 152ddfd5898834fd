//! Owns the way from a query to SQL: the statement of a page of rows, and that of their number.
//! Must never put a value into the text: only names of the catalogue, parameters, and numbers.
//! Called by the parsers of both dialects.

use super::catalogue::Catalogue;
use super::cursor;
use super::embed::Embedded;
use super::order::{self, Key};
use super::refusal::{Refusal, shown};
use super::seek;
use super::term::{Binds, Conditions};
use super::tree::{Count, Field, Query};

/// A compiled list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct List {
    /// The page: its rows, with the columns as clients see them. With a cursor: one row more than a page holds, and behind
    /// the columns `keys` more, by which the next page is found.
    pub rows_sql: String,
    /// One row, one column: the number of rows on all pages, in text.
    pub count_sql: String,
    /// All rows, without columns: what is counted, or planned.
    pub plan_sql: String,
    /// Values of the parameters of any of the statements.
    pub binds: Vec<String>,
    /// `page`, if sent.
    pub page: Option<u64>,
    /// `limit`, if sent.
    pub limit: Option<u64>,
    /// Rows a page holds.
    pub page_size: u64,
    /// Rows skipped.
    pub offset: u64,
    /// How rows are counted.
    pub count: Count,
    /// Whether the result depends on the time it is asked at.
    pub volatile: bool,
    /// With a cursor: how many columns there are behind those that are shown.
    pub keys: usize,
    /// With a cursor: what the next one begins with.
    pub stamp: Option<String>,
}

/// Compiles a query. Refuses with `invalid_filter`, `invalid_cursor`, `permission_denied`, or `wider`.
pub fn emit(catalogue: &Catalogue, query: &Query) -> Result<List, Refusal> {
    let mut binds = Binds::default();
    let embedded = Embedded::of(catalogue, &query.embeds, &mut binds)?;
    let row = Conditions {
        catalogue,
        row: "r",
        related: &embedded.related,
    };
    let mut conditions = row.every(&query.conditions, &mut binds)?;
    if let Some(words) = &query.search {
        conditions.extend(row.search(words, &mut binds)?);
    }
    conditions.extend(row.archived(query.archived)?);
    conditions.extend(embedded.inner.iter().cloned());

    let columns = select_list(catalogue, query.fields.as_deref())?;
    apart(catalogue, query.fields.as_deref(), &embedded)?;
    let keys = order::keys(catalogue, query.order.as_deref(), "r")?;
    let from = |more: Option<&String>| {
        let conditions: Vec<&str> = conditions.iter().chain(more).map(String::as_str).collect();
        let target = catalogue.target();
        match conditions.len() {
            0 => format!("from {target} as r"),
            _ => format!("from {target} as r where {}", conditions.join(" and ")),
        }
    };
    let count_sql = format!("select count(*)::text {}", from(None));
    let plan_sql = format!("select {}", from(None));
    let order = joined(keys.iter().map(Key::sql));

    let mut source = from(None);
    let mut list = List {
        rows_sql: String::new(),
        count_sql,
        plan_sql,
        binds: Vec::new(),
        page: None,
        limit: None,
        page_size: query.page.limit.unwrap_or(u64::MAX),
        offset: query.page.offset,
        count: query.count,
        volatile: binds.volatile,
        keys: 0,
        stamp: None,
    };
    let mut limit = query.page.limit;
    let mut hidden = Vec::new();
    if let Some(text) = &query.page.cursor {
        let stamp = cursor::stamp(&list.plan_sql, &order, &binds.values);
        if let Some(values) = cursor::read(text, &stamp, &keys)? {
            let after = seek::after(&keys, values, &mut binds);
            source = match &after[..] {
                [one] => from(Some(one)),
                parts => {
                    let parts = parts
                        .iter()
                        .map(|part| format!("select r.* {}", from(Some(part))));
                    format!(
                        "from ({}) as r",
                        parts.collect::<Vec<_>>().join(" union all ")
                    )
                }
            };
        }
        hidden = keys
            .iter()
            .zip(1..)
            .map(|(key, n)| seek::shown(key, n))
            .collect();
        limit = limit.map(|limit| limit + 1);
        list.keys = keys.len();
        list.stamp = Some(stamp);
    }
    let place = placed(limit, query.page.offset);
    let shown = joined([columns].into_iter().chain(embedded.columns).chain(hidden));
    list.rows_sql = if query.embeds.is_empty() {
        format!("select {shown} {source} order by {order}{place}")
    } else {
        // Related rows are looked up for the rows of the page only.
        let page = format!("select r.* {source} order by {order}{place}");
        format!("select {shown} from ({page}) as r order by {order}")
    };
    list.binds = binds.values;
    Ok(list)
}

/// ` limit 25 offset 50`.
pub(super) fn placed(limit: Option<u64>, offset: u64) -> String {
    let limit = limit.map_or_else(String::new, |limit| format!(" limit {limit}"));
    match offset {
        0 => limit,
        offset => format!("{limit} offset {offset}"),
    }
}

/// The columns that were asked for, or all visible ones, as a select list; empty when none was.
pub(super) fn select_list(
    catalogue: &Catalogue,
    fields: Option<&[Field]>,
) -> Result<String, Refusal> {
    let Some(fields) = fields else {
        return Ok(catalogue.select_list().into());
    };
    shown_fields(catalogue, fields, "r")
}

/// The same, of the row that SQL calls `row`.
pub(super) fn shown_fields(
    catalogue: &Catalogue,
    fields: &[Field],
    row: &str,
) -> Result<String, Refusal> {
    let mut names: Vec<&str> = Vec::new();
    let mut columns: Vec<String> = Vec::new();
    for field in fields {
        let column = catalogue.addressed(&field.column, "fields")?;
        let name = field.alias.as_deref().unwrap_or(&column.name);
        if names.contains(&name) {
            return Err(Refusal::filter("fields", "fields names a column twice"));
        }
        if name.is_empty() || name.len() > 63 || name.contains('\0') {
            let message = format!("not a name for a field: {}", shown(name));
            return Err(Refusal::filter("fields", message));
        }
        names.push(name);
        columns.push(match (&field.alias, field.as_text) {
            (_, true) => column.shown_text(row, name),
            (Some(alias), false) => column.shown_as(row, alias),
            (None, false) => column.shown(row),
        });
    }
    Ok(columns.join(", "))
}

/// Refuses an embed with the name of a column that is shown beside it: a row has each name once.
pub(super) fn apart(
    catalogue: &Catalogue,
    fields: Option<&[Field]>,
    embedded: &Embedded,
) -> Result<(), Refusal> {
    let is_shown = |name: &str| match fields {
        Some(fields) => fields
            .iter()
            .any(|field| field.alias.as_deref().unwrap_or(&field.column) == name),
        None => catalogue
            .visible()
            .any(|column| column.name == name && !column.is_member()),
    };
    match embedded.related.iter().find(|(name, _)| is_shown(name)) {
        Some((name, _)) => {
            let message = format!(
                "{} is a column too: give what is related another name",
                shown(name)
            );
            Err(Refusal::filter(name, message))
        }
        None => Ok(()),
    }
}

fn joined(parts: impl IntoIterator<Item = String>) -> String {
    let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    parts.join(", ")
}
