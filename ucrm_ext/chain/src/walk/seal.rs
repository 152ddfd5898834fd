//! Owns what is checked of a seal: that it follows the one before it, and that its rows are all there.
//! Must never believe what a seal says of rows that were read.
//! Called by walk.

use super::Walk;
use super::current::Current;
use crate::seal::{Exported, ORIGIN};
use crate::{Digest, tree};

impl Walk {
    pub(super) fn seal(&mut self, exported: Exported) {
        self.close();
        let Exported {
            seal,
            hash,
            leaves,
            listed,
            complete,
        } = exported;
        let n = seal.n;
        if !complete {
            self.find(
                "seal",
                Some(n),
                None,
                "has a column that is empty, or below zero",
            );
        }
        let (before, follows, after) = self.previous.take().unwrap_or((0, ORIGIN, String::new()));
        if n != before + 1 {
            self.find(
                "seal",
                Some(n),
                None,
                if n <= before {
                    format!("comes after seal {before}")
                } else {
                    format!("seals {} to {} are missing", before + 1, n - 1)
                },
            );
        } else if seal.previous != follows {
            self.find(
                "seal",
                Some(n),
                None,
                format!("seal {before} is not the one that this one follows"),
            );
        }
        let digest = seal.digest();
        if digest != hash {
            self.find(
                "seal",
                Some(n),
                None,
                "was changed: its hash is another one's",
            );
        }
        if seal.tenant != self.summary.tenant {
            self.find("seal", Some(n), None, "is of another chain");
        }
        if seal.pruned < self.pruning.said || seal.pruned >= n {
            self.find(
                "seal",
                Some(n),
                None,
                "says of too few or too many seals that they were pruned",
            );
        }
        for what in self.pruning.follow(&seal, self.now) {
            self.find("seal", Some(n), None, what);
        }
        if !listed {
            self.find("seal", Some(n), None, "its list of rows was changed");
        }
        let expected = leaves.and_then(|leaves| {
            let digests: Vec<Digest> = leaves.iter().map(|(_, leaf)| *leaf).collect();
            let ids: Vec<&str> = leaves.iter().map(|(id, _)| id.as_str()).collect();
            let whole = tree::root(&digests) == seal.root
                && digests.len() as u64 == seal.rows
                && ids.first().copied() == seal.first.as_deref()
                && ids.last().is_none_or(|last| *last == seal.last)
                && ids.is_sorted();
            if !whole {
                self.find("seal", Some(n), None, "its list of rows was changed");
            }
            whole.then(|| leaves.into_iter().collect())
        });
        // A seal's rows come behind it.
        for id in std::mem::take(&mut self.loose) {
            self.find(
                "inserted",
                Some(n),
                Some(&id),
                "was not there when its time was sealed",
            );
        }
        self.chain.insert(n, digest);
        self.summary.seals += 1;
        self.summary.sealed_at = Some(seal.created_at);
        self.previous = Some((n, hash, seal.last.clone()));
        self.current = Some(Current {
            n,
            after,
            last: seal.last,
            rows: seal.rows,
            root: seal.root,
            expected,
            found: Vec::new(),
            faults: 0,
        });
    }

    /// All rows of the current seal have been read.
    pub(super) fn close(&mut self) {
        let Some(current) = self.current.take() else {
            return;
        };
        if self.summary.filter.is_some() {
            return;
        }
        let n = Some(current.n);
        let gone = current.found.is_empty() && current.rows > 0;
        if gone {
            self.empty.push((current.n, current.rows));
            return;
        }
        match current.expected {
            Some(expected) => {
                let mut missing: Vec<&String> = expected.keys().collect();
                missing.sort();
                for id in missing {
                    self.find("removed", n, Some(id), "is sealed and not there");
                }
            }
            None if tree::root(&current.found) != current.root => {
                self.find(
                    "changed",
                    n,
                    None,
                    "its rows are not those that were sealed, and nothing says any more which",
                );
                self.summary.sealed_rows -= (current.found.len() - current.faults) as u64;
            }
            None => {}
        }
    }
}
