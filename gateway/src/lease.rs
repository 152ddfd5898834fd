//! One connection for the length of one request, and what becomes of it afterwards.
//! Must never give back a connection whose statement is not over, nor leave such a statement running.
//! Made by database; used by call, export and the workers.

use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::Client;
use tokio::runtime::Handle;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Row, RowStream};
use tokio_postgres_rustls::MakeRustlsConnect;
use tokio_util::task::TaskTracker;

use crate::trouble::Trouble;

const CANCEL_LIMIT: Duration = Duration::from_secs(2);

/// A borrowed connection. Dropped in mid-statement (a client that left, a timeout), the statement is
/// cancelled in the server and the connection thrown away; its place in the pool is kept until then.
pub struct Lease {
    client: Option<Client>,
    canceller: Arc<Canceller>,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Idle,
    Busy,
    Broken,
}

/// Tells the server to stop.
pub struct Canceller {
    tls: MakeRustlsConnect,
    under_way: TaskTracker,
}

impl Canceller {
    /// Cancel requests travel as the connections do.
    pub fn new(tls: MakeRustlsConnect) -> Self {
        Self {
            tls,
            under_way: TaskTracker::new(),
        }
    }

    /// Waits, for a moment at most, until every cancel request is out.
    pub async fn settle(&self) {
        self.under_way.close();
        let _ = tokio::time::timeout(CANCEL_LIMIT, self.under_way.wait()).await;
    }

    fn cancel(&self, client: Client) {
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        let tls = self.tls.clone();
        let cancel = async move {
            let token = client.cancel_token();
            let _ = tokio::time::timeout(CANCEL_LIMIT, token.cancel_query(tls)).await;
            drop(Client::take(client));
        };
        self.under_way.spawn_on(cancel, &runtime);
    }
}

impl Lease {
    /// Takes over a connection from a pool.
    pub fn new(client: Client, canceller: Arc<Canceller>) -> Self {
        Self {
            client: Some(client),
            canceller,
            state: State::Idle,
        }
    }

    /// Runs a statement that answers with one row, and waits until it has committed.
    ///
    /// # Errors
    /// What kind of trouble it was, and whether the statement may have run.
    pub async fn row(
        &mut self,
        sql: &str,
        types: &[Type],
        binds: &[&(dyn ToSql + Sync)],
    ) -> Result<Row, Trouble> {
        let Some(client) = &self.client else {
            return Err(Trouble::Unsent);
        };
        self.state = State::Busy;
        // Parsed once per connection; from then on a request is one round trip.
        let outcome = match client.prepare_typed_cached(sql, types).await {
            Ok(statement) => client
                .query_one(&statement, binds)
                .await
                .map_err(Trouble::of),
            Err(error) => Err(Trouble::of(error).before_sending()),
        };
        self.settle(outcome)
    }

    /// Runs a statement and collects its few rows.
    ///
    /// # Errors
    /// As `row`.
    pub async fn several(
        &mut self,
        sql: &str,
        types: &[Type],
        binds: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, Trouble> {
        let Some(client) = &self.client else {
            return Err(Trouble::Unsent);
        };
        self.state = State::Busy;
        let outcome = match client.prepare_typed_cached(sql, types).await {
            Ok(statement) => client.query(&statement, binds).await.map_err(Trouble::of),
            Err(error) => Err(Trouble::of(error).before_sending()),
        };
        self.settle(outcome)
    }

    /// Runs a statement without arguments and collects its few rows.
    ///
    /// # Errors
    /// As `row`.
    pub async fn all(&mut self, sql: &str) -> Result<Vec<Row>, Trouble> {
        let Some(client) = &self.client else {
            return Err(Trouble::Unsent);
        };
        self.state = State::Busy;
        let outcome = client.query_typed(sql, &[]).await.map_err(Trouble::of);
        self.settle(outcome)
    }

    /// Runs a statement and collects its few rows.
    ///
    /// # Errors
    /// As `row`.
    pub async fn list(
        &mut self,
        sql: &str,
        types: &[Type],
        binds: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, Trouble> {
        let Some(client) = &self.client else {
            return Err(Trouble::Unsent);
        };
        self.state = State::Busy;
        let outcome = match client.prepare_typed_cached(sql, types).await {
            Ok(statement) => client.query(&statement, binds).await.map_err(Trouble::of),
            Err(error) => Err(Trouble::of(error).before_sending()),
        };
        self.settle(outcome)
    }

    /// Starts a statement whose rows are read one by one; call `done` after the last.
    ///
    /// # Errors
    /// As `row`.
    pub async fn rows(
        &mut self,
        sql: &str,
        types: &[Type],
        binds: &[&(dyn ToSql + Sync)],
    ) -> Result<RowStream, Trouble> {
        let Some(client) = &self.client else {
            return Err(Trouble::Unsent);
        };
        self.state = State::Busy;
        let outcome = match client.prepare_typed_cached(sql, types).await {
            Ok(statement) => client
                .query_raw(&statement, binds.iter().copied())
                .await
                .map_err(Trouble::of),
            Err(error) => Err(Trouble::of(error).before_sending()),
        };
        match outcome {
            Ok(rows) => Ok(rows),
            Err(trouble) => self.settle(Err(trouble)),
        }
    }

    /// Says how a statement begun by `rows` ended.
    ///
    /// # Errors
    /// The trouble that was given.
    pub fn settle<T>(&mut self, outcome: Result<T, Trouble>) -> Result<T, Trouble> {
        self.state = match &outcome {
            Err(trouble) if trouble.breaks_the_connection() => State::Broken,
            _ => State::Idle,
        };
        outcome
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(client) = self.client.take() {
            match self.state {
                State::Idle => drop(client),
                State::Busy => self.canceller.cancel(client),
                State::Broken => drop(Client::take(client)),
            }
        }
    }
}
