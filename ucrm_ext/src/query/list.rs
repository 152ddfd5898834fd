//! Owns the native spelling of a list request, `GET /{resource}?…`.
//! Must never make SQL: it says what is asked, and `emit` compiles it.
//! Called by the query leaf; the spelling of fields and expand by `one`, too.

use super::catalogue::Catalogue;
use super::emit::{List, emit};
use super::filter;
use super::order;
use super::parameter::pairs;
use super::refusal::{Refusal, shown};
use super::tree::{Archived, Condition, Count, Embed, Field, Page, Query};

/// Parameters that are not columns. A column of such a name is reached inside `and=()`.
pub const PARAMETERS: [&str; 11] = [
    "page", "limit", "sort", "fields", "q", "archived", "or", "and", "count", "cursor", "expand",
];
/// Rows of a page when nothing is said.
pub const DEFAULT_LIMIT: u64 = 25;
/// Rows of a page at most, and of an expanded relation.
pub const MAX_LIMIT: u64 = 100;
/// The last page; beyond the last row a page is empty.
pub const MAX_PAGE: u64 = 2_147_483_647;
const MAX_EMBEDS: usize = 8;

/// Compiles the raw query string of a list. Refuses with `invalid_filter`, `invalid_cursor` or `permission_denied`.
pub fn list(catalogue: &Catalogue, raw_query: &str) -> Result<List, Refusal> {
    compiled(catalogue, raw_query, false)
}

/// The same without pages: all rows.
pub fn whole(catalogue: &Catalogue, raw_query: &str) -> Result<List, Refusal> {
    compiled(catalogue, raw_query, true)
}

fn compiled(catalogue: &Catalogue, raw_query: &str, whole: bool) -> Result<List, Refusal> {
    let pairs = pairs(raw_query)?;
    let mut conditions = Vec::new();
    let mut once = Once::default();
    for (name, value) in &pairs {
        conditions.extend(parameter(catalogue, &mut once, name, value)?);
    }
    let limit = once.number("limit", MAX_LIMIT, "limit must be a number from 1 to 100")?;
    let page = once.number(
        "page",
        MAX_PAGE,
        "page must be a number from 1 to 2147483647",
    )?;
    let cursor = once.get("cursor");
    if page.is_some() && cursor.is_some() {
        return Err(Refusal::filter("cursor", "send page or cursor, not both"));
    }
    let page_size = limit.unwrap_or(DEFAULT_LIMIT);
    let offset = page
        .unwrap_or(1)
        .saturating_sub(1)
        .saturating_mul(page_size);
    let count = match once.get("count") {
        None if cursor.is_some() => Count::None,
        None | Some("exact") => Count::Exact,
        Some("estimated") => Count::Estimated,
        Some(_) => {
            return Err(Refusal::filter("count", "count takes exact or estimated")
                .allowing(["exact", "estimated"]));
        }
    };
    let query = Query {
        fields: once.get("fields").map(fields),
        conditions,
        search: once.get("q").map(str::to_owned),
        archived: match once.get("archived") {
            None => Archived::Without,
            Some("only") => Archived::Only,
            Some("any") => Archived::Any,
            Some(_) => {
                return Err(Refusal::filter("archived", "archived takes any or only")
                    .allowing(["any", "only"]));
            }
        },
        order: once.get("sort").map(order::parse),
        page: Page {
            limit: (!whole).then_some(page_size),
            offset,
            cursor: cursor.map(str::to_owned),
        },
        count,
        embeds: match once.get("expand") {
            Some(names) => expand(catalogue, names)?,
            None => Vec::new(),
        },
    };
    Ok(List {
        page,
        limit,
        ..emit(catalogue, &query)?
    })
}

fn parameter<'a>(
    catalogue: &Catalogue,
    once: &mut Once<'a>,
    name: &'a str,
    value: &'a str,
) -> Result<Option<Condition>, Refusal> {
    match name {
        "or" | "and" => filter::group(catalogue, name, value).map(Some),
        name if PARAMETERS.contains(&name) => once.set(name, value).map(|()| None),
        name if catalogue.visible().all(|column| column.name != name) => {
            Err(catalogue.unknown(name, || unknown(catalogue, name)))
        }
        name => filter::column(catalogue, name, value).map(Some),
    }
}

/// `id,name`.
pub fn fields(names: &str) -> Vec<Field> {
    names.split(',').map(Field::plain).collect()
}

/// `organization,deals`: what is related, as its own lists show it; who refers to an archived row sees it.
pub fn expand(catalogue: &Catalogue, names: &str) -> Result<Vec<Embed>, Refusal> {
    let mut embeds: Vec<Embed> = Vec::new();
    for name in names.split(',') {
        let relation = catalogue.relation(name).ok_or_else(|| {
            catalogue.unknown(name, || {
                let message = format!("expand names no relation of this resource: {}", shown(name));
                let allowed = catalogue.relations.iter().map(|relation| &relation.name);
                Refusal::filter(name, message).allowing(allowed)
            })
        })?;
        if embeds.iter().any(|embed| embed.relation == name) || embeds.len() == MAX_EMBEDS {
            let message = "expand takes up to 8 relations, each once";
            return Err(Refusal::filter("expand", message));
        }
        let (limit, archived) = if relation.is_one() {
            (1, Archived::Whatever)
        } else {
            (MAX_LIMIT, Archived::Without)
        };
        embeds.push(Embed {
            relation: name.into(),
            query: Query {
                archived,
                page: Page {
                    limit: Some(limit),
                    ..Page::default()
                },
                ..Query::default()
            },
            ..Embed::default()
        });
    }
    Ok(embeds)
}

fn unknown(catalogue: &Catalogue, name: &str) -> Refusal {
    let columns = catalogue.comparable().map(|column| column.name.as_str());
    let columns = columns.filter(|column| !PARAMETERS.contains(column));
    Refusal::filter(
        name,
        format!("no such column or parameter: {}", shown(name)),
    )
    .allowing(PARAMETERS.into_iter().chain(columns))
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
