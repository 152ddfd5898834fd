//! Owns the reasons for which a token or a key set is not taken.
//! Must never say anything of a token's own content.
//! Called by everything in this folder.

/// Why a token is not taken. To whoever showed it, all of them are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Longer than `token::MOST`.
    Length,
    /// Not three parts of canonical, unpadded base64url.
    Form,
    /// Header or payload is not one JSON object, or has a member twice.
    Json,
    /// A header that points at keys, asks for extensions, or has members of the wrong type.
    Header,
    /// `typ` or `cty` is of something else.
    Type,
    /// `alg` is not one that the issuer signs with.
    Algorithm,
    /// The issuer has no such key (yet).
    UnknownKey,
    /// The issuer's key is not one for this, or there is no telling which.
    Key,
    /// The signature is another's.
    Signature,
    /// `iss` is not the issuer's.
    Issuer,
    /// `aud` names somebody else, or nobody.
    Audience,
    /// `azp` names somebody else, or nobody.
    Party,
    /// `exp` is missing, no moment, or past.
    Expiry,
    /// `nbf` or `iat` is no moment, or lies in the future.
    Future,
    /// Bound to a key, or to somebody acting for the subject.
    Delegated,
    /// A claim of UCRM's own tokens is not there.
    Claim,
}

impl Fault {
    /// Its name, for SQL and tests.
    pub fn name(self) -> &'static str {
        match self {
            Fault::Length => "length",
            Fault::Form => "form",
            Fault::Json => "json",
            Fault::Header => "header",
            Fault::Type => "type",
            Fault::Algorithm => "algorithm",
            Fault::UnknownKey => "unknown_key",
            Fault::Key => "key",
            Fault::Signature => "signature",
            Fault::Issuer => "issuer",
            Fault::Audience => "audience",
            Fault::Party => "party",
            Fault::Expiry => "expiry",
            Fault::Future => "future",
            Fault::Delegated => "delegated",
            Fault::Claim => "claim",
        }
    }
}
