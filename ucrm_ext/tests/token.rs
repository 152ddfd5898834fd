//! API keys and identifiers.
#![allow(dead_code, missing_docs, clippy::unwrap_used)]

#[path = "../src/token"]
mod token {
    pub mod key;
    pub mod uuid7;
}

use proptest::prelude::*;
use token::{key, uuid7};

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
        let hint = key::hint(&key.secret).unwrap();
        prop_assert_eq!(key::tenant_hint(hint), Some(tenant));
        prop_assert_ne!(key::stored(&key.digest), key.digest);
    }

    #[test]
    fn any_other_text_has_no_hint(text in "(ucrm_live_)?[0-9a-z_]{0,90}|\\PC{0,40}") {
        let _ = key::tenant_hint(&text);
        if text.len() != 89 {
            prop_assert_eq!(key::hint(&text), None);
        }
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
fn a_hint_that_is_no_uuid_is_refused() {
    assert_eq!(
        key::tenant_hint("7zzzzzzzzzzzzzzzzzzzzzzzzz"),
        Some([0xff; 16])
    );
    for hint in [
        "80000000000000000000000000",
        "0000000000000000000000000",
        "0000000000000000000000000I",
        "",
        "\u{e9}000000000000000000000000",
    ] {
        assert_eq!(key::tenant_hint(hint), None);
    }
}

#[test]
fn an_identifier_has_the_layout_of_the_rfc() {
    // RFC 9562, appendix A.6.
    let id = uuid7::make(
        0x017f_22e2_79b0,
        [0x0c, 0xc3, 0x63, 0x10, 0xf5, 0x7f, 0x03, 0x7d, 0x3d, 0x00],
    );
    let hex: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(&hex[..16], "017f22e279b07cc3");
    assert_eq!(&hex[16..17], "9");
    assert_eq!(
        uuid7::Sequence::default().make(1_234_567, [0; 8])[..6],
        1234_u64.to_be_bytes()[2..]
    );
}
