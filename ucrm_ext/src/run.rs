//! Owns ucrm.run(): one statement of text and binds, planned once per session and role.
//! Must never run a utility command or more than one statement, nor turn an error into another one.
//! Called by the generic resource and by the gates of DBAs.
//!
//! The frames of this file hold nothing to drop while PostgreSQL code runs: an ERROR jumps over them (see `raw`).

mod print;

use crate::border::Fault;
use crate::raw;
use pgrx::{PgSqlErrorCode, pg_sys};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ffi::c_char;
use std::ptr::null_mut;

/// Plans kept per session; when there are more, all are let go and made again as they are needed.
const MOST_PLANS: usize = 512;
/// A generic plan at once: the custom plans PostgreSQL would make first cost more than the statements.
const GENERIC: i32 = pg_sys::CURSOR_OPT_GENERIC_PLAN as i32;

/// Kept plans by role and number of binds, then by text.
type Plans = HashMap<(u32, i32), HashMap<Box<str>, pg_sys::SPIPlanPtr>>;

thread_local! {
    static PLANS: RefCell<Plans> = RefCell::new(HashMap::new());
    static RUNNING: Cell<u32> = const { Cell::new(0) };
}

/// The transaction has ended, also by an error: nothing is running any more.
pub fn rest() {
    RUNNING.set(0);
}

fn kept(role: u32, binds: i32, text: &str) -> pg_sys::SPIPlanPtr {
    PLANS.with_borrow(|plans| {
        plans
            .get(&(role, binds))
            .and_then(|plans| plans.get(text))
            .copied()
            .unwrap_or(null_mut())
    })
}

fn keep(role: u32, binds: i32, text: &str, plan: pg_sys::SPIPlanPtr) {
    PLANS.with_borrow_mut(|plans| {
        plans
            .entry((role, binds))
            .or_default()
            .insert(text.into(), plan);
    });
}

fn full() -> bool {
    PLANS.with_borrow(|plans| plans.values().map(HashMap::len).sum::<usize>() >= MOST_PLANS)
}

/// The plans to let go, in memory that needs no dropping.
fn emptied() -> (*mut pg_sys::SPIPlanPtr, usize) {
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

#[pgrx::pg_guard]
extern "C-unwind" fn refuse_statement() {
    Fault::new(
        PgSqlErrorCode::ERRCODE_SYNTAX_ERROR,
        "ucrm.run() takes exactly one SELECT, INSERT, UPDATE, DELETE or MERGE",
    )
    .hint("Use EXECUTE for anything else.")
    .raise();
}

#[pgrx::pg_guard]
extern "C-unwind" fn refuse_null() {
    Fault::new(
        PgSqlErrorCode::ERRCODE_NULL_VALUE_NOT_ALLOWED,
        "ucrm.run() needs a statement",
    )
    .raise();
}

#[pgrx::pg_guard]
extern "C-unwind" fn refuse_column() {
    Fault::new(
        PgSqlErrorCode::ERRCODE_DATATYPE_MISMATCH,
        "the first column of ucrm.run()'s statement must be text",
    )
    .hint("Cast it: select (…)::text.")
    .raise();
}

/// Whether the plan is one statement, and no utility command.
unsafe fn is_one_statement(plan: pg_sys::SPIPlanPtr) -> bool {
    // SAFETY: a plan that SPI just made; its lists are PostgreSQL's.
    unsafe {
        let sources = raw::SPI_plan_get_plan_sources(plan);
        if sources.is_null() || (*sources).length != 1 {
            return false;
        }
        let source = (*(*sources).elements)
            .ptr_value
            .cast::<pg_sys::CachedPlanSource>();
        let queries = (*source).query_list;
        if queries.is_null() || (*queries).length < 1 {
            return false;
        }
        let query = (*(*queries).elements).ptr_value.cast::<pg_sys::Query>();
        (*query).commandType != pg_sys::CmdType::CMD_UTILITY
            && (*query).commandType != pg_sys::CmdType::CMD_UNKNOWN
    }
}

/// Connects to SPI and executes the statement; the caller reads SPI's table and finishes.
///
/// # Safety
/// Called with the call's own fcinfo: a statement and its binds.
unsafe fn execute(fcinfo: pg_sys::FunctionCallInfo) {
    // SAFETY: SPI as the manual says (47); every value alive across its calls is plain memory.
    unsafe {
        let arguments = (*fcinfo).args.as_ptr();
        if (*arguments).isnull {
            refuse_null();
        }
        let text = raw::pg_detoast_datum((*arguments).value.cast_mut_ptr());
        let length = pgrx::varlena::varsize_any_exhdr(text);
        let bytes = pgrx::varlena::vardata_any(text);
        // PostgreSQL wants a terminated string, which a text is not.
        let source = raw::palloc(length + 1).cast::<c_char>();
        std::ptr::copy_nonoverlapping(bytes, source, length);
        source.add(length).write(0);

        let (mut values, mut nulls, mut count) =
            (null_mut::<pg_sys::Datum>(), null_mut::<bool>(), 0);
        if !(*arguments.add(1)).isnull {
            let array = raw::pg_detoast_datum((*arguments.add(1)).value.cast_mut_ptr()).cast();
            raw::deconstruct_array(
                array,
                pg_sys::TEXTOID,
                -1,
                false,
                pg_sys::TYPALIGN_INT as c_char,
                &mut values,
                &mut nulls,
                &mut count,
            );
        }
        let flags = raw::palloc(count as usize + 1).cast::<c_char>();
        for at in 0..count as usize {
            flags
                .add(at)
                .write(if *nulls.add(at) { b'n' } else { b' ' } as c_char);
        }

        raw::SPI_connect();
        let role = pg_sys::GetUserId().to_u32();
        let name =
            std::str::from_utf8_unchecked(std::slice::from_raw_parts(source.cast::<u8>(), length));
        let mut plan = kept(role, count, name);
        if plan.is_null() {
            if RUNNING.get() == 0 && full() {
                let (old, many) = emptied();
                for at in 0..many {
                    raw::SPI_freeplan(*old.add(at));
                }
            }
            let types =
                raw::palloc((count as usize + 1) * size_of::<pg_sys::Oid>()).cast::<pg_sys::Oid>();
            for at in 0..count as usize {
                types.add(at).write(pg_sys::TEXTOID);
            }
            plan = raw::SPI_prepare_cursor(source, count, types, GENERIC);
            if plan.is_null() || !is_one_statement(plan) {
                refuse_statement();
            }
            if !full() {
                raw::SPI_keepplan(plan);
                keep(role, count, name, plan);
            }
        }

        RUNNING.set(RUNNING.get() + 1);
        raw::SPI_execute_plan(plan, values, flags, false, 0);
        RUNNING.set(RUNNING.get().saturating_sub(1));
    }
}

const VERSION_1: pg_sys::Pg_finfo_record = pg_sys::Pg_finfo_record { api_version: 1 };

#[doc(hidden)]
#[unsafe(no_mangle)]
pub extern "C-unwind" fn pg_finfo_ucrm_run() -> &'static pg_sys::Pg_finfo_record {
    &VERSION_1
}

/// ucrm.run(sql text, binds text[]) → text.
///
/// # Safety
/// Called by PostgreSQL with two arguments of these types.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn ucrm_run(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: as in `execute`.
    unsafe {
        execute(fcinfo);
        let (mut null, mut result) = (true, pg_sys::Datum::null());
        let table = raw::SPI_tuptable;
        if raw::SPI_processed > 0 && !table.is_null() {
            if raw::SPI_gettypeid((*table).tupdesc, 1) != pg_sys::TEXTOID {
                refuse_column();
            }
            result = raw::SPI_getbinval(*(*table).vals, (*table).tupdesc, 1, &mut null);
            if !null {
                result = raw::SPI_datumTransfer(result, false, -1);
            }
        }
        raw::SPI_finish();
        (*fcinfo).isnull = null;
        result
    }
}

#[doc(hidden)]
#[unsafe(no_mangle)]
pub extern "C-unwind" fn pg_finfo_ucrm_run_rows() -> &'static pg_sys::Pg_finfo_record {
    &VERSION_1
}

/// ucrm.run_rows(sql text, binds text[]) → text: all rows, a JSON array of objects.
///
/// # Safety
/// Called by PostgreSQL with two arguments of these types.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn ucrm_run_rows(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: as in `execute`; the text is made in the caller's memory.
    unsafe {
        let memory = pg_sys::CurrentMemoryContext;
        execute(fcinfo);
        let text = print::rows(memory, raw::SPI_tuptable, raw::SPI_processed as usize);
        raw::SPI_finish();
        text
    }
}

#[doc(hidden)]
#[unsafe(no_mangle)]
pub extern "C-unwind" fn pg_finfo_ucrm_run_row() -> &'static pg_sys::Pg_finfo_record {
    &VERSION_1
}

/// ucrm.run_row(sql text, binds text[]) → text: the first row, a JSON object; null when there is none.
///
/// # Safety
/// Called by PostgreSQL with two arguments of these types.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn ucrm_run_row(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: as in `execute`; the text is made in the caller's memory.
    unsafe {
        let memory = pg_sys::CurrentMemoryContext;
        execute(fcinfo);
        (*fcinfo).isnull = raw::SPI_processed == 0;
        let text = if raw::SPI_processed == 0 {
            pg_sys::Datum::null()
        } else {
            print::row(memory, raw::SPI_tuptable)
        };
        raw::SPI_finish();
        text
    }
}
