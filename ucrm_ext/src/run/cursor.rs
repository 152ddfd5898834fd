//! Owns statements whose rows are fetched a few at a time.
//! Must never hold anything to drop while PostgreSQL code runs: an ERROR jumps over these frames (see `raw`).
//! Called by the steps of a stream.

use super::print::{Layout, Printer};
use super::{Statement, bound_arguments, planned_or_kept};
use crate::border::{Call, Fault, bytes_of};
use crate::raw;
use pgrx::{PgSqlErrorCode, pg_sys};
use std::ffi::c_char;

const VERSION_1: pg_sys::Pg_finfo_record = pg_sys::Pg_finfo_record { api_version: 1 };

/// A text as PostgreSQL's functions want a name.
unsafe fn terminated(datum: pg_sys::Datum) -> *const c_char {
    let bytes = bytes_of(datum);
    // SAFETY: there is room for the bytes and the zero.
    unsafe {
        let name = raw::palloc(bytes.len() + 1).cast::<c_char>();
        std::ptr::copy_nonoverlapping(bytes.as_ptr().cast(), name, bytes.len());
        name.add(bytes.len()).write(0);
        name
    }
}

#[pgrx::pg_guard]
extern "C-unwind" fn layout(call: pg_sys::FunctionCallInfo) -> Layout {
    match Call(call).text(2) {
        Some("csv") => Layout::Cells {
            header: Call(call).flag(3),
        },
        Some("ndjson") => Layout::Lines,
        Some("text") => Layout::Raw,
        _ => Layout::Objects,
    }
}

#[pgrx::pg_guard]
extern "C-unwind" fn refuse_cursor() {
    Fault::new(
        PgSqlErrorCode::ERRCODE_INVALID_CURSOR_NAME,
        "there is no such cursor",
    )
    .raise();
}

#[doc(hidden)]
#[unsafe(no_mangle)]
pub extern "C-unwind" fn pg_finfo_ucrm_open_rows() -> &'static pg_sys::Pg_finfo_record {
    &VERSION_1
}

/// ucrm.open_rows(sql text, binds text[], name text).
///
/// # Safety
/// Called by PostgreSQL with three arguments of these types.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn ucrm_open_rows(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: as in `run::execute`.
    unsafe {
        let name = terminated((*(*fcinfo).args.as_ptr().add(2)).value);
        let statement: Statement = bound_arguments(fcinfo);
        raw::SPI_connect();
        let plan = planned_or_kept(&statement);
        raw::SPI_cursor_open_with_paramlist(name, plan, statement.binds, false);
        raw::SPI_finish();
        pg_sys::Datum::null()
    }
}

#[doc(hidden)]
#[unsafe(no_mangle)]
pub extern "C-unwind" fn pg_finfo_ucrm_fetch_rows() -> &'static pg_sys::Pg_finfo_record {
    &VERSION_1
}

/// ucrm.fetch_rows(name text, count integer, layout text, first boolean) → bytea; null when there are no more.
///
/// # Safety
/// Called by PostgreSQL with four arguments of these types.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn ucrm_fetch_rows(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: as in `run::execute`; the text is made in the caller's memory.
    unsafe {
        let name = terminated((*(*fcinfo).args.as_ptr()).value);
        let count = (*(*fcinfo).args.as_ptr().add(1)).value.value() as i32;
        let portal = raw::SPI_cursor_find(name);
        if portal.is_null() {
            refuse_cursor();
        }
        let mut printer =
            Printer::new(pg_sys::CurrentMemoryContext, 65_536, usize::MAX).laid(layout(fcinfo));
        raw::PortalRunFetch(
            portal,
            pg_sys::FetchDirection::FETCH_FORWARD,
            count.into(),
            printer.receiver(),
        );
        (*fcinfo).isnull = printer.printed == 0 && printer.text.length() == 0;
        printer.text.datum()
    }
}
