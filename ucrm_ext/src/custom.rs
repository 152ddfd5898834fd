//! Owns whether the custom values of a row fit the columns that its tenant has defined, as of the latest commit.
//! Must never tell anything of a tenant that the writer does not act for, nor let a column go while a row takes it.
//! Called by the triggers of protected tables, once a row, and by whoever changes a definition.

mod definition;
mod value;

use crate::border::{Answer, Call, varlena};
use crate::lock::{self, Mode};
use crate::{context, generation};
use definition::Definitions;
use pgrx::pg_sys;
use serde_json::{Map, Value};
use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::CStr;
use std::rc::Rc;

/// A backend forgets all definitions when it knows those of this many tables of tenants.
const MOST_KNOWN: usize = 1024;

/// Deepest nesting of a value that is looked at.
const MAX_DEPTH: usize = 64;

/// When something was looked up: the generation, and how far this transaction has itself changed definitions.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Moment {
    generation: u64,
    own: Option<(u32, u64)>,
}

type Place = ([u8; 16], Box<str>);

thread_local! {
    static KNOWN: RefCell<HashMap<Place, (Moment, Rc<Definitions>)>> = RefCell::new(HashMap::new());
}

fn now() -> Moment {
    let own = generation::pending_definitions().then(|| {
        // SAFETY: a plain read of backend state.
        let subtransaction = unsafe { pg_sys::GetCurrentSubTransactionId() };
        (subtransaction, generation::own_changes())
    });
    Moment {
        generation: generation::definitions(),
        own,
    }
}

/// Row security refuses whoever writes another tenant's row, and is not told more than that.
fn is_writers_own(tenant: [u8; 16]) -> bool {
    // SAFETY: plain look-ups in the catalogue.
    let bypasses = || unsafe { pg_sys::has_bypassrls_privilege(pg_sys::GetUserId()) };
    context::tenant() == Some(tenant) || bypasses()
}

/// Takes the lock of a tenant's definitions for one resource.
fn hold(tenant: [u8; 16], resource: &str, mode: Mode) {
    lock::take(&[b"custom columns", &tenant, resource.as_bytes()], mode);
}

fn definitions(tenant: [u8; 16], resource: &str) -> Rc<Definitions> {
    let place = (tenant, resource.into());
    let now = now();
    let known = KNOWN.with_borrow(|known| {
        known
            .get(&place)
            .filter(|(then, _)| *then == now)
            .map(|(_, definitions)| definitions.clone())
    });
    known.unwrap_or_else(|| {
        let definitions = Rc::new(Definitions::parse(&look_up(tenant, resource)));
        KNOWN.with_borrow_mut(|known| {
            if known.len() >= MOST_KNOWN {
                known.clear();
            }
            known.insert(place, (now, definitions.clone()));
        });
        definitions
    })
}

/// As UCRM's owner, whatever the writer may read; as of this moment, so that REPEATABLE READ is held to the latest commit too.
fn look_up(tenant: [u8; 16], resource: &str) -> String {
    const QUERY: &CStr = c"select ucrm.custom_definitions($1, $2)";
    let mut types = [pg_sys::UUIDOID, pg_sys::TEXTOID];
    let mut values = [crate::border::uuid(tenant), varlena(resource.as_bytes())];
    // SAFETY: SPI as the manual says (47.1); when it raises, PostgreSQL puts user and snapshot back with the (sub)transaction.
    unsafe {
        let (mut user, mut context) = (pg_sys::InvalidOid, 0);
        pg_sys::GetUserIdAndSecContext(&mut user, &mut context);
        let owner = pg_sys::get_role_oid(c"ucrm_owner".as_ptr(), false);
        pg_sys::SetUserIdAndSecContext(
            owner,
            context | pg_sys::SECURITY_LOCAL_USERID_CHANGE as i32,
        );
        pg_sys::PushActiveSnapshot(pg_sys::GetCatalogSnapshot(pg_sys::InvalidOid));
        pg_sys::SPI_connect();
        pg_sys::SPI_execute_with_args(
            QUERY.as_ptr(),
            2,
            types.as_mut_ptr(),
            values.as_mut_ptr(),
            std::ptr::null(),
            true,
            1,
        );
        let mut text = String::new();
        if pg_sys::SPI_processed == 1 && !pg_sys::SPI_tuptable.is_null() {
            let table = pg_sys::SPI_tuptable;
            let mut null = false;
            let datum = pg_sys::SPI_getbinval(*(*table).vals, (*table).tupdesc, 1, &mut null);
            if !null {
                text = String::from_utf8_lossy(crate::border::bytes_of(datum)).into_owned();
            }
        }
        pg_sys::SPI_finish();
        pg_sys::PopActiveSnapshot();
        pg_sys::SetUserIdAndSecContext(user, context);
        text
    }
}

/// A jsonb argument; what is null is empty.
fn object(call: Call, n: usize) -> Result<Map<String, Value>, &'static str> {
    let Some(datum) = call.datum(n) else {
        return Ok(Map::new());
    };
    // SAFETY: the argument is declared jsonb; the text is palloc'd and outlives the call.
    let text = unsafe {
        let jsonb: *mut pg_sys::Jsonb = pg_sys::pg_detoast_datum(datum.cast_mut_ptr()).cast();
        let root = &raw mut (*jsonb).root;
        if (*root).header & pg_sys::JB_FOBJECT != 0 && (*root).header & pg_sys::JB_CMASK == 0 {
            return Ok(Map::new());
        }
        CStr::from_ptr(pg_sys::JsonbToCString(std::ptr::null_mut(), root, 0))
    };
    crate::body::json::check(text.to_bytes(), MAX_DEPTH).map_err(|fault| fault.message)
}

/// What is wrong with a row's custom values, a line each; null when nothing is.
fn faults(call: Call) -> Answer {
    let (Some(tenant), Some(resource)) = (call.uuid(0), call.text(1)) else {
        return Ok(None);
    };
    // A restored tenant brings values of columns that are gone since.
    if !is_writers_own(tenant) || context::hushed() == Some(tenant) {
        return Ok(None);
    }
    let Ok(given) = object(call, 2) else {
        let line = "custom: must be an object of custom columns (invalid_type)";
        return Ok(Some(varlena(line.as_bytes())));
    };
    let previous = call.datum(3).map(|_| object(call, 3).unwrap_or_default());
    if !given.is_empty() {
        hold(tenant, resource, Mode::Shared);
    }
    let lines = definitions(tenant, resource).faults(&given, previous.as_ref());
    Ok((!lines.is_empty()).then(|| varlena(lines.join("\n").as_bytes())))
}

fn take(call: Call) -> Answer {
    if let (Some(tenant), Some(resource)) = (call.uuid(0), call.text(1)) {
        hold(tenant, resource, Mode::Exclusive);
    }
    Ok(Some(pg_sys::Datum::null()))
}

crate::leaf!(pg_finfo_ucrm_custom_faults, ucrm_custom_faults, faults);
crate::leaf!(
    pg_finfo_ucrm_hold_custom_columns,
    ucrm_hold_custom_columns,
    take
);
