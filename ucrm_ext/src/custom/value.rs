//! Owns the types of custom columns: what a value of each looks like.
//! Must never accept a date or time that PostgreSQL would refuse, nor repeat a value.
//! Called by `definition`.

use crate::query::compile::currency::{Amiss, digits, minor};
use crate::query::compile::{is_date, timestamp};
use serde_json::Value;

/// Characters of a plain value.
const MAX_TEXT: usize = 20_000;
const MAX_LINK: usize = 2048;

/// What is wrong, a sentence, and a code for it.
pub type Fault = (&'static str, &'static str);

/// The type of a custom column.
pub enum Kind {
    /// Text.
    Plain,
    /// `2026-01-31`
    Date,
    /// RFC 3339, with offset.
    Datetime,
    /// `{from, to}` of dates.
    DateRange,
    /// `{from, to}` of datetimes.
    DatetimeRange,
    /// `{amount, currency}`
    Currency,
    /// One of these.
    SingleSelect(Vec<String>),
    /// An address of the web.
    Link,
    /// An e-mail address.
    Email,
    /// A telephone number.
    Phone,
}

impl Kind {
    /// The type of this name.
    pub fn of(name: &str, choices: Vec<String>) -> Option<Kind> {
        Some(match name {
            "plain" => Kind::Plain,
            "date" => Kind::Date,
            "datetime" => Kind::Datetime,
            "date_range" => Kind::DateRange,
            "datetime_range" => Kind::DatetimeRange,
            "currency" => Kind::Currency,
            "single_select" => Kind::SingleSelect(choices),
            "link" => Kind::Link,
            "email" => Kind::Email,
            "phone" => Kind::Phone,
            _ => return None,
        })
    }
}

/// What is wrong with a value that is not null.
pub fn fault(kind: &Kind, value: &Value) -> Option<Fault> {
    let (range, pair) = (
        "must be an object, {\"from\": …, \"to\": …}",
        "must be an object, {\"amount\": \"12.30\", \"currency\": \"EUR\"}",
    );
    match kind {
        Kind::DateRange | Kind::DatetimeRange => match ends(value, "from", "to") {
            None => Some((range, "invalid_type")),
            Some((from, to)) => order(kind, from, to),
        },
        Kind::Currency => match ends(value, "amount", "currency") {
            None => Some((pair, "invalid_type")),
            Some((amount, currency)) => money(amount, currency),
        },
        _ => match value.as_str() {
            None => Some(("must be a string", "invalid_type")),
            Some(text) => one(kind, text),
        },
    }
}

/// The two strings of an object that has nothing else.
fn ends<'a>(value: &'a Value, first: &str, second: &str) -> Option<(&'a str, &'a str)> {
    let object = value.as_object().filter(|object| object.len() == 2)?;
    Some((object.get(first)?.as_str()?, object.get(second)?.as_str()?))
}

fn one(kind: &Kind, text: &str) -> Option<Fault> {
    let invalid = |fits: bool, sentence| (!fits).then_some((sentence, "invalid_format"));
    match kind {
        Kind::Date => invalid(is_date(text), "must be a date, 2026-01-31"),
        Kind::Datetime => invalid(
            instant(text).is_some(),
            "must be a date and time with offset, 2026-01-31T12:00:00Z",
        ),
        Kind::SingleSelect(choices) => (!choices.iter().any(|choice| choice == text))
            .then_some(("must be one of the column's options", "invalid_value")),
        Kind::Link => invalid(is_link(text), "must be a link, https://…"),
        Kind::Email => invalid(is_email(text), "must be an e-mail address"),
        Kind::Phone => invalid(is_phone(text), "must be a telephone number, +49 30 1234567"),
        _ => (text.chars().count() > MAX_TEXT)
            .then_some(("must have at most 20000 characters", "too_long")),
    }
}

fn order(kind: &Kind, from: &str, to: &str) -> Option<Fault> {
    let (ordered, sentence) = match kind {
        Kind::DateRange => (
            (is_date(from) && is_date(to)).then_some(from <= to),
            "must have dates, 2026-01-31",
        ),
        _ => (
            instant(from).zip(instant(to)).map(|(from, to)| from <= to),
            "must have dates and times with offset, 2026-01-31T12:00:00Z",
        ),
    };
    match ordered {
        None => Some((sentence, "invalid_format")),
        Some(false) => Some(("must not end before it begins", "out_of_range")),
        Some(true) => None,
    }
}

fn money(amount: &str, currency: &str) -> Option<Fault> {
    let Some(digits) = digits(currency) else {
        let sentence = "must have a currency by its three letters (ISO 4217), EUR";
        return Some((sentence, "invalid_format"));
    };
    match minor(amount, digits) {
        Ok(_) => None,
        Err(Amiss::Malformed) => Some((
            "must have an amount in decimal digits, \"12.30\"",
            "invalid_format",
        )),
        Err(Amiss::Precise) => Some((
            "has more digits after the point than its currency",
            "invalid_format",
        )),
        Err(Amiss::Large) => Some(("must have an amount below 92 quadrillion", "out_of_range")),
    }
}

/// Seconds since year 0 and the fraction's digits, to compare by.
fn instant(text: &str) -> Option<(i64, String)> {
    let zone = timestamp(text)??;
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<i64>().ok();
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    // Days of the civil calendar, years beginning in March (H. Hinnant, chrono-Compatible Low-Level Date Algorithms).
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let days = 365 * year + year.div_euclid(4) - year.div_euclid(100)
        + year.div_euclid(400)
        + (153 * month + 2) / 5
        + day;
    let offset = match zone.as_bytes() {
        [sign @ (b'+' | b'-'), ..] => {
            let minutes =
                zone.get(1..3)?.parse::<i64>().ok()? * 60 + zone.get(4..6)?.parse::<i64>().ok()?;
            if *sign == b'-' { -minutes } else { minutes }
        }
        _ => 0,
    };
    let fraction = text
        .get(19..text.len() - zone.len())?
        .trim_end_matches('0')
        .to_owned();
    let seconds = days * 86_400 + number(11, 13)? * 3600 + number(14, 16)? * 60 + number(17, 19)?;
    Some((seconds - offset * 60, fraction))
}

fn is_visible(text: &str) -> bool {
    !text
        .chars()
        .any(|letter| letter.is_whitespace() || letter.is_control())
}

fn is_link(text: &str) -> bool {
    let lower = text.get(..8).unwrap_or(text).to_ascii_lowercase();
    let rest = match lower.as_str() {
        "https://" => text.get(8..),
        _ if lower.starts_with("http://") => text.get(7..),
        _ => None,
    };
    let host = rest.and_then(|rest| rest.split(['/', '?', '#']).next());
    text.len() <= MAX_LINK
        && is_visible(text)
        && !text.contains(['<', '>', '"', '\\', '`'])
        && host.is_some_and(|host| !host.is_empty() && !host.starts_with(':'))
}

fn is_email(text: &str) -> bool {
    text.len() <= 254
        && is_visible(text)
        && text.split_once('@').is_some_and(|(local, domain)| {
            !local.is_empty() && !domain.is_empty() && !domain.contains('@')
        })
}

/// Near E.164: a plus, five to fifteen digits, and what people put between them.
fn is_phone(text: &str) -> bool {
    let digits = text.strip_prefix('+').unwrap_or(text);
    let count = digits.bytes().filter(u8::is_ascii_digit).count();
    text.len() <= 40
        && (5..=15).contains(&count)
        && digits
            .bytes()
            .all(|byte| byte.is_ascii_digit() || b" ()-./".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn fits(kind: &str, value: Value) -> bool {
        let kind = Kind::of(kind, vec!["red".into()]).unwrap();
        fault(&kind, &value).is_none()
    }

    #[test]
    fn each_type_takes_its_own_and_nothing_else() {
        let good = [
            ("plain", json!("any text\nof lines")),
            ("plain", json!("")),
            ("date", json!("2024-02-29")),
            ("datetime", json!("2024-02-29T23:59:59.5+02:00")),
            (
                "date_range",
                json!({"from": "2024-02-29", "to": "2024-02-29"}),
            ),
            (
                "datetime_range",
                json!({"from": "2024-02-29T10:00:00Z", "to": "2024-02-29T11:00:00+01:00"}),
            ),
            ("currency", json!({"amount": "-12.30", "currency": "EUR"})),
            ("currency", json!({"amount": "12", "currency": "JPY"})),
            ("currency", json!({"amount": "12.345", "currency": "KWD"})),
            ("single_select", json!("red")),
            ("link", json!("https://a.example/b?c#d")),
            ("link", json!("HTTP://a.example")),
            ("email", json!("a@b.example")),
            ("phone", json!("+49 (30) 123-456/7")),
            ("phone", json!("110 112")),
        ];
        for (kind, value) in good {
            assert!(fits(kind, value.clone()), "{kind} {value}");
        }
        let bad = [
            ("plain", json!(1)),
            ("plain", json!(["a"])),
            ("plain", json!("x".repeat(20_001))),
            ("date", json!("2023-02-29")),
            ("date", json!("2024-02-29T00:00:00Z")),
            ("date", json!("infinity")),
            ("datetime", json!("2024-02-29T10:00:00")),
            ("datetime", json!("2024-02-29")),
            (
                "date_range",
                json!({"from": "2024-03-01", "to": "2024-02-29"}),
            ),
            ("date_range", json!({"from": "2024-03-01"})),
            ("date_range", json!({"from": "2024-03-01", "to": null})),
            (
                "date_range",
                json!({"from": "2024-03-01", "to": "2024-03-02", "by": "x"}),
            ),
            (
                "datetime_range",
                json!({"from": "2024-02-29T10:00:00Z", "to": "2024-02-29T10:30:00+01:00"}),
            ),
            (
                "datetime_range",
                json!({"from": "2024-02-29T10:00:00.5Z", "to": "2024-02-29T10:00:00Z"}),
            ),
            ("currency", json!("12.30 EUR")),
            ("currency", json!({"amount": 12.3, "currency": "EUR"})),
            ("currency", json!({"amount": "1e3", "currency": "EUR"})),
            ("currency", json!({"amount": "12.", "currency": "EUR"})),
            ("currency", json!({"amount": "12", "currency": "eur"})),
            ("currency", json!({"amount": "12", "currency": "XYZ"})),
            ("currency", json!({"amount": "12.5", "currency": "JPY"})),
            ("currency", json!({"amount": "12.301", "currency": "EUR"})),
            (
                "currency",
                json!({"amount": "99999999999999999999", "currency": "EUR"}),
            ),
            ("single_select", json!("blue")),
            ("link", json!("javascript:alert(1)")),
            ("link", json!("https:///x")),
            ("link", json!("https://a b.example")),
            ("link", json!("ftp://a.example")),
            ("email", json!("a@b@c")),
            ("email", json!("a @b")),
            ("phone", json!("+49")),
            ("phone", json!("call me 12345")),
        ];
        for (kind, value) in bad {
            assert!(!fits(kind, value.clone()), "{kind} {value}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(kind in prop::sample::select(vec!["plain", "date", "datetime", "currency", "link", "email", "phone"]), text in any::<String>(), other in any::<String>()) {
            let _ = fits(kind, json!(text));
            let _ = fits(kind, json!({"from": text, "to": other}));
            let _ = fits("currency", json!({"amount": text, "currency": other}));
            let _ = fits("datetime_range", json!({"from": text, "to": other}));
        }
    }
}
