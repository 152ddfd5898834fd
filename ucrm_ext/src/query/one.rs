//! Owns the compilation of requests for one row: read and delete.
//! Must never find a row by anything but its key, which is always `$1`.
//! Called by the query leaf.

use super::catalogue::Catalogue;
use super::list::fields;
use super::parameter::pairs;
use super::refusal::{Refusal, shown};
use super::statement::{Statement, placeholder, quoted};
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
    let mut wanted = None;
    for (name, value) in pairs(raw_query)? {
        if name != "fields" || wanted.is_some() {
            let message = format!("not understood here, or sent twice: {}", shown(&name));
            return Err(Refusal::filter(&name, message).allowing(["fields"]));
        }
        wanted = Some(value);
    }
    let columns = fields(catalogue, wanted.as_deref())?;
    let (target, found) = (catalogue.target(), by_key(catalogue));
    let sql = format!("select {columns} from {target} as r where {found}");
    Ok(Statement {
        sql,
        binds: Vec::new(),
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
