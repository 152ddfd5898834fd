//! Owns a growing text datum and the spelling of plain values in JSON.
//! Must never hold anything to drop: its memory is PostgreSQL's, and goes with its context.
//! Called by `print`.

use crate::raw;
use pgrx::pg_sys;
use std::ptr::null_mut;

/// A varlena in the making; its first four bytes are the header.
pub struct Text {
    start: *mut u8,
    length: usize,
    room: usize,
}

const HEADER: usize = 4;
const HEX: &[u8; 16] = b"0123456789abcdef";
const MICROSECONDS_OF_DAY: i64 = 86_400_000_000;
/// Days from 0000-03-01 to 2000-01-01.
const EPOCH: i64 = 730_425;

impl Text {
    /// An empty text with room for so many bytes.
    ///
    /// # Safety
    /// The context outlives the text.
    pub unsafe fn new(memory: pg_sys::MemoryContext, room: usize) -> Text {
        // SAFETY: MemoryContextAlloc raises rather than returning null.
        let start = unsafe { raw::MemoryContextAlloc(memory, HEADER + room) }.cast();
        Text {
            start,
            length: HEADER,
            room: HEADER + room,
        }
    }

    /// No text, and no room for one.
    pub fn none() -> Text {
        Text {
            start: null_mut(),
            length: HEADER,
            room: 0,
        }
    }

    /// Bytes so far.
    pub fn length(&self) -> usize {
        self.length - HEADER
    }

    /// Some of the bytes.
    pub fn between(&self, begin: usize, end: usize) -> &[u8] {
        // SAFETY: `begin` and `end` are earlier lengths.
        unsafe { std::slice::from_raw_parts(self.start.add(HEADER + begin), end - begin) }
    }

    /// The datum.
    pub fn datum(&mut self) -> pg_sys::Datum {
        // SAFETY: the header has its place; repalloc refused anything that is too long for it.
        unsafe { pgrx::varlena::set_varsize_4b(self.start.cast(), self.length as i32) };
        pg_sys::Datum::from(self.start)
    }

    #[cold]
    fn grow(&mut self, more: usize) {
        self.room = (self.length + more).max(self.room * 2);
        // SAFETY: the memory is PostgreSQL's; an impossible size is its error.
        self.start = unsafe { raw::repalloc(self.start.cast(), self.room) }.cast();
    }

    /// Appends bytes.
    #[inline]
    pub fn push(&mut self, bytes: &[u8]) {
        if self.length + bytes.len() > self.room {
            self.grow(bytes.len());
        }
        // SAFETY: there is room.
        unsafe {
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), self.start.add(self.length), bytes.len());
        }
        self.length += bytes.len();
    }

    /// A string (RFC 8259, 7).
    pub fn quoted(&mut self, bytes: &[u8]) {
        self.push(b"\"");
        let mut plain = 0;
        for (at, &byte) in bytes.iter().enumerate() {
            if byte >= b' ' && byte != b'"' && byte != b'\\' {
                continue;
            }
            self.push(&bytes[plain..at]);
            plain = at + 1;
            match byte {
                b'"' => self.push(b"\\\""),
                b'\\' => self.push(b"\\\\"),
                b'\n' => self.push(b"\\n"),
                b'\r' => self.push(b"\\r"),
                b'\t' => self.push(b"\\t"),
                8 => self.push(b"\\b"),
                12 => self.push(b"\\f"),
                _ => {
                    let (high, low) = (HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]);
                    self.push(&[b'\\', b'u', b'0', b'0', high, low]);
                }
            }
        }
        self.push(&bytes[plain..]);
        self.push(b"\"");
    }

    /// Takes the quotes away from around what was appended since then.
    pub fn unquote(&mut self, begin: usize) {
        let length = self.length();
        if length < begin + 2 || self.between(begin, begin + 1) != b"\"" {
            return;
        }
        // SAFETY: both are within what was appended.
        unsafe {
            let at = self.start.add(HEADER + begin);
            std::ptr::copy(at.add(1), at, length - begin - 2);
        }
        self.length -= 2;
    }

    /// A number.
    pub fn integer(&mut self, value: i64) {
        let mut digits = [0; 20];
        let mut at = digits.len();
        let mut rest = value.unsigned_abs();
        loop {
            at -= 1;
            digits[at] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        if value < 0 {
            self.push(b"-");
        }
        self.push(&digits[at..]);
    }

    /// A quoted uuid.
    pub fn uuid(&mut self, bytes: [u8; 16]) {
        let mut text = [b'"'; 38];
        let mut at = 1;
        for (number, byte) in bytes.into_iter().enumerate() {
            if matches!(number, 4 | 6 | 8 | 10) {
                text[at] = b'-';
                at += 1;
            }
            text[at] = HEX[usize::from(byte >> 4)];
            text[at + 1] = HEX[usize::from(byte & 15)];
            at += 2;
        }
        self.push(&text);
    }

    /// A quoted date, from days since 2000-01-01; false, and nothing appended, unless its year has four digits.
    pub fn date(&mut self, days: i64) -> bool {
        let Some(date) = date(days) else { return false };
        self.push(b"\"");
        self.push(&date);
        self.push(b"\"");
        true
    }

    /// A quoted time (RFC 3339) from microseconds since 2000-01-01; false as for `date`.
    pub fn time(&mut self, microseconds: i64, zone: &[u8]) -> bool {
        let Some(date) = date(microseconds.div_euclid(MICROSECONDS_OF_DAY)) else {
            return false;
        };
        let mut rest = microseconds.rem_euclid(MICROSECONDS_OF_DAY) as u64;
        let fraction = rest % 1_000_000;
        rest /= 1_000_000;
        let (hour, minute, second) = (two(rest / 3600), two(rest / 60 % 60), two(rest % 60));
        self.push(b"\"");
        self.push(&date);
        self.push(&[
            b'T', hour[0], hour[1], b':', minute[0], minute[1], b':', second[0], second[1],
        ]);
        if fraction > 0 {
            let mut digits = [b'.'; 7];
            let mut left = fraction;
            for digit in digits[1..].iter_mut().rev() {
                *digit = b'0' + (left % 10) as u8;
                left /= 10;
            }
            let end = digits
                .iter()
                .rposition(|&digit| digit != b'0')
                .map_or(0, |at| at + 1);
            self.push(&digits[..end]);
        }
        self.push(zone);
        self.push(b"\"");
        true
    }
}

fn two(value: u64) -> [u8; 2] {
    [b'0' + (value / 10) as u8, b'0' + (value % 10) as u8]
}

/// `2000-01-01` from days since then, by the proleptic Gregorian calendar; years that begin in March make it short.
fn date(days: i64) -> Option<[u8; 10]> {
    let days = days + EPOCH;
    if !(306..=3_652_364).contains(&days) {
        return None;
    }
    let days = days as u64;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march + 2) / 5 + 1;
    let month = if march < 10 { march + 3 } else { march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let (century, year) = (two(year / 100), two(year % 100));
    let (month, day) = (two(month), two(day));
    Some([
        century[0], century[1], year[0], year[1], b'-', month[0], month[1], b'-', day[0], day[1],
    ])
}
