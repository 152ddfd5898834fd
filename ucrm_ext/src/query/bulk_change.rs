//! Owns the compilation of UPDATEs and DELETEs of many rows, each named by its key.
//! Must never find a row by anything but its key, nor change one twice.
//! Called by the query leaf with a body that `body::json` has read.

use super::bulk::{Bulk, RANGE, RowError, Sorted, collect, error, owner_error, rows, sort, source};
use super::catalogue::Catalogue;
use super::column::Column;
use super::kind::Kind;
use super::statement::quoted;
use super::value;
use super::write::{assigned, checked};
use serde_json::Value;
use std::collections::HashSet;

/// Changes rows: an array of objects with their keys, or `{"ids": […], "data": {…}}`.
pub fn update(
    catalogue: &Catalogue,
    body: Value,
    owner: Option<(&str, Option<&str>)>,
) -> Result<Bulk, Vec<RowError>> {
    let mut given = match body {
        Value::Object(mut body) => {
            let ids = body.remove("ids").unwrap_or_default();
            let data = body.remove("data").unwrap_or_default();
            if let Some(name) = body.keys().next() {
                return Err(vec![error(0, name, "unknown_field", "send ids and data")]);
            }
            let (Value::Array(ids), Value::Object(data)) = (ids, data) else {
                return Err(vec![error(
                    0,
                    "ids",
                    "required",
                    "send ids, a list, and data, an object",
                )]);
            };
            if ids.is_empty() {
                // What nothing becomes cannot be judged.
                return Err(vec![error(0, "ids", "required", "name at least one row")]);
            }
            let with = |id| {
                let mut row = data.clone();
                row.insert(catalogue.key.clone(), id);
                row
            };
            ids.into_iter().map(with).collect()
        }
        body => rows(body)?,
    };
    let mut bulk = Bulk {
        rows: given.len(),
        ..Bulk::default()
    };
    let column = key_of(catalogue)?;
    let (mut groups, mut seen) = (Vec::new(), HashSet::new());
    for (row, body) in given.iter_mut().enumerate() {
        let id = body.remove(&catalogue.key);
        let Some(key) = key(column, row, id, &mut seen, &mut bulk.errors) else {
            continue;
        };
        let errors = owner_error(owner, body).into_iter().collect();
        let (columns, values) =
            match assigned(catalogue, body).and_then(|fields| checked(fields, errors)) {
                Ok(fields) => fields,
                Err(refusal) => {
                    collect(&mut bulk.errors, row, refusal);
                    continue;
                }
            };
        if columns.is_empty() {
            bulk.errors
                .push(error(row, "", "required", "there is nothing to change"));
            continue;
        }
        bulk.keys.push(key.clone());
        let fields = std::iter::once((column, Some(key))).chain(columns.into_iter().zip(values));
        sort(&mut groups, row, fields.collect());
    }
    bulk.groups = groups
        .into_iter()
        .map(|group| {
            let (source, values) = source(&group.columns);
            let set: Vec<String> = group
                .columns
                .iter()
                .zip(&values)
                .skip(1)
                .map(|(column, value)| format!("{} = {value}", quoted(&column.name)))
                .collect();
            let sql = format!(
                "with c as (update {} as r set {} from {source} where {RANGE} and r.{} = {} returning r.*, u.n as \"ucrm n\") \
                 select {} from c as r order by r.\"ucrm n\"",
                catalogue.target(),
                set.join(", "),
                quoted(&catalogue.key),
                values[0],
                catalogue.select_list()
            );
            group.group(sql)
        })
        .collect();
    Ok(bulk)
}

/// Deletes rows: `{"ids": […]}`. Their keys come back.
pub fn delete(catalogue: &Catalogue, body: Value) -> Result<Bulk, Vec<RowError>> {
    let keys = keys(key_of(catalogue)?, body)?;
    Ok(by_keys(catalogue, keys, |target, source, found, key| {
        format!(
            "with c as (delete from {target} as r using {source} where {RANGE} and {found} returning r.{key}, u.n as \"ucrm n\") \
             select c.{key} from c order by c.\"ucrm n\""
        )
    }))
}

/// Which of these keys are of rows that can be seen.
pub fn seen(catalogue: &Catalogue, body: Value) -> Result<Bulk, Vec<RowError>> {
    let keys = keys(key_of(catalogue)?, body)?;
    Ok(by_keys(catalogue, keys, |target, source, found, key| {
        format!(
            "select r.{key} from {source} join {target} as r on {found} where {RANGE} order by u.n"
        )
    }))
}

type Seen = HashSet<String>;

fn key_of(catalogue: &Catalogue) -> Result<&Column, Vec<RowError>> {
    let missing = || vec![error(0, &catalogue.key, "unknown_field", "there is no key")];
    catalogue.key_column().ok_or_else(missing)
}

fn key(
    column: &Column,
    row: usize,
    id: Option<Value>,
    seen: &mut Seen,
    errors: &mut Vec<RowError>,
) -> Option<String> {
    let name = &column.name;
    match id {
        None | Some(Value::Null) => {
            errors.push(error(row, name, "required", format!("{name} is required")))
        }
        Some(id) => match value::json(&column.kind, &id) {
            Err(fault) => errors.push(error(row, name, fault.code, fault.message)),
            Ok(key) => {
                let key = if column.kind == Kind::Uuid {
                    key.to_ascii_lowercase()
                } else {
                    key
                };
                if seen.insert(key.clone()) {
                    return Some(key);
                }
                errors.push(error(row, name, "duplicate", "the row is named twice"));
            }
        },
    }
    None
}

/// The keys of `{"ids": […]}`, values of this column.
pub fn keys(column: &Column, body: Value) -> Result<Vec<String>, Vec<RowError>> {
    let ids = match body {
        Value::Object(mut body) => {
            let ids = body.remove("ids");
            if let Some(name) = body.keys().next() {
                return Err(vec![error(0, name, "unknown_field", "send ids only")]);
            }
            ids
        }
        _ => None,
    };
    let Some(Value::Array(ids)) = ids else {
        return Err(vec![error(0, "ids", "required", "send ids, a list")]);
    };
    let (mut keys, mut seen, mut errors) = (Vec::new(), Seen::new(), Vec::new());
    for (row, id) in ids.into_iter().enumerate() {
        keys.extend(key(column, row, Some(id), &mut seen, &mut errors));
    }
    if errors.is_empty() {
        Ok(keys)
    } else {
        Err(errors)
    }
}

fn by_keys(
    catalogue: &Catalogue,
    keys: Vec<String>,
    sql: impl Fn(String, String, String, String) -> String,
) -> Bulk {
    let mut bulk = Bulk {
        rows: keys.len(),
        ..Bulk::default()
    };
    let mut groups = Vec::new();
    if let Some(column) = catalogue.key_column() {
        for (row, key) in keys.iter().enumerate() {
            sort(&mut groups, row, vec![(column, Some(key.clone()))]);
        }
    }
    bulk.keys = keys;
    bulk.groups = groups
        .into_iter()
        .map(|group: Sorted| {
            let (source, values) = source(&group.columns);
            let key = quoted(&catalogue.key);
            let found = format!("r.{key} = {}", values[0]);
            group.group(sql(catalogue.target(), source, found, key))
        })
        .collect();
    bulk
}
