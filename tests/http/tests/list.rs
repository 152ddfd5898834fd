//! Lists: sort, pages, totals, filters, and what a filter that is none is told.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use serde_json::{Value, json};
use ucrm_http_tests::client::Client;
use ucrm_http_tests::workspace::Workspace;

const CONTACTS: &str = "/api/v1/contacts";

/// Five contacts whose values tell them apart.
fn five() -> Workspace {
    let workspace = Workspace::new();
    let owner = workspace.owner();
    for (name, stage, email, phone) in [
        ("Ada", "won", json!("ada@one.example"), json!("1")),
        ("Bob", "lead", json!("bob@one.example"), json!(null)),
        ("Cy", "won", json!(null), json!("3")),
        ("Di, (x)", "lost", json!("di@two.example"), json!("4")),
        (
            "É 100%_\\",
            "qualified",
            json!("e@two.example"),
            json!(null),
        ),
    ] {
        let body = json!({"name": name, "stage": stage, "email": email, "phone": phone});
        owner.post(CONTACTS, &body).is(201);
    }
    workspace
}

#[track_caller]
fn names(client: &Client, query: &str) -> String {
    let list = client.get(&format!("{CONTACTS}?{query}")).is(200).json();
    let rows = list["data"].as_array().unwrap();
    let names: Vec<&str> = rows
        .iter()
        .map(|row| row["name"].as_str().unwrap())
        .collect();
    if !query.contains("limit") {
        assert_eq!(list["meta"]["total"], names.len(), "{query}");
    }
    names.join("|")
}

#[test]
fn filters_select_what_they_say() {
    let workspace = five();
    let owner = workspace.owner();
    for (filter, expected) in [
        ("stage=eq.won", "Ada|Cy"),
        ("stage=neq.won", "Bob|Di, (x)|É 100%_\\"),
        ("stage=not.eq.won", "Bob|Di, (x)|É 100%_\\"),
        ("stage=in.(won,lost)", "Ada|Cy|Di, (x)"),
        ("stage=not.in.(won,lost)", "Bob|É 100%_\\"),
        ("stage=in.()", ""),
        ("phone=is.null", "Bob|É 100%_\\"),
        ("phone=is.not_null", "Ada|Cy|Di, (x)"),
        ("phone=not.is.null", "Ada|Cy|Di, (x)"),
        ("name=like.B*", "Bob"),
        ("name=like.b*", ""),
        ("name=ilike.b*", "Bob"),
        ("name=ilike.*DI*", "Di, (x)"),
        ("name=eq.Di,%20(x)", "Di, (x)"),
        ("name=in.(%22Di,%20(x)%22,Bob)", "Bob|Di, (x)"),
        ("name=eq.%C3%89+100%25_%5C", "É 100%_\\"),
        ("phone=gt.1&phone=lte.3", "Cy"),
        ("phone=gte.3&phone=lt.4", "Cy"),
        ("phone=between.(1,3)", "Ada|Cy"),
        ("or=(stage.eq.lost,name.eq.Bob)", "Bob|Di, (x)"),
        (
            "or=(phone.is.null,and(stage.eq.won,name.like.A*))",
            "Ada|Bob|É 100%_\\",
        ),
        ("and=(stage.eq.won,not.or(name.eq.Ada,name.eq.Bob))", "Cy"),
        ("stage=eq.won&email=not.is.null", "Ada"),
        ("q=two", "Di, (x)|É 100%_\\"),
        ("q=ADA+one", "Ada"),
        ("q=100%25_", "É 100%_\\"),
        ("q=%25", "É 100%_\\"),
        ("created_at=in_last_days.1", "Ada|Bob|Cy|Di, (x)|É 100%_\\"),
        ("created_at=lt.2020-01-01", ""),
        (
            "created_at=gte.2020-01-01T00:00:00Z",
            "Ada|Bob|Cy|Di, (x)|É 100%_\\",
        ),
        ("custom=cs.{}", "Ada|Bob|Cy|Di, (x)|É 100%_\\"),
    ] {
        assert_eq!(
            names(&owner, &format!("{filter}&sort=name")),
            expected,
            "{filter}"
        );
    }
}

#[test]
fn a_filter_that_is_none_is_told_what_is() {
    let workspace = five();
    let owner = workspace.owner();
    for (query, field) in [
        ("nonsense=eq.1", "nonsense"),
        ("tenant_id=eq.1", "tenant_id"),
        ("stage=won", "stage"),
        ("stage=equals.won", "stage"),
        ("sort=nonsense", "nonsense"),
        ("fields=id,nonsense", "nonsense"),
        ("archived=maybe", "archived"),
        ("created_at=like.x", "created_at"),
    ] {
        let refused = owner
            .get(&format!("{CONTACTS}?{query}"))
            .refused(400, "invalid_filter");
        assert_eq!(refused["errors"][0]["field"], field, "{refused}");
        assert!(
            !refused["allowed"].as_array().unwrap().is_empty(),
            "{refused}"
        );
    }
    let text = owner
        .get(&format!("{CONTACTS}?tenant_id=eq.1"))
        .refused(400, "invalid_filter");
    assert!(
        !text["allowed"]
            .as_array()
            .unwrap()
            .contains(&json!("tenant_id"))
    );
}

#[test]
fn values_that_cannot_be_are_refused() {
    let workspace = Workspace::new();
    let owner = workspace.owner();
    for query in [
        "id=eq.1",
        "organization_id=eq.none",
        "created_at=gt.yesterday",
        "created_at=between.(2020-01-01)",
        "stage=in.won",
        "stage=in.(won",
        "or=(stage.eq.won",
        "or=stage.eq.won",
        "or=()",
        "page=0",
        "page=-1",
        "page=x",
        "limit=0",
        "limit=101",
        "limit=1e2",
        "page=1&page=2",
        "page=99999999999999999999",
        "sort=name,name",
        "sort=",
        "fields=",
        "fields=id,id",
        "custom=cs.{",
        "stage=is.won",
        "%FF=1",
        "stage=eq.%00",
        "stage=eq.%zz",
        "stage=eq.%",
        "created_at=in_last_days.-1",
        "q=1+2+3+4+5+6+7+8+9",
        "count=planned",
        "cursor=&page=2",
        "expand=nothing",
        "created_at=eq.0000-00-00",
        "created_at=eq.10000000-01-01",
    ] {
        let reply = owner.get(&format!("{CONTACTS}?{query}"));
        assert_eq!(reply.status, 400, "{query}: {}", reply.text());
        reply.refused(400, "invalid_filter");
    }
}

#[test]
fn newest_comes_first_and_sort_says_otherwise() {
    let workspace = five();
    let owner = workspace.owner();
    assert_eq!(names(&owner, ""), "É 100%_\\|Di, (x)|Cy|Bob|Ada");
    assert_eq!(
        names(&owner, "sort=created_at"),
        "Ada|Bob|Cy|Di, (x)|É 100%_\\"
    );
    assert_eq!(names(&owner, "sort=-name"), "É 100%_\\|Di, (x)|Cy|Bob|Ada");
    assert_eq!(
        names(&owner, "sort=stage,-name"),
        "Bob|Di, (x)|É 100%_\\|Cy|Ada"
    );
}

#[test]
fn the_id_breaks_ties_so_that_pages_neither_repeat_nor_skip() {
    let workspace = Workspace::new();
    workspace.change(
        "insert into crm.contacts (tenant_id, name) select $1, 'same' from generate_series(1, 60)",
    );
    let owner = workspace.owner();
    let mut seen = Vec::new();
    for page in 1..=7 {
        let target = format!("{CONTACTS}?sort=name&limit=10&page={page}");
        let list = owner.get(&target).is(200).json();
        assert_eq!(
            list["meta"],
            json!({"total": 60, "page": page, "limit": 10})
        );
        let rows = list["data"].as_array().unwrap();
        seen.extend(
            rows.iter()
                .map(|row| row["id"].as_str().unwrap().to_owned()),
        );
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 60);
    let rest = owner.get(CONTACTS).is(200).json();
    assert_eq!(rest["data"].as_array().unwrap().len(), 25);
}

#[test]
fn page_and_limit_are_echoed_only_if_sent() {
    let workspace = five();
    let owner = workspace.owner();
    for (query, meta) in [
        ("", json!({"total": 5})),
        ("?limit=2", json!({"total": 5, "limit": 2})),
        ("?page=3", json!({"total": 5, "page": 3})),
        (
            "?page=2&limit=3",
            json!({"total": 5, "page": 2, "limit": 3}),
        ),
        ("?count=exact", json!({"total": 5})),
    ] {
        assert_eq!(
            owner.get(&format!("{CONTACTS}{query}")).is(200).json()["meta"],
            meta,
            "{query}"
        );
    }
}

#[test]
fn the_total_is_exact_whoever_wrote() {
    let workspace = five();
    let owner = workspace.owner();
    let total = |expected: u32| {
        for _ in 0..2 {
            for (query, expected) in [("", expected), ("?stage=eq.won", 2)] {
                let list = owner.get(&format!("{CONTACTS}{query}")).is(200).json();
                assert_eq!(list["meta"]["total"], expected);
            }
        }
    };
    total(5);
    workspace.change(
        "insert into crm.contacts (tenant_id, name) select $1, 'more' from generate_series(1, 30)",
    );
    total(35);
    workspace.change("update crm.contacts set archived_at = now() where tenant_id = $1 and name = 'more' and right(id::text, 1) < '8'");
    let left = workspace.count("crm.contacts", "archived_at is null");
    total(left as u32);
    workspace.change("delete from crm.contacts where tenant_id = $1 and name = 'more'");
    total(5);
    workspace.contact("Over HTTP");
    total(6);
}

#[test]
fn archived_rows_stay_out_unless_asked_for() {
    let workspace = five();
    workspace.change(
        "update crm.contacts set archived_at = now() where tenant_id = $1 and name = 'Bob'",
    );
    let owner = workspace.owner();
    assert_eq!(names(&owner, "sort=name&phone=is.null"), "É 100%_\\");
    assert_eq!(
        names(&owner, "sort=name&phone=is.null&archived=any"),
        "Bob|É 100%_\\"
    );
    assert_eq!(names(&owner, "archived=only"), "Bob");
}

#[test]
fn fields_gives_those_and_no_others() {
    let workspace = five();
    let owner = workspace.owner();
    let list = owner
        .get(&format!("{CONTACTS}?fields=name,stage&sort=name&limit=1"))
        .is(200)
        .json();
    assert_eq!(list["data"], json!([{"name": "Ada", "stage": "won"}]));
    let id = workspace.contact("One")["id"].as_str().unwrap().to_owned();
    let one = owner.get(&format!("{CONTACTS}/{id}?fields=name")).is(200);
    assert_eq!(one.json(), json!({"data": {"name": "One"}}));
    assert_eq!(one.header("etag"), None);
    owner
        .get(&format!("{CONTACTS}/{id}?stage=eq.won"))
        .refused(400, "invalid_filter");
}

#[test]
fn an_empty_list_says_so_in_one_way() {
    let empty: Value = json!({"data": [], "meta": {"total": 0}});
    let workspace = Workspace::new();
    assert_eq!(workspace.owner().get(CONTACTS).is(200).json(), empty);
    assert_eq!(
        workspace
            .owner()
            .get("/api/v1/organizations")
            .is(200)
            .json(),
        empty
    );
}

#[test]
fn a_cursor_leads_from_page_to_page_to_the_end() {
    let workspace = five();
    let owner = workspace.owner();
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = owner
            .get(&format!("{CONTACTS}?sort=phone&limit=2&cursor={cursor}"))
            .is(200)
            .json();
        assert_eq!(page["meta"]["total"], Value::Null, "{page}");
        assert_eq!(page["meta"]["limit"], 2, "{page}");
        seen.extend(
            page["data"]
                .as_array()
                .unwrap()
                .iter()
                .map(|row| row["name"].clone()),
        );
        match page["meta"]["next_cursor"].as_str() {
            Some(next) => cursor = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(seen[..3], [json!("Ada"), json!("Cy"), json!("Di, (x)")]);
    assert_eq!(seen.len(), 5);
    for query in ["sort=-phone", "sort=phone&stage=eq.won", ""] {
        owner
            .get(&format!("{CONTACTS}?{query}&cursor={cursor}"))
            .refused(400, "invalid_cursor");
    }
    owner
        .get(&format!("{CONTACTS}?cursor=garbled"))
        .refused(400, "invalid_cursor");
}

#[test]
fn what_is_related_comes_along() {
    let workspace = five();
    let owner = workspace.owner();
    let acme = owner
        .post("/api/v1/organizations", &json!({"name": "Acme"}))
        .is(201)
        .json();
    let id = &acme["data"]["id"];
    let ada = owner.get(&format!("{CONTACTS}?name=eq.Ada")).is(200).json();
    let ada = format!("{CONTACTS}/{}", ada["data"][0]["id"].as_str().unwrap());
    owner.patch(&ada, &json!({"organization_id": id})).is(200);
    let list = owner
        .get(&format!(
            "{CONTACTS}?expand=organization,owner&sort=name&limit=2"
        ))
        .is(200)
        .json();
    assert_eq!(list["data"][0]["organization"], acme["data"]);
    assert_eq!(list["data"][1]["organization"], Value::Null);
    assert!(list["data"][0]["owner"]["name"].is_string(), "{list}");
    let row = owner
        .get(&format!("{ada}?expand=organization&fields=id"))
        .is(200)
        .json();
    assert_eq!(row["data"]["organization"]["name"], "Acme");
    let many = owner
        .get("/api/v1/organizations?expand=contacts")
        .is(200)
        .json();
    assert_eq!(many["data"][0]["contacts"][0]["name"], "Ada");
}

#[test]
fn labels_are_offered_while_somebody_types() {
    let workspace = five();
    let owner = workspace.owner();
    let offered = owner
        .get(&format!("{CONTACTS}/autocomplete?q=b"))
        .is(200)
        .json();
    assert_eq!(offered["data"][0]["label"], "Bob");
    assert_eq!(offered["data"].as_array().unwrap().len(), 1);
    assert_eq!(offered["data"][0].as_object().unwrap().len(), 2);
    owner
        .get(&format!("{CONTACTS}/autocomplete?sort=name"))
        .refused(400, "invalid_filter");
}
