//! Two workspaces side by side: naming another is refused, asking for its rows finds nothing.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use serde_json::{Value, json};
use ucrm_http_tests::stage;
use ucrm_http_tests::workspace::Workspace;
use uuid::Uuid;

const CONTACTS: &str = "/api/v1/contacts";
const TENANT: &str = "/api/v1/tenant";

#[test]
fn a_foreign_id_is_one_that_does_not_exist() {
    let (workspace, other) = (Workspace::new(), Workspace::new());
    let owner = workspace.owner();
    for resource in ["contacts", "organizations"] {
        let list = format!("/api/v1/{resource}");
        let foreign = other
            .owner()
            .post(&list, &json!({"name": "Theirs"}))
            .data(201);
        let foreign = format!("{list}/{}", foreign["id"].as_str().unwrap());
        let random = format!("{list}/{}", Uuid::now_v7());
        let no_uuid = format!("{list}/none");
        for method in ["GET", "PATCH", "DELETE"] {
            let ask = |target: &str| {
                let body = (method == "PATCH").then_some(&b"{\"name\": \"Mine\"}"[..]);
                let json = [("content-type", "application/json")];
                let reply = owner.send(method, target, &json, body);
                reply.refused(404, "not_found");
                let headers = |name: &str| reply.header(name).map(str::to_owned);
                (reply.anonymous(), headers("content-type"), headers("etag"))
            };
            assert_eq!(ask(&foreign), ask(&random), "{method} {resource}");
            assert_eq!(ask(&foreign), ask(&no_uuid), "{method} {resource}");
        }
        let condition = [("if-match", "*")];
        owner
            .send("DELETE", &foreign, &condition, None)
            .refused(404, "not_found");
        other.owner().get(&foreign).is(200);
    }
}

#[test]
fn a_filter_on_foreign_values_finds_nothing() {
    let (workspace, other) = (Workspace::new(), Workspace::new());
    let contact = other
        .owner()
        .post(
            CONTACTS,
            &json!({
                "name": "Theirs", "email": "their@example.org", "external_id": "theirs"
            }),
        )
        .data(201);
    let id = contact["id"].as_str().unwrap();
    let owner = other.owner.id;
    for filter in [
        format!("id=eq.{id}"),
        format!("id=in.({id},{id})"),
        format!("or=(id.eq.{id},owner_id.eq.{owner})"),
        format!("owner_id=eq.{owner}"),
        "external_id=eq.theirs".to_owned(),
        "q=their".to_owned(),
        "name=not.eq.x&archived=any".to_owned(),
    ] {
        let list = workspace
            .owner()
            .get(&format!("{CONTACTS}?{filter}"))
            .is(200)
            .json();
        assert_eq!(list, json!({"data": [], "meta": {"total": 0}}), "{filter}");
    }
}

#[test]
fn a_foreign_or_unknown_workspace_cannot_be_named() {
    let (workspace, other) = (Workspace::new(), Workspace::new());
    let owner = workspace.owner();
    let mut bodies = Vec::new();
    for named in [
        other.id.to_string(),
        other.slug.clone(),
        Uuid::now_v7().to_string(),
        "no-such-workspace".to_owned(),
        "Workspace of a test".to_owned(),
        "'; select 1 --".to_owned(),
        "*".to_owned(),
        String::new(),
    ] {
        for (method, target) in [
            ("GET", CONTACTS),
            ("DELETE", "/api/v1/tenant"),
            ("GET", "/api/v1/session"),
        ] {
            let refused = owner
                .with("x-tenant-id", &named)
                .send(method, target, &[], None);
            refused.refused(403, "not_a_member");
            bodies.push(refused.anonymous());
        }
    }
    bodies.dedup();
    assert_eq!(bodies.len(), 1, "all alike");
    assert_eq!(workspace.count("ucrm.tenant_memberships", "true"), 1);
}

#[test]
fn ones_own_workspace_may_be_named() {
    let workspace = Workspace::new();
    let owner = workspace.owner();
    for named in [
        workspace.id.to_string(),
        workspace.id.to_string().to_uppercase(),
        workspace.slug.clone(),
    ] {
        owner.with("x-tenant-id", &named).get(CONTACTS).is(200);
    }
}

#[test]
fn nobody_sees_the_demos_other_workspaces() {
    let acme = stage::client("ACME_OWNER_KEY");
    let globex = stage::client("GLOBEX_OWNER_KEY");
    let ids = |list: Value| -> Vec<String> {
        let rows = list.as_array().unwrap().iter();
        rows.map(|row| row["id"].as_str().unwrap().to_owned())
            .collect()
    };
    let acme_ids = ids(acme
        .get("/api/v1/contacts?archived=any&limit=100")
        .data(200));
    let globex_ids = ids(globex
        .get("/api/v1/contacts?archived=any&limit=100")
        .data(200));
    assert!(!acme_ids.is_empty() && !globex_ids.is_empty());
    assert!(acme_ids.iter().all(|id| !globex_ids.contains(id)));
}

#[test]
fn the_owner_deletes_his_workspace_and_nobody_elses() {
    let (workspace, other) = (Workspace::new(), Workspace::new());
    workspace.contact("Gone");
    other.contact("Stays");
    let admin = workspace.client(&workspace.member("admin").key);
    admin
        .delete("/api/v1/tenant")
        .refused(403, "permission_denied");
    // One must be able to leave, whatever state the workspace is in.
    workspace.change(
        "update ucrm.tenants set status = 'suspended', trial_ends_at = now() where id = $1",
    );
    workspace.verify(workspace.owner.id, false);
    workspace.owner().delete("/api/v1/tenant").is(204);
    for table in [
        "crm.contacts",
        "ucrm.audit_logs",
        "ucrm.events",
        "ucrm.api_keys",
        "ucrm.tenant_memberships",
    ] {
        assert_eq!(workspace.count(table, "true"), 0, "{table}");
    }
    let tombstones = "select count(*) from ucrm.platform_audit_logs where tenant_id = $1 and action = 'tenant.deleted'";
    assert_eq!(workspace.value::<i64>(tombstones, &[&workspace.id]), 1);
    assert_eq!(
        other.owner().get(CONTACTS).is(200).json()["meta"]["total"],
        1
    );
}

#[test]
fn an_owner_renames_moves_and_sets_his_workspace() {
    let workspace = Workspace::new();
    let owner = workspace.owner();
    let slug = format!("t-{}", Uuid::new_v4().simple());
    let changed = owner
        .patch(
            TENANT,
            &json!({"name": " Renamed ", "slug": slug, "settings": {"mfa_required": false}}),
        )
        .data(200);
    assert_eq!(
        (&changed["name"], &changed["slug"], &changed["settings"]),
        (
            &json!("Renamed"),
            &json!(slug),
            &json!({"mfa_required": false})
        )
    );
    assert_eq!(owner.get(TENANT).data(200), changed);
    // The new slug names it from the next request on, and the old one does not.
    owner.with("x-tenant-id", &slug).get(CONTACTS).is(200);
    owner
        .with("x-tenant-id", &workspace.slug)
        .get(CONTACTS)
        .refused(403, "not_a_member");
    let kept = owner.patch(TENANT, &json!({"name": "Again"})).data(200);
    assert_eq!(
        (&kept["slug"], &kept["settings"]),
        (&json!(slug), &changed["settings"])
    );
    let cleared = json!({"settings": {"mfa_required": null}});
    assert_eq!(
        owner.patch(TENANT, &cleared).data(200)["settings"],
        json!({})
    );
}

#[test]
fn a_wrong_workspace_names_the_field_and_stays_as_it_is() {
    let (workspace, other) = (Workspace::new(), Workspace::new());
    let owner = workspace.owner();
    let before = owner.get(TENANT).data(200);
    for (body, field) in [
        (json!({"name": ""}), "name"),
        (json!({"name": "n".repeat(201)}), "name"),
        (json!({"name": 7}), "name"),
        (json!({"slug": "Upper"}), "slug"),
        (json!({"slug": Uuid::now_v7()}), "slug"),
        (json!({"settings": []}), "settings"),
        (json!({"settings": {"colour": "red"}}), "settings.colour"),
        (
            json!({"settings": {"mfa_required": "yes"}}),
            "settings.mfa_required",
        ),
    ] {
        owner
            .patch(TENANT, &body)
            .refused_fields(422, "validation_failed", &[field]);
    }
    owner
        .patch(TENANT, &json!({"slug": other.slug}))
        .refused(409, "slug_taken");
    for field in ["plan", "status", "trial_ends_at", "id"] {
        owner
            .patch(TENANT, &json!({field: "x"}))
            .refused_fields(400, "unknown_field", &[field]);
    }
    assert_eq!(owner.get(TENANT).data(200), before);
    let agent = workspace.client(&workspace.member("agent").key);
    agent.get(TENANT).refused(403, "permission_denied");
    agent
        .patch(TENANT, &json!({"name": "Mine"}))
        .refused(403, "permission_denied");
    workspace
        .client(&workspace.member("admin").key)
        .patch(TENANT, &json!({"name": "Ours"}))
        .is(200);
}
