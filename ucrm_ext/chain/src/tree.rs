//! Owns the tree over a seal's leaves, as RFC 6962, 2.1 makes it: leaves and nodes are hashed under different tags.
//! Must never take a node for a leaf.
//! Called by seal's makers and by walk.

use crate::Digest;
use crate::encode::sha256;

/// The tag of a leaf (RFC 6962).
pub const LEAF: u8 = 0;
const NODE: u8 = 1;

/// The root over leaves; of none, the digest of nothing.
pub fn root(leaves: &[Digest]) -> Digest {
    if leaves.is_empty() {
        return sha256(&[]);
    }
    // Level by level: a node without a neighbour goes up as it is, which splits where RFC 6962 splits.
    let mut level = leaves.to_vec();
    while level.len() > 1 {
        level = level
            .chunks(2)
            .map(|pair| match pair {
                [left, right] => node(left, right),
                [alone, ..] => *alone,
                [] => sha256(&[]),
            })
            .collect();
    }
    level[0]
}

fn node(left: &Digest, right: &Digest) -> Digest {
    let mut bytes = [NODE; 65];
    bytes[1..33].copy_from_slice(left);
    bytes[33..].copy_from_slice(right);
    sha256(&bytes)
}

#[cfg(test)]
mod tests {
    use super::{LEAF, node, root};
    use crate::Digest;
    use crate::encode::sha256;
    use crate::hex;

    fn split(leaves: &[Digest]) -> Digest {
        match leaves {
            [] => sha256(&[]),
            [one] => *one,
            _ => {
                let k = leaves.len().next_power_of_two() / 2;
                node(&split(&leaves[..k]), &split(&leaves[k..]))
            }
        }
    }

    #[test]
    fn the_tree_splits_where_the_rfc_splits() {
        let leaves: Vec<Digest> = (0u8..70).map(|n| sha256(&[LEAF, n])).collect();
        for count in 0..leaves.len() {
            assert_eq!(root(&leaves[..count]), split(&leaves[..count]), "{count}");
        }
    }

    /// The test vectors of Certificate Transparency's own log.
    #[test]
    fn known_leaves_have_known_roots() {
        let leaf = |data: &[u8]| sha256(&[&[LEAF], data].concat());
        assert_eq!(
            hex(&root(&[])),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
        assert_eq!(
            hex(&root(&[leaf(&[])])),
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
        );
        assert_eq!(
            hex(&root(&[leaf(&[]), leaf(&[0])])),
            "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"
        );
    }
}
