//! The worker that has new events announced to those who LISTEN: `ucrm.announce_events`.
//! Must never decide what is announced or to whom, nor hold a connection between two rounds.
//! Started by server; several gateways may be at it at once, and each event is announced once.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::database::Database;

const ANNOUNCE: &str = "select ucrm.announce_events()::bigint";
const PAUSE: Duration = Duration::from_millis(500);

/// Twice a second, and at once again while there is more, until it is stopped.
pub async fn run(database: Arc<Database>, stop: CancellationToken) {
    let rounds = async {
        let mut complained = false;
        loop {
            match announced(&database).await {
                Some(0) => tokio::time::sleep(PAUSE).await,
                Some(_) => complained = false,
                None => {
                    // An outage is said by the pool; this once is enough.
                    if !complained {
                        tracing::warn!("events cannot be announced");
                    }
                    complained = true;
                    tokio::time::sleep(PAUSE * 10).await;
                }
            }
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = rounds => {}
    }
}

async fn announced(database: &Database) -> Option<i64> {
    let mut lease = database.workers.lease().await.ok()?;
    let rows = lease.all(ANNOUNCE).await.ok()?;
    rows.first()?.try_get(0).ok()
}
