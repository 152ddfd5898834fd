//! Owns the extension's shared memory: one region, asked for when the server starts.
//! Must never hold a pointer or a lock that a dying process could leave taken in the middle of a palloc or an error.
//! Called by `generation`, `horizon`, `memo` and `window`.

use crate::memo::table::Table as Memo;
use crate::window::table::Table as Windows;
use pgrx::pg_sys;
use std::ffi::c_void;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering};

/// Counters of written (table, tenant) pairs; two pairs may share one, which only forgets more than needed.
pub const ROW_SLOTS: usize = 16_384;

/// Keys whose last touch is remembered; two keys in one slot are touched more often than needed.
pub const TOUCH_SLOTS: usize = 65_536;

/// Principals: 4-way sets of 2 KiB entries.
pub type Principals = Memo<32_768, 248>;
/// Totals: small entries.
pub type Totals = Memo<65_536, 4>;

/// Everything the backends share. Zeroed memory is its valid beginning, the seed aside.
#[repr(C)]
pub struct Shared {
    /// Keys of all hashes; drawn when the server starts.
    pub seed: [u8; 16],
    /// Raised when what principals, gates and routes are made of has changed.
    pub generation: AtomicU64,
    /// Raised when protected rows changed of which no tenant is known.
    pub rows_generation: AtomicU64,
    /// Raised by rows of one (table, tenant).
    pub rows: [AtomicU64; ROW_SLOTS],
    /// The address window as last reserved: hits and microseconds.
    pub address_hits: AtomicU64,
    /// See `address_hits`.
    pub address_window_us: AtomicU64,
    /// When keys were last touched: a hash in the high half, the minute in the low one.
    pub touched: [AtomicU64; TOUCH_SLOTS],
    /// Sliding windows.
    pub windows: Windows,
    /// Remembered principals.
    pub principals: Principals,
    /// Remembered totals.
    pub totals: Totals,
}

/// A backend that adds to audit or outbox. As many follow the region as there can be backends.
#[repr(C)]
pub struct Recorder {
    /// When its transaction began to, in microseconds since 1970; 0: it does not.
    pub since: AtomicU64,
    /// In which database.
    pub database: AtomicU32,
}

static REGION: AtomicPtr<Shared> = AtomicPtr::new(null_mut());
static mut NEXT_REQUEST: pg_sys::shmem_request_hook_type = None;
static mut NEXT_STARTUP: pg_sys::shmem_startup_hook_type = None;

/// The region, or `None` when the library was not preloaded.
pub fn shared() -> Option<&'static Shared> {
    // SAFETY: set once at start-up to a region that lives as long as the server; every field is atomic but the seed,
    // which is written before any backend exists.
    unsafe { REGION.load(Ordering::Relaxed).as_ref() }
}

/// The recorders, by number of backend, or `None` when the library was not preloaded.
pub fn recorders() -> Option<&'static [Recorder]> {
    let region = REGION.load(Ordering::Relaxed);
    // SAFETY: they follow the region, whose size is a multiple of their alignment; all fields are atomic, and 0 is valid.
    (!region.is_null())
        .then(|| unsafe { std::slice::from_raw_parts(region.add(1).cast(), backends()) })
}

fn backends() -> usize {
    // SAFETY: settled before the server asks for shared memory.
    usize::try_from(unsafe { pg_sys::MaxBackends }).unwrap_or_default()
}

fn size() -> usize {
    size_of::<Shared>() + backends() * size_of::<Recorder>()
}

/// Asks for the region. Does nothing outside shared_preload_libraries.
pub fn request() {
    // SAFETY: called from _PG_init in the postmaster, single-threaded; hooks are chained.
    unsafe {
        if !pg_sys::process_shared_preload_libraries_in_progress {
            return;
        }
        NEXT_REQUEST = pg_sys::shmem_request_hook;
        pg_sys::shmem_request_hook = Some(on_request);
        NEXT_STARTUP = pg_sys::shmem_startup_hook;
        pg_sys::shmem_startup_hook = Some(on_startup);
    }
}

#[pgrx::pg_guard]
unsafe extern "C-unwind" fn on_request() {
    // SAFETY: PostgreSQL calls this hook once, when sizes may be asked for.
    unsafe {
        if let Some(next) = NEXT_REQUEST {
            next();
        }
        pg_sys::RequestAddinShmemSpace(size());
    }
}

#[pgrx::pg_guard]
unsafe extern "C-unwind" fn on_startup() {
    // SAFETY: PostgreSQL calls this hook once per (re)start, before any backend; the region is zeroed by the kernel.
    unsafe {
        if let Some(next) = NEXT_STARTUP {
            next();
        }
        let mut found = false;
        let region: *mut Shared =
            pg_sys::ShmemInitStruct(c"ucrm".as_ptr(), size(), &mut found).cast();
        if !found {
            pg_sys::pg_strong_random((&raw mut (*region).seed).cast::<c_void>(), 16);
        }
        REGION.store(region, Ordering::Relaxed);
    }
}
