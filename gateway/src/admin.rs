//! The second address, for the operator's tools: /livez, /readyz, /metrics.
//! Must never be reachable from where clients are; it asks nobody for a credential.
//! Called by listener for every request on the admin address.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use crate::database::Database;
use crate::gauges::Gauges;
use crate::metrics::Metrics;

const FRESH: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(2);

/// What the three paths show.
pub struct Admin {
    database: Arc<Database>,
    metrics: Arc<Metrics>,
    gauges: Gauges,
    reachable: Mutex<Option<(Instant, bool)>>,
    drain: CancellationToken,
}

impl Admin {
    /// Not ready any more once `drain` is cancelled.
    pub fn new(database: Arc<Database>, metrics: Arc<Metrics>, drain: CancellationToken) -> Self {
        Self {
            database,
            metrics,
            gauges: Gauges::default(),
            reachable: Mutex::new(None),
            drain,
        }
    }

    /// Answers one request.
    pub async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
        _: IpAddr,
    ) -> Response<Full<Bytes>> {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let mut refused = plain(StatusCode::METHOD_NOT_ALLOWED, "only GET\n");
            let allow = HeaderValue::from_static("GET, HEAD");
            refused.headers_mut().insert(ALLOW, allow);
            return refused;
        }
        match request.uri().path() {
            "/livez" => plain(StatusCode::OK, "alive\n"),
            "/readyz" if self.drain.is_cancelled() => {
                plain(StatusCode::SERVICE_UNAVAILABLE, "draining\n")
            }
            "/readyz" if self.reaches_the_database().await => plain(StatusCode::OK, "ready\n"),
            "/readyz" => plain(
                StatusCode::SERVICE_UNAVAILABLE,
                "the database cannot be reached\n",
            ),
            "/metrics" => self.show_metrics().await,
            _ => plain(StatusCode::NOT_FOUND, "/livez /readyz /metrics\n"),
        }
    }

    // One probe a second, however many ask.
    async fn reaches_the_database(&self) -> bool {
        let mut last = self.reachable.lock().await;
        if let Some((asked, answer)) = *last
            && asked.elapsed() < FRESH
        {
            return answer;
        }
        let probe = async {
            let mut lease = self.database.calls.lease().await.ok()?;
            lease.all("select 1").await.ok()
        };
        let answered = matches!(timeout(PATIENCE, probe).await, Ok(Some(_)));
        let answer = answered || self.database.calls.is_saturated();
        *last = Some((Instant::now(), answer));
        answer
    }

    async fn show_metrics(&self) -> Response<Full<Bytes>> {
        let database = &self.database;
        self.metrics.pool_state("calls", database.calls.state());
        self.metrics.pool_state("exports", database.exports.state());
        self.metrics.pool_state("workers", database.workers.state());
        self.metrics
            .pool_state("webhooks", database.webhooks.state());
        match self.metrics.text() {
            Ok(mut text) => {
                text.push_str(&self.gauges.text(database).await);
                let mut response = Response::new(Full::new(text.into()));
                let kind = HeaderValue::from_static(prometheus::TEXT_FORMAT);
                response.headers_mut().insert(CONTENT_TYPE, kind);
                response
            }
            Err(error) => {
                tracing::error!(%error, "the metrics cannot be shown");
                plain(StatusCode::INTERNAL_SERVER_ERROR, "see the log\n")
            }
        }
    }
}

fn plain(status: StatusCode, text: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from_static(text.as_bytes())));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
