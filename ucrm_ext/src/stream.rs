//! Owns ucrm.handle_stream(): the reply of ucrm.handle(), then pieces of a body that is too long for one row, each made when
//! the reader asks for it.
//! Must never hold more than one piece, nor turn an error into another one.
//! Called by the gateway.
//!
//! Its frames hold nothing to drop while PostgreSQL code runs: an ERROR jumps over them (see `raw`).

use crate::border::{Call, Fault, composite, image, varlena};
use crate::handle::ucrm_handle;
use crate::raw;
use crate::row::Columns;
use pgrx::{IntoDatum, PgSqlErrorCode, pg_sys};
use std::ffi::{CStr, CString};

/// What makes the next piece: ucrm.<name>(state jsonb, body bytea) → ucrm.piece, and its state.
#[derive(Clone, Copy)]
struct Source {
    step: pg_sys::Oid,
    /// jsonb, in the memory of all calls.
    state: pg_sys::Datum,
    /// Of the request.
    body: pg_sys::Datum,
}

/// The status of the last piece: whoever passes pieces on keeps that one back until the transaction stands.
const LAST: i32 = 200;

/// Position in the arguments of ucrm.handle().
const BODY: usize = 4;

/// By schema and exact types.
fn step(name: &CStr) -> pg_sys::Oid {
    let types = [pg_sys::JSONBOID, pg_sys::BYTEAOID];
    // SAFETY: look-ups in the catalogue, keys as pg_proc's index has them (syscache.h).
    unsafe {
        let schema = pg_sys::Datum::from(pg_sys::get_namespace_oid(c"ucrm".as_ptr(), true));
        pg_sys::GetSysCacheOid(
            pg_sys::SysCacheIdentifier::PROCNAMEARGSNSP as i32,
            pg_sys::Anum_pg_proc_oid as i16,
            pg_sys::Datum::from(name.as_ptr()),
            pg_sys::Datum::from(pg_sys::buildoidvector(types.as_ptr(), 2)),
            schema,
            pg_sys::Datum::null(),
        )
    }
}

/// A copy in memory that lives as long as the reply.
unsafe fn kept(memory: pg_sys::MemoryContext, datum: pg_sys::Datum) -> pg_sys::Datum {
    let bytes = image(datum);
    // SAFETY: there is room for what is copied.
    unsafe {
        let copy = pg_sys::MemoryContextAlloc(memory, bytes.len()).cast::<u8>();
        std::ptr::copy_nonoverlapping(bytes.as_ptr(), copy, bytes.len());
        pg_sys::Datum::from(copy)
    }
}

/// Where the pieces come from that a reply's headers announce; null when there are none.
#[pgrx::pg_guard]
extern "C-unwind" fn source(
    fcinfo: pg_sys::FunctionCallInfo,
    answer: pg_sys::Datum,
    memory: pg_sys::MemoryContext,
) -> *mut Source {
    let none = std::ptr::null_mut();
    let Some(headers) = Columns::<3>::of(answer).and_then(|answer| answer.datum(1)) else {
        return none;
    };
    let header = |name: &str| {
        let name = Some(varlena(name.as_bytes()));
        // SAFETY: jsonb and text; both are strict and immutable.
        unsafe {
            pgrx::direct_function_call_as_datum(
                pg_sys::jsonb_object_field_text,
                &[Some(headers), name],
            )
        }
    };
    let Some(name) = header("x-ucrm-stream") else {
        return none;
    };
    let name = CString::new(crate::border::bytes_of(name)).unwrap_or_default();
    let step = step(&name);
    if step == pg_sys::InvalidOid {
        Fault::new(
            PgSqlErrorCode::ERRCODE_UNDEFINED_FUNCTION,
            "there is no such step of a stream",
        )
        .raise();
    }
    let state = header("x-ucrm-state");
    let state = state.map_or(c"{}".to_owned(), |state| {
        CString::new(crate::border::bytes_of(state)).unwrap_or_default()
    });
    // SAFETY: jsonb_in() of a terminated text; the memory outlives the reply.
    unsafe {
        let state = pgrx::direct_function_call_as_datum(
            pg_sys::jsonb_in,
            &[Some(pg_sys::Datum::from(state.as_ptr()))],
        );
        let Some(state) = state else { return none };
        let source = pg_sys::MemoryContextAlloc(memory, size_of::<Source>()).cast::<Source>();
        source.write(Source {
            step,
            state: kept(memory, state),
            body: Call(fcinfo).datum(BODY).unwrap_or_else(|| varlena(b"")),
        });
        source
    }
}

/// The row for a piece. Its state is what the next one is made from; without one there is no next.
#[pgrx::pg_guard]
extern "C-unwind" fn row(
    fcinfo: pg_sys::FunctionCallInfo,
    context: *mut pg_sys::FuncCallContext,
    piece: pg_sys::Datum,
) -> pg_sys::Datum {
    let Some(piece) = Columns::<2>::of(piece) else {
        return pg_sys::Datum::null();
    };
    let mut status = None;
    // SAFETY: the context is this call's, and its memory holds the source.
    unsafe {
        let source = (*context).user_fctx.cast::<Source>();
        match piece.datum(0) {
            Some(state) => {
                pg_sys::pfree((*source).state.cast_mut_ptr());
                (*source).state = kept((*context).multi_call_memory_ctx, state);
            }
            None => {
                (*context).user_fctx = std::ptr::null_mut();
                status = Some(LAST);
            }
        }
    }
    let body = piece.datum(1);
    composite(Call(fcinfo), &[status.into_datum(), None, body])
}

#[doc(hidden)]
#[unsafe(no_mangle)]
pub extern "C-unwind" fn pg_finfo_ucrm_handle_stream() -> &'static pg_sys::Pg_finfo_record {
    static VERSION_1: pg_sys::Pg_finfo_record = pg_sys::Pg_finfo_record { api_version: 1 };
    &VERSION_1
}

/// ucrm.handle_stream(…) → setof ucrm.response: value per call, so that it belongs into a select list.
///
/// # Safety
/// Called by PostgreSQL as a function that returns a set, with the arguments of ucrm.handle().
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn ucrm_handle_stream(
    fcinfo: pg_sys::FunctionCallInfo,
) -> pg_sys::Datum {
    // SAFETY: the protocol of functions that return sets (funcapi.h); plain values only across calls, which may jump.
    unsafe {
        let result = (*fcinfo).resultinfo.cast::<pg_sys::ReturnSetInfo>();
        if (*(*fcinfo).flinfo).fn_extra.is_null() {
            let context = pg_sys::init_MultiFuncCall(fcinfo);
            let answer = ucrm_handle(fcinfo);
            if !(*fcinfo).isnull {
                (*context).user_fctx =
                    source(fcinfo, answer, (*context).multi_call_memory_ctx).cast();
            }
            (*result).isDone = pg_sys::ExprDoneCond::ExprMultipleResult;
            return answer;
        }
        let context = pg_sys::per_MultiFuncCall(fcinfo);
        let source = (*context).user_fctx.cast::<Source>();
        if source.is_null() {
            pg_sys::end_MultiFuncCall(fcinfo, context);
            (*result).isDone = pg_sys::ExprDoneCond::ExprEndResult;
            (*fcinfo).isnull = true;
            return pg_sys::Datum::null();
        }
        // Who waits for a line does not wait until the server's buffer is full.
        raw::flush();
        let piece = raw::OidFunctionCall2Coll(
            (*source).step,
            pg_sys::InvalidOid,
            (*source).state,
            (*source).body,
        );
        (*fcinfo).isnull = false;
        (*result).isDone = pg_sys::ExprDoneCond::ExprMultipleResult;
        row(fcinfo, context, piece)
    }
}
