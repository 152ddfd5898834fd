//! Owns the way from PostgREST's words to the query that both dialects share: names are found, operators translated.
//! Must never make SQL: `emit` does.
//! Called by the rest leaf.

use super::super::catalogue::Catalogue;
use super::super::emit::{List, emit};
use super::super::refusal::Refusal;
use super::super::statement::{array, placeholder, quoted};
use super::super::tree::{self, Archived, Count, Page, Query};
use super::condition::{Condition, Field, Operand};
use super::embed::{Related, related};
use super::fault::Fault;
use super::order::Order;
use super::question::Question;
use super::select::Selected;
use super::term;

/// Rows of a reply when nothing is said, and at most.
pub const MOST_ROWS: u64 = 1000;
/// Rows that a request may name by their keys.
const MOST_KEYS: usize = 1000;

/// Why a question cannot be compiled.
pub enum No {
    /// As the client is told.
    Fault(Box<Fault>),
    /// A wider shape may know the name.
    Wider,
}

impl From<Fault> for No {
    fn from(fault: Fault) -> No {
        No::Fault(Box::new(fault))
    }
}

impl From<Refusal> for No {
    fn from(refusal: Refusal) -> No {
        match refusal.code {
            "wider" => No::Wider,
            _ => Fault::refusal(refusal).into(),
        }
    }
}

/// A question as a query, and what of it is not the query's.
#[derive(Debug)]
pub struct Lowered {
    /// The query.
    pub query: Query,
    /// What the reply's columns are called, in order.
    pub columns: Vec<String>,
    /// The keys by which rows are named: `id=eq.x`, `id=in.(x,y)`.
    pub keys: Option<Vec<String>>,
    /// Whether rows are shown as they are.
    pub whole: bool,
    /// Columns of the unique key of an upsert.
    pub on_conflict: Option<Vec<String>>,
    /// Columns of the body that count.
    pub body_columns: Option<Vec<String>>,
}

/// Looks every name up. `range`: first and last row of a header, if the query string says nothing.
pub fn lower(
    catalogue: &Catalogue,
    question: Question,
    range: Option<(u64, Option<u64>)>,
    count: Count,
) -> Result<Lowered, No> {
    let shown = shown(catalogue, &question)?;
    let mut conditions = Vec::new();
    let mut keys: Option<Vec<String>> = None;
    let mut archived = Archived::Without;
    for condition in &question.conditions {
        if mentions(condition, catalogue.archived.as_deref()) {
            archived = Archived::Whatever;
        }
        if let Some(named) = named_keys(catalogue, condition) {
            archived = Archived::Whatever;
            // Named twice: those that are named by both.
            keys = Some(match keys {
                None => named.to_vec(),
                Some(keys) => keys.into_iter().filter(|key| named.contains(key)).collect(),
            });
        }
        conditions.push(term::condition(catalogue, condition, &shown.names)?);
    }
    if keys.as_ref().is_some_and(|keys| keys.len() > MOST_KEYS) {
        return Err(Fault::malformed(&catalogue.key, "up to 1000 rows are named at once").into());
    }
    for name in question.on_conflict.iter().flatten() {
        catalogue
            .compared(name, "on_conflict")
            .map_err(|refusal| column_fault(catalogue, name, refusal))?;
    }
    for name in question.columns.iter().flatten() {
        if !catalogue
            .columns
            .iter()
            .any(|column| (column.writable || *name == catalogue.key) && column.name == *name)
        {
            return Err(Fault::unknown_field(name).into());
        }
    }
    let order = match question.order.is_empty() {
        true => None,
        false => Some(ordered(catalogue, &question.order)?),
    };
    Ok(Lowered {
        query: Query {
            fields: shown.fields,
            conditions,
            search: None,
            archived,
            order,
            page: page(&question, range),
            count,
            embeds: shown.related,
        },
        columns: shown.columns,
        keys,
        whole: shown.whole,
        on_conflict: question.on_conflict,
        body_columns: question.columns,
    })
}

/// The rows of these keys, as a lowered question shows them, in the order of the keys if it says none.
pub fn of_keys(catalogue: &Catalogue, lowered: &Lowered, keys: Vec<String>) -> Result<List, No> {
    let asked = lowered.query.clone();
    let ordered = asked.order.is_some();
    let bound = array(&keys);
    let query = Query {
        conditions: vec![tree::Condition::Term(tree::Term::many(
            &catalogue.key,
            tree::Operator::In,
            keys,
        ))],
        archived: Archived::Whatever,
        order: Some(asked.order.unwrap_or_else(|| by_key(catalogue))),
        page: Page::default(),
        count: Count::None,
        ..asked
    };
    let mut list = emit(catalogue, &query)?;
    // The statement ends with the order that was asked of it, which is the keys' own.
    let key = format!("r.{}", quoted(&catalogue.key));
    if !ordered && let Some(rows) = list.rows_sql.strip_suffix(&format!("{key} asc")) {
        list.binds.push(bound);
        let place = placeholder(list.binds.len(), "text[]");
        list.rows_sql = format!("{rows}array_position({place}, {key}::text)");
    }
    Ok(list)
}

fn by_key(catalogue: &Catalogue) -> Vec<tree::Order> {
    vec![tree::Order {
        column: catalogue.key.clone(),
        descending: false,
        nulls_first: None,
    }]
}

/// The keys of the rows that a lowered question is about.
pub fn found(catalogue: &Catalogue, lowered: &Lowered) -> Query {
    Query {
        fields: Some(vec![tree::Field::plain(&catalogue.key)]),
        order: Some(by_key(catalogue)),
        page: Page::default(),
        count: Count::None,
        ..lowered.query.clone()
    }
}

fn page(question: &Question, range: Option<(u64, Option<u64>)>) -> Page {
    let (first, most) = match range {
        Some((first, last)) => (first, last.map(|last| last - first + 1)),
        None => (0, None),
    };
    let offset = question.offset.unwrap_or(first);
    let limit = question.limit.or(most).unwrap_or(MOST_ROWS).min(MOST_ROWS);
    Page {
        limit: Some(limit),
        offset,
        cursor: None,
    }
}

struct Shown {
    fields: Option<Vec<tree::Field>>,
    columns: Vec<String>,
    whole: bool,
    related: Vec<tree::Embed>,
    names: Vec<String>,
}

fn shown(catalogue: &Catalogue, question: &Question) -> Result<Shown, No> {
    let whole = question.select == [Selected::All];
    let mut embeds: Vec<Related> = Vec::new();
    for selected in &question.select {
        if let Selected::Embed(embed) = selected {
            embeds.push(related(catalogue, embed, question)?);
        }
    }
    let names: Vec<String> = embeds.iter().map(|related| related.name.clone()).collect();
    for (part, _) in &question.parts {
        if !names.contains(part) {
            return Err(Fault::not_embedded(part).into());
        }
    }
    let fields = fields(catalogue, &question.select)?;
    let mut columns: Vec<String> = fields
        .iter()
        .map(|field| field.alias.as_ref().unwrap_or(&field.column).clone())
        .collect();
    columns.extend(names.iter().cloned());
    Ok(Shown {
        fields: (!whole).then_some(fields),
        columns,
        whole,
        related: embeds.into_iter().map(|related| related.embed).collect(),
        names,
    })
}

/// The columns that are asked for, each once.
pub fn fields(catalogue: &Catalogue, select: &[Selected]) -> Result<Vec<tree::Field>, No> {
    let mut fields: Vec<tree::Field> = Vec::new();
    for selected in select {
        match selected {
            Selected::All => {
                let columns = catalogue.visible().filter(|column| !column.is_member());
                for column in columns {
                    let field = tree::Field::plain(&column.name);
                    if !fields.contains(&field) {
                        fields.push(field);
                    }
                }
            }
            Selected::Column { field, alias, cast } => {
                let field = one(catalogue, field, alias.as_deref(), cast.as_deref())?;
                if !fields.contains(&field) {
                    fields.push(field);
                }
            }
            Selected::Embed(_) => {}
        }
    }
    Ok(fields)
}

fn one(
    catalogue: &Catalogue,
    field: &Field,
    alias: Option<&str>,
    cast: Option<&str>,
) -> Result<tree::Field, No> {
    let column = column(catalogue, field)?;
    let last = field.path.last();
    let as_text = match cast {
        None => last.is_some_and(|step| step.as_text),
        Some("text" | "varchar") => true,
        Some(_) => {
            let what = "a cast to another type than text";
            return Err(
                Fault::unsupported(what, "Select the column as it is, or column::text.").into(),
            );
        }
    };
    let name = alias.or(last.map(|step| step.key.as_str()));
    Ok(tree::Field {
        alias: name.filter(|name| *name != column).map(str::to_owned),
        column,
        as_text,
    })
}

/// The name by which the compiler knows a field, which may be seen.
pub fn column(catalogue: &Catalogue, field: &Field) -> Result<String, No> {
    let name = match (&field.name[..], &field.path[..]) {
        (name, []) => name.to_owned(),
        ("custom", [step]) => format!("custom.{}", step.key),
        (name, _) => {
            catalogue
                .addressed(name, "select")
                .map_err(|refusal| column_fault(catalogue, name, refusal))?;
            let what = "a JSON path into this column";
            return Err(
                Fault::unsupported(what, "Paths lead to custom columns: custom->>name.").into(),
            );
        }
    };
    // A custom column has PostgREST's spelling here.
    if field.path.is_empty() && name.starts_with("custom.") {
        return Err(Fault::unknown_column(&name, &allowed(catalogue)).into());
    }
    match catalogue.addressed(&name, "select") {
        Ok(column) => Ok(column.name.clone()),
        Err(refusal) => Err(column_fault(catalogue, &name, refusal)),
    }
}

/// What a name is told that is no column.
pub fn column_fault(catalogue: &Catalogue, name: &str, refusal: Refusal) -> No {
    match refusal.code {
        "wider" => No::Wider,
        _ => Fault::unknown_column(name, &allowed(catalogue)).into(),
    }
}

fn allowed(catalogue: &Catalogue) -> String {
    let names = catalogue
        .comparable()
        .map(|column| column.name.replacen("custom.", "custom->>", 1));
    names.collect::<Vec<_>>().join(", ")
}

/// An order, in the shared query's terms.
pub fn ordered(catalogue: &Catalogue, order: &[Order]) -> Result<Vec<tree::Order>, No> {
    order
        .iter()
        .map(|order| {
            Ok(tree::Order {
                column: column(catalogue, &order.field)?,
                descending: order.descending,
                nulls_first: order.nulls_first,
            })
        })
        .collect()
}

/// Whether a condition is about this column.
pub fn mentions(condition: &Condition, column: Option<&str>) -> bool {
    match condition {
        Condition::Group { members, .. } => members.iter().any(|member| mentions(member, column)),
        Condition::Filter { field, .. } => column == Some(&field.name),
    }
}

/// The keys of `id=eq.x` and `id=in.(x,y)`.
fn named_keys<'a>(catalogue: &Catalogue, condition: &'a Condition) -> Option<&'a [String]> {
    match condition {
        Condition::Filter {
            field,
            negated: false,
            operator: "eq" | "in",
            all: false,
            operand,
            ..
        } if field.name == catalogue.key && field.path.is_empty() => Some(match operand {
            Operand::One(key) => std::slice::from_ref(key),
            Operand::Many(keys) => keys,
        }),
        _ => None,
    }
}
