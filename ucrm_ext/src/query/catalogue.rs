//! Owns what the compiler knows of a resource: its table and columns.
//! Must never be filled from a request: its names become identifiers, its types casts.
//! Called by the leaf, which reads it from PostgreSQL's catalogue and keeps it, and by the compiler.
//!
//! Text form: `schema, table, key, owner, archived, search columns (comma), label`, then a line for each column:
//! `name, type as format_type prints it, flags`; separated by tabs. Flags: `r` readable, `w` writable,
//! `n` not null, `d` has a default. An absent owner or archived column is empty;
//! owner and label are for others, and not kept.

use super::kind::Kind;
use super::refusal::{Refusal, shown};
use super::statement::quoted;

/// A resource's table.
#[derive(Clone, Debug)]
pub struct Catalogue {
    /// Schema of the table.
    pub schema: String,
    /// Name of the table.
    pub table: String,
    /// Column that identifies a row to clients.
    pub key: String,
    /// Column that tells archived rows.
    pub archived: Option<String>,
    /// Columns that `q=` looks into.
    pub search: Vec<String>,
    /// All columns, in the order in which they are shown.
    pub columns: Vec<Column>,
    select_list: String,
}

/// A column.
#[derive(Clone, Debug)]
pub struct Column {
    /// Its name, not quoted.
    pub name: String,
    /// Its type, as `format_type` prints it.
    pub type_name: String,
    /// Its type, as far as the compiler cares.
    pub kind: Kind,
    /// May be selected.
    pub readable: bool,
    /// May be assigned by API clients.
    pub writable: bool,
    /// Refuses null.
    pub not_null: bool,
    /// Has a default.
    pub has_default: bool,
}

impl Catalogue {
    /// Reads the text form; the error says which line is wrong.
    pub fn parse(text: &str) -> Result<Catalogue, String> {
        let mut lines = text.lines();
        let head: Vec<&str> = lines.next().unwrap_or_default().split('\t').collect();
        let [schema, table, key, _owner, archived, search, _label] = head[..] else {
            return Err("the first line needs seven fields".into());
        };
        let columns = lines.map(Column::parse).collect::<Result<Vec<_>, _>>()?;
        let some = |name: &str| (!name.is_empty()).then(|| name.to_owned());
        let mut catalogue = Catalogue {
            schema: schema.into(),
            table: table.into(),
            key: key.into(),
            archived: some(archived),
            search: search.split(',').filter_map(some).collect(),
            columns,
            select_list: String::new(),
        };
        let shown: Vec<String> = catalogue.visible().map(Column::shown).collect();
        catalogue.select_list = shown.join(", ");
        if schema.is_empty() || table.is_empty() || catalogue.column(key).is_none() {
            return Err("a schema, a table and a key among the columns are needed".into());
        }
        Ok(catalogue)
    }

    /// The column of that name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// The columns a client may see: readable ones, without the tenant's id, which is the same in every row.
    pub fn visible(&self) -> impl Iterator<Item = &Column> {
        self.columns
            .iter()
            .filter(|column| column.readable && column.name != "tenant_id")
    }

    /// The visible column of that name, or a refusal about `parameter`.
    pub(super) fn addressed(&self, name: &str, parameter: &str) -> Result<&Column, Refusal> {
        self.visible()
            .find(|column| column.name == name)
            .ok_or_else(|| {
                let message = format!(
                    "{parameter} names no column of this resource: {}",
                    shown(name)
                );
                Refusal::filter(name, message).allowing(self.visible().map(|column| &column.name))
            })
    }

    /// The key's column. `parse` made sure of it.
    pub(super) fn key_column(&self) -> Option<&Column> {
        self.column(&self.key)
    }

    /// `"schema"."table"`.
    pub(super) fn target(&self) -> String {
        format!("{}.{}", quoted(&self.schema), quoted(&self.table))
    }

    /// What a client sees, as a select list.
    pub(super) fn select_list(&self) -> &str {
        &self.select_list
    }
}

impl Column {
    fn parse(line: &str) -> Result<Column, String> {
        let fields: Vec<&str> = line.split('\t').collect();
        let [name, type_name, flags] = fields[..] else {
            return Err(format!("a column line needs three fields: {line}"));
        };
        Ok(Column {
            name: name.into(),
            type_name: type_name.into(),
            kind: Kind::parse(type_name),
            readable: flags.contains('r'),
            writable: flags.contains('w'),
            not_null: flags.contains('n'),
            has_default: flags.contains('d'),
        })
    }

    /// The column in a select list; what the printer of rows cannot print itself, PostgreSQL makes JSON of.
    pub(super) fn shown(&self) -> String {
        match self.kind {
            Kind::Array(_) | Kind::Other => {
                format!("to_json({}) as {}", self.reference(), quoted(&self.name))
            }
            _ => self.reference(),
        }
    }

    /// `r."name"`.
    pub(super) fn reference(&self) -> String {
        format!("r.{}", quoted(&self.name))
    }
}
