//! Owns cells of CSV (RFC 4180).
//! Must never let a text be taken for a formula by the program that opens the file.
//! Called by `print`.

use super::text::Text;

/// Whether a spreadsheet would take a text for a formula. One that would not but for quotes in front of it counts too, so
/// that what is taken away when the file comes back is what was put here.
fn is_formula(bytes: &[u8]) -> bool {
    let quotes = bytes.iter().take_while(|&&byte| byte == b'\'').count();
    matches!(
        bytes.get(quotes),
        Some(b'=' | b'+' | b'-' | b'@' | b'\t' | b'\r')
    )
}

/// A cell of text; one that looks like a formula gets a quote in front.
pub fn text(bytes: &[u8], into: &mut Text) {
    let formula = is_formula(bytes);
    let plain = !bytes
        .iter()
        .any(|byte| matches!(byte, b',' | b'"' | b'\n' | b'\r'));
    // An empty text is not an empty cell, which is null.
    if plain && !formula && !bytes.is_empty() {
        into.push(bytes);
        return;
    }
    into.push(b"\"");
    if formula {
        into.push(b"'");
    }
    quoted(bytes, into);
    into.push(b"\"");
}

/// A cell of what is no text: numbers, JSON.
pub fn plain(bytes: &[u8], into: &mut Text) {
    if bytes
        .iter()
        .any(|byte| matches!(byte, b',' | b'"' | b'\n' | b'\r'))
    {
        into.push(b"\"");
        quoted(bytes, into);
        into.push(b"\"");
    } else {
        into.push(bytes);
    }
}

fn quoted(bytes: &[u8], into: &mut Text) {
    let mut start = 0;
    for (at, &byte) in bytes.iter().enumerate() {
        if byte == b'"' {
            into.push(&bytes[start..=at]);
            start = at;
        }
    }
    into.push(&bytes[start..]);
}
