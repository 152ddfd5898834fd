//! The deliveries as the worker sees them: `ucrm.fan_out_webhooks`, `ucrm.claim_deliveries`, `ucrm.settle_deliveries`.
//! Must never settle a delivery under another name than it was claimed with.
//! Called by webhook.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use hyper::HeaderMap;
use hyper::header::{HeaderName, HeaderValue};
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::database::Database;
use crate::jsonb::Jsonb;
use crate::trouble::Trouble;
use crate::webhook::outcome::Told;

const FAN_OUT: &str = "select ucrm.fan_out_webhooks($1)";
const CLAIM: &str =
    "select tenant, id, url, internal, headers, body from ucrm.claim_deliveries($1, $2)";
const SETTLE: &str = "select ucrm.settle_deliveries($1)";
/// Events of a workspace that become deliveries at a time.
const BATCH: i32 = 500;

/// A delivery that is ours for half a minute.
pub struct Claimed {
    /// Whose it is.
    pub tenant: Uuid,
    /// `ucrm.webhook_deliveries.id`.
    pub id: Uuid,
    /// Where to.
    pub url: String,
    /// True where an operator made an exception.
    pub internal: bool,
    /// The signature among them.
    pub headers: HeaderMap,
    /// The event.
    pub body: Bytes,
    /// Under which name it was claimed.
    pub worker: String,
}

/// Where deliveries wait.
pub struct Queue {
    database: Arc<Database>,
}

impl Queue {
    /// Of this database.
    pub fn new(database: Arc<Database>) -> Self {
        Self { database }
    }

    /// Has new events become deliveries; whether there may be more, or none where the database does not answer.
    pub async fn fan_out(&self) -> Option<bool> {
        let mut lease = self.database.webhooks.lease().await.ok()?;
        let row = lease
            .row(FAN_OUT, &[Type::INT4], &[&BATCH])
            .await
            .inspect_err(|trouble| complain(trouble, "events cannot become deliveries"))
            .ok()?;
        let events: i32 = row.try_get(0).ok()?;
        Some(events >= BATCH)
    }

    /// Up to this many deliveries; none at all where the database does not answer.
    pub async fn claim(&self, room: usize) -> Option<Vec<Claimed>> {
        // A new name each time: a lease that ran out here must not be mistaken for the next one.
        let worker = Uuid::now_v7().to_string();
        let mut lease = self.database.webhooks.lease().await.ok()?;
        let room = i32::try_from(room).unwrap_or(i32::MAX);
        let rows = lease
            .list(CLAIM, &[Type::TEXT, Type::INT4], &[&worker, &room])
            .await
            .inspect_err(|trouble| complain(trouble, "deliveries cannot be claimed"))
            .ok()?;
        let deliveries = rows.iter().filter_map(|row| {
            let delivery = read(row, &worker);
            if delivery.is_none() {
                tracing::error!("ucrm.claim_deliveries() is of another version");
            }
            delivery
        });
        Some(deliveries.collect())
    }

    /// Tells how they ended; false where it cannot be told. Then they are made again when their leases are over.
    pub async fn settle(&self, told: &[Told]) -> bool {
        let Ok(json) = serde_json::to_vec(told) else {
            return false;
        };
        let Ok(mut lease) = self.database.webhooks.lease().await else {
            return false;
        };
        lease
            .row(SETTLE, &[Type::JSONB], &[&Jsonb(&json)])
            .await
            .inspect_err(|trouble| complain(trouble, "deliveries cannot be settled"))
            .is_ok()
    }
}

fn read(row: &Row, worker: &str) -> Option<Claimed> {
    let headers: Jsonb<'_> = row.try_get(4).ok()?;
    let headers: BTreeMap<&str, &str> = serde_json::from_slice(headers.0).ok()?;
    let headers = headers.into_iter().map(|(name, value)| {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        Some((name, HeaderValue::from_str(value).ok()?))
    });
    let body: &str = row.try_get(5).ok()?;
    Some(Claimed {
        tenant: row.try_get(0).ok()?,
        id: row.try_get(1).ok()?,
        url: row.try_get(2).ok()?,
        internal: row.try_get(3).ok()?,
        headers: headers.collect::<Option<_>>()?,
        body: Bytes::copy_from_slice(body.as_bytes()),
        worker: worker.to_owned(),
    })
}

// Its own words may quote what was sent.
fn complain(trouble: &Trouble, message: &'static str) {
    let (Trouble::Raised(told) | Trouble::Conflict(told)) = trouble else {
        tracing::warn!(message);
        return;
    };
    tracing::warn!(sqlstate = told.code().code(), message);
}
