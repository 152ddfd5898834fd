//! Waiting for something to become true.
//! Must never sleep for time to pass: it asks again until the answer is there, or fails.
//! Called by tests about other processes.

use std::thread::sleep;
use std::time::{Duration, Instant};

/// Asks every few milliseconds until there is an answer; fails after ten seconds, saying what was awaited.
#[track_caller]
pub fn until<T>(awaited: &str, ask: impl FnMut() -> Option<T>) -> T {
    until_within(Duration::from_secs(10), awaited, ask)
}

/// The same with another limit.
#[track_caller]
pub fn until_within<T>(limit: Duration, awaited: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(begun.elapsed() < limit, "not within {limit:?}: {awaited}");
        sleep(Duration::from_millis(15));
    }
}
