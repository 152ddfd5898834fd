//! Owns ucrm.handle(): a request's way as far as what is remembered goes, and the answer when it is a GET that `read`
//! can give; everything else is told by ucrm.attend().
//! Must never take a step twice, look a name up where the session says, nor turn an error into another one.
//! Called by the gateway.
//!
//! The frame of the entry holds nothing to drop while PostgreSQL code runs: an ERROR jumps over it (see `raw`).

use crate::advance::{Answered, walk};
use crate::border::{Call, Fault, bytes_of, composite, row_of};
use crate::read::Reading;
use crate::request::{ID, Request, Row, row};
use crate::run::print::Printer;
use crate::{raw, run, setting};
use pgrx::{PgSqlErrorCode, pg_sys};
use std::ffi::CStr;

/// How far a request came, in memory that needs no dropping.
#[derive(Clone, Copy)]
struct Way {
    row: Row,
    reading: Option<Reading>,
}

fn request(call: Call) -> Request {
    Request {
        method: call.datum(0),
        path: call.datum(1),
        query: call.datum(2),
        headers: call.datum(3),
        body: call.datum(4),
        kind: call.datum(5),
        credential: call.datum(7),
        address: call.datum(8),
        id: call.datum(9),
    }
}

/// Goes as far as memory reaches.
#[pgrx::pg_guard]
extern "C-unwind" fn gone(fcinfo: pg_sys::FunctionCallInfo) -> *mut Way {
    let request = request(Call(fcinfo));
    let way = walk(
        &request,
        request.header("x-tenant-id"),
        &Answered::default(),
    );
    let row = row(&request, &way);
    let reading = way
        .as_ref()
        .ok()
        .and_then(|dispatch| Reading::of(&request, dispatch, row[ID]));
    // SAFETY: palloc'd memory is aligned for anything, and goes with the call; there is nothing in it to drop.
    unsafe {
        let gone = pg_sys::palloc(size_of::<Way>()).cast::<Way>();
        gone.write(Way { row, reading });
        gone
    }
}

/// The reply, when there is one.
#[pgrx::pg_guard]
extern "C-unwind" fn answered(
    fcinfo: pg_sys::FunctionCallInfo,
    reading: *const Reading,
    printer: *mut Printer,
) -> pg_sys::Datum {
    // SAFETY: both are the caller's.
    let response = unsafe { (*reading).response(&mut *printer) };
    composite(Call(fcinfo), &response)
}

/// The arguments of ucrm.attend(), and their types.
const ATTEND: [pg_sys::Oid; 10] = [
    pg_sys::TEXTOID,
    pg_sys::TEXTOID,
    pg_sys::TEXTOID,
    pg_sys::JSONBOID,
    pg_sys::BYTEAOID,
    pg_sys::TEXTOID,
    pg_sys::BYTEAOID,
    pg_sys::INETOID,
    pg_sys::UUIDOID,
    // ucrm.request
    pg_sys::InvalidOid,
];

/// The oids of ucrm.attend(), or ucrm.attend_rest() below /rest/, and of its last argument's type; zero for what is not
/// there. By schema and exact types.
fn attend(path: &[u8]) -> (pg_sys::Oid, pg_sys::Oid) {
    let name = |name: &CStr| pg_sys::Datum::from(name.as_ptr());
    let none = pg_sys::Datum::null();
    // SAFETY: look-ups in the catalogue, keys as pg_type's and pg_proc's indexes have them (syscache.h).
    unsafe {
        let schema = pg_sys::Datum::from(pg_sys::get_namespace_oid(c"ucrm".as_ptr(), true));
        let request = pg_sys::GetSysCacheOid(
            pg_sys::SysCacheIdentifier::TYPENAMENSP as i32,
            pg_sys::Anum_pg_type_oid as i16,
            name(c"request"),
            schema,
            none,
            none,
        );
        let mut types = ATTEND;
        types[9] = request;
        let function = pg_sys::GetSysCacheOid(
            pg_sys::SysCacheIdentifier::PROCNAMEARGSNSP as i32,
            pg_sys::Anum_pg_proc_oid as i16,
            name(if path.starts_with(b"/rest/") {
                c"attend_rest"
            } else {
                c"attend"
            }),
            pg_sys::Datum::from(pg_sys::buildoidvector(types.as_ptr(), types.len() as i32)),
            schema,
            none,
        );
        (function, request)
    }
}

/// A call of ucrm.attend(), ready to be made.
#[pgrx::pg_guard]
extern "C-unwind" fn story(
    fcinfo: pg_sys::FunctionCallInfo,
    way: *const Way,
) -> pg_sys::FunctionCallInfo {
    let request = request(Call(fcinfo));
    let (function, kind) = attend(request.path.map(bytes_of).unwrap_or_default());
    if function == pg_sys::InvalidOid {
        Fault::new(
            PgSqlErrorCode::ERRCODE_UNDEFINED_FUNCTION,
            "ucrm.attend() is missing",
        )
        .hint("ALTER EXTENSION ucrm UPDATE;")
        .raise();
    }
    // SAFETY: the way is the caller's; palloc'd memory goes with the call, and has room for all arguments.
    unsafe {
        let arguments = [
            request.method,
            request.path,
            request.query,
            request.headers,
            request.body,
            request.kind,
            request.credential,
            request.address,
            request.id,
            Some(row_of(kind, &(*way).row)),
        ];
        let info = pg_sys::palloc0(size_of::<pg_sys::FmgrInfo>()).cast::<pg_sys::FmgrInfo>();
        pg_sys::fmgr_info(function, info);
        let size = size_of::<pg_sys::FunctionCallInfoBaseData>()
            + arguments.len() * size_of::<pg_sys::NullableDatum>();
        let call = pg_sys::palloc0(size).cast::<pg_sys::FunctionCallInfoBaseData>();
        (*call).flinfo = info;
        (*call).fncollation = (*fcinfo).fncollation;
        (*call).nargs = arguments.len() as i16;
        for (at, argument) in arguments.into_iter().enumerate() {
            (*call)
                .args
                .as_mut_ptr()
                .add(at)
                .write(pg_sys::NullableDatum {
                    value: argument.unwrap_or(pg_sys::Datum::null()),
                    isnull: argument.is_none(),
                });
        }
        call
    }
}

#[doc(hidden)]
#[unsafe(no_mangle)]
pub extern "C-unwind" fn pg_finfo_ucrm_handle() -> &'static pg_sys::Pg_finfo_record {
    static VERSION_1: pg_sys::Pg_finfo_record = pg_sys::Pg_finfo_record { api_version: 1 };
    &VERSION_1
}

/// ucrm.handle(method, path, query, headers, body, kind, hint, credential, address, request_id) → ucrm.response.
///
/// # Safety
/// Called by PostgreSQL with ten arguments of these types.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn ucrm_handle(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: every value alive across the calls, which may jump, is plain memory.
    unsafe {
        let way = gone(fcinfo);
        if let Some(reading) = &(*way).reading {
            let mut printer = reading.printer(pg_sys::CurrentMemoryContext);
            let level = setting::pin_search_path();
            run::execute(&reading.statement, &mut printer);
            raw::SPI_finish();
            if level > 0 {
                raw::AtEOXact_GUC(true, level);
            }
            if reading.is_answered(printer.printed) {
                return answered(fcinfo, reading, &mut printer);
            }
        }
        let call = story(fcinfo, way);
        let Some(attend) = (*(*call).flinfo).fn_addr else {
            return pg_sys::Datum::null();
        };
        let response = attend(call);
        (*fcinfo).isnull = (*call).isnull;
        response
    }
}
