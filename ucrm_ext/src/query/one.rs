//! Owns the compilation of requests for one row: read and delete.
//! Must never find a row by anything but its key, which is always `$1`.
//! Called by the query leaf.

use super::catalogue::Catalogue;
use super::embed::Embedded;
use super::emit::{apart, select_list};
use super::list;
use super::parameter::pairs;
use super::refusal::{Refusal, shown};
use super::statement::{Statement, placeholder, quoted};
use super::term::Binds;
use super::value;

/// The key from a path segment, decoded; `None` when no row can have it, which is a 404.
pub fn key_value(catalogue: &Catalogue, segment: &str) -> Option<String> {
    let column = catalogue.key_column()?;
    (!segment.is_empty())
        .then(|| value::text(&column.kind, segment).ok())
        .flatten()
}

/// Reads a row; no row, nothing found. `$1` is the key, there are no other binds.
pub fn get(catalogue: &Catalogue, raw_query: &str) -> Result<Statement, Refusal> {
    let (mut fields, mut expand) = (None, None);
    for (name, value) in pairs(raw_query)? {
        let wanted = match name.as_str() {
            "fields" => &mut fields,
            "expand" => &mut expand,
            _ => {
                let message = format!("not understood here: {}", shown(&name));
                return Err(Refusal::filter(&name, message).allowing(["fields", "expand"]));
            }
        };
        if wanted.replace(value).is_some() {
            return Err(Refusal::filter(&name, format!("{name} was sent twice")));
        }
    }
    let fields = fields.map(|fields| list::fields(&fields));
    let embeds = match expand {
        Some(names) => list::expand(catalogue, &names)?,
        None => Vec::new(),
    };
    let mut binds = Binds {
        before: 1,
        ..Binds::default()
    };
    let columns = select_list(catalogue, fields.as_deref())?;
    let embedded = Embedded::of(catalogue, &embeds, &mut binds)?;
    apart(catalogue, fields.as_deref(), &embedded)?;
    let columns: Vec<String> = [columns].into_iter().chain(embedded.columns).collect();
    let (columns, target, found) = (columns.join(", "), catalogue.target(), by_key(catalogue));
    Ok(Statement {
        sql: format!("select {columns} from {target} as r where {found}"),
        binds: binds.values.into_iter().map(Some).collect(),
    })
}

/// Deletes a row and returns its key as text; no row, nothing deleted. `$1` is the key.
pub fn delete(catalogue: &Catalogue) -> Statement {
    let (target, found, key) = (
        catalogue.target(),
        by_key(catalogue),
        quoted(&catalogue.key),
    );
    Statement {
        sql: format!("delete from {target} as r where {found} returning r.{key}::text"),
        binds: Vec::new(),
    }
}

/// `r."id" = $1::text::uuid`.
pub fn by_key(catalogue: &Catalogue) -> String {
    let cast = catalogue
        .key_column()
        .map_or("text", |column| column.kind.cast());
    format!("r.{} = {}", quoted(&catalogue.key), placeholder(1, cast))
}
