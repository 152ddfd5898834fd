//! Owns base64url without padding (RFC 7515, 2), in its one canonical form.
//! Must never accept padding, whitespace, another alphabet, or bits beyond the last byte.
//! Called by `token`, `key` and `own`.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The bytes, `None` for any other spelling of them.
pub fn decode(text: &[u8]) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// Their spelling.
pub fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
