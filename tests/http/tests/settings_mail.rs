//! A workspace's own mail sender over HTTP: who sets it, what is shown of it, and what a test mail tells.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use serde_json::{Value, json};
use ucrm_http_tests::database;
use ucrm_http_tests::gateway::Gateway;
use ucrm_http_tests::person::Person;
use ucrm_http_tests::wait::until;
use ucrm_http_tests::workspace::Workspace;

const MAIL: &str = "/api/v1/settings/mail";
const TEST: &str = "/api/v1/settings/mail/test";

fn sender() -> Value {
    json!({"from_address": "hello@acme.example", "from_name": "Acme", "host": "smtp.acme.example", "username": "hello", "secret": "a-hidden-password-1234"})
}

#[test]
fn a_sender_is_set_shown_without_its_secret_and_removed() {
    let workspace = Workspace::new();
    let owner = workspace.owner();
    assert_eq!(owner.get(MAIL).data(200), Value::Null);
    owner.post(TEST, &json!({})).refused(404, "not_found");
    let set = owner.json("PUT", MAIL, &sender()).data(200);
    assert_eq!(
        (&set["transport"], &set["port"], &set["tls"], &set["secret"]),
        (
            &json!("smtp"),
            &json!(587),
            &json!("starttls"),
            &json!("••••1234")
        )
    );
    let shown = owner.get(MAIL).is(200);
    assert!(!shown.text().contains("hidden"), "{}", shown.text());
    let shown = shown.data(200);
    assert_eq!(
        (&shown["works"], &shown["test"]),
        (&json!(true), &Value::Null)
    );
    // The secret stays while it goes to the same server.
    let mut renamed = sender();
    renamed["from_name"] = json!("Acme Inc");
    renamed.as_object_mut().unwrap().remove("secret");
    assert_eq!(
        owner.json("PUT", MAIL, &renamed).data(200)["secret"],
        "••••1234"
    );
    renamed["host"] = json!("smtp.evil.example");
    owner
        .json("PUT", MAIL, &renamed)
        .refused_fields(422, "validation_failed", &["secret"]);
    owner.delete(MAIL).is(204);
    owner.delete(MAIL).refused(404, "not_found");
    assert_eq!(owner.get(MAIL).data(200), Value::Null);
    assert_eq!(workspace.count("ucrm.secrets", "kind = 'mail'"), 0);
    let told: Vec<String> = workspace.value(
        "select array_agg(action order by id) from ucrm.audit_logs where tenant_id = $1 and resource = 'settings'",
        &[&workspace.id],
    );
    assert_eq!(told, ["create", "update", "delete"]);
}

#[test]
fn what_is_wrong_with_a_sender_is_said_of_the_field() {
    let workspace = Workspace::new();
    let owner = workspace.owner();
    let with = |name: &str, value: Value| {
        let mut body = sender();
        body[name] = value;
        owner.json("PUT", MAIL, &body)
    };
    for (name, value) in [
        ("from_address", json!("nobody")),
        ("from_name", json!("two\nlines")),
        ("transport", json!("pigeon")),
        ("transport", json!("resend")),
        ("host", json!("127.0.0.1")),
        ("host", json!("metadata.google.internal")),
        ("port", json!(22)),
        ("port", json!("587")),
        ("tls", json!("none")),
        ("secret", json!("two\r\nlines")),
    ] {
        with(name, value).refused_fields(422, "validation_failed", &[name]);
    }
    with("bcc", json!("x@y.example")).refused_fields(400, "unknown_field", &["bcc"]);
    assert_eq!(owner.get(MAIL).data(200), Value::Null);
}

#[test]
fn who_has_no_settings_and_another_workspace_have_nothing_of_it() {
    let (workspace, other) = (Workspace::new(), Workspace::new());
    workspace.owner().json("PUT", MAIL, &sender()).is(200);
    for role in ["agent", "member", "reader"] {
        let client = workspace.client(&workspace.member(role).key);
        client.get(MAIL).refused(403, "permission_denied");
        client
            .json("PUT", MAIL, &sender())
            .refused(403, "permission_denied");
        client.delete(MAIL).refused(403, "permission_denied");
        client
            .post(TEST, &json!({}))
            .refused(403, "permission_denied");
    }
    let reads = workspace.client(&workspace.key(Some(workspace.owner.id), Some("settings:read")));
    reads.get(MAIL).is(200);
    reads
        .json("PUT", MAIL, &sender())
        .refused(403, "key_scope_denied");
    reads.delete(MAIL).refused(403, "key_scope_denied");
    reads
        .post(TEST, &json!({}))
        .refused(403, "key_scope_denied");
    let updates =
        workspace.client(&workspace.key(Some(workspace.owner.id), Some("settings:update")));
    updates.delete(MAIL).refused(403, "key_scope_denied");
    // Nobody but a person gets a test mail.
    let service = workspace.client(&workspace.key(None, Some("settings:update,settings:read")));
    service
        .post(TEST, &json!({}))
        .refused(403, "permission_denied");
    assert_eq!(other.owner().get(MAIL).data(200), Value::Null);
    other.owner().delete(MAIL).refused(404, "not_found");
    assert_eq!(
        workspace.owner().get(MAIL).data(200)["host"],
        "smtp.acme.example"
    );
    assert_eq!(workspace.count("ucrm.emails", "kind = 'sender_test'"), 0);
}

#[test]
fn a_sender_changes_only_in_a_fresh_session() {
    let gateway = Gateway::behind_proxy();
    let person = Person::with_workspace(&gateway);
    let put = || person.send("PUT", MAIL, Some(&sender()));
    database::execute(
        &mut database::admin(),
        "update ucrm.sessions set fresh_until = clock_timestamp() where user_id = $1",
        &[&person.id()],
    );
    put().refused(403, "step_up_required");
    person.get(MAIL).is(200);
    person
        .post(
            "/api/v1/auth/step-up",
            &json!({"password": person.password}),
        )
        .is(200);
    put().is(200);
    database::execute(
        &mut database::admin(),
        "update ucrm.sessions set fresh_until = clock_timestamp() where user_id = $1",
        &[&person.id()],
    );
    person.delete(MAIL).refused(403, "step_up_required");
}

#[test]
fn a_test_mail_goes_to_whoever_asks_by_the_own_sender_and_its_end_is_told() {
    let workspace = Workspace::new();
    let owner = workspace.owner();
    owner.json("PUT", MAIL, &sender()).is(200);
    // One that rests is tried all the same.
    workspace.change("update ucrm.mail_senders set failures = 3, failed_at = now(), last_error = 'x' where tenant_id = $1");
    let queued = owner.post(TEST, &json!({})).data(202);
    let email: String = workspace.value(
        "select email from ucrm.users where id = $1",
        &[&workspace.owner.id],
    );
    assert_eq!(
        (&queued["recipient"], &queued["status"]),
        (&json!(email), &json!("queued"))
    );
    let shown = until("the test mail has an end", || {
        let shown = owner.get(MAIL).data(200);
        (shown["test"]["status"] == "sent").then_some(shown)
    });
    assert_eq!(
        (&shown["test"]["id"], &shown["works"]),
        (&queued["id"], &json!(true))
    );
    // A secret that no key opens any more: the platform does not stand in for a test.
    workspace.change("delete from ucrm.secrets where tenant_id = $1 and kind = 'mail'");
    owner.post(TEST, &json!({})).is(202);
    let shown = until("the test mail has an end", || {
        let shown = owner.get(MAIL).data(200);
        (shown["test"]["status"] == "failed").then_some(shown)
    });
    assert_eq!(
        shown["test"]["error"],
        "the secret cannot be opened: save it again"
    );
    assert_eq!(shown["works"], false);
    for _ in 2..10 {
        owner.post(TEST, &json!({})).is(202);
    }
    let reply = owner.post(TEST, &json!({}));
    reply.refused(429, "rate_limited");
    let wait: u64 = reply.header("retry-after").unwrap().parse().unwrap();
    assert!((3570..=3600).contains(&wait), "{wait}");
}
