//! Templates become text: places are filled in, and nothing that comes from a person can be more than text.
//! Must never let a value end a line of the subject, be markup in the HTML, or be executed.
//! Called by letter.

use std::collections::BTreeMap;

use minijinja::value::Value as Place;
use minijinja::{Environment, Error, UndefinedBehavior};
use serde_json::Value;

use crate::mail::queue::Template;

/// Longer ones are cut: a name is a name and not a letter of its own.
const LONGEST: usize = 200;
/// Made here or by the database, and left as they are.
const OURS: [&str; 4] = ["link", "home", "site", "recipient"];

/// What a mail says.
#[derive(Debug)]
pub struct Text {
    /// One line.
    pub subject: String,
    /// Plain.
    pub text: String,
    /// The same as HTML.
    pub html: String,
}

/// Fills a template, then its layout.
///
/// # Errors
/// What is wrong with the template, with its line; no value is quoted.
pub fn fill(
    template: &Template,
    layout: &Template,
    data: &BTreeMap<String, Value>,
) -> Result<Text, String> {
    let mut places: BTreeMap<&str, Place> = data
        .iter()
        .filter_map(|(name, value)| Some((name.as_str(), place(name, value)?)))
        .collect();
    let jinja = environment();
    let fill = |name: &'static str, text: &str, places: &BTreeMap<&str, Place>| {
        jinja
            .render_named_str(name, text, places)
            .map_err(|error| explain(name, &error))
    };
    let subject = one_line(&fill("subject", &template.subject, &places)?);
    let text = fill("text", &template.text, &places)?;
    let html = fill("body.html", &template.html, &places)?;
    places.insert("subject", Place::from(subject.as_str()));
    places.insert("body", Place::from(text));
    let text = fill("layout", &layout.text, &places)?;
    places.insert("body", Place::from_safe_string(html));
    let html = fill("layout.html", &layout.html, &places)?;
    Ok(Text {
        subject,
        text,
        html,
    })
}

// A name ending in .html is escaped; a place that nobody filled is an error, except in a question.
fn environment() -> Environment<'static> {
    let mut jinja = Environment::new();
    jinja.set_undefined_behavior(UndefinedBehavior::SemiStrict);
    jinja
}

fn place(name: &str, value: &Value) -> Option<Place> {
    match value {
        Value::String(text) if OURS.contains(&name) => Some(Place::from(one_line(text))),
        Value::String(text) => Some(Place::from(modest(text))),
        Value::Bool(yes) => Some(Place::from(*yes)),
        Value::Number(number) => Some(Place::from(number.to_string())),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Without line breaks and other control characters, and without the marks that turn a text around.
pub fn one_line(text: &str) -> String {
    let is_gap = |c: char| {
        c.is_whitespace()
            || c.is_control()
            || matches!(c, '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    let words: Vec<&str> = text.split(is_gap).filter(|word| !word.is_empty()).collect();
    words.join(" ")
}

// What people wrote: one line, not too long, and no address that a mail program would make a link of.
fn modest(text: &str) -> String {
    let text = one_line(text).replace("://", " ");
    let kept: String = text.chars().take(LONGEST).collect();
    kept.replace("www.", "www ")
}

fn explain(name: &str, error: &Error) -> String {
    let part = match name {
        "subject" => "subject",
        "text" => "text",
        "body.html" => "html",
        _ => "layout",
    };
    match error.line() {
        Some(line) => format!("the template's {part}, line {line}: {}", error.kind()),
        None => format!("the template's {part}: {}", error.kind()),
    }
}

#[cfg(test)]
#[path = "template_tests.rs"]
mod tests;
