//! A value that must not be printed, and the digest by which it may be shown to the database.
//! Must never implement Debug or Display, nor copy itself into a message.
//! Called by config (the database URL) and credential (what a client presents).

use ring::digest::{SHA256, digest};

/// Text that may be used but never shown.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// Takes the text over.
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The text itself, for the one place that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// SHA-256 of everything that was presented: what travels instead of the secret.
pub fn digest_of(presented: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest(&SHA256, presented).as_ref());
    out
}

/// Lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(nibble.into(), 16).unwrap_or('0');
    bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::digest_of;

    #[test]
    fn the_digest_is_sha256_of_the_whole_string() {
        // FIPS 180-2, appendix B.1
        assert_eq!(
            digest_of(b"abc")[..8],
            [0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea]
        );
    }
}
