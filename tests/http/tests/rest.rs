//! PostgREST's dialect: what its clients do not ask, and what nobody may learn or do by it.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use serde_json::json;
use ucrm_http_tests::client::Client;
use ucrm_http_tests::rest::{CONTACTS, REPRESENTATION, id, refused, two};
use ucrm_http_tests::stage::name;
use ucrm_http_tests::workspace::Workspace;

#[test]
fn a_list_is_a_bare_array_with_its_range() {
    let (workspace, ..) = two();
    let owner = workspace.owner();
    let list = owner
        .get(&format!("{CONTACTS}?order=name&select=name"))
        .is(200);
    assert_eq!(list.json(), json!([{"name": "Ada"}, {"name": "Bob"}]));
    assert_eq!(list.header("content-range"), Some("0-1/*"));
    let counted = owner.with("prefer", "count=exact");
    let page = counted.get(&format!("{CONTACTS}?limit=1&offset=1")).is(206);
    assert_eq!(page.header("content-range"), Some("1-1/2"));
    assert_eq!(page.header("preference-applied"), Some("count=exact"));
    let ranged = counted.with("range", "0-0").get(CONTACTS).is(206);
    assert_eq!(ranged.header("content-range"), Some("0-0/2"));
    let beyond = counted.get(&format!("{CONTACTS}?offset=3"));
    refused(&beyond, 416, "PGRST103");
    assert_eq!(beyond.header("content-range"), Some("*/2"));
    let none = counted.get(&format!("{CONTACTS}?name=eq.x")).is(200);
    assert_eq!(
        (none.header("content-range"), none.text()),
        (Some("*/0"), "[]")
    );
    let head = counted.send("HEAD", &format!("{CONTACTS}?limit=1"), &[], None);
    assert_eq!(
        (head.status, head.header("content-range"), head.body.len()),
        (206, Some("0-0/2"), 0)
    );
    let options = owner.send("OPTIONS", CONTACTS, &[], None);
    assert_eq!(
        (options.status, options.header("allow")),
        (204, Some("DELETE, GET, HEAD, PATCH, POST, OPTIONS"))
    );
}

#[test]
fn another_workspace_is_no_answer_to_any_question() {
    let (workspace, ada, _) = two();
    let other = Workspace::new();
    let stranger = other.owner();
    let one = format!("{CONTACTS}?id=eq.{}", id(&ada));
    let counted = stranger.with("prefer", "count=exact, return=representation");
    for query in [
        "",
        "name=eq.Ada",
        "or=(name.eq.Ada,stage.eq.won)",
        &format!("id=in.({})", id(&ada)),
        "order=name&limit=1",
        "select=id,organizations(name)",
    ] {
        let list = counted.get(&format!("{CONTACTS}?{query}")).is(200);
        assert_eq!(
            (list.text(), list.header("content-range")),
            ("[]", Some("*/0")),
            "{query}"
        );
    }
    for count in ["planned", "estimated"] {
        let with = stranger
            .with("prefer", &format!("count={count}"))
            .get(CONTACTS);
        assert!(with.status == 200 || with.status == 206, "{}", with.status);
        assert_eq!(with.text(), "[]");
    }
    assert_eq!(
        counted.patch(&one, &json!({"name": "x"})).is(200).text(),
        "[]"
    );
    let gone = counted.delete(&one).is(200);
    assert_eq!(
        (gone.text(), gone.header("content-range")),
        ("[]", Some("*/0"))
    );
    refused(
        &stranger.post(CONTACTS, &json!({"name": "x", "organization_id": id(&ada)})),
        409,
        "23503",
    );
    let merged = stranger
        .with("prefer", "resolution=merge-duplicates")
        .post(CONTACTS, &json!({"id": id(&ada), "name": "x"}));
    refused(&merged, 400, "PGRST204");
    assert_eq!(workspace.count("crm.contacts", "name in ('Ada', 'Bob')"), 2);
}

#[test]
fn what_a_role_may_not_is_denied_beside_what_it_may() {
    let (workspace, ada, _) = two();
    let reader = workspace.client(&workspace.member("reader").key);
    let one = format!("{CONTACTS}?id=eq.{}", id(&ada));
    reader.get(&one).is(200);
    refused(&reader.post(CONTACTS, &json!({"name": "x"})), 403, "42501");
    refused(&reader.patch(&one, &json!({"name": "x"})), 403, "42501");
    refused(&reader.delete(&one), 403, "42501");

    // Creating alone: made, not shown, and nothing is read.
    let form = workspace.client(&workspace.key(None, Some("contacts:create")));
    form.post(CONTACTS, &json!({"name": "from a form"})).is(201);
    refused(
        &form
            .with(REPRESENTATION.0, REPRESENTATION.1)
            .post(CONTACTS, &json!({"name": "seen"})),
        403,
        "42501",
    );
    refused(&form.get(CONTACTS), 403, "42501");
    refused(
        &form.with("prefer", "resolution=merge-duplicates").post(
            &format!("{CONTACTS}?on_conflict=external_id"),
            &json!({"name": "x", "external_id": "1"}),
        ),
        403,
        "42501",
    );
    assert_eq!(workspace.count("crm.contacts", "name in ('seen', 'x')"), 0);

    // Reading contacts alone: no organization by embedding, filter or order.
    let contacts = workspace.client(&workspace.key(None, Some("contacts:read")));
    contacts.get(CONTACTS).is(200);
    for query in [
        "select=name,organizations(name)",
        "select=name,organizations!inner(id)&organizations.name=eq.x",
        "select=name,organizations(id)&organizations=not.is.null",
    ] {
        refused(&contacts.get(&format!("{CONTACTS}?{query}")), 403, "42501");
    }
}

#[test]
fn credentials_and_gates_are_asked_as_on_any_other_path() {
    let (workspace, ..) = two();
    let nobody = Client::to(&name("UCRM_URL"));
    refused(&nobody.get(CONTACTS), 401, "PGRST301");
    let key = &workspace.owner.key;
    nobody.with("apikey", key).get(CONTACTS).is(200);
    nobody
        .with("apikey", key)
        .with("authorization", &format!("Bearer {key}"))
        .get(CONTACTS)
        .is(200);
    nobody.key(key).get(CONTACTS).is(200);
    let two = nobody
        .with("apikey", key)
        .with("authorization", "Bearer another");
    refused(&two.get(CONTACTS), 400, "PT400");
    let owner = workspace.owner();
    refused(&owner.get("/rest/v1/nothings"), 404, "PGRST205");
    refused(&owner.get("/rest/v1/rpc/nothing"), 404, "PGRST202");
    refused(&owner.get("/rest/v1/members"), 404, "PGRST205");
    refused(
        &owner.with("accept-profile", "other").get(CONTACTS),
        406,
        "PGRST106",
    );
    owner.with("accept-profile", "public").get(CONTACTS).is(200);
    refused(
        &owner.with("accept", "application/pdf").get(CONTACTS),
        406,
        "PGRST107",
    );
    refused(
        &owner
            .with("prefer", "handling=strict, nonsense")
            .get(CONTACTS),
        400,
        "PGRST122",
    );
    workspace
        .change("update ucrm.tenants set trial_ends_at = now() - interval '1 day' where id = $1");
    let over = refused(
        &owner.post(CONTACTS, &json!({"name": "late"})),
        402,
        "PT402",
    );
    assert_eq!(over["type"], "urn:ucrm:trial_expired");
    owner.get(CONTACTS).is(200);
}
