//! Owns what a check has to say.
//! Must never call a fault what the house did on record.
//! Made by walk.

/// Something that is not as it was sealed, or was erased by `ucrm.forget()`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// As in ucrm.audit_verify(): changed, inserted, removed, reordered, blanked, unrecorded, redacted, seal, checkpoint,
    /// truncated; and file, of the file itself.
    pub kind: &'static str,
    /// Which seal.
    pub seal: Option<u64>,
    /// Which audit row.
    pub row: Option<String>,
    /// What about it.
    pub what: String,
}

impl Finding {
    /// Whether somebody meddled: `redacted` is what the house did itself, on record.
    pub fn is_fault(&self) -> bool {
        self.kind != "redacted"
    }
}

/// What was checked.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// Whose log.
    pub tenant: String,
    /// Lines that an export has.
    pub lines: u64,
    /// Which rows were asked for; `None`: all.
    pub filter: Option<String>,
    /// Seals in the file.
    pub seals: u64,
    /// Rows that are as they were sealed, redacted ones included.
    pub sealed_rows: u64,
    /// Rows behind the last seal: nothing proves them yet.
    pub unsealed_rows: u64,
    /// Seals whose rows were pruned by policy.
    pub pruned: u64,
    /// When the last seal was made.
    pub sealed_at: Option<String>,
    /// Checkpoints whose seal is in the chain as they saw it.
    pub checkpoints: u64,
    /// Everything that is to be said.
    pub findings: Vec<Finding>,
}
