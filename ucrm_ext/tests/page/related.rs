//! Related rows, and trees that no parser made.

use super::*;

#[test]
fn related_rows_are_looked_up_for_the_page() {
    let sql = compiled("expand=contact&fields=id&archived=any&limit=5").rows_sql;
    assert_eq!(
        sql,
        "select r.\"id\", (select ucrm.json_row(e.*) from (select t.\"id\", t.\"name\", t.\"secret\", t.\"archived_at\" \
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
