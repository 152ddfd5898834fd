//! Owns one public key of an issuer: a JSON Web Key (RFC 7517, RFC 7518, 6, RFC 8037) in, a check of signatures out.
//! Must never take a private or shared key, a weak one, or one that is not for verifying.
//! Called by `set` and `verify`.

use super::algorithm::Algorithm;
use super::base64url;
use ring::signature::{RsaPublicKeyComponents, UnparsedPublicKey};
use serde_json::{Map, Value};

const LEAST_RSA_BITS: usize = 2048;
const MOST_RSA_BITS: usize = 8192;
/// Members that only a private or shared key has (RFC 7518, 6.2.2, 6.3.2, 6.4.1).
const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// A key that verifies.
pub struct Key {
    algorithm: Option<Algorithm>,
    material: Material,
}

enum Material {
    Rsa { n: Vec<u8>, e: Vec<u8> },
    P256(Vec<u8>),
    P384(Vec<u8>),
    Ed25519(Vec<u8>),
}

/// Why a key verifies nothing here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// It has private or shared parts.
    Private,
    /// A type, curve or algorithm that is not supported.
    Unsupported,
    /// `use` or `key_ops` say that it is for something else.
    Purpose,
    /// An RSA key of fewer than 2048 bits or more than 8192.
    Size,
    /// Not a JWK.
    Malformed,
}

impl Key {
    /// Reads a JWK.
    pub fn of(jwk: &Map<String, Value>) -> Result<Key, Unfit> {
        if PRIVATE.iter().any(|name| jwk.contains_key(*name)) {
            return Err(Unfit::Private);
        }
        let text = |name: &str| match jwk.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.as_str())),
            Some(_) => Err(Unfit::Malformed),
        };
        text("kid")?;
        if text("use")?.is_some_and(|purpose| purpose != "sig") {
            return Err(Unfit::Purpose);
        }
        match jwk.get("key_ops") {
            None => {}
            Some(Value::Array(operations)) if operations.iter().any(|op| op == "verify") => {}
            Some(Value::Array(_)) => return Err(Unfit::Purpose),
            Some(_) => return Err(Unfit::Malformed),
        }
        let number = |name: &str| {
            let bytes = text(name)?.and_then(|text| base64url::decode(text.as_bytes()));
            bytes.ok_or(Unfit::Malformed)
        };
        let material = match (text("kty")?, text("crv")?) {
            (Some("RSA"), _) => rsa(number("n")?, number("e")?)?,
            (Some("EC"), Some("P-256")) => Material::P256(point(number("x")?, number("y")?, 32)?),
            (Some("EC"), Some("P-384")) => Material::P384(point(number("x")?, number("y")?, 48)?),
            (Some("OKP"), Some("Ed25519")) => match number("x")? {
                x if x.len() == 32 => Material::Ed25519(x),
                _ => return Err(Unfit::Malformed),
            },
            (Some(_), _) => return Err(Unfit::Unsupported),
            (None, _) => return Err(Unfit::Malformed),
        };
        let algorithm = match text("alg")? {
            None => None,
            Some(name) => Some(Algorithm::named(name).ok_or(Unfit::Unsupported)?),
        };
        let key = Key {
            algorithm,
            material,
        };
        match algorithm {
            Some(algorithm) if !key.fits(algorithm) => Err(Unfit::Malformed),
            _ => Ok(key),
        }
    }

    /// Whether it may verify what was signed with this algorithm.
    pub fn fits(&self, algorithm: Algorithm) -> bool {
        let of_its_type = match &self.material {
            Material::Rsa { .. } => algorithm.rsa().is_some(),
            Material::P256(_) => algorithm == Algorithm::Es256,
            Material::P384(_) => algorithm == Algorithm::Es384,
            Material::Ed25519(_) => algorithm == Algorithm::EdDsa,
        };
        of_its_type && self.algorithm.is_none_or(|only| only == algorithm)
    }

    /// Whether its private half made this signature with this algorithm.
    pub fn verifies(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        if !self.fits(algorithm) {
            return false;
        }
        match (&self.material, algorithm.rsa(), algorithm.curve()) {
            (Material::Rsa { n, e }, Some(parameters), _) => RsaPublicKeyComponents { n, e }
                .verify(parameters, message, signature)
                .is_ok(),
            (
                Material::P256(bytes) | Material::P384(bytes) | Material::Ed25519(bytes),
                _,
                Some(curve),
            ) => UnparsedPublicKey::new(curve, bytes)
                .verify(message, signature)
                .is_ok(),
            _ => false,
        }
    }
}

// RFC 7518, 6.3.1: numbers in as few bytes as they need.
fn rsa(n: Vec<u8>, e: Vec<u8>) -> Result<Material, Unfit> {
    let bits = match n.first() {
        None | Some(0) => return Err(Unfit::Malformed),
        Some(first) => n.len() * 8 - first.leading_zeros() as usize,
    };
    if !(LEAST_RSA_BITS..=MOST_RSA_BITS).contains(&bits) {
        return Err(Unfit::Size);
    }
    let exponent = match e.first() {
        Some(1..) if e.len() <= 4 => e
            .iter()
            .fold(0_u32, |number, byte| number << 8 | u32::from(*byte)),
        _ => return Err(Unfit::Malformed),
    };
    let odd = n.last().is_some_and(|last| last % 2 == 1) && exponent % 2 == 1;
    if !odd || exponent < 3 {
        return Err(Unfit::Malformed);
    }
    Ok(Material::Rsa { n, e })
}

// SEC 1, 2.3.3: an uncompressed point. Whether it lies on the curve is asked at the signature.
fn point(x: Vec<u8>, y: Vec<u8>, length: usize) -> Result<Vec<u8>, Unfit> {
    if x.len() != length || y.len() != length {
        return Err(Unfit::Malformed);
    }
    Ok([&[4], x.as_slice(), y.as_slice()].concat())
}
