//! Owns the keyed hash that turns what a window counts (an address, an API key) into 128 bits.
//! Must never keep or print what it hashes: the seed makes table positions unguessable.
//! Called by whoever builds a key for `table`.

/// Hashes `parts` under `seed` with SipHash-2-4-128 (<https://www.aumasson.jp/siphash/>).
///
/// Each part is preceded by its length, so `["ab", "c"]` and `["a", "bc"]` differ.
pub fn key(parts: &[&[u8]], seed: [u8; 16]) -> u128 {
    let mut sip = Sip::new(seed);
    for part in parts {
        sip.write(&(part.len() as u64).to_le_bytes());
        sip.write(part);
    }
    sip.finish()
}

struct Sip {
    v: [u64; 4],
    tail: u64,
    length: u64,
}

impl Sip {
    fn new(seed: [u8; 16]) -> Sip {
        let seed = u128::from_le_bytes(seed);
        let (k0, k1) = (seed as u64, (seed >> 64) as u64);
        Sip {
            v: [
                k0 ^ 0x736f_6d65_7073_6575,
                k1 ^ 0x646f_7261_6e64_6f6d ^ 0xee,
                k0 ^ 0x6c79_6765_6e65_7261,
                k1 ^ 0x7465_6462_7974_6573,
            ],
            tail: 0,
            length: 0,
        }
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.tail |= u64::from(byte) << (8 * (self.length & 7));
            self.length = self.length.wrapping_add(1);
            if self.length & 7 == 0 {
                self.word(self.tail);
                self.tail = 0;
            }
        }
    }

    fn word(&mut self, word: u64) {
        self.v[3] ^= word;
        self.rounds(2);
        self.v[0] ^= word;
    }

    fn rounds(&mut self, count: u32) {
        let [mut a, mut b, mut c, mut d] = self.v;
        for _ in 0..count {
            a = a.wrapping_add(b);
            b = b.rotate_left(13) ^ a;
            a = a.rotate_left(32);
            c = c.wrapping_add(d);
            d = d.rotate_left(16) ^ c;
            a = a.wrapping_add(d);
            d = d.rotate_left(21) ^ a;
            c = c.wrapping_add(b);
            b = b.rotate_left(17) ^ c;
            c = c.rotate_left(32);
        }
        self.v = [a, b, c, d];
    }

    fn fold(&self) -> u64 {
        self.v[0] ^ self.v[1] ^ self.v[2] ^ self.v[3]
    }

    fn finish(mut self) -> u128 {
        let last = self.tail | (self.length << 56);
        self.word(last);
        self.v[2] ^= 0xee;
        self.rounds(4);
        let low = self.fold();
        self.v[1] ^= 0xdd;
        self.rounds(4);
        u128::from(low) | (u128::from(self.fold()) << 64)
    }
}

#[cfg(test)]
mod tests {
    use super::{Sip, key};

    #[test]
    fn the_hash_is_the_published_one() {
        let seed = std::array::from_fn(|i| i as u8);
        let hash = |bytes: &[u8]| {
            let mut sip = Sip::new(seed);
            sip.write(bytes);
            sip.finish().to_le_bytes()
        };
        // vectors_sip128.h of the reference implementation, inputs of 0 and 1 bytes.
        assert_eq!(
            hash(&[]),
            0x9302_55c7_1472_f66d_e6a8_25ba_047f_81a3_u128.to_le_bytes()
        );
        assert_eq!(hash(&[0])[..4], [0xda, 0x87, 0xc1, 0xd8]);
    }

    #[test]
    fn parts_do_not_run_into_each_other() {
        assert_ne!(key(&[b"ab", b"c"], [7; 16]), key(&[b"a", b"bc"], [7; 16]));
        assert_ne!(key(&[b"ab"], [7; 16]), key(&[b"ab"], [8; 16]));
        assert_ne!(key(&[b"ab"], [7; 16]), key(&[b"ab", b""], [7; 16]));
    }
}
