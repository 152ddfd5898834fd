//! Owns what the session's login is bound to, as of the latest commit.
//! Must never believe anything but the session's own login and ucrm.logins.
//! Called by `context` for whoever has entered nothing.

use crate::generation;
use crate::principal::{Principal, Row};
use pgrx::pg_sys;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

#[derive(Clone)]
struct Binding {
    login: u32,
    generation: u64,
    principal: Option<Rc<Principal>>,
}

thread_local! {
    static BINDING: RefCell<Option<Binding>> = const { RefCell::new(None) };
    static LOOKING: Cell<bool> = const { Cell::new(false) };
}

/// What the session's login is bound to, as of the latest commit. Kept until somebody changes what it is made of.
pub fn binding() -> Option<Rc<Principal>> {
    // SAFETY: plain reads of backend state. Without a transaction nothing can be looked up.
    let (login, settled) = unsafe {
        if !pg_sys::IsTransactionState() {
            return None;
        }
        (
            pg_sys::GetSessionUserId().to_u32(),
            !pg_sys::RecoveryInProgress() && pg_sys::ParallelWorkerNumber < 0,
        )
    };
    if LOOKING.get() {
        return None;
    }
    let usable = settled && !generation::pending_definitions();
    let now = generation::definitions();
    if usable {
        let kept = BINDING.with_borrow(|kept| {
            kept.as_ref()
                .filter(|kept| kept.login == login && kept.generation == now)
                .map(|kept| kept.principal.clone())
        });
        if let Some(principal) = kept {
            return principal;
        }
    }
    let principal = look_up_binding().map(Rc::new);
    if usable {
        BINDING.set(Some(Binding {
            login,
            generation: now,
            principal: principal.clone(),
        }));
    }
    principal
}

/// Marks that the look-up is under way, also when it ends with an error.
struct Looking;

impl Looking {
    fn begin() -> Looking {
        LOOKING.set(true);
        Looking
    }
}

impl Drop for Looking {
    fn drop(&mut self) {
        LOOKING.set(false);
    }
}

fn look_up_binding() -> Option<Principal> {
    let _looking = Looking::begin();
    // SAFETY: SPI as the manual says (47.1). A snapshot of this moment makes a change bind the next statement under
    // REPEATABLE READ too. It is taken as one for the catalogue: in a parallel query PostgreSQL gives out no other.
    unsafe {
        pg_sys::PushActiveSnapshot(pg_sys::GetCatalogSnapshot(pg_sys::InvalidOid));
        pg_sys::SPI_connect();
        pg_sys::SPI_execute(c"select ucrm.binding()".as_ptr(), true, 1);
        let mut principal = None;
        if pg_sys::SPI_processed == 1 && !pg_sys::SPI_tuptable.is_null() {
            let table = pg_sys::SPI_tuptable;
            let mut null = false;
            let datum = pg_sys::SPI_getbinval(*(*table).vals, (*table).tupdesc, 1, &mut null);
            if !null {
                principal = Row::of(datum).as_ref().and_then(Principal::of);
            }
        }
        pg_sys::SPI_finish();
        pg_sys::PopActiveSnapshot();
        principal
    }
}
