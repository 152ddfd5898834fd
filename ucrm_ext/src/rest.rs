//! Owns the border of PostgREST's dialect: headers and query strings in, what they ask for out.
//! Must never decide who may do what.
//! Called by the routes below /rest/v1. The dialect itself is in `query::compile::rest`.

use crate::border::{Answer, Call, composite, texts, varlena};
use crate::query::compile::rest::{self, Fault, Form, Lowered, No, Resolution, Return};
use crate::query::compile::tree::Count;
use crate::query::compile::{Catalogue, List, emit};
use crate::query::shape_of;
use pgrx::{IntoDatum, pg_sys};
use serde_json::{Value, json};

/// A fault as the refusal that ucrm.rest_refused() takes.
pub fn refusal(fault: &Fault) -> Value {
    json!({
        "code": fault.refusal,
        "detail": fault.message,
        "rest": {
            "code": fault.code,
            "status": fault.status,
            "details": fault.details,
            "hint": fault.hint,
        },
    })
}

fn number(number: Option<u64>) -> Option<pg_sys::Datum> {
    number.map(|number| pg_sys::Datum::from(number as i64))
}

fn read_wishes(call: Call) -> Answer {
    let text = |n| call.text(n).unwrap_or_default();
    let told = |text: &str| Some(varlena(text.as_bytes()));
    let (wishes, refused) = match rest::wishes(text(0), text(1), text(2)) {
        Ok(wishes) => (wishes, None),
        Err(fault) => (rest::Wishes::default(), Some(refusal(&fault))),
    };
    let values = [
        told(match wishes.returns {
            Return::Minimal => "minimal",
            Return::HeadersOnly => "headers-only",
            Return::Representation => "representation",
        }),
        wishes.count.and_then(told),
        wishes.resolution.and_then(|resolution| {
            told(match resolution {
                Resolution::Merge => "merge",
                Resolution::Ignore => "ignore",
            })
        }),
        Some(pg_sys::Datum::from(wishes.missing_default)),
        number(wishes.max_affected),
        told(match wishes.form {
            Form::Array => "array",
            Form::Object => "object",
            Form::Csv => "csv",
        }),
        Some(pg_sys::Datum::from(wishes.strip_nulls)),
        number(wishes.range.map(|(first, _)| first)),
        number(wishes.range.and_then(|(_, last)| last)),
        (!wishes.applied.is_empty()).then(|| varlena(wishes.applied.as_bytes())),
        refused.and_then(|refusal| pgrx::JsonB(refusal).into_datum()),
    ];
    Ok(Some(composite(call, &values)))
}

type Compiled = Result<(Lowered, List, &'static str), No>;

/// The statement that a question becomes, by its mode; and what follows it.
fn compiled(call: Call, catalogue: &Catalogue) -> Compiled {
    let count = match call.text(6) {
        Some("exact") => Count::Exact,
        Some("planned") => Count::Planned,
        Some("estimated") => Count::Estimated,
        _ => Count::None,
    };
    let unsigned = |n| call.bigint(n).map(|number: i64| number.unsigned_abs());
    let range = unsigned(4).map(|first| (first, unsigned(5)));
    let question = rest::question(call.text(1).unwrap_or_default())?;
    let lowered = rest::lower(catalogue, question, range, count)?;
    let mode = call.text(2).unwrap_or_default();
    let list = match mode {
        "keys" => {
            let keys = call.texts(3).into_iter().flatten().map(str::to_owned);
            rest::of_keys(catalogue, &lowered, keys.collect())?
        }
        "found" | "locked" => emit(catalogue, &rest::found(catalogue, &lowered))?,
        _ => emit(catalogue, &lowered.query)?,
    };
    let lock = match mode {
        "locked" => " for update of r",
        _ => "",
    };
    Ok((lowered, list, lock))
}

fn compile_rest(call: Call) -> Answer {
    let told = |text: &str| Some(varlena(text.as_bytes()));
    let names = |names: Vec<String>| {
        let names: Vec<Option<String>> = names.into_iter().map(Some).collect();
        texts(&names)
    };
    let values = match compiled(call, &*shape_of(call)?) {
        Ok((lowered, list, lock)) => [
            Some(varlena(format!("{}{lock}", list.rows_sql).as_bytes())),
            Some(names(list.binds)),
            told(&list.count_sql),
            told(&list.plan_sql),
            match list.count {
                Count::None => None,
                Count::Exact => told("exact"),
                Count::Estimated => told("estimated"),
                Count::Planned => told("planned"),
            },
            Some(pg_sys::Datum::from(!list.volatile)),
            number(Some(list.offset)),
            Some(names(lowered.columns)),
            lowered.keys.map(names),
            Some(pg_sys::Datum::from(lowered.whole)),
            lowered.on_conflict.map(names),
            lowered.body_columns.map(names),
            None,
        ],
        Err(no) => {
            let refused = match no {
                No::Fault(fault) => refusal(&fault),
                No::Wider => json!({"code": "wider"}),
            };
            let mut values = [None; 13];
            values[12] = pgrx::JsonB(refused).into_datum();
            values
        }
    };
    Ok(Some(composite(call, &values)))
}

fn query_pairs(call: Call) -> Answer {
    let pairs = crate::query::compile::pairs(call.text(0).unwrap_or_default()).ok();
    Ok(pairs.map(|pairs| {
        let flat: Vec<Option<String>> = pairs
            .into_iter()
            .flat_map(|(name, value)| [Some(name), Some(value)])
            .collect();
        texts(&flat)
    }))
}

/// rest_csv(columns text[], items text).
fn rest_csv(call: Call) -> Answer {
    let columns: Vec<&str> = call.texts(0).into_iter().flatten().collect();
    let csv = rest::csv(&columns, call.text(1).unwrap_or("[]"));
    Ok(csv.map(|csv| varlena(csv.as_bytes())))
}

crate::leaf!(pg_finfo_ucrm_read_wishes, ucrm_read_wishes, read_wishes);
crate::leaf!(pg_finfo_ucrm_compile_rest, ucrm_compile_rest, compile_rest);
crate::leaf!(pg_finfo_ucrm_query_pairs, ucrm_query_pairs, query_pairs);
crate::leaf!(pg_finfo_ucrm_rest_csv, ucrm_rest_csv, rest_csv);
