//! Owns UCRM's own gates: what the context knows of the member and the workspace, and the clock.
//! Must never look anything up: within an entered transaction they answer for the state it was entered in.
//! Called by ucrm.gate() for handle and the tables' triggers, and by ucrm.why().

use crate::border::{Answer, Call, texts_of};
use crate::principal::{Principal, Status};
use crate::{context, memo};
use pgrx::pg_sys;

type Gate = fn(&Principal) -> bool;

/// The functions of sql/55_gate.sql that are answered here.
const GATES: [(&str, Gate); 8] = [
    ("ucrm.gate_email", |principal| principal.email_verified),
    ("ucrm.gate_member", |principal| principal.member),
    ("ucrm.gate_enabled", |principal| !principal.disabled),
    ("ucrm.gate_approved", |principal| {
        principal.status != Status::Pending
    }),
    ("ucrm.gate_not_rejected", |principal| {
        principal.status != Status::Rejected
    }),
    ("ucrm.gate_not_suspended", |principal| {
        principal.status != Status::Suspended
    }),
    ("ucrm.gate_trial", trial),
    ("ucrm.gate_mfa", |principal| principal.mfa),
];

fn trial(principal: &Principal) -> bool {
    // SAFETY: a clock reading.
    let now = unsafe { pg_sys::GetCurrentTimestamp() };
    principal.subscribed_until.is_some_and(|end| end > now)
        || principal.trial_ends_at.is_none_or(|end| end > now)
}

/// A context made of raw settings alone (a holder of SET ON PARAMETER) is no principal, and passes no gate.
fn passes(gate: Gate) -> bool {
    context::ask(gate).unwrap_or(false)
}

enum Verdict {
    Pass,
    Refuse(usize),
    Foreign(usize),
}

/// Asks the gates from `start` on, as far as they are UCRM's own.
fn walk(gates: &[Option<&str>], start: usize) -> Verdict {
    for (number, entry) in gates.iter().enumerate().skip(start) {
        let name = entry
            .and_then(|entry| entry.split(' ').next())
            .unwrap_or_default();
        match GATES.iter().find(|(known, _)| *known == name) {
            Some((_, gate)) if passes(*gate) => {}
            Some(_) => return Verdict::Refuse(number),
            None => return Verdict::Foreign(number),
        }
    }
    Verdict::Pass
}

fn next_gate(call: Call) -> Answer {
    let start = call.int(1).unwrap_or(1).max(1) as usize - 1;
    Ok(match walk(&call.texts(0), start) {
        Verdict::Pass => None,
        Verdict::Refuse(number) => Some(pg_sys::Datum::from(-(number as i32 + 1))),
        Verdict::Foreign(number) => Some(pg_sys::Datum::from(number as i32 + 1)),
    })
}

/// What memory says of an action.
pub enum Answered {
    /// All gates pass.
    Passed,
    /// The code of the first that refuses.
    Refused(String),
    /// The gates are not remembered, or one is somebody else's: SQL has to ask.
    Unknown,
}

/// The answer when the gates are remembered and all UCRM's own, which is nearly always.
pub fn verdict(resource: &str, deed: &str) -> Answered {
    let Ok(Some(gates)) = memo::recall_local(&[b"gates", resource.as_bytes(), deed.as_bytes()])
    else {
        return Answered::Unknown;
    };
    let gates = texts_of(gates);
    match walk(&gates, 0) {
        Verdict::Pass => Answered::Passed,
        Verdict::Refuse(number) => {
            let code = gates[number].and_then(|entry| entry.split(' ').nth(1));
            Answered::Refused(code.unwrap_or_default().into())
        }
        Verdict::Foreign(_) => Answered::Unknown,
    }
}

macro_rules! gates {
    ($($number:literal $record:ident $symbol:ident),*) => {
        $(crate::leaf!($record, $symbol, |_: Call| -> Answer { Ok(Some(pg_sys::Datum::from(passes(GATES[$number].1)))) });)*
    };
}
gates!(
    0 pg_finfo_ucrm_gate_email ucrm_gate_email,
    1 pg_finfo_ucrm_gate_member ucrm_gate_member,
    2 pg_finfo_ucrm_gate_enabled ucrm_gate_enabled,
    3 pg_finfo_ucrm_gate_approved ucrm_gate_approved,
    4 pg_finfo_ucrm_gate_not_rejected ucrm_gate_not_rejected,
    5 pg_finfo_ucrm_gate_not_suspended ucrm_gate_not_suspended,
    6 pg_finfo_ucrm_gate_trial ucrm_gate_trial,
    7 pg_finfo_ucrm_gate_mfa ucrm_gate_mfa
);
crate::leaf!(pg_finfo_ucrm_next_gate, ucrm_next_gate, next_gate);
crate::leaf!(
    pg_finfo_ucrm_is_open,
    ucrm_is_open,
    |call: Call| -> Answer {
        let (resource, action) = (
            call.text(0).unwrap_or_default(),
            call.text(1).unwrap_or_default(),
        );
        let open = context::tenant().is_some()
            && matches!(verdict(resource, action), Answered::Passed)
            && context::permissions().scope(resource, action).is_some();
        Ok(Some(pg_sys::Datum::from(open)))
    }
);
