//! Owns the reading of a raw query string.
//! Must never guess at an encoding: what is not valid is refused.
//! Called by `list` and `one`.

use super::refusal::Refusal;

/// Longest query string.
const MAX_LENGTH: usize = 8192;

/// Names and values in order, decoded. Empty pairs are left out.
pub fn pairs(raw_query: &str) -> Result<Vec<(String, String)>, Refusal> {
    if raw_query.len() > MAX_LENGTH {
        return Err(Refusal::filter(
            "query",
            "the query string is longer than 8192 bytes",
        ));
    }
    let pairs = raw_query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = decode(name).ok_or_else(|| bad("query"))?;
            let value = decode(value).ok_or_else(|| bad(&name))?;
            Ok((name, value))
        })
        .collect()
}

fn bad(field: &str) -> Refusal {
    Refusal::filter(field, "percent-encoding must be %XX of UTF-8 without NUL")
}

/// `application/x-www-form-urlencoded`, strictly.
fn decode(text: &str) -> Option<String> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => hex(bytes.next()?)? << 4 | hex(bytes.next()?)?,
            byte => byte,
        });
    }
    String::from_utf8(decoded)
        .ok()
        .filter(|text| !text.contains('\0'))
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|digit| digit as u8)
}
