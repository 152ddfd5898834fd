//! Owns how SQL text is put together: quoted identifiers, numbered binds, array literals.
//! Must never put a value into the text.
//! Called by every file that emits SQL.

/// SQL text and the values of its parameters, all of type text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// One statement.
    pub sql: String,
    /// Values of `$1`, `$2` …; where the statement finds a row by key, that key is `$1` and these start at `$2`.
    pub binds: Vec<Option<String>>,
}

/// A name as an identifier.
pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// `$2::text::uuid`; the parameter itself is always text.
pub fn placeholder(number: usize, cast: &str) -> String {
    if cast == "text" {
        format!("${number}::text")
    } else {
        format!("${number}::text::{cast}")
    }
}

/// The text form of a one-dimensional array. Every element is quoted, so `NULL` is a word like any other.
pub fn array<S: AsRef<str>>(elements: &[S]) -> String {
    let elements: Vec<String> = elements
        .iter()
        .map(|element| {
            format!(
                "\"{}\"",
                element.as_ref().replace('\\', "\\\\").replace('"', "\\\"")
            )
        })
        .collect();
    format!("{{{}}}", elements.join(","))
}
