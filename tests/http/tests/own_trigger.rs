//! What a table's own trigger raises: told where it is meant for people, hidden where it is not.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use serde_json::json;
use ucrm_http_tests::workspace::Workspace;
use uuid::Uuid;

#[test]
fn what_a_tables_own_trigger_says_is_for_whoever_wrote() {
    let workspace = Workspace::new();
    let name = format!("t{}", Uuid::new_v4().simple());
    for sql in [
        format!("create schema {name}"),
        format!(
            "create table {name}.{name} (tenant_id uuid not null, id uuid not null default ucrm.uuid7(), name text, primary key (tenant_id, id))"
        ),
        format!(
            "create function {name}.closed() returns trigger language plpgsql as $$ begin \
             if new.name = 'plain' then raise exception 'closed on Sundays' using hint = 'Come back.'; end if; \
             raise exception 'secret-message' using errcode = 'XX001'; end $$"
        ),
        format!(
            "create trigger closed before insert on {name}.{name} for each row execute function {name}.closed()"
        ),
        format!("select ucrm.protect('{name}.{name}')"),
    ] {
        workspace.execute(&sql, &[]);
    }
    let owner = workspace.owner();
    let refusal = owner
        .post(&format!("/api/v1/{name}"), &json!({"name": "plain"}))
        .refused(400, "refused");
    assert_eq!(
        (&refusal["detail"], &refusal["hint"]),
        (&json!("closed on Sundays"), &json!("Come back."))
    );
    let rest = owner.post(&format!("/rest/v1/{name}"), &json!({"name": "plain"}));
    assert_eq!(
        (rest.status, rest.json()["code"].clone()),
        (400, json!("P0001"))
    );
    let failed = owner.post(&format!("/api/v1/{name}"), &json!({"name": "other"}));
    failed.refused(500, "internal");
    assert!(!failed.text().contains("secret"));
    workspace.execute(&format!("drop schema {name} cascade"), &[]);
}
