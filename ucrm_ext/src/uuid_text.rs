//! Owns the text form of a uuid, which settings hold.
//! Must never accept anything but 32 hexadecimal digits and hyphens.
//! Called by `context` and `advance`.

use std::ffi::{CStr, CString};

/// `8-4-4-4-12` → bytes.
pub fn parse(text: &CStr) -> Option<[u8; 16]> {
    let digits: Vec<u8> = text
        .to_bytes()
        .iter()
        .copied()
        .filter(|&byte| byte != b'-')
        .collect();
    if digits.len() != 32 {
        return None;
    }
    let mut bytes = [0; 16];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}

/// Bytes → `8-4-4-4-12`.
pub fn text(bytes: [u8; 16]) -> String {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(36);
    for (at, byte) in bytes.into_iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.push(char::from(HEX[usize::from(byte >> 4)]));
        text.push(char::from(HEX[usize::from(byte & 15)]));
    }
    text
}

/// The same for C.
pub fn print(bytes: [u8; 16]) -> CString {
    CString::new(text(bytes)).unwrap_or_default()
}
