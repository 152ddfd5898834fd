//! For the operator: health, metrics, logs without secrets, and settings that are refused before anything is bound.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs;

use serde_json::json;
use ucrm_http_tests::client::Client;
use ucrm_http_tests::gateway::{Gateway, fresh_address};
use ucrm_http_tests::stage::{self, name};
use ucrm_http_tests::workspace::Workspace;
use uuid::Uuid;

const CONTACTS: &str = "/api/v1/contacts";

#[test]
fn it_says_that_it_lives_and_is_ready() {
    let admin = Client::to(&name("UCRM_ADMIN_URL"));
    assert_eq!(admin.get("/livez").is(200).text(), "alive\n");
    assert_eq!(admin.get("/readyz").is(200).text(), "ready\n");
    admin.get("/").is(404);
    admin.get(CONTACTS).is(404);
    assert_eq!(
        admin
            .send("POST", "/livez", &[], None)
            .is(405)
            .header("allow"),
        Some("GET, HEAD")
    );
}

/// The value of one line of the metrics.
fn metric(text: &str, line: &str) -> Option<f64> {
    let rest = text.lines().find_map(|known| known.strip_prefix(line))?;
    rest.trim().parse().ok()
}

#[test]
fn metrics_count_by_route_status_and_refusal() {
    let gateway = Gateway::behind_proxy();
    let client = gateway.from(&fresh_address()).key(&name("ACME_READER_KEY"));
    let one = format!("{CONTACTS}/{}", Uuid::now_v7());
    for _ in 0..3 {
        client.get(&one).is(404);
    }
    client.post(CONTACTS, &json!({"name": "X"})).is(403);
    client.get("/api/v1/nothing").is(404);
    gateway.from(&fresh_address()).get(CONTACTS).is(401);
    let reply = Client::to(&gateway.admin_url).get("/metrics").is(200);
    assert!(
        reply
            .header("content-type")
            .unwrap()
            .starts_with("text/plain")
    );
    let text = reply.text();
    let requests: Vec<&str> = text
        .lines()
        .filter(|line| line.starts_with("ucrm_") && line.contains("route="))
        .collect();
    let count = |parts: [&str; 4]| -> f64 {
        let fits = |line: &&&str| {
            parts.iter().all(|part| line.contains(part))
                && !line.contains("_bucket")
                && !line.contains("_sum")
        };
        requests
            .iter()
            .filter(fits)
            .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
            .fold(0.0, f64::max)
    };
    assert_eq!(
        count([
            "route=\"/api/v1/{resource}/{id}\"",
            "status=\"404\"",
            "code=\"not_found\"",
            "method=\"GET\""
        ]),
        3.0,
        "{text}"
    );
    assert_eq!(
        count([
            "route=\"/api/v1/{resource}\"",
            "status=\"403\"",
            "code=\"permission_denied\"",
            "method=\"POST\""
        ]),
        1.0,
        "{text}"
    );
    assert_eq!(
        count([
            "code=\"unauthenticated\"",
            "status=\"401\"",
            "method=\"GET\"",
            "route="
        ]),
        1.0,
        "{text}"
    );
    assert!(
        text.lines().any(|line| line.contains("_bucket{")),
        "a histogram of latency"
    );
    assert!(text.contains("pool"), "the pool");
    for segment in ["address", "account"] {
        let line = format!("ucrm_window_capacity{{segment=\"{segment}\"}}");
        assert!(metric(text, &line).unwrap() > 0.0, "{text}");
    }
    for secret in [&one[one.len() - 36..], "nothing", &name("ACME_READER_KEY")] {
        assert!(!text.contains(secret), "{secret}");
    }
}

#[test]
fn the_log_is_json_without_secrets() {
    let workspace = Workspace::new();
    let gateway = Gateway::start(&[
        ("UCRM_LOG", "debug"),
        ("UCRM_TRUSTED_PROXIES", "127.0.0.0/8"),
    ]);
    let address = fresh_address();
    let client = gateway.from(&address).key(&workspace.owner.key);
    let made = client
        .post(
            &format!("{CONTACTS}?"),
            &json!({"name": "Body-In-Log", "notes": "Body-In-Log"}),
        )
        .is(201);
    client
        .get(&format!("{CONTACTS}?name=eq.Query-In-Log"))
        .is(200);
    client
        .with("authorization", "Bearer Token-In-Log")
        .get(CONTACTS)
        .refused(400, "ambiguous_credential");
    gateway
        .from(&address)
        .with("authorization", "Bearer Token-In-Log")
        .get(CONTACTS)
        .is(401);
    gateway
        .from(&address)
        .with("cookie", "s=Cookie-In-Log")
        .with("x-internal-secret", "Secret-In-Log")
        .get(CONTACTS)
        .is(401);
    client
        .post(CONTACTS, &json!({"name": "B", "stage": "Value-In-Log"}))
        .is(422);
    client
        .with("x-request-id", "client-s-own-id")
        .get("/api/v1/nothing")
        .is(404);
    let said = gateway.said();
    for line in said.lines() {
        let line: serde_json::Value =
            serde_json::from_str(line).unwrap_or_else(|_| panic!("not JSON: {line}"));
        assert!(line["timestamp"].is_string() && line["level"].is_string());
    }
    let secret = workspace.owner.secret();
    for hidden in [
        secret,
        &workspace.owner.key,
        "Body-In-Log",
        "Query-In-Log",
        "Token-In-Log",
        "Cookie-In-Log",
        "Secret-In-Log",
        "Value-In-Log",
    ] {
        assert!(!said.contains(hidden), "{hidden} in {said}");
    }
    let line = |id: &str| {
        gateway
            .log()
            .into_iter()
            .find(|line| line["request_id"] == id)
            .unwrap()
    };
    let access = line(made.header("x-request-id").unwrap());
    assert_eq!(
        (&access["status"], &access["method"], &access["route"]),
        (&json!(201), &json!("POST"), &json!("/api/v1/{resource}"))
    );
    assert!(
        gateway
            .log()
            .iter()
            .any(|line| line["client_id"] == "client-s-own-id")
    );
}

#[test]
fn a_login_with_authority_is_no_gateway() {
    let admin = format!(
        "postgres://{}:{}@{}:{}/{}",
        name("ADMIN_LOGIN"),
        name("ADMIN_LOGIN_PASSWORD"),
        name("UCRM_PGHOST"),
        name("UCRM_PGPORT"),
        name("UCRM_PGDATABASE")
    );
    let refused = Gateway::attempt(&[("UCRM_DATABASE_URL", &admin)])
        .err()
        .unwrap();
    assert!(refused.contains("superuser"), "{refused}");
    assert!(!refused.contains(&format!(":{}@", name("ADMIN_LOGIN_PASSWORD"))));
    let workspace = Workspace::new();
    let login = format!("gateway_{}", &Uuid::new_v4().simple().to_string()[..12]);
    let password = Uuid::new_v4().simple().to_string();
    workspace.execute(
        &format!("create role {login} login bypassrls createrole password '{password}'"),
        &[],
    );
    let url = format!(
        "postgres://{login}:{password}@{}:{}/{}",
        name("UCRM_PGHOST"),
        name("UCRM_PGPORT"),
        name("UCRM_PGDATABASE")
    );
    let attempt = || Gateway::attempt(&[("UCRM_DATABASE_URL", &url)]).err();
    let refused = attempt().unwrap();
    assert!(!refused.contains(&password), "{refused}");
    workspace.execute(&format!("grant usage on schema ucrm to {login}"), &[]);
    workspace.execute(
        &format!("grant execute on function ucrm.gateway_faults() to {login}"),
        &[],
    );
    let refused = attempt().unwrap();
    assert!(
        refused.contains("BYPASSRLS") && refused.contains("CREATEROLE"),
        "{refused}"
    );
    let backend = format!(
        "postgres://{}:{}@{}:{}/{}",
        name("BACKEND_LOGIN"),
        name("BACKEND_PASSWORD"),
        name("UCRM_PGHOST"),
        name("UCRM_PGPORT"),
        name("UCRM_PGDATABASE")
    );
    assert!(Gateway::attempt(&[("UCRM_DATABASE_URL", &backend)]).is_err());
    workspace.execute(&format!("drop owned by {login}"), &[]);
    workspace.execute(&format!("drop role {login}"), &[]);
}

#[test]
fn nonsense_is_refused_by_name_before_anything_is_bound() {
    for (variable, value) in [
        ("UCRM_LISTEN", "nowhere"),
        ("UCRM_LISTEN", "127.0.0.1:99999"),
        ("UCRM_ADMIN_LISTEN", ""),
        ("UCRM_POOL_SIZE", "0"),
        ("UCRM_POOL_SIZE", "many"),
        ("UCRM_POOL_WAIT_MS", "-1"),
        ("UCRM_BODY_LIMIT", "1"),
        ("UCRM_REQUEST_TIMEOUT_MS", "1s"),
        ("UCRM_TRUSTED_PROXIES", "10.0.0.0/33"),
        ("UCRM_TRUSTED_PROXIES", "example.org"),
        ("UCRM_ALLOWED_ORIGINS", "*"),
        ("UCRM_ALLOWED_ORIGINS", "app.example"),
        ("UCRM_LOG", "a=b=c"),
        ("UCRM_TLS_CERT_FILE", "/nowhere"),
        ("UCRM_DATABASE_URL", "mysql://x"),
        ("UCRM_DATABASE_URL", "postgres://u:hidden-word@h:port/d"),
        (
            "UCRM_DATABASE_URL",
            "postgres://u:hidden-word@h/d?sslmode=perhaps",
        ),
    ] {
        let refused = Gateway::attempt(&[(variable, value)])
            .err()
            .unwrap_or_else(|| panic!("{variable}={value} was taken"));
        assert!(refused.contains(variable), "{variable}={value}: {refused}");
        assert!(!refused.contains("hidden-word"), "{refused}");
    }
}

#[test]
fn a_taken_port_is_named() {
    let taken = name("UCRM_URL");
    let taken = taken.strip_prefix("http://").unwrap();
    let refused = Gateway::attempt(&[("UCRM_LISTEN", taken)]).err().unwrap();
    assert!(
        refused.contains("UCRM_LISTEN") && refused.contains(taken),
        "{refused}"
    );
}

#[test]
fn settings_may_come_from_files() {
    let file = std::env::temp_dir().join(format!("ucrm-test-{}", Uuid::new_v4().simple()));
    fs::write(&file, "1024\n").unwrap();
    let gateway = Gateway::start(&[("UCRM_BODY_LIMIT_FILE", file.to_str().unwrap())]);
    fs::remove_file(&file).unwrap();
    let client = gateway.client(&name("ACME_READER_KEY"));
    let over = json!({"name": "n".repeat(1_100)});
    client.post(CONTACTS, &over).refused(413, "body_too_large");
    let refused = Gateway::attempt(&[("UCRM_BODY_LIMIT_FILE", "/nowhere/at/all")])
        .err()
        .unwrap();
    assert!(refused.contains("UCRM_BODY_LIMIT_FILE"), "{refused}");
}

#[test]
fn a_restore_has_a_limit_of_its_own() {
    let gateway = Gateway::start(&[("UCRM_BODY_LIMIT", "1024"), ("UCRM_RESTORE_LIMIT", "4096")]);
    let admin = gateway.client(&name("PLATFORM_ADMIN_KEY"));
    let restore = "/api/v1/admin/workspaces/restore";
    let lines = |size: usize| " ".repeat(size).into_bytes();
    for (size, status) in [(4096, 422), (4097, 413)] {
        admin
            .send("POST", restore, &[], Some(&lines(size)))
            .is(status);
    }
    admin
        .send("POST", "/api/v1/internal/tenants", &[], Some(&lines(1025)))
        .is(413);
}

#[test]
fn only_allowed_origins_may_call_from_a_page() {
    let gateway = Gateway::start(&[("UCRM_ALLOWED_ORIGINS", "https://app.example")]);
    let preflight = |origin: &str| {
        let headers = [
            ("origin", origin),
            ("access-control-request-method", "POST"),
        ];
        Client::to(&gateway.url).send("OPTIONS", CONTACTS, &headers, None)
    };
    let allowed = preflight("https://app.example");
    assert!(allowed.status < 300);
    assert_eq!(
        allowed.header("access-control-allow-origin"),
        Some("https://app.example")
    );
    for other in ["https://evil.example", "null", "https://app.example.evil"] {
        assert_eq!(preflight(other).header("access-control-allow-origin"), None);
    }
    let client = gateway.client(&name("ACME_READER_KEY"));
    let reply = client
        .with("origin", "https://app.example")
        .get(CONTACTS)
        .is(200);
    assert_eq!(
        reply.header("access-control-allow-origin"),
        Some("https://app.example")
    );
    let stage = stage::client("ACME_READER_KEY")
        .with("origin", "https://app.example")
        .get(CONTACTS);
    assert_eq!(stage.header("access-control-allow-origin"), None);
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let client = stage::client("ACME_READER_KEY");
    let key = name("ACME_READER_KEY");
    let one =
        |target: &str| format!("GET {target} HTTP/1.1\r\nhost: x\r\nx-api-key: {key}\r\n\r\n");
    let mut stream = client.connect().unwrap();
    use std::io::{BufReader, Write};
    stream
        .write_all((one("/api/v1/nothing") + &one(CONTACTS) + &one("/api/v1/session")).as_bytes())
        .unwrap();
    let mut replies = BufReader::new(stream);
    let statuses: Vec<u16> = (0..3)
        .map(|_| {
            ucrm_http_tests::reply::Reply::read(&mut replies, false)
                .unwrap()
                .status
        })
        .collect();
    assert_eq!(statuses, [404, 200, 200]);
}
