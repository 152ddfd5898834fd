//! Owns how the lines of an export are read that are neither rows nor seals.
//! Must never take a line for more than it says.
//! Called by walk.

use serde::Deserialize;
use std::collections::HashMap;

#[derive(Deserialize)]
pub struct Kind {
    pub kind: String,
}

#[derive(Deserialize)]
pub struct Header {
    pub format: String,
    pub version: u64,
    pub tenant_id: String,
    pub filter: Option<String>,
    #[serde(default)]
    pub keys: Vec<String>,
    /// Of each resource, the moments at which its columns became others.
    #[serde(default)]
    pub columns_changed: HashMap<String, Vec<String>>,
}

/// A record that is not what its audit says.
#[derive(Deserialize)]
pub struct Present {
    pub resource: String,
    pub record_id: String,
    pub audit_id: Option<String>,
    pub fields: Option<Vec<String>>,
    /// The row as it is, as PostgreSQL writes jsonb.
    pub present: Option<String>,
}

#[derive(Deserialize)]
pub struct Note {
    pub note: String,
}

#[derive(Deserialize)]
pub struct End {
    pub rows: u64,
    pub seals: u64,
    /// Lines of records; older exports do not say.
    pub records: Option<u64>,
}

pub fn is_platform(tenant: &str) -> bool {
    tenant == "00000000-0000-0000-0000-000000000000"
}

pub fn parsed<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}
