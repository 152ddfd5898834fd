//! Owns the border of the compiler: shapes and requests in, ucrm.statement out.
//! Must never put a value into SQL text, nor keep a request.
//! Called by the generic resource. The grammar itself is in `compile`.

#[path = "query/compile.rs"]
pub mod compile;

use crate::body::json;
use crate::border::{Answer, Call, Fault, composite, texts, varlena};
use crate::row;
use compile::{Catalogue, List, Refusal, Statement};
use pgrx::{IntoDatum, PgSqlErrorCode, pg_sys};
use serde_json::{Value, json};
use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::BuildHasher;
use std::rc::Rc;

/// Shapes are few: one per resource and version of its table.
const MOST_SHAPES: usize = 256;

/// Compiled lists kept per backend; they hold the request's values, so there are many and they are small.
const MOST_LISTS: usize = 512;

struct Known {
    shape: Box<str>,
    query: Box<str>,
    list: Rc<List>,
}

thread_local! {
    static LISTS: RefCell<HashMap<u64, Known>> = RefCell::new(HashMap::new());
    static SHAPES: RefCell<HashMap<Box<str>, Rc<Catalogue>>> = RefCell::new(HashMap::new());
}

fn catalogue(call: Call) -> Result<Rc<Catalogue>, Fault> {
    let text = call.text(0).unwrap_or_default();
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

/// The columns of ucrm.statement.
#[derive(Default)]
struct Columns {
    sql: Option<String>,
    binds: Vec<Option<String>>,
    count_sql: Option<String>,
    page: Option<u64>,
    page_limit: Option<u64>,
    countable: bool,
    refusal: Option<Value>,
}

fn answer(call: Call, columns: Columns) -> Answer {
    let text = |text: Option<String>| text.map(|text| varlena(text.as_bytes()));
    let number = |number: Option<u64>| number.map(|number| pg_sys::Datum::from(number as i64));
    let mut values = [
        text(columns.sql),
        Some(texts(&columns.binds)),
        text(columns.count_sql),
        number(columns.page),
        number(columns.page_limit),
        Some(pg_sys::Datum::from(columns.countable)),
        columns
            .refusal
            .and_then(|refusal| pgrx::JsonB(refusal).into_datum()),
    ];
    Ok(Some(composite(call, &mut values)))
}

fn refuse(call: Call, refusal: Refusal) -> Answer {
    let mut errors: Vec<Value> = refusal
        .errors
        .iter()
        .map(|error| json!({"field": error.field, "code": error.code, "message": error.message}))
        .collect();
    if let (Some(field), true) = (&refusal.field, errors.is_empty()) {
        errors.push(json!({"field": field, "code": refusal.code, "message": refusal.message}));
    }
    let mut body = json!({"code": refusal.code, "detail": refusal.message, "errors": errors});
    if !refusal.allowed.is_empty() {
        body["allowed"] = json!(refusal.allowed);
    }
    answer(
        call,
        Columns {
            refusal: Some(body),
            ..Columns::default()
        },
    )
}

fn refuse_as(call: Call, code: &str, detail: Option<String>) -> Answer {
    answer(
        call,
        Columns {
            refusal: Some(json!({"code": code, "detail": detail})),
            ..Columns::default()
        },
    )
}

/// The list for a shape and query string; the same question is compiled once per backend.
fn list(call: Call) -> Result<Result<Rc<List>, Refusal>, Fault> {
    let query = call.text(1).unwrap_or_default();
    let key = (call.text(0).unwrap_or_default(), query);
    let hash = LISTS.with_borrow(|lists| lists.hasher().hash_one(key));
    let known = LISTS.with_borrow(|lists| {
        lists
            .get(&hash)
            .filter(|known| (&*known.shape, &*known.query) == key)
            .map(|known| known.list.clone())
    });
    if let Some(list) = known {
        return Ok(Ok(list));
    }
    let compiled = match compile::list(&*catalogue(call)?, query) {
        Ok(list) => Rc::new(list),
        Err(refusal) => return Ok(Err(refusal)),
    };
    LISTS.with_borrow_mut(|lists| {
        if lists.len() >= MOST_LISTS {
            lists.clear();
        }
        lists.insert(
            hash,
            Known {
                shape: key.0.into(),
                query: query.into(),
                list: compiled.clone(),
            },
        );
    });
    Ok(Ok(compiled))
}

fn compile_list(call: Call) -> Answer {
    match list(call)? {
        Ok(list) => answer(
            call,
            Columns {
                sql: Some(list.rows_sql.clone()),
                binds: list.binds.iter().cloned().map(Some).collect(),
                count_sql: Some(list.count_sql.clone()),
                page: list.page,
                page_limit: list.limit,
                countable: !list.volatile,
                refusal: None,
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
            let binds = std::iter::once(Some(key)).chain(binds).collect();
            answer(
                call,
                Columns {
                    sql: Some(sql),
                    binds,
                    ..Columns::default()
                },
            )
        }
        Err(refusal) => refuse(call, refusal),
    }
}

fn compile_get(call: Call) -> Answer {
    let catalogue = catalogue(call)?;
    let mut statement = compile::get(&catalogue, call.text(1).unwrap_or_default());
    if let (true, Ok(statement)) = (call.flag(3), &mut statement) {
        statement.sql.push_str(" for update of r");
    }
    about_one(call, 2, statement, &catalogue)
}

fn compile_delete(call: Call) -> Answer {
    let catalogue = catalogue(call)?;
    about_one(call, 1, Ok(compile::delete(&catalogue)), &catalogue)
}

fn compile_insert(call: Call) -> Answer {
    let catalogue = catalogue(call)?;
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
    match compile::insert(&catalogue, &body) {
        Ok(Statement { sql, binds }) => answer(
            call,
            Columns {
                sql: Some(sql),
                binds,
                ..Columns::default()
            },
        ),
        Err(refusal) => refuse(call, refusal),
    }
}

fn compile_update(call: Call) -> Answer {
    let catalogue = catalogue(call)?;
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
