//! Connections to receivers, kept for a while after use, each for the one endpoint that opened it.
//! Must never be to an address that was not looked at when it was opened, nor carry a second request beside a first.
//! Called by sender.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use ipnet::IpNet;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use uuid::Uuid;

use crate::destination::{self, Refused};
use crate::webhook::address::Address;
use crate::webhook::outcome::Fault;

/// What a receiver's headers may fill.
const BUFFER: usize = 32 * 1024;
const KEPT: Duration = Duration::from_secs(30);
const KEPT_AT_MOST: usize = 64;

/// What a request is sent by.
pub type Connection = SendRequest<Full<Bytes>>;

/// Whose a connection is.
pub type Endpoint = (Uuid, String);

/// Opens connections, and keeps them.
pub struct Connections {
    tls: Option<TlsConnector>,
    networks: Vec<IpNet>,
    idle: Mutex<HashMap<Endpoint, Vec<(Instant, Connection)>>>,
}

impl Connections {
    /// Of private networks it reaches these.
    pub fn new(tls: Option<TlsConnector>, networks: Vec<IpNet>) -> Self {
        Self {
            tls,
            networks,
            idle: Mutex::default(),
        }
    }

    /// One that was kept, the latest first.
    pub fn kept(&self, endpoint: &Endpoint) -> Option<Connection> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = idle.get_mut(endpoint)?;
        while let Some((_, connection)) = kept.pop() {
            if !connection.is_closed() {
                return Some(connection);
            }
        }
        idle.remove(endpoint);
        None
    }

    /// Keeps one whose answer was read to its end.
    pub fn keep(&self, endpoint: Endpoint, connection: Connection) {
        if connection.is_closed() {
            return;
        }
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = idle.entry(endpoint).or_default();
        if kept.len() < KEPT_AT_MOST {
            kept.push((Instant::now(), connection));
        }
    }

    /// Closes those that nobody needed for a while.
    pub fn sweep(&self) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|_, kept| {
            kept.retain(|(since, it)| since.elapsed() < KEPT && !it.is_closed());
            !kept.is_empty()
        });
    }

    /// A new one.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn open(&self, address: &Address) -> Result<Connection, Fault> {
        let stream = destination::connect(&address.host, address.port, &self.networks).await?;
        let _ = stream.set_nodelay(true);
        let Some(server) = &address.server else {
            // In clear only where the operator said that somebody is.
            return match stream.peer_addr() {
                Ok(peer) if destination::is_in(peer.ip(), &self.networks) => shake(stream).await,
                _ => Err(Refused::NotPublic.into()),
            };
        };
        let tls = self.tls.as_ref().ok_or(Fault::NoRoots)?;
        let stream = tls.connect(server.clone(), stream).await;
        shake(stream.map_err(|_| Fault::Tls)?).await
    }
}

async fn shake<S>(stream: S) -> Result<Connection, Fault>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (sender, connection) = http1::Builder::new()
        .max_buf_size(BUFFER)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|_| Fault::Http)?;
    // Ends with the sender.
    tokio::spawn(connection);
    Ok(sender)
}
