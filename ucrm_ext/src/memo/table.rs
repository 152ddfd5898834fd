//! Owns a fixed table of remembered bytes in shared memory, readable without a lock.
//! Must never return bytes of another key, of another generation, or half-written.
//! Called by the memo leaf; the caller hashes keys with a secret seed, so that 128 bits of hash are the key.
//!
//! Each entry is a sequence lock: odd while written, and a reader whose copy was overtaken takes it for a miss.
//! Zeroed memory is an empty table.

use std::sync::atomic::{
    AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
    fence,
};

const WAYS: usize = 4;

#[repr(C)]
struct Entry<const WORDS: usize> {
    sequence: AtomicU64,
    key_high: AtomicU64,
    key_low: AtomicU64,
    generation: AtomicU64,
    length: AtomicU64,
    words: [AtomicU64; WORDS],
}

/// `ENTRIES` remembered values of at most `WORDS` × 8 bytes.
#[repr(C)]
pub struct Table<const ENTRIES: usize, const WORDS: usize> {
    clock: AtomicU64,
    entries: [Entry<WORDS>; ENTRIES],
}

impl<const ENTRIES: usize, const WORDS: usize> Table<ENTRIES, WORDS> {
    fn set(&self, key: u128) -> &[Entry<WORDS>] {
        let first = (key as usize % (ENTRIES / WAYS)) * WAYS;
        &self.entries[first..first + WAYS]
    }

    /// The bytes remembered for `key` under exactly this generation.
    pub fn recall(&self, key: u128, generation: u64) -> Option<Vec<u8>> {
        self.set(key)
            .iter()
            .find_map(|entry| entry.read(key, generation))
    }

    /// Remembers bytes; does nothing when they are too long or another process is writing the same place.
    pub fn remember(&self, key: u128, generation: u64, bytes: &[u8]) {
        if bytes.len() > WORDS * 8 {
            return;
        }
        let set = self.set(key);
        let entry = set
            .iter()
            .find(|entry| entry.holds(key))
            .or_else(|| set.iter().find(|entry| entry.length.load(Relaxed) == 0))
            .or_else(|| {
                set.iter()
                    .find(|entry| entry.generation.load(Relaxed) != generation)
            })
            .or_else(|| set.get(self.clock.fetch_add(1, Relaxed) as usize % WAYS));
        if let Some(entry) = entry {
            entry.write(key, generation, bytes);
        }
    }
}

impl<const WORDS: usize> Entry<WORDS> {
    fn holds(&self, key: u128) -> bool {
        self.key_high.load(Relaxed) == (key >> 64) as u64
            && self.key_low.load(Relaxed) == key as u64
    }

    fn read(&self, key: u128, generation: u64) -> Option<Vec<u8>> {
        let before = self.sequence.load(Acquire);
        let length = self.length.load(Relaxed) as usize;
        if before & 1 != 0
            || length == 0
            || length > WORDS * 8
            || !self.holds(key)
            || self.generation.load(Relaxed) != generation
        {
            return None;
        }
        let mut bytes = Vec::with_capacity(length.next_multiple_of(8));
        for word in &self.words[..length.div_ceil(8)] {
            bytes.extend_from_slice(&word.load(Relaxed).to_ne_bytes());
        }
        bytes.truncate(length);
        fence(Acquire);
        (self.sequence.load(Relaxed) == before).then_some(bytes)
    }

    fn write(&self, key: u128, generation: u64, bytes: &[u8]) {
        let before = self.sequence.load(Relaxed);
        if before & 1 != 0
            || self
                .sequence
                .compare_exchange(before, before + 1, Acquire, Relaxed)
                .is_err()
        {
            return;
        }
        fence(Release);
        self.key_high.store((key >> 64) as u64, Relaxed);
        self.key_low.store(key as u64, Relaxed);
        self.generation.store(generation, Relaxed);
        self.length.store(bytes.len() as u64, Relaxed);
        for (word, chunk) in self.words.iter().zip(bytes.chunks(8)) {
            let mut whole = [0; 8];
            whole[..chunk.len()].copy_from_slice(chunk);
            word.store(u64::from_ne_bytes(whole), Relaxed);
        }
        self.sequence.store(before + 2, Release);
    }
}
