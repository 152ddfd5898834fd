//! Owns a seal while its rows are read: which are still to come.
//! Must never let a row pass twice.
//! Called by walk.

use crate::Digest;
use std::collections::HashMap;

/// The seal whose rows are being read.
pub struct Current {
    pub n: u64,
    pub after: String,
    pub last: String,
    pub rows: u64,
    pub root: Digest,
    /// What is expected and not read yet; `None`: the file does not say.
    pub expected: Option<HashMap<String, Digest>>,
    pub found: Vec<Digest>,
    pub faults: usize,
}

impl Current {
    /// Takes a row whose id is not above the last of the seal; what is wrong with it: kind, and in words.
    pub fn take(&mut self, id: &str, leaf: Digest) -> Option<(&'static str, &'static str)> {
        self.found.push(leaf);
        let expected = self.expected.as_mut().map(|expected| expected.remove(id));
        let wrong = match expected {
            Some(Some(sealed)) if sealed != leaf => Some(("changed", "is not what was sealed")),
            Some(None) => Some(("inserted", "was not there when its time was sealed")),
            _ if id <= self.after.as_str() => Some(("inserted", "belongs to an earlier seal")),
            _ => None,
        };
        self.faults += usize::from(wrong.is_some());
        wrong
    }
}
