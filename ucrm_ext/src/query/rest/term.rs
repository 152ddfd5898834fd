//! Owns the translation of PostgREST's operators to the shared query's.
//! Must never let a value pass that PostgreSQL would refuse, for the types that are known.
//! Called by `lower` and `embed`.

use super::super::catalogue::Catalogue;
use super::super::column::Column;
use super::super::kind::Kind;
use super::super::literal::is_date;
use super::super::tree::{self, Operator};
use super::super::value;
use super::condition::{Condition, Operand};
use super::fault::Fault;
use super::lower::{No, column, column_fault};
use super::scanner::Scanner;

/// A condition in the shared query's terms. `names`: the embedded resources.
pub fn condition(
    catalogue: &Catalogue,
    condition: &Condition,
    names: &[String],
) -> Result<tree::Condition, No> {
    match condition {
        Condition::Group {
            or,
            negated,
            members,
        } => {
            let members = members
                .iter()
                .map(|member| self::condition(catalogue, member, names))
                .collect::<Result<Vec<_>, _>>()?;
            let group = match or {
                true => tree::Condition::Any(members),
                false => tree::Condition::All(members),
            };
            Ok(negate(group, *negated))
        }
        Condition::Filter {
            field,
            negated,
            operator,
            all,
            config: _,
            operand,
        } => {
            let is_column = catalogue.visible().any(|column| column.name == field.name);
            if field.path.is_empty() && !is_column && names.contains(&field.name) {
                return there(&field.name, operator, operand, *negated);
            }
            let name = column(catalogue, field)?;
            let column = catalogue
                .compared(&name, "a filter")
                .map_err(|refusal| column_fault(catalogue, &name, refusal))?;
            let Some(operator) = translated(operator) else {
                let what = format!("the operator {operator}");
                let hint = "Operators: eq, neq, gt, gte, lt, lte, like, ilike, in, is, isdistinct, cs, cd, ov.";
                return Err(Fault::unsupported(&what, hint).into());
            };
            Ok(negate(compared(column, operator, *all, operand)?, *negated))
        }
    }
}

fn negate(condition: tree::Condition, negated: bool) -> tree::Condition {
    match negated {
        true => tree::Condition::Not(Box::new(condition)),
        false => condition,
    }
}

/// `organizations=not.is.null`: that there is one.
fn there(
    name: &str,
    operator: &str,
    operand: &Operand,
    negated: bool,
) -> Result<tree::Condition, No> {
    let exists = match operand {
        Operand::One(value) if operator == "is" && value == "null" => negated,
        Operand::One(value) if operator == "is" && value == "not_null" => !negated,
        _ => {
            let what = "a filter on an embedded resource as a whole";
            return Err(Fault::unsupported(
                what,
                "Write name=not.is.null, or name.column=eq.value.",
            )
            .into());
        }
    };
    Ok(negate(tree::Condition::Related(name.to_owned()), !exists))
}

fn translated(operator: &str) -> Option<Operator> {
    Some(match operator {
        "eq" => Operator::Eq,
        "neq" => Operator::Neq,
        "gt" => Operator::Gt,
        "gte" => Operator::Gte,
        "lt" => Operator::Lt,
        "lte" => Operator::Lte,
        "like" => Operator::Like,
        "ilike" => Operator::Ilike,
        "in" => Operator::In,
        "is" => Operator::Is,
        "isdistinct" => Operator::IsDistinct,
        "cs" => Operator::Contains,
        "cd" => Operator::Contained,
        "ov" => Operator::Overlaps,
        _ => return None,
    })
}

fn compared(
    column: &Column,
    operator: Operator,
    all: bool,
    operand: &Operand,
) -> Result<tree::Condition, No> {
    let term = |operand| {
        tree::Condition::Term(tree::Term {
            column: column.name.clone(),
            operator,
            operand,
        })
    };
    match operand {
        Operand::Many(values) if operator == Operator::In => {
            let values = values.iter().map(|value| fitting(column, operator, value));
            let values = values.collect::<Result<Vec<_>, _>>()?;
            Ok(term(tree::Operand::Many(values)))
        }
        Operand::Many(values) => {
            let terms = values
                .iter()
                .map(|value| {
                    fitting(column, operator, value).map(|value| term(tree::Operand::One(value)))
                })
                .collect::<Result<Vec<_>, _>>()?;
            Ok(match all {
                true => tree::Condition::All(terms),
                false => tree::Condition::Any(terms),
            })
        }
        Operand::One(value) => {
            let lists = matches!(
                operator,
                Operator::Contains | Operator::Contained | Operator::Overlaps
            );
            if lists && matches!(column.kind, Kind::Array(_)) {
                let mut scanner = Scanner {
                    parameter: &column.name,
                    rest: value,
                };
                let items = scanner.items("{", '}')?;
                if !scanner.rest.is_empty() {
                    return Err(scanner
                        .malformed("an array is written {a,b,\"c d\"}")
                        .into());
                }
                return Ok(term(tree::Operand::Many(items)));
            }
            // PostgreSQL's unknown is null.
            let value = match (operator, value.as_str()) {
                (Operator::Is, "unknown") => "null",
                (_, value) => value,
            };
            Ok(term(tree::Operand::One(fitting(column, operator, value)?)))
        }
    }
}

/// The value, if the column's type has it.
fn fitting(column: &Column, operator: Operator, value: &str) -> Result<String, Fault> {
    let compared = matches!(
        operator,
        Operator::Eq
            | Operator::Neq
            | Operator::Gt
            | Operator::Gte
            | Operator::Lt
            | Operator::Lte
            | Operator::In
            | Operator::IsDistinct
    );
    let value = match (&column.kind, value) {
        (Kind::Boolean, "t") => "true",
        (Kind::Boolean, "f") => "false",
        (_, value) => value,
    };
    let is_day = matches!(column.kind, Kind::Moment | Kind::LocalTime) && is_date(value);
    if compared
        && !is_day
        && let Err(fault) = value::text(&column.kind, value)
    {
        let code = match fault.code {
            "out_of_range" => "22003",
            _ => "22P02",
        };
        return Err(Fault::value(code, &column.name, &fault.message));
    }
    Ok(value.to_owned())
}
