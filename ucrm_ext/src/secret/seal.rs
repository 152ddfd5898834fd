//! Owns the sealed form of a secret: AES-256-GCM (NIST SP 800-38D) under one of the installation's keys.
//! Must never keep a key or a clear text: both are arguments, and so is randomness.
//! Called by `secret`.
//!
//! `1 | key id, 4 | nonce, 12 | ciphertext | tag, 16`. The place a secret belongs to is authenticated with it: a row
//! copied to another tenant's place does not open there.

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::digest::{SHA256, digest};
use ring::hkdf::{HKDF_SHA256, Prk, Salt};
use ring::hmac;

const VERSION: u8 = 1;
const ID: usize = 4;
const NONCE: usize = 12;
const HEAD: usize = 1 + ID + NONCE;
/// Sets what is derived from a key apart from the key itself.
const SALT: &[u8] = b"ucrm derived key";

/// One key of the key file. It has no `Debug`, so that it cannot be logged by accident.
pub struct Key {
    id: [u8; ID],
    key: LessSafeKey,
    root: Prk,
}

/// What is wrong with a key file or a sealed secret.
#[derive(Debug, PartialEq, Eq)]
pub enum Fault {
    /// The n-th line is neither empty, a comment, nor 64 hexadecimal digits.
    Line(usize),
    /// No line holds a key.
    Empty,
    /// Sealed under a key that is not in the file.
    Unknown([u8; ID]),
    /// Not what was sealed for this place.
    Broken,
}

impl Key {
    fn of(bytes: &[u8; 32]) -> Option<Key> {
        let mut id = [0; ID];
        id.copy_from_slice(&digest(&SHA256, bytes).as_ref()[..ID]);
        let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, bytes).ok()?);
        let root = Salt::new(HKDF_SHA256, SALT).extract(bytes);
        Some(Key { id, key, root })
    }

    /// Names the key without telling anything of it.
    pub fn id(&self) -> [u8; ID] {
        self.id
    }

    /// A key of its own for signing, by HKDF (RFC 5869); `None` for a purpose of thousands of bytes.
    pub fn signing(&self, purpose: &[u8]) -> Option<hmac::Key> {
        let purpose = [purpose];
        let derived = self.root.expand(&purpose, hmac::HMAC_SHA256).ok()?;
        Some(derived.into())
    }
}

fn hexadecimal(line: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if line.len() != 64 || !line.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(line.as_bytes().chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}

/// The keys of a key file: 64 hexadecimal digits a line, the newest first; `#` begins a comment.
pub fn keys(text: &str) -> Result<Vec<Key>, Fault> {
    let mut keys = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let key = hexadecimal(line).and_then(|bytes| Key::of(&bytes));
        keys.push(key.ok_or(Fault::Line(number + 1))?);
    }
    if keys.is_empty() {
        return Err(Fault::Empty);
    }
    Ok(keys)
}

/// Seals a secret for a place under the newest key.
pub fn seal(
    keys: &[Key],
    clear: &[u8],
    place: &[u8],
    nonce: [u8; NONCE],
) -> Result<Vec<u8>, Fault> {
    let key = keys.first().ok_or(Fault::Empty)?;
    let mut body = clear.to_vec();
    key.key
        .seal_in_place_append_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(place),
            &mut body,
        )
        .map_err(|_| Fault::Broken)?;
    Ok([&[VERSION], key.id.as_slice(), &nonce, &body].concat())
}

/// Opens what was sealed for this place, under whichever key it was.
pub fn open(keys: &[Key], sealed: &[u8], place: &[u8]) -> Result<Vec<u8>, Fault> {
    let (head, body) = sealed.split_at_checked(HEAD).ok_or(Fault::Broken)?;
    let id = id_of(head).ok_or(Fault::Broken)?;
    let key = keys
        .iter()
        .find(|key| key.id == id)
        .ok_or(Fault::Unknown(id))?;
    let nonce = Nonce::try_assume_unique_for_key(&head[1 + ID..]).map_err(|_| Fault::Broken)?;
    let mut body = body.to_vec();
    key.key
        .open_in_place(nonce, Aad::from(place), &mut body)
        .map(|clear| clear.to_vec())
        .map_err(|_| Fault::Broken)
}

/// The id of the key that a secret is sealed under.
pub fn id_of(sealed: &[u8]) -> Option<[u8; ID]> {
    match sealed {
        [VERSION, a, b, c, d, ..] => Some([*a, *b, *c, *d]),
        _ => None,
    }
}
