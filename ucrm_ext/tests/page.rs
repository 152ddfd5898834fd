//! Pages by cursor, related rows, money and custom columns: what they compile to and what they refuse.
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

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use query::tree::{Condition, Count, Embed, Field, Operator, Order, Page, Query, Term};
use query::{Catalogue, Kind, List, PARAMETERS, Refusal, emit, get, list};

const WIDE: &str = "crm\tdeals\tid\towner_id\tarchived_at\ttitle\ttitle\n\
    id\tuuid\trnd\n\
    tenant_id\tuuid\trnd\n\
    title\ttext\trwn\n\
    rank\tinteger\trw\n\
    value_minor\tbigint\trw\n\
    value_currency\ttext\trw\n\
    token\ttext\trws\n\
    contact_id\tuuid\trw\n\
    custom\tjsonb\trwnd\n\
    created_at\ttimestamp with time zone\trnd\n\
    archived_at\ttimestamp with time zone\tr\n\
    custom.budget\tmoney\trw\n\
    custom.due\tdate\trw\n\
    custom.note\ttext\trw\n\
    contact\tone\tcontacts\tcontact_id\tdeals_contact_id_fkey\t\t\t\tr\n\
    crm\tcontacts\tid\t\tarchived_at\tname\tname\n\
    id\tuuid\trnd\n\
    name\ttext\trwn\n\
    secret\ttext\trs\n\
    archived_at\ttimestamp with time zone\tr\n\
    notes\tmany\tnotes\tdeal_id\tnotes_deal_id_fkey\t\t\t\tr\n\
    crm\tnotes\tid\t\t\ttext\ttext\n\
    id\tuuid\trnd\n\
    deal_id\tuuid\tr\n\
    text\ttext\trw\n\
    services\tlinked\tservices\tdeal_id\tfk\tcrm\tdeal_services\tservice_id\tr\n\
    crm\tservices\tid\t\t\tname\tname\n\
    id\tuuid\trnd\n\
    name\ttext\trw\n\
    salaries\tmany\tsalaries\tdeal_id\tfk\t\t\t\t\n\
    crm\tsalaries\tid\t\t\t\tid\n\
    id\tuuid\trnd";

fn wide() -> Catalogue {
    Catalogue::parse(WIDE).unwrap()
}

fn lean() -> Catalogue {
    let lines = WIDE.lines().take_while(|line| !line.starts_with("custom."));
    let lines: Vec<&str> = lines.chain(["+"]).collect();
    Catalogue::parse(&lines.join("\n")).unwrap()
}

fn compiled(raw_query: &str) -> List {
    list(&wide(), raw_query).unwrap()
}

fn refused(raw_query: &str) -> Refusal {
    list(&wide(), raw_query).expect_err(raw_query)
}

/// The cursor that follows a row with these values.
fn cursor(raw_query: &str, values: &str) -> String {
    let stamp = compiled(&format!("{raw_query}&cursor=")).stamp.unwrap();
    URL_SAFE_NO_PAD.encode(format!("{stamp}{values}"))
}

/// The condition a cursor compiles to, and its binds.
fn after(raw_query: &str, values: &str) -> (String, Vec<String>) {
    let next = cursor(raw_query, values);
    let List {
        rows_sql, binds, ..
    } = compiled(&format!("{raw_query}&cursor={next}"));
    let after = rows_sql.split_once(" where ").unwrap().1;
    let after = after
        .split_once(") as r order by")
        .or(after.split_once(" order by"));
    (after.unwrap().0.to_owned(), binds)
}

const ID: &str = "019abcde-f012-7345-8678-9abcdef01234";

#[test]
fn a_cursor_reads_one_row_more_and_its_keys() {
    let first = compiled("cursor=&limit=10&fields=title&archived=any");
    assert_eq!(
        first.rows_sql,
        "select r.\"title\", r.\"created_at\" as \"1\", r.\"id\" as \"2\" from \"crm\".\"deals\" as r \
         order by r.\"created_at\" desc, r.\"id\" desc limit 11"
    );
    assert_eq!(
        (first.keys, first.page_size, first.count),
        (2, 10, Count::None)
    );
    assert_eq!(compiled("cursor=&count=exact").count, Count::Exact);
    assert_eq!(compiled("count=estimated").count, Count::Estimated);
    assert_eq!(compiled("").stamp, None);
    assert_eq!(refused("cursor=&page=2").field.as_deref(), Some("cursor"));
}

#[test]
fn the_next_page_is_a_range_of_an_index() {
    let (sql, binds) = after(
        "archived=any",
        &format!(r#"["2024-01-01T00:00:00+00:00","{ID}"]"#),
    );
    assert_eq!(
        sql,
        "(r.\"created_at\", r.\"id\") < ($1::text::timestamp with time zone, $2::text::uuid)"
    );
    assert_eq!(binds, ["2024-01-01T00:00:00+00:00", ID]);
    let (sql, _) = after(
        "archived=any&sort=-created_at,title",
        &format!(r#"["2024-01-01T00:00:00Z","a","{ID}"]"#),
    );
    assert!(
        sql.starts_with("r.\"created_at\" <= $1::text::timestamp with time zone and ("),
        "{sql}"
    );
}

#[test]
fn nulls_are_passed_where_they_stand() {
    let (sql, _) = after("archived=any&sort=rank", &format!(r#"["5","{ID}"]"#));
    assert_eq!(
        sql,
        "r.\"rank\" >= $1::text::integer and (r.\"rank\" > $1::text::integer or (r.\"rank\" = $1::text::integer and (r.\"id\" > $2::text::uuid))) \
         union all select r.* from \"crm\".\"deals\" as r where r.\"rank\" is null"
    );
    let (sql, binds) = after("archived=any&sort=rank", &format!(r#"[null,"{ID}"]"#));
    assert_eq!(sql, "r.\"rank\" is null and (r.\"id\" > $1::text::uuid)");
    assert_eq!(binds, [ID]);
    let (sql, _) = after("archived=any&sort=-rank", &format!(r#"[null,"{ID}"]"#));
    assert!(sql.ends_with("where r.\"rank\" is not null"), "{sql}");
}

#[test]
fn a_cursor_of_another_list_is_refused() {
    let next = cursor(
        "archived=any",
        &format!(r#"["2024-01-01T00:00:00Z","{ID}"]"#),
    );
    for query in [
        "",
        "archived=any&sort=title",
        "archived=any&sort=created_at",
        "archived=any&title=eq.x",
        "archived=only",
    ] {
        assert_eq!(
            refused(&format!("{query}&cursor={next}")).code,
            "invalid_cursor",
            "{query}"
        );
    }
    compiled(&format!("archived=any&fields=id&limit=3&cursor={next}"));
    for text in [
        "x",
        "*",
        "AAAA",
        "%20",
        "eyJ9",
        &next[..next.len() - 3],
        &next[1..],
    ] {
        assert_eq!(
            refused(&format!("archived=any&cursor={text}")).code,
            "invalid_cursor",
            "{text}"
        );
    }
    for values in [
        "",
        "[]",
        "{}",
        "[1,2]",
        "[null,null]",
        r#"["x","y"]"#,
        r#"["2024-01-01T00:00:00Z","1' or '1'='1"]"#,
        r#"["2024-01-01T00:00:00Z","a","b"]"#,
    ] {
        let text = cursor("archived=any", values);
        assert_eq!(
            refused(&format!("archived=any&cursor={text}")).code,
            "invalid_cursor",
            "{values}"
        );
    }
}

#[test]
fn related_rows_are_looked_up_for_the_page() {
    let sql = compiled("expand=contact&fields=id&archived=any&limit=5").rows_sql;
    assert_eq!(
        sql,
        "select r.\"id\", (select ucrm.json_row(e) from (select t.\"id\", t.\"name\", t.\"secret\", t.\"archived_at\" \
         from \"crm\".\"contacts\" as t where t.\"id\" = r.\"contact_id\" limit 1) as e) as \"contact\" \
         from (select r.* from \"crm\".\"deals\" as r order by r.\"created_at\" desc, r.\"id\" desc limit 5) as r \
         order by r.\"created_at\" desc, r.\"id\" desc"
    );
    let sql = compiled("expand=notes,services").rows_sql;
    assert!(sql.contains("from \"crm\".\"notes\" as t where t.\"deal_id\" = r.\"id\" order by t.\"id\" desc limit 100) as e) as \"notes\""), "{sql}");
    assert!(sql.contains("from \"crm\".\"deal_services\" as l join \"crm\".\"services\" as t on t.\"id\" = l.\"service_id\" where l.\"deal_id\" = r.\"id\""), "{sql}");
    let sql = get(&wide(), "expand=contact&fields=id").unwrap().sql;
    assert!(
        sql.ends_with("as \"contact\" from \"crm\".\"deals\" as r where r.\"id\" = $1::text::uuid"),
        "{sql}"
    );
    for query in [
        "expand=nope",
        "expand=",
        "expand=contact,contact",
        "expand=contact.notes",
        "fields=contact",
    ] {
        assert_eq!(refused(query).code, "invalid_filter", "{query}");
    }
    let denied = refused("expand=salaries");
    assert_eq!(
        (denied.code, denied.status, denied.field.as_deref()),
        ("permission_denied", 403, Some("salaries"))
    );
}

#[test]
fn what_a_lean_shape_does_not_know_is_asked_of_the_wider() {
    for query in [
        "expand=contact",
        "custom.due=is.null",
        "sort=custom.due",
        "nope=eq.1",
        "fields=nope",
        "or=(custom.due.is.null)",
    ] {
        assert_eq!(list(&lean(), query).unwrap_err().code, "wider", "{query}");
    }
    for query in [
        "custom.due=is.null",
        "sort=custom.due",
        "or=(custom.due.is.null,custom.cs.{})",
        "fields=custom.due",
    ] {
        compiled(query);
    }
    assert_eq!(refused("nope=eq.1").code, "invalid_filter");
    assert_eq!(
        list(&lean(), "title=eq").unwrap_err().code,
        "invalid_filter"
    );
}

#[test]
fn a_secret_column_is_shown_and_never_compared() {
    assert!(
        compiled("fields=token")
            .rows_sql
            .starts_with("select r.\"token\" from")
    );
    for query in [
        "token=eq.x",
        "token=is.null",
        "or=(token.like.*)",
        "sort=token",
        "sort=-token",
        "not.token=eq.x",
    ] {
        assert_eq!(refused(query).code, "invalid_filter", "{query}");
    }
    let embed = Embed {
        relation: "contact".into(),
        query: Query {
            conditions: vec![Condition::Term(Term::one("secret", Operator::Eq, "x"))],
            ..Query::default()
        },
        ..Embed::default()
    };
    let query = Query {
        embeds: vec![embed],
        ..Query::default()
    };
    assert_eq!(emit(&wide(), &query).unwrap_err().code, "invalid_filter");
}

#[test]
fn money_is_one_field_in_major_units() {
    let List {
        rows_sql, binds, ..
    } = compiled("value=gte.100.50&sort=-value&fields=value&archived=any");
    assert_eq!(
        rows_sql,
        "select ucrm.money(r.\"value_minor\", r.\"value_currency\") as \"value\" from \"crm\".\"deals\" as r \
         where ucrm.major(r.\"value_minor\", r.\"value_currency\") >= $1::text::numeric \
         order by ucrm.major(r.\"value_minor\", r.\"value_currency\") desc, r.\"id\" desc limit 25"
    );
    assert_eq!(binds, ["100.50"]);
    assert_eq!(refused("value_minor=eq.1").code, "invalid_filter");
    assert_eq!(refused("value_currency=eq.EUR").code, "invalid_filter");
    assert!(
        compiled("value=is.null")
            .rows_sql
            .contains("r.\"value_minor\" is null")
    );
}

#[test]
fn custom_columns_are_members_of_the_document() {
    let sql = compiled("custom.budget=gt.5&custom.due=lt.2024-01-01&custom.note=ilike.*x*&sort=custom.due&fields=id,custom.due").rows_sql;
    for part in [
        "ucrm.custom_amount(r.\"custom\" #>> '{budget,amount}') > $1::text::numeric",
        "ucrm.custom_date(r.\"custom\" ->> 'due') < $2::text::date",
        "(r.\"custom\" ->> 'note') ilike $3::text",
        "r.\"custom\" -> 'due' as \"custom.due\"",
    ] {
        assert!(sql.contains(part), "{part} in {sql}");
    }
    for line in [
        "custom.x'y\ttext\tr",
        "custom.X\ttext\tr",
        "custom.\ttext\tr",
    ] {
        assert!(
            Catalogue::parse(&format!(
                "{}\n{line}",
                WIDE.lines().take(12).collect::<Vec<_>>().join("\n")
            ))
            .is_err(),
            "{line}"
        );
    }
}

#[test]
fn a_tree_that_no_parser_made_is_judged_all_the_same() {
    let term =
        |column: &str, operator, value: &str| Condition::Term(Term::one(column, operator, value));
    let query = |condition| Query {
        conditions: vec![condition],
        ..Query::default()
    };
    for (condition, code) in [
        (term("title", Operator::In, "x"), "invalid_filter"),
        (
            Condition::Term(Term::many("title", Operator::Eq, vec!["x".into()])),
            "invalid_filter",
        ),
        (term("rank", Operator::Like, "1"), "invalid_filter"),
        (term("rank", Operator::Eq, "1 or 1=1"), "invalid_filter"),
        (term("r\".id", Operator::Eq, "x"), "invalid_filter"),
        (Condition::Related("contact".into()), "invalid_filter"),
        (
            (0..40).fold(term("rank", Operator::Eq, "1"), |inner, _| {
                Condition::All(vec![inner])
            }),
            "invalid_filter",
        ),
    ] {
        assert_eq!(
            emit(&wide(), &query(condition.clone())).unwrap_err().code,
            code,
            "{condition:?}"
        );
    }
    let sql = emit(&wide(), &query(term("rank", Operator::IsDistinct, "1")))
        .unwrap()
        .rows_sql;
    assert!(
        sql.contains("r.\"rank\" is distinct from $1::text::integer"),
        "{sql}"
    );
    let field = |alias: &str| Query {
        fields: Some(vec![Field {
            alias: Some(alias.into()),
            ..Field::plain("title")
        }]),
        order: Some(vec![Order {
            column: "rank".into(),
            descending: true,
            nulls_first: Some(false),
        }]),
        page: Page {
            limit: Some(0),
            ..Page::default()
        },
        ..Query::default()
    };
    let sql = emit(&wide(), &field("a\" from pg_authid --"))
        .unwrap()
        .rows_sql;
    assert!(
        sql.starts_with("select r.\"title\" as \"a\"\" from pg_authid --\" from"),
        "{sql}"
    );
    assert!(
        sql.ends_with("order by r.\"rank\" desc nulls last, r.\"id\" desc limit 0"),
        "{sql}"
    );
    assert!(emit(&wide(), &field("")).is_err());
}

#[test]
fn rows_without_a_related_row_stay_out_when_asked() {
    let query = Query {
        embeds: vec![Embed {
            relation: "contact".into(),
            alias: Some("who".into()),
            inner: true,
            query: Query {
                fields: Some(vec![Field::plain("name")]),
                conditions: vec![Condition::Term(Term::one("name", Operator::Eq, "Ada"))],
                ..Query::default()
            },
        }],
        conditions: vec![Condition::Not(Box::new(Condition::Related("who".into())))],
        ..Query::default()
    };
    let List {
        rows_sql,
        count_sql,
        binds,
        volatile,
        ..
    } = emit(&wide(), &query).unwrap();
    let exists = "exists (select from \"crm\".\"contacts\" as t where t.\"id\" = r.\"contact_id\" and t.\"name\" = $1::text and t.\"archived_at\" is null)";
    assert!(
        count_sql.contains(&format!("not ({exists})")) && count_sql.ends_with(exists),
        "{count_sql}"
    );
    assert!(rows_sql.contains("as \"who\""), "{rows_sql}");
    assert_eq!((binds.len(), volatile), (1, true));
}

/// What each parameter is for.
fn parameter(name: &str) -> &'static str {
    match name {
        "page" => "which page, from 1; at most 1,000,000 rows may come before it",
        "limit" => "rows of a page, 1 to 100; 25 if not sent",
        "cursor" => {
            "instead of `page`: empty for the first page, then `meta.next_cursor` of the one before. `sort` and filters stay as they were, else `invalid_cursor`"
        }
        "sort" => {
            "up to 5 columns, `-` for largest first: `-created_at,name`. Nulls are last, or first with `-`. If not sent: newest first. The id breaks ties"
        }
        "fields" => "the columns that are shown: `id,name,custom.budget`",
        "expand" => {
            "related rows in each row, up to 8 relations: one row or null, or an array of at most 100, newest first. `owner` is the member a row belongs to"
        }
        "q" => "up to 8 words that must all be in the resource's search columns, whatever the case",
        "archived" => "`any` or `only`; archived rows stay out if not sent",
        "count" => {
            "`exact` or `estimated`. `meta.total` is exact with `page`, and absent with `cursor` unless asked for. An estimate is exact up to 10,000; beyond that the planner's guess, an average over all workspaces"
        }
        "and" | "or" => {
            "conditions in brackets, up to 8 deep: `or=(stage.eq.won,and(age.gt.5,not.or(a.is.null,b.is.null)))`"
        }
        name => panic!("{name} has no words in the reference"),
    }
}

#[test]
fn the_reference_of_filters_is_what_the_code_has() {
    use std::fmt::Write;
    let mut text = String::from(
        "# Filters\n\nThis file is made from the tables of the compiler (`ucrm_ext/src/query`); the test \
         `the_reference_of_filters_is_what_the_code_has` fails when it is stale, and writes it with `UCRM_WRITE_REFERENCE=1`.\n\n\
         `GET /api/v1/{resource}?…` takes these parameters, each once; `and`, `or` and columns as often as wanted, up to 50 conditions.\n\n\
         | parameter | what it says |\n|---|---|\n",
    );
    for name in PARAMETERS {
        writeln!(text, "| `{name}` | {} |", parameter(name)).unwrap();
    }
    text.push_str(
        "\nAny other parameter is a column: `stage=eq.won`, `amount=not.is.null`. A column named like a parameter is reached inside \
         `and=(limit.gt.5)`. Custom columns are `custom.name`; an amount of money is compared in major units, whatever its currency. \
         A secret column is shown as its mask, and neither filtered nor sorted by. In brackets a value that has `,` or `)` is put in `\"`, \
         with `\\` before `\"` and `\\`.\n\n| operator | what it says of a column | written |\n|---|---|---|\n",
    );
    for operator in Operator::NATIVE {
        let (says, written) = operator.told();
        writeln!(text, "| `{}` | {says} | `{written}` |", operator.name()).unwrap();
    }
    text.push_str("\n`not.` before an operator turns it round.\n\n| type | operators | a value is |\n|---|---|---|\n");
    for (kind, name, value) in [
        (
            Kind::Text(None),
            "text, varchar, char; custom plain, single_select, link, email, phone",
            "text",
        ),
        (Kind::Uuid, "uuid", "a UUID"),
        (
            Kind::Integer(64),
            "smallint, integer, bigint",
            "a whole number",
        ),
        (
            Kind::Numeric(None),
            "numeric",
            "a decimal number of up to 100 characters",
        ),
        (Kind::Float(64), "real, double precision", "a number"),
        (
            Kind::Money,
            "money; custom currency",
            "a decimal number of major units",
        ),
        (Kind::Boolean, "boolean", "true, false"),
        (
            Kind::Moment,
            "timestamptz; custom datetime",
            "`2024-05-01T10:00:00Z`, or a date: its beginning in UTC",
        ),
        (Kind::LocalTime, "timestamp", "`2024-05-01T10:00:00`"),
        (Kind::Date, "date; custom date", "`2024-05-01`"),
        (
            Kind::Span(Kind::Date.into()),
            "custom date_range, datetime_range",
            "a date, or a time with offset",
        ),
        (Kind::Json, "jsonb", "JSON"),
        (Kind::Array(Kind::Text(None).into()), "arrays", "elements"),
        (
            Kind::Other,
            "anything else (enums, domains, inet …)",
            "as PostgreSQL prints it",
        ),
    ] {
        let operators: Vec<String> = kind
            .operators()
            .iter()
            .map(|operator| format!("`{}`", operator.name()))
            .collect();
        writeln!(text, "| {name} | {} | {value} |", operators.join(" ")).unwrap();
    }
    text.push_str("\nWhat is not understood is refused with 400 `invalid_filter`: `errors[0].field` names it, `allowed` lists what could be there.\n");
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../gateway/FILTERS.md");
    if std::env::var_os("UCRM_WRITE_REFERENCE").is_some() {
        std::fs::write(path, &text).unwrap();
    }
    assert!(
        std::fs::read_to_string(path).unwrap_or_default() == text,
        "gateway/FILTERS.md is stale: run this test with UCRM_WRITE_REFERENCE=1"
    );
}

#[test]
fn an_amount_has_the_digits_of_its_currency() {
    use query::currency::{Amiss, digits, major, minor};
    for (code, wanted) in [
        ("EUR", Some(2)),
        ("JPY", Some(0)),
        ("KWD", Some(3)),
        ("CLF", Some(4)),
        ("eur", None),
        ("EU", None),
        ("ABC", None),
        ("", None),
        ("EUR USD", None),
    ] {
        assert_eq!(digits(code), wanted, "{code}");
    }
    for (text, digits, units) in [
        ("12.30", 2, 1230),
        ("-0.05", 2, -5),
        ("7", 0, 7),
        ("7.000", 0, 7),
        ("1.5", 3, 1500),
        ("92233720368547758.07", 2, i64::MAX),
        ("-92233720368547758.08", 2, i64::MIN),
    ] {
        assert_eq!(minor(text, digits), Ok(units), "{text}");
        assert_eq!(minor(&major(units, digits), digits), Ok(units), "{text}");
    }
    for (text, amiss) in [
        ("1.005", Amiss::Precise),
        ("", Amiss::Malformed),
        ("1.", Amiss::Malformed),
        (".5", Amiss::Malformed),
        ("1e3", Amiss::Malformed),
        ("+1", Amiss::Malformed),
        ("--1", Amiss::Malformed),
        ("1,5", Amiss::Malformed),
        ("92233720368547758.08", Amiss::Large),
    ] {
        assert_eq!(minor(text, 2), Err(amiss), "{text}");
    }
    assert_eq!(major(-5, 2), "-0.05");
}

#[test]
fn an_amount_is_assigned_as_units_and_currency() {
    use query::{insert, update};
    use serde_json::json;
    let assigned = |value: serde_json::Value| update(&wide(), &body_of(json!({"value": value})));
    let statement = assigned(json!({"amount": "12.30", "currency": "EUR"})).unwrap();
    assert!(
        statement.sql.contains(
            "set \"value_minor\" = $2::text::bigint, \"value_currency\" = $3::text where"
        ),
        "{}",
        statement.sql
    );
    assert_eq!(statement.binds, [Some("1230".into()), Some("EUR".into())]);
    assert_eq!(assigned(json!(null)).unwrap().binds, [None, None]);
    for value in [
        json!("12.30"),
        json!(12),
        json!({"amount": "1"}),
        json!({"amount": "1", "currency": "EUR", "x": 1}),
        json!({"amount": "1.005", "currency": "EUR"}),
        json!({"amount": "1", "currency": "eur"}),
        json!([]),
        json!({"amount": true, "currency": "EUR"}),
        json!({"amount": "1.5", "currency": "JPY"}),
    ] {
        let refusal = assigned(value.clone()).unwrap_err();
        assert_eq!(
            (refusal.code, refusal.errors[0].field.as_str()),
            ("validation_failed", "value"),
            "{value}"
        );
    }
    for name in ["value_minor", "value_currency", "custom.budget"] {
        assert_eq!(
            update(&wide(), &body_of(json!({name: 1})))
                .unwrap_err()
                .code,
            "unknown_field",
            "{name}"
        );
    }
    let shared = Catalogue::parse("crm\tdeals\tid\t\t\t\tid\nid\tuuid\trnd\nnet_minor\tbigint\trwn\ntax_minor\tbigint\trw\ncurrency\ttext\trwn").unwrap();
    let statement = insert(&shared, &body_of(json!({"net": "1.5", "currency": "KWD"}))).unwrap();
    assert!(
        statement.sql.contains("(\"currency\", \"net_minor\")"),
        "{}",
        statement.sql
    );
    assert_eq!(statement.binds, [Some("KWD".into()), Some("1500".into())]);
    let brought = insert(
        &shared,
        &body_of(json!({"net": {"amount": "1.5", "currency": "EUR"}})),
    )
    .unwrap();
    assert_eq!(brought.binds, [Some("150".into()), Some("EUR".into())]);
    let both = json!({"net": {"amount": 1, "currency": "EUR"}, "tax": {"amount": "0.19", "currency": "EUR"}, "currency": "EUR"});
    assert!(insert(&shared, &body_of(both)).is_ok());
    for body in [
        json!({"net": {"amount": 1, "currency": "EUR"}, "currency": "USD"}),
        json!({"net": null, "currency": "EUR"}),
        json!({"net": 1.005, "currency": "EUR"}),
    ] {
        assert_eq!(
            insert(&shared, &body_of(body.clone())).unwrap_err().code,
            "validation_failed",
            "{body}"
        );
    }
    assert_eq!(
        update(&shared, &body_of(json!({"net": 1})))
            .unwrap_err()
            .errors[0]
            .code,
        "required"
    );
    assert_eq!(update(&shared, &body_of(json!({"net": {"amount": 1, "currency": "EUR"}, "tax": {"amount": 1, "currency": "USD"}}))).unwrap_err().code, "validation_failed");
}

fn body_of(value: serde_json::Value) -> serde_json::Map<String, serde_json::Value> {
    value.as_object().unwrap().clone()
}

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

#[test]
fn labels_depend_on_nothing_but_the_label() {
    let catalogue = wide();
    let statement = query::labels(&catalogue, "q=Ada").unwrap();
    for name in ["rank", "value", "token", "contact_id", "custom"] {
        let quoted = format!("\"{name}\"");
        assert!(
            !statement.sql.contains(&quoted),
            "{name} in {}",
            statement.sql
        );
    }
    assert_eq!(statement.binds, [Some("\nAda".into()), Some("Ada".into())]);
    assert_eq!(
        query::labels(&catalogue, "limit=2").unwrap().sql,
        "select r.\"id\" as \"id\", r.\"title\" as \"label\" from \"crm\".\"deals\" as r where r.\"archived_at\" is null order by r.\"title\", r.\"id\" limit 2"
    );
    for query_text in [
        "q=a&q=b",
        "limit=0",
        "limit=26",
        "sort=title",
        "fields=rank",
        "rank=eq.1",
        "cursor=",
        "q=%00",
    ] {
        assert_eq!(
            query::labels(&catalogue, query_text).unwrap_err().code,
            "invalid_filter",
            "{query_text}"
        );
    }
}
