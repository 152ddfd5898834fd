//! Owns PostgREST's `order`: `name.asc.nullsfirst,created_at.desc`.
//! Must never look a column up.
//! Called by `question`.

use super::fault::Fault;
use super::scanner::{Field, Scanner};

const MAX_FIELDS: usize = 5;

/// One field of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// What is compared.
    pub field: Field,
    /// Largest first.
    pub descending: bool,
    /// Where nulls go; PostgreSQL's own place if not said.
    pub nulls_first: Option<bool>,
}

/// Reads the value of `order`.
pub fn order(parameter: &str, text: &str) -> Result<Vec<Order>, Fault> {
    let mut scanner = Scanner {
        parameter,
        rest: text,
    };
    let mut fields = Vec::new();
    loop {
        scanner.blanks();
        let field = scanner.field()?;
        if scanner.rest.starts_with('(') {
            return Err(Fault::unsupported(
                "an order by an embedded resource's column",
                "Order by columns of the resource itself.",
            ));
        }
        let (mut descending, mut nulls_first) = (None, None);
        while scanner.eat(".") {
            match scanner.until(&['.', ',']) {
                "asc" if descending.is_none() && nulls_first.is_none() => descending = Some(false),
                "desc" if descending.is_none() && nulls_first.is_none() => descending = Some(true),
                "nullsfirst" if nulls_first.is_none() => nulls_first = Some(true),
                "nullslast" if nulls_first.is_none() => nulls_first = Some(false),
                _ => return Err(scanner.malformed("write column.asc|desc.nullsfirst|nullslast")),
            }
        }
        fields.push(Order {
            field,
            descending: descending.unwrap_or(false),
            nulls_first,
        });
        if fields.len() > MAX_FIELDS {
            return Err(scanner.malformed("an order has up to 5 columns"));
        }
        if scanner.rest.is_empty() {
            return Ok(fields);
        }
        scanner.expect(",")?;
    }
}
