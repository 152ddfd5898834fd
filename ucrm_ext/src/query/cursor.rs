//! Owns the text of a cursor: which question it belongs to, and the values that the page it follows ended with.
//! Must never be believed: it comes from the client, its values are checked and bound like any other.
//! Called by `emit`. The printer of pages writes it: base64url (RFC 4648, 5) of the stamp and a JSON array.

use super::kind::Kind;
use super::order::Key;
use super::refusal::Refusal;
use super::value;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{Context, SHA256};
use serde_json::Value;

/// Hexadecimal digits of a stamp.
const STAMP: usize = 16;

/// What tells one question from another: the rows, their order, and what is bound.
pub fn stamp(rows: &str, order: &str, binds: &[String]) -> String {
    let mut context = Context::new(&SHA256);
    for part in [rows, order]
        .into_iter()
        .chain(binds.iter().map(String::as_str))
    {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part.as_bytes());
    }
    let digest = context.finish();
    let bytes = digest.as_ref().iter().take(STAMP / 2);
    bytes.map(|byte| format!("{byte:02x}")).collect()
}

/// The values a cursor holds; `None` for the empty one, which is the first page.
pub fn read(text: &str, stamp: &str, keys: &[Key]) -> Result<Option<Vec<Option<String>>>, Refusal> {
    if text.is_empty() {
        return Ok(None);
    }
    let garbled = || Refusal::cursor("this is no cursor: take meta.next_cursor as it came");
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| garbled())?;
    let text = String::from_utf8(bytes).map_err(|_| garbled())?;
    let (stamped, values) = text.split_at_checked(STAMP).ok_or_else(garbled)?;
    let values: Vec<Value> = serde_json::from_str(values).map_err(|_| garbled())?;
    if stamped != stamp || values.len() != keys.len() {
        return Err(Refusal::cursor(
            "this cursor belongs to another list: keep sort and filters as they were",
        ));
    }
    keys.iter()
        .zip(values)
        .map(|(key, json)| match json {
            Value::Null if key.nullable => Ok(None),
            Value::String(text) => known(&key.kind, text).ok_or_else(garbled).map(Some),
            Value::Bool(value) if key.kind == Kind::Boolean => Ok(Some(value.to_string())),
            _ => Err(garbled()),
        })
        .collect::<Result<Vec<_>, _>>()
        .map(Some)
}

/// A value of the type, those included that a client cannot send.
fn known(kind: &Kind, text: String) -> Option<String> {
    let known = match kind {
        Kind::Moment | Kind::LocalTime | Kind::Date => {
            matches!(text.as_str(), "infinity" | "-infinity") || is_time(kind, &text)
        }
        Kind::Numeric(_) | Kind::Float(_) | Kind::Money => {
            matches!(text.as_str(), "NaN" | "Infinity" | "-Infinity") || is_number(&text)
        }
        kind => return value::text(kind, &text).ok(),
    };
    known.then_some(text)
}

/// A time of any year, as PostgreSQL prints it: of four digits and more, and before Christ.
fn is_time(kind: &Kind, text: &str) -> bool {
    let text = text.strip_suffix(" BC").unwrap_or(text);
    let year = text.find('-').unwrap_or_default();
    let (year, rest) = text.split_at(year);
    (4..=6).contains(&year.len())
        && year.bytes().all(|byte| byte.is_ascii_digit())
        && value::text(kind, &format!("2000{rest}")).is_ok()
}

/// A number as PostgreSQL prints it, of any length.
fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = digits.split_once('e').unwrap_or((digits, "0"));
    let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
    exponent.len() <= 3
        && [whole, fraction, exponent]
            .iter()
            .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
}
