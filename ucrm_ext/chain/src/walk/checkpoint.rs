//! Owns what a checkpoint says against the chain that was read.
//! Must never believe one that no known key has signed.
//! Called by walk.

use super::Walk;
use crate::note::{self, Checkpoint};

impl Walk {
    /// The export's own.
    pub(super) fn note(&mut self, note: &str) {
        match note::checkpoint(note, &self.keys) {
            Some(checkpoint) => self.kept.push(checkpoint),
            None => self.find(
                "checkpoint",
                None,
                None,
                "no known key has signed the export's own checkpoint",
            ),
        }
    }

    /// One whose signature was checked, when all seals are known.
    pub(super) fn compare(&mut self, checkpoint: &Checkpoint) {
        let (n, last) = (checkpoint.n, self.summary.seals);
        if checkpoint.tenant != self.summary.tenant {
            self.find(
                "checkpoint",
                None,
                None,
                "the checkpoint is of another chain",
            );
            return;
        }
        match self.chain.get(&n) {
            Some(digest) if *digest == checkpoint.hash => self.summary.checkpoints += 1,
            Some(_) => self.find("checkpoint", Some(n), None, format!(
                "is not the seal that the checkpoint of {} saw: it or one before it was made anew", checkpoint.at)),
            None if n == 0 => self.summary.checkpoints += 1,
            None => self.find("truncated", Some(last + 1), None, format!(
                "the checkpoint of {} saw seal {n}, and the chain ends with seal {last}", checkpoint.at)),
        }
    }
}
