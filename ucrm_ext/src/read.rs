//! Owns the answer to GET of a page or a row, compiled, executed and printed in one go: byte for byte what
//! ucrm.list_rows() and ucrm.get_row() answer.
//! Must never answer what those would refuse, nor count: whatever is not plain sailing is left to them.
//! Called by `handle`.

use crate::body;
use crate::border::{bytes_of, copy_of, image};
use crate::query::compile::tree::Count;
use crate::request::{Dispatch, Request, text};
use crate::run::Statement;
use crate::run::print::Printer;
use crate::{call, memo, query, route};
use pgrx::{IntoDatum, pg_sys};
use std::cell::RefCell;

/// The built-in routes that are answered here; a DBA's own has another template.
const PAGE: &[u8] = b"/api/v1/{resource}";
const ROW: &[u8] = b"/api/v1/{resource}/{id}";

/// Bytes that a row is likely to take, and rows that room is made for at once.
const ROW_ROOM: usize = 400;
const MOST_ROOM: usize = 40;

/// What is to be read, in memory that needs no dropping.
#[derive(Clone, Copy)]
pub struct Reading {
    /// The page's or the row's.
    pub statement: Statement,
    /// The route's headers, jsonb.
    headers: pg_sys::Datum,
    form: Form,
}

#[derive(Clone, Copy)]
enum Form {
    Page {
        total: i64,
        page: Option<i64>,
        limit: Option<i64>,
        size: usize,
    },
    /// With an ETag if it is the whole row.
    Row { whole: bool },
}

impl Reading {
    /// What a request that came all the way wants to read, if it can be read here.
    pub fn of(
        request: &Request,
        dispatch: &Dispatch,
        id: Option<pg_sys::Datum>,
    ) -> Option<Reading> {
        let form = dispatch.0.bytes(Dispatch::ROUTE)?;
        if text(request.method?) != "GET" || !(form == PAGE || form == ROW) {
            return None;
        }
        // Revoking EXECUTE on the route's function closes this way too.
        if !call::may_execute(pg_sys::Oid::from_u32(
            dispatch.0.int(Dispatch::FUNCTION)? as u32
        )) {
            return None;
        }
        let (shape, query) = (dispatch.0.text(Dispatch::SHAPE)?, text(request.query?));
        let (statement, form) = if form == PAGE {
            page(shape, query, dispatch.0.int(Dispatch::RELATION)? as u32)?
        } else if request.header("if-none-match").is_none() {
            row(shape, query, text(id?))?
        } else {
            return None;
        };
        Some(Reading {
            statement,
            headers: dispatch.0.datum(Dispatch::HEADERS)?,
            form,
        })
    }

    /// A printer with the beginning of the body.
    ///
    /// # Safety
    /// The context outlives the reply.
    pub unsafe fn printer(&self, memory: pg_sys::MemoryContext) -> Printer {
        let (most, begin) = match self.form {
            Form::Page { size, .. } => (size, b"[".as_slice()),
            Form::Row { .. } => (1, b"".as_slice()),
        };
        // SAFETY: the caller's word.
        let mut printer = unsafe { Printer::new(memory, most.min(MOST_ROOM) * ROW_ROOM, most) };
        printer.text.push(body::DATA);
        printer.text.push(begin);
        printer
    }

    /// Whether what was printed is an answer: a row that is not there is a 404, which is not given here.
    pub fn is_answered(&self, printed: usize) -> bool {
        printed > 0 || matches!(self.form, Form::Page { .. })
    }

    /// The ucrm.response.
    pub fn response(&self, printer: &mut Printer) -> [Option<pg_sys::Datum>; 3] {
        let text = &mut printer.text;
        let headers = match self.form {
            Form::Page {
                total, page, limit, ..
            } => {
                text.push(b"]");
                text.push(body::meta(Some(total), page, limit, None).as_bytes());
                Some(self.headers)
            }
            Form::Row { whole } => {
                let item = text.between(body::DATA.len(), text.length());
                let tag = whole.then(|| body::tag(item));
                text.push(b"}");
                match tag {
                    Some(tag) => tagged(self.headers, &tag),
                    None => Some(self.headers),
                }
            }
        };
        [200.into_datum(), headers, Some(text.datum())]
    }
}

fn page(shape: &str, query: &str, relation: u32) -> Option<(Statement, Form)> {
    let page = query::page(shape, query).ok()?.ok()?;
    if page.list.count != Count::Exact || page.list.stamp.is_some() {
        return None;
    }
    let total = memo::total(relation, page.list.count_sql.as_bytes(), &page.binds)?;
    let binds = page.list.binds.iter().map(String::as_str);
    let form = Form::Page {
        total,
        page: page.list.page.map(|page| page as i64),
        limit: page.list.limit.map(|limit| limit as i64),
        size: page.list.page_size as usize,
    };
    Some((Statement::of(&page.list.rows_sql, binds, &page.place), form))
}

fn row(shape: &str, query: &str, id: &str) -> Option<(Statement, Form)> {
    let one = query::one(shape, query).ok()?.ok()?;
    let key = one.key(id)?;
    let statement = Statement::of(&one.sql, std::iter::once(key.as_str()), &one.place);
    let whole = query.is_empty();
    Some((statement, Form::Row { whole }))
}

/// Headers of a route, the same with an ETag, and where in those it is: all ETags have one length.
struct Tagged {
    plain: Box<[u8]>,
    whole: Box<[u8]>,
    at: usize,
}

thread_local! {
    static TAGGED: RefCell<Option<Tagged>> = const { RefCell::new(None) };
}

/// A route's headers and `{"etag": …}`.
fn tagged(headers: pg_sys::Datum, tag: &[u8; 26]) -> Option<pg_sys::Datum> {
    let plain = bytes_of(headers);
    let known = TAGGED.with_borrow_mut(|known| {
        let known = known.as_mut().filter(|known| &*known.plain == plain)?;
        known.whole[known.at..known.at + tag.len()].copy_from_slice(tag);
        Some(copy_of(&known.whole))
    });
    if known.is_some() {
        return known;
    }
    let text = str::from_utf8(tag).ok()?;
    let made = route::over(
        Some(headers),
        pgrx::JsonB(serde_json::json!({ "etag": text })).into_datum(),
    )?;
    let whole = image(made);
    let mut places = (0..whole.len()).filter(|&at| whole[at..].starts_with(tag));
    if let (Some(at), None) = (places.next(), places.next()) {
        TAGGED.set(Some(Tagged {
            plain: plain.into(),
            whole: whole.into(),
            at,
        }));
    }
    Some(made)
}
