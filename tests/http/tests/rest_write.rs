//! Writing in PostgREST's dialect: what is made and changed, and what nobody can assign or change.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use serde_json::json;
use ucrm_http_tests::rest::{CONTACTS, REPRESENTATION, id, refused, two};

#[test]
fn a_row_is_made_as_the_headers_say() {
    let (workspace, ..) = two();
    let owner = workspace.owner();
    let made = owner.post(CONTACTS, &json!({"name": "Cy"})).is(201);
    assert_eq!(
        (made.body.len(), made.header("content-range")),
        (0, Some("*/*"))
    );
    let headers = owner
        .with("prefer", "return=headers-only")
        .post(CONTACTS, &json!({"name": "Di"}))
        .is(201);
    let location = headers.header("location").unwrap();
    assert_eq!(owner.get(location).is(200).json()[0]["name"], "Di");
    let shown = owner
        .with(
            REPRESENTATION.0,
            "return=representation, count=exact, missing=default",
        )
        .post(
            &format!("{CONTACTS}?select=name,at:stage"),
            &json!([{"name": "E"}, {"name": "F", "stage": "won"}]),
        );
    assert_eq!(
        shown.is(201).json(),
        json!([{"name": "E", "at": "lead"}, {"name": "F", "at": "won"}])
    );
    refused(
        &owner.post(CONTACTS, &json!([{"name": "G"}, {"name": ""}])),
        400,
        "23514",
    );
    refused(
        &owner.post(CONTACTS, &json!([{"name": "G"}, {"nothing": 1}])),
        400,
        "PGRST204",
    );
    assert_eq!(workspace.count("crm.contacts", "name = 'G'"), 0);
    for (body, code) in [
        ("{", "PGRST102"),
        ("[1]", "PGRST102"),
        ("{\"name\": \"a\", \"name\": \"b\"}", "PGRST102"),
        ("{\"name\": \"\\u0000\"}", "PGRST102"),
        ("", "PGRST102"),
    ] {
        refused(
            &owner.send(
                "POST",
                CONTACTS,
                &[("content-type", "application/json")],
                Some(body.as_bytes()),
            ),
            400,
            code,
        );
    }
    refused(
        &owner.send(
            "POST",
            CONTACTS,
            &[("content-type", "text/csv")],
            Some(b"name\nx"),
        ),
        415,
        "PGRST107",
    );
}

#[test]
fn fields_that_are_the_servers_or_anothers_are_not_assigned() {
    let (workspace, ada, _) = two();
    let owner = workspace.owner();
    let agent = workspace.member("agent");
    let one = format!("{CONTACTS}?id=eq.{}", id(&ada));
    for field in [
        json!({"id": "01a00000-0000-7000-8000-000000000000"}),
        json!({"tenant_id": "01a00000-0000-7000-8000-000000000000"}),
        json!({"created_at": "2020-01-01T00:00:00Z"}),
        json!({"archived_at": "2020-01-01T00:00:00Z"}),
        json!({"owner_id": agent.id}),
    ] {
        refused(&owner.patch(&one, &field), 400, "PGRST204");
        let mut row = field;
        row["name"] = json!("x");
        refused(&owner.post(CONTACTS, &row), 400, "PGRST204");
        refused(
            &owner
                .with("prefer", "resolution=merge-duplicates")
                .post(&format!("{CONTACTS}?on_conflict=external_id"), &row),
            400,
            "PGRST204",
        );
    }
    refused(
        &owner.post(
            &format!("{CONTACTS}?columns=name,tenant_id"),
            &json!({"name": "x"}),
        ),
        400,
        "PGRST204",
    );
    // What columns leaves out is left, whatever it is.
    owner
        .post(
            &format!("{CONTACTS}?columns=name"),
            &json!({"name": "cut", "tenant_id": "x", "stage": "won"}),
        )
        .is(201);
    assert_eq!(
        workspace.count("crm.contacts", "name = 'cut' and stage = 'lead'"),
        1
    );
}

#[test]
fn a_row_that_is_seen_and_not_ones_own_is_not_changed() {
    let (workspace, ada, _) = two();
    workspace.change("insert into ucrm.roles (tenant_id, name) values ($1, 'own')");
    workspace.change(
        "insert into ucrm.role_permissions (tenant_id, role, resource, action, scope) values ($1, 'own', 'contacts', 'read', 'all'), \
         ($1, 'own', 'contacts', 'create', 'all'), ($1, 'own', 'contacts', 'update', 'own'), ($1, 'own', 'contacts', 'delete', 'own')",
    );
    let own = workspace
        .client(&workspace.member("own").key)
        .with(REPRESENTATION.0, REPRESENTATION.1);
    let mine = own
        .post(CONTACTS, &json!({"name": "Mine", "external_id": "mine"}))
        .is(201)
        .json()[0]
        .clone();
    workspace.execute(
        "update crm.contacts set external_id = 'ada' where name = 'Ada' and tenant_id = $1",
        &[&workspace.id],
    );
    let both = format!("{CONTACTS}?id=in.({},{})", id(&mine), id(&ada));
    refused(&own.patch(&both, &json!({"stage": "lost"})), 403, "42501");
    refused(&own.delete(&both), 403, "42501");
    let merge = own.with("prefer", "resolution=merge-duplicates");
    refused(
        &merge.post(
            &format!("{CONTACTS}?on_conflict=external_id"),
            &json!({"name": "x", "external_id": "ada"}),
        ),
        403,
        "42501",
    );
    refused(
        &merge.post(CONTACTS, &json!({"id": id(&ada), "name": "x"})),
        400,
        "PGRST204",
    );
    assert_eq!(
        workspace.count("crm.contacts", "stage = 'lost' or name = 'x'"),
        0
    );
    assert_eq!(
        own.patch(
            &format!("{CONTACTS}?id=eq.{}", id(&mine)),
            &json!({"stage": "lost"})
        )
        .is(200)
        .json()[0]["stage"],
        "lost"
    );
    own.delete(&format!("{CONTACTS}?id=eq.{}", id(&mine)))
        .is(200);
}

#[test]
fn nothing_is_changed_by_a_filter_alone() {
    let (workspace, ada, bob) = two();
    let owner = workspace.owner();
    for query in [
        "",
        "?name=eq.Ada",
        "?id=not.is.null",
        "?id=neq.01a00000-0000-7000-8000-000000000000",
        &format!("?or=(id.eq.{},id.eq.{})", id(&ada), id(&bob)),
        &format!("?id=not.eq.{}", id(&ada)),
    ] {
        let told = refused(
            &owner.patch(&format!("{CONTACTS}{query}"), &json!({"stage": "lost"})),
            400,
            "21000",
        );
        assert_eq!(told["type"], "urn:ucrm:ids_required");
        refused(&owner.delete(&format!("{CONTACTS}{query}")), 400, "21000");
    }
    assert_eq!(workspace.count("crm.contacts", "stage <> 'lost'"), 2);
    let narrowed = format!("{CONTACTS}?id=in.({},{})&stage=eq.won", id(&ada), id(&bob));
    let changed = owner
        .with(REPRESENTATION.0, REPRESENTATION.1)
        .patch(&narrowed, &json!({"phone": "9"}));
    assert_eq!(changed.is(200).json().as_array().unwrap().len(), 1);
    refused(
        &owner.send("PUT", CONTACTS, &[], Some(b"{}")),
        405,
        "PGRST117",
    );
}
