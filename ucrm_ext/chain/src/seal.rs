//! Owns what a seal is: which rows, their tree, the seal before it, and the digest of all that.
//! Must never leave a column of a seal out of its digest, except what can be computed from the rows.
//! Called by the extension's leaves and by walk.
//!
//! `digest = SHA-256(5 | "ucrm-audit-seal/1", tenant, n, first, last, rows, root, previous, pruned, created_at)`.

use crate::encode::Encoder;
use crate::{Digest, unhex};
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
    last_id: String,
    rows: u64,
    root: String,
    previous: String,
    pruned: u64,
    created_at: String,
    hash: String,
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
}

impl Line {
    /// Reads a line of an export.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(text: &str) -> Result<Exported, String> {
        let line: Line = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let digest = |text: &str| unhex(text).ok_or("a digest is not 64 hexadecimal digits");
        let leaves = match (line.ids, line.leaves) {
            (Some(ids), Some(leaves)) => {
                let bytes = BASE64_STANDARD
                    .decode(leaves)
                    .map_err(|error| format!("leaves: {error}"))?;
                if bytes.len() != ids.len() * 32 {
                    return Err("ids and leaves are not as many".into());
                }
                let digests = bytes.chunks_exact(32).map(|bytes| {
                    let mut leaf = [0; 32];
                    leaf.copy_from_slice(bytes);
                    leaf
                });
                Some(ids.into_iter().zip(digests).collect())
            }
            (None, None) => None,
            _ => return Err("ids and leaves come together".into()),
        };
        Ok(Exported {
            seal: Seal {
                tenant: line.tenant_id,
                n: line.n,
                first: line.first_id,
                last: line.last_id,
                rows: line.rows,
                root: digest(&line.root)?,
                previous: digest(&line.previous)?,
                pruned: line.pruned,
                created_at: line.created_at,
            },
            hash: digest(&line.hash)?,
            leaves,
        })
    }
}
