//! Owns declarations of PostgreSQL functions without pgrx's guard.
//! Must never be called with anything on the stack that needs to be dropped: an ERROR jumps over it.
//! Called by `run`, `call` and `handle`, so that SQLSTATEs of UCRM's own, hints and constraint names arrive as they were raised.

use pgrx::pg_sys;
use std::ffi::{c_char, c_int, c_void};

/// How the server talks to its client (libpq/libpq.h); its first members are these in every version.
#[repr(C)]
pub struct Channel {
    reset: Option<unsafe extern "C-unwind" fn()>,
    flush: Option<unsafe extern "C-unwind" fn() -> c_int>,
}

/// Sends what waits in the buffer for the client.
///
/// # Safety
/// Between two messages, as in a function of a select list.
pub unsafe fn flush() {
    // SAFETY: set when the server starts, and never null.
    unsafe {
        if let Some(flush) = (*PqCommMethods).flush {
            flush();
        }
    }
}

unsafe extern "C-unwind" {
    static PqCommMethods: *const Channel;
    pub fn SPI_connect() -> c_int;
    pub fn SPI_finish() -> c_int;
    pub fn SPI_prepare_cursor(
        text: *const c_char,
        count: c_int,
        types: *mut pg_sys::Oid,
        options: c_int,
    ) -> pg_sys::SPIPlanPtr;
    pub fn SPI_keepplan(plan: pg_sys::SPIPlanPtr) -> c_int;
    pub fn SPI_freeplan(plan: pg_sys::SPIPlanPtr) -> c_int;
    pub fn SPI_execute_plan_extended(
        plan: pg_sys::SPIPlanPtr,
        options: *const pg_sys::SPIExecuteOptions,
    ) -> c_int;
    pub fn makeParamList(count: c_int) -> pg_sys::ParamListInfo;
    pub fn SPI_getbinval(
        tuple: pg_sys::HeapTuple,
        descriptor: pg_sys::TupleDesc,
        column: c_int,
        null: *mut bool,
    ) -> pg_sys::Datum;
    pub fn SPI_datumTransfer(value: pg_sys::Datum, by_value: bool, length: c_int) -> pg_sys::Datum;
    pub fn SPI_plan_get_plan_sources(plan: pg_sys::SPIPlanPtr) -> *mut pg_sys::List;
    pub fn SPI_gettypeid(descriptor: pg_sys::TupleDesc, column: c_int) -> pg_sys::Oid;
    pub static mut SPI_processed: u64;
    pub static mut SPI_tuptable: *mut pg_sys::SPITupleTable;
    pub fn palloc(size: usize) -> *mut c_void;
    pub fn pg_detoast_datum(value: *mut pg_sys::varlena) -> *mut pg_sys::varlena;
    pub fn deconstruct_array(
        array: *mut pg_sys::ArrayType,
        element: pg_sys::Oid,
        length: c_int,
        by_value: bool,
        alignment: c_char,
        values: *mut *mut pg_sys::Datum,
        nulls: *mut *mut bool,
        count: *mut c_int,
    );
    pub fn pg_detoast_datum_packed(value: *mut pg_sys::varlena) -> *mut pg_sys::varlena;
    pub fn MemoryContextAlloc(memory: pg_sys::MemoryContext, size: usize) -> *mut c_void;
    pub fn repalloc(pointer: *mut c_void, size: usize) -> *mut c_void;
    pub fn slot_getsomeattrs_int(slot: *mut pg_sys::TupleTableSlot, columns: c_int);
    pub fn AtEOXact_GUC(commit: bool, level: c_int);
    pub fn getBaseType(kind: pg_sys::Oid) -> pg_sys::Oid;
    pub fn getTypeOutputInfo(kind: pg_sys::Oid, output: *mut pg_sys::Oid, varlena: *mut bool);
    pub fn OidOutputFunctionCall(function: pg_sys::Oid, value: pg_sys::Datum) -> *mut c_char;
    pub fn JsonEncodeDateTime(
        buffer: *mut c_char,
        value: pg_sys::Datum,
        kind: pg_sys::Oid,
        zone: *const c_int,
    ) -> *mut c_char;
    pub fn OidFunctionCall2Coll(
        function: pg_sys::Oid,
        collation: pg_sys::Oid,
        first: pg_sys::Datum,
        second: pg_sys::Datum,
    ) -> pg_sys::Datum;
    pub fn SPI_cursor_open_with_paramlist(
        name: *const c_char,
        plan: pg_sys::SPIPlanPtr,
        binds: pg_sys::ParamListInfo,
        read_only: bool,
    ) -> pg_sys::Portal;
    pub fn SPI_cursor_find(name: *const c_char) -> pg_sys::Portal;
    pub fn PortalRunFetch(
        portal: pg_sys::Portal,
        direction: pg_sys::FetchDirection::Type,
        count: std::ffi::c_long,
        receiver: *mut pg_sys::DestReceiver,
    ) -> u64;
    pub fn OidFunctionCall1Coll(
        function: pg_sys::Oid,
        collation: pg_sys::Oid,
        argument: pg_sys::Datum,
    ) -> pg_sys::Datum;
    pub fn lookup_rowtype_tupdesc(kind: pg_sys::Oid, typmod: c_int) -> pg_sys::TupleDesc;
    pub fn DecrTupleDescRefCount(descriptor: pg_sys::TupleDesc);
    pub fn heap_deform_tuple(
        tuple: pg_sys::HeapTuple,
        descriptor: pg_sys::TupleDesc,
        values: *mut pg_sys::Datum,
        nulls: *mut bool,
    );
    pub fn SPI_plan_get_cached_plan(plan: pg_sys::SPIPlanPtr) -> *mut pg_sys::CachedPlan;
    pub fn ReleaseCachedPlan(plan: *mut pg_sys::CachedPlan, owner: pg_sys::ResourceOwner);
}
