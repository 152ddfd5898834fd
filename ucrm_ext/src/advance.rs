//! Owns a request's way as far as what is remembered goes: admit, authenticate, limit, route, enter, gate, permit,
//! read-only, in this order and in one call, because each crossing between SQL and a leaf costs as much as the step.
//! Must never look anything up: where memory ends it says which step wants SQL, and SQL calls again with the answer.
//! Called by ucrm.attend() and `handle`.

use crate::border::{Answer, Call, bytes_of, composite, copy_of, uuid_of};
use crate::principal::{Principal, Row, column};
use crate::request::{self, Dispatch, Request, Stop, text};
use crate::row::Columns;
use crate::setting;
use crate::{context, gate, memo, permission, route, uuid_text, window};
use pgrx::pg_sys;

/// How far a request has come. A step that SQL has answered is not taken again.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
enum Stage {
    Arrived,
    Admitted,
    Limited,
    Touched,
    Named,
    Gated,
    Traced,
}

fn stop<T>(step: &'static str, stage: Stage, detail: Option<String>) -> Result<T, Stop> {
    Err(Stop {
        step,
        stage: stage as i32,
        detail,
    })
}

/// What SQL has answered, when it asks again.
#[derive(Default)]
pub struct Answered {
    /// ucrm.principal
    principal: Option<pg_sys::Datum>,
    /// ucrm.dispatch
    dispatch: Option<pg_sys::Datum>,
    /// See `Stage`.
    stage: i32,
}

/// Takes a request through admit, authenticate, limit, route, enter, gate, permit and read-only, as far as it gets.
pub fn walk(
    request: &Request,
    named_tenant: Option<pg_sys::Datum>,
    answered: &Answered,
) -> Result<Dispatch, Stop> {
    steps(request, named_tenant, answered).map_err(|stop| Stop {
        stage: stop.stage.max(answered.stage),
        ..stop
    })
}

fn steps(
    request: &Request,
    named_tenant: Option<pg_sys::Datum>,
    answered: &Answered,
) -> Result<Dispatch, Stop> {
    let done = |stage: Stage| answered.stage >= stage as i32;

    // admit
    if !done(Stage::Admitted)
        && let Some(wait) = window::address_wait_ms(request.address)
    {
        return stop("address", Stage::Arrived, Some(wait.to_string()));
    }

    // authenticate
    let known = answered.principal.or_else(|| {
        memo::principal(
            text(request.kind?),
            bytes_of(request.credential?),
            named_tenant.map(text),
        )
        .map(|bytes| copy_of(&bytes))
    });
    let Some((row, principal)) = known
        .and_then(Row::of)
        .and_then(|row| Principal::of(&row).map(|principal| (row, principal)))
    else {
        return stop("principal", Stage::Admitted, None);
    };
    let is_over = |end| {
        // SAFETY: a clock reading.
        end <= unsafe { pg_sys::GetCurrentTimestamp() }
    };
    if row.time(column::EXPIRES_AT).is_some_and(is_over) {
        return stop("credential", Stage::Admitted, None);
    }

    // limit
    if !done(Stage::Limited)
        && let Some(refusal) = window::refusal_of(&row)
    {
        return stop("window", Stage::Admitted, Some(refusal));
    }
    if !done(Stage::Touched)
        && let Some(id) = principal.session.or(principal.key)
        && window::touch_is_due(id)
    {
        let owner = match (principal.session, principal.tenant) {
            (None, Some(tenant)) => Some(uuid_text::text(tenant)),
            (Some(_), _) => Some("session".into()),
            (None, None) => None,
        };
        if let Some(owner) = owner {
            let detail = format!("{owner} {}", uuid_text::text(id));
            return stop("touch", Stage::Touched, Some(detail));
        }
    }

    // where it goes
    let known = answered
        .dispatch
        .or_else(|| route::recalled(bytes_of(request.method?), text(request.path?)));
    let Some(dispatch) = known.and_then(Columns::of).map(Dispatch) else {
        return stop("route", Stage::Touched, None);
    };
    if dispatch.0.bytes(Dispatch::AUDIENCE) != Some(b"tenant") {
        return stop("apart", Stage::Touched, None);
    }
    let Some(tenant) = principal.tenant else {
        return stop("stranger", Stage::Touched, None);
    };
    if !done(Stage::Named)
        && let Some(named) = named_tenant
        && !request.kind.map(text).is_some_and(memo::chooses)
        && uuid_text::text(tenant).as_bytes() != bytes_of(named)
    {
        let tenant = uuid_text::text(tenant);
        return stop("tenant", Stage::Named, Some(tenant));
    }

    // enter
    let scopes = row.text(column::SCOPES);
    let read_only = row.flag(column::READ_ONLY) || !dispatch.0.flag(Dispatch::WRITES);
    if !context::enter(principal, request.id.map(uuid_of), request.address) {
        return stop("latched", Stage::Named, None);
    }

    // gate
    let resource = dispatch.0.text(Dispatch::RESOURCE).unwrap_or_default();
    if !done(Stage::Gated) {
        match gate::verdict(
            resource,
            dispatch.0.text(Dispatch::DEED).unwrap_or_default(),
        ) {
            gate::Answered::Passed => {}
            gate::Answered::Refused(code) => return stop("denied", Stage::Gated, Some(code)),
            gate::Answered::Unknown => return stop("gate", Stage::Gated, None),
        }
    }

    // permit
    if let Some(action) = dispatch.0.text(Dispatch::ACTION)
        && context::permissions().scope(resource, action).is_none()
    {
        let scoped = scopes
            .is_some_and(|scopes| permission::parsed(scopes).scope(resource, action).is_none());
        let code = if scoped {
            "key_scope_denied"
        } else {
            "permission_denied"
        };
        return stop("denied", Stage::Gated, Some(code.into()));
    }

    // what leaves the house leaves its trace, once it is known to leave
    if !done(Stage::Traced)
        && dispatch.0.bytes(Dispatch::ACTION) == Some(b"export")
        && dispatch.0.text(Dispatch::RESOURCE).is_some()
    {
        return stop("export", Stage::Traced, None);
    }

    // read-only from here if a read; an export sees to that itself
    if read_only && !done(Stage::Traced) {
        setting::local(c"transaction_read_only", c"on");
    }
    Ok(dispatch)
}

/// ucrm.advance(): the arguments are in the order of sql/90_handle.sql.
fn advance(call: Call) -> Answer {
    let request = Request {
        method: call.datum(0),
        path: call.datum(1),
        query: call.datum(2),
        headers: call.datum(3),
        body: call.datum(4),
        kind: call.datum(5),
        credential: call.datum(6),
        address: call.datum(7),
        id: call.datum(8),
    };
    // What was remembered may be forgotten between two calls: looking it up again takes no step a second time.
    let answered = Answered {
        principal: call.datum(10),
        dispatch: call.datum(11),
        stage: call.int(12).unwrap_or(0),
    };
    let way = walk(&request, call.datum(9), &answered);
    Ok(Some(composite(call, &request::row(&request, &way))))
}

crate::leaf!(pg_finfo_ucrm_advance, ucrm_advance, advance);
