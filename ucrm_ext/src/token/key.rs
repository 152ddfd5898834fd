//! Owns the format of API keys and what is kept of them.
//! Must never print, compare or keep a secret: only its prefix and digests leave this file, the secret once.
//! Called by the functions that make, rotate and verify keys; randomness is an argument.
//!
//! `ucrm_live_<8 display>_<tenant, 26 base32>_<43 base64url>`. The display part names the key to people, the tenant
//! is an untrusted routing hint, and the last part carries 256 random bits. Digests cover the whole string.

use ring::digest::{SHA256, digest};

const HEAD: &str = "ucrm_live_";
const BASE36: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
/// Crockford's alphabet in lower case (<https://www.crockford.com/base32.html>).
const BASE32: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// RFC 4648, section 5.
const BASE64URL: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// A new key. It has no `Debug`, so that it cannot be logged by accident.
pub struct Key {
    /// The whole key, shown once.
    pub secret: String,
    /// `ucrm_live_ab12cd34`, shown in lists.
    pub prefix: String,
    /// SHA-256 of `secret`: what the gateway presents. See `stored`.
    pub digest: [u8; 32],
}

/// Makes a key of `tenant` from 37 random bytes: 5 for the display part, 32 for the secret.
pub fn make(tenant: [u8; 16], random: &[u8; 37]) -> Key {
    let [a, b, c, d, e, secret @ ..] = random;
    let display = u64::from_be_bytes([0, 0, 0, *a, *b, *c, *d, *e]);
    let prefix = format!("{HEAD}{}", digits(display.into(), BASE36, 8));
    let secret = format!(
        "{prefix}_{}_{}",
        digits(u128::from_be_bytes(tenant), BASE32, 26),
        base64url(secret)
    );
    let digest = sha256(secret.as_bytes());
    Key {
        secret,
        prefix,
        digest,
    }
}

/// Any other token: `ucrm_<purpose>_<whose, 26 base32>_<43 base64url>`, and SHA-256 of it.
pub fn token(purpose: &str, whose: [u8; 16], random: &[u8; 32]) -> (String, [u8; 32]) {
    let secret = format!(
        "ucrm_{purpose}_{}_{}",
        digits(u128::from_be_bytes(whose), BASE32, 26),
        base64url(random)
    );
    let digest = sha256(secret.as_bytes());
    (secret, digest)
}

/// What is kept of a presented digest: SHA-256 of it, so that nothing stored can be presented.
pub fn stored(digest: &[u8; 32]) -> [u8; 32] {
    sha256(digest)
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest(&SHA256, bytes).as_ref());
    out
}

fn digits<const B: usize>(mut number: u128, alphabet: &[u8; B], length: usize) -> String {
    let mut text = vec![0; length];
    for place in text.iter_mut().rev() {
        *place = alphabet[(number % B as u128) as usize];
        number /= B as u128;
    }
    text.into_iter().map(char::from).collect()
}

fn base64url(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let word = chunk
            .iter()
            .fold(0_u32, |word, &byte| word << 8 | u32::from(byte))
            << (8 * (3 - chunk.len()));
        for place in 0..=chunk.len() {
            text.push(char::from(
                BASE64URL[(word >> (18 - 6 * place)) as usize % 64],
            ));
        }
    }
    text
}
