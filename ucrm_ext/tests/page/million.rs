//! What a text has for keys, and a million requests.

use super::*;

#[test]
fn what_contains_a_text_has_its_keys() {
    use query::key::{contains, is_indexed, of_text, of_wanted};
    let texts = [
        "Ada Lovelace",
        "ΟΔΥΣΣΕΥΣ",
        "Straße",
        "İstanbul",
        "a",
        "",
        "日本語テキスト",
        "x\ny",
        "ÀÉÎ õü",
    ];
    for text in texts {
        for (from, _) in text.char_indices() {
            for to in (from..=text.len()).filter(|&to| text.is_char_boundary(to)) {
                let part = &text[from..to];
                for wanted in [part.to_owned(), part.to_uppercase(), part.to_lowercase()] {
                    if contains(text, &wanted) {
                        let keys = of_text(text);
                        assert!(
                            of_wanted(&wanted).iter().all(|key| keys.contains(key)),
                            "{wanted} in {text}"
                        );
                    }
                }
                assert!(contains(text, part), "{part} in {text}");
            }
        }
    }
    assert!(
        contains("ΟΔΥΣΣΕΥΣ", "οδυσσευς")
            && contains("ODD", "dd")
            && !contains("ab", "abc")
            && !contains("", "a")
    );
    assert!(!is_indexed("ab") && is_indexed("abc") && is_indexed("\na") && !is_indexed(""));
    assert!(of_text("\nAda").contains(&of_wanted("\nA")[0]));
}

#[test]
fn a_million_requests_are_compiled_or_refused() {
    let parts = [
        "title",
        "rank",
        "value",
        "token",
        "custom.due",
        "custom.budget",
        "custom",
        "created_at",
        "contact",
        "notes",
        "or",
        "and",
        "not.",
        "eq.",
        "in.",
        "is.",
        "cs.",
        "cd.",
        "between.",
        "like.",
        "in_last_days.",
        "sort",
        "fields",
        "expand",
        "cursor",
        "limit",
        "page",
        "q",
        "count",
        "archived",
        "=",
        "=",
        "=",
        "&",
        "&",
        "(",
        ")",
        ",",
        ".",
        "\"",
        "\\",
        "%",
        "%2",
        "%00",
        "%F0%9F",
        "-",
        "*",
        "1",
        "99999999999999999999",
        "2024-01-01",
        "null",
        "é",
        "\u{202e}",
        "'",
        ";--",
        "{",
        "}",
        "AAAA",
        "_",
        "x",
    ];
    let catalogues = [wide(), lean()];
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    };
    let (mut compiled, mut text) = (0, String::new());
    for _ in 0..1_000_000 {
        text.clear();
        for _ in 0..1 + random(12) {
            text.push_str(parts[random(parts.len())]);
        }
        let catalogue = &catalogues[random(2)];
        match list(catalogue, &text) {
            Ok(list) => {
                compiled += 1;
                assert!(
                    !list.rows_sql.contains(";--") && !list.rows_sql.contains('é'),
                    "{text}: {}",
                    list.rows_sql
                );
            }
            Err(refusal) => assert!(
                matches!(
                    (refusal.code, refusal.status),
                    ("invalid_filter" | "invalid_cursor" | "wider", 400)
                        | ("permission_denied", 403)
                ),
                "{text}: {refusal:?}"
            ),
        }
        let _ = get(catalogue, &text);
        let _ = query::labels(catalogue, &text);
        let _ = query::key_value(catalogue, &text);
    }
    assert!(compiled > 1000, "{compiled}");
}
