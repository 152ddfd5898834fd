//! Owns what an authenticator app is told: the otpauth URI (Key URI Format of Google Authenticator) and the secret in base32.
//! Must never keep a secret beyond the call.
//! Called by `totp`.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use totp_rs::Secret;

/// All but the unreserved characters of RFC 3986, 2.3.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The secret as people type it into an app: base32 without padding (RFC 4648, 6).
pub fn base32(secret: &[u8]) -> String {
    Secret::from(secret).to_base32()
}

/// `otpauth://totp/Issuer:account?secret=…&issuer=Issuer&algorithm=SHA1&digits=6&period=30`.
pub fn uri(secret: &[u8], account: &str, issuer: &str) -> String {
    format!(
        "otpauth://totp/{issuer}:{account}?secret={}&issuer={issuer}&algorithm=SHA1&digits=6&period=30",
        base32(secret),
        issuer = part(issuer),
        account = part(account),
    )
}

/// One half of the label. A colon is what parts the halves: neither holds one, not even escaped.
fn part(text: &str) -> String {
    utf8_percent_encode(&text.replace(':', " "), ESCAPED).to_string()
}
