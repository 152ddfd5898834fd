//! Owns the strict reading of JSON that came from outside, before PostgreSQL sees any of it.
//! Must never lose a digit, merge duplicate keys or let through what jsonb refuses or changes.
//! Called by routes that take a body, and by filters on jsonb columns.
//!
//! RFC 8259 and the narrower rules of I-JSON (RFC 7493), 2.1 to 2.3. Text from outside must be read here and not
//! with `serde_json::from_str`, which under `arbitrary_precision` takes a key of its own for a number.

use serde_json::{Map, Number, Value};

/// Deepest nesting of arrays and objects that callers should allow.
pub const MAX_DEPTH: usize = 64;
const MAX_NUMBER: usize = 100;
const MAX_EXPONENT: u32 = 1000;
const RESERVED: &str = "$serde_json::private::";

/// Why a body is not acceptable JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonFault {
    /// The refusal, `invalid_json`.
    pub code: &'static str,
    /// What is wrong, without any of the body in it.
    pub message: &'static str,
    /// Byte offset at which it was seen.
    pub at: usize,
}

/// Reads a body that must be one object.
pub fn check(bytes: &[u8], max_depth: usize) -> Result<Map<String, Value>, JsonFault> {
    match value(bytes, max_depth)? {
        Value::Object(object) => Ok(object),
        _ => Err(JsonFault {
            code: "invalid_json",
            message: "the body must be a JSON object",
            at: 0,
        }),
    }
}

/// Reads any JSON value.
pub fn value(bytes: &[u8], max_depth: usize) -> Result<Value, JsonFault> {
    let fault = |message, at| JsonFault {
        code: "invalid_json",
        message,
        at,
    };
    let text = std::str::from_utf8(bytes)
        .map_err(|error| fault("the body is not valid UTF-8", error.valid_up_to()))?;
    if text.starts_with('\u{feff}') {
        return Err(fault("the body starts with a byte order mark", 0));
    }
    let mut reader = Reader {
        text,
        at: 0,
        depth: max_depth,
    };
    let read = reader.document();
    read.map_err(|message| fault(message, reader.at))
}

/// Reads one element of an array that is the whole text: at 0 the first one, else from where the call before stopped.
/// `None` where the array is empty; no place at its end.
#[allow(clippy::type_complexity)]
pub fn element(
    bytes: &[u8],
    at: usize,
    max_depth: usize,
) -> Result<(Option<Value>, Option<usize>), JsonFault> {
    let fault = |message, at| JsonFault {
        code: "invalid_json",
        message,
        at,
    };
    let rest = bytes.get(at..).unwrap_or_default();
    let text = std::str::from_utf8(rest)
        .map_err(|error| fault("the body is not valid UTF-8", at + error.valid_up_to()))?;
    let mut reader = Reader {
        text,
        at: 0,
        depth: max_depth,
    };
    let read = reader.element(at == 0);
    let (value, more) = read.map_err(|message| fault(message, at + reader.at))?;
    Ok((value, more.then_some(at + reader.at)))
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

type Read<T> = Result<T, &'static str>;

impl Reader<'_> {
    fn document(&mut self) -> Read<Value> {
        self.space();
        if self.peek().is_none() {
            return Err("the body is empty");
        }
        let value = self.value()?;
        self.space();
        if self.peek().is_some() {
            return Err("something follows the JSON value");
        }
        Ok(value)
    }

    fn value(&mut self) -> Read<Value> {
        match self.peek() {
            Some(b'{') => self.nested(Self::object),
            Some(b'[') => self.nested(Self::array),
            Some(b'"') => self.string().map(Value::String),
            Some(b'-' | b'0'..=b'9') => self.number().map(Value::Number),
            Some(b't') => self.word("true", Value::Bool(true)),
            Some(b'f') => self.word("false", Value::Bool(false)),
            Some(b'n') => self.word("null", Value::Null),
            Some(_) => Err("a JSON value was expected"),
            None => Err("the JSON ends too early"),
        }
    }

    /// An element, and whether another follows.
    fn element(&mut self, first: bool) -> Read<(Option<Value>, bool)> {
        self.space();
        if first {
            if !self.take(b'[') {
                return Err("the body must be a JSON array");
            }
            self.space();
            if self.take(b']') {
                return self.ended().map(|()| (None, false));
            }
        }
        let value = self.value()?;
        self.space();
        if self.take(b',') {
            return Ok((Some(value), true));
        }
        if !self.take(b']') {
            return Err("',' or ']' was expected");
        }
        self.ended().map(|()| (Some(value), false))
    }

    fn ended(&mut self) -> Read<()> {
        self.space();
        match self.peek() {
            Some(_) => Err("something follows the JSON value"),
            None => Ok(()),
        }
    }

    fn nested(&mut self, read: fn(&mut Self) -> Read<Value>) -> Read<Value> {
        self.depth = self
            .depth
            .checked_sub(1)
            .ok_or("the JSON is nested too deeply")?;
        self.at += 1;
        let value = read(self)?;
        self.depth += 1;
        Ok(value)
    }

    fn object(&mut self) -> Read<Value> {
        let mut object = Map::new();
        self.space();
        if self.take(b'}') {
            return Ok(Value::Object(object));
        }
        loop {
            self.space();
            if self.peek() != Some(b'"') {
                return Err("a key in double quotes was expected");
            }
            let key = self.string()?;
            if key.starts_with(RESERVED) {
                return Err("a key is reserved");
            }
            if object.contains_key(&key) {
                return Err("an object has the same key twice");
            }
            self.space();
            if !self.take(b':') {
                return Err("':' was expected after a key");
            }
            self.space();
            let value = self.value()?;
            object.insert(key, value);
            self.space();
            if self.take(b'}') {
                return Ok(Value::Object(object));
            }
            if !self.take(b',') {
                return Err("',' or '}' was expected");
            }
        }
    }

    fn array(&mut self) -> Read<Value> {
        let mut array = Vec::new();
        self.space();
        if self.take(b']') {
            return Ok(Value::Array(array));
        }
        loop {
            self.space();
            array.push(self.value()?);
            self.space();
            if self.take(b']') {
                return Ok(Value::Array(array));
            }
            if !self.take(b',') {
                return Err("',' or ']' was expected");
            }
        }
    }

    fn string(&mut self) -> Read<String> {
        self.at += 1;
        let mut string = String::new();
        loop {
            let start = self.at;
            while self
                .peek()
                .is_some_and(|byte| byte >= 0x20 && byte != b'"' && byte != b'\\')
            {
                self.at += 1;
            }
            string.push_str(self.text.get(start..self.at).unwrap_or_default());
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(string);
                }
                Some(b'\\') => string.push(self.escape()?),
                Some(_) => return Err("a control character must be escaped"),
                None => return Err("a string is not closed"),
            }
        }
    }

    fn escape(&mut self) -> Read<char> {
        let letter = self.text.as_bytes().get(self.at + 1).copied();
        let escaped = match letter {
            Some(byte @ (b'"' | b'\\' | b'/')) => char::from(byte),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode(),
            _ => return Err("an escape is not known"),
        };
        self.at += 2;
        Ok(escaped)
    }

    /// `\uXXXX`, or a surrogate pair of them.
    fn unicode(&mut self) -> Read<char> {
        let first = self.unit()?;
        let code = match first {
            0 => return Err("\\u0000 cannot be stored"),
            0xd800..=0xdbff => match self.unit() {
                Ok(second @ 0xdc00..=0xdfff) => {
                    0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00)
                }
                _ => return Err("half of a surrogate pair is missing"),
            },
            code => code,
        };
        char::from_u32(code).ok_or("half of a surrogate pair is missing")
    }

    fn unit(&mut self) -> Read<u32> {
        let digits = self
            .text
            .as_bytes()
            .get(self.at..self.at + 6)
            .and_then(|unit| unit.strip_prefix(b"\\u"));
        let digits = digits.ok_or("\\u needs four hexadecimal digits")?;
        let mut code = 0;
        for &digit in digits {
            code = code * 16
                + char::from(digit)
                    .to_digit(16)
                    .ok_or("\\u needs four hexadecimal digits")?;
        }
        self.at += 6;
        Ok(code)
    }

    fn number(&mut self) -> Read<Number> {
        let start = self.at;
        self.take(b'-');
        if !self.take(b'0') && self.digits() == 0 {
            return Err("a number needs a digit");
        }
        if self.take(b'.') && self.digits() == 0 {
            return Err("a number needs a digit after the point");
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if !self.take(b'+') {
                self.take(b'-');
            }
            let digits = self.at;
            if self.digits() == 0 {
                return Err("a number needs a digit in its exponent");
            }
            let exponent = self
                .text
                .get(digits..self.at)
                .and_then(|digits| digits.parse::<u32>().ok());
            if exponent.is_none_or(|exponent| exponent > MAX_EXPONENT) {
                return Err("a number's exponent is beyond 1000");
            }
        }
        if self.at - start > MAX_NUMBER {
            return Err("a number is longer than 100 characters");
        }
        let number = self
            .text
            .get(start..self.at)
            .and_then(|number| number.parse().ok());
        number.ok_or("a number cannot be read")
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        self.at - start
    }

    fn word(&mut self, word: &str, value: Value) -> Read<Value> {
        if self.text.as_bytes().get(self.at..self.at + word.len()) != Some(word.as_bytes()) {
            return Err("a JSON value was expected");
        }
        self.at += word.len();
        Ok(value)
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let taken = self.peek() == Some(byte);
        self.at += usize::from(taken);
        taken
    }
}
