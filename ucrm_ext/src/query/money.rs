//! Owns how an amount that is sent becomes minor units and a currency.
//! Must never round, nor take a currency for granted: digits depend on it.
//! Called by the writes.

use super::catalogue::Catalogue;
use super::column::{Column, Place};
use super::currency::{Amiss, digits, minor};
use super::value::Fault;
use serde_json::{Map, Value};

/// What the columns of an amount are assigned, with their texts.
pub type Parts<'a> = Vec<(&'a Column, Option<String>)>;

/// The parts of `{"amount": "12.30", "currency": "EUR"}`, of null, or where the currency is a field of its own and
/// `beside` it in the body, of a bare amount.
pub fn parts<'a>(
    column: &'a Column,
    json: &Value,
    beside: Option<&Value>,
) -> Result<Parts<'a>, Fault> {
    let Place::Money {
        minor: units,
        currency,
        shared,
    } = &column.place
    else {
        return Ok(Vec::new());
    };
    let mistyped = || {
        let sample = "the value must be {\"amount\": \"12.30\", \"currency\": \"EUR\"}";
        Fault::new("invalid_type", sample)
    };
    let (amount, code) = match json {
        Value::Null if *shared || currency.not_null => return Ok(vec![(units, None)]),
        Value::Null => return Ok(vec![(units, None), (currency, None)]),
        Value::Object(members) => {
            let known = |name: &String| name == "amount" || name == "currency";
            match (members.get("amount"), members.get("currency")) {
                (Some(amount), Some(code)) if members.keys().all(known) => (amount, code),
                _ => return Err(mistyped()),
            }
        }
        amount if *shared => {
            let unsaid = "send {\"amount\", \"currency\"}, or the currency beside the amount";
            (
                amount,
                beside.ok_or_else(|| Fault::new("required", unsaid))?,
            )
        }
        _ => return Err(mistyped()),
    };
    let code = code.as_str().ok_or_else(mistyped)?;
    let amount = match amount {
        Value::String(amount) => amount.clone(),
        Value::Number(amount) => amount.to_string(),
        _ => return Err(mistyped()),
    };
    let Some(digits) = digits(code) else {
        let message = "the currency must be a code of ISO 4217, such as EUR";
        return Err(Fault::new("invalid_value", message));
    };
    if *shared && beside.is_some_and(|beside| beside.as_str() != Some(code)) {
        let message = format!("the amount's currency must be the row's {}", currency.name);
        return Err(Fault::new("invalid_value", message));
    }
    let units_of = minor(&amount, digits).map_err(|amiss| match amiss {
        Amiss::Malformed => Fault::new("invalid_format", "the amount must be a decimal number"),
        Amiss::Precise => {
            let message =
                format!("an amount of {code} has at most {digits} digits after the point");
            Fault::new("invalid_format", message)
        }
        Amiss::Large => Fault::new("out_of_range", "the amount is too large"),
    })?;
    let mut parts: Parts = vec![(units, Some(units_of.to_string()))];
    if !(*shared && beside.is_some()) {
        parts.push((currency, Some(code.to_owned())));
    }
    Ok(parts)
}

/// Whether an amount of the body brings this currency along.
pub fn brings(catalogue: &Catalogue, body: &Map<String, Value>, name: &str) -> bool {
    catalogue.columns.iter().any(|column| {
        let Place::Money { currency, .. } = &column.place else {
            return false;
        };
        currency.name == name && body.get(&column.name).is_some_and(Value::is_object)
    })
}
