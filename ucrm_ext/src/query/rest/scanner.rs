//! Owns the reading of PostgREST's text: names, quoted and not, JSON paths, values, lists.
//! Must never decide what a name or a value means.
//! Called by `select`, `condition` and `order`.

use super::fault::Fault;

/// Items a list may have.
const MAX_ITEMS: usize = 1000;
/// Steps a JSON path may have.
const MAX_STEPS: usize = 8;

/// A column, and where in it if it is JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// The column's name.
    pub name: String,
    /// The path after it.
    pub path: Vec<Step>,
}

/// One arrow of a JSON path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// `->>`: the value as text.
    pub as_text: bool,
    /// The key, or an index in digits.
    pub key: String,
}

/// Text that is left to read.
pub struct Scanner<'a> {
    /// The parameter it is the value of.
    pub parameter: &'a str,
    /// What is left.
    pub rest: &'a str,
}

impl<'a> Scanner<'a> {
    /// The fault that says what was expected.
    pub fn malformed(&self, what: &str) -> Fault {
        Fault::malformed(self.parameter, what)
    }

    /// Passes over a token, if it is next.
    pub fn eat(&mut self, token: &str) -> bool {
        let rest = self.rest.strip_prefix(token);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// Passes over blanks.
    pub fn blanks(&mut self) {
        self.rest = self.rest.trim_start_matches(' ');
    }

    /// The token must be next.
    pub fn expect(&mut self, token: &str) -> Result<(), Fault> {
        if self.eat(token) {
            Ok(())
        } else {
            Err(self.malformed(&format!("'{token}' is missing")))
        }
    }

    /// Up to one of these, or the end.
    pub fn until(&mut self, ends: &[char]) -> &'a str {
        let at = self.rest.find(ends).unwrap_or(self.rest.len());
        let (text, rest) = self.rest.split_at(at);
        self.rest = rest;
        text
    }

    /// `"quoted"`, if it is next; `\` keeps the next character.
    pub fn quoted(&mut self) -> Result<Option<String>, Fault> {
        let Some(rest) = self.rest.strip_prefix('"') else {
            return Ok(None);
        };
        let mut text = String::new();
        let mut letters = rest.char_indices();
        while let Some((at, letter)) = letters.next() {
            match letter {
                '"' => {
                    self.rest = rest.get(at + 1..).unwrap_or_default();
                    return Ok(Some(text));
                }
                '\\' => text.extend(letters.next().map(|(_, letter)| letter)),
                letter => text.push(letter),
            }
        }
        Err(self.malformed("a quote is not closed"))
    }

    /// A name: quoted, or letters, digits, `_`, `$` and blanks within.
    pub fn name(&mut self) -> Result<String, Fault> {
        if let Some(name) = self.quoted()? {
            return Ok(name);
        }
        let ends = |letter: char| !(letter.is_alphanumeric() || matches!(letter, '_' | '$' | ' '));
        let at = self.rest.find(ends).unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at(at);
        self.rest = rest;
        match name.trim() {
            "" => Err(self.malformed("a name is missing")),
            name => Ok(name.to_owned()),
        }
    }

    /// A name with the JSON path after it.
    pub fn field(&mut self) -> Result<Field, Fault> {
        let name = self.name()?;
        let mut path: Vec<Step> = Vec::new();
        while self.rest.starts_with("->") {
            if path.len() == MAX_STEPS || path.last().is_some_and(|step| step.as_text) {
                return Err(
                    self.malformed("a JSON path has up to 8 arrows, and ->> only at its end")
                );
            }
            let as_text = self.eat("->>") || !self.eat("->");
            let index = self.eat("-");
            let key = self.name()?;
            let key = if index { format!("-{key}") } else { key };
            path.push(Step { as_text, key });
        }
        Ok(Field { name, path })
    }

    /// `(a,b,"c,d")`.
    pub fn items(&mut self, open: &str, close: char) -> Result<Vec<String>, Fault> {
        self.expect(open)?;
        let mut items = Vec::new();
        let closing = close.to_string();
        if self.eat(&closing) {
            return Ok(items);
        }
        loop {
            let item = match self.quoted()? {
                Some(item) => item,
                None => self.until(&[',', close]).to_owned(),
            };
            items.push(item);
            if items.len() > MAX_ITEMS {
                return Err(self.malformed("a list has up to 1000 values"));
            }
            if self.eat(&closing) {
                return Ok(items);
            }
            self.expect(",")?;
        }
    }

    /// A value inside a group: quoted, in braces, or up to `,` or `)`.
    pub fn grouped_value(&mut self) -> Result<String, Fault> {
        if let Some(value) = self.quoted()? {
            return Ok(value);
        }
        if !self.rest.starts_with('{') {
            return Ok(self.until(&[',', ')']).to_owned());
        }
        let (mut depth, mut inside, mut escaped) = (0_usize, false, false);
        for (at, letter) in self.rest.char_indices() {
            match letter {
                _ if escaped => escaped = false,
                '\\' if inside => escaped = true,
                '"' => inside = !inside,
                '{' if !inside => depth += 1,
                '}' if !inside => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                let (value, rest) = self.rest.split_at(at + 1);
                self.rest = rest;
                return Ok(value.to_owned());
            }
        }
        Err(self.malformed("a brace is not closed"))
    }
}
