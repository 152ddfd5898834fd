//! Owns the order of a list.
//! Must never leave it open: the key comes last, so that no row is seen twice or missed between pages.
//! Called by `list`.

use super::catalogue::Catalogue;
use super::kind::Kind;
use super::refusal::Refusal;
use super::statement::quoted;

const MAX_COLUMNS: usize = 5;

/// `-created_at,name` as the text after `order by`; newest first when nothing is asked.
pub fn order(catalogue: &Catalogue, sort: Option<&str>) -> Result<String, Refusal> {
    let newest = catalogue
        .visible()
        .any(|column| column.name == "created_at");
    let default = if newest { "-created_at" } else { "" };
    let mut order: Vec<String> = Vec::new();
    let mut seen: Vec<&str> = Vec::new();
    let mut direction = "desc";
    for name in sort
        .unwrap_or(default)
        .split(',')
        .filter(|name| !name.is_empty() || sort.is_some())
    {
        let (name, wanted) = match name.strip_prefix('-') {
            Some(name) => (name, "desc"),
            None => (name, "asc"),
        };
        let column = catalogue.addressed(name, "sort")?;
        if matches!(column.kind, Kind::Json | Kind::Array(_)) {
            return Err(Refusal::filter("sort", format!("{name} has no order")));
        }
        if seen.contains(&name) || seen.len() == MAX_COLUMNS {
            return Err(Refusal::filter(
                "sort",
                "sort takes up to 5 columns, each once",
            ));
        }
        seen.push(name);
        direction = wanted;
        let cast = if column.kind == Kind::Other {
            "::text"
        } else {
            ""
        };
        order.push(format!("{}{cast} {direction}", column.reference()));
        if name == catalogue.key {
            return Ok(order.join(", "));
        }
    }
    order.push(format!("r.{} {direction}", quoted(&catalogue.key)));
    Ok(order.join(", "))
}
