//! Owns checkpoints: the head of a chain as a signed note, in the format of C2SP (signed-note, tlog-checkpoint), Ed25519.
//! Must never keep a key; a seed is an argument.
//! Called by the extension's leaves and by walk.

use crate::Digest;
use crate::encode::sha256;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};

/// What our keys are called in a note.
pub const SIGNER: &str = "ucrm-audit";
const ED25519_KIND: u8 = 1;
const DASH: &str = "\u{2014} ";

/// A key that signatures are checked with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    name: String,
    id: [u8; 4],
    key: [u8; 32],
}

impl PublicKey {
    /// A key of this name.
    pub fn new(name: &str, key: [u8; 32]) -> PublicKey {
        let named = [name.as_bytes(), b"\n", &[ED25519_KIND], &key].concat();
        let mut id = [0; 4];
        id.copy_from_slice(&sha256(&named)[..4]);
        PublicKey {
            name: name.to_owned(),
            id,
            key,
        }
    }

    /// Of `name+id+key`, as [`PublicKey::text`] writes it. `None` for anything else.
    pub fn read(text: &str) -> Option<PublicKey> {
        let mut parts = text.trim().splitn(3, '+');
        let (name, id, key) = (parts.next()?, parts.next()?, parts.next()?);
        let bytes = BASE64_STANDARD.decode(key).ok()?;
        let key = PublicKey::new(name, bytes.strip_prefix(&[ED25519_KIND])?.try_into().ok()?);
        (!name.is_empty() && crate::hex(&key.id) == id).then_some(key)
    }

    /// `name+id+key`: the verifier key of C2SP's signed-note.
    pub fn text(&self) -> String {
        let key = [&[ED25519_KIND], self.key.as_slice()].concat();
        format!(
            "{}+{}+{}",
            self.name,
            crate::hex(&self.id),
            BASE64_STANDARD.encode(key)
        )
    }
}

/// The public key of a seed; `None` if there is none.
pub fn public_of(seed: &[u8]) -> Option<[u8; 32]> {
    let pair = Ed25519KeyPair::from_seed_unchecked(seed).ok()?;
    pair.public_key().as_ref().try_into().ok()
}

/// The head of a chain, as a checkpoint names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Whose chain.
    pub tenant: String,
    /// Its last seal.
    pub n: u64,
    /// That seal's digest.
    pub hash: Digest,
    /// Rows sealed so far.
    pub rows: u64,
    /// The last of them.
    pub last: String,
    /// When the checkpoint was made.
    pub at: String,
}

impl Checkpoint {
    /// What is signed.
    pub fn text(&self) -> String {
        format!(
            "{SIGNER}/{}\n{}\n{}\nrows {}\nlast {}\nat {}\n",
            self.tenant,
            self.n,
            BASE64_STANDARD.encode(self.hash),
            self.rows,
            self.last,
            self.at
        )
    }

    /// Of what was signed. `None` when it is no checkpoint of ours.
    pub fn read(text: &str) -> Option<Checkpoint> {
        let mut lines = text.lines();
        let checkpoint = Checkpoint {
            tenant: lines
                .next()?
                .strip_prefix(SIGNER)?
                .strip_prefix('/')?
                .to_owned(),
            n: lines.next()?.parse().ok()?,
            hash: BASE64_STANDARD
                .decode(lines.next()?)
                .ok()?
                .try_into()
                .ok()?,
            rows: lines.next()?.strip_prefix("rows ")?.parse().ok()?,
            last: lines.next()?.strip_prefix("last ")?.to_owned(),
            at: lines.next()?.strip_prefix("at ")?.to_owned(),
        };
        (checkpoint.text() == text).then_some(checkpoint)
    }
}

/// Signs a text that ends in a line's end. `None` when the seed is none.
pub fn sign(seed: &[u8], text: &str) -> Option<String> {
    let pair = Ed25519KeyPair::from_seed_unchecked(seed).ok()?;
    let key = PublicKey::new(SIGNER, public_of(seed)?);
    let signature = [key.id.as_slice(), pair.sign(text.as_bytes()).as_ref()].concat();
    let signature = BASE64_STANDARD.encode(signature);
    Some(format!("{text}\n{DASH}{SIGNER} {signature}\n"))
}

/// What a note says, if one of the keys has signed it. How many line ends come last is no matter: programs that save a note
/// add one, or take one away.
pub fn open<'a>(note: &'a str, keys: &[PublicKey]) -> Option<&'a str> {
    let note = note.trim_end_matches(['\r', '\n']);
    let at = note.rfind("\n\n")?;
    let (text, signatures) = (&note[..=at], &note[at + 2..]);
    let signed = signatures.lines().any(|line| {
        let mut words = line.strip_prefix(DASH).unwrap_or_default().splitn(2, ' ');
        let (name, signature) = (words.next(), words.next());
        let signature = BASE64_STANDARD
            .decode(signature.unwrap_or_default())
            .unwrap_or_default();
        keys.iter().any(|key| {
            name == Some(&key.name)
                && signature.strip_prefix(&key.id).is_some_and(|signature| {
                    UnparsedPublicKey::new(&ED25519, key.key)
                        .verify(text.as_bytes(), signature)
                        .is_ok()
                })
        })
    });
    signed.then_some(text)
}

/// The checkpoint in a note that one of the keys has signed.
pub fn checkpoint(note: &str, keys: &[PublicKey]) -> Option<Checkpoint> {
    Checkpoint::read(open(note, keys)?)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn checkpoint_of(n: u64) -> Checkpoint {
        Checkpoint {
            tenant: "01a00000-0000-7000-8000-000000000001".into(),
            n,
            hash: [7; 32],
            rows: 9,
            last: "01a00000-0000-7000-8000-000000000002".into(),
            at: "2026-11-29T00:15:00.000000Z".into(),
        }
    }

    #[test]
    fn only_what_the_key_signed_opens() {
        let keys = [PublicKey::new(SIGNER, public_of(&[1; 32]).unwrap())];
        let others = [PublicKey::new(SIGNER, public_of(&[2; 32]).unwrap())];
        let note = sign(&[1; 32], &checkpoint_of(3).text()).unwrap();
        assert_eq!(checkpoint(&note, &keys), Some(checkpoint_of(3)));
        for saved in [
            format!("{note}\n"),
            format!("{note}\r\n\n"),
            note.trim_end().to_owned(),
        ] {
            assert_eq!(checkpoint(&saved, &keys), Some(checkpoint_of(3)));
        }
        assert_eq!(checkpoint(&format!("\n{note}"), &keys), None);
        assert_eq!(checkpoint(&format!("{note}\nx"), &keys), None);
        assert_eq!(checkpoint(&note, &others), None);
        assert_eq!(checkpoint(&note.replacen("\n3\n", "\n4\n", 1), &keys), None);
        assert_eq!(
            checkpoint(note.split('\u{2014}').next().unwrap(), &keys),
            None
        );
        assert_eq!(checkpoint("", &keys), None);
    }

    #[test]
    fn a_public_key_is_written_as_signed_note_has_it() {
        let key = PublicKey::new(SIGNER, public_of(&[1; 32]).unwrap());
        assert_eq!(PublicKey::read(&key.text()), Some(key.clone()));
        assert_eq!(PublicKey::read(&key.text().replace("audit", "other")), None);
        // From the specification's own library: golang.org/x/mod/sumdb/note.
        let known = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
        assert_eq!(
            PublicKey::read(known).map(|key| key.text()).as_deref(),
            Some(known)
        );
        let note = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n\u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
        assert!(open(note, &[PublicKey::read(known).unwrap()]).is_some());
    }
}
