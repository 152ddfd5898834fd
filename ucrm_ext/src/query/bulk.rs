//! Owns what statements about many rows have in common: one statement for each set of columns, one array for each column.
//! Must never put a value into SQL text, nor let one row's fault hide another's.
//! Called by `bulk_insert` and `bulk_change`.
//!
//! A statement's `$1` and `$2` are the first and last row it takes, from 1: the same plan serves any part of the rows.

use super::column::Column;
use super::kind::Kind;
use super::refusal::{FieldError, Refusal, shown};
use super::statement::placeholder;
use serde_json::{Map, Value};

/// What is wrong with a field of one of the rows, counted from 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowError {
    /// The row.
    pub row: usize,
    /// The field and its fault.
    pub error: FieldError,
}

/// Rows with one set of columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// One statement.
    pub sql: String,
    /// The range, then an array for each column.
    pub binds: Vec<String>,
    /// Which rows these are, counted from 0.
    pub rows: Vec<usize>,
}

/// Compiled rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bulk {
    /// How many there were, good and bad.
    pub rows: usize,
    /// The good ones.
    pub groups: Vec<Group>,
    /// The keys they name, for changes and deletions, in their order.
    pub keys: Vec<String>,
    /// What is wrong with the bad ones.
    pub errors: Vec<RowError>,
}

/// Text arrays in the making.
pub struct Sorted<'a> {
    /// The columns, in the order of the arrays.
    pub columns: Vec<&'a Column>,
    arrays: Vec<String>,
    rows: Vec<usize>,
}

/// Appends an element to the text form of an array; every text is quoted, so that `NULL` is a word like any other.
fn push(array: &mut String, element: Option<&str>) {
    array.push(if array.is_empty() { '{' } else { ',' });
    match element {
        None => array.push_str("NULL"),
        Some(text) => {
            array.push('"');
            for letter in text.chars() {
                if matches!(letter, '"' | '\\') {
                    array.push('\\');
                }
                array.push(letter);
            }
            array.push('"');
        }
    }
}

/// Puts a row with those of the same columns.
pub fn sort<'a>(
    groups: &mut Vec<Sorted<'a>>,
    row: usize,
    fields: Vec<(&'a Column, Option<String>)>,
) {
    let same = |group: &Sorted| {
        group.columns.len() == fields.len()
            && group
                .columns
                .iter()
                .zip(&fields)
                .all(|(column, (other, _))| std::ptr::eq(*column, *other))
    };
    let at = groups.iter().position(same).unwrap_or_else(|| {
        groups.push(Sorted {
            columns: fields.iter().map(|(column, _)| *column).collect(),
            arrays: vec![String::new(); fields.len()],
            rows: Vec::new(),
        });
        groups.len() - 1
    });
    let group = &mut groups[at];
    group.rows.push(row);
    for (array, (_, value)) in group.arrays.iter_mut().zip(fields) {
        push(array, value.as_deref());
    }
}

/// The array a column's values come in, and one of them as it is assigned.
fn cast(column: &Column, number: usize) -> (String, String) {
    let name = format!("u.c{number}");
    match &column.kind {
        Kind::Other => ("text[]".into(), format!("{name}::{}", column.type_name)),
        kind @ (Kind::Array(_) | Kind::Json) => {
            ("text[]".into(), format!("{name}::{}", kind.cast()))
        }
        kind => (kind.array_cast().into(), name),
    }
}

/// `unnest($3::text::uuid[], …) with ordinality as u (c3, …, n)`, and the values of its columns; `$1`, `$2` are the range.
pub fn source(columns: &[&Column]) -> (String, Vec<String>) {
    let (mut arrays, mut names, mut values) = (Vec::new(), Vec::new(), Vec::new());
    for (column, number) in columns.iter().zip(3..) {
        let (array, value) = cast(column, number);
        arrays.push(placeholder(number, &array));
        names.push(format!("c{number}"));
        values.push(value);
    }
    let source = format!(
        "unnest({}) with ordinality as u ({}, n)",
        arrays.join(", "),
        names.join(", ")
    );
    (source, values)
}

/// The part of the rows that a statement takes.
pub const RANGE: &str = "u.n between $1::text::bigint and $2::text::bigint";

impl Sorted<'_> {
    /// The statement, with its arrays closed.
    pub fn group(self, sql: String) -> Group {
        let closed = self.arrays.into_iter().map(|array| array + "}");
        let binds = ["1".to_owned(), self.rows.len().to_string()];
        Group {
            sql,
            binds: binds.into_iter().chain(closed).collect(),
            rows: self.rows,
        }
    }
}

/// The faults of one row.
pub fn collect(errors: &mut Vec<RowError>, row: usize, refusal: Refusal) {
    errors.extend(
        refusal
            .errors
            .into_iter()
            .map(|error| RowError { row, error }),
    );
}

/// A fault.
pub fn error(row: usize, field: &str, code: &'static str, message: impl Into<String>) -> RowError {
    RowError {
        row,
        error: FieldError {
            field: shown(field),
            code,
            message: message.into(),
        },
    }
}

/// Ownership is not handed to others through the API.
pub fn owner_error(
    options: Option<(&str, Option<&str>)>,
    body: &Map<String, Value>,
) -> Option<FieldError> {
    let (column, me) = options?;
    let stranger = match body.get(column)? {
        Value::String(given) => !me.is_some_and(|me| me.eq_ignore_ascii_case(given)),
        _ => false,
    };
    stranger.then(|| FieldError {
        field: column.into(),
        code: "unknown_field",
        message: "can only be set to yourself or null".into(),
    })
}

/// The rows of a body: an array of objects.
pub fn rows(body: Value) -> Result<Vec<Map<String, Value>>, Vec<RowError>> {
    let Value::Array(values) = body else {
        return Err(vec![error(
            0,
            "",
            "invalid_type",
            "an array of objects was expected",
        )]);
    };
    let (mut rows, mut errors) = (Vec::with_capacity(values.len()), Vec::new());
    for (row, value) in values.into_iter().enumerate() {
        match value {
            Value::Object(body) => rows.push(body),
            _ => errors.push(error(row, "", "invalid_type", "the row must be an object")),
        }
    }
    if errors.is_empty() {
        Ok(rows)
    } else {
        Err(errors)
    }
}
