//! Makes one delivery: a POST, its status, and no more of the answer than is needed to use the connection again.
//! Must never follow a redirect, read without a limit or wait without one.
//! Called by webhook.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{HOST, USER_AGENT};
use hyper::{Request, Response};
use tokio::time::timeout;

use crate::trust;
use crate::webhook::address::Address;
use crate::webhook::connection::{Connection, Connections, Endpoint};
use crate::webhook::outcome::{Fault, Outcome};
use crate::webhook::queue::Claimed;
use crate::webhook::settings::WebhookConfig;

/// What is read of an answer; a longer one costs the connection.
const MOST: usize = 64 * 1024;
/// For the rest of an answer whose status is known.
const REST: Duration = Duration::from_secs(1);
const AGENT: &str = concat!("ucrm-gateway/", env!("CARGO_PKG_VERSION"));

/// Sends.
pub struct Sender {
    connections: Connections,
    patience: Duration,
}

impl Sender {
    /// By these settings.
    ///
    /// # Errors
    /// A sentence naming the setting that does not work.
    pub fn new(config: &WebhookConfig) -> Result<Self, String> {
        let tls = trust::connector(config.ca_file.as_deref())
            .map_err(|error| format!("UCRM_WEBHOOK_CA_FILE: {error}"))?;
        Ok(Self {
            connections: Connections::new(tls, config.networks.clone()),
            patience: config.patience,
        })
    }

    /// Makes the delivery, within the limit.
    pub async fn send(&self, delivery: &Claimed) -> Outcome {
        timeout(self.patience, self.exchange(delivery))
            .await
            .unwrap_or(Err(Fault::Slow))
            .unwrap_or_else(Outcome::failed)
    }

    /// Closes connections that nobody needed for a while.
    pub fn sweep(&self) {
        self.connections.sweep();
    }

    async fn exchange(&self, delivery: &Claimed) -> Result<Outcome, Fault> {
        let address = Address::of(&delivery.url, delivery.internal)?;
        let endpoint = (delivery.tenant, delivery.url.clone());
        if let Some(mut connection) = self.connections.kept(&endpoint) {
            // It may have been closed meanwhile: then a new one decides.
            if connection.ready().await.is_ok()
                && let Ok(answer) = connection.send_request(request(&address, delivery)?).await
            {
                return Ok(self.judge(endpoint, connection, answer).await);
            }
        }
        let mut connection = self.connections.open(&address).await?;
        let answer = connection
            .send_request(request(&address, delivery)?)
            .await
            .map_err(|_| Fault::Http)?;
        Ok(self.judge(endpoint, connection, answer).await)
    }

    async fn judge(
        &self,
        endpoint: Endpoint,
        connection: Connection,
        answer: Response<Incoming>,
    ) -> Outcome {
        let status = answer.status().as_u16();
        let outcome = Outcome::answered(status, answer.headers(), SystemTime::now());
        if let Ok(true) = timeout(REST, is_read(answer.into_body())).await {
            self.connections.keep(endpoint, connection);
        }
        outcome
    }
}

fn request(address: &Address, delivery: &Claimed) -> Result<Request<Full<Bytes>>, Fault> {
    let mut request = Request::post(address.target.clone())
        .header(HOST, &address.authority)
        .header(USER_AGENT, AGENT)
        .body(Full::new(delivery.body.clone()))
        .map_err(|_| Fault::Url)?;
    request.headers_mut().extend(delivery.headers.clone());
    Ok(request)
}

/// True where the answer came to its end within the limit.
async fn is_read(mut body: Incoming) -> bool {
    let mut left = MOST;
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            return false;
        };
        match left.checked_sub(frame.data_ref().map_or(0, Bytes::len)) {
            Some(rest) => left = rest,
            None => return false,
        }
    }
    true
}
