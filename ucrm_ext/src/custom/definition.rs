//! Owns the definitions of a tenant's custom columns for one resource, and the judgement of a row's values by them.
//! Must never refuse what was there before and did not change.
//! Called by the custom leaf.

use super::value::{self, Kind};
use serde_json::{Map, Value};

/// Faults of one row that are told.
const MOST_FAULTS: usize = 20;

struct Definition {
    name: String,
    kind: Kind,
    required: bool,
}

/// Custom columns.
#[derive(Default)]
pub struct Definitions(Vec<Definition>);

impl Definitions {
    /// A line each: name, type, `t` if required, choices as a JSON list; separated by tabs.
    pub fn parse(text: &str) -> Definitions {
        let definition = |line: &str| {
            let mut parts = line.split('\t');
            let (name, kind) = (parts.next()?, parts.next()?);
            let required = parts.next()? == "t";
            let choices = serde_json::from_str(parts.next()?).ok()?;
            Some(Definition {
                name: name.to_owned(),
                kind: Kind::of(kind, choices)?,
                required,
            })
        };
        Definitions(text.lines().filter_map(definition).collect())
    }

    /// `custom.name: sentence (code)` for every value that does not fit; previous: the values of a row that changes.
    pub fn faults(
        &self,
        given: &Map<String, Value>,
        previous: Option<&Map<String, Value>>,
    ) -> Vec<String> {
        let is_given = |row: &Map<String, Value>, name: &str| {
            row.get(name).is_some_and(|value| !value.is_null())
        };
        let missing = self
            .0
            .iter()
            .filter(|definition| {
                definition.required
                    && !is_given(given, &definition.name)
                    && previous.is_none_or(|previous| is_given(previous, &definition.name))
            })
            .map(|definition| line(&definition.name, "must be given", "required"));
        let wrong = given
            .iter()
            .filter(|(name, value)| {
                previous.and_then(|previous| previous.get(*name)) != Some(value)
            })
            .filter_map(|(name, value)| {
                let known = self.0.iter().find(|definition| definition.name == *name);
                let fault = match known {
                    None => Some(("is no custom column here", "unknown_field")),
                    Some(_) if value.is_null() => None,
                    Some(definition) => value::fault(&definition.kind, value),
                };
                fault.map(|(sentence, code)| line(name, sentence, code))
            });
        let mut lines: Vec<String> = missing.chain(wrong).take(MOST_FAULTS).collect();
        lines.dedup();
        lines
    }
}

/// A name that cannot be one is not repeated.
fn line(name: &str, sentence: &str, code: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    if name.len() <= 63 && !name.is_empty() && name.bytes().all(plain) {
        format!("custom.{name}: {sentence} ({code})")
    } else {
        format!("custom: has a name that {sentence} ({code})")
    }
}

#[cfg(test)]
#[path = "definition_tests.rs"]
mod tests;
