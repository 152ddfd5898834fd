//! Owns the shared-memory table of sliding windows: which keys are counted, and whether one more hit may pass.
//! Must never panic, allocate or hold a pointer: the memory is shared by processes, zeroed memory is an empty table.
//! Called by the extension's border, which maps the region and supplies time, limits and hashed keys.
//!
//! A limit of N in a window W: never more than N hits in any half-open window of length W, and none refused
//! while N·63/64 or fewer were let through in the last W (see `ring`). All times are microseconds of one clock that
//! every process shares; use a monotonic one. A process that is a little behind is moved up to its partition's time.

use super::ring::Ring;
use std::sync::atomic::{
    AtomicU32, AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
};

/// The whole table: one segment each for addresses and for keys, users and tenants,
/// so that a flood of addresses cannot fill the other.
#[repr(C)]
pub struct Table {
    address: Segment<64, 128>,
    account: Segment<64, 1024>,
}

/// Which part of the table a window lives in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Windows of client addresses, before anybody is authenticated.
    Address,
    /// Windows of API keys, users, tenants and `ucrm.limit`.
    Account,
}

/// What a hit is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The hit passes; so many more would pass now.
    Allowed {
        /// Hits left after this one.
        remaining: u32,
    },
    /// The hit does not pass and is not counted.
    Refused {
        /// Time until a hit passes if none comes between; the window's length if the limit is 0.
        retry_us: u64,
    },
    /// No room to count another key: refuse.
    Full,
}

/// A counted hit that may be given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reservation {
    /// Where it was counted.
    pub place: Place,
    /// The window's key.
    pub key: u128,
    /// When it was counted, by the partition's clock.
    pub time_us: u64,
    /// Hits left after this one.
    pub remaining: u32,
    generation: u64,
}

/// What a segment holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Occupancy {
    /// Keys with an unexpired hit.
    pub live: u32,
    /// Keys there is room for.
    pub capacity: u32,
    /// Hits refused for want of room since the server started.
    pub full: u64,
}

impl Table {
    /// Counts a hit on `key` unless `limit` hits are live.
    pub fn hit(&self, place: Place, key: u128, limit: u32, window_us: u64, now_us: u64) -> Verdict {
        match self.reserve(place, key, limit, window_us, now_us) {
            Ok(reservation) => Verdict::Allowed {
                remaining: reservation.remaining,
            },
            Err(verdict) => verdict,
        }
    }

    /// `hit` that can be given back by `refund`. The error is `Refused` or `Full`.
    pub fn reserve(
        &self,
        place: Place,
        key: u128,
        limit: u32,
        window_us: u64,
        now_us: u64,
    ) -> Result<Reservation, Verdict> {
        let hit = match place {
            Place::Address => self.address.reserve(key, limit, window_us, now_us),
            Place::Account => self.account.reserve(key, limit, window_us, now_us),
        };
        hit.map(
            |Hit {
                 time_us,
                 remaining,
                 generation,
             }| Reservation {
                place,
                key,
                time_us,
                remaining,
                generation,
            },
        )
    }

    /// Gives one hit back; `false`, and no change, when it has expired or the entry was given up since.
    /// To be called once for a reservation.
    pub fn refund(&self, reservation: &Reservation) -> bool {
        let Reservation {
            place,
            key,
            time_us,
            generation,
            ..
        } = *reservation;
        match place {
            Place::Address => self.address.refund(key, time_us, generation),
            Place::Account => self.account.refund(key, time_us, generation),
        }
    }

    /// What a hit would be told, counting nothing; `remaining` is what is left now.
    pub fn peek(
        &self,
        place: Place,
        key: u128,
        limit: u32,
        window_us: u64,
        now_us: u64,
    ) -> Verdict {
        match place {
            Place::Address => self.address.peek(key, limit, window_us, now_us),
            Place::Account => self.account.peek(key, limit, window_us, now_us),
        }
    }

    /// Counts live keys without locking: exact only when nothing else runs.
    pub fn occupancy(&self, place: Place, now_us: u64) -> Occupancy {
        match place {
            Place::Address => self.address.occupancy(now_us),
            Place::Account => self.account.occupancy(now_us),
        }
    }
}

/// A counted hit, before it is known which segment it is in.
#[derive(Clone, Copy, Debug)]
pub struct Hit {
    /// When it was counted, by the partition's clock.
    pub time_us: u64,
    /// Hits left after this one.
    pub remaining: u32,
    /// Which life of the entry it was counted in.
    pub generation: u64,
}

/// `P` partitions of `E` entries, each partition under its own lock. `Table`'s methods explain the methods here.
#[repr(C)]
pub struct Segment<const P: usize, const E: usize> {
    full: AtomicU64,
    partitions: [Partition<E>; P],
}

#[repr(C)]
struct Partition<const E: usize> {
    lock: AtomicU32,
    unused: AtomicU32,
    /// The latest time anybody brought here.
    latest: AtomicU64,
    generation: AtomicU64,
    low: [AtomicU64; E],
    high: [AtomicU64; E],
    /// When the entry may be reused; 0 for one that was never used, which ends a probe.
    expires: [AtomicU64; E],
    rings: [Ring; E],
}

/// The value of `expires` for an entry given up before its time, all its hits refunded.
const DROPPED: u64 = 1;

#[allow(missing_docs)]
impl<const P: usize, const E: usize> Segment<P, E> {
    pub fn reserve(
        &self,
        key: u128,
        limit: u32,
        window_us: u64,
        now_us: u64,
    ) -> Result<Hit, Verdict> {
        if limit == 0 {
            return Err(Verdict::Refused {
                retry_us: window_us,
            });
        }
        let partition = self.partition(key);
        let _held = Held::lock(&partition.lock);
        let now = now_us.max(partition.latest.load(Relaxed));
        partition.latest.store(now, Relaxed);
        let (entry, ring) = match partition.find(key, now) {
            Found::Live(entry) => (entry, partition.ring(entry)),
            Found::Free(entry) => (entry, partition.claim(entry, key)),
            Found::None => {
                self.full.fetch_add(1, Relaxed);
                return Err(Verdict::Full);
            }
        };
        ring.expire(now, window_us);
        let live = ring.live(now, window_us);
        if live >= limit {
            return Err(refused(ring, limit, window_us, now_us));
        }
        ring.push(now, limit);
        partition.expires[entry % E].store(now.saturating_add(window_us).max(DROPPED), Relaxed);
        Ok(Hit {
            time_us: now,
            remaining: limit - live - 1,
            generation: ring.generation(),
        })
    }

    pub fn refund(&self, key: u128, time_us: u64, generation: u64) -> bool {
        let partition = self.partition(key);
        let _held = Held::lock(&partition.lock);
        let Found::Live(entry) = partition.find(key, partition.latest.load(Relaxed)) else {
            return false;
        };
        let ring = partition.ring(entry);
        if ring.generation() != generation || !ring.refund(time_us) {
            return false;
        }
        if ring.newest().is_none() {
            partition.expires[entry % E].store(DROPPED, Relaxed);
        }
        true
    }

    pub fn peek(&self, key: u128, limit: u32, window_us: u64, now_us: u64) -> Verdict {
        if limit == 0 {
            return Verdict::Refused {
                retry_us: window_us,
            };
        }
        let partition = self.partition(key);
        let _held = Held::lock(&partition.lock);
        let now = now_us.max(partition.latest.load(Relaxed));
        match partition.find(key, now) {
            Found::Live(entry) => {
                let ring = partition.ring(entry);
                let live = ring.live(now, window_us);
                if live < limit {
                    Verdict::Allowed {
                        remaining: limit - live,
                    }
                } else {
                    refused(ring, limit, window_us, now_us)
                }
            }
            Found::Free(_) => Verdict::Allowed { remaining: limit },
            Found::None => Verdict::Full,
        }
    }

    pub fn occupancy(&self, now_us: u64) -> Occupancy {
        let expires = self
            .partitions
            .iter()
            .flat_map(|partition| &partition.expires);
        Occupancy {
            live: expires
                .filter(|expires| expires.load(Relaxed) > now_us.max(DROPPED))
                .count() as u32,
            capacity: (P * E) as u32,
            full: self.full.load(Relaxed),
        }
    }

    fn partition(&self, key: u128) -> &Partition<E> {
        &self.partitions[(key >> 64) as usize % P]
    }
}

enum Found {
    Live(usize),
    Free(usize),
    None,
}

impl<const E: usize> Partition<E> {
    /// The entry of `key`, else the first one on its way that may be taken.
    fn find(&self, key: u128, now: u64) -> Found {
        let (low, high) = (key as u64, (key >> 64) as u64);
        let mut free = Found::None;
        for step in 0..E {
            let at = (low as usize).wrapping_add(step) % E;
            let expires = self.expires[at].load(Relaxed);
            let reusable = expires <= now.max(DROPPED);
            if expires != 0
                && self.low[at].load(Relaxed) == low
                && self.high[at].load(Relaxed) == high
            {
                // An entry past its time is still read: under a lengthened window its hits may count again.
                return if expires == DROPPED {
                    Found::Free(at)
                } else {
                    Found::Live(at)
                };
            }
            if reusable && matches!(free, Found::None) {
                free = Found::Free(at);
            }
            if expires == 0 {
                break;
            }
        }
        free
    }

    fn ring(&self, entry: usize) -> &Ring {
        &self.rings[entry % E]
    }

    fn claim(&self, entry: usize, key: u128) -> &Ring {
        let generation = self.generation.load(Relaxed).wrapping_add(1);
        self.generation.store(generation, Relaxed);
        self.low[entry % E].store(key as u64, Relaxed);
        self.high[entry % E].store((key >> 64) as u64, Relaxed);
        let ring = self.ring(entry);
        ring.reset(generation);
        ring
    }
}

fn refused(ring: &Ring, limit: u32, window_us: u64, now_us: u64) -> Verdict {
    let retry_us = ring
        .free_at(limit, window_us)
        .map_or(window_us, |free_at| free_at.saturating_sub(now_us));
    Verdict::Refused { retry_us }
}

/// A spin lock held; nothing under it takes longer than a scan of one partition.
struct Held<'a>(&'a AtomicU32);

impl<'a> Held<'a> {
    fn lock(lock: &'a AtomicU32) -> Held<'a> {
        let mut spins = 0_u32;
        while lock.compare_exchange_weak(0, 1, Acquire, Relaxed).is_err() {
            spins = spins.wrapping_add(1);
            if spins.is_multiple_of(64) {
                std::thread::yield_now();
            } else {
                std::hint::spin_loop();
            }
        }
        Held(lock)
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.store(0, Release);
    }
}
