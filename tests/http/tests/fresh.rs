//! Who signed in elsewhere steps up there: what is sensitive wants a token that says that he has just shown who he is.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use serde_json::{Value, json};
use ucrm_http_tests::issuer::{Issuer, now};
use ucrm_http_tests::workspace::Workspace;

const KEYS: &str = "/api/v1/api_keys";

fn makes_a_key(issuer: &Issuer<'_>, claims: Value) -> u16 {
    let client = issuer.client(&issuer.token(claims));
    let reply = client.post(KEYS, &json!({"name": "By token"}));
    if reply.status != 201 {
        reply.refused(403, "step_up_required");
    }
    reply.status
}

#[test]
fn a_token_is_fresh_for_ten_minutes_after_the_sign_in_it_names() {
    let workspace = Workspace::new();
    let issuer = Issuer::of(&workspace);
    for (claims, status) in [
        (json!({"auth_time": now()}), 201),
        (json!({"auth_time": now() - 590}), 201),
        (json!({"auth_time": now() - 601}), 403),
        (json!({"auth_time": now() + 3600}), 403),
        (json!({"auth_time": now().to_string()}), 403),
        (json!({"auth_time": null}), 403),
        (json!({"auth_time": 0}), 403),
        // Providers make new tokens by themselves: a new one is no sign-in.
        (json!({"iat": now()}), 403),
    ] {
        assert_eq!(makes_a_key(&issuer, claims.clone()), status, "{claims}");
    }
}

#[test]
fn each_provider_says_it_in_its_own_way() {
    let workspace = Workspace::new();
    let issuer = Issuer::of(&workspace);
    for (claim, claims, status) in [
        // Clerk: minutes since the first factor, when the token was made; -1: never.
        ("fva.0", json!({"fva": [3, -1]}), 201),
        ("fva.0", json!({"fva": [11, -1]}), 403),
        ("fva.0", json!({"fva": [-1, 2]}), 403),
        ("fva.0", json!({"fva": [9, 9], "iat": now() - 120}), 403),
        // Supabase: methods and when they were shown.
        (
            "amr",
            json!({"amr": [{"method": "password", "timestamp": now() - 900}, {"method": "totp", "timestamp": now() - 60}]}),
            201,
        ),
        (
            "amr",
            json!({"amr": [{"method": "password", "timestamp": now() - 900}, {"method": "token_refresh", "timestamp": now()}]}),
            403,
        ),
        ("amr", json!({"amr": ["pwd", "mfa"]}), 403),
        // Who trusts the moment of issue says so.
        ("iat", json!({}), 201),
        ("", json!({"auth_time": now()}), 403),
    ] {
        workspace.execute(
            "update ucrm.issuers set fresh_claim = nullif($2, '') where iss = $1",
            &[&issuer.iss, &claim],
        );
        assert_eq!(
            makes_a_key(&issuer, claims.clone()),
            status,
            "{claim}: {claims}"
        );
    }
}

#[test]
fn a_stale_token_changes_no_keys_roles_members_or_senders_but_does_its_work() {
    let workspace = Workspace::new();
    let issuer = Issuer::of(&workspace);
    let stale = issuer.client(&issuer.token(json!({"auth_time": now() - 3600})));
    let agent = workspace.member("agent");
    let member = format!("/api/v1/members/{}", agent.id);
    stale
        .post("/api/v1/contacts", &json!({"name": "Work"}))
        .is(201);
    stale.get("/api/v1/members").is(200);
    let reply = stale.patch(&member, &json!({"role": "reader"}));
    let body = reply.refused(403, "step_up_required");
    assert!(
        body["hint"]
            .as_str()
            .unwrap()
            .contains("where your token is from"),
        "{body}"
    );
    for reply in [
        stale.delete(&member),
        stale.post(
            "/api/v1/roles",
            &json!({"name": "clerk", "label": "Clerk", "permissions": ["contacts:read"]}),
        ),
        stale.post(
            "/api/v1/invitations",
            &json!({"email": "x@y.example", "role": "agent"}),
        ),
        stale.patch(
            "/api/v1/tenant",
            &json!({"settings": {"mfa_required": true}}),
        ),
        stale.json(
            "PUT",
            "/api/v1/settings/mail",
            &json!({"from_address": "x@y.example", "host": "smtp.y.example"}),
        ),
    ] {
        reply.refused(403, "step_up_required");
    }
    let fresh = issuer.client(&issuer.token(json!({"auth_time": now()})));
    fresh.patch(&member, &json!({"role": "reader"})).is(200);
    // A key says by itself what it is for.
    workspace
        .owner()
        .patch(&member, &json!({"role": "agent"}))
        .is(200);
    // His account here is for those who sign in here, however fresh he is there.
    fresh
        .post("/api/v1/auth/totp", &json!({}))
        .refused(403, "step_up_required");
    fresh
        .post(
            "/api/v1/auth/change-email",
            &json!({"email": "x@y.example"}),
        )
        .refused(403, "step_up_required");
}
