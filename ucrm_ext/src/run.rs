//! Owns ucrm.run(): one statement of text and binds, planned once per session and role.
//! Must never run a utility command or more than one statement, nor turn an error into another one.
//! Called by the generic resource, `handle`, and the gates of DBAs.
//!
//! The frames of this file hold nothing to drop while PostgreSQL code runs: an ERROR jumps over them (see `raw`).

pub mod cursor;
mod kept;
mod page;
pub mod print;

use crate::border::{Fault, copy_of, varlena};
use crate::{permission, raw};
pub use kept::Place;
use pgrx::{PgSqlErrorCode, pg_sys};
use print::Printer;
use std::cell::Cell;
use std::ffi::c_char;
use std::ptr::{null, null_mut};

/// A generic plan at once: the custom plans PostgreSQL would make first cost more than the statements.
const GENERIC: i32 = pg_sys::CURSOR_OPT_GENERIC_PLAN as i32;
/// A parameter's value does not change while the statement runs (nodes/params.h).
const CONSTANT: u16 = pg_sys::PARAM_FLAG_CONST as u16;

thread_local! {
    static RUNNING: Cell<u32> = const { Cell::new(0) };
}

/// A statement and its binds, in memory that needs no dropping.
#[derive(Clone, Copy)]
pub struct Statement {
    /// UTF-8, not terminated; null when there is a plan.
    text: *const u8,
    length: usize,
    /// How many binds, all of type text.
    count: i32,
    binds: pg_sys::ParamListInfo,
    /// The plan, if it is known already.
    plan: pg_sys::SPIPlanPtr,
}

impl Statement {
    /// A statement with these binds, which are copied, as is the text if it has to be planned.
    pub fn of<'a>(
        text: &str,
        binds: impl ExactSizeIterator<Item = &'a str>,
        place: &Place,
    ) -> Statement {
        let count = binds.len() as i32;
        // SAFETY: there is room for as many parameters as are written.
        let list = unsafe { pg_sys::makeParamList(count) };
        for (at, bind) in binds.enumerate() {
            // SAFETY: as above.
            unsafe { bound(list, at, varlena(bind.as_bytes()), false) };
        }
        let plan = place.plan(text, count);
        let copied = plan.is_null().then(|| copy_of(text.as_bytes()));
        Statement {
            text: copied.map_or(null(), |copy| copy.cast_mut_ptr()),
            length: text.len(),
            count,
            binds: list,
            plan,
        }
    }

    unsafe fn name<'a>(&self) -> &'a str {
        // SAFETY: text of a UTF-8 database, which outlives the statement.
        unsafe { std::str::from_utf8_unchecked(std::slice::from_raw_parts(self.text, self.length)) }
    }
}

unsafe fn bound(list: pg_sys::ParamListInfo, at: usize, value: pg_sys::Datum, isnull: bool) {
    // SAFETY: the list has room for so many.
    unsafe {
        (*list)
            .params
            .as_mut_ptr()
            .add(at)
            .write(pg_sys::ParamExternData {
                value,
                isnull,
                pflags: CONSTANT,
                ptype: pg_sys::TEXTOID,
            });
    }
}

/// The transaction has ended, also by an error: nothing is running any more.
pub fn rest() {
    permission::end_labels();
    RUNNING.set(0);
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

/// SPI says so instead of raising it; no statement that was planned here gets there.
#[pgrx::pg_guard]
extern "C-unwind" fn refuse_plan() {
    Fault::new(
        PgSqlErrorCode::ERRCODE_INTERNAL_ERROR,
        "a plan of ucrm.run() cannot be executed",
    )
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

/// The statement and binds of a call of ucrm.run() and its like.
///
/// # Safety
/// The first two arguments are a text and a text[].
unsafe fn bound_arguments(fcinfo: pg_sys::FunctionCallInfo) -> Statement {
    // SAFETY: a text and a text[]; every value alive across PostgreSQL's functions is plain memory.
    unsafe {
        let arguments = (*fcinfo).args.as_ptr();
        if (*arguments).isnull {
            refuse_null();
        }
        let text = raw::pg_detoast_datum_packed((*arguments).value.cast_mut_ptr());
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
        let binds = raw::makeParamList(count);
        for at in 0..count as usize {
            bound(binds, at, *values.add(at), *nulls.add(at));
        }
        let mut statement = Statement {
            text: pgrx::varlena::vardata_any(text).cast(),
            length: pgrx::varlena::varsize_any_exhdr(text),
            count,
            binds,
            plan: null_mut(),
        };
        statement.plan = kept::plan(statement.name(), count);
        statement
    }
}

/// Makes the plan, and keeps it if there is room.
unsafe fn planned(statement: &Statement) -> pg_sys::SPIPlanPtr {
    // SAFETY: as in `execute`; SPI is connected.
    unsafe {
        if RUNNING.get() == 0 && kept::full() {
            let (old, many) = kept::emptied();
            for at in 0..many {
                raw::SPI_freeplan(*old.add(at));
            }
        }
        // PostgreSQL wants a terminated string, which a text is not.
        let source = raw::palloc(statement.length + 1).cast::<c_char>();
        std::ptr::copy_nonoverlapping(statement.text.cast(), source, statement.length);
        source.add(statement.length).write(0);
        let types = raw::palloc((statement.count as usize + 1) * size_of::<pg_sys::Oid>())
            .cast::<pg_sys::Oid>();
        for at in 0..statement.count as usize {
            types.add(at).write(pg_sys::TEXTOID);
        }
        let plan = raw::SPI_prepare_cursor(source, statement.count, types, GENERIC);
        if plan.is_null() || !is_one_statement(plan) {
            refuse_statement();
        }
        if !kept::full() {
            raw::SPI_keepplan(plan);
            kept::keep(statement.name(), statement.count, plan);
        }
        plan
    }
}

/// The plan, made if there is none yet.
unsafe fn planned_or_kept(statement: &Statement) -> pg_sys::SPIPlanPtr {
    if statement.plan.is_null() {
        // SAFETY: as in `execute`.
        unsafe { planned(statement) }
    } else {
        statement.plan
    }
}

/// Connects to SPI and executes the statement. Its rows go to the printer, or with null into SPI's table; the caller
/// reads that and finishes.
///
/// # Safety
/// Nothing that needs dropping is in the caller's frame; text and binds are of the current transaction's memory.
pub unsafe fn execute(statement: &Statement, printer: *mut Printer) {
    // SAFETY: SPI as the manual says (47); every value alive across its calls is plain memory.
    unsafe {
        raw::SPI_connect();
        let plan = planned_or_kept(statement);
        let options = pg_sys::SPIExecuteOptions {
            params: statement.binds,
            // A snapshot of its own: the calling statement's is older than what was waited for on the way here.
            read_only: false,
            dest: printer.as_mut().map_or(null_mut(), Printer::receiver),
            ..Default::default()
        };
        RUNNING.set(RUNNING.get() + 1);
        if raw::SPI_execute_plan_extended(plan, &options) < 0 {
            refuse_plan();
        }
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
        execute(&bound_arguments(fcinfo), null_mut());
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
        let mut printer = Printer::new(pg_sys::CurrentMemoryContext, 4096, usize::MAX);
        printer.text.push(b"[");
        execute(&bound_arguments(fcinfo), &mut printer);
        raw::SPI_finish();
        printer.text.push(b"]");
        printer.text.datum()
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
        let mut printer = Printer::new(pg_sys::CurrentMemoryContext, 1024, 1);
        execute(&bound_arguments(fcinfo), &mut printer);
        let processed = raw::SPI_processed;
        raw::SPI_finish();
        (*fcinfo).isnull = processed == 0;
        if processed > 0 && printer.printed == 0 {
            printer.text.push(b"{}");
        }
        printer.text.datum()
    }
}
