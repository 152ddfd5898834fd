//! Owns the hits of one window: 64 batches, each a count and the time of its last hit.
//! Must never panic, allocate or block: `table` calls it with a spin lock held.
//! Called by `table` only, with a clock that does not run backwards.
//!
//! The 64 slots divide hits, not time: a batch holds `ceil(limit / 64)` hits and expires as a whole when
//! its *last* hit is one window old. What is counted is therefore never less than what was let through in
//! the last window, and more by less than one batch. Up to a limit of 64 the count is exact.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

const SLOTS: usize = 64;

/// One window's hits, oldest batch first. All zero is an empty ring.
#[repr(C)]
pub struct Ring {
    times: [AtomicU64; SLOTS],
    counts: [AtomicU32; SLOTS],
    head: AtomicU32,
    length: AtomicU32,
    live: AtomicU32,
    unused: AtomicU32,
    /// Hits before this time have left the ring, so they cannot be refunded.
    floor: AtomicU64,
    generation: AtomicU64,
}

impl Ring {
    /// Forgets everything; `generation` tells reservations on the old hits apart from new ones.
    pub fn reset(&self, generation: u64) {
        self.head.store(0, Relaxed);
        self.length.store(0, Relaxed);
        self.live.store(0, Relaxed);
        self.floor.store(0, Relaxed);
        self.generation.store(generation, Relaxed);
    }

    /// The number given to the last `reset`.
    pub fn generation(&self) -> u64 {
        self.generation.load(Relaxed)
    }

    /// Drops the batches whose last hit is at least `window_us` old.
    pub fn expire(&self, now_us: u64, window_us: u64) {
        while self.length() > 0 {
            let (time, count) = self.batch(0);
            if now_us.saturating_sub(time) < window_us {
                return;
            }
            self.head
                .store(self.head.load(Relaxed).wrapping_add(1), Relaxed);
            self.length.store(self.length() - 1, Relaxed);
            self.live
                .store(self.live.load(Relaxed).wrapping_sub(count), Relaxed);
            self.floor.store(time.saturating_add(1), Relaxed);
        }
    }

    /// Hits that count at `now_us`, without dropping anything.
    pub fn live(&self, now_us: u64, window_us: u64) -> u32 {
        let mut live = self.live.load(Relaxed);
        for at in 0..self.length() {
            let (time, count) = self.batch(at);
            if now_us.saturating_sub(time) < window_us {
                break;
            }
            live = live.wrapping_sub(count);
        }
        live
    }

    /// Counts a hit at `now_us`. The caller has expired old batches and knows that fewer than `limit` are live.
    pub fn push(&self, now_us: u64, limit: u32) {
        let batch = limit.div_ceil(SLOTS as u32).max(1);
        if self.length() as usize == SLOTS && self.newest_count() >= batch {
            self.compact(batch);
        }
        self.live
            .store(self.live.load(Relaxed).wrapping_add(1), Relaxed);
        let (length, count) = (self.length(), self.newest_count());
        // With fewer than `limit` live hits a packed ring always has room; the second test only keeps it total.
        if length > 0 && (count < batch || length as usize >= SLOTS) {
            self.set(length - 1, now_us, count.wrapping_add(1));
        } else {
            self.set(length, now_us, 1);
            self.length.store(length + 1, Relaxed);
        }
    }

    /// When fewer than `limit` of today's hits will be live; `None` if `limit` is 0 and that never happens.
    pub fn free_at(&self, limit: u32, window_us: u64) -> Option<u64> {
        let mut live = self.live.load(Relaxed);
        let mut free_at = 0;
        for at in 0..self.length() {
            if live < limit {
                break;
            }
            let (time, count) = self.batch(at);
            live = live.wrapping_sub(count);
            free_at = time.saturating_add(window_us);
        }
        (live < limit).then_some(free_at)
    }

    /// Takes back one hit made at `time_us`, out of the batch it was counted in; `false` if that has expired.
    ///
    /// Any later batch would be wrong: its hits live longer than the one given back. The batch keeps its time, so
    /// beside the oldest batch the newest may then count too long as well; up to a limit of 64 nothing does.
    pub fn refund(&self, time_us: u64) -> bool {
        if time_us < self.floor.load(Relaxed) {
            return false;
        }
        for at in 0..self.length() {
            let (time, count) = self.batch(at);
            if time >= time_us && count > 0 {
                self.set(at, time, count - 1);
                self.live
                    .store(self.live.load(Relaxed).wrapping_sub(1), Relaxed);
                self.trim();
                return true;
            }
        }
        false
    }

    /// The time of the last hit; `None` when nothing is counted.
    pub fn newest(&self) -> Option<u64> {
        let length = self.length();
        (length > 0).then(|| self.batch(length - 1).0)
    }

    fn trim(&self) {
        while self.length() > 0 && self.newest_count() == 0 {
            self.length.store(self.length() - 1, Relaxed);
        }
    }

    /// Fills older batches from newer ones, which refunds and a raised limit have left below `batch`.
    /// A filled batch takes the newer batch's time, so no hit expires early.
    fn compact(&self, batch: u32) {
        let mut kept = 0;
        for at in 0..self.length() {
            let (time, mut count) = self.batch(at);
            if kept > 0 {
                let (_, last) = self.batch(kept - 1);
                let moved = batch.saturating_sub(last).min(count);
                if moved > 0 {
                    self.set(kept - 1, time, last + moved);
                    count -= moved;
                }
            }
            if count > 0 {
                self.set(kept, time, count);
                kept += 1;
            }
        }
        self.length.store(kept, Relaxed);
    }

    fn length(&self) -> u32 {
        self.length.load(Relaxed)
    }

    fn newest_count(&self) -> u32 {
        let length = self.length();
        if length == 0 {
            0
        } else {
            self.batch(length - 1).1
        }
    }

    fn slot(&self, at: u32) -> usize {
        self.head.load(Relaxed).wrapping_add(at) as usize % SLOTS
    }

    fn batch(&self, at: u32) -> (u64, u32) {
        let slot = self.slot(at);
        (
            self.times[slot].load(Relaxed),
            self.counts[slot].load(Relaxed),
        )
    }

    fn set(&self, at: u32, time: u64, count: u32) {
        let slot = self.slot(at);
        self.times[slot].store(time, Relaxed);
        self.counts[slot].store(count, Relaxed);
    }
}
