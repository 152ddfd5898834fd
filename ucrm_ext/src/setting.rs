//! Owns the app.* settings and the latch: one context per transaction, set by the session itself and nobody's file.
//! Must never let a value in from ALTER ROLE, ALTER DATABASE, ALTER SYSTEM, a file or the connection's options.
//! Called by PostgreSQL whenever somebody sets one, by `context`, and by `handle` for the search_path.
//!
//! Settings, and not statics alone, because parallel workers inherit settings only. GUC_NO_RESET_ALL keeps RESET ALL
//! and DISCARD ALL from wiping them in mid-transaction. The prefix is not reserved: other people use app.* too.

use crate::context;
use pgrx::pg_sys;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr::null_mut;

/// The settings that make up a context.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Setting {
    /// app.tenant_id
    Tenant,
    /// app.user_id
    User,
    /// app.member_role
    Role,
    /// app.api_key_id
    Key,
    /// app.request_id
    Request,
    /// app.permissions
    Permissions,
}

/// All of them, in their order.
pub const ALL: [Setting; COUNT] = [
    Setting::Tenant,
    Setting::User,
    Setting::Role,
    Setting::Key,
    Setting::Request,
    Setting::Permissions,
];

/// How many there are.
pub const COUNT: usize = 6;

const NAMES: [&CStr; COUNT] = [
    c"app.tenant_id",
    c"app.user_id",
    c"app.member_role",
    c"app.api_key_id",
    c"app.request_id",
    c"app.permissions",
];
static mut VALUES: [*mut c_char; COUNT] = [null_mut(); COUNT];

/// What the setting holds now; empty counts as nothing.
pub fn value<'a>(setting: Setting) -> Option<&'a CStr> {
    // SAFETY: PostgreSQL keeps the pointer valid until the setting changes; backends are single-threaded.
    let pointer = unsafe { VALUES[setting as usize] };
    // SAFETY: as above; the string is NUL-terminated.
    (!pointer.is_null())
        .then(|| unsafe { CStr::from_ptr(pointer) })
        .filter(|text| !text.is_empty())
}

/// SET LOCAL, past the privilege check: for the leaves that kernel functions call.
pub fn set_local(setting: Setting, text: &CStr) {
    local(NAMES[setting as usize], text);
}

/// SET LOCAL of any setting.
pub fn local(name: &CStr, text: &CStr) {
    // SAFETY: both are NUL-terminated; PostgreSQL copies the value.
    unsafe {
        pg_sys::set_config_option(
            name.as_ptr(),
            text.as_ptr(),
            pg_sys::GucContext::PGC_SUSET,
            pg_sys::GucSource::PGC_S_SESSION,
            pg_sys::GucAction::GUC_ACTION_LOCAL,
            true,
            0,
            false,
        );
    }
}

/// What C code that runs SQL for others looks names up in; as in `set search_path = pg_catalog, pg_temp`.
const SEARCH_PATH: &CStr = c"pg_catalog, pg_temp";

/// Pins the search path, as a function's SET clause does. The level for AtEOXact_GUC() to put it back, 0 when there is
/// nothing to put back. An error puts it back by itself.
///
/// Not PushOverrideSearchPath(): while that lasts, the SET clauses of the functions that are called count for nothing.
#[pgrx::pg_guard]
pub extern "C-unwind" fn pin_search_path() -> c_int {
    // SAFETY: PostgreSQL's own variable, a string; settings as fmgr_security_definer() makes them (fmgr.c).
    unsafe {
        let now = pg_sys::namespace_search_path;
        if !now.is_null() && CStr::from_ptr(now) == SEARCH_PATH {
            return 0;
        }
        let level = pg_sys::NewGUCNestLevel();
        pg_sys::set_config_option(
            c"search_path".as_ptr(),
            SEARCH_PATH.as_ptr(),
            pg_sys::GucContext::PGC_USERSET,
            pg_sys::GucSource::PGC_S_SESSION,
            pg_sys::GucAction::GUC_ACTION_SAVE,
            true,
            0,
            false,
        );
        level
    }
}

fn in_worker() -> bool {
    // SAFETY: plain reads of backend state.
    unsafe { pg_sys::ParallelWorkerNumber >= 0 || pg_sys::InitializingParallelWorker }
}

fn refuse(message: &CStr) -> bool {
    // SAFETY: the check hook's own way to say why (guc.h); the string is copied into palloc'd memory.
    unsafe {
        pg_sys::GUC_check_errcode(pgrx::PgSqlErrorCode::ERRCODE_INSUFFICIENT_PRIVILEGE as i32);
        pg_sys::GUC_check_errmsg_string = pg_sys::pstrdup(message.as_ptr());
    }
    false
}

fn check(setting: usize, text: *const c_char, source: pg_sys::GucSource::Type) -> bool {
    if text.is_null() || in_worker() {
        return true;
    }
    // SAFETY: PostgreSQL passes a NUL-terminated string.
    let text = unsafe { CStr::from_ptr(text) };
    if text.is_empty() {
        return true;
    }
    if source != pg_sys::GucSource::PGC_S_SESSION {
        return refuse(
            c"the context is set inside a transaction, by ucrm.enter(), and nowhere else",
        );
    }
    if !context::accepts(setting, text) {
        return refuse(c"this transaction has already entered a context");
    }
    true
}

fn assign(setting: usize, text: *const c_char) {
    // At a transaction's end PostgreSQL puts old values back: that is no setting of a context.
    // SAFETY: a plain read of backend state; the string is NUL-terminated.
    unsafe {
        if !text.is_null() && pg_sys::IsTransactionState() && !in_worker() {
            let text = CStr::from_ptr(text);
            if !text.is_empty() {
                context::latch_value(setting, text);
            }
        }
    }
}

macro_rules! hooks {
    ($($number:literal $check:ident $assign:ident),*) => {
        $(
            #[pgrx::pg_guard]
            unsafe extern "C-unwind" fn $check(
                text: *mut *mut c_char,
                _extra: *mut *mut c_void,
                source: pg_sys::GucSource::Type,
            ) -> bool {
                // SAFETY: PostgreSQL passes a valid place.
                check($number, unsafe { *text }, source)
            }

            #[pgrx::pg_guard]
            unsafe extern "C-unwind" fn $assign(text: *const c_char, _extra: *mut c_void) {
                assign($number, text);
            }
        )*
        const CHECKS: [pg_sys::GucStringCheckHook; COUNT] = [$(Some($check)),*];
        const ASSIGNS: [pg_sys::GucStringAssignHook; COUNT] = [$(Some($assign)),*];
    };
}
hooks!(0 check_0 assign_0, 1 check_1 assign_1, 2 check_2 assign_2, 3 check_3 assign_3, 4 check_4 assign_4, 5 check_5 assign_5);

/// Defines the settings: superusers and holders of SET ON PARAMETER only.
pub fn define() {
    for number in 0..COUNT {
        // SAFETY: called once from _PG_init; all strings are static.
        unsafe {
            pg_sys::DefineCustomStringVariable(
                NAMES[number].as_ptr(),
                c"Part of the tenant context; set by UCRM's own functions.".as_ptr(),
                null_mut(),
                (&raw mut VALUES).cast::<*mut c_char>().add(number),
                c"".as_ptr(),
                pg_sys::GucContext::PGC_SUSET,
                (pg_sys::GUC_NO_RESET_ALL | pg_sys::GUC_NOT_IN_SAMPLE) as i32,
                CHECKS[number],
                ASSIGNS[number],
                None,
            );
        }
    }
}
