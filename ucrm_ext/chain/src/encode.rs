//! Owns how values become the bytes that are hashed: each with its length, so that no two rows have the same bytes.
//! Must never depend on how a value is stored; it is given what an export shows.
//! Called by row and seal.

use crate::Digest;
use ring::digest::{SHA256, digest};

const ABSENT: u8 = 0;
const PRESENT: u8 = 1;
const LIST: u8 = 2;

/// `tag | fields`. A field is `0` (null) or `1 | length, 4, big-endian | bytes`; a list `0` or `2 | count, 4 | fields`.
pub struct Encoder {
    bytes: Vec<u8>,
}

impl Encoder {
    /// The tag tells what is hashed from everything else that is; the first field says which and in which version.
    pub fn new(tag: u8, kind: &str) -> Encoder {
        let mut bytes = Vec::with_capacity(512);
        bytes.push(tag);
        Encoder { bytes }.field(Some(kind.as_bytes()))
    }

    fn length(&mut self, length: usize) {
        // PostgreSQL's values end at a gigabyte.
        self.bytes.extend((length as u32).to_be_bytes());
    }

    pub fn field(mut self, value: Option<&[u8]>) -> Encoder {
        match value {
            None => self.bytes.push(ABSENT),
            Some(value) => {
                self.bytes.push(PRESENT);
                self.length(value.len());
                self.bytes.extend_from_slice(value);
            }
        }
        self
    }

    pub fn text(self, value: Option<&str>) -> Encoder {
        self.field(value.map(str::as_bytes))
    }

    pub fn list<T: AsRef<str>>(mut self, values: Option<&[Option<T>]>) -> Encoder {
        let Some(values) = values else {
            self.bytes.push(ABSENT);
            return self;
        };
        self.bytes.push(LIST);
        self.length(values.len());
        values.iter().fold(self, |encoder, value| {
            encoder.text(value.as_ref().map(AsRef::as_ref))
        })
    }

    pub fn digest(self) -> Digest {
        sha256(&self.bytes)
    }
}

/// SHA-256 of these bytes.
pub fn sha256(bytes: &[u8]) -> Digest {
    let mut result = [0; 32];
    result.copy_from_slice(digest(&SHA256, bytes).as_ref());
    result
}
