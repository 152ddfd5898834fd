//! Owns ucrm.call(): a route's function, called by its oid.
//! Must never call what the caller may not execute, nor turn an error into another one.
//! Called by ucrm.attend() and its like; `read` asks it who may execute what.

use crate::border::Fault;
use crate::raw;
use pgrx::{PgSqlErrorCode, pg_sys};

/// Whether the current role may execute it.
#[pgrx::pg_guard]
pub extern "C-unwind" fn may_execute(function: pg_sys::Oid) -> bool {
    // SAFETY: a look-up in the catalogue for the current role.
    unsafe {
        let role = pg_sys::GetUserId();
        #[cfg(feature = "pg15")]
        let allowed = pg_sys::pg_proc_aclcheck(function, role, pg_sys::ACL_EXECUTE);
        #[cfg(not(feature = "pg15"))]
        let allowed = pg_sys::object_aclcheck(
            pg_sys::ProcedureRelationId,
            function,
            role,
            pg_sys::ACL_EXECUTE.into(),
        );
        allowed == pg_sys::AclResult::ACLCHECK_OK
    }
}

#[pgrx::pg_guard]
extern "C-unwind" fn refuse() {
    Fault::new(
        PgSqlErrorCode::ERRCODE_INSUFFICIENT_PRIVILEGE,
        "the route's function does not exist or may not be executed",
    )
    .hint("grant execute on function … to ucrm_app;")
    .raise();
}

#[doc(hidden)]
#[unsafe(no_mangle)]
pub extern "C-unwind" fn pg_finfo_ucrm_call() -> &'static pg_sys::Pg_finfo_record {
    static VERSION_1: pg_sys::Pg_finfo_record = pg_sys::Pg_finfo_record { api_version: 1 };
    &VERSION_1
}

/// ucrm.call(fn oid, r ucrm.request) → ucrm.response.
///
/// # Safety
/// Called by PostgreSQL with two arguments of these types; the function takes the one and returns the other.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn ucrm_call(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: plain values only across the call, which may jump.
    unsafe {
        let arguments = (*fcinfo).args.as_ptr();
        let function = pg_sys::Oid::from_u32((*arguments).value.value() as u32);
        if (*arguments).isnull || (*arguments.add(1)).isnull || !may_execute(function) {
            refuse();
        }
        raw::OidFunctionCall1Coll(function, pg_sys::InvalidOid, (*arguments.add(1)).value)
    }
}
