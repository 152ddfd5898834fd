//! The story of a request: bounded, read, forwarded, answered, counted.
//! Must never decide anything about the business: it knows HTTP and the names of a few functions.
//! Called by listener for every request on the public address.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::body::{Body as _, Incoming};
use hyper::header::{
    CACHE_CONTROL, CONNECTION, EXPECT, HeaderName, HeaderValue, X_CONTENT_TYPE_OPTIONS,
};
use hyper::http::request::Parts;
use hyper::{HeaderMap, Request, Response, StatusCode};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use uuid::Uuid;

use crate::address::TrustedProxies;
use crate::body;
use crate::call::call;
use crate::config::Config;
use crate::database::Database;
use crate::discreet;
use crate::docs;
use crate::export::export;
use crate::failure::Failure;
use crate::metrics::Metrics;
use crate::origin::Origins;
use crate::password::{self, hasher::Hasher};
use crate::problem::{self, Dialect};
use crate::reply::Reply;
use crate::reply_body::ReplyBody;
use crate::request::Call;
use crate::session;
use crate::site::Site;

/// Imports whose bodies are in memory at a time.
const IMPORTS: usize = 4;

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What every request needs.
pub struct Gateway {
    database: Arc<Database>,
    metrics: Arc<Metrics>,
    proxies: TrustedProxies,
    origins: Origins,
    site: Site,
    hasher: Hasher,
    body_limit: usize,
    upload_limit: usize,
    restore_limit: usize,
    import_limit: usize,
    body_timeout: Duration,
    request_timeout: Duration,
    // Large bodies are held in memory: one at a time, and a few.
    restoring: Semaphore,
    importing: Semaphore,
}

impl Gateway {
    /// Takes what it needs out of the configuration.
    ///
    /// # Errors
    /// A sentence naming the setting that does not work.
    pub fn new(
        config: &Config,
        database: Arc<Database>,
        metrics: Arc<Metrics>,
    ) -> Result<Self, String> {
        let hasher = Hasher::start(config.password_threads)
            .map_err(|error| format!("UCRM_PASSWORD_THREADS: {error}"))?;
        Ok(Self {
            database,
            metrics,
            proxies: TrustedProxies(config.trusted_proxies.clone()),
            origins: Origins(config.allowed_origins.clone()),
            site: config.site(),
            hasher,
            body_limit: config.body_limit,
            upload_limit: config.upload_limit,
            restore_limit: config.restore_limit,
            import_limit: config.import_limit,
            body_timeout: config.body_timeout,
            request_timeout: config.request_timeout,
            restoring: Semaphore::new(1),
            importing: Semaphore::new(IMPORTS),
        })
    }

    /// Answers one request, whatever it is.
    pub async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
        peer: IpAddr,
    ) -> Response<ReplyBody> {
        let started = Instant::now();
        let request_id = Uuid::now_v7();
        let _in_flight = self.metrics.in_flight();
        let (parts, body) = request.into_parts();
        let mut body = Some(body);
        let own = self.origins.preflight(&parts);
        let outcome = match own.or_else(|| docs::page(&parts, request_id)) {
            Some(reply) => Ok(reply),
            None => self.attend(&parts, &mut body, peer, request_id).await,
        };
        let dialect = Dialect::of(parts.uri.path());
        let mut reply =
            outcome.unwrap_or_else(|failure| problem::reply(failure, dialect, request_id));
        self.complete(&parts.headers, &mut reply, request_id);
        if let Some(body) = body.filter(|body| !body.is_end_stream()) {
            let close = HeaderValue::from_static("close");
            reply.response.headers_mut().insert(CONNECTION, close);
            // Reading on would invite a body that the client has not begun to send.
            if !parts.headers.contains_key(EXPECT) {
                tokio::spawn(body::linger(body));
            }
        }
        self.record(&parts, &reply, request_id, started.elapsed());
        reply.response
    }

    async fn attend(
        &self,
        parts: &Parts,
        unread: &mut Option<Incoming>,
        peer: IpAddr,
        request_id: Uuid,
    ) -> Result<Reply, Failure> {
        let mut request = Call::of(parts, peer, &self.proxies, self.site.cookie(), request_id)?;
        if !request.is_safe()
            && request.credential.is_ambient()
            && self.site.is_foreign(&parts.headers, &self.origins.0)
        {
            return Err(Failure::CsrfRejected);
        }
        let (limit, turns) = match () {
            () if request.is_restore() => (self.restore_limit, Some(&self.restoring)),
            () if request.is_import() => (self.import_limit, Some(&self.importing)),
            () if request.is_upload() => (self.upload_limit, None),
            () => (self.body_limit, None),
        };
        let _turn = turns
            .map(Semaphore::try_acquire)
            .transpose()
            .map_err(|_| Failure::Unavailable)?;
        if let Some(body) = unread {
            request.body = body::read(body, limit, self.body_timeout).await?;
        }
        *unread = None;
        // Dropped when the time is up: the lease inside then cancels the statement.
        let answer = async {
            if password::concerns(&request) {
                password::disguise(&self.database, &self.hasher, &mut request).await?;
            }
            if request.is_streamed() {
                return export(&self.database, request, self.request_timeout).await;
            }
            let asked = Instant::now();
            let reply = call(&self.database, &request).await?;
            let pause = discreet::pause(&request, reply.response.status(), asked.elapsed());
            // Even no sleep at all would wait for the timer's next tick.
            if !pause.is_zero() {
                tokio::time::sleep(pause).await;
            }
            Ok(reply)
        };
        timeout(self.request_timeout, answer)
            .await
            .unwrap_or(Err(Failure::TookTooLong))
    }

    fn complete(&self, request: &HeaderMap, reply: &mut Reply, request_id: Uuid) {
        let session = reply.session.take();
        let reply = reply.response.headers_mut();
        if let Some(told) = session {
            session::hand_over(&told, &self.site, request, reply);
        }
        let mut text = Uuid::encode_buffer();
        let text = request_id.hyphenated().encode_lower(&mut text);
        if let Ok(value) = HeaderValue::from_str(text) {
            reply.insert(X_REQUEST_ID, value);
        }
        reply.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if session::is_handed_over(reply) || !reply.contains_key(CACHE_CONTROL) {
            reply.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        }
        self.origins.decorate(request, reply);
    }

    // Neither path nor query nor any header but the client's own request id is logged.
    fn record(&self, parts: &Parts, reply: &Reply, request_id: Uuid, took: Duration) {
        let status = reply.response.status();
        let method = match crate::request::is_known(&parts.method) {
            true => parts.method.as_str(),
            false => "other",
        };
        self.metrics
            .answered(method, &reply.route, status.as_str(), &reply.code, took);
        let client_id = || {
            let value = parts.headers.get(X_REQUEST_ID)?.to_str().ok()?;
            value.get(..value.len().min(64))
        };
        let took_ms = took.as_secs_f64() * 1e3;
        // During an outage the pool complains once a second, and that is enough.
        if status.is_server_error() && status != StatusCode::SERVICE_UNAVAILABLE {
            tracing::warn!(target: "ucrm_gateway::access", %request_id, client_id = client_id(), method, route = &*reply.route, status = status.as_u16(), code = &*reply.code, took_ms, "request failed");
        } else {
            tracing::debug!(target: "ucrm_gateway::access", %request_id, client_id = client_id(), method, route = &*reply.route, status = status.as_u16(), code = &*reply.code, took_ms, "request");
        }
    }
}
