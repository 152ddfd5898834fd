//! Custom columns and files over HTTP: defined, used, refused by name; uploaded, served so that no browser runs them.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use serde_json::json;
use ucrm_http_tests::workspace::Workspace;

const COLUMNS: &str = "/api/v1/custom_columns";
const CONTACTS: &str = "/api/v1/contacts";
const AVATARS: &str = "/api/v1/files/memberAvatars";
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";

#[test]
fn a_column_is_defined_used_changed_and_taken_away() {
    let workspace = Workspace::new();
    let owner = workspace.owner();
    let size = json!({"resource": "contacts", "name": "size", "type": "single_select", "options": ["s", "m"]});
    let made = owner.post(COLUMNS, &size).data(201);
    assert_eq!(made["label"], "Size");
    owner
        .post(COLUMNS, &size)
        .refused_fields(409, "duplicate", &["name"]);
    let one = format!("{COLUMNS}/{}", made["id"].as_str().unwrap());
    assert_eq!(owner.get(&one).data(200), made);
    let listed = owner.get(&format!("{COLUMNS}?resource=eq.contacts")).json();
    assert_eq!(listed["meta"]["total"], 1);

    let contact = owner
        .post(CONTACTS, &json!({"name": "C", "custom": {"size": "s"}}))
        .data(201);
    let target = format!("{CONTACTS}/{}", contact["id"].as_str().unwrap());
    for body in [
        json!({"custom": {"size": "xl"}}),
        json!({"custom": {"size": 1}}),
    ] {
        owner
            .patch(&target, &body)
            .refused_fields(422, "validation_failed", &["custom.size"]);
    }
    let both = json!({"name": "C", "custom": {"size": "xl", "colour": "red"}});
    owner.post(CONTACTS, &both).refused_fields(
        422,
        "validation_failed",
        &["custom.colour", "custom.size"],
    );
    owner
        .patch(&one, &json!({"options": ["m"]}))
        .refused(409, "choice_in_use");
    owner
        .patch(&one, &json!({"type": "plain"}))
        .refused_fields(400, "unknown_field", &["type"]);
    let renamed = owner
        .patch(&one, &json!({"label": "Größe", "required": true}))
        .data(200);
    assert_eq!(
        (&renamed["label"], &renamed["required"]),
        (&json!("Größe"), &json!(true))
    );
    owner.post(CONTACTS, &json!({"name": "C"})).refused_fields(
        422,
        "validation_failed",
        &["custom.size"],
    );
    owner.delete(&one).is(204);
    owner.delete(&one).refused(404, "not_found");
    assert_eq!(owner.get(&target).data(200)["custom"], json!({}));

    let agent = workspace.client(&workspace.member("agent").key);
    agent.post(COLUMNS, &size).refused(403, "permission_denied");
    let other = Workspace::new();
    other.owner().get(&one).refused(404, "not_found");
    other
        .owner()
        .post(CONTACTS, &json!({"name": "C", "custom": {"size": "s"}}))
        .refused_fields(422, "validation_failed", &["custom.size"]);
}

#[test]
fn a_file_is_uploaded_and_served_as_what_it_is_and_no_more() {
    let workspace = Workspace::new();
    let member = workspace.client(&workspace.member("member").key);
    let png = [("content-type", "image/png")];
    let made = member
        .send(
            "POST",
            &format!("{AVATARS}?name=me%20%26%20you.png"),
            &png,
            Some(PNG),
        )
        .data(201);
    assert_eq!(
        (&made["name"], &made["size"]),
        (&json!("me & you.png"), &json!(PNG.len()))
    );
    let target = format!("/api/v1/files/{}", made["id"].as_str().unwrap());
    let reply = workspace.owner().get(&target).is(200);
    assert_eq!(reply.body, PNG);
    assert_eq!(reply.header("content-type"), Some("image/png"));
    assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(
        reply.header("content-security-policy"),
        Some("default-src 'none'; sandbox")
    );
    let etag = reply.header("etag").unwrap().to_owned();
    let unchanged = member.send("GET", &target, &[("if-none-match", etag.as_str())], None);
    unchanged.is(304);
    Workspace::new()
        .owner()
        .get(&target)
        .refused(404, "not_found");

    let mut large = PNG.to_vec();
    large.resize(2 * 1024 * 1024 + 1, 0);
    member
        .send("POST", AVATARS, &png, Some(&large))
        .refused(413, "body_too_large");
    large.truncate(2 * 1024 * 1024);
    member.send("POST", AVATARS, &png, Some(&large)).is(201);
    let svg = b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>";
    for (kind, status, code) in [
        ("image/svg+xml", 415, "unsupported_media_type"),
        ("image/png", 422, "validation_failed"),
    ] {
        member
            .send("POST", AVATARS, &[("content-type", kind)], Some(svg))
            .refused(status, code);
    }
    member
        .send("POST", "/api/v1/files/organizationLogos", &png, Some(PNG))
        .refused(403, "permission_denied");
    member.delete(&target).is(204);
    member.get(&target).refused(404, "not_found");
}

#[test]
fn whoever_polls_gets_each_event_once() {
    let workspace = Workspace::new();
    let owner = workspace.owner();
    let mut after = owner.get("/api/v1/events?limit=1000").is(200).json()["meta"]["next_after"]
        .as_str()
        .unwrap()
        .to_owned();
    for n in 0..5 {
        owner
            .post(CONTACTS, &json!({"name": format!("E{n}")}))
            .is(201);
    }
    let mut names = Vec::new();
    // Others' transactions may hold events up for a moment.
    while names.len() < 5 {
        let page = owner
            .get(&format!("/api/v1/events?limit=2&after={after}"))
            .is(200)
            .json();
        for event in page["data"].as_array().unwrap() {
            // So may those of the workspace's own making.
            if let Some(name) = event["data"]["name"].as_str()
                && event["type"] == "contacts.created"
                && name.starts_with('E')
            {
                names.push(name.to_owned());
            }
        }
        after = page["meta"]["next_after"].as_str().unwrap().to_owned();
    }
    assert_eq!(names, ["E0", "E1", "E2", "E3", "E4"]);
    owner
        .get("/api/v1/events?after=nonsense")
        .refused(400, "invalid_filter");
}
