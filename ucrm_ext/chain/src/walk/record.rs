//! Owns what is known of each record between its rows: the image that the next one has to begin with.
//! Must never compare images of different columns: a migration leaves no row.
//! Called by walk.

use crate::Digest;
use crate::encode::sha256;
use crate::row::Row;
use serde_json::value::RawValue;
use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};

/// Resource and id.
pub type Record = (String, String);
type Members<'a> = BTreeMap<String, &'a RawValue>;

/// Every record so far.
#[derive(Default)]
pub struct Records {
    states: HashMap<Record, State>,
    /// What stood under an id that another record took, with that row and its seal: it has to move on, in the same statement.
    displaced: HashMap<Record, (State, Option<u64>, String)>,
    /// The last row that says so.
    forgotten: HashMap<Record, String>,
    /// Of each resource, when its columns became others.
    columns_changed: HashMap<String, Vec<String>>,
}

/// A record after its last row; of one that has none nothing is known.
struct State {
    /// How often its columns had changed by then.
    era: usize,
    /// `None`: it was deleted, or is called otherwise now.
    image: Option<Image>,
}

/// A row of a table.
struct Image {
    names: u64,
    bytes: Digest,
}

/// What a row says of what came before it.
#[derive(Debug, PartialEq, Eq)]
pub enum Followed {
    /// It begins where the row before it ended, as far as can be told.
    Whole,
    /// Something wrote in between, and left no row.
    Torn,
}

impl Records {
    /// Whether a row that comes after this one says that the record was to be forgotten.
    pub fn is_forgotten(&self, record: &Record, id: &str) -> bool {
        self.forgotten
            .get(record)
            .is_some_and(|by| by.as_str() > id)
    }

    /// Images from before such a moment are not compared with images from after it.
    pub fn columns_changed(&mut self, moments: HashMap<String, Vec<String>>) {
        self.columns_changed = moments;
    }

    fn era(&self, resource: &str, at: &str) -> usize {
        let moments = self.columns_changed.get(resource);
        moments.map_or(0, |moments| {
            moments.partition_point(|moment| moment.as_str() <= at)
        })
    }

    /// Follows a record to its next row, under this seal.
    pub fn follow(&mut self, row: &Row, record: Record, seal: Option<u64>) -> Followed {
        if row.action == "forget" {
            self.forgotten.insert(record.clone(), row.id.to_owned());
        }
        if !["create", "update", "delete", "archive", "restore"].contains(&row.action) {
            return Followed::Whole;
        }
        if row.is_redacted() {
            self.states.remove(&record);
            return Followed::Whole;
        }
        let era = self.era(&record.0, row.at);
        let (before, after) = (row.before.and_then(members), row.after.and_then(members));
        let known = self.states.remove(&record);
        let old = before
            .as_ref()
            .zip(after.as_ref())
            .and_then(|(before, after)| id_before(row, before, after));
        let begun = before
            .as_ref()
            .zip(row.before)
            .map(|(members, text)| image(members, text));
        let whole = if let Some(old) = old {
            let old = (record.0.clone(), old);
            if let Some(known) = known.filter(|known| known.era == era && known.image.is_some()) {
                let taken = (known, seal, row.id.to_owned());
                self.displaced.insert(record.clone(), taken);
            }
            match self.displaced.remove(&old) {
                Some((state, ..)) if state.leads_to(begun.as_ref(), era, row.action) => true,
                _ => {
                    let state = self.states.insert(old, State { era, image: None });
                    state.is_none_or(|state| state.leads_to(begun.as_ref(), era, row.action))
                }
            }
        } else {
            known.is_none_or(|known| known.leads_to(begun.as_ref(), era, row.action))
        };
        let left = after
            .zip(row.after)
            .map(|(members, text)| image(&members, text));
        // Of UCRM's own records a row holds only what is worth telling.
        if left.is_some() || (row.after.is_none() && begun.is_some()) {
            self.states.insert(record, State { era, image: left });
        }
        match whole {
            true => Followed::Whole,
            false => Followed::Torn,
        }
    }

    /// Rows, with their seals, that gave a record the id of another one, which went nowhere.
    pub fn displaced(&mut self) -> Vec<(Option<u64>, String)> {
        let displaced = std::mem::take(&mut self.displaced);
        displaced
            .into_values()
            .map(|(_, seal, id)| (seal, id))
            .collect()
    }

    /// Whether the rows that were read leave the record just so.
    pub fn leave(&self, record: &Record, present: Option<&str>) -> bool {
        let last = self
            .states
            .get(record)
            .and_then(|state| state.image.as_ref());
        match (last, present) {
            (Some(last), Some(present)) => last.bytes == sha256(present.as_bytes()),
            (last, present) => last.is_none() && present.is_none(),
        }
    }
}

impl State {
    /// Whether a row that begins like this can be the next one.
    fn leads_to(&self, begun: Option<&Image>, era: usize, action: &str) -> bool {
        if self.era != era {
            return true;
        }
        match (&self.image, begun) {
            (Some(last), Some(begun)) => last.names != begun.names || last.bytes == begun.bytes,
            (Some(_), None) => action != "create",
            (None, Some(_)) => false,
            (None, None) => true,
        }
    }
}

/// Of a row of a tenant's table; of nothing else.
fn members(text: &str) -> Option<Members<'_>> {
    let members: Members = serde_json::from_str(text).ok()?;
    members.contains_key("tenant_id").then_some(members)
}

fn image(members: &Members, text: &str) -> Image {
    let mut hasher = DefaultHasher::new();
    members.keys().for_each(|name| name.hash(&mut hasher));
    Image {
        names: hasher.finish(),
        bytes: sha256(text.as_bytes()),
    }
}

/// The id that a record had before this row gave it the one it has: the row does not say which column is the key.
fn id_before(row: &Row, before: &Members, after: &Members) -> Option<String> {
    let id = row.record_id?;
    let is = |value: &RawValue| value_text(value).is_some_and(|text| text == id);
    let mut changed = row.changed.iter().flatten().flatten();
    let name = changed.find(|name| after.get(**name).is_some_and(|value| is(value)))?;
    let moved = !before.values().any(|value| is(value));
    moved.then(|| value_text(before.get(*name)?)).flatten()
}

/// A text without its quotes, a number as it is written.
fn value_text(value: &RawValue) -> Option<String> {
    match value.get() {
        "null" => None,
        text if text.starts_with('"') => serde_json::from_str(text).ok(),
        text => Some(text.to_owned()),
    }
}
