//! Owns how the lines of an export are read that are neither rows nor seals.
//! Must never take a line for more than it says.
//! Called by walk.

use serde::Deserialize;

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
}

#[derive(Deserialize)]
pub struct Note {
    pub note: String,
}

#[derive(Deserialize)]
pub struct End {
    pub rows: u64,
    pub seals: u64,
}

pub fn is_platform(tenant: &str) -> bool {
    tenant == "00000000-0000-0000-0000-000000000000"
}

pub fn parsed<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}
