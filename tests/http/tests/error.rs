//! Refusals: one shape for all of them, and no more in it than the catalogue says.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use serde_json::json;
use ucrm_http_tests::gateway::{Gateway, fresh_address};
use ucrm_http_tests::stage;
use ucrm_http_tests::workspace::Workspace;
use uuid::Uuid;

const CONTACTS: &str = "/api/v1/contacts";

#[test]
fn an_unknown_path_is_not_found() {
    let owner = stage::client("ACME_OWNER_KEY");
    for target in [
        "/",
        "/api",
        "/api/v1",
        "/api/v1/",
        "/api/v2/contacts",
        "/api/v1/nothing",
        "/api/v1/contact",
        "/api/v1/Contacts",
        "//api/v1/contacts",
        "/api/v1/contacts/a/b/c",
        "/api/v1/users",
        "/api/v1/tenants",
        "/api/v1/api_keys/x/y",
        "/livez",
        "/metrics",
        "/api/v1/entity",
        "/api/v1/%63ontacts/a/b/c",
        "/api/v1/contacts%2f1",
        "/api/v1/..",
        "/api/v1/../v1/contacts",
        "/api/v1/contacts/../../contacts",
        "/api/v1/./contacts",
        "/api/v1/contacts;x=1",
    ] {
        for method in ["GET", "POST", "DELETE"] {
            let reply = owner.send(method, target, &[], None);
            assert_eq!(reply.status, 404, "{method} {target}: {}", reply.text());
            reply.refused(404, "not_found");
        }
    }
}

#[test]
fn an_unknown_method_is_not_allowed() {
    let owner = stage::client("ACME_OWNER_KEY");
    for method in ["TRACE", "PROPFIND", "get", "CONNECTX"] {
        let refused = owner.send(method, CONTACTS, &[], None);
        refused.refused(405, "method_not_allowed");
        assert!(refused.header("allow").is_some());
    }
}

#[test]
fn a_body_must_say_that_it_is_json() {
    let workspace = Workspace::new();
    let owner = workspace.owner();
    let body = br#"{"name": "Typed"}"#;
    for kind in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonp",
        "json",
        "",
        "text/json",
    ] {
        let headers = [("content-type", kind)];
        owner
            .send("POST", CONTACTS, &headers, Some(body))
            .refused(415, "unsupported_media_type");
    }
    for kind in [
        "application/json",
        "application/json; charset=utf-8",
        "Application/JSON",
        "application/merge-patch+json",
    ] {
        owner
            .send("POST", CONTACTS, &[("content-type", kind)], Some(body))
            .is(201);
    }
    owner.send("POST", CONTACTS, &[], Some(body)).is(201);
}

#[test]
fn a_request_id_is_made_here_and_nowhere_else() {
    let owner = stage::client("ACME_OWNER_KEY");
    let mut seen = Vec::new();
    for sent in ["none", "01890a5d-ac96-774b-bcce-b302099a8057", "../../etc"] {
        let reply = owner.with("x-request-id", sent).get("/api/v1/nothing");
        let made = reply.header("x-request-id").unwrap().to_owned();
        assert_ne!(made, sent);
        assert_eq!(made.parse::<Uuid>().unwrap().get_version_num(), 7);
        assert_eq!(reply.refused(404, "not_found")["request_id"], json!(made));
        seen.push(made);
    }
    seen.dedup();
    assert_eq!(seen.len(), 3);
}

#[test]
fn no_reply_may_be_kept_or_guessed_at() {
    let owner = stage::client("ACME_OWNER_KEY");
    for target in [CONTACTS, "/api/v1/nothing"] {
        let reply = owner.get(target);
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(reply.header("cache-control"), Some("no-store"));
        assert!(
            !reply
                .headers
                .iter()
                .any(|(name, _)| name.starts_with("x-ucrm-"))
        );
    }
}

#[test]
fn a_failing_function_of_the_dbas_is_a_fixed_500() {
    let workspace = Workspace::new();
    let gateway = Gateway::behind_proxy();
    let name = format!("t_{}", Uuid::new_v4().simple());
    for sql in [
        format!("create schema {name}"),
        format!("grant usage on schema {name} to public"),
        format!(
            "create function {name}.fail(r ucrm.request) returns ucrm.response language plpgsql volatile \
             set search_path = pg_catalog, pg_temp as $$ begin \
             case r.query \
             when 'own' then raise exception 'PT418-text' using errcode = 'PT418', hint = 'secret-hint', detail = 'secret-detail'; \
             when 'refuse' then perform ucrm.refuse('referenced', 'secret-detail'); \
             else raise exception 'secret-message' using errcode = 'XX001', hint = 'secret-hint', detail = 'secret-detail', table = 'secret_table'; \
             end case; end $$"
        ),
        format!("grant execute on function {name}.fail(ucrm.request) to ucrm_handler"),
        format!(
            "insert into ucrm.routes (method, template, function, resource) values ('GET', '/api/v1/{}', '{name}.fail', 'session')",
            name.replace('_', "-")
        ),
    ] {
        workspace.execute(&sql, &[]);
    }
    let client = gateway.from(&fresh_address()).key(&workspace.owner.key);
    let target = format!("/api/v1/{}", name.replace('_', "-"));
    let failed = client.get(&target);
    let shown = failed.refused(500, "internal");
    let own = client.get(&format!("{target}?own"));
    assert_eq!(own.status, 418);
    client
        .get(&format!("{target}?refuse"))
        .refused(409, "referenced");
    for text in [failed.text(), own.text()] {
        assert!(!text.contains("secret"), "{text}");
    }
    // The operator gets the message; what may quote rows stays in the server.
    let said = gateway.said();
    assert!(
        !said.contains("secret-detail") && !said.contains("secret-hint"),
        "{said}"
    );
    let id = shown["request_id"].as_str().unwrap();
    let line = gateway
        .log()
        .into_iter()
        .find(|line| line["request_id"] == id && line["status"] == 500);
    let line = line.expect("a 500 leaves a line");
    assert_eq!(
        (&line["status"], &line["code"], &line["method"]),
        (&json!(500), &json!("internal"), &json!("GET"))
    );
    workspace.execute(
        &format!("delete from ucrm.routes where function = '{name}.fail'"),
        &[],
    );
    client.get(&target).refused(404, "not_found");
    workspace.execute(&format!("drop schema {name} cascade"), &[]);
}

#[test]
fn a_route_of_the_dbas_answers_at_once() {
    let workspace = Workspace::new();
    let owner = workspace.owner();
    let name = format!("t_{}", Uuid::new_v4().simple());
    let target = format!("/api/v1/{}", name.replace('_', "-"));
    owner.get(&target).refused(404, "not_found");
    for sql in [
        format!("create schema {name}"),
        format!("grant usage on schema {name} to public"),
        format!(
            "create function {name}.hello(r ucrm.request) returns ucrm.response language sql stable set search_path = pg_catalog, pg_temp \
             as $$ select row(200, '{{\"content-type\": \"text/plain\"}}', convert_to('hello ' || ucrm.member_role(), 'UTF8'))::ucrm.response $$"
        ),
        format!("grant execute on function {name}.hello(ucrm.request) to ucrm_handler"),
        format!(
            "insert into ucrm.routes (method, template, function, resource) values ('GET', '{target}', '{name}.hello', 'session')"
        ),
    ] {
        workspace.execute(&sql, &[]);
    }
    let reply = owner.get(&target).is(200);
    assert_eq!(
        (reply.text(), reply.header("content-type")),
        ("hello owner", Some("text/plain"))
    );
    owner.delete(&target).refused(405, "method_not_allowed");
    workspace.execute(
        &format!("delete from ucrm.routes where function = '{name}.hello'"),
        &[],
    );
    owner.get(&target).refused(404, "not_found");
    workspace.execute(&format!("drop schema {name} cascade"), &[]);
}

#[test]
fn a_table_protected_now_is_a_resource_now() {
    let workspace = Workspace::new();
    let owner = workspace.owner();
    let name = format!("t_{}", Uuid::new_v4().simple());
    let target = format!("/api/v1/{name}");
    owner.get(&target).refused(404, "not_found");
    for sql in [
        format!("create schema {name}"),
        format!(
            "create table {name}.{name} (tenant_id uuid not null, id uuid not null default ucrm.uuid7(), title text not null, amount numeric(12,2), primary key (tenant_id, id))"
        ),
        format!("select ucrm.protect('{name}.{name}')"),
    ] {
        workspace.execute(&sql, &[]);
    }
    let made = owner
        .post(&target, &json!({"title": "T", "amount": 12.5}))
        .data(201);
    assert_eq!(made["amount"], json!(12.5));
    let one = format!("{target}/{}", made["id"].as_str().unwrap());
    assert_eq!(
        owner
            .get(&format!("{target}?amount=gte.12.5&q=t"))
            .is(200)
            .json()["meta"]["total"],
        1
    );
    workspace
        .client(&workspace.member("reader").key)
        .delete(&one)
        .refused(403, "permission_denied");
    owner.patch(&one, &json!({"amount": 1e30})).refused_fields(
        422,
        "validation_failed",
        &["amount"],
    );
    assert_eq!(
        workspace.count("ucrm.audit_logs", &format!("resource = '{name}'")),
        2
    );
    owner.delete(&one).is(204);
    workspace.execute(&format!("select ucrm.unprotect('{name}.{name}')"), &[]);
    owner.get(&target).refused(404, "not_found");
    workspace.execute(&format!("drop schema {name} cascade"), &[]);
}
