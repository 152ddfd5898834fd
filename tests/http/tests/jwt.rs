//! Tokens of outside issuers over HTTP: a person comes with one, and every change binds the next request.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::thread;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as B64;
use ring::signature::KeyPair;
use serde_json::{Value, json};
use ucrm_http_tests::issuer::{Issuer, jwks, now, pair, signed};
use ucrm_http_tests::workspace::Workspace;
use uuid::Uuid;

const CONTACTS: &str = "/api/v1/contacts";

#[test]
fn a_token_of_an_outside_issuer_is_a_member() {
    let workspace = Workspace::new();
    let issuer = Issuer::of(&workspace);
    let client = issuer.client(&issuer.token(json!({})));
    let made = client
        .post(CONTACTS, &json!({"name": "By token"}))
        .data(201);
    client
        .get(&format!("{CONTACTS}/{}", made["id"].as_str().unwrap()))
        .is(200);
    let who = workspace.value::<Option<Uuid>>(
        "select user_id from ucrm.audit_logs where tenant_id = $1 and record_id = $2",
        &[&workspace.id, &made["id"].as_str().unwrap()],
    );
    assert_eq!(who, Some(workspace.owner.id));
    for named in [workspace.slug.clone(), workspace.id.to_string()] {
        client.with("x-tenant-id", &named).get(CONTACTS).is(200);
    }
    for claimed in [workspace.slug.clone(), workspace.id.to_string()] {
        issuer
            .client(&issuer.token(json!({"org": claimed})))
            .get(CONTACTS)
            .is(200);
    }
}

#[test]
fn a_workspace_one_is_not_in_and_none_are_the_same() {
    let (workspace, other) = (Workspace::new(), Workspace::new());
    let issuer = Issuer::of(&workspace);
    let mut replies = vec![];
    for name in [
        other.slug.clone(),
        other.id.to_string(),
        "nowhere".to_owned(),
        Uuid::new_v4().to_string(),
    ] {
        replies.push(
            issuer
                .client(&issuer.token(json!({})))
                .with("x-tenant-id", &name)
                .get(CONTACTS),
        );
        replies.push(
            issuer
                .client(&issuer.token(json!({"org": name})))
                .get(CONTACTS),
        );
    }
    for reply in &replies {
        reply.refused(403, "not_a_member");
        assert_eq!(reply.anonymous(), replies[0].anonymous());
    }
    assert_eq!(
        other.count("ucrm.audit_logs", "action = 'denied'"),
        0,
        "a stranger writes nothing there"
    );
}

#[test]
fn whatever_is_wrong_with_a_token_the_reply_is_the_same() {
    let workspace = Workspace::new();
    let issuer = Issuer::of(&workspace);
    let header = |more: Value| {
        let mut header = json!({"alg": "EdDSA", "kid": "k1"});
        for (name, value) in more.as_object().unwrap() {
            header[name] = value.clone();
        }
        header
    };
    let good = issuer.claims(json!({}));
    let stranger = pair();
    let whole = issuer.token(json!({}));
    issuer.client(&whole).get(CONTACTS).is(200);
    let (text, signature) = whole.rsplit_once('.').unwrap();
    let none = |name: &str| {
        let header = json!({"alg": name}).to_string();
        format!("{}.{}.", B64.encode(header), B64.encode(good.to_string()))
    };
    let secret = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, issuer.pair.public_key().as_ref());
    let confused = format!(
        "{}.{}",
        B64.encode(r#"{"alg":"HS256","kid":"k1"}"#),
        B64.encode(good.to_string())
    );
    let confused = format!(
        "{confused}.{}",
        B64.encode(ring::hmac::sign(&secret, confused.as_bytes()))
    );
    let own = format!(
        "{}.{}.{signature}",
        B64.encode(r#"{"alg":"HS256","kid":"00000000"}"#),
        B64.encode(json!({"iss": "ucrm", "aud": "ucrm", "exp": now() + 9}).to_string())
    );
    let tokens = [
        "x".to_owned(),
        "..".to_owned(),
        text.to_owned(),
        format!("{text}."),
        format!("{whole}."),
        format!("{whole}="),
        format!("{text}.{}", B64.encode([0; 64])),
        none("none"),
        none("None"),
        none("NONE"),
        confused,
        own,
        signed(&stranger, &header(json!({})), &good),
        signed(
            &stranger,
            &header(json!({"jwk": jwks("k1", &stranger)["keys"][0]})),
            &good,
        ),
        signed(
            &issuer.pair,
            &header(json!({"jku": "https://evil.example/"})),
            &good,
        ),
        signed(
            &issuer.pair,
            &header(json!({"x5u": "https://evil.example/"})),
            &good,
        ),
        signed(&issuer.pair, &header(json!({"crit": ["exp"]})), &good),
        signed(&issuer.pair, &header(json!({"kid": "k2"})), &good),
        signed(
            &issuer.pair,
            &header(json!({"kid": "k1' or true--"})),
            &good,
        ),
        signed(&issuer.pair, &header(json!({"typ": "logout+jwt"})), &good),
        issuer.token(json!({"exp": now() - 1})),
        issuer.token(json!({"exp": null})),
        issuer.token(json!({"exp": "soon"})),
        issuer.token(json!({"nbf": now() + 120})),
        issuer.token(json!({"iat": now() + 120})),
        issuer.token(json!({"aud": "other"})),
        issuer.token(json!({"aud": null})),
        issuer.token(json!({"iss": "https://nobody.example"})),
        issuer.token(json!({"sub": "nobody"})),
        issuer.token(json!({"sub": null})),
    ];
    let unknown = issuer.client("nonsense").get(CONTACTS);
    for token in &tokens {
        let reply = issuer.client(token).get(CONTACTS);
        reply.refused(401, "unauthenticated");
        assert_eq!(reply.anonymous(), unknown.anonymous(), "{token}");
        assert_eq!(
            reply.header("www-authenticate"),
            unknown.header("www-authenticate")
        );
    }
}

#[test]
fn every_change_binds_the_next_request() {
    let workspace = Workspace::new();
    let issuer = Issuer::of(&workspace);
    let member = workspace.member("agent");
    issuer.knows("agent", member.id);
    let client = issuer.client(&issuer.token(json!({"sub": "agent"})));
    let passes = || client.get(CONTACTS).is(200);
    passes();

    workspace.execute(
        "update ucrm.tenant_memberships set disabled_at = now() where user_id = $1",
        &[&member.id],
    );
    client.get(CONTACTS).refused(403, "member_disabled");
    workspace.execute(
        "update ucrm.tenant_memberships set disabled_at = null where user_id = $1",
        &[&member.id],
    );
    passes();

    issuer.change("update ucrm.issuers set enabled = false where iss = $1");
    client.get(CONTACTS).refused(401, "unauthenticated");
    issuer.change("update ucrm.issuers set enabled = true where iss = $1");
    passes();

    workspace.execute(
        "update ucrm.issuers set jwks = $2 where iss = $1",
        &[&issuer.iss, &jwks("k2", &pair())],
    );
    client.get(CONTACTS).refused(401, "unauthenticated");
    workspace.execute(
        "update ucrm.issuers set jwks = $2 where iss = $1",
        &[&issuer.iss, &jwks("k1", &issuer.pair)],
    );
    passes();

    workspace.execute(
        "update ucrm.tenant_memberships set role = 'reader' where user_id = $1",
        &[&member.id],
    );
    client
        .post(CONTACTS, &json!({"name": "x"}))
        .refused(403, "permission_denied");

    workspace.execute(
        "delete from ucrm.tenant_memberships where user_id = $1",
        &[&member.id],
    );
    client.get(CONTACTS).refused(403, "not_a_member");

    issuer.change("delete from ucrm.user_identities where issuer_id = (select id from ucrm.issuers where iss = $1)");
    client.get(CONTACTS).refused(401, "unauthenticated");
}

#[test]
fn the_role_a_token_names_can_only_narrow() {
    let workspace = Workspace::new();
    let issuer = Issuer::of(&workspace);
    let contact = json!({"name": "x"});
    let of = |role: &str| issuer.client(&issuer.token(json!({"role": role})));
    of("owner").post(CONTACTS, &contact).is(201);
    of("reader").get(CONTACTS).is(200);
    of("reader")
        .post(CONTACTS, &contact)
        .refused(403, "permission_denied");
    of("unknown")
        .get(CONTACTS)
        .refused(403, "permission_denied");
    let reader = workspace.member("reader");
    issuer.knows("reader", reader.id);
    let widened = issuer.client(&issuer.token(json!({"sub": "reader", "role": "owner"})));
    widened
        .post(CONTACTS, &contact)
        .refused(403, "permission_denied");
}

#[test]
fn a_new_person_who_comes_eight_times_at_once_is_one() {
    let workspace = Workspace::new();
    let issuer = Issuer::of(&workspace);
    issuer.change("update ucrm.issuers set create_users = true where iss = $1");
    let email = format!("{}@tests.example", Uuid::new_v4().simple());
    let token = issuer.token(json!({"sub": "new", "email": email, "email_verified": true}));
    thread::scope(|scope| {
        for _ in 0..8 {
            let client = issuer.client(&token);
            scope.spawn(move || client.get(CONTACTS).refused(403, "not_a_member"));
        }
    });
    let many: i64 = workspace.value(
        "select count(*) from ucrm.users where email = $1",
        &[&email],
    );
    let linked: i64 = workspace.value("select count(*) from ucrm.user_identities where subject = 'new' and issuer_id = (select id from ucrm.issuers where iss = $1)", &[&issuer.iss]);
    assert_eq!((many, linked), (1, 1));
    workspace.execute("delete from ucrm.users where email = $1", &[&email]);
}

#[test]
fn an_unknown_key_is_asked_for_once_however_many_tokens_name_one() {
    let workspace = Workspace::new();
    let issuer = Issuer::of(&workspace);
    let wanted = || {
        workspace.value::<String>(
            "select concat(jwks_wanted_at, ' ', ctid) from ucrm.issuers where iss = $1",
            &[&issuer.iss],
        )
    };
    // A bad signature under a known key asks for nothing.
    let before = wanted();
    let forged = signed(
        &pair(),
        &json!({"alg": "EdDSA", "kid": "k1"}),
        &issuer.claims(json!({})),
    );
    issuer
        .client(&forged)
        .get(CONTACTS)
        .refused(401, "unauthenticated");
    assert_eq!(wanted(), before);
    let unknown = |n: u32| {
        signed(
            &pair(),
            &json!({"alg": "EdDSA", "kid": format!("unknown-{n}")}),
            &issuer.claims(json!({})),
        )
    };
    thread::scope(|scope| {
        for n in 0..8 {
            let client = issuer.client(&unknown(n));
            scope.spawn(move || client.get(CONTACTS).refused(401, "unauthenticated"));
        }
    });
    let once = wanted();
    assert_ne!(once, before);
    for n in 8..16 {
        issuer
            .client(&unknown(n))
            .get(CONTACTS)
            .refused(401, "unauthenticated");
    }
    // The worker of a gateway may take the claim meanwhile: the time is what counts.
    let moment = |text: &str| text.split(' ').take(2).collect::<Vec<_>>().join(" ");
    assert_eq!(moment(&wanted()), moment(&once));
}
