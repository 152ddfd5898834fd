//! Owns the border of an import: a body and a place in it in, the statements for the next rows out.
//! Must never keep a body between calls.
//! Called by the import route. The reading is in `query::compile::import`.

use crate::border::{Answer, Call, Fault, composite, texts};
use crate::bulk::{owner, told};
use crate::query::compile::bulk::Bulk;
use crate::query::compile::bulk_insert::{Options, Resolution, Returned, insert};
use crate::query::compile::import::{Format, part};
use crate::query::shape_of;
use pgrx::{IntoDatum, PgSqlErrorCode, pg_sys};
use serde_json::{Value, json};

fn jsonb(value: Value) -> Option<pg_sys::Datum> {
    pgrx::JsonB(value).into_datum()
}

/// (shape, body, format, at, most, me, upsert, owned) → ucrm.import_part.
fn compile_import(call: Call) -> Answer {
    let catalogue = shape_of(call)?;
    let format = match call.text(2) {
        Some("csv") => Format::Csv,
        Some("json") => Format::Json,
        Some("ndjson") => Format::Lines,
        _ => {
            return Err(Fault::new(
                PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
                "not a format: csv, json or ndjson",
            ));
        }
    };
    let at = call.bigint(3).unwrap_or(0) as usize;
    let most = call.int(4).unwrap_or(500) as usize;
    let read = match part(
        &catalogue,
        format,
        call.bytes(1).unwrap_or_default(),
        at,
        most,
    ) {
        Ok(read) => read,
        Err(stop) => {
            let fields = stop.fields.iter();
            let errors: Vec<Value> = fields
                .map(|field| json!({"field": field, "code": stop.code, "message": "cannot be assigned"}))
                .collect();
            let refusal = json!({"code": stop.code, "detail": stop.message, "errors": errors});
            let mut columns = [None; 8];
            columns[7] = jsonb(refusal);
            return Ok(Some(composite(call, &columns)));
        }
    };
    let upsert = call.text(6);
    let options = Options {
        conflict: upsert.into_iter().collect(),
        resolution: match upsert {
            Some(_) => Resolution::Merge,
            None => Resolution::Refuse,
        },
        columns: None,
        missing_default: true,
        owner: owner(call.text(0).unwrap_or_default(), call.text(5)),
        returned: match upsert {
            Some(_) => Returned::Count,
            None => Returned::Nothing,
        },
    };
    let Bulk { groups, errors, .. } = insert(&catalogue, read.rows, &options);
    let mut faults = read.errors;
    faults.extend(errors.into_iter().map(|mut fault| {
        fault.row = read.numbers.get(fault.row).copied().unwrap_or(fault.row);
        fault
    }));
    faults.sort_by_key(|fault| fault.row);
    let mut failed: Vec<usize> = faults.iter().map(|fault| fault.row).collect();
    failed.dedup();
    let mut columns: [Vec<Option<String>>; 4] = Default::default();
    for group in groups {
        let numbers = group.rows.iter();
        let numbers = numbers.map(|row| read.numbers.get(*row).unwrap_or(row).to_string());
        columns[2].push(Some(numbers.collect::<Vec<String>>().join(",")));
        columns[0].push(Some(group.sql));
        columns[1].push(Some(group.binds.len().to_string()));
        columns[3].extend(group.binds.into_iter().map(Some));
    }
    let [sqls, widths, positions, binds] = columns.map(|column| Some(texts(&column)));
    let values = [
        (read.count as i32).into_datum(),
        sqls,
        widths,
        positions,
        binds,
        read.next.map(|next| pg_sys::Datum::from(next as i64)),
        jsonb(json!({"failed": failed.len(), "errors": told(&faults, 0)})),
        None,
    ];
    Ok(Some(composite(call, &values)))
}

crate::leaf!(
    pg_finfo_ucrm_compile_import,
    ucrm_compile_import,
    compile_import
);
