//! Owns the condition for the rows after a row, in an order.
//! Must never miss a row or show one twice, nulls and equal values included, and never keep an index from being used.
//! Called by `emit`.

use super::kind::Kind;
use super::order::Key;
use super::term::Binds;

/// The rows after the row of these values: one condition, or several of which each row fulfils at most one.
pub fn after(keys: &[Key], values: Vec<Option<String>>, binds: &mut Binds) -> Vec<String> {
    let parameters: Vec<Option<String>> = keys
        .iter()
        .zip(values)
        .map(|(key, value)| value.map(|value| binds.bind(value, key.kind.cast())))
        .collect();
    let mut keys: Vec<(&Key, Option<&str>)> = keys
        .iter()
        .zip(parameters.iter().map(Option::as_deref))
        .collect();
    // Of one direction and without nulls: a comparison of rows, which is a range of an index (PostgreSQL manual, 9.24.5).
    let plain = keys.iter().all(|(key, value)| {
        !key.nullable && value.is_some() && key.descending == keys[0].0.descending
    });
    if plain {
        let (subjects, values): (Vec<&str>, Vec<&str>) = keys
            .iter()
            .filter_map(|(key, value)| Some((key.value.as_str(), (*value)?)))
            .unzip();
        let sign = if keys[0].0.descending { "<" } else { ">" };
        return vec![format!(
            "({}) {sign} ({})",
            subjects.join(", "),
            values.join(", ")
        )];
    }
    let rest = keys.split_off(1);
    let (key, value) = keys[0];
    let subject = &key.value;
    match value {
        // The bound comes first and by itself: it is what an index is entered by.
        Some(value) => {
            let sign = if key.descending { "<" } else { ">" };
            let mut parts = vec![format!(
                "{subject} {sign}= {value} and ({subject} {sign} {value} or ({subject} = {value} and {}))",
                beyond(&rest)
            )];
            if key.nullable && !key.nulls_first {
                parts.push(format!("{subject} is null"));
            }
            parts
        }
        None => {
            let mut parts = vec![format!("{subject} is null and {}", beyond(&rest))];
            if key.nulls_first {
                parts.push(format!("{subject} is not null"));
            }
            parts
        }
    }
}

/// Beyond these values, in brackets if it needs any.
fn beyond(keys: &[(&Key, Option<&str>)]) -> String {
    let Some(((key, value), rest)) = keys.split_first() else {
        return "false".into();
    };
    let subject = &key.value;
    let nulls_follow = key.nullable && !key.nulls_first;
    match value {
        Some(value) => {
            let sign = if key.descending { "<" } else { ">" };
            let mut any = vec![format!("{subject} {sign} {value}")];
            if nulls_follow {
                any.push(format!("{subject} is null"));
            }
            if !rest.is_empty() {
                any.push(format!("({subject} = {value} and {})", beyond(rest)));
            }
            format!("({})", any.join(" or "))
        }
        None if key.nulls_first => format!(
            "({subject} is not null or ({subject} is null and {}))",
            beyond(rest)
        ),
        None => format!("({subject} is null and {})", beyond(rest)),
    }
}

/// A key as a column behind those that are shown: a number as text, so that nothing rounds it.
pub fn shown(key: &Key, number: usize) -> String {
    match key.kind {
        Kind::Integer(_) | Kind::Numeric(_) | Kind::Money | Kind::Float(_) => {
            format!("{}::text as \"{number}\"", key.value)
        }
        _ => format!("{} as \"{number}\"", key.value),
    }
}
