//! An outside issuer of a test's own: its key, its tokens, and whom it knows in a workspace; gone afterwards.
//! Must never be fetched from: its keys are set by hand.
//! Called by tests of people who sign in elsewhere.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as B64;
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::client::Client;
use crate::gateway::{Gateway, fresh_address};
use crate::workspace::Workspace;

/// An issuer of a test's own, that names the workspace's owner "owner".
pub struct Issuer<'a> {
    workspace: &'a Workspace,
    gateway: Gateway,
    address: String,
    /// Its name.
    pub iss: String,
    /// What it signs with.
    pub pair: Ed25519KeyPair,
}

/// A new key.
pub fn pair() -> Ed25519KeyPair {
    let made = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
    Ed25519KeyPair::from_pkcs8(made.as_ref()).unwrap()
}

/// A key as an issuer shows it.
pub fn jwks(kid: &str, pair: &Ed25519KeyPair) -> Value {
    let x = B64.encode(pair.public_key());
    json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": kid, "x": x}]})
}

/// Seconds since 1970.
pub fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs()
}

/// A token.
pub fn signed(pair: &Ed25519KeyPair, header: &Value, claims: &Value) -> String {
    let text = format!(
        "{}.{}",
        B64.encode(header.to_string()),
        B64.encode(claims.to_string())
    );
    let signature = B64.encode(pair.sign(text.as_bytes()));
    format!("{text}.{signature}")
}

impl<'a> Issuer<'a> {
    /// Trusted, and knowing the owner.
    pub fn of(workspace: &'a Workspace) -> Issuer<'a> {
        let (pair, iss) = (
            pair(),
            format!("https://{}.example", Uuid::new_v4().simple()),
        );
        workspace.execute(
            "select ucrm.add_issuer($1, audience => '{api}', algorithms => '{EdDSA}', jwks => $2, jwks_url => 'https://jwks.invalid/',
                                    tenant_claim => 'org', role_claim => 'role', email_claim => 'email', email_verified_claim => 'email_verified')",
            &[&iss, &jwks("k1", &pair)],
        );
        workspace.execute(
            "update ucrm.issuers set jwks_due_at = 'infinity' where iss = $1",
            &[&iss],
        );
        let issuer = Issuer {
            workspace,
            gateway: Gateway::behind_proxy(),
            address: fresh_address(),
            iss,
            pair,
        };
        issuer.knows("owner", workspace.owner.id);
        issuer
    }

    /// One more subject, and whom it stands for.
    pub fn knows(&self, subject: &str, user: Uuid) {
        self.workspace.execute(
            "insert into ucrm.user_identities (issuer_id, subject, user_id) select id, $2, $3 from ucrm.issuers where iss = $1",
            &[&self.iss, &subject, &user],
        );
    }

    /// A statement about the issuer, whose name is `$1`.
    pub fn change(&self, sql: &str) {
        self.workspace.execute(sql, &[&self.iss]);
    }

    /// What a token says, these claims over the usual ones.
    pub fn claims(&self, more: Value) -> Value {
        let mut claims = json!({"iss": self.iss, "aud": "api", "sub": "owner", "iat": now(), "exp": now() + 300});
        for (name, value) in more.as_object().unwrap() {
            claims[name] = value.clone();
        }
        claims
    }

    /// The same, signed.
    pub fn token(&self, more: Value) -> String {
        signed(
            &self.pair,
            &json!({"alg": "EdDSA", "kid": "k1", "typ": "JWT"}),
            &self.claims(more),
        )
    }

    /// Whoever comes with a token.
    pub fn client(&self, token: &str) -> Client {
        self.gateway
            .from(&self.address)
            .with("authorization", &format!("Bearer {token}"))
    }
}

impl Drop for Issuer<'_> {
    fn drop(&mut self) {
        self.change("delete from ucrm.issuers where iss = $1");
    }
}
