//! Owns the making of time-ordered identifiers, UUID version 7 (RFC 9562, 5.7).
//! Must never read a clock or a random source: both are arguments.
//! Called by the function behind every key's default.

/// The last moment given out by one process: its UUIDs ascend even within a millisecond, or if the clock steps back.
#[derive(Default)]
pub struct Sequence {
    last: u64,
}

impl Sequence {
    /// A UUID of the microsecond `now_us` since 1970, greater than the one before it.
    ///
    /// The twelve bits after the version hold the fraction of the millisecond (RFC 9562, 6.2, method 3).
    pub fn make(&mut self, now_us: u64, random: [u8; 8]) -> [u8; 16] {
        let moment = ((now_us / 1000) << 12) | ((now_us % 1000) * 4096 / 1000);
        self.last = moment.max(self.last.saturating_add(1));
        assemble(self.last >> 12, self.last as u16, random)
    }
}

fn assemble(ms: u64, middle: u16, random: [u8; 8]) -> [u8; 16] {
    let high = ms << 16 | 0x7000 | u64::from(middle & 0x0fff);
    let low = 0x8000_0000_0000_0000 | u64::from_be_bytes(random) >> 2;
    (u128::from(high) << 64 | u128::from(low)).to_be_bytes()
}
