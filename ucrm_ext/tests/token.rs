//! API keys and identifiers.
#![allow(dead_code, missing_docs, clippy::unwrap_used)]

#[path = "../src/token"]
mod token {
    pub mod key;
    pub mod uuid7;
}

use proptest::prelude::*;
use token::{key, uuid7};

/// Crockford's alphabet in lower case.
const BASE32: &str = "0123456789abcdefghjkmnpqrstvwxyz";

proptest! {
    #![proptest_config(ProptestConfig { cases: 5000, failure_persistence: None, ..Default::default() })]

    #[test]
    fn a_key_carries_its_tenant(tenant: [u8; 16], random in prop::array::uniform32(any::<u8>()), display: [u8; 5]) {
        let mut bytes = [0; 37];
        bytes[..5].copy_from_slice(&display);
        bytes[5..].copy_from_slice(&random);
        let key = key::make(tenant, &bytes);
        prop_assert_eq!(key.secret.len(), 10 + 8 + 1 + 26 + 1 + 43);
        prop_assert_eq!(key.secret.split_at(18).0, key.prefix.as_str());
        prop_assert_eq!(key.prefix.len(), 18);
        let hint = key.secret[19..45].chars().map(|letter| BASE32.find(letter).unwrap() as u128);
        prop_assert_eq!(hint.fold(0, |tenant, digit| tenant << 5 | digit), u128::from_be_bytes(tenant));
        prop_assert_ne!(key::stored(&key.digest), key.digest);
    }

    #[test]
    fn identifiers_ascend(steps in prop::collection::vec((0_u64..3, any::<[u8; 8]>()), 2..200), back in 0_u64..5000) {
        let mut sequence = uuid7::Sequence::default();
        let mut now = 1_700_000_000_000_000;
        let mut last = [0; 16];
        for (at, (step, random)) in steps.into_iter().enumerate() {
            now += step;
            let id = sequence.make(if at == 100 { now - back } else { now }, random);
            prop_assert!(id > last);
            prop_assert_eq!((id[6] >> 4, id[8] >> 6), (7, 2));
            last = id;
        }
    }
}

#[test]
fn a_known_key_is_made() {
    let key = key::make(
        *b"\x01\x9a\xbc\xde\xf0\x12\x73\x45\x86\x78\x9a\xbc\xde\xf0\x12\x34",
        &[0xff; 37],
    );
    assert_eq!(key.prefix, "ucrm_live_e13wu1of", "2^40 - 1 in base 36");
    assert!(key.secret.ends_with(&format!("_{}8", "_".repeat(42))));
    assert_eq!(&key.secret[19..45], "01kaydxw0jed2rcy4tqkff04hm");
}

#[test]
fn an_identifier_has_the_layout_of_the_rfc() {
    // RFC 9562, appendix A.6, half a millisecond in.
    let id = uuid7::Sequence::default().make(
        0x017f_22e2_79b0 * 1000 + 500,
        (0x18c4_dc0c_0c07_398f_u64 << 2).to_be_bytes(),
    );
    let hex: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, "017f22e279b0780098c4dc0c0c07398f");
}
