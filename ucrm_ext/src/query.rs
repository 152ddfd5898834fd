//! Owns the border of the compiler: shapes and requests in, ucrm.statement out.
//! Must never put a value into SQL text, nor keep a request.
//! Called by the generic resource. The grammar itself is in `compile`.

#[path = "query/compile.rs"]
pub mod compile;
#[path = "query/known.rs"]
mod known;

use crate::body::json;
use crate::border::{Answer, Call, Fault, composite, copy_of, image, texts, varlena};
use crate::{row, run};
use compile::tree::Count;
use compile::{Catalogue, List, Refusal, Statement};
use known::Known;
use pgrx::{IntoDatum, PgSqlErrorCode, pg_sys};
use serde_json::{Value, json};
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

/// Shapes are few: one per resource and version of its table.
const MOST_SHAPES: usize = 256;

/// A compiled list.
pub struct Page {
    /// What it was compiled to.
    pub list: List,
    /// Its binds, a whole text[].
    pub binds: Box<[u8]>,
    /// Where the plan of the page is kept.
    pub place: run::Place,
}

/// A compiled look-up of one row.
pub struct One {
    catalogue: Rc<Catalogue>,
    /// The statement; `$1` is the key.
    pub sql: String,
    /// Where its plan is kept.
    pub place: run::Place,
}

impl One {
    /// The key from a path segment; `None` when no row can have it.
    pub fn key(&self, segment: &str) -> Option<String> {
        compile::key_value(&self.catalogue, segment)
    }
}

thread_local! {
    static PAGES: RefCell<Known<Page>> = RefCell::default();
    static ONES: RefCell<Known<One>> = RefCell::default();
    static SHAPES: RefCell<HashMap<Box<str>, Rc<Catalogue>>> = RefCell::new(HashMap::new());
}

/// The catalogue of a shape.
pub fn catalogue(text: &str) -> Result<Rc<Catalogue>, Fault> {
    if let Some(known) = SHAPES.with_borrow(|shapes| shapes.get(text).cloned()) {
        return Ok(known);
    }
    let parsed = Catalogue::parse(text).map_err(|error| {
        Fault::new(
            PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
            format!("not a shape: {error}"),
        )
    })?;
    let parsed = Rc::new(parsed);
    SHAPES.with_borrow_mut(|shapes| {
        if shapes.len() >= MOST_SHAPES {
            shapes.clear();
        }
        shapes.insert(text.into(), parsed.clone());
    });
    Ok(parsed)
}

/// The catalogue that is a call's first argument.
pub fn shape_of(call: Call) -> Result<Rc<Catalogue>, Fault> {
    catalogue(call.text(0).unwrap_or_default())
}

/// The list for a shape and query string.
pub fn page(shape: &str, query: &str) -> Result<Result<Rc<Page>, Refusal>, Fault> {
    if let Some(known) = PAGES.with_borrow(|pages| pages.get(shape, query)) {
        return Ok(Ok(known));
    }
    let list = match compile::list(&*catalogue(shape)?, query) {
        Ok(list) => list,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let binds: Vec<Option<String>> = list.binds.iter().cloned().map(Some).collect();
    let page = Rc::new(Page {
        binds: image(texts(&binds)).into(),
        list,
        place: run::Place::default(),
    });
    PAGES.with_borrow_mut(|pages| pages.put(shape, query, page.clone()));
    Ok(Ok(page))
}

/// The look-up of one row for a shape and query string.
pub fn one(shape: &str, query: &str) -> Result<Result<Rc<One>, Refusal>, Fault> {
    if let Some(known) = ONES.with_borrow(|ones| ones.get(shape, query)) {
        return Ok(Ok(known));
    }
    let catalogue = catalogue(shape)?;
    let sql = match compile::get(&catalogue, query) {
        Ok(statement) => statement.sql,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let one = Rc::new(One {
        catalogue,
        sql,
        place: run::Place::default(),
    });
    ONES.with_borrow_mut(|ones| ones.put(shape, query, one.clone()));
    Ok(Ok(one))
}

/// The columns of ucrm.statement.
#[derive(Default)]
pub struct Columns {
    /// text
    pub sql: Option<String>,
    /// text[]
    pub binds: Option<pg_sys::Datum>,
    /// text
    pub count_sql: Option<String>,
    /// bigint
    pub page: Option<u64>,
    /// bigint
    pub page_limit: Option<u64>,
    /// boolean
    pub countable: bool,
    /// jsonb
    pub refusal: Option<Value>,
    /// text
    pub counting: Option<&'static str>,
    /// text
    pub plan_sql: Option<String>,
    /// bigint
    pub size: Option<u64>,
    /// bigint
    pub keys: Option<u64>,
    /// text
    pub stamp: Option<String>,
}

/// The ucrm.statement.
pub fn answer(call: Call, columns: Columns) -> Answer {
    let text = |text: Option<String>| text.map(|text| varlena(text.as_bytes()));
    let number = |number: Option<u64>| number.map(|number| pg_sys::Datum::from(number as i64));
    let values = [
        text(columns.sql),
        columns.binds,
        text(columns.count_sql),
        number(columns.page),
        number(columns.page_limit),
        Some(pg_sys::Datum::from(columns.countable)),
        columns
            .refusal
            .and_then(|refusal| pgrx::JsonB(refusal).into_datum()),
        columns.counting.map(|text| varlena(text.as_bytes())),
        text(columns.plan_sql),
        number(columns.size),
        columns.keys.map(|keys| pg_sys::Datum::from(keys as i32)),
        text(columns.stamp),
    ];
    Ok(Some(composite(call, &values)))
}

/// The ucrm.statement that says why not.
pub fn refuse(call: Call, refusal: Refusal) -> Answer {
    let mut errors: Vec<Value> = refusal
        .errors
        .iter()
        .map(|error| json!({"field": error.field, "code": error.code, "message": error.message}))
        .collect();
    let named = errors.is_empty() && refusal.code != "permission_denied";
    if let (Some(field), true) = (&refusal.field, named) {
        errors.push(json!({"field": field, "code": refusal.code, "message": refusal.message}));
    }
    let mut body = json!({"code": refusal.code, "detail": refusal.message, "errors": errors});
    if !refusal.allowed.is_empty() {
        body["allowed"] = json!(refusal.allowed);
    }
    if let ("permission_denied", Some(resource)) = (refusal.code, &refusal.field) {
        body["details"] = json!({"resource": resource, "action": "read"});
    }
    answer(
        call,
        Columns {
            refusal: Some(body),
            ..Columns::default()
        },
    )
}

/// The same for a refusal without fields.
pub fn refuse_as(call: Call, code: &str, detail: Option<String>) -> Answer {
    answer(
        call,
        Columns {
            refusal: Some(json!({"code": code, "detail": detail})),
            ..Columns::default()
        },
    )
}

fn compile_list(call: Call) -> Answer {
    let (shape, query) = (call.text(0), call.text(1));
    match page(shape.unwrap_or_default(), query.unwrap_or_default())? {
        Ok(page) => answer(
            call,
            Columns {
                sql: Some(page.list.rows_sql.clone()),
                binds: Some(copy_of(&page.binds)),
                count_sql: Some(page.list.count_sql.clone()),
                page: page.list.page,
                page_limit: page.list.limit,
                countable: !page.list.volatile,
                refusal: None,
                counting: match page.list.count {
                    Count::None => None,
                    Count::Exact => Some("exact"),
                    Count::Estimated => Some("estimated"),
                    Count::Planned => Some("planned"),
                },
                plan_sql: Some(page.list.plan_sql.clone()),
                size: Some(page.list.page_size),
                keys: Some(page.list.keys as u64),
                stamp: page.list.stamp.clone(),
            },
        ),
        Err(refusal) => refuse(call, refusal),
    }
}

fn compile_labels(call: Call) -> Answer {
    let catalogue = shape_of(call)?;
    match compile::labels(&catalogue, call.text(1).unwrap_or_default()) {
        Ok(Statement { sql, binds }) => answer(
            call,
            Columns {
                sql: Some(sql),
                binds: Some(texts(&binds)),
                ..Columns::default()
            },
        ),
        Err(refusal) => refuse(call, refusal),
    }
}

/// A statement about one row: its key, from argument `n`, is `$1`.
fn about_one(
    call: Call,
    n: usize,
    statement: Result<Statement, Refusal>,
    catalogue: &Catalogue,
) -> Answer {
    let Some(key) = compile::key_value(catalogue, call.text(n).unwrap_or_default()) else {
        return refuse_as(call, "not_found", None);
    };
    match statement {
        Ok(Statement { sql, binds }) => {
            let binds: Vec<Option<String>> = std::iter::once(Some(key)).chain(binds).collect();
            answer(
                call,
                Columns {
                    sql: Some(sql),
                    binds: Some(texts(&binds)),
                    ..Columns::default()
                },
            )
        }
        Err(refusal) => refuse(call, refusal),
    }
}

fn compile_get(call: Call) -> Answer {
    let (shape, query) = (call.text(0), call.text(1));
    match one(shape.unwrap_or_default(), query.unwrap_or_default())? {
        Ok(one) => {
            let lock = if call.flag(3) { " for update of r" } else { "" };
            let statement = Statement {
                sql: format!("{}{lock}", one.sql),
                binds: Vec::new(),
            };
            about_one(call, 2, Ok(statement), &one.catalogue)
        }
        Err(refusal) => about_one(call, 2, Err(refusal), &*shape_of(call)?),
    }
}

fn compile_delete(call: Call) -> Answer {
    let catalogue = shape_of(call)?;
    about_one(call, 1, Ok(compile::delete(&catalogue)), &catalogue)
}

fn compile_insert(call: Call) -> Answer {
    let catalogue = shape_of(call)?;
    let body = match json::check(call.bytes(1).unwrap_or_default(), json::MAX_DEPTH) {
        Ok(body) => body,
        Err(fault) => {
            return refuse_as(
                call,
                fault.code,
                Some(format!("{} (at byte {})", fault.message, fault.at)),
            );
        }
    };
    let statement = match call.text(2) {
        None => compile::insert(&catalogue, &body),
        key => compile::insert_unseen(&catalogue, &body, key),
    };
    match statement {
        Ok(Statement { sql, binds }) => answer(
            call,
            Columns {
                sql: Some(sql),
                binds: Some(texts(&binds)),
                ..Columns::default()
            },
        ),
        Err(refusal) => refuse(call, refusal),
    }
}

fn compile_update(call: Call) -> Answer {
    let catalogue = shape_of(call)?;
    let body = match json::check(call.bytes(1).unwrap_or_default(), json::MAX_DEPTH) {
        Ok(body) => body,
        Err(fault) => {
            return refuse_as(
                call,
                fault.code,
                Some(format!("{} (at byte {})", fault.message, fault.at)),
            );
        }
    };
    about_one(call, 2, compile::update(&catalogue, &body), &catalogue)
}

crate::leaf!(pg_finfo_ucrm_compile_list, ucrm_compile_list, compile_list);
crate::leaf!(
    pg_finfo_ucrm_compile_labels,
    ucrm_compile_labels,
    compile_labels
);
crate::leaf!(pg_finfo_ucrm_compile_get, ucrm_compile_get, compile_get);
crate::leaf!(
    pg_finfo_ucrm_compile_insert,
    ucrm_compile_insert,
    compile_insert
);
crate::leaf!(
    pg_finfo_ucrm_compile_update,
    ucrm_compile_update,
    compile_update
);
crate::leaf!(
    pg_finfo_ucrm_compile_delete,
    ucrm_compile_delete,
    compile_delete
);

/// Positions in ucrm.request, see sql/80_reply.sql.
const REQUEST_BODY: usize = 4;
const REQUEST_SHAPE: usize = 8;

fn may_name_owner(call: Call) -> Answer {
    let Some(request) = call.datum(0).and_then(row::Columns::<17>::of) else {
        return Ok(Some(pg_sys::Datum::from(true)));
    };
    let head = request
        .text(REQUEST_SHAPE)
        .and_then(|shape| shape.lines().next());
    let owner = head
        .and_then(|head| head.split('\t').nth(3))
        .unwrap_or_default();
    let body = request.bytes(REQUEST_BODY).unwrap_or_default();
    let named = !owner.is_empty()
        && (body.contains(&b'\\')
            || body
                .windows(owner.len())
                .any(|window| window == owner.as_bytes()));
    Ok(Some(pg_sys::Datum::from(named)))
}

crate::leaf!(
    pg_finfo_ucrm_may_name_owner,
    ucrm_may_name_owner,
    may_name_owner
);
