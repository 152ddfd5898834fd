//! Owns secret values on their way from a row into ucrm.secrets, while their statement runs.
//! Must never outlive the transaction.
//! Called by the triggers of tables with secret columns, as UCRM's owner.

use crate::border::{Answer, Call, varlena};
use pgrx::pg_sys;
use std::cell::RefCell;
use std::collections::HashMap;

thread_local! {
    static STASH: RefCell<HashMap<String, String>> = RefCell::new(HashMap::new());
}

/// The transaction has ended.
pub fn forget() {
    STASH.with_borrow_mut(|stash| {
        if !stash.is_empty() {
            *stash = HashMap::new();
        }
    });
}

fn put(call: Call) -> Answer {
    let Some(place) = call.text(0) else {
        return Ok(None);
    };
    STASH.with_borrow_mut(|stash| match call.text(1) {
        Some(clear) => stash.insert(place.to_owned(), clear.to_owned()),
        None => stash.remove(place),
    });
    Ok(Some(pg_sys::Datum::null()))
}

fn take(call: Call) -> Answer {
    let clear = call
        .text(0)
        .and_then(|place| STASH.with_borrow_mut(|stash| stash.remove(place)));
    Ok(clear.map(|clear| varlena(clear.as_bytes())))
}

crate::leaf!(pg_finfo_ucrm_stash_secret, ucrm_stash_secret, put);
crate::leaf!(pg_finfo_ucrm_stashed_secret, ucrm_stashed_secret, take);
