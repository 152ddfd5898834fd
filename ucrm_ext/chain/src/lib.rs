//! What the audit log is as bytes: an index.
//!
//! A row becomes a leaf, leaves a tree (RFC 6962), a tree a seal, seals a chain, and the head of the chain a signed note.
//! The extension seals with it and the gateway checks exports with it, so that both mean the same bytes. AUDIT.md says in
//! words what is hashed: whoever distrusts this crate can write his own.
#![forbid(unsafe_code)]

mod encode;
mod finding;
pub mod moment;
pub mod note;
pub mod row;
pub mod seal;
pub mod tree;
pub mod walk;

pub use encode::sha256;

/// SHA-256.
pub type Digest = [u8; 32];

/// What stands where there should be a digest and is none: nothing hashes to it.
pub const NO_DIGEST: Digest = [0xff; 32];

/// Thirty-two bytes as they are; [`NO_DIGEST`] for any other number.
pub fn digest(bytes: &[u8]) -> Digest {
    bytes.try_into().unwrap_or(NO_DIGEST)
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            for digit in [byte >> 4, byte & 15] {
                text.push(char::from_digit(digit.into(), 16).unwrap_or('0'));
            }
            text
        })
}

/// Thirty-two bytes of hexadecimal.
pub fn unhex(text: &str) -> Option<Digest> {
    let mut digest = [0; 32];
    if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    for (byte, pair) in digest.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(digest)
}
