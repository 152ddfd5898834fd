//! Filters as a client spells them, in either dialect.
//! Must never spell what the dialect's documentation does not have.

use ucrm_http_tests::dice::Dice;

use super::filter::{Dialect, Filter, Term};
use super::value::{Kind, Literal};

/// A query string of parameters that all have to hold.
pub fn query(dice: &mut Dice, dialect: Dialect, filters: &[Filter]) -> String {
    let parameters: Vec<String> = filters
        .iter()
        .map(|filter| {
            let (name, value) = parameter(dice, dialect, filter);
            format!("{}={}", escaped(dice, &name), escaped(dice, &value))
        })
        .collect();
    parameters.join("&")
}

fn parameter(dice: &mut Dice, dialect: Dialect, filter: &Filter) -> (String, String) {
    match filter {
        Filter::All(members) => ("and".into(), group(dice, dialect, members)),
        Filter::Any(members) => ("or".into(), group(dice, dialect, members)),
        Filter::Term(term) if !term.column.in_groups_only => {
            (name(dialect, term), operation(dice, dialect, term, false))
        }
        Filter::Not(inner) => match (&**inner, dialect) {
            (Filter::Term(term), _) if !term.column.in_groups_only => {
                let operation = operation(dice, dialect, term, false);
                (name(dialect, term), format!("not.{operation}"))
            }
            (Filter::All(members), Dialect::Rest) => {
                ("not.and".into(), group(dice, dialect, members))
            }
            (Filter::Any(members), Dialect::Rest) => {
                ("not.or".into(), group(dice, dialect, members))
            }
            _ => ("and".into(), format!("({})", member(dice, dialect, filter))),
        },
        Filter::Term(_) => ("and".into(), format!("({})", member(dice, dialect, filter))),
    }
}

fn group(dice: &mut Dice, dialect: Dialect, members: &[Filter]) -> String {
    let members: Vec<String> = members
        .iter()
        .map(|filter| member(dice, dialect, filter))
        .collect();
    format!("({})", members.join(","))
}

fn member(dice: &mut Dice, dialect: Dialect, filter: &Filter) -> String {
    match filter {
        Filter::All(members) => format!("and{}", group(dice, dialect, members)),
        Filter::Any(members) => format!("or{}", group(dice, dialect, members)),
        Filter::Term(term) => {
            let operation = operation(dice, dialect, term, true);
            format!("{}.{operation}", name(dialect, term))
        }
        Filter::Not(inner) => match &**inner {
            Filter::Term(term) => {
                let operation = operation(dice, dialect, term, true);
                format!("{}.not.{operation}", name(dialect, term))
            }
            group => format!("not.{}", member(dice, dialect, group)),
        },
    }
}

fn name(dialect: Dialect, term: &Term) -> String {
    match (dialect, term.column.custom) {
        (Dialect::Native, true) => format!("custom.{}", term.column.name),
        (Dialect::Rest, true) => format!("custom->>{}", term.column.name),
        (_, false) => term.column.name.to_owned(),
    }
}

fn operation(dice: &mut Dice, dialect: Dialect, term: &Term, grouped: bool) -> String {
    let operator = term.operator;
    let is_array = matches!(term.column.kind, Kind::Texts | Kind::Integers);
    let contains = matches!(operator, "cs" | "cd" | "ov");
    match (operator, dialect) {
        ("is", _) => format!("is.{}", term.word),
        ("in" | "between", _) => format!("{operator}.{}", items(dice, &term.values, '(')),
        (_, Dialect::Native) if contains && is_array => {
            let open = ['(', '{'][dice.below(2)];
            format!("{operator}.{}", items(dice, &term.values, open))
        }
        (_, Dialect::Rest) if contains && is_array => {
            format!("{operator}.{}", items(dice, &term.values, '{'))
        }
        _ => match term.quantified {
            Some(all) => {
                let word = if all { "all" } else { "any" };
                format!("{operator}({word}).{}", items(dice, &term.values, '{'))
            }
            None => format!(
                "{operator}.{}",
                one(dice, dialect, &term.values[0], grouped)
            ),
        },
    }
}

fn one(dice: &mut Dice, dialect: Dialect, value: &Literal, grouped: bool) -> String {
    let text = &value.spelling;
    if !grouped {
        return text.clone();
    }
    let must = text.contains([',', ')'])
        || text.starts_with('"')
        || dialect == Dialect::Rest && text.starts_with('{');
    if must || dice.below(3) == 0 {
        quoted(text)
    } else {
        text.clone()
    }
}

fn items(dice: &mut Dice, values: &[Literal], open: char) -> String {
    let close = if open == '(' { ')' } else { '}' };
    let items: Vec<String> = values
        .iter()
        .map(|value| {
            let text = &value.spelling;
            // In braces it is PostgreSQL's array literal.
            let literal = open == '{' && text.contains(['"', '\\', '{']);
            let must =
                text.is_empty() || text.contains([',', close]) || text.starts_with('"') || literal;
            if must || dice.below(3) == 0 {
                quoted(text)
            } else {
                text.clone()
            }
        })
        .collect();
    format!("{open}{}{close}", items.join(","))
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Percent-encoded where it has to be, and now and then where it need not.
fn escaped(dice: &mut Dice, text: &str) -> String {
    let mut escaped = String::new();
    for byte in text.bytes() {
        let may_stay = byte.is_ascii_alphanumeric() || b".,()-_*:{}\"".contains(&byte);
        match byte {
            b' ' if dice.below(2) == 0 => escaped.push('+'),
            byte if may_stay && dice.below(8) > 0 => escaped.push(char::from(byte)),
            byte => escaped.push_str(&format!("%{byte:02X}")),
        }
    }
    escaped
}
