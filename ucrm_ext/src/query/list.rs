//! Owns the compilation of a list request, `GET /{resource}?…`.
//! Must never put text of the request into SQL: only catalogue names, binds, and numbers it has parsed.
//! Called by the query leaf.

use super::catalogue::Catalogue;
use super::filter::Filter;
use super::kind::Kind;
use super::parameter::pairs;
use super::refusal::{Refusal, shown};
use super::sort::order;

/// Parameters that are not columns. A column of such a name is reached inside `and=()`.
const PARAMETERS: [&str; 9] = [
    "page", "limit", "sort", "fields", "q", "archived", "or", "and", "count",
];
/// Reserved for later: not parameters yet, and never columns.
const RESERVED: [&str; 2] = ["cursor", "expand"];
const DEFAULT_LIMIT: u64 = 25;
const MAX_LIMIT: u64 = 100;
const MAX_OFFSET: u64 = 1_000_000;

/// A compiled list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct List {
    /// The page: its rows, with the columns as clients see them.
    pub rows_sql: String,
    /// One row, one column: the number of rows on all pages, in text.
    pub count_sql: String,
    /// Values of the parameters of either statement.
    pub binds: Vec<String>,
    /// `page`, if sent.
    pub page: Option<u64>,
    /// `limit`, if sent.
    pub limit: Option<u64>,
    /// Rows a page holds.
    pub page_size: u64,
    /// Rows skipped.
    pub offset: u64,
    /// Whether `count=exact` was sent.
    pub count: bool,
    /// Whether the result depends on the time it is asked at.
    pub volatile: bool,
}

/// Compiles the raw query string of a list. Refuses with `invalid_filter`.
pub fn list(catalogue: &Catalogue, raw_query: &str) -> Result<List, Refusal> {
    let pairs = pairs(raw_query)?;
    let mut filter = Filter::new(catalogue);
    let mut conditions = Vec::new();
    let mut once = Once::default();
    for (name, value) in &pairs {
        match name.as_str() {
            "or" | "and" => conditions.push(filter.group(name, value)?),
            name if PARAMETERS.contains(&name) => once.set(name, value)?,
            name if RESERVED.contains(&name)
                || catalogue.visible().all(|column| column.name != name) =>
            {
                return Err(unknown(catalogue, name));
            }
            name => conditions.push(filter.column(name, value)?),
        }
    }
    if let Some(words) = once.get("q") {
        conditions.extend(filter.search(words)?);
    }
    conditions.extend(archived(catalogue, once.get("archived"))?);

    let limit = once.number("limit", MAX_LIMIT, "limit must be a number from 1 to 100")?;
    let page = once.number("page", u64::MAX, "page must be a number from 1")?;
    let page_size = limit.unwrap_or(DEFAULT_LIMIT);
    let offset = page
        .unwrap_or(1)
        .saturating_sub(1)
        .saturating_mul(page_size);
    if offset > MAX_OFFSET {
        let message = "pages end after 1000000 rows: narrow the list with filters, such as the last id or date seen";
        return Err(Refusal::filter("page", message));
    }
    if once.get("count").is_some_and(|count| count != "exact") {
        return Err(Refusal::filter("count", "count takes exact").allowing(["exact"]));
    }

    let columns = fields(catalogue, once.get("fields"))?;
    let order = order(catalogue, once.get("sort"))?;
    let target = catalogue.target();
    let mut from = format!("from {target} as r");
    if !conditions.is_empty() {
        from = format!("{from} where {}", conditions.join(" and "));
    }
    let skip = if offset > 0 {
        format!(" offset {offset}")
    } else {
        String::new()
    };
    Ok(List {
        rows_sql: format!("select {columns} {from} order by {order} limit {page_size}{skip}"),
        count_sql: format!("select count(*)::text {from}"),
        binds: filter.binds,
        page,
        limit,
        page_size,
        offset,
        count: once.get("count").is_some(),
        volatile: filter.volatile,
    })
}

/// The columns named by `fields=`, or all visible ones, as a select list.
pub fn fields(catalogue: &Catalogue, fields: Option<&str>) -> Result<String, Refusal> {
    let Some(fields) = fields else {
        return Ok(catalogue.select_list().into());
    };
    let mut columns: Vec<String> = Vec::new();
    for name in fields.split(',') {
        let column = catalogue.addressed(name, "fields")?.shown();
        if columns.contains(&column) {
            return Err(Refusal::filter("fields", "fields names a column twice"));
        }
        columns.push(column);
    }
    Ok(columns.join(", "))
}

fn unknown(catalogue: &Catalogue, name: &str) -> Refusal {
    let columns = catalogue.visible().map(|column| column.name.as_str());
    let columns =
        columns.filter(|column| !PARAMETERS.contains(column) && !RESERVED.contains(column));
    Refusal::filter(
        name,
        format!("no such column or parameter: {}", shown(name)),
    )
    .allowing(PARAMETERS.into_iter().chain(columns))
}

/// Archived rows stay out unless asked for.
fn archived(catalogue: &Catalogue, wanted: Option<&str>) -> Result<Option<String>, Refusal> {
    let Some(column) = catalogue
        .archived
        .as_ref()
        .and_then(|name| catalogue.column(name))
    else {
        return match wanted {
            None => Ok(None),
            Some(_) => Err(Refusal::filter(
                "archived",
                "rows of this resource cannot be archived",
            )),
        };
    };
    let (is, is_not) = match column.kind {
        Kind::Boolean => ("is true", "is not true"),
        _ => ("is not null", "is null"),
    };
    match wanted {
        None => Ok(Some(format!("{} {is_not}", column.reference()))),
        Some("only") => Ok(Some(format!("{} {is}", column.reference()))),
        Some("any") => Ok(None),
        Some(_) => {
            Err(Refusal::filter("archived", "archived takes any or only").allowing(["any", "only"]))
        }
    }
}

/// Parameters that may be sent once.
#[derive(Default)]
struct Once<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Once<'a> {
    fn set(&mut self, name: &'a str, value: &'a str) -> Result<(), Refusal> {
        if self.get(name).is_some() {
            return Err(Refusal::filter(name, format!("{name} was sent twice")));
        }
        self.0.push((name, value));
        Ok(())
    }

    fn get(&self, name: &str) -> Option<&'a str> {
        self.0
            .iter()
            .find(|(sent, _)| *sent == name)
            .map(|(_, value)| *value)
    }

    fn number(&self, name: &str, largest: u64, message: &str) -> Result<Option<u64>, Refusal> {
        let Some(value) = self.get(name) else {
            return Ok(None);
        };
        let number = value
            .parse()
            .ok()
            .filter(|number| !value.starts_with('+') && (1..=largest).contains(number));
        number
            .map(Some)
            .ok_or_else(|| Refusal::filter(name, message))
    }
}
