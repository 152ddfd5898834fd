//! Owns issuers made for a test: keys, key sets, and tokens signed with them, good and bad.
//! Must never be asked what holds: it signs whatever it is given.
//! Called by tests/jwt.rs.

use crate::jwt::claims::Expected;
use crate::jwt::fault::Fault;
use crate::jwt::verify::{Trust, Verified, verify};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD as B64};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P256_SHA256_FIXED_SIGNING,
    ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256,
    RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512, RsaKeyPair,
    UnparsedPublicKey,
};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Mutex, OnceLock};

pub const ISSUER: &str = "https://id.example";
pub const AUDIENCE: &str = "api://ucrm";
pub const NOW: i64 = 1_800_000_000;

/// A key pair: PKCS #8, or a shared secret.
#[derive(Clone)]
pub struct Signer {
    pub jwk: Value,
    private: Vec<u8>,
}

fn rsa_private() -> Vec<u8> {
    let pem = include_str!("rsa.pem");
    let lines: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    STANDARD.decode(lines).unwrap()
}

/// An RSA key of 2048 bits, always the same: ring makes none.
pub fn rsa(kid: &str) -> Signer {
    let private = rsa_private();
    let pair = RsaKeyPair::from_pkcs8(&private).unwrap();
    let parts = ring::signature::RsaPublicKeyComponents::<Vec<u8>>::from(pair.public());
    let jwk =
        json!({"kty": "RSA", "kid": kid, "n": B64.encode(&parts.n), "e": B64.encode(&parts.e)});
    Signer { jwk, private }
}

/// The pair of this name, made once in a run.
fn kept(name: String, make: impl FnOnce() -> Vec<u8>) -> Vec<u8> {
    static KEPT: OnceLock<Mutex<HashMap<String, Vec<u8>>>> = OnceLock::new();
    let mut kept = KEPT.get_or_init(Mutex::default).lock().unwrap();
    kept.entry(name).or_insert_with(make).clone()
}

/// A new key on P-256 or P-384.
pub fn ec(algorithm: &str, kid: &str) -> Signer {
    let (how, curve, length) = match algorithm {
        "ES256" => (&ECDSA_P256_SHA256_FIXED_SIGNING, "P-256", 32),
        _ => (&ECDSA_P384_SHA384_FIXED_SIGNING, "P-384", 48),
    };
    let random = SystemRandom::new();
    let private = kept(format!("{algorithm} {kid}"), || {
        EcdsaKeyPair::generate_pkcs8(how, &random)
            .unwrap()
            .as_ref()
            .to_vec()
    });
    let pair = EcdsaKeyPair::from_pkcs8(how, &private, &random).unwrap();
    let point = pair.public_key().as_ref();
    let (x, y) = point[1..].split_at(length);
    let jwk =
        json!({"kty": "EC", "kid": kid, "crv": curve, "x": B64.encode(x), "y": B64.encode(y)});
    Signer { jwk, private }
}

/// A new Ed25519 key.
pub fn ed(kid: &str) -> Signer {
    let private = kept(format!("EdDSA {kid}"), || {
        Ed25519KeyPair::generate_pkcs8(&SystemRandom::new())
            .unwrap()
            .as_ref()
            .to_vec()
    });
    let pair = Ed25519KeyPair::from_pkcs8(&private).unwrap();
    let x = B64.encode(pair.public_key());
    Signer {
        jwk: json!({"kty": "OKP", "kid": kid, "crv": "Ed25519", "x": x}),
        private,
    }
}

/// A shared secret.
pub fn hmac(secret: &[u8]) -> Signer {
    Signer {
        jwk: json!({"kid": "h1"}),
        private: secret.to_vec(),
    }
}

impl Signer {
    fn sign(&self, algorithm: &str, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        let ec = |how| EcdsaKeyPair::from_pkcs8(how, &self.private, &random).unwrap();
        match algorithm {
            "HS256" => {
                let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &self.private);
                ring::hmac::sign(&key, message).as_ref().to_vec()
            }
            "ES256" => ec(&ECDSA_P256_SHA256_FIXED_SIGNING)
                .sign(&random, message)
                .unwrap()
                .as_ref()
                .to_vec(),
            "ES384" => ec(&ECDSA_P384_SHA384_FIXED_SIGNING)
                .sign(&random, message)
                .unwrap()
                .as_ref()
                .to_vec(),
            "DER" => ec(&ECDSA_P256_SHA256_ASN1_SIGNING)
                .sign(&random, message)
                .unwrap()
                .as_ref()
                .to_vec(),
            "EdDSA" => Ed25519KeyPair::from_pkcs8(&self.private)
                .unwrap()
                .sign(message)
                .as_ref()
                .to_vec(),
            name => {
                let how: &dyn ring::signature::RsaEncoding = match name {
                    "RS256" => &RSA_PKCS1_SHA256,
                    "RS384" => &RSA_PKCS1_SHA384,
                    "RS512" => &RSA_PKCS1_SHA512,
                    "PS256" => &RSA_PSS_SHA256,
                    "PS384" => &RSA_PSS_SHA384,
                    _ => &RSA_PSS_SHA512,
                };
                let pair = RsaKeyPair::from_pkcs8(&self.private).unwrap();
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(how, &random, message, &mut signature).unwrap();
                signature
            }
        }
    }

    /// These bytes as header and payload, signed.
    pub fn raw_bytes(&self, algorithm: &str, header: &[u8], payload: &[u8]) -> String {
        let signed = format!("{}.{}", B64.encode(header), B64.encode(payload));
        format!(
            "{signed}.{}",
            B64.encode(self.sign(algorithm, signed.as_bytes()))
        )
    }

    /// These texts as header and payload, signed.
    pub fn raw(&self, algorithm: &str, header: &str, payload: &str) -> String {
        self.raw_bytes(algorithm, header.as_bytes(), payload.as_bytes())
    }

    /// Signed with one algorithm under a header that may name another.
    pub fn signed(&self, algorithm: &str, header: &Value, claims: &Value) -> String {
        self.raw(algorithm, &header.to_string(), &claims.to_string())
    }

    /// A token with this header.
    pub fn token_of(&self, header: &Value, claims: &Value) -> String {
        self.signed(header["alg"].as_str().unwrap(), header, claims)
    }

    /// A token as issuers make them.
    pub fn token(&self, algorithm: &str, claims: &Value) -> String {
        let header = json!({"alg": algorithm, "kid": self.jwk["kid"], "typ": "JWT"});
        self.token_of(&header, claims)
    }

    /// An ES256 token whose signature is in DER.
    pub fn in_der(&self, claims: &Value) -> String {
        self.signed(
            "DER",
            &json!({"alg": "ES256", "kid": self.jwk["kid"]}),
            claims,
        )
    }

    /// Whether a DER signature is one of this key's.
    pub fn verifies_der(&self, message: &[u8], signature: &[u8]) -> bool {
        let coordinate = |name: &str| B64.decode(self.jwk[name].as_str().unwrap()).unwrap();
        let point = [vec![4], coordinate("x"), coordinate("y")].concat();
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point)
            .verify(message, signature)
            .is_ok()
    }

    /// The RSA key as others write it: SubjectPublicKeyInfo (RFC 5280).
    pub fn public_der(&self) -> Vec<u8> {
        let pair = RsaKeyPair::from_pkcs8(&self.private).unwrap();
        let key = pair.public_key().as_ref();
        let bits = [
            &[0x03, 0x82],
            &(key.len() as u16 + 1).to_be_bytes()[..],
            &[0],
            key,
        ]
        .concat();
        let name = [
            0x30, 13, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1, 5, 0,
        ];
        let length = (name.len() + bits.len()) as u16;
        [&[0x30, 0x82], &length.to_be_bytes()[..], &name, &bits].concat()
    }

    /// The same in PEM.
    pub fn public_pem(&self) -> String {
        let text = STANDARD.encode(self.public_der());
        let lines: Vec<&str> = text
            .as_bytes()
            .chunks(64)
            .map(|line| std::str::from_utf8(line).unwrap())
            .collect();
        format!(
            "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
            lines.join("\n")
        )
    }
}

/// A key set of these keys.
pub fn set_of<const N: usize>(keys: [Signer; N]) -> String {
    json!({"keys": keys.map(|key| key.jwk).as_slice()}).to_string()
}

/// What UCRM knows of an issuer.
pub struct Issuer {
    pub name: String,
    pub algorithms: Vec<String>,
    pub jwks: String,
    pub secret: Option<Vec<u8>>,
    pub audience: Vec<String>,
    pub parties: Vec<String>,
    pub kinds: Vec<String>,
}

impl Issuer {
    /// One that signs with this algorithm and these keys.
    pub fn of<const N: usize>(algorithm: &str, keys: [Signer; N]) -> Issuer {
        Issuer::keys(algorithm, json!(keys.map(|key| key.jwk).as_slice()))
    }

    /// The same from JWKs.
    pub fn keys(algorithm: &str, keys: Value) -> Issuer {
        Issuer {
            name: ISSUER.into(),
            algorithms: vec![algorithm.into()],
            jwks: json!({"keys": keys}).to_string(),
            secret: None,
            audience: vec![AUDIENCE.into()],
            parties: vec![],
            kinds: vec!["JWT".into(), "at+jwt".into()],
        }
    }

    /// The same with a shared secret.
    pub fn secret(mut self, secret: &[u8]) -> Issuer {
        self.secret = Some(secret.to_vec());
        self
    }

    /// The verdict on a token.
    pub fn judge(&self, token: &str) -> Result<Verified, Fault> {
        self.judge_at(token, NOW)
    }

    /// The verdict on any bytes.
    pub fn judge_bytes(&self, token: &[u8]) -> Result<Verified, Fault> {
        self.judge_bytes_at(token, NOW)
    }

    /// The verdict at a moment.
    pub fn judge_at(&self, token: &str, now: i64) -> Result<Verified, Fault> {
        self.judge_bytes_at(token.as_bytes(), now)
    }

    fn judge_bytes_at(&self, token: &[u8], now: i64) -> Result<Verified, Fault> {
        let texts = |list: &'_ [String]| list.to_vec();
        let (algorithms, audience, parties, kinds) = (
            texts(&self.algorithms),
            texts(&self.audience),
            texts(&self.parties),
            texts(&self.kinds),
        );
        let algorithms: Vec<&str> = algorithms.iter().map(String::as_str).collect();
        let audience: Vec<&str> = audience.iter().map(String::as_str).collect();
        let parties: Vec<&str> = parties.iter().map(String::as_str).collect();
        let kinds: Vec<&str> = kinds.iter().map(String::as_str).collect();
        let trust = Trust {
            algorithms: &algorithms,
            keys: self.jwks.as_bytes(),
            secret: self.secret.as_deref(),
            kinds: &kinds,
            expected: Expected {
                issuer: &self.name,
                audience: &audience,
                parties: &parties,
            },
        };
        verify(token, &trust, now)
    }
}
