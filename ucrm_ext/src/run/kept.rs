//! Owns the plans that this session keeps, by role and text.
//! Must never hand out a plan that was let go, nor one that was made for another role.
//! Called by `run`; whoever keeps a statement's text has a `Place` beside it.

use crate::raw;
use pgrx::pg_sys;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ptr::null_mut;

/// Plans kept per session; when there are more, all are let go and made again as they are needed.
const MOST: usize = 512;

/// By role and number of binds, then by text.
type Plans = HashMap<(u32, i32), HashMap<Box<str>, pg_sys::SPIPlanPtr>>;

thread_local! {
    static PLANS: RefCell<Plans> = RefCell::new(HashMap::new());
    /// Raised when plans are let go.
    static CLEARED: Cell<u64> = const { Cell::new(0) };
}

fn role() -> u32 {
    // SAFETY: a plain read of backend state.
    unsafe { pg_sys::GetUserId().to_u32() }
}

/// The plan of this text, with so many binds, for the current role; null when there is none.
pub fn plan(text: &str, binds: i32) -> pg_sys::SPIPlanPtr {
    PLANS.with_borrow(|plans| {
        plans
            .get(&(role(), binds))
            .and_then(|plans| plans.get(text))
            .copied()
            .unwrap_or(null_mut())
    })
}

/// Keeps it.
pub fn keep(text: &str, binds: i32, plan: pg_sys::SPIPlanPtr) {
    PLANS.with_borrow_mut(|plans| {
        plans
            .entry((role(), binds))
            .or_default()
            .insert(text.into(), plan);
    });
}

/// Whether there is no room for one more.
pub fn full() -> bool {
    PLANS.with_borrow(|plans| plans.values().map(HashMap::len).sum::<usize>() >= MOST)
}

/// The plans to let go, in memory that needs no dropping.
pub fn emptied() -> (*mut pg_sys::SPIPlanPtr, usize) {
    CLEARED.set(CLEARED.get().wrapping_add(1));
    PLANS.with_borrow_mut(|plans| {
        let count = plans.values().map(HashMap::len).sum();
        // SAFETY: room for all of them; palloc's memory goes with its context.
        let array = unsafe { raw::palloc(count * size_of::<pg_sys::SPIPlanPtr>()) }
            .cast::<pg_sys::SPIPlanPtr>();
        for (at, plan) in plans.values().flat_map(HashMap::values).enumerate() {
            // SAFETY: `at` is below `count`.
            unsafe { array.add(at).write(*plan) };
        }
        plans.clear();
        (array, count)
    })
}

/// Where a statement's plan is remembered beside its text, so that the text need not be looked up again.
#[derive(Default)]
pub struct Place(Cell<Option<Known>>);

#[derive(Clone, Copy)]
struct Known {
    cleared: u64,
    role: u32,
    plan: pg_sys::SPIPlanPtr,
}

impl Place {
    /// The plan of the text beside which this is; null when there is none.
    pub fn plan(&self, text: &str, binds: i32) -> pg_sys::SPIPlanPtr {
        let (cleared, role) = (CLEARED.get(), role());
        if let Some(known) = self.0.get()
            && (known.cleared, known.role) == (cleared, role)
        {
            return known.plan;
        }
        let plan = plan(text, binds);
        let known = Known {
            cleared,
            role,
            plan,
        };
        self.0.set((!plan.is_null()).then_some(known));
        plan
    }
}
