//! Owns what the compiler knows of a resource: its table, columns and relations.
//! Must never be filled from a request: its names become identifiers, its types casts.
//! Called by the leaf, which reads it from PostgreSQL's catalogue and keeps it, and by the compiler.
//!
//! Text form, fields separated by tabs: a line `schema, table, key, owner, archived, search columns (comma), label`, then
//! a line for each column: `name, type as format_type prints it, flags`. Flags: `r` readable, `w` writable, `n` not null,
//! `d` has a default, `s` secret (shown, as the mask it is, and never compared). Absent names are empty.
//! A line `+` says that there is more to know, in `ucrm.wide_shape_of()`. That has a line for each relation,
//! `name, kind, target, column, constraint, link's schema, table, column, flags`, followed by the target's own lines;
//! flag `r`: the caller may read it. Columns `custom.x` are members of the document `custom`.

use super::column::Column;
use super::refusal::{Refusal, shown};
use super::relation::Relation;
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
    /// Column that people know a row by.
    #[allow(dead_code)]
    pub label: Option<String>,
    /// All columns, in the order in which they are shown.
    pub columns: Vec<Column>,
    /// What it is related to.
    pub relations: Vec<Relation>,
    /// Whether there is more to know than this.
    pub lean: bool,
    select_list: String,
}

impl Catalogue {
    /// Reads the text form; the error says which line is wrong.
    pub fn parse(text: &str) -> Result<Catalogue, String> {
        let mut lines = text.lines();
        let mut catalogue = Catalogue::headed(lines.next().unwrap_or_default())?;
        let mut relations: Vec<Relation> = Vec::new();
        for line in lines {
            let fields: Vec<&str> = line.split('\t').collect();
            let target = relations.last_mut().map(|relation| &mut relation.table);
            match (fields.len(), target) {
                (1, None) if line == "+" => catalogue.lean = true,
                (3, None) => catalogue.columns.push(Column::parse(&fields)?),
                (9, _) => relations.push(Relation::parse(&fields)?),
                (7, Some(target)) => *target = Catalogue::headed(line)?,
                (3, Some(target)) => target.columns.push(Column::parse(&fields)?),
                (1, Some(_)) if line == "+" => (),
                _ => return Err(format!("a column line needs three fields: {line}")),
            }
        }
        for relation in &mut relations {
            relation.table.finish()?;
        }
        catalogue.relations = relations;
        catalogue.finish()?;
        Ok(catalogue)
    }

    fn headed(line: &str) -> Result<Catalogue, String> {
        let fields: Vec<&str> = line.split('\t').collect();
        let [schema, table, key, _owner, archived, search, label] = fields[..] else {
            return Err("the first line needs seven fields".into());
        };
        let some = |name: &str| (!name.is_empty()).then(|| name.to_owned());
        Ok(Catalogue {
            schema: schema.into(),
            table: table.into(),
            key: key.into(),
            archived: some(archived),
            search: search.split(',').filter_map(some).collect(),
            label: some(label),
            ..Catalogue::nothing()
        })
    }

    /// Of no table, until its lines are read.
    pub(super) fn nothing() -> Catalogue {
        Catalogue {
            schema: String::new(),
            table: String::new(),
            key: String::new(),
            archived: None,
            search: Vec::new(),
            label: None,
            columns: Vec::new(),
            relations: Vec::new(),
            lean: false,
            select_list: String::new(),
        }
    }

    fn finish(&mut self) -> Result<(), String> {
        Column::pair_money(&mut self.columns);
        let shown: Vec<String> = self
            .visible()
            .filter(|column| !column.is_member())
            .map(|column| column.shown("r"))
            .collect();
        self.select_list = shown.join(", ");
        if self.schema.is_empty() || self.table.is_empty() || self.column(&self.key).is_none() {
            return Err("a schema, a table and a key among the columns are needed".into());
        }
        Ok(())
    }

    /// The column of that name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// The relation of that name.
    pub fn relation(&self, name: &str) -> Option<&Relation> {
        self.relations.iter().find(|relation| relation.name == name)
    }

    /// The columns a client may see: readable ones, without the tenant's id, which is the same in every row.
    pub fn visible(&self) -> impl Iterator<Item = &Column> {
        self.columns
            .iter()
            .filter(|column| column.readable && column.name != "tenant_id")
    }

    /// The visible columns that may be compared, too.
    pub fn comparable(&self) -> impl Iterator<Item = &Column> {
        self.visible().filter(|column| !column.secret)
    }

    /// The visible column of that name, or a refusal about `parameter`.
    pub fn addressed(&self, name: &str, parameter: &str) -> Result<&Column, Refusal> {
        self.visible()
            .find(|column| column.name == name)
            .ok_or_else(|| {
                self.unknown(name, || {
                    let message = format!(
                        "{parameter} names no column of this resource: {}",
                        shown(name)
                    );
                    Refusal::filter(name, message)
                        .allowing(self.visible().map(|column| &column.name))
                })
            })
    }

    /// The column of that name, for a condition or an order; what a secret column holds is not told by either.
    pub fn compared(&self, name: &str, parameter: &str) -> Result<&Column, Refusal> {
        let column = self.addressed(name, parameter)?;
        if column.secret {
            let message = format!(
                "{parameter} cannot use a secret column: {}",
                shown(&column.name)
            );
            return Err(Refusal::filter(name, message)
                .allowing(self.comparable().map(|column| &column.name)));
        }
        Ok(column)
    }

    /// The refusal of a name, unless a wider shape may have it.
    pub fn unknown(&self, name: &str, refusal: impl FnOnce() -> Refusal) -> Refusal {
        if self.lean {
            Refusal::wider(name)
        } else {
            refusal()
        }
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
