//! Owns what is remembered between requests: principals and totals for every backend, gates and routes for this one.
//! Must never give back anything older than the last acknowledged change; see `generation`.
//! Called by handle, the gates and the lists.

pub mod table;

use crate::border::{Answer, Call, copy_of, image};
use crate::shared::shared;
use crate::window::key;
use crate::{context, generation};
use pgrx::pg_sys;
use std::cell::RefCell;
use std::collections::HashMap;

/// A backend's own memo is emptied when it holds this many entries: there are as many as route forms and actions.
const MOST_LOCAL: usize = 4096;

/// A generation, and the bytes of a datum remembered under it.
type Remembered = (u64, Box<[u8]>);

thread_local! {
    static LOCAL: RefCell<HashMap<u128, Remembered>> = RefCell::new(HashMap::new());
}

/// The key of something remembered in this database.
pub fn key_of(parts: &[&[u8]]) -> Option<u128> {
    // SAFETY: a plain read of backend state.
    let database = unsafe { pg_sys::MyDatabaseId.to_u32() }.to_ne_bytes();
    let mut whole: Vec<&[u8]> = Vec::with_capacity(parts.len() + 1);
    whole.push(&database);
    whole.extend_from_slice(parts);
    shared().map(|region| key::key(&whole, region.seed))
}

/// A datum remembered by this backend.
pub fn recall_local(parts: &[&[u8]]) -> Answer {
    if generation::bypassed() {
        return Ok(None);
    }
    let Some(key) = key_of(parts) else {
        return Ok(None);
    };
    let now = generation::definitions();
    Ok(LOCAL.with_borrow(|local| {
        local
            .get(&key)
            .filter(|(then, _)| *then == now)
            .map(|(_, bytes)| copy_of(bytes))
    }))
}

/// Remembers a varlena datum (a composite or an array) in this backend.
pub fn remember_local(
    parts: &[&[u8]],
    generation: Option<i64>,
    value: Option<pg_sys::Datum>,
) -> Answer {
    if let (false, Some(key), Some(generation), Some(value)) =
        (generation::bypassed(), key_of(parts), generation, value)
    {
        LOCAL.with_borrow_mut(|local| {
            if local.len() >= MOST_LOCAL {
                local.clear();
            }
            local.insert(key, (generation as u64, image(value).into()));
        });
    }
    Ok(Some(pg_sys::Datum::null()))
}

/// The bytes of the remembered ucrm.principal of a credential.
pub fn principal(kind: &str, credential: &[u8]) -> Option<Vec<u8>> {
    if generation::bypassed() {
        return None;
    }
    let key = principal_key(kind, credential)?;
    shared()?.principals.recall(key, generation::definitions())
}

fn principal_key(kind: &str, credential: &[u8]) -> Option<u128> {
    key_of(&[b"principal", kind.as_bytes(), credential])
}

fn remember_principal(call: Call) -> Answer {
    if !generation::bypassed()
        && let (Some(kind), Some(credential)) = (call.text(0), call.bytes(1))
        && let (Some(key), Some(region), Some(generation), Some(principal)) = (
            principal_key(kind, credential),
            shared(),
            call.bigint(2),
            call.datum(3),
        )
    {
        region
            .principals
            .remember(key, generation as u64, image(principal));
    }
    Ok(Some(pg_sys::Datum::null()))
}

fn recall_gates(call: Call) -> Answer {
    recall_local(&[
        b"gates",
        call.bytes(0).unwrap_or_default(),
        call.bytes(1).unwrap_or_default(),
    ])
}

fn remember_gates(call: Call) -> Answer {
    let parts = [
        b"gates".as_slice(),
        call.bytes(0).unwrap_or_default(),
        call.bytes(1).unwrap_or_default(),
    ];
    remember_local(&parts, call.bigint(2), call.datum(3))
}

/// What a count depends on: the statement, its binds, and whose eyes it is seen with.
fn total_key(call: Call) -> Option<(u128, u32, [u8; 16])> {
    let relation = call.int(0)? as u32;
    let tenant = context::tenant()?;
    let eyes = context::eyes();
    let binds = call.datum(2).map(image).unwrap_or_default();
    // SAFETY: a plain read of backend state.
    let role = unsafe { pg_sys::GetUserId().to_u32() }.to_ne_bytes();
    let parts: [&[u8]; 7] = [
        b"total",
        &relation.to_ne_bytes(),
        &tenant,
        eyes.as_bytes(),
        &role,
        call.bytes(1)?,
        binds,
    ];
    Some((key_of(&parts)?, relation, tenant))
}

fn total_usable() -> bool {
    !generation::bypassed() && !generation::rows_pending()
}

fn rows_and_definitions(relation: u32, tenant: [u8; 16]) -> u64 {
    generation::rows(relation, &tenant)
        .wrapping_add(generation::definitions().wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

fn recall_total(call: Call) -> Answer {
    if !total_usable() {
        return Ok(None);
    }
    let Some(((key, relation, tenant), region)) = total_key(call).zip(shared()) else {
        return Ok(None);
    };
    let bytes = region
        .totals
        .recall(key, rows_and_definitions(relation, tenant));
    Ok(bytes
        .and_then(|bytes| <[u8; 8]>::try_from(bytes.as_slice()).ok())
        .map(|bytes| pg_sys::Datum::from(i64::from_ne_bytes(bytes))))
}

fn total_generation(call: Call) -> Answer {
    let generation = context::tenant()
        .zip(call.int(0))
        .map(|(tenant, relation)| rows_and_definitions(relation as u32, tenant));
    Ok(generation.map(|generation| pg_sys::Datum::from(generation as i64)))
}

fn remember_total(call: Call) -> Answer {
    if total_usable()
        && let (Some((key, ..)), Some(region), Some(generation), Some(total)) =
            (total_key(call), shared(), call.bigint(3), call.bigint(4))
    {
        region
            .totals
            .remember(key, generation as u64, &total.to_ne_bytes());
    }
    Ok(Some(pg_sys::Datum::null()))
}

crate::leaf!(
    pg_finfo_ucrm_remember_principal,
    ucrm_remember_principal,
    remember_principal
);
crate::leaf!(pg_finfo_ucrm_recall_gates, ucrm_recall_gates, recall_gates);
crate::leaf!(
    pg_finfo_ucrm_remember_gates,
    ucrm_remember_gates,
    remember_gates
);
crate::leaf!(pg_finfo_ucrm_recall_total, ucrm_recall_total, recall_total);
crate::leaf!(
    pg_finfo_ucrm_total_generation,
    ucrm_total_generation,
    total_generation
);
crate::leaf!(
    pg_finfo_ucrm_remember_total,
    ucrm_remember_total,
    remember_total
);
