//! Whether a new password may be used: 8 to 256 characters, and not one that is guessed first.
//! Must never keep or print one.
//! Called by password.

use zxcvbn::{Score, zxcvbn};

/// Characters at most.
pub const LONGEST: usize = 256;
const SHORTEST: usize = 8;
// The estimate takes longer for longer ones, and nobody guesses those first.
const JUDGED: usize = 72;

/// Why it may not be used: `too_short`, `too_long`, `too_common`. `about`: what others know of the person.
pub fn weakness(password: &str, about: &[&str]) -> Option<&'static str> {
    let length = password.chars().count();
    if length < SHORTEST {
        return Some("too_short");
    }
    if length > LONGEST {
        return Some("too_long");
    }
    let beginning: String = password.chars().take(JUDGED).collect();
    // Fewer than a million guesses: the lists that everybody tries.
    (zxcvbn(&beginning, about).score() < Score::Two).then_some("too_common")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_count_characters_and_both_ends_are_allowed() {
        assert_eq!(weakness("äöüß!7k", &[]), Some("too_short"));
        assert_eq!(weakness("äöüß!7kq", &[]), None);
        let long = "vXq7#".repeat(60);
        assert_eq!(weakness(&long[..256], &[]), None);
        assert_eq!(weakness(&long[..257], &[]), Some("too_long"));
    }

    #[test]
    fn what_everybody_tries_first_is_refused() {
        for password in [
            "password",
            "12345678",
            "qwertyuiop",
            "iloveyou1",
            "aaaaaaaa",
            "Password1",
        ] {
            assert_eq!(weakness(password, &[]), Some("too_common"), "{password}");
        }
        let about = ["margarethe@example.com", "Margarethe Quast"];
        assert_eq!(weakness("margarethe", &about), Some("too_common"));
        assert_eq!(weakness("correct horse battery", &about), None);
    }
}
