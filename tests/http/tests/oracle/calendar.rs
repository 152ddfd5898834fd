//! Days and moments as they are written (Gregorian calendar, UTC).

/// Microseconds of a day.
pub const DAY: i128 = 86_400_000_000;

/// `2024-02-29` of days since 1970.
pub fn date(days: i128) -> String {
    let mut left = days;
    let mut year = 1970;
    let is_leap = |year: i128| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = |year: i128| if is_leap(year) { 366 } else { 365 };
    while left < 0 {
        year -= 1;
        left += length(year);
    }
    while left >= length(year) {
        left -= length(year);
        year += 1;
    }
    let february = if is_leap(year) { 29 } else { 28 };
    let mut month = 1;
    for days in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if left < days {
            break;
        }
        left -= days;
        month += 1;
    }
    format!("{year:04}-{month:02}-{:02}", left + 1)
}

/// `2024-02-29T23:59:59.5`, without offset, of microseconds since 1970.
pub fn moment(micros: i128) -> String {
    let (days, rest) = (micros.div_euclid(DAY), micros.rem_euclid(DAY));
    let seconds = rest / 1_000_000;
    let fraction = match rest % 1_000_000 {
        0 => String::new(),
        micros => format!(".{micros:06}"),
    };
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{}T{hour:02}:{minute:02}:{second:02}{fraction}", date(days))
}

/// The same moment by a clock that many minutes ahead: `2024-03-01T01:59:59+02:00`.
pub fn moment_in(micros: i128, minutes: i128) -> String {
    let sign = if minutes < 0 { '-' } else { '+' };
    let (hours, rest) = (minutes.abs() / 60, minutes.abs() % 60);
    let local = moment(micros + minutes * 60_000_000);
    format!("{local}{sign}{hours:02}:{rest:02}")
}
