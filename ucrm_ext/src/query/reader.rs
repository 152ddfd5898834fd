//! Owns the reading of filter text: words, quoted items, lists in brackets.
//! Must never decide what a word means.
//! Called by `filter`.

use super::refusal::{Refusal, shown};

/// Items a list may have.
const MAX_ITEMS: usize = 200;

/// Text that is left to read.
pub struct Reader<'a> {
    /// The column or parameter it belongs to.
    pub field: &'a str,
    /// What is left.
    pub rest: &'a str,
    /// Whether a value ends at `,` and `)`.
    pub grouped: bool,
}

impl<'a> Reader<'a> {
    /// The refusal that shows how it is written.
    pub fn malformed(&self) -> Refusal {
        let message = match self.field {
            "and" | "or" => format!("{} takes (column.operator.value,...)", self.field),
            _ => format!("{}: a list is written (a,b,\"c,d\")", shown(self.field)),
        };
        Refusal::filter(self.field, message)
    }

    /// Passes over bytes that were looked at.
    pub fn skip(&mut self, bytes: usize) {
        self.rest = self.rest.get(bytes..).unwrap_or_default();
    }

    /// Passes over a token, if it is next.
    pub fn eat(&mut self, token: &str) -> bool {
        let rest = self.rest.strip_prefix(token);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// Up to one of these, or the end.
    pub fn until(&mut self, ends: &[char]) -> &'a str {
        let (text, rest) = self
            .rest
            .split_at(self.rest.find(ends).unwrap_or(self.rest.len()));
        self.rest = rest;
        text
    }

    /// One value that is not in a list.
    pub fn one(&mut self) -> Result<String, Refusal> {
        if !self.grouped {
            return Ok(std::mem::take(&mut self.rest).to_owned());
        }
        self.item(&[',', ')'])
    }

    /// `(a,b,"c,d")`, or with braces.
    pub fn items(&mut self) -> Result<Vec<String>, Refusal> {
        let close = match self.rest.chars().next() {
            Some('(') => ')',
            Some('{') => '}',
            _ => return Err(self.malformed()),
        };
        self.skip(1);
        let mut items = Vec::new();
        let closing = close.to_string();
        if !self.eat(&closing) {
            loop {
                items.push(self.item(&[',', close])?);
                if items.len() > MAX_ITEMS {
                    return Err(Refusal::filter(
                        self.field,
                        "a list must not have more than 200 values",
                    ));
                }
                if self.eat(&closing) {
                    break;
                }
                if !self.eat(",") {
                    return Err(self.malformed());
                }
            }
        }
        if self.grouped || self.rest.is_empty() {
            Ok(items)
        } else {
            Err(self.malformed())
        }
    }

    /// One item, quoted or not.
    pub fn item(&mut self, ends: &[char]) -> Result<String, Refusal> {
        if !self.eat("\"") {
            return Ok(self.until(ends).to_owned());
        }
        let mut text = String::new();
        let mut letters = self.rest.char_indices();
        while let Some((at, letter)) = letters.next() {
            match letter {
                '"' => {
                    self.skip(at + 1);
                    return Ok(text);
                }
                '\\' => text.extend(letters.next().map(|(_, letter)| letter)),
                letter => text.push(letter),
            }
        }
        Err(self.malformed())
    }
}
