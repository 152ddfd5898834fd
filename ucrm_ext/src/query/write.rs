//! Owns the compilation of bodies: insert and update of one row.
//! Must never assign a column that clients may not write, nor put a value into SQL text.
//! Called by the query leaf with a body that `body::json` has read.

use super::catalogue::Catalogue;
use super::column::{Column, Place};
use super::kind::Kind;
use super::money;
use super::one::by_key;
use super::refusal::{FieldError, Refusal, shown};
use super::statement::{Statement, placeholder, quoted};
use super::value;
use serde_json::{Map, Value};

/// Inserts a row and returns it. Refuses with 400 `unknown_field` or 422 `validation_failed`.
pub fn insert(catalogue: &Catalogue, body: &Map<String, Value>) -> Result<Statement, Refusal> {
    let mut statement = insert_unseen(catalogue, body, None)?;
    statement.sql = format!("{} {}", statement.sql, returning(catalogue));
    Ok(statement)
}

/// Inserts a row for somebody who may not read it: returns nothing. A uuid key is given, as the last bind, so that it
/// is known. Refuses as `insert` does.
pub fn insert_unseen(
    catalogue: &Catalogue,
    body: &Map<String, Value>,
    key: Option<&str>,
) -> Result<Statement, Refusal> {
    let fields = assigned(catalogue, body)?;
    let (mut fields, mut binds) = checked(fields, required(catalogue, body))?;
    let key = catalogue
        .key_column()
        .filter(|column| column.kind == Kind::Uuid)
        .zip(key);
    if let Some((column, key)) = key {
        fields.push(column);
        binds.push(Some(key.to_owned()));
    }
    let names: Vec<String> = fields.iter().map(|column| quoted(&column.name)).collect();
    let values: Vec<String> = fields
        .iter()
        .zip(1..)
        .map(|(column, number)| assignable(column, number))
        .collect();
    let values = if names.is_empty() {
        "default values".into()
    } else {
        format!("({}) values ({})", names.join(", "), values.join(", "))
    };
    let target = catalogue.target();
    Ok(Statement {
        sql: format!("insert into {target} as r {values}"),
        binds,
    })
}

/// Updates the row whose key is `$1` and returns it; binds start at `$2`. Refuses as `insert` does.
pub fn update(catalogue: &Catalogue, body: &Map<String, Value>) -> Result<Statement, Refusal> {
    if body.is_empty() {
        return Err(Refusal::fields(
            "validation_failed",
            422,
            "there is nothing to change",
            Vec::new(),
        ));
    }
    let (fields, binds) = checked(assigned(catalogue, body)?, Vec::new())?;
    let set: Vec<String> = fields
        .iter()
        .zip(2..)
        .map(|(column, number)| {
            format!("{} = {}", quoted(&column.name), assignable(column, number))
        })
        .collect();
    let (target, found, returned) = (catalogue.target(), by_key(catalogue), returning(catalogue));
    Ok(Statement {
        sql: format!(
            "update {target} as r set {} where {found} {returned}",
            set.join(", ")
        ),
        binds,
    })
}

/// Archives or restores the row whose key is `$1` and that is not so yet, if its owner is `$2` where one is wanted; `None`
/// where rows cannot be archived.
pub fn archive(catalogue: &Catalogue, archived: bool, owner: Option<&str>) -> Option<Statement> {
    let column = catalogue.column(catalogue.archived.as_deref()?)?;
    let name = quoted(&column.name);
    let subject = format!("r.{name}");
    let (is, value) = match (&column.kind, archived) {
        (Kind::Boolean, true) => (format!("not {subject}"), "true"),
        (Kind::Boolean, false) => (subject, "false"),
        (_, true) => (format!("{subject} is null"), "clock_timestamp()"),
        (_, false) => (format!("{subject} is not null"), "null"),
    };
    let own = owner.map_or(String::new(), |owner| {
        format!(
            " and r.{}::text = {}",
            quoted(owner),
            placeholder(2, "text")
        )
    });
    let (target, found, returned) = (catalogue.target(), by_key(catalogue), returning(catalogue));
    Some(Statement {
        sql: format!(
            "update {target} as r set {name} = {value} where {found} and {is}{own} {returned}"
        ),
        binds: Vec::new(),
    })
}

/// What a new row lacks.
pub fn required(catalogue: &Catalogue, body: &Map<String, Value>) -> Vec<FieldError> {
    let missing = |column: &&Column| {
        column.writable
            && column.not_null
            && !column.has_default
            && !body.contains_key(&column.name)
            && !money::brings(catalogue, body, &column.name)
    };
    let missing = catalogue.columns.iter().filter(missing);
    missing
        .map(|column| FieldError {
            field: column.name.clone(),
            code: "required",
            message: format!("{} is required", column.name),
        })
        .collect()
}

type Assigned<'a> = Vec<(&'a Column, &'a Value)>;

/// The columns a body assigns, in the catalogue's order, so that equal sets of fields make equal text.
pub fn assigned<'a>(
    catalogue: &'a Catalogue,
    body: &'a Map<String, Value>,
) -> Result<Assigned<'a>, Refusal> {
    let writable = |name: &str| catalogue.column(name).is_some_and(|column| column.writable);
    let unknown: Vec<FieldError> = body
        .keys()
        .filter(|name| !writable(name))
        .map(|name| FieldError {
            field: shown(name),
            code: "unknown_field",
            message: format!("{} cannot be assigned", shown(name)),
        })
        .collect();
    if !unknown.is_empty() {
        let allowed = catalogue
            .columns
            .iter()
            .filter(|column| column.writable)
            .map(|column| &column.name);
        let message = "the body has fields that do not exist or cannot be assigned";
        return Err(Refusal::fields("unknown_field", 400, message, unknown).allowing(allowed));
    }
    Ok(catalogue
        .columns
        .iter()
        .filter_map(|column| Some((column, body.get(&column.name)?)))
        .collect())
}

type Checked<'a> = (Vec<&'a Column>, Vec<Option<String>>);

/// The values as text, or every fault at once.
pub fn checked<'a>(
    fields: Assigned<'a>,
    mut errors: Vec<FieldError>,
) -> Result<Checked<'a>, Refusal> {
    let (mut columns, mut binds) = (Vec::new(), Vec::new());
    let (amounts, fields): (Assigned, Assigned) = fields
        .into_iter()
        .partition(|(column, _)| column.kind == Kind::Money);
    let mut spread = Vec::new();
    for (column, json) in amounts {
        match spread_out(column, json, &fields, &spread) {
            Ok(parts) => spread.extend(parts),
            Err(error) => errors.push(error),
        }
    }
    for (column, json) in fields {
        let fault = match json {
            Value::Null if column.not_null => {
                Some(("null_not_allowed", "the value must not be null".to_owned()))
            }
            Value::Null => {
                binds.push(None);
                None
            }
            json => match value::json(&column.kind, json) {
                Ok(text) => {
                    binds.push(Some(text));
                    None
                }
                Err(fault) => Some((fault.code, fault.message)),
            },
        };
        columns.push(column);
        errors.extend(fault.map(|(code, message)| FieldError {
            field: column.name.clone(),
            code,
            message,
        }));
    }
    for (column, text) in spread {
        if !columns.contains(&column) {
            columns.push(column);
            binds.push(text);
        }
    }
    if errors.is_empty() {
        return Ok((columns, binds));
    }
    Err(Refusal::fields(
        "validation_failed",
        422,
        "some fields are not valid",
        errors,
    ))
}

/// The columns of an amount, given the other fields and the amounts before it, which may have its currency.
fn spread_out<'a>(
    column: &'a Column,
    json: &Value,
    fields: &[(&Column, &Value)],
    before: &[(&Column, Option<String>)],
) -> Result<money::Parts<'a>, FieldError> {
    let error = |code, message| FieldError {
        field: column.name.clone(),
        code,
        message,
    };
    if json.is_null() && column.not_null {
        return Err(error(
            "null_not_allowed",
            "the value must not be null".into(),
        ));
    }
    let beside = |name: &str| fields.iter().find(|(field, _)| field.name == name);
    let currency = match &column.place {
        Place::Money { currency, .. } => beside(&currency.name).map(|(_, json)| *json),
        _ => None,
    };
    let parts = money::parts(column, json, currency);
    let parts = parts.map_err(|fault| error(fault.code, fault.message))?;
    let differs = |(part, text): &(&Column, Option<String>)| {
        before
            .iter()
            .any(|(known, other)| known == part && other != text)
    };
    if parts.iter().any(differs) {
        let message = "amounts of one row have one currency".into();
        return Err(error("invalid_value", message));
    }
    Ok(parts)
}

/// A parameter that can be assigned to the column.
fn assignable(column: &Column, number: usize) -> String {
    match column.kind {
        Kind::Other => placeholder(number, &column.type_name),
        _ => placeholder(number, column.kind.cast()),
    }
}

fn returning(catalogue: &Catalogue) -> String {
    format!("returning {}", catalogue.select_list())
}
