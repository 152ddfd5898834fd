//! Issuers' key sets come over HTTPS from where the issuer's row says, and from nowhere else.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use postgres::Client;
use serde_json::{Value, json};
use ucrm_http_tests::database::{admin, execute, value};
use ucrm_http_tests::gateway::Gateway;
use ucrm_http_tests::wait::{until, until_within};
use uuid::Uuid;

const ONE: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
const OTHER: &str = "MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI";

/// An HTTPS server with a key set, and the row of its issuer.
struct Issuer {
    folder: PathBuf,
    server: Child,
    iss: String,
    database: Client,
}

impl Issuer {
    fn new() -> Issuer {
        let folder = std::env::temp_dir().join(format!("ucrm-jwks-{}", Uuid::new_v4().simple()));
        fs::create_dir(&folder).unwrap();
        let made = Command::new("openssl")
            .current_dir(&folder)
            .args("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=issuer -addext subjectAltName=IP:127.0.0.1 -addext basicConstraints=critical,CA:FALSE -out cert.pem -keyout key.pem".split(' '))
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let server = Command::new("openssl")
            .current_dir(&folder)
            .args([
                "s_server", "-WWW", "-quiet", "-cert", "cert.pem", "-key", "key.pem", "-accept",
            ])
            .arg(format!("127.0.0.1:{port}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        until("the issuer serves", || {
            TcpStream::connect(("127.0.0.1", port)).ok()
        });
        let mut issuer = Issuer {
            folder,
            server,
            iss: format!("https://{}.example", Uuid::new_v4().simple()),
            database: admin(),
        };
        issuer.publish("d1", ONE);
        let url = format!("https://127.0.0.1:{port}/jwks.json");
        let add = "select ucrm.add_issuer($1, audience => '{api}', algorithms => '{EdDSA}', jwks_url => $2)";
        value::<Uuid>(&mut issuer.database, add, &[&issuer.iss, &url]);
        issuer
    }

    fn publish(&self, kid: &str, x: &str) {
        let set = json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": kid, "x": x}]});
        fs::write(self.folder.join("jwks.json"), set.to_string()).unwrap();
    }

    fn certificate(&self) -> String {
        self.folder.join("cert.pem").to_str().unwrap().to_owned()
    }

    /// What is stored. Where another gateway came first and may not reach it, it is due anew.
    fn stored(&mut self) -> (Value, Option<String>) {
        let row = self
            .database
            .query_one(
                "select coalesce(jwks, 'null'), last_error from ucrm.issuers where iss = $1",
                &[&self.iss],
            )
            .unwrap();
        let (set, fault): (Value, Option<String>) = (row.get(0), row.get(1));
        if fault.is_some() {
            self.due();
        }
        (set, fault)
    }

    fn due(&mut self) {
        let due = "update ucrm.issuers set jwks_due_at = null, last_error = null where iss = $1 and jwks_claim is null";
        execute(&mut self.database, due, &[&self.iss]);
    }
}

impl Drop for Issuer {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
        let _ = fs::remove_dir_all(&self.folder);
        execute(
            &mut self.database,
            "delete from ucrm.issuers where iss = $1",
            &[&self.iss],
        );
    }
}

#[test]
fn a_key_set_is_fetched_and_fetched_again_when_it_is_wanted() {
    let mut issuer = Issuer::new();
    let certificate = issuer.certificate();
    let _gateway = Gateway::start(&[
        ("UCRM_JWKS_NETWORKS", "127.0.0.0/8"),
        ("UCRM_JWKS_CA_FILE", &certificate),
    ]);
    let first = json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "d1", "x": ONE}]});
    until_within(Duration::from_secs(60), "the set is stored", || {
        (issuer.stored() == (first.clone(), None)).then_some(())
    });

    issuer.publish("d2", OTHER);
    let want = "select ucrm.want_jwks(id) from ucrm.issuers where iss = $1";
    issuer.database.query(want, &[&issuer.iss]).unwrap();
    until_within(Duration::from_secs(60), "the new set is stored", || {
        (issuer.stored().0["keys"][0]["kid"] == "d2").then_some(())
    });
}

#[test]
fn a_gateway_reaches_no_private_address_unless_it_is_told_to() {
    let mut issuer = Issuer::new();
    let certificate = issuer.certificate();
    let gateway = Gateway::start(&[("UCRM_JWKS_CA_FILE", &certificate)]);
    until_within(Duration::from_secs(60), "it says why not", || {
        issuer.stored().1.filter(|fault| fault.contains("private"))
    });
    assert_eq!(issuer.stored().0, Value::Null);
    until_within(Duration::from_secs(60), "it is in its log", || {
        issuer.due();
        gateway
            .said()
            .contains("key set was not fetched")
            .then_some(())
    });
}

#[test]
fn a_gateway_that_fetches_ends_when_it_is_told_to() {
    let issuer = Issuer::new();
    let certificate = issuer.certificate();
    let mut gateway = Gateway::start(&[
        ("UCRM_JWKS_NETWORKS", "127.0.0.0/8"),
        ("UCRM_JWKS_CA_FILE", &certificate),
    ]);
    gateway.terminate();
    assert!(gateway.end().success());
}

#[test]
fn nonsense_about_key_sets_is_refused_at_the_start() {
    for (name, given) in [
        ("UCRM_JWKS_CA_FILE", "/nowhere/ca.pem"),
        ("UCRM_JWKS_NETWORKS", "0.0.0.0/0"),
    ] {
        let said = Gateway::attempt(&[(name, given)]).err().unwrap();
        assert!(said.contains(name), "{said}");
    }
}
