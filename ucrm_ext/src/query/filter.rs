//! Owns the filter grammar: `op.value`, and groups of `column.op.value` under `and` and `or`.
//! Must never splice a value: each becomes a bind, checked against its column's type.
//! Called by `list`.
//!
//! ```text
//! filter   = ["not."] op "." value
//! group    = "(" member { "," member } ")"
//! member   = ["not."] ("and" | "or") group | column "." filter
//! value    = text up to the end (in a group: up to "," or ")") | quoted | items
//! items    = "(" item { "," item } ")"          for in, between, cs, ov
//! quoted   = '"' with \" and \\ '"'             in groups and items
//! ```

use super::catalogue::{Catalogue, Column};
use super::kind::Kind;
use super::literal::is_date;
use super::reader::Reader;
use super::refusal::{Refusal, shown};
use super::statement::{array, placeholder};
use super::value;

const MAX_TERMS: usize = 50;
const MAX_DEPTH: usize = 8;
const MAX_WORDS: usize = 8;

/// Conditions while they are being compiled.
pub struct Filter<'a> {
    catalogue: &'a Catalogue,
    /// Values of `$1` and on.
    pub binds: Vec<String>,
    /// Whether a condition depends on the current time.
    pub volatile: bool,
    terms: usize,
}

enum Operand {
    One(String),
    Many(Vec<String>),
}

impl<'a> Filter<'a> {
    /// No conditions yet.
    pub fn new(catalogue: &'a Catalogue) -> Filter<'a> {
        Filter {
            catalogue,
            binds: Vec::new(),
            volatile: false,
            terms: 0,
        }
    }

    /// `stage=eq.won`: `name` is the parameter, `text` its value.
    pub fn column(&mut self, name: &str, text: &str) -> Result<String, Refusal> {
        let column = self.catalogue.addressed(name, "a filter")?;
        let mut reader = Reader {
            field: name,
            rest: text,
            grouped: false,
        };
        self.filter(column, &mut reader)
    }

    /// `or=(a.eq.1,b.is.null)`: `word` is `and` or `or`.
    pub fn group(&mut self, word: &str, text: &str) -> Result<String, Refusal> {
        let mut reader = Reader {
            field: word,
            rest: text,
            grouped: true,
        };
        let sql = self.members(word, &mut reader, MAX_DEPTH)?;
        if reader.rest.is_empty() {
            Ok(sql)
        } else {
            Err(reader.malformed())
        }
    }

    /// `q=two words`: every word in any of the searched columns.
    pub fn search(&mut self, text: &str) -> Result<Option<String>, Refusal> {
        let catalogue = self.catalogue;
        let columns: Vec<&Column> = catalogue
            .visible()
            .filter(|column| catalogue.search.contains(&column.name))
            .collect();
        if columns.is_empty() {
            return Err(Refusal::filter(
                "q",
                "this resource has no columns to search in",
            ));
        }
        let words: Vec<&str> = text.split_whitespace().collect();
        if words.len() > MAX_WORDS {
            return Err(Refusal::filter("q", "q must not have more than 8 words"));
        }
        let mut found = Vec::new();
        for word in words {
            self.count("q")?;
            let pattern = word
                .replace('\\', "\\\\")
                .replace('%', "\\%")
                .replace('_', "\\_");
            let pattern = self.bind(format!("%{pattern}%"), "text");
            let any: Vec<String> = columns
                .iter()
                .map(|column| format!("{} ilike {pattern}", as_text(column)))
                .collect();
            found.push(format!("({})", any.join(" or ")));
        }
        Ok((!found.is_empty()).then(|| found.join(" and ")))
    }

    fn members(
        &mut self,
        word: &str,
        reader: &mut Reader,
        depth: usize,
    ) -> Result<String, Refusal> {
        let depth = depth
            .checked_sub(1)
            .ok_or_else(|| Refusal::filter(word, "groups are nested deeper than 8"))?;
        if !reader.eat("(") {
            return Err(reader.malformed());
        }
        let mut members = Vec::new();
        loop {
            members.push(self.member(reader, depth)?);
            if reader.eat(")") {
                break;
            }
            if !reader.eat(",") {
                return Err(reader.malformed());
            }
        }
        let joint = if word == "or" { " or " } else { " and " };
        Ok(format!("({})", members.join(joint)))
    }

    fn member(&mut self, reader: &mut Reader, depth: usize) -> Result<String, Refusal> {
        for (prefix, word, negated) in [
            ("and(", "and", false),
            ("or(", "or", false),
            ("not.and(", "and", true),
            ("not.or(", "or", true),
        ] {
            if reader.rest.starts_with(prefix) {
                reader.skip(prefix.len() - 1);
                let sql = self.members(word, reader, depth)?;
                return Ok(if negated { format!("not {sql}") } else { sql });
            }
        }
        let name = reader.until(&['.', ',', '(', ')']);
        if !reader.eat(".") {
            return Err(reader.malformed());
        }
        let column = self.catalogue.addressed(name, "a filter")?;
        self.filter(column, reader)
    }

    fn filter(&mut self, column: &Column, reader: &mut Reader) -> Result<String, Refusal> {
        self.count(&column.name)?;
        let negated = reader.eat("not.");
        let operator = reader.until(&['.', ',', '(', ')']);
        let operators = column.kind.operators();
        if !reader.eat(".") || !operators.contains(&operator) {
            let message = format!(
                "{} takes operator.value; not known here: {}",
                column.name,
                shown(operator)
            );
            return Err(Refusal::filter(&column.name, message).allowing(operators));
        }
        let listed = matches!(operator, "in" | "between" | "ov")
            || operator == "cs" && column.kind != Kind::Json;
        let operand = if listed {
            Operand::Many(reader.items()?)
        } else {
            Operand::One(reader.one()?)
        };
        let sql = self.term(column, operator, operand)?;
        Ok(if negated { format!("not ({sql})") } else { sql })
    }

    fn term(
        &mut self,
        column: &Column,
        operator: &str,
        operand: Operand,
    ) -> Result<String, Refusal> {
        let kind = &column.kind;
        let subject = if *kind == Kind::Other {
            as_text(column)
        } else {
            column.reference()
        };
        match operand {
            Operand::Many(items) => {
                let element = match kind {
                    Kind::Array(element) => element,
                    kind => kind,
                };
                let items: Vec<String> = items
                    .iter()
                    .map(|item| check(column, element, item))
                    .collect::<Result<_, _>>()?;
                match (operator, &items[..]) {
                    ("between", [low, high]) => {
                        let low = self.bind(low.clone(), kind.cast());
                        let high = self.bind(high.clone(), kind.cast());
                        Ok(format!("{subject} between {low} and {high}"))
                    }
                    ("between", _) => Err(Refusal::filter(
                        &column.name,
                        "between takes two values: between.(1,9)",
                    )),
                    (operator, items) => {
                        let items = self.bind(array(items), element.array_cast());
                        Ok(match operator {
                            "cs" => format!("{subject} @> {items}"),
                            "ov" => format!("{subject} && {items}"),
                            _ => format!("{subject} = any ({items})"),
                        })
                    }
                }
            }
            Operand::One(value) => match operator {
                "is" => is(column, &value),
                "in_last_days" => self.last_days(column, &value),
                "like" | "ilike" => {
                    let pattern = check(column, kind, &value)?;
                    let pattern = self.bind(wildcards(&pattern), "text");
                    Ok(format!("{subject} {operator} {pattern}"))
                }
                "cs" => {
                    let value = check(column, kind, &value)?;
                    Ok(format!("{subject} @> {}", self.bind(value, kind.cast())))
                }
                _ => {
                    let value = check(column, kind, &value)?;
                    let sign = match operator {
                        "neq" => "<>",
                        "gt" => ">",
                        "gte" => ">=",
                        "lt" => "<",
                        "lte" => "<=",
                        _ => "=",
                    };
                    Ok(format!(
                        "{subject} {sign} {}",
                        self.bind(value, kind.cast())
                    ))
                }
            },
        }
    }

    /// From that many days ago until now.
    fn last_days(&mut self, column: &Column, value: &str) -> Result<String, Refusal> {
        let days = value
            .parse::<u16>()
            .ok()
            .filter(|&days| days <= 36_500 && value.bytes().all(|b| b.is_ascii_digit()));
        let days = days.ok_or_else(|| {
            Refusal::filter(
                &column.name,
                "in_last_days takes a number of days up to 36500",
            )
        })?;
        self.volatile = true;
        let days = self.bind(days.to_string(), "integer");
        let (subject, now) = (
            column.reference(),
            match column.kind {
                Kind::Date => "current_date",
                Kind::LocalTime => "localtimestamp",
                _ => "now()",
            },
        );
        let from = match column.kind {
            Kind::Date => format!("{now} - {days}"),
            _ => format!("{now} - make_interval(0, 0, 0, {days})"),
        };
        Ok(format!("({subject} >= {from} and {subject} <= {now})"))
    }

    fn bind(&mut self, value: String, cast: &str) -> String {
        self.binds.push(value);
        placeholder(self.binds.len(), cast)
    }

    fn count(&mut self, field: &str) -> Result<(), Refusal> {
        self.terms += 1;
        if self.terms > MAX_TERMS {
            return Err(Refusal::filter(
                field,
                "a request must not have more than 50 filters",
            ));
        }
        Ok(())
    }
}

fn as_text(column: &Column) -> String {
    match column.kind {
        Kind::Text(_) => column.reference(),
        _ => format!("{}::text", column.reference()),
    }
}

fn check(column: &Column, kind: &Kind, value: &str) -> Result<String, Refusal> {
    if *kind == Kind::Moment && is_date(value) {
        return Ok(format!("{value}T00:00:00Z"));
    }
    value::text(kind, value).map_err(|fault| {
        Refusal::filter(&column.name, format!("{}: {}", column.name, fault.message))
    })
}

fn is(column: &Column, value: &str) -> Result<String, Refusal> {
    let subject = column.reference();
    match (value, &column.kind) {
        ("null", _) => Ok(format!("{subject} is null")),
        ("not_null", _) => Ok(format!("{subject} is not null")),
        ("true", Kind::Boolean) => Ok(format!("{subject} is true")),
        ("false", Kind::Boolean) => Ok(format!("{subject} is false")),
        (_, kind) => {
            let allowed: &[&str] = if *kind == Kind::Boolean {
                &["null", "not_null", "true", "false"]
            } else {
                &["null", "not_null"]
            };
            let message = format!("{}: is takes one of {}", column.name, allowed.join(", "));
            Err(Refusal::filter(&column.name, message).allowing(allowed))
        }
    }
}

/// `*` becomes `%`; `\` keeps the next character literal, and itself at the end.
fn wildcards(pattern: &str) -> String {
    let mut like = String::with_capacity(pattern.len() + 1);
    let mut letters = pattern.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '*' => like.push('%'),
            '\\' => {
                like.push('\\');
                like.push(letters.next().unwrap_or('\\'));
            }
            letter => like.push(letter),
        }
    }
    like
}
