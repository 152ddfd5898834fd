//! Owns the leaves that print a page with the cursor of the next one, and a row inside a row.
//! Must never hold anything to drop while PostgreSQL code runs (see `run`).
//! Called by the generic resource, and by the statements of embeds.

use super::print::text::Text;
use super::print::{self, Printer};
use super::{VERSION_1, asked, execute};
use crate::body;
use crate::jwt::base64url;
use crate::raw;
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
        execute(&asked(fcinfo), &mut printer);
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
