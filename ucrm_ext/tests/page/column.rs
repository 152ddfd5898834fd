//! Columns that are not the table's, or not for everybody.

use super::*;

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
