//! Owns conditions as SQL: each value is checked against its column's type and bound.
//! Must never splice a value, nor trust a parser: columns, operators and operands are judged here.
//! Called by `emit` and `embed`.

use super::catalogue::Catalogue;
use super::column::Column;
use super::filter::{MAX_DEPTH, unknown_operator};
use super::key;
use super::kind::Kind;
use super::literal::is_date;
use super::refusal::Refusal;
use super::statement::{array, placeholder};
use super::tree::{Archived, Condition, Operand, Operator, Term};
use super::value;

const MAX_TERMS: usize = 50;
const MAX_WORDS: usize = 8;

/// What a statement has bound so far.
#[derive(Default)]
pub struct Binds {
    /// Values of `$1` and on.
    pub values: Vec<String>,
    /// Whether a condition depends on the current time.
    pub volatile: bool,
    /// Parameters before these.
    pub before: usize,
    /// Terms so far.
    pub terms: usize,
}

impl Binds {
    /// A parameter with this value.
    pub fn bind(&mut self, value: String, cast: &str) -> String {
        self.values.push(value);
        placeholder(self.before + self.values.len(), cast)
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

/// Conditions on a resource's row, which SQL calls `row`.
pub struct Conditions<'a> {
    /// The resource.
    pub catalogue: &'a Catalogue,
    /// What SQL calls its row.
    pub row: &'a str,
    /// Embeds that a condition may ask for: name, and the condition that there is a row.
    pub related: &'a [(String, String)],
}

impl Conditions<'_> {
    /// Each condition.
    pub fn every(
        &self,
        conditions: &[Condition],
        binds: &mut Binds,
    ) -> Result<Vec<String>, Refusal> {
        conditions
            .iter()
            .map(|condition| self.condition(condition, binds, 2 * MAX_DEPTH + 2))
            .collect()
    }

    fn condition(
        &self,
        condition: &Condition,
        binds: &mut Binds,
        depth: usize,
    ) -> Result<String, Refusal> {
        let depth = depth
            .checked_sub(1)
            .ok_or_else(|| Refusal::filter("and", "groups are nested deeper than 8"))?;
        match condition {
            Condition::Term(term) => self.term(term, binds),
            Condition::Not(inner) => {
                let sql = self.condition(inner, binds, depth)?;
                Ok(match **inner {
                    Condition::Any(_) | Condition::All(_) => format!("not {sql}"),
                    _ => format!("not ({sql})"),
                })
            }
            Condition::All(members) => self.joined(members, " and ", "true", binds, depth),
            Condition::Any(members) => self.joined(members, " or ", "false", binds, depth),
            Condition::Related(name) => {
                // What other tables hold, no memo of this one's rows knows.
                binds.volatile = true;
                let related = self.related.iter().find(|(known, _)| known == name);
                related.map(|(_, exists)| exists.clone()).ok_or_else(|| {
                    let allowed = self.related.iter().map(|(known, _)| known);
                    Refusal::filter(name, "no related resource of this name is shown")
                        .allowing(allowed)
                })
            }
        }
    }

    fn joined(
        &self,
        members: &[Condition],
        joint: &str,
        empty: &str,
        binds: &mut Binds,
        depth: usize,
    ) -> Result<String, Refusal> {
        let members: Vec<String> = members
            .iter()
            .map(|member| self.condition(member, binds, depth))
            .collect::<Result<_, _>>()?;
        Ok(match members.len() {
            0 => empty.into(),
            _ => format!("({})", members.join(joint)),
        })
    }

    /// `q=two words`: every word in any of the searched columns.
    pub fn search(&self, text: &str, binds: &mut Binds) -> Result<Option<String>, Refusal> {
        let searched = searched(self.catalogue, self.row)
            .ok_or_else(|| Refusal::filter("q", "this resource has no columns to search in"))?;
        let words: Vec<&str> = text.split_whitespace().collect();
        if words.len() > MAX_WORDS {
            return Err(Refusal::filter("q", "q must not have more than 8 words"));
        }
        let mut found = Vec::new();
        for word in words {
            binds.count("q")?;
            let indexed = key::is_indexed(word);
            let word = binds.bind(word.into(), "text");
            found.push(if indexed {
                format!("{searched} operator(ucrm.~@) {word}")
            } else {
                // The same question, and no index is asked: it would give every row.
                format!("ucrm.finds({searched}, {word})")
            });
        }
        Ok((!found.is_empty()).then(|| found.join(" and ")))
    }

    /// Archived rows stay out unless asked for.
    pub fn archived(&self, wanted: Archived) -> Result<Option<String>, Refusal> {
        let name = self.catalogue.archived.as_ref();
        let Some(column) = name.and_then(|name| self.catalogue.column(name)) else {
            return match wanted {
                Archived::Without | Archived::Whatever => Ok(None),
                Archived::Only | Archived::Any => Err(Refusal::filter(
                    "archived",
                    "rows of this resource cannot be archived",
                )),
            };
        };
        let (is, is_not) = match column.kind {
            Kind::Boolean => ("is true", "is not true"),
            _ => ("is not null", "is null"),
        };
        Ok(match wanted {
            Archived::Without => Some(format!("{} {is_not}", column.nullable(self.row))),
            Archived::Only => Some(format!("{} {is}", column.nullable(self.row))),
            Archived::Any | Archived::Whatever => None,
        })
    }

    fn term(&self, term: &Term, binds: &mut Binds) -> Result<String, Refusal> {
        let column = self.catalogue.compared(&term.column, "a filter")?;
        binds.count(&column.name)?;
        let operator = term.operator;
        if !column.kind.has(operator) {
            return Err(unknown_operator(column, operator.name()));
        }
        let many = matches!(
            operator,
            Operator::In | Operator::Between | Operator::Overlaps
        ) || matches!(operator, Operator::Contains | Operator::Contained)
            && !matches!(column.kind, Kind::Json | Kind::Span(_));
        match &term.operand {
            Operand::Many(items) if many => self.many(column, operator, items, binds),
            Operand::One(value) if !many => self.one(column, operator, value, binds),
            _ => {
                let message = format!("{} is not asked like that", operator.name());
                Err(Refusal::filter(&column.name, message))
            }
        }
    }

    fn many(
        &self,
        column: &Column,
        operator: Operator,
        items: &[String],
        binds: &mut Binds,
    ) -> Result<String, Refusal> {
        let (kind, subject) = (&column.kind, column.value(self.row));
        let element = match kind {
            Kind::Array(element) => element,
            kind => kind,
        };
        let items: Vec<String> = items
            .iter()
            .map(|item| check(column, element, item))
            .collect::<Result<_, _>>()?;
        match (operator, &items[..]) {
            (Operator::Between, [low, high]) => {
                let low = binds.bind(low.clone(), kind.cast());
                let high = binds.bind(high.clone(), kind.cast());
                Ok(format!("{subject} between {low} and {high}"))
            }
            (Operator::Between, _) => Err(Refusal::filter(
                &column.name,
                "between takes two values: between.(1,9)",
            )),
            (operator, items) => {
                let items = binds.bind(array(items), element.array_cast());
                Ok(match operator {
                    Operator::Contains => format!("{subject} @> {items}"),
                    Operator::Contained => format!("{subject} <@ {items}"),
                    Operator::Overlaps => format!("{subject} && {items}"),
                    _ => format!("{subject} = any ({items})"),
                })
            }
        }
    }

    fn one(
        &self,
        column: &Column,
        operator: Operator,
        value: &str,
        binds: &mut Binds,
    ) -> Result<String, Refusal> {
        let (kind, subject) = (&column.kind, column.value(self.row));
        let sign = match operator {
            Operator::Is => return is(column, value, self.row),
            Operator::InLastDays => return last_days(column, value, &subject, binds),
            Operator::Like | Operator::Ilike => {
                let pattern = check(column, kind, value)?;
                let pattern = binds.bind(wildcards(&pattern), "text");
                let subject = column.unfilled(self.row);
                return Ok(format!("{subject} {} {pattern}", operator.name()));
            }
            Operator::Neq => "<>",
            Operator::Gt => ">",
            Operator::Gte => ">=",
            Operator::Lt => "<",
            Operator::Lte => "<=",
            Operator::Contains => "@>",
            Operator::Contained => "<@",
            Operator::IsDistinct => "is distinct from",
            _ => "=",
        };
        if let Kind::Span(element) = kind {
            let value = check(column, element, value)?;
            return Ok(column.spans(self.row, &binds.bind(value, element.cast())));
        }
        let value = check(column, kind, value)?;
        Ok(format!(
            "{subject} {sign} {}",
            binds.bind(value, kind.cast())
        ))
    }
}

/// From that many days ago until now.
fn last_days(
    column: &Column,
    value: &str,
    subject: &str,
    binds: &mut Binds,
) -> Result<String, Refusal> {
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
    binds.volatile = true;
    let days = binds.bind(days.to_string(), "integer");
    let now = match column.kind {
        Kind::Date => "current_date",
        Kind::LocalTime => "localtimestamp",
        _ => "now()",
    };
    let from = match column.kind {
        Kind::Date => format!("{now} - {days}"),
        _ => format!("{now} - make_interval(0, 0, 0, {days})"),
    };
    Ok(format!("({subject} >= {from} and {subject} <= {now})"))
}

/// What `q=` looks into, as the index of ucrm.index_search() has it; `None` where nothing is searched.
pub fn searched(catalogue: &Catalogue, row: &str) -> Option<String> {
    let named = |name: &String| catalogue.comparable().find(|column| column.name == *name);
    let columns = catalogue.search.iter().filter_map(named);
    let columns: Vec<String> = columns.map(|column| as_text(column, row)).collect();
    (!columns.is_empty()).then(|| format!("ucrm.searchable({})", columns.join(", ")))
}

/// A column's value as text.
pub fn as_text(column: &Column, row: &str) -> String {
    match (&column.kind, &column.place) {
        (Kind::Text(_) | Kind::Other, _) => column.value(row),
        _ => format!("{}::text", column.value(row)),
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

fn is(column: &Column, value: &str, row: &str) -> Result<String, Refusal> {
    match (value, &column.kind) {
        ("null", _) => Ok(format!("{} is null", column.nullable(row))),
        ("not_null", _) => Ok(format!("{} is not null", column.nullable(row))),
        ("true", Kind::Boolean) => Ok(format!("{} is true", column.value(row))),
        ("false", Kind::Boolean) => Ok(format!("{} is false", column.value(row))),
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
