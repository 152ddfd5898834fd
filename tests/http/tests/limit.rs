//! Windows of keys, people and workspaces: never more than the plan allows, over however many connections.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::ops::Deref;
use std::thread;

use serde_json::json;
use ucrm_http_tests::reply::Reply;
use ucrm_http_tests::stage;
use ucrm_http_tests::wait::until;
use ucrm_http_tests::workspace::Workspace;
use uuid::Uuid;

const CONTACTS: &str = "/api/v1/contacts?limit=1";

/// A workspace on a plan of the test's own, both gone afterwards.
struct Plan {
    name: String,
    workspace: Workspace,
}

impl Plan {
    fn new(limits: &[(&str, i32, i32)]) -> Plan {
        let name = format!("t{}", &Uuid::new_v4().simple().to_string()[..20]);
        let workspace = Workspace::on(&name);
        for window in ["api_key", "user", "tenant"] {
            let given = limits.iter().find(|limit| limit.0 == window);
            let (hits, seconds) = given.map_or((1_000_000, 60), |limit| (limit.1, limit.2));
            workspace.execute(
                "insert into ucrm.rate_limits (name, plan, hits, seconds) values ($1, $2, $3, $4)",
                &[&window, &name, &hits, &seconds],
            );
        }
        Plan { name, workspace }
    }
}

impl Deref for Plan {
    type Target = Workspace;

    fn deref(&self) -> &Workspace {
        &self.workspace
    }
}

impl Drop for Plan {
    fn drop(&mut self) {
        let limits = "delete from ucrm.rate_limits where plan = $1";
        self.workspace.execute(limits, &[&self.name]);
    }
}

#[track_caller]
fn refused(reply: &Reply, window: &str, hits: u32, seconds: u64) {
    let body = reply.refused(429, "rate_limited");
    let wait: u64 = reply.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=seconds).contains(&wait), "{wait}");
    assert_eq!(
        reply.header("ratelimit"),
        Some(format!("\"{window}\";r=0;t={wait}").as_str())
    );
    assert_eq!(
        reply.header("ratelimit-policy"),
        Some(format!("\"{window}\";q={hits};w={seconds}").as_str())
    );
    assert!(body["detail"].as_str().unwrap().contains(&hits.to_string()));
}

#[test]
fn eight_connections_never_get_more_than_the_limit() {
    let workspace = Plan::new(&[("api_key", 128, 60)]);
    let replies: Vec<Reply> = thread::scope(|scope| {
        let hammers: Vec<_> = (0..8)
            .map(|_| {
                let client = workspace.owner();
                scope.spawn(move || (0..40).map(|_| client.get(CONTACTS)).collect::<Vec<_>>())
            })
            .collect();
        hammers
            .into_iter()
            .flat_map(|hammer| hammer.join().unwrap())
            .collect()
    });
    let passed = replies.iter().filter(|reply| reply.status == 200).count();
    assert!((126..=128).contains(&passed), "{passed} of 128 let through");
    for reply in replies.iter().filter(|reply| reply.status != 200) {
        refused(reply, "api_key", 128, 60);
    }
}

#[test]
fn a_refused_or_failed_request_counts_too() {
    let workspace = Plan::new(&[("api_key", 4, 60)]);
    let owner = workspace.owner();
    owner
        .post("/api/v1/contacts", &json!({}))
        .refused(422, "validation_failed");
    owner.get("/api/v1/nothing").refused(404, "not_found");
    owner
        .with("x-tenant-id", "another")
        .get(CONTACTS)
        .refused(403, "not_a_member");
    owner.get(CONTACTS).is(200);
    refused(&owner.get(CONTACTS), "api_key", 4, 60);
    refused(
        &owner.post("/api/v1/contacts", &json!({"name": "X"})),
        "api_key",
        4,
        60,
    );
    assert_eq!(workspace.count("crm.contacts", "true"), 0);
}

#[test]
fn another_key_has_a_window_of_its_own() {
    let workspace = Plan::new(&[("api_key", 3, 60)]);
    let second = workspace.client(&workspace.key(Some(workspace.owner.id), None));
    for client in [workspace.owner(), second] {
        for _ in 0..3 {
            client.get(CONTACTS).is(200);
        }
        refused(&client.get(CONTACTS), "api_key", 3, 60);
    }
}

#[test]
fn all_keys_of_a_person_share_his_window() {
    let workspace = Plan::new(&[("user", 5, 60)]);
    let second = workspace.client(&workspace.key(Some(workspace.owner.id), None));
    let owner = workspace.owner();
    for _ in 0..2 {
        owner.get(CONTACTS).is(200);
        second.get(CONTACTS).is(200);
    }
    owner.get(CONTACTS).is(200);
    refused(&second.get(CONTACTS), "user", 5, 60);
    workspace
        .client(&workspace.member("agent").key)
        .get(CONTACTS)
        .is(200);
}

#[test]
fn a_whole_workspace_shares_one_window() {
    let workspace = Plan::new(&[("tenant", 4, 60)]);
    let service = workspace.client(&workspace.key(None, None));
    let agent = workspace.client(&workspace.member("agent").key);
    for client in [&service, &agent, &service, &agent] {
        client.get(CONTACTS).is(200);
    }
    refused(&service.get(CONTACTS), "tenant", 4, 60);
    refused(&workspace.owner().get(CONTACTS), "tenant", 4, 60);
}

#[test]
fn a_window_opens_again_by_itself() {
    let workspace = Plan::new(&[("api_key", 2, 1)]);
    let owner = workspace.owner();
    let refusal = until("two requests came within a second", || {
        let reply = owner.get(CONTACTS);
        (reply.status == 429).then_some(reply)
    });
    refused(&refusal, "api_key", 2, 1);
    until("the window opens", || {
        (owner.get(CONTACTS).status == 200).then_some(())
    });
}

#[test]
fn a_changed_limit_binds_the_next_request() {
    let workspace = Plan::new(&[("api_key", 2, 60)]);
    let owner = workspace.owner();
    owner.get(CONTACTS).is(200);
    owner.get(CONTACTS).is(200);
    refused(&owner.get(CONTACTS), "api_key", 2, 60);
    workspace.execute(
        "update ucrm.rate_limits set hits = 3 where name = 'api_key' and plan = $1",
        &[&workspace.name],
    );
    owner.get(CONTACTS).is(200);
    refused(&owner.get(CONTACTS), "api_key", 3, 60);
    workspace.change("update ucrm.tenants set plan = 'scale' where id = $1");
    owner.get(CONTACTS).is(200);
}

#[test]
fn the_demos_limits_are_as_announced() {
    let mut db = ucrm_http_tests::database::admin();
    for (tenant, hits) in [("ACME_ID", 2_000_000_000), ("GLOBEX_ID", 600)] {
        let tenant: Uuid = stage::name(tenant).parse().unwrap();
        for window in ["api_key", "user", "tenant"] {
            let row = db
                .query_one("select l.* from ucrm.tenants as t, ucrm.rate_limit($2, t.plan) as l where t.id = $1", &[&tenant, &window])
                .unwrap();
            assert_eq!((row.get::<_, i32>(0), row.get::<_, i32>(1)), (hits, 60));
        }
    }
}
