//! Owns what seals claim of time: that each comes after the one before it, and that what was pruned was old.
//! Must never ask a clock: what time it is, it is told.
//! Called by walk.

use crate::moment;
use crate::row::Row;
use crate::seal::Seal;
use serde::Deserialize;
use std::collections::{HashMap, HashSet};

const HOUR: i64 = 3_600_000_000;
/// No policy prunes what is younger.
const KEPT: i64 = 720 * HOUR;

/// Of which seals the rows were pruned, so far.
#[derive(Default)]
pub struct Pruning {
    /// The last that any seal claims; none claims itself.
    pub upto: u64,
    /// What the seal before said.
    pub said: u64,
    /// Of each seal, when its last row was written.
    last: HashMap<u64, i64>,
    created_at: Option<i64>,
    /// Seal, and the first and last whose rows it claims to be pruned.
    claims: Vec<(u64, u64, u64)>,
    recorded: HashSet<(u64, u64)>,
}

/// What an audit row says that was left by pruning.
#[derive(Deserialize)]
struct Recorded {
    seals: (u64, u64),
}

impl Pruning {
    /// The next seal; what is wrong with it.
    pub fn follow(&mut self, seal: &Seal, now: Option<i64>) -> Vec<&'static str> {
        let mut wrong = Vec::new();
        let created_at = moment::read(&seal.created_at);
        if seal.pruned > self.said {
            self.claims.push((seal.n, self.said + 1, seal.pruned));
            let last = self.last.get(&seal.pruned);
            if last.is_some_and(|last| created_at.is_none_or(|at| *last > at - KEPT)) {
                wrong.push("claims rows pruned that were younger than 30 days");
            }
        }
        if created_at
            .zip(self.created_at)
            .is_some_and(|(at, before)| at < before)
        {
            wrong.push("was made before the one that it follows");
        }
        match (created_at, now) {
            (None, _) => wrong.push("is of no time"),
            (Some(at), Some(now)) if at > now + HOUR => wrong.push("is of a time to come"),
            _ => {}
        }
        if let Some(last) = moment::of_id(&seal.last) {
            self.last.insert(seal.n, last);
        }
        self.said = seal.pruned;
        self.created_at = created_at;
        self.upto = self.upto.max(seal.pruned.min(seal.n.saturating_sub(1)));
        wrong
    }

    /// A row that may say what was pruned.
    pub fn record(&mut self, row: &Row, platform: bool) {
        let told = match platform {
            true => row.action == "audit.pruned",
            false => {
                row.action == "pruned"
                    && row.resource == Some("audit_logs")
                    && row.record_id.is_none()
            }
        };
        if told
            && let Some(after) = row.after
            && let Ok(recorded) = serde_json::from_str::<Recorded>(after)
        {
            self.recorded.insert(recorded.seals);
        }
    }

    /// Seals whose claim no row bears out, though that cannot have been pruned itself: it comes under a later seal.
    pub fn unheard(&self) -> impl Iterator<Item = u64> {
        self.claims
            .iter()
            .filter(|(n, first, last)| *n >= self.upto && !self.recorded.contains(&(*first, *last)))
            .map(|(n, _, _)| *n)
    }
}
