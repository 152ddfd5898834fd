//! Filters: operators, groups, and values that are none.

use super::*;

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
        ("page=2147483648", "page"),
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
