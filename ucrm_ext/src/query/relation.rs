//! Owns what the compiler knows of a relation, and the condition by which rows are related.
//! Must never be filled from a request.
//! Called by the catalogue, `embed`, and the dialects, which find relations by name, target, column or constraint.

use super::catalogue::Catalogue;
use super::statement::quoted;

/// A relation of a resource, as `ucrm.relations_of()` gives it.
#[derive(Clone, Debug)]
pub struct Relation {
    /// What it is called.
    pub name: String,
    /// How many there are, and where the reference is.
    pub kind: Relating,
    /// The resource it leads to.
    pub target: String,
    /// The column that refers: of this resource, or the target's, or the link's to this resource.
    pub column: String,
    /// The foreign key's constraint, for dialects that name it.
    #[allow(dead_code)]
    pub constraint: String,
    /// Whether the caller may read the target.
    pub readable: bool,
    /// The target's table and columns.
    pub table: Catalogue,
}

/// What refers to what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Relating {
    /// This resource's column refers to the target's key: one row or none.
    One,
    /// The target's column refers to this resource's key.
    Many,
    /// A table between refers to both.
    Linked {
        /// The link's schema.
        schema: String,
        /// The link's table.
        table: String,
        /// Its column that refers to the target.
        column: String,
    },
}

impl Relation {
    pub(super) fn parse(fields: &[&str]) -> Result<Relation, String> {
        let [
            name,
            kind,
            target,
            column,
            constraint,
            schema,
            table,
            link_column,
            flags,
        ] = fields[..]
        else {
            return Err("a relation line needs nine fields".into());
        };
        let kind = match kind {
            "one" => Relating::One,
            "many" => Relating::Many,
            "linked" => Relating::Linked {
                schema: schema.into(),
                table: table.into(),
                column: link_column.into(),
            },
            _ => return Err(format!("no kind of relation: {kind}")),
        };
        Ok(Relation {
            name: name.into(),
            kind,
            target: target.into(),
            column: column.into(),
            constraint: constraint.into(),
            readable: flags.contains('r'),
            table: Catalogue::nothing(),
        })
    }

    /// Whether a row has at most one.
    pub fn is_one(&self) -> bool {
        self.kind == Relating::One
    }

    /// `from … where …`: the target's rows `t` that belong to the row `r` of a resource with this key.
    pub(super) fn related(&self, key: &str) -> String {
        let (target, target_key) = (self.table.target(), quoted(&self.table.key));
        let (column, key) = (quoted(&self.column), quoted(key));
        match &self.kind {
            Relating::One => format!("from {target} as t where t.{target_key} = r.{column}"),
            Relating::Many => format!("from {target} as t where t.{column} = r.{key}"),
            Relating::Linked {
                schema,
                table,
                column: to_target,
            } => format!(
                "from {}.{} as l join {target} as t on t.{target_key} = l.{} where l.{column} = r.{key}",
                quoted(schema),
                quoted(table),
                quoted(to_target)
            ),
        }
    }
}
