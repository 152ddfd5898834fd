//! Owns the reading of rows to be imported: CSV (RFC 4180), a JSON array, or a JSON object a line.
//! Must never read more rows at once than it is asked for, nor lose count of where in the body it is.
//! Called by the import leaf, with the whole body each time and the place where it stopped.

use super::bulk::{RowError, error};
use super::catalogue::Catalogue;
use super::column::Column;
use super::kind::Kind;
use super::refusal::shown;
use crate::body::json;
use serde_json::{Map, Value};

/// What a body is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// With a line of names first.
    Csv,
    /// An array of objects.
    Json,
    /// An object a line.
    Lines,
}

/// Some rows of a body.
#[derive(Debug, Default)]
pub struct Part {
    /// The rows that could be read.
    pub rows: Vec<Map<String, Value>>,
    /// Their numbers in this part, from 0.
    pub numbers: Vec<usize>,
    /// How many there were, readable or not.
    pub count: usize,
    /// What is wrong with those that could not.
    pub errors: Vec<RowError>,
    /// Where the next ones begin; `None` at the end.
    pub next: Option<usize>,
}

/// Why a body cannot be read on.
#[derive(Debug)]
pub struct Stop {
    /// `invalid_json`, `invalid_csv` or `unknown_field`.
    pub code: &'static str,
    /// One sentence.
    pub message: String,
    /// The fields at fault.
    pub fields: Vec<String>,
}

fn stop<T>(code: &'static str, message: impl Into<String>) -> Result<T, Stop> {
    Err(Stop {
        code,
        message: message.into(),
        fields: Vec::new(),
    })
}

/// Reads at most so many rows from there on.
pub fn part(
    catalogue: &Catalogue,
    format: Format,
    body: &[u8],
    at: usize,
    most: usize,
) -> Result<Part, Stop> {
    match format {
        Format::Csv => cells(catalogue, body, at, most),
        Format::Json => array(catalogue, body, at, most),
        Format::Lines => lines(catalogue, body, at, most),
    }
}

/// What the server makes by itself is left out: a file that was exported can be imported.
fn leave_out(catalogue: &Catalogue, row: &mut Map<String, Value>) {
    row.retain(|name, _| {
        catalogue
            .column(name)
            .is_none_or(|column| column.writable || !column.readable)
    });
}

fn take(part: &mut Part, catalogue: &Catalogue, value: Result<Value, &'static str>) {
    let number = part.count;
    part.count += 1;
    match value {
        Ok(Value::Object(mut row)) => {
            leave_out(catalogue, &mut row);
            part.rows.push(row);
            part.numbers.push(number);
        }
        Ok(_) => part.errors.push(error(
            number,
            "",
            "invalid_type",
            "the row must be an object",
        )),
        Err(message) => part.errors.push(error(number, "", "invalid_json", message)),
    }
}

fn lines(catalogue: &Catalogue, body: &[u8], at: usize, most: usize) -> Result<Part, Stop> {
    let (mut part, mut at) = (Part::default(), at);
    while part.count < most && at < body.len() {
        let rest = &body[at..];
        let end = rest
            .iter()
            .position(|&byte| byte == b'\n')
            .unwrap_or(rest.len());
        let line = rest[..end].trim_ascii();
        if !line.is_empty() {
            let value = json::value(line, json::MAX_DEPTH).map_err(|fault| fault.message);
            take(&mut part, catalogue, value);
        }
        at += end + 1;
    }
    part.next = (at < body.len()).then_some(at);
    Ok(part)
}

fn array(catalogue: &Catalogue, body: &[u8], at: usize, most: usize) -> Result<Part, Stop> {
    let mut part = Part::default();
    let mut at = Some(at);
    while part.count < most {
        let Some(place) = at else { break };
        match json::element(body, place, json::MAX_DEPTH) {
            Ok((value, next)) => {
                if let Some(value) = value {
                    take(&mut part, catalogue, Ok(value));
                }
                at = next;
            }
            Err(fault) => {
                return stop(
                    fault.code,
                    format!("{} (at byte {})", fault.message, fault.at),
                );
            }
        }
    }
    part.next = at;
    Ok(part)
}

/// The separator that a file's first line has.
fn separator(body: &[u8]) -> u8 {
    let line = body.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let has = |byte| line.contains(&byte);
    match () {
        () if has(b',') => b',',
        () if has(b';') => b';',
        () if has(b'\t') => b'\t',
        () => b',',
    }
}

/// `External ID` is external_id.
fn field(name: &str) -> String {
    name.trim().to_lowercase().replace([' ', '-'], "_")
}

/// `custom.budget` is the member `budget` of the document `custom`.
fn member(name: &str) -> Option<&str> {
    name.strip_prefix("custom.")
}

/// Lines of cells.
struct Records<'a> {
    reader: csv_core::Reader,
    body: &'a [u8],
    /// Where the next line begins.
    at: usize,
    text: Vec<u8>,
    ends: Vec<usize>,
    /// Cells of the line.
    count: usize,
    separator: u8,
}

impl<'a> Records<'a> {
    fn of(body: &'a [u8], separator: u8, at: usize) -> Records<'a> {
        Records {
            reader: csv_core::ReaderBuilder::new().delimiter(separator).build(),
            body,
            at,
            text: vec![0; 4096],
            ends: vec![0; 64],
            count: 0,
            separator,
        }
    }

    /// Whether the quote that a cell of the line begins with is never closed: what comes after the body would be its too.
    fn is_open(&self, begin: usize) -> bool {
        const AFTER: &[u8] = b"\nafter";
        self.at == self.body.len() && {
            let whole = [&self.body[begin..], AFTER].concat();
            let mut again = Records::of(&whole, self.separator, 0);
            again.read_line() && again.at == whole.len()
        }
    }

    /// Whether there is another line, and whether it ends.
    fn read(&mut self) -> Option<bool> {
        let begin = self.at;
        self.read_line().then(|| !self.is_open(begin))
    }

    fn read_line(&mut self) -> bool {
        use csv_core::ReadRecordResult::{End, InputEmpty, OutputEndsFull, OutputFull, Record};
        let mut length = 0;
        self.count = 0;
        loop {
            let (result, taken, made, ended) = self.reader.read_record(
                self.body.get(self.at..).unwrap_or_default(),
                &mut self.text[length..],
                &mut self.ends[self.count..],
            );
            self.at += taken;
            length += made;
            self.count += ended;
            match result {
                InputEmpty => {}
                OutputFull => self.text.resize(self.text.len() * 2, 0),
                OutputEndsFull => self.ends.resize(self.ends.len() * 2, 0),
                Record => return true,
                End => return false,
            }
        }
    }

    fn cells(&self) -> impl Iterator<Item = &[u8]> {
        let begins = std::iter::once(&0).chain(&self.ends);
        let cells = begins.zip(&self.ends).take(self.count);
        cells.map(|(&begin, &end)| self.text.get(begin..end).unwrap_or_default())
    }
}

const OPEN: &str = "a quote is opened and never closed: every line after it belongs to one cell";

fn cells(catalogue: &Catalogue, body: &[u8], at: usize, most: usize) -> Result<Part, Stop> {
    let begin = if body.starts_with(b"\xef\xbb\xbf") {
        3
    } else {
        0
    };
    let separator = separator(&body[begin..]);
    let mut names = Records::of(body, separator, begin);
    match names.read() {
        Some(true) => (),
        Some(false) => return stop("invalid_csv", OPEN),
        None => {
            return stop(
                "invalid_csv",
                "the body is empty: the first line has the names of the fields",
            );
        }
    }
    let head: Vec<String> = names
        .cells()
        .map(|name| field(&String::from_utf8_lossy(name)))
        .collect();
    let mut columns: Vec<Option<&Column>> = Vec::new();
    let mut unknown = Vec::new();
    for (place, name) in head.iter().enumerate() {
        let column = catalogue.column(name);
        let shared = head[..place].contains(name)
            || name == "custom" && head.iter().any(|name| member(name).is_some())
            || member(name).is_some() && catalogue.column("custom").is_none();
        if shared || column.is_some_and(|column| !column.readable && !column.writable) {
            unknown.push(shown(name));
        }
        columns.push(column);
    }
    if !unknown.is_empty() {
        return Err(Stop {
            code: "unknown_field",
            message: "the first line names fields that cannot be assigned, or one twice".into(),
            fields: unknown,
        });
    }
    let at = if at == 0 { names.at } else { at };
    let mut rows = Records::of(body, separator, at);
    let mut part = Part::default();
    while part.count < most {
        let Some(ends) = rows.read() else {
            return Ok(part);
        };
        if rows.count == 1 && rows.ends[0] == 0 {
            continue;
        }
        let number = part.count;
        part.count += 1;
        if !ends {
            part.errors
                .push(error(number, "", "invalid_csv", OPEN.to_owned()));
            continue;
        }
        if rows.count != head.len() {
            let message = format!(
                "the line has {} cells, the first one {}",
                rows.count,
                head.len()
            );
            part.errors.push(error(number, "", "invalid_csv", message));
            continue;
        }
        let mut row = Map::new();
        let mut bad = None;
        for ((name, column), cell) in head.iter().zip(&columns).zip(rows.cells()) {
            match std::str::from_utf8(cell) {
                Ok(text) if !text.contains('\0') => match member(name) {
                    Some(_) if text.is_empty() => (),
                    Some(member) => {
                        let custom = row
                            .entry("custom")
                            .or_insert_with(|| Value::Object(Map::new()));
                        if let (Value::Object(custom), Some(value)) = (custom, value(None, text)) {
                            custom.insert(member.into(), value);
                        }
                    }
                    None => row.extend(value(*column, text).map(|value| (name.clone(), value))),
                },
                _ => bad = Some(name),
            }
        }
        if let Some(name) = bad {
            part.errors.push(error(
                number,
                name,
                "invalid_format",
                "the text must be UTF-8 without NUL",
            ));
            continue;
        }
        leave_out(catalogue, &mut row);
        part.rows.push(row);
        part.numbers.push(number);
    }
    part.next = (rows.at < body.len()).then_some(rows.at);
    Ok(part)
}

/// A cell as JSON. An empty one is null, or where there can be no null, nothing; the quote that an export put before what
/// looks like a formula goes.
fn value(column: Option<&Column>, text: &str) -> Option<Value> {
    if text.is_empty() {
        return match column {
            Some(column) if column.not_null => None,
            _ => Some(Value::Null),
        };
    }
    let bare = text.trim_start_matches('\'');
    let text = match bare.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        true => text.strip_prefix('\'').unwrap_or(text),
        false => text,
    };
    let parsed = || json::value(text.trim().as_bytes(), json::MAX_DEPTH).ok();
    let string = || Value::String(text.to_owned());
    Some(match column.map(|column| &column.kind) {
        Some(Kind::Boolean) => match text.trim().to_ascii_lowercase().as_str() {
            "true" | "yes" | "1" => Value::Bool(true),
            "false" | "no" | "0" => Value::Bool(false),
            _ => string(),
        },
        Some(Kind::Integer(_) | Kind::Numeric(_) | Kind::Float(_)) => {
            parsed().filter(Value::is_number).unwrap_or_else(string)
        }
        Some(Kind::Json) => parsed().unwrap_or_else(string),
        Some(Kind::Array(_)) => parsed().filter(Value::is_array).unwrap_or_else(string),
        // {"amount", "currency"}, as it is exported.
        Some(Kind::Money) if text.starts_with('{') => parsed().unwrap_or_else(string),
        Some(_) => string(),
        // A field that is no column: custom fields, relations.
        None if text.starts_with(['{', '[']) => parsed().unwrap_or_else(string),
        None => string(),
    })
}
