//! Owns how a moment is written where it is hashed and shown: RFC 3339 in UTC, six digits after the second.
//! Must never ask a clock.
//! Called by the extension, whose moments are numbers.

const SECOND: i64 = 1_000_000;
const DAY: i64 = 86_400;

/// `2026-11-29T00:15:00.000001Z`, of microseconds since 1970.
pub fn text(microseconds: i64) -> String {
    let (seconds, fraction) = (
        microseconds.div_euclid(SECOND),
        microseconds.rem_euclid(SECOND),
    );
    let (days, second) = (seconds.div_euclid(DAY), seconds.rem_euclid(DAY));
    // The civil calendar from days, in eras of 400 years that begin in March.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{fraction:06}Z",
        second / 3_600,
        second / 60 % 60,
        second % 60,
    )
}

/// Microseconds since 1970, of a moment as [`text`] writes it. `None` for anything else.
pub fn read(text: &str) -> Option<i64> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let (time, fraction) = time.split_once('.')?;
    let numbers = |text: &str, by: char| -> Option<Vec<i64>> {
        text.split(by).map(|part| part.parse().ok()).collect()
    };
    let (date, time) = (numbers(date, '-')?, numbers(time, ':')?);
    let (&[year, month, day], &[hour, minute, second]) = (&date[..], &time[..]) else {
        return None;
    };
    let ranges = [
        (year, 0, 999_999),
        (month, 1, 12),
        (day, 1, 31),
        (hour, 0, 23),
        (minute, 0, 59),
        (second, 0, 59),
    ];
    let fits = ranges
        .into_iter()
        .all(|(number, least, most)| (least..=most).contains(&number));
    if !fits || fraction.len() != 6 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let shifted_year = year - i64::from(month <= 2);
    let (era, year_of_era) = (shifted_year.div_euclid(400), shifted_year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    let days = era * 146_097 + day_of_era - 719_468;
    let seconds = days * DAY + hour * 3_600 + minute * 60 + second;
    Some(seconds * SECOND + fraction.parse::<i64>().ok()?)
}

/// When a UUIDv7 was made, in microseconds since 1970, to the millisecond.
pub fn of_id(id: &str) -> Option<i64> {
    let digits = id.get(..8)?.to_owned() + id.get(9..13)?;
    Some(i64::from_str_radix(&digits, 16).ok()? * 1_000)
}

#[cfg(test)]
mod tests {
    use super::{of_id, read, text};

    #[test]
    fn what_was_written_is_read() {
        for moment in [
            0,
            -1,
            951_782_400_000_001,
            1_795_911_300_123_456,
            4_107_542_399_999_999,
        ] {
            assert_eq!(read(&text(moment)), Some(moment));
        }
        for other in [
            "",
            "infinity",
            "2026-11-29",
            "2026-13-01T00:00:00.000000Z",
            "2026-11-29T00:00:00Z",
        ] {
            assert_eq!(read(other), None, "{other}");
        }
        assert_eq!(
            of_id("0192f3a4-b5c6-7000-8000-000000000000"),
            Some(0x0192_f3a4_b5c6 * 1_000)
        );
        assert_eq!(of_id("é"), None);
    }

    #[test]
    fn moments_are_written_as_the_calendar_has_them() {
        assert_eq!(text(0), "1970-01-01T00:00:00.000000Z");
        assert_eq!(text(951_782_400_000_001), "2000-02-29T00:00:00.000001Z");
        assert_eq!(text(1_795_911_300_123_456), "2026-11-29T00:15:00.123456Z");
        assert_eq!(text(-1), "1969-12-31T23:59:59.999999Z");
        assert_eq!(text(4_107_542_399_999_999), "2100-02-28T23:59:59.999999Z");
    }
}
