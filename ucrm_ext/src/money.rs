//! Owns the leaves of money and of custom columns' values: text in, a value out, null for what is none.
//! Must never raise for what a row holds: these are asked about rows of lists.
//! Called by the statements of the compiler, and by SQL authors.

use crate::border::{Answer, Call};
use crate::query::compile::currency::{USUAL, digits, major};
use crate::query::compile::literal;
use pgrx::IntoDatum;
use pgrx::pg_sys;

fn currency_digits(call: Call) -> Answer {
    Ok(call
        .text(0)
        .and_then(digits)
        .map(|digits| pg_sys::Datum::from(digits as i32)))
}

fn money(call: Call) -> Answer {
    let Some(minor) = call.bigint(0) else {
        return Ok(None);
    };
    let currency = call.text(1);
    let amount = major(minor, currency.and_then(digits).unwrap_or(USUAL));
    Ok(pgrx::JsonB(serde_json::json!({"amount": amount, "currency": currency})).into_datum())
}

crate::leaf!(
    pg_finfo_ucrm_currency_digits,
    ucrm_currency_digits,
    currency_digits
);
crate::leaf!(pg_finfo_ucrm_money, ucrm_money, money);

/// Days from 2000-01-01 to a date of the calendar.
fn days(date: &str) -> Option<i32> {
    let number = |range: std::ops::Range<usize>| date.get(range)?.parse::<i32>().ok();
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    // A year that begins in March ends with the leap day.
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let centuries = year.div_euclid(100);
    Some(
        year * 365 + year.div_euclid(4) - centuries
            + centuries.div_euclid(4)
            + (153 * month + 2) / 5
            + day
            - 1
            - 730_425,
    )
}

fn custom_date(call: Call) -> Answer {
    let date = call.text(0).filter(|text| literal::is_date(text));
    Ok(date.and_then(days).map(pg_sys::Datum::from))
}

fn custom_moment(call: Call) -> Answer {
    Ok(call.text(0).and_then(moment).map(pg_sys::Datum::from))
}

/// Microseconds from 2000-01-01 in UTC.
fn moment(text: &str) -> Option<i64> {
    let offset = match literal::timestamp(text)?? {
        "Z" | "z" => 0,
        offset => {
            let number = |range: std::ops::Range<usize>| offset.get(range)?.parse::<i64>().ok();
            let minutes = number(1..3)? * 60 + number(4..6)?;
            if offset.starts_with('-') {
                -minutes
            } else {
                minutes
            }
        }
    };
    let number = |range: std::ops::Range<usize>| text.get(range)?.parse::<i64>().ok();
    let (hour, minute, second) = (number(11..13)?, number(14..16)?, number(17..19)?);
    let fraction: String = text
        .get(19..)?
        .strip_prefix('.')
        .unwrap_or_default()
        .chars()
        .take_while(char::is_ascii_digit)
        .take(6)
        .collect();
    let micros = format!("{fraction:0<6}").parse::<i64>().ok()?;
    let seconds =
        i64::from(days(text.get(..10)?)?) * 86_400 + hour * 3600 + (minute - offset) * 60 + second;
    Some(seconds * 1_000_000 + micros)
}

crate::leaf!(pg_finfo_ucrm_custom_date, ucrm_custom_date, custom_date);
crate::leaf!(
    pg_finfo_ucrm_custom_moment,
    ucrm_custom_moment,
    custom_moment
);
