//! Owns the finding of relations: by name, by the resource they lead to, by column or constraint.
//! Must never choose between two: the client is asked.
//! Called by `lower`.

use super::super::catalogue::Catalogue;
use super::super::relation::{Relating, Relation};
use super::super::tree::{self, Archived, Page, Query};
use super::fault::Fault;
use super::lower::{MOST_ROWS, No, fields, mentions, ordered};
use super::question::{Part, Question};
use super::select::{Embed, Selected};
use super::term;

/// Related rows of each row, when nothing is said.
const DEFAULT_ROWS: u64 = 100;

/// A relation that is found, and what it is called.
pub struct Related {
    /// As the client calls it.
    pub name: String,
    /// In the shared query's terms.
    pub embed: tree::Embed,
}

/// Finds the relation of an embedded resource.
pub fn related(catalogue: &Catalogue, embed: &Embed, question: &Question) -> Result<Related, No> {
    let relation = found(catalogue, embed)?;
    let name = embed.name().to_owned();
    if embed.select.is_empty() {
        let what = "an embedded resource of which nothing is shown";
        let hint = format!("Write {}!inner({}).", embed.target, relation.table.key);
        return Err(Fault::unsupported(what, &hint).into());
    }
    let target = &relation.table;
    let nothing = Part::default();
    let part = question.parts.iter().find(|(known, _)| *known == name);
    let part = part.map_or(&nothing, |(_, part)| part);
    let mut conditions = Vec::new();
    let mut archived = match relation.is_one() {
        true => Archived::Whatever,
        false => Archived::Without,
    };
    for condition in &part.conditions {
        if mentions(condition, target.archived.as_deref()) {
            archived = Archived::Whatever;
        }
        conditions.push(term::condition(target, condition, &[])?);
    }
    let order = match part.order.is_empty() {
        true => None,
        false => Some(ordered(target, &part.order)?),
    };
    let whole = embed.select == [Selected::All];
    let limit = match relation.is_one() {
        true => Some(1),
        false => Some(part.limit.unwrap_or(DEFAULT_ROWS).min(MOST_ROWS)),
    };
    Ok(Related {
        embed: tree::Embed {
            relation: relation.name.clone(),
            alias: (name != relation.name).then(|| name.clone()),
            inner: embed.inner,
            query: Query {
                fields: match whole {
                    true => None,
                    false => Some(fields(target, &embed.select)?),
                },
                conditions,
                archived,
                order,
                page: Page {
                    limit,
                    offset: part.offset.unwrap_or(0),
                    cursor: None,
                },
                ..Query::default()
            },
        },
        name,
    })
}

fn found<'a>(catalogue: &'a Catalogue, embed: &Embed) -> Result<&'a Relation, No> {
    if catalogue.lean {
        return Err(No::Wider);
    }
    let target = embed.target.as_str();
    let is_hinted = |relation: &&Relation| match embed.hint.as_deref() {
        None => true,
        Some(hint) => {
            let link = matches!(&relation.kind, Relating::Linked { table, column, .. } if table == hint || column == hint);
            link || [&relation.constraint, &relation.column, &relation.name]
                .into_iter()
                .any(|known| known == hint)
        }
    };
    let of = |fits: &dyn Fn(&Relation) -> bool| -> Vec<&'a Relation> {
        let relations = catalogue.relations.iter().filter(|relation| fits(relation));
        relations.filter(is_hinted).collect()
    };
    let mut candidates = of(&|relation| relation.target == target);
    if candidates.is_empty() {
        let is_own = |relation: &Relation| relation.is_one() && relation.column == target;
        candidates = of(&|relation| {
            relation.name == target || relation.constraint == target || is_own(relation)
        });
    }
    // A column refers in one direction: a hint that is one means the row it refers to.
    if candidates.len() > 1 && embed.hint.is_some() {
        let one: Vec<&Relation> = candidates
            .iter()
            .copied()
            .filter(|relation| relation.is_one())
            .collect();
        if one.len() == 1 {
            candidates = one;
        }
    }
    match candidates[..] {
        [relation] => Ok(relation),
        [] => {
            let known: Vec<&str> = catalogue
                .relations
                .iter()
                .map(|relation| relation.target.as_str())
                .collect();
            Err(Fault::unknown_relation(target, &known.join(", ")).into())
        }
        _ => {
            let known: Vec<String> = candidates
                .iter()
                .map(|relation| format!("{} ({})", relation.constraint, relation.column))
                .collect();
            Err(Fault::ambiguous_relation(target, &known.join(", ")).into())
        }
    }
}
