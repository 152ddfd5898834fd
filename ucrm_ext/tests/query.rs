//! The filter grammar and the writes: what they compile to, what they refuse, and that no input reaches SQL text.
#![allow(
    dead_code,
    unused_imports,
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used
)]

#[path = "../src/body"]
mod body {
    pub mod json;
}
#[path = "../src/query/compile.rs"]
mod query;

use proptest::prelude::*;
use query::{
    Catalogue, Column, FieldError, List, Refusal, Statement, delete, get, insert, insert_unseen,
    key_value, list, update,
};
use serde_json::{Map, Value, json};
use std::sync::LazyLock;

const CONTACTS: &str = "crm\tcontacts\tid\towner_id\tarchived_at\tname,email\tname\n\
    id\tuuid\trnd\n\
    tenant_id\tuuid\trnd\n\
    name\ttext\trwn\n\
    email\tcharacter varying(40)\trw\n\
    stage\tcrm.stage\trwd\n\
    age\tsmallint\trw\n\
    visits\tbigint\trw\n\
    amount\tnumeric(12,2)\trw\n\
    score\tdouble precision\trw\n\
    vip\tboolean\trwnd\n\
    born\tdate\trw\n\
    met_at\ttimestamp without time zone\trw\n\
    tags\ttext[]\trw\n\
    links\tuuid[]\trw\n\
    custom\tjsonb\trwnd\n\
    limit\tinteger\trw\n\
    o\"dd\ttext\trw\n\
    secret\ttext\tw\n\
    created_at\ttimestamp with time zone\trnd\n\
    archived_at\ttimestamp with time zone\tr\n\
    owner_id\tuuid\tr";

const ID: &str = "019abcde-f012-7345-8678-9abcdef01234";

fn contacts() -> &'static Catalogue {
    static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| Catalogue::parse(CONTACTS).unwrap());
    &CATALOGUE
}

/// The conditions a query compiles to, with the standing one taken off, and the binds.
fn conditions(raw_query: &str) -> (String, Vec<String>) {
    let List {
        count_sql, binds, ..
    } = list(contacts(), raw_query).unwrap();
    let conditions = count_sql.split_once(" where ").unwrap().1;
    let conditions = conditions
        .strip_suffix("r.\"archived_at\" is null")
        .unwrap();
    (conditions.trim_end_matches(" and ").to_owned(), binds)
}

fn compiles(raw_query: &str, sql: &str, binds: &[&str]) {
    assert_eq!(
        conditions(raw_query),
        (
            sql.to_owned(),
            binds.iter().map(|bind| bind.to_string()).collect()
        ),
        "{raw_query}"
    );
}

fn refused(raw_query: &str, field: &str) -> Refusal {
    let refusal = list(contacts(), raw_query).expect_err(raw_query);
    assert_eq!(
        (refusal.code, refusal.status, refusal.field.as_deref()),
        ("invalid_filter", 400, Some(field)),
        "{raw_query}"
    );
    refusal
}

fn body(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

fn faults(refusal: &Refusal) -> Vec<(&str, &str)> {
    refusal
        .errors
        .iter()
        .map(|FieldError { field, code, .. }| (field.as_str(), *code))
        .collect()
}

#[test]
fn a_plain_list_is_the_newest_page() {
    let catalogue = Catalogue::parse("crm\tnotes\tid\t\t\t\tid\nid\tuuid\trnd\ntenant_id\tuuid\tr\ntext\ttext\trw\ncreated_at\ttimestamp with time zone\trnd").unwrap();
    let List {
        rows_sql,
        count_sql,
        binds,
        page,
        limit,
        volatile,
        ..
    } = list(&catalogue, "").unwrap();
    assert_eq!(
        rows_sql,
        "select r.\"id\", r.\"text\", r.\"created_at\" \
         from \"crm\".\"notes\" as r order by r.\"created_at\" desc, r.\"id\" desc limit 25"
    );
    assert_eq!(
        count_sql,
        "select count(*)::text from \"crm\".\"notes\" as r"
    );
    assert_eq!((binds.len(), page, limit, volatile), (0, None, None, false));
    assert_eq!(
        list(&catalogue, "archived=any")
            .unwrap_err()
            .field
            .as_deref(),
        Some("archived")
    );
    assert_eq!(
        list(&catalogue, "q=x").unwrap_err().field.as_deref(),
        Some("q")
    );
}

#[test]
fn a_page_has_a_place_and_an_order() {
    let page = list(
        contacts(),
        "page=3&limit=10&sort=-amount,name&fields=id,name&archived=any&count=exact",
    )
    .unwrap();
    assert_eq!(
        page.rows_sql,
        "select r.\"id\", r.\"name\" from \"crm\".\"contacts\" as r \
         order by r.\"amount\" desc, r.\"name\" asc, r.\"id\" asc limit 10 offset 20"
    );
    assert_eq!(
        (
            page.page,
            page.limit,
            page.page_size,
            page.offset,
            page.count
        ),
        (Some(3), Some(10), 10, 20, query::tree::Count::Exact)
    );
    let by_key = list(contacts(), "sort=id,name").unwrap().rows_sql;
    assert!(by_key.contains("order by r.\"id\" asc limit"), "{by_key}");
}

#[test]
fn every_operator_compiles() {
    compiles("name=eq.won", r#"r."name" = $1::text"#, &["won"]);
    compiles(
        "name=eq.a.b,(c)\"",
        r#"r."name" = $1::text"#,
        &["a.b,(c)\""],
    );
    compiles(
        "email=neq.a%2Bb%40c",
        r#"r."email" <> $1::text"#,
        &["a+b@c"],
    );
    compiles(
        &format!("owner_id=eq.{ID}"),
        r#"r."owner_id" = $1::text::uuid"#,
        &[ID],
    );
    compiles(
        "amount=gte.100.50&amount=lt.1e3",
        r#"r."amount" >= $1::text::numeric and r."amount" < $2::text::numeric"#,
        &["100.50", "1e3"],
    );
    compiles(
        "age=gt.-3&visits=lte.9223372036854775807",
        r#"r."age" > $1::text::smallint and r."visits" <= $2::text::bigint"#,
        &["-3", "9223372036854775807"],
    );
    compiles(
        "name=like.A*_%25\\",
        r#"r."name" like $1::text"#,
        &["A%_%\\\\"],
    );
    compiles(
        "name=not.ilike.*x\\**",
        r#"not (r."name" ilike $1::text)"#,
        &["%x\\*%"],
    );
    compiles(
        "name=in.(a,\"b,c\",\"d\\\"e\\\\\",NULL)",
        r#"r."name" = any ($1::text::text[])"#,
        &[r#"{"a","b,c","d\"e\\","NULL"}"#],
    );
    compiles(
        "age=not.in.(1,2)",
        r#"not (r."age" = any ($1::text::smallint[]))"#,
        &[r#"{"1","2"}"#],
    );
    compiles(
        "age=in.()",
        r#"r."age" = any ($1::text::smallint[])"#,
        &["{}"],
    );
    compiles(
        "email=is.null&vip=is.true&born=is.not_null&vip=eq.false",
        r#"r."email" is null and r."vip" is true and r."born" is not null and r."vip" = $1::text::boolean"#,
        &["false"],
    );
    compiles(
        "born=between.(2024-02-29,2024-12-31)",
        r#"r."born" between $1::text::date and $2::text::date"#,
        &["2024-02-29", "2024-12-31"],
    );
    compiles(
        "tags=cs.{a,b}&links=ov.()",
        r#"r."tags" @> $1::text::text[] and r."links" && $2::text::uuid[]"#,
        &[r#"{"a","b"}"#, "{}"],
    );
    compiles(
        "custom=cs.{\"a\":[1.50]}",
        r#"r."custom" @> $1::text::jsonb"#,
        &["{\"a\":[1.50]}"],
    );
    compiles(
        "stage=eq.won&stage=not.in.(lost)",
        r#"r."stage"::text = $1::text and not (r."stage"::text = any ($2::text::text[]))"#,
        &["won", r#"{"lost"}"#],
    );
    compiles(
        "created_at=gte.2024-05-01",
        r#"r."created_at" >= $1::text::timestamp with time zone"#,
        &["2024-05-01T00:00:00Z"],
    );
    compiles(
        "q=50%25+of_it",
        r#"ucrm.searchable(r."name", r."email") operator(ucrm.~@) $1::text and ucrm.searchable(r."name", r."email") operator(ucrm.~@) $2::text"#,
        &["50%", "of_it"],
    );
    compiles("o%22dd=eq.x", r#"r."o""dd" = $1::text"#, &["x"]);
}

#[test]
fn groups_nest() {
    compiles(
        "or=(age.eq.1,email.is.null)&name=eq.x",
        r#"(r."age" = $1::text::smallint or r."email" is null) and r."name" = $2::text"#,
        &["1", "x"],
    );
    compiles(
        "and=(limit.eq.5,not.or(name.like.a*,name.eq.\"x,)\\\"y\",age.not.in.(1,2)),created_at.gte.2024-05-01T10:00:00.5%2B02:00)",
        r#"(r."limit" = $1::text::integer and not (r."name" like $2::text or r."name" = $3::text or not (r."age" = any ($4::text::smallint[]))) and r."created_at" >= $5::text::timestamp with time zone)"#,
        &[
            "5",
            "a%",
            "x,)\"y",
            r#"{"1","2"}"#,
            "2024-05-01T10:00:00.5+02:00",
        ],
    );
    for text in [
        "",
        "()",
        "(",
        "(age.eq.1",
        "(age.eq.1,)",
        "(age.eq.1)x",
        "age.eq.1",
        "(age.eq.1,or)",
        "(name.eq.\"a)",
        "(and)",
    ] {
        assert!(list(contacts(), &format!("or={text}")).is_err(), "{text}");
    }
    let nested =
        |depth: usize| format!("or={}(age.eq.1){}", "(or".repeat(depth), ")".repeat(depth));
    assert!(list(contacts(), &nested(7)).is_ok());
    refused(&nested(8), "or");
}

#[test]
fn only_what_depends_on_the_time_is_volatile() {
    compiles(
        "created_at=in_last_days.7",
        r#"(r."created_at" >= now() - make_interval(0, 0, 0, $1::text::integer) and r."created_at" <= now())"#,
        &["7"],
    );
    compiles(
        "born=in_last_days.30",
        r#"(r."born" >= current_date - $1::text::integer and r."born" <= current_date)"#,
        &["30"],
    );
    compiles(
        "met_at=not.in_last_days.0",
        r#"not ((r."met_at" >= localtimestamp - make_interval(0, 0, 0, $1::text::integer) and r."met_at" <= localtimestamp))"#,
        &["0"],
    );
    assert!(
        list(contacts(), "or=(born.in_last_days.1,age.eq.1)")
            .unwrap()
            .volatile
    );
    assert!(!list(contacts(), "born=gt.2024-01-01").unwrap().volatile);
    for days in ["-1", "+1", "36501", "x", ""] {
        refused(&format!("born=in_last_days.{days}"), "born");
    }
    refused("age=in_last_days.1", "age");
}

#[test]
fn an_unknown_name_is_refused_with_what_is_allowed() {
    let refusal = refused("nope=eq.1", "nope");
    assert!(
        refusal.allowed.contains(&"sort".to_owned())
            && refusal.allowed.contains(&"name".to_owned())
    );
    for name in [
        "secret",
        "tenant_id",
        "cursor",
        "expand",
        "select",
        "",
        "id%20or%201=1",
    ] {
        assert!(list(contacts(), &format!("{name}=eq.1")).is_err(), "{name}");
    }
    refused("fields=id,secret", "secret");
    refused("sort=tenant_id", "tenant_id");
    refused("or=(secret.eq.1)", "secret");
    refused("sort=custom", "sort");
    refused("fields=id,id", "fields");
    assert_eq!(refused("name=cs.{a}", "name").allowed[0], "eq");
}

#[test]
fn a_bad_value_never_reaches_postgresql() {
    for (query, field) in [
        ("id=eq.1", "id"),
        ("id=in.(1)", "id"),
        ("age=eq.32768", "age"),
        ("age=eq.1.0", "age"),
        ("age=eq.", "age"),
        ("age=eq.+1", "age"),
        ("visits=eq.9223372036854775808", "visits"),
        ("amount=eq.NaN", "amount"),
        ("amount=eq.1e9999", "amount"),
        ("amount=eq.0x1", "amount"),
        ("score=eq.1e400", "score"),
        ("vip=eq.1", "vip"),
        ("vip=is.maybe", "vip"),
        ("age=is.true", "age"),
        ("born=eq.2023-02-29", "born"),
        ("born=eq.2024-2-9", "born"),
        ("born=eq.0000-01-01", "born"),
        ("born=eq.today", "born"),
        ("met_at=eq.2024-01-01T00:00:00%2B01:00", "met_at"),
        ("created_at=eq.2024-01-01T24:00:00Z", "created_at"),
        ("created_at=eq.2016-12-31T23:59:60.5Z", "created_at"),
        ("created_at=eq.2024-01-01T00:00:00", "created_at"),
        ("created_at=eq.now", "created_at"),
        ("created_at=eq.2024-01-01T00:00:00+02:00", "created_at"),
        ("custom=cs.{", "custom"),
        ("custom=cs.{\"a\":\"\\u0000\"}", "custom"),
        ("name=eq", "name"),
        ("name=won", "name"),
        ("name=", "name"),
        ("name", "name"),
        ("born=between.(2024-01-01)", "born"),
        ("age=in.1,2", "age"),
        ("age=in.(1", "age"),
        ("age=in.(1)2", "age"),
        ("age=gt.not.1", "age"),
        ("name=not.not.eq.a", "name"),
        ("links=cs.{a}", "links"),
        ("custom=eq.1", "custom"),
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=x", "limit"),
        ("limit=-1", "limit"),
        ("limit=", "limit"),
        ("limit=+5", "limit"),
        ("limit=5&limit=6", "limit"),
        ("page=0", "page"),
        ("page=100000", "page"),
        ("page=18446744073709551615", "page"),
        ("page=1.5", "page"),
        ("count=planned", "count"),
        ("archived=no", "archived"),
        ("name=eq.%zz", "name"),
        ("name=eq.%4", "name"),
        ("name=eq.%ff", "name"),
        ("name=eq.%00", "name"),
        ("q=a+b+c+d+e+f+g+h+i", "q"),
    ] {
        refused(query, field);
    }
    let terms = |count: usize| vec!["age=eq.1"; count].join("&");
    assert!(list(contacts(), &terms(50)).is_ok());
    refused(&terms(51), "age");
    refused(&format!("age=in.({})", vec!["1"; 201].join(",")), "age");
    refused(&format!("name=eq.{}", "x".repeat(8192)), "query");
}

#[test]
fn one_row_is_found_by_its_key_alone() {
    let catalogue = contacts();
    assert_eq!(
        get(catalogue, "fields=id,name").unwrap().sql,
        "select r.\"id\", r.\"name\" from \"crm\".\"contacts\" as r where r.\"id\" = $1::text::uuid"
    );
    assert_eq!(
        get(catalogue, "name=eq.x").unwrap_err().code,
        "invalid_filter"
    );
    assert_eq!(
        get(catalogue, "fields=id&fields=id").unwrap_err().code,
        "invalid_filter"
    );
    assert_eq!(
        delete(catalogue).sql,
        "delete from \"crm\".\"contacts\" as r where r.\"id\" = $1::text::uuid returning r.\"id\"::text"
    );
    assert_eq!(key_value(catalogue, ID).as_deref(), Some(ID));
    for segment in ["", "1", "019abcde-f012-7345-8678-9abcdef0123", "' or 1=1"] {
        assert_eq!(key_value(catalogue, segment), None);
    }
}

#[test]
fn an_insert_assigns_what_was_sent() {
    let sent = body(
        json!({"name": "Ann", "age": 5, "custom": {"a": [1]}, "tags": ["a", "b\"\\"], "email": null, "stage": "won", "vip": true, "amount": "10.50"}),
    );
    let Statement { sql, binds } = insert(contacts(), &sent).unwrap();
    let (assigned, returned) = sql.split_once(" returning ").unwrap();
    assert_eq!(
        assigned,
        "insert into \"crm\".\"contacts\" as r (\"name\", \"email\", \"stage\", \"age\", \"amount\", \"vip\", \"tags\", \"custom\") values \
         ($1::text, $2::text, $3::text::crm.stage, $4::text::smallint, $5::text::numeric, $6::text::boolean, $7::text::text[], $8::text::jsonb)"
    );
    assert!(returned.starts_with("r.\"id\", r.\"name\""), "{returned}");
    assert!(!returned.contains("secret") && !returned.contains("tenant_id"));
    let binds: Vec<Option<&str>> = binds.iter().map(Option::as_deref).collect();
    assert_eq!(
        binds,
        [
            Some("Ann"),
            None,
            Some("won"),
            Some("5"),
            Some("10.50"),
            Some("true"),
            Some(r#"{"a","b\"\\"}"#),
            Some("{\"a\":[1]}")
        ]
    );
    let nothing_required = Catalogue::parse("s\tt\tid\t\t\t\tid\nid\tbigint\trnd").unwrap();
    assert!(
        insert(&nothing_required, &Map::new())
            .unwrap()
            .sql
            .starts_with("insert into \"s\".\"t\" as r default values returning ")
    );
}

#[test]
fn an_insert_by_somebody_who_may_not_read_returns_nothing_and_has_a_known_key() {
    let sent = body(json!({"name": "Ada"}));
    let Statement { sql, binds } = insert_unseen(contacts(), &sent, Some(ID)).unwrap();
    assert!(!sql.contains("returning"), "{sql}");
    assert!(sql.contains("\"id\""), "{sql}");
    assert_eq!(binds.last().unwrap().as_deref(), Some(ID));
    let numbered = Catalogue::parse("a\tb\tid\t\t\t\tid\nid\tbigint\trnd\nname\ttext\trw").unwrap();
    let Statement { sql, binds } = insert_unseen(&numbered, &sent, Some(ID)).unwrap();
    assert!(!sql.contains("\"id\""), "{sql}");
    assert_eq!(binds, [Some("Ada".to_owned())]);
}

#[test]
fn an_update_changes_what_was_sent() {
    let Statement { sql, binds } =
        update(contacts(), &body(json!({"email": "a@b", "age": null}))).unwrap();
    assert!(sql.starts_with("update \"crm\".\"contacts\" as r set \"email\" = $2::text, \"age\" = $3::text::smallint where r.\"id\" = $1::text::uuid returning r."), "{sql}");
    assert_eq!(binds, [Some("a@b".to_owned()), None]);
    let refusal = update(contacts(), &Map::new()).unwrap_err();
    assert_eq!((refusal.code, refusal.status), ("validation_failed", 422));
}

#[test]
fn a_field_that_cannot_be_assigned_is_named() {
    for write in [insert, update] {
        let refusal = write(
            contacts(),
            &body(json!({"name": "x", "id": ID, "tenant_id": ID, "nope": 1, "created_at": null})),
        )
        .unwrap_err();
        assert_eq!((refusal.code, refusal.status), ("unknown_field", 400));
        assert_eq!(
            faults(&refusal),
            ["created_at", "id", "nope", "tenant_id"].map(|field| (field, "unknown_field"))
        );
        assert!(
            refusal.allowed.contains(&"name".to_owned())
                && !refusal.allowed.contains(&"id".to_owned())
        );
    }
}

#[test]
fn every_invalid_field_is_told_at_once() {
    let sent = json!({"email": "x".repeat(41), "age": 40000, "visits": 1.5, "amount": "12345678901", "score": "1", "vip": null, "born": "2023-02-29", "tags": ["a", null], "links": ["x"], "stage": {}});
    let refusal = insert(contacts(), &body(sent)).unwrap_err();
    assert_eq!((refusal.code, refusal.status), ("validation_failed", 422));
    assert_eq!(
        faults(&refusal),
        [
            ("name", "required"),
            ("email", "too_long"),
            ("stage", "invalid_type"),
            ("age", "out_of_range"),
            ("visits", "invalid_type"),
            ("amount", "out_of_range"),
            ("score", "invalid_type"),
            ("vip", "null_not_allowed"),
            ("born", "invalid_format"),
            ("tags", "null_not_allowed"),
            ("links", "invalid_format")
        ]
    );
    assert_eq!(
        faults(&update(contacts(), &body(json!({"name": "a\u{0}b"}))).unwrap_err()),
        [("name", "invalid_format")]
    );
    for (number, bind) in [
        ("5.0", Some("5")),
        ("1e3", Some("1000")),
        ("-0", Some("0")),
        ("0.5", None),
        ("1e300", None),
        ("9223372036854775808", None),
    ] {
        let sent = body::json::check(format!("{{\"visits\":{number}}}").as_bytes(), 64).unwrap();
        assert_eq!(
            update(contacts(), &sent).ok().map(|update| update.binds),
            bind.map(|bind| vec![Some(bind.to_owned())]),
            "{number}"
        );
    }
    let exact = body::json::check(
        br#"{"amount":1234567890.10,"custom":{"n":0.10000000000000000000001}}"#,
        64,
    )
    .unwrap();
    assert_eq!(
        update(contacts(), &exact).unwrap().binds,
        [
            Some("1234567890.10".into()),
            Some("{\"n\":0.10000000000000000000001}".into())
        ]
    );
}

#[test]
fn a_malformed_catalogue_is_refused() {
    for text in [
        "",
        "a\tb\tid\t\t\t\tid",
        "a\tb\tid\t\t\tid\nid\tuuid\tr",
        "a\tb\tid\t\t\t\tid\nid\tuuid",
    ] {
        assert!(Catalogue::parse(text).is_err(), "{text}");
    }
    let Column {
        readable,
        writable,
        not_null,
        has_default,
        ..
    } = contacts().column("custom").unwrap().clone();
    assert!(readable && writable && not_null && has_default);
}

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
fn only_known_tokens(sql: &str, binds: usize) {
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

fn hold(raw_query: &str) {
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
            assert!(offset <= 1_000_000 && page_size <= 100);
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

const INJECTIONS: &[&str] = &[
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

fn fragments() -> impl Strategy<Value = String> {
    let mut fragments = vec![
        "name",
        "id",
        "age",
        "amount",
        "vip",
        "born",
        "tags",
        "custom",
        "created_at",
        "stage",
        "limit",
        "or",
        "and",
        "not.",
        "eq.",
        "in.",
        "is.",
        "like.",
        "between.",
        "cs.",
        "ov.",
        "in_last_days.",
        "(",
        ")",
        ",",
        ".",
        "=",
        "=",
        "&",
        "&",
        "\"",
        "\\",
        "{",
        "}",
        "1",
        "2024-01-01",
        "null",
        "true",
        "*",
        "%25",
        "+",
        "sort",
        "page",
        "q",
        "fields",
        "-",
    ];
    fragments.extend_from_slice(INJECTIONS);
    prop::collection::vec(prop::sample::select(fragments), 0..24).prop_map(|parts| parts.concat())
}

fn filters() -> impl Strategy<Value = String> {
    let column = prop::sample::select(vec![
        "name",
        "id",
        "age",
        "amount",
        "vip",
        "born",
        "tags",
        "custom",
        "created_at",
        "stage",
        "met_at",
        "score",
    ]);
    let operator = prop::sample::select(vec![
        "eq",
        "neq",
        "gt",
        "like",
        "in",
        "is",
        "between",
        "cs",
        "ov",
        "in_last_days",
        "not.eq",
        "not.in",
    ]);
    let value = prop_oneof![
        prop::sample::select(vec![
            "1",
            "x",
            "null",
            "(1,2)",
            "(a,\"b\")",
            "{a}",
            "true",
            "2024-01-01",
            "2024-01-01T00:00:00Z",
            ID,
            "{\"a\":1}",
            "\"q\""
        ])
        .prop_map(str::to_owned),
        "\\PC{0,8}",
    ];
    let term = (column, operator, value)
        .prop_map(|(column, operator, value)| format!("{column}.{operator}.{value}"));
    let group = term.prop_recursive(4, 20, 4, |inner| {
        (
            prop::sample::select(vec!["or", "and", "not.or"]),
            prop::collection::vec(inner, 1..4),
        )
            .prop_map(|(word, members)| format!("{word}({})", members.join(",")))
    });
    (
        prop::sample::select(vec!["or", "and"]),
        prop::collection::vec(group, 1..4),
    )
        .prop_map(|(word, members)| format!("{word}=({})", members.join(",")))
}

fn sent() -> impl Strategy<Value = Map<String, Value>> {
    let names: Vec<String> = contacts()
        .columns
        .iter()
        .filter(|column| column.writable)
        .map(|column| column.name.clone())
        .collect();
    let value = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(|n| json!(n)),
        any::<f64>().prop_map(|n| json!(n)),
        any::<String>().prop_map(Value::String),
        prop::sample::select(vec![ID, "2024-01-01", "1.5", "won"]).prop_map(|text| json!(text)),
        prop::collection::vec("\\PC{0,4}", 0..3).prop_map(|texts| json!(texts)),
        Just(json!({"a": {"b": "\"'"}})),
    ];
    prop::collection::btree_map(prop::sample::select(names), value, 0..5)
        .prop_map(|map| map.into_iter().collect())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 50_000, failure_persistence: None, ..Default::default() })]

    #[test]
    fn arbitrary_text_is_compiled_or_refused(text in "\\PC{0,40}|[ -~]{0,60}") {
        hold(&text);
        hold(&format!("name=eq.{text}"));
    }

    #[test]
    fn arbitrary_fragments_are_compiled_or_refused(text in fragments()) {
        hold(&text);
    }

    #[test]
    fn arbitrary_groups_are_compiled_or_refused(text in filters()) {
        hold(&text);
    }

    #[test]
    fn arbitrary_bodies_are_compiled_or_refused(sent in sent()) {
        for (write, key) in [(insert as fn(&Catalogue, &Map<String, Value>) -> _, 0), (update, 1)] {
            match write(contacts(), &sent) {
                Ok(Statement { sql, binds }) => only_known_tokens(&sql, binds.len() + key),
                Err(Refusal { code, status, .. }) => prop_assert_eq!((code, status), ("validation_failed", 422)),
            }
        }
    }
}
