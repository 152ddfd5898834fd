//! Lists and single rows.

use super::*;

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
    refused("sort=id,tenant_id", "tenant_id");
    refused("or=(secret.eq.1)", "secret");
    refused("sort=custom", "sort");
    refused("fields=id,id", "fields");
    assert_eq!(refused("name=cs.{a}", "name").allowed[0], "eq");
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
