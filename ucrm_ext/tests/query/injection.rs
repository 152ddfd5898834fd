//! That nothing a request says reaches the text of a statement.

use super::*;

const WORDS: &[&str] = &[
    "select",
    "to_json",
    "json",
    "text",
    "from",
    "as",
    "r",
    "t",
    "where",
    "and",
    "or",
    "not",
    "order",
    "by",
    "asc",
    "desc",
    "limit",
    "offset",
    "count",
    "is",
    "null",
    "true",
    "false",
    "like",
    "ilike",
    "between",
    "any",
    "now",
    "make_interval",
    "current_date",
    "localtimestamp",
    "uuid",
    "smallint",
    "integer",
    "bigint",
    "numeric",
    "double",
    "precision",
    "boolean",
    "date",
    "jsonb",
    "timestamp",
    "with",
    "without",
    "time",
    "zone",
    "character",
    "varying",
    "insert",
    "into",
    "values",
    "default",
    "update",
    "set",
    "returning",
    "crm.stage",
    "ucrm",
    "searchable",
    "finds",
    "operator",
];

/// Everything outside the fixed words, catalogue names, placeholders and digits is a leak.
pub fn only_known_tokens(sql: &str, binds: usize) {
    let catalogue = contacts();
    let mut rest = sql;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '"' => {
                let name = rest[1..].replace("\"\"", "\u{1}\u{1}");
                let name = &rest[1..=name.find('"').expect("an identifier is closed")];
                let plain = name.replace("\"\"", "\"");
                assert!(
                    plain == "crm"
                        || plain.parse::<u8>().is_ok()
                        || plain == "contacts"
                        || catalogue.column(&plain).is_some(),
                    "{name} in {sql}"
                );
                name.len() + 2
            }
            '$' => {
                let digits: String = rest[1..].chars().take_while(char::is_ascii_digit).collect();
                assert!((1..=binds).contains(&digits.parse().unwrap()), "{sql}");
                digits.len() + 1
            }
            'a'..='z' => {
                let word: String = rest
                    .chars()
                    .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
                    .collect();
                let word = if rest.starts_with("crm.stage") {
                    "crm.stage"
                } else {
                    &word
                };
                assert!(WORDS.contains(&word), "{word} in {sql}");
                word.len()
            }
            '\'' => {
                assert!(rest.starts_with("'[]'::json"), "{sql}");
                4
            }
            '~' => {
                assert!(rest.starts_with("~@)"), "{sql}");
                1
            }
            '0'..='9'
            | ' '
            | ','
            | '('
            | ')'
            | '.'
            | ':'
            | '='
            | '<'
            | '>'
            | '@'
            | '&'
            | '*'
            | '-'
            | '['
            | ']' => 1,
            other => panic!("{other:?} in {sql}"),
        };
        rest = &rest[length..];
    }
    assert!(
        !sql.contains("--") && !sql.contains("/*") && !sql.contains(';'),
        "{sql}"
    );
}

pub fn hold(raw_query: &str) {
    let catalogue = contacts();
    match list(catalogue, raw_query) {
        Ok(List {
            rows_sql,
            count_sql,
            binds,
            offset,
            page_size,
            ..
        }) => {
            only_known_tokens(&rows_sql, binds.len());
            only_known_tokens(&count_sql, binds.len());
            assert!(offset < 2_147_483_647 * 100 && page_size <= 100);
            assert!(binds.iter().all(|bind| !bind.contains('\0')));
        }
        Err(refusal) => {
            assert!(
                matches!(refusal.code, "invalid_filter" | "invalid_cursor"),
                "{refusal:?}"
            );
            assert_eq!(refusal.status, 400);
            assert!(refusal.message.len() < 2000);
        }
    }
    if let Ok(one) = get(catalogue, raw_query) {
        only_known_tokens(&one.sql, 1);
    }
    key_value(catalogue, raw_query);
}

pub const INJECTIONS: &[&str] = &[
    "'; drop table crm.contacts; --",
    "\" or 1=1 --",
    "1) or (1=1",
    "$1",
    "$$x$$",
    "\\",
    "\\\"",
    "'",
    "\"",
    "\"\"",
    "--",
    "/*",
    "*/",
    ";",
    "%27%20or%201=1--",
    "%22%3B",
    "NULL",
    "null",
    "{}",
    "{\"a\":1}",
    "()",
    "((",
    "))",
    "a,b",
    "🦀",
    "\u{202e}",
    "%00",
    "%c0%a7",
    "+",
    "&",
    "=",
    "E'\\x27'",
    "U&\"\\0022\"",
    "id",
    "r.id",
    "pg_sleep(9)",
    "::text",
    ID,
];

#[test]
fn no_injection_reaches_the_text() {
    let names = [
        "name", "id", "age", "stage", "custom", "tags", "or", "and", "q", "sort", "fields", "page",
        "limit", "archived", "count", "o%22dd", "cursor", "expand",
    ];
    let shapes = [
        "@",
        "eq.@",
        "in.(@)",
        "in.(\"@\")",
        "cs.{@}",
        "is.@",
        "like.@",
        "not.@.@",
        "between.(@,@)",
        "(name.eq.@)",
        "(@.eq.1)",
        "(name.@.1)",
        "(name.eq.\"@\",or(@))",
        "-@",
        "name,@",
    ];
    for injection in INJECTIONS {
        hold(&format!("{injection}=eq.1"));
        hold(injection);
        for name in names {
            for shape in shapes {
                hold(&format!("{name}={}", shape.replace('@', injection)));
            }
        }
        let sent = body(json!({*injection: 1}));
        assert!(insert(contacts(), &sent).is_err());
        for column in contacts().columns.iter().filter(|column| column.writable) {
            if let Ok(Statement { sql, binds }) =
                update(contacts(), &body(json!({column.name.as_str(): injection})))
            {
                only_known_tokens(&sql, binds.len() + 1);
            }
        }
    }
}
