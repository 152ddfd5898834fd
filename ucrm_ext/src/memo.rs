//! Owns what is remembered between requests: principals and totals for every backend, gates, routes and texts for this one.
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

/// Nor more bytes than this: an OpenAPI document has about one million.
const MOST_BYTES: usize = 8 << 20;

/// What this backend remembers: under a generation, the bytes of a datum.
#[derive(Default)]
struct Local {
    entries: HashMap<u128, (u64, Box<[u8]>)>,
    bytes: usize,
}

impl Local {
    fn put(&mut self, key: u128, generation: u64, bytes: &[u8]) {
        if bytes.len() > MOST_BYTES / 4 {
            return;
        }
        if self.entries.len() >= MOST_LOCAL || self.bytes + bytes.len() > MOST_BYTES {
            self.entries.clear();
            self.bytes = 0;
        }
        self.bytes += bytes.len();
        if let Some((_, before)) = self.entries.insert(key, (generation, bytes.into())) {
            self.bytes -= before.len();
        }
    }
}

thread_local! {
    static LOCAL: RefCell<Local> = RefCell::default();
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
            .entries
            .get(&key)
            .filter(|(then, _)| *then == now)
            .map(|(_, bytes)| copy_of(bytes))
    }))
}

/// Remembers a varlena datum (a composite, an array or a text) in this backend.
pub fn remember_local(
    parts: &[&[u8]],
    generation: Option<i64>,
    value: Option<pg_sys::Datum>,
) -> Answer {
    if let (false, Some(key), Some(generation), Some(value)) =
        (generation::bypassed(), key_of(parts), generation, value)
    {
        LOCAL.with_borrow_mut(|local| local.put(key, generation as u64, image(value)));
    }
    Ok(Some(pg_sys::Datum::null()))
}

/// Whether such a credential may name the workspace it acts in.
pub fn chooses(kind: &str) -> bool {
    matches!(kind, "session" | "jwt")
}

/// The bytes of the remembered ucrm.principal of a credential.
pub fn principal(kind: &str, credential: &[u8], named: Option<&str>) -> Option<Vec<u8>> {
    if generation::bypassed() {
        return None;
    }
    let key = principal_key(kind, credential, named)?;
    shared()?.principals.recall(key, generation::definitions())
}

/// A session or token acts in the workspace it names; a key has its own, whatever is named.
fn principal_key(kind: &str, credential: &[u8], named: Option<&str>) -> Option<u128> {
    let named = named.filter(|_| chooses(kind)).unwrap_or_default();
    key_of(&[b"principal", kind.as_bytes(), credential, named.as_bytes()])
}

fn remember_principal(call: Call) -> Answer {
    if !generation::bypassed()
        && let (Some(kind), Some(credential)) = (call.text(0), call.bytes(1))
        && let (Some(key), Some(region), Some(generation), Some(principal)) = (
            principal_key(kind, credential, call.text(2)),
            shared(),
            call.bigint(3),
            call.datum(4),
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

fn recall_text(call: Call) -> Answer {
    recall_local(&[b"text", call.datum(0).map(image).unwrap_or_default()])
}

fn remember_text(call: Call) -> Answer {
    let parts = [
        b"text".as_slice(),
        call.datum(0).map(image).unwrap_or_default(),
    ];
    remember_local(&parts, call.bigint(1), call.datum(2))
}

/// What a count depends on: the statement, its binds (a whole text[]), and whose eyes it is seen with.
fn total_key(relation: u32, statement: &[u8], binds: &[u8]) -> Option<(u128, [u8; 16])> {
    let tenant = context::tenant()?;
    let (user, permissions) = context::eyes();
    // SAFETY: a plain read of backend state.
    let role = unsafe { pg_sys::GetUserId().to_u32() }.to_ne_bytes();
    let parts: [&[u8]; 8] = [
        b"total",
        &relation.to_ne_bytes(),
        &tenant,
        user.as_ref().map_or(b"", <[u8; 16]>::as_slice),
        permissions.as_deref().unwrap_or_default().as_bytes(),
        &role,
        statement,
        binds,
    ];
    Some((key_of(&parts)?, tenant))
}

fn total_usable() -> bool {
    !generation::bypassed() && !generation::rows_pending()
}

fn rows_and_definitions(relation: u32, tenant: [u8; 16]) -> u64 {
    generation::rows(relation, &tenant)
        .wrapping_add(generation::definitions().wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

/// How many rows the count gave in this context, if nothing was written to the relation for this tenant since.
pub fn total(relation: u32, statement: &[u8], binds: &[u8]) -> Option<i64> {
    if !total_usable() {
        return None;
    }
    let ((key, tenant), region) = total_key(relation, statement, binds).zip(shared())?;
    let bytes = region
        .totals
        .recall(key, rows_and_definitions(relation, tenant))?;
    bytes.as_slice().try_into().ok().map(i64::from_ne_bytes)
}

fn recall_total(call: Call) -> Answer {
    let (Some(relation), Some(statement)) = (call.int(0), call.bytes(1)) else {
        return Ok(None);
    };
    let binds = call.datum(2).map(image).unwrap_or_default();
    Ok(total(relation as u32, statement, binds).map(pg_sys::Datum::from))
}

fn total_generation(call: Call) -> Answer {
    let generation = context::tenant()
        .zip(call.int(0))
        .map(|(tenant, relation)| rows_and_definitions(relation as u32, tenant));
    Ok(generation.map(|generation| pg_sys::Datum::from(generation as i64)))
}

fn remember_total(call: Call) -> Answer {
    let binds = call.datum(2).map(image).unwrap_or_default();
    if total_usable()
        && let (Some(relation), Some(statement)) = (call.int(0), call.bytes(1))
        && let (Some((key, _)), Some(region), Some(generation), Some(total)) = (
            total_key(relation as u32, statement, binds),
            shared(),
            call.bigint(3),
            call.bigint(4),
        )
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
crate::leaf!(pg_finfo_ucrm_recall_text, ucrm_recall_text, recall_text);
crate::leaf!(
    pg_finfo_ucrm_remember_text,
    ucrm_remember_text,
    remember_text
);
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
