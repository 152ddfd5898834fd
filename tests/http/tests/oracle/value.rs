//! Values as the reference knows them: what each means, and how it is spelled for a row and for a filter.
//! Must never ask PostgreSQL, nor the compiler, what a value means.

use serde_json::{Value as Json, json};
use ucrm_http_tests::dice::Dice;

use super::calendar::{DAY, date, moment, moment_in};

/// What a value means. Numbers, days and moments are counted in billionths, days and microseconds.
#[derive(Clone, Debug, PartialEq)]
pub enum Meaning {
    Null,
    Text(String),
    Number(i128),
    Array(Vec<Option<Box<Meaning>>>),
    Json(Json),
    /// Both ends included.
    Span(i128, i128),
}

/// A type of column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Text,
    /// At most four letters.
    Short,
    Uuid,
    Integer,
    Numeric,
    Float,
    Boolean,
    Moment,
    LocalTime,
    Date,
    Texts,
    Integers,
    Json,
    Money,
    Mood,
    Address,
    DateRange,
    MomentRange,
    /// Of a custom column: spelled otherwise in a row.
    Choice,
    Link,
    Mail,
    Phone,
}

/// A value of a row: its meaning, and how it is written into the table (of a custom column: its JSON).
#[derive(Clone, Debug)]
pub struct Stored {
    pub meaning: Meaning,
    pub spelling: Option<String>,
}

/// A value of a filter.
#[derive(Clone, Debug)]
pub struct Literal {
    pub meaning: Meaning,
    pub spelling: String,
}

/// A billion: what numbers are counted by.
pub const ONE: i128 = 1_000_000_000;

const TEXTS: [&str; 34] = [
    "",
    "a",
    "A",
    "Ada",
    "ada",
    "ADA",
    "b,c",
    "(x)",
    "x)",
    "d\"q",
    "\"",
    "\"q\"",
    "back\\slash",
    "\\",
    "100%",
    "under_score",
    "é",
    "É",
    "null",
    "NULL",
    "a.b",
    "{x}",
    "{",
    "*",
    "line\nfeed",
    " lead",
    "trail ",
    "eq.1",
    "not.x",
    "\u{1f600}",
    "'quote'",
    "a*b",
    "+&=;",
    "%25",
];
const SHORT: [&str; 8] = ["", "a", "A", "ab", "(x)", "a,b", "é", "a\"b"];
const MAILS: [&str; 4] = [
    "ada@one.example",
    "bob@one.example",
    "ADA@ONE.EXAMPLE",
    "c,d@two.example",
];
const LINKS: [&str; 3] = [
    "https://one.example/a?b=c,d",
    "http://two.example",
    "https://one.example/(x)",
];
const PHONES: [&str; 4] = ["+49 30 1234567", "110 112", "(030) 12345", "+1-555-1234567"];
/// Billionths, and how the number may be spelled.
const NUMBERS: [(i128, &[&str]); 9] = [
    (0, &["0", "-0", "0.0", "0e5"]),
    (ONE / 1000, &["0.001", "1e-3"]),
    (-ONE * 3 / 2, &["-1.5", "-1.50", "-15e-1"]),
    (ONE * 3 / 2, &["1.5", "1.500", "+1.5", "0.15E1"]),
    (ONE, &["1", "1.0", "01"]),
    (ONE * 2, &["2", "2.000"]),
    (ONE * 10, &["10", "1e1"]),
    (ONE * 1000, &["1000", "1e3"]),
    (ONE * 12345 / 100, &["123.45", "12345e-2"]),
];
/// Exact in 32 bits.
const FLOATS: [(i128, &[&str]); 7] = [
    (0, &["0", "-0", "0.0"]),
    (ONE / 2, &["0.5", "5e-1"]),
    (-ONE * 9 / 4, &["-2.25", "-225e-2"]),
    (ONE * 3 / 2, &["1.5", "1.50"]),
    (ONE, &["1", "1.0"]),
    (ONE * 1024, &["1024", "1.024e3"]),
    (ONE * 16_777_216, &["16777216", "16777216.0"]),
];
const INTEGERS: [i128; 8] = [-7, -1, 0, 1, 2, 5, 10, 32_767];
/// Minor units, currency, and digits after its point; a currency nobody knows has two.
const AMOUNTS: [(i128, Option<&str>, u32); 9] = [
    (0, Some("EUR"), 2),
    (150, Some("EUR"), 2),
    (150, Some("JPY"), 0),
    (150, Some("KWD"), 3),
    (1500, Some("KWD"), 3),
    (15_000, Some("UYW"), 4),
    (1000, Some("USD"), 2),
    (-150, Some("EUR"), 2),
    (200, None, 2),
];

fn text(text: &str) -> Meaning {
    Meaning::Text(text.to_owned())
}

fn one<'a>(dice: &mut Dice, of: &[&'a str]) -> &'a str {
    of[dice.below(of.len())]
}

fn documents() -> [Json; 16] {
    [
        json!(null),
        json!({}),
        json!([]),
        json!({"a": 1}),
        json!({"a": 1.0, "b": [1, 2]}),
        json!({"a": {"b": "c,)"}}),
        json!({"a": {"b": "c,)", "d": null}}),
        json!([1, 2, 2]),
        json!([2, 1]),
        json!([[1], {"a": 1}]),
        json!([{"a": 1, "b": 2}]),
        json!("x"),
        json!(1),
        json!(["x"]),
        json!(true),
        json!({"a": [{"b": 1}]}),
    ]
}

/// Amounts of money as billionths of major units.
fn major(minor: i128, digits: u32) -> i128 {
    minor * ONE / 10_i128.pow(digits)
}

/// A value of this type for a filter. `now`: microseconds.
pub fn literal(dice: &mut Dice, kind: Kind, now: i128) -> Literal {
    let of = |meaning: Meaning, spelling: String| Literal { meaning, spelling };
    match kind {
        Kind::Text => {
            let pick = one(dice, &TEXTS);
            of(text(pick), pick.to_owned())
        }
        Kind::Short => {
            let pick = one(dice, &SHORT);
            of(text(pick), pick.to_owned())
        }
        Kind::Mood | Kind::Choice => {
            let pick = one(dice, &["sad", "ok", "very happy", "none, of them"]);
            of(text(pick), pick.to_owned())
        }
        Kind::Address => {
            let pick = one(dice, &["10.0.0.1", "10.0.0.0/8", "::1", "192.168.0.1"]);
            of(text(pick), pick.to_owned())
        }
        Kind::Mail => {
            let pick = one(dice, &MAILS);
            of(text(pick), pick.to_owned())
        }
        Kind::Link => {
            let pick = one(dice, &LINKS);
            of(text(pick), pick.to_owned())
        }
        Kind::Phone => {
            let pick = one(dice, &PHONES);
            of(text(pick), pick.to_owned())
        }
        Kind::Uuid => {
            let plain = uuid(dice.below(6));
            let spelling = if dice.below(2) == 0 {
                plain.to_uppercase()
            } else {
                plain.clone()
            };
            of(Meaning::Text(plain), spelling)
        }
        Kind::Integer | Kind::Integers => {
            let pick = INTEGERS[dice.below(INTEGERS.len())];
            let spelling = match dice.below(4) {
                0 if pick >= 0 => format!("00{pick}"),
                _ => pick.to_string(),
            };
            of(Meaning::Number(pick * ONE), spelling)
        }
        Kind::Numeric | Kind::Money => {
            let (pick, spellings) = NUMBERS[dice.below(NUMBERS.len())];
            of(Meaning::Number(pick), one(dice, spellings).to_owned())
        }
        Kind::Float => {
            let (pick, spellings) = FLOATS[dice.below(FLOATS.len())];
            of(Meaning::Number(pick), one(dice, spellings).to_owned())
        }
        Kind::Boolean => {
            let pick = dice.below(2);
            of(
                Meaning::Number(pick as i128),
                ["false", "true"][pick].to_owned(),
            )
        }
        Kind::Moment | Kind::MomentRange => {
            let pick = moments(now)[dice.below(10)];
            let spelling = match dice.below(5) {
                0 if pick % DAY == 0 => date(pick / DAY),
                0 | 1 => moment_in(pick, 120),
                2 => moment_in(pick, -330),
                _ => moment(pick) + "Z",
            };
            of(Meaning::Number(pick), spelling)
        }
        Kind::LocalTime => {
            let pick = moments(now)[dice.below(10)];
            let zone = one(dice, &["", "", "Z"]);
            of(Meaning::Number(pick), moment(pick) + zone)
        }
        Kind::Date | Kind::DateRange => {
            let pick = moments(now)[dice.below(10)].div_euclid(DAY);
            of(Meaning::Number(pick), date(pick))
        }
        Kind::Texts => {
            let pick = one(dice, &TEXTS[..14]);
            of(text(pick), pick.to_owned())
        }
        Kind::Json => {
            let document = documents()[dice.below(16)].clone();
            let spelling = document.to_string();
            of(Meaning::Json(document), spelling)
        }
    }
}

/// A value of this type for a row, null now and then.
pub fn stored(dice: &mut Dice, kind: Kind, now: i128, custom: bool) -> Stored {
    if dice.below(6) == 0 {
        // A custom column's is absent, or null.
        let spelling = (custom && dice.below(2) == 0).then(|| "null".to_owned());
        return Stored {
            meaning: Meaning::Null,
            spelling,
        };
    }
    let (meaning, spelling) = match kind {
        Kind::Texts | Kind::Integers => array(dice, kind, now),
        Kind::Money if custom => {
            let (number, spellings) = NUMBERS[dice.below(NUMBERS.len())];
            // One that has as many digits after the point.
            let digits = spellings[0]
                .split_once('.')
                .map_or(0, |(_, rest)| rest.len());
            let currency = match digits {
                0 => one(dice, &["EUR", "JPY"]),
                1 | 2 => "EUR",
                3 => "KWD",
                _ => "UYW",
            };
            let amount = json!({"amount": spellings[0], "currency": currency});
            (Meaning::Number(number), amount.to_string())
        }
        Kind::Money => {
            let (minor, currency, digits) = AMOUNTS[dice.below(AMOUNTS.len())];
            let amount = json!([minor as i64, currency]);
            (Meaning::Number(major(minor, digits)), amount.to_string())
        }
        Kind::DateRange | Kind::MomentRange => {
            let element = if kind == Kind::DateRange {
                Kind::Date
            } else {
                Kind::Moment
            };
            let ends = [(); 2].map(|()| plain(dice, element, now));
            let ([from, to], _) = (ends.clone(), ());
            let (Meaning::Number(a), Meaning::Number(b)) = (&from.meaning, &to.meaning) else {
                unreachable!("dates are numbers");
            };
            let (a, b) = (*a, *b);
            let (from, to) = if a <= b { (from, to) } else { (to, from) };
            let span = json!({"from": from.spelling, "to": to.spelling});
            (Meaning::Span(a.min(b), a.max(b)), span.to_string())
        }
        _ => {
            let value = plain(dice, kind, now);
            let spelling = if custom {
                json!(value.spelling).to_string()
            } else {
                value.spelling
            };
            (value.meaning, spelling)
        }
    };
    Stored {
        meaning,
        spelling: Some(spelling),
    }
}

/// A value that any row may have: no choice that is none, no date where a time is wanted.
fn plain(dice: &mut Dice, kind: Kind, now: i128) -> Literal {
    loop {
        let value = literal(dice, kind, now);
        let is_date = value.spelling.len() == 10 && kind == Kind::Moment;
        if !is_date && value.spelling != "none, of them" {
            return value;
        }
    }
}

fn array(dice: &mut Dice, kind: Kind, now: i128) -> (Meaning, String) {
    let (mut meanings, mut spellings) = (Vec::new(), Vec::new());
    for _ in 0..dice.below(4) {
        if dice.below(8) == 0 {
            meanings.push(None);
            spellings.push(Json::Null);
            continue;
        }
        let element = literal(dice, kind, now);
        meanings.push(Some(Box::new(element.meaning)));
        spellings.push(json!(element.spelling));
    }
    (Meaning::Array(meanings), json!(spellings).to_string())
}

/// Microseconds: days of the calendar that are easy to get wrong, and times around now.
fn moments(now: i128) -> [i128; 10] {
    let today = now.div_euclid(DAY) * DAY;
    [
        0,
        951_782_400_000_000,
        951_868_799_999_999,
        1_709_164_800_000_000,
        1_735_689_599_500_000,
        -86_400_000_000,
        today,
        now - 3_600_000_000,
        now - 3 * DAY - 1_000_000,
        now + 2 * DAY,
    ]
}

fn uuid(n: usize) -> String {
    let first = ["0a", "7f", "80", "c0", "fe", "ff"][n];
    format!("{first}abcdef-0123-7456-89ab-cdef0123456{n}")
}
