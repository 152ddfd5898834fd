//! Owns what a seal is: which rows, their tree, the seal before it, and the digest of all that.
//! Must never leave a column of a seal out of its digest, except what can be computed from the rows.
//! Called by the extension's leaves and by walk.
//!
//! `digest = SHA-256(5 | "ucrm-audit-seal/1", tenant, n, first, last, rows, root, previous, pruned, created_at)`.

use crate::encode::Encoder;
use crate::{Digest, NO_DIGEST, unhex};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;

const SEAL: u8 = 5;

/// What the first seal of a chain has before it.
pub const ORIGIN: Digest = [0; 32];

/// A seal: rows of a tenant whose ids are above the last of the seal before, up to its own last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seal {
    /// Whose chain; all zeros: the platform's.
    pub tenant: String,
    /// From 1, without a gap.
    pub n: u64,
    /// Lowest id of its rows.
    pub first: Option<String>,
    /// Highest id that it covers.
    pub last: String,
    /// How many.
    pub rows: u64,
    /// Of their tree.
    pub root: Digest,
    /// Digest of the seal before.
    pub previous: Digest,
    /// The rows of every seal up to this one had been pruned by policy when this was made.
    pub pruned: u64,
    /// When.
    pub created_at: String,
}

impl Seal {
    /// What the next seal, or a checkpoint, holds on to.
    pub fn digest(&self) -> Digest {
        Encoder::new(SEAL, "ucrm-audit-seal/1")
            .text(Some(&self.tenant))
            .text(Some(&self.n.to_string()))
            .text(self.first.as_deref())
            .text(Some(&self.last))
            .text(Some(&self.rows.to_string()))
            .field(Some(&self.root))
            .field(Some(&self.previous))
            .text(Some(&self.pruned.to_string()))
            .text(Some(&self.created_at))
            .digest()
    }
}

/// A seal's line, read.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    #[serde(rename = "kind")]
    _kind: String,
    tenant_id: String,
    n: u64,
    first_id: Option<String>,
    last_id: Option<String>,
    rows: Option<i64>,
    root: Option<String>,
    previous: Option<String>,
    pruned: Option<i64>,
    created_at: Option<String>,
    hash: Option<String>,
    ids: Option<Vec<String>>,
    leaves: Option<String>,
}

/// A seal as an export has it: with its own word for its digest, and the leaves it was made of, which locate.
pub struct Exported {
    /// The seal.
    pub seal: Seal,
    /// What the export says its digest is.
    pub hash: Digest,
    /// Ids and leaves of its rows; none of a pruned one.
    pub leaves: Option<Vec<(String, Digest)>>,
    /// Whether ids and leaves are as many.
    pub listed: bool,
    /// Whether every column that a seal has is there, and no number is below zero.
    pub complete: bool,
}

impl Line {
    /// Reads a line of an export.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(text: &str) -> Result<Exported, String> {
        let line: Line = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let complete = line.rows.is_some_and(|rows| rows >= 0)
            && line.pruned.is_some_and(|pruned| pruned >= 0)
            && [
                &line.last_id,
                &line.root,
                &line.previous,
                &line.created_at,
                &line.hash,
            ]
            .into_iter()
            .all(Option::is_some);
        let digest = |text: Option<String>| text.as_deref().and_then(unhex).unwrap_or(NO_DIGEST);
        let whole =
            |number: Option<i64>| number.and_then(|n| n.try_into().ok()).unwrap_or_default();
        let (leaves, listed) = match (line.ids, line.leaves) {
            (Some(ids), Some(leaves)) => match digests(&leaves) {
                Some(digests) if digests.len() == ids.len() => {
                    (Some(ids.into_iter().zip(digests).collect()), true)
                }
                _ => (None, false),
            },
            (ids, leaves) => (None, ids.is_none() && leaves.is_none()),
        };
        Ok(Exported {
            seal: Seal {
                tenant: line.tenant_id,
                n: line.n,
                first: line.first_id,
                last: line.last_id.unwrap_or_default(),
                rows: whole(line.rows),
                root: digest(line.root),
                previous: digest(line.previous),
                pruned: whole(line.pruned),
                created_at: line.created_at.unwrap_or_default(),
            },
            hash: digest(line.hash),
            leaves,
            listed,
            complete,
        })
    }
}

/// Of 32 bytes each, in base64.
fn digests(text: &str) -> Option<Vec<Digest>> {
    let bytes = BASE64_STANDARD.decode(text).ok()?;
    let chunks = bytes.chunks_exact(32);
    chunks
        .remainder()
        .is_empty()
        .then(|| chunks.map(crate::digest).collect())
}
