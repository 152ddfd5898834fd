//! The worker that fetches outside issuers' key sets: the database says which and when, and judges what came.
//! Must never decide whether a set is good, or say of it more than the database is told.
//! Started by server; several gateways share the work.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio_postgres::types::Type;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::database::Database;
use crate::fetch::Fetcher;

const DUE: &str = "select issuer, url, claim from ucrm.due_jwks()";
const STORE: &str = "select ucrm.store_jwks($1, $2, $3, $4, $5)";
const STORE_TYPES: [Type; 5] = [Type::UUID, Type::UUID, Type::TEXT, Type::INT4, Type::TEXT];
const PAUSE: Duration = Duration::from_secs(5);

/// What is due, and the claim to fetch it.
struct Due {
    issuer: Uuid,
    url: String,
    claim: Uuid,
}

/// Asks every few seconds until it is stopped. What it had claimed then is another's half a minute later.
pub async fn run(database: Arc<Database>, fetcher: Fetcher, stop: CancellationToken) {
    let fetcher = Arc::new(fetcher);
    let mut complained = false;
    loop {
        let turn = async {
            let done = turn(&database, &fetcher).await;
            tokio::time::sleep(PAUSE).await;
            done
        };
        let done = tokio::select! {
            () = stop.cancelled() => return,
            done = turn => done,
        };
        // An outage is said by the pool; this once is enough.
        if !done && !complained {
            tracing::warn!("key sets of issuers cannot be asked for or stored");
        }
        complained = !done;
    }
}

/// False where the database could not be asked or told.
async fn turn(database: &Arc<Database>, fetcher: &Arc<Fetcher>) -> bool {
    let Some(due) = due(database).await else {
        return false;
    };
    let mut fetches = JoinSet::new();
    for due in due {
        let (database, fetcher) = (database.clone(), fetcher.clone());
        fetches.spawn(async move { fetch(&database, &fetcher, due).await });
    }
    fetches.join_all().await.into_iter().all(|stored| stored)
}

async fn due(database: &Database) -> Option<Vec<Due>> {
    let mut lease = database.workers.lease().await.ok()?;
    let rows = lease.all(DUE).await.ok()?;
    let due = rows.iter().map(|row| {
        Some(Due {
            issuer: row.try_get(0).ok()?,
            url: row.try_get(1).ok()?,
            claim: row.try_get(2).ok()?,
        })
    });
    due.collect()
}

async fn fetch(database: &Database, fetcher: &Fetcher, due: Due) -> bool {
    let (text, max_age, fault) = match fetcher.get(&due.url).await {
        Ok(fetched) => (Some(fetched.text), fetched.max_age, None),
        Err(fault) => (None, None, Some(fault.to_string())),
    };
    let Ok(mut lease) = database.workers.lease().await else {
        return false;
    };
    let stored = lease
        .row(
            STORE,
            &STORE_TYPES,
            &[&due.issuer, &due.claim, &text, &max_age, &fault],
        )
        .await
        .ok()
        .and_then(|row| row.try_get::<_, bool>(0).ok());
    if stored == Some(false) {
        let fault = fault.as_deref().unwrap_or("the database refuses the set");
        tracing::warn!(issuer = %due.issuer, fault, "an issuer's key set was not fetched");
    }
    stored.is_some()
}
