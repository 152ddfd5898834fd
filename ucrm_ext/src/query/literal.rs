//! Owns the syntax of single values: uuid, numbers, booleans, dates and times.
//! Must never accept what PostgreSQL would refuse: its errors tell a client nothing.
//! Called by `value`.

/// RFC 9562's 8-4-4-4-12 form.
pub fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// Optional sign and digits, or `None` beyond 64 bits.
pub fn integer(text: &str) -> Result<Option<i64>, ()> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(());
    }
    Ok(text.parse().ok())
}

/// A decimal number of at most 100 characters; the result is its number of digits before the point.
pub fn decimal(text: &str) -> Option<i64> {
    if text.len() > 100 {
        return None;
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.strip_prefix('+').unwrap_or(exponent)),
        None => (unsigned, "0"),
    };
    let exponent = integer(exponent)
        .ok()?
        .filter(|exponent| exponent.abs() <= 1000)?;
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) if !fraction.is_empty() => (whole, fraction),
        Some(_) => return None,
        None => (mantissa, ""),
    };
    if whole.is_empty()
        || !whole
            .bytes()
            .chain(fraction.bytes())
            .all(|byte| byte.is_ascii_digit())
    {
        return None;
    }
    let zeros = whole
        .bytes()
        .chain(fraction.bytes())
        .take_while(|&byte| byte == b'0')
        .count();
    if zeros == whole.len() + fraction.len() {
        return Some(0);
    }
    Some(whole.len() as i64 - zeros as i64 + exponent)
}

/// `2024-02-29`, a day of the calendar in the years 1 to 9999.
pub fn is_date(text: &str) -> bool {
    let bytes = text.as_bytes();
    if bytes.len() != 10 || bytes[4] != b'-' || bytes[7] != b'-' {
        return false;
    }
    let (Some(year), Some(month), Some(day)) = (
        digits(bytes, 0..4),
        digits(bytes, 5..7),
        digits(bytes, 8..10),
    ) else {
        return false;
    };
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => 0,
    };
    year >= 1 && (1..=days).contains(&day)
}

/// A date and time, and whether an offset follows it. RFC 3339, 5.6.
pub fn timestamp(text: &str) -> Option<Option<&str>> {
    let (date, rest) = text.split_at_checked(10)?;
    let rest = rest.strip_prefix(['T', 't', ' '])?;
    let (time, rest) = rest.split_at_checked(8)?;
    let bytes = time.as_bytes();
    let (hour, minute, second) = (
        digits(bytes, 0..2)?,
        digits(bytes, 3..5)?,
        digits(bytes, 6..8)?,
    );
    if !is_date(date)
        || bytes[2] != b':'
        || bytes[5] != b':'
        || hour > 23
        || minute > 59
        || second > 60
    {
        return None;
    }
    let zone = match rest.strip_prefix('.') {
        Some(fraction) => {
            let zone = fraction.trim_start_matches(|digit: char| digit.is_ascii_digit());
            let length = fraction.len() - zone.len();
            // A leap second has no fraction in PostgreSQL.
            if !(1..=9).contains(&length) || second == 60 {
                return None;
            }
            zone
        }
        None => rest,
    };
    if zone.is_empty() {
        return Some(None);
    }
    is_offset(zone).then_some(Some(zone))
}

/// `Z` or `+02:00`; PostgreSQL knows offsets below 16 hours.
fn is_offset(zone: &str) -> bool {
    let bytes = zone.as_bytes();
    matches!(zone, "Z" | "z")
        || bytes.len() == 6
            && matches!(bytes[0], b'+' | b'-')
            && bytes[3] == b':'
            && digits(bytes, 1..3).is_some_and(|hours| hours < 16)
            && digits(bytes, 4..6).is_some_and(|minutes| minutes < 60)
}

fn digits(bytes: &[u8], range: std::ops::Range<usize>) -> Option<u32> {
    let mut number = 0;
    for &byte in bytes.get(range)? {
        number = number * 10 + char::from(byte).to_digit(10)?;
    }
    Some(number)
}
