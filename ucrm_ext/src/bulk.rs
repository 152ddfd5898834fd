//! Owns the border of the compiler for many rows: a body in, ucrm.bulk out.
//! Must never put a value into SQL text, nor keep a body.
//! Called by the generic resource's bulk routes and by the PostgREST dialect. The compilation is in `query::compile`.

use crate::body::json;
use crate::border::{Answer, Call, Fault, composite, texts};
use crate::query::compile::Catalogue;
use crate::query::compile::bulk::{Bulk, RowError, rows};
use crate::query::compile::bulk_change;
use crate::query::compile::bulk_insert::{Options, Resolution, Returned, insert};
use crate::query::shape_of;
use pgrx::{IntoDatum, PgSqlErrorCode};
use serde_json::{Value, json};

/// Faults that are told of one body.
const MOST_ERRORS: usize = 100;

/// The ucrm.bulk that says why not.
pub fn refuse(call: Call, refusal: Value) -> Answer {
    let refusal = pgrx::JsonB(refusal).into_datum();
    Ok(Some(composite(
        call,
        &[0.into_datum(), None, None, None, None, None, refusal],
    )))
}

/// What is wrong with rows, as errors of a reply.
pub fn told(errors: &[RowError], first: usize) -> Vec<Value> {
    errors
        .iter()
        .take(MOST_ERRORS)
        .map(|fault| {
            json!({
                "row": fault.row + first,
                "field": fault.error.field,
                "code": fault.error.code,
                "message": fault.error.message,
            })
        })
        .collect()
}

/// The same for faults of rows.
pub fn refuse_rows(call: Call, catalogue: &Catalogue, errors: &[RowError]) -> Answer {
    let unknown = errors
        .iter()
        .any(|fault| fault.error.code == "unknown_field");
    let mut refusal = json!({
        "code": if unknown { "unknown_field" } else { "validation_failed" },
        "detail": match errors.len() {
            1 => "a row is not valid".to_owned(),
            many if many > MOST_ERRORS => format!("{many} faults in the rows, of which these are the first"),
            many => format!("{many} faults in the rows"),
        },
        "errors": told(errors, 0),
    });
    if unknown {
        let writable = catalogue.columns.iter().filter(|column| column.writable);
        refusal["allowed"] = writable.map(|column| column.name.clone()).collect();
    }
    refuse(call, refusal)
}

/// The ucrm.bulk of compiled rows.
pub fn answer(call: Call, bulk: Bulk) -> Answer {
    let mut columns: [Vec<Option<String>>; 4] = Default::default();
    for group in bulk.groups {
        let positions: Vec<String> = group.rows.iter().map(ToString::to_string).collect();
        columns[0].push(Some(group.sql));
        columns[1].push(Some(group.binds.len().to_string()));
        columns[2].push(Some(positions.join(",")));
        columns[3].extend(group.binds.into_iter().map(Some));
    }
    let keys: Vec<Option<String>> = bulk.keys.into_iter().map(Some).collect();
    let [sqls, widths, positions, binds] = columns.map(|column| Some(texts(&column)));
    let count = (bulk.rows as i32).into_datum();
    Ok(Some(composite(
        call,
        &[
            count,
            sqls,
            widths,
            positions,
            binds,
            Some(texts(&keys)),
            None,
        ],
    )))
}

/// The body as JSON and not of too many rows, or the reply that says why not.
fn body(call: Call, n: usize, most: Option<i32>) -> Result<Value, Answer> {
    let body =
        json::value(call.bytes(n).unwrap_or_default(), json::MAX_DEPTH).map_err(|fault| {
            let detail = format!("{} (at byte {})", fault.message, fault.at);
            refuse(call, json!({"code": fault.code, "detail": detail}))
        })?;
    let rows = match &body {
        Value::Object(object) => object.get("ids").and_then(Value::as_array),
        body => body.as_array(),
    };
    let most = most.map_or(usize::MAX, |most| most as usize);
    if rows.is_some_and(|rows| rows.len() > most) {
        let detail = format!("at most {most} rows are taken at once");
        return Err(refuse(
            call,
            json!({"code": "validation_failed", "detail": detail, "errors": []}),
        ));
    }
    Ok(body)
}

/// The owner column of a shape, and who alone may be put there.
pub fn owner<'a>(shape: &'a str, me: Option<&'a str>) -> Option<(&'a str, Option<&'a str>)> {
    let column = shape.lines().next()?.split('\t').nth(3)?;
    (!column.is_empty()).then_some((column, me))
}

fn unknown_word(what: &str) -> Fault {
    Fault::new(
        PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
        format!("not a {what}"),
    )
}

fn compile_insert(call: Call) -> Answer {
    let catalogue = shape_of(call)?;
    let body = match body(call, 1, call.int(2)) {
        Ok(body) => body,
        Err(answer) => return answer,
    };
    // One object is a list of one.
    let given = match body {
        Value::Object(body) => Ok(vec![body]),
        body => rows(body),
    };
    let given = match given {
        Ok(given) => given,
        Err(errors) => return refuse_rows(call, &catalogue, &errors),
    };
    let columns = call
        .datum(6)
        .map(|_| call.texts(6).into_iter().flatten().collect());
    let options = Options {
        conflict: call.texts(4).into_iter().flatten().collect(),
        resolution: match call.text(5) {
            None => Resolution::Refuse,
            Some("merge") => Resolution::Merge,
            Some("ignore") => Resolution::Ignore,
            Some(_) => return Err(unknown_word("resolution: merge or ignore")),
        },
        columns,
        missing_default: call.flag(7),
        owner: owner(call.text(0).unwrap_or_default(), call.text(3)),
        returned: match call.text(8) {
            Some("rows") => Returned::Rows,
            Some("count") => Returned::Count,
            Some("nothing") => Returned::Nothing,
            _ => return Err(unknown_word("result: rows, count or nothing")),
        },
    };
    let bulk = insert(&catalogue, given, &options);
    match bulk.errors.is_empty() {
        true => answer(call, bulk),
        false => refuse_rows(call, &catalogue, &bulk.errors),
    }
}

fn compile_change(
    call: Call,
    most: Option<i32>,
    compile: impl Fn(&Catalogue, Value) -> Result<Bulk, Vec<RowError>>,
) -> Answer {
    let catalogue = shape_of(call)?;
    let body = match body(call, 1, most) {
        Ok(body) => body,
        Err(answer) => return answer,
    };
    match compile(&catalogue, body) {
        Ok(bulk) if bulk.errors.is_empty() => answer(call, bulk),
        Ok(Bulk { errors, .. }) | Err(errors) => refuse_rows(call, &catalogue, &errors),
    }
}

crate::leaf!(
    pg_finfo_ucrm_compile_bulk_insert,
    ucrm_compile_bulk_insert,
    compile_insert
);
crate::leaf!(
    pg_finfo_ucrm_compile_bulk_update,
    ucrm_compile_bulk_update,
    |call: Call| -> Answer {
        let owner = owner(call.text(0).unwrap_or_default(), call.text(3));
        compile_change(call, call.int(2), |catalogue, body| {
            bulk_change::update(catalogue, body, owner)
        })
    }
);
crate::leaf!(
    pg_finfo_ucrm_compile_bulk_delete,
    ucrm_compile_bulk_delete,
    |call: Call| -> Answer { compile_change(call, call.int(2), bulk_change::delete) }
);
crate::leaf!(
    pg_finfo_ucrm_compile_bulk_seen,
    ucrm_compile_bulk_seen,
    |call: Call| -> Answer { compile_change(call, None, bulk_change::seen) }
);
