//! Cookies of a session: what another origin, another cookie or another credential makes of them.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use serde_json::json;
use ucrm_http_tests::gateway::{Gateway, fresh_address};
use ucrm_http_tests::person::Person;
use ucrm_http_tests::workspace::Workspace;

const LOGIN: &str = "/api/v1/auth/login";
const SESSIONS: &str = "/api/v1/auth/sessions";
const CONTACTS: &str = "/api/v1/contacts";

fn proxied() -> Gateway {
    Gateway::behind_proxy()
}

#[test]
fn a_page_of_another_origin_writes_nothing_with_the_cookie() {
    let gateway = Gateway::start(&[
        ("UCRM_TRUSTED_PROXIES", "127.0.0.0/8"),
        ("UCRM_ALLOWED_ORIGINS", "https://friend.example"),
    ]);
    let person = Person::with_workspace(&gateway);
    let cookie = format!("ucrm_session={}", person.cookie().unwrap());
    let host = gateway.url.strip_prefix("http://").unwrap();
    let own = format!("http://{host}");
    let browser = gateway.from(&fresh_address()).with("cookie", &cookie);
    let send = |origin: Option<&str>, site: Option<&str>, kind: &str| {
        let mut headers = vec![("content-type", kind)];
        headers.extend(origin.map(|origin| ("origin", origin)));
        headers.extend(site.map(|site| ("sec-fetch-site", site)));
        browser.send("POST", CONTACTS, &headers, Some(br#"{"name": "Forged"}"#))
    };
    for kind in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json",
    ] {
        for (origin, site) in [
            (Some("https://evil.example"), None),
            (Some("https://evil.example"), Some("cross-site")),
            (Some("null"), Some("cross-site")),
            (None, Some("cross-site")),
            (None, Some("same-site")),
        ] {
            send(origin, site, kind).refused(403, "csrf_rejected");
        }
    }
    assert_eq!(browser.get(CONTACTS).json()["meta"]["total"], 0);
    for (origin, site) in [
        (None, None),
        (Some(own.as_str()), Some("same-origin")),
        (Some("https://friend.example"), Some("cross-site")),
        (None, Some("none")),
    ] {
        send(origin, site, "application/json").is(201);
    }
    // Nor does it sign anybody in, who would then work in the attacker's account.
    gateway
        .from(&fresh_address())
        .with("origin", "https://evil.example")
        .post(
            LOGIN,
            &json!({"email": person.email, "password": person.password}),
        )
        .refused(403, "csrf_rejected");
}

#[test]
fn two_cookies_of_the_name_are_no_choice_and_an_explicit_credential_beats_one() {
    let gateway = proxied();
    let person = Person::with_workspace(&gateway);
    let value = person.cookie().unwrap();
    let here = gateway.from(&fresh_address());
    for cookies in [
        format!("ucrm_session={value}; ucrm_session=planted"),
        format!("ucrm_session={value}; theme=dark; ucrm_session={value}"),
    ] {
        here.with("cookie", &cookies)
            .get(CONTACTS)
            .refused(400, "ambiguous_credential");
    }
    let beside = format!("theme=dark; ucrm_session={value}; xucrm_session=no; ucrm_sessionx=no");
    here.with("cookie", &beside).get(CONTACTS).is(200);
    let workspace = Workspace::new();
    let both = here.with("cookie", &beside).key(&workspace.owner.key);
    assert_eq!(
        both.get("/api/v1/session").data(200)["tenant"]["slug"],
        json!(workspace.slug)
    );
    here.with("cookie", &beside)
        .key("ucrm_live_nonsense")
        .get(CONTACTS)
        .refused(401, "unauthenticated");
}

#[test]
fn over_https_the_cookie_is_secure_and_bound_to_the_host() {
    let gateway = Gateway::start(&[
        ("UCRM_TRUSTED_PROXIES", "127.0.0.0/8"),
        ("UCRM_PUBLIC_URL", "https://app.example"),
    ]);
    let plain = proxied();
    let person = Person::verified(&plain);
    let browser = gateway.from(&fresh_address());
    let reply = browser
        .post(
            LOGIN,
            &json!({"email": person.email, "password": person.password}),
        )
        .is(200);
    let set = reply.header("set-cookie").unwrap();
    assert!(set.starts_with("__Host-ucrm_session="), "{set}");
    for flag in ["; Path=/;", "; HttpOnly", "; SameSite=Lax", "; Secure"] {
        assert!(set.contains(flag), "{flag}: {set}");
    }
    assert!(!set.to_lowercase().contains("domain="), "{set}");
    let value = set.split_once('=').unwrap().1.split(';').next().unwrap();
    browser
        .with("cookie", &format!("ucrm_session={value}"))
        .get(SESSIONS)
        .refused(401, "unauthenticated");
    browser
        .with("cookie", &format!("__Host-ucrm_session={value}"))
        .get(SESSIONS)
        .is(200);
}
