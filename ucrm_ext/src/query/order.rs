//! Owns the order of a list.
//! Must never leave it open: the key comes last, so that no row is seen twice or missed between pages.
//! Called by `list`, for the native spelling, and by `emit`.

use super::catalogue::Catalogue;
use super::kind::Kind;
use super::refusal::Refusal;
use super::tree::Order;

const MAX_COLUMNS: usize = 5;

/// `-created_at,name`.
pub fn parse(sort: &str) -> Vec<Order> {
    let order = |name: &str| Order {
        column: name.strip_prefix('-').unwrap_or(name).into(),
        descending: name.starts_with('-'),
        nulls_first: None,
    };
    sort.split(',').map(order).collect()
}

/// One expression to order by, of the row `r`.
#[derive(Clone, Debug)]
pub struct Key {
    /// The expression.
    pub value: String,
    /// The type of what it is compared with.
    pub kind: Kind,
    /// Largest first.
    pub descending: bool,
    /// Whether nulls come before values.
    pub nulls_first: bool,
    /// Whether there may be nulls.
    pub nullable: bool,
}

impl Key {
    /// As written after `order by`.
    pub fn sql(&self) -> String {
        let direction = if self.descending { "desc" } else { "asc" };
        let nulls = match (self.nullable, self.nulls_first) {
            (true, true) if !self.descending => " nulls first",
            (true, false) if self.descending => " nulls last",
            _ => "",
        };
        format!("{} {direction}{nulls}", self.value)
    }
}

/// The keys of an order, `None` for newest first; the resource's key is the last of them. `row`: what SQL calls the row.
pub fn keys(
    catalogue: &Catalogue,
    order: Option<&[Order]>,
    row: &str,
) -> Result<Vec<Key>, Refusal> {
    let newest = [Order {
        column: "created_at".into(),
        descending: true,
        nulls_first: None,
    }];
    let order = match order {
        Some(order) => order,
        None if catalogue.comparable().any(|c| c.name == "created_at") => &newest,
        None => &[],
    };
    let mut keys: Vec<Key> = Vec::new();
    let mut seen: Vec<&str> = Vec::new();
    let mut descending = order.is_empty();
    // What follows the key orders nothing, and is judged all the same.
    let mut settled = false;
    for asked in order {
        let column = catalogue.compared(&asked.column, "sort")?;
        if !column.kind.is_ordered() {
            let message = format!("{} has no order", column.name);
            return Err(Refusal::filter("sort", message));
        }
        if seen.contains(&column.name.as_str()) || seen.len() == MAX_COLUMNS {
            return Err(Refusal::filter(
                "sort",
                "sort takes up to 5 columns, each once",
            ));
        }
        seen.push(&column.name);
        if settled {
            continue;
        }
        descending = asked.descending;
        keys.push(Key {
            value: column.value(row),
            kind: column.kind.clone(),
            descending,
            nulls_first: asked.nulls_first.unwrap_or(descending),
            nullable: !column.not_null || column.is_member(),
        });
        settled = column.name == catalogue.key;
    }
    if settled {
        return Ok(keys);
    }
    if let Some(key) = catalogue.key_column() {
        keys.push(Key {
            value: key.value(row),
            kind: key.kind.clone(),
            descending,
            nulls_first: descending,
            nullable: false,
        });
    }
    Ok(keys)
}
