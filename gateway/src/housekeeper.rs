//! The worker that has the database remove what has run out: `ucrm.housekeep`.
//! Must never decide what that is, nor hold a connection between two batches.
//! Started by server; of several gateways the database lets one work at a time.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::database::Database;

const HOUSEKEEP: &str = "select what, gone from ucrm.housekeep()";
/// As many of a kind as one call removes: then there may be more.
const BATCH: i64 = 1000;
const BREATH: Duration = Duration::from_millis(200);

/// Once in a while, until it is stopped. A round that fails is over: the next one comes.
pub async fn run(database: Arc<Database>, pause: Duration, stop: CancellationToken) {
    let round = async {
        loop {
            tokio::time::sleep(pause).await;
            while has_more(&database).await {
                tokio::time::sleep(BREATH).await;
            }
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = round => {}
    }
}

async fn has_more(database: &Database) -> bool {
    let Ok(mut lease) = database.workers.lease().await else {
        // An outage is said by the pool.
        return false;
    };
    let Ok(rows) = lease.all(HOUSEKEEP).await else {
        tracing::warn!("what has run out was not removed");
        return false;
    };
    let mut more = false;
    for row in &rows {
        if let (Ok(what), Ok(gone)) = (row.try_get::<_, &str>(0), row.try_get::<_, i64>(1)) {
            more |= gone >= BATCH;
            if gone > 0 {
                tracing::debug!(what, gone, "removed");
            }
        }
    }
    more
}
