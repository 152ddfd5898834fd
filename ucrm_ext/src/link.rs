//! Owns the border of the compiler for archives and links: shapes and requests in, statements out.
//! Must never put a value into SQL text.
//! Called by the generic resource. The compilation is in `query::compile`.

use crate::body::json;
use crate::border::{Answer, Call, texts};
use crate::bulk;
use crate::query::compile::bulk::{Bulk, Group};
use crate::query::compile::linked::{Link, linked, links, unlink};
use crate::query::compile::{archive, key_value};
use crate::query::{Columns, answer, catalogue, refuse, refuse_as, shape_of};
use serde_json::json;

fn compile_archive(call: Call) -> Answer {
    let catalogue = shape_of(call)?;
    let me = call.text(3);
    let owner = bulk::owner(call.text(0).unwrap_or_default(), me).map(|(column, _)| column);
    let Some(statement) = archive(&catalogue, call.flag(2), owner.filter(|_| me.is_some())) else {
        let detail = "rows of this resource cannot be archived";
        return refuse_as(call, "unsupported", Some(detail.into()));
    };
    let Some(key) = key_value(&catalogue, call.text(1).unwrap_or_default()) else {
        return refuse_as(call, "not_found", None);
    };
    let owner = me.filter(|_| owner.is_some()).map(str::to_owned);
    let binds: Vec<Option<String>> = [Some(key), owner]
        .into_iter()
        .filter(Option::is_some)
        .collect();
    answer(
        call,
        Columns {
            sql: Some(statement.sql),
            binds: Some(texts(&binds)),
            ..Columns::default()
        },
    )
}

fn compile_linked(call: Call) -> Answer {
    let rows = shape_of(call)?;
    let table = catalogue(call.text(1).unwrap_or_default())?;
    let link = Link {
        catalogue: &table,
        own: call.text(2).unwrap_or_default(),
        other: call.text(3).unwrap_or_default(),
    };
    let page = match linked(&rows, &link, call.text(4).unwrap_or_default()) {
        Ok(page) => page,
        Err(refusal) => return refuse(call, refusal),
    };
    answer(
        call,
        Columns {
            sql: Some(page.rows_sql),
            binds: Some(texts(&[call.text(5).map(str::to_owned)])),
            count_sql: Some(page.count_sql),
            page: page.page,
            page_limit: page.limit,
            ..Columns::default()
        },
    )
}

fn compile_unlink(call: Call) -> Answer {
    let table = shape_of(call)?;
    let link = Link {
        catalogue: &table,
        own: call.text(1).unwrap_or_default(),
        other: call.text(2).unwrap_or_default(),
    };
    let id = call.text(3).unwrap_or_default().to_owned();
    let group = |sql, binds| Bulk {
        groups: vec![Group {
            sql,
            binds,
            rows: Vec::new(),
        }],
        ..Bulk::default()
    };
    let Some(body) = call.bytes(4) else {
        return bulk::answer(call, group(links(&link), vec![id]));
    };
    let body = match json::value(body, json::MAX_DEPTH) {
        Ok(body) => body,
        Err(fault) => {
            return bulk::refuse(call, json!({"code": fault.code, "detail": fault.message}));
        }
    };
    match unlink(&link, body) {
        Ok((sql, keys)) => bulk::answer(call, group(sql, vec![id, keys])),
        Err(errors) => bulk::refuse_rows(call, &table, &errors),
    }
}

crate::leaf!(
    pg_finfo_ucrm_compile_archive,
    ucrm_compile_archive,
    compile_archive
);
crate::leaf!(
    pg_finfo_ucrm_compile_linked,
    ucrm_compile_linked,
    compile_linked
);
crate::leaf!(
    pg_finfo_ucrm_compile_unlink,
    ucrm_compile_unlink,
    compile_unlink
);
