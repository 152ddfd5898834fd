//! What is shown: columns, related rows, rows by their keys.

use super::*;

#[test]
fn select_names_casts_and_arrows() {
    let list = |query: &str| compiled(query).unwrap();
    let shown = |query: &str| {
        let sql = list(query).rows_sql;
        sql.strip_prefix("select ")
            .unwrap()
            .split_once(" from ")
            .unwrap()
            .0
            .to_owned()
    };
    assert_eq!(shown("select=id,name"), "r.\"id\", r.\"name\"");
    assert_eq!(
        shown("select=full:name,id"),
        "r.\"name\" as \"full\", r.\"id\""
    );
    assert_eq!(shown("select=a:age::text"), "r.\"age\"::text as \"a\"");
    assert_eq!(
        shown("select=custom-%3E%3Ebudget"),
        "(r.\"custom\" ->> 'budget')::text as \"budget\""
    );
    assert_eq!(shown("select=*,id"), shown("select=*"));
    assert_eq!(shown(""), shown("select=*"));
    assert_eq!(
        lowered("select=full:name,organizations(id)")
            .unwrap()
            .columns,
        ["full", "organizations"]
    );
    assert!(
        list("limit=5&offset=10")
            .rows_sql
            .ends_with(" limit 5 offset 10")
    );
    assert!(list("").rows_sql.ends_with(" limit 1000"));
    assert!(list("limit=5000").rows_sql.ends_with(" limit 1000"));
    assert!(list("limit=0").rows_sql.ends_with(" limit 0"));
    assert!(
        list("order=name.desc.nullslast,age.nullsfirst,id")
            .rows_sql
            .contains("order by r.\"name\" desc, r.\"age\" asc nulls first, r.\"id\" asc")
    );
}

#[test]
fn relations_are_found_by_target_name_column_and_hint() {
    for (select, relation, name) in [
        ("organizations(id)", "organization", "organizations"),
        ("organization(id)", "organization", "organization"),
        ("org:organizations(id,name)", "organization", "org"),
        ("organization_id(*)", "organization", "organization_id"),
        (
            "org:organizations!contacts_organization_fkey!inner(*)",
            "organization",
            "org",
        ),
        ("deals(title)", "deals", "deals"),
        ("deals!contact_deals(title)", "deals", "deals"),
        ("boss:contacts!parent_id(name)", "parent", "boss"),
        ("parent(name)", "parent", "parent"),
    ] {
        let lowered = lowered(&format!("select=*,{select}"))
            .unwrap_or_else(|fault| panic!("{select}: {fault:?}"));
        let embed = &lowered.query.embeds[0];
        assert_eq!(
            (embed.relation.as_str(), embed.name()),
            (relation, name),
            "{select}"
        );
        assert_eq!(embed.inner, select.contains("!inner"));
    }
    assert_eq!(refused("select=*,contacts(name)", "PGRST201").status, 300);
    refused("select=*,nothing(name)", "PGRST200");
    refused("select=*,organizations!nothing(name)", "PGRST200");
    refused("organizations.name=eq.a", "PGRST108");
    refused("select=organizations(hidden)", "42703");
    assert_eq!(refused("select=*,secrets(id)", "42501").status, 403);
    compiles(
        "select=id,organizations!inner(name)&organizations.name=eq.a",
        "exists (select from \"crm\".\"organizations\" as t where t.\"id\" = r.\"organization_id\" and t.\"name\" = $1::text)",
        &["a"],
    );
    compiles(
        "select=id,organizations(name)&organizations=not.is.null",
        "exists (select from \"crm\".\"organizations\" as t where t.\"id\" = r.\"organization_id\")",
        &[],
    );
}

#[test]
fn rows_are_named_by_the_key_alone_and_archived_ones_when_they_are_meant() {
    let keys = |query: &str| lowered(query).unwrap().keys;
    let named = Some(vec![ID.to_owned()]);
    assert_eq!(keys(&format!("id=eq.{ID}")), named);
    assert_eq!(keys(&format!("id=in.({ID})&name=eq.a")), named);
    assert_eq!(keys(&format!("id=in.({ID})&id=in.()")), Some(vec![]));
    for none in [
        "name=eq.a",
        "",
        "id=not.is.null",
        "id=neq.019abcde-f012-7345-8678-9abcdef01234",
        "id=not.eq.019abcde-f012-7345-8678-9abcdef01234",
        "or=(id.eq.019abcde-f012-7345-8678-9abcdef01234,name.eq.a)",
        "and=(id.eq.019abcde-f012-7345-8678-9abcdef01234)",
        "id=eq(any).{019abcde-f012-7345-8678-9abcdef01234}&id=gt.019abcde-f012-7345-8678-9abcdef01234",
    ] {
        if none.contains("(any)") {
            continue;
        }
        assert_eq!(keys(none), None, "{none}");
    }
    let standing = |query: &str| {
        compiled(query)
            .unwrap()
            .count_sql
            .ends_with(" r.\"archived_at\" is null")
    };
    assert!(standing("name=eq.a"));
    assert!(!standing(&format!("id=eq.{ID}")));
    assert!(!standing("or=(archived_at.not.is.null,name.eq.a)"));
}

#[test]
fn rows_that_were_written_come_back_in_their_order() {
    const OTHER: &str = "019abcde-f012-7345-8678-9abcdef0beef";
    let of = |query: &str| {
        let keys = vec![ID.to_owned(), OTHER.to_owned()];
        rest::of_keys(contacts(), &lowered(query).unwrap(), keys)
            .ok()
            .unwrap()
    };
    let list = of("select=name&name=eq.a");
    assert_eq!(
        list.rows_sql,
        "select r.\"name\" from \"crm\".\"contacts\" as r where r.\"id\" = any ($1::text::uuid[]) \
         order by array_position($2::text::text[], r.\"id\"::text)"
    );
    assert_eq!(
        list.binds,
        [
            format!("{{\"{ID}\",\"{OTHER}\"}}"),
            format!("{{\"{ID}\",\"{OTHER}\"}}")
        ]
    );
    assert!(
        of("select=name&order=name")
            .rows_sql
            .contains("order by r.\"name\" asc")
    );
    assert!(
        of("select=name,organizations(id)")
            .rows_sql
            .ends_with("order by array_position($2::text::text[], r.\"id\"::text)")
    );
}

#[test]
fn a_lean_shape_asks_for_the_wide_one() {
    let lean: Vec<&str> = CONTACTS
        .lines()
        .take_while(|line| !line.starts_with("custom."))
        .collect();
    let lean = Catalogue::parse(&format!("{}\n+", lean.join("\n"))).unwrap();
    for (query, wide) in [
        ("name=eq.a", false),
        ("custom-%3E%3Ebudget=eq.a", true),
        ("select=*,organizations(id)", true),
        ("nothing=eq.1", true),
    ] {
        let question = rest::question(query).unwrap();
        let asked = matches!(
            rest::lower(&lean, question, None, Count::None),
            Err(No::Wider)
        );
        assert_eq!(asked, wide, "{query}");
    }
}
