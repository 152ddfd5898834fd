//! Owns the reading of a whole query string in PostgREST's dialect.
//! Must never look a name up: what it returns says what was asked, not whether it can be answered.
//! Called by the rest leaf and by `lower`.

use super::super::parameter::pairs;
use super::condition::{Condition, filter, group};
use super::fault::Fault;
use super::order::{Order, order};
use super::scanner::Scanner;
use super::select::{Selected, select};

const MAX_NUMBER: u64 = 1_000_000_000;

/// What a query string asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Question {
    /// What is shown; nothing said is everything.
    pub select: Vec<Selected>,
    /// What rows must be like.
    pub conditions: Vec<Condition>,
    /// Which come first.
    pub order: Vec<Order>,
    /// How many at most.
    pub limit: Option<u64>,
    /// How many are passed over.
    pub offset: Option<u64>,
    /// What was said of embedded resources, by the names they are given.
    pub parts: Vec<(String, Part)>,
    /// The columns whose unique key tells a duplicate.
    pub on_conflict: Option<Vec<String>>,
    /// The columns of a body that count.
    pub columns: Option<Vec<String>>,
}

/// What a query string asks of an embedded resource.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Part {
    /// What its rows must be like.
    pub conditions: Vec<Condition>,
    /// Which come first.
    pub order: Vec<Order>,
    /// How many at most.
    pub limit: Option<u64>,
    /// How many are passed over.
    pub offset: Option<u64>,
}

impl Question {
    fn part(&mut self, name: &str) -> &mut Part {
        let at = self.parts.iter().position(|(known, _)| known == name);
        let at = at.unwrap_or_else(|| {
            self.parts.push((name.to_owned(), Part::default()));
            self.parts.len() - 1
        });
        &mut self.parts[at].1
    }
}

/// Reads a raw query string.
pub fn question(raw_query: &str) -> Result<Question, Fault> {
    let pairs = pairs(raw_query).map_err(|refusal| {
        Fault::malformed(
            refusal.field.as_deref().unwrap_or("query"),
            &refusal.message,
        )
    })?;
    let mut question = Question::default();
    let mut seen: Vec<&str> = Vec::new();
    for (name, value) in &pairs {
        let (part, word) = parted(name);
        let single = matches!(
            word,
            "select" | "order" | "limit" | "offset" | "on_conflict" | "columns"
        );
        if single && seen.contains(&name.as_str()) {
            return Err(Fault::malformed(name, "it was sent twice"));
        }
        if single {
            seen.push(name);
        }
        match (part, word) {
            (None, "select") => question.select = select(value)?,
            (None, "on_conflict") => question.on_conflict = Some(names(name, value)?),
            (None, "columns") => question.columns = Some(names(name, value)?),
            (Some(_), "select" | "on_conflict" | "columns") => {
                return Err(Fault::malformed(name, "it belongs to the resource itself"));
            }
            (None, "order") => question.order = order(name, value)?,
            (None, "limit") => question.limit = Some(number(name, value)?),
            (None, "offset") => question.offset = Some(number(name, value)?),
            (Some(part), "order") => question.part(part).order = order(name, value)?,
            (Some(part), "limit") => question.part(part).limit = Some(number(name, value)?),
            (Some(part), "offset") => question.part(part).offset = Some(number(name, value)?),
            (part, word) => {
                let condition = condition(name, word, value)?;
                match part {
                    None => question.conditions.push(condition),
                    Some(part) => question.part(part).conditions.push(condition),
                }
            }
        }
    }
    if question.select.is_empty() {
        question.select.push(Selected::All);
    }
    Ok(question)
}

fn condition(name: &str, word: &str, value: &str) -> Result<Condition, Fault> {
    match word {
        "or" => group(name, true, false, value),
        "and" => group(name, false, false, value),
        "not.or" => group(name, true, true, value),
        "not.and" => group(name, false, true, value),
        _ => {
            let mut scanner = Scanner {
                parameter: name,
                rest: word,
            };
            let field = scanner.field()?;
            if scanner.rest.starts_with('.') {
                return Err(Fault::unsupported(
                    "a filter two embedded resources deep",
                    "Filter on columns of the resource itself or of one that it embeds.",
                ));
            }
            if !scanner.rest.is_empty() {
                return Err(scanner.malformed("it is neither a parameter nor a column"));
            }
            filter(name, field, value)
        }
    }
}

/// `organizations.name`: the embedded resource, and what is said of it.
fn parted(name: &str) -> (Option<&str>, &str) {
    let plain = name.split("->").next().unwrap_or(name);
    if name.starts_with('"') || matches!(plain, "not.or" | "not.and") {
        return (None, name);
    }
    match plain.find('.') {
        Some(at) => (Some(&name[..at]), &name[at + 1..]),
        None => (None, name),
    }
}

fn number(name: &str, value: &str) -> Result<u64, Fault> {
    let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    let number = value
        .parse()
        .ok()
        .filter(|&number| digits && number <= MAX_NUMBER);
    number.ok_or_else(|| Fault::malformed(name, "it is a number from 0"))
}

/// `a,"b c"`.
fn names(parameter: &str, text: &str) -> Result<Vec<String>, Fault> {
    let mut scanner = Scanner {
        parameter,
        rest: text,
    };
    let mut names = Vec::new();
    loop {
        scanner.blanks();
        let name = scanner.name()?;
        if !names.contains(&name) {
            names.push(name);
        }
        if scanner.rest.is_empty() {
            return Ok(names);
        }
        scanner.expect(",")?;
    }
}
