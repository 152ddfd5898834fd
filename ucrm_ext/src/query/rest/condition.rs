//! Owns PostgREST's filters: `column=operator.value`, and groups under `and` and `or`.
//! Must never look a column up, nor judge a value.
//! Called by `question`.

use super::fault::Fault;
use super::scanner::Scanner;
pub use super::scanner::{Field, Step};

const MAX_DEPTH: usize = 8;

/// The operators, as they are written.
pub const OPERATORS: [&str; 25] = [
    "eq",
    "neq",
    "gt",
    "gte",
    "lt",
    "lte",
    "like",
    "ilike",
    "match",
    "imatch",
    "in",
    "is",
    "isdistinct",
    "fts",
    "plfts",
    "phfts",
    "wfts",
    "cs",
    "cd",
    "ov",
    "sl",
    "sr",
    "nxr",
    "nxl",
    "adj",
];
/// Those that take `(any)` and `(all)`.
const QUANTIFIED: [&str; 9] = [
    "eq", "gt", "gte", "lt", "lte", "like", "ilike", "match", "imatch",
];

/// What a filter compares with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operand {
    /// One value.
    One(String),
    /// `in.(…)`, `like(any).{…}`.
    Many(Vec<String>),
}

/// A condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// `or=(…)`, `not.and=(…)`.
    Group {
        /// `or`, else `and`.
        or: bool,
        /// With `not.` before it.
        negated: bool,
        /// What is in the brackets.
        members: Vec<Condition>,
    },
    /// `column=operator.value`.
    Filter {
        /// What is compared.
        field: Field,
        /// With `not.` before the operator.
        negated: bool,
        /// One of `OPERATORS`.
        operator: &'static str,
        /// `all` of several operands; any of them without.
        all: bool,
        /// The text search configuration.
        config: Option<String>,
        /// What it is compared with.
        operand: Operand,
    },
}

/// `stage=eq.won`.
pub fn filter(parameter: &str, field: Field, text: &str) -> Result<Condition, Fault> {
    let mut scanner = Scanner {
        parameter,
        rest: text,
    };
    let condition = operation(&mut scanner, field, false)?;
    if scanner.rest.is_empty() {
        Ok(condition)
    } else {
        Err(scanner.malformed("something follows the value"))
    }
}

/// `or=(a.eq.1,b.is.null)`.
pub fn group(parameter: &str, or: bool, negated: bool, text: &str) -> Result<Condition, Fault> {
    let mut scanner = Scanner {
        parameter,
        rest: text,
    };
    let members = members(&mut scanner, MAX_DEPTH)?;
    if !scanner.rest.is_empty() {
        return Err(scanner.malformed("something follows the closing bracket"));
    }
    Ok(Condition::Group {
        or,
        negated,
        members,
    })
}

fn members(scanner: &mut Scanner, depth: usize) -> Result<Vec<Condition>, Fault> {
    let depth = depth
        .checked_sub(1)
        .ok_or_else(|| scanner.malformed("groups are nested deeper than 8"))?;
    scanner.expect("(")?;
    let mut members = Vec::new();
    loop {
        scanner.blanks();
        members.push(member(scanner, depth)?);
        scanner.blanks();
        if scanner.eat(")") {
            return Ok(members);
        }
        scanner.expect(",")?;
    }
}

fn member(scanner: &mut Scanner, depth: usize) -> Result<Condition, Fault> {
    for (prefix, or, negated) in [
        ("and(", false, false),
        ("or(", true, false),
        ("not.and(", false, true),
        ("not.or(", true, true),
    ] {
        if let Some(rest) = scanner.rest.strip_prefix(&prefix[..prefix.len() - 1])
            && rest.starts_with('(')
        {
            scanner.rest = rest;
            return Ok(Condition::Group {
                or,
                negated,
                members: members(scanner, depth)?,
            });
        }
    }
    let field = scanner.field()?;
    scanner.expect(".")?;
    operation(scanner, field, true)
}

fn operation(scanner: &mut Scanner, field: Field, grouped: bool) -> Result<Condition, Fault> {
    let negated = scanner.eat("not.");
    let word = scanner.until(&['.', '(', ',', ')']);
    let Some(operator) = OPERATORS.into_iter().find(|known| *known == word) else {
        let hint = format!("Operators: {}", OPERATORS.join(", "));
        return Err(scanner
            .malformed("it takes operator.value, and this is no operator")
            .details(&super::super::refusal::shown(word))
            .hint(hint));
    };
    let option = match scanner.rest.starts_with('(') {
        true => Some(bracketed(scanner)?),
        false => None,
    };
    scanner.expect(".")?;
    let (mut all, mut config, mut many) = (false, None, operator == "in");
    match option {
        None => {}
        Some(word @ ("any" | "all")) if QUANTIFIED.contains(&operator) => {
            all = word == "all";
            many = true;
        }
        Some(word) if operator.ends_with("fts") => config = Some(word.to_owned()),
        Some(_) => return Err(scanner.malformed("this operator takes nothing in brackets")),
    }
    let operand = if operator == "in" {
        Operand::Many(scanner.items("(", ')')?)
    } else if many {
        Operand::Many(scanner.items("{", '}')?)
    } else if grouped {
        Operand::One(scanner.grouped_value()?)
    } else {
        Operand::One(std::mem::take(&mut scanner.rest).to_owned())
    };
    Ok(Condition::Filter {
        field,
        negated,
        operator,
        all,
        config,
        operand,
    })
}

fn bracketed<'a>(scanner: &mut Scanner<'a>) -> Result<&'a str, Fault> {
    scanner.expect("(")?;
    let word = scanner.until(&[')', '.', ',']);
    scanner.expect(")")?;
    Ok(word)
}
