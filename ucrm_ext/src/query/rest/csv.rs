//! Owns rows as comma-separated values (RFC 4180), from the JSON they were printed as.
//! Must never change a value: strings as they are, numbers digit for digit, the rest as JSON.
//! Called by the rest leaf.

use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::HashMap;

/// A header of these columns and a line for each object of a JSON array; `None` when it is none.
pub fn csv(columns: &[&str], items: &str) -> Option<String> {
    let rows: Vec<HashMap<String, &RawValue>> = serde_json::from_str(items).ok()?;
    let mut csv = String::with_capacity(items.len());
    line(&mut csv, columns.iter().map(|name| Some((*name).into())));
    for row in rows {
        line(
            &mut csv,
            columns
                .iter()
                .map(|name| row.get(*name).and_then(|raw| plain(raw))),
        );
    }
    Some(csv)
}

fn plain(raw: &RawValue) -> Option<String> {
    let raw = raw.get();
    if raw.starts_with('"') {
        return match serde_json::from_str(raw) {
            Ok(Value::String(text)) => Some(text),
            _ => None,
        };
    }
    (raw != "null").then(|| raw.to_owned())
}

/// Null is nothing, empty text is `""`.
fn line(csv: &mut String, values: impl Iterator<Item = Option<String>>) {
    for (at, value) in values.enumerate() {
        if at > 0 {
            csv.push(',');
        }
        let Some(value) = value else { continue };
        if value.is_empty() || value.contains(['"', ',', '\n', '\r']) {
            csv.push('"');
            csv.push_str(&value.replace('"', "\"\""));
            csv.push('"');
        } else {
            csv.push_str(&value);
        }
    }
    csv.push('\n');
}
