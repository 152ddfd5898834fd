//! Owns the signature of Standard Webhooks, version 1: HMAC-SHA-256 over `id.timestamp.body`, by the official library.
//! Must never take a message for signed by a secret that is empty.
//! Called by `webhook`.

use http::{HeaderMap, HeaderValue};
use standardwebhooks::{
    HEADER_WEBHOOK_ID, HEADER_WEBHOOK_SIGNATURE, HEADER_WEBHOOK_TIMESTAMP, Webhook, WebhookError,
};

/// Why a message is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// None of its signatures is the secret's.
    Signature,
    /// It is of another time than now, by more than five minutes, or of none.
    Timestamp,
}

impl Fault {
    /// As ucrm.webhook_signature_fault() calls it.
    pub fn name(self) -> &'static str {
        match self {
            Fault::Signature => "signature",
            Fault::Timestamp => "timestamp",
        }
    }
}

/// `v1,<base64>` of a message at this time, in seconds since 1970; none when the body is not UTF-8.
pub fn sign(id: &str, at: i64, body: &[u8], secret: &[u8]) -> Option<String> {
    let webhook = Webhook::from_bytes(secret.to_vec()).ok()?;
    webhook.sign(id, at, body).ok()
}

/// What is wrong with a message that came in with these headers.
pub fn fault(id: &str, at: &str, signatures: &str, body: &[u8], secret: &[u8]) -> Option<Fault> {
    if secret.is_empty() {
        return Some(Fault::Signature);
    }
    let mut headers = HeaderMap::new();
    for (name, value) in [
        (HEADER_WEBHOOK_ID, id),
        (HEADER_WEBHOOK_TIMESTAMP, at),
        (HEADER_WEBHOOK_SIGNATURE, signatures),
    ] {
        let Ok(value) = HeaderValue::from_str(value) else {
            return Some(Fault::Signature);
        };
        headers.insert(name, value);
    }
    let verified = Webhook::from_bytes(secret.to_vec()).map(|it| it.verify(body, &headers));
    match verified {
        Ok(Ok(())) => None,
        Ok(Err(
            WebhookError::TimestampTooOldError
            | WebhookError::FutureTimestampError
            | WebhookError::InvalidTimestamp,
        )) => Some(Fault::Timestamp),
        _ => Some(Fault::Signature),
    }
}
