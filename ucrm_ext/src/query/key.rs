//! Owns what is found in a text, whatever the case, and the keys by which an index finds it.
//! Must never have a text contain another without having all of its keys.
//! Called by `term` and `label`, which ask what an index can answer, and by the leaf `search`.

/// Letters in a key.
const LENGTH: usize = 3;
/// Before each column's text in what is searched.
const BEGINNING: char = '\n';

/// A text with its letters in lower case. One by one: what a letter becomes must not depend on its neighbours.
fn folded(text: &str) -> impl Iterator<Item = char> + '_ {
    let lower = text.chars().flat_map(char::to_lowercase);
    // Greek has two small sigmas for one capital.
    lower.map(|letter| if letter == 'ς' { 'σ' } else { letter })
}

/// Whether a text contains another, whatever the case.
pub fn contains(text: &str, wanted: &str) -> bool {
    if text.is_ascii() && wanted.is_ascii() {
        let (text, wanted) = (text.as_bytes(), wanted.as_bytes());
        let Some((first, rest)) = wanted.split_first() else {
            return true;
        };
        let last = text.len().checked_sub(rest.len());
        return (0..last.unwrap_or(0)).any(|at| {
            text[at].eq_ignore_ascii_case(first)
                && text[at + 1..][..rest.len()].eq_ignore_ascii_case(rest)
        });
    }
    let (text, wanted): (String, String) = (folded(text).collect(), folded(wanted).collect());
    text.contains(&wanted)
}

/// The keys of a text that is searched, sorted, each once.
pub fn of_text(text: &str) -> Vec<i32> {
    let letters: Vec<char> = folded(text).collect();
    let mut keys: Vec<i32> = letters.windows(LENGTH).map(key).collect();
    // So that what a column begins with is found by one letter.
    let beginnings = letters.windows(2).filter(|pair| pair[0] == BEGINNING);
    keys.extend(beginnings.map(key));
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// Keys that every text has that contains this one; none when it is too short to have any.
pub fn of_wanted(wanted: &str) -> Vec<i32> {
    let letters: Vec<char> = folded(wanted).collect();
    let mut keys: Vec<i32> = match letters[..] {
        [BEGINNING, _] => vec![key(&letters)],
        _ => letters.windows(LENGTH).map(key).collect(),
    };
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// Whether an index helps to find this.
pub fn is_indexed(wanted: &str) -> bool {
    !of_wanted(wanted).is_empty()
}

/// FNV-1a (draft-eastlake-fnv): two texts with one key are told apart by looking at the row.
fn key(letters: &[char]) -> i32 {
    let hash = letters.iter().fold(0x811c_9dc5_u32, |hash, &letter| {
        let bytes = u32::from(letter).to_le_bytes();
        bytes.iter().fold(hash, |hash, &byte| {
            (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
        })
    });
    hash as i32
}
