//! Owns the one value that every dialect of the API compiles to: what a request asks of a resource, in names and text.
//! Must never hold SQL: names are looked up, values checked and bound by `emit`, whoever built the tree.
//! Called by the parsers of both dialects, which build it, and by `emit`, which alone reads it.
//!
//! **How a dialect builds it.** Parse the request into a [`Query`]; every name is as the client wrote it, every value
//! is text, nothing is quoted or escaped. Then call [`emit`](super::emit::emit) with the resource's catalogue: it gives
//! a [`List`](super::List) (the page's statement, the total's, their binds) or a [`Refusal`](super::Refusal).
//! `emit` checks everything: that a name is a column one may see, that its type has the operator, that the value is of
//! the type, depth and number of conditions. So a parser only has to be right about syntax.
//! A refusal with code `wider` means: the shape was the lean one and a name is not in it; compile again with
//! `ucrm.wide_shape_of(resource)`. It is never shown to a client.
//!
//! - `stage=eq.won` is `Condition::Term(Term::one("stage", Operator::Eq, "won"))`.
//! - `not` is [`Condition::Not`] around anything; `like(any).{a,b}` is [`Condition::Any`] of two terms.
//! - Custom columns and money are columns like any other: `custom.budget`, `value`.
//! - Patterns of `like` and `ilike` have `*` for any text (`%` does as well), and `\` before a letter that is meant literally.
//! - An [`Embed`] names a relation as [`Catalogue::relation`](super::Catalogue::relation) knows it; a dialect with other
//!   names for relations looks through `Catalogue::relations` (each tells its target, column and constraint).
//!   The embed's own query has fields, conditions, order, limit and offset; it has no embeds and no cursor.

/// What is asked of a resource.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// What is shown; `None` is every column one may see.
    pub fields: Option<Vec<Field>>,
    /// All of them hold for a row that is shown.
    pub conditions: Vec<Condition>,
    /// Words that are all in the searched columns, `q=`.
    pub search: Option<String>,
    /// What becomes of archived rows.
    pub archived: Archived,
    /// The order; the key is added to it. `None` is newest first.
    pub order: Option<Vec<Order>>,
    /// Which rows of that order.
    pub page: Page,
    /// Whether and how all rows are counted.
    pub count: Count,
    /// Rows of other resources inside the rows of this one.
    pub embeds: Vec<Embed>,
}

/// A column that is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name.
    pub column: String,
    /// What it is called in the answer, if something else.
    pub alias: Option<String>,
    /// Shown as text whatever its type is.
    pub as_text: bool,
}

impl Field {
    /// A column as it is.
    pub fn plain(column: &str) -> Field {
        Field {
            column: column.into(),
            alias: None,
            as_text: false,
        }
    }
}

/// What holds for a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Every one; none is true.
    All(Vec<Condition>),
    /// One of them; none is false.
    Any(Vec<Condition>),
    /// Not that.
    Not(Box<Condition>),
    /// A column compared.
    Term(Term),
    /// That the embed of this name (its alias, or its relation) has a row.
    Related(String),
}

/// A column, an operator and what it is compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    /// The column's name.
    pub column: String,
    /// The operator.
    pub operator: Operator,
    /// What it is compared with.
    pub operand: Operand,
}

impl Term {
    /// A column compared with one value.
    pub fn one(column: &str, operator: Operator, value: &str) -> Term {
        Term {
            column: column.into(),
            operator,
            operand: Operand::One(value.into()),
        }
    }

    /// A column compared with several values.
    pub fn many(column: &str, operator: Operator, values: Vec<String>) -> Term {
        Term {
            column: column.into(),
            operator,
            operand: Operand::Many(values),
        }
    }
}

/// The values of a term, as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operand {
    /// One value; of `is`: null, not_null, true, false.
    One(String),
    /// For `in`, `between` (two), and `cs`, `cd`, `ov` of an array.
    Many(Vec<String>),
}

/// What a column can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// Equal.
    Eq,
    /// Not equal; null is neither.
    Neq,
    /// Greater.
    Gt,
    /// Greater or equal.
    Gte,
    /// Less.
    Lt,
    /// Less or equal.
    Lte,
    /// Like a pattern.
    Like,
    /// Like a pattern, whatever the case.
    Ilike,
    /// One of a list.
    In,
    /// null, not_null, true or false.
    Is,
    /// Not equal, and null is a value as others are. For every type that has `Eq`.
    IsDistinct,
    /// Contains: an array elements, a document members, a range a value.
    Contains,
    /// Is contained.
    Contained,
    /// Has an element of a list.
    Overlaps,
    /// From one value to another, both included.
    Between,
    /// From that many days ago until now.
    InLastDays,
}

impl Operator {
    /// Every operator of the native dialect, in the order in which they are told.
    pub const NATIVE: [Operator; 15] = [
        Operator::Eq,
        Operator::Neq,
        Operator::Gt,
        Operator::Gte,
        Operator::Lt,
        Operator::Lte,
        Operator::Like,
        Operator::Ilike,
        Operator::In,
        Operator::Is,
        Operator::Contains,
        Operator::Contained,
        Operator::Overlaps,
        Operator::Between,
        Operator::InLastDays,
    ];

    /// How it is written, in either dialect.
    pub fn name(self) -> &'static str {
        match self {
            Operator::Eq => "eq",
            Operator::Neq => "neq",
            Operator::Gt => "gt",
            Operator::Gte => "gte",
            Operator::Lt => "lt",
            Operator::Lte => "lte",
            Operator::Like => "like",
            Operator::Ilike => "ilike",
            Operator::In => "in",
            Operator::Is => "is",
            Operator::IsDistinct => "isdistinct",
            Operator::Contains => "cs",
            Operator::Contained => "cd",
            Operator::Overlaps => "ov",
            Operator::Between => "between",
            Operator::InLastDays => "in_last_days",
        }
    }

    /// What it says of a column, and how its value is written, for the reference.
    pub fn told(self) -> (&'static str, &'static str) {
        match self {
            Operator::Eq => ("equal", "eq.won"),
            Operator::Neq => ("not equal; null is neither", "neq.won"),
            Operator::Gt => ("greater", "gt.5"),
            Operator::Gte => ("greater or equal", "gte.5"),
            Operator::Lt => ("less", "lt.5"),
            Operator::Lte => ("less or equal", "lte.5"),
            Operator::Like => ("like a pattern: `*` is any text", "like.A*"),
            Operator::Ilike => ("the same, whatever the case", "ilike.*ada*"),
            Operator::In => ("one of up to 200 values", "in.(won,\"a,b\")"),
            Operator::Is => ("null, not_null; for booleans true, false too", "is.null"),
            Operator::IsDistinct => ("not equal, null being a value", "isdistinct.5"),
            Operator::Contains => ("contains these elements, this JSON, this day", "cs.(a,b)"),
            Operator::Contained => ("is contained in these elements, this JSON", "cd.(a,b)"),
            Operator::Overlaps => ("has one of these elements", "ov.(a,b)"),
            Operator::Between => ("from one value to another, both included", "between.(1,9)"),
            Operator::InLastDays => ("from so many days ago until now", "in_last_days.7"),
        }
    }

    /// The operator written like that in the native dialect.
    pub fn named(name: &str) -> Option<Operator> {
        Operator::NATIVE
            .into_iter()
            .find(|operator| operator.name() == name)
    }
}

/// A column to order by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// The column's name.
    pub column: String,
    /// Largest first.
    pub descending: bool,
    /// Where nulls are; `None`: last, or first when descending, as in PostgreSQL.
    pub nulls_first: Option<bool>,
}

/// Which rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// How many at most; `None` is all of them.
    pub limit: Option<u64>,
    /// How many are passed over.
    pub offset: u64,
    /// The page after this one; empty for the first. Not together with an offset.
    pub cursor: Option<String>,
}

/// Whether all rows are counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Count {
    /// They are not.
    #[default]
    None,
    /// One by one.
    Exact,
    /// Up to a bound one by one, beyond it as the planner guesses.
    Estimated,
    /// As the planner guesses.
    Planned,
}

/// What becomes of archived rows, where a resource has such.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Archived {
    /// They stay out.
    #[default]
    Without,
    /// They alone are shown. Refused where a resource has no such rows.
    Only,
    /// They are rows like others. Refused where a resource has no such rows.
    Any,
    /// They are rows like others; nothing is refused.
    Whatever,
}

/// Rows of a related resource in each row: one or null, or an array.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Embed {
    /// The relation's name.
    pub relation: String,
    /// What it is called in the answer, if something else.
    pub alias: Option<String>,
    /// Whether rows that have no such related row stay out.
    pub inner: bool,
    /// Which related rows, and what of them.
    pub query: Query,
}

impl Embed {
    /// What it is called in the answer.
    pub fn name(&self) -> &str {
        self.alias.as_deref().unwrap_or(&self.relation)
    }
}
