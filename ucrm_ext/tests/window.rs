//! Sliding windows against a brute-force list of the hits let through.
#![allow(dead_code, missing_docs, clippy::unwrap_used)]

#[path = "../src/window"]
mod window {
    pub mod key;
    pub mod ring;
    pub mod table;
}

use proptest::prelude::*;
use std::collections::VecDeque;
use std::sync::{
    Mutex,
    atomic::{AtomicU64, Ordering::SeqCst},
};
use window::key::key;
use window::table::{Place, Segment, Table, Verdict};

/// Zeroed memory, as PostgreSQL gives it.
fn zeroed<T>() -> Box<T> {
    let memory = Box::<T>::new_zeroed();
    // SAFETY: only used for tables, whose every field is an atomic integer.
    unsafe { memory.assume_init() }
}

fn name(n: u64) -> u128 {
    key(&[&n.to_le_bytes()], [3; 16])
}

fn allowed(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::Allowed { .. })
}

const WINDOW: u64 = 1000;

/// Every hit let through, newest last.
#[derive(Default)]
struct Oracle(VecDeque<u64>);

impl Oracle {
    fn within(&self, window: u64, now: u64) -> usize {
        self.0
            .iter()
            .rev()
            .take_while(|&&time| now - time < window)
            .count()
    }
}

/// One hit checked against the rule; the clock may be a little behind the oracle's.
fn step(
    segment: &Segment<1, 8>,
    oracle: &mut Oracle,
    limit: u32,
    largest: u32,
    clock: u64,
    called: u64,
) {
    let now = called.max(clock);
    let known = oracle.within(WINDOW, now);
    let before = segment.peek(1, limit, WINDOW, called);
    match segment.reserve(1, limit, WINDOW, called) {
        Ok(hit) => {
            assert!(
                known < limit as usize,
                "{known} hits were live under a limit of {limit}"
            );
            assert_eq!(hit.time_us, now);
            assert_eq!(
                before,
                Verdict::Allowed {
                    remaining: hit.remaining + 1
                }
            );
            oracle.0.push_back(now);
            if largest < 64 {
                assert_eq!(hit.remaining as usize, limit as usize - known - 1);
            }
        }
        Err(refusal) => {
            assert_eq!(before, refusal);
            // After a change of limit, a few batches may hold hits back until they expire.
            let floor = u64::from(limit).saturating_sub(4 * u64::from(largest.div_ceil(64)));
            assert!(known as u64 >= floor, "refused with {known} of {limit}");
            if limit == largest && limit > 0 {
                assert!(
                    known as u64 * 64 > u64::from(limit) * 63,
                    "refused with {known} of {limit}"
                );
            }
            let Verdict::Refused { retry_us } = refusal else {
                panic!("full")
            };
            if limit > 0 {
                assert!(retry_us > 0);
                assert!(
                    !allowed(segment.peek(1, limit, WINDOW, called + retry_us - 1)),
                    "allowed early"
                );
                assert!(
                    allowed(segment.peek(1, limit, WINDOW, called + retry_us)),
                    "refused at its own retry"
                );
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..Default::default() })]

    #[test]
    fn a_window_follows_its_rule(
        limit in prop_oneof![0_u32..70, 60_u32..140, 1_u32..2000],
        gaps in prop::collection::vec(prop_oneof![8 => Just(0_u64), 4 => 0_u64..4, 1 => 0_u64..700, 1 => Just(WINDOW)], 1..6000),
    ) {
        let segment = zeroed::<Segment<1, 8>>();
        let (mut oracle, mut now) = (Oracle::default(), 10);
        for gap in gaps {
            now += gap;
            step(&segment, &mut oracle, limit, limit, now, now);
        }
    }

    #[test]
    fn a_clock_that_is_behind_changes_nothing(
        limit in 1_u32..200,
        steps in prop::collection::vec((0_u64..6, 0_u64..50), 1..3000),
    ) {
        let segment = zeroed::<Segment<1, 8>>();
        let (mut oracle, mut now) = (Oracle::default(), 100);
        let mut clock = 0;
        for (gap, behind) in steps {
            now += gap;
            let called = now - behind;
            // The partition knows only the times it was given.
            step(&segment, &mut oracle, limit, limit, clock, called);
            clock = clock.max(called);
        }
    }

    #[test]
    fn a_changed_limit_is_never_exceeded(
        plans in prop::collection::vec((1_u32..2000, prop::collection::vec(0_u64..3, 1..1500)), 1..12),
    ) {
        let segment = zeroed::<Segment<1, 8>>();
        let (mut oracle, mut now) = (Oracle::default(), 10);
        let largest = plans.iter().map(|plan| plan.0).max().unwrap();
        for (limit, gaps) in plans {
            for gap in gaps {
                now += gap;
                step(&segment, &mut oracle, limit, largest.max(limit + 1), now, now);
            }
        }
    }

    #[test]
    fn a_refund_gives_back_exactly_its_hit(
        limit in 1_u32..400,
        steps in prop::collection::vec((prop_oneof![4 => Just(0_u64), 3 => 0_u64..20, 1 => 0_u64..500], any::<prop::sample::Index>(), 0_u8..3), 1..3000),
    ) {
        let segment = zeroed::<Segment<1, 8>>();
        let mut hits: Vec<window::table::Hit> = Vec::new();
        let mut now = 10;
        for (gap, which, action) in steps {
            now += gap;
            if action == 0 && !hits.is_empty() {
                let hit = hits.swap_remove(which.index(hits.len()));
                let refunded = segment.refund(1, hit.time_us, hit.generation);
                prop_assert!(refunded || limit > 64 || now - hit.time_us >= WINDOW);
                continue;
            }
            let known = hits.iter().filter(|hit| now - hit.time_us < WINDOW).count();
            match segment.reserve(1, limit, WINDOW, now) {
                Ok(hit) => {
                    prop_assert!(known < limit as usize);
                    hits.push(hit);
                }
                Err(_) if limit <= 64 => prop_assert_eq!(known, limit as usize),
                // Refunds leave gaps in batches; closing them may hold hits back by two batches at most.
                Err(_) => prop_assert!(known + 2 * limit.div_ceil(64) as usize >= limit as usize),
            }
        }
    }

    #[test]
    fn a_changed_window_never_counts_less_than_is_known(
        steps in prop::collection::vec((0_u64..40, 1_u64..2000), 1..2000),
        limit in 1_u32..64,
    ) {
        let segment = zeroed::<Segment<1, 8>>();
        let (mut times, mut now) = (VecDeque::new(), 10_u64);
        for (gap, window) in steps {
            now += gap;
            // What an earlier, shorter window dropped is unknown from then on.
            while times.front().is_some_and(|time| now - time >= window) {
                times.pop_front();
            }
            let fits = times.len() < limit as usize;
            prop_assert_eq!(segment.reserve(1, limit, window, now).is_ok(), fits);
            if fits {
                times.push_back(now);
            }
        }
    }
}

#[test]
fn a_limit_of_nothing_is_always_refused() {
    let table = zeroed::<Table>();
    assert_eq!(
        table.hit(Place::Address, name(1), 0, 60, 1),
        Verdict::Refused { retry_us: 60 }
    );
    assert_eq!(
        table.peek(Place::Address, name(1), 0, 60, 1),
        Verdict::Refused { retry_us: 60 }
    );
    assert_eq!(table.occupancy(Place::Address, 1).live, 0);
}

#[test]
fn extreme_arguments_are_harmless() {
    let table = zeroed::<Table>();
    for window in [0, 1, u64::MAX] {
        for now in [0, 1, u64::MAX - 1, u64::MAX, 5] {
            for limit in [1, 63, 64, 65, u32::MAX] {
                for k in [0, 1, u128::MAX] {
                    table.hit(Place::Account, k, limit, window, now);
                    table.peek(Place::Account, k, limit, window, now);
                    if let Ok(hit) = table.reserve(Place::Account, k, limit, window, now) {
                        table.refund(&hit);
                    }
                }
            }
        }
    }
}

#[test]
fn a_huge_limit_counts_every_hit() {
    let table = zeroed::<Table>();
    for n in 1..=100_000 {
        let verdict = table.hit(Place::Account, name(1), u32::MAX, WINDOW, 10);
        assert_eq!(
            verdict,
            Verdict::Allowed {
                remaining: u32::MAX - n
            }
        );
    }
}

#[test]
fn a_full_partition_refuses_new_keys_and_counts_that() {
    let segment = zeroed::<Segment<1, 8>>();
    for n in 0..8 {
        assert!(segment.reserve(name(n), 5, WINDOW, 10 + n).is_ok());
    }
    assert_eq!(
        segment.reserve(name(8), 5, WINDOW, 20).unwrap_err(),
        Verdict::Full
    );
    assert_eq!(segment.peek(name(8), 5, WINDOW, 20), Verdict::Full);
    assert!(
        segment.reserve(name(3), 5, WINDOW, 20).is_ok(),
        "a known key still counts"
    );
    let occupancy = segment.occupancy(20);
    assert_eq!(
        (occupancy.live, occupancy.capacity, occupancy.full),
        (8, 8, 1)
    );

    let ninth = segment
        .reserve(name(9), 5, WINDOW, 10 + WINDOW)
        .expect("an expired entry is reused");
    assert_eq!(
        segment
            .reserve(name(10), 5, WINDOW, 10 + WINDOW)
            .unwrap_err(),
        Verdict::Full
    );
    assert!(segment.refund(name(9), ninth.time_us, ninth.generation));
    assert!(
        segment.reserve(name(10), 5, WINDOW, 10 + WINDOW).is_ok(),
        "an entry with nothing counted is reused"
    );
}

#[test]
fn a_late_refund_is_harmless() {
    let table = zeroed::<Table>();
    let (place, who) = (Place::Address, name(1));
    let first = table.reserve(place, who, 2, WINDOW, 10).unwrap();
    assert!(table.refund(&first));
    assert_eq!(
        table.occupancy(place, 10).live,
        0,
        "an address with nothing counted takes no room"
    );

    table.hit(place, who, 2, WINDOW, 10);
    assert!(!table.refund(&first), "the entry's earlier life is over");
    assert_eq!(
        table.peek(place, who, 2, WINDOW, 10),
        Verdict::Allowed { remaining: 1 }
    );

    let second = table.reserve(place, who, 2, WINDOW, 10).unwrap();
    let later = 10 + WINDOW;
    table.hit(place, who, 2, WINDOW, later);
    table.hit(place, who, 2, WINDOW, later);
    assert!(!table.refund(&second), "expired in between");
    assert!(!allowed(table.hit(place, who, 2, WINDOW, later)));
}

#[test]
fn the_segments_do_not_share_keys() {
    let table = zeroed::<Table>();
    assert!(allowed(table.hit(Place::Address, name(1), 1, WINDOW, 10)));
    assert!(allowed(table.hit(Place::Account, name(1), 1, WINDOW, 10)));
    assert!(!allowed(table.hit(Place::Account, name(1), 1, WINDOW, 10)));
}

#[test]
fn many_keys_are_counted_apart() {
    let table = zeroed::<Table>();
    for round in 0..5 {
        for n in 0..4000 {
            assert!(allowed(table.hit(
                Place::Account,
                name(n),
                5,
                WINDOW,
                10 + round
            )));
        }
    }
    for n in 0..4000 {
        assert!(!allowed(table.hit(Place::Account, name(n), 5, WINDOW, 20)));
    }
    assert_eq!(table.occupancy(Place::Account, 20).live, 4000);
}

#[test]
fn eight_threads_never_pass_the_limit() {
    const LIMIT: u32 = 500;
    let (table, clock, passed) = (zeroed::<Table>(), AtomicU64::new(1), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let mut mine = Vec::new();
                for _ in 0..60_000 {
                    let now = clock.fetch_add(1, SeqCst);
                    if let Ok(hit) = table.reserve(Place::Account, name(1), LIMIT, 5000, now) {
                        mine.push(hit.time_us);
                    }
                }
                passed.lock().unwrap().extend(mine);
            });
        }
    });
    let mut passed = passed.into_inner().unwrap();
    passed.sort_unstable();
    assert!(
        passed.len() as u64 >= 480_000 / 5000 * u64::from(LIMIT) * 63 / 64 / 2,
        "{} passed",
        passed.len()
    );
    for pair in passed.windows(LIMIT as usize + 1) {
        assert!(
            pair[LIMIT as usize] - pair[0] >= 5000,
            "{LIMIT} and one more within a window"
        );
    }
}

#[test]
fn eight_threads_share_one_limit_exactly() {
    let table = zeroed::<Table>();
    let passed = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..5000 {
                    if allowed(table.hit(Place::Address, name(1), 1000, WINDOW, 10)) {
                        passed.fetch_add(1, SeqCst);
                    }
                }
            });
        }
    });
    assert_eq!(passed.into_inner(), 1000);
}
