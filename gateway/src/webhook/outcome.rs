//! How an attempt to deliver ended, and what the database is told of it.
//! Must never hold what a receiver said beyond its status and when to come again.
//! Made by sender; told by queue.

use std::time::{Duration, Instant, SystemTime};

use hyper::HeaderMap;
use hyper::header::RETRY_AFTER;
use serde::Serialize;
use uuid::Uuid;

use crate::destination::Refused;
use crate::webhook::queue::Claimed;

/// Why there was no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Not a URL to deliver to.
    #[error("the URL cannot be used")]
    Url,
    /// The name is not known, one of its addresses is not public, or nobody is there.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// No trust.
    #[error("the server's certificate is not trusted, or it does not speak TLS 1.2 or 1.3")]
    Tls,
    /// This machine trusts nobody.
    #[error("this gateway's system has no root certificates")]
    NoRoots,
    /// Not HTTP.
    #[error("the answer is not HTTP/1.1, or was cut off")]
    Http,
    /// Not in time.
    #[error("no answer in time")]
    Slow,
}

/// How an attempt ended.
#[derive(Debug)]
pub struct Outcome {
    /// Of the response.
    pub status: Option<u16>,
    /// Seconds that the receiver asks to be left alone.
    pub wait: Option<u32>,
    /// Why there was no response.
    pub fault: Option<Fault>,
}

impl Outcome {
    /// There was a response.
    pub fn answered(status: u16, headers: &HeaderMap, now: SystemTime) -> Self {
        Self {
            status: Some(status),
            wait: wait(headers, now),
            fault: None,
        }
    }

    /// There was none.
    pub fn failed(fault: Fault) -> Self {
        Self {
            status: None,
            wait: None,
            fault: Some(fault),
        }
    }

    /// As the metrics call it.
    pub fn class(&self) -> &'static str {
        match (self.status, self.fault) {
            (Some(200..=299), _) => "delivered",
            (Some(_), _) => "answered",
            (None, Some(Fault::Refused(Refused::NotPublic) | Fault::Url)) => "refused",
            (None, _) => "unreachable",
        }
    }

    /// A sentence for whoever looks at the delivery.
    pub fn error(&self) -> Option<String> {
        match (self.status, self.fault) {
            (Some(200..=299), _) => None,
            (Some(300..=399), _) => Some("it redirects, which is not followed".to_owned()),
            (Some(410), _) => Some("it is gone".to_owned()),
            (Some(status), _) => Some(format!("it answered {status}")),
            (None, Some(fault)) => Some(fault.to_string()),
            (None, None) => None,
        }
    }
}

/// What `ucrm.settle_deliveries` is told.
#[derive(Serialize)]
pub struct Told {
    tenant: Uuid,
    id: Uuid,
    worker: String,
    status: Option<u16>,
    error: Option<String>,
    took: u64,
    wait: Option<u32>,
    /// When it ended.
    #[serde(skip)]
    pub ended: Instant,
}

impl Told {
    /// About a delivery that took so long.
    pub fn of(delivery: &Claimed, outcome: Outcome, took: Duration) -> Self {
        Self {
            tenant: delivery.tenant,
            id: delivery.id,
            worker: delivery.worker.clone(),
            status: outcome.status,
            error: outcome.error(),
            took: took.as_millis().try_into().unwrap_or(u64::MAX),
            wait: outcome.wait,
            ended: Instant::now(),
        }
    }
}

// RFC 9110, 10.2.3.
fn wait(headers: &HeaderMap, now: SystemTime) -> Option<u32> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(seconds);
    }
    let then = httpdate::parse_http_date(text).ok()?;
    let seconds = then.duration_since(now).unwrap_or_default().as_secs();
    u32::try_from(seconds).ok()
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    #[test]
    fn a_receiver_may_say_when_to_come_again_in_seconds_or_by_date() {
        let now = httpdate::parse_http_date("Sun, 29 Nov 2026 00:00:00 GMT").unwrap();
        for (said, expected) in [
            ("120", Some(120)),
            (" 0 ", Some(0)),
            ("Sun, 29 Nov 2026 00:02:00 GMT", Some(120)),
            ("Sat, 28 Nov 2026 00:02:00 GMT", Some(0)),
            ("soon", None),
            ("-1", None),
            ("99999999999", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, HeaderValue::from_static(said));
            assert_eq!(wait(&headers, now), expected, "{said}");
        }
        assert_eq!(wait(&HeaderMap::new(), now), None);
    }

    #[test]
    fn only_2xx_is_delivered_and_each_other_end_has_its_words() {
        let answered = |status| Outcome::answered(status, &HeaderMap::new(), SystemTime::now());
        for (outcome, class, error) in [
            (answered(200), "delivered", None),
            (answered(299), "delivered", None),
            (
                answered(302),
                "answered",
                Some("it redirects, which is not followed"),
            ),
            (answered(410), "answered", Some("it is gone")),
            (answered(500), "answered", Some("it answered 500")),
            (
                Outcome::failed(Fault::Slow),
                "unreachable",
                Some("no answer in time"),
            ),
            (
                Outcome::failed(Refused::NotPublic.into()),
                "refused",
                Some("the server's address is not a public one"),
            ),
        ] {
            assert_eq!(outcome.class(), class);
            assert_eq!(outcome.error().as_deref(), error);
        }
    }
}
