//! Owns who this transaction acts as: entered (once, latched until its end), or bound by the session's login.
//! Must never believe a setting that the latch does not know, nor a bound login's word about itself.
//! Called by the settings' hooks, ucrm.latch(), the context functions, gates and permissions.

use crate::border::{Answer, Call, Fault, uuid, varlena};
use crate::permission::set::Set;
use crate::principal::{Principal, Row};
use crate::setting::{self, COUNT, Setting};
use crate::{generation, permission};
use pgrx::{PgSqlErrorCode, pg_sys};
use std::cell::{Cell, RefCell};
use std::ffi::{CStr, CString};
use std::rc::Rc;

#[derive(Default)]
struct Latch {
    values: [Option<CString>; COUNT],
    entered: Option<Rc<Principal>>,
    request: Option<[u8; 16]>,
    address: Option<Vec<u8>>,
    permissions: Option<Rc<Set>>,
    hushed: bool,
}

#[derive(Clone)]
struct Binding {
    login: u32,
    generation: u64,
    principal: Option<Rc<Principal>>,
}

thread_local! {
    static LATCH: RefCell<Latch> = RefCell::new(Latch::default());
    static BINDING: RefCell<Option<Binding>> = const { RefCell::new(None) };
    static LOOKING: Cell<bool> = const { Cell::new(false) };
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
            latch.values[setting] = Some(text.to_owned());
            if setting == Setting::Permissions as usize {
                latch.permissions = None;
            }
        }
    });
}

/// The transaction has ended: nobody is entered.
pub fn leave() {
    LATCH.with_borrow_mut(|latch| {
        if latch.entered.is_some() || latch.hushed || latch.values.iter().any(Option::is_some) {
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
    known.unwrap_or_else(|| Who::Bound(binding()))
}

/// What the session's login is bound to, as of the latest commit. Kept until somebody changes what it is made of.
fn binding() -> Option<Rc<Principal>> {
    // SAFETY: plain reads of backend state. Without a transaction nothing can be looked up.
    let (login, settled) = unsafe {
        if !pg_sys::IsTransactionState() {
            return None;
        }
        (
            pg_sys::GetSessionUserId().to_u32(),
            !pg_sys::RecoveryInProgress() && !in_worker(),
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

/// `8-4-4-4-12` → bytes.
fn parse_uuid(text: &CStr) -> Option<[u8; 16]> {
    let digits: Vec<u8> = text
        .to_bytes()
        .iter()
        .copied()
        .filter(|&byte| byte != b'-')
        .collect();
    if digits.len() != 32 {
        return None;
    }
    let mut bytes = [0; 16];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}

/// Bytes → `8-4-4-4-12`.
pub fn print_uuid(bytes: [u8; 16]) -> CString {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let mut text = Vec::with_capacity(37);
    for (at, byte) in bytes.into_iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            text.push(b'-');
        }
        text.push(HEX[usize::from(byte >> 4)]);
        text.push(HEX[usize::from(byte & 15)]);
    }
    CString::new(text).unwrap_or_default()
}

fn uuid_setting(setting: Setting, of: impl Fn(&Principal) -> Option<[u8; 16]>) -> Option<[u8; 16]> {
    match who() {
        Who::Nobody => None,
        Who::Worker => setting::value(setting).and_then(parse_uuid),
        Who::Bound(principal) => principal.as_deref().and_then(of),
        Who::Entered => LATCH.with_borrow(|latch| match &latch.entered {
            Some(principal) => of(principal),
            None => latched(latch, setting).and_then(parse_uuid),
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

/// Whose eyes see: what, the tenant aside, decides which rows are visible.
pub fn eyes() -> String {
    let user = uuid_setting(Setting::User, |principal| principal.user)
        .map(print_uuid)
        .unwrap_or_default();
    format!(
        "{} {}",
        user.to_string_lossy(),
        permission_text().unwrap_or_default()
    )
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
    for (setting, value) in setting::ALL.into_iter().zip(values) {
        if let Some(value) = value {
            setting::set_local(setting, &value);
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
        latch.values = [
            principal.tenant.map(print_uuid),
            principal.user.map(print_uuid),
            principal.role.as_deref().and_then(c_string),
            principal.key.map(print_uuid),
            request.map(print_uuid),
            c_string(&principal.permissions),
        ];
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
        Who::Worker => setting::value(Setting::Request).and_then(parse_uuid),
        Who::Entered => LATCH.with_borrow(|latch| {
            latch
                .request
                .or_else(|| latched(latch, Setting::Request).and_then(parse_uuid))
        }),
        Who::Nobody | Who::Bound(_) => None,
    }
    .map(uuid))
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

fn hush(_: Call) -> Answer {
    LATCH.with_borrow_mut(|latch| latch.hushed = true);
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
crate::leaf!(pg_finfo_ucrm_member_role, ucrm_member_role, member_role);
crate::leaf!(pg_finfo_ucrm_request_id, ucrm_request_id, request_id);
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
    pg_finfo_ucrm_is_hushed,
    ucrm_is_hushed,
    |_: Call| -> Answer {
        Ok(Some(pg_sys::Datum::from(
            LATCH.with_borrow(|latch| latch.hushed),
        )))
    }
);
