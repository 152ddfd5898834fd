//! Owns the SQL of related rows inside a row: an object or null, or an array.
//! Must never show what the target's own list would not: its row security filters, and its permission is asked first.
//! Called by `emit` and `one`.

use super::catalogue::Catalogue;
use super::emit::{placed, shown_fields};
use super::order::{self, Key};
use super::refusal::{Refusal, shown};
use super::relation::Relation;
use super::term::{Binds, Conditions};
use super::tree::Embed;

/// Embeds as SQL.
#[derive(Default)]
pub struct Embedded {
    /// Each as a column of the row `r`.
    pub columns: Vec<String>,
    /// Conditions on the row `r`, for those that it must have.
    pub inner: Vec<String>,
    /// Name, and condition that there is a row, of each.
    pub related: Vec<(String, String)>,
}

impl Embedded {
    /// The embeds of a resource. Refuses with `invalid_filter`, `permission_denied` or `wider`.
    pub fn of(
        catalogue: &Catalogue,
        embeds: &[Embed],
        binds: &mut Binds,
    ) -> Result<Embedded, Refusal> {
        let mut embedded = Embedded::default();
        for embed in embeds {
            let name = embed.name();
            let relation = catalogue.relation(&embed.relation).ok_or_else(|| {
                catalogue.unknown(&embed.relation, || {
                    let message = format!("no such relation: {}", shown(&embed.relation));
                    let allowed = catalogue.relations.iter().map(|relation| &relation.name);
                    Refusal::filter(&embed.relation, message).allowing(allowed)
                })
            })?;
            let twice = embedded.related.iter().any(|(known, _)| known == name);
            if twice || name.is_empty() || name.len() > 63 || name.contains('\0') {
                let message = format!("not a name for what is related, or one twice: {name}");
                return Err(Refusal::filter(name, shown(&message)));
            }
            if !relation.readable {
                return Err(Refusal::denied(&relation.target));
            }
            embedded.add(catalogue, relation, embed, binds)?;
        }
        Ok(embedded)
    }

    fn add(
        &mut self,
        catalogue: &Catalogue,
        relation: &Relation,
        embed: &Embed,
        binds: &mut Binds,
    ) -> Result<(), Refusal> {
        let (target, query) = (&relation.table, &embed.query);
        if !query.embeds.is_empty() || query.page.cursor.is_some() {
            let message = "what is related is shown one level deep";
            return Err(Refusal::filter(embed.name(), message));
        }
        let row = Conditions {
            catalogue: target,
            row: "t",
            related: &[],
        };
        let mut conditions = row.every(&query.conditions, binds)?;
        if let Some(words) = &query.search {
            conditions.extend(row.search(words, binds)?);
        }
        conditions.extend(row.archived(query.archived)?);
        let mut related = relation.related(&catalogue.key);
        for condition in conditions {
            related = format!("{related} and {condition}");
        }
        let exists = format!("exists (select {related})");
        if embed.inner {
            binds.volatile = true;
            self.inner.push(exists.clone());
        }
        self.related.push((embed.name().to_owned(), exists));

        let fields = match &query.fields {
            Some(fields) => shown_fields(target, fields, "t")?,
            None => {
                let columns = target.visible().filter(|column| !column.is_member());
                let columns: Vec<String> = columns.map(|column| column.shown("t")).collect();
                columns.join(", ")
            }
        };
        let place = placed(query.page.limit, query.page.offset);
        let name = super::statement::quoted(embed.name());
        self.columns.push(if relation.is_one() {
            format!("(select ucrm.json_row(e.*) from (select {fields} {related}{place}) as e) as {name}")
        } else {
            let keys = order::keys(target, query.order.as_deref(), "t")?;
            let order: Vec<String> = keys.iter().map(Key::sql).collect();
            let order = order.join(", ");
            format!(
                "(select coalesce(json_agg(ucrm.json_row(e.*)), '[]') from (select {fields} {related} order by {order}{place}) as e) as {name}"
            )
        });
        Ok(())
    }
}
