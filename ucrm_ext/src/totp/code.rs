//! Owns the judgement of time-based codes: SHA-1, six digits, steps of 30 seconds (RFC 6238), as every app makes them.
//! Must never accept a step twice: which steps are used up is an argument.
//! Called by `totp`.

use totp_rs::{Algorithm, Builder};

/// A step's length in seconds.
pub const PERIOD: u64 = 30;
/// How many steps a clock may be ahead or behind (RFC 6238, 5.2).
const WINDOW: u64 = 1;
const DIGITS: u8 = 6;
/// Longer texts are not looked at: a code has six digits, and perhaps spaces between them.
const MOST: usize = 32;

/// The step around `now` (seconds since 1970) that the code fits, if it is later than `after`; spaces do not count.
///
/// A code that fits two steps gives the later one, so that one use is its last. Every step of the window is tried, and
/// digits are compared in constant time: how long it takes tells nothing of the code.
pub fn step(secret: &[u8], code: &str, now: u64, after: Option<u64>) -> Option<u64> {
    if code.len() > MOST {
        return None;
    }
    let code: String = code.split_whitespace().collect();
    let totp = Builder::new()
        .with_algorithm(Algorithm::SHA1)
        .with_digits(DIGITS)
        .with_step_duration(PERIOD)
        .with_skew(0)
        .with_secret(secret)
        .build()
        .ok()?;
    let current = now / PERIOD;
    let mut fitting = None;
    for step in current.saturating_sub(WINDOW)..=current + WINDOW {
        let fits = totp.check(&code, step * PERIOD).is_some();
        if fits && after.is_none_or(|after| step > after) {
            fitting = Some(step);
        }
    }
    fitting
}
