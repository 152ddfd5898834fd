//! Owns the compilation of INSERTs of many rows, with what becomes of those that are there already.
//! Must never assign what `write` would not.
//! Called by the query leaf with rows that `body::json` or an import has read.

use super::bulk::{Bulk, RANGE, collect, error, owner_error, sort, source};
use super::catalogue::Catalogue;
use super::column::Column;
use super::kind::Kind;
use super::money;
use super::statement::quoted;
use super::write::{assigned, checked, required};
use serde_json::{Map, Value};
use std::collections::HashSet;

/// What becomes of a row whose key is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// The statement fails.
    Refuse,
    /// The row that is there gets the values.
    Merge,
    /// The row that is there stays.
    Ignore,
}

/// What a statement gives back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Returned {
    /// The rows as they are shown.
    Rows,
    /// Nothing: asks for no permission to read.
    Nothing,
    /// A text, `made changed`: how many rows are new, and how many were there.
    Count,
}

/// How rows are created.
#[derive(Clone, Debug)]
pub struct Options<'a> {
    /// Columns of the unique key, beside the tenant, that decides whether a row is there.
    pub conflict: Vec<&'a str>,
    /// What then.
    pub resolution: Resolution,
    /// The fields that are taken of each row, others are left; none: all, and unknown ones are refused.
    pub columns: Option<Vec<&'a str>>,
    /// What a row lacks is its column's default, else null.
    pub missing_default: bool,
    /// The owner column, and who alone may be put there.
    pub owner: Option<(&'a str, Option<&'a str>)>,
    /// What comes back.
    pub returned: Returned,
}

/// Creates rows. What is wrong with some is told beside what becomes of the others.
pub fn insert(catalogue: &Catalogue, mut rows: Vec<Map<String, Value>>, options: &Options) -> Bulk {
    let mut bulk = Bulk {
        rows: rows.len(),
        ..Bulk::default()
    };
    if let Some(taken) = &options.columns {
        for body in &mut rows {
            body.retain(|name, _| taken.contains(&name.as_str()));
        }
    }
    // A row that lacks what others have and no default would fill is like one with null there: one statement for both.
    let fills = |column: &Column| {
        let named = |body: &Map<String, Value>| body.contains_key(&column.name);
        let null = !options.missing_default
            || (options.resolution != Resolution::Merge && !column.has_default && !column.not_null);
        column.writable && null && rows.iter().any(named)
    };
    let filled: Vec<&Column> = catalogue
        .columns
        .iter()
        .filter(|column| fills(column))
        .flat_map(empty)
        .collect();
    let spare = catalogue.columns.iter().find(|column| {
        let free = column.writable && !column.has_default && !column.not_null;
        free && column.kind != Kind::Money
    });
    let mut groups = Vec::new();
    let mut seen = HashSet::new();
    for (row, body) in rows.iter().enumerate() {
        let mut errors = required(catalogue, body);
        errors.extend(owner_error(options.owner, body));
        let (columns, values) =
            match assigned(catalogue, body).and_then(|fields| checked(fields, errors)) {
                Ok(fields) => fields,
                Err(refusal) => {
                    collect(&mut bulk.errors, row, refusal);
                    continue;
                }
            };
        let mut fields: Vec<(&Column, Option<String>)> = columns.into_iter().zip(values).collect();
        let spared = spare.filter(|_| fields.is_empty() && filled.is_empty());
        for column in filled.iter().copied().chain(spared) {
            if !fields.iter().any(|(known, _)| std::ptr::eq(*known, column)) {
                fields.push((column, None));
            }
        }
        fields.sort_by_key(|(column, _)| std::ptr::from_ref::<Column>(*column));
        if fields.is_empty() {
            bulk.errors
                .push(error(row, "", "required", "the row has no fields"));
            continue;
        }
        if options.resolution == Resolution::Merge {
            let key: Option<Vec<String>> = options
                .conflict
                .iter()
                .map(|name| {
                    fields
                        .iter()
                        .find(|(column, _)| column.name == *name)?
                        .1
                        .clone()
                })
                .collect();
            // PostgreSQL changes no row twice in one statement.
            if key.is_some_and(|key| !seen.insert(key)) {
                let field = options.conflict.first().copied().unwrap_or_default();
                bulk.errors.push(error(
                    row,
                    field,
                    "duplicate",
                    "an earlier row has the same value",
                ));
                continue;
            }
        }
        sort(&mut groups, row, fields);
    }
    bulk.groups = groups
        .into_iter()
        .map(|group| {
            let sql = insert_sql(catalogue, &group.columns, options);
            group.group(sql)
        })
        .collect();
    bulk
}

/// The table's columns that are null where this one is: of an amount, its units and, if it is its own, its currency.
fn empty(column: &Column) -> Vec<&Column> {
    match money::parts(column, &Value::Null, None) {
        Ok(parts) if !parts.is_empty() => parts.into_iter().map(|(part, _)| part).collect(),
        _ => vec![column],
    }
}

fn insert_sql(catalogue: &Catalogue, columns: &[&Column], options: &Options) -> String {
    let (source, values) = source(columns);
    let names: Vec<String> = columns.iter().map(|column| quoted(&column.name)).collect();
    let mut sql = format!(
        "insert into {} as r ({}) select {} from {source} where {RANGE}",
        catalogue.target(),
        names.join(", "),
        values.join(", ")
    );
    let key: Vec<String> = options.conflict.iter().map(|name| quoted(name)).collect();
    let key = key.join(", ");
    match options.resolution {
        Resolution::Refuse => {}
        Resolution::Ignore if key.is_empty() => sql.push_str(" on conflict do nothing"),
        Resolution::Ignore => sql.push_str(&format!(" on conflict (tenant_id, {key}) do nothing")),
        Resolution::Merge => {
            let others = columns
                .iter()
                .filter(|column| !options.conflict.contains(&column.name.as_str()));
            let mut set: Vec<String> = others
                .map(|column| quoted(&column.name))
                .map(|name| format!("{name} = excluded.{name}"))
                .collect();
            if set.is_empty() {
                // Nothing changes, and yet the row comes back.
                set.extend(
                    names
                        .first()
                        .map(|name| format!("{name} = excluded.{name}")),
                );
            }
            sql.push_str(&format!(
                " on conflict (tenant_id, {key}) do update set {}",
                set.join(", ")
            ));
        }
    }
    match options.returned {
        Returned::Nothing => sql,
        Returned::Rows => format!("{sql} returning {}", catalogue.select_list()),
        Returned::Count => format!(
            "with c as ({sql} returning (r.xmax = 0) as made) \
             select concat_ws(' ', count(*) filter (where made), count(*) filter (where not made)) as counted from c"
        ),
    }
}
