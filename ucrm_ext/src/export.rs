//! Owns the border of an export: a list's request without pages in, one statement out.
//! Must never let through what belongs to pages.
//! Called by the export route.

use crate::border::{Answer, Call, texts};
use crate::bulk;
use crate::query::compile::whole;
use crate::query::{Columns, answer, refuse, refuse_as, shape_of};

/// Nobody's.
const NOBODY: &str = "00000000-0000-0000-0000-000000000000";

fn compile_export(call: Call) -> Answer {
    let catalogue = shape_of(call)?;
    let shape = call.text(0).unwrap_or_default();
    let mut query = Vec::new();
    for pair in call.text(1).unwrap_or_default().split('&') {
        let name = pair.split('=').next().unwrap_or_default();
        if matches!(name, "page" | "limit" | "cursor" | "count") {
            let detail = format!("an export has all rows: leave {name} out");
            return refuse_as(call, "invalid_filter", Some(detail));
        }
        if name != "format" && !pair.is_empty() {
            query.push(pair.to_owned());
        }
    }
    if let Some((owner, Some(me))) = bulk::owner(shape, call.text(2)) {
        let me = if me.is_empty() { NOBODY } else { me };
        query.push(format!("and=({owner}.eq.{me})"));
    }
    let list = match whole(&catalogue, &query.join("&")) {
        Ok(list) => list,
        Err(refusal) => return refuse(call, refusal),
    };
    let binds: Vec<Option<String>> = list.binds.into_iter().map(Some).collect();
    answer(
        call,
        Columns {
            sql: Some(list.rows_sql),
            binds: Some(texts(&binds)),
            count_sql: Some(list.count_sql),
            countable: !list.volatile,
            ..Columns::default()
        },
    )
}

crate::leaf!(
    pg_finfo_ucrm_compile_export,
    ucrm_compile_export,
    compile_export
);
