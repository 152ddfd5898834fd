//! Owns who this transaction acts as: entered (once, latched until its end), or bound by the session's login.
//! Must never believe a setting that the latch does not know, nor a bound login's word about itself.
//! Called by the settings' hooks, ucrm.latch(), the context functions, gates and permissions.

use crate::border::{Answer, Call, Fault, uuid, varlena};
use crate::permission::set::Set;
use crate::principal::{Principal, Row};
use crate::setting::{self, COUNT, Setting};
use crate::{login, permission, token, uuid_text};
use pgrx::{PgSqlErrorCode, pg_sys};
use std::cell::RefCell;
use std::ffi::{CStr, CString};
use std::rc::Rc;

#[derive(Default)]
struct Latch {
    values: Rc<[Option<CString>; COUNT]>,
    entered: Option<Rc<Principal>>,
    request: Option<[u8; 16]>,
    address: Option<Vec<u8>>,
    permissions: Option<Rc<Set>>,
    hushed: Option<[u8; 16]>,
    /// The id of a transaction that serves no request.
    own_request: Option<[u8; 16]>,
}

thread_local! {
    static LATCH: RefCell<Latch> = RefCell::new(Latch::default());
}

fn in_worker() -> bool {
    // SAFETY: a plain read of backend state.
    unsafe { pg_sys::ParallelWorkerNumber >= 0 }
}

/// Whether the latch lets this value in: nothing is latched yet, or just this.
pub fn accepts(setting: usize, text: &CStr) -> bool {
    LATCH.with_borrow(|latch| match &latch.values[setting] {
        Some(value) => value.as_c_str() == text,
        None => latch.entered.is_none(),
    })
}

/// Latches a value until the transaction ends.
pub fn latch_value(setting: usize, text: &CStr) {
    LATCH.with_borrow_mut(|latch| {
        if latch.values[setting].is_none() {
            Rc::make_mut(&mut latch.values)[setting] = Some(text.to_owned());
            if setting == Setting::Permissions as usize {
                latch.permissions = None;
            }
        }
    });
}

/// The transaction has ended: nobody is entered.
pub fn leave() {
    LATCH.with_borrow_mut(|latch| {
        if latch.entered.is_some()
            || latch.hushed.is_some()
            || latch.own_request.is_some()
            || latch.values.iter().any(Option::is_some)
        {
            *latch = Latch::default();
        }
    });
}

/// A latched value, if the setting still says the same. After ROLLBACK TO SAVEPOINT it does not, and nobody is entered.
fn latched(latch: &Latch, setting: Setting) -> Option<&CStr> {
    latch.values[setting as usize]
        .as_deref()
        .filter(|text| setting::value(setting) == Some(text))
}

enum Who {
    /// Entered, and the settings say so.
    Entered,
    /// Entered, but rolled back to before: nobody.
    Nobody,
    /// A parallel worker, which has the settings alone.
    Worker,
    /// Not entered: perhaps a bound login.
    Bound(Option<Rc<Principal>>),
}

fn who() -> Who {
    if in_worker() && setting::value(Setting::Tenant).is_some() {
        return Who::Worker;
    }
    let known = LATCH.with_borrow(|latch| {
        if latch.values[Setting::Tenant as usize].is_some() {
            Some(if latched(latch, Setting::Tenant).is_some() {
                Who::Entered
            } else {
                Who::Nobody
            })
        } else if latch.entered.is_some() {
            Some(Who::Entered)
        } else {
            None
        }
    });
    known.unwrap_or_else(|| Who::Bound(login::binding()))
}

fn uuid_setting(setting: Setting, of: impl Fn(&Principal) -> Option<[u8; 16]>) -> Option<[u8; 16]> {
    match who() {
        Who::Nobody => None,
        Who::Worker => setting::value(setting).and_then(uuid_text::parse),
        Who::Bound(principal) => principal.as_deref().and_then(of),
        Who::Entered => LATCH.with_borrow(|latch| match &latch.entered {
            Some(principal) => of(principal),
            None => latched(latch, setting).and_then(uuid_text::parse),
        }),
    }
}

/// The tenant whose rows are seen.
pub fn tenant() -> Option<[u8; 16]> {
    uuid_setting(Setting::Tenant, |principal| principal.tenant)
}

/// The permission set of the context; empty for nobody.
pub fn permissions() -> Rc<Set> {
    match who() {
        Who::Nobody => permission::parsed(""),
        Who::Worker => permission::parsed(
            setting::value(Setting::Permissions)
                .and_then(|text| text.to_str().ok())
                .unwrap_or_default(),
        ),
        Who::Bound(principal) => permission::parsed(
            principal
                .as_deref()
                .map_or("", |principal| &principal.permissions),
        ),
        Who::Entered => LATCH.with_borrow_mut(|latch| {
            if let Some(set) = &latch.permissions {
                return set.clone();
            }
            let set = permission::parsed(
                latched(latch, Setting::Permissions)
                    .and_then(|text| text.to_str().ok())
                    .unwrap_or_default(),
            );
            latch.permissions = Some(set.clone());
            set
        }),
    }
}

fn permission_text() -> Option<String> {
    match who() {
        Who::Nobody => None,
        Who::Worker => {
            setting::value(Setting::Permissions).map(|text| text.to_string_lossy().into_owned())
        }
        Who::Bound(principal) => principal.map(|principal| principal.permissions.clone()),
        Who::Entered => LATCH.with_borrow(|latch| match &latch.entered {
            Some(principal) => Some(principal.permissions.clone()),
            None => {
                latched(latch, Setting::Permissions).map(|text| text.to_string_lossy().into_owned())
            }
        }),
    }
}

/// Whose eyes see: what, the tenant aside, decides which rows are visible. The member, and the permissions.
pub fn eyes() -> (Option<[u8; 16]>, Option<String>) {
    let user = uuid_setting(Setting::User, |principal| principal.user);
    (user, permission_text())
}

/// Asks the acting principal, if there is one; raw settings alone make none.
pub fn ask<T>(question: impl FnOnce(&Principal) -> T) -> Option<T> {
    match who() {
        Who::Nobody | Who::Worker => None,
        Who::Bound(principal) => principal.as_deref().map(question),
        Who::Entered => LATCH
            .with_borrow(|latch| latch.entered.clone())
            .as_deref()
            .map(question),
    }
}

/// Enters as this principal until the transaction ends; false when it has entered as another already.
///
/// Also for a second time: after ROLLBACK TO SAVEPOINT the settings are gone, and the latch puts them back.
pub fn enter(
    principal: Principal,
    request: Option<[u8; 16]>,
    address: Option<pg_sys::Datum>,
) -> bool {
    let (known, same) = LATCH.with_borrow(|latch| match &latch.entered {
        Some(entered) => (true, entered.is(&principal)),
        None => (latch.values.iter().any(Option::is_some), false),
    });
    if known && !same {
        return false;
    }
    if !known {
        remember(principal, request, address);
    }
    let values = LATCH.with_borrow(|latch| latch.values.clone());
    for (setting, value) in setting::ALL.into_iter().zip(&*values) {
        if let Some(value) = value {
            setting::set_local(setting, value);
        }
    }
    true
}

fn latch(call: Call) -> Answer {
    let Some(principal) = call
        .datum(0)
        .and_then(Row::of)
        .as_ref()
        .and_then(Principal::of)
    else {
        return Err(Fault::new(
            PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
            "there is no principal to enter as",
        ));
    };
    if enter(principal, call.uuid(1), call.datum(2)) {
        return Ok(Some(pg_sys::Datum::from(true)));
    }
    Err(Fault::new(
        PgSqlErrorCode::ERRCODE_INSUFFICIENT_PRIVILEGE,
        "this transaction has already entered a context",
    )
    .hint("End it and enter again: a transaction serves one tenant and one member."))
}

fn remember(principal: Principal, request: Option<[u8; 16]>, address: Option<pg_sys::Datum>) {
    let c_string = |text: &str| CString::new(text).ok().filter(|text| !text.is_empty());
    LATCH.with_borrow_mut(|latch| {
        latch.values = Rc::new([
            principal.tenant.map(uuid_text::print),
            principal.user.map(uuid_text::print),
            principal.role.as_deref().and_then(c_string),
            principal.key.map(uuid_text::print),
            request.map(uuid_text::print),
            c_string(&principal.permissions),
        ]);
        latch.request = request;
        latch.address = address.map(|datum| crate::border::image(datum).to_vec());
        latch.permissions = None;
        latch.entered = Some(Rc::new(principal));
    });
}

fn answer_text(text: Option<String>) -> Answer {
    Ok(text.map(|text| varlena(text.as_bytes())))
}

fn member_role(_: Call) -> Answer {
    answer_text(match who() {
        Who::Nobody => None,
        Who::Worker => {
            setting::value(Setting::Role).map(|text| text.to_string_lossy().into_owned())
        }
        Who::Bound(principal) => principal.and_then(|principal| principal.role.clone()),
        Who::Entered => LATCH.with_borrow(|latch| match &latch.entered {
            Some(principal) => principal.role.clone(),
            None => latched(latch, Setting::Role).map(|text| text.to_string_lossy().into_owned()),
        }),
    })
}

fn request_id(_: Call) -> Answer {
    Ok(match who() {
        Who::Worker => setting::value(Setting::Request).and_then(uuid_text::parse),
        Who::Entered => LATCH.with_borrow(|latch| {
            latch
                .request
                .or_else(|| latched(latch, Setting::Request).and_then(uuid_text::parse))
        }),
        // What a session without a context writes in one transaction can be found, and undone, as one.
        Who::Bound(None) if !in_worker() => {
            let known = LATCH.with_borrow(|latch| latch.own_request);
            let id = known.map_or_else(token::uuid7, Ok)?;
            LATCH.with_borrow_mut(|latch| latch.own_request = Some(id));
            Some(id)
        }
        Who::Nobody | Who::Bound(_) => None,
    }
    .map(uuid))
}

/// What request_id() gave before a context was entered.
fn own_request(_: Call) -> Answer {
    Ok(LATCH.with_borrow(|latch| latch.own_request).map(uuid))
}

fn client_address(call: Call) -> Answer {
    let entered = LATCH.with_borrow(|latch| latch.entered.is_some().then(|| latch.address.clone()));
    Ok(match entered {
        Some(address) => address.map(|bytes| crate::border::copy_of(&bytes)),
        None => {
            // SAFETY: the function takes no arguments and reports null through the same call.
            let datum = unsafe { pg_sys::inet_client_addr(call.0) };
            // SAFETY: fcinfo is the caller's for the length of the call.
            (!unsafe { (*call.0).isnull }).then_some(datum)
        }
    })
}

fn read_only(_: Call) -> Answer {
    setting::local(c"transaction_read_only", c"on");
    Ok(Some(pg_sys::Datum::from(true)))
}

/// The tenant that ucrm.hush() silenced.
pub fn hushed() -> Option<[u8; 16]> {
    LATCH.with_borrow(|latch| latch.hushed)
}

fn hush(call: Call) -> Answer {
    let tenant = call.uuid(0);
    LATCH.with_borrow_mut(|latch| latch.hushed = tenant);
    Ok(Some(pg_sys::Datum::null()))
}

crate::leaf!(
    pg_finfo_ucrm_tenant_id,
    ucrm_tenant_id,
    |_: Call| -> Answer { Ok(tenant().map(uuid)) }
);
crate::leaf!(pg_finfo_ucrm_user_id, ucrm_user_id, |_: Call| -> Answer {
    Ok(uuid_setting(Setting::User, |principal| principal.user).map(uuid))
});
crate::leaf!(
    pg_finfo_ucrm_api_key_id,
    ucrm_api_key_id,
    |_: Call| -> Answer { Ok(uuid_setting(Setting::Key, |principal| principal.key).map(uuid)) }
);
crate::leaf!(
    pg_finfo_ucrm_session_id,
    ucrm_session_id,
    |_: Call| -> Answer { Ok(ask(|principal| principal.session).flatten().map(uuid)) }
);
crate::leaf!(
    pg_finfo_ucrm_fresh_until,
    ucrm_fresh_until,
    |_: Call| -> Answer {
        Ok(ask(|principal| principal.fresh_until)
            .flatten()
            .map(pg_sys::Datum::from))
    }
);
crate::leaf!(
    pg_finfo_ucrm_impersonator_id,
    ucrm_impersonator_id,
    |_: Call| -> Answer { Ok(ask(|principal| principal.impersonator).flatten().map(uuid)) }
);
crate::leaf!(pg_finfo_ucrm_member_role, ucrm_member_role, member_role);
crate::leaf!(pg_finfo_ucrm_request_id, ucrm_request_id, request_id);
crate::leaf!(pg_finfo_ucrm_own_request, ucrm_own_request, own_request);
crate::leaf!(
    pg_finfo_ucrm_permissions,
    ucrm_permissions,
    |_: Call| -> Answer { answer_text(permission_text()) }
);
crate::leaf!(
    pg_finfo_ucrm_api_key_prefix,
    ucrm_api_key_prefix,
    |_: Call| -> Answer { answer_text(ask(|principal| principal.key_prefix.clone()).flatten()) }
);
crate::leaf!(
    pg_finfo_ucrm_actor_kind,
    ucrm_actor_kind,
    |_: Call| -> Answer {
        answer_text(Some(
            ask(|principal| principal.kind.clone()).unwrap_or_else(|| "database".into()),
        ))
    }
);
crate::leaf!(
    pg_finfo_ucrm_client_address,
    ucrm_client_address,
    client_address
);
crate::leaf!(pg_finfo_ucrm_latch, ucrm_latch, latch);
crate::leaf!(pg_finfo_ucrm_read_only, ucrm_read_only, read_only);
crate::leaf!(pg_finfo_ucrm_hush, ucrm_hush, hush);
crate::leaf!(
    pg_finfo_ucrm_hushed_tenant,
    ucrm_hushed_tenant,
    |_: Call| -> Answer { Ok(hushed().map(uuid)) }
);
