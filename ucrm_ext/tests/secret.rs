//! Sealing: what was sealed opens in its place, under its key, unchanged, and nothing else does.
#![allow(dead_code, missing_docs, clippy::unwrap_used, clippy::expect_used)]

#[path = "../src/secret/seal.rs"]
mod seal;

use proptest::prelude::*;
use seal::{Fault, Key, id_of, keys, open, seal as sealed};

const OLD: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const NEW: &str = "FFEEDDCCBBAA99887766554433221100ffeeddccbbaa99887766554433221100";

fn file(lines: &[&str]) -> Vec<Key> {
    keys(&lines.join("\n")).ok().unwrap()
}

fn fault(text: &str) -> Option<Fault> {
    keys(text).err()
}

#[test]
fn a_key_file_has_comments_and_says_which_line_is_wrong() {
    assert_eq!(
        file(&["# made today", "", NEW, &format!("  {OLD} ")]).len(),
        2
    );
    assert_eq!(fault(""), Some(Fault::Empty));
    assert_eq!(fault("# nothing\n\n"), Some(Fault::Empty));
    assert_eq!(fault(&format!("{NEW}\nnot a key")), Some(Fault::Line(2)));
    assert_eq!(fault(&NEW[1..]), Some(Fault::Line(1)));
    assert_eq!(fault(&format!("{NEW}0")), Some(Fault::Line(1)));
    assert_eq!(fault(&NEW.replace('F', "é")), Some(Fault::Line(1)));
}

#[test]
fn the_newest_key_seals_and_every_key_opens() {
    let before = sealed(&file(&[OLD]), b"secret", b"place", [1; 12]).unwrap();
    let both = file(&[NEW, OLD]);
    assert_eq!(open(&both, &before, b"place").unwrap(), b"secret");
    let after = sealed(&both, b"secret", b"place", [2; 12]).unwrap();
    assert_eq!(id_of(&after), Some(both[0].id()));
    assert_eq!(
        open(&file(&[OLD]), &after, b"place"),
        Err(Fault::Unknown(both[0].id()))
    );
}

#[test]
fn the_same_secret_looks_different_each_time() {
    let keys = file(&[NEW]);
    let one = sealed(&keys, b"secret", b"place", [1; 12]).unwrap();
    let other = sealed(&keys, b"secret", b"place", [2; 12]).unwrap();
    assert_ne!(one[17..], other[17..]);
}

proptest! {
    #[test]
    fn what_was_sealed_opens(clear in any::<Vec<u8>>(), place in any::<Vec<u8>>(), nonce in any::<[u8; 12]>()) {
        let keys = file(&[NEW]);
        let sealed = sealed(&keys, &clear, &place, nonce).unwrap();
        prop_assert!(clear.len() < 8 || !sealed.windows(clear.len()).any(|window| window == clear));
        prop_assert_eq!(open(&keys, &sealed, &place).unwrap(), clear);
    }

    #[test]
    fn another_place_does_not_open_it(clear in any::<Vec<u8>>(), place in any::<Vec<u8>>(), other in any::<Vec<u8>>()) {
        prop_assume!(place != other);
        let keys = file(&[NEW]);
        let sealed = sealed(&keys, &clear, &place, [7; 12]).unwrap();
        prop_assert_eq!(open(&keys, &sealed, &other), Err(Fault::Broken));
    }

    #[test]
    fn a_changed_bit_does_not_open(clear in any::<Vec<u8>>(), at in any::<prop::sample::Index>(), bit in 0..8_u8) {
        let keys = file(&[NEW]);
        let mut sealed = sealed(&keys, &clear, b"place", [7; 12]).unwrap();
        let at = at.index(sealed.len());
        sealed[at] ^= 1 << bit;
        prop_assert!(open(&keys, &sealed, b"place").is_err());
    }

    #[test]
    fn nothing_else_opens(bytes in any::<Vec<u8>>()) {
        prop_assert!(open(&file(&[NEW]), &bytes, b"place").is_err());
    }
}
