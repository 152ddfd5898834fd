//! Owns the native filter grammar: `op.value`, and groups of `column.op.value` under `and` and `or`.
//! Must never judge a value: what a term says is checked where it is bound, in `term`.
//! Called by `list`.
//!
//! ```text
//! filter   = ["not."] op "." value
//! group    = "(" member { "," member } ")"
//! member   = ["not."] ("and" | "or") group | column "." filter
//! value    = text up to the end (in a group: up to "," or ")") | quoted | items
//! items    = "(" item { "," item } ")"          for in, between, and cs, cd, ov of arrays
//! quoted   = '"' with \" and \\ '"'             in groups and items
//! ```

use super::catalogue::Catalogue;
use super::column::Column;
use super::kind::Kind;
use super::reader::Reader;
use super::refusal::{Refusal, shown};
use super::tree::{Condition, Operand, Operator, Term};

/// Groups within groups.
pub const MAX_DEPTH: usize = 8;

/// `stage=eq.won`: `name` is the parameter, `text` its value.
pub fn column(catalogue: &Catalogue, name: &str, text: &str) -> Result<Condition, Refusal> {
    let column = catalogue.compared(name, "a filter")?;
    let mut reader = Reader {
        field: name,
        rest: text,
        grouped: false,
    };
    filter(column, &mut reader)
}

/// `or=(a.eq.1,b.is.null)`: `word` is `and` or `or`.
pub fn group(catalogue: &Catalogue, word: &str, text: &str) -> Result<Condition, Refusal> {
    let mut reader = Reader {
        field: word,
        rest: text,
        grouped: true,
    };
    let group = members(catalogue, word, &mut reader, MAX_DEPTH)?;
    if reader.rest.is_empty() {
        Ok(group)
    } else {
        Err(reader.malformed())
    }
}

fn members(
    catalogue: &Catalogue,
    word: &str,
    reader: &mut Reader,
    depth: usize,
) -> Result<Condition, Refusal> {
    let depth = depth
        .checked_sub(1)
        .ok_or_else(|| Refusal::filter(word, "groups are nested deeper than 8"))?;
    if !reader.eat("(") {
        return Err(reader.malformed());
    }
    let mut members = Vec::new();
    loop {
        members.push(member(catalogue, reader, depth)?);
        if reader.eat(")") {
            break;
        }
        if !reader.eat(",") {
            return Err(reader.malformed());
        }
    }
    Ok(match word {
        "or" => Condition::Any(members),
        _ => Condition::All(members),
    })
}

fn member(catalogue: &Catalogue, reader: &mut Reader, depth: usize) -> Result<Condition, Refusal> {
    for (prefix, word, negated) in [
        ("and(", "and", false),
        ("or(", "or", false),
        ("not.and(", "and", true),
        ("not.or(", "or", true),
    ] {
        if reader.rest.starts_with(prefix) {
            reader.skip(prefix.len() - 1);
            return Ok(negate(negated, members(catalogue, word, reader, depth)?));
        }
    }
    let mut name = reader.until(&['.', ',', '(', ')']).to_owned();
    if name == "custom" && !is_operator(reader.rest) && reader.eat(".") {
        name = format!("custom.{}", reader.until(&['.', ',', '(', ')']));
    }
    if !reader.eat(".") {
        return Err(reader.malformed());
    }
    filter(catalogue.compared(&name, "a filter")?, reader)
}

/// Whether what comes is `.op.`, not the name of a custom column.
fn is_operator(rest: &str) -> bool {
    let word = rest.get(1..).and_then(|rest| rest.split('.').next());
    word.is_some_and(|word| word == "not" || Operator::named(word).is_some())
}

fn filter(column: &Column, reader: &mut Reader) -> Result<Condition, Refusal> {
    let negated = reader.eat("not.");
    let name = reader.until(&['.', ',', '(', ')']);
    let operator = Operator::named(name).filter(|operator| column.kind.has(*operator));
    let (Some(operator), true) = (operator, reader.eat(".")) else {
        return Err(unknown_operator(column, name));
    };
    let listed = match operator {
        Operator::In | Operator::Between | Operator::Overlaps => true,
        Operator::Contains | Operator::Contained => {
            !matches!(column.kind, Kind::Json | Kind::Span(_))
        }
        _ => false,
    };
    let operand = if listed {
        Operand::Many(reader.items()?)
    } else {
        Operand::One(reader.one()?)
    };
    let term = Term {
        column: column.name.clone(),
        operator,
        operand,
    };
    Ok(negate(negated, Condition::Term(term)))
}

/// The refusal of an operator that the column's type has not.
pub fn unknown_operator(column: &Column, name: &str) -> Refusal {
    let message = format!(
        "{} takes operator.value; not known here: {}",
        column.name,
        shown(name)
    );
    let operators = column.kind.operators().iter();
    Refusal::filter(&column.name, message).allowing(operators.map(|operator| operator.name()))
}

fn negate(negated: bool, condition: Condition) -> Condition {
    if negated {
        Condition::Not(Box::new(condition))
    } else {
        condition
    }
}
