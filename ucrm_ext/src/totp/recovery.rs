//! Owns the format of recovery codes.
//! Must never keep one: they are shown once.
//! Called by `totp`; randomness is an argument.
//!
//! `xxxxx-xxxxx`, 50 random bits, of letters and digits that nobody takes for one another. What is digested is the
//! normal form: lower case, without the hyphen and spaces.

/// Crockford's alphabet in lower case: no i, l, o or u (<https://www.crockford.com/base32.html>).
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const LETTERS: usize = 10;
/// Random bytes for each code: the lowest 50 bits of them count.
const BYTES: usize = 7;
/// How many codes a person has at a time.
pub const COUNT: usize = 10;

/// A set of codes.
pub fn codes(random: &[u8; COUNT * BYTES]) -> Vec<String> {
    random.chunks_exact(BYTES).map(code).collect()
}

fn code(random: &[u8]) -> String {
    let number = random
        .iter()
        .fold(0_u64, |number, &byte| number << 8 | u64::from(byte));
    let mut code = String::with_capacity(LETTERS + 1);
    for place in (0..LETTERS).rev() {
        if place + 1 == LETTERS / 2 {
            code.push('-');
        }
        code.push(char::from(ALPHABET[(number >> (5 * place)) as usize % 32]));
    }
    code
}
