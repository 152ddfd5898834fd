//! Filters as the reference knows them, made at random, and what each says of a row: slowly, and by SQL's three truths.
//! Must never be read from what the compiler reads: the dialects spell it out.

use serde_json::Value as Json;
use ucrm_http_tests::dice::Dice;

use super::calendar::DAY;
use super::table::Column;
use super::truth::Truth;
use super::value::{Kind, Literal, Meaning, literal};

/// A question about a column.
#[derive(Clone, Debug)]
pub enum Filter {
    All(Vec<Filter>),
    Any(Vec<Filter>),
    /// Of a group or a term.
    Not(Box<Filter>),
    Term(Term),
}

/// A column, an operator, and its values. Of `is`, a word.
#[derive(Clone, Debug)]
pub struct Term {
    pub column: &'static Column,
    pub operator: &'static str,
    pub values: Vec<Literal>,
    pub word: &'static str,
    /// `like(any).{…}`: whether all of the values are asked.
    pub quantified: Option<bool>,
}

/// What a dialect has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    Native,
    Rest,
}

/// The operators of a type.
pub fn operators(kind: Kind, dialect: Dialect) -> Vec<&'static str> {
    let mut all = match kind {
        Kind::Text | Kind::Short | Kind::Choice | Kind::Link | Kind::Mail | Kind::Phone => {
            vec![
                "eq", "neq", "gt", "gte", "lt", "lte", "like", "ilike", "in", "is", "between",
            ]
        }
        Kind::Moment | Kind::LocalTime | Kind::Date => {
            vec![
                "eq",
                "neq",
                "gt",
                "gte",
                "lt",
                "lte",
                "in",
                "is",
                "between",
                "in_last_days",
            ]
        }
        Kind::Boolean | Kind::Mood | Kind::Address => vec!["eq", "neq", "in", "is"],
        Kind::Json => vec!["cs", "cd", "is"],
        Kind::DateRange | Kind::MomentRange => vec!["cs", "is"],
        Kind::Texts | Kind::Integers => vec!["cs", "cd", "ov", "is"],
        _ => vec!["eq", "neq", "gt", "gte", "lt", "lte", "in", "is", "between"],
    };
    if dialect == Dialect::Rest {
        all.retain(|operator| !matches!(*operator, "between" | "in_last_days"));
        if all.contains(&"eq") {
            all.push("isdistinct");
        }
    }
    all
}

/// A term about this column, by this operator.
pub fn term(
    dice: &mut Dice,
    column: &'static Column,
    operator: &'static str,
    dialect: Dialect,
    now: i128,
) -> Filter {
    let many = |dice: &mut Dice, from: usize, below: usize| -> Vec<Literal> {
        let number = from + dice.below(below - from);
        (0..number)
            .map(|_| literal(dice, column.kind, now))
            .collect()
    };
    let can_be_quantified = matches!(
        operator,
        "eq" | "gt" | "gte" | "lt" | "lte" | "like" | "ilike"
    );
    let quantified = (dialect == Dialect::Rest && can_be_quantified && dice.below(4) == 0)
        .then(|| dice.below(2) == 0);
    let mut word = "";
    let values = match operator {
        "is" => {
            let words: &[&'static str] = match (column.kind, dialect) {
                (Kind::Boolean, Dialect::Rest) => &["null", "not_null", "true", "false", "unknown"],
                (Kind::Boolean, Dialect::Native) => &["null", "not_null", "true", "false"],
                _ => &["null", "not_null"],
            };
            word = words[dice.below(words.len())];
            Vec::new()
        }
        "like" | "ilike" => (0..quantified.map_or(1, |_| 1 + dice.below(3)))
            .map(|_| pattern(dice))
            .collect(),
        "in_last_days" => {
            let days = [0, 1, 3, 4, 30, 9000, 36_500][dice.below(7)];
            vec![Literal {
                meaning: Meaning::Number(days),
                spelling: days.to_string(),
            }]
        }
        "in" => many(dice, 0, 5),
        "between" => many(dice, 2, 3),
        "cs" | "cd" | "ov" if matches!(column.kind, Kind::Texts | Kind::Integers) => {
            many(dice, 0, 4)
        }
        _ if quantified.is_some() => many(dice, 1, 4),
        _ => many(dice, 1, 2),
    };
    let term = Filter::Term(Term {
        column,
        operator,
        values,
        word,
        quantified,
    });
    if dice.below(3) == 0 {
        Filter::Not(Box::new(term))
    } else {
        term
    }
}

fn pattern(dice: &mut Dice) -> Literal {
    let parts = [
        "*", "*", "%", "_", "a", "A", "da", "é", "É", "\\*", "\\%", "\\_", "\\\\", "(", ",", "\"",
        ".", "x)", "100", "slash", " ", "b", "\\",
    ];
    let spelling: String = (0..1 + dice.below(4)).map(|_| dice.pick(&parts)).collect();
    Literal {
        meaning: Meaning::Text(spelling.clone()),
        spelling,
    }
}

/// A filter of any shape, at most that deep.
pub fn filter(
    dice: &mut Dice,
    columns: &'static [Column],
    dialect: Dialect,
    now: i128,
    depth: usize,
) -> Filter {
    if depth == 0 || dice.below(3) == 0 {
        let column = &columns[dice.below(columns.len())];
        let operators = operators(column.kind, dialect);
        let operator = operators[dice.below(operators.len())];
        return term(dice, column, operator, dialect, now);
    }
    let members = (0..1 + dice.below(3))
        .map(|_| filter(dice, columns, dialect, now, depth - 1))
        .collect();
    let group = if dice.below(2) == 0 {
        Filter::All(members)
    } else {
        Filter::Any(members)
    };
    if dice.below(4) == 0 {
        Filter::Not(Box::new(group))
    } else {
        group
    }
}

impl Filter {
    /// How many terms a request has that asks this.
    pub fn terms(&self) -> usize {
        match self {
            Filter::All(members) | Filter::Any(members) => members.iter().map(Filter::terms).sum(),
            Filter::Not(inner) => inner.terms(),
            Filter::Term(term) if term.quantified.is_some() => term.values.len(),
            Filter::Term(_) => 1,
        }
    }

    /// What it says of a row.
    pub fn says(&self, row: &[Meaning], now: i128) -> Truth {
        match self {
            Filter::All(members) => Truth::all(members.iter().map(|member| member.says(row, now))),
            Filter::Any(members) => Truth::any(members.iter().map(|member| member.says(row, now))),
            Filter::Not(inner) => inner.says(row, now).not(),
            Filter::Term(term) => term.says(&row[term.column.place()], now),
        }
    }
}

impl Term {
    fn says(&self, value: &Meaning, now: i128) -> Truth {
        if self.operator == "is" {
            return self.is(value).into();
        }
        let asked: Vec<&Meaning> = self.values.iter().map(|literal| &literal.meaning).collect();
        if self.operator == "isdistinct" {
            return (value != asked[0]).into();
        }
        // One of no values is nobody, whoever it is.
        if self.operator == "in" && asked.is_empty() {
            return Truth::False;
        }
        if *value == Meaning::Null {
            return Truth::Unknown;
        }
        let each = |operator: &str| {
            asked
                .iter()
                .map(|asked| compare(operator, value, asked).into())
                .collect::<Vec<Truth>>()
        };
        match (self.operator, self.quantified) {
            (operator, Some(true)) => Truth::all(each(operator).into_iter()),
            (operator, Some(false)) => Truth::any(each(operator).into_iter()),
            ("in", None) => Truth::any(each("eq").into_iter()),
            ("between", None) => {
                (compare("gte", value, asked[0]) && compare("lte", value, asked[1])).into()
            }
            ("in_last_days", None) => self.is_recent(value, asked[0], now).into(),
            ("cs" | "cd" | "ov", None) => contains(self.operator, value, &asked).into(),
            (operator, None) => compare(operator, value, asked[0]).into(),
        }
    }

    fn is(&self, value: &Meaning) -> bool {
        match self.word {
            "null" | "unknown" => *value == Meaning::Null,
            "not_null" => *value != Meaning::Null,
            "true" => *value == Meaning::Number(1),
            _ => *value == Meaning::Number(0),
        }
    }

    fn is_recent(&self, value: &Meaning, days: &Meaning, now: i128) -> bool {
        let (Meaning::Number(value), Meaning::Number(days)) = (value, days) else {
            return false;
        };
        let (unit, now) = match self.column.kind {
            Kind::Date => (1, now.div_euclid(DAY)),
            _ => (DAY, now),
        };
        (now - days * unit..=now).contains(value)
    }
}

fn compare(operator: &str, value: &Meaning, asked: &Meaning) -> bool {
    let order = match (value, asked) {
        (Meaning::Number(value), Meaning::Number(asked)) => value.cmp(asked),
        (Meaning::Text(value), Meaning::Text(asked)) if matches!(operator, "like" | "ilike") => {
            let fold = |text: &str| -> Vec<char> {
                match operator {
                    "ilike" => text.chars().flat_map(char::to_lowercase).collect(),
                    _ => text.chars().collect(),
                }
            };
            return is_like(&fold(value), &fold(asked));
        }
        (Meaning::Text(value), Meaning::Text(asked)) => value.as_bytes().cmp(asked.as_bytes()),
        other => panic!("not compared: {other:?}"),
    };
    match operator {
        "eq" => order.is_eq(),
        "neq" => order.is_ne(),
        "gt" => order.is_gt(),
        "gte" => order.is_ge(),
        "lt" => order.is_lt(),
        _ => order.is_le(),
    }
}

/// `*` and `%` are any text, `_` any letter; `\` keeps what follows, and itself at the end.
fn is_like(text: &[char], pattern: &[char]) -> bool {
    match pattern {
        [] => text.is_empty(),
        ['*' | '%', rest @ ..] => (0..=text.len()).any(|at| is_like(&text[at..], rest)),
        ['_', rest @ ..] => !text.is_empty() && is_like(&text[1..], rest),
        ['\\', letter, rest @ ..] => text.first() == Some(letter) && is_like(&text[1..], rest),
        [letter, rest @ ..] => text.first() == Some(letter) && is_like(&text[1..], rest),
    }
}

fn contains(operator: &str, value: &Meaning, asked: &[&Meaning]) -> bool {
    match value {
        Meaning::Span(from, to) => match asked[0] {
            Meaning::Number(asked) => (from..=to).contains(&asked),
            other => panic!("not in a span: {other:?}"),
        },
        Meaning::Array(elements) => {
            // A null in an array is like nothing.
            let has =
                |asked: &Meaning| elements.iter().flatten().any(|element| **element == *asked);
            match operator {
                "cs" => asked.iter().all(|asked| has(asked)),
                "ov" => asked.iter().any(|asked| has(asked)),
                _ => elements.iter().all(|element| {
                    element
                        .as_ref()
                        .is_some_and(|element| asked.contains(&&**element))
                }),
            }
        }
        Meaning::Json(value) => match (operator, asked[0]) {
            ("cs", Meaning::Json(asked)) => has_document(value, asked, true),
            (_, Meaning::Json(asked)) => has_document(asked, value, true),
            other => panic!("not in a document: {other:?}"),
        },
        other => panic!("contains nothing: {other:?}"),
    }
}

/// Containment of documents (PostgreSQL manual, 8.14.3); only at the top may an array contain a bare value.
fn has_document(outer: &Json, inner: &Json, top: bool) -> bool {
    match (outer, inner) {
        (Json::Object(outer), Json::Object(inner)) => inner.iter().all(|(key, inner)| {
            outer
                .get(key)
                .is_some_and(|outer| has_document(outer, inner, false))
        }),
        (Json::Array(outer), Json::Array(inner)) => inner
            .iter()
            .all(|inner| outer.iter().any(|outer| has_document(outer, inner, false))),
        (Json::Array(outer), bare) if top && !bare.is_object() => {
            outer.iter().any(|outer| has_document(outer, bare, false))
        }
        (Json::Number(outer), Json::Number(inner)) => outer.as_f64() == inner.as_f64(),
        (outer, inner) => outer == inner,
    }
}
