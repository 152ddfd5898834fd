//! Owns the check of an export: line by line, in the memory of one seal.
//! Must never believe a line that another line or a key contradicts.
//! Called by the gateway's verify-audit.

mod checkpoint;
mod current;
mod line;
mod pruning;
mod record;
mod seal;

pub use crate::finding::{Finding, Summary};

use crate::note::{Checkpoint, PublicKey};
use crate::seal::Line as SealLine;
use crate::{Digest, row};
use current::Current;
use line::{End, Header, Kind, Note, Present, is_platform, parsed};
use pruning::Pruning;
use record::{Followed, Record, Records};
use std::collections::HashMap;

const TORN: &str = "its record was changed before, and no row says how";

/// A row without its images: under which seal, which, of what.
type Redacted = (Option<u64>, String, Option<Record>);

/// A check under way.
#[derive(Default)]
pub struct Walk {
    summary: Summary,
    keys: Vec<PublicKey>,
    trusted: bool,
    kept: Vec<Checkpoint>,
    chain: HashMap<u64, Digest>,
    previous: Option<(u64, Digest, String)>,
    current: Option<Current>,
    pruning: Pruning,
    now: Option<i64>,
    /// Seals of which not one row is there: pruned, if a later seal says so.
    empty: Vec<(u64, u64)>,
    last_row: Option<String>,
    rows: u64,
    /// Rows behind the last seal so far.
    loose: Vec<String>,
    redacted: Vec<Redacted>,
    records: Records,
    /// Lines of records.
    presents: u64,
    started: bool,
    ended: bool,
}

impl Walk {
    /// Keys: none to believe the file's own. Kept: checkpoints from elsewhere, whose signature was checked.
    pub fn new(keys: Vec<PublicKey>, kept: Vec<Checkpoint>) -> Walk {
        Walk {
            trusted: !keys.is_empty(),
            keys,
            kept,
            ..Walk::default()
        }
    }

    /// What time it is, in microseconds since 1970: no seal was made later.
    pub fn at(mut self, now: i64) -> Walk {
        self.now = Some(now);
        self
    }

    fn find(
        &mut self,
        kind: &'static str,
        seal: Option<u64>,
        row: Option<&str>,
        what: impl Into<String>,
    ) {
        self.summary.findings.push(Finding {
            kind,
            seal,
            row: row.map(str::to_owned),
            what: what.into(),
        });
    }

    /// The next line of the file; its number is for what is said about it.
    pub fn line(&mut self, number: u64, text: &str) {
        // As JSON, an export is the same lines with brackets and commas.
        let text = text.trim().trim_start_matches(['[', ',']);
        if text.is_empty() || text == "]" {
            return;
        }
        let kind = serde_json::from_str::<Kind>(text).map(|line| line.kind);
        let kind = kind.as_deref().unwrap_or_default();
        if self.ended {
            self.find(
                "file",
                None,
                None,
                format!("line {number}: comes after the end"),
            );
        } else if !self.started && kind != "header" {
            self.find(
                "file",
                None,
                None,
                format!("line {number}: an export begins with its header"),
            );
            self.started = true;
        }
        let read = match kind {
            "row" => row::Line::read(text)
                .map_err(|error| error.to_string())
                .map(|line| self.row(&line.row())),
            "seal" => SealLine::read(text).map(|seal| self.seal(seal)),
            "header" => parsed(text).and_then(|header| self.header(header)),
            "record" => parsed(text).map(|record| self.present(record)),
            "checkpoint" => parsed::<Note>(text).map(|line| self.note(&line.note)),
            "end" => parsed::<End>(text).map(|end| self.end(&end)),
            _ => Err("is no line of an export".into()),
        };
        if read.is_ok() {
            self.summary.lines += 1;
        }
        if let Err(error) = read {
            self.find("file", None, None, format!("line {number}: {error}"));
        }
    }

    fn header(&mut self, header: Header) -> Result<(), String> {
        if self.started {
            return Err("is a second header".into());
        }
        self.started = true;
        if header.format != "ucrm-audit" || header.version != 1 {
            return Err("is not the header of an audit export of version 1".into());
        }
        if !self.trusted {
            self.keys = header
                .keys
                .iter()
                .filter_map(|key| PublicKey::read(key))
                .collect();
        }
        self.summary.tenant = header.tenant_id;
        self.summary.filter = header.filter;
        self.records.columns_changed(header.columns_changed);
        Ok(())
    }

    fn end(&mut self, end: &End) {
        self.close();
        self.ended = true;
        let (rows, seals) = (self.rows, self.summary.seals);
        if (end.rows, end.seals) != (rows, seals) {
            self.find(
                "file",
                None,
                None,
                format!(
                    "the end counts {} rows and {} seals, where {rows} and {seals} were read",
                    end.rows, end.seals
                ),
            );
        }
        let records = self.presents;
        if let Some(counted) = end.records.filter(|counted| *counted != records) {
            self.find(
                "file",
                None,
                None,
                format!("the end counts {counted} records, where {records} were read"),
            );
        }
    }

    fn row(&mut self, row: &row::Row) {
        self.rows += 1;
        let leaf = row.leaf();
        // Of one that stands twice the seal tells.
        let last = self.last_row.as_deref().unwrap_or_default();
        let twice = row.id == last && self.is_under_seal(row.id);
        if row.id <= last && !twice {
            self.find(
                "reordered",
                None,
                Some(row.id),
                "does not come after the row before it",
            );
        } else {
            self.last_row = Some(row.id.to_owned());
        }
        if self.summary.tenant != *row.tenant_id.unwrap_or_default()
            && !is_platform(&self.summary.tenant)
        {
            self.find("inserted", None, Some(row.id), "is another tenant's");
        }
        let record = row
            .resource
            .zip(row.record_id)
            .map(|(a, b)| (a.to_owned(), b.to_owned()));
        let seal = self.place(row.id, leaf);
        self.pruning.record(row, is_platform(&self.summary.tenant));
        if row.is_redacted() {
            self.redacted
                .push((seal, row.id.to_owned(), record.clone()));
        }
        // A filtered export leaves rows out.
        if let Some(record) = record
            && self.records.follow(row, record, seal) == Followed::Torn
            && self.summary.filter.is_none()
        {
            self.find("unrecorded", seal, Some(row.id), TORN);
        }
    }

    /// A record that the database found to be not what its audit says; believed unless the rows that were read say it too.
    fn present(&mut self, line: Present) {
        self.presents += 1;
        let record = (line.resource, line.record_id);
        if self.records.leave(&record, line.present.as_deref()) {
            return;
        }
        let what = match (&line.fields, &line.present, &line.audit_id) {
            (Some(fields), Some(_), _) => {
                format!("is not what was recorded: {}", fields.join(", "))
            }
            (_, None, _) => "is gone, and no row says so".into(),
            (_, _, Some(_)) => "is there, and its last row says that it was deleted".into(),
            (..) => "is there, and no row says how it came".into(),
        };
        let (resource, id) = record;
        self.find(
            "unrecorded",
            None,
            line.audit_id.as_deref(),
            format!("{resource}/{id} {what}"),
        );
    }

    fn is_under_seal(&self, id: &str) -> bool {
        let last = self.current.as_ref().map(|current| current.last.as_str());
        last.is_some_and(|last| id <= last)
    }

    /// Which seal the row is under, having compared it.
    fn place(&mut self, id: &str, leaf: Digest) -> Option<u64> {
        let Some(current) = self
            .current
            .as_mut()
            .filter(|current| id <= current.last.as_str())
        else {
            self.loose.push(id.to_owned());
            return None;
        };
        let n = Some(current.n);
        let wrong = current.take(id, leaf);
        match wrong {
            Some((kind, what)) => {
                self.find(kind, n, Some(id), what);
            }
            None => self.summary.sealed_rows += 1,
        }
        n
    }

    /// The file is read.
    pub fn finish(mut self) -> Summary {
        self.close();
        if !self.ended {
            self.find("file", None, None, "is cut short: it has no end");
        }
        let pruned = self.pruning.upto;
        for (n, rows) in std::mem::take(&mut self.empty) {
            if n > pruned {
                self.find("removed", Some(n), None, format!("all its {rows} rows"));
            }
        }
        for checkpoint in std::mem::take(&mut self.kept) {
            self.compare(&checkpoint);
        }
        let complete = self.summary.filter.is_none();
        if complete {
            for n in self.pruning.unheard().collect::<Vec<_>>() {
                let what = "claims rows pruned, and no row says that they were";
                self.find("seal", Some(n), None, what);
            }
            for (seal, id) in self.records.displaced() {
                self.find("unrecorded", seal, Some(&id), TORN);
            }
        }
        for (seal, id, record) in std::mem::take(&mut self.redacted) {
            if complete && record.is_none_or(|record| !self.records.is_forgotten(&record, &id)) {
                self.find(
                    "blanked",
                    seal,
                    Some(&id),
                    "its images are gone, and no row says that they were to be forgotten",
                );
            } else {
                self.find(
                    "redacted",
                    seal,
                    Some(&id),
                    "its images were erased by ucrm.forget()",
                );
            }
        }
        self.summary.pruned = pruned;
        self.summary.unsealed_rows = self.loose.len() as u64;
        self.summary
    }
}
