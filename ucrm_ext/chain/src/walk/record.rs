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
}

/// The state of a record after its last row.
struct Image {
    names: u64,
    bytes: Digest,
}

impl Records {
    /// Whether a row says that the record was to be forgotten.
    pub fn is_forgotten(&self, record: &Record) -> bool {
        self.forgotten.contains(record)
    }

    /// Follows a record to its next row; false when that does not begin where the last one ended: something wrote and left
    /// no row.
    pub fn follow(&mut self, row: &Row, record: Record) -> bool {
        if row.action == "forget" {
            self.forgotten.insert(record.clone());
        }
        let before = row.before.and_then(image);
        let whole = match (self.images.remove(&record), before) {
            (Some(last), Some(before)) => last.names != before.names || last.bytes == before.bytes,
            _ => true,
        };
        if let Some(after) = row.after.and_then(image) {
            self.images.insert(record, after);
        }
        whole
    }
}

/// Of a row of a tenant's table: those of UCRM's own records hold only what is worth telling.
fn image(text: &str) -> Option<Image> {
    let members: BTreeMap<String, &RawValue> = serde_json::from_str(text).ok()?;
    if !members.contains_key("tenant_id") {
        return None;
    }
    let mut hasher = DefaultHasher::new();
    members.keys().for_each(|name| name.hash(&mut hasher));
    Some(Image {
        names: hasher.finish(),
        bytes: sha256(text.as_bytes()),
    })
}
