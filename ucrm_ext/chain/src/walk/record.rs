//! Owns what is known of each record between its rows: the image that the next one has to begin with.
//! Must never compare images of different columns: a migration leaves no row.
//! Called by walk.

use crate::Digest;
use crate::encode::sha256;
use crate::row::Row;
use serde_json::value::RawValue;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

/// Resource and id.
pub type Record = (String, String);

/// Every record so far.
#[derive(Default)]
pub struct Records {
    images: HashMap<Record, Image>,
    forgotten: HashSet<Record>,
    /// Of each resource, when its columns became others.
    columns_changed: HashMap<String, Vec<String>>,
}

/// The state of a record after its last row.
struct Image {
    /// How often its columns had changed by then.
    era: usize,
    names: u64,
    bytes: Digest,
}

impl Records {
    /// Whether a row says that the record was to be forgotten.
    pub fn is_forgotten(&self, record: &Record) -> bool {
        self.forgotten.contains(record)
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

    /// Follows a record to its next row; false when that does not begin where the last one ended: something wrote and left
    /// no row.
    pub fn follow(&mut self, row: &Row, record: Record) -> bool {
        if row.action == "forget" {
            self.forgotten.insert(record.clone());
        }
        if !["create", "update", "delete", "archive", "restore"].contains(&row.action) {
            return true;
        }
        let era = self.era(&record.0, row.at);
        let before = row.before.and_then(|text| image(text, era));
        let whole = match (self.images.remove(&record), before) {
            (Some(last), Some(before)) => {
                last.era != before.era || last.names != before.names || last.bytes == before.bytes
            }
            _ => true,
        };
        if let Some(after) = row.after.and_then(|text| image(text, era)) {
            self.images.insert(record, after);
        }
        whole
    }

    /// Whether the rows that were read leave the record just so.
    pub fn leave(&self, record: &Record, present: Option<&str>) -> bool {
        match (self.images.get(record), present) {
            (Some(last), Some(present)) => last.bytes == sha256(present.as_bytes()),
            (last, present) => last.is_none() && present.is_none(),
        }
    }
}

/// Of a row of a tenant's table: those of UCRM's own records hold only what is worth telling.
fn image(text: &str, era: usize) -> Option<Image> {
    let members: BTreeMap<String, &RawValue> = serde_json::from_str(text).ok()?;
    if !members.contains_key("tenant_id") {
        return None;
    }
    let mut hasher = DefaultHasher::new();
    members.keys().for_each(|name| name.hash(&mut hasher));
    Some(Image {
        era,
        names: hasher.finish(),
        bytes: sha256(text.as_bytes()),
    })
}
