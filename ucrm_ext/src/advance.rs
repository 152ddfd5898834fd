//! Owns a request's way as far as what is remembered goes: admit, authenticate, limit, route, enter, gate, permit,
//! read-only, in this order and in one call, because each crossing between SQL and a leaf costs as much as the step.
//! Must never look anything up: where memory ends it says which step wants SQL, and SQL calls again with the answer.
//! Called by ucrm.handle().

use crate::border::{Answer, Call, composite, copy_of, varlena};
use crate::principal::{Principal, Row, column};
use crate::row::Columns;
use crate::setting;
use crate::{context, gate, memo, permission, route, uuid_text, window};
use pgrx::{IntoDatum, pg_sys};

/// The arguments of ucrm.advance(), in the order of sql/90_handle.sql.
mod argument {
    pub const METHOD: usize = 0;
    pub const PATH: usize = 1;
    pub const QUERY: usize = 2;
    pub const HEADERS: usize = 3;
    pub const BODY: usize = 4;
    pub const KIND: usize = 5;
    pub const CREDENTIAL: usize = 6;
    pub const ADDRESS: usize = 7;
    pub const REQUEST: usize = 8;
    pub const NAMED_TENANT: usize = 9;
    pub const PRINCIPAL: usize = 10;
    pub const DISPATCH: usize = 11;
    pub const STAGE: usize = 12;
}

/// How far a request has come. A step that SQL has answered is not taken again.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
enum Stage {
    Arrived,
    Admitted,
    Limited,
    Touched,
    Named,
    Gated,
}

/// Where memory ends, or a refusal: the step's name for SQL, the stage to come back with, and what it is about.
struct Stop {
    step: &'static str,
    stage: Stage,
    detail: Option<String>,
}

fn stop<T>(step: &'static str, stage: Stage, detail: Option<String>) -> Result<T, Stop> {
    Err(Stop {
        step,
        stage,
        detail,
    })
}

/// A ucrm.dispatch taken apart, in the order of sql/85_route.sql.
struct Dispatch(Columns<12>);

impl Dispatch {
    const FUNCTION: usize = 1;
    const AUDIENCE: usize = 2;
    const RESOURCE: usize = 3;
    const ACTION: usize = 4;
    const DEED: usize = 5;
    const WRITES: usize = 6;
    const SHAPE: usize = 7;
    const RELATION: usize = 8;
    const ID_AT: usize = 9;
    const HEADERS: usize = 11;
}

fn walk(call: Call) -> Result<Dispatch, Stop> {
    let done = |stage: Stage| call.int(argument::STAGE).unwrap_or(0) >= stage as i32;

    // admit
    if !done(Stage::Admitted)
        && let Some(wait) = window::address_wait_ms(call, argument::ADDRESS)
    {
        return stop("address", Stage::Arrived, Some(wait.to_string()));
    }

    // authenticate
    let known = call.datum(argument::PRINCIPAL).or_else(|| {
        memo::principal(
            call.text(argument::KIND)?,
            call.bytes(argument::CREDENTIAL)?,
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
        && let (Some(tenant), Some(key)) = (principal.tenant, principal.key)
        && window::touch_is_due(key)
    {
        let [tenant, key] =
            [tenant, key].map(|id| uuid_text::print(id).to_string_lossy().into_owned());
        return stop("touch", Stage::Touched, Some(format!("{tenant} {key}")));
    }

    // where it goes
    let known = call
        .datum(argument::DISPATCH)
        .or_else(|| route::recalled(call.bytes(argument::METHOD)?, call.text(argument::PATH)?));
    let Some(dispatch) = known.and_then(Columns::of).map(Dispatch) else {
        return stop("route", Stage::Touched, None);
    };
    if dispatch.0.bytes(Dispatch::AUDIENCE) != Some(b"tenant") {
        return stop("platform", Stage::Touched, None);
    }
    let Some(tenant) = principal.tenant else {
        return stop("stranger", Stage::Touched, None);
    };
    if !done(Stage::Named)
        && let Some(named) = call.text(argument::NAMED_TENANT)
        && uuid_text::print(tenant).to_bytes() != named.as_bytes()
    {
        let tenant = uuid_text::print(tenant).to_string_lossy().into_owned();
        return stop("tenant", Stage::Named, Some(tenant));
    }

    // enter
    let scopes = row.text(column::SCOPES);
    let read_only = row.flag(column::READ_ONLY) || !dispatch.0.flag(Dispatch::WRITES);
    if !context::enter(
        principal,
        call.uuid(argument::REQUEST),
        call.datum(argument::ADDRESS),
    ) {
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

    // read-only from here if a read
    if read_only {
        setting::local(c"transaction_read_only", c"on");
    }
    Ok(dispatch)
}

fn advance(call: Call) -> Answer {
    // What was remembered may be forgotten between two calls: looking it up again takes no step a second time.
    let come = call.int(argument::STAGE).unwrap_or(0);
    let (step, stage, detail, dispatch) = match walk(call) {
        Ok(dispatch) => (None, 0, None, Some(dispatch)),
        Err(stop) => (
            Some(stop.step),
            come.max(stop.stage as i32),
            stop.detail,
            None,
        ),
    };
    let of_dispatch = |column| {
        dispatch
            .as_ref()
            .and_then(|dispatch| dispatch.0.datum(column))
    };
    let id = of_dispatch(Dispatch::ID_AT).and_then(|at| {
        let segments = route::segments(call.text(argument::PATH)?)?;
        segments
            .into_iter()
            .nth(at.value().wrapping_sub(1))
            .flatten()
    });
    Ok(Some(composite(
        call,
        &mut [
            call.datum(argument::METHOD),
            call.datum(argument::PATH),
            call.datum(argument::QUERY),
            call.datum(argument::HEADERS),
            call.datum(argument::BODY),
            id.map(|id| varlena(id.as_bytes())),
            of_dispatch(Dispatch::RESOURCE),
            of_dispatch(Dispatch::ACTION),
            of_dispatch(Dispatch::SHAPE),
            of_dispatch(Dispatch::RELATION),
            call.datum(argument::REQUEST),
            call.datum(argument::ADDRESS),
            of_dispatch(Dispatch::HEADERS),
            of_dispatch(Dispatch::FUNCTION),
            step.map(|step| varlena(step.as_bytes())),
            stage.into_datum(),
            detail.map(|detail| varlena(detail.as_bytes())),
        ],
    )))
}

crate::leaf!(pg_finfo_ucrm_advance, ucrm_advance, advance);
