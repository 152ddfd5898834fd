//! Junk: compiled or refused, without a panic; and how deep and how long a request may be.

use super::injection::hold;
use super::*;

fn fragments() -> impl Strategy<Value = String> {
    let fragment = prop::sample::select(vec![
        "name",
        "id",
        "age",
        "tags",
        "custom",
        "vip",
        "created_at",
        "organizations",
        "deals",
        "select",
        "order",
        "limit",
        "or",
        "and",
        "not",
        "=",
        "=eq.",
        "=in.(",
        "=not.",
        ".eq.",
        ".in.",
        "(",
        ")",
        "{",
        "}",
        ",",
        ".",
        ":",
        "::text",
        "!inner",
        "!",
        "->",
        "->>",
        "*",
        "\"",
        "\\",
        "%22",
        "%2C",
        "&",
        "is.null",
        "like(any).",
        "asc",
        "desc",
        "nullsfirst",
        "1",
        "-1",
        "é",
        "budget",
        "zqx",
        "on_conflict",
        "columns",
        "...",
        " ",
        "+",
        "%",
    ]);
    prop::collection::vec(fragment, 0..14).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 250_000, failure_persistence: None, ..Default::default() })]

    #[test]
    fn arbitrary_text_is_compiled_or_refused(text in "\\PC{0,40}|[ -~]{0,60}") {
        hold(&text.replace("zqx", ""));
    }

    #[test]
    fn arbitrary_fragments_are_compiled_or_refused(text in fragments()) {
        let _ = compiled(&text);
    }

    #[test]
    fn arbitrary_values_are_compiled_or_refused(name in "(select|order|or|name|tags|custom->>budget|organizations[.]name|limit)", text in fragments()) {
        let _ = compiled(&format!("select=*,organizations(id)&{name}={text}"));
    }

    #[test]
    fn arbitrary_headers_are_read_or_refused(prefer in "\\PC{0,40}|[a-z=,;-]{0,40}", accept in "\\PC{0,30}", range in "[0-9a-z=-]{0,24}") {
        let _ = rest::wishes(&prefer, &accept, &range);
    }
}

#[test]
fn a_million_requests_are_compiled_or_refused() {
    const PARTS: &[&str] = &[
        "name",
        "id",
        "age",
        "tags",
        "custom",
        "vip",
        "created_at",
        "archived_at",
        "token",
        "hidden",
        "nothing",
        "organizations",
        "deals",
        "parent",
        "contacts",
        "secrets",
        "select",
        "order",
        "limit",
        "offset",
        "or",
        "and",
        "not.",
        "on_conflict",
        "columns",
        "=",
        "=",
        "=",
        "&",
        "&",
        "eq.",
        "in.",
        "is.",
        "is.null",
        "cs.",
        "ov.",
        "like",
        "(any).",
        "(all).",
        "isdistinct.",
        "fts(english).",
        "(",
        ")",
        "{",
        "}",
        "[",
        "]",
        ",",
        ".",
        ":",
        "::text",
        "->",
        "->>",
        "budget",
        "!inner",
        "!",
        "*",
        "...",
        "\"",
        "\\",
        "%22",
        "%2C",
        "%28",
        "%",
        "%2",
        "%00",
        "%F0%9F",
        "+",
        " ",
        "-",
        "1",
        "99999999999999999999",
        "2024-01-01",
        "null",
        "asc",
        "desc",
        "nullsfirst",
        "\u{e9}",
        "\u{202e}",
        "'",
        "x",
    ];
    let lean: Vec<&str> = CONTACTS
        .lines()
        .take_while(|line| !line.starts_with("custom."))
        .collect();
    let lean = Catalogue::parse(&format!("{}\n+", lean.join("\n"))).unwrap();
    let catalogues = [contacts(), &lean];
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    };
    let (mut emitted, mut text) = (0, String::new());
    for _ in 0..1_000_000 {
        text.clear();
        for _ in 0..1 + random(12) {
            text.push_str(PARTS[random(PARTS.len())]);
        }
        let catalogue = catalogues[random(2)];
        let read = rest::question(&text).map_err(No::from);
        let lowered =
            read.and_then(|question| rest::lower(catalogue, question, None, Count::Exact));
        let list = lowered.and_then(|lowered| {
            let _ = rest::of_keys(catalogue, &lowered, vec![ID.to_owned()]);
            let _ = emit(catalogue, &rest::found(catalogue, &lowered));
            emit(catalogue, &lowered.query).map_err(No::from)
        });
        match list {
            Ok(list) => {
                emitted += 1;
                let is_spliced = |sql: &str| sql.contains(['\'', ';']) && !sql.contains("->>");
                assert!(!is_spliced(&list.count_sql), "{text}: {}", list.count_sql);
            }
            Err(No::Wider) => assert!(catalogue.lean, "{text}"),
            Err(No::Fault(fault)) => assert!(
                matches!(fault.status, 300 | 400 | 403 | 416) && !fault.code.is_empty(),
                "{text}: {fault:?}"
            ),
        }
    }
    assert!(emitted > 1000, "{emitted}");
}

/// A condition within so many groups.
fn nested(groups: usize) -> String {
    format!(
        "{}name.eq.a{}",
        "and(".repeat(groups - 1),
        ")".repeat(groups - 1)
    )
}

#[test]
fn a_request_is_so_deep_and_so_long_and_no_more() {
    compiled(&format!("or=({})", nested(8))).unwrap();
    refused(&format!("or=({})", nested(9)), "PGRST100");
    for open in ["(", "and(", "not.or(", "name.in.(", "\"", "custom-%3E%3E"] {
        for parameter in [
            "or",
            "not.and",
            "select",
            "order",
            "name",
            "organizations.or",
        ] {
            // Deeper than any stack, were it not for the limits.
            let deep = format!("{parameter}={}", open.repeat(8_000 / open.len()));
            assert!(compiled(&deep).is_err(), "{parameter} {open}");
        }
    }
    let terms = |number: usize| vec!["name.eq.a"; number].join(",");
    compiled(&format!("or=({})", terms(50))).unwrap();
    refused(&format!("or=({})", terms(51)), "PGRST100");
    refused(
        &format!(
            "{}&{}",
            vec!["name=eq.a"; 26].join("&"),
            vec!["age=gt.1"; 25].join("&")
        ),
        "PGRST100",
    );
    let items = |number: usize| vec!["a"; number].join(",");
    compiled(&format!("name=in.({})", items(1000))).unwrap();
    refused(&format!("name=in.({})", items(1001)), "PGRST100");
    refused(&format!("tags=cs.{{{}}}", items(1001)), "PGRST100");
    refused(&format!("name=eq(any).{{{}}}", items(51)), "PGRST100");
    let path = |steps: usize| "-%3Ea".repeat(steps);
    refused(&format!("custom{}=eq.1", path(8)), "PGRST127");
    refused(&format!("custom{}=eq.1", path(9)), "PGRST100");
    refused(&format!("select={}", vec!["id"; 201].join(",")), "PGRST100");
    refused("order=id,name,age,vip,born,created_at", "PGRST100");
    compiled(&format!("name=eq.{}", "a".repeat(8_192 - 8))).unwrap();
    refused(&format!("name=eq.{}", "a".repeat(8_193 - 8)), "PGRST100");
}
