//! Owns the leaves that print a page with the cursor of the next one, and a row inside a row.
//! Must never hold anything to drop while PostgreSQL code runs (see `run`).
//! Called by the generic resource, and by the statements of embeds.

use super::print::text::Text;
use super::print::{self, Printer};
use super::{VERSION_1, bound_arguments, execute, planned_or_kept};
use crate::border::bytes_of;
use crate::jwt::base64url;
use crate::{body, permission, raw};
use pgrx::pg_sys;

/// Longest stamp and values of a cursor: what a query string has room for, with the rest of it.
const MAX_CURSOR: usize = 4096;

#[doc(hidden)]
#[unsafe(no_mangle)]
pub extern "C-unwind" fn pg_finfo_ucrm_run_page() -> &'static pg_sys::Pg_finfo_record {
    &VERSION_1
}

/// ucrm.run_page(sql text, binds text[], size bigint, keys integer, stamp text, total bigint, page_limit bigint) → bytea:
/// the body of a page, with the cursor of the next one if more rows came than it holds; null when that is too long.
///
/// # Safety
/// Called by PostgreSQL with seven arguments of these types.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn ucrm_run_page(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: as in `execute`; the text is made in the caller's memory.
    unsafe {
        let arguments = (*fcinfo).args.as_ptr();
        let memory = pg_sys::CurrentMemoryContext;
        let size = (*arguments.add(2)).value.value();
        let mut printer = Printer::new(memory, 4096, size);
        printer.hide((*arguments.add(3)).value.value(), memory);
        printer.text.push(body::DATA);
        printer.text.push(b"[");
        execute(&bound_arguments(fcinfo), &mut printer);
        let more = raw::SPI_processed > size as u64;
        raw::SPI_finish();
        let stamp = raw::pg_detoast_datum_packed((*arguments.add(4)).value.cast_mut_ptr());
        let mut cursor = Text::new(memory, 256);
        cursor.push(std::slice::from_raw_parts(
            pgrx::varlena::vardata_any(stamp).cast(),
            pgrx::varlena::varsize_any_exhdr(stamp),
        ));
        cursor.push(printer.kept.between(0, printer.kept.length()));
        if more && cursor.length() > MAX_CURSOR {
            (*fcinfo).isnull = true;
            return pg_sys::Datum::null();
        }
        let number = |n: usize| {
            let argument = *arguments.add(n);
            (!argument.isnull).then_some(argument.value.value() as i64)
        };
        printer.text.push(b"]");
        let next = more.then(|| base64url::encode(cursor.between(0, cursor.length())));
        let meta = body::meta(number(5), None, number(6), next.as_deref());
        printer.text.push(meta.as_bytes());
        printer.text.datum()
    }
}

#[doc(hidden)]
#[unsafe(no_mangle)]
pub extern "C-unwind" fn pg_finfo_ucrm_json_row() -> &'static pg_sys::Pg_finfo_record {
    &VERSION_1
}

/// ucrm.json_row(record) → json: a row as ucrm.run_rows() prints one.
///
/// # Safety
/// Called by PostgreSQL with one composite argument that is not null.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn ucrm_json_row(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: the function is strict.
    unsafe { print::row((*(*fcinfo).args.as_ptr()).value) }
}

#[doc(hidden)]
#[unsafe(no_mangle)]
pub extern "C-unwind" fn pg_finfo_ucrm_run_labels() -> &'static pg_sys::Pg_finfo_record {
    &VERSION_1
}

#[pgrx::pg_guard]
extern "C-unwind" fn begin_labels(resource: pg_sys::Datum) {
    // SAFETY: a text of a UTF-8 database.
    let resource = unsafe { std::str::from_utf8_unchecked(bytes_of(resource)) };
    permission::begin_labels(resource);
}

/// ucrm.run_labels(sql text, binds text[], resource text) → text: as ucrm.run_rows(), of a statement that
/// ucrm.compile_labels() made for this resource.
///
/// # Safety
/// Called by PostgreSQL with three arguments of these types, none of them null.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn ucrm_run_labels(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: as in `execute`; an error that ends the statement ends the permission too (see `permission`).
    unsafe {
        let mut printer = Printer::new(pg_sys::CurrentMemoryContext, 1024, usize::MAX);
        printer.text.push(b"[");
        let statement = bound_arguments(fcinfo);
        begin_labels((*(*fcinfo).args.as_ptr().add(2)).value);
        execute(&statement, &mut printer);
        permission::end_labels();
        raw::SPI_finish();
        printer.text.push(b"]");
        printer.text.datum()
    }
}

#[doc(hidden)]
#[unsafe(no_mangle)]
pub extern "C-unwind" fn pg_finfo_ucrm_planned_rows() -> &'static pg_sys::Pg_finfo_record {
    &VERSION_1
}

/// ucrm.planned_rows(sql text, binds text[]) → bigint: how many rows the planner takes the statement to give.
///
/// # Safety
/// Called by PostgreSQL with two arguments of these types.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn ucrm_planned_rows(
    fcinfo: pg_sys::FunctionCallInfo,
) -> pg_sys::Datum {
    // SAFETY: as in `execute`; the plan is released when its resource owner is.
    unsafe {
        let statement = bound_arguments(fcinfo);
        raw::SPI_connect();
        let plan = planned_or_kept(&statement);
        let mut rows = 0.0;
        let cached = raw::SPI_plan_get_cached_plan(plan);
        if !cached.is_null() {
            let statements = (*cached).stmt_list;
            if !statements.is_null() && (*statements).length == 1 {
                let planned = (*(*statements).elements)
                    .ptr_value
                    .cast::<pg_sys::PlannedStmt>();
                if !(*planned).planTree.is_null() {
                    rows = (*(*planned).planTree).plan_rows;
                }
            }
            raw::ReleaseCachedPlan(cached, pg_sys::CurrentResourceOwner);
        }
        raw::SPI_finish();
        pg_sys::Datum::from(rows as i64)
    }
}
