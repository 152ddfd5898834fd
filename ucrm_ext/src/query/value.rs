//! Owns the check of a value against a column's type, and its text for PostgreSQL.
//! Must never let PostgreSQL be the first to notice a bad value, for the types it knows.
//! Called by the filters and keys (`text`) and by the writes (`json`).

use super::kind::Kind;
use super::literal::{decimal, integer, is_date, is_uuid, timestamp};
use super::statement::array;
use serde_json::Value;

/// What is wrong with a value: one of the codes of `FieldError`, and a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The code.
    pub code: &'static str,
    /// The sentence.
    pub message: String,
}

impl Fault {
    /// A fault with this code.
    pub fn new(code: &'static str, message: impl Into<String>) -> Fault {
        Fault {
            code,
            message: message.into(),
        }
    }
}

fn fault<T>(code: &'static str, message: impl Into<String>) -> Result<T, Fault> {
    Err(Fault {
        code,
        message: message.into(),
    })
}

/// Checks a value that came as text.
pub fn text(kind: &Kind, value: &str) -> Result<String, Fault> {
    if value.contains('\0') {
        return fault("invalid_format", "text must not contain NUL");
    }
    let valid = match kind {
        Kind::Text(_) | Kind::Other | Kind::Array(_) => true,
        Kind::Uuid => is_uuid(value),
        Kind::Integer(bits) => return whole(value, *bits),
        Kind::Numeric(whole) => return number(value, *whole),
        Kind::Money => return number(value, None),
        Kind::Span(element) => return text(element, value),
        Kind::Float(bits) => return float(value, *bits),
        Kind::Boolean => matches!(value, "true" | "false"),
        Kind::Moment => timestamp(value).is_some_and(|zone| zone.is_some()),
        Kind::LocalTime => timestamp(value).is_some_and(|zone| zone.is_none_or(|zone| zone == "Z")),
        Kind::Date => is_date(value),
        Kind::Json => {
            crate::body::json::value(value.as_bytes(), 64).map_err(|fault| Fault {
                code: "invalid_format",
                message: fault.message.into(),
            })?;
            true
        }
    };
    if valid {
        Ok(value.into())
    } else {
        fault(
            "invalid_format",
            format!("the value must be {}", expected(kind)),
        )
    }
}

/// Checks a value that came as JSON and is not null.
pub fn json(kind: &Kind, value: &Value) -> Result<String, Fault> {
    match (kind, value) {
        (Kind::Json, value) => Ok(value.to_string()),
        (Kind::Array(element), Value::Array(values)) => {
            let elements: Result<Vec<String>, Fault> = values
                .iter()
                .map(|value| match value {
                    Value::Null => fault("null_not_allowed", "an element must not be null"),
                    value => json(element, value),
                })
                .collect();
            Ok(array(&elements?))
        }
        (Kind::Text(Some(length)), Value::String(value)) if value.chars().count() > *length => {
            fault(
                "too_long",
                format!("the text must not be longer than {length} characters"),
            )
        }
        (Kind::Integer(bits), Value::Number(number)) => integral(&number.to_string(), *bits),
        (Kind::Numeric(_) | Kind::Float(_), Value::Number(number)) => {
            text(kind, &number.to_string())
        }
        (Kind::Boolean, Value::Bool(value)) => Ok(value.to_string()),
        (Kind::Boolean | Kind::Integer(_) | Kind::Float(_) | Kind::Array(_), _) => mistyped(kind),
        (_, Value::String(value)) => text(kind, value),
        (Kind::Other, Value::Number(_) | Value::Bool(_)) => Ok(value.to_string()),
        _ => mistyped(kind),
    }
}

fn mistyped(kind: &Kind) -> Result<String, Fault> {
    fault(
        "invalid_type",
        format!("the value must be {}", expected(kind)),
    )
}

fn whole(value: &str, bits: u32) -> Result<String, Fault> {
    let Ok(number) = integer(value) else {
        return fault("invalid_format", "the value must be an integer");
    };
    let limit = 1_i128 << (bits - 1);
    match number {
        Some(number) if (-limit..limit).contains(&i128::from(number)) => Ok(number.to_string()),
        _ => fault(
            "out_of_range",
            format!("the value must be an integer of {bits} bits"),
        ),
    }
}

/// A JSON number that is an integer, `5.0` and `1e3` included.
fn integral(value: &str, bits: u32) -> Result<String, Fault> {
    if integer(value).is_ok() {
        return whole(value, bits);
    }
    match value.parse::<f64>() {
        Ok(number) if number.fract() == 0.0 && number.abs() < 9_007_199_254_740_992.0 => {
            whole(&(number as i64).to_string(), bits)
        }
        Ok(number) if number.fract() == 0.0 => fault(
            "out_of_range",
            "an integer this large must be sent in plain digits",
        ),
        _ => mistyped(&Kind::Integer(bits)),
    }
}

fn number(value: &str, whole: Option<i64>) -> Result<String, Fault> {
    match (decimal(value), whole) {
        (None, _) => fault(
            "invalid_format",
            "the value must be a decimal number of at most 100 characters",
        ),
        (Some(digits), Some(whole)) if digits > whole => fault(
            "out_of_range",
            format!("the value must have at most {whole} digits before the point"),
        ),
        _ => Ok(value.into()),
    }
}

fn float(value: &str, bits: u32) -> Result<String, Fault> {
    let fits = match bits {
        32 => value
            .parse::<f32>()
            .is_ok_and(|number| number.is_normal() || number == 0.0),
        _ => value
            .parse::<f64>()
            .is_ok_and(|number| number.is_normal() || number == 0.0),
    };
    match decimal(value) {
        None => fault("invalid_format", "the value must be a number"),
        // PostgreSQL refuses what would become zero, too.
        Some(digits) if !fits || (digits < -37 && bits == 32) || digits < -306 => {
            fault("out_of_range", "the value is too large or too small")
        }
        Some(_) => Ok(value.into()),
    }
}

fn expected(kind: &Kind) -> &'static str {
    match kind {
        Kind::Text(_) | Kind::Other => "a string",
        Kind::Uuid => "a UUID",
        Kind::Integer(_) => "an integer",
        Kind::Numeric(_) | Kind::Float(_) | Kind::Money => "a number",
        Kind::Boolean => "true or false",
        Kind::Moment => {
            "a timestamp with offset, such as 2024-05-01T10:00:00Z (in a URL + is written %2B)"
        }
        Kind::LocalTime => "a timestamp without offset, such as 2024-05-01T10:00:00",
        Kind::Date => "a date, such as 2024-05-01",
        Kind::Json => "JSON",
        Kind::Array(_) => "an array",
        Kind::Span(_) => "a date or time",
    }
}
