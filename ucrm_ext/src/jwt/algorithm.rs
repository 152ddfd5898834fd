//! Owns the signature algorithms (RFC 7518, 3.1; RFC 8037): their names, and the check of a signature.
//! Must never pick an algorithm by itself: it is named by the token, allowed by the issuer and fits the key.
//! Called by `key`, `verify` and `own`.

use ring::hmac;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256,
    RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RsaParameters, VerificationAlgorithm,
};

/// What a token may be signed with. `none` is no algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// HMAC with SHA-256: a secret shared with the issuer.
    Hs256,
    /// RSASSA-PKCS1-v1_5, by digest.
    Rs(Digest),
    /// RSASSA-PSS, by digest.
    Ps(Digest),
    /// ECDSA on P-256.
    Es256,
    /// ECDSA on P-384.
    Es384,
    /// Ed25519.
    EdDsa,
}

/// The digest of an RSA signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Digest {
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl Algorithm {
    /// By its name, which is case-sensitive.
    pub fn named(name: &str) -> Option<Algorithm> {
        Some(match name {
            "HS256" => Algorithm::Hs256,
            "RS256" => Algorithm::Rs(Digest::Sha256),
            "RS384" => Algorithm::Rs(Digest::Sha384),
            "RS512" => Algorithm::Rs(Digest::Sha512),
            "PS256" => Algorithm::Ps(Digest::Sha256),
            "PS384" => Algorithm::Ps(Digest::Sha384),
            "PS512" => Algorithm::Ps(Digest::Sha512),
            "ES256" => Algorithm::Es256,
            "ES384" => Algorithm::Es384,
            "EdDSA" => Algorithm::EdDsa,
            _ => return None,
        })
    }

    /// Its parameters for RSA keys.
    pub fn rsa(self) -> Option<&'static RsaParameters> {
        Some(match self {
            Algorithm::Rs(Digest::Sha256) => &RSA_PKCS1_2048_8192_SHA256,
            Algorithm::Rs(Digest::Sha384) => &RSA_PKCS1_2048_8192_SHA384,
            Algorithm::Rs(Digest::Sha512) => &RSA_PKCS1_2048_8192_SHA512,
            Algorithm::Ps(Digest::Sha256) => &RSA_PSS_2048_8192_SHA256,
            Algorithm::Ps(Digest::Sha384) => &RSA_PSS_2048_8192_SHA384,
            Algorithm::Ps(Digest::Sha512) => &RSA_PSS_2048_8192_SHA512,
            _ => return None,
        })
    }

    /// Its parameters for curves. Signatures are r and s side by side, never DER (RFC 7518, 3.4).
    pub fn curve(self) -> Option<&'static dyn VerificationAlgorithm> {
        Some(match self {
            Algorithm::Es256 => &ECDSA_P256_SHA256_FIXED,
            Algorithm::Es384 => &ECDSA_P384_SHA384_FIXED,
            Algorithm::EdDsa => &ED25519,
            _ => return None,
        })
    }
}

/// Shorter secrets are refused (RFC 7518, 3.2).
pub const LEAST_SECRET: usize = 32;

/// Whether this is the HMAC of the message, compared in constant time.
pub fn is_hs256(secret: &[u8], message: &[u8], tag: &[u8]) -> bool {
    secret.len() >= LEAST_SECRET
        && hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, secret), message, tag).is_ok()
}
