//! Owns what is asked: a request as it came, where it goes, and the ucrm.request that SQL is told of it.
//! Must never decide anything.
//! Called by `advance`, `handle` and `read`.

use crate::border::{bytes_of, varlena};
use crate::route;
use crate::row::Columns;
use pgrx::{IntoDatum, pg_sys};

/// A request as it came: arguments of ucrm.handle(), `None` for SQL null.
#[derive(Clone, Copy)]
pub struct Request {
    /// text
    pub method: Option<pg_sys::Datum>,
    /// text
    pub path: Option<pg_sys::Datum>,
    /// text
    pub query: Option<pg_sys::Datum>,
    /// jsonb
    pub headers: Option<pg_sys::Datum>,
    /// bytea
    pub body: Option<pg_sys::Datum>,
    /// text
    pub kind: Option<pg_sys::Datum>,
    /// bytea
    pub credential: Option<pg_sys::Datum>,
    /// inet
    pub address: Option<pg_sys::Datum>,
    /// uuid
    pub id: Option<pg_sys::Datum>,
}

/// The text of a text datum.
pub fn text<'a>(datum: pg_sys::Datum) -> &'a str {
    // SAFETY: text of a UTF-8 database.
    unsafe { std::str::from_utf8_unchecked(bytes_of(datum)) }
}

impl Request {
    /// A header by its lower-case name.
    pub fn header(&self, name: &str) -> Option<pg_sys::Datum> {
        let name = Some(varlena(name.as_bytes()));
        // SAFETY: jsonb and text; jsonb_object_field_text() is strict and immutable.
        unsafe {
            pgrx::direct_function_call_as_datum(
                pg_sys::jsonb_object_field_text,
                &[Some(self.headers?), name],
            )
        }
    }
}

/// A ucrm.dispatch taken apart, in the order of sql/85_route.sql.
pub struct Dispatch(pub Columns<12>);

impl Dispatch {
    /// text: the route's template
    pub const ROUTE: usize = 0;
    /// oid
    pub const FUNCTION: usize = 1;
    /// text
    pub const AUDIENCE: usize = 2;
    /// text
    pub const RESOURCE: usize = 3;
    /// text
    pub const ACTION: usize = 4;
    /// text
    pub const DEED: usize = 5;
    /// boolean
    pub const WRITES: usize = 6;
    /// text
    pub const SHAPE: usize = 7;
    /// oid
    pub const RELATION: usize = 8;
    /// integer
    pub const ID_AT: usize = 9;
    /// jsonb
    pub const HEADERS: usize = 11;

    /// The {id} of a path that goes here, decoded.
    fn id(&self, path: Option<pg_sys::Datum>) -> Option<String> {
        let at = self.0.int(Dispatch::ID_AT)? as usize;
        route::segments(text(path?))?
            .into_iter()
            .nth(at.wrapping_sub(1))
            .flatten()
    }
}

/// Where memory ends, or a refusal: the step's name for SQL, the stage to come back with, and what it is about.
pub struct Stop {
    /// See ucrm.attend().
    pub step: &'static str,
    /// See `advance::Stage`.
    pub stage: i32,
    /// What it is about.
    pub detail: Option<String>,
}

/// The columns of ucrm.request, in the order of sql/80_reply.sql.
pub type Row = [Option<pg_sys::Datum>; 17];
/// The one with the {id}.
pub const ID: usize = 5;

/// What SQL is told of a request that came all the way, or to a stop.
pub fn row(request: &Request, way: &Result<Dispatch, Stop>) -> Row {
    let of = |column| way.as_ref().ok()?.0.datum(column);
    let id = way
        .as_ref()
        .ok()
        .and_then(|dispatch| dispatch.id(request.path));
    let stop = way.as_ref().err();
    let told = |text: &str| varlena(text.as_bytes());
    [
        request.method,
        request.path,
        request.query,
        request.headers,
        request.body,
        id.as_deref().map(told),
        of(Dispatch::RESOURCE),
        of(Dispatch::ACTION),
        of(Dispatch::SHAPE),
        of(Dispatch::RELATION),
        request.id,
        request.address,
        of(Dispatch::HEADERS),
        of(Dispatch::FUNCTION),
        stop.map(|stop| told(stop.step)),
        stop.map_or(0, |stop| stop.stage).into_datum(),
        stop.and_then(|stop| stop.detail.as_deref()).map(told),
    ]
}
