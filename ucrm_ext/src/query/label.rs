//! Owns the compilation of an autocomplete request: ids and labels of rows, for what somebody has typed.
//! Must never show, or depend on, any other column: whoever asks may not be allowed to read the row.
//! Called by the query leaf.

use super::catalogue::Catalogue;
use super::key;
use super::parameter::pairs;
use super::refusal::{Refusal, shown};
use super::statement::{Statement, quoted};
use super::term::{Binds, Conditions, as_text, searched};
use super::tree::Archived;

const DEFAULT_LIMIT: u64 = 10;
const MAX_LIMIT: u64 = 25;
/// Longest text that is looked for.
const MAX_TEXT: usize = 200;

/// Rows `id, label`: those whose label begins with `q`, then those that contain it; without `q`, the first by label.
/// Archived rows stay out. Fewer than three letters find beginnings only. Refuses with `invalid_filter`.
pub fn labels(catalogue: &Catalogue, raw_query: &str) -> Result<Statement, Refusal> {
    let (mut q, mut limit) = (None, None);
    for (name, value) in pairs(raw_query)? {
        let wanted = match name.as_str() {
            "q" => &mut q,
            "limit" => &mut limit,
            _ => {
                let message = format!("not understood here: {}", shown(&name));
                return Err(Refusal::filter(&name, message).allowing(["q", "limit"]));
            }
        };
        if wanted.replace(value).is_some() {
            return Err(Refusal::filter(&name, format!("{name} was sent twice")));
        }
    }
    let limit = match limit {
        None => DEFAULT_LIMIT,
        Some(text) => text
            .parse()
            .ok()
            .filter(|limit| (1..=MAX_LIMIT).contains(limit) && !text.starts_with('+'))
            .ok_or_else(|| Refusal::filter("limit", "limit must be a number from 1 to 25"))?,
    };
    let q = q.unwrap_or_default();
    let wanted = q.trim();
    if wanted.chars().count() > MAX_TEXT {
        return Err(Refusal::filter(
            "q",
            "q must not be longer than 200 characters",
        ));
    }
    Ok(compiled(catalogue, wanted, limit))
}

fn compiled(catalogue: &Catalogue, wanted: &str, limit: u64) -> Statement {
    let mut binds = Binds::default();
    let id = format!("r.{}", quoted(&catalogue.key));
    let named = catalogue.label.as_ref();
    let column = named.and_then(|name| catalogue.comparable().find(|c| c.name == *name));
    let label = column
        .or(catalogue.key_column())
        .map(|column| as_text(column, "r"));
    let label = label.unwrap_or_else(|| format!("{id}::text"));
    let row = Conditions {
        catalogue,
        row: "r",
        related: &[],
    };
    // Refuses nothing but what has been asked, and that has not.
    let mut standing = row
        .archived(Archived::Without)
        .ok()
        .flatten()
        .into_iter()
        .collect::<Vec<_>>();
    let columns = format!("{id} as \"id\", {label} as \"label\"");
    let source = |conditions: &[String]| {
        let place = format!("order by {label}, {id} limit {limit}");
        match conditions.len() {
            0 => format!("from {} as r {place}", catalogue.target()),
            _ => format!(
                "from {} as r where {} {place}",
                catalogue.target(),
                conditions.join(" and ")
            ),
        }
    };
    if wanted.is_empty() {
        return Statement {
            sql: format!("select {columns} {}", source(&standing)),
            binds: Vec::new(),
        };
    }
    // A column begins behind a line feed. What is in the label is in what is searched, which has an index.
    let begun = binds.bind(format!("\n{wanted}"), "text");
    let searched = named
        .filter(|name| catalogue.search.contains(name))
        .and_then(|_| searched(catalogue, "r"));
    let own = format!("ucrm.searchable({label})");
    let searched = searched.filter(|searched| *searched != own);
    let found = |text: &str| {
        let places = searched.iter().chain([&own]);
        let found = places.map(|place| format!("{place} operator(ucrm.~@) {text}"));
        found.collect::<Vec<_>>()
    };
    let begins = [standing.clone(), found(&begun)].concat();
    let mut sql = format!("(select {columns}, 0 as rank {})", source(&begins));
    if key::is_indexed(wanted) {
        let within = binds.bind(wanted.into(), "text");
        standing.extend(found(&within));
        standing.push(format!("not ucrm.finds({own}, {begun})"));
        sql = format!(
            "{sql} union all (select {columns}, 1 as rank {})",
            source(&standing)
        );
    }
    Statement {
        sql: format!(
            "select e.\"id\", e.\"label\" from ({sql}) as e order by e.rank, e.\"label\", e.\"id\" limit {limit}"
        ),
        binds: binds.values.into_iter().map(Some).collect(),
    }
}
