//! Pages by cursor.

use super::*;

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
