//! Owns the answer to "may the context do this?": arithmetic on the set it carries, no look-up.
//! Must never allocate or touch a table once the set is parsed.
//! Called by policies (once per statement), gates, handle and SQL authors.

pub mod set;

use crate::border::{Answer, Call, varlena};
use crate::context;
use pgrx::pg_sys;
use set::{Scope, Set};
use std::cell::RefCell;
use std::rc::Rc;

/// Parsed permission texts are few: one per role and key scope in use.
const MOST_SETS: usize = 64;

thread_local! {
    static SETS: RefCell<Vec<(Box<str>, Rc<Set>)>> = const { RefCell::new(Vec::new()) };
    static LABELS: RefCell<Option<Labels>> = const { RefCell::new(None) };
}

/// The set for a permission text, parsed once per backend while it is in use.
pub fn parsed(text: &str) -> Rc<Set> {
    SETS.with_borrow_mut(|sets| {
        if let Some((_, set)) = sets.iter().find(|(known, _)| **known == *text) {
            return set.clone();
        }
        if sets.len() >= MOST_SETS {
            sets.clear();
        }
        let set = Rc::new(Set::parse(text));
        sets.push((text.into(), set.clone()));
        set
    })
}

/// While labels of a resource are read, and by nothing else: reading is what the permission to autocomplete allows.
struct Labels {
    resource: Box<str>,
    /// Of the subtransaction that reads them: an error that is caught has ended that one.
    subtransaction: u32,
}

/// From here on the statement that is run reads ids and labels of this resource, and nothing else of it.
pub fn begin_labels(resource: &str) {
    let labels = Labels {
        resource: resource.into(),
        // SAFETY: a plain read of backend state.
        subtransaction: unsafe { pg_sys::GetCurrentSubTransactionId() },
    };
    LABELS.set(Some(labels));
}

/// It has been run, or the transaction is over.
pub fn end_labels() {
    LABELS.set(None);
}

fn scope(call: Call) -> Option<Scope> {
    let (resource, action) = (call.text(0)?, call.text(1)?);
    let labelled = action == "read"
        && LABELS.with_borrow(|labels| {
            labels.as_ref().is_some_and(|labels| {
                // SAFETY: a plain read of backend state.
                let current = unsafe { pg_sys::GetCurrentSubTransactionId() };
                *labels.resource == *resource && labels.subtransaction == current
            })
        });
    let action = if labelled { "autocomplete" } else { action };
    context::permissions().scope(resource, action)
}

fn intersect(call: Call) -> Answer {
    let granted = call.text(0).unwrap_or_default();
    let text = match call.text(1) {
        Some(scopes) => set::intersect(granted, scopes),
        None => set::canonical(granted),
    };
    Ok(Some(varlena(text.as_bytes())))
}

fn cover(call: Call) -> Answer {
    let covers = set::covers(
        call.text(0).unwrap_or_default(),
        call.text(1).unwrap_or_default(),
    );
    Ok(Some(pg_sys::Datum::from(covers)))
}

crate::leaf!(
    pg_finfo_ucrm_has_permission,
    ucrm_has_permission,
    |call: Call| -> Answer { Ok(Some(pg_sys::Datum::from(scope(call).is_some()))) }
);
crate::leaf!(
    pg_finfo_ucrm_permission_scope,
    ucrm_permission_scope,
    |call: Call| -> Answer {
        Ok(scope(call).map(|scope| {
            varlena(match scope {
                Scope::All => b"all",
                Scope::Own => b"own",
            })
        }))
    }
);
crate::leaf!(
    pg_finfo_ucrm_intersect_permissions,
    ucrm_intersect_permissions,
    intersect
);
crate::leaf!(
    pg_finfo_ucrm_permissions_cover,
    ucrm_permissions_cover,
    cover
);
