//! When an answer may leave that must not tell, by its time, who has an account: at the next full step.
//! Must never hold up what tells nothing, nor a connection to the database.
//! Called by gateway around `ucrm.handle`.
//!
//! For an address that is known the database writes more than for one that is not. What it does takes a few milliseconds;
//! a step is longer, so that both leave at the same moment. argon2 is computed before, for both alike.

use std::time::Duration;

use hyper::StatusCode;
use percent_encoding::percent_decode_str;

use crate::request::Call;

const STEP: Duration = Duration::from_millis(25);

/// Requests that take an address of mail from anybody.
const PATHS: [&str; 4] = [
    "/api/v1/auth/register",
    "/api/v1/auth/forgot-password",
    "/api/v1/auth/resend-verification",
    "/api/v1/auth/change-email",
];
const LOGIN: &str = "/api/v1/auth/login";

/// How long this answer has still to wait, after the database took so long.
pub fn pause(call: &Call, status: StatusCode, took: Duration) -> Duration {
    // The database decodes a path before it looks where it leads.
    let path = percent_decode_str(call.path()).decode_utf8_lossy();
    let waits = match &*path {
        // Who is in has told enough by that.
        LOGIN => !status.is_success(),
        path => PATHS.contains(&path),
    };
    match waits && !call.is_safe() {
        true => to_the_next_step(took),
        false => Duration::ZERO,
    }
}

fn to_the_next_step(took: Duration) -> Duration {
    let over = took.as_nanos() % STEP.as_nanos();
    STEP - Duration::from_nanos(u64::try_from(over).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_takes_longer_waits_for_less() {
        let at = |micros| {
            let took = Duration::from_micros(micros);
            (took + to_the_next_step(took)).as_millis()
        };
        for micros in [0, 1, 1_000, 24_999] {
            assert_eq!(at(micros), 25, "{micros}");
        }
        for micros in [25_000, 25_001, 49_999] {
            assert_eq!(at(micros), 50, "{micros}");
        }
    }
}
